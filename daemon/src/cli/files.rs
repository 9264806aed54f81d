//! `spotfleet validate` and `spotfleet schema`: the fleet file, without a daemon.

use std::path::{Path, PathBuf};

use clap::Args;
use config::{Config, ThisHost};

use super::out::{Out, colour_on_stderr};
use super::{ConfigArg, Done, Fault};
use crate::http::view::{Mistake, Validated};

/// Checks fleet files.
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// The fleet files [default: that of `run`]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// A fleet file, as for `run`
    #[arg(short, long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
}

/// Reads a fleet file; a mistake in it is exit code 2, with every problem named.
pub(crate) fn load(path: &Path) -> Result<Config, Fault> {
    Config::load(path, &ThisHost).map_err(|problems| {
        let text = problems.render(colour_on_stderr());
        Fault::Usage(format!("the fleet file has {}\n\n{}", count(problems.count()), text.trim_end()))
    })
}

fn count(problems: usize) -> String {
    if problems == 1 { "a problem".to_owned() } else { format!("{problems} problems") }
}

pub(crate) fn validate(args: &ValidateArgs, out: &Out) -> Result<Done, Fault> {
    let mut paths: Vec<_> = args.files.iter().chain(&args.config).cloned().collect();
    if paths.is_empty() {
        paths.push(ConfigArg::fallback());
    }
    let mut files = Vec::new();
    let mut said = String::new();
    for path in &paths {
        let file = path.display().to_string();
        match Config::load(path, &ThisHost) {
            Ok(config) => {
                let fleets = config.fleets.iter().map(|f| f.fleet.name.to_string()).collect();
                let pools = config.fleets.iter().map(|f| f.fleet.pools.len() as u64).sum();
                files.push(Validated { file, valid: true, fleets, pools, problems: Vec::new() });
            }
            Err(problems) => {
                said.push_str(&problems.render(colour_on_stderr()));
                let problems: Vec<_> = problems
                    .iter()
                    .map(|p| Mistake {
                        line: p.line,
                        column: p.column,
                        path: p.path.clone(),
                        rule: p.rule.clone(),
                        hint: p.hint.clone(),
                    })
                    .collect();
                files.push(Validated { file, valid: false, fleets: Vec::new(), pools: 0, problems });
            }
        }
    }
    out.value(&files, |files| {
        let line = |f: &Validated| match f.valid {
            true => format!("{}: valid: {} ({} pools)\n", f.file, f.fleets.join(", "), f.pools),
            false => format!("{}: {}\n", f.file, count(f.problems.len())),
        };
        files.iter().map(line).collect()
    })?;
    if files.iter().all(|f| f.valid) {
        return Ok(Done::Well);
    }
    // As JSON the problems are on stdout already.
    Err(if out.json() { Fault::Wrong } else { Fault::Usage(format!("not valid\n\n{}", said.trim_end())) })
}

pub(crate) fn schema(out: &Out) -> Result<Done, Fault> {
    out.text(&config::json_schema())?;
    Ok(Done::Well)
}
