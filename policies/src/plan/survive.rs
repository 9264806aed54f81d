//! Capacity that is still there when the place that holds most is lost.
//!
//! With `survive` the fleet keeps its minimum outside of any one zone, region or provider: what counts, less what the
//! place with the most of it holds, is not below the minimum. What lacks for that is launched besides the target,
//! anywhere but where most is, cheapest first: spot, or on-demand where the fleet has no spot pools. Shares do not bound
//! it, since the rule spreads by itself. Surplus is not let go that it needs. It gives way to the maximum and to budgets.

use crate::allocate::{Basket, Held, Limits, Shop};
use crate::model::{Market, Survive};
use crate::plan::Standing;
use crate::plan::index::{self, Index};
use crate::units::Capacity;

/// What each place of a kind holds.
#[derive(Clone, Debug)]
pub(super) struct Survival {
    of: Survive,
    floor: Capacity,
    places: Vec<Capacity>,
}

impl Survival {
    /// Of all that counts.
    pub(super) fn counted(of: Survive, floor: Capacity, index: &Index<'_>) -> Self {
        Self::of(of, floor, index, |h| h.holding.counts())
    }

    /// Of what exists and is in sight: all that may be relied on when something goes.
    pub(super) fn sure(of: Survive, floor: Capacity, index: &Index<'_>) -> Self {
        let exists = |h: &index::Held<'_>| matches!(h.holding.standing, Standing::Starting | Standing::Running);
        Self::of(of, floor, index, |h| h.holding.counts() && exists(h) && index.seen(index.site(h)))
    }

    fn of(of: Survive, floor: Capacity, index: &Index<'_>, counts: impl Fn(&index::Held<'_>) -> bool) -> Self {
        let size = match of {
            Survive::Zone => index.zones,
            Survive::Region => index.lanes.len(),
            Survive::Provider => index.providers,
        };
        let mut survival = Self { of, floor, places: vec![Capacity::ZERO; size] };
        for held in index.held.iter().filter(|h| counts(h)) {
            survival.add(index, held.site, held.holding.capacity());
        }
        survival
    }

    fn place(&self, index: &Index<'_>, site: usize) -> usize {
        let site = &index.sites[site];
        match self.of {
            Survive::Zone => site.zone,
            Survive::Region => site.region,
            Survive::Provider => site.provider,
        }
    }

    pub(super) fn add(&mut self, index: &Index<'_>, site: usize, capacity: Capacity) {
        let place = self.place(index, site);
        self.places[place] = self.places[place].plus(capacity);
    }

    pub(super) fn take(&mut self, index: &Index<'_>, site: usize, capacity: Capacity) {
        let place = self.place(index, site);
        self.places[place] = self.places[place].minus(capacity);
    }

    fn all(&self) -> Capacity {
        self.places.iter().copied().sum()
    }

    fn most(&self) -> Capacity {
        self.places.iter().copied().max().unwrap_or_default()
    }

    /// What is left when the place that holds most is lost.
    pub(super) fn left(&self) -> Capacity {
        self.all().minus(self.most())
    }

    /// A machine may go: the minimum survives without it, or no less survives than with it.
    pub(super) fn spares(&self, index: &Index<'_>, site: usize, units: Capacity) -> bool {
        let mut without = self.clone();
        without.take(index, site, units);
        without.left() >= self.floor || without.left() >= self.left()
    }

    /// So much has to be there that the minimum survives, as it is spread.
    pub(super) fn needs(&self) -> Capacity {
        self.floor.plus(self.most())
    }

    /// What lacks for the minimum to survive.
    pub(super) fn lacks(&self) -> Capacity {
        self.floor.minus(self.left())
    }

    /// Buys what lacks, within so much room. Where there is not enough beside the place that holds most, it grows too.
    pub(super) fn buy(mut self, index: &Index<'_>, market: Market, room: Capacity) -> (Basket, Shop) {
        let candidates = index.candidates(market);
        let mut held = Held::empty(index.sites.len(), index.zones, index.lanes.len(), index.providers);
        for (place, capacity) in self.places.iter().enumerate() {
            // Only its own kind of place bounds what is bought.
            held.add(usize::MAX, place, place, place, *capacity);
        }
        let mut open: Vec<usize> = candidates.iter().map(|c| self.place(index, c.pool)).collect();
        open.extend((0..self.places.len()).filter(|i| !self.places[*i].is_zero()));
        open.sort_unstable();
        open.dedup();
        let mut shop = Shop::new(candidates, Limits::places(self.of, self.most()), held, room);
        let mut basket = Basket { bought: Vec::new(), missing: self.lacks() };
        self.take_in(index, &mut basket, &mut shop);
        if let (false, Some(others)) = (self.lacks().is_zero(), open.len().checked_sub(1).filter(|n| *n > 0)) {
            // All places alike: without one of them the others have to hold the minimum.
            let each = self.floor.milli().div_ceil(u64::try_from(others).unwrap_or(1));
            let most = Capacity::from_milli(each).ceil().max(self.most());
            shop.set_limits(Limits::places(self.of, most));
            basket.missing = self.floor.plus(most).minus(self.all());
            self.take_in(index, &mut basket, &mut shop);
        }
        self.trim(index, &mut basket);
        basket.missing = self.lacks();
        (basket, shop)
    }

    fn take_in(&mut self, index: &Index<'_>, basket: &mut Basket, shop: &mut Shop) {
        let more = shop.buy(basket.missing);
        for (candidate, n) in &more.bought {
            self.add(index, candidate.pool, candidate.units.times(*n));
        }
        basket.add(more);
    }

    /// Leaves out what is not needed, the last first.
    fn trim(&mut self, index: &Index<'_>, basket: &mut Basket) {
        for (candidate, n) in basket.bought.iter_mut().rev() {
            while *n > 0 {
                let mut without = self.clone();
                without.take(index, candidate.pool, candidate.units);
                if without.lacks() > self.lacks() {
                    break;
                }
                *self = without;
                *n -= 1;
            }
        }
        basket.bought.retain(|(_, n)| *n > 0);
    }
}
