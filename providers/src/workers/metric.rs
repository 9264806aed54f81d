//! A metric of each machine, from Prometheus and what speaks its query API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use policies::failure::{Failure, FailureKind};
use policies::model::InstanceId;
use policies::plan::Work;
use serde_json::Value;

use super::{Workers, invalid, note, work};
use crate::demand::PrometheusSpec;
use crate::demand::number::Number;
use crate::demand::prometheus::{data, web};
use crate::demand::web::{Web, first};

/// Reads a metric of each machine.
#[derive(Debug)]
pub struct MetricWorkers {
    web: Web,
    label: String,
}

impl MetricWorkers {
    /// The reader of this query, by this label. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub fn new(query: &PrometheusSpec, label: &str) -> Result<Self, Failure> {
        Ok(Self { web: web(query)?, label: label.to_owned() })
    }
}

#[async_trait]
impl Workers for MetricWorkers {
    async fn read(&self) -> Result<BTreeMap<InstanceId, Work>, Failure> {
        let answer = self.web.ask().await?;
        told(&answer, &self.label).map_err(|(kind, text)| self.web.failure(kind, "-", &text))
    }
}

/// What a vector says of machines. A value that is no number (a machine that exports `NaN`) says nothing of its machine.
fn told(answer: &Value, label: &str) -> Result<BTreeMap<InstanceId, Work>, (FailureKind, String)> {
    let samples = match data(answer)? {
        ("vector", Value::Array(samples)) => samples,
        (other, _) => {
            let text = format!("the query gives a {}; a vector with a sample a machine is wanted", first(other));
            return Err(invalid(text));
        }
    };
    let mut all = BTreeMap::new();
    for sample in samples {
        let Some(machine) = sample.get("metric").and_then(|labels| labels.get(label)).and_then(Value::as_str) else {
            let text =
                format!("the query gives a sample without the label `{}`: keep it, as with `sum by (...)`", label);
            return Err(invalid(text));
        };
        let value = sample.pointer("/value/1");
        if let Some(Ok(jobs)) = value.map(Number::of) {
            note(&mut all, machine, work(jobs.jobs() > 0));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vector(samples: &Value) -> Value {
        json!({"status": "success", "data": {"resultType": "vector", "result": samples}})
    }

    #[test]
    fn each_sample_tells_of_its_machine() {
        let answer = vector(&json!([
            {"metric": {"instance_id": "i-1"}, "value": [1, "0"]},
            {"metric": {"instance_id": "i-2"}, "value": [1, "0.25"]},
            {"metric": {"instance_id": "i-3"}, "value": [1, "NaN"]},
            {"metric": {"instance_id": "i-4", "worker": "a"}, "value": [1, "3"]},
            {"metric": {"instance_id": "i-4", "worker": "b"}, "value": [1, "0"]},
        ]));
        let all = told(&answer, "instance_id").expect("usable");
        let all: Vec<_> = all.iter().map(|(id, work)| (id.as_str(), *work)).collect();
        assert_eq!(all, [("i-1", Work::Idle), ("i-2", Work::Busy), ("i-4", Work::Busy)]);
        assert_eq!(told(&vector(&json!([])), "instance_id"), Ok(BTreeMap::new()));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let bare = vector(&json!([{"metric": {}, "value": [1, "1"]}]));
        let scalar = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}});
        for (answer, part) in [
            (bare, "without the label `instance_id`"),
            (scalar, "gives a scalar; a vector"),
            (json!({"status": "error", "error": "parse error"}), "parse error"),
            (json!(7), "not that of Prometheus"),
        ] {
            let (kind, text) = told(&answer, "instance_id").expect_err(part);
            assert_eq!(kind, FailureKind::Invalid);
            assert!(text.contains(part), "{text}");
        }
    }
}
