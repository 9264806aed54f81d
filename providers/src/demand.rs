//! Where need is read from: queues, metrics, files.
//!
//! A source makes one reading per call, within its own timeout, and classifies every error. A reading that fails is
//! missing data and not zero: what to do without data is the operator's rule and the core's business.
//!
//! What the kinds of [`Failure`] mean here: `Unavailable`: the source is down or did not answer in time. `Gone`: the
//! queue, file or value does not exist. `Denied`: password, token or permissions. `Throttled`: it is asked too often.
//! `Invalid`: it is not what the configuration says, or it cannot be read. Reading changes nothing, so nothing is ever
//! `Ambiguous`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::model::Region;
use policies::units::{Span, Time};
use secrecy::SecretString;

use crate::spec::AccessKey;

#[cfg(test)]
mod fake;
mod file;
mod http;
pub(crate) mod number;
pub(crate) mod prometheus;
mod rabbitmq;
pub(crate) mod redis;
#[cfg(feature = "aws")]
mod sqs;
pub(crate) mod web;

pub use file::FileSource;
pub use http::HttpSource;
pub use prometheus::PrometheusSource;
pub use rabbitmq::RabbitMqSource;
pub use redis::RedisSource;
#[cfg(feature = "aws")]
pub use sqs::SqsSource;

/// A demand source.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads the queue once. `now` becomes the time of the sample.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`; its text names the source and never a secret.
    async fn measure(&self, now: Time) -> Result<Sample, Failure>;

    /// Reads the metric once, in thousandths: rounded to the nearest, and the largest number when it does not fit. A
    /// source that counts jobs and nothing else has none.
    ///
    /// # Errors
    /// As [`measure`](Self::measure); `Invalid` where there is no metric.
    async fn value(&self) -> Result<u64, Failure> {
        Err(Failure::new(FailureKind::Invalid, "value", "-", "this source is a queue, not a metric"))
    }
}

/// Which source, with its settings.
#[derive(Clone, Debug)]
pub enum SourceSpec {
    /// A queue in Redis.
    Redis(RedisSpec),
    /// A file.
    File(FileSpec),
    /// A query to Prometheus.
    Prometheus(PrometheusSpec),
    /// An endpoint that answers JSON.
    Http(HttpSpec),
    /// A queue of RabbitMQ.
    RabbitMq(RabbitMqSpec),
    /// A queue of Amazon SQS.
    Sqs(SqsSpec),
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

/// Where a source that speaks HTTP is.
#[derive(Clone, Debug)]
pub struct HttpEndpoint {
    /// `http://` or `https://` URL. A secret, because it may hold a user and a password, or a key in its query.
    pub url: SecretString,
    /// Bearer token that is sent.
    pub token: Option<SecretString>,
    /// Let token and password leave without TLS. To the loopback they always may.
    pub allow_http: bool,
}

/// A query to Prometheus: a scalar, or a vector of one sample. Its value is the number of waiting jobs, rounded up.
#[derive(Clone, Debug)]
pub struct PrometheusSpec {
    /// The server: the base URL, without `/api/v1`.
    pub endpoint: HttpEndpoint,
    /// The query, in PromQL.
    pub query: String,
    /// The time for one reading.
    pub timeout: Span,
}

/// An HTTP endpoint that answers JSON, at most 1 MiB. Each number is a JSON number or a text that is one, rounded up,
/// and stands where a JSON pointer (RFC 6901) says; the empty pointer is the whole answer.
#[derive(Clone, Debug)]
pub struct HttpSpec {
    /// What is asked, by GET.
    pub endpoint: HttpEndpoint,
    /// Where the number of waiting jobs stands.
    pub pointer: String,
    /// Where the number of jobs in work stands. `None`: there is none.
    pub in_flight: Option<String>,
    /// Where the count of all jobs that ever arrived stands. `None`: there is none.
    pub arrived_total: Option<String>,
    /// The time for one reading.
    pub timeout: Span,
}

/// A queue of RabbitMQ: messages that are ready wait, messages that are not acknowledged are in flight.
#[derive(Clone, Debug)]
pub struct RabbitMqSpec {
    /// The management API: the base URL, without `/api`, with user and password. The token is not used.
    pub endpoint: HttpEndpoint,
    /// The virtual host; `/` is the one that every server has.
    pub vhost: String,
    /// Name of the queue.
    pub queue: String,
    /// The time for one reading.
    pub timeout: Span,
}

/// A queue of Amazon SQS.
#[derive(Clone, Debug)]
pub struct SqsSpec {
    /// Its URL.
    pub queue_url: String,
    /// Its region, where the URL does not say it.
    pub region: Option<Region>,
    /// URL of the API in place of the region's own; `None`: what the SDK's configuration says.
    pub endpoint_url: Option<String>,
    /// A key in place of the SDK's credential chain, for a test peer.
    pub key: Option<AccessKey>,
    /// The time for one reading.
    pub timeout: Span,
}

/// Makes the source of this specification. Connects to nothing.
///
/// # Errors
/// `Invalid` when the specification cannot be used: an address that is none, one that would send a secret without TLS,
/// or what this program was built without.
pub fn open(spec: &SourceSpec) -> Result<Arc<dyn Source>, Failure> {
    Ok(match spec {
        SourceSpec::Redis(spec) => Arc::new(RedisSource::new(spec)?),
        SourceSpec::File(spec) => Arc::new(FileSource::new(spec)),
        SourceSpec::Prometheus(spec) => Arc::new(PrometheusSource::new(spec)?),
        SourceSpec::Http(spec) => Arc::new(HttpSource::new(spec)?),
        SourceSpec::RabbitMq(spec) => Arc::new(RabbitMqSource::new(spec)?),
        #[cfg(feature = "aws")]
        SourceSpec::Sqs(spec) => Arc::new(SqsSource::new(spec)?),
        #[cfg(not(feature = "aws"))]
        SourceSpec::Sqs(spec) => {
            let text = format!("sqs {}: this program was built without AWS (feature `aws`)", spec.queue_url);
            return Err(Failure::new(FailureKind::Invalid, "connect", "-", &text));
        }
    })
}
