//! A year of ticks stays small.
//!
//! What a fleet writes at each tick (its memory, its hour of demand) and now and then (notes, closures, machines that come
//! and go), for a year of ticks of 10 s and two fleets: 3.15 million ticks. `SPOTFLEET_YEAR_PERCENT` sets how much of the
//! year is written (1 by default, 100 for the whole). The history of hours and the ring of notes are filled first, so that every
//! part of the year starts with as much data as there ever is.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]
#![expect(clippy::print_stdout, reason = "figures for the person who runs it")]

mod store_support;

use policies::control::decisions::{DECISION_PARTS, DecisionPart, KeptStep, Part};
use policies::control::ledger::{Boot, Intent, Machine, NOTES, Note};
use policies::control::{Entry, Key, Record};
use policies::demand::{HISTORY_HOURS, Hour};
use policies::model::{FleetName, Market, Pool};
use policies::plan::{Action, LaunchWhy, Memory, PEAKS};
use policies::report::{Because, Refused};
use policies::units::{Capacity, PricePerHour, Span, Time, UnitPrice};
use spotfleet::store::{Batch, Engine, StateStore, open};
use store_support::NOW;

const TICK: Span = Span::from_secs(10);
const TICKS_PER_YEAR: u64 = 365 * 24 * 360;
const FLEETS: [&str; 2] = ["llm-batch", "render"];

fn hour(fleet: &str, number: i64) -> Entry {
    let hour = Hour { sum_milli: 123_456_789, readings: 360, peak: Capacity::units(97) };
    Entry::Put(Record::Hour(fleet.into(), number, hour))
}

fn note(number: u64, at: Time) -> Entry {
    let text =
        "launched 3 of 3 g5.xlarge in aws/us-east-1/us-east-1a for 0.3100 an hour each, to replace a bridge".to_owned();
    Entry::Put(Record::Note(Note {
        number,
        at,
        fleet: Some(FLEETS[0].into()),
        what: "launched",
        text,
        decision: Some(number),
    }))
}

/// A part of a decision as it mostly is: a step with its alternatives, as long as those of a real cloud.
fn part(decision: u64, number: u32) -> Entry {
    let pool = |zone| Pool::new("aws", "us-east-1", zone, "g5.xlarge", Market::Spot);
    let refused = ["us-east-1b", "us-east-1c", "us-east-1d"].map(|zone| Refused {
        pool: pool(zone),
        per_unit: Some(UnitPrice::from_nanos(312_300_000)),
        because: Because::Worse,
    });
    let step = KeptStep {
        action: Action::Launch {
            pool: pool("us-east-1a"),
            spec: "llm-batch/0".into(),
            count: 3,
            units: Capacity::ONE,
            price: PricePerHour::from_micros(310_000),
            why: LaunchWhy::Spot,
        },
        reason: "of 40 spot 3 lacks".to_owned(),
        adds: PricePerHour::from_micros(930_000),
        saves: PricePerHour::ZERO,
        refused: refused.into(),
        token: Some(format!("sf-0123456789abcdef-{decision}").into()),
    };
    Entry::Put(Record::Decision(DecisionPart { decision, number, part: Part::Step(Box::new(step)) }))
}

/// Decisions of four parts that are kept.
const DECISIONS: u64 = DECISION_PARTS as u64 / 4;

/// All that is ever kept.
fn full() -> Vec<Entry> {
    let first = hour_of(NOW) - i64::try_from(HISTORY_HOURS).unwrap();
    let hours = FLEETS.iter().flat_map(|fleet| (first..hour_of(NOW)).map(|number| hour(fleet, number)));
    let notes = (0..NOTES).map(|number| note(number, NOW));
    let boot = Entry::Put(Record::Boot(Boot { number: 1, seed: 2, at: NOW, unproven: false }));
    let decisions = (0..DECISIONS).flat_map(|decision| (0..4).map(move |number| part(decision, number)));
    std::iter::once(boot).chain(hours).chain(notes).chain(decisions).collect()
}

fn hour_of(at: Time) -> i64 {
    at.as_millis().div_euclid(3_600_000)
}

/// What tick number `tick` writes.
fn batch(tick: u64) -> Vec<Entry> {
    let now = NOW.plus(TICK.times(tick));
    let mut entries = Vec::new();
    for fleet in FLEETS {
        let name = FleetName::from(fleet);
        let peaks = (0..PEAKS).map(|n| {
            let n = u64::try_from(n).unwrap();
            (now.plus(TICK.times(n)), Capacity::units(1_000 - n))
        });
        let memory = Memory {
            target: Some(Capacity::units(tick % 90)),
            raised_at: Some(now),
            lowered_at: Some(now),
            peaks: peaks.collect(),
            watched_since: Some(NOW),
            short_since: None,
            launches: Vec::new(),
            outcomes: Vec::new(),
            on_trial: false,
            moves: Vec::new(),
            disturbed_at: None,
        };
        entries.push(Entry::Put(Record::Memory(name.clone(), memory)));
        entries.push(hour(fleet, hour_of(now)));
        // The first tick of an hour forgets the hour that falls out of the history.
        if tick.is_multiple_of(360) {
            let gone = hour_of(now) - i64::try_from(HISTORY_HOURS).unwrap();
            entries.push(Entry::Forget(Key::Hour(name, gone)));
        }
    }
    // Each minute the newest decision without deeds takes the place of the one before.
    if tick.is_multiple_of(6) {
        let newest = u64::MAX / 2 + tick;
        entries.push(part(newest, 0));
        if let Some(before) = newest.checked_sub(6) {
            entries.push(Entry::Forget(Key::Decision(before, 0)));
        }
    }
    // Every 5 minutes something happens: a launch is promised, and kept at the next tick; the machine goes after 8 h.
    let pool = Pool::new("aws", "us-east-1", "us-east-1a", "g5.xlarge", Market::Spot);
    let intent = |at: u64| Intent {
        token: format!("sf-0123456789abcdef-{at}").into(),
        fleet: FLEETS[0].into(),
        pool: pool.clone(),
        spec: "llm-batch/0".into(),
        count: 1,
        units: Capacity::ONE,
        price: PricePerHour::from_micros(310_000),
        at: now,
    };
    let machine = |at: u64| Machine {
        id: format!("i-{at:017x}").into(),
        fleet: FLEETS[0].into(),
        pool: pool.clone(),
        units: Capacity::ONE,
        price: PricePerHour::from_micros(310_000),
        born: now,
        token: Some(intent(at).token),
        ready: None,
        adopted: false,
        leaving: None,
    };
    match tick % 30 {
        0 => {
            entries.push(Entry::Put(Record::Intent(intent(tick))));
            let decision = DECISIONS + tick / 30;
            entries.extend((0..4).map(|number| part(decision, number)));
            entries.extend((0..4).map(|number| Entry::Forget(Key::Decision(decision - DECISIONS, number))));
        }
        1 => {
            entries.push(Entry::Forget(Key::Intent(intent(tick - 1).token)));
            entries.push(Entry::Put(Record::Machine(machine(tick - 1))));
            let number = NOTES + tick / 30;
            entries.push(note(number, now));
            entries.push(Entry::Forget(Key::Note(number - NOTES)));
            if let Some(old) = (tick - 1).checked_sub(2_880) {
                entries.push(Entry::Forget(Record::Machine(machine(old)).key()));
            }
        }
        _ => {}
    }
    entries
}

fn a_year_stays_small(engine: Engine, limit: u64) {
    let percent = std::env::var("SPOTFLEET_YEAR_PERCENT").map_or(1, |n| n.parse().unwrap());
    let ticks = TICKS_PER_YEAR * percent / 100;
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), engine, NOW).unwrap().store;
    for part in full().chunks(500) {
        store.apply(&Batch::of(part).unwrap()).unwrap();
        store.commit().unwrap();
    }
    let live = live_bytes(store.as_ref());
    let (before, mut peak) = (store.bytes_on_disk().unwrap(), 0);
    let mut halfway = 0;
    for tick in 0..ticks {
        store.apply(&Batch::of(&batch(tick)).unwrap()).unwrap();
        // As many as may share a commit.
        if tick % 20 == 19 {
            store.commit().unwrap();
        }
        if tick.is_multiple_of(1_000) {
            peak = peak.max(store.bytes_on_disk().unwrap());
        }
        if tick == ticks / 2 {
            halfway = store.bytes_on_disk().unwrap();
        }
    }
    store.commit().unwrap();
    let after = store.bytes_on_disk().unwrap();
    drop(store);
    let began = std::time::Instant::now();
    let opened = open(dir.path(), engine, NOW).unwrap();
    println!(
        "{engine}: {ticks} ticks; live {} kB; on disk {} kB filled, {} kB halfway, {} kB at the end, {} kB at most; opened \
         in {:?}",
        live / 1_000,
        before / 1_000,
        halfway / 1_000,
        after / 1_000,
        peak / 1_000,
        began.elapsed()
    );
    assert_eq!(opened.damage, None);
    assert!(peak.max(after) <= limit, "{engine}: {peak} bytes at most, {after} at the end");
}

fn live_bytes(store: &dyn StateStore) -> usize {
    store_support::contents(store).iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Compaction begins at 16 MB and 8 times the 5 MB that are live, looked at every 1,000 commits.
#[test]
fn a_year_on_sled_stays_small() {
    a_year_stays_small(Engine::Sled, 62_000_000);
}

#[test]
fn a_year_on_redb_stays_small() {
    a_year_stays_small(Engine::Redb, 12_000_000);
}
