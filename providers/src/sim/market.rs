//! Pools, their prices and their room, and what happens to them: by script and by chance.

use policies::control::Call;
use policies::failure::FailureKind;
use policies::model::{InstanceId, Market, Pool, Region, Shape};
use policies::units::{ListPrice, Share, Span, Time};

use super::history::remember;
use super::{Due, SimCloud};

/// A pool as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolState {
    /// Price of one machine.
    pub price: ListPrice,
    /// Since when.
    pub priced_at: Time,
    /// The price that chance moves around.
    pub usual: ListPrice,
    /// How many machines it holds.
    pub capacity: u32,
    /// How many it usually holds.
    pub usual_capacity: u32,
    /// How many are alive in it, whoever owns them.
    pub alive: u32,
    /// What a machine brings.
    pub shape: Shape,
}

impl PoolState {
    pub(super) const fn new(price: ListPrice, capacity: u32, shape: Shape, now: Time) -> Self {
        Self { price, priced_at: now, usual: price, capacity, usual_capacity: capacity, alive: 0, shape }
    }
}

/// Something that happens to a cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The price of a pool becomes this share of its usual price.
    Price {
        /// Which pool.
        pool: Pool,
        /// Of the usual price.
        share: Share,
    },
    /// A pool holds so many machines. When more are alive in a spot pool, the youngest are interrupted.
    Capacity {
        /// Which pool.
        pool: Pool,
        /// How many.
        machines: u32,
    },
    /// So many machines of ours in a pool are interrupted, the youngest first.
    Interrupt {
        /// Which pool.
        pool: Pool,
        /// How many at most.
        machines: u32,
    },
    /// Every call in a region (`None`: in all) fails for a while, before anything happens.
    Outage {
        /// Where.
        region: Option<Region>,
        /// As what.
        kind: FailureKind,
        /// For how long.
        lasts: Span,
    },
    /// Every pool is as usual again, and no outage is left.
    Calm,
}

/// A time in which every call fails.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    region: Option<Region>,
    kind: FailureKind,
    until: Time,
}

/// What happens by chance, in rounds. Rates are hundredths of a percent a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Time between rounds.
    pub every: Span,
    /// A spot pool's price jumps.
    pub price_jump: u32,
    /// A jump ends between half the usual price and this share of it.
    pub highest_price: Share,
    /// A pool's room changes, to anything between none and what is usual.
    pub capacity_jump: u32,
    /// A changed pool is as usual again.
    pub recovery: u32,
    /// One spot machine is interrupted.
    pub interruption: u32,
    /// Every spot machine of a pool is interrupted.
    pub storm: u32,
    /// A region refuses every call for up to ten rounds.
    pub outage: u32,
    /// Of the outages, so many are of permission.
    pub denied: u32,
}

impl Weather {
    /// Prices move a little, and now and then a machine is taken.
    #[must_use]
    pub const fn mild() -> Self {
        Self {
            every: Span::from_mins(1),
            price_jump: 300,
            highest_price: Share::percent(140),
            capacity_jump: 20,
            recovery: 1_000,
            interruption: 10,
            storm: 2,
            outage: 0,
            denied: 0,
        }
    }
}

impl SimCloud {
    /// Makes something happen now.
    pub fn happen(&mut self, what: Happening) {
        match what {
            Happening::Price { pool, share } => self.set_price(&pool, share),
            Happening::Capacity { pool, machines } => self.set_capacity(&pool, machines),
            Happening::Interrupt { pool, machines } => self.interrupt_youngest(&pool, machines),
            Happening::Outage { region, kind, lasts } => {
                self.outages.push(Outage { region, kind, until: self.now.plus(lasts) });
            }
            Happening::Calm => {
                self.outages.clear();
                let pools: Vec<Pool> = self.pools.keys().cloned().collect();
                for pool in pools {
                    self.restore(&pool);
                }
            }
        }
    }

    /// The kind of failure that every call like this one meets now.
    pub(super) fn outage_of(&mut self, call: &Call) -> Option<FailureKind> {
        let now = self.now;
        self.outages.retain(|o| now < o.until);
        let region = match call {
            Call::List { lane } | Call::Offers { lane, .. } | Call::Terminate { lane, .. } => Some(&lane.region),
            Call::Launch(launch) => Some(launch.pool.region()),
            Call::Notices { .. } | Call::Demand { .. } | Call::Hook(_) => None,
        };
        let hit = self.outages.iter().find(|o| o.region.is_none() || o.region.as_ref() == region)?;
        Some(hit.kind)
    }

    /// One round of chance.
    pub(super) fn blow(&mut self) {
        let Some(weather) = self.weather else { return };
        self.schedule(self.now.plus(weather.every), Due::Weather);
        let pools: Vec<Pool> = self.pools.keys().cloned().collect();
        for pool in &pools {
            let spot = pool.market() == Market::Spot;
            let draws = &mut self.market_draws;
            let jump = draws.chance(weather.price_jump) && spot;
            let top = u64::from(weather.highest_price.basis_points()).max(5_000);
            let to = 5_000 + draws.below(top - 5_000 + 1);
            let change = draws.chance(weather.capacity_jump);
            let recover = draws.chance(weather.recovery);
            let storm = draws.chance(weather.storm) && spot;
            let Some(state) = self.pools.get(pool) else { continue };
            let room = self.market_draws.below(u64::from(state.usual_capacity) + 1);
            if recover {
                self.restore(pool);
            }
            if jump {
                self.set_price(pool, Share::from_basis_points(u32::try_from(to).unwrap_or(u32::MAX)));
            }
            if change {
                self.set_capacity(pool, u32::try_from(room).unwrap_or(u32::MAX));
            }
            if storm {
                self.interrupt_youngest(pool, u32::MAX);
            }
        }
        if weather.interruption > 0 {
            let ids: Vec<InstanceId> = self
                .machines
                .values()
                .filter(|m| m.is_alive() && m.pool.market() == Market::Spot)
                .map(|m| m.id.clone())
                .collect();
            for id in ids {
                if self.market_draws.chance(weather.interruption) {
                    self.interrupt(&id);
                }
            }
        }
        if self.market_draws.chance(weather.outage) {
            let rounds = 1 + self.market_draws.below(10);
            let denied = self.market_draws.chance(weather.denied);
            let kind = if denied { FailureKind::Denied } else { FailureKind::Unavailable };
            let pick = self.market_draws.below(pools.len().try_into().unwrap_or(u64::MAX));
            let region = usize::try_from(pick).ok().and_then(|i| pools.get(i)).map(|p| p.region().clone());
            self.outages.push(Outage { region, kind, until: self.now.plus(weather.every.times(rounds)) });
        }
    }

    fn set_price(&mut self, pool: &Pool, share: Share) {
        self.charge_pool(pool);
        let now = self.now;
        if let Some(state) = self.pools.get_mut(pool) {
            let micros = u128::from(state.usual.micros) * u128::from(share.basis_points()) / 10_000;
            state.price.micros = u64::try_from(micros).unwrap_or(u64::MAX);
            state.priced_at = now;
            remember(self.past.entry(pool.clone()).or_default(), now, state.price);
        }
    }

    fn set_capacity(&mut self, pool: &Pool, machines: u32) {
        let Some(state) = self.pools.get_mut(pool) else { return };
        state.capacity = machines;
        let surplus = state.alive.saturating_sub(machines);
        if surplus > 0 && pool.market() == Market::Spot {
            self.interrupt_youngest(pool, surplus);
        }
    }

    fn restore(&mut self, pool: &Pool) {
        let Some(state) = self.pools.get_mut(pool) else { return };
        state.capacity = state.usual_capacity;
        if state.price != state.usual {
            self.set_price(pool, Share::WHOLE);
        }
    }

    fn interrupt_youngest(&mut self, pool: &Pool, machines: u32) {
        let mut alive: Vec<(Time, InstanceId)> = self
            .machines
            .values()
            .filter(|m| &m.pool == pool && m.is_alive() && m.noticed_at.is_none())
            .map(|m| (m.born, m.id.clone()))
            .collect();
        alive.sort();
        for (_, id) in alive.into_iter().rev().take(machines.try_into().unwrap_or(usize::MAX)) {
            self.interrupt(&id);
        }
    }
}
