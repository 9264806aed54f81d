//! The host's clock, for what clouds date: windows of prices, ages of facts, times of notices. Never for a decision.

use std::time::SystemTime;

use policies::units::Time;

/// The moment it is.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
