//! The Compute Engine adapter on the wire: the contract of every provider, and what is Google's own.
#![cfg(feature = "gcp")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, Instance, InstanceId, Market, NoticeKind, Phase, Pool, Token};
use policies::units::{ListPrice, Span, Time};
use providers::contract::{Fault as Wrong, Verdict, World, check, report};
use providers::doctor::{Doctor, Finding, Verdict as Health, Wanted};
use providers::gcp::{Gcp, GcpDoctor, GcpSettings};
use providers::spec::GcpSpec;
use providers::{CallClass, LaunchSpec, Order, Provider};
use serde_json::{Value, json};
use spotfleet_tests::gcp as fake;
use spotfleet_tests::gcp::{Call, Fault, Request};
use spotfleet_tests::moto::python;

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
        let peer = fake::Gcp::start();
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
async fn a_stock_out_is_seen_for_a_moment_and_told_to_whoever_asks_again() {
    let world = Google::new().await;
    let stock_out = Fault::Ends { code: "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", http: None, at_once: false };
    world.peer.rule(Call::Insert, stock_out, Some(1));
    world.peer.rule(Call::Wait, Fault::LoseRequest, Some(1));
    // How it ended is not known, and the machine is listed.
    assert_eq!(world.refused("t-1").await, FailureKind::Ambiguous);
    assert_eq!(world.list().await.iter().map(|i| i.phase).collect::<Vec<_>>(), [Phase::Starting]);
    // The same request is the same operation, also when nothing is wrong any more.
    assert_eq!(world.refused("t-1").await, FailureKind::NoCapacity);
    assert_eq!(world.list().await, []);
    let requests = world.peer.requests(Call::Insert);
    assert_eq!(requests[0].query["requestId"], requests[1].query["requestId"]);
    assert_eq!(requests[0].body, requests[1].body);
    // Another launch is another request.
    world.made("t-2").await;
    assert_ne!(world.peer.requests(Call::Insert)[2].query["requestId"], requests[0].query["requestId"]);
}

#[tokio::test]
async fn nothing_is_asked_twice_for_one_call() {
    let world = Google::new().await;
    let id = world.made("t-1").await;
    for call in [Call::Insert, Call::List, Call::Delete, Call::Region] {
        world.peer.rule(call, Fault::Refuse(503, "backendError"), None);
    }
    let counts = || [Call::Insert, Call::List, Call::Delete].map(|call| world.peer.requests(call).len());
    let before = counts();
    assert_eq!(world.refused("t-2").await, FailureKind::Ambiguous);
    let listed = world.gcp.instances(&REGION.into()).await.expect_err("a server in trouble");
    assert_eq!(listed.kind, FailureKind::Unavailable);
    let ended = world.gcp.terminate(&REGION.into(), &[id]).await.expect("answers").remove(0).1;
    assert_eq!(ended.map_err(|failure| failure.kind), Err(FailureKind::Ambiguous));
    assert_eq!(counts(), before.map(|count| count + 1));
}

#[tokio::test]
async fn a_reason_is_found_in_the_newer_form_too() {
    let world = Google::new().await;
    for (status, reason, kind) in [
        (403, "RATE_LIMIT_EXCEEDED", FailureKind::Throttled),
        (403, "SERVICE_DISABLED", FailureKind::Denied),
        (429, "RATE_LIMIT_EXCEEDED", FailureKind::Throttled),
    ] {
        world.peer.rule(Call::Insert, Fault::RefuseNew(status, reason), Some(1));
        let failure = world.launch("t-1").await.expect_err("refused");
        assert_eq!((failure.kind, failure.code.as_str()), (kind, reason));
    }
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
    // An end that failed is asked for anew: its answer is not that of the first request.
    let failed = Fault::Ends { code: "INTERNAL_ERROR", http: Some(500), at_once: true };
    world.peer.rule(Call::Delete, failed, Some(1));
    assert_eq!(end().await, Err(FailureKind::Ambiguous));
    assert_eq!(end().await, Ok(()));
    assert!(world.peer.requests(Call::Delete).iter().all(|request| !request.query.contains_key("requestId")));
    // On its way out: refused as in transition, which is no failure.
    assert_eq!(world.list().await[0].phase, Phase::Ending);
    assert_eq!(end().await, Ok(()));
    // Gone: 404.
    world.pass(Span::from_mins(1)).await;
    assert_eq!(world.list().await, []);
    let before = world.peer.requests(Call::Delete).len();
    assert_eq!(end().await, Ok(()));
    assert_eq!(world.peer.requests(Call::Delete).len(), before + 1);
}

#[tokio::test]
async fn a_preemption_is_a_notice_when_its_event_is_there() {
    let world = Google::new().await;
    let (told, silent, ended) = (world.made("t-1").await, world.made("t-2").await, world.made("t-3").await);
    let stopped = world.made("t-4").await;
    assert_eq!(world.gcp.notices().await, Ok(vec![]));
    world.peer.with(|world| {
        // Events of a page each.
        world.page = 1;
        world.preempt(ZONE, parts(&told).0, true);
        world.preempt(ZONE, parts(&silent).0, false);
        // One that is stopped and not deleted: at the end it is `TERMINATED`.
        world.preempt(ZONE, parts(&stopped).0, true);
        "TERMINATED".clone_into(&mut world.machine(ZONE, parts(&stopped).0).expect("there").status);
    });
    world.gcp.terminate(&REGION.into(), &[ended]).await.expect("answers");
    let notices = world.gcp.notices().await.expect("a look");
    let noticed: BTreeSet<_> = notices.iter().map(|notice| (&notice.instance, notice.kind)).collect();
    assert_eq!(noticed, BTreeSet::from([&told, &stopped].map(|id| (id, NoticeKind::Interruption))));
    let phases: Vec<_> = world.list().await.iter().map(|instance| instance.phase).collect();
    assert_eq!(phases, [Phase::Ending; 4], "the listing shows each of them");
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
async fn the_doctor_says_what_is_missing() {
    let world = Google::new().await;
    let pool = |zone: &str, kind: &str, market| Pool::new("gcp", REGION, zone, kind, market);
    let pools = BTreeSet::from([
        world.spot(),
        world.on_demand(),
        pool(ZONE, "n2-standard-5", Market::Spot),
        Pool::new("gcp", "us-east9", "us-east9-a", "e2-standard-4", Market::OnDemand),
    ]);
    let mut spec = world.spec.clone();
    spec.service_account = Some("worker@research-1.iam.gserviceaccount.com".to_owned());
    let wanted = [Wanted { fleet: "web".into(), spec: Arc::new(LaunchSpec::Gcp(spec)), pools }];
    let examine = async || {
        let doctor = GcpDoctor::new(settings(world.peer.origin())).await.expect("good settings");
        doctor.examine(&wanted).await
    };
    let verdict = |findings: &[Finding], place: &str, subject: &str| {
        let found = findings.iter().find(|finding| finding.place == place && finding.subject == subject);
        found.unwrap_or_else(|| panic!("{place} {subject}: {findings:#?}")).verdict
    };
    let findings = examine().await;
    assert_eq!(verdict(&findings, "project", fake::PROJECT), Health::Ok);
    assert_eq!(verdict(&findings, REGION, REGION), Health::Ok);
    assert_eq!(verdict(&findings, REGION, "IN_USE_ADDRESSES"), Health::Warning, "a quota that is used up");
    assert_eq!(verdict(&findings, ZONE, "n2-standard-4 spot"), Health::Ok);
    assert_eq!(verdict(&findings, "us-central1-b", "e2-standard-4 on-demand"), Health::Ok);
    assert_eq!(verdict(&findings, ZONE, "n2-standard-5 spot"), Health::Problem);
    assert_eq!(verdict(&findings, "us-east9-a", "e2-standard-4 on-demand"), Health::Warning, "no price is known");
    for subject in [world.spec.image.as_str(), "worker@research-1.iam.gserviceaccount.com", "instances.insert"] {
        assert_eq!(verdict(&findings, "project", subject), Health::NotChecked);
    }
    assert_eq!(world.peer.requests(Call::Insert).len(), 0, "a doctor makes nothing");
    // Without the right to read spot prices the table stands in.
    world.peer.rule(Call::History, Fault::Refuse(403, "forbidden"), None);
    assert_eq!(verdict(&examine().await, ZONE, "n2-standard-4 spot"), Health::Warning);
    world.peer.rule(Call::List, Fault::Refuse(403, "forbidden"), None);
    let findings = examine().await;
    assert!(matches!(findings.as_slice(), [only] if only.verdict == Health::Problem), "{findings:?}");
}

#[tokio::test]
async fn a_token_reaches_no_text() {
    let peer = fake::Gcp::start();
    let mut settings = settings(peer.origin());
    settings.token = Some("canary-4711".into());
    let gcp = Gcp::new(settings.clone()).await.expect("good settings");
    let failure = gcp.instances(&REGION.into()).await.expect_err("a wrong token");
    assert_eq!(failure.kind, FailureKind::Denied);
    for text in [format!("{failure:?}"), format!("{settings:?}"), format!("{gcp:?}")] {
        assert!(!text.contains("canary-4711"), "{text}");
    }
}

/// The witness of `tests/witness/gcp_discovery.py` on these calls: whether it is content, and what it says.
fn testimony(calls: &[Value]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("witness/gcp_discovery.py");
    let mut input = tempfile::tempfile().expect("a file");
    for call in calls {
        writeln!(input, "{call}").expect("it is written");
    }
    input.rewind().expect("it is read from the start");
    let mut command = Command::new(python());
    command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1").stdin(input);
    let output = command.output().expect("Python can be run");
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(error.is_empty(), "{error}");
    (output.status.success(), said.into_owned())
}

#[tokio::test]
#[ignore = "needs google-api-python-client: cargo xtask test"]
async fn all_that_is_said_is_as_googles_own_document_has_it() {
    let mut world = Google::new().await;
    check(&world).await;
    world.spec = GcpSpec {
        disk_type: Some("pd-balanced".to_owned()),
        network: Some("global/networks/default".to_owned()),
        subnetworks: BTreeMap::from([(REGION.into(), "regions/us-central1/subnetworks/w".to_owned())]),
        external_ip: true,
        service_account: Some("worker@research-1.iam.gserviceaccount.com".to_owned()),
        network_tags: vec!["worker".to_owned()],
        startup_script: Some("#!/bin/sh\ntrue\n".to_owned()),
        metadata: BTreeMap::from([("user-data".to_owned(), "#cloud-config\n".to_owned())]),
        ..world.spec.clone()
    };
    let (told, ended) = (world.made("all-1").await, world.made("all-2").await);
    world.gcp.notices().await.expect("a look");
    world.peer.with(|world| world.preempt(ZONE, parts(&told).0, true));
    assert_eq!(world.gcp.notices().await.expect("a look").len(), 1);
    world.gcp.terminate(&REGION.into(), &[ended]).await.expect("answers");
    for code in ["ZONE_RESOURCE_POOL_EXHAUSTED", "QUOTA_EXCEEDED"] {
        world.ends_as(code, 503).await;
    }
    for fault in [Fault::RefuseNew(403, "RATE_LIMIT_EXCEEDED"), Fault::Refuse(403, "quotaExceeded")] {
        world.peer.rule(Call::Insert, fault, Some(1));
        world.refused("all-3").await;
    }
    world.peer.rule(Call::List, Fault::Unreachable("zones/us-central1-c"), Some(1));
    world.gcp.instances(&REGION.into()).await.expect_err("a gap");
    let wanted = [Wanted {
        fleet: "web".into(),
        spec: world.spec(),
        pools: BTreeSet::from([
            world.spot(),
            world.on_demand(),
            Pool::new("gcp", REGION, ZONE, "g2-standard-8", Market::Spot),
        ]),
    }];
    GcpDoctor::new(settings(world.peer.origin())).await.expect("good settings").examine(&wanted).await;

    world.gcp.signals(&REGION.into(), &[world.spot()]).await.expect("signals");
    world.gcp.price_history(&REGION.into(), &[world.spot()], Time::EPOCH).await.expect("a history");

    let log = world.peer.log();
    let calls: BTreeSet<Call> = log.iter().map(|request| request.call).collect();
    assert_eq!(calls.len(), 10, "every call of the adapter is among them: {calls:?}");
    let line = |request: &Request| {
        let Request { call: _, at: _, method, path, query, body, answer } = request;
        let (status, answer) = answer.clone().unzip();
        json!({"method": method, "path": path, "query": query, "body": body, "status": status, "answer": answer})
    };
    let lines: Vec<Value> = log.iter().map(line).collect();
    let (content, said) = testimony(&lines);
    assert!(content, "{said}");
    println!("{said}");

    // It sees what it is there for.
    let of = |call: Call| {
        let good = |request: &&Request| request.call == call && request.answer.as_ref().is_some_and(|a| a.0 == 200);
        line(log.iter().rev().find(good).expect("one"))
    };
    let planted: [(Call, &str, Value, &str); 8] = [
        (Call::Insert, "/body/scheduling/provisioningModell", json!("SPOT"), "provisioningModell"),
        (Call::Insert, "/body/scheduling/provisioningModel", json!("SPOTTY"), "SPOTTY"),
        (Call::Insert, "/body/scheduling/maxRunDuration/seconds", json!(86_400), "86400"),
        (Call::Insert, "/body/name", json!("Sf-1"), "Sf-1"),
        (Call::Insert, "/query/requestID", json!("x"), "requestID"),
        (Call::Insert, "/path", json!("/compute/v1/projects/p/zone/z/instances"), "0 methods fit"),
        (Call::Wait, "/answer/id", json!("0f3a"), "0f3a"),
        (Call::History, "/body/types/0", json!("COST"), "COST"),
    ];
    for (call, place, value, telling) in planted {
        let mut bad = of(call);
        let (parent, key) = place.rsplit_once('/').expect("a place");
        let parent = bad.pointer_mut(parent).expect("it is there");
        match parent.as_array_mut() {
            Some(items) => items[0] = value,
            None => parent[key] = value,
        }
        let (content, said) = testimony(&[bad]);
        assert!(!content && said.contains(telling), "{place}: {said}");
    }
}
