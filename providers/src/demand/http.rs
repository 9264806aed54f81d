//! Demand, or a metric, from any HTTP endpoint that answers JSON.

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::Time;
use serde_json::Value;

use super::number::Number;
use super::web::{Kind, Web};
use super::{HttpSpec, Source};

const KIND: Kind = Kind {
    name: "http",
    what: "http source",
    operation: "GET",
    gone: "",
    // What an unknown endpoint says beside its status may be anything.
    said: |_| None,
};

/// Reads demand, or a metric, from an HTTP endpoint.
#[derive(Debug)]
pub struct HttpSource {
    web: Web,
    pointer: String,
    in_flight: Option<String>,
    arrived_total: Option<String>,
}

impl HttpSource {
    /// The source of this specification. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(spec: &HttpSpec) -> Result<Self, Failure> {
        let HttpSpec { endpoint, pointer, in_flight, arrived_total, timeout } = spec.clone();
        Ok(Self { web: Web::new(KIND, &endpoint, timeout, |_| {})?, pointer, in_flight, arrived_total })
    }

    fn number(&self, answer: &Value, pointer: &str) -> Result<Number, Failure> {
        let found = answer.pointer(pointer).ok_or_else(|| {
            self.web.failure(FailureKind::Gone, "-", &format!("the answer has nothing at `{pointer}`"))
        })?;
        Number::of(found).map_err(|why| {
            self.web.failure(FailureKind::Invalid, "-", &format!("what is at `{pointer}` cannot be used: {why}"))
        })
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        let answer = self.web.ask().await?;
        let jobs = |pointer: &String| self.number(&answer, pointer).map(Number::jobs);
        Ok(Sample {
            at: now,
            waiting: jobs(&self.pointer)?,
            in_flight: self.in_flight.as_ref().map_or(Ok(0), jobs)?,
            arrived_total: self.arrived_total.as_ref().map(jobs).transpose()?,
        })
    }

    async fn value(&self) -> Result<u64, Failure> {
        let answer = self.web.ask().await?;
        self.number(&answer, &self.pointer).map(Number::thousandths)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::Uri;
    use axum::routing::get;

    use super::super::HttpEndpoint;
    use super::super::fake::{AT, Fake, NEVER};
    use super::*;

    const ANSWER: &str = r#"{"jobs": {"ready": 12, "busy": "3", "a/b": [1.5]}, "total": 900.0, "name": "batch"}"#;

    fn source(fake: &Fake, pointer: &str, more: [Option<&str>; 2]) -> HttpSource {
        let [in_flight, arrived_total] = more.map(|more| more.map(str::to_owned));
        let endpoint = HttpEndpoint { url: fake.url("/stats/?all=1"), token: None, allow_http: false };
        HttpSource::new(&HttpSpec { endpoint, pointer: pointer.to_owned(), in_flight, arrived_total, timeout: NEVER })
            .expect("usable")
    }

    async fn fake() -> Fake {
        // Path and query are asked for as they are written.
        let answer = |uri: Uri| async move { if uri.query() == Some("all=1") { ANSWER } else { "{}" } };
        Fake::start(Router::new().route("/stats/", get(answer))).await
    }

    #[tokio::test]
    async fn pointers_say_where_the_numbers_are() {
        let fake = fake().await;
        let one = source(&fake, "/jobs/ready", [None, None]);
        let sample = Sample { at: AT, waiting: 12, in_flight: 0, arrived_total: None };
        assert_eq!(one.measure(AT).await, Ok(sample));
        assert_eq!(one.value().await, Ok(12_000));
        let all = source(&fake, "/jobs/a~1b/0", [Some("/jobs/busy"), Some("/total")]);
        let sample = Sample { at: AT, waiting: 2, in_flight: 3, arrived_total: Some(900) };
        assert_eq!(all.measure(AT).await, Ok(sample), "half a job is a job");
        assert_eq!(all.value().await, Ok(1_500));
    }

    #[tokio::test]
    async fn an_answer_can_be_the_number_itself() {
        let fake = Fake::start(Router::new().route("/stats/", get(|| async { "7\n" }))).await;
        assert_eq!(source(&fake, "", [None, None]).measure(AT).await.map(|s| s.waiting), Ok(7));
    }

    #[tokio::test]
    async fn what_is_missing_or_no_number_is_never_zero() {
        let fake = fake().await;
        for (pointer, more, kind, text) in [
            ("/jobs/waiting", [None, None], FailureKind::Gone, "nothing at `/jobs/waiting`"),
            ("/jobs/ready", [Some("/nowhere"), None], FailureKind::Gone, "nothing at `/nowhere`"),
            ("/jobs/ready", [None, Some("/nowhere")], FailureKind::Gone, "nothing at `/nowhere`"),
            ("/name", [None, None], FailureKind::Invalid, "no number"),
            ("/jobs", [None, None], FailureKind::Invalid, "an object"),
            ("/jobs/ready", [Some("/jobs/a~1b"), None], FailureKind::Invalid, "a list"),
        ] {
            let failure = source(&fake, pointer, more).measure(AT).await.expect_err(text);
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(failure.message.contains(text), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_value_is_kept_in_thousandths() {
        let fake = Fake::start(Router::new().route("/stats/", get(|| async { r#"{"load": 0.7504}"# }))).await;
        let source = source(&fake, "/load", [None, None]);
        assert_eq!(source.value().await, Ok(750));
        assert_eq!(source.measure(AT).await.map(|s| s.waiting), Ok(1));
    }
}
