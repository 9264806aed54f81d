//! The consumers of a Redis stream's group: one that was given entries and has not acknowledged them is busy.
//!
//! Command used, for access lists: `XINFO CONSUMERS`.

use std::collections::BTreeMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Value, cmd};
use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::InstanceId;
use policies::plan::Work;
use policies::units::Span;
use secrecy::SecretString;

use super::{Workers, invalid, note, work};
use crate::demand::redis::link::{Link, Question, Trouble, fields, number, text};

/// Reads the consumers of a group.
#[derive(Debug)]
pub struct StreamWorkers {
    link: Link,
    stream: String,
    group: String,
}

impl StreamWorkers {
    /// The reader of this group. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(url: &SecretString, stream: &str, group: &str, timeout: Span) -> Result<Self, Failure> {
        let what = format!("group `{group}` of stream `{stream}`");
        let link = Link::new(url, timeout, "XINFO CONSUMERS", what)?;
        Ok(Self { link, stream: stream.to_owned(), group: group.to_owned() })
    }
}

#[async_trait]
impl Workers for StreamWorkers {
    async fn read(&self) -> Result<BTreeMap<InstanceId, Work>, Failure> {
        self.link.ask(self).await
    }
}

impl Question for StreamWorkers {
    type Answer = BTreeMap<InstanceId, Work>;

    async fn put(&self, connection: &mut MultiplexedConnection) -> Result<Self::Answer, Trouble> {
        let mut consumers = cmd("XINFO");
        consumers.arg("CONSUMERS").arg(&self.stream).arg(&self.group);
        let consumers: Vec<Value> = consumers.query_async(connection).await?;
        told(&consumers).map_err(|(kind, text)| Trouble::Answer(kind, text))
    }
}

fn told(consumers: &[Value]) -> Result<BTreeMap<InstanceId, Work>, (FailureKind, String)> {
    let odd = || invalid("XINFO CONSUMERS gave no usable `name` and `pending`".to_owned());
    let mut all = BTreeMap::new();
    for consumer in consumers {
        let consumer = fields(consumer);
        let (name, pending) = text(consumer.get("name")).zip(number(consumer.get("pending"))).ok_or_else(odd)?;
        note(&mut all, &name, work(pending > 0));
    }
    Ok(all)
}
