//! Amazon EC2 of the fleet file.

use std::sync::Arc;

use config::{AwsConfig, Config, LaunchApi};
use policies::model::ProviderName;
use providers::Provider;
use providers::aws::{self, Aws, AwsSettings};

use super::{AssembleError, regions};

pub(super) async fn cloud(
    name: &ProviderName,
    configured: &AwsConfig,
    config: &Config,
) -> Result<Arc<dyn Provider>, AssembleError> {
    let AwsConfig {
        endpoint_url,
        pricing_endpoint_url,
        interruption_queue_urls,
        launch_api,
        call_deadline,
        visibility_lag,
    } = configured;
    let refused = |why: String| AssembleError::Provider { name: name.clone(), why };
    let mut settings = AwsSettings::new(name.clone(), &config.daemon.owner, regions(name, config));
    for url in interruption_queue_urls {
        // A queue belongs to a region. A test peer's address does not say which; then there must be only one.
        let region = match (aws::region_of_queue(url), settings.regions.as_slice()) {
            (Some(region), _) => region,
            (None, [only]) => only.clone(),
            (None, _) => return Err(refused(format!("the address of the queue {url} does not say its region"))),
        };
        settings.interruption_queues.insert(region, url.clone());
    }
    settings.endpoint_url.clone_from(endpoint_url);
    settings.pricing_endpoint_url.clone_from(pricing_endpoint_url);
    settings.launch_api = match launch_api {
        LaunchApi::CreateFleet => aws::LaunchApi::CreateFleet,
        LaunchApi::RunInstances => aws::LaunchApi::RunInstances,
    };
    settings.call_deadline = *call_deadline;
    settings.visibility_lag = *visibility_lag;
    let cloud = Aws::new(settings).await.map_err(|failure| refused(failure.to_string()))?;
    Ok(Arc::new(cloud))
}
