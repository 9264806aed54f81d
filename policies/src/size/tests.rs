//! Facts about targets.

use super::*;
use crate::demand::{Hour, Level, Reading, Sample};
use crate::model::{DemandRules, MetricRule, QueueRule};
use crate::plan::tests::World;
use crate::units::PerHour;

/// A fleet whose need is a tenth of the waiting jobs: 60 jobs a unit-hour, drained within 10 minutes.
fn world() -> World {
    let mut world = World::new(0, 0);
    let jobs_per_unit_hour = Some(PerHour::new(60));
    world.fleet.demand.sources =
        DemandRules::queue(QueueRule { jobs_per_unit_hour, drain_within: Span::from_mins(10) });
    world
}

/// So many jobs wait now and waited ten minutes ago; none arrived.
fn waiting(world: &mut World, jobs: u64) {
    world.demand = Demand::default();
    for at in [world.now.minus(Span::from_mins(10)), world.now] {
        read(world, at, jobs, Some(0));
    }
}

fn queue() -> SourceName {
    DemandRules::QUEUE.into()
}

fn read(world: &mut World, at: Time, waiting: u64, arrived_total: Option<u64>) {
    let sample = Sample { at, waiting, in_flight: 0, arrived_total };
    world.demand.of_mut(&queue()).record(Reading::Jobs(sample), Capacity::ZERO);
}

fn sized(world: &World, held: u64) -> Sized {
    size(world.now, &world.fleet, &world.memory, Capacity::units(held), &world.demand, &History::default(), Span::ZERO)
}

/// Decides, remembers, and gives the target in whole units.
fn target(world: &mut World) -> u64 {
    let sized = sized(world, 0);
    world.memory = sized.memory;
    sized.sizing.target.milli() / 1_000
}

/// Units wanted for so many jobs after so many minutes.
fn after(world: &mut World, minutes: u64, jobs: u64) -> u64 {
    world.pass(minutes);
    waiting(world, jobs);
    target(world)
}

#[test]
fn need_is_arrivals_and_backlog_over_rate_rounded_up() {
    let mut world = world();
    let start = world.now;
    read(&mut world, start.minus(Span::from_mins(10)), 25, Some(1_000));
    read(&mut world, start, 25, Some(1_050));
    // 300 arrive an hour: 5 units. 25 wait: 2.5 units.
    assert_eq!(reactive_need(&world.fleet, &world.demand), Some(Capacity::units(8)));
    assert_eq!(target(&mut world), 8);
}

#[test]
fn absurd_demand_is_a_large_need_and_no_panic() {
    let mut world = world();
    waiting(&mut world, u64::MAX);
    assert_eq!(reactive_need(&world.fleet, &world.demand), Some(Capacity::from_milli(u64::MAX)));
    let jobs_per_unit_hour = Some(PerHour::ZERO);
    world.fleet.demand.sources = DemandRules::queue(QueueRule { jobs_per_unit_hour, drain_within: Span::ZERO });
    assert_eq!(target(&mut world), 1_000, "the maximum");
    waiting(&mut world, 0);
    assert_eq!(reactive_need(&world.fleet, &world.demand), Some(Capacity::ZERO));
}

#[test]
fn headroom_is_rounded_up_and_bounds_come_after_it() {
    let mut world = world();
    world.fleet.demand.headroom = Share::percent(10);
    waiting(&mut world, 110);
    assert_eq!(target(&mut world), 13, "11 and 1.1");
    world.fleet.max = Capacity::units(12);
    let sized = sized(&world, 0);
    assert_eq!(sized.sizing.target, Capacity::units(12));
    assert_eq!(sized.sizing.limits, [Limit::Headroom(Share::percent(10)), Limit::Max]);
}

#[test]
fn without_a_queue_the_minimum_is_wanted() {
    let mut world = World::new(3, 0);
    world.fleet.demand.headroom = Share::percent(50);
    assert_eq!(target(&mut world), 3);
    assert_eq!(sized(&world, 0).sizing.basis, Basis::Minimum);
}

#[test]
fn a_raise_waits_for_its_cooldown_and_goes_in_steps() {
    let mut world = world();
    world.fleet.scale_up = crate::model::ScaleUp {
        cooldown: Span::from_mins(5),
        max_step: Some(Share::percent(50)),
        ..crate::model::ScaleUp::default()
    };
    waiting(&mut world, 40);
    assert_eq!(target(&mut world), 4, "the first target knows no step");
    assert_eq!(after(&mut world, 4, 200), 4);
    let waits = sized(&world, 0);
    assert_eq!(waits.wake_at, Some(world.now.plus(Span::from_mins(1))));
    assert_eq!(after(&mut world, 1, 200), 6);
    assert_eq!(sized(&world, 0).wake_at, Some(world.now.plus(Span::from_mins(5))));
    assert_eq!(after(&mut world, 5, 200), 9);
    assert_eq!(after(&mut world, 5, 100), 10);
}

#[test]
fn a_step_is_at_least_one_unit_and_taken_once_a_moment() {
    let mut world = world();
    world.fleet.scale_up.max_step = Some(Share::percent(10));
    waiting(&mut world, 10);
    assert_eq!(target(&mut world), 1);
    world.pass(1);
    waiting(&mut world, 50);
    assert_eq!(target(&mut world), 2);
    assert_eq!(target(&mut world), 2);
    assert_eq!(after(&mut world, 1, 50), 3);
}

#[test]
fn a_raised_minimum_and_a_lowered_maximum_hold_at_once() {
    let mut world = world();
    world.fleet.scale_up = crate::model::ScaleUp {
        cooldown: Span::from_hours(1),
        max_step: Some(Share::percent(10)),
        ..crate::model::ScaleUp::default()
    };
    world.fleet.scale_down.cooldown = Span::from_hours(1);
    world.fleet.scale_down.idle_grace = Span::from_hours(1);
    waiting(&mut world, 50);
    assert_eq!(target(&mut world), 5);
    world.fleet.min = Capacity::units(9);
    assert_eq!(after(&mut world, 1, 200), 9, "the minimum at once, the rest after the cooldown");
    world.fleet.min = Capacity::ZERO;
    world.fleet.max = Capacity::units(3);
    assert_eq!(after(&mut world, 1, 20), 3, "the maximum at once, the rest after cooldown and grace");
}

#[test]
fn a_lowering_waits_after_a_change_either_way() {
    let mut world = world();
    world.fleet.scale_down.cooldown = Span::from_mins(10);
    world.fleet.scale_down.max_step = Some(Share::percent(20));
    waiting(&mut world, 100);
    assert_eq!(target(&mut world), 10);
    assert_eq!(after(&mut world, 5, 150), 15);
    assert_eq!(after(&mut world, 9, 50), 15, "raised nine minutes ago");
    assert_eq!(sized(&world, 0).sizing.limits, [Limit::CooldownDown(world.now.plus(Span::from_mins(1)))]);
    assert_eq!(after(&mut world, 1, 50), 12, "a fifth of fifteen");
    assert_eq!(after(&mut world, 9, 50), 12);
    assert_eq!(after(&mut world, 1, 50), 10);
}

#[test]
fn what_was_needed_within_the_grace_stays() {
    let mut world = world();
    world.fleet.scale_down.idle_grace = Span::from_mins(15);
    waiting(&mut world, 100);
    assert_eq!(target(&mut world), 10);
    assert_eq!(after(&mut world, 20, 100), 10);
    assert_eq!(after(&mut world, 1, 40), 10, "needed until now");
    assert_eq!(sized(&world, 0).wake_at, Some(world.now.plus(Span::from_mins(15))));
    assert_eq!(after(&mut world, 10, 70), 10, "needed eleven minutes ago");
    assert_eq!(after(&mut world, 4, 20), 10);
    assert_eq!(after(&mut world, 1, 20), 7, "seventy waited until a minute ago");
    assert_eq!(after(&mut world, 13, 20), 7);
    assert_eq!(after(&mut world, 1, 20), 2);
}

#[test]
fn the_grace_begins_when_watching_begins() {
    let mut world = world();
    world.fleet.scale_down.idle_grace = Span::from_mins(15);
    world.memory.target = Some(Capacity::units(9));
    waiting(&mut world, 20);
    assert_eq!(target(&mut world), 9);
    assert_eq!(after(&mut world, 14, 20), 9);
    assert_eq!(after(&mut world, 1, 20), 2);
}

#[test]
fn a_time_without_data_is_not_watched() {
    let mut world = world();
    world.fleet.scale_down.idle_grace = Span::from_mins(15);
    waiting(&mut world, 90);
    assert_eq!(target(&mut world), 9);
    world.pass(20);
    let now = world.now;
    world.demand.of_mut(&queue()).missed(now);
    assert_eq!(target(&mut world), 9);
    assert_eq!(after(&mut world, 10, 20), 9);
    assert_eq!(after(&mut world, 14, 20), 9);
    assert_eq!(after(&mut world, 1, 20), 2);
}

#[test]
fn a_steady_need_never_rewrites_the_memory_and_a_falling_one_seldom() {
    let mut world = world();
    world.fleet.scale_down.idle_grace = Span::from_mins(16);
    waiting(&mut world, 9_000);
    target(&mut world);
    let mut rewritten = 0;
    for round in 0..600 {
        world.now = world.now.plus(Span::from_secs(10));
        waiting(&mut world, 9_000 - 10 * round);
        let before = world.memory.peaks.clone();
        target(&mut world);
        rewritten += u32::from(world.memory.peaks != before);
        assert!(world.memory.peaks.len() <= 33);
        assert!(world.memory.peaks.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 > w[1].1));
    }
    assert!((190..=210).contains(&rewritten), "every 30 s: {rewritten} of 600");
    let held = world.memory.target.unwrap().milli() / 1_000;
    assert!((396..=400).contains(&held), "96 rounds ago 396 were needed: {held}");
    after(&mut world, 20, 3_000);
    after(&mut world, 20, 3_000);
    let before = world.memory.clone();
    for _ in 0..100 {
        after(&mut world, 7, 3_000);
        assert_eq!(world.memory, before);
    }
}

#[test]
fn more_peaks_than_are_kept_only_keep_capacity_longer() {
    let mut peaks = Vec::new();
    let start = Time::from_millis(0);
    for i in 0..200_u64 {
        record(&mut peaks, start.plus(Span::from_secs(i)), Capacity::units(1_000 - i), Span::ZERO);
    }
    assert_eq!(peaks.len(), PEAKS);
    assert_eq!(peaks[0], (start, Capacity::units(1_000)));
    assert_eq!(peaks[PEAKS - 1], (start.plus(Span::from_secs(199)), Capacity::units(801)));
}

#[test]
fn missing_data_holds_then_falls_back() {
    let mut world = world();
    world.fleet.demand.on_missing =
        crate::model::MissingRule { hold: Span::from_mins(15), then: Some(Capacity::units(4)) };
    world.fleet.scale_down.cooldown = Span::from_mins(10);
    world.fleet.scale_down.max_step = Some(Share::percent(50));
    world.fleet.scale_down.idle_grace = Span::from_hours(1);
    waiting(&mut world, 100);
    assert_eq!(target(&mut world), 10);
    let since = world.now;
    world.demand.of_mut(&queue()).missed(since);
    world.pass(14);
    assert_eq!(target(&mut world), 10);
    assert_eq!(sized(&world, 0).wake_at, Some(since.plus(Span::from_mins(15))));
    world.pass(1);
    assert_eq!(target(&mut world), 5, "one step; grace does not apply to what nobody watches");
    world.pass(9);
    assert_eq!(target(&mut world), 5);
    world.pass(1);
    assert_eq!(target(&mut world), 4);
    assert_eq!(sized(&world, 0).sizing.basis, Basis::MissingFallback { source: queue(), since });
}

#[test]
fn missing_data_without_a_fallback_holds_for_good() {
    let mut world = world();
    waiting(&mut world, 100);
    assert_eq!(target(&mut world), 10);
    let since = world.now;
    world.demand.of_mut(&queue()).missed(since);
    world.pass(100_000);
    assert_eq!(target(&mut world), 10);
}

#[test]
fn before_the_first_reading_the_last_target_holds() {
    let mut world = world();
    world.fleet.min = Capacity::units(2);
    assert_eq!(target(&mut world), 2);
    world.memory.target = Some(Capacity::units(7));
    assert_eq!(target(&mut world), 7);
    assert_eq!(sized(&world, 0).sizing.basis, Basis::Unread(queue()));
}

#[test]
fn one_reading_after_a_start_raises_and_does_not_lower() {
    let mut world = world();
    world.memory.target = Some(Capacity::units(7));
    let now = world.now;
    read(&mut world, now, 20, None);
    assert_eq!(target(&mut world), 7);
    assert_eq!(sized(&world, 0).sizing.limits, [Limit::RateUnknown]);
    read(&mut world, now.plus(Span::from_secs(10)), 20, None);
    world.now = now.plus(Span::from_secs(10));
    assert_eq!(target(&mut world), 2, "without a grace two readings are enough");
    world.demand = Demand::default();
    read(&mut world, now, 90, None);
    assert_eq!(target(&mut world), 9);
}

#[test]
fn after_a_start_the_memory_of_a_high_need_outlives_an_understated_rate() {
    let mut world = world();
    world.fleet.scale_down.idle_grace = Span::from_mins(15);
    waiting(&mut world, 100);
    target(&mut world);
    world.pass(60);
    let restart = world.now;
    world.demand = Demand::default();
    for s in 0..29 {
        world.now = restart.plus(Span::from_secs(10 * s));
        let now = world.now;
        read(&mut world, now, 10, None);
        assert_eq!(target(&mut world), 10);
    }
    assert_eq!(world.memory.peaks.len(), 1, "nothing lower was believed");
}

#[test]
fn a_first_decision_takes_what_is_held_for_the_last_target() {
    let mut world = world();
    world.fleet.scale_down.idle_grace = Span::from_mins(15);
    waiting(&mut world, 20);
    let first = sized(&world, 8);
    assert_eq!((first.sizing.target, first.sizing.previous), (Capacity::units(8), None));
    assert_eq!(sized(&world, 0).sizing.target, Capacity::units(2));
    world.fleet.scale_down.idle_grace = Span::ZERO;
    let bold = sized(&world, 8);
    assert_eq!(bold.sizing.target, Capacity::units(2));
    assert_eq!(bold.memory.lowered_at, Some(world.now));
}

#[test]
fn the_forecast_only_raises() {
    let mut world = world();
    world.fleet.demand.forecast = Some(ForecastRule { horizon: Span::from_hours(2), quantile: Share::percent(90) });
    let current = History::hour_of(world.now);
    let mut history = History::default();
    for number in current - 14 * 24..current {
        // One busy hour a day, two hours ahead of now.
        let need = if (number - current).rem_euclid(24) == 2 { 20_000 } else { 3_000 };
        history.restore(number, Hour { sum_milli: need, readings: 1, peak: Capacity::ZERO });
    }
    let size = |world: &World| {
        size(world.now, &world.fleet, &world.memory, Capacity::ZERO, &world.demand, &history, Span::ZERO).sizing
    };
    waiting(&mut world, 100);
    assert_eq!((size(&world).target, size(&world).basis), (Capacity::units(20), Basis::Forecast));
    waiting(&mut world, 300);
    assert_eq!((size(&world).target, size(&world).basis), (Capacity::units(30), Basis::Queue(queue())));
    assert_eq!(size(&world).forecast, Some(Capacity::units(20)));
    world.fleet.demand.sources.clear();
    assert_eq!(size(&world).target, Capacity::units(20));
}

/// The queue, and a metric of which 50 stand for one unit.
fn two_sources() -> World {
    let mut world = world();
    world.fleet.demand.sources.insert(load(), SourceRule::Metric(MetricRule { target_milli: 50_000 }));
    world
}

fn load() -> SourceName {
    "load".into()
}

fn level(world: &mut World, value: u64) {
    let at = world.now;
    world.demand.of_mut(&load()).record(Reading::Value(Level { at, milli: value * 1_000 }), Capacity::ZERO);
}

#[test]
fn of_several_sources_the_largest_need_counts() {
    let mut world = two_sources();
    waiting(&mut world, 100);
    level(&mut world, 601);
    let sizing = sized(&world, 0).sizing;
    assert_eq!((sizing.target, sizing.basis), (Capacity::units(13), Basis::Metric(load())));
    assert_eq!(sizing.others, [(queue(), Capacity::units(10))]);
    level(&mut world, 100);
    let sizing = sized(&world, 0).sizing;
    assert_eq!((sizing.target, sizing.basis), (Capacity::units(10), Basis::Queue(queue())));
}

#[test]
fn while_one_source_is_silent_the_other_raises_and_nothing_falls() {
    let mut world = two_sources();
    world.fleet.demand.on_missing =
        crate::model::MissingRule { hold: Span::from_mins(15), then: Some(Capacity::units(4)) };
    waiting(&mut world, 100);
    level(&mut world, 600);
    assert_eq!(target(&mut world), 12);
    let since = world.now;
    world.demand.of_mut(&load()).missed(since);
    assert_eq!(target(&mut world), 12);
    waiting(&mut world, 150);
    world.demand.of_mut(&load()).missed(since);
    assert_eq!(target(&mut world), 15, "the queue is read, and wants more");
    waiting(&mut world, 60);
    world.demand.of_mut(&load()).missed(since);
    assert_eq!(target(&mut world), 15);
    world.pass(15);
    waiting(&mut world, 60);
    world.demand.of_mut(&load()).missed(since);
    assert_eq!(target(&mut world), 6, "the fallback is less than what the queue wants");
    assert_eq!(sized(&world, 0).sizing.others, [(load(), Capacity::units(4))]);
    waiting(&mut world, 10);
    world.demand.of_mut(&load()).missed(since);
    assert_eq!(target(&mut world), 4, "and more than it wants now");
}

#[test]
fn until_the_pace_is_learned_one_unit_works() {
    let mut world = world();
    let rule = QueueRule { jobs_per_unit_hour: None, drain_within: Span::from_mins(10) };
    world.fleet.demand.sources = DemandRules::queue(rule);
    let read = |world: &mut World, minute: i64, waiting, arrived, ready| {
        let at = world.now.plus(Span::from_mins(u64::try_from(minute).expect("in time")));
        let sample = Sample { at, waiting, in_flight: 0, arrived_total: Some(arrived) };
        world.demand.of_mut(&queue()).record(Reading::Jobs(sample), Capacity::units(ready));
    };
    read(&mut world, 0, 0, 100, 0);
    assert_eq!(target(&mut world), 0, "nothing waits");
    world.demand = Demand::default();
    read(&mut world, 1, 400, 500, 0);
    assert_eq!(target(&mut world), 1);
    assert_eq!(sized(&world, 0).sizing.basis, Basis::Learning(queue()));
    for minute in 2..=8 {
        read(&mut world, minute, 400, 500 + 2 * minute.unsigned_abs(), 1);
    }
    // Two jobs a minute came and went: 120 an hour a unit, so 400 in ten minutes are 20 units, and 2 for what arrives.
    let learned = sized(&world, 0).sizing;
    assert_eq!(learned.basis, Basis::Queue(queue()));
    assert!((20..=30).contains(&(learned.target.milli() / 1_000)), "{learned:?}");
}

#[test]
fn the_forecast_looks_as_far_ahead_as_machines_take_to_start() {
    let mut world = world();
    world.fleet.demand.forecast = Some(ForecastRule { horizon: Span::from_mins(1), quantile: Share::percent(90) });
    let current = History::hour_of(world.now);
    let mut history = History::default();
    for number in current - 14 * 24..current {
        let need = if (number - current).rem_euclid(24) == 2 { 20_000 } else { 3_000 };
        history.restore(number, Hour { sum_milli: need, readings: 1, peak: Capacity::ZERO });
    }
    waiting(&mut world, 10);
    let ahead = |lead| {
        let held = Capacity::ZERO;
        size(world.now, &world.fleet, &world.memory, held, &world.demand, &history, lead).sizing.target
    };
    assert_eq!(ahead(Span::ZERO), Capacity::units(3));
    assert_eq!(ahead(Span::from_hours(2)), Capacity::units(20));
}

#[test]
fn more_demand_never_lowers_the_target() {
    let mut noise = crate::rng::Stream::new(11, "size");
    for _ in 0..2_000 {
        let mut world = world();
        let mut draw = |n: u64| noise.below(n);
        world.fleet.min = Capacity::units(draw(5));
        world.fleet.max = Capacity::units(10 + draw(30));
        world.fleet.scale_up.cooldown = Span::from_mins(draw(3) * 5);
        world.fleet.scale_up.max_step = (draw(2) == 0).then(|| Share::percent(30));
        world.fleet.scale_down.cooldown = Span::from_mins(draw(3) * 5);
        world.fleet.scale_down.max_step = (draw(2) == 0).then(|| Share::percent(30));
        world.fleet.scale_down.idle_grace = Span::from_mins(draw(3) * 4);
        for _ in 0..6 {
            after(&mut world, draw(8), draw(300));
        }
        world.pass(draw(8));
        let less = draw(300);
        let more = less + draw(100);
        let targets = [less, more].map(|jobs| {
            waiting(&mut world, jobs);
            sized(&world, 0).sizing.target
        });
        assert!(targets[0] <= targets[1], "{less}, {more}: {targets:?} {:?}", world.memory);
    }
}
