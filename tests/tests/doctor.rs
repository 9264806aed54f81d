//! `spotfleet doctor aws` by the real binary, against moto behind the fault layer. Each test has a region to itself.
//!
//! What moto cannot: it refuses nothing for want of a permission (denials are put in by the fault layer), it has no
//! service-linked roles and no quotas, and a dry run of it looks at nothing: it takes an image or a subnet that is not
//! there. So these are found by what the doctor asks beside the dry runs, here as with EC2.
#![cfg(feature = "aws")]

use std::path::PathBuf;

use serde_json::{Value, json};
use spotfleet_tests::daemon::command;
use spotfleet_tests::moto::{Moto, MotoRegion};

/// A region, and what a good fleet file would say.
struct Site {
    region: MotoRegion,
    directory: tempfile::TempDir,
    owner: String,
    image: String,
    subnets: String,
    group: String,
    types: String,
    more: String,
}

/// What the doctor said.
struct Said {
    code: i32,
    text: String,
    findings: Vec<Value>,
}

impl Said {
    /// Verdict and text of the finding about this.
    fn of(&self, check: &str, subject: &str) -> (&str, &str) {
        let mut these = self.findings.iter().filter(|f| f["check"] == check && f["subject"] == subject);
        let found = these.next().unwrap_or_else(|| panic!("nothing about {check} {subject}:\n{}", self.text));
        assert!(these.next().is_none(), "two findings about {check} {subject}:\n{}", self.text);
        (found["verdict"].as_str().expect("a word"), found["text"].as_str().expect("a text"))
    }

    /// Check and subject of every problem.
    fn problems(&self) -> Vec<(&str, &str)> {
        let problems = self.findings.iter().filter(|f| f["verdict"] == "problem");
        problems.map(|f| (f["check"].as_str().expect("a word"), f["subject"].as_str().expect("a text"))).collect()
    }
}

impl Site {
    fn new(region: &str) -> Self {
        let region = Moto::shared().region(region);
        let subnets = region.subnets();
        let some: Vec<_> = subnets.iter().take(2).map(|(zone, id)| format!("{zone}: {id}")).collect();
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            owner: format!("doctor-{}", region.name()),
            image: region.image("x86_64"),
            subnets: some.join(", "),
            group: region.group(),
            types: "m5.large, c5.large".to_owned(),
            more: String::new(),
            region,
        }
    }

    fn file(&self) -> PathBuf {
        let Self { owner, image, subnets, group, types, more, directory, .. } = self;
        let (endpoint, region) = (Moto::shared().endpoint(), self.region.name());
        let text = format!(
            "version: 1
daemon: {{owner: {owner}, state_dir: {}}}
providers:
  aws: {{endpoint_url: '{endpoint}', allow_http_endpoint: true, call_deadline: 20s{more}}}
fleets:
  - name: batch
    capacity: {{min: 1, max: 5}}
    on_demand: {{base: 1}}
    pools:
      - provider: aws
        regions: [{region}]
        instance_types: [{types}]
        launch: {{image: {image}, subnets: {{{subnets}}}, security_groups: [{group}]}}
",
            directory.path().display()
        );
        let file = directory.path().join("fleet.yaml");
        std::fs::write(&file, text).expect("the fleet file is written");
        file
    }

    fn run(&self, arguments: &[&str], environment: &[(String, String)]) -> (i32, String, String) {
        let mut command = command(environment, self.directory.path());
        command.args(["doctor", "aws", "--config"]).arg(self.file()).args(arguments);
        let output = command.output().expect("spotfleet can be run");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
    }

    fn examine_as(&self, environment: &[(String, String)]) -> Said {
        let (code, out, complaints) = self.run(&["--output", "json"], environment);
        let said: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}\n{complaints}"));
        let findings = said["findings"].as_array().expect("a list").clone();
        let count = |verdict| findings.iter().filter(|f| f["verdict"] == verdict).count();
        for (verdict, field) in [("problem", "problems"), ("warning", "warnings"), ("not checked", "not_checked")] {
            assert_eq!(said[field], count(verdict), "{out}");
        }
        let unhelpful = |f: &&Value| f["verdict"] != "ok" && f["hint"].is_null() && f["check"] != "zone";
        assert_eq!(findings.iter().find(unhelpful), None, "each says how to mend it");
        Said { code, text: out, findings }
    }

    fn examine(&self) -> Said {
        self.examine_as(&Moto::shared().environment())
    }
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn a_good_file_has_no_problems_and_nothing_is_made() {
    let mut site = Site::new("eu-south-1");
    let queue = site.region.queue("doctor");
    site.more = format!(", interruption_queue_urls: ['{queue}']");
    let said = site.examine();
    assert_eq!((said.problems(), said.code), (vec![], 0), "{}", said.text);
    for (check, subject) in [
        ("credentials", "-"),
        ("region", "eu-south-1"),
        ("zone", "eu-south-1a"),
        ("image", &site.image),
        ("security group", &site.group),
        ("instance type", "m5.large"),
        ("interruption queue", &queue),
        ("permission", "ec2:RunInstances"),
        ("permission", "ec2:CreateLaunchTemplate"),
        ("permission", "ec2:DescribeInstances"),
        ("permission", "ec2:DescribeSpotPriceHistory"),
        ("permission", "pricing:GetProducts"),
        ("launch", "c5.large in eu-south-1a, spot"),
        ("launch", "c5.large in eu-south-1a, on-demand"),
    ] {
        assert_eq!(said.of(check, subject).0, "ok", "{check} {subject}: {}", said.text);
    }
    // Without machines and templates of ours, and without IAM and Service Quotas, these cannot be told.
    for (check, subject) in [
        ("permission", "ec2:TerminateInstances"),
        ("permission", "ec2:DeleteLaunchTemplate"),
        ("permission", "ec2:CreateFleet"),
        ("service role", "AWSServiceRoleForEC2Spot"),
        ("quota", "spot"),
        ("quota", "on-demand"),
    ] {
        assert_eq!(said.of(check, subject).0, "not checked", "{check} {subject}: {}", said.text);
    }
    assert_eq!(site.region.machines(), [], "nothing is launched");
    assert_eq!(site.region.templates(), [""; 0], "nothing is made");

    // As a table for people, with what to do.
    let (code, table, _) = site.run(&[], &Moto::shared().environment());
    assert_eq!(code, 0);
    for part in ["VERDICT", "service-quotas list-service-quotas", "create-service-linked-role", "0 problems"] {
        assert!(table.contains(part), "{part} in:\n{table}");
    }
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn what_needs_a_machine_is_tried_on_one_of_ours_and_ends_nothing() {
    let site = Site::new("eu-south-2");
    let plant = |owner: &str| site.region.plant("m5.large", &[("spotfleet:owner", owner)], 1).remove(0);
    let neighbours = plant("somebody");
    assert_eq!(site.examine().of("permission", "ec2:TerminateInstances").0, "not checked", "not on {neighbours}");
    plant(&site.owner);
    assert_eq!(site.examine().of("permission", "ec2:TerminateInstances").0, "ok");
    assert!(site.region.machines().iter().all(spotfleet_tests::moto::MotoMachine::is_alive));
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn what_the_launch_names_and_is_not_there_is_found() {
    let mut site = Site::new("eu-central-2");
    let (image, group) = (site.image.clone(), site.group.clone());
    site.image = "ami-0123456789abcdef0".to_owned();
    let said = site.examine();
    assert_eq!((said.problems(), said.code), (vec![("image", "ami-0123456789abcdef0")], 1), "{}", said.text);

    site.image = site.region.image("arm64");
    let said = site.examine();
    assert_eq!(said.problems(), [("image", site.image.as_str())], "{}", said.text);
    assert!(said.of("image", &site.image).1.contains("c5.large, m5.large"), "{}", said.text);
    site.image = image;

    let subnets = site.region.subnets();
    let mut two = subnets.iter();
    let ((zone, _), (other, of_other)) = (two.next().expect("a zone"), two.next().expect("a zone"));
    site.subnets = format!("{zone}: subnet-0123456789abcdef0, {other}: {of_other}");
    let said = site.examine();
    assert_eq!(said.problems(), [("subnet", "subnet-0123456789abcdef0")], "{}", said.text);
    // One that is there, in another zone than it is named for.
    site.subnets = format!("{zone}: {of_other}");
    let said = site.examine();
    assert_eq!(said.problems(), [("subnet", of_other.as_str())], "{}", said.text);
    site.subnets = format!("{other}: {of_other}");

    site.group = "sg-0123456789abcdef0".to_owned();
    assert_eq!(site.examine().problems(), [("security group", "sg-0123456789abcdef0")]);
    site.group = group;

    site.types = "m5.large, m5.lagre".to_owned();
    let said = site.examine();
    assert_eq!(said.problems(), [("instance type", "m5.lagre")], "{}", said.text);
    site.types = "m5.large".to_owned();

    let endpoint = Moto::shared().endpoint();
    site.more = format!(", interruption_queue_urls: ['{endpoint}/123456789012/nowhere']");
    let said = site.examine();
    let missing = format!("{endpoint}/123456789012/nowhere");
    assert_eq!(said.problems(), [("interruption queue", missing.as_str())], "{}", said.text);
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn a_region_that_there_is_not_is_told_with_those_that_begin_alike() {
    let mut site = Site::new("ca-west-1");
    // moto answers for no other region than AWS's own.
    site.region = Moto::shared().region("ca-east-9");
    site.subnets = "ca-east-9a: subnet-0123456789abcdef0".to_owned();
    let said = site.examine();
    assert_eq!((said.problems(), said.code), (vec![("region", "ca-east-9")], 1), "{}", said.text);
    assert!(said.text.contains("ca-central-1"), "{}", said.text);
}

#[test]
#[ignore = "needs moto: cargo xtask test"]
fn what_is_denied_is_told_by_its_permission() {
    let site = Site::new("me-south-1");
    let deny = |action: &str, code: &str| {
        site.region.rule(json!({"action": action, "kind": "refuse", "code": code, "status": 403}));
    };
    for action in ["RunInstances", "CreateLaunchTemplate", "DescribeSpotPriceHistory"] {
        deny(action, "UnauthorizedOperation");
    }
    deny("DescribeImages", "UnauthorizedOperation");
    let said = site.examine();
    let mut problems = said.problems();
    problems.sort_unstable();
    let denied = ["ec2:CreateLaunchTemplate", "ec2:DescribeSpotPriceHistory", "ec2:RunInstances"];
    problems.dedup();
    assert_eq!(problems, denied.map(|name| ("permission", name)), "{}", said.text);
    // Only the doctor itself needs this: a check that was left out is none that went well.
    assert_eq!(said.of("image", &site.image).0, "not checked");
    site.region.clear_rules();

    deny("RunInstances", "AuthFailure.ServiceLinkedRoleCreationNotPermitted");
    let said = site.examine();
    assert_eq!(said.problems(), [("service role", "AWSServiceRoleForEC2Spot")], "{}", said.text);
    site.region.clear_rules();

    deny("*", "ExpiredToken");
    let said = site.examine();
    assert_eq!((said.problems(), said.findings.len()), (vec![("credentials", "-")], 1), "{}", said.text);
    assert!(said.of("credentials", "-").1.contains("expired"));
    site.region.clear_rules();

    // None at all: told at once, and not as a denial.
    let endpoint = vec![("AWS_ENDPOINT_URL".to_owned(), Moto::shared().endpoint())];
    let said = site.examine_as(&endpoint);
    assert_eq!((said.problems(), said.code), (vec![("credentials", "-")], 1), "{}", said.text);
    assert!(said.text.contains("AWS_PROFILE"), "{}", said.text);
}

#[test]
fn the_policy_is_printed_for_the_owner_of_the_file_without_asking_anybody() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("fleet.yaml");
    let text = "version: 1
daemon: {owner: mine}
providers: {aws: {launch_api: run-instances}}
fleets:
  - name: batch
    capacity: {min: 0, max: 1}
    pools:
      - provider: aws
        regions: [cn-north-1]
        instance_types: [m5.large]
        launch: {image: ami-1, subnets: {cn-north-1a: subnet-1}, instance_profile: worker}
"
    .replace("daemon: {", "daemon: {rates: {CNY: 0.14}, ");
    std::fs::write(&file, text).expect("the fleet file is written");
    let print = |arguments: &[&str]| {
        let mut command = command(&[], directory.path());
        let output = command.args(["doctor", "aws", "--iam-policy"]).args(arguments).output().expect("it can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let policy = print(&["--config", file.to_str().expect("UTF-8")]);
    let statements = policy["Statement"].as_array().expect("statements");
    let of = |policy: &[Value], action: &str| {
        policy.iter().find(|s| s["Action"].as_array().is_some_and(|all| all.contains(&action.into()))).cloned()
    };
    let end = of(statements, "ec2:TerminateInstances").expect("it ends machines");
    assert_eq!(end["Condition"]["StringEquals"]["aws:ResourceTag/spotfleet:owner"], "mine");
    assert_eq!(end["Resource"], json!(["arn:aws-cn:ec2:*:*:instance/*"]));
    assert_eq!(of(statements, "ec2:CreateFleet"), None, "launches are by RunInstances");
    assert!(of(statements, "iam:PassRole").is_some(), "machines have a profile");
    // Without a file, for a daemon with the defaults.
    let bare = print(&[]);
    let end = of(bare["Statement"].as_array().expect("statements"), "ec2:TerminateInstances");
    assert_eq!(
        end.expect("it ends machines")["Condition"]["StringEquals"]["aws:ResourceTag/spotfleet:owner"],
        "spotfleet"
    );
}
