//! Every story of `goldens/` tells what its file says. `UPDATE_EXPECT=1` rewrites the answers; review them as code.
//! `STORY=name` runs the stories whose name has this in it.

use std::path::{Path, PathBuf};

use spotfleet_tests::scenario::transcript;

/// Nobody reviews more than this.
const LINES: usize = 200;

/// The core's rules take at least so many stories to show, one fact each.
const STORIES: usize = 90;

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
    let entries = std::fs::read_dir(folder).expect("goldens can be listed");
    let paths = entries.map(|entry| entry.expect("goldens can be listed").path());
    let mut stories: Vec<PathBuf> = paths.filter(|p| p.extension().is_some_and(|e| e == "story")).collect();
    stories.sort();
    stories
}

#[test]
fn every_story_is_told_as_written() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v != "0");
    let wanted = std::env::var("STORY").unwrap_or_default();
    let mut wrong = 0;
    for path in stories() {
        let name = path.file_stem().expect("a story has a name").to_string_lossy().into_owned();
        if !name.contains(&wanted) {
            continue;
        }
        let written = std::fs::read_to_string(&path).expect("a story can be read");
        let complaint = match transcript(&written) {
            Err(trouble) => Some(trouble.to_string()),
            Ok(told) if told.lines().count() > LINES => Some(format!("longer than {LINES} lines")),
            Ok(told) if told == written => None,
            Ok(told) if update => {
                std::fs::write(&path, told).expect("a story can be written");
                None
            }
            Ok(told) => Some(difference(&written, &told)),
        };
        if let Some(complaint) = complaint {
            wrong += 1;
            eprintln!("---- {name}\n{complaint}\n");
        }
    }
    assert_eq!(wrong, 0, "stories differ; see above. If that is meant: UPDATE_EXPECT=1, then review the diff");
}

#[test]
fn a_story_says_first_what_it_shows() {
    let stories = stories();
    assert!(stories.len() >= STORIES, "{} stories", stories.len());
    for path in stories {
        let text = std::fs::read_to_string(&path).expect("a story can be read");
        assert!(text.starts_with("# "), "{}: the first line is a comment", path.display());
        let asks = text.lines().any(|line| line.starts_with("| "));
        assert!(asks, "{}: it asks for no decision", path.display());
    }
}

#[test]
fn the_table_names_each_story_once_under_its_rule() {
    let table = include_str!("../goldens/README.md");
    let (by_rule, by_pain) = table.split_once("## By what hurts").expect("there are two tables");
    let named = |text: &str| -> Vec<String> {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(".story)"));
        links.map(|(name, _)| name.to_owned()).collect()
    };
    let stories: Vec<String> =
        stories().iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    let mut under_rules = named(by_rule);
    under_rules.sort();
    let mut sorted = stories.clone();
    sorted.sort();
    assert_eq!(under_rules, sorted, "tests/goldens/README.md and the stories differ");
    let unknown: Vec<String> = named(by_pain).into_iter().filter(|name| !stories.contains(name)).collect();
    assert_eq!(unknown, Vec::<String>::new());
    for row in by_rule.lines().filter(|line| line.starts_with("| ")) {
        let second_look = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for rule in second_look.split('`').skip(1).step_by(2).filter(|rule| !rule.contains('/')) {
            assert!(ORACLE.contains(&format!("    {rule},\n")), "{rule} is no rule of the simulator");
        }
    }
}

/// Where the rules of the simulator are.
const ORACLE: &str = include_str!("../src/simulator/oracle.rs");

/// The lines of both texts in order: common ones near a change, `-` for what is written, `+` for what is told.
fn difference(written: &str, told: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (written.lines().collect(), told.lines().collect());
    // common[i][j]: length of the longest common subsequence of old[i..] and new[j..].
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let near = |at: usize| lines[at.saturating_sub(3)..lines.len().min(at + 4)].iter().any(|(mark, _)| *mark != ' ');
    let shown = lines.iter().enumerate().filter(|(at, _)| near(*at));
    shown.map(|(_, (mark, line))| format!("{mark} {line}\n")).collect()
}

#[test]
fn a_difference_shows_both_sides() {
    assert_eq!(difference("a\nb\nc", "a\nx\nc"), "  a\n- b\n+ x\n  c\n");
}

#[test]
fn a_story_with_a_wrong_line_names_it() {
    let trouble = transcript("# wrong\nfleet min 2\nbuy everything").expect_err("it is wrong");
    assert_eq!(trouble.to_string(), "line 3: 'buy' is not a line of a story");
    let trouble = transcript("fleet colour 2").expect_err("it is wrong");
    assert_eq!(trouble.to_string(), "line 1: 'colour' is not a rule of a fleet");
}
