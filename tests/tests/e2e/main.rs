//! The whole way by the real binary, on one cloud after the other and on all four at once. One program, so that tests
//! that mostly wait run beside each other.

mod aws;
mod azure;
mod clouds;
mod gcp;
mod ppio;
