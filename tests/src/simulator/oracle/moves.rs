//! Rules of moves: launches beside the target, of a fleet that lacks nothing.

use policies::control::ledger::Intent;
use policies::control::{Key, Record};
use policies::model::{Fleet, FleetName, Market};
use policies::units::{Capacity, Span, Time};

use super::{Oracle, Rule, Scene, Verdict, broken, fleet};

/// Machines that moved to cheaper pools.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    /// The batch that their promise is in.
    pub(super) seq: u64,
    fleet: FleetName,
    /// When, by the controller's clock.
    at: Time,
    machines: u32,
}

impl Oracle {
    /// Spot was promised. Where nothing else can be its reason it is a move, of which there are not too many within an hour.
    /// They are counted by steps of five minutes, so that less than the whole hour is sure.
    pub(super) fn not_restless(&mut self, scene: &Scene<'_>, intent: &Intent) -> Verdict {
        const SURELY: Span = Span::from_mins(54);
        let Some(fleet) = fleet(scene, &intent.fleet) else { return Ok(()) };
        let Some(rules) = fleet.spot.moves else { return Ok(()) };
        if intent.pool.market() != Market::Spot || !lacks_nothing(scene, fleet, intent) {
            return Ok(());
        }
        let (fleet_name, at, machines) = (fleet.name.clone(), scene.clock, intent.count);
        self.moves.push(Moved { seq: self.seq, fleet: fleet_name, at, machines });
        let lately = self.moves.iter().filter(|m| m.fleet == fleet.name && scene.clock.since(m.at) < SURELY);
        let moved: u32 = lately.map(|m| m.machines).sum();
        if moved > rules.max_per_hour {
            let text = format!("{}: {moved} moves within {SURELY}, the limit is {}", fleet.name, rules.max_per_hour);
            return broken(Rule::Restless, text);
        }
        Ok(())
    }
}

/// Without this intent, and others of its moment, the fleet has what it wants, all of it runs and none is to be replaced.
fn lacks_nothing(scene: &Scene<'_>, fleet: &Fleet, intent: &Intent) -> bool {
    let latest = scene.journal.latest();
    let target = match latest.get(&Key::Memory(fleet.name.clone())) {
        Some(Record::Memory(_, memory)) => memory.target.unwrap_or_default(),
        _ => return false,
    };
    let (mut held, mut on_demand) = (Capacity::ZERO, Capacity::ZERO);
    for record in latest.values() {
        match record {
            Record::Intent(other) if other.fleet == fleet.name && other.at != intent.at => return false,
            Record::Machine(machine) if machine.fleet == fleet.name => {
                let real = scene
                    .clouds
                    .iter()
                    .flat_map(|c| c.machines())
                    .find(|m| m.id == machine.id && m.pool == machine.pool);
                let stays = real.is_some_and(|m| m.is_alive() && m.noticed_at.is_none());
                if !stays
                    || machine.leaving.is_some()
                    || machine.units.is_zero()
                    || !fleet.pools.contains_key(&machine.pool)
                {
                    return false;
                }
                held = held.plus(machine.units);
                if machine.pool.market() == Market::OnDemand {
                    on_demand = on_demand.plus(machine.units);
                }
            }
            _ => {}
        }
    }
    // What bridges is replaced by spot, and what has to survive a loss comes besides.
    held >= target && on_demand <= fleet.on_demand.base && fleet.survive.is_none()
}
