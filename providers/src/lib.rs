//! The clouds and the demand sources, each behind one narrow boundary.
//!
//! An adapter translates and classifies. It knows no fleets, no budgets and no retries, caches no decisions, and logs
//! nothing above debug. Deadline, rate limit and metrics are in [`guard`], the only wrapper.
//!
//! Not here: what to buy (crate `policies`), when to call (`daemon`).

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use policies::control::Launched;
use policies::failure::Failure;
use policies::model::{
    Capabilities, FleetName, Instance, InstanceId, Notice, Offer, Pool, ProviderName, Region, Token,
};
use policies::units::{ListPrice, Share, Time};

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "azure")]
pub mod azure;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio"))]
mod clock;
pub mod contract;
pub mod demand;
pub mod doctor;
#[cfg(feature = "gcp")]
pub mod gcp;
pub mod guard;
pub mod hook;
mod net;
pub mod placeholder;
#[cfg(feature = "ppio")]
pub mod ppio;
pub mod sim;
pub mod spec;
pub mod workers;

pub use guard::{CallClass, Guarded, Rate, Rates};
pub use net::is_plaintext;
pub use spec::LaunchSpec;

/// A cloud.
///
/// Every method makes one attempt and returns every error as a [`Failure`]: an error that is not known for certain to
/// have come before the deed is `Ambiguous`.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The configured name.
    fn name(&self) -> &ProviderName;

    /// Numbers that the core works with.
    fn capabilities(&self) -> &Capabilities;

    /// How often each class of call may be made in a region, by the cloud's documented limits. The [guard] keeps to it.
    fn rates(&self) -> Rates {
        Rates::UNLIMITED
    }

    /// An offer or a failure for each of these pools of one region.
    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure>;

    /// What each of these pools of one region cost since then, for people to look at: nothing is decided by it. A pool
    /// that nothing is told of is left out. `None`: this cloud tells no past prices. How far back they go is the
    /// cloud's affair.
    async fn price_history(
        &self,
        _region: &Region,
        _pools: &[Pool],
        _since: Time,
    ) -> Result<Option<Vec<PriceHistory>>, Failure> {
        Ok(None)
    }

    /// What the cloud says of how likely a machine of each of these pools is to be had, or to be kept, for people to look
    /// at: nothing is decided by it. A pool may have several, and one that nothing is said of has none. `None`: this cloud says nothing.
    async fn signals(&self, _region: &Region, _pools: &[Pool]) -> Result<Option<Vec<(Pool, Signal)>>, Failure> {
        Ok(None)
    }

    /// Every machine of the region that carries our owner tag, in every phase. Complete or a failure: absence is
    /// evidence.
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure>;

    /// The next notices of any region. May wait for one, up to the provider's own polling time. Calling again confirms
    /// that the caller has taken in what the last call gave.
    async fn notices(&self) -> Result<Vec<Notice>, Failure>;

    /// Launches up to `order.count` machines of one pool that carry the owner, fleet and token tags.
    async fn launch(&self, order: &Order) -> Result<Launched, Failure>;

    /// Ends machines. Per machine: done (or gone already) or a failure.
    async fn terminate(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure>;
}

/// What one machine of a pool cost over time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceHistory {
    /// Which.
    pub pool: Pool,
    /// Since when each price was in force, until the next; times rise. The first may be older than was asked for: the
    /// price in force then. The last is that of now.
    pub prices: Vec<(Time, ListPrice)>,
}

impl PriceHistory {
    /// The history since then, of prices in any order; of those from before only the last, which still held. `None` without
    /// any.
    #[cfg(any(feature = "azure", feature = "gcp"))]
    pub(crate) fn since(pool: &Pool, mut prices: Vec<(Time, ListPrice)>, since: Time) -> Option<Self> {
        prices.sort_unstable_by_key(|(at, _)| *at);
        prices.dedup_by_key(|(at, _)| *at);
        let before = prices.iter().filter(|(at, _)| *at <= since).count().saturating_sub(1);
        prices.drain(..before);
        (!prices.is_empty()).then(|| Self { pool: pool.clone(), prices })
    }
}

/// What a cloud says of a pool beside its price. Each cloud measures something else; they do not compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// EC2's placement score of the zone for all types asked for together: how likely spot is to be had, from 1 to 10.
    PlacementScore(u8),
    /// Share of spot machines that Azure evicted in an hour, of the last weeks: at least the first, at most the second.
    EvictedAnHour(Share, Option<Share>),
    /// Of the spot machines that ended at Google lately, the share that was preempted.
    Preempted(Share),
    /// How likely spot is to be had at Google now, from none to all.
    Obtainable(Share),
    /// How likely spot is to be had at Azure now, in its words: `High`, `Medium` or `Low`.
    Placement(&'static str),
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlacementScore(score) => write!(f, "score {score} of 10"),
            Self::EvictedAnHour(from, Some(to)) => write!(f, "{from} to {to} evicted an hour"),
            Self::EvictedAnHour(from, None) => write!(f, "{from} or more evicted an hour"),
            Self::Preempted(share) => write!(f, "{share} preempted"),
            Self::Obtainable(share) => write!(f, "{share} obtainable"),
            Self::Placement(words) => write!(f, "placement {}", words.to_lowercase()),
        }
    }
}

/// A launch order with its specification.
#[derive(Clone, Debug)]
pub struct Order {
    /// The idempotency token.
    pub token: Token,
    /// The fleet, for the tag.
    pub fleet: FleetName,
    /// Where.
    pub pool: Pool,
    /// With what.
    pub spec: Arc<LaunchSpec>,
    /// How many at most.
    pub count: u32,
}
