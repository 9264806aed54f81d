//! Demand from Redis: lists and streams.
//!
//! Commands used, for access lists: `LLEN`, or `XINFO STREAM`, `XINFO GROUPS` and (rarely) `XRANGE`, with `MULTI` and
//! `EXEC` around two of them, so that a job that moves between the two is not counted twice or not at all.
//!
//! The connection is kept between readings.

use std::collections::BTreeMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Value, cmd};
use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::Time;

use super::{RedisQueue, RedisSpec, Source};
use link::{Link, Question, Trouble, at_once, fields, number, text};

pub(crate) mod link;

/// Entries counted one by one when the server does not know a group's lag. They are sent whole, so the number is kept
/// small; above it the estimate is taken, which is too high and not too low.
const COUNTED: u64 = 1_000;

/// Reads demand from Redis.
#[derive(Debug)]
pub struct RedisSource {
    link: Link,
    queue: RedisQueue,
}

impl RedisSource {
    /// The source of this specification. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(spec: &RedisSpec) -> Result<Self, Failure> {
        let RedisSpec { url, queue, timeout } = spec;
        let (operation, what) = match queue {
            RedisQueue::List { list, .. } => ("LLEN", format!("list `{list}`")),
            RedisQueue::Stream { stream, .. } => ("XINFO", format!("stream `{stream}`")),
        };
        Ok(Self { link: Link::new(url, *timeout, operation, what)?, queue: queue.clone() })
    }
}

#[async_trait]
impl Source for RedisSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        self.link.ask(&Depth { queue: &self.queue, at: now }).await
    }
}

/// How long a queue is at a time.
struct Depth<'a> {
    queue: &'a RedisQueue,
    at: Time,
}

impl Question for Depth<'_> {
    type Answer = Sample;

    async fn put(&self, connection: &mut MultiplexedConnection) -> Result<Sample, Trouble> {
        let at = self.at;
        match self.queue {
            RedisQueue::List { list, in_progress: None } => {
                let waiting = cmd("LLEN").arg(list).query_async(connection).await?;
                Ok(Sample { at, waiting, in_flight: 0, arrived_total: None })
            }
            RedisQueue::List { list, in_progress: Some(busy) } => {
                let (waiting, in_flight) = at_once(connection, [&["LLEN", list], &["LLEN", busy]]).await?;
                Ok(Sample { at, waiting, in_flight, arrived_total: None })
            }
            RedisQueue::Stream { stream, group } => {
                let (info, groups): (Value, Vec<Value>) =
                    at_once(connection, [&["XINFO", "STREAM", stream], &["XINFO", "GROUPS", stream]]).await?;
                let seen = Seen::of(fields(&info), &groups, group)?;
                let waiting = match seen.waiting {
                    Waiting::Known(n) => n,
                    Waiting::After { id, estimate } => {
                        let after = format!("({id}");
                        let mut range = cmd("XRANGE");
                        range.arg(stream).arg(after).arg("+").arg("COUNT").arg(COUNTED);
                        let entries: Vec<Value> = range.query_async(connection).await?;
                        let counted = u64::try_from(entries.len()).unwrap_or(u64::MAX);
                        if counted < COUNTED { counted } else { estimate.max(counted) }
                    }
                };
                Ok(Sample { at, waiting, in_flight: seen.pending, arrived_total: seen.added })
            }
        }
    }
}

/// What `XINFO` tells of a stream and one of its groups.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    waiting: Waiting,
    pending: u64,
    added: Option<u64>,
}

/// Entries that the group was not given yet.
#[derive(PartialEq, Eq, Debug)]
enum Waiting {
    /// So many.
    Known(u64),
    /// The server does not know (before Redis 7, after deletions in the middle, or for a group that was set to an
    /// arbitrary place): those after this id. When they are too many to count, all that are not pending: exact when
    /// workers delete what they finished, else too high.
    After { id: String, estimate: u64 },
}

impl Seen {
    fn of(stream: BTreeMap<String, &Value>, groups: &[Value], group: &str) -> Result<Self, Trouble> {
        let odd = |what: &str| Trouble::Answer(FailureKind::Invalid, format!("XINFO gave no usable `{what}`"));
        let length = number(stream.get("length")).ok_or_else(|| odd("length"))?;
        let added = number(stream.get("entries-added"));
        let Some(of_group) = groups.iter().map(fields).find(|g| text(g.get("name")).as_deref() == Some(group)) else {
            let text =
                format!("the stream has no group `{group}` (made by XGROUP CREATE, usually by the first worker)");
            return Err(Trouble::Answer(FailureKind::Gone, text));
        };
        let pending = number(of_group.get("pending")).ok_or_else(|| odd("pending"))?;
        let waiting = match number(of_group.get("lag")) {
            Some(lag) => Waiting::Known(lag),
            None => {
                let given = text(of_group.get("last-delivered-id")).ok_or_else(|| odd("last-delivered-id"))?;
                let newest = text(stream.get("last-generated-id")).ok_or_else(|| odd("last-generated-id"))?;
                if length == 0 || given == newest {
                    Waiting::Known(0)
                } else {
                    Waiting::After { id: given, estimate: length.saturating_sub(pending) }
                }
            }
        };
        Ok(Self { waiting, pending, added })
    }
}

#[cfg(test)]
mod tests {
    use policies::units::Span;

    use super::*;

    fn spec(url: &str) -> RedisSpec {
        RedisSpec {
            url: url.into(),
            queue: RedisQueue::List { list: "jobs".to_owned(), in_progress: None },
            timeout: Span::from_secs(5),
        }
    }

    fn map(pairs: &[(&str, Value)]) -> Value {
        Value::Array(pairs.iter().flat_map(|(k, v)| [bulk(k), v.clone()]).collect())
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn seen(stream: &Value, group: &Value) -> Result<Seen, String> {
        Seen::of(fields(stream), core::slice::from_ref(group), "workers").map_err(|trouble| match trouble {
            Trouble::Answer(kind, text) => format!("{kind}: {text}"),
            Trouble::Redis(error) => error.to_string(),
        })
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_without_repeating_it() {
        for url in ["", "127.0.0.1:6379", "http://u:sesame@h", "redis://u:sesame@h:x/0", "redis://u:sesame@h/none"] {
            let failure = RedisSource::new(&spec(url)).map(|_| ()).expect_err(url);
            assert_eq!(failure.kind, FailureKind::Invalid, "{url}");
            assert!(!failure.to_string().contains("sesame"), "{failure}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let spec = spec("redis://u:sesame@127.0.0.1:1/0");
        let source = RedisSource::new(&spec).expect("usable");
        assert!(!format!("{spec:?} {source:?}").contains("sesame"));
        assert!(!source.link.failure(FailureKind::Invalid, "-", "it was sesame").message.contains("sesame"));
    }

    #[test]
    fn the_lag_of_the_group_is_what_waits() {
        let stream =
            map(&[("length", Value::Int(9)), ("entries-added", Value::Int(40)), ("last-generated-id", bulk("7-0"))]);
        let group = map(&[("name", bulk("workers")), ("pending", Value::Int(2)), ("lag", Value::Int(3))]);
        assert_eq!(seen(&stream, &group), Ok(Seen { waiting: Waiting::Known(3), pending: 2, added: Some(40) }));
    }

    #[test]
    fn without_a_lag_the_entries_after_the_last_given_one_wait() {
        let stream = map(&[("length", Value::Int(9)), ("last-generated-id", bulk("7-0"))]);
        let at = |id: &str| {
            let pairs = [
                ("name", bulk("workers")),
                ("pending", Value::Int(2)),
                ("lag", Value::Nil),
                ("last-delivered-id", bulk(id)),
            ];
            map(&pairs)
        };
        let after = Waiting::After { id: "4-0".to_owned(), estimate: 7 };
        assert_eq!(seen(&stream, &at("4-0")), Ok(Seen { waiting: after, pending: 2, added: None }));
        assert_eq!(seen(&stream, &at("7-0")), Ok(Seen { waiting: Waiting::Known(0), pending: 2, added: None }));
    }

    #[test]
    fn a_missing_group_or_an_odd_answer_is_no_zero() {
        let stream = map(&[("length", Value::Int(9)), ("last-generated-id", bulk("7-0"))]);
        let other = map(&[("name", bulk("others")), ("pending", Value::Int(2)), ("lag", Value::Int(3))]);
        assert!(seen(&stream, &other).expect_err("other group").starts_with("gone: the stream has no group `workers`"));
        let odd = map(&[("name", bulk("workers")), ("pending", Value::Nil)]);
        assert!(seen(&stream, &odd).expect_err("odd").contains("`pending`"));
        assert!(seen(&Value::Int(1), &odd).expect_err("odd").contains("`length`"));
    }
}
