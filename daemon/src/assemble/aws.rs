//! Amazon EC2 of the fleet file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use config::{AwsConfig, Config, LaunchApi, ProviderConfig, SourceKind};
use policies::failure::Failure;
use policies::model::ProviderName;
use policies::units::{Span, Time};
use providers::LaunchSpec;
use providers::aws::{self, Aws, AwsDoctor, AwsSettings, PolicyScope};
use tracing::{info, warn};

use super::{AssembleError, regions};

/// Tidying up one account takes a few calls a region; nothing waits for it.
const TIDY_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) async fn cloud(
    name: &ProviderName,
    configured: &AwsConfig,
    config: &Config,
) -> Result<Arc<Aws>, AssembleError> {
    let settings = settings(name, configured, config)?;
    Ok(Arc::new(Aws::new(settings).await.map_err(|failure| refused(name, &failure))?))
}

/// The doctor of the account that [`cloud`] would use.
pub(super) async fn doctor(
    name: &ProviderName,
    configured: &AwsConfig,
    config: &Config,
) -> Result<AwsDoctor, AssembleError> {
    let settings = settings(name, configured, config)?;
    AwsDoctor::new(settings).await.map_err(|failure| refused(name, &failure))
}

fn refused(name: &ProviderName, failure: &Failure) -> AssembleError {
    AssembleError::Provider { name: name.clone(), why: failure.to_string() }
}

fn settings(name: &ProviderName, configured: &AwsConfig, config: &Config) -> Result<AwsSettings, AssembleError> {
    let AwsConfig {
        allow_http,
        endpoint_url,
        pricing_endpoint_url,
        interruption_queue_urls,
        launch_api,
        call_deadline,
        visibility_lag,
    } = configured;
    let mut settings = AwsSettings::new(name.clone(), &config.daemon.owner, regions(name, config))
        .with_queues(interruption_queue_urls)
        .map_err(|failure| refused(name, &failure))?;
    settings.allow_http = *allow_http;
    settings.endpoint_url.clone_from(endpoint_url);
    settings.pricing_endpoint_url.clone_from(pricing_endpoint_url);
    settings.launch_api = api(*launch_api);
    settings.call_deadline = *call_deadline;
    settings.visibility_lag = *visibility_lag;
    Ok(settings)
}

const fn api(configured: LaunchApi) -> aws::LaunchApi {
    match configured {
        LaunchApi::CreateFleet => aws::LaunchApi::CreateFleet,
        LaunchApi::RunInstances => aws::LaunchApi::RunInstances,
    }
}

/// What the policy of this configuration's daemon is for.
pub(super) fn policy_scope(config: &Config) -> PolicyScope {
    let mut scope = PolicyScope::new(&config.daemon.owner);
    let mut by_fleet = false;
    let mut any = false;
    for (name, provider) in &config.providers {
        let ProviderConfig::Aws(aws) = provider else { continue };
        any = true;
        by_fleet |= aws.launch_api == LaunchApi::CreateFleet;
        scope.interruption_queues.extend(aws.interruption_queue_urls.iter().cloned());
        if let Some(region) = regions(name, config).first() {
            scope.partition = aws::partition(region.as_str());
        }
    }
    scope.launch_api = if any && !by_fleet { aws::LaunchApi::RunInstances } else { aws::LaunchApi::CreateFleet };
    for fleet in &config.fleets {
        if let Some(SourceKind::Sqs { queue_url, .. }) = fleet.source.as_ref().map(|source| &source.kind) {
            scope.demand_queues.insert(queue_url.clone());
        }
        for spec in fleet.specs.values() {
            let LaunchSpec::Aws(spec) = &**spec else { continue };
            scope.profiles.extend(spec.instance_profile.clone());
            scope.parameters.extend(spec.image.strip_prefix("resolve:ssm:").map(str::to_owned));
        }
    }
    scope
}

/// A launch template that no fleet uses any more is kept for so long: a change of the fleet file may be taken back, and a
/// launch that is under way may need it.
const TEMPLATE_GRACE: Span = Span::from_hours(1);

/// Deletes the launch templates of ours that no fleet of this configuration has used for a while.
pub(super) async fn tidy(clouds: &BTreeMap<ProviderName, Arc<Aws>>, config: &Config, now: Time) {
    let specs = config.fleets.iter().flat_map(|f| f.specs.values());
    let used: Vec<_> = specs.filter_map(|s| if let LaunchSpec::Aws(spec) = &**s { Some(spec) } else { None }).collect();
    for (name, cloud) in clouds {
        match tokio::time::timeout(TIDY_TIMEOUT, cloud.cleanup_templates(&used, TEMPLATE_GRACE, now)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => info!(provider = %name, deleted, "launch templates that no fleet uses are deleted"),
            Ok(Err(failure)) => {
                warn!(provider = %name, %failure, "launch templates are left over; it is tried again")
            }
            Err(_) => {
                warn!(provider = %name, "launch templates are left over: no answer in time; it is tried again")
            }
        }
    }
}
