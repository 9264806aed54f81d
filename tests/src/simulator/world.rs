//! The world of one run: clouds, journal, clock, process; and the loop that lets virtual time pass.

use std::collections::BTreeMap;

use policies::control::{Call, CallId, Controller, Effect, Event, Reply, Setup};
use policies::failure::{Failure, FailureKind};
use policies::model::{Fleet, FleetName, Market, Pool, SourceName};
use policies::rng::Stream;
use policies::units::{Capacity, Span, Time};
use providers::sim::{Owner, SimCloud, Ticket};

use super::hash::RunHash;
use super::journal::Journal;
use super::oracle::{Oracle, Rule, Scene};
use super::parts::Part;
use super::story::{START, Story};
use super::{Broken, Counts};

mod process;
mod trouble;

/// Something that is to happen at a time.
#[derive(Clone, Debug)]
enum Item {
    /// Batches up to this number are durable.
    Durable(u64),
    /// The controller gets this.
    Deliver(Event),
    /// The reading of a fleet's demand is there.
    Measured(CallId, FleetName, SourceName),
    /// The process starts.
    Boot,
    /// A minute is over: the operator and strangers may act.
    Minute,
}

/// One run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) story: Story,
    /// True time.
    pub(super) now: Time,
    /// What the controller's clock shows more than the true time, in milliseconds.
    ahead: i64,
    /// The latest that the controller's clock has shown to this start: its time does not go back.
    latest: Time,
    clouds: Vec<SimCloud>,
    pub(super) controller: Option<Controller>,
    pub(super) journal: Journal,
    /// The last batch that is durable, in this start.
    synced: u64,
    last_seq: u64,
    disk_free: Time,
    queue: BTreeMap<(Time, u64), Item>,
    order: u64,
    wake: Option<Time>,
    /// Calls to clouds that are out, by cloud and ticket.
    tickets: BTreeMap<(usize, Ticket), CallId>,
    /// Calls that are out, with what the controller's clock showed when they left.
    calls: BTreeMap<CallId, (Call, Time)>,
    frozen_until: Time,
    stepped: bool,
    /// The next start finds no store.
    store_lost: bool,
    /// The configuration in force.
    pub(super) fleets: Vec<Fleet>,
    pub(super) healing: bool,
    oracle: Oracle,
    hash: RunHash,
    pub(super) counts: Counts,
    /// Orders given so far.
    orders: u64,
    /// What happened, as text, when asked for.
    pub(super) log: Option<Vec<String>>,
    draws: Draws,
}

/// One stream for each kind of trouble, so that leaving one out leaves the others alone.
#[derive(Debug)]
struct Draws {
    crash: Stream,
    cut: Stream,
    disk: Stream,
    stall: Stream,
    clock: Stream,
    reload: Stream,
    stranger: Stream,
    order: Stream,
    worker: Stream,
    watched: Stream,
    hook: Stream,
    demand: Stream,
    boot: Stream,
    audit: Stream,
}

impl World {
    pub(super) fn new(story: Story, log: bool) -> Self {
        let stream = |name: &str| Stream::new(story.seed, &format!("world {name}"));
        let draws = Draws {
            crash: stream("crash"),
            cut: stream("cut"),
            disk: stream("disk"),
            stall: stream("stall"),
            clock: stream("clock"),
            reload: stream("reload"),
            stranger: stream("stranger"),
            order: stream("order"),
            worker: stream("worker"),
            watched: stream("watched"),
            hook: stream("hook"),
            demand: stream("demand"),
            boot: stream("boot"),
            audit: stream("audit"),
        };
        let mut world = Self {
            now: START,
            ahead: 0,
            latest: Time::from_millis(i64::MIN),
            clouds: story.clouds.clone(),
            controller: None,
            journal: Journal::default(),
            synced: 0,
            last_seq: 0,
            disk_free: START,
            queue: BTreeMap::new(),
            order: 0,
            wake: None,
            tickets: BTreeMap::new(),
            calls: BTreeMap::new(),
            frozen_until: START,
            stepped: false,
            store_lost: false,
            fleets: story.fleets.clone(),
            healing: false,
            oracle: Oracle::default(),
            hash: RunHash::default(),
            counts: Counts::default(),
            orders: 0,
            log: log.then(Vec::new),
            draws,
            story,
        };
        world.enqueue(START, Item::Boot);
        world.enqueue(START.plus(Span::from_mins(1)), Item::Minute);
        world
    }

    /// What the controller's clock shows.
    pub(super) fn clock(&self) -> Time {
        let span = Span::from_millis(self.ahead.unsigned_abs());
        if self.ahead < 0 { self.now.minus(span) } else { self.now.plus(span) }
    }

    /// The true time at which the controller's clock shows this.
    fn true_time(&self, clock: Time) -> Time {
        let span = Span::from_millis(self.ahead.unsigned_abs());
        if self.ahead < 0 { clock.plus(span) } else { clock.minus(span) }
    }

    /// Hash over everything that happened.
    pub(super) const fn hash(&self) -> u64 {
        self.hash.value()
    }

    fn enqueue(&mut self, at: Time, item: Item) {
        self.order += 1;
        self.queue.insert((at.max(self.now), self.order), item);
    }

    pub(super) fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let at = self.now.since(START);
            log.push(format!("{at:>12} {}", text()));
        }
    }

    /// Lets the next thing happen.
    pub(super) fn step(&mut self) -> Result<(), Broken> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let cloud = self.clouds.iter().filter_map(SimCloud::next_event).min();
        let wake = self.wake.map(|at| at.max(self.frozen_until));
        let Some(next) = [queued, cloud, wake].into_iter().flatten().min() else {
            return Err(Broken { rule: Rule::NotHealed, text: "nothing will ever happen again".to_owned() });
        };
        self.now = self.now.max(next);
        self.counts.events += 1;
        if queued == Some(next) {
            if let Some((_, item)) = self.queue.pop_first() {
                self.happen(item)?;
            }
        } else if cloud == Some(next) {
            self.advance_clouds();
        } else {
            self.wake = None;
            self.counts.ticks += 1;
            self.deliver(Event::Tick)?;
        }
        self.maybe_trouble()?;
        let (oracle, scene) = self.oracle_and_scene();
        oracle.after_event(&scene)
    }

    /// Clouds live on; answers that are there are queued in a fixed order.
    fn advance_clouds(&mut self) {
        for i in 0..self.clouds.len() {
            let Some(cloud) = self.clouds.get_mut(i) else { continue };
            if cloud.next_event().is_none_or(|at| at > self.now) {
                continue;
            }
            cloud.advance(self.now);
            self.take_answers(i);
        }
    }

    /// The answers of a cloud that are there are queued.
    fn take_answers(&mut self, i: usize) {
        let answers = self.clouds.get_mut(i).map(SimCloud::take_answers).unwrap_or_default();
        for (ticket, reply) in answers {
            if let Some(call) = self.tickets.remove(&(i, ticket)) {
                self.enqueue(self.now, Item::Deliver(Event::Reply { call, reply }));
            }
        }
    }

    fn happen(&mut self, item: Item) -> Result<(), Broken> {
        match item {
            Item::Durable(seq) => {
                self.journal.sync(seq);
                self.synced = self.synced.max(seq);
                let (oracle, scene) = self.oracle_and_scene();
                oracle.covered(&scene)?;
                self.deliver(Event::Appended { seq })
            }
            Item::Deliver(event) => self.deliver(event),
            Item::Measured(call, fleet, source) => {
                let reply = self.measure(&fleet, &source);
                self.deliver(Event::Reply { call, reply })
            }
            Item::Boot => self.boot(),
            Item::Minute => {
                self.enqueue(self.now.plus(Span::from_mins(1)), Item::Minute);
                self.minute()
            }
        }
    }

    fn measure(&mut self, fleet: &FleetName, source: &SourceName) -> Reply {
        let missing = self.draws.demand.chance(self.story.trouble.missing_demand) && !self.healing;
        let curve = self.story.curves.get(fleet).filter(|_| !missing);
        let rules = self.fleets.iter().find(|f| f.name == *fleet);
        Reply::Measured(match curve.zip(rules) {
            Some((curve, rules)) => Ok(curve.read(rules, source, self.now, self.clock())),
            None => Err(Failure::new(FailureKind::Unavailable, "Demand", "Simulated", "no reading")),
        })
    }

    /// Does what the controller asks for, in its order; the process may die before each effect.
    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), Broken> {
        for effect in effects {
            if !self.healing && self.draws.crash.chance(self.story.trouble.crash_at_effect) {
                self.crash("before an effect");
                return Ok(());
            }
            self.hash.effect(&effect);
            match effect {
                Effect::Append { seq, entries } => {
                    if seq != self.last_seq + 1 {
                        let text = format!("batch {seq} follows batch {}", self.last_seq);
                        return Err(Broken { rule: Rule::Replay, text });
                    }
                    self.last_seq = seq;
                    self.say(|| format!("  append {seq}: {}", super::hash::brief(&entries)));
                    let (oracle, scene) = self.oracle_and_scene();
                    let touched = oracle.on_entries(&scene, seq, &entries).map_err(|b| self.with_plans(b))?;
                    self.journal.append(seq, entries);
                    let (oracle, scene) = self.oracle_and_scene();
                    oracle.on_batch(&scene, &touched)?;
                    let durable = self.sync_time();
                    self.enqueue(durable, Item::Durable(seq));
                }
                Effect::Call { id, call } => self.call(id, call)?,
                Effect::Answer { id, answer } => {
                    self.say(|| format!("  answer {}: {answer:?}", id.0));
                    let synced = self.synced;
                    let (oracle, _) = self.oracle_and_scene();
                    oracle.on_answer(synced, id, &answer)?;
                }
                Effect::Heard { id, answer } => {
                    self.say(|| format!("  heard {}: {answer:?}", id.0));
                    let (oracle, scene) = self.oracle_and_scene();
                    oracle.on_heard(&scene, id, &answer)?;
                }
                Effect::WakeAt(at) => self.wake = Some(self.true_time(at).max(self.now)),
                Effect::Publish => {
                    if self.draws.audit.chance(100)
                        && let Some(controller) = &self.controller
                    {
                        // It must be possible at any time.
                        drop(controller.view());
                    }
                }
            }
        }
        Ok(())
    }

    fn call(&mut self, id: CallId, call: Call) -> Result<(), Broken> {
        let (oracle, scene) = self.oracle_and_scene();
        oracle.on_call(&scene, &call)?;
        match &call {
            Call::Launch(_) | Call::Terminate { .. } | Call::Hook(_) => {
                self.say(|| format!("  call {}: {call:?}", id.0))
            }
            _ => {}
        }
        self.counts.calls += 1;
        self.calls.insert(id, (call.clone(), self.clock()));
        let provider = match &call {
            Call::List { lane } | Call::Offers { lane, .. } | Call::Terminate { lane, .. } => &lane.provider,
            Call::Launch(launch) => launch.pool.provider(),
            Call::Notices { provider } => provider,
            Call::Demand { fleet, source } => {
                let delay = Span::from_millis(self.draws.demand.below(300));
                let item = Item::Measured(id, fleet.clone(), source.clone());
                self.enqueue(self.now.plus(delay), item);
                return Ok(());
            }
            Call::Hook(_) => {
                self.hook(id);
                return Ok(());
            }
        };
        let Some(i) = self.clouds.iter().position(|c| c.name() == provider) else {
            return Err(Broken { rule: Rule::Misuse, text: format!("a call to no provider: {call:?}") });
        };
        let now = self.now;
        if let Some(cloud) = self.clouds.get_mut(i) {
            cloud.advance(now);
            let ticket = cloud.submit(call);
            self.tickets.insert((i, ticket), id);
        }
        Ok(())
    }

    /// A drain hook is called: it comes back soon, late or never, with good news or bad.
    fn hook(&mut self, id: CallId) {
        let draws = &mut self.draws.hook;
        let result = match draws.below(4) {
            0 => Err(Failure::new(FailureKind::Unavailable, "Hook", "Simulated", "no end in time")),
            1 => Ok(false),
            _ => Ok(true),
        };
        let most = if draws.chance(2_000) { 200_000 } else { 10_000 };
        let at = self.now.plus(Span::from_millis(draws.below(most)));
        if self.healing || !self.draws.hook.chance(1_000) {
            let event = Event::Reply { call: id, reply: Reply::Hooked(result) };
            self.enqueue(at, Item::Deliver(event));
        }
    }

    /// A refused plan with what it says, and what the fleet held.
    fn with_plans(&self, mut broken: Broken) -> Broken {
        if let (Rule::PlanRefused, Some(controller)) = (broken.rule, &self.controller) {
            for fleet in controller.view().fleets {
                let held: Vec<String> = fleet.holdings.iter().map(|h| format!("{h:?}")).collect();
                let wanted = self.fleets.iter().find(|f| f.name == fleet.name);
                broken.text += &format!("\n{:?}\n{}\n{wanted:?}\n", fleet.decision, held.join("\n"));
            }
        }
        broken
    }

    /// When a batch written now is durable: after those before it.
    fn sync_time(&mut self) -> Time {
        let trouble = self.story.trouble;
        let slow = self.draws.disk.chance(trouble.slow_batch) && !self.healing;
        let most = if slow { trouble.slowest_batch } else { Span::from_millis(8) };
        let wait = Span::from_millis(1 + self.draws.disk.below(most.as_millis().max(1)));
        self.disk_free = self.disk_free.max(self.now).plus(wait);
        self.disk_free
    }

    /// Of what lives for a fleet: how many machines, and what they bring.
    pub(super) fn living(&self, fleet: &Fleet) -> Vec<(&Pool, Capacity)> {
        let brings = |pool: &Pool, cloud: &SimCloud| {
            let shape = cloud.pools().find(|(p, _)| *p == pool).map(|(_, s)| s.shape).unwrap_or_default();
            fleet.capacity_of(pool.instance_type(), &shape)
        };
        self.clouds
            .iter()
            .flat_map(|c| c.machines().map(move |m| (c, m)))
            .filter(|(_, m)| m.is_alive() && m.owner == Owner::Us && m.fleet == fleet.name)
            .map(|(c, m)| (&m.pool, brings(&m.pool, c)))
            .collect()
    }

    pub(super) const fn clouds(&self) -> &Vec<SimCloud> {
        &self.clouds
    }

    /// A story is without a part: used by those who ask before drawing.
    fn has(&self, part: Part) -> bool {
        self.story.parts.has(part) && !self.healing
    }

    fn oracle_and_scene(&mut self) -> (&mut Oracle, Scene<'_>) {
        // What the controller goes by, also after its clock was set back.
        let clock = self.clock().max(self.latest);
        let scene = Scene {
            at: self.now,
            clock,
            tick: self.story.tick,
            clouds: &self.clouds,
            journal: &self.journal,
            fleets: &self.fleets,
            windows: &self.story.windows,
            rates: &self.story.rates,
            budget: self.story.budget,
            orphans: self.story.orphans,
        };
        (&mut self.oracle, scene)
    }

    /// A spot pool of some cloud.
    fn some_spot_pool(&mut self) -> Option<(usize, Pool)> {
        let i = self.draws.stranger.below(self.clouds.len().try_into().unwrap_or(1));
        let i = usize::try_from(i).ok()?;
        let pools: Vec<Pool> =
            self.clouds.get(i)?.pools().map(|(p, _)| p).filter(|p| p.market() == Market::Spot).cloned().collect();
        let n = self.draws.stranger.below(pools.len().try_into().unwrap_or(1));
        pools.get(usize::try_from(n).ok()?).cloned().map(|p| (i, p))
    }
}

/// What the controller is told at its start.
pub(super) fn setup(story: &Story, fleets: &[Fleet], boot_seed: u64, rebuilt: bool) -> Setup {
    Setup {
        fleets: fleets.to_vec(),
        providers: story.capabilities(),
        rates: story.rates.clone(),
        budget: story.budget,
        orphans: story.orphans,
        zone: std::sync::Arc::new(policies::schedule::TimeZone::utc()),
        tick: story.tick,
        boot_seed,
        rebuilt,
    }
}
