//! The crash-safe controller: a state machine without I/O.
//!
//! *Recover* builds it from the records of the store, *handle* takes an event and a time and gives effects, *view* is
//! what people see. The shell performs effects and feeds results back; the simulator does the same in virtual time.
//!
//! A call that depends on a record is not given out before [`Event::Appended`] covers that record: promise before
//! deed is a property of this type and not of its caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cost::Rates;
use crate::demand::Sample;
use crate::failure::Failure;
use crate::model::{
    Capabilities, Fleet, FleetName, Instance, InstanceId, Lane, Notice, Offer, Pool, ProviderName, SpecName, Token,
};
use crate::units::{Span, Time};

pub mod ledger;
pub mod view;

pub use ledger::{Entry, Key, Record};
pub use view::View;

/// What the controller is told once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setup {
    /// What the operator wants.
    pub fleets: Vec<Fleet>,
    /// The providers and what they can do.
    pub providers: BTreeMap<ProviderName, Capabilities>,
    /// Rates of exchange.
    pub rates: Rates,
    /// How often to look and decide when nothing happens.
    pub tick: Span,
    /// Entropy of this start, drawn by the caller: keeps tokens unique even when the store was lost.
    pub boot_seed: u64,
}

/// Number of a call, unique within one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct CallId(pub u64);

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Time passed. Carries nothing: the controller looks at its state.
    Tick,
    /// All appends up to this number are durable.
    Appended {
        /// The number of the last durable append.
        seq: u64,
    },
    /// A call came back.
    Reply {
        /// Which.
        call: CallId,
        /// With what.
        reply: Reply,
    },
    /// The operator's file changed.
    Reloaded {
        /// What is wanted now.
        fleets: Vec<Fleet>,
        /// Rates of exchange.
        rates: Rates,
    },
    /// The process is asked to stop. Changes no machine: no new calls are given out.
    Stopping,
}

/// What the shell shall do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Make these entries durable as one atomic batch, then say [`Event::Appended`]. Numbers rise by one.
    Append {
        /// Number of the batch.
        seq: u64,
        /// The batch.
        entries: Vec<Entry>,
    },
    /// Make this call, then say [`Event::Reply`].
    Call {
        /// Its number.
        id: CallId,
        /// What to call.
        call: Call,
    },
    /// Say [`Event::Tick`] at this time at the latest.
    WakeAt(Time),
    /// Show this.
    Publish(Arc<View>),
}

/// A call to the outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Every machine with our tag in this lane.
    List {
        /// Where.
        lane: Lane,
    },
    /// Current offers of these pools.
    Offers {
        /// Where.
        lane: Lane,
        /// Which.
        pools: Vec<Pool>,
    },
    /// The next notices of a provider; may wait for one. Asking again confirms that the last ones were taken in.
    Notices {
        /// Whose.
        provider: ProviderName,
    },
    /// A reading of a fleet's demand.
    Demand {
        /// Whose.
        fleet: FleetName,
    },
    /// Launch machines.
    Launch(Launch),
    /// End machines.
    Terminate {
        /// Where.
        lane: Lane,
        /// Which.
        ids: Vec<InstanceId>,
    },
}

/// A launch order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launch {
    /// The idempotency token, also put on each machine as a tag.
    pub token: Token,
    /// For which fleet, also a tag.
    pub fleet: FleetName,
    /// Where.
    pub pool: Pool,
    /// With which specification.
    pub spec: SpecName,
    /// How many at most.
    pub count: u32,
}

/// What a call came back with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// To [`Call::List`]: complete, or a failure.
    Listed(Result<Vec<Instance>, Failure>),
    /// To [`Call::Offers`]: per pool an offer or a failure.
    Offered(Result<Vec<Result<Offer, (Pool, Failure)>>, Failure>),
    /// To [`Call::Notices`].
    Noticed(Result<Vec<Notice>, Failure>),
    /// To [`Call::Demand`].
    Measured(Result<Sample, Failure>),
    /// To [`Call::Launch`].
    Launched(Result<Launched, Failure>),
    /// To [`Call::Terminate`]: per machine, or a failure of the whole call.
    Terminated(Result<Vec<(InstanceId, Result<(), Failure>)>, Failure>),
}

/// An answered launch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launched {
    /// The machines made; fewer than asked for is normal.
    pub ids: Vec<InstanceId>,
    /// Why not all.
    pub shortfall: Option<Failure>,
}
