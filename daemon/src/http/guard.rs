//! Who may ask what, how much at once, and the one shape of every error.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::Semaphore;

use super::{Sources, view};

/// Requests answered at once. Each takes microseconds to milliseconds; more at once means that something is wrong.
pub(super) const REQUESTS: usize = 32;

/// An order is some hundred bytes, at most some thousand when all of it is escaped; no other request has a body.
pub(super) const BODY_BYTES: usize = 16 * 1024;

/// The one path that the workers' token opens.
pub(super) const WORKERS: &str = "/api/v1/workers";

/// The slowest answer is `/metrics` at some milliseconds; an order waits for the disk.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An error answer.
pub(super) fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(view::Problem { error: error.to_owned() })).into_response()
}

/// The one answer to everybody without a token: it does not depend on what was asked for.
fn unauthorised() -> Response {
    let text = "this needs a token of the daemon: send `Authorization: Bearer <token>`";
    let mut response = problem(StatusCode::UNAUTHORIZED, text);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Whose token a request bears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bearer {
    Nobody,
    Worker,
    Reader,
    Operator,
}

/// Compares with all tokens always, each in a time that depends on the lengths only, so that the delay of an answer
/// tells nothing of them.
fn bearer(sources: &Sources, headers: &HeaderMap) -> Bearer {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(b"Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let given = given.unwrap_or_default();
    let is = |token: &Option<SecretString>| {
        token.as_ref().map_or(Choice::from(0), |token| token.expose_secret().as_bytes().ct_eq(given))
    };
    let tokens = &sources.tokens;
    let (reader, operator, worker) = (is(&tokens.reader), is(&tokens.operator), is(&tokens.worker));
    if operator.into() {
        Bearer::Operator
    } else if reader.into() {
        Bearer::Reader
    } else if worker.into() {
        Bearer::Worker
    } else {
        Bearer::Nobody
    }
}

/// Demands a token, when one is configured for reading. Before anything else, of every path but the open ones.
pub(super) async fn read(State(sources): State<Sources>, request: Request, next: Next) -> Response {
    let enough = sources.tokens.reader.is_none()
        || match bearer(&sources, request.headers()) {
            Bearer::Reader | Bearer::Operator => true,
            // To it nothing else is there.
            Bearer::Worker => request.uri().path() == WORKERS,
            Bearer::Nobody => false,
        };
    if enough { next.run(request).await } else { unauthorised() }
}

/// Demands the operator's token, before the body is read.
pub(super) async fn operate(State(sources): State<Sources>, request: Request, next: Next) -> Response {
    if sources.tokens.operator.is_none() {
        let text = "this daemon takes no orders: set `daemon.operator_token` in its fleet file, and start it again";
        return problem(StatusCode::FORBIDDEN, text);
    }
    match bearer(&sources, request.headers()) {
        Bearer::Operator => next.run(request).await,
        Bearer::Reader => {
            problem(StatusCode::FORBIDDEN, "this token only reads: orders need the one of `daemon.operator_token`")
        }
        Bearer::Worker | Bearer::Nobody => unauthorised(),
    }
}

/// Demands the workers' token or the operator's, before the body is read.
pub(super) async fn work(State(sources): State<Sources>, request: Request, next: Next) -> Response {
    if sources.tokens.worker.is_none() && sources.tokens.operator.is_none() {
        let text =
            "this daemon takes no words of workers: set `daemon.worker_token` in its fleet file, and start it again";
        return problem(StatusCode::FORBIDDEN, text);
    }
    match bearer(&sources, request.headers()) {
        Bearer::Worker | Bearer::Operator => next.run(request).await,
        Bearer::Reader => {
            problem(StatusCode::FORBIDDEN, "this token only reads: workers need the one of `daemon.worker_token`")
        }
        Bearer::Nobody => unauthorised(),
    }
}

/// Refuses what exceeds [`REQUESTS`] at once rather than queueing it, bodies that say that they are too long before a
/// byte of them is read, and what takes too long.
pub(super) async fn limit(State(permits): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = permits.try_acquire() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once: ask again in a second");
    };
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_BYTES as u64) {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("a request has {BODY_BYTES} bytes at most"));
    }
    tokio::time::timeout(TIMEOUT, next.run(request)).await.unwrap_or_else(|_| {
        let text =
            "no answer within 10 s: an order may still be carried out, so ask what stands before giving it again";
        problem(StatusCode::SERVICE_UNAVAILABLE, text)
    })
}

/// No such path.
pub(super) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "no such path: `/api/v1/openapi.json` lists all")
}

/// The path is there, for other methods: `Allow` names them.
pub(super) async fn not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "not with this method: the header `Allow` names those that do")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tokio::sync::mpsc;

    use super::super::server;
    use super::*;

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
        tokio::spawn(server::serve(listener, router, std::future::pending()));
        for _ in 0..REQUESTS {
            tokio::spawn(reqwest::get(url.clone()));
            arrivals.recv().await.unwrap();
        }
        assert_eq!(reqwest::get(&url).await.unwrap().status().as_u16(), 503);
    }
}
