//! Measured need: samples of a queue, the arrival rate seen in them, and the history that forecasts rest on.

use std::collections::{BTreeMap, VecDeque};

use crate::units::{Capacity, PerHour, Span, Time};

/// One reading of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When it was read.
    pub at: Time,
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs taken by a worker and not finished, where the source tells.
    pub in_flight: u64,
    /// Jobs that ever arrived, where the source counts them.
    pub arrived_total: Option<u64>,
}

impl Sample {
    /// Jobs not finished.
    #[must_use]
    pub const fn backlog(&self) -> u64 {
        self.waiting.saturating_add(self.in_flight)
    }
}

/// Samples kept for the arrival rate: enough for 10 minutes at a 10 s tick; more is not better, because the rate of
/// now is wanted.
const SAMPLES: usize = 64;

/// The rate of arrival is taken over this time.
const RATE_WINDOW: Span = Span::from_mins(10);

/// A rate is told over no less than this: a burst that falls between two readings is a backlog, not a rate for ever.
pub const RATE_AT_LEAST: Span = Span::from_mins(5);

/// What is known of a fleet's demand: the recent samples, and since when they are missing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Demand {
    samples: VecDeque<(Sample, Capacity)>,
    missing_since: Option<Time>,
}

impl Demand {
    /// Takes a reading, together with the capacity that was ready to work at that time (for sources that do not count
    /// arrivals). A reading that is not newer than the last is ignored; one that is older by more than the rate window
    /// tells of a clock that went back, and the readings start anew with it.
    pub fn record(&mut self, sample: Sample, ready: Capacity) {
        if let Some((last, _)) = self.samples.back() {
            if last.at.since(sample.at) > RATE_WINDOW {
                self.samples.clear();
            } else if last.at >= sample.at {
                return;
            }
        }
        self.missing_since = None;
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        // The newest reading from before the window stays: the rate covers all of the window, and two readings that
        // are further apart than that still tell one.
        while self.samples.get(1).is_some_and(|(old, _)| sample.at.since(old.at) >= RATE_WINDOW) {
            self.samples.pop_front();
        }
        self.samples.push_back((sample, ready));
    }

    /// Takes note that a reading failed.
    pub fn missed(&mut self, at: Time) {
        self.missing_since.get_or_insert(at);
    }

    /// The newest reading; `None` before the first and while readings fail.
    #[must_use]
    pub fn latest(&self) -> Option<&Sample> {
        if self.missing_since.is_some() { None } else { self.samples.back().map(|(s, _)| s) }
    }

    /// The readings that are kept, oldest first, each with the capacity that was ready to work. Recorded again in this
    /// order, they are the same.
    pub fn samples(&self) -> impl Iterator<Item = (Sample, Capacity)> {
        self.samples.iter().copied()
    }

    /// Since when readings fail.
    #[must_use]
    pub const fn missing_since(&self) -> Option<Time> {
        self.missing_since
    }

    /// How long the readings reach back from the newest; zero before the second. While it is short the arrival rate is
    /// understated: it is told over no less than [`RATE_AT_LEAST`].
    #[must_use]
    pub fn covered(&self) -> Span {
        match (self.samples.front(), self.samples.back()) {
            (Some((first, _)), Some((last, _))) => last.at.since(first.at),
            _ => Span::ZERO,
        }
    }

    /// Jobs arriving per hour, over the last `RATE_WINDOW`. By the source's own count where it has one. Else what
    /// the backlog grew by, plus what the ready capacity can have served at `rate` per unit while jobs waited: an
    /// estimate that is too high when workers are slower than configured, and blind to jobs that never wait.
    #[must_use]
    pub fn arrivals(&self, rate: PerHour) -> PerHour {
        let (Some((first, _)), Some((last, _))) = (self.samples.front(), self.samples.back()) else {
            return PerHour::ZERO;
        };
        let ms = u128::from(last.at.since(first.at).max(RATE_AT_LEAST).as_millis());
        // Thousandths of a job, so that slow rates survive the division.
        let pairs = || self.samples.iter().zip(self.samples.iter().skip(1));
        let milli_jobs = if self.samples.iter().all(|(s, _)| s.arrived_total.is_some()) {
            let count = |s: &Sample| s.arrived_total.unwrap_or(0);
            // A counter that went back was reset: it counts from zero.
            let arrived = pairs().map(|((from, _), (to, _))| {
                let (a, b) = (count(from), count(to));
                u128::from(if b >= a { b - a } else { b })
            });
            arrived.sum::<u128>().saturating_mul(1_000)
        } else {
            let grew = i128::from(last.backlog()) - i128::from(first.backlog());
            let mut served = 0_u128;
            for ((from, ready), (to, _)) in pairs() {
                let span = to.at.since(from.at);
                // Across a longer gap nobody knows who worked.
                if from.backlog() > 0 && to.backlog() > 0 && span <= RATE_WINDOW {
                    // units(milli) x jobs/h(milli) x ms / (1000 x 3.6e6) = milli-jobs
                    let work = u128::from(ready.milli()).saturating_mul(u128::from(rate.milli()));
                    served = served.saturating_add(work.saturating_mul(u128::from(span.as_millis())) / 3_600_000_000);
                }
            }
            let served = i128::try_from(served).unwrap_or(i128::MAX);
            u128::try_from((grew * 1_000).saturating_add(served)).unwrap_or(0)
        };
        PerHour::from_milli(u64::try_from(milli_jobs.saturating_mul(3_600_000) / ms).unwrap_or(u64::MAX))
    }
}

/// An hour of history: the need in it, over all readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hour {
    /// Sum of the readings' need, in thousandths of a unit.
    pub sum_milli: u64,
    /// Number of readings.
    pub readings: u32,
    /// The highest need.
    pub peak: Capacity,
}

/// Hours kept: eight weeks. A profile by hour of the week gets eight values a slot from it, and a change of habit is
/// forgotten within two months.
pub const HISTORY_HOURS: usize = 8 * 7 * 24;

/// The need of past hours, keyed by the hour's number since the epoch. Hours without a reading are absent: a gap is a
/// gap, not a zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    hours: BTreeMap<i64, Hour>,
}

impl History {
    /// The number of the hour that holds this moment.
    #[must_use]
    pub const fn hour_of(at: Time) -> i64 {
        at.as_millis().div_euclid(3_600_000)
    }

    /// Adds a reading of need and returns the hour's number with what is now known of it.
    pub fn record(&mut self, at: Time, need: Capacity) -> (i64, Hour) {
        let number = Self::hour_of(at);
        let hour = self.hours.entry(number).or_default();
        hour.sum_milli = hour.sum_milli.saturating_add(need.milli());
        hour.readings = hour.readings.saturating_add(1);
        hour.peak = hour.peak.max(need);
        let result = (number, *hour);
        self.trim();
        result
    }

    /// Puts a whole hour back, as read from the store.
    pub fn restore(&mut self, number: i64, hour: Hour) {
        self.hours.insert(number, hour);
        self.trim();
    }

    /// The hours in order.
    pub fn hours(&self) -> impl DoubleEndedIterator<Item = (i64, &Hour)> {
        self.hours.iter().map(|(n, h)| (*n, h))
    }

    /// The oldest hour, and how many there are: what the ledger needs to forget in step.
    #[must_use]
    pub fn oldest(&self) -> Option<i64> {
        self.hours.keys().next().copied()
    }

    fn trim(&mut self) {
        while self.hours.len() > HISTORY_HOURS {
            self.hours.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(s: i64, waiting: u64, total: Option<u64>) -> Sample {
        Sample { at: Time::from_millis(s * 1_000), waiting, in_flight: 0, arrived_total: total }
    }

    #[test]
    fn counted_arrivals_are_believed() {
        let mut demand = Demand::default();
        demand.record(sample(0, 5, Some(100)), Capacity::ZERO);
        demand.record(sample(360, 5, Some(160)), Capacity::ZERO);
        assert_eq!(demand.arrivals(PerHour::new(1)), PerHour::new(600));
    }

    #[test]
    fn a_burst_between_two_readings_is_no_rate_for_ever() {
        let mut demand = Demand::default();
        demand.record(sample(0, 0, None), Capacity::ZERO);
        demand.record(sample(1, 500, None), Capacity::ZERO);
        assert_eq!(demand.arrivals(PerHour::new(1)), PerHour::new(6_000));
    }

    #[test]
    fn uncounted_arrivals_are_growth_plus_what_was_served() {
        let mut demand = Demand::default();
        demand.record(sample(0, 50, None), Capacity::units(10));
        demand.record(sample(360, 50, None), Capacity::units(10));
        // Ten units at 60 an hour served 60 in six minutes, and the queue stood still: 600 an hour arrive.
        assert_eq!(demand.arrivals(PerHour::new(60)), PerHour::new(600));
    }

    #[test]
    fn a_missing_reading_hides_the_last_one() {
        let mut demand = Demand::default();
        demand.record(sample(0, 5, None), Capacity::ZERO);
        demand.missed(Time::from_millis(10_000));
        demand.missed(Time::from_millis(20_000));
        assert_eq!(demand.latest(), None);
        assert_eq!(demand.missing_since(), Some(Time::from_millis(10_000)));
        demand.record(sample(30, 7, None), Capacity::ZERO);
        assert_eq!(demand.latest().map(|s| s.waiting), Some(7));
        assert_eq!(demand.missing_since(), None);
    }

    #[test]
    fn history_is_bounded_and_keeps_gaps() {
        let mut history = History::default();
        for hour in 0..2_000_i64 {
            if hour % 2 == 0 {
                history.record(Time::from_millis(hour * 3_600_000), Capacity::ONE);
            }
        }
        assert!(history.hours().count() <= HISTORY_HOURS);
        assert!(history.hours().all(|(n, _)| n % 2 == 0));
    }
}
