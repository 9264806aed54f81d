//! What the loop reaches: providers, demand sources, launch specifications, and the journal.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use policies::failure::Failure;
use policies::model::{FleetName, ProviderName, SpecName};
use providers::demand::Source;
use providers::{LaunchSpec, Provider};

use super::calls::not_configured;

/// What calls go to, by name.
#[derive(Clone, Default)]
pub struct World {
    /// The clouds, each under its guard.
    pub providers: BTreeMap<ProviderName, Arc<dyn Provider>>,
    /// Where each fleet's demand is read.
    pub sources: BTreeMap<FleetName, Arc<dyn Source>>,
    /// What machines are launched with.
    pub specs: BTreeMap<SpecName, Arc<LaunchSpec>>,
}

impl fmt::Debug for World {
    /// Names only: a launch specification may hold user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("providers", &self.providers.keys())
            .field("sources", &self.sources.keys())
            .field("specs", &self.specs.keys())
            .finish()
    }
}

impl World {
    pub(super) fn provider(&self, name: &ProviderName) -> Result<Arc<dyn Provider>, Failure> {
        self.providers.get(name).cloned().ok_or_else(|| not_configured("provider", name.as_str()))
    }

    pub(super) fn source(&self, fleet: &FleetName) -> Result<Arc<dyn Source>, Failure> {
        self.sources.get(fleet).cloned().ok_or_else(|| not_configured("the demand source of fleet", fleet.as_str()))
    }

    pub(super) fn spec(&self, name: &SpecName) -> Result<Arc<LaunchSpec>, Failure> {
        self.specs.get(name).cloned().ok_or_else(|| not_configured("launch specification", name.as_str()))
    }

    /// Takes new sources, specifications and those providers that were made anew. Specifications that the new file does
    /// not name stay: an open intent may have to be sent again exactly as before.
    pub(super) fn reload(&mut self, new: Self) {
        let Self { providers, sources, specs } = new;
        self.providers.extend(providers);
        self.sources = sources;
        self.specs.extend(specs);
    }
}
