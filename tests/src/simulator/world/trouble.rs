//! What goes wrong outside the clouds: crashes, stalls, clocks, operators, strangers. And the end of all that.

use policies::control::orders::{Setting, Slot, What};
use policies::control::{Event, Order, OrderId, Word};
use policies::model::FleetName;
use policies::plan::Work;
use policies::units::{Capacity, Share, Span};
use providers::sim::{Faults, Happening, Owner};

use super::super::Broken;
use super::super::story::pick;
use super::{Item, World};

/// A fleet that is configured elsewhere: its machines carry our owner tag and are none of our business.
const ELSEWHERE: &str = "elsewhere";

impl World {
    /// After each event.
    pub(super) fn maybe_trouble(&mut self) -> Result<(), Broken> {
        if self.healing || self.controller.is_none() {
            return Ok(());
        }
        if self.draws.stall.chance(self.story.trouble.stall) {
            let most = if self.draws.stall.chance(1_000) { 600 } else { 40 };
            let span = Span::from_millis(self.draws.stall.below(most * 1_000));
            self.frozen_until = self.now.plus(span);
            self.say(|| format!("the process stands still for {span}"));
        }
        self.step_clock();
        if self.draws.crash.chance(self.story.trouble.crash_at_event) {
            return self.end();
        }
        Ok(())
    }

    /// Once a minute the operator or a stranger may act.
    pub(super) fn minute(&mut self) -> Result<(), Broken> {
        if self.healing {
            return self.lift_all();
        }
        if self.draws.order.chance(self.story.trouble.order) {
            self.order_something()?;
        }
        self.workers_speak();
        self.workers_watched();
        if self.draws.stranger.chance(self.story.trouble.stranger) {
            self.stranger();
        }
        if self.draws.reload.chance(self.story.trouble.reload) {
            self.edit();
            return self.reload();
        }
        Ok(())
    }

    /// The operator orders something. Orders that make no sense are refused.
    fn order_something(&mut self) -> Result<(), Broken> {
        let Some(controller) = &self.controller else { return Ok(()) };
        let machines: Vec<_> = controller.ledger().machines().keys().map(|(_, id)| id.clone()).collect();
        let draws = &mut self.draws.order;
        let n = usize::try_from(draws.below(machines.len().max(1).try_into().unwrap_or(1))).unwrap_or(0);
        let which = usize::try_from(draws.below(2)).unwrap_or(0).min(self.story.fleets.len().saturating_sub(1));
        let Some(fleet) = self.story.fleets.get(which) else { return Ok(()) };
        let name = fleet.name.clone();
        let length = draws.chance(7_000).then(|| Span::from_secs(20 + draws.below(600)));
        let to = Share::percent(u32::try_from(draws.below(150)).unwrap_or(0)).of(fleet.max).ceil();
        let machine = machines.get(n).cloned().unwrap_or_else(|| "none".into());
        let what = match draws.below(10) {
            0 | 1 => What::Set(name, Setting::Pause, length),
            2 => What::Lift(name, Slot::Pause),
            3 => What::Set(name, Setting::Min(to), length),
            4 => What::Set(name, Setting::Max(to.max(Capacity::ONE)), length),
            5 => What::Lift(name, Slot::Max),
            6 | 7 => What::Protect(machine, length),
            8 => What::Unprotect(machine),
            _ => What::Drain(machine),
        };
        self.order(what)
    }

    fn order(&mut self, what: What) -> Result<(), Broken> {
        self.orders += 1;
        let id = OrderId(self.orders);
        self.say(|| format!("order {}: {what:?}", id.0));
        self.deliver(Event::Ordered { id, order: Order { what, by: "operator".to_owned(), why: "test".to_owned() } })
    }

    /// Workers say within the next minute what they do.
    fn workers_speak(&mut self) {
        let Some(controller) = self.controller.as_ref().filter(|_| self.story.trouble.word > 0) else { return };
        let machines: Vec<_> = controller.ledger().machines().keys().map(|(_, id)| id.clone()).collect();
        for instance in machines.iter().flat_map(|id| [id, id]) {
            let draws = &mut self.draws.worker;
            if !draws.chance(self.story.trouble.word) {
                continue;
            }
            let work = match draws.below(10) {
                0 => Work::Unknown,
                1..=4 => Work::Idle,
                _ => Work::Busy,
            };
            let lasts = Span::from_secs(pick(draws, &[5, 60, 300]));
            let at = self.now.plus(Span::from_millis(draws.below(60_000)));
            self.orders += 1;
            let id = OrderId(self.orders);
            let word = Word { instance: instance.clone(), work, lasts };
            self.enqueue(at, Item::Deliver(Event::Worker { id, word }));
        }
    }

    /// It is read within the next minute what the workers of a fleet do; of some nothing is known.
    fn workers_watched(&mut self) {
        let Some(controller) = self.controller.as_ref().filter(|_| self.story.trouble.watched > 0) else { return };
        let machines: Vec<_> =
            controller.ledger().machines().values().map(|m| (m.fleet.clone(), m.id.clone())).collect();
        let fleets: Vec<FleetName> = self.story.fleets.iter().map(|fleet| fleet.name.clone()).collect();
        for fleet in fleets {
            let draws = &mut self.draws.watched;
            if !draws.chance(self.story.trouble.watched) {
                continue;
            }
            let lasts = Span::from_secs(pick(draws, &[15, 90, 300]));
            let at = self.now.plus(Span::from_millis(draws.below(60_000)));
            let mut seen = vec![("no-machine".into(), Work::Busy)];
            for (_, id) in machines.iter().filter(|(of, _)| *of == fleet) {
                match draws.below(5) {
                    0 => {}
                    1 | 2 => seen.push((id.clone(), Work::Idle)),
                    _ => seen.push((id.clone(), Work::Busy)),
                }
            }
            self.enqueue(at, Item::Deliver(Event::Watched { fleet, seen, lasts }));
        }
    }

    /// The operator lifts every order that stands.
    fn lift_all(&mut self) -> Result<(), Broken> {
        let Some(controller) = &self.controller else { return Ok(()) };
        let standing: Vec<_> = controller.ledger().overrides().keys().cloned().collect();
        standing.into_iter().try_for_each(|(fleet, slot)| self.order(What::Lift(fleet, slot)))
    }

    /// A machine appears that no launch of ours made.
    fn stranger(&mut self) {
        let Some((i, pool)) = self.some_spot_pool() else { return };
        let (owner, fleet): (Owner, FleetName) = match self.draws.stranger.below(4) {
            0 => (Owner::Nobody, self.first_fleet()),
            1 => (Owner::Other, self.first_fleet()),
            2 => (Owner::Us, ELSEWHERE.into()),
            _ => (Owner::Us, self.first_fleet()),
        };
        let interrupted = self.draws.stranger.chance(5_000);
        let now = self.now;
        let Some(cloud) = self.clouds.get_mut(i) else { return };
        cloud.advance(now);
        let id = cloud.plant(&pool, owner, &fleet, None);
        if interrupted {
            cloud.interrupt(&id);
        }
        self.say(|| format!("a stranger: {id} in {pool}, {owner:?}, fleet {fleet}"));
    }

    fn first_fleet(&self) -> FleetName {
        self.story.fleets.first().map_or_else(|| ELSEWHERE.into(), |f| f.name.clone())
    }

    /// The operator edits the file: one change.
    fn edit(&mut self) {
        let draws = &mut self.draws.reload;
        let which = usize::try_from(draws.below(2)).unwrap_or(0).min(self.story.fleets.len().saturating_sub(1));
        let Some(original) = self.story.fleets.get(which).cloned() else { return };
        let mut fleet = self.fleets.iter().find(|f| f.name == original.name).cloned().unwrap_or(original.clone());
        let several = self.story.fleets.len() > 1;
        let kind = draws.below(6);
        let share = Share::percent(30 + u32::try_from(draws.below(130)).unwrap_or(0));
        let n = usize::try_from(draws.below(fleet.pools.len().try_into().unwrap_or(1))).unwrap_or(0);
        let mut keep = true;
        match kind {
            0 => fleet = original,
            1 => fleet.max = share.of(original.max).ceil().max(Capacity::ONE).max(fleet.min),
            2 => fleet.min = share.of(original.min).ceil().min(fleet.max),
            3 => {
                // The small pools stay, so that the fleet can be served.
                let pool = fleet.pools.keys().nth(n).cloned();
                if let Some(pool) = pool.filter(|p| p.instance_type().as_str() != "small") {
                    fleet.pools.remove(&pool);
                }
            }
            4 => fleet.on_demand.base = share.of(original.on_demand.base).ceil().min(fleet.max),
            _ if several => keep = false,
            _ => fleet.spot.max_price_of_on_demand = Some(Share::percent(60)),
        }
        let name = fleet.name.clone();
        self.fleets.retain(|f| f.name != name);
        if keep {
            self.fleets.push(fleet);
        }
        self.fleets.sort_by(|a, b| a.name.cmp(&b.name));
        self.say(|| format!("edit {kind} of {name}"));
    }

    /// The process reads the file again, if it runs.
    fn reload(&mut self) -> Result<(), Broken> {
        if self.now < self.frozen_until {
            // Read when it moves again: the rules change for it then.
            self.frozen_until = self.now;
        }
        // Nobody reads the file while the process is down: what it was in between was never in force.
        let runs = self.controller.is_some();
        let (oracle, scene) = self.oracle_and_scene();
        oracle.on_reload(&scene);
        if runs {
            oracle.strays_return(&scene);
        }
        self.deliver(Event::Reloaded {
            fleets: self.fleets.clone(),
            rates: self.story.rates.clone(),
            budget: self.story.budget,
            orphans: self.story.orphans,
        })
    }

    /// Everything that goes wrong stops, the file is as it was, and somebody starts the process.
    pub(in super::super) fn heal(&mut self) -> Result<(), Broken> {
        self.say(|| "HEALING".to_owned());
        self.healing = true;
        self.frozen_until = self.now;
        for cloud in &mut self.clouds {
            cloud.advance(self.now);
            cloud.set_faults(Faults { latency: Span::from_millis(200), ..Faults::default() });
            cloud.set_weather(None);
            cloud.lift_limits();
            cloud.happen(Happening::Calm);
        }
        // What is answered at this very moment would wait for the next event of its cloud, and there may be none.
        for i in 0..self.clouds.len() {
            self.take_answers(i);
        }
        // What no budget pays for could not come to rest at the target.
        self.story.budget = None;
        for fleet in &mut self.story.fleets {
            fleet.budget = None;
        }
        self.fleets.clone_from(&self.story.fleets);
        if self.controller.is_none() {
            self.queue.retain(|_, item| !matches!(item, Item::Boot));
            self.enqueue(self.now, Item::Boot);
        }
        self.reload()
    }
}
