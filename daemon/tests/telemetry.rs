//! OTLP from the real program to a receiver on loopback, and to one that is not there.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

#[expect(dead_code, reason = "this binary uses its part")]
mod daemon_support;

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use daemon_support::{PATIENCE, Place};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A collector: what was posted where. Ends with its runtime.
struct Collector {
    _runtime: Runtime,
    endpoint: String,
    posts: Receiver<(String, Vec<u8>)>,
}

impl Collector {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (sender, posts) = channel();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let take = move |uri: Uri, body: Bytes| {
            let _ = sender.send((uri.path().to_owned(), body.to_vec()));
            async {}
        };
        let router = Router::new().fallback(take).layer(DefaultBodyLimit::disable());
        runtime.spawn(async { axum::serve(listener, router).await });
        Self { _runtime: runtime, endpoint, posts }
    }

    /// Waits for a post to this path that contains this text.
    fn wait_for(&self, path: &str, text: &str) {
        let mut got = Vec::new();
        loop {
            match self.posts.recv_timeout(PATIENCE) {
                Ok((to, body)) => {
                    if to == path && contains(&body, text) {
                        return;
                    }
                    got.push(format!("{to}: {} bytes", body.len()));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no post to {path} with `{text}`: {got:#?}")
                }
            }
        }
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn metrics_and_traces_arrive_at_a_collector() {
    let collector = Collector::new();
    let place = Place::new(0);
    let otlp = format!("otlp: {{endpoint: \"{}\", interval: 1s}}", collector.endpoint);
    place.write("fleet.yaml", &place.fleet(10, &otlp));
    let mut daemon = place.run();
    daemon.wait_for("launched");
    collector.wait_for("/v1/metrics", "spotfleet_target_capacity");
    collector.wait_for("/v1/metrics", "spotfleet_provider_calls");
    daemon.signal("TERM");
    // What is left is sent at the end.
    collector.wait_for("/v1/traces", "provider_call");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{said:#?}");
}

#[test]
fn rounds_are_traced() {
    let collector = Collector::new();
    let place = Place::new(0);
    let otlp = format!("otlp: {{endpoint: \"{}\", interval: 1h}}", collector.endpoint);
    place.write("fleet.yaml", &place.fleet(10, &otlp));
    let mut daemon = place.run();
    daemon.wait_for("launched");
    daemon.signal("TERM");
    collector.wait_for("/v1/traces", "round");
    assert_eq!(daemon.ended().0.code(), Some(0));
}

#[test]
fn a_collector_that_is_not_there_costs_a_line_and_nothing_else() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let place = Place::new(0);
    place.write("fleet.yaml", &place.fleet(10, &format!("otlp: {{endpoint: \"{endpoint}\", interval: 1s}}")));
    let mut daemon = place.run();
    daemon.wait_for("OTLP export fails");
    daemon.signal("TERM");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    let metrics = said.iter().filter(|l| l.contains("OTLP export fails") && l.contains("metrics")).count();
    assert!(metrics <= 1, "{said:#?}");
    assert!(said.iter().any(|l| l.contains("launched")), "{said:#?}");
}

#[test]
fn a_collector_that_does_not_answer_keeps_nobody_waiting() {
    // It takes connections into its queue and never reads.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let place = Place::new(0);
    place.write("fleet.yaml", &place.fleet(10, &format!("otlp: {{endpoint: \"{endpoint}\", interval: 1s}}")));
    let mut daemon = place.run();
    daemon.wait_for("launched");
    daemon.wait_for("ready");
    let watch = spotfleet::clock::Stopwatch::start();
    daemon.signal("TERM");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert!(watch.elapsed() < std::time::Duration::from_secs(10), "{:?}", watch.elapsed());
}
