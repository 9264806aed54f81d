//! What must survive a crash: promises, machines, what was learned, what happened.
//!
//! The store is a map from [`Key`] to [`Record`]; an [`Entry`] sets or removes one. Only what cannot be seen again is
//! here: intents and the boot seed (promised), the lanes proven for a store made anew, machines with their cause of
//! leaving, since when machines of unknown fleets were seen, orders of the operator, fleet memories, spend, hours of
//! demand, paces, start delays and closures (learned slowly), and for people,
//! each bounded: notes (for `events`), decisions and machines that are gone (for `explain`; see [`super::decisions`]).
//! Offers, phases and notices are looked at again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::budget::Spend;
use crate::demand::{Hour, Pace};
use crate::model::{FleetName, InstanceId, Lane, Pool, SourceName, SpecName, Token};
use crate::plan::{Cause, Closure, Memory, Place};
use crate::units::{Capacity, PricePerHour, Span, Time};

use super::decisions::{DecisionPart, Decisions, Ended, EndedMachines};
use super::orders::{Override, Slot};

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
    /// A lane that was proven for a fleet.
    Proven(FleetName, Lane),
    /// An open intent.
    Intent(Token),
    /// A machine.
    Machine(Lane, InstanceId),
    /// A machine of a fleet that is not configured.
    Orphan(Lane, InstanceId),
    /// An order of the operator that stands.
    Override(FleetName, Slot),
    /// A fleet's memory.
    Memory(FleetName),
    /// What a fleet has spent.
    Spend(FleetName),
    /// An hour of a fleet's demand, by its number since the epoch.
    Hour(FleetName, i64),
    /// How fast work from a fleet's source is done.
    Pace(FleetName, SourceName),
    /// How long machines of a pool take to start.
    Starts(Pool),
    /// A closure.
    Closure(Place),
    /// A part of a decision: the decision's number, and the part's.
    Decision(u64, u32),
    /// A machine that is gone, by its number.
    Ended(u64),
    /// A note, by its number.
    Note(u64),
}

/// One durable record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// The last start.
    Boot(Boot),
    /// In a store that was made anew: the lane was listed completely for the fleet after its settle window, so every
    /// machine that the fleet has there is on record. See [`Boot::unproven`].
    Proven(FleetName, Lane),
    /// A promise to launch whose outcome is not known yet. Its outcome is the batch that forgets it: *confirmed* puts
    /// its machines, *refused* and *absent* put none; each writes a note.
    Intent(Intent),
    /// A machine that we launched or adopted and that is not known to be gone.
    Machine(Machine),
    /// A machine that carries our tag and a fleet that is not configured, on record as ours or not.
    Orphan(Orphan),
    /// An order of the operator that stands.
    Override(Override),
    /// What a decision left for the next.
    Memory(FleetName, Memory),
    /// What a fleet has spent in the day and the month of now.
    Spend(FleetName, Spend),
    /// An hour of demand.
    Hour(FleetName, i64, Hour),
    /// How fast work from a source is done.
    Pace(FleetName, SourceName, Pace),
    /// How long the last machines of a pool took from their launch until they were seen to run, oldest first: at most
    /// [`STARTS`].
    Starts(Pool, Vec<Span>),
    /// A closed place.
    Closure(Closure),
    /// A part of a decision that is kept.
    Decision(DecisionPart),
    /// A machine that is gone.
    Ended(Ended),
    /// Something that happened.
    Note(Note),
}

impl Record {
    /// The key it stands under.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Boot(_) => Key::Boot,
            Self::Proven(fleet, lane) => Key::Proven(fleet.clone(), lane.clone()),
            Self::Intent(i) => Key::Intent(i.token.clone()),
            Self::Machine(m) => Key::Machine(m.pool.lane().clone(), m.id.clone()),
            Self::Orphan(o) => Key::Orphan(o.pool.lane().clone(), o.id.clone()),
            Self::Override(o) => Key::Override(o.fleet.clone(), o.setting.slot()),
            Self::Memory(fleet, _) => Key::Memory(fleet.clone()),
            Self::Spend(fleet, _) => Key::Spend(fleet.clone()),
            Self::Hour(fleet, number, _) => Key::Hour(fleet.clone(), *number),
            Self::Pace(fleet, source, _) => Key::Pace(fleet.clone(), source.clone()),
            Self::Starts(pool, _) => Key::Starts(pool.clone()),
            Self::Closure(c) => Key::Closure(c.place.clone()),
            Self::Decision(d) => Key::Decision(d.decision, d.number),
            Self::Ended(e) => Key::Ended(e.number),
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
    /// The store was lost or damaged and made anew: a launch of before may still be on its way, and a lane out of sight
    /// may hold machines that nobody knows of. A fleet decides nothing before each of its lanes is
    /// [proven](Record::Proven) for it. It stays so for the life of the store, since a fleet or a lane may come into the
    /// configuration much later.
    pub unproven: bool,
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
    /// When it was first seen to run; `None`: not yet.
    pub ready: Option<Time>,
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

/// A machine that carries our tag and a fleet that is not configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Orphan {
    /// The provider's id.
    pub id: InstanceId,
    /// The fleet that it carries.
    pub fleet: FleetName,
    /// Where.
    pub pool: Pool,
    /// When it was first seen as one.
    pub since: Time,
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
    /// What, as one word of [`WORDS`].
    pub what: &'static str,
    /// In one sentence, without secrets.
    pub text: String,
    /// The number of the decision that it is of or comes of, when there is one. It need not be kept any more.
    pub decision: Option<u64>,
}

/// The closed vocabulary of [`Note::what`]. `other` is what a stored word becomes that this version does not know.
pub const WORDS: [&str; 21] = [
    "boot",
    "reloaded",
    "ordered",
    "target",
    "launched",
    "unknown",
    "refused",
    "absent",
    "adopted",
    "orphan",
    "noticed",
    "draining",
    "hooked",
    "hook-failed",
    "ending",
    "gone",
    "lost",
    "closed",
    "violation",
    "alarm",
    "other",
];

/// Notes kept: about 3 MB on disk, and some days of a busy fleet.
pub const NOTES: u64 = 10_000;

/// Start delays kept of a pool: enough that one slow start does not speak for all, few enough that a change shows.
pub const STARTS: usize = 8;

/// The durable state in memory: what the store holds once every batch so far is durable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    boot: Option<Boot>,
    proven: BTreeSet<(FleetName, Lane)>,
    intents: BTreeMap<Token, Intent>,
    machines: BTreeMap<(Lane, InstanceId), Machine>,
    orphans: BTreeMap<(Lane, InstanceId), Orphan>,
    overrides: BTreeMap<(FleetName, Slot), Override>,
    memories: BTreeMap<FleetName, Memory>,
    spends: BTreeMap<FleetName, Spend>,
    hours: BTreeMap<(FleetName, i64), Hour>,
    paces: BTreeMap<(FleetName, SourceName), Pace>,
    starts: BTreeMap<Pool, Vec<Span>>,
    closures: BTreeMap<Place, Closure>,
    decisions: Decisions,
    ended: EndedMachines,
    notes: BTreeMap<u64, Note>,
    batch: Vec<Entry>,
    seq: u64,
}

impl Ledger {
    /// The ledger that these records describe, in any order; nothing is waiting to be appended.
    #[must_use]
    pub fn replay(records: impl IntoIterator<Item = Record>) -> Self {
        let mut ledger = Self::default();
        for record in records {
            ledger.apply(record);
        }
        ledger
    }

    /// Sets a record, here and with the next batch.
    pub fn put(&mut self, record: Record) {
        self.batch.push(Entry::Put(record.clone()));
        self.apply(record);
    }

    /// Removes a record, here and with the next batch.
    pub fn forget(&mut self, key: Key) {
        match &key {
            Key::Boot => self.boot = None,
            Key::Proven(fleet, lane) => drop(self.proven.remove(&(fleet.clone(), lane.clone()))),
            Key::Intent(token) => drop(self.intents.remove(token)),
            Key::Machine(lane, id) => drop(self.machines.remove(&(lane.clone(), id.clone()))),
            Key::Orphan(lane, id) => drop(self.orphans.remove(&(lane.clone(), id.clone()))),
            Key::Override(fleet, slot) => drop(self.overrides.remove(&(fleet.clone(), slot.clone()))),
            Key::Memory(fleet) => drop(self.memories.remove(fleet)),
            Key::Spend(fleet) => drop(self.spends.remove(fleet)),
            Key::Hour(fleet, number) => drop(self.hours.remove(&(fleet.clone(), *number))),
            Key::Pace(fleet, source) => drop(self.paces.remove(&(fleet.clone(), source.clone()))),
            Key::Starts(pool) => drop(self.starts.remove(pool)),
            Key::Closure(place) => drop(self.closures.remove(place)),
            Key::Decision(decision, number) => self.decisions.forget(*decision, *number),
            Key::Ended(number) => drop(Arc::make_mut(&mut self.ended).remove(number)),
            Key::Note(number) => drop(self.notes.remove(number)),
        }
        self.batch.push(Entry::Forget(key));
    }

    /// Writes a note, and forgets the one that falls off the ring.
    pub fn note(&mut self, at: Time, fleet: Option<&FleetName>, what: &'static str, text: String) {
        self.note_of(None, at, fleet, what, text);
    }

    /// Writes a note that is of a decision or comes of it.
    pub fn note_of(
        &mut self,
        decision: Option<u64>,
        at: Time,
        fleet: Option<&FleetName>,
        what: &'static str,
        text: String,
    ) {
        let number = self.notes.last_key_value().map_or(1, |(n, _)| n + 1);
        self.put(Record::Note(Note { number, at, fleet: fleet.cloned(), what, text, decision }));
        while let Some((oldest, _)) = self.notes.first_key_value()
            && number - oldest >= NOTES
        {
            let oldest = *oldest;
            self.forget(Key::Note(oldest));
        }
    }

    /// What was put and forgotten since the last batch, with the batch's number; `None` when nothing was.
    pub fn take_batch(&mut self) -> Option<(u64, Vec<Entry>)> {
        if self.batch.is_empty() {
            return None;
        }
        self.seq += 1;
        Some((self.seq, core::mem::take(&mut self.batch)))
    }

    /// How many entries wait for the next batch.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.batch.len()
    }

    /// The number of the batch that what is put now will be in.
    #[must_use]
    pub const fn open_seq(&self) -> u64 {
        self.seq + 1
    }

    /// The number of the last batch taken.
    #[must_use]
    pub const fn taken_seq(&self) -> u64 {
        self.seq
    }

    /// The last start.
    #[must_use]
    pub const fn boot(&self) -> Option<&Boot> {
        self.boot.as_ref()
    }

    /// Nothing that this fleet has in this lane is missing from the record: the store was never made anew, or the lane
    /// was proven for it since.
    #[must_use]
    pub fn proven(&self, fleet: &FleetName, lane: &Lane) -> bool {
        !self.boot.is_some_and(|b| b.unproven) || self.proven.contains(&(fleet.clone(), lane.clone()))
    }

    /// Open intents, by token.
    #[must_use]
    pub const fn intents(&self) -> &BTreeMap<Token, Intent> {
        &self.intents
    }

    /// Machines, by place and id.
    #[must_use]
    pub const fn machines(&self) -> &BTreeMap<(Lane, InstanceId), Machine> {
        &self.machines
    }

    /// Machines of fleets that are not configured, by place and id.
    #[must_use]
    pub const fn orphans(&self) -> &BTreeMap<(Lane, InstanceId), Orphan> {
        &self.orphans
    }

    /// Orders of the operator that stand, by fleet.
    #[must_use]
    pub const fn overrides(&self) -> &BTreeMap<(FleetName, Slot), Override> {
        &self.overrides
    }

    /// What a fleet's last decision left; empty when there was none.
    #[must_use]
    pub fn memory(&self, fleet: &FleetName) -> Memory {
        self.memories.get(fleet).cloned().unwrap_or_default()
    }

    /// Fleets with a memory.
    pub fn remembered(&self) -> impl Iterator<Item = (&FleetName, &Memory)> {
        self.memories.iter()
    }

    /// What a fleet had spent when it was last counted.
    #[must_use]
    pub fn spend(&self, fleet: &FleetName) -> Option<Spend> {
        self.spends.get(fleet).copied()
    }

    /// What each fleet had spent when it was last counted.
    pub fn spends(&self) -> impl Iterator<Item = (&FleetName, &Spend)> {
        self.spends.iter()
    }

    /// A fleet's hours of demand, oldest first.
    pub fn hours(&self, fleet: &FleetName) -> impl Iterator<Item = (i64, Hour)> {
        self.hours
            .range((fleet.clone(), i64::MIN)..=(fleet.clone(), i64::MAX))
            .map(|((_, number), hour)| (*number, *hour))
    }

    /// How fast work from this source was done, when that was last put on record.
    #[must_use]
    pub fn pace(&self, fleet: &FleetName, source: &SourceName) -> Option<Pace> {
        self.paces.get(&(fleet.clone(), source.clone())).copied()
    }

    /// How fast work from each source of a fleet was done.
    pub fn paces(&self, fleet: &FleetName) -> impl Iterator<Item = (SourceName, Pace)> {
        self.paces.iter().filter(move |((f, _), _)| f == fleet).map(|((_, source), pace)| (source.clone(), *pace))
    }

    /// Sources whose pace is on record.
    pub fn paced(&self) -> impl Iterator<Item = &(FleetName, SourceName)> {
        self.paces.keys()
    }

    /// How long the last machines of each pool took to start.
    #[must_use]
    pub const fn starts(&self) -> &BTreeMap<Pool, Vec<Span>> {
        &self.starts
    }

    /// Closures, also those that are over but remembered.
    #[must_use]
    pub const fn closures(&self) -> &BTreeMap<Place, Closure> {
        &self.closures
    }

    /// Decisions that are kept.
    #[must_use]
    pub const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Machines that are gone and kept, by number.
    #[must_use]
    pub const fn ended(&self) -> &EndedMachines {
        &self.ended
    }

    /// Notes, oldest first.
    pub fn notes(&self) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.values()
    }

    /// Every record, in the order of their keys: what the store holds once all batches are durable.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut all: Vec<Record> = self.boot.iter().map(|b| Record::Boot(*b)).collect();
        all.extend(self.proven.iter().map(|(f, l)| Record::Proven(f.clone(), l.clone())));
        all.extend(self.intents.values().cloned().map(Record::Intent));
        all.extend(self.machines.values().cloned().map(Record::Machine));
        all.extend(self.orphans.values().cloned().map(Record::Orphan));
        all.extend(self.overrides.values().cloned().map(Record::Override));
        all.extend(self.memories.iter().map(|(f, m)| Record::Memory(f.clone(), m.clone())));
        all.extend(self.spends.iter().map(|(f, s)| Record::Spend(f.clone(), *s)));
        all.extend(self.hours.iter().map(|((f, n), h)| Record::Hour(f.clone(), *n, *h)));
        all.extend(self.paces.iter().map(|((f, s), p)| Record::Pace(f.clone(), s.clone(), *p)));
        all.extend(self.starts.iter().map(|(pool, starts)| Record::Starts(pool.clone(), starts.clone())));
        all.extend(self.closures.values().cloned().map(Record::Closure));
        all.extend(self.decisions.parts().map(Record::Decision));
        all.extend(self.ended.values().map(|ended| Record::Ended(Ended::clone(ended))));
        all.extend(self.notes.values().cloned().map(Record::Note));
        all
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Boot(boot) => self.boot = Some(boot),
            Record::Proven(fleet, lane) => drop(self.proven.insert((fleet, lane))),
            Record::Intent(i) => drop(self.intents.insert(i.token.clone(), i)),
            Record::Machine(m) => drop(self.machines.insert((m.pool.lane().clone(), m.id.clone()), m)),
            Record::Orphan(o) => drop(self.orphans.insert((o.pool.lane().clone(), o.id.clone()), o)),
            Record::Override(o) => drop(self.overrides.insert((o.fleet.clone(), o.setting.slot()), o)),
            Record::Memory(fleet, memory) => drop(self.memories.insert(fleet, memory)),
            Record::Spend(fleet, spend) => drop(self.spends.insert(fleet, spend)),
            Record::Hour(fleet, number, hour) => drop(self.hours.insert((fleet, number), hour)),
            Record::Pace(fleet, source, pace) => drop(self.paces.insert((fleet, source), pace)),
            Record::Starts(pool, starts) => drop(self.starts.insert(pool, starts)),
            Record::Closure(c) => drop(self.closures.insert(c.place.clone(), c)),
            Record::Decision(part) => self.decisions.put(part),
            Record::Ended(ended) => drop(Arc::make_mut(&mut self.ended).insert(ended.number, Arc::new(ended))),
            Record::Note(note) => drop(self.notes.insert(note.number, note)),
        }
    }
}
