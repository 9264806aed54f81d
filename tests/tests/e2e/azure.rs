//! Azure by the real binary: what cannot be made, what is evicted, lost answers, and kills at any moment. The peer is our
//! own.
#![cfg(feature = "azure")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use policies::rng::Stream;
use serde_json::{Value, json};
use spotfleet_tests::azure::{Call, Fake, Fault, GROUP, LOGIN, SUBSCRIPTION};
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::site::{Home, fleet, running};

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(120);

/// The peer, a queue in a file, and a fleet file that names both.
struct Site {
    peer: Fake,
    home: Home,
}

impl Site {
    /// With so much time for a call, of which half is for following a launch, and so many machines at most.
    async fn new(deadline: &str, max: u32) -> Self {
        let site = Self { peer: Fake::start().await, home: Home::new() };
        {
            let mut world = site.peer.world();
            let behaviour = &mut world.behaviour;
            (behaviour.create_s, behaviour.delete_s, behaviour.retry_after_s) = (1, 1, Some(1));
            world.go();
        }
        let (state, queue) = (site.home.path().join("state"), site.home.queue());
        let (url, prices, [tenant, client, _]) = (site.peer.url(), site.peer.prices_url(), LOGIN);
        let text = format!(
            "version: 1
daemon:
  state_dir: {}
  listen: 127.0.0.1:0
  tick: 1s
  owner: e2e
  log: {{format: json}}
providers:
  azure:
    subscription_id: {SUBSCRIPTION}
    resource_group: {GROUP}
    auth: client-secret
    tenant_id: {tenant}
    client_id: {client}
    client_secret: {{env: AZURE_SECRET}}
    endpoint_url: '{url}'
    authority_url: '{url}'
    prices_url: '{prices}'
    allow_http_endpoint: true
    call_deadline: {deadline}
    visibility_lag: 1s
fleets:
  - name: batch
    capacity: {{min: 3, max: {max}}}
    demand:
      queue: {{source: {{file: {{path: {}}}}}, jobs_per_unit_hour: 60, drain_within: 10m}}
    on_demand: {{base: 1}}
    spot: {{min_pools: 2, max_price: {{of_on_demand: 60%}}}}
    scale_up: {{cooldown: 0s, max_launches_per_hour: 1000}}
    scale_down: {{cooldown: 0s, idle_grace: 1s, drain_timeout: 1s}}
    pools:
      - provider: azure
        regions: [eastus]
        zones: [eastus-1, eastus-2, eastus-3]
        instance_types: [Standard_D4s_v5, Standard_D2s_v5]
        launch:
          image: Debian:debian-12:12-gen2:latest
          subnets: {{eastus: /subscriptions/{SUBSCRIPTION}/subnets/subnet-eastus}}
          ssh_public_key: ssh-ed25519 AAAA
",
            state.display(),
            queue.display()
        );
        std::fs::write(site.home.file(), text).expect("the fleet file is written");
        site
    }

    fn environment() -> Vec<(String, String)> {
        vec![("AZURE_SECRET".to_owned(), LOGIN[2].to_owned())]
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.home.file(), &Self::environment())
            .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"))
    }

    /// Names of the machines with our owner tag that are neither failed nor being ended, with whether they are spot.
    fn ours(&self) -> Vec<(String, bool)> {
        let world = self.peer.world();
        let ours = world.machines.values().filter(|m| m.is_alive() && m.body["tags"]["spotfleet:owner"] == "e2e");
        ours.map(|m| (m.name.clone(), m.body["properties"]["priority"] == "Spot")).collect()
    }
}

/// Machines of all launches whose outcome is known.
fn launched(answer: &Value) -> u64 {
    let events = answer["events"].as_array().into_iter().flatten().filter(|e| e["what"] == "launched");
    events.filter_map(|e| e["text"].as_str()?.split(' ').next()?.parse::<u64>().ok()).sum()
}

fn count_of(answer: &Value, what: &str) -> usize {
    answer["events"].as_array().into_iter().flatten().filter(|e| e["what"] == what).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_machine_is_replaced_and_nothing_is_left_behind() {
    let site = Site::new("5s", 8).await;
    // The first answer to a PUT breaks off: what it made is found by its name.
    site.peer.world().next(Call::Put, Fault::LoseReply, 1);
    let daemon = site.daemon();
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;
    let ours = site.ours();
    assert_eq!(ours.len(), 3, "nothing is made twice: {ours:?}");
    assert_eq!(ours.iter().filter(|(_, spot)| !spot).count(), 1, "a base on demand");
    // A launch without an answer is sent again under its token, which makes a machine of the same name where there is none:
    // what is taken meanwhile comes back by that. So it is taken once the outcome of each launch is known.
    daemon.until("/api/v1/events", LIMIT, |a| launched(a) == 3).await;

    let (evicted, _) = ours.iter().find(|(_, spot)| *spot).expect("spot").clone();
    site.peer.world().evict(&evicted);
    let began = Instant::now();
    let replaced = |_: &Value| site.ours().len() == 3;
    daemon.until("/api/v1/fleets", LIMIT, replaced).await;
    println!("replacement put {:.1} s after an eviction that nobody announces", began.elapsed().as_secs_f64());
    assert!(!site.ours().iter().any(|(name, _)| *name == evicted), "and not under the old name");
    daemon.until("/api/v1/fleets", LIMIT, running(3.0)).await;

    let bill = daemon.get("/api/v1/fleets").await.expect("fleets");
    let price = fleet(&bill)["price_per_hour"].as_f64().expect("a price");
    let each = |m: &spotfleet_tests::azure::Machine| match (
        m.body["properties"]["hardwareProfile"]["vmSize"].as_str(),
        m.body["properties"]["priority"].as_str(),
    ) {
        (Some("Standard_D4s_v5"), Some("Spot")) => 0.0384,
        (Some("Standard_D4s_v5"), _) => 0.192,
        (_, Some("Spot")) => 0.0192,
        _ => 0.096,
    };
    let real: f64 = site.peer.world().machines.values().map(each).sum();
    assert!((price - real).abs() < 1e-6, "{price} is shown, {real} is paid");

    site.home.jobs(80);
    daemon.until("/api/v1/fleets", LIMIT, running(8.0)).await;
    site.home.jobs(0);
    // An interface and a disk for each machine that is left.
    daemon.until("/api/v1/fleets", LIMIT, |a| running(3.0)(a) && site.peer.world().parts().len() == 6).await;
    assert_eq!(site.ours().len(), 3);
    assert!(daemon.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_allocations_leave_nothing_and_close_their_pools() {
    let site = Site::new("16s", 60).await;
    let text = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region.";
    site.peer.world().behaviour.fail_launch = Some(("AllocationFailed", text.to_owned()));
    site.home.jobs(600);
    let daemon = site.daemon();
    daemon.until("/api/v1/fleets", LIMIT, |_| site.peer.world().puts.len() >= 50).await;
    let (events, _) = daemon.until("/api/v1/events", LIMIT, |a| count_of(a, "closed") > 0).await;
    let closed = events["events"].as_array().into_iter().flatten().find(|e| e["what"] == "closed").expect("closed");
    assert!(closed["text"].as_str().is_some_and(|text| text.contains("capacity")), "{closed}");
    let failed = site.peer.world().puts.len();
    let deleted = site.peer.world().asked(Call::Delete);
    println!("{failed} machines were accepted and could not be made; {deleted} deletions so far");

    // When there is room again, the minimum is bought where the pause is over, and beside it nothing is left.
    site.peer.world().calm();
    site.home.jobs(0);
    let clean = |a: &Value| {
        let world = site.peer.world();
        running(3.0)(a) && world.machines.len() == 3 && world.parts().len() == 6
    };
    daemon.until("/api/v1/fleets", Duration::from_secs(300), clean).await;
    assert!(daemon.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_azure_whatever_is_killed() {
    let kills: u64 = std::env::var("SPOTFLEET_E2E_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let site = Site::new("2s", 8).await;
    site.peer.world().plant("sf-0-1", "eastus", json!({"spotfleet:owner": "another"}));
    let mut random = Stream::new(1, "kills");
    let start = Instant::now();
    for round in 0..kills {
        site.home.jobs(random.below(9) * 10);
        let ours = site.ours();
        if !ours.is_empty() {
            let chosen = usize::try_from(random.below(u64::try_from(ours.len()).expect("few"))).expect("few");
            site.peer.world().evict(&ours[chosen].0);
        }
        let call = [Call::Put, Call::Get, Call::Delete, Call::List, Call::Operation];
        let call = call[usize::try_from(random.below(5)).expect("few")];
        let fault = match random.below(5) {
            0 => Fault::LoseRequest,
            1 | 2 => Fault::LoseReply,
            3 => Fault::Proxy,
            _ => Fault::refuse(503, "ServerBusy", "busy"),
        };
        site.peer.world().next(call, fault, 2);
        let daemon = site.daemon();
        // The moment of the kill is what is tried here; nothing waits for anything.
        tokio::time::sleep(Duration::from_millis(200 + random.below(2_800))).await;
        let log = daemon.crash();
        let alive = site.ours().len();
        assert!(alive <= 8, "{alive} machines for a maximum of 8 after kill {round}:\n{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    println!("{kills} kills in {:.0} s", start.elapsed().as_secs_f64());

    site.peer.world().calm();
    site.home.jobs(60);
    let daemon = site.daemon();
    let met = |a: &Value| {
        let number = |key: &str| fleet(a)[key].as_f64().unwrap_or(f64::NAN);
        let target = number("target");
        target >= 6.0 && number("held_running") == target && number("machines") == target && number("promised") == 0.0
    };
    daemon.until("/api/v1/fleets", Duration::from_secs(240), met).await;
    let answer = daemon.get("/api/v1/instances").await.expect("instances");
    let recorded: BTreeSet<String> = answer["instances"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|i| i["id"].as_str().and_then(|id| id.rsplit('/').next()).map(str::to_owned))
        .collect();
    assert_eq!(recorded, site.ours().into_iter().map(|(name, _)| name).collect(), "every machine is on record");
    assert!(site.peer.world().machines.contains_key("sf-0-1"), "another owner's machine is not ours");
    let puts = site.peer.world().puts.len();
    let parts = site.peer.world().parts().len();
    println!("{puts} machines were made");
    // How many there are depends on how fast the host is; that there are many does not.
    assert!(puts as u64 >= kills / 5, "the daemon lived too short to do anything");
    assert_eq!(parts, recorded.len() * 2, "no interface and no disk without its machine");
    assert!(daemon.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_and_the_plan_work_on_the_same_file() {
    let site = Site::new("5s", 8).await;
    let run = async |args: &'static [&'static str]| {
        let mut command = command(&Site::environment(), site.home.path());
        command.args(args).arg("--config").arg(site.home.file());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        let output = output.expect("spotfleet can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, error) = run(&["doctor", "azure"]).await;
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("0 problems"), "{said}");
    let (code, said, error) = run(&["plan"]).await;
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("Standard_D2s_v5/spot"), "{said}");
    let (code, said, error) = run(&["prices", "--signals", "--history=24h"]).await;
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("0% to 5% evicted an hour") && said.contains("20% or more evicted an hour"), "{said}");
    assert!(said.contains("placement high") && said.contains("placement low"), "{said}");
    assert!(said.contains("LAST 24H") && !said.contains("cannot be read"), "{said}");
    assert!(site.peer.world().machines.is_empty(), "a look makes nothing");
}
