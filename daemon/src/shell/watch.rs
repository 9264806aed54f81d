//! What the log says of the loop's doings: each event once, and each change of sight and readiness once.

use std::collections::BTreeMap;

use policies::control::ledger::Note;
use policies::control::{Controller, Reply, View};
use policies::failure::FailureKind;
use policies::model::{FleetName, Lane, Sight, SourceName};
use policies::units::Time;
use tracing::{debug, error, info, warn};

use crate::systemd;
use crate::telemetry::Instruments;

/// What was said already.
#[derive(Debug)]
pub(super) struct Watch {
    /// Notes below this number were said, or are from before this start.
    next_note: u64,
    decided: BTreeMap<FleetName, Time>,
    lanes: BTreeMap<Lane, Eyesight>,
    /// Why each fleet's demand cannot be read, where it cannot.
    blind: BTreeMap<(FleetName, SourceName), FailureKind>,
    ready: Option<bool>,
    announced: bool,
}

/// Decisions that an event led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Decided {
    pub(super) fleets: usize,
    pub(super) actions: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Eyesight {
    Waiting,
    Seen,
    Failing(FailureKind),
}

impl Watch {
    pub(super) fn new(controller: &Controller) -> Self {
        // The newest note is this start's own.
        let next_note = controller.ledger().notes().next_back().map_or(0, |n| n.number);
        Self {
            next_note,
            decided: BTreeMap::new(),
            lanes: BTreeMap::new(),
            blind: BTreeMap::new(),
            ready: None,
            announced: false,
        }
    }

    /// Says and counts the notes and decisions that came since.
    pub(super) fn follow(&mut self, controller: &Controller, instruments: &Instruments) -> Decided {
        let news: Vec<&Note> = controller.ledger().notes().rev().take_while(|n| n.number >= self.next_note).collect();
        for note in news.into_iter().rev() {
            instruments.note(note);
            say(note);
            self.next_note = note.number + 1;
        }
        let mut decided = Decided::default();
        for (plan, report) in controller.decisions() {
            if self.decided.get(&plan.fleet) == Some(&plan.at) {
                continue;
            }
            self.decided.insert(plan.fleet.clone(), plan.at);
            decided.fleets += 1;
            decided.actions += plan.actions.len();
            instruments.round(plan);
            let (kind, actions) = (plan.kind.name(), plan.actions.len());
            debug!(fleet = %plan.fleet, kind, target = %plan.target, held = %report.held, actions, "decided");
        }
        decided
    }

    /// Says why a fleet's demand cannot be read, once for each kind of reason, and when it can be again.
    pub(super) fn measured(&mut self, of: Option<(FleetName, SourceName)>, reply: &Reply) {
        let (Some(of), Reply::Measured(result)) = (of, reply) else { return };
        let (fleet, source) = (&of.0, &of.1);
        match result {
            Ok(_) => {
                if self.blind.remove(&of).is_some() {
                    info!(%fleet, %source, "demand is read again");
                }
            }
            Err(failure) => {
                if self.blind.insert(of.clone(), failure.kind) != Some(failure.kind) {
                    warn!(%fleet, %source, %failure, "demand cannot be read");
                }
            }
        }
    }

    /// Says what a new snapshot shows.
    pub(super) fn changed(&mut self, view: &View) {
        for lane in &view.lanes {
            let now = match (&lane.failure, lane.sight) {
                (Some(failure), _) => Eyesight::Failing(failure.kind),
                (None, Sight::Complete { .. }) => Eyesight::Seen,
                (None, Sight::Unseen | Sight::Lost { .. }) => Eyesight::Waiting,
            };
            let before = self.lanes.insert(lane.lane.clone(), now).unwrap_or(Eyesight::Waiting);
            match (before, now) {
                (a, b) if a == b => {}
                (_, Eyesight::Failing(_)) => {
                    let failure = lane.failure.as_ref().map(ToString::to_string).unwrap_or_default();
                    if matches!(lane.sight, Sight::Complete { .. }) {
                        warn!(lane = %lane.lane, failure, "machines could not be ended there; it is tried again");
                    } else {
                        warn!(lane = %lane.lane, failure, "the lane cannot be seen: nothing is launched or ended there");
                    }
                }
                (_, Eyesight::Seen) => info!(lane = %lane.lane, offers = lane.offers, "the lane is seen"),
                (_, Eyesight::Waiting) => {}
            }
        }
        self.readiness(view);
    }

    fn readiness(&mut self, view: &View) {
        let looked = view.lanes.iter().all(|l| !matches!(l.sight, Sight::Unseen));
        let ready = view.not_ready.is_empty();
        if looked && self.ready != Some(ready) {
            self.ready = Some(ready);
            let status = if ready {
                info!("ready");
                "ready".to_owned()
            } else {
                let reasons = view.not_ready.join("; ");
                warn!(reasons, "not ready");
                format!("not ready: {reasons}")
            };
            if self.announced {
                systemd::status(&status);
            } else {
                // Started also means: looked everywhere and saw that something is wrong. The operator finds it in the
                // status line, /readyz and the log; a restart would not mend it.
                self.announced = true;
                systemd::ready(&status);
            }
        }
    }
}

fn say(note: &Note) {
    let Note { number, at: _, fleet, what, text, decision: _ } = note;
    let fleet = fleet.as_ref().map(ToString::to_string).unwrap_or_default();
    match *what {
        "violation" | "alarm" => error!(fleet, number, "{what}: {text}"),
        "refused" | "absent" | "unknown" | "lost" | "noticed" | "adopted" | "closed" | "hook-failed" => {
            warn!(fleet, number, "{what}: {text}");
        }
        _ => info!(fleet, number, "{what}: {text}"),
    }
}
