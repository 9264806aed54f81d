//! What the answers to `doctor`'s questions mean. Pure.

use std::collections::{BTreeMap, BTreeSet};

use policies::failure::{Failure, FailureKind};
use policies::model::{Market, Pool};
use serde_json::Value;

use super::super::failure::{Stage, Trouble, of_look};
use super::super::prices::Listed;
use super::super::sizes::Size;
use super::super::translate::{last_part, zone_number};
use crate::doctor::{Check, Finding, Verdict};

const ACCOUNT: &str = "account";

/// What the adapter does in the resource group. Source of the names: learn.microsoft.com, "Azure permissions for
/// Compute", "... for Networking".
pub(super) const ACTIONS: [&str; 10] = [
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/delete",
    "Microsoft.Compute/disks/read",
    "Microsoft.Compute/disks/write",
    "Microsoft.Compute/disks/delete",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/networkInterfaces/write",
    "Microsoft.Network/networkInterfaces/delete",
    "Microsoft.Network/networkInterfaces/join/action",
];

fn ok(place: &str, check: Check, subject: &str, text: impl Into<String>) -> Finding {
    Finding::new(Verdict::Ok, place, check, subject, text)
}

fn problem(place: &str, check: Check, subject: &str, text: impl Into<String>) -> Finding {
    Finding::new(Verdict::Problem, place, check, subject, text)
}

fn unknown(place: &str, check: Check, subject: &str, trouble: &Trouble) -> Finding {
    let text = format!("could not be looked at: {}", of_look("GET", trouble));
    Finding::new(Verdict::NotChecked, place, check, subject, text)
}

fn is_denied(trouble: &Trouble) -> bool {
    trouble.stage == Stage::Refused(403)
}

/// Who asks, and whether the resource group is there; and whether it is worth to go on.
pub(super) fn group(name: &str, asked: &Result<(), Trouble>) -> (Vec<Finding>, bool) {
    let who = ok(ACCOUNT, Check::Credentials, "token", "Azure takes the credentials");
    let at = Check::ResourceGroup;
    match asked {
        Ok(()) => (vec![who, ok(ACCOUNT, at, name, "it is there")], true),
        Err(trouble) => match (trouble.stage, trouble.code.as_deref()) {
            (Stage::NoToken(FailureKind::Denied) | Stage::Refused(401), _) => {
                let finding = problem(ACCOUNT, Check::Credentials, "token", trouble.message.clone());
                let hint = "check tenant, application and secret; on a VM, that it has the identity that is named";
                (vec![finding.mend(hint)], false)
            }
            (Stage::Refused(404), Some("ResourceGroupNotFound")) => {
                let hint = format!("az group create --name {name} --location REGION");
                (vec![who, problem(ACCOUNT, at, name, "there is no such resource group").mend(hint)], false)
            }
            (Stage::Refused(404), _) => {
                let text = format!("the subscription cannot be seen: {}", trouble.message);
                let finding = problem(ACCOUNT, Check::Credentials, "subscription", text);
                (vec![finding.mend("check the subscription's id, and that the identity has a role in it")], false)
            }
            (Stage::Refused(403), _) => {
                let hint = "az role assignment create --role Reader --scope RESOURCE_GROUP_ID";
                (vec![who, unknown(ACCOUNT, at, name, trouble).mend(hint)], true)
            }
            _ => (vec![unknown(ACCOUNT, Check::Credentials, "token", trouble)], false),
        },
    }
}

/// Whether each thing that the adapter does in the resource group is allowed.
pub(super) fn permissions(group: &str, asked: &Result<Vec<Value>, Trouble>) -> Vec<Finding> {
    match asked {
        Err(trouble) => {
            let hint = format!("az role assignment list --resource-group {group} --include-inherited");
            vec![unknown(ACCOUNT, Check::Permission, "*", trouble).mend(hint)]
        }
        Ok(granted) => ACTIONS
            .iter()
            .map(|action| match granted.iter().any(|grant| grants(grant, action)) {
                true => ok(ACCOUNT, Check::Permission, action, "allowed"),
                false => problem(ACCOUNT, Check::Permission, action, "not allowed").mend(format!(
                    "give the identity a role with it in resource group {group}, such as {}",
                    role_of(action)
                )),
            })
            .collect(),
    }
}

fn role_of(action: &str) -> &'static str {
    if action.starts_with("Microsoft.Network") { "Network Contributor" } else { "Virtual Machine Contributor" }
}

/// A grant allows what one of its actions names and none of its exceptions does; `*` stands for any text, case does not
/// count. Source: learn.microsoft.com, "Understand Azure role definitions".
fn grants(grant: &Value, action: &str) -> bool {
    let names = |key: &str| {
        let patterns = grant[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        patterns.into_iter().any(|pattern| fits(&pattern.to_lowercase(), &action.to_lowercase()))
    };
    names("actions") && !names("notActions")
}

/// True when the text is of the pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A launch that Azure would not take as it is written.
pub(super) fn launch(place: &str, fleet: &str, failure: &Failure) -> Finding {
    problem(place, Check::Launch, fleet, failure.message.clone())
}

/// The sizes could not be asked for.
pub(super) fn sizes_unknown(place: &str, trouble: &Trouble) -> Finding {
    let finding = unknown(place, Check::InstanceType, "*", trouble);
    let hint = "the identity needs Microsoft.Compute/skus/read in the subscription: without it nothing is offered";
    if is_denied(trouble) { Finding { verdict: Verdict::Problem, ..finding }.mend(hint) } else { finding }
}

/// Whether each size can be had where it is wanted. `known` is by names in lower case.
pub(super) fn sizes(place: &str, pools: &BTreeSet<Pool>, known: &BTreeMap<String, Size>) -> Vec<Finding> {
    let mut said: BTreeMap<(&str, Market), Vec<String>> = BTreeMap::new();
    for pool in pools {
        let size = pool.instance_type().as_str();
        let why = match known.get(&size.to_lowercase()) {
            None => Some(format!("Azure knows no such size in {place}")),
            Some(size) => match zone_number(place, pool.zone().as_str()) {
                Ok(zone) => size.refuses(zone, pool.market()),
                Err(text) => Some(text),
            },
        };
        let of = said.entry((size, pool.market())).or_default();
        of.extend(why.filter(|why| !of.contains(why)));
    }
    let finding = |((size, market), whys): ((&str, Market), Vec<String>)| match whys[..] {
        [] => ok(place, Check::InstanceType, size, format!("it can be had ({market})")),
        _ => problem(place, Check::InstanceType, size, whys.join("; "))
            .mend(format!("az vm list-skus --location {place} --size {size} --all --output table")),
    };
    said.into_iter().map(finding).collect()
}

/// Whether the quotas have room for one machine of each size: that of Spot, that of the region, and that of each
/// family.
pub(super) fn quotas(
    place: &str,
    pools: &BTreeSet<Pool>,
    known: &BTreeMap<String, Size>,
    asked: &Result<Vec<Value>, Trouble>,
) -> Vec<Finding> {
    // The largest machine of each quota decides.
    let mut needed: BTreeMap<String, u64> = BTreeMap::new();
    for pool in pools {
        let Some(size) = known.get(&pool.instance_type().as_str().to_lowercase()) else { continue };
        let quotas = match pool.market() {
            Market::Spot => vec!["lowPriorityCores"],
            Market::OnDemand => vec!["cores", size.family.as_str()],
        };
        for quota in quotas {
            let most = needed.entry(quota.to_owned()).or_default();
            *most = (*most).max(u64::from(size.shape.vcpus));
        }
    }
    let hint = format!("az vm list-usage --location {place} --output table");
    let usages = match asked {
        Ok(usages) => usages,
        Err(trouble) => return vec![unknown(place, Check::Quota, "*", trouble).mend(hint)],
    };
    let usage = |quota: &str| {
        let name = |one: &&Value| one["name"]["value"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(quota));
        let one = usages.iter().find(name)?;
        Some((one["currentValue"].as_u64()?, one["limit"].as_u64()?))
    };
    needed
        .iter()
        .map(|(quota, cores)| match usage(quota) {
            None => {
                let text = "Azure says nothing of this quota";
                Finding::new(Verdict::NotChecked, place, Check::Quota, quota, text).mend(hint.clone())
            }
            Some((used, limit)) => {
                let text = format!("{used} of {limit} cores are used");
                let left = limit.saturating_sub(used);
                let verdict = match () {
                    () if limit < *cores => Verdict::Problem,
                    () if left < *cores => Verdict::Warning,
                    () => return ok(place, Check::Quota, quota, text),
                };
                let text = format!("{text}, and a machine that is wanted needs {cores}");
                Finding::new(verdict, place, Check::Quota, quota, text)
                    .mend("ask for more on the portal's page Quotas, of Compute and this region")
            }
        })
        .collect()
}

fn thing(place: &str, check: Check, id: &str, asked: &Result<Value, Trouble>, role: &str) -> Finding {
    let subject = last_part(id);
    match asked {
        Ok(_) => ok(place, check, subject, "it is there"),
        Err(trouble) if trouble.is_missing() => {
            problem(place, check, subject, "it is not there").mend(format!("az resource show --ids {id}"))
        }
        Err(trouble) => unknown(place, check, subject, trouble).mend(role),
    }
}

/// The subnet.
pub(super) fn subnet(place: &str, id: &str, asked: &Result<Value, Trouble>) -> Finding {
    let hint = "the identity needs Microsoft.Network/virtualNetworks/subnets/read to see it, and subnets/join/action to use it";
    thing(place, Check::Subnet, id, asked, hint)
}

/// The security group.
pub(super) fn security_group(place: &str, id: &str, asked: &Result<Value, Trouble>) -> Finding {
    let hint = "the identity needs Microsoft.Network/networkSecurityGroups/read to see it, and join/action to use it";
    thing(place, Check::SecurityGroup, id, asked, hint)
}

/// An image by its id.
pub(super) fn own_image(place: &str, id: &str, asked: &Result<Value, Trouble>) -> Finding {
    thing(place, Check::Image, id, asked, "the identity needs a role that reads the image")
}

/// An image of the marketplace.
pub(super) fn market_image(place: &str, image: &str, asked: &Result<Value, Trouble>) -> Finding {
    let newest = match asked {
        Ok(versions) => versions[0]["name"].as_str(),
        Err(trouble) if trouble.is_missing() => None,
        Err(trouble) => return unknown(place, Check::Image, image, trouble),
    };
    match newest {
        Some(version) => ok(place, Check::Image, image, format!("it is offered; the newest version is {version}")),
        None => problem(place, Check::Image, image, "it is not offered here")
            .mend(format!("az vm image list --location {place} --all --publisher PUBLISHER --output table")),
    }
}

/// The list of prices, tried with one size.
pub(super) fn prices(place: &str, size: &str, asked: &Result<Listed, Trouble>) -> Finding {
    match asked {
        Ok(Listed { spot: None, on_demand: None }) => {
            let text = "the list of prices has none of it: nothing of this size is bought";
            Finding::new(Verdict::Warning, place, Check::InstanceType, size, text)
        }
        Ok(_) => ok(place, Check::InstanceType, size, "the list of prices has it"),
        Err(trouble) => unknown(place, Check::InstanceType, size, trouble)
            .mend("the control host must reach prices.azure.com: without prices nothing is bought"),
    }
}

/// What Azure says of the chance that a size is evicted in an hour. Told to whom may read at the tenant's scope only.
pub(super) fn eviction_rates(place: &str, sizes: &BTreeSet<&str>, asked: &Result<Vec<Value>, Trouble>) -> Vec<Finding> {
    let rows = match asked {
        Ok(rows) => rows,
        Err(_) if sizes.is_empty() => return Vec::new(),
        Err(trouble) => {
            let finding = unknown(place, Check::InstanceType, "eviction rate", trouble);
            return vec![finding.mend("needs the role Reader; nothing is decided by it")];
        }
    };
    let rate = |size: &str| {
        let same =
            |row: &&Value, key: &str, text: &str| row[key].as_str().is_some_and(|v| v.eq_ignore_ascii_case(text));
        let row = rows.iter().find(|row| same(row, "skuName", size) && same(row, "location", place))?;
        row["evictionRate"].as_str().filter(|rate| !rate.is_empty())
    };
    let finding = |size: &&str| {
        let rate = rate(size)?;
        let text = format!("{rate} % of such machines on spot were evicted in an hour, lately");
        let verdict = if rate.starts_with("20") { Verdict::Warning } else { Verdict::Ok };
        Some(Finding::new(verdict, place, Check::InstanceType, size, text))
    };
    sizes.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use policies::model::Shape;
    use serde_json::json;

    use super::*;

    fn refused(status: u16, code: &str) -> Trouble {
        Trouble { code: Some(code.to_owned()), ..Trouble::at(Stage::Refused(status), "text") }
    }

    fn verdicts(findings: &[Finding]) -> Vec<Verdict> {
        findings.iter().map(|finding| finding.verdict).collect()
    }

    use Verdict::{NotChecked, Ok as Good, Problem, Warning};

    #[test]
    fn the_resource_group_tells_who_asks() {
        let of = |trouble| group("rg", &Err(trouble));
        let (all, go_on) = group("rg", &Ok(()));
        assert_eq!((verdicts(&all), go_on), (vec![Good, Good], true));
        for (trouble, expected, goes_on) in [
            (refused(401, "InvalidAuthenticationToken"), vec![Problem], false),
            (Trouble::at(Stage::NoToken(FailureKind::Denied), ""), vec![Problem], false),
            (Trouble::at(Stage::NoToken(FailureKind::Unavailable), ""), vec![NotChecked], false),
            (Trouble::at(Stage::Unreachable, ""), vec![NotChecked], false),
            (refused(404, "ResourceGroupNotFound"), vec![Good, Problem], false),
            (refused(404, "SubscriptionNotFound"), vec![Problem], false),
            (refused(403, "AuthorizationFailed"), vec![Good, NotChecked], true),
        ] {
            let (findings, go_on) = of(trouble.clone());
            assert_eq!((verdicts(&findings), go_on), (expected, goes_on), "{trouble:?}");
        }
    }

    #[test]
    fn patterns_of_permissions_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("*", "a/b/c", true),
            ("a/*", "a/b/c", true),
            ("a/b/c", "a/b/c", true),
            ("a/b", "a/b/c", false),
            ("*/read", "a/b/read", true),
            ("*/read", "a/b/write", false),
            ("a/*/read", "a/b/c/read", true),
            ("a/*/read", "b/c/read", false),
            ("a/*b*/c", "a/xbx/c", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn each_permission_is_judged_with_its_exceptions() {
        let of = |value: Value| {
            let findings = permissions("rg", &Ok(value.as_array().cloned().unwrap_or_default()));
            let missing = findings.iter().filter(|f| f.verdict == Problem).map(|f| f.subject.clone());
            missing.collect::<Vec<_>>()
        };
        assert_eq!(of(json!([{"actions": ["*"], "notActions": []}])), [""; 0]);
        assert_eq!(of(json!([])).len(), ACTIONS.len());
        let deny = json!([{"actions": ["*"], "notActions": ["microsoft.compute/disks/DELETE"]}]);
        assert_eq!(of(deny), ["Microsoft.Compute/disks/delete"]);
        let two = json!([{"actions": ["Microsoft.Compute/*"], "notActions": []},
            {"actions": ["Microsoft.Network/networkInterfaces/*"], "notActions": []}]);
        assert_eq!(of(two), [""; 0], "what one role lacks another may give");
        assert_eq!(verdicts(&permissions("rg", &Err(refused(403, "AuthorizationFailed")))), [NotChecked]);
    }

    fn known() -> BTreeMap<String, Size> {
        let size = Size {
            name: "Standard_D4s_v5".to_owned(),
            shape: Shape { vcpus: 4, gpus: 0, memory_mib: 1 },
            family: "standardDSv5Family".to_owned(),
            spot: true,
            zones: BTreeSet::from(["1".to_owned()]),
            ..Size::default()
        };
        BTreeMap::from([("standard_d4s_v5".to_owned(), size)])
    }

    fn pools(of: &[(&str, &str, Market)]) -> BTreeSet<Pool> {
        of.iter().map(|(zone, size, market)| Pool::new("azure", "eastus", zone, size, *market)).collect()
    }

    #[test]
    fn a_size_is_there_or_says_why_not() {
        let of = |pools: &BTreeSet<Pool>| sizes("eastus", pools, &known());
        let good =
            of(&pools(&[("eastus-1", "Standard_D4s_v5", Market::Spot), ("eastus", "Standard_D4s_v5", Market::Spot)]));
        assert_eq!(verdicts(&good), [Good], "once for both zones");
        let bad =
            of(&pools(&[("eastus-2", "Standard_D4s_v5", Market::Spot), ("eastus-1", "Standard_X", Market::Spot)]));
        assert_eq!(verdicts(&bad), [Problem, Problem]);
        assert!(bad[0].text.contains("zone 2") && bad[1].text.contains("no such size"), "{bad:?}");
    }

    #[test]
    fn quotas_have_room_or_not_and_those_of_spot_are_their_own() {
        let usage =
            |name: &str, used: u64, limit: u64| json!({"name": {"value": name}, "currentValue": used, "limit": limit});
        let of = |market, usages: &[Value]| {
            quotas("eastus", &pools(&[("eastus-1", "Standard_D4s_v5", market)]), &known(), &Ok(usages.to_vec()))
        };
        let all = [usage("LowPriorityCores", 0, 3), usage("cores", 98, 100), usage("standardDSv5Family", 0, 8)];
        assert_eq!(verdicts(&of(Market::Spot, &all)), [Problem]);
        assert_eq!(verdicts(&of(Market::OnDemand, &all)), [Warning, Good]);
        assert_eq!(verdicts(&of(Market::Spot, &[])), [NotChecked]);
        let denied = quotas("eastus", &pools(&[]), &known(), &Err(refused(403, "AuthorizationFailed")));
        assert_eq!(verdicts(&denied), [NotChecked]);
    }

    #[test]
    fn what_is_named_is_there_or_not_or_cannot_be_seen() {
        for (asked, verdict) in [
            (Ok(json!({})), Good),
            (Err(refused(404, "ResourceNotFound")), Problem),
            (Err(refused(403, "AuthorizationFailed")), NotChecked),
        ] {
            assert_eq!(subnet("eastus", "/a/b", &asked).verdict, verdict);
            assert_eq!(security_group("eastus", "/a/b", &asked).verdict, verdict);
            assert_eq!(own_image("eastus", "/a/b", &asked).verdict, verdict);
        }
        assert_eq!(market_image("eastus", "a:b:c:d", &Ok(json!([{"name": "1.0"}]))).verdict, Good);
        assert_eq!(market_image("eastus", "a:b:c:d", &Ok(json!([]))).verdict, Problem);
        assert_eq!(market_image("eastus", "a:b:c:d", &Err(refused(404, "NotFound"))).verdict, Problem);
    }

    #[test]
    fn prices_and_eviction_rates_are_told() {
        let listed = Listed { spot: Some(1), on_demand: None };
        assert_eq!(prices("eastus", "x", &Ok(listed)).verdict, Good);
        assert_eq!(prices("eastus", "x", &Ok(Listed::default())).verdict, Warning);
        assert_eq!(prices("eastus", "x", &Err(Trouble::at(Stage::Unreachable, ""))).verdict, NotChecked);
        let rows = vec![
            json!({"skuName": "standard_a", "location": "eastus", "evictionRate": "0-5"}),
            json!({"skuName": "standard_b", "location": "eastus", "evictionRate": "20+"}),
            json!({"skuName": "standard_c", "location": "westus", "evictionRate": "20+"}),
        ];
        let sizes = BTreeSet::from(["Standard_A", "Standard_B", "Standard_C"]);
        assert_eq!(verdicts(&eviction_rates("eastus", &sizes, &Ok(rows))), [Good, Warning]);
        let denied = Err(refused(403, "AuthorizationFailed"));
        assert_eq!(verdicts(&eviction_rates("eastus", &sizes, &denied)), [NotChecked]);
        assert_eq!(eviction_rates("eastus", &BTreeSet::new(), &denied), []);
    }
}
