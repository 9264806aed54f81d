//! Decisions that are kept on record, so that `explain` tells why also after a restart.
//!
//! A decision is kept in **parts**: a head, each step, each wait, each limit of a budget; so each record is small, however
//! many steps a decision has. It is put in the same batch as what it leads to, so a promise is never on record without its
//! reasons. It has a number, which rises by one; moments would not do, since a clock can be set back.
//!
//! Kept are: for each fleet the newest decision; decisions that did something or changed the target, up to
//! [`DECISION_PARTS`] of parts in all; and of older ones the steps that launched a machine or promise on record, or told
//! a machine on record to go. A decision that does nothing, and says the same as the one before, is not written again.
//!
//! Beside them stand the last [`ENDED`] machines that are gone, with what was known of them.

use core::mem::discriminant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::budget::Left;
use crate::model::{FleetName, InstanceId, Lane, Token};
use crate::plan::{Action, Kind, Memory, Plan};
use crate::report::{Refused, Report, Sizing, Step, Wait};
use crate::units::{Capacity, Currency, PricePerHour, Span, Time};

use super::Controller;
use super::ledger::{Key, Machine, Record};

/// Parts of decisions that are kept besides those that something on record refers to: some 1,000 decisions of a few steps,
/// and about 2 MB on disk.
pub const DECISION_PARTS: usize = 4_000;

/// Machines kept that are gone: some days of a busy fleet, and under 0.5 MB on disk.
pub const ENDED: usize = 1_000;

/// A decision without a deed, of which only amounts and moments differ from the one before, is written anew this often.
const AGAIN_AFTER: Span = Span::from_mins(1);

/// One part of a decision that is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionPart {
    /// The decision's number.
    pub decision: u64,
    /// The part's, from 0.
    pub number: u32,
    /// The part.
    pub part: Part,
}

/// What a part is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// What the decision is; always the part with number 0.
    Head(Box<Head>),
    /// One step.
    Step(Box<KeptStep>),
    /// Something it waits for.
    Wait(Wait),
    /// A limit of a budget, before the plan.
    Budget(Left),
}

/// What a decision is, without its steps, waits and budgets: see [`Plan`] and [`Report`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whose.
    pub fleet: FleetName,
    /// Its moment.
    pub at: Time,
    /// The kind of decision.
    pub kind: Kind,
    /// What all its money is in.
    pub currency: Currency,
    /// The capacity wanted.
    pub target: Capacity,
    /// How the target came about.
    pub sizing: Sizing,
    /// Capacity that counted towards the target before.
    pub held: Capacity,
    /// Of that, on-demand.
    pub held_on_demand: Capacity,
    /// Hourly price before.
    pub price_before: PricePerHour,
    /// Hourly price after.
    pub price_after: PricePerHour,
    /// When it was to be decided again.
    pub wake_at: Option<Time>,
    /// Steps it had; not all need be kept.
    pub steps: u32,
}

impl Head {
    /// It did nothing, and left the target as it was.
    fn rests(&self) -> bool {
        self.steps == 0 && self.sizing.previous == Some(self.target)
    }
}

/// One step that was taken, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptStep {
    /// What was done.
    pub action: Action,
    /// In one sentence.
    pub reason: String,
    /// Hourly price it added.
    pub adds: PricePerHour,
    /// Hourly price it saved.
    pub saves: PricePerHour,
    /// The best alternatives that were refused.
    pub refused: Vec<Refused>,
    /// The token of the promise it led to; a launch has one.
    pub token: Option<Token>,
}

impl KeptStep {
    /// It told this machine to go, or ended it.
    fn is_about(&self, lane: &Lane, id: &InstanceId) -> bool {
        match &self.action {
            Action::Launch { .. } => false,
            Action::Drain { instance, pool, .. } | Action::End { instance, pool, .. } => {
                instance == id && pool.lane() == lane
            }
        }
    }
}

/// A decision as it is told again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Its number.
    pub number: u64,
    /// The plan, with the steps that are kept or asked for. Its memory is not kept.
    pub plan: Plan,
    /// The reasons.
    pub report: Report,
    /// Steps it had in all.
    pub steps: u32,
}

/// The parts of one decision.
type Parts = BTreeMap<u32, Part>;

/// The decisions that are kept. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decisions(Arc<BTreeMap<u64, Arc<Parts>>>);

impl Decisions {
    pub(super) fn put(&mut self, part: DecisionPart) {
        let parts = Arc::make_mut(&mut self.0).entry(part.decision).or_default();
        Arc::make_mut(parts).insert(part.number, part.part);
    }

    pub(super) fn forget(&mut self, decision: u64, number: u32) {
        let all = Arc::make_mut(&mut self.0);
        if let Some(parts) = all.get_mut(&decision) {
            Arc::make_mut(parts).remove(&number);
            if parts.is_empty() {
                all.remove(&decision);
            }
        }
    }

    /// Every part, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = DecisionPart> {
        self.0.iter().flat_map(|(decision, parts)| {
            parts.iter().map(|(number, part)| DecisionPart { decision: *decision, number: *number, part: part.clone() })
        })
    }

    fn next_number(&self) -> u64 {
        self.0.last_key_value().map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// Heads with the decisions' numbers, newest first.
    fn heads(&self) -> impl Iterator<Item = (u64, &Head)> {
        self.0.iter().rev().filter_map(|(number, parts)| Some((*number, head(parts)?)))
    }

    /// Steps with the decisions' numbers, newest first.
    fn steps(&self) -> impl Iterator<Item = (u64, &KeptStep)> {
        self.0.iter().rev().flat_map(|(number, parts)| steps(parts).map(|(_, step)| (*number, step)))
    }

    /// The decision with this number, whole as far as it is kept.
    #[must_use]
    pub fn with_number(&self, number: u64) -> Option<Told> {
        self.told(number, |_| true)
    }

    /// The newest decision of a fleet.
    #[must_use]
    pub fn newest(&self, fleet: &FleetName) -> Option<Told> {
        let (number, _) = self.heads().find(|(_, head)| head.fleet == *fleet)?;
        self.with_number(number)
    }

    /// The newest decision of a fleet that did something.
    #[must_use]
    pub fn newest_deed(&self, fleet: &FleetName) -> Option<Told> {
        let (number, _) = self.heads().find(|(_, head)| head.fleet == *fleet && head.steps > 0)?;
        self.with_number(number)
    }

    /// The number of the decision that made this promise.
    #[must_use]
    pub fn number_of(&self, token: &Token) -> Option<u64> {
        self.steps().find(|(_, step)| step.token.as_ref() == Some(token)).map(|(number, _)| number)
    }

    /// The decision that made this promise, with that step alone.
    #[must_use]
    pub fn of_promise(&self, token: &Token) -> Option<Told> {
        self.told(self.number_of(token)?, |step| step.token.as_ref() == Some(token))
    }

    /// The number of the newest decision that told this machine to go.
    #[must_use]
    pub fn number_about(&self, lane: &Lane, id: &InstanceId) -> Option<u64> {
        self.steps().find(|(_, step)| step.is_about(lane, id)).map(|(number, _)| number)
    }

    /// The decisions that told this machine to go or ended it, with those steps alone, oldest first.
    #[must_use]
    pub fn about(&self, lane: &Lane, id: &InstanceId) -> Vec<Told> {
        let mut numbers: Vec<u64> =
            self.steps().filter(|(_, step)| step.is_about(lane, id)).map(|(number, _)| number).collect();
        numbers.dedup();
        numbers.into_iter().rev().filter_map(|number| self.told(number, |step| step.is_about(lane, id))).collect()
    }

    /// What the money of the newest decision is in.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.heads().next().map(|(_, head)| head.currency)
    }

    /// Fleets with a decision.
    #[must_use]
    pub fn fleets(&self) -> BTreeSet<&FleetName> {
        self.heads().map(|(_, head)| &head.fleet).collect()
    }

    /// The decision with this number and these of its steps.
    fn told(&self, number: u64, wanted: impl Fn(&KeptStep) -> bool) -> Option<Told> {
        let parts = self.0.get(&number)?;
        let Head {
            fleet,
            at,
            kind,
            currency,
            target,
            sizing,
            held,
            held_on_demand,
            price_before,
            price_after,
            wake_at,
            steps: had,
        } = head(parts)?.clone();
        let (mut actions, mut told) = (Vec::new(), Vec::new());
        for (_, step) in steps(parts).filter(|(_, step)| wanted(step)) {
            let KeptStep { action, reason, adds, saves, refused, token: _ } = step.clone();
            told.push(Step { action: actions.len(), reason, adds, saves, refused });
            actions.push(action);
        }
        let waits =
            parts.values().filter_map(|part| if let Part::Wait(wait) = part { Some(wait.clone()) } else { None });
        let budgets = parts.values().filter_map(|part| if let Part::Budget(left) = part { Some(*left) } else { None });
        let report = Report {
            fleet: fleet.clone(),
            at,
            currency,
            sizing,
            held,
            held_on_demand,
            steps: told,
            waits: waits.collect(),
            budgets: budgets.collect(),
        };
        let plan =
            Plan { fleet, at, kind, actions, target, memory: Memory::default(), price_before, price_after, wake_at };
        Some(Told { number, plan, report, steps: had })
    }
}

fn head(parts: &Parts) -> Option<&Head> {
    match parts.get(&0)? {
        Part::Head(head) => Some(head),
        Part::Step(_) | Part::Wait(_) | Part::Budget(_) => None,
    }
}

fn steps(parts: &Parts) -> impl Iterator<Item = (u32, &KeptStep)> {
    parts.iter().filter_map(|(number, part)| match part {
        Part::Step(step) => Some((*number, &**step)),
        Part::Head(_) | Part::Wait(_) | Part::Budget(_) => None,
    })
}

/// The machines that are gone and kept, by the numbers of their records. Cheap to clone.
pub type EndedMachines = Arc<BTreeMap<u64, Arc<Ended>>>;

/// A machine that is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Rises by one; the last [`ENDED`] are kept.
    pub number: u64,
    /// When it was known to be gone.
    pub at: Time,
    /// What was on record of it.
    pub machine: Machine,
}

impl Controller {
    /// The number under which this decision is to be kept; `None`: it says what the newest on record says.
    pub(super) fn number_to_keep(&self, plan: &Plan, report: &Report) -> Option<u64> {
        let decisions = self.ledger.decisions();
        let rests = plan.actions.is_empty() && report.sizing.previous == Some(plan.target);
        if let Some(last) = decisions.newest(&plan.fleet).filter(|_| rests) {
            let same = last.plan.kind == plan.kind && gist(&last.report) == gist(report);
            if same
                && (self.now.since(last.plan.at) < AGAIN_AFTER
                    || amounts(&last.plan, &last.report) == amounts(plan, report))
            {
                return None;
            }
        }
        Some(decisions.next_number())
    }

    /// Puts a decision on record under this number, with the token of each promise by the number of its action.
    pub(super) fn keep(&mut self, number: u64, plan: &Plan, report: &Report, tokens: &BTreeMap<usize, Token>) {
        let former: Option<(u64, bool)> = self
            .ledger
            .decisions()
            .heads()
            .find(|(_, head)| head.fleet == plan.fleet)
            .map(|(number, head)| (number, head.rests()));
        if let Some((former, true)) = former {
            self.forget_parts(former, |_| true);
        }
        let deeds = u32::try_from(plan.actions.len()).unwrap_or(u32::MAX);
        let Plan { fleet, at, kind, actions, target, memory: _, price_before, price_after, wake_at } = plan;
        let Report { fleet: _, at: _, currency, sizing, held, held_on_demand, steps, waits, budgets } = report;
        let head = Part::Head(Box::new(Head {
            fleet: fleet.clone(),
            at: *at,
            kind: *kind,
            currency: *currency,
            target: *target,
            sizing: sizing.clone(),
            held: *held,
            held_on_demand: *held_on_demand,
            price_before: *price_before,
            price_after: *price_after,
            wake_at: *wake_at,
            steps: deeds,
        }));
        let steps = steps.iter().filter_map(|step| {
            let Step { action, reason, adds, saves, refused } = step.clone();
            let token = tokens.get(&action).cloned();
            let action = actions.get(action)?.clone();
            Some(Part::Step(Box::new(KeptStep { action, reason, adds, saves, refused, token })))
        });
        let parts = core::iter::once(head)
            .chain(steps)
            .chain(waits.iter().cloned().map(Part::Wait))
            .chain(budgets.iter().copied().map(Part::Budget));
        for (n, part) in (0..).zip(parts) {
            self.ledger.put(Record::Decision(DecisionPart { decision: number, number: n, part }));
        }
        if deeds > 0 {
            self.forget_old_decisions();
        }
    }

    /// Forgets what is over [`DECISION_PARTS`], oldest first. The newest decision of each fleet stays whole, and so does
    /// each step that a machine or a promise on record came from, with its head.
    fn forget_old_decisions(&mut self) {
        let decisions = self.ledger.decisions().clone();
        if decisions.0.values().map(|parts| parts.len()).sum::<usize>() <= DECISION_PARTS {
            return;
        }
        let machines = self.ledger.machines();
        let tokens: BTreeSet<&Token> =
            machines.values().filter_map(|m| m.token.as_ref()).chain(self.ledger.intents().keys()).collect();
        let referred = |step: &KeptStep| match &step.action {
            Action::Launch { .. } => step.token.as_ref().is_some_and(|token| tokens.contains(token)),
            Action::Drain { instance, pool, .. } | Action::End { instance, pool, .. } => {
                machines.contains_key(&(pool.lane().clone(), instance.clone()))
            }
        };
        let mut seen = BTreeSet::new();
        let mut room = DECISION_PARTS;
        let mut over: Vec<(u64, BTreeSet<u32>)> = Vec::new();
        for (number, parts) in decisions.0.iter().rev() {
            let newest = head(parts).is_some_and(|h| self.fleets.contains_key(&h.fleet) && seen.insert(&h.fleet));
            if newest {
                continue;
            }
            let mut stay: BTreeSet<u32> = steps(parts).filter(|(_, step)| referred(step)).map(|(n, _)| n).collect();
            if !stay.is_empty() {
                stay.insert(0);
            }
            let free = parts.len() - stay.len();
            if free <= room {
                room -= free;
            } else {
                room = 0;
                over.push((*number, stay));
            }
        }
        for (number, stay) in over {
            self.forget_parts(number, |part| !stay.contains(&part));
        }
    }

    fn forget_parts(&mut self, decision: u64, which: impl Fn(u32) -> bool) {
        let numbers: Vec<u32> =
            self.ledger.decisions().0.get(&decision).into_iter().flat_map(|parts| parts.keys().copied()).collect();
        for number in numbers.into_iter().filter(|n| which(*n)) {
            self.ledger.forget(Key::Decision(decision, number));
        }
    }

    /// Keeps what is known of a machine that is gone.
    pub(super) fn keep_ended(&mut self, machine: &Machine) {
        let number = self.ledger.ended().last_key_value().map_or(1, |(n, _)| n.saturating_add(1));
        self.ledger.put(Record::Ended(Ended { number, at: self.now, machine: machine.clone() }));
        while self.ledger.ended().len() > ENDED
            && let Some((oldest, _)) = self.ledger.ended().first_key_value()
        {
            let oldest = *oldest;
            self.ledger.forget(Key::Ended(oldest));
        }
    }
}

/// What a decision without deeds says, but for amounts and moments that change all the time.
fn gist(report: &Report) -> impl PartialEq + use<> {
    let Sizing { need: _, basis, others: _, forecast: _, limits, target, previous: _ } = &report.sizing;
    let limits: Vec<_> = limits.iter().map(discriminant).collect();
    let waits: Vec<_> = report.waits.iter().map(discriminant).collect();
    let budgets: Vec<_> = report
        .budgets
        .iter()
        .map(|left| (left.whose, left.period, left.limit, left.used_up(), left.alerts()))
        .collect();
    (discriminant(basis), limits, *target, report.held, report.held_on_demand, waits, budgets)
}

/// The whole of a decision without deeds, but for its moment.
fn amounts<'a>(plan: &'a Plan, report: &'a Report) -> impl PartialEq + use<'a> {
    let Plan { fleet: _, at: _, kind: _, actions: _, target: _, memory: _, price_before, price_after, wake_at } = plan;
    let Report { fleet: _, at: _, currency, sizing, held: _, held_on_demand: _, steps: _, waits, budgets } = report;
    (*price_before, *price_after, *wake_at, *currency, sizing, waits, budgets)
}
