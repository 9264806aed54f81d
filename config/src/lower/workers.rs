//! `scale_down.workers`: where it is read what workers do.

use policies::units::Span;

use crate::lower::fleet::span;
use crate::lower::source::{promql, redis_key, redis_url, server_of};
use crate::lower::{At, Lowering};
use crate::model::{WorkersConfig, WorkersKind};
use crate::raw;
use crate::raw::field::Field;

/// Where it is read.
pub(crate) fn lower(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Workers>) -> Option<WorkersConfig> {
    let raw::Workers { prometheus, redis, every, timeout } = cx.open(at, field)?;
    let every = span(cx, &at.key("every"), every, Span::from_secs(5), Span::from_hours(1));
    let timeout = span(cx, &at.key("timeout"), timeout, Span::from_millis(100), Span::from_secs(60));
    let (has_metric, has_stream) = (!prometheus.is_absent(), !redis.is_absent());
    if has_metric == has_stream {
        let rule = if has_metric { "a metric and a stream are named" } else { "no source is named" };
        cx.wrong(at, rule, "give exactly one of `prometheus` and `redis`");
        return None;
    }
    let kind =
        if has_metric { metric(cx, &at.key("prometheus"), prometheus) } else { stream(cx, &at.key("redis"), redis) };
    Some(WorkersConfig { kind: kind?, every: every?, timeout: timeout? })
}

fn metric(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::WorkersMetric>) -> Option<WorkersKind> {
    let raw::WorkersMetric { url, query, label, token, allow_http } = cx.open(at, field)?;
    let server = server_of(cx, at, url, Some(token), allow_http, "PROMETHEUS_URL");
    let found = promql(cx, at, server, query);
    let label_at = at.key("label");
    let label = cx.value(&label_at, label).filter(|label| {
        // Prometheus' own rule.
        let starts = label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = starts && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && label.len() <= 200;
        if !fits {
            let hint = "give letters, digits and `_`, and no digit first";
            cx.wrong(&label_at, "no label of Prometheus can be called so", hint);
        }
        fits
    });
    let (server, query) = found?;
    Some(WorkersKind::Metric { server, query, label: label? })
}

fn stream(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::WorkersStream>) -> Option<WorkersKind> {
    let raw::WorkersStream { url, stream, group } = cx.open(at, field)?;
    let url = redis_url(cx, &at.key("url"), url);
    let stream = redis_key(cx, &at.key("stream"), stream);
    let group = redis_key(cx, &at.key("group"), group);
    Some(WorkersKind::Stream { url: url?, stream: stream?, group: group? })
}
