//! What people see: a snapshot made by the controller, without any format. HTTP and the terminal render it.

use std::collections::BTreeMap;

use crate::budget::Left;
use crate::failure::Failure;
use crate::failure::FailureKind;
use crate::forecast::Accuracy;
use crate::model::{FleetName, Lane, Market, Pool, ProviderName, Sight, Unit};
use crate::plan::{Closure, Holding, Plan};
use crate::report::{Report, Wait};
use crate::schedule::{Bounds, Schedule};
use crate::units::{Capacity, Currency, ListPrice, Money, PricePerHour, Time};

use super::decisions::{Decisions, EndedMachines};
use super::ledger::{Machine, Note};
use super::orders::Override;
use super::{Controller, OrphanView};

/// Notes shown: the newest of the ring.
const NOTES_SHOWN: usize = 200;

/// A snapshot of everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// When it was made.
    pub at: Time,
    /// Number of this start on the store.
    pub boot: u64,
    /// Why the daemon is not ready; empty when it is.
    pub not_ready: Vec<String>,
    /// What money is in.
    pub currency: Currency,
    /// By name.
    pub fleets: Vec<FleetView>,
    /// By provider and region.
    pub lanes: Vec<LaneView>,
    /// Machines that carry our owner tag and a fleet that is not configured: reported, and ended by the operator's rule only.
    pub orphans: Vec<OrphanView>,
    /// The newest notes, oldest first, at most 200.
    pub notes: Vec<Note>,
    /// Decisions that are kept.
    pub decisions: Decisions,
    /// Machines that are gone and kept.
    pub ended: EndedMachines,
}

/// A fleet as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetView {
    /// Its name.
    pub name: FleetName,
    /// What capacity counts.
    pub unit: Unit,
    /// Its bounds in force.
    pub min: Capacity,
    /// Its bounds in force.
    pub max: Capacity,
    /// Its schedules, in the order of the fleet file.
    pub schedules: Vec<ScheduleView>,
    /// Orders of the operator that stand.
    pub orders: Vec<Override>,
    /// Jobs not finished, when the source tells.
    pub backlog: Option<u64>,
    /// How good its forecast was, where it has one and that can be told.
    pub forecast: Option<Accuracy>,
    /// The last decision, if there was one since the start.
    pub decision: Option<(Plan, Report)>,
    /// The last decision that did anything.
    pub last_step: Option<(Plan, Report)>,
    /// Machines and promises.
    pub holdings: Vec<Holding>,
    /// Machines on record.
    pub machines: Vec<Machine>,
    /// Spent in the day and in the month of now.
    pub spent: (Money, Money),
    /// How its budgets, and those of all fleets, stand; by the last decision.
    pub budgets: Vec<Left>,
    /// Hourly price of what runs and is promised, at current offers.
    pub price: PricePerHour,
    /// Hourly price of the same machines on-demand, by the offer of each machine's own place and type; a machine whose
    /// on-demand price is not known counts at its own price, so that no saving is claimed for it.
    pub price_on_demand: PricePerHour,
    /// The same by provider and the currency of its price list; together they are `price`.
    pub bills: Vec<Bill>,
    /// Price of one machine, as offered now, of each pool that it holds something in, where there is an offer.
    pub pool_prices: BTreeMap<Pool, PricePerHour>,
    /// What is closed for it.
    pub closures: Vec<Closure>,
}

/// What a fleet's machines and promises at one provider cost an hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// Which provider.
    pub provider: ProviderName,
    /// Machines, with those that are promised.
    pub machines: u64,
    /// Their price, in the reporting currency.
    pub price: PricePerHour,
    /// Price of the same machines on-demand, as of [`FleetView::price_on_demand`].
    pub price_on_demand: PricePerHour,
    /// The sum of what the provider's list says, in the list's own currency; `None`: of these machines there is no offer
    /// now, and they count with what they cost when they were launched.
    pub list: Option<ListPrice>,
}

/// A schedule as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleView {
    /// What it says.
    pub schedule: Schedule,
    /// It is on.
    pub active: bool,
    /// When it begins or ends next.
    pub next_change: Option<Time>,
}

/// A lane as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneView {
    /// Which.
    pub lane: Lane,
    /// How it was last seen.
    pub sight: Sight,
    /// When its prices were last read.
    pub priced_at: Option<Time>,
    /// The last failure, if the last call of any kind failed.
    pub failure: Option<Failure>,
    /// Offers known.
    pub offers: usize,
}

/// The snapshot of a controller.
pub(super) fn of(controller: &Controller) -> View {
    let notes: Vec<Note> = controller.ledger.notes().rev().take(NOTES_SHOWN).cloned().collect();
    View {
        at: controller.now,
        boot: controller.boot.number,
        not_ready: not_ready(controller),
        currency: controller.rates.reporting(),
        fleets: controller.fleets.keys().filter_map(|name| fleet(controller, name)).collect(),
        lanes: controller
            .lanes
            .iter()
            .map(|(lane, eye)| LaneView {
                lane: lane.clone(),
                sight: eye.sight,
                priced_at: eye.priced_at,
                failure: eye.failure.clone(),
                offers: eye.offers.len(),
            })
            .collect(),
        orphans: controller.orphans_seen(),
        notes: notes.into_iter().rev().collect(),
        decisions: controller.ledger.decisions().clone(),
        ended: controller.ledger.ended().clone(),
    }
}

/// Everything that keeps the daemon from doing its whole job.
fn not_ready(controller: &Controller) -> Vec<String> {
    let mut why = Vec::new();
    for (lane, eye) in &controller.lanes {
        match (eye.sight, &eye.failure) {
            (Sight::Complete { .. }, _) => {}
            (_, Some(failure)) => why.push(format!("{lane} cannot be listed: {failure}")),
            (_, None) => why.push(format!("{lane} has not been listed yet")),
        }
    }
    for mind in controller.fleets.values() {
        let name = &mind.fleet.name;
        if let Some((source, since)) = mind.demand.silent() {
            // The usual names say nothing.
            let of = if crate::model::DemandRules::is_usual(source) { String::new() } else { format!(" of {source}") };
            why.push(format!("fleet {name}: no demand data{of} for {}", controller.now.since(since)));
        }
        if let Some(violation) = &mind.violation {
            why.push(format!("fleet {name}: plan refused by the checker: {violation}"));
        }
        let waits = mind.last.iter().flat_map(|(_, report)| &report.waits);
        for wait in waits {
            if let Wait::Halted { failed, of, .. } = wait {
                why.push(format!(
                    "fleet {name} has halted: {failed} of {of} launches of an hour never ran; `resume` ends it"
                ));
            }
            if let Wait::LaunchLimit { limit, .. } = wait {
                why.push(format!("fleet {name}: {limit} launches within an hour, no more are made: see its events"));
            }
        }
        if mind.last.is_none() {
            why.push(format!("fleet {name}: no decision yet"));
        }
    }
    for closure in controller.ledger.closures().values() {
        if closure.kind == FailureKind::Denied && controller.now < closure.until {
            why.push(format!("launches are denied: {:?}; see events", closure.place));
        }
    }
    why
}

fn fleet(controller: &Controller, name: &FleetName) -> Option<FleetView> {
    let mind = controller.fleets.get(name)?;
    let wanted = controller.effective(&mind.fleet);
    let bounds = Bounds::of(&wanted, controller.now);
    let schedules = mind.fleet.schedules.iter().map(|schedule| ScheduleView {
        schedule: schedule.clone(),
        active: schedule.active(controller.now),
        next_change: schedule.next_change(controller.now),
    });
    let orders = controller.ledger.overrides().values().filter(|o| o.fleet == *name && o.stands(controller.now));
    let machines: Vec<Machine> = controller.ledger.machines().values().filter(|m| m.fleet == *name).cloned().collect();
    let holdings = controller.holdings(name);
    let listed = |pool: &Pool| Some(controller.lanes.get(pool.lane())?.offers.get(pool)?.price);
    let offer = |pool: &Pool| controller.rates.convert(listed(pool)?);
    let recorded: BTreeMap<_, _> = machines.iter().map(|m| ((m.pool.lane(), &m.id), m.price)).collect();
    let mut bills = BTreeMap::<_, Bill>::new();
    let mut pool_prices = BTreeMap::new();
    for holding in &holdings {
        let n = u64::from(holding.count);
        let known = match &holding.id {
            crate::plan::HoldingId::Machine(id) => recorded.get(&(holding.pool.lane(), id)).copied(),
            crate::plan::HoldingId::Promise(token) => controller.ledger.intents().get(token).map(|i| i.price),
        };
        let offered = offer(&holding.pool);
        if let Some(offered) = offered {
            pool_prices.insert(holding.pool.clone(), offered);
        }
        let now = offered.or(known).unwrap_or_default();
        // Where the on-demand price is not known, no saving is claimed.
        let on_demand = offer(&holding.pool.in_market(Market::OnDemand)).unwrap_or(now);
        let list = offered.and_then(|_| listed(&holding.pool));
        let provider = holding.pool.provider();
        let bill = bills.entry((provider.clone(), list.map(|list| list.currency))).or_insert_with(|| Bill {
            provider: provider.clone(),
            machines: 0,
            price: PricePerHour::ZERO,
            price_on_demand: PricePerHour::ZERO,
            list: list.map(|list| ListPrice { micros: 0, ..list }),
        });
        bill.machines += n;
        bill.price = bill.price.plus(now.times(n));
        bill.price_on_demand = bill.price_on_demand.plus(on_demand.times(n));
        if let (Some(sum), Some(list)) = (&mut bill.list, list) {
            sum.micros = sum.micros.saturating_add(list.micros.saturating_mul(n));
        }
    }
    let bills: Vec<Bill> = bills.into_values().collect();
    let pools = |c: &&Closure| mind.fleet.pools.keys().any(|p| c.covers(p, controller.now));
    Some(FleetView {
        name: name.clone(),
        unit: mind.fleet.unit,
        min: bounds.min,
        max: bounds.max,
        schedules: schedules.collect(),
        orders: orders.cloned().collect(),
        backlog: mind.demand.backlog(),
        forecast: mind.accuracy.and_then(|(_, accuracy)| accuracy),
        decision: mind.last.clone(),
        last_step: mind.last_step.clone(),
        closures: controller.ledger.closures().values().filter(pools).cloned().collect(),
        spent: {
            let spend = controller.spent(name);
            (spend.in_day, spend.in_month)
        },
        budgets: mind.last.as_ref().map(|(_, report)| report.budgets.clone()).unwrap_or_default(),
        holdings,
        machines,
        price: bills.iter().map(|bill| bill.price).sum(),
        price_on_demand: bills.iter().map(|bill| bill.price_on_demand).sum(),
        bills,
        pool_prices,
    })
}
