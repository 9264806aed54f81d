//! Drain hooks: a machine's worker is told that the machine is to go.
//!
//! A hook is called once that a machine was told to go is durable, and while it has time left. It is called at least once:
//! a start that does not know what came of the call before it calls again. Within one start it is called once, whatever
//! comes of it: its failure changes nothing of the drain. When it says that the worker has finished, the machine is ended
//! like one whose worker says that it is idle.

use crate::failure::Failure;
use crate::model::{InstanceId, Lane, Phase};

use super::ledger::{Leaving, Machine};
use super::{Call, Controller, Hook};

impl Controller {
    /// Calls the hook of every machine that drains and was not told by this start.
    pub(super) fn call_hooks(&mut self) {
        let with_hook = |m: &&Machine| self.fleets.get(&m.fleet).is_some_and(|f| f.fleet.scale_down.drain_hook);
        let hook = |m: &Machine, leaving: Leaving| Hook {
            fleet: m.fleet.clone(),
            instance: m.id.clone(),
            pool: m.pool.clone(),
            why: leaving.why,
            until: leaving.until,
        };
        let draining = self.ledger.machines().values().filter(|m| m.leaving.is_some_and(|l| !l.ordered));
        let new = draining.filter(|m| !self.hooked.contains(&(m.pool.lane().clone(), m.id.clone())));
        let hooks: Vec<Hook> = new.filter(with_hook).filter_map(|m| Some(hook(m, m.leaving?))).collect();
        for hook in hooks.into_iter().filter(|hook| self.hook_is_due(hook)).collect::<Vec<_>>() {
            self.hooked.insert(key(&hook));
            self.call_when_durable(Call::Hook(hook));
        }
    }

    /// The machine drains and is there, as far as is known: it has time left, and the provider has not taken it.
    pub(super) fn hook_is_due(&self, hook: &Hook) -> bool {
        let key = key(hook);
        let drains = self.ledger.machines().get(&key).and_then(|m| m.leaving).is_some_and(|l| !l.ordered);
        let notice = self.notices.get(&(key.0.provider.clone(), key.1.clone()));
        let seen = self.lanes.get(&key.0).and_then(|eye| eye.seen.get(&key.1)).map(|i| i.phase);
        let taken = notice.is_some_and(|at| *at <= self.now) || matches!(seen, Some(Phase::Ending | Phase::Gone));
        drains && !taken && self.now < hook.until
    }

    pub(super) fn on_hooked(&mut self, hook: &Hook, result: Result<bool, Failure>) {
        let key = key(hook);
        let Some(machine) = self.ledger.machines().get(&key).cloned() else { return };
        let of = format!("the drain hook of {} in {}", machine.id, machine.pool);
        let (what, said) = match &result {
            Ok(true) => ("hooked", "it has finished".to_owned()),
            Ok(false) => ("hooked", "it was told".to_owned()),
            Err(failure) => ("hook-failed", failure.to_string()),
        };
        self.ledger.note(self.now, Some(&machine.fleet), what, format!("{of}: {said}"));
        if result == Ok(true) {
            self.has_finished(key, hook.until);
            self.decide_now(&machine.fleet);
        }
    }
}

fn key(hook: &Hook) -> (Lane, InstanceId) {
    (hook.pool.lane().clone(), hook.instance.clone())
}

#[cfg(test)]
mod tests;
