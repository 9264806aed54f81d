//! Who may be connected: a number of seats. When all are taken, the connection that has waited longest for a request
//! gives its seat to the next, so that those who connect and say nothing keep nobody out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::CONNECTIONS;

/// The seats.
#[derive(Default)]
pub(super) struct Lobby(Mutex<Seats>);

#[derive(Default)]
struct Seats {
    taken: usize,
    /// Rises with each wait.
    waits: u64,
    /// Who waits for a request, longest first.
    waiting: BTreeMap<u64, Arc<Guest>>,
}

/// A connection, as the lobby knows it.
#[derive(Default)]
struct Guest {
    /// Its seat went to another.
    gone: AtomicBool,
    leave: Notify,
}

impl Lobby {
    /// A seat, when there is one or somebody waits who can leave.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Seat> {
        let mut seats = self.seats();
        if seats.taken < CONNECTIONS {
            seats.taken += 1;
        } else {
            let (_, longest) = seats.waiting.pop_first()?;
            longest.gone.store(true, Ordering::Relaxed);
            longest.leave.notify_one();
        }
        drop(seats);
        let seat = Seat { at: Arc::new(At { lobby: Arc::clone(self), guest: Arc::default(), wait: Mutex::new(0) }) };
        seat.at.wait();
        Some(seat)
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing in here panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's seat, until it is dropped or given away.
pub(super) struct Seat {
    at: Arc<At>,
}

struct At {
    lobby: Arc<Lobby>,
    guest: Arc<Guest>,
    /// Its place among those who wait; any other number while it is busy.
    wait: Mutex<u64>,
}

impl At {
    /// It waits for a request from now on.
    fn wait(&self) {
        let mut seats = self.lobby.seats();
        if !self.guest.gone.load(Ordering::Relaxed) {
            seats.waits += 1;
            *self.place() = seats.waits;
            let place = seats.waits;
            seats.waiting.insert(place, Arc::clone(&self.guest));
        }
    }

    fn place(&self) -> MutexGuard<'_, u64> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// It has a request, until this is dropped.
    pub(super) fn busy(&self) -> Busy {
        let place = *self.at.place();
        self.at.lobby.seats().waiting.remove(&place);
        Busy(Arc::clone(&self.at))
    }

    /// Another has the seat now.
    pub(super) async fn given_away(&self) {
        self.at.guest.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let place = *self.at.place();
        let mut seats = self.at.lobby.seats();
        seats.waiting.remove(&place);
        // Nothing of it waits again, though its last answer may end later.
        if !self.at.guest.gone.swap(true, Ordering::Relaxed) {
            seats.taken -= 1;
        }
    }
}

/// A request that is being answered.
pub(super) struct Busy(Arc<At>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lobby: &Lobby) -> (usize, usize) {
        let seats = lobby.seats();
        (seats.taken, seats.waiting.len())
    }

    fn is_gone(seat: &Seat) -> bool {
        seat.at.guest.gone.load(Ordering::Relaxed)
    }

    #[test]
    fn who_waits_longest_gives_the_seat_away() {
        let lobby = Arc::new(Lobby::default());
        let mut seats: Vec<Seat> = (0..CONNECTIONS).map(|_| lobby.enter().unwrap()).collect();
        let busy = seats[0].busy();
        // The second waits again, and so not as long as the third.
        drop(seats[1].busy());
        let next = lobby.enter().unwrap();
        assert!(is_gone(&seats[2]) && !is_gone(&seats[0]) && !is_gone(&seats[1]));
        assert_eq!(taken(&lobby), (CONNECTIONS, CONNECTIONS - 1));
        // Who gave the seat away has none to give back.
        drop(seats.remove(2));
        assert_eq!(taken(&lobby), (CONNECTIONS, CONNECTIONS - 1));
        drop((next, seats));
        assert_eq!(taken(&lobby), (0, 0));
        drop(busy);
        assert_eq!(taken(&lobby), (0, 0));
    }

    #[test]
    fn nobody_who_is_answered_has_to_leave() {
        let lobby = Arc::new(Lobby::default());
        let seats: Vec<Seat> = (0..CONNECTIONS).map(|_| lobby.enter().unwrap()).collect();
        let busy: Vec<Busy> = seats.iter().map(Seat::busy).collect();
        assert!(lobby.enter().is_none());
        drop(busy);
        assert!(lobby.enter().is_some());
    }
}
