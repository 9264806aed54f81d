//! The best refused alternatives.

use core::cmp::Ordering;

use crate::allocate::{Candidate, Shop, by_unit_price};
use crate::model::Market;
use crate::plan::index::{Index, Site};
use crate::report::{ALTERNATIVES, Because, Refused};

/// The cheapest pools of a market that the plan does not buy from, and why not where it is not the price.
pub(super) struct Alternatives {
    pools: Vec<(usize, Because)>,
}

impl Alternatives {
    /// The best of those that are not `chosen`, as the shop stands after buying.
    pub(super) fn new(index: &Index<'_>, market: Market, chosen: &[usize], shop: &Shop) -> Self {
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        let mut best: Vec<usize> = Vec::with_capacity(ALTERNATIVES + 1);
        for (i, site) in index.sites.iter().enumerate() {
            let belongs = site.spec.is_some() && site.pool.market() == market;
            if !belongs || chosen.binary_search(&i).is_ok() {
                continue;
            }
            let at = best.partition_point(|b| cheaper(&index.sites[*b], site).is_le());
            best.insert(at, i);
            best.truncate(ALTERNATIVES);
        }
        let why = |i: usize| {
            let site = &index.sites[i];
            match (&site.refused, index.candidate(i)) {
                (Some(because), _) => because.clone(),
                (None, Some(candidate)) => shop.refusal(&candidate),
                (None, None) => Because::NoOffer,
            }
        };
        Self { pools: best.into_iter().map(|i| (i, why(i))).collect() }
    }

    /// As seen beside one choice: what has no other reason and is not cheaper, is worse.
    pub(super) fn beside(&self, index: &Index<'_>, choice: Option<&Candidate>) -> Vec<Refused> {
        let refused = |(i, because): &(usize, Because)| {
            let site = &index.sites[*i];
            let dearer = choice.is_some_and(|c| {
                let price = site.price.unwrap_or_default();
                by_unit_price((price, site.units), (c.price, c.units)).is_ge()
            });
            let because = match (&site.refused, site.failures) {
                (None, _) if dearer => Because::Worse,
                (None, 1..) if *because == Because::Worse => Because::FailedLately(site.failures),
                _ => because.clone(),
            };
            Refused { pool: site.pool.clone(), per_unit: site.per_unit(), because }
        };
        self.pools.iter().map(refused).collect()
    }
}

/// By price per unit; unknown prices last.
fn cheaper(a: &Site<'_>, b: &Site<'_>) -> Ordering {
    match (a.price, b.price) {
        (Some(x), Some(y)) => by_unit_price((x, a.units), (y, b.units)),
        (x, y) => x.is_none().cmp(&y.is_none()),
    }
}
