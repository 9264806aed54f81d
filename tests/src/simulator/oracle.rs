//! The checkers: what must hold after every event, judged by the truth of the clouds and the journal.
//!
//! The oracle sees what crosses the controller's boundary (batches, calls, replies) and what the clouds really hold.
//! It shares no code with the planner, the checker of plans or the controller, and states the rules in its own terms.

use std::collections::{BTreeMap, BTreeSet};

use policies::budget::Budget;
use policies::control::ledger::{Intent, Machine};
use policies::control::{Call, Entry, Key, OrderId, OrphanRule, Record, Reply};
use policies::cost::Rates;
use policies::failure::FailureKind;
use policies::model::{Fleet, FleetName, InstanceId, Lane, Offer, Pool, Token};
use policies::plan::Work;
use policies::units::{Capacity, Span, Time};
use providers::sim::{Owner, SimCloud, SimMachine};

use super::Broken;
use super::journal::Journal;
use super::schedules::Windows;

mod ends;
mod limits;
mod money;
mod moves;
mod orders;
mod orphans;
mod promises;
mod records;
mod workers;

use orders::Standing;

/// What the checkers may look at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// True time.
    pub(super) at: Time,
    /// What the controller's clock shows.
    pub(super) clock: Time,
    pub(super) tick: Span,
    pub(super) clouds: &'a [SimCloud],
    pub(super) journal: &'a Journal,
    /// The configuration in force.
    pub(super) fleets: &'a [Fleet],
    /// What their schedules come to.
    pub(super) windows: &'a Windows,
    pub(super) rates: &'a Rates,
    /// The budget of all fleets.
    pub(super) budget: Option<Budget>,
    /// What is done about machines of fleets that are not configured.
    pub(super) orphans: OrphanRule,
}

/// The rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rule {
    /// A call to launch left before its intent was durable, or does not say what the intent says.
    PromiseBeforeDeed,
    /// A token was made twice, or came again after it was settled.
    IntentLife,
    /// An intent was forgotten though a machine of it lives off the record or may still be made.
    Forgotten,
    /// A launch was sent again where that makes more machines, or while it was out.
    SentAgain,
    /// A living machine of ours is neither on durable record nor covered by a durable intent.
    Unrecorded,
    /// A machine was put on record that is not ours or is not as it was made.
    FalseRecord,
    /// More machines than the maximum allows.
    OverMax,
    /// A launch was promised in a lane that is not seen, or into a pool that is not wanted.
    LaunchUnseen,
    /// Spot was promised above a price cap, or at another price than offered.
    OverCap,
    /// A paused fleet did something, or a protected machine was let go.
    AgainstOrders,
    /// An order was said to be done before it was durable.
    AnsweredEarly,
    /// More machines were launched within an hour than the fleet allows.
    OverLaunches,
    /// Spot was promised by a price that was read too long ago.
    OldPrice,
    /// A fleet whose launches do not run launched more.
    LaunchedHalted,
    /// More machines moved to cheaper pools within an hour than the fleet allows.
    Restless,
    /// More was promised than the floor needs, and a budget was used up.
    OverBudget,
    /// Less is on record as spent than the clouds bill.
    SpendMissed,
    /// The target was raised within the cooldown or by more than a step, or is out of bounds.
    TooFast,
    /// A machine that is not ours was ended.
    Foreign,
    /// A machine of a fleet that is not configured was ended without the operator's rule, before its grace was over, or while
    /// it was in doubt what the fleets have.
    OrphanEnded,
    /// A machine was ended or told to go without a true cause.
    NoCause,
    /// A machine was ended in a lane that is not seen.
    EndedUnseen,
    /// A machine was ended before its time to drain was over.
    Undrained,
    /// A machine was told to go, and an idle one of the same pool stayed; or a worker was told wrongly whether it goes.
    BusyFirst,
    /// A drain hook was called for a machine that was not told to go on durable record, or twice by one start.
    FalseHook,
    /// A call to end left before it was on durable record.
    EndBeforeRecord,
    /// A call left after the process was asked to stop.
    CallAfterStop,
    /// The cloud was misused.
    Misuse,
    /// The checker of plans refused a plan.
    PlanRefused,
    /// The journal and the live state differ.
    Replay,
    /// The same seed gave another run.
    NotDeterministic,
    /// After the faults stopped, the run did not come to rest at the target.
    NotHealed,
    /// The code panicked.
    Panic,
}

/// What is known of a token over the whole run.
#[derive(Clone, Debug)]
struct TokenLife {
    /// Its outcome is on record.
    settled: bool,
    calls: u32,
    first_call: Option<Time>,
    /// A call is out, in this start.
    out: bool,
    /// An earlier call may have made machines.
    doubtful: bool,
}

/// A machine that was told to go.
#[derive(Clone, Copy, Debug)]
struct Drain {
    /// When, by the controller's clock.
    since: Time,
    /// When, truly.
    since_truly: Time,
    /// The fleet's time to drain when it was told.
    needs: Span,
    /// Its end was ordered, after that time.
    over: bool,
}

/// A raise of a fleet's target.
#[derive(Clone, Debug)]
struct Raise {
    /// The batch that it is in.
    seq: u64,
    fleet: FleetName,
    /// When, by the controller's clock.
    at: Time,
    /// When, truly.
    at_truly: Time,
}

/// What became of a machine that we launched.
#[derive(Clone, Debug)]
struct Outcome {
    /// The batch that it is in.
    seq: u64,
    fleet: FleetName,
    /// When it came on record, by the controller's clock.
    at: Time,
    ran: bool,
}

/// What the checkers remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Oracle {
    tokens: BTreeMap<Token, TokenLife>,
    drains: BTreeMap<(Lane, InstanceId), Drain>,
    /// Per lane: when the last listing was asked for by the controller's clock, and whether it came back complete.
    sights: BTreeMap<Lane, (Time, bool)>,
    /// Offers as last given to this start.
    offers: BTreeMap<Pool, Offer>,
    /// When the offers of each lane were asked for that came last, by the controller's clock.
    priced: BTreeMap<Lane, Time>,
    /// Machines of ours of fleets that are not configured: when each was first listed as one, by the controller's clock and
    /// truly.
    strays: BTreeMap<(Lane, InstanceId), (Time, Time)>,
    /// Those whose fleet came back since the process started. A crash before that was durable undoes it.
    returned: BTreeMap<(Lane, InstanceId), (Time, Time)>,
    /// What became of the launches of each fleet, and when: true for a machine that ran.
    outcomes: Vec<Outcome>,
    /// The batch that is looked at.
    seq: u64,
    /// The last raise of each fleet's target, in the order of batches.
    raises: Vec<Raise>,
    /// What each fleet may occupy, where that is more than its maximum: it was allowed before a reload.
    allowance: BTreeMap<FleetName, Capacity>,
    /// The maximum of each fleet with schedules, when it was looked at last.
    maximum: BTreeMap<FleetName, Capacity>,
    /// Orders given to this start and not answered yet, with the batch that each is in.
    orders: BTreeMap<OrderId, Option<u64>>,
    /// When each machine that we launched was first on record, by the controller's clock.
    launches: BTreeMap<(FleetName, Lane, InstanceId), Time>,
    /// Machines that moved to cheaper pools.
    moves: Vec<moves::Moved>,
    /// What workers said to this start, by machine.
    words: BTreeMap<InstanceId, workers::Said>,
    /// What was read of them elsewhere by this start, and until when it is believed.
    watched: BTreeMap<InstanceId, (Work, Time)>,
    /// Machines whose hook was called by this start.
    hooked: BTreeSet<(Lane, InstanceId)>,
    /// Of whom each word is.
    speakers: BTreeMap<OrderId, InstanceId>,
    /// Machines that the operator ordered to drain.
    drain_orders: BTreeSet<InstanceId>,
    launched: u64,
    misuses: usize,
    stopping: bool,
    /// The store was lost at this time: what was made before is judged by its tags only.
    lost_at: Option<Time>,
    /// Intents that were open then: their calls may be on their way.
    lost_intents: Vec<Intent>,
}

/// What a batch was about.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    promised: BTreeSet<FleetName>,
    /// Intents that are new.
    intents: Vec<Intent>,
    settled: Vec<Token>,
    /// An order begins or ends to stand.
    orders: bool,
    /// Machines that a decision told to go.
    told: Vec<(Lane, InstanceId)>,
}

type Verdict = Result<(), Broken>;

fn broken<T>(rule: Rule, text: String) -> Result<T, Broken> {
    Err(Broken { rule, text })
}

impl Oracle {
    /// A batch is given out. The journal does not hold it yet.
    pub(super) fn on_entries(&mut self, scene: &Scene<'_>, seq: u64, batch: &[Entry]) -> Result<Touched, Broken> {
        // Later entries of a batch see the earlier ones.
        let mut changed: BTreeMap<Key, Option<&Record>> = BTreeMap::new();
        let mut touched = Touched::default();
        self.seq = seq;
        for seen in self.orders.values_mut().filter(|seen| seen.is_none()) {
            *seen = Some(seq);
        }
        for entry in batch {
            let (key, new) = match entry {
                Entry::Put(record) => (record.key(), Some(record)),
                Entry::Forget(key) => (key.clone(), None),
            };
            let old = changed.get(&key).copied().unwrap_or_else(|| scene.journal.latest().get(&key));
            let orders = Standing { scene, changed: &changed };
            orders.obeyed(new, old)?;
            match (&key, new) {
                (_, Some(Record::Intent(intent))) => {
                    self.promised(scene, intent, old)?;
                    if let Some(fleet) = fleet(scene, &intent.fleet).filter(|_| old.is_none()) {
                        self.paid_for(&orders, fleet, intent)?;
                        touched.intents.push(intent.clone());
                    }
                    touched.promised.insert(intent.fleet.clone());
                }
                (_, Some(Record::Machine(machine))) => {
                    self.recorded(scene, machine, old)?;
                    if workers::told_as_surplus(machine, old) {
                        touched.told.push((machine.pool.lane().clone(), machine.id.clone()));
                    }
                }
                (_, Some(Record::Memory(fleet, memory))) => self.remembered(&orders, seq, fleet, memory, old)?,
                (_, Some(Record::Note(note))) if note.what == "violation" => {
                    return broken(Rule::PlanRefused, note.text.clone());
                }
                (Key::Override(..), _) => touched.orders = true,
                (_, Some(Record::Note(note)))
                    if note.what == "ordered" && note.text.starts_with("the halt is over") =>
                {
                    self.outcomes.retain(|o| Some(&o.fleet) != note.fleet.as_ref());
                }
                (Key::Intent(token), None) => touched.settled.push(token.clone()),
                (Key::Machine(lane, id), None) => self.forgotten(scene, lane, id)?,
                _ => {}
            }
            changed.insert(key, new);
        }
        Ok(touched)
    }

    /// The journal holds the batch.
    pub(super) fn on_batch(&mut self, scene: &Scene<'_>, touched: &Touched) -> Verdict {
        if touched.orders {
            self.renew_allowances(scene);
        }
        touched.told.iter().try_for_each(|(lane, id)| self.idle_first(scene, lane, id))?;
        touched.settled.iter().try_for_each(|token| self.settled(scene, token))?;
        touched.intents.iter().try_for_each(|intent| self.not_restless(scene, intent))?;
        touched.promised.iter().try_for_each(|fleet| self.promise_fits(scene, fleet))
    }

    /// A call was given out.
    pub(super) fn on_call(&mut self, scene: &Scene<'_>, call: &Call) -> Verdict {
        if self.stopping {
            return broken(Rule::CallAfterStop, format!("{call:?}"));
        }
        match call {
            Call::Launch(launch) => self.launch_called(scene, launch),
            Call::Terminate { lane, ids } => ids.iter().try_for_each(|id| self.end_called(scene, lane, id)),
            Call::Hook(hook) => self.hook_called(scene, hook),
            Call::List { .. } | Call::Offers { .. } | Call::Notices { .. } | Call::Demand { .. } => Ok(()),
        }
    }

    /// A reply is given to the controller; `asked` is what its clock showed when the call left.
    pub(super) fn on_reply(&mut self, scene: &Scene<'_>, call: &Call, asked: Time, reply: &Reply) {
        match (call, reply) {
            (Call::List { lane }, Reply::Listed(result)) => {
                self.sights.insert(lane.clone(), (asked, result.is_ok()));
                if let Ok(listed) = result {
                    self.strays_listed(scene, lane, listed);
                }
            }
            (Call::Offers { lane, .. }, Reply::Offered(Ok(offers))) => {
                self.priced.insert(lane.clone(), asked);
                for offer in offers {
                    match offer {
                        Ok(offer) => drop(self.offers.insert(offer.pool.clone(), offer.clone())),
                        Err((pool, _)) => drop(self.offers.remove(pool)),
                    }
                }
            }
            (Call::Launch(launch), Reply::Launched(result)) => {
                if let Some(life) = self.tokens.get_mut(&launch.token) {
                    life.out = false;
                    let unsure = matches!(result, Err(f) if f.kind == FailureKind::Ambiguous);
                    life.doubtful |= unsure || result.is_ok();
                }
            }
            (Call::Hook(hook), Reply::Hooked(Ok(true))) => self.finished(&hook.instance),
            _ => {}
        }
    }

    /// The process was asked to stop.
    pub(super) fn on_stop(&mut self) {
        self.stopping = true;
    }

    /// The process died. `kept` is the number of the last batch that a cut among those not durable left.
    pub(super) fn on_crash(&mut self, synced: u64, kept: Option<u64>) {
        let last = kept.unwrap_or(synced).max(synced);
        self.raises.retain(|raise| raise.seq <= last);
        self.outcomes.retain(|outcome| outcome.seq <= last);
        self.moves.retain(|moved| moved.seq <= last);
        self.sights.clear();
        self.offers.clear();
        self.priced.clear();
        self.orders.clear();
        self.words.clear();
        self.watched.clear();
        self.hooked.clear();
        self.speakers.clear();
        for life in self.tokens.values_mut() {
            life.doubtful |= life.calls > 0;
            life.out = false;
        }
    }

    /// The store was lost with the process.
    pub(super) fn on_store_loss(&mut self, scene: &Scene<'_>) {
        self.lost_at = Some(scene.at);
        self.strays.clear();
        self.returned.clear();
        self.raises.clear();
        self.launches.clear();
        self.outcomes.clear();
        self.moves.clear();
        self.drains.clear();
        self.renew_allowances(scene);
        self.lost_intents.extend(scene.journal.latest().values().filter_map(|r| match r {
            Record::Intent(intent) => Some(intent.clone()),
            _ => None,
        }));
    }

    /// The process starts: what lies in the future by its clock counts from now, as no wait may outlast its length.
    pub(super) fn on_start(&mut self, scene: &Scene<'_>) {
        self.stopping = false;
        self.strays_stay(scene);
        self.strays_return(scene);
        for (clock, _) in self.strays.values_mut() {
            *clock = (*clock).min(scene.clock);
        }
        for outcome in &mut self.outcomes {
            outcome.seq = 0;
        }
        for raise in &mut self.raises {
            // Batches are numbered anew in each start; what is here is durable.
            raise.seq = 0;
            raise.at = raise.at.min(scene.clock);
        }
        for at in self.launches.values_mut().chain(self.outcomes.iter_mut().map(|o| &mut o.at)) {
            *at = (*at).min(scene.clock);
        }
        // An end that was ordered, and cut off by the crash, was not ordered: the machine counts again.
        self.renew_allowances(scene);
        let durable = scene.journal.durable();
        // What a crash cut off was never decided.
        self.drains.retain(|(lane, id), _| record_of(durable, lane, id).is_some_and(|m| m.leaving.is_some()));
        for (token, life) in &mut self.tokens {
            life.settled = !durable.contains_key(&Key::Intent(token.clone()));
        }
        for ((lane, id), drain) in &mut self.drains {
            drain.since = drain.since.min(scene.clock);
            drain.over = record_of(durable, lane, id).and_then(|m| m.leaving).is_some_and(|l| l.ordered);
        }
    }

    /// The configuration changed.
    pub(super) fn on_reload(&mut self, scene: &Scene<'_>) {
        self.renew_allowances(scene);
    }

    /// After every event.
    pub(super) fn after_event(&mut self, scene: &Scene<'_>) -> Verdict {
        let misuses: usize = scene.clouds.iter().map(|c| c.misuses().len()).sum();
        if misuses > self.misuses {
            let all: Vec<_> = scene.clouds.iter().flat_map(SimCloud::misuses).collect();
            return broken(Rule::Misuse, format!("{all:?}"));
        }
        self.schedules_pass(scene);
        let launched: u64 = scene.clouds.iter().map(SimCloud::launched).sum();
        if launched != self.launched {
            self.launched = launched;
            self.machines_fit(scene)?;
        }
        Ok(())
    }

    /// After every event that changed what is durable or what lives.
    pub(super) fn covered(&self, scene: &Scene<'_>) -> Verdict {
        let durable = scene.journal.durable();
        for machine in living(scene) {
            let Some(token) = self.launched_by_us(machine) else { continue };
            if self.lost_at.is_some_and(|lost| self.promised_before(token, lost)) {
                continue;
            }
            let promised = durable.contains_key(&Key::Intent(token.clone()));
            let key = Key::Machine(machine.pool.lane().clone(), machine.id.clone());
            if !promised && !durable.contains_key(&key) {
                return broken(Rule::Unrecorded, format!("{} by token {token} in {}", machine.id, machine.pool));
            }
        }
        Ok(())
    }

    /// The token of a machine that a launch of ours made.
    fn launched_by_us<'a>(&self, machine: &'a SimMachine) -> Option<&'a Token> {
        machine.token.as_ref().filter(|t| machine.owner == Owner::Us && self.tokens.contains_key(*t))
    }

    fn promised_before(&self, token: &Token, moment: Time) -> bool {
        self.tokens.get(token).is_none_or(|l| l.first_call.is_none_or(|at| at <= moment))
    }
}

/// Every machine that lives, whoever owns it.
fn living<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a SimMachine> {
    scene.clouds.iter().flat_map(SimCloud::machines).filter(|m| m.is_alive())
}

fn cloud_of<'a>(scene: &Scene<'a>, lane: &Lane) -> Option<&'a SimCloud> {
    scene.clouds.iter().find(|c| *c.name() == lane.provider)
}

/// The truth about a machine; `None` when the cloud does not list it any more, or never did.
fn truth<'a>(scene: &Scene<'a>, lane: &Lane, id: &InstanceId) -> Option<&'a SimMachine> {
    cloud_of(scene, lane).and_then(|c| c.machine(id)).filter(|m| m.pool.lane() == lane)
}

fn fleet<'a>(scene: &Scene<'a>, name: &FleetName) -> Option<&'a Fleet> {
    scene.fleets.iter().find(|f| f.name == *name)
}

/// What a machine of this pool brings this fleet.
fn units(scene: &Scene<'_>, fleet: &Fleet, pool: &Pool) -> Capacity {
    let shape = cloud_of(scene, pool.lane())
        .and_then(|c| c.pools().find(|(p, _)| *p == pool))
        .map(|(_, state)| state.shape)
        .unwrap_or_default();
    fleet.capacity_of(pool.instance_type(), &shape)
}

fn record_of<'a>(records: &'a BTreeMap<Key, Record>, lane: &Lane, id: &InstanceId) -> Option<&'a Machine> {
    match records.get(&Key::Machine(lane.clone(), id.clone())) {
        Some(Record::Machine(machine)) => Some(machine),
        _ => None,
    }
}

impl Scene<'_> {
    /// A listing is fresh for so long: three ticks or a minute, and the longest call.
    fn fresh(&self, lane: &Lane) -> Span {
        let deadline = cloud_of(self, lane).map_or(Span::ZERO, |c| c.capabilities().call_deadline);
        self.tick.times(3).max(Span::from_mins(1)).plus(deadline)
    }
}

impl Oracle {
    /// The lane was listed completely in this start, lately, and nothing worse came after.
    fn sees(&self, scene: &Scene<'_>, lane: &Lane) -> bool {
        let fresh = scene.fresh(lane);
        self.sights.get(lane).is_some_and(|(asked, complete)| *complete && scene.clock.since(*asked) <= fresh)
    }
}
