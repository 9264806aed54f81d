//! An Azure peer on the wire: Resource Manager, the token servers and the Retail Prices API, over plain HTTP on a free
//! port of the loopback, with a clock of its own and a script of faults.
//!
//! The clock stands still but for [`Fake::pass`], and for whoever asks about an operation: he was told to wait, and has
//! waited, so that much time has passed. Nothing here waits for real time; for a real daemon it goes with the host's clock
//! beside that ([`World::go`]).
//!
//! What it cannot show: real capacity and prices, how long Azure takes, which names Azure gives to what it makes,
//! whether an id that is named (subnet, image) exists.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod arm;
mod check;
mod world;

pub use world::{Behaviour, Call, Fault, Machine, Part, World};

/// The subscription that there is.
pub const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
/// The resource group that there is.
pub const GROUP: &str = "Spotfleet-RG";
/// A token that is always taken.
pub const TOKEN: &str = "fixed-token";
/// The tenant, application and secret that the token server takes.
pub const LOGIN: [&str; 3] = ["aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-app", "s3cr3t~canary"];

/// A running peer. Dropping it ends it.
#[derive(Debug)]
pub struct Fake {
    port: u16,
    world: Arc<Mutex<World>>,
    server: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What comes back.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body: Some(body.to_string()) }
    }

    fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message}}))
    }

    fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

/// A request, taken apart.
pub(crate) struct Asked<'a> {
    method: &'a Method,
    /// Decoded parts of the path.
    path: Vec<String>,
    query: BTreeMap<String, String>,
    headers: &'a HeaderMap,
    body: Value,
    raw: &'a [u8],
    /// The address that was asked.
    base: String,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn query(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }
}

impl Fake {
    /// Starts a peer.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let world = Arc::new(Mutex::new(World::default()));
        let router = Router::new().fallback(answer).with_state(world.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server");
        });
        Self { port, world, server }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of its prices.
    #[must_use]
    pub fn prices_url(&self) -> String {
        format!("{}/api/retail/prices", self.url())
    }

    /// What it holds, to look at and to change. Nobody is answered meanwhile, and nobody else may look.
    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.world().pass(seconds);
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response<Body> {
    let asked = Asked {
        method: &method,
        path: uri.path().split('/').filter(|part| !part.is_empty()).map(decoded).collect(),
        query: pairs(uri.query().unwrap_or_default()),
        headers: &headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        raw: &bytes,
        // Links lead to where it was asked, which may be a way to here.
        base: headers
            .get("host")
            .and_then(|host| host.to_str().ok())
            .map_or_else(String::new, |h| format!("http://{h}")),
    };
    let call = arm::call(&asked);
    let fault = {
        let mut world = lock(&world);
        world.catch_up();
        world.arrivals.push((call, Instant::now()));
        world.take(call)
    };
    let reply = match fault {
        Some(Fault::LoseRequest) => cut(),
        Some(Fault::Refuse { status, code, message, retry_after }) => {
            lock(&world).count(call);
            let reply = Reply::error(status, code, &message);
            match retry_after {
                Some(seconds) => reply.with("retry-after", seconds.to_string()),
                None => reply,
            }
        }
        Some(Fault::LoseReply) => {
            drop(arm::carry_out(&mut lock(&world), call, &asked));
            cut()
        }
        Some(Fault::Proxy) => {
            drop(arm::carry_out(&mut lock(&world), call, &asked));
            Reply { status: 502, headers: Vec::new(), body: Some("<html>bad gateway</html>".to_owned()) }
        }
        None => arm::carry_out(&mut lock(&world), call, &asked),
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(reply.body.map_or_else(Body::empty, Body::from)).expect("a response")
}

/// Ends the connection without an answer: unwinding ends the task that serves it, and prints nothing.
fn cut() -> Reply {
    resume_unwind(Box::new("no answer"))
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

/// The text of a part of an address or of a form.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
