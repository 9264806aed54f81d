//! Amazon EC2: one account over several regions.
//!
//! Launches by `CreateFleet` of type `instant`, for one pool a call, from a launch template that is kept per
//! specification; by `RunInstances` where an account has no right to templates. The token of the launch is the
//! client token and a tag, so a launch without an answer can be repeated or looked up. Success is machines in the answer, not
//! HTTP 200: a fleet request reports a shortage, a quota or a missing permission inside a 200.
//!
//! In here: `wire` (the SDK), `translate` and `events` (pure), `failure` (codes to kinds), `prices` and
//! `offers` (facts kept with their age), `watch` (notices), `doctor` (what is missing before anything is launched),
//! `policy` (the permissions, as IAM takes them). Not here: rate limits, deadlines and metrics (the
//! guard), retries and decisions (the controller).
//!
//! # Tags
//! Machines, volumes and templates carry `spotfleet:owner`; machines also `spotfleet:fleet`, `spotfleet:pool` and
//! `spotfleet:intent` (the token). A machine without our owner tag does not exist here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::clock::now;
use crate::net::is_plaintext;
pub use crate::spec::AccessKey;
use crate::spec::AwsSpec;
use crate::{LaunchSpec, Order, PriceHistory, Provider, Rate, Rates, Signal};
use async_trait::async_trait;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{Capabilities, Instance, InstanceId, Market, Notice, Offer, Pool, ProviderName, Region};
use policies::units::{Span, Time};

mod depth;
mod doctor;
mod events;
mod failure;
mod offers;
mod policy;
mod prices;
mod translate;
mod watch;
mod wire;

pub(crate) use depth::{Depth, QueueDepth};
pub use doctor::AwsDoctor;
use failure::Trouble;
use offers::Catalogue;
pub use policy::{PolicyScope, iam_policy, partition};
use translate::LaunchAnswer;
use watch::{Source, Watch};
use wire::LaunchCall;

/// How long SQS may hold a request for messages open; its maximum. Source: SQS API reference, `ReceiveMessage`.
pub const QUEUE_WAIT: Span = Span::from_secs(20);

/// A repeated token is honoured at least this long. EC2 documents no lifetime for `CreateFleet`; for `RunInstances` it
/// was "at least 24 hours after termination". An hour is far within both and longer than any launch is in doubt.
const TOKEN_LIFETIME: Span = Span::from_hours(1);

/// AWS advises to split large launches (5 of 100 rather than 1 of 500; EC2 API reference, `RunInstances`).
const LAUNCH_BATCH: u32 = 100;

/// EC2 takes up to 1000, and advises fewer. One bad id fails the whole request, and then halves are tried.
const TERMINATE_BATCH: u32 = 100;

/// How often a region may be called through [`Aws`], by EC2's default token buckets per account and region, with room
/// left for the requests that one call may need and for the account's other users. Source of the buckets: EC2
/// developer guide, "Request throttling".
///
/// | call | requests | EC2's bucket, refill a second |
/// |---|---|---|
/// | launch | `CreateFleet`, at times a template | 50, 5 (mutating) |
/// | launch | `RunInstances` | 5, 2 |
/// | terminate | `TerminateInstances`, more where an id is bad | 100, 5 |
/// | read | a page of `DescribeInstances` | 100, 20 (filtered and paged) |
/// | price | types and spot prices now and then, or a page of past ones; `GetProducts` | 100, 20 and 10, 5 |
/// | notices | `DescribeSpotInstanceRequests` each 10 s, SQS | 100, 20 and none |
///
/// EC2 counts machines too: after a burst of 1000 it launches 2 a second. That shows as `RequestLimitExceeded` and is
/// not limited here, since what a launch asks for is the planner's to bound.
#[must_use]
pub const fn rates(api: LaunchApi) -> Rates {
    let launch = match api {
        LaunchApi::CreateFleet => Rate::per_second(40, 4),
        LaunchApi::RunInstances => Rate::new(4, Span::from_millis(667)),
    };
    Rates {
        launch: Some(launch),
        terminate: Some(Rate::per_second(50, 4)),
        read: Some(Rate::per_second(50, 10)),
        price: Some(Rate::per_second(10, 2)),
        notice: None,
    }
}

/// Placement scores are asked for so many machines: one number, since each other one would be another question.
const SCORED_MACHINES: i32 = 10;

/// Which call launches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LaunchApi {
    /// `CreateFleet` of type `instant`, from launch templates.
    #[default]
    CreateFleet,
    /// `RunInstances`: needs no right to make templates.
    RunInstances,
}

/// What [`Aws`] is made of.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The configured name of the provider.
    pub name: ProviderName,
    /// Value of the owner tag: tells the machines of one daemon from those of another in the same account.
    pub owner: String,
    /// The regions in use.
    pub regions: Vec<Region>,
    /// Which call launches.
    pub launch_api: LaunchApi,
    /// URL of each region's SQS queue that EventBridge's events go to. In a region without one the spot requests are
    /// polled.
    pub interruption_queues: BTreeMap<Region, String>,
    /// URL of the API in place of the regions' own; `None`: what the SDK's configuration says (`AWS_ENDPOINT_URL`).
    pub endpoint_url: Option<String>,
    /// URL of the Price List API in place of its own; `None`: `endpoint_url`, or what the SDK's configuration says.
    pub pricing_endpoint_url: Option<String>,
    /// A key in place of the SDK's credential chain, for a test peer. An account is better reached by a role.
    pub key: Option<AccessKey>,
    /// Let requests leave unencrypted. Loopback is always let through.
    pub allow_http: bool,
    /// No call takes longer ([`QUEUE_WAIT`] more for notices).
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
}

impl AwsSettings {
    /// The default of [`call_deadline`](Self::call_deadline): launches of many machines take several seconds.
    pub const CALL_DEADLINE: Span = Span::from_secs(30);
    /// The default of [`visibility_lag`](Self::visibility_lag). AWS gives no bound ("a couple of seconds up to minutes",
    /// EC2 developer guide, "Eventual consistency"); Karpenter waits 30 s before it takes a machine for lost.
    pub const VISIBILITY_LAG: Span = Span::from_mins(2);

    /// Settings with the documented defaults, and no queue.
    #[must_use]
    pub fn new(name: ProviderName, owner: &str, regions: Vec<Region>) -> Self {
        Self {
            name,
            owner: owner.to_owned(),
            regions,
            launch_api: LaunchApi::default(),
            interruption_queues: BTreeMap::new(),
            endpoint_url: None,
            pricing_endpoint_url: None,
            key: None,
            allow_http: false,
            call_deadline: Self::CALL_DEADLINE,
            visibility_lag: Self::VISIBILITY_LAG,
        }
    }

    /// These settings with a queue for each region that one of the URLs is in. A URL without a region in it, as a test
    /// peer has, is of the first region.
    ///
    /// # Errors
    /// `Invalid` for a queue in a region that is not in use, and for two in one region.
    pub fn with_queues(mut self, urls: &[String]) -> Result<Self, Failure> {
        for url in urls {
            let region = region_of_queue(url).or_else(|| self.regions.first().cloned());
            let Some(region) = region.filter(|region| self.regions.contains(region)) else {
                return Err(wrong(&format!("the interruption queue {url} is in a region that no fleet uses")));
            };
            if let Some(other) = self.interruption_queues.insert(region.clone(), url.clone()) {
                return Err(wrong(&format!("{other} and {url} are both interruption queues of {region}")));
            }
        }
        Ok(self)
    }
}

/// A failure of the settings themselves.
fn wrong(text: &str) -> Failure {
    Failure::new(FailureKind::Invalid, "settings", "-", text)
}

/// The region in the URL of a queue; `None` where it has no region in it, as with a test peer.
#[must_use]
pub fn region_of_queue(url: &str) -> Option<Region> {
    let host = url.split_once("://")?.1.split('/').next()?;
    let mut labels = host.split('.');
    match (labels.next()?, labels.next()?) {
        ("sqs" | "sqs-fips", region) if host.contains("amazonaws") => Some(region.into()),
        // The older form: `us-west-2.queue.amazonaws.com`.
        (region, "queue") if region != "queue" => Some(region.into()),
        _ => None,
    }
}

/// EC2 in one account.
pub struct Aws {
    settings: AwsSettings,
    capabilities: Capabilities,
    lanes: BTreeMap<Region, Lane>,
    watch: tokio::sync::Mutex<Watch>,
}

/// One region.
struct Lane {
    ec2: wire::Ec2,
    price_list: wire::PriceList,
    /// Templates known to be there.
    templates: Mutex<BTreeSet<String>>,
    /// Templates of ours that no specification used when they were last looked at, and since when.
    unused: Mutex<BTreeMap<String, Time>>,
    catalogue: tokio::sync::Mutex<Catalogue>,
}

impl Lane {
    fn templates(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aws {
    /// The account that the SDK's credential chain leads to (environment, profile, web identity, container, instance
    /// profile). Makes no call to AWS; missing credentials are the failure of the first call.
    ///
    /// # Errors
    /// `Invalid` when there is no region, or an endpoint of the settings is not https.
    pub async fn new(settings: AwsSettings) -> Result<Self, Failure> {
        check(&settings)?;
        let account = wire::Account::new(&settings).await;
        let mut lanes = BTreeMap::new();
        let mut sources = Vec::new();
        for region in &settings.regions {
            let ec2 = account.ec2(region);
            sources.push(match settings.interruption_queues.get(region) {
                Some(url) => Source::queue(region.clone(), account.queue(region, url)),
                None => Source::requests(region.clone(), ec2.clone(), settings.owner.clone()),
            });
            let lane = Lane {
                ec2,
                price_list: account.price_list(prices::price_list_region(region)),
                templates: Mutex::default(),
                unused: Mutex::default(),
                catalogue: tokio::sync::Mutex::default(),
            };
            lanes.insert(region.clone(), lane);
        }
        let capabilities = Capabilities {
            token_lifetime: Some(TOKEN_LIFETIME),
            visibility_lag: settings.visibility_lag,
            call_deadline: settings.call_deadline,
            notice_lead: events::LEAD,
            launch_batch: LAUNCH_BATCH,
            terminate_batch: TERMINATE_BATCH,
            // Linux is billed by the second, at least a minute (EC2 user guide, "Billing").
            billing_step: Span::from_secs(1),
            billing_minimum: Span::from_mins(1),
            // What EC2 interrupts in its first hour is not charged:
            // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
            free_if_taken_within: Span::from_hours(1),
        };
        Ok(Self { settings, capabilities, lanes, watch: tokio::sync::Mutex::new(Watch::new(sources)) })
    }

    /// Deletes our launch templates that none of these specifications has used for `grace`, in every region; gives their
    /// number. Since when one is not used is told by the calls before, so this is to be called now and then. The grace is
    /// for a change of the fleet file that is taken back. A template without our owner tag does not exist here.
    ///
    /// # Errors
    /// The first failure, after every region was tried. A template that is left over costs nothing and is found by the
    /// next call.
    pub async fn cleanup_templates(&self, used: &[&AwsSpec], grace: Span, now: Time) -> Result<usize, Failure> {
        let used: BTreeSet<_> = used.iter().map(|spec| translate::template_name(&self.settings.owner, spec)).collect();
        let (mut deleted, mut first) = (0, None);
        for lane in self.lanes.values() {
            match self.cleanup_lane(lane, &used, grace, now).await {
                Ok(n) => deleted += n,
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        first.map_or(Ok(deleted), Err)
    }

    async fn cleanup_lane(
        &self,
        lane: &Lane,
        used: &BTreeSet<String>,
        grace: Span,
        now: Time,
    ) -> Result<usize, Failure> {
        let found = lane.ec2.templates(&self.settings.owner).await;
        let found = found.map_err(|trouble| failure::of_look("DescribeLaunchTemplates", &trouble))?;
        let over: Vec<String> = {
            let mut unused = lane.unused.lock().unwrap_or_else(PoisonError::into_inner);
            unused.retain(|name, _| found.contains(name) && !used.contains(name));
            for name in found.iter().filter(|name| !used.contains(*name)) {
                unused.entry(name.clone()).or_insert(now);
            }
            unused.iter().filter(|(_, since)| now.since(**since) >= grace).map(|(name, _)| name.clone()).collect()
        };
        let mut deleted = 0;
        for name in &over {
            lane.templates().remove(name);
            match lane.ec2.delete_template(name).await {
                Ok(()) => deleted += 1,
                Err(trouble) if trouble.code.as_deref().is_some_and(failure::is_missing_template) => {}
                Err(trouble) => return Err(failure::of_look("DeleteLaunchTemplate", &trouble)),
            }
        }
        Ok(deleted)
    }

    fn lane(&self, region: &Region, operation: &str) -> Result<&Lane, Failure> {
        self.lanes.get(region).ok_or_else(|| {
            let text = format!("region {region} is not configured for provider {}", self.settings.name);
            Failure::new(FailureKind::Invalid, operation, "-", &text)
        })
    }

    /// The name of the specification's template, which is there when this returns.
    async fn template(&self, lane: &Lane, spec: &AwsSpec) -> Result<String, Failure> {
        let name = translate::template_name(&self.settings.owner, spec);
        if lane.templates().contains(&name) {
            return Ok(name);
        }
        match lane.ec2.create_template(&name, &self.settings.owner, spec).await {
            Ok(()) => {}
            // Under this name there is only this content: ours of an earlier run, or of a call at the same time.
            Err(trouble) if trouble.code.as_deref() == Some("InvalidLaunchTemplateName.AlreadyExistsException") => {}
            // No machine was asked for yet, so nothing may have happened.
            Err(trouble) => return Err(failure::of_look("CreateLaunchTemplate", &trouble)),
        }
        lane.templates().insert(name.clone());
        Ok(name)
    }

    async fn launch_by_fleet(
        &self,
        lane: &Lane,
        spec: &AwsSpec,
        call: &LaunchCall<'_>,
    ) -> Result<LaunchAnswer, Failure> {
        let template = self.template(lane, spec).await?;
        let answer = lane.ec2.create_fleet(&template, call).await;
        answer.map_err(|trouble| {
            let mut failure = failure::of_deed("CreateFleet", &trouble);
            if trouble.code.as_deref().is_some_and(failure::is_missing_template) {
                // Deleted by someone, or too new to be seen everywhere. The next attempt makes it again.
                lane.templates().remove(&template);
                failure.kind = FailureKind::Unavailable;
            }
            failure
        })
    }
}

/// What can be seen to be wrong without a call.
fn check(settings: &AwsSettings) -> Result<(), Failure> {
    if settings.regions.is_empty() {
        return Err(wrong("no region is configured"));
    }
    let endpoints = [&settings.endpoint_url, &settings.pricing_endpoint_url];
    let queues = settings.interruption_queues.values();
    for url in endpoints.into_iter().flatten().chain(queues) {
        if !settings.allow_http && is_plaintext(url) {
            return Err(wrong(&format!("{url} is not https; set allow_http for a test peer on another machine")));
        }
    }
    Ok(())
}

#[async_trait]
impl Provider for Aws {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn rates(&self) -> Rates {
        rates(self.settings.launch_api)
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let lane = self.lane(region, "DescribeSpotPriceHistory")?;
        // A third of the deadline for the slowest part, so that the rest has time too.
        let patience = Span::from_millis(self.settings.call_deadline.as_millis() / 3);
        let mut catalogue = lane.catalogue.lock().await;
        catalogue.offers(&lane.ec2, &lane.price_list, region, pools, now(), patience).await
    }

    /// Of spot only: the price list tells no past. EC2 tells 90 days.
    async fn price_history(
        &self,
        region: &Region,
        pools: &[Pool],
        since: Time,
    ) -> Result<Option<Vec<PriceHistory>>, Failure> {
        let operation = "DescribeSpotPriceHistory";
        let lane = self.lane(region, operation)?;
        let spot: Vec<&Pool> = pools.iter().filter(|pool| pool.market() == Market::Spot).collect();
        let types: BTreeSet<_> = spot.iter().map(|pool| pool.instance_type().clone()).collect();
        let zones: BTreeSet<_> = spot.iter().map(|pool| pool.zone().clone()).collect();
        if spot.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let records = lane.ec2.spot_history(&types, &zones, since).await;
        let records = records.map_err(|trouble| failure::of_look(operation, &trouble))?;
        Ok(Some(prices::histories(&spot, &records, prices::currency(region))))
    }

    /// The placement score of each zone, for all types that are asked for. EC2 lets few different questions a day be asked,
    /// and the same one as often as one likes.
    async fn signals(&self, region: &Region, pools: &[Pool]) -> Result<Option<Vec<(Pool, Signal)>>, Failure> {
        let operation = "GetSpotPlacementScores";
        let lane = self.lane(region, operation)?;
        let spot = || pools.iter().filter(|pool| pool.market() == Market::Spot);
        let types: BTreeSet<_> = spot().map(|pool| pool.instance_type().clone()).collect();
        if types.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let scores = lane.ec2.placement_scores(region.as_str(), &types, SCORED_MACHINES).await;
        let scores = scores.map_err(|trouble| failure::of_look(operation, &trouble))?;
        let said = |pool: &Pool| Some((pool.clone(), Signal::PlacementScore(*scores.get(pool.zone().as_str())?)));
        Ok(Some(spot().filter_map(said).collect()))
    }

    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure> {
        let lane = self.lane(region, "DescribeInstances")?;
        let machines = lane.ec2.machines(&self.settings.owner).await;
        let machines = machines.map_err(|trouble| failure::of_look("DescribeInstances", &trouble))?;
        let seen = |machine| translate::instance(&self.settings.owner, &self.settings.name, region, machine);
        Ok(machines.into_iter().filter_map(seen).collect())
    }

    /// Safe to give up on: a message that was under way is kept for the next call.
    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        self.watch.lock().await.next().await
    }

    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let operation = match self.settings.launch_api {
            LaunchApi::CreateFleet => "CreateFleet",
            LaunchApi::RunInstances => "RunInstances",
        };
        let invalid = |text| Failure::new(FailureKind::Invalid, operation, "-", text);
        let lane = self.lane(order.pool.region(), operation)?;
        let LaunchSpec::Aws(spec) = &*order.spec else {
            return Err(invalid("the launch specification is for another provider"));
        };
        if order.count == 0 {
            return Err(invalid("a launch of no machines"));
        }
        let tags = translate::machine_tags(&self.settings.owner, order, spec);
        let call = LaunchCall {
            token: order.token.as_str(),
            pool: &order.pool,
            subnet: translate::subnet(spec, &order.pool, operation)?,
            count: order.count,
            tags: &tags,
        };
        let answer = match self.settings.launch_api {
            LaunchApi::CreateFleet => self.launch_by_fleet(lane, spec, &call).await?,
            LaunchApi::RunInstances => {
                let answer = lane.ec2.run_instances(spec, &call).await;
                answer.map_err(|trouble| failure::of_deed(operation, &trouble))?
            }
        };
        translate::launched(operation, order.count, answer)
    }

    /// "Done" means that EC2 took the request or does not know the id. The latter is no proof for a machine that is
    /// seconds old: the listing is.
    async fn terminate(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        let operation = "TerminateInstances";
        let lane = self.lane(region, operation)?;
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut work: Vec<&[String]> = ids.chunks(TERMINATE_BATCH as usize).rev().collect();
        let mut results = Vec::with_capacity(ids.len());
        let mut stopped: Option<Failure> = None;
        while let Some(batch) = work.pop() {
            let result = match &stopped {
                Some(failure) => Err(failure.clone()),
                None => lane.ec2.terminate(batch).await.map_err(|t: Trouble| failure::of_deed(operation, &t)),
            };
            let result = match result {
                Err(failure) if spoils_its_batch(&failure) => {
                    if batch.len() > 1 {
                        // One bad id fails all, and none is ended. Halves find it without a call for each of the rest.
                        let (left, right) = batch.split_at(batch.len() / 2);
                        work.extend([right, left]);
                        continue;
                    }
                    if failure.kind == FailureKind::Gone { Ok(()) } else { Err(failure) }
                }
                Err(failure) => {
                    // Not about the ids: the rest would fare alike.
                    stopped = Some(failure.clone());
                    Err(failure)
                }
                Ok(()) => Ok(()),
            };
            results.extend(batch.iter().map(|id| (InstanceId::from(id.as_str()), result.clone())));
        }
        Ok(results)
    }
}

/// True for a failure that is about one id of a batch and not about the request.
fn spoils_its_batch(failure: &Failure) -> bool {
    // Termination protection is told as `OperationNotPermitted`.
    matches!(failure.kind, FailureKind::Gone | FailureKind::Invalid) || failure.code == "OperationNotPermitted"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_queue_is_read_from_its_url() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/spot", Some("eu-west-1")),
            ("https://sqs-fips.us-east-1.amazonaws.com/123456789012/spot", Some("us-east-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/spot", Some("cn-north-1")),
            ("https://us-west-2.queue.amazonaws.com/123456789012/spot", Some("us-west-2")),
            ("https://queue.amazonaws.com/123456789012/spot", None),
            ("http://127.0.0.1:5000/123456789012/spot", None),
            ("spot", None),
        ] {
            assert_eq!(region_of_queue(url), region.map(Region::from), "{url}");
        }
    }

    #[test]
    fn each_region_has_one_queue() {
        let settings = || AwsSettings::new("aws".into(), "me", vec!["us-east-1".into(), "eu-west-1".into()]);
        let with = |urls: &[&str]| {
            let urls: Vec<_> = urls.iter().map(|url| (*url).to_owned()).collect();
            settings().with_queues(&urls).map(|s| s.interruption_queues).map_err(|f| f.message)
        };
        let (peer, eu) = ("http://127.0.0.1:5000/1/q", "https://sqs.eu-west-1.amazonaws.com/1/q");
        let both = with(&[eu, peer]).unwrap();
        assert_eq!(
            both.into_iter().collect::<Vec<_>>(),
            [("eu-west-1".into(), eu.to_owned()), ("us-east-1".into(), peer.to_owned())]
        );
        assert!(with(&[eu, eu]).is_err());
        assert!(with(&["https://sqs.eu-west-2.amazonaws.com/1/q"]).is_err());
    }

    #[test]
    fn settings_without_a_region_or_with_a_plaintext_endpoint_are_refused() {
        let good = AwsSettings::new("aws".into(), "me", vec!["us-east-1".into()]);
        assert_eq!(check(&good), Ok(()));
        let mut bad = good.clone();
        bad.regions.clear();
        assert!(check(&bad).is_err());
        let mut bad = good;
        bad.endpoint_url = Some("http://moto.example.com:5000".to_owned());
        assert!(check(&bad).is_err());
        bad.allow_http = true;
        assert_eq!(check(&bad), Ok(()));
    }
}
