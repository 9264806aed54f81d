//! What one region offers: the shapes and prices that were read, and when they are read again.

use std::collections::{BTreeMap, BTreeSet};

use policies::failure::{Failure, FailureKind};
use policies::model::{InstanceType, Market, Offer, Pool, Region, Shape};
use policies::units::{ListPrice, Span, Time};
use tokio::time::Instant;
use tracing::debug;

use super::failure;
use super::prices::{OnDemandBook, SpotBook, currency, listed_price, price_list_filters};
use super::wire::{Ec2, PriceList};

/// A type that EC2 did not know is asked about again after this time; a known one never, since types do not change.
const UNKNOWN_KEPT: Span = Span::from_hours(1);

const SHAPES: &str = "DescribeInstanceTypes";
const SPOT: &str = "DescribeSpotPriceHistory";
const ON_DEMAND: &str = "GetProducts";

/// Facts about the offers of one region, each with its age.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    shapes: BTreeMap<InstanceType, Shape>,
    unknown: BTreeMap<InstanceType, Time>,
    spot: SpotBook,
    on_demand: OnDemandBook,
    /// Why the last reading of the price list failed.
    on_demand_failure: Option<Failure>,
}

impl Catalogue {
    /// An offer or a failure for each pool, after reading what is missing or old. Reading of on-demand prices stops
    /// when `patience` is used up; the rest comes with the next call.
    ///
    /// # Errors
    /// When the types cannot be looked up.
    pub(super) async fn offers(
        &mut self,
        ec2: &Ec2,
        list: &PriceList,
        region: &Region,
        pools: &[Pool],
        now: Time,
        patience: Span,
    ) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let of = |market| -> BTreeSet<_> {
            pools.iter().filter(|p| p.market() == market).map(|p| p.instance_type().clone()).collect()
        };
        let (mut spot, mut on_demand) = (of(Market::Spot), of(Market::OnDemand));
        self.read_shapes(ec2, spot.union(&on_demand), now).await?;
        spot.retain(|kind| self.shapes.contains_key(kind));
        on_demand.retain(|kind| self.shapes.contains_key(kind));
        let spot_failure = self.read_spot(ec2, &spot, now).await.err();
        self.read_on_demand(list, region, &on_demand, now, patience).await;
        let offer = |pool: &Pool| {
            let shape = self.shapes.get(pool.instance_type()).copied().ok_or_else(|| unknown_type(pool))?;
            let (price, priced_at) = match pool.market() {
                Market::Spot => self.spot_price(region, pool, spot_failure.as_ref())?,
                Market::OnDemand => self.on_demand_price(region, pool)?,
            };
            Ok(Offer { pool: pool.clone(), price, priced_at, shape })
        };
        Ok(pools.iter().map(|pool| offer(pool).map_err(|failure| (pool.clone(), failure))).collect())
    }

    async fn read_shapes(
        &mut self,
        ec2: &Ec2,
        types: impl Iterator<Item = &InstanceType>,
        now: Time,
    ) -> Result<(), Failure> {
        let unknown_still = |kind| self.unknown.get(kind).is_some_and(|at| now.since(*at) < UNKNOWN_KEPT);
        let due: Vec<_> =
            types.filter(|kind| !self.shapes.contains_key(kind) && !unknown_still(kind)).cloned().collect();
        if due.is_empty() {
            return Ok(());
        }
        let read = ec2.shapes(&due).await.map_err(|trouble| failure::of_look(SHAPES, &trouble))?;
        self.shapes.extend(read);
        for kind in due {
            if self.shapes.contains_key(&kind) {
                self.unknown.remove(&kind);
            } else {
                self.unknown.insert(kind, now);
            }
        }
        Ok(())
    }

    async fn read_spot(&mut self, ec2: &Ec2, types: &BTreeSet<InstanceType>, now: Time) -> Result<(), Failure> {
        let due = self.spot.due(types, now);
        if types.is_empty() || due.is_empty() {
            return Ok(());
        }
        match ec2.spot_prices(due.iter(), now).await {
            Ok(records) => self.spot.take(due, &records, now),
            Err(trouble) => {
                let failure = failure::of_look(SPOT, &trouble);
                if !self.spot.outlives(now) {
                    return Err(failure);
                }
                debug!(%failure, "spot prices of the last reading stand in");
            }
        }
        Ok(())
    }

    async fn read_on_demand(
        &mut self,
        list: &PriceList,
        region: &Region,
        types: &BTreeSet<InstanceType>,
        now: Time,
        patience: Span,
    ) {
        let began = Instant::now();
        for kind in self.on_demand.due(types, now) {
            if began.elapsed().as_millis() >= u128::from(patience.as_millis()) {
                debug!(%region, "the rest of the on-demand prices is read with the next call");
                return;
            }
            match list.products(&price_list_filters(region, &kind)).await {
                Ok(products) => {
                    let listed = products.iter().filter_map(|element| listed_price(element, currency(region)));
                    let price = listed.filter(|(listed, _)| *listed == kind).map(|(_, micros)| micros).min();
                    self.on_demand.take(kind, price, now);
                    self.on_demand_failure = None;
                }
                Err(trouble) => {
                    let failure = failure::of_look(ON_DEMAND, &trouble);
                    debug!(%failure, "the last on-demand prices or the checked-in table stand in");
                    self.on_demand.pause(now);
                    self.on_demand_failure = Some(failure);
                    return;
                }
            }
        }
    }

    fn spot_price(
        &self,
        region: &Region,
        pool: &Pool,
        failure: Option<&Failure>,
    ) -> Result<(ListPrice, Time), Failure> {
        if let Some(failure) = failure {
            return Err(failure.clone());
        }
        let price = self.spot.price(pool.instance_type(), pool.zone());
        price.map(|(micros, at)| (ListPrice { micros, currency: currency(region) }, at)).ok_or_else(|| {
            let text = format!("EC2 has no spot price for {} in {}", pool.instance_type(), pool.zone());
            Failure::new(FailureKind::NoCapacity, SPOT, "-", &text)
        })
    }

    fn on_demand_price(&self, region: &Region, pool: &Pool) -> Result<(ListPrice, Time), Failure> {
        self.on_demand.price(region, pool.instance_type()).ok_or_else(|| {
            self.on_demand_failure.clone().unwrap_or_else(|| {
                let text = format!("no on-demand price of {} in {region} has been read", pool.instance_type());
                Failure::new(FailureKind::Unavailable, ON_DEMAND, "-", &text)
            })
        })
    }
}

fn unknown_type(pool: &Pool) -> Failure {
    let text = format!("EC2 has no instance type {} in {}", pool.instance_type(), pool.region());
    Failure::new(FailureKind::Invalid, SHAPES, "-", &text)
}
