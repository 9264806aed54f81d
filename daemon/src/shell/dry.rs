//! One look and one decision, without a deed: what `spotfleet plan` and `spotfleet prices` print.

use std::collections::BTreeMap;

use policies::control::{Call, CallId, Controller, Effect, Event, Reply};
use policies::failure::Failure;
use policies::model::{FleetName, Lane, Pool};
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

/// What could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unread {
    /// Lanes whose machines could not be listed.
    pub machines: BTreeMap<Lane, Failure>,
    /// Lanes without offers.
    pub offers: BTreeMap<Lane, Failure>,
    /// Pools without an offer in a lane that gave some.
    pub pools: BTreeMap<Pool, Failure>,
}

impl Unread {
    fn note(&mut self, call: &Call, reply: &Reply) {
        match (call, reply) {
            (Call::List { lane }, Reply::Listed(Err(failure))) => {
                self.machines.insert(lane.clone(), failure.clone());
            }
            (Call::Offers { lane, .. }, Reply::Offered(Err(failure))) => {
                self.offers.insert(lane.clone(), failure.clone());
            }
            (Call::Offers { .. }, Reply::Offered(Ok(offers))) => {
                self.pools.extend(offers.iter().filter_map(|offer| offer.as_ref().err().cloned()));
            }
            _ => {}
        }
    }
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
pub async fn first_decisions(controller: Controller, world: &World, clock: &Clock, what_if: &WhatIf) -> Vec<Decided> {
    first_look(controller, world, clock, what_if).await.0
}

/// The same, with what could not be read.
///
/// # Panics
/// When a call panicked.
pub async fn first_look(
    mut controller: Controller,
    world: &World,
    clock: &Clock,
    what_if: &WhatIf,
) -> (Vec<Decided>, Unread) {
    let mut unread = Unread::default();
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
            return (decided.into_values().collect(), unread);
        }
        let Some(Done { call, reply, .. }) = calls.next().await else {
            return (decided.into_values().collect(), unread);
        };
        let reply = match asked.remove(&call) {
            Some(asked) => {
                let reply = what_if.assume(&asked, reply, clock.now());
                unread.note(&asked, &reply);
                reply
            }
            None => reply,
        };
        event = Event::Reply { call, reply };
    }
}
