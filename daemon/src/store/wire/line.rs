//! A record as JSON: the body of a value, and a line of an export.

use policies::budget::Spend;
use policies::control::decisions::Ended;
use policies::control::ledger::{Boot, Intent, Leaving, Machine, Note, Orphan, Record, WORDS};
use policies::control::orders::{Override, Setting};
use policies::demand::{Hour, Pace};
use policies::failure::FailureKind;
use policies::model::{Lane, Market, Pool};
use policies::plan::{Cause, Closure, Memory, Outcomes, Place};
use policies::units::{Capacity, Money, PricePerHour, Span, Time};
use serde::{Deserialize, Serialize};

use super::NOTE_TEXT_BYTES;
use super::decision::DecisionLine;

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
    Pace(PaceLine),
    Starts(StartsLine),
    Closure(ClosureLine),
    Decision(DecisionLine),
    Ended(EndedLine),
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
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    moves: Vec<(i64, u32)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    disturbed_ms: Option<i64>,
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
pub(super) struct PaceLine {
    fleet: String,
    source: String,
    done_milli: u64,
    work_milli_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartsLine {
    pool: PoolLine,
    took_ms: Vec<u64>,
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
pub(super) struct EndedLine {
    number: u64,
    at_ms: i64,
    machine: MachineLine,
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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    decision: Option<u64>,
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
            Record::Machine(machine) => Self::Machine(machine.into()),
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
            Record::Pace(fleet, source, Pace { done_milli, work_milli_s, since_done_milli_s: _ }) => {
                Self::Pace(PaceLine {
                    fleet: fleet.as_str().to_owned(),
                    source: source.as_str().to_owned(),
                    done_milli: *done_milli,
                    work_milli_s: *work_milli_s,
                })
            }
            Record::Starts(pool, starts) => Self::Starts(StartsLine {
                pool: pool.into(),
                took_ms: starts.iter().map(|took| took.as_millis()).collect(),
            }),
            Record::Closure(Closure { place, kind, until, strikes }) => Self::Closure(ClosureLine {
                place: place.into(),
                kind: kind.name().to_owned(),
                until_ms: until.as_millis(),
                strikes: *strikes,
            }),
            Record::Decision(part) => Self::Decision(part.into()),
            Record::Ended(Ended { number, at, machine }) => {
                Self::Ended(EndedLine { number: *number, at_ms: at.as_millis(), machine: machine.into() })
            }
            Record::Note(Note { number, at, fleet, what, text, decision }) => Self::Note(NoteLine {
                number: *number,
                at_ms: at.as_millis(),
                fleet: fleet.as_ref().map(|f| f.as_str().to_owned()),
                what: (*what).to_owned(),
                text: cut(text, NOTE_TEXT_BYTES).to_owned(),
                decision: *decision,
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
            Self::Machine(m) => Record::Machine(m.into_machine()?),
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
            Self::Pace(p) => Record::Pace(
                p.fleet.into(),
                p.source.into(),
                Pace { done_milli: p.done_milli, work_milli_s: p.work_milli_s, since_done_milli_s: 0 },
            ),
            Self::Starts(s) => Record::Starts(s.pool.into(), s.took_ms.into_iter().map(Span::from_millis).collect()),
            Self::Closure(c) => Record::Closure(Closure {
                place: c.place.into(),
                kind: FailureKind::from_name(&c.kind).ok_or_else(|| format!("unknown failure kind {:?}", c.kind))?,
                until: Time::from_millis(c.until_ms),
                strikes: c.strikes,
            }),
            Self::Decision(d) => Record::Decision(d.into()),
            Self::Ended(e) => Record::Ended(Ended {
                number: e.number,
                at: Time::from_millis(e.at_ms),
                machine: e.machine.into_machine()?,
            }),
            Self::Note(n) => {
                let known = WORDS.into_iter().find(|w| *w == n.what);
                Record::Note(Note {
                    number: n.number,
                    at: Time::from_millis(n.at_ms),
                    fleet: n.fleet.map(Into::into),
                    what: known.unwrap_or("other"),
                    text: if known.is_some() { n.text } else { format!("{}: {}", n.what, n.text) },
                    decision: n.decision,
                })
            }
        })
    }
}

impl From<&Machine> for MachineLine {
    fn from(machine: &Machine) -> Self {
        let Machine { id, fleet, pool, units, price, born, ready, token, adopted, leaving } = machine;
        Self {
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
        }
    }
}

impl MachineLine {
    fn into_machine(self) -> Result<Machine, String> {
        Ok(Machine {
            id: self.id.into(),
            fleet: self.fleet.into(),
            pool: self.pool.into(),
            units: Capacity::from_milli(self.units_milli),
            price: PricePerHour::from_micros(self.price_micros),
            born: Time::from_millis(self.born_ms),
            ready: self.ready_ms.map(Time::from_millis),
            token: self.token.map(Into::into),
            adopted: self.adopted,
            leaving: self.leaving.map(LeavingLine::into_leaving).transpose()?,
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
        let Memory {
            target,
            raised_at,
            lowered_at,
            peaks,
            watched_since,
            short_since,
            launches,
            outcomes,
            on_trial,
            moves,
            disturbed_at,
        } = memory;
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
            moves: moves.iter().map(|(at, n)| (at.as_millis(), *n)).collect(),
            disturbed_ms: ms(disturbed_at),
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
            moves: self.moves.into_iter().map(|(at, n)| (Time::from_millis(at), n)).collect(),
            disturbed_at: time(self.disturbed_ms),
        };
        (self.fleet, memory)
    }
}

/// The start of a text whose JSON is at most so many bytes long.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut json = 0;
    for (at, c) in text.char_indices() {
        json += match c {
            '"' | '\\' => 2,
            c if c.is_ascii_control() => 6,
            c => c.len_utf8(),
        };
        if json > bytes {
            return &text[..at];
        }
    }
    text
}
