//! What can be read, and what errors look like.

use std::sync::Arc;

use policies::plan::{Kind, Memory};
use policies::report::{Basis, Sizing, Wait};
use policies::units::{Capacity, Currency, PricePerHour};
use policies::{Plan, Report};
use spotfleet::http::view::{Events, Explanation, Fleet, Fleets, Instances, Lanes, Problem, Ready};

use super::{AT, Api, view};

#[tokio::test]
async fn what_is_published_is_what_is_served() {
    let api = Api::new(None).await;
    let fleets: Fleets = api.json("/api/v1/fleets").await;
    assert_eq!((fleets.at.as_str(), fleets.boot, fleets.ready), ("2026-09-21T14:13:20Z", 3, false));
    let fleet: Fleet = api.json("/api/v1/fleets/web").await;
    assert_eq!(fleet, fleets.fleets[0]);
    assert_eq!((fleet.held, fleet.held_running, fleet.held_on_demand), (1.0, 1.0, 0.0));
    assert_eq!((fleet.price_per_hour, fleet.on_demand_price_per_hour, fleet.saving), (0.031, 0.1, Some(0.69)));
    assert_eq!((fleet.target, fleet.backlog), (None, Some(7)));
    assert_eq!((fleet.spent_today, fleet.spent_this_month), (1.5, 42.0));
    let told: Vec<_> =
        fleet.budgets.iter().map(|b| (b.of.as_str(), b.period.as_str(), b.limit, b.spent, b.left)).collect();
    assert_eq!(told, [("fleet", "day", 2.0, 1.5, 0.5), ("all", "hour", 0.03, 0.031, 0.0)]);
    let (day, hour) = (&fleet.budgets[0], &fleet.budgets[1]);
    assert_eq!((day.used_up, day.alert, day.at_limit.as_str()), (false, true, "freeze"));
    assert_eq!(day.ends.as_deref(), Some("2026-09-21T23:13:20Z"));
    assert_eq!((hour.used_up, hour.ends.as_ref()), (true, None));
    let office = &fleet.schedules[0];
    assert_eq!((office.name.as_str(), office.active, office.min, office.max), ("office", false, Some(2.0), None));
    assert_eq!(office.next_change.as_deref(), Some("2026-09-22T08:00:00+05:30"));
    let instances: Instances = api.json("/api/v1/instances").await;
    let only = &instances.instances[0];
    assert_eq!((only.id.as_str(), only.standing.as_str(), only.adopted), ("i-1", "running", true));
    assert_eq!(only.pool, "sim/east/east-1/small/spot");
    let lanes: Lanes = api.json("/api/v1/lanes").await;
    assert_eq!((lanes.lanes[0].sight.as_str(), lanes.lanes[0].offers), ("lost", 2));
    assert_eq!(lanes.lanes[0].failure.as_ref().unwrap().kind, "unavailable");

    let mut next = view();
    next.fleets.clear();
    next.not_ready.clear();
    api.view.store(Arc::new(next));
    let fleets: Fleets = api.json("/api/v1/fleets").await;
    assert!(fleets.fleets.is_empty() && fleets.ready);
}

#[tokio::test]
async fn events_are_chosen_by_fleet_and_number() {
    let api = Api::new(None).await;
    for (query, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("?fleet=web", vec![2, 4]),
        ("?after=2", vec![3, 4]),
        ("?limit=1", vec![4]),
        ("?fleet=web&after=2&limit=5", vec![4]),
        ("?fleet=none", vec![]),
    ] {
        let events: Events = api.json(&format!("/api/v1/events{query}")).await;
        assert_eq!(events.events.iter().map(|e| e.number).collect::<Vec<_>>(), expected, "{query}");
    }
    for query in ["?after=x", "?limit=-1", "?limit=0", "?limit=201", "?limit=1&limit=2", "?colour=red"] {
        let (status, body) = api.get(&format!("/api/v1/events{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(!serde_json::from_str::<Problem>(&body).unwrap().error.is_empty());
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let api = Api::new(None).await;
    for (path, expected, says) in [
        ("/api/v1/fleets/nope", 404, "there are web"),
        ("/api/v1/fleets/nope/plan", 404, "there are web"),
        ("/api/v1/fleets/web/plan", 503, "nothing was decided"),
        ("/api/v1/explain/nope", 404, "`nope` is no fleet (there are web)"),
        ("/api/v1/explain/99", 404, "those from 1 to 4 are"),
        ("/api/v1/explain/%ff", 400, "UTF-8"),
        ("/api/v1/secrets", 404, "no such path"),
        ("/", 404, "no such path"),
        ("/api/v1/fleets/%ff", 400, "UTF-8"),
        ("/api/v1/fleets/%ff/plan", 400, "UTF-8"),
    ] {
        let (status, body) = api.get(path).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(serde_json::from_str::<Problem>(&body).unwrap().error.contains(says), "{path}: {body}");
    }
}

#[tokio::test]
async fn fleets_machines_and_events_are_explained() {
    let api = Api::new(None).await;
    let fleet: Explanation = api.json("/api/v1/explain/web").await;
    assert_eq!(fleet.fleet.unwrap().newest, None);
    assert!(fleet.text.contains("nothing was decided for it yet"), "{}", fleet.text);
    for name in ["i-1", "sim%2Feast%2Fi-1"] {
        let machine: Explanation = api.json(&format!("/api/v1/explain/{name}")).await;
        let why = machine.instance.unwrap();
        assert_eq!((why.id.as_str(), why.adopted, why.launched), ("i-1", true, None));
        assert!(machine.text.contains("it was found by its tags"), "{}", machine.text);
    }
    let event: Explanation = api.json("/api/v1/explain/2").await;
    assert_eq!(event.event.unwrap().event.text, "note 2");

    let mut next = view();
    let twin = next.fleets[0].machines[0].clone();
    let pool = policies::model::Pool::new("sim", "west", "west-1", "small", policies::model::Market::Spot);
    next.fleets[0].machines.push(policies::control::ledger::Machine { pool, ..twin });
    api.view.store(Arc::new(next));
    let (status, body) = api.get("/api/v1/explain/i-1").await;
    assert!(status == 409 && body.contains("`sim/east/i-1` or `sim/west/i-1`"), "{status}: {body}");
    let machine: Explanation = api.json("/api/v1/explain/sim%2Fwest%2Fi-1").await;
    assert!(machine.instance.unwrap().pool.starts_with("sim/west/"));
}

#[tokio::test]
async fn readiness_gives_its_reasons_and_life_does_not_depend_on_it() {
    let api = Api::new(None).await;
    let (status, body) = api.get("/readyz").await;
    assert_eq!(status, 503);
    let ready: Ready = serde_json::from_str(&body).unwrap();
    assert_eq!((ready.ready, ready.reasons), (false, vec!["sim/east cannot be listed".to_owned()]));
    assert_eq!(api.get("/healthz").await, (200, "ok\n".to_owned()));
    let mut next = view();
    next.not_ready.clear();
    api.view.store(Arc::new(next));
    assert_eq!(api.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn money_and_halts_are_in_the_metrics() {
    let api = Api::new(None).await;
    let value = |text: &str, name: &str, labels: &[&str]| -> String {
        let found: Vec<_> = text
            .lines()
            .filter(|l| l.starts_with(&format!("{name}{{")) && labels.iter().all(|label| l.contains(label)))
            .collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {text}");
        found[0].rsplit(' ').next().unwrap().to_owned()
    };
    let (_, text) = api.get("/metrics").await;
    for (name, labels, expected) in [
        ("spotfleet_spent", &[r#"period="day""#, r#"currency="USD""#] as &[&str], "1.5"),
        ("spotfleet_spent", &[r#"period="month""#], "42"),
        ("spotfleet_budget_left", &[r#"of="fleet""#, r#"period="day""#], "0.5"),
        ("spotfleet_budget_left", &[r#"of="all""#, r#"period="hour""#], "0"),
        ("spotfleet_budget_used_up", &[r#"of="fleet""#, r#"period="day""#], "0"),
        ("spotfleet_budget_used_up", &[r#"of="all""#, r#"period="hour""#], "1"),
        ("spotfleet_price_age_seconds", &[r#"region="east""#], "90"),
        ("spotfleet_savings_per_hour", &[r#"fleet="web""#], "0.069"),
        ("spotfleet_pool_price_per_hour", &[r#"zone="east-1""#, r#"market="spot""#], "0.032"),
        ("spotfleet_running_capacity", &[r#"market="spot""#], "1"),
        ("spotfleet_pending_capacity", &[r#"market="spot""#], "0"),
        ("spotfleet_provider_ready", &[r#"provider="sim""#], "0"),
    ] {
        assert_eq!(value(&text, name, labels), expected, "{name} {labels:?}");
    }
    assert!(!text.contains("spotfleet_halted"), "nothing was decided: {text}");
    for (waits, expected) in [(vec![Wait::Halted { failed: 3, of: 4, at: AT }], "1"), (vec![Wait::Paused], "0")] {
        let mut next = view();
        next.fleets[0].decision = Some(decision(waits));
        api.view.store(Arc::new(next));
        let (_, text) = api.get("/metrics").await;
        assert_eq!(value(&text, "spotfleet_halted", &[r#"fleet="web""#]), expected);
    }
}

/// A decision that waits for this.
fn decision(waits: Vec<Wait>) -> (Plan, Report) {
    let plan = Plan {
        fleet: "web".into(),
        at: AT,
        kind: Kind::Rest,
        actions: Vec::new(),
        target: Capacity::ONE,
        memory: Memory::default(),
        price_before: PricePerHour::ZERO,
        price_after: PricePerHour::ZERO,
        wake_at: None,
    };
    let sizing = Sizing {
        need: Capacity::ONE,
        basis: Basis::Minimum,
        others: Vec::new(),
        forecast: None,
        limits: Vec::new(),
        target: Capacity::ONE,
        previous: None,
    };
    let report = Report {
        fleet: "web".into(),
        at: AT,
        currency: Currency::Usd,
        sizing,
        held: Capacity::ONE,
        held_on_demand: Capacity::ZERO,
        steps: Vec::new(),
        waits,
        budgets: Vec::new(),
    };
    (plan, report)
}

#[tokio::test]
async fn metrics_follow_the_snapshot_and_leave_nothing_stale() {
    let api = Api::new(None).await;
    let (status, text) = api.get("/metrics").await;
    assert_eq!(status, 200);
    let series = |name: &str| text.lines().filter(|l| l.starts_with(name)).map(str::to_owned).collect::<Vec<_>>();
    for (name, value) in [
        ("spotfleet_price_per_hour", "0.031"),
        ("spotfleet_on_demand_price_per_hour", "0.1"),
        ("spotfleet_saving_ratio", "0.69"),
        ("spotfleet_backlog_jobs", "7"),
        ("spotfleet_machines{", "1"),
        ("spotfleet_lane_seen", "0"),
        ("spotfleet_ready", "0"),
        ("spotfleet_open_intents", "0"),
    ] {
        let found = series(name);
        assert_eq!(found.len(), 1, "{name}: {text}");
        assert!(found[0].ends_with(&format!(" {value}")), "{found:?}");
    }
    let mut next = view();
    next.fleets.clear();
    api.view.store(Arc::new(next));
    let (_, text) = api.get("/metrics").await;
    assert!(!text.contains("fleet=\"web\""), "{text}");
}
