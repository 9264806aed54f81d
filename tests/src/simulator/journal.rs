//! The store in memory: what is durable, what is written and not durable yet, and what a crash leaves.

use std::collections::{BTreeMap, VecDeque};

use policies::control::ledger::Boot;
use policies::control::{Entry, Key, Record};
use policies::units::Time;

/// Batches in order, of which a prefix is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    durable: BTreeMap<Key, Record>,
    latest: BTreeMap<Key, Record>,
    unsynced: VecDeque<(u64, Vec<Entry>)>,
}

impl Journal {
    /// Takes a batch, not durable yet.
    pub(super) fn append(&mut self, seq: u64, entries: Vec<Entry>) {
        for entry in &entries {
            apply(&mut self.latest, entry);
        }
        self.unsynced.push_back((seq, entries));
    }

    /// Makes all batches up to this number durable.
    pub(super) fn sync(&mut self, seq: u64) {
        while self.unsynced.front().is_some_and(|(s, _)| *s <= seq) {
            for entry in self.unsynced.pop_front().into_iter().flat_map(|(_, e)| e) {
                apply(&mut self.durable, &entry);
            }
        }
    }

    /// How many batches are not durable yet.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// A crash that leaves so many of the batches that were not durable. Returns the number of the last one left, if
    /// one of them was.
    pub(super) fn crash(&mut self, kept: usize) -> Option<u64> {
        let last = kept.checked_sub(1).and_then(|i| self.unsynced.get(i)).map(|(seq, _)| *seq);
        if let Some(seq) = last {
            self.sync(seq);
        }
        self.unsynced.clear();
        self.latest.clone_from(&self.durable);
        last
    }

    /// A crash that leaves nothing. The store is made anew, and says so.
    pub(super) fn lose(&mut self, at: Time) {
        *self = Self::default();
        let boot = Record::Boot(Boot { number: 0, seed: 0, at, unproven: true });
        self.durable.insert(boot.key(), boot);
        self.latest.clone_from(&self.durable);
    }

    /// What a restart would find now, if the cut fell before every batch that is not durable.
    pub(super) const fn durable(&self) -> &BTreeMap<Key, Record> {
        &self.durable
    }

    /// What was written last, durable or not.
    pub(super) const fn latest(&self) -> &BTreeMap<Key, Record> {
        &self.latest
    }
}

fn apply(records: &mut BTreeMap<Key, Record>, entry: &Entry) {
    match entry {
        Entry::Put(record) => drop(records.insert(record.key(), record.clone())),
        Entry::Forget(key) => drop(records.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policies::control::ledger::Note;

    fn note(number: u64) -> Entry {
        Entry::Put(Record::Note(Note {
            number,
            at: Time::EPOCH,
            fleet: None,
            what: "boot",
            text: String::new(),
            decision: None,
        }))
    }

    #[test]
    fn a_crash_keeps_what_is_durable_and_a_prefix_of_the_rest() {
        let mut journal = Journal::default();
        for seq in 1..=5 {
            journal.append(seq, vec![note(seq)]);
        }
        journal.sync(2);
        assert_eq!((journal.durable().len(), journal.latest().len(), journal.unsynced()), (2, 5, 3));
        assert_eq!(journal.crash(1), Some(3));
        assert_eq!((journal.durable().len(), journal.latest().len(), journal.unsynced()), (3, 3, 0));
        assert_eq!(journal.crash(0), None);
    }
}
