//! What the configuration may look at outside of its own text: files and environment variables.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Files and environment variables. The daemon passes [`ThisHost`]; a test passes what it likes.
pub trait Host {
    /// The content of a regular file of at most so many bytes.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file (`InvalidInput`) or is larger (`FileTooLarge`).
    fn read_file(&self, path: &Path, at_most: usize) -> io::Result<Vec<u8>>;

    /// The value of an environment variable; `None` when it is not set or not text.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The files and variables of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisHost;

impl Host for ThisHost {
    fn read_file(&self, path: &Path, at_most: usize) -> io::Result<Vec<u8>> {
        // Asked before it is opened: opening a pipe that nobody writes would wait for ever.
        let file = std::fs::metadata(path)?;
        if !file.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let limit = u64::try_from(at_most).unwrap_or(u64::MAX);
        let mut content = Vec::new();
        // One byte more than allowed, so that a file that grows meanwhile is noticed too.
        File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() > at_most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it is larger than {} KiB", at_most.div_ceil(1024)),
            ));
        }
        Ok(content)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// A host for tests: it has these files and variables and no others.
#[derive(Clone, Debug, Default)]
pub struct FakeHost {
    files: std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
    variables: std::collections::BTreeMap<String, String>,
}

impl FakeHost {
    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(path.into(), content.to_vec());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }
}

impl Host for FakeHost {
    fn read_file(&self, path: &Path, at_most: usize) -> io::Result<Vec<u8>> {
        let content = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        if content.len() > at_most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content.clone()) }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}
