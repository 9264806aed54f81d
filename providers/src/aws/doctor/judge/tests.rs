//! What each answer of AWS comes to.

use super::*;
use crate::doctor::Check::{
    Credentials, Image, InstanceType as Kind, Launch as Tries, Permission, Quota, Region, SecurityGroup, ServiceRole,
    Subnet, Zone as InZone,
};
use crate::doctor::Verdict::{NotChecked, Ok as Well, Problem, Warning};

const REGION: &str = "us-east-1";
const NOW: Time = Time::from_millis(1_800_000_000_000);

fn refused(status: u16, code: &str) -> Trouble {
    let message = format!("text of {code}");
    Trouble { stage: Stage::Refused(status), code: Some(code.to_owned()), message, retry_after: None }
}

fn lost(stage: Stage) -> Trouble {
    Trouble { stage, code: None, message: "text".to_owned(), retry_after: None }
}

fn pool(kind: &str, zone: &str, market: Market) -> Pool {
    Pool::new("aws", REGION, zone, kind, market)
}

/// Verdict, check, and whether there is a hint: a problem always has one.
fn seen(finding: &Finding) -> (Verdict, Check) {
    assert!(finding.verdict == Well || finding.verdict == Warning || finding.hint.is_some(), "{finding:?}");
    (finding.verdict, finding.check)
}

fn all(findings: &[Finding]) -> Vec<(Verdict, Check)> {
    findings.iter().map(seen).collect()
}

#[test]
fn credentials_that_are_missing_over_or_refused_are_told_apart_from_a_denial() {
    let missing = credentials(&lost(Stage::NoCredentials)).unwrap();
    assert_eq!((missing.place.as_str(), missing.verdict), (ACCOUNT, Problem));
    assert!(missing.hint.unwrap().contains("AWS_PROFILE"));
    let over = credentials(&refused(400, "ExpiredToken")).unwrap();
    assert!(over.text.contains("expired") && over.hint.unwrap().contains("sso login"));
    for code in ["InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken"] {
        assert_eq!(credentials(&refused(403, code)).map(|f| seen(&f)), Some((Problem, Credentials)), "{code}");
    }
    let secret = credentials(&refused(403, "SignatureDoesNotMatch")).unwrap();
    assert!(!secret.text.contains("text of"), "signature errors echo the request");
    for code in ["UnauthorizedOperation", "AccessDenied", "RequestLimitExceeded"] {
        assert_eq!(credentials(&refused(403, code)), None, "{code}");
    }
    assert!(is_denied(&refused(403, "UnauthorizedOperation")));
    // Said of credentials, and of regions that the account does not use.
    assert!(!is_denied(&refused(401, "AuthFailure")));
    assert_eq!(credentials(&refused(401, "AuthFailure")), None);
}

#[test]
fn a_region_that_does_not_answer_is_unknown_unused_or_out_of_reach() {
    let known = |name: &str, enabled| Regional { name: name.to_owned(), enabled };
    let listed = Ok(vec![known("us-east-1", true), known("us-east-2", true), known("ap-east-1", false)]);
    let closed = |region: &str, trouble: &Trouble| region_closed(region, trouble, &listed);
    let unknown = closed("us-east-9", &lost(Stage::Unreachable));
    assert_eq!(seen(&unknown), (Problem, Region));
    assert_eq!(unknown.hint.as_deref(), Some("regions that begin alike: us-east-1, us-east-2"));
    let unused = closed("ap-east-1", &refused(401, "AuthFailure"));
    assert!(unused.hint.unwrap().contains("enable-region --region-name ap-east-1"));
    let away = closed("us-east-2", &lost(Stage::Unreachable));
    assert!(away.text.contains("cannot be asked"), "{away:?}");
    // Refused by the region of all accounts too: it is the credentials.
    let both = region_closed("us-east-1", &refused(401, "AuthFailure"), &Err(refused(401, "AuthFailure")));
    assert_eq!(seen(&both), (Problem, Credentials));
    let none = region_closed("us-east-1", &lost(Stage::Unreachable), &Err(lost(Stage::Unreachable)));
    assert_eq!(seen(&none), (Problem, Region));
}

#[test]
fn zones_are_there_used_and_well() {
    let fact = |name: &str, enabled, state: &str| ZoneFact { name: name.into(), enabled, state: state.to_owned() };
    let asked = Ok(vec![
        fact("us-east-1a", true, "available"),
        fact("us-east-1b", true, "impaired"),
        fact("us-east-1-bos-1a", false, "available"),
    ]);
    let wanted = ["us-east-1-bos-1a", "us-east-1a", "us-east-1b", "us-east-1z"].map(Zone::from).into();
    let findings = zones(REGION, &wanted, &asked);
    assert_eq!(all(&findings), [(Problem, InZone), (Well, InZone), (Warning, InZone), (Problem, InZone)]);
    assert_eq!(findings[3].hint.as_deref(), Some("there are us-east-1a, us-east-1b"));
    assert_eq!(all(&zones(REGION, &wanted, &Err(refused(403, "UnauthorizedOperation")))), [(NotChecked, InZone)]);
}

#[test]
fn a_dry_run_tells_a_permission_or_nothing() {
    let judged = |tried: Tried| seen(&permission(REGION, "ec2:CreateFleet", &tried));
    assert_eq!(judged(Ok(())), (Well, Permission));
    assert_eq!(judged(Err(refused(412, "DryRunOperation"))), (Well, Permission));
    for code in ["UnauthorizedOperation", "AccessDeniedException"] {
        assert_eq!(judged(Err(refused(403, code))), (Problem, Permission), "{code}");
    }
    for code in ["InvalidLaunchTemplateName.NotFoundException", "RequestLimitExceeded", "InternalError"] {
        assert_eq!(judged(Err(refused(400, code))), (NotChecked, Permission), "{code}");
    }
    assert_eq!(judged(Err(lost(Stage::Unanswered))), (NotChecked, Permission));
    let mut long = refused(403, "UnauthorizedOperation");
    long.message = "You are not authorized. Encoded authorization failure message: AAAA".to_owned();
    let finding = permission(REGION, "ec2:CreateFleet", &Err(long));
    assert_eq!(finding.text, "denied: UnauthorizedOperation: You are not authorized.");
    assert!(finding.hint.unwrap().contains("--iam-policy"));
}

#[test]
fn a_tried_launch_tells_of_permission_quota_role_and_profile() {
    let pool = pool("m5.large", "us-east-1a", Market::Spot);
    let judged = |code: &str, status| {
        let tried = Err(refused(status, code));
        all(&launch(REGION, &Launch { pool: &pool, profile: Some("worker"), tried: &tried }))
    };
    let profile = Check::InstanceProfile;
    assert_eq!(judged("DryRunOperation", 412), [(Well, Permission), (Well, Tries), (Well, profile)]);
    assert_eq!(judged("UnauthorizedOperation", 403), [(Problem, Permission), (NotChecked, profile)]);
    assert_eq!(judged("MaxSpotInstanceCountExceeded", 400), [(Problem, Quota), (NotChecked, profile)]);
    assert_eq!(judged("InvalidAMIID.NotFound", 400), [(Problem, Tries), (NotChecked, profile)]);
    assert_eq!(judged("RequestLimitExceeded", 503), [(NotChecked, Tries), (NotChecked, profile)]);
    let role = judged("AuthFailure.ServiceLinkedRoleCreationNotPermitted", 403);
    assert_eq!(role, [(Problem, ServiceRole), (NotChecked, profile)]);
    let bare = Err(refused(412, "DryRunOperation"));
    assert_eq!(launch(REGION, &Launch { pool: &pool, profile: None, tried: &bare }).len(), 2);
}

#[test]
fn the_role_for_spot_is_proven_by_a_machine_or_not_checked() {
    assert_eq!(seen(&service_role(Some("i-1"))), (Well, ServiceRole));
    let unknown = service_role(None);
    assert_eq!(seen(&unknown), (NotChecked, ServiceRole));
    assert!(unknown.hint.unwrap().contains("create-service-linked-role --aws-service-name spot.amazonaws.com"));
}

#[test]
fn quotas_are_said_not_to_be_checked() {
    let findings = quota(REGION, &[Market::Spot, Market::OnDemand].into());
    assert_eq!(all(&findings), [(NotChecked, Quota), (NotChecked, Quota)]);
}

fn kind(architectures: &[&str], spot: bool, on_demand: bool) -> TypeFact {
    TypeFact { architectures: architectures.iter().map(|a| (*a).to_owned()).collect(), markets: (spot, on_demand) }
}

#[test]
fn an_image_is_there_can_be_used_and_fits_the_types() {
    let types: BTreeSet<InstanceType> = ["m5.large", "m6g.large"].map(InstanceType::from).into();
    let one: BTreeSet<InstanceType> = ["m5.large"].map(InstanceType::from).into();
    let known: BTreeMap<InstanceType, TypeFact> =
        [("m5.large".into(), kind(&["x86_64"], true, true)), ("m6g.large".into(), kind(&["arm64"], true, true))].into();
    let fact = |state: &str, deprecated: Option<&str>| ImageFact {
        state: state.to_owned(),
        architecture: "x86_64".to_owned(),
        deprecated: deprecated.map(str::to_owned),
    };
    let judge = |fact: ImageFact, types| image(REGION, "ami-1", Some(&Ok(Some(fact))), types, &known, NOW);
    assert_eq!(seen(&judge(fact("available", None), &one)), (Well, Image));
    assert_eq!(seen(&judge(fact("available", Some("2020-01-01T00:00:00.000Z")), &one)), (Warning, Image));
    assert_eq!(seen(&judge(fact("available", Some("2040-01-01T00:00:00.000Z")), &one)), (Well, Image));
    assert_eq!(seen(&judge(fact("pending", None), &one)), (Problem, Image));
    let unfit = judge(fact("available", None), &types);
    assert_eq!(seen(&unfit), (Problem, Image));
    assert!(unfit.text.contains("m6g.large") && !unfit.text.contains("m5.large"), "{unfit:?}");
    let ask = |asked: Option<&Asked<Option<ImageFact>>>| seen(&image(REGION, "ami-1", asked, &one, &known, NOW));
    assert_eq!(ask(Some(&Ok(None))), (Problem, Image));
    assert_eq!(ask(Some(&Err(refused(403, "UnauthorizedOperation")))), (NotChecked, Image));
    assert_eq!(ask(None), (NotChecked, Image));
}

fn network(zone: &str, vpc: &str, free: i32) -> SubnetFact {
    SubnetFact { zone: zone.into(), vpc: vpc.to_owned(), free }
}

#[test]
fn subnets_are_there_in_their_zones_and_have_room() {
    let asked = Ok(BTreeMap::from([
        ("subnet-1".to_owned(), network("us-east-1a", "vpc-1", 4_000)),
        ("subnet-2".to_owned(), network("us-east-1b", "vpc-1", 3)),
    ]));
    let wanted = |id: &str, zone: &str| BTreeSet::from([(id.to_owned(), Zone::from(zone))]);
    let judge = |id: &str, zone: &str| all(&subnets(REGION, &wanted(id, zone), &asked));
    assert_eq!(judge("subnet-1", "us-east-1a"), [(Well, Subnet)]);
    assert_eq!(judge("subnet-1", "us-east-1b"), [(Problem, Subnet)]);
    assert_eq!(judge("subnet-2", "us-east-1b"), [(Warning, Subnet)]);
    assert_eq!(judge("subnet-3", "us-east-1b"), [(Problem, Subnet)]);
    let denied = Err(refused(403, "UnauthorizedOperation"));
    assert_eq!(all(&subnets(REGION, &wanted("subnet-1", "us-east-1a"), &denied)), [(NotChecked, Subnet)]);
}

#[test]
fn security_groups_are_there_in_the_network_of_their_subnets() {
    let networks = Ok(BTreeMap::from([("subnet-1".to_owned(), network("us-east-1a", "vpc-1", 4_000))]));
    let asked = Ok(BTreeMap::from([("sg-1".to_owned(), "vpc-1".to_owned()), ("sg-2".to_owned(), "vpc-2".to_owned())]));
    let judge = |id: &str| {
        let wanted = BTreeMap::from([(id.to_owned(), BTreeSet::from(["subnet-1".to_owned()]))]);
        all(&security_groups(REGION, &wanted, &asked, &networks))
    };
    assert_eq!(judge("sg-1"), [(Well, SecurityGroup)]);
    assert_eq!(judge("sg-2"), [(Problem, SecurityGroup)]);
    assert_eq!(judge("sg-3"), [(Problem, SecurityGroup)]);
}

#[test]
fn key_pairs_are_there() {
    let wanted: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
    let found = Ok(BTreeSet::from(["a".to_owned()]));
    assert_eq!(all(&key_pairs(REGION, &wanted, &found)), [(Well, Check::KeyPair), (Problem, Check::KeyPair)]);
}

#[test]
fn types_are_known_and_offered_where_and_how_they_are_wanted() {
    let known = Ok(BTreeMap::from([
        (InstanceType::from("m5.large"), kind(&[], true, true)),
        ("mac2.metal".into(), kind(&[], false, true)),
    ]));
    let offered = Ok(BTreeSet::from([
        (InstanceType::from("m5.large"), Zone::from("us-east-1a")),
        ("mac2.metal".into(), "us-east-1a".into()),
    ]));
    let judge = |pools: &[Pool]| all(&types(REGION, &pools.iter().cloned().collect(), &known, &offered));
    let (a, b) = ("us-east-1a", "us-east-1b");
    assert_eq!(judge(&[pool("m5.large", a, Market::Spot)]), [(Well, Kind)]);
    assert_eq!(judge(&[pool("m5.large", b, Market::Spot)]), [(Problem, Kind)]);
    assert_eq!(judge(&[pool("m5.large", a, Market::Spot), pool("m5.large", b, Market::Spot)]), [(Warning, Kind)]);
    assert_eq!(judge(&[pool("m5.lagre", a, Market::Spot)]), [(Problem, Kind)]);
    assert_eq!(judge(&[pool("mac2.metal", a, Market::Spot)]), [(Problem, Kind)]);
    assert_eq!(judge(&[pool("mac2.metal", a, Market::OnDemand)]), [(Well, Kind)]);
}

#[test]
fn a_queue_is_read_or_it_is_said_why_not() {
    const QUEUE: Check = Check::InterruptionQueue;
    let judge = |redrive: &Asked<Option<String>>, peeked: Option<&Tried>| {
        all(&queue(REGION, "https://sqs.us-east-1.amazonaws.com/1/q", redrive, peeked))
    };
    assert_eq!(judge(&Ok(None), Some(&Ok(()))), [(Well, QUEUE)]);
    assert_eq!(judge(&Ok(Some("{}".to_owned())), None), [(NotChecked, QUEUE)]);
    assert_eq!(judge(&Err(refused(400, "AWS.SimpleQueueService.NonExistentQueue")), None), [(Problem, QUEUE)]);
    let denied = refused(403, "AccessDenied");
    assert_eq!(judge(&Err(denied.clone()), None), [(Problem, Permission)]);
    let findings = queue(REGION, "q", &Ok(None), Some(&Err(denied)));
    assert_eq!((findings[0].subject.as_str(), findings[0].verdict), ("sqs:ReceiveMessage", Problem));
}

#[test]
fn without_the_price_list_a_table_stands_in() {
    assert_eq!(seen(&price_list(REGION, &Err(refused(400, "AccessDeniedException")))), (Warning, Permission));
    assert_eq!(seen(&price_list(REGION, &Ok(()))), (Well, Permission));
}
