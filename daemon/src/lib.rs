//! The daemon and the command line of spotfleet.

pub mod store;
