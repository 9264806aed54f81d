//! What there is, and how it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Call, Fault, PROJECT, refused};

/// An insert takes so long, in milliseconds of the world's time.
const INSERT_TAKES: i64 = 8_000;
/// A delete, and the end of a machine that is preempted.
const END_TAKES: i64 = 30_000;
/// Types that every zone has: virtual CPUs, memory in MB, GPUs.
const TYPES: &[(&str, u32, u32, u32)] =
    &[("n2-standard-4", 4, 16_384, 0), ("e2-standard-4", 4, 16_384, 0), ("g2-standard-8", 8, 32_768, 1)];

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its number: tells the incarnations of a name apart.
    pub number: u64,
    /// PROVISIONING, RUNNING, STOPPING, TERMINATED, or whatever a test says.
    pub status: String,
    /// The body of its insert.
    pub body: Value,
    born: i64,
    gone_at: Option<i64>,
}

#[derive(Clone, Debug)]
struct Operation {
    number: u64,
    kind: &'static str,
    zone: String,
    name: String,
    target: u64,
    began: i64,
    ends: i64,
    /// The code and the HTTP status that it ends with.
    error: Option<(&'static str, Option<u16>)>,
}

/// What there is.
#[derive(Debug)]
pub struct World {
    now: i64,
    last: u64,
    /// Machines of a page.
    pub page: usize,
    machines: BTreeMap<(String, String), Machine>,
    operations: BTreeMap<String, Operation>,
    requests: BTreeMap<String, String>,
}

impl Default for World {
    fn default() -> Self {
        // Daemons live in the time of the host.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self {
            now: i64::try_from(now).unwrap_or(i64::MAX),
            last: 1_000_000_000_000_000_000,
            page: 500,
            machines: BTreeMap::new(),
            operations: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }
}

impl World {
    /// Lets so many milliseconds pass.
    pub fn pass(&mut self, millis: i64) {
        self.now = self.now.saturating_add(millis);
        let now = self.now;
        for operation in self.operations.values().filter(|operation| operation.ends <= now) {
            let key = (operation.zone.clone(), operation.name.clone());
            let made = |machine: &Machine| machine.number == operation.target && machine.status == "PROVISIONING";
            if operation.kind == "insert" && self.machines.get(&key).is_some_and(made) {
                if operation.error.is_some() {
                    self.machines.remove(&key);
                } else if let Some(machine) = self.machines.get_mut(&key) {
                    "RUNNING".clone_into(&mut machine.status);
                }
            }
        }
        self.machines.retain(|_, machine| machine.gone_at.is_none_or(|at| at > now));
    }

    /// The machine of this name.
    pub fn machine(&mut self, zone: &str, name: &str) -> Option<&mut Machine> {
        self.machines.get_mut(&(zone.to_owned(), name.to_owned()))
    }

    /// Name and zone of each machine with this owner label that is not on its way out, as `name.zone`.
    #[must_use]
    pub fn of_owner(&self, owner: &str) -> BTreeSet<String> {
        let ours = |m: &Machine| m.body["labels"]["spotfleet-owner"] == owner && m.status != "STOPPING";
        let all = self.machines.iter().filter(|(_, machine)| ours(machine));
        all.map(|((zone, name), _)| format!("{name}.{zone}")).collect()
    }

    /// How many machines there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.machines.len()
    }

    /// Somebody makes a machine by hand.
    pub fn plant(&mut self, zone: &str, name: &str, labels: &Value) {
        let body = json!({"name": name, "labels": labels,
            "machineType": format!("zones/{zone}/machineTypes/n2-standard-4"),
            "scheduling": {"provisioningModel": "SPOT"}});
        let number = self.number();
        let machine = Machine { number, status: "RUNNING".to_owned(), body, born: self.now, gone_at: None };
        self.machines.insert((zone.to_owned(), name.to_owned()), machine);
    }

    /// The cloud takes a machine: it stops, and is gone half a minute later. The event may be missing.
    pub fn preempt(&mut self, zone: &str, name: &str, event: bool) {
        let (now, number) = (self.now, self.number());
        let Some(machine) = self.machine(zone, name) else { return };
        "STOPPING".clone_into(&mut machine.status);
        machine.gone_at = Some(now + END_TAKES);
        let target = machine.number;
        if event {
            let operation = Operation {
                number,
                kind: "compute.instances.preempted",
                zone: zone.to_owned(),
                name: name.to_owned(),
                target,
                began: now,
                ends: now,
                error: None,
            };
            self.operations.insert(format!("systemevent-{number}"), operation);
        }
    }

    /// Every request id is too old to be known.
    pub fn forget_requests(&mut self) {
        self.requests.clear();
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn answer(
        &mut self,
        call: Call,
        parts: &[String],
        query: &BTreeMap<String, String>,
        body: &Value,
        fault: Option<&Fault>,
    ) -> (u16, Value) {
        let part = |n: usize| parts.get(n).map_or("", String::as_str);
        match call {
            Call::Insert => self.insert(part(0), query, body, fault),
            Call::Delete => self.delete(part(0), part(1), query, fault),
            Call::Get => match self.machines.get(&(part(0).to_owned(), part(1).to_owned())) {
                Some(machine) => (200, shown(part(0), machine)),
                None => refused(404, "notFound", &format!("The resource '{}' was not found", part(1))),
            },
            Call::List => self.list(query, fault),
            Call::Wait => self.wait(part(1), fault),
            Call::Operation if self.operations.contains_key(part(1)) => (200, self.operation(part(1))),
            Call::Operation => refused(404, "notFound", "no such operation"),
            Call::Events => self.events(part(0), query),
            Call::Type => match TYPES.iter().find(|(name, ..)| *name == part(1)) {
                Some((name, cpus, memory, gpus)) => {
                    let gpus = json!([{"guestAcceleratorType": "nvidia-l4", "guestAcceleratorCount": gpus}]);
                    let mut found = json!({"kind": "compute#machineType", "name": name, "guestCpus": cpus,
                        "memoryMb": memory, "zone": part(0)});
                    if *name == "g2-standard-8" {
                        found["accelerators"] = gpus;
                    }
                    (200, found)
                }
                None => refused(404, "notFound", &format!("The resource '{}' was not found", part(1))),
            },
            Call::History => {
                let place = body["locationPolicy"]["location"].as_str().unwrap_or_default();
                if body["instanceProperties"]["scheduling"]["provisioningModel"] != "SPOT" {
                    return refused(400, "invalid", "provisioningModel must be SPOT");
                }
                let price = |at: &str, nanos: u32| {
                    json!({"interval": {"startTime": at},
                        "listPrice": {"currencyCode": "USD", "units": "0", "nanos": nanos}})
                };
                let prices = [price("2026-09-01T00:00:00Z", 71_000_000), price("2026-11-01T00:00:00Z", 52_000_500)];
                let mut answer = json!({"location": place});
                if body["types"].as_array().is_some_and(|types| types.contains(&"PRICE".into())) {
                    answer["priceHistory"] = json!(prices);
                }
                if body["types"].as_array().is_some_and(|types| types.contains(&"PREEMPTION".into())) {
                    let day = |day: u32, rate: f64| {
                        let start = format!("2026-11-{day:02}T00:00:00Z");
                        json!({"interval": {"startTime": start}, "preemptionRate": rate})
                    };
                    answer["preemptionHistory"] = json!([day(20, 0.0123), day(19, 0.5)]);
                }
                (200, answer)
            }
            Call::Advice => advice(part(0), body),
            Call::Region => {
                let quota =
                    |metric: &str, limit: f64, usage: f64| json!({"metric": metric, "limit": limit, "usage": usage});
                let quotas = [
                    quota("CPUS", 24.0, 8.0),
                    quota("IN_USE_ADDRESSES", 8.0, 8.0),
                    quota("PREEMPTIBLE_CPUS", 0.0, 0.0),
                ];
                (200, json!({"kind": "compute#region", "name": part(0), "status": "UP", "quotas": quotas}))
            }
        }
    }

    fn insert(
        &mut self,
        zone: &str,
        query: &BTreeMap<String, String>,
        body: &Value,
        fault: Option<&Fault>,
    ) -> (u16, Value) {
        let Some(request) = query.get("requestId").filter(|id| is_uuid(id)) else {
            return refused(400, "invalid", "Invalid value for field 'requestId'");
        };
        if let Some(known) = self.requests.get(request) {
            return (200, self.operation(known));
        }
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        if !is_name(&name) {
            return refused(400, "invalid", "Invalid value for field 'resource.name'");
        }
        let odd = |text: &str| text.len() > 63 || !text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'));
        let labels = body["labels"].as_object().cloned().unwrap_or_default();
        if labels.iter().any(|(key, value)| odd(key) || odd(value.as_str().unwrap_or("?"))) {
            return refused(400, "invalid", "Invalid value for field 'resource.labels'");
        }
        let kind = body["machineType"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        if !TYPES.iter().any(|(known, ..)| *known == kind) {
            return refused(404, "notFound", "The machine type was not found");
        }
        let key = (zone.to_owned(), name.clone());
        if self.machines.contains_key(&key) {
            return refused(409, "alreadyExists", &format!("The resource '{name}' already exists"));
        }
        let (target, number) = (self.number(), self.number());
        let (error, at_once) = match fault {
            Some(Fault::Ends { code, http, at_once }) => (Some((*code, *http)), *at_once),
            _ => (None, false),
        };
        if !at_once {
            let status = "PROVISIONING".to_owned();
            let machine = Machine { number: target, status, body: body.clone(), born: self.now, gone_at: None };
            self.machines.insert(key, machine);
        }
        let (began, ends) = (self.now, if at_once { self.now } else { self.now + INSERT_TAKES });
        let operation = Operation { number, kind: "insert", zone: zone.to_owned(), name, target, began, ends, error };
        (200, self.begin(request, operation))
    }

    fn delete(
        &mut self,
        zone: &str,
        name: &str,
        query: &BTreeMap<String, String>,
        fault: Option<&Fault>,
    ) -> (u16, Value) {
        let request = query.get("requestId").cloned().unwrap_or_default();
        if let Some(known) = self.requests.get(&request) {
            return (200, self.operation(known));
        }
        let (now, number) = (self.now, self.number());
        let Some(machine) = self.machine(zone, name) else {
            return refused(404, "notFound", &format!("The resource '{name}' was not found"));
        };
        if machine.status == "STOPPING" {
            return refused(400, "resourceNotReady", &format!("The resource '{name}' is not ready"));
        }
        let target = machine.number;
        let (error, ends) = match fault {
            Some(Fault::Ends { code, http, .. }) => (Some((*code, *http)), now),
            _ => (None, now + END_TAKES),
        };
        if error.is_none() {
            "STOPPING".clone_into(&mut machine.status);
            machine.gone_at = Some(now + END_TAKES);
        }
        let (zone, name) = (zone.to_owned(), name.to_owned());
        let operation = Operation { number, kind: "delete", zone, name, target, began: now, ends, error };
        (200, self.begin(&request, operation))
    }

    fn begin(&mut self, request: &str, operation: Operation) -> Value {
        let name = format!("operation-{}", operation.number);
        self.operations.insert(name.clone(), operation);
        if !request.is_empty() {
            self.requests.insert(request.to_owned(), name.clone());
        }
        self.operation(&name)
    }

    fn wait(&mut self, name: &str, fault: Option<&Fault>) -> (u16, Value) {
        let Some(operation) = self.operations.get(name) else {
            return refused(404, "notFound", "no such operation");
        };
        let left = operation.ends - self.now;
        if left > 0 {
            self.pass(if fault == Some(&Fault::Early) { left / 2 } else { left });
        }
        (200, self.operation(name))
    }

    fn operation(&self, name: &str) -> Value {
        let Some(operation) = self.operations.get(name) else { return Value::Null };
        let over = operation.ends <= self.now;
        let link = format!("projects/{PROJECT}/zones/{}/instances/{}", operation.zone, operation.name);
        let mut shown = json!({
            "kind": "compute#operation", "id": operation.number.to_string(), "name": name,
            "zone": format!("projects/{PROJECT}/zones/{}", operation.zone), "operationType": operation.kind,
            "targetId": operation.target.to_string(), "targetLink": link, "insertTime": stamp(operation.began),
            "startTime": stamp(operation.began), "progress": if over { 100 } else { 0 },
            "status": if over { "DONE" } else { "RUNNING" },
        });
        if let Some((code, http)) = operation.error.filter(|_| over) {
            shown["error"] = json!({"errors": [{"code": code, "message": format!("it ended with {code}")}]});
            if let Some(http) = http {
                shown["httpErrorStatusCode"] = http.into();
                shown["httpErrorMessage"] = "ERROR".into();
            }
        }
        shown
    }

    /// Operations of a zone by their type, oldest first.
    fn events(&self, zone: &str, query: &BTreeMap<String, String>) -> (u16, Value) {
        let wanted = query.get("filter").and_then(|filter| filter.strip_prefix("operationType=")).unwrap_or_default();
        let wanted = wanted.trim_matches('"');
        let here = self.operations.iter().filter(|(_, o)| o.zone == zone && (wanted.is_empty() || o.kind == wanted));
        let all: Vec<&String> = here.map(|(name, _)| name).collect();
        let from: usize = query.get("pageToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let items: Vec<Value> = all.iter().skip(from).take(self.page).map(|name| self.operation(name)).collect();
        let mut answer = json!({"kind": "compute#operationList", "items": items});
        if from + self.page < all.len() {
            answer["nextPageToken"] = (from + self.page).to_string().into();
        }
        (200, answer)
    }

    fn list(&self, query: &BTreeMap<String, String>, fault: Option<&Fault>) -> (u16, Value) {
        let filter = query.get("filter").and_then(|f| f.strip_prefix("labels.")).and_then(|f| f.split_once('='));
        let matches = |m: &Machine| filter.is_none_or(|(key, value)| m.body["labels"][key] == value);
        let all: Vec<_> = self.machines.iter().filter(|(_, machine)| matches(machine)).collect();
        let from: usize = query.get("pageToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let mut items = serde_json::Map::new();
        let nothing = json!({"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results."}});
        items.insert("zones/us-central1-f".to_owned(), nothing);
        for ((zone, _), machine) in all.iter().skip(from).take(self.page) {
            let scope = items.entry(format!("zones/{zone}")).or_insert_with(|| json!({"instances": []}));
            if let Some(instances) = scope["instances"].as_array_mut() {
                instances.push(shown(zone, machine));
            }
        }
        let mut answer = json!({"kind": "compute#instanceAggregatedList"});
        match fault {
            Some(Fault::Unreachable(place)) => answer["unreachables"] = json!([place]),
            Some(Fault::Warning(scope, code)) => {
                items.insert((*scope).to_owned(), json!({"warning": {"code": code, "message": "by the script"}}));
            }
            _ => {}
        }
        answer["items"] = Value::Object(items);
        if from + self.page < all.len() {
            answer["nextPageToken"] = (from + self.page).to_string().into();
        }
        (200, answer)
    }
}

/// What there may be of what is asked for: all of it most likely, and a little less of what has a GPU.
fn advice(region: &str, body: &Value) -> (u16, Value) {
    let selection = &body["instanceFlexibilityPolicy"]["instanceSelections"]["machines"]["machineTypes"][0];
    let zone = body["distributionPolicy"]["zones"][0]["zone"].as_str().unwrap_or_default();
    let Some((kind, .., gpus)) = TYPES.iter().find(|(name, ..)| *selection == *name) else {
        return refused(400, "invalid", "Invalid value for field 'machineTypes'");
    };
    if body["size"].as_u64().is_none_or(|size| size == 0) || !zone.starts_with(&format!("zones/{region}-")) {
        return refused(400, "invalid", "Invalid value for field 'size' or 'zone'");
    }
    if body["instanceProperties"]["scheduling"]["provisioningModel"] != "SPOT" {
        return refused(400, "invalid", "provisioningModel must be SPOT");
    }
    let scores = json!({"obtainability": if *gpus > 0 { 0.4 } else { 0.9 }, "estimatedUptime": "3600s"});
    let shard = json!({"zone": zone, "machineType": kind, "instanceCount": body["size"], "provisioningModel": "SPOT"});
    (200, json!({"recommendations": [{"scores": scores, "shards": [shard]}]}))
}

/// A machine as it is listed: what its insert said, and what the cloud adds.
fn shown(zone: &str, machine: &Machine) -> Value {
    let mut shown = machine.body.clone();
    let base = format!("https://www.googleapis.com/compute/v1/projects/{PROJECT}/");
    shown["id"] = machine.number.to_string().into();
    shown["status"] = machine.status.clone().into();
    shown["zone"] = format!("{base}zones/{zone}").into();
    shown["creationTimestamp"] = stamp(machine.born).into();
    let kind = machine.body["machineType"].as_str().unwrap_or_default();
    shown["machineType"] = format!("{base}{kind}").into();
    shown
}

/// RFC 3339 with Google's offset. Days to dates by the algorithm of Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
fn stamp(millis: i64) -> String {
    let local = millis - 8 * 3_600_000;
    let (days, rest) = (local.div_euclid(86_400_000), local.rem_euclid(86_400_000));
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}-08:00")
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_name(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (1..=63).contains(&text.len())
        && plain
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
}
