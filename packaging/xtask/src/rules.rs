//! Rules of the house that the compiler does not know: which crate may use what, purity of the core, size of files.
//!
//! The core's purity is checked twice. Its `clippy.toml` bans clocks, threads, files and the like by their real names,
//! however they are imported; that ban is tried here on a copy with a violation planted, so that it cannot be lost
//! unnoticed. And the core may depend on nothing that could do I/O for it: that is the dependency table below.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::place;
use crate::stage::{Failed, Step};

/// The crates from left to right: each may use those before it.
const HOUSE: [(&str, &str); 5] = [
    ("policies", "policies"),
    ("providers", "providers"),
    ("config", "config"),
    ("daemon", "spotfleet"),
    ("tests", "spotfleet-tests"),
];

/// What a crate may use from outside. The crates not listed may use what they need.
const OUTSIDE: [(&str, &[&str]); 2] = [
    // Decides: nothing that could look, wait, draw or write.
    ("policies", &["thiserror"]),
    // Reads files of the operator: no network, no runtime.
    ("config", &["annotate-snippets", "jiff", "schemars", "secrecy", "serde", "serde_json", "serde_yaml", "thiserror"]),
];

/// What only these files may name.
const OWNED: [(&str, &str, &str); 4] = [
    ("aws_sdk_", "providers/src/aws/wire", "the SDK stays behind its wire module"),
    ("aws_config", "providers/src/aws/wire", "the SDK stays behind its wire module"),
    ("SystemTime::now", "daemon/src/clock.rs", "one file reads the wall clock"),
    ("serde_yaml", "config/src", "one crate owns the format of the fleet file"),
];

/// Words that say that something is not finished. In two parts, so that this file does not contain them.
const UNFINISHED: [(&str, &str); 4] = [("TO", "DO"), ("FIX", "ME"), ("unimplemented", "!("), ("todo", "!(")];

/// The longest file. Past it, two ideas share the file.
const LINES: usize = 800;

/// Checks every rule.
///
/// # Errors
/// When one is broken; all that are broken are named.
pub(crate) fn check() -> Result<(), Failed> {
    let root = place::root();
    let mut broken = Vec::new();
    for (dir, _) in HOUSE {
        let text = read(&root.join(dir).join("Cargo.toml"))?;
        broken.extend(judge_dependencies(dir, &dependencies(&text)));
    }
    let mut files = 0;
    for dir in ["policies", "providers", "config", "daemon", "tests", "packaging"] {
        for path in sources(&root.join(dir))? {
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            broken.extend(judge_source(&name, &read(&path)?));
            files += 1;
        }
    }
    if !broken.is_empty() {
        return Err(Failed::because(broken.join("\n")).repeat_with("cargo xtask rules"));
    }
    println!("{} crates and {files} files keep the rules", HOUSE.len());
    plant()
}

/// The names under `[dependencies]` and its like, for the program itself and for its build. What the tests of a crate
/// use is their business.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let section = |s: &str| s == "dependencies" || s == "build-dependencies" || s.ends_with(".dependencies");
            inside = section(header);
            if let Some((before, name)) = header.rsplit_once('.')
                && section(before)
            {
                names.push(name.to_owned());
            }
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            names.extend(line.split(['.', '=', ' ']).next().map(str::to_owned));
        }
    }
    names
}

fn judge_dependencies(dir: &str, names: &[String]) -> Vec<String> {
    let place = HOUSE.iter().position(|(d, _)| *d == dir).unwrap_or(HOUSE.len());
    let outside: BTreeMap<&str, &[&str]> = OUTSIDE.into_iter().collect();
    let mut broken = Vec::new();
    for name in names {
        let ours = HOUSE.iter().position(|(_, package)| package == name);
        match (ours, outside.get(dir)) {
            (Some(other), _) if other >= place => {
                broken.push(format!("{dir} uses {name}: a crate may use what stands left of it, never the reverse"));
            }
            (None, Some(allowed)) if !allowed.contains(&name.as_str()) => {
                broken.push(format!("{dir} uses {name}: it may only use {}", allowed.join(", ")));
            }
            _ => {}
        }
    }
    broken
}

fn judge_source(name: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let lines = text.lines().count();
    if lines > LINES {
        broken.push(format!("{name} has {lines} lines, more than {LINES}"));
    }
    let tests = name.starts_with("tests/") || name.ends_with("tests.rs") || name.starts_with("packaging/");
    for (number, line) in text.lines().enumerate() {
        let at = format!("{name}:{}", number + 1);
        for (a, b) in UNFINISHED {
            if line.contains(&format!("{a}{b}")) {
                broken.push(format!("{at}: {a}{b}"));
            }
        }
        let code = line.split("//").next().unwrap_or_default();
        for (word, owner, why) in OWNED {
            if !tests && code.contains(word) && !name.starts_with(owner) {
                broken.push(format!("{at}: {word} belongs to {owner}: {why}"));
            }
        }
    }
    broken
}

/// Every Rust file below, in order.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).map_err(|e| cannot_read(dir, &e))?;
    for entry in entries {
        let path = entry.map_err(|e| cannot_read(dir, &e))?.path();
        if path.is_dir() && path.file_name().is_none_or(|n| n != "target") {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What is planted, with the reason that the lint must give for refusing it.
const PLANTS: [(&str, &str); 5] = [
    ("pub fn a() -> std::time::SystemTime { std::time::SystemTime::now() }", "time is an argument"),
    ("pub fn b() -> Option<String> { std::env::var(\"HOME\").ok() }", "settings are arguments"),
    ("pub fn c() -> Option<Vec<u8>> { std::fs::read(\"/etc/hostname\").ok() }", "no I/O in the core"),
    ("pub fn d() -> usize { std::collections::HashMap::<u8, u8>::new().len() }", "iteration order must be stable"),
    ("pub fn e() { std::thread::spawn(|| ()); }", "the core is one synchronous call"),
];

/// Lints a copy of the core as it is, and then with each plant in it.
fn plant() -> Result<(), Failed> {
    let root = place::root();
    let copy = place::target().join("planted");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|e| cannot_write(&copy, &e))?;
    }
    copy_dir(&root.join("policies"), &copy.join("policies"))?;
    for file in ["Cargo.lock", "clippy.toml"] {
        write(&copy.join(file), &read(&root.join(file))?)?;
    }
    let manifest = read(&root.join("Cargo.toml"))?;
    let alone: Vec<&str> = manifest
        .lines()
        .filter(|line| !line.starts_with("default-members ="))
        .map(|line| if line.starts_with("members =") { "members = [\"policies\"]" } else { line })
        .collect();
    write(&copy.join("Cargo.toml"), &alone.join("\n"))?;
    let lint = Step::cargo(["clippy", "--quiet", "--package", "spotfleet-policies", "--lib", "--manifest-path"])
        .args(&[copy.join("Cargo.toml")])
        .args(&["--target-dir"])
        .args(&[place::target().join("planted-target")])
        .args(&["--", "-D", "warnings"]);
    let sound = lint.output()?;
    if !sound.status.success() {
        let said = String::from_utf8_lossy(&sound.stderr).into_owned();
        return Err(Failed::because(format!("the core does not pass its own lints:\n{said}")));
    }
    let door = copy.join("policies/src/lib.rs");
    let mut text = read(&door)?;
    for (code, _) in PLANTS {
        text += &format!("\n/// Planted.\n{code}\n");
    }
    write(&door, &text)?;
    let planted = lint.output()?;
    let said = String::from_utf8_lossy(&planted.stderr);
    for (code, reason) in PLANTS {
        if planted.status.success() || !said.contains(reason) {
            return Err(Failed::because(format!(
                "planted in the core and not refused for \"{reason}\": {code}\n{said}"
            )));
        }
    }
    println!("{} violations planted in the core are refused", PLANTS.len());
    Ok(())
}

fn copy_dir(from: &Path, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to).map_err(|e| cannot_write(to, &e))?;
    for entry in fs::read_dir(from).map_err(|e| cannot_read(from, &e))? {
        let entry = entry.map_err(|e| cannot_read(from, &e))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_dir(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(|e| cannot_write(&target, &e))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|e| cannot_read(path, &e))
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(|e| cannot_write(path, &e))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failed {
    Failed::because(format!("cannot read {}: {error}", path.display()))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failed {
    Failed::because(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn every_way_to_write_a_dependency_is_seen() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\n# no\nb = \"1\"\n\
            c = { version = \"1\" }\n[dependencies.d]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\
            [build-dependencies]\nf = \"1\"\n[dev-dependencies]\ng = \"1\"\n[features]\nh = []\n";
        assert_eq!(dependencies(manifest), ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn a_crate_may_use_what_stands_left_of_it_only() {
        assert!(judge_dependencies("config", &names(&["policies", "providers", "serde"])).is_empty());
        assert_eq!(judge_dependencies("policies", &names(&["providers"])).len(), 1);
        assert_eq!(judge_dependencies("providers", &names(&["policies", "config"])).len(), 1);
        assert_eq!(judge_dependencies("daemon", &names(&["spotfleet-tests"])).len(), 1);
    }

    #[test]
    fn the_core_may_use_nothing_that_does_things() {
        for name in ["tokio", "rand", "serde", "tracing"] {
            assert_eq!(judge_dependencies("policies", &names(&["thiserror", name])).len(), 1, "{name}");
        }
        assert_eq!(judge_dependencies("config", &names(&["tokio"])).len(), 1);
    }

    #[test]
    fn owned_words_and_long_files_are_seen() {
        let clock = "fn f() { SystemTime::now(); }";
        assert_eq!(judge_source("daemon/src/shell.rs", clock).len(), 1);
        assert!(judge_source("daemon/src/clock.rs", clock).is_empty());
        assert!(judge_source("daemon/src/shell.rs", "// SystemTime::now is not called here").is_empty());
        assert_eq!(judge_source("providers/src/guard.rs", "use aws_sdk_ec2::Client;").len(), 1);
        assert_eq!(judge_source("a.rs", &"\n".repeat(801)).len(), 1);
        assert!(judge_source("a.rs", &"\n".repeat(800)).is_empty());
        assert_eq!(judge_source("a.rs", concat!("// TO", "DO: later")).len(), 1);
    }
}
