//! Azure's own client as a witness (`tests/witness/azure_client.py`): its table of models knows every field that the adapter
//! sends and the peer tells, and it sees, makes and deletes machines on the peer.
#![cfg(feature = "azure")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use policies::model::{Market, Pool};
use policies::units::Span;
use providers::azure::{Azure, AzureSettings, Credential, Polling};
use providers::spec::AzureSpec;
use providers::{LaunchSpec, Order, Provider};
use serde_json::{Value, json};
use spotfleet_tests::azure::{Fake, GROUP, LOGIN, SUBSCRIPTION, TOKEN};
use spotfleet_tests::moto::python;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What the witness says of these bodies, and of the peer.
async fn witness(peer: &Fake, sent: &[Value]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/witness/azure_client.py");
    let mut child = Command::new(python())
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python can be run");
    let asked = json!({"url": peer.url(), "subscription": SUBSCRIPTION, "group": GROUP, "token": TOKEN, "sent": sent});
    let mut input = child.stdin.take().expect("piped");
    input.write_all(asked.to_string().as_bytes()).await.expect("it reads");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "the witness fell: what is wrong is above");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An adapter whose every field is sent.
async fn launched(peer: &Fake) {
    {
        let behaviour = &mut peer.world().behaviour;
        (behaviour.create_s, behaviour.delete_s, behaviour.retry_after_s) = (0, 0, Some(0));
    }
    let [tenant_id, client_id, secret] = LOGIN.map(str::to_owned);
    let login = Credential::ClientSecret { tenant_id, client_id, secret: secret.into() };
    let regions = vec!["eastus".into()];
    let mut settings = AzureSettings::new("azure".into(), "witness", SUBSCRIPTION, GROUP, regions, login);
    settings.endpoint_url = Some(peer.url());
    settings.authority_url = Some(peer.url());
    settings.prices_url = Some(peer.prices_url());
    settings.polling = Polling { at_least: Span::from_millis(1), at_most: Span::from_millis(5) };
    let azure = Azure::new(settings).expect("good settings");
    let id = |kind: &str| format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/net/providers/{kind}/one");
    let full = AzureSpec {
        image: "Debian:debian-12:12-gen2:latest".to_owned(),
        subnets: BTreeMap::from([("eastus".into(), id("Microsoft.Network/virtualNetworks/net/subnets"))]),
        security_groups: BTreeMap::from([("eastus".into(), id("Microsoft.Network/networkSecurityGroups"))]),
        identities: vec![id("Microsoft.ManagedIdentity/userAssignedIdentities")],
        admin_user: "worker".to_owned(),
        ssh_public_key: "ssh-ed25519 AAAA".to_owned(),
        user_data: Some("#!/bin/sh\nexec worker\n".to_owned()),
        os_disk_type: Some("StandardSSD_LRS".to_owned()),
        os_disk_gib: Some(64),
        max_price_micros: Some(90_000),
        tags: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
    };
    let image = id("Microsoft.Compute/galleries/g/images/i/versions");
    let plain = AzureSpec { image, max_price_micros: None, user_data: None, ..full.clone() };
    let orders = [("a", "eastus-1", Market::Spot, full), ("b", "eastus", Market::OnDemand, plain)];
    for (token, zone, market, spec) in orders {
        let pool = Pool::new("azure", "eastus", zone, "Standard_D4s_v5", market);
        let spec = Arc::new(LaunchSpec::Azure(spec));
        let order = Order { token: token.into(), fleet: "web".into(), pool, spec, count: 1 };
        azure.launch(&order).await.expect("room");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with azure-mgmt-compute: run by `cargo xtask test`"]
async fn microsofts_client_knows_all_that_is_sent_and_told_and_sees_what_was_made() {
    let peer = Fake::start().await;
    launched(&peer).await;
    let sent = peer.world().puts.clone();
    assert_eq!(sent.len(), 2);
    let said = witness(&peer, &sent).await;
    assert_eq!(said["problems"], json!([]));
    assert_eq!(said["made"], "Succeeded", "it makes one of our body itself");
    assert_eq!(said["left"].as_array().map(Vec::len), Some(2), "and ends it: {said}");
    // Two listings, each machine by itself, and what it made.
    assert!(said["told"].as_u64() >= Some(7), "{said}");
    let machines = said["machines"].as_array().expect("a list");
    let spot = machines.iter().find(|machine| machine["priority"] == "Spot").expect("spot");
    assert_eq!((&spot["zones"], &spot["size"]), (&json!(["1"]), &json!("Standard_D4s_v5")));
    assert_eq!((&spot["tags"]["spotfleet:owner"], &spot["tags"]["team"]), (&json!("witness"), &json!("ml")));
    let base = machines.iter().find(|machine| machine["priority"] != "Spot").expect("on demand");
    assert_eq!((&base["zones"], &base["state"]), (&json!(null), &json!("Succeeded")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with azure-mgmt-compute: run by `cargo xtask test`"]
async fn microsofts_client_finds_planted_mistakes() {
    let peer = Fake::start().await;
    launched(&peer).await;
    let good = peer.world().puts[0].clone();
    let planted = |path: &str, value: Value| {
        let mut body = good.clone();
        let (parent, name) = path.rsplit_once('/').expect("a path");
        body.pointer_mut(parent).expect("it is there")[name] = value;
        body
    };
    let nic = "/properties/networkProfile/networkInterfaceConfigurations/0/properties";
    let planted = [
        planted("/properties/hardwareProfile/vmSise", json!("Standard_D4s_v5")),
        planted("/properties/priority", json!("spot")),
        planted("/properties/evictionPolicy", json!("Remove")),
        planted("/zones", json!([1])),
        planted("/properties/billingProfile/maxPrice", json!("0.09")),
        planted("/properties/storageProfile/osDisk/diskSizeGB", json!("64")),
        planted("/properties/storageProfile/osDisk/createOption", json!(null)),
        planted(&format!("{nic}/deleteOption"), json!("Remove")),
        planted("/properties/timeCreated", json!("2026-01-01T00:00:00Z")),
    ];
    let said = witness(&peer, &planted).await;
    let problems: Vec<&str> = said["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for number in 0..planted.len() {
        let found = problems.iter().filter(|text| text.starts_with(&format!("sent[{number}]"))).count();
        assert_eq!(found, 1, "mistake {number}: {problems:#?}");
    }
    assert_eq!(said["made"], json!(null));

    // And in what the peer tells.
    peer.world().machines.values_mut().next().expect("one").body["properties"]["priority"] = "Cheap".into();
    let said = witness(&peer, &[]).await;
    assert!(said["problems"].to_string().contains("properties.priority: 'Cheap'"), "{said}");
}
