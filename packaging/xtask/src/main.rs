//! The project's own commands. `cargo xtask help` lists them.
//!
//! Only the standard library is used, so that the first command of a fresh clone starts within seconds.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

use std::process::ExitCode;

mod generate;
mod mutants;
mod place;
mod rules;
mod setup;
mod stage;
mod test;
mod unit;

use stage::{Failed, Step};

const HELP: &str = "\
The project's own commands:

  cargo xtask test              everything that must hold: format, rules, lints, all tests, simulator, docs
  cargo xtask test --lean       the same without the cloud SDKs
  cargo xtask test --only NAME  one stage of it; the names are those of the summary
  cargo xtask sim [ARGS]        the simulator; `cargo xtask sim --help` says what it takes
  cargo xtask mutants [NAME..]  plants known bugs and expects the simulator to find each within a minute
  cargo xtask bench             the benchmarks, in release
  cargo xtask gen [--check]     writes (or compares) schema and reference of the fleet file, and the OpenAPI document
  cargo xtask rules             size of files, nothing unfinished, one reader of the clock
  cargo xtask unit              checks the systemd unit
  cargo xtask setup             only gets what the tests need: Debian and Python packages
  cargo xtask help              this page
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("\n{failed}");
            ExitCode::from(failed.code())
        }
    }
}

fn run(args: &[&str]) -> Result<(), Failed> {
    match args {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["test", rest @ ..] => test::run(rest),
        ["sim", rest @ ..] => {
            Step::cargo(["run", "--package", "spotfleet-tests", "--no-default-features", "--bin", "simulate", "--"])
                .args(rest)
                .run()
        }
        ["mutants", rest @ ..] => mutants::run(rest),
        ["bench", rest @ ..] => {
            Step::cargo(["bench", "--package", "spotfleet-tests", "--no-default-features"]).args(rest).run()
        }
        ["gen"] => generate::write(),
        ["gen", "--check"] => generate::check(),
        ["rules"] => rules::check(),
        ["unit"] => unit::check().map(|outcome| println!("{outcome}")),
        ["setup"] => setup::all().map(|outcome| println!("{outcome}")),
        _ => Err(Failed::usage(&format!("unknown command: {}\n\n{HELP}", args.join(" ")))),
    }
}
