//! A Compute Engine to test against, on the wire: machines, operations, system events, types, prices, a clock of its
//! own and a script of faults. It serves on a free port of the loopback and ends with its handle.
//!
//! What it does is what Google's pages and the official clients show: a launch is an operation that may end with an
//! error after HTTP 200, 64-bit numbers are texts, a repeated request id is the same operation, an empty page token is
//! none.
//! Its time moves only when it is told to, or when somebody waits for an operation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::peer::Served;

mod world;

pub use world::{Machine, World};

/// The token that it wants.
pub const TOKEN: &str = "test-token-of-gcp";
/// Where a machine of Google asks for the token of its service account.
const METADATA_TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// The project that it has.
pub const PROJECT: &str = "research-1";

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Call {
    /// `instances.insert`.
    Insert,
    /// `instances.delete`.
    Delete,
    /// `instances.get`.
    Get,
    /// `instances.aggregatedList`.
    List,
    /// `zoneOperations.wait`.
    Wait,
    /// `zoneOperations.get`. Google's client asks this, the adapter does not.
    Operation,
    /// `zoneOperations.list`.
    Events,
    /// `machineTypes.get`.
    Type,
    /// `advice.capacityHistory`.
    History,
    /// `advice.capacity`.
    Advice,
    /// `regions.get`.
    Region,
}

/// How it goes wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Refused with this HTTP status and reason; nothing happens.
    Refuse(u16, &'static str),
    /// The same in the newer form, with the reason in `details`.
    RefuseNew(u16, &'static str),
    /// Taken; the operation ends with this code, and names this HTTP status.
    Ends {
        /// The code.
        code: &'static str,
        /// The status that it names, if any.
        http: Option<u16>,
        /// The first answer is the last already; else the machine is listed for a moment.
        at_once: bool,
    },
    /// The connection is cut, and nothing happens.
    LoseRequest,
    /// It is carried out, and then the connection is cut.
    LoseReply,
    /// It is carried out, and a proxy answers.
    Proxy,
    /// The listing lacks these places and says so.
    Unreachable(&'static str),
    /// A place of the listing has this warning in place of its machines.
    Warning(&'static str, &'static str),
    /// A wait comes back before the operation is over.
    Early,
}

/// A call that came, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// What was asked for.
    pub call: Call,
    /// When.
    pub at: Instant,
    /// The method of HTTP.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The body, or null.
    pub body: Value,
    /// Status and body of the answer; `None` when there was none that is Google's.
    pub answer: Option<(u16, Value)>,
}

#[derive(Debug)]
struct Rule {
    call: Call,
    fault: Fault,
    times: Option<u32>,
}

#[derive(Debug, Default)]
struct Inner {
    world: World,
    rules: Vec<Rule>,
    log: Vec<Request>,
}

/// The handle.
#[derive(Debug)]
pub struct Gcp {
    inner: Arc<Mutex<Inner>>,
    server: Served,
}

impl Gcp {
    /// Serves.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        Self { inner, server: Served::start(routes) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.server.origin()
    }

    /// From now on these calls go so, so many times or for good. The newest rule of a call counts.
    pub fn rule(&self, call: Call, fault: Fault, times: Option<u32>) {
        self.inner().rules.push(Rule { call, fault, times });
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        self.inner().rules.clear();
    }

    /// Something with what there is.
    pub fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.inner().world)
    }

    /// Every call that came so far.
    #[must_use]
    pub fn log(&self) -> Vec<Request> {
        self.inner().log.clone()
    }

    /// The calls of a kind that came so far.
    #[must_use]
    pub fn requests(&self, call: Call) -> Vec<Request> {
        self.inner().log.iter().filter(|request| request.call == call).cloned().collect()
    }
}

/// Google's classic error body: no status text, a reason for each error.
pub(crate) fn refused(status: u16, reason: &str, text: &str) -> (u16, Value) {
    let domain = if reason.ends_with("Exceeded") { "usageLimits" } else { "global" };
    let error = json!({"message": text, "domain": domain, "reason": reason});
    (status, json!({"error": {"code": status, "message": text, "errors": [error]}}))
}

/// The newer form: a text for the status, and the reason in the details.
fn refused_anew(status: u16, reason: &str) -> (u16, Value) {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
        "domain": "googleapis.com", "metadata": {"service": "compute.googleapis.com"}});
    let errors = [json!({"message": "by the script of faults", "domain": "global", "reason": "forbidden"})];
    let (text, of_status) = ("by the script of faults", "PERMISSION_DENIED");
    let error = json!({"code": status, "message": text, "status": of_status, "details": [info], "errors": errors});
    (status, json!({"error": error}))
}

async fn answer(
    Shared(inner): Shared<Arc<Mutex<Inner>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match route(&method, uri.path()) {
        // The metadata server of a machine with a service account: where credentials come from.
        None if uri.path() == METADATA_TOKEN && headers.contains_key("metadata-flavor") => {
            (200, json!({"access_token": TOKEN, "expires_in": 3_600, "token_type": "Bearer"}))
        }
        None => refused(404, "notFound", "no such path"),
        Some((call, parts)) => {
            let authorized = headers.get("authorization").and_then(|value| value.to_str().ok());
            let query = query(uri.query().unwrap_or_default());
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let answer = if authorized == Some(format!("Bearer {TOKEN}").as_str()) {
                faulty(&mut inner, call, &parts, &query, &body)
            } else {
                Some(refused(401, "authError", "Invalid Credentials"))
            };
            let told = answer.clone().filter(|(_, answer)| !answer.is_string());
            let (method, path) = (method.as_str().to_owned(), uri.path().to_owned());
            inner.log.push(Request { call, at: Instant::now(), method, path, query, body, answer: told });
            match answer {
                Some(answer) => answer,
                None => return broken_off(),
            }
        }
    };
    let status = StatusCode::from_u16(status).expect("a status");
    match body {
        Value::String(page) => (status, [("content-type", "text/html")], page).into_response(),
        body => (status, axum::Json(body)).into_response(),
    }
}

/// The answer by the script of faults; `None`: the connection is cut.
fn faulty(
    inner: &mut Inner,
    call: Call,
    parts: &[String],
    query: &BTreeMap<String, String>,
    body: &Value,
) -> Option<(u16, Value)> {
    let rule = inner.rules.iter_mut().rev().find(|rule| rule.call == call && rule.times != Some(0));
    let fault = rule.map(|rule| {
        rule.times = rule.times.map(|left| left - 1);
        rule.fault.clone()
    });
    let world = &mut inner.world;
    match fault {
        None => Some(world.answer(call, parts, query, body, None)),
        Some(Fault::Refuse(status, reason)) => Some(refused(status, reason, "by the script of faults")),
        Some(Fault::RefuseNew(status, reason)) => Some(refused_anew(status, reason)),
        Some(Fault::LoseRequest) => None,
        Some(Fault::LoseReply) => {
            world.answer(call, parts, query, body, None);
            None
        }
        Some(Fault::Proxy) => {
            world.answer(call, parts, query, body, None);
            Some((502, Value::String("<html><body>bad gateway</body></html>".to_owned())))
        }
        Some(fault) => Some(world.answer(call, parts, query, body, Some(&fault))),
    }
}

/// An answer that ends before it is whole, as when the connection is cut.
fn broken_off() -> Response {
    let cut = futures::stream::iter([
        Ok::<_, std::io::Error>(Bytes::from_static(b"{")),
        Err(std::io::ErrorKind::BrokenPipe.into()),
    ]);
    Body::from_stream(cut).into_response()
}

/// What a path asks for, and its variable parts.
fn route(method: &Method, path: &str) -> Option<(Call, Vec<String>)> {
    let rest = path.strip_prefix("/compute/v1/projects/")?.strip_prefix(PROJECT)?.strip_prefix('/')?;
    let parts: Vec<&str> = rest.split('/').collect();
    let (call, variable): (Call, Vec<&str>) = match (method.as_str(), parts.as_slice()) {
        ("POST", ["zones", zone, "instances"]) => (Call::Insert, vec![*zone]),
        ("GET", ["zones", zone, "instances", name]) => (Call::Get, vec![*zone, *name]),
        ("DELETE", ["zones", zone, "instances", name]) => (Call::Delete, vec![*zone, *name]),
        ("GET", ["aggregated", "instances"]) => (Call::List, vec![]),
        ("POST", ["zones", zone, "operations", name, "wait"]) => (Call::Wait, vec![*zone, *name]),
        ("GET", ["zones", zone, "operations", name]) => (Call::Operation, vec![*zone, *name]),
        ("GET", ["zones", zone, "operations"]) => (Call::Events, vec![*zone]),
        ("GET", ["zones", zone, "machineTypes", kind]) => (Call::Type, vec![*zone, *kind]),
        ("POST", ["regions", region, "advice", "capacityHistory"]) => (Call::History, vec![*region]),
        ("POST", ["regions", region, "advice", "capacity"]) => (Call::Advice, vec![*region]),
        ("GET", ["regions", region]) => (Call::Region, vec![*region]),
        _ => return None,
    };
    Some((call, variable.iter().map(|part| (*part).to_owned()).collect()))
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).filter(|(_, value)| !value.is_empty()).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                std::str::from_utf8(&hex).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}
