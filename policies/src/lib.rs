//! The pure core of spotfleet: what to want, and what may be done next.
//!
//! Everything here is a function of its arguments. There is no I/O, no clock, no entropy and no thread; time and
//! seeds come in, values go out. That is what lets the simulator, the goldens, `spotfleet plan` and the daemon run
//! the very same code.
//!
//! Two doors:
//! * [`decide`] turns one fleet's [`Input`] into a [`Plan`] and a [`Report`]; [`check`](check::check) judges the plan
//!   by the same input without sharing code with the planner.
//! * [`Controller`](control::Controller) is the crash-safe state machine around it: events in, effects out.
//!
//! Not here: calling a cloud (crate `providers`), reading files (crate `config`), storing, serving (crate `daemon`).

pub mod units;

pub mod failure;
pub mod model;
pub mod schedule;

pub mod budget;
pub mod cost;
pub mod demand;
pub mod forecast;
pub mod size;

pub mod allocate;
pub mod plan;

pub mod check;
pub mod report;

pub mod control;

pub mod rng;

pub use plan::{Input, Plan, decide};
pub use report::Report;
