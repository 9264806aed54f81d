//! Power cuts, at the level of system calls.
//!
//! A child writes the load under `strace`, which records every write, truncation, rename and sync with its content. From
//! that, disks are put together as a power cut at any moment may leave them: what was synced is there, and of what was
//! written later
//! * nothing ([`Rest::Nothing`]),
//! * the writes up to some point, in their order ([`Rest::Start`]): a disk that keeps its order, or that does not say
//!   "written" before it is durable, as the block storage of the clouds,
//! * any sectors ([`Rest::Any`]): a disk with a volatile cache that writes back as it likes.
//!
//! Renames and removals are taken as durable in order, as a journalling file system has them.
//!
//! Needs `strace` and the right to trace a child; says so where it has not, and tries nothing then:
//! `cargo test -p spotfleet --test store_power -- --ignored --nocapture`. `SPOTFLEET_CUTS` sets the number of moments.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]
#![expect(clippy::print_stdout, reason = "figures for the person who runs it")]

mod store_support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use policies::rng::Stream;
use spotfleet::store::{Engine, Watchdog, Writer, open};
use store_support::{Model, NOW, advance, last_batch, load_entries};

const SEED: u64 = 20_260_102;
const CHILD: &str = "SPOTFLEET_POWER_CHILD";

/// Batches that the child writes.
const BATCHES: u64 = 600;

/// Not a test by itself: the child's work, when the parent started it.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (engine, dir) = task.split_once(':').unwrap();
    let opened = open(Path::new(dir), engine.parse().unwrap(), NOW).unwrap();
    let mut out = std::io::stdout().lock();
    let (writer, mut durable) = Writer::spawn(opened.store, Watchdog::default()).unwrap();
    let mut seq = 0;
    while seq < BATCHES {
        for _ in 0..1 + Stream::new(seq, "ahead").below(30) {
            seq += 1;
            writer.blocking_append(seq, load_entries(SEED, seq)).unwrap();
        }
        let mut acked = 0;
        while acked < seq {
            acked = durable.blocking_recv().unwrap();
            writeln!(out, "ack {acked}").unwrap();
        }
    }
    // Closing would sync once more.
    std::process::exit(0);
}

/// One thing that happened to the disk.
#[derive(Debug)]
enum Event {
    Create { path: PathBuf, emptied: bool },
    Change { path: PathBuf, change: Change },
    SyncBegins { process: String, path: PathBuf },
    SyncEnds { process: String, path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    Acknowledged(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Append { bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rest {
    Nothing,
    Start,
    Any,
}

/// Turns `\x2f\x74` into bytes.
fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(&hex[..2], 16).unwrap()).collect()
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(String::from_utf8(unhex(text)).unwrap())
}

/// The parts of a call's arguments between these two signs, in order.
fn between(text: &str, open: char, close: char) -> Vec<&str> {
    text.split(open).skip(1).step_by(if open == close { 2 } else { 1 }).filter_map(|p| p.split(close).next()).collect()
}

fn parse(log: &str, state_dir: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    let mut begun = BTreeMap::<String, String>::new();
    for line in log.lines() {
        let (process, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let mut call = rest.to_owned();
        if let Some((start, _)) = rest.split_once(" <unfinished ...>") {
            if let Some(syncing) = sync_of(start) {
                events.push(Event::SyncBegins { process: process.to_owned(), path: syncing });
            }
            begun.insert(process.to_owned(), start.to_owned());
            continue;
        }
        let resumed = rest.starts_with("<... ");
        if resumed {
            let (_, end) = rest.split_once("resumed>").unwrap();
            call = format!("{}{end}", begun.remove(process).unwrap());
        }
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let Some((arguments, result)) = arguments.rsplit_once(" = ") else { continue };
        let arguments = arguments.trim_end();
        if result.starts_with('-') || result.starts_with('?') {
            continue;
        }
        let strings = between(arguments, '"', '"');
        let file = || path(between(arguments, '<', '>')[0]);
        let numbers = || {
            let tail = arguments.rsplit_once('"').map_or(arguments, |(_, tail)| tail);
            let numbers: Vec<usize> =
                tail.trim_end_matches(')').split(", ").filter_map(|n| n.trim().parse().ok()).collect();
            numbers
        };
        let event = match name {
            "openat" if arguments.contains("O_CREAT") => {
                Event::Create { path: path(strings[0]), emptied: arguments.contains("O_TRUNC") }
            }
            "pwrite64" => {
                Event::Change { path: file(), change: Change::Write { at: numbers()[1], bytes: unhex(strings[0]) } }
            }
            "write" if arguments.starts_with("1<") => {
                let text = String::from_utf8(unhex(strings[0])).unwrap();
                match text.strip_prefix("ack ").and_then(|n| n.trim().parse().ok()) {
                    Some(number) => Event::Acknowledged(number),
                    None => continue,
                }
            }
            "write" => Event::Change { path: file(), change: Change::Append { bytes: unhex(strings[0]) } },
            "ftruncate" => Event::Change { path: file(), change: Change::Length(numbers()[0]) },
            "rename" => Event::Rename { from: path(strings[0]), to: path(strings[1]) },
            "unlink" => Event::Remove { path: path(strings[0]) },
            "fsync" | "fdatasync" => {
                if !resumed {
                    events.push(Event::SyncBegins { process: process.to_owned(), path: file() });
                }
                Event::SyncEnds { process: process.to_owned(), path: file() }
            }
            "openat" | "mkdir" | "sync_file_range" => continue,
            other => panic!("{other} is not understood"),
        };
        let concerns = match &event {
            Event::Acknowledged(_) => true,
            Event::Create { path, .. }
            | Event::Change { path, .. }
            | Event::SyncBegins { path, .. }
            | Event::SyncEnds { path, .. }
            | Event::Remove { path }
            | Event::Rename { from: path, .. } => path.starts_with(state_dir),
        };
        if concerns {
            events.push(event);
        }
    }
    events
}

/// The file of a sync that has begun.
fn sync_of(start: &str) -> Option<PathBuf> {
    let (name, arguments) = start.split_once('(')?;
    (name == "fsync" || name == "fdatasync").then(|| path(between(arguments, '<', '>')[0]))
}

#[derive(Clone, Debug, Default)]
struct Content {
    durable: Vec<u8>,
    /// Changes that were not synced, each with its number in the order of all.
    pending: Vec<(usize, Change)>,
}

fn change(bytes: &mut Vec<u8>, change: &Change, mut keep: impl FnMut() -> bool) {
    const SECTOR: usize = 512;
    let (mut at, new) = match change {
        Change::Length(length) => {
            if keep() {
                bytes.resize(*length, 0);
            }
            return;
        }
        Change::Write { at, bytes } => (*at, bytes),
        Change::Append { bytes: new } => (bytes.len(), new),
    };
    let mut left = new.as_slice();
    while !left.is_empty() {
        let (part, rest) = left.split_at(left.len().min(SECTOR - at % SECTOR));
        if keep() {
            bytes.resize(bytes.len().max(at + part.len()), 0);
            bytes[at..at + part.len()].copy_from_slice(part);
        }
        at += part.len();
        left = rest;
    }
}

#[derive(Default)]
struct Disk {
    files: BTreeMap<PathBuf, Content>,
    syncs: BTreeMap<String, usize>,
    changes: usize,
}

impl Disk {
    fn happen(&mut self, event: &Event) {
        match event {
            Event::Create { path, emptied } => {
                let content = self.files.entry(path.clone()).or_default();
                if *emptied {
                    *content = Content::default();
                }
            }
            Event::Change { path, change } => {
                self.changes += 1;
                self.files.entry(path.clone()).or_default().pending.push((self.changes, change.clone()));
            }
            Event::SyncBegins { process, path } => {
                let pending = self.files.get(path).map_or(0, |c| c.pending.len());
                self.syncs.insert(process.clone(), pending);
            }
            Event::SyncEnds { process, path } => {
                let covered = self.syncs.remove(process).unwrap_or(0);
                if let Some(content) = self.files.get_mut(path) {
                    // Another sync may have ended meanwhile.
                    let covered = covered.min(content.pending.len());
                    for (_, pending) in content.pending.drain(..covered) {
                        change(&mut content.durable, &pending, || true);
                    }
                }
            }
            Event::Rename { from, to } => {
                let moved: Vec<_> = self.files.keys().filter(|p| p.starts_with(from)).cloned().collect();
                for path in moved {
                    let content = self.files.remove(&path).unwrap();
                    // Joining nothing would add a slash.
                    let rest = path.strip_prefix(from).unwrap();
                    let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    self.files.insert(target, content);
                }
            }
            Event::Remove { path } => {
                self.files.remove(path);
            }
            Event::Acknowledged(_) => {}
        }
    }

    /// Writes the disk after a power cut.
    fn leave(&self, from: &Path, to: &Path, rest: Rest, rng: &mut Stream) {
        let oldest = self.files.values().filter_map(|c| c.pending.first()).map(|(n, _)| *n).min().unwrap_or(0);
        let span = u64::try_from(self.changes + 1 - oldest.min(self.changes)).unwrap();
        let end = oldest + usize::try_from(rng.below(span + 1)).unwrap();
        for (path, content) in &self.files {
            let mut bytes = content.durable.clone();
            for (number, pending) in &content.pending {
                change(&mut bytes, pending, || match rest {
                    Rest::Nothing => false,
                    Rest::Start => *number < end,
                    Rest::Any => rng.chance(5_000),
                });
            }
            let target = to.join(path.strip_prefix(from).unwrap());
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, bytes).unwrap();
        }
        // sled wants it, and it is empty.
        if to.join("sled").exists() {
            std::fs::create_dir_all(to.join("sled/blobs")).unwrap();
        }
    }
}

fn trace(engine: Engine, dir: &Path) -> Vec<Event> {
    let log = dir.join("log");
    let state_dir = dir.join("state");
    let calls = "openat,pwrite64,write,pwritev,pwritev2,writev,ftruncate,fallocate,rename,renameat,renameat2,unlink,\
                 unlinkat,mkdir,fsync,fdatasync,sync_file_range";
    let status = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "4000000", "-e"])
        .arg(format!("trace={calls}"))
        .arg("-o")
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{engine}:{}", state_dir.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    parse(&std::fs::read_to_string(log).unwrap(), &state_dir)
}

fn survives(engine: Engine) {
    let traced = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !traced.is_ok_and(|status| status.success()) {
        println!("{engine}: NOT RUN: strace is missing, or may not trace here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("state");
    let events = trace(engine, dir.path());
    let cuts: u64 = std::env::var("SPOTFLEET_CUTS").map_or(50, |n| n.parse().unwrap());
    let mut rng = Stream::new(SEED, engine.name());
    // As many moments in all as were asked for, for each sort of disk.
    let moments: std::collections::BTreeSet<u64> =
        (0..cuts).map(|_| rng.below(u64::try_from(events.len()).unwrap())).collect();
    let mut disk = Disk::default();
    let (mut acknowledged, mut model, mut known) = (0, Model::new(), 0);
    // Whole, whole and with more than was acknowledged, whole after an alarm, lost with an alarm.
    let mut table = BTreeMap::<Rest, [u64; 4]>::new();
    for (number, event) in events.iter().enumerate() {
        disk.happen(event);
        if let Event::Acknowledged(seq) = event {
            acknowledged = *seq;
        }
        if !moments.contains(&u64::try_from(number).unwrap()) {
            continue;
        }
        advance(&mut model, SEED, known, acknowledged);
        known = acknowledged;
        for rest in [Rest::Nothing, Rest::Start, Rest::Any] {
            let after = tempfile::tempdir().unwrap();
            disk.leave(&state_dir, after.path(), rest, &mut rng);
            let opened = open(after.path(), engine, NOW).unwrap();
            let (last, held) = last_batch(opened.store.as_ref());
            let mut expected = model.clone();
            advance(&mut expected, SEED, known, last.max(known));
            let whole = last >= acknowledged && held == expected;
            let row = table.entry(rest).or_default();
            match (whole, opened.damage) {
                (true, None) => row[usize::from(last > acknowledged)] += 1,
                (true, Some(_)) => row[2] += 1,
                (false, Some(damage)) => {
                    row[3] += 1;
                    println!("{engine}, {rest:?}, event {number}: {last} of {acknowledged}: {}", damage.found);
                }
                (false, None) => panic!("{engine}, {rest:?}, event {number}: {last} of {acknowledged}, and no alarm"),
            }
        }
    }
    for (rest, [whole, more, alarmed, lost]) in &table {
        println!(
            "{engine} {rest:?}: {whole} whole, {more} whole with more, {alarmed} whole after an alarm, {lost} lost"
        );
    }
    assert!(table[&Rest::Start][1] > 0, "some cuts fall between a write and its acknowledgement");
    for row in table.values() {
        assert_eq!(row[2..], [0, 0], "nothing is lost, and no alarm is false");
    }
}

#[test]
#[ignore = "needs strace"]
fn sled_survives_power_cuts_at_any_system_call() {
    survives(Engine::Sled);
}

#[test]
#[ignore = "needs strace"]
fn redb_survives_power_cuts_at_any_system_call() {
    survives(Engine::Redb);
}
