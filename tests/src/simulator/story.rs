//! What a seed draws: clouds, fleets, demand, and how much goes wrong.

use std::collections::BTreeMap;

use policies::budget::{AtLimit, Budget};
use policies::control::{OrphanAction, OrphanRule};
use policies::cost::Rates;
use policies::model::{
    Capabilities, DemandRules, Fleet, FleetName, Market, MaxShare, MetricRule, MissingRule, MoveRules, OnDemandRules,
    Pool, ProviderName, QueueRule, ScaleDown, ScaleUp, Shape, SourceName, SourceRule, SpotRules, Strategy, Survive,
    Unit,
};
use policies::rng::Stream;
use policies::units::{Capacity, Currency, Money, PerHour, PricePerHour, Share, Span, Time, UnitPrice};
use providers::sim::{Faults, SimCloud, Weather, aws_like, azure_like, gcp_like, ppio_like};

use super::demand::Curve;
use super::parts::{Part, Parts};
use super::schedules::{self, Windows};

/// Virtual time begins here.
pub(super) const START: Time = Time::from_millis(1_790_000_000_000);

/// Everything that a seed decides before the run begins.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) parts: Parts,
    pub(super) tick: Span,
    /// Length of the safety phase.
    pub(super) length: Span,
    pub(super) clouds: Vec<SimCloud>,
    pub(super) fleets: Vec<Fleet>,
    /// What the schedules of the fleets come to.
    pub(super) windows: Windows,
    pub(super) curves: BTreeMap<FleetName, Curve>,
    pub(super) rates: Rates,
    /// The budget of all fleets together.
    pub(super) budget: Option<Budget>,
    /// What is done about machines of fleets that are not configured.
    pub(super) orphans: OrphanRule,
    /// How often the things outside the clouds go wrong.
    pub(super) trouble: Trouble,
}

/// Rates of what goes wrong outside the clouds, in hundredths of a percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    /// A crash before an effect.
    pub(super) crash_at_effect: u32,
    /// A crash at an event.
    pub(super) crash_at_event: u32,
    /// Of the crashes, a clean stop instead.
    pub(super) stop: u32,
    /// Of the crashes, the store is lost.
    pub(super) store_loss: u32,
    /// A batch is slow.
    pub(super) slow_batch: u32,
    /// The longest time that a slow batch takes.
    pub(super) slowest_batch: Span,
    /// The process stands still at an event.
    pub(super) stall: u32,
    /// The clock is set at a start.
    pub(super) clock_jump: u32,
    /// A reload per minute.
    pub(super) reload: u32,
    /// The operator orders something, per minute.
    pub(super) order: u32,
    /// It is read what the workers of a fleet do, per fleet and minute.
    pub(super) watched: u32,
    /// A worker says something, per machine and half minute.
    pub(super) word: u32,
    /// A stranger appears per minute.
    pub(super) stranger: u32,
    /// A reading of demand fails.
    pub(super) missing_demand: u32,
}

impl Story {
    /// The story of a seed. `cut` leaves parts out and `length` shortens it; all else stays as drawn.
    pub(super) fn draw(seed: u64, cut: Parts, length: Option<Span>) -> Self {
        let mut draws = Stream::new(seed, "story");
        let parts = draw_parts(seed, &mut draws);
        let parts = cut.iter().fold(parts, Parts::without);
        let tick = Span::from_secs(pick(&mut draws, &[5, 10, 10, 20]));
        let drawn = if draws.chance(600) { 70 + draws.below(90) } else { 8 + draws.below(25) };
        let length = length.unwrap_or(Span::from_mins(drawn));
        let rates = Rates::new(Currency::Usd, &[(Currency::Cny, 140_000)]);
        let trouble = draw_trouble(seed, parts);
        let clouds = draw_clouds(seed, parts);
        let mut fleets = draw_fleets(seed, parts, &clouds);
        let mut windows = Windows::new();
        for fleet in fleets.iter_mut().filter(|_| parts.has(Part::Schedules)) {
            windows.insert(fleet.name.clone(), schedules::draw(seed, fleet, length));
        }
        let moving = parts.has(Part::MovingDemand);
        let curves = fleets.iter().map(|f| (f.name.clone(), Curve::draw(seed, f, length, moving))).collect();
        let budget = draw_budget(seed, "all fleets", parts, 40);
        let orphans = draw_orphans(seed);
        Self { seed, parts, tick, length, clouds, fleets, windows, curves, rates, budget, orphans, trouble }
    }

    /// What the providers can do.
    pub(super) fn capabilities(&self) -> BTreeMap<ProviderName, Capabilities> {
        self.clouds.iter().map(|c| (c.name().clone(), c.capabilities().clone())).collect()
    }
}

/// In half of the stories orphans are ended, after a time that fits into most of them.
fn draw_orphans(seed: u64) -> OrphanRule {
    // Its own stream, so that the seeds of before it tell the same stories.
    let mut draws = Stream::new(seed, "orphans");
    let after = Span::from_mins(pick(&mut draws, &[2, 5, 15]));
    OrphanRule { after, action: if draws.chance(5_000) { OrphanAction::End } else { OrphanAction::Report } }
}

/// One of these, each as likely.
pub(super) fn pick(draws: &mut Stream, from: &[u64]) -> u64 {
    let i = draws.below(from.len().try_into().unwrap_or(u64::MAX));
    usize::try_from(i).ok().and_then(|i| from.get(i)).copied().unwrap_or(0)
}

/// One run in twelve has no trouble at all; the others have each part with one of three likelihoods.
fn draw_parts(seed: u64, draws: &mut Stream) -> Parts {
    let likely = match draws.below(12) {
        0 => 0,
        1..=3 => 1_500,
        4..=8 => 4_000,
        _ => 7_500,
    };
    let mut parts = Parts::NONE;
    // Its own stream, so that the seeds of before it tell the same stories.
    let mut own = Stream::new(seed, "parts orders");
    let mut duds = Stream::new(seed, "parts duds");
    let mut budgets = Stream::new(seed, "parts budgets");
    let mut workers = Stream::new(seed, "parts workers");
    let mut watched = Stream::new(seed, "parts watched");
    let mut hooks = Stream::new(seed, "parts hooks");
    let mut of_schedules = Stream::new(seed, "parts schedules");
    for part in Part::ALL {
        let chance = match part {
            Part::Orders => {
                if own.chance(likely / 2) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::Duds => {
                if duds.chance(likely / 2) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::Budgets => {
                if budgets.chance(likely / 2) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::Workers => {
                if workers.chance(likely) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::Watched => {
                if watched.chance(likely) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::Hooks => {
                if hooks.chance(likely) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::Schedules => {
                if of_schedules.chance(likely / 2) {
                    parts = parts.with(part);
                }
                continue;
            }
            Part::MovingDemand | Part::SecondFleet => 7_000,
            // Rare in life, and it forgives much: after it, less can be judged.
            Part::StoreLoss => likely / 8,
            _ => likely,
        };
        if draws.chance(chance) {
            parts = parts.with(part);
        }
    }
    parts
}

/// A rate for a part: low, middling or high when it is in the story, else nothing.
fn rate(seed: u64, parts: Parts, part: Part, rates: [u32; 3]) -> u32 {
    // Each part has its own stream, so that leaving one out leaves the others as they were.
    let mut draws = Stream::new(seed, part.name());
    let drawn = usize::try_from(draws.below(3)).ok().and_then(|i| rates.get(i)).copied().unwrap_or(0);
    if parts.has(part) { drawn } else { 0 }
}

fn draw_trouble(seed: u64, parts: Parts) -> Trouble {
    let rate = |part, rates| rate(seed, parts, part, rates);
    let slowest = rate(Part::SlowDisk, [1, 5, 25]);
    Trouble {
        crash_at_effect: rate(Part::Crashes, [5, 20, 100]),
        crash_at_event: rate(Part::Crashes, [5, 20, 50]),
        stop: rate(Part::Stops, [2_000, 5_000, 9_000]),
        store_loss: rate(Part::StoreLoss, [500, 1_500, 3_000]),
        slow_batch: rate(Part::SlowDisk, [100, 1_000, 5_000]),
        slowest_batch: Span::from_secs(u64::from(slowest)),
        stall: rate(Part::Stalls, [5, 20, 60]),
        clock_jump: rate(Part::ClockJumps, [1_000, 4_000, 8_000]),
        reload: rate(Part::Reloads, [500, 1_500, 4_000]),
        order: rate(Part::Orders, [500, 2_000, 5_000]),
        watched: rate(Part::Watched, [1_000, 4_000, 9_000]),
        word: rate(Part::Workers, [1_000, 4_000, 9_000]),
        stranger: rate(Part::Strangers, [500, 1_500, 4_000]),
        missing_demand: rate(Part::MissingDemand, [200, 1_000, 4_000]),
    }
}

fn draw_faults(seed: u64, parts: Parts) -> Faults {
    let rate = |part, rates| rate(seed, parts, part, rates);
    Faults {
        latency: Span::from_millis(pick(&mut Stream::new(seed, "latency"), &[0, 50, 400, 2_000])),
        slow: rate(Part::SlowCalls, [100, 1_000, 4_000]),
        lost_request: rate(Part::LostRequests, [100, 800, 2_500]),
        lost_reply: rate(Part::LostReplies, [100, 800, 2_500]),
        late: rate(Part::LateCalls, [100, 800, 2_500]),
        throttled: rate(Part::Throttling, [100, 800, 2_500]),
        unavailable: rate(Part::Unavailable, [100, 800, 2_500]),
        no_capacity: rate(Part::Refusals, [300, 1_500, 4_000]),
        price_above_cap: rate(Part::PriceRefusals, [100, 500, 1_500]),
        partial: rate(Part::PartialLaunches, [500, 2_500, 6_000]),
        price_missing: rate(Part::MissingPrices, [100, 800, 3_000]),
        end_refused: rate(Part::RefusedEnds, [300, 1_500, 4_000]),
        notice_lost: rate(Part::LostNotices, [500, 2_500, 8_000]),
        stillborn: rate(Part::Stillborn, [100, 500, 1_500]),
        dud: rate(Part::Duds, [300, 1_500, 6_000]),
    }
}

fn draw_weather(seed: u64, parts: Parts) -> Weather {
    let rate = |part, rates| rate(seed, parts, part, rates);
    Weather {
        every: Span::from_secs(30),
        price_jump: rate(Part::PriceJumps, [50, 200, 800]),
        highest_price: Share::percent(400),
        capacity_jump: rate(Part::CapacityJumps, [20, 100, 400]),
        recovery: 1_000,
        interruption: rate(Part::Interruptions, [10, 50, 250]),
        storm: rate(Part::Storms, [10, 40, 150]),
        outage: rate(Part::Outages, [30, 100, 300]),
        denied: 3_000,
    }
}

/// Micros per hour of the smallest type on demand.
const SMALL_PRICE: u64 = 800_000;

fn draw_clouds(seed: u64, parts: Parts) -> Vec<SimCloud> {
    let mut draws = Stream::new(seed, "clouds");
    let profiles = [("aws", aws_like()), ("gcp", gcp_like()), ("azure", azure_like()), ("ppio", ppio_like())];
    let first = draws.below(4);
    let count = 1 + draws.below(3);
    let (faults, weather) = (draw_faults(seed, parts), draw_weather(seed, parts));
    let mut clouds = Vec::new();
    for i in 0..count {
        let Some((name, caps)) = usize::try_from((first + i) % 4).ok().and_then(|i| profiles.get(i)) else { continue };
        let dear = *name == "ppio";
        let mut cloud = SimCloud::new(name, caps.clone(), START, seed)
            .in_currency(if dear { Currency::Cny } else { Currency::Usd })
            .starting_within(Span::from_secs(10), Span::from_secs(pick(&mut draws, &[10, 40, 180])))
            .ending_within(Span::from_secs(pick(&mut draws, &[1, 15, 60])), Span::from_mins(draws.below(6)));
        let regions = 1 + draws.below(10) / 8;
        for region in 0..regions {
            let region = format!("r{}", region + 1);
            for zone in 0..=draws.below(2) {
                let zone = format!("{region}{}", if zone == 0 { 'a' } else { 'b' });
                for (kind, size) in [("small", 1_u32), ("large", 2), ("huge", 4)] {
                    // The small type is everywhere, so that every fleet can be sized finely.
                    if size > 1 && draws.chance(6_000) {
                        continue;
                    }
                    let list = SMALL_PRICE * u64::from(size) * if dear { 7 } else { 1 };
                    let spot = list * (25 + draws.below(25)) / 100;
                    let shape = Shape { vcpus: 4 * size, gpus: size, memory_mib: 16_384 };
                    let room = 60 + u32::try_from(draws.below(60)).unwrap_or(0);
                    cloud = cloud.with_type((&region, &zone, kind), spot, list, room, shape);
                }
            }
            if parts.has(Part::Quotas) && draws.chance(5_000) {
                cloud = cloud.with_quota(&region, Market::Spot, u32::try_from(2 + draws.below(10)).unwrap_or(2));
            }
        }
        clouds.push(cloud.with_faults(faults).with_weather(weather));
    }
    clouds
}

fn draw_fleets(seed: u64, parts: Parts, clouds: &[SimCloud]) -> Vec<Fleet> {
    let names: &[&str] = if parts.has(Part::SecondFleet) { &["web", "batch"] } else { &["web"] };
    names.iter().map(|name| draw_fleet(seed, name, parts, clouds)).collect()
}

fn draw_fleet(seed: u64, name: &str, parts: Parts, clouds: &[SimCloud]) -> Fleet {
    let mut draws = Stream::new(seed, &format!("fleet {name}"));
    let unit = if draws.chance(5_000) { Unit::Gpu } else { Unit::Instance };
    let reach = if draws.chance(2_000) { 40 } else { 14 };
    let max = 2 + draws.below(reach);
    let min = if draws.chance(5_000) { 0 } else { draws.below(max / 2 + 1) };
    let mut pools = BTreeMap::new();
    for cloud in clouds {
        for (pool, _) in cloud.pools() {
            // The first pools of a cloud are always wanted, so that no fleet is without.
            if pool.instance_type().as_str() == "small" || draws.chance(6_000) {
                pools.insert(pool.clone(), format!("{name}/0").into());
            }
        }
    }
    // Of the small type: a larger machine may not fit under the maximum, and then a spread over it could not be had.
    let small = |p: &&Pool| p.market() == Market::Spot && p.instance_type().as_str() == "small";
    let spot_pools = pools.keys().filter(small).count();
    let narrow = draws.chance(4_000);
    let share = |draws: &mut Stream| {
        if narrow && draws.chance(5_000) { Share::percent(40 + 10 * tenth(draws)) } else { Share::WHOLE }
    };
    let patience = draw_patience(seed, name, parts);
    let spread = usize::try_from(draws.below(4)).unwrap_or(0).min(spot_pools);
    Fleet {
        name: name.into(),
        labels: BTreeMap::new(),
        unit,
        weights: BTreeMap::new(),
        min: Capacity::units(min),
        max: Capacity::units(max),
        schedules: Vec::new(),
        budget: draw_budget(seed, name, parts, max),
        survive: draw_survival(seed, name, parts),
        demand: DemandRules {
            sources: draw_sources(seed, name, parts, draws.chance(9_000)),
            forecast: None,
            headroom: Share::percent(u32::try_from(pick(&mut draws, &[0, 0, 10, 25])).unwrap_or(0)),
            on_missing: MissingRule {
                hold: Span::from_mins(1 + draws.below(10)),
                then: draws.chance(5_000).then(|| Capacity::units(min + draws.below(max - min + 1))),
            },
        },
        on_demand: OnDemandRules {
            base: Capacity::units(if draws.chance(4_000) { 0 } else { draws.below(max / 2 + 1) }),
            // What shares make impossible on spot must be bridged, or the run could not heal.
            fallback_after: (narrow || draws.chance(7_000)).then(|| Span::from_secs(30 + draws.below(270))),
            return_to_spot: draws.chance(7_000),
        },
        spot: SpotRules {
            max_price_of_on_demand: draws
                .chance(7_000)
                .then(|| Share::percent(60 + u32::try_from(draws.below(50)).unwrap_or(0))),
            max_price_per_unit: draws.chance(3_000).then(|| {
                // Of the dearest usual price of a unit, as an instance of the largest type would be one.
                let per_unit = if unit == Unit::Gpu { SMALL_PRICE } else { SMALL_PRICE * 4 };
                UnitPrice::from_nanos(per_unit * 1_000 * (60 + draws.below(60)) / 100)
            }),
            min_pools: u32::try_from(spread.max(1)).unwrap_or(1),
            max_share: MaxShare {
                pool: share(&mut draws),
                zone: share(&mut draws),
                region: Share::WHOLE,
                provider: share(&mut draws),
            },
            strategy: draw_strategy(seed, name),
            moves: draw_moves(seed, name, parts, max),
            max_price_age: patience.max_price_age,
        },
        scale_up: ScaleUp {
            cooldown: Span::from_secs(pick(&mut draws, &[0, 30, 90, 240])),
            max_step: draws.chance(4_000).then(|| Share::percent(30 + 10 * tenth(&mut draws))),
            max_launches_per_hour: draw_launch_limit(seed, name, max),
            ready_within: patience.ready_within,
            halt_above: patience.halt_above,
        },
        scale_down: ScaleDown {
            cooldown: Span::from_secs(pick(&mut draws, &[0, 20, 60, 120])),
            idle_grace: Span::from_secs(pick(&mut draws, &[0, 30, 120])),
            drain_timeout: Span::from_secs(pick(&mut draws, &[0, 15, 60])),
            max_step: draws.chance(4_000).then(|| Share::percent(30 + 10 * tenth(&mut draws))),
            min_life: patience.min_life,
            drain_hook: parts.has(Part::Hooks) && Stream::new(seed, &format!("hook {name}")).chance(7_000),
        },
        pools,
    }
}

/// A queue, and a metric besides in some fleets. Its own stream, as [`draw_launch_limit`] has.
fn draw_sources(seed: u64, name: &str, parts: Parts, queue: bool) -> BTreeMap<SourceName, SourceRule> {
    let mut draws = Stream::new(seed, &format!("metric {name}"));
    let rule = QueueRule { jobs_per_unit_hour: Some(PerHour::new(3_600)), drain_within: Span::from_mins(10) };
    let mut sources = if queue { DemandRules::queue(rule) } else { BTreeMap::new() };
    if parts.has(Part::Metrics) && draws.chance(4_000) {
        sources.insert("load".into(), SourceRule::Metric(MetricRule { target_milli: 1_000 * (1 + draws.below(50)) }));
    }
    sources
}

/// A budget that is used up now and then by a fleet of up to so many units. Its own stream, as [`draw_launch_limit`] has.
fn draw_budget(seed: u64, name: &str, parts: Parts, max: u64) -> Option<Budget> {
    let mut draws = Stream::new(seed, &format!("budget {name}"));
    if !parts.has(Part::Budgets) || !draws.chance(6_000) {
        return None;
    }
    // Some of the largest fleet, at the price of spot, for some minutes or for the hour.
    let spot = SMALL_PRICE * 35 / 100 * max;
    let some = |draws: &mut Stream, of: u64| of * (5 + draws.below(60)) / 100;
    let money = |micros: u64| Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    Some(Budget {
        per_hour: draws.chance(6_000).then(|| PricePerHour::from_micros(2 * some(&mut draws, spot))),
        per_day: draws.chance(5_000).then(|| money(some(&mut draws, spot / 4))),
        per_month: draws.chance(3_000).then(|| money(some(&mut draws, spot / 2))),
        alert_at: Share::percent(80),
        at_limit: match draws.below(3) {
            0 => AtLimit::Alert,
            1 => AtLimit::Freeze,
            _ => AtLimit::ShedSpot,
        },
    })
}

/// What a fleet survives. Its own stream, as [`draw_launch_limit`] has.
fn draw_survival(seed: u64, name: &str, parts: Parts) -> Option<Survive> {
    let mut draws = Stream::new(seed, &format!("survive {name}"));
    let all = Survive::ALL;
    let any = pick(&mut draws, &[0, 0, 1, 2]);
    let drawn = usize::try_from(any).ok().and_then(|i| all.get(i)).copied();
    drawn.filter(|_| parts.has(Part::Survival) && draws.chance(3_000))
}

/// In what order pools are bought from. Its own stream, as [`draw_launch_limit`] has.
fn draw_strategy(seed: u64, name: &str) -> Strategy {
    let mut draws = Stream::new(seed, &format!("strategy {name}"));
    let any = usize::try_from(draws.below(4)).unwrap_or(0);
    Strategy::ALL.get(any).copied().unwrap_or_default()
}

/// Moves that reach their limit now and then, and come to an end within the time that a run has to come to rest. Its own stream, as [`draw_launch_limit`] has.
fn draw_moves(seed: u64, name: &str, parts: Parts, max: u64) -> Option<MoveRules> {
    let mut draws = Stream::new(seed, &format!("moves {name}"));
    let rules = MoveRules {
        min_saving: Share::percent(10 + 10 * tenth(&mut draws)),
        pays_back_within: Span::from_mins(5 + draws.below(120)),
        max_per_hour: u32::try_from(1 + max / 3 + draws.below(if max <= 8 { 1 } else { 8 })).unwrap_or(u32::MAX),
        max_share: Share::percent(10 + 10 * tenth(&mut draws)),
        calm: Span::from_mins(draws.below(20)),
    };
    (parts.has(Part::Moves) && draws.chance(4_000)).then_some(rules)
}

/// How long a fleet waits for machines, and how it takes launches that never run.
struct Patience {
    ready_within: Option<Span>,
    halt_above: Option<Share>,
    max_price_age: Option<Span>,
    min_life: Span,
}

/// Its own stream, as [`draw_launch_limit`] has.
fn draw_patience(seed: u64, name: &str, parts: Parts) -> Patience {
    let mut draws = Stream::new(seed, &format!("patience {name}"));
    Patience {
        // What is waited for without end, and never runs, lets no run come to rest.
        ready_within: (draws.chance(6_000) || parts.has(Part::Duds)).then(|| Span::from_mins(2 + draws.below(8))),
        halt_above: draws.chance(6_000).then(|| Share::percent(20 + u32::try_from(draws.below(60)).unwrap_or(0))),
        max_price_age: draws.chance(6_000).then(|| Span::from_mins(5 + draws.below(30))),
        min_life: Span::from_mins(pick(&mut draws, &[0, 0, 1, 5])),
    }
}

/// The limit that the fleet file sets by itself, or a low one. Its own stream, so that the seeds of before it tell the same
/// stories.
fn draw_launch_limit(seed: u64, name: &str, max: u64) -> u32 {
    let mut draws = Stream::new(seed, &format!("launches {name}"));
    let limit = if draws.chance(2_500) { 2 * max + draws.below(20) } else { (4 * max).max(60) };
    u32::try_from(limit).unwrap_or(u32::MAX)
}

fn tenth(draws: &mut Stream) -> u32 {
    u32::try_from(draws.below(6)).unwrap_or(0)
}
