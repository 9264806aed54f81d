//! A simulated cloud: synchronous, seeded, in virtual time.
//!
//! [`SimCloud`] is a state machine without a clock and without async: time is an argument, and the same seed and the
//! same calls give the same answers on every platform. It does what clouds do to their callers: prices jump, pools
//! run dry, machines are taken with or without a notice, new machines are missing from listings, requests and replies
//! are lost, calls are carried out after the caller gave up. [`SimProvider`] puts the [`Provider`](crate::Provider)
//! face on it, for `spotfleet demo` and for tests of the shell.
//!
//! A call is made in three steps: [`submit`](SimCloud::submit) hands it in, [`advance`](SimCloud::advance) lets
//! virtual time pass up to [`next_event`](SimCloud::next_event) or any other time, [`take_answer`](SimCloud::take_answer)
//! fetches the answer. A caller that dies in between changes nothing: what was handed in is carried out all the same.
//!
//! Not here: the wire of a real cloud (`aws`), and any decision.

use std::collections::{BTreeMap, VecDeque};

use policies::control::{Call, Reply};
use policies::model::{Capabilities, InstanceId, Notice, Pool, ProviderName, Region, Token};
use policies::rng::Stream;
use policies::units::{Currency, ListPrice, Span, Time};

mod bill;
mod calls;
mod demo;
mod faults;
mod history;
mod machine;
mod market;
mod notices;
mod profiles;
mod provider;

pub use bill::Bill;
pub use demo::{DEMO_CYCLE, demo_world};
pub use faults::Faults;
pub use machine::{Ended, Owner, SimMachine};
pub use market::{Happening, PoolState, Weather};
pub use profiles::{aws_like, azure_like, gcp_like, ppio_like};
pub use provider::{Clock, SimProvider};

/// Number of a call handed in, unique within one cloud.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Ticket(pub u64);

/// A rule of the house that a caller broke. The cloud answers as a real one would; tests look here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Misuse {
    /// A machine without our owner tag was named in a call to end machines.
    ForeignEnded(InstanceId),
    /// More machines asked for in one launch than the cloud takes, or none.
    LaunchBatch {
        /// How many.
        count: u32,
    },
    /// More machines named in one call to end them than the cloud takes.
    TerminateBatch {
        /// How many.
        count: usize,
    },
    /// A token came again with another pool, fleet, specification or count.
    TokenReused(Token),
    /// A token made more machines than one order with it asked for.
    TokenDoubled {
        /// The token.
        token: Token,
        /// Machines it made so far.
        made: u32,
        /// Machines that it was to make at most.
        count: u32,
    },
    /// A launch into a pool that does not exist.
    NoSuchPool(Pool),
}

/// What happens by itself at a time.
#[derive(Clone, Debug)]
enum Due {
    /// A request reaches the place where it is carried out.
    Execute(Ticket),
    /// The caller of a request gets its answer, or gives up.
    Answer(Ticket),
    /// The provider takes a machine.
    Take(InstanceId),
    /// A written event.
    Script(Happening),
    /// The weather changes.
    Weather,
}

/// A call on its way.
#[derive(Clone, Debug)]
struct Flight {
    call: Call,
    /// What the caller will be told. Set when the call is carried out, or at once when it never will be.
    reply: Option<Reply>,
    /// The reply is lost on its way back.
    reply_lost: bool,
    /// The caller still waits for it.
    awaited: bool,
    /// It is still to be carried out.
    to_execute: bool,
    /// It waits for notices.
    polling: bool,
}

/// What the cloud remembers of a token.
#[derive(Clone, Debug)]
struct TokenUse {
    first: Call,
    /// When it first made machines.
    used_at: Option<Time>,
    ids: Vec<InstanceId>,
    made: u32,
    count: u32,
}

/// One simulated provider with all its regions.
///
/// Invariants: time never goes back (an earlier time is taken as the latest seen); every machine that a pool counts
/// as alive is in the map of machines; a misuse is recorded when the call is carried out.
#[derive(Clone, Debug)]
pub struct SimCloud {
    name: ProviderName,
    capabilities: Capabilities,
    currency: Currency,
    now: Time,
    faults: Faults,
    weather: Option<Weather>,
    pools: BTreeMap<Pool, PoolState>,
    past: BTreeMap<Pool, history::Past>,
    seed: u64,
    quotas: BTreeMap<(Region, policies::model::Market), u32>,
    outages: Vec<market::Outage>,
    machines: BTreeMap<InstanceId, SimMachine>,
    tokens: BTreeMap<Token, TokenUse>,
    agenda: BTreeMap<(Time, u64), Due>,
    flights: BTreeMap<Ticket, Flight>,
    answers: BTreeMap<Ticket, Reply>,
    queue: VecDeque<Notice>,
    unconfirmed: Vec<Notice>,
    misuses: Vec<Misuse>,
    settled: Bill,
    launched: u64,
    next_ticket: u64,
    next_order: u64,
    next_machine: u64,
    start_delay: (Span, Span),
    end_delay: Span,
    gone_listed: Span,
    fault_draws: Stream,
    delay_draws: Stream,
    market_draws: Stream,
    life_draws: Stream,
}

impl SimCloud {
    /// An empty cloud whose virtual time begins at `start`. Machines run 20 to 40 s after their launch, are gone 20 s
    /// after their end, and stay listed as gone for 5 minutes; nothing fails.
    #[must_use]
    pub fn new(name: &str, capabilities: Capabilities, start: Time, seed: u64) -> Self {
        let stream = |purpose: &str| Stream::new(seed, &format!("{name}/{purpose}"));
        Self {
            name: name.into(),
            capabilities,
            currency: Currency::Usd,
            now: start,
            faults: Faults::default(),
            weather: None,
            pools: BTreeMap::new(),
            past: BTreeMap::new(),
            seed,
            quotas: BTreeMap::new(),
            outages: Vec::new(),
            machines: BTreeMap::new(),
            tokens: BTreeMap::new(),
            agenda: BTreeMap::new(),
            flights: BTreeMap::new(),
            answers: BTreeMap::new(),
            queue: VecDeque::new(),
            unconfirmed: Vec::new(),
            misuses: Vec::new(),
            settled: Bill::default(),
            launched: 0,
            next_ticket: 1,
            next_order: 1,
            next_machine: 1,
            start_delay: (Span::from_secs(20), Span::from_secs(40)),
            end_delay: Span::from_secs(20),
            gone_listed: Span::from_mins(5),
            fault_draws: stream("faults"),
            delay_draws: stream("delays"),
            market_draws: stream("market"),
            life_draws: stream("life"),
        }
    }

    /// The currency of its prices.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Prices are in this currency.
    #[must_use]
    pub fn in_currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self
    }

    /// Machines run so long after their launch: between `least` and `most`.
    #[must_use]
    pub fn starting_within(mut self, least: Span, most: Span) -> Self {
        self.start_delay = (least, most.max(least));
        self
    }

    /// A machine told to end is gone after `end`, and is listed as gone for `listed` more.
    #[must_use]
    pub fn ending_within(mut self, end: Span, listed: Span) -> Self {
        self.end_delay = end;
        self.gone_listed = listed;
        self
    }

    /// Adds a pool: millionths of the cloud's currency per machine-hour, how many machines it holds, and what one
    /// brings. A pool that is there already is replaced.
    #[must_use]
    pub fn with_pool(mut self, pool: Pool, micros: u64, capacity: u32, shape: policies::model::Shape) -> Self {
        let price = ListPrice { micros, currency: self.currency };
        self.past.insert(pool.clone(), [(self.now, price)].into());
        self.pools.insert(pool, PoolState::new(price, capacity, shape, self.now));
        self
    }

    /// Adds the spot and the on-demand pool of one instance type in one zone. On-demand holds as many machines as spot.
    #[must_use]
    pub fn with_type(
        self,
        place: (&str, &str, &str),
        spot_micros: u64,
        on_demand_micros: u64,
        capacity: u32,
        shape: policies::model::Shape,
    ) -> Self {
        let (region, zone, kind) = place;
        let spot = Pool::new(self.name.as_str(), region, zone, kind, policies::model::Market::Spot);
        let on_demand = spot.in_market(policies::model::Market::OnDemand);
        self.with_pool(spot, spot_micros, capacity, shape).with_pool(on_demand, on_demand_micros, capacity, shape)
    }

    /// At most so many machines of one market in a region, ours and others'.
    #[must_use]
    pub fn with_quota(mut self, region: &str, market: policies::model::Market, machines: u32) -> Self {
        self.quotas.insert((region.into(), market), machines);
        self
    }

    /// Something that will happen so long after now.
    #[must_use]
    pub fn scripted(mut self, after: Span, what: Happening) -> Self {
        self.schedule(self.now.plus(after), Due::Script(what));
        self
    }

    /// Chance changes prices and room and takes machines from now on.
    #[must_use]
    pub fn with_weather(mut self, weather: Weather) -> Self {
        self.set_weather(Some(weather));
        self
    }

    /// Calls go wrong from now on.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Its configured name.
    #[must_use]
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Numbers that the core works with.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The latest time it has seen.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Its pools as they are.
    pub fn pools(&self) -> impl Iterator<Item = (&Pool, &PoolState)> {
        self.pools.iter()
    }

    /// Every machine that it still lists, in every phase, whoever owns it: the truth behind the listings.
    pub fn machines(&self) -> impl Iterator<Item = &SimMachine> {
        self.machines.values()
    }

    /// A machine, while it is listed in any phase.
    #[must_use]
    pub fn machine(&self, id: &InstanceId) -> Option<&SimMachine> {
        self.machines.get(id)
    }

    /// What callers did wrong so far.
    #[must_use]
    pub fn misuses(&self) -> &[Misuse] {
        &self.misuses
    }

    /// Machines that launches have made so far.
    #[must_use]
    pub fn launched(&self) -> u64 {
        self.launched
    }

    /// Changes how calls go wrong, from the next call on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Changes the weather; `None`: nothing happens by chance.
    pub fn set_weather(&mut self, weather: Option<Weather>) {
        self.agenda.retain(|_, due| !matches!(due, Due::Weather));
        if let Some(weather) = &weather {
            self.schedule(self.now.plus(weather.every), Due::Weather);
        }
        self.weather = weather;
    }

    /// Lifts every quota and outage.
    pub fn lift_limits(&mut self) {
        self.quotas.clear();
        self.outages.clear();
    }

    /// When something happens next, if nobody calls before.
    #[must_use]
    pub fn next_event(&self) -> Option<Time> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// Lets time pass. What falls due happens in order; answers can be taken afterwards.
    pub fn advance(&mut self, now: Time) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let due = entry.remove();
            self.now = self.now.max(at);
            match due {
                Due::Execute(ticket) => self.execute(ticket),
                Due::Answer(ticket) => self.answer(ticket),
                Due::Take(id) => self.take_machine(&id),
                Due::Script(what) => self.happen(what),
                Due::Weather => self.blow(),
            }
        }
        self.now = self.now.max(now);
    }

    /// The answer to a call, once it is there.
    pub fn take_answer(&mut self, ticket: Ticket) -> Option<Reply> {
        self.answers.remove(&ticket)
    }

    /// Every answer that is there, by ticket.
    pub fn take_answers(&mut self) -> BTreeMap<Ticket, Reply> {
        core::mem::take(&mut self.answers)
    }

    fn schedule(&mut self, at: Time, due: Due) {
        let order = self.next_order;
        self.next_order += 1;
        self.agenda.insert((at.max(self.now), order), due);
    }
}

#[cfg(test)]
mod tests;
