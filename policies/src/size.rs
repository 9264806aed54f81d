//! From demand to a target: need, headroom, bounds, steps, cooldowns, idle grace.
//!
//! **Need.** From a queue: `arrivals / rate + backlog / (rate x drain time)`, where *rate* is what one unit does in an
//! hour, configured or [learned](crate::demand::Pace); from a metric: `value / target`; exact, then rounded up to whole
//! units. Of several sources the largest need counts. The forecast, where one is configured and there is history for it,
//! is the highest value of the configured quantile from now to the horizon, or to the time that machines take to start if
//! that is longer; it can only raise the need. Without a source
//! and without a forecast the need is the minimum. Headroom is added and rounded up to whole units. The result,
//! within min..max (max wins), is what is *wanted*. Schedules that are on make other bounds ([`Bounds`]).
//!
//! **A rate that is not learned yet**: while jobs wait, the last target is wanted, and one unit at least.
//!
//! **Missing data.** For a source that is silent the last target is wanted for `hold` since its first failed reading,
//! then `then` (within min..max); without `then` the last target for good. So while others can be read the target may
//! rise by them. The forecast is not asked meanwhile. Before its first reading
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

use crate::demand::{Demand, History, RATE_AT_LEAST, Readings};
use crate::forecast;
use crate::model::{Fleet, ForecastRule, SourceName, SourceRule};
use crate::plan::{Memory, PEAKS};
use crate::report::{Basis, Limit, Sizing};
use crate::schedule::Bounds;
use crate::units::{Capacity, Share, Span, Time};

mod need;

use need::Told;
pub use need::reactive_need;

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

/// The target of now, where so much capacity counts.
#[must_use]
pub fn size(
    now: Time,
    fleet: &Fleet,
    memory: &Memory,
    held: Capacity,
    demand: &Demand,
    history: &History,
    lead: Span,
) -> Sized {
    let previous = memory.target;
    let from = previous.unwrap_or(held);
    let bounds = Bounds::of(fleet, now);
    let wakes = bounds.until.into_iter().collect();
    let mut sizer = Sizer { now, fleet, bounds, memory: memory.clone(), from, lead, limits: Vec::new(), wakes };
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
    let Want { need, basis, others, forecast, .. } = want;
    let sizing = Sizing { need, basis, others, forecast, limits: sizer.limits, target, previous };
    Sized { sizing, memory: sizer.memory, bounds: sizer.bounds, wake_at }
}

/// What is wanted before cooldowns, steps and grace.
struct Want {
    /// Before headroom and bounds.
    need: Capacity,
    /// After them.
    capacity: Capacity,
    basis: Basis,
    others: Vec<(SourceName, Capacity)>,
    forecast: Option<Capacity>,
    watch: Watch,
}

/// What one source wants.
struct Voice {
    source: SourceName,
    /// Before headroom and bounds.
    need: Capacity,
    /// Headroom is added to it: it was measured, and is not what was wanted before.
    measured: bool,
    basis: Basis,
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
    /// Machines take so long to start.
    lead: Span,
    limits: Vec<Limit>,
    wakes: Vec<Time>,
}

impl Sizer<'_> {
    fn want(&mut self, demand: &Demand, history: &History) -> Want {
        let sources = &self.fleet.demand.sources;
        let voices: Vec<Voice> = sources.iter().map(|(name, rule)| self.voice(name, *rule, demand)).collect();
        // The first of the largest, measured ones before others.
        let largest = voices.iter().rev().max_by_key(|v| (self.topped(v), v.measured));
        let Some(Voice { source, need, measured, basis, .. }) = largest else {
            let forecast = self.forecast(history);
            let (need, basis) = forecast.map_or((self.bounds.min, Basis::Minimum), |f| (f, Basis::Forecast));
            let topped = if basis == Basis::Minimum { need } else { self.headroom(need) };
            let (capacity, watch) = (self.bound(topped), Watch::Seen);
            return Want { need, capacity, basis, others: Vec::new(), forecast, watch };
        };
        let (mut need, mut basis, mut measured) = (*need, basis.clone(), *measured);
        let others = voices.iter().filter(|v| v.source != *source).map(|v| (v.source.clone(), v.need)).collect();
        let all_measured = voices.iter().all(|v| v.measured);
        let forecast = if all_measured { self.forecast(history) } else { None };
        if let Some(ahead) = forecast.filter(|ahead| *ahead > need) {
            (need, basis, measured) = (ahead, Basis::Forecast, true);
        }
        let topped = if measured { self.headroom(need) } else { need };
        let mut capacity = self.bound(topped);
        let any = |watch| voices.iter().any(|v| v.watch == watch);
        let watch = if any(Watch::AtLeast) || (any(Watch::Seen) && any(Watch::Unread)) {
            Watch::AtLeast
        } else if any(Watch::Seen) {
            Watch::Seen
        } else if any(Watch::Unread) {
            Watch::Unread
        } else {
            Watch::Lost
        };
        if any(Watch::AtLeast) {
            let stay = self.from.min(self.bounds.max);
            if stay > capacity {
                self.limits.push(Limit::RateUnknown);
                capacity = stay;
            }
        }
        Want { need, capacity, basis, others, forecast, watch }
    }

    /// What this source wants.
    fn voice(&mut self, source: &SourceName, rule: SourceRule, demand: &Demand) -> Voice {
        let from = self.from;
        let voice = |need, measured, basis, watch| Voice { source: source.clone(), need, measured, basis, watch };
        let name = || source.clone();
        match need::told(rule, demand.of(source)) {
            Told::Need(need) => {
                let (basis, known) = match rule {
                    SourceRule::Queue(_) => {
                        (Basis::Queue(name()), demand.of(source).is_some_and(|r| self.rate_known(r)))
                    }
                    SourceRule::Metric(_) => (Basis::Metric(name()), true),
                };
                voice(need, true, basis, if known { Watch::Seen } else { Watch::AtLeast })
            }
            Told::Learning => voice(from.max(Capacity::ONE), false, Basis::Learning(name()), Watch::AtLeast),
            Told::Unread => voice(from, false, Basis::Unread(name()), Watch::Unread),
            Told::Silent(since) => {
                let rule = self.fleet.demand.on_missing;
                let until = since.plus(rule.hold);
                match rule.then {
                    Some(then) if self.now >= until => {
                        voice(then, false, Basis::MissingFallback { source: name(), since }, Watch::Lost)
                    }
                    then => {
                        if then.is_some() {
                            self.wakes.push(until);
                        }
                        voice(from, false, Basis::MissingHold { source: name(), since }, Watch::Lost)
                    }
                }
            }
        }
    }

    /// Whether the readings reach back far enough for a rate to lower the target by: a short grace asks for less.
    fn rate_known(&self, readings: &Readings) -> bool {
        let covered = readings.covered();
        covered > Span::ZERO && covered >= RATE_AT_LEAST.min(self.fleet.scale_down.idle_grace)
    }

    /// The highest value of the configured quantile from now to the horizon.
    fn forecast(&self, history: &History) -> Option<Capacity> {
        let ForecastRule { horizon, quantile } = self.fleet.demand.forecast?;
        let horizon = horizon.max(self.lead);
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
        if share != Share::default() && !need.is_zero() {
            self.limits.push(Limit::Headroom(share));
        }
        self.with_headroom(need)
    }

    fn topped(&self, voice: &Voice) -> Capacity {
        if voice.measured { self.with_headroom(voice.need) } else { voice.need }
    }

    fn with_headroom(&self, need: Capacity) -> Capacity {
        let share = self.fleet.demand.headroom;
        if share == Share::default() {
            return need;
        }
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
