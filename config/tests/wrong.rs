//! Every mistake is told with its place, its key, the rule and a hint; all mistakes of a file at once.
//!
//! Each `wrong/*.yaml` is a fleet file with mistakes, each `.txt` beside it what is said of it. `UPDATE_EXPECT=1`
//! rewrites the latter.

use std::path::{Path, PathBuf};

use config::{Config, FakeHost, Problems};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

fn problems_of(file: &str, text: &str) -> Problems {
    let host = FakeHost::default().with_file("large.sh", &[b'x'; 16 * 1024 + 1]);
    match Config::parse(file, text, &host) {
        Ok(_) => panic!("{file} is valid"),
        Err(problems) => problems,
    }
}

#[test]
fn each_wrong_file_is_explained() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differ = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let problems = problems_of(&name, &text);
        let said = format!("{problems}\n");
        assert!(!said.contains("hunter2"), "{name}: a secret is shown\n{said}");
        for problem in problems.iter() {
            assert!(!problem.to_string().contains("hunter2"), "{name}: a secret is in {problem}");
            assert!(problem.line >= 1 && problem.column >= 1, "{name}: no place in {problem}");
        }
        let expected = path.with_extension("txt");
        if update {
            std::fs::write(&expected, &said).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            differ.push(format!("{name} now says:\n{said}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn the_place_is_the_value_that_is_wrong() {
    let text = "version: 1\nproviders: {sim: {types: {s: {on_demand_price: 1, spot_price: 1}}}}\nfleets:\n  \
                - name: a\n    capacity:\n      min: 12\n      max: 10\n    \
                pools: [{provider: sim, regions: [r], instance_types: [s]}]\n";
    let problems = problems_of("fleet.yaml", text);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["fleet.yaml:6:12: fleets[0].capacity.min: 12 is above max, 10 (lower min or raise max)"]);
}
