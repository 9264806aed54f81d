//! A decision that is recorded, and made again from the file alone.

#[expect(dead_code, reason = "this binary uses its part")]
mod daemon_support;

use std::path::Path;
use std::process::Output;

use daemon_support::{Place, output, read, spotfleet, stderr, stdout};

/// Schedules, budgets and a forecast beside the queue, so that the file has something of each.
fn full(place: &Place) -> String {
    place.fleet(10, "budget: {per_day: 50}").replace(
        "    on_demand: {base: 1}\n",
        "    on_demand: {base: 1, fallback_after: 5m}\n    budget: {per_hour: 3, per_month: 900, at_limit: shed-spot}\n    \
         labels: {team: ml}\n    schedules:\n      - {name: office, from: \"0 8 * * mon-fri\", until: \"0 19 * * mon-fri\", \
         time_zone: Europe/Berlin, min: 2}\n      - {name: night, from: \"0 22 * * *\", lasts: 8h, max: 9}\n",
    )
}

fn recorded(place: &Place) -> (String, std::path::PathBuf) {
    let file = place.path("observation.json");
    let done = output(spotfleet().args(["plan", "--config"]).arg(place.config()).arg("--record").arg(&file));
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    (stdout(&done), file)
}

fn again(file: &Path, args: &[&str]) -> Output {
    output(spotfleet().args(["plan", "--observation"]).arg(file).args(args))
}

#[test]
fn a_recorded_plan_is_made_again_without_a_cloud_or_a_fleet_file() {
    let place = Place::new(70);
    place.write("fleet.yaml", &full(&place));
    let (text, file) = recorded(&place);
    assert!(text.contains("launch ") && text.contains("its budget of a month"), "{text}");
    // Nothing is left but the file.
    std::fs::remove_file(place.config()).unwrap();
    std::fs::remove_file(place.path("queue")).unwrap();
    let same = again(&file, &[]);
    assert_eq!((same.status.code(), stdout(&same), stderr(&same)), (Some(0), text.clone(), String::new()));
    let changes = again(&file, &["--detailed-exitcode", "web"]);
    assert_eq!((changes.status.code(), stdout(&changes)), (Some(3), text));
    let json = again(&file, &["--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    let file: serde_json::Value = serde_json::from_str(&read(&file)).unwrap();
    assert_eq!(
        (json[0]["text"].as_str(), &file["spotfleet_observation"]),
        (file["decisions"][0]["plan"]["text"].as_str(), &1.into())
    );
}

#[test]
fn what_is_assumed_changes_what_was_observed() {
    let place = Place::new(0);
    let (_, file) = recorded(&place);
    let plan = |args: &[&str]| {
        let done = again(&file, args);
        assert_eq!((done.status.code(), stderr(&done)), (Some(0), String::new()), "{done:?}");
        stdout(&done)
    };
    let busy = plan(&["--demand", "70"]);
    assert!(busy.contains("target 7 (queue: need 7"), "{busy}");
    let cheap = plan(&["--price", "sim-a/west/west/small/spot=0.011"]);
    assert!(cheap.contains("launch 1 x sim-a/west/west/small/spot of 1 at $0.0110 per unit for spot"), "{cheap}");
    let lost = plan(&["--without", "sim-a/east"]);
    assert!(!lost.contains("launch 1 x sim-a/east/") && lost.contains("launch 1 x sim-a/west/"), "{lost}");
    for (args, says) in [
        (&["--price", "sim-a/north/north/small/spot=0.011"] as &[&str], "no fleet of the file has the pool"),
        (&["--without", "aws"], "no fleet of the file has a pool in aws"),
        (&["other"], "no fleet `other` in"),
        (&["--config", "fleet.yaml"], "cannot be used with"),
    ] {
        let done = again(&file, args);
        assert!(done.status.code() == Some(2) && stderr(&done).contains(says), "{args:?}: {done:?}");
    }
}

#[test]
fn a_file_that_is_no_whole_observation_is_named_with_place_and_hint() {
    let place = Place::new(0);
    let (_, file) = recorded(&place);
    let good = read(&file);
    let cut = &good[..good.len() / 2];
    for (text, says) in [
        (cut.to_owned(), "decisions[0].input"),
        (cut.to_owned(), "Record it again with"),
        (good.replacen("\"paused\": false", "\"paused\": \"no\"", 1), "decisions[0].input.paused: invalid type"),
        (
            good.replacen("\"paused\": false", "\"more\": 1, \"paused\": false", 1),
            "decisions[0].input.more: unknown field",
        ),
        (good.replacen("\"spotfleet_observation\": 1", "\"spotfleet_observation\": 2", 1), "has format 2"),
        ("{\"spotfleet_observation\": 7, \"tomorrow\": []}".to_owned(), "upgrade spotfleet"),
        (String::new(), "`spotfleet plan --record FILE` writes an observation"),
        ("{\"fleets\": []}".to_owned(), "`spotfleet plan --record FILE` writes an observation"),
    ] {
        place.write("broken.json", &text);
        let done = again(&place.path("broken.json"), &[]);
        assert_eq!(done.status.code(), Some(1), "{says}: {done:?}");
        assert!(stderr(&done).contains(says) && stderr(&done).contains("broken.json"), "{says}: {}", stderr(&done));
    }
    let none = again(&place.path("none.json"), &[]);
    assert!(none.status.code() == Some(1) && stderr(&none).contains("cannot read"), "{none:?}");
}
