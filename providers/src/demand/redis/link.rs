//! A connection to one Redis server, kept between readings.
//!
//! When a kept one turns out to be broken (the server was restarted), it is made anew once within the same reading;
//! nothing else is tried twice.

use core::fmt;
use core::future::Future;
use core::time::Duration;
use std::collections::BTreeMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, Value, pipe,
};
use policies::failure::{Failure, FailureKind};
use policies::units::Span;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

/// One server, and what is read there.
pub(crate) struct Link {
    client: Client,
    address: String,
    password: Option<SecretString>,
    timeout: Span,
    /// The command that failures name.
    operation: &'static str,
    /// What is read, for their texts.
    what: String,
    /// The connection of the last good reading. It is taken out for a reading and put back when it is sound, so a
    /// reading that is given up leaves none behind.
    kept: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client holds the password.
        f.debug_struct("Link").field("address", &self.address).field("what", &self.what).finish_non_exhaustive()
    }
}

/// What is asked of a server.
pub(crate) trait Question: Sync {
    /// What it answers.
    type Answer: Send;

    /// Asks it, over this connection.
    fn put(&self, connection: &mut MultiplexedConnection)
    -> impl Future<Output = Result<Self::Answer, Trouble>> + Send;
}

/// What went wrong, before it is a [`Failure`].
pub(crate) enum Trouble {
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

impl Link {
    /// A link to the server at this address, where `what` is read. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid` when the address is none, or asks for what this program was built without.
    pub(crate) fn new(
        url: &SecretString,
        timeout: Span,
        operation: &'static str,
        what: String,
    ) -> Result<Self, Failure> {
        // The text of the error is not passed on: it may repeat the address, and that may hold a password.
        let unusable =
            |why: &str| Failure::new(FailureKind::Invalid, "connect", "-", &format!("the Redis address {why}"));
        let url = url.expose_secret();
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
        Ok(Self { client, address, password, timeout, operation, what, kept: Mutex::new(None) })
    }

    /// Asks once, within the timeout.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`.
    pub(crate) async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        match tokio::time::timeout(Duration::from_millis(self.timeout.as_millis()), self.exchange(question)).await {
            Ok(result) => result.map_err(|trouble| self.explain(trouble)),
            Err(_) => {
                Err(self.failure(FailureKind::Unavailable, "timeout", &format!("no answer within {}", self.timeout)))
            }
        }
    }

    async fn exchange<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Trouble> {
        let mut kept = self.kept.lock().await;
        if let Some(mut connection) = kept.take() {
            match question.put(&mut connection).await {
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
        let result = question.put(&mut connection).await;
        if !matches!(&result, Err(Trouble::Redis(error)) if is_broken(error)) {
            *kept = Some(connection);
        }
        result
    }

    /// A failure with the name of the server before its text.
    pub(crate) fn failure(&self, kind: FailureKind, code: &str, text: &str) -> Failure {
        let mut text = format!("redis {}: {text}", self.address);
        // No known message repeats the password. Should one do so one day, it does not leave from here.
        if let Some(password) = self.password.as_ref().map(ExposeSecret::expose_secret).filter(|p| !p.is_empty()) {
            text = text.replace(password, "***");
        }
        Failure::new(kind, self.operation, code, &text)
    }

    fn explain(&self, trouble: Trouble) -> Failure {
        let error = match trouble {
            Trouble::Answer(kind, text) => return self.failure(kind, "-", &text),
            Trouble::Redis(error) => error,
        };
        let (code, text) = said(&error);
        let (kind, hint) = classify(&error, &code, &text);
        self.failure(kind, &code, &format!("{}: {text}{hint}", self.what))
    }
}

/// Runs two commands, given as words, as one transaction. `MULTI` and `EXEC` are written out, because the library's
/// own atomic pipeline (redis 1.8) panics in its driver when the server refuses `MULTI`, as one with a password does.
pub(crate) async fn at_once<T: FromRedisValue>(
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
        "NOGROUP" => return (FailureKind::Gone, " (made by XGROUP CREATE, usually by the first worker)"),
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

/// The fields of an answer that is a map, which older protocols write as a flat list.
pub(crate) fn fields(value: &Value) -> BTreeMap<String, &Value> {
    value.as_map_iter().into_iter().flatten().filter_map(|(key, value)| Some((text(Some(&key))?, value))).collect()
}

pub(crate) fn number(value: Option<&&Value>) -> Option<u64> {
    match value? {
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

pub(crate) fn text(value: Option<&&Value>) -> Option<String> {
    match value? {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
