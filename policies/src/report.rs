//! Why a plan is what it is: per step, with its money and the best refused alternatives; and what it waits for.

mod text;

pub use text::{render, render_because, render_refused, render_sizing, render_waits};

use crate::budget::Left;
use crate::failure::FailureKind;
use crate::model::{FleetName, Lane, Pool, SourceName};
use crate::plan::LaunchWhy;
use crate::schedule::Holder;
use crate::units::{Capacity, Currency, PricePerHour, Share, Span, Time, UnitPrice};

/// The reasons behind one [`Plan`](crate::Plan).
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Report {
    /// Whose.
    pub fleet: FleetName,
    /// The moment of the decision.
    pub at: Time,
    /// What all money in it and in its plan is in.
    pub currency: Currency,
    /// How the target came about.
    pub sizing: Sizing,
    /// Capacity that counts towards the target, before the plan.
    pub held: Capacity,
    /// Of that, on-demand.
    pub held_on_demand: Capacity,
    /// One per action of the plan, in the same order.
    pub steps: Vec<Step>,
    /// What it would do, and is waiting for.
    pub waits: Vec<Wait>,
    /// How the budgets stand, before the plan.
    pub budgets: Vec<Left>,
}

/// How the target came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sizing {
    /// What was wanted before limits.
    pub need: Capacity,
    /// What decided it.
    pub basis: Basis,
    /// What the other sources want, by name.
    pub others: Vec<(SourceName, Capacity)>,
    /// What the forecast said, when one is configured and there is history for it.
    pub forecast: Option<Capacity>,
    /// What cut or lifted the need on its way to the target, in the order applied.
    pub limits: Vec<Limit>,
    /// The result.
    pub target: Capacity,
    /// The target before.
    pub previous: Option<Capacity>,
}

/// What decided the need.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Basis {
    /// A queue.
    Queue(SourceName),
    /// A metric.
    Metric(SourceName),
    /// Jobs wait in a queue, and how fast they are done is not learned yet: what is wanted stays, and is one unit at least.
    Learning(SourceName),
    /// The forecast.
    Forecast,
    /// No demand source: the minimum.
    Minimum,
    /// The source was not read yet: the last target holds.
    Unread(SourceName),
    /// The source gives no data: the last target holds.
    MissingHold {
        /// Which.
        source: SourceName,
        /// Since when.
        since: Time,
    },
    /// The source has given no data for too long: the stated capacity.
    MissingFallback {
        /// Which.
        source: SourceName,
        /// Since when.
        since: Time,
    },
}

/// What cut or lifted the need.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Headroom was added.
    Headroom(Share),
    /// The readings do not reach back far enough to tell a rate; until then the target is not lowered.
    RateUnknown,
    /// Lifted to the minimum.
    Min,
    /// Cut to the maximum.
    Max,
    /// The minimum is that of a schedule, and the need is not above it.
    ScheduleMin(Holder),
    /// Cut to the maximum of a schedule.
    ScheduleMax(Holder),
    /// A raise was cut to one step.
    StepUp,
    /// A lowering was cut to one step.
    StepDown,
    /// A raise waits for the cooldown until then.
    CooldownUp(Time),
    /// A lowering waits for the cooldown until then.
    CooldownDown(Time),
    /// Capacity was needed within the idle grace; it may go at this time at the earliest.
    IdleGrace(Time),
}

/// Why one action is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The action's position in the plan.
    pub action: usize,
    /// In one sentence.
    pub reason: String,
    /// Hourly price it adds (a launch).
    pub adds: PricePerHour,
    /// Hourly price it saves (a drain or an end).
    pub saves: PricePerHour,
    /// The best alternatives that were refused, best first, at most [`ALTERNATIVES`].
    pub refused: Vec<Refused>,
}

/// Alternatives shown per step: enough to see why, few enough to read.
pub const ALTERNATIVES: usize = 3;

/// An alternative that was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The pool (of the launch that was not made, or of the machine that stays).
    pub pool: Pool,
    /// Its price per unit, when it is known.
    pub per_unit: Option<UnitPrice>,
    /// Why not.
    pub because: Because,
}

/// Why an alternative was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Because {
    /// It costs more (a launch), or ending it saves less or risks more (an end).
    Worse,
    /// Launches failed there lately, so many in a row, which weighs more than its price.
    FailedLately(u32),
    /// The minimum would not survive the loss of a place.
    Survive,
    /// Its price was read so long ago that it is not bought by.
    PriceTooOld(Span),
    /// Closed after failures.
    Closed {
        /// Of which kind.
        kind: FailureKind,
        /// Until when.
        until: Time,
    },
    /// Dearer per unit than the absolute cap.
    AboveCap(UnitPrice),
    /// Dearer per unit than its share of the on-demand price, which comes to this.
    AboveShareOfOnDemand(UnitPrice),
    /// A share of on-demand is the cap, and the on-demand price is not known.
    NoOnDemandPrice,
    /// No price is known.
    NoOffer,
    /// No rate of exchange for its currency.
    NoRate,
    /// The pool already holds what it may.
    PoolFull,
    /// The zone already holds what it may.
    ZoneFull,
    /// The region already holds what it may.
    RegionFull,
    /// The provider already holds what it may.
    ProviderFull,
    /// One more machine would pass the maximum.
    OverMax,
    /// The lane is not seen.
    Unseen,
    /// A machine brings none of the fleet's unit.
    NoUnits,
    /// On-demand base: kept.
    Base,
}

/// Something the plan would do and is waiting for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wait {
    /// The operator has paused the fleet.
    Paused,
    /// So many machines were launched within an hour that no more may be: something launches again and again.
    LaunchLimit {
        /// Machines left out.
        machines: u32,
        /// The limit.
        limit: u32,
        /// When the first launches of the hour do not count any more.
        at: Time,
    },
    /// A budget does not pay for so many machines more.
    Budget {
        /// Machines left out.
        machines: u32,
        /// By which limit.
        by: Left,
    },
    /// Too many launches of the last hour never ran: nothing is launched. An order to resume ends it.
    Halted {
        /// Launches that never ran.
        failed: u32,
        /// Launches whose outcome is known.
        of: u32,
        /// When it is tried again.
        at: Time,
    },
    /// After a halt, only a few launches at a time are out until one of them runs.
    Trial {
        /// Machines left out.
        machines: u32,
    },
    /// Launches without a known outcome count as present until they are settled.
    Settling {
        /// How many machines they are for.
        machines: u32,
    },
    /// A lane is not seen; nothing is ended or launched there.
    Unseen(Lane),
    /// Capacity is missing and no offer can be taken.
    NoOffer {
        /// What it is wanted for.
        why: LaunchWhy,
        /// How much is missing.
        missing: Capacity,
        /// The best pools and why each is refused, at most [`ALTERNATIVES`].
        refused: Vec<Refused>,
    },
    /// Spot is short; on-demand bridges from then on.
    Fallback {
        /// How much is missing.
        missing: Capacity,
        /// From when.
        at: Time,
    },
    /// More is held than needed, and these machines have not lived for the least life.
    Young {
        /// How many.
        machines: u32,
        /// When the first of them has.
        at: Time,
    },
    /// Machines could move to cheaper pools: not yet again, or not so soon after an interruption.
    Moves {
        /// How many.
        machines: u32,
        /// When they may.
        at: Time,
    },
    /// A machine finishes its work.
    Draining {
        /// How many.
        machines: u32,
        /// The first is ended at this time.
        first: Time,
    },
}
