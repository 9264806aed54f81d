//! What the tests of the store share: random records, and a model of what a store must hold.

#![expect(dead_code, reason = "each test binary uses its part")]
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

use std::collections::BTreeMap;
use std::path::Path;

use policies::budget::Spend;
use policies::control::ledger::{Boot, Intent, Leaving, Machine, Note, Orphan, WORDS};
use policies::control::orders::{Override, Setting};
use policies::control::{Entry, Record};
use policies::demand::Hour;
use policies::failure::FailureKind;
use policies::model::{Lane, Market, Pool};
use policies::plan::{Cause, Closure, Memory, Outcomes, PEAKS, Place};
use policies::rng::Stream;
use policies::units::{Capacity, Money, PricePerHour, Time};
use spotfleet::store::{Batch, Op, StateStore, wire};

/// A moment for what is set aside: 2026-01-02T03:04:05Z.
pub(crate) const NOW: Time = Time::from_millis(1_767_323_045_000);

/// A small number, for choices.
pub(crate) fn pick(rng: &mut Stream, below: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(below).unwrap())).unwrap()
}

/// A record with every field drawn: names of any script, empty, with zeros, slashes and quotes; numbers at their ends.
pub(crate) fn record(rng: &mut Stream) -> Record {
    match rng.below(11) {
        0 => Record::Boot(Boot { number: number(rng), seed: number(rng), at: time(rng), unproven: rng.chance(5_000) }),
        1 => Record::Intent(Intent {
            token: text(rng).into(),
            fleet: text(rng).into(),
            pool: pool(rng),
            spec: text(rng).into(),
            count: small(rng),
            units: Capacity::from_milli(number(rng)),
            price: PricePerHour::from_micros(number(rng)),
            at: time(rng),
        }),
        2 => Record::Machine(machine(rng)),
        10 => {
            Record::Orphan(Orphan { id: text(rng).into(), fleet: text(rng).into(), pool: pool(rng), since: time(rng) })
        }
        9 => Record::Spend(
            text(rng).into(),
            Spend {
                at: time(rng),
                day: number(rng).cast_signed(),
                in_day: Money::from_micros(number(rng).cast_signed()),
                month: number(rng).cast_signed(),
                in_month: Money::from_micros(number(rng).cast_signed()),
            },
        ),
        8 => Record::Proven(text(rng).into(), Lane { provider: text(rng).into(), region: text(rng).into() }),
        7 => Record::Override(Override {
            fleet: text(rng).into(),
            setting: setting(rng),
            by: text(rng),
            why: text(rng),
            at: time(rng),
            until: option(rng, time),
        }),
        3 => Record::Memory(
            text(rng).into(),
            Memory {
                target: option(rng, number).map(Capacity::from_milli),
                raised_at: option(rng, time),
                lowered_at: option(rng, time),
                peaks: (0..pick(rng, PEAKS + 1)).map(|_| (time(rng), Capacity::from_milli(number(rng)))).collect(),
                watched_since: option(rng, time),
                short_since: option(rng, time),
                launches: (0..pick(rng, 4)).map(|_| (time(rng), small(rng))).collect(),
                outcomes: (0..pick(rng, 4))
                    .map(|_| (time(rng), Outcomes { ready: small(rng), failed: small(rng) }))
                    .collect(),
                on_trial: rng.chance(5_000),
            },
        ),
        4 => Record::Hour(
            text(rng).into(),
            time(rng).as_millis(),
            Hour { sum_milli: number(rng), readings: small(rng), peak: Capacity::from_milli(number(rng)) },
        ),
        5 => Record::Closure(Closure {
            place: place(rng),
            kind: FailureKind::ALL[pick(rng, FailureKind::ALL.len())],
            until: time(rng),
            strikes: small(rng),
        }),
        _ => Record::Note(Note {
            number: number(rng),
            at: time(rng),
            fleet: option(rng, text).map(Into::into),
            what: WORDS[pick(rng, WORDS.len())],
            text: text(rng),
        }),
    }
}

fn machine(rng: &mut Stream) -> Machine {
    Machine {
        id: text(rng).into(),
        fleet: text(rng).into(),
        pool: pool(rng),
        units: Capacity::from_milli(number(rng)),
        price: PricePerHour::from_micros(number(rng)),
        born: time(rng),
        token: option(rng, text).map(Into::into),
        ready: option(rng, time),
        adopted: rng.chance(5_000),
        leaving: option(rng, |rng| Leaving {
            why: Cause::ALL[pick(rng, Cause::ALL.len())],
            since: time(rng),
            until: time(rng),
            ordered: rng.chance(5_000),
        }),
    }
}

fn place(rng: &mut Stream) -> Place {
    match rng.below(3) {
        0 => Place::Pool(pool(rng)),
        1 => Place::LaneMarket(lane(rng), market(rng)),
        _ => Place::Lane(lane(rng)),
    }
}

fn lane(rng: &mut Stream) -> Lane {
    Lane { provider: text(rng).into(), region: text(rng).into() }
}

fn pool(rng: &mut Stream) -> Pool {
    Pool::new(&text(rng), &text(rng), &text(rng), &text(rng), market(rng))
}

fn market(rng: &mut Stream) -> Market {
    if rng.chance(5_000) { Market::Spot } else { Market::OnDemand }
}

fn option<T>(rng: &mut Stream, draw: impl Fn(&mut Stream) -> T) -> Option<T> {
    rng.chance(5_000).then(|| draw(rng))
}

/// Short texts over a small alphabet, so that one is often the start of another, and any part may hold what separates.
fn text(rng: &mut Stream) -> String {
    const LETTERS: [char; 10] = ['a', 'b', '/', '\0', '\u{1}', '"', '\\', '\n', 'é', '機'];
    (0..pick(rng, 7)).map(|_| LETTERS[pick(rng, LETTERS.len())]).collect()
}

fn setting(rng: &mut Stream) -> Setting {
    match rng.below(4) {
        0 => Setting::Pause,
        1 => Setting::Min(Capacity::from_milli(number(rng))),
        2 => Setting::Max(Capacity::from_milli(number(rng))),
        _ => Setting::Protect(pool(rng).lane().clone(), text(rng).into()),
    }
}

fn number(rng: &mut Stream) -> u64 {
    [0, 1, 255, 256, 1_000_000, u64::MAX, rng.next_u64()][pick(rng, 7)]
}

fn small(rng: &mut Stream) -> u32 {
    [0, 1, 50, u32::MAX][pick(rng, 4)]
}

fn time(rng: &mut Stream) -> Time {
    Time::from_millis([0, -1, 1_767_323_045_000, i64::MIN, i64::MAX, number(rng).cast_signed()][pick(rng, 6)])
}

/// What a store must hold.
pub(crate) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Does to a model what a batch does to a store.
pub(crate) fn apply(model: &mut Model, batch: &Batch) {
    for op in batch.ops() {
        match op {
            Op::Put(key, value) => {
                model.insert(key.clone(), value.clone());
            }
            Op::Delete(key) => {
                model.remove(key);
            }
        }
    }
}

/// What a store holds.
pub(crate) fn contents(store: &dyn StateStore) -> Model {
    let mut found = Model::new();
    store
        .scan(&[], &mut |key, value| {
            assert!(found.keys().next_back().is_none_or(|last| last.as_slice() < key), "a scan is in order");
            found.insert(key.to_vec(), value.to_vec());
        })
        .unwrap();
    found
}

/// The batch of this number in the load of the crash tests: a few records put and removed, some long, and the boot record,
/// whose number says which batch it was.
pub(crate) fn load_entries(seed: u64, seq: u64) -> Vec<Entry> {
    let mut rng = Stream::new(seed ^ seq.wrapping_mul(0x9e37_79b9), "load");
    let mut entries = vec![Entry::Put(Record::Boot(Boot { number: seq, seed, at: NOW, unproven: false }))];
    for _ in 0..rng.below(8) {
        // Few keys, so that records are written over and removed again.
        let name = format!("m{}", rng.below(300));
        let machine = Record::Machine(Machine { id: name.as_str().into(), ..machine(&mut rng) });
        let machine = match machine {
            Record::Machine(m) => {
                Record::Machine(Machine { pool: Pool::new("aws", "us-east-1", "a", "g5.xlarge", Market::Spot), ..m })
            }
            other => other,
        };
        entries.push(if rng.chance(3_000) { Entry::Forget(machine.key()) } else { Entry::Put(machine) });
    }
    entries.push(Entry::Put(Record::Note(Note {
        number: seq % 500,
        at: NOW,
        fleet: None,
        what: "target",
        text: "x".repeat(pick(&mut rng, 1_900)),
    })));
    entries
}

/// The number of the last batch that a store holds, and what it holds.
pub(crate) fn last_batch(store: &dyn StateStore) -> (u64, Model) {
    let held = contents(store);
    let last = held.iter().find_map(|(key, value)| match wire::decode(key, value).unwrap() {
        Record::Boot(boot) => Some(boot.number),
        _ => None,
    });
    (last.unwrap_or(0), held)
}

/// The model after the batches of the load up to this number, on top of an earlier one.
pub(crate) fn advance(model: &mut Model, seed: u64, from: u64, to: u64) {
    for seq in from + 1..=to {
        apply(model, &Batch::of(&load_entries(seed, seq)).unwrap());
    }
}

/// Copies all files below a directory.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
