//! The calls that make machines, and launch templates.

use aws_sdk_ec2::operation::create_fleet::builders::CreateFleetFluentBuilder;
use aws_sdk_ec2::operation::create_launch_template::builders::CreateLaunchTemplateFluentBuilder;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    DefaultTargetCapacityType, FleetLaunchTemplateConfigRequest, FleetLaunchTemplateOverridesRequest,
    FleetLaunchTemplateSpecificationRequest, FleetOnDemandAllocationStrategy, FleetType,
    IamInstanceProfileSpecification, InstanceInterruptionBehavior, InstanceMarketOptionsRequest, InstanceType,
    LaunchTemplateIamInstanceProfileSpecificationRequest, LaunchTemplateTagSpecificationRequest, MarketType,
    OnDemandOptionsRequest, Placement, RequestLaunchTemplateData, ResourceType, ShutdownBehavior,
    SpotAllocationStrategy, SpotInstanceInterruptionBehavior, SpotInstanceType, SpotMarketOptions, SpotOptionsRequest,
    Tag, TagSpecification, TargetCapacitySpecificationRequest,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policies::model::{Market, Pool};

use super::{Ec2, Pages, filter, trouble, unreadable};
use crate::aws::failure::Trouble;
use crate::aws::translate::{LaunchAnswer, OWNER_TAG, Tags, volume_tags};
use crate::spec::AwsSpec;

/// The only version of our templates: another content has another name.
const ONLY_VERSION: &str = "1";
/// The most templates on a page.
const TEMPLATE_PAGE: i32 = 200;

/// One launch call.
pub(in crate::aws) struct LaunchCall<'a> {
    /// The client token.
    pub(in crate::aws) token: &'a str,
    /// Where.
    pub(in crate::aws) pool: &'a Pool,
    /// In which subnet; `None`: the default one of the zone.
    pub(in crate::aws) subnet: Option<&'a str>,
    /// How many at most.
    pub(in crate::aws) count: u32,
    /// Tags of the machines.
    pub(in crate::aws) tags: &'a Tags,
}

impl Ec2 {
    /// Launches by `CreateFleet` of type `instant`, from a template.
    pub(in crate::aws) async fn create_fleet(
        &self,
        template: &str,
        launch: &LaunchCall<'_>,
    ) -> Result<LaunchAnswer, Trouble> {
        let answer = self.fleet_request(template, launch).send().await.map_err(trouble)?;
        let said = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(LaunchAnswer {
            ids: answer.instances().iter().flat_map(|group| group.instance_ids()).cloned().collect(),
            errors: answer.errors().iter().map(|e| (said(e.error_code()), said(e.error_message()))).collect(),
        })
    }

    /// What [`Self::create_fleet`] sends.
    pub(super) fn fleet_request(&self, template: &str, launch: &LaunchCall<'_>) -> CreateFleetFluentBuilder {
        let place = FleetLaunchTemplateOverridesRequest::builder()
            .instance_type(InstanceType::from(launch.pool.instance_type().as_str()))
            // Named beside the subnet, so that errors name the zone.
            .availability_zone(launch.pool.zone().as_str())
            .set_subnet_id(launch.subnet.map(str::to_owned))
            .build();
        let config = FleetLaunchTemplateConfigRequest::builder()
            .launch_template_specification(
                FleetLaunchTemplateSpecificationRequest::builder()
                    .launch_template_name(template)
                    .version(ONLY_VERSION)
                    .build(),
            )
            .overrides(place)
            .build();
        let market = match launch.pool.market() {
            Market::Spot => DefaultTargetCapacityType::Spot,
            Market::OnDemand => DefaultTargetCapacityType::OnDemand,
        };
        let request = self
            .client
            .create_fleet()
            .r#type(FleetType::Instant)
            .client_token(launch.token)
            .launch_template_configs(config)
            .target_capacity_specification(
                TargetCapacitySpecificationRequest::builder()
                    .total_target_capacity(signed(launch.count))
                    .default_target_capacity_type(market)
                    .build(),
            )
            .tag_specifications(tagged(ResourceType::Instance, launch.tags))
            .tag_specifications(tagged(ResourceType::Volume, &volume_tags(launch.tags)));
        // No price cap: it would only raise the frequency of interruptions. Pools that are too dear are not asked for.
        match launch.pool.market() {
            // EC2's default strategy is lowest-price, which AWS advises against; one pool leaves nothing to choose,
            // but the request says what is meant.
            Market::Spot => request.spot_options(
                SpotOptionsRequest::builder()
                    .allocation_strategy(SpotAllocationStrategy::PriceCapacityOptimized)
                    .instance_interruption_behavior(SpotInstanceInterruptionBehavior::Terminate)
                    .build(),
            ),
            Market::OnDemand => request.on_demand_options(
                OnDemandOptionsRequest::builder()
                    .allocation_strategy(FleetOnDemandAllocationStrategy::LowestPrice)
                    .build(),
            ),
        }
    }

    /// Launches by `RunInstances`: needs no template.
    pub(in crate::aws) async fn run_instances(
        &self,
        spec: &AwsSpec,
        launch: &LaunchCall<'_>,
    ) -> Result<LaunchAnswer, Trouble> {
        let answer = self.run_request(spec, launch).send().await.map_err(trouble)?;
        let ids = answer.instances().iter().filter_map(|instance| instance.instance_id().map(str::to_owned));
        Ok(LaunchAnswer { ids: ids.collect(), errors: Vec::new() })
    }

    /// What [`Self::run_instances`] sends.
    pub(super) fn run_request(&self, spec: &AwsSpec, launch: &LaunchCall<'_>) -> RunInstancesFluentBuilder {
        let AwsSpec { image, subnets: _, security_groups, instance_profile, key_name, user_data, tags: _ } = spec;
        // A subnet is in one zone; without one the zone's default subnet is meant.
        let zone = Placement::builder().availability_zone(launch.pool.zone().as_str()).build();
        let profile =
            instance_profile.as_ref().map(|name| IamInstanceProfileSpecification::builder().name(name).build());
        let mut request = self
            .client
            .run_instances()
            .client_token(launch.token)
            .image_id(image)
            .instance_type(InstanceType::from(launch.pool.instance_type().as_str()))
            // As many as there is room for.
            .min_count(1)
            .max_count(signed(launch.count))
            .set_subnet_id(launch.subnet.map(str::to_owned))
            .set_placement(launch.subnet.is_none().then_some(zone))
            .set_security_group_ids(some_of(security_groups))
            .set_iam_instance_profile(profile)
            .set_key_name(key_name.clone())
            .set_user_data(user_data.as_ref().map(|text| STANDARD.encode(text)))
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .tag_specifications(tagged(ResourceType::Instance, launch.tags))
            .tag_specifications(tagged(ResourceType::Volume, &volume_tags(launch.tags)));
        if launch.pool.market() == Market::Spot {
            let one_time = SpotMarketOptions::builder()
                .spot_instance_type(SpotInstanceType::OneTime)
                .instance_interruption_behavior(InstanceInterruptionBehavior::Terminate)
                .build();
            request = request
                .instance_market_options(
                    InstanceMarketOptionsRequest::builder()
                        .market_type(MarketType::Spot)
                        .spot_options(one_time)
                        .build(),
                )
                .tag_specifications(tagged(ResourceType::SpotInstancesRequest, launch.tags));
        }
        request
    }

    /// Makes a template.
    ///
    /// # Errors
    /// Among others `InvalidLaunchTemplateName.AlreadyExistsException`.
    pub(in crate::aws) async fn create_template(&self, name: &str, owner: &str, spec: &AwsSpec) -> Result<(), Trouble> {
        self.template_request(name, owner, spec).send().await.map_err(trouble)?;
        Ok(())
    }

    /// What [`Self::create_template`] sends.
    pub(super) fn template_request(
        &self,
        name: &str,
        owner: &str,
        spec: &AwsSpec,
    ) -> CreateLaunchTemplateFluentBuilder {
        let AwsSpec { image, subnets: _, security_groups, instance_profile, key_name, user_data, tags: _ } = spec;
        let ours = tag(OWNER_TAG, owner);
        let profile = instance_profile
            .as_ref()
            .map(|name| LaunchTemplateIamInstanceProfileSpecificationRequest::builder().name(name).build());
        let content = RequestLaunchTemplateData::builder()
            .image_id(image)
            .set_security_group_ids(some_of(security_groups))
            .set_iam_instance_profile(profile)
            .set_key_name(key_name.clone())
            .set_user_data(user_data.as_ref().map(|text| STANDARD.encode(text)))
            // A worker that shuts itself down shall be gone, not stopped and still paid for.
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            // A fleet request cannot tag its spot requests; the template can. They are polled by this tag.
            .tag_specifications(
                LaunchTemplateTagSpecificationRequest::builder()
                    .resource_type(ResourceType::SpotInstancesRequest)
                    .tags(ours.clone())
                    .build(),
            )
            .build();
        self.client
            .create_launch_template()
            // No token of ours: the name is what makes it one, and a token would bring back a deleted template.
            .launch_template_name(name)
            .version_description("made by spotfleet; removed when no fleet uses it")
            .launch_template_data(content)
            .tag_specifications(
                TagSpecification::builder().resource_type(ResourceType::LaunchTemplate).tags(ours).build(),
            )
    }

    /// The names of all templates with this owner tag.
    pub(in crate::aws) async fn templates(&self, owner: &str) -> Result<Vec<String>, Trouble> {
        let mut names = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .client
                .describe_launch_templates()
                .filters(filter(format!("tag:{OWNER_TAG}"), [owner.to_owned()]))
                .max_results(TEMPLATE_PAGE)
                .set_next_token(pages.token.clone())
                .send()
                .await
                .map_err(trouble)?;
            for template in page.launch_templates() {
                // As with machines: the filter knows wildcards.
                if template.tags().iter().any(|tag| tag.key() == Some(OWNER_TAG) && tag.value() == Some(owner)) {
                    let name = template.launch_template_name();
                    names.push(name.ok_or_else(|| unreadable("a listed template has no name"))?.to_owned());
                }
            }
            if !pages.turn(page.next_token())? {
                return Ok(names);
            }
        }
    }

    /// Deletes a template.
    pub(in crate::aws) async fn delete_template(&self, name: &str) -> Result<(), Trouble> {
        self.client.delete_launch_template().launch_template_name(name).send().await.map_err(trouble)?;
        Ok(())
    }
}

fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// EC2 takes "no list" for the default group, and refuses an empty one.
fn some_of(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn tagged(resource: ResourceType, tags: &Tags) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
    TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
}
