//! `doctor` of EC2: asks what a fleet file needs, region by region, and has it judged.
//!
//! Nothing is made or ended: the calls read, or are dry runs. A call that needs something to be tried on (a machine that
//! could be ended, a template) is tried on one of ours if there is one, since a policy that is bound to our tag denies it for
//! anything else.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::future::join_all;
use policies::failure::Failure;
use policies::model::{FleetName, InstanceType, Market, Pool, ProviderName, Region, Zone};

use super::translate::{self, machine_tags, template_name};
use super::wire::{Account, Ec2, LaunchCall, ZoneFact};
use super::{AwsSettings, LaunchApi, check, now, prices};
use crate::doctor::{Doctor, Finding, Wanted};
use crate::spec::AwsSpec;
use crate::{LaunchSpec, Order};

use judge::Asked;

mod judge;

/// The doctor of one account.
pub struct AwsDoctor {
    settings: AwsSettings,
    account: Account,
}

impl AwsDoctor {
    /// For the account that [`Aws`](super::Aws) would use with these settings. Makes no call to AWS.
    ///
    /// # Errors
    /// As [`Aws::new`](super::Aws::new).
    pub async fn new(settings: AwsSettings) -> Result<Self, Failure> {
        check(&settings)?;
        let account = Account::new(&settings).await;
        Ok(Self { settings, account })
    }
}

/// What is wanted of one region.
#[derive(Default)]
struct Needs<'a> {
    launches: Vec<(&'a FleetName, &'a AwsSpec, BTreeSet<&'a Pool>)>,
    pools: BTreeSet<Pool>,
    types: BTreeSet<InstanceType>,
    images: BTreeMap<&'a str, BTreeSet<InstanceType>>,
    subnets: BTreeSet<(String, Zone)>,
    /// Each with the subnets that it is used in.
    groups: BTreeMap<String, BTreeSet<String>>,
    key_pairs: BTreeSet<String>,
}

impl<'a> Needs<'a> {
    fn of(region: &Region, wanted: &'a [Wanted]) -> Self {
        let mut needs = Self::default();
        for one in wanted {
            let LaunchSpec::Aws(spec) = &*one.spec else { continue };
            let pools: BTreeSet<&Pool> = one.pools.iter().filter(|p| p.region() == region).collect();
            if pools.is_empty() {
                continue;
            }
            let mut subnets = BTreeSet::new();
            for pool in &pools {
                needs.pools.insert((*pool).clone());
                needs.types.insert(pool.instance_type().clone());
                needs.images.entry(&spec.image).or_default().insert(pool.instance_type().clone());
                if let Some(subnet) = spec.subnets.get(pool.zone()) {
                    needs.subnets.insert((subnet.clone(), pool.zone().clone()));
                    subnets.insert(subnet.clone());
                }
            }
            for group in &spec.security_groups {
                needs.groups.entry(group.clone()).or_default().extend(subnets.iter().cloned());
            }
            needs.key_pairs.extend(spec.key_name.clone());
            needs.launches.push((&one.fleet, spec, pools));
        }
        needs
    }

    fn zones(&self) -> BTreeSet<Zone> {
        self.pools.iter().map(|p| p.zone().clone()).collect()
    }

    fn markets(&self) -> BTreeSet<Market> {
        self.pools.iter().map(Pool::market).collect()
    }
}

/// What came of one region.
struct Visit {
    findings: Vec<Finding>,
    /// A spot machine of ours.
    spot_machine: Option<String>,
    /// It was found out that AWS takes the credentials.
    known: bool,
}

#[async_trait]
impl Doctor for AwsDoctor {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let visits = join_all(self.settings.regions.iter().map(|region| self.visit(region, wanted))).await;
        let mut all = Vec::new();
        if visits.iter().any(|visit| visit.known) {
            all.push(judge::credentials_taken());
            let spot = self.settings.regions.iter().any(|r| Needs::of(r, wanted).markets().contains(&Market::Spot));
            if spot {
                all.push(judge::service_role(visits.iter().find_map(|visit| visit.spot_machine.as_deref())));
            }
        }
        all.extend(visits.into_iter().flat_map(|visit| visit.findings));
        // The same thing may be needed by several, and the account's own troubles show in every region.
        let mut once: Vec<Finding> = Vec::new();
        for finding in all {
            if !once.contains(&finding) {
                once.push(finding);
            }
        }
        // A dry run that says that the role is missing knows more than who could not look.
        let role_missing = once
            .iter()
            .any(|f| f.check == crate::doctor::Check::ServiceRole && f.verdict == crate::doctor::Verdict::Problem);
        once.retain(|f| {
            !(role_missing
                && f.check == crate::doctor::Check::ServiceRole
                && f.verdict != crate::doctor::Verdict::Problem)
        });
        once
    }
}

impl AwsDoctor {
    async fn visit(&self, region: &Region, wanted: &[Wanted]) -> Visit {
        let ec2 = self.account.ec2(region);
        let name = region.as_str();
        let zones = ec2.zones().await;
        let mut findings = Vec::new();
        match &zones {
            Ok(_) => findings.push(judge::region_open(name)),
            Err(trouble) if judge::is_denied(trouble) => findings.push(judge::region_open(name)),
            Err(trouble) => {
                let finding = match judge::credentials(trouble) {
                    Some(finding) => finding,
                    None => judge::region_closed(name, trouble, &self.account.ec2(&home(region)).regions().await),
                };
                return Visit { findings: vec![finding], spot_machine: None, known: false };
            }
        }
        let needs = Needs::of(region, wanted);
        let spot_machine = self.permissions(&ec2, region, &needs, &mut findings).await;
        self.things(&ec2, name, &needs, &zones, &mut findings).await;
        findings.extend(judge::quota(name, &needs.markets()));
        self.queue(region, &mut findings).await;
        Visit { findings, spot_machine, known: true }
    }

    /// What the adapter calls, tried one by one. Gives a spot machine of ours, if there is one.
    async fn permissions(
        &self,
        ec2: &Ec2,
        region: &Region,
        needs: &Needs<'_>,
        findings: &mut Vec<Finding>,
    ) -> Option<String> {
        let (name, owner) = (region.as_str(), self.settings.owner.as_str());
        let machines = ec2.machines(owner).await;
        findings.push(judge::permission(name, "ec2:DescribeInstances", &done(&machines)));
        let ours = machines.unwrap_or_default();
        // As with the adapter: the filter knows wildcards.
        let is_ours = |m: &&translate::Machine| m.tags.get(translate::OWNER_TAG).is_some_and(|o| o == owner);
        let alive = |m: &&translate::Machine| matches!(m.state.as_str(), "pending" | "running");
        let ours: Vec<_> = ours.iter().filter(is_ours).filter(alive).collect();
        findings.push(match ours.first() {
            Some(machine) => judge::permission(name, "ec2:TerminateInstances", &ec2.try_terminate(&machine.id).await),
            None => judge::untried(name, "ec2:TerminateInstances", "there is no machine of ours to try it on"),
        });
        findings.push(judge::permission(name, "ec2:DescribeSpotPriceHistory", &ec2.try_spot_prices().await));
        if !self.settings.interruption_queues.contains_key(region) {
            let tried = ec2.try_spot_requests(owner).await;
            findings.push(judge::permission(name, "ec2:DescribeSpotInstanceRequests", &tried));
        }
        if let Some(kind) = needs.types.first() {
            let list = self.account.price_list(prices::price_list_region(region));
            let products = list.products(&prices::price_list_filters(region, kind)).await;
            findings.push(judge::price_list(name, &done(&products)));
        }
        let mut templates = BTreeSet::new();
        if self.settings.launch_api == LaunchApi::CreateFleet {
            templates = self.templates(ec2, name, needs, findings).await;
        }
        for (fleet, spec, pools) in &needs.launches {
            for market in [Market::OnDemand, Market::Spot] {
                if let Some(pool) = pools.iter().find(|p| p.market() == market) {
                    self.launch(ec2, name, (fleet, spec, pool), &templates, findings).await;
                }
            }
        }
        ours.iter().find(|m| m.spot).map(|m| m.id.clone())
    }

    /// The permissions of templates. Gives the templates that are there.
    async fn templates(
        &self,
        ec2: &Ec2,
        region: &str,
        needs: &Needs<'_>,
        findings: &mut Vec<Finding>,
    ) -> BTreeSet<String> {
        let owner = &self.settings.owner;
        let listed = ec2.templates(owner).await;
        findings.push(judge::permission(region, "ec2:DescribeLaunchTemplates", &done(&listed)));
        let templates: BTreeSet<String> = listed.unwrap_or_default().into_iter().collect();
        if let Some((_, spec, _)) = needs.launches.first() {
            // Under a name of its own: the true one may be there already.
            let name = format!("{}-doctor", template_name(owner, spec));
            let tried = ec2.try_template(&name, owner, spec).await;
            findings.push(judge::permission(region, "ec2:CreateLaunchTemplate", &tried));
        }
        findings.push(match templates.first() {
            Some(one) => judge::permission(region, "ec2:DeleteLaunchTemplate", &ec2.try_delete_template(one).await),
            None => judge::untried(region, "ec2:DeleteLaunchTemplate", "there is no template of ours to try it on"),
        });
        templates
    }

    /// One launch, tried.
    async fn launch(
        &self,
        ec2: &Ec2,
        region: &str,
        (fleet, spec, pool): (&FleetName, &AwsSpec, &Pool),
        templates: &BTreeSet<String>,
        findings: &mut Vec<Finding>,
    ) {
        // What is missing in the file itself is found when that is read.
        let Ok(subnet) = translate::subnet(spec, pool, "RunInstances") else { return };
        let order = Order {
            token: "doctor".into(),
            fleet: fleet.clone(),
            pool: pool.clone(),
            spec: LaunchSpec::Aws(spec.clone()).into(),
            count: 1,
        };
        let tags = machine_tags(&self.settings.owner, &order, spec);
        let call = LaunchCall { token: "doctor", pool, subnet, count: 1, tags: &tags };
        // A fleet request launches by RunInstances, on behalf of who makes it; its own dry run does not look so far.
        let tried = ec2.try_run(spec, &call).await;
        let profile = spec.instance_profile.as_deref();
        findings.extend(judge::launch(region, &judge::Launch { pool, profile, tried: &tried }));
        if self.settings.launch_api == LaunchApi::CreateFleet {
            let template = template_name(&self.settings.owner, spec);
            findings.push(if templates.contains(&template) {
                judge::permission(region, "ec2:CreateFleet", &ec2.try_fleet(&template, &call).await)
            } else {
                judge::untried(
                    region,
                    "ec2:CreateFleet",
                    "the launch template that it needs is made by the first launch",
                )
            });
        }
    }

    /// The things that the launches name.
    async fn things(
        &self,
        ec2: &Ec2,
        region: &str,
        needs: &Needs<'_>,
        zones: &Asked<Vec<ZoneFact>>,
        findings: &mut Vec<Finding>,
    ) {
        let types: Vec<InstanceType> = needs.types.iter().cloned().collect();
        let known = ec2.types(&types).await;
        findings.push(judge::permission(region, "ec2:DescribeInstanceTypes", &done(&known)));
        findings.extend(judge::zones(region, &needs.zones(), zones));
        findings.extend(judge::types(region, &needs.pools, &known, &ec2.offerings(&types).await));
        let known = known.unwrap_or_default();
        for (id, types) in &needs.images {
            let asked = if id.starts_with("ami-") { Some(ec2.image(id).await) } else { None };
            findings.push(judge::image(region, id, asked.as_ref(), types, &known, now()));
        }
        let ids: BTreeSet<String> = needs.subnets.iter().map(|(id, _)| id.clone()).collect();
        let subnets =
            if ids.is_empty() { Ok(BTreeMap::new()) } else { ec2.subnets(&ids.into_iter().collect::<Vec<_>>()).await };
        findings.extend(judge::subnets(region, &needs.subnets, &subnets));
        if !needs.groups.is_empty() {
            let ids: Vec<String> = needs.groups.keys().cloned().collect();
            let groups = ec2.security_groups(&ids).await;
            findings.extend(judge::security_groups(region, &needs.groups, &groups, &subnets));
        }
        if !needs.key_pairs.is_empty() {
            let names: Vec<String> = needs.key_pairs.iter().cloned().collect();
            findings.extend(judge::key_pairs(region, &needs.key_pairs, &ec2.key_pairs(&names).await));
        }
    }

    async fn queue(&self, region: &Region, findings: &mut Vec<Finding>) {
        let Some(url) = self.settings.interruption_queues.get(region) else { return };
        let queue = self.account.queue(region, url);
        let redrive = queue.redrive().await;
        // What was received too often is moved away: no message shall be, by being looked at.
        let peeked = if matches!(redrive, Ok(None)) { Some(queue.peek().await) } else { None };
        findings.extend(judge::queue(region.as_str(), url, &redrive, peeked.as_ref()));
    }
}

/// What came of a call, without its answer.
fn done<T>(asked: &Asked<T>) -> Result<(), super::failure::Trouble> {
    asked.as_ref().map(drop).map_err(Clone::clone)
}

/// The region of the same partition that every account uses. Source: AWS General Reference, "Regions".
fn home(region: &Region) -> Region {
    let name = match region.as_str() {
        r if r.starts_with("cn-") => "cn-north-1",
        r if r.starts_with("us-gov-") => "us-gov-west-1",
        r if r.starts_with("us-isob-") => "us-isob-east-1",
        r if r.starts_with("us-iso-") => "us-iso-east-1",
        _ => "us-east-1",
    };
    Region::from(name)
}
