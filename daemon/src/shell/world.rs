//! What the loop reaches: providers, demand sources, launch specifications, and the journal.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use policies::demand::{Level, Reading};
use policies::failure::Failure;
use policies::model::{FleetName, ProviderName, SourceName, SpecName};
use policies::units::{Span, Time};
use providers::demand::Source;
use providers::workers::Workers;
use providers::{LaunchSpec, Provider};

use super::calls::not_configured;
use crate::hook::DrainHook;

/// What calls go to, by name.
#[derive(Clone, Default)]
pub struct World {
    /// The clouds, each under its guard.
    pub providers: BTreeMap<ProviderName, Arc<dyn Provider>>,
    /// Where each source of each fleet's demand is read.
    pub sources: BTreeMap<(FleetName, SourceName), Feed>,
    /// What is told when a machine of a fleet is to go, where there is somebody to tell.
    pub hooks: BTreeMap<FleetName, Arc<DrainHook>>,
    /// Where it is read what the workers of a fleet do, where they do not say so themselves.
    pub watches: BTreeMap<FleetName, WorkersWatch>,
    /// What machines are launched with.
    pub specs: BTreeMap<SpecName, Arc<LaunchSpec>>,
}

/// Where it is read what the workers of a fleet do.
#[derive(Clone, Debug)]
pub struct WorkersWatch {
    /// Reads it.
    pub reader: Arc<dyn Workers>,
    /// How often.
    pub every: Span,
}

/// A demand source, and what is read from it.
#[derive(Clone)]
pub enum Feed {
    /// Jobs.
    Queue(Arc<dyn Source>),
    /// One number.
    Metric(Arc<dyn Source>),
}

impl Feed {
    /// Reads it once, at this time.
    ///
    /// # Errors
    /// Those of [`Source`].
    pub(super) async fn read(&self, now: Time) -> Result<Reading, Failure> {
        match self {
            Self::Queue(source) => Ok(Reading::Jobs(source.measure(now).await?)),
            Self::Metric(source) => Ok(Reading::Value(Level { at: now, milli: source.value().await? })),
        }
    }
}

impl fmt::Debug for World {
    /// Names only: a launch specification may hold user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("providers", &self.providers.keys())
            .field("sources", &self.sources.keys())
            .field("hooks", &self.hooks.keys())
            .field("watches", &self.watches.keys())
            .field("specs", &self.specs.keys())
            .finish()
    }
}

impl World {
    pub(super) fn provider(&self, name: &ProviderName) -> Result<Arc<dyn Provider>, Failure> {
        self.providers.get(name).cloned().ok_or_else(|| not_configured("provider", name.as_str()))
    }

    pub(super) fn source(&self, fleet: &FleetName, source: &SourceName) -> Result<Feed, Failure> {
        let found = self.sources.get(&(fleet.clone(), source.clone())).cloned();
        found.ok_or_else(|| not_configured("demand source", &format!("{source} of fleet {fleet}")))
    }

    pub(super) fn hook(&self, fleet: &FleetName) -> Result<Arc<DrainHook>, Failure> {
        self.hooks.get(fleet).cloned().ok_or_else(|| not_configured("the drain hook of fleet", fleet.as_str()))
    }

    pub(super) fn spec(&self, name: &SpecName) -> Result<Arc<LaunchSpec>, Failure> {
        self.specs.get(name).cloned().ok_or_else(|| not_configured("launch specification", name.as_str()))
    }

    /// Takes new sources, hooks, watches, specifications and those providers that were made anew. Specifications that the new file does
    /// not name stay: an open intent may have to be sent again exactly as before.
    pub(super) fn reload(&mut self, new: Self) {
        let Self { providers, sources, hooks, watches, specs } = new;
        self.hooks = hooks;
        self.watches = watches;
        self.providers.extend(providers);
        self.sources = sources;
        self.specs.extend(specs);
    }
}
