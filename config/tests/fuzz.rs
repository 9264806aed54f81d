//! Whatever a fleet file becomes by accident: no panic, and an answer. `PROPTEST_CASES=20000` looks longer.

use std::path::Path;

use config::{Config, FakeHost};
use proptest::prelude::*;

/// What a change puts in: the signs of YAML, values at the edges, keys of other places.
const PIECES: [&str; 40] = [
    "",
    " ",
    "  ",
    "\n",
    "\t",
    ":",
    ": ",
    "-",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!x ",
    "|\n",
    ">\n",
    "? ",
    "<<: ",
    "---\n",
    "~",
    "null",
    "true",
    "no",
    "0",
    "-1",
    "99999999999999999999",
    "1e400",
    ".nan",
    "0x10",
    "\u{feff}",
    "\u{0}",
    "\u{1f4a9}",
    "capacity: {max: 1}",
    "name: f",
];

fn examples() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .expect("the examples are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("an example")).collect()
}

/// A change of a text: at a place, so many characters are replaced by a piece, or by a part of the text itself.
#[derive(Clone, Debug)]
struct Change {
    at: prop::sample::Index,
    length: usize,
    piece: Option<&'static str>,
    copied: prop::sample::Index,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (
        any::<prop::sample::Index>(),
        prop_oneof![Just(0_usize), 1..4_usize, 1..60_usize],
        prop::option::weighted(0.8, prop::sample::select(PIECES.to_vec())),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(at, length, piece, copied)| Change { at, length, piece, copied });
    prop::collection::vec(change, 1..6)
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for Change { at, length, piece, copied } in changes {
        let at = at.index(chars.len() + 1);
        let end = (at + length).min(chars.len());
        let new: Vec<char> = match piece {
            Some(piece) => piece.chars().collect(),
            None => {
                let from = copied.index(chars.len() + 1);
                chars[from..(from + 40).min(chars.len())].to_vec()
            }
        };
        chars.splice(at..end, new);
    }
    chars.into_iter().collect()
}

fn check(text: &str) {
    let host = FakeHost::default().with_file("worker.sh", b"#!/bin/sh\n");
    match Config::parse("fleet.yaml", text, &host) {
        Ok(config) => {
            assert_eq!(Config::difference(&config, &config), [""; 0]);
            assert!(!config.fleets.is_empty() && !config.providers.is_empty());
        }
        Err(problems) => {
            assert!(problems.count() > 0, "refused without a reason");
            assert!(!problems.to_string().is_empty());
            // The place is one of the text.
            let lines = text.split(['\n', '\r']).count() + 1;
            assert!(problems.iter().all(|p| p.line <= lines && p.column >= 1), "{problems}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_example_never_panics(which in any::<prop::sample::Index>(), changes in changes()) {
        let examples = examples();
        check(&changed(&examples[which.index(examples.len())], &changes));
    }

    #[test]
    fn any_text_never_panics(text in "[ -~\n\t\u{e9}\u{2028}]{0,200}") {
        check(&text);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }
}
