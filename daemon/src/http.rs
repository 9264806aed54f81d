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
//! | `/api/v1/events/stream` | what happens, as server-sent events |
//! | `/api/v1/explain/{what}` | why: a fleet, a machine or an event |
//! | `/api/v1/lanes` | how each provider's region was last seen |
//! | `/api/v1/openapi.json` | all of this for programs |
//! | `POST /api/v1/orders` | pauses, limits, protects, drains: see [`view::OrderRequest`] |
//! | `POST /api/v1/workers` | a worker is busy or idle: see [`view::WorkerRequest`] |
//!
//! The first three are open. All else, what is not there included, answers 401 to everybody without a token when
//! `daemon.token` is set. Every error is a [`view::Problem`].
//!
//! Requests read the snapshot that the loop published last. They never reach the loop, so that no number of them can
//! slow it down. Orders and the words of workers do: they wait in a short queue, and are refused when it is full.

mod guard;
pub mod openapi;
mod orders;
mod routes;
pub mod server;
mod stream;
pub mod view;
mod workers;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use policies::control::View;
use prometheus::{Encoder, Registry, TextEncoder};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::assemble::Tokens;
use crate::explain::{Facts, Unknown, explain as explained};
use crate::pulse::Pulse;
use crate::shell::Order;
use guard::problem;
use routes::{Route, Token};
pub use stream::STREAMS;

/// Events in a snapshot: the most that are given at once.
const EVENTS: usize = 200;

/// What requests are answered from.
#[derive(Clone)]
pub struct Sources {
    /// The last snapshot of the loop.
    pub view: Arc<ArcSwap<View>>,
    /// Rises with each snapshot; ends with the loop, and so do the streams of events.
    pub versions: watch::Receiver<u64>,
    /// The loop's pulse.
    pub pulse: Pulse,
    /// The metrics.
    pub registry: Registry,
    /// Who may what. The reader's is needed for all but the open paths when it is set; the operator's for orders, and good
    /// for all else: without it no orders are taken; the workers' for their words only.
    pub tokens: Tokens,
    /// Where orders and words go.
    pub orders: mpsc::Sender<Order>,
}

/// The API over these sources.
pub fn router(sources: Sources) -> Router {
    let (mut open, mut guarded) = (Router::new(), Router::new());
    for Route { path, token, handler, .. } in routes::all() {
        match token {
            Token::Open => open = open.route(path, handler),
            Token::Reader => guarded = guarded.route(path, handler),
            Token::Operator => {
                let operate = from_fn_with_state(sources.clone(), guard::operate);
                guarded = guarded.route(path, handler.route_layer(operate));
            }
            Token::Worker => {
                let work = from_fn_with_state(sources.clone(), guard::work);
                guarded = guarded.route(path, handler.route_layer(work));
            }
        }
    }
    let limit = from_fn_with_state(Arc::new(Semaphore::new(guard::REQUESTS)), guard::limit);
    let open = open.method_not_allowed_fallback(guard::not_allowed).layer(limit.clone());
    let guarded = guarded
        .method_not_allowed_fallback(guard::not_allowed)
        .fallback(guard::not_found)
        .layer(Extension(stream::Streams::default()))
        .layer(DefaultBodyLimit::max(guard::BODY_BYTES))
        .layer(limit)
        .with_state(sources.clone());
    // Around all of it, so that who has no token gets no further, and does not even learn what `Allow` would say.
    let read = from_fn_with_state(sources.clone(), guard::read);
    let guarded = Router::new().fallback_service(guarded).layer(read);
    open.merge(guarded).with_state(sources)
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

type Name = Result<Path<String>, PathRejection>;

async fn fleet(State(sources): State<Sources>, name: Name) -> Response {
    let name = match name {
        Ok(Path(name)) => name,
        Err(error) => return problem(error.status(), &error.body_text()),
    };
    let snapshot = sources.view.load();
    match snapshot.fleets.iter().find(|f| f.name.as_str() == name) {
        Some(fleet) => Json(view::Fleet::from(fleet)).into_response(),
        None => problem(StatusCode::NOT_FOUND, &no_fleet(&snapshot, &name)),
    }
}

async fn plan(State(sources): State<Sources>, name: Name) -> Response {
    let name = match name {
        Ok(Path(name)) => name,
        Err(error) => return problem(error.status(), &error.body_text()),
    };
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
    let limit = which.limit.unwrap_or(EVENTS);
    if !(1..=EVENTS).contains(&limit) {
        return problem(StatusCode::BAD_REQUEST, &format!("limit: give 1 to {EVENTS}"));
    }
    let snapshot = sources.view.load();
    let chosen: Vec<_> = snapshot
        .notes
        .iter()
        .filter(|n| which.after.is_none_or(|after| n.number > after))
        .filter(|n| which.fleet.as_ref().is_none_or(|name| n.fleet.as_ref().is_some_and(|f| f.as_str() == name)))
        .collect();
    let newest = chosen.len().saturating_sub(limit);
    let events = chosen.into_iter().skip(newest).map(view::Event::from).collect();
    Json(view::Events { events }).into_response()
}

async fn explain(State(sources): State<Sources>, what: Name) -> Response {
    let what = match what {
        Ok(Path(what)) => what,
        Err(error) => return problem(error.status(), &error.body_text()),
    };
    let snapshot = sources.view.load();
    match explained(&Facts::from(&**snapshot), &what) {
        Ok(why) => Json(why).into_response(),
        Err(unknown) => {
            let status = match unknown {
                Unknown::Nothing { .. } | Unknown::NoEvent { .. } => StatusCode::NOT_FOUND,
                Unknown::Several { .. } => StatusCode::CONFLICT,
            };
            problem(status, &unknown.to_string())
        }
    }
}

async fn lanes(State(sources): State<Sources>) -> Json<view::Lanes> {
    Json(view::Lanes::from(&**sources.view.load()))
}
