//! Sound plans pass. What does not is in [`refused`].

mod refused;

use std::collections::BTreeMap;

use super::check;
use crate::cost::Rates;
use crate::demand::{Demand, History, Reading, Sample};
use crate::model::{
    DemandRules, Fleet, InstanceId, Lane, Market, MaxShare, MissingRule, Offer, OnDemandRules, Pool, QueueRule,
    ScaleDown, ScaleUp, Shape, SpecName, SpotRules, Unit,
};
use crate::plan::{
    Action, Cause, Closure, Holding, HoldingId, Input, Kind, LaneState, LaunchWhy, Memory, Plan, Standing, Work,
};
use crate::units::{Capacity, ListPrice, PerHour, PricePerHour, Share, Span, Time, UnitPrice};

const NOW: Time = Time::from_millis(1_000_000_000);
const PRICE: u64 = 30_000;
const ON_DEMAND_PRICE: u64 = 100_000;

fn ago(minutes: u64) -> Time {
    NOW.minus(Span::from_mins(minutes))
}

fn spot(zone: &str) -> Pool {
    Pool::new("sim", "r", zone, "small", Market::Spot)
}

fn on_demand() -> Pool {
    Pool::new("sim", "r", "a", "small", Market::OnDemand)
}

/// An input in pieces, and a plan to judge by it.
struct Case {
    fleet: Fleet,
    paused: bool,
    memory: Memory,
    demand: Demand,
    holdings: Vec<Holding>,
    offers: Vec<Offer>,
    closures: Vec<Closure>,
    lanes: BTreeMap<Lane, LaneState>,
    rates: Rates,
    plan: Plan,
}

impl Case {
    /// A fleet at rest: target 10, two of them on-demand, four spot pools with two machines each.
    fn new() -> Self {
        let zones = ["a", "b", "c", "d"];
        let pools: Vec<Pool> = zones.map(spot).into_iter().chain([on_demand()]).collect();
        let offers = pools.iter().map(|pool| offer(pool, PRICE)).collect::<Vec<_>>();
        let memory = Memory {
            target: Some(Capacity::units(10)),
            raised_at: Some(ago(60)),
            watched_since: Some(ago(600)),
            ..Memory::default()
        };
        let mut demand = Demand::default();
        let sample = Sample { at: NOW, waiting: 0, in_flight: 0, arrived_total: None };
        demand.of_mut(&DemandRules::QUEUE.into()).record(Reading::Jobs(sample), Capacity::ZERO);
        let mut case = Self {
            fleet: fleet(&pools),
            paused: false,
            plan: Plan {
                fleet: "web".into(),
                at: NOW,
                kind: Kind::Rest,
                actions: Vec::new(),
                target: Capacity::units(10),
                memory: memory.clone(),
                price_before: PricePerHour::ZERO,
                price_after: PricePerHour::ZERO,
                wake_at: None,
            },
            memory,
            demand,
            holdings: Vec::new(),
            offers,
            closures: Vec::new(),
            lanes: [(spot("a").lane().clone(), LaneState { seen: true, launch_batch: 10, priced_at: None })].into(),
            rates: Rates::default(),
        };
        case.offers[4].price = ListPrice::usd(ON_DEMAND_PRICE);
        case.run(&on_demand(), 2);
        for zone in zones {
            case.run(&spot(zone), 2);
        }
        case
    }

    /// The same without machines.
    fn empty() -> Self {
        Self { holdings: Vec::new(), ..Self::new() }
    }

    fn run(&mut self, pool: &Pool, count: usize) {
        for _ in 0..count {
            let id = format!("m{}", self.holdings.len());
            self.holdings.push(Holding {
                id: HoldingId::Machine(id.into()),
                pool: pool.clone(),
                units: Capacity::ONE,
                count: 1,
                standing: Standing::Running,
                born: ago(60),
                notice: None,
                protected: false,
                work: Work::Unknown,
                ran: false,
                paid: PricePerHour::ZERO,
            });
        }
    }

    /// The plan wants this, and remembers it as it should.
    fn aim(&mut self, target: u64) {
        let target = Capacity::units(target);
        self.plan.target = target;
        self.plan.memory = Memory { target: Some(target), ..self.memory.clone() };
        if self.memory.target.is_some_and(|from| target > from) {
            self.plan.memory.raised_at = Some(NOW);
        }
        if self.memory.target.is_some_and(|from| target < from) {
            self.plan.memory.lowered_at = Some(NOW);
        }
    }

    fn launch(&mut self, pool: &Pool, count: u32) {
        let (price, why) = match pool.market() {
            Market::Spot => (PRICE, LaunchWhy::Spot),
            Market::OnDemand => (ON_DEMAND_PRICE, LaunchWhy::Base),
        };
        self.plan.actions.push(Action::Launch {
            pool: pool.clone(),
            spec: "web/0".into(),
            count,
            units: Capacity::ONE,
            price: PricePerHour::from_micros(price),
            why,
        });
    }

    fn bridge(&mut self, count: u32) {
        self.launch(&on_demand(), count);
        let Some(Action::Launch { why, .. }) = self.plan.actions.last_mut() else { unreachable!("just pushed") };
        *why = LaunchWhy::Bridge;
    }

    fn drain(&mut self, machine: usize, cause: Cause) {
        let (instance, pool) = self.machine(machine);
        let until = NOW.plus(self.fleet.scale_down.drain_timeout);
        self.plan.actions.push(Action::Drain { instance, pool, until, why: cause });
    }

    fn end(&mut self, machine: usize) {
        let (instance, pool) = self.machine(machine);
        self.plan.actions.push(Action::End { instance, pool, why: Cause::Drained });
    }

    fn machine(&self, number: usize) -> (InstanceId, Pool) {
        (format!("m{number}").into(), self.holdings[number].pool.clone())
    }

    fn stand(&mut self, machine: usize, standing: Standing) {
        self.holdings[machine].standing = standing;
    }

    /// The names of the broken rules.
    fn found(&self) -> Vec<&'static str> {
        let input = Input {
            now: NOW,
            fleet: &self.fleet,
            paused: self.paused,
            memory: &self.memory,
            demand: &self.demand,
            history: &History::default(),
            holdings: &self.holdings,
            offers: &self.offers,
            closures: &self.closures,
            lanes: &self.lanes,
            rates: &self.rates,
            purses: &[],
            lead: Span::ZERO,
        };
        check(&input, &self.plan).iter().map(super::Violation::name).collect()
    }
}

fn offer(pool: &Pool, micros: u64) -> Offer {
    Offer { pool: pool.clone(), price: ListPrice::usd(micros), priced_at: NOW, shape: Shape::default() }
}

fn fleet(pools: &[Pool]) -> Fleet {
    Fleet {
        name: "web".into(),
        labels: BTreeMap::new(),
        unit: Unit::Instance,
        weights: BTreeMap::new(),
        min: Capacity::units(2),
        max: Capacity::units(20),
        schedules: Vec::new(),
        budget: None,
        survive: None,
        demand: DemandRules {
            sources: DemandRules::queue(QueueRule {
                jobs_per_unit_hour: Some(PerHour::new(60)),
                drain_within: Span::from_mins(10),
            }),
            forecast: None,
            headroom: Share::default(),
            on_missing: MissingRule { hold: Span::from_mins(15), then: Some(Capacity::units(5)) },
        },
        on_demand: OnDemandRules {
            base: Capacity::units(2),
            fallback_after: Some(Span::from_mins(5)),
            return_to_spot: true,
        },
        spot: SpotRules {
            max_price_of_on_demand: Some(Share::percent(70)),
            max_price_per_unit: Some(UnitPrice::from_nanos(50_000_000)),
            min_pools: 4,
            max_share: MaxShare::default(),
            ..SpotRules::default()
        },
        scale_up: ScaleUp {
            cooldown: Span::from_mins(1),
            max_step: Some(Share::percent(50)),
            max_launches_per_hour: 100,
            ..ScaleUp::default()
        },
        scale_down: ScaleDown {
            cooldown: Span::from_mins(10),
            idle_grace: Span::from_mins(15),
            drain_timeout: Span::from_mins(5),
            max_step: Some(Share::percent(20)),
            ..ScaleDown::default()
        },
        pools: pools.iter().map(|p| (p.clone(), SpecName::from("web/0"))).collect(),
    }
}

// Sound plans.

#[test]
fn a_fleet_at_rest_passes() {
    assert_eq!(Case::new().found(), [""; 0]);
}

#[test]
fn filling_an_empty_fleet_passes() {
    let mut case = Case::empty();
    case.launch(&on_demand(), 2);
    for zone in ["a", "b", "c", "d"] {
        case.launch(&spot(zone), 2);
    }
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_raise_with_its_launches_passes() {
    let mut case = Case::new();
    case.aim(15);
    case.launch(&spot("a"), 2);
    case.launch(&spot("b"), 2);
    case.launch(&spot("c"), 1);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_lowering_with_its_drains_passes() {
    let mut case = Case::new();
    case.aim(8);
    case.drain(2, Cause::Surplus);
    case.drain(4, Cause::Surplus);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn the_first_target_is_free() {
    let mut case = Case::empty();
    case.memory = Memory::default();
    case.aim(20);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_machine_of_a_removed_pool_may_be_replaced_first() {
    let mut case = Case::new();
    case.fleet.pools.remove(&spot("d"));
    case.fleet.spot.min_pools = 2;
    case.launch(&spot("a"), 2);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_target_outside_new_bounds_moves_inside_at_once() {
    let mut case = Case::new();
    case.memory.raised_at = Some(NOW);
    case.fleet.min = Capacity::units(18);
    case.aim(18);
    assert_eq!(case.found(), [""; 0]);
    case.fleet.min = Capacity::units(2);
    case.fleet.max = Capacity::units(4);
    case.memory.watched_since = Some(NOW);
    case.aim(4);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn replacing_what_the_provider_takes_passes() {
    let mut case = Case::new();
    case.holdings[2].notice = Some(NOW.plus(Span::from_mins(2)));
    case.launch(&spot("b"), 1);
    case.fleet.spot.min_pools = 2;
    case.drain(2, Cause::Interruption);
    let Some(Action::Drain { until, .. }) = case.plan.actions.last_mut() else { unreachable!("just pushed") };
    *until = NOW.plus(Span::from_mins(2));
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_bridge_when_it_is_due_and_its_end_pass() {
    let mut case = Case::new();
    case.holdings.truncate(8);
    case.memory.short_since = Some(ago(5));
    case.bridge(2);
    assert_eq!(case.found(), [""; 0]);
    let mut case = Case::new();
    case.run(&on_demand(), 2);
    case.drain(10, Cause::BridgeOver);
    case.drain(11, Cause::BridgeOver);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn a_drained_machine_and_one_whose_notice_passed_may_end() {
    let mut case = Case::new();
    case.run(&spot("a"), 1);
    case.stand(10, Standing::Draining { until: NOW });
    case.end(10);
    case.holdings[3].notice = Some(NOW);
    case.end(3);
    assert_eq!(case.found(), [""; 0]);
}

#[test]
fn on_demand_may_leave_when_spot_is_too_large_to_go() {
    let mut case = Case::new();
    case.fleet.on_demand.base = Capacity::units(1);
    for holding in &mut case.holdings[2..] {
        holding.units = Capacity::units(4);
    }
    case.memory.target = Some(Capacity::units(34));
    case.fleet.max = Capacity::units(40);
    case.aim(33);
    case.drain(0, Cause::Surplus);
    assert_eq!(case.found(), [""; 0]);
}
