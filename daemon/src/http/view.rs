//! The JSON shapes of the HTTP API and of `--output json`: the only place that owns them.
//!
//! Times are RFC 3339 in UTC. Money is in the currency named beside it, per hour, as a decimal number (in `prices`: as a
//! whole one). Capacity is in the fleet's unit. Names of enum values are the same words as in logs, metrics and the store. A field may be added in
//! any release; none is renamed or removed without a new path version.

mod make;
mod prices;
mod why;

pub use make::{capacity, money, price, saving};
pub use prices::{FleetPrices, PastPrice, PoolPrice, Prices, UnreadPlace};
pub use why::{Decision, EventWhy, Explanation, FleetWhy, InstanceWhy, PoolWhy};

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

/// `GET /api/v1/fleets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fleets {
    /// When the daemon made this.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// How often the daemon was started on its store.
    pub boot: u64,
    /// Every lane was seen and nothing is wrong.
    pub ready: bool,
    /// Why not.
    pub not_ready: Vec<String>,
    /// ISO 4217 code of all money below.
    pub currency: String,
    /// By name.
    pub fleets: Vec<Fleet>,
}

/// `GET /api/v1/fleets/{name}`: a fleet as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fleet {
    /// Its name.
    pub name: String,
    /// What capacity counts: `instance`, `vcpu` or `gpu`.
    pub unit: String,
    /// Lower bound of the target, by orders and schedules too.
    pub min: f64,
    /// Upper bound of target and machines, by orders and schedules too.
    pub max: f64,
    /// Wanted now; absent before the first decision.
    pub target: Option<f64>,
    /// Runs or is promised, and will stay.
    pub held: f64,
    /// Of that, on-demand.
    pub held_on_demand: f64,
    /// Of that, running.
    pub held_running: f64,
    /// Told to finish its work, not ended yet.
    pub draining: f64,
    /// Jobs not finished, when the source tells.
    pub backlog: Option<u64>,
    /// Machines on record.
    pub machines: u64,
    /// Launches without a known outcome, in machines.
    pub promised: u64,
    /// Price of what runs and is promised.
    pub price_per_hour: f64,
    /// Price of the same capacity on demand.
    pub on_demand_price_per_hour: f64,
    /// Share saved against on-demand, from 0 to 1; absent while nothing is held.
    pub saving: Option<f64>,
    /// The same by provider and the currency of its price list.
    #[serde(default)]
    pub bills: Vec<Bill>,
    /// Spent in the day of now, by the daemon's time zone.
    #[serde(default)]
    pub spent_today: f64,
    /// Spent in the month of now.
    #[serde(default)]
    pub spent_this_month: f64,
    /// How its budgets, and those of all fleets, stand.
    #[serde(default)]
    pub budgets: Vec<Budget>,
    /// What is held where, largest first.
    pub pools: Vec<PoolUse>,
    /// What takes no launches for a while.
    pub closures: Vec<Closure>,
    /// Other bounds at times.
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    /// Orders of the operator that stand.
    pub orders: Vec<StandingOrder>,
    /// The last decision that did anything.
    pub last_step: Option<LastStep>,
}

/// What a fleet's machines at one provider cost. Those of all of them add up to the fleet's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bill {
    /// The provider's name.
    pub provider: String,
    /// Machines, with those that are promised.
    pub machines: u64,
    /// Their price.
    pub price_per_hour: f64,
    /// Price of the same capacity on demand.
    pub on_demand_price_per_hour: f64,
    /// Share saved against on-demand; absent while they cost nothing.
    pub saving: Option<f64>,
    /// ISO 4217 code of the provider's price list; absent where there is no offer now: the price is that of the launch.
    pub list_currency: Option<String>,
    /// What the price list says, in that currency.
    pub list_price_per_hour: Option<f64>,
}

/// One limit of a budget and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// `fleet`, or `all` fleets together.
    pub of: String,
    /// `hour` (at current prices), `day` or `month` (of the calendar).
    pub period: String,
    /// The limit.
    pub limit: f64,
    /// Spent of it; of an hour, what all that runs costs.
    pub spent: f64,
    /// What may still be spent.
    pub left: f64,
    /// The limit is reached.
    pub used_up: bool,
    /// So much is spent that an alarm says so.
    pub alert: bool,
    /// What is done at the limit: `alert`, `freeze` or `shed-spot`.
    pub at_limit: String,
    /// When the period is over; absent for an hour.
    pub ends: Option<String>,
}

/// What a fleet holds in one pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolUse {
    /// `provider/region/zone/type/market`.
    pub pool: String,
    /// `spot` or `on-demand`.
    pub market: String,
    /// Machines that run.
    pub running: u64,
    /// Machines that start or are promised.
    pub starting: u64,
    /// Machines that are on their way out.
    pub leaving: u64,
    /// Capacity of what runs and starts.
    pub capacity: f64,
}

/// A place that takes no launches for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Closure {
    /// A pool, `provider/region/market` or `provider/region`.
    pub place: String,
    /// The kind of failure.
    pub kind: String,
    /// Until when.
    #[schemars(extend("format" = "date-time"))]
    pub until: String,
    /// Failures in a row.
    pub strikes: u32,
}

/// Other bounds of a fleet at times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// It is on.
    pub active: bool,
    /// When it begins or ends next, by the clocks of its zone with their distance from UTC; absent: never.
    pub next_change: Option<String>,
    /// Whose clocks.
    pub time_zone: String,
    /// The minimum while it is on.
    pub min: Option<f64>,
    /// The maximum while it is on.
    pub max: Option<f64>,
}

/// An order of the operator that stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandingOrder {
    /// `paused`, `minimum 4`, `maximum 20` or `i-1 in aws/us-east-1 protected`.
    pub what: String,
    /// Who gave it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// Until when; absent: until it is lifted.
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
}

/// `POST /api/v1/orders`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = needs)]
pub struct OrderRequest {
    /// What is ordered.
    pub order: OrderKind,
    /// The fleet to pause, resume or limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<String>,
    /// The provider's id of the machine to protect, unprotect or drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The minimum or maximum, in the fleet's unit, in thousandths at the finest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000), extend("multipleOf" = 0.001))]
    pub units: Option<f64>,
    /// It stands for so many seconds, 31 days at most; absent: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    #[schemars(range(min = 1, max = 2_678_400))]
    pub for_s: Option<u64>,
    /// Who gives it: a name for people, one line of 200 characters at most.
    #[schemars(length(min = 1, max = 200), regex(pattern = ONE_LINE))]
    pub by: String,
    /// Why, one line of 200 characters at most.
    #[schemars(length(min = 1, max = 200), regex(pattern = ONE_LINE))]
    pub why: String,
}

/// A whole number, however it is written: to JSON Schema `60.0` is an integer too.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else { return Ok(None) };
    let written = |n: f64| if n.fract() == 0.0 { format!("{n:.0}").parse().ok() } else { None };
    let whole = number.as_u64().or_else(|| number.as_f64().and_then(written));
    whole.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no whole number above zero")))
}

/// What a worker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Nobody told of it lately.
    Unknown,
    /// Nothing.
    Idle,
    /// It works.
    Busy,
}

/// What a worker says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerRequest {
    /// The provider's id of its machine.
    #[schemars(length(min = 1, max = 200))]
    pub instance: String,
    /// `busy`, or `idle`; `unknown` takes back what it said before.
    pub state: Work,
    /// It is believed for so many seconds, one day at most; absent: 5 minutes. Say it again before they are over.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    #[schemars(range(min = 1, max = 86_400))]
    pub ttl_s: Option<u64>,
}

/// What a worker is answered. Before it takes work again after it was idle, it looks here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WorkerAnswer {
    /// The machine was told to go: finish, take no more work, then say that it is idle. It is ended for that at once.
    pub leaving: bool,
    /// Why it goes, when it does.
    pub leaving_because: Option<String>,
    /// When it is ended at the latest, when it goes.
    #[schemars(extend("format" = "date-time"))]
    pub leaving_at: Option<String>,
}

/// No control characters, and not only blanks.
const ONE_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$";

/// What each kind of order needs, for the schema.
fn needs(schema: &mut Schema) {
    let text = json!({"type": "string"});
    let kinds = json!([
        {
            "properties": {"order": {"enum": ["pause", "resume", "clear-min", "clear-max"]}, "fleet": text},
            "required": ["fleet"],
        },
        {
            "properties": {"order": {"enum": ["set-min", "set-max"]}, "fleet": text, "units": {"type": "number"}},
            "required": ["fleet", "units"],
        },
        {
            "properties": {"order": {"enum": ["protect", "unprotect", "drain"]}, "instance": text},
            "required": ["instance"],
        },
    ]);
    schema.insert("anyOf".into(), kinds);
}

/// What can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// The fleet launches nothing and lets nothing go.
    Pause,
    /// It does again.
    Resume,
    /// Another minimum.
    SetMin,
    /// Another maximum.
    SetMax,
    /// The file's minimum again.
    ClearMin,
    /// The file's maximum again.
    ClearMax,
    /// A machine is not let go.
    Protect,
    /// It may go again.
    Unprotect,
    /// A machine finishes its work and is ended.
    Drain,
}

impl OrderKind {
    /// Its name in the request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::SetMin => "set-min",
            Self::SetMax => "set-max",
            Self::ClearMin => "clear-min",
            Self::ClearMax => "clear-max",
            Self::Protect => "protect",
            Self::Unprotect => "unprotect",
            Self::Drain => "drain",
        }
    }
}

/// The answer to an order that was taken: what it changed is on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ordered {
    /// In one sentence.
    pub done: String,
}

/// The last decision that did anything, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LastStep {
    /// When.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// `repair`, `grow` or `shrink`.
    pub kind: String,
    /// Actions in it.
    pub actions: u64,
    /// Why its first action was taken.
    pub reason: String,
}

/// `GET /api/v1/fleets/{name}/plan`: the last decision, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Whose.
    pub fleet: String,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// `rest`, `repair`, `grow` or `shrink`.
    pub kind: String,
    /// Capacity wanted.
    pub target: f64,
    /// Capacity that counted towards it before.
    pub held: f64,
    /// ISO 4217 code of all money below.
    pub currency: String,
    /// Hourly price before it.
    pub price_before_per_hour: f64,
    /// Hourly price once it is carried out.
    pub price_after_per_hour: f64,
    /// How the target came about.
    pub sizing: Sizing,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// What it would do, and is waiting for.
    pub waits: Vec<Wait>,
    /// How the budgets stand, before the plan.
    #[serde(default)]
    pub budgets: Vec<Budget>,
    /// The same for people.
    pub text: String,
}

/// How a target came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sizing {
    /// Before limits.
    pub need: f64,
    /// `unread`, `queue`, `metric`, `learning`, `forecast`, `minimum`, `missing-hold` or `missing-fallback`.
    pub basis: String,
    /// The source that decided; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the other sources want, in units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, f64>,
    /// What the forecast said.
    pub forecast: Option<f64>,
    /// What cut or lifted the need, in order: `headroom`, `rate-unknown`, `min`, `max`, `step-up`, `step-down`, `cooldown-up`,
    /// `cooldown-down`, `idle-grace`, and `schedule-min NAME`, `schedule-max NAME` for the bounds of a schedule.
    pub limits: Vec<String>,
    /// The target before.
    pub previous: Option<f64>,
}

/// One action with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// `launch`, `drain` or `end`.
    pub action: String,
    /// Where.
    pub pool: String,
    /// Which machine is drained or ended.
    pub instance: Option<String>,
    /// How many machines.
    pub count: u32,
    /// Capacity of one, of a launch.
    pub units: Option<f64>,
    /// What for (`base`, `spot`, `bridge`, `survive`, `move`) or why (`interruption`, `surplus`, `bridge-over`, `pool-removed`,
    /// `drained`).
    pub why: String,
    /// When a drained machine is ended.
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
    /// In one sentence.
    pub reason: String,
    /// Hourly price it adds.
    pub adds_per_hour: f64,
    /// Hourly price it saves.
    pub saves_per_hour: f64,
    /// The best alternatives that were refused, best first.
    pub refused: Vec<Refused>,
}

/// An alternative that was not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// Where.
    pub pool: String,
    /// Price of one unit of capacity.
    pub price_per_unit_hour: Option<f64>,
    /// `worse`, `closed`, `above-cap`, `above-share-of-on-demand`, `no-on-demand-price`, `no-offer`, `no-rate`,
    /// `pool-full`, `zone-full`, `region-full`, `provider-full`, `over-max`, `unseen`, `no-units`, `price-too-old`,
    /// `failed-lately`, `survive` or `base`.
    pub because: String,
    /// Until when it is closed.
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
}

/// Something a decision waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// `paused`, `budget`, `halted`, `trial`, `launch-limit`, `settling`, `unseen`, `no-offer`, `fallback`, `young`, `moves`
    /// or `draining`.
    pub what: String,
    /// The lane that is not seen.
    pub lane: Option<String>,
    /// Capacity that is missing.
    pub missing: Option<f64>,
    /// What the missing capacity is wanted for: `base`, `spot`, `bridge` or `survive`.
    pub why: Option<String>,
    /// The best pools for it, and why each is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Machines concerned.
    pub machines: Option<u32>,
    /// When it ends or happens.
    #[schemars(extend("format" = "date-time"))]
    pub at: Option<String>,
}

/// `GET /api/v1/instances`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instances {
    /// When the daemon made this.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// ISO 4217 code of all money below.
    pub currency: String,
    /// By fleet, then pool, then id.
    pub instances: Vec<Instance>,
    /// Machines that carry our owner tag and the tag of a fleet that is not configured: reported, and ended by
    /// `daemon.orphans` only.
    pub orphans: Vec<Orphan>,
}

/// A machine on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    /// The provider's id.
    pub id: String,
    /// Whose.
    pub fleet: String,
    /// Where.
    pub pool: String,
    /// `spot` or `on-demand`.
    pub market: String,
    /// `starting`, `running`, `draining` or `ending`; `unknown` while its lane is not seen.
    pub standing: String,
    /// Capacity it brings.
    pub units: f64,
    /// Price when it was launched or adopted.
    pub price_per_hour: f64,
    /// When it was launched.
    #[schemars(extend("format" = "date-time"))]
    pub born: String,
    /// It was found by its tags.
    pub adopted: bool,
    /// Why it was told to go.
    pub leaving_because: Option<String>,
    /// When it is ended.
    #[schemars(extend("format" = "date-time"))]
    pub leaving_at: Option<String>,
    /// The operator protects it: no decision lets it go.
    pub protected: bool,
    /// What protects it, when it is: `order`, or `tag` for the tag `spotfleet:protected` of its cloud.
    pub protected_by: Option<String>,
    /// What its worker does, by its own word.
    pub work: Work,
    /// When the provider will take it.
    #[schemars(extend("format" = "date-time"))]
    pub notice_at: Option<String>,
}

/// A machine of a fleet that is not configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Orphan {
    /// Where.
    pub lane: String,
    /// Its id.
    pub what: String,
    /// The fleet that it carries.
    #[serde(default)]
    pub fleet: String,
    /// `provider/region/zone/type/market`.
    #[serde(default)]
    pub pool: String,
    /// When it was first seen as one.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// Its price, when it is known.
    #[serde(default)]
    pub price_per_hour: Option<f64>,
    /// Its end is ordered.
    #[serde(default)]
    pub ending: bool,
    /// When it is ended by `daemon.orphans`; absent when it is left alone, or ending.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub ends_at: Option<String>,
}

/// `GET /api/v1/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Events {
    /// Oldest first.
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Rises by one.
    pub number: u64,
    /// When.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// About which fleet; absent: the daemon.
    pub fleet: Option<String>,
    /// One word of a closed vocabulary.
    pub what: String,
    /// In one sentence.
    pub text: String,
    /// The number of the decision that it is of or comes of, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<u64>,
}

/// `GET /api/v1/lanes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lanes {
    /// By provider and region.
    pub lanes: Vec<Lane>,
}

/// A provider's region as it was last seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lane {
    /// `provider/region`.
    pub lane: String,
    /// `unseen`, `complete` or `lost`.
    pub sight: String,
    /// The last complete listing.
    #[schemars(extend("format" = "date-time"))]
    pub seen_at: Option<String>,
    /// The last failure, if the last call of any kind failed.
    pub failure: Option<Failure>,
    /// Offers known.
    pub offers: u64,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The kind, which says what it means.
    pub kind: String,
    /// The provider's name of the call.
    pub operation: String,
    /// The cloud's own code.
    pub code: String,
    /// The cloud's own text.
    pub message: String,
}

/// `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// Every lane was seen and nothing is wrong.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

/// Every error answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What went wrong, and what to do next.
    pub error: String,
}

/// What `spotfleet status` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The fleets.
    #[serde(flatten)]
    pub fleets: Fleets,
    /// The lanes.
    #[serde(flatten)]
    pub lanes: Lanes,
    /// The machines, when one fleet is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<Vec<Instance>>,
    /// Machines of fleets that are not configured.
    #[serde(default)]
    pub orphans: Vec<Orphan>,
}

/// What `spotfleet validate` says of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// The file.
    pub file: String,
    /// It has no problem.
    pub valid: bool,
    /// Names of its fleets; empty when it is not valid.
    pub fleets: Vec<String>,
    /// Pools of all its fleets together.
    pub pools: u64,
    /// What is wrong.
    pub problems: Vec<Mistake>,
}

/// One problem of a fleet file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// The key; empty when it is about the whole file.
    pub path: String,
    /// What is wrong.
    pub rule: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What `spotfleet doctor` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// By provider, then place and check.
    pub findings: Vec<Found>,
    /// Findings that are problems.
    pub problems: u64,
    /// Findings that are warnings.
    pub warnings: u64,
    /// Findings that could not be checked.
    pub not_checked: u64,
}

/// What was found about one thing in a cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The provider's name.
    pub provider: String,
    /// `ok`, `warning`, `problem` or `not checked`.
    pub verdict: String,
    /// A region, or `account`.
    pub place: String,
    /// What was looked at.
    pub check: String,
    /// Which one: an id, a name, a permission.
    pub subject: String,
    /// How it is.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What `spotfleet demo` prints at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemoSummary {
    /// Always true: nothing was launched anywhere.
    pub simulated: bool,
    /// Every stage was reached.
    pub complete: bool,
    /// The stages that were reached.
    pub stages: Vec<DemoStage>,
    /// The stage that was waited for at the end.
    pub waited_for: Option<String>,
    /// The most capacity that ran.
    pub peak_capacity: f64,
    /// Spot pools that held something.
    pub spot_pools: Vec<String>,
    /// Machines that a provider took or announced to take.
    pub interruptions: u64,
    /// ISO 4217 code of the money below.
    pub currency: String,
    /// Spent on machines.
    pub spent: f64,
    /// What the same machine time would have cost on demand.
    pub on_demand: f64,
    /// Share saved, from 0 to 1.
    pub saving: Option<f64>,
    /// Simulated seconds a second.
    pub speed: u32,
    /// Seed of what was drawn.
    pub seed: u64,
}

/// A stage of the demo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemoStage {
    /// Simulated time since the start, as `hh:mm:ss`.
    pub at: String,
    /// What was reached.
    pub what: String,
}
