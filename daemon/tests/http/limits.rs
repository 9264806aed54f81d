//! What is too much: bodies, heads, connections, those that are slow; and paths that lead elsewhere.

use std::time::Duration;

use spotfleet::http::server::{BindError, CONNECTIONS, bind};
use spotfleet::http::view::Problem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Api;

/// Reached only by a failure.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_request_with_a_large_body_or_another_method_is_refused() {
    let api = Api::new(None).await;
    let client = reqwest::Client::new();
    let url = format!("{}/api/v1/fleets", api.url);
    let large = client.get(&url).body(vec![b'x'; 100_000]).send().await.unwrap();
    assert_eq!(large.status().as_u16(), 413);
    let _: Problem = large.json().await.unwrap();
    for (path, allow) in [("/api/v1/fleets", "GET,HEAD"), ("/healthz", "GET,HEAD"), ("/api/v1/orders", "POST")] {
        let other = client.delete(format!("{}{path}", api.url)).send().await.unwrap();
        assert_eq!(other.status().as_u16(), 405, "{path}");
        assert_eq!(other.headers()["allow"], allow, "{path}");
        let _: Problem = other.json().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_http_gets_an_end() {
    let api = Api::new(None).await;
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01 this is no request\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400") || answer.is_empty());
}

#[tokio::test]
async fn an_address_that_others_reach_wants_a_token_before_anything_is_opened() {
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464"] {
        let error = bind(open.parse().unwrap(), false).await.unwrap_err();
        assert!(matches!(error, BindError::Open(_)), "{open}");
        assert!(error.to_string().contains("set `daemon.token`"), "{error}");
    }
    assert!(bind("0.0.0.0:0".parse().unwrap(), true).await.is_ok());
    let taken = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address, false).await.unwrap_err();
    assert!(matches!(error, BindError::Taken(a) if a == address));
}

/// Memory of this process in use, in MB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1_024
}

/// Sends a head and then a body without end, until the other side has had enough; gives its answer.
async fn flood(api: &Api, head: &str, piece: &[u8]) -> (usize, String) {
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let answered = async {
        // Who sends on while the other side closes gets a reset after the answer.
        while read.read_buf(&mut answer).await.is_ok_and(|n| n > 0) {}
    };
    let mut sent = 0;
    let sending = async {
        while sent < 100_000_000 && write.write_all(piece).await.is_ok() {
            sent += piece.len();
        }
    };
    tokio::time::timeout(LIMIT, async { tokio::join!(answered, sending) }).await.unwrap();
    (sent, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn a_body_of_100_mb_is_refused_before_it_is_read() {
    let api = Api::with(Some("reader"), Some("operator")).await;
    let piece = [b'x'; 65_536];
    let chunk = [b"10000\r\n", &piece as &[u8], b"\r\n"].concat();
    // The answers before the measurement have made what every answer needs.
    assert_eq!(api.get_with("/api/v1/fleets", Some("Bearer reader")).await.0, 200);
    let before = resident();
    let head = |method: &str, path: &str, token: &str, length: &str| {
        let auth = format!("Authorization: Bearer {token}\r\nContent-Type: application/json");
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{auth}\r\n{length}\r\n\r\n")
    };
    let (known, unknown) = ("Content-Length: 100000000", "Transfer-Encoding: chunked");
    for (method, path, token, length, piece, expected) in [
        ("POST", "/api/v1/orders", "operator", known, &piece as &[u8], "413"),
        ("POST", "/api/v1/orders", "operator", unknown, &chunk, "413"),
        ("POST", "/api/v1/orders", "reader", known, &piece, "413"),
        ("POST", "/api/v1/orders", "reader", unknown, &chunk, "403"),
        ("POST", "/api/v1/orders", "nobody", known, &piece, "401"),
        ("POST", "/api/v1/orders", "nobody", unknown, &chunk, "401"),
        ("GET", "/api/v1/fleets", "reader", known, &piece, "413"),
        ("GET", "/api/v1/fleets", "reader", unknown, &chunk, "200"),
        ("PUT", "/metrics", "nobody", known, &piece, "413"),
    ] {
        let (sent, answer) = flood(&api, &head(method, path, token, length), piece).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{method} {path} {token} {length}: {answer}");
        assert!(sent < 50_000_000, "{method} {path} {token} {length}: {sent} bytes were taken");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 40, "memory grew by {grown} MB");
}

#[tokio::test]
async fn a_head_has_a_limit() {
    let api = Api::new(None).await;
    let (status, _) = api.raw(&format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(40_000))).await;
    assert_eq!(status, 431);
    assert_eq!(api.get("/healthz").await.0, 200);
}

/// Connections that can be opened at once here: the limit of open files less what the test needs itself.
fn possible() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    soft.saturating_sub(2 * CONNECTIONS).min(10_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_connections_keep_nobody_out() {
    let api = Api::new(Some("reader")).await;
    let mut slow = Vec::new();
    for number in 0..possible() {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        // Some say nothing, some stop within the head.
        if number % 2 == 0 {
            stream.write_all(b"GET /api/v1/fleets HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
        }
        slow.push(stream);
        if number % 100 == 99 {
            let asked = tokio::time::timeout(LIMIT, api.get_with("/api/v1/fleets", Some("Bearer reader")));
            assert_eq!(asked.await.unwrap().0, 200, "beside {number} slow ones");
        }
    }
    assert!(slow.len() > CONNECTIONS, "raise the limit of open files (`ulimit -n`): {} are too few", slow.len());
    // Who waited longest had to leave; the newest is still there.
    let mut byte = [0];
    for stream in &mut slow[..100] {
        let gone = tokio::time::timeout(LIMIT, stream.read(&mut byte)).await.unwrap();
        assert!(matches!(gone, Ok(0) | Err(_)));
    }
    let newest = slow.last_mut().unwrap();
    newest.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn those_who_do_not_read_their_answers_keep_nobody_out() {
    let api = Api::new(None).await;
    let mut deaf = Vec::new();
    for _ in 0..CONNECTIONS + 50 {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20).as_bytes()).await.unwrap();
        deaf.push(stream);
    }
    assert_eq!(api.get("/api/v1/fleets").await.0, 200);
}

#[tokio::test]
async fn no_path_leads_out_of_the_api() {
    let api = Api::new(Some("reader")).await;
    for path in [
        "/api/v1/../../etc/passwd",
        "/api/v1/fleets/../../../etc/passwd",
        "/api/v1/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/fleets/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/api/v1/fleets/..",
        "/api/v1/fleets/%2e%2e",
        "/api/v1/fleets/..%5c..%5cetc%5cpasswd",
        "/api/v1/fleets/%00",
        "//api/v1/fleets",
        "/api//v1/fleets",
        "/api/v1//fleets",
        "/api/v1/fleets/",
        "/api/v1/./fleets",
        "/API/V1/FLEETS",
        "/api/v1/fleets;x=y",
        "/etc/passwd",
        "//etc/passwd",
        "/healthz/",
        "/healthz/../api/v1/fleets",
        "http://x/api/v1/../v1/fleets",
    ] {
        let request = |token: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close{token}\r\n\r\n");
        let (status, answer) = api.raw(&request("")).await;
        assert_eq!(status, 401, "{path}: {answer}");
        let (status, answer) = api.raw(&request("\r\nAuthorization: Bearer reader")).await;
        assert_eq!(status, 404, "{path}: {answer}");
        assert!(!answer.contains("root:") && answer.contains(r#"{"error":""#), "{path}: {answer}");
    }
}
