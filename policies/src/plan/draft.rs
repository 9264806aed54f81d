//! The plan under construction: actions with their steps.

use crate::model::InstanceId;
use crate::plan::index::{Held, Index};
use crate::plan::{Action, Cause, HoldingId, LaunchWhy};
use crate::report::{Refused, Step};
use crate::units::{Capacity, PricePerHour, Time};

/// Actions and, in the same order, their steps.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) actions: Vec<Action>,
    pub(super) steps: Vec<Step>,
}

impl Draft {
    /// Adds launches of so many machines of a pool, split by what the lane takes in a call.
    pub(super) fn launch(
        &mut self,
        index: &Index<'_>,
        site: usize,
        mut machines: u64,
        why: LaunchWhy,
        reason: &str,
        refused: &[Refused],
    ) {
        let at = &index.sites[site];
        let (Some(spec), Some(price)) = (at.spec, at.price) else { return };
        let batch = u64::from(index.lanes[at.region].state.launch_batch.max(1));
        while machines > 0 {
            let n = machines.min(batch);
            machines -= n;
            let count = u32::try_from(n).unwrap_or(u32::MAX);
            let (pool, spec) = (at.pool.clone(), spec.clone());
            let action = Action::Launch { pool, spec, count, units: at.units, price, why };
            self.push(action, reason.to_owned(), price.times(n), PricePerHour::ZERO, refused.to_vec());
        }
    }

    /// Machines that it launches.
    pub(super) fn machines(&self) -> u32 {
        let launched =
            self.actions.iter().filter_map(|a| if let Action::Launch { count, .. } = a { Some(*count) } else { None });
        launched.fold(0, u32::saturating_add)
    }

    /// Leaves so many machines of the launches, the first ones; nothing else is in the draft yet. Returns how many are
    /// left out.
    pub(super) fn limit_launches(&mut self, most: u32) -> u32 {
        let mut left = most;
        self.thin_launches(|_, _, count| {
            let n = count.min(left);
            left -= n;
            n
        })
    }

    /// Leaves as many machines of each launch as `keep` says for its units, price and count; nothing else is in the draft
    /// yet. Returns how many are left out.
    pub(super) fn thin_launches(&mut self, mut keep: impl FnMut(Capacity, PricePerHour, u32) -> u32) -> u32 {
        let mut cut = 0_u32;
        let (actions, steps) = (core::mem::take(&mut self.actions), core::mem::take(&mut self.steps));
        for (mut action, mut step) in actions.into_iter().zip(steps) {
            if let Action::Launch { count, units, price, .. } = &mut action {
                let n = keep(*units, *price, *count).min(*count);
                cut = cut.saturating_add(*count - n);
                *count = n;
                step.adds = price.times(u64::from(n));
                if n == 0 {
                    continue;
                }
            }
            step.action = self.actions.len();
            self.actions.push(action);
            self.steps.push(step);
        }
        cut
    }

    /// Adds the drain of a machine.
    pub(super) fn drain(
        &mut self,
        index: &Index<'_>,
        held: &Held<'_>,
        until: Time,
        why: Cause,
        reason: String,
        refused: Vec<Refused>,
    ) {
        let HoldingId::Machine(id) = &held.holding.id else { return };
        let (instance, pool) = (id.clone(), held.holding.pool.clone());
        let saves = index.price(held).unwrap_or_default();
        self.push(Action::Drain { instance, pool, until, why }, reason, PricePerHour::ZERO, saves, refused);
    }

    /// Adds the end of a machine. Its price was saved when it was told to go.
    pub(super) fn end(&mut self, held: &Held<'_>, instance: &InstanceId, reason: String) {
        let (instance, pool) = (instance.clone(), held.holding.pool.clone());
        let action = Action::End { instance, pool, why: Cause::Drained };
        self.push(action, reason, PricePerHour::ZERO, PricePerHour::ZERO, Vec::new());
    }

    fn push(&mut self, action: Action, reason: String, adds: PricePerHour, saves: PricePerHour, refused: Vec<Refused>) {
        self.steps.push(Step { action: self.actions.len(), reason, adds, saves, refused });
        self.actions.push(action);
    }
}
