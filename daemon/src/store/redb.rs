//! The store on redb 4: one file, one table.
//!
//! Batches go into one open write transaction; a commit ends it. So a group of batches costs one sync of the disk, and a
//! crash loses the group as a whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ::redb::{
    Builder, CommitError, Database, DatabaseError, ReadableDatabase as _, ReadableTable, StorageError, TableDefinition,
    TableError, TransactionError, WriteTransaction,
};

use super::{Batch, Engine, Op, StateStore, StoreError, bytes_below, must_hold};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

/// Its file.
const FILE: &str = "records.redb";

/// Memory for its page cache. The whole store is some 5 MB.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// A redb database in a directory.
pub struct Redb {
    /// The batches since the last commit. Before `db`, to be dropped before it.
    open: Option<WriteTransaction>,
    db: Database,
    dir: PathBuf,
}

impl Redb {
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
    /// [`StoreError::Damaged`] when the file is not what it wrote. It may also panic on it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        // It would make a new one without a word.
        must_hold(Engine::Redb, &dir.join(FILE))?;
        Self::start(dir)
    }

    fn start(dir: &Path) -> Result<Self, StoreError> {
        let db = Builder::new()
            .set_cache_size(CACHE_BYTES)
            // Reads all of a file of a few MB, and finds damage here instead of later.
            .set_check_integrity_on_open(true)
            .create(dir.join(FILE))
            .map_err(|e| match e {
                DatabaseError::Storage(e) => storage("opening", &e),
                other => failed("opening", &other),
            })?;
        let mut store = Self { open: None, db, dir: dir.to_owned() };
        // Makes the table, so that every later scan finds it.
        store.apply(&Batch::default())?;
        store.commit()?;
        Ok(store)
    }
}

impl StateStore for Redb {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let transaction = match self.open.take() {
            Some(open) => open,
            None => self.db.begin_write().map_err(|e| match e {
                TransactionError::Storage(e) => storage("writing", &e),
                other => failed("writing", &other),
            })?,
        };
        {
            let mut table = transaction.open_table(RECORDS).map_err(|e| table("writing", &e))?;
            for op in batch.ops() {
                match op {
                    Op::Put(key, value) => table.insert(key.as_slice(), value.as_slice()),
                    Op::Delete(key) => table.remove(key.as_slice()),
                }
                .map_err(|e| storage("writing", &e))?;
            }
        }
        self.open = Some(transaction);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        match self.open.take() {
            None => Ok(()),
            Some(open) => open.commit().map_err(|e| match e {
                CommitError::Storage(e) => storage("committing", &e),
                other => failed("committing", &other),
            }),
        }
    }

    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        if let Some(open) = &self.open {
            return scan_table(&open.open_table(RECORDS).map_err(|e| table("reading", &e))?, prefix, each);
        }
        let read = self.db.begin_read().map_err(|e| match e {
            TransactionError::Storage(e) => storage("reading", &e),
            other => failed("reading", &other),
        })?;
        scan_table(&read.open_table(RECORDS).map_err(|e| table("reading", &e))?, prefix, each)
    }

    fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        bytes_below(&self.dir)
    }
}

fn scan_table(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    each: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), StoreError> {
    for item in table.range(prefix..).map_err(|e| storage("reading", &e))? {
        let (key, value) = item.map_err(|e| storage("reading", &e))?;
        if !key.value().starts_with(prefix) {
            break;
        }
        each(key.value(), value.value());
    }
    Ok(())
}

fn table(doing: &'static str, error: &TableError) -> StoreError {
    if let TableError::Storage(e) = error { storage(doing, e) } else { failed(doing, error) }
}

fn storage(doing: &'static str, error: &StorageError) -> StoreError {
    match error {
        StorageError::Corrupted(text) => StoreError::Damaged { engine: Engine::Redb, text: text.clone() },
        StorageError::Io(e)
            if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput) =>
        {
            StoreError::Damaged { engine: Engine::Redb, text: e.to_string() }
        }
        other => failed(doing, other),
    }
}

/// An error that a new store would not mend.
fn failed(doing: &'static str, error: &impl std::fmt::Display) -> StoreError {
    StoreError::Engine { engine: Engine::Redb, doing, text: error.to_string() }
}
