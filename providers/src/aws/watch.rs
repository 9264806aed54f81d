//! Where notices come from: per region a queue with EventBridge's events, or else the spot requests, polled.
//!
//! All regions are waited for at once. A wait that is not over when another brings news goes on by itself and is
//! picked up by the next call: a message that SQS has handed out is never dropped, not even when the caller gives up.

use std::collections::BTreeMap;

use core::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use policies::failure::Failure;
use policies::model::{InstanceId, Notice, Region};
use policies::units::Time;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::events::{newly_taken, notice};
use super::wire::{Ec2, Queue};
use super::{failure, now};

/// Spot requests are looked at this often: it gives most of the two minutes, and stays far from the rate limit. After
/// a failure every source rests as long.
const INTERVAL: Duration = Duration::from_secs(10);

/// A source that was looked at, and what it gave.
type Looked = (Source, Result<Vec<Notice>, Failure>);

/// The sources of all regions.
pub(super) struct Watch {
    idle: Vec<Source>,
    running: FuturesUnordered<BoxFuture<'static, Looked>>,
}

/// One region's source.
pub(super) struct Source {
    region: Region,
    feed: Feed,
    not_before: Instant,
}

enum Feed {
    /// A queue, with the receipts of the messages that the last look gave.
    Queue(Queue, Vec<String>),
    /// Spot requests with this owner tag, with the machines already told of.
    Requests(Ec2, String, BTreeMap<InstanceId, Time>),
}

impl Source {
    /// The events in a queue.
    pub(super) fn queue(region: Region, queue: Queue) -> Self {
        Self { region, feed: Feed::Queue(queue, Vec::new()), not_before: Instant::now() }
    }

    /// The spot requests of an owner.
    pub(super) fn requests(region: Region, ec2: Ec2, owner: String) -> Self {
        Self { region, feed: Feed::Requests(ec2, owner, BTreeMap::new()), not_before: Instant::now() }
    }

    /// Looks once.
    async fn look(mut self) -> Looked {
        sleep_until(self.not_before).await;
        let (result, rest) = match &mut self.feed {
            Feed::Queue(queue, receipts) => (drain(queue, receipts).await, Duration::ZERO),
            Feed::Requests(ec2, owner, told) => {
                let requests = ec2.spot_requests(owner).await;
                let notices = requests.map(|requests| newly_taken(&requests, told, now()));
                (notices.map_err(|trouble| failure::of_look("DescribeSpotInstanceRequests", &trouble)), INTERVAL)
            }
        };
        self.not_before = Instant::now() + if result.is_ok() { rest } else { INTERVAL };
        (self, result)
    }
}

/// Deletes what the last look gave, which the caller has taken in by now, and waits for more.
async fn drain(queue: &Queue, receipts: &mut Vec<String>) -> Result<Vec<Notice>, Failure> {
    if !receipts.is_empty() {
        if let Err(trouble) = queue.delete(receipts).await {
            // They will come again, which does no harm; not to look for new ones would.
            let failure = failure::of_look("DeleteMessageBatch", &trouble);
            debug!(%failure, "messages stay in the interruption queue");
        }
        receipts.clear();
    }
    let messages = queue.receive().await.map_err(|trouble| failure::of_look("ReceiveMessage", &trouble))?;
    let now = now();
    let mut notices = Vec::new();
    for message in messages {
        match notice(&message.body, now) {
            Some(notice) => notices.push(notice),
            // Other events are expected; they are deleted like the rest.
            None => debug!(bytes = message.body.len(), "a message that is no notice"),
        }
        receipts.push(message.receipt);
    }
    Ok(notices)
}

impl Watch {
    /// A watch over these sources.
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self { idle: sources, running: FuturesUnordered::new() }
    }

    /// The next news of any region, which may be none.
    pub(super) async fn next(&mut self) -> Result<Vec<Notice>, Failure> {
        for source in self.idle.drain(..) {
            self.running.push(Box::pin(source.look()));
        }
        let Some((source, result)) = self.running.next().await else {
            // No region at all: nothing will ever come.
            sleep(INTERVAL).await;
            return Ok(Vec::new());
        };
        if let Err(failure) = &result {
            debug!(region = %source.region, %failure, "no notices");
        }
        self.idle.push(source);
        result
    }
}
