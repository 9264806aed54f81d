//! What the service manager is told: ready, reloading, alive, stopping. All of it does nothing outside systemd.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

/// The loop must say that it lives within this time; `None`: nobody asks. Half of `WatchdogSec`, as `sd_notify(3)`
/// advises.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|d| d / 2)
}

/// The start is over: every lane was looked at, or failed to be.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The loop makes progress.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// A reload has begun. Must be followed by [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        // The manager restarts us if it matters; there is nobody else to tell.
        warn!(%error, "the service manager could not be told");
    }
}
