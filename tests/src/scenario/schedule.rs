//! Schedules of a story's fleet, and its calendar.

use std::sync::Arc;

use config::calendar;
use policies::model::Fleet;
use policies::schedule::{Cron, End, Schedule, TimeZone};
use policies::units::{Span, Time};

use crate::scenario::{START, Trouble, Words};

/// Gives the fleet the schedule that the words say, in place of one of that name.
pub(super) fn set(fleet: &mut Fleet, words: &mut Words<'_>) -> Result<(), Trouble> {
    let name = words.word()?.into();
    words.expect("from")?;
    let from = cron(words)?;
    let end = match words.word()? {
        "until" => End::At(cron(words)?),
        "lasts" => End::After(words.span()?),
        word => return Err(Trouble::new(format!("'{word}' is not until or lasts"))),
    };
    let mut schedule = Schedule { name, from, end, zone: Arc::new(TimeZone::utc()), min: None, max: None };
    while let Some(word) = words.more() {
        match word {
            "in" => schedule.zone = Arc::new(calendar::time_zone(words.word()?).map_err(said)?),
            "min" => schedule.min = Some(words.capacity()?),
            "max" => schedule.max = Some(words.capacity()?),
            _ => return Err(Trouble::new(format!("'{word}' is not in, min or max"))),
        }
    }
    fleet.schedules.retain(|s| s.name != schedule.name);
    fleet.schedules.push(schedule);
    Ok(())
}

/// The next five words.
fn cron(words: &mut Words<'_>) -> Result<Cron, Trouble> {
    let fields: Vec<&str> = (0..5).map(|_| words.word()).collect::<Result<_, _>>()?;
    calendar::cron(&fields.join(" ")).map_err(said)
}

fn said(error: calendar::CalendarError) -> Trouble {
    Trouble::new(error.to_string())
}

/// The moment of this day of 2024 and this time of UTC, such as `2024-03-30 18:00`.
pub(super) fn moment(day: &str, time: &str) -> Result<Time, Trouble> {
    let wrong = || Trouble::new(format!("'{day} {time}' is not a day of 2024 and a time such as 2024-03-30 18:00"));
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let (month, of_month) = day.strip_prefix("2024-").and_then(|day| day.split_once('-')).ok_or_else(wrong)?;
    let (hour, minute) = time.split_once(':').ok_or_else(wrong)?;
    let lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(number(month)?.checked_sub(1).ok_or_else(wrong)?).map_err(|_| wrong())?;
    let days = lengths.iter().take(before).sum::<u64>() + number(of_month)?.checked_sub(1).ok_or_else(wrong)?;
    Ok(START.plus(Span::from_hours(days * 24 + number(hour)?)).plus(Span::from_mins(number(minute)?)))
}
