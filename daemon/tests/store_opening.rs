//! Opening a store: the lock, the format, the engine, and every sort of damage.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

mod store_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use policies::control::ledger::Boot;
use policies::control::{Entry, Key, Record};
use policies::rng::Stream;
use policies::units::Span;
use spotfleet::store::redb::Redb;
use spotfleet::store::sled::Sled;
use spotfleet::store::{Batch, COPIES_KEPT, Engine, FORMAT, Opened, StateStore, StoreError, open, wire};
use store_support::{NOW, copy_tree, load_entries, pick};

/// Opens, applies the batches of the load up to this number, and closes; gives the records that are then there.
fn fill(dir: &Path, engine: Engine, batches: u64) -> Vec<Record> {
    let mut opened = open(dir, engine, NOW).unwrap();
    assert_eq!(opened.damage, None);
    for seq in 1..=batches {
        opened.store.apply(&Batch::of(&load_entries(1, seq)).unwrap()).unwrap();
        opened.store.commit().unwrap();
    }
    records(opened.store.as_ref())
}

fn records(store: &dyn StateStore) -> Vec<Record> {
    store_support::contents(store).iter().map(|(key, value)| wire::decode(key, value).unwrap()).collect()
}

/// An engine's own files, without the lock and the format around them.
fn bare(engine: Engine, dir: &Path) -> Box<dyn StateStore> {
    match engine {
        Engine::Sled => Box::new(Sled::open(&dir.join("sled")).unwrap()),
        Engine::Redb => Box::new(Redb::open(&dir.join("redb")).unwrap()),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn a_new_directory_becomes_a_store_that_keeps_its_records() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = dir.path().join("var/lib/spotfleet");
        let held = fill(&state_dir, engine, 30);
        assert!(held.len() > 30);
        let Opened { store, records: read, damage } = open(&state_dir, engine, NOW).unwrap();
        assert_eq!((read, damage), (held, None));
        drop(store);
        let format = fs::read_to_string(state_dir.join("format.json")).unwrap();
        assert!(format.starts_with(&format!(r#"{{"format":{FORMAT},"engine":"{engine}""#)), "{format}");
        let mut want = ["format.json", "lock", engine.name(), "snapshot.jsonl"];
        want.sort_unstable();
        assert_eq!(names(&state_dir), want);
    }
}

#[test]
fn a_second_opener_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), Engine::Sled, NOW).unwrap();
    let error = open(dir.path(), Engine::Redb, NOW).unwrap_err().to_string();
    let want = format!(
        "{} is in use by process {}; stop that process, or use another state_dir",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(error, want);
    drop(first);
    assert!(open(dir.path(), Engine::Sled, NOW).is_ok());
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), engine, 5);
        fs::write(dir.path().join("format.json"), r#"{"format":2,"engine":"etcd","shards":3}"#).unwrap();
        let before = files(dir.path());
        let error = open(dir.path(), engine, NOW).unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found: 2, .. }));
        let text = error.to_string();
        assert!(text.contains("has format 2") && text.contains("upgrade spotfleet"), "{text}");
        assert!(text.contains("spotfleet store import"), "{text}");
        assert_eq!(files(dir.path()), before);
    }
}

#[test]
fn a_record_of_a_newer_format_is_refused_even_without_the_format_file() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), engine, 5);
        let key = wire::encode_key(&Key::Note(3));
        let body = br#"{"note":{}}"#;
        let sum = crc32fast::hash(&[&[2], key.as_slice(), body].concat()).to_le_bytes();
        let mut batch = Batch::default();
        batch.put(key, [&[2], sum.as_slice(), body].concat()).unwrap();
        let mut store = bare(engine, dir.path());
        store.apply(&batch).unwrap();
        store.commit().unwrap();
        drop(store);
        fs::remove_file(dir.path().join("format.json")).unwrap();
        assert!(matches!(open(dir.path(), engine, NOW), Err(StoreError::NewerFormat { found: 2, .. })));
        assert!(names(dir.path()).iter().all(|n| !n.contains("damaged")));
    }
}

#[test]
fn the_other_engine_is_refused_with_the_way_to_move() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), Engine::Sled, 3);
    let text = open(dir.path(), Engine::Redb, NOW).unwrap_err().to_string();
    assert!(text.contains("was made by sled, the configuration says `store: redb`"), "{text}");
    assert!(text.contains("spotfleet store export") && text.contains("spotfleet store import"), "{text}");
    assert!(!dir.path().join("redb").exists());
}

#[test]
fn a_lost_format_file_is_made_anew() {
    for content in [None, Some(""), Some("{\"format\":1}"), Some("\u{fffd}")] {
        let dir = tempfile::tempdir().unwrap();
        let held = fill(dir.path(), Engine::Redb, 5);
        let file = dir.path().join("format.json");
        let before = fs::read(&file).unwrap();
        match content {
            None => fs::remove_file(&file).unwrap(),
            Some(text) => fs::write(&file, text).unwrap(),
        }
        assert!(matches!(
            open(dir.path(), Engine::Sled, NOW),
            Err(StoreError::OtherEngine { found: Engine::Redb, .. })
        ));
        let opened = open(dir.path(), Engine::Redb, NOW).unwrap();
        assert_eq!((opened.records, opened.damage), (held, None));
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn two_stores_without_a_format_file_are_not_guessed_between() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), Engine::Sled, 3);
    fs::create_dir(dir.path().join("redb")).unwrap();
    assert!(open(dir.path(), Engine::Sled, NOW).is_ok());
    fs::remove_file(dir.path().join("format.json")).unwrap();
    assert!(matches!(open(dir.path(), Engine::Sled, NOW), Err(StoreError::TwoStores { .. })));
}

/// The same records in a store that was made anew: it says so from its first moment.
fn doubted(records: &[Record]) -> Vec<Record> {
    let boot = records.iter().find_map(|r| if let Record::Boot(boot) = r { Some(*boot) } else { None });
    let boot = boot.unwrap_or(Boot { number: 0, seed: 0, at: NOW, unproven: false });
    let rest = records.iter().filter(|r| !matches!(r, Record::Boot(_) | Record::Proven(..))).cloned();
    core::iter::once(Record::Boot(Boot { unproven: true, ..boot })).chain(rest).collect()
}

#[test]
fn one_unsound_record_sets_the_store_aside_and_the_rest_is_carried_over() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        let held = fill(dir.path(), engine, 30);
        let (key, mut value) = wire::encode(&held[3]);
        *value.last_mut().unwrap() ^= 1;
        let mut batch = Batch::default();
        batch.put(key, value.clone()).unwrap();
        let mut store = bare(engine, dir.path());
        store.apply(&batch).unwrap();
        store.commit().unwrap();
        drop(store);

        let opened = open(dir.path(), engine, NOW).unwrap();
        let damage = opened.damage.unwrap();
        let kept = dir.path().join(format!("{engine}.damaged-20260102T030405Z"));
        assert_eq!(damage.kept.as_deref(), Some(kept.as_path()));
        assert_eq!(damage.carried, held.len() - 1);
        assert!(damage.found.contains("1 unsound records; the first is machine"), "{}", damage.found);
        let sound: Vec<_> = held.iter().filter(|r| **r != held[3]).cloned().collect();
        assert_eq!(opened.records, doubted(&sound));
        assert_eq!(records(opened.store.as_ref()), doubted(&sound));
        drop(opened.store);
        // The evidence is whole, and the next start finds nothing wrong.
        let evidence = dir.path().join("evidence");
        fs::create_dir(&evidence).unwrap();
        copy_tree(&kept, &evidence.join(engine.name()));
        assert!(store_support::contents(bare(engine, &evidence).as_ref()).values().any(|v| *v == value));
        assert_eq!(open(dir.path(), engine, NOW).unwrap().damage, None);
    }
}

#[test]
fn a_store_that_vanished_is_an_alarm() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), engine, 3);
        fs::remove_dir_all(dir.path().join(engine.name())).unwrap();
        let opened = open(dir.path(), engine, NOW).unwrap();
        let damage = opened.damage.unwrap();
        assert_eq!((damage.kept, damage.carried), (None, 0));
        assert_eq!(opened.records, doubted(&[]));
        assert!(damage.found.ends_with("is missing"), "{}", damage.found);
    }
}

/// Does one random thing to one random file; says what.
fn damage(engine_dir: &Path, rng: &mut Stream) -> String {
    let paths: Vec<_> = files(engine_dir).into_keys().collect();
    let path = &paths[pick(rng, paths.len())];
    let mut bytes = fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let (at, len) = (pick(rng, bytes.len().max(1)), 1 << rng.below(14));
    let end = (at + len).min(bytes.len());
    let what = match rng.below(5) {
        0 => {
            bytes.truncate(at);
            format!("{name} cut at {at}")
        }
        1 => {
            bytes[at.min(end)..end].fill(0);
            format!("{name} zeroed from {at} to {end}")
        }
        2 => {
            bytes[at.min(end)..end].iter_mut().for_each(|b| *b = rng.next_u64().to_le_bytes()[0]);
            format!("{name} overwritten from {at} to {end}")
        }
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
            format!("a bit of {name} flipped at {at}")
        }
        _ => {
            fs::remove_file(path).unwrap();
            return format!("{name} removed");
        }
    };
    fs::write(path, bytes).unwrap();
    what
}

/// Whatever happens to one file, the start succeeds; what it then holds was once written, never made up; a loss is
/// never silent; and the start after it finds a sound store.
#[test]
fn any_damage_ends_in_a_store_that_works() {
    let rounds = std::env::var("SPOTFLEET_DAMAGES").map_or(25, |n| n.parse().unwrap());
    // Several of sled's segments of 512 kB.
    let batches = 1_000;
    for engine in Engine::ALL {
        let whole = tempfile::tempdir().unwrap();
        let held_before = fill(whole.path(), engine, batches);
        let written: std::collections::BTreeSet<_> = (1..=batches)
            .flat_map(|seq| load_entries(1, seq))
            .filter_map(|entry| match entry {
                Entry::Put(record) => Some(wire::encode(&record)),
                Entry::Forget(_) => None,
            })
            .collect();
        let (mut found, mut slowest) = (0, std::time::Duration::ZERO);
        for round in 0..rounds {
            let mut rng = Stream::new(round, "damage");
            let dir = tempfile::tempdir().unwrap();
            copy_tree(whole.path(), dir.path());
            let what = damage(&dir.path().join(engine.name()), &mut rng);
            let before = std::time::Instant::now();
            let opened =
                open(dir.path(), engine, NOW).unwrap_or_else(|e| panic!("{engine}, round {round}, {what}: {e}"));
            slowest = slowest.max(before.elapsed());
            match opened.damage {
                Some(_) => found += 1,
                None => assert_eq!(opened.records, held_before, "{engine}, round {round}, {what}: a silent loss"),
            }
            for record in opened.records.iter().filter(|r| !matches!(r, Record::Boot(b) if b.unproven)) {
                assert!(written.contains(&wire::encode(record)), "{engine}, round {round}, {what}: made up {record:?}");
            }
            assert_eq!(records(opened.store.as_ref()), opened.records, "{engine}, round {round}, {what}");
            let mut store = opened.store;
            store.apply(&Batch::of(&load_entries(2, 1)).unwrap()).unwrap();
            store.commit().unwrap();
            let held = records(store.as_ref());
            drop(store);
            let again = open(dir.path(), engine, NOW).unwrap();
            assert_eq!((again.damage, again.records), (None, held), "{engine}, round {round}, {what}");
        }
        println!("{engine}: {found} of {rounds} damages found, slowest start {slowest:?}");
        assert!(found > 0, "the test damages something");
    }
}

#[test]
fn copies_of_damaged_stores_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), Engine::Redb, 3);
    for day in 0..6 {
        fs::write(dir.path().join("redb/records.redb"), "not a database").unwrap();
        let now = NOW.plus(Span::from_hours(24 * day));
        assert!(open(dir.path(), Engine::Redb, now).unwrap().damage.is_some());
    }
    let copies: Vec<_> = names(dir.path()).into_iter().filter(|n| n.contains("damaged")).collect();
    assert_eq!(copies.len(), COPIES_KEPT);
    assert_eq!(copies.last().unwrap(), "redb.damaged-20260107T030405Z");
}

/// The states that a crash can leave between the steps of a replacement.
#[test]
fn an_interrupted_replacement_is_finished_or_done_again() {
    for engine in Engine::ALL {
        let made = tempfile::tempdir().unwrap();
        let held = fill(made.path(), engine, 10);
        let at = |name: &str| made.path().join(name);

        // While it was built: the old one is still in place.
        fs::create_dir(at(&format!("{engine}.building"))).unwrap();
        fs::write(at(&format!("{engine}.building")).join("db"), "half").unwrap();
        let opened = open(made.path(), engine, NOW).unwrap();
        assert_eq!((opened.records, opened.damage), (held.clone(), None));
        drop(opened.store);

        // After the old one was set aside, before the new one took its place.
        copy_tree(&at(engine.name()), &at(&format!("{engine}.damaged-20260101T000000Z")));
        fs::rename(at(engine.name()), at(&format!("{engine}.ready"))).unwrap();
        let opened = open(made.path(), engine, NOW).unwrap();
        let damage = opened.damage.unwrap();
        assert_eq!(opened.records, held);
        assert_eq!(damage.carried, held.len());
        assert!(damage.kept.unwrap().ends_with(format!("{engine}.damaged-20260101T000000Z")));
    }
}

#[test]
fn sled_opens_after_a_kill_while_it_wrote_its_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let held = fill(dir.path(), Engine::Sled, 10);
    fs::write(dir.path().join("sled/snap.00000000FFFFFFFF.generating"), "half").unwrap();
    let opened = open(dir.path(), Engine::Sled, NOW).unwrap();
    assert_eq!((opened.records, opened.damage), (held, None));
}

#[test]
fn each_start_leaves_an_export_and_keeps_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let lines = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap().lines().count();
    let first = fill(dir.path(), Engine::Sled, 3).len();
    assert!(!dir.path().join("snapshot.jsonl").exists(), "nothing to keep at the first start");
    let second = fill(dir.path(), Engine::Sled, 20).len();
    assert!(second > first);
    drop(open(dir.path(), Engine::Sled, NOW).unwrap());
    assert_eq!((lines("snapshot.previous.jsonl"), lines("snapshot.jsonl")), (first + 1, second + 1));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let text = open(&file.join("state"), Engine::Sled, NOW).unwrap_err().to_string();
    assert!(text.starts_with("making ") && text.contains("file/state"), "{text}");
}

#[test]
fn the_damage_can_be_told_in_a_sentence() {
    let damage = spotfleet::store::Damage {
        found: "sled: corrupted".to_owned(),
        kept: Some("/state/sled.damaged-20260102T030405Z".into()),
        carried: 12,
    };
    assert_eq!(
        damage.to_string(),
        "the store was damaged (sled: corrupted); it is kept as /state/sled.damaged-20260102T030405Z, 12 records were \
         carried over, the rest is rebuilt from the clouds' tags"
    );
}
