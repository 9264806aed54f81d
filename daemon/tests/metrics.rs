//! What a real daemon gives as metrics is what the table says, all of it and nothing else.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

#[expect(dead_code, reason = "this binary uses its part")]
mod daemon_support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use daemon_support::{PATIENCE, Place, get_now, spotfleet};
use policies::control::Record;
use policies::demand::{History, Hour};
use policies::units::Capacity;
use spotfleet::clock::Clock;
use spotfleet::store::{Engine, transfer};
use spotfleet::telemetry::table::{Kind, METRICS, Metric};

/// What a scrape says: help, type and labels of each metric.
#[derive(Default)]
struct Scrape {
    helps: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Scrape {
    fn of(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
                scrape.helps.insert(name.to_owned(), help.to_owned());
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
                scrape.kinds.insert(name.to_owned(), kind.to_owned());
            } else {
                let (series, _) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels = labels.trim_end_matches('}').split("\",").filter_map(|l| l.split_once('='));
                scrape.labels.entry(name.to_owned()).or_default().extend(labels.map(|(label, _)| label.to_owned()));
            }
        }
        scrape
    }

    /// Series names of a metric.
    fn series(metric: &Metric) -> Vec<String> {
        match metric.kind {
            Kind::Gauge | Kind::Counter => vec![metric.name.to_owned()],
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", metric.name)).into(),
        }
    }

    fn has(&self, metric: &Metric) -> bool {
        Self::series(metric).iter().all(|name| self.labels.contains_key(name))
    }
}

/// Need of the last five days, without which nothing is forecast.
fn remember(place: &Place) {
    let now = History::hour_of(Clock::wall().now());
    let hour = |number| {
        let hour = Hour { sum_milli: 6_000, readings: 2, peak: Capacity::units(3) };
        Record::Hour("web".into(), number, hour)
    };
    let records: Vec<Record> = (now - 5 * 24..now).map(hour).collect();
    let mut export = Vec::new();
    transfer::write(&mut export, Engine::Sled, &records).unwrap();
    place.write("past.jsonl", &String::from_utf8(export).unwrap());
    let mut import = spotfleet();
    import.args(["store", "import", "--config"]).arg(place.config()).arg(place.path("past.jsonl"));
    assert!(import.status().unwrap().success());
}

/// Budgets, a queue with a forecast, a market with room for one machine, and a fleet that shrinks at once.
fn file(place: &Place) -> String {
    let queue = "    demand:\n      queue:\n";
    let foreseen = "    demand:\n      forecast: {horizon: 15m}\n      queue:\n";
    place.fleet(10, "").replace(queue, foreseen).replace("spot_price: 0.03", "spot_price: 0.03, spot_room: 1").replace(
        "    on_demand: {base: 1}\n",
        "    on_demand: {base: 1, fallback_after: 1s}\n    budget: {per_day: 50}\n    \
             scale_up: {cooldown: 0s}\n    scale_down: {cooldown: 0s, idle_grace: 0s, drain_timeout: 0s}\n",
    )
}

#[test]
fn a_scrape_is_what_the_table_says() {
    // More is wanted than spot has room for: a closure. Then less: something is let go.
    let place = Place::new(60);
    place.write("fleet.yaml", &file(&place));
    remember(&place);
    let mut daemon = place.run();
    let url = daemon.url();
    daemon.wait_for("closed: ");
    let began = Instant::now();
    let mut seen = BTreeSet::new();
    let mut shrinks = false;
    loop {
        let (status, body) = get_now(&format!("{url}/metrics"));
        assert_eq!(status, 200);
        let text = body.as_str().unwrap().to_owned();
        let scrape = Scrape::of(&text);
        // Nothing that is not in the table, and all as the table says.
        let known: BTreeMap<String, &Metric> =
            METRICS.iter().flat_map(|m| Scrape::series(m).into_iter().map(move |name| (name, m))).collect();
        for (name, labels) in &scrape.labels {
            let metric = known.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
            let mut want: BTreeSet<String> = metric.labels.iter().map(|l| (*l).to_owned()).collect();
            if name.ends_with("_bucket") {
                want.insert("le".to_owned());
            }
            assert_eq!(*labels, want, "labels of {name}");
        }
        for metric in METRICS.iter().filter(|m| scrape.has(m)) {
            assert_eq!(scrape.kinds[metric.name], metric.kind.name(), "{}", metric.name);
            assert_eq!(scrape.helps[metric.name], metric.help, "{}", metric.name);
            seen.insert(metric.name);
        }
        let missing: Vec<_> = METRICS.iter().map(|m| m.name).filter(|name| !seen.contains(name)).collect();
        if missing.is_empty() {
            break;
        }
        // Not before on-demand stands in: until then no more may be held than the forecast wants.
        if !shrinks && missing == ["spotfleet_let_go_total"] && text.contains("why=\"bridge\"") {
            place.write("queue", "0");
            shrinks = true;
        }
        assert!(began.elapsed() < PATIENCE, "never in a scrape: {missing:?}\n{text}");
        std::thread::yield_now();
    }
    daemon.signal("TERM");
    assert_eq!(daemon.ended().0.code(), Some(0));
}
