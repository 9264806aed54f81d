//! Tests of schedules. That readings, gaps and folds agree with the rules of real zones is tried in crate `config`,
//! against a walk minute by minute.

use super::*;

/// 2024-01-01T00:00:00Z, a Monday.
const MONDAY: i64 = 1_704_067_200_000;
const HOUR: i64 = 60 * MINUTE;

fn at(day: i64, hour: i64, minute: i64) -> Time {
    Time::from_millis(MONDAY + day * DAY + hour * HOUR + minute * MINUTE)
}

/// Each day at this minute.
fn daily(hour: u32, minute: u32) -> Cron {
    let fields = Fields {
        minutes: 1 << minute,
        hours: 1 << hour,
        days: u64::MAX,
        months: u64::MAX,
        weekdays: u64::MAX,
        rule: DayRule::Both,
    };
    Cron::new(&format!("{minute} {hour} * * *"), fields).unwrap()
}

fn on(from: Cron, end: End, zone: TimeZone) -> Schedule {
    Schedule { name: "s".into(), from, end, zone: Arc::new(zone), min: None, max: None }
}

/// Clocks that go forward by an hour at two in the morning of day 1, and back at three of day 3.
fn summer() -> TimeZone {
    TimeZone::new("Test", 0, vec![(at(1, 2, 0), 3_600), (at(3, 2, 0), 0)]).unwrap()
}

#[test]
fn a_schedule_is_on_from_its_begin_to_its_end() {
    let schedule = on(daily(8, 0), End::At(daily(19, 0)), TimeZone::utc());
    assert!(!schedule.active(Time::from_millis(at(0, 8, 0).as_millis() - 1)));
    assert!(schedule.active(at(0, 8, 0)));
    assert!(schedule.active(Time::from_millis(at(0, 19, 0).as_millis() - 1)));
    assert!(!schedule.active(at(0, 19, 0)));
    assert_eq!(schedule.next_change(at(0, 7, 59)), Some(at(0, 8, 0)));
    assert_eq!(schedule.next_change(at(0, 8, 0)), Some(at(0, 19, 0)));
    assert_eq!(schedule.next_change(at(0, 19, 0)), Some(at(1, 8, 0)));
}

#[test]
fn it_spans_midnight() {
    let schedule = on(daily(22, 0), End::At(daily(6, 0)), TimeZone::utc());
    assert!(schedule.active(at(0, 23, 0)) && schedule.active(at(1, 5, 59)));
    assert!(!schedule.active(at(1, 6, 0)));
    let long = on(daily(22, 0), End::After(Span::from_hours(8)), TimeZone::utc());
    assert!(long.active(at(1, 5, 59)) && !long.active(at(1, 6, 0)));
    assert_eq!(long.next_change(at(0, 22, 0)), Some(at(1, 6, 0)));
}

#[test]
fn begun_again_before_its_length_is_over_it_goes_on() {
    let schedule = on(daily(0, 0), End::After(Span::from_hours(25)), TimeZone::utc());
    assert!(schedule.active(at(0, 12, 0)));
    // It never ends; so far was looked.
    assert!(schedule.next_change(at(0, 12, 0)).is_some_and(|t| t > at(30, 0, 0)));
}

#[test]
fn a_reading_that_is_left_out_fires_at_the_end_of_the_gap() {
    let schedule = on(daily(2, 30), End::At(daily(4, 0)), summer());
    assert_eq!(schedule.next_change(at(1, 0, 0)), Some(at(1, 2, 0)), "three o'clock there");
    assert_eq!(schedule.next_change(at(1, 2, 0)), Some(at(1, 3, 0)), "four o'clock there");
    // Both in the gap: in the order of their readings.
    let within = on(daily(2, 15), End::At(daily(2, 45)), summer());
    assert!(!within.active(at(1, 2, 0)) && !within.active(at(1, 12, 0)));
    let around = on(daily(2, 45), End::At(daily(2, 15)), summer());
    assert!(around.active(at(1, 2, 0)) && around.active(at(1, 12, 0)));
}

#[test]
fn a_reading_that_comes_twice_fires_the_first_time() {
    let schedule = on(daily(2, 30), End::At(daily(2, 45)), summer());
    assert_eq!(schedule.next_change(at(3, 0, 0)), Some(at(3, 1, 30)));
    assert_eq!(schedule.next_change(at(3, 1, 30)), Some(at(3, 1, 45)));
    assert_eq!(schedule.next_change(at(3, 1, 45)), Some(at(4, 2, 30)), "not again at 2:30 of the second pass");
    assert!(!schedule.active(at(3, 2, 35)));
    // Three o'clock is not reached before the second pass is over.
    let three = on(daily(3, 0), End::At(daily(4, 0)), summer());
    assert_eq!(three.next_change(at(3, 0, 0)), Some(at(3, 3, 0)));
    assert!(!three.active(at(3, 2, 30)));
}

#[test]
fn days_of_the_month_and_of_the_week() {
    let fields =
        Fields { minutes: 1, hours: 1, days: 1 << 13, months: u64::MAX, weekdays: 1 << 5, rule: DayRule::Either };
    let end = || End::At(daily(12, 0));
    let either = on(Cron::new("0 0 13 * fri", fields).unwrap(), end(), TimeZone::utc());
    assert_eq!(either.next_change(at(0, 0, 0)), Some(at(4, 0, 0)), "Friday the 5th");
    assert_eq!(either.next_change(at(11, 13, 0)), Some(at(12, 0, 0)), "Saturday the 13th");
    let both = Cron::new("0 0 13 * fri", Fields { rule: DayRule::Both, ..fields }).unwrap();
    let both = on(both, end(), TimeZone::utc());
    assert_eq!(both.next_change(at(0, 0, 0)), Some(at(256, 0, 0)), "Friday the 13th of September");
}

#[test]
fn a_leap_day_is_found_and_a_31st_of_february_is_not() {
    let fields =
        Fields { minutes: 1, hours: 1, days: 1 << 29, months: 1 << 2, weekdays: u64::MAX, rule: DayRule::Both };
    let leap = on(Cron::new("0 0 29 2 *", fields).unwrap(), End::After(Span::from_hours(1)), TimeZone::utc());
    assert_eq!(leap.next_change(at(0, 0, 0)), Some(at(59, 0, 0)));
    assert_eq!(leap.next_change(at(60, 0, 0)), Some(at(59 + 1_461, 0, 0)));
    // 2096 is the last leap year before 2104.
    let after = Time::from_millis(3_981_312_000_000 + DAY);
    assert_eq!(leap.next_change(after), Some(Time::from_millis(4_233_686_400_000)));
    assert_eq!(Cron::new("0 0 31 2 *", Fields { days: 1 << 31, ..fields }), None);
    assert_eq!(Cron::new("0 0 30 2 *", Fields { days: 1 << 30, ..fields }), None);
    assert!(Cron::new("0 0 31 2,3 *", Fields { days: 1 << 31, months: 0b1100, ..fields }).is_some());
    assert_eq!(Cron::new("0 0 * * ", Fields { weekdays: 0, ..fields }), None);
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (day, month, of_month) in [(0, 1, 1), (59, 3, 1), (789, 2, 29), (11_016, 2, 29), (-1, 12, 31), (19_723, 1, 1)] {
        let date = Date::of(day);
        assert_eq!((date.month, date.day), (month, of_month), "day {day}");
    }
}

#[test]
fn any_time_is_answered() {
    let schedule = on(daily(8, 0), End::At(daily(19, 0)), summer());
    for ms in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        let _ = schedule.active(Time::from_millis(ms));
        let _ = schedule.next_change(Time::from_millis(ms));
    }
}

#[test]
fn a_zone_out_of_order_is_refused() {
    assert!(TimeZone::new("Test", 0, vec![(at(1, 0, 0), 0), (at(1, 0, 0), 3_600)]).is_none());
    assert!(TimeZone::new("Test", 100_000, Vec::new()).is_none());
}

/// A schedule that never ends.
pub(crate) fn always(min: Option<u64>, max: Option<u64>) -> Schedule {
    let schedule = on(daily(0, 0), End::After(Span::from_hours(25)), TimeZone::utc());
    Schedule { min: min.map(Capacity::units), max: max.map(Capacity::units), ..schedule }
}

/// A schedule that is on at noon of each day.
fn noon(name: &str, min: Option<u64>, max: Option<u64>) -> Schedule {
    let schedule = on(daily(8, 0), End::At(daily(19, 0)), TimeZone::utc());
    Schedule { name: name.into(), min: min.map(Capacity::units), max: max.map(Capacity::units), ..schedule }
}

#[test]
fn the_highest_minimum_and_the_lowest_maximum_hold() {
    let mut fleet = crate::plan::tests::World::new(2, 0).fleet;
    (fleet.min, fleet.max) = (Capacity::units(2), Capacity::units(40));
    fleet.schedules = vec![noon("a", Some(10), None), noon("b", Some(20), Some(30)), noon("c", Some(1), Some(35))];
    let bounds = Bounds::of(&fleet, at(0, 12, 0));
    assert_eq!((bounds.min, bounds.max, bounds.min_cut), (Capacity::units(20), Capacity::units(30), false));
    let until = Some(at(0, 19, 0));
    assert_eq!(bounds.min_by, Some(Holder { schedule: "b".into(), until }));
    assert_eq!((bounds.max_by, bounds.until), (Some(Holder { schedule: "b".into(), until }), until));

    let night = Bounds::of(&fleet, at(0, 20, 0));
    assert_eq!((night.min, night.max), (fleet.min, fleet.max));
    assert_eq!((night.min_by, night.max_by, night.until), (None, None, Some(at(1, 8, 0))));

    fleet.schedules.push(noon("d", None, Some(5)));
    let cut = Bounds::of(&fleet, at(0, 12, 0));
    assert_eq!((cut.min, cut.max, cut.min_cut), (Capacity::units(5), Capacity::units(5), true));
}
