//! The loop's sign of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Stopwatch;

/// The loop beats at least so often, in real time, whatever else happens.
pub const BEAT: Duration = Duration::from_secs(2);

/// A loop that is silent for so long is stuck: fifteen beats. The longest honest turn, a decision over 5,000 pools,
/// takes some tens of milliseconds.
const STALLED: Duration = Duration::from_secs(30);

/// When the loop last turned. Cheap to clone; clones share the beat.
#[derive(Clone, Debug)]
pub struct Pulse {
    since: Stopwatch,
    last_ms: Arc<AtomicU64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { since: Stopwatch::start(), last_ms: Arc::default() }
    }
}

impl Pulse {
    /// The loop turned.
    pub fn beat(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// How long the loop has been silent, when that is too long.
    #[must_use]
    pub fn stalled(&self) -> Option<Duration> {
        self.stalled_at(self.now_ms())
    }

    fn stalled_at(&self, now_ms: u64) -> Option<Duration> {
        let silence = Duration::from_millis(now_ms.saturating_sub(self.last_ms.load(Ordering::Relaxed)));
        (silence > STALLED).then_some(silence)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_silent_for_long_is_stuck() {
        let pulse = Pulse::default();
        pulse.clone().beat();
        assert_eq!(pulse.stalled(), None);
        let last = pulse.last_ms.load(Ordering::Relaxed);
        assert_eq!(pulse.stalled_at(last + 30_000), None);
        assert_eq!(pulse.stalled_at(last + 30_001), Some(Duration::from_millis(30_001)));
    }
}
