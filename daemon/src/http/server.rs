//! Listening: where, for whom, and how many connections at once.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at once: a few scrapers and people. Each costs a file descriptor, of which the unit allows 1,024.
const CONNECTIONS: usize = 128;

/// A connection that sends nothing for so long is closed: scrapers that keep connections alive ask more often.
const IDLE: Duration = Duration::from_secs(90);

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

/// Answers requests until the future is dropped.
///
/// # Errors
/// When the listener breaks for good.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    axum::serve(Limited { listener, permits: Arc::new(Semaphore::new(CONNECTIONS)) }, router).await
}

/// A listener that accepts no more than [`CONNECTIONS`] at once; more wait in the kernel's queue.
struct Limited {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl axum::serve::Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed; should it be, waiting a little keeps the loop from spinning.
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            let connection = Connection { stream, idle: Box::pin(tokio::time::sleep(IDLE)), _permit: permit };
            return (connection, address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends after [`IDLE`] without a byte from the other side.
struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.idle.set(tokio::time::sleep(IDLE));
            return read;
        }
        match self.idle.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
