//! The store in memory, for tests and simulations: it loses at a crash exactly what was not committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, Op, StateStore, StoreError};

/// A simulated disk, with a store on it. Clones share it: one is written to, another one cuts the power.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    unsynced: Vec<Batch>,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power: of the batches that were not committed, the first `kept` happen to be on disk, the rest is gone.
    pub fn crash(&self, kept: usize) {
        let mut disk = self.disk();
        disk.unsynced.truncate(kept);
        disk.sync();
    }

    /// Batches applied and not committed.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.disk().unsynced.len()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A test that panicked elsewhere leaves whole batches.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn sync(&mut self) {
        for batch in self.unsynced.drain(..) {
            apply(&mut self.durable, &batch);
        }
    }
}

fn apply(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch) {
    for op in batch.ops() {
        match op {
            Op::Put(key, value) => {
                map.insert(key.clone(), value.clone());
            }
            Op::Delete(key) => {
                map.remove(key);
            }
        }
    }
}

impl StateStore for Memory {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.disk().unsynced.push(batch.clone());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.disk().sync();
        Ok(())
    }

    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        let disk = self.disk();
        let mut seen = disk.durable.clone();
        for batch in &disk.unsynced {
            apply(&mut seen, batch);
        }
        for (key, value) in seen.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)) {
            each(key, value);
        }
        Ok(())
    }

    fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        let bytes = self.disk().durable.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
