//! The real `spotfleet` as a child process: started on a fleet file, asked over HTTP, killed, started again.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Log lines kept: more than a test of some seconds gives rise to.
const LINES: usize = 100_000;

/// A running `spotfleet run`. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: String,
    token: Option<String>,
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// The folder that this program was built into: `target/debug`. Tests are in `deps` there.
///
/// # Panics
/// When it is not known.
#[must_use]
pub fn built() -> PathBuf {
    let here = std::env::current_exe().expect("this program's own path");
    let folder = here.parent().expect("a file is in a folder");
    if folder.ends_with("deps") { folder.parent().expect("deps is in a folder") } else { folder }.to_path_buf()
}

/// The binary that `cargo test` built beside the test.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn binary() -> PathBuf {
    let path = built().join("spotfleet");
    assert!(path.exists(), "{} is missing: run the tests of the whole workspace", path.display());
    path
}

/// A `spotfleet` command that can reach no real account: only what `environment` gives.
#[must_use]
pub fn command(environment: &[(String, String)], home: &Path) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("AWS_CONFIG_FILE", home.join("none")).env("AWS_SHARED_CREDENTIALS_FILE", home.join("none"));
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(environment.iter().map(|(k, v)| (k, v)));
    command
}

impl Daemon {
    /// Starts `spotfleet run` and waits until it says where it listens.
    ///
    /// # Errors
    /// The exit status and the log, when it ends before that.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn start(file: &Path, environment: &[(String, String)]) -> Result<Self, (ExitStatus, String)> {
        let home = file.parent().expect("a fleet file is in a directory");
        let mut child = command(environment, home)
            .args(["run", "--config"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("spotfleet can be run");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let mut address = None;
        while address.is_none() {
            let mut line = String::new();
            if log.read_line(&mut line).unwrap_or(0) == 0 {
                let status = child.wait().expect("the process can be waited for");
                return Err((status, joined(&lines)));
            }
            address = listening_on(&line);
            keep(&lines, line);
        }
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                keep(&kept, line + "\n");
            }
        });
        Ok(Self { child, address: address.unwrap_or_default(), token: None, lines, reader: Some(reader) })
    }

    /// Asks with this token from now on.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The address of its HTTP API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it logged, newest last.
    #[must_use]
    pub fn log(&self) -> String {
        joined(&self.lines)
    }

    /// The answer to a GET of this path.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON, or its status is no success.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        let url = format!("{}{path}", self.url());
        let mut request = reqwest::Client::new().get(&url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|e| e.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| e.to_string())?;
        if !status.is_success() {
            return Err(format!("{url}: {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|e| format!("{url}: {e}: {text}"))
    }

    /// Asks a path until the answer is as wanted, and returns it with the time it took.
    ///
    /// # Panics
    /// With the last answer and the log, when that does not happen within `limit`.
    pub async fn until(&self, path: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> (Value, Duration) {
        let start = Instant::now();
        let mut last = Err("not asked yet".to_owned());
        while start.elapsed() < limit {
            last = self.get(path).await;
            if let Ok(answer) = &last
                && wanted(answer)
            {
                return (answer.clone(), start.elapsed());
            }
            // The daemon tells nobody when it changes its mind; so it is asked again, a few times a second.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} was not as wanted within {limit:?}; last answer: {last:#?}\nlog:\n{}", self.log());
    }

    /// Kills it as a crash would (SIGKILL), and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn crash(mut self) -> String {
        self.child.kill().ok();
        self.child.wait().expect("the process can be waited for");
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        self.log()
    }

    /// Sends it a signal by its name.
    ///
    /// # Panics
    /// When that is not possible.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "SIG{name} can be sent");
    }

    /// Asks it to stop (SIGTERM) and waits for the end.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn stop(self) -> ExitStatus {
        self.stop_with_log().0
    }

    /// The same, with everything that it logged.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn stop_with_log(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let status = self.child.wait().expect("the process can be waited for");
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        (status, self.log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The address in a log line that says where the daemon listens (JSON log).
fn listening_on(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    let said = fields.get("message")?.as_str()?;
    said.starts_with("listening").then(|| fields.get("address")?.as_str().map(str::to_owned))?
}

fn keep(lines: &Mutex<VecDeque<String>>, line: String) {
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

fn joined(lines: &Mutex<VecDeque<String>>) -> String {
    lines.lock().unwrap_or_else(PoisonError::into_inner).iter().map(String::as_str).collect()
}
