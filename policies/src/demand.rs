//! Measured need: readings of queues and metrics, the rates seen in them, and the history that forecasts rest on.

use std::collections::{BTreeMap, VecDeque};

use crate::model::SourceName;
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

/// One reading of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level {
    /// When it was read.
    pub at: Time,
    /// Its value, in thousandths.
    pub milli: u64,
}

/// One reading of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Of a queue.
    Jobs(Sample),
    /// Of a metric.
    Value(Level),
}

/// Samples kept for the arrival rate: enough for 10 minutes at a 10 s tick; more is not better, because the rate of
/// now is wanted.
const SAMPLES: usize = 64;

/// The rate of arrival is taken over this time.
const RATE_WINDOW: Span = Span::from_mins(10);

/// A rate is told over no less than this: a burst that falls between two readings is a backlog, not a rate for ever.
pub const RATE_AT_LEAST: Span = Span::from_mins(5);

/// What is known of a fleet's demand, by source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Demand {
    sources: BTreeMap<SourceName, Readings>,
}

impl Demand {
    /// What is known from this source; `None` before its first reading and its first failure.
    #[must_use]
    pub fn of(&self, source: &SourceName) -> Option<&Readings> {
        self.sources.get(source)
    }

    /// The same, to add to.
    pub fn of_mut(&mut self, source: &SourceName) -> &mut Readings {
        self.sources.entry(source.clone()).or_default()
    }

    /// What is known, source by source.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceName, &Readings)> {
        self.sources.iter()
    }

    /// Forgets the sources that are not told to stay.
    pub fn retain(&mut self, stays: impl Fn(&SourceName) -> bool) {
        self.sources.retain(|name, _| stays(name));
    }

    /// The source that has been silent for longest, and since when; `None` while all can be read.
    #[must_use]
    pub fn silent(&self) -> Option<(&SourceName, Time)> {
        let silent = self.sources.iter().filter_map(|(name, r)| Some((name, r.missing_since()?)));
        silent.min_by_key(|(_, since)| *since)
    }

    /// Jobs not finished, over all queues that can be read; `None` when there is none.
    #[must_use]
    pub fn backlog(&self) -> Option<u64> {
        let backlogs = self.sources.values().filter_map(|r| Some(r.latest()?.backlog()));
        backlogs.reduce(u64::saturating_add)
    }
}

/// What is known from one source: its recent readings, since when they are missing, and how fast work was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Readings {
    samples: VecDeque<(Sample, Capacity)>,
    level: Option<Level>,
    missing_since: Option<Time>,
    pace: Pace,
}

impl Readings {
    /// Takes a reading, together with the capacity that was ready to work at that time. A reading that is not newer than
    /// the last is ignored; one that is older by more than the rate window tells of a clock that went back, and the
    /// readings start anew with it.
    pub fn record(&mut self, reading: Reading, ready: Capacity) {
        match reading {
            Reading::Jobs(sample) => self.record_jobs(sample, ready),
            Reading::Value(level) => {
                self.missing_since = None;
                self.level = Some(level);
            }
        }
    }

    fn record_jobs(&mut self, sample: Sample, ready: Capacity) {
        if let Some((last, was_ready)) = self.samples.back() {
            if last.at.since(sample.at) > RATE_WINDOW {
                self.samples.clear();
            } else if last.at >= sample.at {
                return;
            } else {
                self.pace.learn(last, &sample, (*was_ready).min(ready));
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

    /// The newest reading of a queue; `None` before the first and while readings fail.
    #[must_use]
    pub fn latest(&self) -> Option<&Sample> {
        if self.missing_since.is_some() { None } else { self.samples.back().map(|(s, _)| s) }
    }

    /// The newest value of a metric, in thousandths; `None` before the first and while readings fail.
    #[must_use]
    pub fn value(&self) -> Option<u64> {
        if self.missing_since.is_some() { None } else { self.level.map(|level| level.milli) }
    }

    /// The newest value of a metric, also while readings fail.
    #[must_use]
    pub const fn level(&self) -> Option<Level> {
        self.level
    }

    /// The readings of a queue that are kept, oldest first, each with the capacity that was ready to work.
    pub fn samples(&self) -> impl Iterator<Item = (Sample, Capacity)> {
        self.samples.iter().copied()
    }

    /// Since when readings fail.
    #[must_use]
    pub const fn missing_since(&self) -> Option<Time> {
        self.missing_since
    }

    /// How fast work was done while jobs waited.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// There was an attempt to read it since the start, well or badly.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.missing_since.is_some() || self.level.is_some() || !self.samples.is_empty()
    }

    /// Puts back how fast work was done, as read from the store.
    pub const fn restore(&mut self, pace: Pace) {
        self.pace = pace;
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

/// How fast work was done while jobs waited, so that all that was ready can be taken to have worked: jobs finished, and the
/// work that they took. Newer work counts for more: both are halved when the work passes [`PACE_WORK`].
///
/// A time in which nothing was finished teaches nothing until a job is: workers that stand still do not make jobs longer,
/// and a fleet that grows because its workers are broken helps nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pace {
    /// Jobs finished, in thousandths.
    pub done_milli: u64,
    /// Work that they took, in thousandths of a unit times seconds.
    pub work_milli_s: u64,
    /// Work since the last job was finished; not kept on disk.
    pub since_done_milli_s: u64,
}

/// Work that a pace is told by: 20 units for an hour. A large fleet learns anew within minutes, a single machine within
/// a day.
pub const PACE_WORK: u64 = 20 * 3_600 * 1_000;

/// A pace is told by no fewer finished jobs: one may be long or short by chance.
pub const PACE_JOBS: u64 = 5;

impl Pace {
    /// Learns from two readings in a row, between which so much was ready. Only a source that counts arrivals tells what
    /// was finished.
    fn learn(&mut self, from: &Sample, to: &Sample, ready: Capacity) {
        let span = to.at.since(from.at);
        let (Some(before), Some(after)) = (from.arrived_total, to.arrived_total) else { return };
        // Nobody knows who worked across a long gap, when nothing waited, or after a counter was reset.
        if span > RATE_WINDOW || from.waiting == 0 || to.waiting == 0 || ready.is_zero() || after < before {
            self.since_done_milli_s = 0;
            return;
        }
        let work = u128::from(ready.milli()).saturating_mul(u128::from(span.as_millis())) / 1_000;
        let work = u64::try_from(work).unwrap_or(u64::MAX).saturating_add(self.since_done_milli_s);
        let done = (after - before).saturating_add(from.backlog()).saturating_sub(to.backlog());
        if done == 0 {
            self.since_done_milli_s = work;
            return;
        }
        // Of a standstill counts what four usual jobs would have taken, at most.
        let usual = self.work_milli_s.saturating_mul(1_000).checked_div(self.done_milli);
        let most = usual
            .map_or(u64::MAX, |one| one.saturating_mul(done.saturating_add(3)).max(work - self.since_done_milli_s));
        self.since_done_milli_s = 0;
        self.done_milli = self.done_milli.saturating_add(done.saturating_mul(1_000));
        self.work_milli_s = self.work_milli_s.saturating_add(work.min(most));
        while self.work_milli_s > PACE_WORK {
            self.work_milli_s /= 2;
            self.done_milli = (self.done_milli / 2).max(1);
        }
    }

    /// What is kept of it on disk.
    #[must_use]
    pub const fn kept(self) -> Self {
        Self { since_done_milli_s: 0, ..self }
    }

    /// Jobs that one unit finishes in an hour; `None` until [`PACE_JOBS`] were finished.
    #[must_use]
    pub fn rate(&self) -> Option<PerHour> {
        // milli-jobs x 3600 s x 1000 / milli-unit-seconds = milli-jobs per unit-hour
        let above = u128::from(self.done_milli).saturating_mul(3_600_000);
        let rate = above.checked_div(u128::from(self.work_milli_s))?;
        let known = self.done_milli >= PACE_JOBS * 1_000;
        (known && rate > 0).then(|| PerHour::from_milli(u64::try_from(rate).unwrap_or(u64::MAX)))
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

    fn jobs(s: i64, waiting: u64, total: Option<u64>) -> Reading {
        Reading::Jobs(Sample { at: Time::from_millis(s * 1_000), waiting, in_flight: 0, arrived_total: total })
    }

    /// Two units with jobs waiting all the time, that finish so many in each of the steps of so many seconds.
    fn paced(step: i64, done: &[u64]) -> Pace {
        let mut readings = Readings::default();
        let mut arrived = 1_000;
        readings.record(jobs(0, 500, Some(arrived)), Capacity::units(2));
        for (i, n) in (1..).zip(done) {
            arrived += n;
            readings.record(jobs(i * step, 500, Some(arrived)), Capacity::units(2));
        }
        readings.pace()
    }

    #[test]
    fn the_pace_is_told_by_jobs_finished_while_others_wait() {
        // Three in a minute by two units: 90 an hour each.
        assert_eq!(paced(60, &[3, 3, 3]).rate(), Some(PerHour::new(90)));
        assert_eq!(paced(60, &[2, 2]).rate(), None, "four jobs say little");
        // Long jobs: one in ten minutes, half of the readings see none.
        assert_eq!(paced(300, &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]).rate(), Some(PerHour::new(3)));
    }

    #[test]
    fn workers_that_stand_still_do_not_make_jobs_longer() {
        let usual = paced(60, &[3; 20]);
        let mut stands = vec![3; 20];
        stands.extend([0; 500]);
        assert_eq!(paced(60, &stands).rate(), usual.rate());
        stands.push(3);
        let after = paced(60, &stands).rate().expect("known").milli();
        assert!(after > usual.rate().expect("known").milli() * 8 / 10, "{after}");
    }

    #[test]
    fn nothing_is_learned_where_nobody_had_to_work() {
        let mut readings = Readings::default();
        for s in 0..20 {
            readings.record(jobs(s * 60, 0, Some(s.unsigned_abs() * 10)), Capacity::units(2));
        }
        assert_eq!(readings.pace(), Pace::default());
        let mut readings = Readings::default();
        for s in 0..20 {
            readings.record(jobs(s * 60, 9, Some(s.unsigned_abs() * 10)), Capacity::ZERO);
        }
        assert_eq!(readings.pace(), Pace::default(), "nobody was there");
    }

    #[test]
    fn the_pace_follows_when_jobs_get_longer() {
        let mut done = vec![10; 300];
        done.extend([5; 3_000]);
        let rate = paced(60, &done).rate().expect("known").milli();
        assert!((148_000..=160_000).contains(&rate), "{rate}");
    }

    #[test]
    fn counted_arrivals_are_believed() {
        let mut readings = Readings::default();
        readings.record(jobs(0, 5, Some(100)), Capacity::ZERO);
        readings.record(jobs(360, 5, Some(160)), Capacity::ZERO);
        assert_eq!(readings.arrivals(PerHour::new(1)), PerHour::new(600));
    }

    #[test]
    fn a_burst_between_two_readings_is_no_rate_for_ever() {
        let mut readings = Readings::default();
        readings.record(jobs(0, 0, None), Capacity::ZERO);
        readings.record(jobs(1, 500, None), Capacity::ZERO);
        assert_eq!(readings.arrivals(PerHour::new(1)), PerHour::new(6_000));
    }

    #[test]
    fn uncounted_arrivals_are_growth_plus_what_was_served() {
        let mut readings = Readings::default();
        readings.record(jobs(0, 50, None), Capacity::units(10));
        readings.record(jobs(360, 50, None), Capacity::units(10));
        // Ten units at 60 an hour served 60 in six minutes, and the queue stood still: 600 an hour arrive.
        assert_eq!(readings.arrivals(PerHour::new(60)), PerHour::new(600));
    }

    #[test]
    fn a_missing_reading_hides_the_last_one() {
        let mut readings = Readings::default();
        readings.record(jobs(0, 5, None), Capacity::ZERO);
        readings.missed(Time::from_millis(10_000));
        readings.missed(Time::from_millis(20_000));
        assert_eq!(readings.latest(), None);
        assert_eq!(readings.missing_since(), Some(Time::from_millis(10_000)));
        readings.record(jobs(30, 7, None), Capacity::ZERO);
        assert_eq!(readings.latest().map(|s| s.waiting), Some(7));
        assert_eq!(readings.missing_since(), None);
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
