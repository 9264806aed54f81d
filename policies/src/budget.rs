//! Budgets: what a fleet, or all fleets together, may cost an hour, a day and a month.
//!
//! The **hour** is a rate: what all that is held and promised costs an hour at current prices. **Day** and **month** are
//! of the calendar, on the clocks of one time zone for all budgets, and count what was spent in them by the providers'
//! billing rules (steps and minimum times).
//!
//! At a limit the fleet does one of three things ([`AtLimit`]): it says so; it launches nothing more; or it lets spot go
//! besides. In all of them the **floor** holds: what the minimum needs is launched and kept, whatever it costs, since it
//! is what the operator asked for at the least. So the most that a budget lets a day cost is the budget and the floor's
//! price for the rest of the day; and, unless spot is shed, what runs already.
//!
//! Not here: what is cut and what goes (`plan/purse.rs`), the second look at it (`check/money.rs`).

use crate::schedule::TimeZone;
use crate::units::{Money, PricePerHour, Share, Span, Time};

/// Spending of longer ago is of no interest.
const FAR: Span = Span::from_hours(62 * 24);

/// Limits of what may be spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// All that runs may cost so much an hour.
    pub per_hour: Option<PricePerHour>,
    /// So much may be spent in a day of the calendar.
    pub per_day: Option<Money>,
    /// So much may be spent in a month of the calendar.
    pub per_month: Option<Money>,
    /// From this share of a limit on, it is said.
    pub alert_at: Share,
    /// What to do at a limit.
    pub at_limit: AtLimit,
}

/// What to do when a budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum AtLimit {
    /// Say so.
    Alert,
    /// Launch nothing above the floor.
    Freeze,
    /// That, and let spot above the floor go, from the dearest.
    ShedSpot,
}

impl AtLimit {
    /// `alert`, `freeze` or `shed-spot`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Freeze => "freeze",
            Self::ShedSpot => "shed-spot",
        }
    }
}

/// What was spent in a day and in a month of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spend {
    /// Counted up to this moment.
    pub at: Time,
    /// The day, counted from the first of 1970.
    pub day: i64,
    /// Spent in it.
    pub in_day: Money,
    /// The month, counted from the first of 1970.
    pub month: i64,
    /// Spent in it.
    pub in_month: Money,
}

impl Spend {
    /// Nothing, from this moment on.
    #[must_use]
    pub fn nothing(now: Time, zone: &TimeZone) -> Self {
        let (day, month) = (zone.day(now), zone.month(now));
        Self { at: now, day, in_day: Money::ZERO, month, in_month: Money::ZERO }
    }

    /// What is spent up to `now`, when the time between two moments costs this much. A day or month that is over is
    /// forgotten. A clock that went back costs nothing again.
    #[must_use]
    pub fn until(self, now: Time, zone: &TimeZone, cost: impl Fn(Time, Time) -> Money) -> Self {
        // What nobody counted for longer than two months is in no month of now.
        let mut spend = Self { at: self.at.max(now.minus(FAR)), ..self };
        if now < self.at {
            return self;
        }
        while spend.at < now {
            let to = zone.next_day(spend.at).min(now);
            let more = cost(spend.at, to);
            spend.in_day = spend.in_day.plus(more);
            spend.in_month = spend.in_month.plus(more);
            spend.at = to;
            let (day, month) = (zone.day(to), zone.month(to));
            if day != spend.day {
                (spend.day, spend.in_day) = (day, Money::ZERO);
            }
            if month != spend.month {
                (spend.month, spend.in_month) = (month, Money::ZERO);
            }
        }
        spend
    }

    /// Less by what turns out not to be billed.
    #[must_use]
    pub fn refund(self, money: Money) -> Self {
        let less = |from: Money| from.minus(money).max(Money::ZERO);
        Self { in_day: less(self.in_day), in_month: less(self.in_month), ..self }
    }
}

/// What of a machine's time is billed when it has lived so long: whole steps, and the minimum at the least.
#[must_use]
pub fn billed(lived: Span, step: Span, minimum: Span) -> Span {
    if lived == Span::ZERO {
        return lived;
    }
    let step = step.as_millis().max(1);
    Span::from_millis(lived.max(minimum).as_millis().div_ceil(step).saturating_mul(step))
}

/// Whose budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Whose {
    /// The fleet's.
    Fleet,
    /// That of all fleets together.
    All,
}

impl Whose {
    /// `fleet` or `all`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::All => "all",
        }
    }

    /// Before the budget, in a sentence about the fleet.
    #[must_use]
    pub const fn possessive(self) -> &'static str {
        match self {
            Self::Fleet => "its",
            Self::All => "the common",
        }
    }
}

/// Over what time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Period {
    /// An hour, at current prices.
    Hour,
    /// A day of the calendar.
    Day,
    /// A month of the calendar.
    Month,
}

impl Period {
    /// With its article: `an hour`.
    #[must_use]
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Hour => "an hour",
            Self::Day => "a day",
            Self::Month => "a month",
        }
    }

    /// `hour`, `day` or `month`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// A budget with what is spent of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Purse {
    /// Whose.
    pub whose: Whose,
    /// The limits.
    pub budget: Budget,
    /// Spent in the day of now.
    pub in_day: Money,
    /// Spent in the month of now.
    pub in_month: Money,
    /// When the day is over.
    pub day_ends: Time,
    /// When the month is over.
    pub month_ends: Time,
    /// What all other fleets that this budget covers cost an hour.
    pub others: PricePerHour,
}

/// One limit and how it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Whose.
    pub whose: Whose,
    /// Over what time.
    pub period: Period,
    /// The limit.
    pub limit: Money,
    /// Spent of it; of an hour, what all that runs costs.
    pub spent: Money,
    /// From which share of it on it is said.
    pub alert_at: Share,
    /// What is done at the limit.
    pub at_limit: AtLimit,
    /// When the period is over; `None` for an hour, which is a rate.
    pub ends: Option<Time>,
}

impl Left {
    /// What may still be spent; zero when all is.
    #[must_use]
    pub fn left(&self) -> Money {
        self.limit.minus(self.spent).max(Money::ZERO)
    }

    /// The limit is reached; that of an hour is passed.
    #[must_use]
    pub fn used_up(&self) -> bool {
        if self.period == Period::Hour { self.spent > self.limit } else { self.spent >= self.limit }
    }

    /// So much is spent that it is to be said.
    #[must_use]
    pub fn alerts(&self) -> bool {
        let part = i128::from(self.limit.micros()) * i128::from(self.alert_at.basis_points());
        self.used_up() || i128::from(self.spent.micros()) * 10_000 >= part
    }
}

impl Purse {
    /// Each limit, when what this fleet holds costs so much an hour.
    #[must_use]
    pub fn limits(&self, rate: PricePerHour) -> Vec<Left> {
        let Budget { per_hour, per_day, per_month, alert_at, at_limit } = self.budget;
        let hourly = |price: PricePerHour| price.over(Span::from_hours(1));
        let left =
            |period, limit, spent, ends| Left { whose: self.whose, period, limit, spent, alert_at, at_limit, ends };
        let hour = per_hour.map(|limit| left(Period::Hour, hourly(limit), hourly(rate.plus(self.others)), None));
        let day = per_day.map(|limit| left(Period::Day, limit, self.in_day, Some(self.day_ends)));
        let month = per_month.map(|limit| left(Period::Month, limit, self.in_month, Some(self.month_ends)));
        [hour, day, month].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Time {
        Time::EPOCH.plus(Span::from_mins(minutes))
    }

    #[test]
    fn what_is_spent_over_midnight_belongs_to_both_days() {
        let zone = TimeZone::utc();
        let cost =
            |from: Time, to: Time| Money::from_micros(i64::try_from(to.since(from).as_millis() / 60_000).unwrap());
        let start = Spend::nothing(at(23 * 60), &zone);
        let spend = start.until(at(24 * 60 + 30), &zone, cost);
        assert_eq!((spend.day, spend.in_day.micros(), spend.in_month.micros()), (1, 30, 90));
        let next_month = spend.until(at(31 * 24 * 60 + 5), &zone, cost);
        assert_eq!((next_month.month, next_month.in_month.micros()), (1, 5));
    }

    #[test]
    fn a_clock_that_went_back_spends_nothing_twice() {
        let zone = TimeZone::utc();
        let cost = |_, _| Money::from_micros(1);
        let spend = Spend::nothing(at(10), &zone).until(at(20), &zone, cost);
        assert_eq!(spend.until(at(15), &zone, cost), spend);
    }

    #[test]
    fn billing_is_by_steps_and_a_minimum() {
        let (second, minute, hour) = (Span::from_secs(1), Span::from_mins(1), Span::from_hours(1));
        assert_eq!(billed(Span::ZERO, second, minute), Span::ZERO);
        assert_eq!(billed(Span::from_millis(1), second, minute), minute);
        assert_eq!(billed(Span::from_millis(61_001), second, minute), Span::from_secs(62));
        assert_eq!(billed(Span::from_mins(61), hour, minute), Span::from_hours(2));
    }

    #[test]
    fn a_refund_is_never_more_than_was_spent() {
        let spend = Spend {
            in_day: Money::from_micros(5),
            in_month: Money::from_micros(9),
            ..Spend::nothing(at(0), &TimeZone::utc())
        };
        let left = spend.refund(Money::from_micros(7));
        assert_eq!((left.in_day.micros(), left.in_month.micros()), (0, 2));
    }

    #[test]
    fn a_limit_of_a_day_is_used_up_when_it_is_reached_and_one_of_an_hour_when_it_is_passed() {
        let limit = |period, spent| Left {
            whose: Whose::Fleet,
            period,
            limit: Money::from_micros(100),
            spent: Money::from_micros(spent),
            alert_at: Share::percent(80),
            at_limit: AtLimit::Freeze,
            ends: None,
        };
        assert!(limit(Period::Day, 100).used_up() && !limit(Period::Day, 99).used_up());
        assert!(limit(Period::Hour, 101).used_up() && !limit(Period::Hour, 100).used_up());
        assert!(limit(Period::Day, 80).alerts() && !limit(Period::Day, 79).alerts());
    }
}
