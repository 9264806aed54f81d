//! Between Azure's way of saying things and ours. Pure: no I/O, no clock.

use std::collections::BTreeMap;

use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, Instance, Market, Phase, Pool, ProviderName, Region, Token};
use policies::units::Time;
use serde_json::Value;

use super::failure::{Stage, Trouble};
use super::wire::time_of;

/// Tag with the owner: which daemon a machine, an interface or a disk belongs to.
pub(super) const OWNER_TAG: &str = "spotfleet:owner";
/// Tag with the fleet's name.
pub(super) const FLEET_TAG: &str = "spotfleet:fleet";
/// Tag with the pool, as it prints.
pub(super) const POOL_TAG: &str = "spotfleet:pool";
/// Tag with the token of the launch.
pub(super) const INTENT_TAG: &str = "spotfleet:intent";
/// Tag that protects a machine from being let go; put by hand or by the machine itself, never by us.
const PROTECTED_TAG: &str = "spotfleet:protected";

/// What a machine's name begins with.
const NAME: &str = "sf-";

/// The name of one of the machines of a launch: always the same for the same owner, token and number, so that a
/// repeated launch names the same machines. 35 characters; Azure takes 64 for a Linux machine, and compares without
/// case.
pub(super) fn machine_name(owner: &str, token: &Token, number: u32) -> String {
    let mut hash = Fnv::new();
    hash.text(owner);
    hash.text(token.as_str());
    hash.text(&number.to_string());
    format!("{NAME}{:032x}", hash.0)
}

/// FNV-1a in 128 bits (Fowler, Noll, Vo): stable over versions and platforms, and wide enough that two launches do not
/// meet by chance. Each part goes in with its length, so that parts cannot run into each other.
struct Fnv(u128);

impl Fnv {
    const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn text(&mut self, text: &str) {
        for byte in (text.len() as u64).to_le_bytes().iter().chain(text.as_bytes()) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

/// A region's name without spaces and capitals: some answers say `East US` where others say `eastus`.
pub(super) fn plain(location: &str) -> String {
    location.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The number of a zone as Azure writes it (`1`), of the zone as we write it (`eastus-1`); `None` for the region's own
/// name, which leaves the choice to Azure.
///
/// # Errors
/// Text for what is neither.
pub(super) fn zone_number<'a>(region: &str, zone: &'a str) -> Result<Option<&'a str>, String> {
    if zone == region {
        return Ok(None);
    }
    let number = zone.strip_prefix(region).and_then(|rest| rest.strip_prefix('-'));
    number
        .filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        .map(Some)
        .ok_or_else(|| format!("{zone} is no zone of {region}: zones are written as {region}-1"))
}

/// Tags, with Azure's rule for names: their case does not count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of a resource.
    pub(super) fn of(resource: &Value) -> Self {
        let tags = resource["tags"].as_object().into_iter().flatten();
        Self(tags.filter_map(|(key, value)| Some((key.to_ascii_lowercase(), value.as_str()?.to_owned()))).collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// True for a resource of this owner.
    pub(super) fn are_of(&self, owner: &str) -> bool {
        self.get(OWNER_TAG) == Some(owner)
    }
}

/// A machine as Azure tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Machine {
    /// In lower case: the case of names may change between answers.
    pub(super) name: String,
    /// Plain.
    pub(super) location: String,
    pub(super) zone: Option<String>,
    pub(super) size: Option<String>,
    pub(super) spot: bool,
    pub(super) state: State,
    pub(super) created: Option<Time>,
    pub(super) tags: Tags,
    /// Why it failed, where that was asked for and is told.
    pub(super) trouble: Option<Trouble>,
}

/// Where a machine is, as `provisioningState` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Creating,
    /// Made; it may be changing.
    Made,
    Deleting,
    /// Azure could not make or change it. It holds its interface and disks, and may even run, until it is deleted.
    Failed,
}

impl State {
    fn of(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "creating" => Self::Creating,
            "deleting" => Self::Deleting,
            "failed" | "canceled" => Self::Failed,
            // `Succeeded`, `Updating`, and whatever may be added: a machine that may be there is counted.
            _ => Self::Made,
        }
    }
}

/// The last part of an id.
pub(super) fn last_part(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// A machine; `None` for an answer that names none.
pub(super) fn machine(answer: &Value) -> Option<Machine> {
    let name = answer["name"].as_str().or_else(|| answer["id"].as_str().map(last_part))?;
    let properties = &answer["properties"];
    let state = State::of(properties["provisioningState"].as_str().unwrap_or_default());
    Some(Machine {
        name: name.to_ascii_lowercase(),
        location: plain(answer["location"].as_str().unwrap_or_default()),
        zone: answer["zones"][0].as_str().map(str::to_owned),
        size: properties["hardwareProfile"]["vmSize"].as_str().map(str::to_owned),
        spot: properties["priority"].as_str().is_some_and(|p| !p.eq_ignore_ascii_case("regular")),
        state,
        created: properties["timeCreated"].as_str().and_then(time_of),
        tags: Tags::of(answer),
        trouble: (state == State::Failed).then(|| trouble(&properties["instanceView"])),
    })
}

/// Why a machine failed: the status `ProvisioningState/failed/<code>` of its instance view.
fn trouble(view: &Value) -> Trouble {
    let statuses = view["statuses"].as_array().into_iter().flatten();
    let told = statuses.filter_map(|status| {
        let mut parts = status["code"].as_str()?.splitn(3, '/');
        let (kind, state, code) = (parts.next()?, parts.next()?, parts.next()?);
        let failed = kind.eq_ignore_ascii_case("ProvisioningState") && state.eq_ignore_ascii_case("failed");
        let message = status["message"].as_str().unwrap_or_default();
        failed.then(|| Trouble { code: Some(code.to_owned()), ..Trouble::at(Stage::Refused(200), message) })
    });
    told.into_iter().next().unwrap_or_else(|| Trouble::at(Stage::Refused(200), "the machine is in state Failed"))
}

/// A listed machine as we see it; `None` when it is not this owner's or not of this region.
///
/// A failed machine does no work, and is ended like one that is on its way out: that is how what a launch left behind
/// after it was given up is deleted.
pub(super) fn instance(owner: &str, provider: &ProviderName, region: &Region, machine: Machine) -> Option<Instance> {
    let Machine { name, location, zone, size, spot, state, created, tags, trouble: _ } = machine;
    if !tags.are_of(owner) || location != plain(region.as_str()) {
        return None;
    }
    // The tag says which pool was meant; what Azure says stands in where the tag is missing or of another
    // configuration.
    let tagged =
        tags.get(POOL_TAG).and_then(Pool::parse).filter(|pool| pool.provider() == provider && pool.region() == region);
    let pool = tagged.unwrap_or_else(|| {
        let market = if spot { Market::Spot } else { Market::OnDemand };
        let zone = zone.map_or_else(|| region.to_string(), |number| format!("{region}-{number}"));
        Pool::new(provider.as_str(), region.as_str(), &zone, size.as_deref().unwrap_or("unknown"), market)
    });
    Some(Instance {
        id: name.into(),
        pool,
        fleet: FleetName::from(tags.get(FLEET_TAG).unwrap_or_default()),
        token: tags.get(INTENT_TAG).map(Token::from),
        born: created.unwrap_or(Time::EPOCH),
        phase: match state {
            State::Creating => Phase::Starting,
            State::Made => Phase::Running,
            State::Deleting | State::Failed => Phase::Ending,
        },
        protected: tags.get(PROTECTED_TAG).is_some_and(protects),
    })
}

/// Any value protects, but those by which people mean that it does not.
fn protects(value: &str) -> bool {
    !["", "0", "false"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// How a begun operation stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// It goes on.
    Running,
    /// It is done.
    Done,
    /// It failed. This comes with HTTP 200.
    Failed(Trouble),
}

/// What the status body of an operation says: `Succeeded`, `Failed` and `Canceled` are the end, anything else goes on.
pub(super) fn progress(body: &Value) -> Progress {
    match body["status"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "succeeded" => Progress::Done,
        "failed" | "canceled" => {
            let mut trouble = super::wire::said(Stage::Refused(200), &body["error"], b"");
            if trouble.message.is_empty() {
                trouble.message = "the operation failed without a reason".to_owned();
            }
            Progress::Failed(trouble)
        }
        _ => Progress::Running,
    }
}

/// A failure of the specification itself.
pub(super) fn invalid(operation: &str, text: &str) -> Failure {
    Failure::new(FailureKind::Invalid, operation, "-", text)
}

#[cfg(test)]
mod tests {
    use policies::units::Span;
    use serde_json::json;

    use super::*;

    fn listed(change: impl FnOnce(&mut Value)) -> Value {
        let mut value = json!({
            "id": "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/SF-01",
            "name": "SF-01", "location": "eastus", "zones": ["2"],
            "tags": {OWNER_TAG: "me", FLEET_TAG: "web", INTENT_TAG: "t-1",
                POOL_TAG: "azure/eastus/eastus-1/Standard_D4s_v5/spot"},
            "properties": {"priority": "Spot", "hardwareProfile": {"vmSize": "Standard_D8s_v5"},
                "provisioningState": "Succeeded", "timeCreated": "1970-01-01T00:00:07.5+00:00"}
        });
        change(&mut value);
        value
    }

    fn seen(value: &Value) -> Option<Instance> {
        instance("me", &ProviderName::from("azure"), &Region::from("eastus"), machine(value)?)
    }

    #[test]
    fn a_name_is_told_by_owner_token_and_number_alone() {
        let name = machine_name("me", &Token::from("sf-9-9"), 0);
        assert_eq!(name, machine_name("me", &Token::from("sf-9-9"), 0));
        assert_eq!((name.len(), name.starts_with("sf-")), (35, true));
        let others = [
            machine_name("me", &"sf-9-9".into(), 1),
            machine_name("me", &"sf-9-90".into(), 0),
            machine_name("you", &"sf-9-9".into(), 0),
        ];
        assert!(others.iter().all(|other| *other != name), "{others:?}");
        assert_ne!(machine_name("ab", &"c".into(), 0), machine_name("a", &"bc".into(), 0));
    }

    #[test]
    fn zones_are_numbers_within_their_region() {
        assert_eq!(zone_number("eastus", "eastus-1"), Ok(Some("1")));
        assert_eq!(zone_number("eastus", "eastus"), Ok(None));
        for wrong in ["1", "eastus-", "eastus-a", "eastus2-1", "westus-1", ""] {
            assert!(zone_number("eastus", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_machine_is_read_from_its_tags() {
        let instance = seen(&listed(|_| ())).unwrap();
        assert_eq!(instance.id.as_str(), "sf-01", "the case of a name does not count");
        assert_eq!(instance.pool.to_string(), "azure/eastus/eastus-1/Standard_D4s_v5/spot");
        assert_eq!((instance.fleet.as_str(), instance.token), ("web", Some(Token::from("t-1"))));
        assert_eq!((instance.born, instance.phase), (Time::EPOCH.plus(Span::from_millis(7_500)), Phase::Running));
    }

    #[test]
    fn the_case_of_tag_names_and_of_locations_does_not_count() {
        let value = listed(|v| {
            v["location"] = "East US".into();
            v["tags"] = json!({"Spotfleet:Owner": "me", "SPOTFLEET:FLEET": "web", "spotfleet:Protected": "yes"});
        });
        let instance = seen(&value).unwrap();
        assert_eq!((instance.fleet.as_str(), instance.protected), ("web", true));
    }

    #[test]
    fn other_owners_and_other_regions_do_not_exist() {
        assert_eq!(seen(&listed(|v| v["tags"][OWNER_TAG] = "Me".into())), None, "values have a case");
        assert_eq!(seen(&listed(|v| v["tags"] = Value::Null)), None);
        assert_eq!(seen(&listed(|v| v["location"] = "eastus2".into())), None);
        assert_eq!(machine(&json!({})), None);
    }

    #[test]
    fn without_a_usable_pool_tag_azures_own_facts_stand_in() {
        for tag in ["nonsense", "other/eastus/eastus-1/x/spot", "azure/westus/westus-1/x/spot"] {
            let instance = seen(&listed(|v| v["tags"][POOL_TAG] = tag.into())).unwrap();
            assert_eq!(instance.pool.to_string(), "azure/eastus/eastus-2/Standard_D8s_v5/spot");
        }
        let regional = listed(|v| {
            v["tags"] = json!({OWNER_TAG: "me"});
            v["zones"] = Value::Null;
            v["properties"]["priority"] = Value::Null;
        });
        assert_eq!(seen(&regional).unwrap().pool.to_string(), "azure/eastus/eastus/Standard_D8s_v5/on-demand");
    }

    #[test]
    fn every_state_has_its_phase_and_an_unknown_one_counts() {
        for (state, phase) in [
            ("Creating", Phase::Starting),
            ("Succeeded", Phase::Running),
            ("Updating", Phase::Running),
            ("Migrating", Phase::Running),
            ("Failed", Phase::Ending),
            ("Canceled", Phase::Ending),
            ("Deleting", Phase::Ending),
        ] {
            let instance = seen(&listed(|v| v["properties"]["provisioningState"] = state.into())).unwrap();
            assert_eq!(instance.phase, phase, "{state}");
        }
    }

    #[test]
    fn a_failed_machine_says_why() {
        let value = listed(|v| {
            v["properties"]["provisioningState"] = "Failed".into();
            v["properties"]["instanceView"] = json!({"statuses": [
                {"code": "ProvisioningState/failed/AllocationFailed", "message": "No room."},
                {"code": "PowerState/running"}]});
        });
        let trouble = machine(&value).unwrap().trouble.unwrap();
        assert_eq!((trouble.code.as_deref(), trouble.message.as_str()), (Some("AllocationFailed"), "No room."));
    }

    #[test]
    fn an_operation_ends_in_three_words_only() {
        let of = |status: &str| progress(&json!({"status": status}));
        assert_eq!(
            (of("InProgress"), of("Running"), of("")),
            (Progress::Running, Progress::Running, Progress::Running)
        );
        assert_eq!(of("Succeeded"), Progress::Done);
        assert!(matches!(of("Canceled"), Progress::Failed(_)));
        let Progress::Failed(trouble) =
            progress(&json!({"status": "Failed", "error": {"code": "AllocationFailed", "message": "No room."}}))
        else {
            panic!("it failed")
        };
        assert_eq!(trouble.code.as_deref(), Some("AllocationFailed"));
    }
}
