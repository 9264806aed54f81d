//! Rules of ending machines: ours, on record, drained, and with open eyes.

use policies::model::{InstanceId, Lane};
use providers::sim::Owner;

use super::{Oracle, Rule, Scene, Verdict, broken, record_of, truth};

impl Oracle {
    /// A call to end a machine leaves.
    pub(super) fn end_called(&self, scene: &Scene<'_>, lane: &Lane, id: &InstanceId) -> Verdict {
        let real = truth(scene, lane, id);
        let Some(record) = record_of(scene.journal.durable(), lane, id) else {
            return broken(Rule::Foreign, format!("{id} in {lane} is ended and not on durable record"));
        };
        if real.is_some_and(|m| m.owner != Owner::Us || m.fleet != record.fleet) {
            return broken(Rule::Foreign, format!("{id} in {lane} is ended and not ours"));
        }
        let Some(leaving) = record.leaving.filter(|l| l.ordered) else {
            return broken(Rule::EndBeforeRecord, format!("{id} in {lane} is ended and not ordered on durable record"));
        };
        if !self.sees(scene, lane) {
            return broken(Rule::EndedUnseen, format!("{id} is ended in {lane}, not seen"));
        }
        let drained = self.drains.get(&(lane.clone(), id.clone())).is_some_and(|d| d.over);
        if real.is_some_and(providers::sim::SimMachine::is_alive) && !drained {
            return broken(Rule::Undrained, format!("{id} in {lane} is ended: {}", leaving.why.name()));
        }
        Ok(())
    }
}
