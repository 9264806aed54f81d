//! `fleets[].schedules`: other limits at times of the calendar.

use policies::model::ScheduleName;
use policies::schedule::{End, Schedule};
use policies::units::{Capacity, Span};

use crate::lower::fleet::{capacity, span};
use crate::lower::{At, Lowering, MONTH, NameRule};
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Field, List};
use crate::raw::value::{Leaf, Units};

/// Each is looked at in every decision, and nobody knows what more of them together mean.
const MOST: usize = 50;

/// A schedule's name is told in reports and views.
const NAME: NameRule = NameRule::plain("name of a schedule");

/// The schedules, when all are valid. The limits are the fleet's own.
pub(super) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<List<raw::Schedule>>,
    limits: Option<(Capacity, Capacity)>,
) -> Option<Vec<Schedule>> {
    let items = cx.items(at, field)?;
    if items.len() > MOST {
        cx.wrong(at, format!("{} schedules are too many", items.len()), format!("{MOST} at most"));
        return None;
    }
    let mut names: Vec<Option<String>> = Vec::new();
    let mut whole = true;
    let mut lowered = Vec::new();
    for (at, item) in items {
        let (name, schedule) = one(cx, &at, item, limits);
        if let Some(first) = names.iter().position(|known| name.is_some() && *known == name) {
            let rule = format!("this name is taken, by schedules[{first}]");
            cx.wrong(&at.key("name"), rule, "give each schedule of a fleet a name of its own");
            whole = false;
        }
        names.push(name);
        match schedule {
            Some(schedule) => lowered.push(schedule),
            None => whole = false,
        }
    }
    whole.then_some(lowered)
}

fn one(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Schedule>,
    limits: Option<(Capacity, Capacity)>,
) -> (Option<String>, Option<Schedule>) {
    let Some(raw::Schedule { name, from, until, lasts, time_zone, min, max }) = cx.open(at, field) else {
        return (None, None);
    };
    let name_at = at.key("name");
    let name = cx.value(&name_at, name);
    let name = cx.named(&name_at, name, &NAME);
    let from = cx.value(&at.key("from"), from);
    let (has_until, has_lasts) = (!until.is_absent(), !lasts.is_absent());
    let until_at = at.key("until");
    let until = if has_until { cx.value(&until_at, until) } else { None };
    let lasts_at = at.key("lasts");
    let lasts = if has_lasts { span(cx, &lasts_at, lasts, Span::from_mins(1), MONTH) } else { None };
    let end = match (has_until, has_lasts) {
        (false, false) => {
            cx.wrong(at, "it never ends", "give `until` or `lasts`");
            None
        }
        (true, true) => {
            cx.wrong(&lasts_at, "it has two ends", "give one of `until` and `lasts`");
            None
        }
        (true, false) => until.map(End::At),
        (false, true) => lasts.map(End::After),
    };
    if let (Some(from), Some(End::At(until))) = (&from, &end)
        && from.as_str() == until.as_str()
    {
        let rule = format!("it begins and ends at {}, so it is always on", quoted(until.as_str()));
        cx.wrong(&until_at, rule, "use `capacity` for limits that always hold");
    }
    let zone = cx.zone(&at.key("time_zone"), time_zone);
    let bounds = bounds(cx, at, min, max, limits);
    let schedule = || {
        let (min, max) = bounds?;
        Some(Schedule { name: ScheduleName::from(name.as_deref()?), from: from?, end: end?, zone: zone?, min, max })
    };
    let schedule = schedule();
    (name, schedule)
}

/// The minimum and the maximum, when each of them can change something.
fn bounds(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    min: Field<Leaf<Units>>,
    max: Field<Leaf<Units>>,
    limits: Option<(Capacity, Capacity)>,
) -> Option<(Option<Capacity>, Option<Capacity>)> {
    let (has_min, has_max) = (!min.is_absent(), !max.is_absent());
    if !has_min && !has_max {
        cx.wrong(at, "it changes nothing", "give `min`, `max` or both");
        return None;
    }
    let (min_at, max_at) = (at.key("min"), at.key("max"));
    let min = if has_min { Some(capacity(cx, &min_at, min)?) } else { None };
    let max = if has_max { Some(capacity(cx, &max_at, max)?) } else { None };
    let mut sound = true;
    let mut wrong = |at: &At<'_>, rule: String, hint: &str| {
        cx.wrong(at, rule, hint);
        sound = false;
    };
    if let (Some(min), Some((least, most))) = (min, limits) {
        if min > most {
            wrong(&min_at, format!("{min} is above `capacity.max`, {most}"), "lower it or raise `capacity.max`");
        } else if min < least {
            let rule = format!("{min} is below `capacity.min`, {least}, so it raises nothing");
            wrong(&min_at, rule, "raise it, remove it, or lower `capacity.min`");
        }
    }
    if let (Some(max), Some((_, most))) = (max, limits)
        && max > most
    {
        let rule = format!("{max} is above `capacity.max`, {most}, so it lowers nothing");
        wrong(&max_at, rule, "lower it, remove it, or raise `capacity.max`");
    }
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        wrong(&min_at, format!("{min} is above max, {max}"), "lower min or raise max");
    }
    sound.then_some((min, max))
}
