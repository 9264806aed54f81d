//! Rules of workers that say what they do: who is idle goes first, and only who has finished goes before its time.

use policies::control::ledger::{Leaving, Machine};
use policies::control::orders::{Refusal, Slot};
use policies::control::{Hook, Key, OrderId, Record, Word};
use policies::model::{FleetName, InstanceId, Lane};
use policies::plan::{Cause, Work};
use policies::units::{Span, Time};

use super::{Oracle, Rule, Scene, Verdict, broken, fleet, record_of, truth};

/// The clock may be set by less than this while the process runs: about the end of a word's time both may be right.
const MARGIN: Span = Span::from_secs(8);

/// What a worker said last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    work: Work,
    /// Until when it is believed, by the controller's clock.
    until: Time,
    /// It was said when the machine had been told to go.
    leaving: bool,
}

/// A decision told the machine to go that could have told another.
pub(super) fn told_as_surplus(machine: &Machine, old: Option<&Record>) -> bool {
    let before = matches!(old, Some(Record::Machine(old)) if old.leaving.is_some());
    machine.leaving.is_some_and(|l| l.why == Cause::Surplus && !l.ordered) && !before
}

impl Oracle {
    /// A worker's word is given to the controller.
    pub(in super::super) fn on_word(&mut self, scene: &Scene<'_>, id: OrderId, word: &Word) {
        let leaving = leaving_of(scene, &word.instance).is_some();
        let said = Said { work: word.work, until: scene.clock.plus(word.lasts), leaving };
        self.words.insert(word.instance.clone(), said);
        self.speakers.insert(id, word.instance.clone());
    }

    /// What was read of a fleet's workers is given to the controller, in place of what was read before. Of machines that
    /// are not on record then, nothing is kept.
    pub(in super::super) fn on_watched(
        &mut self,
        scene: &Scene<'_>,
        fleet: &FleetName,
        seen: &[(InstanceId, Work)],
        lasts: Span,
    ) {
        let until = scene.clock.plus(lasts);
        for record in scene.journal.latest().values() {
            let Record::Machine(machine) = record else { continue };
            if machine.fleet != *fleet {
                continue;
            }
            match seen.iter().find(|(id, _)| *id == machine.id) {
                Some((_, work)) => drop(self.watched.insert(machine.id.clone(), (*work, until))),
                None => drop(self.watched.remove(&machine.id)),
            }
        }
    }

    /// A worker is answered: truly, at this moment.
    pub(in super::super) fn on_heard(
        &mut self,
        scene: &Scene<'_>,
        id: OrderId,
        answer: &Result<Option<Leaving>, Refusal>,
    ) -> Verdict {
        let Some(machine) = self.speakers.remove(&id) else {
            return broken(Rule::BusyFirst, format!("word {} was not said, or answered before", id.0));
        };
        // What the same event decided, it may not know; what it was told, it must know.
        match answer {
            Ok(None) if self.words.get(&machine).is_some_and(|said| said.leaving) => {
                broken(Rule::BusyFirst, format!("{machine} is told that it stays, and it was told to go"))
            }
            Ok(Some(_)) if leaving_of(scene, &machine).is_none() => {
                broken(Rule::BusyFirst, format!("{machine} is told that it goes, and it stays"))
            }
            Ok(_) => Ok(()),
            Err(_) => {
                self.words.remove(&machine);
                Ok(())
            }
        }
    }

    /// A drain hook is called: of a machine that was told to go on durable record, once a start.
    pub(super) fn hook_called(&mut self, scene: &Scene<'_>, hook: &Hook) -> Verdict {
        let lane = hook.pool.lane();
        let record = record_of(scene.journal.durable(), lane, &hook.instance);
        let told = record
            .and_then(|m| m.leaving)
            .is_some_and(|l| (l.why, l.until, l.ordered) == (hook.why, hook.until, false));
        if !told || record.is_none_or(|m| (&m.pool, &m.fleet) != (&hook.pool, &hook.fleet)) {
            return broken(Rule::FalseHook, format!("{hook:?}, and on durable record is {record:?}"));
        }
        if !self.hooked.insert((lane.clone(), hook.instance.clone())) {
            return broken(Rule::FalseHook, format!("{} is hooked twice", hook.instance));
        }
        Ok(())
    }

    /// The hook says that the worker has finished.
    pub(super) fn finished(&mut self, id: &InstanceId) {
        self.words.insert(id.clone(), Said { work: Work::Idle, until: Time::from_millis(i64::MAX), leaving: true });
    }

    /// The worker said that it is idle after the machine was told to go.
    pub(super) fn has_finished(&self, id: &InstanceId) -> bool {
        self.words.get(id).is_some_and(|said| said.work == Work::Idle && said.leaving)
    }

    /// What the worker surely does, in the eyes of the controller.
    fn surely(&self, scene: &Scene<'_>, id: &InstanceId) -> Option<Work> {
        let said = self.words.get(id).filter(|said| scene.clock < said.until.plus(MARGIN));
        if let Some(said) = said.filter(|said| said.work != Work::Unknown) {
            return (scene.clock.plus(MARGIN) < said.until).then_some(said.work);
        }
        let (work, until) = self.watched.get(id)?;
        (scene.clock.plus(MARGIN) < *until).then_some(*work)
    }

    /// A machine that is busy was told to go as surplus: no idle one of its pool stays that could have gone. The journal
    /// holds the whole decision.
    pub(super) fn idle_first(&self, scene: &Scene<'_>, lane: &Lane, id: &InstanceId) -> Verdict {
        let latest = scene.journal.latest();
        let Some(goes) = record_of(latest, lane, id) else { return Ok(()) };
        if self.surely(scene, id) != Some(Work::Busy) || goes.ready.is_none() {
            return Ok(());
        }
        // One that the provider has taken meanwhile is not seen to run, and goes before one that does.
        if truth(scene, lane, id).is_none_or(|m| !m.is_alive()) {
            return Ok(());
        }
        let Some(wanted) = fleet(scene, &goes.fleet).filter(|f| f.pools.contains_key(&goes.pool)) else {
            return Ok(());
        };
        let young = wanted.scale_down.min_life.plus(MARGIN);
        let could_go = |record: &Record| {
            let Record::Machine(stays) = record else { return None };
            let alike = stays.pool == goes.pool && stays.fleet == goes.fleet && stays.units == goes.units;
            let free = stays.leaving.is_none() && scene.clock.since(stays.born) >= young;
            // What starts may replace one that still runs.
            let moves = stays.ready.is_none() && wanted.spot.moves.is_some();
            let slot = |slot: &Slot| matches!(slot, Slot::Protect(_, id) if *id == stays.id);
            let protected = latest.keys().any(|key| matches!(key, Key::Override(_, place) if slot(place)));
            let real = truth(scene, lane, &stays.id).filter(|m| m.is_alive() && m.noticed_at.is_none());
            let idle = self.surely(scene, &stays.id) == Some(Work::Idle);
            (alike && free && idle && !moves && !protected && real.is_some()).then(|| stays.id.clone())
        };
        if goes.pool.market() == policies::model::Market::Spot
            && let Some(stays) = latest.values().find_map(could_go)
        {
            return broken(Rule::BusyFirst, format!("{id} is busy and told to go, and {stays} of {} stays", goes.pool));
        }
        Ok(())
    }
}

fn leaving_of(scene: &Scene<'_>, id: &InstanceId) -> Option<Leaving> {
    let machines = scene.journal.latest().values();
    machines.filter_map(|r| if let Record::Machine(m) = r { Some(m) } else { None }).find(|m| m.id == *id)?.leaving
}
