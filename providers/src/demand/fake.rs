//! A server for the tests of sources: on a free port of the loopback, ended with its handle.

use axum::Router;
use policies::units::{Span, Time};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The time of every reading in the tests.
pub(super) const AT: Time = Time::from_millis(7);

/// A timeout that no test reaches: on the loopback an answer takes milliseconds.
pub(super) const NEVER: Span = Span::from_secs(60);

/// A running server.
pub(super) struct Fake {
    origin: String,
    task: JoinHandle<()>,
}

impl Fake {
    /// Serves these routes.
    pub(super) async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("bound"));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        Self { origin, task }
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The URL of a path, as a source takes it.
    pub(super) fn url(&self, path: &str) -> SecretString {
        format!("{}{path}", self.origin).into()
    }

    /// The URL of a path with this login.
    pub(super) fn url_of(&self, login: &str, path: &str) -> SecretString {
        format!("{}{path}", self.origin.replace("://", &format!("://{login}@"))).into()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}
