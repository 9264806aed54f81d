//! `GET /api/v1/events/stream`: what happens, as it happens, as server-sent events.
//!
//! The id of an event is its number. Who comes back with `Last-Event-ID` gets what happened since, as far as the ring
//! of the snapshot goes: numbers rise by one, so a gap can be seen. A slow reader gets the newest of the ring when it
//! reads again; nothing is kept for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use policies::control::View;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{Sources, problem, view};

/// Streams at once: screens of people. Each costs one of the connections.
pub const STREAMS: usize = 64;

/// A comment is sent after so long without an event, so that a reader that is gone is noticed, and proxies keep the
/// connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Permits of streams.
#[derive(Clone)]
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    fleet: Option<String>,
    after: Option<u64>,
}

pub(super) async fn follow(
    State(sources): State<Sources>,
    Extension(Streams(permits)): Extension<Streams>,
    headers: HeaderMap,
    which: Result<Query<Which>, QueryRejection>,
) -> Response {
    let Which { fleet, after } = match which {
        Ok(Query(which)) => which,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    // A browser that connects again says this, and the address that it was given first.
    let last = match headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse().ok())) {
        None => after,
        Some(Some(number)) => Some(number),
        Some(None) => return problem(StatusCode::BAD_REQUEST, "Last-Event-ID: this is no number of an event"),
    };
    let Ok(permit) = permits.try_acquire_owned() else {
        let text = format!("{STREAMS} streams are open already: close one, or ask /api/v1/events");
        return problem(StatusCode::SERVICE_UNAVAILABLE, &text);
    };
    let Sources { view, mut versions, .. } = sources;
    // Before the snapshot is read: what is published after that is not missed.
    versions.mark_unchanged();
    let after = last.or_else(|| view.load().notes.last().map(|n| n.number)).unwrap_or(0);
    let follower = Follower { view, versions, fleet, after, ready: VecDeque::new(), over: false, _permit: permit };
    Sse::new(follower.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// One stream.
struct Follower {
    view: Arc<ArcSwap<View>>,
    versions: watch::Receiver<u64>,
    fleet: Option<String>,
    /// The number of the last event that was taken from a snapshot.
    after: u64,
    /// Not given out yet: at most one ring.
    ready: VecDeque<view::Event>,
    /// The loop has ended.
    over: bool,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// Ends when the loop does.
    fn events(mut self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        self.take();
        stream::unfold(self, |mut follower| async move {
            loop {
                if let Some(event) = follower.ready.pop_front() {
                    // Text without line breaks, so that it fits; should it not, a client sees the gap.
                    let sent = sse::Event::default().id(event.number.to_string()).json_data(&event).unwrap_or_default();
                    return Some((Ok(sent), follower));
                }
                if follower.over {
                    return None;
                }
                follower.over = follower.versions.changed().await.is_err();
                follower.take();
            }
        })
    }

    /// Takes what is new in the snapshot.
    fn take(&mut self) {
        let view = self.view.load();
        let newest = view.notes.last().map_or(0, |n| n.number);
        if newest < self.after {
            // The store was made anew, and counts from the beginning.
            self.after = 0;
        }
        let of_fleet = |name: &policies::model::FleetName| self.fleet.as_ref().is_none_or(|f| f == name.as_str());
        let new = view.notes.iter().filter(|n| n.number > self.after);
        let new = new.filter(|n| self.fleet.is_none() || n.fleet.as_ref().is_some_and(of_fleet));
        self.ready.extend(new.map(view::Event::from));
        self.after = newest;
    }
}
