//! Every permission that the calls in here need: the one list that the minimal policy is made of. A test reads the
//! sources and holds that it names every call, and none that is not made.

/// A permission, and the calls that need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::aws) struct Action {
    /// Its name in a policy.
    pub(in crate::aws) name: &'static str,
    /// The SDK's operations that need it; none for one that EC2 asks for on behalf of another.
    pub(in crate::aws) operations: &'static [&'static str],
    /// On what it is needed.
    pub(in crate::aws) grant: Grant,
}

/// On what a permission is needed: which statement of the policy it is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::aws) enum Grant {
    /// A reading of the daemon. AWS knows no narrower resource for these than all.
    Read,
    /// A reading that only `doctor` makes.
    Examine,
    /// Launches of machines with our tag.
    Launch,
    /// Requests of a fleet, from templates.
    Fleet,
    /// Launch templates with our tag are made.
    MakeTemplate,
    /// Launch templates with our tag are deleted.
    DeleteTemplate,
    /// Listings of launch templates.
    ReadTemplates,
    /// Our tags are given in a launch, and at no other time.
    Tag,
    /// Machines with our tag are ended.
    End,
    /// The queue of interruption warnings.
    Queue,
    /// Any queue whose messages are counted.
    Depth,
    /// A role is passed to a machine, by an instance profile.
    PassRole,
    /// An image is named by a parameter (`resolve:ssm:`).
    Parameter,
}

const fn action(name: &'static str, operations: &'static [&'static str], grant: Grant) -> Action {
    Action { name, operations, grant }
}

/// Every permission. Source of the names: Service Authorization Reference, of EC2, SQS and the Price List.
pub(in crate::aws) const ACTIONS: &[Action] = &[
    action("ec2:DescribeInstances", &["describe_instances"], Grant::Read),
    action("ec2:DescribeInstanceTypes", &["describe_instance_types"], Grant::Read),
    action("ec2:DescribeSpotPriceHistory", &["describe_spot_price_history"], Grant::Read),
    action("ec2:DescribeSpotInstanceRequests", &["describe_spot_instance_requests"], Grant::Read),
    action("ec2:GetSpotPlacementScores", &["get_spot_placement_scores"], Grant::Read),
    action("pricing:GetProducts", &["get_products"], Grant::Read),
    action("ec2:DescribeRegions", &["describe_regions"], Grant::Examine),
    action("ec2:DescribeAvailabilityZones", &["describe_availability_zones"], Grant::Read),
    action("ec2:DescribeImages", &["describe_images"], Grant::Examine),
    action("ec2:DescribeSubnets", &["describe_subnets"], Grant::Examine),
    action("ec2:DescribeSecurityGroups", &["describe_security_groups"], Grant::Examine),
    action("ec2:DescribeKeyPairs", &["describe_key_pairs"], Grant::Examine),
    action("ec2:DescribeInstanceTypeOfferings", &["describe_instance_type_offerings"], Grant::Examine),
    // Also asked for by a fleet request, on behalf of who makes it.
    action("ec2:RunInstances", &["run_instances"], Grant::Launch),
    action("ec2:CreateFleet", &["create_fleet"], Grant::Fleet),
    action("ec2:CreateLaunchTemplate", &["create_launch_template"], Grant::MakeTemplate),
    action("ec2:DeleteLaunchTemplate", &["delete_launch_template"], Grant::DeleteTemplate),
    action("ec2:DescribeLaunchTemplates", &["describe_launch_templates"], Grant::ReadTemplates),
    action("ec2:CreateTags", &[], Grant::Tag),
    action("ec2:TerminateInstances", &["terminate_instances"], Grant::End),
    action("sqs:ReceiveMessage", &["receive_message"], Grant::Queue),
    action("sqs:DeleteMessage", &["delete_message_batch"], Grant::Queue),
    action("sqs:GetQueueAttributes", &["get_queue_attributes"], Grant::Depth),
    action("iam:PassRole", &[], Grant::PassRole),
    action("ssm:GetParameters", &[], Grant::Parameter),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::ACTIONS;

    /// The SDK operations that a source calls: what stands behind `client`, whatever white space is between.
    fn called(source: &str) -> BTreeSet<String> {
        let calls = source.split("self").skip(1).filter_map(|rest| {
            let call = rest.trim_start().strip_prefix(".client")?.trim_start().strip_prefix('.')?;
            let name: String = call.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            call[name.len()..].starts_with("()").then_some(name)
        });
        calls.collect()
    }

    #[test]
    fn every_call_on_the_wire_has_its_permission_and_no_permission_is_without_its_call() {
        let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/wire");
        let mut files = vec![wire.with_extension("rs")];
        files.extend(std::fs::read_dir(wire).unwrap().map(|entry| entry.unwrap().path()));
        let made: BTreeSet<String> =
            files.iter().flat_map(|file| called(&std::fs::read_to_string(file).unwrap())).collect();
        let listed: BTreeSet<String> =
            ACTIONS.iter().flat_map(|action| action.operations).map(|name| (*name).to_owned()).collect();
        assert!(made.len() > 20, "the sources are read: {made:?}");
        assert_eq!(made, listed);
    }

    #[test]
    fn every_way_to_write_a_call_is_found() {
        let source = "self.client.run_instances()\n self\n    .client\n    .describe_images()\n self.client.clone";
        assert_eq!(called(source).into_iter().collect::<Vec<_>>(), ["describe_images", "run_instances"]);
    }

    #[test]
    fn no_client_is_called_but_through_self() {
        // Else the scan above would miss it.
        let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/wire");
        for entry in std::fs::read_dir(wire).unwrap() {
            let path = entry.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            let is_client = |rest: &&str| !rest.starts_with('_');
            let mentions = code.split(".client").skip(1).filter(is_client).count();
            let after_self = code.split("self").skip(1).filter_map(|rest| rest.trim_start().strip_prefix(".client"));
            let through_self = after_self.filter(is_client).count();
            assert_eq!(mentions, through_self, "{}", path.display());
        }
    }
}
