//! What the budgets allow: launches above the floor while there is money, and which spot goes when there is none.
//!
//! * **Launches** that the floor needs (what is held and launched before them does not cover the minimum) are made
//!   whatever they cost. Above it none is made while a day or a month is used up, nor one that would take the rate of the
//!   hour past its limit; a later, cheaper one may still fit.
//! * **Shedding** (`shed-spot`), in a plan that launches nothing and has nothing to repair: spot of pools of the fleet
//!   file, dearest per unit first, as far as what is left covers the floor; for a day or month all of it, for an hour
//!   until the rate is within its limit. It counts more than the least life of a machine, and less than protection.

use crate::budget::{AtLimit, Left, Period};
use crate::plan::Input;
use crate::plan::Standing;
use crate::plan::books::Books;
use crate::plan::draft::Draft;
use crate::plan::index::Index;
use crate::units::{Capacity, Money, PricePerHour, Span};

/// The limits of all budgets of a fleet.
pub(super) struct Limits {
    pub(super) all: Vec<Left>,
    /// What is bought and kept whatever it costs: the minimum.
    floor: Capacity,
}

/// Machines that the budgets leave out.
pub(super) struct Cut {
    pub(super) machines: u32,
    /// By which limit.
    pub(super) by: Left,
}

impl Limits {
    pub(super) fn new(input: &Input<'_>, index: &Index<'_>, floor: Capacity) -> Self {
        let stays = |h: &&crate::plan::index::Held<'_>| {
            !matches!(h.holding.standing, Standing::Draining { .. } | Standing::Ending)
        };
        let paid = |h: &crate::plan::index::Held<'_>| {
            index.price(h).unwrap_or_else(|| h.holding.paid.times(u64::from(h.holding.count)))
        };
        // By their offers, else by what they cost when they were launched. What was told to go counts as gone.
        let rate: PricePerHour = index.held.iter().filter(stays).map(paid).sum();
        Self { all: input.purses.iter().flat_map(|purse| purse.limits(rate)).collect(), floor }
    }

    /// The first limit of a day or a month that is used up and that does more than to say so.
    fn closed(&self, shed: bool) -> Option<&Left> {
        self.all.iter().find(|l| l.period != Period::Hour && l.used_up() && acts(l, shed))
    }

    /// The first limit of an hour that is passed when the rate is this much more, or less.
    fn passed(&self, more: PricePerHour, less: PricePerHour, shed: bool) -> Option<&Left> {
        let hour = |price: PricePerHour| price.over(Span::from_hours(1));
        let spent = |l: &Left| l.spent.plus(hour(more)).minus(hour(less));
        self.all.iter().find(|l| l.period == Period::Hour && acts(l, shed) && spent(l) > l.limit.max(Money::ZERO))
    }

    /// Cuts the launches of a draft to what the budgets allow.
    pub(super) fn cut(&self, books: &Books<'_>, draft: &mut Draft) -> Option<Cut> {
        let closed = self.closed(false);
        let mut covered = books.named().counted;
        let mut added = PricePerHour::ZERO;
        let mut by: Option<Left> = None;
        let machines = draft.thin_launches(|units, price, count| {
            let mut taken = 0;
            for _ in 0..count {
                let floor = covered < self.floor;
                let refused = closed.or_else(|| self.passed(added.plus(price), PricePerHour::ZERO, false));
                if let (false, Some(refused)) = (floor, refused) {
                    by.get_or_insert(*refused);
                    break;
                }
                covered = covered.plus(units);
                added = added.plus(price);
                taken += 1;
            }
            taken
        });
        by.filter(|_| machines > 0).map(|by| Cut { machines, by })
    }

    /// So much is left without a machine that the floor is not covered.
    pub(super) fn below_floor(&self, left: Capacity) -> bool {
        left < self.floor
    }

    /// The limit that makes spot go, once what goes already costs so much an hour less.
    pub(super) fn sheds(&self, less: PricePerHour) -> Option<&Left> {
        self.closed(true).or_else(|| self.passed(PricePerHour::ZERO, less, true))
    }
}

fn acts(left: &Left, shed: bool) -> bool {
    match left.at_limit {
        AtLimit::Alert => false,
        AtLimit::Freeze => !shed,
        AtLimit::ShedSpot => true,
    }
}
