//! Prices: what the Retail Prices API says, kept for a stated time. A price of Azure is that of a region: its zones
//! cost the same.
//!
//! Keeping a price is keeping a fact with its age; what to make of it is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use policies::model::{InstanceType, Market, Region};
use policies::units::{Span, Time};
use serde_json::Value;

use super::wire::time_of;

/// Prices are read again after this time. Spot prices of Azure move slowly (Microsoft: "change slowly based on
/// long-term trends"), and the list is published some times a day.
const KEPT: Span = Span::from_hours(1);

/// When prices cannot be read, the last ones stand in for so long: a price outage is no launch outage.
const OUTLIVES: Span = Span::from_hours(24);

/// After a failure the list is left alone for so long: its limit is not published, and the last prices stand in.
const PAUSE: Span = Span::from_mins(5);

/// What the list says of one size in one region, in millionths of a dollar an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Listed {
    pub(super) spot: Option<u64>,
    pub(super) on_demand: Option<u64>,
}

impl Listed {
    pub(super) const fn of(self, market: Market) -> Option<u64> {
        match market {
            Market::Spot => self.spot,
            Market::OnDemand => self.on_demand,
        }
    }
}

/// The filter that leaves the prices of one size in one region. Values are compared with their case; what is left
/// besides (Windows, the old low priority) is sorted out by [`listed`].
pub(super) fn filter(region: &str, size: &str) -> String {
    let (region, size) = (region.replace('\'', "''"), size.replace('\'', "''"));
    format!(
        "serviceName eq 'Virtual Machines' and armRegionName eq '{region}' and armSkuName eq '{size}' and \
         priceType eq 'Consumption'"
    )
}

/// What a number of dollars in JSON is in millionths, rounded up: a price is never understated. `None` for what is no
/// plain decimal.
pub(super) fn micros(value: &Value) -> Option<u64> {
    let Value::Number(number) = value else { return None };
    let text = number.to_string();
    let (whole, places) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(places) {
        return None;
    }
    let kept = &places[..places.len().min(6)];
    let rest = &places[kept.len()..];
    let fraction: u64 = format!("{kept:0<6}").parse().ok()?;
    let up = u64::from(rest.bytes().any(|b| b != b'0'));
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)?.checked_add(up)
}

/// The prices of a size among the items of the list: Linux, by the hour, in force. Of several, the one that came into
/// force last; of those, the highest. Which item is which is told by its names: `skuName` ends in ` Spot`, `meterName`
/// in ` Low Priority`, `productName` in ` Windows`. Source: karpenter-provider-azure, `pkg/providers/pricing`.
pub(super) fn listed(region: &str, size: &str, items: &[Value], now: Time) -> Listed {
    let mut newest: BTreeMap<Market, (Time, u64)> = BTreeMap::new();
    for item in items {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        let product = text("productName");
        let other = text("armSkuName") != size
            || text("armRegionName") != region
            || text("type") != "Consumption"
            || text("unitOfMeasure") != "1 Hour"
            || text("currencyCode") != "USD"
            || product.ends_with(" Windows")
            || product.ends_with("CloudServices")
            || product.ends_with("Cloud Services")
            || [text("meterName"), text("skuName")].iter().any(|name| name.ends_with(" Low Priority"));
        let since = time_of(text("effectiveStartDate")).unwrap_or(Time::EPOCH);
        let Some(price) = micros(&item["retailPrice"]).filter(|price| *price > 0 && !other && since <= now) else {
            continue;
        };
        let market = if text("skuName").ends_with(" Spot") { Market::Spot } else { Market::OnDemand };
        let entry = newest.entry(market).or_insert((since, price));
        *entry = (*entry).max((since, price));
    }
    let price = |market| newest.get(&market).map(|(_, price)| *price);
    Listed { spot: price(Market::Spot), on_demand: price(Market::OnDemand) }
}

/// The prices of one region as last read.
#[derive(Debug, Default)]
pub(super) struct Book {
    read: BTreeMap<InstanceType, (Listed, Time)>,
    paused_until: Option<Time>,
}

impl Book {
    /// The sizes to read prices of now.
    pub(super) fn due(&self, wanted: &BTreeSet<InstanceType>, now: Time) -> Vec<InstanceType> {
        if self.paused_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let young = |size: &InstanceType| self.read.get(size).is_some_and(|(_, at)| now.since(*at) < KEPT);
        wanted.iter().filter(|size| !young(size)).cloned().collect()
    }

    /// Takes in what the list says of a size.
    pub(super) fn take(&mut self, size: InstanceType, listed: Listed, now: Time) {
        self.read.insert(size, (listed, now));
    }

    /// The list could not be read.
    pub(super) fn pause(&mut self, now: Time) {
        self.paused_until = Some(now.plus(PAUSE));
    }

    /// What was read of a size, and when, while that may still be used.
    pub(super) fn listed(&self, size: &InstanceType, now: Time) -> Option<(Listed, Time)> {
        self.read.get(size).copied().filter(|(_, at)| now.since(*at) < OUTLIVES)
    }
}

/// The text of a region as the list writes it.
pub(super) fn region_name(region: &Region) -> String {
    super::translate::plain(region.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Time = Time::from_millis(1_800_000_000_000);
    const SIZE: &str = "Standard_D4s_v5";

    fn item(sku: &str, product: &str, price: f64) -> Value {
        json!({"currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price,
            "armRegionName": "eastus", "location": "US East", "effectiveStartDate": "2024-01-01T00:00:00Z",
            "meterName": sku, "productName": product, "skuName": sku, "serviceName": "Virtual Machines",
            "unitOfMeasure": "1 Hour", "type": "Consumption", "isPrimaryMeterRegion": true, "armSkuName": SIZE})
    }

    fn of(items: &[Value]) -> Listed {
        listed("eastus", SIZE, items, NOW)
    }

    #[test]
    fn numbers_become_millionths_rounded_up() {
        for (value, expected) in [
            (json!(0.0384), Some(38_400)),
            (json!(0.1234567), Some(123_457)),
            (json!(3), Some(3_000_000)),
            (json!(98.32), Some(98_320_000)),
            (json!(0), Some(0)),
            (json!(-1.5), None),
            (json!("0.1"), None),
            (json!(1e300), None),
            (Value::Null, None),
        ] {
            assert_eq!(micros(&value), expected, "{value}");
        }
    }

    #[test]
    fn spot_and_on_demand_are_told_apart_and_the_rest_is_left_out() {
        let linux = "Virtual Machines Dsv5 Series";
        let items = [
            item("D4s v5", linux, 0.192),
            item("D4s v5 Spot", linux, 0.0384),
            item("D4s v5 Low Priority", linux, 0.01),
            item("D4s v5", "Virtual Machines Dsv5 Series Windows", 0.376),
            item("D4s v5 Spot", "Virtual Machines Dsv5 Series Windows", 0.075),
            item("D4s v5", "Dsv5 Series CloudServices", 0.001),
        ];
        assert_eq!(of(&items), Listed { spot: Some(38_400), on_demand: Some(192_000) });
        assert_eq!(of(&items[..1]), Listed { spot: None, on_demand: Some(192_000) });
        assert_eq!(of(&[]), Listed::default());
    }

    #[test]
    fn what_is_not_a_price_by_the_hour_in_force_in_dollars_is_none() {
        let changes: [fn(&mut Value); 7] = [
            |v| v["unitOfMeasure"] = "1/Month".into(),
            |v| v["type"] = "Reservation".into(),
            |v| v["currencyCode"] = "EUR".into(),
            |v| v["armRegionName"] = "westus".into(),
            |v| v["armSkuName"] = "standard_d4s_v5".into(),
            |v| v["retailPrice"] = json!(0.0),
            |v| v["effectiveStartDate"] = "2050-01-01T00:00:00Z".into(),
        ];
        for change in changes {
            let mut one = item("D4s v5", "Virtual Machines Dsv5 Series", 0.192);
            change(&mut one);
            assert_eq!(of(&[one.clone()]), Listed::default(), "{one}");
        }
    }

    #[test]
    fn the_price_that_came_into_force_last_counts() {
        let old = item("D4s v5", "x", 0.2);
        let mut new = item("D4s v5", "x", 0.19);
        new["effectiveStartDate"] = "2025-06-01T00:00:00Z".into();
        assert_eq!(of(&[old.clone(), new.clone()]).on_demand, Some(190_000));
        assert_eq!(of(&[new, old]).on_demand, Some(190_000));
    }

    #[test]
    fn a_filter_cannot_be_left() {
        assert!(filter("eastus", "a' or 'b").contains("armSkuName eq 'a'' or ''b' and"));
    }

    #[test]
    fn prices_are_read_again_when_old_and_outlive_an_outage() {
        let mut book = Book::default();
        let wanted = BTreeSet::from(["a".into(), "b".into()]);
        assert_eq!(book.due(&wanted, NOW).len(), 2);
        book.take("a".into(), Listed { spot: Some(1), on_demand: None }, NOW);
        assert_eq!(book.due(&wanted, NOW), ["b".into()]);
        book.pause(NOW);
        assert_eq!(book.due(&wanted, NOW), [], "the list is left alone after a failure");
        assert_eq!(book.due(&wanted, NOW.plus(KEPT)).len(), 2);
        assert!(book.listed(&"a".into(), NOW.plus(KEPT)).is_some_and(|(_, at)| at == NOW));
        assert!(book.listed(&"a".into(), NOW.plus(OUTLIVES)).is_none());
    }
}
