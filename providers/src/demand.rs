//! Where need is read from: queues in Redis, or a file.
//!
//! A source makes one reading per call, within its own timeout, and classifies every error. A reading that fails is
//! missing data and not zero: what to do without data is the operator's rule and the core's business.
//!
//! What the kinds of [`Failure`] mean here: `Unavailable`: the source is down or did not answer in time. `Gone`: the
//! stream, group or file does not exist. `Denied`: password or permissions. `Invalid`: it is not what the
//! configuration says, or it cannot be read. Reading changes nothing, so nothing is ever `Ambiguous`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::Failure;
use policies::units::{Span, Time};
use secrecy::SecretString;

mod file;
mod redis;

pub use file::FileSource;
pub use redis::RedisSource;

/// A demand source.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads the queue once. `now` becomes the time of the sample.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`; its text names the source and never a secret.
    async fn measure(&self, now: Time) -> Result<Sample, Failure>;
}

/// Which source, with its settings.
#[derive(Clone, Debug)]
pub enum SourceSpec {
    /// A queue in Redis.
    Redis(RedisSpec),
    /// A file.
    File(FileSpec),
}

/// A queue in Redis.
#[derive(Clone, Debug)]
pub struct RedisSpec {
    /// `redis://user:password@host:port/db`, `rediss://` for TLS, or `redis+unix:///path`. A secret, because it may
    /// hold one.
    pub url: SecretString,
    /// What is read.
    pub queue: RedisQueue,
    /// The time for one reading, with the connection where a new one is needed.
    pub timeout: Span,
}

/// What is read in Redis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RedisQueue {
    /// A list: its length is what waits. Redis does not tell an empty list from a missing one, so a mistyped name
    /// reads as zero.
    List {
        /// Key of the list that producers push to.
        list: String,
        /// Key of the list that workers move jobs to while they work on them (`LMOVE`), where there is one.
        in_progress: Option<String>,
    },
    /// A stream with a consumer group: what the group was not given yet waits, what it was given and has not
    /// acknowledged is in flight. Redis 6.2 or later; arrivals are counted from Redis 7 on.
    Stream {
        /// Key of the stream.
        stream: String,
        /// Name of the group.
        group: String,
    },
}

/// A file that some other program writes: a number of waiting jobs, or a JSON object with `waiting`, `in_flight` and
/// `arrived_total` (only the first is required). Written whole and renamed into place, it is never read half.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileSpec {
    /// Its path.
    pub path: PathBuf,
    /// A file not written for longer than this counts as missing data, so that a writer that died is noticed.
    /// `None`: its age does not matter.
    pub max_age: Option<Span>,
    /// The time for one reading: a network mount may not answer.
    pub timeout: Span,
}

/// Makes the source of this specification. Connects to nothing.
///
/// # Errors
/// `Invalid` when the specification cannot be used: an address that is none, or one with TLS in a program built
/// without.
pub fn open(spec: &SourceSpec) -> Result<Arc<dyn Source>, Failure> {
    Ok(match spec {
        SourceSpec::Redis(spec) => Arc::new(RedisSource::new(spec)?),
        SourceSpec::File(spec) => Arc::new(FileSource::new(spec)),
    })
}
