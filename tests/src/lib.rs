//! What the tests run on: servers to test against, and the model world of the golden stories and of measurements.
//!
//! Nothing here is production code. Every server that is started here ends with its handle and listens on the loopback
//! only, on a port that was free.

pub mod azure;
pub mod daemon;
pub mod gate;
pub mod gcp;
pub mod large;
pub mod moto;
pub mod peer;
pub mod ppio;
pub mod prometheus;
pub mod rabbitmq;
pub mod redis;
pub mod scenario;
pub mod simulated;
pub mod simulator;
pub mod site;
