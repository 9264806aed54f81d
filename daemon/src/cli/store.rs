//! `spotfleet store`: finds the state directory and the engine, and leaves the rest to the store.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::out::Out;
use super::{DEFAULT_CONFIG, Done, Fault, files};
use crate::clock::Clock;
use crate::store::Engine;
use crate::store::command::{self, StoreCommand, Subject, Verdict};

/// Looks at, copies and checks the state store of a daemon that is not running.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// The state directory, in place of that of the fleet file
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// The engine that an import makes, in place of that of the fleet file
    #[arg(long, global = true, value_enum)]
    pub engine: Option<Engine>,

    /// The fleet file
    #[arg(short, long, global = true, env = "SPOTFLEET_CONFIG", default_value = DEFAULT_CONFIG, value_name = "FILE")]
    pub config: PathBuf,

    /// What to do with it
    #[command(subcommand)]
    pub command: StoreCommand,
}

pub(crate) fn store(args: &StoreArgs, out: &Out) -> Result<Done, Fault> {
    let (state_dir, engine) = if let Some(dir) = &args.state_dir {
        (dir.clone(), args.engine.unwrap_or_default())
    } else {
        let config = files::load(&args.config)?;
        (config.daemon.state_dir, args.engine.unwrap_or_else(|| crate::assemble::engine(config.daemon.store)))
    };
    let subject = Subject { state_dir: &state_dir, engine, now: Clock::wall().now(), json: out.json() };
    let verdict = command::run(&args.command, subject, &mut io::stdout().lock());
    match verdict.map_err(|e| Fault::Failed(e.to_string()))? {
        Verdict::Well => Ok(Done::Well),
        Verdict::Findings => Err(Fault::Said),
    }
}
