//! Rules of the target: bounds, cooldowns, steps, idle grace, missing data, and what is remembered of it.

use crate::check::{Books, Violation};
use crate::demand::Readings;
use crate::plan::{Input, Plan};
use crate::units::{Capacity, Share, Span, Time};

/// Judges the change from the remembered target to the plan's. The first decision, or the first after the memory was
/// lost, may raise as it likes, and lowers from what is held.
pub(super) fn judge(input: &Input<'_>, plan: &Plan, books: &Books<'_>, found: &mut Vec<Violation>) {
    let to = plan.target;
    if to < books.min || to > books.max {
        found.push(Violation::TargetOutOfBounds { target: to });
    }
    if !remembered(input, plan) {
        found.push(Violation::Forgotten);
    }
    let from = input.memory.target.unwrap_or(books.counted());
    let raised_too_fast = input.memory.target.is_some() && to > from && to > highest(input, books, from);
    if raised_too_fast || to < from && to < lowest(input, books, from) {
        found.push(Violation::TooFast { from, to });
    }
    // What passes a lowered maximum falls to it at once, whatever was needed or is known.
    let kept = from.min(books.max);
    if to < kept {
        // The first reading after a start counts as none: until then the target of before stands.
        let read = |r: &Readings| r.latest().is_some() || r.value().is_some();
        let sources = || input.fleet.demand.sources.keys().map(|name| input.demand.of(name));
        let blind = sources().filter(|r| !r.is_some_and(read)).count();
        if blind > 0 && fallback(input).is_none_or(|then| to < then) {
            found.push(Violation::LoweredBlind { from, to });
        }
        if blind == 0 || sources().count() > blind {
            let needed = needed_lately(input, kept);
            if to < needed {
                found.push(Violation::WithinGrace { to, needed });
            }
        }
    }
}

/// The least and the most that the target may be now: each schedule that is on can raise the one and lower the other,
/// and the second wins.
pub(super) fn bounds(input: &Input<'_>) -> (Capacity, Capacity) {
    let on = || input.fleet.schedules.iter().filter(|s| s.active(input.now));
    let max = on().fold(input.fleet.max, |max, s| s.max.map_or(max, |lower| max.min(lower)));
    let min = on().fold(input.fleet.min, |min, s| s.min.map_or(min, |higher| min.max(higher)));
    (min.min(max), max)
}

/// The plan remembers its target, and the time of a change if it is one; without a change the times stay.
fn remembered(input: &Input<'_>, plan: &Plan) -> bool {
    let (before, after, now) = (input.memory, &plan.memory, Some(input.now));
    after.target == Some(plan.target)
        && match before.target {
            // Whether the first target counts as a raise is the planner's choice: it delays the next raise only.
            None => true,
            Some(from) if plan.target > from => after.raised_at == now && after.lowered_at == before.lowered_at,
            Some(from) if plan.target < from => after.lowered_at == now && after.raised_at == before.raised_at,
            Some(_) => after.raised_at == before.raised_at && after.lowered_at == before.lowered_at,
        }
}

/// The highest target that a raise may go to now. What is below min goes to min at once.
fn highest(input: &Input<'_>, books: &Books<'_>, from: Capacity) -> Capacity {
    let rule = &input.fleet.scale_up;
    let raised = if cooling(input.now, input.memory.raised_at, rule.cooldown) {
        from
    } else {
        rule.max_step.map_or(Capacity::from_milli(u64::MAX), |share| from.plus(step(share, from)))
    };
    raised.max(books.min)
}

/// The lowest target that a lowering may go to now. What is above max falls to max at once.
fn lowest(input: &Input<'_>, books: &Books<'_>, from: Capacity) -> Capacity {
    let rule = &input.fleet.scale_down;
    let changed = input.memory.raised_at.max(input.memory.lowered_at);
    let lowered = if cooling(input.now, changed, rule.cooldown) {
        from
    } else {
        rule.max_step.map_or(Capacity::ZERO, |share| from.minus(step(share, from)))
    };
    lowered.min(books.max)
}

/// A step is at least one unit, so that small fleets move at all.
fn step(share: Share, of: Capacity) -> Capacity {
    share.of(of).max(Capacity::ONE)
}

fn cooling(now: Time, since: Option<Time>, cooldown: Span) -> bool {
    since.is_some_and(|at| now.since(at) < cooldown)
}

/// The stated capacity for missing data, once all sources that are missing have been so for long enough.
fn fallback(input: &Input<'_>) -> Option<Capacity> {
    let rule = &input.fleet.demand.on_missing;
    let gone = |since| input.now.since(since) >= rule.hold;
    let waits = input.fleet.demand.sources.keys().any(|name| match input.demand.of(name) {
        None => true,
        Some(r) => match r.missing_since() {
            Some(since) => !gone(since),
            None => r.latest().is_none() && r.value().is_none(),
        },
    });
    if waits { None } else { rule.then }
}

/// What a lowering has to keep: the highest need remembered within the idle grace, or all while the need has not been
/// watched for so long.
fn needed_lately(input: &Input<'_>, kept: Capacity) -> Capacity {
    let grace = input.fleet.scale_down.idle_grace;
    let recent = |at: Time| input.now.since(at) < grace;
    if grace > Span::ZERO && input.memory.watched_since.is_none_or(recent) {
        return kept;
    }
    let peaks = input.memory.peaks.iter().filter(|(at, _)| recent(*at));
    peaks.map(|(_, need)| *need).max().unwrap_or_default().min(kept)
}
