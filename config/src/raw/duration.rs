//! Durations as people write them: `90s`, `5m`, `1h30m`, `1d`, `500ms`.

use policies::units::Span;

use crate::problem::quoted;
use crate::raw::value::Mistake;

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The duration that the text says. Units go from large to small, each at most once.
pub(crate) fn parse(text: &str) -> Result<Span, Mistake> {
    let refuse = |hint: String| Mistake {
        rule: format!("expected a duration such as 90s, 5m or 1h30m, found {}", quoted(text)),
        hint: Some(hint),
    };
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest_so_far = usize::MAX;
    if rest.is_empty() {
        return Err(refuse("write 0s for no time".into()));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() || unit.is_empty() {
            return Err(refuse(hint_for(text)));
        }
        let Some(rank) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(refuse(hint_for_unit(number, unit)));
        };
        if smallest_so_far != usize::MAX && rank <= smallest_so_far {
            return Err(refuse("write each unit once, the largest first".into()));
        }
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(UNITS[rank].1));
        // A thousand years fit many times; the bound only keeps sums of durations from overflowing.
        let sum = part.and_then(|p| total.checked_add(p)).filter(|sum| *sum <= u64::MAX / 1_000);
        let Some(sum) = sum else { return Err(refuse("this is longer than anything can last".into())) };
        (total, smallest_so_far, rest) = (sum, rank, tail);
    }
    Ok(Span::from_millis(total))
}

fn hint_for(text: &str) -> String {
    if text == "auto" {
        "`auto` is not supported in this version; write how long".into()
    } else if text.contains('.') || text.contains(',') {
        "write whole numbers: 1h30m for 1.5h".into()
    } else if text.contains(' ') {
        "write it without spaces".into()
    } else if text.starts_with('-') {
        "it cannot be negative".into()
    } else if text.contains(':') {
        "write 1h30m for 1:30".into()
    } else {
        "the units are d, h, m, s and ms".into()
    }
}

fn hint_for_unit(number: &str, unit: &str) -> String {
    let lower = unit.to_ascii_lowercase();
    let meant = match lower.as_str() {
        "day" | "days" | "d" => "d",
        "hour" | "hours" | "hr" | "hrs" | "h" => "h",
        "minute" | "minutes" | "min" | "mins" | "m" => "m",
        "second" | "seconds" | "sec" | "secs" | "s" => "s",
        "millisecond" | "milliseconds" | "msec" | "ms" => "ms",
        "week" | "weeks" | "w" => return "write weeks as days: 7d".into(),
        _ => return "the units are d, h, m, s and ms".into(),
    };
    let number = if number.len() > 12 { "..." } else { number };
    format!("write {number}{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_as_it_prints() {
        for text in ["0s", "90s", "5m", "1h30m", "1d", "2d3h4m5s6ms", "500ms"] {
            let span = parse(text).unwrap();
            assert_eq!(parse(&span.to_string()), Ok(span), "{text}");
        }
        assert_eq!(parse("90s"), Ok(Span::from_secs(90)));
        assert_eq!(parse("1h30m"), Ok(Span::from_mins(90)));
        assert_eq!(parse("1d"), Ok(Span::from_hours(24)));
    }

    #[test]
    fn a_bad_duration_gets_a_fitting_hint() {
        for (text, expected) in [
            ("", "write 0s for no time"),
            ("5", "the units are d, h, m, s and ms"),
            ("s", "the units are d, h, m, s and ms"),
            ("5min", "write 5m"),
            ("5 minutes", "write it without spaces"),
            ("5M", "write 5m"),
            ("1.5h", "write whole numbers: 1h30m for 1.5h"),
            ("1w", "write weeks as days: 7d"),
            ("-5s", "it cannot be negative"),
            ("1:30", "write 1h30m for 1:30"),
            ("30m1h", "write each unit once, the largest first"),
            ("5m5m", "write each unit once, the largest first"),
            ("5\u{b5}s", "the units are d, h, m, s and ms"),
            ("999999999999d", "this is longer than anything can last"),
            ("99999999999999999999999s", "this is longer than anything can last"),
        ] {
            assert_eq!(parse(text).unwrap_err().hint.as_deref(), Some(expected), "{text}");
        }
    }
}
