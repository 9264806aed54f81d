//! The PPIO adapter on the wire: the contract of every provider, and what is PPIO's own. The peer is a server of our own;
//! every request is held against the field tables of the interface's pages.
#![cfg(feature = "ppio")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use policies::failure::FailureKind;
use policies::model::{InstanceId, Market, Phase, Pool, Region, Token};
use policies::units::{Currency, Span, Time};
use providers::contract::{Fault, Verdict, World, check, report};
use providers::doctor::{Doctor, Verdict as Health, Wanted};
use providers::ppio::{Ppio, PpioDoctor, PpioSettings};
use providers::spec::PpioSpec;
use providers::{CallClass, LaunchSpec, Order, Provider};
use serde_json::json;
use spotfleet_tests::ppio::{self, KEY, Trouble};

/// The clusters in use.
const SOUTH: &str = "cn-south-1";
const EAST: &str = "27";

struct Account {
    peer: ppio::Ppio,
    ppio: Ppio,
}

fn settings(peer: &ppio::Ppio) -> PpioSettings {
    let regions = vec![SOUTH.into(), EAST.into()];
    let mut settings = PpioSettings::new("ppio".into(), "contract", regions, KEY.into());
    settings.base_url = peer.url();
    settings.call_deadline = Span::from_secs(20);
    settings.visibility_lag = Span::from_secs(2);
    settings.watch_every = Span::from_millis(10);
    settings
}

impl Account {
    fn new() -> Self {
        let peer = ppio::Ppio::start();
        let ppio = Ppio::new(settings(&peer)).expect("good settings");
        Self { peer, ppio }
    }

    fn order(&self, pool: &Pool, token: &str) -> Order {
        Order { token: Token::from(token), fleet: "llm".into(), pool: pool.clone(), spec: self.spec(), count: 1 }
    }

    async fn launch(&self, token: &str) -> InstanceId {
        let launched = self.ppio.launch(&self.order(&self.spot(), token)).await.expect("room");
        launched.ids[0].clone()
    }

    async fn phase_of(&self, id: &InstanceId) -> Option<Phase> {
        let listed = self.ppio.instances(&SOUTH.into()).await.expect("listed");
        listed.iter().find(|instance| instance.id == *id).map(|instance| instance.phase)
    }
}

fn pool(region: &str, kind: &str, market: Market) -> Pool {
    Pool::new("ppio", region, region, kind, market)
}

#[async_trait]
impl World for Account {
    fn provider(&self) -> &dyn Provider {
        &self.ppio
    }

    fn spot(&self) -> Pool {
        pool(SOUTH, "L40S.22c125g", Market::Spot)
    }

    fn on_demand(&self) -> Pool {
        self.spot().in_market(Market::OnDemand)
    }

    fn spec(&self) -> Arc<LaunchSpec> {
        Arc::new(LaunchSpec::Ppio(PpioSpec {
            image: "registry.example.com/worker:1".to_owned(),
            rootfs_gb: 60,
            env: BTreeMap::from([("QUEUE".to_owned(), "jobs".to_owned())]),
            ports: vec!["80/http".to_owned(), "22/tcp".to_owned()],
            ..PpioSpec::default()
        }))
    }

    async fn inject(&self, class: CallClass, fault: Fault) -> bool {
        let path = match class {
            CallClass::Launch => "create",
            CallClass::Terminate => "delete",
            CallClass::Read => "instances",
            CallClass::Price | CallClass::Notice => return false,
        };
        let trouble = match fault {
            Fault::Refuse(FailureKind::NoCapacity) => Trouble::Refuse(400, "INSUFFICIENT_RESOURCE"),
            Fault::Refuse(FailureKind::Quota) => Trouble::Refuse(400, "CREATE_INSTANCE_LIMIT"),
            Fault::Refuse(FailureKind::Throttled) => Trouble::Refuse(429, "RATE_LIMIT_EXCEEDED"),
            Fault::Refuse(FailureKind::Unavailable) => Trouble::Refuse(400, "CLUSTER_STATUS"),
            Fault::Refuse(FailureKind::Denied) => Trouble::Refuse(400, "BALANCE_NOT_ENOUGH"),
            Fault::Refuse(FailureKind::Invalid) => Trouble::Refuse(400, "IMAGE_NOT_FOUND"),
            Fault::Refuse(FailureKind::Gone) => Trouble::Refuse(400, "RESOURCE_NOT_FOUND"),
            Fault::LoseRequest => Trouble::LoseRequest,
            Fault::LoseReply => Trouble::LoseReply,
            Fault::Refuse(FailureKind::PriceAboveCap | FailureKind::Paced | FailureKind::Ambiguous)
            | Fault::OneOnly => {
                return false;
            }
        };
        self.peer.cloud().trouble(path, trouble);
        true
    }

    async fn calm(&self) {
        self.peer.cloud().calm();
    }

    async fn plant_foreign(&self) -> InstanceId {
        self.peer.cloud().plant("somebody-elses").into()
    }

    async fn foreign_lives(&self, id: &InstanceId) -> bool {
        self.peer.cloud().instances.get(id.as_str()).is_some_and(ppio::Container::is_alive)
    }

    async fn launch_requests(&self) -> Option<u64> {
        Some(self.peer.cloud().requests.get("create").copied().unwrap_or(0))
    }

    async fn interrupt(&self, id: &InstanceId) {
        self.peer.cloud().notify(id.as_str());
    }

    async fn pass(&self, span: Span) {
        self.peer.cloud().pass(span.as_millis().div_ceil(1_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept_however_the_service_counts_its_pages() {
    for (first_page, largest_page, lag) in [(1, 100, 0), (0, 100, 1), (1, 3, 0), (0, 3, 1)] {
        let account = Account::new();
        {
            let mut cloud = account.peer.cloud();
            (cloud.first_page, cloud.largest_page, cloud.lag) = (first_page, largest_page, lag);
        }
        let findings = check(&account).await;
        let broken = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Broken(_)));
        assert!(!broken, "first page {first_page}, at most {largest_page}:\n{}", report(&findings));
        let skipped = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Skipped(_))).count();
        assert_eq!(skipped, 4, "past prices, signals, tokens, and several machines a call:\n{}", report(&findings));
        assert_eq!(account.peer.cloud().misuses, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_what_was_asked_for() {
    let account = Account::new();
    let several = pool(EAST, "2x4090.16c62g", Market::OnDemand);
    account.ppio.launch(&account.order(&several, "sf-00ab-7")).await.expect("room");
    let cloud = account.peer.cloud();
    let body = &cloud.instances.values().next().expect("one").body;
    assert_eq!(body["billingMode"], "onDemand");
    assert_eq!((&body["productId"], &body["gpuNum"]), (&json!("4090.16c62g"), &json!(2)));
    assert_eq!((&body["clusterId"], &body["kind"], &body["rootfsSize"]), (&json!(EAST), &json!("gpu"), &json!(60)));
    assert_eq!(body["ports"], "80/http, 22/tcp");
    assert_eq!(body["name"], "spotfleet-d-8-contract-3-llm-2-27-sf-00ab-7");
    assert_eq!(
        body["envs"],
        json!([
            {"key": "SPOTFLEET_FLEET", "value": "llm"},
            {"key": "SPOTFLEET_POOL", "value": "ppio/27/27/2x4090.16c62g/on-demand"},
            {"key": "SPOTFLEET_TOKEN", "value": "sf-00ab-7"},
            {"key": "QUEUE", "value": "jobs"},
        ])
    );
    assert!(body.get("month").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_not_taken_again_in_whatever_state_it_is() {
    let account = Account::new();
    let other = account.launch("sf-1-11").await;
    let first = account.launch("sf-1-1").await;
    assert_ne!(first, other, "the filter by name is fuzzy, the comparison is not");
    for status in ["creating", "running", "exited", "removing"] {
        account.peer.cloud().instances.get_mut(first.as_str()).expect("there").status = status;
        assert_eq!(account.launch("sf-1-1").await, first, "{status}");
    }
    assert_eq!(account.peer.cloud().requests.get("create"), Some(&2));
    // What cannot be looked for is not created, and nothing is in doubt.
    account.peer.cloud().trouble("instances", Trouble::LoseReply);
    let failure = account.ppio.launch(&account.order(&account.spot(), "sf-1-2")).await.expect_err("blind");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert_eq!(account.peer.cloud().requests.get("create"), Some(&2));
}

#[tokio::test(flavor = "multi_thread")]
async fn spot_is_told_of_an_hour_before_and_what_is_left_behind_is_ending() {
    let account = Account::new();
    let id = account.launch("sf-1-1").await;
    assert!(account.peer.cloud().takeable().is_empty(), "within its first hour it is protected");
    assert!(account.ppio.notices().await.expect("looked").is_empty());
    account.peer.cloud().pass(3_600);
    assert_eq!(account.peer.cloud().takeable(), [id.to_string()]);
    account.peer.cloud().notify(id.as_str());
    let at = account.peer.cloud().instances[id.as_str()].reclaim.expect("noticed");
    let notices = account.ppio.notices().await.expect("looked");
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!((&notice.instance, notice.at), (&id, Time::from_millis(i64::try_from(at * 1_000).expect("in range"))));
    assert_eq!(account.phase_of(&id).await, Some(Phase::Running));
    // Taken: the container stays, and costs, until it is deleted.
    account.peer.cloud().pass(3_600);
    assert_eq!(account.phase_of(&id).await, Some(Phase::Ending));
    assert!(account.ppio.notices().await.expect("looked").is_empty());
    let ended = account.ppio.terminate(&SOUTH.into(), std::slice::from_ref(&id)).await.expect("answered");
    assert_eq!(ended, [(id.clone(), Ok(()))]);
    assert!(account.phase_of(&id).await.is_none_or(|phase| matches!(phase, Phase::Ending | Phase::Gone)));
    account.peer.cloud().pass(1);
    assert_eq!(account.phase_of(&id).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_never_comes_up_is_ending() {
    let account = Account::new();
    account.peer.cloud().next_fails = true;
    let id = account.launch("sf-1-1").await;
    assert_eq!(account.phase_of(&id).await, Some(Phase::Ending));
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_have_their_currency_their_cards_and_what_is_left() {
    let account = Account::new();
    account.peer.cloud().sold[0].free = 0;
    let pools = [
        pool(SOUTH, "L40S.22c125g", Market::Spot),
        pool(SOUTH, "L40S.22c125g", Market::OnDemand),
        pool(SOUTH, "2x4090.16c62g", Market::Spot),
        pool(SOUTH, "A100-80GB.14c240g", Market::Spot),
        pool(SOUTH, "A100-80GB.14c240g", Market::OnDemand),
    ];
    let offers = account.ppio.offers(&SOUTH.into(), &pools).await.expect("read");
    let told: Vec<Result<(u64, Currency, u32), FailureKind>> = offers
        .iter()
        .map(|offer| match offer {
            Ok(offer) => Ok((offer.price.micros, offer.price.currency, offer.shape.gpus)),
            Err((_, failure)) => Err(failure.kind),
        })
        .collect();
    assert_eq!(
        told,
        [
            Err(FailureKind::NoCapacity),
            Ok((6_000_000, Currency::Cny, 1)),
            Ok((2_200_000, Currency::Cny, 2)),
            Err(FailureKind::Invalid),
            Ok((9_000_000, Currency::Cny, 1)),
        ]
    );
    let east = [pool(EAST, "A100-80GB.14c240g", Market::OnDemand)];
    let offers = account.ppio.offers(&EAST.into(), &east).await.expect("read");
    assert!(offers[0].as_ref().is_err_and(|(_, failure)| failure.message.contains("does not sell")), "{offers:?}");
    let nowhere = account.ppio.offers(&Region::from("cn-north-9"), &[]).await.expect_err("no cluster");
    assert!(nowhere.message.contains("27 (CN-27 (East))"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_cannot_be_deleted_is_stopped_first() {
    let account = Account::new();
    let id = account.launch("sf-1-1").await;
    account.peer.cloud().trouble("delete", Trouble::Refuse(400, "CONFLICT"));
    let ended = account.ppio.terminate(&SOUTH.into(), std::slice::from_ref(&id)).await.expect("answered");
    let failure = ended[0].1.as_ref().expect_err("not yet");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert_eq!(account.peer.cloud().instances[id.as_str()].status, "exited");
    account.peer.cloud().calm();
    let ended = account.ppio.terminate(&SOUTH.into(), &[id]).await.expect("answered");
    assert!(ended[0].1.is_ok(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_whole_is_a_failure() {
    let account = Account::new();
    account.launch("sf-1-1").await;
    account.peer.cloud().largest_page = 0;
    let failure = account.ppio.instances(&SOUTH.into()).await.expect_err("nothing of one");
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Unavailable, "incomplete"), "{failure}");
    account.peer.cloud().largest_page = 100;
    account.peer.cloud().trouble("instances", Trouble::Gateway);
    let failure = account.ppio.instances(&SOUTH.into()).await.expect_err("a gateway");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(!failure.message.contains('<'), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_that_look_at_once_share_a_list_that_is_not_older_than_their_question() {
    let account = Account::new();
    let lists = |account: &Account| account.peer.cloud().requests.get("instances").copied().unwrap_or(0);
    let (south, east): (Region, Region) = (SOUTH.into(), EAST.into());
    let looks =
        futures::future::join_all((0..10).map(|n| account.ppio.instances(if n % 2 == 0 { &south } else { &east })));
    assert!(looks.await.iter().all(Result::is_ok));
    let together = lists(&account);
    assert!(together <= 2, "{together} lists for ten questions at once");
    let id = account.launch("sf-1-1").await;
    assert!(account.phase_of(&id).await.is_some(), "a list of before the launch is not taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_in_place_of_an_answer_to_a_launch_is_ambiguous() {
    let account = Account::new();
    account.peer.cloud().trouble("create", Trouble::Gateway);
    let failure = account.ppio.launch(&account.order(&account.spot(), "sf-1-1")).await.expect_err("a gateway");
    assert_eq!(failure.kind, FailureKind::Ambiguous, "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_denied_and_never_shown() {
    let account = Account::new();
    let mut wrong = settings(&account.peer);
    wrong.key = "sk_sesame".into();
    assert!(!format!("{wrong:?}").contains("sesame"));
    let ppio = Ppio::new(wrong).expect("good settings");
    let failure = ppio.instances(&SOUTH.into()).await.expect_err("wrong key");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    assert!(!format!("{failure} {ppio:?}").contains("sesame"));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let good = PpioSettings::new("ppio".into(), "us", vec![SOUTH.into()], KEY.into());
    assert!(Ppio::new(good.clone()).is_ok());
    for (bad, part) in [
        (PpioSettings { regions: Vec::new(), ..good.clone() }, "no region"),
        (PpioSettings { owner: "Team.A".to_owned(), ..good.clone() }, "daemon.owner"),
        (PpioSettings { base_url: "http://api.example.com".to_owned(), ..good.clone() }, "not https"),
        (PpioSettings { base_url: "nowhere".to_owned(), allow_http: true, ..good.clone() }, "no URL"),
        (PpioSettings { key: "a\nb".into(), ..good.clone() }, "the key cannot be sent"),
    ] {
        let failure = Ppio::new(bad).map(|_| ()).expect_err(part);
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_missing() {
    let account = Account::new();
    account.peer.cloud().sold[0].free = 0;
    let pools = [
        pool(SOUTH, "L40S.22c125g", Market::Spot),
        pool(SOUTH, "4090.16c62g", Market::Spot),
        pool(SOUTH, "H100", Market::Spot),
        pool("cn-north-9", "L40S.22c125g", Market::Spot),
    ];
    let wanted = [Wanted { fleet: "llm".into(), spec: account.spec(), pools: pools.into_iter().collect() }];
    let doctor = PpioDoctor::new(settings(&account.peer)).expect("good settings");
    let findings = doctor.examine(&wanted).await;
    let verdict = |subject: &str| {
        let found = findings.iter().find(|finding| finding.subject == subject);
        found.unwrap_or_else(|| panic!("{subject}: {findings:#?}")).verdict
    };
    assert_eq!(verdict("key"), Health::Ok);
    assert_eq!(verdict("L40S.22c125g spot"), Health::Warning);
    assert_eq!(verdict("4090.16c62g spot"), Health::Ok);
    assert_eq!(verdict("H100 spot"), Health::Problem);
    assert_eq!(verdict("cn-north-9"), Health::Problem);
    assert_eq!(verdict("registry.example.com/worker:1"), Health::NotChecked);
    let price = findings.iter().find(|finding| finding.subject == "4090.16c62g spot").expect("there");
    assert_eq!(price.text, "1.100000 CNY an hour");
    assert!(account.peer.cloud().instances.is_empty(), "a doctor makes nothing");
    account.peer.cloud().trouble("clusters", Trouble::Refuse(401, "UNAUTHORIZED"));
    let findings = PpioDoctor::new(settings(&account.peer)).expect("good settings").examine(&wanted).await;
    assert!(matches!(findings.as_slice(), [only] if only.verdict == Health::Problem), "{findings:?}");
}
