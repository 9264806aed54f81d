//! The HTTP API: on loopback unless a token is set. Orders need the operator's token.
//!
//! | path | gives |
//! |---|---|
//! | `/healthz` | 200 while the loop turns, else 503 |
//! | `/readyz` | 200 when every lane is seen and nothing is wrong, else 503 with the reasons |
//! | `/metrics` | Prometheus text |
//! | `/api/v1/fleets` | every fleet as it is |
//! | `/api/v1/fleets/{name}` | one fleet |
//! | `/api/v1/fleets/{name}/plan` | its last decision with every reason |
//! | `/api/v1/instances` | every machine on record |
//! | `/api/v1/events` | what happened; `?fleet=`, `?after=`, `?limit=` |
//! | `/api/v1/lanes` | how each provider's region was last seen |
//! | `POST /api/v1/orders` | pauses, limits, protects, drains: see [`view::OrderRequest`] |
//!
//! Requests read the snapshot that the loop published last. They never reach the loop, so that no number of them can
//! slow it down. Orders do: they wait in a short queue, and are refused when it is full.

mod orders;
pub mod server;
pub mod view;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use policies::control::View;
use prometheus::{Encoder, Registry, TextEncoder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::pulse::Pulse;
use crate::shell::Order;

/// Requests answered at once. Each takes microseconds to milliseconds; more at once means that something is wrong.
const REQUESTS: usize = 32;

/// An order is some hundred bytes; no other request has a body.
const BODY_BYTES: usize = 4 * 1024;

/// The slowest answer is `/metrics` at some milliseconds.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Events given when the request does not say how many.
const EVENTS: usize = 200;

/// What requests are answered from.
#[derive(Clone)]
pub struct Sources {
    /// The last snapshot of the loop.
    pub view: Arc<ArcSwap<View>>,
    /// The loop's pulse.
    pub pulse: Pulse,
    /// The metrics.
    pub registry: Registry,
    /// Needed for `/api` when it is set.
    pub token: Option<SecretString>,
    /// Needed for orders, and good for all else of `/api`. `None`: no orders are taken.
    pub operator_token: Option<SecretString>,
    /// Where orders go.
    pub orders: mpsc::Sender<Order>,
}

/// The API over these sources.
pub fn router(sources: Sources) -> Router {
    let api = Router::new()
        .route("/fleets", get(fleets))
        .route("/fleets/{name}", get(fleet))
        .route("/fleets/{name}/plan", get(plan))
        .route("/instances", get(instances))
        .route("/events", get(events))
        .route("/lanes", get(lanes))
        .fallback(not_found)
        .layer(from_fn_with_state(sources.clone(), authorise))
        // Beside that layer: it asks for more.
        .route("/orders", post(orders::order));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .nest("/api/v1", api)
        .fallback(not_found)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(from_fn_with_state(Arc::new(Semaphore::new(REQUESTS)), limit))
        .with_state(sources)
}

/// Refuses what exceeds [`REQUESTS`] at once, rather than queueing it.
async fn limit(State(permits): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match permits.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once: ask again in a second"),
    }
}

/// Demands the bearer token when one is configured.
async fn authorise(State(sources): State<Sources>, request: Request, next: Next) -> Response {
    let Some(token) = &sources.token else { return next.run(request).await };
    let operator = sources.operator_token.as_ref().is_some_and(|token| bears(request.headers(), token));
    if bears(request.headers(), token) || operator {
        return next.run(request).await;
    }
    unauthorised("this API needs the daemon's token: send `Authorization: Bearer <token>`")
}

/// The request bears this token.
fn bears(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    same_bytes(given.unwrap_or_default(), token.expose_secret().as_bytes())
}

fn unauthorised(text: &str) -> Response {
    let mut response = problem(StatusCode::UNAUTHORIZED, text);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Compares in a time that depends on the lengths only, so that an answer's delay tells nothing of the token.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0_u8, |all, (x, y)| std::hint::black_box(all | (x ^ y)));
    a.len() == b.len() && differences == 0
}

fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(view::Problem { error: error.to_owned() })).into_response()
}

async fn not_found() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "no such path: /healthz, /readyz, /metrics and /api/v1/{fleets,instances,events,lanes,orders}",
    )
}

async fn healthz(State(sources): State<Sources>) -> Response {
    match sources.pulse.stalled() {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(silence) => {
            let text = format!("the loop has not turned for {} s\n", silence.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn readyz(State(sources): State<Sources>) -> Response {
    let reasons = sources.view.load().not_ready.clone();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(view::Ready { ready: reasons.is_empty(), reasons })).into_response()
}

async fn metrics(State(sources): State<Sources>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&sources.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("the metrics cannot be written: {error}")),
    }
}

async fn fleets(State(sources): State<Sources>) -> Json<view::Fleets> {
    Json(view::Fleets::from(&**sources.view.load()))
}

async fn fleet(State(sources): State<Sources>, Path(name): Path<String>) -> Response {
    let snapshot = sources.view.load();
    match snapshot.fleets.iter().find(|f| f.name.as_str() == name) {
        Some(fleet) => Json(view::Fleet::from(fleet)).into_response(),
        None => problem(StatusCode::NOT_FOUND, &no_fleet(&snapshot, &name)),
    }
}

async fn plan(State(sources): State<Sources>, Path(name): Path<String>) -> Response {
    let snapshot = sources.view.load();
    let Some(fleet) = snapshot.fleets.iter().find(|f| f.name.as_str() == name) else {
        return problem(StatusCode::NOT_FOUND, &no_fleet(&snapshot, &name));
    };
    match &fleet.decision {
        Some((plan, report)) => Json(view::Plan::new(plan, report)).into_response(),
        None => {
            let text =
                format!("nothing was decided for `{name}` since the start yet: see /readyz for what it waits for");
            problem(StatusCode::SERVICE_UNAVAILABLE, &text)
        }
    }
}

fn no_fleet(snapshot: &View, name: &str) -> String {
    let names: Vec<_> = snapshot.fleets.iter().map(|f| f.name.as_str()).collect();
    format!("no fleet `{name}`: there are {}", names.join(", "))
}

async fn instances(State(sources): State<Sources>) -> Json<view::Instances> {
    Json(view::Instances::from(&**sources.view.load()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    fleet: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

async fn events(State(sources): State<Sources>, which: Result<Query<Which>, QueryRejection>) -> Response {
    let Query(which) = match which {
        Ok(which) => which,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let snapshot = sources.view.load();
    let chosen: Vec<_> = snapshot
        .notes
        .iter()
        .filter(|n| which.after.is_none_or(|after| n.number > after))
        .filter(|n| which.fleet.as_ref().is_none_or(|name| n.fleet.as_ref().is_some_and(|f| f.as_str() == name)))
        .collect();
    let newest = chosen.len().saturating_sub(which.limit.unwrap_or(EVENTS));
    let events = chosen.into_iter().skip(newest).map(view::Event::from).collect();
    Json(view::Events { events }).into_response()
}

async fn lanes(State(sources): State<Sources>) -> Json<view::Lanes> {
    Json(view::Lanes::from(&**sources.view.load()))
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn only_equal_bytes_are_the_same() {
        assert!(same_bytes(b"horse", b"horse"));
        for other in [b"" as &[u8], b"hors", b"horse2", b"Horse", b"horsf"] {
            assert!(!same_bytes(other, b"horse"));
        }
    }

    #[tokio::test]
    async fn more_requests_than_the_limit_are_refused_at_once() {
        let (arrived, mut arrivals) = mpsc::channel(REQUESTS);
        let stuck = move || {
            let arrived = arrived.clone();
            async move {
                arrived.send(()).await.unwrap();
                std::future::pending::<()>().await;
            }
        };
        let permits = Arc::new(Semaphore::new(REQUESTS));
        let router = Router::new().route("/stuck", get(stuck)).layer(from_fn_with_state(permits, limit));
        let listener = server::bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
        let url = format!("http://{}/stuck", listener.local_addr().unwrap());
        tokio::spawn(server::serve(listener, router));
        for _ in 0..REQUESTS {
            tokio::spawn(reqwest::get(url.clone()));
            arrivals.recv().await.unwrap();
        }
        assert_eq!(reqwest::get(&url).await.unwrap().status().as_u16(), 503);
    }
}
