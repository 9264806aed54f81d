//! Explanations for people: sentences on one screen.

use std::fmt::Write as _;

use policies::control::decisions::Told;
use policies::control::ledger::{Machine, Note};
use policies::model::FleetName;
use policies::plan::{Action, Cause};
use policies::report::{Step, render, render_refused, render_sizing, render_waits};
use policies::units::{Currency, PricePerHour, Time};

use super::Held;
use crate::clock::rfc3339;

/// Pools told of a fleet, and steps of a decision, so that it stays on one screen; JSON has more.
const SHOWN: usize = 8;

/// What is known of a machine's life.
pub(super) struct Life<'a> {
    pub(super) machine: &'a Machine,
    pub(super) launched: Option<&'a Told>,
    pub(super) let_go: &'a [Told],
    pub(super) order: Option<&'a Note>,
    pub(super) ended: Option<Time>,
}

/// Adds a line.
macro_rules! line {
    ($to:expr, $($what:tt)*) => {{
        // Writing to a string cannot fail.
        let _ = writeln!($to, $($what)*);
    }};
}

pub(super) fn fleet(
    name: &FleetName,
    newest: Option<&Told>,
    last_step: Option<&Told>,
    pools: &[Held<'_>],
    more: usize,
    currency: Option<Currency>,
) -> String {
    let mut out = String::new();
    let Some(newest) = newest else {
        line!(out, "Fleet {name}: nothing was decided for it yet; /readyz of the daemon says what it waits for.");
        return out;
    };
    let (plan, report) = (&newest.plan, &newest.report);
    line!(
        out,
        "Fleet {name} wants {}. When that was decided it held {}, of that {} on-demand, for {} an hour.",
        plan.target,
        report.held,
        report.held_on_demand,
        money(plan.price_before, Some(report.currency))
    );
    line!(out, "\nWhy this target ({}):", decision(newest));
    line!(out, "  {}", render_sizing(report));
    out.push_str(&render_waits(report));
    line!(out, "\nWhy these pools:");
    for held in pools.iter().take(SHOWN) {
        let Held { pool, machines, price, launched } = held;
        let count = if *machines == 1 { "1 machine".to_owned() } else { format!("{machines} machines") };
        line!(out, "  {pool}: {count}, launched for {} an hour", money(*price, currency));
        match launched {
            Some(told) => {
                let newest = if *machines == 1 { "by" } else { "the newest by" };
                line!(out, "    {newest} {}", decision(told));
                told.report.steps.iter().for_each(|step| reasons(&mut out, told, step, "    "));
            }
            None => line!(out, "    found by its tags, or launched by a decision that is not kept any more"),
        }
    }
    let more = more + pools.len().saturating_sub(SHOWN);
    match (pools.len(), more) {
        (0, _) => line!(out, "  no machine is on record"),
        (_, 0) => {}
        (_, more) => line!(out, "  and {more} pools more (--output json)"),
    }
    match last_step {
        Some(told) if told.number != newest.number => {
            line!(out, "\nThe last thing it did ({}):", decision(told));
            whole(&mut out, told);
        }
        Some(told) => {
            line!(out, "\nWhat it does:");
            whole(&mut out, told);
        }
        None => line!(out, "\nNo decision that did something is kept."),
    }
    out
}

pub(super) fn instance(life: &Life<'_>, currency: Option<Currency>) -> String {
    let Life { machine, launched, let_go, order, ended } = life;
    let Machine { id, fleet, pool, units, price, born, ready, token, adopted, leaving } = machine;
    let mut out = String::new();
    let costs = if *price == PricePerHour::ZERO {
        "its price is not known".to_owned()
    } else {
        format!("{} an hour", money(*price, currency))
    };
    line!(out, "Machine {id} of fleet {fleet} in {pool}: brings {units}, {costs}.");
    line!(out, "\nWhy it was launched:");
    match launched {
        Some(told) => {
            line!(out, "  by {}", decision(told));
            told.report.steps.iter().for_each(|step| reasons(&mut out, told, step, "  "));
            line!(out, "  target {}: {}", told.plan.target, render_sizing(&told.report));
            out.push_str(&render_waits(&told.report));
        }
        None if *adopted => line!(out, "  it was not launched on our records; it was found by its tags"),
        None if token.is_some() => line!(out, "  the decision that launched it is not kept any more"),
        None => line!(out, "  not known"),
    }
    match ready {
        Some(at) => line!(out, "  launched {}, seen to run {}", rfc3339(*born), rfc3339(*at)),
        None => {
            line!(out, "  launched {}, not seen to run{}", rfc3339(*born), if ended.is_some() { "" } else { " yet" })
        }
    }
    if let Some(leaving) = leaving {
        line!(out, "\nWhy it was let go:");
        line!(out, "  {}, told at {}", cause(leaving.why), rfc3339(leaving.since));
        match (order, leaving.why) {
            (Some(note), _) => line!(out, "  event {}: {}", note.number, note.text),
            (None, Cause::Ordered) => line!(out, "  the order is not at hand any more"),
            (None, _) => {}
        }
        for told in *let_go {
            line!(out, "  by {}", decision(told));
            told.report.steps.iter().for_each(|step| reasons(&mut out, told, step, "  "));
        }
        if let_go.is_empty() && leaving.why != Cause::Ordered {
            line!(out, "  the decision is not kept any more");
        }
    }
    match (ended, leaving) {
        (Some(at), Some(_)) => line!(out, "\nIt is gone since {}.", rfc3339(*at)),
        (Some(at), None) => line!(out, "\nIt is gone since {}; nobody here told it to go.", rfc3339(*at)),
        (None, Some(l)) if l.ordered => {
            line!(out, "\nIts end is ordered, and repeated until the provider says it is gone.")
        }
        (None, Some(l)) => line!(out, "\nIt finishes its work and is ended at {}.", rfc3339(l.until)),
        (None, None) => line!(out, "\nNothing told it to go."),
    }
    out
}

pub(super) fn event(note: &Note, told: Option<&Told>) -> String {
    let Note { number, at, fleet, what, text, decision: of } = note;
    let mut out = String::new();
    let whose = fleet.as_ref().map_or_else(String::new, |fleet| format!(", fleet {fleet}"));
    line!(out, "Event {number} of {}{whose}: {what}: {text}.", rfc3339(*at));
    match (told, of) {
        (Some(told), _) => {
            line!(out, "\nIt comes of {}:", decision(told));
            whole(&mut out, told);
        }
        (None, Some(of)) => line!(out, "\nIt comes of decision {of}, which is not kept any more."),
        (None, None) => line!(out, "\nIt comes of no decision."),
    }
    out
}

/// Which decision.
fn decision(told: &Told) -> String {
    format!("decision {} of {}, {}", told.number, rfc3339(told.plan.at), told.plan.kind.name())
}

/// A step's reason and money, and what was refused for it.
fn reasons(out: &mut String, told: &Told, step: &Step, indent: &str) {
    let Step { action, reason, adds, saves, refused: _ } = step;
    let currency = Some(told.report.currency);
    let deed = match told.plan.actions.get(*action) {
        Some(Action::Launch { count: 1, .. }) => "1 machine".to_owned(),
        Some(Action::Launch { count, .. }) => format!("{count} machines"),
        Some(Action::Drain { until, .. }) => format!("to be ended at {}", rfc3339(*until)),
        Some(Action::End { .. }) => "ended".to_owned(),
        None => String::new(),
    };
    let mut change = String::new();
    if *adds > PricePerHour::ZERO {
        let _ = write!(change, ", adds {} an hour", money(*adds, currency));
    }
    if *saves > PricePerHour::ZERO {
        let _ = write!(change, ", saves {} an hour", money(*saves, currency));
    }
    line!(out, "{indent}{deed}{change}: {reason}");
    out.push_str(&render_refused(&told.report, step));
}

/// A decision with its first steps, as plans are printed.
fn whole(out: &mut String, told: &Told) {
    let (mut plan, mut report) = (told.plan.clone(), told.report.clone());
    plan.actions.truncate(SHOWN);
    report.steps.truncate(SHOWN);
    for text in render(&plan, &report).lines() {
        line!(out, "  {text}");
    }
    let had = usize::try_from(told.steps).unwrap_or(usize::MAX);
    if had > report.steps.len() {
        line!(out, "  and {} steps more", had - report.steps.len());
    }
}

/// Why a machine was let go, as a sentence.
const fn cause(why: Cause) -> &'static str {
    match why {
        Cause::Interruption => "the provider takes it back (interruption)",
        Cause::Surplus => "there was more capacity than the target (surplus)",
        Cause::BridgeOver => "it bridged for spot, and spot is there (bridge-over)",
        Cause::PoolRemoved => "its pool is no longer in the fleet file (pool-removed)",
        Cause::NeverReady => "it never ran in its time (never-ready)",
        Cause::Budget => "a budget is used up (budget)",
        Cause::Ordered => "the operator ordered it (ordered)",
        Cause::Orphaned => "its fleet is not in the fleet file, and the rule is to end it (orphaned)",
        Cause::Drained => "its drain time is over (drained)",
    }
}

fn money(price: PricePerHour, currency: Option<Currency>) -> String {
    format!("{}{price}", currency.map_or("", Currency::symbol))
}
