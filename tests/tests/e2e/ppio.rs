//! PPIO by the real binary: the life of spot, lost answers, and kills at any moment. The peer is our own.
#![cfg(feature = "ppio")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use policies::rng::Stream;
use serde_json::Value;
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::ppio::{Container, KEY, Ppio, Trouble};
use spotfleet_tests::site::{Home, fleet, running, story};

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(120);

/// The peer, a queue in a file, and a fleet file that names both.
struct Site {
    peer: Ppio,
    home: Home,
}

impl Site {
    fn new() -> Self {
        let site = Self { peer: Ppio::start(), home: Home::new() };
        let (state, queue, url) = (site.home.path().join("state"), site.home.queue(), site.peer.url());
        let text = format!(
            "version: 1
daemon:
  state_dir: {}
  listen: 127.0.0.1:0
  tick: 3s
  owner: e2e
  rates: {{CNY: 0.14}}
  log: {{format: json}}
providers:
  ppio: {{api_key: {{env: PPIO_KEY}}, base_url: '{url}', watch_every: 1s, call_deadline: 5s, visibility_lag: 1s}}
fleets:
  - name: llm
    capacity: {{min: 3, max: 8}}
    demand:
      queue: {{source: {{file: {{path: {}}}}}, jobs_per_unit_hour: 60, drain_within: 10m}}
    on_demand: {{base: 1}}
    spot: {{min_pools: 2, max_price: {{of_on_demand: 60%}}}}
    scale_up: {{cooldown: 0s, max_launches_per_hour: 1000}}
    scale_down: {{cooldown: 0s, idle_grace: 1s, drain_timeout: 2s}}
    pools:
      - provider: ppio
        regions: [cn-south-1, '27']
        instance_types: [L40S.22c125g, 2x4090.16c62g]
        launch: {{image: 'registry.example.com/worker:1', rootfs_gb: 60}}
",
            state.display(),
            queue.display()
        );
        std::fs::write(site.home.file(), text).expect("the fleet file is written");
        site
    }

    fn environment() -> Vec<(String, String)> {
        vec![("PPIO_KEY".to_owned(), KEY.to_owned())]
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.home.file(), &Self::environment())
            .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"))
    }

    fn ours(&self) -> Vec<Container> {
        self.peer.cloud().ours()
    }
}

fn names(containers: &[Container]) -> Vec<String> {
    containers.iter().map(|c| c.body["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spot_is_replaced_at_its_notice_and_nothing_is_left_behind() {
    let site = Site::new();
    // The first answer to a creation breaks off: what it made is found by its name.
    site.peer.cloud().trouble("create", Trouble::LoseReply);
    let daemon = site.daemon();
    daemon.until("/api/v1/fleets", LIMIT, |_| !site.peer.cloud().ours().is_empty()).await;
    site.peer.cloud().calm();
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;
    let ours = site.ours();
    let distinct: BTreeSet<String> = names(&ours).into_iter().collect();
    assert_eq!((ours.len(), distinct.len()), (3, 3), "nothing is created twice: {distinct:?}");
    assert_eq!(ours.iter().filter(|c| !c.is_spot()).count(), 1, "a base on demand");

    // In its first hour nothing is taken back.
    assert!(site.peer.cloud().takeable().is_empty());
    site.peer.cloud().pass(3_600);
    let taken = site.peer.cloud().takeable();
    assert_eq!(taken.len(), 2);
    site.peer.cloud().notify(&taken[0]);
    let noticed = Instant::now();
    let before = names(&ours).into_iter().collect::<BTreeSet<_>>();
    let replaced = |_: &Value| names(&site.peer.cloud().ours()).iter().any(|name| !before.contains(name));
    daemon.until("/api/v1/fleets", LIMIT, replaced).await;
    println!(
        "replacement created {:.1} s after the notice, of which up to 1 s until it is read",
        noticed.elapsed().as_secs_f64()
    );
    let (events, _) = daemon.until("/api/v1/events", LIMIT, |a| story(a, &taken[0]).contains(&"gone".to_owned())).await;
    let told: Vec<_> =
        story(&events, &taken[0]).into_iter().filter(|what| what != "launched" && what != "closed").collect();
    assert_eq!(told, ["noticed", "draining", "ending", "gone"], "drained before it was reclaimed");
    assert!(!site.peer.cloud().instances.contains_key(&taken[0]), "and deleted");

    // One that is reclaimed without having been ended stays behind, stopped, and costs its disk: it is deleted.
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;
    site.peer.cloud().take(&taken[1]);
    let deleted = |_: &Value| !site.peer.cloud().instances.contains_key(&taken[1]);
    daemon.until("/api/v1/fleets", LIMIT, deleted).await;
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;

    // The bill is that of what is there, by the rate: who was taken is on it until it is seen to be gone.
    let each = |c: &Container| match (c.is_spot(), c.body["gpuNum"] == 2) {
        (true, true) => 2.2,
        (true, false) => 3.0,
        (false, true) => 4.38,
        (false, false) => 6.0,
    };
    let adds_up = |answer: &Value| {
        let real: f64 = site.ours().iter().map(each).sum();
        fleet(answer)["price_per_hour"].as_f64().is_some_and(|price| (price - real * 0.14).abs() < 0.001)
    };
    daemon.until("/api/v1/fleets", LIMIT, adds_up).await;
    assert_eq!(site.peer.cloud().misuses, [""; 0]);
    assert!(daemon.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_ppio_whatever_is_killed() {
    let kills: u64 = std::env::var("SPOTFLEET_E2E_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let site = Site::new();
    let foreign = site.peer.cloud().plant("spotfleet-s-2-us-3-llm-10-cn-south-1-sf-0-1");
    (site.peer.cloud().refused, site.peer.cloud().lost) = (1_000, 500);
    let mut random = Stream::new(1, "kills");
    let start = Instant::now();
    for round in 0..kills {
        site.home.jobs(random.below(9) * 10);
        let ours: Vec<Container> = site.ours().into_iter().filter(|c| c.id != foreign).collect();
        for _ in 0..ours.len().min(1) {
            let chosen = usize::try_from(random.below(u64::try_from(ours.len()).expect("few"))).expect("few");
            site.peer.cloud().take(&ours[chosen].id);
        }
        let daemon = site.daemon();
        // The moment of the kill is what is tried here; nothing waits for anything.
        tokio::time::sleep(Duration::from_millis(200 + random.below(1_600))).await;
        let log = daemon.crash();
        let ours = site.ours().len() - 1;
        assert!(ours <= 8, "{ours} machines for a maximum of 8 after kill {round}:\n{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    println!("{kills} kills in {:.0} s", start.elapsed().as_secs_f64());

    site.peer.cloud().calm();
    site.home.jobs(60);
    let daemon = site.daemon();
    let met = |a: &Value| {
        let number = |key: &str| fleet(a)[key].as_f64().unwrap_or(f64::NAN);
        let target = number("target");
        target >= 6.0 && number("held_running") == target && number("machines") == target && number("promised") == 0.0
    };
    daemon.until("/api/v1/fleets", Duration::from_secs(240), met).await;
    let answer = daemon.get("/api/v1/instances").await.expect("instances");
    let recorded: BTreeSet<&str> =
        answer["instances"].as_array().into_iter().flatten().filter_map(|i| i["id"].as_str()).collect();
    let ours: Vec<Container> = site.ours().into_iter().filter(|c| c.id != foreign).collect();
    assert_eq!(recorded, ours.iter().map(|c| c.id.as_str()).collect(), "every machine is on record");
    assert!(site.peer.cloud().instances[&foreign].is_alive(), "another owner's machine is not ours");
    let all = names(&ours);
    let mut by_name: BTreeMap<&String, usize> = BTreeMap::new();
    for name in &all {
        *by_name.entry(name).or_default() += 1;
    }
    assert!(by_name.values().all(|n| *n == 1), "a launch made two machines: {by_name:?}");
    let creations = site.peer.cloud().requests.get("create").copied().unwrap_or(0);
    println!("{creations} creations");
    // How many there are depends on how fast the host is; that there are many does not.
    assert!(creations >= kills / 5, "the daemon lived too short to do anything");
    assert_eq!(site.peer.cloud().misuses, [""; 0]);
}

#[test]
fn the_doctor_and_the_plan_work_on_the_same_file() {
    let site = Site::new();
    let run = |args: &[&str]| {
        let mut command = command(&Site::environment(), site.home.path());
        let output = command.args(args).arg("--config").arg(site.home.file()).output().expect("spotfleet can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, error) = run(&["doctor", "ppio"]);
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("L40S.22c125g spot") && said.contains("3.000000 CNY an hour"), "{said}");
    assert!(said.contains("0 problems"), "{said}");
    let (code, said, error) = run(&["plan"]);
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("ppio/27/27/2x4090.16c62g/spot") || said.contains("L40S.22c125g/spot"), "{said}");
    let (code, said, error) = run(&["doctor", "aws"]);
    assert_eq!(code, Some(2), "{said}{error}");
    assert!(error.contains("names no provider of kind `aws`"), "{error}");
    assert!(site.peer.cloud().instances.is_empty(), "a look makes nothing");
}
