//! From demand to a target: need, headroom, bounds, steps, cooldowns, idle grace.

use crate::demand::Demand;
use crate::model::Fleet;
use crate::units::Capacity;

/// Need told by the queue alone, without headroom and bounds; `None` without a queue or a reading.
#[must_use]
pub fn reactive_need(fleet: &Fleet, demand: &Demand) -> Option<Capacity> {
    let _ = (fleet, demand);
    None
}
