//! One round for one fleet: assemble the input, decide, check, promise, act.

use std::collections::BTreeMap;

use crate::check::check;
use crate::demand::Readings;
use crate::model::{FleetName, InstanceId, Lane, Offer, Phase, Token};
use crate::plan::{Action, Holding, HoldingId, Input, LaneState, Observation, Plan, Standing, Work, decide};

use crate::report::Report;
use crate::units::Span;

use super::ledger::{Intent, Leaving, Machine, Record};
use super::spend::Common;
use super::{Call, Controller, Launch};

impl Controller {
    /// Decides for every fleet whose time has come and whose world has been looked at.
    pub(super) fn decide_due(&mut self) {
        if self.stopping {
            return;
        }
        let due: Vec<FleetName> = self
            .fleets
            .values()
            .filter(|m| m.decide_at <= self.now && self.looked(&m.fleet.name))
            .map(|m| m.fleet.name.clone())
            .collect();
        let common = if due.is_empty() { None } else { self.common() };
        for fleet in due {
            self.round(&fleet, common.as_ref());
        }
    }

    /// Every lane of the fleet was looked at since boot, well or badly, and so was each of its demand sources; the size of every machine
    /// is known; and in a store that was made anew every lane is proven for it. Until then nothing is decided: a decision on
    /// half a view could only be wrong.
    pub(super) fn looked(&self, fleet: &FleetName) -> bool {
        let Some(mind) = self.fleets.get(fleet) else { return false };
        let lanes = mind.fleet.pools.keys().map(crate::model::Pool::lane);
        let asked = |source| mind.demand.of(source).is_some_and(Readings::asked);
        mind.fleet.demand.sources.keys().all(asked)
            && lanes
                .filter_map(|l| Some((l, self.lanes.get(l)?)))
                .all(|(l, eye)| eye.looked() && self.ledger.proven(fleet, l))
            && self.sizes_known(fleet)
    }

    fn round(&mut self, name: &FleetName, common: Option<&Common>) {
        let now = self.now;
        let Some(mind) = self.fleets.get(name) else { return };
        let holdings = self.holdings(name);
        let offers: Vec<Offer> = self.lanes.values().flat_map(|eye| eye.offers.values().cloned()).collect();
        let closures: Vec<_> = self.ledger.closures().values().cloned().collect();
        let lanes: BTreeMap<Lane, LaneState> = self
            .lanes
            .iter()
            .map(|(lane, eye)| {
                let batch = self.providers.get(&lane.provider).map_or(1, |c| c.launch_batch);
                (lane.clone(), LaneState { seen: self.lane_seen(lane), launch_batch: batch, priced_at: eye.priced_at })
            })
            .collect();
        let memory = self.ledger.memory(name);
        let fleet = self.effective(&mind.fleet);
        let purses = self.purses(&fleet, common);
        let input = Input {
            now,
            fleet: &fleet,
            paused: self.paused(name),
            memory: &memory,
            demand: &mind.demand,
            history: &mind.history,
            holdings: &holdings,
            offers: &offers,
            closures: &closures,
            lanes: &lanes,
            rates: &self.rates,
            purses: &purses,
            lead: self.lead(&fleet),
        };
        let observed = self.observing.then(|| Box::new(Observation::from(&input)));
        let (plan, report) = decide(&input);
        let violations = check(&input, &plan);
        // A wish to wake in the past is no reason to spin.
        let next = plan.wake_at.filter(|at| *at > now).map_or(self.next_tick, |at| at.min(self.next_tick));
        let said =
            (!violations.is_empty()).then(|| violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        if let Some(said) = &said {
            // Not carried out, and not remembered: the next round starts from the same place.
            if mind.violation.as_ref() != Some(said) {
                self.ledger.note(now, Some(name), "violation", format!("plan refused by the checker: {said}"));
            }
        } else {
            self.carry_out(&plan, &report, &memory);
        }
        self.say_budgets(name, &report);
        self.judge_forecast(name);
        if let Some(mind) = self.fleets.get_mut(name) {
            mind.decide_at = next.max(now.plus(Span::from_millis(1)));
            mind.violation = said;
            if !plan.actions.is_empty() {
                mind.last_step = Some((plan.clone(), report.clone()));
            }
            mind.observed = observed;
            mind.last = Some((plan, report));
        }
    }

    /// Says once that a limit is near or used up, and again when that was over meanwhile.
    fn say_budgets(&mut self, name: &FleetName, report: &Report) {
        let Some(mind) = self.fleets.get_mut(name) else { return };
        let mut sentences = Vec::new();
        for left in &report.budgets {
            let level = u8::from(left.alerts()) + u8::from(left.used_up());
            let before = mind.said.insert((left.whose, left.period), level).unwrap_or(0);
            if level > before {
                let whose = left.whose.possessive();
                let how = if level == 2 { "used up" } else { "near its end" };
                let (period, spent, limit) = (left.period.with_article(), left.spent, left.limit);
                sentences.push(format!("{whose} budget of {period} is {how}: {spent} of {limit}"));
            }
        }
        for sentence in sentences {
            self.ledger.note(self.now, Some(name), "alarm", sentence);
        }
    }

    /// Every machine on record and every promise of a fleet.
    pub(super) fn holdings(&self, fleet: &FleetName) -> Vec<Holding> {
        let mut holdings: Vec<Holding> = Vec::new();
        let mut made: BTreeMap<&Token, u32> = BTreeMap::new();
        for (key, machine) in self.ledger.machines() {
            if let Some(token) = &machine.token {
                *made.entry(token).or_default() += 1;
            }
            if machine.fleet == *fleet {
                holdings.push(self.holding(key, machine));
            }
        }
        for intent in self.ledger.intents().values().filter(|i| i.fleet == *fleet) {
            let left = intent.count.saturating_sub(made.get(&intent.token).copied().unwrap_or(0));
            if left > 0 {
                holdings.push(Holding {
                    id: HoldingId::Promise(intent.token.clone()),
                    pool: intent.pool.clone(),
                    units: intent.units,
                    count: left,
                    standing: Standing::Promised,
                    born: intent.at,
                    notice: None,
                    protected: false,
                    work: Work::Unknown,
                    ran: false,
                    paid: intent.price,
                });
            }
        }
        holdings
    }

    fn holding(&self, key: &(Lane, InstanceId), machine: &Machine) -> Holding {
        let phase = self.lanes.get(&key.0).and_then(|eye| eye.seen.get(&key.1)).map(|i| i.phase);
        let standing = match (machine.leaving, phase) {
            (Some(Leaving { ordered: true, .. }), _) | (_, Some(Phase::Ending | Phase::Gone)) => Standing::Ending,
            (Some(leaving), _) => Standing::Draining { until: leaving.until },
            (None, Some(Phase::Running)) => Standing::Running,
            (None, Some(Phase::Starting) | None) => Standing::Starting,
        };
        Holding {
            id: HoldingId::Machine(machine.id.clone()),
            pool: machine.pool.clone(),
            units: machine.units,
            count: 1,
            standing,
            born: machine.born,
            notice: self.notices.get(&(key.0.provider.clone(), key.1.clone())).copied(),
            protected: self.protected(&machine.fleet, key),
            work: self.work_of(key, machine),
            ran: machine.ready.is_some(),
            paid: machine.price,
        }
    }

    /// Promises and does what the plan says, in its order.
    fn carry_out(&mut self, plan: &Plan, report: &Report, before: &crate::plan::Memory) {
        let now = self.now;
        let number = self.number_to_keep(plan, report);
        let mut tokens = BTreeMap::new();
        if plan.memory != *before {
            if plan.memory.target != before.target {
                let from = before.target.map_or_else(|| "none".to_owned(), |t| t.to_string());
                let text = format!("from {from} to {}", plan.target);
                self.ledger.note_of(number, now, Some(&plan.fleet), "target", text);
            }
            if plan.memory.on_trial && !before.on_trial {
                let text = "halted: too many launches of the last hour never ran".to_owned();
                self.ledger.note_of(number, now, Some(&plan.fleet), "alarm", text);
            }
            self.ledger.put(Record::Memory(plan.fleet.clone(), plan.memory.clone()));
        }
        for (n, action) in plan.actions.iter().enumerate() {
            match action {
                Action::Launch { pool, spec, count, units, price, why: _ } => {
                    self.tokens += 1;
                    let token: Token = format!("sf-{:016x}-{}", self.boot.seed, self.tokens).into();
                    tokens.insert(n, token.clone());
                    let intent = Intent {
                        token,
                        fleet: plan.fleet.clone(),
                        pool: pool.clone(),
                        spec: spec.clone(),
                        count: *count,
                        units: *units,
                        price: *price,
                        at: now,
                    };
                    self.ledger.put(Record::Intent(intent.clone()));
                    self.call_when_durable(Call::Launch(Launch {
                        token: intent.token,
                        fleet: intent.fleet,
                        pool: intent.pool,
                        spec: intent.spec,
                        count: intent.count,
                    }));
                }
                Action::Drain { instance, pool, until, why } => {
                    let leaving = Leaving { why: *why, since: now, until: *until, ordered: false };
                    self.leave(instance, pool.lane(), leaving, "draining", number);
                }
                Action::End { instance, pool, why } => {
                    let key = (pool.lane().clone(), instance.clone());
                    let told = self.ledger.machines().get(&key).and_then(|m| m.leaving);
                    let leaving = told.unwrap_or(Leaving { why: *why, since: now, until: now, ordered: true });
                    self.leave(instance, pool.lane(), Leaving { ordered: true, ..leaving }, "ending", number);
                }
            }
        }
        if let Some(number) = number {
            self.keep(number, plan, report, &tokens);
        }
        self.repeat_ends();
    }

    fn leave(
        &mut self,
        instance: &InstanceId,
        lane: &Lane,
        leaving: Leaving,
        what: &'static str,
        decision: Option<u64>,
    ) {
        let key = (lane.clone(), instance.clone());
        let Some(machine) = self.ledger.machines().get(&key).cloned() else { return };
        let text = format!("{} in {}: {}", machine.id, machine.pool, leaving.why.name());
        self.ledger.note_of(decision, self.now, Some(&machine.fleet), what, text);
        self.ledger.put(Record::Machine(Machine { leaving: Some(leaving), ..machine }));
    }
}
