//! The simulator, as far as every test run takes it: the seeds that once found something, and a fixed number of others.
//! `cargo xtask sim` runs as many as wanted.

use spotfleet_tests::simulator::{Outcome, Run, known_seeds, simulate, simulate_twice};

/// Seeds that every test run tries: a few seconds' worth.
const SEEDS: u64 = 150;

fn must_hold(outcome: &Outcome) {
    if let Some(broken) = &outcome.broken {
        panic!(
            "seed {} breaks {:?}: {}\nto repeat: {}",
            outcome.run.seed,
            broken.rule,
            broken.text,
            outcome.run.command()
        );
    }
}

#[test]
fn known_seeds_hold() {
    let known = known_seeds(include_str!("../seeds.txt")).expect("seeds.txt is well-formed");
    for seed in known {
        must_hold(&simulate(seed.run));
    }
}

#[test]
fn fresh_seeds_hold() {
    let threads = 2;
    std::thread::scope(|scope| {
        for part in 0..threads {
            scope.spawn(move || {
                for seed in (1..=SEEDS).filter(|s| s % threads == part) {
                    must_hold(&simulate(Run::of(seed)));
                }
            });
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 10_001..10_011 {
        must_hold(&simulate_twice(Run::of(seed)));
    }
    let hashes: std::collections::BTreeSet<u64> = (10_001..10_011).map(|s| simulate(Run::of(s)).hash).collect();
    assert_eq!(hashes.len(), 10, "different seeds give different runs");
}
