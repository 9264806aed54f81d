//! Machines of the simulated cloud: birth, notice, end, and what a listing shows of them.

use policies::model::{FleetName, Instance, InstanceId, Lane, Notice, NoticeKind, Phase, Pool, Token};
use policies::units::{Span, Time};

use super::{Due, SimCloud};

/// When a machine runs that never does.
const NEVER: Time = Time::from_millis(i64::MAX);

/// Who made a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Owner {
    /// It carries our owner tag.
    Us,
    /// It carries the owner tag of somebody else.
    Other,
    /// It carries no owner tag.
    Nobody,
}

/// How a machine came to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Ended {
    /// A caller asked for it.
    Asked,
    /// The provider took it.
    Taken,
    /// It died before it ran.
    Stillborn,
}

/// A machine: the truth, whether or not a listing shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimMachine {
    /// Its id.
    pub id: InstanceId,
    /// Where it was bought.
    pub pool: Pool,
    /// Who made it.
    pub owner: Owner,
    /// Its fleet tag.
    pub fleet: FleetName,
    /// Its intent tag.
    pub token: Option<Token>,
    /// Somebody put the tag on it that protects it.
    pub protected: bool,
    /// When it was launched.
    pub born: Time,
    /// When it runs.
    pub runs_at: Time,
    /// When the provider said that it would take it; also set when the notice was lost.
    pub noticed_at: Option<Time>,
    /// When the provider takes it.
    pub taken_at: Option<Time>,
    /// When it ended and why.
    pub ended: Option<(Time, Ended)>,
    /// When its end is over.
    pub gone_at: Option<Time>,
    /// A listing may leave it out before this.
    pub(super) visible_at: Time,
    /// Billing has come to this moment.
    pub(super) billed_to: Time,
}

impl SimMachine {
    /// Exists and is neither ending nor gone.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.ended.is_none()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self, now: Time) -> Phase {
        match (self.ended, self.gone_at) {
            (None, _) if now < self.runs_at => Phase::Starting,
            (None, _) => Phase::Running,
            (Some(_), Some(gone)) if now >= gone => Phase::Gone,
            (Some(_), _) => Phase::Ending,
        }
    }

    /// As our listing shows it.
    fn listed(&self, now: Time) -> Instance {
        Instance {
            id: self.id.clone(),
            pool: self.pool.clone(),
            fleet: self.fleet.clone(),
            token: self.token.clone(),
            born: self.born,
            phase: self.phase(now),
            protected: self.protected,
        }
    }
}

impl SimCloud {
    /// Makes a machine behind the caller's back: somebody else's, or one with our tags that no launch of ours made.
    /// Room and quota do not matter.
    pub fn plant(&mut self, pool: &Pool, owner: Owner, fleet: &FleetName, token: Option<Token>) -> InstanceId {
        self.bear(pool, owner, fleet, token)
    }

    /// Somebody puts the tag on a machine that protects it, or takes it off.
    pub fn tag_protected(&mut self, id: &InstanceId, protected: bool) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.protected = protected;
        }
    }

    /// Makes a machine and returns its id.
    pub(super) fn bear(&mut self, pool: &Pool, owner: Owner, fleet: &FleetName, token: Option<Token>) -> InstanceId {
        let id = InstanceId::from(format!("{}-{:06}", self.name, self.next_machine));
        self.next_machine += 1;
        let now = self.now;
        let (least, most) = self.start_delay;
        let spread = most.as_millis().saturating_sub(least.as_millis());
        let delay = least.plus(Span::from_millis(self.life_draws.below(spread + 1)));
        let lag = Span::from_millis(self.life_draws.below(self.capabilities.visibility_lag.as_millis() + 1));
        let stillborn = self.life_draws.chance(self.faults.stillborn);
        // No draw without the fault, so that other machines do not change with it.
        let dud = self.faults.dud > 0 && self.life_draws.chance(self.faults.dud);
        let machine = SimMachine {
            id: id.clone(),
            pool: pool.clone(),
            owner,
            fleet: fleet.clone(),
            token,
            protected: false,
            born: now,
            runs_at: if dud { NEVER } else { now.plus(delay) },
            noticed_at: None,
            taken_at: None,
            ended: None,
            gone_at: None,
            visible_at: now.plus(lag),
            billed_to: now,
        };
        if stillborn {
            let when = now.plus(Span::from_millis(self.life_draws.below(delay.as_millis() + 1)));
            self.schedule(when, Due::Take(id.clone()));
        }
        self.machines.insert(id.clone(), machine);
        if let Some(state) = self.pools.get_mut(pool) {
            state.alive += 1;
        }
        id
    }

    /// The provider wants a machine back: notice now, taken after the notice lead. Nothing happens to a machine that
    /// is not alive or was noticed before.
    pub fn interrupt(&mut self, id: &InstanceId) {
        let lead = self.capabilities.notice_lead;
        let lost = self.fault_draws.chance(self.faults.notice_lost);
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id).filter(|m| m.is_alive() && m.noticed_at.is_none()) else {
            return;
        };
        let taken = now.plus(lead);
        machine.noticed_at = Some(now);
        machine.taken_at = Some(taken);
        self.schedule(taken, Due::Take(id.clone()));
        if !lost && lead > Span::ZERO {
            self.push_notice(Notice { instance: id.clone(), kind: NoticeKind::Interruption, at: taken });
        }
    }

    /// The provider takes a machine, or it dies at its start.
    pub(super) fn take_machine(&mut self, id: &InstanceId) {
        let now = self.now;
        let how = match self.machines.get(id) {
            Some(m) if m.taken_at.is_none() => Ended::Stillborn,
            _ => Ended::Taken,
        };
        self.end_machine(id, now, how);
    }

    /// Ends a machine; nothing happens to one that is not alive.
    pub(super) fn end_machine(&mut self, id: &InstanceId, at: Time, how: Ended) {
        self.charge(id, at);
        let gone = at.plus(self.end_delay);
        let Some(machine) = self.machines.get_mut(id).filter(|m| m.is_alive()) else { return };
        machine.ended = Some((at, how));
        machine.gone_at = Some(gone);
        let pool = machine.pool.clone();
        self.close_bill(id, how);
        if let Some(state) = self.pools.get_mut(&pool) {
            state.alive = state.alive.saturating_sub(1);
        }
    }

    /// What a listing of our machines in this lane shows now. Within the visibility lag after its birth a machine is
    /// left out of every listing up to a drawn moment, and of every second one after it.
    pub(super) fn list(&mut self, lane: &Lane) -> Vec<Instance> {
        let now = self.now;
        let listed_for = self.gone_listed;
        self.machines.retain(|_, m| m.gone_at.is_none_or(|gone| now < gone.plus(listed_for)));
        let lag = self.capabilities.visibility_lag;
        let mut shown = Vec::new();
        for machine in self.machines.values() {
            if machine.owner != Owner::Us || machine.pool.lane() != lane {
                continue;
            }
            let young = now < machine.born.plus(lag);
            if young && (now < machine.visible_at || self.life_draws.chance(5_000)) {
                continue;
            }
            shown.push(machine.listed(now));
        }
        shown
    }
}
