//! `throughput`: how long the real daemon needs for a fleet of many machines on each cloud's peer, by the limits that the
//! clouds publish, and how near it comes to them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use spotfleet_tests::daemon::Daemon;
use spotfleet_tests::moto::Moto;
use spotfleet_tests::ppio::{KEY, Ppio};
use spotfleet_tests::site::{Home, fleet};
use spotfleet_tests::{azure, gcp};

const HELP: &str = "\
Measures the time until a fleet runs, one daemon for each cloud, all at once. The clouds are the peers of the tests:
how long a machine takes to start is theirs, how often they are called is the daemon's.

  throughput [--machines N] [CLOUD ...]
      N machines (default 1000) on each of aws, azure, gcp and ppio, or on those that are named
";

/// A fleet that is not there by then will not be.
const LIMIT: Duration = Duration::from_secs(3 * 3_600);

/// A limit that a cloud publishes: so many calls at once, and so many more a second.
struct Published {
    call: &'static str,
    burst: f64,
    per_second: f64,
}

/// A cloud's peer, with what a daemon needs to know of it.
struct Site {
    name: &'static str,
    /// Of the fleet file.
    provider: String,
    pool: String,
    environment: Vec<(String, String)>,
    /// What the cloud says of its limits, by the calls that are counted; nothing where nothing is published.
    limits: Vec<Published>,
    /// When each call of this name came, in seconds since some moment.
    calls: Calls,
}

type Calls = Box<dyn Fn(&str) -> Vec<f64> + Send>;

#[tokio::main]
async fn main() -> ExitCode {
    let (mut machines, mut clouds) = (1_000_u32, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--machines" => match args.next().and_then(|n| n.parse().ok()) {
                Some(n) => machines = n,
                None => return refused("--machines needs a number"),
            },
            "aws" | "azure" | "gcp" | "ppio" => clouds.push(arg),
            other => return refused(&format!("{other} is no cloud and no option")),
        }
    }
    let asked = |name: &str| clouds.is_empty() || clouds.iter().any(|cloud| cloud == name);
    println!("cloud  machines  until all ran  a second  limit                                calls  nearest to it");
    let mut fine = true;
    let mut running = Vec::new();
    for name in ["aws", "azure", "gcp", "ppio"].into_iter().filter(|name| asked(name)) {
        running.push(tokio::spawn(async move { measured(site(name).await, machines).await }));
    }
    for task in running {
        // What went wrong in it was printed.
        fine &= task.await.unwrap_or(false);
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn refused(text: &str) -> ExitCode {
    eprintln!("{text}\n\n{HELP}");
    ExitCode::from(2)
}

/// Measures one cloud and prints its lines; false when a limit was passed.
async fn measured(site: Site, machines: u32) -> bool {
    let home = Home::new();
    let Site { name, provider, pool, environment, limits, calls } = site;
    let state = home.path().join("state").display().to_string();
    let text = format!(
        "version: 1
daemon: {{state_dir: {state}, listen: '127.0.0.1:0', owner: e2e, rates: {{CNY: 0.14}}, log: {{format: json}}}}
providers:
{provider}
fleets:
  - name: batch
    capacity: {{min: {machines}, max: {machines}}}
    spot: {{max_price: {{of_on_demand: 80%}}}}
    scale_up: {{max_launches_per_hour: 1000000}}
    pools:
{pool}"
    );
    std::fs::write(home.file(), text).expect("the fleet file is written");
    let began = Instant::now();
    let daemon = Daemon::start(&home.file(), &environment)
        .unwrap_or_else(|(status, log)| panic!("the daemon of {name} ended ({status}):\n{log}"));
    let all = |answer: &serde_json::Value| fleet(answer)["held_running"].as_f64() == Some(f64::from(machines));
    daemon.until("/api/v1/fleets", LIMIT, all).await;
    let took = began.elapsed().as_secs_f64();
    let mut head = format!("{name:<5}  {machines:>8}  {took:>11.0} s  {:>8.2}", f64::from(machines) / took);
    let mut fine = true;
    for Published { call, burst, per_second } in limits {
        let times = calls(call);
        // The bucket that the cloud would keep: its lowest level tells how near the calls came to it.
        let (mut level, mut last) = (burst, times.first().copied().unwrap_or(0.0));
        let mut lowest = burst;
        for at in &times {
            level = (level + (at - last).max(0.0) * per_second).min(burst) - 1.0;
            last = *at;
            lowest = lowest.min(level);
        }
        let limit = format!("{call}: {burst}, {per_second:.2}/s");
        let near = if lowest < 0.0 { "PASSED".to_owned() } else { format!("{lowest:.0} of {burst} left") };
        println!("{head}  {limit:<35} {:>6}  {near}", times.len());
        head = " ".repeat(head.len());
        fine &= lowest >= 0.0;
    }
    daemon.stop();
    fine
}

async fn site(name: &'static str) -> Site {
    match name {
        "aws" => aws(),
        "azure" => of_azure().await,
        "gcp" => of_gcp(),
        _ => of_ppio(),
    }
}

/// "Request throttling for the Amazon EC2 API": mutating actions 50 and 5 a second, filtered and paged lists 100 and 20.
fn aws() -> Site {
    let moto = Moto::start();
    let region = moto.region("us-east-1");
    region.prices(json!({"on_demand": {"m5.large": 0.096}, "spot": {
        "m5.large/us-east-1a": 0.031, "m5.large/us-east-1b": 0.034, "m5.large/us-east-1c": 0.037}}));
    let subnets = region.subnets();
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
    let subnets = zones.map(|zone| format!("{zone}: {}", subnets[zone])).join(", ");
    let endpoint = moto.endpoint();
    Site {
        name: "aws",
        provider: format!(
            "  aws: {{endpoint_url: '{endpoint}', pricing_endpoint_url: '{endpoint}', allow_http_endpoint: true}}"
        ),
        pool: format!(
            "      - {{provider: aws, regions: [us-east-1], instance_types: [m5.large], launch: {{image: ami-12345678, subnets: {{{subnets}}}}}}}\n"
        ),
        environment: moto.environment(),
        limits: vec![Published { call: "CreateFleet", burst: 50.0, per_second: 5.0 }],
        calls: Box::new(move |_| {
            // The peer ends with this closure.
            let _: &Moto = &moto;
            region.launches().iter().filter_map(|launch| launch["at"].as_f64()).collect()
        }),
    }
}

/// "Understand how Azure Resource Manager throttles requests": 200 writes and 10 a second, 250 reads and 25 a second.
async fn of_azure() -> Site {
    let peer = azure::Fake::start().await;
    {
        let mut world = peer.world();
        (world.behaviour.room, world.behaviour.spot_cores) = (100_000, 1_000_000);
        world.go();
    }
    let (url, [tenant, client, secret]) = (peer.url(), azure::LOGIN);
    let (subscription, group) = (azure::SUBSCRIPTION, azure::GROUP);
    let start = Instant::now();
    Site {
        name: "azure",
        provider: format!(
            "  azure: {{subscription_id: {subscription}, resource_group: {group}, auth: client-secret, tenant_id: {tenant},
    client_id: {client}, client_secret: {{env: AZURE_SECRET}}, endpoint_url: '{url}', authority_url: '{url}',
    prices_url: '{}', allow_http_endpoint: true}}",
            peer.prices_url()
        ),
        pool: format!(
            "      - provider: azure
        regions: [eastus]
        zones: [eastus-1, eastus-2, eastus-3]
        instance_types: [Standard_D2s_v5]
        launch:
          image: Debian:debian-12:12-gen2:latest
          subnets: {{eastus: /subscriptions/{subscription}/subnets/subnet-eastus}}
          ssh_public_key: ssh-ed25519 AAAA
"
        ),
        environment: vec![("AZURE_SECRET".to_owned(), secret.to_owned())],
        limits: vec![
            Published { call: "writes", burst: 200.0, per_second: 10.0 },
            Published { call: "reads", burst: 250.0, per_second: 25.0 },
        ],
        calls: Box::new(move |name| {
            let counts = |call: azure::Call| match name {
                "writes" => call == azure::Call::Put,
                _ => !matches!(call, azure::Call::Put | azure::Call::Delete | azure::Call::Prices | azure::Call::Token),
            };
            let world = peer.world();
            let all = world.arrivals.iter().filter(|(call, _)| counts(*call));
            all.map(|(_, at)| at.duration_since(start).as_secs_f64()).collect()
        }),
    }
}

/// "Compute Engine API rate quotas": 1,500 a minute for each group of methods.
fn of_gcp() -> Site {
    let peer = gcp::Gcp::start();
    let origin = peer.origin().to_owned();
    let start = Instant::now();
    let group = |call| Published { call, burst: 1_500.0, per_second: 25.0 };
    Site {
        name: "gcp",
        provider: format!("  gcp: {{project: {}, endpoint_url: '{origin}', allow_http_endpoint: true}}", gcp::PROJECT),
        pool: "      - {provider: gcp, regions: [us-central1], zones: [us-central1-a, us-central1-b],
         instance_types: [n2-standard-4, e2-standard-4],
         launch: {image: projects/debian-cloud/global/images/family/debian-12}}\n"
            .to_owned(),
        environment: vec![("GCE_METADATA_HOST".to_owned(), origin.trim_start_matches("http://").to_owned())],
        limits: vec![group("inserts"), group("reads of operations"), group("lists")],
        calls: Box::new(move |name| {
            let counts = |call: gcp::Call| match name {
                "inserts" => call == gcp::Call::Insert,
                "lists" => call == gcp::Call::List,
                _ => matches!(call, gcp::Call::Wait | gcp::Call::Events),
            };
            let all = peer.log().into_iter().filter(|request| counts(request.call));
            all.map(|request| request.at.duration_since(start).as_secs_f64()).collect()
        }),
    }
}

/// PPIO publishes no numbers: held against what the adapter allows itself, of the account.
fn of_ppio() -> Site {
    let peer = Ppio::start();
    for sold in &mut peer.cloud().sold {
        sold.free = 100_000;
    }
    let start = Instant::now();
    Site {
        name: "ppio",
        provider: format!("  ppio: {{api_key: {{env: PPIO_KEY}}, base_url: '{}'}}", peer.url()),
        pool: "      - {provider: ppio, regions: [cn-south-1, '27'], instance_types: [4090.16c62g],
         launch: {image: 'registry.example.com/worker:1', rootfs_gb: 60}}\n"
            .to_owned(),
        environment: vec![("PPIO_KEY".to_owned(), KEY.to_owned())],
        // A bucket of four in each of the two regions.
        limits: vec![Published { call: "creates (our own)", burst: 8.0, per_second: 0.5 }],
        calls: Box::new(move |_| {
            let cloud = peer.cloud();
            let all = cloud.arrivals.iter().filter(|(end, _)| end == "create");
            all.map(|(_, at)| at.duration_since(start).as_secs_f64()).collect()
        }),
    }
}
