//! The parts of a fault profile, each of which can be left out to shrink a failing run.

use core::fmt;

/// One thing that goes wrong in a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// The process dies, between any two effects and at any time.
    Crashes,
    /// The process is asked to stop and started again.
    Stops,
    /// The store is lost in a crash.
    StoreLoss,
    /// A batch takes long to become durable.
    SlowDisk,
    /// The process stands still for a while.
    Stalls,
    /// The clock of the host is set.
    ClockJumps,
    /// The operator changes the file.
    Reloads,
    /// Calls take up to their deadline.
    SlowCalls,
    /// Requests are lost.
    LostRequests,
    /// Replies are lost.
    LostReplies,
    /// Calls are carried out after the caller gave up.
    LateCalls,
    /// Too many calls, says the provider.
    Throttling,
    /// The provider is down for single calls.
    Unavailable,
    /// A region refuses everything for minutes.
    Outages,
    /// Launches are refused for lack of room.
    Refusals,
    /// Launches are refused for their price.
    PriceRefusals,
    /// Launches make fewer machines than asked for.
    PartialLaunches,
    /// A quota is low.
    Quotas,
    /// Prices jump.
    PriceJumps,
    /// Prices are missing.
    MissingPrices,
    /// The room of pools changes.
    CapacityJumps,
    /// Machines are interrupted.
    Interruptions,
    /// Whole pools are interrupted.
    Storms,
    /// Notices do not come.
    LostNotices,
    /// Machines die at their start.
    Stillborn,
    /// Single machines are not ended though asked.
    RefusedEnds,
    /// Machines of others, and machines with our tags that no launch of ours made.
    Strangers,
    /// Demand is not known for a while.
    MissingDemand,
    /// Demand changes.
    MovingDemand,
    /// More than one fleet.
    SecondFleet,
    /// The operator pauses, limits, protects and drains.
    Orders,
    /// Machines never run.
    Duds,
    /// Fleets have schedules.
    Schedules,
    /// There are budgets.
    Budgets,
    /// Fleets are sized by a metric too.
    Metrics,
    /// Fleets survive the loss of a place.
    Survival,
    /// Machines move to cheaper pools.
    Moves,
    /// Workers say that they are busy or idle.
    Workers,
    /// It is read elsewhere which workers are busy or idle.
    Watched,
    /// Fleets have drain hooks.
    Hooks,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 40] = [
        Self::Crashes,
        Self::Stops,
        Self::StoreLoss,
        Self::SlowDisk,
        Self::Stalls,
        Self::ClockJumps,
        Self::Reloads,
        Self::SlowCalls,
        Self::LostRequests,
        Self::LostReplies,
        Self::LateCalls,
        Self::Throttling,
        Self::Unavailable,
        Self::Outages,
        Self::Refusals,
        Self::PriceRefusals,
        Self::PartialLaunches,
        Self::Quotas,
        Self::PriceJumps,
        Self::MissingPrices,
        Self::CapacityJumps,
        Self::Interruptions,
        Self::Storms,
        Self::LostNotices,
        Self::Stillborn,
        Self::RefusedEnds,
        Self::Strangers,
        Self::MissingDemand,
        Self::MovingDemand,
        Self::SecondFleet,
        Self::Orders,
        Self::Duds,
        Self::Schedules,
        Self::Budgets,
        Self::Metrics,
        Self::Survival,
        Self::Moves,
        Self::Workers,
        Self::Watched,
        Self::Hooks,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashes => "crashes",
            Self::Stops => "stops",
            Self::StoreLoss => "store-loss",
            Self::SlowDisk => "slow-disk",
            Self::Stalls => "stalls",
            Self::ClockJumps => "clock-jumps",
            Self::Reloads => "reloads",
            Self::SlowCalls => "slow-calls",
            Self::LostRequests => "lost-requests",
            Self::LostReplies => "lost-replies",
            Self::LateCalls => "late-calls",
            Self::Throttling => "throttling",
            Self::Unavailable => "unavailable",
            Self::Outages => "outages",
            Self::Refusals => "refusals",
            Self::PriceRefusals => "price-refusals",
            Self::PartialLaunches => "partial-launches",
            Self::Quotas => "quotas",
            Self::PriceJumps => "price-jumps",
            Self::MissingPrices => "missing-prices",
            Self::CapacityJumps => "capacity-jumps",
            Self::Interruptions => "interruptions",
            Self::Storms => "storms",
            Self::LostNotices => "lost-notices",
            Self::Stillborn => "stillborn",
            Self::RefusedEnds => "refused-ends",
            Self::Strangers => "strangers",
            Self::MissingDemand => "missing-demand",
            Self::MovingDemand => "moving-demand",
            Self::SecondFleet => "second-fleet",
            Self::Orders => "orders",
            Self::Duds => "duds",
            Self::Schedules => "schedules",
            Self::Budgets => "budgets",
            Self::Metrics => "metrics",
            Self::Survival => "survival",
            Self::Moves => "moves",
            Self::Workers => "workers",
            Self::Watched => "watched",
            Self::Hooks => "hooks",
        }
    }

    /// The part with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    fn bit(self) -> u64 {
        1 << Self::ALL.iter().position(|p| *p == self).unwrap_or(0)
    }
}

/// A set of parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parts(u64);

impl Parts {
    /// No part.
    pub const NONE: Self = Self(0);

    /// This set with one more part.
    #[must_use]
    pub fn with(self, part: Part) -> Self {
        Self(self.0 | part.bit())
    }

    /// This set with one part fewer.
    #[must_use]
    pub fn without(self, part: Part) -> Self {
        Self(self.0 & !part.bit())
    }

    /// True when the part is in it.
    #[must_use]
    pub fn has(self, part: Part) -> bool {
        self.0 & part.bit() != 0
    }

    /// The parts in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(move |p| self.has(*p))
    }

    /// The set of these names between commas; the name that is none of a part otherwise.
    ///
    /// # Errors
    /// The first name that is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Self::NONE;
        for name in text.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            parts = parts.with(Part::from_name(name).ok_or_else(|| name.to_owned())?);
        }
        Ok(parts)
    }
}

/// The names between commas.
impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Part::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_back_as_they_print() {
        let some = Parts::NONE.with(Part::Crashes).with(Part::SecondFleet).with(Part::LateCalls);
        assert_eq!(Parts::parse(&some.to_string()), Ok(some));
        assert_eq!(Parts::parse("crashes, nonsense"), Err("nonsense".to_owned()));
        assert!(Part::ALL.iter().all(|p| Part::from_name(p.name()) == Some(*p)));
    }
}
