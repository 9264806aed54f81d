//! What one region offers: the sizes and prices that were read, and when they are read again.

use std::collections::{BTreeMap, BTreeSet};

use policies::failure::{Failure, FailureKind};
use policies::model::{InstanceType, Offer, Pool, Region};
use policies::units::{ListPrice, Span, Time};
use tokio::time::Instant;
use tracing::debug;

use super::failure;
use super::prices::{Book, filter, listed, region_name};
use super::sizes::{Size, sizes};
use super::translate::zone_number;
use super::wire::{Arm, Retail};

/// Sizes are read again after this time: what they bring does not change, to whom they are sold does at times.
const SIZES_KEPT: Span = Span::from_hours(24);

/// When a size is not known, the list is read again, but not sooner than this: it is long.
const UNKNOWN_KEPT: Span = Span::from_hours(1);

const SIZES: &str = "GET skus";
const PRICES: &str = "GET retail/prices";

/// Facts about the offers of one region, each with its age.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    /// By their names in lower case, and when they were read.
    sizes: Option<(BTreeMap<String, Size>, Time)>,
    prices: Book,
    /// Why the last reading of prices failed.
    price_failure: Option<Failure>,
}

impl Catalogue {
    /// An offer or a failure for each pool, after reading what is missing or old. Reading of prices stops when
    /// `patience` is used up; the rest comes with the next call.
    ///
    /// # Errors
    /// When the sizes were never read and cannot be.
    pub(super) async fn offers(
        &mut self,
        arm: &Arm,
        retail: &Retail,
        region: &Region,
        pools: &[Pool],
        now: Time,
        patience: Span,
    ) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let wanted: BTreeSet<InstanceType> = pools.iter().map(|pool| pool.instance_type().clone()).collect();
        self.read_sizes(arm, region, &wanted, now).await?;
        let known = wanted.into_iter().filter(|size| self.size(size).is_some()).collect();
        self.read_prices(retail, region, &known, now, patience).await;
        let offer = |pool: &Pool| -> Result<Offer, Failure> {
            let size = self.size(pool.instance_type()).ok_or_else(|| unknown(pool))?;
            let wrong = |text: String| Failure::new(FailureKind::Invalid, SIZES, "-", &text);
            let zone = zone_number(region.as_str(), pool.zone().as_str()).map_err(wrong)?;
            if let Some(why) = size.refuses(zone, pool.market()) {
                return Err(wrong(why));
            }
            let (micros, priced_at) = self.price(pool, now)?;
            Ok(Offer { pool: pool.clone(), price: ListPrice::usd(micros), priced_at, shape: size.shape })
        };
        Ok(pools.iter().map(|pool| offer(pool).map_err(|failure| (pool.clone(), failure))).collect())
    }

    fn size(&self, name: &InstanceType) -> Option<&Size> {
        self.sizes.as_ref()?.0.get(&name.as_str().to_lowercase())
    }

    async fn read_sizes(
        &mut self,
        arm: &Arm,
        region: &Region,
        wanted: &BTreeSet<InstanceType>,
        now: Time,
    ) -> Result<(), Failure> {
        if let Some((_, at)) = &self.sizes {
            let kept = if wanted.iter().all(|size| self.size(size).is_some()) { SIZES_KEPT } else { UNKNOWN_KEPT };
            if now.since(*at) < kept {
                return Ok(());
            }
        }
        match arm.sizes(region.as_str()).await {
            Ok(items) => self.sizes = Some((sizes(region.as_str(), &items), now)),
            Err(trouble) => {
                let failure = failure::of_look(SIZES, &trouble);
                if self.sizes.is_none() {
                    return Err(failure);
                }
                debug!(%failure, "sizes of the last reading stand in");
            }
        }
        Ok(())
    }

    async fn read_prices(
        &mut self,
        retail: &Retail,
        region: &Region,
        wanted: &BTreeSet<InstanceType>,
        now: Time,
        patience: Span,
    ) {
        let began = Instant::now();
        let place = region_name(region);
        for size in self.prices.due(wanted, now) {
            if began.elapsed().as_millis() >= u128::from(patience.as_millis()) {
                debug!(%region, "the rest of the prices is read with the next call");
                return;
            }
            // The list tells names apart by case; the sizes' own list has the right one.
            let name = self.size(&size).map_or_else(|| size.to_string(), |known| known.name.clone());
            match retail.items(&filter(&place, &name)).await {
                Ok(items) => {
                    self.prices.take(size, listed(&place, &name, &items, now), now);
                    self.price_failure = None;
                }
                Err(trouble) => {
                    let failure = failure::of_look(PRICES, &trouble);
                    debug!(%failure, "the last prices stand in");
                    self.prices.pause(now);
                    self.price_failure = Some(failure);
                    return;
                }
            }
        }
    }

    /// The price, and when it was read: the list says only since when it is in force.
    fn price(&self, pool: &Pool, now: Time) -> Result<(u64, Time), Failure> {
        match self.prices.listed(pool.instance_type(), now) {
            Some((listed, at)) => listed.of(pool.market()).map(|micros| (micros, at)).ok_or_else(|| {
                let text = format!("the list has no {} price of {}", pool.market(), pool.instance_type());
                Failure::new(FailureKind::NoCapacity, PRICES, "-", &text)
            }),
            None => Err(self.price_failure.clone().unwrap_or_else(|| {
                let text = format!("no price of {} has been read yet", pool.instance_type());
                Failure::new(FailureKind::Unavailable, PRICES, "-", &text)
            })),
        }
    }
}

fn unknown(pool: &Pool) -> Failure {
    let text = format!("Azure has no size {} in {}", pool.instance_type(), pool.region());
    Failure::new(FailureKind::Invalid, SIZES, "-", &text)
}
