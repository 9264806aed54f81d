//! The decision: one fleet's input in, a complete plan and its report out.
//!
//! One decision kind a round, in this order:
//! * **Repair**: machines with a notice do not count any more. What the target then lacks is launched at once (a
//!   replacement is no raise: cooldowns do not apply), and the machines are told to finish until
//!   `min(now + drain_timeout, time of the notice)`; launches first.
//!   A machine that never ran in its time is told to go, and replaced by the next plan.
//! * **Grow**: what the target lacks is launched.
//! * **Shrink**: what no budget pays for, or else what the target does not need, is let go.
//! * **Move**: spot is replaced by cheaper spot, when there is nothing else to do (`plan/moves.rs`).
//!
//! A fleet that the operator paused rests: its target is told, and nothing is launched, told to go or ended.
//!
//! A plan that launches nothing for lack of offers or room may shrink. In any plan, machines whose drain time is over
//! are ended. Nothing is launched, told to go or ended in a lane that is not seen; its machines count all the same.
//! Replace before remove. Nothing is left to choose while a plan is carried out, and after that the next plan at the
//! same moment is empty.
//!
//! How the target comes about: [`crate::size`]. Who counts as what: `plan/books.rs`. What is launched:
//! `plan/buy.rs`, within the limits of [`crate::allocate`] and of the budgets (`plan/purse.rs`). What is let go: `plan/leave.rs`.

use std::collections::BTreeMap;

use crate::budget::Purse;
use crate::cost::Rates;
use crate::demand::{Demand, History};
use crate::failure::FailureKind;
use crate::model::{Fleet, FleetName, InstanceId, Lane, Offer, Pool, SpecName, Token};
use crate::report::{Report, Wait};
use crate::size;
use crate::units::{Capacity, PricePerHour, Share, Span, Time};

mod books;
mod buy;
mod draft;
mod explain;
mod index;
mod leave;
mod moves;
mod observation;
mod prices;
mod purse;
mod survive;

use books::Books;
use buy::Bought;
use draft::Draft;
use index::Index;
pub use observation::Observation;
pub use prices::{PoolPrice, prices};

/// Everything a decision rests on. The same input gives the same bytes of plan; the order of `holdings`, `offers` and
/// `closures` does not matter.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The moment of the decision.
    pub now: Time,
    /// What the operator wants.
    pub fleet: &'a Fleet,
    /// The operator has paused the fleet: nothing is launched and nothing is let go.
    pub paused: bool,
    /// What earlier decisions left to remember.
    pub memory: &'a Memory,
    /// Recent demand.
    pub demand: &'a Demand,
    /// Need of past hours.
    pub history: &'a History,
    /// Every machine of the fleet and every promise of one.
    pub holdings: &'a [Holding],
    /// What can be bought, as last seen.
    pub offers: &'a [Offer],
    /// What is closed for launches.
    pub closures: &'a [Closure],
    /// The lanes of the fleet's pools and of its machines; a lane that is not here counts as not seen.
    pub lanes: &'a BTreeMap<Lane, LaneState>,
    /// Rates of exchange.
    pub rates: &'a Rates,
    /// The budgets that pay for the fleet, with what is spent of them.
    pub purses: &'a [Purse],
    /// Machines of the fleet take so long from their launch until they run, learned from those that did: what is needed
    /// so soon has to be launched now.
    pub lead: Span,
}

/// What one lane allows now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneState {
    /// Seen completely and recently. Without it nothing is ended there and nothing new is launched there.
    pub seen: bool,
    /// Machines per launch call, at most.
    pub launch_batch: u32,
    /// When its prices were last read; `None`: not since the start.
    pub priced_at: Option<Time>,
}

impl LaneState {
    /// So long ago its prices were read; without end when they never were.
    #[must_use]
    pub fn price_age(&self, now: Time) -> Span {
        self.priced_at.map_or(Span::from_millis(u64::MAX), |at| now.since(at))
    }
}

/// A spot price has to keep so much below its caps when it is as old as [`max_price_age`](crate::model::SpotRules)
/// allows; a fresh one nothing, and in between a part of it by its age.
pub const PRICE_MARGIN: Share = Share::percent(10);

/// A price that was read no longer ago than this is fresh: prices are read each minute.
pub const PRICE_FRESH: Span = Span::from_mins(3);

/// One machine, or a promise of several in one pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Which.
    pub id: HoldingId,
    /// Where.
    pub pool: Pool,
    /// Capacity of one machine.
    pub units: Capacity,
    /// How many machines: 1, or what a promise is for.
    pub count: u32,
    /// Where it stands.
    pub standing: Standing,
    /// Launch time, or when the promise was made.
    pub born: Time,
    /// The provider will take it at this time.
    pub notice: Option<Time>,
    /// The operator protects it: it is not let go by a decision.
    pub protected: bool,
    /// What its worker does.
    pub work: Work,
    /// It was seen to run at some time.
    pub ran: bool,
    /// What one machine cost an hour when it was launched or promised; zero when that is not known.
    pub paid: PricePerHour,
}

impl Holding {
    /// Capacity of all its machines.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.units.times(u64::from(self.count))
    }

    /// Counts towards the target: it is there or promised, will stay, and nobody told it to go.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.notice.is_none()
            && match self.standing {
                Standing::Promised | Standing::Starting | Standing::Running => true,
                Standing::Draining { .. } | Standing::Ending => false,
            }
    }

    /// Counts towards the maximum: all but what is being ended and what the provider is taking.
    #[must_use]
    pub fn occupies(&self) -> bool {
        self.notice.is_none() && self.standing != Standing::Ending
    }
}

/// What the worker on a machine does, by its own word. In the order of leaving: who does nothing goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Work {
    /// Nothing. Of a machine that was told to go: it said so after that, so it has finished and takes no more.
    Idle,
    /// Nobody told of it lately.
    #[default]
    Unknown,
    /// It works.
    Busy,
}

impl Work {
    /// `idle`, `unknown` or `busy`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Unknown => "unknown",
            Self::Busy => "busy",
        }
    }
}

/// Which machine or promise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum HoldingId {
    /// A machine that was launched or seen.
    Machine(InstanceId),
    /// A launch without a known outcome.
    Promise(Token),
}

/// Where a machine stands in our eyes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A launch was promised and its outcome is not known.
    Promised,
    /// Launched, not running yet.
    Starting,
    /// Running.
    Running,
    /// Told to finish; ended at this time.
    Draining {
        /// When it is ended.
        until: Time,
    },
    /// The end was ordered and is not yet seen.
    Ending,
}

/// A pool, market or lane that takes no launches for a while, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Closure {
    /// What is closed.
    pub place: Place,
    /// The kind of failure that closed it.
    pub kind: FailureKind,
    /// Until when. It stays on record after that, so that the next failure in a row waits longer.
    pub until: Time,
    /// Failures in a row.
    pub strikes: u32,
}

impl Closure {
    /// Closes this pool at this time.
    #[must_use]
    pub fn covers(&self, pool: &Pool, now: Time) -> bool {
        now < self.until
            && match &self.place {
                Place::Pool(p) => p == pool,
                Place::LaneMarket(lane, market) => lane == pool.lane() && *market == pool.market(),
                Place::Lane(lane) => lane == pool.lane(),
            }
    }
}

/// What a closure closes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Place {
    /// One pool.
    Pool(Pool),
    /// One market of a lane.
    LaneMarket(Lane, crate::model::Market),
    /// A whole lane.
    Lane(Lane),
}

/// What one decision leaves for the next; durable, so that a restart changes no decision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// The last target; `None` before the first.
    pub target: Option<Capacity>,
    /// When the target was last raised.
    pub raised_at: Option<Time>,
    /// When the target was last lowered.
    pub lowered_at: Option<Time>,
    /// The highest need of recent time, as (since, need): since that time the need has not been above this. Times
    /// rise and needs fall. What `idle_grace` looks back on. At most [`PEAKS`] entries.
    pub peaks: Vec<(Time, Capacity)>,
    /// Since when peaks are recorded without a gap; the target is not lowered before this is `idle_grace` ago.
    pub watched_since: Option<Time>,
    /// Since when spot gives less than is wanted of it: its machines, started or starting and not noticed, are fewer.
    /// A promise gives nothing yet, so that launches that fail again and again do not put off the bridge.
    pub short_since: Option<Time>,
    /// Machines launched within the last hour, as (since, how many): in the [`LAUNCH_STEP`] that begins then. Times rise.
    pub launches: Vec<(Time, u32)>,
    /// What became of the launches of the last hour, by steps of [`LAUNCH_STEP`]. Times rise.
    pub outcomes: Vec<(Time, Outcomes)>,
    /// The fleet has halted, and no machine became ready since: it launches at most [`TRIAL`] at a time.
    pub on_trial: bool,
    /// Machines that moved within the last hour, as in `launches`.
    pub moves: Vec<(Time, u32)>,
    /// When a machine was last noticed or lost: to within [`LAUNCH_STEP`].
    pub disturbed_at: Option<Time>,
}

/// What became of launched machines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcomes {
    /// Machines that were seen to run.
    pub ready: u32,
    /// Machines that never ran in time, and on-demand that was gone before it did.
    pub failed: u32,
}

/// A fleet halts by its share of failed launches when at least so many failed, and is then tried with so many at a time.
pub const TRIAL: u32 = 3;

/// Launches are counted by steps of so long.
pub const LAUNCH_STEP: Span = Span::from_mins(5);

/// Launches are limited within this time.
pub const LAUNCH_WINDOW: Span = Span::from_hours(1);

impl Memory {
    /// Counts what became of launched machines, and forgets what is older than the window. A machine that became ready
    /// ends the trial.
    pub fn count_outcomes(&mut self, now: Time, more: Outcomes) {
        self.outcomes.retain(|(since, _)| now.since(*since) < LAUNCH_WINDOW);
        match self.outcomes.last_mut() {
            Some((since, sum)) if now.since(*since) < LAUNCH_STEP => {
                sum.ready = sum.ready.saturating_add(more.ready);
                sum.failed = sum.failed.saturating_add(more.failed);
            }
            _ => self.outcomes.push((now, more)),
        }
        if more.ready > 0 {
            self.on_trial = false;
        }
    }

    /// What became of the launches of the last hour, and when the first of them is older than that.
    #[must_use]
    pub fn outcomes_at(&self, now: Time) -> (Outcomes, Option<Time>) {
        let lately = || self.outcomes.iter().filter(|(since, _)| now.since(*since) < LAUNCH_WINDOW);
        let sum = lately().fold(Outcomes::default(), |sum, (_, o)| Outcomes {
            ready: sum.ready.saturating_add(o.ready),
            failed: sum.failed.saturating_add(o.failed),
        });
        (sum, lately().map(|(since, _)| since.plus(LAUNCH_WINDOW)).min())
    }

    /// Counts machines that were launched now, and forgets what is older than the window.
    pub fn count_launches(&mut self, now: Time, machines: u32) {
        count(&mut self.launches, now, machines);
    }

    /// Counts machines that move now, and forgets what is older than the window.
    pub fn count_moves(&mut self, now: Time, machines: u32) {
        count(&mut self.moves, now, machines);
    }

    /// Machines that moved within the last hour, and when the first were counted.
    #[must_use]
    pub fn moves_at(&self, now: Time) -> (u32, Option<Time>) {
        let lately = || self.moves.iter().filter(|(since, _)| now.since(*since) < LAUNCH_WINDOW);
        (lately().fold(0, |n, (_, more)| n.saturating_add(*more)), lately().map(|(since, _)| *since).min())
    }

    /// A machine was noticed or lost. Said again at most once in a [`LAUNCH_STEP`], so that it fills no store.
    pub fn disturb(&mut self, now: Time) {
        if self.disturbed_at.is_none_or(|at| now.since(at) >= LAUNCH_STEP) {
            self.disturbed_at = Some(now);
        }
    }
}

fn count(steps: &mut Vec<(Time, u32)>, now: Time, machines: u32) {
    steps.retain(|(since, _)| now.since(*since) < LAUNCH_WINDOW);
    match steps.last_mut() {
        Some((since, n)) if now.since(*since) < LAUNCH_STEP => *n = n.saturating_add(machines),
        _ => steps.push((now, machines)),
    }
}

/// Entries of [`Memory::peaks`]: a bound for the record on disk. When full, the second oldest is dropped, so that the
/// oldest, which is higher, is taken to have lasted longer: that can only keep capacity longer.
pub const PEAKS: usize = 46;

/// The kind of decision that a plan carries out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Nothing to do.
    Rest,
    /// Replace what is being lost.
    Repair,
    /// Add capacity.
    Grow,
    /// Let capacity go.
    Shrink,
    /// Replace what is dear.
    Move,
}

impl Kind {
    /// `rest`, `repair`, `grow`, `shrink` or `move`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Repair => "repair",
            Self::Grow => "grow",
            Self::Shrink => "shrink",
            Self::Move => "move",
        }
    }
}

/// One complete step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Buy machines of one pool. `count` is at most the lane's launch batch.
    Launch {
        /// Where.
        pool: Pool,
        /// With which launch specification.
        spec: SpecName,
        /// How many.
        count: u32,
        /// Capacity of one.
        units: Capacity,
        /// Price of one, as offered.
        price: PricePerHour,
        /// What for.
        why: LaunchWhy,
    },
    /// Tell a machine to finish its work; it is ended at `until`.
    Drain {
        /// Which.
        instance: InstanceId,
        /// Where it is.
        pool: Pool,
        /// When it will be ended.
        until: Time,
        /// Why.
        why: Cause,
    },
    /// End a machine whose drain time is over, or that needs none.
    End {
        /// Which.
        instance: InstanceId,
        /// Where it is.
        pool: Pool,
        /// Why.
        why: Cause,
    },
}

/// What a launch is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum LaunchWhy {
    /// The on-demand base.
    Base,
    /// Spot towards the target.
    Spot,
    /// On-demand for what spot could not give.
    Bridge,
    /// What has to be there when a place is lost.
    Survive,
    /// Spot in place of dearer spot.
    Move,
}

impl LaunchWhy {
    /// `base`, `spot`, `bridge`, `survive` or `move`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Spot => "spot",
            Self::Bridge => "bridge",
            Self::Survive => "survive",
            Self::Move => "move",
        }
    }
}

/// Why a machine is let go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Cause {
    /// The provider takes it.
    Interruption,
    /// More capacity than the target.
    Surplus,
    /// It bridged for spot, and spot is there.
    BridgeOver,
    /// Its pool is no longer in the fleet file.
    PoolRemoved,
    /// It never ran.
    NeverReady,
    /// A budget is used up.
    Budget,
    /// The operator ordered it.
    Ordered,
    /// Its fleet is not configured, and the operator's rule ends such machines.
    Orphaned,
    /// Its drain time is over.
    Drained,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::Interruption,
        Self::Surplus,
        Self::BridgeOver,
        Self::PoolRemoved,
        Self::NeverReady,
        Self::Budget,
        Self::Ordered,
        Self::Orphaned,
        Self::Drained,
    ];

    /// The name used in logs, the store and views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interruption => "interruption",
            Self::Surplus => "surplus",
            Self::BridgeOver => "bridge-over",
            Self::PoolRemoved => "pool-removed",
            Self::NeverReady => "never-ready",
            Self::Budget => "budget",
            Self::Ordered => "ordered",
            Self::Orphaned => "orphaned",
            Self::Drained => "drained",
        }
    }

    /// The cause with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What to do now for one fleet, complete and in order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Plan {
    /// Whose.
    pub fleet: FleetName,
    /// The moment it was made.
    pub at: Time,
    /// The kind of decision.
    pub kind: Kind,
    /// The steps, in the order to take them.
    pub actions: Vec<Action>,
    /// The capacity wanted.
    pub target: Capacity,
    /// What to remember.
    pub memory: Memory,
    /// Hourly price at current offers of all that is held and promised before it. A machine that was told to go
    /// counts as gone, and one without a known price as free.
    pub price_before: PricePerHour,
    /// The same once all its actions are carried out.
    pub price_after: PricePerHour,
    /// Decide again at this time, if nothing happens before; `None`: no step waits for the clock.
    pub wake_at: Option<Time>,
}

/// Decides for one fleet. Pure and total: no I/O, no failure; what cannot be done is in the report.
pub fn decide(input: &Input<'_>) -> (Plan, Report) {
    let now = input.now;
    let held = input.holdings.iter().filter(|h| h.counts()).map(Holding::capacity).sum();
    let sized = size::size(now, input.fleet, input.memory, held, input.demand, input.history, input.lead);
    let target = sized.sizing.target;
    let mut memory = sized.memory;
    let index = Index::new(input);
    let books = Books::new(input, &index, target);
    let mut draft = Draft::default();
    let (min, max) = (sized.bounds.min, sized.bounds.max);
    let limits = purse::Limits::new(input, &index, min);

    let (kind, mut waits, mut wakes) = if input.paused {
        (Kind::Rest, vec![Wait::Paused], Vec::new())
    } else {
        let Bought { short_since, mut waits, mut wakes } =
            buy::buy(input, &index, &books, target, (min, max), memory.short_since, &mut draft);
        memory.short_since = short_since;
        held_back(input, &index, &books, &limits, &mut memory, &mut draft, (&mut waits, &mut wakes));
        let (mut kind, failed) = let_go(input, &index, &books, &limits, (target, min), memory.lowered_at, &mut draft);
        if failed > 0 {
            memory.count_outcomes(now, Outcomes { ready: 0, failed });
        }
        if index.held.iter().any(|h| h.holding.notice.is_some()) {
            memory.disturb(now);
        }
        if kind == Kind::Rest && waits.is_empty() {
            let room = max.minus(books.occupied);
            if let Some(back) = moves::propose(input, &index, &books, &memory, (target, min, room), &mut draft) {
                waits.push(back.wait);
                wakes.push(back.at);
            }
            held_back(input, &index, &books, &limits, &mut memory, &mut draft, (&mut waits, &mut wakes));
            if !draft.actions.is_empty() {
                kind = Kind::Move;
                memory.count_moves(now, draft.machines());
            }
        }
        wakes.extend(index.held.iter().filter_map(|h| leave::never_ready_at(input, h)).filter(|at| *at > now).min());
        if let Some((machines, at)) = leave::young(input, &books, target).filter(|_| kind != Kind::Grow) {
            waits.push(Wait::Young { machines, at });
            wakes.push(at);
        }
        (kind, waits, wakes)
    };

    waits.extend(settling(&index));
    waits.extend(unseen(&index));
    let draining = draining(&index, now);
    if let (Some(Wait::Draining { first, .. }), false) = (&draining, input.paused) {
        wakes.push(*first);
    }
    waits.extend(draining);
    wakes.extend(sized.wake_at);

    let stays = |h: &&index::Held<'_>| !matches!(h.holding.standing, Standing::Draining { .. } | Standing::Ending);
    let price_before: PricePerHour = index.held.iter().filter(stays).filter_map(|h| index.price(h)).sum();
    let price_after = draft.steps.iter().fold(price_before, |price, step| price.plus(step.adds).minus(step.saves));
    let report = Report {
        fleet: input.fleet.name.clone(),
        at: now,
        currency: input.rates.reporting(),
        sizing: sized.sizing,
        held: books.all().counted,
        held_on_demand: books.on_demand().plus(books.removed_on_demand).counted,
        steps: draft.steps,
        waits,
        budgets: limits.all,
    };
    let plan = Plan {
        fleet: input.fleet.name.clone(),
        at: now,
        kind,
        actions: draft.actions,
        target,
        memory,
        price_before,
        price_after,
        wake_at: wakes.into_iter().filter(|t| *t >= now).min(),
    };
    (plan, report)
}

/// Cuts the launches of a draft to what budgets, a halt and the limit of launches leave.
fn held_back(
    input: &Input<'_>,
    index: &Index<'_>,
    books: &Books<'_>,
    limits: &purse::Limits,
    memory: &mut Memory,
    draft: &mut Draft,
    (waits, wakes): (&mut Vec<Wait>, &mut Vec<Time>),
) {
    if let Some(cut) = limits.cut(books, draft) {
        wakes.extend(cut.by.ends);
        waits.push(Wait::Budget { machines: cut.machines, by: cut.by });
    }
    if let Some(halt) = buy::halt(input, index, memory, draft) {
        memory.on_trial |= halt.halted;
        wakes.extend(halt.at);
        waits.push(halt.wait);
    }
    if let Some(limited) = buy::limit(input, index, draft) {
        wakes.push(limited.at);
        waits.push(Wait::LaunchLimit { machines: limited.machines, limit: limited.limit, at: limited.at });
    }
}

/// Adds what is let go to a draft that holds the launches. Gives the kind of the decision, and how many machines never
/// ran. `bounds` are the target, and what has to survive.
fn let_go(
    input: &Input<'_>,
    index: &Index<'_>,
    books: &Books<'_>,
    limits: &purse::Limits,
    bounds: (Capacity, Capacity),
    lowered_at: Option<Time>,
    draft: &mut Draft,
) -> (Kind, u32) {
    let launches = draft.actions.len();
    leave::noticed(input, index, draft);
    let failed = leave::never_ready(input, index, draft);
    let losing = index.held.iter().any(|h| h.holding.notice.is_some() && h.holding.standing != Standing::Ending);
    let mut kind = match (launches, draft.actions.len()) {
        (_, 0) => Kind::Rest,
        (_, all) if all > launches || losing => Kind::Repair,
        _ => Kind::Grow,
    };
    if kind == Kind::Rest {
        leave::shed(input, index, books, limits, draft);
    }
    if kind == Kind::Rest && draft.actions.is_empty() {
        leave::surplus(input, index, books, bounds, lowered_at, draft);
    }
    leave::drained(input, index, draft);
    if kind == Kind::Rest && !draft.actions.is_empty() {
        kind = Kind::Shrink;
    }
    (kind, failed)
}

/// Promises without a known outcome.
fn settling(index: &Index<'_>) -> Option<Wait> {
    let promised = index.held.iter().filter(|h| h.holding.standing == Standing::Promised);
    let machines = promised.fold(0_u32, |n, h| n.saturating_add(h.holding.count));
    (machines > 0).then_some(Wait::Settling { machines })
}

/// Lanes that are not seen.
fn unseen<'i>(index: &'i Index<'_>) -> impl Iterator<Item = Wait> + 'i {
    index.lanes.iter().filter(|l| !l.state.seen).map(|l| Wait::Unseen(l.lane.clone()))
}

/// Machines that finish their work.
fn draining(index: &Index<'_>, now: Time) -> Option<Wait> {
    let times = index.held.iter().filter_map(|h| match h.holding.standing {
        Standing::Draining { until } if until > now => Some(until),
        _ => None,
    });
    let (machines, first) =
        times.fold((0_u32, None::<Time>), |(n, first), t| (n.saturating_add(1), Some(first.map_or(t, |f| f.min(t)))));
    first.map(|first| Wait::Draining { machines, first })
}

#[cfg(test)]
pub(crate) mod tests;
