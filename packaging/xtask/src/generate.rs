//! Files that are made from the code: the JSON schema and the reference page of the fleet file.

use std::fs;
use std::path::PathBuf;

use crate::place;
use crate::stage::{Failed, Step};

/// Each file with the command of the program that prints it.
const FILES: [(&str, &str); 2] = [("config/schema.json", "schema"), ("config/REFERENCE.md", "reference")];

/// What prints the files.
#[derive(Debug)]
pub(crate) enum Source {
    /// The program as it is built now, without cloud SDKs: the format does not depend on them.
    Build,
    /// The program that was built before.
    Built(PathBuf),
}

impl Source {
    fn print(&self, command: &str) -> Result<Vec<u8>, Failed> {
        let step = match self {
            Self::Build => {
                Step::cargo(["run", "--quiet", "--package", "spotfleet", "--no-default-features", "--", command])
            }
            Self::Built(program) => Step::new(program).args(&[command]),
        };
        let output = step.output()?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failed::because(format!("nothing was printed ({})\n{said}", output.status)).repeat_with(step))
    }
}

/// Writes every file anew.
pub(crate) fn write() -> Result<(), Failed> {
    for (file, command) in FILES {
        let text = Source::Build.print(command)?;
        let path = place::root().join(file);
        fs::write(&path, text).map_err(|e| Failed::because(format!("cannot write {file}: {e}")))?;
        println!("{file} is written");
    }
    Ok(())
}

/// Compares every file with what the code says now.
///
/// # Errors
/// When one differs or is missing; all of them are named.
pub(crate) fn check(source: &Source) -> Result<(), Failed> {
    let mut old = Vec::new();
    for (file, command) in FILES {
        let text = source.print(command)?;
        if fs::read(place::root().join(file)).ok().as_deref() != Some(text.as_slice()) {
            old.push(file);
        }
    }
    if old.is_empty() {
        println!("{} generated files are current", FILES.len());
        return Ok(());
    }
    let text = format!("not what the code says: {}; to write anew: cargo xtask gen", old.join(", "));
    Err(Failed::because(text).repeat_with("cargo xtask gen --check"))
}
