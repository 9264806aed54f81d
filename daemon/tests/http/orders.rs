//! Orders of the operator.

use policies::control::Refusal;
use policies::control::orders::{Setting, What};
use policies::units::Span;
use spotfleet::shell::Order;

use super::Api;

/// Sends an order, with this token.
pub(super) fn order(api: &Api, body: &str, token: &str) -> impl Future<Output = (u16, String)> + use<> {
    let request = reqwest::Client::new().post(format!("{}/api/v1/orders", api.url));
    let request = request.header("Content-Type", "application/json").header("Authorization", format!("Bearer {token}"));
    let request = request.body(body.to_owned());
    async {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

pub(super) const PAUSE: &str =
    r#"{"order":"pause","fleet":"web","for_s":600,"by":"operator","why":"a look at the workers"}"#;

#[tokio::test]
async fn an_order_is_answered_when_it_is_done() {
    let mut api = Api::with(None, Some("operator")).await;
    let asked = tokio::spawn(order(&api, PAUSE, "operator"));
    let Some(Order::Ask(ask)) = api.inbox.recv().await else { panic!("no order came") };
    let length = Some(Span::from_mins(10));
    assert_eq!(ask.order.what, What::Set("web".into(), Setting::Pause, length));
    assert_eq!((ask.order.by.as_str(), ask.order.why.as_str()), ("operator", "a look at the workers"));
    assert!(!asked.is_finished());
    ask.answer.send(Ok("paused for 10m".to_owned())).unwrap();
    assert_eq!(asked.await.unwrap(), (200, r#"{"done":"paused for 10m"}"#.to_owned()));

    let asked = tokio::spawn(order(&api, r#"{"order":"drain","instance":"i-9","by":"o","why":"w"}"#, "operator"));
    let Some(Order::Ask(ask)) = api.inbox.recv().await else { panic!("no order came") };
    ask.answer.send(Err(Refusal::NoMachine("i-9".into()))).unwrap();
    assert_eq!(asked.await.unwrap(), (404, r#"{"error":"no machine `i-9` is on record"}"#.to_owned()));

    // The daemon ends before the order is on disk.
    let asked = tokio::spawn(order(&api, PAUSE, "operator"));
    drop(api.inbox.recv().await);
    assert_eq!(asked.await.unwrap().0, 503);
}

#[tokio::test]
async fn an_order_that_makes_no_sense_reaches_nobody() {
    let mut api = Api::with(None, Some("operator")).await;
    for (body, status, says) in [
        ("", 400, "EOF"),
        ("[]", 422, "expected struct"),
        (r#"{"order":"pause","by":"o","why":"w"}"#, 400, "`pause` needs `fleet`"),
        (r#"{"order":"drain","fleet":"web","by":"o","why":"w"}"#, 400, "`drain` needs `instance`"),
        (r#"{"order":"set-min","fleet":"web","by":"o","why":"w"}"#, 400, "`set-min` needs `units`"),
        (r#"{"order":"set-min","fleet":"web","units":-1,"by":"o","why":"w"}"#, 400, "-1 is no capacity"),
        (r#"{"order":"set-max","fleet":"web","units":1e12,"by":"o","why":"w"}"#, 400, "is no capacity"),
        (r#"{"order":"pause","fleet":"web","for_s":0,"by":"o","why":"w"}"#, 400, "not between 1 s and 31 days"),
        (r#"{"order":"explode","fleet":"web","by":"o","why":"w"}"#, 422, "unknown variant"),
        (r#"{"order":"pause","fleet":"web","by":"o","why":"w","who":"x"}"#, 422, "unknown field"),
    ] {
        let (got, text) = order(&api, body, "operator").await;
        assert_eq!(got, status, "{body}: {text}");
        assert!(text.contains(says), "{body}: {text}");
    }
    assert!(api.inbox.try_recv().is_err());
    let large = format!(r#"{{"order":"pause","fleet":"{}","by":"o","why":"w"}}"#, "x".repeat(100_000));
    assert_eq!(order(&api, &large, "operator").await.0, 413);
}
