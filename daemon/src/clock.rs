//! The only reader of the clock.
//!
//! Everything else gets its time as an argument or asks a [`Clock`]. There are two: the wall clock, and a scaled one
//! for `spotfleet demo`, in which an hour passes in a minute or less.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use policies::units::{Span, Time};

/// The longest sleep before the clock is read again: a machine that was suspended delays a wake-up by at most so much.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Tells the time and waits for it. Cheap to clone; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Wall { start: Time, origin: Instant },
    Scaled { start: Time, origin: Instant, speed: u32 },
}

impl Clock {
    /// The wall clock as it is now, run on by the monotonic clock: a step of the host's clock while the process runs
    /// would cut a settle window short, and a launch on its way would be taken for one that never was. A stepped clock
    /// shows at the next start, where every window counts from anew.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn wall() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(Kind::Wall { start: Time::EPOCH.plus(span(since)), origin: Instant::now() }))
    }

    /// A clock that shows `start` now and runs `speed` times as fast as the wall clock (at least once).
    #[must_use]
    pub fn scaled(start: Time, speed: u32) -> Self {
        Self(Arc::new(Kind::Scaled { start, origin: Instant::now(), speed: speed.max(1) }))
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Time {
        match &*self.0 {
            Kind::Wall { start, origin } => start.plus(span(origin.elapsed())),
            Kind::Scaled { start, origin, speed } => start.plus(span(origin.elapsed().saturating_mul(*speed))),
        }
    }

    /// Returns at this moment or a little later; at once when it has passed.
    pub async fn sleep_until(&self, at: Time) {
        loop {
            let left = at.since(self.now());
            if left == Span::ZERO {
                return;
            }
            let real = match &*self.0 {
                Kind::Wall { .. } => Duration::from_millis(left.as_millis()),
                Kind::Scaled { speed, .. } => Duration::from_millis(left.as_millis()) / *speed,
            };
            // The timer counts milliseconds: a shorter wait would spin.
            tokio::time::sleep(real.clamp(Duration::from_millis(1), LONGEST_NAP)).await;
        }
    }

    /// Waits for a length of this clock's time.
    pub async fn sleep(&self, span: Span) {
        self.sleep_until(self.now().plus(span)).await;
    }
}

/// Measures how long something takes, in real time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

fn span(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A moment as people and JSON read it: RFC 3339 in UTC, to the second.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    match jiff::Timestamp::from_second(at.as_millis().div_euclid(1_000)) {
        Ok(stamp) => stamp.to_string(),
        // Beyond the year 9999: no clock says so, but a record might.
        Err(_) => format!("{}ms", at.as_millis()),
    }
}

/// A moment by clocks that are so many seconds ahead of UTC: RFC 3339, to the second.
#[must_use]
pub fn local_rfc3339(at: Time, seconds_ahead: i32) -> String {
    let stamp = jiff::Timestamp::from_second(at.as_millis().div_euclid(1_000));
    match (stamp, jiff::tz::Offset::from_seconds(seconds_ahead)) {
        (Ok(stamp), Ok(offset)) => stamp.display_with_offset(offset).to_string(),
        _ => rfc3339(at),
    }
}

/// The moment that [`rfc3339`] wrote; `None` when it is none.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    text.parse::<jiff::Timestamp>().ok().map(|t| Time::from_millis(t.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scaled_clock_reaches_a_far_moment_soon() {
        let start = Time::from_millis(1_000_000);
        let clock = Clock::scaled(start, 3_600);
        let watch = Stopwatch::start();
        clock.sleep(Span::from_mins(1)).await;
        assert!(clock.now() >= start.plus(Span::from_mins(1)));
        assert!(watch.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_moment_that_passed_is_not_waited_for() {
        let clock = Clock::wall();
        clock.sleep_until(Time::EPOCH).await;
        assert!(clock.now() > Time::from_millis(1_700_000_000_000));
    }

    #[test]
    fn moments_print_as_utc_and_read_back() {
        let at = Time::from_millis(1_790_000_000_000);
        assert_eq!(rfc3339(at), "2026-09-21T14:13:20Z");
        assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
