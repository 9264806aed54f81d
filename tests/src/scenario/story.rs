//! Runs a story line by line and writes its transcript.

use policies::budget::{AtLimit, Whose};
use policies::model::{Market, Offer, Shape};
use policies::plan::{Standing, Work};
use policies::report::render;
use policies::units::{Capacity, Currency, ListPrice, Money, PricePerHour, Span, Time};
use policies::{Plan, Report};

use crate::scenario::{START, Trouble, Words, World, rules, schedule};

/// Rounds of one `fixpoint`: a story that needs more does not come to rest.
const ROUNDS: u32 = 60;

/// The mark of an answer's line.
const MARK: &str = "| ";

/// The story with the answers below the lines that asked; answers that it has already are replaced.
///
/// # Errors
/// A line that is not understood, a plan that breaks a rule, or a fixpoint that is not reached.
pub fn transcript(story: &str) -> Result<String, Trouble> {
    let mut teller = Teller { world: World::default(), out: String::new(), told: Vec::new() };
    for (number, line) in story.lines().enumerate().filter(|(_, line)| !line.starts_with('|')) {
        teller.out.push_str(line);
        teller.out.push('\n');
        let command = line.split('#').next().unwrap_or_default();
        if !command.trim().is_empty() {
            let result = teller.command(&mut Words::of(command));
            result.map_err(|trouble| Trouble { line: number + 1, ..trouble })?;
        }
    }
    Ok(teller.out)
}

/// What came of one round.
struct Round {
    /// Something was done.
    done: bool,
    target: Capacity,
    wake_at: Option<Time>,
}

struct Teller {
    world: World,
    out: String,
    /// The lines of the last decision printed.
    told: Vec<String>,
}

impl Teller {
    fn command(&mut self, words: &mut Words<'_>) -> Result<(), Trouble> {
        match words.word()? {
            "fleet" => rules::set(&mut self.world.fleet, words)?,
            "schedule" => schedule::set(&mut self.world.fleet, words)?,
            "order" => {
                let bound = words.word()?;
                let to = if words.take("lifted") { None } else { Some(words.capacity()?) };
                match bound {
                    "min" => self.world.ordered.min = to,
                    "max" => self.world.ordered.max = to,
                    _ => return Err(Trouble::new(format!("'{bound}' is not min or max"))),
                }
            }
            "on" => {
                let now = schedule::moment(words.word()?, words.word()?)?;
                if now < self.world.now {
                    return Err(Trouble::new("a story does not go back in time"));
                }
                self.world.advance(now);
            }
            "offer" => self.offer(words)?,
            "withdraw" => self.world.withdraw(&words.pool()?),
            "remove" => {
                let pool = words.pool()?;
                self.world.fleet.pools.remove(&pool);
            }
            "exchange" => {
                words.expect("CNY")?;
                self.world.exchange(Currency::Cny, words.scaled(6)?);
            }
            "lane" => {
                let lane = words.lane()?;
                words.expect("batch")?;
                let batch = words.number()?;
                let state = self.world.lanes.get_mut(&lane).ok_or_else(|| Trouble::new("no pool of it is offered"))?;
                state.launch_batch = u32::try_from(batch).unwrap_or(u32::MAX);
            }
            "running" => self.machines(words, Standing::Running)?,
            "starting" => self.machines(words, Standing::Starting)?,
            "promised" => self.machines(words, Standing::Promised)?,
            "queue" => self.queue(words)?,
            "level" => {
                let name = words.word()?.into();
                let level = if words.take("missing") { None } else { Some(words.scaled(3)?) };
                self.world.set_level(name, level);
            }
            "lead" => self.world.lead = words.span()?,
            "history" => self.history(words)?,
            "at" => {
                let now = START.plus(words.span()?);
                if now < self.world.now {
                    return Err(Trouble::new("a story does not go back in time"));
                }
                self.world.advance(now);
                let mut rest = words.clone();
                if rest.more().is_some() {
                    return self.command(words);
                }
            }
            "notice" => {
                let (pool, count) = (words.pool()?, words.count()?);
                words.expect("in")?;
                let at = self.world.now.plus(words.span()?);
                enough(self.world.notice(&pool, count, at))?;
            }
            "pause" => self.world.paused = true,
            "budget" => self.budget(words)?,
            "spent" => self.spent(words)?,
            "resume" => {
                self.world.paused = false;
                self.world.end_halt();
            }
            "priced" => {
                let lane = words.lane()?;
                enough(self.world.priced(&lane))?;
            }
            "protect" => {
                let pool = words.pool()?;
                enough(self.world.protect(&pool, words.count()?))?;
            }
            "idle" => self.work(words, Work::Idle)?,
            "busy" => self.work(words, Work::Busy)?,
            "refuse" => {
                let pool = words.pool()?;
                self.world.refuse(&pool, words.failure()?);
            }
            "lose" => {
                let pool = words.pool()?;
                enough(self.world.lose(&pool, words.count()?))?;
            }
            "unsee" => self.sight(words, false)?,
            "see" => self.sight(words, true)?,
            "ready" => {
                let mut rest = words.clone();
                let pool = if rest.more().is_some() { Some(words.pool()?) } else { None };
                self.world.ready(pool.as_ref());
            }
            "forget" => self.world.memory = policies::plan::Memory::default(),
            "plan" => {
                let (plan, report) = self.decision()?;
                self.tell(&plan, &report);
                self.world.carry_out(&plan);
            }
            "dry-plan" => {
                let (plan, report) = self.decision()?;
                self.tell(&plan, &report);
            }
            "run" => {
                words.expect("to")?;
                let end = START.plus(words.span()?);
                words.expect("every")?;
                let every = words.span()?.max(Span::from_secs(1));
                while self.world.now.plus(every) <= end {
                    self.world.advance(self.world.now.plus(every));
                    self.round()?;
                }
            }
            "fixpoint" => self.fixpoint()?,
            "holds" => {
                let lines = self.world.holds();
                let lines = if lines.is_empty() { vec!["nothing".to_owned()] } else { lines };
                self.print(&lines);
            }
            word => return Err(Trouble::new(format!("'{word}' is not a line of a story"))),
        }
        words.end()
    }

    /// `busy POOL x2`.
    fn work(&mut self, words: &mut Words<'_>, work: Work) -> Result<(), Trouble> {
        let pool = words.pool()?;
        enough(self.world.work(&pool, words.count()?, work))
    }

    /// `budget day 10 freeze`, of all fleets with `common` after it. What is spent of it stays.
    fn budget(&mut self, words: &mut Words<'_>) -> Result<(), Trouble> {
        let period = words.word()?;
        let micros = words.scaled(6)?;
        let limits = [AtLimit::Alert, AtLimit::Freeze, AtLimit::ShedSpot];
        let word = words.word()?;
        let at_limit = limits.into_iter().find(|l| l.name() == word);
        let at_limit = at_limit.ok_or_else(|| Trouble::new(format!("'{word}' is not alert, freeze or shed-spot")))?;
        let whose = if words.take("common") { Whose::All } else { Whose::Fleet };
        let purse = self.world.purse(whose, at_limit);
        let money = Some(Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)));
        match period {
            "hour" => purse.budget.per_hour = Some(PricePerHour::from_micros(micros)),
            "day" => purse.budget.per_day = money,
            "month" => purse.budget.per_month = money,
            _ => return Err(Trouble::new(format!("'{period}' is not hour, day or month"))),
        }
        if words.take("others") {
            purse.others = PricePerHour::from_micros(words.scaled(6)?);
        }
        Ok(())
    }

    /// `spent day 9.50`, of every budget.
    fn spent(&mut self, words: &mut Words<'_>) -> Result<(), Trouble> {
        let period = words.word()?;
        let money = Money::from_micros(i64::try_from(words.scaled(6)?).unwrap_or(i64::MAX));
        for purse in &mut self.world.purses {
            match period {
                "day" => purse.in_day = money,
                "month" => purse.in_month = money,
                _ => return Err(Trouble::new(format!("'{period}' is not day or month"))),
            }
        }
        Ok(())
    }

    fn offer(&mut self, words: &mut Words<'_>) -> Result<(), Trouble> {
        let pool = words.pool()?;
        words.expect("price")?;
        let micros = words.scaled(6)?;
        let currency = if words.take("CNY") { Currency::Cny } else { Currency::Usd };
        let mut shape = Shape { vcpus: 2, gpus: 0, memory_mib: 8_192 };
        while let Some(word) = words.more() {
            let number = u32::try_from(words.number()?).unwrap_or(u32::MAX);
            match word {
                "vcpus" => shape.vcpus = number,
                "gpus" => shape.gpus = number,
                _ => return Err(Trouble::new(format!("'{word}' is not vcpus or gpus"))),
            }
        }
        let price = ListPrice { micros, currency };
        self.world.offer(Offer { pool, price, priced_at: self.world.now, shape });
        Ok(())
    }

    fn machines(&mut self, words: &mut Words<'_>, standing: Standing) -> Result<(), Trouble> {
        let (pool, count) = (words.pool()?, words.count()?);
        let age = if words.take("age") { words.span()? } else { Span::from_hours(1) };
        let units = self.world.units_of(&pool);
        self.world.add(&pool, count, units, standing, age);
        Ok(())
    }

    fn queue(&mut self, words: &mut Words<'_>) -> Result<(), Trouble> {
        if words.take("missing") {
            self.world.lose_queue();
            return Ok(());
        }
        words.expect("waiting")?;
        let (waiting, mut in_flight, mut arriving) = (words.number()?, 0, 0);
        while let Some(word) = words.more() {
            match word {
                "in-flight" => in_flight = words.number()?,
                "arriving" => arriving = words.number()?,
                _ => return Err(Trouble::new(format!("'{word}' is not in-flight or arriving"))),
            }
        }
        self.world.set_queue(waiting, in_flight, arriving);
        Ok(())
    }

    fn history(&mut self, words: &mut Words<'_>) -> Result<(), Trouble> {
        let back = words.span()?;
        words.expect("need")?;
        let need = words.capacity()?;
        let mut hours = (0, 24);
        if words.take("hours") {
            let word = words.word()?;
            let ends = word.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            hours = ends.ok_or_else(|| Trouble::new(format!("'{word}' is not hours of a day such as 9-17")))?;
        }
        self.world.set_history(back, need, hours);
        Ok(())
    }

    fn sight(&mut self, words: &mut Words<'_>, seen: bool) -> Result<(), Trouble> {
        let lane = words.lane()?;
        let state = self.world.lanes.get_mut(&lane).ok_or_else(|| Trouble::new("no pool of it is offered"))?;
        state.seen = seen;
        Ok(())
    }

    /// The decision of now, judged.
    fn decision(&self) -> Result<(Plan, Report), Trouble> {
        let (plan, report) = self.world.decide();
        let broken: Vec<String> = self.world.check(&plan).iter().map(ToString::to_string).collect();
        if broken.is_empty() {
            return Ok((plan, report));
        }
        Err(Trouble::new(format!("the plan breaks rules:\n  {}\n{}", broken.join("\n  "), text(&plan, &report))))
    }

    /// Decides and carries out; prints if something is done or the target moves. The answer is that decision.
    fn round(&mut self) -> Result<Round, Trouble> {
        let (plan, report) = self.decision()?;
        let done = !plan.actions.is_empty();
        if done || self.world.memory.target != Some(plan.target) {
            let at = format!("at {}:", self.world.now.since(START));
            self.print(&[at]);
            self.tell(&plan, &report);
        }
        self.world.carry_out(&plan);
        Ok(Round { done, target: plan.target, wake_at: plan.wake_at })
    }

    /// Rounds with all machines ready in between, until nothing is done and nothing waits for the clock. A round that
    /// did something is followed by one at the same time; one that did not, by one when the plan wants to be woken.
    fn fixpoint(&mut self) -> Result<(), Trouble> {
        for _ in 0..ROUNDS {
            let round = self.round()?;
            self.world.ready(None);
            if round.done {
                continue;
            }
            // The calendar goes on for ever.
            match round.wake_at.filter(|at| Some(*at) != self.world.next_of_schedules()) {
                Some(at) if at > self.world.now => self.world.advance(at),
                Some(at) => return Err(Trouble::new(format!("wants to be woken at {at:?}, which is not later"))),
                None => {
                    let (on_demand, spot) = (self.world.counted(Market::OnDemand), self.world.counted(Market::Spot));
                    let at = self.world.now.since(START);
                    let target = round.target;
                    self.print(&[format!("at rest at {at}: target {target}, on-demand {on_demand}, spot {spot}")]);
                    return Ok(());
                }
            }
        }
        Err(Trouble::new(format!("not at rest after {ROUNDS} rounds; so far:\n{}", self.out)))
    }

    /// Prints what the decision says and the one before did not.
    fn tell(&mut self, plan: &Plan, report: &Report) {
        let lines: Vec<String> = text(plan, report).lines().map(str::to_owned).collect();
        if lines == self.told {
            self.print(&["as before".to_owned()]);
        } else {
            self.print(&lines);
            self.told = lines;
        }
    }

    fn print(&mut self, lines: &[String]) {
        for line in lines {
            self.out.push_str(format!("{MARK}{line}").trim_end());
            self.out.push('\n');
        }
    }
}

fn enough(found: bool) -> Result<(), Trouble> {
    if found { Ok(()) } else { Err(Trouble::new("there are not so many machines of that pool")) }
}

/// The decision as people read it.
fn text(plan: &Plan, report: &Report) -> String {
    render(plan, report)
}
