//! What is assumed in place of what is seen: other demand, other prices, a provider or a region that is lost.

use std::collections::BTreeMap;

use policies::control::{Call, Record, Reply};
use policies::demand::{Reading, Readings, Sample};
use policies::failure::{Failure, FailureKind};
use policies::model::{Lane, Pool, ProviderName, Region, SourceRule};
use policies::plan::Observation;
use policies::units::{Capacity, Time};

/// A place that is assumed to be lost: a provider, or one of its regions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lost {
    /// The provider.
    pub provider: ProviderName,
    /// Its region; `None`: all of them.
    pub region: Option<Region>,
}

impl Lost {
    /// It holds this lane.
    #[must_use]
    pub fn holds(&self, lane: &Lane) -> bool {
        self.provider == lane.provider && self.region.as_ref().is_none_or(|region| *region == lane.region)
    }
}

/// Assumptions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WhatIf {
    /// So many jobs wait in each queue, and none is being worked on.
    pub demand: Option<u64>,
    /// One machine of these pools costs so much an hour: millionths of the currency of its price list.
    pub prices: BTreeMap<Pool, u64>,
    /// What is lost: no machine is left there, and none can be had.
    pub without: Vec<Lost>,
    /// No machine is anywhere: for who asks what may be bought, which does not depend on what is held.
    pub nothing_held: bool,
}

impl WhatIf {
    /// Nothing is assumed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn lost(&self, lane: &Lane) -> bool {
        self.without.iter().any(|lost| lost.holds(lane))
    }

    /// The daemon's memory without what is lost.
    #[must_use]
    pub fn remembered(&self, mut records: Vec<Record>) -> Vec<Record> {
        records.retain(|record| match record {
            Record::Machine(machine) => !self.nothing_held && !self.lost(machine.pool.lane()),
            Record::Intent(intent) => !self.nothing_held && !self.lost(intent.pool.lane()),
            _ => true,
        });
        records
    }

    /// An observation as it would have been. The same as when the clouds are looked at with these assumptions: what is
    /// lost holds and offers nothing, and is seen.
    #[must_use]
    pub fn observed(&self, mut observation: Observation) -> Observation {
        if let Some(waiting) = self.demand {
            let sample = Sample { at: observation.now, waiting, in_flight: 0, arrived_total: None };
            let sources = observation.fleet.demand.sources.iter();
            for (name, _) in sources.filter(|(_, rule)| matches!(rule, SourceRule::Queue(_))) {
                let readings = observation.demand.of_mut(name);
                let pace = readings.pace();
                *readings = Readings::default();
                readings.record(Reading::Jobs(sample), Capacity::ZERO);
                readings.restore(pace);
            }
        }
        observation.holdings.retain(|holding| !self.nothing_held && !self.lost(holding.pool.lane()));
        observation.offers.retain(|offer| !self.lost(offer.pool.lane()));
        for offer in &mut observation.offers {
            if let Some(micros) = self.prices.get(&offer.pool) {
                offer.price.micros = *micros;
            }
        }
        observation
    }

    /// What this call would have come back with.
    pub(super) fn assume(&self, call: &Call, reply: Reply, now: Time) -> Reply {
        match (call, reply) {
            (Call::Demand { .. }, reply @ Reply::Measured(Ok(Reading::Value(_)))) => reply,
            (Call::Demand { .. }, reply) => match self.demand {
                Some(waiting) => {
                    let sample = Sample { at: now, waiting, in_flight: 0, arrived_total: None };
                    Reply::Measured(Ok(Reading::Jobs(sample)))
                }
                None => reply,
            },
            (Call::List { lane }, _) if self.lost(lane) => Reply::Listed(Ok(Vec::new())),
            // Whether the lane is seen counts all the same.
            (Call::List { .. }, Reply::Listed(Ok(_))) if self.nothing_held => Reply::Listed(Ok(Vec::new())),
            (Call::Offers { lane, pools }, _) if self.lost(lane) => {
                let lost = || Failure::new(FailureKind::Unavailable, "offers", "-", "assumed to be lost");
                Reply::Offered(Ok(pools.iter().map(|pool| Err((pool.clone(), lost()))).collect()))
            }
            (_, Reply::Offered(Ok(mut offers))) => {
                for offer in offers.iter_mut().flatten() {
                    if let Some(micros) = self.prices.get(&offer.pool) {
                        offer.price.micros = *micros;
                    }
                }
                Reply::Offered(Ok(offers))
            }
            (_, reply) => reply,
        }
    }
}
