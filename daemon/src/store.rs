//! The state store: what must survive a crash, behind one trait.
//!
//! **What is stored and why.** Only what cannot be seen again by looking at the clouds (`policies::control::ledger`):
//!
//! | record | why it must survive |
//! |---|---|
//! | boot | counts starts; its seed keeps tokens unique |
//! | intent | a launch that may have happened: promise before deed |
//! | machine | which machines are ours, at what price, and which were told to go |
//! | memory | last target and cooldowns: a restart changes no decision |
//! | hour | the history that forecasts rest on |
//! | closure | what has no room, so that a restart does not ask again at once |
//! | decision | why each machine and promise on record was decided, and the last decisions, for people |
//! | ended | the last machines that are gone, for people |
//! | note | the last events, for people |
//!
//! Offers, phases, notices and metrics are looked at or computed again and are never here. Secrets never are.
//!
//! **Layout of the state directory.** `lock` (held while the store is open, names the holder), `format.json` (engine and
//! format, read before any engine is opened), `sled/` or `redb/` (the store), `snapshot.jsonl` and
//! `snapshot.previous.jsonl` (exports of the last two starts), `<engine>.damaged-<time>/` and `<engine>.replaced-<time>/`
//! (set aside, the newest [`COPIES_KEPT`] of each); and while a store is built or compacted `<engine>.building/`,
//! `<engine>.ready/`, `<engine>.old/`.
//!
//! **Damage.** A store that does not open, of which one record fails its checksum, or that is older than what was
//! acknowledged (`store/seal.rs`), is set aside whole and a new one takes its place with every record that still proves
//! itself. Nothing kept can mislead: each record only restrains
//! (a promise counts until it is proven absent; a machine is looked at again). What is missing may be a promise, which
//! nobody can know, so [`Opened::damage`] must be raised as an alarm, and the clouds' tags are the truth. The start is
//! refused only where going on would be a guess: a newer format, another engine, a lock held, a disk that does not answer.
//!
//! Not here: what a record means (crate `policies`), when to write (the shell).

use std::any::Any;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use policies::control::ledger::Boot;
use policies::control::{Entry, Record};
use policies::units::Time;

pub mod check;
pub mod command;
pub mod memory;
mod on_disk;
pub mod redb;
mod seal;
pub mod sled;
mod state_dir;
pub mod transfer;
pub mod wire;
pub mod writer;

pub use memory::Memory;
use on_disk::OnDisk;
use seal::{Found, Sealed};
pub use state_dir::COPIES_KEPT;
use state_dir::StateDir;
pub use writer::{Watchdog, Writer};

/// Format of the store: layout, keys and records. Raised with every change of what is on disk, also when an engine's own
/// format changes with a new version of its crate.
pub const FORMAT: u32 = 1;

/// The longest key in bytes. The longest real one holds an Azure resource path of some 300 bytes.
pub const MAX_KEY_BYTES: usize = 1_024;

/// The longest value in bytes. The largest record is a fleet's memory with 56 peaks, mostly under 3 kB. sled puts large values
/// into files of their own that it syncs apart and hardly gives back, so they are refused.
pub const MAX_VALUE_BYTES: usize = 4_096;

/// A store of ordered byte keys, with atomic batches.
///
/// After an error of `apply` or `commit` the store must not be written to again: what is on disk is known only after it
/// was opened anew.
pub trait StateStore: Send {
    /// Applies a batch as one atomic change, after all earlier ones. It is durable after the next [`commit`](Self::commit);
    /// a crash before that keeps all of it or nothing, and nothing of it without all earlier ones.
    ///
    /// # Errors
    /// The engine failed.
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Returns when everything applied before is on the disk, to survive a power cut.
    ///
    /// # Errors
    /// The engine or the disk failed.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Gives every key that starts with `prefix`, with its value, in order of the keys, as applied so far.
    ///
    /// # Errors
    /// The engine failed; what was given until then is right.
    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Size of its files in bytes.
    ///
    /// # Errors
    /// The files cannot be looked at.
    fn bytes_on_disk(&self) -> Result<u64, StoreError>;
}

/// One change of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// Sets this key to this value.
    Put(Vec<u8>, Vec<u8>),
    /// Removes this key, if it is there.
    Delete(Vec<u8>),
}

/// Changes that happen together or not at all. Later ones win over earlier ones of the same key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    ops: Vec<Op>,
}

impl Batch {
    /// The batch of these entries, encoded.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]: a record passes [`MAX_KEY_BYTES`] or [`MAX_VALUE_BYTES`].
    pub fn of(entries: &[Entry]) -> Result<Self, StoreError> {
        let mut batch = Self::default();
        for entry in entries {
            match entry {
                Entry::Put(record) => {
                    let (key, value) = wire::encode(record);
                    batch.put(key, value)?;
                }
                Entry::Forget(key) => batch.delete(wire::encode_key(key)),
            }
        }
        Ok(batch)
    }

    /// Adds a put.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]: the key or the value passes its limit.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        for (what, bytes, limit) in [("key", key.len(), MAX_KEY_BYTES), ("value", value.len(), MAX_VALUE_BYTES)] {
            if bytes > limit {
                return Err(StoreError::TooLarge { key: wire::readable(&key), what, bytes, limit });
            }
        }
        self.ops.push(Op::Put(key, value));
        Ok(())
    }

    /// Adds a delete.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.ops.push(Op::Delete(key));
    }

    /// The changes in order.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }
}

/// An engine that keeps the store on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, clap::ValueEnum)]
pub enum Engine {
    /// sled, the default.
    #[default]
    Sled,
    /// redb.
    Redb,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Sled, Self::Redb];

    /// `sled` or `redb`: the word of the configuration, and its directory's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }

    /// Makes the engine's files in an empty directory.
    fn create(self, dir: &Path) -> Result<Box<dyn StateStore>, StoreError> {
        Ok(match self {
            Self::Sled => Box::new(sled::Sled::create(dir)?),
            Self::Redb => Box::new(redb::Redb::create(dir)?),
        })
    }

    /// Opens the engine's files in a directory, as they are.
    fn open(self, dir: &Path) -> Result<Box<dyn StateStore>, StoreError> {
        Ok(match self {
            Self::Sled => Box::new(sled::Sled::open(dir)?),
            Self::Redb => Box::new(redb::Redb::open(dir)?),
        })
    }
}

impl From<config::StoreEngine> for Engine {
    fn from(engine: config::StoreEngine) -> Self {
        match engine {
            config::StoreEngine::Sled => Self::Sled,
            config::StoreEngine::Redb => Self::Redb,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|e| e.name() == text).ok_or_else(|| format!("no such engine: {text} (sled, redb)"))
    }
}

/// What can go wrong with the store. The text says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process has it open.
    #[error(
        "{} is in use by {}; stop that process, or use another state_dir",
        state_dir.display(), pid.map_or_else(|| "another process".to_owned(), |p| format!("process {p}"))
    )]
    Locked {
        /// The state directory.
        state_dir: PathBuf,
        /// The holder, where it could be read.
        pid: Option<u32>,
    },
    /// A newer version wrote it.
    #[error(
        "the store in {} has format {found}, this version of spotfleet knows up to {FORMAT}; upgrade spotfleet, or move \
         the directory away and restore an export of format {FORMAT} with `spotfleet store import`. Nothing was changed",
        state_dir.display()
    )]
    NewerFormat {
        /// The state directory.
        state_dir: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It was made with the other engine.
    #[error(
        "the store in {} was made by {found}, the configuration says `store: {wanted}`; set `store: {found}`, or move the \
         records: `spotfleet store export --to records.jsonl`, then `spotfleet store import records.jsonl` with \
         `store: {wanted}`",
        state_dir.display()
    )]
    OtherEngine {
        /// The state directory.
        state_dir: PathBuf,
        /// Whose store is there.
        found: Engine,
        /// Which engine was asked for.
        wanted: Engine,
    },
    /// Both engines have a directory, and nothing says which one counts.
    #[error(
        "{} holds a sled and a redb store, and format.json, which says which one counts, is missing; move one of them away",
        state_dir.display()
    )]
    TwoStores {
        /// The state directory.
        state_dir: PathBuf,
    },
    /// There is no store to look at.
    #[error("there is no store in {}; the daemon makes one when it starts", state_dir.display())]
    NoStore {
        /// The state directory.
        state_dir: PathBuf,
    },
    /// Records are there already.
    #[error(
        "the store in {} already holds {records} records; an import wants an empty one: move {} away first",
        state_dir.display(), state_dir.join(engine.name()).display()
    )]
    NotEmpty {
        /// The state directory.
        state_dir: PathBuf,
        /// Whose store.
        engine: Engine,
        /// How many records.
        records: usize,
    },
    /// A record is larger than the store takes.
    #[error("record {key}: its {what} of {bytes} bytes is over the limit of {limit}; nothing of its batch was stored")]
    TooLarge {
        /// The key, readable.
        key: String,
        /// `key` or `value`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The engine says that its files are not what it wrote.
    #[error("{engine}: {text}")]
    Damaged {
        /// Which engine.
        engine: Engine,
        /// In its words.
        text: String,
    },
    /// The engine failed otherwise.
    #[error("{engine}: {doing}: {text}")]
    Engine {
        /// Which engine.
        engine: Engine,
        /// What was being done.
        doing: &'static str,
        /// In its words.
        text: String,
    },
    /// An export cannot be imported; nothing was.
    #[error("line {line} of the export: {problem}; nothing was imported")]
    BadExport {
        /// Counts from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The writer's thread ended.
    #[error("the store's writer has ended")]
    WriterEnded,
}

impl StoreError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}

/// A store was not what was written, and was replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// What was found.
    pub found: String,
    /// Where the damaged files are kept; `None`: they were gone.
    pub kept: Option<PathBuf>,
    /// Records that proved themselves and were carried over.
    pub carried: usize,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store was damaged ({}); ", self.found)?;
        match &self.kept {
            Some(kept) => write!(f, "it is kept as {}, ", kept.display())?,
            None => f.write_str("its files are gone, ")?,
        }
        write!(f, "{} records were carried over, the rest is rebuilt from the clouds' tags", self.carried)
    }
}

/// An opened store.
pub struct Opened {
    /// For the [`Writer`]. Holds the lock of the state directory until it is dropped.
    pub store: Box<dyn StateStore>,
    /// What it holds, in order of the keys.
    pub records: Vec<Record>,
    /// It was damaged: raise an alarm.
    pub damage: Option<Damage>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("records", &self.records.len())
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

/// Opens the store of a state directory, or makes it. A damaged one is replaced (see the module's text). `now` names what
/// is set aside.
///
/// # Errors
/// [`Locked`](StoreError::Locked), [`NewerFormat`](StoreError::NewerFormat), [`OtherEngine`](StoreError::OtherEngine),
/// [`TwoStores`](StoreError::TwoStores), or the disk failed. Then nothing was changed.
pub fn open(state_dir: &Path, engine: Engine, now: Time) -> Result<Opened, StoreError> {
    let (mut store, records, damage) = open_on_disk(state_dir, engine, now)?;
    store.compact_if_large()?;
    Ok(Opened { store: Box::new(store), records, damage })
}

fn open_on_disk(
    state_dir: &Path,
    engine: Engine,
    now: Time,
) -> Result<(OnDisk, Vec<Record>, Option<Damage>), StoreError> {
    let place = StateDir::lock(state_dir)?;
    let known = place.format()?.is_some();
    if let Some(found) = place.engine()?
        && found != engine
    {
        return Err(StoreError::OtherEngine { state_dir: state_dir.to_owned(), found, wanted: engine });
    }
    let (store, records, damage) = open_or_replace(&place, engine, known, now)?;
    if !known {
        place.write_format(engine)?;
    }
    if damage.is_none() && !records.is_empty() {
        // Insurance against the engine, not a promise: a full disk must not stop the start.
        if let Err(error) = transfer::snapshot(state_dir, engine, &records) {
            tracing::warn!(%error, "the snapshot of the store was not written");
        }
    }
    Ok((OnDisk::new(store, engine, place), records, damage))
}

type Loaded = (Sealed, Vec<Record>, Option<Damage>);

fn open_or_replace(place: &StateDir, engine: Engine, known: bool, now: Time) -> Result<Loaded, StoreError> {
    place.settle(engine)?;
    let dir = place.engine_dir(engine);
    let mut records = Vec::new();
    let wrong = if dir.exists() {
        match load(place, engine, &mut records)? {
            Ok(store) => return Ok((store, records, None)),
            Err(wrong) => Some(wrong),
        }
    } else if known {
        // Either somebody removed it, or a replacement was interrupted between its two renames.
        place.finish_replacement(engine)?;
        if dir.exists() {
            let store = load(place, engine, &mut records)?.map_err(|text| StoreError::Damaged { engine, text })?;
            let found = "a replacement of the damaged store was interrupted".to_owned();
            let damage = Damage { found, kept: place.newest_damaged(engine)?, carried: records.len() };
            return Ok((store, records, Some(damage)));
        }
        Some(format!("{} is missing", dir.display()))
    } else {
        None
    };
    let carried = records.len();
    if wrong.is_some() {
        doubt(&mut records, now);
    }
    place.build(engine, &records)?;
    let damage = match wrong {
        None => None,
        Some(found) => {
            let kept = if dir.exists() { Some(place.set_aside(engine, "damaged", now)?) } else { None };
            Some(Damage { found, kept, carried })
        }
    };
    place.finish_replacement(engine)?;
    let mut records = Vec::new();
    let store = load(place, engine, &mut records)?.map_err(|text| StoreError::Damaged { engine, text })?;
    Ok((store, records, damage))
}

/// Says in a store that is made anew that it is: it is in place from its first moment, whatever crashes after that.
fn doubt(records: &mut Vec<Record>, now: Time) {
    records.retain(|r| !matches!(r, Record::Proven(..)));
    let boot = records.iter_mut().find_map(|r| if let Record::Boot(boot) = r { Some(boot) } else { None });
    match boot {
        Some(boot) => boot.unproven = true,
        None => records.push(Record::Boot(Boot { number: 0, seed: 0, at: now, unproven: true })),
    }
}

/// Opens the store in place and reads every record. The inner error says what is damaged; `records` then holds what is
/// sound.
fn load(place: &StateDir, engine: Engine, records: &mut Vec<Record>) -> Result<Result<Sealed, String>, StoreError> {
    let dir = place.engine_dir(engine);
    let mut found = Found::default();
    // Both engines assert on some kinds of damaged files instead of returning an error.
    let outcome = catch_unwind(AssertUnwindSafe(|| Sealed::open(engine, &dir, &mut found)));
    let Found { records: sound, unsound, broken_seal } = found;
    *records = sound;
    if let Some(found) = unsound.iter().find_map(|u| u.newer) {
        return Err(StoreError::NewerFormat { state_dir: place.path().to_owned(), found });
    }
    let store = match outcome {
        Ok(Ok(store)) => store,
        Ok(Err(error @ StoreError::Damaged { .. })) => return Ok(Err(error.to_string())),
        Ok(Err(error)) => return Err(error),
        Err(panic) => return Ok(Err(format!("{engine} gave up while reading: {}", panic_text(panic.as_ref())))),
    };
    let wrong = match (unsound.first(), broken_seal) {
        (None, None) => return Ok(Ok(store)),
        (Some(first), _) => format!("{} unsound records; the first is {}: {}", unsound.len(), first.key, first.problem),
        (None, Some(broken)) => broken,
    };
    // Closing flushes, which may fail in the same way.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(store)));
    Ok(Err(wrong))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("-")
}

/// A record that does not prove itself.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Unsound {
    /// Its key, readable.
    key: String,
    /// What is wrong with it.
    problem: String,
    /// It says that it is of this newer format.
    newer: Option<u32>,
}

impl Unsound {
    fn new(key: &[u8], damage: &wire::Damage) -> Self {
        Self { key: wire::readable(key), problem: damage.to_string(), newer: damage.newer_format() }
    }
}

/// Finds an engine's main file gone, or emptied.
fn must_hold(engine: Engine, file: &Path) -> Result<(), StoreError> {
    let text = match fs::metadata(file) {
        Ok(meta) if meta.len() > 0 => return Ok(()),
        Ok(_) => format!("{} is empty", file.display()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => format!("{} is missing", file.display()),
        Err(e) => return Err(StoreError::io("looking at", file, e)),
    };
    Err(StoreError::Damaged { engine, text })
}

/// Makes a directory's entries durable.
fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| StoreError::io("syncing", dir, e))
}

/// Size of all files below a directory.
fn bytes_below(dir: &Path) -> Result<u64, StoreError> {
    let mut sum = 0_u64;
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        let entries = fs::read_dir(&next).map_err(|e| StoreError::io("listing", &next, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| StoreError::io("listing", &next, e))?;
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => dirs.push(entry.path()),
                Ok(meta) => sum = sum.saturating_add(meta.len()),
                // Engines remove files while they work.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(StoreError::io("looking at", &entry.path(), e)),
            }
        }
    }
    Ok(sum)
}
