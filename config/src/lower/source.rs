//! `demand.queue.source`: where demand is read.

use policies::units::Span;

use crate::lower::daemon::{checked_url, secret_table};
use crate::lower::{At, Lowering, MONTH};
use crate::model::{SourceKind, Url};
use crate::raw;
use crate::raw::UrlOrRef;
use crate::raw::field::Field;
use crate::raw::value::{Leaf, Text};

/// Longer keys are refused: Redis takes them, but no person wrote them.
const LONGEST_KEY: usize = 512;

/// What is read for demand.
pub(crate) fn lower(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Source>) -> Option<SourceKind> {
    let raw::Source { redis, file } = cx.open(at, field)?;
    match (redis.is_absent(), file.is_absent()) {
        (false, true) => lower_redis(cx, &at.key("redis"), redis),
        (true, false) => {
            let at = at.key("file");
            let raw::DemandFile { path, max_age } = cx.open(&at, file)?;
            let path = cx.value(&at.key("path"), path);
            let age_at = at.key("max_age");
            let has_age = !max_age.is_absent();
            let max_age = cx.value(&age_at, max_age);
            let max_age = cx.within(&age_at, max_age, Span::from_secs(1), MONTH);
            let path = cx.directory.join(path?);
            Some(SourceKind::File { path, max_age: if has_age { Some(max_age?) } else { None } })
        }
        (true, true) => {
            cx.wrong(at, "no source is named", "give `redis` or `file`");
            None
        }
        (false, false) => {
            cx.wrong(at, "two sources are named", "give `redis` or `file`, not both");
            None
        }
    }
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

fn redis_key(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    let key = cx.value(at, field)?;
    if key.is_empty() || key.len() > LONGEST_KEY {
        cx.wrong(at, "this is no key", format!("give 1 to {LONGEST_KEY} bytes"));
        return None;
    }
    Some(key)
}

fn redis_url(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<UrlOrRef>) -> Option<Url> {
    match cx.open(at, field)? {
        UrlOrRef::Plain(text) => {
            let hint = "keep the URL elsewhere and write `{env: REDIS_URL}`, `{file: PATH}` or `{credential: NAME}`, \
                        and change the password if this file was shared";
            checked_url(cx, at, &text, &["redis", "rediss", "redis+unix"], hint).map(Url::Plain)
        }
        UrlOrRef::Ref(table) => secret_table(cx, at, table).map(Url::Secret),
    }
}
