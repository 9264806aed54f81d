//! Observing: listings, offers, notices and demand come in, and become facts before anything is decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::demand::{History, Reading};
use crate::failure::{Failure, FailureKind};
use crate::model::{
    FleetName, Instance, InstanceId, Lane, Market, Notice, NoticeKind, Phase, Pool, ProviderName, Shape, Sight,
    SourceName, Unit,
};
use crate::plan::{Cause, Outcomes};
use crate::units::{Capacity, PricePerHour, Span};

use super::ledger::{Key, Leaving, Machine, Record};
use super::{Call, Controller, LOOK_AGAIN, OFFERS_EVERY, Offered};

/// A notice is kept so long after its time, so that a repeated message finds it.
const NOTICE_KEPT: Span = Span::from_mins(30);

/// Notices kept: those of every machine of an account arrive, also of machines that are not ours.
const NOTICES: usize = 10_000;

/// An hour's demand is put on record at most this often.
const HOUR_EVERY: Span = Span::from_mins(1);

impl Controller {
    /// Makes an eye for each lane of a wanted pool, a machine or an intent, if its provider is configured.
    pub(super) fn open_eyes(&mut self) {
        let pools = self.fleets.values().flat_map(|m| m.fleet.pools.keys()).map(Pool::lane);
        let machines = self.ledger.machines().keys().map(|(lane, _)| lane);
        let intents = self.ledger.intents().values().map(|i| i.pool.lane());
        let lanes: BTreeSet<Lane> = pools
            .chain(machines)
            .chain(intents)
            .filter(|l| self.providers.contains_key(&l.provider))
            .cloned()
            .collect();
        for lane in lanes {
            self.lanes.entry(lane).or_default();
        }
    }

    /// Asks for everything that is due: listings, offers, notices, demand.
    pub(super) fn look(&mut self) {
        for mind in self.fleets.values() {
            for source in mind.fleet.demand.sources.keys() {
                let call = Call::Demand { fleet: mind.fleet.name.clone(), source: source.clone() };
                let asked = self.calls.values().any(|(c, _)| *c == call) || self.held.iter().any(|(_, c)| *c == call);
                if !asked {
                    self.held.push((0, call));
                }
            }
        }
        self.look_again();
    }

    /// Asks for listings, offers and notices that are due.
    pub(super) fn look_again(&mut self) {
        let now = self.now;
        let mut calls = Vec::new();
        for (lane, eye) in &mut self.lanes {
            if eye.listing.take(now) {
                calls.push(Call::List { lane: lane.clone() });
            }
            if eye.pricing.take(now) {
                let wanted = self.fleets.values().flat_map(|m| m.fleet.pools.keys()).filter(|p| p.lane() == lane);
                let held = self.ledger.machines().values().map(|m| &m.pool).filter(|p| p.lane() == lane);
                let strange = self.ledger.orphans().values().map(|o| &o.pool).filter(|p| p.lane() == lane);
                // The on-demand price of each place is wanted too: caps are shares of it, savings are told by it.
                let pools: BTreeSet<Pool> = wanted
                    .chain(held)
                    .chain(strange)
                    .flat_map(|p| [p.clone(), p.in_market(Market::OnDemand)])
                    .collect();
                calls.push(Call::Offers { lane: lane.clone(), pools: pools.into_iter().collect() });
            }
        }
        for call in calls {
            self.call(call);
        }
        let providers: Vec<ProviderName> =
            self.lanes.keys().map(|l| l.provider.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        for provider in providers {
            let call = Call::Notices { provider: provider.clone() };
            let out = self.calls.values().any(|(c, _)| *c == call) || self.held.iter().any(|(_, c)| *c == call);
            let due = self.notices_after.get(&provider).is_none_or(|after| now >= *after);
            if !out && due {
                // Asking again confirms the last answer: only when what followed from it is durable.
                self.call_when_durable(call);
            }
        }
    }

    /// A lane is seen if its last listing was complete and is fresh: three ticks, a minute at the least, and the
    /// longest call.
    pub(super) fn lane_seen(&self, lane: &Lane) -> bool {
        let deadline = self.providers.get(&lane.provider).map_or(Span::ZERO, |c| c.call_deadline);
        let fresh = self.tick.times(3).max(Span::from_mins(1)).plus(deadline);
        self.lanes.get(lane).is_some_and(|eye| eye.seen_within(self.now, fresh))
    }

    pub(super) fn on_listed(&mut self, lane: &Lane, asked: crate::units::Time, result: Result<Vec<Instance>, Failure>) {
        let (now, tick) = (self.now, self.tick);
        let window = self.providers.get(&lane.provider).map_or(Span::ZERO, crate::model::Capabilities::settle_window);
        let settled = asked >= self.boot.at.plus(window);
        let Some(eye) = self.lanes.get_mut(lane) else { return };
        let listed = match result {
            Ok(listed) => listed,
            Err(failure) => {
                eye.lost(now, failure);
                self.all_decide();
                return;
            }
        };
        eye.listing.done(now, tick);
        let seen: BTreeMap<InstanceId, Instance> = listed.iter().map(|i| (i.id.clone(), i.clone())).collect();
        let news = !matches!(eye.sight, Sight::Complete { .. })
            || eye.seen != seen
            || !eye.offers_asked
            || (settled && !eye.proven);
        eye.proven |= settled;
        eye.sight = Sight::Complete { asked };
        eye.failure = None;
        eye.seen = seen;
        let batch = self.ledger.pending();
        let mut by_token: BTreeMap<&crate::model::Token, u32> = BTreeMap::new();
        for instance in &listed {
            if let Some(token) = &instance.token {
                *by_token.entry(token).or_default() += 1;
            }
            self.meet(lane, asked, instance);
        }
        self.miss(lane, asked);
        self.settle_by_listing(lane, asked, &by_token);
        self.find_orphans(lane, &listed);
        self.prove();
        if news || self.ledger.pending() != batch {
            self.all_decide();
        }
    }

    /// One listed machine: known, promised, adopted or an orphan.
    fn meet(&mut self, lane: &Lane, asked: crate::units::Time, instance: &Instance) {
        let key = (lane.clone(), instance.id.clone());
        let now = self.now;
        if instance.phase == Phase::Running {
            self.runs(&key);
        }
        if let Some(machine) = self.ledger.machines().get(&key) {
            match instance.phase {
                Phase::Starting | Phase::Running => {
                    self.evidence.insert(key.clone(), asked);
                }
                Phase::Ending if machine.leaving.is_none_or(|l| !l.ordered) => {
                    // Somebody else ends it: the provider, the operator, the machine itself.
                    let mut machine = machine.clone();
                    let why = machine.leaving.map_or(Cause::Interruption, |l| l.why);
                    machine.leaving = Some(Leaving { why, since: now, until: now, ordered: true });
                    let text = format!("{} in {} is going down, not by us", machine.id, machine.pool);
                    self.ledger.note(now, Some(&machine.fleet.clone()), "lost", text);
                    // It may have stopped without an end to come: then it is ours to end.
                    self.ended.insert(key.clone(), now.plus(super::leaving::END_AGAIN));
                    self.evidence.insert(key, asked);
                    self.ledger.put(Record::Machine(machine));
                }
                Phase::Ending => drop(self.evidence.insert(key, asked)),
                Phase::Gone => self.gone(&key),
            }
            return;
        }
        if instance.phase == Phase::Gone {
            return;
        }
        let intent = instance.token.as_ref().and_then(|t| self.ledger.intents().get(t)).cloned();
        let ending = instance.phase == Phase::Ending;
        if intent.is_none() && (ending || !self.fleets.contains_key(&instance.fleet)) {
            return;
        }
        let adopted = intent.is_none();
        let (units, price) = match &intent {
            Some(intent) => (intent.units, intent.price),
            None => self.quote(&instance.fleet, &instance.pool),
        };
        let machine = Machine {
            id: instance.id.clone(),
            fleet: intent.as_ref().map_or_else(|| instance.fleet.clone(), |i| i.fleet.clone()),
            pool: instance.pool.clone(),
            units,
            price,
            born: instance.born.min(now),
            // Whether it ran before is not known of one that was adopted: it counts neither way.
            ready: (adopted && instance.phase == Phase::Running).then_some(now),
            token: instance.token.clone(),
            adopted,
            // Promised, and lost before it was seen: what is left of it is ended.
            leaving: ending.then_some(Leaving { why: Cause::Interruption, since: now, until: now, ordered: true }),
        };
        if ending {
            self.ended.insert(key.clone(), now.plus(super::leaving::END_AGAIN));
        }
        let (what, text) = if adopted {
            ("adopted", format!("{} in {} carries our tags and was not on record", machine.id, machine.pool))
        } else {
            ("launched", format!("{} in {} found by its token", machine.id, machine.pool))
        };
        let decision = machine.token.as_ref().and_then(|token| self.ledger.decisions().number_of(token));
        self.ledger.note_of(decision, now, Some(&machine.fleet), what, text);
        self.evidence.insert(key, asked);
        if !adopted {
            self.count_launches(&machine.fleet, 1);
        }
        self.open_bill(&machine);
        self.ledger.put(Record::Machine(machine));
        if instance.phase == Phase::Running {
            self.runs(&(lane.clone(), instance.id.clone()));
        }
    }

    /// A machine runs: the first time it counts as one that became ready.
    fn runs(&mut self, key: &(Lane, InstanceId)) {
        let Some(machine) = self.ledger.machines().get(key).filter(|m| m.ready.is_none()).cloned() else { return };
        self.count_outcomes(&machine.fleet, Outcomes { ready: 1, failed: 0 });
        self.learn_start(&machine);
        self.ledger.put(Record::Machine(Machine { ready: Some(self.now), ..machine }));
    }

    /// It is known what became of launched machines.
    fn count_outcomes(&mut self, fleet: &FleetName, outcomes: Outcomes) {
        let mut memory = self.ledger.memory(fleet);
        memory.count_outcomes(self.now, outcomes);
        self.ledger.put(Record::Memory(fleet.clone(), memory));
    }

    /// Puts on record which lanes are proven for which fleets, if the store was made anew. What is nobody's is adopted
    /// before, by [`Self::meet`] or [`Self::adopt_orphans`].
    pub(super) fn prove(&mut self) {
        if !self.boot.unproven {
            return;
        }
        let lanes = self.fleets.values().flat_map(|m| m.fleet.pools.keys().map(move |p| (&m.fleet.name, p.lane())));
        let wanted: BTreeSet<(FleetName, Lane)> = lanes
            .filter(|(fleet, lane)| !self.ledger.proven(fleet, lane))
            .filter(|(_, lane)| self.lanes.get(lane).is_some_and(|eye| eye.proven))
            .map(|(fleet, lane)| (fleet.clone(), lane.clone()))
            .collect();
        for (fleet, lane) in wanted {
            self.ledger.put(Record::Proven(fleet, lane));
        }
    }

    /// Machines that were nobody's, whose fleet has come into the configuration. They count before it is decided for.
    pub(super) fn adopt_orphans(&mut self) {
        let nobodys: Vec<(Lane, InstanceId)> = self.ledger.orphans().keys().cloned().collect();
        for (lane, id) in nobodys {
            let Some(eye) = self.lanes.get(&lane) else { continue };
            let (Some(instance), Some(asked)) = (eye.seen.get(&id).cloned(), eye.sight.asked()) else { continue };
            self.meet(&lane, asked, &instance);
        }
    }

    /// Adopted machines whose size was not known when they were met: known once their pools are offered. At once, since
    /// a fleet decides as soon as the sizes can be known.
    fn complete_adopted(&mut self, lane: &Lane) {
        let machines = self.ledger.machines().values();
        let unsized_ones: Vec<Machine> =
            machines.filter(|m| m.pool.lane() == lane && m.adopted && m.units.is_zero()).cloned().collect();
        for machine in unsized_ones {
            let (units, price) = self.quote(&machine.fleet, &machine.pool);
            if !units.is_zero() {
                self.ledger.put(Record::Machine(Machine { units, price, ..machine }));
            }
        }
    }

    /// What a machine of this pool brings this fleet and costs; zero where that is not known.
    fn quote(&self, fleet: &FleetName, pool: &Pool) -> (Capacity, PricePerHour) {
        let offer = self.lanes.get(pool.lane()).and_then(|eye| eye.offers.get(pool));
        let price = offer.and_then(|o| self.rates.convert(o.price)).unwrap_or_default();
        (self.size_of(fleet, pool).unwrap_or_default(), price)
    }

    /// What a machine of this pool brings this fleet; `None` while no offer of its type in the lane tells.
    fn size_of(&self, fleet: &FleetName, pool: &Pool) -> Option<Capacity> {
        let fleet = &self.fleets.get(fleet)?.fleet;
        let kind = pool.instance_type();
        if fleet.unit == Unit::Instance || fleet.weights.contains_key(kind) {
            return Some(fleet.capacity_of(kind, &Shape::default()));
        }
        let offers = &self.lanes.get(pool.lane())?.offers;
        let offer = offers.get(pool).or_else(|| offers.values().find(|o| o.pool.instance_type() == kind))?;
        Some(fleet.capacity_of(kind, &offer.shape))
    }

    /// Every machine that was taken up by its tags has a known size. One without would not count, and would be bought
    /// again.
    pub(super) fn sizes_known(&self, fleet: &FleetName) -> bool {
        let unsized_one = |m: &Machine| m.fleet == *fleet && m.adopted && m.units.is_zero() && m.leaving.is_none();
        self.ledger.machines().values().filter(|m| unsized_one(m)).all(|m| self.size_of(fleet, &m.pool).is_some())
    }

    /// Machines on record that a complete listing does not show: gone, once they cannot be merely invisible.
    fn miss(&mut self, lane: &Lane, asked: crate::units::Time) {
        let Some(caps) = self.providers.get(&lane.provider) else { return };
        let window = caps.settle_window();
        let Some(eye) = self.lanes.get(lane) else { return };
        let from = (lane.clone(), InstanceId::from(""));
        let missing: Vec<(Lane, InstanceId)> = self
            .ledger
            .machines()
            .range(from..)
            .map(|(key, _)| key)
            .take_while(|(l, _)| l == lane)
            .filter(|(_, id)| !eye.seen.contains_key(id))
            .filter(|key| self.evidence.get(*key).is_none_or(|last| asked >= last.plus(window)))
            .cloned()
            .collect();
        for key in missing {
            self.gone(&key);
        }
    }

    /// The provider says that a machine is gone.
    pub(super) fn gone(&mut self, key: &(Lane, InstanceId)) {
        let Some(machine) = self.ledger.machines().get(key).cloned() else { return };
        let what = if machine.leaving.is_some_and(|l| l.ordered) { "gone" } else { "lost" };
        let text = format!("{} in {} is gone", machine.id, machine.pool);
        if what == "lost" {
            let mut memory = self.ledger.memory(&machine.fleet);
            let before = memory.disturbed_at;
            memory.disturb(self.now);
            if memory.disturbed_at != before {
                self.ledger.put(Record::Memory(machine.fleet.clone(), memory));
            }
        }
        let decision = self.ledger.decisions().number_about(&key.0, &key.1);
        self.ledger.note_of(decision, self.now, Some(&machine.fleet), what, text);
        self.keep_ended(&machine);
        self.close_bill(&machine);
        self.ledger.forget(Key::Machine(key.0.clone(), key.1.clone()));
        self.forget_protection(&machine.fleet, key);
        // Gone before it ran, and nobody told it to. Of spot that says nothing: a provider that takes back what it has just
        // given must not halt the fleet.
        let told_nothing = machine.pool.market() == Market::OnDemand && machine.leaving.is_none();
        if machine.ready.is_none() && told_nothing {
            self.count_outcomes(&machine.fleet, Outcomes { ready: 0, failed: 1 });
        }
        self.evidence.remove(key);
        self.ended.remove(key);
        self.words.remove(key);
        self.watched.remove(key);
        self.hooked.remove(key);
        self.notices.remove(&(key.0.provider.clone(), key.1.clone()));
    }

    pub(super) fn on_offered(&mut self, lane: &Lane, asked: crate::units::Time, result: Result<Offered, Failure>) {
        let now = self.now;
        let Some(eye) = self.lanes.get_mut(lane) else { return };
        let mut news = !eye.offers_asked;
        eye.offers_asked = true;
        match result {
            Ok(offers) => {
                eye.pricing.done(now, OFFERS_EVERY);
                eye.priced_at = Some(asked);
                let before = eye.offers.clone();
                for offer in offers {
                    match offer {
                        Ok(offer) => drop(eye.offers.insert(offer.pool.clone(), offer)),
                        Err((pool, _)) => drop(eye.offers.remove(&pool)),
                    }
                }
                news |= eye.offers != before;
                self.complete_adopted(lane);
            }
            // The last offers stay: an old price is better than none, and launches are refused by the cloud anyway.
            Err(failure) => eye.pricing.failed(now, failure.retry_after),
        }
        if news {
            self.all_decide();
        }
    }

    pub(super) fn on_noticed(&mut self, provider: &ProviderName, result: Result<Vec<Notice>, Failure>) {
        let now = self.now;
        match result {
            Ok(notices) => {
                self.notices_after.insert(provider.clone(), now);
                for notice in notices {
                    self.notice(provider, notice);
                }
            }
            Err(failure) => {
                let wait = failure.retry_after.unwrap_or(LOOK_AGAIN).max(LOOK_AGAIN);
                self.notices_after.insert(provider.clone(), now.plus(wait));
            }
        }
        self.look_again();
    }

    fn notice(&mut self, provider: &ProviderName, notice: Notice) {
        let key = (provider.clone(), notice.instance);
        let machine = self.ledger.machines().values().find(|m| m.pool.provider() == provider && m.id == key.1).cloned();
        let text = match notice.kind {
            NoticeKind::Interruption => "will be taken by the provider",
            NoticeKind::Advice => "is at elevated risk, says the provider",
        };
        if let Some(machine) = machine {
            if self.notices.contains_key(&key) {
                return;
            }
            let text = format!("{} in {} {text} in {}", machine.id, machine.pool, notice.at.since(self.now));
            self.ledger.note(self.now, Some(&machine.fleet), "noticed", text);
            if let Some(mind) = self.fleets.get_mut(&machine.fleet) {
                mind.decide_at = self.now;
            }
            if notice.kind == NoticeKind::Interruption {
                // A pool that takes machines back has no room for more.
                let text = format!("it takes {} back", machine.id);
                self.close(&machine.pool, &Failure::new(FailureKind::NoCapacity, "notice", "interruption", &text));
            }
        }
        if notice.kind == NoticeKind::Interruption {
            self.notices.insert(key, notice.at);
            if self.notices.len() > NOTICES {
                let oldest = self.notices.iter().min_by_key(|(_, at)| **at).map(|(k, _)| k.clone());
                if let Some(oldest) = oldest {
                    self.notices.remove(&oldest);
                }
            }
        }
    }

    pub(super) fn on_measured(&mut self, fleet: &FleetName, source: &SourceName, result: Result<Reading, Failure>) {
        let now = self.now;
        if !self.take_reading(fleet, source, result.ok(), now) {
            return;
        }
        self.keep_pace(fleet, source);
        let Some(mind) = self.fleets.get_mut(fleet) else { return };
        let Some(need) = crate::size::reactive_need(&mind.fleet, &mind.demand) else { return };
        let (number, hour) = mind.history.record(now, need);
        let due = mind.hour_put.is_none_or(|(last, at)| last != number || now.since(at) >= HOUR_EVERY);
        if due {
            mind.hour_put = Some((number, now));
            let oldest = mind.history.oldest().unwrap_or(number);
            let over: Vec<i64> = self.ledger.hours(fleet).map(|(n, _)| n).take_while(|n| *n < oldest).collect();
            for number in over {
                self.ledger.forget(Key::Hour(fleet.clone(), number));
            }
            self.ledger.put(Record::Hour(fleet.clone(), number, hour));
        }
    }

    /// Capacity of a fleet that runs and was not told to go.
    pub(super) fn ready(&self, fleet: &FleetName) -> Capacity {
        let running = |m: &Machine| {
            let seen = self.lanes.get(m.pool.lane()).and_then(|eye| eye.seen.get(&m.id));
            seen.is_some_and(|i| i.phase == Phase::Running)
        };
        let ours = self.ledger.machines().values().filter(|m| m.fleet == *fleet && m.leaving.is_none());
        ours.filter(|m| running(m)).map(|m| m.units).sum()
    }

    pub(super) fn forget_what_is_over(&mut self) {
        let now = self.now;
        self.notices.retain(|_, at| now < at.plus(NOTICE_KEPT));
        let over: Vec<_> = self
            .ledger
            .closures()
            .values()
            .filter(|c| now > c.until.plus(c.kind.meaning().longest_wait))
            .map(|c| Key::Closure(c.place.clone()))
            .collect();
        for key in over {
            self.ledger.forget(key);
        }
        self.forget_unused();
        // Hours of fleets long gone are not read by anybody.
        let floor = History::hour_of(now) - i64::try_from(crate::demand::HISTORY_HOURS).unwrap_or(i64::MAX);
        let stale: Vec<_> = self
            .ledger
            .remembered()
            .map(|(fleet, _)| fleet.clone())
            .filter(|fleet| !self.fleets.contains_key(fleet))
            .flat_map(|fleet| {
                let hours: Vec<_> = self.ledger.hours(&fleet).map(|(n, _)| n).filter(|n| *n < floor).collect();
                hours.into_iter().map(move |n| Key::Hour(fleet.clone(), n))
            })
            .collect();
        for key in stale {
            self.ledger.forget(key);
        }
    }

    fn all_decide(&mut self) {
        for mind in self.fleets.values_mut() {
            mind.decide_at = self.now;
        }
    }
}
