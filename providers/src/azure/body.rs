//! What a launch is asked for with: the body of the PUT, and its tags by Azure's rules. Pure.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policies::failure::Failure;
use policies::model::Market;
use serde_json::{Map, Value, json};

use super::translate::{FLEET_TAG, INTENT_TAG, OWNER_TAG, POOL_TAG, invalid, zone_number};
use crate::Order;
use crate::spec::AzureSpec;

/// Custom data is at most so long before it is encoded. Source: learn.microsoft.com, "Custom data and cloud-init".
const MOST_USER_DATA: usize = 65_535;

/// Limits of tags. Source: learn.microsoft.com, "Use tags to organize your Azure resources", Limitations.
const MOST_TAGS: usize = 50;
const LONGEST_TAG_NAME: usize = 512;
const LONGEST_TAG_VALUE: usize = 256;
/// Of all names and values of a machine together.
const MOST_TAG_TEXT: usize = 2_048;
const NOT_IN_TAG_NAMES: &str = "<>%&\\?/";
/// Azure keeps names that begin so to itself.
const RESERVED: [&str; 3] = ["microsoft", "azure", "windows"];

/// The version of Microsoft.Network's API that the described interface is made with; Azure takes this and an older one.
const NETWORK: &str = "2022-11-01";

/// The system disk, where the specification does not say.
const DISK_TYPE: &str = "StandardSSD_LRS";

/// The body of the PUT of a machine of this name. Everything that is made with the machine goes with it
/// (`deleteOption: Delete`), and is named and tagged so that what is left over all the same can be found.
///
/// # Errors
/// `Invalid` for what Azure would not take, or could not express.
pub(super) fn machine_body(
    operation: &str,
    owner: &str,
    order: &Order,
    spec: &AzureSpec,
    name: &str,
) -> Result<Value, Failure> {
    let wrong = |text: &str| invalid(operation, text);
    let AzureSpec {
        image,
        subnets,
        security_groups,
        identities,
        admin_user,
        ssh_public_key,
        user_data,
        os_disk_type,
        os_disk_gib,
        max_price_micros,
        tags: _,
    } = spec;
    let (pool, region) = (&order.pool, order.pool.region());
    let tags = machine_tags(owner, order, spec).map_err(|text| wrong(&text))?;
    let image = image_reference(image).map_err(|text| wrong(&text))?;
    let zone = zone_number(region.as_str(), pool.zone().as_str()).map_err(|text| wrong(&text))?;
    let Some(subnet) = subnets.get(region) else {
        return Err(wrong(&format!("the launch specification names no subnet for region {region}")));
    };
    if admin_user.is_empty() || ssh_public_key.is_empty() {
        return Err(wrong("the launch specification needs a login and its public SSH key: Azure makes no VM without"));
    }

    let mut disk = json!({
        "name": format!("{name}-os"),
        "createOption": "FromImage",
        "deleteOption": "Delete",
        "managedDisk": {"storageAccountType": os_disk_type.as_deref().unwrap_or(DISK_TYPE)},
    });
    if let Some(gib) = os_disk_gib {
        disk["diskSizeGB"] = (*gib).into();
    }
    let mut system = json!({
        "computerName": name,
        "adminUsername": admin_user,
        "linuxConfiguration": {
            "disablePasswordAuthentication": true,
            "ssh": {"publicKeys": [{
                "path": format!("/home/{admin_user}/.ssh/authorized_keys"),
                "keyData": ssh_public_key,
            }]},
        },
    });
    if let Some(text) = user_data {
        if text.len() > MOST_USER_DATA {
            let text = format!("user data of {} bytes is too long: Azure takes {MOST_USER_DATA}", text.len());
            return Err(wrong(&text));
        }
        system["customData"] = STANDARD.encode(text).into();
    }
    let mut interface = json!({
        "primary": true,
        "deleteOption": "Delete",
        "ipConfigurations": [{"name": "ip", "properties": {"primary": true, "subnet": {"id": subnet}}}],
    });
    if let Some(group) = security_groups.get(region) {
        interface["networkSecurityGroup"] = json!({"id": group});
    }
    let mut body = json!({
        "location": region.as_str(),
        "tags": tags,
        "properties": {
            "hardwareProfile": {"vmSize": pool.instance_type().as_str()},
            "storageProfile": {"imageReference": image, "osDisk": disk},
            "osProfile": system,
            "networkProfile": {
                "networkApiVersion": NETWORK,
                "networkInterfaceConfigurations": [{"name": format!("{name}-nic"), "tags": tags, "properties": interface}],
            },
        },
    });
    if let Some(zone) = zone {
        body["zones"] = json!([zone]);
    }
    if !identities.is_empty() {
        let of: Map<_, _> = identities.iter().map(|id| (id.clone(), json!({}))).collect();
        body["identity"] = json!({"type": "UserAssigned", "userAssignedIdentities": of});
    }
    // For on-demand these must be absent: Azure refuses an eviction policy and a price limit there.
    if pool.market() == Market::Spot {
        let limit = match max_price_micros {
            None => json!(-1),
            Some(micros) => price_limit(*micros).ok_or_else(|| wrong("the price limit is no price"))?,
        };
        let properties = &mut body["properties"];
        properties["priority"] = "Spot".into();
        properties["evictionPolicy"] = "Delete".into();
        properties["billingProfile"] = json!({"maxPrice": limit});
    }
    Ok(body)
}

/// A price limit as Azure takes it: dollars with up to five decimals, more than nothing. Rounded down.
fn price_limit(micros: u64) -> Option<Value> {
    let tens = micros / 10;
    let dollars: f64 = format!("{}.{:05}", tens / 100_000, tens % 100_000).parse().ok()?;
    (tens > 0).then(|| json!(dollars))
}

/// A marketplace image `publisher:offer:sku:version`, or an image by its id.
pub(super) fn image_reference(image: &str) -> Result<Value, String> {
    if image.starts_with('/') {
        return Ok(json!({"id": image}));
    }
    let parts: Vec<_> = image.split(':').collect();
    match parts[..] {
        [publisher, offer, sku, version] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(json!({"publisher": publisher, "offer": offer, "sku": sku, "version": version}))
        }
        _ => Err(format!("image {image:?} is neither publisher:offer:sku:version nor an id that begins with /")),
    }
}

/// The tags of a machine: the operator's first, ours over them, whatever the case of their names.
///
/// # Errors
/// Text for a tag that Azure cannot carry.
fn machine_tags(owner: &str, order: &Order, spec: &AzureSpec) -> Result<BTreeMap<String, String>, String> {
    let ours = [
        (OWNER_TAG, owner.to_owned()),
        (FLEET_TAG, order.fleet.to_string()),
        (POOL_TAG, order.pool.to_string()),
        (INTENT_TAG, order.token.to_string()),
    ];
    let is_ours = |name: &str| ours.iter().any(|(our, _)| our.eq_ignore_ascii_case(name));
    let theirs = spec.tags.iter().filter(|(name, _)| !is_ours(name)).map(|(name, value)| (name.clone(), value.clone()));
    let tags: BTreeMap<String, String> =
        theirs.chain(ours.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))).collect();
    let mut names = BTreeSet::new();
    for (name, value) in &tags {
        check_tag(name, value)?;
        if !names.insert(name.to_lowercase()) {
            return Err(format!("tag {name:?} is there twice: Azure does not tell names apart by case"));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(format!("{} tags are too many: Azure takes {MOST_TAGS}", tags.len()));
    }
    let text: usize = tags.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if text > MOST_TAG_TEXT {
        return Err(format!("tags of {text} characters are too long together: Azure takes {MOST_TAG_TEXT} for a VM"));
    }
    Ok(tags)
}

/// What Azure says of one tag.
fn check_tag(name: &str, value: &str) -> Result<(), String> {
    // A longer name would hide what is said of it.
    let shown: String = name.chars().take(60).collect();
    let because = |what: &str| Err(format!("Azure cannot carry the tag {shown:?}: {what}"));
    if name.trim().is_empty() {
        return because("it has no name");
    }
    if let Some(bad) = name.chars().find(|c| NOT_IN_TAG_NAMES.contains(*c) || c.is_control()) {
        return because(&format!("{bad:?} may not be in a name"));
    }
    if let Some(prefix) = RESERVED.iter().find(|prefix| name.to_lowercase().starts_with(**prefix)) {
        return because(&format!("names that begin with `{prefix}` are Azure's own"));
    }
    if name.chars().count() > LONGEST_TAG_NAME {
        return because(&format!("its name is longer than {LONGEST_TAG_NAME} characters"));
    }
    if value.chars().count() > LONGEST_TAG_VALUE {
        return because(&format!("its value is longer than {LONGEST_TAG_VALUE} characters"));
    }
    if value.chars().any(char::is_control) {
        return because("there is a control character in its value");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use policies::failure::FailureKind;
    use policies::model::Pool;

    use super::*;
    use crate::LaunchSpec;

    fn spec() -> AzureSpec {
        AzureSpec {
            image: "Debian:debian-12:12-gen2:latest".to_owned(),
            subnets: BTreeMap::from([("eastus".into(), "/subscriptions/s/subnets/d".to_owned())]),
            admin_user: "u".to_owned(),
            ssh_public_key: "ssh-ed25519 AAAA".to_owned(),
            user_data: Some("#!/bin/sh\n".to_owned()),
            ..AzureSpec::default()
        }
    }

    fn order(zone: &str, market: Market) -> Order {
        Order {
            token: "t-1".into(),
            fleet: "web".into(),
            pool: Pool::new("azure", "eastus", zone, "Standard_D4s_v5", market),
            spec: Arc::new(LaunchSpec::Sim),
            count: 1,
        }
    }

    fn body(spec: &AzureSpec, order: &Order) -> Result<Value, Failure> {
        machine_body("PUT", "me", order, spec, "sf-1")
    }

    fn refused(change: impl FnOnce(&mut AzureSpec)) -> String {
        let mut spec = spec();
        change(&mut spec);
        let failure = body(&spec, &order("eastus-1", Market::Spot)).expect_err("Azure would not take it");
        assert_eq!(failure.kind, FailureKind::Invalid);
        failure.message
    }

    #[test]
    fn a_spot_machine_goes_with_all_that_was_made_for_it() {
        let body = body(&spec(), &order("eastus-2", Market::Spot)).unwrap();
        let properties = &body["properties"];
        assert_eq!((body["location"].as_str(), &body["zones"]), (Some("eastus"), &json!(["2"])));
        assert_eq!(properties["priority"], "Spot");
        assert_eq!(properties["evictionPolicy"], "Delete");
        assert_eq!(properties["billingProfile"], json!({"maxPrice": -1}));
        assert_eq!(properties["hardwareProfile"]["vmSize"], "Standard_D4s_v5");
        assert_eq!(properties["storageProfile"]["osDisk"]["deleteOption"], "Delete");
        assert_eq!(properties["storageProfile"]["imageReference"]["offer"], "debian-12");
        assert_eq!(properties["osProfile"]["customData"], "IyEvYmluL3NoCg==");
        let nic = &properties["networkProfile"]["networkInterfaceConfigurations"][0];
        assert_eq!(nic["properties"]["deleteOption"], "Delete");
        assert_eq!(
            nic["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"],
            "/subscriptions/s/subnets/d"
        );
        for tags in [&body["tags"], &nic["tags"]] {
            assert_eq!(tags[OWNER_TAG], "me");
            assert_eq!(tags[FLEET_TAG], "web");
            assert_eq!(tags[INTENT_TAG], "t-1");
            assert_eq!(tags[POOL_TAG], "azure/eastus/eastus-2/Standard_D4s_v5/spot");
        }
    }

    #[test]
    fn an_on_demand_machine_has_neither_priority_nor_eviction_nor_price_limit() {
        let mut spec = spec();
        spec.max_price_micros = Some(100_000);
        let body = body(&spec, &order("eastus", Market::OnDemand)).unwrap();
        for key in ["priority", "evictionPolicy", "billingProfile"] {
            assert!(body["properties"].get(key).is_none(), "{key} is an error there");
        }
        assert!(body.get("zones").is_none(), "the region's own name leaves the zone to Azure");
        assert!(body.get("identity").is_none());
    }

    #[test]
    fn a_price_limit_has_five_decimals_and_is_never_rounded_up() {
        for (micros, limit) in [(98_769, Some(0.09876)), (1_200_000, Some(1.2)), (10, Some(0.00001)), (9, None)] {
            assert_eq!(price_limit(micros), limit.map(|limit| json!(limit)), "{micros}");
        }
        assert!(refused(|s| s.max_price_micros = Some(0)).contains("price"));
    }

    #[test]
    fn what_the_specification_says_is_in_the_body() {
        let mut spec = spec();
        spec.image = "/subscriptions/s/images/i".to_owned();
        spec.identities = vec!["/subscriptions/s/userAssignedIdentities/w".to_owned()];
        spec.security_groups.insert("eastus".into(), "/subscriptions/s/nsg".to_owned());
        (spec.os_disk_gib, spec.os_disk_type) = (Some(64), Some("Premium_LRS".to_owned()));
        let body = body(&spec, &order("eastus-1", Market::Spot)).unwrap();
        let properties = &body["properties"];
        assert_eq!(properties["storageProfile"]["imageReference"], json!({"id": "/subscriptions/s/images/i"}));
        assert_eq!(properties["storageProfile"]["osDisk"]["diskSizeGB"], 64);
        assert_eq!(properties["storageProfile"]["osDisk"]["managedDisk"]["storageAccountType"], "Premium_LRS");
        assert_eq!(body["identity"]["type"], "UserAssigned");
        let nic = &properties["networkProfile"]["networkInterfaceConfigurations"][0]["properties"];
        assert_eq!(nic["networkSecurityGroup"]["id"], "/subscriptions/s/nsg");
    }

    #[test]
    fn what_azure_would_not_take_is_refused_with_its_name() {
        assert!(refused(|s| s.subnets.clear()).contains("eastus"));
        assert!(refused(|s| s.ssh_public_key.clear()).contains("SSH key"));
        assert!(refused(|s| s.image = "debian-12".to_owned()).contains("debian-12"));
        assert!(refused(|s| s.image = "a:b::latest".to_owned()).contains("a:b::latest"));
        assert!(refused(|s| s.user_data = Some("x".repeat(MOST_USER_DATA + 1))).contains("65536 bytes"));
        let zone = body(&spec(), &order("westus-1", Market::Spot)).expect_err("a zone of another region");
        assert!(zone.message.contains("westus-1"), "{zone}");
        let mut longest = spec();
        longest.user_data = Some("x".repeat(MOST_USER_DATA));
        assert!(body(&longest, &order("eastus-1", Market::Spot)).is_ok());
    }

    #[test]
    fn our_tags_win_over_the_operators_in_any_case() {
        let mut spec = spec();
        spec.tags =
            BTreeMap::from([("team".to_owned(), "ml".to_owned()), ("Spotfleet:Owner".to_owned(), "x".to_owned())]);
        let body = body(&spec, &order("eastus-1", Market::Spot)).unwrap();
        assert_eq!((body["tags"]["team"].as_str(), body["tags"][OWNER_TAG].as_str()), (Some("ml"), Some("me")));
        assert!(body["tags"].get("Spotfleet:Owner").is_none());
    }

    #[test]
    fn a_tag_that_azure_cannot_carry_is_refused_by_its_name() {
        let of = |tags: &[(&str, &str)]| {
            let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            refused(|s| s.tags = tags)
        };
        for bad in ["a/b", "a<b", "a>b", "a%b", "a&b", "a\\b", "a?b", "a\nb"] {
            assert!(of(&[(bad, "v")]).contains(&format!("{bad:?}")), "{bad:?}");
        }
        assert!(of(&[("", "v")]).contains("no name"));
        assert!(of(&[("Windows-team", "v")]).contains("`windows`"));
        assert!(of(&[("azure", "v")]).contains("`azure`"));
        assert!(of(&[("team", "a"), ("Team", "b")]).contains("twice"));
        assert!(of(&[("team", &"x".repeat(257))]).contains("256"));
        assert!(of(&[(&"x".repeat(513), "v")]).contains("512"));
        let many: Vec<_> = (0..47).map(|n| (format!("t{n}"), "v".to_owned())).collect();
        assert!(refused(|s| s.tags = many.into_iter().collect()).contains("51 tags"));
        let long: Vec<_> = (0..9).map(|n| (format!("t{n}"), "x".repeat(250))).collect();
        assert!(refused(|s| s.tags = long.into_iter().collect()).contains("together"));
    }

    #[test]
    fn a_tag_value_may_hold_what_a_name_may_not() {
        let mut spec = spec();
        spec.tags.insert("path".to_owned(), "a/b?c=<d>&e%".to_owned());
        assert!(body(&spec, &order("eastus-1", Market::Spot)).is_ok());
    }
}
