//! kill -9 under write load, and power cuts, on both engines.
//!
//! The test starts itself again as a child that opens the store, writes the batches of the load through the [`Writer`]
//! and prints the number of each acknowledgement. The parent kills it at a random moment, often while it still opens,
//! and compares what is then in the store with a model: all acknowledged batches are there, and nothing of a batch that is
//! not there whole. `SPOTFLEET_KILLS` sets the number of kills per engine (40 by default; `cargo xtask test` sets 300).

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]
#![expect(clippy::print_stdout, reason = "figures for the person who runs it")]

mod store_support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use policies::rng::Stream;
use spotfleet::store::{Batch, Engine, Watchdog, Writer, open};
use store_support::{Model, NOW, advance, copy_tree, last_batch, load_entries};

/// Seed of the load; the same for parent and child.
const SEED: u64 = 20_260_102;

/// Tells the child where to write, with what.
const CHILD: &str = "SPOTFLEET_STORE_CHILD";

/// Not a test by itself: the child's work, when the parent started it.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (engine, dir) = task.split_once(':').unwrap();
    let mut opened = open(Path::new(dir), engine.parse().unwrap(), NOW).unwrap();
    // The parent reads this through a pipe; a captured print would not leave the process.
    let mut out = std::io::stdout().lock();
    if let Some(damage) = opened.damage.take() {
        writeln!(out, "damage {damage}").unwrap();
        return;
    }
    let (mut seq, _) = last_batch(opened.store.as_ref());
    let (writer, mut durable) = Writer::spawn(opened.store, Watchdog::default()).unwrap();
    loop {
        // Up to 30 batches are in the queue, so that commits cover one or many.
        let ahead = 1 + Stream::new(seq, "ahead").below(30);
        for _ in 0..ahead {
            seq += 1;
            writer.blocking_append(seq, load_entries(SEED, seq)).unwrap();
        }
        loop {
            let acked = durable.blocking_recv().unwrap();
            writeln!(out, "ack {acked}").unwrap();
            if acked == seq {
                break;
            }
        }
    }
}

fn start_child(engine: Engine, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{engine}:{}", dir.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child and gives the last acknowledgement it printed. With `writing`, the time runs from its first
/// acknowledgement, else from its start, which hits it while it opens.
fn kill(mut child: Child, writing: bool, delay: Duration) -> Option<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut last = None;
    let mut take = |line: String| {
        assert!(!line.starts_with("damage"), "{line}");
        // A line that the kill cut short is no acknowledgement that we know of.
        if let Some(number) = line.strip_prefix("ack ").and_then(|n| n.parse().ok()) {
            last = Some(number);
            return true;
        }
        false
    };
    if writing {
        for line in lines.by_ref() {
            if take(line) {
                break;
            }
        }
    }
    // The random moment is the test; nothing waits for this to be over.
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        take(line);
    }
    last
}

fn kills() -> u64 {
    std::env::var("SPOTFLEET_KILLS").map_or(40, |n| n.parse().unwrap())
}

fn survives_kills(engine: Engine) {
    let kills = kills();
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Stream::new(SEED, engine.name());
    let (mut model, mut known) = (Model::new(), 0);
    let (mut acknowledged, mut in_open) = (0, 0);
    let began = Instant::now();
    for round in 0..kills {
        let writing = rng.chance(6_700);
        let delay = Duration::from_micros(rng.below(30_000));
        let acked = kill(start_child(engine, dir.path()), writing, delay);
        in_open += u64::from(acked.is_none());
        acknowledged = acknowledged.max(acked.unwrap_or(0));
        let opened = open(dir.path(), engine, NOW).unwrap();
        assert_eq!(opened.damage, None, "{engine}, kill {round}");
        let (last, held) = last_batch(opened.store.as_ref());
        assert!(last >= acknowledged, "{engine}, kill {round}: {acknowledged} was acknowledged, {last} is the last");
        advance(&mut model, SEED, known, last);
        known = last;
        assert!(held == model, "{engine}, kill {round}: the store is not what batches 1 to {last} make");
    }
    println!(
        "{engine}: {kills} kills, {in_open} before any write, {known} batches, 0 lost, 0 torn, {:?}",
        began.elapsed()
    );
    assert!(known > 0, "the load writes something");
}

#[test]
fn sled_survives_kill_9() {
    survives_kills(Engine::Sled);
}

#[test]
fn redb_survives_kill_9() {
    survives_kills(Engine::Redb);
}

/// The first start makes the store in several steps; a kill between any two leaves something that opens.
#[test]
fn a_kill_during_the_first_start_is_survived() {
    for engine in Engine::ALL {
        let mut rng = Stream::new(SEED, "first start");
        for round in 0..kills() / 4 {
            let dir = tempfile::tempdir().unwrap();
            let acked = kill(start_child(engine, dir.path()), false, Duration::from_micros(rng.below(25_000)));
            let opened = open(dir.path(), engine, NOW).unwrap();
            assert_eq!(opened.damage, None, "{engine}, kill {round}");
            assert!(last_batch(opened.store.as_ref()).0 >= acked.unwrap_or(0), "{engine}, kill {round}");
        }
    }
}

/// The files are copied when a commit has returned, while the store stays open: what a disk has at the least after a
/// power cut at that moment. `store_power.rs` tries what else it may have.
fn survives_power_cuts(engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Stream::new(SEED, "power");
    let mut store = open(dir.path(), engine, NOW).unwrap().store;
    let (mut model, mut known, mut seq) = (Model::new(), 0, 0);
    for cut in 0..kills() {
        for _ in 0..1 + rng.below(20) {
            seq += 1;
            store.apply(&Batch::of(&load_entries(SEED, seq)).unwrap()).unwrap();
        }
        store.commit().unwrap();
        advance(&mut model, SEED, known, seq);
        known = seq;
        let copy = tempfile::tempdir().unwrap();
        copy_tree(dir.path(), copy.path());
        let opened = open(copy.path(), engine, NOW).unwrap();
        assert_eq!(opened.damage, None, "{engine}, cut {cut}");
        assert!(last_batch(opened.store.as_ref()) == (known, model.clone()), "{engine}, cut {cut}");
    }
}

#[test]
fn sled_survives_power_cuts() {
    survives_power_cuts(Engine::Sled);
}

#[test]
fn redb_survives_power_cuts() {
    survives_power_cuts(Engine::Redb);
}
