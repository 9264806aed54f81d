//! Demand from a queue of RabbitMQ, through its management API.
//!
//! The server gathers these numbers every few seconds (`collect_statistics_interval`, 5 s), so a reading is that old. The
//! user needs the tag `management` and a permission on the vhost; one that allows nothing (`^$`) is enough.

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::Time;
use serde_json::Value;

use super::web::{Kind, Web};
use super::{RabbitMqSpec, Source};

const KIND: Kind = Kind {
    name: "rabbitmq",
    what: "rabbitmq source",
    operation: "queues",
    gone: " (is it the URL of the management API, and are vhost and queue there?)",
    said: |answer| answer.get("reason")?.as_str(),
};

/// The numbers that are asked for: a queue with thousands of consumers would answer with megabytes.
const COLUMNS: &str = "messages_ready,messages_unacknowledged,message_stats.publish";

/// Reads demand from RabbitMQ.
#[derive(Debug)]
pub struct RabbitMqSource {
    web: Web,
    queue: String,
}

impl RabbitMqSource {
    /// The source of this specification. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open); also for a name of a queue or vhost that cannot stand in a path.
    pub fn new(spec: &RabbitMqSpec) -> Result<Self, Failure> {
        let RabbitMqSpec { endpoint, vhost, queue, timeout } = spec;
        // As a step of a path these mean something else, and libraries take them out.
        if [vhost, queue].iter().any(|name| matches!(name.as_str(), "" | "." | "..")) {
            let text = "the name of the queue or of its vhost cannot be used";
            return Err(Failure::new(FailureKind::Invalid, "connect", "-", text));
        }
        let web = Web::new(KIND, endpoint, *timeout, |url| {
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().extend(["api", "queues", vhost, queue]);
            }
            url.query_pairs_mut().append_pair("columns", COLUMNS);
        })?;
        Ok(Self { web, queue: format!("queue `{queue}` of vhost `{vhost}`") })
    }

    fn sample(&self, answer: &Value, at: Time) -> Result<Sample, (FailureKind, String)> {
        let count = |pointer: &str| match answer.pointer(pointer) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| {
                let name = pointer.rsplit('/').next().unwrap_or(pointer);
                (FailureKind::Invalid, format!("`{name}` of {} is no count", self.queue))
            }),
        };
        let known = |pointer| {
            count(pointer)?.ok_or_else(|| {
                let text = format!("the server has no numbers of {} yet", self.queue);
                (FailureKind::Unavailable, text)
            })
        };
        // With none of the columns known, RabbitMQ (3.10) writes an empty list in place of an empty object.
        if !answer.is_object() && answer.as_array().is_none_or(|list| !list.is_empty()) {
            return Err((FailureKind::Invalid, "the answer is not that of RabbitMQ".to_owned()));
        }
        Ok(Sample {
            at,
            waiting: known("/messages_ready")?,
            in_flight: known("/messages_unacknowledged")?,
            arrived_total: count("/message_stats/publish")?,
        })
    }
}

#[async_trait]
impl Source for RabbitMqSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        let answer = self.web.ask().await?;
        self.sample(&answer, now).map_err(|(kind, text)| self.web.failure(kind, "-", &text))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode, Uri, header};
    use axum::routing::get;
    use serde_json::json;

    use super::super::HttpEndpoint;
    use super::super::fake::{AT, Fake, NEVER};
    use super::*;

    fn source(fake: &Fake, login: &str, vhost: &str, queue: &str) -> RabbitMqSource {
        let endpoint = HttpEndpoint { url: fake.url_of(login, ""), token: None, allow_http: false };
        let spec = RabbitMqSpec { endpoint, vhost: vhost.to_owned(), queue: queue.to_owned(), timeout: NEVER };
        RabbitMqSource::new(&spec).expect("usable")
    }

    /// Answers as RabbitMQ does: queues by path, a login, and an object that says why not.
    async fn fake() -> Fake {
        let answer = |uri: Uri, headers: HeaderMap| async move {
            // `reader:sesame`
            let login = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Basic cmVhZGVyOnNlc2FtZQ==");
            if !login {
                let text = json!({"error": "not_authorized", "reason": "Login failed"});
                return (StatusCode::UNAUTHORIZED, text.to_string());
            }
            if !uri.query().is_some_and(|query| query.starts_with("columns=messages_ready")) {
                return (StatusCode::BAD_REQUEST, String::new());
            }
            let found = match uri.path() {
                "/api/queues/%2F/jobs" => {
                    json!({"messages_ready": 7, "messages_unacknowledged": 2, "message_stats": {"publish": 90}})
                }
                "/api/queues/a%2Fb/c%20d%3F" => json!({"messages_ready": 1, "messages_unacknowledged": 0}),
                "/api/queues/%2F/new" => json!({}),
                "/api/queues/%2F/odd" => json!({"messages_ready": "7", "messages_unacknowledged": 2}),
                "/api/queues/%2F/newest" => json!([]),
                "/api/queues/%2F/list" => json!([7]),
                _ => {
                    let text = json!({"error": "Object Not Found", "reason": "Not Found"});
                    return (StatusCode::NOT_FOUND, text.to_string());
                }
            };
            (StatusCode::OK, found.to_string())
        };
        Fake::start(Router::new().fallback(get(answer))).await
    }

    #[tokio::test]
    async fn ready_waits_and_unacknowledged_is_in_flight() {
        let fake = fake().await;
        let sample = Sample { at: AT, waiting: 7, in_flight: 2, arrived_total: Some(90) };
        assert_eq!(source(&fake, "reader:sesame", "/", "jobs").measure(AT).await, Ok(sample));
        let sample = Sample { at: AT, waiting: 1, in_flight: 0, arrived_total: None };
        assert_eq!(source(&fake, "reader:sesame", "a/b", "c d?").measure(AT).await, Ok(sample));
    }

    #[tokio::test]
    async fn what_is_not_known_is_never_zero() {
        let fake = fake().await;
        for (login, queue, kind, text) in [
            ("reader:sesame", "other", FailureKind::Gone, "are vhost and queue there?"),
            ("reader:sesame", "new", FailureKind::Unavailable, "no numbers of queue `new` of vhost `/` yet"),
            ("reader:sesame", "newest", FailureKind::Unavailable, "no numbers of queue `newest`"),
            ("reader:sesame", "odd", FailureKind::Invalid, "`messages_ready` of queue `odd` of vhost `/` is no count"),
            ("reader:sesame", "list", FailureKind::Invalid, "not that of RabbitMQ"),
            ("reader:other", "jobs", FailureKind::Denied, "Login failed"),
        ] {
            let source = source(&fake, login, "/", queue);
            let failure = source.measure(AT).await.expect_err(text);
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(failure.message.contains(text), "{failure}");
            let shown = format!("{failure:?} {source:?}");
            assert!(!shown.contains("sesame") && !shown.contains("other:"), "{shown}");
        }
    }

    #[tokio::test]
    async fn a_queue_is_no_metric() {
        let fake = fake().await;
        let failure = source(&fake, "reader:sesame", "/", "jobs").value().await.expect_err("a queue");
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (FailureKind::Invalid, "this source is a queue, not a metric")
        );
    }

    #[test]
    fn a_step_of_a_path_is_no_name() {
        for (vhost, queue) in [("/", ".."), (".", "jobs"), ("/", ""), ("", "jobs")] {
            let endpoint = HttpEndpoint { url: "http://127.0.0.1:1".into(), token: None, allow_http: false };
            let spec = RabbitMqSpec { endpoint, vhost: vhost.to_owned(), queue: queue.to_owned(), timeout: NEVER };
            assert_eq!(RabbitMqSource::new(&spec).expect_err("no name").kind, FailureKind::Invalid);
        }
    }
}
