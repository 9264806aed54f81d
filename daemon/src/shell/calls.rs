//! Calls on their way: one task each.

use std::sync::Arc;

use policies::control::{Call, CallId, Launch, Reply};
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, SourceName};
use policies::units::Time;
use providers::Order;
use tokio::task::{JoinError, JoinSet};

use super::world::World;

/// A call that came back.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) call: CallId,
    pub(super) reply: Reply,
    /// Whose demand was read, if it was.
    pub(super) demand_of: Option<(FleetName, SourceName)>,
}

/// Calls on their way. Looks change nothing, hooks are called again by the next start, so both may be dropped; deeds may
/// have happened.
#[derive(Debug, Default)]
pub(super) struct Calls {
    looks: JoinSet<Done>,
    deeds: JoinSet<Done>,
}

impl Calls {
    /// Starts a call at this time. A call to something that is not configured comes back with a failure that says so.
    pub(super) fn start(&mut self, id: CallId, call: Call, world: &World, now: Time) {
        let done = move |reply| Done { call: id, reply, demand_of: None };
        match call {
            Call::List { lane } => {
                let provider = world.provider(&lane.provider);
                self.looks.spawn(async move {
                    done(Reply::Listed(match provider {
                        Ok(provider) => provider.instances(&lane.region).await,
                        Err(failure) => Err(failure),
                    }))
                });
            }
            Call::Offers { lane, pools } => {
                let provider = world.provider(&lane.provider);
                self.looks.spawn(async move {
                    done(Reply::Offered(match provider {
                        Ok(provider) => provider.offers(&lane.region, &pools).await,
                        Err(failure) => Err(failure),
                    }))
                });
            }
            Call::Notices { provider } => {
                let provider = world.provider(&provider);
                self.looks.spawn(async move {
                    done(Reply::Noticed(match provider {
                        Ok(provider) => provider.notices().await,
                        Err(failure) => Err(failure),
                    }))
                });
            }
            Call::Demand { fleet, source: name } => {
                let source = world.source(&fleet, &name);
                self.looks.spawn(async move {
                    let reply = Reply::Measured(match source {
                        Ok(source) => source.read(now).await,
                        Err(failure) => Err(failure),
                    });
                    Done { demand_of: Some((fleet, name)), ..done(reply) }
                });
            }
            Call::Hook(hook) => {
                let found = world.hook(&hook.fleet);
                // Dropped when the daemon stops: the next start tells again.
                self.looks.spawn(async move {
                    done(Reply::Hooked(match found {
                        Ok(found) => found.tell(&hook, now).await,
                        Err(failure) => Err(failure),
                    }))
                });
            }
            Call::Launch(Launch { token, fleet, pool, spec, count }) => {
                let found = world.provider(pool.provider()).and_then(|p| Ok((p, world.spec(&spec)?)));
                self.deeds.spawn(async move {
                    done(Reply::Launched(match found {
                        Ok((provider, spec)) => {
                            let spec = Arc::new(spec.of_launch(&pool, &token));
                            provider.launch(&Order { token, fleet, pool, spec, count }).await
                        }
                        Err(failure) => Err(failure),
                    }))
                });
            }
            Call::Terminate { lane, ids } => {
                let provider = world.provider(&lane.provider);
                self.deeds.spawn(async move {
                    done(Reply::Terminated(match provider {
                        Ok(provider) => provider.terminate(&lane.region, &ids).await,
                        Err(failure) => Err(failure),
                    }))
                });
            }
        }
    }

    /// The next call that came back; never, while none is on its way.
    ///
    /// # Panics
    /// When the call panicked.
    pub(super) async fn next(&mut self) -> Option<Done> {
        loop {
            let ended = tokio::select! {
                Some(ended) = self.deeds.join_next() => ended,
                Some(ended) = self.looks.join_next() => ended,
                else => return std::future::pending().await,
            };
            if let Some(done) = unless_dropped(ended) {
                return Some(done);
            }
        }
    }

    /// Calls on their way that may be dropped.
    pub(super) fn looks(&self) -> usize {
        self.looks.len()
    }

    /// Launches and terminations on their way.
    pub(super) fn deeds(&self) -> usize {
        self.deeds.len()
    }

    pub(super) fn drop_looks(&mut self) {
        self.looks.abort_all();
        self.looks.detach_all();
    }

    pub(super) fn drop_deeds(&mut self) {
        self.deeds.abort_all();
        self.deeds.detach_all();
    }
}

/// What a task gave; `None` when we dropped it ourselves. A panic goes on: it is a bug, and must not pass for an answer.
fn unless_dropped(ended: Result<Done, JoinError>) -> Option<Done> {
    match ended {
        Ok(done) => Some(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

/// The failure of a call to something that is not configured. Nothing was sent.
pub(super) fn not_configured(what: &str, name: &str) -> Failure {
    Failure::new(FailureKind::Invalid, "look up", "-", &format!("{what} `{name}` is not configured; nothing was sent"))
}
