//! Cron expressions as people write them, and the clocks of the world's time zones.
//!
//! What comes out is plain data of the core: [`Cron`] and [`TimeZone`], which know neither text nor a database.

use jiff::Timestamp;
use jiff::tz::{self, TimeZoneDatabase};
use policies::schedule::{Cron, DayRule, Fields, TimeZone};
use policies::units::Time;

use crate::hints;
use crate::problem::quoted;

/// Longer expressions are no work of people.
const LONGEST: usize = 200;

/// Until when the clocks of a zone are known exactly, in seconds since 1970: the year 2200. After that they stay.
const KNOWN_UNTIL: i64 = 7_258_118_400;

/// Why something of the calendar cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{rule} ({hint})")]
pub struct CalendarError {
    /// What is wrong.
    pub rule: String,
    /// What to do about it.
    pub hint: String,
}

fn wrong<T>(rule: impl Into<String>, hint: impl Into<String>) -> Result<T, CalendarError> {
    Err(CalendarError { rule: rule.into(), hint: hint.into() })
}

/// One of the five fields.
struct Part {
    what: &'static str,
    least: u32,
    most: u32,
    /// Names of the values from the least on.
    names: &'static [&'static str],
}

const PARTS: [Part; 5] = [
    Part { what: "minute", least: 0, most: 59, names: &[] },
    Part { what: "hour", least: 0, most: 23, names: &[] },
    Part { what: "day of the month", least: 1, most: 31, names: &[] },
    Part {
        what: "month",
        least: 1,
        most: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    // 7 is Sunday too, so that a range can end with it.
    Part { what: "day of the week", least: 0, most: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// The expression that this text is: minute, hour, day of the month, month, day of the week.
///
/// # Errors
/// When it is none, or one that never fires.
pub fn cron(text: &str) -> Result<Cron, CalendarError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if text.len() > LONGEST {
        return wrong(format!("a cron expression of {} bytes is too long", text.len()), format!("{LONGEST} at most"));
    }
    if text.starts_with('@') {
        return wrong(format!("{} is no cron expression", quoted(text)), "write five fields: `0 0 * * *` is daily");
    }
    let [minute, hour, day, month, weekday] = words.as_slice() else {
        let rule = format!("{} has {} fields, a cron expression five", quoted(text), words.len());
        return wrong(rule, "minute, hour, day of the month, month, day of the week: `0 8 * * mon-fri`");
    };
    let [minutes, hours, days, months, weekdays] = &PARTS;
    let weekdays = field(weekdays, weekday)?;
    // Cron's own rule: a field that begins with a star does not restrict.
    let both = day.starts_with('*') || weekday.starts_with('*');
    let fields = Fields {
        minutes: field(minutes, minute)?,
        hours: field(hours, hour)?,
        days: field(days, day)?,
        months: field(months, month)?,
        weekdays: weekdays | weekdays >> 7,
        rule: if both { DayRule::Both } else { DayRule::Either },
    };
    let written = words.join(" ");
    Cron::new(&written, fields).ok_or_else(|| CalendarError {
        rule: format!("{} never fires: none of its months has such a day", quoted(&written)),
        hint: "use another day of the month".into(),
    })
}

/// The values that a field has, as bits.
fn field(part: &Part, text: &str) -> Result<u64, CalendarError> {
    let mut bits = 0;
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => (range, Some(step)),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (part.least, if part.most == 7 { 6 } else { part.most }),
            None => {
                let only = value(part, range, text)?;
                if step.is_some() {
                    let hint = format!("write where it ends: `{range}-{}/...`", part.most);
                    return wrong(format!("a step needs a range in {}: {}", part.what, quoted(text)), hint);
                }
                (only, only)
            }
            Some((from, to)) => {
                let (from, to) = (value(part, from, text)?, value(part, to, text)?);
                // A week may end with Sunday.
                (from, if part.most == 7 && to == 0 && from > 0 { 7 } else { to })
            }
        };
        if first > last {
            let rule = format!("the range {} of {} ends before it begins", quoted(range), part.what);
            return wrong(rule, "write it as two ranges with a comma between them");
        }
        let every = match step {
            None => 1,
            Some(step) => match step.parse::<u32>() {
                Ok(n) if n >= 1 && n <= part.most && step.bytes().all(|b| b.is_ascii_digit()) => n,
                _ => {
                    let rule = format!("{} is no step of {}", quoted(step), part.what);
                    return wrong(rule, format!("it must be a number from 1 to {}", part.most));
                }
            },
        };
        let mut at = first;
        while at <= last {
            bits |= 1_u64 << at;
            at += every;
        }
    }
    Ok(bits)
}

fn value(part: &Part, text: &str, field: &str) -> Result<u32, CalendarError> {
    let lower = text.to_ascii_lowercase();
    let named = part.names.iter().position(|name| *name == lower);
    if let Some(place) = named.and_then(|place| u32::try_from(place).ok()) {
        return Ok(part.least + place);
    }
    let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|n| digits && (part.least..=part.most).contains(n));
    number.map_or_else(
        || {
            let here = if text == field { String::new() } else { format!(" in {}", quoted(field)) };
            let names = match part.names {
                [first, .., last] => format!(", or a name from {first} to {last}"),
                _ => String::new(),
            };
            let hint = format!(
                "it must be from {} to {}{names}; lists, ranges and steps are made of these",
                part.least, part.most
            );
            wrong(format!("{}{here} is no {}", quoted(text), part.what), hint)
        },
        Ok,
    )
}

/// The clocks of the time zone of this name in the IANA database: that of the host, and where it has none or not this
/// zone, the one in the program.
///
/// # Errors
/// When neither knows it.
pub fn time_zone(name: &str) -> Result<TimeZone, CalendarError> {
    let unknown = || {
        // Only what begins alike: a distance takes long to compute, and a file can name many zones.
        let alike = |known: &String| {
            let first = |text: &str| text.chars().next().map(|c| c.to_ascii_lowercase());
            first(known) == first(name) && known.len().abs_diff(name.len()) <= 3
        };
        let known: Vec<String> = tz::db().available().map(|known| known.as_str().to_owned()).filter(alike).collect();
        let near = hints::nearest(name, known.iter().map(String::as_str));
        CalendarError {
            rule: format!("{} is no time zone", quoted(name)),
            hint: near.map_or_else(
                || "write its name in the IANA database, such as Europe/Berlin".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        }
    };
    let found = tz::db().get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).map_err(|_| unknown())?;
    let start = Timestamp::UNIX_EPOCH;
    let first = found.to_offset(start).seconds();
    let mut changes: Vec<(Time, i32)> = Vec::new();
    for change in found.following(start).take_while(|change| change.timestamp().as_second() < KNOWN_UNTIL) {
        let seconds = change.offset().seconds();
        // Some changes are of the name only.
        if changes.last().map_or(first, |(_, before)| *before) != seconds {
            changes.push((Time::from_millis(change.timestamp().as_millisecond()), seconds));
        }
    }
    TimeZone::new(found.iana_name().unwrap_or(name), first, changes).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        for (short, long) in [
            ("0 8 * * mon-fri", "0 8 * * 1,2,3,4,5"),
            ("*/15 * * * *", "0,15,30,45 * * * *"),
            ("0 8-18/5 1-31 JAN-dec *", "0 8,13,18 * * *"),
            ("0 0 * * sat-sun", "0 0 * * 0,6"),
            ("0 0 * * 5-7", "0 0 * * fri,sat,sun"),
            ("0 0 * * 7", "0 0 * * 0"),
            ("  5   4 * * *  ", "05 04 * * *"),
        ] {
            let (short, long) = (cron(short).unwrap(), cron(long).unwrap());
            let end = || policies::schedule::End::After(policies::units::Span::from_mins(1));
            let zone = std::sync::Arc::new(TimeZone::utc());
            let schedule = |from: &Cron| policies::schedule::Schedule {
                name: "s".into(),
                from: from.clone(),
                end: end(),
                zone: zone.clone(),
                min: None,
                max: None,
            };
            let mut now = Time::from_millis(1_704_067_200_000);
            for _ in 0..100 {
                let next = schedule(&short).next_change(now);
                assert_eq!(next, schedule(&long).next_change(now), "{} and {}", short.as_str(), long.as_str());
                now = next.unwrap();
            }
        }
    }

    #[test]
    fn what_is_no_expression_is_explained() {
        for (text, rule) in [
            ("", "`` has 0 fields, a cron expression five"),
            ("0 8 * *", "`0 8 * *` has 4 fields, a cron expression five"),
            ("@daily", "`@daily` is no cron expression"),
            ("60 8 * * *", "`60` is no minute"),
            ("0 24 * * *", "`24` is no hour"),
            ("0 8 0 * *", "`0` is no day of the month"),
            ("0 8 * 13 *", "`13` is no month"),
            ("0 8 * * 8", "`8` is no day of the week"),
            ("0 8 * * mo-fri", "`mo` in `mo-fri` is no day of the week"),
            ("0 8,, * * *", "`` in `8,,` is no hour"),
            ("-1 8 * * *", "`` in `-1` is no minute"),
            ("+1 8 * * *", "`+1` is no minute"),
            ("0 22-6 * * *", "the range `22-6` of hour ends before it begins"),
            ("5/15 * * * *", "a step needs a range in minute: `5/15`"),
            ("*/0 * * * *", "`0` is no step of minute"),
            ("*/60 * * * *", "`60` is no step of minute"),
            ("*/+5 * * * *", "`+5` is no step of minute"),
            ("0 0 31 2 *", "`0 0 31 2 *` never fires: none of its months has such a day"),
            ("0 0 31 4,6,9,11 *", "`0 0 31 4,6,9,11 *` never fires: none of its months has such a day"),
        ] {
            assert_eq!(cron(text).map_err(|e| e.rule), Err(rule.to_owned()), "{text}");
        }
        assert!(cron("0 0 31 2 mon").is_ok(), "on Mondays of February");
        assert!(cron(&"0,".repeat(200)).is_err());
    }

    #[test]
    fn zones_are_known_by_their_names() {
        assert_eq!(time_zone("UTC"), Ok(TimeZone::utc()));
        let berlin = time_zone("europe/berlin").unwrap();
        assert_eq!(berlin.name(), "Europe/Berlin");
        let at = |seconds: i64| Time::from_millis(seconds * 1_000);
        assert_eq!((berlin.offset(at(1_711_846_799)), berlin.offset(at(1_711_846_800))), (3_600, 7_200));
        let mistake = time_zone("Europe/Berln").unwrap_err();
        assert_eq!(mistake.to_string(), "`Europe/Berln` is no time zone (did you mean `Europe/Berlin`?)");
        assert!(time_zone("../../etc/passwd").is_err() && time_zone("").is_err());
    }
}
