//! The nouns: fleets, pools, offers, machines, notices, sights.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::budget::Budget;
use crate::schedule::Schedule;
use crate::units::{Capacity, ListPrice, PerHour, PricePerHour, Share, Span, Time, UnitPrice};

/// Declares a name type: a cheap-to-clone, ordered text with a meaning of its own.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

name_type!(
    /// Name of a fleet, unique in a configuration.
    FleetName
);
name_type!(
    /// Name of a schedule, unique in its fleet.
    ScheduleName
);
name_type!(
    /// Name of a demand source, unique in its fleet.
    SourceName
);
name_type!(
    /// Name of a configured provider: `aws`, `gcp`, `azure`, `ppio`, or of a simulated one.
    ProviderName
);
name_type!(
    /// A provider's region, as the provider writes it.
    Region
);
name_type!(
    /// A zone of a region, as the provider writes it; the region's own name where a provider has no zones.
    Zone
);
name_type!(
    /// An instance type, as the provider writes it.
    InstanceType
);
name_type!(
    /// The provider's id of a machine.
    InstanceId
);
name_type!(
    /// The idempotency token of a launch: the provider gets it, and the machine carries it as a tag. At most 64
    /// ASCII characters (the limit of EC2's `ClientToken`).
    Token
);
name_type!(
    /// Key of a launch specification: fleet and pool group, such as `llm-batch/0`. What it holds is the provider's
    /// business.
    SpecName
);

/// How a machine is bought.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Market {
    /// Cheap, and taken back at short notice.
    Spot,
    /// At the list price, kept until ended.
    OnDemand,
}

impl Market {
    /// `spot` or `on-demand`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::OnDemand => "on-demand",
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A provider's region: the scope of a listing, of a rate limit and of what freezes when it cannot be seen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Lane {
    /// The provider.
    pub provider: ProviderName,
    /// The region.
    pub region: Region,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.provider, self.region))
    }
}

/// One place to buy. A key without state, cheap to clone. It prints as `aws/us-east-1/us-east-1a/g5.xlarge/spot`.
#[derive(Clone, Eq)]
pub struct Pool(Arc<PoolParts>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct PoolParts {
    lane: Lane,
    zone: Zone,
    instance_type: InstanceType,
    market: Market,
}

impl Pool {
    /// The pool of these parts.
    #[must_use]
    pub fn new(provider: &str, region: &str, zone: &str, instance_type: &str, market: Market) -> Self {
        Self(Arc::new(PoolParts {
            lane: Lane { provider: provider.into(), region: region.into() },
            zone: zone.into(),
            instance_type: instance_type.into(),
            market,
        }))
    }

    /// The pool with this printed form: five parts between slashes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (provider, region, zone, kind, market) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let market = match market {
            "spot" => Market::Spot,
            "on-demand" => Market::OnDemand,
            _ => return None,
        };
        let full = parts.next().is_none() && [provider, region, zone, kind].iter().all(|p| !p.is_empty());
        full.then(|| Self::new(provider, region, zone, kind, market))
    }

    /// Provider and region.
    #[must_use]
    pub fn lane(&self) -> &Lane {
        &self.0.lane
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &ProviderName {
        &self.0.lane.provider
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.0.lane.region
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.0.zone
    }

    /// The instance type.
    #[must_use]
    pub fn instance_type(&self) -> &InstanceType {
        &self.0.instance_type
    }

    /// Spot or on-demand.
    #[must_use]
    pub fn market(&self) -> Market {
        self.0.market
    }

    /// The same place in the other market.
    #[must_use]
    pub fn in_market(&self, market: Market) -> Self {
        Self(Arc::new(PoolParts {
            lane: self.0.lane.clone(),
            zone: self.0.zone.clone(),
            instance_type: self.0.instance_type.clone(),
            market,
        }))
    }
}

impl PartialEq for Pool {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl PartialOrd for Pool {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pool {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { core::cmp::Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl core::hash::Hash for Pool {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = &self.0;
        f.pad(&format!("{}/{}/{}/{}/{}", p.lane.provider, p.lane.region, p.zone, p.instance_type, p.market))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a machine of a type brings, as the provider's catalogue says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shape {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// GPUs.
    pub gpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// A pool at a moment: what one machine costs and brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Where.
    pub pool: Pool,
    /// For how much.
    pub price: ListPrice,
    /// When the provider set that price, or when we read it where the provider does not say.
    pub priced_at: Time,
    /// What it brings.
    pub shape: Shape,
}

/// Where a machine is in its life, as the provider says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Phase {
    /// Accepted, not running yet.
    Starting,
    /// Running.
    Running,
    /// On its way out, or stopped for good: it does no work and cannot come back. What does not go by itself is ended.
    Ending,
    /// It does not exist any more, but the provider still lists it.
    Gone,
}

/// A machine that exists and carries our owner tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// The provider's id.
    pub id: InstanceId,
    /// Where it was bought.
    pub pool: Pool,
    /// Its fleet tag.
    pub fleet: FleetName,
    /// Its intent tag: the token of the launch that made it, when it carries one.
    pub token: Option<Token>,
    /// Launch time by the provider.
    pub born: Time,
    /// Where it is in its life.
    pub phase: Phase,
    /// It carries the tag that protects it: it is not let go by a decision.
    pub protected: bool,
}

/// What the provider says it will do to a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum NoticeKind {
    /// It will be taken.
    Interruption,
    /// It is at elevated risk (EC2 rebalance recommendation). Recorded, not obeyed.
    Advice,
}

/// The provider will take this machine, or advises to leave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Which machine.
    pub instance: InstanceId,
    /// How sure it is.
    pub kind: NoticeKind,
    /// When it will be taken.
    pub at: Time,
}

/// How well a lane was seen when it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sight {
    /// Not looked at since boot.
    #[default]
    Unseen,
    /// Listed completely; the listing was asked for at this time.
    Complete {
        /// When the listing left.
        asked: Time,
    },
    /// The last attempt failed; before that it was complete at this time, if ever since boot.
    Lost {
        /// The last complete listing.
        last: Option<Time>,
    },
}

impl Sight {
    /// When the last complete listing left, if there was one since boot.
    #[must_use]
    pub const fn asked(self) -> Option<Time> {
        match self {
            Self::Unseen => None,
            Self::Complete { asked } => Some(asked),
            Self::Lost { last } => last,
        }
    }
}

/// Numbers about a provider, so that the core never asks which cloud it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// A launch repeated with the same token within this time makes nothing new; `None`: it makes a second machine.
    pub token_lifetime: Option<Span>,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
    /// The longest time a call may take before the guard gives up on it.
    pub call_deadline: Span,
    /// How long before an interruption the notice comes; zero: none.
    pub notice_lead: Span,
    /// Machines per launch call, at most.
    pub launch_batch: u32,
    /// Machines per terminate call, at most.
    pub terminate_batch: u32,
    /// Billing is by so much (1 s, 1 min, 1 h).
    pub billing_step: Span,
    /// At least so much is billed.
    pub billing_minimum: Span,
    /// Spot that the provider takes back within this time of its launch is not billed.
    pub free_if_taken_within: Span,
}

impl Capabilities {
    /// After so long without a sign of it, a launch did not happen: the visibility lag, the longest call, and 5 s
    /// for the difference between our clock reading and the call's real start.
    #[must_use]
    pub const fn settle_window(&self) -> Span {
        self.visibility_lag.plus(self.call_deadline).plus(Span::from_secs(5))
    }
}

/// What capacity counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unit {
    /// Each machine is one.
    #[default]
    Instance,
    /// Virtual CPUs.
    Vcpu,
    /// GPUs.
    Gpu,
}

impl Unit {
    /// `instance`, `vcpu` or `gpu`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Vcpu => "vcpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What the operator wants of one fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fleet {
    /// Its name.
    pub name: FleetName,
    /// The operator's labels, copied to tags and metrics.
    pub labels: BTreeMap<String, String>,
    /// What capacity counts.
    pub unit: Unit,
    /// Capacity of a machine of these types, instead of what the unit counts.
    pub weights: BTreeMap<InstanceType, Capacity>,
    /// The target is never below this, but for a schedule with a lower maximum.
    pub min: Capacity,
    /// Neither the target nor the machines that run and are promised ever exceed this.
    pub max: Capacity,
    /// Other bounds, at times: [`Bounds`](crate::schedule::Bounds) are those of a moment.
    pub schedules: Vec<Schedule>,
    /// How need is told from demand.
    pub demand: DemandRules,
    /// On-demand rules.
    pub on_demand: OnDemandRules,
    /// Spot rules.
    pub spot: SpotRules,
    /// Rules for raising the target.
    pub scale_up: ScaleUp,
    /// Rules for lowering the target and letting machines go.
    pub scale_down: ScaleDown,
    /// What it may cost; `None`: what it costs.
    pub budget: Option<Budget>,
    /// The minimum is still there when the place that holds most is lost; `None`: the target alone counts.
    pub survive: Option<Survive>,
    /// Where to buy: each pool with the launch specification to use there.
    pub pools: BTreeMap<Pool, SpecName>,
}

impl Fleet {
    /// Capacity that one machine of this type brings: its weight if one is given, else what the unit counts. A type
    /// that brings none of the unit (no GPU) brings nothing and is never bought.
    #[must_use]
    pub fn capacity_of(&self, instance_type: &InstanceType, shape: &Shape) -> Capacity {
        if let Some(weight) = self.weights.get(instance_type) {
            return *weight;
        }
        match self.unit {
            Unit::Instance => Capacity::ONE,
            Unit::Vcpu => Capacity::units(u64::from(shape.vcpus)),
            Unit::Gpu => Capacity::units(u64::from(shape.gpus)),
        }
    }
}

/// How need is told from demand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DemandRules {
    /// What is read, by name: each tells a need, and the largest is the fleet's. Empty: the minimum and the forecast
    /// only.
    pub sources: BTreeMap<SourceName, SourceRule>,
    /// Scale ahead of demand; `None`: by what is seen only.
    pub forecast: Option<ForecastRule>,
    /// Added to the need.
    pub headroom: Share,
    /// What to want when a source gives no data.
    pub on_missing: MissingRule,
}

impl DemandRules {
    /// Name of a fleet's queue where it has one source, or none with a name of its own.
    pub const QUEUE: &str = "queue";
    /// Name of a fleet's metric, likewise.
    pub const METRIC: &str = "metric";

    /// One queue as the only source.
    #[must_use]
    pub fn queue(rule: QueueRule) -> BTreeMap<SourceName, SourceRule> {
        BTreeMap::from([(Self::QUEUE.into(), SourceRule::Queue(rule))])
    }

    /// There is nothing to say about which source it is.
    #[must_use]
    pub fn is_usual(name: &SourceName) -> bool {
        matches!(name.as_str(), Self::QUEUE | Self::METRIC)
    }
}

/// How need is told from one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceRule {
    /// From a queue.
    Queue(QueueRule),
    /// From a metric.
    Metric(MetricRule),
}

/// Sizing from a queue: `need = arrivals / rate + backlog / (rate x drain time)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueRule {
    /// Jobs that one unit of capacity does in an hour. `None`: learned from what is finished while jobs wait, for which
    /// the source must count arrivals.
    pub jobs_per_unit_hour: Option<PerHour>,
    /// The backlog of now shall be worked off within this time.
    pub drain_within: Span,
}

/// Sizing from a metric: `need = value / target`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricRule {
    /// The value that one unit of capacity shall stand for, in thousandths.
    pub target_milli: u64,
}

/// Scale ahead of demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForecastRule {
    /// How far ahead to look: from now to this.
    pub horizon: Span,
    /// Which quantile of the forecast to prepare for.
    pub quantile: Share,
}

/// What to want when a demand source gives no data: the last target for `hold`, then `then`, never below min. The
/// target is not lowered while data is missing, other than to `then`. What other sources want counts besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MissingRule {
    /// Keep the last target for so long.
    pub hold: Span,
    /// Then want this; `None`: keep the last target for good.
    pub then: Option<Capacity>,
}

/// What may be lost at once without the fleet falling below its minimum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Survive {
    /// Any one zone.
    Zone,
    /// Any one region of a provider.
    Region,
    /// Any one provider.
    Provider,
}

impl Survive {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Zone, Self::Region, Self::Provider];

    /// `zone`, `region` or `provider`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Region => "region",
            Self::Provider => "provider",
        }
    }
}

/// On-demand rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnDemandRules {
    /// So much of the target is on-demand, always (all of the target, when it is smaller).
    pub base: Capacity,
    /// What spot could not give for so long is bridged with on-demand; `None`: never.
    pub fallback_after: Option<Span>,
    /// Keep asking for spot while on-demand bridges, and let the bridge go when spot is there.
    pub return_to_spot: bool,
}

/// Spot rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpotRules {
    /// Buy no spot dearer than this share of the same type's on-demand price in the same region.
    pub max_price_of_on_demand: Option<Share>,
    /// Buy no spot dearer than this per unit of capacity.
    pub max_price_per_unit: Option<UnitPrice>,
    /// Spread over at least so many pools: no pool gets more than the wanted spot capacity divided by this (or one
    /// machine).
    pub min_pools: u32,
    /// How much of the wanted spot capacity one place may hold (or one machine).
    pub max_share: MaxShare,
    /// In what order pools are bought from.
    pub strategy: Strategy,
    /// Move machines to cheaper pools; `None`: a machine stays where it was launched.
    pub moves: Option<MoveRules>,
    /// Buy no spot by prices that were read longer ago. The older a price, the further it has to be below the caps:
    /// see [`crate::plan::PRICE_MARGIN`]. `None`: its age does not matter.
    pub max_price_age: Option<Span>,
}

/// In what order spot pools are bought from, within caps and shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// By price per unit, where each failure in a row that a pool is remembered for makes it dearer by
    /// [`FAILURE_WEIGHT`](crate::allocate::FAILURE_WEIGHT).
    #[default]
    PriceCapacity,
    /// By price per unit alone.
    LowestPrice,
    /// By failures in a row, then by price per unit.
    Capacity,
    /// The same capacity in each pool, as far as it goes; else by price per unit.
    Diversified,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 4] = [Self::PriceCapacity, Self::LowestPrice, Self::Capacity, Self::Diversified];

    /// `price-capacity`, `lowest-price`, `capacity` or `diversified`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PriceCapacity => "price-capacity",
            Self::LowestPrice => "lowest-price",
            Self::Capacity => "capacity",
            Self::Diversified => "diversified",
        }
    }
}

/// When spot machines are replaced by cheaper ones of the same capacity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MoveRules {
    /// A move saves at least this share of a machine's price.
    pub min_saving: Share,
    /// What a move costs, both machines together while the new one starts and the old one finishes, is saved again within
    /// this time.
    pub pays_back_within: Span,
    /// At most so many machines move in an hour.
    pub max_per_hour: u32,
    /// At most this share of the spot machines moves at once, and at least one.
    pub max_share: Share,
    /// Nothing moves for so long after an interruption or a loss.
    pub calm: Span,
}

impl Default for SpotRules {
    /// No cap, no spread, no bound.
    fn default() -> Self {
        Self {
            max_price_of_on_demand: None,
            max_price_per_unit: None,
            min_pools: 1,
            max_share: MaxShare::default(),
            strategy: Strategy::default(),
            moves: None,
            max_price_age: None,
        }
    }
}

/// Upper bounds of what one place may hold of the wanted spot capacity. `WHOLE`: no bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaxShare {
    /// One pool.
    pub pool: Share,
    /// One zone.
    pub zone: Share,
    /// One region.
    pub region: Share,
    /// One provider.
    pub provider: Share,
}

impl Default for MaxShare {
    fn default() -> Self {
        Self { pool: Share::WHOLE, zone: Share::WHOLE, region: Share::WHOLE, provider: Share::WHOLE }
    }
}

/// Rules for raising the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScaleUp {
    /// After the target was raised, it is not raised again for so long. Replacing a lost machine is no raise.
    pub cooldown: Span,
    /// One raise adds at most this share of the target, and at least one unit.
    pub max_step: Option<Share>,
    /// At most so many machines are launched in an hour, replacements included: what launches more goes round in a
    /// circle, and would cost without end.
    pub max_launches_per_hour: u32,
    /// A machine that does not run so long after its launch never will: it is let go. `None`: it is waited for.
    pub ready_within: Option<Span>,
    /// The fleet halts when more than this share of its launches of an hour never ran. `None`: it never halts.
    pub halt_above: Option<Share>,
}

impl Default for ScaleUp {
    /// No wait, no bound.
    fn default() -> Self {
        Self {
            cooldown: Span::ZERO,
            max_step: None,
            max_launches_per_hour: u32::MAX,
            ready_within: None,
            halt_above: None,
        }
    }
}

/// Rules for lowering the target and letting machines go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScaleDown {
    /// After the target was changed either way, it is not lowered for so long.
    pub cooldown: Span,
    /// The target is lowered only to the highest need of this time: capacity that was needed within it stays.
    pub idle_grace: Span,
    /// A machine is told to finish its work so long before it is ended.
    pub drain_timeout: Span,
    /// One lowering takes at most this share of the target, and at least one unit.
    pub max_step: Option<Share>,
    /// A machine lives at least so long, before it is let go as surplus or as a bridge that is over.
    pub min_life: Span,
    /// A hook is called for each machine that is told to go. What it is, is not the core's business.
    pub drain_hook: bool,
}

impl Default for ScaleDown {
    /// No wait, no bound.
    fn default() -> Self {
        Self {
            cooldown: Span::ZERO,
            idle_grace: Span::ZERO,
            drain_timeout: Span::ZERO,
            max_step: None,
            min_life: Span::ZERO,
            drain_hook: false,
        }
    }
}

/// The price of a pool in the reporting currency with what it brings, for readers of plans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    /// One machine.
    pub per_hour: PricePerHour,
    /// What one machine brings.
    pub units: Capacity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_reads_back_as_it_prints() {
        let pool = Pool::new("aws", "us-east-1", "us-east-1a", "g5.xlarge", Market::Spot);
        assert_eq!(Pool::parse(&pool.to_string()), Some(pool));
        for bad in ["", "a/b/c/d", "a/b/c/d/e", "a/b/c/d/spot/f", "a//c/d/spot"] {
            assert_eq!(Pool::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_settle_window_outlasts_lag_and_deadline() {
        let caps = Capabilities {
            token_lifetime: None,
            visibility_lag: Span::from_secs(30),
            call_deadline: Span::from_secs(20),
            notice_lead: Span::ZERO,
            launch_batch: 1,
            terminate_batch: 1,
            billing_step: Span::from_secs(1),
            billing_minimum: Span::ZERO,
            free_if_taken_within: Span::ZERO,
        };
        assert_eq!(caps.settle_window(), Span::from_secs(55));
    }
}
