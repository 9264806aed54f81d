//! Microsoft Azure: one resource group of a subscription, over several regions.
//!
//! A launch is a PUT of one virtual machine for each machine that is wanted, all of a call at once; interface and disk
//! are described in it and go with it. The machine's name is told by the token of the launch, so a launch without an
//! answer can be repeated or looked up: the same token makes the same machines. `If-None-Match: *` keeps a repeated PUT
//! from changing what is there; what is there is adopted when it carries our owner and token.
//!
//! An accepted PUT is no machine yet: Azure says later, by an operation, what became of it. The attempt follows that
//! for half of the call's deadline. See `launch` for who deletes what a failed launch leaves behind, and why.
//!
//! Evictions are not told outside of the machine before they happen, so there are no notices: with the eviction policy
//! `Delete` an evicted machine is missing from the listing.
//!
//! In here: `wire` (HTTP), `token` (credentials), `translate` and `body` (pure), `launch` (one attempt at one machine),
//! `failure` (codes to kinds), `sizes`, `prices` and `offers` (facts kept with their age), `sweep` (what is left over),
//! `doctor` (what is missing before anything is launched). Not here: rate limits, deadlines and metrics (the guard),
//! retries and decisions (the controller).
//!
//! # Tags
//! Machines and interfaces carry `spotfleet:owner`, `spotfleet:fleet`, `spotfleet:pool` and `spotfleet:intent` (the
//! token). A machine without our owner tag does not exist here. Azure does not tell names of tags apart by case, and
//! takes `:` in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use core::time::Duration;
use futures::future::join_all;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{Capabilities, Instance, InstanceId, Notice, Offer, Pool, ProviderName, Region};
use policies::units::{Span, Time};
use tokio::time::Instant;
use tracing::debug;

use crate::clock;
use crate::net::is_plaintext;
use crate::{LaunchSpec, Order, PriceHistory, Provider, Rate, Rates, Signal};

mod body;
mod doctor;
mod failure;
mod launch;
mod offers;
mod past;
mod prices;
mod sizes;
mod sweep;
mod token;
mod translate;
mod wire;

pub use doctor::AzureDoctor;
pub use launch::Polling;
use launch::{Attempt, PUT};
use offers::Catalogue;
use sweep::Unattached;
pub use token::{Credential, TokenSource};
use wire::{Arm, Link, Retail};

/// A repeated token finds its machines by their names for as long as they live; what was ended meanwhile would be made
/// again. An hour is longer than any launch is in doubt.
const TOKEN_LIFETIME: Span = Span::from_hours(1);

/// Machines a launch: each is a request of its own, and they leave together.
const LAUNCH_BATCH: u32 = 10;

/// Machines a termination: each is a request of its own, and they leave together.
const TERMINATE_BATCH: u32 = 20;

/// How often a region may be called, with room left for the requests that one call makes and for the subscription's
/// other users.
///
/// | call | requests | limits |
/// |---|---|---|
/// | launch | 10 PUTs, some GETs each | ARM 200 writes and 10 a second; compute 1,500 and 500 a minute |
/// | terminate | 20 DELETEs | ARM 200 deletes and 10 a second; compute 1,500 and 500 a minute |
/// | read | some pages | compute 900 and 300 a minute ("high cost") |
/// | price | sizes once a day, prices of a size once an hour | ARM 250 reads and 25 a second; prices not published |
///
/// Sources: learn.microsoft.com, "Understand how Azure Resource Manager throttles requests" and "Compute throttling
/// limits".
const RATES: Rates = Rates {
    launch: Some(Rate::new(8, Span::from_millis(1_500))),
    terminate: Some(Rate::new(5, Span::from_secs(3))),
    read: Some(Rate::new(60, Span::from_secs(1))),
    price: Some(Rate::per_second(10, 2)),
    notice: None,
};

const GRAPH: &str = "POST ResourceGraph/resources";
const SCORES: &str = "POST placementScores";

/// Sizes that one question for placement scores may name. Source: learn.microsoft.com, "Spot Placement Score".
const SCORED_SIZES: usize = 5;

/// Placement scores are asked for so many machines: a fleet asks for some at a time.
const SCORED_MACHINES: u32 = 10;

/// A call for notices that brings none ends after this time.
const NO_NOTICES: Duration = Duration::from_secs(30);

/// Azure Resource Manager of the public cloud.
const ARM_URL: &str = "https://management.azure.com";
/// The Retail Prices API.
const PRICES_URL: &str = "https://prices.azure.com/api/retail/prices";

/// What [`Azure`] is made of.
#[derive(Clone, Debug)]
pub struct AzureSettings {
    /// The configured name of the provider.
    pub name: ProviderName,
    /// Value of the owner tag: tells the machines of one daemon from those of another in the same resource group.
    pub owner: String,
    /// The subscription's id.
    pub subscription_id: String,
    /// The resource group that machines are made in. It may hold machines of several regions, and others than ours.
    pub resource_group: String,
    /// The regions in use, as Azure writes their names: `eastus`.
    pub regions: Vec<Region>,
    /// Who the daemon is.
    pub credential: Credential,
    /// URL of Azure Resource Manager in place of the public cloud's.
    pub endpoint_url: Option<String>,
    /// URL of the token servers in place of Azure's own, for a test peer.
    pub authority_url: Option<String>,
    /// URL of the Retail Prices API in place of its own.
    pub prices_url: Option<String>,
    /// Let requests leave unencrypted. Loopback is always let through.
    pub allow_http: bool,
    /// No call takes longer. Half of it is for following a launch.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
    /// How often an accepted launch is asked about.
    pub polling: Polling,
}

impl AzureSettings {
    /// The default of [`call_deadline`](Self::call_deadline). Most launches that fail do so within half of it. Longer
    /// would see more of them fail, and would hide longer that a machine was evicted: a machine that is missing from
    /// the listing is given up after this and the visibility lag.
    pub const CALL_DEADLINE: Span = Span::from_mins(1);
    /// The default of [`visibility_lag`](Self::visibility_lag). Azure gives no bound; what is accepted is listed within
    /// seconds, but for delays of its own.
    pub const VISIBILITY_LAG: Span = Span::from_secs(30);

    /// Settings with the documented defaults.
    #[must_use]
    pub fn new(
        name: ProviderName,
        owner: &str,
        subscription_id: &str,
        resource_group: &str,
        regions: Vec<Region>,
        credential: Credential,
    ) -> Self {
        Self {
            name,
            owner: owner.to_owned(),
            subscription_id: subscription_id.to_owned(),
            resource_group: resource_group.to_owned(),
            regions,
            credential,
            endpoint_url: None,
            authority_url: None,
            prices_url: None,
            allow_http: false,
            call_deadline: Self::CALL_DEADLINE,
            visibility_lag: Self::VISIBILITY_LAG,
            polling: Polling::DEFAULT,
        }
    }
}

/// A failure of the settings themselves.
fn wrong(text: &str) -> Failure {
    translate::invalid("settings", text)
}

/// A URL of the settings, or the public cloud's.
fn url(configured: Option<&String>, usual: &str, allow_http: bool) -> Result<Link, Failure> {
    let text = configured.map_or(usual, String::as_str);
    if !allow_http && is_plaintext(text) {
        return Err(wrong(&format!("{text} is not https; set allow_http for a test peer on another machine")));
    }
    Link::parse(text).ok().filter(Link::has_host).ok_or_else(|| wrong(&format!("{text} is no address")))
}

/// What can be seen to be wrong without a call.
fn check(settings: &AzureSettings) -> Result<(), Failure> {
    let plain = |text: &str, besides: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || besides.contains(c))
    };
    if settings.regions.is_empty() {
        return Err(wrong("no region is configured"));
    }
    if let Some(region) = settings.regions.iter().find(|r| translate::plain(r.as_str()) != r.as_str()) {
        return Err(wrong(&format!("region {region} is not written as Azure writes it: small letters, no spaces")));
    }
    if !plain(&settings.subscription_id, "-") {
        return Err(wrong("the subscription's id is none"));
    }
    // Source: learn.microsoft.com, "Naming rules and restrictions for Azure resources".
    if !plain(&settings.resource_group, "-_.()") || settings.resource_group.chars().count() > 90 {
        return Err(wrong(&format!("{:?} is no name of a resource group", settings.resource_group)));
    }
    Ok(())
}

/// Azure in one resource group.
pub struct Azure {
    settings: AzureSettings,
    capabilities: Capabilities,
    arm: Arm,
    retail: Retail,
    catalogues: BTreeMap<Region, tokio::sync::Mutex<Catalogue>>,
    unattached: Mutex<Unattached>,
}

impl Azure {
    /// The resource group of these settings, with tokens for their credential. Makes no call; credentials that do not
    /// hold are the failure of the first one.
    ///
    /// # Errors
    /// `Invalid` or `Denied` for settings that cannot work.
    pub fn new(settings: AzureSettings) -> Result<Self, Failure> {
        let tokens = identity(&settings)?;
        Self::with_tokens(settings, tokens)
    }

    /// The same with tokens from elsewhere.
    ///
    /// # Errors
    /// `Invalid` for settings that cannot work.
    pub fn with_tokens(settings: AzureSettings, tokens: Arc<dyn TokenSource>) -> Result<Self, Failure> {
        check(&settings)?;
        let (arm, retail) = connect(&settings, tokens)?;
        let capabilities = Capabilities {
            token_lifetime: Some(TOKEN_LIFETIME),
            visibility_lag: settings.visibility_lag,
            call_deadline: settings.call_deadline,
            // A machine is told of its eviction by its own metadata service only, 30 s before at best.
            notice_lead: Span::ZERO,
            launch_batch: LAUNCH_BATCH,
            terminate_batch: TERMINATE_BATCH,
            // Source: azure.microsoft.com/pricing, virtual machines are billed by the second.
            billing_step: Span::from_secs(1),
            billing_minimum: Span::ZERO,
            // What Azure evicts is billed until then.
            free_if_taken_within: Span::ZERO,
        };
        let catalogues = settings.regions.iter().map(|region| (region.clone(), Default::default())).collect();
        Ok(Self { settings, capabilities, arm, retail, catalogues, unattached: Mutex::default() })
    }

    fn catalogue(&self, region: &Region, operation: &str) -> Result<&tokio::sync::Mutex<Catalogue>, Failure> {
        self.catalogues.get(region).ok_or_else(|| {
            let text = format!("region {region} is not configured for provider {}", self.settings.name);
            translate::invalid(operation, &text)
        })
    }
}

/// Tokens for the credential of these settings.
fn identity(settings: &AzureSettings) -> Result<Arc<dyn TokenSource>, Failure> {
    let authority = match &settings.authority_url {
        Some(_) => Some(url(settings.authority_url.as_ref(), "", settings.allow_http)?),
        None => None,
    };
    // The identity service of a VM is on the VM's own host.
    let on_host = matches!(settings.credential, Credential::ManagedIdentity { .. });
    let client = client(settings, on_host || authority.as_ref().is_some_and(is_here))?;
    Ok(Arc::new(token::Identity::new(&settings.credential, client, authority)?))
}

/// No single request takes longer than the shortest call may.
fn client(settings: &AzureSettings, near: bool) -> Result<reqwest::Client, Failure> {
    let timeout = REQUEST_TIMEOUT.min(settings.call_deadline);
    wire::client(timeout, near).map_err(|text| wrong(&format!("no HTTP client can be made: {text}")))
}

/// It is a server on this machine: no proxy stands between.
fn is_here(url: &Link) -> bool {
    url.scheme() == "http" && !is_plaintext(url.as_str())
}

/// A request without an answer in this time has none. The answers of Azure come within seconds.
const REQUEST_TIMEOUT: Span = Span::from_secs(30);

fn connect(settings: &AzureSettings, tokens: Arc<dyn TokenSource>) -> Result<(Arm, Retail), Failure> {
    let arm = url(settings.endpoint_url.as_ref(), ARM_URL, settings.allow_http)?;
    let prices = url(settings.prices_url.as_ref(), PRICES_URL, settings.allow_http)?;
    let client = client(settings, is_here(&arm) || is_here(&prices))?;
    let arm = Arm::new(client.clone(), arm, &settings.subscription_id, &settings.resource_group, tokens);
    Ok((arm, Retail::new(client, prices)))
}

/// What became of a launch, of what became of each of its machines.
///
/// One machine of which nobody knows leaves the whole launch in doubt, although others were made: then the token is
/// sent again or looked up, which finds all of them. To report the others would close the launch, and forget the one.
fn launched(made: Vec<Result<InstanceId, Failure>>) -> Result<Launched, Failure> {
    let (mut ids, mut failures) = (Vec::new(), Vec::new());
    for one in made {
        match one {
            Ok(id) => ids.push(id),
            Err(failure) => failures.push(failure),
        }
    }
    match Failure::most_telling(failures) {
        Some(failure) if ids.is_empty() || failure.kind == FailureKind::Ambiguous => Err(failure),
        shortfall => Ok(Launched { ids, shortfall }),
    }
}

#[async_trait]
impl Provider for Azure {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn rates(&self) -> Rates {
        RATES
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let mut catalogue = self.catalogue(region, "GET skus")?.lock().await;
        // A third of the deadline for the slowest part, so that the rest has time too.
        let patience = Span::from_millis(self.settings.call_deadline.as_millis() / 3);
        catalogue.offers(&self.arm, &self.retail, region, pools, clock::now(), patience).await
    }

    /// Of spot only, of the region and not of its zones. Azure tells 90 days.
    async fn price_history(
        &self,
        region: &Region,
        pools: &[Pool],
        since: Time,
    ) -> Result<Option<Vec<PriceHistory>>, Failure> {
        let rows = self.arm.graph(&past::prices_query(region.as_str(), pools)).await;
        let rows = rows.map_err(|trouble| failure::of_look(GRAPH, &trouble))?;
        Ok(Some(past::histories(&rows, pools, since)))
    }

    async fn signals(&self, region: &Region, pools: &[Pool]) -> Result<Option<Vec<(Pool, Signal)>>, Failure> {
        let rows = self.arm.graph(&past::evictions_query(region.as_str(), pools)).await;
        let rows = rows.map_err(|trouble| failure::of_look(GRAPH, &trouble))?;
        let mut told = past::signals(&rows, pools);
        let sizes: BTreeSet<&str> = pools.iter().map(|pool| pool.instance_type().as_str()).collect();
        for some in Vec::from_iter(sizes).chunks(SCORED_SIZES) {
            // They need a role of their own; the rest stands without them.
            match self.arm.placement_scores(region.as_str(), some, SCORED_MACHINES).await {
                Ok(scores) => told.extend(past::placements(&scores, pools)),
                Err(trouble) => debug!(failure = %failure::of_look(SCORES, &trouble), "no placement scores"),
            }
        }
        Ok(Some(told))
    }

    /// Azure lists by resource group and filters by no tags: both are done here.
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure> {
        let operation = "GET virtualMachines";
        self.catalogue(region, operation)?;
        let machines = self.arm.machines().await.map_err(|trouble| failure::of_look(operation, &trouble))?;
        let mut listed = BTreeMap::new();
        for answer in &machines {
            let Some(machine) = translate::machine(answer) else {
                // One that cannot be read may be ours, so the listing would not be whole.
                let text = "a machine in the listing has no name";
                return Err(Failure::new(FailureKind::Unavailable, operation, "-", text));
            };
            let instance = translate::instance(&self.settings.owner, &self.settings.name, region, machine);
            // A machine that moves between pages while they are read is one machine.
            listed.extend(instance.map(|instance| (instance.id.clone(), instance)));
        }
        Ok(listed.into_values().collect())
    }

    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        tokio::time::sleep(NO_NOTICES).await;
        Ok(Vec::new())
    }

    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let until = Instant::now() + Duration::from_millis(self.settings.call_deadline.as_millis() / 2);
        self.catalogue(order.pool.region(), PUT)?;
        let LaunchSpec::Azure(spec) = &*order.spec else {
            return Err(translate::invalid(PUT, "the launch specification is for another provider"));
        };
        if order.count == 0 || order.count > LAUNCH_BATCH {
            return Err(translate::invalid(PUT, &format!("a launch of {} machines", order.count)));
        }
        let owner = &self.settings.owner;
        let mut wanted = Vec::new();
        for number in 0..order.count {
            let name = translate::machine_name(owner, &order.token, number);
            let body = body::machine_body(PUT, owner, order, spec, &name)?;
            wanted.push((name, body));
        }
        let attempt = Attempt {
            arm: &self.arm,
            owner,
            token: &order.token,
            market: order.pool.market(),
            polling: self.settings.polling,
            until,
        };
        launched(join_all(wanted.iter().map(|(name, body)| attempt.make(name, body))).await)
    }

    /// "Done" means that Azure took the request or does not know the name.
    async fn terminate(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        let operation = "DELETE virtualMachines";
        self.catalogue(region, operation)?;
        let ended = ids.iter().map(|id| async move {
            let result = match self.arm.delete_machine(id.as_str()).await {
                Ok(_) => Ok(()),
                Err(trouble) => match failure::of_delete(operation, &trouble) {
                    failure if failure.kind == FailureKind::Gone => Ok(()),
                    failure => Err(failure),
                },
            };
            (id.clone(), result)
        });
        Ok(join_all(ended).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> AzureSettings {
        let credential = Credential::ManagedIdentity { client_id: None };
        AzureSettings::new("azure".into(), "me", "0000-1", "rg", vec!["eastus".into()], credential)
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        assert_eq!(check(&settings()), Ok(()));
        let changes: [fn(&mut AzureSettings); 6] = [
            |s| s.regions.clear(),
            |s| s.regions = vec!["East US".into()],
            |s| s.subscription_id = "a/b".to_owned(),
            |s| s.subscription_id.clear(),
            |s| s.resource_group = "a/b".to_owned(),
            |s| s.resource_group = "x".repeat(91),
        ];
        for change in changes {
            let mut bad = settings();
            change(&mut bad);
            assert_eq!(check(&bad).map_err(|f| f.kind), Err(FailureKind::Invalid), "{bad:?}");
        }
    }

    #[test]
    fn an_endpoint_is_https_or_stays_here() {
        let of = |text: &str, allow| url(Some(&text.to_owned()), ARM_URL, allow).map(|url| url.to_string());
        assert!(of("http://azure.example.com", false).is_err());
        assert!(of("http://azure.example.com", true).is_ok());
        assert!(of("http://127.0.0.1:8080", false).is_ok());
        assert!(of("nonsense", true).is_err());
        assert_eq!(url(None, ARM_URL, false).map(|url| url.to_string()), Ok(format!("{ARM_URL}/")));
    }

    #[test]
    fn one_machine_in_doubt_leaves_the_launch_in_doubt() {
        let failed = |kind| Err(Failure::new(kind, PUT, "-", ""));
        let made = || Ok(InstanceId::from("sf-1"));
        let kind = |made| launched(made).map_err(|failure| failure.kind);
        assert_eq!(kind(vec![made(), failed(FailureKind::Ambiguous)]).map(|_| ()), Err(FailureKind::Ambiguous));
        assert_eq!(kind(vec![failed(FailureKind::NoCapacity)]).map(|_| ()), Err(FailureKind::NoCapacity));
        let part = launched(vec![failed(FailureKind::NoCapacity), made(), failed(FailureKind::Quota)]).unwrap();
        assert_eq!((part.ids.len(), part.shortfall.map(|f| f.kind)), (1, Some(FailureKind::Quota)));
        let whole = launched(vec![made()]).unwrap();
        assert_eq!((whole.ids.len(), whole.shortfall), (1, None));
    }
}
