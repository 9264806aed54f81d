//! `simulate`: runs seeds of the simulator until told to stop, and shrinks what it finds.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use policies::units::Span;
use spotfleet_tests::simulator::{
    Counts, Outcome, Parts, Run, known_seeds, shrink, simulate, simulate_twice, simulate_with_log,
};

const HELP: &str = "\
Runs the controller in simulated worlds and checks every rule after every event.

  simulate [--seeds N] [--seconds S] [--from SEED] [--threads N] [--keep-going] [--no-shrink]
      the seeds on file, then N seeds from SEED on (default 1), or as many as fit into S seconds (default 60);
      it stops at the first failing seed, or lists all of them at the end
  simulate --seed N [--without PART,..] [--length-s S] [--quiet]
      one run, with what happened

A failing seed is shrunk and printed with the command that repeats it; the exit code is then 1.
";

/// Each so manieth seed is run twice, and both runs must be the same.
const TWICE: u64 = 16;

/// Lines of a failing run that are shown.
const LINES: usize = 60;

#[derive(Debug, Default)]
struct Asked {
    seeds: Option<u64>,
    seconds: Option<u64>,
    from: Option<u64>,
    threads: Option<usize>,
    one: Option<Run>,
    quiet: bool,
    keep_going: bool,
    no_shrink: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--help" || a == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let asked = match parse(&args) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    // A panic in a run is reported by the run.
    std::panic::set_hook(Box::new(|_| {}));
    match asked.one {
        Some(run) => one(run, asked.quiet),
        None => many(&asked),
    }
}

fn parse(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let (mut without, mut length, mut seed) = (Parts::NONE, None, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--quiet" {
            asked.quiet = true;
            continue;
        }
        if arg == "--keep-going" {
            asked.keep_going = true;
            continue;
        }
        if arg == "--no-shrink" {
            asked.no_shrink = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{arg} needs a value, or is not known"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{arg}: not a number: {value}"));
        match arg.as_str() {
            "--seeds" => asked.seeds = Some(number()?),
            "--seconds" => asked.seconds = Some(number()?),
            "--from" => asked.from = Some(number()?),
            "--threads" => asked.threads = usize::try_from(number()?).ok(),
            "--seed" => seed = Some(number()?),
            "--length-s" => length = Some(Span::from_secs(number()?)),
            "--without" => without = Parts::parse(value).map_err(|name| format!("--without: no part {name}"))?,
            _ => return Err(format!("{arg} is not known")),
        }
    }
    asked.one = seed.map(|seed| Run { seed, without, length });
    Ok(asked)
}

fn one(run: Run, quiet: bool) -> ExitCode {
    let outcome = simulate_with_log(run);
    if !quiet {
        for line in &outcome.log {
            println!("{line}");
        }
    }
    println!("seed {}: parts: {}", run.seed, outcome.parts);
    println!("hash {:016x}, {:?}", outcome.hash, outcome.counts);
    match &outcome.broken {
        None => {
            println!("no rule was broken");
            ExitCode::SUCCESS
        }
        Some(broken) => {
            println!("{:?}: {}", broken.rule, broken.text);
            ExitCode::FAILURE
        }
    }
}

/// What the threads share.
struct Shared {
    next: AtomicU64,
    stop: AtomicBool,
    keep_going: bool,
    runs: AtomicU64,
    total: Mutex<(Counts, Span)>,
    failed: Mutex<Vec<Outcome>>,
}

fn many(asked: &Asked) -> ExitCode {
    let start = Instant::now();
    let seconds = asked.seconds.or(asked.seeds.is_none().then_some(60));
    let deadline = seconds.map(|s| start + Duration::from_secs(s));
    let from = asked.from.unwrap_or(1);
    let last = asked.seeds.map(|n| from.saturating_add(n));
    let threads =
        asked.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1).max(1);
    let shared = Shared {
        next: AtomicU64::new(from),
        stop: AtomicBool::new(false),
        keep_going: asked.keep_going,
        runs: AtomicU64::new(0),
        total: Mutex::default(),
        failed: Mutex::default(),
    };
    match known_seeds(include_str!("../../seeds.txt")) {
        Ok(known) => known.iter().for_each(|seed| take(&shared, &simulate(seed.run))),
        Err(problem) => {
            eprintln!("seeds.txt: {problem}");
            return ExitCode::from(2);
        }
    }
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !shared.stop.load(Ordering::Relaxed) && deadline.is_none_or(|d| Instant::now() < d) {
                    let seed = shared.next.fetch_add(1, Ordering::Relaxed);
                    if last.is_some_and(|last| seed >= last) {
                        break;
                    }
                    let run = Run::of(seed);
                    take(&shared, &if seed.is_multiple_of(TWICE) { simulate_twice(run) } else { simulate(run) });
                }
            });
        }
    });
    report(&shared, start.elapsed(), !asked.no_shrink)
}

/// Adds a run to what was seen; the first failure ends the search.
fn take(shared: &Shared, outcome: &Outcome) {
    shared.runs.fetch_add(1, Ordering::Relaxed);
    if let Ok(mut total) = shared.total.lock() {
        let (sum, slowest) = &mut *total;
        let Counts { events, ticks, calls, boots, crashes, launched, safety, healing } = outcome.counts;
        sum.events += events;
        sum.ticks += ticks;
        sum.calls += calls;
        sum.boots += boots;
        sum.crashes += crashes;
        sum.launched += launched;
        sum.safety = sum.safety.plus(safety);
        sum.healing = sum.healing.plus(healing);
        *slowest = (*slowest).max(healing);
    }
    if outcome.broken.is_some() {
        shared.stop.store(!shared.keep_going, Ordering::Relaxed);
        if let Ok(mut failed) = shared.failed.lock() {
            failed.push(outcome.clone());
        }
    }
}

fn report(shared: &Shared, took: Duration, smaller: bool) -> ExitCode {
    let runs = shared.runs.load(Ordering::Relaxed);
    let (sum, slowest) = shared.total.lock().map(|t| *t).unwrap_or_default();
    let seconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    println!(
        "{runs} seeds in {:.1} s: {} seeds/s, {} ticks/s; {} events, {} ticks, {} calls, {} machines launched, {} crashes; \
         {} virtual hours; slowest healing {slowest}",
        took.as_secs_f64(),
        runs * 1_000 / seconds,
        sum.ticks * 1_000 / seconds,
        sum.events,
        sum.ticks,
        sum.calls,
        sum.launched,
        sum.crashes,
        sum.safety.plus(sum.healing).as_millis() / 3_600_000,
    );
    let failed = shared.failed.lock().map(|f| f.clone()).unwrap_or_default();
    for outcome in failed.iter().filter(|_| shared.keep_going) {
        if let Some(broken) = &outcome.broken {
            let line: String = broken.text.lines().next().unwrap_or_default().chars().take(200).collect();
            println!("seed {} {:?}: {line}", outcome.run.seed, broken.rule);
        }
    }
    let Some(first) = failed.into_iter().min_by_key(|o| o.run.seed) else {
        println!("no rule was broken");
        return ExitCode::SUCCESS;
    };
    let (seed, rule) = (first.run.seed, first.broken.as_ref().map(|b| format!("{:?}", b.rule)).unwrap_or_default());
    if smaller {
        show(first, &rule);
    }
    println!("FAILED seed={seed} rule={rule}");
    ExitCode::FAILURE
}

fn show(failed: Outcome, rule: &str) {
    println!("seed {} breaks {rule}; making it smaller", failed.run.seed);
    let small = shrink(failed);
    let run = small.outcome.run;
    let told = simulate_with_log(run);
    let skipped = told.log.len().saturating_sub(LINES);
    println!("... {skipped} lines left out");
    for line in &told.log[skipped..] {
        println!("{line}");
    }
    if let Some(broken) = &told.broken {
        println!("{:?}: {}", broken.rule, broken.text);
    }
    println!("parts left: {}", told.parts);
    println!("after {} smaller runs; to repeat:\n  {}", small.tried, run.command());
    println!("for tests/seeds.txt: {}  # what it caught", seed_line(&run));
}

fn seed_line(run: &Run) -> String {
    let mut line = run.seed.to_string();
    if run.without != Parts::NONE {
        line += &format!(" without={}", run.without);
    }
    if let Some(length) = run.length {
        line += &format!(" length-s={}", length.as_millis() / 1_000);
    }
    line
}
