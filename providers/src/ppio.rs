//! PPIO, and Novita AI, which has the same interface: GPU containers of one account over several clusters.
//!
//! A cluster is a region with one zone of its own name. An instance type is a product, or `2xPRODUCT` for two of its
//! cards. A launch makes one machine. Prices come from the product list, in the currency that the settings say.
//!
//! There is no idempotency token, and there are no tags: a machine's **name** says whose it is and which launch made it
//! (`translate::Name`). So a launch first looks for the name, in every state, and creates nothing where it is taken; a
//! launch without an answer is not repeated, but looked for. There is no bid: spot has one posted price.
//!
//! What PPIO takes back it says an hour before, in the list of instances, which is what is watched. A container that was
//! taken, stopped or has failed stays, and its disk costs: it is listed as ending, and so ended.
//!
//! In here: `wire` (HTTP), `translate` (pure), `failure` (names to kinds), `doctor`. Version 1 of the interface; what its
//! pages do not say is marked with what it was taken from. Sources: PPIO and Novita API reference, "GPU instance".

use std::collections::BTreeMap;

use async_trait::async_trait;
use core::time::Duration;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{Capabilities, Instance, InstanceId, Market, Notice, Offer, Pool, ProviderName, Region};
use policies::units::{Currency, Span, Time};
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::clock::now;
use crate::net::is_plaintext;
use crate::{LaunchSpec, Order, Provider, Rate, Rates};

mod doctor;
mod failure;
mod translate;
mod wire;

pub use doctor::PpioDoctor;
use translate::{Machine, Name, Product};
use wire::Wire;

/// The interface of PPIO, which bills in CNY.
pub const PPIO_URL: &str = "https://api.ppio.com/gpu-instance/openapi/v1";

/// The interface of Novita AI, which bills in USD.
pub const NOVITA_URL: &str = "https://api.novita.ai/gpu-instance/openapi/v1";

/// Clusters are asked for again after so long: they change with the months.
const CLUSTERS_LAST: Duration = Duration::from_secs(3_600);

/// How often an account may be called. No numbers are published, only that there is a limit; two calls a second have done
/// well for others. The limit is the account's, and the buckets are a region's: each gets its part, but for lists, which
/// all regions share.
///
/// | call | requests | of the account, at most |
/// |---|---|---|
/// | launch | one page of instances, one create | 0.5/s |
/// | terminate | one delete, at times one stop | 0.5/s |
/// | read | each page of instances | 0.4/s |
/// | price | two product lists, now and then the clusters | 0.1/s |
/// | notices | each page of instances, each [`PpioSettings::watch_every`] | as that says |
#[must_use]
pub fn rates(regions: usize) -> Rates {
    let parts = u64::try_from(regions.max(1)).unwrap_or(u64::MAX);
    let rate = |burst, every: u64| Some(Rate::new(burst, Span::from_millis(every.saturating_mul(parts))));
    Rates {
        launch: rate(4, 2_000),
        terminate: rate(4, 2_000),
        read: Some(Rate::new(6, Span::from_millis(2_500))),
        price: rate(2, 10_000),
        notice: None,
    }
}

/// What [`Ppio`] is made of.
#[derive(Clone, Debug)]
pub struct PpioSettings {
    /// The configured name of the provider.
    pub name: ProviderName,
    /// Part of the name of each machine: tells the machines of one daemon from those of another in the same account.
    /// Small letters, digits and dashes.
    pub owner: String,
    /// The clusters in use, by id.
    pub regions: Vec<Region>,
    /// The key of the account.
    pub key: SecretString,
    /// URL of the interface, up to its version.
    pub base_url: String,
    /// What its prices are in.
    pub currency: Currency,
    /// Let requests leave unencrypted. Loopback is always let through.
    pub allow_http: bool,
    /// No call takes longer.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch. Not documented.
    pub visibility_lag: Span,
    /// How often the list is looked at for notices.
    pub watch_every: Span,
}

impl PpioSettings {
    /// Settings for PPIO with the defaults.
    #[must_use]
    pub fn new(name: ProviderName, owner: &str, regions: Vec<Region>, key: SecretString) -> Self {
        Self {
            name,
            owner: owner.to_owned(),
            regions,
            key,
            base_url: PPIO_URL.to_owned(),
            currency: Currency::Cny,
            allow_http: false,
            call_deadline: Span::from_secs(30),
            visibility_lag: Span::from_mins(2),
            watch_every: Span::from_secs(30),
        }
    }
}

/// One account.
#[derive(Debug)]
pub struct Ppio {
    settings: PpioSettings,
    capabilities: Capabilities,
    wire: Wire,
    clusters: Mutex<Option<(Instant, BTreeMap<String, String>)>>,
    listed: Mutex<Option<Listed>>,
    watch: Mutex<Watch>,
}

/// The last list of the account's machines, and when it was asked for.
#[derive(Debug)]
struct Listed {
    asked: Instant,
    machines: Vec<Machine>,
}

/// What was told of machines that will be taken, and when to look again.
#[derive(Debug)]
struct Watch {
    not_before: Instant,
    /// When each machine was first seen to be noticed. Of machines that are still listed.
    noticed: BTreeMap<InstanceId, Time>,
}

impl Ppio {
    /// The account of this key. Makes no call; a wrong key is the failure of the first.
    ///
    /// # Errors
    /// `Invalid` when there is no region, the owner or a URL cannot be used, or a secret would leave in the clear.
    pub fn new(settings: PpioSettings) -> Result<Self, Failure> {
        if settings.regions.is_empty() {
            return Err(wrong("no region is configured"));
        }
        if !settings.allow_http && is_plaintext(&settings.base_url) {
            return Err(wrong(&format!("{} is not https: the key could be read on the way", settings.base_url)));
        }
        Name::check_owner(&settings.owner).map_err(|why| wrong(&why))?;
        let wire = Wire::new(&settings.base_url, settings.key.clone())?;
        let capabilities = Capabilities {
            // There is no token: a repeated launch makes a second machine.
            token_lifetime: None,
            visibility_lag: settings.visibility_lag,
            call_deadline: settings.call_deadline,
            // The notice comes an hour before; it is seen one look later (PPIO, "Spot instances").
            notice_lead: Span::from_millis(
                translate::NOTICE_LEAD.as_millis().saturating_sub(settings.watch_every.as_millis()),
            ),
            launch_batch: 1,
            terminate_batch: 1,
            // Pay as you go, by the hour's price; the step is not documented, and a second takes no more than is right.
            billing_step: Span::from_secs(1),
            billing_minimum: Span::ZERO,
            free_if_taken_within: Span::ZERO,
        };
        let watch = Watch { not_before: Instant::now(), noticed: BTreeMap::new() };
        let (clusters, listed) = (Mutex::default(), Mutex::default());
        Ok(Self { settings, capabilities, wire, clusters, listed, watch: Mutex::new(watch) })
    }

    /// Names of the account's clusters by their ids.
    async fn clusters(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut kept = self.clusters.lock().await;
        if let Some((at, clusters)) = &*kept
            && at.elapsed() < CLUSTERS_LAST
        {
            return Ok(clusters.clone());
        }
        let clusters = translate::clusters(&self.wire.clusters().await?)?;
        *kept = Some((Instant::now(), clusters.clone()));
        Ok(clusters)
    }

    /// What is sold in this region on this market, by id.
    async fn products(&self, region: &Region, market: Market) -> Result<BTreeMap<String, Product>, Failure> {
        let answer = self.wire.products(region.as_str(), translate::billing(market)).await?;
        translate::products(&answer)
    }

    /// Every machine of the account that is ours, of all regions.
    ///
    /// The list is the account's, and every region wants it at the same moment. Who waits while another's is read takes the
    /// next one together with all that wait: one that was asked for before nobody takes, since it may lack what was made
    /// since.
    async fn machines(&self) -> Result<Vec<Machine>, Failure> {
        let wanted = Instant::now();
        let mut listed = self.listed.lock().await;
        if let Some(last) = listed.as_ref().filter(|last| last.asked >= wanted) {
            return Ok(last.machines.clone());
        }
        let asked = Instant::now();
        let all = self.wire.instances().await?;
        let (owner, regions) = (&self.settings.owner, &self.settings.regions);
        let machines: Vec<Machine> = all.iter().filter_map(|found| translate::machine(owner, regions, found)).collect();
        *listed = Some(Listed { asked, machines: machines.clone() });
        Ok(machines)
    }
}

fn wrong(text: &str) -> Failure {
    Failure::new(FailureKind::Invalid, "settings", "-", text)
}

#[async_trait]
impl Provider for Ppio {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn rates(&self) -> Rates {
        rates(self.settings.regions.len())
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let clusters = self.clusters().await?;
        let Some(cluster) = clusters.get(region.as_str()) else {
            return Err(translate::unknown_cluster(region, &clusters));
        };
        let mut sold: BTreeMap<Market, BTreeMap<String, Product>> = BTreeMap::new();
        for market in [Market::Spot, Market::OnDemand] {
            if pools.iter().any(|pool| pool.market() == market) {
                sold.insert(market, self.products(region, market).await?);
            }
        }
        let at = now();
        let offer = |pool: &Pool| {
            let products = sold.get(&pool.market());
            translate::offer(pool, products, cluster, self.settings.currency, at).map_err(|f| (pool.clone(), f))
        };
        Ok(pools.iter().map(offer).collect())
    }

    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure> {
        let now = now();
        let here = self.machines().await?.into_iter().filter(|machine| machine.region == *region);
        Ok(here.map(|machine| machine.instance(&self.settings.name, now)).collect())
    }

    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        let mut watch = self.watch.lock().await;
        sleep_until(watch.not_before).await;
        let machines = self.machines().await;
        watch.not_before = Instant::now() + Duration::from_millis(self.settings.watch_every.as_millis());
        let machines = machines?;
        let now = now();
        watch.noticed.retain(|id, _| machines.iter().any(|machine| machine.id == *id));
        let notices = machines.iter().filter_map(|machine| {
            let seen = machine.is_noticed().then(|| *watch.noticed.entry(machine.id.clone()).or_insert(now))?;
            Some(machine.notice(seen.plus(self.capabilities.notice_lead)))
        });
        Ok(notices.collect())
    }

    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let invalid = |text: &str| Failure::new(FailureKind::Invalid, wire::CREATE, "-", text);
        let LaunchSpec::Ppio(spec) = &*order.spec else {
            return Err(invalid("the launch specification is for another provider"));
        };
        if order.count != 1 {
            return Err(invalid("a launch makes one machine"));
        }
        let name = Name::of(&self.settings.owner, order).map_err(|why| invalid(&why))?;
        let body = translate::create(&name, order, spec).map_err(|why| invalid(&why))?;
        // Whatever state it is in: a second create would make a second machine.
        if let Some(id) = self.wire.find(&name.to_string()).await? {
            return Ok(Launched { ids: vec![id.into()], shortfall: None });
        }
        let id = self.wire.create(&body).await?;
        Ok(Launched { ids: vec![id.into()], shortfall: None })
    }

    async fn terminate(
        &self,
        _: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        let mut ended = Vec::with_capacity(ids.len());
        for id in ids {
            ended.push((id.clone(), self.wire.delete(id.as_str()).await));
        }
        Ok(ended)
    }
}
