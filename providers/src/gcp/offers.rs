//! What a zone offers: the shapes and prices that were read, and when they are read again.
//!
//! Google tells spot prices by `advice.capacityHistory`, which not every project may call: without it the checked-in
//! table stands in, with its date. There is no call for the on-demand price of a machine type (billing knows parts of
//! machines only), so those come from the settings or the table.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use policies::failure::{Failure, FailureKind};
use policies::model::{InstanceType, Market, Offer, Pool, Region, Shape, Zone};
use policies::units::{ListPrice, Span, Time};
use tokio::time::Instant;
use tracing::debug;

use super::failure;
use super::translate::{time_of, unknown_type};
use super::wire::Compute;

/// How long a spot price is kept. They change about monthly, so an hour misses nothing and spares the calls.
const SPOT_KEPT: Span = Span::from_hours(1);
/// After a refusal the history is left alone for so long.
const SPOT_PAUSE: Span = Span::from_mins(30);
/// A type that Google did not know is asked about again after this time; a known one never, since types do not change.
const UNKNOWN_KEPT: Span = Span::from_hours(1);

const SHAPES: &str = "machineTypes.get";
const SPOT: &str = "advice.capacityHistory";

type Place = (Zone, InstanceType);

/// Facts about offers, each with its age.
#[derive(Debug)]
pub(super) struct Catalogue {
    given: BTreeMap<(Region, InstanceType), ListPrice>,
    shapes: BTreeMap<Place, Shape>,
    unknown: BTreeMap<Place, Time>,
    /// The price, since when it holds, and when it was read.
    spot: BTreeMap<Place, (Option<(ListPrice, Time)>, Time)>,
    spot_paused: Option<Time>,
}

impl Catalogue {
    pub(super) fn new(given: BTreeMap<(Region, InstanceType), ListPrice>) -> Self {
        Self { given, shapes: BTreeMap::new(), unknown: BTreeMap::new(), spot: BTreeMap::new(), spot_paused: None }
    }

    /// An offer or a failure for each pool, after reading what is missing or old. Reading stops when `patience` is used
    /// up; the rest comes with the next call.
    ///
    /// # Errors
    /// When the types cannot be looked up.
    pub(super) async fn offers(
        &mut self,
        compute: &Compute,
        region: &Region,
        pools: &[Pool],
        now: Time,
        patience: Duration,
    ) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let until = Instant::now() + patience;
        let place = |pool: &Pool| (pool.zone().clone(), pool.instance_type().clone());
        let places: BTreeSet<Place> = pools.iter().map(place).collect();
        for place in &places {
            self.read_shape(compute, place, now, until).await?;
        }
        let spot: BTreeSet<Place> = pools.iter().filter(|pool| pool.market() == Market::Spot).map(place).collect();
        for place in spot.iter().filter(|place| self.shapes.contains_key(*place)).cloned().collect::<Vec<_>>() {
            self.read_spot(compute, region, &place, now, until).await;
        }
        let offer = |pool: &Pool| {
            let place = place(pool);
            let shape = self.shapes.get(&place).copied().ok_or_else(|| match self.unknown.get(&place) {
                Some(_) => unknown_type(SHAPES, &place.1, place.0.as_str()),
                None => Failure::new(FailureKind::Unavailable, SHAPES, "-", "the type has not been read yet"),
            })?;
            let (price, priced_at) = self.price(region, pool, &place, now).ok_or_else(|| {
                let text = format!("no {} price of {} in {} is known", pool.market(), place.1, place.0);
                Failure::new(FailureKind::Unavailable, SPOT, "-", &text)
            })?;
            Ok(Offer { pool: pool.clone(), price, priced_at, shape })
        };
        Ok(pools.iter().map(|pool| offer(pool).map_err(|failure| (pool.clone(), failure))).collect())
    }

    async fn read_shape(&mut self, compute: &Compute, place: &Place, now: Time, until: Instant) -> Result<(), Failure> {
        let unknown_still = self.unknown.get(place).is_some_and(|at| now.since(*at) < UNKNOWN_KEPT);
        if self.shapes.contains_key(place) || unknown_still || Instant::now() >= until {
            return Ok(());
        }
        match compute.shape(place.0.as_str(), place.1.as_str()).await {
            Ok(shape) => {
                self.unknown.remove(place);
                self.shapes.insert(place.clone(), shape);
            }
            Err(trouble) if trouble.is_gone() => {
                self.unknown.insert(place.clone(), now);
            }
            Err(trouble) => return Err(failure::of_look(SHAPES, &trouble)),
        }
        Ok(())
    }

    async fn read_spot(&mut self, compute: &Compute, region: &Region, place: &Place, now: Time, until: Instant) {
        let young = self.spot.get(place).is_some_and(|(_, read)| now.since(*read) < SPOT_KEPT);
        let paused = self.spot_paused.is_some_and(|at| now.since(at) < SPOT_PAUSE);
        if young || paused || Instant::now() >= until {
            return;
        }
        match compute.spot_price(region.as_str(), place.0.as_str(), place.1.as_str()).await {
            Ok(price) => {
                let price = price.map(|(price, since)| (price, since.unwrap_or(now)));
                self.spot.insert(place.clone(), (price, now));
            }
            Err(trouble) => {
                let failure = failure::of_look(SPOT, &trouble);
                debug!(%failure, "the last spot prices or the checked-in table stand in");
                self.spot_paused = Some(now);
            }
        }
    }

    /// The price, and when it was set or read.
    ///
    /// A spot price of Google's is as old as our reading of it: it holds until it is changed.
    fn price(&self, region: &Region, pool: &Pool, place: &Place, now: Time) -> Option<(ListPrice, Time)> {
        let row = TABLE.get(&(region.clone(), place.1.clone()));
        match pool.market() {
            Market::Spot => {
                let read = self.spot.get(place).and_then(|(price, read)| Some((price.as_ref()?.0, *read)));
                read.or_else(|| row.and_then(|row| Some((row.spot?, row.as_of))))
            }
            Market::OnDemand => {
                let given = self.given.get(&(region.clone(), place.1.clone()));
                given.map(|price| (*price, now)).or_else(|| row.map(|row| (row.on_demand, row.as_of)))
            }
        }
    }
}

/// Prices of a type in a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    as_of: Time,
    on_demand: ListPrice,
    spot: Option<ListPrice>,
}

/// The checked-in table. A row that cannot be read is left out; a test reads them all.
static TABLE: LazyLock<BTreeMap<(Region, InstanceType), Row>> =
    LazyLock::new(|| rows(include_str!("prices.csv")).flatten().collect());

fn rows(csv: &'static str) -> impl Iterator<Item = Option<((Region, InstanceType), Row)>> {
    csv.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| {
        let mut fields = line.split(',');
        let (region, kind, as_of) = (fields.next()?, fields.next()?, fields.next()?);
        let (on_demand, spot) = (fields.next()?, fields.next()?);
        let spot = if spot.is_empty() { None } else { Some(ListPrice::usd(micros(spot)?)) };
        let as_of = time_of(&format!("{as_of}T00:00:00Z"))?;
        Some(((region.into(), kind.into()), Row { as_of, on_demand: ListPrice::usd(micros(on_demand)?), spot }))
    })
}

/// Millionths of a decimal with at most six places.
fn micros(decimal: &str) -> Option<u64> {
    let (whole, places) = decimal.split_once('.').unwrap_or((decimal, ""));
    if places.len() > 6 || !places.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u64 = format!("{places:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_can_be_read() {
        let all: Vec<_> = rows(include_str!("prices.csv")).collect();
        assert!(all.len() > 500);
        assert!(all.iter().all(Option::is_some));
        assert_eq!(TABLE.len(), all.len(), "no type twice");
        let row = TABLE[&("us-central1".into(), "n2-standard-4".into())];
        assert_eq!((row.on_demand, row.spot), (ListPrice::usd(194_236), Some(ListPrice::usd(60_656))));
        assert!(TABLE.values().all(|row| row.spot.is_none_or(|spot| spot < row.on_demand)));
    }

    #[test]
    fn decimals_become_millionths() {
        for (text, expected) in [
            ("0.194236", Some(194_236)),
            ("3", Some(3_000_000)),
            ("1.5", Some(1_500_000)),
            ("0.0000001", None),
            ("-1", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }
}
