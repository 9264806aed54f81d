//! What fleets may buy: every pool with its price, by the planner's own judgement, and what it cost before.
//!
//! Not here: why a pool is refused ([`policies::plan::prices`]), and how it is printed (`cli`, `http::view`).

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use policies::cost::Rates;
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, Lane, Market, Pool, ProviderName};
use policies::plan::{self, PoolPrice};
use policies::units::{Capacity, Currency, ListPrice, PricePerHour, Time, UnitPrice};
use providers::{Provider, Signal};

use crate::shell::dry::{Decided, Unread};
use crate::shell::world::World;

pub mod plot;

/// Pools of a fleet whose past prices are asked for: the cheapest. More than anybody compares.
pub const PAST_POOLS: usize = 200;

/// Pools asked for in one call. EC2 changes a price a few times a day and gives a thousand changes on a page of about a
/// second: weeks of so many pools are within a call's deadline.
const POOLS_A_CALL: usize = 20;

/// The pools of one fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetPrices {
    /// Whose.
    pub fleet: FleetName,
    /// What capacity counts; where types have weights of their own, `unit`.
    pub unit: &'static str,
    /// What money is in, but for list prices.
    pub currency: Currency,
    /// The moment of it.
    pub at: Time,
    /// The cheapest unit-hour first.
    pub pools: Vec<Row>,
}

/// One pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What the planner makes of it.
    pub price: PoolPrice,
    /// Why there is no offer, where the provider said so.
    pub failure: Option<Failure>,
    /// What the provider says of how likely machines are to be had or kept there.
    pub signals: Vec<Signal>,
    /// What one machine cost: since when, until the next. Empty where nothing is told.
    pub past: Vec<(Time, PricePerHour)>,
}

impl Row {
    /// The provider itself says that it has no machine left there.
    #[must_use]
    pub fn is_sold_out(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::NoCapacity)
    }

    /// What one unit-hour cost.
    pub fn past_per_unit(&self) -> impl Iterator<Item = (Time, UnitPrice)> + '_ {
        let units = self.price.units;
        let brings = units != Capacity::ZERO;
        self.past.iter().filter(move |_| brings).map(move |(at, price)| (*at, price.per_unit(units)))
    }
}

impl FleetPrices {
    /// What was seen of a fleet.
    #[must_use]
    pub fn new(decided: &Decided, unread: &Unread) -> Self {
        let observation = &decided.observation;
        let row = |price: PoolPrice| {
            let failure = unread.pools.get(&price.pool).or_else(|| unread.offers.get(price.pool.lane()));
            Row {
                failure: failure.filter(|_| price.offer.is_none()).cloned(),
                price,
                signals: Vec::new(),
                past: Vec::new(),
            }
        };
        let fleet = &observation.fleet;
        Self {
            fleet: fleet.name.clone(),
            unit: if fleet.weights.is_empty() { fleet.unit.name() } else { "unit" },
            currency: observation.rates.reporting(),
            at: observation.now,
            pools: plan::prices(&observation.input()).into_iter().map(row).collect(),
        }
    }

    /// The pools whose past prices are worth asking for: spot, the cheapest first.
    pub fn spot(&self) -> impl Iterator<Item = &Pool> {
        self.pools.iter().map(|row| &row.price.pool).filter(|pool| pool.market() == Market::Spot)
    }

    /// Takes in past prices, where there is a rate of exchange.
    pub fn take(&mut self, past: &Past, rates: &Rates) {
        for row in &mut self.pools {
            let told = past.told.get(&row.price.pool).into_iter().flatten();
            row.past = told.filter_map(|(at, price)| Some((*at, rates.convert(*price)?))).collect();
        }
    }
}

impl Said {
    /// Gives the rows their signals.
    pub fn give(&self, fleets: &mut [FleetPrices]) {
        for row in fleets.iter_mut().flat_map(|fleet| &mut fleet.pools) {
            row.signals = self.told.get(&row.price.pool).cloned().unwrap_or_default();
        }
    }
}

/// `provider/zone/type`, with the region before a zone whose name does not tell it.
#[must_use]
pub fn short(pool: &Pool) -> String {
    let (region, zone) = (pool.region().as_str(), pool.zone().as_str());
    let place = if zone.starts_with(region) { zone.to_owned() } else { format!("{region}/{zone}") };
    format!("{}/{place}/{}", pool.provider(), pool.instance_type())
}

/// Past prices as they were read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// What each pool cost: since when, until the next.
    pub told: BTreeMap<Pool, Vec<(Time, ListPrice)>>,
    /// Lanes whose past could not be read, or not all of it.
    pub failures: BTreeMap<Lane, Failure>,
    /// Clouds that tell no past prices.
    pub silent: BTreeSet<ProviderName>,
}

/// What clouds say of pools beside their prices, as it was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Of each pool.
    pub told: BTreeMap<Pool, Vec<Signal>>,
    /// Lanes that could not be asked.
    pub failures: BTreeMap<Lane, Failure>,
    /// Clouds that say nothing.
    pub silent: BTreeSet<ProviderName>,
}

/// Asks the clouds how likely machines of these pools are to be had and kept. Lanes are asked at the same time.
pub async fn signals(world: &World, pools: BTreeSet<Pool>) -> Said {
    let lanes = by_lane(pools);
    let asked = lanes.iter().filter_map(|(lane, pools)| Some((lane, pools, world.providers.get(&lane.provider)?)));
    let answers =
        join_all(asked.map(async |(lane, pools, provider)| (lane, provider.signals(&lane.region, pools).await)));
    let mut said = Said::default();
    for (lane, answer) in answers.await {
        match answer {
            Ok(Some(told)) => {
                for (pool, signal) in told {
                    said.told.entry(pool).or_default().push(signal);
                }
            }
            Ok(None) => drop(said.silent.insert(lane.provider.clone())),
            Err(failure) => drop(said.failures.insert(lane.clone(), failure)),
        }
    }
    said
}

fn by_lane(pools: BTreeSet<Pool>) -> BTreeMap<Lane, Vec<Pool>> {
    let mut lanes: BTreeMap<Lane, Vec<Pool>> = BTreeMap::new();
    for pool in pools {
        lanes.entry(pool.lane().clone()).or_default().push(pool);
    }
    lanes
}

/// Asks the clouds what these pools cost since then. Lanes are asked at the same time, and each for a few pools a call.
pub async fn past(world: &World, pools: BTreeSet<Pool>, since: Time) -> Past {
    let lanes = by_lane(pools);
    let asked = lanes.iter().filter_map(|(lane, pools)| Some((lane, pools, world.providers.get(&lane.provider)?)));
    let answers =
        join_all(asked.map(async |(lane, pools, provider)| (lane, of_lane(&**provider, lane, pools, since).await)));
    let mut past = Past::default();
    for (lane, (told, ended)) in answers.await {
        past.told.extend(told);
        match ended {
            Ended::Told => {}
            Ended::Silent => drop(past.silent.insert(lane.provider.clone())),
            Ended::Failed(failure) => drop(past.failures.insert(lane.clone(), failure)),
        }
    }
    past
}

/// How the questions of a lane ended.
enum Ended {
    Told,
    Silent,
    Failed(Failure),
}

type Told = Vec<(Pool, Vec<(Time, ListPrice)>)>;

async fn of_lane(provider: &dyn Provider, lane: &Lane, pools: &[Pool], since: Time) -> (Told, Ended) {
    let mut all = Vec::new();
    for some in pools.chunks(POOLS_A_CALL) {
        match provider.price_history(&lane.region, some, since).await {
            Ok(Some(told)) => all.extend(told.into_iter().map(|history| (history.pool, history.prices))),
            Ok(None) => return (all, Ended::Silent),
            Err(failure) => return (all, Ended::Failed(failure)),
        }
    }
    (all, Ended::Told)
}
