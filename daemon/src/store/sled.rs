//! The store on sled 0.34, under rules that keep its known faults away (`daemon/adr/0001-store-behind-one-trait.md`):
//!
//! * `flush` alone is not durable on Linux (it ends in `sync_file_range`, which by its manual page flushes neither the
//!   disk's cache nor the file's size): each commit also syncs the database file through an own handle.
//! * Many unflushed batches can exhaust its I/O threads and hang it for good: the [`writer`](super::writer) bounds them,
//!   and watches each flush.
//! * Values stay inline: see [`MAX_VALUE_BYTES`](super::MAX_VALUE_BYTES).
//! * A half-written `snap.*.generating`, left by a kill during a start, is taken for a snapshot and reported as
//!   corruption: such files are removed before it opens. They are copies of what the log holds.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Batch, Engine, Op, StateStore, StoreError, bytes_below, must_hold};

/// Memory for its page cache. The whole store is some 5 MB.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How long a drop waits for sled to let go of its files, at most.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// A sled database in a directory.
pub struct Sled {
    /// `None` only while it is dropped.
    db: Option<::sled::Db>,
    /// Our own handle of its database file, to sync it.
    file: File,
    dir: PathBuf,
}

impl Sled {
    /// Makes one in an empty directory.
    ///
    /// # Errors
    /// The disk failed.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        Self::start(dir)
    }

    /// Opens the one of a directory. Nobody else may have it open.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the files are not what it wrote. It may also panic on them.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        // It would make a new one without a word.
        must_hold(Engine::Sled, &dir.join("db"))?;
        Self::start(dir)
    }

    fn start(dir: &Path) -> Result<Self, StoreError> {
        remove_half_snapshots(dir)?;
        let db = ::sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            // The writer flushes after each group; a second flusher would only contend.
            .flush_every_ms(None)
            .open()
            .map_err(|e| failed("opening", &e))?;
        let path = dir.join("db");
        let file = File::open(&path).map_err(|e| StoreError::io("opening", &path, e))?;
        Ok(Self { db: Some(db), file, dir: dir.to_owned() })
    }

    fn db(&self) -> Result<&::sled::Db, StoreError> {
        self.db.as_ref().ok_or_else(|| StoreError::Engine {
            engine: Engine::Sled,
            doing: "using it",
            text: "it is closed".to_owned(),
        })
    }
}

impl Drop for Sled {
    /// Returns when sled has closed its files: its threads keep them for some ms longer than the database, locked, and
    /// the next one to open them would be refused.
    fn drop(&mut self) {
        drop(self.db.take());
        let given_up = Instant::now() + CLOSE_WAIT;
        // Its lock is on another handle of the same file, so that this one gets it when the other is closed.
        while self.file.try_lock().is_err() && Instant::now() < given_up {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn remove_half_snapshots(dir: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(dir).map_err(|e| StoreError::io("listing", dir, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| StoreError::io("listing", dir, e))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(|e| StoreError::io("removing", &entry.path(), e))?;
        }
    }
    Ok(())
}

impl StateStore for Sled {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut theirs = ::sled::Batch::default();
        for op in batch.ops() {
            match op {
                Op::Put(key, value) => theirs.insert(key.as_slice(), value.as_slice()),
                Op::Delete(key) => theirs.remove(key.as_slice()),
            }
        }
        self.db()?.apply_batch(theirs).map_err(|e| failed("writing", &e))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.db()?.flush().map_err(|e| failed("flushing", &e))?;
        self.file.sync_data().map_err(|e| StoreError::io("syncing", &self.dir.join("db"), e))
    }

    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        for item in self.db()?.scan_prefix(prefix) {
            let (key, value) = item.map_err(|e| failed("reading", &e))?;
            each(&key, &value);
        }
        Ok(())
    }

    fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        bytes_below(&self.dir)
    }
}

/// What an error of sled means. `Unsupported` says that its `conf` names another version or setting: as `format.json` was
/// read before and knows of none, it is `conf` that is wrong.
fn failed(doing: &'static str, error: &::sled::Error) -> StoreError {
    let engine = Engine::Sled;
    let text = error.to_string();
    match error {
        ::sled::Error::Corruption { .. }
        | ::sled::Error::Unsupported(_)
        | ::sled::Error::ReportableBug(_)
        | ::sled::Error::CollectionNotFound(_) => StoreError::Damaged { engine, text },
        ::sled::Error::Io(e)
            if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput) =>
        {
            StoreError::Damaged { engine, text }
        }
        ::sled::Error::Io(_) => StoreError::Engine { engine, doing, text },
    }
}
