//! The state directory: its lock, its format file, and what is built, swapped in and set aside.
//!
//! A new store is built in `<engine>.building`, renamed to `<engine>.ready` when it is durable, and renamed again into
//! its place. So a crash at any moment leaves either the old store, or the new one whole.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use policies::control::{Entry, Record};
use policies::units::Time;
use serde::{Deserialize, Serialize};

use super::seal::Sealed;
use super::{Batch, Engine, FORMAT, StateStore as _, StoreError, sync_dir};

/// Set-aside stores kept of each sort; the oldest goes when there are more. Enough to look into what happened, and a
/// bound for a disk that damages the store at each start.
pub const COPIES_KEPT: usize = 3;

/// Records per batch while a store is built: some hundred kB.
const BUILD_BATCH: usize = 500;

/// A state directory that we hold the lock of.
#[derive(Debug)]
pub(super) struct StateDir {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// What `format.json` says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Format {
    format: u32,
    #[serde(with = "engine_name")]
    pub(super) engine: Engine,
    /// Version of spotfleet that made it, for people.
    made_by: String,
}

/// What every format, also a later one, must have.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

impl StateDir {
    /// Makes the directory if needed and takes its lock.
    ///
    /// The file stays when the lock is given back: removing it would let a third process lock another file of the name.
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| StoreError::io("making", path, e))?;
        let file = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(|e| StoreError::io("opening", &file, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // What cannot be read is left out of the message.
                let pid = lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::Locked { state_dir: path.to_owned(), pid });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io("locking", &file, e)),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|e| StoreError::io("writing", &file, e))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn engine_dir(&self, engine: Engine) -> PathBuf {
        self.path.join(engine.name())
    }

    /// What `format.json` says; `None` when it is not there or not readable as one. Records carry the format as well, so
    /// that a lost file hides nothing.
    pub(super) fn format(&self) -> Result<Option<Format>, StoreError> {
        let file = self.path.join("format.json");
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("reading", &file, e)),
        };
        let any = serde_json::from_slice::<AnyFormat>(&text);
        match any {
            Ok(any) if any.format > FORMAT => {
                Err(StoreError::NewerFormat { state_dir: self.path.clone(), found: any.format })
            }
            _ => match serde_json::from_slice(&text) {
                Ok(format) => Ok(Some(format)),
                Err(error) => {
                    tracing::warn!(file = %file.display(), %error, "not readable, made anew");
                    Ok(None)
                }
            },
        }
    }

    /// Says durably that this engine's store counts.
    pub(super) fn write_format(&self, engine: Engine) -> Result<(), StoreError> {
        let format = Format { format: FORMAT, engine, made_by: env!("CARGO_PKG_VERSION").to_owned() };
        let text = serde_json::to_vec(&format).map_err(|e| StoreError::io("writing", &self.path, e.into()))?;
        replace_file(&self.path.join("format.json"), &text)
    }

    /// Whose store counts: what the format file says, else the engine that has a directory here.
    pub(super) fn engine(&self) -> Result<Option<Engine>, StoreError> {
        if let Some(format) = self.format()? {
            return Ok(Some(format.engine));
        }
        match Engine::ALL.map(|e| self.engine_dir(e).exists()) {
            [true, true] => Err(StoreError::TwoStores { state_dir: self.path.clone() }),
            [true, false] => Ok(Some(Engine::Sled)),
            [false, true] => Ok(Some(Engine::Redb)),
            [false, false] => Ok(None),
        }
    }

    /// Makes a store with these records, durable and ready to take its place.
    pub(super) fn build(&self, engine: Engine, records: &[Record]) -> Result<(), StoreError> {
        let building = self.path.join(format!("{engine}.building"));
        let ready = self.ready(engine);
        for leftover in [&building, &ready] {
            remove(leftover)?;
        }
        fs::create_dir(&building).map_err(|e| StoreError::io("making", &building, e))?;
        let mut store = Sealed::create(engine, &building)?;
        for part in records.chunks(BUILD_BATCH) {
            let entries: Vec<_> = part.iter().cloned().map(Entry::Put).collect();
            store.apply(&Batch::of(&entries)?)?;
            store.commit()?;
        }
        drop(store);
        sync_tree(&building)?;
        rename(&building, &ready)?;
        sync_dir(&self.path)
    }

    /// Puts what [`build`](Self::build) made into place, where nothing must be. Does nothing when nothing is ready.
    pub(super) fn finish_replacement(&self, engine: Engine) -> Result<(), StoreError> {
        let ready = self.ready(engine);
        if ready.exists() {
            rename(&ready, &self.engine_dir(engine))?;
            sync_dir(&self.path)?;
        }
        Ok(())
    }

    /// Puts what [`build`](Self::build) made into the place of a closed store, and removes that one.
    pub(super) fn swap(&self, engine: Engine) -> Result<(), StoreError> {
        rename(&self.engine_dir(engine), &self.old(engine))?;
        self.finish_replacement(engine)?;
        remove(&self.old(engine))
    }

    /// Finishes a [`swap`](Self::swap) that was cut off. Both stores hold the same.
    pub(super) fn settle(&self, engine: Engine) -> Result<(), StoreError> {
        let old = self.old(engine);
        if !old.exists() {
            return Ok(());
        }
        if !self.engine_dir(engine).exists() {
            self.finish_replacement(engine)?;
        }
        if self.engine_dir(engine).exists() { remove(&old) } else { rename(&old, &self.engine_dir(engine)) }
    }

    fn old(&self, engine: Engine) -> PathBuf {
        self.path.join(format!("{engine}.old"))
    }

    fn ready(&self, engine: Engine) -> PathBuf {
        self.path.join(format!("{engine}.ready"))
    }

    /// Renames an engine's directory to `<engine>.<why>-<time>` and removes copies over [`COPIES_KEPT`].
    pub(super) fn set_aside(&self, engine: Engine, why: &str, now: Time) -> Result<PathBuf, StoreError> {
        let time = jiff::Timestamp::from_millisecond(now.as_millis())
            .map_or_else(|_| now.as_millis().to_string(), |t| t.strftime("%Y%m%dT%H%M%SZ").to_string());
        let name = format!("{engine}.{why}-{time}");
        let mut to = self.path.join(&name);
        let mut number = 2;
        while to.exists() {
            to = self.path.join(format!("{name}.{number}"));
            number += 1;
        }
        rename(&self.engine_dir(engine), &to)?;
        sync_dir(&self.path)?;
        let copies = self.copies(&format!("{engine}.{why}-"))?;
        for old in copies.iter().rev().skip(COPIES_KEPT) {
            remove(old)?;
        }
        Ok(to)
    }

    /// The newest store of this engine that was set aside as damaged.
    pub(super) fn newest_damaged(&self, engine: Engine) -> Result<Option<PathBuf>, StoreError> {
        Ok(self.copies(&format!("{engine}.damaged-"))?.pop())
    }

    /// Everything that was set aside, by name.
    pub(super) fn set_aside_stores(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut all = Vec::new();
        for engine in Engine::ALL {
            for why in ["damaged", "replaced"] {
                all.extend(self.copies(&format!("{engine}.{why}-"))?);
            }
        }
        Ok(all)
    }

    fn copies(&self, start: &str) -> Result<Vec<PathBuf>, StoreError> {
        let entries = fs::read_dir(&self.path).map_err(|e| StoreError::io("listing", &self.path, e))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| StoreError::io("listing", &self.path, e))?;
            if entry.file_name().to_string_lossy().starts_with(start) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Writes a file so that after a crash it has either its old or its new content.
pub(super) fn replace_file(file: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    File::create(&part)
        .and_then(|mut f| f.write_all(content).and_then(|()| f.sync_all()))
        .map_err(|e| StoreError::io("writing", &part, e))?;
    rename(&part, file)?;
    file.parent().map_or(Ok(()), sync_dir)
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|e| StoreError::io("renaming", from, e))
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io("removing", dir, e)),
        _ => Ok(()),
    }
}

/// Syncs every file and directory below and with `dir`: sled leaves its `conf` to chance.
fn sync_tree(dir: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(dir).map_err(|e| StoreError::io("listing", dir, e))?;
    for entry in entries {
        let path = entry.map_err(|e| StoreError::io("listing", dir, e))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path).and_then(|f| f.sync_all()).map_err(|e| StoreError::io("syncing", &path, e))?;
        }
    }
    sync_dir(dir)
}

mod engine_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Engine;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(engine: &Engine, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(engine.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Engine, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
