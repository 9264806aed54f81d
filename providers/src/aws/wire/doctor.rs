//! The calls of `doctor`: they read, or are dry runs.
//!
//! A dry run is answered by an error whatever it finds: `DryRunOperation` when the request would have been carried out,
//! `UnauthorizedOperation` when it is not allowed, and other codes when EC2 finds it wrong before it asks who may.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{LocationType, UsageClassType};
use aws_sdk_sqs::types::QueueAttributeName;
use policies::model::{InstanceType, Zone};

use super::launch::LaunchCall;
use super::{Ec2, Pages, Queue, filter, trouble};
use crate::aws::failure::Trouble;
use crate::aws::translate::OWNER_TAG;
use crate::spec::AwsSpec;

/// Types asked for at once.
const TYPES: usize = 100;

/// What became of a call that was only tried: the trouble is that of a dry run, which is an error when all is well.
pub(in crate::aws) type Tried = Result<(), Trouble>;

/// A region of AWS as an account sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::aws) struct Regional {
    pub(in crate::aws) name: String,
    /// The account uses it.
    pub(in crate::aws) enabled: bool,
}

/// A zone of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::aws) struct ZoneFact {
    pub(in crate::aws) name: Zone,
    /// The account uses it.
    pub(in crate::aws) enabled: bool,
    /// `available`, or in trouble.
    pub(in crate::aws) state: String,
}

/// An image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::aws) struct ImageFact {
    pub(in crate::aws) state: String,
    /// `x86_64`, `arm64`, ...
    pub(in crate::aws) architecture: String,
    /// When it is deprecated, in RFC 3339.
    pub(in crate::aws) deprecated: Option<String>,
}

/// A subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::aws) struct SubnetFact {
    pub(in crate::aws) zone: Zone,
    pub(in crate::aws) vpc: String,
    /// Addresses that are free.
    pub(in crate::aws) free: i32,
}

/// An instance type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::aws) struct TypeFact {
    pub(in crate::aws) architectures: Vec<String>,
    /// It can be had as spot; on demand.
    pub(in crate::aws) markets: (bool, bool),
}

impl Ec2 {
    /// The zones of the region, used or not.
    pub(in crate::aws) async fn zones(&self) -> Result<Vec<ZoneFact>, Trouble> {
        let answer = self.client.describe_availability_zones().all_availability_zones(true).send().await;
        let answer = answer.map_err(trouble)?;
        let zone = |zone: &aws_sdk_ec2::types::AvailabilityZone| {
            Some(ZoneFact {
                name: Zone::from(zone.zone_name()?),
                enabled: zone.opt_in_status().is_none_or(|status| status.as_str() != "not-opted-in"),
                state: zone.state().map_or("available", |state| state.as_str()).to_owned(),
            })
        };
        Ok(answer.availability_zones().iter().filter_map(zone).collect())
    }

    /// The regions of the partition, used or not.
    pub(in crate::aws) async fn regions(&self) -> Result<Vec<Regional>, Trouble> {
        let answer = self.client.describe_regions().all_regions(true).send().await.map_err(trouble)?;
        let region = |region: &aws_sdk_ec2::types::Region| {
            let enabled = region.opt_in_status() != Some("not-opted-in");
            Some(Regional { name: region.region_name()?.to_owned(), enabled })
        };
        Ok(answer.regions().iter().filter_map(region).collect())
    }

    /// An image; `None` where there is none that this account may use.
    pub(in crate::aws) async fn image(&self, id: &str) -> Result<Option<ImageFact>, Trouble> {
        let answer = self.client.describe_images().image_ids(id).include_deprecated(true).send().await;
        let answer = match answer.map_err(trouble) {
            Ok(answer) => answer,
            Err(trouble) if trouble.code.as_deref().is_some_and(|code| code.starts_with("InvalidAMIID.")) => {
                return Ok(None);
            }
            Err(trouble) => return Err(trouble),
        };
        Ok(answer.images().first().map(|image| ImageFact {
            state: image.state().map(|state| state.as_str()).unwrap_or_default().to_owned(),
            architecture: image.architecture().map(|a| a.as_str()).unwrap_or_default().to_owned(),
            deprecated: image.deprecation_time().map(str::to_owned),
        }))
    }

    /// Those of these subnets that there are, by id.
    pub(in crate::aws) async fn subnets(&self, ids: &[String]) -> Result<BTreeMap<String, SubnetFact>, Trouble> {
        let mut found = BTreeMap::new();
        let mut pages = Pages::default();
        loop {
            // By filter and not by id: one that is not there would fail the whole request.
            let request = self.client.describe_subnets().filters(filter("subnet-id", ids.iter().cloned()));
            let page = request.set_next_token(pages.token.clone()).send().await.map_err(trouble)?;
            for subnet in page.subnets() {
                let Some(id) = subnet.subnet_id() else { continue };
                let fact = SubnetFact {
                    zone: Zone::from(subnet.availability_zone().unwrap_or_default()),
                    vpc: subnet.vpc_id().unwrap_or_default().to_owned(),
                    free: subnet.available_ip_address_count().unwrap_or(i32::MAX),
                };
                found.insert(id.to_owned(), fact);
            }
            if !pages.turn(page.next_token())? {
                return Ok(found);
            }
        }
    }

    /// The networks of those of these security groups that there are, by id.
    pub(in crate::aws) async fn security_groups(&self, ids: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
        let mut found = BTreeMap::new();
        let mut pages = Pages::default();
        loop {
            let request = self.client.describe_security_groups().filters(filter("group-id", ids.iter().cloned()));
            let page = request.set_next_token(pages.token.clone()).send().await.map_err(trouble)?;
            for group in page.security_groups() {
                if let Some(id) = group.group_id() {
                    found.insert(id.to_owned(), group.vpc_id().unwrap_or_default().to_owned());
                }
            }
            if !pages.turn(page.next_token())? {
                return Ok(found);
            }
        }
    }

    /// Those of these key pairs that there are.
    pub(in crate::aws) async fn key_pairs(&self, names: &[String]) -> Result<BTreeSet<String>, Trouble> {
        let request = self.client.describe_key_pairs().filters(filter("key-name", names.iter().cloned()));
        let answer = request.send().await.map_err(trouble)?;
        Ok(answer.key_pairs().iter().filter_map(|pair| pair.key_name().map(str::to_owned)).collect())
    }

    /// Those of these instance types that the region knows.
    pub(in crate::aws) async fn types(
        &self,
        types: &[InstanceType],
    ) -> Result<BTreeMap<InstanceType, TypeFact>, Trouble> {
        let mut found = BTreeMap::new();
        for chunk in types.chunks(TYPES) {
            let mut pages = Pages::default();
            loop {
                let names = filter("instance-type", chunk.iter().map(ToString::to_string));
                let request = self.client.describe_instance_types().filters(names);
                let page = request.set_next_token(pages.token.clone()).send().await.map_err(trouble)?;
                for info in page.instance_types() {
                    let Some(name) = info.instance_type() else { continue };
                    let processor = info.processor_info().map(|p| p.supported_architectures()).unwrap_or_default();
                    let classes = info.supported_usage_classes();
                    // Where EC2 does not say, both are had.
                    let had = |class| classes.is_empty() || classes.contains(&class);
                    let fact = TypeFact {
                        architectures: processor.iter().map(|a| a.as_str().to_owned()).collect(),
                        markets: (had(UsageClassType::Spot), had(UsageClassType::OnDemand)),
                    };
                    found.insert(InstanceType::from(name.as_str()), fact);
                }
                if !pages.turn(page.next_token())? {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// In which zones these instance types are offered.
    pub(in crate::aws) async fn offerings(
        &self,
        types: &[InstanceType],
    ) -> Result<BTreeSet<(InstanceType, Zone)>, Trouble> {
        let mut found = BTreeSet::new();
        for chunk in types.chunks(TYPES) {
            let mut pages = Pages::default();
            loop {
                let names = filter("instance-type", chunk.iter().map(ToString::to_string));
                let request = self.client.describe_instance_type_offerings().filters(names);
                let request = request.location_type(LocationType::AvailabilityZone);
                let page = request.set_next_token(pages.token.clone()).send().await.map_err(trouble)?;
                for offering in page.instance_type_offerings() {
                    if let (Some(name), Some(zone)) = (offering.instance_type(), offering.location()) {
                        found.insert((InstanceType::from(name.as_str()), Zone::from(zone)));
                    }
                }
                if !pages.turn(page.next_token())? {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Tries to read spot prices.
    pub(in crate::aws) async fn try_spot_prices(&self) -> Tried {
        self.client.describe_spot_price_history().dry_run(true).send().await.map_err(trouble).map(drop)
    }

    /// Tries to read spot requests.
    pub(in crate::aws) async fn try_spot_requests(&self, owner: &str) -> Tried {
        let request = self.client.describe_spot_instance_requests().dry_run(true);
        let ours = filter(format!("tag:{OWNER_TAG}"), [owner.to_owned()]);
        request.filters(ours).send().await.map_err(trouble).map(drop)
    }

    /// Tries a launch by `RunInstances`.
    pub(in crate::aws) async fn try_run(&self, spec: &AwsSpec, launch: &LaunchCall<'_>) -> Tried {
        // Without a token of ours: it must not stand for a launch that is meant.
        let request = self.run_request(spec, launch).set_client_token(None);
        request.dry_run(true).send().await.map_err(trouble).map(drop)
    }

    /// Tries a launch by `CreateFleet`, from a template that is there.
    pub(in crate::aws) async fn try_fleet(&self, template: &str, launch: &LaunchCall<'_>) -> Tried {
        let request = self.fleet_request(template, launch).set_client_token(None);
        request.dry_run(true).send().await.map_err(trouble).map(drop)
    }

    /// Tries to make a template.
    pub(in crate::aws) async fn try_template(&self, name: &str, owner: &str, spec: &AwsSpec) -> Tried {
        self.template_request(name, owner, spec).dry_run(true).send().await.map_err(trouble).map(drop)
    }

    /// Tries to delete a template.
    pub(in crate::aws) async fn try_delete_template(&self, name: &str) -> Tried {
        let request = self.client.delete_launch_template().launch_template_name(name);
        request.dry_run(true).send().await.map_err(trouble).map(drop)
    }

    /// Tries to end a machine.
    pub(in crate::aws) async fn try_terminate(&self, id: &str) -> Tried {
        self.client.terminate_instances().instance_ids(id).dry_run(true).send().await.map_err(trouble).map(drop)
    }
}

impl Queue {
    /// What the queue does with messages that were received often: its redrive policy, if it has one.
    pub(in crate::aws) async fn redrive(&self) -> Result<Option<String>, Trouble> {
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(QueueAttributeName::RedrivePolicy).send().await.map_err(trouble)?;
        Ok(answer.attributes().and_then(|all| all.get(&QueueAttributeName::RedrivePolicy)).cloned())
    }

    /// Receives a message and leaves it where it is: it is not hidden from others for a moment.
    pub(in crate::aws) async fn peek(&self) -> Tried {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(1);
        request.wait_time_seconds(0).visibility_timeout(0).send().await.map_err(trouble).map(drop)
    }
}
