//! Compute Engine over Google's SDK. The only file that names it.
//!
//! Each call is one request, or one a page. The SDK's own retries are off: it would repeat what is not known to have
//! failed. Its pollers are not used either: they give an operation that ended with an error as a success.

use core::time::Duration;
use std::collections::HashMap;

use google_cloud_auth::credentials::{CacheableResource, Credentials, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_compute_v1::client::{Advice, Instances, MachineTypes, Regions, ZoneOperations};
use google_cloud_compute_v1::errors::OperationError;
use google_cloud_compute_v1::model;
use google_cloud_compute_v1::model::capacity_advice_request_instance_properties_scheduling as advice;
use google_cloud_compute_v1::model::capacity_history_request::Types;
use google_cloud_compute_v1::model::capacity_history_request_instance_properties_scheduling as history;
use google_cloud_compute_v1::model::scheduling::{InstanceTerminationAction, OnHostMaintenance, ProvisioningModel};
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::StatusDetails;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::retry_policy::NeverRetry;
use policies::failure::{Failure, FailureKind};
use policies::model::Shape;
use policies::units::{Currency, ListPrice, Time};
use secrecy::{ExposeSecret, SecretString};

use super::GcpSettings;
use super::failure::{Stage, Trouble};
use super::translate::{Machine, OWNER_LABEL, Wanted, last, time_of};
use crate::net::chain;

/// Pages of a listing at most: 500 machines each, and a project has fewer than so many.
const PAGES: usize = 1_000;

/// The type of a system event: a machine was preempted.
const PREEMPTED: &str = "compute.instances.preempted";

/// One project.
#[derive(Debug)]
pub(super) struct Compute {
    project: String,
    deadline: Duration,
    instances: Instances,
    operations: ZoneOperations,
    types: MachineTypes,
    regions: Regions,
    advice: Advice,
}

/// A change that the service took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) state: State,
}

/// How far a change has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It goes on.
    Running,
    /// It is over, and done.
    Done,
    /// It is over, and not done.
    Failed(Trouble),
}

/// The machines that carry a label, and the places that could not be asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Listing {
    pub(super) machines: Vec<Machine>,
    pub(super) missing: Vec<String>,
}

/// A system event: this machine was preempted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Preemption {
    /// The machine's number.
    pub(super) number: Option<u64>,
    pub(super) at: Option<Time>,
}

/// A quota of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Quota {
    pub(super) metric: String,
    /// How much of it is used, for people.
    pub(super) used: String,
    /// Nothing of it is left; a limit of zero is no quota that is in use.
    pub(super) full: bool,
}

/// A token that never changes, in place of credentials.
struct FixedToken(SecretString);

impl core::fmt::Debug for FixedToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FixedToken")
    }
}

impl CredentialsProvider for FixedToken {
    async fn headers(&self, _: http::Extensions) -> Result<CacheableResource<http::HeaderMap>, CredentialsError> {
        let mut value = http::HeaderValue::try_from(format!("Bearer {}", self.0.expose_secret()))
            .map_err(|_| CredentialsError::from_msg(false, "the token is no header value"))?;
        value.set_sensitive(true);
        let data = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

impl Compute {
    /// Makes no call, but where Google's credentials are looked for on the host.
    ///
    /// # Errors
    /// `Denied` when there are no credentials, `Invalid` when the endpoint is no URL.
    pub(super) async fn new(settings: &GcpSettings) -> Result<Self, Failure> {
        let credentials = match &settings.token {
            Some(token) => Credentials::from(FixedToken(token.clone())),
            None => google_cloud_auth::credentials::Builder::default().build().map_err(|error| {
                let text = format!("no Google credentials: {}", chain(&error));
                Failure::new(FailureKind::Denied, "settings", "-", &text)
            })?,
        };
        macro_rules! client {
            ($service:ident) => {{
                let builder = $service::builder().with_credentials(credentials.clone()).with_retry_policy(NeverRetry);
                let builder = match &settings.endpoint_url {
                    Some(url) => builder.with_endpoint(url.clone()),
                    None => builder,
                };
                builder.build().await.map_err(|error| {
                    Failure::new(FailureKind::Invalid, "settings", "-", &format!("no client: {}", chain(&error)))
                })?
            }};
        }
        Ok(Self {
            project: settings.project.clone(),
            deadline: Duration::from_millis(settings.call_deadline.as_millis()),
            instances: client!(Instances),
            operations: client!(ZoneOperations),
            types: client!(MachineTypes),
            regions: client!(Regions),
            advice: client!(Advice),
        })
    }

    /// Asks for a machine.
    pub(super) async fn insert(&self, wanted: &Wanted<'_>) -> Result<Operation, Trouble> {
        let call = self.instances.insert().set_project(&self.project).set_zone(wanted.zone);
        let call = call.set_request_id(wanted.request.clone()).set_body(body(wanted));
        call.with_attempt_timeout(self.deadline).send().await.map(operation).map_err(trouble)
    }

    /// Waits for a change, at most two minutes; it may go on after that.
    pub(super) async fn wait(&self, zone: &str, operation_name: &str) -> Result<Operation, Trouble> {
        let call = self.operations.wait().set_project(&self.project).set_zone(zone).set_operation(operation_name);
        call.with_attempt_timeout(self.deadline).send().await.map(operation).map_err(trouble)
    }

    pub(super) async fn get(&self, zone: &str, name: &str) -> Result<Machine, Trouble> {
        let call = self.instances.get().set_project(&self.project).set_zone(zone).set_instance(name);
        let found = call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)?;
        Ok(machine(found, zone))
    }

    /// Asks for the end of a machine. Without a request id: an end is repeated until the machine is gone, and the answer to
    /// a repeated id would be that to the first request, also when that failed.
    pub(super) async fn delete(&self, zone: &str, name: &str) -> Result<Operation, Trouble> {
        let call = self.instances.delete().set_project(&self.project).set_zone(zone).set_instance(name);
        call.with_attempt_timeout(self.deadline).send().await.map(operation).map_err(trouble)
    }

    /// Every machine of the owner, in all zones of the project.
    pub(super) async fn machines(&self, owner: &str) -> Result<Listing, Trouble> {
        let (mut listing, mut token) = (Listing::default(), String::new());
        for _ in 0..PAGES {
            let mut call = self.instances.aggregated_list().set_project(&self.project);
            call = call.set_filter(format!("labels.{OWNER_LABEL}={owner}"));
            if !token.is_empty() {
                call = call.set_page_token(token);
            }
            let page = call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)?;
            listing.missing.extend(page.unreachables);
            let odd = |code: Option<&str>| code != Some("NO_RESULTS_ON_PAGE");
            if let Some(warning) = page.warning
                && odd(warning.code.as_ref().and_then(|code| code.name()))
            {
                listing.missing.push(warning.message.unwrap_or_else(|| "a warning without a text".to_owned()));
            }
            for (scope, found) in page.items {
                if found.warning.is_some_and(|warning| odd(warning.code.as_ref().and_then(|code| code.name()))) {
                    listing.missing.push(scope.clone());
                }
                listing.machines.extend(found.instances.into_iter().map(|found| machine(found, last(&scope))));
            }
            token = page.next_page_token.unwrap_or_default();
            if token.is_empty() {
                return Ok(listing);
            }
        }
        Err(unread(&format!("the listing has more than {PAGES} pages")))
    }

    /// The preemptions that a zone has on record.
    pub(super) async fn preemptions(&self, zone: &str) -> Result<Vec<Preemption>, Trouble> {
        let (mut found, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let mut call = self.operations.list().set_project(&self.project).set_zone(zone);
            call = call.set_filter(format!("operationType=\"{PREEMPTED}\""));
            if !token.is_empty() {
                call = call.set_page_token(token);
            }
            let page = call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)?;
            let ours = page.items.into_iter().filter(|event| event.operation_type.as_deref() == Some(PREEMPTED));
            found.extend(ours.map(|event| Preemption {
                number: event.target_id,
                at: event.start_time.or(event.insert_time).as_deref().and_then(time_of),
            }));
            token = page.next_page_token.unwrap_or_default();
            if token.is_empty() {
                return Ok(found);
            }
        }
        Err(unread(&format!("the list of events has more than {PAGES} pages")))
    }

    /// What a machine of this type brings.
    pub(super) async fn shape(&self, zone: &str, machine_type: &str) -> Result<Shape, Trouble> {
        let call = self.types.get().set_project(&self.project).set_zone(zone).set_machine_type(machine_type);
        let found = call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)?;
        let count = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        Ok(Shape {
            vcpus: count(found.guest_cpus),
            gpus: found.accelerators.iter().map(|gpu| count(gpu.guest_accelerator_count)).sum(),
            memory_mib: u64::from(count(found.memory_mb)),
        })
    }

    /// The spot price of a type in a zone that holds now, and since when; `None` where Google says none.
    pub(super) async fn spot_price(
        &self,
        region: &str,
        zone: &str,
        machine_type: &str,
    ) -> Result<Option<(ListPrice, Option<Time>)>, Trouble> {
        let answer = self.capacity_history(region, zone, machine_type, Types::Price).await?;
        let newest = answer.price_history.iter().max_by_key(|record| since(record.interval.as_ref()));
        Ok(newest.and_then(|r| Some((price(r.list_price.as_ref()?)?, since(r.interval.as_ref())))))
    }

    /// Every spot price that Google tells of a type in a zone. Those of an unknown time are left out.
    pub(super) async fn spot_prices(
        &self,
        region: &str,
        zone: &str,
        machine_type: &str,
    ) -> Result<Vec<(Time, ListPrice)>, Trouble> {
        let answer = self.capacity_history(region, zone, machine_type, Types::Price).await?;
        let records = answer.price_history.iter();
        Ok(records.filter_map(|r| Some((since(r.interval.as_ref())?, price(r.list_price.as_ref()?)?))).collect())
    }

    /// Of the spot machines that ended, the share that was preempted, from 0 to 1, of the newest time that is told.
    pub(super) async fn preempted(&self, region: &str, zone: &str, machine_type: &str) -> Result<Option<f64>, Trouble> {
        let answer = self.capacity_history(region, zone, machine_type, Types::Preemption).await?;
        let newest = answer.preemption_history.iter().max_by_key(|record| since(record.interval.as_ref()));
        Ok(newest.and_then(|record| record.preemption_rate))
    }

    /// How likely so many spot machines of a type are to be had in a zone now, from 0 to 1.
    pub(super) async fn obtainability(
        &self,
        region: &str,
        zone: &str,
        machine_type: &str,
        machines: i32,
    ) -> Result<Option<f64>, Trouble> {
        let scheduling = model::CapacityAdviceRequestInstancePropertiesScheduling::new()
            .set_provisioning_model(advice::ProvisioningModel::Spot);
        let selection = model::CapacityAdviceRequestInstanceFlexibilityPolicyInstanceSelection::new()
            .set_machine_types([machine_type]);
        let zone =
            model::CapacityAdviceRequestDistributionPolicyZoneConfiguration::new().set_zone(format!("zones/{zone}"));
        let request = model::CapacityAdviceRequest::new()
            .set_size(machines)
            .set_distribution_policy(model::CapacityAdviceRequestDistributionPolicy::new().set_zones([zone]))
            .set_instance_flexibility_policy(
                model::CapacityAdviceRequestInstanceFlexibilityPolicy::new()
                    .set_instance_selections([("machines", selection)]),
            )
            .set_instance_properties(model::CapacityAdviceRequestInstanceProperties::new().set_scheduling(scheduling));
        let call = self.advice.capacity().set_project(&self.project).set_region(region).set_body(request);
        let answer = call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)?;
        Ok(answer.recommendations.first().and_then(|best| best.scores.as_ref()?.obtainability))
    }

    async fn capacity_history(
        &self,
        region: &str,
        zone: &str,
        machine_type: &str,
        what: Types,
    ) -> Result<model::CapacityHistoryResponse, Trouble> {
        let scheduling = model::CapacityHistoryRequestInstancePropertiesScheduling::new()
            .set_provisioning_model(history::ProvisioningModel::Spot);
        let properties = model::CapacityHistoryRequestInstanceProperties::new()
            .set_machine_type(machine_type)
            .set_scheduling(scheduling);
        let request = model::CapacityHistoryRequest::new()
            .set_types([what])
            .set_location_policy(
                model::CapacityHistoryRequestLocationPolicy::new().set_location(format!("zones/{zone}")),
            )
            .set_instance_properties(properties);
        let call = self.advice.capacity_history().set_project(&self.project).set_region(region).set_body(request);
        call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)
    }

    /// The quotas of a region.
    pub(super) async fn quotas(&self, region: &str) -> Result<Vec<Quota>, Trouble> {
        let call = self.regions.get().set_project(&self.project).set_region(region);
        let found = call.with_attempt_timeout(self.deadline).send().await.map_err(trouble)?;
        let quota = |quota: model::Quota| {
            let (limit, usage) = (quota.limit?, quota.usage.unwrap_or(0.0));
            let metric = quota.metric.as_ref()?.name()?.to_owned();
            Some(Quota { metric, used: format!("{usage} of {limit}"), full: limit > 0.0 && usage >= limit })
        };
        Ok(found.quotas.into_iter().filter_map(quota).collect())
    }
}

/// When a record of the history begins.
fn since(interval: Option<&model::Interval>) -> Option<Time> {
    let start = interval?.start_time.as_ref()?;
    Some(Time::from_millis(start.seconds().saturating_mul(1_000)))
}

/// Millionths of a currency that we know, rounded up.
fn price(money: &model::Money) -> Option<ListPrice> {
    let currency = match money.currency_code.as_deref() {
        Some("USD") => Currency::Usd,
        Some("CNY") => Currency::Cny,
        _ => return None,
    };
    let units = u64::try_from(money.units.unwrap_or(0)).ok()?;
    let nanos = u64::try_from(money.nanos.unwrap_or(0)).ok()?;
    let micros = units.checked_mul(1_000_000)?.checked_add(nanos.div_ceil(1_000))?;
    (micros > 0).then_some(ListPrice { micros, currency })
}

/// A launch in Google's types.
fn body(wanted: &Wanted<'_>) -> model::Instance {
    let Wanted { name, request: _, zone, machine_type, spot, pinned, labels, subnetwork, spec } = wanted;
    let disk = model::AttachedDiskInitializeParams::new()
        .set_source_image(spec.image.clone())
        .set_or_clear_disk_size_gb(spec.disk_gb.map(i64::from))
        .set_or_clear_disk_type(spec.disk_type.as_ref().map(|kind| format!("zones/{zone}/diskTypes/{kind}")));
    // Without `autoDelete` the disk would stay, and cost.
    let disk = model::AttachedDisk::new().set_boot(true).set_auto_delete(true).set_initialize_params(disk);
    let mut net = model::NetworkInterface::new()
        .set_or_clear_subnetwork(subnetwork.map(str::to_owned))
        .set_or_clear_network(spec.network.clone());
    if net.subnetwork.is_none() && net.network.is_none() {
        net = net.set_network("global/networks/default");
    }
    if spec.external_ip {
        net = net.set_access_configs([model::AccessConfig::new().set_name("external")]);
    }
    let mut scheduling = model::Scheduling::new();
    if *spot {
        scheduling = scheduling.set_provisioning_model(ProvisioningModel::Spot).set_automatic_restart(false);
    }
    if *pinned {
        scheduling = scheduling.set_on_host_maintenance(OnHostMaintenance::Terminate);
    }
    if let Some(run) = spec.max_run {
        let seconds = i64::try_from(run.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX);
        scheduling = scheduling.set_max_run_duration(model::Duration::new().set_seconds(seconds));
    }
    if *spot || spec.max_run.is_some() {
        scheduling = scheduling.set_instance_termination_action(InstanceTerminationAction::Delete);
    }
    let script = spec.startup_script.as_ref().map(|script| ("startup-script", script));
    let metadata = spec.metadata.iter().map(|(key, value)| (key.as_str(), value)).chain(script);
    let items = metadata.map(|(key, value)| model::metadata::Items::new().set_key(key).set_value(value.clone()));
    let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
    let account = |email: &String| model::ServiceAccount::new().set_email(email.clone()).set_scopes(scopes);
    let mut body = model::Instance::new()
        .set_name(name.clone())
        .set_machine_type(format!("zones/{zone}/machineTypes/{machine_type}"))
        .set_labels(labels.clone())
        .set_disks([disk])
        .set_network_interfaces([net])
        .set_metadata(model::Metadata::new().set_items(items))
        .set_service_accounts(spec.service_account.iter().map(account))
        .set_scheduling(scheduling);
    if !spec.network_tags.is_empty() {
        body = body.set_tags(model::Tags::new().set_items(spec.network_tags.clone()));
    }
    body
}

fn machine(found: model::Instance, zone: &str) -> Machine {
    let scheduling = found.scheduling.unwrap_or_default();
    let labels: HashMap<String, String> = found.labels;
    Machine {
        name: found.name.unwrap_or_default(),
        zone: zone.to_owned(),
        number: found.id,
        machine_type: last(found.machine_type.as_deref().unwrap_or("unknown")).to_owned(),
        spot: scheduling.provisioning_model == Some(ProvisioningModel::Spot) || scheduling.preemptible == Some(true),
        status: found.status.as_ref().and_then(|status| status.name()).unwrap_or_default().to_owned(),
        created: found.creation_timestamp.unwrap_or_default(),
        labels: labels.into_iter().collect(),
    }
}

/// How far a change has come. An error counts whatever HTTP said, and also when the operation names no HTTP status.
fn operation(found: model::Operation) -> Operation {
    let name = found.name.clone().unwrap_or_default();
    if found.status != Some(model::operation::Status::Done) {
        return Operation { name, state: State::Running };
    }
    let state = match found.to_result() {
        Ok(_) => State::Done,
        Err(OperationError::Generic(error)) => {
            let first = error.details.and_then(|details| details.errors.into_iter().next());
            let (code, text) = first.map_or((None, None), |first| (first.code, first.message));
            State::Failed(Trouble {
                stage: Stage::Operation(error.status_code.and_then(|status| u16::try_from(status).ok())),
                code,
                message: text.or(error.message).unwrap_or_else(|| "the operation failed without a text".to_owned()),
            })
        }
        Err(error) => State::Failed(Trouble {
            stage: Stage::Operation(None),
            code: None,
            message: format!("the operation ended otherwise than it can: {}", chain(&error)),
        }),
    };
    Operation { name, state }
}

fn unread(text: &str) -> Trouble {
    Trouble { stage: Stage::Unanswered, code: None, message: text.to_owned() }
}

/// How far a call got. Compute's errors have no status text, so the HTTP status and the reason are all there is.
fn trouble(error: Error) -> Trouble {
    if let Some(status) = error.http_status_code().filter(|status| *status >= 400) {
        let details = error.status().map(|status| status.details.as_slice()).unwrap_or_default();
        let code = details.iter().find_map(|detail| match detail {
            StatusDetails::ErrorInfo(info) if !info.reason.is_empty() => Some(info.reason.clone()),
            _ => None,
        });
        // An answer that is no error of Google's may be anything, so its text is not passed on.
        let text = error.status().map_or("the answer is no error of Google's", |status| status.message.as_str());
        return Trouble { stage: Stage::Refused(status), code, message: text.to_owned() };
    }
    let stage = if error.is_authentication() {
        Stage::NoCredentials
    } else if error.is_connect() {
        Stage::Unreachable
    } else if error.is_binding() || error.is_serialization() {
        Stage::Unbuilt
    } else {
        Stage::Unanswered
    };
    Trouble { stage, code: None, message: chain(&error) }
}
