//! A way to a server that can go dark: what goes through it stops where it is, and what comes anew gets no answer. That is
//! how a cloud is missed whose network is gone: nothing is refused, calls run into their deadlines, and what was asked
//! last may have been done.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// The way. It ends with its handle, and with it all connections that go through it.
#[derive(Debug)]
pub struct Gate {
    origin: String,
    dark: watch::Sender<bool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Gate {
    /// A way to the server at this origin (`http://127.0.0.1:80`), on a free port of the loopback.
    ///
    /// # Panics
    /// When there is no port or no thread, or the origin is none.
    #[must_use]
    pub fn before(origin: &str) -> Self {
        let server: SocketAddr = origin.trim_start_matches("http://").parse().expect("an address and a port");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let here = format!("http://{}", listener.local_addr().expect("bound"));
        listener.set_nonblocking(true).expect("a socket");
        let (dark, sight) = watch::channel(false);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a socket");
                tokio::select! {
                    () = serve(listener, server, sight) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { origin: here, dark, stop: Some(stop), thread: Some(thread) }
    }

    /// Scheme, host and port of the way.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// From now on nothing goes through.
    pub fn darken(&self) {
        self.dark.send_replace(true);
    }

    /// New connections go through again; those that were caught in the dark are cut.
    pub fn lighten(&self) {
        self.dark.send_replace(false);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was shown already.
            thread.join().ok();
        }
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, sight: watch::Receiver<bool>) {
    loop {
        // Who gave up before he was let in is no matter.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(pass(client, server, sight.clone()));
    }
}

/// One connection, until one side ends it or it was caught in the dark.
async fn pass(mut client: TcpStream, server: SocketAddr, mut sight: watch::Receiver<bool>) {
    let through = async {
        if let Ok(mut server) = TcpStream::connect(server).await {
            // Both sides see for themselves how it ended.
            copy_bidirectional(&mut client, &mut server).await.ok();
        }
    };
    tokio::select! {
        biased;
        // The sender lives as long as the runtime that this runs in.
        _ = sight.wait_for(|dark| *dark) => {}
        () = through => return,
    }
    // Held open, with the server's end shut: `through` is gone. The client hears nothing until it is light.
    sight.wait_for(|dark| !*dark).await.ok();
}
