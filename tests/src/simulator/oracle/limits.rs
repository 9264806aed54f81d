//! Rules of quantity: the maximum, and the pace of the target.
//!
//! The maximum holds across a loss of the store: machines of before count, and so do launches that are still on their
//! way.

use std::collections::BTreeMap;

use policies::control::Record;
use policies::control::ledger::Machine;
use policies::model::{Fleet, FleetName};
use policies::plan::Memory;
use policies::units::{Capacity, Share};
use providers::sim::SimMachine;

use super::orders::{Limits, Standing};
use super::{Oracle, Raise, Rule, Scene, Verdict, broken, fleet, living, record_of, units};

impl Oracle {
    /// What lives and was launched for a fleet, but for what the provider takes and what was ordered to end, as far as
    /// the controller can know it: the size of an adopted machine is not known before its pool is offered.
    fn occupied(&self, scene: &Scene<'_>, fleet: &Fleet) -> Capacity {
        let latest = scene.journal.latest();
        let unknown = |record: &Machine| record.adopted && record.units.is_zero();
        self.living_but(scene, fleet, |m| record_of(latest, m.pool.lane(), &m.id).is_some_and(unknown))
    }

    /// The same with what is of unknown size.
    fn held(&self, scene: &Scene<'_>, fleet: &Fleet) -> Capacity {
        self.living_but(scene, fleet, |_| false)
    }

    fn living_but(&self, scene: &Scene<'_>, fleet: &Fleet, left_out: impl Fn(&SimMachine) -> bool) -> Capacity {
        let latest = scene.journal.latest();
        living(scene)
            .filter(|m| m.fleet == fleet.name && m.noticed_at.is_none() && self.launched_by_us(m).is_some())
            .filter(|m| {
                let record = record_of(latest, m.pool.lane(), &m.id);
                !record.is_some_and(|record| record.leaving.is_some_and(|l| l.ordered)) && !left_out(m)
            })
            .map(|m| units(scene, fleet, &m.pool))
            .sum()
    }

    /// What open intents may still bring, also those that were lost with the store.
    fn outstanding(&self, scene: &Scene<'_>, name: &FleetName) -> Capacity {
        let open = scene.journal.latest().values().filter_map(|r| match r {
            Record::Intent(i) => Some(i),
            _ => None,
        });
        let lost = self.lost_intents.iter().filter(|i| scene.clouds.iter().any(|c| c.may_still_make(&i.token)));
        open.chain(lost)
            .filter(|i| i.fleet == *name && scene.clouds.iter().all(|c| c.made(&i.token) == 0))
            .map(|i| i.units.times(u64::from(i.count)))
            .sum()
    }

    /// New promises of a fleet fit under its maximum, with all that lives and was promised.
    pub(super) fn promise_fits(&self, scene: &Scene<'_>, name: &FleetName) -> Verdict {
        let Some(fleet) = fleet(scene, name) else { return Ok(()) };
        let (occupied, outstanding) = (self.occupied(scene, fleet), self.outstanding(scene, name));
        let max = Standing::now(scene, &BTreeMap::new()).limits(fleet).max;
        if occupied.plus(outstanding) > max {
            let text = format!("{name}: {occupied} live and {outstanding} is promised, the maximum is {max}");
            return broken(Rule::OverMax, text);
        }
        Ok(())
    }

    /// What lives fits under the maximum, or under what was allowed before it was lowered.
    pub(super) fn machines_fit(&mut self, scene: &Scene<'_>) -> Verdict {
        for fleet in scene.fleets {
            let max = Standing::now(scene, &BTreeMap::new()).limits(fleet).max;
            let occupied = self.occupied(scene, fleet);
            let allowed = self.allowance.get(&fleet.name).copied().unwrap_or(max).max(max);
            if occupied > allowed {
                let text = format!("{}: {occupied} live, {allowed} is allowed", fleet.name);
                return broken(Rule::OverMax, text);
            }
            let held = self.held(scene, fleet);
            let allowed = allowed.min(held.plus(self.outstanding(scene, &fleet.name))).max(max);
            self.allowance.insert(fleet.name.clone(), allowed);
        }
        Ok(())
    }

    /// What lives and is promised when the file changes stays allowed.
    pub(super) fn renew_allowances(&mut self, scene: &Scene<'_>) {
        for fleet in scene.fleets {
            let max = Standing::now(scene, &BTreeMap::new()).limits(fleet).max;
            let held = self.held(scene, fleet).plus(self.outstanding(scene, &fleet.name));
            let before = self.allowance.get(&fleet.name).copied().unwrap_or_default();
            self.allowance.insert(fleet.name.clone(), max.max(held.min(before.max(held))));
        }
    }

    /// What lives and is promised when a schedule lowers the maximum stays allowed.
    pub(super) fn schedules_pass(&mut self, scene: &Scene<'_>) {
        let nothing = BTreeMap::new();
        let mut lowered = false;
        for fleet in scene.fleets.iter().filter(|f| scene.windows.contains_key(&f.name)) {
            let max = Standing::now(scene, &nothing).limits(fleet).max;
            let before = self.maximum.insert(fleet.name.clone(), max);
            lowered |= before.is_some_and(|before| max < before);
        }
        if lowered {
            self.renew_allowances(scene);
        }
    }

    /// A fleet's memory was put on record: its target moves within bounds and at its pace.
    pub(super) fn remembered(
        &mut self,
        orders: &Standing<'_>,
        seq: u64,
        name: &FleetName,
        memory: &Memory,
        old: Option<&Record>,
    ) -> Verdict {
        let scene = orders.scene;
        let before = match old {
            Some(Record::Memory(_, before)) => before.target,
            _ => None,
        };
        let (Some(to), Some(fleet)) = (memory.target, fleet(scene, name)) else { return Ok(()) };
        if before == Some(to) {
            return Ok(());
        }
        let Limits { min, floor, max } = orders.limits(fleet);
        if to < min || to > max {
            return broken(Rule::TooFast, format!("{name}: target {to} is outside {min}..{max}"));
        }
        let Some(from) = before else { return Ok(()) };
        // What lies below the minimum is lifted to it at once.
        if to > from && to > floor {
            let cooldown = fleet.scale_up.cooldown;
            let last = self.raises.iter().rev().find(|raise| raise.fleet == *name);
            // A clock that is set makes the time longer or shorter. It was long enough if it was by either.
            let ago = last.map(|last| scene.clock.since(last.at).max(scene.at.since(last.at_truly)));
            if let Some(ago) = ago.filter(|ago| *ago < cooldown) {
                let text = format!("{name}: target {from} to {to} only {ago} after the last raise, not {cooldown}");
                return broken(Rule::TooFast, text);
            }
            let step = |share: Share| from.plus(share.of(from).max(Capacity::ONE)).max(floor);
            if fleet.scale_up.max_step.is_some_and(|share| to > step(share)) {
                return broken(Rule::TooFast, format!("{name}: target {from} to {to} in one step"));
            }
        }
        if to > from {
            let (at, at_truly) = (scene.clock, scene.at);
            self.raises.push(Raise { seq, fleet: name.clone(), at, at_truly });
        }
        Ok(())
    }
}
