//! The model world of a story: what the controller and the clouds would hold, reduced to what a decision sees.
//!
//! It carries plans out at once and without loss: a launch makes machines that start, a drain marks, an end removes.
//! What goes wrong is said by the story. The simulator, not this, is where clouds misbehave by themselves.

use std::collections::BTreeMap;

use policies::budget::{AtLimit, Budget, Purse, Whose};
use policies::check::{Violation, check};
use policies::control::orders::Ordered;
use policies::cost::Rates;
use policies::demand::{Demand, History, Hour, Level, Reading, Readings, Sample};
use policies::failure::{FailureKind, Scope};
use policies::model::{DemandRules, Fleet, Lane, Market, Offer, Pool, SourceName};
use policies::plan::{Action, Closure, Holding, HoldingId, Input, LaneState, Memory, Outcomes, Place, Standing, Work};
use policies::schedule::TimeZone;
use policies::units::{Capacity, Currency, Money, PricePerHour, Share, Span, Time};
use policies::{Plan, Report, decide};

use crate::scenario::rules;

/// When every story starts: 2024-01-01T00:00:00Z, a Monday, so that hours of the week are easy to tell.
pub const START: Time = Time::from_millis(1_704_067_200_000);

/// Machines per launch call, when a story does not say.
const BATCH: u32 = 10;

/// How far back a `queue` line reaches: the rate of arrival is taken over ten minutes.
const READ_BACK: Span = Span::from_mins(10);

/// What the queue reads until a story says otherwise.
#[derive(Clone, Copy, Debug)]
struct Queue {
    waiting: u64,
    in_flight: u64,
    /// Jobs arriving in an hour.
    arriving: u64,
    since: Time,
}

impl Queue {
    fn read(&self, at: Time) -> Sample {
        // Any start of the count will do, if it leaves room for the past.
        let (elapsed, base) = (at.as_millis() - self.since.as_millis(), 1_000_000_000_000);
        let arrived = i64::try_from(self.arriving).unwrap_or(i64::MAX).saturating_mul(elapsed) / 3_600_000 + base;
        let arrived_total = Some(arrived.unsigned_abs());
        Sample { at, waiting: self.waiting, in_flight: self.in_flight, arrived_total }
    }
}

/// A fleet with all that a decision about it sees.
#[derive(Clone, Debug)]
pub struct World {
    /// The moment.
    pub now: Time,
    /// The fleet file.
    pub fleet: Fleet,
    /// What earlier decisions left.
    pub memory: Memory,
    /// Readings of the queue.
    pub demand: Demand,
    /// Need of past hours.
    pub history: History,
    /// Machines and promises.
    pub holdings: Vec<Holding>,
    /// What is offered.
    pub offers: Vec<Offer>,
    /// What is closed.
    pub closures: Vec<Closure>,
    /// Sight of the lanes.
    pub lanes: BTreeMap<Lane, LaneState>,
    /// Rates of exchange.
    pub rates: Rates,
    /// The operator has paused the fleet.
    pub paused: bool,
    /// Budgets, with what is spent of them.
    pub purses: Vec<Purse>,
    /// What the operator has ordered.
    pub ordered: Ordered,
    /// Machines take so long to start, as far as was learned.
    pub lead: Span,
    queue: Option<Queue>,
    /// What metrics read until a story says otherwise, in thousandths; `None`: they cannot be read.
    levels: BTreeMap<SourceName, Option<u64>>,
    machines: u32,
    /// First number of the machines that the last plan launched.
    newest: u32,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: START,
            fleet: rules::plain("web"),
            memory: Memory::default(),
            demand: Demand::default(),
            history: History::default(),
            holdings: Vec::new(),
            offers: Vec::new(),
            closures: Vec::new(),
            lanes: BTreeMap::new(),
            rates: Rates::default(),
            paused: false,
            purses: Vec::new(),
            ordered: Ordered::default(),
            lead: Span::ZERO,
            queue: None,
            levels: BTreeMap::new(),
            machines: 0,
            newest: 0,
        }
    }
}

impl World {
    /// What the planner and the checker are given.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        Input {
            now: self.now,
            fleet: &self.fleet,
            paused: self.paused,
            memory: &self.memory,
            demand: &self.demand,
            history: &self.history,
            holdings: &self.holdings,
            offers: &self.offers,
            closures: &self.closures,
            lanes: &self.lanes,
            rates: &self.rates,
            purses: &self.purses,
            lead: self.lead,
        }
    }

    /// The decision of now.
    pub fn decide(&self) -> (Plan, Report) {
        decide(&Input { fleet: &self.ordered.of(&self.fleet), ..self.input() })
    }

    /// When a schedule begins or ends next.
    #[must_use]
    pub fn next_of_schedules(&self) -> Option<Time> {
        self.fleet.schedules.iter().filter_map(|s| s.next_change(self.now)).min()
    }

    /// The rules that this plan breaks.
    #[must_use]
    pub fn check(&self, plan: &Plan) -> Vec<Violation> {
        check(&Input { fleet: &self.ordered.of(&self.fleet), ..self.input() }, plan)
    }

    /// Carries the plan out and keeps its memory.
    pub fn carry_out(&mut self, plan: &Plan) {
        self.memory = plan.memory.clone();
        self.newest = self.machines;
        let launched = plan.actions.iter().map(|a| if let Action::Launch { count, .. } = a { *count } else { 0 }).sum();
        if launched > 0 {
            self.memory.count_launches(self.now, launched);
        }
        for action in &plan.actions {
            match action {
                Action::Launch { pool, count, units, .. } => {
                    self.add(pool, *count, *units, Standing::Starting, Span::ZERO);
                }
                Action::Drain { instance, until, .. } => {
                    let id = HoldingId::Machine(instance.clone());
                    for holding in self.holdings.iter_mut().filter(|h| h.id == id) {
                        holding.standing = Standing::Draining { until: *until };
                        // That it was idle before says nothing of what it took since.
                        if holding.work == Work::Idle {
                            holding.work = Work::Unknown;
                        }
                    }
                }
                Action::End { instance, .. } => {
                    let id = HoldingId::Machine(instance.clone());
                    self.holdings.retain(|h| h.id != id);
                }
            }
        }
    }

    /// The prices of this lane are read again; false when it has none.
    pub fn priced(&mut self, lane: &Lane) -> bool {
        let now = self.now;
        self.lanes.get_mut(lane).map(|state| state.priced_at = Some(now)).is_some()
    }

    /// The budget of the fleet or of all fleets, made if there is none; days and months end as they do in UTC.
    pub fn purse(&mut self, whose: Whose, at_limit: AtLimit) -> &mut Purse {
        let found = self.purses.iter().position(|p| p.whose == whose);
        let at = found.unwrap_or_else(|| {
            let zone = TimeZone::utc();
            let alert_at = Share::percent(80);
            self.purses.push(Purse {
                whose,
                budget: Budget { per_hour: None, per_day: None, per_month: None, alert_at, at_limit },
                in_day: Money::ZERO,
                in_month: Money::ZERO,
                day_ends: zone.next_day(self.now),
                month_ends: zone.next_month(self.now),
                others: PricePerHour::ZERO,
            });
            self.purses.len() - 1
        });
        let purse = &mut self.purses[at];
        purse.budget.at_limit = at_limit;
        purse
    }

    /// The operator resumes the fleet: the halt is over.
    pub fn end_halt(&mut self) {
        self.memory.outcomes.clear();
        self.memory.on_trial = false;
    }

    /// Time goes on: what was noticed for a time that has come is gone, and the queue is read.
    pub fn advance(&mut self, now: Time) {
        self.now = now;
        self.holdings.retain(|h| h.notice.is_none_or(|at| at > now));
        self.read_queue();
    }

    fn read_queue(&mut self) {
        let running = self.running();
        let readings = self.demand.of_mut(&DemandRules::QUEUE.into());
        if let Some(queue) = self.queue {
            // After a leap in time, too, there is a reading to tell the rate from.
            readings.record(Reading::Jobs(queue.read(self.now.minus(READ_BACK))), running);
            readings.record(Reading::Jobs(queue.read(self.now)), running);
        } else {
            readings.missed(self.now);
        }
        for (name, level) in &self.levels {
            let readings = self.demand.of_mut(name);
            match level {
                Some(milli) => readings.record(Reading::Value(Level { at: self.now, milli: *milli }), running),
                None => readings.missed(self.now),
            }
        }
    }

    /// The metric reads so from now on, in thousandths; `None`: it cannot be read.
    pub fn set_level(&mut self, name: SourceName, milli: Option<u64>) {
        self.levels.insert(name, milli);
        self.read_queue();
    }

    fn running(&self) -> Capacity {
        self.holdings.iter().filter(|h| h.standing == Standing::Running).map(Holding::capacity).sum()
    }

    /// The queue reads so from now on, and its count of arrivals has been rising so for the last ten minutes.
    pub fn set_queue(&mut self, waiting: u64, in_flight: u64, arriving: u64) {
        let queue = Queue { waiting, in_flight, arriving, since: self.now };
        self.queue = Some(queue);
        let name = DemandRules::QUEUE.into();
        let pace = self.demand.of_mut(&name).pace();
        *self.demand.of_mut(&name) = Readings::default();
        self.demand.of_mut(&name).restore(pace);
        self.read_queue();
    }

    /// No reading comes from now on.
    pub fn lose_queue(&mut self) {
        self.queue = None;
        self.read_queue();
    }

    /// The need of each hour of the last `back` was so; of the hours of the day from..to only, if they are given.
    pub fn set_history(&mut self, back: Span, need: Capacity, hours: (i64, i64)) {
        let last = History::hour_of(self.now);
        let first = History::hour_of(self.now.minus(back));
        for number in (first..last).filter(|n| (hours.0..hours.1).contains(&n.rem_euclid(24))) {
            self.history.restore(number, Hour { sum_milli: need.milli(), readings: 1, peak: need });
        }
    }

    /// The pool is in the fleet file, its lane is seen, and it is offered so.
    pub fn offer(&mut self, offer: Offer) {
        let pool = offer.pool.clone();
        let lane = LaneState { seen: true, launch_batch: BATCH, priced_at: Some(self.now) };
        self.lanes.entry(pool.lane().clone()).or_insert(lane).priced_at = Some(self.now);
        self.fleet.pools.insert(pool.clone(), "web/0".into());
        self.withdraw(&pool);
        self.offers.push(offer);
    }

    /// The pool's price is not known.
    pub fn withdraw(&mut self, pool: &Pool) {
        self.offers.retain(|o| o.pool != *pool);
    }

    /// One of this currency is so many millionths of a dollar.
    pub fn exchange(&mut self, currency: Currency, micros: u64) {
        self.rates = Rates::new(Currency::Usd, &[(currency, micros)]);
    }

    /// Capacity of one machine of this pool, by its offer; one unit when there is none.
    #[must_use]
    pub fn units_of(&self, pool: &Pool) -> Capacity {
        let offer = self.offers.iter().find(|o| o.pool == *pool);
        offer.map_or(Capacity::ONE, |o| self.fleet.capacity_of(pool.instance_type(), &o.shape))
    }

    /// Adds machines, or one promise of so many.
    pub fn add(&mut self, pool: &Pool, count: u32, units: Capacity, standing: Standing, age: Span) {
        let holding = |id, count| {
            let born = self.now.minus(age);
            Holding {
                id,
                pool: pool.clone(),
                units,
                count,
                standing,
                born,
                notice: None,
                protected: false,
                work: Work::Unknown,
                ran: standing == Standing::Running,
                paid: PricePerHour::ZERO,
            }
        };
        if standing == Standing::Promised {
            self.machines += 1;
            self.holdings.push(holding(HoldingId::Promise(format!("t{}", self.machines).into()), count));
        } else {
            for number in self.machines + 1..=self.machines + count {
                self.holdings.push(holding(HoldingId::Machine(format!("m{number:02}").into()), 1));
            }
            self.machines += count;
        }
    }

    /// The provider will take so many machines of the pool at that time; false when there are fewer.
    pub fn notice(&mut self, pool: &Pool, count: u32, at: Time) -> bool {
        let mut left = count;
        for holding in self.holdings.iter_mut().filter(|h| h.pool == *pool && h.notice.is_none()) {
            if left > 0 {
                holding.notice = Some(at);
                left -= 1;
            }
        }
        left == 0
    }

    /// The operator protects so many machines of the pool, the youngest first; false when there are fewer.
    pub fn protect(&mut self, pool: &Pool, count: u32) -> bool {
        let mut left = count;
        for holding in self.holdings.iter_mut().rev().filter(|h| h.pool == *pool && !h.protected) {
            if left > 0 {
                holding.protected = true;
                left -= 1;
            }
        }
        left == 0
    }

    /// The workers of so many machines of the pool that did not say so say what they do, first of those that were told to
    /// go, then the youngest; false when there are fewer.
    pub fn work(&mut self, pool: &Pool, count: u32, work: Work) -> bool {
        let mut left = count;
        for going in [true, false] {
            let goes = |h: &Holding| matches!(h.standing, Standing::Draining { .. });
            let these =
                self.holdings.iter_mut().rev().filter(|h| h.pool == *pool && h.work != work && goes(h) == going);
            for holding in these.take(usize::try_from(left).unwrap_or(usize::MAX)) {
                holding.work = work;
                left -= 1;
            }
        }
        left == 0
    }

    /// So many machines of the pool are gone; false when there are fewer.
    pub fn lose(&mut self, pool: &Pool, count: u32) -> bool {
        let mut left = count;
        self.holdings.retain(|h| {
            let lost = left > 0 && h.pool == *pool;
            left -= u32::from(lost);
            !lost
        });
        left == 0
    }

    /// What the last plan launched in this pool was refused so: the machines never were, and what the failure closes
    /// is closed for a time that doubles with each failure in a row.
    pub fn refuse(&mut self, pool: &Pool, kind: FailureKind) {
        let (newest, before) = (self.newest, self.holdings.len());
        self.holdings.retain(|h| {
            let number = match &h.id {
                HoldingId::Machine(id) => id.as_str().trim_start_matches('m').parse().unwrap_or(0),
                HoldingId::Promise(_) => 0,
            };
            h.pool != *pool || h.standing != Standing::Starting || number <= newest
        });
        // They do not count as launched either.
        let refused = u32::try_from(before - self.holdings.len()).unwrap_or(0);
        if let Some((_, machines)) = self.memory.launches.last_mut() {
            *machines = machines.saturating_sub(refused);
        }
        let meaning = kind.meaning();
        let place = match meaning.scope {
            Scope::Nothing => return,
            Scope::Pool => Place::Pool(pool.clone()),
            Scope::LaneMarket => Place::LaneMarket(pool.lane().clone(), pool.market()),
            Scope::Lane => Place::Lane(pool.lane().clone()),
        };
        let before = self.closures.iter().find(|c| c.place == place).map_or(0, |c| c.strikes);
        let wait = meaning.first_wait.times(1 << before.min(16)).min(meaning.longest_wait);
        self.closures.retain(|c| c.place != place);
        self.closures.push(Closure { place, kind, until: self.now.plus(wait), strikes: before + 1 });
    }

    /// What starts (in this pool) now runs; a pool where something runs has no failures in a row.
    pub fn ready(&mut self, pool: Option<&Pool>) {
        let starts = |h: &&mut Holding| h.standing == Standing::Starting && pool.is_none_or(|p| h.pool == *p);
        for holding in self.holdings.iter_mut().filter(starts) {
            (holding.standing, holding.ran) = (Standing::Running, true);
            self.memory.count_outcomes(self.now, Outcomes { ready: holding.count, failed: 0 });
            self.closures.retain(|c| c.place != Place::Pool(holding.pool.clone()));
        }
    }

    /// The machines by pool, in order, in words; promises in brackets.
    #[must_use]
    pub fn holds(&self) -> Vec<String> {
        let mut counts: BTreeMap<(&Pool, &'static str), (u32, Capacity)> = BTreeMap::new();
        for holding in &self.holdings {
            let standing = match holding.standing {
                _ if holding.notice.is_some() => "noticed",
                Standing::Promised => "promised",
                Standing::Starting => "starting",
                Standing::Running if holding.protected => "protected",
                Standing::Running => "running",
                Standing::Draining { .. } => "draining",
                Standing::Ending => "ending",
            };
            let entry = counts.entry((&holding.pool, standing)).or_default();
            *entry = (entry.0 + holding.count, entry.1.plus(holding.capacity()));
        }
        let lines = counts.iter().map(|((pool, standing), (count, capacity))| {
            let units = if self.fleet.unit == policies::model::Unit::Instance && self.fleet.weights.is_empty() {
                String::new()
            } else {
                format!(", {capacity} units")
            };
            format!("{pool} x{count} {standing}{units}")
        });
        lines.collect()
    }

    /// Capacity that counts, of one market.
    #[must_use]
    pub fn counted(&self, market: Market) -> Capacity {
        self.holdings.iter().filter(|h| h.counts() && h.pool.market() == market).map(Holding::capacity).sum()
    }
}
