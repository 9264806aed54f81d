//! From demand to a target: need, headroom, bounds, steps, cooldowns, idle grace.
//!
//! **Need.** From a queue: `arrivals / rate + backlog / (rate x drain time)`, where *rate* is what one unit does in an
//! hour; exact, then rounded up to whole units. The forecast, where one is configured and there is history for it, is
//! the highest value of the configured quantile from now to the horizon; it can only raise the need. Without a queue
//! and without a forecast the need is the minimum. Headroom is added and rounded up to whole units. The result,
//! within min..max (max wins), is what is *wanted*. Schedules that are on make other bounds ([`Bounds`]).
//!
//! **Missing data.** Since the first failed reading the last target is wanted for `hold`, then `then` (within
//! min..max); without `then` the last target for good. The forecast is not asked meanwhile. Before the first reading
//! after a start the last target is wanted. After that the target may rise and
//! is not lowered until a second reading, and until the readings reach back over `idle_grace` or
//! [`RATE_AT_LEAST`], whichever is shorter: a rate told by less is understated.
//!
//! **Raising.** Not within `scale_up.cooldown` after the last raise; then by at most `max_step` of the target (whole
//! units, at least one). A target below the minimum goes to the minimum at once, always.
//!
//! **The first decision**, and the first after the memory was lost, takes what is held for the last target: with
//! nothing held the target is what is wanted, without cooldown or step, and what runs already is let go by the rules
//! of lowering only. It counts as a raise.
//!
//! **Lowering.** Not within `scale_down.cooldown` after the last change either way; only to the highest wanted
//! capacity of the trailing `idle_grace`, and not before that time has been watched without a gap (falling to `then` is
//! exempt from this: nothing was watched); then by at most `max_step` of the target (whole units, at least one). A
//! target above the maximum goes to the maximum at once, always.
//!
//! With a `max_step` the cooldown of its direction is at least [`STEP_PAUSE`].
//! A cooldown is over at exactly `last + cooldown`.

use crate::demand::{Demand, History, RATE_AT_LEAST};
use crate::forecast;
use crate::model::{Fleet, ForecastRule, QueueRule};
use crate::plan::{Memory, PEAKS};
use crate::report::{Basis, Limit, Sizing};
use crate::schedule::Bounds;
use crate::units::{Capacity, Share, Span, Time};

/// Between two steps there is at least so long, also without a cooldown: deciding twice at one moment changes nothing
/// the second time.
pub const STEP_PAUSE: Span = Span::from_secs(1);

/// Two lower needs are recorded at least this part of an idle grace apart, so that a need that falls little by little
/// fills neither the memory nor the store. What is skipped only keeps capacity longer, by this part of the grace. A
/// steady need is not recorded again.
const GRACE_STEPS: u64 = 32;

/// The forecast is asked for at most so many hours ahead: two weeks, the longest period that a profile can repeat.
const HORIZON_HOURS: u64 = 14 * 24;

/// A target and what it leaves to remember.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sized {
    /// How it came about.
    pub sizing: Sizing,
    /// The memory with the new target, change times and peaks; the rest as before.
    pub memory: Memory,
    /// Within these bounds.
    pub bounds: Bounds,
    /// The earliest moment at which something that holds the target back ends, or a schedule begins or ends.
    pub wake_at: Option<Time>,
}

/// Need told by the queue alone, in whole units, without headroom and bounds: what the history is made of. `None`
/// without a queue or a reading.
#[must_use]
pub fn reactive_need(fleet: &Fleet, demand: &Demand) -> Option<Capacity> {
    let QueueRule { jobs_per_unit_hour, drain_within } = fleet.demand.queue?;
    let backlog = u128::from(demand.latest()?.backlog());
    let arrivals = u128::from(demand.arrivals(jobs_per_unit_hour).milli());
    let rate = u128::from(jobs_per_unit_hour.milli());
    let drain_ms = u128::from(drain_within.as_millis().max(1));
    // units = A/r + B x 3.6e9 / (r x T), with A and r in thousandths per hour and T in ms.
    let above = arrivals.saturating_mul(drain_ms).saturating_add(backlog.saturating_mul(3_600_000_000));
    let below = rate.saturating_mul(drain_ms);
    let units = match (above, below) {
        (0, _) => 0,
        (_, 0) => u64::MAX,
        _ => u64::try_from(above.div_ceil(below)).unwrap_or(u64::MAX),
    };
    Some(Capacity::units(units))
}

/// The target of now, where so much capacity counts.
#[must_use]
pub fn size(now: Time, fleet: &Fleet, memory: &Memory, held: Capacity, demand: &Demand, history: &History) -> Sized {
    let previous = memory.target;
    let from = previous.unwrap_or(held);
    let bounds = Bounds::of(fleet, now);
    let wakes = bounds.until.into_iter().collect();
    let mut sizer = Sizer { now, fleet, bounds, memory: memory.clone(), from, limits: Vec::new(), wakes };
    let want = sizer.want(demand, history);
    let floor = sizer.watch(&want);
    let target = if want.capacity < from {
        sizer.lower(from, want.capacity, floor)
    } else if previous.is_none() {
        want.capacity
    } else {
        sizer.raise(from, want.capacity)
    };
    if previous.is_none_or(|p| target > p) {
        sizer.memory.raised_at = Some(now);
    }
    if target < from {
        sizer.memory.lowered_at = Some(now);
    }
    sizer.memory.target = Some(target);
    let wake_at = sizer.wakes.into_iter().filter(|t| *t > now).min();
    let Want { need, basis, forecast, .. } = want;
    let sizing = Sizing { need, basis, forecast, limits: sizer.limits, target, previous };
    Sized { sizing, memory: sizer.memory, bounds: sizer.bounds, wake_at }
}

/// What is wanted before cooldowns, steps and grace.
struct Want {
    /// Before headroom and bounds.
    need: Capacity,
    /// After them.
    capacity: Capacity,
    basis: Basis,
    forecast: Option<Capacity>,
    watch: Watch,
}

/// What this decision tells about the need, for the idle grace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// All of it.
    Seen,
    /// A lower bound.
    AtLeast,
    /// Nothing yet since the start: what was seen last stands.
    Unread,
    /// Nothing: the time that was watched ends here.
    Lost,
}

struct Sizer<'a> {
    now: Time,
    fleet: &'a Fleet,
    bounds: Bounds,
    memory: Memory,
    /// The target before; at the first decision, what is held.
    from: Capacity,
    limits: Vec<Limit>,
    wakes: Vec<Time>,
}

impl Sizer<'_> {
    fn want(&mut self, demand: &Demand, history: &History) -> Want {
        let rules = &self.fleet.demand;
        let held = |sizer: &mut Self, basis| {
            let need = sizer.from;
            Want { need, capacity: sizer.bound(need), basis, forecast: None, watch: Watch::Lost }
        };
        if rules.queue.is_none() {
            let forecast = self.forecast(history);
            let (need, basis) = forecast.map_or((self.bounds.min, Basis::Minimum), |f| (f, Basis::Forecast));
            let topped = if basis == Basis::Minimum { need } else { self.headroom(need) };
            return Want { need, capacity: self.bound(topped), basis, forecast, watch: Watch::Seen };
        }
        if let Some(since) = demand.missing_since() {
            let until = since.plus(rules.on_missing.hold);
            return match rules.on_missing.then {
                Some(then) if self.now >= until => Want {
                    need: then,
                    capacity: self.bound(then),
                    basis: Basis::MissingFallback { since },
                    forecast: None,
                    watch: Watch::Lost,
                },
                then => {
                    if then.is_some() {
                        self.wakes.push(until);
                    }
                    held(self, Basis::MissingHold { since })
                }
            };
        }
        let Some(seen) = reactive_need(self.fleet, demand) else {
            return Want { watch: Watch::Unread, ..held(self, Basis::Unread) };
        };
        let forecast = self.forecast(history);
        let (need, basis) = match forecast {
            Some(f) if f > seen => (f, Basis::Forecast),
            _ => (seen, Basis::Queue),
        };
        let topped = self.headroom(need);
        let mut capacity = self.bound(topped);
        let mut watch = Watch::Seen;
        if !self.rate_known(demand) {
            watch = Watch::AtLeast;
            let stay = self.from.min(self.bounds.max);
            if stay > capacity {
                self.limits.push(Limit::RateUnknown);
                capacity = stay;
            }
        }
        Want { need, capacity, basis, forecast, watch }
    }

    /// Whether the readings reach back far enough for a rate to lower the target by: a short grace asks for less.
    fn rate_known(&self, demand: &Demand) -> bool {
        let covered = demand.covered();
        covered > Span::ZERO && covered >= RATE_AT_LEAST.min(self.fleet.scale_down.idle_grace)
    }

    /// The highest value of the configured quantile from now to the horizon.
    fn forecast(&self, history: &History) -> Option<Capacity> {
        let ForecastRule { horizon, quantile } = self.fleet.demand.forecast?;
        let hours = (horizon.as_millis() / 3_600_000).min(HORIZON_HOURS);
        let mut ahead: Vec<Span> = (0..=hours).map(Span::from_hours).collect();
        if hours < HORIZON_HOURS {
            ahead.push(horizon);
        }
        let forecast = forecast::forecast(history, self.now, &ahead, &[quantile])?;
        forecast.points.iter().flat_map(|p| p.quantiles.iter().map(|(_, c)| c.ceil())).max()
    }

    fn headroom(&mut self, need: Capacity) -> Capacity {
        let share = self.fleet.demand.headroom;
        if share == Share::default() || need.is_zero() {
            return need;
        }
        self.limits.push(Limit::Headroom(share));
        let milli = (u128::from(need.milli()) * (10_000 + u128::from(share.basis_points()))).div_ceil(10_000);
        Capacity::from_milli(u64::try_from(milli).unwrap_or(u64::MAX)).ceil()
    }

    fn bound(&mut self, capacity: Capacity) -> Capacity {
        let Bounds { min, max, min_by, max_by, .. } = &self.bounds;
        let by_min = || min_by.clone().map_or(Limit::Min, Limit::ScheduleMin);
        let by_max = || max_by.clone().map_or(Limit::Max, Limit::ScheduleMax);
        if capacity > *max {
            self.limits.push(by_max());
        } else if capacity < *min || (capacity == *min && min_by.is_some()) {
            self.limits.push(by_min());
            if self.bounds.min_cut {
                self.limits.push(by_max());
            }
        }
        capacity.max(*min).min(*max)
    }

    fn raise(&mut self, from: Capacity, to: Capacity) -> Capacity {
        let ScaleStep { pause, step } =
            ScaleStep::new(self.fleet.scale_up.cooldown, self.fleet.scale_up.max_step, from);
        let forced = from.max(self.bounds.min).min(to);
        if to == forced {
            return to;
        }
        let ready = self.memory.raised_at.map_or(self.now, |t| t.plus(pause));
        if self.now < ready {
            self.limits.push(Limit::CooldownUp(ready));
            self.wakes.push(ready);
            return forced;
        }
        let reach = step.map_or(to, |s| from.plus(s).min(to)).max(forced);
        if reach < to {
            self.limits.push(Limit::StepUp);
            self.wakes.push(self.now.plus(pause));
        }
        reach
    }

    fn lower(&mut self, from: Capacity, to: Capacity, floor: Option<Floor>) -> Capacity {
        let rule = &self.fleet.scale_down;
        let ScaleStep { pause, step } = ScaleStep::new(rule.cooldown, rule.max_step, from);
        let forced = from.min(self.bounds.max);
        let mut reach = to;
        if let Some(floor) = floor.filter(|f| f.capacity > to) {
            self.limits.push(Limit::IdleGrace(floor.until));
            self.wakes.push(floor.until);
            reach = floor.capacity.min(forced);
        }
        if reach == forced {
            return forced;
        }
        let changed = self.memory.raised_at.max(self.memory.lowered_at);
        let ready = changed.map_or(self.now, |t| t.plus(pause));
        if self.now < ready {
            self.limits.push(Limit::CooldownDown(ready));
            self.wakes.push(ready);
            return forced;
        }
        let stepped = step.map_or(reach, |s| from.minus(s).max(reach)).min(forced);
        if stepped > reach {
            self.limits.push(Limit::StepDown);
            self.wakes.push(self.now.plus(pause));
        }
        stepped
    }

    /// Records what is wanted for the idle grace, and says how far the target may fall; `None`: as far as is wanted.
    fn watch(&mut self, want: &Want) -> Option<Floor> {
        let grace = self.fleet.scale_down.idle_grace;
        let memory = &mut self.memory;
        if grace == Span::ZERO || want.watch == Watch::Lost {
            memory.peaks.clear();
            memory.watched_since = None;
            return None;
        }
        let step = Span::from_millis(grace.as_millis() / GRACE_STEPS);
        let last = memory.peaks.last().map_or(Capacity::ZERO, |(_, c)| *c);
        match want.watch {
            Watch::Unread | Watch::Lost => {}
            Watch::AtLeast if want.capacity < last => {}
            Watch::Seen | Watch::AtLeast => {
                memory.watched_since.get_or_insert(self.now);
                record(&mut memory.peaks, self.now, want.capacity, step);
            }
        }
        trim(&mut memory.peaks, self.now.minus(grace));
        let (first, capacity) = *memory.peaks.first()?;
        // Peaks may be older than the watch: after a restart they are kept, and the watch begins anew.
        let watched = memory.watched_since.unwrap_or(self.now).plus(grace);
        if watched > self.now {
            // Not watched for a whole grace yet: nothing may fall.
            return Some(Floor { capacity: Capacity::from_milli(u64::MAX), until: watched });
        }
        let falls = memory.peaks.get(1).map_or_else(|| first.plus(step).max(self.now), |(t, _)| *t);
        Some(Floor { capacity, until: falls.plus(grace) })
    }
}

/// How far the idle grace lets the target fall, and when it may fall further.
struct Floor {
    capacity: Capacity,
    until: Time,
}

/// Pause after a change, and the most that one change moves.
struct ScaleStep {
    pause: Span,
    step: Option<Capacity>,
}

impl ScaleStep {
    fn new(cooldown: Span, max_step: Option<Share>, from: Capacity) -> Self {
        match max_step {
            None => Self { pause: cooldown, step: None },
            Some(share) => {
                let whole = Capacity::units(share.of(from).machines_within(Capacity::ONE));
                Self { pause: cooldown.max(STEP_PAUSE), step: Some(whole.max(Capacity::ONE)) }
            }
        }
    }
}

/// Adds a need to the falling peaks: entries that it reaches become one with it, since the earliest of them.
fn record(peaks: &mut Vec<(Time, Capacity)>, now: Time, need: Capacity, step: Span) {
    let mut since = None;
    while let Some((t, _)) = peaks.pop_if(|(_, n)| *n <= need) {
        since = Some(t);
    }
    match (since, peaks.last()) {
        (None, Some((t, _))) if now.since(*t) < step || now <= *t => {}
        _ => peaks.push((since.unwrap_or(now), need)),
    }
    if peaks.len() > PEAKS {
        peaks.remove(1);
    }
}

/// Forgets what ended before the window, which begins at `from`: an entry ends where the next begins.
fn trim(peaks: &mut Vec<(Time, Capacity)>, from: Time) {
    let covering = peaks.iter().rposition(|(t, _)| *t <= from).unwrap_or(0);
    peaks.drain(..covering);
}

#[cfg(test)]
mod tests;
