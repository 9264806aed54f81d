//! What the project says of a fleet file: credentials, its regions and quotas, the machine types of its zones with their
//! prices. Reads only. Compute Engine has no dry run: what only a launch would show is said not to be checked.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::{Market, Offer, Pool, ProviderName, Region};
use policies::units::{Span, Time};

use super::offers::Catalogue;
use super::wire::{Compute, Quota};
use super::{GcpSettings, LIST, check, failure};
use crate::LaunchSpec;
use crate::clock::now;
use crate::doctor::{Check, Doctor, Finding, Verdict, Wanted};

/// Where findings about the whole project stand.
const PROJECT: &str = "project";
/// Reading types and prices of a region may take so long: two calls for each type and zone.
const PATIENCE: Duration = Duration::from_secs(120);
/// A price that is older was not read from Google just now.
const FRESH: Span = Span::from_hours(1);

/// A project that is looked at.
#[derive(Debug)]
pub struct GcpDoctor {
    settings: GcpSettings,
    compute: Compute,
}

impl GcpDoctor {
    /// The project of these settings.
    ///
    /// # Errors
    /// As [`Gcp::new`](super::Gcp::new).
    pub async fn new(settings: GcpSettings) -> Result<Self, Failure> {
        check(&settings)?;
        let compute = Compute::new(&settings).await?;
        Ok(Self { settings, compute })
    }

    /// One region: its quotas, and what each pool would cost there.
    async fn region(&self, region: &Region, pools: &[Pool]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let read = self.compute.quotas(region.as_str()).await;
        match read.map_err(|trouble| failure::of_look("regions.get", &trouble)) {
            Ok(quotas) => findings.extend(of_quotas(region, &quotas)),
            Err(failure) => findings.push(of_failure(region.as_str(), Check::Region, region.as_str(), &failure)),
        }
        let now = now();
        let mut catalogue = Catalogue::new(self.settings.prices.clone());
        match catalogue.offers(&self.compute, region, pools, now, PATIENCE).await {
            Ok(offers) => findings.extend(offers.iter().map(|offer| of_offer(offer, now))),
            Err(failure) => {
                findings.push(of_failure(region.as_str(), Check::InstanceType, region.as_str(), &failure));
            }
        }
        findings
    }
}

#[async_trait]
impl Doctor for GcpDoctor {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let listed = self.compute.machines(&self.settings.owner).await;
        let mut findings = match listed.map_err(|trouble| failure::of_look(LIST, &trouble)) {
            Ok(listing) => {
                let text = format!("machines can be listed; {} of them are ours", listing.machines.len());
                vec![Finding::new(Verdict::Ok, PROJECT, Check::Credentials, &self.settings.project, text)]
            }
            Err(failure) => {
                let hint = "give the daemon's account the role that `spotfleet doctor gcp --role` prints, and see that \
                            the Compute Engine API is enabled in the project";
                let finding = of_failure(PROJECT, Check::Credentials, &self.settings.project, &failure);
                return vec![finding.mend(hint)];
            }
        };
        let mut regions: BTreeMap<&Region, BTreeSet<&Pool>> = BTreeMap::new();
        for pool in wanted.iter().flat_map(|one| &one.pools).filter(|pool| *pool.provider() == self.settings.name) {
            regions.entry(pool.region()).or_default().insert(pool);
        }
        for (region, pools) in regions {
            let pools: Vec<Pool> = pools.into_iter().cloned().collect();
            findings.extend(self.region(region, &pools).await);
        }
        findings.extend(unseen(wanted));
        findings
    }
}

/// What a pool would cost, or why it cannot be bought.
fn of_offer(offer: &Result<Offer, (Pool, Failure)>, now: Time) -> Finding {
    let about = |pool: &Pool, verdict, text: String| {
        let subject = format!("{} {}", pool.instance_type(), pool.market());
        Finding::new(verdict, pool.zone().as_str(), Check::InstanceType, &subject, text)
    };
    match offer {
        Ok(Offer { pool, price, priced_at, .. }) => {
            let age = now.since(*priced_at);
            let (micros, code) = (price.micros, price.currency.code());
            let text = format!("{}.{:06} {code} an hour", micros / 1_000_000, micros % 1_000_000);
            if age <= FRESH {
                return about(pool, Verdict::Ok, text);
            }
            let days = age.as_millis() / Span::from_hours(24).as_millis();
            let text = format!("{text}, by the built-in table, {days} days old");
            match pool.market() {
                Market::OnDemand => about(pool, Verdict::Ok, text),
                Market::Spot => about(pool, Verdict::Warning, text).mend(
                    "let the daemon's account read spot prices: permission `compute.advice.capacityHistory`, which is \
                     in `roles/compute.viewer`",
                ),
            }
        }
        Err((pool, failure)) if failure.kind == FailureKind::Invalid => {
            about(pool, Verdict::Problem, failure.message.clone())
                .mend(format!("gcloud compute machine-types list --zones {}", pool.zone()))
        }
        Err((pool, failure)) => {
            let hint = match pool.market() {
                Market::OnDemand => "write it in `on_demand_prices` of the provider",
                Market::Spot => {
                    "let the daemon's account read spot prices: permission `compute.advice.capacityHistory`"
                }
            };
            about(pool, Verdict::Warning, failure.message.clone()).mend(hint)
        }
    }
}

/// What only a launch would show, with the commands that tell before.
fn unseen(wanted: &[Wanted]) -> Vec<Finding> {
    let specs = wanted.iter().filter_map(|one| if let LaunchSpec::Gcp(spec) = &*one.spec { Some(spec) } else { None });
    let mut asked: BTreeMap<(Check, &str), String> = BTreeMap::new();
    for spec in specs {
        asked.insert((Check::Image, &spec.image), image_command(&spec.image));
        for (region, subnetwork) in &spec.subnetworks {
            let name = super::translate::last(subnetwork);
            let command = format!("gcloud compute networks subnets describe {name} --region {region}");
            asked.insert((Check::Subnet, subnetwork), command);
        }
        if let Some(account) = &spec.service_account {
            let command = format!(
                "gcloud iam service-accounts get-iam-policy {account}: the daemon's account needs \
                 roles/iam.serviceAccountUser there"
            );
            asked.insert((Check::ServiceRole, account), command);
        }
        let hint = "give the daemon's account the role that `spotfleet doctor gcp --role` prints";
        asked.insert((Check::Launch, "instances.insert"), hint.to_owned());
    }
    let finding = |((check, subject), hint): ((Check, &str), String)| {
        Finding::new(Verdict::NotChecked, PROJECT, check, subject, "only a launch shows it").mend(hint)
    };
    asked.into_iter().map(finding).collect()
}

/// The command that shows an image, or the newest of its family.
fn image_command(image: &str) -> String {
    let project = image.split("projects/").nth(1).and_then(|rest| rest.split('/').next());
    let project = project.map(|project| format!(" --project {project}")).unwrap_or_default();
    let name = super::translate::last(image);
    let describe = if image.contains("/family/") { "describe-from-family" } else { "describe" };
    format!("gcloud compute images {describe} {name}{project}")
}

/// A region that answers, and the quotas of it that are used up. A limit of zero says that the quota is not in use:
/// spot machines count against the standard quota where no preemptible one is granted.
fn of_quotas(region: &Region, quotas: &[Quota]) -> Vec<Finding> {
    let place = region.as_str();
    let mut findings = vec![Finding::new(Verdict::Ok, place, Check::Region, place, "is there")];
    for quota in quotas.iter().filter(|quota| quota.full) {
        let text = format!("used up: {}", quota.used);
        findings.push(
            Finding::new(Verdict::Warning, place, Check::Quota, &quota.metric, text)
                .mend("ask for more on the page Quotas of the console"),
        );
    }
    findings
}

fn of_failure(place: &str, check: Check, subject: &str, failure: &Failure) -> Finding {
    let verdict = match failure.kind {
        FailureKind::Denied | FailureKind::Invalid | FailureKind::Gone => Verdict::Problem,
        _ => Verdict::NotChecked,
    };
    Finding::new(verdict, place, check, subject, failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use policies::model::Shape;
    use policies::units::ListPrice;

    #[test]
    fn a_quota_that_is_used_up_is_a_warning() {
        let quota = |metric: &str, full| Quota { metric: metric.to_owned(), used: "8 of 8".to_owned(), full };
        let findings = of_quotas(&"us-east1".into(), &[quota("CPUS", true), quota("SSD_TOTAL_GB", false)]);
        let seen: Vec<_> = findings.iter().map(|f| (f.verdict, f.subject.as_str())).collect();
        assert_eq!(seen, [(Verdict::Ok, "us-east1"), (Verdict::Warning, "CPUS")]);
    }

    #[test]
    fn an_old_spot_price_is_a_warning_and_an_unknown_type_a_problem() {
        let now = Time::from_millis(1_800_000_000_000);
        let pool = |market| Pool::new("gcp", "us-east1", "us-east1-b", "n2-standard-4", market);
        let priced = |market, priced_at| {
            let shape = Shape { vcpus: 4, gpus: 0, memory_mib: 16_384 };
            of_offer(&Ok(Offer { pool: pool(market), price: ListPrice::usd(61_000), priced_at, shape }), now)
        };
        let fresh = priced(Market::Spot, now);
        assert_eq!((fresh.verdict, fresh.text.as_str()), (Verdict::Ok, "0.061000 USD an hour"));
        let old = Time::from_millis(1_800_000_000_000 - 10 * 86_400_000);
        assert_eq!(priced(Market::Spot, old).verdict, Verdict::Warning);
        let on_demand = priced(Market::OnDemand, old);
        assert_eq!(on_demand.verdict, Verdict::Ok);
        assert!(on_demand.text.ends_with("10 days old"), "{}", on_demand.text);
        let failed = |kind| {
            let failure = Failure::new(kind, "machineTypes.get", "-", "text");
            of_offer(&Err((pool(Market::OnDemand), failure)), now).verdict
        };
        assert_eq!(failed(FailureKind::Invalid), Verdict::Problem);
        assert_eq!(failed(FailureKind::Unavailable), Verdict::Warning);
    }

    #[test]
    fn an_image_is_shown_by_its_own_command() {
        let family = "projects/debian-cloud/global/images/family/debian-12";
        assert_eq!(
            image_command(family),
            "gcloud compute images describe-from-family debian-12 --project debian-cloud"
        );
        assert_eq!(image_command("global/images/worker-7"), "gcloud compute images describe worker-7");
    }
}
