//! What workers say of themselves: busy or idle.
//!
//! A word is kept in memory, until its time is over, the machine is gone or the process ends; then nobody knows. It is
//! answered at once, with whether the machine was told to go. So a worker that says *idle*, reads the answer before it
//! takes work, and takes none when it is to go, is never ended at work: an idle machine that was told to go is ended for
//! it only when the word came after that.
//!
//! Where workers do not speak, what they do may be **watched** from elsewhere: a metric, or the consumers of a queue. What
//! a worker says itself comes first. Of a machine that was told to go nothing is watched but that it is busy: a worker
//! that does not know that it shall go may take work the moment after.

use std::collections::BTreeMap;

use crate::model::{FleetName, InstanceId, Lane};
use crate::plan::Work;
use crate::units::{Span, Time};

use super::Controller;
use super::ledger::{Leaving, Machine};
use super::orders::Refusal;

/// A word is forgotten after this time when it does not say itself: some of the usual pauses between two of them.
pub const WORD_LASTS: Span = Span::from_mins(5);

/// What a worker says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// On which machine.
    pub instance: InstanceId,
    /// What it does; *unknown* takes back what it said before.
    pub work: Work,
    /// So long it is believed.
    pub lasts: Span,
}

/// A word that is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    work: Work,
    until: Time,
    /// The machine had been told to go when it was said.
    leaving: bool,
}

impl Controller {
    /// Takes a worker's word; what the machine was told, if it is to go.
    ///
    /// # Errors
    /// When it is of no machine on record.
    pub(super) fn heard(&mut self, word: Word) -> Result<Option<Leaving>, Refusal> {
        let Word { instance, work, lasts } = word;
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        let machine = self.machine_named(&instance)?;
        let key = (machine.pool.lane().clone(), instance);
        let leaving = machine.leaving;
        if work == Work::Idle && leaving.is_some_and(|l| !l.ordered) {
            self.decide_now(&machine.fleet);
        }
        self.words.insert(key, Heard { work, until: self.now.plus(lasts), leaving: leaving.is_some() });
        Ok(leaving)
    }

    /// By its drain hook, the worker has finished.
    pub(super) fn has_finished(&mut self, key: (Lane, InstanceId), until: Time) {
        self.words.insert(key, Heard { work: Work::Idle, until, leaving: true });
    }

    /// Takes what was read of a fleet's workers, in place of what was read before.
    pub(super) fn watched(&mut self, fleet: &FleetName, seen: Vec<(InstanceId, Work)>, lasts: Span) {
        let until = self.now.plus(lasts);
        let seen: BTreeMap<InstanceId, Work> = seen.into_iter().collect();
        let machines = self.ledger.machines().iter().filter(|(_, machine)| machine.fleet == *fleet);
        for (key, _) in machines {
            match seen.get(&key.1) {
                Some(work) => drop(self.watched.insert(key.clone(), (*work, until))),
                None => drop(self.watched.remove(key)),
            }
        }
    }

    /// What a machine's worker does, as far as it is known. That a machine was idle before it was told to go says nothing
    /// of what it took since.
    pub(super) fn work_of(&self, key: &(Lane, InstanceId), machine: &Machine) -> Work {
        let said = self.words.get(key).filter(|heard| self.now < heard.until);
        let known = said.map(|heard| (heard.work, heard.leaving)).filter(|(work, _)| *work != Work::Unknown);
        let watched = || Some((self.watched.get(key).filter(|(_, until)| self.now < *until)?.0, false));
        match known.or_else(watched) {
            Some((Work::Idle, false)) if machine.leaving.is_some() => Work::Unknown,
            Some((work, _)) => work,
            None => Work::Unknown,
        }
    }

    pub(super) fn forget_old_words(&mut self) {
        let now = self.now;
        self.words.retain(|_, heard| now < heard.until);
        self.watched.retain(|_, (_, until)| now < *until);
    }
}

#[cfg(test)]
mod tests;
