//! The Compute Engine adapter on the wire: the contract of every provider, and what is Google's own.
//!
//! The peer is a file of the crate `tests`, taken in by its path: that crate brings every cloud's SDK with it.
#![cfg(feature = "gcp")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, Instance, InstanceId, Market, NoticeKind, Phase, Pool, Token};
use policies::units::{ListPrice, Span};
use providers::contract::{Fault as Wrong, Verdict, World, check, report};
use providers::gcp::{Gcp, GcpSettings};
use providers::spec::GcpSpec;
use providers::{CallClass, LaunchSpec, Order, Provider};
use serde_json::json;

#[path = "../../tests/src/gcp.rs"]
pub mod fake;

use fake::{Call, Fault};

const REGION: &str = "us-central1";
const ZONE: &str = "us-central1-a";

struct Google {
    peer: fake::Gcp,
    gcp: Gcp,
    spec: GcpSpec,
}

fn settings(origin: &str) -> GcpSettings {
    let mut settings = GcpSettings::new("gcp".into(), fake::PROJECT, "contract", vec![REGION.into()]);
    settings.endpoint_url = Some(origin.to_owned());
    settings.token = Some(fake::TOKEN.into());
    settings.call_deadline = Span::from_secs(20);
    settings.visibility_lag = Span::from_secs(1);
    settings.watch_every = Span::from_millis(1);
    settings
}

impl Google {
    async fn new() -> Self {
        let peer = fake::Gcp::start().await;
        let gcp = Gcp::new(settings(peer.origin())).await.expect("good settings");
        let spec = GcpSpec {
            image: "projects/debian-cloud/global/images/family/debian-12".to_owned(),
            disk_gb: Some(20),
            max_run: Some(Span::from_hours(24)),
            labels: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
            ..GcpSpec::default()
        };
        Self { peer, gcp, spec }
    }

    async fn launch(&self, token: &str) -> Result<Launched, Failure> {
        let (token, fleet) = (Token::from(token), FleetName::from("web"));
        self.gcp.launch(&Order { token, fleet, pool: self.spot(), spec: self.spec(), count: 1 }).await
    }

    async fn made(&self, token: &str) -> InstanceId {
        self.launch(token).await.expect("a machine").ids.remove(0)
    }

    async fn refused(&self, token: &str) -> FailureKind {
        self.launch(token).await.expect_err("no machine").kind
    }

    async fn list(&self) -> Vec<Instance> {
        self.gcp.instances(&REGION.into()).await.expect("a listing")
    }

    /// What an operation that ends with this code is taken for, in each of the ways that it may be told.
    async fn ends_as(&self, code: &'static str, http: u16) -> Vec<FailureKind> {
        let mut kinds = Vec::new();
        for (n, (http, at_once)) in [(Some(http), false), (None, false), (None, true)].into_iter().enumerate() {
            self.peer.rule(Call::Insert, Fault::Ends { code, http, at_once }, Some(1));
            kinds.push(self.refused(&format!("{}-{n}", code.to_lowercase())).await);
        }
        kinds
    }
}

/// Name and zone of an id.
fn parts(id: &InstanceId) -> (&str, &str) {
    id.as_str().split_once('.').expect("name and zone")
}

#[async_trait]
impl World for Google {
    fn provider(&self) -> &dyn Provider {
        &self.gcp
    }

    fn spot(&self) -> Pool {
        Pool::new("gcp", REGION, ZONE, "n2-standard-4", Market::Spot)
    }

    fn on_demand(&self) -> Pool {
        Pool::new("gcp", REGION, "us-central1-b", "e2-standard-4", Market::OnDemand)
    }

    fn spec(&self) -> Arc<LaunchSpec> {
        Arc::new(LaunchSpec::Gcp(self.spec.clone()))
    }

    async fn inject(&self, class: CallClass, fault: Wrong) -> bool {
        let call = match class {
            CallClass::Launch => Call::Insert,
            CallClass::Terminate => Call::Delete,
            CallClass::Read => Call::List,
            CallClass::Price | CallClass::Notice => return false,
        };
        let ends = |code| Fault::Ends { code, http: None, at_once: false };
        let fault = match fault {
            Wrong::LoseRequest => Fault::LoseRequest,
            Wrong::LoseReply => Fault::LoseReply,
            Wrong::Refuse(FailureKind::NoCapacity) => ends("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"),
            Wrong::Refuse(FailureKind::Quota) => ends("QUOTA_EXCEEDED"),
            Wrong::Refuse(FailureKind::Throttled) => Fault::Refuse(403, "rateLimitExceeded"),
            Wrong::Refuse(FailureKind::Denied) => Fault::Refuse(403, "forbidden"),
            Wrong::Refuse(FailureKind::Invalid) => Fault::Refuse(400, "invalid"),
            Wrong::Refuse(FailureKind::Unavailable) => Fault::Refuse(400, "resourceNotReady"),
            // There is no bid, and a launch names nothing that could be gone. One machine a call is never a part.
            Wrong::Refuse(_) | Wrong::OneOnly => return false,
        };
        self.peer.rule(call, fault, None);
        true
    }

    async fn calm(&self) {
        self.peer.calm();
    }

    async fn plant_foreign(&self) -> InstanceId {
        let labels = json!({"spotfleet-owner": "contract-2", "spotfleet-fleet": "contract"});
        self.peer.with(|world| world.plant(ZONE, "by-hand", &labels));
        InstanceId::from(format!("by-hand.{ZONE}"))
    }

    async fn foreign_lives(&self, id: &InstanceId) -> bool {
        let (name, zone) = parts(id);
        self.peer.with(|world| world.machine(zone, name).is_some_and(|machine| machine.status == "RUNNING"))
    }

    async fn launch_requests(&self) -> Option<u64> {
        u64::try_from(self.peer.requests(Call::Insert).len()).ok()
    }

    async fn interrupt(&self, id: &InstanceId) {
        let (name, zone) = parts(id);
        self.peer.with(|world| world.preempt(zone, name, true));
    }

    async fn pass(&self, span: Span) {
        self.peer.with(|world| world.pass(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)));
    }
}

#[tokio::test]
async fn compute_engine_keeps_the_contract() {
    let world = Google::new().await;
    world.peer.with(|world| world.page = 2);
    let findings = check(&world).await;
    let broken = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    assert!(!broken, "{}", report(&findings));
    assert_eq!(
        report(&findings),
        "skipped a_partial_launch_says_why: one machine a call\n\
         skipped a_warning_comes_with_the_machine_and_its_time: the provider gives no notice\n"
    );
}

#[tokio::test]
async fn a_launch_says_all_that_it_must() {
    let world = Google::new().await;
    let id = world.made("t-1").await;
    let request = world.peer.requests(Call::Insert).remove(0);
    let body = &request.body;
    assert_eq!(body["name"], parts(&id).0);
    assert_eq!(body["machineType"], "zones/us-central1-a/machineTypes/n2-standard-4");
    let labels =
        json!({"spotfleet-owner": "contract", "spotfleet-fleet": "web", "spotfleet-intent": "t-1", "team": "ml"});
    assert_eq!(body["labels"], labels);
    let scheduling = json!({"provisioningModel": "SPOT", "instanceTerminationAction": "DELETE",
        "automaticRestart": false, "onHostMaintenance": "TERMINATE", "maxRunDuration": {"seconds": "86400"}});
    assert_eq!(body["scheduling"], scheduling);
    assert_eq!((&body["disks"][0]["autoDelete"], &body["disks"][0]["boot"]), (&json!(true), &json!(true)));
    assert_eq!(body["disks"][0]["initializeParams"]["diskSizeGb"], "20");
    assert_eq!(body["networkInterfaces"], json!([{"network": "global/networks/default"}]));
    assert!(request.query.contains_key("requestId"));
}

#[tokio::test]
async fn a_stock_out_after_an_accepted_insert_is_no_machine() {
    let world = Google::new().await;
    for (code, http) in [
        ("ZONE_RESOURCE_POOL_EXHAUSTED", 503),
        ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503),
        ("UNSUPPORTED_OPERATION", 400),
        ("RESOURCE_NOT_FOUND", 404),
    ] {
        assert_eq!(world.ends_as(code, http).await, [FailureKind::NoCapacity; 3], "{code}");
    }
    assert_eq!(world.list().await, []);
}

#[tokio::test]
async fn quota_rate_and_rights_are_told_apart_behind_the_same_status() {
    let world = Google::new().await;
    assert_eq!(world.ends_as("QUOTA_EXCEEDED", 403).await, [FailureKind::Quota; 3]);
    assert_eq!(world.ends_as("RESOURCE_OPERATION_RATE_EXCEEDED", 403).await, [FailureKind::Throttled; 3]);
    assert_eq!(world.ends_as("PERMISSIONS_ERROR", 403).await, [FailureKind::Denied; 3]);
    assert_eq!(world.ends_as("CONDITION_NOT_MET", 412).await, [FailureKind::Invalid; 3]);
    for (status, reason, kind) in [
        (403, "quotaExceeded", FailureKind::Quota),
        (403, "rateLimitExceeded", FailureKind::Throttled),
        (403, "forbidden", FailureKind::Denied),
        (401, "authError", FailureKind::Denied),
        (400, "invalid", FailureKind::Invalid),
        (404, "notFound", FailureKind::Invalid),
        (400, "resourceNotReady", FailureKind::Unavailable),
        (503, "insufficientCapacity", FailureKind::NoCapacity),
        (503, "backendError", FailureKind::Ambiguous),
    ] {
        world.peer.rule(Call::Insert, Fault::Refuse(status, reason), Some(1));
        assert_eq!(world.refused("t-1").await, kind, "{status} {reason}");
    }
    assert_eq!(world.peer.with(|world| world.count()), 0);
}

#[tokio::test]
async fn an_answer_of_a_proxy_may_stand_for_a_machine() {
    let world = Google::new().await;
    world.peer.rule(Call::Insert, Fault::Proxy, Some(1));
    assert_eq!(world.refused("t-1").await, FailureKind::Ambiguous);
    assert_eq!(world.list().await.len(), 1);
}

#[tokio::test]
async fn a_wait_that_comes_back_early_or_is_lost_settles_nothing() {
    let world = Google::new().await;
    world.peer.rule(Call::Wait, Fault::Early, Some(2));
    world.made("t-1").await;
    assert_eq!(world.peer.requests(Call::Wait).len(), 3);
    for (n, fault) in
        [Fault::LoseRequest, Fault::Refuse(403, "rateLimitExceeded"), Fault::Refuse(404, "notFound")].iter().enumerate()
    {
        world.peer.rule(Call::Wait, fault.clone(), Some(1));
        assert_eq!(world.refused(&format!("t-2{n}")).await, FailureKind::Ambiguous, "{fault:?}");
        let again = world.launch(&format!("t-2{n}")).await.map(|launched| launched.ids.len());
        assert_eq!(again, Ok(1), "the same launch");
    }
    assert_eq!(world.list().await.len(), 4);
}

#[tokio::test]
async fn a_name_that_is_taken_is_ours_only_by_its_labels() {
    let world = Google::new().await;
    let id = world.made("t-1").await;
    let (name, zone) = parts(&id);
    // Google has forgotten the request id: it answers as to a new request.
    world.peer.with(|world| world.forget_requests());
    assert_eq!(world.made("t-1").await, id);
    assert_eq!(world.peer.with(|world| world.count()), 1);
    world.peer.with(|world| {
        world.forget_requests();
        world.machine(zone, name).expect("it is there").body["labels"]["spotfleet-intent"] = "t-9".into();
    });
    assert_eq!(world.refused("t-1").await, FailureKind::Invalid);
}

#[tokio::test]
async fn a_listing_with_a_gap_in_the_region_is_a_failure() {
    let world = Google::new().await;
    world.made("t-1").await;
    for fault in [
        Fault::Unreachable("zones/us-central1-c"),
        Fault::Unreachable("projects/research-1/zones/us-central1-c"),
        Fault::Unreachable("who knows"),
        Fault::Warning("zones/us-central1-c", "UNREACHABLE"),
        Fault::Warning("zones/us-central1-c", "LIST_OVERHEAD_QUOTA_EXCEED"),
        Fault::Warning("zones/us-central1-c", "BRAND_NEW_WARNING"),
    ] {
        world.peer.rule(Call::List, fault.clone(), Some(1));
        let listed = world.gcp.instances(&REGION.into()).await.map_err(|failure| failure.kind);
        assert_eq!(listed, Err(FailureKind::Unavailable), "{fault:?}");
    }
    world.peer.rule(Call::List, Fault::Unreachable("zones/europe-west1-b"), Some(1));
    assert_eq!(world.list().await.len(), 1, "a gap elsewhere is none here");
}

#[tokio::test]
async fn an_unknown_status_is_a_machine_that_counts() {
    let world = Google::new().await;
    let id = world.made("t-1").await;
    let (name, zone) = parts(&id);
    for (status, phase) in
        [("BRAND_NEW_STATE", Phase::Running), ("TERMINATED", Phase::Ending), ("STAGING", Phase::Starting)]
    {
        world.peer.with(|world| status.clone_into(&mut world.machine(zone, name).expect("there").status));
        assert_eq!(world.list().await[0].phase, phase, "{status}");
    }
}

#[tokio::test]
async fn an_end_is_done_when_nothing_is_found() {
    let world = Google::new().await;
    let id = world.made("t-1").await;
    let end = async || {
        let ended = world.gcp.terminate(&REGION.into(), core::slice::from_ref(&id)).await;
        ended.expect("answers").remove(0).1.map_err(|failure| failure.kind)
    };
    world.peer.rule(Call::Delete, Fault::Refuse(400, "resourceNotReady"), Some(1));
    assert_eq!(end().await, Err(FailureKind::Unavailable));
    world.peer.rule(Call::Delete, Fault::Refuse(403, "forbidden"), Some(1));
    assert_eq!(end().await, Err(FailureKind::Denied));
    let found_nothing = Fault::Ends { code: "RESOURCE_NOT_FOUND", http: None, at_once: true };
    world.peer.rule(Call::Delete, found_nothing, Some(1));
    assert_eq!(end().await, Ok(()));
}

#[tokio::test]
async fn a_preemption_is_a_notice_when_its_event_is_there() {
    let world = Google::new().await;
    let (told, silent, ended) = (world.made("t-1").await, world.made("t-2").await, world.made("t-3").await);
    assert_eq!(world.gcp.notices().await, Ok(vec![]));
    world.peer.with(|world| {
        world.preempt(ZONE, parts(&told).0, true);
        world.preempt(ZONE, parts(&silent).0, false);
    });
    world.gcp.terminate(&REGION.into(), &[ended]).await.expect("answers");
    let notices = world.gcp.notices().await.expect("a look");
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!((&notices[0].instance, notices[0].kind), (&told, NoticeKind::Interruption));
    let phases: Vec<_> = world.list().await.iter().map(|instance| instance.phase).collect();
    assert_eq!(phases, [Phase::Ending; 3], "the listing shows each of them");
    world.pass(Span::from_mins(1)).await;
    assert_eq!(world.gcp.notices().await, Ok(vec![]), "told once");
    assert_eq!(world.list().await, []);
}

#[tokio::test]
async fn a_machine_that_is_gone_between_two_looks_is_explained_too() {
    let world = Google::new().await;
    let id = world.made("t-1").await;
    assert_eq!(world.gcp.notices().await, Ok(vec![]));
    world.peer.with(|world| world.preempt(ZONE, parts(&id).0, true));
    world.pass(Span::from_mins(1)).await;
    assert_eq!(world.gcp.notices().await.expect("a look").len(), 1);
}

#[tokio::test]
async fn spot_prices_are_googles_and_the_table_stands_in() {
    let world = Google::new().await;
    let pools = [world.spot(), world.on_demand()];
    let prices = async |gcp: &Gcp| -> Vec<ListPrice> {
        let offers = gcp.offers(&REGION.into(), &pools).await.expect("offers");
        offers.into_iter().map(|offer| offer.expect("an offer").price).collect()
    };
    let on_demand = prices(&world.gcp).await[1];
    assert_eq!(prices(&world.gcp).await, [ListPrice::usd(52_001), on_demand], "the newest, rounded up");
    assert_eq!(world.peer.requests(Call::History).len(), 1, "kept for an hour");
    world.peer.rule(Call::History, Fault::Refuse(403, "forbidden"), None);
    let other = Gcp::new(settings(world.peer.origin())).await.expect("good settings");
    assert_eq!(prices(&other).await, [ListPrice::usd(60_656), on_demand], "of the table");
}

#[tokio::test]
async fn a_token_reaches_no_text() {
    let peer = fake::Gcp::start().await;
    let mut settings = settings(peer.origin());
    settings.token = Some("canary-4711".into());
    let gcp = Gcp::new(settings.clone()).await.expect("good settings");
    let failure = gcp.instances(&REGION.into()).await.expect_err("a wrong token");
    assert_eq!(failure.kind, FailureKind::Denied);
    for text in [format!("{failure:?}"), format!("{settings:?}"), format!("{gcp:?}")] {
        assert!(!text.contains("canary-4711"), "{text}");
    }
}
