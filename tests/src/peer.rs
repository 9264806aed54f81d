//! What the servers to test against share: a free port, one request, and waiting for a state.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// One answer takes milliseconds. This is only there so that a server that hangs fails the test.
const ANSWER: Duration = Duration::from_secs(30);

/// A port of the loopback that nobody listens on. Another process may take it before it is used.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a free port").port()
}

/// One request: the status and the body of the answer. `head` is further lines of the head, each with its line break.
/// HTTP/1.0: the end of the answer is the end of the connection.
///
/// # Errors
/// When nobody listens there, or what comes is no HTTP.
pub fn request(port: u16, method: &str, path: &str, head: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{head}Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(odd)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(odd)?;
    Ok((status, body.to_owned()))
}

/// Asks until there is an answer. A server tells nobody when its state changes, so it is asked a few times a second.
///
/// # Panics
/// When there is none within the limit.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(100));
    }
}
