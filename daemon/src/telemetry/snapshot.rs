//! Gauges over the last snapshot. They are computed when somebody asks, so that a fleet or pool that is gone leaves no
//! stale series behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use policies::budget::Left;
use policies::control::View;
use policies::control::view::{FleetView, LaneView};
use policies::model::{Lane, Market, Pool, Sight};
use policies::plan::{Holding, HoldingId, Standing, Work};
use policies::report::Wait;
use policies::units::{PricePerHour, Share, Span};

use super::table::{self, Metric};
use crate::http::view::{capacity, money, price, saving};

type Snapshot = Arc<ArcSwap<View>>;

/// Registers the gauges over this snapshot.
pub fn observe(meter: &Meter, view: &Snapshot) {
    fleets(meter, view);
    pools(meter, view);
    lanes(meter, view);
    daemon(meter, view);
}

/// A gauge whose series are computed from the snapshot.
fn gauge<F>(meter: &Meter, view: &Snapshot, metric: Metric, series: F)
where
    F: Fn(&View, &dyn AsyncInstrument<f64>) + Send + Sync + 'static,
{
    let view = Arc::clone(view);
    let _registered = meter
        .f64_observable_gauge(metric.instrument())
        .with_description(metric.help)
        .with_callback(move |observer| series(&view.load(), observer))
        .build();
}

/// A gauge with one number a fleet, where there is one.
fn by_fleet<F>(meter: &Meter, view: &Snapshot, metric: Metric, number: F)
where
    F: Fn(&FleetView) -> Option<f64> + Send + Sync + 'static,
{
    gauge(meter, view, metric, move |view, observer| {
        for fleet in &view.fleets {
            if let Some(number) = number(fleet) {
                observer.observe(number, &[fleet_label(fleet)]);
            }
        }
    });
}

/// A gauge of money with one amount a fleet.
fn money_by_fleet<F>(meter: &Meter, view: &Snapshot, metric: Metric, amount: F)
where
    F: Fn(&FleetView) -> f64 + Send + Sync + 'static,
{
    gauge(meter, view, metric, move |view, observer| {
        for fleet in &view.fleets {
            observer.observe(amount(fleet), &[fleet_label(fleet), currency(view)]);
        }
    });
}

/// A gauge of the capacity of these holdings, by market.
fn capacity_by_market(meter: &Meter, view: &Snapshot, metric: Metric, wanted: fn(&Holding) -> bool) {
    gauge(meter, view, metric, move |view, observer| {
        for fleet in &view.fleets {
            for market in [Market::Spot, Market::OnDemand] {
                let these = fleet.holdings.iter().filter(|h| h.counts() && wanted(h) && h.pool.market() == market);
                let sum = these.map(Holding::capacity).sum();
                observer.observe(capacity(sum), &[fleet_label(fleet), KeyValue::new("market", market.name())]);
            }
        }
    });
}

fn fleets(meter: &Meter, view: &Snapshot) {
    by_fleet(meter, view, table::TARGET, |f| f.decision.as_ref().map(|(plan, _)| capacity(plan.target)));
    by_fleet(meter, view, table::NEED, |f| f.decision.as_ref().map(|(_, report)| capacity(report.sizing.need)));
    by_fleet(meter, view, table::MIN, |f| Some(capacity(f.min)));
    by_fleet(meter, view, table::MAX, |f| Some(capacity(f.max)));
    by_fleet(meter, view, table::BACKLOG, |f| f.backlog.map(whole));
    by_fleet(meter, view, table::OPEN_INTENTS, |f| {
        Some(count(f.holdings.iter().filter(|h| matches!(h.id, HoldingId::Promise(_))).count()))
    });
    by_fleet(meter, view, table::FORECAST_ERROR, |f| f.forecast.map(|said| share(said.error)));
    by_fleet(meter, view, table::FORECAST_COVERED, |f| f.forecast.map(|said| share(said.covered)));
    gauge(meter, view, table::WORKERS, |view, observer| {
        for fleet in &view.fleets {
            for work in [Work::Idle, Work::Busy, Work::Unknown] {
                let these = fleet.holdings.iter().filter(|h| h.standing == Standing::Running && h.work == work);
                observer.observe(count(these.count()), &[fleet_label(fleet), KeyValue::new("work", work.name())]);
            }
        }
    });
    by_fleet(meter, view, table::SAVING, |f| saving(f.price, f.price_on_demand));
    capacity_by_market(meter, view, table::HELD, |_| true);
    capacity_by_market(meter, view, table::RUNNING, |h| h.standing == Standing::Running);
    capacity_by_market(meter, view, table::PENDING, |h| h.standing != Standing::Running);
    money_by_fleet(meter, view, table::PRICE, |f| price(f.price));
    money_by_fleet(meter, view, table::ON_DEMAND_PRICE, |f| price(f.price_on_demand));
    money_by_fleet(meter, view, table::SAVINGS, |f| {
        let hour = Span::from_hours(1);
        money(f.price_on_demand.over(hour).minus(f.price.over(hour)))
    });
    gauge(meter, view, table::SPENT, |view, observer| {
        for fleet in &view.fleets {
            for (period, spent) in [("day", fleet.spent.0), ("month", fleet.spent.1)] {
                observer.observe(money(spent), &[fleet_label(fleet), currency(view), KeyValue::new("period", period)]);
            }
        }
    });
    gauge(meter, view, table::BUDGET_LEFT, |view, observer| {
        for fleet in &view.fleets {
            for left in &fleet.budgets {
                observer.observe(money(left.left()), &budget_labels(fleet, left, view));
            }
        }
    });
    gauge(meter, view, table::BUDGET_USED_UP, |view, observer| {
        for fleet in &view.fleets {
            for left in &fleet.budgets {
                observer.observe(yes(left.used_up()), &budget_labels(fleet, left, view));
            }
        }
    });
    by_fleet(meter, view, table::HALTED, |f| {
        let (_, report) = f.decision.as_ref()?;
        Some(yes(report.waits.iter().any(|w| matches!(w, Wait::Halted { .. }))))
    });
    gauge(meter, view, table::CLOSURES, |view, observer| {
        for fleet in &view.fleets {
            let mut kinds = BTreeMap::<_, usize>::new();
            for closure in &fleet.closures {
                *kinds.entry(closure.kind).or_default() += 1;
            }
            for (kind, n) in kinds {
                observer.observe(count(n), &[fleet_label(fleet), KeyValue::new("kind", kind.name())]);
            }
        }
    });
}

fn pools(meter: &Meter, view: &Snapshot) {
    gauge(meter, view, table::MACHINES, |view, observer| {
        for fleet in &view.fleets {
            let mut pools = BTreeMap::<(&Pool, &'static str), u64>::new();
            for holding in &fleet.holdings {
                let standing = match holding.standing {
                    Standing::Promised => "promised",
                    Standing::Starting => "starting",
                    Standing::Running => "running",
                    Standing::Draining { .. } => "draining",
                    Standing::Ending => "ending",
                };
                *pools.entry((&holding.pool, standing)).or_default() += u64::from(holding.count);
            }
            for ((pool, standing), n) in pools {
                let mut labels = pool_labels(fleet, pool);
                labels.push(KeyValue::new("standing", standing));
                observer.observe(whole(n), &labels);
            }
        }
    });
    gauge(meter, view, table::POOL_PRICE, |view, observer| {
        for fleet in &view.fleets {
            for (pool, offered) in &fleet.pool_prices {
                let mut labels = pool_labels(fleet, pool);
                labels.push(currency(view));
                observer.observe(price(*offered), &labels);
            }
        }
    });
    gauge(meter, view, table::PROVIDER_PRICE, |view, observer| {
        for fleet in &view.fleets {
            let mut providers = BTreeMap::<_, PricePerHour>::new();
            for bill in &fleet.bills {
                let sum = providers.entry(&bill.provider).or_default();
                *sum = sum.plus(bill.price);
            }
            for (provider, sum) in providers {
                let provider = KeyValue::new("provider", provider.to_string());
                observer.observe(price(sum), &[fleet_label(fleet), provider, currency(view)]);
            }
        }
    });
    gauge(meter, view, table::POOLS, |view, observer| {
        for fleet in &view.fleets {
            for market in [Market::Spot, Market::OnDemand] {
                let held = |h: &&Holding| h.counts() && h.pool.market() == market;
                let pools: BTreeSet<_> = fleet.holdings.iter().filter(held).map(|h| &h.pool).collect();
                observer.observe(count(pools.len()), &[fleet_label(fleet), KeyValue::new("market", market.name())]);
            }
        }
    });
}

fn lanes(meter: &Meter, view: &Snapshot) {
    let seen = |lane: &LaneView| matches!(lane.sight, Sight::Complete { .. });
    gauge(meter, view, table::LANE_SEEN, move |view, observer| {
        for lane in &view.lanes {
            observer.observe(yes(seen(lane)), &lane_labels(&lane.lane));
        }
    });
    gauge(meter, view, table::PROVIDER_READY, move |view, observer| {
        let mut providers = BTreeMap::new();
        for lane in &view.lanes {
            *providers.entry(&lane.lane.provider).or_insert(true) &= seen(lane);
        }
        for (provider, ready) in providers {
            observer.observe(yes(ready), &[KeyValue::new("provider", provider.to_string())]);
        }
    });
    gauge(meter, view, table::PRICE_AGE, |view, observer| {
        for lane in &view.lanes {
            if let Some(at) = lane.priced_at {
                observer.observe(whole(view.at.since(at).as_millis() / 1_000), &lane_labels(&lane.lane));
            }
        }
    });
    gauge(meter, view, table::OFFERS, |view, observer| {
        for lane in &view.lanes {
            observer.observe(count(lane.offers), &lane_labels(&lane.lane));
        }
    });
}

fn daemon(meter: &Meter, view: &Snapshot) {
    gauge(meter, view, table::READY, |view, observer| observer.observe(yes(view.not_ready.is_empty()), &[]));
    gauge(meter, view, table::ORPHANS, |view, observer| observer.observe(count(view.orphans.len()), &[]));
    gauge(meter, view, table::ORPHANS_PRICE_PER_HOUR, |view, observer| {
        let known = view.orphans.iter().filter_map(|o| o.price).sum();
        observer.observe(price(known), &[currency(view)]);
    });
    gauge(meter, view, table::BOOTS, |view, observer| observer.observe(whole(view.boot), &[]));
    gauge(meter, view, table::BUILD_INFO, |_, observer| {
        observer.observe(1.0, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]);
    });
}

fn pool_labels(fleet: &FleetView, pool: &Pool) -> Vec<KeyValue> {
    vec![
        fleet_label(fleet),
        KeyValue::new("provider", pool.provider().to_string()),
        KeyValue::new("region", pool.region().to_string()),
        KeyValue::new("zone", pool.zone().to_string()),
        KeyValue::new("instance_type", pool.instance_type().to_string()),
        KeyValue::new("market", pool.market().name()),
    ]
}

fn budget_labels(fleet: &FleetView, left: &Left, view: &View) -> [KeyValue; 4] {
    [
        fleet_label(fleet),
        currency(view),
        KeyValue::new("of", left.whose.name()),
        KeyValue::new("period", left.period.name()),
    ]
}

fn fleet_label(fleet: &FleetView) -> KeyValue {
    KeyValue::new("fleet", fleet.name.to_string())
}

fn currency(view: &View) -> KeyValue {
    KeyValue::new("currency", view.currency.code())
}

fn lane_labels(lane: &Lane) -> [KeyValue; 2] {
    [KeyValue::new("provider", lane.provider.to_string()), KeyValue::new("region", lane.region.to_string())]
}

const fn yes(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}

/// As a fraction.
fn share(share: Share) -> f64 {
    f64::from(share.basis_points()) / 10_000.0
}

fn whole(n: u64) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}
