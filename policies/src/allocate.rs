//! From missing capacity to machines per pool: cheapest first, within what each place may hold.
//!
//! **Order.** Machines are bought one after the other from the candidate with the lowest [`score`] per unit, its price
//! but for what its strategy makes of past failures (compared exactly; ties by the order of pools), as long as one of its machines is not more than what is still missing.
//!
//! **The rest.** When the best candidate's machine is larger than what is missing, the rest is covered at the least
//! price: small machines, cheapest per unit first, and at any point one machine that covers what is then left. So a big
//! machine is not bought for a small rest when smaller ones cost less in total. The last machine may overshoot by less
//! than its own capacity, but nothing passes the maximum. What it makes needless of the others is put back.
//!
//! **Limits of a place**, of the wanted spot capacity *S*, with everything that counts there, promises included:
//! * one pool, zone, region or provider holds at most its share of *S*, or one machine (the share `WHOLE` is no bound);
//! * one pool holds at most `S / min_pools`, rounded up to whole machines.
//!
//! On-demand has no such limits. Not here: who is a candidate and how much is missing (`plan`).

use core::cmp::{Ordering, Reverse};

use crate::model::{SpotRules, Strategy, Survive};
use crate::report::Because;
use crate::units::{Capacity, PricePerHour, Share};

/// Compares two machines by price per unit, exactly; one without capacity is the dearest.
#[must_use]
pub fn by_unit_price(a: (PricePerHour, Capacity), b: (PricePerHour, Capacity)) -> Ordering {
    match (a.1.is_zero(), b.1.is_zero()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let left = u128::from(a.0.micros()) * u128::from(b.1.milli());
            left.cmp(&(u128::from(b.0.micros()) * u128::from(a.1.milli())))
        }
    }
}

/// A pool that may be bought from. Places are numbered by the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Number of its pool; pools are numbered in their order.
    pub pool: usize,
    /// Number of its zone.
    pub zone: usize,
    /// Number of its region.
    pub region: usize,
    /// Number of its provider.
    pub provider: usize,
    /// Capacity of one machine, not zero.
    pub units: Capacity,
    /// Price of one machine.
    pub price: PricePerHour,
    /// What it is chosen by, in place of its price: see [`score`].
    pub score: PricePerHour,
}

/// Each failure in a row that a pool is remembered for weighs so much of its price, up to [`FAILURES_WEIGHED`]: a pool
/// that has just refused is trusted again at once only where it is worth it. A first guess, until interruptions and
/// failures are counted by pool.
pub const FAILURE_WEIGHT: Share = Share::percent(25);

/// So many failures in a row weigh, and more weigh no more.
pub const FAILURES_WEIGHED: u32 = 4;

/// What a machine of this price and capacity is chosen by, when so many launches in a row failed in its pool.
#[must_use]
pub fn score(strategy: Strategy, price: PricePerHour, units: Capacity, failures: u32) -> PricePerHour {
    let failures = failures.min(FAILURES_WEIGHED);
    match strategy {
        Strategy::LowestPrice | Strategy::Diversified => price,
        Strategy::PriceCapacity => {
            let weight = 10_000 + u64::from(failures) * u64::from(FAILURE_WEIGHT.basis_points());
            let micros = u128::from(price.micros()) * u128::from(weight) / 10_000;
            PricePerHour::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        }
        // A failure is worth more than any price of a unit.
        Strategy::Capacity => {
            let each = units.milli().saturating_mul(1_000_000_000);
            PricePerHour::from_micros(price.micros().saturating_add(each.saturating_mul(u64::from(failures))))
        }
    }
}

/// What each place holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pools: Vec<Capacity>,
    zones: Vec<Capacity>,
    regions: Vec<Capacity>,
    providers: Vec<Capacity>,
}

impl Held {
    /// So many places, all empty.
    #[must_use]
    pub fn empty(pools: usize, zones: usize, regions: usize, providers: usize) -> Self {
        let none = |n| vec![Capacity::ZERO; n];
        Self { pools: none(pools), zones: none(zones), regions: none(regions), providers: none(providers) }
    }

    /// Adds capacity to a place and all that it lies in.
    pub fn add(&mut self, pool: usize, zone: usize, region: usize, provider: usize, capacity: Capacity) {
        self.change([pool, zone, region, provider], |held| held.plus(capacity));
    }

    /// Takes capacity from a place and all that it lies in.
    pub fn take(&mut self, pool: usize, zone: usize, region: usize, provider: usize, capacity: Capacity) {
        self.change([pool, zone, region, provider], |held| held.minus(capacity));
    }

    fn change(&mut self, at: [usize; 4], to: impl Fn(Capacity) -> Capacity) {
        let lists = [&mut self.pools, &mut self.zones, &mut self.regions, &mut self.providers];
        for (list, i) in lists.into_iter().zip(at) {
            if let Some(held) = list.get_mut(i) {
                *held = to(*held);
            }
        }
    }
}

/// What places may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The wanted spot capacity, and the shares of it; `None`: no such limits.
    spread: Option<(Capacity, SpotRules)>,
    /// The most that one place of this kind may hold; `None`: no such limit.
    place: Option<(Survive, Capacity)>,
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self { spread: None, place: None };

    /// The limits of spot when so much of it is wanted.
    #[must_use]
    pub const fn spot(wanted: Capacity, rules: SpotRules) -> Self {
        Self { spread: Some((wanted, rules)), place: None }
    }

    /// Each place of this kind holds at most so much.
    #[must_use]
    pub const fn places(of: Survive, most: Capacity) -> Self {
        Self { spread: None, place: Some((of, most)) }
    }

    /// How many machines of the candidate its places take, and the place that takes the fewest.
    #[must_use]
    pub fn room(&self, held: &Held, of: &Candidate) -> (u64, Because) {
        let units = of.units;
        let at = |list: &[Capacity], i: usize| list.get(i).copied().unwrap_or_default();
        if let Some((level, most)) = self.place {
            let (held, because) = match level {
                Survive::Zone => (at(&held.zones, of.zone), Because::ZoneFull),
                Survive::Region => (at(&held.regions, of.region), Because::RegionFull),
                Survive::Provider => (at(&held.providers, of.provider), Because::ProviderFull),
            };
            return (most.minus(held).machines_within(units), because);
        }
        let Some((wanted, rules)) = &self.spread else {
            return (u64::MAX, Because::PoolFull);
        };
        let pool = at(&held.pools, of.pool);
        let mut least = (u64::MAX, Because::PoolFull);
        if rules.min_pools > 1 {
            let part = wanted.milli().div_ceil(u64::from(rules.min_pools));
            let most = units.times(Capacity::from_milli(part).machines_of(units).max(1));
            least.0 = most.minus(pool).machines_within(units);
        }
        for (share, held, because) in [
            (rules.max_share.pool, pool, Because::PoolFull),
            (rules.max_share.zone, at(&held.zones, of.zone), Because::ZoneFull),
            (rules.max_share.region, at(&held.regions, of.region), Because::RegionFull),
            (rules.max_share.provider, at(&held.providers, of.provider), Because::ProviderFull),
        ] {
            if share < Share::WHOLE {
                let more = share.of(*wanted).max(units).minus(held).machines_within(units);
                if more < least.0 {
                    least = (more, because);
                }
            }
        }
        least
    }
}

/// Candidates of one machine size, cheapest first.
#[derive(Clone, Debug)]
struct Size {
    units: Capacity,
    candidates: Vec<Candidate>,
}

/// Candidates to buy from, and what is held already.
#[derive(Clone, Debug)]
pub struct Shop {
    sizes: Vec<Size>,
    state: State,
}

/// What changes while buying; small next to the candidates, so that the rest can be tried out on a copy.
#[derive(Clone, Debug)]
struct State {
    limits: Limits,
    held: Held,
    /// What the maximum still allows.
    room: Capacity,
    /// Per size, the first candidate that may still have room. Room only shrinks, so that it moves forward only.
    heads: Vec<usize>,
}

/// So many machines of a candidate.
pub type Bought = (Candidate, u64);

/// What was bought, in order, and what could not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Basket {
    /// Each candidate at most once, in the order first chosen.
    pub bought: Vec<Bought>,
    /// What is still missing.
    pub missing: Capacity,
}

impl Basket {
    /// Adds what was bought after it, for what it left missing.
    pub fn add(&mut self, more: Self) {
        self.bought.extend(more.bought);
        self.bought = merged(core::mem::take(&mut self.bought));
        self.missing = more.missing;
    }

    /// Capacity of all that was bought.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.bought.iter().map(|(c, n)| c.units.times(*n)).sum()
    }
}

impl Shop {
    /// Candidates under limits, where `held` is there already and `room` may be added in all.
    #[must_use]
    pub fn new(mut candidates: Vec<Candidate>, limits: Limits, held: Held, room: Capacity) -> Self {
        candidates.retain(|c| !c.units.is_zero());
        candidates.sort_unstable_by_key(|c| (c.units, c.score, c.pool));
        let sizes: Vec<Size> = candidates
            .chunk_by(|a, b| a.units == b.units)
            .map(|same| Size { units: same[0].units, candidates: same.to_vec() })
            .collect();
        let heads = vec![0; sizes.len()];
        Self { sizes, state: State { limits, held, room, heads } }
    }

    /// What the maximum still allows.
    #[must_use]
    pub fn room(&self) -> Capacity {
        self.state.room
    }

    /// Sets what the maximum still allows, when something else was bought meanwhile.
    pub fn set_room(&mut self, room: Capacity) {
        self.state.room = room;
    }

    /// Sets other limits, under which there may be room again.
    pub fn set_limits(&mut self, limits: Limits) {
        self.state.limits = limits;
        self.state.heads.fill(0);
    }

    /// Why not one more machine of this candidate: its places are full, the maximum is near, or its price.
    #[must_use]
    pub fn refusal(&self, of: &Candidate) -> Because {
        let (most, because) = self.state.limits.room(&self.state.held, of);
        match (most, self.state.room < of.units) {
            (0, _) => because,
            (_, true) => Because::OverMax,
            (_, false) => Because::Worse,
        }
    }

    /// Buys what is wanted, as far as there is room.
    pub fn buy(&mut self, wanted: Capacity) -> Basket {
        let mut left = wanted;
        let mut bought: Vec<Bought> = Vec::new();
        while !left.is_zero() {
            let Some((best, most)) = self.state.cheapest(&self.sizes, |_| true) else { break };
            if best.units > left {
                let rest = self.rest(left);
                for (candidate, n) in &rest.bought {
                    self.state.take(candidate, *n);
                }
                bought.extend(rest.bought);
                left = rest.missing;
                break;
            }
            let n = most.min(left.machines_within(best.units));
            self.state.take(&best, n);
            left = left.minus(best.units.times(n));
            bought.push((best, n));
        }
        let mut bought = merged(bought);
        if left.is_zero() {
            self.put_back(&mut bought, wanted);
        }
        Basket { bought, missing: left }
    }

    /// A large last machine can make smaller ones needless that were bought before it: they are put back, dearest
    /// first.
    fn put_back(&mut self, bought: &mut Vec<Bought>, wanted: Capacity) {
        let capacity: Capacity = bought.iter().map(|(c, n)| c.units.times(*n)).sum();
        let mut over = capacity.minus(wanted);
        let mut order: Vec<usize> = (0..bought.len()).collect();
        order.retain(|i| bought[*i].0.units <= over);
        order.sort_unstable_by_key(|i| (Reverse(bought[*i].0.price), *i));
        for i in order {
            let (candidate, n) = &mut bought[i];
            let back = over.machines_within(candidate.units).min(*n);
            *n -= back;
            over = over.minus(candidate.units.times(back));
            self.state.put_back(candidate, back);
        }
        bought.retain(|(_, n)| *n > 0);
    }

    /// The least price for a rest that is smaller than a machine of the best candidate: tries small machines one by
    /// one on a copy of the state, looks at each point for one machine that covers what is left, and keeps the
    /// cheapest of these ways (ties: the fewest machines). Without any that covers all, what comes nearest.
    fn rest(&self, rest: Capacity) -> Basket {
        /// Up to so many machines before the end are looked at one by one.
        const CLOSE: u64 = 64;
        let mut state = self.state.clone();
        let mut path: Vec<Bought> = Vec::new();
        let mut spent = 0_u128;
        let mut left = rest;
        let mut best: Option<(u128, usize, Candidate)> = None;
        while !left.is_zero() {
            if let Some(cover) = state.covering(&self.sizes, left) {
                let total = spent + u128::from(cover.score.micros());
                if best.is_none_or(|(least, ..)| total < least) {
                    best = Some((total, path.len(), cover));
                }
            }
            let Some((small, most)) = state.cheapest(&self.sizes, |units| units < left) else { break };
            let whole = left.machines_within(small.units).min(most);
            let n = whole.saturating_sub(CLOSE).max(1);
            state.take(&small, n);
            spent += u128::from(small.score.micros()) * u128::from(n);
            left = left.minus(small.units.times(n));
            path.push((small, n));
        }
        match best {
            None => Basket { bought: path, missing: left },
            Some((_, steps, cover)) => {
                path.truncate(steps);
                path.push((cover, 1));
                Basket { bought: path, missing: Capacity::ZERO }
            }
        }
    }
}

impl State {
    /// The candidate with the lowest price per unit among sizes that are wanted, and how many of it there is room for.
    fn cheapest(&mut self, sizes: &[Size], wanted: impl Fn(Capacity) -> bool) -> Option<(Candidate, u64)> {
        let mut best: Option<(Candidate, u64)> = None;
        for (i, size) in sizes.iter().enumerate() {
            if !wanted(size.units) {
                continue;
            }
            let Some((head, most)) = self.head(i, size) else { continue };
            let better = best.is_none_or(|(b, _)| {
                by_unit_price((head.score, head.units), (b.score, b.units)).then(head.pool.cmp(&b.pool)).is_lt()
            });
            if better {
                best = Some((head, most));
            }
        }
        best
    }

    /// The cheapest machine that covers all of this; of equal ones the larger, then by order of pools.
    fn covering(&mut self, sizes: &[Size], left: Capacity) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for (i, size) in sizes.iter().enumerate().filter(|(_, s)| s.units >= left) {
            let Some((head, _)) = self.head(i, size) else { continue };
            if best.is_none_or(|b| (head.score, b.units, head.pool) < (b.score, head.units, b.pool)) {
                best = Some(head);
            }
        }
        best
    }

    /// The cheapest candidate of a size that has room, and for how many machines.
    fn head(&mut self, i: usize, size: &Size) -> Option<(Candidate, u64)> {
        let under_max = self.room.machines_within(size.units);
        if under_max == 0 {
            return None;
        }
        let at = self.heads.get_mut(i)?;
        while let Some(candidate) = size.candidates.get(*at) {
            let (most, _) = self.limits.room(&self.held, candidate);
            if most > 0 {
                return Some((*candidate, most.min(under_max)));
            }
            *at += 1;
        }
        None
    }

    /// Undoes a taking. Candidates that were full stay passed over.
    fn put_back(&mut self, of: &Candidate, n: u64) {
        let capacity = of.units.times(n);
        self.held.take(of.pool, of.zone, of.region, of.provider, capacity);
        self.room = self.room.plus(capacity);
    }

    fn take(&mut self, of: &Candidate, n: u64) {
        let capacity = of.units.times(n);
        self.held.add(of.pool, of.zone, of.region, of.provider, capacity);
        self.room = self.room.minus(capacity);
    }
}

/// Each candidate once, in the order first chosen.
fn merged(bought: Vec<Bought>) -> Vec<Bought> {
    let mut order: Vec<(usize, Bought)> = bought.into_iter().enumerate().collect();
    order.sort_by_key(|(_, (c, _))| c.pool);
    order.dedup_by(|(_, (c, more)), (_, (first, n))| {
        let same = c.pool == first.pool;
        if same {
            *n = n.saturating_add(*more);
        }
        same
    });
    order.sort_unstable_by_key(|(i, _)| *i);
    order.into_iter().map(|(_, b)| b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MaxShare;
    use crate::rng::Stream;

    const FREE: SpotRules = SpotRules {
        max_price_of_on_demand: None,
        max_price_per_unit: None,
        min_pools: 1,
        max_share: MaxShare { pool: Share::WHOLE, zone: Share::WHOLE, region: Share::WHOLE, provider: Share::WHOLE },
        strategy: Strategy::LowestPrice,
        moves: None,
        max_price_age: None,
    };

    /// Candidates of (units, price), each in a zone of its own, two zones a region, one provider.
    fn candidates(of: &[(u64, u64)]) -> Vec<Candidate> {
        let candidate = |(pool, (units, price)): (usize, &(u64, u64))| Candidate {
            pool,
            zone: pool,
            region: pool / 2,
            provider: 0,
            units: Capacity::units(*units),
            price: PricePerHour::from_micros(*price),
            score: PricePerHour::from_micros(*price),
        };
        of.iter().enumerate().map(candidate).collect()
    }

    fn shop(of: &[(u64, u64)], limits: Limits, room: u64) -> Shop {
        let n = of.len();
        Shop::new(candidates(of), limits, Held::empty(n, n, n, 1), Capacity::units(room))
    }

    /// What is bought, as (pool, machines), and what is missing.
    fn buy(shop: &mut Shop, wanted: u64) -> (Vec<(usize, u64)>, u64) {
        let basket = shop.buy(Capacity::units(wanted));
        let missing = basket.missing.milli() / 1_000;
        (basket.bought.into_iter().map(|(c, n)| (c.pool, n)).collect(), missing)
    }

    #[test]
    fn the_cheapest_per_unit_is_bought_and_ties_go_by_pool() {
        let of = [(4, 400), (2, 180), (1, 90)];
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 100), 8), (vec![(1, 4)], 0));
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 100), 3), (vec![(1, 1), (2, 1)], 0));
    }

    #[test]
    fn a_price_per_unit_is_compared_exactly() {
        // 1/3 and 1/3 + 1/30,000,000: alike when rounded to billionths of a dollar per unit.
        let dear = (PricePerHour::from_micros(10_000_001), Capacity::units(30_000_000));
        let cheap = (PricePerHour::from_micros(1), Capacity::units(3));
        assert_eq!(dear.0.per_unit(dear.1), cheap.0.per_unit(cheap.1));
        assert_eq!(by_unit_price(cheap, dear), Ordering::Less);
        assert_eq!(by_unit_price(cheap, (PricePerHour::ZERO, Capacity::ZERO)), Ordering::Less);
    }

    #[test]
    fn a_big_machine_is_not_bought_for_a_small_rest() {
        let of = [(16, 1_600), (1, 110)];
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 100), 19), (vec![(0, 1), (1, 3)], 0));
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 100), 15), (vec![(0, 1)], 0), "sixteen for less than fifteen ones");
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 15), 15), (vec![(1, 15)], 0), "where sixteen pass the maximum");
    }

    #[test]
    fn a_rest_is_covered_from_several_sizes_at_the_least_price() {
        // For 7: 4 + 2 + 1 costs 460 + 250 + 140, 4 + 4 costs 920, 8 costs 800.
        assert_eq!(buy(&mut shop(&[(8, 800), (4, 460), (2, 250), (1, 140)], Limits::NONE, 99), 7), (vec![(0, 1)], 0));
        // For 5: 4 + 1 costs 600.
        assert_eq!(
            buy(&mut shop(&[(8, 800), (4, 460), (2, 250), (1, 140)], Limits::NONE, 99), 5),
            (vec![(1, 1), (3, 1)], 0)
        );
    }

    #[test]
    fn what_a_large_last_machine_makes_needless_is_not_bought() {
        let mut rules = FREE;
        rules.max_share.zone = Share::percent(20);
        let limits = Limits::spot(Capacity::units(19), rules);
        // Three ones fit their zone, then a sixteen is the cheapest for the rest, and then another.
        assert_eq!(buy(&mut shop(&[(1, 90), (16, 1_600), (16, 1_610)], limits, 99), 19), (vec![(0, 3), (1, 1)], 0));
        let limits = Limits::spot(Capacity::units(16), rules);
        assert_eq!(buy(&mut shop(&[(1, 90), (16, 1_600)], limits, 99), 16), (vec![(1, 1)], 0));
    }

    #[test]
    fn nothing_passes_the_maximum() {
        let of = [(8, 800), (3, 600)];
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 10), 10), (vec![(0, 1)], 2));
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 11), 10), (vec![(0, 1), (1, 1)], 0));
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 2), 10), (vec![], 10));
        assert_eq!(buy(&mut shop(&of, Limits::NONE, 10), 0), (vec![], 0));
    }

    #[test]
    fn a_place_holds_its_share_or_one_machine() {
        let mut rules = FREE;
        rules.max_share.zone = Share::percent(40);
        let limits = Limits::spot(Capacity::units(10), rules);
        let of = [(1, 10), (1, 20), (1, 30)];
        assert_eq!(buy(&mut shop(&of, limits, 99), 10), (vec![(0, 4), (1, 4), (2, 2)], 0));
        let big = [(6, 10), (6, 20), (1, 30)];
        assert_eq!(buy(&mut shop(&big, limits, 99), 10), (vec![(0, 1), (1, 1)], 0), "a big one fits alone");
        rules.max_share.region = Share::percent(60);
        let limits = Limits::spot(Capacity::units(10), rules);
        assert_eq!(buy(&mut shop(&of, limits, 99), 10), (vec![(0, 4), (1, 2), (2, 4)], 0));
        rules.max_share.provider = Share::percent(70);
        let mut narrow = shop(&of, Limits::spot(Capacity::units(10), rules), 99);
        assert_eq!(buy(&mut narrow, 10), (vec![(0, 4), (1, 2), (2, 1)], 3));
        assert_eq!(narrow.refusal(&candidates(&of)[2]), Because::ProviderFull);
    }

    #[test]
    fn what_is_held_counts_against_a_share() {
        let mut rules = FREE;
        rules.max_share.zone = Share::percent(50);
        let mut held = Held::empty(2, 2, 2, 1);
        held.add(0, 0, 0, 0, Capacity::units(4));
        let of = [(1, 10), (1, 20)];
        let mut shop = Shop::new(candidates(&of), Limits::spot(Capacity::units(10), rules), held, Capacity::units(99));
        assert_eq!(buy(&mut shop, 6), (vec![(0, 1), (1, 5)], 0));
    }

    #[test]
    fn min_pools_rounds_up_to_machines() {
        let rules = SpotRules { min_pools: 4, ..FREE };
        let limits = Limits::spot(Capacity::units(10), rules);
        let ones = [(1, 10), (1, 20), (1, 30), (1, 40), (1, 50)];
        assert_eq!(buy(&mut shop(&ones, limits, 99), 10), (vec![(0, 3), (1, 3), (2, 3), (3, 1)], 0));
        let twos = [(2, 10), (2, 20), (2, 30)];
        assert_eq!(buy(&mut shop(&twos, limits, 99), 10), (vec![(0, 2), (1, 2), (2, 1)], 0));
        assert_eq!(buy(&mut shop(&twos[..2], limits, 99), 10), (vec![(0, 2), (1, 2)], 2));
    }

    #[test]
    fn a_whole_share_is_no_bound_for_the_last_machine() {
        let limits = Limits::spot(Capacity::units(10), FREE);
        assert_eq!(buy(&mut shop(&[(4, 10)], limits, 99), 10), (vec![(0, 3)], 0));
    }

    /// The least price of covering `wanted`, by trying everything; `None` when it cannot be done within `room`.
    fn least(of: &[(u64, u64)], wanted: u64, room: u64) -> Option<u64> {
        if wanted == 0 {
            return Some(0);
        }
        let one = |&(units, price): &(u64, u64)| {
            let rest = if units <= room { least(of, wanted.saturating_sub(units), room - units) } else { None };
            rest.map(|r| r + price)
        };
        of.iter().filter_map(one).min()
    }

    #[test]
    fn buying_is_close_to_the_least_price() {
        let mut noise = Stream::new(3, "allocate");
        let (mut paid, mut optimum) = (0, 0);
        for _ in 0..300 {
            let mut offer = |_| {
                let units = 1 + noise.below(6);
                (units, units * (80 + noise.below(40)))
            };
            let of: Vec<(u64, u64)> = (0..3).map(&mut offer).collect();
            let wanted = 1 + noise.below(14);
            let basket = shop(&of, Limits::NONE, 30).buy(Capacity::units(wanted));
            let price: u64 = basket.bought.iter().map(|(c, n)| c.price.micros() * n).sum();
            let best = least(&of, wanted, 30).unwrap();
            assert_eq!(basket.missing, Capacity::ZERO);
            assert!(price >= best);
            let largest_bought = basket.bought.iter().map(|(c, _)| c.units).max().unwrap();
            assert!(basket.capacity().minus(Capacity::units(wanted)) < largest_bought);
            paid += price;
            optimum += best;
        }
        assert!(paid * 1_000 <= optimum * 1_020, "{paid} against {optimum}");
    }
}
