//! Machines that carry our tag and a fleet that is not configured: found, on record since when, and ended by the
//! operator's rule only.
//!
//! An orphan was left behind: by a fleet that was taken out of the file or renamed, by a store that was lost, by another
//! daemon with our owner tag. Since when it is one is durable, so that its grace outlasts a restart; it begins anew when the
//! store is lost, when the machine is not listed, and when its fleet was configured meanwhile.

use std::collections::BTreeSet;

use crate::model::{Instance, InstanceId, Lane, Phase};
use crate::plan::Cause;
use crate::units::{PricePerHour, Span, Time};

use super::Controller;
use super::ledger::{Key, Leaving, Machine, Orphan, Record};

/// Orphans on record. A listing may hold the machines of a neighbour that has our owner tag by mistake; beyond this number
/// they are left alone whatever the rule.
const MOST: usize = 10_000;

/// What is done about orphans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrphanRule {
    /// The grace: so long after it was first seen as one, an orphan may be ended.
    pub after: Span,
    /// What then.
    pub action: OrphanAction,
}

/// What is done about an orphan after its grace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OrphanAction {
    /// It is reported, and left alone.
    Report,
    /// It is ended.
    End,
}

impl OrphanAction {
    /// The name in the fleet file and in views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::End => "end",
        }
    }
}

impl Default for OrphanRule {
    /// They are reported.
    fn default() -> Self {
        Self { after: Span::from_hours(1), action: OrphanAction::Report }
    }
}

/// An orphan as people see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrphanView {
    /// What is on record.
    pub orphan: Orphan,
    /// What it costs an hour, by the offer of its pool; `None`: not known.
    pub price: Option<PricePerHour>,
    /// Its end is ordered.
    pub ending: bool,
    /// When it is ended by the rule, if nothing changes; `None`: never, or it is ending.
    pub ends_at: Option<Time>,
}

impl Controller {
    /// Takes in which machines of a lane are nobody's, by a complete listing.
    pub(super) fn find_orphans(&mut self, lane: &Lane, listed: &[Instance]) {
        for instance in listed {
            let key = (lane.clone(), instance.id.clone());
            let known = self.ledger.machines().get(&key);
            let fleet = known.map_or(&instance.fleet, |m| &m.fleet);
            let goes = known.and_then(|m| m.leaving).is_some_and(|l| l.ordered);
            if !lives(instance) || goes || self.fleets.contains_key(fleet) || self.ledger.orphans().contains_key(&key) {
                continue;
            }
            if self.ledger.orphans().len() >= MOST {
                return;
            }
            let pool = known.map_or(&instance.pool, |m| &m.pool).clone();
            let orphan = Orphan { id: instance.id.clone(), fleet: fleet.clone(), pool, since: self.now };
            let then = match self.orphan_rule {
                OrphanRule { action: OrphanAction::Report, .. } => "it is left alone".to_owned(),
                OrphanRule { after, .. } => format!("it is ended in {after}"),
            };
            let text = format!(
                "{} in {} carries our tag and the fleet `{}`, which is not configured: {then}",
                orphan.id, orphan.pool, orphan.fleet
            );
            self.ledger.note(self.now, None, "orphan", text);
            self.ledger.put(Record::Orphan(orphan));
        }
        let living: BTreeSet<&InstanceId> = listed.iter().filter(|i| lives(i)).map(|i| &i.id).collect();
        self.forget_orphans(|controller, orphan| {
            let on_record = || controller.ledger.machines().contains_key(&(lane.clone(), orphan.id.clone()));
            orphan.pool.lane() == lane && !living.contains(&orphan.id) && !on_record()
        });
    }

    /// Forgets orphans that are none any more: their fleet is configured, or nobody looks at their lane.
    pub(super) fn review_orphans(&mut self) {
        self.forget_orphans(|controller, orphan| {
            controller.fleets.contains_key(&orphan.fleet) || !controller.lanes.contains_key(orphan.pool.lane())
        });
    }

    fn forget_orphans(&mut self, over: impl Fn(&Self, &Orphan) -> bool) {
        let over: Vec<Key> = self
            .ledger
            .orphans()
            .iter()
            .filter(|(_, orphan)| over(self, orphan))
            .map(|((lane, id), _)| Key::Orphan(lane.clone(), id.clone()))
            .collect();
        for key in over {
            self.ledger.forget(key);
        }
    }

    /// Ends the orphans whose grace is over, if that is the operator's rule: on record first, as every end.
    ///
    /// Not in a lane that is not seen, and not while it is in doubt after a loss of the store what the fleets have. A
    /// machine that is protected, or whose fleet was paused, stays.
    pub(super) fn end_orphans(&mut self) {
        if self.orphan_rule.action != OrphanAction::End || self.in_doubt() {
            return;
        }
        let due: Vec<Orphan> = self.ledger.orphans().values().filter(|o| self.may_end(o)).cloned().collect();
        for Orphan { id, fleet, pool, .. } in due {
            let now = self.now;
            let key = (pool.lane().clone(), id.clone());
            let leaving = Some(Leaving { why: Cause::Orphaned, since: now, until: now, ordered: true });
            let text = format!("{id} in {pool}: {}", Cause::Orphaned.name());
            self.ledger.note(now, Some(&fleet), "ending", text);
            let machine = match self.ledger.machines().get(&key).cloned() {
                Some(machine) => Machine { leaving, ..machine },
                None => {
                    let seen = self.lanes.get(&key.0).and_then(|eye| eye.seen.get(&id));
                    let machine = Machine {
                        id,
                        price: self.price_in(&pool).unwrap_or_default(),
                        units: crate::units::Capacity::ZERO,
                        born: seen.map_or(now, |i| i.born.min(now)),
                        ready: None,
                        token: seen.and_then(|i| i.token.clone()),
                        adopted: true,
                        fleet,
                        pool,
                        leaving,
                    };
                    self.evidence.insert(key, now);
                    self.open_bill(&machine);
                    machine
                }
            };
            self.ledger.put(Record::Machine(machine));
        }
    }

    fn may_end(&self, orphan: &Orphan) -> bool {
        let key = (orphan.pool.lane().clone(), orphan.id.clone());
        let lives = self.lanes.get(&key.0).and_then(|eye| eye.seen.get(&key.1)).is_some_and(lives);
        lives
            && self.now.since(orphan.since) >= self.orphan_rule.after
            && self.lane_seen(&key.0)
            && !self.fleets.contains_key(&orphan.fleet)
            && !self.is_going(&key)
            && !self.protected(&orphan.fleet, &key)
            && !self.paused(&orphan.fleet)
    }

    /// The end of this machine is ordered.
    fn is_going(&self, key: &(Lane, InstanceId)) -> bool {
        self.ledger.machines().get(key).and_then(|m| m.leaving).is_some_and(|l| l.ordered)
    }

    /// The store was made anew, and some fleet may have machines that are not on record yet.
    fn in_doubt(&self) -> bool {
        let lanes = |mind: &super::Mind| mind.fleet.pools.keys().map(|p| p.lane().clone()).collect::<Vec<_>>();
        self.fleets.iter().any(|(name, mind)| lanes(mind).iter().any(|lane| !self.ledger.proven(name, lane)))
    }

    /// What a machine of this pool costs an hour, by its offer.
    fn price_in(&self, pool: &crate::model::Pool) -> Option<PricePerHour> {
        let offer = self.lanes.get(pool.lane())?.offers.get(pool)?;
        self.rates.convert(offer.price)
    }

    /// The orphans as people see them.
    pub(super) fn orphans_seen(&self) -> Vec<OrphanView> {
        let view = |orphan: &Orphan| {
            let ending = self.is_going(&(orphan.pool.lane().clone(), orphan.id.clone()));
            let ends = self.orphan_rule.action == OrphanAction::End && !ending;
            let ends_at = ends.then(|| orphan.since.plus(self.orphan_rule.after));
            OrphanView { orphan: orphan.clone(), price: self.price_in(&orphan.pool), ending, ends_at }
        };
        self.ledger.orphans().values().map(view).collect()
    }
}

fn lives(instance: &Instance) -> bool {
    matches!(instance.phase, Phase::Starting | Phase::Running)
}
