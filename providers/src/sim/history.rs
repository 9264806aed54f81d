//! What pools cost before: as it happened, and before the simulated cloud's time began as chance might have had it.

use std::collections::VecDeque;

use policies::control::Call;
use policies::failure::Failure;
use policies::model::{Lane, Market, Pool};
use policies::rng::Stream;
use policies::units::{ListPrice, Span, Time};

use super::SimCloud;
use super::faults::failure_of;
use crate::PriceHistory;

/// So far back a history is told: as EC2.
const TOLD: Span = Span::from_hours(90 * 24);

/// Changes kept of a pool, the newest: weeks of mild weather.
const KEPT: usize = 2_000;

/// Before time began, a price might change so often.
const STEP: Span = Span::from_hours(1);

/// By at most so much at once, in hundredths of a percent of the usual price.
const MOVE: u64 = 300;

/// The prices that a pool had: since when each was in force, oldest first.
pub(super) type Past = VecDeque<(Time, ListPrice)>;

/// Takes in a new price.
pub(super) fn remember(past: &mut Past, at: Time, price: ListPrice) {
    past.push_back((at, price));
    if past.len() > KEPT {
        past.pop_front();
    }
}

impl SimCloud {
    /// What each of these pools cost since then, at most 90 days back. A pool that there is not is left out.
    ///
    /// # Errors
    /// While the region is out.
    pub fn price_history(&mut self, lane: &Lane, pools: &[Pool], since: Time) -> Result<Vec<PriceHistory>, Failure> {
        let call = Call::Offers { lane: lane.clone(), pools: pools.to_vec() };
        if let Some(kind) = self.outage_of(&call) {
            return Err(failure_of(kind, &call, "the region is out"));
        }
        let since = since.max(self.now.minus(TOLD));
        let history = |pool: &Pool| Some(PriceHistory { pool: pool.clone(), prices: self.course(pool, since)? });
        Ok(pools.iter().filter(|pool| pool.lane() == lane).filter_map(history).collect())
    }

    /// The price in force at that time, and each change since.
    fn course(&self, pool: &Pool, since: Time) -> Option<Vec<(Time, ListPrice)>> {
        let past = self.past.get(pool)?;
        let (began, first) = *past.front()?;
        let mut course = Vec::new();
        // On demand there is one price; one that was forgotten is not made up.
        if pool.market() == Market::Spot && self.pools.get(pool)?.usual == first && since < began {
            course = walk(&mut Stream::new(self.seed, &format!("{pool}/past")), first, began, since);
        }
        course.extend(past);
        let in_force = course.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
        course.drain(..in_force);
        Some(course)
    }
}

/// A course that ends just before `began` at about this price, and goes back to `since`. Each step back draws the same
/// for every `since`, so that a longer look shows the same days.
fn walk(draws: &mut Stream, usual: ListPrice, began: Time, since: Time) -> Vec<(Time, ListPrice)> {
    let mut course = Vec::new();
    let mut share = 10_000_u64;
    let mut at = began;
    while at > since {
        at = at.minus(STEP);
        let up = draws.below(2 * MOVE + 1);
        if draws.chance(4_000) {
            // Back towards the usual price, the further away the more.
            share = (share + up + 10_000 / 20).saturating_sub(MOVE + share / 20);
            let micros = u128::from(usual.micros) * u128::from(share) / 10_000;
            course.push((at, ListPrice { micros: u64::try_from(micros).unwrap_or(u64::MAX), ..usual }));
        }
    }
    // What was in force at the start of it.
    course.push((at, usual));
    course.reverse();
    course
}
