//! `fleets[]`: what the operator wants of one fleet.

use std::collections::BTreeMap;

use policies::model::{
    Fleet, FleetName, InstanceType, MaxShare, MoveRules, OnDemandRules, ScaleDown, ScaleUp, SpotRules, Survive,
};
use policies::units::{Capacity, Share, Span};

use crate::hints;
use crate::lower::{At, Known, Lowering, MONTH, NameRule, WEEK, budget, demand, hook, pools, schedules, workers};
use crate::model::{FleetConfig, HookConfig, WorkersConfig};
use crate::raw;
use crate::raw::field::{Dict, Field};
use crate::raw::value::{Duration, Leaf, Percent, Text, Units};

/// A fleet's name is a tag, a label of metrics, a part of paths and of names in the clouds.
const FLEET_NAME: NameRule = NameRule::plain("name of a fleet");

/// A label's key is a label of metrics too, and Prometheus takes only these characters.
const LABEL_KEY: NameRule = NameRule {
    what: "key of a label",
    hint: "small letters, digits and underscores, at most 63",
    longest: 63,
    first: |c| c.is_ascii_lowercase(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_',
};

/// Each label is on every series of the fleet's metrics.
const MOST_LABELS: usize = 20;

/// The longest value of a tag on EC2 is 256 characters; one is left for no reason but roundness.
const LONGEST_LABEL: usize = 255;

/// More units than any account has quota for; beyond it a unit was mistaken.
const MOST_CAPACITY: Capacity = Capacity::units(10_000_000);

/// The fleet's name, when it has a valid one, and the fleet, when all of it is valid.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Fleet>,
    known: &Known<'_>,
    room: &mut usize,
) -> (Option<String>, Option<FleetConfig>) {
    let Some(table) = cx.open(at, field) else { return (None, None) };
    let raw::Fleet {
        name,
        labels,
        unit,
        weights,
        capacity,
        schedules,
        budget,
        demand,
        on_demand,
        spot,
        scale_up,
        scale_down,
        pools,
    } = table;

    let name_at = at.key("name");
    let name = cx.value(&name_at, name);
    let name = cx.named(&name_at, name, &FLEET_NAME);
    let labels = labels_of(cx, &at.key("labels"), labels);
    let unit = cx.value(&at.key("unit"), unit);
    let weights_at = at.key("weights");
    let weights = weights_of(cx, &weights_at, weights);
    let (limits, survive) = capacity_of(cx, &at.key("capacity"), capacity);
    let budget = budget::lower(cx, &at.key("budget"), budget);
    let schedules = schedules::lower(cx, &at.key("schedules"), schedules, limits);
    let (demand, sources) = demand::lower(cx, &at.key("demand"), demand, limits, known);
    let on_demand_at = at.key("on_demand");
    let on_demand = on_demand_of(cx, &on_demand_at, on_demand, limits);
    let spot_at = at.key("spot");
    let spot = spot_of(cx, &spot_at, spot);
    let scale_up = scale_up_of(cx, &at.key("scale_up"), scale_up, limits);
    let scale_down = scale_down_of(cx, &at.key("scale_down"), scale_down);
    let (scale_down, hook, workers) =
        scale_down.map_or((None, None, None), |(rules, hook, workers)| (Some(rules), hook, workers));
    let spec_name = name.clone().unwrap_or_default();
    let pools_at = at.key("pools");
    let places = pools::lower(cx, &pools_at, pools, &spec_name, labels.as_ref(), known, room);

    if let Some(places) = &places {
        if let Some(weights) = &weights {
            for weighted in weights.keys().filter(|t| !places.types.contains(t.as_str())) {
                let at = weights_at.key(weighted.as_str()).itself();
                let near = hints::nearest(weighted.as_str(), places.types.iter().map(String::as_str));
                let hint = near.map_or_else(|| "remove it".to_owned(), |near| format!("did you mean `{near}`?"));
                cx.wrong(&at, "no pool of this fleet has this instance type", hint);
            }
        }
        if let (Some(on_demand), Some((_, max))) = (&on_demand, limits) {
            pools::check_markets(cx, &on_demand_at, &pools_at, places, on_demand, max);
        }
        if let Some(spot) = &spot {
            pools::check_spread(cx, &spot_at, places, spot);
        }
        if let Some(Some(survive)) = survive {
            pools::check_survival(cx, &at.key("capacity").key("survive"), places, survive);
        }
    }

    let fleet = || {
        let (min, max) = limits?;
        let places = places?;
        let fleet = Fleet {
            name: FleetName::from(name.as_deref()?),
            labels: labels?,
            unit: unit?,
            weights: weights?,
            min,
            max,
            schedules: schedules?,
            budget: budget?,
            survive: survive?,
            demand: demand?,
            on_demand: on_demand?,
            spot: spot?,
            scale_up: scale_up?,
            scale_down: scale_down?,
            pools: places.pools,
        };
        Some(FleetConfig { fleet, sources, hook, workers, specs: places.specs })
    };
    let fleet = fleet();
    (name, fleet)
}

fn labels_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
) -> Option<BTreeMap<String, String>> {
    let entries = cx.entries(at, field)?;
    if entries.len() > MOST_LABELS {
        cx.wrong(at, format!("{} labels are too many", entries.len()), format!("{MOST_LABELS} at most"));
        return None;
    }
    let mut labels = BTreeMap::new();
    let mut whole = true;
    for (at, key, value) in entries {
        let key = cx.named(&at.itself(), Some(key), &LABEL_KEY);
        let value = cx.value(&at, value).filter(|value| {
            let fits = value.chars().count() <= LONGEST_LABEL && !value.chars().any(char::is_control);
            if !fits {
                cx.wrong(&at, "this is no value of a label", format!("one line of {LONGEST_LABEL} characters at most"));
            }
            fits
        });
        match (key, value) {
            (Some(key), Some(value)) => {
                labels.insert(key, value);
            }
            _ => whole = false,
        }
    }
    whole.then_some(labels)
}

fn weights_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Units>>>,
) -> Option<BTreeMap<InstanceType, Capacity>> {
    let mut weights = BTreeMap::new();
    let mut whole = true;
    for (at, name, weight) in cx.entries(at, field)? {
        match capacity(cx, &at, weight) {
            Some(weight) if weight.is_zero() => {
                cx.wrong(&at, "a machine of this type would bring nothing", "remove the type from the pools instead");
                whole = false;
            }
            Some(weight) => {
                weights.insert(InstanceType::from(name), weight);
            }
            None => whole = false,
        }
    }
    whole.then_some(weights)
}

pub(super) fn capacity(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Units>>) -> Option<Capacity> {
    let value = cx.value(at, field)?;
    if value > MOST_CAPACITY {
        cx.wrong(at, format!("{value} is too large"), format!("it can be {MOST_CAPACITY} at most"));
        return None;
    }
    Some(value)
}

/// The least and the most, and what the least survives.
fn capacity_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Capacity>,
) -> (Option<(Capacity, Capacity)>, Option<Option<Survive>>) {
    let Some(raw::Capacity { min, max, survive }) = cx.open(at, field) else { return (None, None) };
    let has_survive = !survive.is_absent();
    let survive = cx.value(&at.key("survive"), survive);
    (limits_of(cx, at, min, max), if has_survive { survive.map(Some) } else { Some(None) })
}

fn limits_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    min: Field<Leaf<Units>>,
    max: Field<Leaf<Units>>,
) -> Option<(Capacity, Capacity)> {
    let min_at = at.key("min");
    let max_at = at.key("max");
    let min = capacity(cx, &min_at, min);
    let max = capacity(cx, &max_at, max);
    let (min, max) = (min?, max?);
    if max.is_zero() {
        cx.wrong(&max_at, "a fleet with a maximum of 0 can never run anything", "raise it, or remove the fleet");
    } else if min > max {
        cx.wrong(&min_at, format!("{min} is above max, {max}"), "lower min or raise max");
    } else {
        return Some((min, max));
    }
    None
}

fn on_demand_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::OnDemand>,
    limits: Option<(Capacity, Capacity)>,
) -> Option<OnDemandRules> {
    let raw::OnDemand { base, fallback_after, return_to_spot } = cx.open(at, field)?;
    let base_at = at.key("base");
    let base = capacity(cx, &base_at, base);
    let above = base.zip(limits).is_some_and(|(base, (_, max))| base > max);
    if let (true, Some(base), Some((_, max))) = (above, base, limits) {
        cx.wrong(&base_at, format!("{base} is above max, {max}"), "lower the base or raise `capacity.max`");
    }
    let has_fallback = !fallback_after.is_absent();
    let fallback_after = span(cx, &at.key("fallback_after"), fallback_after, Span::ZERO, WEEK);
    let return_to_spot = cx.value(&at.key("return_to_spot"), return_to_spot);
    Some(OnDemandRules {
        base: base.filter(|_| !above)?,
        fallback_after: if has_fallback { Some(fallback_after?) } else { None },
        return_to_spot: return_to_spot?,
    })
}

fn spot_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Spot>) -> Option<SpotRules> {
    let raw::Spot { max_price, min_pools, max_share, strategy, moves, max_price_age } = cx.open(at, field)?;
    let cap = if max_price.is_absent() { Some((None, None)) } else { cap_of(cx, &at.key("max_price"), max_price) };
    let min_at = at.key("min_pools");
    let min_pools = cx.value(&min_at, min_pools).and_then(|n| match u32::try_from(n) {
        Ok(n @ 1..=1_000) => Some(n),
        _ => {
            cx.wrong(&min_at, format!("{n} pools cannot be asked for"), "it must be from 1 to 1000");
            None
        }
    });
    let max_share = max_share_of(cx, &at.key("max_share"), max_share);
    let strategy = cx.value(&at.key("strategy"), strategy);
    let has_moves = !moves.is_absent();
    let moves = moves_of(cx, &at.key("moves"), moves);
    let max_price_age = span(cx, &at.key("max_price_age"), max_price_age, Span::from_mins(5), MONTH);
    let (max_price_of_on_demand, max_price_per_unit) = cap?;
    Some(SpotRules {
        max_price_of_on_demand,
        max_price_per_unit,
        min_pools: min_pools?,
        max_share: max_share?,
        strategy: strategy?,
        moves: if has_moves { Some(moves?) } else { None },
        max_price_age: Some(max_price_age?),
    })
}

fn moves_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Moves>) -> Option<MoveRules> {
    let raw::Moves { min_saving, pays_back_within, max_per_hour, max_share, calm } = cx.open(at, field)?;
    let least = Share::percent(1);
    let min_saving = share(cx, &at.key("min_saving"), min_saving, least, Share::WHOLE);
    let pays_back_within = span(cx, &at.key("pays_back_within"), pays_back_within, Span::from_mins(1), WEEK);
    let most_at = at.key("max_per_hour");
    let max_per_hour = cx.value(&most_at, max_per_hour).and_then(|n| match u32::try_from(n) {
        Ok(n @ 1..=1_000) => Some(n),
        _ => {
            cx.wrong(&most_at, format!("{n} moves an hour cannot be asked for"), "it must be from 1 to 1000");
            None
        }
    });
    let max_share = share(cx, &at.key("max_share"), max_share, least, Share::WHOLE);
    let calm = span(cx, &at.key("calm"), calm, Span::ZERO, WEEK);
    Some(MoveRules {
        min_saving: min_saving?,
        pays_back_within: pays_back_within?,
        max_per_hour: max_per_hour?,
        max_share: max_share?,
        calm: calm?,
    })
}

/// Both caps on the price of spot.
type Caps = (Option<Share>, Option<policies::units::UnitPrice>);

fn cap_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::MaxPrice>) -> Option<Caps> {
    let raw::MaxPrice { of_on_demand, per_unit_hour } = cx.open(at, field)?;
    let (has_share, has_price) = (!of_on_demand.is_absent(), !per_unit_hour.is_absent());
    if !has_share && !has_price {
        cx.wrong(at, "it caps nothing", "give `of_on_demand`, `per_unit_hour` or both, or remove it");
        return None;
    }
    let least = Share::from_basis_points(1);
    let of_on_demand = share(cx, &at.key("of_on_demand"), of_on_demand, least, Share::percent(200));
    let price_at = at.key("per_unit_hour");
    let per_unit_hour = cx.value(&price_at, per_unit_hour).filter(|price| {
        if price.nanos() == 0 {
            cx.wrong(
                &price_at,
                "no spot is that cheap",
                "raise the cap, or buy on-demand only: `markets: [on-demand]`",
            );
        }
        price.nanos() > 0
    });
    Some((if has_share { Some(of_on_demand?) } else { None }, if has_price { Some(per_unit_hour?) } else { None }))
}

fn max_share_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::MaxShare>) -> Option<MaxShare> {
    let raw::MaxShare { pool, zone, region, provider } = cx.open(at, field)?;
    let mut part = |name: &str, field| share(cx, &at.key(name), field, Share::from_basis_points(1), Share::WHOLE);
    let (pool, zone) = (part("pool", pool), part("zone", zone));
    let (region, provider) = (part("region", region), part("provider", provider));
    Some(MaxShare { pool: pool?, zone: zone?, region: region?, provider: provider? })
}

/// The limit of launches in an hour, when the file sets none: a fleet that is taken whole four times an hour is still
/// replaced.
fn launches_per_hour(max: Capacity) -> u32 {
    let machines = max.times(4).machines_of(Capacity::ONE).max(60);
    u32::try_from(machines).unwrap_or(u32::MAX)
}

fn scale_up_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::ScaleUp>,
    limits: Option<(Capacity, Capacity)>,
) -> Option<ScaleUp> {
    let raw::ScaleUp { cooldown, max_step, max_launches_per_hour, ready_within, halt_above } = cx.open(at, field)?;
    let launches_at = at.key("max_launches_per_hour");
    let launches = if max_launches_per_hour.is_absent() {
        Some(limits.map_or(60, |(_, max)| launches_per_hour(max)))
    } else {
        cx.value(&launches_at, max_launches_per_hour).and_then(|n| match u32::try_from(n) {
            Ok(n @ 1..=1_000_000) => Some(n),
            _ => {
                let hint = "it must be from 1 to 1000000";
                cx.wrong(&launches_at, format!("{n} launches cannot be the limit"), hint);
                None
            }
        })
    };
    let cooldown = span(cx, &at.key("cooldown"), cooldown, Span::ZERO, WEEK);
    let has_step = !max_step.is_absent();
    let max_step = step(cx, &at.key("max_step"), max_step, Share::percent(10_000));
    let ready_within = span(cx, &at.key("ready_within"), ready_within, Span::from_mins(1), Span::from_hours(24));
    let halt_above = share(cx, &at.key("halt_above"), halt_above, Share::from_basis_points(1), Share::WHOLE);
    Some(ScaleUp {
        cooldown: cooldown?,
        max_step: if has_step { Some(max_step?) } else { None },
        max_launches_per_hour: launches?,
        ready_within: Some(ready_within?),
        halt_above: Some(halt_above?).filter(|share| *share < Share::WHOLE),
    })
}

fn scale_down_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::ScaleDown>,
) -> Option<(ScaleDown, Option<HookConfig>, Option<WorkersConfig>)> {
    let raw::ScaleDown { cooldown, order, idle_grace, drain_timeout, max_step, min_life, drain_hook, workers } =
        cx.open(at, field)?;
    let cooldown = span(cx, &at.key("cooldown"), cooldown, Span::ZERO, WEEK);
    // There is one order in this version; the key is read so that another one is refused, not ignored.
    let order = cx.value(&at.key("order"), order);
    let idle_grace = span(cx, &at.key("idle_grace"), idle_grace, Span::ZERO, WEEK);
    let drain_timeout = span(cx, &at.key("drain_timeout"), drain_timeout, Span::ZERO, WEEK);
    let has_step = !max_step.is_absent();
    let max_step = step(cx, &at.key("max_step"), max_step, Share::WHOLE);
    let min_life = span(cx, &at.key("min_life"), min_life, Span::ZERO, WEEK);
    let has_hook = !drain_hook.is_absent();
    let drain_hook = hook::lower(cx, &at.key("drain_hook"), drain_hook, drain_timeout);
    let watches = !workers.is_absent();
    let workers = workers::lower(cx, &at.key("workers"), workers);
    order?;
    let rules = ScaleDown {
        cooldown: cooldown?,
        idle_grace: idle_grace?,
        drain_timeout: drain_timeout?,
        max_step: if has_step { Some(max_step?) } else { None },
        min_life: min_life?,
        drain_hook: has_hook,
    };
    let hook = if has_hook { Some(drain_hook?) } else { None };
    Some((rules, hook, if watches { Some(workers?) } else { None }))
}

/// The largest step, which must allow one.
fn step(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Percent>>, most: Share) -> Option<Share> {
    share(cx, at, field, Share::from_basis_points(1), most)
}

/// The share at the key, within these bounds.
pub(crate) fn share(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Leaf<Percent>>,
    least: Share,
    most: Share,
) -> Option<Share> {
    let share = cx.value(at, field)?;
    if share < least {
        cx.wrong(at, format!("{share} is too small"), format!("it must be {least} at least"));
    } else if share > most {
        cx.wrong(at, format!("{share} is too large"), format!("it can be {most} at most"));
    } else {
        return Some(share);
    }
    None
}

/// The duration at the key, within these bounds.
pub(super) fn span(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Leaf<Duration>>,
    least: Span,
    most: Span,
) -> Option<Span> {
    let value = cx.value(at, field);
    cx.within(at, value, least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_break_tags_or_paths_are_refused() {
        for good in ["a", "llm-batch", "0x", "a-"] {
            assert!(FLEET_NAME.allows(good), "{good}");
        }
        for bad in ["", "-a", "A", "a/b", "a.b", "a b", "\u{fc}"] {
            assert!(!FLEET_NAME.allows(bad), "{bad}");
        }
        assert!(FLEET_NAME.allows(&"a".repeat(63)) && !FLEET_NAME.allows(&"a".repeat(64)));
    }
}
