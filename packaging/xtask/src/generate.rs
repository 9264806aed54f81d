//! Files that are made from the code: the JSON schema and the reference page of the fleet file. A test of `config` compares
//! them, and writes them when it is told to.

use crate::stage::{Failed, Step};

fn compare() -> Step {
    Step::cargo(["test", "--quiet", "--package", "spotfleet-config", "--test", "generated"])
}

/// Writes every file anew.
///
/// # Errors
/// When one cannot be written, or `config` does not build.
pub(crate) fn write() -> Result<(), Failed> {
    compare().env("UPDATE_EXPECT", "1").run()
}

/// Compares every file with what the code says now.
///
/// # Errors
/// When one differs; it is named.
pub(crate) fn check() -> Result<(), Failed> {
    compare().run()
}
