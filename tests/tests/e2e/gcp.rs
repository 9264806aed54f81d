//! Compute Engine by the real binary: stock-outs, lost answers, preemptions, and kills at any moment. The peer is our own.
#![cfg(feature = "gcp")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use policies::rng::Stream;
use serde_json::{Value, json};
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::gcp::{Call, Fault, Gcp, PROJECT, TOKEN};
use spotfleet_tests::site::{Home, fleet, running, story};

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(120);

/// The peer, a queue in a file, and a fleet file that names both.
struct Site {
    peer: Gcp,
    home: Home,
}

impl Site {
    fn new() -> Self {
        let site = Self { peer: Gcp::start(), home: Home::new() };
        let (state, queue, url) = (site.home.path().join("state"), site.home.queue(), site.peer.origin());
        let text = format!(
            "version: 1
daemon:
  state_dir: {}
  listen: 127.0.0.1:0
  tick: 2s
  owner: e2e
  log: {{format: json}}
providers:
  gcp: {{project: {PROJECT}, endpoint_url: '{url}', watch_every: 1s, call_deadline: 5s, visibility_lag: 1s,
    allow_http_endpoint: true}}
fleets:
  - name: web
    labels: {{team: ml}}
    capacity: {{min: 3, max: 8}}
    demand:
      queue: {{source: {{file: {{path: {}}}}}, jobs_per_unit_hour: 60, drain_within: 10m}}
    on_demand: {{base: 1}}
    spot: {{min_pools: 2, max_price: {{of_on_demand: 60%}}}}
    scale_up: {{cooldown: 0s, max_launches_per_hour: 1000}}
    scale_down: {{cooldown: 0s, idle_grace: 1s, drain_timeout: 2s}}
    pools:
      - provider: gcp
        regions: [us-central1]
        zones: [us-central1-a, us-central1-b]
        instance_types: [n2-standard-4, e2-standard-4, g2-standard-8]
        launch: {{image: projects/debian-cloud/global/images/family/debian-12, max_run: 7d}}
",
            state.display(),
            queue.display()
        );
        std::fs::write(site.home.file(), text).expect("the fleet file is written");
        site
    }

    /// The daemon finds its credentials as on a machine of Google: at the metadata server.
    fn environment(&self) -> Vec<(String, String)> {
        let host = self.peer.origin().trim_start_matches("http://").to_owned();
        vec![("GCE_METADATA_HOST".to_owned(), host)]
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.home.file(), &self.environment())
            .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"))
    }

    /// Ids of the machines of the daemon.
    fn ours(&self) -> BTreeSet<String> {
        self.peer.with(|world| world.of_owner("e2e"))
    }

    fn spot(&self) -> Vec<String> {
        let is_spot = |body: &Value| body["scheduling"]["provisioningModel"] == "SPOT";
        let of = |id: &String| {
            let (name, zone) = id.split_once('.').expect("name and zone");
            self.peer.with(|world| world.machine(zone, name).is_some_and(|machine| is_spot(&machine.body)))
        };
        self.ours().into_iter().filter(of).collect()
    }

    fn take(&self, id: &str, event: bool) {
        let (name, zone) = id.split_once('.').expect("name and zone");
        self.peer.with(|world| world.preempt(zone, name, event));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_survives_stock_outs_lost_answers_and_preemptions() {
    let site = Site::new();
    // The first answer to a launch breaks off, and what was taken then runs out twice.
    let stock_out = Fault::Ends { code: "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", http: None, at_once: false };
    site.peer.rule(Call::Insert, stock_out, Some(2));
    site.peer.rule(Call::Insert, Fault::LoseReply, Some(1));
    let daemon = site.daemon();
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;
    let ours = site.ours();
    assert_eq!(ours.len(), 3, "nothing is made twice: {ours:?}");
    let inserts = site.peer.requests(Call::Insert);
    assert!(inserts.iter().all(|insert| insert.body["labels"]["team"] == "ml"), "{inserts:?}");
    let (events, _) = daemon.until("/api/v1/events", LIMIT, |a| a.to_string().contains("no-capacity")).await;
    assert!(events.to_string().contains("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"), "{events:#}");

    // Taken, with its event and without: both are replaced.
    let spot = site.spot();
    assert_eq!(spot.len(), 2, "and a base on demand");
    let taken = Instant::now();
    site.take(&spot[0], true);
    site.take(&spot[1], false);
    daemon.until("/api/v1/fleets", LIMIT, |_| site.ours().difference(&ours).count() == 2).await;
    println!("replacements asked for {:.1} s after the machines were seen to stop", taken.elapsed().as_secs_f64());
    site.peer.with(|world| world.pass(60_000));
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;
    for id in &spot {
        let (events, _) = daemon.until("/api/v1/events", LIMIT, |a| story(a, id).contains(&"gone".to_owned())).await;
        let noticed = story(&events, id).contains(&"noticed".to_owned());
        assert_eq!(noticed, *id == spot[0], "{:?}", story(&events, id));
    }
    let bill = daemon.get("/api/v1/fleets").await.expect("fleets");
    assert!(fleet(&bill)["price_per_hour"].as_f64().is_some_and(|price| price > 0.0), "{bill:#}");

    // A restart finds everything, and launches nothing; the token is in no line of the finest log.
    let (before, inserts) = (site.ours(), site.peer.requests(Call::Insert).len());
    assert!(daemon.stop().success());
    let text = std::fs::read_to_string(site.home.file()).expect("the fleet file");
    let fine = text.replace("log: {format: json}", "log: {format: json, level: trace}");
    std::fs::write(site.home.file(), fine).expect("the fleet file is written");
    let daemon = site.daemon();
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;
    assert_eq!((site.ours(), site.peer.requests(Call::Insert).len()), (before, inserts));
    let (status, log) = daemon.stop_with_log();
    assert!(status.success());
    assert!(log.contains("\"TRACE\"") && !log.contains(TOKEN), "a secret is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_compute_engine_whatever_is_killed() {
    let kills: u64 = std::env::var("SPOTFLEET_E2E_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let site = Site::new();
    let labels = json!({"spotfleet-owner": "us", "spotfleet-fleet": "web"});
    site.peer.with(|world| world.plant("us-central1-a", "by-hand", &labels));
    let mut random = Stream::new(1, "kills");
    let start = Instant::now();
    let mut inserts = 0;
    for round in 0..kills {
        site.home.jobs(random.below(9) * 10);
        if let Some(id) = site.spot().first() {
            site.take(id, random.below(2) == 0);
        }
        site.peer.with(|world| world.pass(20_000));
        site.peer.calm();
        let fault = match random.below(5) {
            0 => Fault::LoseReply,
            1 => Fault::LoseRequest,
            2 => Fault::Ends { code: "ZONE_RESOURCE_POOL_EXHAUSTED", http: Some(503), at_once: false },
            3 => Fault::Refuse(403, "rateLimitExceeded"),
            _ => Fault::Proxy,
        };
        site.peer.rule(if random.below(4) == 0 { Call::Delete } else { Call::Insert }, fault, Some(1));
        let daemon = site.daemon();
        // The moment of the kill is what is tried here; nothing waits for anything.
        tokio::time::sleep(Duration::from_millis(200 + random.below(1_600))).await;
        let log = daemon.crash();
        let ours = site.ours();
        assert!(ours.len() <= 8, "{ours:?} for a maximum of 8 after kill {round}:\n{log}");
        assert!(!log.contains("panicked"), "{log}");
        inserts = site.peer.requests(Call::Insert).len();
    }
    println!("{kills} kills in {:.0} s, {inserts} launches", start.elapsed().as_secs_f64());
    // How many there are depends on how fast the host is; that there are many does not.
    assert!(inserts >= usize::try_from(kills / 5).expect("few"), "the daemon lived too short to do anything");

    site.peer.calm();
    site.peer.with(|world| world.pass(60_000));
    site.home.jobs(60);
    let daemon = site.daemon();
    let met = |a: &Value| {
        // What was deleted last is gone half a minute later.
        site.peer.with(|world| world.pass(1_000));
        let number = |key: &str| fleet(a)[key].as_f64().unwrap_or(f64::NAN);
        let target = number("target");
        target >= 6.0 && number("held_running") == target && number("machines") == target && number("promised") == 0.0
    };
    daemon.until("/api/v1/fleets", Duration::from_secs(240), met).await;
    let answer = daemon.get("/api/v1/instances").await.expect("instances");
    let recorded: BTreeSet<String> =
        answer["instances"].as_array().into_iter().flatten().filter_map(|i| Some(i["id"].as_str()?.into())).collect();
    assert_eq!(recorded, site.ours(), "every machine is on record");
    let lives =
        site.peer.with(|world| world.machine("us-central1-a", "by-hand").is_some_and(|m| m.status == "RUNNING"));
    assert!(lives, "another owner's machine is not ours");
    let mut requests: Vec<(Value, String)> = Vec::new();
    for insert in site.peer.requests(Call::Insert) {
        requests.push((insert.body["name"].clone(), insert.query["requestId"].clone()));
    }
    let distinct: BTreeSet<String> = requests.iter().map(|(name, id)| format!("{name} {id}")).collect();
    let names: BTreeSet<String> = requests.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(distinct.len(), names.len(), "a launch has one name and one request id");
}

#[test]
fn the_doctor_and_the_plan_work_on_the_same_file() {
    let site = Site::new();
    let run = |args: &[&str], file: bool| {
        let mut command = command(&site.environment(), site.home.path());
        command.args(args);
        if file {
            command.arg("--config").arg(site.home.file());
        }
        let output = command.output().expect("spotfleet can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, error) = run(&["doctor", "gcp"], true);
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("n2-standard-4 spot") && said.contains("0.052001 USD an hour"), "{said}");
    assert!(said.contains("0 problems"), "{said}");
    let (code, said, error) = run(&["doctor", "gcp", "--role"], false);
    assert_eq!(code, Some(0), "{said}{error}");
    let role: Value = serde_json::from_str(&said).expect("JSON");
    assert!(role["includedPermissions"].to_string().contains("compute.instances.create"), "{said}");
    let (code, said, error) = run(&["plan"], true);
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("gcp/us-central1/us-central1-"), "{said}");
    let (code, said, error) = run(&["prices", "--signals", "--history=24h"], true);
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("1.23% preempted, 90% obtainable") && said.contains("LAST 24H"), "{said}");
    assert!(!said.contains("cannot be read"), "{said}");
    assert_eq!(site.peer.with(|world| world.count()), 0, "a look makes nothing");
    assert_eq!(site.peer.requests(Call::Insert).len(), 0);
}
