//! Whether the records of a store make sense together. Used by `spotfleet store check`, never to decide anything.

use std::collections::BTreeMap;

use policies::control::ledger::{NOTES, Record};
use policies::demand::HISTORY_HOURS;
use policies::plan::PEAKS;

/// Notes and hours are trimmed by the batch that adds one, so that few stand over.
const SLACK: usize = 64;

/// What does not make sense, one sentence each, in a stable order.
#[must_use]
pub fn findings(records: &[Record]) -> Vec<String> {
    let mut found = Vec::new();
    let mut intents = BTreeMap::new();
    let mut hours = BTreeMap::<_, usize>::new();
    let mut notes = 0_usize;
    let mut boots = 0_usize;
    for record in records {
        match record {
            Record::Boot(_) => boots += 1,
            Record::Proven(..) | Record::Orphan(_) => {}
            Record::Spend(fleet, spend) => {
                if spend.in_day.micros() < 0 || spend.in_month.micros() < 0 {
                    found.push(format!("spend of {fleet}: less than nothing was spent"));
                }
            }
            Record::Intent(i) => {
                let token = i.token.as_str();
                if token.is_empty() || token.len() > 64 || !token.is_ascii() {
                    found.push(format!("intent {token:?}: a token has 1 to 64 ASCII characters"));
                }
                if i.count == 0 || i.units.is_zero() {
                    found.push(format!("intent {token}: it is for no capacity"));
                }
                intents.insert(i.token.clone(), (i, 0_u32));
            }
            Record::Machine(m) => {
                if m.token.is_none() && !m.adopted {
                    found.push(format!("machine {}: neither launched with a token nor adopted", m.id));
                }
                if m.leaving.is_some_and(|l| l.until < l.since) {
                    found.push(format!("machine {}: to be ended before it was told to go", m.id));
                }
            }
            Record::Override(o) => {
                if o.until.is_some_and(|until| until < o.at) {
                    found.push(format!("order of {}, {}: it ends before it begins", o.fleet, o.setting));
                }
            }
            Record::Memory(fleet, memory) => {
                if memory.peaks.len() > PEAKS {
                    found.push(format!("memory of {fleet}: {} peaks, at most {PEAKS} are kept", memory.peaks.len()));
                }
                if memory.launches.windows(2).any(|w| w[0].0 > w[1].0) {
                    found.push(format!("memory of {fleet}: times of launches must rise"));
                }
                if memory.outcomes.windows(2).any(|w| w[0].0 > w[1].0) {
                    found.push(format!("memory of {fleet}: times of outcomes must rise"));
                }
                if memory.peaks.windows(2).any(|w| w[0].0 > w[1].0 || w[0].1 < w[1].1) {
                    found.push(format!("memory of {fleet}: times of peaks must rise and needs must fall"));
                }
            }
            Record::Hour(fleet, number, hour) => {
                let most = hour.peak.milli().saturating_mul(u64::from(hour.readings));
                if hour.readings == 0 || hour.sum_milli > most {
                    found.push(format!("hour {number} of {fleet}: its sum is more than its readings can give"));
                }
                *hours.entry(fleet).or_default() += 1;
            }
            Record::Closure(c) => {
                if c.strikes == 0 {
                    found.push(format!("closure {:?}: closed without a failure", c.place));
                }
            }
            Record::Note(_) => notes += 1,
        }
    }
    for record in records {
        let Record::Machine(m) = record else { continue };
        let Some((intent, made)) = m.token.as_ref().and_then(|t| intents.get_mut(t)) else { continue };
        *made += 1;
        if intent.fleet != m.fleet || intent.pool != m.pool {
            found.push(format!(
                "machine {}: its intent {} is for {} in {}",
                m.id, intent.token, intent.fleet, intent.pool
            ));
        }
    }
    for (intent, made) in intents.values() {
        if *made > intent.count {
            found.push(format!("intent {}: {made} machines carry its token, it is for {}", intent.token, intent.count));
        }
    }
    if boots == 0 && !records.is_empty() {
        found.push("there are records, but none of a start".to_owned());
    }
    for (fleet, count) in hours {
        if count > HISTORY_HOURS + SLACK {
            found.push(format!("{count} hours of {fleet}, at most {HISTORY_HOURS} are kept"));
        }
    }
    if u64::try_from(notes.saturating_sub(SLACK)).unwrap_or(u64::MAX) > NOTES {
        found.push(format!("{notes} notes, at most {NOTES} are kept"));
    }
    found
}
