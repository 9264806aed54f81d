//! Moves: spot machines are replaced by cheaper ones of the same capacity.
//!
//! A move is a launch beside the target. When the new machine runs, there is one too many, and the surplus that goes
//! first is the dearest: the old one. So a move that is broken off leaves a machine more and never one fewer, and goes on
//! after a restart without a record of its own.
//!
//! Nothing moves but in calm: all lanes are seen, every machine runs, none has a notice, nothing was interrupted or lost
//! for the stated time, and nothing else is to be done. A move has to save its share of the price, and to save within the
//! stated time what the two machines cost together while the new one starts and the old one finishes.

use std::collections::BTreeMap;

use crate::allocate::{Candidate, Held as Places, Limits};
use crate::model::{Market, MoveRules};
use crate::plan::books::{Books, Role};
use crate::plan::draft::Draft;
use crate::plan::index::{Held, Index};
use crate::plan::leave;
use crate::plan::survive::Survival;
use crate::plan::{Input, LAUNCH_WINDOW, LaunchWhy, Memory, Standing, Work};
use crate::report::Wait;
use crate::units::{Capacity, PricePerHour, Span, Time};

/// Moves that are held back.
pub(super) struct HeldBack {
    pub(super) wait: Wait,
    pub(super) at: Time,
}

/// One machine that would move.
struct Move<'a> {
    old: Held<'a>,
    to: Candidate,
}

/// Adds the launches of moves to the draft, which holds nothing yet. `target` and `floor` are the fleet's, `room` is what
/// its maximum leaves.
pub(super) fn propose(
    input: &Input<'_>,
    index: &Index<'_>,
    books: &Books<'_>,
    memory: &Memory,
    (target, floor, room): (Capacity, Capacity, Capacity),
    draft: &mut Draft,
) -> Option<HeldBack> {
    let rules = input.fleet.spot.moves?;
    if !is_calm(index) {
        return None;
    }
    let found = find(input, index, books, rules, (target, floor, room));
    if found.is_empty() {
        return None;
    }
    let now = input.now;
    let waits = |machines: usize, at| {
        let machines = u32::try_from(machines).unwrap_or(u32::MAX);
        Some(HeldBack { wait: Wait::Moves { machines, at }, at })
    };
    if let Some(over) = memory.disturbed_at.map(|at| at.plus(rules.calm)).filter(|over| *over > now) {
        return waits(found.len(), over);
    }
    let (moved, first) = memory.moves_at(now);
    let left = usize::try_from(rules.max_per_hour.saturating_sub(moved)).unwrap_or(usize::MAX);
    for Move { old, to } in found.iter().take(left) {
        let from = index.price(old).unwrap_or_default();
        let saves = from.minus(to.price);
        let cost = to.price.over(overlap(input));
        let reason = format!("saves {saves} an hour against {}, and costs {cost}", old.holding.pool);
        draft.launch(index, to.pool, 1, LaunchWhy::Move, &reason, &[]);
    }
    if found.len() > left {
        return waits(found.len() - left, first.unwrap_or(now).plus(LAUNCH_WINDOW));
    }
    None
}

/// All is seen, everything runs, and the provider takes nothing.
fn is_calm(index: &Index<'_>) -> bool {
    index.lanes.iter().all(|lane| lane.state.seen)
        && index.held.iter().all(|h| h.holding.standing == Standing::Running && h.holding.notice.is_none())
}

/// Two machines are paid for so long.
fn overlap(input: &Input<'_>) -> Span {
    input.lead.plus(input.fleet.scale_down.drain_timeout)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// It saves enough, and soon enough.
fn is_worth_it(input: &Input<'_>, rules: MoveRules, from: PricePerHour, to: PricePerHour) -> bool {
    let (old, new) = (u128::from(from.micros()), u128::from(to.micros()));
    let saved = old.saturating_sub(new);
    let cost = new.saturating_mul(u128::from(overlap(input).as_millis()));
    saved > 0
        && saved * 10_000 >= old * u128::from(rules.min_saving.basis_points())
        && saved.saturating_mul(u128::from(rules.pays_back_within.as_millis())) >= cost
}

/// The machines that would move now, the dearest first, each with where to.
fn find<'a>(
    input: &Input<'_>,
    index: &Index<'a>,
    books: &Books<'a>,
    rules: MoveRules,
    (target, floor, mut room): (Capacity, Capacity, Capacity),
) -> Vec<Move<'a>> {
    let mut spot: Vec<Held<'a>> =
        books.machines.iter().filter(|(_, role)| *role == Role::Spot).map(|(h, _)| *h).collect();
    let most = (count(spot.len()) * u64::from(rules.max_share.basis_points()) / 10_000).max(1);
    let least_life = input.fleet.scale_down.min_life;
    // What is busy goes after what has just started, so that nothing would be gained.
    spot.retain(|h| h.holding.work != Work::Busy);
    spot.retain(|h| !h.holding.protected && input.now.since(h.holding.born) >= least_life);
    spot.sort_unstable_by(|a, b| leave::order(index, a, b));

    let mut held = Places::empty(index.sites.len(), index.zones, index.lanes.len(), index.providers);
    let mut largest = Capacity::ZERO;
    for h in index.held.iter().filter(|h| h.holding.counts()) {
        let site = index.site(h);
        largest = largest.max(h.holding.units);
        if site.pool.market() == Market::Spot {
            held.add(h.site, site.zone, site.region, site.provider, h.holding.capacity());
        }
    }
    let mut survival = input.fleet.survive.map(|of| Survival::sure(of, floor, index));
    // What is there beyond all need waits to go; nothing moves before it has.
    let needed = survival.as_ref().map_or(target, |s| target.max(s.needs()));
    if books.all().counted >= needed.plus(largest) {
        return Vec::new();
    }
    let limits = Limits::spot(target.minus(books.owed_base), input.fleet.spot);
    let mut by_size: BTreeMap<Capacity, Vec<Candidate>> = BTreeMap::new();
    for candidate in index.candidates(Market::Spot) {
        if index.sites[candidate.pool].failures == 0 {
            by_size.entry(candidate.units).or_default().push(candidate);
        }
    }
    for sizes in by_size.values_mut() {
        sizes.sort_unstable_by_key(|c| (c.price, c.pool));
    }
    let mut moves = Vec::new();
    // Of what stays the smallest: it would go in place of a larger one that comes after it.
    let mut stays: Option<Capacity> = None;
    for old in spot {
        let units = old.holding.units;
        if stays.is_some_and(|smallest| smallest <= units) {
            continue;
        }
        let before = stays.replace(units);
        let (Some(from), Some(sizes)) = (index.price(&old), by_size.get(&units)) else { continue };
        if units > room {
            continue;
        }
        let worth = sizes.iter().take_while(|c| is_worth_it(input, rules, from, c.price));
        let survives = |c: &Candidate| {
            survival.as_ref().is_none_or(|s| {
                let mut moved = s.clone();
                moved.take(index, old.site, units);
                moved.add(index, c.pool, units);
                moved.left() >= s.left().min(floor)
            })
        };
        let to = worth.filter(|c| limits.room(&held, c).0 > 0).find(|c| survives(c)).copied();
        let Some(to) = to else { continue };
        held.add(to.pool, to.zone, to.region, to.provider, units);
        if let Some(survival) = &mut survival {
            survival.take(index, old.site, units);
            survival.add(index, to.pool, units);
        }
        room = room.minus(units);
        stays = before;
        moves.push(Move { old, to });
        if count(moves.len()) >= most {
            break;
        }
    }
    moves
}
