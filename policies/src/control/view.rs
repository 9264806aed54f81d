//! What people see: a snapshot made by the controller, without any format. HTTP and the terminal render it.

use crate::failure::Failure;
use crate::model::{FleetName, Lane, Sight, Unit};
use crate::plan::{Closure, Holding, Plan};
use crate::report::Report;
use crate::units::{Capacity, Currency, PricePerHour, Time};

use super::ledger::{Machine, Note};

/// A snapshot of everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// When it was made.
    pub at: Time,
    /// Number of this start on the store.
    pub boot: u64,
    /// Why the daemon is not ready; empty when it is.
    pub not_ready: Vec<String>,
    /// What money is in.
    pub currency: Currency,
    /// By name.
    pub fleets: Vec<FleetView>,
    /// By provider and region.
    pub lanes: Vec<LaneView>,
    /// Machines that carry our owner tag and a fleet that is not configured: reported, never touched.
    pub orphans: Vec<(Lane, String)>,
    /// The newest notes, oldest first, at most 200.
    pub notes: Vec<Note>,
}

/// A fleet as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetView {
    /// Its name.
    pub name: FleetName,
    /// What capacity counts.
    pub unit: Unit,
    /// Its bounds.
    pub min: Capacity,
    /// Its bounds.
    pub max: Capacity,
    /// Jobs not finished, when the source tells.
    pub backlog: Option<u64>,
    /// The last decision, if there was one since the start.
    pub decision: Option<(Plan, Report)>,
    /// The last decision that did anything.
    pub last_step: Option<(Plan, Report)>,
    /// Machines and promises.
    pub holdings: Vec<Holding>,
    /// Machines on record.
    pub machines: Vec<Machine>,
    /// Hourly price of what runs and is promised, at current offers.
    pub price: PricePerHour,
    /// Hourly price of the same capacity at the on-demand price of each machine's own type where that is known, else
    /// of the fleet's cheapest on-demand offer per unit.
    pub price_on_demand: PricePerHour,
    /// What is closed for it.
    pub closures: Vec<Closure>,
}

/// A lane as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneView {
    /// Which.
    pub lane: Lane,
    /// How it was last seen.
    pub sight: Sight,
    /// The last failure, if the last call of any kind failed.
    pub failure: Option<Failure>,
    /// Offers known.
    pub offers: usize,
}
