//! Explanations: why a fleet, a machine or an event is as it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, Plan};

/// `GET /api/v1/explain/{what}`: why, from what is on record. Just one of `fleet`, `instance` and `event` is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Why a fleet is what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetWhy>,
    /// Why a machine was launched, was told to go and is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceWhy>,
    /// Why something happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventWhy>,
    /// The same for people.
    pub text: String,
}

/// A decision that is kept on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Its number: it rises by one.
    pub number: u64,
    /// Steps it had. `plan` has those that are kept and belong here.
    pub steps: u32,
    /// What was decided, and why.
    pub plan: Plan,
}

/// Why a fleet is what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FleetWhy {
    /// Its name.
    pub name: String,
    /// The newest decision that says something else than the one before: why this target. Absent before the first.
    pub newest: Option<Decision>,
    /// The newest decision that did something.
    pub last_step: Option<Decision>,
    /// Why these pools, largest first; at most 50.
    pub pools: Vec<PoolWhy>,
}

/// Why a fleet has machines in a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolWhy {
    /// Where.
    pub pool: String,
    /// Machines on record there that were not told to go.
    pub machines: u64,
    /// What they cost together when they were launched.
    pub price_per_hour: f64,
    /// The decision that launched the newest of them, with that step; absent when it is not kept or the machine was found.
    pub launched: Option<Decision>,
}

/// Why a machine was launched, was told to go and is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceWhy {
    /// The provider's id.
    pub id: String,
    /// Whose.
    pub fleet: String,
    /// Where.
    pub pool: String,
    /// Capacity it brings.
    pub units: f64,
    /// Price when it was launched or adopted; zero when that is not known.
    pub price_per_hour: f64,
    /// When it was launched.
    #[schemars(extend("format" = "date-time"))]
    pub born: String,
    /// When it was first seen to run.
    #[schemars(extend("format" = "date-time"))]
    pub ready: Option<String>,
    /// It was found by its tags.
    pub adopted: bool,
    /// The decision that launched it, with that step.
    pub launched: Option<Decision>,
    /// Why it was told to go.
    pub leaving_because: Option<String>,
    /// Since when it is told to.
    #[schemars(extend("format" = "date-time"))]
    pub leaving_since: Option<String>,
    /// When it is ended.
    #[schemars(extend("format" = "date-time"))]
    pub leaving_at: Option<String>,
    /// The order of the operator that told it to go, when it is at hand.
    pub order: Option<Event>,
    /// The decisions that told it to go or ended it, with those steps, oldest first.
    pub let_go: Vec<Decision>,
    /// When it was known to be gone.
    #[schemars(extend("format" = "date-time"))]
    pub ended: Option<String>,
}

/// Why something happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventWhy {
    /// What happened.
    pub event: Event,
    /// The decision that it is of or comes of, when there is one and it is kept.
    pub decision: Option<Decision>,
}
