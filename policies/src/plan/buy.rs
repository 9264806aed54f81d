//! What to launch: the base, then spot, then the bridge, then what has to survive.
//!
//! * **Base**: `min(base, target)` of on-demand, at the cheapest offer per unit. Where it cannot be had it waits; spot
//!   does not replace it.
//! * **Spot**: what the target lacks beyond the base. What a large base machine brings above the base counts.
//! * **Bridge**: on-demand for the part of that which spot cannot give, once spot has been short for `fallback_after`
//!   by the memory that came in. Promised spot is not bridged. With `return_to_spot` what bridges does not count
//!   against the wanted spot: it is asked for at every decision, and the sum may exceed the target while it starts
//!   (never the maximum). Without it the bridge counts as spot would.
//! * **Survive**: what the minimum lacks when the place that holds most is lost (`plan/survive.rs`).

use crate::allocate::{self, Basket, Limits, Shop};
use crate::model::{Market, SpotRules, Strategy};
use crate::plan::books::Books;
use crate::plan::draft::Draft;
use crate::plan::explain::Alternatives;
use crate::plan::index::Index;
use crate::plan::survive::Survival;
use crate::plan::{Input, LAUNCH_WINDOW, LaunchWhy, Memory, Outcomes, Standing, TRIAL};
use crate::report::{Because, Wait};
use crate::units::{Capacity, Time};

/// What was bought besides the actions.
pub(super) struct Bought {
    /// Since when spot is short, to remember.
    pub(super) short_since: Option<Time>,
    pub(super) waits: Vec<Wait>,
    pub(super) wakes: Vec<Time>,
}

/// One market's shop, wish and result.
struct Purchase {
    why: LaunchWhy,
    market: Market,
    basket: Basket,
    reason: String,
}

/// Adds the launches to the draft.
pub(super) fn buy(
    input: &Input<'_>,
    index: &Index<'_>,
    books: &Books<'_>,
    target: Capacity,
    (min, max): (Capacity, Capacity),
    short_since: Option<Time>,
    draft: &mut Draft,
) -> Bought {
    let now = input.now;
    let rules = &input.fleet.on_demand;
    let room = max.minus(books.occupied);
    let nothing_held = || allocate::Held::empty(index.sites.len(), index.zones, index.lanes.len(), index.providers);

    let mut on_demand = Shop::new(index.candidates(Market::OnDemand), Limits::NONE, nothing_held(), room);
    let base_lacks = books.owed_base.minus(books.on_demand().counted);
    let base = on_demand.buy(base_lacks);

    let base_comes = books.base.counted.plus(base.capacity()).max(books.owed_base);
    let wanted = target.minus(base_comes);
    let bridge_counts = if rules.return_to_spot { Capacity::ZERO } else { books.bridge.counted };
    let mut held = nothing_held();
    for h in index.held.iter().filter(|h| h.holding.counts()) {
        let site = index.site(h);
        if site.pool.market() == Market::Spot {
            held.add(h.site, site.zone, site.region, site.provider, h.holding.capacity());
        }
    }
    let spot_lacks = wanted.minus(books.spot.counted).minus(bridge_counts);
    let (spot, spot_shop) = buy_spot(input, index, target.minus(books.owed_base), held, on_demand.room(), spot_lacks);

    let bridge_gives = if rules.return_to_spot { Capacity::ZERO } else { books.bridge.existing };
    let short = books.spot.existing.plus(bridge_gives) < wanted;
    let short_since = short.then(|| short_since.unwrap_or(now));
    let unbridged = wanted.minus(books.spot.counted).minus(spot.capacity()).minus(books.bridge.counted);
    on_demand.set_room(spot_shop.room());
    let mut bought = Bought { short_since, waits: Vec::new(), wakes: Vec::new() };
    let mut bridge = Basket { bought: Vec::new(), missing: Capacity::ZERO };
    if let (Some(after), false) = (rules.fallback_after, unbridged.is_zero()) {
        let at = short_since.unwrap_or(now).plus(after);
        if at <= now && input.memory.short_since.is_some() {
            bridge = on_demand.buy(unbridged);
        } else {
            bought.waits.push(Wait::Fallback { missing: unbridged, at });
            bought.wakes.push(at);
        }
    }

    let spare = survive(input, index, min, [&base, &spot, &bridge], on_demand.room());
    let short_for = now.since(short_since.unwrap_or(now));
    let purchases = [
        Purchase {
            why: LaunchWhy::Base,
            market: Market::OnDemand,
            basket: base,
            reason: format!("the on-demand base of {} lacks {base_lacks}", books.owed_base),
        },
        Purchase {
            why: LaunchWhy::Spot,
            market: Market::Spot,
            basket: spot,
            reason: format!("of {} spot {spot_lacks} lacks", wanted.minus(bridge_counts)),
        },
        Purchase {
            why: LaunchWhy::Bridge,
            market: Market::OnDemand,
            basket: bridge,
            reason: format!("spot has been short for {short_for} and {unbridged} of it is not bridged"),
        },
    ];
    let purchases = purchases.map(|purchase| {
        let shop = if purchase.market == Market::Spot { &spot_shop } else { &on_demand };
        (purchase, shop)
    });
    let spare = spare.as_ref().map(|(purchase, shop)| (purchase, shop));
    let purchases: Vec<(&Purchase, &Shop)> = purchases.iter().map(|(p, shop)| (p, *shop)).chain(spare).collect();
    let chosen: Vec<usize> = purchases.iter().flat_map(|(p, _)| p.basket.bought.iter().map(|(c, _)| c.pool)).collect();
    for (Purchase { why, market, basket, reason }, shop) in purchases {
        let (why, market) = (*why, *market);
        if basket.bought.is_empty() && basket.missing.is_zero() {
            continue;
        }
        let alternatives = Alternatives::new(index, market, &chosen, shop);
        for (candidate, machines) in &basket.bought {
            let refused = alternatives.beside(index, Some(candidate));
            draft.launch(index, candidate.pool, *machines, why, reason, &refused);
        }
        if !basket.missing.is_zero() {
            let refused = alternatives.beside(index, None);
            bought.waits.push(Wait::NoOffer { why, missing: basket.missing, refused });
            bought.wakes.extend(reopenings(index, market));
        }
    }
    bought
}

/// Buys spot by the fleet's strategy.
fn buy_spot(
    input: &Input<'_>,
    index: &Index<'_>,
    wanted: Capacity,
    held: allocate::Held,
    room: Capacity,
    lacks: Capacity,
) -> (Basket, Shop) {
    let rules = input.fleet.spot;
    let candidates = index.candidates(Market::Spot);
    let limits = Limits::spot(wanted, rules);
    if rules.strategy != Strategy::Diversified {
        let mut shop = Shop::new(candidates, limits, held, room);
        return (shop.buy(lacks), shop);
    }
    // The same in each pool that can be had, then what that leaves missing.
    let pools = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
    let even = Limits::spot(wanted, SpotRules { min_pools: rules.min_pools.max(pools), ..rules });
    let mut shop = Shop::new(candidates, even, held, room);
    let mut basket = shop.buy(lacks);
    shop.set_limits(limits);
    let rest = shop.buy(basket.missing);
    basket.add(rest);
    (basket, shop)
}

/// What is bought besides, so that the minimum survives the loss of a place.
fn survive(
    input: &Input<'_>,
    index: &Index<'_>,
    min: Capacity,
    bought: [&Basket; 3],
    room: Capacity,
) -> Option<(Purchase, Shop)> {
    let of = input.fleet.survive?;
    let mut survival = Survival::counted(of, min, index);
    for (candidate, machines) in bought.iter().flat_map(|basket| &basket.bought) {
        survival.add(index, candidate.pool, candidate.units.times(*machines));
    }
    let lacks = survival.lacks();
    if lacks.is_zero() {
        return None;
    }
    let has_spot = index.sites.iter().any(|s| s.spec.is_some() && s.pool.market() == Market::Spot);
    let market = if has_spot { Market::Spot } else { Market::OnDemand };
    let reason = format!("{} of the minimum of {min} would survive the loss of a {}", survival.left(), of.name());
    let (basket, shop) = survival.buy(index, market, room);
    Some((Purchase { why: LaunchWhy::Survive, market, basket, reason }, shop))
}

/// Machines that the limit of launches in an hour leaves out.
pub(super) struct Limited {
    pub(super) machines: u32,
    pub(super) limit: u32,
    /// When the first launches of the hour do not count any more.
    pub(super) at: Time,
}

/// A fleet that halted, or is on trial after that.
pub(super) struct Halt {
    pub(super) wait: Wait,
    pub(super) at: Option<Time>,
    /// It is halted now: this begins a trial.
    pub(super) halted: bool,
}

/// Cuts the launches of a draft to what is left of them while launches do not run: nothing while the fleet is halted,
/// and [`TRIAL`] at a time on trial. `outcomes` is what became of the launches of the last hour, this decision included.
pub(super) fn halt(input: &Input<'_>, index: &Index<'_>, memory: &Memory, draft: &mut Draft) -> Option<Halt> {
    let most = input.fleet.scale_up.halt_above?;
    let (Outcomes { ready, failed }, over) = memory.outcomes_at(input.now);
    let of = ready.saturating_add(failed);
    let halted = failed >= TRIAL && u64::from(failed) * 10_000 > u64::from(of) * u64::from(most.basis_points());
    if halted {
        draft.limit_launches(0);
        let at = over.unwrap_or(input.now);
        return Some(Halt { wait: Wait::Halted { failed, of, at }, at: Some(at), halted });
    }
    if !memory.on_trial {
        return None;
    }
    let on_the_way =
        index.held.iter().filter(|h| matches!(h.holding.standing, Standing::Promised | Standing::Starting));
    let out = on_the_way.fold(0_u32, |n, h| n.saturating_add(h.holding.count));
    let machines = draft.limit_launches(TRIAL.saturating_sub(out));
    (machines > 0).then_some(Halt { wait: Wait::Trial { machines }, at: None, halted })
}

/// Cuts the launches of a draft to what the limit of launches in an hour leaves, the last first. A promise counts as
/// launched.
pub(super) fn limit(input: &Input<'_>, index: &Index<'_>, draft: &mut Draft) -> Option<Limited> {
    let limit = input.fleet.scale_up.max_launches_per_hour;
    let lately = input.memory.launches.iter().filter(|(since, _)| input.now.since(*since) < LAUNCH_WINDOW);
    let launched: u32 = lately.clone().fold(0, |n, (_, more)| n.saturating_add(*more));
    let promises = index.held.iter().filter(|h| h.holding.standing == Standing::Promised);
    let counted = promises.fold(launched, |n, h| n.saturating_add(h.holding.count));
    let machines = draft.limit_launches(limit.saturating_sub(counted));
    let first = lately.map(|(since, _)| *since).min().unwrap_or(input.now);
    (machines > 0).then(|| Limited { machines, limit, at: first.plus(LAUNCH_WINDOW) })
}

/// When the first closed pool of a market opens again.
fn reopenings(index: &Index<'_>, market: Market) -> Option<Time> {
    let sites = index.sites.iter().filter(|s| s.spec.is_some() && s.pool.market() == market);
    sites.filter_map(|s| if let Some(Because::Closed { until, .. }) = s.refused { Some(until) } else { None }).min()
}
