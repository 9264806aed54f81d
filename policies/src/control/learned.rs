//! What is learned slowly: how long machines take to start, and how fast work is done.

use crate::demand::{History, Reading, Readings};
use crate::forecast;
use crate::model::{Fleet, FleetName, ForecastRule, Pool, SourceName, SourceRule};
use crate::units::{Span, Time};

use super::Controller;
use super::ledger::{Key, Machine, Record, STARTS};

/// A start is taken to last no longer: what took longer waited for something else, or was out of sight.
const LONGEST_START: Span = Span::from_hours(1);

/// A pace is put on record at most this often.
const PACE_EVERY: Span = Span::from_mins(1);

impl Controller {
    /// A machine is seen to run for the first time. Of one that was launched before this start nobody knows when it began
    /// to run.
    pub(super) fn learn_start(&mut self, machine: &Machine) {
        if machine.adopted || machine.born < self.boot.at {
            return;
        }
        let mut starts = self.ledger.starts().get(&machine.pool).cloned().unwrap_or_default();
        if starts.len() >= STARTS {
            starts.remove(0);
        }
        starts.push(self.now.since(machine.born).min(LONGEST_START));
        self.ledger.put(Record::Starts(machine.pool.clone(), starts));
    }

    /// Nine of ten machines in the fleet's pools started within this time; zero before any did.
    pub(super) fn lead(&self, fleet: &Fleet) -> Span {
        let starts = self.ledger.starts().iter().filter(|(pool, _)| fleet.pools.contains_key(*pool));
        let mut starts: Vec<Span> = starts.flat_map(|(_, starts)| starts.iter().copied()).collect();
        starts.sort_unstable();
        let ninth = (starts.len() * 9).div_ceil(10);
        starts.get(ninth.saturating_sub(1)).copied().unwrap_or(Span::ZERO)
    }

    /// Once an hour, looks how good the forecast of a fleet was, at the horizon that it is asked for.
    pub(super) fn judge_forecast(&mut self, fleet: &FleetName) {
        let hour = History::hour_of(self.now);
        let Some(mind) = self.fleets.get(fleet) else { return };
        if mind.accuracy.is_some_and(|(of, _)| of == hour) {
            return;
        }
        let accuracy = mind.fleet.demand.forecast.and_then(|ForecastRule { horizon, quantile }| {
            let horizon = horizon.max(self.lead(&mind.fleet));
            forecast::accuracy(&mind.history, self.now, horizon, quantile)
        });
        if let Some(mind) = self.fleets.get_mut(fleet) {
            mind.accuracy = Some((hour, accuracy));
        }
    }

    /// Puts the pace of a source on record, when a rule needs it and it was learned.
    pub(super) fn keep_pace(&mut self, fleet: &FleetName, source: &SourceName) {
        let now = self.now;
        let Some(mind) = self.fleets.get_mut(fleet) else { return };
        let rule = mind.fleet.demand.sources.get(source);
        let learns = matches!(rule, Some(SourceRule::Queue(queue)) if queue.jobs_per_unit_hour.is_none());
        let Some(pace) = mind.demand.of(source).map(Readings::pace) else { return };
        let due = mind.pace_put.get(source).is_none_or(|at| now.since(*at) >= PACE_EVERY);
        if learns && due && pace.rate().is_some() {
            mind.pace_put.insert(source.clone(), now);
            if self.ledger.pace(fleet, source) != Some(pace.kept()) {
                self.ledger.put(Record::Pace(fleet.clone(), source.clone(), pace.kept()));
            }
        }
    }

    /// Forgets what was learned of pools and sources that no fleet names any more.
    pub(super) fn forget_unused(&mut self) {
        let used = |pool: &Pool| self.fleets.values().any(|m| m.fleet.pools.contains_key(pool));
        let starts = self.ledger.starts().keys().filter(|pool| !used(pool)).cloned().map(Key::Starts);
        let named = |fleet: &FleetName, source: &SourceName| {
            self.fleets.get(fleet).is_some_and(|m| m.fleet.demand.sources.contains_key(source))
        };
        let paces = self.ledger.paced().filter(|(fleet, source)| !named(fleet, source));
        let paces = paces.map(|(fleet, source)| Key::Pace(fleet.clone(), source.clone()));
        for key in starts.chain(paces).collect::<Vec<_>>() {
            self.ledger.forget(key);
        }
    }

    /// Takes a number into the readings of a source; `false` when it is none.
    pub(super) fn take_reading(
        &mut self,
        fleet: &FleetName,
        source: &SourceName,
        reading: Option<Reading>,
        at: Time,
    ) -> bool {
        let ready = self.ready(fleet);
        let Some(mind) = self.fleets.get_mut(fleet) else { return false };
        let Some(rule) = mind.fleet.demand.sources.get(source) else { return false };
        mind.decide_at = at;
        let readings = mind.demand.of_mut(source);
        // A number of another kind than the rule reads is a bug of the shell: it is no reading.
        match (reading, rule) {
            (Some(reading @ Reading::Jobs(_)), SourceRule::Queue(_))
            | (Some(reading @ Reading::Value(_)), SourceRule::Metric(_)) => {
                readings.record(reading, ready);
                true
            }
            _ => {
                readings.missed(at);
                false
            }
        }
    }
}
