//! The EC2 adapter on the real wire: the contract of every provider over both launch calls, and what is EC2's own.
//!
//! The peer is moto behind the fault layer. Each test has a region to itself.
#![cfg(feature = "aws")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, InstanceId, Market, NoticeKind, Offer, Pool, Token};
use policies::units::{Span, Time};
use providers::aws::{AccessKey, Aws, AwsSettings, LaunchApi};
use providers::contract::{Fault, Verdict, World, check, report};
use providers::spec::AwsSpec;
use providers::{CallClass, LaunchSpec, Order, Provider, Signal};
use serde_json::json;
use spotfleet_tests::moto::{KEY, Moto, MotoMachine, MotoRegion};

/// A provider over one region of the peer.
struct Ec2 {
    region: MotoRegion,
    api: LaunchApi,
    spec: Arc<LaunchSpec>,
    aws: Aws,
}

fn settings(region: &MotoRegion) -> AwsSettings {
    let mut settings = AwsSettings::new("aws".into(), "contract", vec![region.name().into()]);
    settings.endpoint_url = Some(Moto::shared().endpoint());
    settings.key = Some(AccessKey { id: KEY.to_owned(), secret: KEY.into() });
    settings.call_deadline = Span::from_secs(4);
    settings.visibility_lag = Span::from_secs(1);
    settings
}

fn spec(region: &MotoRegion) -> AwsSpec {
    AwsSpec {
        image: "ami-12345678".to_owned(),
        subnets: region.subnets().into_iter().map(|(zone, id)| (zone.into(), id)).collect(),
        user_data: Some("#!/bin/sh\nexec worker\n".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
        ..AwsSpec::default()
    }
}

impl Ec2 {
    async fn new(region: &str) -> Self {
        let region = Moto::shared().region(region);
        Self::with(settings(&region), region).await
    }

    async fn with(settings: AwsSettings, region: MotoRegion) -> Self {
        let api = settings.launch_api;
        let spec = Arc::new(LaunchSpec::Aws(spec(&region)));
        Self { aws: Aws::new(settings).await.expect("good settings"), region, api, spec }
    }

    fn pool(&self, zone: &str, instance_type: &str, market: Market) -> Pool {
        let zone = format!("{}{zone}", self.region.name());
        Pool::new("aws", self.region.name(), &zone, instance_type, market)
    }

    fn order(&self, token: &str, pool: &Pool, count: u32) -> Order {
        Order {
            token: Token::from(token),
            fleet: FleetName::from("web"),
            pool: pool.clone(),
            spec: self.spec.clone(),
            count,
        }
    }

    async fn launch(&self, token: &str, count: u32) -> Result<Vec<InstanceId>, Failure> {
        let launched = self.aws.launch(&self.order(token, &self.spot(), count)).await;
        launched.map(|launched| launched.ids)
    }

    async fn offers(&self, pools: &[Pool]) -> Vec<Result<Offer, FailureKind>> {
        let offers = self.aws.offers(&self.region.name().into(), pools).await.expect("offers");
        offers.into_iter().map(|offer| offer.map_err(|(_, failure)| failure.kind)).collect()
    }

    fn machine(&self, id: &InstanceId) -> MotoMachine {
        self.region.machines().into_iter().find(|m| m.id == id.as_str()).expect("a machine that was made")
    }

    fn launch_action(&self) -> &'static str {
        match self.api {
            LaunchApi::CreateFleet => "CreateFleet",
            LaunchApi::RunInstances => "RunInstances",
        }
    }
}

/// A code that means this kind, with the status that EC2 sends; `None` where EC2 has no such answer.
fn code_for(kind: FailureKind) -> Option<(&'static str, u16)> {
    match kind {
        FailureKind::NoCapacity => Some(("InsufficientInstanceCapacity", 500)),
        FailureKind::Quota => Some(("MaxSpotInstanceCountExceeded", 400)),
        FailureKind::Throttled => Some(("RequestLimitExceeded", 503)),
        FailureKind::PriceAboveCap => Some(("SpotMaxPriceTooLow", 400)),
        FailureKind::Denied => Some(("UnauthorizedOperation", 403)),
        FailureKind::Invalid => Some(("InvalidAMIID.NotFound", 400)),
        FailureKind::Gone => Some(("IdempotentInstanceTerminated", 400)),
        // "Unavailable" is said when no connection is made, "paced" by ourselves; no answer of EC2 says them for certain.
        FailureKind::Unavailable | FailureKind::Ambiguous | FailureKind::Paced => None,
    }
}

#[async_trait]
impl World for Ec2 {
    fn provider(&self) -> &dyn Provider {
        &self.aws
    }

    fn spot(&self) -> Pool {
        self.pool("a", "m5.large", Market::Spot)
    }

    fn on_demand(&self) -> Pool {
        self.pool("b", "c5.large", Market::OnDemand)
    }

    fn spec(&self) -> Arc<LaunchSpec> {
        self.spec.clone()
    }

    async fn inject(&self, class: CallClass, fault: Fault) -> bool {
        let action = match class {
            CallClass::Launch => self.launch_action(),
            CallClass::Terminate => "TerminateInstances",
            CallClass::Read => "DescribeInstances",
            CallClass::Price | CallClass::Notice => return false,
        };
        let rule = match (fault, self.api) {
            (Fault::LoseRequest, _) => json!({"kind": "lose_request"}),
            (Fault::LoseReply, LaunchApi::CreateFleet) => json!({"kind": "lose_reply"}),
            // Some proxy on the way answers in place of EC2.
            (Fault::LoseReply, LaunchApi::RunInstances) => json!({"kind": "html"}),
            (Fault::OneOnly, LaunchApi::CreateFleet) => {
                json!({"kind": "errors", "codes": ["InsufficientInstanceCapacity"], "made": 1})
            }
            (Fault::OneOnly, LaunchApi::RunInstances) => json!({"kind": "partial", "made": 1}),
            (Fault::Refuse(kind), _) => {
                let Some((code, status)) = code_for(kind) else { return false };
                json!({"kind": "refuse", "code": code, "status": status})
            }
        };
        let mut rule = rule;
        rule["action"] = action.into();
        self.region.rule(rule);
        true
    }

    async fn calm(&self) {
        self.region.clear_rules();
    }

    async fn plant_foreign(&self) -> InstanceId {
        let tags = [("spotfleet:owner", "contract-2"), ("spotfleet:fleet", "contract")];
        InstanceId::from(self.region.plant("m5.large", &tags, 1).remove(0))
    }

    async fn foreign_lives(&self, id: &InstanceId) -> bool {
        self.machine(id).is_alive()
    }

    async fn launch_requests(&self) -> Option<u64> {
        Some(self.region.calls(self.launch_action()))
    }

    async fn interrupt(&self, id: &InstanceId) {
        self.region.interrupt(id.as_str());
    }

    async fn pass(&self, span: Span) {
        // The peer lives in real time; what is waited for here is its delays, not another task.
        tokio::time::sleep(Duration::from_millis(span.as_millis())).await;
    }
}

async fn keeps_the_contract(world: &Ec2) {
    // Several pages, the last of them ended by an empty token, and machines that are listed late.
    world.region.set(json!({"page": 2, "empty_token": true, "hide_s": 0.3, "pending_s": 0.6}));
    let findings = check(world).await;
    let broken = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    assert!(!broken, "{}", report(&findings));
    assert_eq!(report(&findings), "", "nothing is skipped here");
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn create_fleet_keeps_the_contract() {
    let region = Moto::shared().region("ca-central-1");
    let mut settings = settings(&region);
    settings.interruption_queues.insert("ca-central-1".into(), region.queue("interruptions"));
    keeps_the_contract(&Ec2::with(settings, region).await).await;
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn run_instances_keeps_the_contract() {
    let region = Moto::shared().region("us-east-2");
    let mut settings = settings(&region);
    settings.launch_api = LaunchApi::RunInstances;
    // No queue: spot requests are polled.
    keeps_the_contract(&Ec2::with(settings, region).await).await;
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn a_fleet_request_says_what_is_meant() {
    let ec2 = Ec2::new("us-west-1").await;
    let spot = ec2.spot();
    let on_demand = ec2.pool("b", "m5.large", Market::OnDemand);
    let subnets = ec2.region.subnets();
    for (token, pool, strategy) in [("s", &spot, Some("price-capacity-optimized")), ("o", &on_demand, None)] {
        let id = ec2.aws.launch(&ec2.order(token, pool, 2)).await.expect("a launch").ids.remove(0);
        let launch = ec2.region.launches().pop().expect("a launch");
        assert_eq!(launch["token"], token);
        assert_eq!(launch["type"], pool.instance_type().as_str());
        assert_eq!(launch["zone"], pool.zone().as_str());
        assert_eq!(launch["subnet"], subnets[pool.zone().as_str()].as_str());
        assert_eq!(launch["market"], pool.market().name());
        assert_eq!(launch["count"], 2);
        assert_eq!(launch["strategy"].as_str(), strategy);
        assert!(launch["max_price"].is_null(), "a price cap only raises the frequency of interruptions");
        let machine = ec2.machine(&id);
        assert_eq!((machine.zone.as_str(), machine.market.as_str()), (pool.zone().as_str(), pool.market().name()));
        assert_eq!(machine.tag("spotfleet:owner"), "contract");
        assert_eq!(machine.tag("spotfleet:fleet"), "web");
        assert_eq!(machine.tag("spotfleet:pool"), pool.to_string());
        assert_eq!(machine.tag("spotfleet:intent"), token);
        assert_eq!(machine.tag("team"), "ml");
        assert_eq!(machine.tag("Name"), "spotfleet web");
    }
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn errors_inside_a_200_are_errors() {
    let ec2 = Ec2::new("us-west-2").await;
    let refuse = |codes: &[&str]| {
        ec2.region.clear_rules();
        ec2.region.rule(json!({"action": "CreateFleet", "kind": "errors", "codes": codes}));
    };
    for (n, (codes, kind)) in [
        (vec!["UnfulfillableCapacity"], FailureKind::NoCapacity),
        (vec!["InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet"], FailureKind::NoCapacity),
        (vec!["UnfulfillableCapacity", "MaxSpotInstanceCountExceeded"], FailureKind::Quota),
        (vec!["UnauthorizedOperation"], FailureKind::Denied),
        (vec!["RequestLimitExceeded"], FailureKind::Throttled),
        (vec!["InvalidFleetConfiguration"], FailureKind::Invalid),
        (vec!["SomethingNew"], FailureKind::Ambiguous),
        (vec![], FailureKind::Ambiguous),
    ]
    .into_iter()
    .enumerate()
    {
        refuse(&codes);
        let failure = ec2.launch(&format!("refused-{n}"), 2).await.expect_err("a launch that made nothing");
        assert_eq!(failure.kind, kind, "{codes:?}: {failure}");
        assert_eq!(failure.operation, "CreateFleet");
    }
    assert_eq!(ec2.region.machines(), []);
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn a_launch_that_is_not_answered_in_time_is_ambiguous() {
    let ec2 = Ec2::new("eu-west-1").await;
    ec2.region.rule(json!({"action": "CreateFleet", "kind": "hang", "seconds": 8}));
    let began = Instant::now();
    let failure = ec2.launch("slow", 1).await.expect_err("no answer");
    assert_eq!(failure.kind, FailureKind::Ambiguous, "{failure}");
    assert!(began.elapsed() < Duration::from_secs(7), "the deadline is 4 s");
    assert_eq!(ec2.region.machines().len(), 1, "it was carried out");
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn a_launch_without_a_connection_has_not_happened() {
    let region = Moto::shared().region("eu-west-2");
    let mut settings = settings(&region);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    settings.endpoint_url = Some(format!("http://127.0.0.1:{port}"));
    settings.launch_api = LaunchApi::RunInstances;
    let ec2 = Ec2::with(settings, region).await;
    let failure = ec2.launch("nowhere", 1).await.expect_err("nobody listens");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn one_template_serves_a_specification_until_none_uses_it() {
    let ec2 = Ec2::new("eu-west-3").await;
    let (LaunchSpec::Aws(used), mut other) = (&*ec2.spec, spec(&ec2.region)) else { panic!("an EC2 specification") };
    for token in ["a", "b"] {
        ec2.launch(token, 1).await.expect("a launch");
    }
    assert_eq!(ec2.region.calls("CreateLaunchTemplate"), 1, "made once");

    // A daemon that was restarted finds it under its name.
    let again = Ec2::with(settings(&ec2.region), ec2.region.clone()).await;
    again.launch("c", 1).await.expect("a launch");
    let first = ec2.region.templates();
    assert_eq!(first.len(), 1);

    // Another specification, another template, and a neighbour's of the same account.
    other.image = "ami-87654321".to_owned();
    let mut order = ec2.order("d", &ec2.spot(), 1);
    order.spec = Arc::new(LaunchSpec::Aws(other));
    ec2.aws.launch(&order).await.expect("a launch");
    let mut neighbour = settings(&ec2.region);
    neighbour.owner = "contract-2".to_owned();
    Ec2::with(neighbour, ec2.region.clone()).await.launch("e", 1).await.expect("a launch");
    assert_eq!(ec2.region.templates().len(), 3);

    // Not before it was unused for a whole grace, by the looks at it; to be used meanwhile begins another one.
    let (hour, at) = (Span::from_hours(1), |minutes| Time::EPOCH.plus(Span::from_mins(minutes)));
    let LaunchSpec::Aws(unused) = &*order.spec else { panic!("an EC2 specification") };
    assert_eq!(ec2.aws.cleanup_templates(&[used], hour, at(0)).await, Ok(0));
    assert_eq!(ec2.aws.cleanup_templates(&[used, unused], hour, at(50)).await, Ok(0));
    assert_eq!(ec2.aws.cleanup_templates(&[used], hour, at(70)).await, Ok(0));
    assert_eq!(ec2.aws.cleanup_templates(&[used], hour, at(129)).await, Ok(0));
    assert_eq!(ec2.region.templates().len(), 3);
    assert_eq!(ec2.aws.cleanup_templates(&[used], hour, at(130)).await, Ok(1));
    let left = ec2.region.templates();
    assert_eq!((left.len(), left.contains(&first[0])), (2, true), "the neighbour's stays: {left:?}");
    assert_eq!(ec2.aws.cleanup_templates(&[used], hour, at(500)).await, Ok(0));

    // Somebody deletes it: nothing happened, and the next attempt makes it again.
    assert_eq!(again.aws.cleanup_templates(&[], Span::ZERO, at(0)).await, Ok(1));
    let failure = ec2.launch("f", 1).await.expect_err("the template is gone");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    ec2.launch("f", 1).await.expect("the same token again");
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn a_listing_with_a_failed_page_is_a_failure() {
    let ec2 = Ec2::new("eu-central-1").await;
    ec2.launch("t", 3).await.expect("a launch");
    ec2.region.set(json!({"page": 1}));
    let region = ec2.region.name().into();
    assert_eq!(ec2.aws.instances(&region).await.map(|all| all.len()), Ok(3));
    ec2.region.rule(json!({"action": "DescribeInstances", "kind": "refuse", "code": "RequestLimitExceeded",
        "status": 503, "skip": 1}));
    let failure = ec2.aws.instances(&region).await.expect_err("the second page fails");
    assert_eq!(failure.kind, FailureKind::Throttled);
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn a_protected_machine_does_not_save_the_rest() {
    let ec2 = Ec2::new("eu-north-1").await;
    let ids = ec2.launch("t", 5).await.expect("a launch");
    ec2.region.protect(ids[1].as_str());
    let ended = ec2.aws.terminate(&ec2.region.name().into(), &ids).await.expect("an answer");
    let kept: Vec<_> = ended.iter().filter(|(_, result)| result.is_err()).collect();
    assert_eq!((ended.len(), kept.len(), &kept[0].0), (5, 1, &ids[1]), "{ended:?}");
    assert_eq!(kept[0].1.as_ref().map_err(|f| f.kind), Err(FailureKind::Denied));
    let alive: Vec<_> = ec2.region.machines().into_iter().filter(MotoMachine::is_alive).map(|m| m.id).collect();
    assert_eq!(alive, [ids[1].as_str()]);
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn prices_are_read_kept_and_stood_in_for() {
    let ec2 = Ec2::new("us-east-1").await;
    let pools = [
        ec2.pool("c", "r5.large", Market::Spot),
        ec2.pool("d", "r5.large", Market::Spot),
        ec2.pool("c", "r5.large", Market::OnDemand),
        ec2.pool("c", "r5.xlarge", Market::OnDemand),
    ];
    ec2.region.prices(json!({
        "spot": {"r5.large/us-east-1c": 0.0405, "r5.large/us-east-1d": null},
        "on_demand": {"r5.large": 0.12},
    }));
    let denied = json!({"action": "GetProducts", "kind": "refuse", "code": "AccessDeniedException", "status": 400,
        "skip": 1});
    let region = ec2.region.clone();
    region.rule(denied);
    let before = (region.calls("DescribeSpotPriceHistory"), region.calls("DescribeInstanceTypes"));
    let offers = ec2.offers(&pools).await;
    let price = |n: usize| offers[n].as_ref().map(|offer: &Offer| offer.price.micros).map_err(|kind| *kind);
    assert_eq!(price(0), Ok(40_500));
    assert_eq!(price(1), Err(FailureKind::NoCapacity), "not on offer in that zone");
    assert_eq!(price(2), Ok(120_000), "by the price list");
    assert_eq!(price(3), Ok(252_000), "by the checked-in table, since the price list was denied");
    let spot = offers[0].as_ref().expect("an offer");
    assert_eq!((spot.shape.vcpus, spot.shape.memory_mib), (2, 16_384));
    assert!(spot.priced_at < offers[2].as_ref().expect("an offer").priced_at, "the record's own time, an hour ago");
    // Asked again at once: everything is still known, and the price list is left alone after its failure.
    let lists = region.calls("GetProducts");
    assert_eq!(ec2.offers(&pools).await, offers);
    assert_eq!(region.calls("GetProducts"), lists);
    let after = (region.calls("DescribeSpotPriceHistory"), region.calls("DescribeInstanceTypes"));
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1));
    region.clear_rules();
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn past_prices_are_those_of_the_pools_asked_for_page_by_page() {
    let ec2 = Ec2::new("sa-east-1").await;
    ec2.region.prices(json!({"spot": {"r5.large/sa-east-1a": 0.04, "r5.large/sa-east-1b": null}, "on_demand": {}}));
    ec2.region.set(json!({"page": 1}));
    let pools = [
        ec2.pool("a", "r5.large", Market::Spot),
        ec2.pool("b", "r5.large", Market::Spot),
        ec2.pool("a", "r5.large", Market::OnDemand),
    ];
    let region = ec2.region.name().into();
    let since = ec2.aws.offers(&region, &pools[..1]).await.expect("offers")[0].as_ref().expect("a price").priced_at;
    let told = ec2.aws.price_history(&region, &pools, since.minus(Span::from_hours(24))).await.expect("an answer");
    let told = told.expect("EC2 tells past prices");
    let [history] = &told[..] else { panic!("of one pool") };
    let prices: Vec<_> = history.prices.iter().map(|(_, price)| price.micros).collect();
    assert_eq!((&history.pool, prices), (&pools[0], vec![36_000, 40_000]));
    let none = ec2.aws.price_history(&region, &pools[2..], since).await.expect("no call is made");
    assert_eq!(none, Some(Vec::new()), "the price list tells no past");
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn zones_have_the_placement_scores_of_all_types_together() {
    let ec2 = Ec2::new("ap-southeast-2").await;
    let region = ec2.region.name().into();
    let pool = |zone: &str, kind: &str| ec2.pool(zone, kind, Market::Spot);
    let three = [pool("a", "m5.large"), pool("b", "m5.large"), pool("a", "m6i.large"), pool("a", "c5.large")];
    let told = ec2.aws.signals(&region, &three).await.expect("an answer").expect("EC2 has scores");
    let scores: Vec<_> = told.iter().map(|(pool, signal)| (pool.clone(), *signal)).collect();
    let expected = [9, 8, 9, 9].map(Signal::PlacementScore);
    assert_eq!(scores, three.iter().cloned().zip(expected).collect::<Vec<_>>());
    // With few types every score is low: EC2 says so, and so does its peer.
    let told = ec2.aws.signals(&region, &three[..2]).await.expect("an answer").expect("EC2 has scores");
    assert!(told.iter().all(|(_, signal)| *signal == Signal::PlacementScore(1)), "{told:?}");
    let calls = ec2.region.calls("GetSpotPlacementScores");
    let none = ec2.aws.signals(&region, &[ec2.pool("a", "m5.large", Market::OnDemand)]).await;
    assert_eq!((none.expect("no call is made"), ec2.region.calls("GetSpotPlacementScores")), (Some(Vec::new()), calls));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn a_tag_put_by_hand_protects() {
    let ec2 = Ec2::new("ap-northeast-1").await;
    let plant = |value: &str| {
        let tags = [("spotfleet:owner", "contract"), ("spotfleet:fleet", "web"), ("spotfleet:protected", value)];
        ec2.region.plant("m5.large", &tags, 1).remove(0)
    };
    let (kept, free) = (plant("until the run is over"), plant("false"));
    let own = ec2.launch("t", 1).await.expect("a launch").remove(0);
    let listed = ec2.aws.instances(&"ap-northeast-1".into()).await.expect("a listing");
    let protected = |id: &str| listed.iter().find(|i| i.id.as_str() == id).map(|i| i.protected);
    assert_eq!((protected(&kept), protected(&free), protected(own.as_str())), (Some(true), Some(false), Some(false)));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn notices_come_from_the_queue_and_are_deleted_when_taken_in() {
    let region = Moto::shared().region("ap-south-1");
    let mut settings = settings(&region);
    settings.interruption_queues.insert("ap-south-1".into(), region.queue("interruptions"));
    let ec2 = Ec2::with(settings, region).await;
    let ids = ec2.launch("t", 2).await.expect("a launch");
    ec2.region.send("not json");
    ec2.region.send(r#"{"source": "aws.health", "detail-type": "AWS Health Event", "detail": {}}"#);
    ec2.region.recommend(ids[0].as_str());
    let warned_at = ec2.region.interrupt(ids[1].as_str());
    let mut notices = Vec::new();
    while notices.len() < 2 {
        notices.extend(ec2.aws.notices().await.expect("notices"));
    }
    assert_eq!((&notices[0].instance, notices[0].kind), (&ids[0], NoticeKind::Advice));
    assert_eq!((&notices[1].instance, notices[1].kind), (&ids[1], NoticeKind::Interruption));
    let lead = notices[1].at.since(warned_at);
    assert!(lead > Span::from_secs(118) && lead <= Span::from_secs(121), "{lead}");
    // Nothing more comes, and the next look deletes all four: they do not come again.
    let given_up = tokio::time::timeout(Duration::from_secs(1), ec2.aws.notices()).await;
    assert!(given_up.is_err(), "{given_up:?}");
    assert!(ec2.region.calls("DeleteMessageBatch") >= 1);
    // The look that was given up on goes on: what it got is not lost.
    ec2.region.recommend(ids[1].as_str());
    let notices = ec2.aws.notices().await.expect("notices");
    assert_eq!(notices.iter().map(|n| &n.instance).collect::<Vec<_>>(), [&ids[1]]);
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test"]
async fn every_region_is_watched_at_once() {
    let (queued, polled) = (Moto::shared().region("ap-southeast-1"), Moto::shared().region("ap-southeast-2"));
    let mut settings = settings(&queued);
    settings.regions.push(polled.name().into());
    settings.interruption_queues.insert(queued.name().into(), queued.queue("interruptions"));
    let ec2 = Ec2::with(settings, queued.clone()).await;
    let here = ec2.launch("here", 1).await.expect("a launch").remove(0);
    let there = Ec2::with(self::settings(&polled), polled.clone()).await;
    let there = there.launch("there", 1).await.expect("a launch").remove(0);
    // The queue's long poll is under way while the other region's news comes, and the other way round.
    polled.interrupt(there.as_str());
    let first = ec2.aws.notices().await.expect("notices");
    assert_eq!(first.iter().map(|n| &n.instance).collect::<Vec<_>>(), [&there]);
    let began = Instant::now();
    queued.interrupt(here.as_str());
    let second = ec2.aws.notices().await.expect("notices");
    assert_eq!(second.iter().map(|n| &n.instance).collect::<Vec<_>>(), [&here]);
    assert!(began.elapsed() < Duration::from_secs(5), "a warning is not kept waiting for the other region's poll");
}

/// Runs one of the ignored tests below as a process of its own, which has the environment that it needs.
fn as_a_process(test: &str, environment: &[(&str, &str)]) {
    let home = tempfile::tempdir().expect("a directory");
    let output = std::process::Command::new(std::env::current_exe().expect("the test's own path"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .output()
        .expect("the test can be run");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

async fn first_failure() -> Failure {
    let settings = AwsSettings::new("aws".into(), "contract", vec!["us-east-1".into()]);
    let aws = Aws::new(settings).await.expect("good settings");
    aws.instances(&"us-east-1".into()).await.expect_err("no peer to list")
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn without_credentials_the_failure_says_what_to_do() {
    as_a_process("process_without_credentials", &[]);
}

#[tokio::test]
#[ignore = "run by without_credentials_the_failure_says_what_to_do"]
async fn process_without_credentials() {
    let failure = first_failure().await;
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    assert!(failure.message.contains("AWS_PROFILE"), "{failure}");
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn no_request_leaves_unencrypted_wherever_its_endpoint_came_from() {
    // An address that is reserved for documentation (RFC 5737): a request to it would hang.
    let keys = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", KEY)];
    let endpoint = [("AWS_ENDPOINT_URL_EC2", "http://192.0.2.1:9")];
    as_a_process("process_with_a_plaintext_endpoint", &[&keys[..], &endpoint].concat());
}

#[tokio::test]
#[ignore = "run by no_request_leaves_unencrypted_wherever_its_endpoint_came_from"]
async fn process_with_a_plaintext_endpoint() {
    let failure = first_failure().await;
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
    assert!(failure.message.contains("192.0.2.1"), "{failure}");
}
