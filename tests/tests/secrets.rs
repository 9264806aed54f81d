//! A secret goes where it is needed and nowhere else: a canary stands wherever a secret can stand, the real program runs,
//! is asked everything and fails in several ways, and the canary is found in nothing that it says or writes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use spotfleet_tests::daemon::{Daemon, command};
use spotfleet_tests::simulated::fleet_file;

/// The part that all secrets have in common, and nothing else.
const CANARY: &str = "k4n4r1en";

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(90);

/// Snapshots with a time of their own: each is at least a round.
const ROUNDS: usize = 5;

fn reader() -> String {
    format!("{CANARY}-reader")
}

fn operator() -> String {
    format!("{CANARY}-operator")
}

/// A place of secrets: a fleet file, and all that it names.
struct Site {
    directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
    /// What was said so far, each with who said it.
    said: Vec<(String, String)>,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (refusing, echo) = (serving(refusing_redis), serving(echoing_server));
        let nobody = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address")
        };
        let environment = [
            ("READER", reader()),
            ("REDIS_URL", format!("redis://worker:{CANARY}-env@{nobody}/0")),
            ("CREDENTIALS_DIRECTORY", directory.path().display().to_string()),
            // What libraries take by themselves.
            ("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {CANARY}-otlp")),
            ("WORKER", format!("{CANARY}-worker")),
            ("PROMETHEUS", format!("{CANARY}-prometheus")),
            ("JOBS_URL", format!("http://reader:{CANARY}-jobs@{echo}/jobs?key={CANARY}-query")),
            ("RABBITMQ_URL", format!("http://reader:{CANARY}-rabbit@{echo}")),
            ("HOOK", format!("{CANARY}-hook")),
            ("WORKERS_URL", format!("http://reader:{CANARY}-workers@{echo}")),
            ("WORKERS_REDIS", format!("redis://:{CANARY}-consumers@{refusing}")),
            ("PPIO_KEY", format!("{CANARY}-ppio")),
            ("AWS_ACCESS_KEY_ID", format!("{CANARY}-id")),
            ("AWS_SECRET_ACCESS_KEY", format!("{CANARY}-key")),
            ("AWS_SESSION_TOKEN", format!("{CANARY}-session")),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let site = Self { directory, environment: environment.to_vec(), said: Vec::new() };
        site.write("operator", &operator());
        site.write("redis-url", &format!("redis://:{CANARY}-file@{refusing}"));
        site.write("queue", "100");
        site.write("fleet.yaml", &site.fleet_file(nobody, echo));
        site
    }

    fn fleet_file(&self, otlp: SocketAddr, echo: SocketAddr) -> String {
        let (operator, redis) = (self.path("operator"), self.path("redis-url"));
        let otlp = format!("otlp: {{endpoint: 'http://{otlp}', interval: 1s}}");
        let operator = format!("operator_token: {{file: {}}}", operator.display());
        let lines = [
            "log: {format: json, level: trace}",
            "token: {env: READER}",
            "worker_token: {env: WORKER}",
            "rates: {CNY: 0.14}",
            &operator,
            &otlp,
        ];
        let file = format!("{{file: {{path: {}}}}}", self.path("queue").display());
        let by_file = format!("{{redis: {{url: {{file: {}}}, list: jobs}}}}", redis.display());
        let by_variable = "{redis: {url: {env: REDIS_URL}, list: jobs}}";
        let by_credential = "{redis: {url: {credential: redis-url}, stream: jobs, group: workers}}";
        let metric = format!("{{prometheus: {{url: 'http://{echo}', query: up, token: {{env: PROMETHEUS}}}}}}");
        let fleets = [
            ("plain", file.as_str()),
            ("file", &by_file),
            ("variable", by_variable),
            ("credential", by_credential),
            ("metric", &metric),
            ("json", "{http: {url: {env: JOBS_URL}, pointer: /n}}"),
            ("rabbit", "{rabbitmq: {url: {env: RABBITMQ_URL}, queue: jobs}}"),
        ];
        let text = fleet_file(self.directory.path(), &lines, &fleets);
        // Who is told that a machine goes, and where it is read what workers do.
        let hook = format!("drain_hook: {{http: {{url: 'http://{echo}/hook', token: {{env: HOOK}}}}}}");
        let consumers = "workers: {every: 5s, redis: {url: {env: WORKERS_REDIS}, stream: jobs, group: workers}}";
        let workers = "workers: {every: 5s, prometheus: {url: {env: WORKERS_URL}, query: up}}";
        let rule = |fleet: &str, rules: &str| format!("  - name: {fleet}\n    scale_down: {{{rules}}}\n");
        let text = text.replace("  - name: plain\n", &rule("plain", &format!("{hook}, {workers}")));
        let text = text.replace("  - name: file\n", &rule("file", consumers));
        if cfg!(not(feature = "ppio")) {
            return text;
        }
        let account = format!("providers:\n  ppio: {{api_key: {{env: PPIO_KEY}}, base_url: 'http://{echo}/v1'}}\n");
        let pools = "  - name: containers\n    capacity: {min: 1, max: 2}\n    pools:\n      - provider: ppio\n        \
                     regions: ['27']\n        instance_types: [a]\n        launch: {image: i, rootfs_gb: 60}\n";
        text.replace("providers:\n", &account) + pools
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the file is written");
    }

    fn says(&mut self, who: &str, what: impl Into<String>) {
        self.said.push((who.to_owned(), what.into()));
    }

    /// Runs the program to its end, with these variables besides, and keeps what it says. Gives the exit code.
    fn run(&mut self, args: &[&str], more: &[(&str, &str)]) -> Option<i32> {
        let output = command(&self.environment, self.directory.path())
            .args(args)
            .envs(more.iter().copied())
            .output()
            .expect("the program runs");
        let who = format!("spotfleet {}", args.join(" "));
        self.says(&who, String::from_utf8_lossy(&output.stdout));
        self.says(&who, String::from_utf8_lossy(&output.stderr));
        output.status.code()
    }
}

/// Answers every connection so, each in a thread of its own, until the process of the test ends.
fn serving(answer: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// A Redis that refuses every password, and repeats what it was sent.
fn refusing_redis(mut stream: TcpStream) {
    let mut sent = [0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut sent) {
        let sent = String::from_utf8_lossy(&sent[..length]).replace(['\r', '\n'], " ");
        for _ in 0..sent.matches('*').count().max(1) {
            if stream.write_all(format!("-WRONGPASS not with {sent}\r\n").as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// An HTTP server that refuses every request, and repeats what it was sent.
fn echoing_server(mut stream: TcpStream) {
    let mut sent = [0; 4_096];
    let length = stream.read(&mut sent).unwrap_or(0);
    let sent = String::from_utf8_lossy(&sent[..length]);
    let body = serde_json::json!({"status": "error", "error": sent, "message": sent, "reason": sent}).to_string();
    let head = format!("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {}", body.len());
    // Who asks may have gone.
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok();
}

/// A request; gives everything of the answer that is there within a moment.
async fn ask(method: &str, url: &str, token: Option<&str>, body: &str) -> String {
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = reqwest::Client::new().request(method, url).body(body.to_owned());
    request = request.header("Content-Type", "application/json");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut response = request.send().await.expect("an answer");
    let mut text = format!("{} {:?}\n", response.status(), response.headers());
    // A stream has no end; what it begins with is enough.
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout(Duration::from_secs(1), response.chunk()).await {
        text.push_str(&String::from_utf8_lossy(&chunk));
        if url.contains("/stream") {
            break;
        }
    }
    text
}

/// Every path that can be read, from the document of the API.
async fn paths(url: &str) -> Vec<String> {
    let answer = ask("GET", &format!("{url}/api/v1/openapi.json"), Some(&reader()), "").await;
    let (_, document) = answer.split_once('\n').expect("a body");
    let document: Value = serde_json::from_str(document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    paths.keys().map(|path| path.replace("{name}", "file").replace("{what}", "file")).collect()
}

/// Every file below.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_said_by_nobody() {
    let mut site = Site::new();
    let config = site.path("fleet.yaml").display().to_string();
    let daemon = Daemon::start(Path::new(&config), &site.environment)
        .unwrap_or_else(|(status, log)| panic!("the daemon ended ({status}):\n{log}"));
    let url = daemon.url();

    // Some rounds, with demand that is read, and demand that cannot be.
    let start = Instant::now();
    let mut rounds = BTreeSet::new();
    while rounds.len() < ROUNDS {
        assert!(start.elapsed() < LIMIT, "{rounds:?}\n{}", daemon.log());
        let answer = ask("GET", &format!("{url}/api/v1/fleets"), Some(&reader()), "").await;
        let at = answer.split(r#""at":""#).nth(1).and_then(|rest| rest.split('"').next());
        rounds.insert(at.unwrap_or_else(|| panic!("{answer}")).to_owned());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let (reader, operator) = (reader(), operator());
    let paths = paths(&url).await;
    assert!(paths.len() > 8, "{paths:?}");
    for path in paths.iter().map(String::as_str).chain(["/nothing", "/api/v1/fleets/none", "/api/v1/events?after=x"]) {
        for token in [None, Some(reader.as_str()), Some(&operator)] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = ask(method, &format!("{url}{path}"), token, "{}").await;
                site.says(&format!("{method} {path}"), answer);
            }
        }
    }
    let order = r#"{"order":"pause","fleet":"file","for_s":60,"by":"operator","why":"a look"}"#;
    for token in [&reader, &operator] {
        let answer = ask("POST", &format!("{url}/api/v1/orders"), Some(token), order).await;
        site.says("POST an order", answer);
    }

    // The same by the command line, with the right token, the wrong one and none.
    site.write("reader", &reader);
    let (reader_file, operator_file) =
        (site.path("reader").display().to_string(), site.path("operator").display().to_string());
    for command in ["status", "events", "plan"] {
        assert_eq!(site.run(&[command, "--url", &url, "--token-file", &reader_file], &[]), Some(0), "{command}");
        let wrong = format!("{CANARY}-wrong");
        assert_eq!(site.run(&[command, "--url", &url], &[("SPOTFLEET_TOKEN", wrong.as_str())]), Some(1), "{command}");
        assert_eq!(site.run(&[command, "--url", &url], &[]), Some(1), "{command}");
    }
    let resume = ["resume", "file", "--why", "looked", "--by", "operator", "--url", &url, "--operator-token-file"];
    assert_eq!(site.run(&[&resume as &[&str], &[operator_file.as_str()]].concat(), &[]), Some(0));
    assert_eq!(site.run(&[&resume as &[&str], &[reader_file.as_str()]].concat(), &[]), Some(1));

    // A machine is told to go: the server of the hook repeats its token.
    let machines = ask("GET", &format!("{url}/api/v1/instances"), Some(&reader), "").await;
    let (_, machines) = machines.split_once('\n').expect("a body");
    let machines: Value = serde_json::from_str(machines).expect("JSON");
    let plain = |machine: &&Value| machine["fleet"] == "plain";
    let machine = machines["instances"].as_array().into_iter().flatten().find(plain).expect("a machine");
    let id = machine["id"].as_str().expect("an id").to_owned();
    let drain = ["drain", &id, "--why", "looked", "--by", "operator", "--url", &url, "--operator-token-file"];
    assert_eq!(site.run(&[&drain as &[&str], &[operator_file.as_str()]].concat(), &[]), Some(0));
    let hooked = |text: &str| text.contains("hook-failed");
    let mut events = String::new();
    while !hooked(&events) {
        assert!(start.elapsed() < LIMIT, "{events}\n{}", daemon.log());
        events = ask("GET", &format!("{url}/api/v1/events"), Some(&reader), "").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    site.says("events of the hook", events);

    // A dry run beside the daemon, and a second daemon, which finds the store taken.
    assert_eq!(site.run(&["plan", "--config", &config, "--output", "json"], &[]), Some(0));
    assert_eq!(site.run(&["run", "--config", &config], &[]), Some(1));

    // The same with all that it is made of in a file, in the state directory so that it is looked through below; and
    // decided again.
    let record = site.path("state/observation.json").display().to_string();
    assert_eq!(site.run(&["plan", "--config", &config, "--record", &record], &[]), Some(0));
    assert_eq!(site.run(&["plan", "--observation", &record, "--output", "json"], &[]), Some(0));
    assert!(fs::read_to_string(&record).is_ok_and(|text| text.contains("spotfleet_observation")));

    // A reload with another place of a secret, and one that is refused.
    let text = fs::read_to_string(&config).expect("the fleet file");
    for changed in [text.replace("{env: READER}", "{file: operator}"), text.replace("{env: REDIS_URL}", "{env: NONE}")]
    {
        let count = |log: &str| log.matches("\"reload").count();
        let before = count(&daemon.log());
        fs::write(&config, changed).expect("the fleet file is written");
        daemon.signal("HUP");
        while count(&daemon.log()) == before {
            assert!(start.elapsed() < LIMIT, "{}", daemon.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    fs::write(&config, &text).expect("the fleet file is written");
    let (status, log) = daemon.stop_with_log();
    assert!(status.success(), "{log}");
    for fleet in ["file", "variable", "credential", "metric", "json", "rabbit"] {
        assert!(log.contains(&format!("fleet {fleet}: no demand data")), "{fleet} was read:\n{log}");
    }
    assert!(log.matches("what workers do cannot be read").count() >= 2, "{log}");
    assert!(cfg!(not(feature = "ppio")) || log.contains("ppio/27 cannot be listed"), "{log}");
    site.says("the daemon", log);

    for verb in [&["info"] as &[&str], &["check"], &["export"], &["export", "--output", "json"]] {
        assert_eq!(site.run(&[&["store", "--config", &config], verb].concat(), &[]), Some(0), "{verb:?}");
    }
    site.run(&["validate", &config], &[]);

    // One secret for both tokens.
    assert_eq!(site.run(&["run", "--config", &config], &[("READER", operator.as_str())]), Some(1));
    assert!(site.said.last().is_some_and(|(_, what)| what.contains("are the same secret")));

    // Secrets that cannot be used: no address, and a password in the fleet file itself.
    let no_address = format!("{CANARY} is no address");
    assert_eq!(site.run(&["plan", "--config", &config], &[("REDIS_URL", no_address.as_str())]), Some(1));
    assert_eq!(site.run(&["run", "--config", &config], &[("REDIS_URL", no_address.as_str())]), Some(1));
    site.write("plain.yaml", &text.replace("{env: REDIS_URL}", &format!("'redis://:{CANARY}@127.0.0.1/0'")));
    let plain = site.path("plain.yaml").display().to_string();
    for command in [&["validate", &plain] as &[&str], &["run", "--config", &plain], &["plan", "--config", &plain]] {
        assert_eq!(site.run(command, &[]), Some(2), "{command:?}");
    }

    for (who, what) in &site.said {
        assert!(!what.contains(CANARY), "{who} tells a secret:\n{what}");
    }
    let mut kept = Vec::new();
    files(&site.path("state"), &mut kept);
    assert!(!kept.is_empty());
    for file in kept {
        let bytes = fs::read(&file).expect("the file is read");
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{} holds a secret", file.display());
    }
}
