//! `budget` of a fleet and of the daemon: what may be spent.

use policies::budget::Budget;
use policies::units::{Money, PricePerHour, Share};

use crate::lower::fleet::share;
use crate::lower::{At, Lowering};
use crate::raw;
use crate::raw::field::Field;
use crate::raw::value::{Leaf, Micros};

/// The budget at the key. The outer `None`: it is not valid; the inner one: there is none.
#[expect(clippy::option_option, reason = "absent and wrong are different, as everywhere in this module")]
pub(crate) fn lower(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Budget>) -> Option<Option<Budget>> {
    if field.is_absent() {
        return Some(None);
    }
    let raw::Budget { per_hour, per_day, per_month, alert_at, at_limit } = cx.open(at, field)?;
    if per_hour.is_absent() && per_day.is_absent() && per_month.is_absent() {
        cx.wrong(at, "it limits nothing", "give `per_hour`, `per_day` or `per_month`, or remove it");
        return None;
    }
    let hour = amount(cx, &at.key("per_hour"), per_hour);
    let day = amount(cx, &at.key("per_day"), per_day);
    let month = amount(cx, &at.key("per_month"), per_month);
    let alert_at = share(cx, &at.key("alert_at"), alert_at, Share::from_basis_points(1), Share::WHOLE);
    let at_limit = cx.value(&at.key("at_limit"), at_limit);
    let money = |micros: u64| Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    Some(Some(Budget {
        per_hour: hour?.map(PricePerHour::from_micros),
        per_day: day?.map(money),
        per_month: month?.map(money),
        alert_at: alert_at?,
        at_limit: at_limit?,
    }))
}

/// An amount that is more than nothing, in millionths.
#[expect(clippy::option_option, reason = "as above")]
fn amount(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Micros>>) -> Option<Option<u64>> {
    if field.is_absent() {
        return Some(None);
    }
    let micros = cx.value(at, field)?;
    if micros == 0 {
        cx.wrong(at, "a budget of nothing", "to stop a fleet, set `capacity.max: 0`, or pause it");
        return None;
    }
    Some(Some(micros))
}
