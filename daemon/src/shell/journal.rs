//! The way of batches to the store and of their numbers back.

use std::collections::VecDeque;

use policies::control::Entry;
use tokio::sync::mpsc;

use crate::store::{StoreError, Writer};

/// Batches that may wait beside the writer's own queue. A disk that owes more than this is not slow but broken, and the
/// store's watchdog will have said so before.
const WAITING: usize = 10_000;

/// Where the loop's batches go.
#[derive(Debug)]
pub struct Journal(Kind);

#[derive(Debug)]
enum Kind {
    Store {
        /// `None` once it is closed.
        writer: Option<Writer>,
        acks: mpsc::UnboundedReceiver<u64>,
        waiting: VecDeque<(u64, Vec<Entry>)>,
        given: u64,
        durable: u64,
    },
    Nowhere,
}

impl Journal {
    /// To the store, through its writer.
    #[must_use]
    pub fn store(writer: Writer, acks: mpsc::UnboundedReceiver<u64>) -> Self {
        Self(Kind::Store { writer: Some(writer), acks, waiting: VecDeque::new(), given: 0, durable: 0 })
    }

    /// Nowhere: batches are dropped and never become durable, so that no call that depends on one ever leaves. That is
    /// what makes a dry run dry.
    #[must_use]
    pub const fn nowhere() -> Self {
        Self(Kind::Nowhere)
    }

    /// Takes a batch; never waits.
    pub(super) fn append(&mut self, seq: u64, entries: Vec<Entry>) -> Result<(), String> {
        let Kind::Store { waiting, given, .. } = &mut self.0 else { return Ok(()) };
        *given = seq;
        if waiting.len() >= WAITING {
            return Err(format!("it is {WAITING} batches behind"));
        }
        waiting.push_back((seq, entries));
        self.hand_over()
    }

    /// Gives the writer what it has room for.
    fn hand_over(&mut self) -> Result<(), String> {
        let Kind::Store { writer: Some(writer), waiting, .. } = &mut self.0 else { return Ok(()) };
        while let Some((seq, entries)) = waiting.pop_front() {
            match writer.try_append(seq, entries) {
                Ok(None) => {}
                Ok(Some(full)) => {
                    waiting.push_front(full);
                    break;
                }
                Err(error) => return Err(self.why_ended(&error)),
            }
        }
        Ok(())
    }

    /// The number of the last durable batch, when it rises. May be dropped while it waits.
    pub(super) async fn durable(&mut self) -> Result<u64, String> {
        let Kind::Store { acks, durable, .. } = &mut self.0 else { return std::future::pending().await };
        let Some(seq) = acks.recv().await else { return Err(self.why_ended(&StoreError::WriterEnded)) };
        *durable = seq;
        self.hand_over()?;
        Ok(seq)
    }

    /// Some batch is not durable yet.
    pub(super) fn pending(&self) -> bool {
        matches!(&self.0, Kind::Store { given, durable, .. } if durable < given)
    }

    /// Ends the writer and gives up the store's lock.
    pub(super) async fn close(self) -> Result<(), String> {
        let Kind::Store { writer: Some(writer), .. } = self.0 else { return Ok(()) };
        match tokio::task::spawn_blocking(move || writer.close().map(drop)).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// What the writer's thread ended with. It has ended, so this does not wait.
    fn why_ended(&mut self, otherwise: &StoreError) -> String {
        let Kind::Store { writer, .. } = &mut self.0 else { return otherwise.to_string() };
        match writer.take().map(Writer::close) {
            Some(Err(error)) => error.to_string(),
            _ => otherwise.to_string(),
        }
    }
}
