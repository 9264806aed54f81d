//! How long one decision takes: 1,000 machines over 500 pools and 10,000 over 5,000, for each kind of decision.
//!
//! Each result is verified before it is timed: the target is what the need says, the plan meets it, the checker finds
//! nothing. First comes a table of our own with p50 and p99, which divan does not print, and the peak of memory; then
//! divan's, with allocations.
#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher};
use policies::check::check;
use policies::units::Capacity;
use policies::{Plan, decide};
use spotfleet_tests::large::{Size, Task, world};
use spotfleet_tests::scenario::World;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Decisions timed for the table: enough that the 99th percentile has some beyond it.
const SAMPLES: usize = 300;

fn main() {
    // `cargo test --benches` asks only whether it runs.
    if std::env::args().any(|arg| arg == "--bench") {
        table();
    }
    divan::main();
}

fn table() {
    println!("machines  pools  task    actions  decide p50      p99     max   check p50     p99");
    for size in [Size::SMALL, Size::LARGE] {
        for task in Task::ALL {
            let world = world(size, task);
            let plan = verified(&world, task);
            let decided = sampled(|| drop(black_box(decide(black_box(&world.input())))));
            let checked = sampled(|| drop(black_box(check(black_box(&world.input()), &plan))));
            println!(
                "{:>8} {:>6}  {:<6} {:>8} {:>9} ms {:>5} ms {:>4} ms {:>8} ms {:>4} ms",
                size.machines,
                size.pools(),
                task.name(),
                plan.actions.len(),
                ms(percentile(&decided, 50)),
                ms(percentile(&decided, 99)),
                ms(percentile(&decided, 100)),
                ms(percentile(&checked, 50)),
                ms(percentile(&checked, 99)),
            );
        }
        println!(
            "peak memory so far: {} (VmHWM: the whole process with the inputs, plans, reports and the benchmark itself)",
            peak_memory()
        );
    }
    println!();
}

/// The plan for this task, after a look at whether it is right.
fn verified(world: &World, task: Task) -> Plan {
    let (plan, report) = world.decide();
    let broken = check(&world.input(), &plan);
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(plan.target, report.sizing.target);
    let before = world.memory.target.expect("a large world has a target");
    match task {
        Task::Rest => assert!(plan.target == before && plan.actions.is_empty(), "{:?}", plan.actions),
        Task::Repair => assert_eq!(plan.target, before),
        Task::Grow => assert!(plan.target > before, "{} after {before}", plan.target),
        Task::Shrink => assert!(plan.target < before, "{} after {before}", plan.target),
    }
    let mut after = world.clone();
    after.carry_out(&plan);
    let held: Capacity = after.holdings.iter().filter(|h| h.counts()).map(|h| h.capacity()).sum();
    // The largest machine has 32 vCPUs: less than one of them per market may be too much.
    assert!(held >= plan.target && held <= plan.target.plus(Capacity::units(64)), "{held} held of {}", plan.target);
    plan
}

fn sampled(mut work: impl FnMut()) -> Vec<Duration> {
    let mut samples: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    samples.sort_unstable();
    samples
}

/// Nearest rank: at least so many percent of the samples are no longer than this.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

fn ms(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
}

/// The highest resident set of this process, as the kernel counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not told by this system".to_owned(), |value| value.trim().to_owned())
}

#[divan::bench(args = Task::ALL.map(Task::name), sample_count = 50)]
fn small(bencher: Bencher<'_, '_>, task: &str) {
    measure(bencher, Size::SMALL, task);
}

#[divan::bench(args = Task::ALL.map(Task::name), sample_count = 50)]
fn large(bencher: Bencher<'_, '_>, task: &str) {
    measure(bencher, Size::LARGE, task);
}

fn measure(bencher: Bencher<'_, '_>, size: Size, task: &str) {
    let task = Task::ALL.into_iter().find(|t| t.name() == task).unwrap_or(Task::Rest);
    let world = world(size, task);
    bencher.bench_local(|| decide(black_box(&world.input())));
}
