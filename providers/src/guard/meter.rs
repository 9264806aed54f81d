//! What is counted of every call: how many by outcome, and how long they took.

use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use policies::failure::Failure;
use policies::model::ProviderName;

use super::CallClass;

/// Bounds of the duration histogram in seconds. Cloud calls take from some 20 ms (a loopback peer: less) to the
/// deadline, and a poll for notices up to a minute and a half.
const BOUNDS_S: [f64; 11] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 90.0];

/// The instruments of one provider.
#[derive(Debug)]
pub(super) struct Instruments {
    provider: ProviderName,
    calls: Counter<u64>,
    duration: Histogram<f64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, provider: ProviderName) -> Self {
        Self {
            provider,
            calls: meter
                .u64_counter("spotfleet_provider_calls")
                .with_description("Calls to a provider by class and outcome")
                .build(),
            duration: meter
                .f64_histogram("spotfleet_provider_call_duration")
                .with_description("Time of a call to a provider, with the wait for the rate limit")
                .with_unit("s")
                .with_boundaries(BOUNDS_S.to_vec())
                .build(),
        }
    }

    /// Starts to watch a call. Dropped without an outcome, it counts as `cancelled`: the caller went away.
    pub(super) fn watch(&self, class: CallClass) -> Watch<'_> {
        Watch { instruments: self, class, began: Instant::now(), outcome: "cancelled" }
    }
}

/// A call that is being watched; recorded when it is dropped, so that no way out of a call is missed.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    instruments: &'a Instruments,
    class: CallClass,
    began: Instant,
    outcome: &'static str,
}

impl Watch<'_> {
    pub(super) fn ended(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let Instruments { provider, calls, duration } = self.instruments;
        let labels = [
            KeyValue::new("provider", provider.to_string()),
            KeyValue::new("class", self.class.name()),
            KeyValue::new("outcome", self.outcome),
        ];
        calls.add(1, &labels);
        duration.record(self.began.elapsed().as_secs_f64(), &labels[..2]);
    }
}

/// The outcome of a call that answers for several things: `ok`, `partial`, or the first failure's kind when nothing
/// was done.
pub(super) fn outcome<'a>(done: usize, mut failures: impl Iterator<Item = &'a Failure>) -> &'static str {
    match failures.next() {
        None => "ok",
        Some(_) if done > 0 => "partial",
        Some(failure) => failure.kind.name(),
    }
}
