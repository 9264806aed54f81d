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

use policies::control::ledger::{Boot, Intent, Key, Leaving, Machine, Note, Record, WORDS};
use policies::demand::Hour;
use policies::failure::FailureKind;
use policies::model::{Lane, Market, Pool};
use policies::plan::{Cause, Closure, Memory, Place};
use policies::units::{Capacity, PricePerHour, Time};
use serde::{Deserialize, Serialize};

use super::FORMAT;

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
    /// Open intents.
    Intent,
    /// Machines.
    Machine,
    /// Fleet memories.
    Memory,
    /// Hours of demand.
    Hour,
    /// Closures.
    Closure,
    /// Notes.
    Note,
}

impl Kind {
    /// Every kind, in the order of their keys.
    pub const ALL: [Self; 7] =
        [Self::Boot, Self::Intent, Self::Machine, Self::Memory, Self::Hour, Self::Closure, Self::Note];

    /// Its name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Intent => "intent",
            Self::Machine => "machine",
            Self::Memory => "memory",
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
            Self::Intent => 0x20,
            Self::Machine => 0x30,
            Self::Memory => 0x40,
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
            Record::Intent(_) => Self::Intent,
            Record::Machine(_) => Self::Machine,
            Record::Memory(..) => Self::Memory,
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
        Key::Intent(token) => {
            to.push(Kind::Intent.byte());
            put_text(&mut to, token.as_str());
        }
        Key::Machine(lane, id) => {
            to.push(Kind::Machine.byte());
            put_lane(&mut to, lane);
            put_text(&mut to, id.as_str());
        }
        Key::Memory(fleet) => {
            to.push(Kind::Memory.byte());
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

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Boot(BootLine),
    Intent(IntentLine),
    Machine(MachineLine),
    Memory(MemoryLine),
    Hour(HourLine),
    Closure(ClosureLine),
    Note(NoteLine),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BootLine {
    number: u64,
    seed: u64,
    at_ms: i64,
    #[serde(skip_serializing_if = "is_false", default)]
    unproven: bool,
}

/// Provider, region, zone, instance type, market.
#[derive(Serialize, Deserialize)]
struct PoolLine(String, String, String, String, MarketLine);

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum MarketLine {
    Spot,
    OnDemand,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntentLine {
    token: String,
    fleet: String,
    pool: PoolLine,
    spec: String,
    count: u32,
    units_milli: u64,
    price_micros: u64,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineLine {
    id: String,
    fleet: String,
    pool: PoolLine,
    units_milli: u64,
    price_micros: u64,
    born_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    token: Option<String>,
    #[serde(skip_serializing_if = "is_false", default)]
    adopted: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    leaving: Option<LeavingLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeavingLine {
    why: String,
    since_ms: i64,
    until_ms: i64,
    #[serde(skip_serializing_if = "is_false", default)]
    ordered: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryLine {
    fleet: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    target_milli: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    raised_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lowered_ms: Option<i64>,
    /// Pairs of time and need, in ms and thousandths.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    peaks: Vec<(i64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    watched_since_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    short_since_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HourLine {
    fleet: String,
    number: i64,
    sum_milli: u64,
    readings: u32,
    peak_milli: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosureLine {
    place: PlaceLine,
    kind: String,
    until_ms: i64,
    strikes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PlaceLine {
    Pool(PoolLine),
    /// Provider, region, market.
    LaneMarket(String, String, MarketLine),
    /// Provider, region.
    Lane(String, String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteLine {
    number: u64,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    fleet: Option<String>,
    what: String,
    text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        match record {
            Record::Boot(Boot { number, seed, at, unproven }) => {
                Self::Boot(BootLine { number: *number, seed: *seed, at_ms: at.as_millis(), unproven: *unproven })
            }
            Record::Intent(Intent { token, fleet, pool, spec, count, units, price, at }) => Self::Intent(IntentLine {
                token: token.as_str().to_owned(),
                fleet: fleet.as_str().to_owned(),
                pool: pool.into(),
                spec: spec.as_str().to_owned(),
                count: *count,
                units_milli: units.milli(),
                price_micros: price.micros(),
                at_ms: at.as_millis(),
            }),
            Record::Machine(Machine { id, fleet, pool, units, price, born, token, adopted, leaving }) => {
                Self::Machine(MachineLine {
                    id: id.as_str().to_owned(),
                    fleet: fleet.as_str().to_owned(),
                    pool: pool.into(),
                    units_milli: units.milli(),
                    price_micros: price.micros(),
                    born_ms: born.as_millis(),
                    token: token.as_ref().map(|t| t.as_str().to_owned()),
                    adopted: *adopted,
                    leaving: leaving.map(LeavingLine::from),
                })
            }
            Record::Memory(fleet, memory) => Self::Memory(MemoryLine::of(fleet.as_str(), memory)),
            Record::Hour(fleet, number, Hour { sum_milli, readings, peak }) => Self::Hour(HourLine {
                fleet: fleet.as_str().to_owned(),
                number: *number,
                sum_milli: *sum_milli,
                readings: *readings,
                peak_milli: peak.milli(),
            }),
            Record::Closure(Closure { place, kind, until, strikes }) => Self::Closure(ClosureLine {
                place: place.into(),
                kind: kind.name().to_owned(),
                until_ms: until.as_millis(),
                strikes: *strikes,
            }),
            Record::Note(Note { number, at, fleet, what, text }) => Self::Note(NoteLine {
                number: *number,
                at_ms: at.as_millis(),
                fleet: fleet.as_ref().map(|f| f.as_str().to_owned()),
                what: (*what).to_owned(),
                text: cut(text).to_owned(),
            }),
        }
    }
}

impl Line {
    fn into_record(self) -> Result<Record, String> {
        Ok(match self {
            Self::Boot(b) => Record::Boot(Boot {
                number: b.number,
                seed: b.seed,
                at: Time::from_millis(b.at_ms),
                unproven: b.unproven,
            }),
            Self::Intent(i) => Record::Intent(Intent {
                token: i.token.into(),
                fleet: i.fleet.into(),
                pool: i.pool.into(),
                spec: i.spec.into(),
                count: i.count,
                units: Capacity::from_milli(i.units_milli),
                price: PricePerHour::from_micros(i.price_micros),
                at: Time::from_millis(i.at_ms),
            }),
            Self::Machine(m) => Record::Machine(Machine {
                id: m.id.into(),
                fleet: m.fleet.into(),
                pool: m.pool.into(),
                units: Capacity::from_milli(m.units_milli),
                price: PricePerHour::from_micros(m.price_micros),
                born: Time::from_millis(m.born_ms),
                token: m.token.map(Into::into),
                adopted: m.adopted,
                leaving: m.leaving.map(LeavingLine::into_leaving).transpose()?,
            }),
            Self::Memory(m) => {
                let (fleet, memory) = m.into_memory();
                Record::Memory(fleet.into(), memory)
            }
            Self::Hour(h) => Record::Hour(
                h.fleet.into(),
                h.number,
                Hour { sum_milli: h.sum_milli, readings: h.readings, peak: Capacity::from_milli(h.peak_milli) },
            ),
            Self::Closure(c) => Record::Closure(Closure {
                place: c.place.into(),
                kind: FailureKind::from_name(&c.kind).ok_or_else(|| format!("unknown failure kind {:?}", c.kind))?,
                until: Time::from_millis(c.until_ms),
                strikes: c.strikes,
            }),
            Self::Note(n) => {
                let known = WORDS.into_iter().find(|w| *w == n.what);
                Record::Note(Note {
                    number: n.number,
                    at: Time::from_millis(n.at_ms),
                    fleet: n.fleet.map(Into::into),
                    what: known.unwrap_or("other"),
                    text: if known.is_some() { n.text } else { format!("{}: {}", n.what, n.text) },
                })
            }
        })
    }
}

impl From<&Pool> for PoolLine {
    fn from(pool: &Pool) -> Self {
        Self(
            pool.provider().as_str().to_owned(),
            pool.region().as_str().to_owned(),
            pool.zone().as_str().to_owned(),
            pool.instance_type().as_str().to_owned(),
            pool.market().into(),
        )
    }
}

impl From<PoolLine> for Pool {
    fn from(PoolLine(provider, region, zone, kind, market): PoolLine) -> Self {
        Self::new(&provider, &region, &zone, &kind, market.into())
    }
}

impl From<Market> for MarketLine {
    fn from(market: Market) -> Self {
        match market {
            Market::Spot => Self::Spot,
            Market::OnDemand => Self::OnDemand,
        }
    }
}

impl From<MarketLine> for Market {
    fn from(market: MarketLine) -> Self {
        match market {
            MarketLine::Spot => Self::Spot,
            MarketLine::OnDemand => Self::OnDemand,
        }
    }
}

impl From<&Place> for PlaceLine {
    fn from(place: &Place) -> Self {
        let names = |lane: &Lane| (lane.provider.as_str().to_owned(), lane.region.as_str().to_owned());
        match place {
            Place::Pool(pool) => Self::Pool(pool.into()),
            Place::LaneMarket(lane, market) => {
                let (provider, region) = names(lane);
                Self::LaneMarket(provider, region, (*market).into())
            }
            Place::Lane(lane) => {
                let (provider, region) = names(lane);
                Self::Lane(provider, region)
            }
        }
    }
}

impl From<PlaceLine> for Place {
    fn from(place: PlaceLine) -> Self {
        let lane = |provider: String, region: String| Lane { provider: provider.into(), region: region.into() };
        match place {
            PlaceLine::Pool(pool) => Self::Pool(pool.into()),
            PlaceLine::LaneMarket(provider, region, market) => Self::LaneMarket(lane(provider, region), market.into()),
            PlaceLine::Lane(provider, region) => Self::Lane(lane(provider, region)),
        }
    }
}

impl From<Leaving> for LeavingLine {
    fn from(Leaving { why, since, until, ordered }: Leaving) -> Self {
        Self { why: why.name().to_owned(), since_ms: since.as_millis(), until_ms: until.as_millis(), ordered }
    }
}

impl LeavingLine {
    fn into_leaving(self) -> Result<Leaving, String> {
        Ok(Leaving {
            why: Cause::from_name(&self.why).ok_or_else(|| format!("unknown cause {:?}", self.why))?,
            since: Time::from_millis(self.since_ms),
            until: Time::from_millis(self.until_ms),
            ordered: self.ordered,
        })
    }
}

impl MemoryLine {
    fn of(fleet: &str, memory: &Memory) -> Self {
        let Memory { target, raised_at, lowered_at, peaks, watched_since, short_since } = memory;
        let ms = |time: &Option<Time>| time.map(Time::as_millis);
        Self {
            fleet: fleet.to_owned(),
            target_milli: target.map(Capacity::milli),
            raised_ms: ms(raised_at),
            lowered_ms: ms(lowered_at),
            peaks: peaks.iter().map(|(at, need)| (at.as_millis(), need.milli())).collect(),
            watched_since_ms: ms(watched_since),
            short_since_ms: ms(short_since),
        }
    }

    fn into_memory(self) -> (String, Memory) {
        let time = |ms: Option<i64>| ms.map(Time::from_millis);
        let peaks = self.peaks.into_iter().map(|(at, need)| (Time::from_millis(at), Capacity::from_milli(need)));
        let memory = Memory {
            target: self.target_milli.map(Capacity::from_milli),
            raised_at: time(self.raised_ms),
            lowered_at: time(self.lowered_ms),
            peaks: peaks.collect(),
            watched_since: time(self.watched_since_ms),
            short_since: time(self.short_since_ms),
        };
        (self.fleet, memory)
    }
}

/// The start of a text whose JSON is at most [`NOTE_TEXT_BYTES`] long.
fn cut(text: &str) -> &str {
    let mut json = 0;
    for (at, c) in text.char_indices() {
        json += match c {
            '"' | '\\' => 2,
            c if c.is_ascii_control() => 6,
            c => c.len_utf8(),
        };
        if json > NOTE_TEXT_BYTES {
            return &text[..at];
        }
    }
    text
}
