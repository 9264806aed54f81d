//! The opened store: a sealed engine, the lock of its directory, and its compaction.
//!
//! sled's file grows by some 50 bytes a batch for good, whatever is in it (measured: 59 MB after a million batches over
//! 3 records; 180 MB would be a year of ticks). So when the files are much larger than what is in them, the store is built
//! anew beside the old one and takes its place. redb has never needed it.
//!
//! The steps: `<engine>.ready` is made whole and synced; `<engine>` is renamed to `<engine>.old`; `<engine>.ready` to
//! `<engine>`; `<engine>.old` is removed. [`StateDir::settle`] finishes what a crash left in between.

use policies::control::Record;

use super::seal::{Found, Sealed};
use super::state_dir::StateDir;
use super::{Batch, Engine, StateStore, StoreError, wire};

/// Commits between two looks at the size of the files. A few listed files each, for a bound that is far away.
const COMMITS_PER_LOOK: u32 = 1_000;

/// Below this size nothing is compacted: a store that was just built has 5 to 7 MB.
const FLOOR_BYTES: u64 = 16_000_000;

/// Above the floor, files may be so many times as large as what is in them. Measured with 2.4 MB in them: a compaction
/// about once in 6 % of a year of ticks, in under a second; the more is in them, the rarer it is.
const TIMES_LIVE: u64 = 8;

/// An engine together with the lock of its state directory. Fields are dropped in order: the engine first.
pub(super) struct OnDisk {
    /// `None` only while it is replaced, and after that failed.
    store: Option<Sealed>,
    engine: Engine,
    commits: u32,
    place: StateDir,
}

impl OnDisk {
    pub(super) fn new(store: Sealed, engine: Engine, place: StateDir) -> Self {
        Self { store: Some(store), engine, commits: 0, place }
    }

    /// Compacts when the files are too large. Everything applied must be committed.
    ///
    /// # Errors
    /// The new store could not take the place of the old one; the old one is still on disk. That one could not be built,
    /// for want of room perhaps, is no error: the old one stays in use.
    pub(super) fn compact_if_large(&mut self) -> Result<(), StoreError> {
        let store = self.store()?;
        let live = store.live_bytes();
        let on_disk = store.bytes_on_disk()?;
        if on_disk > FLOOR_BYTES.saturating_add(live.saturating_mul(TIMES_LIVE)) { self.compact() } else { Ok(()) }
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        let store = self.store()?;
        let before = store.bytes_on_disk()?;
        let mut records: Vec<Record> = Vec::new();
        let mut unsound = None;
        store.scan(&[], &mut |key, value| match wire::decode(key, value) {
            Ok(record) => records.push(record),
            Err(damage) => unsound = Some(format!("{}: {damage}", wire::readable(key))),
        })?;
        if let Some(text) = unsound {
            return Err(StoreError::Damaged { engine: self.engine, text });
        }
        if let Err(error) = self.place.build(self.engine, &records) {
            tracing::warn!(%error, "the store was not compacted");
            return Ok(());
        }
        // From here on an error leaves no store in use: the writer ends, and the next start settles the directory.
        self.store = None;
        self.place.swap(self.engine)?;
        let mut found = Found::default();
        let store = Sealed::open(self.engine, &self.place.engine_dir(self.engine), &mut found)?;
        if let Some(text) = found.problems().pop() {
            return Err(StoreError::Damaged { engine: self.engine, text });
        }
        let after = store.bytes_on_disk()?;
        self.store = Some(store);
        tracing::info!(before, after, records = records.len(), "the store was compacted");
        Ok(())
    }

    fn store(&self) -> Result<&Sealed, StoreError> {
        self.store.as_ref().ok_or_else(|| closed(self.engine))
    }

    fn store_mut(&mut self) -> Result<&mut Sealed, StoreError> {
        self.store.as_mut().ok_or_else(|| closed(self.engine))
    }
}

fn closed(engine: Engine) -> StoreError {
    StoreError::Engine { engine, doing: "using it", text: "a compaction failed before".to_owned() }
}

impl StateStore for OnDisk {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.store_mut()?.apply(batch)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.store_mut()?.commit()?;
        self.commits += 1;
        if self.commits >= COMMITS_PER_LOOK {
            self.commits = 0;
            self.compact_if_large()?;
        }
        Ok(())
    }

    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.store()?.scan(prefix, each)
    }

    fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        self.store()?.bytes_on_disk()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use policies::control::ledger::{Boot, Note};
    use policies::control::{Entry, Record};
    use policies::units::Time;

    use super::*;
    use crate::store::open_on_disk;

    fn opened(dir: &Path, engine: Engine) -> (OnDisk, Vec<Record>) {
        let (store, records, damage) = open_on_disk(dir, engine, Time::EPOCH).unwrap();
        assert_eq!(damage, None);
        (store, records)
    }

    /// Writes the same few records over and over.
    fn fill(store: &mut OnDisk, rounds: u64) {
        for number in 0..rounds {
            let boot = Record::Boot(Boot { number, seed: 1, at: Time::EPOCH, unproven: false });
            let note = Record::Note(Note {
                number: number % 50,
                at: Time::EPOCH,
                fleet: None,
                what: "boot",
                text: "x".repeat(1_500),
                decision: None,
            });
            store.apply(&Batch::of(&[Entry::Put(boot), Entry::Put(note)]).unwrap()).unwrap();
            if number % 20 == 19 {
                store.commit().unwrap();
            }
        }
        store.commit().unwrap();
    }

    #[test]
    fn a_compacted_store_holds_the_same() {
        for engine in Engine::ALL {
            let dir = tempfile::tempdir().unwrap();
            let (mut store, _) = opened(dir.path(), engine);
            fill(&mut store, 2_000);
            let before = store.bytes_on_disk().unwrap();
            store.compact().unwrap();
            if engine == Engine::Sled {
                assert!(store.bytes_on_disk().unwrap() < before);
            }
            // It goes on in the new files.
            fill(&mut store, 5);
            drop(store);
            let (store, records) = opened(dir.path(), engine);
            assert_eq!(records.len(), 51, "{engine}");
            assert!(matches!(&records[0], Record::Boot(boot) if boot.number == 4), "{engine}");
            drop(store);
            let mut names: Vec<_> =
                std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            let mut want = ["format.json", "lock", engine.name(), "snapshot.jsonl"];
            want.sort_unstable();
            assert_eq!(names, want);
        }
    }

    #[test]
    fn a_small_store_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(dir.path(), Engine::Sled);
        fill(&mut store, 100);
        let made = std::fs::metadata(dir.path().join("sled/db")).unwrap().created().unwrap();
        store.compact_if_large().unwrap();
        assert_eq!(std::fs::metadata(dir.path().join("sled/db")).unwrap().created().unwrap(), made);
    }

    #[test]
    fn a_crash_between_any_two_steps_of_a_compaction_is_settled_without_an_alarm() {
        for engine in Engine::ALL {
            // What is there after each step: the old one in its place or aside, and the new one ready or in its place.
            for step in 0..4 {
                let dir = tempfile::tempdir().unwrap();
                let (mut store, _) = opened(dir.path(), engine);
                fill(&mut store, 100);
                let path = |end: &str| dir.path().join(format!("{engine}{end}"));
                let mut held = Vec::new();
                store.scan(&[], &mut |key, value| held.push(wire::decode(key, value).unwrap())).unwrap();
                store.place.build(engine, &held).unwrap();
                drop(store);
                if step >= 1 {
                    std::fs::rename(path(""), path(".old")).unwrap();
                }
                if step >= 2 {
                    std::fs::rename(path(".ready"), path("")).unwrap();
                }
                if step >= 3 {
                    std::fs::remove_file(path(".old").join("mark")).unwrap();
                }
                let (_store, records) = opened(dir.path(), engine);
                assert_eq!(records, held, "{engine}, step {step}");
                assert!(!path(".old").exists(), "{engine}, step {step}");
            }
        }
    }
}
