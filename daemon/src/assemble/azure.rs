//! Microsoft Azure of the fleet file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use config::{AzureConfig, AzureCredential, Config, Host};
use policies::failure::Failure;
use policies::model::ProviderName;
use policies::units::{Span, Time};
use providers::azure::{Azure, AzureDoctor, AzureSettings, Credential};
use tracing::{info, warn};

use super::{AssembleError, regions};

/// A sweep of one resource group takes a few calls; nothing waits for it.
const TIDY_TIMEOUT: Duration = Duration::from_secs(120);

/// What is left over stays so long: an interface is there before its machine, and failed machines that the controller
/// knows are ended by it.
const LEFTOVER_GRACE: Span = Span::from_hours(1);

pub(super) fn cloud(
    name: &ProviderName,
    configured: &AzureConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<Arc<Azure>, AssembleError> {
    let settings = settings(name, configured, config, host)?;
    Ok(Arc::new(Azure::new(settings).map_err(|failure| refused(name, &failure))?))
}

/// The doctor of the resource group that [`cloud`] would use.
pub(super) fn doctor(
    name: &ProviderName,
    configured: &AzureConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<AzureDoctor, AssembleError> {
    let settings = settings(name, configured, config, host)?;
    AzureDoctor::new(settings).map_err(|failure| refused(name, &failure))
}

fn refused(name: &ProviderName, failure: &Failure) -> AssembleError {
    AssembleError::Provider { name: name.clone(), why: failure.to_string() }
}

fn settings(
    name: &ProviderName,
    configured: &AzureConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<AzureSettings, AssembleError> {
    let AzureConfig {
        subscription_id,
        resource_group,
        credential,
        endpoint_url,
        authority_url,
        prices_url,
        allow_http,
        call_deadline,
        visibility_lag,
    } = configured;
    let credential = match credential.clone() {
        AzureCredential::ManagedIdentity { client_id } => Credential::ManagedIdentity { client_id },
        AzureCredential::WorkloadIdentity { tenant_id, client_id, token_file } => {
            Credential::WorkloadIdentity { tenant_id, client_id, token_file }
        }
        AzureCredential::ClientSecret { tenant_id, client_id, secret } => {
            let secret = secret.resolve(host);
            let what = format!("the client secret of provider {name}");
            let secret = secret.map_err(|error| AssembleError::Secret { what, error })?;
            Credential::ClientSecret { tenant_id, client_id, secret }
        }
    };
    let owner = &config.daemon.owner;
    let regions = regions(name, config);
    let mut settings = AzureSettings::new(name.clone(), owner, subscription_id, resource_group, regions, credential);
    settings.endpoint_url.clone_from(endpoint_url);
    settings.authority_url.clone_from(authority_url);
    settings.prices_url.clone_from(prices_url);
    settings.allow_http = *allow_http;
    settings.call_deadline = *call_deadline;
    settings.visibility_lag = *visibility_lag;
    Ok(settings)
}

/// Deletes what failed launches left of ours: failed machines, interfaces and disks without a machine.
pub(super) async fn tidy(groups: &BTreeMap<ProviderName, Arc<Azure>>, now: Time) {
    for (name, group) in groups {
        match tokio::time::timeout(TIDY_TIMEOUT, group.sweep(LEFTOVER_GRACE, now)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => info!(provider = %name, deleted, "what failed launches left is deleted"),
            Ok(Err(failure)) => warn!(provider = %name, %failure, "leftovers stay; it is tried again"),
            Err(_) => warn!(provider = %name, "leftovers stay: no answer in time; it is tried again"),
        }
    }
}
