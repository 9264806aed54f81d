//! Observations as JSON. What this says of a type of the core is a mirror of it: see [`crate::mirror`].

use std::collections::BTreeMap;
use std::sync::Arc;

use policies::budget::{AtLimit, Budget, Purse, Whose};
use policies::cost::Rates;
use policies::demand::{Demand, History, Hour, Level, Pace, Reading, Sample};
use policies::failure::FailureKind;
use policies::model::{
    DemandRules, Fleet, FleetName, ForecastRule, InstanceId, InstanceType, Lane, Market, MaxShare, MetricRule,
    MissingRule, MoveRules, Offer, OnDemandRules, Pool, QueueRule, ScaleDown, ScaleUp, ScheduleName, Shape, SourceName,
    SourceRule, SpecName, SpotRules, Strategy, Survive, Token, Unit,
};
use policies::plan::{Closure, Holding, HoldingId, LaneState, Memory, Observation, Outcomes, Place, Standing, Work};
use policies::schedule::{Cron, DayRule, End, Fields, Schedule, TimeZone};
use policies::units::{Capacity, Currency, ListPrice, Money, PerHour, PricePerHour, Share, Span, Time, UnitPrice};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mirror::{
    AtLimitMirror, BasisPoints, CurrencyMirror, KindName, LaneMirror, Many, Map, MarketMirror, Maybe, Micros, Milli,
    Millis, Mirror, Name, Nanos, Pair, PoolMirror, WhoseMirror, mirrors,
};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Observation", deny_unknown_fields)]
pub(super) struct ObservationMirror {
    #[serde(rename = "now_ms", with = "Millis")]
    now: Time,
    #[serde(with = "FleetMirror")]
    fleet: Fleet,
    paused: bool,
    #[serde(with = "MemoryMirror")]
    memory: Memory,
    #[serde(with = "DemandMirror")]
    demand: Demand,
    #[serde(with = "HistoryMirror")]
    history: History,
    #[serde(with = "Many::<HoldingMirror>")]
    holdings: Vec<Holding>,
    #[serde(with = "Many::<OfferMirror>")]
    offers: Vec<Offer>,
    #[serde(with = "Many::<ClosureMirror>")]
    closures: Vec<Closure>,
    #[serde(with = "Map::<LaneMirror, LaneStateMirror>")]
    lanes: BTreeMap<Lane, LaneState>,
    #[serde(with = "RatesMirror")]
    rates: Rates,
    #[serde(with = "Many::<PurseMirror>")]
    purses: Vec<Purse>,
    #[serde(rename = "lead_ms", with = "Millis")]
    lead: Span,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Fleet", deny_unknown_fields)]
struct FleetMirror {
    #[serde(with = "Name")]
    name: FleetName,
    labels: BTreeMap<String, String>,
    #[serde(with = "UnitMirror")]
    unit: Unit,
    #[serde(rename = "weights_milli", with = "Map::<Name, Milli>")]
    weights: BTreeMap<InstanceType, Capacity>,
    #[serde(rename = "min_milli", with = "Milli")]
    min: Capacity,
    #[serde(rename = "max_milli", with = "Milli")]
    max: Capacity,
    #[serde(with = "Many::<ScheduleMirror>")]
    schedules: Vec<Schedule>,
    #[serde(with = "DemandRulesMirror")]
    demand: DemandRules,
    #[serde(with = "OnDemandRulesMirror")]
    on_demand: OnDemandRules,
    #[serde(with = "SpotRulesMirror")]
    spot: SpotRules,
    #[serde(with = "ScaleUpMirror")]
    scale_up: ScaleUp,
    #[serde(with = "ScaleDownMirror")]
    scale_down: ScaleDown,
    #[serde(with = "Maybe::<BudgetMirror>")]
    budget: Option<Budget>,
    #[serde(with = "Maybe::<SurviveMirror>")]
    survive: Option<Survive>,
    #[serde(with = "Map::<PoolMirror, Name>")]
    pools: BTreeMap<Pool, SpecName>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Survive", rename_all = "kebab-case")]
enum SurviveMirror {
    Zone,
    Region,
    Provider,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Strategy", rename_all = "kebab-case")]
enum StrategyMirror {
    PriceCapacity,
    LowestPrice,
    Capacity,
    Diversified,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "MoveRules", deny_unknown_fields)]
struct MoveRulesMirror {
    #[serde(rename = "min_saving_bp", with = "BasisPoints")]
    min_saving: Share,
    #[serde(rename = "pays_back_within_ms", with = "Millis")]
    pays_back_within: Span,
    max_per_hour: u32,
    #[serde(rename = "max_share_bp", with = "BasisPoints")]
    max_share: Share,
    #[serde(rename = "calm_ms", with = "Millis")]
    calm: Span,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Work", rename_all = "kebab-case")]
enum WorkMirror {
    Unknown,
    Idle,
    Busy,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Unit", rename_all = "kebab-case")]
enum UnitMirror {
    Instance,
    Vcpu,
    Gpu,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Schedule", deny_unknown_fields)]
struct ScheduleMirror {
    #[serde(with = "Name")]
    name: ScheduleName,
    #[serde(with = "CronMirror")]
    from: Cron,
    #[serde(with = "EndMirror")]
    end: End,
    #[serde(with = "ZoneMirror")]
    zone: Arc<TimeZone>,
    #[serde(rename = "min_milli", with = "Maybe::<Milli>")]
    min: Option<Capacity>,
    #[serde(rename = "max_milli", with = "Maybe::<Milli>")]
    max: Option<Capacity>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "End", rename_all = "kebab-case")]
enum EndMirror {
    At(#[serde(with = "CronMirror")] Cron),
    /// Milliseconds.
    After(#[serde(with = "Millis")] Span),
}

/// An expression: how it is written, and the minutes it has.
struct CronMirror;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CronParts {
    text: String,
    #[serde(with = "FieldsMirror")]
    fields: Fields,
}

impl Mirror<Cron> for CronMirror {
    fn serialize<S: Serializer>(cron: &Cron, to: S) -> Result<S::Ok, S::Error> {
        CronParts { text: cron.as_str().to_owned(), fields: cron.fields() }.serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cron, D::Error> {
        let CronParts { text, fields } = CronParts::deserialize(from)?;
        Cron::new(&text, fields).ok_or_else(|| D::Error::custom("an expression that never fires"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Fields", deny_unknown_fields)]
struct FieldsMirror {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    #[serde(with = "DayRuleMirror")]
    rule: DayRule,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "DayRule", rename_all = "kebab-case")]
enum DayRuleMirror {
    Both,
    Either,
}

/// A time zone: its name and its changes, so that a later edition of the time zone database changes no decision.
struct ZoneMirror;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneParts {
    name: String,
    first_s: i32,
    /// Time in ms, seconds ahead of UTC from then on.
    changes: Vec<(i64, i32)>,
}

impl Mirror<Arc<TimeZone>> for ZoneMirror {
    fn serialize<S: Serializer>(zone: &Arc<TimeZone>, to: S) -> Result<S::Ok, S::Error> {
        let changes = zone.changes().iter().map(|(at, seconds)| (at.as_millis(), *seconds)).collect();
        ZoneParts { name: zone.name().to_owned(), first_s: zone.first(), changes }.serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<TimeZone>, D::Error> {
        let ZoneParts { name, first_s, changes } = ZoneParts::deserialize(from)?;
        let changes = changes.into_iter().map(|(at, seconds)| (Time::from_millis(at), seconds)).collect();
        let zone = TimeZone::new(&name, first_s, changes);
        zone.map(Arc::new).ok_or_else(|| D::Error::custom("a time zone with clocks out of order"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "DemandRules", deny_unknown_fields)]
struct DemandRulesMirror {
    #[serde(with = "Map::<Name, SourceRuleMirror>")]
    sources: BTreeMap<SourceName, SourceRule>,
    #[serde(with = "Maybe::<ForecastRuleMirror>")]
    forecast: Option<ForecastRule>,
    #[serde(rename = "headroom_bp", with = "BasisPoints")]
    headroom: Share,
    #[serde(with = "MissingRuleMirror")]
    on_missing: MissingRule,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SourceRule", rename_all = "kebab-case")]
enum SourceRuleMirror {
    Queue(#[serde(with = "QueueRuleMirror")] QueueRule),
    Metric(#[serde(with = "MetricRuleMirror")] MetricRule),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "MetricRule", deny_unknown_fields)]
struct MetricRuleMirror {
    target_milli: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "QueueRule", deny_unknown_fields)]
struct QueueRuleMirror {
    #[serde(rename = "jobs_per_unit_hour_milli", with = "Maybe::<Milli>")]
    jobs_per_unit_hour: Option<PerHour>,
    #[serde(rename = "drain_within_ms", with = "Millis")]
    drain_within: Span,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ForecastRule", deny_unknown_fields)]
struct ForecastRuleMirror {
    #[serde(rename = "horizon_ms", with = "Millis")]
    horizon: Span,
    #[serde(rename = "quantile_bp", with = "BasisPoints")]
    quantile: Share,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "MissingRule", deny_unknown_fields)]
struct MissingRuleMirror {
    #[serde(rename = "hold_ms", with = "Millis")]
    hold: Span,
    #[serde(rename = "then_milli", with = "Maybe::<Milli>")]
    then: Option<Capacity>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnDemandRules", deny_unknown_fields)]
struct OnDemandRulesMirror {
    #[serde(rename = "base_milli", with = "Milli")]
    base: Capacity,
    #[serde(rename = "fallback_after_ms", with = "Maybe::<Millis>")]
    fallback_after: Option<Span>,
    return_to_spot: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SpotRules", deny_unknown_fields)]
struct SpotRulesMirror {
    #[serde(rename = "max_price_of_on_demand_bp", with = "Maybe::<BasisPoints>")]
    max_price_of_on_demand: Option<Share>,
    #[serde(rename = "max_price_per_unit_nanos", with = "Maybe::<Nanos>")]
    max_price_per_unit: Option<UnitPrice>,
    min_pools: u32,
    #[serde(with = "MaxShareMirror")]
    max_share: MaxShare,
    #[serde(with = "StrategyMirror")]
    strategy: Strategy,
    #[serde(with = "Maybe::<MoveRulesMirror>")]
    moves: Option<MoveRules>,
    #[serde(rename = "max_price_age_ms", with = "Maybe::<Millis>")]
    max_price_age: Option<Span>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "MaxShare", deny_unknown_fields)]
struct MaxShareMirror {
    #[serde(rename = "pool_bp", with = "BasisPoints")]
    pool: Share,
    #[serde(rename = "zone_bp", with = "BasisPoints")]
    zone: Share,
    #[serde(rename = "region_bp", with = "BasisPoints")]
    region: Share,
    #[serde(rename = "provider_bp", with = "BasisPoints")]
    provider: Share,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ScaleUp", deny_unknown_fields)]
struct ScaleUpMirror {
    #[serde(rename = "cooldown_ms", with = "Millis")]
    cooldown: Span,
    #[serde(rename = "max_step_bp", with = "Maybe::<BasisPoints>")]
    max_step: Option<Share>,
    max_launches_per_hour: u32,
    #[serde(rename = "ready_within_ms", with = "Maybe::<Millis>")]
    ready_within: Option<Span>,
    #[serde(rename = "halt_above_bp", with = "Maybe::<BasisPoints>")]
    halt_above: Option<Share>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ScaleDown", deny_unknown_fields)]
struct ScaleDownMirror {
    #[serde(rename = "cooldown_ms", with = "Millis")]
    cooldown: Span,
    #[serde(rename = "idle_grace_ms", with = "Millis")]
    idle_grace: Span,
    #[serde(rename = "drain_timeout_ms", with = "Millis")]
    drain_timeout: Span,
    #[serde(rename = "max_step_bp", with = "Maybe::<BasisPoints>")]
    max_step: Option<Share>,
    #[serde(rename = "min_life_ms", with = "Millis")]
    min_life: Span,
    drain_hook: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Budget", deny_unknown_fields)]
struct BudgetMirror {
    #[serde(rename = "per_hour_micros", with = "Maybe::<Micros>")]
    per_hour: Option<PricePerHour>,
    #[serde(rename = "per_day_micros", with = "Maybe::<Micros>")]
    per_day: Option<Money>,
    #[serde(rename = "per_month_micros", with = "Maybe::<Micros>")]
    per_month: Option<Money>,
    #[serde(rename = "alert_at_bp", with = "BasisPoints")]
    alert_at: Share,
    #[serde(with = "AtLimitMirror")]
    at_limit: AtLimit,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Memory", deny_unknown_fields)]
struct MemoryMirror {
    #[serde(rename = "target_milli", with = "Maybe::<Milli>")]
    target: Option<Capacity>,
    #[serde(rename = "raised_ms", with = "Maybe::<Millis>")]
    raised_at: Option<Time>,
    #[serde(rename = "lowered_ms", with = "Maybe::<Millis>")]
    lowered_at: Option<Time>,
    /// Pairs of time and need, in ms and thousandths.
    #[serde(with = "Many::<Pair<Millis, Milli>>")]
    peaks: Vec<(Time, Capacity)>,
    #[serde(rename = "watched_since_ms", with = "Maybe::<Millis>")]
    watched_since: Option<Time>,
    #[serde(rename = "short_since_ms", with = "Maybe::<Millis>")]
    short_since: Option<Time>,
    /// Pairs of time in ms and machines.
    #[serde(with = "Many::<Pair<Millis, Count>>")]
    launches: Vec<(Time, u32)>,
    #[serde(with = "Many::<Pair<Millis, OutcomesMirror>>")]
    outcomes: Vec<(Time, Outcomes)>,
    on_trial: bool,
    /// Pairs of time in ms and machines.
    #[serde(with = "Many::<Pair<Millis, Count>>")]
    moves: Vec<(Time, u32)>,
    #[serde(rename = "disturbed_ms", with = "Maybe::<Millis>")]
    disturbed_at: Option<Time>,
}

/// A bare number.
struct Count;

impl Mirror<u32> for Count {
    fn serialize<S: Serializer>(n: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(*n)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        u32::deserialize(from)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Outcomes", deny_unknown_fields)]
struct OutcomesMirror {
    ready: u32,
    failed: u32,
}

/// Demand, by source: its readings, with the capacity that was ready at each, since when they fail, and how fast work was
/// done.
struct DemandMirror;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceParts {
    #[serde(with = "Name")]
    source: SourceName,
    #[serde(with = "Many::<Pair<SampleMirror, Milli>>")]
    readings: Vec<(Sample, Capacity)>,
    #[serde(with = "Maybe::<LevelMirror>")]
    level: Option<Level>,
    #[serde(rename = "missing_since_ms", with = "Maybe::<Millis>")]
    missing_since: Option<Time>,
    #[serde(with = "PaceMirror")]
    pace: Pace,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Level", deny_unknown_fields)]
struct LevelMirror {
    #[serde(rename = "at_ms", with = "Millis")]
    at: Time,
    milli: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Pace", deny_unknown_fields)]
struct PaceMirror {
    done_milli: u64,
    work_milli_s: u64,
    since_done_milli_s: u64,
}

impl Mirror<Demand> for DemandMirror {
    fn serialize<S: Serializer>(demand: &Demand, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(demand.sources().map(|(source, readings)| SourceParts {
            source: source.clone(),
            readings: readings.samples().collect(),
            level: readings.level(),
            missing_since: readings.missing_since(),
            pace: readings.pace(),
        }))
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Demand, D::Error> {
        let mut demand = Demand::default();
        for SourceParts { source, readings, level, missing_since, pace } in Vec::<SourceParts>::deserialize(from)? {
            let known = demand.of_mut(&source);
            for (sample, ready) in readings {
                known.record(Reading::Jobs(sample), ready);
            }
            if let Some(level) = level {
                known.record(Reading::Value(level), Capacity::ZERO);
            }
            if let Some(since) = missing_since {
                known.missed(since);
            }
            known.restore(pace);
        }
        Ok(demand)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Sample", deny_unknown_fields)]
struct SampleMirror {
    #[serde(rename = "at_ms", with = "Millis")]
    at: Time,
    waiting: u64,
    in_flight: u64,
    arrived_total: Option<u64>,
}

/// Hours of need, as pairs of number and hour.
struct HistoryMirror;

#[derive(Serialize, Deserialize)]
struct HourParts(i64, #[serde(with = "HourMirror")] Hour);

impl Mirror<History> for HistoryMirror {
    fn serialize<S: Serializer>(history: &History, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(history.hours().map(|(number, hour)| HourParts(number, *hour)))
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<History, D::Error> {
        let mut history = History::default();
        for HourParts(number, hour) in Vec::<HourParts>::deserialize(from)? {
            history.restore(number, hour);
        }
        Ok(history)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Hour", deny_unknown_fields)]
struct HourMirror {
    sum_milli: u64,
    readings: u32,
    #[serde(rename = "peak_milli", with = "Milli")]
    peak: Capacity,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Holding", deny_unknown_fields)]
struct HoldingMirror {
    #[serde(with = "HoldingIdMirror")]
    id: HoldingId,
    #[serde(with = "PoolMirror")]
    pool: Pool,
    #[serde(rename = "units_milli", with = "Milli")]
    units: Capacity,
    count: u32,
    #[serde(with = "StandingMirror")]
    standing: Standing,
    #[serde(rename = "born_ms", with = "Millis")]
    born: Time,
    #[serde(rename = "notice_ms", with = "Maybe::<Millis>")]
    notice: Option<Time>,
    protected: bool,
    ran: bool,
    #[serde(rename = "paid_micros", with = "Micros")]
    paid: PricePerHour,
    #[serde(with = "WorkMirror")]
    work: Work,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "HoldingId", rename_all = "kebab-case")]
enum HoldingIdMirror {
    Machine(#[serde(with = "Name")] InstanceId),
    Promise(#[serde(with = "Name")] Token),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Standing", rename_all = "kebab-case", deny_unknown_fields)]
enum StandingMirror {
    Promised,
    Starting,
    Running,
    Draining {
        #[serde(rename = "until_ms", with = "Millis")]
        until: Time,
    },
    Ending,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Offer", deny_unknown_fields)]
struct OfferMirror {
    #[serde(with = "PoolMirror")]
    pool: Pool,
    #[serde(with = "ListPriceMirror")]
    price: ListPrice,
    #[serde(rename = "priced_ms", with = "Millis")]
    priced_at: Time,
    #[serde(with = "ShapeMirror")]
    shape: Shape,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ListPrice", deny_unknown_fields)]
struct ListPriceMirror {
    micros: u64,
    #[serde(with = "CurrencyMirror")]
    currency: Currency,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Shape", deny_unknown_fields)]
struct ShapeMirror {
    vcpus: u32,
    gpus: u32,
    memory_mib: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Closure", deny_unknown_fields)]
struct ClosureMirror {
    #[serde(with = "PlaceMirror")]
    place: Place,
    #[serde(with = "KindName")]
    kind: FailureKind,
    #[serde(rename = "until_ms", with = "Millis")]
    until: Time,
    strikes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Place", rename_all = "kebab-case")]
enum PlaceMirror {
    Pool(#[serde(with = "PoolMirror")] Pool),
    LaneMarket(#[serde(with = "LaneMirror")] Lane, #[serde(with = "MarketMirror")] Market),
    Lane(#[serde(with = "LaneMirror")] Lane),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LaneState", deny_unknown_fields)]
struct LaneStateMirror {
    seen: bool,
    launch_batch: u32,
    #[serde(rename = "priced_ms", with = "Maybe::<Millis>")]
    priced_at: Option<Time>,
}

/// Rates of exchange: the reporting currency, and millionths of it for one of each other.
struct RatesMirror;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RatesParts {
    #[serde(with = "CurrencyMirror")]
    reporting: Currency,
    #[serde(rename = "others_micros", with = "Many::<RateMirror>")]
    others: Vec<(Currency, u64)>,
}

/// A currency and its rate.
struct RateMirror;

#[derive(Serialize, Deserialize)]
struct RateParts(#[serde(with = "CurrencyMirror")] Currency, u64);

impl Mirror<(Currency, u64)> for RateMirror {
    fn serialize<S: Serializer>(rate: &(Currency, u64), to: S) -> Result<S::Ok, S::Error> {
        RateParts(rate.0, rate.1).serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(Currency, u64), D::Error> {
        RateParts::deserialize(from).map(|RateParts(currency, micros)| (currency, micros))
    }
}

impl Mirror<Rates> for RatesMirror {
    fn serialize<S: Serializer>(rates: &Rates, to: S) -> Result<S::Ok, S::Error> {
        RatesParts { reporting: rates.reporting(), others: rates.others().collect() }.serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Rates, D::Error> {
        RatesParts::deserialize(from).map(|RatesParts { reporting, others }| Rates::new(reporting, &others))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Purse", deny_unknown_fields)]
struct PurseMirror {
    #[serde(with = "WhoseMirror")]
    whose: Whose,
    #[serde(with = "BudgetMirror")]
    budget: Budget,
    #[serde(rename = "in_day_micros", with = "Micros")]
    in_day: Money,
    #[serde(rename = "in_month_micros", with = "Micros")]
    in_month: Money,
    #[serde(rename = "day_ends_ms", with = "Millis")]
    day_ends: Time,
    #[serde(rename = "month_ends_ms", with = "Millis")]
    month_ends: Time,
    #[serde(rename = "others_micros", with = "Micros")]
    others: PricePerHour,
}

mirrors! {
    ScheduleMirror => Schedule,
    BudgetMirror => Budget,
    SourceRuleMirror => SourceRule,
    SurviveMirror => Survive,
    MoveRulesMirror => MoveRules,
    LevelMirror => Level,
    ForecastRuleMirror => ForecastRule,
    OutcomesMirror => Outcomes,
    SampleMirror => Sample,
    HoldingMirror => Holding,
    OfferMirror => Offer,
    ClosureMirror => Closure,
    LaneStateMirror => LaneState,
    PurseMirror => Purse,
}
