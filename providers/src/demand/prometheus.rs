//! Demand, or a metric, from Prometheus and what speaks its query API (Thanos, Mimir, VictoriaMetrics).
//!
//! One instant query a reading. The result is a scalar, or a vector with one sample; an empty vector is missing data,
//! because Prometheus tells a metric that is zero from one that nobody exports.

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::Time;
use serde_json::Value;

use super::number::Number;
use super::web::{Kind, Web, first};
use super::{PrometheusSpec, Source};

const KIND: Kind = Kind {
    name: "prometheus",
    what: "prometheus source",
    operation: "query",
    gone: " (is the URL the base of a Prometheus, without `/api/v1`?)",
    said: |answer| answer.get("error")?.as_str(),
};

/// Reads demand, or a metric, from Prometheus.
#[derive(Debug)]
pub struct PrometheusSource {
    web: Web,
}

impl PrometheusSource {
    /// The source of this specification. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(spec: &PrometheusSpec) -> Result<Self, Failure> {
        Ok(Self { web: web(spec)? })
    }

    async fn read(&self) -> Result<Number, Failure> {
        let answer = self.web.ask().await?;
        result(&answer).map_err(|(kind, text)| self.web.failure(kind, "-", &text))
    }
}

/// The request that makes this query.
///
/// # Errors
/// `Invalid`, see [`open`](super::open).
pub(crate) fn web(spec: &PrometheusSpec) -> Result<Web, Failure> {
    let PrometheusSpec { endpoint, query, timeout } = spec;
    Web::new(KIND, endpoint, *timeout, |url| {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "query"]);
        }
        url.query_pairs_mut().append_pair("query", query);
    })
}

#[async_trait]
impl Source for PrometheusSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        Ok(Sample { at: now, waiting: self.read().await?.jobs(), in_flight: 0, arrived_total: None })
    }

    async fn value(&self) -> Result<u64, Failure> {
        Ok(self.read().await?.thousandths())
    }
}

/// Kind and samples of an answer. Source of its form: Prometheus documentation, "HTTP API", "Expression query result
/// formats".
pub(crate) fn data(answer: &Value) -> Result<(&str, &Value), (FailureKind, String)> {
    let text = |at: &str| answer.pointer(at).and_then(Value::as_str);
    let odd = || "the answer is not that of Prometheus".to_owned();
    if text("/status") != Some("success") {
        return Err((FailureKind::Invalid, text("/error").map_or_else(odd, first)));
    }
    let found = text("/data/resultType").zip(answer.pointer("/data/result"));
    found.ok_or_else(|| (FailureKind::Invalid, odd()))
}

/// The one number of an answer.
fn result(answer: &Value) -> Result<Number, (FailureKind, String)> {
    let invalid = |text: String| (FailureKind::Invalid, text);
    let sample = match data(answer)? {
        ("scalar", sample) => sample,
        ("vector", Value::Array(samples)) => match samples.as_slice() {
            [one] => one.get("value").ok_or_else(|| invalid("the query gives a histogram, not a number".to_owned()))?,
            [] => {
                let hint = "the query gives nothing (where that means none, end it with `or vector(0)`)";
                return Err((FailureKind::Gone, hint.to_owned()));
            }
            several => {
                let n = several.len();
                let hint =
                    format!("the query gives {n} samples, and one is wanted: aggregate them, as with `sum(...)`");
                return Err(invalid(hint));
            }
        },
        (other, _) => {
            let text = format!("the query gives a {}; a scalar or a vector of one sample is wanted", first(other));
            return Err(invalid(text));
        }
    };
    // A pair of the time and the value, which is text because JSON has no infinity.
    let value = sample.get(1).ok_or_else(|| invalid("the answer has a sample without a value".to_owned()))?;
    Number::of(value).map_err(|why| invalid(format!("the value of the query cannot be used: {why}")))
}

#[cfg(test)]
mod tests;
