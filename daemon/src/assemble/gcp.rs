//! Google Compute Engine of the fleet file.

use std::sync::Arc;

use config::{Config, GcpConfig};
use policies::failure::Failure;
use policies::model::ProviderName;
use policies::units::ListPrice;
use providers::gcp::{Gcp, GcpDoctor, GcpSettings};

use super::{AssembleError, regions};

pub(super) async fn cloud(
    name: &ProviderName,
    configured: &GcpConfig,
    config: &Config,
) -> Result<Arc<Gcp>, AssembleError> {
    let cloud = Gcp::new(settings(name, configured, config)).await;
    Ok(Arc::new(cloud.map_err(|failure| refused(name, &failure))?))
}

/// The doctor of the project that [`cloud`] would use.
pub(super) async fn doctor(
    name: &ProviderName,
    configured: &GcpConfig,
    config: &Config,
) -> Result<GcpDoctor, AssembleError> {
    GcpDoctor::new(settings(name, configured, config)).await.map_err(|failure| refused(name, &failure))
}

fn refused(name: &ProviderName, failure: &Failure) -> AssembleError {
    AssembleError::Provider { name: name.clone(), why: failure.to_string() }
}

fn settings(name: &ProviderName, configured: &GcpConfig, config: &Config) -> GcpSettings {
    let GcpConfig { project, on_demand_micros, endpoint_url, allow_http, watch_every, call_deadline, visibility_lag } =
        configured;
    let mut settings = GcpSettings::new(name.clone(), project, &config.daemon.owner, regions(name, config));
    let prices = on_demand_micros.iter().map(|(place, micros)| (place.clone(), ListPrice::usd(*micros)));
    settings.prices = prices.collect();
    settings.endpoint_url.clone_from(endpoint_url);
    settings.allow_http = *allow_http;
    settings.watch_every = *watch_every;
    settings.call_deadline = *call_deadline;
    settings.visibility_lag = *visibility_lag;
    settings
}
