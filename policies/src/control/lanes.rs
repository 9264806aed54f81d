//! What is seen of each lane: its listing, its offers, how fresh they are.

use std::collections::BTreeMap;

use crate::failure::{Failure, FailureKind};
use crate::model::{Instance, InstanceId, Offer, Pool, Sight};
use crate::units::{Span, Time};

use super::{LOOK_AGAIN, LOOK_AGAIN_AT_MOST};

/// The eye on one lane.
#[derive(Debug, Default)]
pub(super) struct Eye {
    /// How the lane was last seen.
    pub(super) sight: Sight,
    /// The machines of the last complete listing.
    pub(super) seen: BTreeMap<InstanceId, Instance>,
    /// Offers as last given, by pool.
    pub(super) offers: BTreeMap<Pool, Offer>,
    /// Listed completely, after the settle window counted from boot: no machine of an earlier run is missing.
    pub(super) proven: bool,
    /// When the offers were last asked for that were answered well.
    pub(super) priced_at: Option<Time>,
    /// Offers were answered at least once since boot, well or badly.
    pub(super) offers_asked: bool,
    /// The last failure of a look, if the last look failed.
    pub(super) failure: Option<Failure>,
    pub(super) listing: Look,
    pub(super) pricing: Look,
}

/// When to look next.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// A call is out.
    pub(super) out: bool,
    /// Not before this time.
    pub(super) after: Time,
    failures: u32,
}

impl Look {
    /// A call goes out, if none is out and it is time.
    pub(super) fn take(&mut self, now: Time) -> bool {
        if self.out || now < self.after {
            return false;
        }
        self.out = true;
        true
    }

    /// The call came back well: the next is due after `every`.
    pub(super) fn done(&mut self, now: Time, every: Span) {
        self.out = false;
        self.failures = 0;
        self.after = now.plus(every);
    }

    /// The call failed: the next is due after a growing time, or what the provider asked for.
    pub(super) fn failed(&mut self, now: Time, retry_after: Option<Span>) {
        self.out = false;
        let wait = LOOK_AGAIN.times(1 << self.failures.min(8)).min(LOOK_AGAIN_AT_MOST);
        self.failures = self.failures.saturating_add(1);
        self.after = now.plus(retry_after.map_or(wait, |asked| asked.max(wait)));
    }
}

impl Eye {
    /// Looked at since boot, well or badly.
    pub(super) const fn looked(&self) -> bool {
        !matches!(self.sight, Sight::Unseen) && self.offers_asked
    }

    /// Seen completely, and no longer ago than `fresh`.
    pub(super) fn seen_within(&self, now: Time, fresh: Span) -> bool {
        matches!(self.sight, Sight::Complete { asked } if now.since(asked) <= fresh)
    }

    /// When a look that waits may go out.
    pub(super) fn next_look(&self) -> Time {
        self.listing.after.min(self.pricing.after)
    }

    /// The listing failed. One that was held back here tells nothing about the provider: what was seen is as old as it is.
    pub(super) fn lost(&mut self, now: Time, failure: Failure) {
        self.listing.failed(now, failure.retry_after);
        if failure.kind == FailureKind::Paced {
            return;
        }
        self.sight = match self.sight {
            Sight::Complete { asked } => Sight::Lost { last: Some(asked) },
            Sight::Lost { last } => Sight::Lost { last },
            Sight::Unseen => Sight::Lost { last: None },
        };
        self.failure = Some(failure);
    }
}
