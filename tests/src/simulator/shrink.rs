//! A failing run made smaller: parts of the fault profile left out, the safety phase shortened, as long as it fails.

use policies::units::Span;

use super::{Outcome, Part, Run, simulate};

/// A failing run, made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest run found that breaks the same rule.
    pub outcome: Outcome,
    /// Runs tried on the way.
    pub tried: u32,
}

/// Makes a failing run smaller: each part is left out if the same rule is broken without it, and the safety phase ends
/// as early as it can.
#[must_use]
pub fn shrink(failed: Outcome) -> Shrunk {
    let mut best = failed;
    let mut tried = 0;
    let Some(rule) = best.broken.as_ref().map(|b| b.rule) else { return Shrunk { outcome: best, tried } };
    let mut attempt = |best: &mut Outcome, run: Run| {
        tried += 1;
        let outcome = simulate(run);
        let same = outcome.broken.as_ref().is_some_and(|b| b.rule == rule);
        if same {
            *best = outcome;
        }
        same
    };
    // Leaving one part out may make another one needless.
    let mut again = true;
    while again {
        again = false;
        for part in Part::ALL {
            if best.parts.has(part) {
                let run = Run { without: best.run.without.with(part), ..best.run };
                again |= attempt(&mut best, run);
            }
        }
    }
    for minutes in [1, 2, 3, 5, 8, 12, 20, 30] {
        let run = Run { length: Some(Span::from_mins(minutes)), ..best.run };
        if attempt(&mut best, run) {
            break;
        }
    }
    Shrunk { outcome: best, tried }
}
