//! One fleet over four clouds by the real binary: spread, a cloud that goes dark, and kills at any moment. EC2 is moto
//! behind the fault layer; the peers of Azure, Google and PPIO are our own. Each is reached through a gate that can go
//! dark.
//!
//! Times are divided by 60: a second here stands for a minute.
#![cfg(all(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio"))]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use policies::rng::Stream;
use serde_json::{Value, json};
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::gate::Gate;
use spotfleet_tests::moto::{Moto, MotoRegion};
use spotfleet_tests::ppio::{KEY, Ppio};
use spotfleet_tests::site::{Home, fleet, running};
use spotfleet_tests::{azure, gcp};

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(240);

/// How long a cloud is dark: half an hour of sixty-fold time.
const DARK: Duration = Duration::from_secs(30);

/// Who sells.
const PROVIDERS: [&str; 4] = ["aws", "azure", "gcp", "ppio"];

/// A machine as its cloud tells.
#[derive(Clone, PartialEq, PartialOrd, Debug)]
struct Held {
    /// Our id of it.
    id: String,
    /// Without the zone: where shares are counted.
    provider: &'static str,
    region: String,
    zone: String,
    kind: String,
    spot: bool,
    /// Dollars an hour.
    price: f64,
}

/// Four clouds, a queue in a file, and a fleet file that names them all.
struct Site {
    moto: Moto,
    region: MotoRegion,
    azure: azure::Fake,
    gcp: gcp::Gcp,
    ppio: Ppio,
    /// In the order of [`PROVIDERS`].
    gates: [Gate; 4],
    home: Home,
}

impl Site {
    /// With these bounds and rules of the fleet, in YAML.
    async fn new(rules: &str) -> Self {
        let (moto, azure, gcp, ppio) = (Moto::start(), azure::Fake::start().await, gcp::Gcp::start(), Ppio::start());
        let region = moto.region("us-east-1");
        region.prices(json!({
            "on_demand": {"m5.large": 0.096, "m6i.large": 0.1},
            "spot": {
                "m5.large/us-east-1a": 0.031, "m5.large/us-east-1b": 0.034, "m5.large/us-east-1c": 0.037,
                "m6i.large/us-east-1a": 0.033, "m6i.large/us-east-1b": 0.036, "m6i.large/us-east-1c": 0.038,
            },
        }));
        {
            let mut world = azure.world();
            let behaviour = &mut world.behaviour;
            (behaviour.create_s, behaviour.delete_s, behaviour.retry_after_s) = (1, 1, Some(1));
            world.go();
        }
        let origins = [moto.endpoint(), azure.url(), gcp.origin().to_owned(), ppio.url()];
        let gates = origins.map(|url| {
            let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            Gate::before(&origin)
        });
        let site = Self { moto, region, azure, gcp, ppio, gates, home: Home::new() };
        std::fs::write(site.home.file(), site.text(rules)).expect("the fleet file is written");
        site
    }

    fn text(&self, rules: &str) -> String {
        let [aws, azure, gcp, ppio] = self.gates.each_ref().map(Gate::origin);
        let (state, queue) = (self.home.path().join("state"), self.home.queue());
        let subnets = self.region.subnets();
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        let subnets = zones.map(|zone| format!("{zone}: {}", subnets[zone])).join(", ");
        let ([tenant, client, _], subscription, group) = (azure::LOGIN, azure::SUBSCRIPTION, azure::GROUP);
        let project = gcp::PROJECT;
        format!(
            "version: 1
daemon:
  state_dir: {state}
  listen: 127.0.0.1:0
  tick: 1s
  owner: e2e
  rates: {{CNY: 0.14}}
  log: {{format: json}}
providers:
  aws:
    endpoint_url: {aws}
    pricing_endpoint_url: {aws}
    allow_http_endpoint: true
    call_deadline: 5s
    visibility_lag: 1s
  azure:
    subscription_id: {subscription}
    resource_group: {group}
    auth: client-secret
    tenant_id: {tenant}
    client_id: {client}
    client_secret: {{env: AZURE_SECRET}}
    endpoint_url: {azure}
    authority_url: {azure}
    prices_url: {azure}/api/retail/prices
    allow_http_endpoint: true
    call_deadline: 5s
    visibility_lag: 1s
  gcp: {{project: {project}, endpoint_url: '{gcp}', watch_every: 1s, call_deadline: 5s, visibility_lag: 1s,
    allow_http_endpoint: true}}
  ppio: {{api_key: {{env: PPIO_KEY}}, base_url: '{ppio}/gpu-instance/openapi/v1', watch_every: 1s, call_deadline: 5s,
    visibility_lag: 1s}}
fleets:
  - name: batch
    demand:
      queue: {{source: {{file: {{path: {queue}}}}}, jobs_per_unit_hour: 60, drain_within: 10m}}
{rules}
    pools:
      - provider: aws
        regions: [us-east-1]
        instance_types: [m5.large, m6i.large]
        launch: {{image: ami-12345678, subnets: {{{subnets}}}}}
      - provider: azure
        regions: [eastus]
        zones: [eastus-1, eastus-2, eastus-3]
        instance_types: [Standard_D4s_v5, Standard_D2s_v5]
        launch:
          image: Debian:debian-12:12-gen2:latest
          subnets: {{eastus: /subscriptions/{subscription}/subnets/subnet-eastus}}
          ssh_public_key: ssh-ed25519 AAAA
      - provider: gcp
        regions: [us-central1]
        zones: [us-central1-a, us-central1-b]
        instance_types: [n2-standard-4, e2-standard-4]
        launch:
          image: projects/debian-cloud/global/images/family/debian-12
          startup_script: 'start {{{{spotfleet.fleet}}}} {{{{spotfleet.pool}}}} {{{{ spotfleet }}}}'
      - provider: ppio
        regions: [cn-south-1, '27']
        instance_types: [L40S.22c125g, 4090.16c62g]
        launch: {{image: 'registry.example.com/worker:1', rootfs_gb: 60, command: 'start {{{{spotfleet.token}}}}'}}
",
            state = state.display(),
            queue = queue.display(),
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.moto.environment();
        let more = [
            ("AZURE_SECRET", azure::LOGIN[2]),
            ("GCE_METADATA_HOST", self.gcp.origin().trim_start_matches("http://")),
            ("PPIO_KEY", KEY),
        ];
        environment.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.home.file(), &self.environment())
            .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"))
    }

    fn gate(&self, provider: &str) -> &Gate {
        let n = PROVIDERS.iter().position(|name| *name == provider).expect("one of the four");
        &self.gates[n]
    }

    /// So many jobs wait, and none has come since the start: what is needed is what they need.
    fn waiting(&self, count: u64) {
        self.home.say(&json!({"waiting": count, "arrived_total": 10_000}));
    }

    /// Machines with our mark that are neither gone nor on their way, as their clouds tell.
    fn alive(&self) -> Vec<Held> {
        let mut all = Vec::new();
        for m in self.region.machines().iter().filter(|m| m.is_alive() && m.tag("spotfleet:owner") == "e2e") {
            let spot = m.market == "spot";
            let price = match (spot, m.instance_type.as_str(), m.zone.as_str()) {
                (false, "m5.large", _) => 0.096,
                (false, ..) => 0.1,
                (true, "m5.large", "us-east-1a") => 0.031,
                (true, "m5.large", "us-east-1b") => 0.034,
                (true, "m5.large", _) => 0.037,
                (true, _, "us-east-1a") => 0.033,
                (true, _, "us-east-1b") => 0.036,
                (true, ..) => 0.038,
            };
            let (id, kind, zone) = (m.id.clone(), m.instance_type.clone(), m.zone.clone());
            all.push(Held { id, provider: "aws", region: "us-east-1".to_owned(), zone, kind, spot, price });
        }
        let of_azure = |m: &&azure::Machine| m.is_alive() && m.body["tags"]["spotfleet:owner"] == "e2e";
        for m in self.azure.world().machines.values().filter(of_azure) {
            let properties = &m.body["properties"];
            let spot = properties["priority"] == "Spot";
            let kind = properties["hardwareProfile"]["vmSize"].as_str().unwrap_or_default().to_owned();
            let price = if kind == "Standard_D2s_v5" { 0.096 } else { 0.192 } * if spot { 0.2 } else { 1.0 };
            let zone = format!("eastus-{}", m.body["zones"][0].as_str().unwrap_or_default());
            all.push(Held {
                id: m.name.clone(),
                provider: "azure",
                region: "eastus".to_owned(),
                zone,
                kind,
                spot,
                price,
            });
        }
        self.gcp.with(|world| {
            for id in world.of_owner("e2e") {
                let (name, zone) = id.split_once('.').expect("name and zone");
                let Some(m) = world.machine(zone, name) else { continue };
                let spot = m.body["scheduling"]["provisioningModel"] == "SPOT";
                let kind = m.body["machineType"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
                let (kind, zone) = (kind.to_owned(), zone.to_owned());
                // Spot as the peer's history of prices says, in whole millionths; on-demand is not bought there.
                let price = if spot { 0.052_001 } else { f64::NAN };
                all.push(Held { id, provider: "gcp", region: "us-central1".to_owned(), zone, kind, spot, price });
            }
        });
        for c in self.ppio.cloud().ours() {
            let text = |key: &str| c.body[key].as_str().unwrap_or_default().to_owned();
            let (kind, region, spot) = (text("productId"), text("clusterId"), c.is_spot());
            let yuan = match (kind.as_str(), spot) {
                ("L40S.22c125g", true) => 3.0,
                ("L40S.22c125g", false) => 6.0,
                (_, true) => 1.1,
                (_, false) => 2.19,
            };
            let zone = region.clone();
            all.push(Held { id: c.id.clone(), provider: "ppio", region, zone, kind, spot, price: yuan * 0.14 });
        }
        all
    }

    /// Ids of the machines whose end is ordered on record. The order may not have reached its cloud yet: it was killed
    /// before, it waits for its turn, or the cloud is dark.
    fn ending(&self) -> BTreeSet<String> {
        let mut command = command(&self.environment(), self.home.path());
        let export = command.args(["store", "export", "--config"]).arg(self.home.file()).output();
        let export = export.expect("spotfleet can be run");
        let text = String::from_utf8_lossy(&export.stdout).into_owned();
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        let machines = lines.flat_map(|line| [line["machine"].clone(), line]);
        let ending = machines.filter(|machine| machine["leaving"]["ordered"] == true);
        let ids = ending.filter_map(|machine| Some(machine["id"].as_str()?.rsplit('/').next()?.to_owned()));
        ids.collect()
    }

    fn of(&self, provider: &str) -> Vec<Held> {
        self.alive().into_iter().filter(|m| m.provider == provider).collect()
    }

    /// The cloud takes a machine without a word.
    fn take(&self, machine: &Held) {
        match machine.provider {
            "aws" => self.region.take(&machine.id),
            "azure" => self.azure.world().evict(&machine.id),
            "gcp" => {
                let name = machine.id.split('.').next().unwrap_or_default();
                self.gcp.with(|world| world.preempt(&machine.zone, name, false));
            }
            _ => self.ppio.cloud().take(&machine.id),
        }
    }

    /// Names of all machines that were ever made, where a cloud's launch has a name and a second one would too.
    fn launches(&self) -> BTreeMap<&'static str, Vec<String>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let disk = |put: &Value| text(&put["properties"]["storageProfile"]["osDisk"]["name"]);
        let azure = self.azure.world().puts.iter().map(disk).collect();
        let ppio = self.ppio.cloud().instances.values().map(|c| text(&c.body["name"])).collect();
        BTreeMap::from([("azure", azure), ("ppio", ppio)])
    }
}

/// The most that one place holds of spot, by what the place is.
fn most(spot: &[&Held], place: impl Fn(&Held) -> String) -> (String, usize) {
    let mut places = BTreeMap::<String, usize>::new();
    for held in spot {
        *places.entry(place(held)).or_default() += 1;
    }
    places.into_iter().max_by_key(|(_, count)| *count).expect("something is held")
}

/// Holdings by provider.
fn by_provider(held: &[Held]) -> BTreeMap<&'static str, usize> {
    held.iter().fold(BTreeMap::new(), |mut sum, m| {
        *sum.entry(m.provider).or_default() += 1;
        sum
    })
}

/// The bill of the answer is that of these machines: in all, by provider, and by what the provider's list says.
fn adds_up(answer: &Value, held: &[Held]) -> Result<(), String> {
    let close = |a: f64, b: f64| (a - b).abs() < 0.000_01 * a.abs().max(1.0);
    let fleet = fleet(answer);
    let bills = fleet["bills"].as_array().map_or(&[][..], Vec::as_slice);
    let number = |of: &Value, key: &str| of[key].as_f64().unwrap_or(f64::NAN);
    let sum: f64 = bills.iter().map(|bill| number(bill, "price_per_hour")).sum();
    if !close(sum, number(fleet, "price_per_hour")) {
        return Err(format!("bills of {sum}, a fleet of {}", fleet["price_per_hour"]));
    }
    for provider in PROVIDERS {
        let real: f64 = held.iter().filter(|m| m.provider == provider).map(|m| m.price).sum();
        let Some(bill) = bills.iter().find(|bill| bill["provider"] == provider) else {
            return Err(format!("no bill of {provider}"));
        };
        let (price, listed) = (number(bill, "price_per_hour"), number(bill, "list_price_per_hour"));
        let (currency, rate) = if provider == "ppio" { ("CNY", 0.14) } else { ("USD", 1.0) };
        if bill["list_currency"] != currency || !close(listed * rate, price) || !close(price, real) {
            return Err(format!("{bill} for machines of {real}"));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test"]
async fn one_fleet_over_four_clouds_survives_that_one_goes_dark() {
    let site = Site::new(
        "    capacity: {min: 60, max: 260, survive: provider}
    on_demand: {base: 20}
    spot:
      max_price: {of_on_demand: 60%}
      min_pools: 8
      max_share: {pool: 20%, zone: 25%, region: 30%, provider: 30%}
      moves: {calm: 30s, max_per_hour: 1000}
    scale_up: {cooldown: 0s, max_launches_per_hour: 2000}
    scale_down: {cooldown: 10s, idle_grace: 15s, drain_timeout: 1s}",
    )
    .await;
    site.waiting(2_000);
    let daemon = site.daemon();
    let (_, took) = daemon.until("/api/v1/fleets", LIMIT, running(200.0)).await;
    let held = site.alive();
    println!("200 machines ran after {:.0} s: {:?}", took.as_secs_f64(), by_provider(&held));
    assert_eq!(held.len(), 200, "{:?}", by_provider(&held));
    let spot: Vec<&Held> = held.iter().filter(|m| m.spot).collect();
    assert_eq!(spot.len(), 180, "a base of 20 on demand");
    for (what, limit, (place, count)) in [
        ("pool", 36, most(&spot, |m| format!("{}/{}/{}", m.provider, m.zone, m.kind))),
        ("zone", 45, most(&spot, |m| format!("{}/{}", m.provider, m.zone))),
        ("region", 54, most(&spot, |m| format!("{}/{}", m.provider, m.region))),
        ("provider", 54, most(&spot, |m| m.provider.to_owned())),
    ] {
        println!("the {what} with the most of it: {place}, {count} of at most {limit}");
        assert!(count <= limit, "{place} holds {count} spot machines");
    }
    let answer = daemon.get("/api/v1/fleets").await.expect("fleets");
    adds_up(&answer, &held).expect("nothing is on its way");
    println!("bills: {}", fleet(&answer)["bills"]);

    starts_as_told(&site);

    // Azure goes dark while it makes machines: whether they were made nobody hears.
    site.azure.world().behaviour.create_s = 4;
    let before = site.azure.world().puts.len();
    site.waiting(2_200);
    daemon.until("/api/v1/events", LIMIT, |_| site.azure.world().puts.len() > before).await;
    site.gate("azure").darken();
    let dark = Instant::now();
    // And some of what is there is taken.
    let taken: Vec<Held> = site.of("azure").into_iter().filter(|m| m.spot).take(10).collect();
    for machine in &taken {
        site.take(machine);
    }
    let puts = site.azure.world().puts.len();
    // It is missed once its calls have run into their deadlines.
    let missed = |a: &Value| a["not_ready"].to_string().contains("azure/eastus");
    daemon.until("/api/v1/fleets", LIMIT, missed).await;
    println!("Azure is missed after {:.0} s", dark.elapsed().as_secs_f64());
    // More is wanted meanwhile: the others cover it.
    site.waiting(2_400);
    let covers = |a: &Value| fleet(a)["target"].as_f64() == Some(240.0) && fleet(a)["held"].as_f64() == Some(240.0);
    daemon.until("/api/v1/fleets", LIMIT, covers).await;
    println!("what was wanted besides is held {:.0} s into the dark", dark.elapsed().as_secs_f64());
    while dark.elapsed() < DARK {
        let held = site.alive();
        let others = held.iter().filter(|m| m.provider != "azure").count();
        assert!(others >= 60, "the minimum is not held by the others: {:?}", by_provider(&held));
        assert!(held.len() <= 260, "{:?} for a maximum of 260", by_provider(&held));
        site.gcp.with(|world| world.pass(1_000));
        daemon.until("/api/v1/fleets", LIMIT, |a| fleet(a)["held"].as_f64() >= Some(60.0)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let answer = daemon.get("/api/v1/fleets").await.expect("fleets");
    assert!(missed(&answer), "{}", answer["not_ready"]);
    assert_eq!(site.azure.world().puts.len(), puts, "nothing went through the dark");

    // Light again: what was taken is replaced, what was made is found, and what stands in where it is dear moves back.
    let dear = site.of("ppio").len();
    site.azure.world().behaviour.create_s = 1;
    site.gate("azure").lighten();
    let light = Instant::now();
    let back = |a: &Value| {
        site.gcp.with(|world| world.pass(1_000));
        let held = site.alive();
        assert!(held.len() <= 260, "{:?} for a maximum of 260", by_provider(&held));
        let spot = |m: &&Held| m.spot && m.provider == "azure";
        // 30 % of 220 spot machines.
        running(240.0)(a) && held.len() == 240 && held.iter().filter(spot).count() == 66
    };
    // A move is make-before-break: once all ran, never less than what is wanted runs.
    daemon.until("/api/v1/fleets", LIMIT, |a| running(240.0)(a) && site.alive().len() >= 240).await;
    println!("all that is wanted runs {:.0} s after the light", light.elapsed().as_secs_f64());
    let moved = |a: &Value| {
        assert!(fleet(a)["held_running"].as_f64() >= Some(240.0), "a move left less than is wanted: {a:#}");
        back(a)
    };
    daemon.until("/api/v1/fleets", LIMIT, moved).await;
    let held = site.alive();
    println!("back after {:.0} s: {:?}, {dear} were at ppio", light.elapsed().as_secs_f64(), by_provider(&held));
    assert!(site.of("ppio").len() < dear, "what is dear is let go: {:?}", by_provider(&held));

    for (provider, names) in site.launches() {
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{provider}: a launch made two machines");
    }
    recorded(&site, &daemon).await;
    let answer = daemon.get("/api/v1/fleets").await.expect("fleets");
    adds_up(&answer, &held).expect("nothing is on its way");
    assert_eq!(site.ppio.cloud().misuses, [""; 0]);
    assert!(daemon.stop().success());
}

/// What stands in the texts that machines start with is filled in, launch by launch; other braces are left.
fn starts_as_told(site: &Site) {
    for insert in site.gcp.requests(gcp::Call::Insert) {
        let zone = insert.path.split('/').nth(6).expect("a zone").to_owned();
        let kind = insert.body["machineType"].as_str().and_then(|url| url.rsplit('/').next()).expect("a type");
        let script = format!("start batch gcp/us-central1/{zone}/{kind}/spot {{{{ spotfleet }}}}");
        assert_eq!(insert.body["metadata"]["items"][0], json!({"key": "startup-script", "value": script}));
    }
    for container in site.ppio.cloud().ours() {
        let envs = container.body["envs"].as_array().expect("an environment");
        let token = envs.iter().find(|env| env["key"] == "SPOTFLEET_TOKEN").expect("a token");
        assert_eq!(container.body["command"], format!("start {}", token["value"].as_str().expect("text")));
    }
}

/// Waits until every machine that is there is on record, and nothing else is.
async fn recorded(site: &Site, daemon: &Daemon) {
    let same = |answer: &Value| {
        let ids = answer["instances"].as_array().into_iter().flatten().filter_map(|i| i["id"].as_str());
        // Azure's ids are paths that end with the name.
        let recorded: BTreeSet<&str> = ids.map(|id| id.rsplit('/').next().unwrap_or(id)).collect();
        recorded == site.alive().iter().map(|m| m.id.as_str()).collect()
    };
    daemon.until("/api/v1/instances", LIMIT, same).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test"]
async fn nothing_is_lost_or_doubled_on_four_clouds_whatever_is_killed() {
    let kills: u64 = std::env::var("SPOTFLEET_E2E_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let site = Site::new(
        "    capacity: {min: 6, max: 20}
    on_demand: {base: 1}
    spot: {max_price: {of_on_demand: 60%}, min_pools: 8, max_share: {provider: 30%}}
    scale_up: {cooldown: 0s, max_launches_per_hour: 5000}
    scale_down: {cooldown: 0s, idle_grace: 1s, drain_timeout: 1s}",
    )
    .await;
    let foreign = site.region.plant("m5.large", &[("spotfleet:owner", "somebody-else")], 2);
    site.region.rule(json!({"action": "CreateFleet", "kind": "errors", "codes": ["InsufficientInstanceCapacity"], "percent": 10, "seed": 1}));
    for (seed, action) in ["CreateFleet", "TerminateInstances", "DescribeInstances"].iter().enumerate() {
        site.region.rule(json!({"action": action, "kind": "lose_reply", "percent": 5, "seed": seed}));
    }
    (site.ppio.cloud().refused, site.ppio.cloud().lost) = (1_000, 500);
    let mut random = Stream::new(1, "kills");
    let start = Instant::now();
    let (mut darkened, mut ended) = (0, 0);
    for round in 0..kills {
        site.waiting(random.below(21) * 10);
        let alive = site.alive();
        for _ in 0..alive.len().min(2) {
            let chosen = usize::try_from(random.below(u64::try_from(alive.len()).expect("few"))).expect("few");
            site.take(&alive[chosen]);
        }
        site.gcp.with(|world| world.pass(20_000));
        disturb(&site, &mut random);
        // In every second life one of the clouds is dark from some moment on, and until the next life.
        let chosen = usize::try_from(random.below(8)).expect("few");
        let daemon = site.daemon();
        let lives = Duration::from_millis(200 + random.below(2_800));
        // The moments of the darkness and the kill are what is tried here; nothing waits for anything.
        tokio::time::sleep(lives / 2).await;
        if let Some(gate) = site.gates.get(chosen) {
            gate.darken();
            darkened += 1;
        }
        tokio::time::sleep(lives / 2).await;
        let log = daemon.crash();
        for gate in &site.gates {
            gate.lighten();
        }
        let (mut alive, ending) = (site.alive(), site.ending());
        alive.retain(|machine| !ending.contains(&machine.id));
        ended += ending.len();
        assert!(alive.len() <= 20, "{:?} for a maximum of 20 after kill {round}:\n{log}", by_provider(&alive));
        assert!(!log.contains("panicked"), "{log}");
    }
    println!(
        "{kills} kills in {:.0} s, {darkened} of them while a cloud was dark, {ended} ends on their way",
        start.elapsed().as_secs_f64()
    );

    site.region.clear_rules();
    site.azure.world().calm();
    site.gcp.calm();
    site.ppio.cloud().calm();
    site.waiting(160);
    let daemon = site.daemon();
    let met = |a: &Value| {
        // What was deleted last is gone half a minute later.
        site.gcp.with(|world| world.pass(1_000));
        let number = |key: &str| fleet(a)[key].as_f64().unwrap_or(f64::NAN);
        number("target") == 16.0
            && number("held_running") == 16.0
            && number("machines") == 16.0
            && number("promised") == 0.0
    };
    daemon.until("/api/v1/fleets", LIMIT, met).await;
    recorded(&site, &daemon).await;
    let untouched = site.region.machines().into_iter().filter(|m| foreign.contains(&m.id) && m.is_alive()).count();
    assert_eq!(untouched, 2, "foreign machines are not ours");
    let cloud = site.ppio.cloud();
    let names: Vec<_> = cloud.ours().iter().map(|c| c.body["name"].to_string()).collect();
    drop(cloud);
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "a launch made two machines");
    let made = site.azure.world().puts.len();
    println!("{} machines were made at Azure, {:?} are there", made, by_provider(&site.alive()));
    assert_eq!(site.ppio.cloud().misuses, [""; 0]);
    assert!(daemon.stop().success());
}

/// The next calls of Azure and of Google go wrong in some way.
fn disturb(site: &Site, random: &mut Stream) {
    let call = [azure::Call::Put, azure::Call::Get, azure::Call::Delete, azure::Call::List, azure::Call::Operation];
    let call = call[usize::try_from(random.below(5)).expect("few")];
    let fault = match random.below(4) {
        0 => azure::Fault::LoseRequest,
        1 => azure::Fault::LoseReply,
        2 => azure::Fault::Proxy,
        _ => azure::Fault::refuse(503, "ServerBusy", "busy"),
    };
    site.azure.world().next(call, fault, 1);
    let fault = match random.below(5) {
        0 => gcp::Fault::LoseReply,
        1 => gcp::Fault::LoseRequest,
        2 => gcp::Fault::Ends { code: "ZONE_RESOURCE_POOL_EXHAUSTED", http: Some(503), at_once: false },
        3 => gcp::Fault::Refuse(403, "rateLimitExceeded"),
        _ => gcp::Fault::Proxy,
    };
    let call = if random.below(4) == 0 { gcp::Call::Delete } else { gcp::Call::Insert };
    site.gcp.calm();
    site.gcp.rule(call, fault, Some(1));
}
