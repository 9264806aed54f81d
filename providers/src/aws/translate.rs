//! Between EC2's way of saying things and ours. Pure: no SDK types, no I/O, no clock.

use std::collections::BTreeMap;

use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, Instance, InstanceId, Market, Phase, Pool, ProviderName, Region, Token};
use policies::units::Time;

use super::failure;
use crate::Order;
use crate::spec::AwsSpec;

/// Tag with the owner: which daemon a machine or a template belongs to.
pub(super) const OWNER_TAG: &str = "spotfleet:owner";
/// Tag with the fleet's name.
pub(super) const FLEET_TAG: &str = "spotfleet:fleet";
/// Tag with the pool, as it prints.
pub(super) const POOL_TAG: &str = "spotfleet:pool";
/// Tag with the token of the launch.
pub(super) const INTENT_TAG: &str = "spotfleet:intent";
/// Tag that protects a machine from being let go; put by hand or by the machine itself, never by us.
const PROTECTED_TAG: &str = "spotfleet:protected";
/// The tag that EC2's console shows as the name.
const NAME_TAG: &str = "Name";

/// Tags, by key.
pub(super) type Tags = BTreeMap<String, String>;

/// A machine as EC2 lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) zone: Option<String>,
    pub(super) instance_type: Option<String>,
    /// EC2 says `spot`, or nothing for on-demand.
    pub(super) spot: bool,
    pub(super) launched: Option<Time>,
    pub(super) tags: Tags,
}

/// What a launch call came back with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct LaunchAnswer {
    pub(super) ids: Vec<String>,
    /// Code and text of each entry of `Errors[]`.
    pub(super) errors: Vec<(String, String)>,
}

/// The tags of a machine: the operator's first, ours over them.
pub(super) fn machine_tags(owner: &str, order: &Order, spec: &AwsSpec) -> Tags {
    let mut tags = Tags::from([(NAME_TAG.to_owned(), format!("spotfleet {}", order.fleet))]);
    tags.extend(spec.tags.clone());
    tags.extend([
        (OWNER_TAG.to_owned(), owner.to_owned()),
        (FLEET_TAG.to_owned(), order.fleet.to_string()),
        (POOL_TAG.to_owned(), order.pool.to_string()),
        (INTENT_TAG.to_owned(), order.token.to_string()),
    ]);
    tags
}

/// The tags of a volume: a volume has no life of its own, so it has no token.
pub(super) fn volume_tags(machine: &Tags) -> Tags {
    machine.iter().filter(|(key, _)| *key != INTENT_TAG).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The subnet of the pool's zone; `None` where the specification names no subnets at all, which means the default VPC.
///
/// # Errors
/// `Invalid` when it names subnets but none for this zone.
pub(super) fn subnet<'a>(spec: &'a AwsSpec, pool: &Pool, operation: &str) -> Result<Option<&'a str>, Failure> {
    match spec.subnets.get(pool.zone()) {
        Some(subnet) => Ok(Some(subnet)),
        None if spec.subnets.is_empty() => Ok(None),
        None => {
            let text = format!("the launch specification names no subnet for zone {}", pool.zone());
            Err(Failure::new(FailureKind::Invalid, operation, "-", &text))
        }
    }
}

/// The name of the launch template that holds this specification: the same for the same content and owner, so that a
/// template found under this name is the right one whoever made it and whenever.
pub(super) fn template_name(owner: &str, spec: &AwsSpec) -> String {
    // Taken apart completely: a new field must not be forgotten here. Subnets and tags stay out of the template: they
    // belong to the launch.
    let AwsSpec { image, subnets: _, security_groups, instance_profile, key_name, user_data, tags: _ } = spec;
    let mut hash = Fnv::new();
    hash.text(owner);
    hash.text(image);
    hash.number(security_groups.len());
    for group in security_groups {
        hash.text(group);
    }
    for optional in [instance_profile, key_name, user_data] {
        hash.number(optional.iter().len());
        hash.text(optional.as_deref().unwrap_or_default());
    }
    format!("spotfleet-{:032x}", hash.0)
}

/// FNV-1a in 128 bits (Fowler, Noll, Vo): stable over versions and platforms, and wide enough that two
/// specifications do not meet by chance. Each part goes in with its length, so that parts cannot run into each other.
struct Fnv(u128);

impl Fnv {
    const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn number(&mut self, n: usize) {
        self.bytes(&n.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes(text.as_bytes());
    }
}

/// What a launch made, and why not all of it.
///
/// # Errors
/// When it made nothing: the most telling of the reasons, and `Ambiguous` when the answer gives none.
pub(super) fn launched(operation: &str, count: u32, answer: LaunchAnswer) -> Result<Launched, Failure> {
    let reasons = answer.errors.iter().map(|(code, text)| failure::of_entry(operation, code, text)).collect();
    let reason = Failure::most_telling(reasons);
    let ids: Vec<_> = answer.ids.into_iter().map(InstanceId::from).collect();
    if ids.is_empty() {
        return Err(reason.unwrap_or_else(|| {
            let text = "the answer names neither machines nor errors";
            Failure::new(FailureKind::Ambiguous, operation, "-", text)
        }));
    }
    let short = ids.len() < count as usize;
    let shortfall = reason.filter(|_| short).or_else(|| {
        // RunInstances makes as many as there is room for and does not say why not more.
        let text = format!("made {} of {count} machines", ids.len());
        short.then(|| Failure::new(FailureKind::NoCapacity, operation, "-", &text))
    });
    Ok(Launched { ids, shortfall })
}

/// A listed machine as we see it; `None` when it is not this owner's (EC2's tag filters know wildcards, so a listing
/// may hold more than was meant).
pub(super) fn instance(owner: &str, provider: &ProviderName, region: &Region, machine: Machine) -> Option<Instance> {
    let Machine { id, state, zone, instance_type, spot, launched, tags } = machine;
    if tags.get(OWNER_TAG).map(String::as_str) != Some(owner) {
        return None;
    }
    // The tag says which pool was meant; what EC2 says stands in where the tag is missing or of another configuration.
    let tagged = tags
        .get(POOL_TAG)
        .and_then(|text| Pool::parse(text))
        .filter(|pool| pool.provider() == provider && pool.region() == region);
    let pool = tagged.unwrap_or_else(|| {
        let market = if spot { Market::Spot } else { Market::OnDemand };
        let zone = zone.as_deref().unwrap_or_else(|| region.as_str());
        Pool::new(provider.as_str(), region.as_str(), zone, instance_type.as_deref().unwrap_or("unknown"), market)
    });
    Some(Instance {
        id: id.into(),
        pool,
        fleet: FleetName::from(tags.get(FLEET_TAG).map_or("", String::as_str)),
        token: tags.get(INTENT_TAG).map(|token| Token::from(token.as_str())),
        born: launched.unwrap_or(Time::EPOCH),
        phase: phase(&state),
        protected: tags.get(PROTECTED_TAG).is_some_and(|value| protects(value)),
    })
}

/// Any value protects, but those by which people mean that it does not.
fn protects(value: &str) -> bool {
    !["", "0", "false"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// Where a machine is in its life. Our machines end when they shut down, so a stopped one was stopped by hand; it
/// does no work, and is ended like one that is on its way out.
fn phase(state: &str) -> Phase {
    match state {
        "pending" => Phase::Starting,
        "shutting-down" | "stopping" | "stopped" => Phase::Ending,
        "terminated" => Phase::Gone,
        // `running`, and whatever EC2 may add: a machine that may be there is counted.
        _ => Phase::Running,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::LaunchSpec;

    fn order() -> Order {
        Order {
            token: Token::from("t-1"),
            fleet: FleetName::from("web"),
            pool: pool(),
            spec: Arc::new(LaunchSpec::Aws(AwsSpec::default())),
            count: 3,
        }
    }

    fn pool() -> Pool {
        Pool::new("aws", "us-east-1", "us-east-1a", "m5.large", Market::Spot)
    }

    fn spec() -> AwsSpec {
        AwsSpec {
            image: "ami-1".to_owned(),
            security_groups: vec!["sg-1".to_owned()],
            user_data: Some("#!/bin/sh".to_owned()),
            ..AwsSpec::default()
        }
    }

    fn machine(tags: &[(&str, &str)]) -> Machine {
        Machine {
            id: "i-1".to_owned(),
            state: "running".to_owned(),
            zone: Some("us-east-1b".to_owned()),
            instance_type: Some("c5.large".to_owned()),
            spot: true,
            launched: Some(Time::from_millis(7)),
            tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn seen(machine: Machine) -> Option<Instance> {
        instance("me", &ProviderName::from("aws"), &Region::from("us-east-1"), machine)
    }

    #[test]
    fn our_tags_win_over_the_operators() {
        let mut spec = spec();
        spec.tags = Tags::from([
            ("team".to_owned(), "ml".to_owned()),
            (OWNER_TAG.to_owned(), "someone".to_owned()),
            (NAME_TAG.to_owned(), "worker".to_owned()),
        ]);
        let tags = machine_tags("me", &order(), &spec);
        let get = |key: &str| tags.get(key).map(String::as_str);
        assert_eq!(get("team"), Some("ml"));
        assert_eq!(get(NAME_TAG), Some("worker"));
        assert_eq!(get(OWNER_TAG), Some("me"));
        assert_eq!(get(FLEET_TAG), Some("web"));
        assert_eq!(get(INTENT_TAG), Some("t-1"));
        assert_eq!(get(POOL_TAG), Some("aws/us-east-1/us-east-1a/m5.large/spot"));
        assert!(!volume_tags(&tags).contains_key(INTENT_TAG));
    }

    #[test]
    fn a_zone_without_its_subnet_is_refused_unless_no_subnets_are_named() {
        let mut spec = spec();
        assert_eq!(subnet(&spec, &pool(), "CreateFleet"), Ok(None));
        spec.subnets.insert("us-east-1b".into(), "subnet-b".to_owned());
        assert_eq!(subnet(&spec, &pool(), "CreateFleet").map_err(|f| f.kind), Err(FailureKind::Invalid));
        spec.subnets.insert("us-east-1a".into(), "subnet-a".to_owned());
        assert_eq!(subnet(&spec, &pool(), "CreateFleet"), Ok(Some("subnet-a")));
    }

    #[test]
    fn a_template_is_named_by_all_that_it_holds_and_by_nothing_else() {
        let name = template_name("me", &spec());
        assert_eq!(name.len(), 42);
        assert_eq!(name, template_name("me", &spec()), "the same content");
        let changes: [fn(&mut AwsSpec); 6] = [
            |s| s.image = "ami-2".to_owned(),
            |s| s.security_groups = vec!["sg".to_owned(), "-1".to_owned()],
            |s| s.security_groups.clear(),
            |s| s.instance_profile = Some(String::new()),
            |s| s.key_name = Some("#!/bin/sh".to_owned()),
            |s| s.user_data = None,
        ];
        let mut names = vec![name.clone(), template_name("you", &spec())];
        for change in changes {
            let mut other = spec();
            change(&mut other);
            names.push(template_name("me", &other));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 8, "each content has its own name");
        let mut launch_only = spec();
        launch_only.tags.insert("a".to_owned(), "b".to_owned());
        launch_only.subnets.insert("us-east-1a".into(), "subnet-a".to_owned());
        assert_eq!(template_name("me", &launch_only), name, "subnets and tags belong to the launch");
    }

    fn answer(ids: &[&str], errors: &[&str]) -> LaunchAnswer {
        LaunchAnswer {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            errors: errors.iter().map(|code| ((*code).to_owned(), String::new())).collect(),
        }
    }

    #[test]
    fn success_is_machines_and_not_http_200() {
        let whole = launched("CreateFleet", 2, answer(&["i-1", "i-2"], &[])).unwrap();
        assert_eq!((whole.ids.len(), whole.shortfall), (2, None));
        let part = launched("CreateFleet", 2, answer(&["i-1"], &["InsufficientInstanceCapacity"])).unwrap();
        assert_eq!((part.ids.len(), part.shortfall.map(|f| f.kind)), (1, Some(FailureKind::NoCapacity)));
        let none = launched("CreateFleet", 2, answer(&[], &["UnauthorizedOperation"]));
        assert_eq!(none.map_err(|f| f.kind), Err(FailureKind::Denied));
        let silent = launched("CreateFleet", 2, answer(&[], &[]));
        assert_eq!(silent.map_err(|f| f.kind), Err(FailureKind::Ambiguous));
    }

    #[test]
    fn fewer_machines_without_a_reason_is_a_shortage() {
        let part = launched("RunInstances", 3, answer(&["i-1"], &[])).unwrap();
        assert_eq!(part.shortfall.map(|f| f.kind), Some(FailureKind::NoCapacity));
    }

    #[test]
    fn errors_beside_a_full_answer_are_no_shortfall() {
        let whole = launched("CreateFleet", 1, answer(&["i-1"], &["InsufficientInstanceCapacity"])).unwrap();
        assert_eq!(whole.shortfall, None);
    }

    #[test]
    fn a_tag_protects_unless_it_says_no() {
        for (value, protected) in
            [("true", true), ("yes", true), ("1", true), ("", false), ("0", false), ("False", false), (" ", false)]
        {
            let instance = seen(machine(&[(OWNER_TAG, "me"), (PROTECTED_TAG, value)])).unwrap();
            assert_eq!(instance.protected, protected, "{value:?}");
        }
        assert!(!seen(machine(&[(OWNER_TAG, "me")])).unwrap().protected);
    }

    #[test]
    fn a_machine_is_read_from_its_tags() {
        let tags = [
            (OWNER_TAG, "me"),
            (FLEET_TAG, "web"),
            (INTENT_TAG, "t-1"),
            (POOL_TAG, "aws/us-east-1/us-east-1a/m5.large/spot"),
        ];
        let instance = seen(machine(&tags)).unwrap();
        assert_eq!(instance.pool, pool());
        assert_eq!((instance.fleet.as_str(), instance.token), ("web", Some(Token::from("t-1"))));
        assert_eq!((instance.born, instance.phase), (Time::from_millis(7), Phase::Running));
    }

    #[test]
    fn without_a_usable_pool_tag_ec2s_own_facts_stand_in() {
        let expected = Pool::new("aws", "us-east-1", "us-east-1b", "c5.large", Market::Spot);
        for tag in ["nonsense", "other/us-east-1/us-east-1a/m5.large/spot", "aws/us-west-2/us-west-2a/m5.large/spot"] {
            let instance = seen(machine(&[(OWNER_TAG, "me"), (POOL_TAG, tag)])).unwrap();
            assert_eq!(instance.pool, expected, "{tag}");
        }
        assert_eq!(seen(machine(&[(OWNER_TAG, "me")])).map(|i| i.pool), Some(expected));
    }

    #[test]
    fn a_machine_of_another_owner_does_not_exist() {
        assert_eq!(seen(machine(&[])), None);
        assert_eq!(seen(machine(&[(OWNER_TAG, "me-too")])), None);
    }

    #[test]
    fn each_state_has_its_phase() {
        for (state, expected) in [
            ("pending", Phase::Starting),
            ("running", Phase::Running),
            ("shutting-down", Phase::Ending),
            ("stopping", Phase::Ending),
            ("stopped", Phase::Ending),
            ("terminated", Phase::Gone),
            ("something-new", Phase::Running),
        ] {
            assert_eq!(phase(state), expected, "{state}");
        }
    }
}
