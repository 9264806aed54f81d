//! Rules of what survives the loss of a place: no more is bought for it than it needs, and nothing goes that it needs.

use std::collections::BTreeMap;

use crate::check::launches::Launch;
use crate::check::{Books, Violation, distinct};
use crate::model::{Pool, Survive};
use crate::plan::{Action, Cause, Holding, HoldingId, Input, LaunchWhy, Plan, Standing};
use crate::units::Capacity;

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
    let surplus = plan.actions.iter().filter_map(|action| match action {
        Action::Drain { instance, why: Cause::Surplus, .. } => Some(instance),
        _ => None,
    });
    let surplus = distinct(surplus);
    if surplus.is_empty() {
        return;
    }
    let goes = |holding: &Holding| matches!(&holding.id, HoldingId::Machine(id) if surplus.contains(id));
    let sure = |h: &&Holding| is_sure(input, h);
    let before = left(&places(of, input.holdings.iter().filter(sure)));
    let after = left(&places(of, input.holdings.iter().filter(sure).filter(|h| !goes(h))));
    if after < books.min && after < before {
        found.push(Violation::Unsurvivable { left: after, floor: books.min });
    }
}
