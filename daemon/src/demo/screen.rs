//! What the demo shows: a frame that is drawn again on a terminal, plain lines elsewhere.

use std::io::{self, Write};

use policies::control::View;
use policies::control::ledger::Note;
use policies::control::view::FleetView;
use policies::plan::Holding;
use policies::units::{Money, PricePerHour, Span, Time};
use providers::sim::Bill;

use super::story::{Stage, Story};
use super::{Options, START};
use crate::http::view::{self, DemoStage, DemoSummary, PoolUse, Step};

/// Pools shown; with the rest of the frame it fits a terminal of 24 lines.
const POOLS: usize = 6;

/// Events shown.
const EVENTS: usize = 3;

/// Actions of the last step shown.
const ACTIONS: usize = 2;

/// Width of the bars in characters.
const BAR: u64 = 40;

/// Where the demo writes.
pub struct Screen {
    out: Box<dyn Write + Send>,
    /// Redraw in place, with colours.
    terminal: bool,
    json: bool,
    drawn: bool,
    next_note: u64,
    next_line: Span,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("terminal", &self.terminal).field("json", &self.json).finish_non_exhaustive()
    }
}

/// Simulated time between two status lines where there is no terminal.
const LINE_EVERY: Span = Span::from_mins(1);

impl Screen {
    /// A screen on this output. `terminal`: redraw in place; `json`: only the summary, as JSON.
    pub fn new(out: impl Write + Send + 'static, terminal: bool, json: bool) -> Self {
        Self {
            out: Box::new(out),
            terminal: terminal && !json,
            json,
            drawn: false,
            next_note: 0,
            next_line: Span::ZERO,
        }
    }

    /// Shows the state of things.
    pub(super) fn draw(&mut self, view: &View, story: &Story, bill: &Bill, passed: Span) -> io::Result<()> {
        let Some(fleet) = view.fleets.first() else { return Ok(()) };
        if self.terminal {
            return self.frame(view, fleet, story, bill, passed);
        }
        if self.json {
            return Ok(());
        }
        for note in view.notes.iter().filter(|n| n.number >= self.next_note) {
            writeln!(self.out, "{}  {}", clock(note.at.since(START)), event(note))?;
        }
        self.next_note = view.notes.last().map_or(self.next_note, |n| n.number + 1);
        if passed >= self.next_line {
            self.next_line = passed.plus(LINE_EVERY);
            writeln!(self.out, "{}  {}", clock(passed), status(view, fleet))?;
        }
        self.out.flush()
    }

    fn frame(&mut self, view: &View, fleet: &FleetView, story: &Story, bill: &Bill, passed: Span) -> io::Result<()> {
        let mut lines = Vec::new();
        lines.push(format!(
            "\x1b[1mspotfleet demo\x1b[0m on simulated clouds, {} into the story. Next: {}. Ctrl-C ends.",
            clock(passed),
            story.waits_for().map_or("the cycle is complete", Stage::text)
        ));
        lines.extend(wanted(fleet));
        lines.extend(money(view, fleet, bill));
        lines.push(String::new());
        lines.extend(pools(fleet));
        lines.push(String::new());
        lines.extend(last_step(fleet));
        lines.push(String::new());
        lines.extend(view.notes.iter().rev().take(EVENTS).rev().map(|n| format!("\x1b[2m{}\x1b[0m", event(n))));
        if !self.drawn {
            // The other screen, no cursor, no line wrap: taken back by `close`.
            write!(self.out, "\x1b[?1049h\x1b[?25l\x1b[?7l")?;
            self.drawn = true;
        }
        write!(self.out, "\x1b[H")?;
        for line in lines {
            write!(self.out, "{line}\x1b[K\r\n")?;
        }
        write!(self.out, "\x1b[J")?;
        self.out.flush()
    }

    /// Gives the terminal back and prints the summary.
    pub(super) fn close(&mut self, view: &View, story: &Story, bill: &Bill, options: &Options) -> io::Result<()> {
        self.restore()?;
        let summary = summary(view, story, bill, options);
        if self.json {
            serde_json::to_writer_pretty(&mut self.out, &summary)?;
            writeln!(self.out)?;
        } else {
            if !self.terminal {
                writeln!(self.out)?;
            }
            self.out.write_all(summary_text(&summary).as_bytes())?;
        }
        self.out.flush()
    }

    fn restore(&mut self) -> io::Result<()> {
        if self.drawn {
            self.drawn = false;
            write!(self.out, "\x1b[?7h\x1b[?25h\x1b[?1049l")?;
        }
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // On an error too: a terminal without a cursor is a nuisance.
        let _ = self.restore();
    }
}

/// `00:14:20`.
fn clock(passed: Span) -> String {
    let s = passed.as_millis() / 1_000;
    format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

fn event(note: &Note) -> String {
    format!("{:<9} {}", note.what, note.text)
}

fn status(view: &View, fleet: &FleetView) -> String {
    let shown = view::Fleet::from(fleet);
    format!(
        "want {} hold {} ({} on-demand) running {} jobs {}  {}/h {} against {}/h on demand",
        shown.target.map_or_else(|| "-".to_owned(), |t| t.to_string()),
        shown.held,
        shown.held_on_demand,
        shown.held_running,
        fleet.backlog.map_or_else(|| "-".to_owned(), |b| b.to_string()),
        fleet.price,
        view.currency.code(),
        fleet.price_on_demand,
    )
}

/// What is wanted and what is there.
fn wanted(fleet: &FleetView) -> Vec<String> {
    let shown = view::Fleet::from(fleet);
    let sum = |wanted: &dyn Fn(&Holding) -> bool| -> u64 {
        fleet.holdings.iter().filter(|h| wanted(h)).map(|h| h.capacity().milli()).sum::<u64>() / 1_000
    };
    let running = sum(&|h| h.counts() && h.standing == policies::plan::Standing::Running);
    let held = sum(&Holding::counts);
    let target = fleet.decision.as_ref().map_or(0, |(plan, _)| plan.target.milli() / 1_000);
    let max = (fleet.max.milli() / 1_000).max(1);
    let cells = |n: u64| usize::try_from((n * BAR).div_ceil(max).min(BAR)).unwrap_or(0);
    let on = cells(running);
    let coming = cells(held).saturating_sub(on);
    let missing = cells(target).saturating_sub(on + coming);
    let rest = usize::try_from(BAR).unwrap_or(0).saturating_sub(on + coming + missing);
    let bar = format!(
        "\x1b[32m{}\x1b[33m{}\x1b[31m{}\x1b[0m{}",
        "█".repeat(on),
        "▒".repeat(coming),
        "░".repeat(missing),
        "·".repeat(rest)
    );
    let why = fleet.decision.as_ref().map(|(_, report)| {
        let sizing = view::Sizing::from(&report.sizing);
        let limits = if sizing.limits.is_empty() { String::new() } else { format!(", {}", sizing.limits.join(", ")) };
        format!("need {} by {}{limits}", report.sizing.need, sizing.basis)
    });
    vec![
        format!(
            "fleet {}  wants {target} {}  holds {held} ({} on-demand)  runs {running}  drains {}  queue {} jobs",
            fleet.name,
            fleet.unit.name(),
            shown.held_on_demand,
            shown.draining,
            fleet.backlog.map_or_else(|| "?".to_owned(), |b| b.to_string()),
        ),
        format!("[{bar}]  {}", why.unwrap_or_default()),
    ]
}

fn money(view: &View, fleet: &FleetView, bill: &Bill) -> Vec<String> {
    let code = view.currency.code();
    let saved = view::saving(fleet.price, fleet.price_on_demand);
    vec![
        format!(
            "costs {:.2}/h {code} against {:.2}/h on demand{}",
            view::price(fleet.price),
            view::price(fleet.price_on_demand),
            saved.map(|s| format!(" (\x1b[32m{:.0} % saved\x1b[0m)", s * 100.0)).unwrap_or_default()
        ),
        format!(
            "spent {:.2} {code} so far; on demand the same machine time costs {:.2}",
            view::money(bill.spent),
            view::money(bill.at_on_demand)
        ),
    ]
}

fn pools(fleet: &FleetView) -> Vec<String> {
    let shown = view::Fleet::from(fleet);
    let mut lines = vec![format!("\x1b[1m{:<52} {:>7} {:>8} {:>7}\x1b[0m", "pool", "running", "starting", "leaving")];
    let row = |p: &PoolUse| format!("{:<52} {:>7} {:>8} {:>7}", p.pool, p.running, p.starting, p.leaving);
    lines.extend(shown.pools.iter().take(POOLS).map(row));
    if let Some(more) = shown.pools.len().checked_sub(POOLS).filter(|n| *n > 0) {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// The last decision that did something: its first actions, why, and the best that was refused for each.
fn last_step(fleet: &FleetView) -> Vec<String> {
    let Some((plan, report)) = &fleet.last_step else { return vec!["no step taken yet".to_owned()] };
    let shown = view::Plan::new(plan, report);
    let more = shown.steps.len().saturating_sub(ACTIONS);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    let mut lines = vec![format!("last step, {}: \x1b[1m{}\x1b[0m{more}", clock(plan.at.since(START)), shown.kind)];
    for Step { action, pool, instance, count, reason, refused, .. } in shown.steps.iter().take(ACTIONS) {
        let what = instance.clone().unwrap_or_else(|| format!("{count} x"));
        lines.push(format!("  {action} {what} {pool}: {reason}"));
        lines.extend(refused.first().map(|not| format!("    not {}: {}", not.pool, not.because)));
    }
    lines
}

/// One cycle in figures.
fn summary(view: &View, story: &Story, bill: &Bill, options: &Options) -> DemoSummary {
    let stage = |(stage, at): &(Stage, Time)| DemoStage { at: clock(at.since(START)), what: stage.text().to_owned() };
    let whole = |amount: Money| PricePerHour::from_micros(amount.micros().unsigned_abs());
    DemoSummary {
        simulated: true,
        complete: story.is_over(),
        stages: story.reached.iter().map(stage).collect(),
        waited_for: story.waits_for().map(|stage| stage.text().to_owned()),
        peak_capacity: view::capacity(story.peak),
        spot_pools: story.spot_pools.iter().map(ToString::to_string).collect(),
        interruptions: story.interruptions,
        currency: view.currency.code().to_owned(),
        spent: view::money(bill.spent),
        on_demand: view::money(bill.at_on_demand),
        saving: view::saving(whole(bill.spent), whole(bill.at_on_demand)),
        speed: options.speed,
        seed: options.seed,
    }
}

fn summary_text(summary: &DemoSummary) -> String {
    let DemoSummary { stages, waited_for, currency, spent, on_demand, saving, .. } = summary;
    let mut text = String::from("spotfleet demo: everything here is simulated; nothing was launched anywhere\n\n");
    for DemoStage { at, what } in stages {
        text.push_str(&format!("  {at}  {what}\n"));
    }
    if let Some(next) = waited_for {
        text.push_str(&format!("  --:--:--  not reached: {next}\n"));
    }
    let saved = saving.map_or_else(String::new, |share| format!(", {:.0} % saved", share * 100.0));
    text.push_str(&format!(
        "\n  peak capacity {}, spot pools used {}, machines taken by providers {}\n  spent {spent:.2} {currency}, on \
         demand {on_demand:.2} {currency}{saved} (simulated prices)\n  speed {}x, seed {}\n",
        summary.peak_capacity,
        summary.spot_pools.len(),
        summary.interruptions,
        summary.speed,
        summary.seed,
    ));
    text
}
