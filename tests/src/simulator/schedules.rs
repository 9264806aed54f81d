//! Schedules of fleets: as the controller gets them, and the same in the oracle's own terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use policies::model::{Fleet, FleetName};
use policies::rng::Stream;
use policies::schedule::{Cron, DayRule, End, Fields, Schedule, TimeZone};
use policies::units::{Capacity, Span, Time};

use super::story::{START, pick};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Other bounds for a part of each day.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// One of its begins.
    from: Time,
    /// Less than a day.
    length: Span,
    min: Option<Capacity>,
    max: Option<Capacity>,
}

/// The windows of each fleet.
pub(super) type Windows = BTreeMap<FleetName, Vec<Window>>;

impl Window {
    fn on(&self, clock: Time) -> bool {
        let into = (clock.as_millis() - self.from.as_millis()).rem_euclid(DAY);
        into.unsigned_abs() < self.length.as_millis()
    }
}

/// Bounds in force by the clock, where the operator has ordered these: an order stands for the schedules too, and the
/// maximum wins, but no schedule cuts what is ordered.
pub(super) fn bounds(
    windows: &Windows,
    fleet: &Fleet,
    clock: Time,
    ordered: (Option<Capacity>, Option<Capacity>),
) -> (Capacity, Capacity) {
    let on = || windows.get(&fleet.name).into_iter().flatten().filter(|w| w.on(clock));
    let (least, most) = ordered;
    let max = most.unwrap_or_else(|| {
        let lowest = on().filter_map(|w| w.max).min().unwrap_or(fleet.max);
        lowest.max(least.unwrap_or_default()).min(fleet.max)
    });
    let min = least.unwrap_or_else(|| on().filter_map(|w| w.min).fold(fleet.min, Capacity::max));
    (min.min(max), max)
}

/// Gives the fleet one to three schedules, and their windows. Some are on at the end of the run.
pub(super) fn draw(seed: u64, fleet: &mut Fleet, length: Span) -> Vec<Window> {
    let mut draws = Stream::new(seed, &format!("schedules {}", fleet.name));
    let most = fleet.max.milli() / 1_000;
    let mut windows = Vec::new();
    for number in 0..=draws.below(3) {
        let minutes = length.as_millis() / Span::from_mins(1).as_millis();
        let begin = START.as_millis().div_euclid(MINUTE) * MINUTE - 10 * MINUTE;
        let from = Time::from_millis(begin).plus(Span::from_mins(draws.below(minutes + 10)));
        let lasts = if draws.chance(4_000) { 12 * 60 + draws.below(600) } else { 1 + draws.below(minutes + 1) };
        let kind = draws.below(3);
        let min = (kind != 1).then(|| Capacity::units(draws.below(most * 12 / 10 + 2)));
        let max = (kind != 0).then(|| Capacity::units(1 + draws.below(most)));
        let window = Window { from, length: Span::from_mins(lasts), min, max };
        // Clocks that differ from UTC by whole and by half hours.
        let ahead = i64::try_from(pick(&mut draws, &[0, 330, 1_005])).unwrap_or(0) - 570 * i64::from(number == 1);
        let end = daily(window.from.plus(window.length), ahead).map(End::At);
        let end = if draws.chance(5_000) { Some(End::After(window.length)) } else { end };
        let seconds = i32::try_from(ahead * 60).unwrap_or(0);
        let zone = Arc::new(TimeZone::new("Simulated", seconds, Vec::new()).unwrap_or_else(TimeZone::utc));
        if let (Some(from), Some(end)) = (daily(window.from, ahead), end) {
            let name = format!("s{}", number + 1).into();
            fleet.schedules.push(Schedule { name, from, end, zone, min, max });
            windows.push(window);
        }
    }
    windows
}

/// The expression that fires each day at this time, by clocks that are so many minutes ahead.
fn daily(at: Time, ahead: i64) -> Option<Cron> {
    let of_day = (at.as_millis().div_euclid(MINUTE) + ahead).rem_euclid(24 * 60);
    let (hour, minute) = (of_day / 60, of_day % 60);
    let all = u64::MAX;
    let fields =
        Fields { minutes: 1 << minute, hours: 1 << hour, days: all, months: all, weekdays: all, rule: DayRule::Both };
    Cron::new(&format!("{minute} {hour} * * *"), fields)
}
