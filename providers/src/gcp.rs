//! Google Compute Engine: one project over several regions.
//!
//! A launch is one `instances.insert` for one machine. `bulkInsert` takes back what it made when it makes too few, and
//! tells errors for groups only: with one machine a call the answer is about that machine, and a repeated call is the
//! same call. The machine's name and the request id follow from the token, so a second machine of one launch cannot be,
//! even after Google has forgotten the request id. Success is an operation that ended without an error, not HTTP 200.
//!
//! What a machine is, its labels say, which take small letters, digits, dashes and underscores only; pool and market
//! are read from the machine itself. A machine without our owner label does not exist here. Spot machines, and those
//! with a longest life (`max_run`), are deleted by Google when they end, with their disk.
//!
//! In here: `wire` (the SDK), `translate` (pure), `failure` (codes to kinds), `offers` (facts kept with their age),
//! `watch` (notices), `doctor` (what is missing before anything is launched), `role` (the permissions). Not here: rate limits, deadlines and
//! metrics (the guard), retries and decisions (the controller).

use async_trait::async_trait;
use core::time::Duration;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{
    Capabilities, Instance, InstanceId, InstanceType, Market, Notice, Offer, Pool, ProviderName, Region, Zone,
};
use policies::units::{ListPrice, Span, Time};
use secrecy::SecretString;
use std::collections::BTreeMap;
use tracing::debug;

use crate::clock::now;
use crate::net::is_plaintext;
use crate::{LaunchSpec, Order, PriceHistory, Provider, Rate, Rates, Signal};

mod doctor;
mod failure;
mod offers;
mod role;
mod translate;
mod watch;
mod wire;

pub use doctor::GcpDoctor;
use offers::Catalogue;
pub use role::minimal_role;
use watch::Watch;
use wire::{Compute, State};

const INSERT: &str = "instances.insert";
const DELETE: &str = "instances.delete";
const LIST: &str = "instances.aggregatedList";
const HISTORY: &str = "advice.capacityHistory";
const ADVICE: &str = "advice.capacity";

/// Advice is asked for so many machines: a fleet asks for some at a time, and for one there nearly always is room.
const ADVISED_MACHINES: i32 = 10;

/// A repeated request id is the same request for at least this long. Compute Engine states no time; Google's other
/// interfaces with a `requestId` say at least an hour. After that the name still keeps a second machine away.
const TOKEN_LIFETIME: Span = Span::from_mins(30);

/// How often a region may be called. Google counts by project, minute and group of methods (about 1,500 a minute for
/// each), and filtered lists by what they pass over. Source: Compute Engine, "API rate quotas".
///
/// | call | requests |
/// |---|---|
/// | launch | one insert, one or two waits |
/// | terminate | one delete a machine |
/// | read | one aggregated list, a page for each 500 machines |
/// | price | a type and a price for each pool, at most hourly |
/// | notices | one aggregated list each [`GcpSettings::watch_every`] |
#[must_use]
pub const fn rates() -> Rates {
    Rates {
        launch: Some(Rate::per_second(20, 4)),
        terminate: Some(Rate::per_second(20, 4)),
        read: Some(Rate::new(5, Span::from_secs(2))),
        price: Some(Rate::new(3, Span::from_secs(10))),
        notice: None,
    }
}

/// What [`Gcp`] is made of.
#[derive(Clone, Debug)]
pub struct GcpSettings {
    /// The configured name of the provider.
    pub name: ProviderName,
    /// Id of the project.
    pub project: String,
    /// Value of the owner label: tells the machines of one daemon from those of another in the same project. Small
    /// letters, digits, dashes and underscores, at most 63.
    pub owner: String,
    /// The regions in use.
    pub regions: Vec<Region>,
    /// URL of the API in place of Google's own.
    pub endpoint_url: Option<String>,
    /// A token in place of Application Default Credentials, for a test peer.
    pub token: Option<SecretString>,
    /// Let requests leave unencrypted. Loopback is always let through.
    pub allow_http: bool,
    /// No call takes longer.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
    /// How often the list is looked at for machines that were taken.
    pub watch_every: Span,
    /// On-demand prices in place of those of the checked-in table, by region and type.
    pub prices: BTreeMap<(Region, InstanceType), ListPrice>,
}

impl GcpSettings {
    /// Settings with the defaults. A launch is answered when its machine runs: that is why the deadline is long.
    #[must_use]
    pub fn new(name: ProviderName, project: &str, owner: &str, regions: Vec<Region>) -> Self {
        Self {
            name,
            project: project.to_owned(),
            owner: owner.to_owned(),
            regions,
            endpoint_url: None,
            token: None,
            allow_http: false,
            call_deadline: Span::from_secs(90),
            // Google gives no bound; a machine is listed as soon as its insert is taken.
            visibility_lag: Span::from_mins(2),
            watch_every: Span::from_secs(15),
            prices: BTreeMap::new(),
        }
    }
}

/// Compute Engine in one project.
#[derive(Debug)]
pub struct Gcp {
    settings: GcpSettings,
    capabilities: Capabilities,
    compute: Compute,
    catalogue: tokio::sync::Mutex<Catalogue>,
    watch: tokio::sync::Mutex<Watch>,
}

impl Gcp {
    /// The project, with the token of the settings or Application Default Credentials
    /// (`GOOGLE_APPLICATION_CREDENTIALS`, the file of `gcloud auth application-default login`, the metadata server).
    ///
    /// # Errors
    /// `Invalid` when there is no region or project, the owner is no label, or an endpoint is not https; `Denied`
    /// without credentials.
    pub async fn new(settings: GcpSettings) -> Result<Self, Failure> {
        check(&settings)?;
        let compute = Compute::new(&settings).await?;
        let capabilities = Capabilities {
            token_lifetime: Some(TOKEN_LIFETIME),
            visibility_lag: settings.visibility_lag,
            call_deadline: settings.call_deadline,
            // The notice, 30 s before the end, reaches the machine only. From outside it is seen to stop already.
            notice_lead: Span::ZERO,
            launch_batch: 1,
            terminate_batch: 1,
            // By the second, at least a minute (Compute Engine, "VM instance pricing").
            billing_step: Span::from_secs(1),
            billing_minimum: Span::from_mins(1),
            free_if_taken_within: Span::ZERO,
        };
        let catalogue = tokio::sync::Mutex::new(Catalogue::new(settings.prices.clone()));
        Ok(Self { settings, capabilities, compute, catalogue, watch: tokio::sync::Mutex::default() })
    }

    /// Waits for the end of a launch, as long as it takes: the deadline is the caller's.
    async fn finish(&self, zone: &Zone, mut operation: wire::Operation) -> Result<(), failure::Trouble> {
        loop {
            match operation.state {
                State::Done => return Ok(()),
                State::Failed(trouble) => return Err(trouble),
                State::Running => operation = self.compute.wait(zone.as_str(), &operation.name).await?,
            }
        }
    }

    async fn make(&self, order: &Order, wanted: &translate::Wanted<'_>) -> Result<(), Failure> {
        let taken = match self.compute.insert(wanted).await {
            Ok(operation) => match self.finish(order.pool.zone(), operation).await {
                Ok(()) => return Ok(()),
                // The insert was taken, so whatever goes wrong with asking how it ended says nothing of it.
                Err(trouble) if !matches!(trouble.stage, failure::Stage::Operation(_)) => {
                    let mut failure = failure::of_launch("zoneOperations.wait", &trouble);
                    failure.kind = FailureKind::Ambiguous;
                    return Err(failure);
                }
                Err(trouble) => trouble,
            },
            Err(trouble) => trouble,
        };
        if !taken.is_taken() {
            return Err(failure::of_launch(INSERT, &taken));
        }
        // A machine of this name is there: of this launch, when its labels say so.
        match self.compute.get(wanted.zone, &wanted.name).await {
            Ok(machine) if machine.is_of(&self.settings.owner, &order.token) => Ok(()),
            Ok(_) => Err(failure::of_launch(INSERT, &taken)),
            Err(trouble) if trouble.is_gone() => {
                let text = "the machine of this launch was there, and is no more";
                Err(Failure::new(FailureKind::Gone, INSERT, "alreadyExists", text))
            }
            Err(trouble) => {
                let mut failure = failure::of_launch("instances.get", &trouble);
                failure.kind = FailureKind::Ambiguous;
                Err(failure)
            }
        }
    }

    async fn end(&self, id: &InstanceId) -> Result<(), Failure> {
        // An id that is none of ours names nothing here.
        let Some((name, zone)) = translate::parts_of(id) else { return Ok(()) };
        let outcome = match self.compute.delete(zone, name).await {
            Ok(operation) => match operation.state {
                // Taken: the listing shows how it goes on, and an end is repeated until it does.
                State::Running | State::Done => return Ok(()),
                State::Failed(trouble) => trouble,
            },
            Err(trouble) => trouble,
        };
        if outcome.is_gone() || (outcome.is_in_transition() && self.is_ending(zone, name).await) {
            return Ok(());
        }
        Err(failure::of_end(DELETE, &outcome))
    }

    /// That a machine is on its way out already, so that another request to end it is refused for now.
    async fn is_ending(&self, zone: &str, name: &str) -> bool {
        match self.compute.get(zone, name).await {
            Ok(machine) => machine.is_ending(),
            Err(trouble) => trouble.is_gone(),
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.settings.call_deadline.as_millis())
    }
}

/// What can be seen to be wrong without a call.
fn check(settings: &GcpSettings) -> Result<(), Failure> {
    let wrong = |text: &str| Err(Failure::new(FailureKind::Invalid, "settings", "-", text));
    if settings.regions.is_empty() {
        return wrong("no region is configured");
    }
    if settings.project.is_empty() {
        return wrong("no project is configured");
    }
    if settings.owner.is_empty() {
        return wrong("the owner is empty");
    }
    if let Err(why) = translate::check_label(&settings.owner) {
        return wrong(&format!("the owner is no label of Compute Engine: {why}"));
    }
    match &settings.endpoint_url {
        Some(url) if !settings.allow_http && is_plaintext(url) => {
            wrong(&format!("{url} is not https; set allow_http for a test peer on another machine"))
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl Provider for Gcp {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn rates(&self) -> Rates {
        rates()
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        // Half of the deadline for reading, so that there is an answer with what was read.
        self.catalogue.lock().await.offers(&self.compute, region, pools, now(), self.deadline() / 2).await
    }

    /// Of spot only. Google tells some months of a place at once.
    async fn price_history(
        &self,
        region: &Region,
        pools: &[Pool],
        since: Time,
    ) -> Result<Option<Vec<PriceHistory>>, Failure> {
        let mut told = Vec::new();
        for pool in pools.iter().filter(|pool| pool.market() == Market::Spot) {
            let (zone, kind) = (pool.zone().as_str(), pool.instance_type().as_str());
            let prices = self.compute.spot_prices(region.as_str(), zone, kind).await;
            let prices = prices.map_err(|trouble| failure::of_look(HISTORY, &trouble))?;
            told.extend(PriceHistory::since(pool, prices, since));
        }
        Ok(Some(told))
    }

    async fn signals(&self, region: &Region, pools: &[Pool]) -> Result<Option<Vec<(Pool, Signal)>>, Failure> {
        let mut told = Vec::new();
        for pool in pools.iter().filter(|pool| pool.market() == Market::Spot) {
            let (zone, kind) = (pool.zone().as_str(), pool.instance_type().as_str());
            let rate = self.compute.preempted(region.as_str(), zone, kind).await;
            let rate = rate.map_err(|trouble| failure::of_look(HISTORY, &trouble))?;
            told.extend(rate.and_then(translate::share).map(|share| (pool.clone(), Signal::Preempted(share))));
            // Not every project may ask for advice; the rest stands without it.
            match self.compute.obtainability(region.as_str(), zone, kind, ADVISED_MACHINES).await {
                Ok(score) => {
                    told.extend(score.and_then(translate::share).map(|s| (pool.clone(), Signal::Obtainable(s))));
                }
                Err(trouble) => debug!(failure = %failure::of_look(ADVICE, &trouble), "no advice of capacity"),
            }
        }
        Ok(Some(told))
    }

    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure> {
        let listing = self.compute.machines(&self.settings.owner).await;
        let listing = listing.map_err(|trouble| failure::of_look(LIST, &trouble))?;
        if let Some(place) = translate::unseen(region, &listing.missing) {
            let text = format!("the listing is not complete: {place}");
            return Err(Failure::new(FailureKind::Unavailable, LIST, "unreachable", &text));
        }
        let now = now();
        let seen = |machine| translate::instance(&self.settings.owner, &self.settings.name, region, machine, now);
        Ok(listing.machines.iter().filter_map(seen).collect())
    }

    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        self.watch.lock().await.next(&self.compute, &self.settings).await
    }

    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let invalid = |text: &str| Failure::new(FailureKind::Invalid, INSERT, "-", text);
        let LaunchSpec::Gcp(spec) = &*order.spec else {
            return Err(invalid("the launch specification is for another provider"));
        };
        let wanted = translate::wanted(&self.settings.owner, order, spec).map_err(|why| invalid(&why))?;
        let made = tokio::time::timeout(self.deadline(), self.make(order, &wanted)).await;
        made.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::Ambiguous, INSERT, "deadline", "the launch had not ended at the deadline"))
        })?;
        Ok(Launched { ids: vec![translate::launched_id(&wanted)], shortfall: None })
    }

    /// "Done" means that Google took the request, or does not know the machine.
    async fn terminate(
        &self,
        _: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        let mut ended = Vec::with_capacity(ids.len());
        for id in ids {
            ended.push((id.clone(), self.end(id).await));
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let good = GcpSettings::new("gcp".into(), "p", "me", vec!["us-central1".into()]);
        assert_eq!(check(&good), Ok(()));
        let refused = |change: fn(&mut GcpSettings)| {
            let mut bad = good.clone();
            change(&mut bad);
            check(&bad).is_err()
        };
        assert!(refused(|s| s.regions.clear()));
        assert!(refused(|s| s.project.clear()));
        assert!(refused(|s| s.owner.clear()));
        assert!(refused(|s| s.owner = "Me".to_owned()));
        assert!(refused(|s| s.endpoint_url = Some("http://example.com".to_owned())));
        assert!(!refused(|s| s.endpoint_url = Some("http://127.0.0.1:1".to_owned())));
    }
}
