//! Why: the text for people, and that a restart changes no word of it.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

#[expect(dead_code, reason = "this binary uses its part")]
mod daemon_support;

use std::process::Output;

use daemon_support::{Place, Running, output, spotfleet, stderr, stdout};
use policies::budget::{AtLimit, Left, Period, Whose};
use policies::control::decisions::{DecisionPart, Ended, Head, KeptStep, Part};
use policies::control::ledger::{Leaving, Ledger, Machine, Note, Record};
use policies::failure::FailureKind;
use policies::model::{Market, Pool};
use policies::plan::{Action, Cause, Kind, LaunchWhy};
use policies::report::{Basis, Because, Limit, Refused, Sizing, Wait};
use policies::units::{Capacity, Currency, Money, PricePerHour, Share, Span, Time, UnitPrice};
use spotfleet::explain::{Facts, explain};

const AT: Time = Time::from_millis(1_790_000_000_000);

fn pool(zone: &str) -> Pool {
    Pool::new("aws", "us-east-1", zone, "g5.xlarge", Market::Spot)
}

fn dollars(micros: u64) -> PricePerHour {
    PricePerHour::from_micros(micros)
}

fn machine(id: &str, leaving: Option<Leaving>) -> Machine {
    Machine {
        id: id.into(),
        fleet: "llm".into(),
        pool: pool("us-east-1a"),
        units: Capacity::ONE,
        price: dollars(310_000),
        born: AT.plus(Span::from_secs(2)),
        token: Some("sf-1-1".into()),
        ready: Some(AT.plus(Span::from_secs(90))),
        adopted: false,
        leaving,
    }
}

/// A decision that launched three machines, one that told one of them to go, and one that rests.
fn records() -> Vec<Record> {
    let part = |decision, number, part| Record::Decision(DecisionPart { decision, number, part });
    let later = AT.plus(Span::from_hours(2));
    let head = |at, kind, need, target, previous, limits: &[Limit]| {
        Part::Head(Box::new(Head {
            fleet: "llm".into(),
            at,
            kind,
            currency: Currency::Usd,
            target: Capacity::units(target),
            sizing: Sizing {
                need: Capacity::units(need),
                basis: Basis::Queue("queue".into()),
                others: Vec::new(),
                forecast: None,
                limits: limits.to_vec(),
                target: Capacity::units(target),
                previous: Some(Capacity::units(previous)),
            },
            held: Capacity::units(previous),
            held_on_demand: Capacity::ONE,
            price_before: dollars(1_006_000),
            price_after: dollars(1_936_000),
            wake_at: None,
            steps: u32::from(kind != Kind::Rest),
        }))
    };
    let launch = Part::Step(Box::new(KeptStep {
        action: Action::Launch {
            pool: pool("us-east-1a"),
            spec: "llm/0".into(),
            count: 3,
            units: Capacity::ONE,
            price: dollars(310_000),
            why: LaunchWhy::Spot,
        },
        reason: "of 3 spot 3 lacks".to_owned(),
        adds: dollars(930_000),
        saves: PricePerHour::ZERO,
        refused: vec![
            Refused {
                pool: pool("us-east-1b"),
                per_unit: Some(UnitPrice::from_nanos(290_000_000)),
                because: Because::Closed { kind: FailureKind::NoCapacity, until: AT.plus(Span::from_mins(3)) },
            },
            Refused {
                pool: pool("us-east-1c"),
                per_unit: Some(UnitPrice::from_nanos(350_000_000)),
                because: Because::Worse,
            },
        ],
        token: Some("sf-1-1".into()),
    }));
    let drain = Part::Step(Box::new(KeptStep {
        action: Action::Drain {
            instance: "i-3".into(),
            pool: pool("us-east-1a"),
            until: later.plus(Span::from_mins(5)),
            why: Cause::Surplus,
        },
        reason: "4 are held, 3 are wanted".to_owned(),
        adds: PricePerHour::ZERO,
        saves: dollars(310_000),
        refused: Vec::new(),
        token: None,
    }));
    let budget = Part::Budget(Left {
        whose: Whose::Fleet,
        period: Period::Day,
        limit: Money::from_micros(50_000_000),
        spent: Money::from_micros(12_500_000),
        alert_at: Share::percent(80),
        at_limit: AtLimit::Freeze,
        ends: Some(AT.plus(Span::from_hours(9))),
    });
    let leaving = Leaving { why: Cause::Surplus, since: later, until: later.plus(Span::from_mins(5)), ordered: true };
    let note = |number, what, text: &str, decision| {
        Record::Note(Note { number, at: AT, fleet: Some("llm".into()), what, text: text.to_owned(), decision })
    };
    vec![
        part(7, 0, head(AT, Kind::Grow, 3, 4, 1, &[Limit::Headroom(Share::percent(10))])),
        part(7, 1, launch),
        part(7, 2, budget),
        part(8, 0, head(later, Kind::Shrink, 2, 3, 4, &[])),
        part(8, 1, drain),
        part(9, 0, head(later.plus(Span::from_mins(6)), Kind::Rest, 2, 3, 3, &[Limit::Min])),
        part(9, 1, Part::Wait(Wait::Settling { machines: 1 })),
        Record::Machine(machine("i-1", None)),
        Record::Machine(machine("i-2", None)),
        Record::Ended(Ended { number: 1, at: later.plus(Span::from_mins(6)), machine: machine("i-3", Some(leaving)) }),
        note(41, "launched", "3 of 3 in aws/us-east-1/us-east-1a/g5.xlarge/spot", Some(7)),
        note(42, "reloaded", "1 fleets", None),
        note(43, "refused", "long ago", Some(2)),
    ]
}

fn told(what: &str) -> String {
    let ledger = Ledger::replay(records());
    explain(&Facts::from(&ledger), what).unwrap().text
}

/// With `UPDATE_EXPECT` set the golden is written anew.
fn golden(what: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/explained/{what}.txt"));
    let text = told(what);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "UPDATE_EXPECT=1 writes it anew");
}

#[test]
fn a_fleet_is_explained() {
    golden("llm");
}

#[test]
fn a_machine_is_explained_from_launch_to_end() {
    golden("i-1");
    golden("i-3");
}

#[test]
fn an_event_is_explained_by_the_decision_it_comes_of() {
    golden("41");
    golden("42");
    golden("43");
}

#[test]
fn nobody_knows_it() {
    let ledger = Ledger::replay(records());
    let unknown = explain(&Facts::from(&ledger), "i-9").unwrap_err().to_string();
    assert!(unknown.contains("`i-9` is no fleet (there are llm)") && unknown.contains("spotfleet status"), "{unknown}");
    let unknown = explain(&Facts::from(&ledger), "99").unwrap_err().to_string();
    assert!(unknown.contains("event 99 is not at hand: those from 41 to 43 are"), "{unknown}");
}

fn asked(what: &str, from: &[&str]) -> Output {
    output(spotfleet().args(["explain", what]).args(from))
}

#[test]
fn a_restart_changes_no_word_and_neither_does_reading_the_store() {
    let place = Place::new(0);
    let mut daemon = place.run();
    let url = daemon.url();
    daemon.wait_for("launched: ");
    let second = daemon.wait_for("launched: ");
    let number = second.split("number=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let list = output(spotfleet().args(["status", "web", "--output", "json", "--url", &url]));
    let status: serde_json::Value = serde_json::from_str(&stdout(&list)).unwrap();
    let machine = status["instances"][0]["id"].as_str().unwrap().to_owned();
    // Its first sight of a running machine is told too: wait for that.
    let ready = |url: &str| {
        let json = asked(&machine, &["--output", "json", "--url", url]);
        let why: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
        why["instance"]["ready"].is_string()
    };
    while !ready(&url) {
        std::thread::yield_now();
    }
    let all = |from: &[&str]| {
        [machine.as_str(), number.as_str()].map(|what| {
            ["table", "json"].map(|form| {
                let done = asked(what, &[&["--output", form], from].concat());
                assert_eq!(done.status.code(), Some(0), "{done:?}");
                stdout(&done)
            })
        })
    };
    let before = all(&["--url", &url]);
    assert!(before[0][0].contains("Why it was launched:\n  by decision "), "{}", before[0][0]);
    assert!(before[1][0].contains("It comes of decision "), "{}", before[1][0]);
    let fleet = stdout(&asked("web", &["--url", &url]));
    assert!(fleet.contains("Fleet web wants 2") && fleet.contains("Why these pools:"), "{fleet}");
    stop(daemon);

    let config = place.config();
    let from_store = all(&["--config", config.to_str().unwrap()]);
    assert_eq!(before, from_store);
    let mut daemon = place.run();
    let url = daemon.url();
    daemon.wait_for("ready");
    assert_eq!(before, all(&["--url", &url]));

    let nobody = asked("i-nobody", &["--url", &url]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(stderr(&nobody).contains("there are web") && stderr(&nobody).contains("spotfleet status"), "{nobody:?}");
    let locked = asked("web", &["--config", config.to_str().unwrap()]);
    assert!(locked.status.code() == Some(1) && stderr(&locked).contains("is in use by"), "{locked:?}");
    stop(daemon);
    let nobody = asked("i-nobody", &["--config", config.to_str().unwrap()]);
    assert!(nobody.status.code() == Some(1) && stderr(&nobody).contains("spotfleet status"), "{nobody:?}");
}

fn stop(daemon: Running) {
    daemon.signal("TERM");
    assert_eq!(daemon.ended().0.code(), Some(0));
}
