//! What is missing in an account of PPIO before anything is launched there.
//!
//! PPIO has no dry run and tells no limits: what only a launch can show is said to be not checked.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::{Market, Pool, ProviderName, Region};
use policies::units::Currency;

use super::translate::{Product, cards_of, offer};
use super::{Ppio, PpioSettings, now};
use crate::doctor::{Check, Doctor, Finding, Verdict, Wanted};
use crate::{LaunchSpec, Provider};

/// The place of what is true of the whole account.
const ACCOUNT: &str = "account";

/// Looks at one account.
#[derive(Debug)]
pub struct PpioDoctor {
    ppio: Ppio,
    currency: Currency,
}

impl PpioDoctor {
    /// The doctor of the account that these settings lead to. Makes no call.
    ///
    /// # Errors
    /// As [`Ppio::new`].
    pub fn new(settings: PpioSettings) -> Result<Self, Failure> {
        let currency = settings.currency;
        Ok(Self { ppio: Ppio::new(settings)?, currency })
    }

    async fn region(&self, region: &Region, cluster: &str, pools: &BTreeSet<&Pool>) -> Vec<Finding> {
        let mut sold: BTreeMap<Market, BTreeMap<String, Product>> = BTreeMap::new();
        let mut findings = Vec::new();
        for market in [Market::Spot, Market::OnDemand] {
            match self.ppio.products(region, market).await {
                Ok(products) => drop(sold.insert(market, products)),
                Err(failure) => {
                    let text = format!("what is sold as {market} cannot be read: {failure}");
                    findings.push(Finding::new(Verdict::Problem, region.as_str(), Check::InstanceType, "-", text));
                }
            }
        }
        for pool in pools.iter().filter(|pool| sold.contains_key(&pool.market())) {
            findings.push(self.product(pool, cluster, sold.get(&pool.market())));
        }
        findings
    }

    fn product(&self, pool: &Pool, cluster: &str, products: Option<&BTreeMap<String, Product>>) -> Finding {
        let (place, market) = (pool.region().as_str(), pool.market());
        let subject = format!("{} {market}", pool.instance_type());
        let finding = |verdict, text: String| Finding::new(verdict, place, Check::InstanceType, &subject, text);
        match offer(pool, products, cluster, self.currency, now()) {
            Ok(offer) => {
                let (_, id) = cards_of(pool.instance_type().as_str());
                let in_stock = products.and_then(|all| all.get(id)).is_some_and(|product| product.in_stock);
                let (micros, code) = (offer.price.micros, self.currency.code());
                let price = format!("{}.{:06} {code} an hour", micros / 1_000_000, micros % 1_000_000);
                if in_stock {
                    return finding(Verdict::Ok, price);
                }
                let text = format!("{price}, and sold out now");
                finding(Verdict::Warning, text).mend("name further products or clusters")
            }
            Err(failure) if failure.kind == FailureKind::NoCapacity => {
                finding(Verdict::Warning, failure.message).mend("name further products or clusters")
            }
            Err(failure) => {
                let known: Vec<&str> = products.into_iter().flatten().take(20).map(|(id, _)| id.as_str()).collect();
                finding(Verdict::Problem, failure.message).mend(format!("this cluster sells {}", known.join(", ")))
            }
        }
    }
}

#[async_trait]
impl Doctor for PpioDoctor {
    fn name(&self) -> &ProviderName {
        self.ppio.name()
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let clusters = match self.ppio.clusters().await {
            Ok(clusters) => clusters,
            Err(failure) => {
                let finding = Finding::new(Verdict::Problem, ACCOUNT, Check::Credentials, "key", failure.to_string());
                return vec![finding.mend("check the key and the base URL; a new key is made in the console")];
            }
        };
        let text = format!("it is taken; {} clusters", clusters.len());
        let mut findings = vec![Finding::new(Verdict::Ok, ACCOUNT, Check::Credentials, "key", text)];
        findings.push(match self.ppio.machines().await {
            Ok(machines) => {
                let text = format!("instances can be listed; {} of them are ours", machines.len());
                Finding::new(Verdict::Ok, ACCOUNT, Check::Permission, "list instances", text)
            }
            Err(failure) => {
                let text = failure.to_string();
                Finding::new(Verdict::Problem, ACCOUNT, Check::Permission, "list instances", text)
                    .mend("without the list nothing is launched: give the key the right to read instances")
            }
        });
        let mut regions: BTreeMap<&Region, BTreeSet<&Pool>> = BTreeMap::new();
        for pool in wanted.iter().flat_map(|one| &one.pools) {
            regions.entry(pool.region()).or_default().insert(pool);
        }
        for (region, pools) in regions {
            let Some(cluster) = clusters.get(region.as_str()) else {
                let known: Vec<&str> = clusters.keys().take(20).map(String::as_str).collect();
                let text = "the account has no such cluster";
                let finding = Finding::new(Verdict::Problem, region.as_str(), Check::Region, region.as_str(), text);
                findings.push(finding.mend(format!("it has {}", known.join(", "))));
                continue;
            };
            let (place, text) = (region.as_str(), format!("it is called {cluster}"));
            findings.push(Finding::new(Verdict::Ok, place, Check::Region, place, text));
            findings.extend(self.region(region, cluster, &pools).await);
        }
        let images: BTreeSet<&str> = wanted
            .iter()
            .filter_map(|one| if let LaunchSpec::Ppio(spec) = &*one.spec { Some(spec.image.as_str()) } else { None })
            .collect();
        for image in images {
            let text = "whether it can be pulled shows when a machine starts";
            let finding = Finding::new(Verdict::NotChecked, ACCOUNT, Check::Image, image, text);
            findings.push(finding.mend("start one by hand with this image and the same registry login"));
        }
        let text = "limits and balance cannot be asked for";
        findings.push(
            Finding::new(Verdict::NotChecked, ACCOUNT, Check::Quota, "instances", text)
                .mend("look at the balance, and at the limit of instances, in the console"),
        );
        findings
    }
}
