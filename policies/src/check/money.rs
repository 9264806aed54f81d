//! Rules of money: no launch above the floor that no budget pays for, and no machine let go for money that is there.

use crate::budget::{AtLimit, Purse};
use crate::check::{Books, Violation};
use crate::model::Market;
use crate::plan::{Action, Cause, Input, Plan, Standing};
use crate::units::{Capacity, PricePerHour};

/// Judges launches and drains by the budgets.
pub(super) fn judge(input: &Input<'_>, plan: &Plan, books: &Books<'_>, found: &mut Vec<Violation>) {
    launches(input, plan, books, found);
    let shed: Vec<_> = plan
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Drain { instance, why: Cause::Budget, .. } => Some(instance),
            _ => None,
        })
        .collect();
    if shed.is_empty() {
        return;
    }
    let rate = rate(input, books);
    let mut gone = Capacity::ZERO;
    for id in shed {
        let Some(holding) = books.machines.get(id) else { continue };
        gone = gone.plus(holding.capacity());
        let paid_for = !input.purses.iter().any(|p| p.budget.at_limit == AtLimit::ShedSpot && exhausted(p, rate));
        if paid_for || holding.pool.market() != Market::Spot {
            found.push(Violation::FalseCause(id.clone()));
        }
    }
    let named = books.on_demand.plus(books.spot);
    let unseen: Capacity = input
        .holdings
        .iter()
        .filter(|h| h.counts() && input.fleet.pools.contains_key(&h.pool))
        .filter(|h| h.standing == Standing::Promised || !input.lanes.get(h.pool.lane()).is_some_and(|l| l.seen))
        .map(crate::plan::Holding::capacity)
        .sum();
    let capacity = named.minus(unseen).minus(gone);
    if capacity < books.min {
        found.push(Violation::BelowFloor { capacity, floor: books.min });
    }
}

/// Beyond the floor nothing is launched that a budget does not pay for. One machine may reach over the floor.
fn launches(input: &Input<'_>, plan: &Plan, books: &Books<'_>, found: &mut Vec<Violation>) {
    let (mut launched, mut largest, mut adds) = (Capacity::ZERO, Capacity::ZERO, PricePerHour::ZERO);
    for action in &plan.actions {
        if let Action::Launch { count, units, price, .. } = action {
            launched = launched.plus(units.times(u64::from(*count)));
            largest = largest.max(*units);
            adds = adds.plus(price.times(u64::from(*count)));
        }
    }
    if launched.is_zero() {
        return;
    }
    let covered = books.on_demand.plus(books.spot);
    let after = rate(input, books).plus(adds);
    let broke = |p: &Purse| p.budget.at_limit != AtLimit::Alert && exhausted(p, after);
    if covered.plus(launched).minus(largest) >= books.min && input.purses.iter().any(broke) {
        found.push(Violation::OverBudget { launched });
    }
}

/// The day or the month is used up, or this rate of the fleet is past the limit of the hour.
fn exhausted(purse: &Purse, rate: PricePerHour) -> bool {
    let budget = &purse.budget;
    budget.per_day.is_some_and(|limit| purse.in_day >= limit)
        || budget.per_month.is_some_and(|limit| purse.in_month >= limit)
        || budget.per_hour.is_some_and(|limit| rate.plus(purse.others) > limit)
}

/// What the fleet's machines and promises cost an hour; of those that were not told to go.
fn rate(input: &Input<'_>, books: &Books<'_>) -> PricePerHour {
    let stays = input.holdings.iter().filter(|h| !matches!(h.standing, Standing::Draining { .. } | Standing::Ending));
    let price = |h: &crate::plan::Holding| {
        let offer = books.offers.get(&h.pool).and_then(|o| input.rates.convert(o.price));
        offer.unwrap_or(h.paid).times(u64::from(h.count))
    };
    stays.map(price).sum()
}
