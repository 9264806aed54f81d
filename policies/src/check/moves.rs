//! Rules of moves: when, how many, and for what saving.

use std::collections::BTreeMap;

use crate::check::launches::Launch;
use crate::check::{Books, Violation};
use crate::model::{Market, Pool};
use crate::plan::{Holding, Input, LaunchWhy, Standing};
use crate::units::{Capacity, PricePerHour, Span};

/// Moves are allowed, in calm, few enough, and each saves what it has to against a machine of its own.
pub(super) fn judge(input: &Input<'_>, books: &Books<'_>, launches: &[Launch<'_>], found: &mut Vec<Violation>) {
    const HOUR: Span = Span::from_hours(1);
    let moves: Vec<&Launch<'_>> = launches.iter().filter(|l| l.why == LaunchWhy::Move).collect();
    let machines: u64 = moves.iter().map(|l| u64::from(l.count)).sum();
    let Some(first) = moves.first() else { return };
    let Some(rules) = input.fleet.spot.moves else {
        found.push(Violation::WrongPurpose(first.pool.clone()));
        return;
    };
    let mut restless = |why| found.push(Violation::Restless(why));
    if moves.len() < launches.len() {
        restless("something else is launched");
    }
    let still = |h: &Holding| h.standing == Standing::Running && h.notice.is_none();
    if !input.holdings.iter().all(still) {
        restless("not every machine runs and stays");
    }
    let pools = input.fleet.pools.keys().chain(input.holdings.iter().map(|h| &h.pool));
    let blind = |pool: &Pool| !input.lanes.get(pool.lane()).is_some_and(|state| state.seen);
    if pools.into_iter().any(blind) {
        restless("a lane is not seen");
    }
    if input.memory.disturbed_at.is_some_and(|at| input.now.since(at) < rules.calm) {
        restless("a machine was taken lately");
    }
    let lately = input.memory.moves.iter().filter(|(at, _)| input.now.since(*at) < HOUR);
    let moved: u64 = lately.map(|(_, n)| u64::from(*n)).sum();
    if moved + machines > u64::from(rules.max_per_hour) {
        restless("too many within an hour");
    }
    let spot =
        input.holdings.iter().filter(|h| h.pool.market() == Market::Spot && input.fleet.pools.contains_key(&h.pool));
    let old: Vec<&Holding> = spot.collect();
    let share: u64 = old.iter().map(|h| u64::from(h.count)).sum::<u64>() * u64::from(rules.max_share.basis_points());
    if machines > (share / 10_000).max(1) {
        restless("too many at once");
    }
    // Per size: the dearest new machine against the dearest old one, and so on.
    let mut news: BTreeMap<Capacity, Vec<PricePerHour>> = BTreeMap::new();
    for launch in &moves {
        let prices = news.entry(launch.units).or_default();
        prices.extend((0..launch.count).map(|_| launch.price));
    }
    let both = input.lead.plus(input.fleet.scale_down.drain_timeout);
    for (units, mut prices) in news {
        prices.sort_unstable_by(|a, b| b.cmp(a));
        let may_go = |h: &&&Holding| {
            h.units == units && !h.protected && input.now.since(h.born) >= input.fleet.scale_down.min_life
        };
        let mut paid: Vec<PricePerHour> =
            old.iter().filter(may_go).filter_map(|h| books.price(input, &h.pool)).collect();
        paid.sort_unstable_by(|a, b| b.cmp(a));
        let saves = |(new, old): (&PricePerHour, &PricePerHour)| {
            let (new, old) = (u128::from(new.micros()), u128::from(old.micros()));
            let saved = old.saturating_sub(new);
            saved > 0
                && saved * 10_000 >= old * u128::from(rules.min_saving.basis_points())
                && saved * u128::from(rules.pays_back_within.as_millis()) >= new * u128::from(both.as_millis())
        };
        if paid.len() < prices.len() || !prices.iter().zip(&paid).all(saves) {
            found.push(Violation::NoSaving { units });
        }
    }
}
