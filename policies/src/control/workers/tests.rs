//! Facts about the words of workers.

use super::*;
use crate::control::tests::{Bench, fleet, instance, machine};
use crate::control::{Call, Effect, Event, OrderId, Record, Reply};
use crate::model::Phase;
use crate::plan::Cause;

fn say(bench: &mut Bench, id: &str, work: Work) -> Result<Option<Leaving>, Refusal> {
    let word = Word { instance: id.into(), work, lasts: WORD_LASTS };
    let effects = bench.controller.handle(bench.now, Event::Worker { id: OrderId(3), word });
    let answers: Vec<_> = effects
        .iter()
        .filter_map(|e| if let Effect::Heard { id, answer } = e { Some((*id, answer)) } else { None })
        .collect();
    let [(OrderId(3), answer)] = answers.as_slice() else { panic!("{answers:?}") };
    let answer = (*answer).clone();
    drop(bench.durable(effects));
    answer
}

fn work(bench: &Bench, id: &str) -> Work {
    let record = bench.controller.ledger().machines().iter().find(|(key, _)| key.1.as_str() == id);
    record.map_or(Work::Unknown, |(key, machine)| bench.controller.work_of(key, machine))
}

fn drained(at: Time) -> Leaving {
    Leaving { why: Cause::Ordered, since: at, until: at.plus(Span::from_hours(1)), ordered: false }
}

/// A fleet that wants two machines has two, and a third that was told to go.
fn bench() -> Bench {
    let told = Some(drained(Time::from_millis(1_000_000)));
    let records = [("i-1", None), ("i-2", None), ("i-3", told)];
    let records = records.map(|(id, leaving)| Record::Machine(machine(id, leaving)));
    let mut wanted = fleet("web");
    wanted.demand.sources.clear();
    let mut bench = Bench::of(vec![wanted], None, records.to_vec());
    // It decides once it has looked for machines and for prices.
    let calls = bench.tick(Span::from_secs(10));
    let offers = calls.iter().find(|(_, call)| matches!(call, Call::Offers { .. })).map(|(id, _)| *id).unwrap();
    drop(bench.reply(offers, Reply::Offered(Ok(Vec::new()))));
    let list = calls.iter().find(|(_, call)| matches!(call, Call::List { .. })).map(|(id, _)| *id).unwrap();
    let listed = ["i-1", "i-2", "i-3"].map(|id| instance(id, None, Phase::Running));
    drop(bench.reply(list, Reply::Listed(Ok(listed.to_vec()))));
    bench
}

#[test]
fn a_word_is_believed_for_its_time_and_no_longer_than_the_process() {
    let mut bench = bench();
    assert_eq!(say(&mut bench, "i-1", Work::Busy), Ok(None));
    assert_eq!((work(&bench, "i-1"), work(&bench, "i-2")), (Work::Busy, Work::Unknown));
    bench.now = bench.now.plus(Span::from_millis(WORD_LASTS.as_millis() - 1));
    drop(bench.controller.handle(bench.now, Event::Tick));
    assert_eq!(work(&bench, "i-1"), Work::Busy);
    bench.now = bench.now.plus(Span::from_millis(1));
    drop(bench.controller.handle(bench.now, Event::Tick));
    assert_eq!(work(&bench, "i-1"), Work::Unknown);

    say(&mut bench, "i-1", Work::Busy).unwrap();
    let records = bench.controller.ledger().records();
    assert_eq!(work(&Bench::of(vec![fleet("web")], None, records), "i-1"), Work::Unknown);
}

#[test]
fn the_word_of_no_machine_is_refused() {
    let mut bench = bench();
    assert_eq!(say(&mut bench, "i-9", Work::Idle), Err(Refusal::NoMachine("i-9".into())));
    drop(bench.controller.handle(bench.now, Event::Stopping));
    assert_eq!(say(&mut bench, "i-1", Work::Idle), Err(Refusal::Stopping));
}

#[test]
fn who_is_told_to_go_hears_it_and_ends_at_once_when_idle_after_that() {
    let mut bench = bench();
    let ended = |bench: &Bench| {
        let machines = bench.controller.ledger().machines().values();
        machines.filter(|m| m.leaving.is_some_and(|l| l.ordered)).map(|m| m.id.to_string()).collect::<Vec<_>>()
    };
    let leaving = say(&mut bench, "i-3", Work::Busy).unwrap().unwrap();
    assert_eq!(leaving.why, Cause::Ordered);
    assert_eq!((work(&bench, "i-3"), ended(&bench)), (Work::Busy, Vec::new()));
    say(&mut bench, "i-3", Work::Idle).unwrap();
    assert_eq!(ended(&bench), ["i-3"]);
}

#[test]
fn who_was_idle_before_it_was_told_to_go_may_have_taken_work_since() {
    let mut bench = bench();
    say(&mut bench, "i-1", Work::Idle).unwrap();
    assert_eq!(work(&bench, "i-1"), Work::Idle);
    let told = machine("i-1", Some(drained(bench.now)));
    bench.controller.ledger.put(Record::Machine(told));
    assert_eq!(work(&bench, "i-1"), Work::Unknown);
    say(&mut bench, "i-1", Work::Idle).unwrap();
    assert_eq!(work(&bench, "i-1"), Work::Idle);
}

fn watch(bench: &mut Bench, seen: &[(&str, Work)]) {
    let seen = seen.iter().map(|(id, work)| ((*id).into(), *work)).collect();
    let event = Event::Watched { fleet: "web".into(), seen, lasts: WORD_LASTS };
    let effects = bench.controller.handle(bench.now, event);
    drop(bench.durable(effects));
}

#[test]
fn what_is_watched_is_believed_until_it_is_read_again_or_old_and_a_word_comes_before_it() {
    let mut bench = bench();
    watch(&mut bench, &[("i-1", Work::Idle), ("i-2", Work::Busy), ("i-9", Work::Busy)]);
    assert_eq!((work(&bench, "i-1"), work(&bench, "i-2")), (Work::Idle, Work::Busy));
    say(&mut bench, "i-1", Work::Busy).unwrap();
    watch(&mut bench, &[("i-1", Work::Idle)]);
    assert_eq!((work(&bench, "i-1"), work(&bench, "i-2")), (Work::Busy, Work::Unknown));
    say(&mut bench, "i-1", Work::Unknown).unwrap();
    assert_eq!(work(&bench, "i-1"), Work::Idle);
    bench.now = bench.now.plus(WORD_LASTS);
    drop(bench.controller.handle(bench.now, Event::Tick));
    assert_eq!(work(&bench, "i-1"), Work::Unknown);
    assert_eq!(bench.controller.watched.len(), 0);
}

#[test]
fn a_machine_that_was_told_to_go_is_not_ended_for_what_is_watched() {
    let mut bench = bench();
    watch(&mut bench, &[("i-3", Work::Idle)]);
    assert_eq!(work(&bench, "i-3"), Work::Unknown);
    watch(&mut bench, &[("i-3", Work::Busy)]);
    assert_eq!(work(&bench, "i-3"), Work::Busy);
    let machines = bench.controller.ledger().machines().values();
    assert!(machines.clone().all(|m| m.leaving.is_none_or(|l| !l.ordered)));
}
