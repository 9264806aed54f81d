//! `spotfleet plan`: what would be done now, and why.

use std::path::{Path, PathBuf};

use clap::Args;
use config::Config;
use policies::control::Controller;
use policies::decide;
use policies::model::{Fleet, Pool, SourceRule};

use super::client::{DaemonArgs, NoAnswer, block_on};
use super::out::{self, Out};
use super::{ConfigArg, Done, Fault, files};
use crate::assemble::{Assembled, assemble};
use crate::clock::Clock;
use crate::http::view::{Fleets, Plan};
use crate::observation::{Recorded, RecordedDecision};
use crate::shell::dry::{Lost, WhatIf, first_decisions};
use crate::store::{self, StoreError};
use crate::telemetry::{Logs, Telemetry};

/// Says what would be done now and why; changes nothing.
///
/// Without --config the running daemon is asked for its last decision. With it, or when no daemon answers, the clouds and
/// queues of the fleet file are looked at once, as the daemon would at its start, and nothing is written.
///
/// With --record, what was seen is written to a file with the decision; with --observation, it is decided again from such
/// a file, and no cloud, queue or fleet file is needed.
///
/// What is assumed by --demand, --price and --without takes the place of what is seen, and the same decision follows.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Only this fleet
    #[arg(value_name = "FLEET")]
    pub fleet: Option<String>,

    /// Look at the clouds of this fleet file, in place of asking a daemon
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Write all that the decision is made of, and the decision, to this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["observation", "url"])]
    pub record: Option<PathBuf>,

    /// Decide from this file, which --record wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "url"])]
    pub observation: Option<PathBuf>,

    /// Assume that so many jobs wait in each queue
    #[arg(long, value_name = "JOBS")]
    pub demand: Option<u64>,

    /// Assume another price of a machine-hour, in the currency of its price list; may be repeated. A pool is written as plans
    /// print it: `provider/region/zone/type/market`
    #[arg(long = "price", value_name = "POOL=PRICE", value_parser = pool_price)]
    pub prices: Vec<(Pool, u64)>,

    /// Assume that a provider, or a region as `provider/region`, is lost with all its machines; may be repeated
    #[arg(long, value_name = "PLACE", value_parser = place)]
    pub without: Vec<Lost>,

    /// End with exit code 3 when there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// Which daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

pub(crate) fn plan(args: &PlanArgs, out: &Out) -> Result<Done, Fault> {
    let what_if = WhatIf {
        demand: args.demand,
        prices: args.prices.iter().cloned().collect(),
        without: args.without.clone(),
        nothing_held: false,
    };
    let plans = match (&args.config, &args.daemon.url) {
        _ if args.observation.is_some() => again(args, &what_if)?,
        (Some(file), _) => live(file, args, &what_if)?,
        // A running daemon tells its plan, not all that it rests on.
        (None, _) if args.record.is_some() => live(&ConfigArg::fallback(), args, &what_if)?,
        (None, url) if !what_if.is_nothing() => {
            if url.is_some() {
                return Err(Fault::Usage(
                    "a running daemon assumes nothing: name a fleet file with --config".to_owned(),
                ));
            }
            live(&ConfigArg::fallback(), args, &what_if)?
        }
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
                live(&file, args, &what_if)?
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

/// A pool and a price, as `sim/east/east-1/small/spot=0.05`.
fn pool_price(text: &str) -> Result<(Pool, u64), String> {
    let (pool, price) = text.rsplit_once('=').ok_or("write it as POOL=PRICE")?;
    let pool = Pool::parse(pool).ok_or("a pool is written as provider/region/zone/type/market")?;
    let (whole, part) = price.split_once('.').unwrap_or((price, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let micros = (!whole.is_empty() && digits(whole) && digits(part) && part.len() <= 6)
        .then(|| format!("{whole}{part:0<6}").parse().ok())
        .flatten();
    let micros = micros.ok_or("a price is a decimal number with at most six places, such as 0.05")?;
    Ok((pool, micros))
}

/// A provider, or a region of one.
fn place(text: &str) -> Result<Lost, String> {
    let (provider, region) = text.split_once('/').map_or((text, None), |(provider, region)| (provider, Some(region)));
    if provider.is_empty() || region.is_some_and(|r| r.is_empty() || r.contains('/')) {
        return Err("a place is a provider, or a region as provider/region".to_owned());
    }
    Ok(Lost { provider: provider.into(), region: region.map(Into::into) })
}

/// What is assumed is about this file: a place or a pool that no fleet names is a mistake.
fn check_assumptions(what_if: &WhatIf, fleets: &[&Fleet]) -> Result<(), Fault> {
    let pools = || fleets.iter().flat_map(|fleet| fleet.pools.keys());
    for pool in what_if.prices.keys() {
        if !pools().any(|p| p == pool) {
            return Err(Fault::Usage(format!("no fleet of the file has the pool {pool}")));
        }
    }
    for lost in &what_if.without {
        if !pools().any(|p| lost.holds(p.lane())) {
            let name = lost.region.as_ref().map_or_else(String::new, |region| format!("/{region}"));
            return Err(Fault::Usage(format!("no fleet of the file has a pool in {}{name}", lost.provider)));
        }
    }
    if what_if.demand.is_some() && !fleets.iter().any(|fleet| sized_by_queue(fleet)) {
        return Err(Fault::Usage("no fleet of the file is sized by a queue".to_owned()));
    }
    Ok(())
}

fn sized_by_queue(fleet: &Fleet) -> bool {
    fleet.demand.sources.values().any(|rule| matches!(rule, SourceRule::Queue(_)))
}

/// The fleet that is asked for must be in this file.
pub(super) fn check_fleet(only: Option<&str>, file: &Path, fleets: &[&Fleet]) -> Result<(), Fault> {
    match only {
        Some(name) if !fleets.iter().any(|fleet| fleet.name.as_str() == name) => {
            let names: Vec<_> = fleets.iter().map(|fleet| fleet.name.as_str()).collect();
            Err(Fault::Usage(format!("no fleet `{name}` in {}: there are {}", file.display(), names.join(", "))))
        }
        _ => Ok(()),
    }
}

/// Decides again from a file.
fn again(args: &PlanArgs, what_if: &WhatIf) -> Result<Vec<Plan>, Fault> {
    let Some(file) = &args.observation else { return Ok(Vec::new()) };
    let recorded = Recorded::read(file).map_err(|e| Fault::Failed(e.to_string()))?;
    let fleets: Vec<&Fleet> = recorded.decisions.iter().map(|d| &d.input.fleet).collect();
    check_fleet(args.fleet.as_deref(), file, &fleets)?;
    check_assumptions(what_if, &fleets)?;
    let mut plans = Vec::new();
    for RecordedDecision { input, plan: recorded_plan } in recorded.decisions {
        if args.fleet.as_ref().is_some_and(|name| input.fleet.name.as_str() != name) {
            continue;
        }
        let input = what_if.observed(input);
        let (plan, report) = decide(&input.input());
        let plan = Plan::new(&plan, &report);
        if what_if.is_nothing() && plan.text != recorded_plan.text {
            out::warn(&format!(
                "fleet {}: spotfleet {}, which recorded it, decided otherwise than this version does",
                plan.fleet, recorded.version
            ));
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// Sets up what a configuration names, for one look, and takes it down again.
pub(super) fn looking<T>(config: &Config, look: impl AsyncFnOnce(Assembled, Clock) -> T) -> Result<T, Fault> {
    let logs = Logs { json: false, level: "warn".to_owned() };
    let telemetry = Telemetry::start(&logs, None).map_err(|e| Fault::Usage(e.to_string()))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault::doing("start", &e))?;
    let seen = runtime.block_on(async {
        let clock = Clock::wall();
        let assembled = assemble(config, &clock).await.map_err(|e| Fault::doing("set up", &e))?;
        Ok(look(assembled, clock).await)
    });
    runtime.shutdown_background();
    telemetry.stop();
    seen
}

/// Looks at the clouds once.
fn live(file: &Path, args: &PlanArgs, what_if: &WhatIf) -> Result<Vec<Plan>, Fault> {
    let only = args.fleet.as_deref();
    let config = files::load(file)?;
    let fleets: Vec<&Fleet> = config.fleets.iter().map(|f| &f.fleet).collect();
    check_fleet(only, file, &fleets)?;
    check_assumptions(what_if, &fleets)?;
    // What the daemon remembers (cooldowns, promises, machines told to go) belongs to the decision.
    let daemon = &config.daemon;
    let records = match store::command::records(&daemon.state_dir) {
        Ok(records) => records,
        Err(StoreError::NoStore { .. }) => Vec::new(),
        Err(error @ StoreError::Locked { .. }) => {
            out::warn(&format!(
                "planning without the daemon's memory: {error}; `spotfleet plan` without --config asks the daemon"
            ));
            Vec::new()
        }
        Err(error) => return Err(Fault::doing("read the daemon's memory", &error)),
    };
    let decided = looking(&config, async |Assembled { setup, world, tidy: _ }, clock| {
        let controller = Controller::recover(setup, what_if.remembered(records), clock.now());
        first_decisions(controller, &world, &clock, what_if).await
    })?;
    let shown: Vec<_> = decided.into_iter().filter(|d| only.is_none_or(|name| d.plan.fleet.as_str() == name)).collect();
    let plans = shown.iter().map(|d| Plan::new(&d.plan, &d.report)).collect();
    if let Some(to) = &args.record {
        let recorded = Recorded::new(shown.into_iter().map(|d| d.observation).collect());
        recorded.write(to).map_err(|e| Fault::Failed(e.to_string()))?;
    }
    Ok(plans)
}
