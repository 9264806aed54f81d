//! Demand from a queue of Amazon SQS.
//!
//! One `GetQueueAttributes` a reading, which is also the right that it needs. What can be received waits, what was
//! received and is not deleted is in flight. Delayed messages are not counted: no worker can have them yet, and when
//! their delay is over they are seen within a round.

use core::time::Duration;

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};

use super::{Source, SqsSpec};
use crate::aws::{Depth, QueueDepth};

/// Reads demand from SQS.
#[derive(Debug)]
pub struct SqsSource {
    queue: QueueDepth,
    url: String,
    timeout: Span,
}

impl SqsSource {
    /// The source of this specification. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(spec: &SqsSpec) -> Result<Self, Failure> {
        let SqsSpec { queue_url, region, endpoint_url, key, timeout } = spec.clone();
        let queue = QueueDepth::new(&queue_url, region, endpoint_url, key, timeout)?;
        Ok(Self { queue, url: queue_url, timeout })
    }

    fn named(&self, mut failure: Failure) -> Failure {
        let Failure { kind, operation, code, message, .. } = &failure;
        let text = format!("sqs {}: {message}", self.url);
        failure.message = Failure::new(*kind, operation, code, &text).message;
        failure
    }
}

#[async_trait]
impl Source for SqsSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        match tokio::time::timeout(Duration::from_millis(self.timeout.as_millis()), self.queue.read()).await {
            Ok(Ok(Depth { visible, in_flight })) => {
                Ok(Sample { at: now, waiting: visible, in_flight, arrived_total: None })
            }
            Ok(Err(failure)) => Err(self.named(failure)),
            Err(_) => {
                let text = format!("no answer within {}", self.timeout);
                Err(self.named(Failure::new(FailureKind::Unavailable, "GetQueueAttributes", "timeout", &text)))
            }
        }
    }
}
