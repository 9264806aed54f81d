//! Files that are made from the code: the JSON schema and the reference page of the fleet file, the OpenAPI document and
//! the page of metrics of the daemon. Tests named `generated` compare them, and write them when they are told to.

use crate::stage::{Failed, Step};

/// Without the cloud SDKs, which have no part in these files and take long to compile.
fn compare() -> Step {
    Step::cargo(["test", "--quiet", "--workspace", "--no-default-features", "--test", "generated"])
}

/// Writes every file anew.
///
/// # Errors
/// When one cannot be written, or the daemon does not build.
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
