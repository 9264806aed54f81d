//! The crash-safe controller: a state machine without I/O.
//!
//! *Recover* builds it from the records of the store, *handle* takes an event and a time and gives effects, *view* is
//! what people see. The shell performs effects and feeds results back; the simulator does the same in virtual time.
//!
//! A call that depends on a record is not given out before [`Event::Appended`] covers that record: promise before
//! deed is a property of this type and not of its caller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::budget::{Budget, Period, Whose};
use crate::cost::Rates;
use crate::demand::{Demand, History, Reading};
use crate::failure::Failure;
use crate::forecast::Accuracy;
use crate::model::{
    Capabilities, Fleet, FleetName, Instance, InstanceId, Lane, Notice, Offer, Pool, ProviderName, SourceName,
    SpecName, Token,
};
use crate::plan::{Cause, Memory, Observation, Plan, Work};
use crate::report::Report;
use crate::schedule::TimeZone;
use crate::units::{Span, Time};

use lanes::Eye;
use launches::Attempt;
use ledger::{Boot, Leaving};

pub mod decisions;
pub mod ledger;
pub mod orders;
pub mod view;

mod hooks;
mod lanes;
mod launches;
mod learned;
mod leaving;
mod look;
mod orphans;
mod round;
mod spend;
#[cfg(test)]
mod tests;
pub mod workers;

pub use ledger::{Entry, Key, Ledger, Record};
pub use orders::{Order, Override, Refusal};
pub use orphans::{OrphanAction, OrphanRule, OrphanView};
pub use view::View;
pub use workers::Word;

/// What the controller is told once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setup {
    /// What the operator wants.
    pub fleets: Vec<Fleet>,
    /// The providers and what they can do.
    pub providers: BTreeMap<ProviderName, Capabilities>,
    /// Rates of exchange.
    pub rates: Rates,
    /// The budget of all fleets together.
    pub budget: Option<Budget>,
    /// What is done about machines of fleets that are not configured.
    pub orphans: OrphanRule,
    /// On whose clocks days and months of budgets begin.
    pub zone: Arc<TimeZone>,
    /// How often to look and decide when nothing happens.
    pub tick: Span,
    /// Entropy of this start, drawn by the caller: keeps tokens unique even when the store was lost.
    pub boot_seed: u64,
    /// The store was found lost or damaged by this start, and was made anew: raises an alarm, and [`Boot::unproven`].
    pub rebuilt: bool,
}

/// Number of a call, unique within one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct CallId(pub u64);

/// Number of an order or of a worker's word, chosen by the caller and unique within one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct OrderId(pub u64);

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Time passed. Carries nothing: the controller looks at its state.
    Tick,
    /// All appends up to this number are durable.
    Appended {
        /// The number of the last durable append.
        seq: u64,
    },
    /// A call came back.
    Reply {
        /// Which.
        call: CallId,
        /// With what.
        reply: Reply,
    },
    /// The operator's file changed.
    Reloaded {
        /// What is wanted now.
        fleets: Vec<Fleet>,
        /// Rates of exchange.
        rates: Rates,
        /// The budget of all fleets together.
        budget: Option<Budget>,
        /// What is done about machines of fleets that are not configured.
        orphans: OrphanRule,
    },
    /// The operator orders something. Answered by [`Effect::Answer`].
    Ordered {
        /// Its number.
        id: OrderId,
        /// What.
        order: Order,
    },
    /// A worker says what it does. Answered by [`Effect::Heard`].
    Worker {
        /// The number of what it says.
        id: OrderId,
        /// What.
        word: Word,
    },
    /// What was read elsewhere of the workers of a fleet. It replaces what was read before.
    Watched {
        /// Whose.
        fleet: FleetName,
        /// The machines that something was read of; others than the fleet's are passed over.
        seen: Vec<(InstanceId, Work)>,
        /// So long it is believed.
        lasts: Span,
    },
    /// The process is asked to stop. Changes no machine: no new calls are given out.
    Stopping,
}

/// What the shell shall do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Make these entries durable as one atomic batch, then say [`Event::Appended`]. Numbers rise by one.
    Append {
        /// Number of the batch.
        seq: u64,
        /// The batch.
        entries: Vec<Entry>,
    },
    /// Make this call, then say [`Event::Reply`].
    Call {
        /// Its number.
        id: CallId,
        /// What to call.
        call: Call,
    },
    /// Tell the operator what became of the order. What it changed is durable.
    Answer {
        /// Which.
        id: OrderId,
        /// A sentence, or why it was refused.
        answer: Result<String, Refusal>,
    },
    /// Tell the worker whether its machine was told to go.
    Heard {
        /// Whose word.
        id: OrderId,
        /// When and why it goes, or why the word was refused.
        answer: Result<Option<Leaving>, Refusal>,
    },
    /// Say [`Event::Tick`] at this time at the latest.
    WakeAt(Time),
    /// What people see has changed: take a new [`Controller::view`] when convenient.
    Publish,
}

/// A call to the outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Every machine with our tag in this lane.
    List {
        /// Where.
        lane: Lane,
    },
    /// Current offers of these pools.
    Offers {
        /// Where.
        lane: Lane,
        /// Which.
        pools: Vec<Pool>,
    },
    /// The next notices of a provider; may wait for one. Asking again confirms that the last ones were taken in.
    Notices {
        /// Whose.
        provider: ProviderName,
    },
    /// A reading of one source of a fleet's demand.
    Demand {
        /// Whose.
        fleet: FleetName,
        /// Which of its sources.
        source: SourceName,
    },
    /// Launch machines.
    Launch(Launch),
    /// End machines.
    Terminate {
        /// Where.
        lane: Lane,
        /// Which.
        ids: Vec<InstanceId>,
    },
    /// Tell a machine's worker, by the fleet's drain hook, that the machine is to go. May be repeated.
    Hook(Hook),
}

/// What a drain hook is told. At most one call of a machine is out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// Whose machine.
    pub fleet: FleetName,
    /// Which.
    pub instance: InstanceId,
    /// Where it is.
    pub pool: Pool,
    /// Why it goes.
    pub why: Cause,
    /// When it is ended at the latest.
    pub until: Time,
}

/// A launch order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launch {
    /// The idempotency token, also put on each machine as a tag.
    pub token: Token,
    /// For which fleet, also a tag.
    pub fleet: FleetName,
    /// Where.
    pub pool: Pool,
    /// With which specification.
    pub spec: SpecName,
    /// How many at most.
    pub count: u32,
}

/// Per pool, an offer or why there is none.
pub type Offered = Vec<Result<Offer, (Pool, Failure)>>;

/// Per machine, that its end was accepted or why not.
pub type Ended = Vec<(InstanceId, Result<(), Failure>)>;

/// What a call came back with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// To [`Call::List`]: complete, or a failure.
    Listed(Result<Vec<Instance>, Failure>),
    /// To [`Call::Offers`]: per pool an offer or a failure.
    Offered(Result<Offered, Failure>),
    /// To [`Call::Notices`].
    Noticed(Result<Vec<Notice>, Failure>),
    /// To [`Call::Demand`].
    Measured(Result<Reading, Failure>),
    /// To [`Call::Launch`].
    Launched(Result<Launched, Failure>),
    /// To [`Call::Terminate`]: per machine, or a failure of the whole call.
    Terminated(Result<Ended, Failure>),
    /// To [`Call::Hook`]: true when the worker has finished, so that the machine may be ended.
    Hooked(Result<bool, Failure>),
}

/// An answered launch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launched {
    /// The machines made; fewer than asked for is normal.
    pub ids: Vec<InstanceId>,
    /// Why not all.
    pub shortfall: Option<Failure>,
}

/// Offers are asked for this often: prices move over hours, and every adapter may answer from a cache of facts.
const OFFERS_EVERY: Span = Span::from_secs(60);

/// A failed look is repeated after this time, doubled with each further failure up to a minute.
const LOOK_AGAIN: Span = Span::from_secs(5);

/// The longest wait between two attempts of a look.
const LOOK_AGAIN_AT_MOST: Span = Span::from_secs(60);

/// The note that a store was lost: its word and its sentence.
const STORE_LOST: (&str, &str) = ("alarm", "the store was lost; machines are taken up by their tags");

/// The crash-safe state machine around [`decide`](crate::decide).
///
/// Invariants: the ledger is what the store holds once all batches given out are durable; a launch or terminate call is
/// given out only after the batch with its record is durable; time does not go back within one run.
#[derive(Debug)]
pub struct Controller {
    providers: BTreeMap<ProviderName, Capabilities>,
    rates: Rates,
    budget: Option<Budget>,
    zone: Arc<TimeZone>,
    tick: Span,
    fleets: BTreeMap<FleetName, Mind>,
    ledger: Ledger,
    boot: Boot,
    /// The latest time seen; an event with an earlier one happens now.
    now: Time,
    durable: u64,
    tokens: u64,
    next_call: u64,
    /// Calls given out and not answered.
    calls: BTreeMap<CallId, (Call, Time)>,
    /// Calls that wait for a batch to become durable.
    held: Vec<(u64, Call)>,
    /// Answers that wait for a batch to become durable.
    answers: Vec<(u64, OrderId, Result<String, Refusal>)>,
    /// Answers to workers.
    heard: Vec<(OrderId, Result<Option<Leaving>, Refusal>)>,
    /// What workers said of their machines. At most one of each machine on record.
    words: BTreeMap<(Lane, InstanceId), workers::Heard>,
    /// What was read elsewhere of them, and until when it is believed. At most one of each machine on record.
    watched: BTreeMap<(Lane, InstanceId), (Work, Time)>,
    /// Machines on record whose drain hook was called by this start.
    hooked: BTreeSet<(Lane, InstanceId)>,
    lanes: BTreeMap<Lane, Eye>,
    attempts: BTreeMap<Token, Attempt>,
    /// When each machine was last proven to exist.
    evidence: BTreeMap<(Lane, InstanceId), Time>,
    /// Before this time an end that is on record is not ordered again.
    ended: BTreeMap<(Lane, InstanceId), Time>,
    notices: BTreeMap<(ProviderName, InstanceId), Time>,
    /// When the next notices may be asked for, after a failure.
    notices_after: BTreeMap<ProviderName, Time>,
    orphan_rule: OrphanRule,
    next_tick: Time,
    stopping: bool,
    /// What decisions are made of is kept: see [`Controller::observe`].
    observing: bool,
}

/// What the controller has in mind about one fleet.
#[derive(Debug)]
struct Mind {
    fleet: Fleet,
    demand: Demand,
    history: History,
    hour_put: Option<(i64, Time)>,
    /// When the pace of each source was last put on record.
    pace_put: BTreeMap<SourceName, Time>,
    decide_at: Time,
    last: Option<(Plan, Report)>,
    last_step: Option<(Plan, Report)>,
    /// How good its forecast was, and as of which hour.
    accuracy: Option<(i64, Option<Accuracy>)>,
    /// What the last decision was made of, when that is kept.
    observed: Option<Box<Observation>>,
    violation: Option<String>,
    /// What was said of each limit of its budgets: 1 near its end, 2 used up.
    said: BTreeMap<(Whose, Period), u8>,
}

impl Mind {
    fn new(fleet: Fleet, ledger: &Ledger, now: Time) -> Self {
        let mut history = History::default();
        for (number, hour) in ledger.hours(&fleet.name) {
            history.restore(number, hour);
        }
        let mut demand = Demand::default();
        for (source, pace) in ledger.paces(&fleet.name) {
            demand.of_mut(&source).restore(pace);
        }
        Self {
            fleet,
            demand,
            history,
            hour_put: None,
            pace_put: BTreeMap::new(),
            decide_at: now,
            last: None,
            last_step: None,
            accuracy: None,
            observed: None,
            violation: None,
            said: BTreeMap::new(),
        }
    }
}

impl Controller {
    /// The controller as the records of the store leave it. Every intent on record may have been sent: its outcome is
    /// unknown. Say [`Event::Tick`] next.
    ///
    /// Times on record that lie in the future (the clock was set back while we were away) become now, so that no
    /// cooldown and no closure outlasts its stated length.
    #[must_use]
    pub fn recover(setup: Setup, records: impl IntoIterator<Item = Record>, now: Time) -> Self {
        let mut ledger = Ledger::replay(records);
        let boot = Boot {
            number: ledger.boot().map_or(1, |b| b.number + 1),
            seed: setup.boot_seed,
            at: now,
            unproven: setup.rebuilt || ledger.boot().is_some_and(|b| b.unproven),
        };
        ledger.put(Record::Boot(boot));
        ledger.note(now, None, "boot", format!("start {} on this store", boot.number));
        let mut controller = Self {
            providers: setup.providers,
            rates: setup.rates,
            budget: setup.budget,
            zone: setup.zone,
            tick: setup.tick,
            fleets: BTreeMap::new(),
            attempts: ledger.intents().keys().map(|t| (t.clone(), Attempt::recovered(now))).collect(),
            evidence: ledger.machines().keys().map(|k| (k.clone(), now)).collect(),
            ledger,
            boot,
            now,
            durable: 0,
            tokens: 0,
            next_call: 0,
            calls: BTreeMap::new(),
            held: Vec::new(),
            answers: Vec::new(),
            heard: Vec::new(),
            words: BTreeMap::new(),
            watched: BTreeMap::new(),
            hooked: BTreeSet::new(),
            lanes: BTreeMap::new(),
            ended: BTreeMap::new(),
            notices: BTreeMap::new(),
            notices_after: BTreeMap::new(),
            orphan_rule: setup.orphans,
            next_tick: now,
            stopping: false,
            observing: false,
        };
        if setup.rebuilt {
            controller.ledger.note(now, None, STORE_LOST.0, STORE_LOST.1.to_owned());
        }
        controller.forgive_the_clock();
        controller.take_fleets(setup.fleets);
        controller.review_orphans();
        controller
    }

    /// Takes an event and gives what to do. Effects are to be started in their order.
    #[must_use]
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        let publish = !matches!(event, Event::Appended { .. });
        match event {
            Event::Tick => self.on_tick(),
            Event::Appended { seq } => self.durable = self.durable.max(seq),
            Event::Reply { call, reply } => {
                // A reply to a call that was not given out is a bug of the shell; it is ignored.
                if let Some((asked, at)) = self.calls.remove(&call) {
                    self.on_reply(asked, at, reply);
                }
            }
            Event::Reloaded { fleets, rates, budget, orphans } => {
                self.budget = budget;
                self.orphan_rule = orphans;
                self.on_reload(fleets, rates);
            }
            Event::Ordered { id, order } => {
                let answer = self.ordered(order);
                self.answers.push((self.ledger.open_seq(), id, answer));
            }
            Event::Worker { id, word } => {
                let answer = self.heard(word);
                self.heard.push((id, answer));
            }
            Event::Watched { fleet, seen, lasts } => self.watched(&fleet, seen, lasts),
            Event::Stopping => {
                self.stopping = true;
                self.held.clear();
            }
        }
        self.decide_due();
        self.effects(publish)
    }

    /// What people see, now.
    #[must_use]
    pub fn view(&self) -> View {
        view::of(self)
    }

    /// The last decision for each fleet that had one, by the fleet's name.
    pub fn decisions(&self) -> impl Iterator<Item = &(Plan, Report)> {
        self.fleets.values().filter_map(|mind| mind.last.as_ref())
    }

    /// Keeps what each decision from now on is made of, for [`Controller::observed`].
    pub const fn observe(&mut self) {
        self.observing = true;
    }

    /// What the last decision for a fleet was made of; `None` before the first that was observed.
    #[must_use]
    pub fn observed(&self, fleet: &FleetName) -> Option<&Observation> {
        self.fleets.get(fleet)?.observed.as_deref()
    }

    /// The durable state: what the store holds once all batches given out are durable.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Calls given out and not answered yet, without the long polls for notices.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.calls.values().filter(|(call, _)| !matches!(call, Call::Notices { .. })).count()
    }

    fn on_tick(&mut self) {
        self.forget_old_orders();
        if self.now >= self.next_tick {
            self.next_tick = self.now.plus(self.tick);
            for mind in self.fleets.values_mut() {
                mind.decide_at = self.now;
            }
            self.forget_what_is_over();
            self.forget_old_words();
            self.forget_old_spends();
            self.count_spends();
            self.end_orphans();
            self.look();
        }
        self.look_again();
        self.repeat_launches();
        self.repeat_ends();
    }

    fn on_reply(&mut self, call: Call, asked: Time, reply: Reply) {
        match (call, reply) {
            (Call::List { lane }, Reply::Listed(result)) => self.on_listed(&lane, asked, result),
            (Call::Offers { lane, .. }, Reply::Offered(result)) => self.on_offered(&lane, asked, result),
            (Call::Notices { provider }, Reply::Noticed(result)) => self.on_noticed(&provider, result),
            (Call::Demand { fleet, source }, Reply::Measured(result)) => self.on_measured(&fleet, &source, result),
            (Call::Launch(launch), Reply::Launched(result)) => self.on_launched(&launch, result),
            (Call::Terminate { lane, ids }, Reply::Terminated(result)) => self.on_terminated(&lane, &ids, result),
            (Call::Hook(hook), Reply::Hooked(result)) => self.on_hooked(&hook, result),
            // A reply of another kind than the call is a bug of the shell. A launch then stays unknown until it is
            // looked for; a look is repeated.
            (Call::Launch(launch), _) => self.on_launched(&launch, Err(mismatch())),
            (Call::List { lane }, _) => self.on_listed(&lane, asked, Err(mismatch())),
            (Call::Offers { lane, .. }, _) => self.on_offered(&lane, asked, Err(mismatch())),
            (Call::Notices { provider }, _) => self.on_noticed(&provider, Err(mismatch())),
            (Call::Demand { fleet, source }, _) => self.on_measured(&fleet, &source, Err(mismatch())),
            (Call::Hook(hook), _) => self.on_hooked(&hook, Err(mismatch())),
            (Call::Terminate { lane, ids }, _) => self.on_terminated(&lane, &ids, Err(mismatch())),
        }
    }

    fn on_reload(&mut self, fleets: Vec<Fleet>, rates: Rates) {
        self.rates = rates;
        // The operator may have mended what was denied or invalid.
        let mended: Vec<_> = self
            .ledger
            .closures()
            .values()
            .filter(|c| matches!(c.kind, crate::failure::FailureKind::Denied | crate::failure::FailureKind::Invalid))
            .map(|c| Key::Closure(c.place.clone()))
            .collect();
        for key in mended {
            self.ledger.forget(key);
        }
        self.take_fleets(fleets);
        self.adopt_orphans();
        self.review_orphans();
        self.prove();
        self.ledger.note(self.now, None, "reloaded", format!("{} fleets", self.fleets.len()));
        self.look();
    }

    /// Takes the wanted fleets, keeping what is in mind of those that stay.
    fn take_fleets(&mut self, fleets: Vec<Fleet>) {
        let mut old = core::mem::take(&mut self.fleets);
        for fleet in fleets {
            let mind = match old.remove(&fleet.name) {
                Some(mut mind) => {
                    mind.fleet = fleet;
                    mind.demand.retain(|source| mind.fleet.demand.sources.contains_key(source));
                    mind.decide_at = self.now;
                    mind
                }
                None => Mind::new(fleet, &self.ledger, self.now),
            };
            self.fleets.insert(mind.fleet.name.clone(), mind);
        }
        self.open_eyes();
    }

    /// Clamps times on record that lie in the future, and starts the watch of idle capacity anew: nobody looked while
    /// we were away.
    fn forgive_the_clock(&mut self) {
        let now = self.now;
        let memories: Vec<_> = self.ledger.remembered().map(|(f, m)| (f.clone(), m.clone())).collect();
        for (fleet, old) in memories {
            let mut memory = old.clone();
            for at in memory_times(&mut memory) {
                *at = (*at).min(now);
            }
            for (at, _) in &mut memory.peaks {
                *at = (*at).min(now);
            }
            for (at, _) in &mut memory.launches {
                *at = (*at).min(now);
            }
            for (at, _) in &mut memory.outcomes {
                *at = (*at).min(now);
            }
            for (at, _) in &mut memory.moves {
                *at = (*at).min(now);
            }
            memory.watched_since = None;
            if memory != old {
                self.ledger.put(Record::Memory(fleet, memory));
            }
        }
        let closures: Vec<_> = self.ledger.closures().values().cloned().collect();
        for mut closure in closures {
            let latest = now.plus(closure.kind.meaning().longest_wait);
            if closure.until > latest {
                closure.until = latest;
                self.ledger.put(Record::Closure(closure));
            }
        }
        let overrides: Vec<_> = self.ledger.overrides().values().filter(|o| o.at > now).cloned().collect();
        for mut order in overrides {
            order.until = order.until.map(|until| now.plus(until.since(order.at)));
            order.at = now;
            self.ledger.put(Record::Override(order));
        }
        let orphans: Vec<_> = self.ledger.orphans().values().filter(|o| o.since > now).cloned().collect();
        for orphan in orphans {
            self.ledger.put(Record::Orphan(ledger::Orphan { since: now, ..orphan }));
        }
        let machines: Vec<_> = self.ledger.machines().values().cloned().collect();
        for mut machine in machines {
            if let Some(leaving) = machine.leaving
                && leaving.since > now
            {
                let length = leaving.until.since(leaving.since);
                machine.leaving = Some(Leaving { since: now, until: now.plus(length), ..leaving });
                self.ledger.put(Record::Machine(machine));
            }
        }
    }

    /// Gives a call out at once.
    fn call(&mut self, call: Call) {
        // Held under the durable number: goes out with this event's effects.
        self.held.push((0, call));
    }

    /// Gives a call out once all that is on record by now is durable.
    fn call_when_durable(&mut self, call: Call) {
        self.held.push((self.ledger.open_seq(), call));
    }

    /// Collects what this event leads to.
    fn effects(&mut self, publish: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some((seq, entries)) = self.ledger.take_batch() {
            effects.push(Effect::Append { seq, entries });
        }
        let taken = self.ledger.taken_seq();
        if self.stopping {
            self.held.clear();
        }
        let held = core::mem::take(&mut self.held);
        for (seq, mut call) in held {
            // A call that hangs on a batch that was empty after all hangs on the one before it.
            let seq = seq.min(taken);
            if seq > self.durable {
                self.held.push((seq, call));
                continue;
            }
            if matches!(&call, Call::Launch(launch) if !self.ledger.intents().contains_key(&launch.token)) {
                continue; // Settled meanwhile.
            }
            if matches!(&call, Call::Terminate { lane, .. } if !self.lane_seen(lane)) {
                continue; // Lost from sight meanwhile. It is on record, and repeated once the lane is seen again.
            }
            if matches!(&call, Call::Hook(hook) if !self.hook_is_due(hook)) {
                continue; // Gone meanwhile, or its end was ordered.
            }
            if let Call::Terminate { lane, ids } = &mut call {
                // Gone meanwhile, and off the record: its id is nobody's business any more.
                ids.retain(|id| self.ledger.machines().contains_key(&(lane.clone(), id.clone())));
                if ids.is_empty() {
                    continue;
                }
            }
            self.next_call += 1;
            let id = CallId(self.next_call);
            self.started(&call);
            self.calls.insert(id, (call.clone(), self.now));
            effects.push(Effect::Call { id, call });
        }
        for (seq, id, answer) in core::mem::take(&mut self.answers) {
            // A refusal waits for no batch.
            let seq = if answer.is_ok() { seq.min(taken) } else { 0 };
            if seq > self.durable {
                self.answers.push((seq, id, answer));
            } else {
                effects.push(Effect::Answer { id, answer });
            }
        }
        let heard = core::mem::take(&mut self.heard);
        effects.extend(heard.into_iter().map(|(id, answer)| Effect::Heard { id, answer }));
        if publish {
            effects.push(Effect::Publish);
        }
        if !self.stopping {
            effects.push(Effect::WakeAt(self.wake_at()));
        }
        effects
    }

    /// A call leaves: what counts from its start, counts from now.
    fn started(&mut self, call: &Call) {
        match call {
            Call::Launch(launch) => {
                let now = self.now;
                self.attempts.entry(launch.token.clone()).or_default().start(now);
            }
            Call::Terminate { lane, ids } => {
                for id in ids {
                    let key = (lane.clone(), id.clone());
                    let again = self.end_again_at(&key);
                    self.ended.insert(key, again);
                }
            }
            Call::List { .. } | Call::Offers { .. } | Call::Notices { .. } | Call::Demand { .. } | Call::Hook(_) => {}
        }
    }

    /// The next moment at which something is due.
    fn wake_at(&self) -> Time {
        let plans = self.fleets.values().map(|m| m.decide_at);
        let looks = self.lanes.values().map(Eye::next_look);
        let orders = self.first_order_over();
        let soonest = plans.chain(looks).chain(self.launch_repeats()).chain(orders).filter(|at| *at > self.now).min();
        soonest.map_or(self.next_tick, |at| at.min(self.next_tick)).max(self.now.plus(Span::from_millis(1)))
    }
}

/// The single moments that are remembered.
fn memory_times(memory: &mut Memory) -> impl Iterator<Item = &mut Time> {
    [&mut memory.raised_at, &mut memory.lowered_at, &mut memory.short_since, &mut memory.disturbed_at]
        .into_iter()
        .flatten()
}

/// Stands in for a reply of the wrong kind.
fn mismatch() -> Failure {
    Failure::new(crate::failure::FailureKind::Ambiguous, "reply", "-", "a reply of another kind than the call")
}
