//! Gets what the tests need from outside: redis-server, prometheus and rabbitmq-server (as demand sources), strace (for
//! power cuts of the store), and the Python packages of the peers: of EC2, and of the HTTP API.

use std::fs;
use std::path::Path;

use crate::place;
use crate::stage::{Failed, Outcome, Step};

/// Programs that the tests run, each with the Debian package that has it.
const PROGRAMS: [(&str, &str); 5] = [
    ("redis-server", "redis-server"),
    ("prometheus", "prometheus"),
    ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"),
    ("python3", "python3-venv"),
    ("strace", "strace"),
];

/// Both parts.
pub(crate) fn all() -> Result<Outcome, Failed> {
    programs()?;
    python()?;
    Ok(Outcome::Passed)
}

/// Installs the missing Debian packages where we may, else says which.
fn programs() -> Result<(), Failed> {
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = Step::new("apt-get")
        .args(&["install", "--yes", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    let root = Step::new("id").args(&["-u"]).output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
    if !root || !runs("apt-get") {
        let text = format!("the tests need {}; install it with: sudo {install}", missing.join(" and "));
        return Err(Failed::because(text).repeat_with("cargo xtask setup"));
    }
    if install.run().is_err() {
        // The lists of a fresh machine are empty or old.
        Step::new("apt-get").args(&["update"]).run()?;
        install.run()?;
    }
    Ok(())
}

/// A program by its path is not run: RabbitMQ's would start the server.
fn is_there(program: &str) -> bool {
    if program.starts_with('/') { Path::new(program).exists() } else { runs(program) }
}

fn runs(program: &str) -> bool {
    Step::new(program).args(&["--version"]).output().is_ok_and(|o| o.status.success())
}

/// Makes the Python environment, unless it is there with the very same requirements.
fn python() -> Result<(), Failed> {
    let requirements = place::root().join("tests/requirements.txt");
    let wanted = fs::read_to_string(&requirements)
        .map_err(|e| Failed::because(format!("cannot read {}: {e}", requirements.display())))?;
    let venv = place::venv();
    // Written last, so that an environment whose making was cut short is made again.
    let stamp = venv.join("made-from.txt");
    let python = venv.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && runs(&python.to_string_lossy()) {
        return Ok(());
    }
    if let Some(parent) = venv.parent() {
        make_dir(parent)?;
    }
    Step::new("python3")
        .args(&["-m", "venv", "--clear"])
        .args(&[&venv])
        .run()
        .map_err(|failed| Failed::because(format!("is the Debian package python3-venv there? {failed}")))?;
    Step::new(&python)
        .args(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .args(&[&requirements])
        .run()?;
    fs::write(&stamp, wanted).map_err(|e| Failed::because(format!("cannot write {}: {e}", stamp.display())))
}

fn make_dir(dir: &Path) -> Result<(), Failed> {
    fs::create_dir_all(dir).map_err(|e| Failed::because(format!("cannot make {}: {e}", dir.display())))
}
