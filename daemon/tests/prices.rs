//! `spotfleet prices`: what it prints, from which clouds, and how it ends.

#[expect(dead_code, reason = "this binary uses its part")]
mod daemon_support;

use std::process::Output;

use daemon_support::{Place, output, spotfleet, stderr, stdout};
use serde_json::{Value, json};

fn prices(place: &Place, args: &[&str]) -> Output {
    output(spotfleet().arg("prices").arg("--config").arg(place.config()).args(args))
}

fn told(place: &Place, args: &[&str]) -> String {
    let done = prices(place, args);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    stdout(&done)
}

fn told_json(place: &Place, args: &[&str]) -> Value {
    let text = told(place, &[args, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The file of a [`Place`] with another fleet beside the first.
fn with_another(place: &Place) {
    let more = "  - name: batch\n    unit: vcpu\n    capacity: {min: 0, max: 9}\n    \
                spot: {max_price: {of_on_demand: 29%}}\n    pools:\n      - provider: sim-a\n        \
                regions: [east, west, north]\n        instance_types: [small]\n        markets: [spot]\n";
    place.write("fleet.yaml", &(place.fleet(10, "") + more));
}

#[test]
fn the_cheapest_unit_comes_first_in_a_table_for_each_fleet_and_nothing_is_written() {
    let place = Place::new(100);
    with_another(&place);
    let text = told(&place, &[]);
    let first: Vec<_> = text.lines().map(|line| line.split_whitespace().next().unwrap_or("")).collect();
    let expected = [
        "fleet",
        "POOL",
        "sim-a/north/small",
        "sim-a/west/small",
        "sim-a/east/small",
        "",
        "fleet",
        "POOL",
        "sim-a/west/small",
        "sim-a/east/small",
        "sim-a/east/small",
        "sim-a/west/small",
    ];
    assert_eq!(first, expected, "{text}");
    assert!(text.contains("fleet batch, vcpu-hours in USD") && text.contains("above its share of on-demand"), "{text}");
    assert!(!text.contains('\x1b'), "no colours where there is no terminal");
    assert!(!place.path("state").exists());
    assert!(!told(&place, &["web"]).contains("batch"));
}

#[test]
fn as_json_prices_are_whole_numbers_and_the_reason_is_that_of_a_plan() {
    let place = Place::new(0);
    with_another(&place);
    let all = told_json(&place, &["batch", "--region", "east", "--provider", "sim-a"]);
    let fleet = &all["fleets"][0];
    assert_eq!((all["fleets"].as_array().map(Vec::len), &fleet["unit"]), (Some(1), &json!("vcpu")));
    let [pool] = &fleet["pools"].as_array().unwrap()[..] else { panic!("{all}") };
    for (key, value) in [
        ("pool", json!("sim-a/east/east/small/spot")),
        ("usable", json!(false)),
        ("because", json!("above-share-of-on-demand")),
        ("price_micros", json!(30_600)),
        ("list_price_micros", json!(30_600)),
        ("list_currency", json!("USD")),
        ("units_milli", json!(2_000)),
        ("unit_price_nanos", json!(15_300_000)),
        ("on_demand_price_micros", json!(100_000)),
        ("saving_bp", json!(6_940)),
        ("sold_out", json!(false)),
        ("failed_launches", json!(0)),
        ("history", Value::Null),
    ] {
        assert_eq!(pool[key], value, "{key}: {pool}");
    }
    assert_eq!(all["history_since"], Value::Null);
    let past = told_json(&place, &["batch", "--history=24h"]);
    let history = past["fleets"][0]["pools"][0]["history"].as_array().unwrap();
    assert!(
        history.len() > 3 && history.last().unwrap()["price_micros"] == past["fleets"][0]["pools"][0]["price_micros"]
    );
    assert!(past["history_since"].is_string());
}

#[test]
fn past_prices_are_drawn_and_plotted() {
    let place = Place::new(0);
    with_another(&place);
    let picture = place.path("prices.svg");
    let text = told(&place, &["--history=3d", "--svg", &picture.display().to_string()]);
    assert!(text.contains("LAST 3D") && text.contains('▁') && text.contains('█'), "{text}");
    let drawn = daemon_support::read(&picture);
    let document = roxmltree::Document::parse(&drawn).unwrap();
    let said: Vec<_> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    for pool in ["sim-a/west/small", "sim-a/north/small", "sim-a/east/small", "on-demand sim-a/north/small +2"] {
        let name = format!("  {pool}");
        assert!(said.iter().any(|text| text.starts_with("0.0") && text.ends_with(&name)), "{pool}: {said:?}");
    }
    let nowhere = prices(&place, &["--svg", "/nowhere/prices.svg"]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(stderr(&nowhere).contains("cannot write /nowhere/prices.svg"), "{nowhere:?}");
}

#[test]
fn what_is_not_in_the_file_is_said_with_what_is() {
    let place = Place::new(0);
    for (args, why) in [
        (&["none"][..], "no fleet `none` in "),
        (&["--region", "south"], "no pool is of region `south`: there are east, west"),
        (&["--provider", "aws"], "no pool is of provider `aws`: there are sim-a"),
        (&["--history=91d"], "no cloud tells more than 90d"),
        (&["--history=soon"], "write it as 90s, 45m"),
    ] {
        let bad = prices(&place, args);
        assert_eq!(bad.status.code(), Some(2), "{args:?}: {bad:?}");
        assert!(stderr(&bad).contains(why), "{args:?}: {bad:?}");
    }
}

#[test]
fn a_pool_that_failed_is_closed_by_the_running_daemons_word_and_by_its_store() {
    let place = Place::new(100);
    let one_each = place.fleet(10, "").replace("spot_price: 0.03}", "spot_price: 0.03, spot_room: 1}");
    place.write("fleet.yaml", &one_each);
    let mut daemon = place.run();
    let url = daemon.url();
    daemon.wait_for("closed: ");
    let closed =
        |text: &str| text.contains("closed by no-capacity, opens in") && text.contains("the last launch failed");
    let asked = told(&place, &["--url", &url]);
    assert!(closed(&asked), "{asked}");
    let blind = prices(&place, &["--url", "http://127.0.0.1:1"]);
    assert_eq!(blind.status.code(), Some(0), "{blind:?}");
    assert!(stderr(&blind).contains("what is closed after failures is not known"), "{blind:?}");
    assert!(!closed(&stdout(&blind)), "{blind:?}");
    daemon.signal("TERM");
    daemon.ended();
    let remembered = told(&place, &[]);
    assert!(closed(&remembered), "{remembered}");
}

#[cfg(feature = "ppio")]
#[test]
fn a_cloud_that_cannot_be_reached_is_said_beside_the_others_and_alone_it_is_a_failure() {
    let place = Place::new(0);
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cloud = format!(
        "providers:\n  ppio:\n    api_key: {{env: PPIO_TEST_KEY}}\n    base_url: http://127.0.0.1:{port}/v1\n    \
         allow_http: true\n"
    );
    let pool = "      - provider: ppio\n        regions: ['27']\n        instance_types: ['4090']\n        \
                launch: {image: worker, rootfs_gb: 60}\n";
    let config = place.fleet(10, "rates: {CNY: 0.14}").replace("providers:\n", &cloud) + pool;
    place.write("fleet.yaml", &config);
    let ask = |args: &[&str]| {
        let mut command = spotfleet();
        command.arg("prices").arg("--config").arg(place.config()).args(args).env("PPIO_TEST_KEY", "canary-of-prices");
        output(&mut command)
    };
    let both = ask(&["--history"]);
    assert_eq!(both.status.code(), Some(0), "{both:?}");
    let text = stdout(&both);
    assert!(text.contains("usable") && text.contains("its region is not seen"), "{text}");
    for why in
        ["ppio/27: its machines cannot be listed: ", "ppio/27: its prices cannot be read: ", "tells no past prices"]
    {
        assert!(text.contains(why), "{why}: {text}");
    }
    let alone = ask(&["--provider", "ppio", "--output", "json"]);
    assert_eq!(alone.status.code(), Some(1), "{alone:?}");
    let all: Value = serde_json::from_str(&stdout(&alone)).unwrap();
    assert_eq!(all["fleets"][0]["pools"][0]["failure"]["kind"], "unavailable", "{all}");
    assert_eq!(all["unread"][0]["lane"], "ppio/27", "{all}");
    assert!(stderr(&alone).contains("no price of any pool could be read"), "{alone:?}");
    for text in [text, stdout(&alone), stderr(&both), stderr(&alone)] {
        assert!(!text.contains("canary-of-prices"), "{text}");
    }
    // Without that cloud its key is not wanted.
    let without = prices(&place, &["--provider", "sim-a"]);
    assert_eq!(without.status.code(), Some(0), "{without:?}");
}
