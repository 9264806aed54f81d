//! `spotfleet prices`: what fleets may buy, for how much, and why not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use config::{Config, FleetConfig};
use policies::control::{Controller, Record};
use policies::model::{Fleet, Pool};
use policies::units::{Span, Time};

use super::client::{DaemonArgs, block_on};
use super::out::{self, Out};
use super::{Done, Fault, files, orders, plan};
use crate::assemble::Assembled;
use crate::http::view::{Closure, Fleets, Prices};
use crate::prices::plot::svg;
use crate::prices::{FleetPrices, PAST_POOLS, Past, Said, past, signals};
use crate::shell::dry::{Unread, WhatIf, first_look};
use crate::store::{self, StoreError};

mod text;

/// No cloud tells more of the past (EC2 and Azure: 90 days).
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// Says what fleets may buy; changes nothing.
#[derive(Clone, Debug, Args)]
pub struct PricesArgs {
    /// Only these fleets
    #[arg(value_name = "FLEET")]
    pub fleets: Vec<String>,

    /// The fleet file [default: that of `run`]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Only pools of this region; may be repeated
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,

    /// Only pools of this provider; may be repeated
    #[arg(long = "provider", value_name = "PROVIDER")]
    pub providers: Vec<String>,

    /// Ask what pools cost before, as far back as this (--history=24h), at most 90d
    #[arg(long, value_name = "LENGTH", num_args = 0..=1, require_equals = true, default_missing_value = "7d",
          value_parser = history)]
    pub history: Option<Duration>,

    /// Ask what clouds say of how likely machines are to be had or kept: placement scores of EC2, placement and
    /// evictions of Azure, obtainability and preemptions of Google
    #[arg(long)]
    pub signals: bool,

    /// Plot past prices to this file, of 7d when --history says nothing else
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Which daemon, when one runs [default of --url: `daemon.listen` of the file]
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

fn history(text: &str) -> Result<Duration, String> {
    let length = orders::length(text)?;
    if length > LONGEST { Err("no cloud tells more than 90d".to_owned()) } else { Ok(length) }
}

/// Plotted when nothing else is said: a week has all days.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

pub(crate) fn prices(args: &PricesArgs, out: &Out) -> Result<Done, Fault> {
    let file = args.config.clone().unwrap_or_else(super::ConfigArg::fallback);
    let config = narrowed(files::load(&file)?, args, &file)?;
    let memory = closures(&config, &args.daemon)?;
    let length = args.history.or(args.svg.as_ref().map(|_| WEEK));
    let length = length.map(|length| Span::from_secs(length.as_secs()));
    let seen = plan::looking(&config, async |Assembled { setup, world, tidy: _ }, clock| {
        let since = length.map(|length| clock.now().minus(length));
        let rates = setup.rates.clone();
        let what_if = WhatIf { nothing_held: true, ..WhatIf::default() };
        let controller = Controller::recover(setup, memory, clock.now());
        let (decided, unread) = first_look(controller, &world, &clock, &what_if).await;
        let mut fleets: Vec<_> = decided.iter().map(|decided| FleetPrices::new(decided, &unread)).collect();
        let mut told = None;
        if let Some(since) = since {
            let pools: BTreeSet<Pool> =
                fleets.iter().flat_map(|fleet| fleet.spot().take(PAST_POOLS)).cloned().collect();
            let past = past(&world, pools, since).await;
            fleets.iter_mut().for_each(|fleet| fleet.take(&past, &rates));
            told = Some((past, since));
        }
        let mut said = None;
        if args.signals {
            let pools: BTreeSet<Pool> = fleets.iter().flat_map(FleetPrices::spot).cloned().collect();
            let answers = signals(&world, pools).await;
            answers.give(&mut fleets);
            said = Some(answers);
        }
        Seen { fleets, unread, told, said }
    })?;
    show(&seen, args, out)
}

/// What was seen, and past prices since when.
struct Seen {
    fleets: Vec<FleetPrices>,
    unread: Unread,
    told: Option<(Past, Time)>,
    said: Option<Said>,
}

fn show(seen: &Seen, args: &PricesArgs, out: &Out) -> Result<Done, Fault> {
    let Seen { fleets, unread, told, said } = seen;
    let told = told.as_ref().map(|(past, since)| (past, *since));
    let said = said.as_ref();
    out.value(&Prices::new(fleets, unread, told, said), |_| text::tables(fleets, unread, told, said))?;
    if let (Some(path), Some((_, since))) = (&args.svg, told) {
        let drawn = svg(fleets, since).map_err(|e| Fault::doing("plot prices", &e))?;
        std::fs::write(path, drawn).map_err(|e| Fault::doing(&format!("write {}", path.display()), &e))?;
    }
    let priced = |fleet: &FleetPrices| fleet.pools.iter().any(|row| row.price.price.is_some());
    if fleets.iter().any(priced) {
        return Ok(Done::Well);
    }
    Err(Fault::Failed("no price of any pool could be read: see why beside each".to_owned()))
}

/// The configuration with no more than was asked for: the fleets, their pools, the clouds of those. Without demand,
/// hooks and workers, which have no part in prices.
fn narrowed(mut config: Config, args: &PricesArgs, file: &Path) -> Result<Config, Fault> {
    let fleets: Vec<&Fleet> = config.fleets.iter().map(|f| &f.fleet).collect();
    for name in &args.fleets {
        plan::check_fleet(Some(name), file, &fleets)?;
    }
    config.fleets.retain(|f| args.fleets.is_empty() || args.fleets.iter().any(|name| f.fleet.name.as_str() == name));
    for (what, asked, of) in [
        ("provider", &args.providers, (|pool| pool.provider().as_str()) as fn(&Pool) -> &str),
        ("region", &args.regions, |pool| pool.region().as_str()),
    ] {
        check_places(&config, what, asked, of)?;
        let wanted = |pool: &Pool| asked.is_empty() || asked.iter().any(|name| of(pool) == name);
        for FleetConfig { fleet, .. } in &mut config.fleets {
            fleet.pools.retain(|pool, _| wanted(pool));
        }
    }
    config.fleets.retain(|f| !f.fleet.pools.is_empty());
    for FleetConfig { fleet, sources, hook, workers, specs: _ } in &mut config.fleets {
        (*hook, *workers) = (None, None);
        fleet.scale_down.drain_hook = false;
        fleet.demand.sources.clear();
        sources.clear();
    }
    let used: BTreeSet<_> = pools(&config).map(|pool| pool.provider().clone()).collect();
    config.providers.retain(|name, _| used.contains(name));
    Ok(config)
}

fn pools(config: &Config) -> impl Iterator<Item = &Pool> {
    config.fleets.iter().flat_map(|f| f.fleet.pools.keys())
}

/// Each of these names is one of the pools that are left.
fn check_places(config: &Config, what: &str, asked: &[String], of: fn(&Pool) -> &str) -> Result<(), Fault> {
    let there: BTreeSet<&str> = pools(config).map(of).collect();
    match asked.iter().find(|name| !there.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let there: Vec<_> = there.into_iter().collect();
            Err(Fault::Usage(format!("no pool is of {what} `{name}`: there are {}", there.join(", "))))
        }
    }
}

/// Where the daemon listens by its file, when nothing else is said.
fn at_home(daemon: &DaemonArgs, config: &Config) -> DaemonArgs {
    let url = daemon.url.clone().unwrap_or_else(|| format!("http://{}", config.daemon.listen));
    DaemonArgs { url: Some(url), ..daemon.clone() }
}

/// What is closed after failures, as far as it is remembered.
fn closures(config: &Config, daemon: &DaemonArgs) -> Result<Vec<Record>, Fault> {
    match store::command::records(&config.daemon.state_dir) {
        Ok(mut records) => {
            records.retain(|record| matches!(record, Record::Closure(_)));
            Ok(records)
        }
        Err(StoreError::NoStore { .. }) => Ok(Vec::new()),
        // The daemon runs.
        Err(StoreError::Locked { .. }) => match block_on(at_home(daemon, config).get::<Fleets>("/api/v1/fleets"))? {
            Ok(told) => {
                let closures = told.fleets.iter().flat_map(|fleet| &fleet.closures);
                Ok(closures.filter_map(Closure::read).map(Record::Closure).collect())
            }
            Err(no) => {
                let Fault::Failed(why) = no.into() else { return Ok(Vec::new()) };
                out::warn(&format!("what is closed after failures is not known: {why}"));
                Ok(Vec::new())
            }
        },
        Err(error) => Err(Fault::doing("read the daemon's memory", &error)),
    }
}
