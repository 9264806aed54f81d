//! The daemon and the command line of spotfleet.
//!
//! This crate makes no decision: those are in `policies`. It reads the configuration, keeps the store, runs the one loop
//! that performs what the [`Controller`](policies::control::Controller) wants, and shows what is and why.
//!
//! Where to read first: [`shell`] is the loop; [`cli::run`] how a daemon is put together; [`http`] what can be asked.

pub mod cli;

pub mod shell;
pub mod store;

mod mirror;
pub mod observation;

pub mod assemble;
pub mod reload;

pub mod explain;
pub mod hook;
pub mod http;
pub mod prices;
pub mod telemetry;

pub mod demo;

pub mod clock;
pub mod pulse;
pub mod systemd;
