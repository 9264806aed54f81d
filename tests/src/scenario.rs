//! Golden stories: a small line language in, the planner's decisions out, one story per file.
//!
//! A story builds a model world line by line (a fleet, offers, machines, a queue) and asks for plans. What the planner
//! answers stands below the line that asked, each line of it after a `|`. The transcript of a story is the story with
//! its answers; a golden file is right when its transcript is the file itself. Every plan passes the checker, or the
//! story fails.
//!
//! | line | does |
//! |---|---|
//! | `# text` | says what the story shows |
//! | `fleet WORD VALUE ..` | sets rules of the fleet, see `scenario/rules.rs`; again later: a reload |
//! | `schedule NAME from CRON until CRON [in ZONE] [min 5] [max 9]` | other bounds at times; or `from CRON lasts 11h` |
//! | `order min 5`, `order max 9`, `order min lifted` | the operator orders another bound |
//! | `on 2024-03-30 18:00` | it is this time of UTC |
//! | `offer POOL price 0.031 [CNY] [vcpus 4] [gpus 1]` | the pool is in the fleet file and offered at that price |
//! | `withdraw POOL` | its price is not known any more |
//! | `remove POOL` | it is no longer in the fleet file |
//! | `exchange CNY 0.14` | a rate of exchange |
//! | `lane LANE batch 5` | machines per launch call |
//! | `running POOL x3 [age 2h]`, `starting`, `promised` | machines, or one promise of so many |
//! | `queue waiting 50 [in-flight 5] [arriving 120]` | the queue reads so, and its count of arrivals rises so an hour |
//! | `queue missing` | no reading comes until the next `queue` line |
//! | `history 14d need 10 [hours 9-17]` | need of the hours of the last days |
//! | `at 5m [LINE]` | it is so long after the start |
//! | `notice POOL x2 in 2m` | the provider says that it takes them; they are gone at that time |
//! | `refuse POOL no-capacity` | the launches of the last plan there failed so |
//! | `lose POOL x2` | machines are gone without notice |
//! | `unsee LANE`, `see LANE` | the lane is not seen, is seen again |
//! | `ready [POOL]` | what starts (there) now runs |
//! | `forget` | the memory of earlier decisions is lost |
//! | `plan` | decides, prints and carries out |
//! | `dry-plan` | decides and prints |
//! | `run to 30m every 1m` | decides and carries out again and again; prints where something is done or the target moves |
//! | `fixpoint` | the same until nothing is done and nothing waits for the clock, and fails after a bound |
//! | `holds` | prints the machines by pool |

use core::fmt;

mod line;
mod rules;
mod schedule;
mod story;
mod world;

pub use line::Words;
pub use story::transcript;
pub use world::{START, World};

/// A line of a story that cannot be run, or a decision that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which line, from 1; 0 while it is not known.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Trouble {
    /// Trouble in a line that the caller knows.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { line: 0, what: what.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}
