//! Facts about what PPIO says, on answers as its pages and clients show them.

use std::sync::Arc;

use super::*;
use crate::LaunchSpec;

fn order(pool: &Pool, fleet: &str, token: &str) -> Order {
    let spec = Arc::new(LaunchSpec::Ppio(PpioSpec::default()));
    Order { token: token.into(), fleet: fleet.into(), pool: pool.clone(), spec, count: 1 }
}

fn pool() -> Pool {
    Pool::new("ppio", "CN-South_1", "CN-South_1", "L40S.22c125g", Market::Spot)
}

fn named(text: &str, more: Value) -> Value {
    let mut found = json!({"id": "c1", "name": text, "productId": "L40S.22c125g", "gpuNum": "1", "clusterId": "x-1",
        "status": "running", "billingMode": "spot", "createdAt": "1785780950"});
    if let (Some(found), Value::Object(more)) = (found.as_object_mut(), more) {
        found.extend(more);
    }
    found
}

#[test]
fn a_name_is_read_as_it_was_written() {
    for (owner, fleet, token) in
        [("spotfleet", "batch", "sf-00ab-7"), ("a-5-b", "3-llm-9", "s-1"), ("0", "a--b", "refused-no-capacity")]
    {
        let name = Name::of(owner, &order(&pool(), fleet, token)).unwrap();
        assert_eq!(name.cluster, "cn-south-1");
        assert_eq!(Name::parse(owner, &name.to_string()), Some(name.clone()), "{name}");
        assert_eq!(Name::parse("another", &name.to_string()), None);
    }
}

#[test]
fn a_name_of_another_form_is_somebody_elses() {
    for text in [
        "",
        "spotfleet",
        "spotfleet-",
        "spotfleet-s",
        "spotfleet-m-2-us-3-llm-1-a-t",
        "spotfleet-s-2-us-3-llm-1-a-",
        "spotfleet-s-2-us-3-llm-1-a",
        "spotfleet-s-2-us-9-llm-1-a-t",
        "spotfleet-s-2-us-x-llm-1-a-t",
        "spotfleet-s-99999999999999999999-us-3-llm-1-a-t",
        "spotfleet-s-2-us-3-llm-1-a-T",
        "spotfleet-s-1-\u{fc}s-3-llm-1-a-t",
        " spotfleet-s-2-us-3-llm-1-a-t",
    ] {
        assert_eq!(Name::parse("us", text), None, "{text}");
    }
    assert!(Name::parse("us", "spotfleet-s-2-us-3-llm-1-a-t").is_some());
}

#[test]
fn what_a_name_cannot_hold_is_refused() {
    assert!(Name::check_owner("team-a7").is_ok());
    for owner in ["", "Team", "a.b", "a_b", "\u{fc}"] {
        assert!(Name::check_owner(owner).is_err_and(|why| why.contains("daemon.owner")), "{owner}");
    }
    assert!(Name::of("us", &order(&pool(), "web", "T1")).is_err());
    assert!(Name::of("us", &order(&pool(), &"f".repeat(250), "t1")).is_err_and(|why| why.contains("255")));
}

#[test]
fn several_cards_are_written_before_the_product() {
    for (written, cards, product) in [
        ("L40S.22c125g", 1, "L40S.22c125g"),
        ("2xL40S.22c125g", 2, "L40S.22c125g"),
        ("8x4090.16c62g", 8, "4090.16c62g"),
        ("9x4090.16c62g", 1, "9x4090.16c62g"),
        ("4090.16c62g", 1, "4090.16c62g"),
        ("2x", 1, "2x"),
        ("x2", 1, "x2"),
    ] {
        assert_eq!(cards_of(written), (cards, product), "{written}");
    }
    assert_eq!((type_of("p", 1), type_of("p", 4)), ("p".to_owned(), "4xp".to_owned()));
}

#[test]
fn each_state_is_counted_until_it_is_surely_over() {
    for (status, failed, spot, expected) in [
        ("toCreate", false, Reclaim::No, Phase::Starting),
        ("pulling", false, Reclaim::No, Phase::Starting),
        ("pulling", true, Reclaim::No, Phase::Ending),
        ("migrating", false, Reclaim::No, Phase::Starting),
        ("running", false, Reclaim::No, Phase::Running),
        ("running", true, Reclaim::No, Phase::Running),
        ("running", false, Reclaim::Noticed(None), Phase::Running),
        ("running", false, Reclaim::Done, Phase::Ending),
        ("exited", false, Reclaim::No, Phase::Ending),
        ("freezing", false, Reclaim::No, Phase::Ending),
        ("removing", false, Reclaim::No, Phase::Ending),
        ("removed", false, Reclaim::Done, Phase::Gone),
        ("something-new", false, Reclaim::No, Phase::Running),
        ("", false, Reclaim::No, Phase::Running),
    ] {
        assert_eq!(phase(status, failed, spot), expected, "{status} {failed} {spot:?}");
    }
}

#[test]
fn moments_are_read_in_every_form_that_was_seen() {
    let at = |value: Value| time(&json!({"t": value}), "t").map(Time::as_millis);
    let second = Some(1_785_780_950_000);
    for (value, expected) in [
        (json!("1785780950"), second),
        (json!(1_785_780_950), second),
        (json!("1785780950000"), second),
        (json!("2026-08-03T18:15:50Z"), second),
        (json!("0"), None),
        (json!(0), None),
        (json!("-1"), None),
        (json!(""), None),
        (json!("soon"), None),
        (Value::Null, None),
    ] {
        assert_eq!(at(value.clone()), expected, "{value}");
    }
}

#[test]
fn a_reclaim_is_told_by_either_field() {
    for (status, at, expected) in [
        ("running", "0", Reclaim::No),
        ("", "0", Reclaim::No),
        ("notified", "0", Reclaim::Noticed(None)),
        ("notified", "1785780950", Reclaim::Noticed(Some(Time::from_millis(1_785_780_950_000)))),
        ("", "1785780950", Reclaim::Noticed(Some(Time::from_millis(1_785_780_950_000)))),
        ("reclaiming", "1785780950", Reclaim::Done),
        ("terminated", "0", Reclaim::Done),
    ] {
        let found = json!({"spotStatus": status, "spotReclaimTime": at});
        assert_eq!(reclaim(&found), expected, "{status} {at}");
    }
    assert_eq!(reclaim(&json!({})), Reclaim::No);
}

#[test]
fn a_machine_stays_where_it_was_bought() {
    let regions: Vec<Region> = vec!["27".into(), "CN-South_1".into()];
    let bought = Name::of("us", &order(&pool(), "llm", "t-1")).unwrap().to_string();
    let found = machine("us", &regions, &named(&bought, json!({}))).unwrap();
    assert_eq!(found.region.as_str(), "CN-South_1", "it was moved to x-1");
    let instance = found.instance(&"ppio".into(), Time::EPOCH);
    assert_eq!(instance.pool, pool());
    assert_eq!((instance.fleet.as_str(), instance.token.as_ref().map(Token::as_str)), ("llm", Some("t-1")));
    assert_eq!(instance.born, Time::from_millis(1_785_780_950_000));
    // A cluster that is not configured any more: where it is now.
    let found = machine("us", &[], &named(&bought, json!({}))).unwrap();
    assert_eq!(found.region.as_str(), "x-1");
    let found = machine("us", &[], &named(&bought, json!({"clusterId": ""}))).unwrap();
    assert_eq!(found.region.as_str(), "cn-south-1");
    assert_eq!(machine("us", &regions, &named("llm-by-hand", json!({}))), None);
    assert_eq!(machine("us", &regions, &named(&bought, json!({"id": ""}))), None);
}

#[test]
fn a_page_without_its_total_is_none() {
    let total = |answer: Value| page(answer).map(|page| (page.instances.len(), page.total));
    assert_eq!(total(json!({"instances": [{}], "total": 7})), Some((1, 7)));
    assert_eq!(total(json!({"instances": [], "total": "0"})), Some((0, 0)));
    assert_eq!(total(json!({"instances": null, "total": 0})), Some((0, 0)));
    assert_eq!(total(json!({"total": 0})), Some((0, 0)));
    assert_eq!(total(json!({"total": 3})), None);
    assert_eq!(total(json!({"instances": [{}]})), None);
    assert_eq!(total(json!({"instances": {}, "total": 1})), None);
    assert_eq!(total(Value::Null), None);
}

#[test]
fn numbers_are_taken_as_text_too_and_a_price_of_nothing_is_none() {
    let answer = json!({"data": [
        {"id": "a", "cpuPerGpu": "22", "memoryPerGpu": 125, "price": "139000", "spotPrice": 70_000,
         "availableDeploy": true, "inventoryState": "low", "regions": ["27"]},
        {"productId": "b", "price": 5, "spotPrice": "0", "availableDeploy": false},
        {"id": "c", "price": 5, "spotPrice": "3", "billingMethods": ["onDemand"], "inventoryState": "none"},
        {"name": "without an id"},
    ]});
    let all = products(&answer).unwrap();
    let shape = Shape { vcpus: 22, gpus: 1, memory_mib: 128_000 };
    let a = Product { raw: [Some(70_000), Some(139_000)], shape, in_stock: true, clusters: vec!["27".to_owned()] };
    assert_eq!(all["a"], a);
    assert_eq!((all["b"].raw, all["b"].in_stock), ([None, Some(5)], false));
    assert_eq!((all["c"].raw, all["c"].in_stock), ([None, Some(5)], false));
    assert_eq!(all.len(), 3);
    assert!(products(&json!({"data": {}})).is_err());
    assert_eq!(clusters(&json!({"data": [{"id": "27", "name": "East"}, {"name": "x"}]})).unwrap().len(), 1);
}

#[test]
fn a_body_has_what_the_specification_says_and_nothing_else() {
    let pool = Pool::new("ppio", "27", "27", "2x4090.16c62g", Market::Spot);
    let order = order(&pool, "llm", "t-1");
    let name = Name::of("us", &order).unwrap();
    let keys = |spec: &PpioSpec| {
        let body = create(&name, &order, spec).unwrap();
        body.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let bare = "billingMode clusterId envs gpuNum imageUrl kind name productId rootfsSize";
    let sorted = |text: String| {
        let mut words: Vec<&str> = text.split(' ').collect();
        words.sort_unstable();
        words.join(" ")
    };
    assert_eq!(sorted(keys(&PpioSpec::default())), bare);
    let full = PpioSpec {
        image_auth_id: Some("a".to_owned()),
        ports: vec!["80/http".to_owned()],
        command: Some("run".to_owned()),
        entrypoint: Some("/init".to_owned()),
        min_cuda: Some("12.4".to_owned()),
        network_id: Some("n".to_owned()),
        network_storages: BTreeMap::from([("s".to_owned(), "/network".to_owned())]),
        ..PpioSpec::default()
    };
    let all = "billingMode clusterId command entrypoint envs gpuNum imageAuthId imageUrl kind minCudaVersion name networkId \
               networkStorages ports productId rootfsSize";
    assert_eq!(sorted(keys(&full)), all);
    let zoned = Pool::new("ppio", "27", "27-a", "4090.16c62g", Market::Spot);
    let zoned = create(&name, &Order { pool: zoned, ..order }, &full);
    assert!(zoned.is_err_and(|why| why.contains("27-a")));
}
