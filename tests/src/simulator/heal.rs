//! The end of a run: nothing goes wrong any more, and everything must come to rest at the target.

use std::collections::BTreeSet;

use policies::control::{Key, OrphanAction, OrphanView, Record};
use policies::model::{Fleet, InstanceId, Lane};
use policies::plan::Kind;
use policies::units::{Capacity, Span};
use providers::sim::{Owner, SimCloud};

use super::Broken;
use super::oracle::Rule;
use super::schedules;
use super::world::World;

/// The longest healing: the longest closure is an hour, a full notice of the slowest cloud another, and a target that
/// goes down in steps takes its time.
const LONGEST: Span = Span::from_hours(4);

/// The run is at rest when nothing changed for so many looks in a row.
const LOOKS: u32 = 4;

/// Lets the run come to rest. Returns how long that took.
pub(super) fn heal(world: &mut World) -> Result<Span, Broken> {
    let start = world.now;
    world.heal()?;
    let mut calm = 0;
    let mut looked = world.now;
    loop {
        world.step()?;
        if world.now.since(looked) < world.story.tick {
            continue;
        }
        looked = world.now;
        match at_rest(world) {
            Ok(()) => calm += 1,
            Err(why) => {
                calm = 0;
                let waited = world.now.since(start);
                if waited > LONGEST {
                    return Err(Broken { rule: Rule::NotHealed, text: format!("after {waited}: {why}") });
                }
            }
        }
        if calm >= LOOKS {
            world.audit()?;
            world.spend_is_counted()?;
            return Ok(world.now.since(start));
        }
    }
}

/// Everything is as it should be, or what is not.
fn at_rest(world: &World) -> Result<(), String> {
    let Some(controller) = &world.controller else { return Err("no process runs".to_owned()) };
    let view = controller.view();
    if !view.not_ready.is_empty() {
        return Err(format!("not ready: {:?}", view.not_ready));
    }
    let ledger = controller.ledger();
    if let Some(token) = ledger.intents().keys().next() {
        return Err(format!("intent {token} is open"));
    }
    if let Some(machine) = ledger.machines().values().find(|m| m.leaving.is_some()) {
        return Err(format!("{} is leaving", machine.id));
    }
    let rule = world.story.orphans;
    let over = |o: &&OrphanView| rule.action == OrphanAction::End && view.at.since(o.orphan.since) >= rule.after;
    if let Some(left) = view.orphans.iter().find(over) {
        return Err(format!("{} is of no configured fleet, and its grace is over", left.orphan.id));
    }
    for fleet in &world.fleets {
        let seen = view.fleets.iter().find(|f| f.name == fleet.name).ok_or("a fleet is not shown")?;
        let (plan, report) = seen.decision.as_ref().ok_or("nothing was decided")?;
        if plan.kind != Kind::Rest || !plan.actions.is_empty() {
            return Err(format!("{}: the plan is to {}: {:?}", fleet.name, plan.kind.name(), plan.actions.first()));
        }
        target_met(world, fleet, plan.target)
            .map_err(|why| format!("{why}; {:?}, {:?}", report.sizing, report.waits))?;
    }
    records_match(world)
}

/// The target is what the demand says, and what lives meets it without a machine too many.
fn target_met(world: &World, fleet: &Fleet, target: Capacity) -> Result<(), String> {
    let name = &fleet.name;
    let (min, max) = schedules::bounds(&world.story.windows, fleet, world.clock(), (None, None));
    let bounded = Fleet { min, max, ..fleet.clone() };
    let wanted = world.story.curves.get(name).map(|c| c.wanted(world.now, &bounded)).unwrap_or_default();
    if target != wanted {
        return Err(format!("{name}: the target is {target}, the demand asks for {wanted}"));
    }
    let living = world.living(fleet);
    let capacity: Capacity = living.iter().map(|(_, units)| *units).sum();
    let largest = living.iter().map(|(_, units)| *units).max().unwrap_or_default();
    if capacity < target {
        return Err(format!("{name}: {capacity} lives, the target is {target}"));
    }
    if !largest.is_zero() && capacity >= target.plus(largest).plus(largest) {
        return Err(format!("{name}: {capacity} lives, far above the target of {target}"));
    }
    Ok(())
}

/// Every machine of a configured fleet is on durable record, and nothing else is.
fn records_match(world: &World) -> Result<(), String> {
    let on_record: BTreeSet<(Lane, InstanceId)> = world
        .journal
        .durable()
        .iter()
        .filter(|(_, record)| matches!(record, Record::Machine(m) if world.fleets.iter().any(|f| f.name == m.fleet)))
        .filter_map(|(key, _)| match key {
            Key::Machine(lane, id) => Some((lane.clone(), id.clone())),
            _ => None,
        })
        .collect();
    let living: BTreeSet<(Lane, InstanceId)> = world
        .clouds()
        .iter()
        .flat_map(SimCloud::machines)
        .filter(|m| m.is_alive() && m.owner == Owner::Us && world.fleets.iter().any(|f| f.name == m.fleet))
        .map(|m| (m.pool.lane().clone(), m.id.clone()))
        .collect();
    if let Some((_, id)) = living.difference(&on_record).next() {
        return Err(format!("{id} lives and is not on record"));
    }
    if let Some((_, id)) = on_record.difference(&living).next() {
        return Err(format!("{id} is on record and does not live"));
    }
    Ok(())
}
