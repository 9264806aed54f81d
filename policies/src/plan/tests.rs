//! Facts about plans.

use std::collections::BTreeMap;

use super::*;
use crate::model::{
    DemandRules, Market, MissingRule, OnDemandRules, ScaleDown, ScaleUp, Shape, SpotRules, Strategy, Unit,
};
use crate::report::{self, Because};
use crate::units::{ListPrice, Share, Span, UnitPrice};

/// A small world: one fleet with pools named by zone and type, carried forward by hand.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) fleet: Fleet,
    pub(crate) memory: Memory,
    pub(crate) demand: Demand,
    pub(crate) holdings: Vec<Holding>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) closures: Vec<Closure>,
    pub(crate) lanes: BTreeMap<Lane, LaneState>,
    next: u32,
}

pub(crate) fn pool(text: &str) -> Pool {
    Pool::parse(text).unwrap()
}

impl World {
    /// A fleet of vCPUs with nothing held and a queue that never needs anything: the target is the minimum.
    pub(crate) fn new(min: u64, base: u64) -> Self {
        let fleet = Fleet {
            name: "web".into(),
            labels: BTreeMap::new(),
            unit: Unit::Vcpu,
            weights: BTreeMap::new(),
            min: Capacity::units(min),
            max: Capacity::units(1_000),
            schedules: Vec::new(),
            budget: None,
            survive: None,
            demand: DemandRules {
                sources: BTreeMap::new(),
                forecast: None,
                headroom: Share::default(),
                on_missing: MissingRule { hold: Span::ZERO, then: None },
            },
            on_demand: OnDemandRules { base: Capacity::units(base), fallback_after: None, return_to_spot: true },
            spot: SpotRules::default(),
            scale_up: ScaleUp { max_launches_per_hour: 1_000, ..ScaleUp::default() },
            scale_down: ScaleDown { drain_timeout: Span::from_mins(2), ..ScaleDown::default() },
            pools: BTreeMap::new(),
        };
        Self {
            now: Time::from_millis(1_800_000_000_000),
            fleet,
            memory: Memory::default(),
            demand: Demand::default(),
            holdings: Vec::new(),
            offers: Vec::new(),
            closures: Vec::new(),
            lanes: BTreeMap::new(),
            next: 0,
        }
    }

    /// Adds an offer, its pool and its lane; the price is in millionths of a dollar per machine-hour.
    pub(crate) fn offer(&mut self, text: &str, vcpus: u32, micros: u64) {
        let pool = pool(text);
        self.lanes.insert(pool.lane().clone(), LaneState { seen: true, launch_batch: 100, priced_at: None });
        self.fleet.pools.insert(pool.clone(), "web/0".into());
        let shape = Shape { vcpus, gpus: 0, memory_mib: 0 };
        self.offers.push(Offer { pool, price: ListPrice::usd(micros), priced_at: Time::EPOCH, shape });
    }

    pub(crate) fn close(&mut self, text: &str, minutes: u64) {
        let until = self.now.plus(Span::from_mins(minutes));
        let place = Place::Pool(pool(text));
        self.closures.push(Closure { place, kind: FailureKind::NoCapacity, until, strikes: 1 });
    }

    /// Adds machines that run since long ago.
    pub(crate) fn run(&mut self, text: &str, units: u64, count: u32) {
        for _ in 0..count {
            let born = self.now.minus(Span::from_hours(2)).plus(Span::from_secs(u64::from(self.next)));
            self.hold(&pool(text), Capacity::units(units), 1, Standing::Running, born);
        }
    }

    fn hold(&mut self, pool: &Pool, units: Capacity, count: u32, standing: Standing, born: Time) {
        self.next += 1;
        let name = format!("m{:03}", self.next);
        let id = match standing {
            Standing::Promised => HoldingId::Promise(name.as_str().into()),
            _ => HoldingId::Machine(name.as_str().into()),
        };
        self.holdings.push(Holding {
            id,
            pool: pool.clone(),
            units,
            count,
            standing,
            born,
            notice: None,
            protected: false,
            work: Work::Unknown,
            ran: false,
            paid: PricePerHour::ZERO,
        });
    }

    /// What a decision is made of now.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Input<'_>) -> T) -> T {
        let rates = Rates::default();
        let history = History::default();
        look(&Input {
            now: self.now,
            fleet: &self.fleet,
            paused: false,
            memory: &self.memory,
            demand: &self.demand,
            history: &history,
            holdings: &self.holdings,
            offers: &self.offers,
            closures: &self.closures,
            lanes: &self.lanes,
            rates: &rates,
            purses: &[],
            lead: Span::ZERO,
        })
    }

    pub(crate) fn decide(&self) -> (Plan, Report) {
        self.seen(|input| {
            let (plan, report) = decide(input);
            let violations = crate::check::check(input, &plan);
            assert!(violations.is_empty(), "{violations:?}\n{}", report::render(&plan, &report));
            (plan, report)
        })
    }

    /// Carries a plan out: launches become promises.
    pub(crate) fn carry_out(&mut self, plan: &Plan) {
        self.memory = plan.memory.clone();
        for action in &plan.actions {
            match action {
                Action::Launch { pool, count, units, .. } => {
                    self.hold(pool, *units, *count, Standing::Promised, self.now);
                }
                Action::Drain { instance, until, .. } => self.stand(instance, Standing::Draining { until: *until }),
                Action::End { instance, .. } => self.stand(instance, Standing::Ending),
            }
        }
    }

    fn stand(&mut self, instance: &InstanceId, standing: Standing) {
        let id = HoldingId::Machine(instance.clone());
        self.holdings.iter_mut().find(|h| h.id == id).unwrap().standing = standing;
    }

    /// Promises become running machines, what ends is gone.
    pub(crate) fn settle(&mut self) {
        for holding in std::mem::take(&mut self.holdings) {
            match holding.standing {
                Standing::Promised => {
                    for _ in 0..holding.count {
                        self.hold(&holding.pool, holding.units, 1, Standing::Running, holding.born);
                    }
                }
                Standing::Starting => self.holdings.push(Holding { standing: Standing::Running, ..holding }),
                Standing::Ending => {}
                _ => self.holdings.push(holding),
            }
        }
    }

    /// Decides, carries it out, and finds nothing more to do, neither at once nor when all of it runs.
    pub(crate) fn step(&mut self) -> Vec<String> {
        let (plan, report) = self.decide();
        self.carry_out(&plan);
        let (again, _) = self.decide();
        assert_eq!(again.actions, [], "{}", report::render(&plan, &report));
        assert_eq!(again.memory, plan.memory);
        assert_eq!(again.price_before, plan.price_after);
        actions(&plan)
    }

    pub(crate) fn pass(&mut self, minutes: u64) {
        self.now = self.now.plus(Span::from_mins(minutes));
    }
}

/// The actions, briefly: `+3 zone/type/market why`, `-zone/type/market why`, `x id`.
pub(crate) fn actions(plan: &Plan) -> Vec<String> {
    let short = |p: &Pool| format!("{}/{}/{}", p.zone(), p.instance_type(), p.market());
    let text = |a: &Action| match a {
        Action::Launch { pool, count, why, .. } => format!("+{count} {} {}", short(pool), why.name()),
        Action::Drain { pool, why, .. } => format!("-{} {}", short(pool), why.name()),
        Action::End { instance, .. } => format!("x {}", instance.as_str()),
    };
    plan.actions.iter().map(text).collect()
}

const A: &str = "sim/r/a/small/spot";
const B: &str = "sim/r/b/small/spot";
const C: &str = "sim/s/c/small/spot";
const BIG: &str = "sim/r/a/big/spot";
const OD: &str = "sim/r/a/small/on-demand";
const NOTHING: [String; 0] = [];

/// Three small spot pools in two regions, and on-demand.
fn small(min: u64, base: u64) -> World {
    let mut world = World::new(min, base);
    world.offer(A, 1, 30_000);
    world.offer(B, 1, 31_000);
    world.offer(C, 1, 32_000);
    world.offer(OD, 1, 100_000);
    world
}

/// What was refused beside the first step, and why.
fn refused(report: &Report) -> Vec<(String, Because)> {
    report.steps[0].refused.iter().map(|r| (r.pool.to_string(), r.because.clone())).collect()
}

#[test]
fn the_base_is_on_demand_and_the_rest_the_cheapest_spot() {
    let mut world = small(6, 2);
    assert_eq!(world.step(), ["+2 a/small/on-demand base", "+4 a/small/spot spot"]);
    world.settle();
    assert_eq!(world.step(), NOTHING);
}

#[test]
fn the_base_takes_the_next_cheapest_where_the_cheapest_is_closed_and_waits_without_any() {
    let mut world = small(6, 2);
    world.offer("sim/s/c/small/on-demand", 1, 110_000);
    world.close(OD, 5);
    assert_eq!(world.step(), ["+2 c/small/on-demand base", "+4 a/small/spot spot"]);
    let mut world = small(6, 2);
    world.close(OD, 5);
    let (plan, report) = world.decide();
    assert_eq!(actions(&plan), ["+4 a/small/spot spot"], "spot does not replace the base");
    assert!(
        matches!(&report.waits[0], Wait::NoOffer { why: LaunchWhy::Base, missing, .. } if *missing == Capacity::units(2))
    );
    assert_eq!(plan.wake_at, Some(world.now.plus(Span::from_mins(5))));
}

#[test]
fn what_the_base_brings_beyond_itself_is_not_bought_again() {
    let mut world = World::new(6, 2);
    world.offer(A, 1, 30_000);
    world.offer("sim/r/a/big/on-demand", 4, 300_000);
    assert_eq!(world.step(), ["+1 a/big/on-demand base", "+2 a/small/spot spot"]);
    world.settle();
    assert_eq!(world.step(), NOTHING);
}

#[test]
fn min_pools_spreads() {
    let mut world = small(9, 0);
    world.fleet.spot.min_pools = 3;
    assert_eq!(world.step(), ["+3 a/small/spot spot", "+3 b/small/spot spot", "+3 c/small/spot spot"]);
}

#[test]
fn a_region_holds_at_most_its_share() {
    let mut world = small(10, 0);
    world.fleet.spot.max_share.region = Share::percent(60);
    assert_eq!(world.step(), ["+6 a/small/spot spot", "+4 c/small/spot spot"]);
}

#[test]
fn launches_are_split_by_batch() {
    let mut world = small(7, 0);
    let lane = pool(A).lane().clone();
    world.lanes.insert(lane, LaneState { seen: true, launch_batch: 3, priced_at: None });
    assert_eq!(world.step(), ["+3 a/small/spot spot", "+3 a/small/spot spot", "+1 a/small/spot spot"]);
}

#[test]
fn prices_above_a_cap_are_refused_with_the_cap() {
    let mut world = small(4, 0);
    world.offer("sim/s/c/small/on-demand", 1, 200_000);
    world.fleet.spot.max_price_of_on_demand = Some(Share::percent(30));
    world.fleet.pools.remove(&pool("sim/s/c/small/on-demand"));
    let (plan, report) = world.decide();
    assert_eq!(actions(&plan), ["+4 a/small/spot spot"], "exactly at the cap");
    let cap = UnitPrice::from_nanos(30_000_000);
    assert_eq!(refused(&report), [(B.to_owned(), Because::AboveShareOfOnDemand(cap)), (C.to_owned(), Because::Worse)]);
    world.fleet.spot.max_price_per_unit = Some(UnitPrice::from_nanos(29_999_999));
    let (plan, _) = world.decide();
    assert_eq!(actions(&plan), NOTHING);
    world.fleet.spot.max_price_per_unit = None;
    world.offers.retain(|o| o.pool.market() == Market::Spot);
    let (plan, report) = world.decide();
    assert_eq!(actions(&plan), NOTHING);
    assert!(
        matches!(&report.waits[0], Wait::NoOffer { refused, .. } if refused[0].because == Because::NoOnDemandPrice)
    );
}

#[test]
fn a_closed_pool_is_passed_over_and_shown() {
    let mut world = small(4, 0);
    world.close(A, 3);
    let (plan, report) = world.decide();
    assert_eq!(actions(&plan), ["+4 b/small/spot spot"]);
    let until = world.now.plus(Span::from_mins(3));
    let closed = Because::Closed { kind: FailureKind::NoCapacity, until };
    assert_eq!(refused(&report), [(A.to_owned(), closed), (C.to_owned(), Because::Worse)]);
    world.pass(3);
    assert_eq!(actions(&world.decide().0), ["+4 b/small/spot spot"], "it failed, and is no fourth cheaper");
    world.fleet.spot.strategy = Strategy::LowestPrice;
    assert_eq!(actions(&world.decide().0), ["+4 a/small/spot spot"]);
}

#[test]
fn promises_count_and_are_never_ended() {
    let mut world = small(4, 0);
    let (plan, _) = world.decide();
    world.carry_out(&plan);
    world.fleet.min = Capacity::units(1);
    world.pass(1);
    assert_eq!(world.step(), NOTHING);
    let (_, report) = world.decide();
    assert_eq!(report.waits, [Wait::Settling { machines: 4 }]);
    world.settle();
    assert_eq!(world.step().len(), 3);
}

#[test]
fn what_is_not_needed_leaves_dearest_first_and_the_base_stays() {
    let mut world = small(3, 2);
    world.run(OD, 1, 2);
    world.run(A, 1, 3);
    world.run(C, 1, 2);
    world.memory.target = Some(Capacity::units(7));
    let c = "-c/small/spot surplus";
    let a = "-a/small/spot surplus";
    assert_eq!(world.step(), [c, c, a, a]);
    world.pass(2);
    assert_eq!(world.step(), ["x m004", "x m005", "x m006", "x m007"]);
}

#[test]
fn the_youngest_leaves_first_at_one_price_and_an_unknown_price_is_the_dearest() {
    let mut world = small(3, 0);
    world.run(B, 1, 1);
    world.run(A, 1, 4);
    world.offers.retain(|o| o.pool != pool(B));
    world.memory.target = Some(Capacity::units(5));
    let (plan, _) = world.decide();
    let ids: Vec<&str> = plan
        .actions
        .iter()
        .filter_map(|a| if let Action::Drain { instance, .. } = a { Some(instance.as_str()) } else { None })
        .collect();
    assert_eq!(ids, ["m001", "m005"]);
}

#[test]
fn a_machine_that_starts_goes_before_what_runs_is_short() {
    let mut world = small(4, 0);
    world.run(C, 1, 4);
    let now = world.now;
    for _ in 0..2 {
        world.hold(&pool(A), Capacity::ONE, 1, Standing::Starting, now);
    }
    world.memory.target = Some(Capacity::units(6));
    assert_eq!(world.step(), ["-a/small/spot surplus", "-a/small/spot surplus"]);
}

#[test]
fn on_demand_above_the_base_goes_after_all_spot() {
    let mut world = small(2, 1);
    world.fleet.on_demand.return_to_spot = false;
    world.run(OD, 1, 3);
    world.run(A, 1, 2);
    world.memory.target = Some(Capacity::units(5));
    assert_eq!(world.step(), ["-a/small/spot surplus", "-a/small/spot surplus", "-a/small/on-demand surplus"]);
}

#[test]
fn a_base_larger_than_the_target_goes_after_all_spot() {
    let mut world = small(0, 3);
    world.run(OD, 1, 3);
    world.run(A, 1, 2);
    world.memory.target = Some(Capacity::units(5));
    world.fleet.max = Capacity::units(4);
    assert_eq!(world.step().len(), 5);
    let mut world = small(2, 3);
    world.run(OD, 1, 3);
    world.run(A, 1, 2);
    world.memory.target = Some(Capacity::units(5));
    assert_eq!(world.step(), ["-a/small/spot surplus", "-a/small/spot surplus", "-a/small/on-demand surplus"]);
}

#[test]
fn a_machine_larger_than_the_surplus_stays() {
    let mut world = World::new(9, 0);
    world.offer(A, 1, 30_000);
    world.offer(BIG, 8, 400_000);
    world.run(BIG, 8, 1);
    world.run(A, 1, 4);
    world.memory.target = Some(Capacity::units(12));
    assert_eq!(world.step(), ["-a/small/spot surplus"; 3]);
}

#[test]
fn buying_a_large_machine_ends_no_small_ones() {
    let mut world = World::new(10, 0);
    world.offer(A, 1, 30_000);
    world.offer(BIG, 4, 200_000);
    world.run(A, 1, 9);
    world.memory.target = Some(Capacity::units(9));
    world.close(A, 60);
    assert_eq!(world.step(), ["+1 a/big/spot spot"]);
    world.settle();
    world.pass(5);
    assert_eq!(world.step(), NOTHING, "thirteen for ten, by the size of the last machine");
    world.fleet.min = Capacity::units(9);
    assert_eq!(world.step(), ["-a/big/spot surplus"], "the target fell, and the dearest goes");
}

#[test]
fn spot_that_is_short_is_bridged_after_the_stated_time_and_returned_to() {
    let mut world = small(5, 1);
    world.fleet.on_demand.fallback_after = Some(Span::from_mins(5));
    for place in [A, B, C] {
        world.close(place, 12);
    }
    assert_eq!(world.step(), ["+1 a/small/on-demand base"]);
    world.settle();
    world.pass(4);
    let (plan, report) = world.decide();
    assert_eq!(plan.actions, []);
    let at = world.now.plus(Span::from_mins(1));
    assert_eq!(report.waits[0], Wait::Fallback { missing: Capacity::units(4), at });
    assert_eq!(plan.wake_at, Some(at));
    world.pass(1);
    assert_eq!(world.step(), ["+4 a/small/on-demand bridge"]);
    world.settle();
    world.pass(7);
    assert_eq!(world.step(), ["+4 a/small/spot spot"], "the bridge is not in the way of spot");
    assert_eq!(world.decide().0.memory.short_since, world.memory.short_since, "a promise gives nothing yet");
    world.settle();
    assert_eq!(world.step(), ["-a/small/on-demand bridge-over"; 4]);
    assert_eq!(world.memory.short_since, None);
}

#[test]
fn a_bridge_stays_until_spot_runs() {
    let mut world = small(3, 0);
    world.run(OD, 1, 3);
    world.memory.target = Some(Capacity::units(3));
    let (plan, _) = world.decide();
    assert_eq!(actions(&plan), ["+3 a/small/spot spot"]);
    let now = world.now;
    for standing in [Standing::Starting, Standing::Running, Standing::Running] {
        world.hold(&pool(A), Capacity::ONE, 1, standing, now);
    }
    assert_eq!(world.step(), ["-a/small/on-demand bridge-over"; 2]);
}

#[test]
fn launches_that_fail_do_not_put_off_the_bridge() {
    let mut world = small(2, 0);
    world.fleet.on_demand.fallback_after = Some(Span::from_mins(5));
    for minute in 0..5 {
        let (plan, _) = world.decide();
        assert_eq!(plan.actions.len(), 1, "minute {minute}");
        world.carry_out(&plan);
        assert_eq!(world.step(), NOTHING);
        world.holdings.clear();
        world.pass(1);
    }
    for place in [A, B, C] {
        world.close(place, 5);
    }
    assert_eq!(world.step(), ["+2 a/small/on-demand bridge"]);
}

#[test]
fn without_return_the_bridge_counts_as_spot() {
    let mut world = small(3, 0);
    world.fleet.on_demand.return_to_spot = false;
    world.fleet.on_demand.fallback_after = Some(Span::from_mins(5));
    for place in [A, B, C] {
        world.close(place, 6);
    }
    world.step();
    world.pass(5);
    assert_eq!(world.step(), ["+3 a/small/on-demand bridge"]);
    world.settle();
    world.pass(60);
    assert_eq!(world.step(), NOTHING);
    assert_eq!(world.memory.short_since, None);
}

#[test]
fn a_notice_is_repaired_in_the_same_round_whatever_cools_down() {
    let mut world = small(4, 0);
    world.run(B, 1, 4);
    world.memory.target = Some(Capacity::units(4));
    world.memory.raised_at = Some(world.now);
    world.fleet.scale_up.cooldown = Span::from_hours(1);
    let taken_at = world.now.plus(Span::from_secs(90));
    for holding in &mut world.holdings[..2] {
        holding.notice = Some(taken_at);
    }
    let (plan, _) = world.decide();
    assert_eq!(plan.kind, Kind::Repair);
    assert_eq!(actions(&plan), ["+2 a/small/spot spot", "-b/small/spot interruption", "-b/small/spot interruption"]);
    let until = |a: &Action| if let Action::Drain { until, .. } = a { Some(*until) } else { None };
    assert_eq!(plan.actions.iter().find_map(until), Some(taken_at), "before the drain timeout");
    world.step();
    world.now = taken_at;
    assert_eq!(world.step(), ["x m001", "x m002"]);
}

#[test]
fn a_lane_that_is_not_seen_is_frozen_and_counts() {
    let mut world = small(2, 0);
    world.run(A, 1, 3);
    world.run(C, 1, 2);
    world.memory.target = Some(Capacity::units(5));
    world.lanes.insert(pool(C).lane().clone(), LaneState { seen: false, launch_batch: 100, priced_at: None });
    assert_eq!(world.step(), ["-a/small/spot surplus"], "three are seen, and the others may be gone");
    let (_, report) = world.decide();
    assert!(report.waits.contains(&Wait::Unseen(pool(C).lane().clone())));
    let mut world = small(4, 0);
    world.lanes.remove(pool(A).lane());
    let (plan, report) = world.decide();
    assert_eq!(actions(&plan), ["+4 c/small/spot spot"]);
    assert_eq!(refused(&report), [(A.to_owned(), Because::Unseen), (B.to_owned(), Because::Unseen)]);
}

#[test]
fn a_draining_machine_in_a_lane_that_is_not_seen_is_not_ended() {
    let mut world = small(1, 0);
    world.run(A, 1, 2);
    world.memory.target = Some(Capacity::units(2));
    world.step();
    world.pass(10);
    let lane = pool(A).lane().clone();
    world.lanes.insert(lane.clone(), LaneState { seen: false, launch_batch: 100, priced_at: None });
    assert_eq!(world.step(), NOTHING);
    world.lanes.insert(lane, LaneState { seen: true, launch_batch: 100, priced_at: None });
    assert_eq!(world.step(), ["x m002"]);
}

#[test]
fn a_removed_pool_is_replaced_before_its_machines_go() {
    let mut world = small(4, 2);
    world.run(OD, 1, 2);
    world.run(A, 1, 2);
    world.memory.target = Some(Capacity::units(4));
    world.offer("sim/s/c/small/on-demand", 1, 120_000);
    world.fleet.pools.remove(&pool(A));
    world.fleet.pools.remove(&pool(OD));
    let (plan, _) = world.decide();
    assert_eq!(actions(&plan), ["+2 c/small/on-demand base", "+2 b/small/spot spot"]);
    world.carry_out(&plan);
    assert_eq!(world.step(), NOTHING, "promises replace nothing");
    world.settle();
    assert_eq!(
        world.step(),
        [
            "-a/small/on-demand pool-removed",
            "-a/small/on-demand pool-removed",
            "-a/small/spot pool-removed",
            "-a/small/spot pool-removed"
        ]
    );
}

#[test]
fn nothing_passes_the_maximum_with_machines_of_several_sizes() {
    let mut world = World::new(10, 1);
    world.fleet.max = Capacity::units(12);
    world.offer(BIG, 8, 160_000);
    world.offer(A, 3, 90_000);
    world.offer(OD, 2, 200_000);
    world.run(A, 3, 1);
    // Base two and one big would come to 13; three threes to 11.
    assert_eq!(world.step(), ["+1 a/small/on-demand base", "+2 a/small/spot spot"]);
    world.settle();
    assert_eq!(world.step(), NOTHING);
}

#[test]
fn draining_machines_leave_room_below_the_maximum_only_when_they_go() {
    let mut world = small(4, 0);
    world.fleet.max = Capacity::units(5);
    world.run(A, 1, 3);
    let until = world.now.plus(Span::from_mins(1));
    world.holdings[0].standing = Standing::Draining { until };
    world.holdings[1].standing = Standing::Draining { until };
    let (plan, report) = world.decide();
    assert_eq!(actions(&plan), ["+2 a/small/spot spot"]);
    assert!(matches!(&report.waits[0], Wait::NoOffer { missing, .. } if *missing == Capacity::ONE));
    assert_eq!(plan.wake_at, Some(until));
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let mut world = small(9, 2);
    world.fleet.spot.min_pools = 2;
    world.run(B, 1, 3);
    world.run(OD, 1, 3);
    world.run(C, 1, 3);
    world.holdings[4].notice = Some(world.now);
    world.close(B, 3);
    world.close(C, 5);
    let before = world.decide();
    world.holdings.reverse();
    world.offers.reverse();
    world.closures.reverse();
    assert_eq!(world.decide(), before);
}

#[test]
fn money_is_that_of_what_stays() {
    let mut world = small(3, 1);
    world.run(A, 1, 1);
    world.memory.target = Some(Capacity::units(1));
    let (plan, report) = world.decide();
    assert_eq!(plan.price_before, PricePerHour::from_micros(30_000));
    assert_eq!(plan.price_after, PricePerHour::from_micros(160_000));
    assert_eq!(report.steps[1].adds, PricePerHour::from_micros(30_000));
    let text = report::render(&plan, &report);
    assert_eq!(
        text,
        "grow: target 3 (minimum 3; was 1), held 1, $0.0300/h -> $0.1600/h\n  \
           launch 1 x sim/r/a/small/on-demand of 1 at $0.1000 per unit for base, +$0.1000/h: the on-demand base of 1 lacks 1\n  \
           launch 1 x sim/r/a/small/spot of 1 at $0.0300 per unit for spot, +$0.0300/h: of 2 spot 1 lacks\n    \
             not sim/r/b/small/spot $0.0310: worse\n    \
             not sim/s/c/small/spot $0.0320: worse\n"
    );
}

#[test]
fn after_a_restart_older_peaks_are_no_proof_that_the_need_was_watched() {
    let mut world = small(3, 0);
    world.fleet.scale_down.idle_grace = Span::from_mins(2);
    world.run(A, 1, 9);
    world.memory.target = Some(Capacity::units(9));
    world.memory.peaks = vec![(world.now.minus(Span::from_mins(10)), Capacity::units(4))];
    world.memory.watched_since = None;
    assert_eq!(world.step(), Vec::<String>::new());
    world.pass(2);
    assert_eq!(world.step().len(), 6);
}
