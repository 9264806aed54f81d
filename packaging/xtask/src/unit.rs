//! Checks the systemd unit with systemd's own tool: every line understood, and hardened as promised.

use std::fs;
use std::path::Path;

use crate::place;
use crate::stage::{Failed, Outcome, Step};

const UNIT: &str = "packaging/systemd/spotfleet.service";

/// Where the unit expects the program; the tool insists that it exists.
const PROGRAM: &str = "/usr/bin/spotfleet";

/// The highest exposure allowed, in tenths (`systemd-analyze security`: 0 is none, 100 is all). What remains is the
/// network, without which there is no cloud.
const EXPOSURE_TENTHS: u32 = 15;

/// Verifies and scores the unit.
///
/// # Errors
/// When the tool has anything to say about the unit, scores it above [`EXPOSURE_TENTHS`], or lets a broken one pass.
pub(crate) fn check() -> Result<Outcome, Failed> {
    if !Step::new("systemd-analyze").args(&["--version"]).output().is_ok_and(|o| o.status.success()) {
        return Ok(Outcome::Skipped(format!("{UNIT} was not checked: no systemd-analyze (Debian package systemd)")));
    }
    let dir = place::target().join("unit");
    let text = fs::read_to_string(place::root().join(UNIT)).map_err(|e| Failed::because(format!("{UNIT}: {e}")))?;
    if !text.contains(PROGRAM) {
        return Err(Failed::because(format!("{UNIT} does not run {PROGRAM}")));
    }
    let complaints = |name: &str, text: &str| -> Result<String, Failed> {
        let copy = dir.join(name).join("spotfleet.service");
        write(&copy, &text.replace(PROGRAM, "/bin/true"))?;
        let verify = Step::new("systemd-analyze").args(&["verify", "--man=no"]).args(&[&copy]).output()?;
        let threshold = format!("--threshold={EXPOSURE_TENTHS}");
        let score = Step::new("systemd-analyze")
            .args(&["security", "--no-pager", "--offline=true", &threshold])
            .args(&[&copy])
            .output()?;
        let mut said = String::from_utf8_lossy(&verify.stderr).into_owned();
        said += &String::from_utf8_lossy(&verify.stdout);
        if !verify.status.success() && said.is_empty() {
            said += "systemd-analyze verify failed\n";
        }
        if !score.status.success() {
            said += &String::from_utf8_lossy(&score.stdout);
            said += &String::from_utf8_lossy(&score.stderr);
        } else if let Some(line) = String::from_utf8_lossy(&score.stdout).lines().last() {
            println!("{name}: {}", line.trim_start_matches(['→', ' ']));
        }
        Ok(said)
    };
    // The check must be able to fail: once for a line that is not understood, once for a service that may do all.
    let misspelt = text.replace("WatchdogSec=", "WatchdogSeconds=");
    let hardening = ["Protect", "Private", "Restrict", "Capability", "SystemCall", "DynamicUser"];
    let open = text.lines().filter(|line| !hardening.iter().any(|h| line.starts_with(h)));
    let open = open.map(|line| format!("{line}\n")).collect::<String>();
    for (name, broken) in [("misspelt", misspelt), ("open", open)] {
        if broken == text || complaints(name, &broken)?.is_empty() {
            return Err(Failed::because(format!("a unit that is {name} was not refused")));
        }
    }
    let said = complaints("unit", &text)?;
    if said.is_empty() { Ok(Outcome::Passed) } else { Err(Failed::because(format!("{UNIT}:\n{said}"))) }
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text)).map_err(|e| Failed::because(format!("{}: {e}", path.display())))
}
