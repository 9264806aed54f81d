//! Demand from Redis: lists and streams.
//!
//! Commands used, for access lists: `LLEN`, or `XINFO STREAM`, `XINFO GROUPS` and (rarely) `XRANGE`, with `MULTI` and
//! `EXEC` around two of them, so that a job that moves between the two is not counted twice or not at all.
//!
//! The connection is kept between readings. When a kept one turns out to be broken (the server was restarted), it is
//! made anew once within the same reading; nothing else is tried twice.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, Value, cmd, pipe,
};
use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::{RedisQueue, RedisSpec, Source};

/// Entries counted one by one when the server does not know a group's lag. They are sent whole, so the number is kept
/// small; above it the estimate is taken, which is too high and not too low.
const COUNTED: u64 = 1_000;

/// Reads demand from Redis.
pub struct RedisSource {
    client: Client,
    address: String,
    password: Option<SecretString>,
    queue: RedisQueue,
    timeout: Span,
    /// The connection of the last good reading. It is taken out for a reading and put back when it is sound, so a
    /// reading that is given up leaves none behind.
    kept: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for RedisSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client holds the password.
        f.debug_struct("RedisSource")
            .field("address", &self.address)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// What went wrong, before it is a [`Failure`].
enum Trouble {
    /// The server or the connection.
    Redis(RedisError),
    /// The answer.
    Answer(FailureKind, String),
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl RedisSource {
    /// The source of this specification. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(spec: &RedisSpec) -> Result<Self, Failure> {
        // The text of the error is not passed on: it may repeat the address, and that may hold a password.
        let unusable =
            |why: &str| Failure::new(FailureKind::Invalid, "connect", "-", &format!("the Redis address {why}"));
        let url = spec.url.expose_secret();
        let info = url.into_connection_info().map_err(|error| {
            unusable(if error.kind() == ErrorKind::InvalidClientConfig && url.starts_with("rediss:") {
                "asks for TLS, which this program was built without (feature `tls`)"
            } else {
                "is none: write redis://host:port/db, rediss://host:port/db or redis+unix:///path"
            })
        })?;
        // Naming the library is left out: a restricted user may lack the right to.
        let login = info.redis_settings().clone().set_skip_set_lib_name();
        let password = login.password().map(SecretString::from);
        let address = info.addr().to_string();
        let client = Client::open(info.set_redis_settings(login)).map_err(|_| unusable("cannot be used"))?;
        let RedisSpec { queue, timeout, .. } = spec.clone();
        Ok(Self { client, address, password, queue, timeout, kept: Mutex::new(None) })
    }

    async fn read(&self, now: Time) -> Result<Sample, Trouble> {
        let mut kept = self.kept.lock().await;
        if let Some(mut connection) = kept.take() {
            match self.ask(&mut connection, now).await {
                Err(Trouble::Redis(error)) if is_broken(&error) => {
                    tracing::debug!(address = %self.address, %error, "the kept connection is broken; connecting again");
                }
                result => {
                    *kept = Some(connection);
                    return result;
                }
            }
        }
        // One timeout, around the whole reading, instead of the library's two.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let result = self.ask(&mut connection, now).await;
        if !matches!(&result, Err(Trouble::Redis(error)) if is_broken(error)) {
            *kept = Some(connection);
        }
        result
    }

    async fn ask(&self, connection: &mut MultiplexedConnection, at: Time) -> Result<Sample, Trouble> {
        match &self.queue {
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

    fn operation(&self) -> &'static str {
        match self.queue {
            RedisQueue::List { .. } => "LLEN",
            RedisQueue::Stream { .. } => "XINFO",
        }
    }

    fn failure(&self, kind: FailureKind, code: &str, text: &str) -> Failure {
        let mut text = format!("redis {}: {text}", self.address);
        // No known message repeats the password. Should one do so one day, it does not leave from here.
        if let Some(password) = self.password.as_ref().map(ExposeSecret::expose_secret).filter(|p| !p.is_empty()) {
            text = text.replace(password, "***");
        }
        Failure::new(kind, self.operation(), code, &text)
    }

    fn explain(&self, trouble: Trouble) -> Failure {
        let error = match trouble {
            Trouble::Answer(kind, text) => return self.failure(kind, "-", &text),
            Trouble::Redis(error) => error,
        };
        let (code, text) = said(&error);
        let (kind, hint) = classify(&error, &code, &text);
        let name = match &self.queue {
            RedisQueue::List { list, .. } => format!("list `{list}`"),
            RedisQueue::Stream { stream, .. } => format!("stream `{stream}`"),
        };
        self.failure(kind, &code, &format!("{name}: {text}{hint}"))
    }
}

#[async_trait]
impl Source for RedisSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        match tokio::time::timeout(Duration::from_millis(self.timeout.as_millis()), self.read(now)).await {
            Ok(result) => result.map_err(|trouble| self.explain(trouble)),
            Err(_) => {
                Err(self.failure(FailureKind::Unavailable, "timeout", &format!("no answer within {}", self.timeout)))
            }
        }
    }
}

/// Runs two commands, given as words, as one transaction. `MULTI` and `EXEC` are written out, because the library's
/// own atomic pipeline (redis 1.8) panics in its driver when the server refuses `MULTI`, as one with a password does.
async fn at_once<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    commands: [&[&str]; 2],
) -> Result<T, RedisError> {
    let mut both = pipe();
    both.cmd("MULTI").ignore();
    for words in commands {
        let mut command = Cmd::new();
        for word in words {
            command.arg(*word);
        }
        both.add_command(command).ignore();
    }
    let (answers,) = both.cmd("EXEC").query_async::<(T,)>(connection).await?;
    Ok(answers)
}

/// The connection cannot be used any more.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.kind() == ErrorKind::Parse
}

/// The server's code and text, of the first command that failed.
fn said(error: &RedisError) -> (String, String) {
    if let Some(errors) = error.clone().into_server_errors()
        && let Some((_, first)) = errors.iter().find(|(_, e)| e.code() != "EXECABORT").or_else(|| errors.first())
    {
        return (first.code().to_owned(), first.details().unwrap_or("no details").to_owned());
    }
    (error.code().unwrap_or("-").to_owned(), error.to_string())
}

/// What an error means, with what to do about it where that is not plain.
fn classify(error: &RedisError, code: &str, text: &str) -> (FailureKind, &'static str) {
    match code {
        "NOAUTH" | "WRONGPASS" | "NOPERM" => return (FailureKind::Denied, ""),
        "WRONGTYPE" => return (FailureKind::Invalid, " (the key holds something else than the configuration says)"),
        "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" | "CLUSTERDOWN" => return (FailureKind::Unavailable, ""),
        "MOVED" | "ASK" | "CROSSSLOT" => {
            return (FailureKind::Invalid, " (a Redis cluster is not supported; name a node that owns the key)");
        }
        _ => {}
    }
    if text.contains("no such key") {
        return (FailureKind::Gone, " (made by the first XADD, or by XGROUP CREATE with MKSTREAM)");
    }
    match error.kind() {
        ErrorKind::Io => (FailureKind::Unavailable, ""),
        ErrorKind::AuthenticationFailed => (FailureKind::Denied, ""),
        _ if text.contains("max number of clients") => (FailureKind::Unavailable, ""),
        _ => (FailureKind::Invalid, ""),
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

/// The fields of an answer that is a map, which older protocols write as a flat list.
fn fields(value: &Value) -> BTreeMap<String, &Value> {
    value.as_map_iter().into_iter().flatten().filter_map(|(key, value)| Some((text(Some(&key))?, value))).collect()
}

fn number(value: Option<&&Value>) -> Option<u64> {
    match value? {
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

fn text(value: Option<&&Value>) -> Option<String> {
    match value? {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
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
        assert!(!source.failure(FailureKind::Invalid, "-", "it was sesame").message.contains("sesame"));
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
