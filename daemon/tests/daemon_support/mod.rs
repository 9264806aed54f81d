//! A daemon under test: the real program on simulated clouds, its log, its signals, its end.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

/// Nothing here takes longer on an idle machine than a second or two; a busy one gets this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a fleet file, a queue and the state of a daemon.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    /// With this many jobs in the queue.
    pub(crate) fn new(jobs: u32) -> Self {
        let place = Self { dir: TempDir::new().unwrap() };
        place.write("queue", &jobs.to_string());
        place.write("fleet.yaml", &place.fleet(10, ""));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        // Whole, as an operator's editor does: the daemon never sees half of it.
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("fleet.yaml")
    }

    /// A fleet of simulated machines with this maximum; `daemon` adds lines to that section.
    pub(crate) fn fleet(&self, max: u32, daemon: &str) -> String {
        let dir = self.dir.path().display();
        let mut text = format!(
            "version: 1\n\
             daemon:\n  state_dir: {dir}/state\n  listen: 127.0.0.1:0\n  tick: 1s\n"
        );
        for line in daemon.lines() {
            writeln!(text, "  {line}").unwrap();
        }
        write!(
            text,
            "providers:\n  sim-a:\n    start_delay: 1s\n    visibility_lag: 1s\n    interruptions_per_hour: 0%\n    \
             types:\n      small: {{vcpus: 2, on_demand_price: 0.10, spot_price: 0.03}}\n\
             fleets:\n  - name: web\n    capacity: {{min: 2, max: {max}}}\n    demand:\n      queue:\n        \
             source: {{file: {{path: {dir}/queue}}}}\n        jobs_per_unit_hour: 60\n        drain_within: 10m\n    \
             on_demand: {{base: 1}}\n    pools:\n      - provider: sim-a\n        regions: [east, west]\n        \
             instance_types: [small]\n"
        )
        .unwrap();
        text
    }

    /// Starts the daemon here.
    pub(crate) fn run(&self) -> Running {
        self.run_with(&[])
    }

    /// Starts the daemon here with these variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)]) -> Running {
        Running::spawn(spotfleet().arg("run").arg("--config").arg(self.config()).envs(variables.iter().copied()))
    }
}

/// The program, with nothing of the caller's surroundings that could change what it does.
pub(crate) fn spotfleet() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spotfleet"));
    for name in ["SPOTFLEET_CONFIG", "SPOTFLEET_URL", "SPOTFLEET_TOKEN", "SPOTFLEET_LOG", "NOTIFY_SOCKET"] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running daemon; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, said) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines: said, said: Vec::new() }
    }

    /// Waits until the log says this, and gives the line.
    pub(crate) fn wait_for(&mut self, what: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(what) {
                        return line;
                    }
                }
                Err(_) => panic!("the daemon never said `{what}`:\n{}", self.said.join("\n")),
            }
        }
    }

    /// The address of its HTTP API.
    pub(crate) fn url(&mut self) -> String {
        let line = self.wait_for("listening");
        format!("http://{}", line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap())
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; gives how it ended and everything it said.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        // The log ends with the process.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.said.push(line);
        }
        let status = self.child.wait().unwrap();
        (status, std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks an API and gives status and body.
pub(crate) async fn get(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The same for a test without a runtime.
pub(crate) fn get_now(url: &str) -> (u16, serde_json::Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (status, body) = runtime.block_on(get(url));
    (status, serde_json::from_str(&body).unwrap_or(serde_json::Value::String(body)))
}

/// Text of a file below a directory.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
