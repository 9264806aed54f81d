//! What is left over: machines in state Failed that nobody ended, interfaces and disks of ours that belong to no
//! machine. They cost a little, and hold addresses and quota.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};
use serde_json::Value;

use super::Azure;
use super::failure::{self, Trouble};
use super::translate::{State, Tags, last_part, machine};
use super::wire::Answer;

/// What is left over, by kind and name, and since when it has been seen so.
pub(super) type Unattached = BTreeMap<(Kind, String), Time>;

/// What can be left over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Machine,
    Interface,
    Disk,
}

impl Kind {
    const fn operation(self) -> &'static str {
        match self {
            Self::Machine => "DELETE virtualMachines",
            Self::Interface => "DELETE networkInterfaces",
            Self::Disk => "DELETE disks",
        }
    }
}

impl Azure {
    /// Deletes failed machines, and interfaces and disks without a machine, that carry our owner tag and were seen so
    /// for `grace`; gives their number. Since when that is so is told by the calls before, so this is to be called now
    /// and then. The grace is for machines in the making, whose interface is there before them, and for the controller,
    /// which ends failed machines that it knows. What has not our owner tag does not exist here.
    ///
    /// # Errors
    /// The first failure, after everything was tried. What is left over is found by the next call.
    pub async fn sweep(&self, grace: Span, now: Time) -> Result<usize, Failure> {
        let look = |operation: &'static str| move |trouble: Trouble| failure::of_look(operation, &trouble);
        let machines = self.arm.machines().await.map_err(look("GET virtualMachines"))?;
        let interfaces = self.arm.interfaces().await.map_err(look("GET networkInterfaces"))?;
        let disks = self.arm.disks().await.map_err(look("GET disks"))?;
        let owner = &self.settings.owner;
        let failed = machines.iter().filter_map(machine).filter(|m| m.state == State::Failed && m.tags.are_of(owner));
        let mut found: Vec<_> = failed.map(|machine| (Kind::Machine, machine.name)).collect();
        found.extend(loose(owner, &interfaces, |nic| nic["properties"]["virtualMachine"].is_null(), Kind::Interface));
        found.extend(loose(owner, &disks, |disk| disk["managedBy"].is_null(), Kind::Disk));
        let over: Vec<_> = {
            let mut seen = self.unattached.lock().unwrap_or_else(PoisonError::into_inner);
            seen.retain(|key, _| found.contains(key));
            for key in found {
                seen.entry(key).or_insert(now);
            }
            seen.iter().filter(|(_, since)| now.since(**since) >= grace).map(|(key, _)| key.clone()).collect()
        };
        let (mut deleted, mut first) = (0, None);
        // Machines come first, so that what goes with them need not be deleted by itself.
        for (kind, name) in over {
            match self.delete(kind, &name).await {
                Ok(answer) if answer.status == 204 => {}
                Ok(_) => deleted += 1,
                Err(trouble) => {
                    let failure = failure::of_delete(kind.operation(), &trouble);
                    if failure.kind != FailureKind::Gone {
                        first = first.or(Some(failure));
                    }
                }
            }
        }
        first.map_or(Ok(deleted), Err)
    }

    async fn delete(&self, kind: Kind, name: &str) -> Result<Answer, Trouble> {
        match kind {
            Kind::Machine => self.arm.delete_machine(name).await,
            Kind::Interface => self.arm.delete_interface(name).await,
            Kind::Disk => self.arm.delete_disk(name).await,
        }
    }
}

/// Those of ours among these that belong to no machine.
fn loose<'a>(
    owner: &'a str,
    things: &'a [Value],
    is_loose: fn(&Value) -> bool,
    kind: Kind,
) -> impl Iterator<Item = (Kind, String)> + 'a {
    let ours = things.iter().filter(move |thing| is_loose(thing) && Tags::of(thing).are_of(owner));
    ours.filter_map(move |thing| {
        let name = thing["name"].as_str().or_else(|| thing["id"].as_str().map(last_part))?;
        Some((kind, name.to_lowercase()))
    })
}
