//! What workers do, read from elsewhere: from a metric of each machine, or from the consumers of a queue.
//!
//! For workers that do not say so themselves. A reading that fails says nothing of any machine.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::InstanceId;
use policies::plan::Work;
use policies::units::Span;
use secrecy::SecretString;

use crate::demand::PrometheusSpec;

mod metric;
mod stream;

pub use metric::MetricWorkers;
pub use stream::StreamWorkers;

/// Where it is read what workers do.
#[async_trait]
pub trait Workers: fmt::Debug + Send + Sync {
    /// Reads once which machines are busy and which are idle. A machine of which nothing is known is not named; one that
    /// is no machine of ours may be.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`; its text names the source and never a secret.
    async fn read(&self) -> Result<BTreeMap<InstanceId, Work>, Failure>;
}

/// Where, with its settings.
#[derive(Clone, Debug)]
pub enum WorkersSpec {
    /// A metric of each machine.
    Metric {
        /// A query that gives a vector with a sample a machine: more than zero is busy, zero is idle.
        query: PrometheusSpec,
        /// The label that holds the provider's id of the machine.
        label: String,
    },
    /// The consumers of a group of a Redis stream, each named by the provider's id of its machine.
    Stream {
        /// `redis://user:password@host:port/db`, `rediss://` for TLS, or `redis+unix:///path`. A secret, because it may
        /// hold one.
        url: SecretString,
        /// Key of the stream.
        stream: String,
        /// Name of the group.
        group: String,
        /// The time for one reading, with the connection where a new one is needed.
        timeout: Span,
    },
}

/// Makes the reader of this specification. Connects to nothing.
///
/// # Errors
/// `Invalid`, as of [`demand::open`](crate::demand::open).
pub fn open(spec: &WorkersSpec) -> Result<Arc<dyn Workers>, Failure> {
    Ok(match spec {
        WorkersSpec::Metric { query, label } => Arc::new(MetricWorkers::new(query, label)?),
        WorkersSpec::Stream { url, stream, group, timeout } => {
            Arc::new(StreamWorkers::new(url, stream, group, *timeout)?)
        }
    })
}

/// Why an answer says nothing.
fn invalid(text: String) -> (FailureKind, String) {
    (FailureKind::Invalid, text)
}

/// Work of a machine with so many jobs in hand.
const fn work(busy: bool) -> Work {
    if busy { Work::Busy } else { Work::Idle }
}

/// Takes what a worker does into the list. A machine with several workers is busy when one of them is.
fn note(all: &mut BTreeMap<InstanceId, Work>, machine: &str, work: Work) {
    let known = all.entry(machine.into()).or_insert(work);
    *known = (*known).max(work);
}
