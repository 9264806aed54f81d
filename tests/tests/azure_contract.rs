//! The Azure adapter on the wire: the contract of every provider, and what is Azure's own.
#![cfg(feature = "azure")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::{Instance, InstanceId, Market, Phase, Pool};
use policies::units::{ListPrice, Span, Time};
use providers::azure::{Azure, AzureDoctor, AzureSettings, Credential, Polling, TokenSource};
use providers::contract::{Fault as Wrong, Verdict, World as Contract, check, report};
use providers::doctor::{Doctor, Finding, Verdict as Health, Wanted};
use providers::spec::AzureSpec;
use providers::{CallClass, LaunchSpec, Order, Provider};
use secrecy::SecretString;
use serde_json::json;

use spotfleet_tests::azure::{Call, Fake, Fault, GROUP, LOGIN, Part, SUBSCRIPTION, TOKEN};

/// A token that is always the same.
struct Fixed;

#[async_trait]
impl TokenSource for Fixed {
    async fn token(&self) -> Result<SecretString, Failure> {
        Ok(TOKEN.into())
    }
}

/// A provider over a peer of its own.
struct Arm {
    fake: Fake,
    azure: Azure,
    spec: Arc<LaunchSpec>,
}

fn credential() -> Credential {
    let [tenant_id, client_id, secret] = LOGIN.map(str::to_owned);
    Credential::ClientSecret { tenant_id, client_id, secret: secret.into() }
}

fn settings(fake: &Fake) -> AzureSettings {
    let regions = vec!["eastus".into(), "westus".into()];
    // The group's name has another case than the peer's.
    let mut settings =
        AzureSettings::new("azure".into(), "contract", SUBSCRIPTION, &GROUP.to_lowercase(), regions, credential());
    settings.endpoint_url = Some(fake.url());
    settings.authority_url = Some(fake.url());
    settings.prices_url = Some(fake.prices_url());
    settings.visibility_lag = Span::from_secs(5);
    settings.call_deadline = Span::from_secs(20);
    // The peer's clock goes on when it is asked, whatever the time is here.
    settings.polling = Polling { at_least: Span::from_millis(1), at_most: Span::from_millis(5) };
    settings
}

fn spec() -> AzureSpec {
    let subnet = |region: &str| format!("/subscriptions/{SUBSCRIPTION}/subnets/subnet-{region}");
    AzureSpec {
        image: "Debian:debian-12:12-gen2:latest".to_owned(),
        subnets: BTreeMap::from([("eastus".into(), subnet("eastus")), ("westus".into(), subnet("westus"))]),
        admin_user: "worker".to_owned(),
        ssh_public_key: "ssh-ed25519 AAAA".to_owned(),
        user_data: Some("#!/bin/sh\nexec worker\n".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
        ..AzureSpec::default()
    }
}

fn spot() -> Pool {
    Pool::new("azure", "eastus", "eastus-1", "Standard_D4s_v5", Market::Spot)
}

fn on_demand() -> Pool {
    Pool::new("azure", "eastus", "eastus-2", "Standard_D2s_v5", Market::OnDemand)
}

impl Arm {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut AzureSettings)) -> Self {
        let fake = Fake::start().await;
        let mut settings = settings(&fake);
        change(&mut settings);
        let azure = Azure::with_tokens(settings, Arc::new(Fixed)).expect("good settings");
        Self { fake, azure, spec: Arc::new(LaunchSpec::Azure(spec())) }
    }

    fn order(&self, token: &str, pool: &Pool, count: u32) -> Order {
        Order { token: token.into(), fleet: "web".into(), pool: pool.clone(), spec: self.spec.clone(), count }
    }

    async fn launch(&self, token: &str) -> Result<InstanceId, Failure> {
        let launched = self.azure.launch(&self.order(token, &spot(), 1)).await?;
        Ok(launched.ids.into_iter().next().expect("a machine or a failure"))
    }

    async fn refused(&self, token: &str) -> FailureKind {
        self.launch(token).await.expect_err("a launch that fails").kind
    }

    async fn list(&self) -> Vec<Instance> {
        self.azure.instances(&"eastus".into()).await.expect("a listing")
    }

    async fn end(&self, ids: &[InstanceId]) -> Vec<Result<(), FailureKind>> {
        let ended = self.azure.terminate(&"eastus".into(), ids).await.expect("an answer for each");
        ended.into_iter().map(|(_, result)| result.map_err(|failure| failure.kind)).collect()
    }
}

/// An answer of Azure that means this kind; `None` where a refusal of Azure never says it for certain.
fn refusal(kind: FailureKind) -> Option<Fault> {
    Some(match kind {
        FailureKind::NoCapacity => Fault::refuse(409, "SkuNotAvailable", "The requested size is not available."),
        FailureKind::Quota => Fault::refuse(
            409,
            "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved LowPriorityCores quota.",
        ),
        FailureKind::Throttled => Fault::Refuse {
            status: 429,
            code: "OperationNotAllowed",
            message: "The server rejected the request because too many requests have been received.".to_owned(),
            retry_after: Some(17),
        },
        FailureKind::PriceAboveCap => {
            Fault::refuse(409, "SpotPriceGreaterThanProvidedMaxPrice", "The price is higher.")
        }
        FailureKind::Denied => Fault::refuse(403, "AuthorizationFailed", "The client has no authorization."),
        FailureKind::Invalid => Fault::refuse(400, "InvalidParameter", "The value of a parameter is invalid."),
        FailureKind::Unavailable | FailureKind::Ambiguous | FailureKind::Gone | FailureKind::Paced => return None,
    })
}

fn throttled() -> Fault {
    refusal(FailureKind::Throttled).expect("a refusal")
}

fn denied() -> Fault {
    refusal(FailureKind::Denied).expect("a refusal")
}

#[async_trait]
impl Contract for Arm {
    fn provider(&self) -> &dyn Provider {
        &self.azure
    }

    fn spot(&self) -> Pool {
        spot()
    }

    fn on_demand(&self) -> Pool {
        on_demand()
    }

    fn spec(&self) -> Arc<LaunchSpec> {
        self.spec.clone()
    }

    async fn inject(&self, class: CallClass, fault: Wrong) -> bool {
        let call = match class {
            CallClass::Launch => Call::Put,
            CallClass::Terminate => Call::Delete,
            CallClass::Read => Call::List,
            CallClass::Price | CallClass::Notice => return false,
        };
        let fault = match fault {
            Wrong::LoseRequest => Fault::LoseRequest,
            Wrong::LoseReply => Fault::LoseReply,
            Wrong::Refuse(kind) => match refusal(kind) {
                Some(fault) => fault,
                None => return false,
            },
            Wrong::OneOnly => {
                let taken = self.list().await.iter().filter(|i| i.pool == spot() && i.phase < Phase::Ending).count();
                self.fake.world().behaviour.room = taken + 1;
                return true;
            }
        };
        self.fake.world().always(call, fault);
        true
    }

    async fn calm(&self) {
        self.fake.world().calm();
    }

    async fn plant_foreign(&self) -> InstanceId {
        let tags = json!({"spotfleet:owner": "contract-2", "spotfleet:fleet": "contract"});
        self.fake.world().plant("somebodys", "eastus", tags);
        "somebodys".into()
    }

    async fn foreign_lives(&self, id: &InstanceId) -> bool {
        self.fake.world().machines.get(id.as_str()).is_some_and(|machine| machine.state == "Succeeded")
    }

    async fn launch_requests(&self) -> Option<u64> {
        Some(self.fake.world().asked(Call::Put))
    }

    async fn interrupt(&self, id: &InstanceId) {
        self.fake.world().evict(id.as_str());
    }

    async fn pass(&self, span: Span) {
        self.fake.pass(span.as_millis().div_ceil(1_000));
    }
}

async fn keeps_the_contract(world: &Arm) {
    let findings = check(world).await;
    let broken = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    assert!(!broken, "{}", report(&findings));
    let skipped = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Skipped(_))).count();
    assert_eq!(skipped, 1, "notices:\n{}", report(&findings));
}

#[tokio::test]
async fn azure_keeps_the_contract() {
    let world = Arm::new().await;
    // Several pages, and machines that are listed late.
    world.fake.world().behaviour.page = 2;
    world.fake.world().behaviour.hidden_s = 2;
    keeps_the_contract(&world).await;
}

#[tokio::test]
async fn azure_keeps_the_contract_where_it_looks_at_no_precondition_and_forgets_operations() {
    let world = Arm::new().await;
    {
        let mut fake = world.fake.world();
        fake.behaviour.ignore_precondition = true;
        fake.behaviour.forget_operations = true;
        fake.behaviour.retry_after_s = None;
        fake.behaviour.capitals = true;
        fake.behaviour.create_s = 3;
    }
    keeps_the_contract(&world).await;
}

#[tokio::test]
async fn a_put_says_what_is_meant() {
    let arm = Arm::new().await;
    for (pool, priority, zone) in [(spot(), json!("Spot"), "1"), (on_demand(), json!(null), "2")] {
        let launched = arm.azure.launch(&arm.order(pool.market().name(), &pool, 2)).await.expect("a launch");
        assert_eq!((launched.ids.len(), launched.shortfall), (2, None));
        let body = arm.fake.world().puts.pop().expect("a body");
        assert_eq!(body["properties"]["priority"], priority);
        assert_eq!(body["properties"]["hardwareProfile"]["vmSize"], pool.instance_type().as_str());
        assert_eq!(body["zones"], json!([zone]));
        assert_eq!(body["tags"]["spotfleet:intent"], pool.market().name());
        assert_eq!(body["tags"]["spotfleet:pool"], pool.to_string());
        assert_eq!(body["tags"]["team"], "ml");
    }
    assert_eq!(arm.fake.world().asked(Call::Put), 4, "one request a machine");
}

#[tokio::test]
async fn a_launch_that_azure_accepts_and_cannot_make_is_deleted_and_told_as_what_it_is() {
    let arm = Arm::new().await;
    for (n, (code, text, kind)) in [
        ("AllocationFailed", "Allocation failed.", FailureKind::NoCapacity),
        ("ZonalAllocationFailed", "Allocation failed in the zone.", FailureKind::NoCapacity),
        ("OverconstrainedZonalAllocationRequest", "Overconstrained.", FailureKind::NoCapacity),
        ("OperationNotAllowed", "exceeding approved LowPriorityCores quota", FailureKind::Quota),
        ("OSProvisioningTimedOut", "The OS did not start.", FailureKind::Invalid),
        ("InternalExecutionError", "An internal error.", FailureKind::Unavailable),
    ]
    .into_iter()
    .enumerate()
    {
        arm.fake.world().behaviour.fail_launch = Some((code, text.to_owned()));
        let failure = arm.launch(&format!("failed-{n}")).await.expect_err("it cannot be made");
        assert_eq!((failure.kind, failure.code.as_str(), failure.message.as_str()), (kind, code, text));
        assert_eq!(arm.fake.world().asked(Call::Delete), n as u64 + 1, "{code}: what it left is deleted at once");
    }
    arm.fake.pass(60);
    assert!(arm.fake.world().machines.is_empty());
    assert_eq!(arm.fake.world().parts(), [""; 0], "interface and disk went with it");
}

#[tokio::test]
async fn fifty_failed_allocations_leave_no_machine_interface_or_disk() {
    let arm = Arm::new().await;
    arm.fake.world().behaviour.fail_launch = Some(("AllocationFailed", String::new()));
    for (n, pool) in [spot(), on_demand(), spot(), on_demand(), spot()].iter().enumerate() {
        let failure = arm.azure.launch(&arm.order(&format!("ten-{n}"), pool, 10)).await.expect_err("no room");
        assert_eq!(failure.kind, FailureKind::NoCapacity);
    }
    arm.fake.pass(60);
    let w = arm.fake.world();
    assert_eq!((w.puts.len(), w.asked(Call::Delete), w.machines.len(), w.parts().len()), (50, 50, 0, 0));
}

#[tokio::test]
async fn what_a_failed_launch_left_and_could_not_be_deleted_is_in_doubt_until_its_token_comes_again() {
    let arm = Arm::new().await;
    arm.fake.world().behaviour.fail_launch = Some(("AllocationFailed", "No room.".to_owned()));
    arm.fake.world().next(Call::Delete, Fault::LoseRequest, 1);
    let failure = arm.launch("t").await.expect_err("it cannot be made");
    assert!(failure.kind == FailureKind::Ambiguous && failure.message.contains("No room."), "{failure}");
    assert_eq!(arm.list().await[0].phase, Phase::Ending, "it does no work");
    assert_eq!(arm.refused("t").await, FailureKind::NoCapacity, "found by its name, deleted, and why it failed");
    arm.fake.pass(60);
    assert!(arm.fake.world().machines.is_empty());
    assert_eq!(arm.fake.world().puts.len(), 1, "the second PUT made nothing");
}

#[tokio::test]
async fn a_spot_machine_that_is_accepted_and_then_gone_is_a_shortage() {
    let arm = Arm::new().await;
    arm.fake.world().behaviour.take_away = true;
    assert_eq!(arm.refused("t").await, FailureKind::NoCapacity);
    assert_eq!(arm.list().await, []);
}

#[tokio::test]
async fn a_machine_that_is_not_found_twice_is_there_all_the_same() {
    let arm = Arm::new().await;
    arm.fake.world().behaviour.forget_operations = true;
    arm.fake.world().behaviour.not_found = 2;
    let id = arm.launch("t").await.expect("two looks that find nothing are no proof");
    assert_eq!(arm.list().await[0].id, id);
    assert_eq!(arm.fake.world().asked(Call::Delete), 0);
}

#[tokio::test]
async fn a_machine_that_is_still_missing_when_patience_ends_is_in_doubt() {
    let arm = Arm::with(|s| {
        s.call_deadline = Span::from_millis(1_000);
        s.polling = Polling { at_least: Span::from_millis(200), at_most: Span::from_millis(200) };
    })
    .await;
    arm.fake.world().behaviour.forget_operations = true;
    arm.fake.world().behaviour.not_found = 100;
    assert_eq!(arm.refused("t").await, FailureKind::Ambiguous);
}

#[tokio::test]
async fn a_machine_that_is_still_in_the_making_when_patience_ends_is_made() {
    let arm = Arm::with(|s| s.call_deadline = Span::from_millis(400)).await;
    arm.fake.world().behaviour.create_s = 1_000_000;
    let id = arm.launch("t").await.expect("it was accepted");
    assert_eq!(arm.list().await[0].phase, Phase::Starting);

    // It fails later: it does no work, and the controller's next order ends it.
    let failed = ("AllocationFailed", "No room.".to_owned());
    arm.fake.world().behaviour.fail_launch = Some(failed);
    let other = arm.launch("u").await.expect("it was accepted");
    arm.fake.pass(2_000_000);
    let phases: BTreeMap<_, _> = arm.list().await.into_iter().map(|i| (i.id, i.phase)).collect();
    assert_eq!(phases, BTreeMap::from([(id, Phase::Running), (other.clone(), Phase::Ending)]));
    assert_eq!(arm.end(&[other]).await, [Ok(())]);
}

#[tokio::test]
async fn throttling_and_quota_have_one_code_and_are_told_apart_by_the_status() {
    let arm = Arm::new().await;
    arm.fake.world().behaviour.spot_cores = 3;
    let quota = arm.launch("q").await.expect_err("no quota");
    arm.fake.world().always(Call::Put, throttled());
    let throttled = arm.launch("t").await.expect_err("too many requests");
    assert_eq!((quota.code.as_str(), throttled.code.as_str()), ("OperationNotAllowed", "OperationNotAllowed"));
    assert_eq!((quota.kind, throttled.kind), (FailureKind::Quota, FailureKind::Throttled));
    assert_eq!(throttled.retry_after, Some(Span::from_secs(17)));
    assert_eq!(quota.retry_after, None);
}

#[tokio::test]
async fn a_machine_that_exists_with_other_properties_is_adopted_and_not_changed() {
    for ignore_precondition in [false, true] {
        let mut arm = Arm::new().await;
        arm.fake.world().behaviour.ignore_precondition = ignore_precondition;
        let id = arm.launch("t").await.expect("a launch");
        let mut other = spec();
        other.user_data = Some("another".to_owned());
        arm.spec = Arc::new(LaunchSpec::Azure(other));
        assert_eq!(arm.launch("t").await, Ok(id), "whatever the specification says by now");
        assert_eq!(arm.fake.world().puts.len(), 1);
    }
}

#[tokio::test]
async fn a_machine_of_the_name_that_is_not_of_this_launch_is_never_taken_over() {
    let arm = Arm::new().await;
    let id = arm.launch("t").await.expect("a launch");
    for tags in
        [json!({}), json!({"spotfleet:owner": "contract"}), json!({"spotfleet:owner": "x", "spotfleet:intent": "t"})]
    {
        arm.fake.world().plant(id.as_str(), "eastus", tags);
        assert_eq!(arm.refused("t").await, FailureKind::Invalid);
    }
    assert_eq!(arm.fake.world().asked(Call::Delete), 0);
}

#[tokio::test]
async fn a_token_whose_machine_is_being_ended_is_over() {
    let arm = Arm::new().await;
    let id = arm.launch("t").await.expect("a launch");
    assert_eq!(arm.end(&[id]).await, [Ok(())]);
    assert_eq!(arm.refused("t").await, FailureKind::Gone);
}

#[tokio::test]
async fn one_machine_in_doubt_leaves_the_launch_in_doubt_and_the_token_finds_all() {
    let arm = Arm::new().await;
    arm.fake.world().next(Call::Put, Fault::LoseReply, 1);
    let order = arm.order("t", &spot(), 3);
    let failure = arm.azure.launch(&order).await.expect_err("one has no answer");
    assert_eq!(failure.kind, FailureKind::Ambiguous);
    let again = arm.azure.launch(&order).await.expect("the same token");
    assert_eq!((again.ids.len(), arm.fake.world().machines.len()), (3, 3));
}

#[tokio::test]
async fn an_answer_in_azures_place_says_nothing() {
    let arm = Arm::new().await;
    arm.fake.world().next(Call::Put, Fault::Proxy, 1);
    assert_eq!(arm.refused("t").await, FailureKind::Ambiguous);
    assert_eq!(arm.fake.world().machines.len(), 1, "it was carried out");
    arm.launch("t").await.expect("the same token finds it");
    arm.fake.world().next(Call::List, Fault::Proxy, 1);
    let listed = arm.azure.instances(&"eastus".into()).await;
    assert_eq!(listed.map_err(|f| f.kind), Err(FailureKind::Unavailable));
}

#[tokio::test]
async fn a_launch_without_a_connection_has_not_happened() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let arm = Arm::with(|s| s.endpoint_url = Some(format!("http://127.0.0.1:{port}"))).await;
    assert_eq!(arm.refused("t").await, FailureKind::Unavailable);
}

#[tokio::test]
async fn looks_that_are_throttled_or_lost_change_nothing() {
    let arm = Arm::new().await;
    arm.fake.world().next(Call::Operation, Fault::LoseReply, 1);
    arm.fake.world().next(Call::Operation, throttled(), 1);
    arm.launch("t").await.expect("it was accepted, and is made");
    assert!(arm.fake.world().asked(Call::Operation) >= 2);
}

#[tokio::test]
async fn the_wait_that_azure_asks_for_is_obeyed() {
    let arm = Arm::with(|s| s.polling.at_most = Span::from_secs(60)).await;
    arm.fake.world().behaviour.retry_after_s = Some(1);
    arm.fake.world().behaviour.create_s = 1;
    let began = Instant::now();
    arm.launch("t").await.expect("a launch");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(arm.fake.world().asked(Call::Operation), 1);
}

#[tokio::test]
async fn the_token_is_sent_to_no_other_server() {
    let arm = Arm::new().await;
    arm.fake.world().behaviour.operations_elsewhere = true;
    arm.fake.world().behaviour.create_s = 3;
    for token in ["a", "b", "c"] {
        arm.launch(token).await.expect("the machine is asked in place of the operation");
    }
    assert_eq!(arm.fake.world().asked(Call::Operation), 0);
    arm.fake.world().behaviour.page = 2;
    arm.fake.world().behaviour.pages_elsewhere = true;
    let listed = arm.azure.instances(&"eastus".into()).await;
    assert!(listed.is_err_and(|f| f.message.contains("https://elsewhere.example.com is not followed")));
}

#[tokio::test]
async fn a_listing_is_whole_or_a_failure() {
    let arm = Arm::new().await;
    arm.azure.launch(&arm.order("t", &spot(), 5)).await.expect("a launch");
    arm.fake.world().behaviour.page = 2;
    assert_eq!(arm.list().await.len(), 5);
    assert_eq!(arm.fake.world().asked(Call::List), 3);
    for (fault, kind) in [
        (Fault::refuse(500, "InternalServerError", "Try again."), FailureKind::Unavailable),
        (throttled(), FailureKind::Throttled),
        (denied(), FailureKind::Denied),
        (Fault::LoseReply, FailureKind::Unavailable),
    ] {
        // Two pages come; the last does not.
        arm.fake.world().after(Call::List, fault, 2);
        let listed = arm.azure.instances(&"eastus".into()).await;
        assert_eq!(listed.map_err(|f| f.kind), Err(kind));
        arm.fake.world().calm();
    }
    arm.fake.world().behaviour.endless_pages = true;
    let listed = arm.azure.instances(&"eastus".into()).await;
    assert_eq!(listed.map_err(|f| f.kind), Err(FailureKind::Unavailable), "pages in a circle end");
}

#[tokio::test]
async fn a_listing_is_of_its_region_and_owner_whatever_the_case() {
    let arm = Arm::new().await;
    let id = arm.launch("t").await.expect("a launch");
    arm.fake.world().plant("west", "westus", json!({"spotfleet:owner": "contract"}));
    arm.fake.world().plant("display", "East US", json!({"spotfleet:owner": "contract"}));
    arm.fake.world().plant("foreign", "eastus", json!({"spotfleet:owner": "Contract"}));
    for capitals in [false, true] {
        arm.fake.world().behaviour.capitals = capitals;
        let ids: Vec<_> = arm.list().await.into_iter().map(|i| i.id).collect();
        assert_eq!(ids, ["display".into(), id.clone()], "in capitals: {capitals}");
    }
    let west = arm.azure.instances(&"westus".into()).await.expect("a listing");
    assert_eq!(west.len(), 1);
    let nowhere = arm.azure.instances(&"northeurope".into()).await;
    assert_eq!(nowhere.map_err(|f| f.kind), Err(FailureKind::Invalid));
}

#[tokio::test]
async fn an_evicted_machine_is_missing() {
    let arm = Arm::new().await;
    let id = arm.launch("t").await.expect("a launch");
    assert_eq!(arm.list().await[0].phase, Phase::Running);
    arm.fake.world().evict(id.as_str());
    assert_eq!(arm.list().await, []);
    assert_eq!(arm.end(&[id]).await, [Ok(())], "204");
    assert_eq!(arm.fake.world().parts(), [""; 0]);
}

#[tokio::test]
async fn ending_fails_for_each_machine_by_itself() {
    let arm = Arm::new().await;
    let ids = arm.azure.launch(&arm.order("t", &spot(), 2)).await.expect("a launch").ids;
    arm.fake.world().next(Call::Delete, throttled(), 1);
    let mut ended = arm.end(&ids).await;
    ended.sort_unstable();
    assert_eq!(ended, [Ok(()), Err(FailureKind::Throttled)]);
    arm.fake.world().next(Call::Delete, Fault::refuse(409, "Conflict", "Another operation."), 2);
    assert_eq!(arm.end(&ids).await, [Err(FailureKind::Unavailable); 2]);
    assert_eq!(arm.end(&ids).await, [Ok(()); 2]);
    arm.fake.pass(60);
    assert_eq!(arm.end(&ids).await, [Ok(()); 2], "gone is done");
}

#[tokio::test]
async fn what_is_left_over_is_swept_when_it_was_so_for_the_grace_and_is_ours() {
    let arm = Arm::new().await;
    let (grace, at) = (Span::from_mins(10), |minutes| Time::EPOCH.plus(Span::from_mins(minutes)));
    arm.fake.world().behaviour.keep_leftovers = true;
    let ids = arm.azure.launch(&arm.order("t", &spot(), 2)).await.expect("a launch").ids;
    let foreign = {
        let mut world = arm.fake.world();
        let mut part = world.interfaces.values().next().cloned().expect("an interface");
        (part.name, part.machine, part.tags) = ("foreign".to_owned(), None, json!({"spotfleet:owner": "contract-2"}));
        world.interfaces.insert("foreign".to_owned(), part.clone());
        world.disks.insert("untagged".to_owned(), Part { tags: json!(null), ..part.clone() });
        part.name
    };
    assert_eq!(arm.azure.sweep(grace, at(0)).await, Ok(0), "what has a machine is no leftover");
    arm.end(&ids[..1]).await;
    arm.fake.pass(60);
    assert_eq!(arm.azure.sweep(grace, at(20)).await, Ok(0), "seen for the first time");
    assert_eq!(arm.azure.sweep(grace, at(29)).await, Ok(0));
    assert_eq!(arm.azure.sweep(grace, at(30)).await, Ok(2), "interface and disk");
    let left = arm.fake.world().parts();
    assert_eq!(left.len(), 4, "those of the other machine and what is not ours: {left:?}");
    assert!(left.contains(&foreign));

    // A machine that failed and that nobody knows of.
    arm.fake.world().behaviour.fail_launch = Some(("AllocationFailed", String::new()));
    arm.fake.world().always(Call::Delete, Fault::LoseRequest);
    assert_eq!(arm.refused("u").await, FailureKind::Ambiguous);
    arm.fake.world().calm();
    assert_eq!(arm.azure.sweep(grace, at(40)).await, Ok(0));
    assert_eq!(arm.azure.sweep(grace, at(50)).await, Ok(1));
    let states: Vec<_> = arm.fake.world().machines.values().map(|m| m.state.clone()).collect();
    assert!(states.contains(&"Deleting".to_owned()) && states.contains(&"Succeeded".to_owned()), "{states:?}");

    // One that cannot be looked at is not swept by half.
    arm.fake.world().always(Call::Leftovers, denied());
    assert_eq!(arm.azure.sweep(grace, at(60)).await.map_err(|f| f.kind), Err(FailureKind::Denied));
}

#[tokio::test]
async fn prices_are_those_of_the_list_and_are_read_once() {
    let arm = Arm::new().await;
    let pools = [spot(), spot().in_market(Market::OnDemand), on_demand()];
    for _ in 0..3 {
        let offers = arm.azure.offers(&"eastus".into(), &pools).await.expect("offers");
        let prices: Vec<_> = offers.into_iter().map(|offer| offer.expect("an offer").price).collect();
        assert_eq!(prices, [ListPrice::usd(38_400), ListPrice::usd(192_000), ListPrice::usd(96_000)]);
    }
    assert_eq!(arm.fake.world().asked(Call::Sizes), 1);
    assert_eq!(arm.fake.world().asked(Call::Prices), 4, "two sizes of two pages");
    assert!(arm.fake.world().price_filters[0].contains("armRegionName eq 'eastus'"));
}

#[tokio::test]
async fn a_size_that_is_not_to_be_had_fails_its_own_pool_and_says_why() {
    let arm = Arm::new().await;
    let of = |zone: &str, size: &str, market| Pool::new("azure", "eastus", zone, size, market);
    let pools = [
        of("eastus-1", "Standard_B2s", Market::Spot),
        of("eastus-1", "Standard_B2s", Market::OnDemand),
        of("eastus-7", "Standard_D4s_v5", Market::Spot),
        of("1", "Standard_D4s_v5", Market::Spot),
        of("eastus", "STANDARD_D4S_V5", Market::Spot),
    ];
    let offers = arm.azure.offers(&"eastus".into(), &pools).await.expect("offers");
    let said: Vec<_> = offers
        .into_iter()
        .map(|offer| offer.map(|o| o.price.micros).map_err(|(_, failure)| (failure.kind, failure.message)))
        .collect();
    let invalid = |text: &str| Err((FailureKind::Invalid, text.to_owned()));
    assert_eq!(
        said,
        [
            invalid("Standard_B2s cannot be had on spot"),
            Ok(41_600),
            invalid("Standard_D4s_v5 is not in zone 7"),
            invalid("1 is no zone of eastus: zones are written as eastus-1"),
            Ok(38_400),
        ]
    );
}

#[tokio::test]
async fn an_outage_of_the_price_list_is_told_and_is_no_outage_of_the_rest() {
    let arm = Arm::new().await;
    arm.fake.world().always(Call::Prices, Fault::refuse(429, "TooManyRequests", "Slow down."));
    let offers = arm.azure.offers(&"eastus".into(), &[spot()]).await.expect("offers");
    let failure = offers[0].as_ref().expect_err("no price was ever read");
    assert_eq!(failure.1.kind, FailureKind::Throttled);
    arm.launch("t").await.expect("a launch needs no price");

    let fresh = Arm::new().await;
    fresh.fake.world().always(Call::Sizes, denied());
    let offers = fresh.azure.offers(&"eastus".into(), &[spot()]).await;
    assert_eq!(offers.map(|_| ()).map_err(|f| f.kind), Err(FailureKind::Denied), "nothing is known of any pool");
}

/// A provider that asks the peer for its tokens too.
async fn with_credential(credential: Credential) -> (Fake, Result<Azure, Failure>) {
    let fake = Fake::start().await;
    let mut settings = settings(&fake);
    settings.credential = credential;
    let azure = Azure::new(settings);
    (fake, azure)
}

#[tokio::test]
async fn every_credential_gets_tokens_and_keeps_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, "pod-token").expect("a file written");
    let [tenant, client, _] = LOGIN.map(str::to_owned);
    for credential in [
        credential(),
        Credential::ManagedIdentity { client_id: None },
        Credential::ManagedIdentity { client_id: Some(client.clone()) },
        Credential::WorkloadIdentity {
            tenant_id: Some(tenant.clone()),
            client_id: Some(client.clone()),
            token_file: Some(file.clone()),
        },
    ] {
        let text = format!("{credential:?}");
        let (fake, azure) = with_credential(credential).await;
        let azure = azure.expect("a credential");
        for _ in 0..3 {
            assert_eq!(azure.instances(&"eastus".into()).await, Ok(vec![]), "{text}");
        }
        assert_eq!(fake.world().asked(Call::Token), 1, "{text}");
        assert!(!text.contains("canary"), "a secret is not printed: {text}");
    }
}

#[tokio::test]
async fn a_credential_that_does_not_hold_is_denied_and_its_secret_is_not_told() {
    let secret = "wr0ng~canary";
    let [tenant_id, client_id, _] = LOGIN.map(str::to_owned);
    let wrong = Credential::ClientSecret { tenant_id, client_id, secret: secret.into() };
    let (fake, azure) = with_credential(wrong).await;
    let azure = azure.expect("its form is good");
    let failure = azure.instances(&"eastus".into()).await.expect_err("the secret is wrong");
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Denied, "7000215"), "{failure}");
    assert!(!format!("{failure:?}").contains(secret), "{failure}");
    assert_eq!(fake.world().asked(Call::List), 0, "nothing left");

    let missing = Credential::WorkloadIdentity {
        tenant_id: Some(LOGIN[0].to_owned()),
        client_id: Some(LOGIN[1].to_owned()),
        token_file: Some("/nonexistent/token".into()),
    };
    let (_fake, azure) = with_credential(missing).await;
    assert_eq!(azure.err().map(|f| f.kind), Some(FailureKind::Denied));
}

#[tokio::test]
async fn a_token_server_that_is_down_is_asked_once_and_nothing_left() {
    for (fault, kind) in [
        (Fault::refuse(503, "-", "down"), FailureKind::Unavailable),
        (Fault::LoseReply, FailureKind::Unavailable),
        (Fault::refuse(429, "-", "slow down"), FailureKind::Throttled),
    ] {
        let (fake, azure) = with_credential(credential()).await;
        fake.world().always(Call::Token, fault.clone());
        let azure = azure.expect("a credential");
        let spec = Arc::new(LaunchSpec::Azure(spec()));
        let order = Order { token: "t".into(), fleet: "web".into(), pool: spot(), spec, count: 1 };
        let failure = azure.launch(&order).await.expect_err("no token");
        assert_eq!(failure.kind, kind, "{fault:?}: {failure}");
        let world = fake.world();
        assert_eq!((world.asked(Call::Token), world.asked(Call::Put)), (1, 0), "{fault:?}");
    }
}

struct Stale;

#[async_trait]
impl TokenSource for Stale {
    async fn token(&self) -> Result<SecretString, Failure> {
        Ok("stale-canary".into())
    }
}

#[tokio::test]
async fn a_token_that_azure_does_not_take_is_denied() {
    let fake = Fake::start().await;
    let azure = Azure::with_tokens(settings(&fake), Arc::new(Stale)).expect("good settings");
    let failure = azure.instances(&"eastus".into()).await.expect_err("a stale token");
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Denied, "InvalidAuthenticationToken"));
    assert!(!format!("{failure:?}").contains("canary"), "{failure}");
}

fn wanted(spec: AzureSpec, pools: &[Pool]) -> Vec<Wanted> {
    let spec = Arc::new(LaunchSpec::Azure(spec));
    vec![Wanted { fleet: "web".into(), spec, pools: pools.iter().cloned().collect() }]
}

/// What is not as it must be.
fn complaints(findings: &[Finding]) -> Vec<String> {
    let bad = findings.iter().filter(|finding| finding.verdict != Health::Ok);
    bad.map(|f| format!("{} {} {} {}: {}", f.verdict.name(), f.place, f.check.name(), f.subject, f.text)).collect()
}

#[tokio::test]
async fn a_doctor_finds_nothing_where_all_is_well_and_changes_nothing() {
    let fake = Fake::start().await;
    let doctor = AzureDoctor::new(settings(&fake)).expect("good settings");
    let findings = doctor.examine(&wanted(spec(), &[spot()])).await;
    assert_eq!(complaints(&findings), [""; 0]);
    let seen: BTreeSet<_> = findings.iter().map(|f| f.check.name()).collect();
    let expected = ["credentials", "image", "instance type", "permission", "quota", "resource group", "subnet"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    let world = fake.world();
    assert_eq!((world.asked(Call::Put), world.asked(Call::Delete)), (0, 0));
}

#[tokio::test]
async fn a_doctor_names_what_is_missing() {
    let fake = Fake::start().await;
    {
        let mut world = fake.world();
        world.behaviour.spot_cores = 3;
        world.actions = Some(vec!["*/read", "Microsoft.Network/*", "Microsoft.Compute/virtualMachines/*"]);
    }
    let mut bad = spec();
    bad.image = "Debian:debian-99:99:latest".to_owned();
    bad.subnets.insert("eastus".into(), "/subscriptions/s/subnets/none".to_owned());
    bad.tags.insert("a/b".to_owned(), "c".to_owned());
    let pools = [spot(), on_demand(), Pool::new("azure", "eastus", "eastus-1", "Standard_B2s", Market::Spot)];
    let doctor = AzureDoctor::with_tokens(settings(&fake), Arc::new(Fixed)).expect("good settings");
    let said = complaints(&doctor.examine(&wanted(bad, &pools)).await);
    assert_eq!(
        said,
        [
            "problem account permission Microsoft.Compute/disks/write: not allowed",
            "problem account permission Microsoft.Compute/disks/delete: not allowed",
            "problem eastus launch web: Azure cannot carry the tag \"a/b\": '/' may not be in a name",
            "problem eastus instance type Standard_B2s: Standard_B2s cannot be had on spot",
            "problem eastus quota lowPriorityCores: 0 of 3 cores are used, and a machine that is wanted needs 4",
            "warning eastus quota standardDSv5Family: 8 of 8 cores are used, and a machine that is wanted needs 2",
            "problem eastus subnet none: it is not there",
            "problem eastus image Debian:debian-99:99:latest: it is not offered here",
        ]
    );
}

#[tokio::test]
async fn a_doctor_that_is_not_let_in_says_so_once() {
    let fake = Fake::start().await;
    let doctor = AzureDoctor::with_tokens(settings(&fake), Arc::new(Stale)).expect("good settings");
    let findings = doctor.examine(&wanted(spec(), &[spot()])).await;
    assert_eq!(complaints(&findings), ["problem account credentials token: The access token is invalid."]);
    fake.world().always(Call::Other, Fault::LoseReply);
    let doctor = AzureDoctor::with_tokens(settings(&fake), Arc::new(Fixed)).expect("good settings");
    let said = complaints(&doctor.examine(&wanted(spec(), &[spot()])).await);
    assert!(said.len() == 1 && said[0].starts_with("not checked account credentials token"), "{said:?}");
}
