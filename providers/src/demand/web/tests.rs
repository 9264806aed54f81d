//! What holds for every source that speaks HTTP, tried with one that shows the server's own words.

use core::future::pending;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::fake::{Fake, NEVER};
use super::*;

const SECRET: &str = "open-sesame";

fn kind() -> Kind {
    Kind {
        name: "test",
        what: "test source",
        operation: "ask",
        gone: " (gone?)",
        said: |answer| answer.get("error")?.as_str(),
    }
}

fn at(url: SecretString) -> HttpEndpoint {
    HttpEndpoint { url, token: None, allow_http: false }
}

fn web(endpoint: &HttpEndpoint, timeout: Span) -> Web {
    Web::new(kind(), endpoint, timeout, |_| {}).expect("usable")
}

async fn refusal(url: SecretString) -> Failure {
    let failure = web(&at(url), NEVER).ask().await.expect_err("no answer");
    assert_ne!(failure.kind, FailureKind::Ambiguous, "reading changes nothing: {failure}");
    failure
}

fn why_not(endpoint: &HttpEndpoint) -> String {
    let failure = Web::new(kind(), endpoint, NEVER, |_| {}).expect_err("unusable");
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
    assert!(!format!("{failure} {failure:?}").contains("sesame"), "{failure}");
    failure.message
}

/// Repeats in the text of an error what was sent, and this.
fn echo(headers: &HeaderMap, more: &str) -> impl IntoResponse + use<> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (StatusCode::FORBIDDEN, json!({"error": format!("you sent {sent} ({more})")}).to_string())
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    use FailureKind::{Denied, Gone, Invalid, Throttled, Unavailable};
    for (status, expected) in [
        (400, Invalid),
        (401, Denied),
        (403, Denied),
        (404, Gone),
        (405, Invalid),
        (408, Unavailable),
        (410, Gone),
        (422, Invalid),
        (429, Throttled),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ] {
        let answer = move || async move { StatusCode::from_u16(status).expect("a status") };
        let fake = Fake::start(Router::new().route("/", get(answer))).await;
        let failure = refusal(fake.url("/")).await;
        assert_eq!((failure.kind, failure.code.as_str()), (expected, status.to_string().as_str()), "{failure}");
        assert!(failure.message.starts_with(&format!("test {}: the server says {status}", fake.origin())), "{failure}");
        assert_eq!(failure.retry_after, None);
    }
}

#[tokio::test]
async fn a_server_can_ask_to_wait() {
    let busy = |wait: &'static str| get(move || async move { (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, wait)]) });
    let routes = Router::new()
        .route("/seconds", busy("17"))
        .route("/ages", busy("18446744073709551615"))
        .route("/date", busy("Wed, 21 Oct 2026 07:28:00 GMT"));
    let fake = Fake::start(routes).await;
    assert_eq!(refusal(fake.url("/seconds")).await.retry_after, Some(Span::from_secs(17)));
    assert_eq!(refusal(fake.url("/ages")).await.retry_after, Some(Span::from_millis(u64::MAX)));
    assert_eq!(refusal(fake.url("/date")).await.retry_after, None);
}

#[tokio::test]
async fn a_stalled_server_is_given_up() {
    let body = || async {
        let begun = futures::stream::once(async { Ok::<_, std::io::Error>("{") });
        Body::from_stream(futures::StreamExt::chain(begun, futures::stream::pending()))
    };
    let routes = Router::new().route("/head", get(pending::<()>)).route("/body", get(body));
    let fake = Fake::start(routes).await;
    for path in ["/head", "/body"] {
        let failure = web(&at(fake.url(path)), Span::from_millis(100)).ask().await.expect_err("no answer");
        assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Unavailable, "timeout"), "{failure}");
        assert!(failure.message.ends_with("no answer within 100ms"), "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_breaks_off_is_unavailable() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let failure = refusal(format!("http://{nobody}/secret-path").into()).await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("refused") && !failure.message.contains("secret-path"), "{failure}");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/secret-path", listener.local_addr().expect("bound"));
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let serve = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.expect("a request") > 0);
            stream.write_all(answer.as_bytes()).await.expect("it leaves");
        };
        let (failure, ()) = tokio::join!(refusal(url.as_str().into()), serve);
        assert_eq!(failure.kind, FailureKind::Unavailable, "{answer:?}: {failure}");
        assert!(!failure.message.contains("secret-path"), "{failure}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let exact = format!("\"{}\"", "x".repeat(LARGEST_BYTES - 2));
    let endless = || async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("[".repeat(64 * 1024)));
        Body::from_stream(chunks)
    };
    let refused = || async { (StatusCode::NOT_FOUND, "x".repeat(LARGEST_BYTES + 1)) };
    let routes = Router::new()
        .route("/exact", get(move || async move { exact }))
        .route("/endless", get(endless))
        .route("/refused", get(refused));
    let fake = Fake::start(routes).await;
    assert!(web(&at(fake.url("/exact")), NEVER).ask().await.is_ok());
    for path in ["/endless", "/refused"] {
        let failure = refusal(fake.url(path)).await;
        assert_eq!(failure.kind, FailureKind::Invalid);
        assert!(failure.message.ends_with("the answer is larger than 1024 KiB"), "{failure}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_invalid_and_not_repeated() {
    let deep = "[".repeat(100_000);
    let routes = Router::new()
        .route("/page", get(|| async { "<html>sesame</html>" }))
        .route("/empty", get(|| async { StatusCode::NO_CONTENT }))
        .route("/bytes", get(|| async { vec![0xff_u8, 0xfe] }))
        .route("/deep", get(move || async move { deep }));
    let fake = Fake::start(routes).await;
    for path in ["/page", "/empty", "/bytes", "/deep"] {
        let failure = refusal(fake.url(path)).await;
        assert_eq!(failure.kind, FailureKind::Invalid, "{path}");
        assert!(failure.message.contains("the answer is no JSON"), "{failure}");
        assert!(!failure.message.contains("sesame"), "{failure}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_server_only() {
    let seen = |headers: HeaderMap| async move { json!(headers.contains_key(header::AUTHORIZATION)).to_string() };
    let other = Fake::start(Router::new().route("/there", get(seen))).await;
    let there = format!("{}/there?ticket=sesame", other.origin());
    let routes = Router::new()
        .route("/there", get(seen))
        .route("/near", get(|| async { Redirect::temporary("/there") }))
        .route("/far", get(move || async move { Redirect::temporary(&there) }))
        .route("/circle", get(|| async { Redirect::temporary("/circle") }))
        .route("/nowhere", get(|| async { StatusCode::FOUND }));
    let fake = Fake::start(routes).await;
    let with_token = |path| HttpEndpoint { token: Some(SECRET.into()), ..at(fake.url(path)) };
    assert_eq!(web(&with_token("/near"), NEVER).ask().await, Ok(json!(true)), "the token goes along");
    for (path, part) in [("/far", other.origin()), ("/circle", fake.origin()), ("/nowhere", "somewhere else")] {
        let failure = web(&with_token(path), NEVER).ask().await.expect_err("not followed");
        assert_eq!(failure.kind, FailureKind::Invalid, "{path}: {failure}");
        assert!(failure.message.contains("redirects") && failure.message.contains(part), "{path}: {failure}");
        assert!(!failure.message.contains("sesame"), "{failure}");
    }
}

#[tokio::test]
async fn token_and_password_are_sent_and_never_shown() {
    let routes = Router::new()
        .route("/token", get(async |headers: HeaderMap| echo(&headers, SECRET)))
        .route("/login", get(async |headers: HeaderMap| echo(&headers, "open%2Dsesame or open-sesame")));
    let fake = Fake::start(routes).await;
    let token = HttpEndpoint { token: Some(SECRET.into()), ..at(fake.url("/token?key=sesame")) };
    let login = at(fake.url_of("reader:open%2Dsesame", "/login?key=sesame"));
    for endpoint in [token, login] {
        let web = web(&endpoint, NEVER);
        let failure = web.ask().await.expect_err("refused");
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.message.contains("you sent"), "{failure}");
        let shown = format!("{failure} {failure:?} {web:?} {endpoint:?}");
        // The last one is `reader:open-sesame` as basic authentication sends it.
        for secret in ["sesame", "cmVhZGVyOm9wZW4tc2VzYW1l"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_is_sent_is_what_the_server_wants() {
    let sent = |headers: HeaderMap| async move {
        json!(headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())).to_string()
    };
    let fake = Fake::start(Router::new().route("/", get(sent))).await;
    let token = HttpEndpoint { token: Some(SECRET.into()), ..at(fake.url("/")) };
    assert_eq!(web(&token, NEVER).ask().await, Ok(json!("Bearer open-sesame")));
    let login = at(fake.url_of("reader:open%2Dsesame", "/"));
    assert_eq!(web(&login, NEVER).ask().await, Ok(json!("Basic cmVhZGVyOm9wZW4tc2VzYW1l")));
    assert_eq!(web(&at(fake.url("/")), NEVER).ask().await, Ok(json!(null)));
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_repeating_it() {
    for url in ["", "127.0.0.1:9090", "ftp://u:sesame@h", "http://", "http://u:sesame@h:x/", "unix:///sesame", "http:"]
    {
        assert!(why_not(&at(url.into())).contains("write http://host:port"), "{url}");
    }
    let both = HttpEndpoint { token: Some(SECRET.into()), ..at("http://u:sesame@127.0.0.1:1".into()) };
    assert!(why_not(&both).contains("one of the two"));
    let broken = HttpEndpoint { token: Some("sesame\n".into()), ..at("http://127.0.0.1:1".into()) };
    assert!(why_not(&broken).contains("token"));
    assert!(why_not(&at("http://%ff:sesame@127.0.0.1:1".into())).contains("not text"));
}

#[test]
fn a_secret_leaves_this_machine_by_tls_only_unless_allowed() {
    let token = |url: &str| HttpEndpoint { token: Some(SECRET.into()), ..at(url.into()) };
    let login = |url: &str| at(url.into());
    assert!(why_not(&token("http://10.0.0.7:9090")).contains("the token could be read"));
    assert!(why_not(&login("http://u:sesame@queue.example.com")).contains("the password could be read"));
    for endpoint in [token("http://10.0.0.7:9090"), login("http://u:sesame@queue.example.com")] {
        web(&HttpEndpoint { allow_http: true, ..endpoint }, NEVER);
    }
    for endpoint in [token("http://127.0.0.1:1"), token("http://[::1]:1"), login("http://u:sesame@localhost")] {
        web(&endpoint, NEVER);
    }
    web(&at("http://10.0.0.7:9090".into()), NEVER);
    let with_tls = Web::new(kind(), &token("https://10.0.0.7:9090"), NEVER, |_| {});
    if cfg!(feature = "tls") {
        assert!(with_tls.is_ok());
    } else {
        assert!(with_tls.expect_err("no TLS").message.contains("feature `tls`"));
    }
}
