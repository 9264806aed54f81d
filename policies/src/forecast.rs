//! Need at future moments, as quantiles.
//!
//! One method so far, *profile x level*:
//!
//! * **Profile**: what is usual at an hour: the median of the mean need of the same hour of the week in all earlier
//!   weeks on record (the same hour of the day in earlier days, with less than two weeks of history).
//! * **Level**: how the last 24 hours compare with their own profile, as a ratio of sums, between a quarter and four;
//!   one, where fewer than six of these hours have both.
//! * **Point**: profile of the hour x level of now. The hour of now is not finished and is not used.
//! * **Quantiles**: of what really came over what the same method said, at the same number of hours ahead, for all
//!   hours of the last four weeks where both exist: the method is replayed on its own past, and a quantile is the
//!   empirical one of these ratios (the `ceil((n + 1) q)`-th of n, as split conformal prediction has it) times the
//!   point. So a method that is worse further ahead has wider quantiles there.
//!
//! A unit is added to both sides of a ratio, so that a need of zero has one.
//! All of it is integer arithmetic on thousandths of a unit: every platform forecasts alike. Means are forecast, not
//! peaks within the hour.
//!
//! The reader of a [`Forecast`] does not know what made it: an ensemble of methods fits behind [`forecast`].

use crate::demand::History;
use crate::units::{Capacity, Share, Span, Time};

/// Need at horizons, as quantiles. Made by one or several methods; the reader does not know which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forecast {
    /// The method that made it, for reports.
    pub method: &'static str,
    /// One per horizon asked for of which something can be told, in the order asked.
    pub points: Vec<Point>,
}

/// The forecast for one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// How far ahead.
    pub ahead: Span,
    /// The value of each quantile asked for, in the order asked.
    pub quantiles: Vec<(Share, Capacity)>,
}

/// The forecast from hours seen so far. `None` while there are fewer than two days of them, and where nothing can be told
/// of any horizon: no such hour is on record, too few can be replayed for a quantile, or it lies more than four weeks
/// ahead.
#[must_use]
pub fn forecast(history: &History, now: Time, ahead: &[Span], quantiles: &[Share]) -> Option<Forecast> {
    let current = History::hour_of(now);
    let method = Profile::new(history, current)?;
    let mut known: Vec<(i64, Option<Vec<Capacity>>)> = Vec::new();
    let mut points = Vec::with_capacity(ahead.len());
    for &span in ahead {
        let lead = History::hour_of(now.plus(span)).saturating_sub(current);
        let at = known.iter().position(|(l, _)| *l == lead).unwrap_or_else(|| {
            known.push((lead, if lead > FURTHEST { None } else { method.quantiles(lead, quantiles) }));
            known.len() - 1
        });
        if let Some(values) = &known[at].1 {
            let quantiles = quantiles.iter().copied().zip(values.iter().copied()).collect();
            points.push(Point { ahead: span, quantiles });
        }
    }
    (!points.is_empty()).then(|| Forecast { method: method.name(), points })
}

/// How good the forecast of this horizon and quantile was for the hours of the last week: what it said of each, so long
/// before it, against what came. `None` where fewer than a day of them can be told.
#[must_use]
pub fn accuracy(history: &History, now: Time, ahead: Span, quantile: Share) -> Option<Accuracy> {
    let current = History::hour_of(now);
    let lead = History::hour_of(now.plus(ahead)).saturating_sub(current);
    if lead > FURTHEST {
        return None;
    }
    let method = Profile::new(history, current)?;
    let (mut hours, mut covered, mut error, mut need) = (0_u32, 0_u32, 0_u128, 0_u128);
    for number in (current - WEEK).max(method.first)..current {
        let origin = number - lead;
        let said = method.point(number, origin).and_then(|point| {
            let ratios = method.ratios(lead, origin)?;
            Some((at_share(point, &ratios, MEDIAN), at_share(point, &ratios, quantile)))
        });
        if let (Some(actual), Some((median, high))) = (method.mean(number), said) {
            hours += 1;
            covered += u32::from(actual <= u128::from(high.milli()));
            error += actual.abs_diff(u128::from(median.milli()));
            need += actual;
        }
    }
    if usize::try_from(hours).ok()? < LEAST_RATIOS {
        return None;
    }
    let share = |part: u128, whole: u128| {
        let points = (part.saturating_mul(10_000) / whole.max(1)).min(u128::from(u32::MAX));
        Share::from_basis_points(u32::try_from(points).unwrap_or(u32::MAX))
    };
    Some(Accuracy { error: share(error, need), covered: share(covered.into(), hours.into()), hours })
}

/// How good a forecast was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accuracy {
    /// Sum of the absolute errors of the median over the sum of what was needed (WAPE). More than the whole, when it was
    /// wrong by more than what was needed.
    pub error: Share,
    /// Share of the hours that needed no more than the quantile said. Close to the quantile where the forecast is
    /// calibrated.
    pub covered: Share,
    /// Of so many hours.
    pub hours: u32,
}

/// Half of the time it is more.
const MEDIAN: Share = Share::percent(50);

/// Nothing is said of what lies further ahead, in hours: it could not be replayed on what is kept.
const FURTHEST: i64 = 4 * WEEK;
/// Hours of history without which there is no forecast.
const LEAST_HOURS: usize = 48;
/// From so long a history on the profile is by hour of the week.
const WEEKLY_FROM: i64 = 14 * DAY;
/// Hours of a day and of a week.
const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;
/// The level is taken over so many hours, and only if so many of them are known: a day has all hours of a day.
const LEVEL_HOURS: i64 = DAY;
const LEVEL_LEAST: u64 = 6;
/// The level stays within a quarter and four: beyond that a day says more about a fault than about the next hour.
const LEVEL_BOUND: u128 = 4;
/// Replayed hours: four weeks, so that quantiles follow a change of habit within a month.
const REPLAY_HOURS: i64 = 4 * WEEK;
/// A quantile from fewer ratios than these (a day of hours) would be a guess.
const LEAST_RATIOS: usize = 24;
/// Added to both sides of a ratio, in thousandths: one unit.
const EPSILON: u128 = 1_000;
/// Ratios are in millionths.
const RATIO: u128 = 1_000_000;

/// The method profile x level, prepared for one moment.
struct Profile {
    period: i64,
    /// Number of the first hour in the tables.
    first: i64,
    /// Number of the hour that is not finished.
    current: i64,
    /// Mean need by hour, in thousandths.
    means: Vec<Option<u128>>,
    /// What was usual at each hour, by the hours a period and more before it.
    usual: Vec<Option<u128>>,
    /// Sums over all hours before the index where both exist: means, usuals, how many.
    sums: Vec<(u128, u128, u64)>,
}

impl Profile {
    fn new(history: &History, current: i64) -> Option<Self> {
        let hours = || history.hours().filter(|(n, h)| *n < current && h.readings > 0);
        let first = hours().next().map(|(n, _)| n)?;
        if hours().count() < LEAST_HOURS {
            return None;
        }
        let period = if current - first >= WEEKLY_FROM { WEEK } else { DAY };
        // Hours are few: the history is bounded. Hours far apart (a clock that leapt) are no history.
        let length = usize::try_from(current - first).ok().filter(|l| *l <= 2 * crate::demand::HISTORY_HOURS)?;
        let mut means = vec![None; length];
        for (number, hour) in hours() {
            if let Some(slot) = usize::try_from(number - first).ok().and_then(|i| means.get_mut(i)) {
                *slot = Some(u128::from(hour.sum_milli) / u128::from(hour.readings));
            }
        }
        let mut profile = Self { period, first, current, means, usual: Vec::new(), sums: vec![(0, 0, 0)] };
        let mut sum = (0, 0, 0);
        for number in first..current {
            let usual = profile.usual_at(number, current);
            if let (Some(mean), Some(usual)) = (profile.mean(number), usual) {
                sum = (sum.0 + mean, sum.1 + usual, sum.2 + 1);
            }
            profile.usual.push(usual);
            profile.sums.push(sum);
        }
        Some(profile)
    }

    fn name(&self) -> &'static str {
        if self.period == WEEK { "hour of week x level" } else { "hour of day x level" }
    }

    fn mean(&self, number: i64) -> Option<u128> {
        self.means.get(usize::try_from(number - self.first).ok()?).copied().flatten()
    }

    /// The median of the same hour in earlier periods, as known at `origin`: only what is a period or more before, and
    /// before the origin.
    fn usual_at(&self, number: i64, origin: i64) -> Option<u128> {
        let mut same = Vec::with_capacity(8);
        let mut earlier = number - self.period;
        while earlier >= self.first {
            if earlier < origin {
                same.extend(self.mean(earlier));
            }
            earlier -= self.period;
        }
        same.sort_unstable();
        let middle = same.len() / 2;
        match same.len() {
            0 => None,
            n if n % 2 == 1 => Some(same[middle]),
            _ => Some(same[middle - 1].midpoint(same[middle])),
        }
    }

    /// What the method says at `origin` of the hour `number`, not before it.
    fn point(&self, number: i64, origin: i64) -> Option<u128> {
        // What lies less than a period ahead has its profile in the table.
        let tabled = usize::try_from(number - self.first).ok().filter(|_| number - self.period < origin);
        let usual = match tabled.and_then(|i| self.usual.get(i)) {
            Some(usual) => (*usual)?,
            None => self.usual_at(number, origin)?,
        };
        let (above, below) = self.level(origin);
        Some(usual.saturating_mul(above) / below.max(1))
    }

    /// Actual over usual of the last day before `origin`, as a fraction within bounds.
    fn level(&self, origin: i64) -> (u128, u128) {
        let at = |number: i64| {
            let index = usize::try_from((number - self.first).max(0)).unwrap_or(0);
            self.sums.get(index).or(self.sums.last()).copied().unwrap_or_default()
        };
        let (before, after) = (at(origin - LEVEL_HOURS), at(origin));
        let (actual, usual, hours) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        if hours < LEVEL_LEAST || usual == 0 {
            return (1, 1);
        }
        (actual.clamp(usual / LEVEL_BOUND, usual * LEVEL_BOUND), usual)
    }

    /// The quantiles of the need so many hours ahead.
    fn quantiles(&self, lead: i64, quantiles: &[Share]) -> Option<Vec<Capacity>> {
        let point = self.point(self.current + lead, self.current)?;
        let ratios = self.ratios(lead, self.current)?;
        Some(quantiles.iter().map(|share| at_share(point, &ratios, *share)).collect())
    }

    /// What came over what was said so many hours before, for the hours before `origin`; sorted. `None` when they are too
    /// few.
    fn ratios(&self, lead: i64, origin: i64) -> Option<Vec<u128>> {
        let mut ratios: Vec<u128> = Vec::new();
        for number in (origin - REPLAY_HOURS).max(self.first)..origin {
            if let (Some(actual), Some(said)) = (self.mean(number), self.point(number, number - lead)) {
                ratios.push((actual + EPSILON) * RATIO / (said + EPSILON));
            }
        }
        ratios.sort_unstable();
        (ratios.len() >= LEAST_RATIOS).then_some(ratios)
    }
}

/// The point times this quantile of the ratios, which are sorted and not empty.
fn at_share(point: u128, ratios: &[u128], share: Share) -> Capacity {
    let rank = (ratios.len() + 1) * usize::try_from(share.basis_points()).unwrap_or(usize::MAX).min(10_000);
    let rank = rank.div_ceil(10_000).clamp(1, ratios.len());
    let milli = (point + EPSILON).saturating_mul(ratios[rank - 1]) / RATIO;
    Capacity::from_milli(u64::try_from(milli.saturating_sub(EPSILON)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand::Hour;
    use crate::rng::Stream;

    const Q: [Share; 2] = [Share::percent(50), Share::percent(90)];

    /// So many hours from hour 0 on, with the need that `shape` gives, in thousandths.
    fn history(hours: i64, shape: impl Fn(i64) -> u64) -> History {
        let mut history = History::default();
        for number in 0..hours {
            let need = shape(number);
            history.restore(number, Hour { sum_milli: need * 3, readings: 3, peak: Capacity::from_milli(need) });
        }
        history
    }

    fn at(hour: i64) -> Time {
        Time::from_millis(hour * 3_600_000 + 120_000)
    }

    fn values(history: &History, hour: i64, ahead: u64) -> Vec<u64> {
        let forecast = forecast(history, at(hour), &[Span::from_hours(ahead)], &Q).unwrap();
        forecast.points[0].quantiles.iter().map(|(_, c)| c.milli()).collect()
    }

    fn office(hour: i64) -> u64 {
        let (day, hour) = (hour.div_euclid(24) % 7, hour.rem_euclid(24));
        if day < 5 && (9..17).contains(&hour) { 20_000 } else { 2_000 }
    }

    #[test]
    fn under_two_days_there_is_no_forecast() {
        assert_eq!(forecast(&history(47, |_| 5_000), at(47), &[Span::ZERO], &Q), None);
        assert!(forecast(&history(60, |_| 5_000), at(60), &[Span::ZERO], &Q).is_some());
        assert_eq!(forecast(&History::default(), at(60), &[Span::ZERO], &Q), None);
    }

    #[test]
    fn a_week_that_repeats_is_foreseen() {
        let past = history(28 * 24, office);
        // Friday 8:02, and an hour ahead; then Saturday 8:02, when nobody comes.
        assert_eq!(values(&past, 28 * 24, 9), [20_000, 20_000]);
        assert_eq!(values(&past, 28 * 24 + 4 * 24 + 8, 1), [20_000, 20_000]);
        assert_eq!(values(&past, 28 * 24 + 5 * 24 + 8, 1), [2_000, 2_000]);
    }

    #[test]
    fn with_less_than_two_weeks_a_day_is_like_the_others() {
        let past = history(5 * 24, |h| if (9..17).contains(&(h % 24)) { 20_000 } else { 2_000 });
        assert_eq!(values(&past, 5 * 24 + 8, 1), [20_000, 20_000]);
        assert_eq!(values(&past, 5 * 24 + 8, 0), [2_000, 2_000]);
    }

    #[test]
    fn a_busier_day_raises_the_next_hours() {
        let days = 28;
        let past = history(days * 24, |h| if h >= (days - 1) * 24 { office(h) * 2 } else { office(h) });
        let median = values(&past, days * 24, 10)[0];
        assert!((36_000..=44_000).contains(&median), "{median}");
    }

    #[test]
    fn the_last_day_counts_four_times_at_most() {
        let days = 28;
        let past = history(days * 24, |h| if h >= (days - 1) * 24 { 100_000 } else { 1_000 });
        let median = values(&past, days * 24, 1)[0];
        assert!(median <= 9_000, "{median}");
    }

    #[test]
    fn nine_of_ten_hours_stay_below_the_ninth_decile() {
        let mut noise = Stream::new(7, "forecast");
        let draws: Vec<u64> = (0..8 * 168).map(|_| noise.below(8_000)).collect();
        let shape = |h: i64| 4_000 + office(h) + draws[usize::try_from(h).unwrap()];
        let (mut below, mut all) = (0_u32, 0_u32);
        for hour in (5 * 168..8 * 168).step_by(5) {
            let past = history(hour, shape);
            let high = values(&past, hour, 3).pop().unwrap();
            all += 1;
            below += u32::from(hour + 3 >= 8 * 168 || shape((hour + 3).min(8 * 168 - 1)) <= high);
        }
        assert!((84..=96).contains(&(below * 100 / all)), "{below} of {all}");
    }

    #[test]
    fn what_repeats_was_foreseen_without_error_and_noise_was_not() {
        let calm = accuracy(&history(28 * 24, office), at(28 * 24), Span::from_hours(2), Q[1]).unwrap();
        assert_eq!((calm.error, calm.covered, calm.hours), (Share::default(), Share::WHOLE, 168));

        let mut noise = Stream::new(7, "accuracy");
        let draws: Vec<u64> = (0..8 * 168).map(|_| noise.below(8_000)).collect();
        let past = history(8 * 168, |h| 4_000 + office(h) + draws[usize::try_from(h).unwrap()]);
        let noisy = accuracy(&past, at(8 * 168), Span::from_hours(3), Q[1]).unwrap();
        // Even noise of 8 units around a mean of 14: no forecast can do better than 2 units, a seventh.
        assert!((1_300..=2_200).contains(&noisy.error.basis_points()), "{noisy:?}");
        assert!((8_200..=9_700).contains(&noisy.covered.basis_points()), "{noisy:?}");

        // Four times as much on the last of seven days was not foreseen before some hours of it had come.
        let jumped = history(28 * 24, |h| if h >= 27 * 24 { office(h) * 4 } else { office(h) });
        let jumped = accuracy(&jumped, at(28 * 24), Span::from_hours(2), Q[1]).unwrap();
        assert!(jumped.error > Share::percent(5) && jumped.covered < Share::WHOLE, "{jumped:?}");
    }

    #[test]
    fn without_a_day_of_replayed_hours_nothing_is_said_of_the_error() {
        assert_eq!(accuracy(&history(60, |_| 5_000), at(60), Span::ZERO, Q[1]), None);
        assert!(accuracy(&history(100, |_| 5_000), at(100), Span::ZERO, Q[1]).is_some());
        assert_eq!(accuracy(&history(100, |_| 5_000), at(100), Span::from_hours(5_000), Q[1]), None);
        assert_eq!(accuracy(&History::default(), at(100), Span::ZERO, Q[1]), None);
    }

    #[test]
    fn gaps_are_passed_over() {
        let mut past = History::default();
        for number in (0..28 * 24).filter(|n| n % 5 != 0) {
            let sum_milli = office(number);
            past.restore(number, Hour { sum_milli, readings: 1, peak: Capacity::ZERO });
        }
        assert_eq!(values(&past, 28 * 24, 9)[0], 20_000);
    }

    #[test]
    fn the_unfinished_hour_and_later_ones_are_not_looked_at() {
        let mut past = history(28 * 24, office);
        let calm = values(&past, 28 * 24, 0);
        for number in 28 * 24..28 * 24 + 3 {
            past.restore(number, Hour { sum_milli: 900_000, readings: 1, peak: Capacity::ZERO });
        }
        assert_eq!(values(&past, 28 * 24, 0), calm);
    }

    #[test]
    fn absurd_needs_and_times_are_survived() {
        let past = history(100, |_| u64::MAX / 3);
        assert!(forecast(&past, at(100), &[Span::from_hours(u64::MAX)], &Q).is_none());
        let _ = forecast(&past, at(100), &[Span::from_hours(500)], &Q);
        let _ = forecast(&past, Time::from_millis(i64::MAX), &[Span::ZERO], &Q);
        let _ = forecast(&past, Time::from_millis(i64::MIN), &[Span::ZERO], &Q);
    }
}
