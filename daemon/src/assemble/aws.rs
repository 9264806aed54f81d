//! Amazon EC2 of the fleet file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use config::{AwsConfig, Config, LaunchApi};
use policies::model::ProviderName;
use providers::LaunchSpec;
use providers::aws::{self, Aws, AwsSettings};
use tracing::{info, warn};

use super::{AssembleError, regions};

/// Tidying up one account takes a few calls a region; nothing waits for it.
const TIDY_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) async fn cloud(
    name: &ProviderName,
    configured: &AwsConfig,
    config: &Config,
) -> Result<Arc<Aws>, AssembleError> {
    let AwsConfig {
        allow_http,
        endpoint_url,
        pricing_endpoint_url,
        interruption_queue_urls,
        launch_api,
        call_deadline,
        visibility_lag,
    } = configured;
    let refused = |why: &dyn std::fmt::Display| AssembleError::Provider { name: name.clone(), why: why.to_string() };
    let mut settings = AwsSettings::new(name.clone(), &config.daemon.owner, regions(name, config))
        .with_queues(interruption_queue_urls)
        .map_err(|failure| refused(&failure))?;
    settings.allow_http = *allow_http;
    settings.endpoint_url.clone_from(endpoint_url);
    settings.pricing_endpoint_url.clone_from(pricing_endpoint_url);
    settings.launch_api = match launch_api {
        LaunchApi::CreateFleet => aws::LaunchApi::CreateFleet,
        LaunchApi::RunInstances => aws::LaunchApi::RunInstances,
    };
    settings.call_deadline = *call_deadline;
    settings.visibility_lag = *visibility_lag;
    Ok(Arc::new(Aws::new(settings).await.map_err(|failure| refused(&failure))?))
}

/// Deletes the launch templates of ours that no fleet of this configuration uses.
pub(super) async fn tidy(clouds: &BTreeMap<ProviderName, Arc<Aws>>, config: &Config) {
    let specs = config.fleets.iter().flat_map(|f| f.specs.values());
    let used: Vec<_> = specs.filter_map(|s| if let LaunchSpec::Aws(spec) = &**s { Some(spec) } else { None }).collect();
    for (name, cloud) in clouds {
        match tokio::time::timeout(TIDY_TIMEOUT, cloud.cleanup_templates(&used)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => info!(provider = %name, deleted, "launch templates that no fleet uses are deleted"),
            Ok(Err(failure)) => {
                warn!(provider = %name, %failure, "launch templates are left over; the next start tries again")
            }
            Err(_) => {
                warn!(provider = %name, "launch templates are left over: no answer in time; the next start tries again")
            }
        }
    }
}
