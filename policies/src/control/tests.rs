//! Facts about promises, settling and ending, told step by step. The simulator tries the orders that nobody thinks of.

use std::collections::BTreeMap;

use super::ledger::{Boot, Intent, Leaving, Machine};
use super::*;
use crate::failure::FailureKind;
use crate::model::{Instance, Market, Phase, Sight};
use crate::plan::Cause;
use crate::units::{Capacity, PricePerHour};

mod decisions;

fn pool() -> Pool {
    Pool::new("sim", "r1", "z1", "small", Market::Spot)
}

fn caps(token_lifetime: Option<Span>) -> Capabilities {
    Capabilities {
        token_lifetime,
        visibility_lag: Span::from_secs(10),
        call_deadline: Span::from_secs(20),
        notice_lead: Span::ZERO,
        launch_batch: 10,
        terminate_batch: 2,
        billing_step: Span::from_secs(1),
        billing_minimum: Span::ZERO,
        free_if_taken_within: Span::ZERO,
    }
}

/// Wants 2 units, of one pool in the lane of [`pool`].
pub(super) fn fleet(name: &str) -> Fleet {
    let pools = BTreeMap::from([(pool(), "spec".into())]);
    Fleet { name: name.into(), pools, ..crate::plan::tests::World::new(2, 0).fleet }
}

fn intent() -> Intent {
    Intent {
        token: "sf-1-1".into(),
        fleet: "web".into(),
        pool: pool(),
        spec: "web/0".into(),
        count: 3,
        units: Capacity::ONE,
        price: PricePerHour::ZERO,
        at: Time::EPOCH,
    }
}

pub(super) fn machine(id: &str, leaving: Option<Leaving>) -> Machine {
    Machine {
        id: id.into(),
        fleet: "web".into(),
        pool: pool(),
        units: Capacity::ONE,
        price: PricePerHour::ZERO,
        born: Time::EPOCH,
        token: None,
        ready: None,
        adopted: false,
        leaving,
    }
}

pub(super) fn instance(id: &str, token: Option<&str>, phase: Phase) -> Instance {
    Instance {
        id: id.into(),
        pool: pool(),
        fleet: "web".into(),
        token: token.map(Into::into),
        born: Time::EPOCH,
        phase,
        protected: false,
    }
}

/// A controller without fleets: nothing is decided, so only recovery is seen.
pub(super) struct Bench {
    pub(super) controller: Controller,
    pub(super) now: Time,
}

impl Bench {
    fn new(token_lifetime: Option<Span>, records: Vec<Record>) -> Self {
        Self::of(Vec::new(), token_lifetime, records)
    }

    pub(super) fn of(fleets: Vec<Fleet>, token_lifetime: Option<Span>, records: Vec<Record>) -> Self {
        Self::with_orphans(OrphanRule::default(), fleets, token_lifetime, records)
    }

    fn with_orphans(
        orphans: OrphanRule,
        fleets: Vec<Fleet>,
        token_lifetime: Option<Span>,
        records: Vec<Record>,
    ) -> Self {
        let now = Time::from_millis(1_000_000);
        let setup = Setup {
            fleets,
            providers: BTreeMap::from([("sim".into(), caps(token_lifetime))]),
            rates: Rates::default(),
            budget: None,
            orphans,
            zone: Arc::new(TimeZone::utc()),
            tick: Span::from_secs(10),
            boot_seed: 7,
            rebuilt: false,
        };
        Self { controller: Controller::recover(setup, records, now), now }
    }

    /// Passes time, makes every append durable at once, and gives the calls.
    pub(super) fn tick(&mut self, span: Span) -> Vec<(CallId, Call)> {
        self.now = self.now.plus(span);
        let effects = self.controller.handle(self.now, Event::Tick);
        self.durable(effects)
    }

    pub(super) fn reply(&mut self, call: CallId, reply: Reply) -> Vec<(CallId, Call)> {
        let effects = self.controller.handle(self.now, Event::Reply { call, reply });
        self.durable(effects)
    }

    pub(super) fn durable(&mut self, mut effects: Vec<Effect>) -> Vec<(CallId, Call)> {
        let mut calls = Vec::new();
        while !effects.is_empty() {
            let mut next = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Append { seq, .. } => {
                        next.extend(self.controller.handle(self.now, Event::Appended { seq }));
                    }
                    Effect::Call { id, call } => calls.push((id, call)),
                    Effect::Answer { .. } | Effect::Heard { .. } | Effect::WakeAt(_) | Effect::Publish => {}
                }
            }
            effects = next;
        }
        calls
    }

    /// Ticks until a listing is asked for, and answers it.
    fn list(&mut self, listed: Vec<Instance>) -> Vec<(CallId, Call)> {
        let calls = self.tick(Span::from_secs(10));
        let id = calls.iter().find(|(_, c)| matches!(c, Call::List { .. })).map(|(id, _)| *id).unwrap();
        self.reply(id, Reply::Listed(Ok(listed)))
    }

    /// Ticks once a tick for so long, answers each listing with these, and counts the machines that are ended.
    fn watch(&mut self, span: Span, listed: &[Instance]) -> usize {
        let mut ended = 0;
        for _ in 0..span.as_millis() / 10_000 {
            let mut calls = self.tick(Span::from_secs(10));
            while let Some((id, call)) = calls.pop() {
                match call {
                    Call::List { .. } => calls.extend(self.reply(id, Reply::Listed(Ok(listed.to_vec())))),
                    Call::Terminate { ids, .. } => ended += ids.len(),
                    _ => {}
                }
            }
        }
        ended
    }

    fn open(&self) -> usize {
        self.controller.ledger().intents().len()
    }

    fn last_note(&self) -> &'static str {
        self.controller.ledger().notes().next_back().unwrap().what
    }
}

#[test]
fn an_intent_on_record_is_absent_only_after_its_settle_window() {
    let mut bench = Bench::new(None, vec![Record::Intent(intent())]);
    // Window: 10 s lag, 20 s deadline, 5 s of grace. Listings are asked for at 10, 20, 30 and 40 s.
    for _ in 0..3 {
        bench.list(Vec::new());
        assert_eq!(bench.open(), 1);
    }
    bench.list(Vec::new());
    assert_eq!(bench.open(), 0);
    assert_eq!(bench.last_note(), "absent");
}

#[test]
fn a_partial_launch_is_settled_by_the_machines_that_carry_its_token() {
    let mut bench = Bench::new(None, vec![Record::Intent(intent())]);
    let found = vec![instance("i-1", Some("sf-1-1"), Phase::Running)];
    bench.list(found.clone());
    assert_eq!((bench.open(), bench.controller.ledger().machines().len()), (1, 1), "others may still show up");
    for _ in 0..3 {
        bench.list(found.clone());
    }
    assert_eq!((bench.open(), bench.controller.ledger().machines().len()), (0, 1));
    assert_eq!(bench.last_note(), "launched");
}

#[test]
fn an_answer_that_comes_after_its_machine_has_gone_brings_nothing_back() {
    let mut bench = Bench::new(None, vec![Record::Intent(intent())]);
    let machines = |bench: &Bench| bench.controller.ledger().machines().len();
    bench.list(vec![instance("i-1", Some("sf-1-1"), Phase::Running)]);
    assert_eq!(machines(&bench), 1);
    bench.list(vec![instance("i-1", Some("sf-1-1"), Phase::Gone)]);
    assert_eq!(machines(&bench), 0);
    let Intent { token, fleet, pool, spec, count, .. } = intent();
    let launch = Launch { token, fleet, pool, spec, count };
    let launched = Launched { ids: vec!["i-1".into(), "i-2".into()], shortfall: None };
    bench.controller.on_launched(&launch, Ok(launched));
    let known: Vec<_> = bench.controller.ledger().machines().keys().map(|(_, id)| id.as_str()).collect();
    assert_eq!((known, bench.open()), (vec!["i-2"], 0));
}

#[test]
fn a_failed_listing_proves_nothing() {
    let mut bench = Bench::new(None, vec![Record::Intent(intent()), Record::Machine(machine("i-1", None))]);
    for _ in 0..20 {
        let calls = bench.tick(Span::from_secs(60));
        let (id, _) = calls.iter().find(|(_, c)| matches!(c, Call::List { .. })).cloned().unwrap();
        let failure = Failure::new(FailureKind::Unavailable, "list", "503", "down");
        bench.reply(id, Reply::Listed(Err(failure)));
    }
    assert_eq!((bench.open(), bench.controller.ledger().machines().len()), (1, 1));
}

#[test]
fn an_orphan_is_reported_and_left_alone() {
    let mut bench = Bench::new(None, vec![Record::Machine(machine("i-1", None))]);
    bench.list(vec![instance("i-1", None, Phase::Running), instance("i-2", None, Phase::Running)]);
    assert_eq!(bench.controller.ledger().machines().len(), 1);
    // The one on record too: its fleet is not configured any more.
    assert_eq!(bench.controller.view().orphans.len(), 2);
}

#[test]
fn an_ordered_end_is_repeated_until_the_machine_is_gone() {
    let leaving = Leaving { why: Cause::Surplus, since: Time::EPOCH, until: Time::EPOCH, ordered: true };
    let mut bench = Bench::new(None, vec![Record::Machine(machine("i-1", Some(leaving)))]);
    let running = vec![instance("i-1", None, Phase::Running)];
    let ends = |calls: &[(CallId, Call)]| calls.iter().filter(|(_, c)| matches!(c, Call::Terminate { .. })).count();
    let calls = bench.tick(Span::ZERO);
    assert_eq!(ends(&calls), 0, "not seen yet: nothing is ended blindly");
    let (id, _) = calls.iter().find(|(_, c)| matches!(c, Call::List { .. })).cloned().unwrap();
    let failure = Failure::new(FailureKind::Unavailable, "list", "503", "down");
    assert_eq!(ends(&bench.reply(id, Reply::Listed(Err(failure)))), 0, "a failed look is no sight");
    let mut sent = 0;
    for _ in 0..12 {
        let calls = bench.tick(Span::from_secs(10));
        sent += ends(&calls);
        for (id, call) in calls {
            match call {
                Call::List { .. } => sent += ends(&bench.reply(id, Reply::Listed(Ok(running.clone())))),
                Call::Terminate { ids, .. } => {
                    let each = ids.into_iter().map(|id| (id, Ok(()))).collect();
                    sent += ends(&bench.reply(id, Reply::Terminated(Ok(each))));
                }
                _ => {}
            }
        }
    }
    assert!((3..=5).contains(&sent), "every 30 s in two minutes, not {sent} times");
    bench.list(vec![instance("i-1", None, Phase::Gone)]);
    assert!(bench.controller.ledger().machines().is_empty());
    assert_eq!(bench.last_note(), "gone");
}

#[test]
fn one_terminate_call_names_at_most_a_batch() {
    let leaving = Leaving { why: Cause::Surplus, since: Time::EPOCH, until: Time::EPOCH, ordered: true };
    let ids = ["i-1", "i-2", "i-3"];
    let mut bench = Bench::new(None, ids.iter().map(|id| Record::Machine(machine(id, Some(leaving)))).collect());
    bench.list(ids.iter().map(|id| instance(id, None, Phase::Running)).collect());
    let sizes: Vec<usize> = bench
        .tick(Span::from_secs(10))
        .iter()
        .filter_map(|(_, c)| if let Call::Terminate { ids, .. } = c { Some(ids.len()) } else { None })
        .collect();
    assert_eq!(sizes, [2, 1]);
}

#[test]
fn stopping_gives_out_no_calls() {
    let leaving = Leaving { why: Cause::Surplus, since: Time::EPOCH, until: Time::EPOCH, ordered: true };
    let mut bench = Bench::new(None, vec![Record::Machine(machine("i-1", Some(leaving)))]);
    bench.list(vec![instance("i-1", None, Phase::Running)]);
    let effects = bench.controller.handle(bench.now, Event::Stopping);
    assert!(bench.durable(effects).is_empty());
    assert!(bench.tick(Span::from_mins(5)).is_empty());
}

#[test]
fn the_store_follows_the_ledger() {
    let mut bench = Bench::new(None, vec![Record::Intent(intent())]);
    let mut store = BTreeMap::new();
    store.insert(Record::Intent(intent()).key(), Record::Intent(intent()));
    for _ in 0..5 {
        bench.now = bench.now.plus(Span::from_secs(10));
        let mut effects = bench.controller.handle(bench.now, Event::Tick);
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Append { seq, entries } => {
                    for entry in entries {
                        match entry {
                            Entry::Put(record) => drop(store.insert(record.key(), record)),
                            Entry::Forget(key) => drop(store.remove(&key)),
                        }
                    }
                    effects.extend(bench.controller.handle(bench.now, Event::Appended { seq }));
                }
                Effect::Call { id, call: Call::List { .. } } => {
                    let reply = Reply::Listed(Ok(Vec::new()));
                    effects.extend(bench.controller.handle(bench.now, Event::Reply { call: id, reply }));
                }
                Effect::Call { .. }
                | Effect::Answer { .. }
                | Effect::Heard { .. }
                | Effect::WakeAt(_)
                | Effect::Publish => {}
            }
        }
    }
    assert_eq!(bench.open(), 0);
    assert_eq!(store.into_values().collect::<Vec<_>>(), bench.controller.ledger().records());
}

#[test]
fn a_store_made_anew_is_doubted_until_every_lane_is_proven_and_a_crash_proves_nothing() {
    let anew = Boot { number: 0, seed: 0, at: Time::EPOCH, unproven: true };
    let mut bench = Bench::of(vec![fleet("web")], None, vec![Record::Boot(anew)]);
    let proven = |bench: &Bench, fleet: &str| bench.controller.ledger().proven(&fleet.into(), pool().lane());
    let seen = vec![instance("i-1", None, Phase::Running)];
    for _ in 0..3 {
        bench.list(seen.clone());
        assert!(!proven(&bench, "web"), "within the settle window");
    }
    let mut again = Bench::of(vec![fleet("web")], None, bench.controller.ledger().records());
    assert!(!proven(&again, "web"), "the window counts from the new start");
    for _ in 0..4 {
        again.list(seen.clone());
    }
    assert!(proven(&again, "web"));
    assert!(!proven(&again, "batch"), "a lane is proven for one fleet: what others left there is on nobody's record");
    let later = Bench::new(None, again.controller.ledger().records());
    assert!(proven(&later, "web"));
    assert!(!proven(&later, "batch"));
}

#[test]
fn spot_that_is_taken_before_it_runs_is_no_failure_and_on_demand_that_dies_is() {
    for (market, failed) in [(Market::Spot, 0), (Market::OnDemand, 1)] {
        let born = Machine { pool: pool().in_market(market), ..machine("i-1", None) };
        let mut bench = Bench::new(None, vec![Record::Machine(born)]);
        // Not seen any more, once that cannot be a lag.
        for _ in 0..5 {
            bench.list(Vec::new());
        }
        assert_eq!(bench.controller.ledger().machines().len(), 0);
        let (outcomes, _) = bench.controller.ledger().memory(&"web".into()).outcomes_at(bench.now);
        assert_eq!(outcomes.failed, failed, "{market}");
    }
}

#[test]
fn in_a_store_made_anew_a_fleet_that_comes_later_waits_for_its_own_proof() {
    let anew = Boot { number: 0, seed: 0, at: Time::EPOCH, unproven: true };
    let mut bench = Bench::of(vec![fleet("batch")], None, vec![Record::Boot(anew)]);
    let left_behind = vec![instance("i-1", None, Phase::Running)];
    for _ in 0..5 {
        bench.list(left_behind.clone());
    }
    // A crash: that the machine was seen is forgotten. Its fleet comes back while its lane is out of sight.
    let mut again = Bench::of(vec![fleet("web")], None, bench.controller.ledger().records());
    for _ in 0..3 {
        let calls = again.tick(Span::from_secs(60));
        for (id, call) in calls {
            let lost = || Failure::new(FailureKind::Unavailable, "list", "503", "out of sight");
            match call {
                Call::List { .. } => drop(again.reply(id, Reply::Listed(Err(lost())))),
                Call::Offers { .. } => drop(again.reply(id, Reply::Offered(Ok(Vec::new())))),
                _ => {}
            }
        }
        assert_eq!(again.controller.decisions().count(), 0, "it decides without the machine that it may have");
    }
}

/// Orphans are ended after a minute.
const ENDED: OrphanRule = OrphanRule { after: Span::from_mins(1), action: OrphanAction::End };

/// A fleet of another name, so that the lane is looked at, and a machine of a fleet that is not configured.
fn with_an_orphan(rule: OrphanRule, records: Vec<Record>) -> (Bench, Vec<Instance>) {
    let bench = Bench::with_orphans(rule, vec![fleet("batch")], None, records);
    (bench, vec![instance("i-2", Some("sf-9-9"), Phase::Running)])
}

#[test]
fn an_orphan_is_ended_by_the_operators_rule_after_its_grace() {
    let (mut bench, seen) = with_an_orphan(ENDED, Vec::new());
    assert_eq!(bench.watch(Span::from_secs(60), &seen), 0);
    assert!(bench.controller.ledger().machines().is_empty(), "within its grace nothing is on record as going");
    let shown = bench.controller.view().orphans.remove(0);
    assert_eq!((shown.orphan.fleet.as_str(), shown.ending), ("web", false));
    assert_eq!(shown.ends_at, Some(shown.orphan.since.plus(ENDED.after)));
    assert_eq!(bench.watch(Span::from_secs(10), &seen), 1);
    let machine = bench.controller.ledger().machines().values().next().unwrap().clone();
    let leaving = machine.leaving.unwrap();
    assert_eq!((leaving.why, leaving.ordered, machine.adopted), (Cause::Orphaned, true, true));
    assert!(bench.controller.view().orphans[0].ending);
    // As every end: repeated until it is gone, and then forgotten.
    assert!(bench.watch(Span::from_mins(2), &seen) >= 3);
    bench.list(vec![instance("i-2", Some("sf-9-9"), Phase::Gone)]);
    bench.list(Vec::new());
    assert!(bench.controller.ledger().machines().is_empty() && bench.controller.ledger().orphans().is_empty());
}

#[test]
fn without_the_rule_an_orphan_is_left_alone_for_ever() {
    let (mut bench, seen) = with_an_orphan(OrphanRule { action: OrphanAction::Report, ..ENDED }, Vec::new());
    assert_eq!(bench.watch(Span::from_hours(10), &seen), 0);
    let shown = bench.controller.view().orphans.remove(0);
    assert_eq!((shown.orphan.id.as_str(), shown.ends_at, shown.ending), ("i-2", None, false));
    let notes = bench.controller.ledger().notes().filter(|n| n.what == "orphan").count();
    assert_eq!(notes, 1, "said once");
}

#[test]
fn the_grace_of_an_orphan_outlasts_a_restart_and_not_the_machine() {
    let (mut bench, seen) = with_an_orphan(ENDED, Vec::new());
    bench.watch(Span::from_secs(20), &seen);
    let (mut again, _) = with_an_orphan(ENDED, bench.controller.ledger().records());
    // Away for 50 s: the grace counts from when it was first seen, not from when this run first saw it.
    again.tick(Span::from_secs(50));
    assert_eq!(again.watch(Span::from_secs(20), &seen), 0, "the listing of before the pause is still out");
    let (mut later, _) = with_an_orphan(ENDED, bench.controller.ledger().records());
    assert_eq!(later.watch(Span::from_secs(60), &seen), 1);
    // Not listed for a moment: another grace.
    let (mut flicker, _) = with_an_orphan(ENDED, Vec::new());
    flicker.watch(Span::from_secs(50), &seen);
    flicker.list(Vec::new());
    assert_eq!(flicker.watch(Span::from_secs(60), &seen), 0);
    assert_eq!(flicker.watch(Span::from_secs(10), &seen), 1);
}

#[test]
fn an_orphan_whose_fleet_comes_back_is_adopted_and_stays() {
    let (mut bench, seen) = with_an_orphan(ENDED, Vec::new());
    bench.watch(Span::from_secs(50), &seen);
    let reloaded = |fleets| Event::Reloaded { fleets, rates: Rates::default(), budget: None, orphans: ENDED };
    let effects = bench.controller.handle(bench.now, reloaded(vec![fleet("batch"), fleet("web")]));
    bench.durable(effects);
    assert!(bench.controller.ledger().orphans().is_empty());
    assert_eq!(bench.watch(Span::from_mins(10), &seen), 0);
    // Taken out again, it is on record; its grace begins anew.
    let effects = bench.controller.handle(bench.now, reloaded(vec![fleet("batch")]));
    bench.durable(effects);
    assert_eq!(bench.watch(Span::from_secs(60), &seen), 0);
    assert_eq!(bench.watch(Span::from_secs(10), &seen), 1);
}

#[test]
fn an_orphan_is_not_ended_in_a_lane_that_is_not_seen() {
    let (mut bench, seen) = with_an_orphan(ENDED, Vec::new());
    bench.watch(Span::from_secs(20), &seen);
    for minutes in 0..20 {
        // The first listing fails while the machine is within its grace: what was seen before does not count any more.
        let calls = bench.tick(if minutes == 0 { Span::from_secs(10) } else { Span::from_mins(1) });
        assert!(!calls.iter().any(|(_, call)| matches!(call, Call::Terminate { .. })), "{calls:?}");
        if let Some((id, _)) = calls.iter().find(|(_, c)| matches!(c, Call::List { .. })) {
            let failure = Failure::new(FailureKind::Unavailable, "list", "503", "down");
            assert_eq!(bench.reply(*id, Reply::Listed(Err(failure))), []);
        }
    }
    assert!(bench.controller.ledger().machines().is_empty());
    assert!(bench.watch(Span::from_mins(3), &seen) >= 1, "seen again, it goes");
}

#[test]
fn after_a_loss_of_the_store_no_orphan_is_ended_before_everything_is_proven() {
    let short = OrphanRule { after: Span::from_secs(10), ..ENDED };
    let anew = Boot { number: 0, seed: 0, at: Time::EPOCH, unproven: true };
    let (mut bench, seen) = with_an_orphan(short, vec![Record::Boot(anew)]);
    // The settle window is 35 s; listings are asked for at 10, 20, 30 and 40 s.
    assert_eq!(bench.watch(Span::from_secs(40), &seen), 0);
    assert!(bench.controller.ledger().proven(&"batch".into(), pool().lane()));
    assert_eq!(bench.watch(Span::from_secs(10), &seen), 1);
}

#[test]
fn a_machine_of_a_fleet_that_was_taken_out_is_an_orphan_unless_it_is_protected() {
    let records = vec![Record::Machine(machine("i-1", None)), Record::Machine(machine("i-2", None))];
    let protection = Record::Override(Override {
        fleet: "web".into(),
        setting: orders::Setting::Protect(pool().lane().clone(), "i-1".into()),
        by: "operator".to_owned(),
        why: "a look".to_owned(),
        at: Time::EPOCH,
        until: None,
    });
    let seen = vec![instance("i-1", None, Phase::Running), instance("i-2", None, Phase::Running)];
    let mut bench = Bench::with_orphans(ENDED, Vec::new(), None, [records, vec![protection]].concat());
    bench.watch(Span::from_mins(5), &seen);
    let going: Vec<_> = bench.controller.ledger().machines().values().map(|m| m.leaving.is_some()).collect();
    assert_eq!(going, [false, true]);
}

#[test]
fn what_is_left_of_a_promised_machine_that_was_lost_before_it_was_seen_is_ended() {
    let mut bench = Bench::new(None, vec![Record::Intent(intent())]);
    let left = vec![instance("i-1", Some("sf-1-1"), Phase::Ending)];
    bench.list(left.clone());
    let leaving = bench.controller.ledger().machines().values().next().and_then(|m| m.leaving);
    assert!(leaving.is_some_and(|l| l.ordered), "{leaving:?}");
    let ends = |calls: &[(CallId, Call)]| calls.iter().filter(|(_, c)| matches!(c, Call::Terminate { .. })).count();
    let mut sent = 0;
    for _ in 0..6 {
        let calls = bench.tick(Span::from_secs(10));
        sent += ends(&calls);
        for (id, _) in calls.iter().filter(|(_, call)| matches!(call, Call::List { .. })) {
            sent += ends(&bench.reply(*id, Reply::Listed(Ok(left.clone()))));
        }
    }
    assert!((1..=2).contains(&sent), "what is left of it is ended, {sent} times in a minute");
    // Of what was never promised nothing is known, and it goes by itself.
    let mut bench = Bench::of(vec![fleet("web")], None, Vec::new());
    bench.list(left);
    assert!(bench.controller.ledger().machines().is_empty());
}

#[test]
fn what_our_own_limit_holds_back_comes_to_its_turn_and_tells_nothing_of_the_provider() {
    let mut bench = Bench::new(None, vec![Record::Machine(machine("i-1", None))]);
    bench.list(vec![instance("i-1", None, Phase::Running)]);
    let paced = |seconds| Failure {
        retry_after: Some(Span::from_secs(seconds)),
        ..Failure::new(FailureKind::Paced, "launch", "rate-limit", "held back")
    };
    let until = |bench: &Bench| {
        let closures: Vec<_> = bench.controller.ledger().closures().values().map(|c| (c.kind, c.until)).collect();
        assert_eq!(closures.len(), 1, "{closures:?}");
        closures[0]
    };
    // However often it was held back before, it waits as long as the limit says.
    for _ in 0..5 {
        bench.controller.now = bench.now;
        bench.controller.close(&pool(), &paced(4));
        assert_eq!(until(&bench), (FailureKind::Paced, bench.now.plus(Span::from_secs(4))));
        bench.now = bench.now.plus(Span::from_secs(5));
    }
    // What the provider itself asked for is not cut short.
    bench.controller.now = bench.now;
    bench.controller.close(&pool(), &Failure { kind: FailureKind::Throttled, ..paced(60) });
    bench.controller.close(&pool(), &paced(4));
    assert_eq!(until(&bench), (FailureKind::Throttled, bench.now.plus(Span::from_secs(60))));

    // A listing that did not leave is no loss of sight, as one that failed is.
    let sight = |bench: &Bench| bench.controller.view().lanes[0].sight;
    for (failure, seen) in [(paced(1), true), (Failure { kind: FailureKind::Throttled, ..paced(1) }, false)] {
        bench.list(vec![instance("i-1", None, Phase::Running)]);
        let calls = bench.tick(Span::from_secs(10));
        let (id, _) = calls.iter().find(|(_, c)| matches!(c, Call::List { .. })).cloned().unwrap();
        bench.reply(id, Reply::Listed(Err(failure)));
        assert_eq!(matches!(sight(&bench), Sight::Complete { .. }), seen, "{:?}", sight(&bench));
    }
}
