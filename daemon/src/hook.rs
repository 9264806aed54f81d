//! Drain hooks, performed: a server or a command is told that a machine is to go.
//!
//! At most [`AT_ONCE`] run at a time; the others wait for their turn, and for no longer than their machine drains. A
//! command runs in a process group of its own, which is killed when its time is over or when the daemon stops. It gets
//! none of the daemon's environment but `PATH`: secrets may be there. What it prints is not read.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use policies::control::Hook;
use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};
use providers::hook::HttpHook;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::clock::{Stopwatch, rfc3339};

/// Hooks that run at once: each may hold a process or a connection for as long as a machine drains.
pub const AT_ONCE: usize = 16;

/// The exit status of a command that has told the worker and does not know that it has finished: `EX_TEMPFAIL`.
const TOLD: i32 = 75;

/// Of whom is told how.
#[derive(Debug)]
pub struct DrainHook {
    way: Way,
    /// So long one call may take, at most.
    timeout: Option<Span>,
    turns: Arc<Semaphore>,
}

/// How it is told.
#[derive(Debug)]
pub enum Way {
    /// A server is told.
    Http(Box<HttpHook>),
    /// A command is run: the program and its arguments.
    Command(Vec<String>),
}

impl DrainHook {
    /// A hook that takes its turn among these.
    #[must_use]
    pub const fn new(way: Way, timeout: Option<Span>, turns: Arc<Semaphore>) -> Self {
        Self { way, timeout, turns }
    }

    /// Tells of a machine; true when its worker has finished.
    ///
    /// # Errors
    /// When nobody could be told, or there was no end in time.
    pub async fn tell(&self, hook: &Hook, now: Time) -> Result<bool, Failure> {
        let left = Duration::from_millis(hook.until.since(now).as_millis());
        let waited = Stopwatch::start();
        let turn = tokio::time::timeout(left, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(failure(FailureKind::Unavailable, "timeout", "its drain time was over before it had its turn"));
        };
        let left = left.saturating_sub(waited.elapsed());
        let within = self.timeout.map_or(left, |most| left.min(Duration::from_millis(most.as_millis())));
        match &self.way {
            Way::Http(server) => server.tell(body(hook), within).await,
            Way::Command(argv) => run(argv, hook, within).await,
        }
    }
}

/// What a server is told.
fn body(hook: &Hook) -> String {
    let Hook { fleet, instance, pool, why, until } = hook;
    json!({
        "event": "drain",
        "fleet": fleet.as_str(),
        "instance": instance.as_str(),
        "pool": pool.to_string(),
        "provider": pool.provider().as_str(),
        "region": pool.region().as_str(),
        "zone": pool.zone().as_str(),
        "instance_type": pool.instance_type().as_str(),
        "market": pool.market().name(),
        "cause": why.name(),
        "until": rfc3339(*until),
    })
    .to_string()
}

/// What a command is told, in its environment.
fn environment(hook: &Hook) -> Vec<(&'static str, OsString)> {
    let Hook { fleet, instance, pool, why, until } = hook;
    [
        ("SPOTFLEET_EVENT", "drain".to_owned()),
        ("SPOTFLEET_FLEET", fleet.to_string()),
        ("SPOTFLEET_INSTANCE", instance.to_string()),
        ("SPOTFLEET_POOL", pool.to_string()),
        ("SPOTFLEET_PROVIDER", pool.provider().to_string()),
        ("SPOTFLEET_REGION", pool.region().to_string()),
        ("SPOTFLEET_ZONE", pool.zone().to_string()),
        ("SPOTFLEET_INSTANCE_TYPE", pool.instance_type().to_string()),
        ("SPOTFLEET_MARKET", pool.market().name().to_owned()),
        ("SPOTFLEET_CAUSE", why.name().to_owned()),
        ("SPOTFLEET_UNTIL", rfc3339(*until)),
    ]
    .map(|(name, value)| (name, OsString::from(value)))
    .into()
}

/// A command with all that it started; killed when this is dropped before its end.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may be gone already.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn run(argv: &[String], hook: &Hook, within: Duration) -> Result<bool, Failure> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(failure(FailureKind::Invalid, "-", "the command is empty"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(environment(hook));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    let child = command
        .spawn()
        .map_err(|error| failure(FailureKind::Invalid, "-", &format!("{program} cannot be run: {}", error.kind())))?;
    let leader = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut group = Group { child, leader };
    let ended = tokio::time::timeout(within, group.child.wait()).await;
    let Ok(ended) = ended else {
        let text = format!("{program}: no end within {} s, killed", within.as_secs_f32());
        return Err(failure(FailureKind::Unavailable, "timeout", &text));
    };
    // It was waited for, so its number may be another's by now.
    group.leader = None;
    let status = ended.map_err(|error| failure(FailureKind::Unavailable, "-", &format!("{program}: {error}")))?;
    match status.code() {
        Some(0) => Ok(true),
        Some(TOLD) => Ok(false),
        Some(code) => {
            Err(failure(FailureKind::Unavailable, &code.to_string(), &format!("{program} ended with {code}")))
        }
        None => Err(failure(FailureKind::Unavailable, "-", &format!("{program} was killed"))),
    }
}

fn failure(kind: FailureKind, code: &str, text: &str) -> Failure {
    Failure::new(kind, "drain hook", code, text)
}

#[cfg(test)]
mod tests;
