//! `spotfleet demo`.

use std::io;
use std::net::SocketAddr;

use clap::Args;

use super::out::Out;
use super::{Done, Fault};
use crate::demo::{Ending, Options, Screen, run};
use crate::telemetry::{Logs, Telemetry};

/// Runs the daemon on simulated clouds.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// End after one full cycle, with a summary; exit code 1 when the cycle does not complete
    #[arg(long)]
    pub once_through: bool,

    /// Simulated seconds a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=600), value_name = "TIMES")]
    pub speed: u32,

    /// Seed of everything that the simulated clouds draw
    #[arg(long, default_value_t = 7, value_name = "NUMBER")]
    pub seed: u64,

    /// Serve the HTTP API there too, for `spotfleet status --url`
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
}

pub(crate) fn demo(args: &DemoArgs, out: &Out) -> Result<Done, Fault> {
    // Log lines would tear the screen apart; SPOTFLEET_LOG turns them on.
    let logs = Logs { json: false, level: "off".to_owned() };
    let telemetry = Telemetry::start(&logs, None).map_err(|e| Fault::Usage(e.to_string()))?;
    let DemoArgs { once_through, speed, seed, listen } = *args;
    let options = Options { once_through, speed, seed, listen };
    let screen = Screen::new(io::stdout(), out.terminal(), out.json());
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault::doing("start the demo", &e))?;
    let ending = runtime.block_on(run(&options, &telemetry, screen));
    runtime.shutdown_background();
    telemetry.stop();
    match ending.map_err(|e| Fault::doing("run the demo", &e))? {
        Ending::Done => Ok(Done::Well),
        Ending::Stuck => Err(Fault::Failed(
            "the demo's cycle did not complete within two simulated hours, or was interrupted: the summary says how \
             far it came; a lower --speed helps a busy machine"
                .to_owned(),
        )),
    }
}
