//! Where everything stands: a bounded scan of the file for the place of each key, before anything is read.
//!
//! `serde_yaml` reads the values, but tells the place of the first error only, expands aliases, and lets duplicate keys
//! pass. So the text is scanned first by a parser that gives each event its place. What the scan refuses never reaches
//! `serde_yaml`: aliases (and so alias bombs), tags, deep nesting, several documents, keys that are no plain text.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, Span};

use crate::problem::{Collector, Place, Show, quoted};

/// Deeper nesting is refused. A fleet file needs eight levels.
pub(crate) const MAX_DEPTH: usize = 24;

/// More keys, values and list items are refused: a fleet file of 1,000 fleets with four pool entries each has fewer.
pub(crate) const MAX_NODES: usize = 200_000;

/// A value with its place.
pub(crate) struct Node {
    /// Its first line.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) body: Body,
}

/// What a value is.
pub(crate) enum Body {
    /// One value: its text, without quotes.
    Scalar(String),
    /// `[...]` or lines with dashes.
    List(Vec<Node>),
    /// `{...}` or lines with keys.
    Mapping(Mapping),
}

/// The entries of a mapping, by key. Of a duplicate key the first stays.
#[derive(Default)]
pub(crate) struct Mapping {
    entries: BTreeMap<String, (Place, Node)>,
}

impl Mapping {
    /// The place of this key, and its value.
    pub(crate) fn get(&self, key: &str) -> Option<(Place, &Node)> {
        self.entries.get(key).map(|(place, node)| (*place, node))
    }

    /// Every value.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Node> {
        self.entries.values().map(|(_, node)| node)
    }
}

/// A container that is not closed yet.
enum Open {
    List(Place, Vec<Node>),
    Mapping(Place, Mapping, Option<(String, Place)>),
}

/// Characters that end a line for YAML 1.1, as `serde_yaml` reads it, but not for YAML 1.2, as the scan does; and the
/// byte order mark, which is a character for one of them. After such a one in a comment the two would read different
/// files.
const AMBIGUOUS: [char; 4] = ['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];

/// Scans the text. `None` when `serde_yaml` must not see it; the reason is then among the problems.
pub(crate) fn scan(text: &str, problems: &mut Collector<'_>) -> Option<Node> {
    if let Some((at, sign)) = text.char_indices().find(|(_, c)| AMBIGUOUS.contains(c)) {
        let before = text.get(..at).unwrap_or_default();
        let place = crate::problem::end_of(before);
        let rule = format!("the invisible character U+{:04X} is not supported", u32::from(sign));
        let hint = "remove it; within double quotes it can be written as an escape".to_owned();
        problems.add(place, Show::UpToPlace, "", rule, Some(hint));
        return None;
    }
    let mut scan = Scan { problems, stack: Vec::new(), root: None, nodes: 0, aliased: false, readable: true };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => scan.event(event, span)?,
            Err(error) => {
                let at = Place { line: error.marker().line().max(1), column: error.marker().col() + 1, width: 1 };
                if error.info().contains("recursion limit") {
                    // The parser looks ahead, so it may meet its own limit before ours is reached.
                    scan.too_deep(at);
                    return None;
                }
                let path = path_of(&scan.stack);
                let rule = format!("this is not YAML: {}", error.info());
                let hint = "check quotes, brackets, and that lines are indented by spaces alike".to_owned();
                // The line may hold anything: it is shown up to the place only.
                problems.add(at, Show::UpToPlace, &path, rule, Some(hint));
                return None;
            }
        }
    }
    let Scan { root, readable, .. } = scan;
    match root {
        None => {
            let hint = "start from one of the examples; `version`, `providers` and `fleets` are needed".to_owned();
            problems.add(Place::START, Show::UpToPlace, "", "the file is empty".into(), Some(hint));
            None
        }
        Some(root) => readable.then_some(root),
    }
}

struct Scan<'p, 's> {
    problems: &'p mut Collector<'s>,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// An alias or anchor was reported: one is enough, a bomb has thousands.
    aliased: bool,
    /// Nothing was found that `serde_yaml` must not see.
    readable: bool,
}

impl Scan<'_, '_> {
    /// Takes one event in; `None` ends the scan.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let place = place_of(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                if self.root.is_some() {
                    self.refuse(place, "a second document starts here", "keep one document in a file");
                    return None;
                }
            }
            Event::Alias(_) => {
                self.alias(place);
                self.count(place)?;
                self.push(Node { place, body: Body::Scalar(String::new()) });
            }
            Event::Scalar(text, _, anchor, tag) => {
                self.properties(place, anchor, tag.is_some());
                self.count(place)?;
                self.push(Node { place, body: Body::Scalar(text.into_owned()) });
            }
            Event::SequenceStart(anchor, tag) => {
                self.properties(place, anchor, tag.is_some());
                self.open(place, Open::List(place, Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.properties(place, anchor, tag.is_some());
                self.open(place, Open::Mapping(place, Mapping::default(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.stack.pop()? {
                    Open::List(place, items) => Node { place, body: Body::List(items) },
                    Open::Mapping(place, mapping, _) => Node { place, body: Body::Mapping(mapping) },
                };
                self.push(node);
            }
        }
        Some(())
    }

    /// Opens a list or a mapping, if it may be.
    fn open(&mut self, place: Place, open: Open) -> Option<()> {
        self.count(place)?;
        if self.stack.len() >= MAX_DEPTH {
            self.too_deep(place);
            return None;
        }
        self.stack.push(open);
        Some(())
    }

    fn too_deep(&mut self, place: Place) {
        let rule = format!("nested deeper than {MAX_DEPTH} levels");
        self.refuse(place, &rule, "a fleet file needs no more than eight");
    }

    fn count(&mut self, place: Place) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let rule = format!("the file has more than {MAX_NODES} keys and values");
            self.refuse(place, &rule, "this is more than a fleet file can need; split the fleets over several daemons");
            return None;
        }
        Some(())
    }

    /// Puts a finished value where it belongs.
    fn push(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Mapping(_, mapping, key)) => match key.take() {
                Some((name, place)) => {
                    mapping.entries.entry(name).or_insert((place, node));
                }
                None => {
                    let Node { place, body } = node;
                    if let Body::Scalar(name) = body {
                        self.key(name, place);
                    } else {
                        self.refuse(place, "a key must be plain text", "remove the brackets around the key");
                        if let Some(Open::Mapping(_, _, key)) = self.stack.last_mut() {
                            *key = Some((String::new(), place));
                        }
                    }
                }
            },
        }
    }

    /// Takes in the key of the value to come.
    fn key(&mut self, name: String, place: Place) {
        let Some(Open::Mapping(_, mapping, key)) = self.stack.last_mut() else { return };
        let first = mapping.get(&name).map(|(first, _)| first);
        *key = Some((name.clone(), place));
        if let Some(first) = first {
            let rule = format!("the key is given twice, first on line {}", first.line);
            let hint = "remove one of the two".to_owned();
            self.problems.add(place, Show::UpToPlace, &path_of(&self.stack), rule, Some(hint));
        } else if name == "<<" {
            let rule = "merge keys are not supported".to_owned();
            let hint = "write the keys out; each fleet stands for itself".to_owned();
            self.problems.add(place, Show::UpToPlace, &path_of(&self.stack), rule, Some(hint));
        }
    }

    /// Refuses anchors and tags.
    fn properties(&mut self, place: Place, anchor: usize, tagged: bool) {
        // What follows the sign is not shown.
        let place = Place { width: 1, ..place };
        if anchor != 0 {
            self.alias(place);
        }
        if tagged {
            self.refuse(place, "tags (`!name`) are not supported", "remove the tag; quote what shall be text");
        }
    }

    fn alias(&mut self, place: Place) {
        if !self.aliased {
            self.aliased = true;
            let rule = "anchors (`&name`) and aliases (`*name`) are not supported";
            self.refuse(place, rule, "write the value out; if it is text that starts with `&` or `*`, quote it");
        }
        self.readable = false;
    }

    fn refuse(&mut self, place: Place, rule: &str, hint: &str) {
        self.readable = false;
        self.problems.add(place, Show::UpToPlace, &path_of(&self.stack), rule.into(), Some(hint.into()));
    }
}

/// More characters than any line that is shown.
const REST_OF_LINE: usize = 10_000;

fn place_of(span: Span) -> Place {
    let (start, end) = (span.start, span.end);
    let width = if end.line() == start.line() { end.col().saturating_sub(start.col()) } else { REST_OF_LINE };
    Place { line: start.line().max(1), column: start.col() + 1, width: width.max(1) }
}

/// The key path of what is being read.
fn path_of(stack: &[Open]) -> String {
    let mut path = String::new();
    for open in stack {
        match open {
            Open::List(_, items) => path.push_str(&format!("[{}]", items.len())),
            Open::Mapping(_, _, Some((key, _))) => push_key(&mut path, key),
            Open::Mapping(_, _, None) => {}
        }
    }
    path
}

/// Adds a key to a path.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty()
        && key.len() <= 60
        && key.chars().all(|c| c.is_ascii_alphanumeric() || ['_', '-', '<', '/'].contains(&c));
    if !path.is_empty() {
        path.push('.');
    }
    if plain { path.push_str(key) } else { path.push_str(&quoted(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> Vec<String> {
        let mut problems = Collector::new("f", text);
        let root = scan(text, &mut problems);
        assert!(root.is_some() || !problems.is_empty(), "refused without a reason");
        problems.finish().iter().map(|p| format!("{}:{} {} {}", p.line, p.column, p.path, p.rule)).collect()
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let text = "a: 1\nlist:\n  - x: {y: ü, z: 2}\n  - - deep\nempty:\nlast: |\n  text\n";
        let mut problems = Collector::new("f", text);
        let root = scan(text, &mut problems).unwrap();
        assert!(problems.is_empty());
        let Body::Mapping(root) = root.body else { panic!("no mapping") };
        let (key, list) = root.get("list").unwrap();
        assert_eq!(key, Place { line: 2, column: 1, width: 4 });
        let Body::List(items) = &list.body else { panic!("no list") };
        let Body::Mapping(first) = &items[0].body else { panic!("no mapping") };
        let Body::Mapping(x) = &first.get("x").unwrap().1.body else { panic!("no mapping") };
        let (key, value) = x.get("z").unwrap();
        assert_eq!(key, Place { line: 3, column: 15, width: 1 });
        assert_eq!(value.place, Place { line: 3, column: 18, width: 1 });
        let Body::Scalar(text) = &value.body else { panic!("no scalar") };
        assert_eq!(text, "2");
        assert_eq!(root.get("last").unwrap().0, Place { line: 6, column: 1, width: 4 });
        assert!(root.get("nothing").is_none());
    }

    #[test]
    fn what_serde_yaml_must_not_see_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "1:1  the file is empty"),
            ("# only a comment\n", "1:1  the file is empty"),
            ("a: &x 1\nb: *x\n", "1:4 a anchors (`&name`) and aliases (`*name`) are not supported"),
            ("a: !!binary abc\n", "1:4 a tags (`!name`) are not supported"),
            ("a: 1\n---\nb: 2\n", "2:1  a second document starts here"),
            ("? [a, b]\n: 1\n", "1:3  a key must be plain text"),
            ("a: 1\n# x\u{2028}b: *c", "2:4  the invisible character U+2028 is not supported"),
        ] {
            let found = problems_of(text);
            assert_eq!(found, [expected], "{text}");
        }
    }

    #[test]
    fn signs_of_aliases_in_text_and_comments_are_no_aliases() {
        let text = "a: 'x & *y' # *z\nb: \"&a *b <<: !c\"\nc: |\n  *literal &text\n  <<: x\nd: a*b&c\n";
        assert_eq!(problems_of(text), [""; 0]);
    }

    #[test]
    fn a_duplicate_key_is_found_in_any_mapping() {
        let text = "a: {x: 1, x: 2}\nb:\n  c: 1\n  d: 2\n  c: 3\na: 4\n";
        assert_eq!(
            problems_of(text),
            [
                "1:11 a.x the key is given twice, first on line 1",
                "5:3 b.c the key is given twice, first on line 3",
                "6:1 a the key is given twice, first on line 1"
            ]
        );
    }

    #[test]
    fn merge_keys_are_refused() {
        assert_eq!(problems_of("a:\n  <<: {b: 1}\n"), ["2:3 a.<< merge keys are not supported"]);
    }
}
