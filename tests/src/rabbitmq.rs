//! A real RabbitMQ for tests, with its management API: on free ports of the loopback, with its data in a directory of
//! its own, ended with its handle.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::peer::{free_port, request, until};

/// Debian's `/usr/sbin/rabbitmq-server` changes the user and the directory; this one does neither.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// A start takes 6 s on an idle machine.
const START: Duration = Duration::from_secs(120);

/// Another process may take one of the free ports between its choice and the start; so many times all are tried.
const ATTEMPTS: u32 = 3;

/// What the processes say, in the directory of the server.
const LOG: &str = "said.log";

/// Login of the administrator.
const LOGIN: (&str, &str) = ("admin", "rabbit");

/// The same, as basic authentication sends it.
const AUTHORIZATION: &str = "Authorization: Basic YWRtaW46cmFiYml0\r\n";

/// A running RabbitMQ. Dropping it ends the process, and that of the port mapper that Erlang needs.
#[derive(Debug)]
pub struct RabbitMqServer {
    management: u16,
    stomp: u16,
    children: Vec<Child>,
    directory: TempDir,
}

/// A client that holds messages without acknowledging them, until it is dropped.
#[derive(Debug)]
pub struct Holder(#[expect(dead_code, reason = "held open")] TcpStream);

impl RabbitMqServer {
    /// Starts it, and waits until the management API answers.
    ///
    /// # Panics
    /// When rabbitmq-server is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            match Self::try_start() {
                Ok(server) => return server,
                Err(log) => said = log,
            }
        }
        panic!("rabbitmq-server did not start in {ATTEMPTS} attempts; the last one said:\n{said}");
    }

    /// The server, or what it said before it ended.
    fn try_start() -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a directory for rabbitmq-server");
        let at = |name: &str| directory.path().join(name);
        let [management, stomp, mapper, nodes] = [(); 4].map(|()| free_port());
        // STOMP is a protocol of lines, which a test can speak; AMQP is not needed. Numbers are gathered each second in
        // place of each five.
        let (user, password) = LOGIN;
        let config = format!(
            "listeners.tcp = none\nstomp.listeners.tcp.1 = 127.0.0.1:{stomp}\nmanagement.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {management}\ncollect_statistics_interval = 1000\ndefault_user = {user}\n\
             default_pass = {password}\nlog.file = false\nlog.console = true\nlog.console.level = error\n"
        );
        std::fs::write(at("rabbitmq.conf"), config).expect("written");
        std::fs::write(at("plugins"), "[rabbitmq_management,rabbitmq_stomp].\n").expect("written");
        let mut server = Self { management, stomp, children: Vec::new(), directory };
        // RabbitMQ would start a port mapper that outlives it.
        let mut command = Command::new("epmd");
        command.args(["-address", "127.0.0.1", "-port", &mapper.to_string()]);
        server.spawn(&mut command);
        until("epmd listens", START, || TcpStream::connect((Ipv4Addr::LOCALHOST, mapper)).ok());
        let home = server.directory.path().to_owned();
        let mut command = Command::new(PROGRAM);
        command
            .env("HOME", &home)
            .env("RABBITMQ_NODENAME", "test@localhost")
            .env("RABBITMQ_MNESIA_BASE", home.join("data"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            // Nothing of a server that this machine may run.
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("ERL_EPMD_PORT", mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_DIST_PORT", nodes.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            // The script then becomes the server in place of starting it, so its id is the server's.
            .env("RUNNING_UNDER_SYSTEMD", "true");
        server.spawn(&mut command);
        let ready = until("rabbitmq-server answers", START, || {
            if server.children.iter_mut().any(|child| child.try_wait().expect("it can be waited for").is_some()) {
                return Some(false);
            }
            let up = server.ask("GET", "/api/vhosts/%2F", "").is_some_and(|(status, _)| status == 200);
            (up && TcpStream::connect((Ipv4Addr::LOCALHOST, stomp)).is_ok()).then_some(true)
        });
        if ready { Ok(server) } else { Err(std::fs::read_to_string(home.join(LOG)).unwrap_or_default()) }
    }

    fn spawn(&mut self, command: &mut Command) {
        let log = || {
            let log = OpenOptions::new().create(true).append(true).open(self.directory.path().join(LOG));
            Stdio::from(log.expect("a file for what it says"))
        };
        let child = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn();
        let child = child.unwrap_or_else(|e| panic!("cannot run {command:?} ({e}): apt-get install rabbitmq-server"));
        self.children.push(child);
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let head = format!("{AUTHORIZATION}Content-Type: application/json\r\n");
        request(self.management, method, path, &head, body).ok()
    }

    fn tell(&self, method: &str, path: &str, body: &str) {
        let answer = self.ask(method, path, body);
        assert!(matches!(answer, Some((200..=299, _))), "{method} {path}: {answer:?}");
    }

    /// The address of the management API, with this user and password.
    #[must_use]
    pub fn url(&self, login: &str) -> String {
        format!("http://{login}@127.0.0.1:{}", self.management)
    }

    /// Makes a user who may look at the vhost that every server has, and nothing more.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn add_watcher(&self, name: &str, password: &str) {
        let body = format!(r#"{{"password": "{password}", "tags": "management"}}"#);
        self.tell("PUT", &format!("/api/users/{name}"), &body);
        let nothing = r#"{"configure": "^$", "write": "^$", "read": "^$"}"#;
        self.tell("PUT", &format!("/api/permissions/%2F/{name}"), nothing);
    }

    /// Makes a queue in the vhost that every server has.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn add_queue(&self, name: &str) {
        self.tell("PUT", &format!("/api/queues/%2F/{name}"), r#"{"durable": false}"#);
    }

    /// Puts so many messages into a queue.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn publish(&self, queue: &str, messages: usize) {
        let body = format!(
            r#"{{"properties": {{}}, "routing_key": "{queue}", "payload": "job", "payload_encoding": "string"}}"#
        );
        for _ in 0..messages {
            self.tell("POST", "/api/exchanges/%2F/amq.default/publish", &body);
        }
    }

    /// Takes up to so many messages of a queue as a worker does, and holds them until what is given back is dropped.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn take(&self, queue: &str, messages: usize) -> Holder {
        let (user, password) = LOGIN;
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.stomp)).expect("the server is up");
        stream.set_read_timeout(Some(START)).expect("a limit can be set");
        let connect = format!("CONNECT\naccept-version:1.2\nhost:/\nlogin:{user}\npasscode:{password}\n\n\0");
        let subscribe = format!(
            "SUBSCRIBE\nid:0\ndestination:/amq/queue/{queue}\nack:client-individual\nprefetch-count:{messages}\n\n\0"
        );
        stream.write_all(connect.as_bytes()).and_then(|()| stream.write_all(subscribe.as_bytes())).expect("it leaves");
        let mut got = Vec::new();
        let mut part = [0; 4096];
        while String::from_utf8_lossy(&got).matches("MESSAGE\n").count() < messages {
            let read = stream.read(&mut part).expect("messages come");
            assert!(read > 0, "{}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&part[..read]);
        }
        Holder(stream)
    }
}

impl Drop for RabbitMqServer {
    fn drop(&mut self) {
        // The last first. Nothing of it is worth keeping.
        for child in self.children.iter_mut().rev() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
