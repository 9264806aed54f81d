//! The queue that a fleet works on: a curve that a seed draws, and that machines do not change.

use policies::demand::{Level, Reading, Sample};
use policies::model::{Fleet, QueueRule, SourceName, SourceRule};
use policies::rng::Stream;
use policies::units::{Capacity, Span, Time};

use super::story::START;

/// Steps of arrivals and backlog over time. The queue does not get shorter by work, so that what is needed is known.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    steps: Vec<Step>,
    /// The value of the metric from each moment on, in units of capacity.
    levels: Vec<(Time, u64)>,
}

/// The queue of a fleet, if it has one.
fn queue(fleet: &Fleet) -> Option<QueueRule> {
    fleet.demand.sources.values().find_map(|rule| match rule {
        SourceRule::Queue(queue) => Some(*queue),
        SourceRule::Metric(_) => None,
    })
}

#[derive(Clone, Copy, Debug)]
struct Step {
    from: Time,
    arrivals_per_hour: u64,
    backlog: u64,
}

impl Step {
    /// Arrivals by rate, and the backlog within the drain time; nothing without a queue.
    fn need(&self, fleet: &Fleet) -> Capacity {
        let Some(rule) = queue(fleet) else { return Capacity::ZERO };
        let rate = rule.jobs_per_unit_hour.map_or(1, |rate| rate.milli().max(1));
        let arriving = self.arrivals_per_hour * 1_000_000 / rate;
        let hour = Span::from_hours(1).as_millis();
        let waiting = self.backlog * 1_000_000 / rate * hour / rule.drain_within.as_millis().max(1);
        Capacity::from_milli(arriving + waiting)
    }

    /// This step with a few more arrivals, so that the need is not so near a whole unit that rounding in the measured
    /// rate would move the target to and fro.
    fn off_the_edge(mut self, fleet: &Fleet, rate: u64) -> Self {
        for _ in 0..10 {
            if (200..=800).contains(&(self.need(fleet).milli() % 1_000)) {
                break;
            }
            self.arrivals_per_hour += rate / 10;
        }
        self
    }
}

/// What a metric reads like: its own stream, so that queues are drawn as ever.
fn levels(seed: u64, fleet: &Fleet, length: Span, moving: bool) -> Vec<(Time, u64)> {
    let mut draws = Stream::new(seed, &format!("level {}", fleet.name));
    let most = fleet.max.milli() / 1_000;
    let mut levels = Vec::new();
    let mut from = START;
    loop {
        levels.push((from, draws.below(most * 12 / 10 + 2)));
        from = from.plus(Span::from_secs(60 + draws.below(900)));
        if from > START.plus(length) || !moving {
            return levels;
        }
    }
}

impl Curve {
    /// Demand around what the fleet can have: at times nothing, at times more than its maximum.
    pub(super) fn draw(seed: u64, fleet: &Fleet, length: Span, moving: bool) -> Self {
        let mut draws = Stream::new(seed, &format!("demand {}", fleet.name));
        let rate = queue(fleet).and_then(|q| q.jobs_per_unit_hour).map_or(60, |rate| rate.milli() / 1_000);
        let most = fleet.max.milli() / 1_000;
        let mut steps = Vec::new();
        let mut from = START;
        loop {
            let units = draws.below(most * 13 / 10 + 2);
            let in_backlog = draws.below(units + 1);
            // The usual drain time of ten minutes: a sixth of an hour.
            let step = Step { from, arrivals_per_hour: (units - in_backlog) * rate, backlog: in_backlog * rate / 6 };
            steps.push(step.off_the_edge(fleet, rate));
            from = from.plus(Span::from_secs(20 + draws.below(600)));
            if from > START.plus(length) || !moving {
                return Self { steps, levels: levels(seed, fleet, length, moving) };
            }
        }
    }

    /// The reading of this source at this moment, with the time that the reader's clock shows.
    pub(super) fn read(&self, fleet: &Fleet, source: &SourceName, now: Time, clock: Time) -> Reading {
        match fleet.demand.sources.get(source) {
            Some(SourceRule::Metric(rule)) => {
                Reading::Value(Level { at: clock, milli: self.level(now) * rule.target_milli })
            }
            _ => Reading::Jobs(self.sample(now, clock)),
        }
    }

    /// What the metric stands for, in units of capacity.
    fn level(&self, now: Time) -> u64 {
        self.levels.iter().rev().find(|(from, _)| *from <= now).map_or(0, |(_, units)| *units)
    }

    fn sample(&self, now: Time, clock: Time) -> Sample {
        let step = self.at(now);
        Sample { at: clock, waiting: step.backlog, in_flight: 0, arrived_total: Some(self.arrived(now)) }
    }

    /// What the fleet shall want at this moment: the need and then the headroom, each in whole units, within bounds.
    pub(super) fn wanted(&self, now: Time, fleet: &Fleet) -> Capacity {
        if fleet.demand.sources.is_empty() {
            return fleet.min;
        }
        let metric = fleet.demand.sources.values().any(|rule| matches!(rule, SourceRule::Metric(_)));
        let by_metric = if metric { Capacity::units(self.level(now)) } else { Capacity::ZERO };
        let need = self.at(now).need(fleet).ceil().max(by_metric);
        let wanted = need.plus(fleet.demand.headroom.of(need)).ceil();
        wanted.max(fleet.min).min(fleet.max)
    }

    fn at(&self, now: Time) -> Step {
        let none = Step { from: START, arrivals_per_hour: 0, backlog: 0 };
        self.steps.iter().rev().find(|s| s.from <= now).copied().unwrap_or(none)
    }

    /// Jobs that arrived since the start.
    fn arrived(&self, now: Time) -> u64 {
        let ends = self.steps.iter().skip(1).map(|s| s.from).chain([now]);
        let jobs_ms: u64 = self
            .steps
            .iter()
            .zip(ends)
            .map(|(s, end)| s.arrivals_per_hour * end.min(now).since(s.from).as_millis())
            .sum();
        jobs_ms / Span::from_hours(1).as_millis()
    }
}
