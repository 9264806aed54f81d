//! What Prometheus answers, and what is made of it.

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;

use super::super::HttpEndpoint;
use super::super::fake::{AT, Fake, NEVER};
use super::*;

fn source(fake: &Fake, base: &str, query: &str) -> PrometheusSource {
    let endpoint = HttpEndpoint { url: fake.url(base), token: None, allow_http: false };
    PrometheusSource::new(&PrometheusSpec { endpoint, query: query.to_owned(), timeout: NEVER }).expect("usable")
}

fn said(data: &Value) -> Value {
    json!({"status": "success", "data": data})
}

fn vector(samples: &Value) -> Value {
    said(&json!({"resultType": "vector", "result": samples}))
}

#[test]
fn a_scalar_and_a_vector_of_one_are_a_number() {
    let scalar = said(&json!({"resultType": "scalar", "result": [1_795_341_600.5, "12.25"]}));
    assert_eq!(result(&scalar), Ok(Number::Real(12.25)));
    let one = vector(&json!([{"metric": {"job": "q"}, "value": [1_795_341_600, "12"]}]));
    assert_eq!(result(&one), Ok(Number::Whole(12)));
}

#[test]
fn everything_else_is_no_number_and_never_zero() {
    let sample = json!({"metric": {}, "value": [1, "1"]});
    let odd = FailureKind::Invalid;
    for (answer, kind, part) in [
        (vector(&json!([])), FailureKind::Gone, "or vector(0)"),
        (vector(&json!([sample, sample])), odd, "2 samples, and one is wanted: aggregate"),
        (vector(&json!([{"metric": {}, "value": [1, "NaN"]}])), odd, "NaN"),
        (vector(&json!([{"metric": {}, "value": [1, "+Inf"]}])), odd, "not finite"),
        (vector(&json!([{"metric": {}, "value": [1, "-1"]}])), odd, "negative"),
        (vector(&json!([{"metric": {}, "value": [1]}])), odd, "without a value"),
        (vector(&json!([{"metric": {}, "histogram": [1, {}]}])), odd, "a histogram"),
        (said(&json!({"resultType": "matrix", "result": []})), odd, "gives a matrix"),
        (said(&json!({"resultType": "string", "result": [1, "7"]})), odd, "gives a string"),
        (said(&json!({})), odd, "not that of Prometheus"),
        (json!({"status": "error", "error": "parse error"}), odd, "parse error"),
        (json!({"waiting": 7}), odd, "not that of Prometheus"),
        (json!(7), odd, "not that of Prometheus"),
    ] {
        let (found, text) = result(&answer).expect_err(part);
        assert_eq!(found, kind, "{answer}: {text}");
        assert!(text.contains(part), "{answer}: {text}");
    }
}

#[tokio::test]
async fn the_query_is_sent_as_it_is_written() {
    // What reaches the server, given back as a label of a sample that counts its length.
    let answer = |RawQuery(query): RawQuery| async move {
        let query = query.unwrap_or_default();
        let expected = "query=sum%28jobs%7Bqueue%3D%22a%26b%2Bc%22%7D%29+%2F+2";
        vector(&json!([{"metric": {}, "value": [1, if query == expected { "41.5" } else { "0" }]}])).to_string()
    };
    let fake = Fake::start(Router::new().route("/deep/api/v1/query", get(answer))).await;
    for base in ["/deep", "/deep/"] {
        let source = source(&fake, base, r#"sum(jobs{queue="a&b+c"}) / 2"#);
        let sample = Sample { at: AT, waiting: 42, in_flight: 0, arrived_total: None };
        assert_eq!(source.measure(AT).await, Ok(sample));
        assert_eq!(source.value().await, Ok(41_500));
    }
}

#[tokio::test]
async fn what_prometheus_says_of_an_error_is_passed_on() {
    let answer = || async {
        let text = json!({"status": "error", "errorType": "bad_data", "error": "1:5: parse error:\nunexpected end"});
        (StatusCode::BAD_REQUEST, text.to_string())
    };
    let fake = Fake::start(Router::new().route("/api/v1/query", get(answer))).await;
    let failure = source(&fake, "", "sum(").measure(AT).await.expect_err("refused");
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Invalid, "400"));
    assert!(failure.message.contains("1:5: parse error: unexpected end"), "{failure}");
    let failure = source(&fake, "/elsewhere", "1").measure(AT).await.expect_err("not there");
    assert_eq!(failure.kind, FailureKind::Gone);
    assert!(failure.message.contains("base of a Prometheus"), "{failure}");
}
