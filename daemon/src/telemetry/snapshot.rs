//! Gauges over the last snapshot. They are computed when somebody asks, so that a fleet or pool that is gone leaves no
//! stale series behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use policies::budget::Left;
use policies::control::View;
use policies::control::view::FleetView;
use policies::model::{Lane, Market, Pool, Sight};
use policies::plan::{Holding, HoldingId, Standing};
use policies::report::Wait;

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
fn gauge<F>(meter: &Meter, view: &Snapshot, name: &'static str, text: &'static str, series: F)
where
    F: Fn(&View, &dyn AsyncInstrument<f64>) + Send + Sync + 'static,
{
    let view = Arc::clone(view);
    let _registered = meter
        .f64_observable_gauge(name)
        .with_description(text)
        .with_callback(move |observer| series(&view.load(), observer))
        .build();
}

/// A gauge with one number a fleet, where there is one.
fn by_fleet<F>(meter: &Meter, view: &Snapshot, name: &'static str, text: &'static str, number: F)
where
    F: Fn(&FleetView) -> Option<f64> + Send + Sync + 'static,
{
    gauge(meter, view, name, text, move |view, observer| {
        for fleet in &view.fleets {
            if let Some(number) = number(fleet) {
                observer.observe(number, &[fleet_label(fleet)]);
            }
        }
    });
}

fn fleets(meter: &Meter, view: &Snapshot) {
    by_fleet(meter, view, "spotfleet_target_capacity", "Capacity wanted, in the fleet's unit", |f| {
        f.decision.as_ref().map(|(plan, _)| capacity(plan.target))
    });
    by_fleet(meter, view, "spotfleet_need_capacity", "Capacity needed before limits, in the fleet's unit", |f| {
        f.decision.as_ref().map(|(_, report)| capacity(report.sizing.need))
    });
    by_fleet(meter, view, "spotfleet_min_capacity", "Lower bound of the target", |f| Some(capacity(f.min)));
    by_fleet(meter, view, "spotfleet_max_capacity", "Upper bound of the target and of what is held", |f| {
        Some(capacity(f.max))
    });
    by_fleet(meter, view, "spotfleet_backlog_jobs", "Jobs not finished, when the source tells", |f| {
        f.backlog.map(whole)
    });
    by_fleet(meter, view, "spotfleet_open_intents", "Launches without a known outcome", |f| {
        Some(count(f.holdings.iter().filter(|h| matches!(h.id, HoldingId::Promise(_))).count()))
    });
    by_fleet(meter, view, "spotfleet_saving_ratio", "Share saved against on-demand, from 0 to 1", |f| {
        saving(f.price, f.price_on_demand)
    });
    gauge(meter, view, "spotfleet_held_capacity", "Capacity that runs or is promised, by market", |view, observer| {
        for fleet in &view.fleets {
            for market in [Market::Spot, Market::OnDemand] {
                let held = |h: &&Holding| h.counts() && h.pool.market() == market;
                let held = fleet.holdings.iter().filter(held).map(Holding::capacity).sum();
                observer.observe(capacity(held), &[fleet_label(fleet), KeyValue::new("market", market.name())]);
            }
        }
    });
    gauge(meter, view, "spotfleet_price_per_hour", "Hourly price of what runs and is promised", |view, observer| {
        for fleet in &view.fleets {
            observer.observe(price(fleet.price), &[fleet_label(fleet), currency(view)]);
        }
    });
    let text = "Hourly price of the same capacity on demand";
    gauge(meter, view, "spotfleet_on_demand_price_per_hour", text, |view, observer| {
        for fleet in &view.fleets {
            observer.observe(price(fleet.price_on_demand), &[fleet_label(fleet), currency(view)]);
        }
    });
    gauge(meter, view, "spotfleet_spent", "Spent in the day and in the month of now", |view, observer| {
        for fleet in &view.fleets {
            for (period, spent) in [("day", fleet.spent.0), ("month", fleet.spent.1)] {
                observer.observe(money(spent), &[fleet_label(fleet), currency(view), KeyValue::new("period", period)]);
            }
        }
    });
    let text = "What a budget still allows to be spent, by whose it is and its period";
    gauge(meter, view, "spotfleet_budget_left", text, |view, observer| {
        for fleet in &view.fleets {
            for left in &fleet.budgets {
                observer.observe(money(left.left()), &budget_labels(fleet, left, view));
            }
        }
    });
    gauge(meter, view, "spotfleet_budget_used_up", "1 when a budget is used up, else 0", |view, observer| {
        for fleet in &view.fleets {
            for left in &fleet.budgets {
                observer.observe(if left.used_up() { 1.0 } else { 0.0 }, &budget_labels(fleet, left, view));
            }
        }
    });
    by_fleet(meter, view, "spotfleet_halted", "1 while launches are halted because they never run, else 0", |f| {
        let (_, report) = f.decision.as_ref()?;
        let halted = report.waits.iter().any(|w| matches!(w, Wait::Halted { .. }));
        Some(if halted { 1.0 } else { 0.0 })
    });
    gauge(meter, view, "spotfleet_closures", "Places that take no launches for a while, by kind", |view, observer| {
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
    gauge(meter, view, "spotfleet_machines", "Machines by pool and standing", |view, observer| {
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
                let labels = [
                    fleet_label(fleet),
                    KeyValue::new("provider", pool.provider().to_string()),
                    KeyValue::new("region", pool.region().to_string()),
                    KeyValue::new("zone", pool.zone().to_string()),
                    KeyValue::new("instance_type", pool.instance_type().to_string()),
                    KeyValue::new("market", pool.market().name()),
                    KeyValue::new("standing", standing),
                ];
                observer.observe(whole(n), &labels);
            }
        }
    });
    gauge(meter, view, "spotfleet_pools", "Pools that hold capacity, by market", |view, observer| {
        for fleet in &view.fleets {
            for market in [Market::Spot, Market::OnDemand] {
                let held = |h: &&Holding| h.counts() && h.pool.market() == market;
                let pools: std::collections::BTreeSet<_> =
                    fleet.holdings.iter().filter(held).map(|h| &h.pool).collect();
                observer.observe(count(pools.len()), &[fleet_label(fleet), KeyValue::new("market", market.name())]);
            }
        }
    });
}

fn lanes(meter: &Meter, view: &Snapshot) {
    gauge(meter, view, "spotfleet_lane_seen", "1 when the last listing was complete, else 0", |view, observer| {
        for lane in &view.lanes {
            let seen = matches!(lane.sight, Sight::Complete { .. });
            observer.observe(if seen { 1.0 } else { 0.0 }, &lane_labels(&lane.lane));
        }
    });
    let text = "Seconds since the prices of a region were read";
    gauge(meter, view, "spotfleet_price_age_seconds", text, |view, observer| {
        for lane in &view.lanes {
            if let Some(at) = lane.priced_at {
                observer.observe(whole(view.at.since(at).as_millis() / 1_000), &lane_labels(&lane.lane));
            }
        }
    });
    gauge(meter, view, "spotfleet_offers", "Offers known", |view, observer| {
        for lane in &view.lanes {
            observer.observe(count(lane.offers), &lane_labels(&lane.lane));
        }
    });
}

fn daemon(meter: &Meter, view: &Snapshot) {
    gauge(
        meter,
        view,
        "spotfleet_ready",
        "1 when every lane is seen and nothing is wrong, else 0",
        |view, observer| {
            observer.observe(if view.not_ready.is_empty() { 1.0 } else { 0.0 }, &[]);
        },
    );
    let text = "Machines with our owner tag of a fleet that is not configured";
    gauge(meter, view, "spotfleet_orphans", text, |view, observer| observer.observe(count(view.orphans.len()), &[]));
    let text = "Hourly price of machines with our owner tag of a fleet that is not configured, where it is known";
    gauge(meter, view, "spotfleet_orphans_price_per_hour", text, |view, observer| {
        let known = view.orphans.iter().filter_map(|o| o.price).sum();
        observer.observe(price(known), &[currency(view)]);
    });
    gauge(meter, view, "spotfleet_boots", "Starts on this store", |view, observer| {
        observer.observe(whole(view.boot), &[]);
    });
    gauge(meter, view, "spotfleet_build_info", "Always 1; the version is a label", |_, observer| {
        observer.observe(1.0, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]);
    });
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

fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}

fn whole(n: u64) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}
