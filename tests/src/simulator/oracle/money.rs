//! Rules of money: what budgets do not pay for is not promised, and what is spent is counted.

use policies::budget::{AtLimit, Budget, Spend};
use policies::control::Record;
use policies::control::ledger::{Intent, Machine};
use policies::model::{Fleet, FleetName, Pool};
use policies::plan::Cause;
use policies::units::{Capacity, Money, PricePerHour};
use providers::sim::SimCloud;

use super::orders::Standing;
use super::{Oracle, Rule, Scene, Verdict, broken, truth};

impl Oracle {
    /// An intent beyond the floor is paid for: what was on record as spent is below the limits of day and month, and the
    /// rate of the hour with this intent is not above its limit.
    pub(super) fn paid_for(&self, standing: &Standing<'_>, fleet: &Fleet, intent: &Intent) -> Verdict {
        let scene = standing.scene;
        let records = || standing.records();
        let ours = |name: &FleetName| *name == fleet.name;
        let named = |name: &FleetName, pool: &Pool| ours(name) && fleet.pools.contains_key(pool);
        // What the provider takes, or took, may count no more.
        let stays = |m: &Machine| {
            let real = truth(scene, m.pool.lane(), &m.id);
            m.leaving.is_none() && real.is_some_and(|r| r.is_alive() && r.noticed_at.is_none())
        };
        // A late answer puts a machine on record again that is gone already, and seen to be.
        let lives = |m: &Machine| truth(scene, m.pool.lane(), &m.id).is_some_and(|real| real.is_alive());
        let open = |i: &Intent| {
            let made = records().filter(|r| matches!(r, Record::Machine(m) if m.token.as_ref() == Some(&i.token)));
            u64::from(i.count).saturating_sub(u64::try_from(made.count()).unwrap_or(u64::MAX))
        };
        let covered: Capacity = records()
            .filter_map(|record| match record {
                Record::Machine(m) if named(&m.fleet, &m.pool) && stays(m) => Some(m.units),
                Record::Intent(i) if named(&i.fleet, &i.pool) => Some(i.units.times(open(i))),
                _ => None,
            })
            .sum();
        let floor = standing.limits(fleet).floor;
        if covered.plus(intent.units.times(u64::from(intent.count.saturating_sub(1)))) < floor {
            return Ok(());
        }
        for (budget, all) in [(fleet.budget, false), (scene.budget, true)] {
            let Some(budget) = budget.filter(|b| b.at_limit != AtLimit::Alert) else { continue };
            let counts = |name: &FleetName| all || ours(name);
            let rate: PricePerHour = records()
                .filter_map(|record| match record {
                    Record::Machine(m) if counts(&m.fleet) && m.leaving.is_none() && lives(m) => {
                        Some(self.price(scene, &m.pool, m.price))
                    }
                    Record::Intent(i) if counts(&i.fleet) => Some(self.price(scene, &i.pool, i.price).times(open(i))),
                    _ => None,
                })
                .sum();
            let rate = rate.plus(intent.price.times(u64::from(intent.count)));
            let spends = records().filter_map(|r| if let Record::Spend(name, s) = r { Some((name, s)) } else { None });
            let spends: Vec<&Spend> = spends.filter(|(name, _)| counts(name)).map(|(_, s)| s).collect();
            exhausted(scene, &budget, rate, &spends).map_or(Ok(()), |why| {
                broken(
                    Rule::OverBudget,
                    format!("{}: {} is promised for {}: {why}", intent.token, intent.count, fleet.name),
                )
            })?;
        }
        Ok(())
    }

    /// By its last offer or by what it cost at its launch, whichever is less.
    fn price(&self, scene: &Scene<'_>, pool: &Pool, paid: PricePerHour) -> PricePerHour {
        self.offers.get(pool).and_then(|o| scene.rates.convert(o.price)).map_or(paid, |price| price.min(paid))
    }

    /// At the end: what is on record as spent is what the clouds bill, or more. Where a store was lost, or a clock set,
    /// nobody can know.
    pub(in super::super) fn spend_is_counted(scene: &Scene<'_>) -> Verdict {
        let counted = scene.journal.latest().values().filter_map(|r| match r {
            Record::Spend(_, spend) => Some(spend.in_month),
            _ => None,
        });
        let counted = counted.fold(Money::ZERO, Money::plus);
        let billed = scene.clouds.iter().map(|cloud| bill(scene, cloud)).fold(Money::ZERO, Money::plus);
        // The last minute is not counted yet, and prices move within a minute.
        let least = billed.micros() / 10 * 8 - 200_000;
        if counted.micros() < least {
            return broken(Rule::SpendMissed, format!("{counted} is counted, {billed} is billed"));
        }
        Ok(())
    }

    /// Spot is let go for money when a budget that sheds may be used up.
    pub(super) fn may_shed(scene: &Scene<'_>, fleet: &Fleet, why: Cause) -> bool {
        why != Cause::Budget
            || [fleet.budget, scene.budget].into_iter().flatten().any(|b| b.at_limit == AtLimit::ShedSpot)
    }
}

/// What a cloud bills for our machines, in the reporting currency.
fn bill(scene: &Scene<'_>, cloud: &SimCloud) -> Money {
    let spent = cloud.bill().spent;
    let price = policies::units::ListPrice { micros: spent.micros().unsigned_abs(), currency: cloud.currency() };
    Money::from_micros(scene.rates.convert(price).map_or(0, |p| i64::try_from(p.micros()).unwrap_or(i64::MAX)))
}

/// Which limit is used up, by what is on record.
fn exhausted(scene: &Scene<'_>, budget: &Budget, rate: PricePerHour, spends: &[&Spend]) -> Option<String> {
    let zone = policies::schedule::TimeZone::utc();
    let (day, month) = (zone.day(scene.clock), zone.month(scene.clock));
    let sum = |of: &dyn Fn(&Spend) -> Money| spends.iter().map(|s| of(s)).fold(Money::ZERO, Money::plus);
    let in_day = sum(&|s| if s.day == day { s.in_day } else { Money::ZERO });
    let in_month = sum(&|s| if s.month == month { s.in_month } else { Money::ZERO });
    if budget.per_day.is_some_and(|limit| in_day >= limit) {
        return Some(format!("{in_day} was spent in the day"));
    }
    if budget.per_month.is_some_and(|limit| in_month >= limit) {
        return Some(format!("{in_month} was spent in the month"));
    }
    budget.per_hour.filter(|limit| rate > *limit).map(|limit| format!("it would cost {rate}/h, the limit is {limit}"))
}
