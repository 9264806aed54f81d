//! The fleet file: its format, its validation, its JSON schema and its reference page.
//!
//! A file is read in four steps: it is bounded, located, read, lowered. What comes out is [`Config`], in which every rule holds,
//! or every problem of the file at once, each with its place.
//!
//! Not here: network, clock, and secrets themselves ([`Secret`] says where one is; the daemon resolves it when it
//! starts).

mod host;
mod model;
mod secret;

pub use host::{FakeHost, Host, ThisHost};
pub use model::{
    AwsConfig, Config, DaemonConfig, FleetConfig, LaunchApi, LogConfig, LogFormat, LogLevel, OtlpConfig,
    ProviderConfig, SimConfig, SimType, SourceConfig, SourceKind, StoreEngine, Url,
};
pub use secret::{MAX_SECRET_BYTES, Secret, SecretError};
