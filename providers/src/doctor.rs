//! What a cloud says, before anything is launched, about whether a fleet file would work there.
//!
//! A doctor looks and tries; it makes nothing, ends nothing and costs nothing. What it finds is a list of findings, each
//! about one thing in one place. What it cannot find out it says, with the way to find out otherwise: a check that was
//! left out must not look like one that went well.

use async_trait::async_trait;
use policies::model::{FleetName, Pool, ProviderName};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::LaunchSpec;

/// A cloud that can say whether it would do what is wanted of it.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// The configured name.
    fn name(&self) -> &ProviderName;

    /// Looks once at everything that these launches need, and gives what was found, in the order of places and checks.
    /// Never fails: what could not be asked is a finding.
    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding>;
}

/// Launches that a fleet may want: one specification and the pools that it is for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose.
    pub fleet: FleetName,
    /// With what.
    pub spec: Arc<LaunchSpec>,
    /// Where.
    pub pools: BTreeSet<Pool>,
}

/// What was found about one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How it is.
    pub verdict: Verdict,
    /// Where: a region, or `account`.
    pub place: String,
    /// What was looked at.
    pub check: Check,
    /// Which one: an id, a name, a permission.
    pub subject: String,
    /// How it is, in a sentence, without secrets.
    pub text: String,
    /// What to do about it; `None` where nothing is to be done.
    pub hint: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// As it must be.
    Ok,
    /// It works, and not as well as it could.
    Warning,
    /// Something that the fleets need does not work.
    Problem,
    /// It could not be found out.
    NotChecked,
}

impl Verdict {
    /// Its word in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::NotChecked => "not checked",
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Check {
    /// Who asks.
    Credentials,
    /// That the region exists and the account uses it.
    Region,
    /// That what machines are made in is there.
    ResourceGroup,
    /// That the zone exists and the account uses it.
    Zone,
    /// That a call is allowed.
    Permission,
    /// That a launch as it is written would be taken.
    Launch,
    /// How much the account may run.
    Quota,
    /// The role that the cloud itself needs.
    ServiceRole,
    /// The image.
    Image,
    /// The subnet.
    Subnet,
    /// The security group.
    SecurityGroup,
    /// The key pair.
    KeyPair,
    /// The instance profile.
    InstanceProfile,
    /// The instance type.
    InstanceType,
    /// The queue of interruption warnings.
    InterruptionQueue,
}

impl Check {
    /// Its word in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Region => "region",
            Self::ResourceGroup => "resource group",
            Self::Zone => "zone",
            Self::Permission => "permission",
            Self::Launch => "launch",
            Self::Quota => "quota",
            Self::ServiceRole => "service role",
            Self::Image => "image",
            Self::Subnet => "subnet",
            Self::SecurityGroup => "security group",
            Self::KeyPair => "key pair",
            Self::InstanceProfile => "instance profile",
            Self::InstanceType => "instance type",
            Self::InterruptionQueue => "interruption queue",
        }
    }
}

impl Finding {
    /// A finding without a hint.
    #[must_use]
    pub fn new(verdict: Verdict, place: &str, check: Check, subject: &str, text: impl Into<String>) -> Self {
        let (place, subject) = (place.to_owned(), subject.to_owned());
        Self { verdict, place, check, subject, text: text.into(), hint: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn mend(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
