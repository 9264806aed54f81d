//! The words of one line, read from left to right into quantities.

use policies::failure::FailureKind;
use policies::model::{Lane, Pool};
use policies::units::{Capacity, Share, Span};

use crate::scenario::Trouble;

/// The words of a line that are not read yet.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: core::str::SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    /// All words of this line.
    #[must_use]
    pub fn of(line: &'a str) -> Self {
        Self { rest: line.split_whitespace() }
    }

    /// The next word; trouble at the end of the line.
    ///
    /// # Errors
    /// The line ends here.
    pub fn word(&mut self) -> Result<&'a str, Trouble> {
        self.rest.next().ok_or_else(|| Trouble::new("the line ends too early"))
    }

    /// The next word, if there is one.
    pub fn more(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    /// Takes this word if it is the next.
    pub fn take(&mut self, word: &str) -> bool {
        let mut ahead = self.rest.clone();
        let found = ahead.next() == Some(word);
        if found {
            self.rest = ahead;
        }
        found
    }

    /// The next word has to be this one.
    ///
    /// # Errors
    /// It is not.
    pub fn expect(&mut self, word: &str) -> Result<(), Trouble> {
        if self.take(word) { Ok(()) } else { Err(Trouble::new(format!("expected '{word}'"))) }
    }

    /// The line has to end here.
    ///
    /// # Errors
    /// It does not.
    pub fn end(&mut self) -> Result<(), Trouble> {
        self.more().map_or(Ok(()), |word| Err(Trouble::new(format!("'{word}' is not understood here"))))
    }

    /// A whole number.
    ///
    /// # Errors
    /// The next word is none.
    pub fn number(&mut self) -> Result<u64, Trouble> {
        let word = self.word()?;
        word.parse().map_err(|_| Trouble::new(format!("'{word}' is not a whole number")))
    }

    /// How many, as `x3`.
    ///
    /// # Errors
    /// The next word is not of this form.
    pub fn count(&mut self) -> Result<u32, Trouble> {
        let word = self.word()?;
        let number = word.strip_prefix('x').and_then(|n| n.parse().ok());
        number.ok_or_else(|| Trouble::new(format!("'{word}' is not a count such as x3")))
    }

    /// A length of time, as `90s`, `5m`, `1h30m`, `14d`.
    ///
    /// # Errors
    /// The next word is not of this form.
    pub fn span(&mut self) -> Result<Span, Trouble> {
        let word = self.word()?;
        span(word).ok_or_else(|| Trouble::new(format!("'{word}' is not a length of time such as 1h30m")))
    }

    /// A share, as `40%`.
    ///
    /// # Errors
    /// The next word is not of this form.
    pub fn share(&mut self) -> Result<Share, Trouble> {
        let word = self.word()?;
        let share = word.strip_suffix('%').and_then(|n| decimal(n, 2)).and_then(|n| u32::try_from(n).ok());
        share.map(Share::from_basis_points).ok_or_else(|| Trouble::new(format!("'{word}' is not a share such as 40%")))
    }

    /// Capacity, as `12` or `12.5`.
    ///
    /// # Errors
    /// The next word is not of this form.
    pub fn capacity(&mut self) -> Result<Capacity, Trouble> {
        self.scaled(3).map(Capacity::from_milli)
    }

    /// A decimal number in units of `10^-places`.
    ///
    /// # Errors
    /// The next word is not a decimal number, or has more places.
    pub fn scaled(&mut self, places: u32) -> Result<u64, Trouble> {
        let word = self.word()?;
        decimal(word, places)
            .ok_or_else(|| Trouble::new(format!("'{word}' is not a number of at most {places} places")))
    }

    /// A pool in its printed form.
    ///
    /// # Errors
    /// The next word is not of this form.
    pub fn pool(&mut self) -> Result<Pool, Trouble> {
        let word = self.word()?;
        Pool::parse(word).ok_or_else(|| Trouble::new(format!("'{word}' is not a pool such as aws/r1/a/small/spot")))
    }

    /// A lane in its printed form.
    ///
    /// # Errors
    /// The next word is not of this form.
    pub fn lane(&mut self) -> Result<Lane, Trouble> {
        let word = self.word()?;
        match word.split_once('/') {
            Some((provider, region)) if !region.is_empty() && !region.contains('/') => {
                Ok(Lane { provider: provider.into(), region: region.into() })
            }
            _ => Err(Trouble::new(format!("'{word}' is not a lane such as aws/r1"))),
        }
    }

    /// A kind of failure by its name.
    ///
    /// # Errors
    /// The next word is none.
    pub fn failure(&mut self) -> Result<FailureKind, Trouble> {
        let word = self.word()?;
        FailureKind::from_name(word).ok_or_else(|| Trouble::new(format!("'{word}' is not a kind of failure")))
    }
}

fn span(text: &str) -> Option<Span> {
    let (mut total, mut rest) = (Span::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let n: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => Span::from_millis(1),
            "s" => Span::from_secs(1),
            "m" => Span::from_mins(1),
            "h" => Span::from_hours(1),
            "d" => Span::from_hours(24),
            _ => return None,
        };
        total = total.plus(unit.times(n));
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(total)
}

fn decimal(text: &str, places: u32) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let missing = places.checked_sub(u32::try_from(part.len()).ok()?)?;
    format!("{whole}{part}").parse::<u64>().ok()?.checked_mul(10_u64.checked_pow(missing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_exactly() {
        assert_eq!(Words::of("1h30m").span(), Ok(Span::from_mins(90)));
        assert_eq!(Words::of("12.5").capacity(), Ok(Capacity::from_milli(12_500)));
        assert_eq!(Words::of("0.031").scaled(6), Ok(31_000));
        assert_eq!(Words::of("12.5%").share(), Ok(Share::from_basis_points(1_250)));
        assert_eq!(Words::of("x3").count(), Ok(3));
    }

    #[test]
    fn what_is_not_a_quantity_is_said() {
        assert!(Words::of("5").span().is_err());
        assert!(Words::of("5y").span().is_err());
        assert!(Words::of("0.0000001").scaled(6).is_err());
        assert!(Words::of("-1").capacity().is_err());
        assert!(Words::of("40").share().is_err());
        assert!(Words::of("3").count().is_err());
        assert!(Words::of("a/b").pool().is_err());
        assert!(Words::of("").word().is_err());
    }
}
