//! `cargo xtask test`: everything that must hold, in one command, cheapest first.
//!
//! Two rules keep the AWS SDK from being compiled more often than needed (it takes minutes and several GB): every
//! stage builds the whole workspace with all targets and the same features, and what was built is run directly
//! instead of by `cargo run`, which would choose features for one package alone.

use crate::stage::{Failed, Outcome, Stages, Step};
use crate::{place, rules, setup, unit};

/// How long the simulator runs.
const SIM_SECONDS: &str = "60";

/// Tests that other tests run, as a process with an environment of its own; here they would see the wrong one.
const PROCESSES: [&str; 2] = ["process_without_credentials", "process_with_a_plaintext_endpoint"];

/// With `--lean`, the cloud SDKs are left out. With `--only`, one stage is run.
pub(crate) fn run(args: &[&str]) -> Result<(), Failed> {
    let (mut lean, mut only) = (false, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "--lean" => lean = true,
            "--only" => only = Some(*rest.next().ok_or_else(|| Failed::usage("--only needs the name of a stage"))?),
            other => return Err(Failed::usage(&format!("cargo xtask test takes --lean and --only NAME, not {other}"))),
        }
    }
    let features: &[&str] = if lean { &["--no-default-features"] } else { &[] };
    let all = |command: &str| Step::cargo([command, "--workspace", "--all-targets", "--locked"]).args(features);
    let passed = |step: Step| move || step.run().map(|()| Outcome::Passed);

    let mut stages = Stages::new(only);
    stages.run("setup", setup::all)?;
    stages.run("format", passed(Step::cargo(["fmt", "--all", "--", "--check"])))?;
    stages.run("rules", || rules::check().map(|()| Outcome::Passed))?;
    stages.run("unit", unit::check)?;
    stages.run("clippy", passed(all("clippy").args(&["--", "-D", "warnings"])))?;
    stages.run("build", passed(all("build")))?;
    let built = place::target().join("debug");
    // Without `--all-targets`: that would leave out the examples in the documentation and run the benchmarks.
    let tests =
        Step::cargo(["test", "--workspace", "--locked"]).args(features).args(&["--", "--include-ignored", "--exact"]);
    // By default, for the pace of daily work, they kill less often.
    let tests = tests.env("SPOTFLEET_KILLS", "300");
    let tests = PROCESSES.iter().fold(tests, |step, name| step.args(&["--skip", name]));
    stages.run("test", passed(tests))?;
    stages.run("sim", passed(Step::new(built.join("simulate")).args(&["--seconds", SIM_SECONDS])))?;
    let docs = Step::cargo(["doc", "--workspace", "--no-deps", "--locked"]).args(features);
    stages.run("docs", passed(docs.env("RUSTDOCFLAGS", "-D warnings")))?;
    stages.finish()
}
