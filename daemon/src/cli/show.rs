//! `spotfleet status` and `spotfleet events`: what a running daemon says of itself.

use clap::Args;

use super::client::{DaemonArgs, block_on};
use super::out::{Out, lines, table};
use super::{Done, Fault};
use crate::http::view::{
    Budget, Event, Events, Fleet, Fleets, Instance, Instances, Lanes, Orphan, Schedule, Status, Work,
};

/// Says what the running daemon holds, wants and pays.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Only this fleet, with its pools and machines
    #[arg(value_name = "FLEET")]
    pub fleet: Option<String>,

    /// Which daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// Says what happened lately.
#[derive(Clone, Debug, Args)]
pub struct EventsArgs {
    /// Only of this fleet
    #[arg(long, value_name = "FLEET")]
    pub fleet: Option<String>,

    /// Only those after this number
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<u64>,

    /// At most so many, the newest; the daemon has 200 at hand
    #[arg(short = 'n', long, default_value_t = 20, value_name = "COUNT")]
    pub limit: usize,

    /// Then go on with what happens, as it happens, until the daemon stops; with `--output json` an object a line
    #[arg(short = 'f', long)]
    pub follow: bool,

    /// Which daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

pub(crate) fn status(args: &StatusArgs, out: &Out) -> Result<Done, Fault> {
    let whole = block_on(async {
        let mut fleets: Fleets = args.daemon.get("/api/v1/fleets").await?;
        let lanes: Lanes = args.daemon.get("/api/v1/lanes").await?;
        let all: Instances = args.daemon.get("/api/v1/instances").await?;
        let mut instances = None;
        if let Some(name) = &args.fleet {
            let names: Vec<_> = fleets.fleets.iter().map(|f| f.name.clone()).collect();
            fleets.fleets.retain(|f| f.name == *name);
            if fleets.fleets.is_empty() {
                return Err(Fault::Failed(format!("no fleet `{name}`: there are {}", names.join(", "))));
            }
            instances = Some(all.instances.iter().filter(|i| i.fleet == *name).cloned().collect());
        }
        Ok(Status { fleets, lanes, instances, orphans: all.orphans })
    })??;
    out.value(&whole, text)?;
    Ok(Done::Well)
}

fn text(whole: &Status) -> String {
    let Status { fleets, lanes, instances, orphans } = whole;
    let mut text = summary(fleets);
    text.push('\n');
    text.push_str(&fleet_table(fleets));
    for fleet in &fleets.fleets {
        for order in &fleet.orders {
            let until =
                order.until.as_ref().map_or_else(|| "until it is lifted".to_owned(), |at| format!("until {at}"));
            text.push_str(&format!("\n{}: {} {until}, by {}: {}\n", fleet.name, order.what, order.by, order.why));
        }
        if let Some(step) = &fleet.last_step {
            text.push_str(&format!(
                "\n{}: last step {} ({}, {} actions): {}\n",
                fleet.name, step.at, step.kind, step.actions, step.reason
            ));
        }
    }
    if let Some(instances) = instances {
        for fleet in &fleets.fleets {
            text.push('\n');
            text.push_str(&pool_table(fleet));
            text.push('\n');
            text.push_str(&bill_table(fleet, &fleets.currency));
        }
        text.push('\n');
        text.push_str(&instance_table(instances));
    }
    if !orphans.is_empty() {
        text.push('\n');
        text.push_str(&orphan_table(orphans, &fleets.currency));
    }
    text.push('\n');
    text.push_str(&lane_table(lanes));
    text
}

/// Machines of fleets that are not configured, and what they cost.
fn orphan_table(orphans: &[Orphan], currency: &str) -> String {
    let price = format!("{currency}/h");
    let mut table = table(&["orphan", "fleet", "pool", &price, "since", "ends"], &[&price]);
    for orphan in orphans {
        let ends = match (&orphan.ends_at, orphan.ending) {
            (_, true) => "ending".to_owned(),
            (Some(at), false) => at.clone(),
            (None, false) => "left alone".to_owned(),
        };
        table.add_row([
            orphan.what.clone(),
            orphan.fleet.clone(),
            orphan.pool.clone(),
            orphan.price_per_hour.map_or_else(|| "-".to_owned(), |p| format!("{p:.4}")),
            orphan.since.clone(),
            ends,
        ]);
    }
    lines(&table)
}

fn summary(fleets: &Fleets) -> String {
    if fleets.ready {
        return format!("ready, as of {}\n", fleets.at);
    }
    let mut text = format!("NOT READY, as of {}\n", fleets.at);
    for reason in &fleets.not_ready {
        text.push_str(&format!("  {reason}\n"));
    }
    text
}

fn fleet_table(fleets: &Fleets) -> String {
    let price = format!("{}/h", fleets.currency);
    let header =
        ["fleet", "unit", "want", "hold", "on-demand", "running", "min..max", "queue", &price, "if on demand", "saved"];
    let right = ["want", "hold", "on-demand", "running", "queue", &price, "if on demand", "saved"];
    let mut table = table(&header, &right);
    for fleet in &fleets.fleets {
        table.add_row([
            fleet.name.clone(),
            fleet.unit.clone(),
            fleet.target.map_or_else(|| "-".to_owned(), |t| t.to_string()),
            fleet.held.to_string(),
            fleet.held_on_demand.to_string(),
            fleet.held_running.to_string(),
            format!("{}..{}", fleet.min, fleet.max),
            fleet.backlog.map_or_else(|| "-".to_owned(), |b| b.to_string()),
            format!("{:.4}", fleet.price_per_hour),
            format!("{:.4}", fleet.on_demand_price_per_hour),
            fleet.saving.map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", s * 100.0)),
        ]);
    }
    lines(&table)
}

/// What the machines cost by provider, in our currency and in that of its price list.
fn bill_table(fleet: &Fleet, currency: &str) -> String {
    let price = format!("{currency}/h");
    let header = ["provider", "machines", &price, "if on demand", "saved", "its list says"];
    let mut table = table(&header, &header[1..]);
    for bill in &fleet.bills {
        table.add_row([
            bill.provider.clone(),
            bill.machines.to_string(),
            format!("{:.4}", bill.price_per_hour),
            format!("{:.4}", bill.on_demand_price_per_hour),
            bill.saving.map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", s * 100.0)),
            match (bill.list_price_per_hour, &bill.list_currency) {
                (Some(price), Some(currency)) => format!("{price:.4} {currency}/h"),
                _ => "nothing now".to_owned(),
            },
        ]);
    }
    lines(&table)
}

fn pool_table(fleet: &Fleet) -> String {
    let mut table =
        table(&["pool", "running", "starting", "leaving", "capacity"], &["running", "starting", "leaving", "capacity"]);
    for pool in &fleet.pools {
        table.add_row([
            pool.pool.clone(),
            pool.running.to_string(),
            pool.starting.to_string(),
            pool.leaving.to_string(),
            pool.capacity.to_string(),
        ]);
    }
    let mut text = lines(&table);
    text.push_str(&format!("spent: {} today, {} this month\n", fleet.spent_today, fleet.spent_this_month));
    for budget in &fleet.budgets {
        let Budget { of, period, limit, spent, left, used_up, alert, at_limit, ends } = budget;
        let state = match (used_up, alert) {
            (true, _) => format!("used up ({at_limit})"),
            (false, true) => format!("{left} left, near its end"),
            (false, false) => format!("{left} left"),
        };
        let ends = ends.as_ref().map_or_else(String::new, |at| format!(", until {at}"));
        text.push_str(&format!("budget of {of} for a {period}: {spent} of {limit}, {state}{ends}\n"));
    }
    for schedule in &fleet.schedules {
        let Schedule { name, active, next_change, time_zone, min, max } = schedule;
        let bound = |name: &str, bound: &Option<f64>| bound.map_or_else(String::new, |to| format!(", {name} {to}"));
        let change = match (next_change, active) {
            (Some(at), true) => format!("on, ends {at}"),
            (Some(at), false) => format!("off, begins {at}"),
            (None, true) => "on".to_owned(),
            (None, false) => "off".to_owned(),
        };
        let (min, max) = (bound("min", min), bound("max", max));
        text.push_str(&format!("schedule {name}: {change} ({time_zone}){min}{max}\n"));
    }
    for closure in &fleet.closures {
        text.push_str(&format!(
            "closed: {} until {} ({}, {} in a row)\n",
            closure.place, closure.until, closure.kind, closure.strikes
        ));
    }
    text
}

fn instance_table(instances: &[Instance]) -> String {
    let header = ["instance", "pool", "standing", "units", "per hour", "born", "leaves"];
    let mut table = table(&header, &["units", "per hour"]);
    for instance in instances {
        let leaves = match (&instance.leaving_because, &instance.leaving_at, &instance.notice_at) {
            (Some(why), Some(at), _) => format!("{at} ({why})"),
            (_, _, Some(at)) => format!("{at} (notice)"),
            _ if instance.protected_by.as_deref() == Some("tag") => "protected (tag)".to_owned(),
            _ if instance.protected => "protected".to_owned(),
            _ => "-".to_owned(),
        };
        let work = match instance.work {
            Work::Unknown => "",
            Work::Idle => ", idle",
            Work::Busy => ", busy",
        };
        table.add_row([
            instance.id.clone(),
            instance.pool.clone(),
            format!("{}{work}", instance.standing),
            instance.units.to_string(),
            format!("{:.4}", instance.price_per_hour),
            instance.born.clone(),
            leaves,
        ]);
    }
    lines(&table)
}

fn lane_table(lanes: &Lanes) -> String {
    let mut table = table(&["lane", "sight", "seen at", "offers", "last failure"], &["offers"]);
    for lane in &lanes.lanes {
        table.add_row([
            lane.lane.clone(),
            lane.sight.clone(),
            lane.seen_at.clone().unwrap_or_else(|| "-".to_owned()),
            lane.offers.to_string(),
            lane.failure.as_ref().map_or_else(
                || "-".to_owned(),
                |f| format!("{} in {} ({}): {}", f.kind, f.operation, f.code, f.message),
            ),
        ]);
    }
    lines(&table)
}

pub(crate) fn events(args: &EventsArgs, out: &Out) -> Result<Done, Fault> {
    // The API filters by fleet too; filtering here needs no escaping of what the user typed.
    let path = match args.after {
        Some(after) => format!("/api/v1/events?after={after}"),
        None => "/api/v1/events".to_owned(),
    };
    let mut all: Events = block_on(async { args.daemon.get(&path).await })??;
    let newest = all.events.last().map_or(args.after.unwrap_or(0), |e| e.number);
    let chosen = |event: &Event| args.fleet.is_none() || event.fleet == args.fleet;
    all.events.retain(chosen);
    let old = all.events.len().saturating_sub(args.limit);
    all.events.drain(..old);
    if !args.follow {
        out.value(&all, |all| event_lines(&all.events))?;
        return Ok(Done::Well);
    }
    for event in &all.events {
        if !out.line(event, event_line)? {
            return Ok(Done::Well);
        }
    }
    let path = format!("/api/v1/events/stream?after={newest}");
    let take = |event: Event| if chosen(&event) { out.line(&event, event_line) } else { Ok(true) };
    block_on(args.daemon.follow(&path, take))??;
    Ok(Done::Well)
}

/// One event, without knowing those that come.
fn event_line(event: &Event) -> String {
    let Event { number, at, fleet, what, text, decision: _ } = event;
    format!("{number:>6}  {at}  {}  {what}  {text}\n", fleet.as_deref().unwrap_or("-"))
}

fn event_lines(events: &[Event]) -> String {
    if events.is_empty() {
        return "nothing happened\n".to_owned();
    }
    let mut table = table(&["number", "at", "fleet", "what", "text"], &["number"]);
    for event in events {
        table.add_row([
            event.number.to_string(),
            event.at.clone(),
            event.fleet.clone().unwrap_or_else(|| "-".to_owned()),
            event.what.clone(),
            event.text.clone(),
        ]);
    }
    lines(&table)
}
