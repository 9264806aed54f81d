//! For each rule a plan that breaks it and nothing else.

use super::{Case, NOW, PRICE, ago, on_demand, spot};
use crate::check::Violation;
use crate::demand::Demand;
use crate::failure::FailureKind;
use crate::model::{Market, MaxShare, MoveRules, Pool, Survive, Token};
use crate::plan::{Action, Cause, Closure, HoldingId, LaneState, LaunchWhy, Memory, Place, Standing, Work};
use crate::schedule::tests::always;
use crate::units::{Capacity, Currency, ListPrice, Share, Span, UnitPrice};

#[test]
fn a_plan_of_another_moment_is_refused() {
    let mut case = Case::new();
    case.plan.at = ago(1);
    assert_eq!(case.found(), ["other-input"]);
}

#[test]
fn a_target_outside_the_bounds_is_refused() {
    for target in [1, 21] {
        let mut case = Case::empty();
        case.memory.target = None;
        case.aim(target);
        assert_eq!(case.found(), ["target-out-of-bounds"]);
    }
}

#[test]
fn a_step_too_large_is_refused() {
    for target in [16, 7] {
        let mut case = Case::new();
        case.aim(target);
        assert_eq!(case.found(), ["too-fast"]);
    }
}

#[test]
fn a_change_within_its_cooldown_is_refused() {
    let mut case = Case::new();
    case.memory.raised_at = Some(NOW.minus(Span::from_secs(59)));
    case.aim(11);
    assert_eq!(case.found(), ["too-fast"]);
    // The last change either way holds a lowering back; only the last raise holds a raise back.
    case.memory.raised_at = Some(ago(9));
    case.memory.lowered_at = Some(ago(60));
    case.aim(9);
    assert_eq!(case.found(), ["too-fast"]);
    case.memory.raised_at = Some(ago(60));
    case.memory.lowered_at = Some(ago(0));
    case.aim(11);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_lowering_below_what_was_needed_lately_is_refused() {
    let mut case = Case::new();
    case.memory.peaks = vec![(ago(20), Capacity::units(20)), (ago(14), Capacity::units(9))];
    case.aim(8);
    assert_eq!(case.found(), ["within-grace"]);
    case.aim(9);
    assert_eq!(case.found(), [""; 0]);
    case.memory.watched_since = Some(ago(14));
    case.aim(9);
    assert_eq!(case.found(), ["within-grace"]);
}

#[test]
fn a_lowering_without_memory_is_one_from_what_is_held() {
    let mut case = Case::new();
    case.memory = Memory::default();
    case.aim(9);
    assert_eq!(case.found(), ["within-grace"]);
    case.fleet.scale_down.idle_grace = Span::ZERO;
    assert_eq!(case.found(), [""; 0]);
    case.demand = Demand::default();
    assert_eq!(case.found(), ["lowered-blind"]);
}

#[test]
fn a_lowering_without_data_is_refused() {
    let mut case = Case::new();
    case.demand.of_mut(&crate::model::DemandRules::QUEUE.into()).missed(ago(14));
    case.aim(9);
    assert_eq!(case.found(), ["lowered-blind"]);
    case.demand = Demand::default();
    case.demand.of_mut(&crate::model::DemandRules::QUEUE.into()).missed(ago(15));
    assert_eq!(case.found(), [""; 0]);
    case.fleet.demand.on_missing.then = Some(Capacity::units(10));
    assert_eq!(case.found(), ["lowered-blind"]);
}

#[test]
fn a_change_that_is_not_remembered_is_refused() {
    let mut case = Case::new();
    case.aim(9);
    case.plan.memory.lowered_at = None;
    assert_eq!(case.found(), ["forgotten"]);
}

#[test]
fn launching_and_letting_go_in_one_plan_is_refused() {
    let mut case = Case::new();
    case.run(&spot("a"), 1);
    case.holdings.remove(0);
    case.drain(9, Cause::Surplus);
    let Some(Action::Drain { instance, .. }) = case.plan.actions.last_mut() else { unreachable!("just pushed") };
    *instance = "m10".into();
    case.launch(&on_demand(), 1);
    case.aim(9);
    assert_eq!(case.found(), ["two-kinds"]);
}

#[test]
fn a_pool_or_specification_that_is_not_the_fleets_is_refused() {
    let mut case = Case::new();
    case.holdings.truncate(9);
    case.launch(&spot("d"), 1);
    case.fleet.pools.insert(spot("d"), "web/1".into());
    assert_eq!(case.found(), ["foreign-pool"]);
    case.fleet.pools.remove(&spot("d"));
    assert_eq!(case.found(), ["foreign-pool"]);
}

#[test]
fn what_is_not_offered_so_is_refused() {
    let mut case = Case::new();
    case.holdings.truncate(9);
    case.launch(&spot("d"), 1);
    assert_eq!(case.found(), [""; 0]);
    case.offers[3].price = ListPrice::usd(PRICE + 1);
    assert_eq!(case.found(), ["not-as-offered"]);
    case.offers[3].price = ListPrice { micros: PRICE, currency: Currency::Cny };
    assert_eq!(case.found(), ["not-as-offered"]);
    case.offers.remove(3);
    assert_eq!(case.found(), ["not-as-offered"]);
    let mut case = Case::new();
    case.launch(&spot("d"), 0);
    assert_eq!(case.found(), ["not-as-offered"]);
}

#[test]
fn a_base_of_spot_is_refused() {
    let mut case = Case::new();
    case.holdings.remove(0);
    case.launch(&spot("a"), 1);
    let Some(Action::Launch { why, .. }) = case.plan.actions.last_mut() else { unreachable!("just pushed") };
    *why = LaunchWhy::Base;
    case.fleet.spot.min_pools = 1;
    assert_eq!(case.found(), ["wrong-purpose"]);
}

#[test]
fn a_call_that_is_too_large_is_refused() {
    let mut case = Case::empty();
    case.lanes.values_mut().for_each(|lane| lane.launch_batch = 1);
    case.launch(&spot("a"), 2);
    assert_eq!(case.found(), ["over-batch"]);
}

#[test]
fn a_closed_place_is_refused() {
    let lane = spot("d").lane().clone();
    for place in [Place::Pool(spot("d")), Place::LaneMarket(lane.clone(), Market::Spot), Place::Lane(lane.clone())] {
        let mut case = Case::new();
        case.holdings.truncate(9);
        case.launch(&spot("d"), 1);
        let until = NOW.plus(Span::from_secs(1));
        case.closures.push(Closure { place, kind: FailureKind::NoCapacity, until, strikes: 1 });
        assert_eq!(case.found(), ["closed"]);
        case.closures[0].until = NOW;
        assert_eq!(case.found(), [""; 0]);
    }
}

#[test]
fn a_lane_that_is_not_seen_is_refused() {
    let mut case = Case::new();
    case.lanes.values_mut().for_each(|lane| lane.seen = false);
    case.holdings.truncate(9);
    case.launch(&spot("d"), 1);
    assert_eq!(case.found(), ["unseen"]);
    case.lanes.clear();
    assert_eq!(case.found(), ["unseen"]);
    let mut case = Case::new();
    case.run(&Pool::new("other", "r", "a", "small", Market::Spot), 1);
    case.drain(10, Cause::Surplus);
    assert_eq!(case.found(), ["unseen"]);
}

#[test]
fn spot_above_the_absolute_cap_is_refused() {
    let mut case = Case::new();
    case.holdings.truncate(9);
    case.launch(&spot("d"), 1);
    case.fleet.spot.max_price_per_unit = Some(UnitPrice::from_nanos(30_000_000));
    assert_eq!(case.found(), [""; 0]);
    case.fleet.spot.max_price_per_unit = Some(UnitPrice::from_nanos(29_999_999));
    assert_eq!(case.found(), ["over-cap"]);
}

#[test]
fn spot_above_its_share_of_on_demand_is_refused() {
    let mut case = Case::new();
    case.holdings.truncate(9);
    case.launch(&spot("d"), 1);
    case.fleet.spot.max_price_of_on_demand = Some(Share::percent(30));
    assert_eq!(case.found(), [""; 0]);
    case.fleet.spot.max_price_of_on_demand = Some(Share::percent(29));
    assert_eq!(case.found(), ["over-share-of-on-demand"]);
    // Without a known on-demand price nothing is within the share.
    case.fleet.spot.max_price_of_on_demand = Some(Share::percent(30));
    case.offers.remove(4);
    assert_eq!(case.found(), ["over-share-of-on-demand"]);
}

#[test]
fn each_level_of_share_is_kept() {
    let (none, half) = (MaxShare::default(), Share::percent(50));
    for (shares, min_pools, broken) in [
        (MaxShare { pool: half, ..none }, 1, true),
        (MaxShare { zone: half, ..none }, 1, true),
        (MaxShare { region: half, ..none }, 1, true),
        (MaxShare { provider: half, ..none }, 1, true),
        (none, 2, true),
        (none, 1, false),
    ] {
        let mut case = Case::empty();
        case.fleet.spot.max_share = shares;
        case.fleet.spot.min_pools = min_pools;
        case.run(&spot("a"), 3);
        case.launch(&spot("a"), 2);
        let expected: &[&str] = if broken { &["over-share"] } else { &[] };
        assert_eq!(case.found(), expected, "{shares:?}, {min_pools} pools");
    }
}

#[test]
fn one_machine_always_fits_a_share() {
    let mut case = Case::empty();
    case.fleet.spot.max_share.zone = Share::percent(1);
    case.launch(&spot("a"), 1);
    assert_eq!(case.found(), [""; 0]);
    case.run(&spot("a"), 1);
    assert_eq!(case.found(), ["over-share"]);
}

#[test]
fn a_target_outside_the_bounds_of_schedules_is_refused() {
    for (target, broken) in [(3, true), (4, false), (6, false), (7, true)] {
        let mut case = Case::empty();
        case.memory.target = None;
        case.fleet.schedules = vec![always(Some(4), None), always(None, Some(6)), always(Some(3), Some(9))];
        case.aim(target);
        let found = case.found();
        assert_eq!(found.contains(&"target-out-of-bounds"), broken, "{target}: {found:?}");
    }
    // The maximum wins.
    let mut case = Case::empty();
    case.memory.target = None;
    case.fleet.schedules = vec![always(Some(9), None), always(None, Some(1))];
    case.aim(1);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn passing_the_maximum_of_a_schedule_is_refused() {
    let mut case = Case::new();
    case.fleet.schedules = vec![always(None, Some(10))];
    case.stand(2, Standing::Draining { until: NOW.plus(Span::from_mins(1)) });
    case.launch(&spot("a"), 1);
    assert_eq!(case.found(), ["over-max"]);
}

#[test]
fn passing_the_maximum_is_refused() {
    let mut case = Case::new();
    case.fleet.max = Capacity::units(10);
    case.stand(2, Standing::Draining { until: NOW.plus(Span::from_mins(1)) });
    case.launch(&spot("a"), 1);
    assert_eq!(case.found(), ["over-max"]);
    case.stand(2, Standing::Ending);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn more_than_is_lacking_is_refused() {
    let mut case = Case::new();
    case.launch(&on_demand(), 1);
    assert_eq!(case.found(), ["over-target"]);
    let mut case = Case::new();
    case.fleet.spot.min_pools = 1;
    case.launch(&spot("a"), 1);
    assert_eq!(case.found(), ["over-target"]);
    // Promises count.
    case.holdings.truncate(9);
    assert_eq!(case.found(), [""; 0]);
    case.run(&spot("a"), 1);
    case.holdings[9].id = HoldingId::Promise(Token::from("t"));
    case.stand(9, Standing::Promised);
    assert_eq!(case.found(), ["over-target"]);
}

#[test]
fn a_bridge_is_in_the_way_of_spot_only_without_return() {
    let mut case = Case::new();
    case.holdings.truncate(8);
    case.run(&on_demand(), 2);
    case.launch(&spot("d"), 2);
    assert_eq!(case.found(), [""; 0]);
    case.fleet.on_demand.return_to_spot = false;
    assert_eq!(case.found(), ["over-target"]);
}

#[test]
fn an_early_bridge_is_refused() {
    for (fallback, short_since) in
        [(Some(Span::from_mins(5)), Some(ago(4))), (Some(Span::from_mins(5)), None), (None, Some(ago(500)))]
    {
        let mut case = Case::new();
        case.holdings.truncate(8);
        case.fleet.on_demand.fallback_after = fallback;
        case.memory.short_since = short_since;
        case.bridge(2);
        assert_eq!(case.found(), ["early-bridge"]);
    }
}

#[test]
fn a_machine_that_is_not_known_is_left_alone() {
    let mut case = Case::new();
    case.run(&spot("a"), 1);
    case.drain(10, Cause::Surplus);
    assert_eq!(case.found(), [""; 0]);
    case.holdings[10].id = HoldingId::Promise("m10".into());
    assert_eq!(case.found(), ["unknown-machine"]);
    case.holdings[10].id = HoldingId::Machine("m10".into());
    case.holdings[10].pool = spot("b");
    assert_eq!(case.found(), ["unknown-machine"]);
}

#[test]
fn a_machine_named_twice_is_refused() {
    let mut case = Case::new();
    case.run(&spot("a"), 2);
    case.drain(10, Cause::Surplus);
    case.drain(10, Cause::Surplus);
    assert_eq!(case.found(), ["twice"]);
}

#[test]
fn a_machine_that_goes_already_is_not_told_again() {
    let mut case = Case::new();
    case.run(&spot("a"), 1);
    case.drain(10, Cause::Surplus);
    for standing in [Standing::Draining { until: NOW.plus(Span::from_mins(1)) }, Standing::Ending] {
        case.stand(10, standing);
        assert_eq!(case.found(), ["already-leaving"]);
    }
}

#[test]
fn a_cause_that_is_not_there_is_refused() {
    for cause in [Cause::Interruption, Cause::PoolRemoved, Cause::BridgeOver, Cause::Drained] {
        let mut case = Case::new();
        case.run(&spot("a"), 1);
        case.drain(10, cause);
        assert_eq!(case.found(), ["false-cause"], "{cause:?}");
    }
}

#[test]
fn an_end_without_a_full_drain_is_refused() {
    let mut case = Case::new();
    case.run(&spot("a"), 1);
    case.end(10);
    assert_eq!(case.found(), ["undrained"]);
    case.stand(10, Standing::Draining { until: NOW.plus(Span::from_millis(1)) });
    assert_eq!(case.found(), ["undrained"]);
    case.plan.actions.clear();
    case.stand(10, Standing::Running);
    case.drain(10, Cause::Surplus);
    case.fleet.scale_down.drain_timeout = Span::from_mins(6);
    assert_eq!(case.found(), ["undrained"]);
}

#[test]
fn a_drain_below_the_target_is_refused() {
    let mut case = Case::new();
    case.drain(2, Cause::Surplus);
    assert_eq!(case.found(), ["below-target"]);
    // A launch of the same plan is no excuse: replace before remove.
    case.launch(&spot("b"), 1);
    assert_eq!(case.found(), ["over-share", "over-target", "below-target", "two-kinds"]);
}

#[test]
fn nothing_goes_for_what_is_not_seen() {
    let mut case = Case::new();
    case.run(&Pool::new("other", "r", "a", "small", Market::Spot), 1);
    case.drain(2, Cause::Surplus);
    assert_eq!(case.found(), ["below-target"]);
    case.lanes
        .insert(case.holdings[10].pool.lane().clone(), LaneState { seen: true, launch_batch: 1, priced_at: None });
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_drain_below_the_base_is_refused() {
    let mut case = Case::new();
    case.run(&spot("a"), 1);
    case.fleet.pools.remove(&on_demand());
    case.drain(0, Cause::PoolRemoved);
    assert_eq!(case.found(), ["below-base"]);
}

#[test]
fn a_removed_pool_stays_until_what_replaces_it_runs() {
    let mut case = Case::new();
    case.run(&spot("e"), 1);
    case.drain(10, Cause::PoolRemoved);
    assert_eq!(case.found(), [""; 0]);
    case.stand(9, Standing::Starting);
    assert_eq!(case.found(), ["cold-replacement"]);
}

#[test]
fn a_bridge_stays_until_what_replaces_it_runs() {
    let mut case = Case::new();
    case.run(&on_demand(), 1);
    case.drain(10, Cause::BridgeOver);
    case.stand(9, Standing::Starting);
    assert_eq!(case.found(), ["cold-replacement"]);
}

#[test]
fn more_launches_than_an_hour_allows_are_refused() {
    let mut case = Case::empty();
    case.fleet.scale_up.max_launches_per_hour = 10;
    // Two hours ago does not count; a promise does.
    case.memory.launches = vec![(ago(120), 50), (ago(59), 4), (ago(3), 2)];
    case.run(&spot("d"), 1);
    case.holdings[0].id = HoldingId::Promise("sf-1".into());
    case.stand(0, Standing::Promised);
    case.launch(&on_demand(), 2);
    case.launch(&spot("a"), 1);
    assert_eq!(case.found(), [""; 0]);
    case.launch(&spot("b"), 1);
    assert_eq!(case.found(), ["over-launches"]);
}

#[test]
fn a_paused_fleet_does_nothing() {
    let mut case = Case::new();
    case.paused = true;
    case.aim(15);
    assert_eq!(case.found(), [""; 0], "its target moves");
    case.launch(&spot("a"), 2);
    assert_eq!(case.found(), ["paused"]);
    let mut case = Case::new();
    case.paused = true;
    case.holdings[2].notice = Some(NOW);
    case.end(2);
    assert_eq!(case.found(), ["paused"]);
}

#[test]
fn a_protected_machine_goes_only_with_its_provider() {
    let mut case = Case::new();
    case.aim(9);
    case.holdings[2].protected = true;
    case.drain(2, Cause::Surplus);
    assert_eq!(case.found(), ["protected"]);
    let mut case = Case::new();
    case.holdings[2].protected = true;
    case.holdings[2].notice = Some(NOW.plus(Span::from_mins(9)));
    case.drain(2, Cause::Interruption);
    assert_eq!(case.found(), [""; 0]);
    // On-demand above the base goes when the only spot is protected.
    let mut case = Case::new();
    case.fleet.on_demand.base = Capacity::units(1);
    case.holdings.truncate(3);
    case.holdings[2].protected = true;
    case.memory.target = Some(Capacity::units(3));
    case.aim(2);
    case.drain(0, Cause::Surplus);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn what_the_operator_orders_is_no_cause_of_a_plan() {
    let mut case = Case::new();
    case.aim(9);
    case.drain(2, Cause::Ordered);
    assert_eq!(case.found(), ["false-cause"]);
}

#[test]
fn a_bridge_does_not_go_for_machines_that_it_replaces() {
    let mut case = Case::new();
    case.fleet.pools.remove(&spot("d"));
    case.run(&on_demand(), 2);
    case.drain(10, Cause::BridgeOver);
    assert_eq!(case.found(), ["cold-replacement"]);
    // That it does not run itself changes nothing.
    case.stand(10, Standing::Starting);
    assert_eq!(case.found(), ["cold-replacement"]);
}

#[test]
fn on_demand_does_not_leave_before_spot() {
    let mut case = Case::new();
    case.fleet.on_demand.base = Capacity::units(1);
    case.aim(9);
    case.drain(0, Cause::Surplus);
    assert_eq!(case.found(), ["order-of-leaving"]);
    // What is in a lane that is not seen could not have gone.
    let mut case = Case::empty();
    case.fleet.on_demand.base = Capacity::units(1);
    case.memory.target = Some(Capacity::units(3));
    case.run(&on_demand(), 3);
    case.run(&Pool::new("other", "r", "a", "small", Market::Spot), 1);
    case.aim(2);
    case.drain(0, Cause::Surplus);
    assert_eq!(case.found(), [""; 0]);
    case.lanes.insert(case.holdings[3].pool.lane().clone(), LaneState { seen: true, launch_batch: 1, priced_at: None });
    assert_eq!(case.found(), ["order-of-leaving"]);
}

#[test]
fn a_violation_prints_its_rule_and_its_figures() {
    let text = Violation::OverMax { capacity: Capacity::units(12), max: Capacity::units(10) }.to_string();
    assert_eq!(text, "over-max: 12 would be in place and promised, the maximum is 10");
}

#[test]
fn a_busy_machine_does_not_leave_before_an_idle_one() {
    let mut case = Case::new();
    case.aim(9);
    case.drain(4, Cause::Surplus);
    assert_eq!(case.found(), Vec::<&str>::new());
    case.holdings[7].work = Work::Idle;
    assert_eq!(case.found(), ["busy-first"], "it was not known what it did, and another was idle");
    case.holdings[7].protected = true;
    assert_eq!(case.found(), Vec::<&str>::new());
    case.holdings[4].work = Work::Busy;
    assert_eq!(case.found(), ["busy-first"], "it is busy, and of others nobody tells");
    for holding in &mut case.holdings {
        holding.work = Work::Busy;
    }
    assert_eq!(case.found(), Vec::<&str>::new());
    case.holdings[6].work = Work::Unknown;
    case.holdings[6].units = Capacity::units(2);
    assert_eq!(case.found(), Vec::<&str>::new(), "it is larger");
}

#[test]
fn who_says_that_it_is_idle_may_end_before_its_time_to_drain() {
    let mut case = Case::new();
    case.aim(9);
    case.stand(4, Standing::Draining { until: NOW.plus(Span::from_mins(1)) });
    case.end(4);
    for (work, found) in [(Work::Unknown, vec!["undrained"]), (Work::Busy, vec!["undrained"]), (Work::Idle, vec![])] {
        case.holdings[4].work = work;
        assert_eq!(case.found(), found);
    }
}

#[test]
fn a_move_without_rules_in_unrest_or_without_saving_is_refused() {
    let rules = MoveRules {
        min_saving: Share::percent(20),
        pays_back_within: Span::from_hours(1),
        max_per_hour: 4,
        max_share: Share::WHOLE,
        calm: Span::from_mins(30),
    };
    // A fifth pool at half the price of the others.
    let cheap = spot("e");
    let case = || {
        let mut case = Case::new();
        case.fleet.pools.insert(cheap.clone(), "web/0".into());
        case.offers.push(super::offer(&cheap, PRICE / 2));
        case.fleet.spot.moves = Some(rules);
        case.fleet.spot.min_pools = 1;
        case.launch(&cheap, 1);
        let Some(Action::Launch { why, price, .. }) = case.plan.actions.last_mut() else { unreachable!("just pushed") };
        *why = LaunchWhy::Move;
        *price = crate::units::PricePerHour::from_micros(PRICE / 2);
        case
    };
    assert_eq!(case().found(), [""; 0]);
    let mut none = case();
    none.fleet.spot.moves = None;
    assert_eq!(none.found(), ["wrong-purpose"]);
    let mut starts = case();
    starts.stand(3, Standing::Starting);
    assert_eq!(starts.found(), ["restless"]);
    let mut lately = case();
    lately.memory.disturbed_at = Some(ago(29));
    lately.plan.memory.disturbed_at = Some(ago(29));
    assert_eq!(lately.found(), ["restless"]);
    let mut often = case();
    often.memory.moves = vec![(ago(59), 4)];
    often.plan.memory.moves = vec![(ago(59), 4)];
    assert_eq!(often.found(), ["restless"]);
    let mut little = case();
    little.fleet.spot.moves = Some(MoveRules { min_saving: Share::percent(60), ..rules });
    assert_eq!(little.found(), ["no-saving"]);
    let mut young = case();
    young.fleet.scale_down.min_life = Span::from_hours(2);
    assert_eq!(young.found(), ["no-saving"], "nothing is old enough to be replaced");
}

#[test]
fn a_spare_that_is_not_needed_and_surplus_that_is_are_refused() {
    let mut case = Case::new();
    case.fleet.survive = Some(Survive::Zone);
    case.fleet.min = Capacity::units(6);
    case.launch(&spot("b"), 1);
    let Some(Action::Launch { why, .. }) = case.plan.actions.last_mut() else { unreachable!("just pushed") };
    *why = LaunchWhy::Survive;
    // Four in zone a, six in the others: the minimum of six survives as it is.
    assert_eq!(case.found(), ["needless-spare"]);
    case.fleet.min = Capacity::units(7);
    assert_eq!(case.found(), [""; 0]);
    // Of eleven one could go for the target of ten, but six in zones b to d would be five.
    let mut case = Case::new();
    case.fleet.survive = Some(Survive::Zone);
    case.fleet.min = Capacity::units(6);
    case.run(&spot("a"), 1);
    case.drain(4, Cause::Surplus);
    assert_eq!(case.found(), ["unsurvivable"]);
}
