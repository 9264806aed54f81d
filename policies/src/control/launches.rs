//! The life of an intent: promised, sent, unknown, sent again under the same token, settled.

use std::collections::BTreeMap;

use crate::failure::{Failure, FailureKind, Scope};
use crate::model::{FleetName, Lane, Pool, Token};
use crate::plan::{Closure, Place};
use crate::units::{Span, Time};

use super::ledger::{Intent, Key, Machine, Record};
use super::{Call, Controller, Launch, Launched};

/// Attempts under one token in one run. A launch that stays unknown after these is settled by looking.
const ATTEMPTS: u32 = 4;

/// The first repetition waits so long; each further one twice as long.
const REPEAT_AFTER: Span = Span::from_secs(2);

/// What is known of an open intent's calls in this run.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// A call is out.
    out: bool,
    /// When the last call left, or the start of this run for an intent that was on record.
    last: Time,
    /// Calls of this run.
    sent: u32,
    /// An earlier call may have made machines.
    unresolved: bool,
    /// Not sent again: a repetition was refused, so only looking can tell.
    look_only: bool,
}

impl Attempt {
    /// An intent that was on record at the start: it may have been sent at any time before.
    pub(super) fn recovered(now: Time) -> Self {
        Self { last: now, unresolved: true, ..Self::default() }
    }

    /// A call leaves.
    pub(super) fn start(&mut self, now: Time) {
        self.out = true;
        self.last = now;
        self.sent += 1;
    }

    fn repeat_at(&self) -> Time {
        self.last.plus(REPEAT_AFTER.times(1 << self.sent.min(ATTEMPTS)))
    }
}

impl Controller {
    pub(super) fn on_launched(&mut self, launch: &Launch, result: Result<Launched, Failure>) {
        let result = match result {
            Ok(Launched { ids, shortfall }) if ids.is_empty() => Err(shortfall.unwrap_or_else(|| {
                Failure::new(FailureKind::Ambiguous, "launch", "-", "an answer with neither machines nor a reason")
            })),
            other => other,
        };
        match result {
            Ok(launched) => self.confirmed(launch, launched),
            Err(failure) => self.unfulfilled(launch, &failure),
        }
        if let Some(mind) = self.fleets.get_mut(&launch.fleet) {
            mind.decide_at = self.now;
        }
    }

    /// Machines were made: they go on record, and the intent is settled.
    fn confirmed(&mut self, launch: &Launch, launched: Launched) {
        let now = self.now;
        let intent = self.ledger.intents().get(&launch.token).cloned();
        let lane = launch.pool.lane();
        let mut new = 0;
        for id in &launched.ids {
            let key = (lane.clone(), id.clone());
            // The answer is so late that the machine was found by its token and is gone already.
            if self.ledger.ended().values().any(|e| e.machine.id == *id && e.machine.pool.lane() == lane) {
                continue;
            }
            self.evidence.insert(key.clone(), now);
            if self.ledger.machines().contains_key(&key) {
                continue;
            }
            new += 1;
            let machine = Machine {
                id: id.clone(),
                fleet: launch.fleet.clone(),
                pool: launch.pool.clone(),
                units: intent.as_ref().map_or_else(Default::default, |i| i.units),
                price: intent.as_ref().map_or_else(Default::default, |i| i.price),
                born: now,
                token: Some(launch.token.clone()),
                ready: None,
                adopted: false,
                leaving: None,
            };
            self.open_bill(&machine);
            self.ledger.put(Record::Machine(machine));
        }
        self.count_launches(&launch.fleet, new);
        let (made, asked) = (launched.ids.len(), launch.count);
        let decision = self.ledger.decisions().number_of(&launch.token);
        let text = format!("{made} of {asked} in {}", launch.pool);
        self.ledger.note_of(decision, now, Some(&launch.fleet), "launched", text);
        self.settle(&launch.token);
        let open = Key::Closure(Place::Pool(launch.pool.clone()));
        if self.ledger.closures().contains_key(&Place::Pool(launch.pool.clone())) {
            self.ledger.forget(open);
        }
        if let Some(failure) = launched.shortfall {
            self.close(&launch.pool, &failure);
        }
    }

    /// Machines of a fleet were launched: they count towards its limit of an hour.
    pub(super) fn count_launches(&mut self, fleet: &FleetName, machines: u32) {
        if machines > 0 {
            let mut memory = self.ledger.memory(fleet);
            memory.count_launches(self.now, machines);
            self.ledger.put(Record::Memory(fleet.clone(), memory));
        }
    }

    /// No machine was made, as far as this call tells.
    fn unfulfilled(&mut self, launch: &Launch, failure: &Failure) {
        self.close(&launch.pool, failure);
        let now = self.now;
        let decision = self.ledger.decisions().number_of(&launch.token);
        let Some(attempt) = self.attempts.get_mut(&launch.token) else { return };
        attempt.out = false;
        if failure.kind.meaning().may_have_happened {
            attempt.unresolved = true;
            let text = format!("{} in {}: {failure}", launch.count, launch.pool);
            self.ledger.note_of(decision, now, Some(&launch.fleet), "unknown", text);
        } else if attempt.unresolved {
            // This call made nothing, but an earlier one under the token may have.
            attempt.look_only = true;
        } else {
            // What waits for its turn is told once, by the closure: hundreds may wait.
            if failure.kind != FailureKind::Paced {
                let text = format!("{} in {}: {failure}", launch.count, launch.pool);
                self.ledger.note_of(decision, now, Some(&launch.fleet), "refused", text);
            }
            self.settle(&launch.token);
        }
    }

    /// The outcome of an intent is known: the batch that says what came of it also forgets it.
    fn settle(&mut self, token: &Token) {
        self.attempts.remove(token);
        if self.ledger.intents().contains_key(token) {
            self.ledger.forget(Key::Intent(token.clone()));
        }
    }

    /// Settles unknown intents of a lane by a complete listing that was asked for after their settle window.
    pub(super) fn settle_by_listing(&mut self, lane: &Lane, asked: Time, by_token: &BTreeMap<&Token, u32>) {
        let Some(window) = self.providers.get(&lane.provider).map(crate::model::Capabilities::settle_window) else {
            return;
        };
        let ripe = |token: &Token| {
            let attempt = self.attempts.get(token);
            attempt.is_some_and(|a| a.unresolved && !a.out && asked >= a.last.plus(window))
        };
        let settled: Vec<Intent> =
            self.ledger.intents().values().filter(|i| i.pool.lane() == lane && ripe(&i.token)).cloned().collect();
        for intent in settled {
            let found = by_token.get(&intent.token).copied().unwrap_or(0);
            let (what, text) = if found == 0 {
                ("absent", format!("{} in {} never came to be", intent.count, intent.pool))
            } else {
                ("launched", format!("{found} of {} in {}, seen by their token", intent.count, intent.pool))
            };
            let decision = self.ledger.decisions().number_of(&intent.token);
            self.ledger.note_of(decision, self.now, Some(&intent.fleet), what, text);
            self.settle(&intent.token);
        }
    }

    /// Sends unknown launches again under the same token, where the provider honours it.
    pub(super) fn repeat_launches(&mut self) {
        let now = self.now;
        let due: Vec<Intent> = self.repeatable().filter(|(_, at)| *at <= now).map(|(i, _)| i.clone()).collect();
        for intent in due {
            if self.lane_seen(intent.pool.lane()) {
                self.call(Call::Launch(Launch {
                    token: intent.token,
                    fleet: intent.fleet,
                    pool: intent.pool,
                    spec: intent.spec,
                    count: intent.count,
                }));
            }
        }
    }

    /// When unknown launches are to be sent again.
    pub(super) fn launch_repeats(&self) -> impl Iterator<Item = Time> {
        self.repeatable().map(|(_, at)| at)
    }

    /// Unknown intents that may be sent again, and when: the provider honours the token and still remembers it (half
    /// its stated time, for clocks that differ), the pool is still wanted and open.
    fn repeatable(&self) -> impl Iterator<Item = (&Intent, Time)> {
        self.attempts.iter().filter_map(|(token, attempt)| {
            let intent = self.ledger.intents().get(token)?;
            let lifetime = self.providers.get(intent.pool.provider())?.token_lifetime?;
            let remembered = self.now.since(intent.at).as_millis() < lifetime.as_millis() / 2;
            let wanted = self.fleets.get(&intent.fleet)?.fleet.pools.contains_key(&intent.pool);
            let open = !self.ledger.closures().values().any(|c| c.covers(&intent.pool, self.now));
            let again = attempt.unresolved && !attempt.out && !attempt.look_only && attempt.sent < ATTEMPTS;
            (remembered && wanted && open && again).then(|| (intent, attempt.repeat_at()))
        })
    }

    /// Closes what the failure closes, longer with each failure in a row.
    pub(super) fn close(&mut self, pool: &Pool, failure: &Failure) {
        let meaning = failure.kind.meaning();
        let place = match meaning.scope {
            Scope::Nothing => return,
            Scope::Pool => Place::Pool(pool.clone()),
            Scope::LaneMarket => Place::LaneMarket(pool.lane().clone(), pool.market()),
            Scope::Lane => Place::Lane(pool.lane().clone()),
        };
        let before = self.ledger.closures().get(&place).filter(|c| c.kind == failure.kind);
        // Calls that were out together fail together: that is one failure, not several in a row.
        if before.is_some_and(|c| self.now < c.until) {
            return;
        }
        let strikes = before.map_or(0, |c| c.strikes).saturating_add(1);
        let grown = meaning.first_wait.times(1 << (strikes - 1).min(16)).min(meaning.longest_wait);
        let wait = failure.retry_after.map_or(grown, |asked| asked.max(grown).min(meaning.longest_wait));
        let until = self.now.plus(wait);
        let closed_longer = |c: &Closure| c.until >= until;
        if failure.kind == FailureKind::Paced && self.ledger.closures().get(&place).is_some_and(closed_longer) {
            return;
        }
        let text = format!("{} for {wait}: {failure}", describe(&place));
        self.ledger.note(self.now, None, "closed", text);
        self.ledger.put(Record::Closure(Closure { place, kind: failure.kind, until, strikes }));
    }
}

/// A place in words.
fn describe(place: &Place) -> String {
    match place {
        Place::Pool(pool) => format!("pool {pool}"),
        Place::LaneMarket(lane, market) => format!("{market} in {lane}"),
        Place::Lane(lane) => format!("lane {lane}"),
    }
}
