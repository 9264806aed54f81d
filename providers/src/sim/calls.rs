//! Calls: handed in, carried out, answered.

use policies::control::{Call, Launch, Launched, Reply};
use policies::failure::{Failure, FailureKind};
use policies::model::{InstanceId, Lane, Offer, Pool, Token};

use super::faults::{Course, failed, failure_of};
use super::{Due, Ended, Flight, Misuse, Owner, SimCloud, Ticket, TokenUse};

impl SimCloud {
    /// Hands in a call. Its answer can be taken once time has been advanced far enough; the deadline of the
    /// capabilities bounds how far (a call for notices may wait longer).
    pub fn submit(&mut self, call: Call) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let mut flight =
            Flight { call, reply: None, reply_lost: false, awaited: true, to_execute: true, polling: false };
        if let Call::Launch(launch) = &flight.call {
            // Known from the moment it is on its way, so that `may_still_make` sees it.
            self.remember_token(launch);
        }
        match self.draw_course(&flight.call) {
            Course::Through { execute, answer } => {
                self.schedule(execute, Due::Execute(ticket));
                if !matches!(flight.call, Call::Notices { .. }) {
                    self.schedule(answer, Due::Answer(ticket));
                }
            }
            Course::ReplyLost { execute, answer } => {
                flight.reply_lost = true;
                self.schedule(execute, Due::Execute(ticket));
                self.schedule(answer, Due::Answer(ticket));
            }
            Course::RequestLost { answer } => {
                flight.reply_lost = true;
                flight.to_execute = false;
                self.schedule(answer, Due::Answer(ticket));
            }
            Course::Refused { answer, failure } => {
                flight.to_execute = false;
                flight.reply = Some(failed(&flight.call, failure));
                self.schedule(answer, Due::Answer(ticket));
            }
        }
        self.flights.insert(ticket, flight);
        ticket
    }

    /// True while a launch with this token is on its way and may still make machines.
    #[must_use]
    pub fn may_still_make(&self, token: &Token) -> bool {
        let remembered = self.remembered(token).is_some();
        !remembered
            && self
                .flights
                .values()
                .any(|f| f.to_execute && matches!(&f.call, Call::Launch(launch) if &launch.token == token))
    }

    /// Machines that this token has made so far, alive or not.
    #[must_use]
    pub fn made(&self, token: &Token) -> u32 {
        self.tokens.get(token).map_or(0, |t| t.made)
    }

    /// Carries a call out.
    pub(super) fn execute(&mut self, ticket: Ticket) {
        let Some(flight) = self.flights.get_mut(&ticket) else { return };
        flight.to_execute = false;
        let (call, awaited, lost) = (flight.call.clone(), flight.awaited, flight.reply_lost);
        let reply = match &call {
            Call::List { lane } => Reply::Listed(Ok(self.list(lane))),
            Call::Offers { lane, pools } => Reply::Offered(Ok(self.offers(lane, pools))),
            Call::Notices { .. } => {
                if awaited && !lost {
                    self.poll_notices(ticket);
                } else if !awaited {
                    self.flights.remove(&ticket);
                }
                return;
            }
            Call::Demand { .. } => {
                failed(&call, failure_of(FailureKind::Invalid, &call, "a cloud does not measure demand"))
            }
            Call::Hook(_) => failed(&call, failure_of(FailureKind::Invalid, &call, "a cloud has no hooks")),
            Call::Launch(launch) => Reply::Launched(self.launch(launch)),
            Call::Terminate { lane, ids } => self.terminate(&call, lane, ids),
        };
        if let Some(flight) = self.flights.get_mut(&ticket) {
            flight.reply = Some(reply);
            if !flight.awaited {
                self.flights.remove(&ticket);
            }
        }
    }

    /// The caller gets its answer, or gives up.
    pub(super) fn answer(&mut self, ticket: Ticket) {
        let Some(flight) = self.flights.get_mut(&ticket) else { return };
        let awaited = core::mem::replace(&mut flight.awaited, false);
        let reply = if flight.reply_lost {
            let kind = match flight.call {
                Call::Launch(_) | Call::Terminate { .. } => FailureKind::Ambiguous,
                _ => FailureKind::Unavailable,
            };
            Some(failed(&flight.call, failure_of(kind, &flight.call, "no answer")))
        } else {
            flight.reply.take()
        };
        let (polling, to_execute) = (flight.polling, flight.to_execute);
        if !to_execute {
            self.flights.remove(&ticket);
        }
        if !awaited {
            return;
        }
        if polling {
            let notices = self.hand_out_notices();
            self.answers.insert(ticket, notices);
        } else if let Some(reply) = reply {
            self.answers.insert(ticket, reply);
        }
    }

    fn offers(&mut self, lane: &Lane, pools: &[Pool]) -> Vec<Result<Offer, (Pool, Failure)>> {
        let missing = self.faults.price_missing;
        let mut answers = Vec::with_capacity(pools.len());
        for pool in pools {
            let hidden = self.fault_draws.chance(missing);
            let failure = |kind, text| Err((pool.clone(), Failure::new(kind, "Offers", "Simulated", text)));
            answers.push(match self.pools.get(pool) {
                Some(_) if hidden => failure(FailureKind::Unavailable, "no price today"),
                Some(state) if pool.lane() == lane => {
                    Ok(Offer { pool: pool.clone(), price: state.price, priced_at: state.priced_at, shape: state.shape })
                }
                _ => failure(FailureKind::Invalid, "no such pool in this region"),
            });
        }
        answers
    }

    fn remember_token(&mut self, launch: &Launch) {
        self.tokens.entry(launch.token.clone()).or_insert_with(|| TokenUse {
            first: Call::Launch(launch.clone()),
            used_at: None,
            ids: Vec::new(),
            made: 0,
            count: launch.count,
        });
    }

    /// What an earlier launch with this token made, where this cloud remembers it.
    fn remembered(&self, token: &Token) -> Option<&TokenUse> {
        let lifetime = self.capabilities.token_lifetime?;
        self.tokens.get(token).filter(|t| t.used_at.is_some_and(|at| self.now < at.plus(lifetime)))
    }

    fn launch(&mut self, launch: &Launch) -> Result<Launched, Failure> {
        let refuse = |kind, text: &str| Failure::new(kind, "Launch", "Simulated", text);
        // A launch draws the same number of times whatever comes of it.
        let faults = self.faults;
        let no_room = self.fault_draws.chance(faults.no_capacity);
        let too_dear = self.fault_draws.chance(faults.price_above_cap);
        let partial = self.fault_draws.chance(faults.partial);
        let part = self.fault_draws.below(u64::from(launch.count.max(1)));

        if launch.count == 0 || launch.count > self.capabilities.launch_batch {
            self.misuses.push(Misuse::LaunchBatch { count: launch.count });
            return Err(refuse(FailureKind::Invalid, "so many machines cannot be asked for at once"));
        }
        self.remember_token(launch);
        if self.tokens.get(&launch.token).is_some_and(|t| t.first != Call::Launch(launch.clone())) {
            self.misuses.push(Misuse::TokenReused(launch.token.clone()));
            return Err(refuse(FailureKind::Invalid, "the token was used with other parameters"));
        }
        if let Some(before) = self.remembered(&launch.token) {
            return Ok(Launched { ids: before.ids.clone(), shortfall: None });
        }
        let Some(state) = self.pools.get(&launch.pool) else {
            self.misuses.push(Misuse::NoSuchPool(launch.pool.clone()));
            return Err(refuse(FailureKind::Invalid, "no such pool"));
        };
        if too_dear {
            return Err(refuse(FailureKind::PriceAboveCap, "the price is above the cap of the request"));
        }
        let room = if no_room { 0 } else { state.capacity.saturating_sub(state.alive) };
        let quota = self.quota_left(&launch.pool);
        if quota == 0 {
            return Err(refuse(FailureKind::Quota, "the quota of this region is used up"));
        }
        let mut n = launch.count.min(room).min(quota);
        if partial {
            n = n.min(u32::try_from(part).unwrap_or(0));
        }
        if n == 0 {
            return Err(refuse(FailureKind::NoCapacity, "no room in this pool"));
        }
        let ids: Vec<InstanceId> =
            (0..n).map(|_| self.bear(&launch.pool, Owner::Us, &launch.fleet, Some(launch.token.clone()))).collect();
        self.launched += u64::from(n);
        let now = self.now;
        if let Some(token) = self.tokens.get_mut(&launch.token) {
            token.used_at = Some(now);
            token.ids.clone_from(&ids);
            token.made += n;
            if token.made > token.count {
                let (made, count) = (token.made, token.count);
                self.misuses.push(Misuse::TokenDoubled { token: launch.token.clone(), made, count });
            }
        }
        let short = n < launch.count;
        Ok(Launched { ids, shortfall: short.then(|| refuse(FailureKind::NoCapacity, "not room for all")) })
    }

    fn quota_left(&self, pool: &Pool) -> u32 {
        let Some(quota) = self.quotas.get(&(pool.region().clone(), pool.market())) else { return u32::MAX };
        let alive = self
            .pools
            .iter()
            .filter(|(p, _)| p.region() == pool.region() && p.market() == pool.market())
            .fold(0_u32, |sum, (_, s)| sum.saturating_add(s.alive));
        quota.saturating_sub(alive)
    }

    fn terminate(&mut self, call: &Call, lane: &Lane, ids: &[InstanceId]) -> Reply {
        let most = usize::try_from(self.capabilities.terminate_batch).unwrap_or(usize::MAX);
        if ids.is_empty() || ids.len() > most {
            self.misuses.push(Misuse::TerminateBatch { count: ids.len() });
            return failed(call, failure_of(FailureKind::Invalid, call, "so many machines cannot be ended at once"));
        }
        let now = self.now;
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let refused = self.fault_draws.chance(self.faults.end_refused);
            let failure = |kind, text| Err(Failure::new(kind, "Terminate", "Simulated", text));
            let result = match self.machines.get(id) {
                None => failure(FailureKind::Gone, "no such machine"),
                Some(m) if m.pool.lane() != lane => failure(FailureKind::Gone, "no such machine in this region"),
                Some(_) if refused => failure(FailureKind::Unavailable, "not now"),
                Some(m) => {
                    if m.owner != Owner::Us {
                        self.misuses.push(Misuse::ForeignEnded(id.clone()));
                    }
                    self.end_machine(id, now, Ended::Asked);
                    Ok(())
                }
            };
            results.push((id.clone(), result));
        }
        Reply::Terminated(Ok(results))
    }
}
