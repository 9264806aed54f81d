//! Where things are.

use std::env;
use std::path::PathBuf;

/// The root of the workspace. Asked for at run time: a target folder may be shared by several checkouts.
pub(crate) fn root() -> PathBuf {
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("packaging/xtask"), PathBuf::from);
    crate_dir.join("../..").canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The Python environment of the tests. In the target folder, where the tests look for it from where they stand.
pub(crate) fn venv() -> PathBuf {
    target().join("venv")
}
