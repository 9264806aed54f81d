//! The command line: what can be asked for, and how a command ends.
//!
//! Exit codes: 0 done; 1 failed; 2 bad usage or configuration; 3 there are changes (only `plan --detailed-exitcode`).
//! An error says what was being done, to what, and what to do next, on stderr. What a command prints goes to stdout, as a
//! table or as JSON.

pub mod run;

mod client;
mod demo;
mod doctor;
mod explain;
mod files;
mod orders;
mod out;
mod plan;
mod prices;
mod show;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::http::view::OrderKind;
use out::Out;

/// Where the daemon's configuration is when nothing else is said.
pub const DEFAULT_CONFIG: &str = "/etc/spotfleet/spotfleet.yaml";

/// Keeps fleets of spot and on-demand machines over several clouds, sized by demand.
#[derive(Debug, Parser)]
#[command(name = "spotfleet", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Form of what is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub output: Output,
}

/// Form of what a command prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check fleet files and name every problem at once
    Validate(files::ValidateArgs),
    /// Look whether a fleet file would work in its clouds, and say what is missing; change nothing
    Doctor(doctor::DoctorArgs),
    /// Say what would be done now and why; change nothing
    Plan(plan::PlanArgs),
    /// Say what fleets may buy, for how much, and why not; change nothing
    ///
    /// The clouds of the fleet file are asked once, as the daemon would at its start, and every pool is judged as by a
    /// plan; the cheapest unit-hour comes first. What is closed after failures is read from the daemon's store, or
    /// asked of the daemon when it runs. What a fleet holds already, and what its shares of places leave, is told by
    /// `plan`.
    ///
    /// With --history, past prices are drawn as a line of blocks, the highest of each part of the time, where the cloud
    /// tells them; with --svg they are plotted to a file.
    ///
    /// The exit code is 1 when no price of any pool could be read.
    Prices(prices::PricesArgs),
    /// Run the daemon
    Run(run::RunArgs),
    /// Say what the running daemon holds, wants and pays
    Status(show::StatusArgs),
    /// Say what happened lately
    Events(show::EventsArgs),
    /// Say why: a fleet's target and pools, a machine's launch and end, an event
    Explain(explain::ExplainArgs),
    /// Pause a fleet: nothing is launched and nothing is let go
    Pause(orders::PauseArgs),
    /// End the pause of a fleet
    Resume(orders::ResumeArgs),
    /// Let a machine finish its work, then end it
    Drain(orders::DrainArgs),
    /// Keep a machine from being let go
    Protect(orders::ProtectArgs),
    /// Lift the protection of a machine
    Unprotect(orders::UnprotectArgs),
    /// Set another minimum for a while, or clear it
    SetMin(orders::LimitArgs),
    /// Set another maximum for a while, or clear it
    SetMax(orders::LimitArgs),
    /// Run the daemon on simulated clouds, in faster time, with nothing to set up
    Demo(demo::DemoArgs),
    /// Look at, copy and check the state store of a daemon that is not running
    Store(store::StoreArgs),
    /// Print the JSON schema of the fleet file, for editors
    Schema,
}

/// Which configuration.
#[derive(Clone, Debug, Args)]
pub struct ConfigArg {
    /// The fleet file
    #[arg(short, long, env = "SPOTFLEET_CONFIG", default_value = DEFAULT_CONFIG, value_name = "FILE")]
    pub config: PathBuf,
}

impl ConfigArg {
    /// The file when the command line names none.
    fn fallback() -> PathBuf {
        std::env::var_os("SPOTFLEET_CONFIG").map_or_else(|| PathBuf::from(DEFAULT_CONFIG), PathBuf::from)
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Exit code 2: the command line or the configuration is wrong.
    Usage(String),
    /// Exit code 1: it was tried and failed.
    Failed(String),
    /// Exit code 1: everything was said already.
    Said,
    /// Exit code 2: everything was said already.
    Wrong,
}

impl Fault {
    /// A failure while doing something: `cannot <doing>: <error>`.
    pub(crate) fn doing(doing: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Failed(format!("cannot {doing}: {error}"))
    }
}

/// How a command ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    /// Exit code 0.
    Well,
    /// Exit code 3: there are changes.
    Changes,
}

/// The program: reads the command line, does the command, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::stdout(cli.output == Output::Json);
    match command(cli.command, &mut out) {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Changes) => ExitCode::from(3),
        Err(fault) => {
            let code = match &fault {
                Fault::Usage(_) | Fault::Wrong => 2,
                Fault::Failed(_) | Fault::Said => 1,
            };
            if let Fault::Usage(text) | Fault::Failed(text) = fault {
                out::complain(&text);
            }
            ExitCode::from(code)
        }
    }
}

fn command(command: Command, out: &mut Out) -> Result<Done, Fault> {
    match command {
        Command::Validate(args) => files::validate(&args, out),
        Command::Doctor(args) => doctor::doctor(&args, out),
        Command::Plan(args) => plan::plan(&args, out),
        Command::Prices(args) => prices::prices(&args, out),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => show::status(&args, out),
        Command::Events(args) => show::events(&args, out),
        Command::Explain(args) => explain::explain(&args, out),
        Command::Pause(args) => orders::pause(&args, out),
        Command::Resume(args) => orders::resume(&args, out),
        Command::Drain(args) => orders::drain(&args, out),
        Command::Protect(args) => orders::protect(&args, out),
        Command::Unprotect(args) => orders::unprotect(&args, out),
        Command::SetMin(args) => orders::limit(&args, OrderKind::SetMin, OrderKind::ClearMin, out),
        Command::SetMax(args) => orders::limit(&args, OrderKind::SetMax, OrderKind::ClearMax, out),
        Command::Demo(args) => demo::demo(&args, out),
        Command::Store(args) => store::store(&args, out),
        Command::Schema => files::schema(out),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
