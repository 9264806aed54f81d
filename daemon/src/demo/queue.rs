//! The queue of the demo: jobs arrive by a plan, and what runs in the simulated clouds works them off.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::Failure;
use policies::model::Phase;
use policies::units::{Span, Time};
use providers::demand::Source;
use providers::sim::SimProvider;

/// Jobs that one GPU does in an hour.
pub(super) const JOBS_PER_GPU_HOUR: u64 = 60;

/// One cycle of demand: quiet, a burst, busy, quiet again. Longer than the clouds' own story.
pub(super) const CYCLE: Span = Span::from_mins(60);

/// A burst comes so long after the start of a cycle.
const BURST_AT: Span = Span::from_mins(2);

/// Jobs in the burst.
const BURST: u64 = 300;

/// After so long in a cycle, hardly anything arrives.
const QUIET_AT: Span = Span::from_mins(26);

/// Jobs that arrive in an hour while it is busy: work for 25 GPUs.
const BUSY_PER_HOUR: u64 = 1_500;

/// Jobs that arrive in an hour while it is quiet: work for half a GPU.
const QUIET_PER_HOUR: u64 = 30;

/// Thousandths of a job.
const JOB: u128 = 1_000;

/// The simulated queue. Clones of the clouds tell how much works on it.
pub(super) struct Queue {
    clouds: Vec<SimProvider>,
    start: Time,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    at: Time,
    arrived_milli: u128,
    done_milli: u128,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn new(clouds: Vec<SimProvider>, start: Time) -> Self {
        Self { clouds, start, state: Mutex::new(State { at: start, arrived_milli: 0, done_milli: 0 }) }
    }

    /// GPUs that run now, in all clouds.
    fn running(&self) -> u64 {
        self.clouds
            .iter()
            .map(|provider| {
                let cloud = provider.cloud();
                let shapes: std::collections::BTreeMap<_, _> = cloud.pools().map(|(p, s)| (p, s.shape.gpus)).collect();
                cloud
                    .machines()
                    .filter(|m| m.phase(cloud.now()) == Phase::Running)
                    .map(|m| shapes.get(&m.pool).copied().map_or(0, u64::from))
                    .sum::<u64>()
            })
            .sum()
    }
}

impl State {
    /// Lets time pass with so many GPUs at work.
    fn advance(&mut self, start: Time, now: Time, gpus: u64) {
        let arrived = arrived_milli(now.since(start));
        let span = u128::from(now.since(self.at).as_millis());
        let could_do = u128::from(gpus) * u128::from(JOBS_PER_GPU_HOUR) * span * JOB / 3_600_000;
        self.arrived_milli = self.arrived_milli.max(arrived);
        self.done_milli = self.arrived_milli.min(self.done_milli + could_do);
        self.at = self.at.max(now);
    }
}

/// Jobs that have arrived so long after the start, in thousandths.
fn arrived_milli(since: Span) -> u128 {
    let cycle = CYCLE.as_millis();
    let whole = u128::from(since.as_millis() / cycle);
    whole * arrived_in_cycle(CYCLE) + arrived_in_cycle(Span::from_millis(since.as_millis() % cycle))
}

fn arrived_in_cycle(into: Span) -> u128 {
    let ms = |span: Span| u128::from(span.as_millis());
    let quiet = ms(into.min(BURST_AT)) + ms(into).saturating_sub(ms(QUIET_AT));
    let busy = ms(into.min(QUIET_AT)).saturating_sub(ms(BURST_AT));
    let burst = if into >= BURST_AT { u128::from(BURST) * JOB } else { 0 };
    burst + (quiet * u128::from(QUIET_PER_HOUR) + busy * u128::from(BUSY_PER_HOUR)) * JOB / 3_600_000
}

#[async_trait]
impl Source for Queue {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        let gpus = self.running();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(self.start, now, gpus);
        let count = |milli: u128| u64::try_from(milli / JOB).unwrap_or(u64::MAX);
        let backlog = count(state.arrived_milli - state.done_milli);
        let in_flight = backlog.min(gpus);
        Ok(Sample { at: now, waiting: backlog - in_flight, in_flight, arrived_total: Some(count(state.arrived_milli)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cycle_brings_a_burst_then_work_then_quiet() {
        let jobs = |mins| arrived_milli(Span::from_mins(mins)) / JOB;
        assert_eq!(jobs(1), 0);
        assert_eq!(jobs(2), 301);
        assert_eq!(jobs(26), 301 + 600);
        assert_eq!(jobs(60), 301 + 600 + 17);
        assert_eq!(jobs(62) - jobs(60), 301, "the next cycle is as the first");
    }

    #[test]
    fn work_is_done_only_where_there_is_work() {
        let start = Time::from_millis(0);
        let mut state = State { at: start, arrived_milli: 0, done_milli: 0 };
        state.advance(start, start.plus(Span::from_mins(1)), 100);
        assert_eq!(state.done_milli, state.arrived_milli);
        state.advance(start, start.plus(Span::from_mins(3)), 0);
        let before = state.arrived_milli - state.done_milli;
        state.advance(start, start.plus(Span::from_mins(4)), 10);
        let after = state.arrived_milli - state.done_milli;
        assert_eq!(before + 25 * JOB - after, 10 * JOB, "ten GPUs do ten jobs a minute");
    }
}
