//! What the log says of the loop's doings: each event once, and each change of sight and readiness once.

use std::collections::BTreeMap;

use policies::control::ledger::Note;
use policies::control::{Controller, View};
use policies::failure::FailureKind;
use policies::model::{FleetName, Lane, Sight};
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
    ready: Option<bool>,
    announced: bool,
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
        Self { next_note, decided: BTreeMap::new(), lanes: BTreeMap::new(), ready: None, announced: false }
    }

    /// Says and counts the notes that came since.
    pub(super) fn log_notes(&mut self, controller: &Controller, instruments: &Instruments) {
        let news: Vec<&Note> = controller.ledger().notes().rev().take_while(|n| n.number >= self.next_note).collect();
        for note in news.into_iter().rev() {
            instruments.note(note);
            say(note);
            self.next_note = note.number + 1;
        }
    }

    /// Says and counts what a new snapshot shows.
    pub(super) fn changed(&mut self, view: &View, instruments: &Instruments) {
        for fleet in &view.fleets {
            let Some((plan, report)) = &fleet.decision else { continue };
            if self.decided.get(&fleet.name) != Some(&plan.at) {
                self.decided.insert(fleet.name.clone(), plan.at);
                instruments.round(fleet.name.as_str(), plan.kind);
                debug!(
                    fleet = %fleet.name,
                    kind = plan.kind.name(),
                    target = %plan.target,
                    held = %report.held,
                    actions = plan.actions.len(),
                    "decided"
                );
            }
        }
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
                    warn!(lane = %lane.lane, failure, "the lane cannot be seen: nothing is launched or ended there");
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
    let fleet = note.fleet.as_ref().map(ToString::to_string).unwrap_or_default();
    let Note { number, what, text, .. } = note;
    match *what {
        "violation" | "alarm" => error!(number, fleet, what, "{text}"),
        "refused" | "absent" | "lost" | "noticed" | "adopted" | "closed" => warn!(number, fleet, what, "{text}"),
        _ => info!(number, fleet, what, "{text}"),
    }
}
