//! Rules of the operator's orders: obeyed while they stand, and answered when they are durable.

use std::collections::BTreeMap;

use policies::control::ledger::Leaving;
use policies::control::orders::{Override, Refusal, Setting, Slot, What};
use policies::control::{Key, OrderId, Record};
use policies::model::{Fleet, FleetName};
use policies::plan::Cause;
use policies::units::{Capacity, Span, Time};

use super::super::schedules;
use super::{Oracle, Rule, Scene, Verdict, broken, truth};

/// The clock may be set by less than this while the process runs: about the end of an order both may be right.
const MARGIN: Span = Span::from_secs(8);

/// The orders that stand while a batch is given out.
pub(super) struct Standing<'a> {
    pub(super) scene: &'a Scene<'a>,
    /// What earlier entries of the batch changed.
    pub(super) changed: &'a BTreeMap<Key, Option<&'a Record>>,
}

impl<'a> Standing<'a> {
    /// Those on record, durable or not.
    pub(super) fn now(scene: &'a Scene<'a>, nothing: &'a BTreeMap<Key, Option<&'a Record>>) -> Self {
        Self { scene, changed: nothing }
    }

    /// Every record, durable or not.
    pub(super) fn records(&self) -> impl Iterator<Item = &'a Record> + '_ {
        let kept = self.scene.journal.latest().iter().filter(|(key, _)| !self.changed.contains_key(*key));
        kept.map(|(_, record)| record).chain(self.changed.values().filter_map(|record| *record))
    }

    fn at(&self, fleet: &FleetName, slot: Slot) -> Option<&Override> {
        let key = Key::Override(fleet.clone(), slot);
        let record = self.changed.get(&key).copied().unwrap_or_else(|| self.scene.journal.latest().get(&key));
        match record {
            Some(Record::Override(order)) => Some(order),
            _ => None,
        }
    }

    /// It stands, whatever the clock was set by.
    fn surely(&self, fleet: &FleetName, slot: Slot) -> bool {
        self.at(fleet, slot).is_some_and(|o| o.stands(self.scene.clock.plus(MARGIN)))
    }

    /// The bounds in force; where the clock was set about the end of an order, the wider.
    pub(super) fn limits(&self, fleet: &Fleet) -> Limits {
        let limit = |slot, clock: Time| {
            let order = self.at(&fleet.name, slot).filter(|o| o.stands(clock))?;
            match order.setting {
                Setting::Min(to) | Setting::Max(to) => Some(to),
                Setting::Pause | Setting::Protect(..) => None,
            }
        };
        let clock = self.scene.clock;
        let clocks = [clock.minus(MARGIN), clock, clock.plus(MARGIN)];
        let bounds = clocks.map(|clock| {
            let ordered = (limit(Slot::Min, clock), limit(Slot::Max, clock));
            schedules::bounds(self.scene.windows, fleet, clock, ordered)
        });
        Limits {
            min: bounds.iter().map(|(min, _)| *min).min().unwrap_or(fleet.min),
            floor: bounds.iter().map(|(min, _)| *min).max().unwrap_or(fleet.min),
            max: bounds.iter().map(|(_, max)| *max).max().unwrap_or(fleet.max),
        }
    }

    /// A new promise or a new leaving is not against an order.
    pub(super) fn obeyed(&self, new: Option<&Record>, old: Option<&Record>) -> Verdict {
        match (new, old) {
            (Some(Record::Intent(intent)), None) if self.surely(&intent.fleet, Slot::Pause) => {
                broken(Rule::AgainstOrders, format!("{} is promised, and {} is paused", intent.token, intent.fleet))
            }
            (Some(Record::Machine(machine)), old) => {
                let Some(leaving) = machine.leaving else { return Ok(()) };
                let real = truth(self.scene, machine.pool.lane(), &machine.id);
                if !real.is_some_and(providers::sim::SimMachine::is_alive) {
                    return Ok(()); // Somebody else ended it.
                }
                let before = match old {
                    Some(Record::Machine(old)) => old.leaving,
                    _ => None,
                };
                let what = format!("{} is told to go: {}", machine.id, leaving.why.name());
                if by_decision(leaving, before) && self.surely(&machine.fleet, Slot::Pause) {
                    return broken(Rule::AgainstOrders, format!("{what}, and {} is paused", machine.fleet));
                }
                let slot = Slot::Protect(machine.pool.lane().clone(), machine.id.clone());
                if before.is_none() && leaving.why != Cause::Interruption && self.surely(&machine.fleet, slot) {
                    return broken(Rule::AgainstOrders, format!("{what}, and it is protected"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The fleet's decision told the machine to go, or ended it. That somebody else ends it, or the operator drains it, is
/// none.
fn by_decision(leaving: Leaving, before: Option<Leaving>) -> bool {
    match before {
        None => !leaving.ordered && leaving.why != Cause::Ordered,
        Some(before) => leaving.ordered && !before.ordered && leaving.why != Cause::Interruption,
    }
}

/// The bounds of a fleet's target.
pub(super) struct Limits {
    /// It is never below this.
    pub(super) min: Capacity,
    /// It is lifted to this at once.
    pub(super) floor: Capacity,
    /// It is never above this.
    pub(super) max: Capacity,
}

impl Oracle {
    /// The controller is given an order. The batch that comes next is about it.
    pub(in super::super) fn on_order(&mut self, id: OrderId, what: &What) {
        self.orders.insert(id, None);
        if let What::Drain(machine) = what {
            self.drain_orders.insert(machine.clone());
        }
    }

    /// The operator is told what became of an order; batches up to `synced` are durable.
    pub(in super::super) fn on_answer(
        &mut self,
        synced: u64,
        id: OrderId,
        answer: &Result<String, Refusal>,
    ) -> Verdict {
        match (self.orders.remove(&id), answer) {
            (None, _) => broken(Rule::AnsweredEarly, format!("order {} was not given, or answered before", id.0)),
            (Some(None), Ok(text)) => broken(Rule::AnsweredEarly, format!("order {} changed nothing: {text}", id.0)),
            (Some(Some(seq)), Ok(text)) if seq > synced => {
                broken(Rule::AnsweredEarly, format!("order {}: batch {seq} is not durable: {text}", id.0))
            }
            _ => Ok(()),
        }
    }
}
