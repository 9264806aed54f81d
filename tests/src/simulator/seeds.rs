//! Seeds that have found something: always run again.
//!
//! A line of `seeds.txt` is a seed, then optionally `without=PARTS` and `length-s=N`, then `#` and what it caught.

use policies::units::Span;

use super::{Parts, Run};

/// A seed on file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownSeed {
    /// Which run.
    pub run: Run,
    /// What it caught.
    pub caught: String,
}

/// The seeds of this text, one a line; empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// The first line that is not a seed with what it caught, with its number.
pub fn known_seeds(text: &str) -> Result<Vec<KnownSeed>, String> {
    let mut seeds = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        seeds.push(known_seed(line).ok_or_else(|| format!("line {}: not a seed with what it caught: {line}", i + 1))?);
    }
    Ok(seeds)
}

fn known_seed(line: &str) -> Option<KnownSeed> {
    let (run, caught) = line.split_once('#')?;
    let mut words = run.split_whitespace();
    let mut run = Run::of(words.next()?.parse().ok()?);
    for word in words {
        match word.split_once('=')? {
            ("without", parts) => run.without = Parts::parse(parts).ok()?,
            ("length-s", n) => run.length = Some(Span::from_secs(n.parse().ok()?)),
            _ => return None,
        }
    }
    let caught = caught.trim().to_owned();
    (!caught.is_empty()).then_some(KnownSeed { run, caught })
}

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::*;

    #[test]
    fn a_line_is_a_seed_and_what_it_caught() {
        let text = "# comment\n\n7 # a bug\n8 without=crashes,stalls length-s=90 # another\n";
        let seeds = known_seeds(text).expect("well-formed");
        assert_eq!(seeds.len(), 2);
        assert_eq!(seeds[1].run.seed, 8);
        assert!(seeds[1].run.without.has(Part::Crashes) && seeds[1].run.without.has(Part::Stalls));
        assert_eq!(seeds[1].run.length, Some(Span::from_secs(90)));
        assert_eq!(seeds[1].caught, "another");
        for bad in ["7", "x # y", "7 # ", "7 without=nothing # y", "7 length=3 # y"] {
            assert!(known_seeds(bad).is_err(), "{bad}");
        }
    }
}
