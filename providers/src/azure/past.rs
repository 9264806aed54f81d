//! What Resource Graph tells of spot: past prices and eviction rates, of regions and not of zones. People look at it;
//! nothing is decided by it.
//!
//! Source of the queries: Microsoft, "Use Azure Spot Virtual Machines", Azure Resource Graph. The elements of `spotPrices`
//! are on no page of Microsoft's; others that read them see `effectiveDate` and `priceUSD`, the newest first, as a list or
//! as its text.

use std::collections::BTreeSet;

use policies::model::{Market, Pool};
use policies::units::{ListPrice, Share, Time};
use serde_json::Value;

use super::prices::micros;
use super::translate::zone_number;
use super::wire::time_of;
use crate::{PriceHistory, Signal};

/// Past prices of what these pools are made of, in Linux.
pub(super) fn prices_query(region: &str, pools: &[Pool]) -> String {
    query("skuspotpricehistory/ostype/location", "| where properties.osType =~ 'linux' ", region, pools)
        + "spotPrices=properties.spotPrices"
}

/// Eviction rates of what these pools are made of.
pub(super) fn evictions_query(region: &str, pools: &[Pool]) -> String {
    query("skuspotevictionrate/location", "", region, pools) + "evictionRate=tostring(properties.evictionRate)"
}

fn query(kind: &str, more: &str, region: &str, pools: &[Pool]) -> String {
    let text = |name: &str| format!("'{}'", name.replace(['\\', '\''], ""));
    let sizes: BTreeSet<String> = spot(pools).map(|pool| text(pool.instance_type().as_str())).collect();
    let (sizes, region) = (Vec::from_iter(sizes).join(", "), text(region));
    format!(
        "SpotResources | where type =~ 'microsoft.compute/{kind}' | where sku.name in~ ({sizes}) \
         {more}| where location =~ {region} | project skuName=tostring(sku.name), "
    )
}

fn spot(pools: &[Pool]) -> impl Iterator<Item = &Pool> {
    pools.iter().filter(|pool| pool.market() == Market::Spot)
}

fn row_of<'r>(rows: &'r [Value], pool: &Pool) -> Option<&'r Value> {
    let size = pool.instance_type().as_str();
    rows.iter().find(|row| row["skuName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(size)))
}

/// The history of each pool that a row tells of. What cannot be read of it is left out.
pub(super) fn histories(rows: &[Value], pools: &[Pool], since: Time) -> Vec<PriceHistory> {
    let history = |pool: &Pool| {
        let told = &row_of(rows, pool)?["spotPrices"];
        let written = told.as_str().and_then(|text| serde_json::from_str(text).ok());
        let told: Value = written.unwrap_or_else(|| told.clone());
        let point = |point: &Value| {
            let at = time_of(point["effectiveDate"].as_str()?)?;
            Some((at, ListPrice::usd(micros(&point["priceUSD"])?)))
        };
        PriceHistory::since(pool, told.as_array()?.iter().filter_map(point).collect(), since)
    };
    spot(pools).filter_map(history).collect()
}

/// What is said of evictions of each pool.
pub(super) fn signals(rows: &[Value], pools: &[Pool]) -> Vec<(Pool, Signal)> {
    let said = |pool: &Pool| Some((pool.clone(), rate(row_of(rows, pool)?["evictionRate"].as_str()?)?));
    spot(pools).filter_map(said).collect()
}

/// What is said of placement in the zone of each pool; a pool without a zone has what is said of any zone.
pub(super) fn placements(scores: &[Value], pools: &[Pool]) -> Vec<(Pool, Signal)> {
    let said = |pool: &Pool| {
        let same = |score: &&Value, key: &str, text: &str| {
            score[key].as_str().is_some_and(|told| told.eq_ignore_ascii_case(text))
        };
        let zone = zone_number(pool.region().as_str(), pool.zone().as_str()).ok().flatten();
        let score = scores.iter().find(|score| {
            same(score, "sku", pool.instance_type().as_str())
                && zone.is_none_or(|zone| same(score, "availabilityZone", zone))
        })?;
        // Others say that nothing is known.
        let words = ["High", "Medium", "Low"].into_iter().find(|words| same(&score, "score", words))?;
        Some((pool.clone(), Signal::Placement(words)))
    };
    spot(pools).filter_map(said).collect()
}

/// `0-5`, `20+` or a number: percent of the machines an hour.
fn rate(text: &str) -> Option<Signal> {
    let percent = |text: &str| text.trim().parse().ok().filter(|n| *n <= 100).map(Share::percent);
    if let Some(from) = text.strip_suffix('+') {
        return Some(Signal::EvictedAnHour(percent(from)?, None));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(Signal::EvictedAnHour(percent(from)?, Some(percent(to)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool(size: &str, market: Market) -> Pool {
        Pool::new("azure", "eastus", "eastus-1", size, market)
    }

    #[test]
    fn a_query_names_each_size_once_and_nothing_gets_out_of_its_quotes() {
        let pools = [
            pool("Standard_D4s_v5", Market::Spot),
            pool("Standard_D4s_v5", Market::OnDemand),
            pool("x' or 'a'=='a", Market::Spot),
        ];
        assert_eq!(
            evictions_query("eastus", &pools),
            "SpotResources | where type =~ 'microsoft.compute/skuspotevictionrate/location' | where sku.name in~ \
             ('Standard_D4s_v5', 'x or a==a') | where location =~ 'eastus' | project skuName=tostring(sku.name), \
             evictionRate=tostring(properties.evictionRate)"
        );
        assert!(prices_query("eastus", &pools).contains("osType =~ 'linux' | where location"));
    }

    #[test]
    fn a_history_rises_from_what_held_at_its_start() {
        let at = |day| time_of(&format!("2026-11-{day:02}T00:00:00Z")).expect("a time");
        let points = json!([
            {"effectiveDate": "2026-11-20T00:00:00Z", "priceUSD": 0.04},
            {"effectiveDate": "2026-11-10T00:00:00Z", "priceUSD": 0.05},
            {"effectiveDate": "never", "priceUSD": 1},
            {"effectiveDate": "2026-11-01T00:00:00Z", "priceUSD": 0.06},
        ]);
        let pools = [pool("Standard_D4s_v5", Market::Spot), pool("Standard_E4s_v5", Market::Spot)];
        for told in [points.clone(), points.to_string().into()] {
            let rows = [json!({"skuName": "standard_d4s_v5", "spotPrices": told})];
            let histories = histories(&rows, &pools, at(12));
            let expected = vec![(at(10), ListPrice::usd(50_000)), (at(20), ListPrice::usd(40_000))];
            assert_eq!(histories, [PriceHistory { pool: pools[0].clone(), prices: expected }]);
        }
    }

    #[test]
    fn placement_is_told_by_size_and_zone() {
        let score = |sku: &str, zone: &str, score: &str| json!({"sku": sku, "region": "eastus", "availabilityZone": zone, "score": score, "isQuotaAvailable": true});
        let scores = [
            score("Standard_D4s_v5", "2", "Low"),
            score("standard_d4s_v5", "1", "high"),
            score("Standard_E4s_v5", "1", "DataNotFoundOrStale"),
        ];
        let pools = [pool("Standard_D4s_v5", Market::Spot), pool("Standard_E4s_v5", Market::Spot)];
        assert_eq!(placements(&scores, &pools), [(pools[0].clone(), Signal::Placement("High"))]);
    }

    #[test]
    fn eviction_rates_are_ranges_in_percent() {
        let percent = Share::percent;
        for (text, expected) in [
            ("0-5", Some(Signal::EvictedAnHour(percent(0), Some(percent(5))))),
            ("20+", Some(Signal::EvictedAnHour(percent(20), None))),
            ("5", Some(Signal::EvictedAnHour(percent(5), Some(percent(5))))),
            ("", None),
            ("many", None),
            ("101", None),
        ] {
            assert_eq!(rate(text), expected, "{text}");
        }
    }
}
