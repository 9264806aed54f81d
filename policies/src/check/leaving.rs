//! Rules of letting go: which machines, for what cause, after what time, in what order, and what must stay.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::survive::Bound;
use crate::check::{Books, Violation, distinct};
use crate::model::{InstanceId, Market, Pool};
use crate::plan::{Action, Cause, Holding, HoldingId, Input, Plan, Standing, Work};
use crate::units::{Capacity, Time};

/// One machine that the plan lets go, taken apart.
struct Leaver<'a> {
    id: &'a InstanceId,
    pool: &'a Pool,
    why: Cause,
    /// For a drain: when it would be ended. `None`: it is ended now.
    until: Option<Time>,
}

/// Judges all drains and ends of the plan, each by itself and all together.
pub(super) fn judge(input: &Input<'_>, plan: &Plan, books: &Books<'_>, found: &mut Vec<Violation>) {
    let leavers: Vec<Leaver<'_>> = plan.actions.iter().filter_map(leaver).collect();
    let mut named = BTreeSet::new();
    let mut drained: BTreeMap<&InstanceId, (&Holding, Cause)> = BTreeMap::new();
    for leaver in &leavers {
        if !named.insert(leaver.id) {
            found.push(Violation::Twice(leaver.id.clone()));
            continue;
        }
        let Some(holding) = books.machines.get(leaver.id).filter(|h| h.pool == *leaver.pool) else {
            found.push(Violation::UnknownMachine(leaver.id.clone()));
            continue;
        };
        manner(input, holding, leaver, found);
        if holding.protected && holding.notice.is_none() && !matches!(holding.standing, Standing::Draining { .. }) {
            found.push(Violation::Protected(leaver.id.clone()));
        }
        let young = input.now.since(holding.born) < input.fleet.scale_down.min_life;
        if young && leaver.until.is_some() && matches!(leaver.why, Cause::Surplus | Cause::BridgeOver) {
            found.push(Violation::TooYoung(leaver.id.clone()));
        }
        if !has_cause(input, holding, leaver) {
            found.push(Violation::FalseCause(leaver.id.clone()));
        }
        // A drain in a lane that is not seen is a violation of its own.
        // What never ran is no capacity that anybody misses; what no budget pays for is judged by the floor.
        if leaver.until.is_some()
            && holding.counts()
            && sees(input, holding)
            && !matches!(leaver.why, Cause::NeverReady | Cause::Budget)
        {
            drained.insert(leaver.id, (holding, leaver.why));
        }
    }
    for lane in distinct(leavers.iter().map(|l| l.pool.lane())) {
        if !input.lanes.get(lane).is_some_and(|state| state.seen) {
            found.push(Violation::Unseen(lane.clone()));
        }
    }
    idle_first(input, &leavers, books, found);
    if !drained.is_empty() {
        remainder(input, plan, books, &drained, found);
    }
}

fn leaver(action: &Action) -> Option<Leaver<'_>> {
    match action {
        Action::Launch { .. } => None,
        Action::Drain { instance, pool, until, why } => {
            Some(Leaver { id: instance, pool, why: *why, until: Some(*until) })
        }
        Action::End { instance, pool, why } => Some(Leaver { id: instance, pool, why: *why, until: None }),
    }
}

/// Drained once, for long enough; ended only after that.
fn manner(input: &Input<'_>, holding: &Holding, leaver: &Leaver<'_>, found: &mut Vec<Violation>) {
    let taken = holding.notice.is_some_and(|at| at <= input.now);
    match (leaver.until, holding.standing) {
        (_, Standing::Ending) | (Some(_), Standing::Draining { .. }) => {
            found.push(Violation::AlreadyLeaving(leaver.id.clone()));
        }
        (Some(until), _) => {
            // Who is taken by the provider has until then, at most.
            let full = input.now.plus(input.fleet.scale_down.drain_timeout);
            if until < holding.notice.map_or(full, |at| full.min(at)) {
                found.push(Violation::Undrained(leaver.id.clone()));
            }
        }
        (None, Standing::Draining { until }) if until <= input.now || taken => {}
        (None, Standing::Draining { .. }) if holding.work == Work::Idle => {}
        (None, _) if taken => {}
        (None, _) => found.push(Violation::Undrained(leaver.id.clone())),
    }
}

/// The stated cause can be seen in the input.
fn has_cause(input: &Input<'_>, holding: &Holding, leaver: &Leaver<'_>) -> bool {
    match leaver.why {
        Cause::Interruption => holding.notice.is_some(),
        Cause::PoolRemoved => !input.fleet.pools.contains_key(leaver.pool),
        Cause::BridgeOver => leaver.pool.market() == Market::OnDemand && input.fleet.on_demand.return_to_spot,
        Cause::Surplus => true,
        Cause::NeverReady => {
            let within = input.fleet.scale_up.ready_within;
            let late = within.is_some_and(|within| input.now.since(holding.born) >= within);
            late && holding.standing == Standing::Starting && !holding.ran
        }
        // Judged with the money.
        Cause::Budget => true,
        // What the operator orders, or has made a rule for fleets that are not configured, is no decision of a plan.
        Cause::Ordered | Cause::Orphaned => false,
        Cause::Drained => leaver.until.is_none(),
    }
}

/// No machine stays that could have gone in the place of one that does more: no larger, and no more of what runs. Judged of
/// spot, and of removed pools: which on-demand is the base, and stays for that, is not told by a plan.
fn idle_first(input: &Input<'_>, leavers: &[Leaver<'_>], books: &Books<'_>, found: &mut Vec<Violation>) {
    let leave: BTreeSet<&InstanceId> = leavers.iter().map(|l| l.id).collect();
    let runs = |h: &Holding| h.standing == Standing::Running;
    let kind = |h: &Holding| (h.pool.market(), input.fleet.pools.contains_key(&h.pool));
    let old = |h: &Holding| input.now.since(h.born) >= input.fleet.scale_down.min_life;
    // The smallest that stays and could go, of each kind.
    let mut smallest: BTreeMap<_, Capacity> = BTreeMap::new();
    let gone = |h: &Holding| matches!(&h.id, HoldingId::Machine(id) if leave.contains(id));
    let bound = Bound::new(input, books, gone);
    for (_, h) in books.machines.iter().filter(|(id, _)| !leave.contains(*id)) {
        if h.counts() && !h.protected && sees(input, h) && !bound.holds(h) {
            let units = smallest.entry((kind(h), h.work, runs(h), old(h))).or_insert(h.units);
            *units = h.units.min(*units);
        }
    }
    for leaver in leavers.iter().filter(|l| l.until.is_some()) {
        let Some(goes) = books.machines.get(leaver.id).filter(|h| h.counts()) else { continue };
        let judged = match leaver.why {
            Cause::Surplus | Cause::Budget => goes.pool.market() == Market::Spot,
            Cause::PoolRemoved => true,
            _ => false,
        };
        let instead = smallest.iter().any(|((of, work, running, old), units)| {
            let as_well = *of == kind(goes) && *units <= goes.units && (!running || runs(goes));
            as_well && *work < goes.work && (*old || leaver.why != Cause::Surplus)
        });
        if judged && instead {
            found.push(Violation::BusyFirst(leaver.id.clone()));
        }
    }
}

/// What stays is enough: of all, of the base, of what runs; and spot went first.
fn remainder(
    input: &Input<'_>,
    plan: &Plan,
    books: &Books<'_>,
    drained: &BTreeMap<&InstanceId, (&Holding, Cause)>,
    found: &mut Vec<Violation>,
) {
    let sum = |keep: &dyn Fn(&Holding, Cause) -> bool| -> Capacity {
        drained.values().filter(|(h, why)| keep(h, *why)).map(|(h, _)| h.capacity()).sum()
    };
    let capacity = books.counted().minus(books.unseen).minus(sum(&|_, _| true));
    if capacity < plan.target {
        found.push(Violation::BelowTarget { capacity, target: plan.target });
    }
    let on_demand_gone = sum(&|h, _| h.pool.market() == Market::OnDemand);
    let on_demand = books.on_demand.plus(books.removed_on_demand).minus(books.unseen_on_demand).minus(on_demand_gone);
    if !on_demand_gone.is_zero() && on_demand < books.base {
        found.push(Violation::BelowBase { capacity: on_demand, base: books.base });
    }

    let runs = |h: &Holding| h.counts() && h.standing == Standing::Running && sees(input, h);
    let running = |of: &dyn Fn(&Holding) -> bool| -> Capacity {
        let before: Capacity = input.holdings.iter().filter(|h| runs(h) && of(h)).map(Holding::capacity).sum();
        before.minus(sum(&|h, _| runs(h) && of(h)))
    };
    // A machine of a removed pool goes for anything that runs. A bridge does not go for what is itself to be replaced.
    let named = |h: &Holding| input.fleet.pools.contains_key(&h.pool);
    let goes_cold = |running: Capacity| (running < plan.target).then_some(running);
    let removed = !sum(&|h, why| why == Cause::PoolRemoved && runs(h)).is_zero();
    let bridge = !sum(&|_, why| why == Cause::BridgeOver).is_zero();
    let cold = removed.then(|| goes_cold(running(&|_| true))).flatten();
    if let Some(running) = cold.or_else(|| bridge.then(|| goes_cold(running(&named))).flatten()) {
        found.push(Violation::ColdReplacement { running, target: plan.target });
    }

    let out_of_order = |h: &Holding, why: Cause| why == Cause::Surplus && h.pool.market() == Market::OnDemand;
    let room = capacity.plus(sum(&out_of_order)).minus(plan.target);
    let gone = |h: &Holding| matches!(&h.id, HoldingId::Machine(id) if drained.contains_key(id));
    let bound = Bound::new(input, books, gone);
    let could = |h: &Holding| stays_and_could_go(input, drained, h) && h.units <= room && !bound.holds(h);
    if input.holdings.iter().any(could) {
        let late = drained.iter().filter(|(_, (h, why))| out_of_order(h, *why));
        found.extend(late.map(|(id, _)| Violation::OrderOfLeaving((*id).clone())));
    }
}

/// A spot machine that the plan keeps, in a lane where machines may be let go.
fn stays_and_could_go(
    input: &Input<'_>,
    drained: &BTreeMap<&InstanceId, (&Holding, Cause)>,
    holding: &Holding,
) -> bool {
    let HoldingId::Machine(id) = &holding.id else { return false };
    let old = input.now.since(holding.born) >= input.fleet.scale_down.min_life;
    let free = holding.counts() && !holding.protected && old;
    free && holding.pool.market() == Market::Spot && !drained.contains_key(id) && sees(input, holding)
}

fn sees(input: &Input<'_>, holding: &Holding) -> bool {
    input.lanes.get(holding.pool.lane()).is_some_and(|state| state.seen)
}
