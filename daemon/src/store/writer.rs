//! The one thread that writes: batches in, numbers of durable batches out.
//!
//! Both engines block, so they get a thread of their own. It takes batches in order; what has queued up meanwhile
//! shares one commit, at most [`GROUP`] batches. An error ends it: what is on disk is then known only after the store was
//! opened anew, so the daemon must end too. A [`Watchdog`] ends the process when the engine does not come back at all.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use policies::control::Entry;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::{Batch, StateStore, StoreError};

/// Batches that share a commit, at most. sled 0.34 hung for good with 100 unflushed transactions in 7 of 8 runs, and never
/// with 20 (measured; spacejam/sled#1412).
pub const GROUP: usize = 20;

/// Batches that may wait. The controller makes a few each tick; 256 are more than a disk that is 10 s late can owe.
const QUEUE: usize = 256;

/// Hands batches to the thread. When it is dropped, the thread writes what it has and ends.
#[derive(Debug)]
pub struct Writer {
    batches: mpsc::Sender<(u64, Vec<Entry>)>,
    thread: JoinHandle<Result<Box<dyn StateStore>, StoreError>>,
}

impl Writer {
    /// Starts the thread. The receiver gets the number of the last durable batch after each commit; it ends when the
    /// thread does. It is unbounded so that the thread never waits for the reader: it holds at most one number for each
    /// commit.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn spawn(
        mut store: Box<dyn StateStore>,
        watchdog: Watchdog,
    ) -> Result<(Self, mpsc::UnboundedReceiver<u64>), StoreError> {
        let (batches, mut queue) = mpsc::channel::<(u64, Vec<Entry>)>(QUEUE);
        let (acks, durable) = mpsc::unbounded_channel();
        let guard = watchdog.start()?;
        let work = move || {
            while let Some(first) = queue.blocking_recv() {
                let watched = guard.watch();
                let (mut last, entries) = first;
                store.apply(&Batch::of(&entries)?)?;
                for _ in 1..GROUP {
                    let Ok((seq, entries)) = queue.try_recv() else { break };
                    store.apply(&Batch::of(&entries)?)?;
                    last = seq;
                }
                store.commit()?;
                drop(watched);
                // Nobody listens any more: what was handed over is written all the same.
                let _ = acks.send(last);
            }
            Ok(store)
        };
        let thread = Builder::new()
            .name("store-writer".to_owned())
            .spawn(work)
            .map_err(|e| StoreError::io("starting", "the store's writer".as_ref(), e))?;
        Ok((Self { batches, thread }, durable))
    }

    /// Hands over the entries of one atomic batch. Waits only while its queue is full. Numbers must rise.
    ///
    /// # Errors
    /// [`StoreError::WriterEnded`]; [`close`](Self::close) says why.
    pub async fn append(&self, seq: u64, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.batches.send((seq, entries)).await.map_err(|_| StoreError::WriterEnded)
    }

    /// Hands over the entries of one atomic batch without waiting. Gives them back while its queue is
    /// full. Numbers must rise.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn try_append(&self, seq: u64, entries: Vec<Entry>) -> Result<Option<(u64, Vec<Entry>)>, StoreError> {
        match self.batches.try_send((seq, entries)) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(batch)) => Ok(Some(batch)),
            Err(TrySendError::Closed(_)) => Err(StoreError::WriterEnded),
        }
    }

    /// As [`append`](Self::append), for a thread without a runtime.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn blocking_append(&self, seq: u64, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.batches.blocking_send((seq, entries)).map_err(|_| StoreError::WriterEnded)
    }

    /// Waits until everything handed over is durable and gives the store back; blocks. Its drop gives up the lock.
    ///
    /// # Errors
    /// What ended the thread.
    pub fn close(self) -> Result<Box<dyn StateStore>, StoreError> {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Acts when a write does not come back.
pub struct Watchdog {
    limit: Duration,
    action: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watchdog").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Default for Watchdog {
    /// Ends the process, with exit code 1, when a write takes longer than 10 s, for the supervisor to start it again. A
    /// healthy one takes some ms, a disk under heavy load a second; opening again took under 0.2 s.
    fn default() -> Self {
        Self::new(Duration::from_secs(10), || {
            tracing::error!("the store did not come back within 10 s; ending the process to be started again");
            std::process::exit(1);
        })
    }
}

impl Watchdog {
    /// One that does this when a write takes longer than `limit`.
    #[must_use]
    pub fn new(limit: Duration, action: impl FnOnce() + Send + 'static) -> Self {
        Self { limit, action: Box::new(action) }
    }

    fn start(self) -> Result<Guard, StoreError> {
        let (marks, seen) = channel();
        let work = move || {
            // Each mark begins or ends a write, in turn; the channel closes with the writer's thread.
            while seen.recv().is_ok() {
                match seen.recv_timeout(self.limit) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => {
                        (self.action)();
                        return;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        Builder::new()
            .name("store-watchdog".to_owned())
            .spawn(work)
            .map_err(|e| StoreError::io("starting", "the store's watchdog".as_ref(), e))?;
        Ok(Guard { marks })
    }
}

struct Guard {
    marks: Sender<()>,
}

impl Guard {
    /// Watches until the result is dropped.
    fn watch(&self) -> Watched<'_> {
        // After its action the watchdog is gone, and nobody listens.
        let _ = self.marks.send(());
        Watched(self)
    }
}

struct Watched<'a>(&'a Guard);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let _ = self.0.marks.send(());
    }
}
