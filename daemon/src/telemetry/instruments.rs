//! What the loop counts while it runs.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use policies::control::ledger::Note;
use policies::model::Pool;
use policies::plan::{Action, Plan};

use super::table::{self, Metric};

/// Bounds of the turn's duration in seconds: from a turn with nothing to do to one over 5,000 pools.
const BOUNDS_S: [f64; 10] = [0.000_05, 0.000_2, 0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The loop's own instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Instruments {
    turns: Histogram<f64>,
    rounds: Counter<u64>,
    launches: Counter<u64>,
    let_go: Counter<u64>,
    notes: Counter<u64>,
}

impl Instruments {
    /// Instruments of this meter.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        let counter = |metric: Metric| meter.u64_counter(metric.instrument()).with_description(metric.help).build();
        Self {
            turns: meter
                .f64_histogram(table::DECIDE.instrument())
                .with_description(table::DECIDE.help)
                .with_unit("s")
                .with_boundaries(BOUNDS_S.to_vec())
                .build(),
            rounds: counter(table::ROUNDS),
            launches: counter(table::LAUNCHES),
            let_go: counter(table::LET_GO),
            notes: counter(table::EVENTS),
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
    pub(crate) fn round(&self, plan: &Plan) {
        let fleet = || KeyValue::new("fleet", plan.fleet.to_string());
        self.rounds.add(1, &[fleet(), KeyValue::new("kind", plan.kind.name())]);
        for action in &plan.actions {
            let labels =
                |pool: &Pool, why| [fleet(), KeyValue::new("market", pool.market().name()), KeyValue::new("why", why)];
            match action {
                Action::Launch { pool, count, why, .. } => {
                    self.launches.add(u64::from(*count), &labels(pool, why.name()));
                }
                Action::Drain { pool, why, .. } | Action::End { pool, why, .. } => {
                    self.let_go.add(1, &labels(pool, why.name()));
                }
            }
        }
    }

    /// Something happened.
    pub(crate) fn note(&self, note: &Note) {
        let fleet = note.fleet.as_ref().map(ToString::to_string).unwrap_or_default();
        self.notes.add(1, &[KeyValue::new("fleet", fleet), KeyValue::new("what", note.what)]);
    }
}
