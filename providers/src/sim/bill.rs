//! What the machines cost: by the price of their pool as it changes, in the provider's steps and at its minimum.

use policies::model::{InstanceId, Market, Pool};
use policies::units::{Money, PricePerHour, Span, Time};

use super::{Ended, SimCloud};

/// What was spent in a cloud, in its own currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bill {
    /// On our machines.
    pub spent: Money,
    /// What the same machine time would have cost at the on-demand price of the same type in the same zone; the price
    /// paid where there is none.
    pub at_on_demand: Money,
    /// Machine time paid for.
    pub machine_time: Span,
}

impl Bill {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            spent: self.spent.plus(other.spent),
            at_on_demand: self.at_on_demand.plus(other.at_on_demand),
            machine_time: self.machine_time.plus(other.machine_time),
        }
    }
}

impl SimCloud {
    /// What was spent on our machines up to now, with those that are alive billed to this moment.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.machines
            .values()
            .filter(|m| m.is_alive() && m.owner == super::Owner::Us)
            .fold(self.settled, |sum, m| sum.plus(self.cost_of(&m.pool, self.now.since(m.billed_to))))
    }

    /// What this time on one machine of a pool costs at its price of now.
    fn cost_of(&self, pool: &Pool, span: Span) -> Bill {
        let price = |p: &Pool| self.pools.get(p).map(|s| PricePerHour::from_micros(s.price.micros));
        let paid = price(pool).unwrap_or(PricePerHour::ZERO);
        let dear = price(&pool.in_market(Market::OnDemand)).unwrap_or(paid);
        Bill { spent: paid.over(span), at_on_demand: dear.over(span), machine_time: span }
    }

    /// Bills one of our machines up to `at`.
    pub(super) fn charge(&mut self, id: &InstanceId, at: Time) {
        let Some(machine) = self.machines.get_mut(id).filter(|m| m.is_alive() && m.owner == super::Owner::Us) else {
            return;
        };
        let span = at.since(machine.billed_to);
        machine.billed_to = machine.billed_to.max(at);
        let pool = machine.pool.clone();
        self.settled = self.settled.plus(self.cost_of(&pool, span));
    }

    /// Bills every machine of a pool, before its price changes.
    pub(super) fn charge_pool(&mut self, pool: &Pool) {
        let ids: Vec<InstanceId> =
            self.machines.values().filter(|m| &m.pool == pool && m.is_alive()).map(|m| m.id.clone()).collect();
        let now = self.now;
        for id in ids {
            self.charge(&id, now);
        }
    }

    /// Adds what the provider's minimum and steps make of the time of a machine that has ended. What the provider
    /// itself ends is billed to the moment.
    pub(super) fn close_bill(&mut self, id: &InstanceId, how: Ended) {
        let Some(machine) = self.machines.get(id).filter(|m| m.owner == super::Owner::Us) else { return };
        if how != Ended::Asked {
            return;
        }
        let used = machine.billed_to.since(machine.born).as_millis();
        let step = self.capabilities.billing_step.as_millis().max(1);
        let owed = used.max(self.capabilities.billing_minimum.as_millis()).div_ceil(step).saturating_mul(step);
        let pool = machine.pool.clone();
        self.settled = self.settled.plus(self.cost_of(&pool, Span::from_millis(owed - used)));
    }
}
