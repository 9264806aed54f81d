//! What is said to Google and read of it, case by case.

use std::sync::Arc;

use super::*;
use crate::LaunchSpec;

fn order(token: &str) -> Order {
    Order {
        token: Token::from(token),
        fleet: FleetName::from("web"),
        pool: Pool::new("gcp", "us-central1", "us-central1-a", "n2-standard-4", Market::Spot),
        spec: Arc::new(LaunchSpec::Gcp(GcpSpec::default())),
        count: 1,
    }
}

fn machine() -> Machine {
    Machine {
        name: "sf-1".to_owned(),
        zone: "us-central1-a".to_owned(),
        number: Some(7),
        machine_type: "n2-standard-4".to_owned(),
        spot: true,
        status: "RUNNING".to_owned(),
        created: "2026-11-20T02:00:00.000-08:00".to_owned(),
        labels: [(OWNER_LABEL, "me"), (FLEET_LABEL, "web"), (INTENT_LABEL, "t-1")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    }
}

#[test]
fn name_and_request_follow_from_the_token() {
    let (a, spec) = (order("t-1"), GcpSpec::default());
    let first = wanted("me", &a, &spec).unwrap();
    assert_eq!(wanted("me", &a, &spec).unwrap(), first);
    assert_eq!(first.name.len(), 35);
    assert!(parts_of(&launched_id(&first)).is_some());
    let b = order("t-2");
    let other = wanted("me", &b, &spec).unwrap();
    assert!(other.name != first.name && other.request != first.request);
    assert_ne!(wanted("you", &a, &spec).unwrap().name, first.name);
}

#[test]
fn a_request_id_is_a_uuid() {
    let id = request_id("me", "t-1");
    let parts: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
    assert_eq!(id.as_bytes()[14], b'8', "{id}");
    assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
}

#[test]
fn a_label_that_cannot_be_expressed_is_refused_with_its_reason() {
    let refused = |key: &str, value: &str| {
        let mut spec = GcpSpec::default();
        spec.labels.insert(key.to_owned(), value.to_owned());
        wanted("me", &order("t-1"), &spec).err()
    };
    assert_eq!(refused("team", "ml_1-a"), None);
    assert!(refused("team", "ML").unwrap().contains("team=ML"));
    assert!(refused("team", "a b").is_some());
    assert!(refused("1team", "ml").is_some());
    assert!(refused("team", &"x".repeat(63)).is_none());
    assert!(refused("team", &"x".repeat(64)).is_some());
    assert!(wanted("me", &order("T-1"), &GcpSpec::default()).unwrap_err().contains("spotfleet-intent"));
}

#[test]
fn a_life_is_within_googles_bounds() {
    let with = |run| wanted("me", &order("t-1"), &GcpSpec { max_run: Some(run), ..GcpSpec::default() }).is_ok();
    assert!(with(Span::from_secs(30)) && with(Span::from_hours(2_880)));
    assert!(!with(Span::from_secs(29)) && !with(Span::from_hours(2_881)));
}

#[test]
fn a_subnetwork_is_named_for_the_region_or_for_none() {
    let mut spec = GcpSpec::default();
    assert_eq!(wanted("me", &order("t-1"), &spec).unwrap().subnetwork, None);
    spec.subnetworks.insert("europe-west1".into(), "eu".to_owned());
    assert!(wanted("me", &order("t-1"), &spec).is_err());
    spec.subnetworks.insert("us-central1".into(), "us".to_owned());
    assert_eq!(wanted("me", &order("t-1"), &spec).unwrap().subnetwork, Some("us"));
}

#[test]
fn gpu_machines_and_spot_stay_on_their_host() {
    let spec = GcpSpec::default();
    let pinned = |kind: &str, market| {
        let mut order = order("t-1");
        order.pool = Pool::new("gcp", "us-central1", "us-central1-a", kind, market);
        wanted("me", &order, &spec).unwrap().pinned
    };
    assert!(pinned("n2-standard-4", Market::Spot));
    assert!(!pinned("n2-standard-4", Market::OnDemand));
    assert!(pinned("g2-standard-8", Market::OnDemand) && pinned("a3-highgpu-8g", Market::OnDemand));
}

#[test]
fn an_id_reads_back() {
    assert_eq!(parts_of(&"sf-1.us-central1-a".into()), Some(("sf-1", "us-central1-a")));
    for bad in ["i-0123", "a.b.c", ".z", "n.", "a/b.z", "A.z"] {
        assert_eq!(parts_of(&bad.into()), None, "{bad}");
    }
}

#[test]
fn a_machine_is_seen_with_its_pool_and_token() {
    let now = Time::from_millis(1_800_000_000_000);
    let look = |owner, region: &str, machine: &Machine| instance(owner, &"gcp".into(), &region.into(), machine, now);
    let seen = look("me", "us-central1", &machine()).unwrap();
    assert_eq!(seen.id.as_str(), "sf-1.us-central1-a");
    assert_eq!(seen.pool, order("t-1").pool);
    assert_eq!((seen.token, seen.phase, seen.protected), (Some("t-1".into()), Phase::Running, false));
    assert_eq!(Some(seen.born), time_of("2026-11-20T10:00:00Z"));
    assert_eq!(look("you", "us-central1", &machine()), None);
    assert_eq!(look("me", "us-east1", &machine()), None);
    let undated = Machine { created: "soon".to_owned(), ..machine() };
    assert_eq!(look("me", "us-central1", &undated).unwrap().born, now, "never for a time that nobody told");
}

#[test]
fn an_unknown_status_counts_as_running() {
    for (status, expected) in [
        ("PROVISIONING", Phase::Starting),
        ("STAGING", Phase::Starting),
        ("PENDING", Phase::Starting),
        ("RUNNING", Phase::Running),
        ("REPAIRING", Phase::Running),
        ("BRAND_NEW_STATE", Phase::Running),
        ("PENDING_STOP", Phase::Ending),
        ("STOPPING", Phase::Ending),
        ("TERMINATED", Phase::Ending),
        ("SUSPENDED", Phase::Ending),
        ("DEPROVISIONING", Phase::Ending),
    ] {
        assert_eq!(phase(status), expected, "{status}");
    }
}

#[test]
fn what_a_listing_left_out_counts_unless_it_is_known_to_be_elsewhere() {
    let left = |place: &str| unseen(&"us-east1".into(), &[place.to_owned()]).is_some();
    assert!(left("zones/us-east1-b"));
    assert!(left("projects/p/zones/us-east1-b"));
    assert!(left("something else"));
    assert!(!left("zones/us-east4-b"));
    assert!(!left("https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-c"));
}
