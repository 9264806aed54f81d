//! Exports: every record as a line of JSON, in order of the keys, after a header line. To read, to keep, and to move a
//! store to another engine.
//!
//! The header says how many records follow, so that a cut file is noticed. Lines are those of [`wire`]; their
//! form is part of the store's [`FORMAT`].

use std::io::{BufRead, Read as _, Write};
use std::path::Path;

use policies::control::Record;
use serde::{Deserialize, Serialize};

use super::state_dir::replace_file;
use super::{Engine, FORMAT, StoreError, wire};

/// The longest line that is read: a record of [`MAX_VALUE_BYTES`](super::MAX_VALUE_BYTES) written with room to spare.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Records that an export may have: a hundred times what a large installation holds.
const MAX_RECORDS: usize = 10_000_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The format; its name says what file this is.
    spotfleet_store: u32,
    /// Where it came from.
    engine: String,
    /// Records that follow.
    records: usize,
}

/// Only what any version says.
#[derive(Deserialize)]
struct AnyHeader {
    spotfleet_store: u32,
}

/// Writes an export.
///
/// # Errors
/// The output failed.
pub fn write(out: &mut dyn Write, engine: Engine, records: &[Record]) -> std::io::Result<()> {
    let header = Header { spotfleet_store: FORMAT, engine: engine.name().to_owned(), records: records.len() };
    serde_json::to_writer(&mut *out, &header)?;
    out.write_all(b"\n")?;
    for record in records {
        out.write_all(wire::to_line(record).as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Reads an export whole.
///
/// # Errors
/// [`StoreError::BadExport`] with the line, also when the file is cut short.
pub fn read(from: &mut dyn BufRead) -> Result<Vec<Record>, StoreError> {
    let mut line_number = 1;
    let bad = |line, problem: String| StoreError::BadExport { line, problem };
    let first = read_line(from, line_number)?.ok_or_else(|| bad(1, "the file is empty".to_owned()))?;
    let any: AnyHeader = serde_json::from_str(&first).map_err(|e| bad(1, format!("not an export of a store: {e}")))?;
    if any.spotfleet_store != FORMAT {
        let problem = format!("format {} is not one that this version reads ({FORMAT})", any.spotfleet_store);
        return Err(bad(1, problem));
    }
    let header: Header = serde_json::from_str(&first).map_err(|e| bad(1, e.to_string()))?;
    if header.records > MAX_RECORDS {
        return Err(bad(1, format!("{} records are more than the limit of {MAX_RECORDS}", header.records)));
    }
    let mut records = Vec::new();
    loop {
        line_number += 1;
        let Some(line) = read_line(from, line_number)? else { break };
        if records.len() == header.records {
            return Err(bad(line_number, format!("the header says {} records, here is one more", header.records)));
        }
        records.push(wire::from_line(&line).map_err(|problem| bad(line_number, problem))?);
    }
    if records.len() < header.records {
        let problem = format!("the file ends after {} of {} records", records.len(), header.records);
        return Err(bad(line_number, problem));
    }
    Ok(records)
}

fn read_line(from: &mut dyn BufRead, number: usize) -> Result<Option<String>, StoreError> {
    let bad = |problem: String| StoreError::BadExport { line: number, problem };
    let mut line = Vec::new();
    from.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(|e| bad(e.to_string()))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_none() {
        return Err(bad("the line is cut, or too long".to_owned()));
    }
    String::from_utf8(line).map(Some).map_err(|_| bad("not UTF-8".to_owned()))
}

/// Writes an export to `snapshot.jsonl`, after keeping the last one as `snapshot.previous.jsonl`: what an operator can
/// go back to if an engine loses everything.
pub(super) fn snapshot(state_dir: &Path, engine: Engine, records: &[Record]) -> Result<(), StoreError> {
    let file = state_dir.join("snapshot.jsonl");
    let mut content = Vec::new();
    write(&mut content, engine, records).map_err(|e| StoreError::io("writing", &file, e))?;
    if file.exists() {
        std::fs::rename(&file, state_dir.join("snapshot.previous.jsonl"))
            .map_err(|e| StoreError::io("renaming", &file, e))?;
    }
    replace_file(&file, &content)
}
