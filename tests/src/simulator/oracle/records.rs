//! Rules of machine records: they say what is, and they outlast the machine.

use policies::control::Record;
use policies::control::ledger::{Leaving, Machine};
use policies::model::{InstanceId, Lane, Market};
use policies::plan::Cause;
use policies::units::Span;
use providers::sim::Owner;

use super::{Drain, Oracle, Outcome, Rule, Scene, Verdict, broken, fleet, record_of, truth, units};

impl Oracle {
    /// A machine was put on record, or its record changed.
    pub(super) fn recorded(&mut self, scene: &Scene<'_>, machine: &Machine, old: Option<&Record>) -> Verdict {
        let lane = machine.pool.lane();
        let old = match old {
            Some(Record::Machine(old)) => Some(old),
            _ => None,
        };
        if let Some(real) = truth(scene, lane, &machine.id) {
            let what = format!("{} in {}", machine.id, machine.pool);
            if real.owner != Owner::Us {
                return broken(Rule::FalseRecord, format!("{what} is not ours"));
            }
            let promised = machine.token.as_ref().is_some_and(|t| self.tokens.contains_key(t));
            let ended = machine.leaving.is_some_and(|l| l.why == Cause::Orphaned && l.ordered);
            if !promised && !ended && fleet(scene, &real.fleet).is_none() && old.is_none() {
                return broken(Rule::FalseRecord, format!("{what} is of a fleet that is not configured"));
            }
            if (&real.pool, &real.fleet) != (&machine.pool, &machine.fleet) || real.token != machine.token {
                return broken(Rule::FalseRecord, format!("{what}: {machine:?} is {real:?}"));
            }
        }
        if let Some(fleet) = fleet(scene, &machine.fleet) {
            let size = units(scene, fleet, &machine.pool);
            // The size of an adopted machine is not known before its pool is offered.
            if machine.units != size && !(machine.adopted && machine.units.is_zero()) {
                return broken(Rule::FalseRecord, format!("{}: {} and not {size}", machine.id, machine.units));
            }
        }
        if old.is_none() && !machine.adopted {
            self.launch_counted(scene, machine)?;
        }
        if old.is_some_and(|o| o.ready.is_none()) && machine.ready.is_some() {
            self.came_to(scene, machine, true);
        }
        let told = machine.leaving.is_some_and(|l| l.why == Cause::NeverReady);
        if told && old.is_some_and(|o| o.leaving.is_none()) {
            self.came_to(scene, machine, false);
        }
        self.leaving_recorded(scene, machine, old)
    }

    /// A machine that we launched came on record: not too many did within an hour. They are counted by steps of five
    /// minutes, so that less than the whole hour is sure.
    fn launch_counted(&mut self, scene: &Scene<'_>, machine: &Machine) -> Verdict {
        const SURELY: Span = Span::from_mins(54);
        let name = &machine.fleet;
        let key = (name.clone(), machine.pool.lane().clone(), machine.id.clone());
        self.launches.entry(key).or_insert(scene.clock);
        let Some(fleet) = fleet(scene, name) else { return Ok(()) };
        let lately = self.launches.iter().filter(|((f, ..), at)| f == name && scene.clock.since(**at) < SURELY).count();
        let limit = fleet.scale_up.max_launches_per_hour;
        if u32::try_from(lately).unwrap_or(u32::MAX) > limit {
            return broken(
                Rule::OverLaunches,
                format!("{name}: {lately} launches within {SURELY}, the limit is {limit}"),
            );
        }
        Ok(())
    }

    fn came_to(&mut self, scene: &Scene<'_>, machine: &Machine, ran: bool) {
        self.outcomes.push(Outcome { seq: self.seq, fleet: machine.fleet.clone(), at: scene.clock, ran });
    }

    /// Nothing is promised while too many launches never ran. They are counted by steps of five minutes: what is younger
    /// than 54 minutes surely counts, what is older than 65 surely does not.
    pub(super) fn not_halted(&self, scene: &Scene<'_>, fleet: &policies::model::Fleet) -> Verdict {
        let Some(most) = fleet.scale_up.halt_above else { return Ok(()) };
        let count = |ran: bool, within: Span| {
            let these = self.outcomes.iter().filter(|o| o.fleet == fleet.name && o.ran == ran);
            let these = these.filter(|o| scene.clock.since(o.at) < within);
            u64::try_from(these.count()).unwrap_or(u64::MAX)
        };
        let (failed, ran) = (count(false, Span::from_mins(54)), count(true, Span::from_mins(65)));
        if failed >= 3 && failed * 10_000 > (failed + ran) * u64::from(most.basis_points()) {
            return broken(Rule::LaunchedHalted, format!("{}: {failed} launches never ran, {ran} did", fleet.name));
        }
        Ok(())
    }

    /// A machine was told to go: for a true cause, once, and not to be called back.
    fn leaving_recorded(&mut self, scene: &Scene<'_>, machine: &Machine, old: Option<&Machine>) -> Verdict {
        let key = (machine.pool.lane().clone(), machine.id.clone());
        let Some(leaving) = machine.leaving else {
            if old.is_some_and(|o| o.leaving.is_some()) {
                return broken(Rule::NoCause, format!("{} was told to go and is called back", machine.id));
            }
            return Ok(());
        };
        let real = truth(scene, &key.0, &machine.id);
        let lives = real.is_some_and(providers::sim::SimMachine::is_alive);
        if old.and_then(|o| o.leaving).is_some_and(|l| l.ordered) && !leaving.ordered {
            return broken(Rule::NoCause, format!("the end of {} was ordered and is taken back", machine.id));
        }
        if !lives {
            return Ok(());
        }
        if leaving.why == Cause::Orphaned && old.and_then(|o| o.leaving).is_none_or(|l| l.why != Cause::Orphaned) {
            self.orphan_ended(scene, &key)?;
        }
        if leaving.ordered && !old.and_then(|o| o.leaving).is_some_and(|l| l.ordered) {
            self.ordered(scene, &key, leaving.why)?;
        }
        if self.drains.contains_key(&key) {
            return Ok(());
        }
        let wanted = fleet(scene, &machine.fleet);
        let true_cause = match leaving.why {
            Cause::Interruption => real.is_some_and(|m| m.noticed_at.is_some()),
            Cause::PoolRemoved => wanted.is_none_or(|f| !f.pools.contains_key(&machine.pool)),
            Cause::BridgeOver => {
                machine.pool.market() == Market::OnDemand
                    && wanted.is_none_or(|f| old_enough(scene, machine, leaving, f.scale_down.min_life))
            }
            Cause::Budget => {
                machine.pool.market() == Market::Spot && wanted.is_some_and(|f| Self::may_shed(scene, f, leaving.why))
            }
            Cause::Surplus => wanted.is_none_or(|f| old_enough(scene, machine, leaving, f.scale_down.min_life)),
            // It may run by now, unseen; that it did long ago is seen.
            Cause::NeverReady => {
                let within = wanted.and_then(|f| f.scale_up.ready_within);
                within.is_some_and(|within| old_enough(scene, machine, leaving, within)) && machine.ready.is_none()
            }
            Cause::Ordered => self.drain_orders.contains(&machine.id),
            // Judged above.
            Cause::Orphaned => leaving.ordered,
            Cause::Drained => false,
        };
        if !true_cause {
            return broken(Rule::NoCause, format!("{} is told to go: {}", machine.id, leaving.why.name()));
        }
        if leaving.why != Cause::Ordered && !self.sees(scene, &key.0) {
            return broken(Rule::EndedUnseen, format!("{} is told to go in {}, not seen", machine.id, key.0));
        }
        let needs = wanted.map_or(Span::ZERO, |f| f.scale_down.drain_timeout);
        // What is taken before that is told to go until then, by the clock of that moment.
        let taken = real.and_then(|m| m.taken_at).filter(|_| leaving.why == Cause::Interruption);
        let needs = taken.map_or(needs, |at| needs.min(at.since(scene.clock)));
        self.drains.insert(key, Drain { since: scene.clock, since_truly: scene.at, needs, over: leaving.ordered });
        Ok(())
    }

    /// The end of a living machine was ordered: its time to drain is over, or the provider takes it.
    fn ordered(&mut self, scene: &Scene<'_>, key: &(Lane, InstanceId), why: Cause) -> Verdict {
        let (lane, id) = key;
        let taken = truth(scene, lane, id).and_then(|m| m.taken_at).is_some_and(|at| scene.clock >= at);
        let finished = self.has_finished(id);
        let drain = self.drains.get_mut(key);
        // A clock that is set makes the time longer or shorter. It was long enough if it was by either.
        let long = |d: &&mut Drain| scene.clock.since(d.since).max(scene.at.since(d.since_truly));
        let drained = drain.as_ref().map_or(Span::ZERO, long);
        let enough = drain.as_ref().is_some_and(|d| drained >= d.needs);
        // The operator's order is carried out at once where no fleet says how long to drain.
        let orderly = matches!(why, Cause::Ordered | Cause::Orphaned)
            && record_of(scene.journal.latest(), lane, id).is_none_or(|m| fleet(scene, &m.fleet).is_none());
        if !enough && !taken && !orderly && !finished {
            return broken(Rule::Undrained, format!("{id} in {lane} is to end after {drained}: {}", why.name()));
        }
        if let Some(drain) = drain {
            drain.over = true;
        }
        Ok(())
    }

    /// The record of a machine was removed.
    pub(super) fn forgotten(&mut self, scene: &Scene<'_>, lane: &Lane, id: &InstanceId) -> Verdict {
        self.drains.remove(&(lane.clone(), id.clone()));
        self.words.remove(id);
        self.watched.remove(id);
        if truth(scene, lane, id).is_some_and(providers::sim::SimMachine::is_alive) {
            return broken(Rule::Unrecorded, format!("{id} in {lane} is forgotten and lives"));
        }
        Ok(())
    }
}

/// The machine is so old by the clock of the control host when it is told to go, or truly: that clock is set now and then.
fn old_enough(scene: &Scene<'_>, machine: &Machine, leaving: Leaving, age: Span) -> bool {
    let truly = truth(scene, machine.pool.lane(), &machine.id).map_or(Span::ZERO, |m| scene.at.since(m.born));
    leaving.since.since(machine.born).max(truly) >= age
}
