//! Listening: where, for whom, how many connections at once, and how long a slow one may take.

mod lobby;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Sleep;
use tracing::debug;

use lobby::{Busy, Lobby, Seat};

/// Connections at once: a few scrapers and people, and the streams of events. Each costs a file descriptor, of which
/// the unit allows 1,024. One more takes the place of the one that has waited longest for a request.
pub const CONNECTIONS: usize = 256;

/// A request's head must be there within this time after the connection was opened or the last answer was given. So
/// an idle connection ends too; scrapers open another.
const HEAD: Duration = Duration::from_secs(30);

/// An answer of which the other side takes nothing for so long is given up.
const STALL: Duration = Duration::from_secs(30);

/// The longest head of a request. Ours have some hundred bytes; browsers add a few thousand.
const HEAD_BYTES: usize = 16 * 1024;

/// Why the daemon does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Anyone on the network could read prices, machines and plans.
    #[error(
        "refusing to listen on {0}, which other machines can reach, without a token: set `daemon.token` to a secret, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// Something else listens there.
    #[error(
        "cannot listen on {0}: the port is taken by another program or another spotfleet: stop it (`ss -ltnp` shows it), or set `daemon.listen` to another port"
    )]
    Taken(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {error}: check `daemon.listen`")]
    Failed {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
}

/// Opens the port.
///
/// # Errors
/// [`BindError::Open`] before anything is opened when the address is not loopback and there is no token.
pub async fn bind(address: SocketAddr, has_token: bool) -> Result<TcpListener, BindError> {
    if !address.ip().is_loopback() && !has_token {
        return Err(BindError::Open(address));
    }
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(address),
        _ => BindError::Failed { address, error },
    })
}

/// Answers requests until `closing` is over; then takes no more, and returns when those that are there are answered.
/// A stream of events is answered when it ends.
pub async fn serve(mut listener: TcpListener, router: Router, closing: impl Future<Output = ()>) {
    let lobby = Arc::new(Lobby::default());
    let ending = watch::Sender::new(());
    tokio::pin!(closing);
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut closing => break,
            // This one goes on after an error: a connection that was gone again, or too many open files.
            (stream, _) = axum::serve::Listener::accept(&mut listener) => stream,
        };
        // Without a seat every connection is being answered: this one is closed, and may try again.
        if let Some(seat) = lobby.enter() {
            tokio::spawn(attend(stream, router.clone(), seat, ending.subscribe()));
        }
    }
    drop(listener);
    ending.send_replace(());
    ending.closed().await;
}

/// One connection to its end.
async fn attend(stream: TcpStream, router: Router, seat: Seat, mut ending: watch::Receiver<()>) {
    let router = TowerToHyperService::new(router);
    let answer = service_fn(|request: Request<Incoming>| {
        let busy = seat.busy();
        let answer = router.call(request);
        async move {
            let Ok(response) = answer.await;
            Ok::<_, Infallible>(response.map(|body| Answering { body, _busy: busy }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(Stalling { stream, stalled: None }), answer);
    tokio::pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            () = seat.given_away() => return,
            ended = &mut connection => {
                if let Err(error) = ended {
                    debug!(%error, "a connection ended");
                }
                return;
            }
            _ = ending.changed(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The body of an answer: while it is being given, the connection does not wait for a request.
struct Answering {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that breaks when the other side takes nothing for [`STALL`].
struct Stalling {
    stream: TcpStream,
    /// Ends when the stall has lasted too long.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stalling {
    /// What a write gave: when it has to wait, not for ever.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stalling {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.patiently(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.patiently(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
