//! Ending machines: ordered once on record, repeated until the provider says that they are gone.

use std::collections::BTreeMap;

use crate::failure::{Failure, FailureKind};
use crate::model::{InstanceId, Lane, Phase};
use crate::units::{Span, Time};

use super::{Call, Controller, Ended};

/// An end that is not seen to have begun is ordered again after this time.
pub(super) const END_AGAIN: Span = Span::from_secs(30);

/// An end that has begun is ordered again after this time: some providers need a push.
const END_AGAIN_WHEN_ENDING: Span = Span::from_mins(5);

/// After a failure that will not mend by itself (permissions), so long.
const END_AGAIN_WHEN_DENIED: Span = Span::from_mins(1);

impl Controller {
    /// Orders every end that is on record and due, and calls the hooks of those that have still to drain.
    pub(super) fn repeat_ends(&mut self) {
        self.call_hooks();
        let now = self.now;
        let mut by_lane: BTreeMap<Lane, Vec<InstanceId>> = BTreeMap::new();
        for (key, machine) in self.ledger.machines() {
            let ordered = machine.leaving.is_some_and(|l| l.ordered);
            let due = self.ended.get(key).is_none_or(|after| now >= *after);
            if ordered && due && self.lane_seen(&key.0) {
                by_lane.entry(key.0.clone()).or_default().push(key.1.clone());
            }
        }
        for (lane, ids) in by_lane {
            let batch = self.providers.get(&lane.provider).map_or(1, |c| c.terminate_batch.max(1));
            for ids in ids.chunks(usize::try_from(batch).unwrap_or(1)) {
                for id in ids {
                    // Not twice while the call waits for its record.
                    self.ended.insert((lane.clone(), id.clone()), now.plus(END_AGAIN));
                }
                self.call_when_durable(Call::Terminate { lane: lane.clone(), ids: ids.to_vec() });
            }
        }
    }

    /// When the end of this machine is ordered again if it goes out now.
    pub(super) fn end_again_at(&self, key: &(Lane, InstanceId)) -> Time {
        let phase = self.lanes.get(&key.0).and_then(|eye| eye.seen.get(&key.1)).map(|i| i.phase);
        self.now.plus(if phase == Some(Phase::Ending) { END_AGAIN_WHEN_ENDING } else { END_AGAIN })
    }

    pub(super) fn on_terminated(&mut self, lane: &Lane, ids: &[InstanceId], result: Result<Ended, Failure>) {
        match result {
            Ok(each) => {
                for (id, result) in each {
                    if let Err(failure) = result {
                        self.not_ended(lane, &id, &failure);
                    }
                }
            }
            Err(failure) => {
                for id in ids {
                    self.not_ended(lane, id, &failure);
                }
            }
        }
    }

    fn not_ended(&mut self, lane: &Lane, id: &InstanceId, failure: &Failure) {
        let key = (lane.clone(), id.clone());
        if failure.kind == FailureKind::Gone {
            self.gone(&key);
            return;
        }
        let wait = match failure.kind {
            FailureKind::Denied | FailureKind::Invalid => END_AGAIN_WHEN_DENIED,
            _ => failure.retry_after.map_or(super::LOOK_AGAIN, |asked| asked.max(super::LOOK_AGAIN)),
        };
        if self.ledger.machines().contains_key(&key) {
            self.ended.insert(key, self.now.plus(wait));
            // What waits for its turn here is no trouble of the lane.
            if failure.kind != FailureKind::Paced
                && let Some(eye) = self.lanes.get_mut(lane)
            {
                eye.failure = Some(failure.clone());
            }
        }
    }
}
