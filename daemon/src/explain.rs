//! Why: a fleet's target and pools, a machine's launch and end, an event. Told from records alone, so that a restart
//! changes no word of it; the running daemon and a reader of its store tell the same.
//!
//! Not here: what is kept and for how long ([`policies::control::decisions`]).

use std::collections::{BTreeMap, BTreeSet};

use policies::control::decisions::{Decisions, Ended, EndedMachines, Told};
use policies::control::ledger::{Ledger, Machine, Note};
use policies::control::view::View;
use policies::model::{FleetName, Pool};
use policies::plan::Cause;
use policies::units::{PricePerHour, Time};

use crate::clock::rfc3339;
use crate::http::view::{Decision, Event, EventWhy, Explanation, FleetWhy, InstanceWhy, PoolWhy, capacity, price};

mod text;

/// Pools told of a fleet: more than anybody reads, and few enough to look for each one's decision.
const POOLS: usize = 50;

/// What is on record.
#[derive(Debug)]
pub struct Facts<'a> {
    fleets: BTreeSet<&'a FleetName>,
    machines: Vec<&'a Machine>,
    decisions: &'a Decisions,
    ended: &'a EndedMachines,
    notes: Vec<&'a Note>,
}

impl<'a> From<&'a View> for Facts<'a> {
    fn from(view: &'a View) -> Self {
        Self {
            fleets: view.fleets.iter().map(|f| &f.name).collect(),
            machines: view.fleets.iter().flat_map(|f| &f.machines).collect(),
            decisions: &view.decisions,
            ended: &view.ended,
            notes: view.notes.iter().collect(),
        }
    }
}

impl<'a> From<&'a Ledger> for Facts<'a> {
    fn from(ledger: &'a Ledger) -> Self {
        let remembered = ledger.remembered().map(|(fleet, _)| fleet);
        Self {
            fleets: ledger.decisions().fleets().into_iter().chain(remembered).collect(),
            machines: ledger.machines().values().collect(),
            decisions: ledger.decisions(),
            ended: ledger.ended(),
            notes: ledger.notes().collect(),
        }
    }
}

/// Why something is not explained. The text says what to do next.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unknown {
    /// Nothing on record has this name.
    #[error(
        "`{what}` is no fleet ({fleets}), no machine on record or among the last that ended, and no event at hand: \
         `spotfleet status FLEET` lists machines, `spotfleet events` numbers events"
    )]
    Nothing {
        /// What was asked for.
        what: String,
        /// The fleets there are.
        fleets: String,
    },
    /// Several machines have this id.
    #[error("there are several machines `{what}`: name one as {places}")]
    Several {
        /// What was asked for.
        what: String,
        /// What to write.
        places: String,
    },
    /// An event of a number that is not at hand.
    #[error("event {number} is not at hand: {hand}. All events on record are in `spotfleet store export`")]
    NoEvent {
        /// What was asked for.
        number: u64,
        /// What is.
        hand: String,
    },
}

/// Explains a fleet by its name, a machine by its id (or `provider/region/id`), or an event by its number; the first of
/// these that there is.
///
/// # Errors
/// There is none, or it is not clear which.
pub fn explain(facts: &Facts<'_>, what: &str) -> Result<Explanation, Unknown> {
    if let Some(name) = facts.fleets.iter().find(|name| name.as_str() == what) {
        return Ok(fleet(facts, name));
    }
    if let Some((found, ended)) = machine(facts, what)? {
        return Ok(instance(facts, found, ended));
    }
    if let Ok(number) = what.parse::<u64>() {
        return event(facts, number);
    }
    let names: Vec<_> = facts.fleets.iter().map(|name| name.as_str()).collect();
    let fleets = if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) };
    Err(Unknown::Nothing { what: what.to_owned(), fleets })
}

fn fleet(facts: &Facts<'_>, name: &FleetName) -> Explanation {
    let newest = facts.decisions.newest(name);
    let last_step = facts.decisions.newest_deed(name);
    let mut held = BTreeMap::<&Pool, Vec<&Machine>>::new();
    for machine in facts.machines.iter().filter(|m| m.fleet == *name && m.leaving.is_none()) {
        held.entry(&machine.pool).or_default().push(machine);
    }
    let mut held: Vec<_> = held.into_iter().collect();
    // Stable: those of the same size stay in order of their names.
    held.sort_by_key(|(_, machines)| std::cmp::Reverse(machines.len()));
    let more = held.len().saturating_sub(POOLS);
    let pools: Vec<Held<'_>> = held
        .into_iter()
        .take(POOLS)
        .map(|(pool, machines)| {
            let newest = machines.iter().max_by_key(|m| m.born);
            let token = newest.and_then(|m| m.token.as_ref());
            Held {
                pool,
                machines: machines.len(),
                price: machines.iter().map(|m| m.price).sum(),
                launched: token.and_then(|token| facts.decisions.of_promise(token)),
            }
        })
        .collect();
    let text = text::fleet(name, newest.as_ref(), last_step.as_ref(), &pools, more, facts.decisions.currency());
    let why = FleetWhy {
        name: name.to_string(),
        newest: newest.as_ref().map(Decision::from),
        last_step: last_step.as_ref().map(Decision::from),
        pools: pools
            .iter()
            .map(|held| PoolWhy {
                pool: held.pool.to_string(),
                machines: held.machines as u64,
                price_per_hour: price(held.price),
                launched: held.launched.as_ref().map(Decision::from),
            })
            .collect(),
    };
    Explanation { fleet: Some(why), instance: None, event: None, text }
}

/// What a fleet holds in a pool.
struct Held<'a> {
    pool: &'a Pool,
    machines: usize,
    price: PricePerHour,
    launched: Option<Told>,
}

/// The machine of this id, and when it was known to be gone: one on record, else the last that ended.
fn machine<'a>(facts: &Facts<'a>, what: &str) -> Result<Option<(&'a Machine, Option<Time>)>, Unknown> {
    let full = |m: &Machine| format!("{}/{}", m.pool.lane(), m.id);
    let meant = |m: &Machine| m.id.as_str() == what || full(m) == what;
    let living: Vec<&Machine> = facts.machines.iter().copied().filter(|m| meant(m)).collect();
    if let [one, _, ..] = living.as_slice()
        && full(one) != what
    {
        let places = living.iter().map(|m| format!("`{}`", full(m))).collect::<Vec<_>>().join(" or ");
        return Err(Unknown::Several { what: what.to_owned(), places });
    }
    if let Some(one) = living.first() {
        return Ok(Some((one, None)));
    }
    let ended = facts.ended.values().rev().find(|ended| meant(&ended.machine));
    Ok(ended.map(|ended| {
        let Ended { number: _, at, machine } = &**ended;
        (machine, Some(*at))
    }))
}

fn instance(facts: &Facts<'_>, machine: &Machine, ended: Option<Time>) -> Explanation {
    let Machine { id, fleet, pool, units, price: paid, born, ready, token, adopted, leaving } = machine;
    let launched = token.as_ref().and_then(|token| facts.decisions.of_promise(token));
    let let_go = facts.decisions.about(pool.lane(), id);
    let order = leaving.filter(|l| l.why == Cause::Ordered).and_then(|l| {
        let names = |note: &&&Note| note.what == "ordered" && note.at == l.since && note.text.contains(id.as_str());
        facts.notes.iter().find(names).copied()
    });
    let told = text::Life { machine, launched: launched.as_ref(), let_go: &let_go, order, ended };
    let text = text::instance(&told, facts.decisions.currency());
    let why = InstanceWhy {
        id: id.to_string(),
        fleet: fleet.to_string(),
        pool: pool.to_string(),
        units: capacity(*units),
        price_per_hour: price(*paid),
        born: rfc3339(*born),
        ready: ready.map(rfc3339),
        adopted: *adopted,
        launched: launched.as_ref().map(Decision::from),
        leaving_because: leaving.map(|l| l.why.name().to_owned()),
        leaving_since: leaving.map(|l| rfc3339(l.since)),
        leaving_at: leaving.map(|l| rfc3339(l.until)),
        order: order.map(Event::from),
        let_go: let_go.iter().map(Decision::from).collect(),
        ended: ended.map(rfc3339),
    };
    Explanation { fleet: None, instance: Some(why), event: None, text }
}

fn event(facts: &Facts<'_>, number: u64) -> Result<Explanation, Unknown> {
    let Some(note) = facts.notes.iter().find(|note| note.number == number) else {
        let hand = match (facts.notes.first(), facts.notes.last()) {
            (Some(first), Some(last)) => format!("those from {} to {} are", first.number, last.number),
            _ => "none is".to_owned(),
        };
        return Err(Unknown::NoEvent { number, hand });
    };
    let decision = note.decision.and_then(|number| facts.decisions.with_number(number));
    let text = text::event(note, decision.as_ref());
    let why = EventWhy { event: Event::from(*note), decision: decision.as_ref().map(Decision::from) };
    Ok(Explanation { fleet: None, instance: None, event: Some(why), text })
}
