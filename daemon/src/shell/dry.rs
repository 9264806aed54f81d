//! One look and one decision, without a deed: what `spotfleet plan` prints.

use std::collections::BTreeMap;

use policies::control::{Call, CallId, Controller, Effect, Event};
use policies::model::FleetName;
use policies::plan::Observation;
use policies::{Plan, Report};

use super::calls::{Calls, Done};
use super::world::World;
use crate::clock::Clock;

mod what_if;

pub use what_if::{Lost, WhatIf};

/// A decision, and what it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// What is to be done.
    pub plan: Plan,
    /// Why.
    pub report: Report,
    /// What was seen.
    pub observation: Observation,
}

/// Looks at every lane and queue once and gives the first decision for each fleet, with what is assumed in place of what
/// is seen.
///
/// It is the controller of the daemon that looks and decides. Nothing is stored, so nothing ever becomes durable, and
/// so the controller gives out no launch: promise before deed. Should it order an end that is on record already, that
/// call is left out here.
///
/// # Panics
/// When a call panicked.
pub async fn first_decisions(
    mut controller: Controller,
    world: &World,
    clock: &Clock,
    what_if: &WhatIf,
) -> Vec<Decided> {
    let mut calls = Calls::default();
    let mut asked = BTreeMap::<CallId, Call>::new();
    let mut decided = BTreeMap::<FleetName, Decided>::new();
    controller.observe();
    let mut event = Event::Tick;
    loop {
        let now = clock.now();
        for effect in controller.handle(now, event) {
            if let Effect::Call { id, call: call @ (Call::List { .. } | Call::Offers { .. } | Call::Demand { .. }) } =
                effect
            {
                asked.insert(id, call.clone());
                calls.start(id, call, world, now);
            }
        }
        for fleet in controller.view().fleets {
            if let (Some((plan, report)), Some(observation)) = (fleet.decision, controller.observed(&fleet.name)) {
                let first = || Decided { plan, report, observation: observation.clone() };
                decided.entry(fleet.name).or_insert_with(first);
            }
        }
        // All that was asked for has been answered, by the guard's deadline at the latest.
        if controller.view().fleets.iter().all(|f| decided.contains_key(&f.name)) || calls.looks() == 0 {
            return decided.into_values().collect();
        }
        let Some(Done { call, reply, .. }) = calls.next().await else { return decided.into_values().collect() };
        let reply = match asked.remove(&call) {
            Some(asked) => what_if.assume(&asked, reply, clock.now()),
            None => reply,
        };
        event = Event::Reply { call, reply };
    }
}
