//! How calls go wrong: what the fault profile says, and the draw for one call.

use policies::control::{Call, Reply};
use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};

use super::SimCloud;

/// How often calls go wrong, each in hundredths of a percent of the calls it concerns, and how long calls take. The
/// default: nothing goes wrong, and every call is answered at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// A call is carried out after up to so long, and answered after up to so long again; within the deadline.
    pub latency: Span,
    /// The call takes anything up to its deadline.
    pub slow: u32,
    /// The request never arrives: nothing happened, and the caller cannot know.
    pub lost_request: u32,
    /// The request is carried out and the reply never arrives.
    pub lost_reply: u32,
    /// The caller is told that the connection broke, and the request is carried out later, within the deadline.
    pub late: u32,
    /// Refused: too many calls.
    pub throttled: u32,
    /// Refused: the provider says that it is down.
    pub unavailable: u32,
    /// A launch is refused for lack of room though there is some.
    pub no_capacity: u32,
    /// A launch is refused for its price.
    pub price_above_cap: u32,
    /// A launch makes fewer machines than there is room for.
    pub partial: u32,
    /// The price of a pool is missing from an answer.
    pub price_missing: u32,
    /// One machine of a call to end machines is left alone, and the caller is told.
    pub end_refused: u32,
    /// No notice comes before a machine is taken.
    pub notice_lost: u32,
    /// A machine dies before it runs.
    pub stillborn: u32,
    /// A machine starts for ever and never runs.
    pub dud: u32,
}

/// How one call goes.
pub(super) enum Course {
    /// Carried out at the first time; the answer arrives at the second.
    Through { execute: Time, answer: Time },
    /// Carried out at the first time; at the second the caller gives up.
    ReplyLost { execute: Time, answer: Time },
    /// Never carried out; at this time the caller gives up.
    RequestLost { answer: Time },
    /// Refused before anything happened.
    Refused { answer: Time, failure: Failure },
}

impl SimCloud {
    /// Draws how a call goes. Every call draws the same number of times from a stream whatever happens to it, so that
    /// changing one rate leaves the rest of a run alone as far as it can.
    pub(super) fn draw_course(&mut self, call: &Call) -> Course {
        let faults = self.faults;
        let now = self.now;
        let deadline = self.capabilities.call_deadline.as_millis();
        let draws = &mut self.fault_draws;
        let slow = draws.chance(faults.slow);
        let lost_request = draws.chance(faults.lost_request);
        let lost_reply = draws.chance(faults.lost_reply);
        let late = draws.chance(faults.late);
        let throttled = draws.chance(faults.throttled);
        let unavailable = draws.chance(faults.unavailable);
        let reach = if slow { deadline / 2 } else { faults.latency.as_millis().min(deadline / 2) };
        let there = self.delay_draws.below(reach + 1);
        let back = self.delay_draws.below(reach + 1);
        let early = self.delay_draws.below(deadline + 1);
        let later = self.delay_draws.below(deadline + 1);
        let after = |ms: u64| now.plus(Span::from_millis(ms));

        if let Some(kind) = self.outage_of(call) {
            let failure = failure_of(kind, call, "the provider refuses every call of this region");
            return Course::Refused { answer: after(there), failure };
        }
        if throttled || unavailable {
            let kind = if throttled { FailureKind::Throttled } else { FailureKind::Unavailable };
            return Course::Refused { answer: after(there), failure: failure_of(kind, call, "drawn by the simulator") };
        }
        if lost_request {
            return Course::RequestLost { answer: after(early) };
        }
        if late {
            return Course::ReplyLost { execute: after(early.max(later)), answer: after(early.min(later)) };
        }
        if lost_reply {
            let answer = early.max(there);
            return Course::ReplyLost { execute: after(there), answer: after(answer) };
        }
        Course::Through { execute: after(there), answer: after(there + back) }
    }
}

/// The name that the simulated cloud gives a call in its failures.
pub(super) const fn operation(call: &Call) -> &'static str {
    match call {
        Call::List { .. } => "List",
        Call::Offers { .. } => "Offers",
        Call::Notices { .. } => "Notices",
        Call::Demand { .. } => "Demand",
        Call::Hook(_) => "Hook",
        Call::Launch(_) => "Launch",
        Call::Terminate { .. } => "Terminate",
    }
}

/// A failure of this call.
pub(super) fn failure_of(kind: FailureKind, call: &Call, text: &str) -> Failure {
    Failure::new(kind, operation(call), "Simulated", text)
}

/// The reply that carries a failure back to the caller of this call.
pub(super) fn failed(call: &Call, failure: Failure) -> Reply {
    match call {
        Call::List { .. } => Reply::Listed(Err(failure)),
        Call::Offers { .. } => Reply::Offered(Err(failure)),
        Call::Notices { .. } => Reply::Noticed(Err(failure)),
        Call::Demand { .. } => Reply::Measured(Err(failure)),
        Call::Hook(_) => Reply::Hooked(Err(failure)),
        Call::Launch(_) => Reply::Launched(Err(failure)),
        Call::Terminate { .. } => Reply::Terminated(Err(failure)),
    }
}
