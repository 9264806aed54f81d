//! The only async loop: one task owns the [`Controller`], performs its effects and feeds results back.
//!
//! It never waits for anything but the next event: calls run in tasks of their own, the store writes in a thread of
//! its own, and people read snapshots. Its queues are bounded: calls by the controller (one look of each kind a lane,
//! one attempt an intent), batches by [`Journal`], orders by their channel. A panic in a task is a bug, and ends the
//! process: the supervisor starts it again, and recovery is the normal start.

pub mod dry;
pub mod journal;
pub mod world;

mod calls;
mod watch;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use policies::budget::Budget;
use policies::control::ledger::Leaving;
use policies::control::{self, Controller, Effect, Event, OrderId, OrphanRule, Refusal, View, Word};
use policies::cost::Rates;
use policies::model::Fleet;
use policies::units::Time;
use tokio::sync::{mpsc, oneshot, watch as latest};
use tokio::time::MissedTickBehavior;
use tracing::field::Empty;
use tracing::{debug, error, info, info_span, warn};

use crate::clock::{Clock, Stopwatch};
use crate::pulse::{BEAT, Pulse};
use crate::systemd;
use crate::telemetry::Instruments;
use calls::{Calls, Done};
use journal::Journal;
use watch::{Decided, Watch};
use workers::{Reading, Workers};
use world::World;

/// A snapshot is taken at most this often: many events come in bursts, and a snapshot of 10,000 machines takes some
/// milliseconds.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);

/// After the order to stop, launches and terminations on their way are given this time to be answered. It saves the
/// next start a settle window; without an answer the intent is on record, and the next start looks.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// An order to the loop.
#[derive(Debug)]
pub enum Order {
    /// Want this from now on. It is whole and valid.
    Reload(Box<Reload>),
    /// What the operator asks for.
    Ask(Ask),
    /// What a worker says.
    Tell(Tell),
    /// Stop: no new calls, flush, return. Changes no machine.
    Stop,
}

/// An order of the operator, and where to answer.
#[derive(Debug)]
pub struct Ask {
    /// What.
    pub order: control::Order,
    /// Answered once what it changed is durable. Not at all when the daemon ends before that.
    pub answer: oneshot::Sender<Result<String, Refusal>>,
}

/// What a worker says, and where to answer.
#[derive(Debug)]
pub struct Tell {
    /// What.
    pub word: Word,
    /// Answered at once, with what the machine was told.
    pub answer: oneshot::Sender<Result<Option<Leaving>, Refusal>>,
}

/// What a reload brings.
#[derive(Debug)]
pub struct Reload {
    /// The fleets wanted.
    pub fleets: Vec<Fleet>,
    /// Rates of exchange.
    pub rates: Rates,
    /// The budget of all fleets together.
    pub budget: Option<Budget>,
    /// What is done about machines of fleets that are not configured.
    pub orphans: OrphanRule,
    /// Their sources and launch specifications.
    pub world: World,
}

/// Why the loop ended other than by an order.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The store's writer is gone.
    #[error(
        "the store cannot be written any more: {0}: nothing was launched or ended after that; see the log, then start again"
    )]
    Store(String),
}

/// What the loop is made of.
#[derive(Debug)]
pub struct Parts {
    /// Recovered from the store's records.
    pub controller: Controller,
    /// Tells the time.
    pub clock: Clock,
    /// What calls go to.
    pub world: World,
    /// Where batches go.
    pub journal: Journal,
    /// Orders from signals.
    pub orders: mpsc::Receiver<Order>,
    /// The sign of life.
    pub pulse: Pulse,
    /// What is measured.
    pub instruments: Instruments,
}

/// The loop.
#[derive(Debug)]
pub struct Shell {
    controller: Controller,
    clock: Clock,
    world: World,
    journal: Journal,
    orders: mpsc::Receiver<Order>,
    pulse: Pulse,
    instruments: Instruments,
    calls: Calls,
    view: Arc<ArcSwap<View>>,
    versions: latest::Sender<u64>,
    watch: Watch,
    workers: Workers,
    wake: Time,
    /// The snapshot is out of date.
    stale: bool,
    published: Stopwatch,
    beat: Duration,
    deaf: bool,
    asked: u64,
    /// Who waits for an answer. As many as requests are answered at once.
    asking: BTreeMap<OrderId, oneshot::Sender<Result<String, Refusal>>>,
    /// The worker that speaks.
    speaking: Option<oneshot::Sender<Result<Option<Leaving>, Refusal>>>,
}

/// What the loop wakes up for.
enum Wake {
    Beat,
    Order(Option<Order>),
    Durable(Result<u64, String>),
    Done(Done),
    Read(Reading),
    Timer,
    Publish,
}

impl Shell {
    /// Puts the loop together; nothing happens before [`Shell::run`].
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { controller, clock, world, journal, orders, pulse, instruments } = parts;
        let view = Arc::new(ArcSwap::from_pointee(controller.view()));
        let wake = clock.now();
        Self {
            watch: Watch::new(&controller),
            workers: Workers::start(&world.watches, &clock),
            controller,
            wake,
            clock,
            world,
            journal,
            orders,
            pulse,
            instruments,
            calls: Calls::default(),
            view,
            versions: latest::Sender::new(0),
            stale: false,
            published: Stopwatch::start(),
            beat: systemd::watchdog().map_or(BEAT, |watchdog| watchdog.min(BEAT)),
            deaf: false,
            asked: 0,
            asking: BTreeMap::new(),
            speaking: None,
        }
    }

    /// The snapshot that this loop keeps up to date.
    #[must_use]
    pub fn view(&self) -> Arc<ArcSwap<View>> {
        Arc::clone(&self.view)
    }

    /// Rises with each new snapshot: for those who wait for one.
    #[must_use]
    pub fn versions(&self) -> latest::Receiver<u64> {
        self.versions.subscribe()
    }

    /// Runs until it is ordered to stop.
    ///
    /// # Errors
    /// When the store cannot be written any more.
    ///
    /// # Panics
    /// When a call panicked: a bug, and the process must not go on as if it had not.
    pub async fn run(mut self) -> Result<(), ShellError> {
        let mut beat = tokio::time::interval(self.beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.handle(Event::Tick)?;
        loop {
            let wake = tokio::select! {
                biased;
                _ = beat.tick() => Wake::Beat,
                order = self.orders.recv(), if !self.deaf => Wake::Order(order),
                seq = self.journal.durable() => Wake::Durable(seq),
                Some(done) = self.calls.next() => Wake::Done(done),
                reading = self.workers.next() => Wake::Read(reading),
                () = tokio::time::sleep(PUBLISH_EVERY.saturating_sub(self.published.elapsed())), if self.stale => Wake::Publish,
                () = self.clock.sleep_until(self.wake) => Wake::Timer,
            };
            match wake {
                Wake::Beat => {
                    self.pulse.beat();
                    systemd::alive();
                }
                Wake::Order(Some(Order::Reload(reload))) => self.reload(*reload)?,
                Wake::Order(Some(Order::Ask(ask))) => self.ask(ask)?,
                Wake::Order(Some(Order::Tell(tell))) => self.tell(tell)?,
                Wake::Order(Some(Order::Stop)) => return self.stop().await,
                // Nobody can give orders any more: the loop of a test or of the demo goes on until it is dropped.
                Wake::Order(None) => self.deaf = true,
                Wake::Durable(seq) => {
                    let seq = seq.map_err(ShellError::Store)?;
                    self.handle(Event::Appended { seq })?;
                }
                Wake::Done(Done { call, reply, demand_of }) => {
                    self.watch.measured(demand_of, &reply);
                    self.handle(Event::Reply { call, reply })?;
                }
                Wake::Read(reading) => self.handle(reading.into())?,
                Wake::Timer => self.handle(Event::Tick)?,
                Wake::Publish => self.publish(),
            }
        }
    }

    /// One event: the controller takes it, and what follows is done.
    fn handle(&mut self, event: Event) -> Result<(), ShellError> {
        let turn = Stopwatch::start();
        let name = event_name(&event);
        let span = info_span!("round", event = name, calls = Empty, decided = Empty, actions = Empty);
        let effects = span.in_scope(|| self.controller.handle(self.clock.now(), event));
        self.instruments.turn(name, turn.elapsed());
        let calls = effects.iter().filter(|e| matches!(e, Effect::Call { .. })).count();
        let Decided { fleets, actions } = self.watch.follow(&self.controller, &self.instruments);
        span.record("calls", calls).record("decided", fleets).record("actions", actions);
        drop(span);
        for effect in effects {
            match effect {
                Effect::Append { seq, entries } => {
                    debug!(seq, entries = entries.len(), "append");
                    self.journal.append(seq, entries).map_err(ShellError::Store)?;
                }
                Effect::Call { id, call } => self.calls.start(id, call, &self.world, self.clock.now()),
                Effect::Answer { id, answer } => {
                    // The snapshot first: who is answered finds what was done.
                    self.publish();
                    if let Some(asking) = self.asking.remove(&id) {
                        // Nobody may wait any more.
                        drop(asking.send(answer));
                    }
                }
                Effect::Heard { answer, .. } => {
                    if let Some(speaking) = self.speaking.take() {
                        // Nobody may wait any more.
                        drop(speaking.send(answer));
                    }
                }
                Effect::WakeAt(at) => self.wake = at,
                Effect::Publish => self.stale = true,
            }
        }
        if self.stale && self.published.elapsed() >= PUBLISH_EVERY {
            self.publish();
        }
        Ok(())
    }

    fn publish(&mut self) {
        let view = Arc::new(self.controller.view());
        self.view.store(Arc::clone(&view));
        // After it is there: who is told that the start is over finds what it says.
        self.watch.changed(&view);
        self.versions.send_modify(|version| *version += 1);
        self.stale = false;
        self.published = Stopwatch::start();
    }

    fn ask(&mut self, Ask { order, answer }: Ask) -> Result<(), ShellError> {
        self.asked += 1;
        let id = OrderId(self.asked);
        self.asking.insert(id, answer);
        info!(by = order.by, why = order.why, what = ?order.what, "an order of the operator");
        self.handle(Event::Ordered { id, order })
    }

    fn tell(&mut self, Tell { word, answer }: Tell) -> Result<(), ShellError> {
        self.asked += 1;
        let id = OrderId(self.asked);
        self.speaking = Some(answer);
        debug!(instance = %word.instance, work = word.work.name(), "the word of a worker");
        self.handle(Event::Worker { id, word })
    }

    fn reload(&mut self, reload: Reload) -> Result<(), ShellError> {
        let Reload { fleets, rates, budget, orphans, world } = reload;
        self.world.reload(world);
        self.workers = Workers::start(&self.world.watches, &self.clock);
        self.handle(Event::Reloaded { fleets, rates, budget, orphans })?;
        self.publish();
        systemd::ready("reloaded");
        Ok(())
    }

    /// The orderly end: no new calls, the last answers, everything durable.
    async fn stop(mut self) -> Result<(), ShellError> {
        systemd::stopping();
        info!(calls = self.calls.deeds(), "stopping: no new calls; machines stay as they are");
        self.calls.drop_looks();
        self.handle(Event::Stopping)?;
        let patience = tokio::time::sleep(LAST_CALLS);
        tokio::pin!(patience);
        while self.calls.deeds() > 0 || self.journal.pending() {
            tokio::select! {
                Some(Done { call, reply, .. }) = self.calls.next() => self.handle(Event::Reply { call, reply })?,
                seq = self.journal.durable() => {
                    let seq = seq.map_err(ShellError::Store)?;
                    self.handle(Event::Appended { seq })?;
                }
                () = &mut patience, if self.calls.deeds() > 0 => {
                    warn!(calls = self.calls.deeds(), "calls without an answer: on record, the next start looks for what they did");
                    self.calls.drop_deeds();
                }
            }
        }
        self.publish();
        self.journal.close().await.map_err(|error| {
            error!(%error, "the store did not close");
            ShellError::Store(error)
        })?;
        info!("stopped");
        Ok(())
    }
}

const fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Tick => "tick",
        Event::Appended { .. } => "appended",
        Event::Reply { .. } => "reply",
        Event::Reloaded { .. } => "reloaded",
        Event::Ordered { .. } => "ordered",
        Event::Worker { .. } => "worker",
        Event::Watched { .. } => "watched",
        Event::Stopping => "stopping",
    }
}
