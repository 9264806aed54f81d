//! From Google's error codes to our failure kinds: one table, and what to think when a code is not in it.
//!
//! Codes appear in two places: as `errors[0].reason` of a refused call (`quotaExceeded`), and as `error.errors[].code`
//! of an operation that is over (`QUOTA_EXCEEDED`), which may come with HTTP 200 and without any HTTP number inside.
//! Both are judged by the same table. The HTTP number alone does not tell: 403 is a quota, a rate limit or a missing
//! right.

use policies::failure::{Failure, FailureKind};

use FailureKind::{Ambiguous, Denied, Gone, Invalid, NoCapacity, Quota, Throttled, Unavailable};

/// How far a call got, and what came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trouble {
    /// How far it got.
    pub(super) stage: Stage,
    /// The service's own code.
    pub(super) code: Option<String>,
    /// The service's own text, or the client's.
    pub(super) message: String,
}

/// How far a call got. Only what is known for certain to have come before the request left is said to be so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The request could not be built. Nothing left.
    Unbuilt,
    /// No credentials to sign it with. Nothing left.
    NoCredentials,
    /// No connection could be made. Nothing left.
    Unreachable,
    /// It may have left; no answer, or one that cannot be read.
    Unanswered,
    /// The service refused, with this HTTP status.
    Refused(u16),
    /// The service took it, and its operation is over with an error. It may name an HTTP status.
    Operation(Option<u16>),
}

/// Every code that means more than its HTTP status does. Sources: Compute Engine, "Troubleshooting bulk VM creation",
/// "API quota", "Resource availability errors"; the lists of cluster-autoscaler (`autoscaling_gce_client.go`) and of
/// karpenter-provider-gcp (`instance.go`, 417f047).
const CODES: &[(&str, FailureKind)] = &[
    // The zone has no room for this shape.
    ("ZONE_RESOURCE_POOL_EXHAUSTED", NoCapacity),
    ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", NoCapacity),
    ("RESOURCE_POOL_EXHAUSTED", NoCapacity),
    ("insufficientCapacity", NoCapacity),
    // A spot machine that was taken while it was being made, as others have observed.
    ("UNSUPPORTED_OPERATION", NoCapacity),
    // Of an insert that was taken: the machine vanished while it was being made, for want of room.
    ("RESOURCE_NOT_FOUND", NoCapacity),
    // The subnet of this region is full: other places may do.
    ("IP_SPACE_EXHAUSTED", NoCapacity),
    ("IP_SPACE_EXHAUSTED_WITH_DETAILS", NoCapacity),
    // Quotas of the project.
    ("QUOTA_EXCEEDED", Quota),
    ("quotaExceeded", Quota),
    // Too many calls: the same HTTP 403 as a quota. The second is a common reason of Google's interfaces, not seen here.
    ("rateLimitExceeded", Throttled),
    ("userRateLimitExceeded", Throttled),
    ("RATE_LIMIT_EXCEEDED", Throttled),
    ("RESOURCE_OPERATION_RATE_EXCEEDED", Throttled),
    ("CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", Throttled),
    // What we may.
    ("PERMISSIONS_ERROR", Denied),
    // A policy of the organisation, such as that no machine has an address on the internet.
    ("CONDITION_NOT_MET", Invalid),
    // Our own name is looked up before this is judged; what is left is a name that somebody else has. The second is the
    // same of an operation, by analogy.
    ("alreadyExists", Invalid),
    ("RESOURCE_ALREADY_EXISTS", Invalid),
    // Something of this name is in transition: refused, and to be tried again.
    ("resourceNotReady", Unavailable),
    ("RESOURCE_NOT_READY", Unavailable),
    // What is named is no more.
    ("notFound", Gone),
];

/// What a code means, if we know.
fn kind_of(code: &str) -> Option<FailureKind> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
}

/// What a refusal means. A 400 with a reason of Google's is a refusal of the request as such; 401 and 403 are about who
/// asks. Everything else that is unknown, and every answer that is not Google's, may stand for something that was done.
fn refused(status: u16, code: Option<&str>) -> FailureKind {
    code.and_then(kind_of).unwrap_or(match status {
        401 | 403 => Denied,
        429 => Throttled,
        400 | 412 if code.is_some() => Invalid,
        _ => Ambiguous,
    })
}

/// What the error of an operation means. By its code alone: some come without HTTP fields.
fn ended(status: Option<u16>, code: Option<&str>) -> FailureKind {
    code.and_then(kind_of).unwrap_or(match status {
        Some(401 | 403) => Denied,
        Some(429) => Throttled,
        Some(400 | 412) => Invalid,
        _ => Ambiguous,
    })
}

impl Trouble {
    /// True when it says that the thing named is not there (any more): HTTP 404, or a delete that found nothing.
    pub(super) fn is_gone(&self) -> bool {
        match self.stage {
            Stage::Refused(status) => status == 404 && self.code.as_deref() == Some("notFound"),
            Stage::Operation(_) => matches!(self.code.as_deref(), Some("RESOURCE_NOT_FOUND" | "notFound")),
            _ => false,
        }
    }

    /// True when the thing named is in transition, and takes no other change before that is over.
    pub(super) fn is_in_transition(&self) -> bool {
        matches!(self.code.as_deref(), Some("resourceNotReady" | "RESOURCE_NOT_READY"))
    }

    /// True when the name of a launch is taken.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.code.as_deref(), Some("alreadyExists" | "RESOURCE_ALREADY_EXISTS"))
    }

    fn kind(&self) -> FailureKind {
        let code = self.code.as_deref();
        match self.stage {
            Stage::Unbuilt => Invalid,
            Stage::NoCredentials => Denied,
            Stage::Unreachable => Unavailable,
            Stage::Unanswered => Ambiguous,
            Stage::Refused(status) => refused(status, code),
            Stage::Operation(status) => ended(status, code),
        }
    }

    fn failure(&self, kind: FailureKind, operation: &str) -> Failure {
        let text = match self.stage {
            Stage::NoCredentials => format!(
                "no Google credentials: {}; set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default \
                 login`, or give the control host a service account",
                self.message
            ),
            Stage::Refused(status) if self.code.is_none() => {
                format!("HTTP {status} without a reason, so perhaps not from Google itself: {}", self.message)
            }
            _ => self.message.clone(),
        };
        Failure::new(kind, operation, self.code.as_deref().unwrap_or("-"), &text)
    }
}

/// The failure of a launch. What a launch names and is not there is a mistake of the specification.
pub(super) fn of_launch(operation: &str, trouble: &Trouble) -> Failure {
    let kind = match trouble.kind() {
        Gone => Invalid,
        kind => kind,
    };
    trouble.failure(kind, operation)
}

/// The failure of a call that ends a machine. A shortage has no part in that: such a code is not understood.
pub(super) fn of_end(operation: &str, trouble: &Trouble) -> Failure {
    let kind = match trouble.kind() {
        NoCapacity => Ambiguous,
        kind => kind,
    };
    trouble.failure(kind, operation)
}

/// The failure of a call that only reads: "may have happened" means nothing there.
pub(super) fn of_look(operation: &str, trouble: &Trouble) -> Failure {
    let kind = match trouble.kind() {
        Ambiguous => Unavailable,
        kind => kind,
    };
    trouble.failure(kind, operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(stage: Stage, code: Option<&str>) -> Trouble {
        Trouble { stage, code: code.map(str::to_owned), message: "text".to_owned() }
    }

    fn launch(stage: Stage, code: Option<&str>) -> FailureKind {
        of_launch("insert", &trouble(stage, code)).kind
    }

    /// HTTP status and reason of a refused call, kind of a launch.
    const REFUSED: &[(u16, &str, FailureKind)] = &[
        (503, "insufficientCapacity", NoCapacity),
        (403, "quotaExceeded", Quota),
        (403, "rateLimitExceeded", Throttled),
        (403, "userRateLimitExceeded", Throttled),
        (403, "forbidden", Denied),
        (403, "somethingNew", Denied),
        (401, "authError", Denied),
        (401, "somethingNew", Denied),
        (429, "somethingNew", Throttled),
        (400, "invalid", Invalid),
        (400, "somethingNew", Invalid),
        (412, "conditionNotMet", Invalid),
        (400, "resourceNotReady", Unavailable),
        (409, "alreadyExists", Invalid),
        (404, "notFound", Invalid),
        (503, "backendError", Ambiguous),
        (409, "somethingNew", Ambiguous),
    ];

    /// Code of an operation that is over, with and without the HTTP status that it may name; kind of a launch.
    const ENDED: &[(&str, u16, FailureKind)] = &[
        ("ZONE_RESOURCE_POOL_EXHAUSTED", 503, NoCapacity),
        ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503, NoCapacity),
        ("RESOURCE_POOL_EXHAUSTED", 503, NoCapacity),
        ("UNSUPPORTED_OPERATION", 400, NoCapacity),
        ("RESOURCE_NOT_FOUND", 404, NoCapacity),
        ("IP_SPACE_EXHAUSTED", 403, NoCapacity),
        ("IP_SPACE_EXHAUSTED_WITH_DETAILS", 403, NoCapacity),
        ("QUOTA_EXCEEDED", 403, Quota),
        ("RATE_LIMIT_EXCEEDED", 403, Throttled),
        ("RESOURCE_OPERATION_RATE_EXCEEDED", 403, Throttled),
        ("CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", 403, Throttled),
        ("PERMISSIONS_ERROR", 403, Denied),
        ("CONDITION_NOT_MET", 412, Invalid),
        ("RESOURCE_ALREADY_EXISTS", 409, Invalid),
        ("RESOURCE_NOT_READY", 400, Unavailable),
    ];

    #[test]
    fn every_row_means_what_the_facts_say() {
        for (status, code, kind) in REFUSED {
            assert_eq!(launch(Stage::Refused(*status), Some(code)), *kind, "{status} {code}");
        }
        for (code, status, kind) in ENDED {
            assert_eq!(launch(Stage::Operation(Some(*status)), Some(code)), *kind, "{code}");
            assert_eq!(launch(Stage::Operation(None), Some(code)), *kind, "{code} without HTTP fields");
        }
        let tried = |code: &&str| REFUSED.iter().any(|r| r.1 == *code) || ENDED.iter().any(|r| r.0 == *code);
        let missing: Vec<_> = CODES.iter().map(|(code, _)| code).filter(|code| !tried(code)).collect();
        assert!(missing.is_empty(), "codes without a test: {missing:?}");
    }

    #[test]
    fn what_is_not_understood_may_have_happened() {
        assert_eq!(launch(Stage::Operation(Some(503)), Some("SOMETHING_NEW")), Ambiguous);
        assert_eq!(launch(Stage::Operation(None), None), Ambiguous);
        for status in [400, 404, 408, 502, 503, 504] {
            assert_eq!(launch(Stage::Refused(status), None), Ambiguous, "{status} of a proxy");
        }
        assert_eq!(launch(Stage::Unanswered, None), Ambiguous);
    }

    #[test]
    fn what_never_left_did_not_happen() {
        assert_eq!(launch(Stage::Unbuilt, None), Invalid);
        assert_eq!(launch(Stage::NoCredentials, None), Denied);
        assert_eq!(launch(Stage::Unreachable, None), Unavailable);
    }

    #[test]
    fn a_read_is_never_ambiguous_and_an_end_never_a_shortage() {
        assert_eq!(of_look("list", &trouble(Stage::Unanswered, None)).kind, Unavailable);
        assert_eq!(of_look("list", &trouble(Stage::Refused(503), None)).kind, Unavailable);
        let odd = trouble(Stage::Operation(Some(503)), Some("ZONE_RESOURCE_POOL_EXHAUSTED"));
        assert_eq!(of_end("delete", &odd).kind, Ambiguous);
    }

    #[test]
    fn gone_is_told_by_a_404_of_google_or_by_the_operation() {
        assert!(trouble(Stage::Refused(404), Some("notFound")).is_gone());
        assert!(trouble(Stage::Operation(None), Some("RESOURCE_NOT_FOUND")).is_gone());
        assert!(!trouble(Stage::Refused(404), None).is_gone(), "a proxy's 404 is no proof");
        assert!(!trouble(Stage::Refused(403), Some("forbidden")).is_gone());
    }
}
