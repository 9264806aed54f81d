//! Reads at intervals what workers do, a task for each fleet that says where.

use std::collections::BTreeMap;

use policies::control::Event;
use policies::model::{FleetName, InstanceId};
use policies::plan::Work;
use policies::units::Span;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::world::WorkersWatch;
use crate::clock::Clock;

/// A reading is believed for so many intervals: one that fails, or two, say nothing new.
const BELIEVED: u64 = 3;

/// Readings that wait for the loop. A task waits when there are so many.
const WAITING: usize = 16;

/// The tasks that read. They end with this.
#[derive(Debug)]
pub(super) struct Workers {
    tasks: JoinSet<()>,
    readings: mpsc::Receiver<Reading>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Reading {
    fleet: FleetName,
    seen: BTreeMap<InstanceId, Work>,
    lasts: Span,
}

impl From<Reading> for Event {
    fn from(Reading { fleet, seen, lasts }: Reading) -> Self {
        Self::Watched { fleet, seen: seen.into_iter().collect(), lasts }
    }
}

impl Workers {
    /// Begins to read.
    pub(super) fn start(watches: &BTreeMap<FleetName, WorkersWatch>, clock: &Clock) -> Self {
        let (sender, readings) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        for (fleet, watch) in watches {
            tasks.spawn(read(fleet.clone(), watch.clone(), clock.clone(), sender.clone()));
        }
        Self { tasks, readings }
    }

    /// The next reading; never, where nothing is read.
    ///
    /// # Panics
    /// When a task panicked: a bug.
    pub(super) async fn next(&mut self) -> Reading {
        tokio::select! {
            Some(reading) = self.readings.recv() => reading,
            Some(ended) = self.tasks.join_next() => {
                // The tasks have no end of their own.
                panic!("what workers do is not read any more: {ended:?}")
            }
            else => std::future::pending().await,
        }
    }
}

async fn read(fleet: FleetName, watch: WorkersWatch, clock: Clock, readings: mpsc::Sender<Reading>) {
    let WorkersWatch { reader, every } = watch;
    let lasts = Span::from_millis(every.as_millis().saturating_mul(BELIEVED));
    let mut failed = false;
    loop {
        match reader.read().await {
            Ok(seen) => {
                if failed {
                    info!(fleet = %fleet, machines = seen.len(), "what workers do is read again");
                }
                failed = false;
                if readings.send(Reading { fleet: fleet.clone(), seen, lasts }).await.is_err() {
                    return;
                }
            }
            Err(failure) => {
                if !failed {
                    warn!(fleet = %fleet, %failure, "what workers do cannot be read: nobody knows who is busy, after {lasts}");
                }
                failed = true;
            }
        }
        clock.sleep(every).await;
    }
}
