//! What must survive a crash: promises, machines, what was learned, what happened.
//!
//! The store is a map from [`Key`] to [`Record`]; an [`Entry`] sets or removes one. Only what cannot be seen again is
//! here: intents and the boot seed (promised), machines with their cause of leaving, fleet memories, hours of demand
//! and closures (learned slowly), and a bounded ring of notes (for `events`). Offers, phases and notices are looked
//! at again.

use crate::demand::Hour;
use crate::model::{FleetName, InstanceId, Lane, Pool, SpecName, Token};
use crate::plan::{Cause, Closure, Memory, Place};
use crate::units::{Capacity, PricePerHour, Time};

/// Sets or removes one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Sets the record under its key.
    Put(Record),
    /// Removes the record of this key; nothing happens when there is none.
    Forget(Key),
}

/// Name of a record. Ordered as a scan gives them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// The one boot record.
    Boot,
    /// An open intent.
    Intent(Token),
    /// A machine.
    Machine(Lane, InstanceId),
    /// A fleet's memory.
    Memory(FleetName),
    /// An hour of a fleet's demand, by its number since the epoch.
    Hour(FleetName, i64),
    /// A closure.
    Closure(Place),
    /// A note, by its number.
    Note(u64),
}

/// One durable record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// The last start.
    Boot(Boot),
    /// A promise to launch whose outcome is not known yet. Its outcome is the batch that forgets it: *confirmed* puts
    /// its machines, *refused* and *absent* put none; each writes a note.
    Intent(Intent),
    /// A machine that we launched or adopted and that is not known to be gone.
    Machine(Machine),
    /// What a decision left for the next.
    Memory(FleetName, Memory),
    /// An hour of demand.
    Hour(FleetName, i64, Hour),
    /// A closed place.
    Closure(Closure),
    /// Something that happened.
    Note(Note),
}

impl Record {
    /// The key it stands under.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Boot(_) => Key::Boot,
            Self::Intent(i) => Key::Intent(i.token.clone()),
            Self::Machine(m) => Key::Machine(m.pool.lane().clone(), m.id.clone()),
            Self::Memory(fleet, _) => Key::Memory(fleet.clone()),
            Self::Hour(fleet, number, _) => Key::Hour(fleet.clone(), *number),
            Self::Closure(c) => Key::Closure(c.place.clone()),
            Self::Note(n) => Key::Note(n.number),
        }
    }
}

/// A start of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boot {
    /// Counts starts on this store.
    pub number: u64,
    /// Entropy of this start.
    pub seed: u64,
    /// When.
    pub at: Time,
}

/// "About to launch this", durable before the call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// Its token: what the provider and the machines carry.
    pub token: Token,
    /// For which fleet.
    pub fleet: FleetName,
    /// Where.
    pub pool: Pool,
    /// With which specification.
    pub spec: SpecName,
    /// How many machines at most.
    pub count: u32,
    /// Capacity of one.
    pub units: Capacity,
    /// Price of one when it was decided.
    pub price: PricePerHour,
    /// When it was promised.
    pub at: Time,
}

/// A machine of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// The provider's id.
    pub id: InstanceId,
    /// Whose.
    pub fleet: FleetName,
    /// Where.
    pub pool: Pool,
    /// Capacity it brings.
    pub units: Capacity,
    /// Hourly price when it was launched or adopted; zero when it was not known.
    pub price: PricePerHour,
    /// When it was launched, by the provider if it says so.
    pub born: Time,
    /// The token it was launched with; `None` for an adopted machine without one.
    pub token: Option<Token>,
    /// It was found by its tags, not launched on our records.
    pub adopted: bool,
    /// It was told to go.
    pub leaving: Option<Leaving>,
}

/// A machine was told to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// Why.
    pub why: Cause,
    /// Since when.
    pub since: Time,
    /// When it is ended.
    pub until: Time,
    /// The end was ordered: it is repeated until the provider says that the machine is gone.
    pub ordered: bool,
}

/// Something that happened, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Rises by one; the ring keeps the last [`NOTES`].
    pub number: u64,
    /// When.
    pub at: Time,
    /// About which fleet; `None`: the daemon.
    pub fleet: Option<FleetName>,
    /// What, as one word of a closed vocabulary: `launched`, `refused`, `absent`, `adopted`, `draining`, `ending`,
    /// `gone`, `lost`, `noticed`, `target`, `closed`, `boot`, `reloaded`, `violation`, `alarm`.
    pub what: &'static str,
    /// In one sentence, without secrets.
    pub text: String,
}

/// Notes kept: about 3 MB on disk, and some days of a busy fleet.
pub const NOTES: u64 = 10_000;
