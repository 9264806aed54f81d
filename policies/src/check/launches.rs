//! Rules of launches: where, at what price, how much, in which shares, up to which bound.

use std::collections::BTreeMap;

use crate::check::{Books, Level, Violation, distinct, moves, survive};
use crate::model::{InstanceType, Lane, Market, Offer, Pool, SpecName, Zone};
use crate::plan::{Action, Input, LaunchWhy, PRICE_FRESH, PRICE_MARGIN, Plan, Standing, TRIAL};
use crate::units::{Capacity, PricePerHour, Share, Span, UnitPrice};

/// One launch of the plan, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Launch<'a> {
    pub(super) pool: &'a Pool,
    spec: &'a SpecName,
    pub(super) count: u32,
    pub(super) units: Capacity,
    pub(super) price: PricePerHour,
    pub(super) why: LaunchWhy,
}

impl Launch<'_> {
    pub(super) fn capacity(&self) -> Capacity {
        self.units.times(u64::from(self.count))
    }
}

/// Judges all launches of the plan, each by itself and all together.
pub(super) fn judge(input: &Input<'_>, plan: &Plan, books: &Books<'_>, found: &mut Vec<Violation>) {
    pace(input, plan, found);
    let launches: Vec<Launch<'_>> = plan.actions.iter().filter_map(launch).collect();
    if launches.is_empty() {
        return;
    }
    let on_demand = cheapest_on_demand(input);
    for launch in &launches {
        place(input, launch, found);
        terms(input, books, launch, found);
        if launch.pool.market() == Market::Spot {
            caps(input, &on_demand, launch, found);
        }
    }
    for lane in distinct(launches.iter().map(|l| l.pool.lane())) {
        if !input.lanes.get(lane).is_some_and(|state| state.seen) {
            found.push(Violation::Unseen(lane.clone()));
        }
    }
    shares(input, books, &launches, found);
    let capacity = books.occupied.plus(sum(launches.iter()));
    if capacity > books.max {
        found.push(Violation::OverMax { capacity, max: books.max });
    }
    amounts(input, books, &launches, found);
    bridges(input, &launches, found);
    moves::judge(input, books, &launches, found);
    survive::spares(input, books, &launches, found);
}

fn launch(action: &Action) -> Option<Launch<'_>> {
    match action {
        Action::Launch { pool, spec, count, units, price, why } => {
            Some(Launch { pool, spec, count: *count, units: *units, price: *price, why: *why })
        }
        Action::Drain { .. } | Action::End { .. } => None,
    }
}

fn sum<'a>(launches: impl Iterator<Item = &'a Launch<'a>>) -> Capacity {
    launches.map(Launch::capacity).sum()
}

/// The pool is named, with that specification, open, of the market for the purpose, and the call is small enough.
fn place(input: &Input<'_>, launch: &Launch<'_>, found: &mut Vec<Violation>) {
    let pool = launch.pool;
    if input.fleet.pools.get(pool) != Some(launch.spec) {
        found.push(Violation::ForeignPool(pool.clone()));
    }
    if input.closures.iter().any(|closure| closure.covers(pool, input.now)) {
        found.push(Violation::Closed(pool.clone()));
    }
    let market = match launch.why {
        LaunchWhy::Base | LaunchWhy::Bridge => Market::OnDemand,
        LaunchWhy::Spot | LaunchWhy::Move => Market::Spot,
        LaunchWhy::Survive if input.fleet.pools.keys().any(|p| p.market() == Market::Spot) => Market::Spot,
        LaunchWhy::Survive => Market::OnDemand,
    };
    if pool.market() != market {
        found.push(Violation::WrongPurpose(pool.clone()));
    }
    if input.lanes.get(pool.lane()).is_some_and(|state| launch.count > state.launch_batch) {
        found.push(Violation::OverBatch(pool.clone()));
    }
}

/// Price and size are those of the offer, and something is bought.
fn terms(input: &Input<'_>, books: &Books<'_>, launch: &Launch<'_>, found: &mut Vec<Violation>) {
    let as_offered = books.offers.get(launch.pool).is_some_and(|offer| {
        input.rates.convert(offer.price) == Some(launch.price) && units(input, offer) == launch.units
    });
    if !as_offered || launch.count == 0 || launch.units.is_zero() {
        found.push(Violation::NotAsOffered(launch.pool.clone()));
    }
}

fn units(input: &Input<'_>, offer: &Offer) -> Capacity {
    input.fleet.capacity_of(offer.pool.instance_type(), &offer.shape)
}

/// The cheapest on-demand price of each type in each region, of those whose currency has a rate. Machine against
/// machine of one type, so that no rounding to units is in it.
fn cheapest_on_demand<'a>(input: &Input<'a>) -> BTreeMap<(&'a Lane, &'a InstanceType), PricePerHour> {
    let mut cheapest = BTreeMap::new();
    for offer in input.offers.iter().filter(|o| o.pool.market() == Market::OnDemand) {
        if let Some(price) = input.rates.convert(offer.price) {
            let entry = cheapest.entry((offer.pool.lane(), offer.pool.instance_type())).or_insert(price);
            *entry = price.min(*entry);
        }
    }
    cheapest
}

/// Spot is at or below both price caps.
fn caps(
    input: &Input<'_>,
    on_demand: &BTreeMap<(&Lane, &InstanceType), PricePerHour>,
    launch: &Launch<'_>,
    found: &mut Vec<Violation>,
) {
    let (pool, rules) = (launch.pool, &input.fleet.spot);
    let price = launch.price.per_unit(launch.units);
    let mut keep = u128::from(Share::WHOLE.basis_points());
    if let Some(oldest) = rules.max_price_age {
        let read = input.lanes.get(pool.lane()).and_then(|state| state.priced_at);
        let age = read.map(|at| input.now.since(at));
        match age {
            Some(age) if age <= oldest => {
                if age > PRICE_FRESH {
                    let part = u128::from(PRICE_MARGIN.basis_points()) * u128::from(age.as_millis());
                    keep -= part.div_ceil(u128::from(oldest.as_millis()));
                }
            }
            _ => found.push(Violation::OldPrice(pool.clone())),
        }
    }
    let above_cap = |cap: UnitPrice| {
        let paid = u128::from(launch.price.micros()) * 1_000_000 * 10_000;
        paid > u128::from(cap.nanos()) * u128::from(launch.units.milli()) * keep
    };
    if rules.max_price_per_unit.is_some_and(above_cap) {
        found.push(Violation::OverCap { pool: pool.clone(), price });
    }
    if let Some(share) = rules.max_price_of_on_demand {
        let whole = on_demand.get(&(pool.lane(), pool.instance_type()));
        let above = |whole: &PricePerHour| {
            let most = u128::from(whole.micros()) * u128::from(share.basis_points()) * keep;
            u128::from(launch.price.micros()) * 10_000 * 10_000 > most
        };
        if whole.is_none_or(above) {
            found.push(Violation::OverShareOfOnDemand(pool.clone()));
        }
    }
}

/// A place at one level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Site<'a> {
    level: Level,
    provider: &'a str,
    lane: Option<&'a Lane>,
    zone: Option<&'a Zone>,
    pool: Option<&'a Pool>,
}

/// The four sites that a pool is in.
fn sites(pool: &Pool) -> [Site<'_>; 4] {
    let whole = Site { level: Level::Provider, provider: pool.provider().as_str(), lane: None, zone: None, pool: None };
    let region = Site { level: Level::Region, lane: Some(pool.lane()), ..whole };
    let zone = Site { level: Level::Zone, zone: Some(pool.zone()), ..region };
    [whole, region, zone, Site { level: Level::Pool, pool: Some(pool), ..zone }]
}

/// What a site with launches comes to.
struct Load<'a> {
    capacity: Capacity,
    largest: Capacity,
    pool: &'a Pool,
}

/// No site that gets spot holds more than its share of the wanted spot capacity afterwards, or one machine.
fn shares(input: &Input<'_>, books: &Books<'_>, launches: &[Launch<'_>], found: &mut Vec<Violation>) {
    let mut loads: BTreeMap<Site<'_>, Load<'_>> = BTreeMap::new();
    // What has to survive the loss of a place is spread by that rule.
    let spread = |l: &&Launch<'_>| l.pool.market() == Market::Spot && l.why != LaunchWhy::Survive;
    for launch in launches.iter().filter(spread) {
        for site in sites(launch.pool) {
            let nothing = Load { capacity: Capacity::ZERO, largest: Capacity::ZERO, pool: launch.pool };
            let load = loads.entry(site).or_insert(nothing);
            load.capacity = load.capacity.plus(launch.capacity());
            load.largest = load.largest.max(launch.units);
        }
    }
    if loads.is_empty() {
        return;
    }
    for holding in input.holdings.iter().filter(|h| h.counts() && h.pool.market() == Market::Spot) {
        for site in sites(&holding.pool) {
            if let Some(load) = loads.get_mut(&site) {
                load.capacity = load.capacity.plus(holding.capacity());
            }
        }
    }
    for (site, load) in loads {
        let bound = bound(input, books.wanted_spot, site.level, load.largest).max(load.largest);
        if load.capacity > bound {
            found.push(Violation::OverShare { pool: load.pool.clone(), level: site.level });
        }
    }
}

/// The most that a site of this level may hold of the wanted spot capacity.
fn bound(input: &Input<'_>, wanted: Capacity, level: Level, machine: Capacity) -> Capacity {
    let rules = &input.fleet.spot;
    // A whole is no bound: the last machine may bring more than is lacking.
    let part = |share: Share| if share < Share::WHOLE { share.of(wanted) } else { Capacity::from_milli(u64::MAX) };
    match level {
        Level::Provider => part(rules.max_share.provider),
        Level::Region => part(rules.max_share.region),
        Level::Zone => part(rules.max_share.zone),
        // One pool is no spread: it may hold all, what has to survive a loss included.
        Level::Pool if rules.min_pools <= 1 => part(rules.max_share.pool),
        Level::Pool => {
            let even = Capacity::from_milli(wanted.milli().div_ceil(u64::from(rules.min_pools.max(1))));
            part(rules.max_share.pool).min(machine.times(even.machines_of(machine)))
        }
    }
}

/// For each purpose no more is launched than is lacking for it, but for the rest of one machine.
fn amounts(input: &Input<'_>, books: &Books<'_>, launches: &[Launch<'_>], found: &mut Vec<Violation>) {
    let spot = sum(launches.iter().filter(|l| l.why == LaunchWhy::Spot));
    // While the operator wants to return to spot, a bridge is not in the way of the spot that replaces it.
    let bridged = if input.fleet.on_demand.return_to_spot { Capacity::ZERO } else { books.above_base() };
    for (why, lacking) in [
        (LaunchWhy::Base, books.base.minus(books.on_demand)),
        (LaunchWhy::Spot, books.wanted_spot.minus(books.spot).minus(bridged)),
        (LaunchWhy::Bridge, books.wanted_spot.minus(books.spot).minus(books.above_base()).minus(spot)),
    ] {
        let these = || launches.iter().filter(move |l| l.why == why);
        let (launched, largest) = (sum(these()), these().map(|l| l.units).max().unwrap_or_default());
        if !launched.is_zero() && launched.minus(largest) >= lacking {
            found.push(Violation::OverTarget { launched, lacking });
        }
    }
}

/// On-demand bridges only what spot has lacked for the stated time.
fn bridges(input: &Input<'_>, launches: &[Launch<'_>], found: &mut Vec<Violation>) {
    let due = input.fleet.on_demand.fallback_after.is_some_and(|wait| {
        input.memory.short_since.is_some_and(|since| since <= input.now && input.now.since(since) >= wait)
    });
    if !due {
        let early = launches.iter().filter(|l| l.why == LaunchWhy::Bridge).map(|l| l.pool);
        found.extend(distinct(early).into_iter().cloned().map(Violation::EarlyBridge));
    }
}

/// No more machines in an hour than the fleet allows, with what is promised.
fn pace(input: &Input<'_>, plan: &Plan, found: &mut Vec<Violation>) {
    const HOUR: Span = Span::from_hours(1);
    let planned: u64 =
        plan.actions.iter().map(|a| if let Action::Launch { count, .. } = a { u64::from(*count) } else { 0 }).sum();
    let promised: u64 =
        input.holdings.iter().filter(|h| h.standing == Standing::Promised).map(|h| u64::from(h.count)).sum();
    let recent = input.memory.launches.iter().filter(|(at, _)| input.now.since(*at) < HOUR);
    let launched: u64 = recent.map(|(_, n)| u64::from(*n)).sum();
    halt(input, planned, promised, found);
    let (machines, limit) = (planned + promised + launched, input.fleet.scale_up.max_launches_per_hour);
    if planned > 0 && machines > u64::from(limit) {
        found.push(Violation::OverLaunches { machines, limit });
    }
}

/// A fleet whose launches do not run launches nothing, and after that a few at a time until one runs.
fn halt(input: &Input<'_>, planned: u64, promised: u64, found: &mut Vec<Violation>) {
    const HOUR: Span = Span::from_hours(1);
    let Some(most) = input.fleet.scale_up.halt_above else { return };
    if planned == 0 {
        return;
    }
    let lately = || input.memory.outcomes.iter().filter(|(at, _)| input.now.since(*at) < HOUR);
    let failed: u64 = lately().map(|(_, o)| u64::from(o.failed)).sum();
    let ready: u64 = lately().map(|(_, o)| u64::from(o.ready)).sum();
    if failed >= u64::from(TRIAL) && failed * 10_000 > (failed + ready) * u64::from(most.basis_points()) {
        found.push(Violation::Halted { failed, of: failed + ready });
    }
    let starting: u64 =
        input.holdings.iter().filter(|h| h.standing == Standing::Starting).map(|h| u64::from(h.count)).sum();
    if input.memory.on_trial && planned + promised + starting > u64::from(TRIAL) {
        found.push(Violation::OverTrial { machines: planned + promised + starting });
    }
}
