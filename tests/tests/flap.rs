//! How steady a fleet is when its demand is not: a noisy square wave for seven days, against a scaler that follows every
//! reading at once. Simulated: demand, machines and time; the decisions are those of the program.
//!
//! `cargo test --test flap -- --nocapture` prints the figures.
#![expect(clippy::print_stderr, reason = "the figures are for people")]

use policies::model::{DemandRules, Market, Offer, Pool, QueueRule, Shape};
use policies::plan::{Action, Standing};
use policies::rng::Stream;
use policies::units::{Capacity, ListPrice, PerHour, Share, Span};
use spotfleet_tests::scenario::{START, World};

/// A decision each half minute.
const STEP: Span = Span::from_secs(30);

const DAYS: u64 = 7;

/// A machine runs so long after its launch.
const START_DELAY: Span = Span::from_secs(90);

/// Jobs that a unit does in an hour.
const RATE: u64 = 60;

/// What came of one run.
#[derive(Default, Debug)]
struct Figures {
    launches: u64,
    ends: u64,
    /// Unit-steps that ran.
    running: u64,
    /// Unit-steps that were needed and did not run.
    unmet: u64,
    needed: u64,
}

impl Figures {
    fn tell(&self, name: &str) {
        let hours = as_f64(DAYS * 24);
        let (launches, ends) = (as_f64(self.launches) / hours, as_f64(self.ends) / hours);
        let unmet = 100.0 * as_f64(self.unmet) / as_f64(self.needed);
        let paid = as_f64(self.running) / as_f64(self.needed);
        eprintln!("{name}: {launches:.2} launches/h, {ends:.2} ends/h, {unmet:.2} % unmet, {paid:.2} x paid for");
    }
}

fn as_f64(n: u64) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

/// Units needed at each step: 20 for an hour and 4 for the next, each reading off by up to 30 %.
fn demand() -> Vec<u64> {
    let mut noise = Stream::new(11, "square wave");
    let steps = DAYS * 24 * 3_600_000 / STEP.as_millis();
    (0..steps)
        .map(|step| {
            let level: u64 = if (step * STEP.as_millis() / 3_600_000).is_multiple_of(2) { 20 } else { 4 };
            (level * (70 + noise.below(61))).div_ceil(100)
        })
        .collect()
}

/// The program's decisions, with the settings that a fleet file has by itself.
fn ours(demand: &[u64]) -> Figures {
    let mut world = World::default();
    world.fleet.max = Capacity::units(60);
    let rule = QueueRule { jobs_per_unit_hour: Some(PerHour::new(RATE)), drain_within: Span::from_mins(10) };
    world.fleet.demand.sources = DemandRules::queue(rule);
    world.fleet.scale_up.cooldown = Span::from_secs(60);
    world.fleet.scale_up.max_launches_per_hour = 240;
    world.fleet.scale_down.cooldown = Span::from_mins(10);
    world.fleet.scale_down.idle_grace = Span::from_mins(15);
    world.fleet.scale_down.drain_timeout = Span::from_mins(5);
    world.fleet.spot.max_share.pool = Share::percent(60);
    for (zone, price) in [("e1", 27_000), ("e2", 29_000), ("e3", 31_000)] {
        let pool = Pool::new("aws", "east", zone, "small", Market::Spot);
        let shape = Shape { vcpus: 1, gpus: 0, memory_mib: 1_024 };
        world.offer(Offer { pool, price: ListPrice::usd(price), priced_at: START, shape });
    }
    let mut figures = Figures::default();
    for (step, needed) in (0_u64..).zip(demand) {
        world.advance(START.plus(STEP.times(step)));
        world.set_queue(0, 0, needed * RATE);
        for holding in &mut world.holdings {
            if holding.standing == Standing::Starting && world.now.since(holding.born) >= START_DELAY {
                holding.standing = Standing::Running;
            }
        }
        let (plan, _) = world.decide();
        assert_eq!(world.check(&plan), []);
        for action in &plan.actions {
            match action {
                Action::Launch { count, .. } => figures.launches += u64::from(*count),
                Action::End { .. } => figures.ends += 1,
                Action::Drain { .. } => {}
            }
        }
        world.carry_out(&plan);
        let works = |standing| matches!(standing, Standing::Running | Standing::Draining { .. });
        let running = world.holdings.iter().filter(|h| works(h.standing)).count();
        count(&mut figures, u64::try_from(running).unwrap_or(u64::MAX), *needed);
    }
    figures
}

/// As many machines as the last reading needs, at once: no cooldown, no grace, no drain.
fn naive(demand: &[u64]) -> Figures {
    let delay = START_DELAY.as_millis() / STEP.as_millis();
    let mut figures = Figures::default();
    // The step at which each machine was launched, oldest first.
    let mut machines: Vec<u64> = Vec::new();
    for (step, needed) in (0_u64..).zip(demand) {
        while u64::try_from(machines.len()).unwrap_or(u64::MAX) < *needed {
            machines.push(step);
            figures.launches += 1;
        }
        while u64::try_from(machines.len()).unwrap_or(u64::MAX) > *needed {
            machines.pop();
            figures.ends += 1;
        }
        let running = machines.iter().filter(|born| step >= **born + delay).count();
        count(&mut figures, u64::try_from(running).unwrap_or(u64::MAX), *needed);
    }
    figures
}

fn count(figures: &mut Figures, running: u64, needed: u64) {
    figures.running += running;
    figures.unmet += needed.saturating_sub(running);
    figures.needed += needed;
}

#[test]
fn a_noisy_square_wave_does_not_make_the_fleet_flap() {
    let demand = demand();
    let (ours, naive) = (ours(&demand), naive(&demand));
    ours.tell("spotfleet");
    naive.tell("follows each reading");
    // A wave is up and down once in two hours: from 4 units or so to 26 at most, and back.
    assert!(ours.launches <= DAYS * 12 * 26, "{ours:?}");
    assert!(ours.launches * 10 <= naive.launches && ours.ends * 10 <= naive.ends, "{ours:?} {naive:?}");
    assert!(ours.unmet <= naive.unmet, "{ours:?} {naive:?}");
}
