//! Prices: what EC2 and the Price List API say, kept for a stated time, and the small table for when the latter is
//! silent.
//!
//! Keeping a price is keeping a fact with its age; what to make of it is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use policies::model::{InstanceType, Pool, Region, Zone};
use policies::units::{Currency, ListPrice, Span, Time};
use serde_json::Value;

use super::wire;
use crate::PriceHistory;

/// Spot prices are read again after this time. AWS moves them slowly ("long-term trends in supply and demand"); five
/// minutes see a change soon and cost one paged call a region.
pub(super) const SPOT_KEPT: Span = Span::from_mins(5);

/// When spot prices cannot be read, those of the last reading stand in for so long: a price outage is no launch outage.
const SPOT_OUTLIVES: Span = Span::from_hours(1);

/// On-demand prices are read again after this time: they change a few times a year, and mostly downwards.
const ON_DEMAND_KEPT: Span = Span::from_hours(24);

/// After a failure the Price List API is left alone for so long: its bucket is small (10 calls, 5 a second), and the
/// last prices or the table stand in.
const ON_DEMAND_PAUSE: Span = Span::from_mins(5);

/// One row of the spot price history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SpotRecord {
    pub(super) instance_type: String,
    pub(super) zone: String,
    pub(super) price: String,
    pub(super) set_at: Option<Time>,
}

/// What a decimal of dollars (or yuan) is in millionths, rounded up: a price is never understated. `None` for what is
/// no plain decimal.
pub(super) fn micros(decimal: &str) -> Option<u64> {
    let (whole, places) = decimal.split_once('.').unwrap_or((decimal, ""));
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

/// The currency that a region's prices are in.
pub(super) fn currency(region: &Region) -> Currency {
    if region.as_str().starts_with("cn-") { Currency::Cny } else { Currency::Usd }
}

/// The Price List endpoint that serves a region. Three regions have one (and one in China); which of them is asked
/// makes no difference to the answer. Source: AWS Price List user guide, "Price List Query API endpoints".
pub(super) fn price_list_region(region: &Region) -> &'static str {
    match region.as_str() {
        r if r.starts_with("cn-") => "cn-northwest-1",
        r if r.starts_with("eu-") || r.starts_with("me-") || r.starts_with("af-") || r.starts_with("il-") => {
            "eu-central-1"
        }
        r if r.starts_with("ap-") => "ap-south-1",
        _ => "us-east-1",
    }
}

/// The filters that leave one on-demand price of a type: Linux, shared tenancy, nothing installed. Bare metal is
/// listed under a family and a tenancy of its own.
pub(super) fn price_list_filters(region: &Region, instance_type: &InstanceType) -> Vec<(&'static str, String)> {
    let metal = instance_type.as_str().contains(".metal");
    let (tenancy, family) =
        if metal { ("Dedicated", "Compute Instance (bare metal)") } else { ("Shared", "Compute Instance") };
    [
        ("regionCode", region.as_str()),
        ("instanceType", instance_type.as_str()),
        ("serviceCode", "AmazonEC2"),
        ("operatingSystem", "Linux"),
        ("preInstalledSw", "NA"),
        ("capacitystatus", "Used"),
        ("marketoption", "OnDemand"),
        ("tenancy", tenancy),
        ("productFamily", family),
    ]
    .into_iter()
    .map(|(field, value)| (field, value.to_owned()))
    .collect()
}

/// Instance type and price in one element of a price list (a JSON text of its own); `None` when it has no price in
/// this currency other than zero.
pub(super) fn listed_price(element: &str, currency: Currency) -> Option<(InstanceType, u64)> {
    let product: Value = serde_json::from_str(element).ok()?;
    let instance_type = product.pointer("/product/attributes/instanceType")?.as_str()?;
    let terms = product.pointer("/terms/OnDemand")?.as_object()?;
    let dimensions = terms.values().filter_map(|term| term.get("priceDimensions")?.as_object());
    let price = dimensions
        .flat_map(|dimensions| dimensions.values())
        .filter_map(|dimension| micros(dimension.get("pricePerUnit")?.get(currency.code())?.as_str()?))
        .find(|micros| *micros > 0)?;
    Some((InstanceType::from(instance_type), price))
}

/// Spot prices of one region as last read.
#[derive(Debug, Default)]
pub(super) struct SpotBook {
    read_at: Option<Time>,
    types: BTreeSet<InstanceType>,
    prices: BTreeMap<(InstanceType, Zone), (u64, Time)>,
}

impl SpotBook {
    /// The types to read prices of now: none while the last reading covers `wanted` and is young enough.
    pub(super) fn due(&self, wanted: &BTreeSet<InstanceType>, now: Time) -> BTreeSet<InstanceType> {
        let young = self.read_at.is_some_and(|at| now.since(at) < SPOT_KEPT);
        if young && wanted.is_subset(&self.types) {
            return BTreeSet::new();
        }
        self.types.union(wanted).cloned().collect()
    }

    /// Takes in a complete reading of these types: the newest record of each type and zone, whatever the product
    /// description.
    pub(super) fn take(&mut self, types: BTreeSet<InstanceType>, records: &[SpotRecord], now: Time) {
        self.prices.clear();
        for record in records {
            let (Some(price), Some(set_at)) = (micros(&record.price), record.set_at) else { continue };
            let key = (InstanceType::from(record.instance_type.as_str()), Zone::from(record.zone.as_str()));
            let entry = self.prices.entry(key).or_insert((price, set_at));
            if entry.1 < set_at {
                *entry = (price, set_at);
            }
        }
        self.types = types;
        self.read_at = Some(now);
    }

    /// True when the last reading may still be used although the newest one failed.
    pub(super) fn outlives(&self, now: Time) -> bool {
        self.read_at.is_some_and(|at| now.since(at) < SPOT_OUTLIVES)
    }

    /// The price, and when EC2 set it.
    pub(super) fn price(&self, instance_type: &InstanceType, zone: &Zone) -> Option<(u64, Time)> {
        self.prices.get(&(instance_type.clone(), zone.clone())).copied()
    }
}

/// What each of these pools cost, by the records of its type and zone. EC2 repeats a price that has not changed, and
/// gives each under two product descriptions in some accounts: of several at one moment the dearest counts, and of
/// equal ones in a row the first is left. A pool without a record is left out.
pub(super) fn histories(pools: &[&Pool], records: &[SpotRecord], currency: Currency) -> Vec<PriceHistory> {
    let mut read: BTreeMap<(&str, &str), BTreeMap<Time, u64>> = BTreeMap::new();
    for record in records {
        let (Some(price), Some(set_at)) = (micros(&record.price), record.set_at) else { continue };
        let course = read.entry((&record.instance_type, &record.zone)).or_default();
        course.entry(set_at).and_modify(|dearest| *dearest = price.max(*dearest)).or_insert(price);
    }
    let history = |pool: &&Pool| {
        let course = read.get(&(pool.instance_type().as_str(), pool.zone().as_str()))?;
        let mut prices: Vec<_> =
            course.iter().map(|(at, micros)| (*at, ListPrice { micros: *micros, currency })).collect();
        prices.dedup_by_key(|(_, price)| *price);
        Some(PriceHistory { pool: (*pool).clone(), prices })
    };
    pools.iter().filter_map(history).collect()
}

/// On-demand prices of one region as last read.
#[derive(Debug, Default)]
pub(super) struct OnDemandBook {
    /// Price, if the list has one, and when it was read.
    read: BTreeMap<InstanceType, (Option<u64>, Time)>,
    paused_until: Option<Time>,
}

impl OnDemandBook {
    /// The types to read prices of now.
    pub(super) fn due(&self, wanted: &BTreeSet<InstanceType>, now: Time) -> Vec<InstanceType> {
        if self.paused_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let young = |kind: &InstanceType| self.read.get(kind).is_some_and(|(_, at)| now.since(*at) < ON_DEMAND_KEPT);
        wanted.iter().filter(|kind| !young(kind)).cloned().collect()
    }

    /// Takes in what the list says of a type.
    pub(super) fn take(&mut self, instance_type: InstanceType, price: Option<u64>, now: Time) {
        self.read.insert(instance_type, (price, now));
    }

    /// The list could not be read.
    pub(super) fn pause(&mut self, now: Time) {
        self.paused_until = Some(now.plus(ON_DEMAND_PAUSE));
    }

    /// The price, and when it was read; from the checked-in table when it never was, with the table's date.
    pub(super) fn price(&self, region: &Region, instance_type: &InstanceType) -> Option<(ListPrice, Time)> {
        if let Some((Some(micros), at)) = self.read.get(instance_type) {
            return Some((ListPrice { micros: *micros, currency: currency(region) }, *at));
        }
        TABLE.get(&(region.clone(), instance_type.clone())).map(|(micros, at)| (ListPrice::usd(*micros), *at))
    }
}

/// The checked-in table, by region and type. A row that cannot be read is left out; a test reads them all.
static TABLE: LazyLock<BTreeMap<(Region, InstanceType), (u64, Time)>> =
    LazyLock::new(|| rows(include_str!("on_demand.csv")).flatten().collect());

type Row = ((Region, InstanceType), (u64, Time));

fn rows(csv: &'static str) -> impl Iterator<Item = Option<Row>> {
    csv.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| {
        let mut fields = line.split(',');
        let (region, kind, as_of, price) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(((region.into(), kind.into()), (micros(price)?, wire::time_of(&format!("{as_of}T00:00:00Z"))?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_800_000_000_000);

    fn types(names: &[&str]) -> BTreeSet<InstanceType> {
        names.iter().map(|name| InstanceType::from(*name)).collect()
    }

    #[test]
    fn decimals_become_millionths_rounded_up() {
        for (text, expected) in [
            ("0.0311000000", Some(31_100)),
            ("0.03110001", Some(31_101)),
            ("3", Some(3_000_000)),
            ("3.", Some(3_000_000)),
            ("98.3200", Some(98_320_000)),
            ("0.00001", Some(10)),
            ("", None),
            (".5", None),
            ("-1", None),
            ("1e3", None),
            ("1,5", None),
            ("99999999999999999999", None),
            ("18446744073709.6", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }

    fn record(zone: &str, price: &str, set_at: Option<Time>) -> SpotRecord {
        SpotRecord { instance_type: "m5.large".to_owned(), zone: zone.to_owned(), price: price.to_owned(), set_at }
    }

    #[test]
    fn the_newest_record_of_a_type_and_zone_counts() {
        let mut book = SpotBook::default();
        let (old, new) = (NOW.minus(Span::from_hours(9)), NOW.minus(Span::from_hours(2)));
        let records = [
            record("us-east-1a", "0.04", Some(new)),
            record("us-east-1a", "0.03", Some(old)),
            record("us-east-1b", "0.05", None),
            record("us-east-1c", "cheap", Some(new)),
        ];
        book.take(types(&["m5.large"]), &records, NOW);
        let price = |zone: &str| book.price(&"m5.large".into(), &zone.into());
        assert_eq!(price("us-east-1a"), Some((40_000, new)));
        assert_eq!(price("us-east-1b"), None, "without a time it is not known to be of today");
        assert_eq!(price("us-east-1c"), None);
    }

    #[test]
    fn a_history_is_of_its_type_and_zone_in_order_and_without_repetition() {
        let at = |hours| NOW.minus(Span::from_hours(hours));
        let records = [
            record("us-east-1a", "0.05", Some(at(1))),
            record("us-east-1a", "0.04", Some(at(3))),
            record("us-east-1a", "0.04", Some(at(2))),
            record("us-east-1a", "0.03", Some(at(9))),
            record("us-east-1a", "0.035", Some(at(9))),
            record("us-east-1a", "0.99", None),
            record("us-east-1b", "0.07", Some(at(5))),
        ];
        let pool = |zone: &str| Pool::new("aws", "us-east-1", zone, "m5.large", policies::model::Market::Spot);
        let pools = [pool("us-east-1a"), pool("us-east-1c")];
        let told = histories(&[&pools[0], &pools[1]], &records, Currency::Usd);
        let [history] = &told[..] else { panic!("{told:?}") };
        let course: Vec<_> = history.prices.iter().map(|(at, price)| (*at, price.micros)).collect();
        assert_eq!(course, [(at(9), 35_000), (at(3), 40_000), (at(1), 50_000)]);
        assert_eq!(history.pool, pools[0]);
    }

    #[test]
    fn spot_prices_are_read_again_when_old_or_when_a_type_is_new() {
        let mut book = SpotBook::default();
        assert_eq!(book.due(&types(&["a"]), NOW), types(&["a"]));
        assert!(!book.outlives(NOW));
        book.take(types(&["a"]), &[], NOW);
        assert_eq!(book.due(&types(&["a"]), NOW), types(&[]));
        assert_eq!(book.due(&types(&["b"]), NOW), types(&["a", "b"]), "what is known is kept fresh along with it");
        assert_eq!(book.due(&types(&["a"]), NOW.plus(SPOT_KEPT)), types(&["a"]));
        assert!(book.outlives(NOW.plus(SPOT_KEPT)));
        assert!(!book.outlives(NOW.plus(SPOT_OUTLIVES)));
    }

    #[test]
    fn on_demand_prices_are_kept_a_day_and_the_list_is_left_alone_after_a_failure() {
        let mut book = OnDemandBook::default();
        let wanted = types(&["a", "b"]);
        assert_eq!(book.due(&wanted, NOW).len(), 2);
        book.take("a".into(), Some(96_000), NOW);
        assert_eq!(book.due(&wanted, NOW), ["b".into()]);
        book.pause(NOW);
        assert_eq!(book.due(&wanted, NOW), []);
        assert_eq!(book.due(&wanted, NOW.plus(ON_DEMAND_PAUSE)), ["b".into()]);
        book.take("b".into(), None, NOW);
        assert_eq!(book.due(&wanted, NOW.plus(ON_DEMAND_PAUSE)), [], "a type without a price is not asked for again");
        assert_eq!(book.due(&wanted, NOW.plus(ON_DEMAND_KEPT)).len(), 2);
    }

    #[test]
    fn the_list_comes_before_the_table_and_the_table_says_its_date() {
        let (region, kind) = (Region::from("us-east-1"), InstanceType::from("m5.large"));
        let mut book = OnDemandBook::default();
        let (price, at) = book.price(&region, &kind).unwrap();
        assert_eq!((price, Some(at)), (ListPrice::usd(96_000), wire::time_of("2026-05-17T00:00:00Z")));
        assert_eq!(book.price(&Region::from("eu-west-1"), &kind), None, "no table for other regions");
        book.take(kind.clone(), None, NOW);
        assert!(book.price(&region, &kind).is_some(), "a list without the type does not take the table away");
        book.take(kind.clone(), Some(95_000), NOW);
        assert_eq!(book.price(&region, &kind), Some((ListPrice::usd(95_000), NOW)));
    }

    #[test]
    fn every_row_of_the_table_can_be_read() {
        let all: Vec<_> = rows(include_str!("on_demand.csv")).collect();
        assert!(all.len() > 60);
        assert!(all.iter().all(Option::is_some));
        assert_eq!(TABLE.len(), all.len(), "no type twice");
    }

    #[test]
    fn a_price_list_element_gives_its_price() {
        let element = |price: &str| {
            format!(
                r#"{{"product":{{"productFamily":"Compute Instance","attributes":{{"instanceType":"m5.large"}}}},
                "serviceCode":"AmazonEC2","terms":{{"OnDemand":{{"A.B":{{"priceDimensions":{{
                "A.B.1":{{"unit":"Hrs","pricePerUnit":{{"USD":"0.0000000000"}}}},
                "A.B.2":{{"unit":"Hrs","pricePerUnit":{{{price}}}}}}}}}}}}}}}"#
            )
        };
        let usd = element(r#""USD":"0.0960000000""#);
        assert_eq!(listed_price(&usd, Currency::Usd), Some(("m5.large".into(), 96_000)));
        assert_eq!(listed_price(&usd, Currency::Cny), None);
        assert_eq!(listed_price(&element(r#""CNY":"0.7""#), Currency::Cny), Some(("m5.large".into(), 700_000)));
        assert_eq!(listed_price(&element(r#""USD":"0""#), Currency::Usd), None, "a zero price is no price");
        assert_eq!(listed_price("{}", Currency::Usd), None);
        assert_eq!(listed_price("not json", Currency::Usd), None);
    }

    #[test]
    fn bare_metal_is_asked_for_under_its_own_family() {
        let of = |kind: &str| price_list_filters(&"us-east-1".into(), &kind.into());
        assert!(of("m5.metal").contains(&("tenancy", "Dedicated".to_owned())));
        assert!(of("m5.large").contains(&("tenancy", "Shared".to_owned())));
    }

    #[test]
    fn each_region_has_a_price_list_and_a_currency() {
        for (region, list, money) in [
            ("us-east-1", "us-east-1", Currency::Usd),
            ("sa-east-1", "us-east-1", Currency::Usd),
            ("eu-west-1", "eu-central-1", Currency::Usd),
            ("ap-southeast-2", "ap-south-1", Currency::Usd),
            ("cn-north-1", "cn-northwest-1", Currency::Cny),
        ] {
            assert_eq!((price_list_region(&region.into()), currency(&region.into())), (list, money), "{region}");
        }
    }
}
