//! `spotfleet store info|export|import|check`.
//!
//! The command line nests [`StoreCommand`] under `store`, finds the state directory and the engine (configuration or
//! flags) and calls [`run`], which writes to the given output. `Ok(Verdict::Findings)` is exit code 1 with everything said on
//! the output already; an error is exit code 1 with the error to be printed. Each verb is also a plain function.
//!
//! All of them need the state directory's lock: the daemon must not run on it. `info`, `export` and `check` take the
//! engine that is there and replace nothing; what is damaged is named, and `export` writes what is sound.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use policies::control::Record;
use policies::units::Time;
use serde::Serialize;

use super::seal::{Found, Sealed};
use super::state_dir::StateDir;
use super::wire::Kind;
use super::{Engine, FORMAT, StoreError, bytes_below, check, transfer};

/// Looks at, copies and checks the state store. The daemon must not be running on it.
#[derive(Clone, PartialEq, Eq, Debug, clap::Subcommand)]
pub enum StoreCommand {
    /// Say what the store holds: engine, format, records of each kind, size, last start
    Info,
    /// Write every record as JSON lines, in a stable order
    Export {
        /// Write to this new file instead of the standard output
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Fill an empty store from an export; the way to move to another engine
    ///
    /// The store is made with the engine of the configuration. A store of the other engine is set aside.
    Import {
        /// The export; `-` reads the standard input
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
    /// Check that every record is sound and that they make sense together
    Check,
}

/// How a verb ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// All is well.
    Well,
    /// It ran, and found something wrong: exit code 1.
    Findings,
}

/// What the verbs work on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The state directory.
    pub state_dir: &'a Path,
    /// The engine of the configuration: what an import makes.
    pub engine: Engine,
    /// Now; names what is set aside.
    pub now: Time,
    /// Print `info` and `check` as JSON.
    pub json: bool,
}

/// Runs a verb.
///
/// # Errors
/// What kept it from running.
pub fn run(command: &StoreCommand, subject: Subject<'_>, out: &mut dyn Write) -> Result<Verdict, StoreError> {
    let written = |e| StoreError::io("writing", "the output".as_ref(), e);
    match command {
        StoreCommand::Info => {
            let info = info(subject.state_dir)?;
            if subject.json { write_json(out, &info) } else { write_info(out, &info) }.map_err(written)?;
            Ok(if info.problems == 0 { Verdict::Well } else { Verdict::Findings })
        }
        StoreCommand::Export { to: None } => export(subject.state_dir, out),
        StoreCommand::Export { to: Some(file) } => {
            let io = |doing| move |e| StoreError::io(doing, file, e);
            let mut content = Vec::new();
            let verdict = export(subject.state_dir, &mut content)?;
            // An export is not to be lost by a slip: a file that is there stays.
            let mut to = OpenOptions::new().write(true).create_new(true).open(file).map_err(io("making"))?;
            to.write_all(&content).and_then(|()| to.sync_all()).map_err(io("writing"))?;
            Ok(verdict)
        }
        StoreCommand::Import { from } => {
            let imported = if from.as_os_str() == "-" {
                import(subject, &mut io::stdin().lock())?
            } else {
                let file = File::open(from).map_err(|e| StoreError::io("opening", from, e))?;
                import(subject, &mut BufReader::new(file))?
            };
            writeln!(out, "imported {} records into {}", imported.records, subject.engine).map_err(written)?;
            if let Some(old) = imported.set_aside {
                writeln!(out, "the store of the other engine is kept as {}", old.display()).map_err(written)?;
            }
            Ok(Verdict::Well)
        }
        StoreCommand::Check => {
            let checked = check(subject.state_dir)?;
            if subject.json { write_json(out, &checked) } else { write_checked(out, &checked) }.map_err(written)?;
            Ok(if checked.findings.is_empty() { Verdict::Well } else { Verdict::Findings })
        }
    }
}

/// A store as it is found, closed again.
struct Inspected {
    place: StateDir,
    engine: Engine,
    found: Found,
}

fn inspect(state_dir: &Path) -> Result<Inspected, StoreError> {
    let none = || StoreError::NoStore { state_dir: state_dir.to_owned() };
    if !state_dir.exists() {
        return Err(none());
    }
    let place = StateDir::lock(state_dir)?;
    let engine = place.engine()?.ok_or_else(none)?;
    place.settle(engine)?;
    let dir = place.engine_dir(engine);
    if !dir.exists() {
        return Err(none());
    }
    let mut found = Found::default();
    catch_unwind(AssertUnwindSafe(|| Sealed::open(engine, &dir, &mut found).map(drop)))
        .unwrap_or_else(|_| Err(StoreError::Damaged { engine, text: "it gave up while reading".to_owned() }))?;
    Ok(Inspected { place, engine, found })
}

/// The sound records of a store, for a reader that plans with them and changes nothing.
///
/// # Errors
/// It is in use, missing or not readable.
pub fn records(state_dir: &Path) -> Result<Vec<Record>, StoreError> {
    Ok(inspect(state_dir)?.found.records)
}

/// What a store holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Info {
    /// The engine's name.
    pub engine: &'static str,
    /// Format of the store.
    pub format: u32,
    /// Records of each kind, by its name.
    pub records: BTreeMap<&'static str, usize>,
    /// Records that are not sound, and a broken seal; `check` names them.
    pub problems: usize,
    /// Size of the engine's files.
    pub bytes_on_disk: u64,
    /// Number of the last start, and when it was, in ms since the epoch.
    pub last_boot: Option<(u64, i64)>,
    /// Stores that were set aside.
    pub set_aside: Vec<PathBuf>,
}

/// Looks at a store.
///
/// # Errors
/// It is in use, missing or not readable.
pub fn info(state_dir: &Path) -> Result<Info, StoreError> {
    let found = inspect(state_dir)?;
    let mut records: BTreeMap<_, _> = Kind::ALL.into_iter().map(|k| (k.name(), 0)).collect();
    for record in &found.found.records {
        *records.entry(Kind::of(record).name()).or_default() += 1;
    }
    let last_boot = found.found.records.iter().find_map(|r| match r {
        Record::Boot(boot) => Some((boot.number, boot.at.as_millis())),
        _ => None,
    });
    Ok(Info {
        engine: found.engine.name(),
        format: FORMAT,
        records,
        problems: found.found.problems().len(),
        bytes_on_disk: bytes_below(&found.place.engine_dir(found.engine))?,
        last_boot,
        set_aside: found.place.set_aside_stores()?,
    })
}

/// Writes an export of a store. [`Verdict::Findings`]: not all is sound; what is not was left out
/// and logged.
///
/// # Errors
/// It is in use, missing or not readable; or the output failed.
pub fn export(state_dir: &Path, out: &mut dyn Write) -> Result<Verdict, StoreError> {
    let found = inspect(state_dir)?;
    transfer::write(out, found.engine, &found.found.records)
        .map_err(|e| StoreError::io("writing", "the output".as_ref(), e))?;
    let problems = found.found.problems();
    for problem in &problems {
        tracing::error!(problem, "the export holds what is sound, and not all is");
    }
    Ok(if problems.is_empty() { Verdict::Well } else { Verdict::Findings })
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// Records written.
    pub records: usize,
    /// Where the store of the other engine is kept.
    pub set_aside: Option<PathBuf>,
}

/// Makes a store of the subject's engine from an export, whole or not at all. A store of the other engine is set aside.
///
/// # Errors
/// [`StoreError::NotEmpty`]: the engine's store holds records already. [`StoreError::BadExport`]. Or the disk failed.
pub fn import(subject: Subject<'_>, from: &mut dyn BufRead) -> Result<Imported, StoreError> {
    let Subject { state_dir, engine, now, .. } = subject;
    let place = StateDir::lock(state_dir)?;
    let records = transfer::read(from)?;
    let dir = place.engine_dir(engine);
    let counts = place.engine()?;
    if dir.exists() {
        if counts == Some(engine) {
            let mut there = Found::default();
            drop(Sealed::open(engine, &dir, &mut there)?);
            let records = there.records.len() + there.unsound.len();
            if records > 0 {
                return Err(StoreError::NotEmpty { state_dir: state_dir.to_owned(), engine, records });
            }
        }
        // Empty, or left over from an import that was cut off.
        place.set_aside(engine, "replaced", now)?;
    }
    place.build(engine, &records)?;
    place.finish_replacement(engine)?;
    // From here on the new store counts.
    place.write_format(engine)?;
    let set_aside = match counts {
        Some(old) if old != engine && place.engine_dir(old).exists() => Some(place.set_aside(old, "replaced", now)?),
        _ => None,
    };
    Ok(Imported { records: records.len(), set_aside })
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// Sound records.
    pub records: usize,
    /// What is wrong, one sentence each; empty when all is well.
    pub findings: Vec<String>,
}

/// Checks a store.
///
/// # Errors
/// It is in use, missing or not readable.
pub fn check(state_dir: &Path) -> Result<Checked, StoreError> {
    let found = inspect(state_dir)?;
    let mut findings = found.found.problems();
    findings.extend(check::findings(&found.found.records));
    Ok(Checked { records: found.found.records.len(), findings })
}

fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn write_info(out: &mut dyn Write, info: &Info) -> io::Result<()> {
    writeln!(out, "engine        {}", info.engine)?;
    writeln!(out, "format        {}", info.format)?;
    writeln!(out, "size on disk  {} kB", info.bytes_on_disk.div_ceil(1_000))?;
    match info.last_boot {
        Some((number, at)) => {
            let time = jiff::Timestamp::from_millisecond(at).map_or_else(|_| format!("{at} ms"), |t| t.to_string());
            writeln!(out, "last start    number {number}, {time}")?;
        }
        None => writeln!(out, "last start    none")?,
    }
    writeln!(out, "records")?;
    for kind in Kind::ALL {
        writeln!(out, "  {:<12}{}", kind.name(), info.records.get(kind.name()).unwrap_or(&0))?;
    }
    if info.problems > 0 {
        writeln!(out, "problems      {} (`spotfleet store check` names them)", info.problems)?;
    }
    for path in &info.set_aside {
        writeln!(out, "set aside     {}", path.display())?;
    }
    Ok(())
}

fn write_checked(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    for finding in &checked.findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out, "{} records, {} findings", checked.records, checked.findings.len())
}
