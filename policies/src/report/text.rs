//! A decision as text.

use core::fmt::{self, Write};

use crate::budget::Left;
use crate::model::{DemandRules, SourceName};
use crate::plan::{Action, Kind, Plan};
use crate::report::{Basis, Because, Limit, Refused, Report, Sizing, Step, Wait};
use crate::schedule::Holder;
use crate::units::{Currency, PricePerHour, Span, Time, UnitPrice};

/// The decision as text, for people and goldens: what is done to get where, then one line per step with its reason and
/// the refused alternatives, then what it waits for. Times are told from the moment of the decision.
///
/// ```text
/// grow: target 12 (queue: need 11; headroom 10%), held 4, $0.1240/h -> $0.3720/h
///   launch 8 x aws/us-east-1/us-east-1a/m5.large/spot of 1 at $0.0310 per unit, +$0.2480/h: of 10 spot 8 lacks
///     not aws/us-east-1/us-east-1b/m5.large/spot $0.0270: closed by no-capacity for 3m
///   waits for 2 launches to settle
///   again in 5m
/// ```
#[must_use]
pub fn render(plan: &Plan, report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = Text { out: &mut out, at: report.at, currency: report.currency }.all(plan, report);
    out
}

/// How the target came about, without its amount: `queue: need 11; headroom 10%; was 4`.
#[must_use]
pub fn render_sizing(report: &Report) -> String {
    told(report, |text| text.sizing(&report.sizing))
}

/// The refused alternatives of a step, a line each.
#[must_use]
pub fn render_refused(report: &Report, step: &Step) -> String {
    told(report, |text| text.refused(&step.refused))
}

/// What the decision waits for and how its budgets stood, a line each.
#[must_use]
pub fn render_waits(report: &Report) -> String {
    told(report, |text| {
        report.waits.iter().try_for_each(|wait| text.wait(wait))?;
        report.budgets.iter().try_for_each(|left| text.budget(left))
    })
}

/// Why a pool is refused at this moment, with money in this currency.
#[must_use]
pub fn render_because(because: &Because, at: Time, currency: Currency) -> String {
    told_at(at, currency, |text| text.because(because))
}

fn told(report: &Report, tell: impl FnOnce(&mut Text<'_>) -> fmt::Result) -> String {
    told_at(report.at, report.currency, tell)
}

fn told_at(at: Time, currency: Currency, tell: impl FnOnce(&mut Text<'_>) -> fmt::Result) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = tell(&mut Text { out: &mut out, at, currency });
    out
}

struct Text<'a> {
    out: &'a mut String,
    at: Time,
    currency: Currency,
}

impl Text<'_> {
    fn all(mut self, plan: &Plan, report: &Report) -> fmt::Result {
        let Plan { fleet: _, at: _, kind, actions, target, memory: _, price_before, price_after, wake_at } = plan;
        let Report { fleet: _, at: _, currency: _, sizing, held, held_on_demand, steps, waits, budgets } = report;
        write!(self.out, "{}: target {target} (", kind.name())?;
        self.sizing(sizing)?;
        write!(self.out, "), held {held}")?;
        if !held_on_demand.is_zero() {
            write!(self.out, " ({held_on_demand} on-demand)")?;
        }
        write!(self.out, ", {}", self.hourly(*price_before))?;
        if price_after != price_before || *kind != Kind::Rest {
            write!(self.out, " -> {}", self.hourly(*price_after))?;
        }
        self.out.push('\n');
        let mut shown: &[Refused] = &[];
        for step in steps {
            let Step { action, reason, adds, saves, refused } = step;
            if let Some(action) = actions.get(*action) {
                self.action(action)?;
            }
            if *adds > PricePerHour::ZERO {
                write!(self.out, ", +{}", self.hourly(*adds))?;
            }
            if *saves > PricePerHour::ZERO {
                write!(self.out, ", -{}", self.hourly(*saves))?;
            }
            writeln!(self.out, ": {reason}")?;
            // Neighbours mostly refuse the same; once is enough.
            if shown != refused.as_slice() {
                self.refused(refused)?;
            }
            shown = refused;
        }
        for wait in waits {
            self.wait(wait)?;
        }
        for left in budgets {
            self.budget(left)?;
        }
        if let Some(at) = wake_at {
            writeln!(self.out, "  again {}", self.when(*at))?;
        }
        Ok(())
    }

    /// What is left of a limit.
    fn budget(&mut self, left: &Left) -> fmt::Result {
        let symbol = self.currency.symbol();
        let (spent, limit) = (left.spent, left.limit);
        write!(
            self.out,
            "  {} budget of {}: {symbol}{spent} of {symbol}{limit}",
            left.whose.possessive(),
            left.period.with_article()
        )?;
        if left.used_up() {
            write!(self.out, ", used up: {}", left.at_limit.name())?;
        } else if left.alerts() {
            write!(self.out, ", near its end")?;
        }
        if let Some(ends) = left.ends {
            write!(self.out, "; ends {}", self.when(ends))?;
        }
        self.out.push('\n');
        Ok(())
    }

    fn sizing(&mut self, sizing: &Sizing) -> fmt::Result {
        let Sizing { need, basis, others, forecast, limits, target, previous } = sizing;
        match basis {
            Basis::Queue(name) => write!(self.out, "queue{}: need {need}", named(name))?,
            Basis::Metric(name) => write!(self.out, "metric{}: need {need}", named(name))?,
            Basis::Learning(name) => {
                write!(self.out, "pace{} not learned yet: hold {need}", of_source(name))?;
            }
            Basis::Forecast => write!(self.out, "forecast: need {need}")?,
            Basis::Minimum => write!(self.out, "minimum {need}")?,
            Basis::Unread(name) => write!(self.out, "not read yet{}: hold {need}", of_source(name))?,
            Basis::MissingHold { source, since } => {
                write!(self.out, "no data{} for {}: hold {need}", of_source(source), self.at.since(*since))?;
            }
            Basis::MissingFallback { source, since } => {
                write!(self.out, "no data{} for {}: fall back to {need}", of_source(source), self.at.since(*since))?;
            }
        }
        for (name, need) in others {
            write!(self.out, "; {name} wants {need}")?;
        }
        if let (Some(forecast), Basis::Queue(_) | Basis::Metric(_)) = (forecast, basis) {
            write!(self.out, "; forecast {forecast}")?;
        }
        for limit in limits {
            self.out.push_str("; ");
            match limit {
                Limit::Headroom(share) => write!(self.out, "headroom {share}")?,
                Limit::RateUnknown => self.out.push_str("arrival rate not known yet"),
                Limit::Min => self.out.push_str("min"),
                Limit::Max => self.out.push_str("max"),
                Limit::ScheduleMin(holder) => self.schedule("min", holder)?,
                Limit::ScheduleMax(holder) => self.schedule("max", holder)?,
                Limit::StepUp => self.out.push_str("one step up"),
                Limit::StepDown => self.out.push_str("one step down"),
                Limit::CooldownUp(until) => write!(self.out, "may rise {}", self.when(*until))?,
                Limit::CooldownDown(until) => write!(self.out, "may fall {}", self.when(*until))?,
                Limit::IdleGrace(until) => write!(self.out, "idle grace, may fall {}", self.when(*until))?,
            }
        }
        match previous {
            Some(previous) if previous != target => write!(self.out, "; was {previous}"),
            Some(_) => Ok(()),
            None => write!(self.out, "; first"),
        }
    }

    fn schedule(&mut self, bound: &str, holder: &Holder) -> fmt::Result {
        let Holder { schedule, until } = holder;
        write!(self.out, "{bound} of schedule {schedule}")?;
        until.map_or(Ok(()), |until| write!(self.out, ", ends {}", self.when(until)))
    }

    fn action(&mut self, action: &Action) -> fmt::Result {
        match action {
            Action::Launch { pool, spec: _, count, units, price, why } => {
                let each = self.unit_price(price.per_unit(*units));
                write!(self.out, "  launch {count} x {pool} of {units} at {each} per unit for {}", why.name())
            }
            Action::Drain { instance, pool, until, why } => {
                write!(self.out, "  drain {} in {pool}, end {}, {}", instance.as_str(), self.when(*until), why.name())
            }
            Action::End { instance, pool, why } => {
                write!(self.out, "  end {} in {pool}, {}", instance.as_str(), why.name())
            }
        }
    }

    fn refused(&mut self, refused: &[Refused]) -> fmt::Result {
        for Refused { pool, per_unit, because } in refused {
            write!(self.out, "    not {pool}")?;
            if let Some(price) = per_unit {
                write!(self.out, " {}", self.unit_price(*price))?;
            }
            self.out.push_str(": ");
            self.because(because)?;
            self.out.push('\n');
        }
        Ok(())
    }

    fn because(&mut self, because: &Because) -> fmt::Result {
        let text = match because {
            Because::Worse => "worse",
            Because::FailedLately(1) => "the last launch there failed",
            Because::FailedLately(n) => return write!(self.out, "the last {n} launches there failed"),
            Because::Survive => "the minimum would not survive the loss of a place",
            Because::Closed { kind, until } => {
                return write!(self.out, "closed by {kind}, opens {}", self.when(*until));
            }
            Because::AboveCap(cap) => {
                return write!(self.out, "above the cap of {} per unit", self.unit_price(*cap));
            }
            Because::AboveShareOfOnDemand(cap) => {
                return write!(self.out, "above its share of on-demand, {} per unit", self.unit_price(*cap));
            }
            Because::PriceTooOld(age) if *age == Span::from_millis(u64::MAX) => "its price was not read yet",
            Because::PriceTooOld(age) => return write!(self.out, "its price was read {age} ago"),
            Because::NoOnDemandPrice => "its on-demand price is not known",
            Because::NoOffer => "not offered",
            Because::NoRate => "no rate of exchange",
            Because::PoolFull => "the pool holds its share",
            Because::ZoneFull => "the zone holds its share",
            Because::RegionFull => "the region holds its share",
            Because::ProviderFull => "the provider holds its share",
            Because::OverMax => "would pass the maximum",
            Because::Unseen => "its region is not seen",
            Because::NoUnits => "brings none of the unit",
            Because::Base => "on-demand base",
        };
        self.out.write_str(text)
    }

    fn wait(&mut self, wait: &Wait) -> fmt::Result {
        match wait {
            Wait::Paused => writeln!(self.out, "  paused by the operator: nothing is launched or let go"),
            Wait::LaunchLimit { machines, limit, at } => {
                let when = self.when(*at);
                writeln!(
                    self.out,
                    "  waits with {machines} machines: {limit} launches an hour is the limit, more {when}"
                )
            }
            Wait::Budget { machines, by } => {
                let when = by.ends.map_or_else(String::new, |at| format!(", more {}", self.when(at)));
                let whose = by.whose.possessive();
                writeln!(
                    self.out,
                    "  waits with {machines} machines: {whose} budget of {} is used up{when}",
                    by.period.with_article()
                )
            }
            Wait::Halted { failed, of, at } => {
                let when = self.when(*at);
                writeln!(
                    self.out,
                    "  HALTED: {failed} of {of} launches of an hour never ran; tried again {when}, or by `resume`"
                )
            }
            Wait::Trial { machines } => {
                writeln!(self.out, "  waits with {machines} machines: on trial until a launched one runs")
            }
            Wait::Settling { machines } => writeln!(self.out, "  waits for {machines} promised machines"),
            Wait::Unseen(lane) => writeln!(self.out, "  waits for a sight of {lane}"),
            Wait::NoOffer { why, missing, refused } => {
                writeln!(self.out, "  waits for an offer of {missing} for {}", why.name())?;
                self.refused(refused)
            }
            Wait::Fallback { missing, at } => {
                writeln!(self.out, "  spot is {missing} short, on-demand bridges {}", self.when(*at))
            }
            Wait::Young { machines, at } => {
                writeln!(self.out, "  {machines} stay for their least life, the first may go {}", self.when(*at))
            }
            Wait::Moves { machines, at } => {
                writeln!(self.out, "  {machines} could move to cheaper pools, {}", self.when(*at))
            }
            Wait::Draining { machines, first } => {
                writeln!(self.out, "  {machines} draining, the first ends {}", self.when(*first))
            }
        }
    }

    /// `in 5m`, `5m ago` or `now`.
    fn when(&self, time: Time) -> String {
        match time.cmp(&self.at) {
            core::cmp::Ordering::Greater => format!("in {}", time.since(self.at)),
            core::cmp::Ordering::Equal => "now".to_owned(),
            core::cmp::Ordering::Less => format!("{} ago", self.at.since(time)),
        }
    }

    fn hourly(&self, price: PricePerHour) -> String {
        format!("{}{price}/h", self.currency.symbol())
    }

    fn unit_price(&self, price: UnitPrice) -> String {
        format!("{}{price}", self.currency.symbol())
    }
}

/// The name of a source where it says anything.
fn named(name: &SourceName) -> String {
    if DemandRules::is_usual(name) { String::new() } else { format!(" {name}") }
}

/// Which source, where its name says anything.
fn of_source(name: &SourceName) -> String {
    if DemandRules::is_usual(name) { String::new() } else { format!(" of {name}") }
}
