//! Sizes: what a machine of a size brings, where it is sold, and to whom. Pure.

use std::collections::{BTreeMap, BTreeSet};

use policies::model::{Market, Shape};
use serde_json::Value;

use super::translate::plain;

/// A size in one region.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Size {
    /// As the lists of prices write it.
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The quota that it counts towards, such as `standardDSv5Family`.
    pub(super) family: String,
    /// It can be had on spot.
    pub(super) spot: bool,
    /// Numbers of the zones that have it.
    pub(super) zones: BTreeSet<String>,
    /// Why this subscription cannot have it in the region at all.
    pub(super) closed: Option<String>,
    /// Numbers of the zones in which this subscription cannot have it, with the reason.
    pub(super) closed_zones: BTreeMap<String, String>,
}

impl Size {
    /// What keeps a launch in this zone (by its number; `None`: the region) and market from being taken.
    pub(super) fn refuses(&self, zone: Option<&str>, market: Market) -> Option<String> {
        if let Some(why) = &self.closed {
            return Some(format!("{} is not sold to this subscription here ({why})", self.name));
        }
        if market == Market::Spot && !self.spot {
            return Some(format!("{} cannot be had on spot", self.name));
        }
        let zone = zone?;
        if let Some(why) = self.closed_zones.get(zone) {
            return Some(format!("{} is not sold to this subscription in zone {zone} ({why})", self.name));
        }
        (!self.zones.contains(zone)).then(|| format!("{} is not in zone {zone}", self.name))
    }
}

/// The sizes of a region among the items of the list, by their names in lower case.
pub(super) fn sizes(region: &str, items: &[Value]) -> BTreeMap<String, Size> {
    let machines = items.iter().filter(|item| item["resourceType"].as_str() == Some("virtualMachines"));
    machines.filter_map(|item| size(region, item)).map(|size| (size.name.to_lowercase(), size)).collect()
}

fn size(region: &str, item: &Value) -> Option<Size> {
    let here = |location: &Value| location.as_str().is_some_and(|text| plain(text) == plain(region));
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let info = item["locationInfo"].as_array()?.iter().find(|info| here(&info["location"]))?;
    let capabilities: BTreeMap<&str, &str> = item["capabilities"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["name"].as_str()?, one["value"].as_str()?)))
        .collect();
    let number = |name: &str| capabilities.get(name).and_then(|value| value.parse::<u32>().ok());
    let mut size = Size {
        name: item["name"].as_str()?.to_owned(),
        shape: Shape {
            // A size with fewer CPUs than its family says so besides.
            vcpus: number("vCPUsAvailable").or_else(|| number("vCPUs"))?,
            gpus: number("GPUs").unwrap_or(0),
            memory_mib: capabilities.get("MemoryGB").and_then(|text| mib(text))?,
        },
        family: item["family"].as_str().unwrap_or_default().to_owned(),
        spot: capabilities.get("LowPriorityCapable").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        zones: list(&info["zones"]).into_iter().collect(),
        ..Size::default()
    };
    for restriction in item["restrictions"].as_array().into_iter().flatten() {
        let info = &restriction["restrictionInfo"];
        let elsewhere = info["locations"].as_array().is_some_and(|all| !all.is_empty() && !all.iter().any(here));
        if elsewhere {
            continue;
        }
        let why = restriction["reasonCode"].as_str().unwrap_or("restricted").to_owned();
        match restriction["type"].as_str() {
            Some("Zone") => size.closed_zones.extend(list(&info["zones"]).into_iter().map(|zone| (zone, why.clone()))),
            _ => size.closed = Some(why),
        }
    }
    Some(size)
}

/// Gibibytes with a fraction, in MiB.
fn mib(gib: &str) -> Option<u64> {
    let (whole, places) = gib.split_once('.').unwrap_or((gib, ""));
    let fraction: u64 = format!("{:0<3}", places.get(..places.len().min(3))?).parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_024)?.checked_add(fraction * 1_024 / 1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(change: impl FnOnce(&mut Value)) -> Value {
        let mut item = json!({
            "resourceType": "virtualMachines", "name": "Standard_D4s_v5", "family": "standardDSv5Family", "size": "D4s_v5",
            "locations": ["eastus"],
            "locationInfo": [{"location": "eastus", "zones": ["1", "3"], "zoneDetails": []}],
            "capabilities": [{"name": "vCPUs", "value": "4"}, {"name": "MemoryGB", "value": "16"},
                {"name": "LowPriorityCapable", "value": "True"}],
            "restrictions": []
        });
        change(&mut item);
        item
    }

    fn only(item: Value) -> Option<Size> {
        sizes("eastus", &[item]).remove("standard_d4s_v5")
    }

    #[test]
    fn a_size_is_read_from_its_capabilities() {
        let size = only(item(|_| ())).unwrap();
        assert_eq!(size.shape, Shape { vcpus: 4, gpus: 0, memory_mib: 16_384 });
        assert_eq!((size.family.as_str(), size.spot), ("standardDSv5Family", true));
        let capabilities = json!([{"name": "vCPUs", "value": "8"}, {"name": "vCPUsAvailable", "value": "4"},
            {"name": "GPUs", "value": "2"}, {"name": "MemoryGB", "value": "3.5"}]);
        let other = only(item(|v| v["capabilities"] = capabilities)).unwrap();
        assert_eq!(other.shape, Shape { vcpus: 4, gpus: 2, memory_mib: 3_584 });
        assert!(!other.spot, "a size that does not say so is not to be had on spot");
    }

    #[test]
    fn disks_and_other_regions_are_no_sizes() {
        assert_eq!(only(item(|v| v["resourceType"] = "disks".into())), None);
        assert_eq!(only(item(|v| v["locationInfo"][0]["location"] = "westus".into())), None);
        assert!(only(item(|v| v["locationInfo"][0]["location"] = "EastUS".into())).is_some());
    }

    #[test]
    fn a_size_is_sold_where_the_list_says_and_to_whom() {
        let of = |change: fn(&mut Value), zone, market| only(item(change)).unwrap().refuses(zone, market);
        assert_eq!(of(|_| (), Some("1"), Market::Spot), None);
        assert_eq!(of(|_| (), None, Market::Spot), None);
        assert!(of(|_| (), Some("2"), Market::Spot).is_some_and(|why| why.contains("not in zone 2")));
        let restricted = |kind: &str, zones: Value| {
            json!([{"type": kind, "reasonCode": "NotAvailableForSubscription",
                "restrictionInfo": {"locations": ["eastus"], "zones": zones}}])
        };
        let whole = only(item(|v| v["restrictions"] = restricted("Location", json!([])))).unwrap();
        assert!(whole.refuses(None, Market::OnDemand).is_some_and(|why| why.contains("NotAvailableForSubscription")));
        let zone = only(item(|v| v["restrictions"] = restricted("Zone", json!(["3"])))).unwrap();
        assert!(zone.refuses(Some("3"), Market::OnDemand).is_some());
        assert_eq!(zone.refuses(Some("1"), Market::OnDemand), None);
        let no_spot = only(item(|v| v["capabilities"][2]["value"] = "False".into())).unwrap();
        assert!(no_spot.refuses(Some("1"), Market::Spot).is_some());
        assert_eq!(no_spot.refuses(Some("1"), Market::OnDemand), None);
    }
}
