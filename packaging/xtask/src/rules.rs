//! Rules of the house that can be told from the text of the sources: size of files, nothing left unfinished, one
//! reader of the wall clock. What each crate may depend on, and that the core is pure, is a test of its own:
//! `tests/tests/architecture.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::place;
use crate::stage::Failed;

/// Folders with our sources.
const FOLDERS: [&str; 6] = ["policies", "providers", "config", "daemon", "tests", "packaging"];

/// What only these files (or the files of these folders) may name, tests apart.
const OWNED: [(&str, &[&str], &str); 2] = [
    // An adapter dates what its cloud does not date.
    ("SystemTime::now", &["daemon/src/clock.rs", "providers/src/clock.rs"], "one file reads the wall clock"),
    ("serde_yaml", &["config/src"], "one crate owns the format of the fleet file"),
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
    let mut files = 0;
    for dir in FOLDERS {
        for path in sources(&root.join(dir))? {
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            let text = fs::read_to_string(&path).map_err(|e| cannot_read(&path, &e))?;
            broken.extend(judge(&name, &text));
            files += 1;
        }
    }
    if broken.is_empty() {
        println!("{files} files keep the rules");
        return Ok(());
    }
    Err(Failed::because(broken.join("\n")).repeat_with("cargo xtask rules"))
}

fn judge(name: &str, text: &str) -> Vec<String> {
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
        for (word, owners, why) in OWNED {
            if !tests && code.contains(word) && !owners.iter().any(|owner| name.starts_with(owner)) {
                broken.push(format!("{at}: {word} belongs to {}: {why}", owners.join(", ")));
            }
        }
    }
    broken
}

/// Every Rust file below, in order.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| cannot_read(dir, &e))? {
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

fn cannot_read(path: &Path, error: &std::io::Error) -> Failed {
    Failed::because(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reader_of_the_clock_is_seen() {
        let clock = "fn f() { SystemTime::now(); }";
        assert_eq!(judge("daemon/src/shell.rs", clock).len(), 1);
        assert!(judge("daemon/src/clock.rs", clock).is_empty());
        assert!(judge("daemon/src/shell.rs", "// SystemTime::now is not called here").is_empty());
    }

    #[test]
    fn long_files_and_unfinished_work_are_seen() {
        assert_eq!(judge("a.rs", &"\n".repeat(801)).len(), 1);
        assert!(judge("a.rs", &"\n".repeat(800)).is_empty());
        assert_eq!(judge("a.rs", concat!("// TO", "DO: later")).len(), 1);
    }
}
