//! A record as JSON: the body of a value, and a line of an export.

use policies::budget::Spend;
use policies::control::ledger::{Boot, Intent, Leaving, Machine, Note, Orphan, Record, WORDS};
use policies::control::orders::{Override, Setting};
use policies::demand::Hour;
use policies::failure::FailureKind;
use policies::model::{Lane, Market, Pool};
use policies::plan::{Cause, Closure, Memory, Outcomes, Place};
use policies::units::{Capacity, Money, PricePerHour, Time};
use serde::{Deserialize, Serialize};

use super::NOTE_TEXT_BYTES;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    Boot(BootLine),
    Proven(ProvenLine),
    Intent(IntentLine),
    Machine(MachineLine),
    Orphan(OrphanLine),
    Override(OverrideLine),
    Memory(MemoryLine),
    Spend(SpendLine),
    Hour(HourLine),
    Closure(ClosureLine),
    Note(NoteLine),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BootLine {
    number: u64,
    seed: u64,
    at_ms: i64,
    #[serde(skip_serializing_if = "is_false", default)]
    unproven: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProvenLine {
    fleet: String,
    provider: String,
    region: String,
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
pub(super) struct IntentLine {
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
pub(super) struct MachineLine {
    id: String,
    fleet: String,
    pool: PoolLine,
    units_milli: u64,
    price_micros: u64,
    born_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ready_ms: Option<i64>,
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
pub(super) struct OrphanLine {
    id: String,
    fleet: String,
    pool: PoolLine,
    since_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemoryLine {
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
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    launches: Vec<(i64, u32)>,
    /// Time in ms, ready, failed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    outcomes: Vec<(i64, u32, u32)>,
    #[serde(skip_serializing_if = "is_false", default)]
    on_trial: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideLine {
    fleet: String,
    setting: SettingLine,
    by: String,
    why: String,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SettingLine {
    Pause,
    /// Thousandths of a unit.
    Min(u64),
    /// Thousandths of a unit.
    Max(u64),
    /// Provider, region, machine.
    Protect(String, String, String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpendLine {
    fleet: String,
    at_ms: i64,
    day: i64,
    in_day_micros: i64,
    month: i64,
    in_month_micros: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HourLine {
    fleet: String,
    number: i64,
    sum_milli: u64,
    readings: u32,
    peak_milli: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosureLine {
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
pub(super) struct NoteLine {
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
            Record::Proven(fleet, lane) => Self::Proven(ProvenLine {
                fleet: fleet.as_str().to_owned(),
                provider: lane.provider.as_str().to_owned(),
                region: lane.region.as_str().to_owned(),
            }),
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
            Record::Machine(Machine { id, fleet, pool, units, price, born, ready, token, adopted, leaving }) => {
                Self::Machine(MachineLine {
                    id: id.as_str().to_owned(),
                    fleet: fleet.as_str().to_owned(),
                    pool: pool.into(),
                    units_milli: units.milli(),
                    price_micros: price.micros(),
                    born_ms: born.as_millis(),
                    ready_ms: ready.map(Time::as_millis),
                    token: token.as_ref().map(|t| t.as_str().to_owned()),
                    adopted: *adopted,
                    leaving: leaving.map(LeavingLine::from),
                })
            }
            Record::Orphan(Orphan { id, fleet, pool, since }) => Self::Orphan(OrphanLine {
                id: id.as_str().to_owned(),
                fleet: fleet.as_str().to_owned(),
                pool: pool.into(),
                since_ms: since.as_millis(),
            }),
            Record::Override(order) => Self::Override(order.into()),
            Record::Memory(fleet, memory) => Self::Memory(MemoryLine::of(fleet.as_str(), memory)),
            Record::Spend(fleet, Spend { at, day, in_day, month, in_month }) => Self::Spend(SpendLine {
                fleet: fleet.as_str().to_owned(),
                at_ms: at.as_millis(),
                day: *day,
                in_day_micros: in_day.micros(),
                month: *month,
                in_month_micros: in_month.micros(),
            }),
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
    /// The record, or what is wrong with the line.
    pub(super) fn into_record(self) -> Result<Record, String> {
        Ok(match self {
            Self::Boot(b) => Record::Boot(Boot {
                number: b.number,
                seed: b.seed,
                at: Time::from_millis(b.at_ms),
                unproven: b.unproven,
            }),
            Self::Proven(p) => {
                Record::Proven(p.fleet.into(), Lane { provider: p.provider.into(), region: p.region.into() })
            }
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
                ready: m.ready_ms.map(Time::from_millis),
                token: m.token.map(Into::into),
                adopted: m.adopted,
                leaving: m.leaving.map(LeavingLine::into_leaving).transpose()?,
            }),
            Self::Orphan(o) => Record::Orphan(Orphan {
                id: o.id.into(),
                fleet: o.fleet.into(),
                pool: o.pool.into(),
                since: Time::from_millis(o.since_ms),
            }),
            Self::Override(o) => Record::Override(o.into()),
            Self::Memory(m) => {
                let (fleet, memory) = m.into_memory();
                Record::Memory(fleet.into(), memory)
            }
            Self::Spend(s) => Record::Spend(
                s.fleet.into(),
                Spend {
                    at: Time::from_millis(s.at_ms),
                    day: s.day,
                    in_day: Money::from_micros(s.in_day_micros),
                    month: s.month,
                    in_month: Money::from_micros(s.in_month_micros),
                },
            ),
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

impl From<&Override> for OverrideLine {
    fn from(Override { fleet, setting, by, why, at, until }: &Override) -> Self {
        let setting = match setting {
            Setting::Pause => SettingLine::Pause,
            Setting::Min(to) => SettingLine::Min(to.milli()),
            Setting::Max(to) => SettingLine::Max(to.milli()),
            Setting::Protect(lane, id) => {
                let text = |text: &str| text.to_owned();
                SettingLine::Protect(text(lane.provider.as_str()), text(lane.region.as_str()), text(id.as_str()))
            }
        };
        Self {
            fleet: fleet.as_str().to_owned(),
            setting,
            by: by.clone(),
            why: why.clone(),
            at_ms: at.as_millis(),
            until_ms: until.map(Time::as_millis),
        }
    }
}

impl From<OverrideLine> for Override {
    fn from(line: OverrideLine) -> Self {
        let setting = match line.setting {
            SettingLine::Pause => Setting::Pause,
            SettingLine::Min(milli) => Setting::Min(Capacity::from_milli(milli)),
            SettingLine::Max(milli) => Setting::Max(Capacity::from_milli(milli)),
            SettingLine::Protect(provider, region, id) => {
                Setting::Protect(Lane { provider: provider.into(), region: region.into() }, id.into())
            }
        };
        Self {
            fleet: line.fleet.into(),
            setting,
            by: line.by,
            why: line.why,
            at: Time::from_millis(line.at_ms),
            until: line.until_ms.map(Time::from_millis),
        }
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
        let Memory { target, raised_at, lowered_at, peaks, watched_since, short_since, launches, outcomes, on_trial } =
            memory;
        let ms = |time: &Option<Time>| time.map(Time::as_millis);
        Self {
            fleet: fleet.to_owned(),
            target_milli: target.map(Capacity::milli),
            raised_ms: ms(raised_at),
            lowered_ms: ms(lowered_at),
            peaks: peaks.iter().map(|(at, need)| (at.as_millis(), need.milli())).collect(),
            watched_since_ms: ms(watched_since),
            short_since_ms: ms(short_since),
            launches: launches.iter().map(|(at, n)| (at.as_millis(), *n)).collect(),
            outcomes: outcomes.iter().map(|(at, o)| (at.as_millis(), o.ready, o.failed)).collect(),
            on_trial: *on_trial,
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
            launches: self.launches.into_iter().map(|(at, n)| (Time::from_millis(at), n)).collect(),
            outcomes: self
                .outcomes
                .into_iter()
                .map(|(at, ready, failed)| (Time::from_millis(at), Outcomes { ready, failed }))
                .collect(),
            on_trial: self.on_trial,
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
