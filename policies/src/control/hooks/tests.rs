//! Facts about drain hooks.

use super::*;
use crate::control::ledger::Leaving;
use crate::control::tests::{Bench, fleet, instance, machine};
use crate::control::{CallId, Effect, Event, Record, Reply};
use crate::failure::FailureKind;
use crate::model::Fleet;
use crate::plan::Cause;
use crate::units::{Span, Time};

fn with_hook() -> Fleet {
    let mut wanted = fleet("web");
    wanted.demand.sources.clear();
    wanted.scale_down.drain_hook = true;
    wanted
}

fn told() -> Record {
    let at = Time::from_millis(1_000_000);
    Record::Machine(machine(
        "i-3",
        Some(Leaving { why: Cause::Surplus, since: at, until: at.plus(Span::from_hours(1)), ordered: false }),
    ))
}

/// A fleet that wants two machines has two, and a third that was told to go.
fn records() -> Vec<Record> {
    vec![Record::Machine(machine("i-1", None)), Record::Machine(machine("i-2", None)), told()]
}

/// Looks, so that it decides; gives the calls of hooks on the way.
fn look(bench: &mut Bench) -> Vec<(CallId, Hook)> {
    let mut calls = bench.tick(Span::from_secs(10));
    let offers = calls.iter().find(|(_, c)| matches!(c, Call::Offers { .. })).map(|(id, _)| *id).unwrap();
    calls.extend(bench.reply(offers, Reply::Offered(Ok(Vec::new()))));
    let list = calls.iter().find(|(_, c)| matches!(c, Call::List { .. })).map(|(id, _)| *id).unwrap();
    let listed = ["i-1", "i-2", "i-3"].map(|id| instance(id, None, Phase::Running));
    calls.extend(bench.reply(list, Reply::Listed(Ok(listed.to_vec()))));
    hooks(calls)
}

fn hooks(calls: Vec<(CallId, Call)>) -> Vec<(CallId, Hook)> {
    calls.into_iter().filter_map(|(id, c)| if let Call::Hook(hook) = c { Some((id, hook)) } else { None }).collect()
}

fn ended(calls: &[(CallId, Call)]) -> Vec<String> {
    let ids = calls.iter().filter_map(|(_, c)| if let Call::Terminate { ids, .. } = c { Some(ids) } else { None });
    ids.flatten().map(ToString::to_string).collect()
}

fn last_note(bench: &Bench) -> (&'static str, String) {
    let note = bench.controller.ledger().notes().next_back().unwrap();
    (note.what, note.text.clone())
}

#[test]
fn a_hook_is_called_once_a_start_and_again_by_the_next() {
    let mut bench = Bench::of(vec![with_hook()], None, records());
    let called = look(&mut bench);
    let ids: Vec<_> = called.iter().map(|(_, hook)| hook.instance.as_str()).collect();
    assert_eq!(ids, ["i-3"]);
    assert_eq!(hooks(bench.tick(Span::from_secs(10))), [], "it is out");
    drop(bench.reply(called[0].0, Reply::Hooked(Ok(false))));
    assert_eq!(hooks(bench.tick(Span::from_secs(10))), []);
    let mut next = Bench::of(vec![with_hook()], None, bench.controller.ledger().records());
    assert_eq!(look(&mut next).len(), 1);
    assert_eq!(look(&mut Bench::of(vec![fleet("web")], None, records())), [], "no hook is configured");
}

#[test]
fn a_hook_waits_until_it_is_durable_that_the_machine_was_told() {
    let mut bench = Bench::of(vec![with_hook()], None, Vec::new());
    drop(bench.tick(Span::from_secs(10)));
    bench.controller.ledger.put(told());
    bench.now = bench.now.plus(Span::from_secs(10));
    let effects = bench.controller.handle(bench.now, Event::Tick);
    assert!(!effects.iter().any(|e| matches!(e, Effect::Call { call: Call::Hook(_), .. })));
    assert_eq!(hooks(bench.durable(effects)).len(), 1);
}

#[test]
fn who_has_finished_is_ended_at_once() {
    let mut bench = Bench::of(vec![with_hook()], None, records());
    let called = look(&mut bench);
    let calls = bench.reply(called[0].0, Reply::Hooked(Ok(true)));
    assert_eq!(ended(&calls), ["i-3"]);
    assert!(bench.controller.ledger().notes().any(|n| n.what == "hooked" && n.text.ends_with("it has finished")));
}

#[test]
fn a_failed_hook_is_noted_and_changes_nothing() {
    let mut bench = Bench::of(vec![with_hook()], None, records());
    let called = look(&mut bench);
    let failure = Failure::new(FailureKind::Unavailable, "drain hook", "timeout", "no end within 30s");
    let calls = bench.reply(called[0].0, Reply::Hooked(Err(failure)));
    assert_eq!(ended(&calls), Vec::<String>::new());
    let (what, text) = last_note(&bench);
    assert_eq!(what, "hook-failed");
    assert!(text.contains("i-3") && text.contains("no end within 30s"), "{text}");
    assert_eq!(hooks(bench.tick(Span::from_secs(10))), [], "once a start");
}

#[test]
fn what_is_gone_or_has_no_time_left_is_not_told() {
    let mut bench = Bench::of(vec![with_hook()], None, Vec::new());
    let at = bench.now;
    let ordered = Leaving { why: Cause::Surplus, since: at, until: at.plus(Span::from_hours(1)), ordered: true };
    bench.controller.ledger.put(Record::Machine(machine("i-4", Some(ordered))));
    let over = Leaving { until: at, ordered: false, ..ordered };
    bench.controller.ledger.put(Record::Machine(machine("i-5", Some(over))));
    let taken = Leaving { why: Cause::Interruption, ordered: false, ..ordered };
    bench.controller.ledger.put(Record::Machine(machine("i-6", Some(taken))));
    bench.controller.notices.insert(("sim".into(), "i-6".into()), at);
    assert_eq!(hooks(bench.tick(Span::from_secs(10))), []);
}
