//! How many messages a queue of SQS holds.

use policies::failure::{Failure, FailureKind};
use policies::model::Region;
use policies::units::Span;
use tokio::sync::OnceCell;

use super::wire::{Account, Queue};
use super::{AccessKey, AwsSettings, check, failure, region_of_queue, wrong};

/// The name of the call.
const OPERATION: &str = "GetQueueAttributes";

/// How many messages a queue holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Depth {
    /// They can be received.
    pub(crate) visible: u64,
    /// They were received, and not deleted yet.
    pub(crate) in_flight: u64,
}

/// A queue whose messages are counted.
#[derive(Debug)]
pub(crate) struct QueueDepth {
    settings: AwsSettings,
    region: Region,
    url: String,
    /// Made by the first reading, as the SDK reads its own configuration without blocking.
    queue: OnceCell<Queue>,
}

impl QueueDepth {
    /// The queue at this URL. The region is the one in the URL, else the other one.
    ///
    /// # Errors
    /// `Invalid` when there is no region, or an endpoint is not https.
    pub(crate) fn new(
        url: &str,
        region: Option<Region>,
        endpoint_url: Option<String>,
        key: Option<AccessKey>,
        deadline: Span,
    ) -> Result<Self, Failure> {
        let region = region_of_queue(url).or(region).ok_or_else(|| {
            wrong(&format!("the queue {url} has no region in its URL: name a provider whose region is used"))
        })?;
        let mut settings = AwsSettings::new("sqs".into(), "", vec![region.clone()]);
        settings.interruption_queues.insert(region.clone(), url.to_owned());
        settings.endpoint_url = endpoint_url;
        settings.key = key;
        settings.call_deadline = deadline;
        check(&settings)?;
        Ok(Self { settings, region, url: url.to_owned(), queue: OnceCell::new() })
    }

    /// Counts once.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`.
    pub(crate) async fn read(&self) -> Result<Depth, Failure> {
        let made = self.queue.get_or_init(async || Account::new(&self.settings).await.queue(&self.region, &self.url));
        made.await.depth().await.map_err(|trouble| {
            let mut failure = failure::of_look(OPERATION, &trouble);
            if trouble.code.as_deref().is_some_and(failure::is_missing_queue) {
                failure.kind = FailureKind::Gone;
            }
            failure
        })
    }
}
