//! What holds for every decision, over random fleets, offers, machines, closures, sights and demand.
//!
//! The seed is fixed, so that a run of today and one of tomorrow try the same cases; `PROPTEST_CASES` tries more of
//! them, `PROPTEST_RNG_SEED` others. The bounds are added up here once more, in the plainest way: neither the
//! planner's nor the checker's arithmetic is believed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use config::calendar::cron;
use policies::budget::{AtLimit, Budget, Purse, Whose};
use policies::demand::{Demand, Hour, Level, Reading, Readings, Sample};
use policies::failure::FailureKind;
use policies::model::{
    DemandRules, ForecastRule, Lane, Market, MaxShare, MetricRule, MissingRule, MoveRules, Offer, OnDemandRules, Pool,
    QueueRule, ScaleDown, ScaleUp, Shape, SourceRule, SpotRules, Survive, Unit,
};
use policies::plan::{
    Action, Closure, Holding, HoldingId, Kind, LaneState, Memory, Observation, Outcomes, Place, Standing, Work,
};
use policies::report::render;
use policies::rng::Stream;
use policies::schedule::{End, Schedule, TimeZone};
use policies::units::{Capacity, Currency, ListPrice, Money, PerHour, PricePerHour, Share, Span, Time, UnitPrice};
use policies::{Plan, cost::Rates};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spotfleet::http::view;
use spotfleet::observation::Recorded;
use spotfleet_tests::scenario::{START, World};

/// Cases a property: a second or two each, and enough that each rule is met many times.
const CASES: u32 = 512;

fn config() -> ProptestConfig {
    // Explicit settings of the environment win over ours.
    let given = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { given.cases } else { CASES };
    let rng_seed = if std::env::var_os("PROPTEST_RNG_SEED").is_some() { given.rng_seed } else { RngSeed::Fixed(2) };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..given }
}

/// The moment of every decision: a Monday at nine.
const NOW: Time = START.plus(Span::from_hours(9));

/// Every place that a random fleet may buy in: two providers, two regions, two zones, two types, both markets.
fn grid() -> Vec<Pool> {
    let mut pools = Vec::new();
    for provider in ["aws", "gcp"] {
        for region in ["r1", "r2"] {
            for zone in ["a", "b"] {
                for kind in ["small", "large"] {
                    for market in [Market::Spot, Market::OnDemand] {
                        pools.push(Pool::new(provider, region, zone, kind, market));
                    }
                }
            }
        }
    }
    pools
}

fn shape(pool: &Pool) -> Shape {
    let vcpus = if pool.instance_type().as_str() == "small" { 2 } else { 7 };
    Shape { vcpus, gpus: 0, memory_mib: 8_192 }
}

fn minutes(most: u64) -> impl Strategy<Value = Span> {
    (0..=most).prop_map(Span::from_mins)
}

fn ago(most: u64) -> impl Strategy<Value = Option<Time>> {
    option::of(minutes(most).prop_map(|span| NOW.minus(span)))
}

fn units(most: u64) -> impl Strategy<Value = Capacity> {
    (0..=most).prop_map(Capacity::units)
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![1 => Just(Share::WHOLE), 2 => (10..100_u32).prop_map(Share::percent)]
}

fn step() -> impl Strategy<Value = Option<Share>> {
    option::of((1..100_u32).prop_map(Share::percent))
}

fn spot_rules() -> impl Strategy<Value = SpotRules> {
    let max_share = (share(), share(), share(), share());
    let max_share = max_share.prop_map(|(pool, zone, region, provider)| MaxShare { pool, zone, region, provider });
    let cap = option::of((20..120_u32).prop_map(Share::percent));
    let per_unit = option::of((5_000_000..100_000_000_u64).prop_map(UnitPrice::from_nanos));
    let age = option::of((5..60_u64).prop_map(Span::from_mins));
    let strategy = prop::sample::select(&policies::model::Strategy::ALL[..]);
    let moves =
        (0..60_u32, 1..90_u64, 1..20_u32, 1..100_u32).prop_map(|(saving, minutes, per_hour, share)| MoveRules {
            min_saving: Share::percent(saving),
            pays_back_within: Span::from_mins(minutes),
            max_per_hour: per_hour,
            max_share: Share::percent(share),
            calm: Span::from_mins(minutes / 2),
        });
    (cap, per_unit, 1..6_u32, max_share, age, (strategy, option::of(moves))).prop_map(
        |(max_price_of_on_demand, max_price_per_unit, min_pools, max_share, max_price_age, (strategy, moves))| {
            SpotRules {
                max_price_of_on_demand,
                max_price_per_unit,
                min_pools,
                max_share,
                strategy,
                moves,
                max_price_age,
            }
        },
    )
}

fn demand_rules() -> impl Strategy<Value = DemandRules> {
    let rate = prop_oneof![6 => Just(Some(PerHour::new(60))), 1 => Just(None)];
    let queue = rate.prop_map(|rate| QueueRule { jobs_per_unit_hour: rate, drain_within: Span::from_mins(10) });
    let metric = (1..2_000_u64).prop_map(|target| MetricRule { target_milli: target * 10 });
    let sources = (option::weighted(0.9, queue), option::weighted(0.3, metric)).prop_map(|(queue, metric)| {
        let queue = queue.map(|rule| (DemandRules::QUEUE.into(), SourceRule::Queue(rule)));
        let metric = metric.map(|rule| (DemandRules::METRIC.into(), SourceRule::Metric(rule)));
        queue.into_iter().chain(metric).collect()
    });
    let forecast = option::of((1..24_u64, 50..100_u32))
        .prop_map(|rule| rule.map(|(h, q)| ForecastRule { horizon: Span::from_hours(h), quantile: Share::percent(q) }));
    let on_missing = (minutes(20), option::of(units(40))).prop_map(|(hold, then)| MissingRule { hold, then });
    (sources, forecast, 0..40_u32, on_missing).prop_map(|(sources, forecast, headroom, on_missing)| DemandRules {
        sources,
        forecast,
        headroom: Share::percent(headroom),
        on_missing,
    })
}

fn pace() -> impl Strategy<Value = (ScaleUp, ScaleDown)> {
    // A limit that holds everything back now and then.
    let launches = prop_oneof![9 => Just(1_000), 1 => 0..20_u32];
    let ready = (option::of((1..30_u64).prop_map(Span::from_mins)), step(), minutes(30));
    let down = (minutes(15), minutes(20), (1..=10_u64).prop_map(Span::from_mins), step());
    (minutes(5), step(), down, launches, ready).prop_map(
        |(up, max_up, (down, idle_grace, drain_timeout, max_down), launches, (ready_within, halt_above, min_life))| {
            (
                ScaleUp { cooldown: up, max_step: max_up, max_launches_per_hour: launches, ready_within, halt_above },
                ScaleDown {
                    cooldown: down,
                    idle_grace,
                    drain_timeout,
                    max_step: max_down,
                    min_life,
                    drain_hook: false,
                },
            )
        },
    )
}

fn memory() -> impl Strategy<Value = Memory> {
    // Times rise, needs fall, and the watch began no later than the first of them.
    let peaks = vec((0..40_u64, 0..60_u64), 0..6).prop_map(|peaks| {
        let (mut times, mut needs): (Vec<u64>, Vec<u64>) = peaks.into_iter().unzip();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.dedup();
        needs.sort_unstable_by(|a, b| b.cmp(a));
        needs.dedup();
        let needs = needs.into_iter().map(Capacity::units);
        times.into_iter().map(|m| NOW.minus(Span::from_mins(m))).zip(needs).collect::<Vec<_>>()
    });
    let outcomes = vec((0..90_u64, 0..4_u32, 0..4_u32), 0..3).prop_map(|mut drawn| {
        drawn.sort_unstable_by(|a, b| b.cmp(a));
        let at = |m| NOW.minus(Span::from_mins(m));
        drawn.into_iter().map(|(m, ready, failed)| (at(m), Outcomes { ready, failed })).collect::<Vec<_>>()
    });
    let moved = (option::of((0..90_u64, 1..9_u32)), ago(60));
    let halts = (outcomes, prop::bool::weighted(0.2), moved);
    (option::of(units(70)), ago(30), ago(30), peaks, minutes(30), ago(20), halts).prop_map(
        |(target, raised_at, lowered_at, peaks, before, short_since, (outcomes, on_trial, (moved, disturbed_at)))| {
            let watched_since = peaks.first().map(|(first, _)| first.minus(before));
            // Some launches of before, where the drawn times happen to be recent.
            let launches = raised_at.map(|at| (at, 3)).into_iter().collect();
            let moves = moved.map(|(m, n)| (NOW.minus(Span::from_mins(m)), n)).into_iter().collect();
            Memory {
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
            }
        },
    )
}

/// A reading that was good, is missing, or never came.
fn demand() -> impl Strategy<Value = Demand> {
    let reading = (0..600_u64, 0..50_u64, 0..200_u64);
    (reading, option::weighted(0.2, minutes(30)), prop::bool::weighted(0.9)).prop_map(
        |((waiting, in_flight, arrived), missing, ever)| {
            let mut demand = Demand::default();
            let queue = demand.of_mut(&DemandRules::QUEUE.into());
            let past = NOW.minus(Span::from_mins(10));
            if ever {
                for (at, total) in [(past, 1_000), (NOW, 1_000 + arrived)] {
                    let sample = Sample { at, waiting, in_flight, arrived_total: Some(total) };
                    queue.record(Reading::Jobs(sample), Capacity::units(2));
                }
            }
            if let Some(span) = missing {
                queue.missed(NOW.minus(span));
            }
            // The metric tells something, or is silent for as long as the queue is not.
            let metric = demand.of_mut(&DemandRules::METRIC.into());
            if ever {
                metric.record(Reading::Value(Level { at: NOW, milli: arrived * 10_000 }), Capacity::ZERO);
            } else if in_flight % 2 == 0 {
                metric.missed(NOW.minus(Span::from_secs(waiting)));
            }
            demand
        },
    )
}

/// For each pool of the grid: whether the fleet names it, and its offer if it has one.
fn market() -> impl Strategy<Value = Vec<(bool, Option<ListPrice>)>> {
    let currency = prop_oneof![8 => Just(Currency::Usd), 1 => Just(Currency::Cny)];
    let price = (10_000..200_000_u64, currency).prop_map(|(micros, currency)| ListPrice { micros, currency });
    let size = grid().len();
    vec((prop::bool::weighted(0.8), option::weighted(0.9, price)), size..=size)
}

/// A machine or a promise: pool, standing, age, notice, machines of a promise.
fn holding() -> impl Strategy<Value = (usize, u8, u64, Option<i64>, u32)> {
    (0..grid().len(), 0..8_u8, 0..600_u64, option::weighted(0.15, -5..10_i64), 1..5_u32)
}

fn holdings(drawn: &[(usize, u8, u64, Option<i64>, u32)], world: &World) -> Vec<Holding> {
    let pools = grid();
    let make = |(number, (pool, standing, age, notice, count)): (usize, &(usize, u8, u64, Option<i64>, u32))| {
        let pool = &pools[*pool];
        let standing = match standing {
            0 => Standing::Promised,
            1 => Standing::Starting,
            2 => Standing::Draining { until: NOW.plus(Span::from_mins(age % 5)) },
            3 => Standing::Ending,
            _ => Standing::Running,
        };
        let promise = standing == Standing::Promised;
        // Not the names that the world gives to what it launches.
        let name = format!("{}-{number}", if promise { "promise" } else { "old" });
        Holding {
            id: if promise { HoldingId::Promise(name.into()) } else { HoldingId::Machine(name.into()) },
            pool: pool.clone(),
            units: world.fleet.capacity_of(pool.instance_type(), &shape(pool)),
            count: if promise { *count } else { 1 },
            standing,
            born: NOW.minus(Span::from_mins(*age)),
            notice: notice.filter(|_| !promise).map(|m| Time::from_millis(NOW.as_millis() + m * 60_000)),
            protected: !promise && number % 11 == 3,
            work: if promise { Work::Unknown } else { [Work::Unknown, Work::Idle, Work::Busy][number % 3] },
            ran: standing == Standing::Running || number % 5 == 1,
            paid: PricePerHour::from_micros(20_000),
        }
    };
    drawn.iter().enumerate().map(make).collect()
}

/// No budget, or one or two, used up or not.
fn purses() -> impl Strategy<Value = Vec<Purse>> {
    let money = |most: i64| option::of((1..most).prop_map(|cents| Money::from_micros(cents * 10_000)));
    let rate = option::of((1..300_u64).prop_map(|cents| PricePerHour::from_micros(cents * 10_000)));
    let at_limit = prop::sample::select(&[AtLimit::Alert, AtLimit::Freeze, AtLimit::ShedSpot][..]);
    let spent = (0..2_000_i64, 0..2_000_i64, 0..100_u64);
    let purse = (rate, money(2_000), money(2_000), at_limit, spent);
    let purse = purse.prop_map(|(per_hour, per_day, per_month, at_limit, (day, month, others))| Purse {
        whose: Whose::Fleet,
        budget: Budget { per_hour, per_day, per_month, alert_at: Share::percent(80), at_limit },
        in_day: Money::from_micros(day * 10_000),
        in_month: Money::from_micros(month * 10_000),
        day_ends: NOW.plus(Span::from_hours(5)),
        month_ends: NOW.plus(Span::from_hours(300)),
        others: PricePerHour::from_micros(others * 10_000),
    });
    prop_oneof![2 => Just(Vec::new()), 1 => vec(purse, 1..3)]
}

/// What is closed: which scope of which pool, for how long still (or since when no more), of which kind.
fn closures() -> impl Strategy<Value = Vec<Closure>> {
    let one = (0..3_u8, 0..grid().len(), -10..30_i64, prop::sample::select(&FailureKind::ALL[..]));
    vec(one, 0..5).prop_map(|drawn| {
        let pools = grid();
        let made = drawn.into_iter().map(|(scope, pool, minutes, kind)| {
            let pool = &pools[pool];
            let place = match scope {
                0 => Place::Lane(pool.lane().clone()),
                1 => Place::LaneMarket(pool.lane().clone(), pool.market()),
                _ => Place::Pool(pool.clone()),
            };
            let until = Time::from_millis(NOW.as_millis() + minutes * 60_000);
            (place.clone(), Closure { place, kind, until, strikes: 1 })
        });
        made.collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

/// Each lane: seen (mostly), not seen, or unknown; with its batch.
fn lanes() -> impl Strategy<Value = BTreeMap<Lane, LaneState>> {
    vec((0..8_u8, 1..12_u32, ago(90)), 4).prop_map(|drawn| {
        let mut lanes: Vec<Lane> = grid().iter().map(|pool| pool.lane().clone()).collect();
        lanes.dedup();
        let states = lanes.into_iter().zip(drawn).filter(|(_, (sight, ..))| *sight != 0);
        states
            .map(|(lane, (sight, launch_batch, priced_at))| {
                (lane, LaneState { seen: sight != 1, launch_batch, priced_at })
            })
            .collect()
    })
}

/// Schedules, each on or off, with bounds that may contradict each other.
fn schedules() -> impl Strategy<Value = Vec<Schedule>> {
    let one = (any::<bool>(), option::of(units(80)), option::of(units(80)));
    vec(one, 0..4).prop_map(|drawn| {
        let make = |(number, (on, min, max)): (usize, (bool, Option<Capacity>, Option<Capacity>))| Schedule {
            name: format!("s{number}").into(),
            from: cron(if on { "0 8 * * mon" } else { "0 10 * * *" }).expect("an expression"),
            end: if number == 1 { End::After(Span::from_hours(3)) } else { End::At(cron("0 17 * * *").expect("one")) },
            zone: Arc::new(TimeZone::utc()),
            min,
            max,
        };
        drawn.into_iter().enumerate().map(make).collect()
    })
}

/// A whole input. Half of the worlds start from nothing, so that growth is met as often as repair and shrinking.
fn world() -> impl Strategy<Value = World> {
    let bounds = (0..10_u64, 0..60_u64, prop::sample::select(&[Unit::Instance, Unit::Vcpu][..]));
    let on_demand = (units(12), option::of((1..=10_u64).prop_map(Span::from_mins)), any::<bool>());
    let rules = (bounds, on_demand, spot_rules(), demand_rules(), pace());
    let machines = prop_oneof![1 => Just(Vec::new()), 2 => vec(holding(), 0..40)];
    let survive = option::weighted(0.3, prop::sample::select(&Survive::ALL[..]));
    let rest = (memory(), demand(), any::<bool>(), any::<bool>(), schedules(), (purses(), survive));
    (rules, market(), machines, closures(), lanes(), rest).prop_map(
        |((bounds, on_demand, spot, rules, pace), market, machines, closures, lanes, rest)| {
            let mut world = World::default();
            (world.now, world.closures, world.lanes) = (NOW, closures, lanes);
            let (min, above, unit) = bounds;
            let (base, fallback_after, return_to_spot) = on_demand;
            let (memory, demand, with_history, with_rate, schedules, (purses, survive)) = rest;
            let fleet = &mut world.fleet;
            (fleet.min, fleet.max, fleet.unit) = (Capacity::units(min), Capacity::units(min + above), unit);
            fleet.schedules = schedules;
            fleet.survive = survive;
            fleet.on_demand = OnDemandRules { base, fallback_after, return_to_spot };
            (fleet.spot, fleet.demand) = (spot, rules);
            (fleet.scale_up, fleet.scale_down) = pace;
            for (pool, (named, price)) in grid().into_iter().zip(market) {
                if named {
                    fleet.pools.insert(pool.clone(), "web/0".into());
                }
                if let Some(mut price) = price {
                    // On-demand is dearer, as a rule.
                    price.micros *= if pool.market() == Market::OnDemand { 3 } else { 1 };
                    let shape = shape(&pool);
                    world.offers.push(Offer { pool, price, priced_at: NOW, shape });
                }
            }
            if with_rate {
                world.rates = Rates::new(Currency::Usd, &[(Currency::Cny, 140_000)]);
            }
            if with_history {
                for number in 1..=14 * 24 {
                    let need = Capacity::units(if number % 24 < 8 { 30 } else { 4 });
                    let hour = Hour { sum_milli: need.milli(), readings: 1, peak: need };
                    world.history.restore(policies::demand::History::hour_of(NOW) - number, hour);
                }
            }
            (world.memory, world.demand, world.purses) = (memory, demand, purses);
            world.holdings = holdings(&machines, &world);
            world
        },
    )
}

/// The same things in another order.
fn shuffled<T: Clone>(things: &[T], seed: u64) -> Vec<T> {
    let mut order = Stream::new(seed, "order");
    let mut keyed: Vec<(u64, T)> = things.iter().map(|thing| (order.next_u64(), thing.clone())).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, thing)| thing).collect()
}

/// What the decision launches, as (pool, capacity of one, machines, price of one in micros).
fn launches(plan: &Plan) -> Vec<(Pool, u64, u64, u64)> {
    let each = plan.actions.iter().filter_map(|action| match action {
        Action::Launch { pool, units, count, price, .. } => {
            Some((pool.clone(), units.milli(), u64::from(*count), price.micros()))
        }
        Action::Drain { .. } | Action::End { .. } => None,
    });
    each.collect()
}

/// Milli-units of spot that count, by any trait of the pool.
fn spot_by<K: Ord>(world: &World, key: impl Fn(&Pool) -> K) -> BTreeMap<K, u64> {
    let mut sums = BTreeMap::new();
    for h in world.holdings.iter().filter(|h| h.counts() && h.pool.market() == Market::Spot) {
        *sums.entry(key(&h.pool)).or_default() += h.units.milli() * u64::from(h.count);
    }
    sums
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_same_input_gives_the_same_bytes(world in world()) {
        let ((plan, report), (again, report_again)) = (world.decide(), world.decide());
        prop_assert_eq!(format!("{plan:?}{report:?}"), format!("{again:?}{report_again:?}"));
        prop_assert_eq!(render(&plan, &report), render(&again, &report_again));
    }

    #[test]
    fn an_observation_reads_back_as_it_was_and_decides_the_same(world in world()) {
        let observation = Observation::from(&world.input());
        let text = Recorded::new(vec![observation.clone()]).text().expect("it is written");
        let again = Recorded::parse(&text, Path::new("observation.json")).expect("it reads back");
        prop_assert_eq!(&again.decisions[0].input, &observation);
        let (plan, report) = world.decide();
        prop_assert_eq!(&again.decisions[0].plan.text, &view::Plan::new(&plan, &report).text);
        prop_assert_eq!(policies::decide(&again.decisions[0].input.input()), (plan, report));
    }

    #[test]
    fn the_order_of_things_does_not_matter(world in world(), seed: u64) {
        let mut other = world.clone();
        other.holdings = shuffled(&world.holdings, seed);
        other.offers = shuffled(&world.offers, seed);
        other.closures = shuffled(&world.closures, seed);
        let ((plan, report), (again, report_again)) = (world.decide(), other.decide());
        prop_assert_eq!(&plan, &again);
        prop_assert_eq!(&report, &report_again);
    }

    #[test]
    fn the_checker_accepts_every_plan(world in world()) {
        let (plan, report) = world.decide();
        let broken = world.check(&plan);
        prop_assert!(broken.is_empty(), "{:#?}\n{}", broken, render(&plan, &report));
    }

    /// One decision kind a round: what is repaired is repaired at once, then the fleet grows or shrinks, and rests.
    #[test]
    fn after_a_plan_was_carried_out_nothing_of_its_kind_is_left(world in world()) {
        let mut world = world;
        let (mut last, mut room, mut rounds, mut text) = (Kind::Rest, false, 0, String::new());
        loop {
            let (plan, report) = world.decide();
            text.push_str(&render(&plan, &report));
            if plan.actions.is_empty() {
                break;
            }
            // What left made room below the maximum or in a share, which a launch may have waited for.
            prop_assert!(plan.kind > last || room, "{}", text);
            rounds += 1;
            prop_assert!(rounds <= 4, "{}", text);
            last = plan.kind;
            room = plan.actions.iter().any(|action| !matches!(action, Action::Launch { .. }));
            world.carry_out(&plan);
            // A drain without time, of a machine that is taken now, is over at once.
            let gone = plan.actions.iter().filter_map(|action| match action {
                Action::Drain { instance, until, .. } if *until <= NOW => Some(HoldingId::Machine(instance.clone())),
                Action::Launch { .. } | Action::Drain { .. } | Action::End { .. } => None,
            });
            let gone: Vec<HoldingId> = gone.collect();
            world.holdings.retain(|h| !gone.contains(&h.id));
        }
    }

    #[test]
    fn more_demand_never_lowers_the_target(world in world(), more in 1..500_u64) {
        let mut busier = world.clone();
        let queue = DemandRules::QUEUE.into();
        if let Some(sample) = world.demand.of(&queue).and_then(|readings| readings.latest().copied()) {
            let demand = busier.demand.of_mut(&queue);
            let pace = demand.pace();
            *demand = Readings::default();
            let (waiting, arrived_total) = (sample.waiting + more, sample.arrived_total);
            let at = NOW.minus(Span::from_mins(10));
            let calm = arrived_total.map(|_| 1_000);
            demand.record(Reading::Jobs(Sample { at, arrived_total: calm, ..sample }), Capacity::ZERO);
            demand.record(Reading::Jobs(Sample { waiting, ..sample }), Capacity::ZERO);
            demand.restore(pace);
        }
        let (target, busier) = (world.decide().0.target, busier.decide().0.target);
        prop_assert!(busier >= target, "{} with more demand, {} without", busier, target);
    }

    #[test]
    fn no_price_cap_is_passed(world in world()) {
        let rules = &world.fleet.spot;
        for (pool, units, _, price) in launches(&world.decide().0) {
            if pool.market() == Market::OnDemand {
                continue;
            }
            // Billionths a unit are micros of the machine times a million over its milli-units.
            if let Some(cap) = rules.max_price_per_unit {
                prop_assert!(u128::from(price) * 1_000_000 < (u128::from(cap.nanos()) + 1) * u128::from(units));
            }
            if let Some(cap) = rules.max_price_of_on_demand {
                let same = |o: &&Offer| o.pool.market() == Market::OnDemand
                    && o.pool.lane() == pool.lane() && o.pool.instance_type() == pool.instance_type();
                let prices = world.offers.iter().filter(same).filter_map(|o| world.rates.convert(o.price));
                let cheapest = prices.min().expect("a cap on a share of on-demand needs its price").micros();
                // Both are prices of one machine; a unit price rounds to a billionth.
                prop_assert!(price * 10_000 <= cheapest * u64::from(cap.basis_points()) + 10_000);
            }
        }
    }

    #[test]
    fn no_share_is_passed(world in world()) {
        // What has to survive the loss of a place is spread by that rule.
        let mut world = world;
        world.fleet.survive = None;
        let (plan, _) = world.decide();
        let mut after = world.clone();
        after.carry_out(&plan);
        let target = plan.target.milli();
        let wanted = target - target.min(world.fleet.on_demand.base.milli());
        let shares = world.fleet.spot.max_share;
        let of = |share: Share| match share {
            Share::WHOLE => u64::MAX,
            part => wanted * u64::from(part.basis_points()) / 10_000,
        };
        let (pools, zones) = (spot_by(&after, Pool::clone), spot_by(&after, |p| (p.lane().clone(), p.zone().clone())));
        let regions = spot_by(&after, |p| p.lane().clone());
        let providers = spot_by(&after, |p| p.provider().clone());
        // No machine here is larger than this.
        let largest = |units: u64| if world.fleet.unit == Unit::Instance { units } else { 7_000 };
        for (pool, units, ..) in launches(&plan) {
            if pool.market() == Market::OnDemand {
                continue;
            }
            let even = wanted.div_ceil(u64::from(world.fleet.spot.min_pools)).div_ceil(units) * units;
            prop_assert!(pools[&pool] <= of(shares.pool).min(even).max(units), "{} of {}", pool, wanted);
            let zone = zones[&(pool.lane().clone(), pool.zone().clone())];
            prop_assert!(zone <= of(shares.zone).max(largest(units)), "zone of {}: {} of {}", pool, zone, wanted);
            let region = regions[pool.lane()];
            prop_assert!(region <= of(shares.region).max(largest(units)), "{}: {} of {}", pool.lane(), region, wanted);
            let provider = providers[pool.provider()];
            prop_assert!(provider <= of(shares.provider).max(largest(units)), "{} of {}", provider, wanted);
        }
    }

    #[test]
    fn the_maximum_is_never_passed(world in world()) {
        let (plan, _) = world.decide();
        let on = world.fleet.schedules.iter().filter(|s| s.from.as_str().starts_with("0 8 "));
        let max = on.filter_map(|s| s.max).fold(world.fleet.max, Capacity::min).milli();
        prop_assert!(plan.target.milli() <= max);
        let launched: u64 = launches(&plan).iter().map(|(_, units, count, _)| units * count).sum();
        if launched > 0 {
            let occupied = world.holdings.iter().filter(|h| h.occupies());
            let occupied: u64 = occupied.map(|h| h.units.milli() * u64::from(h.count)).sum();
            prop_assert!(occupied + launched <= max, "{} and {} launched, max {}", occupied, launched, max);
        }
    }

    #[test]
    fn a_dearer_offer_gets_no_more(world in world(), which: prop::sample::Index, by in 1..50_000_u64) {
        let mut dearer = world.clone();
        let mut spot: Vec<&mut Offer> = dearer.offers.iter_mut().filter(|o| o.pool.market() == Market::Spot).collect();
        if spot.is_empty() {
            return Ok(());
        }
        let place = which.index(spot.len());
        let pool = spot[place].pool.clone();
        spot[place].price.micros += by;
        let bought = |world: &World| -> u64 {
            launches(&world.decide().0).iter().filter(|l| l.0 == pool).map(|(_, units, count, _)| units * count).sum()
        };
        let (before, after) = (bought(&world), bought(&dearer));
        prop_assert!(after <= before, "{} before, {} when dearer by {}", before, after, by);
    }
}
