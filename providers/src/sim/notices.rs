//! Notices: a queue that is asked with patience and redelivers what was not confirmed.

use policies::control::Reply;
use policies::model::Notice;
use policies::units::Span;

use super::{Due, SimCloud, Ticket};

/// A call for notices waits so long for one: SQS's longest wait.
const POLL: Span = Span::from_secs(20);

/// Notices per answer at most: SQS's batch.
const BATCH: usize = 10;

impl SimCloud {
    /// The caller begins anew, as a restarted process does: notices that it has not confirmed come again.
    pub fn reconnect(&mut self) {
        for notice in core::mem::take(&mut self.unconfirmed).into_iter().rev() {
            self.queue.push_front(notice);
        }
        for flight in self.flights.values_mut() {
            flight.awaited = false;
        }
    }

    /// The caller of this ticket has gone: its answer goes nowhere. The call itself is carried out all the same.
    pub fn abandon(&mut self, ticket: Ticket) {
        self.answers.remove(&ticket);
        if let Some(flight) = self.flights.get_mut(&ticket) {
            flight.awaited = false;
        }
    }

    /// A call for notices has arrived: what was given before is confirmed, and the call waits.
    pub(super) fn poll_notices(&mut self, ticket: Ticket) {
        self.unconfirmed.clear();
        let wait = if self.queue.is_empty() { POLL } else { Span::ZERO };
        if let Some(flight) = self.flights.get_mut(&ticket) {
            flight.polling = true;
        }
        self.schedule(self.now.plus(wait), Due::Answer(ticket));
    }

    /// What a waiting call for notices is told.
    pub(super) fn hand_out_notices(&mut self) -> Reply {
        let n = self.queue.len().min(BATCH);
        let batch: Vec<Notice> = self.queue.drain(..n).collect();
        self.unconfirmed.extend(batch.iter().cloned());
        Reply::Noticed(Ok(batch))
    }

    /// A notice is there: whoever waits for one gets it now.
    pub(super) fn push_notice(&mut self, notice: Notice) {
        self.queue.push_back(notice);
        let waiting = self.flights.iter().find(|(_, f)| f.polling && f.awaited).map(|(t, _)| *t);
        if let Some(ticket) = waiting {
            self.schedule(self.now, Due::Answer(ticket));
        }
    }
}
