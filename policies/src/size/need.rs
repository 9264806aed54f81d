//! What one source tells about the need.

use crate::demand::{Demand, Readings};
use crate::model::{Fleet, QueueRule, SourceRule};
use crate::units::{Capacity, PerHour, Time};

/// What a source tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// So much, in whole units.
    Need(Capacity),
    /// Jobs wait, and how fast they are done is not learned yet.
    Learning,
    /// It was not read yet.
    Unread,
    /// Readings fail since then.
    Silent(Time),
}

/// Need told by what was measured alone, in whole units, without headroom and bounds: the largest over all sources, what
/// the history is made of. `None` without a source, or while one of them does not tell.
#[must_use]
pub fn reactive_need(fleet: &Fleet, demand: &Demand) -> Option<Capacity> {
    let needs = fleet.demand.sources.iter().map(|(name, rule)| match told(*rule, demand.of(name)) {
        Told::Need(need) => Some(need),
        Told::Learning | Told::Unread | Told::Silent(_) => None,
    });
    needs.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// What this source tells by its readings.
pub(super) fn told(rule: SourceRule, readings: Option<&Readings>) -> Told {
    let Some(readings) = readings else { return Told::Unread };
    if let Some(since) = readings.missing_since() {
        return Told::Silent(since);
    }
    match rule {
        SourceRule::Queue(QueueRule { jobs_per_unit_hour, drain_within }) => {
            let Some(sample) = readings.latest() else { return Told::Unread };
            let Some(rate) = jobs_per_unit_hour.or_else(|| readings.pace().rate()) else {
                return if sample.backlog() == 0 { Told::Need(Capacity::ZERO) } else { Told::Learning };
            };
            let arrivals = readings.arrivals(rate);
            Told::Need(of_queue(sample.backlog(), arrivals, rate, drain_within.as_millis()))
        }
        SourceRule::Metric(rule) => match readings.value() {
            Some(milli) => Told::Need(Capacity::units(milli.div_ceil(rule.target_milli.max(1)))),
            None => Told::Unread,
        },
    }
}

/// `units = A/r + B x 3.6e9 / (r x T)`, with A and r in thousandths per hour and T in ms; rounded up.
fn of_queue(backlog: u64, arrivals: PerHour, rate: PerHour, drain_ms: u64) -> Capacity {
    let (backlog, arrivals) = (u128::from(backlog), u128::from(arrivals.milli()));
    let (rate, drain_ms) = (u128::from(rate.milli()), u128::from(drain_ms.max(1)));
    let above = arrivals.saturating_mul(drain_ms).saturating_add(backlog.saturating_mul(3_600_000_000));
    let below = rate.saturating_mul(drain_ms);
    Capacity::units(match (above, below) {
        (0, _) => 0,
        (_, 0) => u64::MAX,
        _ => u64::try_from(above.div_ceil(below)).unwrap_or(u64::MAX),
    })
}
