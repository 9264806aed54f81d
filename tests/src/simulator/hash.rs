//! A hash over everything that crosses the controller's boundary, to see that the same seed gives the same run.

use core::fmt::Write as _;

use policies::control::{Call, Effect, Entry, Event, Record, Reply};
use policies::units::Time;

/// FNV-1a over numbers and texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunHash(u64);

impl Default for RunHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

/// Formats into a hash without making a text.
impl core::fmt::Write for RunHash {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.word(text);
        Ok(())
    }
}

impl RunHash {
    pub(super) const fn value(self) -> u64 {
        self.0
    }

    pub(super) fn word(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// What a value shows of itself goes in.
    fn shown(&mut self, value: &impl core::fmt::Debug) {
        // A hash takes every text.
        let _ = write!(self, "{value:?}");
    }

    fn number(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }

    fn time(&mut self, at: Time) {
        self.number(at.as_millis().unsigned_abs());
    }

    /// An event goes in.
    pub(super) fn event(&mut self, now: Time, clock: Time, event: &Event) {
        self.time(now);
        self.time(clock);
        match event {
            Event::Tick => self.number(1),
            Event::Appended { seq } => self.number(2 + (seq << 3)),
            Event::Reply { call, reply } => {
                self.number(3 + (call.0 << 3));
                match reply {
                    Reply::Listed(result) => self.number(result.as_ref().map_or(u64::MAX, |l| len(l.len()))),
                    Reply::Offered(result) => self.number(result.as_ref().map_or(u64::MAX, |l| len(l.len()))),
                    Reply::Measured(_) => self.number(4),
                    other => self.shown(other),
                }
            }
            Event::Reloaded { fleets, .. } => self.number(5 + (len(fleets.len()) << 3)),
            Event::Ordered { id, order } => {
                self.number(7 + (id.0 << 3));
                self.shown(&order.what);
            }
            Event::Worker { id, word } => {
                self.number(8 + (id.0 << 4));
                self.shown(word);
            }
            Event::Watched { fleet, seen, lasts } => {
                self.number(9);
                self.word(fleet.as_str());
                self.shown(&(seen, lasts));
            }
            Event::Stopping => self.number(6),
        }
    }

    /// An effect comes out.
    pub(super) fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Append { seq, entries } => {
                self.number(11 + (seq << 4));
                for entry in entries {
                    match entry {
                        Entry::Put(Record::Note(note)) => {
                            self.word(note.what);
                            self.word(&note.text);
                        }
                        Entry::Put(Record::Intent(intent)) => self.word(intent.token.as_str()),
                        Entry::Put(Record::Machine(machine)) => self.word(machine.id.as_str()),
                        Entry::Put(_) => self.number(12),
                        Entry::Forget(_) => self.number(13),
                    }
                }
            }
            Effect::Call { id, call } => {
                self.number(14 + (id.0 << 4));
                if let Call::Launch(_) | Call::Terminate { .. } = call {
                    self.shown(call);
                }
            }
            Effect::Answer { id, answer } => {
                self.number(15 + (id.0 << 4));
                self.number(u64::from(answer.is_ok()));
            }
            Effect::Heard { id, answer } => {
                self.number(9 + (id.0 << 4));
                self.shown(answer);
            }
            Effect::WakeAt(at) => self.time(*at),
            Effect::Publish => {}
        }
    }
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A batch in a line.
pub(super) fn brief(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let part = match entry {
            Entry::Put(Record::Note(note)) => format!("[{} {}] ", note.what, note.text),
            Entry::Put(Record::Intent(i)) => format!("intent {} x{}; ", i.token, i.count),
            Entry::Put(Record::Machine(m)) => format!("machine {} {:?}; ", m.id, m.leaving.map(|l| (l.why, l.ordered))),
            Entry::Put(Record::Memory(f, m)) => {
                format!("memory {f} {:?}; ", m.target.map(|t| t.to_string()))
            }
            Entry::Put(other) => format!("{:?}; ", other.key()),
            Entry::Forget(key) => format!("forget {key:?}; "),
        };
        text += &part;
    }
    text
}
