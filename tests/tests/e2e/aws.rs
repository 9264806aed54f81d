//! The whole way, by the real binary: jobs in Redis become machines on an EC2 endpoint and go away again.
//!
//! The endpoint is moto behind the fault layer; Redis is a real server.

#![cfg(feature = "aws")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use policies::rng::Stream;
use policies::units::Time;
use serde_json::{Value, json};
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::moto::{Moto, MotoMachine, MotoRegion};
use spotfleet_tests::redis::RedisServer;

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(90);

/// Seconds of `idle_grace` in the fleet file.
const GRACE: f64 = 8.0;

/// A region of moto, a Redis with a list, and a fleet file that names both.
struct Site {
    moto: Moto,
    region: MotoRegion,
    redis: RedisServer,
    _directory: tempfile::TempDir,
    file: PathBuf,
    home: PathBuf,
}

impl Site {
    /// With an idle grace of so many seconds.
    fn new(grace: f64) -> Self {
        let moto = Moto::start();
        let region = moto.region("us-east-1");
        let redis = RedisServer::start();
        let directory = tempfile::tempdir().expect("a directory");
        let home = directory.path().to_path_buf();
        region.prices(json!({
            "on_demand": {"m5.large": 0.096, "m6i.large": 0.1},
            "spot": {
                "m5.large/us-east-1a": 0.031, "m5.large/us-east-1b": 0.034, "m5.large/us-east-1c": 0.037,
                "m6i.large/us-east-1a": 0.033, "m6i.large/us-east-1b": 0.036,
                // Above 70 % of its on-demand price: never bought.
                "m6i.large/us-east-1c": 0.08,
            },
        }));
        let queue = region.queue("interruptions");
        let file = home.join("fleet.yaml");
        std::fs::write(&file, fleet_file(&moto, &region, &redis, &queue, &home, grace))
            .expect("the fleet file is written");
        Self { moto, region, redis, _directory: directory, file, home }
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.file, &self.moto.environment())
            .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"))
    }

    /// Makes the list so many jobs long.
    fn jobs(&self, count: usize) {
        let client = redis::Client::open(self.redis.url()).expect("a URL");
        let mut connection = client.get_connection().expect("redis answers");
        let mut pipe = redis::pipe();
        pipe.atomic().del("jobs").ignore();
        if count > 0 {
            pipe.rpush("jobs", vec!["job"; count]).ignore();
        }
        pipe.query::<()>(&mut connection).expect("redis takes jobs");
    }

    /// The first so many machines that were launched, in the order of their launch calls.
    fn first_machines(&self, count: usize) -> Vec<MotoMachine> {
        let launches = self.region.launches();
        let ids = launches.iter().flat_map(|l| l["ids"].as_array().into_iter().flatten()).filter_map(Value::as_str);
        let machines = self.alive();
        ids.filter_map(|id| machines.iter().find(|m| m.id == id)).take(count).cloned().collect()
    }

    /// Our machines that were not ended.
    fn alive(&self) -> Vec<MotoMachine> {
        self.region.machines().into_iter().filter(|m| m.is_alive() && m.tag("spotfleet:owner") == "e2e").collect()
    }
}

fn fleet_file(moto: &Moto, region: &MotoRegion, redis: &RedisServer, queue: &str, home: &Path, grace: f64) -> String {
    let subnets = region.subnets();
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
    let subnets: String = zones.iter().map(|z| format!("            {z}: {}\n", subnets[*z])).collect();
    let (endpoint, state, redis) = (moto.endpoint(), home.join("state").display().to_string(), redis.url());
    format!(
        "version: 1
daemon:
  state_dir: {state}
  listen: 127.0.0.1:0
  tick: 1s
  owner: e2e
  log: {{format: json}}
providers:
  aws:
    endpoint_url: {endpoint}
    pricing_endpoint_url: {endpoint}
    allow_http_endpoint: true
    interruption_queue_urls: ['{queue}']
    call_deadline: 5s
    visibility_lag: 1s
fleets:
  - name: batch
    labels: {{team: research}}
    capacity: {{min: 2, max: 12}}
    demand:
      queue:
        source: {{redis: {{url: '{redis}', list: jobs}}}}
        jobs_per_unit_hour: 300
        drain_within: 10m
      on_missing: {{hold: 1m}}
    on_demand: {{base: 2, fallback_after: 5m}}
    spot:
      max_price: {{of_on_demand: 70%}}
      min_pools: 4
      max_share: {{pool: 40%, zone: 60%}}
    # Two machines die at each kill, some seconds apart: no hour of a life is like that.
    scale_up: {{cooldown: 1s, max_launches_per_hour: 1000}}
    scale_down: {{cooldown: 1s, idle_grace: {grace}s, drain_timeout: 2s}}
    pools:
      - provider: aws
        regions: [us-east-1]
        instance_types: [m5.large, m6i.large]
        launch:
          image: ami-12345678
          subnets:
{subnets}"
    )
}

fn seconds_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn held(machines: &[MotoMachine], market: &str) -> usize {
    machines.iter().filter(|m| m.market == market).count()
}

/// Machines by pool, as a plan or the cloud tells.
type ByPool = BTreeMap<String, u64>;

fn by_pool(machines: &[MotoMachine]) -> ByPool {
    let mut pools = ByPool::new();
    for m in machines {
        *pools.entry(m.tag("spotfleet:pool").to_owned()).or_default() += 1;
    }
    pools
}

/// The launches of a dry run, by pool.
fn planned(site: &Site) -> ByPool {
    let output = command(&site.moto.environment(), &site.home)
        .args(["plan", "--output", "json", "--config"])
        .arg(&site.file)
        .output()
        .expect("spotfleet plan runs");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "plan failed: {errors}");
    let plans: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut pools = ByPool::new();
    assert_eq!(plans[0]["steps"][0]["why"], "base", "the base comes first");
    for step in plans[0]["steps"].as_array().unwrap_or_else(|| panic!("no steps in {plans:#}")) {
        assert_eq!(step["action"], "launch", "nothing is there to be let go: {step:#}");
        let pool = step["pool"].as_str().expect("a pool").to_owned();
        *pools.entry(pool).or_default() += step["count"].as_u64().expect("a count");
    }
    pools
}

fn fleet(answer: &Value) -> &Value {
    &answer["fleets"][0]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and redis: cargo xtask test"]
async fn jobs_become_machines_within_the_rules_and_go_away_again() {
    let site = Site::new(GRACE);
    site.jobs(500);
    let plan = planned(&site);
    assert!(site.alive().is_empty(), "a plan launches nothing");

    let daemon = site.daemon();
    // 500 jobs at 300 per unit-hour within ten minutes: ten units. Nobody works the jobs off, so that later more is
    // wanted: the first ten machines are looked at.
    daemon.until("/api/v1/fleets", LIMIT, |a| fleet(a)["held_running"].as_f64() >= Some(10.0)).await;
    let grown = site.first_machines(10);
    assert_eq!((grown.len(), held(&grown, "on-demand"), held(&grown, "spot")), (10, 2, 8));
    assert_eq!(by_pool(&grown), plan, "what was done is what the plan said");

    let spot: BTreeSet<&str> = grown.iter().filter(|m| m.market == "spot").map(|m| m.tag("spotfleet:pool")).collect();
    assert!(spot.len() >= 4, "spot is spread over four pools: {spot:?}");
    for (pool, count) in by_pool(&grown) {
        assert!(!pool.contains("us-east-1c/m6i.large/spot"), "above the cap: {pool}");
        // 40 % of eight, and a fourth of eight: three and two; the tighter one holds.
        assert!(pool.ends_with("on-demand") || count <= 2, "{pool} holds {count}");
    }
    for m in &grown {
        let tags = ["spotfleet:owner", "spotfleet:fleet", "spotfleet:pool", "spotfleet:intent", "team"];
        assert!(tags.iter().all(|t| !m.tag(t).is_empty()), "tags of {}: {:?}", m.id, m.tags);
        assert_eq!((m.tag("spotfleet:fleet"), m.tag("team")), ("batch", "research"));
    }

    assert!(site.alive().len() <= 12, "never above the maximum");
    let before: BTreeSet<String> = site.alive().iter().map(|m| m.id.clone()).collect();
    let drained = seconds_now();
    site.jobs(0);
    let (answer, _) =
        daemon.until("/api/v1/fleets", LIMIT, |a| fleet(a)["target"] == 2.0 && fleet(a)["machines"] == 2).await;
    assert_eq!(fleet(&answer)["held_on_demand"], 2.0, "the base stays");
    let left = site.alive();
    assert_eq!((left.len(), held(&left, "on-demand")), (2, 2), "spot went");
    assert!(left.iter().all(|m| before.contains(&m.id)), "the base was not replaced");
    let waited = seconds_now() - drained;
    assert!(waited >= GRACE, "capacity was needed {waited} s ago");
    assert!(daemon.stop().success());
    assert_eq!(site.alive().len(), 2, "stopping is not scaling down");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and redis: cargo xtask test"]
async fn a_warning_is_answered_by_a_replacement_within_a_second() {
    let site = Site::new(GRACE);
    site.jobs(300);
    let daemon = site.daemon();
    daemon.until("/api/v1/fleets", LIMIT, |a| fleet(a)["held_running"].as_f64() >= Some(6.0)).await;
    let taken = site.alive().into_iter().find(|m| m.market == "spot").expect("a spot machine");
    let launches = site.region.launches().len();

    let warned = site.region.interrupt(&taken.id);
    let gone = |a: &Value| {
        let mut events = a["events"].as_array().into_iter().flatten();
        events.any(|e| e["what"] == "gone" && e["text"].as_str().is_some_and(|t| t.contains(&taken.id)))
    };
    let (answer, _) = daemon.until("/api/v1/events", LIMIT, gone).await;

    let replaced = site.region.launches().get(launches).cloned().expect("a replacement was launched");
    let warned = Duration::from_millis(warned.since(Time::EPOCH).as_millis()).as_secs_f64();
    let delay = replaced["at"].as_f64().expect("a time") - warned;
    println!("replacement launch call {:.0} ms after the warning was sent", delay * 1_000.0);
    assert!(delay <= 1.0, "the replacement left {delay} s after the warning");
    let story: Vec<&str> = answer["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|e| e["fleet"] == "batch" && e["text"].as_str().is_some_and(|t| t.contains(&taken.id)))
        .filter_map(|e| e["what"].as_str())
        .collect();
    assert_eq!(story, ["noticed", "draining", "ending", "gone"], "drained, then ended");
    let (zone, kind) = (replaced["zone"].as_str(), replaced["type"].as_str());
    assert_ne!(
        (zone, kind),
        (Some(taken.zone.as_str()), Some(taken.instance_type.as_str())),
        "not where room is short"
    );
    daemon.until("/api/v1/fleets", LIMIT, |a| fleet(a)["held_running"].as_f64() >= Some(6.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and redis: cargo xtask test"]
async fn nothing_is_lost_or_doubled_whatever_is_killed() {
    let kills: u64 = std::env::var("SPOTFLEET_E2E_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let site = Site::new(1.0);
    let foreign = site.region.plant("m5.large", &[("spotfleet:owner", "somebody-else")], 2);
    site.region.rule(json!({"action": "CreateFleet", "kind": "errors", "codes": ["InsufficientInstanceCapacity"], "percent": 10, "seed": 1}));
    for (seed, action) in ["CreateFleet", "TerminateInstances", "DescribeInstances"].iter().enumerate() {
        site.region.rule(json!({"action": action, "kind": "lose_reply", "percent": 5, "seed": seed}));
    }
    let mut random = Stream::new(1, "kills");
    let start = Instant::now();
    for round in 0..kills {
        site.jobs(usize::try_from(random.below(13) * 50).expect("few jobs"));
        // Machines die, so that there is always something to mend.
        let alive = site.alive();
        for _ in 0..alive.len().min(2) {
            let chosen = usize::try_from(random.below(u64::try_from(alive.len()).expect("few"))).expect("few");
            site.region.take(&alive[chosen].id);
        }
        let daemon = site.daemon();
        // The moment of the kill is what is tried here; nothing waits for anything.
        tokio::time::sleep(Duration::from_millis(200 + random.below(2_800))).await;
        let log = daemon.crash();
        let alive = site.alive();
        assert!(alive.len() <= 12, "{} machines for a maximum of 12 after kill {round}:\n{log}", alive.len());
        assert!(!log.contains("panicked"), "{log}");
    }
    println!("{kills} kills in {:.0} s", start.elapsed().as_secs_f64());

    site.region.clear_rules();
    site.jobs(400);
    let daemon = site.daemon();
    let met = |a: &Value| {
        let number = |key: &str| fleet(a)[key].as_f64().unwrap_or(f64::NAN);
        let target = number("target");
        target >= 8.0 && number("held_running") == target && number("machines") == target && number("promised") == 0.0
    };
    daemon.until("/api/v1/fleets", Duration::from_secs(180), met).await;
    let answer = daemon.get("/api/v1/instances").await.expect("instances");
    let recorded: BTreeSet<&str> =
        answer["instances"].as_array().into_iter().flatten().filter_map(|i| i["id"].as_str()).collect();
    let alive = site.alive();
    assert_eq!(recorded, alive.iter().map(|m| m.id.as_str()).collect(), "every machine is on record");
    let untouched: Vec<_> = site.region.machines().into_iter().filter(|m| foreign.contains(&m.id)).collect();
    assert!(untouched.len() == 2 && untouched.iter().all(MotoMachine::is_alive), "foreign machines are not ours");
    let tokens: BTreeMap<String, Vec<Value>> =
        site.region.launches().into_iter().fold(BTreeMap::new(), |mut map: BTreeMap<_, Vec<_>>, l| {
            map.entry(l["token"].as_str().unwrap_or_default().to_owned()).or_default().push(l);
            map
        });
    let calls = tokens.values().map(Vec::len).sum::<usize>();
    println!("{calls} launch calls under {} tokens", tokens.len());
    assert!(u64::try_from(calls).is_ok_and(|c| c >= kills / 2), "the daemon lived too short to do anything");
}
