//! What machines cost, counted by the providers' billing rules, and what the budgets are told of it.
//!
//! Spend is on record each minute for every fleet that has machines, and whenever one of them is gone. In between it is
//! told from the record and the machines, so that nothing is lost in a crash but the price changes of that minute. A
//! machine costs what its pool is offered for now, else what it was launched for, from its birth until it is known to be
//! gone: what is not known is counted as spent.

use std::collections::BTreeMap;

use crate::budget::{Purse, Spend, Whose, billed};
use crate::model::{Fleet, FleetName};
use crate::plan::Cause;
use crate::units::{Money, PricePerHour, Span, Time};

use super::Controller;
use super::ledger::{Key, Machine, Record};

/// Spend is put on record this often.
const SPEND_EVERY: Span = Span::from_mins(1);

/// What all fleets together spend.
#[derive(Debug, Default)]
pub(super) struct Common {
    in_day: Money,
    in_month: Money,
    /// What the machines of each fleet cost an hour that were not told to go.
    rates: BTreeMap<FleetName, PricePerHour>,
}

impl Controller {
    /// What a fleet has spent up to now.
    pub(super) fn spent(&self, fleet: &FleetName) -> Spend {
        let machines: Vec<&Machine> = self.ledger.machines().values().filter(|m| m.fleet == *fleet).collect();
        self.spent_on(fleet, &machines)
    }

    /// What a fleet has spent up to now, whose machines these are.
    fn spent_on(&self, fleet: &FleetName, machines: &[&Machine]) -> Spend {
        let counted = self.ledger.spend(fleet);
        let counted = counted.unwrap_or_else(|| Spend::nothing(self.boot.at, &self.zone));
        counted.until(self.now, &self.zone, |from, to| {
            machines.iter().fold(Money::ZERO, |sum, m| sum.plus(self.cost(m, from, to)))
        })
    }

    /// What a machine costs between two moments.
    fn cost(&self, machine: &Machine, from: Time, to: Time) -> Money {
        let Some(caps) = self.providers.get(machine.pool.provider()) else {
            return machine.price.over(to.since(from.max(machine.born)));
        };
        let owed = |at: Time| billed(at.since(machine.born), caps.billing_step, caps.billing_minimum).as_millis();
        let span = Span::from_millis(owed(to).saturating_sub(owed(from)));
        self.price_of(machine).over(span)
    }

    /// What a machine costs an hour: as offered now, else as launched.
    fn price_of(&self, machine: &Machine) -> PricePerHour {
        let offer = self.lanes.get(machine.pool.lane()).and_then(|eye| eye.offers.get(&machine.pool));
        offer.and_then(|o| self.rates.convert(o.price)).unwrap_or(machine.price)
    }

    /// Puts on record what each fleet with machines has spent, if that is due.
    pub(super) fn count_spends(&mut self) {
        let mut fleets: Vec<FleetName> = self.ledger.machines().values().map(|m| m.fleet.clone()).collect();
        fleets.sort_unstable();
        fleets.dedup();
        for fleet in fleets {
            let due = self.ledger.spend(&fleet).is_none_or(|s| self.now.since(s.at) >= SPEND_EVERY);
            if due {
                let spend = self.spent(&fleet);
                self.ledger.put(Record::Spend(fleet, spend));
            }
        }
    }

    /// A machine comes on record. If it lived before its fleet's spend was last counted (a launch whose answer was lost, or
    /// a machine found by its tags), what it cost until then is added.
    pub(super) fn open_bill(&mut self, machine: &Machine) {
        let Some(counted) = self.ledger.spend(&machine.fleet) else {
            // The first: from now on it is counted whatever crashes.
            let spend = Spend::nothing(machine.born, &self.zone);
            self.ledger.put(Record::Spend(machine.fleet.clone(), spend));
            return;
        };
        if machine.born >= counted.at {
            return;
        }
        let before = Spend::nothing(machine.born, &self.zone);
        let before = before.until(counted.at, &self.zone, |from, to| self.cost(machine, from, to));
        let mut spend = counted;
        if before.day == spend.day {
            spend.in_day = spend.in_day.plus(before.in_day);
        }
        if before.month == spend.month {
            spend.in_month = spend.in_month.plus(before.in_month);
        }
        self.ledger.put(Record::Spend(machine.fleet.clone(), spend));
    }

    /// A machine is gone and is about to leave the record: what it cost until now is counted, unless the provider took
    /// it so early that it does not bill it.
    pub(super) fn close_bill(&mut self, machine: &Machine) {
        let mut spend = self.spent(&machine.fleet);
        let free = self.providers.get(machine.pool.provider()).map_or(Span::ZERO, |c| c.free_if_taken_within);
        let lived = self.now.since(machine.born);
        // One whose end we ordered ourselves is billed, noticed or not.
        let taken = machine.leaving.is_some_and(|l| l.why == Cause::Interruption && !l.ordered);
        if taken && lived < free && machine.pool.market() == crate::model::Market::Spot {
            spend = spend.refund(self.cost(machine, machine.born, self.now));
        }
        self.ledger.put(Record::Spend(machine.fleet.clone(), spend));
    }

    /// The budgets that pay for a fleet.
    pub(super) fn purses(&self, fleet: &Fleet, common: Option<&Common>) -> Vec<Purse> {
        let ends = || (self.zone.next_day(self.now), self.zone.next_month(self.now));
        let own = fleet.budget.map(|budget| {
            let spend = self.spent(&fleet.name);
            let (day_ends, month_ends) = ends();
            let (in_day, in_month, others) = (spend.in_day, spend.in_month, PricePerHour::ZERO);
            Purse { whose: Whose::Fleet, budget, in_day, in_month, day_ends, month_ends, others }
        });
        let common = self.budget.zip(common).map(|(budget, common)| {
            let (day_ends, month_ends) = ends();
            let Common { in_day, in_month, .. } = *common;
            let others = self.rate_of_others(&fleet.name, common);
            Purse { whose: Whose::All, budget, in_day, in_month, day_ends, month_ends, others }
        });
        own.into_iter().chain(common).collect()
    }

    /// What all fleets together spend, told once for all that decide at this moment.
    pub(super) fn common(&self) -> Option<Common> {
        self.budget?;
        let mut machines: BTreeMap<&FleetName, Vec<&Machine>> =
            self.ledger.spends().map(|(n, _)| (n, Vec::new())).collect();
        for machine in self.ledger.machines().values() {
            machines.entry(&machine.fleet).or_default().push(machine);
        }
        let mut common = Common::default();
        for (fleet, machines) in machines {
            let spend = self.spent_on(fleet, &machines);
            common.in_day = common.in_day.plus(spend.in_day);
            common.in_month = common.in_month.plus(spend.in_month);
            let rate = machines.iter().filter(|m| m.leaving.is_none()).map(|m| self.price_of(m)).sum();
            common.rates.insert(fleet.clone(), rate);
        }
        Some(common)
    }

    /// What all other fleets cost an hour: machines that were not told to go, and promises, also those of this moment.
    fn rate_of_others(&self, fleet: &FleetName, common: &Common) -> PricePerHour {
        let machines: PricePerHour =
            common.rates.iter().filter(|(name, _)| *name != fleet).map(|(_, rate)| *rate).sum();
        let intents = self.ledger.intents().values().filter(|i| i.fleet != *fleet);
        machines.plus(intents.map(|i| i.price.times(u64::from(i.count))).sum())
    }

    /// Forgets what fleets spent that are gone, once the month is over.
    pub(super) fn forget_old_spends(&mut self) {
        let month = self.zone.month(self.now);
        let over = |name: &FleetName| {
            !self.fleets.contains_key(name) && !self.ledger.machines().values().any(|m| m.fleet == *name)
        };
        let old: Vec<FleetName> = self
            .ledger
            .spends()
            .filter(|(name, s)| s.month != month && over(name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in old {
            self.ledger.forget(Key::Spend(name));
        }
    }
}
