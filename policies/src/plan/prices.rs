//! What a fleet may buy: every pool with its price, as a decision sees it, and why it may not be bought from.

use core::cmp::Ordering;

use crate::allocate::by_unit_price;
use crate::model::{Offer, Pool};
use crate::plan::Input;
use crate::plan::index::{Index, Site, newest};
use crate::report::Because;
use crate::units::{Capacity, PricePerHour, UnitPrice};

/// A pool of the fleet as a decision sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolPrice {
    /// Which.
    pub pool: Pool,
    /// What the provider says; `None`: it offers nothing there.
    pub offer: Option<Offer>,
    /// Price of one machine in the reporting currency; `None` without an offer or a rate of exchange.
    pub price: Option<PricePerHour>,
    /// What one machine would bring; nothing without an offer.
    pub units: Capacity,
    /// Price of the same type on-demand, the cheapest of the region, when it is known.
    pub on_demand: Option<PricePerHour>,
    /// Launches that failed here in a row for lack of room, as far as is remembered.
    pub failures: u32,
    /// Why nothing may be bought here; `None`: it may. What the fleet holds already, and what its shares of places
    /// leave, is not in it: that depends on how much is wanted.
    pub refused: Option<Because>,
}

impl PoolPrice {
    /// Price of one unit-hour, when a machine brings any.
    #[must_use]
    pub fn per_unit(&self) -> Option<UnitPrice> {
        self.price.filter(|_| !self.units.is_zero()).map(|price| price.per_unit(self.units))
    }

    /// What it saves against on-demand, in hundredths of a percent; negative when it is dearer.
    #[must_use]
    pub fn saving(&self) -> Option<i64> {
        self.price?.saving(self.on_demand?)
    }
}

/// Every pool of the fleet, the cheapest unit-hour first, those without a price last; the same by the order of pools.
/// It is the planner's own judgement of each: no rule is written twice.
#[must_use]
pub fn prices(input: &Input<'_>) -> Vec<PoolPrice> {
    let index = Index::new(input);
    let offers = newest(input.offers);
    let on_demand = index.on_demand_prices(input, &offers);
    let price = |site: &Site<'_>| PoolPrice {
        pool: site.pool.clone(),
        offer: site.offer.cloned(),
        price: site.price,
        units: site.units,
        on_demand: on_demand.get(&(site.region, site.pool.instance_type())).copied(),
        failures: site.failures,
        refused: site.refused.clone(),
    };
    let mut prices: Vec<_> = index.sites.iter().filter(|site| site.spec.is_some()).map(price).collect();
    // Stable: the index is in the order of pools.
    prices.sort_by(dearer);
    prices
}

/// By price per unit, exactly; what has none comes last.
fn dearer(a: &PoolPrice, b: &PoolPrice) -> Ordering {
    match (a.price, b.price) {
        (Some(x), Some(y)) => by_unit_price((x, a.units), (y, b.units)),
        (x, y) => x.is_none().cmp(&y.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;
    use crate::model::Market;
    use crate::plan::tests::{World, actions, pool};
    use crate::units::{Currency, ListPrice, Share, Span, UnitPrice};

    /// Pools in the order of the table, with why each is refused.
    fn table(world: &World) -> Vec<(String, Option<Because>)> {
        let short =
            |p: PoolPrice| (format!("{}/{}/{}", p.pool.zone(), p.pool.instance_type(), p.pool.market()), p.refused);
        world.seen(prices).into_iter().map(short).collect()
    }

    #[test]
    fn the_cheapest_unit_comes_first_and_what_has_no_price_last() {
        let mut world = World::new(0, 0);
        world.offer("aws/r/a/large/spot", 4, 100_000);
        world.offer("aws/r/a/small/spot", 2, 60_000);
        world.offer("aws/r/a/small/on-demand", 2, 100_000);
        world.offer("aws/r/b/large/spot", 4, 100_000);
        world.fleet.pools.insert(pool("aws/r/a/tiny/spot"), "web/0".into());
        world.offer("aws/r/a/bare/spot", 0, 1);
        let order: Vec<_> = table(&world).into_iter().map(|(pool, _)| pool).collect();
        let expected =
            ["a/large/spot", "b/large/spot", "a/small/spot", "a/small/on-demand", "a/bare/spot", "a/tiny/spot"];
        assert_eq!(order, expected);
    }

    #[test]
    fn each_pool_says_why_it_may_not_be_bought_from() {
        let mut world = World::new(0, 0);
        world.fleet.spot.max_price_of_on_demand = Some(Share::percent(60));
        world.offer("aws/r/a/small/spot", 2, 59_000);
        world.offer("aws/r/b/small/spot", 2, 61_000);
        world.offer("aws/r/a/small/on-demand", 2, 100_000);
        world.offer("aws/r/a/large/spot", 4, 150_000);
        world.offer("aws/r/c/small/spot", 2, 58_000);
        world.close("aws/r/c/small/spot", 5);
        world.fleet.pools.insert(pool("gcp/s/a/small/spot"), "web/0".into());
        let until = world.now.plus(Span::from_mins(5));
        let expected = [
            ("c/small/spot", Some(Because::Closed { kind: FailureKind::NoCapacity, until })),
            ("a/small/spot", None),
            ("b/small/spot", Some(Because::AboveShareOfOnDemand(UnitPrice::from_nanos(30_000_000)))),
            ("a/large/spot", Some(Because::NoOnDemandPrice)),
            ("a/small/on-demand", None),
            ("a/small/spot", Some(Because::Unseen)),
        ];
        assert_eq!(table(&world), expected.map(|(pool, why)| (pool.to_owned(), why)));
    }

    #[test]
    fn what_is_usable_is_what_a_plan_buys() {
        let mut world = World::new(40, 0);
        world.fleet.spot.max_price_per_unit = Some(UnitPrice::from_nanos(29_000_000));
        world.fleet.spot.min_pools = 9;
        for (zone, micros) in ["a", "b", "c", "d", "e", "f"].iter().zip([60_000, 58_000, 57_000, 59_000, 58_001, 1]) {
            world.offer(&format!("aws/r/{zone}/small/spot"), 2, micros);
        }
        world.close("aws/r/f/small/spot", 5);
        let usable: Vec<_> = world.seen(prices).into_iter().filter(|p| p.refused.is_none()).collect();
        let (plan, _) = world.decide();
        let bought = actions(&plan);
        assert_eq!(bought.len(), 2, "{bought:?}");
        for price in &usable {
            let name = format!("{}/small/spot", price.pool.zone());
            assert!(bought.iter().any(|action| action.contains(&name)), "{name}: {bought:?}");
        }
        assert_eq!(usable.len(), bought.len());
    }

    #[test]
    fn saving_is_told_against_the_cheapest_on_demand_of_the_region_in_hundredths_of_a_percent() {
        let mut world = World::new(0, 0);
        world.offer("aws/r/a/small/spot", 2, 33_333);
        world.offer("aws/r/b/small/spot", 2, 120_000);
        world.offer("aws/r/a/small/on-demand", 2, 110_000);
        world.offer("aws/r/b/small/on-demand", 2, 100_000);
        world.offer("aws/s/a/small/spot", 2, 10_000);
        let savings: Vec<_> = world.seen(prices).iter().map(|p| (p.pool.region().to_string(), p.saving())).collect();
        let of_r = |saving| ("r".to_owned(), Some(saving));
        assert_eq!(savings, [("s".to_owned(), None), of_r(6_666), of_r(0), of_r(-1_000), of_r(-2_000)]);
    }

    #[test]
    fn a_providers_own_currency_is_kept_beside_ours() {
        let mut world = World::new(0, 0);
        world.offer("ppio/27/27/4090/spot", 1, 2_000_000);
        world.offers[0].price = ListPrice { micros: 2_000_000, currency: Currency::Cny };
        let seen = |rates: &crate::cost::Rates| world.seen(|input| prices(&Input { rates, ..*input }));
        let [none] = &seen(&crate::cost::Rates::default())[..] else { panic!("one pool") };
        assert_eq!((none.price, none.per_unit(), none.refused.clone()), (None, None, Some(Because::NoRate)));
        let rates = crate::cost::Rates::new(Currency::Usd, &[(Currency::Cny, 140_000)]);
        let [told] = &seen(&rates)[..] else { panic!("one pool") };
        let own = told.offer.as_ref().map(|offer| offer.price);
        assert_eq!((told.price.map(PricePerHour::micros), own), (Some(280_000), Some(world.offers[0].price)));
        assert_eq!(told.pool.market(), Market::Spot);
    }
}
