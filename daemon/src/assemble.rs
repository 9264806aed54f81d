//! From a configuration to what the loop is made of: clouds under their guards, demand sources, launch specifications.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcp;
#[cfg(feature = "ppio")]
mod ppio;
mod sim;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use config::{Config, FleetConfig, Host, ProviderConfig, SecretError, StoreEngine, ThisHost};
use policies::control::Setup;
use policies::failure::Failure;
use policies::model::{Fleet, Lane, ProviderName, Region, SourceRule};
use policies::units::Time;
use providers::doctor::{Doctor, Wanted};
use providers::{Guarded, Provider};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::hook::AT_ONCE;
use crate::shell::world::{Feed, WorkersWatch, World};
use crate::store::Engine;

/// Why a valid configuration cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A cloud cannot be set up.
    #[error("provider {name}: {why}")]
    Provider {
        /// Which.
        name: ProviderName,
        /// Why not, and what to do.
        why: String,
    },
    /// A demand source cannot be set up.
    #[error("the demand source of fleet {fleet}: {failure}")]
    Source {
        /// Whose.
        fleet: String,
        /// Why not.
        failure: Failure,
    },
    /// A secret cannot be had.
    #[error("{what}: {error}")]
    Secret {
        /// Which.
        what: String,
        /// Why not.
        error: SecretError,
    },
    /// What workers do cannot be read.
    #[error("`workers` of fleet {fleet}: {failure}")]
    Workers {
        /// Whose.
        fleet: String,
        /// Why not.
        failure: Box<Failure>,
    },
    /// A drain hook cannot be used.
    #[error("the drain hook of fleet {fleet}: {failure}")]
    Hook {
        /// Whose.
        fleet: String,
        /// Why not.
        failure: Box<Failure>,
    },
    /// Who has the one token could do what the other is for.
    #[error(
        "`daemon.{0}` and `daemon.{1}` are the same secret, so that everybody who has the one could do what the other is for: make another one"
    )]
    SameToken(&'static str, &'static str),
    /// No entropy.
    #[error("cannot draw the seed of this start from /dev/urandom: {0}")]
    Entropy(std::io::Error),
}

/// What the controller and the loop get.
#[derive(Debug)]
pub struct Assembled {
    /// For the controller. `rebuilt` is false: the store knows better.
    pub setup: Setup,
    /// For the loop.
    pub world: World,
    /// For the time after the start.
    pub tidy: Tidy,
}

/// Makes everything that a configuration names. Connects to nothing yet.
///
/// # Errors
/// When a cloud or a source cannot be set up, or a secret is not there.
pub async fn assemble(config: &Config, clock: &Clock) -> Result<Assembled, AssembleError> {
    let mut world = wanted(config, &ThisHost)?;
    let mut capabilities = BTreeMap::new();
    let mut tidy = Tidy::default();
    for (name, provider) in &config.providers {
        let raw = provider_of(name, provider, config, clock, &mut tidy).await?;
        capabilities.insert(name.clone(), raw.capabilities().clone());
        world.providers.insert(name.clone(), Arc::new(Guarded::new(raw)));
    }
    let setup = Setup {
        fleets: fleets(config),
        providers: capabilities,
        rates: config.daemon.rates.clone(),
        budget: config.daemon.budget,
        orphans: config.daemon.orphans,
        zone: Arc::clone(&config.daemon.time_zone),
        tick: config.daemon.tick,
        boot_seed: entropy()?,
        rebuilt: false,
    };
    Ok(Assembled { setup, world, tidy })
}

/// The fleets that a configuration wants.
#[must_use]
pub fn fleets(config: &Config) -> Vec<Fleet> {
    config.fleets.iter().map(|f| f.fleet.clone()).collect()
}

/// Sources, drain hooks and launch specifications of a configuration, without clouds: what a reload may change.
///
/// # Errors
/// When a source cannot be set up, or a secret is not there.
pub fn wanted(config: &Config, host: &dyn Host) -> Result<World, AssembleError> {
    let mut world = World::default();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    for FleetConfig { fleet, sources, hook, workers, specs } in &config.fleets {
        if let Some(hook) = hook {
            let hook = source::hook(fleet.name.as_str(), hook, &turns, host)?;
            world.hooks.insert(fleet.name.clone(), Arc::new(hook));
        }
        if let Some(workers) = workers {
            let reader = source::workers(fleet.name.as_str(), workers, host)?;
            world.watches.insert(fleet.name.clone(), WorkersWatch { reader, every: workers.every });
        }
        for (name, source) in sources {
            let opened = source::open(fleet.name.as_str(), source, config, host)?;
            let feed = match fleet.demand.sources.get(name) {
                Some(SourceRule::Metric(_)) => Feed::Metric(opened),
                _ => Feed::Queue(opened),
            };
            world.sources.insert((fleet.name.clone(), name.clone()), feed);
        }
        world.specs.extend(specs.iter().map(|(name, spec)| (name.clone(), Arc::clone(spec))));
    }
    Ok(world)
}

/// The store's engine of a configuration.
#[must_use]
pub const fn engine(configured: StoreEngine) -> Engine {
    match configured {
        StoreEngine::Sled => Engine::Sled,
        StoreEngine::Redb => Engine::Redb,
    }
}

/// The tokens of the HTTP API, where they are configured.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Reads.
    pub reader: Option<SecretString>,
    /// Reads, gives orders and tells of workers.
    pub operator: Option<SecretString>,
    /// Tells of workers.
    pub worker: Option<SecretString>,
}

/// The tokens of the HTTP API.
///
/// # Errors
/// When a secret is not there, or two are the same.
pub fn tokens(config: &Config, host: &dyn Host) -> Result<Tokens, AssembleError> {
    let daemon = &config.daemon;
    let named =
        [("token", &daemon.token), ("operator_token", &daemon.operator_token), ("worker_token", &daemon.worker_token)];
    let mut tokens: Vec<(&'static str, Option<SecretString>)> = Vec::new();
    for (name, secret) in named {
        let secret = secret.as_ref().map(|secret| secret.resolve(host)).transpose();
        let secret = secret.map_err(|error| AssembleError::Secret { what: format!("daemon.{name}"), error })?;
        for (other, before) in &tokens {
            if let (Some(before), Some(secret)) = (before, &secret)
                && before.expose_secret() == secret.expose_secret()
            {
                return Err(AssembleError::SameToken(other, name));
            }
        }
        tokens.push((name, secret));
    }
    let mut tokens = tokens.into_iter().map(|(_, secret)| secret);
    let mut next = || tokens.next().flatten();
    Ok(Tokens { reader: next(), operator: next(), worker: next() })
}

/// Clouds that must be made anew because the fleets now name regions that they do not know.
///
/// # Errors
/// When one cannot be set up.
pub async fn renewed(old: &Config, new: &Config, clock: &Clock) -> Result<(World, Tidy), AssembleError> {
    let mut world = World::default();
    let mut tidy = Tidy::default();
    for (name, provider) in &old.providers {
        // A simulated cloud would forget its machines.
        if !matches!(provider, ProviderConfig::Sim(_))
            && regions(name, new).iter().any(|r| !regions(name, old).contains(r))
        {
            let raw = provider_of(name, provider, new, clock, &mut tidy).await?;
            world.providers.insert(name.clone(), Arc::new(Guarded::new(raw)));
        }
    }
    Ok((world, tidy))
}

/// Makes one cloud.
async fn provider_of(
    name: &ProviderName,
    provider: &ProviderConfig,
    config: &Config,
    clock: &Clock,
    tidy: &mut Tidy,
) -> Result<Arc<dyn Provider>, AssembleError> {
    match provider {
        ProviderConfig::Sim(sim) => Ok(sim::cloud(name, sim, config, clock)),
        #[cfg(feature = "aws")]
        ProviderConfig::Aws(settings) => {
            let cloud = aws::cloud(name, settings, config).await?;
            tidy.clouds.insert(name.clone(), Arc::clone(&cloud));
            Ok(cloud)
        }
        #[cfg(not(feature = "aws"))]
        ProviderConfig::Aws(_) => tidy.nothing(Err(built_without(name, "AWS"))).await,
        #[cfg(feature = "azure")]
        ProviderConfig::Azure(settings) => {
            let cloud = azure::cloud(name, settings, config, &ThisHost)?;
            tidy.groups.insert(name.clone(), Arc::clone(&cloud));
            Ok(cloud)
        }
        #[cfg(not(feature = "azure"))]
        ProviderConfig::Azure(_) => Err(built_without(name, "Azure")),
        #[cfg(feature = "gcp")]
        ProviderConfig::Gcp(settings) => Ok(gcp::cloud(name, settings, config).await?),
        #[cfg(not(feature = "gcp"))]
        ProviderConfig::Gcp(_) => Err(built_without(name, "Google Compute Engine")),
        #[cfg(feature = "ppio")]
        ProviderConfig::Ppio(settings) => Ok(ppio::cloud(name, settings, config, &ThisHost)?),
        #[cfg(not(feature = "ppio"))]
        ProviderConfig::Ppio(_) => Err(built_without(name, "PPIO")),
    }
}

/// A cloud of the configuration that this program does not know.
#[cfg(not(all(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio")))]
fn built_without(name: &ProviderName, cloud: &str) -> AssembleError {
    let why = format!("this program was built without {cloud}: build it with the default features");
    AssembleError::Provider { name: name.clone(), why }
}

/// Clouds in which something is left over: when launch specifications change, or when a launch fails.
#[derive(Clone, Default)]
pub struct Tidy {
    #[cfg(feature = "aws")]
    clouds: BTreeMap<ProviderName, Arc<providers::aws::Aws>>,
    #[cfg(feature = "azure")]
    groups: BTreeMap<ProviderName, Arc<providers::azure::Azure>>,
}

impl std::fmt::Debug for Tidy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tidy").finish_non_exhaustive()
    }
}

impl Tidy {
    /// Removes what no fleet of this configuration has used for an hour of these calls, and what failed launches left, and
    /// says so in the log. Touches no machine that works. What fails is left to the next call.
    pub async fn up(&self, config: &Config, now: Time) {
        #[cfg(feature = "aws")]
        aws::tidy(&self.clouds, config, now).await;
        #[cfg(feature = "azure")]
        azure::tidy(&self.groups, now).await;
        #[cfg(not(feature = "aws"))]
        self.nothing((config, now)).await;
    }

    /// Takes clouds that were made anew.
    pub fn extend(&mut self, other: Self) {
        #[cfg(feature = "aws")]
        self.clouds.extend(other.clouds);
        #[cfg(feature = "azure")]
        self.groups.extend(other.groups);
        #[cfg(not(any(feature = "aws", feature = "azure")))]
        let Self {} = other;
    }

    /// Stands where a build without clouds has nothing to wait for.
    #[cfg(not(feature = "aws"))]
    async fn nothing<T>(&self, answer: T) -> T {
        std::future::ready(answer).await
    }
}

/// A doctor with what the fleets want of its cloud.
pub type Doctored = (Box<dyn Doctor>, Vec<Wanted>);

/// The doctors of the clouds of kind `aws` in a configuration.
///
/// # Errors
/// When one cannot be set up.
#[cfg(feature = "aws")]
pub async fn aws_doctors(config: &Config) -> Result<Vec<Doctored>, AssembleError> {
    let mut doctors: Vec<Doctored> = Vec::new();
    for (name, provider) in &config.providers {
        if let ProviderConfig::Aws(settings) = provider {
            doctors.push((Box::new(aws::doctor(name, settings, config).await?), launches(name, config)));
        }
    }
    Ok(doctors)
}

/// The doctors of the clouds of kind `azure` in a configuration.
///
/// # Errors
/// When one cannot be set up.
#[cfg(feature = "azure")]
pub fn azure_doctors(config: &Config) -> Result<Vec<Doctored>, AssembleError> {
    let mut doctors: Vec<Doctored> = Vec::new();
    for (name, provider) in &config.providers {
        if let ProviderConfig::Azure(settings) = provider {
            let doctor = azure::doctor(name, settings, config, &ThisHost)?;
            doctors.push((Box::new(doctor), launches(name, config)));
        }
    }
    Ok(doctors)
}

/// The doctors of the clouds of kind `gcp` in a configuration.
///
/// # Errors
/// When one cannot be set up.
#[cfg(feature = "gcp")]
pub async fn gcp_doctors(config: &Config) -> Result<Vec<Doctored>, AssembleError> {
    let mut doctors: Vec<Doctored> = Vec::new();
    for (name, provider) in &config.providers {
        if let ProviderConfig::Gcp(settings) = provider {
            doctors.push((Box::new(gcp::doctor(name, settings, config).await?), launches(name, config)));
        }
    }
    Ok(doctors)
}

/// The doctors of the clouds of kinds `ppio` and `novita` in a configuration.
///
/// # Errors
/// When one cannot be set up.
#[cfg(feature = "ppio")]
pub fn ppio_doctors(config: &Config) -> Result<Vec<Doctored>, AssembleError> {
    let mut doctors: Vec<Doctored> = Vec::new();
    for (name, provider) in &config.providers {
        if let ProviderConfig::Ppio(settings) = provider {
            let doctor = ppio::doctor(name, settings, config, &ThisHost)?;
            doctors.push((Box::new(doctor), launches(name, config)));
        }
    }
    Ok(doctors)
}

/// The minimal policy of the daemon of this configuration in its AWS accounts; `None`: of a daemon with the defaults.
#[cfg(feature = "aws")]
#[must_use]
pub fn aws_policy(config: Option<&Config>) -> serde_json::Value {
    let default = || providers::aws::PolicyScope::new(config::DEFAULT_OWNER);
    providers::aws::iam_policy(&config.map_or_else(default, aws::policy_scope))
}

/// What the fleets may want to launch in a provider, by fleet and specification.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio"))]
fn launches(name: &ProviderName, config: &Config) -> Vec<Wanted> {
    let mut all = Vec::new();
    for FleetConfig { fleet, specs, .. } in &config.fleets {
        for (spec_name, spec) in specs {
            let ours = fleet.pools.iter().filter(|(pool, spec)| pool.provider() == name && *spec == spec_name);
            let pools: std::collections::BTreeSet<_> = ours.map(|(pool, _)| pool.clone()).collect();
            if !pools.is_empty() {
                all.push(Wanted { fleet: fleet.name.clone(), spec: Arc::clone(spec), pools });
            }
        }
    }
    all
}

/// The regions of a provider that the fleets name.
fn regions(name: &ProviderName, config: &Config) -> Vec<Region> {
    let lanes = config.fleets.iter().flat_map(|f| f.fleet.pools.keys()).map(policies::model::Pool::lane);
    let ours: std::collections::BTreeSet<&Lane> = lanes.filter(|lane| lane.provider == *name).collect();
    ours.into_iter().map(|lane| lane.region.clone()).collect()
}

/// Eight bytes of the system's entropy: what keeps the tokens of two starts apart even when the store was lost.
fn entropy() -> Result<u64, AssembleError> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open(Path::new("/dev/urandom"))
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(AssembleError::Entropy)?;
    Ok(u64::from_le_bytes(bytes))
}
