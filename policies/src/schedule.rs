//! Bounds by the calendar: at these hours another minimum or maximum.
//!
//! A [`Schedule`] begins and ends by cron expressions on the clocks of a time zone. Those clocks are set now and then,
//! so a reading may never be shown, or twice. One rule covers both: an expression fires at the first moment at which
//! the clocks have *reached or passed* its reading. What is left out in spring fires at the end of the gap, in the
//! order of its readings, and what comes twice in autumn fires once, the first time.
//!
//! So all that counts is the highest reading so far: the schedule is on when its last begin by that reading is not
//! before its last end. A begin and an end at the same reading make a begin.
//!
//! Not here: how an expression is written, and where the rules of a time zone come from (crate `config`).

use std::sync::Arc;

use crate::model::{Fleet, ScheduleName};
use crate::units::{Capacity, Span, Time};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// No clock is further from UTC than this.
const WIDEST: i64 = 26 * 60 * MINUTE;

/// An expression that has not fired for so many days never does: the 29th of February on one day of the week is at most
/// 40 years from the next.
const FAR: i64 = 100 * 366;

/// So many ends or begins that change nothing are looked through for one that does.
const TRIES: u32 = 64;

/// Other bounds of a fleet's target, at times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Its name, unique in the fleet.
    pub name: ScheduleName,
    /// When it begins.
    pub from: Cron,
    /// When it ends.
    pub end: End,
    /// On whose clocks.
    pub zone: Arc<TimeZone>,
    /// While it is on, the target is not below this.
    pub min: Option<Capacity>,
    /// While it is on, neither the target nor the machines exceed this.
    pub max: Option<Capacity>,
}

/// When a schedule ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// By the calendar.
    At(Cron),
    /// So long after it began, as time passes. Begun again before that, it goes on.
    After(Span),
}

impl Schedule {
    /// It is on.
    #[must_use]
    pub fn active(&self, now: Time) -> bool {
        let reading = self.zone.highest(now);
        let Some(from) = self.from.latest(reading) else { return false };
        match &self.end {
            End::At(end) => end.latest(reading).is_none_or(|end| from >= end),
            End::After(length) => now < self.zone.reached(from).plus(*length),
        }
    }

    /// The next time that it begins or ends; `None`: never within a hundred years. Where many ends or begins in a row
    /// change nothing (as one fires each minute), a time up to which nothing changes.
    #[must_use]
    pub fn next_change(&self, now: Time) -> Option<Time> {
        let active = self.active(now);
        let mut at = now;
        for _ in 0..TRIES {
            let reading = self.zone.highest(at);
            at = match &self.end {
                End::At(end) if active => self.zone.reached(end.next(reading)?),
                End::After(length) if active => self.zone.reached(self.from.latest(reading)?).plus(*length),
                End::At(_) | End::After(_) => self.zone.reached(self.from.next(reading)?),
            };
            if self.active(at) != active {
                break;
            }
        }
        Some(at)
    }
}

/// Which minutes a calendar has: those of these minutes of an hour, hours, days and months.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields {
    /// Bits 0 to 59.
    pub minutes: u64,
    /// Bits 0 to 23.
    pub hours: u64,
    /// Days of the month: bits 1 to 31.
    pub days: u64,
    /// Bits 1 to 12.
    pub months: u64,
    /// Days of the week from Sunday: bits 0 to 6.
    pub weekdays: u64,
    /// Which days.
    pub rule: DayRule,
}

/// How days of the month and days of the week go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DayRule {
    /// A day must be of both.
    Both,
    /// It is enough that a day is of one of them.
    Either,
}

/// A cron expression that fires at some time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cron {
    text: Arc<str>,
    fields: Fields,
}

impl Cron {
    /// The expression of these fields, with how it is written; `None` when it never fires.
    #[must_use]
    pub fn new(text: &str, fields: Fields) -> Option<Self> {
        let ever = |month| (1..=longest(month)).any(|day| bit(fields.days, day));
        let months = || (1..=12).filter(|m| bit(fields.months, *m));
        let any_minute = (0..60).any(|m| bit(fields.minutes, m)) && (0..24).any(|h| bit(fields.hours, h));
        let any_weekday = (0..7).any(|d| bit(fields.weekdays, d));
        let any_day = match fields.rule {
            DayRule::Both => any_weekday && months().any(ever),
            DayRule::Either => (any_weekday && months().next().is_some()) || months().any(ever),
        };
        (any_minute && any_day).then(|| Self { text: text.into(), fields })
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The minutes it has.
    #[must_use]
    pub const fn fields(&self) -> Fields {
        self.fields
    }

    /// The last reading at which it fires, not after this one.
    fn latest(&self, reading: i64) -> Option<i64> {
        let today = reading.div_euclid(DAY);
        let mut day = today;
        let mut last = reading.rem_euclid(DAY) / MINUTE;
        while today - day < FAR {
            let date = Date::of(day);
            if !bit(self.fields.months, date.month) {
                day -= date.day;
            } else if let Some(minute) = if self.on(day, date) { self.last_minute(last) } else { None } {
                return Some(day.saturating_mul(DAY).saturating_add(minute * MINUTE));
            } else {
                day -= 1;
            }
            last = 24 * 60 - 1;
        }
        None
    }

    /// The next reading at which it fires, after this one.
    fn next(&self, reading: i64) -> Option<i64> {
        let reading = reading.saturating_add(MINUTE);
        let today = reading.div_euclid(DAY);
        let mut day = today;
        let mut first = reading.rem_euclid(DAY) / MINUTE;
        while day - today < FAR {
            let date = Date::of(day);
            if !bit(self.fields.months, date.month) {
                // Never past the first of the next month; what is left of a short month is passed day by day.
                day += (28 - date.day).max(0) + 1;
            } else if let Some(minute) = if self.on(day, date) { self.first_minute(first) } else { None } {
                return Some(day.saturating_mul(DAY).saturating_add(minute * MINUTE));
            } else {
                day += 1;
            }
            first = 0;
        }
        None
    }

    fn on(&self, day: i64, date: Date) -> bool {
        let of_month = bit(self.fields.days, date.day);
        // The first of 1970 was a Thursday.
        let of_week = bit(self.fields.weekdays, (day + 4).rem_euclid(7));
        match self.fields.rule {
            DayRule::Both => of_month && of_week,
            DayRule::Either => of_month || of_week,
        }
    }

    /// The last minute of a day at which it fires, not after this one.
    fn last_minute(&self, minute: i64) -> Option<i64> {
        let Fields { minutes, hours, .. } = self.fields;
        let last = |hour: i64| if hour == minute / 60 { minute % 60 } else { 59 };
        let of_hour = |hour| (0..=last(hour)).rev().find(|m| bit(minutes, *m)).map(|m| hour * 60 + m);
        (0..=minute / 60).rev().filter(|h| bit(hours, *h)).find_map(of_hour)
    }

    /// The first minute of a day at which it fires, not before this one.
    fn first_minute(&self, minute: i64) -> Option<i64> {
        let Fields { minutes, hours, .. } = self.fields;
        let first = |hour: i64| if hour == minute / 60 { minute % 60 } else { 0 };
        let of_hour = |hour| (first(hour)..60).find(|m| bit(minutes, *m)).map(|m| hour * 60 + m);
        (minute / 60..24).filter(|h| bit(hours, *h)).find_map(of_hour)
    }
}

fn bit(bits: u64, place: i64) -> bool {
    u32::try_from(place).ok().and_then(|place| bits.checked_shr(place)).is_some_and(|bits| bits & 1 == 1)
}

/// Days that a month can have.
const fn longest(month: i64) -> i64 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of the month, the last two from 1.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The date so many days after the first of 1970, by the Gregorian calendar.
    const fn of(day: i64) -> Self {
        // Years that begin in March, so that the leap day is their last, in eras of 400 years.
        let shifted = day + 719_468;
        let of_era = shifted.rem_euclid(146_097);
        let era = (shifted - of_era) / 146_097;
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let turned = if month <= 2 { 1 } else { 0 };
        Self { year: era * 400 + year + turned, month, day: of_year - (153 * from_march + 2) / 5 + 1 }
    }
}

/// How the clocks of a place are set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeZone {
    name: Arc<str>,
    /// Seconds that they are ahead of UTC before the first change.
    first: i32,
    /// When they are set, and what they are ahead of UTC from then on, in seconds. Times rise.
    changes: Vec<(Time, i32)>,
}

impl TimeZone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".into(), first: 0, changes: Vec::new() }
    }

    /// The zone of this name, whose clocks are so many seconds ahead of UTC at first and after each change. `None` when
    /// the changes are not in order, or a clock is further than 26 hours from UTC.
    #[must_use]
    pub fn new(name: &str, first: i32, changes: Vec<(Time, i32)>) -> Option<Self> {
        let near = |seconds: i32| (i64::from(seconds) * 1_000).abs() <= WIDEST;
        let sound = near(first) && changes.iter().all(|(_, s)| near(*s)) && changes.is_sorted_by(|a, b| a.0 < b.0);
        sound.then(|| Self { name: name.into(), first, changes })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds that its clocks are ahead of UTC at first.
    #[must_use]
    pub const fn first(&self) -> i32 {
        self.first
    }

    /// When its clocks change, and the seconds that they are ahead of UTC from then on.
    #[must_use]
    pub fn changes(&self) -> &[(Time, i32)] {
        &self.changes
    }

    /// Seconds that its clocks are ahead of UTC.
    #[must_use]
    pub fn offset(&self, now: Time) -> i32 {
        self.after(self.changes.partition_point(|(at, _)| *at <= now))
    }

    /// Seconds ahead of UTC after so many changes.
    fn after(&self, changes: usize) -> i32 {
        changes.checked_sub(1).and_then(|i| self.changes.get(i)).map_or(self.first, |(_, seconds)| *seconds)
    }

    fn ahead(&self, changes: usize) -> i64 {
        i64::from(self.after(changes)) * 1_000
    }

    /// The day of the calendar, counted from the first of 1970. It never goes back: a clock that is set back over midnight
    /// stays in the new day.
    #[must_use]
    pub fn day(&self, now: Time) -> i64 {
        self.highest(now).div_euclid(DAY)
    }

    /// The month of the calendar, counted from the first of 1970.
    #[must_use]
    pub fn month(&self, now: Time) -> i64 {
        let date = Date::of(self.day(now));
        (date.year - 1970) * 12 + date.month - 1
    }

    /// When the next day begins.
    #[must_use]
    pub fn next_day(&self, now: Time) -> Time {
        self.reached((self.day(now) + 1).saturating_mul(DAY)).max(now.plus(Span::from_millis(1)))
    }

    /// When the next month begins.
    #[must_use]
    pub fn next_month(&self, now: Time) -> Time {
        let today = self.day(now);
        let month = Date::of(today).month;
        let next = (today + 1..today + 32).find(|day| Date::of(*day).month != month).unwrap_or(today + 31);
        self.reached(next.saturating_mul(DAY)).max(now.plus(Span::from_millis(1)))
    }

    /// The highest reading that the clocks have shown up to now, in milliseconds since their 1970.
    fn highest(&self, now: Time) -> i64 {
        let passed = self.changes.partition_point(|(at, _)| *at <= now);
        let before = self.changes.iter().enumerate().take(passed).rev();
        let recent = before.take_while(|(_, (at, _))| now.since(*at) <= Span::from_millis(2 * WIDEST.unsigned_abs()));
        // Just before a change they showed the last reading of the time before it.
        let shown = recent.map(|(i, (at, _))| at.as_millis().saturating_add(self.ahead(i)) - 1);
        let reading = now.as_millis().saturating_add(self.ahead(passed));
        shown.fold(reading, i64::max)
    }

    /// The first moment at which the clocks have reached or passed this reading.
    fn reached(&self, reading: i64) -> Time {
        // What ended before this never came so far.
        let mut passed = self.changes.partition_point(|(at, _)| at.as_millis().saturating_add(WIDEST) < reading);
        while let Some((end, _)) = self.changes.get(passed) {
            if end.as_millis().saturating_add(self.ahead(passed)) > reading {
                break;
            }
            passed += 1;
        }
        let moment = Time::from_millis(reading.saturating_sub(self.ahead(passed)));
        let since = passed.checked_sub(1).and_then(|i| self.changes.get(i));
        since.map_or(moment, |(at, _)| moment.max(*at))
    }
}

/// The bounds of a fleet's target at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The target is not below this.
    pub min: Capacity,
    /// Neither the target nor the machines exceed this.
    pub max: Capacity,
    /// It would be higher, and the maximum cuts it.
    pub min_cut: bool,
    /// The schedule that makes the minimum, if one does.
    pub min_by: Option<Holder>,
    /// The schedule that makes the maximum, if one does.
    pub max_by: Option<Holder>,
    /// When a schedule begins or ends next.
    pub until: Option<Time>,
}

/// A schedule that makes a bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its name.
    pub schedule: ScheduleName,
    /// When it ends.
    pub until: Option<Time>,
}

impl Bounds {
    /// The bounds of now: the highest minimum and the lowest maximum of the fleet and of the schedules that are on. The
    /// maximum wins.
    #[must_use]
    pub fn of(fleet: &Fleet, now: Time) -> Self {
        let (min, max) = (fleet.min, fleet.max);
        let mut bounds = Self { min, max, min_cut: false, min_by: None, max_by: None, until: None };
        for schedule in &fleet.schedules {
            let until = schedule.next_change(now);
            bounds.until = [bounds.until, until].into_iter().flatten().min();
            if !schedule.active(now) {
                continue;
            }
            let holder = || Some(Holder { schedule: schedule.name.clone(), until });
            if let Some(min) = schedule.min.filter(|min| *min > bounds.min) {
                (bounds.min, bounds.min_by) = (min, holder());
            }
            if let Some(max) = schedule.max.filter(|max| *max < bounds.max) {
                (bounds.max, bounds.max_by) = (max, holder());
            }
        }
        bounds.min_cut = bounds.min > bounds.max;
        bounds.min = bounds.min.min(bounds.max);
        bounds
    }
}

#[cfg(test)]
pub(crate) mod tests;
