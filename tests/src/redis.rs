//! A real redis-server for tests: on a free port of the loopback, with nothing on disk, ended with its handle.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A start takes some 10 ms. This is only there so that a server that hangs fails the test instead of hanging it.
const START: Duration = Duration::from_secs(30);

/// Another process may take the free port between its choice and the start; so many ports are tried.
const PORTS: u32 = 20;

/// A running redis-server. Dropping it ends the process.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    password: Option<String>,
    directory: TempDir,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server without a password.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts a server that asks for this password.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    #[must_use]
    pub fn start_with_password(password: &str) -> Self {
        Self::start_with(Some(password.to_owned()))
    }

    fn start_with(password: Option<String>) -> Self {
        let directory = tempfile::tempdir().expect("a directory for redis-server");
        let mut server = Self { port: 0, password, directory, child: None };
        for _ in 0..PORTS {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a free port");
            server.port = free.port();
            if server.run() {
                return server;
            }
        }
        panic!("redis-server found no free port in {PORTS} attempts");
    }

    /// Runs the process on the chosen port; false when the port was taken meanwhile.
    fn run(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            // Nothing is written to disk: what is down is empty when it comes back.
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("cannot run redis-server ({e}): apt-get install redis-server"));
        let output = child.stdout.take().expect("piped");
        let (sender, receiver) = mpsc::channel();
        // Reads on to the end, so that the server never waits for a full pipe; ends with the server.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The receiver is gone once the server is up.
                sender.send(line).ok();
            }
        });
        let mut said = Vec::new();
        loop {
            match receiver.recv_timeout(START) {
                Ok(line) if line.contains("Ready to accept connections") => {
                    self.child = Some(child);
                    return true;
                }
                Ok(line) => said.push(line),
                Err(why) => {
                    child.kill().ok();
                    child.wait().expect("the process can be waited for");
                    if said.iter().any(|line| line.contains("Address already in use")) {
                        return false;
                    }
                    panic!("redis-server did not start ({why}):\n{}", said.join("\n"));
                }
            }
        }
    }

    /// Ends the process. The port stays ours to [`start_again`](Self::start_again) on.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().expect("the process can be waited for");
        }
    }

    /// Starts the process again on the same port, empty.
    ///
    /// # Panics
    /// When something else took the port meanwhile.
    pub fn start_again(&mut self) {
        self.stop();
        assert!(self.run(), "port {} was taken while redis-server was down", self.port);
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address for clients, with the password if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Runs one command, given as words.
    ///
    /// # Panics
    /// When the server refuses it or answers with another type.
    pub fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_connection().expect("the server is up");
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut connection).unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
