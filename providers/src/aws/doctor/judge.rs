//! From AWS's answers to findings. Pure: no calls, no clock.

use std::collections::{BTreeMap, BTreeSet};

use policies::failure::FailureKind;
use policies::model::{InstanceType, Market, Pool, Zone};
use policies::units::Time;

use super::super::failure::{self, Stage, Trouble};
use super::super::wire::{self, ImageFact, Regional, SubnetFact, Tried, TypeFact, ZoneFact};
use crate::doctor::{Check, Finding, Verdict};

/// The place of what is about the account and no region.
pub(super) const ACCOUNT: &str = "account";

/// How to get a permission.
const POLICY_HINT: &str = "allow it to the daemon's user or role: `spotfleet doctor aws --iam-policy` prints a policy";

/// Fewer free addresses than this are soon used up by a fleet that grows.
const FEW_ADDRESSES: i32 = 16;

/// The role that EC2 needs for spot machines, and how to look for it and make it.
const SPOT_ROLE: &str = "AWSServiceRoleForEC2Spot";
const SPOT_ROLE_LOOK: &str = "`aws iam get-role --role-name AWSServiceRoleForEC2Spot` looks for it";
const SPOT_ROLE_MAKE: &str = "`aws iam create-service-linked-role --aws-service-name spot.amazonaws.com` makes it, once \
                              an account";

/// An answer to a question.
pub(super) type Asked<T> = Result<T, Trouble>;

/// That credentials are missing, over, or refused, if the answer says so for certain.
pub(super) fn credentials(trouble: &Trouble) -> Option<Finding> {
    let problem = |text: &str, hint: &str| {
        Some(Finding::new(Verdict::Problem, ACCOUNT, Check::Credentials, "-", text).mend(hint))
    };
    if trouble.stage == Stage::NoCredentials {
        let text = format!("there are none: {}", trouble.message);
        let hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile with AWS_PROFILE, or give the control \
                    host an instance profile";
        return problem(&text, hint);
    }
    match trouble.code.as_deref()? {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => problem(
            "they have expired",
            "renew them, for example by `aws sso login`; if they are new, set the host's clock right",
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" => problem(
            "AWS does not know this access key",
            "it may be deleted, inactive, or of another partition: `aws sts get-caller-identity` tells whose it is",
        ),
        "SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignatureException" => {
            problem("the signature was refused", "check the secret key and the host's clock")
        }
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            problem("the request was not signed", "check what AWS_PROFILE and the files in ~/.aws say")
        }
        "PendingVerification" | "Blocked" => problem(&trouble.message, "AWS Support can tell why"),
        _ => None,
    }
}

/// That AWS takes the credentials.
pub(super) fn credentials_taken() -> Finding {
    Finding::new(Verdict::Ok, ACCOUNT, Check::Credentials, "-", "AWS takes them")
}

/// True when the answer says that we are known, and may not ask this.
pub(super) fn is_denied(trouble: &Trouble) -> bool {
    let code = trouble.code.as_deref().unwrap_or_default();
    matches!(code, "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException")
}

/// That a region answers.
pub(super) fn region_open(region: &str) -> Finding {
    Finding::new(Verdict::Ok, region, Check::Region, region, "it exists, and the account uses it")
}

/// Why a region does not answer as it should; `known` is what another region says.
pub(super) fn region_closed(region: &str, trouble: &Trouble, known: &Asked<Vec<Regional>>) -> Finding {
    let problem = |text: String| Finding::new(Verdict::Problem, region, Check::Region, region, text);
    let said = text(trouble);
    let known = match known {
        Ok(known) => known,
        Err(other) => {
            let refused = |code: &Option<String>| code.as_deref() == Some("AuthFailure");
            if let Some(finding) = credentials(other) {
                return finding;
            }
            if refused(&trouble.code) && refused(&other.code) {
                let text = "AWS refuses these credentials";
                let hint = "`aws sts get-caller-identity` tells whose they are";
                return Finding::new(Verdict::Problem, ACCOUNT, Check::Credentials, "-", text).mend(hint);
            }
            return problem(format!("it cannot be asked: {said}"))
                .mend("check the host's network, `endpoint_url` and AWS_ENDPOINT_URL");
        }
    };
    match known.iter().find(|other| other.name == region) {
        None => {
            let group = region.split('-').next().unwrap_or_default();
            let alike: Vec<_> = known.iter().map(|r| r.name.as_str()).filter(|n| n.starts_with(group)).collect();
            let these = if alike.is_empty() { "none begins alike".to_owned() } else { alike.join(", ") };
            problem("AWS has no region of this name".to_owned()).mend(format!("regions that begin alike: {these}"))
        }
        Some(Regional { enabled: false, .. }) => problem("the account does not use it yet".to_owned())
            .mend(format!("`aws account enable-region --region-name {region}` opts in; it takes some minutes")),
        Some(_) => problem(format!("it exists, and cannot be asked: {said}"))
            .mend("check the host's network, `endpoint_url` and AWS_ENDPOINT_URL"),
    }
}

/// That the zones in use exist and are used by the account.
pub(super) fn zones(region: &str, wanted: &BTreeSet<Zone>, asked: &Asked<Vec<ZoneFact>>) -> Vec<Finding> {
    let found = match asked {
        Ok(found) => found,
        Err(trouble) => {
            let all = wanted.iter().map(Zone::as_str).collect::<Vec<_>>().join(", ");
            return vec![unasked(region, Check::Zone, &all, "ec2:DescribeAvailabilityZones", trouble)];
        }
    };
    let judge = |zone: &Zone| {
        let about = |verdict, text: &str| Finding::new(verdict, region, Check::Zone, zone.as_str(), text);
        match found.iter().find(|fact| fact.name == *zone) {
            None => {
                let names = found.iter().filter(|f| f.enabled).map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
                about(Verdict::Problem, "the region has no zone of this name").mend(format!("there are {names}"))
            }
            Some(fact) if !fact.enabled => about(Verdict::Problem, "the account does not use it yet").mend(format!(
                "`aws ec2 modify-availability-zone-group --group-name ... --opt-in-status opted-in --region {region}`"
            )),
            Some(fact) if fact.state != "available" => {
                about(Verdict::Warning, &format!("AWS says that it is {}", fact.state))
            }
            Some(_) => about(Verdict::Ok, "it exists"),
        }
    };
    wanted.iter().map(judge).collect()
}

/// That a call is allowed, by a dry run or by having made it.
pub(super) fn permission(region: &str, name: &str, tried: &Tried) -> Finding {
    let about = |verdict, text: String| Finding::new(verdict, region, Check::Permission, name, text);
    match tried {
        Ok(()) => about(Verdict::Ok, "allowed".to_owned()),
        Err(trouble) if would_work(trouble) => about(Verdict::Ok, "allowed, says a dry run".to_owned()),
        Err(trouble) if judged(trouble) == FailureKind::Denied => {
            about(Verdict::Problem, format!("denied: {}", text(trouble))).mend(POLICY_HINT)
        }
        Err(trouble) => about(Verdict::NotChecked, format!("the answer tells nothing: {}", text(trouble)))
            .mend("run the check again"),
    }
}

/// That a permission cannot be tried without something that is not there.
pub(super) fn untried(region: &str, name: &str, why: &str) -> Finding {
    let hint = "run the check again when there is one; `spotfleet doctor aws --iam-policy` prints the permission";
    Finding::new(Verdict::NotChecked, region, Check::Permission, name, why).mend(hint)
}

/// A launch that was tried.
pub(super) struct Launch<'a> {
    pub(super) pool: &'a Pool,
    pub(super) profile: Option<&'a str>,
    pub(super) tried: &'a Tried,
}

/// That a launch as it is written would be taken, and what that says of permissions, profile, role and quota.
pub(super) fn launch(region: &str, launch: &Launch<'_>) -> Vec<Finding> {
    const RUN: &str = "ec2:RunInstances";
    let Launch { pool, profile, tried } = launch;
    let subject = format!("{} in {}, {}", pool.instance_type(), pool.zone(), pool.market());
    let about = |verdict, text: String| Finding::new(verdict, region, Check::Launch, &subject, text);
    let of_profile = |taken: bool, name: &str| {
        let about = |verdict, text| Finding::new(verdict, region, Check::InstanceProfile, name, text);
        if taken {
            about(Verdict::Ok, "a dry run took it, and may pass its role (iam:PassRole)")
        } else {
            about(Verdict::NotChecked, "no dry run got so far as to tell")
                .mend(format!("`aws iam get-instance-profile --instance-profile-name {name}` looks for it"))
        }
    };
    let mut findings = Vec::new();
    match tried {
        Ok(()) => findings.push(about(Verdict::NotChecked, "the dry run was not taken for one".to_owned())),
        Err(trouble) if would_work(trouble) => {
            findings.push(permission(region, RUN, tried));
            findings.push(about(Verdict::Ok, "it would be taken, with its tags (ec2:CreateTags)".to_owned()));
            findings.extend(profile.map(|name| of_profile(true, name)));
            return findings;
        }
        Err(trouble) if trouble.code.as_deref() == Some("AuthFailure.ServiceLinkedRoleCreationNotPermitted") => {
            let text = "it is not there, and the caller may not make it; no spot machine can be launched";
            findings.push(
                Finding::new(Verdict::Problem, ACCOUNT, Check::ServiceRole, SPOT_ROLE, text).mend(SPOT_ROLE_MAKE),
            );
        }
        Err(trouble) => {
            let said = text(trouble);
            findings.push(match judged(trouble) {
                FailureKind::Denied => {
                    let also = if profile.is_some() {
                        " (or ec2:CreateTags, or iam:PassRole)"
                    } else {
                        " (or ec2:CreateTags)"
                    };
                    let text = format!("denied{also}: {said}");
                    Finding::new(Verdict::Problem, region, Check::Permission, RUN, text).mend(POLICY_HINT)
                }
                FailureKind::Quota => {
                    let text = format!("used up: {said}");
                    Finding::new(Verdict::Problem, region, Check::Quota, pool.market().name(), text)
                        .mend(quota_hint(region))
                }
                FailureKind::Invalid => about(Verdict::Problem, format!("EC2 refuses it: {said}"))
                    .mend("mend `launch` of this pool in the fleet file; other findings may say what is wrong"),
                _ => {
                    about(Verdict::NotChecked, format!("the dry run tells nothing: {said}")).mend("run the check again")
                }
            });
        }
    }
    findings.extend(profile.map(|name| of_profile(false, name)));
    findings
}

/// The role that EC2 needs for spot. That a spot machine of ours is there proves it; nothing else does without IAM.
pub(super) fn service_role(spot_machine: Option<&str>) -> Finding {
    let about = |verdict, text: String| Finding::new(verdict, ACCOUNT, Check::ServiceRole, SPOT_ROLE, text);
    match spot_machine {
        Some(id) => about(Verdict::Ok, format!("it is there: {id} is a spot machine")),
        None => about(Verdict::NotChecked, "only IAM tells, or a first spot machine".to_owned())
            .mend(format!("{SPOT_ROLE_LOOK}; {SPOT_ROLE_MAKE}")),
    }
}

/// Quotas are told by Service Quotas only, which is not asked.
pub(super) fn quota(region: &str, markets: &BTreeSet<Market>) -> Vec<Finding> {
    let judge = |market: &Market| {
        let text = "how many vCPUs the account may run is told by Service Quotas only";
        Finding::new(Verdict::NotChecked, region, Check::Quota, market.name(), text).mend(quota_hint(region))
    };
    markets.iter().map(judge).collect()
}

fn quota_hint(region: &str) -> String {
    format!(
        "`aws service-quotas list-service-quotas --service-code ec2 --region {region} --query \
         \"Quotas[?contains(QuotaName, 'Spot') || contains(QuotaName, 'On-Demand')].[QuotaName, Value]\" --output table` \
         shows them, in vCPUs"
    )
}

/// That an image is there, can be used, and runs on these types.
pub(super) fn image(
    region: &str,
    id: &str,
    asked: Option<&Asked<Option<ImageFact>>>,
    types: &BTreeSet<InstanceType>,
    known: &BTreeMap<InstanceType, TypeFact>,
    now: Time,
) -> Finding {
    let about = |verdict, text: String| Finding::new(verdict, region, Check::Image, id, text);
    let fact = match asked {
        None => {
            let parameter = id.trim_start_matches("resolve:ssm:");
            return about(Verdict::NotChecked, "it is named by a parameter, which EC2 reads at each launch".to_owned())
                .mend(format!("`aws ssm get-parameters --region {region} --names {parameter}` reads it"));
        }
        Some(Err(trouble)) => return unasked(region, Check::Image, id, "ec2:DescribeImages", trouble),
        Some(Ok(None)) => {
            return about(Verdict::Problem, "there is no such image here, or the account may not use it".to_owned())
                .mend("image ids belong to one region: copy it here, or share it with the account");
        }
        Some(Ok(Some(fact))) => fact,
    };
    if fact.state != "available" {
        let hint = if fact.state == "pending" { "wait until it is made" } else { "name another one" };
        return about(Verdict::Problem, format!("it cannot be used: it is {}", fact.state)).mend(hint);
    }
    let unfit: Vec<&str> = types
        .iter()
        .filter(|name| known.get(*name).is_some_and(|t| misfit(&fact.architecture, &t.architectures)))
        .map(InstanceType::as_str)
        .collect();
    if !unfit.is_empty() {
        let architecture = &fact.architecture;
        return about(
            Verdict::Problem,
            format!("it is of {architecture}, and these types are not: {}", unfit.join(", ")),
        )
        .mend("give these types a pool entry of their own, with an image of their architecture");
    }
    if let Some(at) = &fact.deprecated
        && wire::time_of(at).is_some_and(|at| at <= now)
    {
        return about(Verdict::Warning, format!("it is deprecated since {at}"))
            .mend("name a newer one: its owner may withdraw it");
    }
    about(Verdict::Ok, format!("it can be used, on {}", fact.architecture))
}

fn misfit(image: &str, types: &[String]) -> bool {
    !image.is_empty() && !types.is_empty() && !types.iter().any(|one| one == image)
}

/// That the subnets are there, in the zones that they are named for, with room.
pub(super) fn subnets(
    region: &str,
    wanted: &BTreeSet<(String, Zone)>,
    asked: &Asked<BTreeMap<String, SubnetFact>>,
) -> Vec<Finding> {
    let judge = |(id, zone): &(String, Zone)| {
        let about = |verdict, text: String| Finding::new(verdict, region, Check::Subnet, id, text);
        let fact = match asked {
            Err(trouble) => return unasked(region, Check::Subnet, id, "ec2:DescribeSubnets", trouble),
            Ok(found) => match found.get(id) {
                Some(fact) => fact,
                None => {
                    return about(Verdict::Problem, format!("there is no such subnet, which is named for {zone}"))
                        .mend(format!("`aws ec2 describe-subnets --region {region}` lists those that there are"));
                }
            },
        };
        if fact.zone != *zone {
            return about(Verdict::Problem, format!("it is named for {zone}, and is in {}", fact.zone))
                .mend(format!("name it under {} in `launch.subnets`", fact.zone));
        }
        if fact.free < FEW_ADDRESSES {
            let text = format!("it is in {zone}, and has {} free addresses: no more machines than that", fact.free);
            return about(Verdict::Warning, text).mend("name a larger subnet");
        }
        about(Verdict::Ok, format!("it is in {zone}, with {} free addresses", fact.free))
    };
    wanted.iter().map(judge).collect()
}

/// That the security groups are there, in the networks of the subnets that they are used in.
pub(super) fn security_groups(
    region: &str,
    wanted: &BTreeMap<String, BTreeSet<String>>,
    asked: &Asked<BTreeMap<String, String>>,
    subnets: &Asked<BTreeMap<String, SubnetFact>>,
) -> Vec<Finding> {
    let judge = |(id, used_in): (&String, &BTreeSet<String>)| {
        let about = |verdict, text: String| Finding::new(verdict, region, Check::SecurityGroup, id, text);
        let vpc = match asked {
            Err(trouble) => return unasked(region, Check::SecurityGroup, id, "ec2:DescribeSecurityGroups", trouble),
            Ok(found) => match found.get(id) {
                Some(vpc) => vpc,
                None => {
                    return about(Verdict::Problem, "there is no such security group".to_owned())
                        .mend(format!("`aws ec2 describe-security-groups --region {region}` lists them"));
                }
            },
        };
        let network = |subnet: &String| subnets.as_ref().ok().and_then(|all| all.get(subnet)).map(|fact| &fact.vpc);
        if let Some(subnet) = used_in.iter().find(|subnet| network(subnet).is_some_and(|other| other != vpc)) {
            return about(Verdict::Problem, format!("it is in {vpc}, and {subnet} is in another network"))
                .mend("name a security group of the subnet's own network");
        }
        about(Verdict::Ok, format!("it is there, in {vpc}"))
    };
    wanted.iter().map(judge).collect()
}

/// That the key pairs are there.
pub(super) fn key_pairs(region: &str, wanted: &BTreeSet<String>, asked: &Asked<BTreeSet<String>>) -> Vec<Finding> {
    let judge = |name: &String| match asked {
        Err(trouble) => unasked(region, Check::KeyPair, name, "ec2:DescribeKeyPairs", trouble),
        Ok(found) if found.contains(name) => Finding::new(Verdict::Ok, region, Check::KeyPair, name, "it is there"),
        Ok(_) => Finding::new(Verdict::Problem, region, Check::KeyPair, name, "there is no such key pair here")
            .mend("key pairs belong to one region: import it here, or leave `key_name` out"),
    };
    wanted.iter().map(judge).collect()
}

/// That the types are known and offered in the zones and markets of the pools.
pub(super) fn types(
    region: &str,
    pools: &BTreeSet<Pool>,
    known: &Asked<BTreeMap<InstanceType, TypeFact>>,
    offered: &Asked<BTreeSet<(InstanceType, Zone)>>,
) -> Vec<Finding> {
    let names: BTreeSet<&InstanceType> = pools.iter().map(Pool::instance_type).collect();
    let judge = |name: &InstanceType| {
        let about = |verdict, text: String| Finding::new(verdict, region, Check::InstanceType, name.as_str(), text);
        let fact = match known {
            Err(trouble) => {
                return unasked(region, Check::InstanceType, name.as_str(), "ec2:DescribeInstanceTypes", trouble);
            }
            Ok(known) => match known.get(name) {
                Some(fact) => fact,
                None => {
                    return about(Verdict::Problem, "EC2 has no instance type of this name here".to_owned())
                        .mend("check its spelling; some types are not in every region");
                }
            },
        };
        let ours = || pools.iter().filter(|p| p.instance_type() == name);
        for (market, had) in [(Market::Spot, fact.markets.0), (Market::OnDemand, fact.markets.1)] {
            if !had && ours().any(|p| p.market() == market) {
                return about(Verdict::Problem, format!("it cannot be had as {market}"))
                    .mend("take it out of the pools of this fleet, or name another type");
            }
        }
        let offered = match offered {
            Ok(offered) => offered,
            Err(trouble) => {
                let name = name.as_str();
                return unasked(region, Check::InstanceType, name, "ec2:DescribeInstanceTypeOfferings", trouble);
            }
        };
        let zones: BTreeSet<&Zone> = ours().map(Pool::zone).collect();
        let (there, missing): (Vec<&&Zone>, Vec<&&Zone>) =
            zones.iter().partition(|zone| offered.contains(&(name.clone(), (**zone).clone())));
        let list = |zones: &[&&Zone]| zones.iter().map(|z| z.as_str()).collect::<Vec<_>>().join(", ");
        match (there.is_empty(), missing.is_empty()) {
            (_, true) => about(Verdict::Ok, format!("it is offered in {}", list(&there))),
            (true, false) => about(Verdict::Problem, format!("it is offered in none of {}", list(&missing)))
                .mend("name a subnet in another zone, or another type"),
            (false, false) => {
                about(Verdict::Warning, format!("it is offered in {}, not in {}", list(&there), list(&missing)))
                    .mend("its pools in the other zones stay empty")
            }
        }
    };
    names.into_iter().map(judge).collect()
}

/// That the queue of interruption warnings can be read. `peeked` is `None` where that would count against its messages.
pub(super) fn queue(region: &str, url: &str, redrive: &Asked<Option<String>>, peeked: Option<&Tried>) -> Vec<Finding> {
    let about = |verdict, text: String| Finding::new(verdict, region, Check::InterruptionQueue, url, text);
    let trouble = match (redrive, peeked) {
        (Err(trouble), _) | (Ok(_), Some(Err(trouble))) => trouble,
        (Ok(_), Some(Ok(()))) => {
            return vec![about(Verdict::Ok, "it can be read; deleting (sqs:DeleteMessage) is not tried".to_owned())];
        }
        (Ok(_), None) => {
            let text = "it is there; it has a redrive policy, and a reading would count against its messages";
            return vec![
                about(Verdict::NotChecked, text.to_owned()).mend("the daemon says `ReceiveMessage` when it fails"),
            ];
        }
    };
    let name = if redrive.is_err() { "sqs:GetQueueAttributes" } else { "sqs:ReceiveMessage" };
    if trouble.code.as_deref().is_some_and(failure::is_missing_queue) {
        return vec![
            about(Verdict::Problem, "there is no such queue".to_owned())
                .mend("mend `interruption_queue_urls`, or leave it out: spot requests are polled then"),
        ];
    }
    if judged(trouble) == FailureKind::Denied {
        return vec![permission(region, name, &Err(trouble.clone()))];
    }
    vec![about(Verdict::NotChecked, format!("it cannot be asked: {}", text(trouble))).mend("run the check again")]
}

/// What the price list not being readable means.
pub(super) fn price_list(region: &str, tried: &Tried) -> Finding {
    let finding = permission(region, "pricing:GetProducts", tried);
    if finding.verdict == Verdict::Problem {
        // Not fatal: prices of a table that comes with the program stand in.
        return Finding { verdict: Verdict::Warning, text: format!("{}; a table stands in", finding.text), ..finding };
    }
    finding
}

/// That a question of ours was not answered.
fn unasked(region: &str, check: Check, subject: &str, name: &str, trouble: &Trouble) -> Finding {
    let about = |text: String| Finding::new(Verdict::NotChecked, region, check, subject, text);
    if is_denied(trouble) {
        return about(format!("{name} is denied, which only this check needs")).mend(POLICY_HINT);
    }
    about(format!("it cannot be asked: {}", text(trouble))).mend("run the check again")
}

/// The dry run was told that it would have worked.
pub(super) fn would_work(trouble: &Trouble) -> bool {
    trouble.code.as_deref() == Some("DryRunOperation")
}

fn judged(trouble: &Trouble) -> FailureKind {
    failure::of_look("-", trouble).kind
}

/// Code and text, without the encoded message that EC2 hangs on to a denial: it fills a screen and says nothing.
fn text(trouble: &Trouble) -> String {
    let message = failure::of_look("-", trouble).message;
    let message = message.split("Encoded authorization failure message").next().unwrap_or_default().trim_end();
    match &trouble.code {
        Some(code) => format!("{code}: {message}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
