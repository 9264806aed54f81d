//! The seal: finds a store that is not what was written last, although each of its records is.
//!
//! An engine that meets a damaged page may fall back to what stood there before: sled did so without a word after 27 of
//! 300 random damages, redb after none. A promise lost in that way would not be missed. So each batch also writes a
//! record with the number of batches and a sum over all records, and each commit notes its number in a file beside
//! the store, `mark`. That file is not synced: it is written after the commit, so it is never ahead of what is durable,
//! and it survives everything but a power cut. A store whose sum is wrong is torn; one that is behind its mark is old.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use policies::control::Record;

use super::wire::{self, Seal};
use super::{Batch, Engine, Op, StateStore, StoreError, Unsound};

/// An engine on disk, under a seal.
pub(super) struct Sealed {
    store: Box<dyn StateStore>,
    seal: Seal,
    /// What each record adds to the sum, and its size.
    parts: BTreeMap<Vec<u8>, (u32, u64)>,
    /// Size of all keys and values.
    live: u64,
    mark: File,
    mark_path: PathBuf,
}

/// What a store was found to hold.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Records that prove themselves, in order of the keys.
    pub(super) records: Vec<Record>,
    /// Those that do not.
    pub(super) unsound: Vec<Unsound>,
    /// What is wrong with the whole.
    pub(super) broken_seal: Option<String>,
}

impl Found {
    /// All that is wrong, one sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let unsound = self.unsound.iter().map(|u| format!("{}: {}", u.key, u.problem));
        unsound.chain(self.broken_seal.as_ref().map(|text| format!("the store as a whole: {text}"))).collect()
    }
}

impl Sealed {
    /// Makes an empty one in an empty directory.
    pub(super) fn create(engine: Engine, dir: &Path) -> Result<Self, StoreError> {
        let mut sealed = Self::around(engine.create(dir)?, dir)?;
        sealed.apply(&Batch::default())?;
        sealed.commit()?;
        Ok(sealed)
    }

    /// Opens the one of a directory and reads all of it into `found`, which is right as far as it goes even on errors and
    /// panics of the engine. With [`problems`](Found::problems) it must not be written to.
    pub(super) fn open(engine: Engine, dir: &Path, found: &mut Found) -> Result<Self, StoreError> {
        // An engine that fails while it is read is left open: closing it writes, and a panic in there, while another one
        // unwinds, would end the process at each start.
        let mut sealed = ManuallyDrop::new(Self::around(engine.open(dir)?, dir)?);
        let (mut seal, mut sum) = (None, 0_u64);
        let Self { store, parts, live, .. } = &mut *sealed;
        store.scan(&[], &mut |key, value| {
            if key == wire::SEAL_KEY {
                match wire::decode_seal(value) {
                    Ok(read) => seal = Some(read),
                    Err(damage) => found.unsound.push(Unsound::new(key, &damage)),
                }
                return;
            }
            let part = wire::part_of_sum(key, value);
            sum = sum.wrapping_add(u64::from(part));
            let size = size(key, value);
            *live = live.saturating_add(size);
            parts.insert(key.to_vec(), (part, size));
            match wire::decode(key, value) {
                Ok(record) => found.records.push(record),
                Err(damage) => found.unsound.push(Unsound::new(key, &damage)),
            }
        })?;
        let marked = sealed.read_mark();
        found.broken_seal = match (seal, marked) {
            (None, _) => Some("it has no seal".to_owned()),
            (Some(seal), _) if seal.sum != sum => Some("it mixes records of different times".to_owned()),
            (Some(seal), Some(marked)) if marked > seal.batches => {
                Some(format!("it ends with batch {}, and batch {marked} was acknowledged", seal.batches))
            }
            (Some(seal), _) => {
                sealed.seal = seal;
                None
            }
        };
        Ok(ManuallyDrop::into_inner(sealed))
    }

    /// Size of all keys and values in bytes.
    pub(super) const fn live_bytes(&self) -> u64 {
        self.live
    }

    fn around(store: Box<dyn StateStore>, dir: &Path) -> Result<Self, StoreError> {
        let mark_path = dir.join("mark");
        let mark = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&mark_path)
            .map_err(|e| StoreError::io("opening", &mark_path, e))?;
        Ok(Self { store, seal: Seal::default(), parts: BTreeMap::new(), live: 0, mark, mark_path })
    }

    /// The number of the last acknowledged batch; `None` where the file does not say, as after a power cut.
    fn read_mark(&self) -> Option<u64> {
        let mut bytes = [0; wire::MARK_BYTES];
        self.mark.read_exact_at(&mut bytes, 0).ok()?;
        wire::decode_mark(bytes)
    }
}

fn size(key: &[u8], value: &[u8]) -> u64 {
    u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX)
}

impl StateStore for Sealed {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.seal.batches += 1;
        for op in batch.ops() {
            let old = match op {
                Op::Put(key, value) => {
                    let (part, size) = (wire::part_of_sum(key, value), size(key, value));
                    self.seal.sum = self.seal.sum.wrapping_add(u64::from(part));
                    self.live = self.live.saturating_add(size);
                    self.parts.insert(key.clone(), (part, size))
                }
                Op::Delete(key) => self.parts.remove(key),
            };
            let (part, size) = old.unwrap_or((0, 0));
            self.seal.sum = self.seal.sum.wrapping_sub(u64::from(part));
            self.live = self.live.saturating_sub(size);
        }
        let mut sealed = batch.clone();
        sealed.put(wire::SEAL_KEY.to_vec(), wire::encode_seal(self.seal))?;
        self.store.apply(&sealed)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()?;
        let mark = wire::encode_mark(self.seal.batches);
        self.mark.write_all_at(&mark, 0).map_err(|e| StoreError::io("writing", &self.mark_path, e))
    }

    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.store.scan(prefix, &mut |key, value| {
            if key != wire::SEAL_KEY {
                each(key, value);
            }
        })
    }

    fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        self.store.bytes_on_disk()
    }
}
