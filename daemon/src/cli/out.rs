//! Where commands print: stdout as a table or as JSON, complaints on stderr.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::Fault;

/// The output of a command.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
    terminal: bool,
}

impl Out {
    pub(crate) fn stdout(json: bool) -> Self {
        Self { json, terminal: io::stdout().is_terminal() }
    }

    /// JSON is wanted.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Somebody looks: colours and redrawing are welcome.
    pub(crate) fn terminal(&self) -> bool {
        self.terminal && !self.json && colours_allowed()
    }

    /// Prints text as it is.
    pub(crate) fn text(&self, text: &str) -> Result<(), Fault> {
        // A reader that went away (`| head`) is no failure.
        self.told(text).map(drop)
    }

    /// Prints text as it is; false when nobody reads any more.
    fn told(&self, text: &str) -> Result<bool, Fault> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Fault::doing("write the output", &error)),
        }
    }

    /// Prints a value as JSON, or as the text that `text` makes of it.
    pub(crate) fn value<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Fault> {
        if !self.json {
            return self.text(&text(value));
        }
        let mut json = serde_json::to_string_pretty(value).map_err(|e| Fault::doing("write JSON", &e))?;
        json.push('\n');
        self.text(&json)
    }

    /// Prints one value of many: as JSON on one line, or as the text that `text` makes of it. False when nobody reads
    /// any more.
    pub(crate) fn line<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<bool, Fault> {
        if !self.json {
            return self.told(&text(value));
        }
        let mut json = serde_json::to_string(value).map_err(|e| Fault::doing("write JSON", &e))?;
        json.push('\n');
        self.told(&json)
    }
}

/// The convention of <https://no-color.org>.
fn colours_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Colours are welcome on stderr.
pub(crate) fn colour_on_stderr() -> bool {
    io::stderr().is_terminal() && colours_allowed()
}

/// Says what went wrong.
pub(crate) fn complain(text: &str) {
    let label = if colour_on_stderr() { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    // When stderr is gone, there is nobody else to tell.
    let _ = writeln!(io::stderr().lock(), "{label} {text}");
}

/// Says what may matter, and is no failure.
pub(crate) fn warn(text: &str) {
    let label = if colour_on_stderr() { "\x1b[1;33mwarning:\x1b[0m" } else { "warning:" };
    // As above.
    let _ = writeln!(io::stderr().lock(), "{label} {text}");
}

/// A table with this header; columns named in `right` hold numbers.
pub(crate) fn table(header: &[&str], right: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|h| Cell::new(h.to_uppercase())));
    for (column, name) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if right.contains(name) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The table as text, with a line break at its end and none of the blanks at the ends of lines.
pub(crate) fn lines(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
