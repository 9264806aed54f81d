//! `cargo xtask mutants`: plants one known bug at a time and expects the simulator to find it.
//!
//! A file of `tests/mutants` holds one bug as exact replacements of text. It is planted in a copy of the few crates that
//! the simulator needs, so that neither the checkout nor its build is touched. A mutant whose text is not found exactly
//! once fails, so that none is lost when the code moves; so does one that does not build, and one that is found by
//! another rule than it should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::place;
use crate::stage::{Failed, Step};

/// How long the simulator may look for a bug.
const SECONDS: &str = "60";

/// How long the copy without a bug is tried first.
const SECONDS_WITHOUT: &str = "5";

/// What the simulator's binary is called here, so that it never stands where the real one is built.
const BINARY: &str = "simulate-mutant";

/// One planted bug.
#[derive(Debug)]
struct Mutant {
    name: String,
    /// The rules by which it may be found.
    finds: Vec<String>,
    edits: Vec<Edit>,
}

/// One replacement of text.
#[derive(Debug)]
struct Edit {
    file: PathBuf,
    find: String,
    replace: String,
}

/// Plants every mutant, or those named.
pub(crate) fn run(names: &[&str]) -> Result<(), Failed> {
    let mutants = read_all(&place::root().join("tests/mutants"))?;
    if let Some(unknown) = names.iter().find(|n| mutants.iter().all(|m| m.name != **n)) {
        let known: Vec<&str> = mutants.iter().map(|m| m.name.as_str()).collect();
        return Err(Failed::usage(&format!("no mutant {unknown}; there are {}", known.join(", "))));
    }
    let copy = place::target().join("mutants");
    copy_crates(&copy)?;
    build(&copy, "the copy without a bug")?;
    if let Some(found) = search(SECONDS_WITHOUT)? {
        return Err(Failed::because(format!("the simulator fails without a planted bug: {found}")));
    }
    let mut missed = Vec::new();
    for mutant in mutants.iter().filter(|m| names.is_empty() || names.contains(&m.name.as_str())) {
        let originals = plant(mutant, &copy)?;
        build(&copy, &mutant.name)?;
        let start = Instant::now();
        let found = search(SECONDS)?;
        let took = start.elapsed().as_secs_f32();
        let right =
            found.as_ref().is_some_and(|f| mutant.finds.iter().any(|rule| f.ends_with(&format!("rule={rule}"))));
        match &found {
            Some(found) if right => println!("found   {:<34} {found} after {took:.1} s", mutant.name),
            Some(found) => println!("WRONG   {:<34} {found}, expected {}", mutant.name, mutant.finds.join(" or ")),
            None => println!("MISSED  {:<34} not found within {SECONDS} s", mutant.name),
        }
        if !right {
            missed.push(mutant.name.clone());
        }
        for (file, text) in originals {
            write(&file, &text)?;
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    let names = missed.join(" ");
    let again = format!("cargo xtask mutants {names}");
    Err(Failed::because(format!("the simulator does not find: {names}")).repeat_with(again))
}

fn read_all(dir: &Path) -> Result<Vec<Mutant>, Failed> {
    let entries = fs::read_dir(dir).map_err(|e| Failed::because(format!("cannot read {}: {e}", dir.display())))?;
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "mutant"));
    files.sort();
    if files.is_empty() {
        return Err(Failed::because(format!("there is no mutant in {}", dir.display())));
    }
    files.iter().map(|file| parse(file, &read(file)?)).collect()
}

/// A mutant file: comment lines, `finds RULE ..`, then for each edit `file PATH` and the text to find and the text to
/// put there between `<<<<`, `====` and `>>>>`.
fn parse(file: &Path, text: &str) -> Result<Mutant, Failed> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let wrong = |line: &str| Failed::because(format!("{}: cannot be read at: {line}", file.display()));
    let mut mutant = Mutant { name, finds: Vec::new(), edits: Vec::new() };
    let mut lines = text.lines();
    let mut target = None;
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("file ") {
            target = Some(PathBuf::from(path.trim()));
        } else if let Some(rules) = line.strip_prefix("finds ") {
            mutant.finds = rules.split_whitespace().map(str::to_owned).collect();
        } else if line == "<<<<" {
            let mut until = |end: &str| -> Result<String, Failed> {
                let mut part = Vec::new();
                for line in lines.by_ref() {
                    if line == end {
                        return Ok(part.join("\n"));
                    }
                    part.push(line);
                }
                Err(wrong(end))
            };
            let (find, replace) = (until("====")?, until(">>>>")?);
            let file = target.clone().ok_or_else(|| wrong("<<<<"))?;
            mutant.edits.push(Edit { file, find, replace });
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            return Err(wrong(line));
        }
    }
    if mutant.edits.is_empty() || mutant.finds.is_empty() {
        return Err(wrong("its end: no edit or no rule"));
    }
    Ok(mutant)
}

/// Plants a mutant and returns the files as they were.
fn plant(mutant: &Mutant, copy: &Path) -> Result<Vec<(PathBuf, String)>, Failed> {
    let mut originals = Vec::new();
    for edit in &mutant.edits {
        let file = copy.join(&edit.file);
        let text = read(&file)?;
        let times = text.matches(&edit.find).count();
        if times != 1 {
            let (name, file) = (&mutant.name, edit.file.display());
            let text = format!("mutant {name}: its text is {times} times in {file}, not once: the code has moved");
            return Err(Failed::because(text));
        }
        write(&file, &text.replacen(&edit.find, &edit.replace, 1))?;
        originals.push((file, text));
    }
    // The first edit of a file is put back last.
    originals.reverse();
    Ok(originals)
}

/// Copies what the simulator is built of: the core, the providers, and of the tests the simulator alone.
fn copy_crates(copy: &Path) -> Result<(), Failed> {
    let root = place::root();
    if copy.exists() {
        fs::remove_dir_all(copy).map_err(|e| Failed::because(format!("cannot empty {}: {e}", copy.display())))?;
    }
    for part in ["policies", "providers", "tests/src/simulator"] {
        copy_dir(&root.join(part), &copy.join(part))?;
    }
    for part in ["Cargo.lock", "tests/src/simulator.rs", "tests/src/bin/simulate.rs"] {
        write(&copy.join(part), &read(&root.join(part))?)?;
    }
    let manifest: String = read(&root.join("Cargo.toml"))?
        .lines()
        .filter(|line| !line.starts_with("default-members"))
        .map(|line| match line.strip_prefix("members") {
            Some(_) => "members = [\"policies\", \"providers\", \"tests\"]\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    write(&copy.join("Cargo.toml"), &manifest)?;
    write(&copy.join("tests/seeds.txt"), "")?;
    write(&copy.join("tests/src/lib.rs"), "//! The simulator alone.\npub mod simulator;\n")?;
    let manifest = format!(
        "[package]\nname = \"spotfleet-tests\"\nversion.workspace = true\nedition.workspace = true\n\
         [lib]\nname = \"spotfleet_tests\"\n\
         [[bin]]\nname = \"{BINARY}\"\npath = \"src/bin/simulate.rs\"\n\
         [dependencies]\npolicies.workspace = true\nproviders.workspace = true\n"
    );
    write(&copy.join("tests/Cargo.toml"), &manifest)
}

fn copy_dir(from: &Path, to: &Path) -> Result<(), Failed> {
    let entries = fs::read_dir(from).map_err(|e| Failed::because(format!("cannot read {}: {e}", from.display())))?;
    for entry in entries.filter_map(Result::ok) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_dir(&path, &target)?;
        } else {
            fs::create_dir_all(to)
                .and_then(|()| fs::copy(&path, &target))
                .map_err(|e| Failed::because(format!("cannot copy {}: {e}", path.display())))?;
        }
    }
    Ok(())
}

fn build(copy: &Path, what: &str) -> Result<(), Failed> {
    let manifest = copy.join("Cargo.toml");
    let step = Step::cargo([
        "build",
        "--quiet",
        "--offline",
        "--package",
        "spotfleet-tests",
        "--bin",
        BINARY,
        "--manifest-path",
    ])
    .args(&[&manifest])
    .env("CARGO_TARGET_DIR", place::target());
    let output = step.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failed::because(format!("{what} does not build:\n{said}")).repeat_with(step))
}

/// Runs the simulator; what it found, as its last line says it.
fn search(seconds: &str) -> Result<Option<String>, Failed> {
    let binary = place::target().join("debug").join(BINARY);
    let step = Step::new(binary).args(&["--seconds", seconds, "--no-shrink"]);
    let output = step.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = said.lines().find_map(|line| line.strip_prefix("FAILED "));
    match (output.status.success(), found) {
        (true, None) => Ok(None),
        (false, Some(found)) => Ok(Some(found.to_owned())),
        _ => {
            let said = format!("the simulator ended with {}:\n{said}", output.status);
            Err(Failed::because(said).repeat_with(step))
        }
    }
}

fn read(file: &Path) -> Result<String, Failed> {
    fs::read_to_string(file).map_err(|e| Failed::because(format!("cannot read {}: {e}", file.display())))
}

fn write(file: &Path, text: &str) -> Result<(), Failed> {
    let made = file.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(file, text))
        .map_err(|e| Failed::because(format!("cannot write {}: {e}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_rules_and_replacements() {
        let text =
            "# why\nfinds A B\nfile x.rs\n<<<<\n one\n two\n====\n three\n>>>>\nfile y.rs\n<<<<\na\n====\n>>>>\n";
        let mutant = parse(Path::new("dir/name.mutant"), text).expect("well-formed");
        assert_eq!((mutant.name.as_str(), mutant.finds.len(), mutant.edits.len()), ("name", 2, 2));
        assert_eq!(mutant.edits[0].find, " one\n two");
        assert_eq!(mutant.edits[0].replace, " three");
        assert_eq!((mutant.edits[1].file.as_path(), mutant.edits[1].replace.as_str()), (Path::new("y.rs"), ""));
        for bad in ["finds A\n", "file x\n<<<<\na\n====\nb\n>>>>\n", "finds A\n<<<<\na\n====\nb\n>>>>\n", "nonsense\n"]
        {
            assert!(parse(Path::new("bad.mutant"), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_mutant_still_fits_the_code() {
        let root = place::root();
        for mutant in read_all(&root.join("tests/mutants")).expect("mutants can be read") {
            for edit in &mutant.edits {
                let text = read(&root.join(&edit.file)).expect("the file is there");
                let times = text.matches(&edit.find).count();
                assert_eq!(times, 1, "mutant {}: its text in {}", mutant.name, edit.file.display());
            }
        }
    }
}
