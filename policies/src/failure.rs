//! What can go wrong at the provider boundary, and what each kind means for us.

use core::fmt;

use crate::units::Span;

/// The closed set of failure kinds. An adapter maps every error of its cloud to one of these; an error that it does
/// not know is [`Ambiguous`](Self::Ambiguous) once the request has left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum FailureKind {
    /// The pool has no room now. Try other pools; try this one again after a growing time.
    NoCapacity,
    /// Our quota is used up. Nothing to do with the market; tell the operator.
    Quota,
    /// The provider says: too many calls. Slow down.
    Throttled,
    /// Our own limit of calls held it back, so that the provider need not say so. It comes to its turn.
    Paced,
    /// The market price is above the cap sent with the request.
    PriceAboveCap,
    /// The provider is down and said so before doing anything.
    Unavailable,
    /// No answer, or one we cannot read, after the request left. It may have happened.
    Ambiguous,
    /// Credentials or permissions.
    Denied,
    /// The request is wrong: our bug or a bad launch specification.
    Invalid,
    /// The thing named does not exist (any more).
    Gone,
}

impl FailureKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::NoCapacity,
        Self::Quota,
        Self::Throttled,
        Self::Paced,
        Self::PriceAboveCap,
        Self::Unavailable,
        Self::Ambiguous,
        Self::Denied,
        Self::Invalid,
        Self::Gone,
    ];

    /// The name used in logs, metrics, the store and the JSON views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCapacity => "no-capacity",
            Self::Quota => "quota",
            Self::Throttled => "throttled",
            Self::Paced => "paced",
            Self::PriceAboveCap => "price-above-cap",
            Self::Unavailable => "unavailable",
            Self::Ambiguous => "ambiguous",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Gone => "gone",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }

    /// What the kind means. The one exhaustive match: a new kind does not compile until someone has decided here.
    #[must_use]
    pub const fn meaning(self) -> Meaning {
        match self {
            Self::NoCapacity => Meaning {
                may_have_happened: false,
                scope: Scope::Pool,
                first_wait: Span::from_mins(3),
                longest_wait: Span::from_hours(1),
            },
            Self::Quota => Meaning {
                may_have_happened: false,
                scope: Scope::LaneMarket,
                first_wait: Span::from_mins(10),
                longest_wait: Span::from_hours(1),
            },
            Self::Throttled => Meaning {
                may_have_happened: false,
                scope: Scope::Lane,
                first_wait: Span::from_secs(5),
                longest_wait: Span::from_mins(2),
            },
            // Until the limit lets a call through again, which the failure says; nothing is wrong that could get worse.
            Self::Paced => Meaning {
                may_have_happened: false,
                scope: Scope::Lane,
                first_wait: Span::ZERO,
                longest_wait: Span::from_mins(2),
            },
            Self::PriceAboveCap => Meaning {
                may_have_happened: false,
                scope: Scope::Pool,
                first_wait: Span::from_mins(10),
                longest_wait: Span::from_hours(1),
            },
            Self::Unavailable => Meaning {
                may_have_happened: false,
                scope: Scope::Lane,
                first_wait: Span::from_secs(10),
                longest_wait: Span::from_mins(5),
            },
            Self::Ambiguous => Meaning {
                may_have_happened: true,
                scope: Scope::Nothing,
                first_wait: Span::ZERO,
                longest_wait: Span::ZERO,
            },
            Self::Denied => Meaning {
                may_have_happened: false,
                scope: Scope::Lane,
                first_wait: Span::from_mins(10),
                longest_wait: Span::from_hours(1),
            },
            Self::Invalid => Meaning {
                may_have_happened: false,
                scope: Scope::Pool,
                first_wait: Span::from_mins(30),
                longest_wait: Span::from_hours(6),
            },
            Self::Gone => Meaning {
                may_have_happened: false,
                scope: Scope::Nothing,
                first_wait: Span::ZERO,
                longest_wait: Span::ZERO,
            },
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a failure of a launch means: whether it may have made machines all the same, and what it closes for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meaning {
    /// The request may have been carried out: look before anything else.
    pub may_have_happened: bool,
    /// What is closed for launches.
    pub scope: Scope,
    /// For how long after the first failure; doubled with each further one in a row.
    pub first_wait: Span,
    /// The doubling stops here, so that a closed pool is still probed now and then.
    pub longest_wait: Span,
}

/// What a failure closes for launches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Nothing.
    Nothing,
    /// The pool.
    Pool,
    /// One market (spot or on-demand) of a provider's region.
    LaneMarket,
    /// A provider's region.
    Lane,
}

/// An error that crossed the provider boundary.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{operation}: {kind} ({code}): {message}")]
pub struct Failure {
    /// What it means.
    pub kind: FailureKind,
    /// The provider's name of the call, such as `CreateFleet`.
    pub operation: String,
    /// The provider asked to wait so long.
    pub retry_after: Option<Span>,
    /// The cloud's own code, or `-`.
    pub code: String,
    /// The cloud's own text, without secrets, at most 500 bytes.
    pub message: String,
}

impl Failure {
    /// A failure with the cloud's code and text; the text is cut at 500 bytes, because it is stored and shown.
    #[must_use]
    pub fn new(kind: FailureKind, operation: &str, code: &str, message: &str) -> Self {
        let mut end = message.len().min(500);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            kind,
            operation: operation.to_owned(),
            retry_after: None,
            code: code.to_owned(),
            message: message[..end].to_owned(),
        }
    }

    /// The failure that says most about why a launch made less than it was asked for, the first of it when there are
    /// several.
    ///
    /// "May have happened" comes first, because every other kind would settle the launch. Then what an operator must do,
    /// then what closes more than one pool.
    #[must_use]
    pub fn most_telling(failures: Vec<Self>) -> Option<Self> {
        let rank = |kind: FailureKind| match kind {
            FailureKind::Ambiguous => 0,
            FailureKind::Denied => 1,
            FailureKind::Invalid => 2,
            FailureKind::Quota => 3,
            FailureKind::Throttled => 4,
            FailureKind::Paced => 5,
            FailureKind::PriceAboveCap => 6,
            FailureKind::NoCapacity => 7,
            FailureKind::Unavailable => 8,
            FailureKind::Gone => 9,
        };
        failures.into_iter().min_by_key(|failure| rank(failure.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::FailureKind::{Ambiguous, Denied, NoCapacity, Quota, Throttled};
    use super::*;

    #[test]
    fn the_most_telling_failure_never_hides_a_deed_that_may_have_happened() {
        let of = |kinds: &[FailureKind]| {
            let all = kinds.iter().enumerate().map(|(n, kind)| Failure::new(*kind, "launch", &n.to_string(), ""));
            Failure::most_telling(all.collect()).map(|failure| (failure.kind, failure.code))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[NoCapacity, Denied, Ambiguous]), Some((Ambiguous, "2".to_owned())));
        assert_eq!(of(&[NoCapacity, Throttled, Quota]), Some((Quota, "2".to_owned())));
        assert_eq!(of(&[NoCapacity, Quota, Quota]), Some((Quota, "1".to_owned())));
    }
}
