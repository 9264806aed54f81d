//! The rules of a story's fleet, in words. What a story does not name is out of its way: no bound, no wait, no cap.
//!
//! | words | rule |
//! |---|---|
//! | `min 2`, `max 100` | bounds of the target (0 and 100) |
//! | `unit gpu`, `weight small 1.5` | what capacity counts (machines) |
//! | `rate 60`, `rate learned`, `drain-within 10m`, `no-queue` | jobs a unit does in an hour (60), time for the backlog (10m) |
//! | `metric load 50` | a metric of this name, of which so much stands for one unit |
//! | `headroom 10%` | added to the need |
//! | `hold 15m`, `then 10` | missing data: keep the last target so long (15m), then want this (keep on) |
//! | `forecast 1h quantile 90%` | look so far ahead |
//! | `base 2`, `fallback 5m`, `return no` | on-demand: base (0), bridge after (never), return to spot (yes) |
//! | `cap 70%`, `cap-per-unit 0.05` | price caps of spot |
//! | `strategy capacity` | in what order pools are bought from (price-capacity) |
//! | `survive zone` | what the minimum survives (nothing) |
//! | `moves 20% within 1h an-hour 4 at-once 10% calm 30m` | moves to cheaper pools (none) |
//! | `min-pools 4`, `share pool 40%` | spread; `share` also of `zone`, `region`, `provider` |
//! | `cooldown-up 60s`, `cooldown-down 10m`, `step-up 50%`, `step-down 20%` | pace of the target |
//! | `idle-grace 15m`, `drain-timeout 5m`, `min-life 1h` | patience with machines (0s, 2m and 0s) |
//! | `ready-within 10m`, `halt-above 50%` | launches that never run (waited for, and never a halt) |
//! | `max-price-age 1h` | how old a spot price may be (as old as it likes) |

use std::collections::BTreeMap;

use policies::model::{
    DemandRules, Fleet, ForecastRule, MaxShare, MetricRule, MissingRule, MoveRules, OnDemandRules, QueueRule,
    ScaleDown, ScaleUp, SourceRule, SpotRules, Strategy, Survive, Unit,
};
use policies::units::{Capacity, PerHour, Share, Span, UnitPrice};

use crate::scenario::{Trouble, Words};

/// The queue, when a story does not say otherwise: ten waiting jobs need one unit.
const QUEUE: QueueRule = QueueRule { jobs_per_unit_hour: Some(PerHour::new(60)), drain_within: Span::from_mins(10) };

/// A fleet without pools that nothing holds back.
pub(super) fn plain(name: &str) -> Fleet {
    Fleet {
        name: name.into(),
        labels: BTreeMap::new(),
        unit: Unit::Instance,
        weights: BTreeMap::new(),
        min: Capacity::ZERO,
        max: Capacity::units(100),
        schedules: Vec::new(),
        budget: None,
        survive: None,
        demand: DemandRules {
            sources: DemandRules::queue(QUEUE),
            forecast: None,
            headroom: Share::default(),
            on_missing: MissingRule { hold: Span::from_mins(15), then: None },
        },
        on_demand: OnDemandRules { base: Capacity::ZERO, fallback_after: None, return_to_spot: true },
        spot: SpotRules::default(),
        scale_up: ScaleUp { max_launches_per_hour: 1_000, ..ScaleUp::default() },
        scale_down: ScaleDown { drain_timeout: Span::from_mins(2), ..ScaleDown::default() },
        pools: BTreeMap::new(),
    }
}

/// Sets what the words say.
pub(super) fn set(fleet: &mut Fleet, words: &mut Words<'_>) -> Result<(), Trouble> {
    while let Some(word) = words.more() {
        match word {
            "min" => fleet.min = words.capacity()?,
            "max" => fleet.max = words.capacity()?,
            "unit" => fleet.unit = unit(words.word()?)?,
            "weight" => {
                let kind = words.word()?;
                fleet.weights.insert(kind.into(), words.capacity()?);
            }
            "rate" => {
                let learned = words.take("learned");
                let rate = if learned { None } else { Some(PerHour::from_milli(words.scaled(3)?)) };
                queue_of(fleet, |queue| queue.jobs_per_unit_hour = rate);
            }
            "drain-within" => {
                let drain_within = words.span()?;
                queue_of(fleet, |queue| queue.drain_within = drain_within);
            }
            "no-queue" => drop(fleet.demand.sources.remove(&DemandRules::QUEUE.into())),
            "metric" => {
                let name = words.word()?;
                let rule = MetricRule { target_milli: words.scaled(3)? };
                fleet.demand.sources.insert(name.into(), SourceRule::Metric(rule));
            }
            "headroom" => fleet.demand.headroom = words.share()?,
            "hold" => fleet.demand.on_missing.hold = words.span()?,
            "then" => fleet.demand.on_missing.then = Some(words.capacity()?),
            "forecast" => {
                let horizon = words.span()?;
                words.expect("quantile")?;
                fleet.demand.forecast = Some(ForecastRule { horizon, quantile: words.share()? });
            }
            "base" => fleet.on_demand.base = words.capacity()?,
            "fallback" => fleet.on_demand.fallback_after = Some(words.span()?),
            "return" => fleet.on_demand.return_to_spot = !words.take("no") && words.expect("yes").map(|()| true)?,
            "cap" => fleet.spot.max_price_of_on_demand = Some(words.share()?),
            "cap-per-unit" => fleet.spot.max_price_per_unit = Some(UnitPrice::from_nanos(words.scaled(9)?)),
            "min-pools" => fleet.spot.min_pools = u32::try_from(words.number()?).unwrap_or(u32::MAX),
            "share" => {
                let level = level(&mut fleet.spot.max_share, words.word()?)?;
                *level = words.share()?;
            }
            "strategy" => fleet.spot.strategy = strategy(words.word()?)?,
            "survive" => fleet.survive = Some(survive(words.word()?)?),
            "moves" => fleet.spot.moves = Some(moves(words)?),
            "cooldown-up" => fleet.scale_up.cooldown = words.span()?,
            "cooldown-down" => fleet.scale_down.cooldown = words.span()?,
            "launches-per-hour" => {
                fleet.scale_up.max_launches_per_hour = u32::try_from(words.number()?).unwrap_or(u32::MAX);
            }
            "step-up" => fleet.scale_up.max_step = Some(words.share()?),
            "step-down" => fleet.scale_down.max_step = Some(words.share()?),
            "idle-grace" => fleet.scale_down.idle_grace = words.span()?,
            "min-life" => fleet.scale_down.min_life = words.span()?,
            "ready-within" => fleet.scale_up.ready_within = Some(words.span()?),
            "halt-above" => fleet.scale_up.halt_above = Some(words.share()?),
            "max-price-age" => fleet.spot.max_price_age = Some(words.span()?),
            "drain-timeout" => fleet.scale_down.drain_timeout = words.span()?,
            _ => return Err(Trouble::new(format!("'{word}' is not a rule of a fleet"))),
        }
    }
    Ok(())
}

/// Changes the rule of the fleet's queue; it has one then.
fn queue_of(fleet: &mut Fleet, change: impl FnOnce(&mut QueueRule)) {
    let rule = fleet.demand.sources.entry(DemandRules::QUEUE.into()).or_insert(SourceRule::Queue(QUEUE));
    if let SourceRule::Queue(queue) = rule {
        change(queue);
    }
}

fn unit(word: &str) -> Result<Unit, Trouble> {
    let units = [Unit::Instance, Unit::Vcpu, Unit::Gpu];
    units.into_iter().find(|u| u.name() == word).ok_or_else(|| Trouble::new(format!("'{word}' is not a unit")))
}

fn strategy(word: &str) -> Result<Strategy, Trouble> {
    let found = Strategy::ALL.into_iter().find(|s| s.name() == word);
    found.ok_or_else(|| Trouble::new(format!("'{word}' is not a strategy")))
}

fn survive(word: &str) -> Result<Survive, Trouble> {
    let found = Survive::ALL.into_iter().find(|s| s.name() == word);
    found.ok_or_else(|| Trouble::new(format!("'{word}' is not zone, region or provider")))
}

/// `20% within 1h`, then what else it says: `an-hour 4`, `at-once 10%`, `calm 30m`.
fn moves(words: &mut Words<'_>) -> Result<MoveRules, Trouble> {
    let min_saving = words.share()?;
    words.expect("within")?;
    let pays_back_within = words.span()?;
    let (max_per_hour, max_share, calm) = (100, Share::WHOLE, Span::ZERO);
    let mut rules = MoveRules { min_saving, pays_back_within, max_per_hour, max_share, calm };
    if words.take("an-hour") {
        rules.max_per_hour = u32::try_from(words.number()?).unwrap_or(u32::MAX);
    }
    if words.take("at-once") {
        rules.max_share = words.share()?;
    }
    if words.take("calm") {
        rules.calm = words.span()?;
    }
    Ok(rules)
}

fn level<'a>(shares: &'a mut MaxShare, word: &str) -> Result<&'a mut Share, Trouble> {
    match word {
        "pool" => Ok(&mut shares.pool),
        "zone" => Ok(&mut shares.zone),
        "region" => Ok(&mut shares.region),
        "provider" => Ok(&mut shares.provider),
        _ => Err(Trouble::new(format!("'{word}' is not pool, zone, region or provider"))),
    }
}
