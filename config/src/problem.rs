//! What is wrong with a fleet file: each problem with its place, its key path, the rule that it breaks and a hint.

use core::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// So many problems of one file are shown; the rest is counted. Nobody reads more before the first are mended, and a
/// file made to be wrong everywhere must not fill a log.
pub const MAX_PROBLEMS: usize = 100;

/// Longer source lines are not shown, only their number: they are no lines that a person wrote.
const MAX_SHOWN_LINE: usize = 400;

/// Words in the name of a key whose value is never shown.
const SECRET_WORDS: [&str; 8] =
    ["token", "password", "passwd", "secret", "api_key", "apikey", "access_key", "private_key"];

/// One mistake in a fleet file. The texts hold no secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Problem {
    /// The file, as it was named by the caller.
    pub file: String,
    /// Line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// The key, such as `fleets[0].capacity.min`; empty when it is about the whole file.
    pub path: String,
    /// What is wrong.
    pub rule: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

/// `fleet.yaml:14:16: fleets[0].capacity.min: 12 is above max, 10 (hint)`, on one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, rule, hint } = self;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        if !path.is_empty() {
            write!(f, ": {path}")?;
        }
        write!(f, ": {rule}")?;
        hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// Every problem of a file, by position. It prints each one with the line of the file that it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    found: Vec<(Problem, Option<Excerpt>)>,
    /// Found beyond [`MAX_PROBLEMS`].
    more: usize,
}

/// The line of the file that a problem is about, without secrets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Excerpt {
    text: String,
    /// The part in question, in bytes of `text`.
    start: usize,
    end: usize,
}

impl Problems {
    /// A problem with the file itself, such as that it cannot be opened.
    pub(crate) fn of_file(file: &str, rule: String, hint: Option<String>) -> Self {
        let problem = Problem { file: file.into(), line: 0, column: 0, path: String::new(), rule, hint };
        Self { found: vec![(problem, None)], more: 0 }
    }

    /// The problems, by position; at most [`MAX_PROBLEMS`] of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter().map(|(problem, _)| problem)
    }

    /// How many problems there are, with those that are not shown.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len().saturating_add(self.more)
    }

    /// The problems as a compiler shows them, with colours when `colour` is set.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for (problem, excerpt) in &self.found {
            out.push_str(&problem.render(excerpt.as_ref(), &renderer));
            out.push_str("\n\n");
        }
        if self.more > 0 {
            out.push_str(&format!("and {} more problems like these\n", self.more));
        }
        out
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Problems {}

impl Problem {
    fn render(&self, excerpt: Option<&Excerpt>, renderer: &Renderer) -> String {
        let Self { file, line, column, path, rule, hint } = self;
        let title = if path.is_empty() { rule.clone() } else { format!("{path}: {rule}") };
        let title = Level::ERROR.primary_title(title);
        let mut group = match excerpt {
            Some(Excerpt { text, start, end }) => title.element(
                Snippet::source(text.as_str())
                    .line_start(*line)
                    .path(file.as_str())
                    .annotation(AnnotationKind::Primary.span(*start..*end)),
            ),
            None => {
                let origin = annotate_snippets::Origin::path(file.as_str());
                title.element(if *line > 0 { origin.line(*line).char_column(*column) } else { origin })
            }
        };
        if let Some(hint) = hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group])
    }
}

/// A place in the file: a run of characters on one line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// In characters. Of what lies on several lines, at least the first of them.
    pub(crate) width: usize,
}

impl Place {
    /// Where the file starts.
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// How much of its line a problem may show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Show {
    /// All of it.
    Line,
    /// It up to the end of the place: what follows may be a secret, or is not the point.
    UpToPlace,
    /// Nothing: the place itself may be a secret.
    Nothing,
}

/// Gathers the problems of one file.
pub(crate) struct Collector<'s> {
    file: &'s str,
    lines: Vec<&'s str>,
    found: Vec<(Problem, Place, Show)>,
    /// What no excerpt may show.
    hidden: Vec<Place>,
    more: usize,
}

impl<'s> Collector<'s> {
    /// None yet.
    pub(crate) fn new(file: &'s str, text: &'s str) -> Self {
        Self { file, lines: lines(text), found: Vec::new(), hidden: Vec::new(), more: 0 }
    }

    /// The name of the file.
    pub(crate) fn file(&self) -> &'s str {
        self.file
    }

    /// Adds a problem.
    pub(crate) fn add(&mut self, place: Place, show: Show, path: &str, rule: String, hint: Option<String>) {
        if self.is_full() {
            self.more = self.more.saturating_add(1);
            return;
        }
        let problem =
            Problem { file: self.file.into(), line: place.line, column: place.column, path: path.into(), rule, hint };
        self.found.push((problem, place, show));
    }

    /// Keeps this out of the excerpt of every problem: it may be a secret.
    pub(crate) fn hide(&mut self, place: Place) {
        self.hidden.push(place);
    }

    /// True when no more are shown: a hint need not be looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    /// True when nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, by position.
    pub(crate) fn finish(self) -> Problems {
        let Self { file: _, lines, found, hidden, more } = self;
        let excerpt = |place: Place, show| {
            let line = lines.get(place.line.checked_sub(1)?)?;
            Excerpt::of(line, place, show, hidden.iter().filter(|hidden| hidden.line == place.line))
        };
        let mut found: Vec<_> = found.into_iter().map(|(p, place, show)| (p, excerpt(place, show))).collect();
        found.sort();
        found.dedup();
        Problems { found, more }
    }
}

impl Excerpt {
    fn of<'h>(line: &str, place: Place, show: Show, hidden: impl Iterator<Item = &'h Place>) -> Option<Self> {
        let shown = line.chars().count();
        if shown > MAX_SHOWN_LINE || show == Show::Nothing {
            return None;
        }
        let before = place.column.saturating_sub(1).min(shown);
        let until = before.saturating_add(place.width.max(1)).min(shown);
        let mut text = masked(line);
        for Place { line: _, column, width } in hidden {
            let hidden = column.saturating_sub(1)..column.saturating_sub(1).saturating_add(*width);
            text = text.chars().enumerate().map(|(at, c)| if hidden.contains(&at) { '*' } else { c }).collect();
        }
        if show == Show::UpToPlace {
            let rest: String = line.chars().skip(until).collect();
            text = text.chars().take(until).collect();
            text.push_str(match rest.trim_start() {
                "" => "",
                value if value.starts_with(':') => ": ...",
                _ => " ...",
            });
        }
        // A control character could move the cursor of the terminal that shows it.
        text = text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        let byte = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
        let (start, end) = (byte(before), byte(until));
        Some(Self { text, start, end })
    }
}

/// The lines of the text, broken as YAML breaks them.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r']) {
        let (line, tail) = rest.split_at(at);
        lines.push(line);
        rest = tail.strip_prefix("\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
    }
    lines.push(rest);
    lines
}

/// The place right behind this text.
pub(crate) fn end_of(text: &str) -> Place {
    let lines = lines(text);
    let column = lines.last().map_or(0, |last| last.chars().count()) + 1;
    Place { line: lines.len(), column, width: 1 }
}

/// The line with a star for each character that may belong to a secret: what follows a key with a telling name, and
/// the user part of a URL.
fn masked(line: &str) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    for at in 0..chars.len() {
        let rest = &chars[at..];
        if rest.starts_with(&[':', '/', '/']) {
            let end = rest[3..].iter().position(|c| ['/', ' ', '"', '\'', ','].contains(c)).unwrap_or(rest.len() - 3);
            if let Some(user) = rest[3..3 + end].iter().rposition(|c| *c == '@') {
                chars[at + 3..at + 3 + user].fill('*');
            }
        } else if rest[0] == ':' && names_a_secret(&chars[..at]) {
            let value = rest[1..].iter().position(|c| *c != ' ').map(|n| at + 1 + n);
            // A mapping is a reference to a secret, not the secret.
            if let Some(value) = value.filter(|v| chars[*v] != '{') {
                chars[value..].fill('*');
                break;
            }
        }
    }
    chars.into_iter().collect()
}

/// True when the text ends in a key whose name says that its value is a secret.
fn names_a_secret(before: &[char]) -> bool {
    let word: String = before
        .iter()
        .rev()
        .skip_while(|c| ['"', '\'', ' '].contains(c))
        .take_while(|c| c.is_alphanumeric() || ['_', '-'].contains(c))
        .map(|c| if *c == '-' { '_' } else { c.to_ascii_lowercase() })
        .collect();
    let word: String = word.chars().rev().collect();
    SECRET_WORDS.iter().any(|secret| word.contains(secret))
}

/// Text from the file as it may stand in a message: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let clean: String = text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > MOST { format!("`{clean}...`") } else { format!("`{clean}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_without_its_secrets() {
        for (line, expected) in [
            ("token: hunter2", "token: *******"),
            ("  \"API-KEY\": hunter2, tick: 10s", "  \"API-KEY\": ******************"),
            ("token: {env: NAME}", "token: {env: NAME}"),
            ("url: redis://user:pw@host/0", "url: redis://*******@host/0"),
            ("{url: \"redis://:p@w@host\", list: a@b}", "{url: \"redis://****@host\", list: a@b}"),
            ("tokenizer: x", "tokenizer: *"),
            ("tick: 10s", "tick: 10s"),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn lines_are_counted_as_yaml_counts_them() {
        assert_eq!(lines("a\r\nb\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(lines(""), [""]);
    }

    #[test]
    fn a_problem_is_one_line_and_a_picture() {
        let mut found = Collector::new("fleet.yaml", "a: 1\nmin: 12 # ü\n");
        let place = Place { line: 2, column: 6, width: 2 };
        found.add(place, Show::Line, "min", "12 is above max, 10".into(), Some("raise max".into()));
        let problems = found.finish();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["fleet.yaml:2:6: min: 12 is above max, 10 (raise max)"]);
        assert_eq!(
            problems.to_string(),
            "error: min: 12 is above max, 10\n --> fleet.yaml:2:6\n  |\n2 | min: 12 # ü\n  |      ^^\n  |\n  = help: raise max"
        );
    }

    #[test]
    fn a_flood_of_problems_is_counted_not_shown() {
        let mut found = Collector::new("f", "x");
        for n in 0..MAX_PROBLEMS + 7 {
            found.add(Place::START, Show::Line, "", format!("problem {n}"), None);
        }
        let problems = found.finish();
        assert_eq!((problems.iter().count(), problems.count()), (MAX_PROBLEMS, MAX_PROBLEMS + 7));
        assert!(problems.to_string().ends_with("and 7 more problems like these"));
    }
}
