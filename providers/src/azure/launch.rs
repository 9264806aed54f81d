//! One machine of a launch: one attempt, followed until Azure says what became of it, or until patience is used up.
//!
//! A machine that Azure accepted and then could not make stays, in state Failed, with its interface and disks. Within
//! the attempt it is deleted here and at once, because only then "it made nothing" is true; and where the deletion is
//! not taken for certain, the answer is `Ambiguous`, and the same token finds it again. What fails after the attempt
//! was over is the controller's: the listing says `Ending`, and the controller ends what does not go by itself. What
//! neither of them knows is found by the sweep.

use core::time::Duration;

use policies::failure::{Failure, FailureKind};
use policies::model::{InstanceId, Market, Token};
use policies::units::Span;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::failure::{self, Stage, Trouble};
use super::translate::{INTENT_TAG, Machine, Progress, State, invalid, machine, progress};
use super::wire::{Arm, Link};

/// The call, for people.
pub(super) const PUT: &str = "PUT virtualMachines";

/// So many looks in a row that find no machine mean that there is none. A single one can be a delay of Azure's own.
const MISSING_LOOKS: u32 = 3;

/// How often an accepted launch is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Polling {
    /// Not sooner than this, whatever Azure says.
    pub at_least: Span,
    /// Not later than this, whatever Azure says.
    pub at_most: Span,
}

impl Polling {
    /// Azure lets an operation be asked about 15 times a minute and a machine 12 times, each for itself. Source:
    /// learn.microsoft.com, "Compute throttling limits".
    pub const DEFAULT: Self = Self { at_least: Span::from_secs(5), at_most: Span::from_secs(60) };

    /// The pause before the next look, when Azure asks for this one.
    fn pause(self, asked: Option<Span>) -> Duration {
        let span = asked.unwrap_or(self.at_least).max(self.at_least).min(self.at_most);
        Duration::from_millis(span.as_millis())
    }
}

/// An attempt at one machine.
pub(super) struct Attempt<'a> {
    pub(super) arm: &'a Arm,
    pub(super) owner: &'a str,
    pub(super) token: &'a Token,
    pub(super) market: Market,
    pub(super) polling: Polling,
    /// It is not followed longer than this.
    pub(super) until: Instant,
}

/// What a look at a machine in the making found.
enum Seen {
    Making(Option<Span>),
    Made,
    Missing,
    Failed(Trouble),
    /// No answer, which changes nothing: the launch was accepted.
    Nothing(Option<Span>),
}

impl Attempt<'_> {
    /// Makes the machine of this name, or finds that it is there. A machine that is still being made when patience ends
    /// is made, as far as this attempt can tell: Azure accepted it, and the listing shows it.
    ///
    /// # Errors
    /// Any [`Failure`]; `Ambiguous` while a machine of this name may be there.
    pub(super) async fn make(&self, name: &str, body: &Value) -> Result<InstanceId, Failure> {
        match self.arm.put_machine(name, body).await {
            // It was there before: what it is is told by the answer, but not whose.
            Ok(answer) if answer.status == 200 => self.adopt(name).await,
            Ok(answer) => self.follow(name, answer.operation, answer.retry_after).await,
            Err(trouble) if trouble.may_exist() => self.adopt(name).await,
            Err(trouble) => {
                let failure = failure::of_launch(PUT, &trouble, self.market);
                if failure.kind == FailureKind::NoCapacity {
                    self.clear(name).await;
                }
                Err(failure)
            }
        }
    }

    /// A machine of this name is there: by an earlier attempt under the same token, if it is ours.
    async fn adopt(&self, name: &str) -> Result<InstanceId, Failure> {
        let found = match self.arm.machine(name).await {
            Ok(answer) => machine(&answer),
            Err(trouble) => {
                // The PUT was refused because of a machine that is not seen: it may be there.
                let seen = failure::of_look("GET virtualMachines", &trouble);
                let text = format!("a machine of the name {name} may be there: {seen}");
                return Err(Failure::new(FailureKind::Ambiguous, PUT, &seen.code, &text));
            }
        };
        let Some(found) = found.filter(|found| self.is_ours(found)) else {
            return Err(invalid(PUT, &format!("a machine of the name {name} is there, and it is not of this launch")));
        };
        match found.state {
            State::Made => Ok(name.into()),
            State::Creating => self.follow(name, None, None).await,
            State::Failed => self.give_up(name, &found.trouble.unwrap_or_else(no_reason)).await,
            State::Deleting => {
                let text = format!("the machine {name} of this token was already ended");
                Err(Failure::new(FailureKind::Gone, PUT, "-", &text))
            }
        }
    }

    fn is_ours(&self, found: &Machine) -> bool {
        found.tags.are_of(self.owner) && found.tags.get(INTENT_TAG) == Some(self.token.as_str())
    }

    /// Looks at an accepted launch until it is decided or patience ends.
    async fn follow(
        &self,
        name: &str,
        mut operation: Option<Link>,
        mut asked: Option<Span>,
    ) -> Result<InstanceId, Failure> {
        let mut missing = 0;
        loop {
            let pause = self.polling.pause(asked);
            if Instant::now() + pause > self.until {
                if missing == 0 {
                    return Ok(name.into());
                }
                let text = format!("the machine {name} was accepted and is not there now");
                return Err(Failure::new(FailureKind::Ambiguous, PUT, "ResourceNotFound", &text));
            }
            sleep(pause).await;
            let seen = self.look(name, &mut operation).await;
            asked = None;
            match seen {
                Seen::Made => return Ok(name.into()),
                Seen::Failed(trouble) => return self.give_up(name, &trouble).await,
                Seen::Making(wait) => (missing, asked) = (0, wait),
                Seen::Nothing(wait) => asked = wait,
                Seen::Missing if missing + 1 < MISSING_LOOKS => missing += 1,
                Seen::Missing => {
                    let text = "the launch was accepted, and the machine was taken away before it ran";
                    let code = Some("ResourceNotFound".to_owned());
                    let trouble = Trouble { code, ..Trouble::at(Stage::Refused(404), text) };
                    return self.gone_before_it_ran(name, &trouble).await;
                }
            }
        }
    }

    /// Looks once: at the operation while it is known, else at the machine.
    async fn look(&self, name: &str, operation: &mut Option<Link>) -> Seen {
        if let Some(url) = operation {
            match self.arm.operation(url).await {
                Ok(answer) => match progress(&answer.body) {
                    Progress::Running => return Seen::Making(answer.retry_after),
                    Progress::Done => return Seen::Made,
                    Progress::Failed(trouble) => return Seen::Failed(trouble),
                },
                // Azure forgets operations after a while, and a link elsewhere is not followed: the machine is asked.
                Err(trouble) if trouble.is_missing() || trouble.stage == Stage::Unbuilt => *operation = None,
                Err(trouble) => return Seen::Nothing(trouble.retry_after),
            }
        }
        match self.arm.machine(name).await {
            Ok(answer) => match machine(&answer) {
                Some(Machine { state: State::Made, .. }) => Seen::Made,
                Some(Machine { state: State::Failed, trouble, .. }) => Seen::Failed(trouble.unwrap_or_else(no_reason)),
                // A machine that is deleted while it is made was taken away; it is missing soon.
                Some(Machine { state: State::Creating | State::Deleting, .. }) => Seen::Making(None),
                None => Seen::Nothing(None),
            },
            Err(trouble) if trouble.is_missing() => Seen::Missing,
            Err(trouble) => Seen::Nothing(trouble.retry_after),
        }
    }

    /// Deletes what a failed launch left behind, and says why it failed.
    async fn give_up(&self, name: &str, trouble: &Trouble) -> Result<InstanceId, Failure> {
        self.deleted(name, failure::of_outcome(PUT, trouble, self.market)).await
    }

    /// A machine that was accepted and taken away again is a shortage. It is deleted all the same: then it cannot
    /// appear later.
    async fn gone_before_it_ran(&self, name: &str, trouble: &Trouble) -> Result<InstanceId, Failure> {
        let code = trouble.code.as_deref().unwrap_or("-");
        self.deleted(name, Failure::new(FailureKind::NoCapacity, PUT, code, &trouble.message)).await
    }

    async fn deleted(&self, name: &str, failure: Failure) -> Result<InstanceId, Failure> {
        match self.arm.delete_machine(name).await {
            Ok(_) => Err(failure),
            Err(trouble) if failure::of_delete("DELETE virtualMachines", &trouble).kind == FailureKind::Gone => {
                Err(failure)
            }
            Err(trouble) => {
                let why = failure::of_delete("DELETE virtualMachines", &trouble);
                let text = format!("{}; what it left could not be deleted: {why}", failure.message);
                Err(Failure::new(FailureKind::Ambiguous, PUT, &failure.code, &text))
            }
        }
    }

    /// After a refusal for want of room nothing should be there. Should Azure have begun all the same, what is in state
    /// Failed and of this launch is deleted. The refusal is certain either way, so the outcome of this changes nothing.
    async fn clear(&self, name: &str) {
        let found = self.arm.machine(name).await.ok().and_then(|answer| machine(&answer));
        let left = found.is_some_and(|found| found.state == State::Failed && self.is_ours(&found));
        if left && let Err(trouble) = self.arm.delete_machine(name).await {
            tracing::debug!(name, ?trouble, "what a refused launch left is still there");
        }
    }
}

fn no_reason() -> Trouble {
    Trouble::at(Stage::Refused(200), "the machine is in state Failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azures_wait_is_obeyed_within_our_own_bounds() {
        let polling = Polling::DEFAULT;
        for (asked, seconds) in [(None, 5), (Some(0), 5), (Some(10), 10), (Some(60), 60), (Some(3_600), 60)] {
            let pause = polling.pause(asked.map(Span::from_secs));
            assert_eq!(pause, Duration::from_secs(seconds), "{asked:?}");
        }
    }
}
