//! What the peer holds, how it behaves, and how time goes there.

use std::collections::BTreeMap;
use std::time::Instant;

use policies::units::{Span, Time};
use serde_json::{Value, json};
use spotfleet::clock::{Clock, rfc3339};

/// What a clock that stands shows at its start: 2026-11-21T08:00:00Z.
const START: Time = Time::from_millis(1795248000000);

/// A clock that goes.
#[derive(Clone, Copy, Debug)]
struct Going {
    /// What it showed at its start.
    start: Time,
    /// Since when it goes.
    since: Instant,
    /// How many seconds it had shown then.
    at: u64,
}

/// A kind of call, for faults and counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Call {
    /// PUT of a machine.
    Put,
    /// GET of a machine.
    Get,
    /// DELETE of a machine.
    Delete,
    /// A page of the listing of machines.
    List,
    /// GET of an operation.
    Operation,
    /// A page of interfaces or disks, or the deletion of one.
    Leftovers,
    /// Sizes.
    Sizes,
    /// A page of prices.
    Prices,
    /// A token.
    Token,
    /// All else that is asked of Resource Manager: quotas, group, permissions, images, Resource Graph.
    Other,
}

/// How a call goes wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is refused so, and nothing happens.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Azure's code.
        code: &'static str,
        /// Azure's text.
        message: String,
        /// Seconds.
        retry_after: Option<u64>,
    },
    /// It does not arrive.
    LoseRequest,
    /// It is carried out, and the connection ends without an answer.
    LoseReply,
    /// It is carried out, and something on the way answers in Azure's place.
    Proxy,
}

impl Fault {
    /// A refusal.
    #[must_use]
    pub fn refuse(status: u16, code: &'static str, message: &str) -> Self {
        Self::Refuse { status, code, message: message.to_owned(), retry_after: None }
    }
}

/// How the peer behaves, where Azure may behave one way or the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Behaviour {
    /// Seconds that a machine is `Creating`.
    pub create_s: u64,
    /// Seconds that it is `Deleting`.
    pub delete_s: u64,
    /// Seconds before a new machine is listed or found.
    pub hidden_s: u64,
    /// The next look at a machine finds none, so many times, although it is there.
    pub not_found: u32,
    /// `Retry-After` of operations; `None`: the header is missing.
    pub retry_after_s: Option<u64>,
    /// Operations are forgotten: 404.
    pub forget_operations: bool,
    /// Operations are asked about on another server.
    pub operations_elsewhere: bool,
    /// An accepted launch fails with this code and text, and its machine stays in state Failed.
    pub fail_launch: Option<(&'static str, String)>,
    /// An accepted spot machine is taken away while it is `Creating`, and its operation with it.
    pub take_away: bool,
    /// `If-None-Match` is not looked at.
    pub ignore_precondition: bool,
    /// Interfaces and disks stay when their machine goes.
    pub keep_leftovers: bool,
    /// Ids, names and the names of tags come back in capitals.
    pub capitals: bool,
    /// Machines a page.
    pub page: usize,
    /// The link to the second page leads back to the first.
    pub endless_pages: bool,
    /// The link to the second page leads to another server.
    pub pages_elsewhere: bool,
    /// Room of each size, zone and market.
    pub room: usize,
    /// Limit of spot cores of the region.
    pub spot_cores: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            create_s: 15,
            delete_s: 30,
            hidden_s: 0,
            not_found: 0,
            retry_after_s: Some(10),
            forget_operations: false,
            operations_elsewhere: false,
            fail_launch: None,
            take_away: false,
            ignore_precondition: false,
            keep_leftovers: false,
            capitals: false,
            page: 50,
            endless_pages: false,
            pages_elsewhere: false,
            room: 20,
            spot_cores: 1_000,
        }
    }
}

/// What becomes of a machine in the making.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Made,
    Fails(&'static str, String),
    TakenAway,
}

/// A machine.
#[derive(Clone, PartialEq, Debug)]
pub struct Machine {
    /// The name as it was put.
    pub name: String,
    /// `Creating`, `Succeeded`, `Failed` or `Deleting`.
    pub state: String,
    /// The body of its PUT.
    pub body: Value,
    pub(crate) fate: Fate,
    pub(crate) ready_at: u64,
    pub(crate) visible_at: u64,
    pub(crate) gone_at: Option<u64>,
    pub(crate) created_at: u64,
    pub(crate) incarnation: u64,
}

impl Machine {
    pub(crate) fn property(&self, key: &str) -> &str {
        self.body["properties"][key].as_str().unwrap_or_default()
    }

    pub(crate) fn size(&self) -> &str {
        self.body["properties"]["hardwareProfile"]["vmSize"].as_str().unwrap_or_default()
    }

    /// It is made or in the making, and not being ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        matches!(self.state.as_str(), "Creating" | "Succeeded")
    }
}

/// An interface or a disk, with the name of its machine.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its machine.
    pub machine: Option<String>,
    /// Its tags.
    pub tags: Value,
}

/// One line of the script of faults.
#[derive(Debug)]
struct Rule {
    call: Call,
    fault: Fault,
    /// So many calls go well before.
    after: u32,
    /// So many go wrong then; `None`: all.
    left: Option<u32>,
}

/// Everything.
#[derive(Debug, Default)]
pub struct World {
    /// Seconds since the start.
    now: u64,
    /// How it goes, if it goes by itself.
    goes: Option<Going>,
    /// How it behaves.
    pub behaviour: Behaviour,
    faults: Vec<Rule>,
    counts: BTreeMap<Call, u64>,
    /// When each call arrived.
    pub arrivals: Vec<(Call, Instant)>,
    /// By name in lower case.
    pub machines: BTreeMap<String, Machine>,
    /// Interfaces by name in lower case.
    pub interfaces: BTreeMap<String, Part>,
    /// Disks by name in lower case.
    pub disks: BTreeMap<String, Part>,
    /// The machine of each operation, and whether it makes or ends it.
    pub(crate) operations: Vec<(String, bool)>,
    /// Outcomes of operations that are over, by machine.
    pub(crate) failed: BTreeMap<String, (&'static str, String)>,
    pub(crate) made: u64,
    /// Bodies of every PUT that was taken.
    pub puts: Vec<Value>,
    /// Tokens that were given out.
    pub(crate) tokens: u64,
    /// What the caller may do; `None`: all that there is.
    pub actions: Option<Vec<&'static str>>,
    /// Filters of every query for prices.
    pub price_filters: Vec<String>,
}

impl World {
    /// Every such call goes so, from now on.
    pub fn always(&mut self, call: Call, fault: Fault) {
        self.faults.push(Rule { call, fault, after: 0, left: None });
    }

    /// The next so many of such calls go so.
    pub fn next(&mut self, call: Call, fault: Fault, times: u32) {
        self.faults.push(Rule { call, fault, after: 0, left: Some(times) });
    }

    /// So many of such calls go well, and the one after them so.
    pub fn after(&mut self, call: Call, fault: Fault, after: u32) {
        self.faults.push(Rule { call, fault, after, left: Some(1) });
    }

    /// No call goes wrong any more.
    pub fn calm(&mut self) {
        self.faults.clear();
        self.behaviour.fail_launch = None;
        self.behaviour.room = Behaviour::default().room;
    }

    /// How often this was asked and arrived.
    #[must_use]
    pub fn asked(&self, call: Call) -> u64 {
        self.counts.get(&call).copied().unwrap_or(0)
    }

    pub(crate) fn count(&mut self, call: Call) {
        *self.counts.entry(call).or_default() += 1;
    }

    /// The fault of this call, if it has one: by the first line of the script that is about it and not used up.
    pub(crate) fn take(&mut self, call: Call) -> Option<Fault> {
        let rule = self.faults.iter_mut().find(|rule| rule.call == call && rule.left != Some(0))?;
        if rule.after > 0 {
            rule.after -= 1;
            return None;
        }
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.fault.clone())
    }

    /// The time of the peer's clock in RFC 3339, `seconds` after its start.
    pub(crate) fn moment(&self, seconds: u64) -> String {
        let since = Span::from_secs(seconds);
        rfc3339(self.goes.map_or(START, |clock| clock.start).plus(since))
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// From now on the clock goes with the host's and shows its time, for a caller that really waits.
    pub fn go(&mut self) {
        let start = Clock::wall().now().minus(Span::from_secs(self.now));
        self.goes = Some(Going { start, since: Instant::now(), at: self.now });
    }

    /// Lets the time pass that has passed since the last call, if the clock goes by itself.
    pub(crate) fn catch_up(&mut self) {
        if let Some(Going { since, at, .. }) = self.goes {
            self.pass((at + since.elapsed().as_secs()).saturating_sub(self.now));
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        let now = self.now;
        let keys: Vec<_> = self.machines.keys().cloned().collect();
        for key in keys {
            let Some(machine) = self.machines.get_mut(&key) else { continue };
            if machine.state == "Creating" && machine.ready_at <= now {
                match machine.fate.clone() {
                    Fate::Made => machine.state = "Succeeded".to_owned(),
                    Fate::Fails(code, message) => {
                        machine.state = "Failed".to_owned();
                        self.failed.insert(key.clone(), (code, message));
                    }
                    Fate::TakenAway => {
                        self.remove(&key);
                        continue;
                    }
                }
            }
            if self.machines.get(&key).is_some_and(|machine| machine.gone_at.is_some_and(|at| at <= now)) {
                self.remove(&key);
            }
        }
    }

    /// Takes a machine away, and what goes with it.
    fn remove(&mut self, key: &str) {
        self.machines.remove(key);
        for parts in [&mut self.interfaces, &mut self.disks] {
            if self.behaviour.keep_leftovers {
                for part in parts.values_mut().filter(|part| part.machine.as_deref() == Some(key)) {
                    part.machine = None;
                }
            } else {
                parts.retain(|_, part| part.machine.as_deref() != Some(key));
            }
        }
    }

    /// Azure evicts a machine: it is missing at once.
    pub fn evict(&mut self, name: &str) {
        self.remove(&name.to_lowercase());
    }

    /// A machine that somebody else made, with these tags.
    pub fn plant(&mut self, name: &str, location: &str, tags: Value) {
        let body = json!({"location": location, "tags": tags,
            "properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}}});
        let machine = Machine {
            name: name.to_owned(),
            state: "Succeeded".to_owned(),
            body,
            fate: Fate::Made,
            ready_at: 0,
            visible_at: 0,
            gone_at: None,
            created_at: self.now,
            incarnation: 0,
        };
        self.machines.insert(name.to_lowercase(), machine);
    }

    /// Names of interfaces and disks that are there.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        self.interfaces.keys().chain(self.disks.keys()).cloned().collect()
    }
}
