//! The process: started, given events, killed, stopped.

use policies::control::{Controller, Event, Record};
use policies::units::{Span, Time};

use super::super::Broken;
use super::super::oracle::Rule;
use super::super::parts::Part;
use super::{Item, World, setup};

/// One event in so many is followed by a comparison of the whole journal with the live state.
const AUDIT: u32 = 150;

impl World {
    /// Gives the controller an event, now or when the process moves again.
    pub(super) fn deliver(&mut self, event: Event) -> Result<(), Broken> {
        if self.controller.is_none() {
            return Ok(());
        }
        if self.now < self.frozen_until {
            self.enqueue(self.frozen_until, Item::Deliver(event));
            return Ok(());
        }
        if let Event::Reply { call, reply } = &event {
            let Some((asked_for, asked)) = self.calls.remove(call) else { return Ok(()) };
            let (oracle, scene) = self.oracle_and_scene();
            oracle.on_reply(&scene, &asked_for, asked, reply);
            if let policies::control::Call::Launch(_) | policies::control::Call::Terminate { .. } = &asked_for {
                let number = call.0;
                let text = format!("{reply:?}");
                self.say(|| format!("reply {number}: {text}"));
            }
        }
        if let Event::Ordered { id, order } = &event {
            let (oracle, _) = self.oracle_and_scene();
            oracle.on_order(*id, &order.what);
        }
        if let Event::Worker { id, word } = &event {
            let (id, word) = (*id, word.clone());
            let (oracle, scene) = self.oracle_and_scene();
            oracle.on_word(&scene, id, &word);
            self.say(|| format!("word {}: {} is {} for {}", id.0, word.instance, word.work.name(), word.lasts));
        }
        if let Event::Watched { fleet, seen, lasts } = &event {
            let (fleet, seen, lasts) = (fleet.clone(), seen.clone(), *lasts);
            let (oracle, scene) = self.oracle_and_scene();
            oracle.on_watched(&scene, &fleet, &seen, lasts);
            self.say(|| format!("read of {fleet} for {lasts}: {seen:?}"));
        }
        let clock = self.clock();
        self.latest = self.latest.max(clock);
        self.hash.event(self.now, clock, &event);
        let Some(controller) = &mut self.controller else { return Ok(()) };
        let effects = controller.handle(clock, event);
        self.perform(effects)?;
        if self.draws.audit.chance(AUDIT) { self.audit() } else { Ok(()) }
    }

    /// The process starts on what the store holds.
    pub(super) fn boot(&mut self) -> Result<(), Broken> {
        if self.controller.is_some() {
            return Ok(());
        }
        self.counts.boots += 1;
        self.set_clock_at_start();
        self.latest = self.clock();
        self.stepped = false;
        self.synced = 0;
        self.last_seq = 0;
        self.disk_free = self.now;
        self.frozen_until = self.now;
        let (oracle, scene) = self.oracle_and_scene();
        oracle.on_start(&scene);
        let rebuilt = core::mem::take(&mut self.store_lost);
        let records: Vec<Record> = self.journal.durable().values().cloned().collect();
        let seed = self.draws.boot.next_u64();
        let setup = setup(&self.story, &self.fleets, seed, rebuilt);
        let clock = self.clock();
        self.say(|| format!("start with {} records, clock {}ms ahead", records.len(), clock.as_millis()));
        self.controller = Some(Controller::recover(setup, records, clock));
        self.deliver(Event::Tick)
    }

    /// The process ends between two events: it dies, or is asked to stop.
    pub(super) fn end(&mut self) -> Result<(), Broken> {
        self.audit()?;
        if self.draws.crash.chance(self.story.trouble.stop) {
            return self.stop();
        }
        self.crash("at an event");
        Ok(())
    }

    /// The process dies, maybe between two effects.
    pub(super) fn crash(&mut self, when: &str) {
        self.counts.crashes += 1;
        let unsynced = self.journal.unsynced();
        let kept = self.draws.cut.below(u64::try_from(unsynced).unwrap_or(0) + 1);
        let last = self.journal.crash(usize::try_from(kept).unwrap_or(0));
        self.say(|| format!("CRASH {when}: {kept} of {unsynced} batches that were not durable are left"));
        self.oracle.on_crash(self.synced, last);
        if self.has(Part::StoreLoss) && self.draws.cut.chance(self.story.trouble.store_loss) {
            self.say(|| "the store is lost".to_owned());
            let (oracle, scene) = self.oracle_and_scene();
            oracle.on_store_loss(&scene);
            let clock = self.clock();
            self.journal.lose(clock);
            // Orders to end are lost with it: those machines count again.
            let (oracle, scene) = self.oracle_and_scene();
            oracle.on_reload(&scene);
            self.store_lost = true;
        }
        self.down(when);
    }

    /// A clean stop: the last batches become durable, nothing else is done.
    fn stop(&mut self) -> Result<(), Broken> {
        self.say(|| "STOP".to_owned());
        self.oracle.on_stop();
        let clock = self.clock();
        let Some(controller) = &mut self.controller else { return Ok(()) };
        let effects = controller.handle(clock, Event::Stopping);
        // A crash between these effects would be a crash like any other.
        let crash = core::mem::take(&mut self.story.trouble.crash_at_effect);
        let done = self.perform(effects);
        self.story.trouble.crash_at_effect = crash;
        done?;
        self.audit()?;
        let all = self.journal.unsynced();
        let last = self.journal.crash(all);
        self.oracle.on_crash(self.synced, last);
        self.down("stop");
        Ok(())
    }

    /// No process: its calls are carried out without it, and it starts again after a while.
    fn down(&mut self, when: &str) {
        self.controller = None;
        self.wake = None;
        self.tickets.clear();
        self.calls.clear();
        self.queue.retain(|_, item| matches!(item, Item::Minute | Item::Boot));
        for cloud in &mut self.clouds {
            cloud.reconnect();
        }
        self.hash.word(when);
        let long = self.draws.crash.chance(1_000);
        let most = if long { Span::from_mins(10) } else { Span::from_secs(20) };
        let away = Span::from_millis(self.draws.crash.below(most.as_millis()));
        let at = if self.healing { self.now } else { self.now.plus(away) };
        self.enqueue(at, Item::Boot);
    }

    /// The journal and the live state are the same, and replaying the one gives the other.
    pub(in super::super) fn audit(&self) -> Result<(), Broken> {
        let Some(controller) = &self.controller else { return Ok(()) };
        let live = controller.ledger().records();
        // What the controller has in mind and did not give out would be lost without a trace.
        if controller.ledger().pending() > 0 {
            return Err(Broken { rule: Rule::Replay, text: "entries were not given out".to_owned() });
        }
        if !live.iter().eq(self.journal.latest().values()) {
            let differs = live.iter().zip(self.journal.latest().values()).find(|(a, b)| a != b);
            return Err(Broken { rule: Rule::Replay, text: format!("live and journal differ: {differs:?}") });
        }
        Ok(())
    }

    /// What is on record as spent is what was. Where the store was lost, a clock was set or a machine was made behind our
    /// back, nobody can know; and where prices jump, it is open at which of them the rest of a billed hour is paid.
    pub(in super::super) fn spend_is_counted(&mut self) -> Result<(), Broken> {
        if [Part::StoreLoss, Part::ClockJumps, Part::Strangers, Part::PriceJumps]
            .into_iter()
            .any(|part| self.story.parts.has(part))
        {
            return Ok(());
        }
        let (_, scene) = self.oracle_and_scene();
        super::super::oracle::Oracle::spend_is_counted(&scene)
    }

    /// The host's clock may have been set while the process was away.
    fn set_clock_at_start(&mut self) {
        if self.counts.boots <= 1 || !self.has(Part::ClockJumps) {
            return;
        }
        if !self.draws.clock.chance(self.story.trouble.clock_jump) {
            return;
        }
        let back = self.draws.clock.chance(4_000);
        let most = if back { Span::from_secs(90) } else { Span::from_mins(90) };
        let jump = i64::try_from(self.draws.clock.below(most.as_millis())).unwrap_or(0);
        self.ahead += if back { -jump } else { jump };
    }

    /// The clock is corrected while the process runs: once per start, and by less than the margin that the settle
    /// window has for it.
    pub(super) fn step_clock(&mut self) {
        if self.stepped || !self.has(Part::ClockJumps) || !self.draws.clock.chance(50) {
            return;
        }
        self.stepped = true;
        let step = i64::try_from(self.draws.clock.below(7_000)).unwrap_or(0) - 3_000;
        self.ahead += step;
        let until: Option<Time> = self.wake;
        self.wake = until.map(|at| at.max(self.now));
        self.say(|| format!("the clock is set by {step}ms"));
    }
}
