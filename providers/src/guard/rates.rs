//! How often a provider may be called: a table of numbers from the adapter, and the token buckets made of it.

use core::num::NonZeroU32;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use policies::model::Region;
use policies::units::Span;

/// The kinds of call that clouds limit apart from each other. Each method of [`Provider`](crate::Provider) is of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CallClass {
    /// `launch`.
    Launch,
    /// `terminate`.
    Terminate,
    /// `instances`.
    Read,
    /// `offers`, `price_history` and `signals`.
    Price,
    /// `notices`.
    Notice,
}

impl CallClass {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Launch, Self::Terminate, Self::Read, Self::Price, Self::Notice];

    /// The name used in logs, spans and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Terminate => "terminate",
            Self::Read => "read",
            Self::Price => "price",
            Self::Notice => "notice",
        }
    }

    /// A call of this class that got no answer may have changed something all the same.
    #[must_use]
    pub const fn changes_machines(self) -> bool {
        match self {
            Self::Launch | Self::Terminate => true,
            Self::Read | Self::Price | Self::Notice => false,
        }
    }
}

/// A token bucket: so many calls at once, and one more each so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    burst: NonZeroU32,
    every: Span,
}

impl Rate {
    /// A bucket of `burst` calls that gets one back each `every`. A burst of zero would forbid every call and is
    /// taken as one; an `every` of zero limits nothing.
    #[must_use]
    pub const fn new(burst: u32, every: Span) -> Self {
        let burst = match NonZeroU32::new(burst) {
            Some(burst) => burst,
            None => NonZeroU32::MIN,
        };
        Self { burst, every }
    }

    /// A bucket of `burst` calls that gets `refill` back each second, to the millisecond and never faster than that.
    #[must_use]
    pub const fn per_second(burst: u32, refill: u32) -> Self {
        let refill = if refill == 0 { 1 } else { refill };
        Self::new(burst, Span::from_millis(1_000_u64.div_ceil(refill as u64)))
    }
}

/// The rates of an adapter, each per region. One call of the trait takes one token, so an adapter that sends several
/// requests for it gives the cloud's rate divided by that number. `None`: the cloud does not limit it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Of launches.
    pub launch: Option<Rate>,
    /// Of terminations.
    pub terminate: Option<Rate>,
    /// Of listings.
    pub read: Option<Rate>,
    /// Of price queries.
    pub price: Option<Rate>,
    /// Of polls for notices.
    pub notice: Option<Rate>,
}

impl Rates {
    /// No limit at all, as for a simulated cloud.
    pub const UNLIMITED: Self = Self { launch: None, terminate: None, read: None, price: None, notice: None };

    /// The rate of a class.
    #[must_use]
    pub const fn of(&self, class: CallClass) -> Option<Rate> {
        match class {
            CallClass::Launch => self.launch,
            CallClass::Terminate => self.terminate,
            CallClass::Read => self.read,
            CallClass::Price => self.price,
            CallClass::Notice => self.notice,
        }
    }
}

/// The buckets: one for each class and region that was called. Regions come from the configuration, so their number
/// is bounded by it.
#[derive(Debug)]
pub(super) struct Buckets {
    rates: Rates,
    made: Mutex<BTreeMap<Key, Arc<DefaultDirectRateLimiter>>>,
}

/// What has a bucket of its own. Notices belong to no region.
type Key = (CallClass, Option<Region>);

impl Buckets {
    pub(super) fn new(rates: Rates) -> Self {
        Self { rates, made: Mutex::new(BTreeMap::new()) }
    }

    /// Takes a token, or says how long it will take until there may be one.
    pub(super) fn take(&self, class: CallClass, region: Option<&Region>) -> Result<(), Duration> {
        let Some(rate) = self.rates.of(class) else { return Ok(()) };
        let Some(quota) = Quota::with_period(Duration::from_millis(rate.every.as_millis())) else { return Ok(()) };
        let bucket = {
            // Nothing can panic while the lock is held; a poisoned map would be whole all the same.
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let bucket = made
                .entry((class, region.cloned()))
                .or_insert_with(|| Arc::new(RateLimiter::direct(quota.allow_burst(rate.burst))));
            Arc::clone(bucket)
        };
        bucket.check().map_err(|until| until.wait_time_from(bucket.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_empty_after_its_burst_and_says_when_it_refills() {
        let hour = Span::from_hours(1);
        let buckets = Buckets::new(Rates { launch: Some(Rate::new(2, hour)), ..Rates::UNLIMITED });
        let region = Region::from("r1");
        assert_eq!(buckets.take(CallClass::Launch, Some(&region)), Ok(()));
        assert_eq!(buckets.take(CallClass::Launch, Some(&region)), Ok(()));
        let wait = buckets.take(CallClass::Launch, Some(&region)).expect_err("the burst is two");
        assert!(wait > Duration::from_secs(3_000) && wait <= Duration::from_secs(3_600), "{wait:?}");
    }

    #[test]
    fn regions_and_classes_have_buckets_of_their_own() {
        let rate = Some(Rate::new(1, Span::from_hours(1)));
        let buckets = Buckets::new(Rates { launch: rate, terminate: rate, ..Rates::UNLIMITED });
        let (one, two) = (Region::from("r1"), Region::from("r2"));
        assert!(buckets.take(CallClass::Launch, Some(&one)).is_ok());
        assert!(buckets.take(CallClass::Launch, Some(&two)).is_ok());
        assert!(buckets.take(CallClass::Terminate, Some(&one)).is_ok());
        assert!(buckets.take(CallClass::Launch, Some(&one)).is_err());
        for _ in 0..100 {
            assert!(buckets.take(CallClass::Read, Some(&one)).is_ok(), "reads were given no rate");
        }
    }

    #[test]
    fn a_rate_per_second_is_never_faster_than_asked() {
        assert_eq!(Rate::per_second(5, 2), Rate::new(5, Span::from_millis(500)));
        assert_eq!(Rate::per_second(5, 3), Rate::new(5, Span::from_millis(334)));
        assert_eq!(Rate::per_second(0, 0), Rate::new(1, Span::from_secs(1)));
    }
}
