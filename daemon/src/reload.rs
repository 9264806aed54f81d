//! Reading the fleet file again while the daemon runs: whole and valid, or the old one stays.

use std::path::Path;

use config::{Config, DaemonConfig, ProviderConfig, ThisHost};
use policies::model::Pool;

use crate::assemble::{self, AssembleError};
use crate::shell::Reload;

/// Why the old configuration stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file has mistakes.
    #[error("{0}")]
    Invalid(config::Problems),
    /// A source cannot be set up, or a secret is not there.
    #[error("{0}")]
    Assemble(#[from] AssembleError),
    /// It needs what only a start can give.
    #[error("{0}: restart the daemon to take it; machines stay as they are")]
    Restart(String),
}

/// A new configuration, ready to be wanted.
#[derive(Debug)]
pub struct Fresh {
    /// What it says.
    pub config: Config,
    /// For the loop.
    pub reload: Reload,
    /// How it differs, a line each; empty when it does not.
    pub differences: Vec<String>,
    /// What differs and takes effect at the next start only.
    pub later: Vec<String>,
}

/// Reads the file and compares it with what runs. Blocks for as long as the file's disk does.
///
/// # Errors
/// When anything of it cannot be used: then nothing has changed.
pub fn read(path: &Path, current: &Config) -> Result<Fresh, ReloadError> {
    let config = Config::load(path, &ThisHost).map_err(ReloadError::Invalid)?;
    if let Some(name) = config.providers.keys().find(|name| !current.providers.contains_key(*name)) {
        return Err(ReloadError::Restart(format!("provider {name} is new")));
    }
    if let Some(pool) = new_simulated_pool(current, &config) {
        return Err(ReloadError::Restart(format!("pool {pool} of a simulated cloud is new")));
    }
    let world = assemble::wanted(&config, &ThisHost)?;
    let reload = Reload {
        fleets: assemble::fleets(&config),
        rates: config.daemon.rates.clone(),
        budget: config.daemon.budget,
        orphans: config.daemon.orphans,
        world,
    };
    let differences = Config::difference(current, &config);
    let later = later(current, &config);
    Ok(Fresh { config, reload, differences, later })
}

/// Simulated clouds are stocked at the start.
fn new_simulated_pool<'a>(old: &Config, new: &'a Config) -> Option<&'a Pool> {
    let simulated = |p: &Pool| matches!(old.providers.get(p.provider()), Some(ProviderConfig::Sim(_)));
    let known = |pool: &Pool| old.fleets.iter().any(|f| f.fleet.pools.contains_key(pool));
    new.fleets.iter().flat_map(|f| f.fleet.pools.keys()).find(|p| simulated(p) && !known(p))
}

/// Settings that a running daemon does not change.
fn later(old: &Config, new: &Config) -> Vec<String> {
    let DaemonConfig {
        state_dir,
        store,
        listen,
        token,
        operator_token,
        worker_token,
        public_url: _,
        tick,
        owner,
        rates: _,
        budget: _,
        orphans: _,
        time_zone,
        log,
        otlp,
    } = &new.daemon;
    let before = &old.daemon;
    let mut what = Vec::new();
    for (name, differs) in [
        ("daemon.state_dir", before.state_dir != *state_dir),
        ("daemon.store", before.store != *store),
        ("daemon.listen", before.listen != *listen),
        ("daemon.token", before.token != *token),
        ("daemon.operator_token", before.operator_token != *operator_token),
        ("daemon.worker_token", before.worker_token != *worker_token),
        ("daemon.tick", before.tick != *tick),
        ("daemon.owner", before.owner != *owner),
        ("daemon.time_zone", before.time_zone != *time_zone),
        ("daemon.log", before.log != *log),
        ("daemon.otlp", before.otlp != *otlp),
        ("providers", old.providers != new.providers),
    ] {
        if differs {
            what.push(name.to_owned());
        }
    }
    what
}
