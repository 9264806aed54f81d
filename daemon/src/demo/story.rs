//! Follows one cycle of the demo: from a full queue to a fleet back at its base.

use std::collections::BTreeSet;

use policies::control::View;
use policies::control::view::FleetView;
use policies::model::{Market, Pool};
use policies::plan::{Holding, HoldingId, Standing};
use policies::units::{Capacity, Time};

/// A step of the cycle; each comes after the one before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// Jobs wait.
    Filled,
    /// The target rose, and all of it runs.
    Grown,
    /// A provider took machines, or said that it will.
    Interrupted,
    /// The target runs again without them.
    Repaired,
    /// No jobs wait.
    Drained,
    /// Only the base is left.
    Base,
}

impl Stage {
    pub(super) const ALL: [Self; 6] =
        [Self::Filled, Self::Grown, Self::Interrupted, Self::Repaired, Self::Drained, Self::Base];

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Filled => "jobs fill the queue",
            Self::Grown => "the fleet has grown to its target",
            Self::Interrupted => "a provider takes machines back",
            Self::Repaired => "they are replaced, the target runs",
            Self::Drained => "the queue is worked off",
            Self::Base => "only the on-demand base is left",
        }
    }
}

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// When each stage was reached, in order.
    pub(super) reached: Vec<(Stage, Time)>,
    /// The most capacity that ran.
    pub(super) peak: Capacity,
    /// Every spot pool that ever held something.
    pub(super) spot_pools: BTreeSet<Pool>,
    /// Machines that a provider took or announced to take.
    pub(super) interruptions: u64,
    next_note: u64,
}

impl Story {
    /// Takes in a snapshot.
    pub(super) fn follow(&mut self, view: &View) {
        let Some(fleet) = view.fleets.first() else { return };
        let mut taken = false;
        for note in view.notes.iter().filter(|n| n.number >= self.next_note) {
            if matches!(note.what, "noticed" | "lost") {
                self.interruptions += 1;
                taken = true;
            }
        }
        self.next_note = view.notes.last().map_or(self.next_note, |n| n.number + 1);
        let state = State::of(fleet);
        self.peak = self.peak.max(state.running);
        let spot = fleet.holdings.iter().filter(|h| h.pool.market() == Market::Spot && h.counts());
        self.spot_pools.extend(spot.map(|h| h.pool.clone()));
        // One stage a snapshot: what repairs an interruption is seen after it.
        if let Some(next) = self.waits_for()
            && state.is_at(next, taken)
        {
            self.reached.push((next, view.at));
        }
    }

    /// The whole cycle has been seen.
    pub(super) fn is_over(&self) -> bool {
        self.reached.len() == Stage::ALL.len()
    }

    /// What the cycle waits for.
    pub(super) fn waits_for(&self) -> Option<Stage> {
        Stage::ALL.get(self.reached.len()).copied()
    }
}

/// What the stages are told by.
#[derive(Debug)]
struct State {
    backlog: Option<u64>,
    target: Capacity,
    min: Capacity,
    running: Capacity,
    /// Machines that start, are promised, leave or will be taken.
    unsettled: usize,
    spot: usize,
}

impl State {
    fn of(fleet: &FleetView) -> Self {
        let running = |h: &&Holding| h.counts() && h.standing == Standing::Running;
        let unsettled = |h: &&Holding| !running(h) || matches!(h.id, HoldingId::Promise(_));
        Self {
            backlog: fleet.backlog,
            target: fleet.decision.as_ref().map_or(Capacity::ZERO, |(plan, _)| plan.target),
            min: fleet.min,
            running: fleet.holdings.iter().filter(running).map(Holding::capacity).sum(),
            unsettled: fleet.holdings.iter().filter(unsettled).count(),
            spot: fleet.holdings.iter().filter(|h| h.pool.market() == Market::Spot).count(),
        }
    }

    fn is_at(&self, stage: Stage, taken: bool) -> bool {
        let whole = self.running >= self.target;
        match stage {
            Stage::Filled => self.backlog.is_some_and(|jobs| jobs >= 100),
            Stage::Grown => whole && self.target > self.min.times(2),
            Stage::Interrupted => taken,
            Stage::Repaired => whole && self.target > self.min.times(2),
            Stage::Drained => self.backlog.is_some_and(|jobs| jobs <= 5),
            Stage::Base => whole && self.unsettled == 0 && self.spot == 0 && self.running == self.min,
        }
    }
}
