//! Decisions that are kept: with each promise, over a restart, and not without end.

use super::*;
use crate::control::decisions::{DECISION_PARTS, ENDED, Part};
use crate::model::Shape;
use crate::plan::{Action, Kind, LaunchWhy, Memory};
use crate::report::{Basis, Sizing, Step};
use crate::units::{Currency, ListPrice};

/// A plan and a report with this many launches.
fn decision(at: Time, launches: usize) -> (Plan, Report) {
    let action = Action::Launch {
        pool: pool(),
        spec: "web/0".into(),
        count: 1,
        units: Capacity::ONE,
        price: PricePerHour::from_micros(30_000),
        why: LaunchWhy::Spot,
    };
    let plan = Plan {
        fleet: "web".into(),
        at,
        kind: if launches == 0 { Kind::Rest } else { Kind::Grow },
        actions: vec![action; launches],
        target: Capacity::units(2),
        memory: Memory::default(),
        price_before: PricePerHour::ZERO,
        price_after: PricePerHour::ZERO,
        wake_at: None,
    };
    let step = |action| Step {
        action,
        reason: "of 2 spot 2 lacks".to_owned(),
        adds: PricePerHour::from_micros(30_000),
        saves: PricePerHour::ZERO,
        refused: Vec::new(),
    };
    let sizing = Sizing {
        need: Capacity::units(2),
        basis: Basis::Minimum,
        others: Vec::new(),
        forecast: None,
        limits: Vec::new(),
        target: Capacity::units(2),
        previous: Some(Capacity::units(2)),
    };
    let report = Report {
        fleet: "web".into(),
        at,
        currency: Currency::Usd,
        sizing,
        held: Capacity::ZERO,
        held_on_demand: Capacity::ZERO,
        steps: (0..launches).map(step).collect(),
        waits: Vec::new(),
        budgets: Vec::new(),
    };
    (plan, report)
}

fn keep(bench: &mut Bench, plan: &Plan, report: &Report, token: &str) -> Option<u64> {
    let number = bench.controller.number_to_keep(plan, report)?;
    let tokens = (0..plan.actions.len()).map(|n| (n, Token::from(token))).collect();
    bench.controller.keep(number, plan, report, &tokens);
    Some(number)
}

#[test]
fn a_promise_is_put_with_its_reasons_and_a_restart_changes_none_of_them() {
    let mut bench = Bench::of(vec![fleet("web")], None, Vec::new());
    let mut calls = bench.tick(Span::ZERO);
    let offer = Offer {
        pool: pool(),
        price: ListPrice::usd(30_000),
        priced_at: Time::EPOCH,
        shape: Shape { vcpus: 1, ..Shape::default() },
    };
    let mut batches = Vec::new();
    while let Some((call, asked)) = calls.pop() {
        let reply = match asked {
            Call::List { .. } => Reply::Listed(Ok(Vec::new())),
            Call::Offers { .. } => Reply::Offered(Ok(vec![Ok(offer.clone())])),
            Call::Launch(_) => Reply::Launched(Ok(Launched { ids: vec!["i-1".into(), "i-2".into()], shortfall: None })),
            _ => continue,
        };
        let effects = bench.controller.handle(bench.now, Event::Reply { call, reply });
        batches.extend(
            effects
                .iter()
                .filter_map(|e| if let Effect::Append { entries, .. } = e { Some(entries.clone()) } else { None }),
        );
        calls.extend(bench.durable(effects));
    }
    let promise = |entries: &&Vec<Entry>| entries.iter().any(|e| matches!(e, Entry::Put(Record::Intent(_))));
    let batch = batches.iter().find(promise).unwrap();
    let reasons = batch.iter().filter_map(|e| match e {
        Entry::Put(Record::Decision(part)) => Some(&part.part),
        _ => None,
    });
    let tokens: Vec<_> =
        reasons.filter_map(|part| if let Part::Step(s) = part { s.token.clone() } else { None }).collect();
    assert_eq!(tokens.len(), 1, "the reasons stand in the batch of the promise: {batch:?}");

    let told = bench.controller.ledger().decisions().of_promise(&tokens[0]).unwrap();
    assert!(told.report.steps[0].reason.contains("lacks"), "{told:?}");
    let machine = bench.controller.ledger().machines().values().next().unwrap().clone();
    assert_eq!(machine.token.as_ref(), Some(&tokens[0]));
    let note = bench.controller.ledger().notes().find(|n| n.what == "launched").unwrap();
    assert_eq!(note.decision, Some(told.number));
    let again = Bench::new(None, bench.controller.ledger().records());
    assert_eq!(again.controller.ledger().decisions().of_promise(&tokens[0]), Some(told));

    // Gone, and remembered.
    bench.controller.gone(&(pool().lane().clone(), machine.id.clone()));
    let again = Bench::new(None, bench.controller.ledger().records());
    assert_eq!(again.controller.ledger().ended().values().next().unwrap().machine, machine);
}

#[test]
fn old_decisions_are_forgotten_but_not_what_a_machine_came_from() {
    let lives = Machine { token: Some("t-0".into()), ..machine("i-1", None) };
    let mut bench = Bench::new(None, vec![Record::Machine(lives)]);
    for n in 0..DECISION_PARTS {
        let (plan, report) = decision(bench.now, 2);
        keep(&mut bench, &plan, &report, &format!("t-{n}")).unwrap();
    }
    let decisions = bench.controller.ledger().decisions().clone();
    let parts = decisions.parts().count();
    assert!(parts > DECISION_PARTS / 2 && parts <= DECISION_PARTS + 6, "{parts}");
    assert_eq!(decisions.of_promise(&"t-0".into()).unwrap().report.steps.len(), 2);
    assert_eq!(decisions.of_promise(&"t-1".into()), None);
    let last = format!("t-{}", DECISION_PARTS - 1);
    assert_eq!(decisions.newest(&"web".into()), decisions.of_promise(&last.as_str().into()));
    // What is on record is what is in mind.
    let again = Bench::new(None, bench.controller.ledger().records());
    assert_eq!(*again.controller.ledger().decisions(), decisions);
}

#[test]
fn a_decision_that_says_the_same_is_not_written_again() {
    let mut bench = Bench::new(None, Vec::new());
    let (plan, report) = decision(bench.now, 1);
    assert_eq!(keep(&mut bench, &plan, &report, "t-1"), Some(1));
    let (plan, report) = decision(bench.now, 0);
    assert_eq!(keep(&mut bench, &plan, &report, "-"), Some(2));
    assert_eq!(keep(&mut bench, &plan, &report, "-"), None);
    // Another amount is written once in a while, and takes the place of the one before.
    let dearer = Plan { price_before: PricePerHour::from_micros(7), ..plan };
    assert_eq!(keep(&mut bench, &dearer, &report, "-"), None);
    drop(bench.tick(Span::from_mins(2)));
    assert_eq!(keep(&mut bench, &dearer, &report, "-"), Some(3));
    let other = Sizing { limits: vec![crate::report::Limit::Min], ..report.sizing.clone() };
    assert_eq!(keep(&mut bench, &dearer, &Report { sizing: other, ..report }, "-"), Some(4));
    let decisions = bench.controller.ledger().decisions();
    assert_eq!((decisions.with_number(2), decisions.with_number(3)), (None, None));
    assert_eq!(decisions.newest(&"web".into()).unwrap().number, 4);
    assert_eq!(decisions.newest_deed(&"web".into()).unwrap().number, 1);
}

#[test]
fn a_thousand_machines_that_are_gone_are_remembered() {
    let mut bench = Bench::new(None, Vec::new());
    for n in 0..ENDED + 5 {
        bench.controller.keep_ended(&machine(&format!("i-{n}"), None));
    }
    let ended = bench.controller.ledger().ended();
    assert_eq!((ended.len(), ended.first_key_value().unwrap().1.machine.id.as_str()), (ENDED, "i-5"));
}
