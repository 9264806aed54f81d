//! The simulator: the real controller in a simulated world, in virtual time, on one thread, from one seed.
//!
//! A seed draws clouds, fleets, demand and a fault profile (some runs have no faults). The run has two phases. In the
//! *safety* phase things go wrong and every rule of [`Rule`] is checked after every event, against the truth of the
//! simulated clouds and of the journal. Then faults stop, and in the *healing* phase the run must come to rest at the
//! target within a bound. The same seed always gives the same run.
//!
//! Everything that may decide is the production code: the controller, the planner, the checker of plans. What is
//! simulated is what it talks to: [`providers::sim::SimCloud`], a journal that a crash cuts at any batch that is not
//! durable, a clock that is set, a process that is killed between any two effects.
//!
//! Not here: the shell, the store engines and the wires of the clouds, which have their own tests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use policies::units::Span;

mod demand;
mod hash;
mod heal;
mod journal;
mod oracle;
mod parts;
mod schedules;
mod seeds;
mod shrink;
mod story;
mod world;

pub use oracle::Rule;
pub use parts::{Part, Parts};
pub use seeds::{KnownSeed, known_seeds};
pub use shrink::{Shrunk, shrink};

use story::Story;
use world::World;

/// Which run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// What draws everything.
    pub seed: u64,
    /// Parts of the fault profile to leave out.
    pub without: Parts,
    /// Length of the safety phase, instead of what the seed draws.
    pub length: Option<Span>,
}

impl Run {
    /// The whole run of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The command that repeats it and shows what happened.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = format!("cargo xtask sim --seed {}", self.seed);
        if self.without != Parts::NONE {
            command += &format!(" --without {}", self.without);
        }
        if let Some(length) = self.length {
            command += &format!(" --length-s {}", length.as_millis() / 1_000);
        }
        command
    }
}

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// By what.
    pub text: String,
}

/// What a run amounted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Things that happened.
    pub events: u64,
    /// Ticks of the controller.
    pub ticks: u64,
    /// Calls given out.
    pub calls: u64,
    /// Starts of the process.
    pub boots: u64,
    /// Crashes.
    pub crashes: u64,
    /// Machines launched.
    pub launched: u64,
    /// Virtual time of the safety phase.
    pub safety: Span,
    /// Virtual time of the healing phase.
    pub healing: Span,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which run.
    pub run: Run,
    /// The parts of the fault profile that were in it.
    pub parts: Parts,
    /// The first rule that was broken.
    pub broken: Option<Broken>,
    /// Hash over everything that crossed the controller's boundary.
    pub hash: u64,
    /// What it amounted to.
    pub counts: Counts,
    /// What happened, line by line, if asked for.
    pub log: Vec<String>,
}

/// Runs a seed.
#[must_use]
pub fn simulate(run: Run) -> Outcome {
    run_logged(run, false)
}

/// Runs a seed and keeps what happened as text.
#[must_use]
pub fn simulate_with_log(run: Run) -> Outcome {
    run_logged(run, true)
}

/// Runs a seed twice; a difference is a broken rule.
#[must_use]
pub fn simulate_twice(run: Run) -> Outcome {
    let first = simulate(run);
    let second = simulate(run);
    if first.broken.is_none() && (first.hash, first.counts) != (second.hash, second.counts) {
        let text = format!(
            "{:x} after {} events, {:x} after {}",
            first.hash, first.counts.events, second.hash, second.counts.events
        );
        return Outcome { broken: Some(Broken { rule: Rule::NotDeterministic, text }), ..first };
    }
    first
}

fn run_logged(run: Run, log: bool) -> Outcome {
    let story = Story::draw(run.seed, run.without, run.length);
    let (parts, length) = (story.parts, story.length);
    let mut world = World::new(story, log);
    // A panic is a finding like any other. The world is only read afterwards.
    let result = catch_unwind(AssertUnwindSafe(|| play(&mut world, length)));
    let broken = match result {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_else(|| "a panic without words".to_owned());
            Some(Broken { rule: Rule::Panic, text })
        }
    };
    let mut counts = world.counts;
    counts.launched = world.clouds().iter().map(providers::sim::SimCloud::launched).sum();
    Outcome { run, parts, broken, hash: world.hash(), counts, log: world.log.take().unwrap_or_default() }
}

fn play(world: &mut World, length: Span) -> Result<(), Broken> {
    let start = world.now;
    while world.now.since(start) < length {
        world.step()?;
    }
    world.counts.safety = world.now.since(start);
    world.counts.healing = heal::heal(world)?;
    Ok(())
}
