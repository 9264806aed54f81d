//! `fleets[].demand`: what is read, and how need is told from it.

use std::collections::BTreeMap;

use policies::model::{DemandRules, ForecastRule, MetricRule, MissingRule, QueueRule, SourceName, SourceRule};
use policies::units::{Capacity, Share, Span};

use crate::lower::fleet::{capacity, share, span};
use crate::lower::{At, Known, Lowering, MONTH, NameRule, WEEK, source};
use crate::model::{SourceConfig, SourceKind};
use crate::raw;
use crate::raw::field::{Field, List};

/// Sources that a fleet may have: each is read in every round, and nobody knows what more of them together mean.
const MOST: usize = 16;

/// A source's name is told in reports and views.
const NAME: NameRule = NameRule::plain("name of a source");

/// A source with its rule.
type One = (SourceRule, SourceConfig);

/// The rules, and where each source is read.
pub(super) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Demand>,
    limits: Option<(Capacity, Capacity)>,
    known: &Known<'_>,
) -> (Option<DemandRules>, BTreeMap<SourceName, SourceConfig>) {
    let Some(raw::Demand { queue, metric, sources, forecast, headroom, on_missing }) = cx.open(at, field) else {
        return (None, BTreeMap::new());
    };
    let (has_queue, has_metric, has_sources) = (!queue.is_absent(), !metric.is_absent(), sources.is_given());
    let has_source = has_queue || has_metric || has_sources;
    let has_forecast = !forecast.is_absent();
    if !has_source && has_forecast {
        let hint = "add `queue` or `metric`, or remove this";
        cx.wrong(&at.key("forecast"), "there is nothing to forecast without a source", hint);
    }
    if !has_source && on_missing.is_given() {
        let hint = "add `queue` or `metric`, or remove this";
        cx.wrong(&at.key("on_missing"), "nothing can be missing without a source", hint);
    }
    let mut named = Some(BTreeMap::new());
    if has_queue {
        add(&mut named, DemandRules::QUEUE.into(), queue_of(cx, &at.key("queue"), queue, known));
    }
    if has_metric {
        add(&mut named, DemandRules::METRIC.into(), metric_of(cx, &at.key("metric"), metric, known));
    }
    several(cx, &at.key("sources"), sources, known, &mut named);
    let forecast = forecast_of(cx, &at.key("forecast"), forecast);
    let headroom = share(cx, &at.key("headroom"), headroom, Share::default(), Share::percent(1_000));
    let on_missing = on_missing_of(cx, &at.key("on_missing"), on_missing, limits);
    let mut read = BTreeMap::new();
    let rules = named.map(|named| {
        let split = named.into_iter().map(|(name, (rule, source))| {
            read.insert(SourceName::clone(&name), source);
            (name, rule)
        });
        split.collect()
    });
    let rules = || {
        Some(DemandRules {
            sources: rules?,
            forecast: if has_forecast { Some(forecast?) } else { None },
            headroom: headroom?,
            on_missing: on_missing?,
        })
    };
    (rules(), read)
}

/// Takes a source in, or nothing of all when it is wrong.
fn add(named: &mut Option<BTreeMap<SourceName, One>>, name: SourceName, one: Option<One>) {
    match (named.as_mut(), one) {
        (Some(all), Some(one)) => drop(all.insert(name, one)),
        _ => *named = None,
    }
}

fn several(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<List<raw::DemandSource>>,
    known: &Known<'_>,
    named: &mut Option<BTreeMap<SourceName, One>>,
) {
    let Some(items) = cx.items(at, field) else {
        *named = None;
        return;
    };
    if items.len() > MOST {
        cx.wrong(at, format!("{} sources are too many", items.len()), format!("{MOST} at most"));
        *named = None;
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for (at, item) in items {
        let Some(raw::DemandSource { name, queue, metric }) = cx.open(&at, item) else {
            *named = None;
            continue;
        };
        let name_at = at.key("name");
        let name = cx.value(&name_at, name);
        let name = cx.named(&name_at, name, &NAME).filter(|name| {
            let taken = if DemandRules::is_usual(&name.as_str().into()) {
                Some(format!("`{name}` is the name of what stands in `demand.{name}`"))
            } else {
                names
                    .iter()
                    .position(|other| other == name)
                    .map(|first| format!("this name is taken, by sources[{first}]"))
            };
            if let Some(rule) = &taken {
                cx.wrong(&name_at, rule.clone(), "give each source of a fleet a name of its own");
            }
            taken.is_none()
        });
        names.push(name.clone().unwrap_or_default());
        let one = match (queue.is_absent(), metric.is_absent()) {
            (false, true) => queue_of(cx, &at.key("queue"), queue, known),
            (true, false) => metric_of(cx, &at.key("metric"), metric, known),
            (true, true) => {
                cx.wrong(&at, "neither a queue nor a metric is named", "give `queue` or `metric`");
                None
            }
            (false, false) => {
                cx.wrong(
                    &at,
                    "a queue and a metric are named",
                    "give one of them, and each source an entry of its own",
                );
                None
            }
        };
        match name {
            Some(name) => add(named, name.into(), one),
            None => *named = None,
        }
    }
}

fn queue_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Queue>, known: &Known<'_>) -> Option<One> {
    let raw::Queue { source, jobs_per_unit_hour, drain_within, timeout } = cx.open(at, field)?;
    let kind = source::lower(cx, &at.key("source"), source, known);
    let jobs_at = at.key("jobs_per_unit_hour");
    let learns = jobs_per_unit_hour.is_absent();
    let jobs_per_unit_hour = cx.value(&jobs_at, jobs_per_unit_hour).filter(|jobs| {
        if jobs.milli() == 0 {
            cx.wrong(&jobs_at, "a unit that finishes no jobs can drain no queue", "give what one unit does in an hour");
        }
        jobs.milli() > 0
    });
    if let (true, Some(kind)) = (learns, &kind)
        && let Some(instead) = uncounted(kind)
    {
        let rule = "without it, it is learned from arrivals, which this source does not count";
        cx.wrong(&jobs_at, rule, format!("give what one unit finishes in an hour{instead}"));
        return None;
    }
    let drain_within = span(cx, &at.key("drain_within"), drain_within, Span::from_secs(1), MONTH);
    let timeout = span(cx, &at.key("timeout"), timeout, Span::from_millis(100), Span::from_secs(60));
    let jobs_per_unit_hour = if learns { None } else { Some(jobs_per_unit_hour?) };
    let rule = SourceRule::Queue(QueueRule { jobs_per_unit_hour, drain_within: drain_within? });
    Some((rule, SourceConfig { kind: kind?, timeout: timeout? }))
}

/// What else would do for a source that does not count arrivals; `None` for one that does, or may.
fn uncounted(kind: &SourceKind) -> Option<&'static str> {
    match kind {
        SourceKind::RedisList { .. } => Some(", or use a stream, which counts them"),
        SourceKind::Prometheus { .. } | SourceKind::Sqs { .. } => Some(""),
        SourceKind::Http { arrived_total: None, .. } => Some(", or say where the count stands: `arrived_total`"),
        SourceKind::Http { arrived_total: Some(_), .. }
        | SourceKind::RedisStream { .. }
        | SourceKind::File { .. }
        | SourceKind::RabbitMq { .. } => None,
    }
}

fn metric_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Metric>, known: &Known<'_>) -> Option<One> {
    let raw::Metric { source, target_per_unit, timeout } = cx.open(at, field)?;
    let source_at = at.key("source");
    let kind = source::lower(cx, &source_at, source, known).filter(|kind| match kind {
        SourceKind::Prometheus { .. } | SourceKind::Http { in_flight: None, arrived_total: None, .. } => true,
        SourceKind::Http { .. } => {
            let hint = "remove `in_flight` and `arrived_total`, or size by it as a `queue`";
            cx.wrong(&source_at, "a metric is one number", hint);
            false
        }
        _ => {
            let hint = "read a metric by `prometheus` or `http`, or size by this source as a `queue`";
            cx.wrong(&source_at, "this source counts jobs: it is a queue", hint);
            false
        }
    });
    let target_at = at.key("target_per_unit");
    let target = cx.value(&target_at, target_per_unit).filter(|target| {
        if target.milli() == 0 {
            cx.wrong(&target_at, "no value would be small enough", "give the value that one unit shall stand for");
        }
        target.milli() > 0
    });
    let timeout = span(cx, &at.key("timeout"), timeout, Span::from_millis(100), Span::from_secs(60));
    let rule = SourceRule::Metric(MetricRule { target_milli: target?.milli() });
    Some((rule, SourceConfig { kind: kind?, timeout: timeout? }))
}

fn forecast_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Forecast>) -> Option<ForecastRule> {
    let raw::Forecast { horizon, quantile } = cx.open(at, field)?;
    let horizon = span(cx, &at.key("horizon"), horizon, Span::from_mins(1), WEEK);
    let quantile = share(cx, &at.key("quantile"), quantile, Share::percent(1), Share::from_basis_points(9_990));
    Some(ForecastRule { horizon: horizon?, quantile: quantile? })
}

fn on_missing_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::OnMissing>,
    limits: Option<(Capacity, Capacity)>,
) -> Option<MissingRule> {
    let raw::OnMissing { hold, then } = cx.open(at, field)?;
    let hold = span(cx, &at.key("hold"), hold, Span::ZERO, MONTH);
    let then_at = at.key("then");
    let has_then = !then.is_absent();
    let then = capacity(cx, &then_at, then);
    if let (Some(then), Some((min, max))) = (then, limits)
        && (then > max || then < min)
    {
        let rule = format!("{then} is not between min, {min}, and max, {max}");
        cx.wrong(&then_at, rule, "the target never leaves these limits");
        return None;
    }
    Some(MissingRule { hold: hold?, then: if has_then { Some(then?) } else { None } })
}
