//! The second look: judges a plan by its input, sharing no code with the planner.
//!
//! The planner searches; the checker only adds up. It takes the input, the plan and the rules of the fleet, and names
//! every rule that the plan breaks. A plan with a violation is not carried out, so a mistake of the planner stops a
//! fleet from moving and does not spend money or end machines.
//!
//! Not here: whether the plan is a good one (cheap enough, early enough), and rules of carrying it out (tokens,
//! promises), which the controller owns.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{InstanceId, Lane, Market, Offer, Pool};
use crate::plan::{Action, Cause, Holding, Input, Plan};
use crate::units::{Capacity, PricePerHour, UnitPrice};

mod launches;
mod leaving;
mod money;
mod moves;
mod survive;
mod target;
#[cfg(test)]
mod tests;

/// A level at which shares are bounded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// One pool: its share, and one part of the least number of pools.
    Pool,
    /// One zone.
    Zone,
    /// One region of a provider.
    Region,
    /// One provider.
    Provider,
}

impl Level {
    /// `pool`, `zone`, `region` or `provider`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Zone => "zone",
            Self::Region => "region",
            Self::Provider => "provider",
        }
    }
}

/// A broken rule. All of them mean a bug in the planner, or an input that changed under it: keep the plan and its
/// input, and report them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Violation {
    /// The plan is of another fleet or another moment than the input it is judged by.
    OtherInput,
    /// The target is outside min..max, those of schedules included.
    TargetOutOfBounds {
        /// The target.
        target: Capacity,
    },
    /// The target was raised or lowered within a cooldown, or by more than a step.
    TooFast {
        /// The target before.
        from: Capacity,
        /// The target now.
        to: Capacity,
    },
    /// The target was lowered below what was needed within the idle grace, or before the need was watched that long.
    WithinGrace {
        /// The target now.
        to: Capacity,
        /// The least it may be.
        needed: Capacity,
    },
    /// The target was lowered while demand is not known, other than to the stated fallback after the stated time.
    LoweredBlind {
        /// The target before.
        from: Capacity,
        /// The target now.
        to: Capacity,
    },
    /// What the plan leaves to remember does not say what it does to the target, so that the next cooldown would be
    /// counted from a wrong time.
    Forgotten,
    /// The operator has paused the fleet, and the plan does something.
    Paused,
    /// A machine that the operator protects is let go, and the provider does not take it.
    Protected(InstanceId),
    /// More machines would have been launched within an hour than the fleet allows.
    OverLaunches {
        /// Launched within the hour, promised and planned.
        machines: u64,
        /// The limit.
        limit: u32,
    },
    /// The fleet's launches do not run, and it launches all the same.
    Halted {
        /// Launches of the hour that never ran.
        failed: u64,
        /// Launches of the hour whose outcome is known.
        of: u64,
    },
    /// After a halt, more machines would be on their way than a trial allows.
    OverTrial {
        /// Promised, starting and planned.
        machines: u64,
    },
    /// More is launched than the floor needs, and a budget does not pay for it.
    OverBudget {
        /// What is launched.
        launched: Capacity,
    },
    /// Spot is let go for a budget, and what is left does not cover the minimum.
    BelowFloor {
        /// What would be left.
        capacity: Capacity,
        /// The minimum.
        floor: Capacity,
    },
    /// A machine is let go, for less than an interruption or an order, before it has lived for the stated time.
    TooYoung(InstanceId),
    /// A machine is let go, and one that does less stays that could have gone in its place.
    BusyFirst(InstanceId),
    /// Spot is bought by a price that was read too long ago.
    OldPrice(Pool),
    /// Growing and shrinking in one plan: replace before remove.
    TwoKinds,
    /// A launch into a pool that the fleet does not name, or with a launch specification not of that pool.
    ForeignPool(Pool),
    /// A launch without a current offer, at another price or size than offered, or of no machine or no capacity.
    NotAsOffered(Pool),
    /// A launch whose stated purpose does not fit its market: base and bridge are on-demand, the rest is spot.
    WrongPurpose(Pool),
    /// A launch of more machines than the lane takes in a call.
    OverBatch(Pool),
    /// A launch into a closed place.
    Closed(Pool),
    /// A launch, a drain or an end in a lane that is not seen.
    Unseen(Lane),
    /// Spot above the absolute price cap.
    OverCap {
        /// Where.
        pool: Pool,
        /// Its price.
        price: UnitPrice,
    },
    /// Spot above its share of the on-demand price, or that price is not known.
    OverShareOfOnDemand(Pool),
    /// A launch that leaves a pool, zone, region or provider with more than its share.
    OverShare {
        /// A pool there.
        pool: Pool,
        /// Which bound.
        level: Level,
    },
    /// Capacity in place and promised would pass the fleet's maximum.
    OverMax {
        /// What it would come to.
        capacity: Capacity,
        /// The maximum.
        max: Capacity,
    },
    /// More is launched than is lacking: one machine could be left out and nothing would be short.
    OverTarget {
        /// What is launched for one purpose.
        launched: Capacity,
        /// What is lacking for it.
        lacking: Capacity,
    },
    /// On-demand above base while spot has not been short for the stated time, or where it never is to be bridged.
    EarlyBridge(Pool),
    /// A machine that is not ours, not known, in another pool, or only a promise, is drained or ended.
    UnknownMachine(InstanceId),
    /// One machine is named twice.
    Twice(InstanceId),
    /// A machine that is told to go is told again, or one whose end was ordered is ended by a new decision.
    AlreadyLeaving(InstanceId),
    /// The stated cause is not there: no notice, a pool that is still named, no bridge, no drain that is over.
    FalseCause(InstanceId),
    /// A machine is ended, or would be, without having been drained for the stated time.
    Undrained(InstanceId),
    /// A machine is let go though capacity in lanes that are seen would fall below the target.
    BelowTarget {
        /// What would be left there.
        capacity: Capacity,
        /// The target.
        target: Capacity,
    },
    /// On-demand is let go below the base in lanes that are seen.
    BelowBase {
        /// What would be left of on-demand there.
        capacity: Capacity,
        /// What the base owes.
        base: Capacity,
    },
    /// A bridge, or a machine of a removed pool, is let go before what replaces it runs. What is itself in a removed pool
    /// replaces no bridge.
    ColdReplacement {
        /// What would be left of running capacity.
        running: Capacity,
        /// The target.
        target: Capacity,
    },
    /// Machines would move while they have to stay, or too many of them.
    Restless(&'static str),
    /// A machine would be bought for a move that saves too little, or there is none that it could replace.
    NoSaving {
        /// Its capacity.
        units: Capacity,
    },
    /// A machine is bought to survive the loss of a place, and is not needed for that.
    NeedlessSpare(Pool),
    /// A machine leaves as surplus, and the minimum would not survive the loss of a place any more.
    Unsurvivable {
        /// What would be left.
        left: Capacity,
        /// The minimum.
        floor: Capacity,
    },
    /// On-demand leaves as surplus while a spot machine could have gone in its place.
    OrderOfLeaving(InstanceId),
}

impl Violation {
    /// The rule's name, for metrics and the store.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OtherInput => "other-input",
            Self::TargetOutOfBounds { .. } => "target-out-of-bounds",
            Self::TooFast { .. } => "too-fast",
            Self::WithinGrace { .. } => "within-grace",
            Self::LoweredBlind { .. } => "lowered-blind",
            Self::Forgotten => "forgotten",
            Self::Paused => "paused",
            Self::Protected(_) => "protected",
            Self::OverLaunches { .. } => "over-launches",
            Self::Halted { .. } => "halted",
            Self::OverTrial { .. } => "over-trial",
            Self::OverBudget { .. } => "over-budget",
            Self::BelowFloor { .. } => "below-floor",
            Self::TooYoung(_) => "too-young",
            Self::BusyFirst(_) => "busy-first",
            Self::OldPrice(_) => "old-price",
            Self::TwoKinds => "two-kinds",
            Self::ForeignPool(_) => "foreign-pool",
            Self::NotAsOffered(_) => "not-as-offered",
            Self::WrongPurpose(_) => "wrong-purpose",
            Self::OverBatch(_) => "over-batch",
            Self::Closed(_) => "closed",
            Self::Unseen(_) => "unseen",
            Self::OverCap { .. } => "over-cap",
            Self::OverShareOfOnDemand(_) => "over-share-of-on-demand",
            Self::OverShare { .. } => "over-share",
            Self::OverMax { .. } => "over-max",
            Self::OverTarget { .. } => "over-target",
            Self::EarlyBridge(_) => "early-bridge",
            Self::UnknownMachine(_) => "unknown-machine",
            Self::Twice(_) => "twice",
            Self::AlreadyLeaving(_) => "already-leaving",
            Self::FalseCause(_) => "false-cause",
            Self::Undrained(_) => "undrained",
            Self::BelowTarget { .. } => "below-target",
            Self::BelowBase { .. } => "below-base",
            Self::ColdReplacement { .. } => "cold-replacement",
            Self::Restless(_) => "restless",
            Self::NoSaving { .. } => "no-saving",
            Self::NeedlessSpare(_) => "needless-spare",
            Self::Unsurvivable { .. } => "unsurvivable",
            Self::OrderOfLeaving(_) => "order-of-leaving",
        }
    }
}

/// The rule's name, then what broke it: `over-max: 12 would be in place and promised, the maximum is 10`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::OtherInput => f.write_str("the plan is of another fleet or moment"),
            Self::TargetOutOfBounds { target } => write!(f, "the target {target} is outside min and max"),
            Self::TooFast { from, to } => write!(f, "the target goes from {from} to {to} within a cooldown or step"),
            Self::WithinGrace { to, needed } => write!(f, "the target falls to {to}, and {needed} was needed lately"),
            Self::LoweredBlind { from, to } => write!(f, "the target falls from {from} to {to} without data"),
            Self::Forgotten => f.write_str("the change of the target is not remembered"),
            Self::Paused => f.write_str("the fleet is paused"),
            Self::Protected(id) => write!(f, "{id} is protected"),
            Self::OverLaunches { machines, limit } => {
                write!(f, "{machines} machines would be launched within an hour, the limit is {limit}")
            }
            Self::Halted { failed, of } => write!(f, "{failed} of {of} launches of the hour never ran"),
            Self::OverTrial { machines } => write!(f, "{machines} machines would be on their way on trial"),
            Self::OverBudget { launched } => write!(f, "{launched} is launched, and a budget is used up"),
            Self::BelowFloor { capacity, floor } => write!(f, "{capacity} would be left, the floor is {floor}"),
            Self::TooYoung(id) => write!(f, "{id} has not lived for its least life"),
            Self::BusyFirst(id) => write!(f, "{id} would go, and one that does less could have gone"),
            Self::OldPrice(pool) => write!(f, "the price of {pool} was read too long ago"),
            Self::TwoKinds => f.write_str("one plan both launches and lets go"),
            Self::ForeignPool(pool) => write!(f, "{pool} is not a pool of the fleet with that specification"),
            Self::NotAsOffered(pool) => write!(f, "{pool} is not offered at that price and size"),
            Self::WrongPurpose(pool) => write!(f, "{pool} is not of the market for that purpose"),
            Self::OverBatch(pool) => write!(f, "{pool} gets more machines than a call takes"),
            Self::Closed(pool) => write!(f, "{pool} is closed"),
            Self::Unseen(lane) => write!(f, "{lane} is not seen"),
            Self::OverCap { pool, price } => write!(f, "{pool} costs {price} a unit"),
            Self::OverShareOfOnDemand(pool) => write!(f, "{pool} costs too much of on-demand, or that is not known"),
            Self::OverShare { pool, level } => {
                write!(f, "the {} of {pool} would hold more than its share", level.name())
            }
            Self::OverMax { capacity, max } => {
                write!(f, "{capacity} would be in place and promised, the maximum is {max}")
            }
            Self::OverTarget { launched, lacking } => write!(f, "{launched} is launched, {lacking} is lacking"),
            Self::EarlyBridge(pool) => write!(f, "{pool} bridges before its time"),
            Self::UnknownMachine(id) => write!(f, "{id} is not a machine of the fleet in that pool"),
            Self::Twice(id) => write!(f, "{id} is named twice"),
            Self::AlreadyLeaving(id) => write!(f, "{id} was told to go before"),
            Self::FalseCause(id) => write!(f, "{id} would go for a cause that is not there"),
            Self::Undrained(id) => write!(f, "{id} would end before it had its time to drain"),
            Self::BelowTarget { capacity, target } => write!(f, "{capacity} would be left, the target is {target}"),
            Self::BelowBase { capacity, base } => write!(f, "{capacity} on-demand would be left, the base is {base}"),
            Self::ColdReplacement { running, target } => {
                write!(f, "{running} running would be left, the target is {target}")
            }
            Self::Restless(why) => write!(f, "machines would move though {why}"),
            Self::NoSaving { units } => write!(f, "a move of {units} would save too little"),
            Self::NeedlessSpare(pool) => write!(f, "nothing needs {pool} to survive the loss of a place"),
            Self::Unsurvivable { left, floor } => {
                write!(f, "{left} would survive the loss of a place, the minimum is {floor}")
            }
            Self::OrderOfLeaving(id) => write!(f, "{id} is on-demand, and a spot machine could have gone"),
        }
    }
}

/// Every rule that the plan breaks; empty for a sound plan.
#[must_use]
pub fn check(input: &Input<'_>, plan: &Plan) -> Vec<Violation> {
    let mut found = Vec::new();
    if plan.fleet != input.fleet.name || plan.at != input.now {
        found.push(Violation::OtherInput);
    }
    if input.paused && !plan.actions.is_empty() {
        found.push(Violation::Paused);
    }
    let books = Books::new(input, plan);
    target::judge(input, plan, &books, &mut found);
    launches::judge(input, plan, &books, &mut found);
    leaving::judge(input, plan, &books, &mut found);
    money::judge(input, plan, &books, &mut found);
    survive::survivors(input, plan, &books, &mut found);
    let launches = plan.actions.iter().any(|a| matches!(a, Action::Launch { .. }));
    if launches && books.has_free_drain(plan) {
        found.push(Violation::TwoKinds);
    }
    found
}

/// The sums and indexes that several rules need.
struct Books<'a> {
    /// What is offered, by pool.
    offers: BTreeMap<&'a Pool, &'a Offer>,
    /// Machines of the fleet by id; promises are not here.
    machines: BTreeMap<&'a InstanceId, &'a Holding>,
    /// On-demand capacity that counts, in pools of the fleet file.
    on_demand: Capacity,
    /// Spot capacity that counts, in pools of the fleet file.
    spot: Capacity,
    /// On-demand capacity that counts, in pools that left the fleet file: it is there, and shall be replaced.
    removed_on_demand: Capacity,
    /// The same of spot.
    removed_spot: Capacity,
    /// Of all that counts, what is in lanes that are not seen: it may run, so it is not launched again; it may be gone,
    /// so nothing is let go for it.
    unseen: Capacity,
    /// Of that, on-demand.
    unseen_on_demand: Capacity,
    /// Capacity that is or may be in place.
    occupied: Capacity,
    /// The least that the target may be now.
    min: Capacity,
    /// The most that the target and the capacity in place may be now.
    max: Capacity,
    /// How much of the plan's target on-demand owes.
    base: Capacity,
    /// How much of the plan's target spot owes.
    wanted_spot: Capacity,
}

impl<'a> Books<'a> {
    fn new(input: &Input<'a>, plan: &Plan) -> Self {
        let counted = |market, named| -> Capacity {
            let these = input.holdings.iter().filter(|h| h.counts() && h.pool.market() == market);
            these.filter(|h| input.fleet.pools.contains_key(&h.pool) == named).map(Holding::capacity).sum()
        };
        let unseen = |all: bool| -> Capacity {
            let blind = |h: &&Holding| !input.lanes.get(h.pool.lane()).is_some_and(|state| state.seen);
            let these = input.holdings.iter().filter(|h| h.counts() && (all || h.pool.market() == Market::OnDemand));
            these.filter(blind).map(Holding::capacity).sum()
        };
        let (min, max) = target::bounds(input);
        let base = input.fleet.on_demand.base.min(plan.target);
        let machines = input.holdings.iter().filter_map(|h| match &h.id {
            crate::plan::HoldingId::Machine(id) => Some((id, h)),
            crate::plan::HoldingId::Promise(_) => None,
        });
        Self {
            offers: input.offers.iter().map(|o| (&o.pool, o)).collect(),
            machines: machines.collect(),
            on_demand: counted(Market::OnDemand, true),
            spot: counted(Market::Spot, true),
            removed_on_demand: counted(Market::OnDemand, false),
            removed_spot: counted(Market::Spot, false),
            unseen: unseen(true),
            unseen_on_demand: unseen(false),
            occupied: input.holdings.iter().filter(|h| h.occupies()).map(Holding::capacity).sum(),
            min,
            max,
            base,
            wanted_spot: plan.target.minus(base),
        }
    }

    /// What one machine costs an hour, as offered; `None`: it is not known.
    fn price(&self, input: &Input<'_>, pool: &Pool) -> Option<PricePerHour> {
        input.rates.convert(self.offers.get(pool)?.price)
    }

    /// Capacity that counts, of both markets and all pools.
    fn counted(&self) -> Capacity {
        self.on_demand.plus(self.spot).plus(self.removed_on_demand).plus(self.removed_spot)
    }

    /// On-demand that counts and is not owed by the base.
    fn above_base(&self) -> Capacity {
        self.on_demand.minus(self.base)
    }

    /// A machine that nobody takes from us is told to go.
    fn has_free_drain(&self, plan: &Plan) -> bool {
        plan.actions.iter().any(|action| match action {
            Action::Drain { why: Cause::NeverReady, .. } => false,
            Action::Drain { instance, .. } => self.machines.get(instance).is_none_or(|h| h.notice.is_none()),
            Action::Launch { .. } | Action::End { .. } => false,
        })
    }
}

/// Each value once, in order.
fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> BTreeSet<T> {
    values.collect()
}
