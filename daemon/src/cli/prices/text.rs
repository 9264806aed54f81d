//! Prices as tables for people.

use policies::model::Market;
use policies::report::{Because, render_because};
use policies::units::{Span, Time, UnitPrice};

use crate::cli::out::{lines, table};
use crate::prices::{FleetPrices, PAST_POOLS, Past, Row, Said, short};
use crate::shell::dry::Unread;

/// Blocks in a line of past prices.
const BLOCKS: u64 = 24;

/// From the lowest to the highest.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A table for each fleet, then what could not be read.
pub(super) fn tables(
    fleets: &[FleetPrices],
    unread: &Unread,
    told: Option<(&Past, Time)>,
    said: Option<&Said>,
) -> String {
    let each: Vec<_> = fleets.iter().map(|fleet| of_fleet(fleet, told.map(|(_, since)| since))).collect();
    let mut text = each.join("\n");
    let mut notes = Vec::new();
    for (lane, failure) in &unread.machines {
        notes.push(format!("{lane}: its machines cannot be listed: {failure}"));
    }
    for (lane, failure) in &unread.offers {
        notes.push(format!("{lane}: its prices cannot be read: {failure}"));
    }
    // On-demand is asked about for every spot pool; who does not buy it need not hear of it.
    let rows = fleets.iter().flat_map(|fleet| &fleet.pools).filter(|row| !row.is_sold_out());
    for row in rows.filter(|row| !unread.offers.contains_key(row.price.pool.lane())) {
        notes.extend(row.failure.as_ref().map(|failure| format!("{}: {failure}", row.price.pool)));
    }
    if let Some((past, _)) = told {
        for (lane, failure) in &past.failures {
            notes.push(format!("{lane}: its past prices cannot be read: {failure}"));
        }
        for fleet in fleets.iter().filter(|fleet| fleet.spot().nth(PAST_POOLS).is_some()) {
            notes.push(format!("past prices are those of the {PAST_POOLS} cheapest pools of {}", fleet.fleet));
        }
        for provider in &past.silent {
            notes.push(format!("{provider} tells no past prices"));
        }
    }
    if let Some(said) = said {
        for (lane, failure) in &said.failures {
            notes.push(format!("{lane}: its signals cannot be read: {failure}"));
        }
        for provider in &said.silent {
            notes.push(format!("{provider} says nothing of how likely machines are to be had or kept"));
        }
    }
    notes.dedup();
    if !notes.is_empty() {
        text.push_str(&format!("\n{}\n", notes.join("\n")));
    }
    text
}

fn of_fleet(fleet: &FleetPrices, since: Option<Time>) -> String {
    let FleetPrices { fleet: name, unit, currency, at, pools } = fleet;
    let (machine, per_unit) = (format!("{}/h", currency.code()), format!("per {unit}-h"));
    let foreign = |row: &Row| row.price.offer.as_ref().is_some_and(|offer| offer.price.currency != *currency);
    let past = since.map(|since| format!("last {}", coarse(at.since(since))));
    let mut header = vec!["pool", "market", machine.as_str(), per_unit.as_str()];
    if pools.iter().any(foreign) {
        header.push("listed");
    }
    header.extend(["saved", "age"]);
    if let Some(past) = &past {
        header.extend([past.as_str(), "range"]);
    }
    header.extend(["signal", "state"]);
    let mut table = table(&header, &[&machine, &per_unit, "listed", "saved", "age"]);
    let machine_places = longest(pools.iter().filter_map(|row| row.price.price));
    let unit_places = longest(pools.iter().filter_map(|row| row.price.per_unit()));
    for row in pools {
        let Row { price, failure: _, signals: _, past: _ } = row;
        let offer = price.offer.as_ref();
        let mut cells = vec![short(&price.pool), price.pool.market().name().to_owned()];
        cells.push(or_dash(price.price.map(|price| places(price, machine_places))));
        cells.push(or_dash(price.per_unit().map(|price| places(price, unit_places))));
        if header.contains(&"listed") {
            // Its price as a decimal is that of a price in our own currency.
            let listed = |price: policies::units::ListPrice| {
                let decimal = policies::units::PricePerHour::from_micros(price.micros);
                format!("{}{decimal}", price.currency.symbol())
            };
            cells.push(or_dash(offer.map(|offer| listed(offer.price))));
        }
        let saving = price.saving().filter(|_| price.pool.market() == Market::Spot);
        cells.push(or_dash(saving.map(percent)));
        cells.push(or_dash(offer.map(|offer| coarse(at.since(offer.priced_at)))));
        if let Some(since) = since {
            let past: Vec<_> = row.past_per_unit().collect();
            cells.push(blocks(&past, since, *at));
            cells.push(range(&past));
        }
        cells.push(signal(row));
        cells.push(state(row, fleet));
        table.add_row(cells);
    }
    format!("fleet {name}, {unit}-hours in {}\n{}", currency.code(), lines(&table))
}

/// Decimal places of the longest of these numbers.
fn longest<T: ToString>(numbers: impl Iterator<Item = T>) -> usize {
    numbers.filter_map(|number| Some(number.to_string().split_once('.')?.1.len())).max().unwrap_or(0)
}

/// A decimal number with so many places, so that points stand below each other.
fn places<T: ToString>(number: T, places: usize) -> String {
    let mut text = number.to_string();
    let given = text.split_once('.').map_or(0, |(_, part)| part.len());
    text.extend(std::iter::repeat_n('0', places.saturating_sub(given)));
    text
}

fn or_dash<T: ToString>(known: Option<T>) -> String {
    known.map_or_else(|| "-".to_owned(), |known| known.to_string())
}

/// Hundredths of a percent, to a tenth.
fn percent(basis_points: i64) -> String {
    let sign = if basis_points < 0 { "-" } else { "" };
    let tenths = basis_points.unsigned_abs() / 10;
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

/// A length in its largest unit that is at least twice in it.
fn coarse(span: Span) -> String {
    let seconds = span.as_millis() / 1_000;
    let unit = [(86_400, "d"), (3_600, "h"), (60, "m")].into_iter().find(|(unit, _)| seconds >= 2 * unit);
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// What tells of room there.
fn signal(row: &Row) -> String {
    let said = row.signals.iter().map(ToString::to_string);
    let seen = match (row.is_sold_out(), row.price.failures) {
        (true, _) => Some("sold out".to_owned()),
        (false, 0) => None,
        (false, 1) => Some("the last launch failed".to_owned()),
        (false, n) => Some(format!("the last {n} launches failed")),
    };
    let all: Vec<_> = seen.into_iter().chain(said).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

/// Whether it may be bought from.
fn state(row: &Row, fleet: &FleetPrices) -> String {
    match &row.price.refused {
        None => "usable".to_owned(),
        Some(Because::NoOffer) if row.is_sold_out() => "sold out".to_owned(),
        Some(because) => render_because(because, fleet.at, fleet.currency),
    }
}

/// The highest price of each part of the time, between the lowest and the highest of all. What moved by less than a
/// tenth is drawn as little as that.
fn blocks(past: &[(Time, UnitPrice)], since: Time, until: Time) -> String {
    let prices = past.iter().map(|(_, price)| price.nanos());
    let (Some(low), Some(high)) = (prices.clone().min(), prices.max()) else { return "-".to_owned() };
    let scale = u128::from((high - low).max(high / 10).max(1));
    let length = until.since(since).as_millis();
    let edge = |part: u64| since.plus(Span::from_millis(length / BLOCKS * part));
    let block = |part: u64| {
        let (from, to) = (edge(part), edge(part + 1));
        let in_force = past.iter().rposition(|(at, _)| *at <= from).unwrap_or(0);
        let of_part = past.iter().skip(in_force).take_while(|(at, _)| *at < to).map(|(_, price)| price.nanos());
        let height = |price: u64| usize::try_from(u128::from(price - low) * 7 / scale).unwrap_or(7);
        of_part.max().map_or(' ', |price| HEIGHTS.get(height(price)).copied().unwrap_or('█'))
    };
    (0..BLOCKS).map(block).collect()
}

/// The lowest and the highest price.
fn range(past: &[(Time, UnitPrice)]) -> String {
    let prices = past.iter().map(|(_, price)| *price);
    match (prices.clone().min(), prices.max()) {
        (Some(low), Some(high)) if low != high => format!("{low}..{high}"),
        (Some(low), _) => low.to_string(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use policies::failure::{Failure, FailureKind};
    use policies::model::{Offer, Pool, Shape};
    use policies::plan::PoolPrice;
    use policies::units::{Capacity, Currency, ListPrice, PricePerHour, Share};
    use providers::Signal;

    use super::*;

    const NOW: Time = Time::from_millis(1_790_000_000_000);

    fn row(pool: &str, price: Option<(u64, u64)>, refused: Option<Because>) -> Row {
        let pool = Pool::parse(pool).unwrap();
        let offer = price.map(|(micros, minutes)| Offer {
            pool: pool.clone(),
            price: ListPrice::usd(micros),
            priced_at: NOW.minus(Span::from_mins(minutes)),
            shape: Shape::default(),
        });
        let units = if price.is_some() { Capacity::units(4) } else { Capacity::ZERO };
        let price = PoolPrice {
            pool,
            offer,
            price: price.map(|(micros, _)| PricePerHour::from_micros(micros)),
            units,
            on_demand: Some(PricePerHour::from_micros(200_000)),
            failures: 0,
            refused,
        };
        Row { price, failure: None, signals: Vec::new(), past: Vec::new() }
    }

    fn fleet(pools: Vec<Row>) -> FleetPrices {
        FleetPrices { fleet: "web".into(), unit: "vcpu", currency: Currency::Usd, at: NOW, pools }
    }

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "offers", "Code", "because")
    }

    #[test]
    fn a_table_tells_price_saving_age_signal_and_state() {
        let until = NOW.plus(Span::from_mins(4));
        let cap = UnitPrice::from_nanos(17_500_000);
        let mut failed = row("aws/r/r-a/large/spot", Some((61_000, 90)), None);
        failed.price.failures = 3;
        failed.signals = vec![Signal::PlacementScore(9)];
        let mut sold_out = row("ppio/27/27/4090/spot", None, Some(Because::NoOffer));
        sold_out.failure = Some(failure(FailureKind::NoCapacity));
        let mut broken = row("gcp/s/s-a/n2/spot", None, Some(Because::NoOffer));
        broken.failure = Some(failure(FailureKind::Invalid));
        let closed = Because::Closed { kind: FailureKind::Quota, until };
        let mut shut = row("aws/r/1/large/spot", Some((61_005, 60 * 24 * 195)), Some(closed));
        shut.signals = vec![Signal::EvictedAnHour(Share::percent(5), Some(Share::percent(10)))];
        let pools = vec![
            failed,
            shut,
            row("aws/r/r-b/large/spot", Some((210_000, 1)), Some(Because::AboveShareOfOnDemand(cap))),
            row("aws/r/r-a/large/on-demand", Some((200_000, 0)), None),
            sold_out,
            broken,
        ];
        let mut unread = Unread::default();
        let lane = Pool::parse("gcp/t/t-a/n2/spot").unwrap().lane().clone();
        unread.machines.insert(lane.clone(), failure(FailureKind::Denied));
        unread.offers.insert(lane, failure(FailureKind::Unavailable));
        let mut said = Said { silent: ["ppio".into()].into(), ..Said::default() };
        said.failures.insert(Pool::parse("gcp/s/s-a/n2/spot").unwrap().lane().clone(), failure(FailureKind::Denied));
        let shown = tables(&[fleet(pools)], &unread, None, Some(&said));
        assert_eq!(shown, include_str!("goldens/table.txt"), "\n{shown}");
    }

    #[test]
    fn past_prices_are_a_line_of_blocks_and_a_range_and_foreign_prices_are_listed() {
        let since = NOW.minus(Span::from_hours(24));
        let hours = |hours| since.plus(Span::from_hours(hours));
        let mut told = row("aws/r/r-a/large/spot", Some((61_000, 90)), None);
        let course = [(0, 40_000), (6, 80_000), (7, 40_000), (23, 61_000)];
        told.past = course.map(|(at, micros)| (hours(at), PricePerHour::from_micros(micros))).into();
        let mut foreign = row("ppio/27/27/4090/spot", Some((80_000, 0)), None);
        if let Some(offer) = &mut foreign.price.offer {
            offer.price = ListPrice { micros: 571_429, currency: Currency::Cny };
        }
        let past = Past { silent: ["ppio".into()].into(), ..Past::default() };
        let shown = tables(&[fleet(vec![told, foreign])], &Unread::default(), Some((&past, since)), None);
        assert_eq!(shown, include_str!("goldens/past.txt"), "\n{shown}");
    }

    #[test]
    fn a_small_move_is_drawn_small_and_a_time_before_the_first_price_is_blank() {
        let since = NOW.minus(Span::from_hours(24));
        let at = |hours, nanos| (since.plus(Span::from_hours(hours)), UnitPrice::from_nanos(nanos));
        assert_eq!(blocks(&[at(0, 1_000), at(12, 1_020)], since, NOW), "▁▁▁▁▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▂▂▂▂▂");
        let jump = (since.plus(Span::from_mins(6 * 60 + 20)), UnitPrice::from_nanos(2_000));
        let short = [at(0, 1_000), jump, at(7, 1_000)];
        assert_eq!(blocks(&short, since, NOW), "▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁", "a jump is not hidden");
        assert_eq!(blocks(&[at(22, 5)], since, NOW), "                      ▁▁");
        assert_eq!(blocks(&[], since, NOW), "-");
        assert_eq!(range(&[at(0, 5_000_000)]), "0.0050");
    }

    #[test]
    fn that_not_every_past_was_asked_for_is_said() {
        let said = |pools: usize| {
            let rows = (0..pools).map(|n| row(&format!("aws/r/r-{n}/large/spot"), Some((61_000, 90)), None));
            tables(&[fleet(rows.collect())], &Unread::default(), Some((&Past::default(), NOW)), None)
        };
        assert!(said(PAST_POOLS + 1).ends_with("\npast prices are those of the 200 cheapest pools of web\n"));
        assert!(!said(PAST_POOLS).contains("past prices"));
    }
}
