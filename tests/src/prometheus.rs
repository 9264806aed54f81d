//! A real Prometheus for tests, with an exporter that it scrapes: both on free ports of the loopback, with their data in
//! a directory of their own, ended with their handle.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use crate::peer::{free_port, request, until};

/// A start takes under a second on an idle machine.
const START: Duration = Duration::from_secs(60);

/// Another process may take the free port between its choice and the start; so many ports are tried.
const PORTS: u32 = 5;

/// A running Prometheus that scrapes its exporter each 200 ms. Dropping it ends both.
#[derive(Debug)]
pub struct PrometheusServer {
    port: u16,
    child: Child,
    exporter: Exporter,
    _directory: TempDir,
}

impl PrometheusServer {
    /// Starts both, and waits until Prometheus answers queries.
    ///
    /// # Panics
    /// When prometheus is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let exporter = Exporter::start();
        for _ in 0..PORTS {
            let directory = tempfile::tempdir().expect("a directory for prometheus");
            let config = directory.path().join("prometheus.yml");
            let text = format!(
                "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{{job_name: test, \
                 static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
                exporter.port
            );
            std::fs::write(&config, text).expect("written");
            let port = free_port();
            let child = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--log.level=error")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::inherit())
                .spawn()
                .unwrap_or_else(|e| panic!("cannot run prometheus ({e}): apt-get install prometheus"));
            let mut server = Self { port, child, exporter: exporter.clone(), _directory: directory };
            // Ready, or ended because the port was taken meanwhile.
            let ready = until("prometheus is ready", START, || {
                let ready = matches!(request(port, "GET", "/-/ready", "", ""), Ok((200, _)));
                if server.child.try_wait().expect("the process can be waited for").is_some() {
                    return Some(false);
                }
                ready.then_some(true)
            });
            if ready {
                return server;
            }
        }
        panic!("prometheus did not start on {PORTS} free ports; why is above");
    }

    /// The address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the exporter says from now on, in the text format of Prometheus.
    pub fn export(&self, text: &str) {
        text.clone_into(&mut self.exporter.said.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends Prometheus.
    pub fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        self.stop();
        self.exporter.stop();
    }
}

/// Answers every request with a text.
#[derive(Clone, Debug)]
struct Exporter {
    port: u16,
    said: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Exporter {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (said, ended) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
        let (text, end) = (Arc::clone(&said), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A client that has gone away is no trouble: it comes again.
                answer(stream, &text).ok();
            }
        });
        Self { port, said, ended, thread: Arc::new(Mutex::new(Some(thread))) }
    }

    fn stop(&self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes it.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            thread.join().ok();
        }
    }
}

fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&part[..read]);
    }
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\nConnection: \
         close\r\n\r\n{text}"
    )
}
