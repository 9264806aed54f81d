//! From what the controller publishes to the JSON shapes.

use policies::budget::Left;
use policies::control::decisions::Told;
use policies::control::ledger::{Leaving, Machine as CoreMachine, Note};
use policies::control::orders::Setting;
use policies::control::view::{Bill as CoreBill, FleetView, LaneView, ScheduleView, View};
use policies::control::{OrphanView, Override};
use policies::failure::{Failure as CoreFailure, FailureKind};
use policies::model::{Lane as CoreLane, Market, Pool, Sight};
use policies::plan::{Action, Closure as CoreClosure, Holding, HoldingId, Place, Standing, Work as CoreWork};
use policies::report::{Basis, Because, Limit, Sizing as CoreSizing, Step as CoreStep, Wait as CoreWait};
use policies::units::{Capacity, Money, PricePerHour, UnitPrice};
use policies::{Plan as CorePlan, Report};

use super::{
    Bill, Budget, Closure, Decision, Event, Events, Examined, Failure, Fleet, Fleets, Found, Instance, Instances, Lane,
    Lanes, LastStep, Orphan, Plan, PoolUse, Refused, Schedule, Sizing, StandingOrder, Step, Wait, Work, WorkerAnswer,
};
use crate::clock::{local_rfc3339, parse_rfc3339, rfc3339};

/// A quantity's decimal text as a JSON number. Goes through the text because a float made from the text prints as the
/// same decimal again.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::MAX)
}

/// A capacity as a JSON number.
#[must_use]
pub fn capacity(quantity: Capacity) -> f64 {
    number(&quantity.to_string())
}

/// An hourly price as a JSON number.
#[must_use]
pub fn price(quantity: PricePerHour) -> f64 {
    number(&quantity.to_string())
}

/// An amount of money as a JSON number.
#[must_use]
pub fn money(amount: Money) -> f64 {
    number(&amount.to_string())
}

fn unit_price(quantity: UnitPrice) -> f64 {
    number(&quantity.to_string())
}

impl From<&View> for Fleets {
    fn from(view: &View) -> Self {
        Self {
            at: rfc3339(view.at),
            boot: view.boot,
            ready: view.not_ready.is_empty(),
            not_ready: view.not_ready.clone(),
            currency: view.currency.code().to_owned(),
            fleets: view.fleets.iter().map(Fleet::from).collect(),
        }
    }
}

/// Share saved against on-demand; `None` while nothing costs anything.
#[must_use]
pub fn saving(price: PricePerHour, on_demand: PricePerHour) -> Option<f64> {
    let share = price.saving(on_demand)?;
    let sign = if share < 0 { "-" } else { "" };
    let share = share.unsigned_abs();
    Some(number(&format!("{sign}{}.{:04}", share / 10_000, share % 10_000)))
}

impl From<&FleetView> for Fleet {
    fn from(fleet: &FleetView) -> Self {
        let sum = |wanted: &dyn Fn(&Holding) -> bool| -> f64 {
            capacity(fleet.holdings.iter().filter(|h| wanted(h)).map(Holding::capacity).sum())
        };
        Self {
            name: fleet.name.to_string(),
            unit: fleet.unit.name().to_owned(),
            min: capacity(fleet.min),
            max: capacity(fleet.max),
            target: fleet.decision.as_ref().map(|(plan, _)| capacity(plan.target)),
            held: sum(&Holding::counts),
            held_on_demand: sum(&|h| h.counts() && h.pool.market() == Market::OnDemand),
            held_running: sum(&|h| h.counts() && h.standing == Standing::Running),
            draining: sum(&|h| matches!(h.standing, Standing::Draining { .. })),
            backlog: fleet.backlog,
            machines: fleet.machines.len() as u64,
            promised: fleet
                .holdings
                .iter()
                .filter(|h| matches!(h.id, HoldingId::Promise(_)))
                .map(|h| u64::from(h.count))
                .sum(),
            price_per_hour: price(fleet.price),
            on_demand_price_per_hour: price(fleet.price_on_demand),
            saving: saving(fleet.price, fleet.price_on_demand),
            bills: fleet.bills.iter().map(Bill::from).collect(),
            spent_today: money(fleet.spent.0),
            spent_this_month: money(fleet.spent.1),
            budgets: fleet.budgets.iter().map(Budget::from).collect(),
            pools: pool_uses(&fleet.holdings),
            closures: fleet.closures.iter().map(Closure::from).collect(),
            schedules: fleet.schedules.iter().map(Schedule::from).collect(),
            orders: fleet.orders.iter().map(StandingOrder::from).collect(),
            last_step: fleet.last_step.as_ref().map(LastStep::from),
        }
    }
}

impl From<&CoreBill> for Bill {
    fn from(bill: &CoreBill) -> Self {
        Self {
            provider: bill.provider.to_string(),
            machines: bill.machines,
            price_per_hour: price(bill.price),
            on_demand_price_per_hour: price(bill.price_on_demand),
            saving: saving(bill.price, bill.price_on_demand),
            list_currency: bill.list.map(|list| list.currency.code().to_owned()),
            // Both are millionths: the decimal is the same.
            list_price_per_hour: bill.list.map(|list| price(PricePerHour::from_micros(list.micros))),
        }
    }
}

impl From<&Left> for Budget {
    fn from(left: &Left) -> Self {
        Self {
            of: left.whose.name().to_owned(),
            period: left.period.name().to_owned(),
            limit: money(left.limit),
            spent: money(left.spent),
            left: money(left.left()),
            used_up: left.used_up(),
            alert: left.alerts(),
            at_limit: left.at_limit.name().to_owned(),
            ends: left.ends.map(rfc3339),
        }
    }
}

impl From<&ScheduleView> for Schedule {
    fn from(ScheduleView { schedule, active, next_change }: &ScheduleView) -> Self {
        Self {
            name: schedule.name.to_string(),
            active: *active,
            next_change: next_change.map(|at| local_rfc3339(at, schedule.zone.offset(at))),
            time_zone: schedule.zone.name().to_owned(),
            min: schedule.min.map(capacity),
            max: schedule.max.map(capacity),
        }
    }
}

fn pool_uses(holdings: &[Holding]) -> Vec<PoolUse> {
    let mut pools = std::collections::BTreeMap::<_, (u64, u64, u64, Capacity)>::new();
    for holding in holdings {
        let (running, starting, leaving, held) = pools.entry(&holding.pool).or_default();
        let count = u64::from(holding.count);
        if !holding.counts() {
            *leaving += count;
            continue;
        }
        match holding.standing {
            Standing::Running => *running += count,
            Standing::Promised | Standing::Starting => *starting += count,
            Standing::Draining { .. } | Standing::Ending => {}
        }
        *held = held.plus(holding.capacity());
    }
    let mut uses: Vec<_> = pools.into_iter().collect();
    uses.sort_by(|(a, (.., x)), (b, (.., y))| y.cmp(x).then(a.cmp(b)));
    uses.into_iter()
        .map(|(pool, (running, starting, leaving, held))| PoolUse {
            pool: pool.to_string(),
            market: pool.market().name().to_owned(),
            running,
            starting,
            leaving,
            capacity: capacity(held),
        })
        .collect()
}

impl From<&CoreClosure> for Closure {
    fn from(closure: &CoreClosure) -> Self {
        let place = match &closure.place {
            Place::Pool(pool) => pool.to_string(),
            Place::LaneMarket(lane, market) => format!("{lane}/{market}"),
            Place::Lane(lane) => lane.to_string(),
        };
        Self { place, kind: closure.kind.name().to_owned(), until: rfc3339(closure.until), strikes: closure.strikes }
    }
}

impl Closure {
    /// What was closed; `None` when another version says what this one does not know.
    #[must_use]
    pub fn read(&self) -> Option<CoreClosure> {
        let place = match Pool::parse(&self.place) {
            Some(pool) => Place::Pool(pool),
            None => {
                let (provider, rest) = self.place.split_once('/')?;
                let (region, market) =
                    rest.split_once('/').map_or((rest, None), |(region, market)| (region, Some(market)));
                let lane = CoreLane { provider: provider.into(), region: region.into() };
                match market {
                    None => Place::Lane(lane),
                    Some(name) => {
                        let market =
                            [Market::Spot, Market::OnDemand].into_iter().find(|market| market.name() == name)?;
                        Place::LaneMarket(lane, market)
                    }
                }
            }
        };
        let (kind, until) = (FailureKind::from_name(&self.kind)?, parse_rfc3339(&self.until)?);
        Some(CoreClosure { place, kind, until, strikes: self.strikes })
    }
}

impl From<&Override> for StandingOrder {
    fn from(Override { fleet: _, setting, by, why, at, until }: &Override) -> Self {
        Self {
            what: setting.to_string(),
            by: by.clone(),
            why: why.clone(),
            since: rfc3339(*at),
            until: until.map(rfc3339),
        }
    }
}

impl From<&(CorePlan, Report)> for LastStep {
    fn from((plan, report): &(CorePlan, Report)) -> Self {
        Self {
            at: rfc3339(plan.at),
            kind: plan.kind.name().to_owned(),
            actions: plan.actions.len() as u64,
            reason: report.steps.first().map(|s| s.reason.clone()).unwrap_or_default(),
        }
    }
}

impl Plan {
    /// The plan with its report.
    #[must_use]
    pub fn new(plan: &CorePlan, report: &Report) -> Self {
        let at = rfc3339(plan.at);
        let text = format!("fleet {}, decided at {at}\n{}", plan.fleet, policies::report::render(plan, report));
        Self {
            fleet: plan.fleet.to_string(),
            at,
            kind: plan.kind.name().to_owned(),
            target: capacity(plan.target),
            held: capacity(report.held),
            currency: report.currency.code().to_owned(),
            price_before_per_hour: price(plan.price_before),
            price_after_per_hour: price(plan.price_after),
            sizing: Sizing::from(&report.sizing),
            steps: plan
                .actions
                .iter()
                .enumerate()
                .map(|(n, action)| Step::new(action, report.steps.iter().find(|s| s.action == n)))
                .collect(),
            waits: report.waits.iter().map(Wait::from).collect(),
            budgets: report.budgets.iter().map(Budget::from).collect(),
            text,
        }
    }
}

impl From<&Told> for Decision {
    fn from(Told { number, plan, report, steps }: &Told) -> Self {
        Self { number: *number, steps: *steps, plan: Plan::new(plan, report) }
    }
}

impl From<&CoreSizing> for Sizing {
    fn from(sizing: &CoreSizing) -> Self {
        let (basis, source) = match &sizing.basis {
            Basis::Queue(source) => ("queue", Some(source)),
            Basis::Metric(source) => ("metric", Some(source)),
            Basis::Learning(source) => ("learning", Some(source)),
            Basis::Unread(source) => ("unread", Some(source)),
            Basis::Forecast => ("forecast", None),
            Basis::Minimum => ("minimum", None),
            Basis::MissingHold { source, .. } => ("missing-hold", Some(source)),
            Basis::MissingFallback { source, .. } => ("missing-fallback", Some(source)),
        };
        let limit = |limit: &Limit| {
            let name = match limit {
                Limit::Headroom(_) => "headroom",
                Limit::RateUnknown => "rate-unknown",
                Limit::Min => "min",
                Limit::Max => "max",
                Limit::ScheduleMin(holder) => return format!("schedule-min {}", holder.schedule),
                Limit::ScheduleMax(holder) => return format!("schedule-max {}", holder.schedule),
                Limit::StepUp => "step-up",
                Limit::StepDown => "step-down",
                Limit::CooldownUp(_) => "cooldown-up",
                Limit::CooldownDown(_) => "cooldown-down",
                Limit::IdleGrace(_) => "idle-grace",
            };
            name.to_owned()
        };
        Self {
            need: capacity(sizing.need),
            basis: basis.to_owned(),
            source: source.map(ToString::to_string),
            others: sizing.others.iter().map(|(name, need)| (name.to_string(), capacity(*need))).collect(),
            forecast: sizing.forecast.map(capacity),
            limits: sizing.limits.iter().map(limit).collect(),
            previous: sizing.previous.map(capacity),
        }
    }
}

impl Step {
    fn new(action: &Action, step: Option<&CoreStep>) -> Self {
        let (name, pool, instance, count, units, why, until) = match action {
            Action::Launch { pool, spec: _, count, units, price: _, why } => {
                ("launch", pool, None, *count, Some(capacity(*units)), why.name(), None)
            }
            Action::Drain { instance, pool, until, why } => {
                ("drain", pool, Some(instance.to_string()), 1, None, why.name(), Some(rfc3339(*until)))
            }
            Action::End { instance, pool, why } => ("end", pool, Some(instance.to_string()), 1, None, why.name(), None),
        };
        Self {
            action: name.to_owned(),
            pool: pool.to_string(),
            instance,
            count,
            units,
            why: why.to_owned(),
            until,
            reason: step.map(|s| s.reason.clone()).unwrap_or_default(),
            adds_per_hour: step.map_or(0.0, |s| price(s.adds)),
            saves_per_hour: step.map_or(0.0, |s| price(s.saves)),
            refused: step.map(|s| s.refused.iter().map(Refused::from).collect()).unwrap_or_default(),
        }
    }
}

/// The word for a reason, and when it ends by itself.
pub(super) fn word(because: &Because) -> (&'static str, Option<policies::units::Time>) {
    match because {
        Because::Worse => ("worse", None),
        Because::FailedLately(_) => ("failed-lately", None),
        Because::Survive => ("survive", None),
        Because::Closed { kind: _, until } => ("closed", Some(*until)),
        Because::AboveCap(_) => ("above-cap", None),
        Because::AboveShareOfOnDemand(_) => ("above-share-of-on-demand", None),
        Because::NoOnDemandPrice => ("no-on-demand-price", None),
        Because::NoOffer => ("no-offer", None),
        Because::NoRate => ("no-rate", None),
        Because::PoolFull => ("pool-full", None),
        Because::ZoneFull => ("zone-full", None),
        Because::RegionFull => ("region-full", None),
        Because::ProviderFull => ("provider-full", None),
        Because::OverMax => ("over-max", None),
        Because::PriceTooOld(_) => ("price-too-old", None),
        Because::Unseen => ("unseen", None),
        Because::NoUnits => ("no-units", None),
        Because::Base => ("base", None),
    }
}

impl From<&policies::report::Refused> for Refused {
    fn from(refused: &policies::report::Refused) -> Self {
        let (because, until) = word(&refused.because);
        Self {
            pool: refused.pool.to_string(),
            price_per_unit_hour: refused.per_unit.map(unit_price),
            because: because.to_owned(),
            until: until.map(rfc3339),
        }
    }
}

impl From<&CoreWait> for Wait {
    fn from(wait: &CoreWait) -> Self {
        let blank = |what: &str| Self {
            what: what.to_owned(),
            lane: None,
            missing: None,
            why: None,
            refused: Vec::new(),
            machines: None,
            at: None,
        };
        match wait {
            CoreWait::Paused => blank("paused"),
            CoreWait::LaunchLimit { machines, limit: _, at } => {
                Self { machines: Some(*machines), at: Some(rfc3339(*at)), ..blank("launch-limit") }
            }
            CoreWait::Budget { machines, by } => {
                Self { machines: Some(*machines), at: by.ends.map(rfc3339), ..blank("budget") }
            }
            CoreWait::Halted { failed, of: _, at } => {
                Self { machines: Some(*failed), at: Some(rfc3339(*at)), ..blank("halted") }
            }
            CoreWait::Trial { machines } => Self { machines: Some(*machines), ..blank("trial") },
            CoreWait::Moves { machines, at } => {
                Self { machines: Some(*machines), at: Some(rfc3339(*at)), ..blank("moves") }
            }
            CoreWait::Young { machines, at } => {
                Self { machines: Some(*machines), at: Some(rfc3339(*at)), ..blank("young") }
            }
            CoreWait::Settling { machines } => Self { machines: Some(*machines), ..blank("settling") },
            CoreWait::Unseen(lane) => Self { lane: Some(lane.to_string()), ..blank("unseen") },
            CoreWait::NoOffer { missing, why, refused } => Self {
                missing: Some(capacity(*missing)),
                why: Some(why.name().to_owned()),
                refused: refused.iter().map(Refused::from).collect(),
                ..blank("no-offer")
            },
            CoreWait::Fallback { missing, at } => {
                Self { missing: Some(capacity(*missing)), at: Some(rfc3339(*at)), ..blank("fallback") }
            }
            CoreWait::Draining { machines, first } => {
                Self { machines: Some(*machines), at: Some(rfc3339(*first)), ..blank("draining") }
            }
        }
    }
}

impl From<&View> for Instances {
    fn from(view: &View) -> Self {
        let mut instances = Vec::new();
        for fleet in &view.fleets {
            let mut machines: Vec<_> = fleet.machines.iter().collect();
            machines.sort_by(|a, b| (&a.pool, &a.id).cmp(&(&b.pool, &b.id)));
            instances.extend(machines.into_iter().map(|m| Instance::new(m, fleet)));
        }
        Self {
            at: rfc3339(view.at),
            currency: view.currency.code().to_owned(),
            instances,
            orphans: view.orphans.iter().map(Orphan::from).collect(),
        }
    }
}

impl From<&OrphanView> for Orphan {
    fn from(OrphanView { orphan, price: known, ending, ends_at }: &OrphanView) -> Self {
        Self {
            lane: orphan.pool.lane().to_string(),
            what: orphan.id.to_string(),
            fleet: orphan.fleet.to_string(),
            pool: orphan.pool.to_string(),
            since: rfc3339(orphan.since),
            price_per_hour: known.map(price),
            ending: *ending,
            ends_at: ends_at.map(rfc3339),
        }
    }
}

impl Instance {
    fn new(machine: &CoreMachine, fleet: &FleetView) -> Self {
        let holding = fleet
            .holdings
            .iter()
            .find(|h| h.pool == machine.pool && matches!(&h.id, HoldingId::Machine(id) if *id == machine.id));
        let ordered = fleet.orders.iter().any(
            |o| matches!(&o.setting, Setting::Protect(lane, id) if lane == machine.pool.lane() && *id == machine.id),
        );
        let standing = match holding.map(|h| h.standing) {
            Some(Standing::Promised | Standing::Starting) => "starting",
            Some(Standing::Running) => "running",
            Some(Standing::Draining { .. }) => "draining",
            Some(Standing::Ending) => "ending",
            None => "unknown",
        };
        Self {
            id: machine.id.to_string(),
            fleet: machine.fleet.to_string(),
            pool: machine.pool.to_string(),
            market: machine.pool.market().name().to_owned(),
            standing: standing.to_owned(),
            units: capacity(machine.units),
            price_per_hour: price(machine.price),
            born: rfc3339(machine.born),
            adopted: machine.adopted,
            leaving_because: machine.leaving.map(|l| l.why.name().to_owned()),
            leaving_at: machine.leaving.map(|l| rfc3339(l.until)),
            protected: holding.is_some_and(|h| h.protected),
            protected_by: holding.filter(|h| h.protected).map(|_| if ordered { "order" } else { "tag" }.to_owned()),
            work: holding.map_or(Work::Unknown, |h| h.work.into()),
            notice_at: holding.and_then(|h| h.notice).map(rfc3339),
        }
    }
}

impl From<CoreWork> for Work {
    fn from(work: CoreWork) -> Self {
        match work {
            CoreWork::Unknown => Self::Unknown,
            CoreWork::Idle => Self::Idle,
            CoreWork::Busy => Self::Busy,
        }
    }
}

impl From<Option<Leaving>> for WorkerAnswer {
    fn from(leaving: Option<Leaving>) -> Self {
        Self {
            leaving: leaving.is_some(),
            leaving_because: leaving.map(|l| l.why.name().to_owned()),
            leaving_at: leaving.map(|l| rfc3339(l.until)),
        }
    }
}

impl From<&Note> for Event {
    fn from(note: &Note) -> Self {
        Self {
            number: note.number,
            at: rfc3339(note.at),
            fleet: note.fleet.as_ref().map(ToString::to_string),
            what: note.what.to_owned(),
            text: note.text.clone(),
            decision: note.decision,
        }
    }
}

impl From<&View> for Events {
    fn from(view: &View) -> Self {
        Self { events: view.notes.iter().map(Event::from).collect() }
    }
}

impl From<&View> for Lanes {
    fn from(view: &View) -> Self {
        Self { lanes: view.lanes.iter().map(Lane::from).collect() }
    }
}

impl From<&LaneView> for Lane {
    fn from(lane: &LaneView) -> Self {
        let (sight, seen_at) = match lane.sight {
            Sight::Unseen => ("unseen", None),
            Sight::Complete { asked } => ("complete", Some(asked)),
            Sight::Lost { last } => ("lost", last),
        };
        Self {
            lane: lane.lane.to_string(),
            sight: sight.to_owned(),
            seen_at: seen_at.map(rfc3339),
            failure: lane.failure.as_ref().map(Failure::from),
            offers: lane.offers as u64,
        }
    }
}

impl From<&CoreFailure> for Failure {
    fn from(failure: &CoreFailure) -> Self {
        Self {
            kind: failure.kind.name().to_owned(),
            operation: failure.operation.clone(),
            code: failure.code.clone(),
            message: failure.message.clone(),
        }
    }
}

impl Found {
    /// A finding about this provider.
    #[must_use]
    pub fn new(provider: &policies::model::ProviderName, finding: providers::doctor::Finding) -> Self {
        let providers::doctor::Finding { verdict, place, check, subject, text, hint } = finding;
        Self {
            provider: provider.to_string(),
            verdict: verdict.name().to_owned(),
            place,
            check: check.name().to_owned(),
            subject,
            text,
            hint,
        }
    }
}

impl Examined {
    /// These findings, counted.
    #[must_use]
    pub fn new(findings: Vec<Found>) -> Self {
        use providers::doctor::Verdict;
        let count = |verdict: Verdict| findings.iter().filter(|f| f.verdict == verdict.name()).count() as u64;
        let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
        Self { problems, warnings, not_checked: count(Verdict::NotChecked), findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_capacity_keep_their_decimals() {
        assert_eq!(serde_json::to_string(&price(PricePerHour::from_micros(310_005))).unwrap(), "0.310005");
        assert_eq!(serde_json::to_string(&capacity(Capacity::from_milli(12_500))).unwrap(), "12.5");
    }

    #[test]
    fn closures_read_back_as_they_are_told() {
        let lane = CoreLane { provider: "aws".into(), region: "r".into() };
        let pool = Pool::new("aws", "r", "z", "t", Market::Spot);
        for place in [Place::Pool(pool), Place::LaneMarket(lane.clone(), Market::OnDemand), Place::Lane(lane)] {
            let until = policies::units::Time::from_millis(1_790_000_000_000);
            let closure = CoreClosure { place, kind: FailureKind::NoCapacity, until, strikes: 3 };
            assert_eq!(Closure::from(&closure).read(), Some(closure));
        }
        let told = |place: &str, kind: &str, until: &str| {
            Closure { place: place.to_owned(), kind: kind.to_owned(), until: until.to_owned(), strikes: 1 }.read()
        };
        let at = "2026-09-21T14:13:20Z";
        assert!(told("aws/r", "quota", at).is_some());
        for (place, kind, until) in
            [("aws", "quota", at), ("aws/r/leased", "quota", at), ("aws/r", "tired", at), ("aws/r", "quota", "soon")]
        {
            assert_eq!(told(place, kind, until), None, "{place} {kind} {until}");
        }
    }

    #[test]
    fn a_saving_is_a_share_and_may_be_negative() {
        let dollars = |n: u64| PricePerHour::from_micros(n * 1_000_000);
        assert_eq!(saving(dollars(3), dollars(10)), Some(0.7));
        assert_eq!(saving(dollars(12), dollars(10)), Some(-0.2));
        assert_eq!(saving(dollars(1), PricePerHour::ZERO), None);
    }
}
