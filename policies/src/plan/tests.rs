//! Facts about plans.

use std::collections::BTreeMap;

use super::*;
use crate::demand::Sample;
use crate::model::{
    DemandRules, Market, MaxShare, MissingRule, OnDemandRules, QueueRule, ScaleDown, ScaleUp, Shape, SpotRules, Unit,
};
use crate::report;
use crate::units::{ListPrice, PerHour, Share, Span};

/// A small world: one fleet with pools named by zone and type, carried forward by hand.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) fleet: Fleet,
    pub(super) memory: Memory,
    pub(super) demand: Demand,
    pub(super) holdings: Vec<Holding>,
    pub(super) offers: Vec<Offer>,
    pub(super) closures: Vec<Closure>,
    pub(super) lanes: BTreeMap<Lane, LaneState>,
    next: u32,
}

pub(super) fn pool(text: &str) -> Pool {
    Pool::parse(text).unwrap()
}

impl World {
    /// A fleet of vCPUs with nothing held and a queue that never needs anything: the target is the minimum.
    pub(super) fn new(min: u64, base: u64) -> Self {
        let fleet = Fleet {
            name: "web".into(),
            labels: BTreeMap::new(),
            unit: Unit::Vcpu,
            weights: BTreeMap::new(),
            min: Capacity::units(min),
            max: Capacity::units(1_000),
            demand: DemandRules {
                queue: None,
                forecast: None,
                headroom: Share::default(),
                on_missing: MissingRule { hold: Span::ZERO, then: None },
            },
            on_demand: OnDemandRules { base: Capacity::units(base), fallback_after: None, return_to_spot: true },
            spot: SpotRules {
                max_price_of_on_demand: None,
                max_price_per_unit: None,
                min_pools: 1,
                max_share: MaxShare::default(),
            },
            scale_up: ScaleUp { cooldown: Span::ZERO, max_step: None },
            scale_down: ScaleDown {
                cooldown: Span::ZERO,
                idle_grace: Span::ZERO,
                drain_timeout: Span::from_mins(2),
                max_step: None,
            },
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
    pub(super) fn offer(&mut self, text: &str, vcpus: u32, micros: u64) {
        let pool = pool(text);
        self.lanes.insert(pool.lane().clone(), LaneState { seen: true, launch_batch: 100 });
        self.fleet.pools.insert(pool.clone(), "web/0".into());
        let shape = Shape { vcpus, gpus: 0, memory_mib: 0 };
        self.offers.push(Offer { pool, price: ListPrice::usd(micros), priced_at: Time::EPOCH, shape });
    }

    pub(super) fn close(&mut self, text: &str, minutes: u64) {
        let until = self.now.plus(Span::from_mins(minutes));
        let place = Place::Pool(pool(text));
        self.closures.push(Closure { place, kind: FailureKind::NoCapacity, until, strikes: 1 });
    }

    /// Adds machines that run since long ago.
    pub(super) fn run(&mut self, text: &str, units: u64, count: u32) {
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
        self.holdings.push(Holding { id, pool: pool.clone(), units, count, standing, born, notice: None });
    }

    pub(super) fn decide(&self) -> (Plan, Report) {
        let rates = Rates::default();
        let history = History::default();
        let input = Input {
            now: self.now,
            fleet: &self.fleet,
            memory: &self.memory,
            demand: &self.demand,
            history: &history,
            holdings: &self.holdings,
            offers: &self.offers,
            closures: &self.closures,
            lanes: &self.lanes,
            rates: &rates,
        };
        let (plan, report) = decide(&input);
        let violations = crate::check::check(&input, &plan);
        assert!(violations.is_empty(), "{violations:?}\n{}", report::render(&plan, &report));
        (plan, report)
    }

    /// Carries a plan out: launches become promises.
    pub(super) fn carry_out(&mut self, plan: &Plan) {
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
    pub(super) fn settle(&mut self) {
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
    pub(super) fn step(&mut self) -> Vec<String> {
        let (plan, report) = self.decide();
        self.carry_out(&plan);
        let (again, _) = self.decide();
        assert_eq!(again.actions, [], "{}", report::render(&plan, &report));
        assert_eq!(again.memory, plan.memory);
        assert_eq!(again.price_before, plan.price_after);
        actions(&plan)
    }

    pub(super) fn pass(&mut self, minutes: u64) {
        self.now = self.now.plus(Span::from_mins(minutes));
    }
}

/// The actions, briefly: `+3 zone/type/market why`, `-zone/type/market why`, `x id`.
pub(super) fn actions(plan: &Plan) -> Vec<String> {
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

/// Three small spot pools in two regions, and on-demand.
fn small(min: u64, base: u64) -> World {
    let mut world = World::new(min, base);
    world.offer(A, 1, 30_000);
    world.offer(B, 1, 31_000);
    world.offer(C, 1, 32_000);
    world.offer(OD, 1, 100_000);
    world
}

#[test]
fn the_base_is_on_demand_and_the_rest_the_cheapest_spot() {
    let mut world = small(6, 2);
    assert_eq!(world.step(), ["+2 a/small/on-demand base", "+4 a/small/spot spot"]);
    world.settle();
    assert_eq!(world.step(), Vec::<String>::new());
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
fn what_is_not_needed_leaves_dearest_first_and_the_base_stays() {
    let mut world = small(3, 2);
    world.run(OD, 1, 2);
    world.run(A, 1, 3);
    world.run(C, 1, 2);
    world.memory.target = Some(Capacity::units(7));
    assert_eq!(
        world.step(),
        ["-c/small/spot surplus", "-c/small/spot surplus", "-a/small/spot surplus", "-a/small/spot surplus"]
    );
    world.pass(2);
    assert_eq!(world.step().len(), 4);
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
