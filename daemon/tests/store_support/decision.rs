//! Random parts of decisions.

use policies::budget::{AtLimit, Left, Period, Whose};
use policies::control::decisions::{DecisionPart, Head, KeptStep, Part};
use policies::failure::FailureKind;
use policies::plan::{Action, Cause, Kind, LaunchWhy};
use policies::report::{Basis, Because, Limit, Refused, Sizing, Wait};
use policies::rng::Stream;
use policies::schedule::Holder;
use policies::units::{Capacity, Currency, Money, PricePerHour, Share, Span, UnitPrice};

use super::{lane, number, option, pick, pool, small, text, time};

pub(super) fn part(rng: &mut Stream) -> DecisionPart {
    let part = match rng.below(4) {
        0 => Part::Head(Box::new(head(rng))),
        1 => Part::Step(Box::new(step(rng))),
        2 => Part::Wait(wait(rng)),
        _ => Part::Budget(left(rng)),
    };
    DecisionPart { decision: number(rng), number: small(rng), part }
}

fn head(rng: &mut Stream) -> Head {
    Head {
        fleet: text(rng).into(),
        at: time(rng),
        kind: [Kind::Rest, Kind::Repair, Kind::Grow, Kind::Shrink, Kind::Move][pick(rng, 5)],
        currency: [Currency::Usd, Currency::Cny][pick(rng, 2)],
        target: capacity(rng),
        sizing: Sizing {
            need: capacity(rng),
            basis: basis(rng),
            others: (0..pick(rng, 3)).map(|_| (text(rng).into(), capacity(rng))).collect(),
            forecast: option(rng, capacity),
            limits: (0..pick(rng, 5)).map(|_| limit(rng)).collect(),
            target: capacity(rng),
            previous: option(rng, capacity),
        },
        held: capacity(rng),
        held_on_demand: capacity(rng),
        price_before: hourly(rng),
        price_after: hourly(rng),
        wake_at: option(rng, time),
        steps: small(rng),
    }
}

fn basis(rng: &mut Stream) -> Basis {
    match rng.below(8) {
        0 => Basis::Queue(text(rng).into()),
        6 => Basis::Metric(text(rng).into()),
        7 => Basis::Learning(text(rng).into()),
        1 => Basis::Forecast,
        2 => Basis::Minimum,
        3 => Basis::Unread(text(rng).into()),
        4 => Basis::MissingHold { source: text(rng).into(), since: time(rng) },
        _ => Basis::MissingFallback { source: text(rng).into(), since: time(rng) },
    }
}

fn limit(rng: &mut Stream) -> Limit {
    let holder = |rng: &mut Stream| Holder { schedule: text(rng).into(), until: option(rng, time) };
    match rng.below(11) {
        0 => Limit::Headroom(Share::from_basis_points(small(rng))),
        1 => Limit::RateUnknown,
        2 => Limit::Min,
        3 => Limit::Max,
        4 => Limit::ScheduleMin(holder(rng)),
        5 => Limit::ScheduleMax(holder(rng)),
        6 => Limit::StepUp,
        7 => Limit::StepDown,
        8 => Limit::CooldownUp(time(rng)),
        9 => Limit::CooldownDown(time(rng)),
        _ => Limit::IdleGrace(time(rng)),
    }
}

fn step(rng: &mut Stream) -> KeptStep {
    KeptStep {
        action: action(rng),
        reason: text(rng),
        adds: hourly(rng),
        saves: hourly(rng),
        refused: refused(rng),
        token: option(rng, text).map(Into::into),
    }
}

fn action(rng: &mut Stream) -> Action {
    let why = Cause::ALL[pick(rng, Cause::ALL.len())];
    match rng.below(3) {
        0 => Action::Launch {
            pool: pool(rng),
            spec: text(rng).into(),
            count: small(rng),
            units: capacity(rng),
            price: hourly(rng),
            why: launch_why(rng),
        },
        1 => Action::Drain { instance: text(rng).into(), pool: pool(rng), until: time(rng), why },
        _ => Action::End { instance: text(rng).into(), pool: pool(rng), why },
    }
}

fn launch_why(rng: &mut Stream) -> LaunchWhy {
    [LaunchWhy::Base, LaunchWhy::Spot, LaunchWhy::Bridge][pick(rng, 3)]
}

fn refused(rng: &mut Stream) -> Vec<Refused> {
    (0..pick(rng, 4))
        .map(|_| Refused {
            pool: pool(rng),
            per_unit: option(rng, number).map(UnitPrice::from_nanos),
            because: because(rng),
        })
        .collect()
}

fn because(rng: &mut Stream) -> Because {
    match rng.below(18) {
        16 => Because::FailedLately(small(rng)),
        17 => Because::Survive,
        0 => Because::Worse,
        1 => Because::PriceTooOld(Span::from_millis(number(rng))),
        2 => Because::Closed { kind: FailureKind::ALL[pick(rng, FailureKind::ALL.len())], until: time(rng) },
        3 => Because::AboveCap(UnitPrice::from_nanos(number(rng))),
        4 => Because::AboveShareOfOnDemand(UnitPrice::from_nanos(number(rng))),
        5 => Because::NoOnDemandPrice,
        6 => Because::NoOffer,
        7 => Because::NoRate,
        8 => Because::PoolFull,
        9 => Because::ZoneFull,
        10 => Because::RegionFull,
        11 => Because::ProviderFull,
        12 => Because::OverMax,
        13 => Because::Unseen,
        14 => Because::NoUnits,
        _ => Because::Base,
    }
}

fn wait(rng: &mut Stream) -> Wait {
    let machines = small(rng);
    match rng.below(12) {
        11 => Wait::Moves { machines: small(rng), at: time(rng) },
        0 => Wait::Paused,
        1 => Wait::LaunchLimit { machines, limit: small(rng), at: time(rng) },
        2 => Wait::Budget { machines, by: left(rng) },
        3 => Wait::Halted { failed: machines, of: small(rng), at: time(rng) },
        4 => Wait::Trial { machines },
        5 => Wait::Settling { machines },
        6 => Wait::Unseen(lane(rng)),
        7 => Wait::NoOffer { why: launch_why(rng), missing: capacity(rng), refused: refused(rng) },
        8 => Wait::Fallback { missing: capacity(rng), at: time(rng) },
        9 => Wait::Young { machines, at: time(rng) },
        _ => Wait::Draining { machines, first: time(rng) },
    }
}

fn left(rng: &mut Stream) -> Left {
    Left {
        whose: [Whose::Fleet, Whose::All][pick(rng, 2)],
        period: [Period::Hour, Period::Day, Period::Month][pick(rng, 3)],
        limit: Money::from_micros(number(rng).cast_signed()),
        spent: Money::from_micros(number(rng).cast_signed()),
        alert_at: Share::from_basis_points(small(rng)),
        at_limit: [AtLimit::Alert, AtLimit::Freeze, AtLimit::ShedSpot][pick(rng, 3)],
        ends: option(rng, time),
    }
}

fn capacity(rng: &mut Stream) -> Capacity {
    Capacity::from_milli(number(rng))
}

fn hourly(rng: &mut Stream) -> PricePerHour {
    PricePerHour::from_micros(number(rng))
}
