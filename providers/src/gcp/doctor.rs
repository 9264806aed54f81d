//! What the project says of a fleet file: its regions and quotas, and the machine types of its zones. Reads only.

use std::collections::BTreeSet;

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::{InstanceType, ProviderName, Region, Zone};

use super::wire::{Compute, Quota};
use super::{GcpSettings, check, failure};
use crate::LaunchSpec;
use crate::doctor::{Check, Doctor, Finding, Verdict, Wanted};

/// A project that is looked at.
#[derive(Debug)]
pub struct GcpDoctor {
    name: ProviderName,
    compute: Compute,
}

impl GcpDoctor {
    /// The project of these settings.
    ///
    /// # Errors
    /// As [`Gcp::new`](super::Gcp::new).
    pub async fn new(settings: &GcpSettings) -> Result<Self, Failure> {
        check(settings)?;
        Ok(Self { name: settings.name.clone(), compute: Compute::new(settings).await? })
    }
}

#[async_trait]
impl Doctor for GcpDoctor {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let ours = wanted.iter().filter(|one| matches!(&*one.spec, LaunchSpec::Gcp(_)));
        let pools: Vec<_> = ours.flat_map(|one| &one.pools).filter(|pool| *pool.provider() == self.name).collect();
        let regions: BTreeSet<Region> = pools.iter().map(|pool| pool.region().clone()).collect();
        let types: BTreeSet<(Zone, InstanceType)> =
            pools.iter().map(|pool| (pool.zone().clone(), pool.instance_type().clone())).collect();
        let mut findings = Vec::new();
        for region in &regions {
            let read = self.compute.quotas(region.as_str()).await;
            match read.map_err(|trouble| failure::of_look("regions.get", &trouble)) {
                Ok(quotas) => findings.extend(of_quotas(region, &quotas)),
                Err(failure) => findings.push(of_failure(region.as_str(), Check::Region, region.as_str(), &failure)),
            }
        }
        for (zone, kind) in &types {
            let read = self.compute.shape(zone.as_str(), kind.as_str()).await;
            findings.push(match read {
                Ok(_) => Finding::new(Verdict::Ok, zone.as_str(), Check::InstanceType, kind.as_str(), "is there"),
                Err(trouble) if trouble.is_gone() => {
                    let text = "the zone does not have this machine type";
                    Finding::new(Verdict::Problem, zone.as_str(), Check::InstanceType, kind.as_str(), text)
                        .mend(format!("gcloud compute machine-types list --zones {zone}"))
                }
                Err(trouble) => {
                    let failure = failure::of_look("machineTypes.get", &trouble);
                    of_failure(zone.as_str(), Check::InstanceType, kind.as_str(), &failure)
                }
            });
        }
        if !pools.is_empty() {
            let text = "nothing is made to try it";
            let hint = "give the daemon's account the role roles/compute.instanceAdmin.v1, and \
                        roles/iam.serviceAccountUser where machines act as a service account";
            let launch = Finding::new(Verdict::NotChecked, "project", Check::Launch, "instances.insert", text);
            findings.push(launch.mend(hint));
        }
        findings
    }
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

    #[test]
    fn a_quota_that_is_used_up_is_a_warning() {
        let quota = |metric: &str, full| Quota { metric: metric.to_owned(), used: "8 of 8".to_owned(), full };
        let findings = of_quotas(&"us-east1".into(), &[quota("CPUS", true), quota("SSD_TOTAL_GB", false)]);
        let seen: Vec<_> = findings.iter().map(|f| (f.verdict, f.subject.as_str())).collect();
        assert_eq!(seen, [(Verdict::Ok, "us-east1"), (Verdict::Warning, "CPUS")]);
    }
}
