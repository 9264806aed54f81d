//! The fleet file: its format, its validation, its JSON schema and its reference page.
//!
//! A file is read in four steps. It is *bounded* (size, UTF-8), *scanned* for the place of each key and for what is not
//! supported (`tree`), *read* by `serde_yaml` into tables that stop at no mistake (`raw`), and *lowered* into
//! [`Config`], in which every rule holds (`lower`). What comes out is that, or every problem at once, each with its
//! place ([`Problems`]).
//!
//! ```
//! let text = "version: 1\nproviders: {aws: {}}\nfleets:\n  - {name: batch, capacity: {min: 12, max: 10}}\n";
//! let problems = config::Config::parse("fleet.yaml", text, &config::ThisHost).unwrap_err();
//! let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
//! assert_eq!(said[0], "fleet.yaml:4:5: fleets[0].pools: the key is missing; it takes a list");
//! assert_eq!(said[1], "fleet.yaml:4:35: fleets[0].capacity.min: 12 is above max, 10 (lower min or raise max)");
//! ```
//!
//! Not here: network, clock, and secrets themselves ([`Secret`] says where one is; the daemon resolves it when it
//! starts).

pub mod calendar;
mod difference;
pub mod generate;
mod hints;
mod host;
mod lower;
mod model;
mod problem;
mod raw;
mod read;
mod secret;
mod tree;

pub use generate::{reference, schema as json_schema};
pub use host::{FakeHost, Host, ThisHost};
pub use lower::{DEFAULT_OWNER, MAX_POOLS};
pub use model::{
    AwsConfig, AzureAuth, AzureConfig, AzureCredential, Config, DaemonConfig, FleetConfig, GcpConfig, HookConfig,
    HookWay, HttpServer, LaunchApi, LogConfig, LogFormat, LogLevel, OtlpConfig, PpioConfig, ProviderConfig, SimConfig,
    SimType, SourceConfig, SourceKind, StoreEngine, Url, WorkersConfig, WorkersKind,
};
pub use problem::{MAX_PROBLEMS, Problem, Problems};
pub use read::MAX_FILE_BYTES;
pub use secret::{MAX_SECRET_BYTES, Secret, SecretError};
