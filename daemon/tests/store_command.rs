//! `spotfleet store info|export|import|check`, and the JSON lines that they exchange.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

mod store_support;

use std::fs;
use std::path::Path;

use clap::Parser as _;
use policies::budget::Spend;
use policies::control::ledger::{Boot, Intent, Leaving, Machine, Note};
use policies::control::{Entry, Record};
use policies::demand::Hour;
use policies::failure::FailureKind;
use policies::model::{Market, Pool};
use policies::plan::{Cause, Closure, Memory, Outcomes, Place};
use policies::units::{Capacity, Money, PricePerHour, Span};
use spotfleet::store::command::{StoreCommand, Subject, Verdict, run};
use spotfleet::store::{Batch, Engine, StoreError, check, open, transfer};
use store_support::{NOW, load_entries};

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: StoreCommand,
}

/// Runs a verb as it is typed.
fn store(line: &str, state_dir: &Path, engine: Engine, json: bool) -> (Result<Verdict, StoreError>, String) {
    let command = Line::parse_from(["store"].into_iter().chain(line.split(' '))).command;
    let mut out = Vec::new();
    let verdict = run(&command, Subject { state_dir, engine, now: NOW, json }, &mut out);
    (verdict, String::from_utf8(out).unwrap())
}

fn well(line: &str, state_dir: &Path, engine: Engine) -> String {
    let (verdict, out) = store(line, state_dir, engine, false);
    assert_eq!(verdict.unwrap(), Verdict::Well, "{out}");
    out
}

/// A store with a few records that make sense together.
fn sensible(state_dir: &Path, engine: Engine) {
    let mut opened = open(state_dir, engine, NOW).unwrap();
    let entries: Vec<_> = sensible_records().into_iter().map(Entry::Put).collect();
    opened.store.apply(&Batch::of(&entries).unwrap()).unwrap();
    opened.store.commit().unwrap();
}

fn sensible_records() -> Vec<Record> {
    let later = NOW.plus(Span::from_mins(5));
    vec![
        Record::Boot(Boot { number: 4, seed: 9, at: NOW, unproven: false }),
        Record::Intent(intent()),
        Record::Machine(machine("i-1")),
        Record::Machine(Machine {
            token: None,
            ready: None,
            adopted: true,
            leaving: Some(Leaving { why: Cause::Surplus, since: NOW, until: later, ordered: false }),
            ..machine("i-2")
        }),
        Record::Memory(
            "llm".into(),
            Memory { peaks: vec![(NOW, Capacity::units(5)), (later, Capacity::units(4))], ..Memory::default() },
        ),
        Record::Hour("llm".into(), 490_923, Hour { sum_milli: 9_000, readings: 3, peak: Capacity::units(4) }),
        Record::Closure(Closure {
            place: Place::Pool(pool()),
            kind: FailureKind::NoCapacity,
            until: later,
            strikes: 1,
        }),
        Record::Note(Note {
            number: 1,
            at: NOW,
            fleet: None,
            what: "boot",
            text: "started".to_owned(),
            decision: None,
        }),
    ]
}

fn pool() -> Pool {
    Pool::new("aws", "us-east-1", "us-east-1a", "g5.xlarge", Market::Spot)
}

fn intent() -> Intent {
    Intent {
        token: "sf-1".into(),
        fleet: "llm".into(),
        pool: pool(),
        spec: "llm/0".into(),
        count: 2,
        units: Capacity::ONE,
        price: PricePerHour::from_micros(310_000),
        at: NOW,
    }
}

fn machine(id: &str) -> Machine {
    Machine {
        id: id.into(),
        fleet: "llm".into(),
        pool: pool(),
        units: Capacity::ONE,
        price: PricePerHour::from_micros(310_000),
        born: NOW,
        token: Some("sf-1".into()),
        ready: None,
        adopted: false,
        leaving: None,
    }
}

#[test]
fn info_says_what_is_there() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        sensible(dir.path(), engine);
        let out = well("info", dir.path(), engine);
        let size = out.lines().find_map(|l| l.strip_prefix("size on disk  ")).unwrap().to_owned();
        assert_eq!(
            out.replace(&size, "SIZE"),
            format!(
                "engine        {engine}\nformat        1\nsize on disk  SIZE\n\
                 last start    number 4, 2026-01-02T03:04:05Z\nrecords\n  boot        1\n  proven      0\n  intent      1\n  machine     2\n  orphan      0\n\
                 \x20 override    0\n  memory      1\n  spend       0\n  hour        1\n  pace        0\n  starts      0\n  closure     1\n  decision    0\n  ended       0\n  note        1\n"
            )
        );
        let (_, json) = store("info", dir.path(), engine, true);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["records"]["machine"], 2);
        assert_eq!(json["last_boot"], serde_json::json!([4, 1_767_323_045_000_i64]));
    }
}

#[test]
fn an_export_is_stable_and_one_record_a_line() {
    let mut exports = Vec::new();
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        sensible(dir.path(), engine);
        let out = well("export", dir.path(), engine);
        assert_eq!(out, well("export", dir.path(), engine));
        let (header, lines) = out.split_once('\n').unwrap();
        assert_eq!(header, format!(r#"{{"spotfleet_store":1,"engine":"{engine}","records":8}}"#));
        assert!(
            lines.starts_with("{\"boot\":{\"number\":4,\"seed\":9,\"at_ms\":1767323045000}}\n{\"intent\":"),
            "{lines}"
        );
        assert_eq!(lines.lines().count(), 8);
        exports.push(lines.to_owned());
    }
    assert_eq!(exports[0], exports[1]);
}

#[test]
fn an_export_never_writes_over_a_file() {
    let dir = tempfile::tempdir().unwrap();
    sensible(&dir.path().join("state"), Engine::Sled);
    let file = dir.path().join("records.jsonl");
    let line = format!("export --to {}", file.display());
    assert_eq!(well(&line, &dir.path().join("state"), Engine::Sled), "");
    let first = fs::read(&file).unwrap();
    assert!(!first.is_empty());
    let (error, _) = store(&line, &dir.path().join("state"), Engine::Sled, false);
    assert!(error.unwrap_err().to_string().starts_with("making "));
    assert_eq!(fs::read(&file).unwrap(), first);
}

#[test]
fn records_move_between_the_engines_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("state");
    let mut opened = open(&state_dir, Engine::Sled, NOW).unwrap();
    for seq in 1..=200 {
        opened.store.apply(&Batch::of(&load_entries(1, seq)).unwrap()).unwrap();
        opened.store.commit().unwrap();
    }
    drop(opened);
    let held = open(&state_dir, Engine::Sled, NOW).unwrap().records;
    assert!(held.len() > 300);
    for (from, to) in [(Engine::Sled, Engine::Redb), (Engine::Redb, Engine::Sled)] {
        let file = dir.path().join(format!("{from}.jsonl"));
        well(&format!("export --to {}", file.display()), &state_dir, from);
        assert!(matches!(open(&state_dir, to, NOW), Err(StoreError::OtherEngine { .. })));
        let out = well(&format!("import {}", file.display()), &state_dir, to);
        let kept = state_dir.join(format!("{from}.replaced-20260102T030405Z"));
        let want = format!(
            "imported {} records into {to}\nthe store of the other engine is kept as {}\n",
            held.len(),
            kept.display()
        );
        assert_eq!(out, want);
        assert!(kept.is_dir());
        let opened = open(&state_dir, to, NOW).unwrap();
        assert_eq!((opened.records, opened.damage), (held.clone(), None));
    }
    assert!(well("info", &state_dir, Engine::Sled).contains("set aside     "));
}

#[test]
fn an_import_wants_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    sensible(&dir.path().join("full"), Engine::Redb);
    let file = dir.path().join("records.jsonl");
    well(&format!("export --to {}", file.display()), &dir.path().join("full"), Engine::Redb);
    let line = format!("import {}", file.display());
    let (error, _) = store(&line, &dir.path().join("full"), Engine::Redb, false);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("already holds 8 records") && text.contains("move "), "{text}");

    // One that was never started, and one that was started and holds nothing.
    well(&line, &dir.path().join("new"), Engine::Sled);
    drop(open(&dir.path().join("started"), Engine::Sled, NOW).unwrap());
    well(&line, &dir.path().join("started"), Engine::Sled);
    for name in ["new", "started"] {
        assert_eq!(open(&dir.path().join(name), Engine::Sled, NOW).unwrap().records, sensible_records());
    }
}

#[test]
fn a_bad_export_is_refused_with_its_line_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("state");
    sensible(&state_dir, Engine::Sled);
    let good = well("export", &state_dir, Engine::Sled);
    let lines: Vec<_> = good.lines().collect();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed: Vec<_> = lines.iter().map(|l| (*l).to_owned()).collect();
        change(&mut changed);
        changed.iter().map(|l| format!("{l}\n")).collect::<String>()
    };
    let cases = [
        (String::new(), 1, "the file is empty"),
        ("hello\n".to_owned(), 1, "not an export of a store"),
        (
            with(&|l| l[0] = l[0].replace("store\":1", "store\":2")),
            1,
            "format 2 is not one that this version reads (1)",
        ),
        (with(&|l| l.truncate(5)), 6, "the file ends after 4 of 8 records"),
        (with(&|l| l.push(l[1].clone())), 10, "the header says 8 records, here is one more"),
        (with(&|l| l[3] = l[3].replace("units_milli", "units")), 4, "unknown field `units`"),
        (with(&|l| l[3] = "{}".to_owned()), 4, "expected value"),
        (good.trim_end().to_owned(), 9, "the line is cut, or too long"),
        (with(&|l| l[2] = "x".repeat(100_000)), 3, "the line is cut, or too long"),
        (with(&|l| l[0] = l[0].replace(":8}", ":99999999999}")), 1, "more than the limit"),
    ];
    let target = dir.path().join("target");
    for (content, line, problem) in cases {
        let file = dir.path().join("bad.jsonl");
        fs::write(&file, content).unwrap();
        let (error, _) = store(&format!("import {}", file.display()), &target, Engine::Sled, false);
        match error.unwrap_err() {
            StoreError::BadExport { line: at, problem: said } => {
                assert_eq!(at, line, "{said}");
                assert!(said.contains(problem), "{said} should say {problem}");
            }
            other => panic!("{other}"),
        }
        assert!(!target.join("sled").exists());
    }
}

#[test]
fn the_verbs_need_a_store_that_nobody_uses() {
    let dir = tempfile::tempdir().unwrap();
    for line in ["info", "export", "check"] {
        let (error, _) = store(line, &dir.path().join("none"), Engine::Sled, false);
        assert!(matches!(error, Err(StoreError::NoStore { .. })));
        assert!(!dir.path().join("none").exists());
    }
    let running = open(dir.path(), Engine::Sled, NOW).unwrap();
    for line in ["info", "export", "check", "import -"] {
        let (error, _) = store(line, dir.path(), Engine::Sled, false);
        assert!(matches!(error, Err(StoreError::Locked { pid: Some(pid), .. }) if pid == std::process::id()));
    }
    drop(running);
}

#[test]
fn what_is_damaged_is_named_and_the_rest_exported() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        sensible(dir.path(), engine);
        let mut store_dir: Box<dyn spotfleet::store::StateStore> = match engine {
            Engine::Sled => Box::new(spotfleet::store::sled::Sled::open(&dir.path().join("sled")).unwrap()),
            Engine::Redb => Box::new(spotfleet::store::redb::Redb::open(&dir.path().join("redb")).unwrap()),
        };
        let mut batch = Batch::default();
        batch.put(spotfleet::store::wire::encode(&sensible_records()[2]).0, b"not a record".to_vec()).unwrap();
        store_dir.apply(&batch).unwrap();
        store_dir.commit().unwrap();
        drop(store_dir);

        let (verdict, out) = store("check", dir.path(), engine, false);
        assert_eq!(verdict.unwrap(), Verdict::Findings);
        assert_eq!(
            out,
            "machine aws\\x00\\x01us-east-1\\x00\\x01i-1\\x00\\x01: its checksum is wrong\n\
             the store as a whole: it mixes records of different times\n7 records, 2 findings\n"
        );
        let (verdict, out) = store("export", dir.path(), engine, false);
        assert_eq!((verdict.unwrap(), out.lines().count()), (Verdict::Findings, 8));
        let (verdict, out) = store("info", dir.path(), engine, false);
        assert_eq!(verdict.unwrap(), Verdict::Findings);
        assert!(out.contains("problems      2 (`spotfleet store check` names them)"), "{out}");
    }
}

#[test]
fn a_sensible_store_has_no_findings() {
    let dir = tempfile::tempdir().unwrap();
    sensible(dir.path(), Engine::Sled);
    assert_eq!(well("check", dir.path(), Engine::Sled), "8 records, 0 findings\n");
    assert_eq!(check::findings(&sensible_records()), Vec::<String>::new());
    assert_eq!(check::findings(&[]), Vec::<String>::new());
}

#[test]
fn each_kind_of_nonsense_is_a_finding() {
    let earlier = NOW.minus(Span::from_secs(1));
    let peaks = |peaks| Record::Memory("llm".into(), Memory { peaks, ..Memory::default() });
    let one = |record, want: &str| {
        let found = check::findings(&[Record::Boot(Boot { number: 1, seed: 1, at: NOW, unproven: false }), record]);
        assert_eq!(found, [want]);
    };
    one(Record::Intent(Intent { token: "".into(), ..intent() }), "intent \"\": a token has 1 to 64 ASCII characters");
    one(Record::Intent(Intent { count: 0, ..intent() }), "intent sf-1: it is for no capacity");
    let outcomes = vec![(NOW, Outcomes::default()), (earlier, Outcomes::default())];
    one(
        Record::Memory("llm".into(), Memory { outcomes, ..Memory::default() }),
        "memory of llm: times of outcomes must rise",
    );
    let less = Money::from_micros(-1);
    let spend = Spend { at: NOW, day: 1, in_day: less, month: 0, in_month: Money::ZERO };
    one(Record::Spend("llm".into(), spend), "spend of llm: less than nothing was spent");
    one(
        Record::Machine(Machine { token: None, ..machine("i-1") }),
        "machine i-1: neither launched with a token nor adopted",
    );
    one(
        Record::Machine(Machine {
            leaving: Some(Leaving { why: Cause::Surplus, since: NOW, until: earlier, ordered: true }),
            ..machine("i-1")
        }),
        "machine i-1: to be ended before it was told to go",
    );
    one(
        peaks(vec![(NOW, Capacity::ONE), (earlier, Capacity::ONE)]),
        "memory of llm: times of peaks must rise and needs must fall",
    );
    one(peaks(vec![(NOW, Capacity::ONE); 65]), "memory of llm: 65 peaks, at most 46 are kept");
    one(
        Record::Hour("llm".into(), 7, Hour { sum_milli: 9_001, readings: 3, peak: Capacity::units(3) }),
        "hour 7 of llm: its sum is more than its readings can give",
    );
    one(
        Record::Closure(Closure { place: Place::Pool(pool()), kind: FailureKind::Quota, until: NOW, strikes: 0 }),
        "closure Pool(aws/us-east-1/us-east-1a/g5.xlarge/spot): closed without a failure",
    );

    let boot = Record::Boot(Boot { number: 1, seed: 1, at: NOW, unproven: false });
    let elsewhere = Machine { fleet: "other".into(), ..machine("i-3") };
    let records = [
        boot,
        Record::Intent(intent()),
        Record::Machine(machine("i-1")),
        Record::Machine(machine("i-2")),
        Record::Machine(elsewhere),
    ];
    assert_eq!(
        check::findings(&records),
        [
            "machine i-3: its intent sf-1 is for llm in aws/us-east-1/us-east-1a/g5.xlarge/spot",
            "intent sf-1: 3 machines carry its token, it is for 2",
        ]
    );
    assert_eq!(check::findings(&[Record::Machine(machine("i-1"))]), ["there are records, but none of a start"]);
    let hours =
        (0..2_000).map(|n| Record::Hour("llm".into(), n, Hour { sum_milli: 0, readings: 1, peak: Capacity::ZERO }));
    let found = check::findings(
        &[vec![Record::Boot(Boot { number: 1, seed: 1, at: NOW, unproven: false })], hours.collect()].concat(),
    );
    assert_eq!(found, ["2000 hours of llm, at most 1344 are kept"]);
}

#[test]
fn an_export_of_every_sort_of_record_comes_back() {
    let mut rng = policies::rng::Stream::new(3, "export");
    let records: Vec<_> = (0..2_000).map(|_| store_support::record(&mut rng)).collect();
    let mut out = Vec::new();
    transfer::write(&mut out, Engine::Redb, &records).unwrap();
    assert_eq!(transfer::read(&mut out.as_slice()).unwrap(), records);
}
