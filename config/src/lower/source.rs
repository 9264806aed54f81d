//! `demand.queue.source`: where demand is read.

use policies::model::ProviderName;
use policies::units::Span;
use providers::is_plaintext;

use crate::lower::daemon::{checked_url, secret, secret_table, url};
use crate::lower::{At, Known, Lowering, MONTH};
use crate::model::{HttpServer, SourceKind, Url};
use crate::problem::quoted;
use crate::raw;
use crate::raw::UrlOrRef;
use crate::raw::field::Field;
use crate::raw::value::{Flag, Leaf, Text};

/// The kinds of sources, for hints.
const KINDS: &str = "`redis`, `file`, `prometheus`, `http`, `rabbitmq` and `sqs`";

/// Longer keys are refused: Redis takes them, but no person wrote them.
const LONGEST_KEY: usize = 512;

/// Longer queries are refused: they are sent in a URL, and servers take 8 KiB of one.
const LONGEST_QUERY: usize = 4_096;

/// What is read for demand.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Source>,
    known: &Known<'_>,
) -> Option<SourceKind> {
    let raw::Source { redis, file, prometheus, http, rabbitmq, sqs } = cx.open(at, field)?;
    let given = [
        !redis.is_absent(),
        !file.is_absent(),
        !prometheus.is_absent(),
        !http.is_absent(),
        !rabbitmq.is_absent(),
        !sqs.is_absent(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => {
            cx.wrong(at, "no source is named", format!("give one of {KINDS}"));
            return None;
        }
        1 => {}
        n => {
            let rule = if n == 2 { "two sources are named".to_owned() } else { format!("{n} sources are named") };
            cx.wrong(at, rule, format!("give exactly one of {KINDS}"));
            return None;
        }
    }
    if !redis.is_absent() {
        return lower_redis(cx, &at.key("redis"), redis);
    }
    if !file.is_absent() {
        return lower_file(cx, &at.key("file"), file);
    }
    if !prometheus.is_absent() {
        return lower_prometheus(cx, &at.key("prometheus"), prometheus);
    }
    if !http.is_absent() {
        return lower_http(cx, &at.key("http"), http);
    }
    if !rabbitmq.is_absent() {
        return lower_rabbitmq(cx, &at.key("rabbitmq"), rabbitmq);
    }
    lower_sqs(cx, &at.key("sqs"), sqs, known)
}

fn lower_file(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::DemandFile>) -> Option<SourceKind> {
    let raw::DemandFile { path, max_age } = cx.open(at, field)?;
    let path = cx.value(&at.key("path"), path);
    let age_at = at.key("max_age");
    let has_age = !max_age.is_absent();
    let max_age = cx.value(&age_at, max_age);
    let max_age = cx.within(&age_at, max_age, Span::from_secs(1), MONTH);
    let path = cx.directory.join(path?);
    Some(SourceKind::File { path, max_age: if has_age { Some(max_age?) } else { None } })
}

fn lower_prometheus(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Prometheus>) -> Option<SourceKind> {
    let raw::Prometheus { url, query, token, allow_http } = cx.open(at, field)?;
    let server = server_of(cx, at, url, Some(token), allow_http, "PROMETHEUS_URL");
    let (server, query) = promql(cx, at, server, query)?;
    Some(SourceKind::Prometheus { server, query })
}

/// A server and a query that it can be asked.
pub(crate) fn promql(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    server: Option<HttpServer>,
    query: Field<Leaf<Text>>,
) -> Option<(HttpServer, String)> {
    let query_at = at.key("query");
    let query = cx.value(&query_at, query).filter(|query| {
        let fits = !query.trim().is_empty() && query.len() <= LONGEST_QUERY;
        if !fits {
            cx.wrong(&query_at, "this is no query", format!("give 1 to {LONGEST_QUERY} bytes of PromQL"));
        }
        fits
    });
    let server = server.filter(|server| {
        let deep = matches!(&server.url, Url::Plain(text) if text.trim_end_matches('/').ends_with("/api/v1/query"));
        if deep {
            cx.wrong(&at.key("url"), "this is the path of the query itself", "give the base URL, without `/api/v1`");
        }
        !deep
    });
    Some((server?, query?))
}

fn lower_http(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::HttpJson>) -> Option<SourceKind> {
    let raw::HttpJson { url, pointer, in_flight, arrived_total, token, allow_http } = cx.open(at, field)?;
    let server = server_of(cx, at, url, Some(token), allow_http, "JOBS_URL");
    let (has_in_flight, has_arrived) = (!in_flight.is_absent(), !arrived_total.is_absent());
    let pointer = json_pointer(cx, &at.key("pointer"), pointer);
    let in_flight = json_pointer(cx, &at.key("in_flight"), in_flight);
    let arrived_total = json_pointer(cx, &at.key("arrived_total"), arrived_total);
    Some(SourceKind::Http {
        server: server?,
        pointer: pointer?,
        in_flight: if has_in_flight { Some(in_flight?) } else { None },
        arrived_total: if has_arrived { Some(arrived_total?) } else { None },
    })
}

fn json_pointer(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    let pointer = cx.value(at, field)?;
    let mut escapes = pointer.split('~').skip(1);
    let escaped = escapes.all(|rest| rest.starts_with(['0', '1']));
    if (!pointer.is_empty() && !pointer.starts_with('/')) || !escaped || pointer.len() > LONGEST_KEY {
        let hint = format!(
            "write `/name/0/name`, with `~1` for a slash in a name and `~0` for a tilde, at most {LONGEST_KEY} bytes"
        );
        cx.wrong(at, "this is no JSON pointer", hint);
        return None;
    }
    Some(pointer)
}

fn lower_rabbitmq(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::RabbitMq>) -> Option<SourceKind> {
    let raw::RabbitMq { url, vhost, queue, allow_http } = cx.open(at, field)?;
    let server = server_of(cx, at, url, None, allow_http, "RABBITMQ_URL");
    let vhost = rabbit_name(cx, &at.key("vhost"), vhost);
    let queue = rabbit_name(cx, &at.key("queue"), queue);
    Some(SourceKind::RabbitMq { server: server?, vhost: vhost?, queue: queue? })
}

/// The name of a queue or vhost: AMQP takes up to 255 bytes.
fn rabbit_name(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    let name = cx.value(at, field)?;
    // As a step of a path the dots mean something else.
    if matches!(name.as_str(), "" | "." | "..") || name.len() > 255 {
        cx.wrong(at, "this name cannot be used", "give 1 to 255 bytes, and more than dots");
        return None;
    }
    Some(name)
}

fn lower_sqs(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Sqs>, known: &Known<'_>) -> Option<SourceKind> {
    let raw::Sqs { queue_url, provider } = cx.open(at, field)?;
    let url_at = at.key("queue_url");
    let queue_url = url(cx, &url_at, queue_url, &["https", "http"]).filter(|url| {
        let plain = is_plaintext(url);
        if plain {
            cx.wrong(&url_at, "the URL is without TLS", "write `https://`; without TLS only a queue on this machine");
        }
        !plain
    });
    let provider_at = at.key("provider");
    let has_provider = !provider.is_absent();
    let provider = cx.value(&provider_at, provider).filter(|name| {
        let found = known.names.contains(name) && raw::kind_of(name) == "aws";
        if !found {
            let mut names = known.names.iter().map(String::as_str).filter(|name| raw::kind_of(name) == "aws");
            let hint = match names.next() {
                Some(first) => format!("name one of kind `aws`, such as `{first}`, or remove it"),
                None => "remove it, or add `aws: {}` to `providers`".to_owned(),
            };
            cx.wrong(&provider_at, format!("{} is no provider of kind `aws`", quoted(name)), hint);
        }
        found
    });
    Some(SourceKind::Sqs {
        queue_url: queue_url?,
        provider: if has_provider { Some(ProviderName::from(provider?)) } else { None },
    })
}

/// A server that is asked by HTTP: its URL, its token where it has one, and that no secret goes there in the clear.
pub(crate) fn server_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    url: Field<UrlOrRef>,
    token: Option<Field<raw::SecretRef>>,
    allow_http: Field<Leaf<Flag>>,
    variable: &str,
) -> Option<HttpServer> {
    let allow_http = cx.value(&at.key("allow_http"), allow_http);
    let url_at = at.key("url");
    let url = match cx.open(&url_at, url) {
        Some(UrlOrRef::Plain(text)) => {
            let hint = format!(
                "keep the URL elsewhere and write `{{env: {variable}}}`, `{{file: PATH}}` or `{{credential: NAME}}`, \
                 and change the password if this file was shared"
            );
            // A slash at the end of it may mean something to the server.
            checked_url(cx, &url_at, &text, &["http", "https"], &hint).map(|_| Url::Plain(text))
        }
        Some(UrlOrRef::Ref(table)) => secret_table(cx, &url_at, table).map(Url::Secret),
        None => None,
    };
    let token = match token {
        Some(token) if !token.is_absent() => Some(secret(cx, &at.key("token"), token)),
        _ => None,
    };
    if let Some(Url::Plain(text)) = &url
        && token.is_some()
        && allow_http == Some(false)
        && is_plaintext(text)
    {
        let rule = "the URL is without TLS: the token could be read on the way";
        cx.wrong(&url_at, rule, "write `https://`, or set `allow_http: true` where nobody can listen");
        return None;
    }
    let token = match token {
        Some(token) => Some(token?),
        None => None,
    };
    Some(HttpServer { url: url?, token, allow_http: allow_http? })
}

fn lower_redis(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Redis>) -> Option<SourceKind> {
    let raw::Redis { url, list, in_progress, stream, group } = cx.open(at, field)?;
    let url = redis_url(cx, &at.key("url"), url);
    let has = (!list.is_absent(), !stream.is_absent());
    let (has_in_progress, has_group) = (!in_progress.is_absent(), !group.is_absent());
    let list = redis_key(cx, &at.key("list"), list);
    let in_progress = redis_key(cx, &at.key("in_progress"), in_progress);
    let stream = redis_key(cx, &at.key("stream"), stream);
    let group = redis_key(cx, &at.key("group"), group);
    match has {
        (true, false) => {
            if has_group {
                cx.wrong(&at.key("group"), "a list has no consumer groups", "remove `group`, or name a `stream`");
                return None;
            }
            let in_progress = if has_in_progress { Some(in_progress?) } else { None };
            Some(SourceKind::RedisList { url: url?, list: list?, in_progress })
        }
        (false, true) => {
            if has_in_progress {
                let hint = "remove `in_progress`: what is pending in the group counts already";
                cx.wrong(&at.key("in_progress"), "a stream has no list of jobs in progress", hint);
                return None;
            }
            if !has_group {
                cx.wrong(&at.key("stream"), "a stream is read by a consumer group", "name it: `group: workers`");
                return None;
            }
            Some(SourceKind::RedisStream { url: url?, stream: stream?, group: group? })
        }
        (true, true) => {
            cx.wrong(at, "a list and a stream are named", "give `list`, or `stream` with `group`");
            None
        }
        (false, false) => {
            cx.wrong(at, "neither a list nor a stream is named", "give `list`, or `stream` with `group`");
            None
        }
    }
}

pub(crate) fn redis_key(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    let key = cx.value(at, field)?;
    if key.is_empty() || key.len() > LONGEST_KEY {
        cx.wrong(at, "this is no key", format!("give 1 to {LONGEST_KEY} bytes"));
        return None;
    }
    Some(key)
}

pub(crate) fn redis_url(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<UrlOrRef>) -> Option<Url> {
    match cx.open(at, field)? {
        UrlOrRef::Plain(text) => {
            let hint = "keep the URL elsewhere and write `{env: REDIS_URL}`, `{file: PATH}` or `{credential: NAME}`, \
                        and change the password if this file was shared";
            checked_url(cx, at, &text, &["redis", "rediss", "redis+unix"], hint).map(Url::Plain)
        }
        UrlOrRef::Ref(table) => secret_table(cx, at, table).map(Url::Secret),
    }
}
