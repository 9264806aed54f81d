//! What every engine must do, run over sled, redb and the one in memory.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

mod store_support;

use std::path::Path;

use policies::rng::Stream;
use spotfleet::store::redb::Redb;
use spotfleet::store::sled::Sled;
use spotfleet::store::{Batch, MAX_KEY_BYTES, MAX_VALUE_BYTES, Memory, StateStore, StoreError};
use store_support::{Model, apply, contents, pick};

/// How an engine is opened, again and again, on the same disk.
type Open = Box<dyn Fn(&Path) -> Box<dyn StateStore>>;

fn engines() -> Vec<(&'static str, Open)> {
    let memory = Memory::new();
    vec![
        ("sled", Box::new(|dir| Box::new(if new(dir) { Sled::create(dir) } else { Sled::open(dir) }.unwrap()))),
        ("redb", Box::new(|dir| Box::new(if new(dir) { Redb::create(dir) } else { Redb::open(dir) }.unwrap()))),
        ("memory", Box::new(move |_| Box::new(memory.clone()))),
    ]
}

fn new(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

fn batch(puts: &[(&str, &str)], deletes: &[&str]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in puts {
        batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec()).unwrap();
    }
    for key in deletes {
        batch.delete(key.as_bytes().to_vec());
    }
    batch
}

#[test]
fn a_scan_gives_a_prefix_in_order() {
    for (name, open) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        store.apply(&batch(&[("b2", "2"), ("a", "0"), ("b1", "1"), ("c", "3"), ("b", "")], &[])).unwrap();
        for committed in [false, true] {
            if committed {
                store.commit().unwrap();
            }
            let mut seen = Vec::new();
            store.scan(b"b", &mut |k, v| seen.push((k.to_vec(), v.to_vec()))).unwrap();
            let want =
                [("b", ""), ("b1", "1"), ("b2", "2")].map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()));
            assert_eq!(seen, want, "{name}, committed: {committed}");
        }
        let mut none = 0;
        store.scan(b"zz", &mut |_, _| none += 1).unwrap();
        assert_eq!(none, 0, "{name}");
    }
}

#[test]
fn the_last_change_of_a_key_wins() {
    for (name, open) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        store.apply(&batch(&[("a", "1"), ("a", "2"), ("b", "1")], &["b", "never there"])).unwrap();
        let mut back = batch(&[], &["a"]);
        back.put(b"a".to_vec(), b"3".to_vec()).unwrap();
        store.apply(&back).unwrap();
        store.apply(&Batch::default()).unwrap();
        assert_eq!(contents(store.as_ref()), Model::from([(b"a".to_vec(), b"3".to_vec())]), "{name}");
    }
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    for (name, open) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = Stream::new(7, name);
        let mut model = Model::new();
        for _ in 0..20 {
            let mut store = open(dir.path());
            assert_eq!(contents(store.as_ref()), model, "{name}");
            for _ in 0..pick(&mut rng, 30) {
                let mut batch = Batch::default();
                for _ in 0..pick(&mut rng, 12) {
                    let key = format!("k{}", rng.below(60)).into_bytes();
                    if rng.chance(3_000) {
                        batch.delete(key);
                    } else {
                        let value = vec![u8::try_from(rng.below(256)).unwrap(); pick(&mut rng, MAX_VALUE_BYTES + 1)];
                        batch.put(key, value).unwrap();
                    }
                }
                store.apply(&batch).unwrap();
                apply(&mut model, &batch);
                assert_eq!(contents(store.as_ref()), model, "{name}: a scan shows what is applied");
                if rng.chance(3_000) {
                    store.commit().unwrap();
                }
            }
            store.commit().unwrap();
        }
    }
}

#[test]
fn a_commit_of_nothing_does_nothing() {
    for (name, open) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        store.commit().unwrap();
        store.commit().unwrap();
        assert_eq!(contents(store.as_ref()), Model::new(), "{name}");
    }
}

#[test]
fn keys_and_values_at_their_limits_are_kept() {
    for (name, open) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let mut batch = Batch::default();
        batch.put(vec![0xff; MAX_KEY_BYTES], vec![0; MAX_VALUE_BYTES]).unwrap();
        batch.put(vec![0], Vec::new()).unwrap();
        let mut store = open(dir.path());
        store.apply(&batch).unwrap();
        store.commit().unwrap();
        drop(store);
        let mut model = Model::new();
        apply(&mut model, &batch);
        assert_eq!(contents(open(dir.path()).as_ref()), model, "{name}");
    }
}

#[test]
fn larger_ones_are_refused_by_name() {
    let mut batch = Batch::default();
    let error = batch.put(b"\x70note".to_vec(), vec![0; MAX_VALUE_BYTES + 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "record note note: its value of 4097 bytes is over the limit of 4096; nothing of its batch was stored"
    );
    assert!(matches!(batch.put(vec![1; MAX_KEY_BYTES + 1], Vec::new()), Err(StoreError::TooLarge { what: "key", .. })));
    assert!(batch.ops().is_empty());
}

#[test]
fn a_store_on_disk_says_its_size() {
    for (name, open) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        store.apply(&batch(&[("a", "1")], &[])).unwrap();
        store.commit().unwrap();
        assert!(store.bytes_on_disk().unwrap() >= 2, "{name}");
    }
}

#[test]
fn the_store_in_memory_loses_at_a_crash_what_was_not_committed() {
    let disk = Memory::new();
    let mut store = disk.clone();
    store.apply(&batch(&[("a", "1")], &[])).unwrap();
    store.commit().unwrap();
    for value in ["2", "3", "4"] {
        store.apply(&batch(&[("a", value)], &[])).unwrap();
    }
    assert_eq!(disk.unsynced(), 3);
    disk.crash(1);
    assert_eq!(contents(&store), Model::from([(b"a".to_vec(), b"2".to_vec())]));
    store.apply(&batch(&[], &["a"])).unwrap();
    disk.crash(0);
    assert_eq!(contents(&store), Model::from([(b"a".to_vec(), b"2".to_vec())]));
}
