//! The decision: one fleet's input in, a complete plan and its report out.
//!
//! One decision kind a round, in this order: repair (replace what will be lost), grow, shrink. Replace before remove.
//! Nothing is left to choose while a plan is carried out.

use std::collections::BTreeMap;

use crate::cost::Rates;
use crate::demand::{Demand, History};
use crate::failure::FailureKind;
use crate::model::{Fleet, FleetName, InstanceId, Lane, Offer, Pool, SpecName, Token};
use crate::report::Report;
use crate::units::{Capacity, PricePerHour, Span, Time};

/// Everything a decision rests on. The same input gives the same bytes of plan; the order of `holdings`, `offers` and
/// `closures` does not matter.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The moment of the decision.
    pub now: Time,
    /// What the operator wants.
    pub fleet: &'a Fleet,
    /// What earlier decisions left to remember.
    pub memory: &'a Memory,
    /// Recent demand.
    pub demand: &'a Demand,
    /// Need of past hours.
    pub history: &'a History,
    /// Every machine of the fleet and every promise of one.
    pub holdings: &'a [Holding],
    /// What can be bought, as last seen.
    pub offers: &'a [Offer],
    /// What is closed for launches.
    pub closures: &'a [Closure],
    /// The lanes of the fleet's pools and of its machines; a lane that is not here counts as not seen.
    pub lanes: &'a BTreeMap<Lane, LaneState>,
    /// Rates of exchange.
    pub rates: &'a Rates,
}

/// What one lane allows now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneState {
    /// Seen completely and recently. Without it nothing is ended there and nothing new is launched there.
    pub seen: bool,
    /// Machines per launch call, at most.
    pub launch_batch: u32,
}

/// One machine, or a promise of several in one pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Which.
    pub id: HoldingId,
    /// Where.
    pub pool: Pool,
    /// Capacity of one machine.
    pub units: Capacity,
    /// How many machines: 1, or what a promise is for.
    pub count: u32,
    /// Where it stands.
    pub standing: Standing,
    /// Launch time, or when the promise was made.
    pub born: Time,
    /// The provider will take it at this time.
    pub notice: Option<Time>,
}

impl Holding {
    /// Capacity of all its machines.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.units.times(u64::from(self.count))
    }

    /// Counts towards the target: it is there or promised, will stay, and nobody told it to go.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.notice.is_none()
            && match self.standing {
                Standing::Promised | Standing::Starting | Standing::Running => true,
                Standing::Draining { .. } | Standing::Ending => false,
            }
    }

    /// Counts towards the maximum: all but what is being ended and what the provider is taking.
    #[must_use]
    pub fn occupies(&self) -> bool {
        self.notice.is_none() && self.standing != Standing::Ending
    }
}

/// Which machine or promise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum HoldingId {
    /// A machine that was launched or seen.
    Machine(InstanceId),
    /// A launch without a known outcome.
    Promise(Token),
}

/// Where a machine stands in our eyes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A launch was promised and its outcome is not known.
    Promised,
    /// Launched, not running yet.
    Starting,
    /// Running.
    Running,
    /// Told to finish; ended at this time.
    Draining {
        /// When it is ended.
        until: Time,
    },
    /// The end was ordered and is not yet seen.
    Ending,
}

/// A pool, market or lane that takes no launches for a while, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Closure {
    /// What is closed.
    pub place: Place,
    /// The kind of failure that closed it.
    pub kind: FailureKind,
    /// Until when. It stays on record after that, so that the next failure in a row waits longer.
    pub until: Time,
    /// Failures in a row.
    pub strikes: u32,
}

impl Closure {
    /// Closes this pool at this time.
    #[must_use]
    pub fn covers(&self, pool: &Pool, now: Time) -> bool {
        now < self.until
            && match &self.place {
                Place::Pool(p) => p == pool,
                Place::LaneMarket(lane, market) => lane == pool.lane() && *market == pool.market(),
                Place::Lane(lane) => lane == pool.lane(),
            }
    }
}

/// What a closure closes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Place {
    /// One pool.
    Pool(Pool),
    /// One market of a lane.
    LaneMarket(Lane, crate::model::Market),
    /// A whole lane.
    Lane(Lane),
}

/// What one decision leaves for the next; durable, so that a restart changes no decision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// The last target; `None` before the first.
    pub target: Option<Capacity>,
    /// When the target was last raised.
    pub raised_at: Option<Time>,
    /// When the target was last lowered.
    pub lowered_at: Option<Time>,
    /// The highest need of recent time, as (time, need) with times rising and needs falling: what `idle_grace` looks
    /// back on. At most [`PEAKS`] entries.
    pub peaks: Vec<(Time, Capacity)>,
    /// Since when peaks are recorded without a gap; the target is not lowered before this is `idle_grace` ago.
    pub watched_since: Option<Time>,
    /// Since when spot gives less than is wanted of it.
    pub short_since: Option<Time>,
}

/// Entries of [`Memory::peaks`]: a bound for the record on disk. When full, the two oldest merge into the later time
/// with the higher need, which can only keep capacity longer.
pub const PEAKS: usize = 64;

/// The kind of decision that a plan carries out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Nothing to do.
    Rest,
    /// Replace what is being lost.
    Repair,
    /// Add capacity.
    Grow,
    /// Let capacity go.
    Shrink,
}

impl Kind {
    /// `rest`, `repair`, `grow` or `shrink`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Repair => "repair",
            Self::Grow => "grow",
            Self::Shrink => "shrink",
        }
    }
}

/// One complete step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Buy machines of one pool. `count` is at most the lane's launch batch.
    Launch {
        /// Where.
        pool: Pool,
        /// With which launch specification.
        spec: SpecName,
        /// How many.
        count: u32,
        /// Capacity of one.
        units: Capacity,
        /// Price of one, as offered.
        price: PricePerHour,
        /// What for.
        why: LaunchWhy,
    },
    /// Tell a machine to finish its work; it is ended at `until`.
    Drain {
        /// Which.
        instance: InstanceId,
        /// Where it is.
        pool: Pool,
        /// When it will be ended.
        until: Time,
        /// Why.
        why: Cause,
    },
    /// End a machine whose drain time is over, or that needs none.
    End {
        /// Which.
        instance: InstanceId,
        /// Where it is.
        pool: Pool,
        /// Why.
        why: Cause,
    },
}

/// What a launch is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum LaunchWhy {
    /// The on-demand base.
    Base,
    /// Spot towards the target.
    Spot,
    /// On-demand for what spot could not give.
    Bridge,
}

impl LaunchWhy {
    /// `base`, `spot` or `bridge`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Spot => "spot",
            Self::Bridge => "bridge",
        }
    }
}

/// Why a machine is let go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Cause {
    /// The provider takes it.
    Interruption,
    /// More capacity than the target.
    Surplus,
    /// It bridged for spot, and spot is there.
    BridgeOver,
    /// Its pool is no longer in the fleet file.
    PoolRemoved,
    /// Its drain time is over.
    Drained,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] = [Self::Interruption, Self::Surplus, Self::BridgeOver, Self::PoolRemoved, Self::Drained];

    /// The name used in logs, the store and views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interruption => "interruption",
            Self::Surplus => "surplus",
            Self::BridgeOver => "bridge-over",
            Self::PoolRemoved => "pool-removed",
            Self::Drained => "drained",
        }
    }

    /// The cause with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What to do now for one fleet, complete and in order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Plan {
    /// Whose.
    pub fleet: FleetName,
    /// The moment it was made.
    pub at: Time,
    /// The kind of decision.
    pub kind: Kind,
    /// The steps, in the order to take them.
    pub actions: Vec<Action>,
    /// The capacity wanted.
    pub target: Capacity,
    /// What to remember.
    pub memory: Memory,
    /// Hourly price of all holdings before it.
    pub price_before: PricePerHour,
    /// Hourly price once all its actions are carried out (a machine told to drain counts as gone).
    pub price_after: PricePerHour,
    /// Decide again at this time, if nothing happens before; `None`: no step waits for the clock.
    pub wake_at: Option<Time>,
}

/// Decides for one fleet. Pure and total: no I/O, no failure; what cannot be done is in the report.
#[must_use]
pub fn decide(input: &Input<'_>) -> (Plan, Report) {
    let (target, _) = (Capacity::ZERO, Span::ZERO);
    let _ = input;
    unimplemented!("{target}")
}
