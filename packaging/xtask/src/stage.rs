//! Commands that are run, stages that are timed, and the summary of them.

use core::fmt;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::place;

/// Why a command of ours ended early.
#[derive(Debug)]
pub(crate) struct Failed {
    what: String,
    repeat: Option<String>,
    usage: bool,
}

impl Failed {
    /// Something does not hold.
    pub(crate) fn because(what: impl Into<String>) -> Self {
        Self { what: what.into(), repeat: None, usage: false }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(what: &str) -> Self {
        Self { what: what.to_owned(), repeat: None, usage: true }
    }

    /// The same with the command that shows it again.
    pub(crate) fn repeat_with(mut self, command: impl fmt::Display) -> Self {
        self.repeat.get_or_insert_with(|| command.to_string());
        self
    }

    /// The exit code of the process: 2 for bad usage, else 1.
    pub(crate) const fn code(&self) -> u8 {
        if self.usage { 2 } else { 1 }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.repeat {
            Some(command) => write!(f, "\nto repeat: {command}"),
            None => Ok(()),
        }
    }
}

/// One command to run in the root of the workspace. It prints as a line for a shell.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

impl Step {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { program: program.as_ref().to_owned(), args: Vec::new(), env: Vec::new() }
    }

    /// A cargo command.
    pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Self {
        Self::new("cargo").args(&args)
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: &[S]) -> Self {
        self.args.extend(args.iter().map(|a| a.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name, value.as_ref().to_owned()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(place::root());
        for (name, value) in &self.env {
            command.env(name, value);
        }
        // What cargo told this program about itself is nothing for the programs it runs: builds would differ by it.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Runs it, with its output for all to see.
    ///
    /// # Errors
    /// When it cannot be run or does not end with 0.
    pub(crate) fn run(&self) -> Result<(), Failed> {
        println!("$ {self}");
        let status = self.command().status().map_err(|e| self.cannot_run(&e))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failed::because(format!("it ended with {status}")).repeat_with(self))
        }
    }

    /// Runs it and keeps what it says, however it ends.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(crate) fn output(&self) -> Result<Output, Failed> {
        self.command().output().map_err(|e| self.cannot_run(&e))
    }

    fn cannot_run(&self, error: &std::io::Error) -> Failed {
        Failed::because(format!("cannot run {}: {error}", Path::new(&self.program).display())).repeat_with(self)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "{}", quoted(&self.program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// The word as a shell takes it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:+,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How a stage ended, when it did not fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It holds.
    Passed,
    /// It was not looked at, and why.
    Skipped(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "passed"),
            Self::Skipped(why) => write!(f, "SKIPPED: {why}"),
        }
    }
}

/// The stages of a run, timed. The first that fails ends the run.
#[derive(Debug)]
pub(crate) struct Stages {
    began: Instant,
    only: Option<String>,
    done: Vec<(&'static str, Duration, String)>,
}

impl Stages {
    pub(crate) fn new(only: Option<&str>) -> Self {
        Self { began: Instant::now(), only: only.map(str::to_owned), done: Vec::new() }
    }

    /// Runs a stage, unless only another one is wanted. The command given repeats the stage where the failure does
    /// not name a narrower one.
    ///
    /// # Errors
    /// When the stage fails; the summary so far is printed before.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        stage: impl FnOnce() -> Result<Outcome, Failed>,
    ) -> Result<(), Failed> {
        if self.only.as_deref().is_some_and(|only| only != name) {
            return Ok(());
        }
        println!("\n==> {name}");
        let began = Instant::now();
        let result = stage();
        let word = match &result {
            Ok(outcome) => outcome.to_string(),
            Err(_) => "FAILED".to_owned(),
        };
        self.done.push((name, began.elapsed(), word));
        match result {
            Ok(_) => Ok(()),
            Err(mut failed) => {
                self.summary();
                failed.what = format!("{name} failed: {}", failed.what);
                Err(failed.repeat_with(format_args!("cargo xtask test --only {name}")))
            }
        }
    }

    /// Ends the run: prints the summary.
    ///
    /// # Errors
    /// When no stage has the name that was wanted.
    pub(crate) fn finish(self) -> Result<(), Failed> {
        if let (Some(only), true) = (&self.only, self.done.is_empty()) {
            return Err(Failed::usage(&format!("no stage is called {only}")));
        }
        self.summary();
        Ok(())
    }

    fn summary(&self) {
        println!("\nstage        time  result");
        for (name, time, word) in &self.done {
            println!("{name:<10} {:>6}  {word}", clock(*time));
        }
        println!("{:<10} {:>6}", "all", clock(self.began.elapsed()));
    }
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_prints_as_a_shell_takes_it() {
        let step = Step::cargo(["doc", "--", "it's"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(step.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc -- 'it'\''s'");
    }

    #[test]
    fn a_failed_stage_ends_the_run_and_names_the_command_to_repeat() {
        let mut stages = Stages::new(None);
        stages.run("first", || Ok(Outcome::Passed)).expect("passes");
        let failed = stages
            .run("second", || Step::cargo(["no-such-command"]).output().and(Err(Failed::because("no"))))
            .expect_err("fails");
        assert_eq!(failed.to_string(), "second failed: no\nto repeat: cargo xtask test --only second");
        let failed =
            stages.run("third", || Step::new("/nonexistent").run().map(|()| Outcome::Passed)).expect_err("fails");
        assert!(failed.to_string().ends_with("to repeat: /nonexistent"), "{failed}");
    }

    #[test]
    fn a_stage_that_does_not_exist_is_no_success() {
        let mut stages = Stages::new(Some("clipy"));
        stages.run("clippy", || Ok(Outcome::Passed)).expect("left out");
        assert_eq!(stages.finish().expect_err("a mistake").code(), 2);
    }
}
