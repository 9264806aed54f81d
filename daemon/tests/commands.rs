//! The commands of the program: what they print and how they end.

#[expect(dead_code, reason = "this binary uses its part")]
mod daemon_support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use daemon_support::{Place, output, spotfleet, stderr, stdout};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn the_demo_runs_once_through_and_says_that_it_is_simulated() {
    let done = output(spotfleet().args(["demo", "--once-through", "--speed", "200", "--output", "json"]));
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let summary = json(&stdout(&done));
    assert_eq!((&summary["simulated"], &summary["complete"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(summary["stages"].as_array().unwrap().len(), 6);
    assert!(summary["interruptions"].as_u64().unwrap() > 0);
    assert!(summary["spot_pools"].as_array().unwrap().len() >= 4, "{summary}");
    let (spent, on_demand) = (summary["spent"].as_f64().unwrap(), summary["on_demand"].as_f64().unwrap());
    assert!(0.0 < spent && spent < on_demand, "{summary}");
}

#[test]
fn a_plan_of_a_file_is_made_without_a_daemon_and_writes_nothing() {
    let place = Place::new(100);
    let mut plan = spotfleet();
    plan.arg("plan").arg("--config").arg(place.config());
    let plain = output(&mut plan);
    assert_eq!(plain.status.code(), Some(0), "{plain:?}");
    let text = stdout(&plain);
    assert!(text.contains("fleet web, decided at") && text.contains("launch 1 x sim-a/"), "{text}");
    let detailed = output(plan.args(["--detailed-exitcode", "--output", "json"]));
    assert_eq!(detailed.status.code(), Some(3), "{detailed:?}");
    let plans = json(&stdout(&detailed));
    assert_eq!(plans[0]["steps"][0]["action"], "launch");
    assert_eq!(plans[0]["steps"][0]["why"], "base");
    assert!(!place.path("state").exists());
}

#[test]
fn a_plan_can_assume_other_demand_other_prices_and_a_lost_region() {
    let place = Place::new(0);
    let plan = |args: &[&str]| {
        let done = output(spotfleet().arg("plan").arg("--config").arg(place.config()).args(args));
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        stdout(&done)
    };
    let seen = plan(&[]);
    assert!(seen.contains("target 2 (") && seen.contains("sim-a/east/east/small/spot"), "{seen}");
    // A unit does ten jobs in the time that the backlog may take.
    let busy = plan(&["--demand", "70"]);
    assert!(busy.contains("target 7 (queue: need 7") && busy.contains("launch 6 x "), "{busy}");
    let cheap = plan(&["--price", "sim-a/west/west/small/spot=0.011"]);
    assert!(cheap.contains("launch 1 x sim-a/west/west/small/spot of 1 at $0.0110 per unit for spot"), "{cheap}");
    let lost = plan(&["--without", "sim-a/east", "--demand", "70"]);
    assert!(
        lost.contains("launch 6 x sim-a/west/west/small/spot") && !lost.contains("launch 1 x sim-a/east"),
        "{lost}"
    );
}

#[test]
fn what_cannot_be_assumed_is_said() {
    let place = Place::new(0);
    for (args, why) in [
        (["--price", "sim-a/east/east/huge/spot=1"], "no fleet of the file has the pool sim-a/east/east/huge/spot"),
        (["--price", "sim-a/east=1"], "provider/region/zone/type/market"),
        (["--price", "sim-a/east/east/small/spot=1.5$"], "a decimal number"),
        (["--without", "aws"], "no fleet of the file has a pool in aws"),
        (["--without", "sim-a/"], "provider/region"),
        (["--demand", "many"], "invalid"),
    ] {
        let bad = output(spotfleet().arg("plan").arg("--config").arg(place.config()).args(args));
        assert_eq!(bad.status.code(), Some(2), "{args:?}: {bad:?}");
        assert!(stderr(&bad).contains(why), "{args:?}: {bad:?}");
    }
    let daemon = output(spotfleet().args(["plan", "--url", "http://127.0.0.1:1", "--demand", "3"]));
    assert_eq!(daemon.status.code(), Some(2), "{daemon:?}");
    assert!(stderr(&daemon).contains("a running daemon assumes nothing"), "{daemon:?}");
}

#[test]
fn the_plan_of_a_file_knows_what_the_daemon_remembers() {
    let place = Place::new(0);
    let mut daemon = place.run();
    let url = daemon.url();
    // It was ready before or in between.
    daemon.wait_for("launched: ");
    daemon.wait_for("launched: ");
    // While the daemon runs, its store is its own: the plan says so, and asks it when told where it is.
    let beside = output(spotfleet().arg("plan").arg("--config").arg(place.config()));
    assert!(stderr(&beside).contains("planning without the daemon's memory"), "{beside:?}");
    let asked = output(spotfleet().args(["plan", "--url", &url, "--detailed-exitcode"]));
    assert!(matches!(asked.status.code(), Some(0 | 3)), "{asked:?}");
    daemon.signal("TERM");
    daemon.ended();
    let after = output(spotfleet().arg("plan").arg("--output").arg("json").arg("--config").arg(place.config()));
    let plans = json(&stdout(&after));
    // The simulated machines went with the daemon; that they were promised and seen is still known.
    assert_eq!(plans[0]["held"], 2.0, "{plans}");
}

#[test]
fn a_running_daemon_is_asked_for_status_and_events() {
    let place = Place::new(0);
    let mut daemon = place.run();
    let url = daemon.url();
    daemon.wait_for("ready");
    let status = output(spotfleet().args(["status", "web", "--url", &url]));
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    let text = stdout(&status);
    assert!(text.contains("FLEET") && text.contains("sim-a/east") && text.contains("INSTANCE"), "{text}");
    assert!(!text.contains('\x1b'), "no colours where there is no terminal");
    let status = output(spotfleet().args(["status", "--output", "json", "--url", &url]));
    assert_eq!(json(&stdout(&status))["fleets"][0]["name"], "web");
    let unknown = output(spotfleet().args(["status", "nope", "--url", &url]));
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("there are web"), "{unknown:?}");
    let events = output(spotfleet().args(["events", "--output", "json", "--limit", "2", "--url", &url]));
    assert_eq!(json(&stdout(&events))["events"].as_array().unwrap().len(), 2);
    let events = output(spotfleet().args(["events", "--fleet", "web", "--url", &url]));
    assert!(stdout(&events).contains("target") && !stdout(&events).contains("boot"), "{events:?}");
}

#[test]
fn nobody_to_ask_is_said_with_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for command in ["status", "events", "plan"] {
        let asked = output(spotfleet().args([command, "--url", &url]));
        assert_eq!(asked.status.code(), Some(1), "{asked:?}");
        let text = stderr(&asked);
        assert!(text.contains(&url) && text.contains("start it with `spotfleet run`"), "{text}");
    }
}

#[test]
fn every_mistake_of_a_file_is_named_and_ends_with_two() {
    let place = Place::new(0);
    let good = output(spotfleet().args(["validate", "--config"]).arg(place.config()));
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(stdout(&good).contains("valid: web (4 pools)"), "{good:?}");
    place.write("fleet.yaml", &place.fleet(1, "").replace("tick: 1s", "tick: soon\n  colour: red"));
    for args in [vec!["validate"], vec!["run", "--config"], vec!["plan", "--config"]] {
        let bad = output(spotfleet().args(&args).arg(place.config()));
        assert_eq!(bad.status.code(), Some(2), "{args:?}: {bad:?}");
        let text = stderr(&bad);
        for what in ["daemon.tick", "colour", "capacity", "fleet.yaml:5"] {
            assert!(text.contains(what), "{args:?}: {what}: {text}");
        }
    }
    let listed = output(spotfleet().args(["validate", "--output", "json"]).arg(place.config()));
    assert_eq!(listed.status.code(), Some(2), "{listed:?}");
    let files = json(&stdout(&listed));
    assert_eq!(files[0]["valid"], false);
    assert!(files[0]["problems"].as_array().unwrap().len() >= 3, "{files}");
    let missing = output(spotfleet().args(["validate", "/nowhere/fleet.yaml"]));
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("/nowhere/fleet.yaml"), "{missing:?}");
}

#[test]
fn bad_usage_ends_with_two() {
    for args in [&["colour"] as &[&str], &[], &["demo", "--speed", "0"], &["status", "--output", "xml"]] {
        let bad = output(spotfleet().args(args));
        assert_eq!(bad.status.code(), Some(2), "{args:?}: {bad:?}");
    }
}

#[test]
fn the_schema_is_json() {
    let schema = output(spotfleet().arg("schema"));
    assert_eq!(schema.status.code(), Some(0), "{schema:?}");
    assert!(json(&stdout(&schema))["properties"]["fleets"].is_object());
}

#[test]
fn events_are_followed_until_the_daemon_stops() {
    let place = Place::new(100);
    let mut daemon = place.run();
    let url = daemon.url();
    daemon.wait_for("launched: ");
    let mut follow = spotfleet();
    follow.args(["events", "--follow", "--limit", "1", "--output", "json", "--url", &url]);
    let mut follow = follow.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let number = |line: String| json(&line)["number"].as_u64().unwrap();
    let first = number(lines.next().unwrap().unwrap());
    // Something more happens: the queue is empty, and machines have to go.
    place.write("queue", "0");
    place.write("fleet.yaml", &place.fleet(4, ""));
    daemon.signal("HUP");
    assert_eq!(number(lines.next().unwrap().unwrap()), first + 1);
    daemon.signal("TERM");
    let rest: Vec<u64> = lines.map(|line| number(line.unwrap())).collect();
    assert!(rest.iter().zip(first + 2..).all(|(got, expected)| *got == expected), "{rest:?}");
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    assert_eq!(daemon.ended().0.code(), Some(0));
}
