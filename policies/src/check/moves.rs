//! Rules of moves, and of what survives the loss of a place.

use std::collections::BTreeMap;

use crate::check::launches::Launch;
use crate::check::{Books, Violation};
use crate::model::{Market, Pool, Survive};
use crate::plan::{Action, Cause, Holding, HoldingId, Input, LaunchWhy, Plan, Standing};
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

/// Capacity by place of a kind, of these holdings.
fn places<'a>(of: Survive, holdings: impl Iterator<Item = &'a Holding>) -> BTreeMap<Place<'a>, Capacity> {
    let mut places = BTreeMap::new();
    for holding in holdings {
        let sum: &mut Capacity = places.entry(place(of, &holding.pool)).or_default();
        *sum = sum.plus(holding.capacity());
    }
    places
}

/// Provider, and as far as they matter region and zone.
type Place<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn place(of: Survive, pool: &Pool) -> Place<'_> {
    let (region, zone) = (pool.lane().region.as_str(), pool.zone().as_str());
    match of {
        Survive::Provider => (pool.provider().as_str(), None, None),
        Survive::Region => (pool.provider().as_str(), Some(region), None),
        Survive::Zone => (pool.provider().as_str(), Some(region), Some(zone)),
    }
}

/// What is left without the place that holds most.
fn left(places: &BTreeMap<Place<'_>, Capacity>) -> Capacity {
    let most = places.values().copied().max().unwrap_or_default();
    places.values().copied().sum::<Capacity>().minus(most)
}

/// No machine is bought to survive that is not needed for it.
pub(super) fn spares(input: &Input<'_>, books: &Books<'_>, launches: &[Launch<'_>], found: &mut Vec<Violation>) {
    let spares = || launches.iter().filter(|l| l.why == LaunchWhy::Survive);
    if spares().next().is_none() {
        return;
    }
    let needless = |launch: &Launch<'_>| {
        let Some(of) = input.fleet.survive else { return true };
        let mut places = places(of, input.holdings.iter().filter(|h| h.counts()));
        for other in launches {
            let sum = places.entry(place(of, other.pool)).or_default();
            *sum = sum.plus(other.capacity());
        }
        let sum = places.entry(place(of, launch.pool)).or_default();
        *sum = sum.minus(launch.units);
        left(&places) >= books.min
    };
    found.extend(spares().filter(|l| needless(l)).map(|l| Violation::NeedlessSpare(l.pool.clone())));
}

/// What has to stay though other machines go: what the minimum needs to survive the loss of a place, and what starts in
/// place of a dearer machine.
pub(super) struct Bound<'a> {
    places: Option<(Survive, BTreeMap<Place<'a>, Capacity>)>,
    all: Capacity,
    /// The place that holds most, and how much.
    most: Option<(Place<'a>, Capacity)>,
    /// What the place after it holds.
    second: Capacity,
    min: Capacity,
    moves: bool,
}

impl<'a> Bound<'a> {
    /// When these leave.
    pub(super) fn new(input: &Input<'a>, books: &Books<'_>, leaves: impl Fn(&Holding) -> bool) -> Self {
        let stay = || input.holdings.iter().filter(|h| is_sure(input, h) && !leaves(h));
        let places = input.fleet.survive.map(|of| (of, places(of, stay())));
        let mut sums: Vec<_> = places.iter().flat_map(|(_, places)| places).map(|(at, sum)| (*at, *sum)).collect();
        sums.sort_unstable_by_key(|(_, sum)| core::cmp::Reverse(*sum));
        Self {
            all: sums.iter().map(|(_, sum)| *sum).sum(),
            most: sums.first().copied(),
            second: sums.get(1).map(|(_, sum)| *sum).unwrap_or_default(),
            places,
            min: books.min,
            moves: input.fleet.spot.moves.is_some(),
        }
    }

    /// This one, of those that stay, has to.
    pub(super) fn holds(&self, holding: &Holding) -> bool {
        let survives = self.places.as_ref().is_none_or(|(of, places)| {
            let here = place(*of, &holding.pool);
            let most = self.most.filter(|(at, _)| *at != here).map(|(_, most)| most);
            let own = places.get(&here).copied().unwrap_or_default().minus(holding.capacity());
            let most = most.unwrap_or_else(|| own.max(self.second));
            self.all.minus(holding.capacity()).minus(most) >= self.min
        });
        !survives || self.moves && holding.standing == Standing::Starting
    }
}

/// It exists, stays and is in sight.
fn is_sure(input: &Input<'_>, holding: &Holding) -> bool {
    let exists = matches!(holding.standing, Standing::Starting | Standing::Running);
    holding.counts() && exists && input.lanes.get(holding.pool.lane()).is_some_and(|state| state.seen)
}

/// What leaves as surplus is not what the minimum needs to survive.
pub(super) fn survivors(input: &Input<'_>, plan: &Plan, books: &Books<'_>, found: &mut Vec<Violation>) {
    let Some(of) = input.fleet.survive else { return };
    let goes = |holding: &Holding| {
        let HoldingId::Machine(id) = &holding.id else { return false };
        plan.actions.iter().any(|a| matches!(a, Action::Drain { instance, why: Cause::Surplus, .. } if instance == id))
    };
    let sure = |h: &&Holding| is_sure(input, h);
    if !input.holdings.iter().any(goes) {
        return;
    }
    let before = left(&places(of, input.holdings.iter().filter(sure)));
    let after = left(&places(of, input.holdings.iter().filter(sure).filter(|h| !goes(h))));
    if after < books.min && after < before {
        found.push(Violation::Unsurvivable { left: after, floor: books.min });
    }
}
