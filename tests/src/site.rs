//! What the end-to-end tests of the clouds have in common: a directory with a fleet file and a queue in a file, and how
//! they read what the daemon answers.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// A directory with a fleet file, a queue and room for the state. It goes with its handle.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    /// An empty one, with an empty queue.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn new() -> Self {
        let home = Self(tempfile::tempdir().expect("a directory"));
        home.jobs(0);
        home
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The fleet file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path().join("fleet.yaml")
    }

    /// The file with the number of jobs.
    #[must_use]
    pub fn queue(&self) -> PathBuf {
        self.path().join("queue")
    }

    /// Makes the queue so many jobs long, at one blow.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn jobs(&self, count: u64) {
        self.say(&count.into());
    }

    /// Writes what is known of the queue, at one blow: the number of jobs, or an object with more.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn say(&self, queue: &Value) {
        let new = self.path().join("queue.new");
        std::fs::write(&new, queue.to_string()).expect("the queue is written");
        std::fs::rename(new, self.queue()).expect("the queue is renamed");
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// The first fleet of an answer.
#[must_use]
pub fn fleet(answer: &Value) -> &Value {
    &answer["fleets"][0]
}

/// So much capacity of the first fleet runs.
pub fn running(count: f64) -> impl Fn(&Value) -> bool {
    move |answer| fleet(answer)["held_running"].as_f64() == Some(count)
}

/// What happened to a machine, in order.
#[must_use]
pub fn story(answer: &Value, id: &str) -> Vec<String> {
    let events = answer["events"].as_array().into_iter().flatten();
    let of = events.filter(|e| e["text"].as_str().is_some_and(|text| text.contains(id)));
    of.filter_map(|e| e["what"].as_str().map(str::to_owned)).collect()
}
