//! What `spotfleet prices` prints as JSON. Amounts are whole numbers, exact; what they count ends their name: `_micros`
//! millionths of the currency, `_nanos` billionths of it, `_milli` thousandths, `_bp` hundredths of a percent, `_s`
//! seconds.

use policies::report::render_because;
use policies::units::Time;
use serde::{Deserialize, Serialize};

use super::Failure;
use super::make::word;
use crate::clock::rfc3339;
use crate::prices::{FleetPrices as Seen, Past, Row, Said};
use crate::shell::dry::Unread;

/// What `spotfleet prices` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// By name.
    pub fleets: Vec<FleetPrices>,
    /// What could not be read.
    pub unread: Vec<UnreadPlace>,
    /// Since when past prices were asked for; absent when they were not.
    pub history_since: Option<String>,
    /// Providers that tell no past prices.
    pub without_history: Vec<String>,
}

/// What one fleet may buy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetPrices {
    /// Its name.
    pub fleet: String,
    /// When the clouds were looked at.
    pub at: String,
    /// What capacity counts: `instance`, `vcpu`, `gpu`, or `unit` where types have weights of their own.
    pub unit: String,
    /// ISO 4217 code of all money but list prices.
    pub currency: String,
    /// The cheapest unit-hour first, those without a price last.
    pub pools: Vec<PoolPrice>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolPrice {
    /// `provider/region/zone/type/market`.
    pub pool: String,
    /// The provider's name.
    pub provider: String,
    /// Its region.
    pub region: String,
    /// The zone.
    pub zone: String,
    /// The instance type.
    pub instance_type: String,
    /// `spot` or `on-demand`.
    pub market: String,
    /// It may be bought from.
    pub usable: bool,
    /// Why not, in a word: those of the alternatives in plans.
    pub because: Option<String>,
    /// Why not, in a sentence.
    pub why: Option<String>,
    /// When that ends by itself, if it does.
    pub until: Option<String>,
    /// What the provider's list says of one machine-hour, in `list_currency`.
    pub list_price_micros: Option<u64>,
    /// ISO 4217 code.
    pub list_currency: Option<String>,
    /// One machine-hour.
    pub price_micros: Option<u64>,
    /// What one machine brings, in the fleet's unit.
    pub units_milli: Option<u64>,
    /// One unit-hour.
    pub unit_price_nanos: Option<u64>,
    /// One machine-hour of the same type on-demand: the cheapest of the region.
    pub on_demand_price_micros: Option<u64>,
    /// What it saves against that; negative when it is dearer.
    pub saving_bp: Option<i64>,
    /// When the provider set the price, or when it was read where the provider does not say.
    pub priced_at: Option<String>,
    /// So long before `at`.
    pub age_s: Option<u64>,
    /// The provider says that it has nothing left there.
    pub sold_out: bool,
    /// Launches in a row that failed there for lack of room, as far as is remembered.
    pub failed_launches: u32,
    /// What the provider says of how likely machines are to be had or kept there, in words.
    #[serde(default)]
    pub signals: Vec<String>,
    /// Why there is no price, where the provider said so.
    pub failure: Option<Failure>,
    /// What one machine-hour cost, oldest first; absent where nothing is told.
    pub history: Option<Vec<PastPrice>>,
}

/// What one machine-hour cost at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastPrice {
    /// Since then, until the next.
    pub since: String,
    /// In the fleet's currency.
    pub price_micros: u64,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnreadPlace {
    /// `provider/region`.
    pub lane: String,
    /// `machines`, `offers`, `history` or `signals`.
    pub what: String,
    /// Why not.
    pub failure: Failure,
}

impl Prices {
    /// What was seen of these fleets, with past prices since then.
    #[must_use]
    pub fn new(fleets: &[Seen], unread: &Unread, past: Option<(&Past, Time)>, said: Option<&Said>) -> Self {
        let none = std::collections::BTreeMap::new();
        let history = past.map_or(&none, |(past, _)| &past.failures);
        let signals = said.map_or(&none, |said| &said.failures);
        let places =
            [("machines", &unread.machines), ("offers", &unread.offers), ("history", history), ("signals", signals)];
        let failures = places.into_iter().flat_map(|(what, failures)| failures.iter().map(move |found| (what, found)));
        Self {
            fleets: fleets.iter().map(FleetPrices::from).collect(),
            unread: failures
                .map(|(what, (lane, failure))| UnreadPlace {
                    lane: lane.to_string(),
                    what: what.to_owned(),
                    failure: failure.into(),
                })
                .collect(),
            history_since: past.map(|(_, since)| rfc3339(since)),
            without_history: past.iter().flat_map(|(past, _)| &past.silent).map(ToString::to_string).collect(),
        }
    }
}

impl From<&Seen> for FleetPrices {
    fn from(seen: &Seen) -> Self {
        Self {
            fleet: seen.fleet.to_string(),
            at: rfc3339(seen.at),
            unit: seen.unit.to_owned(),
            currency: seen.currency.code().to_owned(),
            pools: seen.pools.iter().map(|row| PoolPrice::new(row, seen)).collect(),
        }
    }
}

impl PoolPrice {
    fn new(row: &Row, seen: &Seen) -> Self {
        let price = &row.price;
        let pool = &price.pool;
        let offer = price.offer.as_ref();
        let refused = price.refused.as_ref();
        let past = |(at, price): &(Time, policies::units::PricePerHour)| PastPrice {
            since: rfc3339(*at),
            price_micros: price.micros(),
        };
        Self {
            pool: pool.to_string(),
            provider: pool.provider().to_string(),
            region: pool.region().to_string(),
            zone: pool.zone().to_string(),
            instance_type: pool.instance_type().to_string(),
            market: pool.market().name().to_owned(),
            usable: refused.is_none(),
            because: refused.map(|because| word(because).0.to_owned()),
            why: refused.map(|because| render_because(because, seen.at, seen.currency)),
            until: refused.and_then(|because| word(because).1).map(rfc3339),
            list_price_micros: offer.map(|offer| offer.price.micros),
            list_currency: offer.map(|offer| offer.price.currency.code().to_owned()),
            price_micros: price.price.map(policies::units::PricePerHour::micros),
            units_milli: offer.map(|_| price.units.milli()),
            unit_price_nanos: price.per_unit().map(policies::units::UnitPrice::nanos),
            on_demand_price_micros: price.on_demand.map(policies::units::PricePerHour::micros),
            saving_bp: price.saving(),
            priced_at: offer.map(|offer| rfc3339(offer.priced_at)),
            age_s: offer.map(|offer| seen.at.since(offer.priced_at).as_millis() / 1_000),
            sold_out: row.is_sold_out(),
            failed_launches: price.failures,
            signals: row.signals.iter().map(ToString::to_string).collect(),
            failure: row.failure.as_ref().map(Failure::from),
            history: (!row.past.is_empty()).then(|| row.past.iter().map(past).collect()),
        }
    }
}
