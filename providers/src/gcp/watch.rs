//! Notices: machines that are seen to stop, and the system event that says why.
//!
//! From outside a preemption shows as a machine that is `STOPPING` or `TERMINATED`, or that is not there any more. The
//! event `compute.instances.preempted` of its zone tells it from an end by hand. Events have been seen to be missing or
//! late, so a machine that went is looked up a few times and then left to the listing, which shows that it is gone.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use policies::failure::Failure;
use policies::model::{InstanceId, Notice, NoticeKind};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::translate::{Machine, region_of};
use super::wire::{Compute, Preemption};
use super::{GcpSettings, LIST, failure};
use crate::clock::now;

/// How often the event of a machine that went is looked for.
const LOOKS: u32 = 4;

/// What was seen at the last look.
#[derive(Debug, Default)]
pub(super) struct Watch {
    not_before: Option<Instant>,
    /// Spot machines that ran, by id, with zone and number.
    running: BTreeMap<InstanceId, (String, u64)>,
    /// Machines that went, with the looks that are left to find out why.
    went: BTreeMap<InstanceId, (String, u64, u32)>,
}

impl Watch {
    /// Waits until it is time, and looks once.
    pub(super) async fn next(&mut self, compute: &Compute, settings: &GcpSettings) -> Result<Vec<Notice>, Failure> {
        if let Some(at) = self.not_before {
            sleep_until(at).await;
        }
        let listing = compute.machines(&settings.owner).await;
        self.not_before = Some(Instant::now() + Duration::from_millis(settings.watch_every.as_millis()));
        let listing = listing.map_err(|trouble| failure::of_look(LIST, &trouble))?;
        let used = |machine: &&Machine| settings.regions.iter().any(|r| r.as_str() == region_of(&machine.zone));
        // Where the listing has a gap, nothing is known to have gone.
        let machines: Vec<&Machine> = listing.machines.iter().filter(used).collect();
        self.see(&machines, listing.missing.is_empty());
        let zones: BTreeSet<String> = self.went.values().map(|(zone, ..)| zone.clone()).collect();
        let mut events = BTreeMap::new();
        for zone in zones {
            match compute.preemptions(&zone).await {
                Ok(found) => {
                    events.insert(zone, found);
                }
                Err(trouble) => {
                    let failure = failure::of_look("zoneOperations.list", &trouble);
                    debug!(%failure, %zone, "why machines went is asked again with the next look");
                }
            }
        }
        Ok(self.explain(&events))
    }

    /// Takes in a listing.
    fn see(&mut self, machines: &[&Machine], complete: bool) {
        let listed: BTreeMap<InstanceId, &Machine> = machines.iter().map(|m| (m.id(), *m)).collect();
        let went = |id: &InstanceId| listed.get(id).map_or(complete, |machine| machine.is_ending());
        let gone: Vec<_> = self.running.keys().filter(|id| went(id)).cloned().collect();
        for id in gone {
            if let Some((zone, number)) = self.running.remove(&id) {
                self.went.insert(id, (zone, number, LOOKS));
            }
        }
        for (id, machine) in listed {
            if let Some(number) = machine.number.filter(|_| machine.spot && !machine.is_ending()) {
                self.running.insert(id, (machine.zone.clone(), number));
            }
        }
    }

    /// The notices of those whose event is there.
    fn explain(&mut self, events: &BTreeMap<String, Vec<Preemption>>) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.went.retain(|id, (zone, number, looks)| {
            let Some(events) = events.get(zone) else { return true };
            if let Some(event) = events.iter().find(|event| event.number == Some(*number)) {
                let at = event.at.unwrap_or_else(now);
                notices.push(Notice { instance: id.clone(), kind: NoticeKind::Interruption, at });
                return false;
            }
            *looks = looks.saturating_sub(1);
            *looks > 0
        });
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(status: &str) -> Machine {
        Machine {
            name: "sf-1".to_owned(),
            zone: "us-east1-b".to_owned(),
            number: Some(7),
            spot: true,
            status: status.to_owned(),
            ..Machine::default()
        }
    }

    fn events(numbers: &[u64]) -> BTreeMap<String, Vec<Preemption>> {
        let events = numbers.iter().map(|n| Preemption { number: Some(*n), at: None }).collect();
        [("us-east1-b".to_owned(), events)].into()
    }

    #[test]
    fn a_machine_that_stops_is_explained_once_by_its_own_event() {
        let mut watch = Watch::default();
        watch.see(&[&machine("RUNNING")], true);
        watch.see(&[&machine("STOPPING")], true);
        assert_eq!(watch.explain(&events(&[8])), [], "another machine's event");
        assert_eq!(watch.explain(&events(&[8, 7])).len(), 1);
        watch.see(&[&machine("TERMINATED")], true);
        assert_eq!(watch.explain(&events(&[8, 7])), []);
    }

    #[test]
    fn a_machine_that_vanished_is_looked_up_and_then_left() {
        let mut watch = Watch::default();
        watch.see(&[&machine("RUNNING")], true);
        watch.see(&[], false);
        assert_eq!(watch.went.len(), 0, "a listing with a gap proves nothing");
        watch.see(&[], true);
        for _ in 0..LOOKS {
            assert_eq!(watch.went.len(), 1);
            assert_eq!(watch.explain(&events(&[])), []);
        }
        assert_eq!(watch.went.len(), 0);
    }

    #[test]
    fn an_event_list_that_cannot_be_read_uses_up_no_look() {
        let mut watch = Watch::default();
        watch.see(&[&machine("RUNNING")], true);
        watch.see(&[], true);
        for _ in 0..10 {
            watch.explain(&BTreeMap::new());
        }
        assert_eq!(watch.explain(&events(&[7])).len(), 1);
    }
}
