//! Orders of the operator: what a person tells the running daemon beside the fleet file.
//!
//! An order that stands (pause, protection, another minimum or maximum) is a durable record with who gave it and why,
//! until it is lifted or its time is over. It is answered only when it is durable.
//!
//! * **Pause**: the fleet launches nothing and lets nothing go; machines that the provider takes are not replaced. What
//!   was ordered before goes on: ends are repeated, launches without an answer are looked for. The target is still
//!   told, and acted on when the pause ends.
//! * **Minimum, maximum**: stand in for those of the fleet file and of its schedules. A minimum above the maximum counts
//!   as the maximum; a schedule's maximum below an ordered minimum counts as that minimum.
//! * **Protection**: the machine is not let go by a decision. The provider may still take it. A tag of the machine in its
//!   cloud does the same, for as long as listings show it.
//! * **Drain**: the machine is told to finish its work, is ended after the fleet's `drain_timeout`, and replaced as need
//!   be. It does not stand: the machine's own record says it.

use core::fmt;
use std::borrow::Cow;

use crate::model::{Fleet, FleetName, InstanceId, Lane};
use crate::plan::{Cause, Memory};
use crate::units::{Capacity, Span, Time};

use super::Controller;
use super::ledger::{Key, Leaving, Machine, Record};

/// Orders that stand at a time: a bound for the store. Protection is one a machine.
pub const STANDING: usize = 10_000;

/// The longest name of a person and the longest reason, in characters: they are stored and shown.
pub const WORDS_CHARS: usize = 200;

/// Who orders what, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// What.
    pub what: What,
    /// Who says so: a name for people, not a proof.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What is ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Let this stand for the fleet; `None`: until it is lifted.
    Set(FleetName, Setting, Option<Span>),
    /// Lift what stands in this place of the fleet.
    Lift(FleetName, Slot),
    /// Do not let this machine go.
    Protect(InstanceId, Option<Span>),
    /// It may go again.
    Unprotect(InstanceId),
    /// Let this machine finish its work, then end it.
    Drain(InstanceId),
}

/// What can stand for a fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setting {
    /// Nothing is launched and nothing is let go.
    Pause,
    /// In place of the file's minimum.
    Min(Capacity),
    /// In place of the file's maximum.
    Max(Capacity),
    /// This machine is not let go.
    Protect(Lane, InstanceId),
}

impl Setting {
    /// The place it stands in.
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Self::Pause => Slot::Pause,
            Self::Min(_) => Slot::Min,
            Self::Max(_) => Slot::Max,
            Self::Protect(lane, id) => Slot::Protect(lane.clone(), id.clone()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.write_str("paused"),
            Self::Min(to) => write!(f, "minimum {to}"),
            Self::Max(to) => write!(f, "maximum {to}"),
            Self::Protect(lane, id) => write!(f, "{id} in {lane} protected"),
        }
    }
}

/// Where a setting stands: one of each for a fleet, and one a machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Slot {
    /// The pause.
    Pause,
    /// The minimum.
    Min,
    /// The maximum.
    Max,
    /// The protection of a machine.
    Protect(Lane, InstanceId),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.write_str("pause"),
            Self::Min => f.write_str("minimum"),
            Self::Max => f.write_str("maximum"),
            Self::Protect(lane, id) => write!(f, "protection of {id} in {lane}"),
        }
    }
}

/// An order that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// For which fleet.
    pub fleet: FleetName,
    /// What.
    pub setting: Setting,
    /// Who said so.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub at: Time,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Time>,
}

impl Override {
    /// It stands at this time.
    #[must_use]
    pub fn stands(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The bounds that orders set at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ordered {
    /// The minimum, if one is ordered.
    pub min: Option<Capacity>,
    /// The maximum, if one is ordered.
    pub max: Option<Capacity>,
}

impl Ordered {
    /// The fleet with these bounds. A person knows of today what the calendar does not, so what is ordered also stands
    /// for the schedules, and none of them cuts an ordered minimum.
    #[must_use]
    pub fn of(self, fleet: &Fleet) -> Cow<'_, Fleet> {
        let Self { min, max } = self;
        if min.is_none() && max.is_none() {
            return Cow::Borrowed(fleet);
        }
        let mut wanted = fleet.clone();
        for schedule in &mut wanted.schedules {
            schedule.min = schedule.min.filter(|_| min.is_none());
            schedule.max = schedule.max.filter(|_| max.is_none()).map(|lower| lower.max(min.unwrap_or_default()));
        }
        wanted.max = max.unwrap_or(fleet.max);
        wanted.min = min.unwrap_or(fleet.min).min(wanted.max);
        Cow::Owned(wanted)
    }
}

/// Why an order was refused; nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The fleet is not in the fleet file.
    #[error("no fleet `{0}` is configured")]
    NoFleet(FleetName),
    /// No machine with this id is on record.
    #[error("no machine `{0}` is on record")]
    NoMachine(InstanceId),
    /// Two providers have a machine with this id.
    #[error("there are {1} machines `{0}`, in different regions")]
    SeveralMachines(InstanceId, usize),
    /// The machine was told to go.
    #[error("`{0}` was told to go before: {why}", why = .1.name())]
    Leaving(InstanceId, Cause),
    /// The machine is protected.
    #[error("`{0}` is protected, by an order or by its tag: lift the protection first")]
    Protected(InstanceId),
    /// Nothing stands there.
    #[error("there is no {1} to lift for `{0}`")]
    NothingToLift(FleetName, Slot),
    /// The machine is not protected.
    #[error("`{0}` is not protected")]
    NotProtected(InstanceId),
    /// The minimum would be above the maximum.
    #[error("the minimum of {min} would be above the maximum of {max}")]
    MinAboveMax {
        /// The minimum.
        min: Capacity,
        /// The maximum.
        max: Capacity,
    },
    /// Too many orders stand.
    #[error("{STANDING} orders stand already: lift some first")]
    TooMany,
    /// Who or why is missing, too long, or more than one line.
    #[error("an order needs who gives it and why, each one line of {WORDS_CHARS} characters at most")]
    Words,
    /// The daemon is about to stop.
    #[error("the daemon is stopping")]
    Stopping,
}

impl Controller {
    /// Takes an order: the sentence to answer with once it is durable.
    ///
    /// # Errors
    /// When it is refused; nothing was changed.
    pub(super) fn ordered(&mut self, order: Order) -> Result<String, Refusal> {
        let Order { what, by, why } = order;
        let one_line = |words: &str| !words.trim().is_empty() && !words.chars().any(char::is_control);
        let fits = |words: &str| one_line(words) && words.chars().count() <= WORDS_CHARS;
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if !fits(&by) || !fits(&why) {
            return Err(Refusal::Words);
        }
        match what {
            What::Set(fleet, setting, length) => self.set(fleet, setting, length, by, why),
            What::Lift(fleet, Slot::Pause) => {
                let refusal = Refusal::NothingToLift(fleet.clone(), Slot::Pause);
                let halted = self.end_halt(&fleet, &by, &why);
                self.lift(&fleet, Slot::Pause, &by, &why).or(halted).ok_or(refusal)
            }
            What::Lift(fleet, slot) => {
                let refusal = Refusal::NothingToLift(fleet.clone(), slot.clone());
                self.lift(&fleet, slot, &by, &why).ok_or(refusal)
            }
            What::Protect(id, length) => {
                let machine = self.machine_named(&id)?;
                if let Some(leaving) = machine.leaving {
                    return Err(Refusal::Leaving(id, leaving.why));
                }
                let setting = Setting::Protect(machine.pool.lane().clone(), id);
                self.set(machine.fleet, setting, length, by, why)
            }
            What::Unprotect(id) => {
                let machine = self.machine_named(&id)?;
                let slot = Slot::Protect(machine.pool.lane().clone(), id.clone());
                self.lift(&machine.fleet, slot, &by, &why).ok_or(Refusal::NotProtected(id))
            }
            What::Drain(id) => self.drain_by_order(id, &by, &why),
        }
    }

    fn set(
        &mut self,
        fleet: FleetName,
        setting: Setting,
        length: Option<Span>,
        by: String,
        why: String,
    ) -> Result<String, Refusal> {
        let Some(mind) = self.fleets.get(&fleet) else { return Err(Refusal::NoFleet(fleet)) };
        let wanted = self.effective(&mind.fleet);
        let limits = match setting {
            Setting::Min(min) => (min, wanted.max),
            Setting::Max(max) => (wanted.min, max),
            Setting::Pause | Setting::Protect(..) => (Capacity::ZERO, Capacity::ZERO),
        };
        if limits.0 > limits.1 {
            return Err(Refusal::MinAboveMax { min: limits.0, max: limits.1 });
        }
        if self.ledger.overrides().len() >= STANDING {
            return Err(Refusal::TooMany);
        }
        let until = length.map(|length| self.now.plus(length));
        let how_long = length.map_or_else(|| "until it is lifted".to_owned(), |length| format!("for {length}"));
        let text = format!("{setting} {how_long}");
        self.ledger.note(self.now, Some(&fleet), "ordered", format!("{text}, by {by}: {why}"));
        self.decide_now(&fleet);
        self.ledger.put(Record::Override(Override { fleet, setting, by, why, at: self.now, until }));
        Ok(text)
    }

    fn lift(&mut self, fleet: &FleetName, slot: Slot, by: &str, why: &str) -> Option<String> {
        let key = (fleet.clone(), slot.clone());
        if !self.ledger.overrides().contains_key(&key) {
            return None;
        }
        let text = format!("the {slot} is lifted");
        self.ledger.note(self.now, Some(fleet), "ordered", format!("{text}, by {by}: {why}"));
        self.ledger.forget(Key::Override(fleet.clone(), slot));
        self.decide_now(fleet);
        Some(text)
    }

    /// Forgets what halted the fleet; `None` when nothing did.
    fn end_halt(&mut self, fleet: &FleetName, by: &str, why: &str) -> Option<String> {
        let memory = self.ledger.memory(fleet);
        if !memory.on_trial {
            return None;
        }
        let text = "the halt is over".to_owned();
        self.ledger.note(self.now, Some(fleet), "ordered", format!("{text}, by {by}: {why}"));
        self.ledger.put(Record::Memory(fleet.clone(), Memory { outcomes: Vec::new(), on_trial: false, ..memory }));
        self.decide_now(fleet);
        Some(text)
    }

    fn drain_by_order(&mut self, id: InstanceId, by: &str, why: &str) -> Result<String, Refusal> {
        let machine = self.machine_named(&id)?;
        if let Some(leaving) = machine.leaving {
            return Err(Refusal::Leaving(id, leaving.why));
        }
        let key = (machine.pool.lane().clone(), id.clone());
        if self.protected(&machine.fleet, &key) {
            return Err(Refusal::Protected(id));
        }
        // A fleet that is not configured decides nothing: its machine goes without a drain.
        let drain = self.fleets.get(&machine.fleet).map(|mind| mind.fleet.scale_down.drain_timeout);
        let until = self.now.plus(drain.unwrap_or(Span::ZERO));
        let leaving = Leaving { why: Cause::Ordered, since: self.now, until, ordered: drain.is_none() };
        let text = format!("{id} in {} is told to finish its work", machine.pool);
        self.ledger.note(self.now, Some(&machine.fleet), "ordered", format!("{text}, by {by}: {why}"));
        self.decide_now(&machine.fleet);
        self.ledger.put(Record::Machine(Machine { leaving: Some(leaving), ..machine }));
        self.repeat_ends();
        Ok(text)
    }

    pub(super) fn machine_named(&self, id: &InstanceId) -> Result<Machine, Refusal> {
        let mut found = self.ledger.machines().values().filter(|m| m.id == *id);
        let machine = found.next().cloned().ok_or_else(|| Refusal::NoMachine(id.clone()))?;
        match found.count() {
            0 => Ok(machine),
            more => Err(Refusal::SeveralMachines(id.clone(), more + 1)),
        }
    }

    pub(super) fn decide_now(&mut self, fleet: &FleetName) {
        if let Some(mind) = self.fleets.get_mut(fleet) {
            mind.decide_at = self.now;
        }
    }

    /// The fleet is paused.
    pub(super) fn paused(&self, fleet: &FleetName) -> bool {
        self.standing(fleet, Slot::Pause).is_some()
    }

    /// The machine is protected: by an order, or by its tag when its lane was last listed.
    pub(super) fn protected(&self, fleet: &FleetName, key: &(Lane, InstanceId)) -> bool {
        let tagged = self.lanes.get(&key.0).and_then(|eye| eye.seen.get(&key.1)).is_some_and(|i| i.protected);
        // Most daemons have no orders: no key is made for the search.
        tagged
            || !self.ledger.overrides().is_empty()
                && self.standing(fleet, Slot::Protect(key.0.clone(), key.1.clone())).is_some()
    }

    fn standing(&self, fleet: &FleetName, slot: Slot) -> Option<&Override> {
        self.ledger.overrides().get(&(fleet.clone(), slot)).filter(|o| o.stands(self.now))
    }

    /// The fleet with the minimum and maximum that are in force beside its schedules.
    pub(super) fn effective<'a>(&self, fleet: &'a Fleet) -> Cow<'a, Fleet> {
        let limit = |slot| {
            self.standing(&fleet.name, slot).and_then(|o| match o.setting {
                Setting::Min(to) | Setting::Max(to) => Some(to),
                Setting::Pause | Setting::Protect(..) => None,
            })
        };
        Ordered { min: limit(Slot::Min), max: limit(Slot::Max) }.of(fleet)
    }

    /// The earliest end of an order that stands.
    pub(super) fn first_order_over(&self) -> Option<Time> {
        self.ledger.overrides().values().filter_map(|o| o.until).min()
    }

    /// Forgets orders whose time is over, and protections of machines that are gone.
    pub(super) fn forget_old_orders(&mut self) {
        let now = self.now;
        let over = |o: &&Override| !o.stands(now);
        let over: Vec<Override> = self.ledger.overrides().values().filter(over).cloned().collect();
        for Override { fleet, setting, .. } in over {
            self.ledger.note(now, Some(&fleet), "ordered", format!("{setting}: its time is over"));
            self.ledger.forget(Key::Override(fleet.clone(), setting.slot()));
            self.decide_now(&fleet);
        }
    }

    /// The machine is gone: nothing protects it any more.
    pub(super) fn forget_protection(&mut self, fleet: &FleetName, key: &(Lane, InstanceId)) {
        let slot = Slot::Protect(key.0.clone(), key.1.clone());
        if self.ledger.overrides().contains_key(&(fleet.clone(), slot.clone())) {
            self.ledger.forget(Key::Override(fleet.clone(), slot));
        }
    }
}

#[cfg(test)]
mod tests;
