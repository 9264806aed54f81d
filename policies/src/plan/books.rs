//! Who counts as what: base, bridge, spot, leftover of a removed pool.
//!
//! Of the on-demand machines the oldest are the base, until it is covered (its last machine may be larger than what
//! lacks). While the target is below the configured base, the machines up to the configured base are *idle base*: the
//! last to go. The others *bridge* for spot.
//!
//! Machines of pools that left the fleet file are *removed*: they count towards the maximum and towards shares, and as
//! capacity that is there, but not against what is wanted. So they are replaced first and then let go.

use crate::model::Market;
use crate::plan::index::{Held, Index};
use crate::plan::{Input, Standing};
use crate::units::Capacity;

/// What a machine is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Base,
    IdleBase,
    Bridge,
    Spot,
    /// Its pool is no longer in the fleet file.
    Removed,
}

/// Capacity by how sure it is.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    /// With promises.
    pub(super) counted: Capacity,
    /// Starting and running.
    pub(super) existing: Capacity,
    /// Of that, in lanes that are seen: what may be relied on when another machine goes.
    pub(super) sure: Capacity,
    /// Of that, running.
    pub(super) running: Capacity,
}

impl Tally {
    fn add(&mut self, standing: Standing, capacity: Capacity, seen: bool) {
        self.counted = self.counted.plus(capacity);
        if matches!(standing, Standing::Starting | Standing::Running) {
            self.existing = self.existing.plus(capacity);
            if seen {
                self.sure = self.sure.plus(capacity);
            }
        }
        if standing == Standing::Running && seen {
            self.running = self.running.plus(capacity);
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            counted: self.counted.plus(other.counted),
            existing: self.existing.plus(other.existing),
            sure: self.sure.plus(other.sure),
            running: self.running.plus(other.running),
        }
    }

    /// Without a machine of this standing in a lane that is seen.
    pub(super) fn without(self, standing: Standing, capacity: Capacity) -> Self {
        let minus = |from: Capacity, is: bool| if is { from.minus(capacity) } else { from };
        let exists = matches!(standing, Standing::Starting | Standing::Running);
        Self {
            counted: self.counted.minus(capacity),
            existing: minus(self.existing, exists),
            sure: minus(self.sure, exists),
            running: minus(self.running, standing == Standing::Running),
        }
    }
}

/// The holdings that count towards the target, by role.
pub(super) struct Books<'a> {
    /// On-demand that is owed: the configured base, or all of a smaller target.
    pub(super) owed_base: Capacity,
    pub(super) base: Tally,
    pub(super) idle_base: Tally,
    pub(super) bridge: Tally,
    pub(super) spot: Tally,
    pub(super) removed: Tally,
    /// Of the removed, on-demand.
    pub(super) removed_on_demand: Tally,
    /// Everything that counts towards the maximum.
    pub(super) occupied: Capacity,
    /// Machines (no promises) that may be told to go, with their roles.
    pub(super) machines: Vec<(Held<'a>, Role)>,
}

impl<'a> Books<'a> {
    pub(super) fn new(input: &Input<'_>, index: &Index<'a>, target: Capacity) -> Self {
        let mut books = Self {
            owed_base: input.fleet.on_demand.base.min(target),
            base: Tally::default(),
            idle_base: Tally::default(),
            bridge: Tally::default(),
            spot: Tally::default(),
            removed: Tally::default(),
            removed_on_demand: Tally::default(),
            occupied: Capacity::ZERO,
            machines: Vec::with_capacity(index.held.len()),
        };
        let mut on_demand: Vec<Held<'a>> = Vec::new();
        for held in &index.held {
            let holding = held.holding;
            if holding.occupies() {
                books.occupied = books.occupied.plus(holding.capacity());
            }
            if !holding.counts() {
                continue;
            }
            let site = index.site(held);
            let seen = index.seen(site);
            match (site.spec, site.pool.market()) {
                (None, market) => {
                    books.removed.add(holding.standing, holding.capacity(), seen);
                    if market == Market::OnDemand {
                        books.removed_on_demand.add(holding.standing, holding.capacity(), seen);
                    }
                    books.list(*held, Role::Removed);
                }
                (Some(_), Market::Spot) => {
                    books.spot.add(holding.standing, holding.capacity(), seen);
                    books.list(*held, Role::Spot);
                }
                (Some(_), Market::OnDemand) => on_demand.push(*held),
            }
        }
        on_demand.sort_by(|a, b| (a.holding.born, &a.holding.id).cmp(&(b.holding.born, &b.holding.id)));
        for held in on_demand {
            books.assign(held, index.seen(index.site(&held)), input.fleet.on_demand.base);
        }
        books
    }

    fn list(&mut self, held: Held<'a>, role: Role) {
        if held.holding.standing != Standing::Promised {
            self.machines.push((held, role));
        }
    }

    /// Gives an on-demand holding its roles; a promise of several machines may have more than one.
    fn assign(&mut self, held: Held<'a>, seen: bool, configured: Capacity) {
        let holding = held.holding;
        let mut left = u64::from(holding.count);
        let base_lacks = self.owed_base.minus(self.base.counted);
        let n = base_lacks.machines_of(holding.units).min(left);
        self.base.add(holding.standing, holding.units.times(n), seen);
        left -= n;
        let idle_lacks = configured.minus(self.base.counted).minus(self.idle_base.counted);
        let m = idle_lacks.machines_of(holding.units).min(left);
        self.idle_base.add(holding.standing, holding.units.times(m), seen);
        left -= m;
        self.bridge.add(holding.standing, holding.units.times(left), seen);
        let role = if n > 0 {
            Role::Base
        } else if m > 0 {
            Role::IdleBase
        } else {
            Role::Bridge
        };
        self.list(held, role);
    }

    /// On-demand that counts against what is wanted.
    pub(super) fn on_demand(&self) -> Tally {
        self.base.plus(self.idle_base).plus(self.bridge)
    }

    /// All that is there in pools of the fleet file.
    pub(super) fn named(&self) -> Tally {
        self.on_demand().plus(self.spot)
    }

    /// All that is there, of removed pools too.
    pub(super) fn all(&self) -> Tally {
        self.named().plus(self.removed)
    }
}
