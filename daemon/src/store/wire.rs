//! The disk format of keys and records, and the lines of an export. Nothing else knows either.
//!
//! **Key**: one byte for the kind, then its parts, so that keys sort as [`Key`] does and a scan by kind is a scan by
//! prefix. Text ends with `00 01` (a zero inside is written as `00 ff`, which sorts after every end); numbers are
//! big-endian, signed ones with the sign bit turned.
//!
//! **Value**: a format byte, the CRC-32 of key and body (4 bytes, little-endian), and the body: the record as JSON, with
//! the units in the names. The sum covers the key, so that a value under a wrong key is found. JSON because a record is
//! small, is read whole, and can be read by a person in an emergency.
//!
//! Beside the records there is one **seal** (see `store/seal.rs`): under the key `00`, with the same head, and the `mark`
//! file: the number of the last acknowledged batch (8 bytes, little-endian) and its CRC-32.
//!
//! A change of any of these raises [`FORMAT`]; unknown fields are damage, not something to skip, so that an older program never
//! drops what a newer one wrote.

use std::fmt::Write as _;

use policies::control::ledger::{Key, Record};
use policies::control::orders::Slot;
use policies::model::{Lane, Market};
use policies::plan::Place;
use serde::{Deserialize, Serialize};

use super::FORMAT;
use line::Line;

mod line;

/// The format byte of a value.
const FORMAT_BYTE: u8 = {
    assert!(FORMAT <= 0xff, "the format must fit into its byte");
    FORMAT.to_le_bytes()[0]
};

/// Bytes before the body: format and sum.
const HEAD: usize = 5;

/// A note's text is cut where its JSON would pass this many bytes: a note is for people, and must not stop the store.
pub const NOTE_TEXT_BYTES: usize = 2_000;

/// A kind of record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// The boot record.
    Boot,
    /// Lanes proven for fleets.
    Proven,
    /// Open intents.
    Intent,
    /// Machines.
    Machine,
    /// Machines of fleets that are not configured.
    Orphan,
    /// Orders of the operator that stand.
    Override,
    /// Fleet memories.
    Memory,
    /// What fleets have spent.
    Spend,
    /// Hours of demand.
    Hour,
    /// Closures.
    Closure,
    /// Notes.
    Note,
}

impl Kind {
    /// Every kind, in the order of their keys.
    pub const ALL: [Self; 11] = [
        Self::Boot,
        Self::Proven,
        Self::Intent,
        Self::Machine,
        Self::Orphan,
        Self::Override,
        Self::Memory,
        Self::Spend,
        Self::Hour,
        Self::Closure,
        Self::Note,
    ];

    /// Its name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Proven => "proven",
            Self::Intent => "intent",
            Self::Machine => "machine",
            Self::Orphan => "orphan",
            Self::Override => "override",
            Self::Memory => "memory",
            Self::Spend => "spend",
            Self::Hour => "hour",
            Self::Closure => "closure",
            Self::Note => "note",
        }
    }

    /// First byte of its keys. With gaps, so that a kind can be put between two without moving any.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Boot => 0x10,
            Self::Proven => 0x18,
            Self::Intent => 0x20,
            Self::Machine => 0x30,
            Self::Orphan => 0x34,
            Self::Override => 0x38,
            Self::Memory => 0x40,
            Self::Spend => 0x48,
            Self::Hour => 0x50,
            Self::Closure => 0x60,
            Self::Note => 0x70,
        }
    }

    /// The kind of a record.
    #[must_use]
    pub const fn of(record: &Record) -> Self {
        match record {
            Record::Boot(_) => Self::Boot,
            Record::Proven(..) => Self::Proven,
            Record::Intent(_) => Self::Intent,
            Record::Machine(_) => Self::Machine,
            Record::Orphan(_) => Self::Orphan,
            Record::Override(_) => Self::Override,
            Record::Memory(..) => Self::Memory,
            Record::Spend(..) => Self::Spend,
            Record::Hour(..) => Self::Hour,
            Record::Closure(_) => Self::Closure,
            Record::Note(_) => Self::Note,
        }
    }
}

/// Why bytes are not a record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// Fewer bytes than a value has.
    #[error("cut short")]
    Short,
    /// A newer version wrote it.
    #[error("it has the newer format {0}")]
    Newer(u8),
    /// No version wrote it.
    #[error("it has the unknown format {0}")]
    Format(u8),
    /// The checksum does not match.
    #[error("its checksum is wrong")]
    Checksum,
    /// The body is not a record.
    #[error("{0}")]
    Body(String),
    /// It is the record of another key.
    #[error("it stands under the wrong key")]
    Key,
}

impl Damage {
    /// The format, when it is a newer one.
    #[must_use]
    pub fn newer_format(&self) -> Option<u32> {
        if let Self::Newer(format) = self { Some(u32::from(*format)) } else { None }
    }
}

/// Key and value of a record.
#[must_use]
pub fn encode(record: &Record) -> (Vec<u8>, Vec<u8>) {
    let key = encode_key(&record.key());
    let value = with_head(&key, &Line::from(record));
    (key, value)
}

/// A value: head and body.
fn with_head(key: &[u8], body: &impl Serialize) -> Vec<u8> {
    let mut value = vec![FORMAT_BYTE, 0, 0, 0, 0];
    // Writing plain structs into memory cannot fail; if it did, the value would not decode, which is seen.
    let _ = serde_json::to_writer(&mut value, body);
    let sum = checksum(key, &value[HEAD..]);
    value[1..HEAD].copy_from_slice(&sum.to_le_bytes());
    value
}

/// The body of a value whose head is right.
fn without_head<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Damage> {
    let (head, body) = value.split_at_checked(HEAD).ok_or(Damage::Short)?;
    let (format, sum) = head.split_first().ok_or(Damage::Short)?;
    // The sum first: a flipped bit in the format byte must not pass for a newer version. It covers that byte.
    if sum != checksum_with(*format, key, body).to_le_bytes() {
        return Err(Damage::Checksum);
    }
    match *format {
        FORMAT_BYTE => Ok(body),
        newer if newer > FORMAT_BYTE => Err(Damage::Newer(newer)),
        other => Err(Damage::Format(other)),
    }
}

/// The key of a record.
#[must_use]
pub fn encode_key(key: &Key) -> Vec<u8> {
    let mut to = Vec::with_capacity(48);
    match key {
        Key::Boot => to.push(Kind::Boot.byte()),
        Key::Proven(fleet, lane) => {
            to.push(Kind::Proven.byte());
            put_text(&mut to, fleet.as_str());
            put_lane(&mut to, lane);
        }
        Key::Intent(token) => {
            to.push(Kind::Intent.byte());
            put_text(&mut to, token.as_str());
        }
        Key::Machine(lane, id) => {
            to.push(Kind::Machine.byte());
            put_lane(&mut to, lane);
            put_text(&mut to, id.as_str());
        }
        Key::Orphan(lane, id) => {
            to.push(Kind::Orphan.byte());
            put_lane(&mut to, lane);
            put_text(&mut to, id.as_str());
        }
        Key::Override(fleet, slot) => {
            to.push(Kind::Override.byte());
            put_text(&mut to, fleet.as_str());
            match slot {
                Slot::Pause => to.push(1),
                Slot::Min => to.push(2),
                Slot::Max => to.push(3),
                Slot::Protect(lane, id) => {
                    to.push(4);
                    put_lane(&mut to, lane);
                    put_text(&mut to, id.as_str());
                }
            }
        }
        Key::Memory(fleet) => {
            to.push(Kind::Memory.byte());
            put_text(&mut to, fleet.as_str());
        }
        Key::Spend(fleet) => {
            to.push(Kind::Spend.byte());
            put_text(&mut to, fleet.as_str());
        }
        Key::Hour(fleet, number) => {
            to.push(Kind::Hour.byte());
            put_text(&mut to, fleet.as_str());
            to.extend((number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        }
        Key::Closure(place) => {
            to.push(Kind::Closure.byte());
            match place {
                Place::Pool(pool) => {
                    to.push(1);
                    put_lane(&mut to, pool.lane());
                    put_text(&mut to, pool.zone().as_str());
                    put_text(&mut to, pool.instance_type().as_str());
                    to.push(market_byte(pool.market()));
                }
                Place::LaneMarket(lane, market) => {
                    to.push(2);
                    put_lane(&mut to, lane);
                    to.push(market_byte(*market));
                }
                Place::Lane(lane) => {
                    to.push(3);
                    put_lane(&mut to, lane);
                }
            }
        }
        Key::Note(number) => {
            to.push(Kind::Note.byte());
            to.extend(number.to_be_bytes());
        }
    }
    to
}

/// The record of a key and its value.
///
/// # Errors
/// What is wrong with it. A note's word that this version does not know is no damage: it becomes `other`, and stands
/// before the text.
pub fn decode(key: &[u8], value: &[u8]) -> Result<Record, Damage> {
    let line: Line = serde_json::from_slice(without_head(key, value)?).map_err(|e| Damage::Body(e.to_string()))?;
    let record = line.into_record().map_err(Damage::Body)?;
    if encode_key(&record.key()) == key { Ok(record) } else { Err(Damage::Key) }
}

/// A record as one line of an export, without the line's end.
#[must_use]
pub fn to_line(record: &Record) -> String {
    // As in `encode`.
    serde_json::to_string(&Line::from(record)).unwrap_or_default()
}

/// The record of a line of an export.
///
/// # Errors
/// What is wrong with it.
pub fn from_line(line: &str) -> Result<Record, String> {
    serde_json::from_str::<Line>(line).map_err(|e| e.to_string())?.into_record()
}

/// Key of the seal: before all records.
pub(super) const SEAL_KEY: &[u8] = &[0];

/// Length of the `mark` file.
pub(super) const MARK_BYTES: usize = 12;

/// What all records together must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    /// Batches ever applied to this store.
    pub(super) batches: u64,
    /// Sum of [`part_of_sum`] over all records, wrapping.
    pub(super) sum: u64,
}

/// What a record adds to the sum of the seal.
pub(super) fn part_of_sum(key: &[u8], value: &[u8]) -> u32 {
    checksum(key, value)
}

/// The value of the seal.
pub(super) fn encode_seal(seal: Seal) -> Vec<u8> {
    with_head(SEAL_KEY, &seal)
}

/// The seal of a value.
pub(super) fn decode_seal(value: &[u8]) -> Result<Seal, Damage> {
    serde_json::from_slice(without_head(SEAL_KEY, value)?).map_err(|e| Damage::Body(e.to_string()))
}

/// The content of the `mark` file.
pub(super) fn encode_mark(batches: u64) -> [u8; MARK_BYTES] {
    let mut bytes = [0; MARK_BYTES];
    let (number, sum) = bytes.split_at_mut(8);
    number.copy_from_slice(&batches.to_le_bytes());
    sum.copy_from_slice(&checksum(&[], number).to_le_bytes());
    bytes
}

/// What the `mark` file says; `None` when it is not whole.
pub(super) fn decode_mark(bytes: [u8; MARK_BYTES]) -> Option<u64> {
    let (number, sum) = bytes.split_first_chunk::<8>()?;
    (sum == checksum(&[], number).to_le_bytes()).then(|| u64::from_le_bytes(*number))
}

/// A key for a message: its kind, and its bytes with all but plain ASCII escaped.
#[must_use]
pub fn readable(key: &[u8]) -> String {
    let Some((first, rest)) = key.split_first() else {
        return "(empty key)".to_owned();
    };
    if key == SEAL_KEY {
        return "seal".to_owned();
    }
    let mut text = Kind::ALL
        .into_iter()
        .find(|k| k.byte() == *first)
        .map_or_else(|| format!("{first:#04x}"), |k| k.name().to_owned());
    if !rest.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, " {}", rest.escape_ascii());
    }
    text
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    checksum_with(FORMAT_BYTE, key, body)
}

fn checksum_with(format: u8, key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[format]);
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        to.push(byte);
        if byte == 0 {
            to.push(0xff);
        }
    }
    to.extend([0, 1]);
}

fn put_lane(to: &mut Vec<u8>, lane: &Lane) {
    put_text(to, lane.provider.as_str());
    put_text(to, lane.region.as_str());
}

const fn market_byte(market: Market) -> u8 {
    match market {
        Market::Spot => 1,
        Market::OnDemand => 2,
    }
}

// What follows is the JSON. Each struct mirrors one of the core; taking those apart field by field makes a new field there
// fail to compile here until somebody has decided what it is on disk.
