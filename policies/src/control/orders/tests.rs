//! Facts about orders: what they change, when they are answered, when they are over.

use std::collections::BTreeMap;

use super::*;
use crate::control::{Call, Effect, Event, OrderId, Setup};
use crate::cost::Rates;
use crate::model::{Capabilities, Pool};
use crate::plan::tests::World;
use crate::units::PricePerHour;

const START: Time = Time::from_millis(1_000_000_000);

fn fleet() -> Fleet {
    // A minimum of 2, a maximum of 1,000, two minutes to drain.
    World::new(2, 0).fleet
}

fn machine(id: &str, fleet: &str) -> Machine {
    Machine {
        id: id.into(),
        fleet: fleet.into(),
        pool: Pool::new("sim", "r", "z", "t", crate::model::Market::Spot),
        units: Capacity::ONE,
        price: PricePerHour::ZERO,
        born: START,
        token: None,
        ready: None,
        adopted: true,
        leaving: None,
    }
}

fn start(records: Vec<Record>, now: Time) -> Controller {
    let caps = Capabilities {
        token_lifetime: None,
        visibility_lag: Span::from_secs(10),
        call_deadline: Span::from_secs(20),
        notice_lead: Span::ZERO,
        launch_batch: 10,
        terminate_batch: 10,
        billing_step: Span::from_secs(1),
        billing_minimum: Span::ZERO,
        free_if_taken_within: Span::ZERO,
    };
    let setup = Setup {
        fleets: vec![fleet()],
        providers: BTreeMap::from([("sim".into(), caps)]),
        rates: Rates::default(),
        budget: None,
        orphans: super::super::OrphanRule::default(),
        zone: std::sync::Arc::new(crate::schedule::TimeZone::utc()),
        tick: Span::from_secs(10),
        boot_seed: 1,
        rebuilt: false,
    };
    let mut controller = Controller::recover(setup, records, now);
    drop(controller.handle(now, Event::Tick));
    controller
}

/// Gives an order; what was answered at once, and what after all was durable.
fn give(controller: &mut Controller, now: Time, what: What) -> (bool, Result<String, Refusal>) {
    let order = Order { what, by: "operator".to_owned(), why: "a look".to_owned() };
    let effects = controller.handle(now, Event::Ordered { id: OrderId(7), order });
    let answer = |effects: &[Effect]| {
        effects
            .iter()
            .find_map(|e| if let Effect::Answer { id: OrderId(7), answer } = e { Some(answer.clone()) } else { None })
    };
    if let Some(answer) = answer(&effects) {
        return (true, answer);
    }
    let durable = Event::Appended { seq: controller.ledger().taken_seq() };
    (false, answer(&controller.handle(now, durable)).unwrap())
}

fn set(setting: Setting, length: Option<Span>) -> What {
    What::Set("web".into(), setting, length)
}

#[test]
fn an_order_is_answered_when_it_is_durable_and_a_refusal_at_once() {
    let mut controller = start(Vec::new(), START);
    let (at_once, answer) = give(&mut controller, START, set(Setting::Pause, Some(Span::from_mins(5))));
    assert_eq!((at_once, answer.unwrap().as_str()), (false, "paused for 5m"));
    let (at_once, answer) = give(&mut controller, START, What::Set("no".into(), Setting::Pause, None));
    assert_eq!((at_once, answer), (true, Err(Refusal::NoFleet("no".into()))));
}

#[test]
fn orders_outlast_a_restart_and_end_in_time() {
    let mut controller = start(Vec::new(), START);
    give(&mut controller, START, set(Setting::Pause, Some(Span::from_mins(5)))).1.unwrap();
    give(&mut controller, START, set(Setting::Min(Capacity::units(4)), None)).1.unwrap();
    let later = START.plus(Span::from_mins(4));
    let mut controller = start(controller.ledger().records(), later);
    assert!(controller.paused(&"web".into()));
    assert_eq!(controller.view().fleets[0].orders.len(), 2);
    let over = START.plus(Span::from_mins(5));
    // It wakes for the end.
    let wakes = controller.handle(later, Event::Tick);
    assert!(wakes.iter().any(|e| matches!(e, Effect::WakeAt(at) if *at <= over)));
    drop(controller.handle(over, Event::Tick));
    assert!(!controller.paused(&"web".into()));
    assert_eq!(controller.effective(&fleet()).min, Capacity::units(4), "this one has no end");
    assert_eq!(controller.ledger().overrides().len(), 1);
}

#[test]
fn a_clock_set_back_lengthens_no_order() {
    let mut controller = start(Vec::new(), START);
    give(&mut controller, START, set(Setting::Pause, Some(Span::from_mins(5)))).1.unwrap();
    let earlier = START.minus(Span::from_hours(10));
    let mut controller = start(controller.ledger().records(), earlier);
    drop(controller.handle(earlier.plus(Span::from_mins(5)), Event::Tick));
    assert!(!controller.paused(&"web".into()));
}

#[test]
fn limits_stand_in_for_those_of_the_file_until_they_are_lifted() {
    let mut controller = start(Vec::new(), START);
    let bounds = |controller: &Controller| {
        let fleet = fleet();
        let wanted = controller.effective(&fleet);
        (wanted.min, wanted.max)
    };
    let (two, five, thousand) = (Capacity::units(2), Capacity::units(5), Capacity::units(1_000));
    give(&mut controller, START, set(Setting::Max(five), None)).1.unwrap();
    assert_eq!(bounds(&controller), (two, five));
    let refused = give(&mut controller, START, set(Setting::Min(Capacity::units(6)), None)).1;
    assert_eq!(refused, Err(Refusal::MinAboveMax { min: Capacity::units(6), max: five }));
    give(&mut controller, START, What::Lift("web".into(), Slot::Max)).1.unwrap();
    assert_eq!(bounds(&controller), (two, thousand));
    let refused = give(&mut controller, START, What::Lift("web".into(), Slot::Max)).1;
    assert_eq!(refused, Err(Refusal::NothingToLift("web".into(), Slot::Max)));
}

#[test]
fn a_minimum_above_a_lowered_maximum_counts_as_the_maximum() {
    let mut controller = start(Vec::new(), START);
    give(&mut controller, START, set(Setting::Min(Capacity::units(8)), None)).1.unwrap();
    // The file's maximum is lowered below it.
    let small = Fleet { max: Capacity::units(5), ..fleet() };
    assert_eq!(controller.effective(&small).min, Capacity::units(5));
}

#[test]
fn an_order_wins_over_schedules() {
    let schedule = |min, max| crate::schedule::tests::always(min, max);
    let file = Fleet { schedules: vec![schedule(Some(8), None), schedule(None, Some(10))], ..fleet() };
    let bounds = |min: Option<u64>, max: Option<u64>| {
        let ordered = Ordered { min: min.map(Capacity::units), max: max.map(Capacity::units) };
        let bounds = crate::schedule::Bounds::of(&ordered.of(&file), START);
        (bounds.min.milli() / 1_000, bounds.max.milli() / 1_000)
    };
    assert_eq!(bounds(None, None), (8, 10));
    assert_eq!(bounds(Some(3), None), (3, 10));
    assert_eq!(bounds(Some(12), None), (12, 12), "no schedule cuts what is ordered");
    assert_eq!(bounds(None, Some(20)), (8, 20));
    assert_eq!(bounds(None, Some(5)), (5, 5));
    assert_eq!(bounds(Some(3), Some(20)), (3, 20));
}

#[test]
fn a_protected_machine_is_known_as_such_until_it_is_gone() {
    let mut controller = start(vec![Record::Machine(machine("i-1", "web"))], START);
    give(&mut controller, START, What::Protect("i-1".into(), None)).1.unwrap();
    let holdings = controller.holdings(&"web".into());
    assert!(holdings[0].protected);
    assert_eq!(give(&mut controller, START, What::Drain("i-1".into())).1, Err(Refusal::Protected("i-1".into())));
    controller.gone(&(machine("i-1", "web").pool.lane().clone(), "i-1".into()));
    assert!(controller.ledger().overrides().is_empty());
    assert_eq!(
        give(&mut controller, START, What::Protect("i-1".into(), None)).1,
        Err(Refusal::NoMachine("i-1".into()))
    );
}

#[test]
fn a_drain_counts_from_now_and_is_ordered_once() {
    let mut controller = start(vec![Record::Machine(machine("i-1", "web"))], START);
    give(&mut controller, START, What::Drain("i-1".into())).1.unwrap();
    let leaving = controller.ledger().machines().values().next().unwrap().leaving.unwrap();
    let until = START.plus(Span::from_mins(2));
    assert_eq!(leaving, Leaving { why: Cause::Ordered, since: START, until, ordered: false });
    let again = give(&mut controller, START, What::Drain("i-1".into())).1;
    assert_eq!(again, Err(Refusal::Leaving("i-1".into(), Cause::Ordered)));
    assert_eq!(
        give(&mut controller, START, What::Protect("i-1".into(), None)).1,
        Err(Refusal::Leaving("i-1".into(), Cause::Ordered))
    );
}

#[test]
fn a_machine_of_no_configured_fleet_is_ended_without_a_drain() {
    let mut controller = start(vec![Record::Machine(machine("i-1", "old"))], START);
    give(&mut controller, START, What::Drain("i-1".into())).1.unwrap();
    assert!(controller.ledger().machines().values().next().unwrap().leaving.unwrap().ordered);
    // The end leaves once its lane is seen.
    let sent = controller.calls.values().any(|(call, _)| matches!(call, Call::Terminate { .. }));
    assert!(!sent);
}

#[test]
fn an_order_without_who_or_why_is_refused() {
    let mut controller = start(Vec::new(), START);
    for (by, why) in [("", "why"), ("who", " "), ("who", "why\nand more"), ("who", &*"x".repeat(WORDS_CHARS + 1))] {
        let order = Order { what: set(Setting::Pause, None), by: by.to_owned(), why: why.to_owned() };
        let effects = controller.handle(START, Event::Ordered { id: OrderId(1), order });
        assert!(effects.contains(&Effect::Answer { id: OrderId(1), answer: Err(Refusal::Words) }));
    }
}
