//! Who may what.

use super::Api;
use super::orders::{PAUSE, order};

#[tokio::test]
async fn the_tokens_guard_everything_but_the_open_paths() {
    let api = Api::with(Some("correct-horse"), Some("operators-horse")).await;
    for (token, expected) in [
        (None, 401),
        (Some("Bearer correct-hors"), 401),
        (Some("Bearer correct-horsf"), 401),
        (Some("Bearer correct-horse2"), 401),
        (Some("Bearer  correct-horse"), 401),
        (Some("Basic correct-horse"), 401),
        (Some("correct-horse"), 401),
        (Some("Bearer "), 401),
        (Some("Bearer"), 401),
        (Some("B"), 401),
        (Some("Bearer correct-horse"), 200),
        (Some("bearer correct-horse"), 200),
        (Some("Bearer operators-horse"), 200),
    ] {
        for path in ["/api/v1/fleets", "/api/v1/openapi.json"] {
            let (status, body) = api.get_with(path, token).await;
            assert_eq!(status, expected, "{token:?}");
            assert!(!body.contains("horse"), "{body}");
        }
    }
    for open in ["/healthz", "/metrics"] {
        assert_eq!(api.get(open).await.0, 200);
    }
}

#[tokio::test]
async fn who_has_no_token_learns_nothing() {
    let api = Api::with(Some("reader"), Some("operator")).await;
    let client = reqwest::Client::new();
    let mut answers = Vec::new();
    for (method, path) in [
        ("GET", "/api/v1/fleets"),
        ("GET", "/api/v1/fleets/web"),
        ("GET", "/api/v1/fleets/%ff"),
        ("GET", "/api/v1/events?colour=red"),
        ("GET", "/api/v1/events/stream"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/nothing"),
        ("GET", "/"),
        ("DELETE", "/api/v1/fleets"),
        ("OPTIONS", "/api/v1/orders"),
        ("POST", "/api/v1/orders"),
        ("POST", "/api/v1/nothing"),
    ] {
        for token in [None, Some("Bearer wrong"), Some("Bearer operato")] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let mut request = client.request(method, format!("{}{path}", api.url)).body("x".repeat(100));
            if let Some(token) = token {
                request = request.header("Authorization", token);
            }
            let response = request.send().await.unwrap();
            let mut headers = response.headers().clone();
            headers.remove("date");
            answers.push((response.status().as_u16(), headers, response.text().await.unwrap()));
        }
    }
    let (status, headers, body) = &answers[0];
    assert_eq!((*status, headers["www-authenticate"].as_bytes()), (401, b"Bearer" as &[u8]));
    assert!(body.starts_with(r#"{"error":"#), "{body}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn orders_need_the_operators_token() {
    let none = Api::new(None).await;
    let (status, body) = order(&none, PAUSE, "reader").await;
    assert_eq!(status, 403);
    assert!(body.contains("set `daemon.operator_token`"), "{body}");

    let reads = Api::new(Some("reader")).await;
    assert_eq!(order(&reads, PAUSE, "reader").await.0, 403);
    assert_eq!(order(&reads, PAUSE, "wrong").await.0, 401);

    let mut api = Api::with(Some("reader"), Some("operator")).await;
    for (token, expected) in [("", 401), ("reader", 403), ("operato", 401), ("operator2", 401)] {
        let (status, body) = order(&api, PAUSE, token).await;
        assert_eq!(status, expected, "{token}");
        assert!(!body.contains("operator2"), "{body}");
    }
    assert!(api.inbox.try_recv().is_err(), "no order came through");

    // Where everybody may read, orders still need it.
    let open = Api::with(None, Some("operator")).await;
    assert_eq!(open.get("/api/v1/fleets").await.0, 200);
    assert_eq!(order(&open, PAUSE, "reader").await.0, 401);
    assert_eq!(open.get("/api/v1/orders").await.0, 405);
}
