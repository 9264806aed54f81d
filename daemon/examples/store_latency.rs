//! Measures both engines: how long a batch takes to be durable, alone and through the writer's thread, how long opening
//! takes, and how large the files are.
//!
//! `cargo run --release -p spotfleet --no-default-features --example store_latency -- [directory]`; the directory (default:
//! the one for temporary files) says which disk is measured. A release build and a dev build differ little: both engines
//! are optimised in either, and the time is the disk's.

#![expect(clippy::print_stdout, reason = "a table is what it makes")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails is none")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use policies::control::ledger::{Boot, Intent, Note};
use policies::control::{Entry, Record};
use policies::model::{Market, Pool};
use policies::units::{Capacity, PricePerHour, Time};
use spotfleet::store::{Batch, Engine, Watchdog, Writer, open};

/// Commits of each row: enough for a p99 of 10 samples.
const COMMITS: u64 = 1_000;

fn intent(number: u64) -> Entry {
    Entry::Put(Record::Intent(Intent {
        token: format!("sf-0123456789abcdef-{}", number % 200).into(),
        fleet: "llm-batch".into(),
        pool: Pool::new("aws", "us-east-1", "us-east-1a", "g5.xlarge", Market::Spot),
        spec: "llm-batch/0".into(),
        count: 3,
        units: Capacity::ONE,
        price: PricePerHour::from_micros(310_000),
        at: Time::EPOCH,
    }))
}

fn note(number: u64) -> Entry {
    let text = "launched 3 of 3 g5.xlarge in aws/us-east-1/us-east-1a for 0.3100 an hour each".to_owned();
    Entry::Put(Record::Note(Note { number, at: Time::EPOCH, fleet: None, what: "launched", text, decision: None }))
}

fn quantiles(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    [at(50), at(99), at(100)]
}

fn row(engine: Engine, what: &str, times: Vec<Duration>) {
    let count = times.len();
    let [p50, p99, max] = quantiles(times);
    println!("{engine:6}  {what:38}  {count:5}  {p50:8.2}  {p99:8.2}  {max:8.2}");
}

fn measure(engine: Engine, dir: &Path) {
    let mut store = open(dir, engine, Time::EPOCH).unwrap().store;
    for (what, size) in [("batch of 1 record, committed", 1), ("batch of 20 records, committed", 20)] {
        let times = (0..COMMITS).map(|n| {
            let entries: Vec<_> = (0..size).map(|i| intent(n * size + i)).collect();
            let began = Instant::now();
            store.apply(&Batch::of(&entries).unwrap()).unwrap();
            store.commit().unwrap();
            began.elapsed()
        });
        row(engine, what, times.collect());
    }
    // As the daemon sees it: from handing over to the acknowledgement.
    let (writer, mut durable) = Writer::spawn(store, Watchdog::default()).unwrap();
    let times = (1..=COMMITS).map(|seq| {
        let began = Instant::now();
        writer.blocking_append(seq, vec![intent(seq), note(seq)]).unwrap();
        while durable.blocking_recv().unwrap() < seq {}
        began.elapsed()
    });
    row(engine, "intent and note through the writer", times.collect());
    let mut store = writer.close().unwrap();
    for part in 0..200 {
        let mut entries =
            vec![Entry::Put(Record::Boot(Boot { number: part, seed: 1, at: Time::EPOCH, unproven: false }))];
        entries.extend((0..100).map(|n| note(10_000 + part * 100 + n)));
        store.apply(&Batch::of(&entries).unwrap()).unwrap();
        store.commit().unwrap();
    }
    drop(store);
    let mut records = 0;
    let times = (0..20).map(|_| {
        let began = Instant::now();
        let opened = open(dir, engine, Time::EPOCH).unwrap();
        records = opened.records.len();
        began.elapsed()
    });
    row(engine, "open, check every record, snapshot", times.collect());
    let size = open(dir, engine, Time::EPOCH).unwrap().store.bytes_on_disk().unwrap();
    println!("{engine:6}  {records} records take {} kB on disk", size / 1_000);
}

fn main() {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    println!("engine  what                                    count   p50 ms    p99 ms    max ms");
    for engine in Engine::ALL {
        let dir = base.join(format!("spotfleet-latency-{}-{engine}", std::process::id()));
        measure(engine, &dir);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
