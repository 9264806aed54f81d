//! Schedules against a walk minute by minute: an own reading of the expressions, by the clocks that jiff tells, over
//! the days on which clocks are set, leave out a day, or are never set.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

use std::sync::{Arc, LazyLock};

use config::calendar::{cron, time_zone};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use policies::schedule::{End, Schedule};
use policies::units::{Span, Time};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Zones with a day on which something happens, or none.
const PLACES: [(&str, &str); 16] = [
    ("Europe/Berlin", "2024-03-31"),
    ("Europe/Berlin", "2024-10-27"),
    ("America/New_York", "2025-03-09"),
    ("America/New_York", "2025-11-02"),
    // Half an hour.
    ("Australia/Lord_Howe", "2024-04-07"),
    ("Australia/Lord_Howe", "2024-10-06"),
    // At midnight, so that a day begins at one; abolished in 2019.
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2019-02-17"),
    ("America/Sao_Paulo", "2024-11-03"),
    ("Asia/Kolkata", "2024-02-29"),
    ("Asia/Kathmandu", "2023-12-31"),
    // A day that never was.
    ("Pacific/Apia", "2011-12-30"),
    // Back for a month only.
    ("Africa/Casablanca", "2024-03-10"),
    ("America/St_Johns", "2033-11-06"),
    // By the rule for all years to come.
    ("Europe/Berlin", "2099-10-25"),
    ("UTC", "2100-02-28"),
];

/// Days walked, half of them before the day.
const DAYS: i64 = 6;

/// One field: values, or all.
#[derive(Clone, Debug)]
enum Values {
    All,
    Some(Vec<u32>),
}

impl Values {
    fn has(&self, value: i8) -> bool {
        match self {
            Self::All => true,
            Self::Some(values) => values.iter().any(|v| i64::from(*v) == i64::from(value)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Some(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }
}

#[derive(Clone, Debug)]
struct Expression {
    minutes: Vec<u32>,
    hours: Values,
    days: Values,
    months: Values,
    weekdays: Values,
}

impl Expression {
    fn text(&self) -> String {
        let Self { minutes, hours, days, months, weekdays } = self;
        let minutes = Values::Some(minutes.clone()).text();
        format!("{minutes} {} {} {} {}", hours.text(), days.text(), months.text(), weekdays.text())
    }

    fn fires(&self, at: &Reading) -> bool {
        let of_month = self.days.has(at.day);
        let of_week = self.weekdays.has(at.weekday);
        let day = match (&self.days, &self.weekdays) {
            (Values::Some(_), Values::Some(_)) => of_month || of_week,
            _ => of_month && of_week,
        };
        day && self.months.has(at.month)
            && self.hours.has(at.hour)
            && self.minutes.iter().any(|m| i64::from(*m) == i64::from(at.minute))
    }
}

/// What clocks show, to the minute.
#[derive(Clone, Debug)]
struct Reading {
    month: i8,
    day: i8,
    weekday: i8,
    hour: i8,
    minute: i8,
}

impl From<DateTime> for Reading {
    fn from(at: DateTime) -> Self {
        let weekday = at.weekday().to_sunday_zero_offset();
        Self { month: at.month(), day: at.day(), weekday, hour: at.hour(), minute: at.minute() }
    }
}

/// The days around one in a place.
struct Days {
    place: (&'static str, &'static str),
    zone: Arc<policies::schedule::TimeZone>,
    start: Timestamp,
    /// For each minute the readings that the clocks have reached or passed by it, and not before.
    reached: Vec<Vec<Reading>>,
}

impl Days {
    fn of(place: (&'static str, &'static str)) -> Self {
        let zone = TimeZone::get(place.0).unwrap();
        let day: jiff::civil::Date = place.1.parse().unwrap();
        let noon = day.to_datetime(jiff::civil::time(12, 0, 0, 0)).checked_sub((DAYS / 2).days()).unwrap();
        let start = noon.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let shown = |minute: i64| zone.to_datetime(start.checked_add(minute.minutes()).unwrap());
        let mut highest = shown(-1);
        let mut reached = Vec::new();
        for minute in 0..DAYS * 24 * 60 {
            let now = shown(minute);
            let mut here = Vec::new();
            while highest < now {
                highest = highest.checked_add(1.minute()).unwrap();
                here.push(Reading::from(highest));
            }
            reached.push(here);
        }
        Self { place, zone: Arc::new(time_zone(place.0).unwrap()), start, reached }
    }

    fn time(&self, minute: usize) -> Time {
        Time::from_millis(self.start.as_millisecond()).plus(Span::from_mins(minute as u64))
    }
}

/// Every place, made once: clocks are slow to read.
static PLACES_WALKED: LazyLock<Vec<Days>> = LazyLock::new(|| PLACES.into_iter().map(Days::of).collect());

fn values(least: u32, most: u32, some: usize) -> impl Strategy<Value = Values> {
    let all: Vec<u32> = (least..=most).collect();
    prop_oneof![Just(Values::All), subsequence(all, 1..=some).prop_map(Values::Some)]
}

/// Often in the hours in which clocks are set.
fn hours() -> impl Strategy<Value = Values> {
    prop_oneof![select(vec![0, 1, 2, 3]).prop_map(|h| Values::Some(vec![h])), values(0, 23, 4)]
}

fn expression() -> impl Strategy<Value = Expression> {
    let minutes = prop_oneof![Just(vec![0]), Just(vec![30]), subsequence((0..60).collect::<Vec<u32>>(), 1..=3)];
    let days = prop_oneof![3 => Just(Values::All), 1 => values(1, 31, 8)];
    let months = prop_oneof![3 => Just(Values::All), 1 => values(1, 12, 6)];
    let weekdays = prop_oneof![2 => Just(Values::All), 1 => values(0, 6, 5)];
    (minutes, hours(), days, months, weekdays).prop_map(|(minutes, hours, days, months, weekdays)| Expression {
        minutes,
        hours,
        days,
        months,
        weekdays,
    })
}

/// When a walked schedule ends.
#[derive(Clone, Debug)]
enum Ends {
    At(Expression),
    After(u64),
}

fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![
        2 => expression().prop_map(Ends::At),
        1 => select(vec![1_u64, 30, 60, 90, 150, 660, 1_440, 2_000]).prop_map(Ends::After)
    ]
}

/// What the walk knows.
#[derive(Default)]
struct Walk {
    /// The minute of the walk at which it began last.
    begun: Option<usize>,
    /// By the calendar; not known before the first begin or end.
    on: Option<bool>,
}

impl Walk {
    fn fires(&mut self, minute: usize, reading: &Reading, from: &Expression, ends: &Ends) {
        if let Ends::At(until) = ends
            && until.fires(reading)
        {
            self.on = Some(false);
        }
        if from.fires(reading) {
            self.begun = Some(minute);
            self.on = Some(true);
        }
    }

    fn active(&self, minute: usize, ends: &Ends) -> Option<bool> {
        match ends {
            Ends::At(_) => self.on,
            Ends::After(length) => self.begun.map(|begun| ((minute - begun) as u64) < *length),
        }
    }
}

/// Walks the days and compares every minute, and what is said to come around each change.
fn compare(days: &Days, from: &Expression, ends: &Ends) {
    let schedule = Schedule {
        name: "s".into(),
        from: cron(&from.text()).unwrap(),
        end: match ends {
            Ends::At(until) => End::At(cron(&until.text()).unwrap()),
            Ends::After(minutes) => End::After(Span::from_mins(*minutes)),
        },
        zone: days.zone.clone(),
        min: None,
        max: None,
    };
    let mut walk = Walk::default();
    let mut changes: Vec<(usize, bool)> = Vec::new();
    for (minute, reached) in days.reached.iter().enumerate() {
        reached.iter().for_each(|reading| walk.fires(minute, reading, from, ends));
        let Some(expected) = walk.active(minute, ends) else { continue };
        let told = schedule.active(days.time(minute));
        assert_eq!(told, expected, "{:?} in minute {minute}, {reached:?}: {} {ends:?}", days.place, from.text());
        if changes.last().is_none_or(|(_, last)| *last != expected) {
            changes.push((minute, expected));
        }
    }
    for pair in changes.windows(2) {
        let [(at, _), (next, _)] = pair else { continue };
        for since in [*at, at.midpoint(*next), next - 1] {
            let told = schedule.next_change(days.time(since));
            let said = format!("{:?} from minute {since}: {} {ends:?}", days.place, from.text());
            // What changes nothing again and again is not looked through for ever.
            let between = told.is_some_and(|told| told <= days.time(*next) && told > days.time(since));
            assert!(between, "{said}: {told:?}");
            if next - at < 60 {
                assert_eq!(told, Some(days.time(*next)), "{said}");
            }
        }
    }
}

fn at(minute: u32, hour: u32) -> Expression {
    let all = Values::All;
    Expression {
        minutes: vec![minute],
        hours: Values::Some(vec![hour]),
        days: all.clone(),
        months: all.clone(),
        weekdays: all,
    }
}

#[test]
fn every_half_hour_of_the_day_agrees_in_every_place() {
    for place in PLACES_WALKED.iter() {
        for half in 0..48_u32 {
            let (minute, hour) = (half % 2 * 30, half / 2);
            compare(place, &at(minute, hour), &Ends::At(at((minute + 45) % 60, (hour + u32::from(minute >= 15)) % 24)));
        }
    }
}

#[test]
fn a_day_that_is_left_out_fires_when_it_is_over() {
    // Samoa went from the 29th to the 31st of December 2011.
    let day = Expression { days: Values::Some(vec![30]), ..at(0, 8) };
    let schedule = Schedule {
        name: "s".into(),
        from: cron(&day.text()).unwrap(),
        end: End::After(Span::from_hours(1)),
        zone: Arc::new(time_zone("Pacific/Apia").unwrap()),
        min: None,
        max: None,
    };
    let time = |text: &str| Time::from_millis(text.parse::<Timestamp>().unwrap().as_millisecond());
    assert_eq!(schedule.next_change(time("2011-12-29T00:00:00Z")), Some(time("2011-12-30T10:00:00Z")));
}

#[test]
fn rules_of_zones_hold_for_generations() {
    let berlin = time_zone("Europe/Berlin").unwrap();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    for days in (0..80_000).step_by(37) {
        let moment = Timestamp::from_second(days * 86_400).unwrap();
        let told = berlin.offset(Time::from_millis(moment.as_millisecond()));
        assert_eq!(told, zone.to_offset(moment).seconds(), "{moment}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schedules_agree_with_a_walk(place in 0..PLACES.len(), from in expression(), ends in ends()) {
        prop_assume!(cron(&from.text()).is_ok());
        if let Ends::At(until) = &ends {
            prop_assume!(cron(&until.text()).is_ok());
        }
        compare(&PLACES_WALKED[place], &from, &ends);
    }

    #[test]
    fn any_text_is_an_expression_or_explained(text in "[-*/,0-9a-zA-Z@ ]{0,40}") {
        if let Err(problem) = cron(&text) {
            prop_assert!(!problem.rule.is_empty() && !problem.hint.is_empty());
        }
    }
}
