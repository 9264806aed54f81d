//! Observations in a file: everything that decisions were made of, and the decisions, as one JSON document. `spotfleet
//! plan --record` writes it, `plan --observation` decides again from it, without a cloud, a queue or a fleet file.
//!
//! It holds no secret: a decision rests on none. Where secrets are said to be is not in it either.
//!
//! The document names its format in its first key, [`FORMAT`], which is raised with every change of what it means. Of a
//! newer one nothing is guessed. What stands in it is a mirror of the core's types (`observation/wire.rs`): total, so that
//! a field that is added there cannot be forgotten here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use policies::plan::{Observation, decide};
use serde::{Deserialize, Serialize};

use crate::http::view;
use wire::ObservationMirror;

mod wire;

/// Format of the document.
pub const FORMAT: u32 = 1;

/// The longest file that is read: ten times that of 10,000 machines over 5,000 pools.
const MAX_BYTES: u64 = 100_000_000;

/// Observations as they are recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The format; its name says what file this is.
    spotfleet_observation: u32,
    /// The version of spotfleet that decided.
    pub version: String,
    /// One a fleet.
    pub decisions: Vec<RecordedDecision>,
}

/// What was seen and what was decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedDecision {
    /// What the decision was made of.
    #[serde(with = "ObservationMirror")]
    pub input: Observation,
    /// The decision, as `plan --output json` prints it.
    pub plan: view::Plan,
}

/// Only what any format says.
#[derive(Deserialize)]
struct AnyRecorded {
    spotfleet_observation: u32,
}

/// Why observations are not written or read. The text says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ObservationError {
    /// The file cannot be written or read.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It is longer than what is read.
    #[error("{} has more than {MAX_BYTES} bytes: it is no observation", path.display())]
    Large {
        /// The file.
        path: PathBuf,
    },
    /// It is no such document.
    #[error("{}: {problem}: `spotfleet plan --record FILE` writes an observation", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A newer version wrote it.
    #[error(
        "{} has format {found}, this version of spotfleet reads {FORMAT}: upgrade spotfleet, or record it again",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is such a document, and not whole or not right.
    #[error("{}: {place}: {problem}: was it cut or changed? Record it again with `spotfleet plan --record`", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The key at which it is.
        place: String,
        /// What is wrong, with line and column.
        problem: String,
    },
}

impl Recorded {
    /// These observations and the decisions they lead to.
    #[must_use]
    pub fn new(observations: Vec<Observation>) -> Self {
        let decisions = observations.into_iter().map(|input| {
            let (plan, report) = decide(&input.input());
            RecordedDecision { plan: view::Plan::new(&plan, &report), input }
        });
        Self {
            spotfleet_observation: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            decisions: decisions.collect(),
        }
    }

    /// Writes them to a file, which is made or written over.
    ///
    /// # Errors
    /// [`ObservationError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ObservationError> {
        let failed = |source| ObservationError::Io { doing: "write", path: path.to_owned(), source };
        let mut file = File::create(path).map_err(failed)?;
        let text = self.text().map_err(|e| failed(e.into()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)
    }

    /// The document.
    ///
    /// # Errors
    /// None that is known of: it is plain data.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads a file whole.
    ///
    /// # Errors
    /// It cannot be read, is no observation, or is not whole; with the place.
    pub fn read(path: &Path) -> Result<Self, ObservationError> {
        let failed = |source| ObservationError::Io { doing: "read", path: path.to_owned(), source };
        let mut text = String::new();
        let length = File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if u64::try_from(length).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(ObservationError::Large { path: path.to_owned() });
        }
        Self::parse(&text, path)
    }

    /// The observations of a document that stands in this file.
    ///
    /// # Errors
    /// It is no observation, or is not whole; with the place.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ObservationError> {
        let path = || path.to_owned();
        let parsed = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text));
        let error: serde_path_to_error::Error<serde_json::Error> = match parsed {
            Ok(recorded) => {
                let recorded: Self = recorded;
                return if recorded.spotfleet_observation == FORMAT {
                    Ok(recorded)
                } else {
                    Err(ObservationError::Format { path: path(), found: recorded.spotfleet_observation })
                };
            }
            Err(error) => error,
        };
        let place = error.path().to_string();
        let problem = error.into_inner().to_string();
        // What format it says comes first: what a newer one means is not guessed.
        match first_key(text) {
            Some(found) if found != FORMAT => Err(ObservationError::Format { path: path(), found }),
            Some(_) => Err(ObservationError::Broken { path: path(), place, problem }),
            None => Err(ObservationError::Other { path: path(), problem }),
        }
    }
}

/// The format that a document says, also one that is cut or that this version does not know the rest of.
fn first_key(text: &str) -> Option<u32> {
    if let Ok(AnyRecorded { spotfleet_observation }) = serde_json::from_str(text) {
        return Some(spotfleet_observation);
    }
    let rest = text.trim_start().strip_prefix('{')?.trim_start().strip_prefix("\"spotfleet_observation\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
