//! `spotfleet plan`: what would be done now, and why.

use clap::Args;
use policies::control::Controller;

use super::client::{DaemonArgs, NoAnswer, block_on};
use super::out::Out;
use super::{ConfigArg, Done, Fault, files};
use crate::assemble::{Assembled, assemble};
use crate::clock::Clock;
use crate::http::view::{Fleets, Plan};
use crate::shell::dry::first_decisions;
use crate::store::{self, StoreError};
use crate::telemetry::{Logs, Telemetry};

/// Says what would be done now and why; changes nothing.
///
/// Without --config the running daemon is asked for its last decision. With it, or when no daemon answers, the clouds and
/// queues of the fleet file are looked at once, as the daemon would at its start, and nothing is written.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Only this fleet
    #[arg(value_name = "FLEET")]
    pub fleet: Option<String>,

    /// Look at the clouds of this fleet file, in place of asking a daemon
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,

    /// End with exit code 3 when there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// Which daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

pub(crate) fn plan(args: &PlanArgs, out: &Out) -> Result<Done, Fault> {
    let plans = match (&args.config, &args.daemon.url) {
        (Some(file), _) => live(file, args.fleet.as_deref())?,
        (None, Some(_)) => block_on(ask(args))??,
        (None, None) => match block_on(ask(args))? {
            Ok(plans) => plans,
            Err(NoAnswer::Refused(text)) => return Err(Fault::Failed(text)),
            Err(NoAnswer::Nobody(text)) => {
                let file = ConfigArg::fallback();
                if !file.exists() {
                    return Err(Fault::Failed(format!(
                        "{text}; or name a fleet file with --config to look without one"
                    )));
                }
                live(&file, args.fleet.as_deref())?
            }
        },
    };
    out.value(&plans, |plans| plans.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join("\n"))?;
    let changes = plans.iter().any(|p| !p.steps.is_empty());
    Ok(if args.detailed_exitcode && changes { Done::Changes } else { Done::Well })
}

async fn ask(args: &PlanArgs) -> Result<Vec<Plan>, NoAnswer> {
    let names = match &args.fleet {
        Some(name) => vec![name.clone()],
        None => {
            let all: Fleets = args.daemon.get("/api/v1/fleets").await?;
            all.fleets.into_iter().map(|f| f.name).collect()
        }
    };
    let mut plans = Vec::new();
    for name in names {
        plans.push(args.daemon.get(&format!("/api/v1/fleets/{name}/plan")).await?);
    }
    Ok(plans)
}

/// Looks at the clouds once.
fn live(file: &std::path::Path, only: Option<&str>) -> Result<Vec<Plan>, Fault> {
    let config = files::load(file)?;
    if let Some(name) = only
        && !config.fleets.iter().any(|f| f.fleet.name.as_str() == name)
    {
        let names: Vec<_> = config.fleets.iter().map(|f| f.fleet.name.as_str()).collect();
        return Err(Fault::Usage(format!("no fleet `{name}` in {}: there are {}", file.display(), names.join(", "))));
    }
    let logs = Logs { json: false, level: "warn".to_owned() };
    let telemetry = Telemetry::start(&logs, None).map_err(|e| Fault::Usage(e.to_string()))?;
    let clock = Clock::wall();
    // What the daemon remembers (cooldowns, promises, machines told to go) belongs to the decision.
    let daemon = &config.daemon;
    let records = match store::command::records(&daemon.state_dir) {
        Ok(records) => records,
        Err(StoreError::NoStore { .. }) => Vec::new(),
        Err(error @ StoreError::Locked { .. }) => {
            tracing::warn!(
                "planning without the daemon's memory: {error}; `spotfleet plan` without --config asks the daemon"
            );
            Vec::new()
        }
        Err(error) => return Err(Fault::doing("read the daemon's memory", &error)),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault::doing("start", &e))?;
    let decided = runtime.block_on(async {
        let Assembled { setup, world, tidy: _ } =
            assemble(&config, &clock).await.map_err(|e| Fault::doing("set up", &e))?;
        let controller = Controller::recover(setup, records, clock.now());
        Ok::<_, Fault>(first_decisions(controller, &world, &clock).await)
    })?;
    runtime.shutdown_background();
    telemetry.stop();
    let shown = decided.iter().filter(|(plan, _)| only.is_none_or(|name| plan.fleet.as_str() == name));
    Ok(shown.map(|(plan, report)| Plan::new(plan, report)).collect())
}
