//! What the loop counts while it runs.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use policies::control::ledger::Note;
use policies::plan::Kind;

/// Bounds of the turn's duration in seconds: from a turn with nothing to do to one over 5,000 pools.
const BOUNDS_S: [f64; 10] = [0.000_05, 0.000_2, 0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The loop's own instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Instruments {
    turns: Histogram<f64>,
    rounds: Counter<u64>,
    notes: Counter<u64>,
}

impl Instruments {
    /// Instruments of this meter.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        Self {
            turns: meter
                .f64_histogram("spotfleet_decide_duration")
                .with_description("Time the controller takes for an event, with every decision that the event leads to")
                .with_unit("s")
                .with_boundaries(BOUNDS_S.to_vec())
                .build(),
            rounds: meter.u64_counter("spotfleet_rounds").with_description("Decisions by fleet and kind").build(),
            notes: meter.u64_counter("spotfleet_events").with_description("What happened, by fleet and word").build(),
        }
    }

    /// Instruments of the global meter, which must have been set before.
    #[must_use]
    pub fn global() -> Self {
        Self::new(&opentelemetry::global::meter("spotfleet"))
    }

    /// The controller took an event.
    pub(crate) fn turn(&self, event: &'static str, took: Duration) {
        self.turns.record(took.as_secs_f64(), &[KeyValue::new("event", event)]);
    }

    /// A decision was made.
    pub(crate) fn round(&self, fleet: &str, kind: Kind) {
        self.rounds.add(1, &[KeyValue::new("fleet", fleet.to_owned()), KeyValue::new("kind", kind.name())]);
    }

    /// Something happened.
    pub(crate) fn note(&self, note: &Note) {
        let fleet = note.fleet.as_ref().map(ToString::to_string).unwrap_or_default();
        self.notes.add(1, &[KeyValue::new("fleet", fleet), KeyValue::new("what", note.what)]);
    }
}
