//! The operator's controls, by the real binary on real peers: several sources, a pause that survives a crash, explanations
//! that a restart does not change, a busy machine that is waited for, a schedule, a budget.
//!
//! EC2 is moto behind the fault layer; Redis, Prometheus and RabbitMQ are real servers.

#![cfg(feature = "aws")]

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::moto::{Moto, MotoMachine, MotoRegion};
use spotfleet_tests::prometheus::PrometheusServer;
use spotfleet_tests::rabbitmq::RabbitMqServer;
use spotfleet_tests::redis::RedisServer;

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(120);

/// The operator's token.
const TOKEN: &str = "may-do-all";

struct Site {
    moto: Moto,
    region: MotoRegion,
    redis: RedisServer,
    prometheus: PrometheusServer,
    rabbit: RabbitMqServer,
    _directory: tempfile::TempDir,
    file: PathBuf,
}

impl Site {
    fn new() -> Self {
        let moto = Moto::start();
        let region = moto.region("us-east-1");
        region.prices(json!({
            "on_demand": {"m5.large": 0.096},
            "spot": {"m5.large/us-east-1a": 0.031, "m5.large/us-east-1b": 0.034, "m5.large/us-east-1c": 0.037},
        }));
        let (redis, prometheus, rabbit) = (RedisServer::start(), PrometheusServer::start(), RabbitMqServer::start());
        rabbit.add_watcher("watcher", "open-sesame");
        rabbit.add_queue("mail");
        prometheus.export("load 0\n");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("fleet.yaml");
        let site = Self { moto, region, redis, prometheus, rabbit, _directory: directory, file };
        site.write("1s", "");
        site
    }

    /// Writes the fleet file, with so much time to drain, and these rules besides.
    fn write(&self, drain: &str, besides: &str) {
        let subnets = self.region.subnets();
        let (endpoint, home) = (self.moto.endpoint(), self.file.parent().expect("a directory").display());
        let (redis, prometheus, rabbit) =
            (self.redis.url(), self.prometheus.url(), self.rabbit.url("watcher:open-sesame"));
        std::fs::write(self.file.with_file_name("rabbit"), rabbit).expect("written");
        std::fs::write(self.file.with_file_name("token"), TOKEN).expect("written");
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        let subnets: String = zones.iter().map(|z| format!("{z}: {}, ", subnets[*z])).collect();
        let text = format!(
            "version: 1
daemon:
  state_dir: {home}/state
  listen: 127.0.0.1:0
  tick: 1s
  owner: controls
  operator_token: {{file: token}}
  log: {{format: json}}
providers:
  aws:
    endpoint_url: {endpoint}
    pricing_endpoint_url: {endpoint}
    allow_http_endpoint: true
    call_deadline: 5s
    visibility_lag: 1s
fleets:
  - name: batch
    capacity: {{min: 2, max: 20}}
    demand:
      queue:
        source: {{redis: {{url: '{redis}', list: jobs}}}}
        jobs_per_unit_hour: 300
        drain_within: 10m
      sources:
        - name: mail
          queue:
            source: {{rabbitmq: {{url: {{file: rabbit}}, queue: mail}}}}
            jobs_per_unit_hour: 300
            drain_within: 10m
        - name: load
          metric: {{source: {{prometheus: {{url: '{prometheus}', query: sum(load)}}}}, target_per_unit: 50}}
    on_demand: {{base: 1}}
    scale_up: {{cooldown: 1s}}
    scale_down: {{cooldown: 1s, idle_grace: 1s, drain_timeout: {drain}, min_life: 0s}}
{besides}
    pools:
      - provider: aws
        regions: [us-east-1]
        instance_types: [m5.large]
        launch: {{image: ami-12345678, subnets: {{{subnets}}}}}
"
        );
        std::fs::write(&self.file, text).expect("the fleet file is written");
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.file, &self.moto.environment())
            .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"))
            .with_token(TOKEN)
    }

    /// Makes the list so many jobs long.
    fn jobs(&self, count: usize) {
        self.redis.command::<u64>(&["DEL", "jobs"]);
        for _ in 0..count / 100 {
            let words: Vec<&str> = ["RPUSH", "jobs"].into_iter().chain([&"job"; 100].into_iter().copied()).collect();
            self.redis.command::<u64>(&words);
        }
    }

    /// A command that asks the daemon.
    fn ask(&self, daemon: &Daemon, words: &[&str]) -> Output {
        let home = self.file.parent().expect("a directory");
        command(&self.moto.environment(), home)
            .env("SPOTFLEET_TOKEN", TOKEN)
            .env("SPOTFLEET_OPERATOR_TOKEN", TOKEN)
            .args(words)
            .args(["--url", &daemon.url()])
            .output()
            .expect("spotfleet runs")
    }

    fn said(&self, daemon: &Daemon, words: &[&str]) -> String {
        let output = self.ask(daemon, words);
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {errors}\n{text}\n{}", daemon.log());
        text.into_owned()
    }

    fn alive(&self) -> Vec<MotoMachine> {
        self.region.machines().into_iter().filter(|m| m.is_alive() && m.tag("spotfleet:owner") == "controls").collect()
    }
}

fn fleet(answer: &Value) -> &Value {
    &answer["fleets"][0]
}

fn running(answer: &Value) -> f64 {
    fleet(answer)["held_running"].as_f64().unwrap_or(f64::NAN)
}

fn events<'a>(answer: &'a Value, what: &str) -> Vec<&'a str> {
    let events = answer["events"].as_array().into_iter().flatten();
    events.filter(|e| e["what"] == what).filter_map(|e| e["text"].as_str()).collect()
}

const PLAN: &str = "/api/v1/fleets/batch/plan";
const FLEETS: &str = "/api/v1/fleets";
const INSTANCES: &str = "/api/v1/instances";
const EVENTS: &str = "/api/v1/events";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, redis, prometheus and rabbitmq: cargo xtask test"]
async fn sources_pause_explain_drain_schedule_and_budget() {
    let site = Site::new();
    let daemon = site.daemon();

    // A metric: 225 of 50 a unit are five units. The queue of RabbitMQ wants two, and the list in Redis nothing.
    site.rabbit.publish("mail", 100);
    site.prometheus.export("load 225\n");
    let by_load = |a: &Value| a["sizing"]["source"] == "load" && a["target"] == 5.0;
    daemon.until(PLAN, LIMIT, |a| by_load(a) && a["sizing"]["others"] == json!({"mail": 2.0, "queue": 0.0})).await;
    daemon.until(FLEETS, LIMIT, |a| running(a) >= 5.0).await;
    // The list wants most: 400 jobs at 300 an hour within ten minutes, and more while nobody works them off.
    site.jobs(400);
    daemon.until(PLAN, LIMIT, |a| a["sizing"]["source"] == "queue" && a["target"].as_f64() >= Some(8.0)).await;
    daemon.until(FLEETS, LIMIT, |a| running(a) >= 8.0).await;

    // Paused, killed, started: still paused, though nothing but the metric wants anything any more.
    site.said(&daemon, &["pause", "batch", "--by", "ops", "--why", "maintenance of the queue"]);
    let spot = site.alive().into_iter().find(|m| m.market == "spot").expect("a spot machine");
    let before = site.said(&daemon, &["explain", &spot.id]);
    assert!(before.contains(&spot.id) && before.contains("an hour") && before.contains("worse"), "{before}");
    let (answer, _) = daemon.until(FLEETS, LIMIT, |a| fleet(a)["machines"].as_f64() == Some(running(a))).await;
    let held = running(&answer);
    site.jobs(0);
    daemon.crash();
    let daemon = site.daemon();
    let paused = |a: &Value| a["target"] == 5.0 && a["waits"][0]["what"] == "paused";
    daemon.until(PLAN, LIMIT, paused).await;
    let (answer, _) = daemon.until(FLEETS, LIMIT, |a| running(a) == held).await;
    assert_eq!(fleet(&answer)["machines"].as_f64(), Some(held), "{answer:#}");
    assert!(answer.to_string().contains("maintenance of the queue"), "who and why are shown: {answer:#}");
    assert_eq!(site.said(&daemon, &["explain", &spot.id]), before, "a restart changes no explanation");
    site.said(&daemon, &["resume", "batch", "--by", "ops", "--why", "done"]);
    site.prometheus.export("load 500\n");
    daemon.until(FLEETS, LIMIT, |a| running(a) == 10.0 && fleet(a)["machines"] == 10).await;

    // A busy machine is waited for; when its worker says that it is idle, it goes.
    let answer = daemon.get(INSTANCES).await.expect("instances");
    let stays = |i: &&Value| i["market"] == "spot" && i["leaving_because"].is_null();
    let busy = answer["instances"].as_array().into_iter().flatten().find(stays).expect("a spot machine that stays");
    let busy = busy["id"].as_str().expect("an id").to_owned();
    // Only a worker that says so ends a machine before ten minutes are over.
    site.write("10m", "");
    daemon.signal("HUP");
    daemon.until(EVENTS, LIMIT, |a| !events(a, "reloaded").is_empty()).await;
    let tell = async |state: &str| {
        let url = format!("{}/api/v1/workers", daemon.url());
        let word = json!({"instance": busy.as_str(), "state": state});
        let answer = reqwest::Client::new().post(url).bearer_auth(TOKEN).json(&word).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")
    };
    assert_eq!(tell("busy").await["leaving"], false);
    site.said(&daemon, &["drain", &busy, "--by", "ops", "--why", "bad disk"]);
    let told = |a: &Value| {
        let mut machines = a["instances"].as_array().into_iter().flatten();
        machines.any(|i| i["id"] == busy.as_str() && i["leaving_because"] == "ordered")
    };
    daemon.until(INSTANCES, LIMIT, told).await;
    // Its replacement runs, and it is still there.
    daemon.until(FLEETS, LIMIT, |a| running(a) == 10.0).await;
    assert!(site.alive().iter().any(|m| m.id == busy), "a busy machine was ended");
    assert_eq!(tell("busy").await["leaving"], true, "the worker hears that it is to go");
    assert_eq!(tell("idle").await["leaving"], true);
    daemon.until(EVENTS, LIMIT, |a| events(a, "gone").iter().any(|text| text.contains(&busy))).await;
    let why = site.said(&daemon, &["explain", &busy]);
    assert!(why.contains("bad disk") && why.contains("ops"), "{why}");

    // Nothing is wanted but by the schedule, which is always on.
    site.jobs(0);
    site.prometheus.export("load 0\n");
    site.write("10m", "    schedules: [{name: always, from: '* * * * *', lasts: 5m, min: 9}]");
    daemon.signal("HUP");
    let scheduled = |a: &Value| a["target"] == 9.0 && a["sizing"]["limits"] == json!(["schedule-min always"]);
    daemon.until(PLAN, LIMIT, scheduled).await;

    // A budget that is used up at once: spot goes down to the floor, and it says so.
    site.write("10m", "    budget: {per_day: 0.000001, at_limit: shed-spot}");
    daemon.signal("HUP");
    let (answer, _) = daemon.until(EVENTS, LIMIT, |a| events(a, "alarm").iter().any(|t| t.contains("used up"))).await;
    assert!(events(&answer, "alarm").iter().any(|t| t.contains("budget of a day")), "{answer:#}");
    let shed = |a: &Value| {
        let machines: Vec<&Value> = a["instances"].as_array().into_iter().flatten().collect();
        let stays = machines.iter().filter(|i| i["leaving_because"].is_null()).count();
        let shed = machines.iter().filter(|i| i["leaving_because"] == "budget").count();
        let on_demand =
            machines.iter().filter(|i| i["market"] == "on-demand" && i["leaving_because"].is_null()).count();
        shed > 0 && stays == 2 && on_demand == 1
    };
    daemon.until(INSTANCES, LIMIT, shed).await;
    let answer = daemon.get(FLEETS).await.expect("fleets");
    assert_eq!(fleet(&answer)["budgets"][0]["used_up"], true, "{answer:#}");
    assert!(daemon.stop().success());
}
