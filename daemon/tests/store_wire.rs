//! The disk format: it gives back what it was given, keys sort as the core's, damage is seen, and its bytes do not change
//! unnoticed.

mod store_support;

use std::collections::BTreeSet;

use policies::budget::Spend;
use policies::control::ledger::{Boot, Intent, Key, Leaving, Machine, Note, Orphan, Record};
use policies::control::orders::{Override, Setting};
use policies::demand::Hour;
use policies::failure::FailureKind;
use policies::model::{FleetName, Lane, Market, Pool};
use policies::plan::{Cause, Closure, Memory, Outcomes, PEAKS, Place};
use policies::rng::Stream;
use policies::units::{Capacity, Money, PricePerHour, Time};
use spotfleet::store::wire::{self, Damage, Kind};
use spotfleet::store::{Batch, MAX_KEY_BYTES, MAX_VALUE_BYTES};

const AT: Time = Time::from_millis(1_767_323_045_000);

fn pool() -> Pool {
    Pool::new("aws", "us-east-1", "us-east-1a", "g5.xlarge", Market::Spot)
}

/// One record of each kind, and of each sort of place.
fn samples() -> Vec<Record> {
    let lane = Lane { provider: "gcp".into(), region: "us-central1".into() };
    let standing = |setting, until| {
        let (by, why) = ("operator".to_owned(), "a look".to_owned());
        Record::Override(Override { fleet: "llm".into(), setting, by, why, at: AT, until })
    };
    let closure = |place, kind| Record::Closure(Closure { place, kind, until: AT, strikes: 2 });
    vec![
        Record::Boot(Boot { number: 3, seed: 18_446_744_073_709_551_615, at: AT, unproven: false }),
        Record::Intent(Intent {
            token: "sf-1-2".into(),
            fleet: "llm".into(),
            pool: pool(),
            spec: "llm/0".into(),
            count: 5,
            units: Capacity::ONE,
            price: PricePerHour::from_micros(310_000),
            at: AT,
        }),
        Record::Proven("llm".into(), Lane { provider: "aws".into(), region: "us-east-1".into() }),
        Record::Spend(
            "llm".into(),
            Spend {
                at: AT,
                day: 20_455,
                in_day: Money::from_micros(12_500_000),
                month: 672,
                in_month: Money::from_micros(99_000_000),
            },
        ),
        Record::Machine(Machine {
            id: "i-01".into(),
            fleet: "llm".into(),
            pool: pool(),
            units: Capacity::ONE,
            price: PricePerHour::from_micros(310_000),
            born: AT,
            token: Some("sf-1-2".into()),
            ready: Some(AT),
            adopted: false,
            leaving: Some(Leaving { why: Cause::BridgeOver, since: AT, until: AT, ordered: true }),
        }),
        Record::Machine(Machine {
            id: "i-02".into(),
            fleet: "llm".into(),
            pool: pool(),
            units: Capacity::ONE,
            price: PricePerHour::ZERO,
            born: AT,
            token: None,
            ready: None,
            adopted: true,
            leaving: None,
        }),
        Record::Orphan(Orphan { id: "i-04".into(), fleet: "old".into(), pool: pool(), since: AT }),
        standing(Setting::Pause, None),
        standing(Setting::Max(Capacity::units(20)), Some(AT)),
        standing(Setting::Protect(lane.clone(), "i-03".into()), None),
        Record::Memory(
            "llm".into(),
            Memory {
                target: Some(Capacity::units(8)),
                raised_at: Some(AT),
                lowered_at: None,
                peaks: vec![(AT, Capacity::units(9)), (AT, Capacity::from_milli(7_500))],
                watched_since: Some(AT),
                short_since: None,
                launches: vec![(AT, 7)],
                outcomes: vec![(AT, Outcomes { ready: 6, failed: 1 })],
                on_trial: true,
            },
        ),
        Record::Hour("llm".into(), -1, Hour { sum_milli: 900, readings: 3, peak: Capacity::from_milli(500) }),
        Record::Hour("llm".into(), 490_923, Hour { sum_milli: 900, readings: 3, peak: Capacity::from_milli(500) }),
        closure(Place::Pool(pool()), FailureKind::NoCapacity),
        closure(Place::LaneMarket(lane.clone(), Market::OnDemand), FailureKind::Quota),
        closure(Place::Lane(lane), FailureKind::Denied),
        Record::Note(Note {
            number: 258,
            at: AT,
            fleet: Some("llm".into()),
            what: "launched",
            text: "2 × g5.xlarge".to_owned(),
        }),
    ]
}

#[test]
fn every_record_comes_back() {
    let mut rng = Stream::new(1, "wire");
    let random = (0..20_000).map(|_| store_support::record(&mut rng));
    for record in samples().into_iter().chain(random) {
        let (key, value) = wire::encode(&record);
        assert_eq!(key, wire::encode_key(&record.key()));
        assert_eq!(key.first().copied(), Some(Kind::of(&record).byte()));
        assert_eq!(wire::decode(&key, &value), Ok(record.clone()));
        assert_eq!(wire::from_line(&wire::to_line(&record)), Ok(record));
    }
}

#[test]
fn keys_sort_as_the_core_sorts_them() {
    let mut rng = Stream::new(2, "wire");
    let mut records: Vec<Record> = (0..3_000).map(|_| store_support::record(&mut rng)).collect();
    records.extend(samples());
    let keys: BTreeSet<Key> = records.iter().map(Record::key).collect();
    let encoded: Vec<_> = keys.iter().map(wire::encode_key).collect();
    assert!(encoded.windows(2).all(|pair| pair[0] < pair[1]));
    // No key is the start of another: a scan for one finds one.
    assert!(encoded.windows(2).all(|pair| !pair[1].starts_with(&pair[0])));
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    for record in samples() {
        let (key, value) = wire::encode(&record);
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(wire::decode(&key, &damaged), Err(Damage::Checksum), "{record:?}, bit {bit}");
        }
        for bit in 0..key.len() * 8 {
            let mut damaged = key.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(wire::decode(&damaged, &value), Err(Damage::Checksum));
        }
        for length in 0..value.len() {
            assert!(wire::decode(&key, &value[..length]).is_err());
        }
    }
}

/// A value with a right checksum around any body.
fn sealed(format: u8, key: &[u8], body: &str) -> Vec<u8> {
    let sum = crc32fast::hash(&[&[format], key, body.as_bytes()].concat());
    [&[format], sum.to_le_bytes().as_slice(), body.as_bytes()].concat()
}

#[test]
fn what_no_version_wrote_is_damage() {
    let key = wire::encode_key(&Key::Boot);
    let whole = r#"{"boot":{"number":1,"seed":2,"at_ms":3}}"#;
    assert!(wire::decode(&key, &sealed(1, &key, whole)).is_ok());
    assert_eq!(wire::decode(&key, &sealed(2, &key, whole)), Err(Damage::Newer(2)));
    assert_eq!(wire::decode(&key, &sealed(0, &key, whole)), Err(Damage::Format(0)));
    let elsewhere = wire::encode_key(&Key::Note(1));
    assert_eq!(wire::decode(&elsewhere, &sealed(1, &elsewhere, whole)), Err(Damage::Key));
    for body in [
        r#"{"boot":{"number":1,"seed":2,"at_ms":3,"more":4}}"#,
        r#"{"boot":{"number":1,"seed":2}}"#,
        r#"{"boot":{"number":-1,"seed":2,"at_ms":3}}"#,
        r#"{"shoe":{}}"#,
        r#"{"closure":{"place":{"lane":["a","b"]},"kind":"no-such-kind","until_ms":1,"strikes":1}}"#,
        "",
    ] {
        assert!(matches!(wire::decode(&key, &sealed(1, &key, body)), Err(Damage::Body(_))), "{body}");
    }
}

#[test]
fn a_word_of_a_later_version_is_shown_and_no_damage() {
    let key = wire::encode_key(&Key::Note(7));
    let value = sealed(1, &key, r#"{"note":{"number":7,"at_ms":0,"what":"migrated","text":"to the moon"}}"#);
    let want =
        Note { number: 7, at: Time::EPOCH, fleet: None, what: "other", text: "migrated: to the moon".to_owned() };
    assert_eq!(wire::decode(&key, &value), Ok(Record::Note(want)));
}

#[test]
fn no_real_record_is_too_large() {
    let name = "n".repeat(255);
    let big = |t: &str| Pool::new(t, t, t, t, Market::OnDemand);
    let mut note =
        Note { number: u64::MAX, at: AT, fleet: Some(name.as_str().into()), what: "alarm", text: String::new() };
    let mut records = vec![
        Record::Memory(
            name.as_str().into(),
            Memory {
                target: Some(Capacity::from_milli(u64::MAX)),
                raised_at: Some(Time::from_millis(i64::MIN)),
                lowered_at: Some(Time::from_millis(i64::MIN)),
                peaks: vec![(Time::from_millis(i64::MIN), Capacity::from_milli(u64::MAX)); PEAKS],
                watched_since: Some(Time::from_millis(i64::MIN)),
                short_since: Some(Time::from_millis(i64::MIN)),
                launches: vec![(Time::from_millis(i64::MIN), u32::MAX); 13],
                outcomes: vec![(Time::from_millis(i64::MIN), Outcomes { ready: u32::MAX, failed: u32::MAX }); 13],
                on_trial: true,
            },
        ),
        Record::Machine(Machine {
            id: "x".repeat(400).into(),
            fleet: name.as_str().into(),
            pool: big(&name),
            units: Capacity::from_milli(u64::MAX),
            price: PricePerHour::from_micros(u64::MAX),
            born: AT,
            token: Some("t".repeat(64).into()),
            ready: None,
            adopted: true,
            leaving: Some(Leaving { why: Cause::Interruption, since: AT, until: AT, ordered: true }),
        }),
    ];
    for text in ["x", "\u{1}", "\"", "機", "\n"] {
        note.text = text.repeat(10_000);
        records.push(Record::Note(note.clone()));
    }
    for record in records {
        let (key, value) = wire::encode(&record);
        assert!(key.len() <= MAX_KEY_BYTES && value.len() <= MAX_VALUE_BYTES, "{} {}", key.len(), value.len());
        assert!(Batch::of(&[policies::control::Entry::Put(record)]).is_ok());
        // A note is cut, whole characters only.
        assert!(wire::decode(&key, &value).is_ok());
    }
}

#[test]
fn a_scan_by_kind_finds_the_kind() {
    let prefixes: BTreeSet<u8> = Kind::ALL.into_iter().map(Kind::byte).collect();
    assert_eq!(prefixes.len(), Kind::ALL.len());
    assert!(Kind::ALL.windows(2).all(|pair| pair[0].byte() < pair[1].byte()));
    assert_eq!(samples().iter().map(Kind::of).collect::<BTreeSet<_>>().len(), Kind::ALL.len());
}

#[test]
fn a_key_can_be_read_in_a_message() {
    let fleet: FleetName = "llm".into();
    assert_eq!(wire::readable(&wire::encode_key(&Key::Memory(fleet))), r"memory llm\x00\x01");
    assert_eq!(wire::readable(&wire::encode_key(&Key::Boot)), "boot");
    assert_eq!(wire::readable(&[3, b'a']), "0x03 a");
    assert_eq!(wire::readable(&[]), "(empty key)");
}

/// The format is what is on people's disks. When this fails, raise `FORMAT` and keep reading the old one, or undo the change.
#[test]
fn the_bytes_on_disk_are_these() {
    let mut shown = String::new();
    for record in samples() {
        let (key, value) = wire::encode(&record);
        let (head, body) = value.split_at(5);
        shown += &format!("{} = {} {}\n", key.escape_ascii(), head.escape_ascii(), String::from_utf8_lossy(body));
    }
    assert_eq!(shown, include_str!("goldens/store_wire.txt"), "\n{shown}");
}
