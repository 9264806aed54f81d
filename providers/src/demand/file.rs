//! Demand from a file.

use core::time::Duration;
use std::io::{self, ErrorKind};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::{FileSpec, Source};

/// The largest file that is read. The three numbers need less than 100 bytes; what is larger is something else.
const LARGEST_BYTES: u64 = 4_096;

/// Reads demand from a file.
#[derive(Debug)]
pub struct FileSource {
    spec: FileSpec,
}

impl FileSource {
    /// The source of this specification.
    #[must_use]
    pub fn new(spec: &FileSpec) -> Self {
        Self { spec: spec.clone() }
    }

    async fn read(&self, now: Time) -> Result<Sample, Failure> {
        // A pipe would block until somebody writes, so the kind of file is looked at before it is opened.
        let meta = tokio::fs::metadata(&self.spec.path).await.map_err(|e| self.io(&e))?;
        if !meta.is_file() {
            return Err(self.failure(FailureKind::Invalid, "-", "it is not a regular file"));
        }
        if let Some(max_age) = self.spec.max_age {
            let written = meta.modified().map_err(|e| self.io(&e))?;
            let ms = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            let age = now.since(Time::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)));
            if age > max_age {
                let text = format!(
                    "it was last written {} ago, more than {max_age}",
                    Span::from_secs(age.as_millis() / 1_000)
                );
                return Err(self.failure(FailureKind::Unavailable, "stale", &text));
            }
        }
        let file = tokio::fs::File::open(&self.spec.path).await.map_err(|e| self.io(&e))?;
        let mut bytes = Vec::new();
        file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).await.map_err(|e| self.io(&e))?;
        if bytes.len() as u64 > LARGEST_BYTES {
            let text = format!("it is larger than {LARGEST_BYTES} bytes");
            return Err(self.failure(FailureKind::Invalid, "-", &text));
        }
        parse(&bytes, now).map_err(|text| self.failure(FailureKind::Invalid, "-", &text))
    }

    fn io(&self, error: &io::Error) -> Failure {
        let kind = match error.kind() {
            ErrorKind::NotFound => FailureKind::Gone,
            ErrorKind::PermissionDenied => FailureKind::Denied,
            _ => FailureKind::Unavailable,
        };
        self.failure(kind, "-", &error.to_string())
    }

    fn failure(&self, kind: FailureKind, code: &str, text: &str) -> Failure {
        Failure::new(kind, "read", code, &format!("{}: {text}", self.spec.path.display()))
    }
}

#[async_trait]
impl Source for FileSource {
    async fn measure(&self, now: Time) -> Result<Sample, Failure> {
        let timeout = self.spec.timeout;
        match tokio::time::timeout(Duration::from_millis(timeout.as_millis()), self.read(now)).await {
            Ok(result) => result,
            Err(_) => Err(self.failure(FailureKind::Unavailable, "timeout", &format!("no answer within {timeout}"))),
        }
    }
}

/// A number, or an object of numbers. Unknown keys are errors, because a mistyped `in_flight` would read as zero.
fn parse(bytes: &[u8], at: Time) -> Result<Sample, String> {
    if bytes.trim_ascii().is_empty() {
        return Err("it is empty (write a new file and rename it over the old one)".to_owned());
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("neither a number nor JSON: {e}"))?;
    let count = |name: &str, value: &Value| {
        value.as_u64().ok_or_else(|| format!("{name} must be a whole number of jobs, zero or more"))
    };
    let mut sample = Sample { at, waiting: 0, in_flight: 0, arrived_total: None };
    match &value {
        Value::Object(fields) => {
            if !fields.contains_key("waiting") {
                return Err("`waiting` is missing".to_owned());
            }
            for (key, value) in fields {
                match key.as_str() {
                    "waiting" => sample.waiting = count("`waiting`", value)?,
                    "in_flight" => sample.in_flight = count("`in_flight`", value)?,
                    "arrived_total" => sample.arrived_total = Some(count("`arrived_total`", value)?),
                    _ => return Err(format!("unknown key `{key}`; known are waiting, in_flight, arrived_total")),
                }
            }
        }
        number => sample.waiting = count("the content", number)?,
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const AT: Time = Time::from_millis(1_000);

    fn measure(path: &Path, max_age: Option<Span>, now: Time) -> Result<Sample, Failure> {
        let source = FileSource::new(&FileSpec { path: path.to_owned(), max_age, timeout: Span::from_secs(60) });
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("runtime")
            .block_on(source.measure(now))
    }

    #[test]
    fn a_number_is_what_waits() {
        assert_eq!(parse(b" 12\n", AT), Ok(Sample { at: AT, waiting: 12, in_flight: 0, arrived_total: None }));
    }

    #[test]
    fn an_object_says_more() {
        let text = br#"{"waiting": 3, "in_flight": 2, "arrived_total": 90}"#;
        assert_eq!(parse(text, AT), Ok(Sample { at: AT, waiting: 3, in_flight: 2, arrived_total: Some(90) }));
        assert_eq!(parse(br#"{"waiting": 3}"#, AT).map(|s| s.backlog()), Ok(3));
    }

    #[test]
    fn what_is_no_count_is_refused_and_never_read_as_zero() {
        for (text, part) in [
            ("", "empty"),
            (" \n", "empty"),
            ("-1", "whole number"),
            ("1.5", "whole number"),
            ("null", "whole number"),
            ("[1]", "whole number"),
            ("\"7\"", "whole number"),
            ("99999999999999999999", "whole number"),
            ("{}", "`waiting` is missing"),
            (r#"{"in_flight": 1}"#, "`waiting` is missing"),
            (r#"{"waiting": -2}"#, "`waiting` must be a whole number"),
            (r#"{"waiting": 1, "inflight": 1}"#, "unknown key `inflight`"),
            (r#"{"waiting": 1"#, "neither a number nor JSON"),
            ("twelve", "neither a number nor JSON"),
            ("12 13", "neither a number nor JSON"),
        ] {
            let message = parse(text.as_bytes(), AT).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
        assert!(parse(&[0xff, 0xfe], AT).is_err());
    }

    #[test]
    fn a_file_is_read_anew_each_time() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("demand");
        assert_eq!(measure(&path, None, AT).expect_err("not there").kind, FailureKind::Gone);
        fs::write(&path, "5").expect("written");
        assert_eq!(measure(&path, None, AT).map(|s| (s.at, s.waiting)), Ok((AT, 5)));
        fs::write(&path, r#"{"waiting": 6}"#).expect("written");
        assert_eq!(measure(&path, None, AT).map(|s| s.waiting), Ok(6));
        fs::remove_file(&path).expect("removed");
        let failure = measure(&path, None, AT).expect_err("gone");
        assert!(failure.message.contains("demand"), "{failure}");
    }

    #[test]
    fn a_directory_and_a_large_file_are_invalid() {
        let dir = tempfile::tempdir().expect("directory");
        assert_eq!(measure(dir.path(), None, AT).expect_err("directory").kind, FailureKind::Invalid);
        let path = dir.path().join("large");
        fs::write(&path, "1".repeat(5_000)).expect("written");
        let failure = measure(&path, None, AT).expect_err("large");
        assert_eq!(failure.kind, FailureKind::Invalid);
        assert!(failure.message.contains("larger than 4096 bytes"), "{failure}");
    }

    #[test]
    fn a_file_that_nobody_writes_any_more_is_missing_data() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("demand");
        fs::write(&path, "5").expect("written");
        let written = fs::metadata(&path).and_then(|m| m.modified()).expect("mtime");
        let ms = written.duration_since(UNIX_EPOCH).expect("after the epoch").as_millis();
        let written = Time::from_millis(i64::try_from(ms).expect("fits"));
        let limit = Some(Span::from_mins(5));
        assert!(measure(&path, limit, written.plus(Span::from_mins(5))).is_ok());
        let failure = measure(&path, limit, written.plus(Span::from_mins(7))).expect_err("stale");
        assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Unavailable, "stale"));
        assert!(failure.message.contains("7m ago, more than 5m"), "{failure}");
        assert!(measure(&path, None, written.plus(Span::from_hours(9))).is_ok());
    }
}
