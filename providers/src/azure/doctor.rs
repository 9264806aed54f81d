//! `doctor` of Azure: asks what a fleet file needs, and has it judged. Everything that is asked is read only: Azure has
//! no dry run of a launch, so what a launch may do is told by the permissions in the resource group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use policies::failure::Failure;
use policies::model::{FleetName, Market, Pool, ProviderName, Region};

use super::prices::{filter, region_name};
use super::sizes::{Size, sizes};
use super::token::TokenSource;
use super::wire::{Arm, Retail};
use super::{AzureSettings, body, check, connect, identity, launch, prices};
use crate::doctor::{Doctor, Finding, Wanted};
use crate::spec::AzureSpec;
use crate::{LaunchSpec, Order};

mod judge;

/// Chances of eviction that Azure tells of every size on spot. Source: learn.microsoft.com, "Use Azure Spot Virtual
/// Machines", Azure Resource Graph.
const EVICTION_RATES: &str = "SpotResources | where type =~ 'microsoft.compute/skuspotevictionrate/location' \
    | project skuName=tostring(sku.name), location, evictionRate=tostring(properties.evictionRate)";

/// The doctor of one resource group.
pub struct AzureDoctor {
    settings: AzureSettings,
    arm: Arm,
    retail: Retail,
}

impl AzureDoctor {
    /// For the resource group that [`Azure`](super::Azure) would use with these settings. Makes no call.
    ///
    /// # Errors
    /// As [`Azure::new`](super::Azure::new).
    pub fn new(settings: AzureSettings) -> Result<Self, Failure> {
        let tokens = identity(&settings)?;
        Self::with_tokens(settings, tokens)
    }

    /// The same with tokens from elsewhere.
    ///
    /// # Errors
    /// As [`Azure::with_tokens`](super::Azure::with_tokens).
    pub fn with_tokens(settings: AzureSettings, tokens: Arc<dyn TokenSource>) -> Result<Self, Failure> {
        check(&settings)?;
        let (arm, retail) = connect(&settings, tokens)?;
        Ok(Self { settings, arm, retail })
    }
}

/// What is wanted of one region.
#[derive(Default)]
struct Needs<'a> {
    launches: Vec<(&'a FleetName, &'a Arc<LaunchSpec>, &'a AzureSpec, BTreeSet<&'a Pool>)>,
    pools: BTreeSet<Pool>,
    images: BTreeSet<&'a str>,
    subnets: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
}

impl<'a> Needs<'a> {
    fn of(region: &Region, wanted: &'a [Wanted]) -> Self {
        let mut needs = Self::default();
        for one in wanted {
            let LaunchSpec::Azure(spec) = &*one.spec else { continue };
            let pools: BTreeSet<&Pool> = one.pools.iter().filter(|p| p.region() == region).collect();
            if pools.is_empty() {
                continue;
            }
            needs.pools.extend(pools.iter().map(|pool| (*pool).clone()));
            needs.images.insert(&spec.image);
            needs.subnets.extend(spec.subnets.get(region).map(String::as_str));
            needs.groups.extend(spec.security_groups.get(region).map(String::as_str));
            needs.launches.push((&one.fleet, &one.spec, spec, pools));
        }
        needs
    }
}

#[async_trait]
impl Doctor for AzureDoctor {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let group = &self.settings.resource_group;
        let (mut findings, known) = judge::group(group, &self.arm.group().await.map(|_| ()));
        if !known {
            return findings;
        }
        findings.extend(judge::permissions(group, &self.arm.permissions().await));
        let rates = self.arm.graph(EVICTION_RATES).await;
        let places = self.settings.regions.iter().map(|region| (region, Needs::of(region, wanted)));
        let places = places.filter(|(_, needs)| !needs.pools.is_empty());
        let visits = join_all(places.map(|(region, needs)| {
            let rates = &rates;
            async move {
                let mut found = self.visit(region, &needs).await;
                let spot = needs.pools.iter().filter(|pool| pool.market() == Market::Spot);
                let spot: BTreeSet<_> = spot.map(|pool| pool.instance_type().as_str()).collect();
                found.extend(judge::eviction_rates(region.as_str(), &spot, rates));
                found
            }
        }))
        .await;
        findings.extend(visits.into_iter().flatten());
        findings
    }
}

impl AzureDoctor {
    async fn visit(&self, region: &Region, needs: &Needs<'_>) -> Vec<Finding> {
        let place = region.as_str();
        let mut findings = Vec::new();
        for (fleet, spec, azure, pools) in &needs.launches {
            findings.extend(self.launch(place, fleet, spec, azure, pools));
        }
        let known: BTreeMap<String, Size> = match self.arm.sizes(place).await {
            Ok(items) => sizes(place, &items),
            Err(trouble) => {
                findings.push(judge::sizes_unknown(place, &trouble));
                BTreeMap::new()
            }
        };
        if !known.is_empty() || findings.iter().all(|finding| finding.check != crate::doctor::Check::InstanceType) {
            findings.extend(judge::sizes(place, &needs.pools, &known));
        }
        findings.extend(judge::quotas(place, &needs.pools, &known, &self.arm.usages(place).await));
        for id in &needs.subnets {
            findings.push(judge::subnet(place, id, &self.arm.thing(id).await));
        }
        for id in &needs.groups {
            findings.push(judge::security_group(place, id, &self.arm.thing(id).await));
        }
        for image in &needs.images {
            findings.extend(self.image(place, image).await);
        }
        if let Some(pool) = needs.pools.first() {
            let size = pool.instance_type().as_str();
            let name = known.get(&size.to_lowercase()).map_or(size, |known| known.name.as_str());
            let items = self.retail.items(&filter(&region_name(region), name)).await;
            let listed = items.map(|items| prices::listed(&region_name(region), name, &items, crate::clock::now()));
            findings.push(judge::prices(place, name, &listed));
        }
        findings
    }

    /// What can be seen of a launch without asking: one launch of each market, as it would be sent.
    fn launch(
        &self,
        place: &str,
        fleet: &FleetName,
        spec: &Arc<LaunchSpec>,
        azure: &AzureSpec,
        pools: &BTreeSet<&Pool>,
    ) -> Option<Finding> {
        let refused = pools.iter().find_map(|pool| {
            let order = Order {
                token: "doctor".into(),
                fleet: fleet.clone(),
                pool: (*pool).clone(),
                spec: spec.clone(),
                count: 1,
            };
            body::machine_body(launch::PUT, &self.settings.owner, &order, azure, "sf-doctor").err()
        });
        refused.map(|failure| judge::launch(place, fleet.as_str(), &failure))
    }

    async fn image(&self, place: &str, image: &str) -> Option<Finding> {
        if image.starts_with('/') {
            return Some(judge::own_image(place, image, &self.arm.thing(image).await));
        }
        // An image that is written wrongly was found out with its launch.
        let parts: Vec<_> = image.split(':').collect();
        let [publisher, offer, sku, _] = parts[..] else { return None };
        let versions = self.arm.image_versions(place, [publisher, offer, sku]).await;
        Some(judge::market_image(place, image, &versions))
    }
}
