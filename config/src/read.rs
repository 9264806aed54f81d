//! From a path or a text to a configuration: the bounds, the scan, the read, the lowering.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::host::Host;
use crate::lower::{At, Lowering, lower};
use crate::model::Config;
use crate::problem::{Collector, Place, Problems, Show, end_of};
use crate::raw;
use crate::raw::field::Field;
use crate::tree;

/// Larger files are refused before they are parsed. A fleet of 100 pool entries has about 50 KB.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

impl Config {
    /// Reads the configuration from a file.
    ///
    /// # Errors
    /// Every problem of the file at once, in bounded time and memory whatever the file holds.
    pub fn load(path: &Path, host: &dyn Host) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let hint = |text: &str| Some(text.to_owned());
        let bytes = host.read_file(path, MAX_FILE_BYTES).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => {
                let rule = format!("the file has more than {} KiB", MAX_FILE_BYTES / 1024);
                Problems::of_file(&name, rule, hint("split the fleets over several daemons, each with its own owner"))
            }
            io::ErrorKind::NotFound => Problems::of_file(
                &name,
                "there is no such file".into(),
                hint("check the path; config/examples has files to start from"),
            ),
            _ => Problems::of_file(&name, format!("cannot read the file: {error}"), None),
        })?;
        Self::parse_bytes(&name, &bytes, host)
    }

    /// Reads the configuration from a text. `file` names it in messages, and relative paths start at its directory.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(file: &str, text: &str, host: &dyn Host) -> Result<Self, Problems> {
        Self::parse_bytes(file, text.as_bytes(), host)
    }

    fn parse_bytes(file: &str, bytes: &[u8], host: &dyn Host) -> Result<Self, Problems> {
        if bytes.len() > MAX_FILE_BYTES {
            let rule = format!("the file has more than {} KiB", MAX_FILE_BYTES / 1024);
            let hint = "split the fleets over several daemons, each with its own owner".to_owned();
            return Err(Problems::of_file(file, rule, Some(hint)));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| not_text(file, bytes, error.valid_up_to()))?;
        // A byte order mark is no part of the text; some editors write one.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut problems = Collector::new(file, text);
        let config = read(text, &mut problems, host);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems.finish()),
        }
    }
}

fn not_text(file: &str, bytes: &[u8], valid: usize) -> Problems {
    let (before, _) = bytes.split_at(valid.min(bytes.len()));
    let before = String::from_utf8_lossy(before);
    let mut problems = Collector::new(file, "");
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this looks like UTF-16; save it as UTF-8",
        [0x1f, 0x8b, ..] => "this looks like a compressed file",
        _ => "save it as UTF-8",
    };
    problems.add(end_of(&before), Show::UpToPlace, "", "the file is not UTF-8 text".into(), Some(hint.into()));
    problems.finish()
}

fn read(text: &str, problems: &mut Collector<'_>, host: &dyn Host) -> Option<Config> {
    let root = tree::scan(text, problems)?;
    let file: Field<raw::File> = match serde_yaml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            // The scan has passed it, so this is a corner where two parsers of YAML differ.
            let place =
                error.location().map_or(Place::START, |l| Place { line: l.line(), column: l.column(), width: 1 });
            let hint = "write it in a plainer way".to_owned();
            problems.add(place, Show::UpToPlace, "", "this YAML cannot be read".into(), Some(hint));
            return None;
        }
    };
    let directory = Path::new(problems.file()).parent().unwrap_or(Path::new("")).to_path_buf();
    let mut cx = Lowering { problems, directory: &directory, host, zones: BTreeMap::new() };
    let config = lower(&mut cx, &At::root(&root), file);
    debug_assert!(config.is_some() || !cx.problems.is_empty(), "a configuration was refused without a reason");
    config
}
