//! Rules of machines of fleets that are not configured: ended by the operator's rule only, and not before their grace.

use policies::control::{Key, OrphanAction, Record};
use policies::model::{Instance, InstanceId, Lane};

use super::{Oracle, Rule, Scene, Verdict, broken, fleet};

impl Oracle {
    /// The controller is told what a lane holds: from now on it may know of these.
    pub(super) fn strays_listed(&mut self, scene: &Scene<'_>, lane: &Lane, listed: &[Instance]) {
        for instance in listed.iter().filter(|i| fleet(scene, &i.fleet).is_none()) {
            let key = (lane.clone(), instance.id.clone());
            self.strays.entry(key).or_insert((scene.clock, scene.at));
        }
    }

    /// The configuration may have changed: whose fleet is back is none any more.
    pub(in super::super) fn strays_return(&mut self, scene: &Scene<'_>) {
        let gone = |(lane, id): &(Lane, InstanceId)| {
            super::truth(scene, lane, id).is_none_or(|m| fleet(scene, &m.fleet).is_some())
        };
        let returned = self.strays.extract_if(.., |key, _| gone(key));
        self.returned.extend(returned);
    }

    /// The process starts: what it had not put on record before it crashed is not known to it.
    pub(super) fn strays_stay(&mut self, scene: &Scene<'_>) {
        let records = scene.journal.latest();
        for ((lane, id), since) in core::mem::take(&mut self.returned) {
            if records.contains_key(&Key::Orphan(lane.clone(), id.clone())) {
                self.strays.insert((lane, id), since);
            }
        }
    }

    /// The end of a machine was put on record because its fleet is not configured.
    pub(super) fn orphan_ended(&self, scene: &Scene<'_>, key: &(Lane, InstanceId)) -> Verdict {
        let (lane, id) = key;
        let what = format!("{id} in {lane} is ended as an orphan");
        if scene.orphans.action != OrphanAction::End {
            return broken(Rule::OrphanEnded, format!("{what}, and the operator wants it reported"));
        }
        let Some(real) = super::truth(scene, lane, id).filter(|m| m.is_alive()) else { return Ok(()) };
        if fleet(scene, &real.fleet).is_some() {
            return broken(Rule::OrphanEnded, format!("{what}, and its fleet {} is configured", real.fleet));
        }
        let Some((clock, truly)) = self.strays.get(key) else {
            return broken(Rule::OrphanEnded, format!("{what}, and was not listed as one"));
        };
        // A clock that is set makes the time longer or shorter. It was long enough if it was by either.
        let passed = scene.clock.since(*clock).max(scene.at.since(*truly));
        if passed < scene.orphans.after {
            return broken(Rule::OrphanEnded, format!("{what} after {passed}, the grace is {}", scene.orphans.after));
        }
        if in_doubt(scene) {
            return broken(Rule::OrphanEnded, format!("{what}, and the store was lost and not everything is seen yet"));
        }
        Ok(())
    }
}

/// The store was lost, and some lane of some fleet has not been listed whole since.
fn in_doubt(scene: &Scene<'_>) -> bool {
    let records = scene.journal.latest();
    let lost = matches!(records.get(&Key::Boot), Some(Record::Boot(boot)) if boot.unproven);
    lost && scene.fleets.iter().any(|f| {
        let unproven = |lane: &Lane| !records.contains_key(&Key::Proven(f.name.clone(), lane.clone()));
        f.pools.keys().any(|pool| unproven(pool.lane()))
    })
}
