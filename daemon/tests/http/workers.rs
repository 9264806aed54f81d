//! The words of workers.

use policies::control::Refusal;
use policies::control::ledger::Leaving;
use policies::plan::{Cause, Work};
use policies::units::Span;
use spotfleet::shell::Order;

use super::{AT, Api};

/// Says something, with this token.
fn say(api: &Api, body: &str, token: &str) -> impl Future<Output = (u16, String)> + use<> {
    let request = reqwest::Client::new().post(format!("{}/api/v1/workers", api.url));
    let request = request.header("Content-Type", "application/json").header("Authorization", format!("Bearer {token}"));
    let request = request.body(body.to_owned());
    async {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

const BUSY: &str = r#"{"instance":"i-1","state":"busy"}"#;

#[tokio::test]
async fn a_worker_hears_whether_it_is_to_go() {
    let mut api = Api::with_all(Some("reader"), None, Some("worker")).await;
    let said = tokio::spawn(say(&api, BUSY, "worker"));
    let Some(Order::Tell(tell)) = api.inbox.recv().await else { panic!("no word came") };
    assert_eq!((tell.word.instance.as_str(), tell.word.work), ("i-1", Work::Busy));
    assert_eq!(tell.word.lasts, Span::from_mins(5));
    tell.answer.send(Ok(None)).unwrap();
    let stays = r#"{"leaving":false,"leaving_because":null,"leaving_at":null}"#;
    assert_eq!(said.await.unwrap(), (200, stays.to_owned()));

    let said = tokio::spawn(say(&api, r#"{"instance":"i-1","state":"idle","ttl_s":60.0}"#, "worker"));
    let Some(Order::Tell(tell)) = api.inbox.recv().await else { panic!("no word came") };
    assert_eq!((tell.word.work, tell.word.lasts), (Work::Idle, Span::from_mins(1)));
    let leaving = Leaving { why: Cause::Surplus, since: AT, until: AT, ordered: false };
    tell.answer.send(Ok(Some(leaving))).unwrap();
    let (status, body) = said.await.unwrap();
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"leaving":true,"leaving_because":"surplus","leaving_at":""#), "{body}");

    let said = tokio::spawn(say(&api, BUSY, "worker"));
    let Some(Order::Tell(tell)) = api.inbox.recv().await else { panic!("no word came") };
    tell.answer.send(Err(Refusal::NoMachine("i-1".into()))).unwrap();
    assert_eq!(said.await.unwrap().0, 404);
}

#[tokio::test]
async fn a_word_that_makes_no_sense_reaches_nobody() {
    let mut api = Api::with_all(None, None, Some("worker")).await;
    for (body, status, says) in [
        ("", 400, "EOF"),
        (r#"{"instance":"i-1"}"#, 422, "missing field"),
        (r#"{"instance":"i-1","state":"asleep"}"#, 422, "unknown variant"),
        (r#"{"instance":"","state":"idle"}"#, 400, "instance: give"),
        (r#"{"instance":"i-1","state":"idle","ttl_s":0}"#, 400, "not between 1 s and one day"),
        (r#"{"instance":"i-1","state":"idle","for_s":5}"#, 422, "unknown field"),
    ] {
        let (got, text) = say(&api, body, "worker").await;
        assert_eq!(got, status, "{body}: {text}");
        assert!(text.contains(says), "{body}: {text}");
    }
    assert!(api.inbox.try_recv().is_err());
}

#[tokio::test]
async fn the_workers_token_opens_nothing_else() {
    let none = Api::new(None).await;
    let (status, body) = say(&none, BUSY, "worker").await;
    assert_eq!(status, 403);
    assert!(body.contains("set `daemon.worker_token`"), "{body}");

    let api = Api::with_all(Some("reader"), Some("operator"), Some("worker")).await;
    for (token, expected) in [("", 401), ("reader", 403), ("worke", 401), ("worker2", 401)] {
        assert_eq!(say(&api, BUSY, token).await.0, expected, "{token}");
    }
    let nobody = api.get("/api/v1/fleets").await;
    for path in ["/api/v1/fleets", "/api/v1/orders", "/api/v1/workers/", "/nothing"] {
        assert_eq!(api.get_with(path, Some("Bearer worker")).await, nobody, "{path}");
    }
    assert_eq!(super::orders::order(&api, super::orders::PAUSE, "worker").await, nobody);
    // Where everybody may read, it still gives no orders.
    let open = Api::with_all(None, Some("operator"), Some("worker")).await;
    assert_eq!(super::orders::order(&open, super::orders::PAUSE, "worker").await.0, 401);
}
