//! A number that a source gave in its answer.

use serde_json::Value;

/// From here on a binary number does not fit into 64 bits (2 to the power of 64).
const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;

/// A number of zero or more. Whole numbers keep every digit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Number {
    /// A whole number.
    Whole(u64),
    /// Any other; finite, and not negative.
    Real(f64),
}

impl Number {
    /// The number that this text is.
    ///
    /// # Errors
    /// Why it is none that counts anything.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(whole) = text.parse() {
            return Ok(Self::Whole(whole));
        }
        Self::real(text.parse().map_err(|_| "it is no number")?)
    }

    /// The number that this is, or that this text holds.
    ///
    /// # Errors
    /// Why it is none that counts anything.
    pub(crate) fn of(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(whole), _) => Ok(Self::Whole(whole)),
                (None, Some(real)) => Self::real(real),
                (None, None) => Err("it is no number that can be used"),
            },
            Value::String(text) => Self::parse(text),
            Value::Null => Err("it is null, not a number"),
            Value::Bool(_) => Err("it is true or false, not a number"),
            Value::Array(_) => Err("it is a list, not a number"),
            Value::Object(_) => Err("it is an object, not a number"),
        }
    }

    fn real(real: f64) -> Result<Self, &'static str> {
        if real.is_nan() {
            return Err("it is NaN: there is no value");
        }
        if real.is_infinite() {
            return Err("it is not finite");
        }
        if real < 0.0 { Err("it is negative") } else { Ok(Self::Real(real)) }
    }

    /// As a number of jobs, rounded up: a part of a job is a job to do.
    pub(crate) fn jobs(self) -> u64 {
        match self {
            Self::Whole(whole) => whole,
            Self::Real(real) => cut(real.ceil()),
        }
    }

    /// In thousandths, rounded to the nearest; the largest number when it does not fit.
    pub(super) fn thousandths(self) -> u64 {
        match self {
            Self::Whole(whole) => whole.saturating_mul(1_000),
            Self::Real(real) => cut((real * 1_000.0).round()),
        }
    }
}

/// A whole number that is not negative; the largest one when it does not fit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, not negative, and fits")]
fn cut(real: f64) -> u64 {
    if real < TOO_LARGE { real as u64 } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_counts_jobs_and_thousandths() {
        for (text, jobs, thousandths) in [
            ("0", 0, 0),
            ("-0", 0, 0),
            ("7", 7, 7_000),
            ("7.0", 7, 7_000),
            ("7.0001", 8, 7_000),
            ("0.1", 1, 100),
            ("2.0005", 3, 2_001),
            ("1.5e3", 1_500, 1_500_000),
            ("1e-9", 1, 0),
            ("9007199254740993", 9_007_199_254_740_993, 9_007_199_254_740_993_000),
            ("18446744073709551615", u64::MAX, u64::MAX),
            ("1e+21", u64::MAX, u64::MAX),
            ("1e308", u64::MAX, u64::MAX),
        ] {
            let number = Number::parse(text).expect(text);
            assert_eq!((number.jobs(), number.thousandths()), (jobs, thousandths), "{text}");
        }
    }

    #[test]
    fn what_counts_nothing_is_refused() {
        for (text, why) in [
            ("NaN", "NaN"),
            ("+Inf", "not finite"),
            ("-Inf", "not finite"),
            ("1e999", "not finite"),
            ("-1", "negative"),
            ("-0.001", "negative"),
            ("", "no number"),
            (" 1", "no number"),
            ("1,5", "no number"),
            ("0x10", "no number"),
            ("many", "no number"),
        ] {
            assert!(Number::parse(text).expect_err(text).contains(why), "{text}");
        }
    }

    #[test]
    fn json_gives_a_number_or_a_text_that_is_one() {
        assert_eq!(Number::of(&json!(3)), Ok(Number::Whole(3)));
        assert_eq!(Number::of(&json!(2.5)), Ok(Number::Real(2.5)));
        assert_eq!(Number::of(&json!("3")), Ok(Number::Whole(3)));
        for (value, why) in [
            (json!(null), "null"),
            (json!(true), "true or false"),
            (json!([3]), "a list"),
            (json!({"n": 3}), "an object"),
            (json!(-3), "negative"),
            (json!("three"), "no number"),
        ] {
            assert!(Number::of(&value).expect_err(why).contains(why), "{value}");
        }
    }
}
