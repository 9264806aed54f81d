//! An EC2, SQS and Price List peer: moto's server behind the fault layer (`tests/moto`), as a child process.
//!
//! What the peer can be told is in the head of `tests/moto/fault_layer.py`. Machines, rules, counts and prices are
//! kept per region, so tests that run at the same time share one peer and take a region each.
//!
//! What it cannot show: which pool EC2 would choose, real prices, real capacity, whether a permission is missing,
//! whether a parameter that moto ignores (security groups, profile, metadata options) has the form that EC2 wants.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use policies::units::Time;
use serde_json::{Value, json};

/// A start takes 2 to 6 s, most of it Python's imports. This is only there so that a peer that hangs fails the test.
const START: Duration = Duration::from_secs(60);

/// One answer of the control side takes milliseconds, the first one of a region a second.
const ANSWER: Duration = Duration::from_secs(30);

/// Id and secret of the access key that the peer takes: it takes any.
pub const KEY: &str = "testing";

/// A running peer. Dropping it ends the process; it also ends when this process does, however that ends.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    child: Child,
    /// The peer ends when this pipe closes.
    _alive: ChildStdin,
}

/// One region of a peer, with its controls.
#[derive(Clone, Debug)]
pub struct MotoRegion {
    port: u16,
    name: String,
}

/// A machine as it is, hidden or not.
#[derive(Clone, PartialEq, Debug)]
pub struct MotoMachine {
    /// Its id.
    pub id: String,
    /// EC2's state.
    pub state: String,
    /// Code of the state reason.
    pub reason: String,
    /// Its instance type.
    pub instance_type: String,
    /// Its zone.
    pub zone: String,
    /// `spot` or `on-demand`.
    pub market: String,
    /// Launch time in seconds since 1970.
    pub launched: f64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl MotoMachine {
    /// A tag's value, or nothing.
    #[must_use]
    pub fn tag(&self, key: &str) -> &str {
        self.tags.get(key).map_or("", String::as_str)
    }

    /// True until it is terminated.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.state.as_str(), "terminated" | "shutting-down")
    }
}

/// The Python with the packages of `tests/requirements.txt`: `SPOTFLEET_PYTHON`, or the virtual environment in the target
/// folder of this build.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn python() -> PathBuf {
    if let Some(path) = std::env::var_os("SPOTFLEET_PYTHON") {
        return path.into();
    }
    let path = crate::daemon::built().parent().expect("the target folder").join("venv/bin/python");
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, or make a virtual environment there from tests/requirements.txt, or \
         name a Python that has these packages with SPOTFLEET_PYTHON",
        path.display()
    );
    path
}

impl Moto {
    /// Starts a peer on a free port of the loopback and waits until it answers.
    ///
    /// # Panics
    /// When Python or moto is missing, or the peer does not start.
    #[must_use]
    pub fn start() -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("moto/fault_layer.py");
        let mut child = Command::new(python())
            .arg(script)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be run");
        let alive = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        let (sender, receiver) = mpsc::channel();
        // Reads on to the end, so that the peer never waits for a full pipe; ends with the peer.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The receiver is gone once the port is known.
                sender.send(line).ok();
            }
        });
        let mut peer = Self { port: 0, child, _alive: alive };
        let line = receiver.recv_timeout(START).expect("the peer says its port; what is wrong is above");
        peer.port = line.strip_prefix("listening on ").and_then(|p| p.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        // The first look at EC2 loads moto's catalogues.
        let zones = peer.region("us-east-1").subnets();
        assert!(!zones.is_empty(), "the peer has no zones");
        peer
    }

    /// The peer that all tests of this process share. It ends with the process.
    #[must_use]
    pub fn shared() -> &'static Self {
        static PEER: OnceLock<Moto> = OnceLock::new();
        PEER.get_or_init(Self::start)
    }

    /// The URL of every service.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a child process needs to reach the peer and nothing else.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// One of its regions. It has to be one of AWS's.
    #[must_use]
    pub fn region(&self, name: &str) -> MotoRegion {
        MotoRegion { port: self.port, name: name.to_owned() }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing of it is worth keeping.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl MotoRegion {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a rule, for this region unless it names another. Gives its number.
    pub fn rule(&self, mut rule: Value) -> u64 {
        if rule.get("region").is_none() {
            rule["region"] = self.name.as_str().into();
        }
        self.post("rules", &rule).as_u64().expect("a number")
    }

    /// How often a rule was used.
    #[must_use]
    pub fn uses(&self, rule: u64) -> u64 {
        self.get("rules")[rule.to_string()].as_u64().expect("a rule that is there")
    }

    /// Removes all rules of this region.
    pub fn clear_rules(&self) {
        self.exchange("DELETE", &format!("rules?region={}", self.name), "");
    }

    /// Calls of an action since the start.
    #[must_use]
    pub fn calls(&self, action: &str) -> u64 {
        self.get("calls")[action].as_u64().unwrap_or_default()
    }

    /// Every launch call so far: `token`, `type`, `zone`, `subnet`, `market`, `count`, `ids`, `outcome`, `at`.
    #[must_use]
    pub fn launches(&self) -> Vec<Value> {
        self.get("launches").as_array().expect("a list").clone()
    }

    /// Every machine that ever was.
    #[must_use]
    pub fn machines(&self) -> Vec<MotoMachine> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let machine = |m: &Value| MotoMachine {
            id: text(&m["id"]),
            state: text(&m["state"]),
            reason: text(&m["reason"]),
            instance_type: text(&m["type"]),
            zone: text(&m["zone"]),
            market: text(&m["market"]),
            launched: m["launched"].as_f64().expect("a time"),
            tags: m["tags"].as_object().expect("tags").iter().map(|(k, v)| (k.clone(), text(v))).collect(),
        };
        self.get("machines").as_array().expect("a list").iter().map(machine).collect()
    }

    /// Default subnet of each zone.
    #[must_use]
    pub fn subnets(&self) -> BTreeMap<String, String> {
        let subnets = self.get("subnets");
        let subnets = subnets.as_object().expect("subnets by zone");
        subnets.iter().map(|(zone, id)| (zone.clone(), id.as_str().expect("an id").to_owned())).collect()
    }

    /// Names of the launch templates.
    #[must_use]
    pub fn templates(&self) -> Vec<String> {
        let names = self.get("templates");
        names.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    }

    /// Changes settings: `hide_s`, `pending_s`, `forget_s`, `lead_s`, `page`, `empty_token`.
    pub fn set(&self, settings: Value) {
        self.post("settings", &settings);
    }

    /// Sets prices: `{"spot": {"type/zone": dollars, or null for none}, "on_demand": {type: dollars}}`.
    pub fn prices(&self, prices: Value) {
        self.post("prices", &prices);
    }

    /// Makes a queue that gets the region's interruption events. Gives its URL.
    #[must_use]
    pub fn queue(&self, name: &str) -> String {
        self.post("queue", &json!({"name": name})).as_str().expect("a URL").to_owned()
    }

    /// Receives up to so many messages of a queue and keeps them for an hour. Gives their number.
    pub fn receive(&self, queue: &str, count: u64) -> u64 {
        self.post("receive", &json!({"name": queue, "count": count})).as_u64().expect("a number")
    }

    /// Puts any text into the queues.
    pub fn send(&self, body: &str) {
        self.post("send", &json!({"body": body}));
    }

    /// Machines of somebody else. Gives their ids.
    #[must_use]
    pub fn plant(&self, instance_type: &str, tags: &[(&str, &str)], count: u32) -> Vec<String> {
        let tags: BTreeMap<_, _> = tags.iter().copied().collect();
        let ids = self.post("plant", &json!({"type": instance_type, "tags": tags, "count": count}));
        ids.as_array().expect("a list").iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
    }

    /// An image of the account, of this architecture. Gives its id.
    #[must_use]
    pub fn image(&self, architecture: &str) -> String {
        self.post("image", &json!({"architecture": architecture})).as_str().expect("an id").to_owned()
    }

    /// A security group of the default network. Gives its id.
    #[must_use]
    pub fn group(&self) -> String {
        self.post("group", &json!({})).as_str().expect("an id").to_owned()
    }

    /// Protects a machine from being terminated by a call.
    pub fn protect(&self, id: &str) {
        self.post("protect", &json!({"id": id}));
    }

    /// Sends an interruption warning for a machine and takes it when the lead is over. Gives the time of the
    /// warning.
    pub fn interrupt(&self, id: &str) -> Time {
        Time::from_millis(self.post("interrupt", &json!({"id": id})).as_i64().expect("a time"))
    }

    /// Sends a rebalance recommendation for a machine.
    pub fn recommend(&self, id: &str) {
        self.post("recommend", &json!({"id": id}));
    }

    /// Takes a spot machine without a warning.
    pub fn take(&self, id: &str) {
        self.post("take", &json!({"id": id}));
    }

    fn get(&self, what: &str) -> Value {
        self.exchange("GET", &format!("{what}?region={}", self.name), "")
    }

    fn post(&self, what: &str, said: &Value) -> Value {
        let mut said = said.clone();
        if said.get("region").is_none() {
            said["region"] = self.name.as_str().into();
        }
        self.exchange("POST", what, &said.to_string())
    }

    /// One request to the control side. HTTP/1.0: the end of the answer is the end of the connection.
    fn exchange(&self, method: &str, what: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the peer is there");
        stream.set_read_timeout(Some(ANSWER)).expect("a limit can be set");
        let head = format!("{method} /fault/{what} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n", self.port);
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("the request leaves");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the peer answers in time");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        assert!(head.contains(" 200 "), "{method} {what}: {body}");
        serde_json::from_str(body).expect("JSON")
    }
}
