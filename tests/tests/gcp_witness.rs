//! Google's own client as a witness (`tests/witness/gcp_client.py`): its types know every field that the adapter sends and
//! the peer tells, and it sees, makes and ends machines on the peer, and reads its errors.
#![cfg(feature = "gcp")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;

use policies::failure::FailureKind;
use policies::model::{Instance, Market, Phase, Pool};
use policies::units::Span;
use providers::doctor::{Doctor, Wanted};
use providers::gcp::{Gcp, GcpDoctor, GcpSettings};
use providers::spec::GcpSpec;
use providers::{LaunchSpec, Order, Provider};
use serde_json::{Value, json};
use spotfleet_tests::gcp as fake;
use spotfleet_tests::gcp::{Call, Fault, Request};
use spotfleet_tests::moto::python;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const REGION: &str = "us-central1";
const ZONE: &str = "us-central1-a";
const OWNER: &str = "witness";

/// What the witness says of these calls, and of the peer.
#[derive(Debug)]
struct Testimony {
    content: bool,
    /// Null when it fell before it could say anything.
    said: Value,
    /// What it complains of.
    complaints: String,
}

async fn witness(peer: &fake::Gcp, calls: &[Value], attempts: usize) -> Testimony {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/witness/gcp_client.py");
    let mut child = Command::new(python())
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python can be run");
    let asked = json!({"url": peer.origin(), "project": fake::PROJECT, "region": REGION, "zone": ZONE,
        "token": fake::TOKEN, "owner": OWNER, "calls": calls, "attempts": attempts});
    let mut input = child.stdin.take().expect("piped");
    input.write_all(asked.to_string().as_bytes()).await.expect("it reads");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    Testimony {
        content: output.status.success(),
        said: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn settings(origin: &str) -> GcpSettings {
    let mut settings = GcpSettings::new("gcp".into(), fake::PROJECT, OWNER, vec![REGION.into()]);
    settings.endpoint_url = Some(origin.to_owned());
    settings.token = Some(fake::TOKEN.into());
    settings.call_deadline = Span::from_secs(20);
    settings.visibility_lag = Span::from_secs(1);
    settings.watch_every = Span::from_millis(1);
    settings
}

/// Every call of the adapter, with every field that it can send; and the machines as it lists them: one on spot, one on
/// demand, one that was preempted and one that it ended.
async fn worked(peer: &fake::Gcp) -> Vec<Instance> {
    let gcp = Gcp::new(settings(peer.origin())).await.expect("good settings");
    let full = GcpSpec {
        image: "projects/debian-cloud/global/images/family/debian-12".to_owned(),
        disk_gb: Some(20),
        disk_type: Some("pd-balanced".to_owned()),
        network: Some("global/networks/default".to_owned()),
        subnetworks: BTreeMap::from([(REGION.into(), "regions/us-central1/subnetworks/w".to_owned())]),
        external_ip: true,
        service_account: Some("worker@research-1.iam.gserviceaccount.com".to_owned()),
        network_tags: vec!["worker".to_owned()],
        startup_script: Some("#!/bin/sh\ntrue\n".to_owned()),
        metadata: BTreeMap::from([("user-data".to_owned(), "#cloud-config\n".to_owned())]),
        max_run: Some(Span::from_hours(24)),
        labels: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
    };
    let plain = GcpSpec { image: full.image.clone(), ..GcpSpec::default() };
    let spot = Pool::new("gcp", REGION, ZONE, "n2-standard-4", Market::Spot);
    let base = Pool::new("gcp", REGION, "us-central1-b", "e2-standard-4", Market::OnDemand);
    let mut made = Vec::new();
    for (token, pool, spec) in
        [("a", &spot, &full), ("b", &base, &plain), ("taken", &spot, &plain), ("ended", &spot, &full)]
    {
        let spec = Arc::new(LaunchSpec::Gcp(spec.clone()));
        let order = Order { token: token.into(), fleet: "web".into(), pool: pool.clone(), spec, count: 1 };
        made.extend(gcp.launch(&order).await.expect("room").ids);
    }
    let stranger = json!({"spotfleet-owner": "witness-2", "spotfleet-fleet": "web"});
    peer.with(|world| world.plant(ZONE, "by-hand", &stranger));
    gcp.notices().await.expect("a look");
    let (name, zone) = made[2].as_str().split_once('.').expect("name and zone");
    peer.with(|world| world.preempt(zone, name, true));
    assert_eq!(gcp.notices().await.expect("a look").len(), 1);
    gcp.terminate(&REGION.into(), &made[3..]).await.expect("answers").remove(0).1.expect("ended");
    for gap in [Fault::Unreachable("zones/us-central1-c"), Fault::Warning("zones/us-central1-c", "UNREACHABLE")] {
        peer.rule(Call::List, gap, Some(1));
        let listed = gcp.instances(&REGION.into()).await;
        assert_eq!(listed.expect_err("a gap").kind, FailureKind::Unavailable);
    }
    gcp.offers(&REGION.into(), &[spot.clone(), base.clone()]).await.expect("offers");
    gcp.signals(&REGION.into(), std::slice::from_ref(&spot)).await.expect("signals");
    let gpu = Pool::new("gcp", REGION, ZONE, "g2-standard-8", Market::Spot);
    let (spec, pools) = (Arc::new(LaunchSpec::Gcp(full)), BTreeSet::from([spot, base, gpu]));
    let doctor = GcpDoctor::new(settings(peer.origin())).await.expect("good settings");
    doctor.examine(&[Wanted { fleet: "web".into(), spec, pools }]).await;
    gcp.instances(&REGION.into()).await.expect("a listing")
}

fn line(request: &Request) -> Value {
    let (status, answer) = request.answer.clone().unzip();
    json!({"method": request.method, "path": request.path, "body": request.body, "status": status, "answer": answer})
}

/// What of a machine both see.
fn seen(instance: &Instance) -> Value {
    let (name, zone) = instance.id.as_str().split_once('.').expect("name and zone");
    let (model, ending) = (instance.pool.market() == Market::Spot, instance.phase == Phase::Ending);
    json!({"name": name, "zone": zone, "type": instance.pool.instance_type().as_str(), "spot": model,
        "ending": ending, "born": instance.born.as_millis(), "token": instance.token.as_ref().map(ToString::to_string)})
}

fn told(machine: &Value) -> Value {
    json!({"name": machine["name"], "zone": machine["zone"], "type": machine["type"],
        "spot": machine["model"] == "SPOT", "ending": machine["status"] == "STOPPING", "born": machine["born"],
        "token": machine["labels"]["spotfleet-intent"]})
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_key(|value| value["name"].to_string());
    values
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs google-cloud-compute: cargo xtask test"]
async fn googles_client_knows_all_that_is_sent_and_told_and_sees_what_was_made() {
    let peer = fake::Gcp::start();
    let listed = worked(&peer).await;
    let calls: Vec<Value> = peer.log().iter().map(line).collect();
    let before = peer.log().len();
    peer.with(|world| world.page = 2);
    // What comes of each insert of the witness: the newest rule counts first.
    let stock_out = |http, at_once| Fault::Ends { code: "ZONE_RESOURCE_POOL_EXHAUSTED", http, at_once };
    peer.rule(Call::Insert, stock_out(None, true), Some(1));
    peer.rule(Call::Insert, stock_out(Some(503), false), Some(1));
    peer.rule(Call::Insert, Fault::RefuseNew(403, "RATE_LIMIT_EXCEEDED"), Some(1));
    peer.rule(Call::Insert, Fault::Refuse(403, "quotaExceeded"), Some(1));
    // The first wait comes back before the end.
    peer.rule(Call::Wait, Fault::Early, Some(1));
    let Testimony { content, said, complaints } = witness(&peer, &calls, 5).await;
    assert!(content, "{complaints}");
    assert_eq!(said["problems"], json!([]));

    let machines = said["machines"].as_array().expect("a list");
    assert_eq!(sorted(machines.iter().map(told).collect()), sorted(listed.iter().map(seen).collect()));
    assert_eq!((machines.len(), said["pages"].as_u64()), (4, Some(2)));
    let of = |token: &str| machines.iter().find(|machine| machine["labels"]["spotfleet-intent"] == token).expect(token);
    assert_eq!((&of("a")["status"], &of("a")["model"]), (&json!("RUNNING"), &json!("SPOT")));
    assert_eq!((&of("b")["status"], &of("b")["model"]), (&json!("RUNNING"), &json!("")));
    // Numbers that are texts on the wire.
    assert_eq!((&of("a")["seconds"], &of("a")["disk_gib"]), (&json!(86_400), &json!([20])));
    let labels = json!({"spotfleet-owner": OWNER, "spotfleet-fleet": "web", "spotfleet-intent": "a", "team": "ml"});
    assert_eq!(of("a")["labels"], labels);
    let event = json!({"type": "compute.instances.preempted", "target": of("taken")["number"], "status": "DONE"});
    assert_eq!(said["events"], json!([event]));
    assert_eq!(said["reads"]["cpus"], 4);
    assert_eq!(said["reads"]["quotas"]["CPUS"], 24.0);
    assert_eq!(said["reads"]["prices"], json!([71_000_000, 52_000_500]));
    assert_eq!(said["reads"]["scores"], json!([0.9]));

    let raised = |class: &str, status: u16, reasons: &[&str], codes: &[&str]| json!({"raised": class, "status": status, "reasons": reasons, "codes": codes});
    let quiet = |codes: &[&str]| json!({"raised": null, "status": null, "reasons": [], "codes": codes});
    let attempts = [
        raised("Forbidden", 403, &["quotaExceeded"], &[]),
        raised("Forbidden", 403, &["forbidden", "RATE_LIMIT_EXCEEDED"], &[]),
        raised("ServiceUnavailable", 503, &[], &["ZONE_RESOURCE_POOL_EXHAUSTED"]),
        // Without a status of HTTP the client takes it for a success. Not so the adapter: `gcp_contract`.
        quiet(&["ZONE_RESOURCE_POOL_EXHAUSTED"]),
        quiet(&[]),
    ];
    assert_eq!(said["attempts"], json!(attempts));
    let life = json!({"seen": ["PROVISIONING", "RUNNING", "STOPPING", "notFound"], "again": true,
        "taken": raised("Conflict", 409, &["alreadyExists"], &[])});
    assert_eq!(said["made"], life);
    let left = sorted(vec![of("a").clone(), of("b").clone()]);
    assert_eq!(said["left"], left.iter().map(|machine| machine["name"].clone()).collect::<Value>());

    let own = &peer.log()[before..];
    let count = |call: Call| own.iter().filter(|request| request.call == call).count();
    // Two for the stock-out, one for that which had ended, two for each of the machines that were made.
    assert_eq!((count(Call::Wait), count(Call::Operation)), (7, 5));
    assert_eq!(own.iter().map(|request| request.call).collect::<BTreeSet<_>>().len(), 11, "every call of the peer");
    assert_eq!(said["judged"], json!(before + own.len()));
    println!("{before} calls of the adapter and {} of the client itself", own.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs google-cloud-compute: cargo xtask test"]
async fn googles_client_finds_planted_mistakes() {
    let peer = fake::Gcp::start();
    worked(&peer).await;
    let log = peer.log();
    let planted = |call: Call, place: &str, value: Option<Value>| {
        let good = |request: &&Request| request.call == call && request.answer.as_ref().is_some_and(|a| a.0 == 200);
        let mut bad = line(log.iter().find(good).expect("one"));
        let (parent, key) = place.rsplit_once('/').expect("a place");
        let parent = bad.pointer_mut(parent).expect("it is there");
        match value {
            Some(value) => parent[key] = value,
            None => drop(parent.as_object_mut().expect("an object").remove(key)),
        }
        bad
    };
    let (body, machine) = ("/body/scheduling", "/answer/items/zones~1us-central1-a/instances/0");
    let mistakes: [(Call, String, Option<Value>, &str); 25] = [
        // Of what is sent.
        (Call::Insert, format!("{body}/provisioningModell"), Some(json!("SPOT")), "provisioningModell"),
        (Call::Insert, format!("{body}/provisioning_model"), Some(json!("SPOT")), "provisioning_model"),
        (Call::Insert, format!("{body}/provisioningModel"), Some(json!("SPOTTY")), "'SPOTTY' is none of"),
        (Call::Insert, format!("{body}/automaticRestart"), Some(json!("false")), "without quotes"),
        (Call::Insert, format!("{body}/maxRunDuration/seconds"), Some(json!(86_400)), "86400 is a 64-bit number"),
        (Call::Insert, "/body/labels/team".to_owned(), Some(json!(7)), "labels"),
        (Call::Insert, "/body/disks".to_owned(), Some(json!({"boot": true})), "disks"),
        (Call::Insert, "/body".to_owned(), Some(json!(null)), "None is no Instance"),
        (Call::Insert, "/path".to_owned(), Some(json!("/compute/v1/projects/p/zone/z/instances")), "is 0 calls"),
        (Call::History, "/body/types".to_owned(), Some(json!(["COST"])), "'COST' is none of"),
        // Of what is told.
        (Call::Insert, "/answer/statuss".to_owned(), Some(json!("DONE")), "statuss"),
        (Call::Insert, "/answer/status".to_owned(), Some(json!("FINISHED")), "FINISHED"),
        (Call::Insert, "/answer/status".to_owned(), None, ".status: is missing"),
        (Call::Insert, "/answer/id".to_owned(), Some(json!("0f3a")), "0f3a"),
        (Call::Insert, "/answer/id".to_owned(), Some(json!(1.5)), "1.5"),
        (Call::Insert, "/answer/targetId".to_owned(), Some(json!(15)), "15 is a 64-bit number"),
        (Call::Wait, "/answer/progress".to_owned(), Some(json!(0.5)), "0.5"),
        (Call::Wait, "/answer/insertTime".to_owned(), Some(json!("2026-01-01T00:00:00")), "no time of RFC 3339"),
        (Call::Wait, "/answer/error".to_owned(), Some(json!(null)), ".error: is null"),
        (Call::List, format!("{machine}/statuss"), Some(json!("RUNNING")), "statuss"),
        (Call::List, format!("{machine}/status"), Some(json!("ALIVE")), "'ALIVE' is none of"),
        (Call::List, format!("{machine}/name"), None, ".name: is missing"),
        (Call::Region, "/answer/quotas/0/limit".to_owned(), Some(json!("many")), "many"),
        (Call::History, "/answer/priceHistory/0/listPrice/nanos".to_owned(), Some(json!("71")), "'71' is no number"),
        (Call::Type, "/answer/guestCpus".to_owned(), Some(json!("four")), "four"),
    ];
    let calls: Vec<Value> =
        mistakes.iter().map(|(call, place, value, _)| planted(*call, place, value.clone())).collect();
    let Testimony { content, said, complaints } = witness(&peer, &calls, 0).await;
    assert!(!content, "mistakes are no success");
    for (number, (_, place, _, telling)) in mistakes.iter().enumerate() {
        let about = |text: &&str| text.starts_with(&format!("calls[{number}]"));
        let found: Vec<&str> = complaints.lines().filter(about).collect();
        assert!(found.len() == 1 && found[0].contains(telling), "{place}: {found:?} of {complaints}");
    }
    let problems = said["problems"].as_array().map_or(0, Vec::len);
    assert_eq!(problems, mistakes.len(), "the peer itself makes none: {complaints}");

    // And in what the peer tells the client itself.
    let mut machines = peer.with(|world| world.of_owner(OWNER));
    let spoil = |id: Option<String>, spoil: fn(&mut fake::Machine)| {
        let id = id.expect("a machine");
        let (name, zone) = id.split_once('.').expect("name and zone");
        peer.with(|world| spoil(world.machine(zone, name).expect("it is there")));
    };
    spoil(machines.pop_first(), |machine| "ALIVE".clone_into(&mut machine.status));
    spoil(machines.pop_first(), |machine| machine.body["schedulling"] = json!({}));
    let Testimony { content, complaints, .. } = witness(&peer, &[], 0).await;
    assert!(!content, "a peer with mistakes");
    for telling in ["told.status: 'ALIVE' is none of", "has no field named \"schedulling\""] {
        assert!(complaints.contains(telling), "{complaints}");
    }
    println!("{problems} mistakes in calls, and two in the peer");
}
