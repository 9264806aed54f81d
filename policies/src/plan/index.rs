//! The input, sorted and numbered once: pools with their quotes and reasons for refusal, holdings with their pool.
//!
//! Everything later works on these numbers. The order of holdings, offers and closures in the input is lost here.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use crate::allocate::{self, Candidate};
use crate::failure::FailureKind;
use crate::model::{InstanceType, Lane, Market, Offer, Pool, SpecName, Strategy};
use crate::plan::{Closure, Holding, Input, LaneState, PRICE_FRESH, PRICE_MARGIN, Place};
use crate::report::Because;
use crate::units::{Capacity, PricePerHour, Share, Span, UnitPrice};

/// A pool of the fleet, or of one of its machines.
pub(super) struct Site<'a> {
    pub(super) pool: &'a Pool,
    /// The launch specification; `None`: the pool is not (any more) in the fleet file.
    pub(super) spec: Option<&'a SpecName>,
    /// What counts of the offers for it.
    pub(super) offer: Option<&'a Offer>,
    /// Price of one machine, when it is known.
    pub(super) price: Option<PricePerHour>,
    /// What one machine would bring.
    pub(super) units: Capacity,
    /// Why nothing may be bought here; `None`: it may.
    pub(super) refused: Option<Because>,
    /// Launches that failed here in a row for lack of room, as far as is remembered.
    pub(super) failures: u32,
    pub(super) zone: usize,
    pub(super) region: usize,
    pub(super) provider: usize,
}

impl Site<'_> {
    /// Price per unit of what one machine would bring, when it brings any.
    pub(super) fn per_unit(&self) -> Option<UnitPrice> {
        self.price.filter(|_| !self.units.is_zero()).map(|p| p.per_unit(self.units))
    }

    /// As a candidate to buy from, when it is one.
    pub(super) fn candidate(&self, number: usize, strategy: Strategy) -> Option<Candidate> {
        let price = self.price.filter(|_| self.refused.is_none())?;
        let Self { zone, region, provider, units, .. } = *self;
        let score = allocate::score(strategy, price, units, self.failures);
        Some(Candidate { pool: number, zone, region, provider, units, price, score })
    }
}

/// A lane with what it allows.
pub(super) struct LaneAt<'a> {
    pub(super) lane: &'a Lane,
    pub(super) state: LaneState,
}

/// A holding and the number of its pool.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) holding: &'a Holding,
    pub(super) site: usize,
}

/// The input in order.
pub(super) struct Index<'a> {
    /// In the order of pools.
    pub(super) sites: Vec<Site<'a>>,
    /// In order; a site's `region` is a number into it.
    pub(super) lanes: Vec<LaneAt<'a>>,
    pub(super) zones: usize,
    pub(super) providers: usize,
    /// In the order of pools, then of ids.
    pub(super) held: Vec<Held<'a>>,
    strategy: Strategy,
}

impl<'a> Index<'a> {
    pub(super) fn new(input: &Input<'a>) -> Self {
        let (sites, held) = sites_and_holdings(input);
        let mut index =
            Self { sites, lanes: Vec::new(), zones: 0, providers: 0, held, strategy: input.fleet.spot.strategy };
        index.number(input);
        index.close(input);
        index.quote(input);
        index
    }

    /// What may be bought of a market, in the order of pools.
    pub(super) fn candidates(&self, market: Market) -> Vec<Candidate> {
        let sites = self.sites.iter().enumerate().filter(|(_, s)| s.spec.is_some() && s.pool.market() == market);
        sites.filter_map(|(i, _)| self.candidate(i)).collect()
    }

    /// This pool as a candidate to buy from, when it is one. What failed before counts for spot only.
    pub(super) fn candidate(&self, site: usize) -> Option<Candidate> {
        let at = &self.sites[site];
        let by_price = at.pool.market() == Market::OnDemand;
        at.candidate(site, if by_price { Strategy::LowestPrice } else { self.strategy })
    }

    pub(super) fn site(&self, held: &Held<'_>) -> &Site<'a> {
        &self.sites[held.site]
    }

    pub(super) fn seen(&self, site: &Site<'_>) -> bool {
        self.lanes[site.region].state.seen
    }

    /// What a holding costs an hour, when its price is known.
    pub(super) fn price(&self, held: &Held<'_>) -> Option<PricePerHour> {
        self.site(held).price.map(|p| p.times(u64::from(held.holding.count)))
    }

    /// Numbers zones, regions and providers: in the order of pools each is one run.
    fn number(&mut self, input: &Input<'a>) {
        let mut last: Option<&'a Pool> = None;
        for site in &mut self.sites {
            let pool = site.pool;
            let new_lane = last.is_none_or(|l| l.lane() != pool.lane());
            if last.is_none_or(|l| l.provider() != pool.provider()) {
                self.providers += 1;
            }
            if new_lane || last.is_none_or(|l| l.zone() != pool.zone()) {
                self.zones += 1;
            }
            if new_lane {
                let unseen = LaneState { seen: false, launch_batch: 0, priced_at: None };
                let state = input.lanes.get(pool.lane()).copied().unwrap_or(unseen);
                self.lanes.push(LaneAt { lane: pool.lane(), state });
            }
            site.zone = self.zones - 1;
            site.region = self.lanes.len() - 1;
            site.provider = self.providers - 1;
            if !state_seen(&self.lanes, site.region) {
                site.refused = Some(Because::Unseen);
            }
            last = Some(pool);
        }
    }

    /// Marks what is closed; of several closures the one that lasts longest.
    fn close(&mut self, input: &Input<'a>) {
        let mut lanes: Vec<[Option<&Closure>; 2]> = vec![[None; 2]; self.lanes.len()];
        let later = |slot: &mut Option<&'a Closure>, closure: &'a Closure| {
            if slot.is_none_or(|old| (old.until, old.kind) < (closure.until, closure.kind)) {
                *slot = Some(closure);
            }
        };
        let mut pools: BTreeMap<usize, Option<&'a Closure>> = BTreeMap::new();
        for closure in input.closures {
            // Remembered also after it is over. A quota is no sign of shortage.
            if let (Place::Pool(pool), FailureKind::NoCapacity) = (&closure.place, closure.kind)
                && let Ok(i) = self.sites.binary_search_by(|s| s.pool.cmp(pool))
            {
                self.sites[i].failures = closure.strikes;
            }
        }
        for closure in input.closures.iter().filter(|c| input.now < c.until) {
            let lane_at = |lane: &Lane| self.lanes.binary_search_by(|l| l.lane.cmp(lane)).ok();
            match &closure.place {
                Place::Pool(pool) => {
                    if let Ok(i) = self.sites.binary_search_by(|s| s.pool.cmp(pool)) {
                        later(pools.entry(i).or_default(), closure);
                    }
                }
                Place::LaneMarket(lane, market) => {
                    if let Some(i) = lane_at(lane) {
                        later(&mut lanes[i][slot(*market)], closure);
                    }
                }
                Place::Lane(lane) => {
                    if let Some(i) = lane_at(lane) {
                        for slot in &mut lanes[i] {
                            later(slot, closure);
                        }
                    }
                }
            }
        }
        for (i, site) in self.sites.iter_mut().enumerate() {
            let mut closed = lanes[site.region][slot(site.pool.market())];
            if let Some(Some(closure)) = pools.get(&i) {
                later(&mut closed, closure);
            }
            if let (Some(c), None) = (closed, &site.refused) {
                site.refused = Some(Because::Closed { kind: c.kind, until: c.until });
            }
        }
    }

    /// Joins the offers, and judges them.
    fn quote(&mut self, input: &Input<'a>) {
        let offers = newest(input.offers);
        let share = input.fleet.spot.max_price_of_on_demand;
        let on_demand = if share.is_some() { self.on_demand_prices(input, &offers) } else { BTreeMap::new() };
        let mut next = offers.into_iter().peekable();
        for site in &mut self.sites {
            while next.next_if(|o| o.pool < *site.pool).is_some() {}
            let offer = next.next_if(|o| o.pool == *site.pool);
            site.offer = offer;
            let refused = match offer {
                None => Some(Because::NoOffer),
                Some(offer) => {
                    site.units = input.fleet.capacity_of(site.pool.instance_type(), &offer.shape);
                    site.price = input.rates.convert(offer.price);
                    let age = self.lanes.get(site.region).map_or(Span::ZERO, |l| l.state.price_age(input.now));
                    judge(input, site, &on_demand, age)
                }
            };
            if site.refused.is_none() {
                site.refused = refused;
            }
        }
    }

    /// The cheapest on-demand price of each type in each region, whatever zone.
    pub(super) fn on_demand_prices<'o>(&self, input: &Input<'_>, offers: &[&'o Offer]) -> OnDemand<'o> {
        let mut prices = OnDemand::new();
        let mut lane = 0;
        for offer in offers.iter().filter(|o| o.pool.market() == Market::OnDemand) {
            while self.lanes.get(lane).is_some_and(|l| l.lane < offer.pool.lane()) {
                lane += 1;
            }
            if self.lanes.get(lane).is_none_or(|l| l.lane != offer.pool.lane()) {
                continue;
            }
            if let Some(price) = input.rates.convert(offer.price) {
                let cheapest = prices.entry((lane, offer.pool.instance_type())).or_insert(price);
                *cheapest = price.min(*cheapest);
            }
        }
        prices
    }
}

/// The on-demand price of one machine, by region number and type.
pub(super) type OnDemand<'a> = BTreeMap<(usize, &'a InstanceType), PricePerHour>;

/// In the order of pools. Of several offers for one pool the newest counts, then the dearest.
pub(super) fn newest(offers: &[Offer]) -> Vec<&Offer> {
    let mut offers: Vec<&Offer> = offers.iter().collect();
    let key = |o: &Offer| (Reverse(o.priced_at), Reverse(o.price.micros), o.price.currency);
    offers.sort_unstable_by(|a, b| a.pool.cmp(&b.pool).then_with(|| key(a).cmp(&key(b))));
    offers.dedup_by(|later, first| later.pool == first.pool);
    offers
}

fn state_seen(lanes: &[LaneAt<'_>], region: usize) -> bool {
    lanes.get(region).is_some_and(|l| l.state.seen)
}

fn slot(market: Market) -> usize {
    match market {
        Market::Spot => 0,
        Market::OnDemand => 1,
    }
}

/// Why an offered pool may not be bought from, when its price was read so long ago.
fn judge(input: &Input<'_>, site: &Site<'_>, on_demand: &OnDemand<'_>, age: Span) -> Option<Because> {
    let Some(price) = site.price else { return Some(Because::NoRate) };
    if site.units.is_zero() {
        return Some(Because::NoUnits);
    }
    if site.pool.market() == Market::OnDemand {
        return None;
    }
    let oldest = input.fleet.spot.max_price_age;
    if oldest.is_some_and(|oldest| age > oldest) {
        return Some(Because::PriceTooOld(age));
    }
    // What is left of a cap for a price of this age.
    let left_of_cap = u128::from(10_000 - oldest.map_or(0, |oldest| margin(age, oldest)));
    let lowered = Share::from_basis_points(u32::try_from(left_of_cap).unwrap_or(0));
    if let Some(cap) = input.fleet.spot.max_price_per_unit {
        // Exactly: price / units > cap, with the price in millionths, units in thousandths and the cap in billionths.
        let (left, right) = (u128::from(price.micros()) * 1_000_000 * 10_000, u128::from(cap.nanos()) * left_of_cap);
        if left > right * u128::from(site.units.milli()) {
            return Some(Because::AboveCap(cap.share(lowered)));
        }
    }
    if let Some(share) = input.fleet.spot.max_price_of_on_demand {
        let Some(full) = on_demand.get(&(site.region, site.pool.instance_type())) else {
            return Some(Because::NoOnDemandPrice);
        };
        // Machine against machine of the same type, so that no rounding to units is in it.
        let most = u128::from(full.micros()) * u128::from(share.basis_points()) * left_of_cap;
        if u128::from(price.micros()) * 10_000 * 10_000 > most {
            return Some(Because::AboveShareOfOnDemand(full.per_unit(site.units).share(share).share(lowered)));
        }
    }
    None
}

/// How far below its caps a price has to be that was read so long ago, in hundredths of a percent.
fn margin(age: Span, oldest: Span) -> u32 {
    if age <= PRICE_FRESH {
        return 0;
    }
    let whole = u128::from(PRICE_MARGIN.basis_points()) * u128::from(age.min(oldest).as_millis());
    u32::try_from(whole.div_ceil(u128::from(oldest.as_millis().max(1)))).unwrap_or(PRICE_MARGIN.basis_points())
}

/// All pools in order, and all holdings in order with the numbers of their pools.
fn sites_and_holdings<'a>(input: &Input<'a>) -> (Vec<Site<'a>>, Vec<Held<'a>>) {
    let site = |pool, spec| Site {
        pool,
        spec,
        offer: None,
        price: None,
        units: Capacity::ZERO,
        refused: None,
        failures: 0,
        zone: 0,
        region: 0,
        provider: 0,
    };
    let mut holdings: Vec<&'a Holding> = input.holdings.iter().collect();
    holdings.sort_unstable_by(|a, b| a.pool.cmp(&b.pool).then_with(|| a.id.cmp(&b.id)));
    let mut sites: Vec<Site<'a>> = Vec::with_capacity(input.fleet.pools.len());
    let mut held = Vec::with_capacity(holdings.len());
    let mut named = input.fleet.pools.iter().peekable();
    for holding in holdings {
        while let Some((pool, spec)) = named.next_if(|(pool, _)| **pool <= holding.pool) {
            sites.push(site(pool, Some(spec)));
        }
        if sites.last().is_none_or(|last| *last.pool != holding.pool) {
            sites.push(site(&holding.pool, None));
        }
        held.push(Held { holding, site: sites.len() - 1 });
    }
    sites.extend(named.map(|(pool, spec)| site(pool, Some(spec))));
    (sites, held)
}
