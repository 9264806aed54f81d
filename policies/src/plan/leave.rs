//! What to let go, in this order, and only machines in lanes that are seen and that the operator does not protect:
//!
//! 1. **Redundant bridge** (with `return_to_spot`), at once and without idle grace: when what *runs* without it covers
//!    the target. Machines of removed pools do not count here: a bridge may be what replaces them. Dearest per unit
//!    first, then youngest.
//! 2. **Machines of pools that left the fleet file**: when what *runs* without them covers the target, and of
//!    on-demand the base. In the order of 3.
//! 3. **Spot**, dearest per unit first (an unknown price is the dearest), then youngest, then starting before running.
//! 4. **On-demand above the base**, in the same order, when no spot machine is left that is small enough to go. The
//!    base is never touched while the target covers it.
//!
//! In each of these, and when a budget sheds spot, machines go whose workers say that they are **idle** first, then those
//! nobody tells of, and **busy** ones last; the orders above are among machines of the same word. Which on-demand machines
//! are the base, age alone says.
//!
//! In 3 and 4 a machine goes when what exists without it covers the target, a running one only when what runs without
//! it does, and on-demand only when what exists of it covers the base. A promise does not exist yet; machines of
//! removed pools do not count here, and with `return_to_spot` neither does the bridge. A machine that is larger than
//! the surplus stays, and the next in order is tried.
//!
//! **What is not seen is not relied on.** A machine in a lane that is not seen counts against launches, since it may
//! run; it is nothing that others may go for, since it may be gone.
//!
//! **Overshoot stays.** The last machine bought may overshoot the target. A surplus smaller than the youngest machine
//! is taken for that and kept in 3 and 4, unless the target was lowered since that machine was launched: else buying
//! a large machine would always end small ones.
//!
//! **Survival.** With `survive`, no machine goes in 3 and 4 that the minimum needs to survive the loss of a place.
//!
//! **Moves.** In a fleet that moves machines, one that starts stays in 3 for each dearer one of that size that could go if
//! it ran already: it is what that one is replaced by.
//!
//! **Least life.** In 1, 3 and 4 a machine that is younger than `min_life` stays, and the next in order is tried.
//!
//! A machine is told to go by a drain until `now + drain_timeout`, and ended by a later plan of whatever kind once that
//! time has come, or once its worker says that it is idle. A busy one has the same time as one nobody tells of: where
//! workers tell, `drain_timeout` can be as long as the longest job, since who has finished does not wait for its end.
//! Promises are never ended.

use core::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use crate::allocate::by_unit_price;
use crate::model::Market;
use crate::plan::books::{Books, Role, Tally};
use crate::plan::draft::Draft;
use crate::plan::index::{Held, Index};
use crate::plan::purse;
use crate::plan::survive::Survival;
use crate::plan::{Cause, HoldingId, Input, Standing, Work};
use crate::report::{ALTERNATIVES, Because, Refused};
use crate::units::{Capacity, PricePerHour, Time};

/// Tells machines to go that the provider is about to take.
pub(super) fn noticed(input: &Input<'_>, index: &Index<'_>, draft: &mut Draft) {
    for held in &index.held {
        let holding = held.holding;
        let Some(taken_at) = holding.notice else { continue };
        let stays = matches!(holding.standing, Standing::Starting | Standing::Running);
        if !stays || !index.seen(index.site(held)) {
            continue;
        }
        let until = input.now.plus(input.fleet.scale_down.drain_timeout).min(taken_at).max(input.now);
        let reason = match taken_at.since(input.now) {
            left if taken_at > input.now => format!("the provider takes it in {left}"),
            _ => "the provider takes it now".to_owned(),
        };
        draft.drain(index, held, until, Cause::Interruption, reason, Vec::new());
    }
}

/// Tells machines to go that should run by now and never did, as far as is seen: with the time to finish, in case one runs
/// at last. Returns how many.
pub(super) fn never_ready(input: &Input<'_>, index: &Index<'_>, draft: &mut Draft) -> u32 {
    let mut machines = 0;
    for held in &index.held {
        let holding = held.holding;
        if holding.notice.is_none()
            && !holding.protected
            && never_ready_at(input, held).is_some_and(|at| at <= input.now)
            && index.seen(index.site(held))
        {
            let reason = format!("it does not run {} after its launch", input.now.since(holding.born));
            let until = input.now.plus(input.fleet.scale_down.drain_timeout);
            draft.drain(index, held, until, Cause::NeverReady, reason, Vec::new());
            machines += 1;
        }
    }
    machines
}

/// When a machine that still starts is given up.
pub(super) fn never_ready_at(input: &Input<'_>, held: &Held<'_>) -> Option<Time> {
    let starts = held.holding.standing == Standing::Starting && !held.holding.ran;
    input.fleet.scale_up.ready_within.filter(|_| starts).map(|within| held.holding.born.plus(within))
}

/// It has lived for the least life. One that was born in the future, by a clock that was set, has lived for no time.
fn lived(input: &Input<'_>, held: &Held<'_>) -> bool {
    input.now.since(held.holding.born) >= input.fleet.scale_down.min_life
}

/// Machines that would be surplus and have not lived for the least life, and when the first of them has.
pub(super) fn young(input: &Input<'_>, books: &Books<'_>, target: Capacity) -> Option<(u32, Time)> {
    if books.named().sure <= target {
        return None;
    }
    let old_at = |held: &Held<'_>| held.holding.born.plus(input.fleet.scale_down.min_life);
    let may_go = books.machines.iter().filter(|(h, role)| {
        matches!(role, Role::Spot | Role::Bridge | Role::IdleBase) && !h.holding.protected && !lived(input, h)
    });
    let (machines, first) = may_go.fold((0_u32, None::<Time>), |(n, first), (h, _)| {
        (n.saturating_add(1), Some(first.map_or(old_at(h), |f| f.min(old_at(h)))))
    });
    first.map(|first| (machines, first))
}

/// Ends machines whose drain time is over, and those that have finished before.
pub(super) fn drained(input: &Input<'_>, index: &Index<'_>, draft: &mut Draft) {
    for held in &index.held {
        let (Standing::Draining { until }, HoldingId::Machine(id)) = (held.holding.standing, &held.holding.id) else {
            continue;
        };
        let reason = match held.holding.work {
            _ if until <= input.now => "its drain time is over",
            Work::Idle => "it has finished its work",
            Work::Unknown | Work::Busy => continue,
        };
        if index.seen(index.site(held)) {
            draft.end(held, id, reason.to_owned());
        }
    }
}

/// Tells spot to go that the budgets do not pay for. The floor stays.
pub(super) fn shed(input: &Input<'_>, index: &Index<'_>, books: &Books<'_>, limits: &purse::Limits, draft: &mut Draft) {
    if limits.sheds(PricePerHour::ZERO).is_none() {
        return;
    }
    let order = |a: &Held<'_>, b: &Held<'_>| order(index, a, b);
    let mut spot: Vec<Held<'_>> =
        books.machines.iter().filter(|(_, role)| *role == Role::Spot).map(|(h, _)| *h).collect();
    spot.retain(|held| !held.holding.protected && index.seen(index.site(held)));
    spot.sort_unstable_by(order);
    let mut left = books.named();
    let mut less = PricePerHour::ZERO;
    for held in spot {
        let Some(limit) = limits.sheds(less) else { break };
        let without = left.without(held.holding.standing, held.holding.units);
        let runs = held.holding.standing == Standing::Running;
        if limits.below_floor(without.sure) || runs && limits.below_floor(without.running) {
            continue;
        }
        let reason =
            format!("the budget of {} is used up: {} of {}", limit.period.with_article(), limit.spent, limit.limit);
        let until = input.now.plus(input.fleet.scale_down.drain_timeout);
        less = less.plus(index.price(&held).unwrap_or(held.holding.paid));
        left = without;
        draft.drain(index, &held, until, Cause::Budget, reason, Vec::new());
    }
}

/// Tells machines to go that are not needed. `lowered_at` is when the target was last lowered, this decision included.
pub(super) fn surplus(
    input: &Input<'_>,
    index: &Index<'_>,
    books: &Books<'_>,
    (target, floor): (Capacity, Capacity),
    lowered_at: Option<Time>,
    draft: &mut Draft,
) {
    Leaving { input, index, books, target, floor, lowered_at, draft, gone: BTreeSet::new() }.all();
}

struct Leaving<'i, 'a> {
    input: &'i Input<'i>,
    index: &'i Index<'a>,
    books: &'i Books<'a>,
    target: Capacity,
    /// What has to survive the loss of a place.
    floor: Capacity,
    lowered_at: Option<Time>,
    draft: &'i mut Draft,
    gone: BTreeSet<HoldingId>,
}

impl<'a> Leaving<'_, 'a> {
    fn all(mut self) {
        let mut kept = self.books.base.plus(self.books.idle_base);
        let mut above = vec![Role::IdleBase];
        if !self.input.fleet.on_demand.return_to_spot {
            kept = kept.plus(self.books.bridge);
            above.push(Role::Bridge);
        }
        let counted = self.replaced();
        let left = Left {
            target: self.target,
            above_base: kept.sure.minus(self.books.owed_base),
            kept: kept.plus(self.books.spot),
        };
        let surplus = left.kept.sure.minus(self.target);
        if !surplus.is_zero() && !self.is_overshoot(surplus) {
            self.surplus(left, &above, counted);
        }
    }

    /// Lets go what is replaced: the bridge and machines of removed pools, as far as what runs without them is enough.
    /// Returns all that counts after that.
    fn replaced(&mut self) -> Capacity {
        let mut all = self.books.all();
        let mut named = self.books.named();
        let mut on_demand = self.books.on_demand().plus(self.books.removed_on_demand);
        let mut order =
            if self.input.fleet.on_demand.return_to_spot { self.candidates(&[Role::Bridge]) } else { Vec::new() };
        order.extend(self.candidates(&[Role::Removed]));
        for (held, role) in order {
            let (standing, units) = (held.holding.standing, held.holding.units);
            let left = all.without(standing, units);
            let mut on_demand_left = on_demand;
            if held.holding.pool.market() == Market::OnDemand {
                on_demand_left = on_demand.without(standing, units);
                if on_demand_left.running < self.books.owed_base {
                    continue;
                }
            }
            let (why, what, runs) = match role {
                Role::Removed => (Cause::PoolRemoved, "its pool is not in the fleet file; ", left.running),
                _ => (Cause::BridgeOver, "", named.without(standing, units).running),
            };
            if runs < self.target {
                continue;
            }
            (all, on_demand) = (left, on_demand_left);
            if role != Role::Removed {
                named = named.without(standing, units);
            }
            let reason = format!("{what}{runs} runs without it for a target of {}", self.target);
            self.drain(&held, why, reason, Vec::new());
            self.gone.insert(held.holding.id.clone());
        }
        all.counted
    }

    /// Lets spot go, then on-demand above the base.
    fn surplus(&mut self, mut left: Left, above: &[Role], mut counted: Capacity) {
        let reason = format!("{} is held for a target of {}", left.kept.sure, self.target);
        let mut order = self.candidates(&[Role::Spot]);
        order.extend(self.candidates(above));
        let removed = self.candidates(&[Role::Removed]);
        let stays = removed.iter().filter(|(h, _)| !self.gone.contains(&h.holding.id));
        let spot = stays.filter(|(h, _)| h.holding.pool.market() == Market::Spot);
        let mut smallest_spot = spot.map(|(h, _)| h.holding.units).min();
        // By what exists, and by what is promised besides: what was just bought to survive does not go before the rest of it
        // is there.
        let mut survival: Vec<Survival> = self.input.fleet.survive.map_or_else(Vec::new, |of| {
            vec![Survival::sure(of, self.floor, self.index), Survival::counted(of, self.floor, self.index)]
        });
        // Machines that move start, and what they replace still runs.
        let replaced = order.iter().filter(|(held, role)| *role == Role::Spot && left.only_runs(held));
        let mut moving: Capacity = replaced.map(|(held, _)| held.holding.units).sum();
        let mut go: Vec<Held<'a>> = Vec::new();
        let mut stay: Vec<Refused> = Vec::new();
        for (held, role) in order {
            let units = held.holding.units;
            let spot_first = role != Role::Spot && smallest_spot.is_some_and(|s| s <= counted.minus(self.target));
            let spared = survival.iter().all(|s| s.spares(self.index, held.site, units));
            let starts = held.holding.standing == Standing::Starting;
            let moves = self.input.fleet.spot.moves.is_some() && role == Role::Spot && starts && units <= moving;
            if moves {
                moving = moving.minus(units);
            }
            let refusal = left.refusal(&held).or((spot_first || moves).then_some(Because::Worse));
            let Some(because) = refusal.or((!spared).then_some(Because::Survive)) else {
                left.take(&held);
                for survival in &mut survival {
                    survival.take(self.index, held.site, units);
                }
                counted = counted.minus(units);
                go.push(held);
                continue;
            };
            let refused = self.refused(&held, because);
            if stay.len() < ALTERNATIVES && !stay.contains(&refused) {
                stay.push(refused);
            }
            if role == Role::Spot {
                smallest_spot = Some(smallest_spot.map_or(units, |s| s.min(units)));
            }
        }
        for held in go {
            self.drain(&held, Cause::Surplus, reason.clone(), stay.clone());
        }
    }

    fn refused(&self, held: &Held<'_>, because: Because) -> Refused {
        let per_unit = self.index.site(held).price.map(|p| p.per_unit(held.holding.units));
        Refused { pool: held.holding.pool.clone(), per_unit, because }
    }

    fn drain(&mut self, held: &Held<'_>, why: Cause, reason: String, refused: Vec<Refused>) {
        let until = self.input.now.plus(self.input.fleet.scale_down.drain_timeout);
        self.draft.drain(self.index, held, until, why, reason, refused);
    }

    /// Machines of these roles in seen lanes, in the order to leave.
    fn candidates(&self, roles: &[Role]) -> Vec<(Held<'a>, Role)> {
        let mut list: Vec<(Held<'a>, Role)> = self.books.machines.clone();
        list.retain(|(held, role)| {
            let old = *role == Role::Removed || lived(self.input, held);
            roles.contains(role) && old && !held.holding.protected && self.index.seen(self.index.site(held))
        });
        list.sort_unstable_by(|(a, _), (b, _)| order(self.index, a, b));
        list
    }

    /// The surplus came with the last machine that was bought.
    fn is_overshoot(&self, surplus: Capacity) -> bool {
        let counts =
            |role: Role| role != Role::Removed && (role != Role::Bridge || !self.input.fleet.on_demand.return_to_spot);
        let youngest = self.books.machines.iter().filter(|(_, role)| counts(*role));
        let youngest = youngest.map(|(h, _)| (h.holding.born, h.holding.units)).max();
        youngest.is_some_and(|(born, units)| surplus < units && self.lowered_at.is_none_or(|t| t <= born))
    }
}

/// Idle first, busy last; then dearest, youngest, starting first; then by pool and id.
pub(super) fn order(index: &Index<'_>, a: &Held<'_>, b: &Held<'_>) -> Ordering {
    let price = |h: &Held<'_>| index.site(h).price;
    let dearer = match (price(a), price(b)) {
        (Some(x), Some(y)) => by_unit_price((y, b.holding.units), (x, a.holding.units)),
        (x, y) => x.is_some().cmp(&y.is_some()),
    };
    let rest = |h: &Held<'_>| (Reverse(h.holding.born), h.holding.standing == Standing::Running, h.site);
    let idler = a.holding.work.cmp(&b.holding.work);
    idler.then(dearer).then_with(|| rest(a).cmp(&rest(b))).then_with(|| a.holding.id.cmp(&b.holding.id))
}

/// What is left while machines are chosen to go.
struct Left {
    target: Capacity,
    kept: Tally,
    /// On-demand that exists and is not owed by the base.
    above_base: Capacity,
}

impl Left {
    /// Why a machine has to stay, if it has.
    fn refusal(&self, held: &Held<'_>) -> Option<Because> {
        let (standing, units) = (held.holding.standing, held.holding.units);
        let left = self.kept.without(standing, units);
        if left.sure < self.target || standing == Standing::Running && left.running < self.target {
            return Some(Because::Worse);
        }
        (held.holding.pool.market() == Market::OnDemand && units > self.above_base).then_some(Because::Base)
    }

    /// A running machine could go, if what starts ran already.
    fn only_runs(&self, held: &Held<'_>) -> bool {
        let (standing, units) = (held.holding.standing, held.holding.units);
        let left = self.kept.without(standing, units);
        standing == Standing::Running && left.sure >= self.target && left.running < self.target
    }

    fn take(&mut self, held: &Held<'_>) {
        self.kept = self.kept.without(held.holding.standing, held.holding.units);
        if held.holding.pool.market() == Market::OnDemand {
            self.above_base = self.above_base.minus(held.holding.units);
        }
    }
}
