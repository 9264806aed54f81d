//! The minimal IAM policy of a daemon, made of the permissions that its calls need.
//!
//! What makes or ends machines is bound to our owner tag: a machine or template without it cannot be touched with this
//! policy, and none can be launched without it. Readings of EC2 know no narrower resource than all.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::translate::OWNER_TAG;
use super::wire::{ACTIONS, Grant};
use super::{LaunchApi, region_of_queue};

/// What a policy is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyScope {
    /// Value of the owner tag.
    pub owner: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'static str,
    /// Which call launches.
    pub launch_api: LaunchApi,
    /// URLs of the queues of interruption warnings.
    pub interruption_queues: BTreeSet<String>,
    /// URLs of the queues whose messages are counted as demand.
    pub demand_queues: BTreeSet<String>,
    /// Instance profiles of the machines. Their roles are taken to have the same names, as the console makes them.
    pub profiles: BTreeSet<String>,
    /// Images that are named by a parameter (`resolve:ssm:NAME`).
    pub parameters: BTreeSet<String>,
}

impl PolicyScope {
    /// For this owner, without queues, profiles and parameters.
    #[must_use]
    pub fn new(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            partition: "aws",
            launch_api: LaunchApi::default(),
            interruption_queues: BTreeSet::new(),
            demand_queues: BTreeSet::new(),
            profiles: BTreeSet::new(),
            parameters: BTreeSet::new(),
        }
    }
}

/// The partition that a region is in.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Resources of EC2 that a launch makes and that take our tags in it.
const TAGGED: [&str; 2] = ["instance", "volume"];

/// Resources of EC2 that a launch uses, or makes without our tags.
const USED: [&str; 8] = [
    "image",
    "snapshot",
    "subnet",
    "security-group",
    "key-pair",
    "network-interface",
    "launch-template",
    "spot-instances-request",
];

/// The policy, as IAM takes it.
#[must_use]
pub fn iam_policy(scope: &PolicyScope) -> Value {
    let ec2 = |kinds: &[&str]| -> Vec<String> {
        // Images and snapshots have no account in their names.
        let of = |kind: &str| match kind {
            "image" | "snapshot" => format!("arn:{}:ec2:*::{kind}/*", scope.partition),
            _ => format!("arn:{}:ec2:*:*:{kind}/*", scope.partition),
        };
        kinds.iter().map(|kind| of(kind)).collect()
    };
    let queues = |urls: &BTreeSet<String>| urls.iter().map(|url| queue_arn(scope.partition, url)).collect::<Vec<_>>();
    let owner = scope.owner.as_str();
    let asked = format!("aws:RequestTag/{OWNER_TAG}");
    let has = format!("aws:ResourceTag/{OWNER_TAG}");
    let new = json!({"StringEquals": {asked.as_str(): owner}});
    let ours = json!({"StringEquals": {has.as_str(): owner}});
    let no_condition = Value::Null;
    let in_a_launch = json!({"StringEquals": {
        asked.as_str(): owner,
        "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
    }});
    let to_ec2 = json!({"StringEquals": {"iam:PassedToService": service(scope.partition)}});
    let named = |service: &str, kind: &str, names: &BTreeSet<String>| -> Vec<String> {
        let place = if service == "iam" { "" } else { "*" };
        let name = |name: &String| format!("arn:{}:{service}:{place}:*:{kind}/{name}", scope.partition);
        names.iter().map(name).collect()
    };
    let parameters = scope.parameters.iter().map(|p| p.trim_start_matches('/').to_owned()).collect();
    let all = || vec!["*".to_owned()];
    let with_templates = scope.launch_api == LaunchApi::CreateFleet;
    let mut statements = Vec::new();
    let mut allow = |sid: &str, grants: &[Grant], resources: Vec<String>, condition: &Value| {
        let names: Vec<&str> = ACTIONS.iter().filter(|a| grants.contains(&a.grant)).map(|a| a.name).collect();
        if resources.is_empty() || names.is_empty() {
            return;
        }
        let mut statement = json!({"Sid": sid, "Effect": "Allow", "Action": names, "Resource": resources});
        if !condition.is_null() {
            statement["Condition"] = condition.clone();
        }
        statements.push(statement);
    };
    allow("Read", &[Grant::Read], all(), &no_condition);
    allow("DoctorReads", &[Grant::Examine], all(), &no_condition);
    allow("LaunchOurs", &[Grant::Launch], ec2(&TAGGED), &new);
    allow("LaunchWith", &[Grant::Launch], ec2(&USED), &no_condition);
    if with_templates {
        let with: Vec<&str> = TAGGED.iter().chain(&USED).copied().chain(["fleet"]).collect();
        allow("RequestFleets", &[Grant::Fleet], ec2(&with), &no_condition);
        allow("ReadTemplates", &[Grant::ReadTemplates], all(), &no_condition);
        allow("MakeOurTemplates", &[Grant::MakeTemplate], ec2(&["launch-template"]), &new);
        allow("DeleteOurTemplates", &[Grant::DeleteTemplate], ec2(&["launch-template"]), &ours);
    }
    let tagged = ["instance", "volume", "spot-instances-request", "launch-template"];
    let tagged = if with_templates { &tagged[..] } else { &tagged[..3] };
    allow("TagInALaunch", &[Grant::Tag], ec2(tagged), &in_a_launch);
    allow("EndOurs", &[Grant::End], ec2(&["instance"]), &ours);
    allow("InterruptionQueues", &[Grant::Queue, Grant::Depth], queues(&scope.interruption_queues), &no_condition);
    allow("DemandQueues", &[Grant::Depth], queues(&scope.demand_queues), &no_condition);
    allow("PassRoles", &[Grant::PassRole], named("iam", "role", &scope.profiles), &to_ec2);
    allow("ReadImageParameters", &[Grant::Parameter], named("ssm", "parameter", &parameters), &no_condition);
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// EC2's own name in a policy.
fn service(partition: &str) -> &'static str {
    if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" }
}

/// The name of the queue at a URL: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. What the URL does not say is any.
fn queue_arn(partition: &str, url: &str) -> String {
    let region = region_of_queue(url);
    let region = region.as_ref().map_or("*", |region| region.as_str());
    let mut path = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').skip(1);
    let (account, name) = (path.next().unwrap_or("*"), path.next().unwrap_or("*"));
    format!("arn:{partition}:sqs:{region}:{account}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> PolicyScope {
        let set = |one: &str| BTreeSet::from([one.to_owned()]);
        PolicyScope {
            interruption_queues: set("https://sqs.eu-west-1.amazonaws.com/123456789012/warnings"),
            demand_queues: set("https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"),
            profiles: set("worker"),
            parameters: set("/aws/service/ami"),
            ..PolicyScope::new("me")
        }
    }

    fn statement<'p>(policy: &'p Value, sid: &str) -> Option<&'p Value> {
        policy["Statement"].as_array().unwrap().iter().find(|s| s["Sid"] == sid)
    }

    #[test]
    fn every_permission_is_granted_once_it_is_needed() {
        let policy = iam_policy(&scope());
        let granted: BTreeSet<&str> = policy["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|s| s["Action"].as_array().unwrap())
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(granted, ACTIONS.iter().map(|a| a.name).collect());
    }

    #[test]
    fn what_makes_or_ends_is_bound_to_our_tag() {
        let policy = iam_policy(&scope());
        for (sid, key) in [
            ("LaunchOurs", "aws:RequestTag/spotfleet:owner"),
            ("MakeOurTemplates", "aws:RequestTag/spotfleet:owner"),
            ("TagInALaunch", "aws:RequestTag/spotfleet:owner"),
            ("EndOurs", "aws:ResourceTag/spotfleet:owner"),
            ("DeleteOurTemplates", "aws:ResourceTag/spotfleet:owner"),
        ] {
            assert_eq!(statement(&policy, sid).unwrap()["Condition"]["StringEquals"][key], "me", "{sid}");
        }
        // Tags are given in a launch only: a machine of somebody else cannot be made ours.
        let tag = statement(&policy, "TagInALaunch").unwrap();
        assert_eq!(tag["Condition"]["StringEquals"]["ec2:CreateAction"].as_array().unwrap().len(), 3);
        for statement in policy["Statement"].as_array().unwrap() {
            let reads = |action: &str| {
                ["Describe", "Get"].iter().any(|verb| action.split(':').nth(1).is_some_and(|a| a.starts_with(verb)))
            };
            let only_reads = statement["Action"].as_array().unwrap().iter().filter_map(Value::as_str).all(reads);
            assert!(only_reads || statement["Resource"] != json!(["*"]), "{statement}");
        }
    }

    #[test]
    fn what_a_fleet_file_does_not_need_is_not_granted() {
        let bare = PolicyScope { launch_api: LaunchApi::RunInstances, ..PolicyScope::new("me") };
        let policy = iam_policy(&bare);
        let text = policy.to_string();
        for absent in ["sqs:", "iam:", "ssm:", "CreateFleet\"", "LaunchTemplate\""] {
            let in_conditions = text.replace(r#"["RunInstances","CreateFleet","CreateLaunchTemplate"]"#, "");
            assert!(!in_conditions.contains(absent), "{absent}: {text}");
        }
    }

    #[test]
    fn resources_are_named_by_partition_and_queue() {
        let mut china = scope();
        china.partition = partition("cn-north-1");
        china.interruption_queues = BTreeSet::from(["http://127.0.0.1:5000/123456789012/q".to_owned()]);
        let policy = iam_policy(&china);
        assert_eq!(statement(&policy, "EndOurs").unwrap()["Resource"], json!(["arn:aws-cn:ec2:*:*:instance/*"]));
        let queues = &statement(&policy, "InterruptionQueues").unwrap()["Resource"];
        assert_eq!(*queues, json!(["arn:aws-cn:sqs:*:123456789012:q"]));
        let roles = statement(&policy, "PassRoles").unwrap();
        assert_eq!(roles["Resource"], json!(["arn:aws-cn:iam::*:role/worker"]));
        assert_eq!(roles["Condition"]["StringEquals"]["iam:PassedToService"], "ec2.amazonaws.com.cn");
        let parameters = &statement(&policy, "ReadImageParameters").unwrap()["Resource"];
        assert_eq!(*parameters, json!(["arn:aws-cn:ssm:*:*:parameter/aws/service/ami"]));
        assert_eq!(partition("us-gov-west-1"), "aws-us-gov");
        assert_eq!(queue_arn("aws", "https://sqs.eu-west-1.amazonaws.com/1/q"), "arn:aws:sqs:eu-west-1:1:q");
    }
}
