//! What the tests share: servers to test against.
//!
//! Nothing here is production code. Everything that is started here ends with its handle and listens on the loopback
//! only, on a port that was free.

pub mod redis;
