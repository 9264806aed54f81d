//! From EC2's error codes to our failure kinds: one table, and what to think when a code is not in it.
//!
//! Codes appear in two places: as the error of a call, and as `Errors[]` inside an HTTP 200 of `CreateFleet`. Both are
//! judged by the same table. EC2 declares no error types, so the code is all there is.

use policies::failure::{Failure, FailureKind};
use policies::units::Span;

use FailureKind::{Ambiguous, Denied, Gone, Invalid, NoCapacity, PriceAboveCap, Quota, Throttled};

/// How far a call got, and what came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trouble {
    /// How far it got.
    pub(super) stage: Stage,
    /// The service's own code.
    pub(super) code: Option<String>,
    /// The service's own text, or the client's.
    pub(super) message: String,
    /// The service asked to wait so long.
    pub(super) retry_after: Option<Span>,
}

/// How far a call got. Only what is known for certain to have come before the request left is said to be so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The request could not be built, or was refused by our own rules. Nothing left.
    Unbuilt,
    /// No credentials to sign it with. Nothing left.
    NoCredentials,
    /// No connection could be made. Nothing left.
    Unreachable,
    /// It may have left; no answer, or one that cannot be read.
    Unanswered,
    /// The service refused, with this HTTP status.
    Refused(u16),
}

/// Every code of which we know what it means. Sources: EC2 API reference, "Error codes"; Karpenter's list of
/// unfulfillable capacity; ParallelCluster's fail-over list; SQS and Price List API references.
const CODES: &[(&str, FailureKind)] = &[
    // The pool is empty. `RunInstances` says so with HTTP 500.
    ("InsufficientInstanceCapacity", NoCapacity),
    ("UnfulfillableCapacity", NoCapacity),
    ("InsufficientHostCapacity", NoCapacity),
    ("InsufficientReservedInstanceCapacity", NoCapacity),
    ("InsufficientCapacity", NoCapacity),
    ("ReservationCapacityExceeded", NoCapacity),
    // The subnet of this pool is full: other zones may do.
    ("InsufficientFreeAddressesInSubnet", NoCapacity),
    // Quotas of the account.
    ("MaxSpotInstanceCountExceeded", Quota),
    ("VcpuLimitExceeded", Quota),
    ("InstanceLimitExceeded", Quota),
    ("MaxFleetCountExceeded", Quota),
    ("VolumeLimitExceeded", Quota),
    ("MaxIOPSLimitExceeded", Quota),
    ("ResourceCountExceeded", Quota),
    ("ResourceLimitExceeded", Quota),
    // Our template limit, and the like: cleaned up or raised, not waited for in one pool.
    ("LaunchTemplateLimitExceeded", Quota),
    ("SpotMaxPriceTooLow", PriceAboveCap),
    // Too many calls. EC2 says so with HTTP 503.
    ("RequestLimitExceeded", Throttled),
    ("Throttling", Throttled),
    ("ThrottlingException", Throttled),
    ("ThrottledException", Throttled),
    ("RequestThrottled", Throttled),
    ("RequestThrottledException", Throttled),
    ("TooManyRequestsException", Throttled),
    ("EC2ThrottledException", Throttled),
    ("SlowDown", Throttled),
    ("PriorRequestNotComplete", Throttled),
    ("OverLimit", Throttled),
    // Who we are, and what we may.
    ("UnauthorizedOperation", Denied),
    ("AccessDenied", Denied),
    ("AccessDeniedException", Denied),
    ("SsmAccessDenied", Denied),
    ("AuthFailure", Denied),
    ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", Denied),
    ("OperationNotPermitted", Denied),
    ("PendingVerification", Denied),
    ("Blocked", Denied),
    ("OptInRequired", Denied),
    ("InvalidClientTokenId", Denied),
    ("UnrecognizedClientException", Denied),
    ("MissingAuthenticationToken", Denied),
    ("MissingAuthenticationTokenException", Denied),
    ("IncompleteSignature", Denied),
    ("SignatureDoesNotMatch", Denied),
    ("InvalidSignatureException", Denied),
    ("RequestExpired", Denied),
    ("ExpiredToken", Denied),
    ("ExpiredTokenException", Denied),
    // The specification, or our own mistake.
    ("Unsupported", Invalid),
    ("UnsupportedOperation", Invalid),
    ("UnknownParameter", Invalid),
    ("InvalidFleetConfiguration", Invalid),
    ("IdempotentParameterMismatch", Invalid),
    ("TagLimitExceeded", Invalid),
    ("TagPolicyViolation", Invalid),
    ("MaxTemplateVersionLimitExceeded", Invalid),
    ("ValidationError", Invalid),
    ("QueueDoesNotExist", Invalid),
    ("AWS.SimpleQueueService.NonExistentQueue", Invalid),
    // What is named is no more.
    ("InvalidInstanceID.NotFound", Gone),
    // The token's machine was already ended: that attempt is over (since January 2025).
    ("IdempotentInstanceTerminated", Gone),
    // The server's own trouble: a launch may have been carried out.
    ("InternalError", Ambiguous),
    ("InternalFailure", Ambiguous),
    ("InternalErrorException", Ambiguous),
    ("ServiceUnavailable", Ambiguous),
    ("Unavailable", Ambiguous),
    ("RequestTimeout", Ambiguous),
];

/// What a code means, if we know.
pub(super) fn kind_of(code: &str) -> Option<FailureKind> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
}

/// True when the code says that the launch template is not there (any more).
pub(super) fn is_missing_template(code: &str) -> bool {
    code.starts_with("InvalidLaunchTemplate") && code.contains(".NotFound")
}

/// True when the code says that the queue is not there.
pub(super) fn is_missing_queue(code: &str) -> bool {
    matches!(code, "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue")
}

/// What a code says together with the HTTP status it came with.
///
/// An unknown code of the families `Invalid*`, `Missing*`, `Malformed*` with a 4xx status is a refusal of the request
/// as such. 401 and 403 are about who asks. Everything else that is unknown may have been carried out.
fn judge(status: u16, code: Option<&str>) -> FailureKind {
    if let Some(kind) = code.and_then(kind_of) {
        return kind;
    }
    let families = ["Invalid", "Missing", "Malformed"];
    match status {
        401 | 403 => Denied,
        429 => Throttled,
        400..=499 if code.is_some_and(|code| families.iter().any(|family| code.starts_with(family))) => Invalid,
        _ => Ambiguous,
    }
}

/// The failure of a call that may change something.
pub(super) fn of_deed(operation: &str, trouble: &Trouble) -> Failure {
    let code = trouble.code.as_deref();
    let (kind, shown) = match trouble.stage {
        Stage::Unbuilt => (Invalid, "-"),
        Stage::NoCredentials => (Denied, "-"),
        Stage::Unreachable => (FailureKind::Unavailable, "-"),
        Stage::Unanswered => (Ambiguous, "-"),
        Stage::Refused(status) => (judge(status, code), code.unwrap_or("-")),
    };
    let mut failure = Failure::new(kind, operation, shown, &text(trouble));
    failure.retry_after = trouble.retry_after;
    failure
}

/// The failure of a call that only reads, or that makes nothing that costs: "may have happened" means nothing there.
pub(super) fn of_look(operation: &str, trouble: &Trouble) -> Failure {
    let mut failure = of_deed(operation, trouble);
    if failure.kind == Ambiguous {
        failure.kind = FailureKind::Unavailable;
    }
    failure
}

/// One entry of `Errors[]` in a 200 of `CreateFleet`.
pub(super) fn of_entry(operation: &str, code: &str, message: &str) -> Failure {
    // The entry has no status of its own; the `Invalid*` family comes with 400 when it is the error of a call.
    Failure::new(judge(400, Some(code)), operation, code, message)
}

/// The text for people. Signature errors echo parts of the signed request, so their text is not passed on.
fn text(trouble: &Trouble) -> String {
    match (trouble.stage, trouble.code.as_deref()) {
        (Stage::NoCredentials, _) => format!(
            "no AWS credentials: {}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile with AWS_PROFILE, or \
             give the control host an instance profile",
            trouble.message
        ),
        (_, Some("SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignatureException")) => {
            "the signature was refused; check the secret key and the host's clock".to_owned()
        }
        (Stage::Refused(status), None) => {
            format!("HTTP {status} without an error code, so not from EC2 itself: {}", trouble.message)
        }
        _ => trouble.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Trouble {
        Trouble {
            stage: Stage::Refused(status),
            code: Some(code.to_owned()),
            message: "text".to_owned(),
            retry_after: None,
        }
    }

    fn lost(stage: Stage) -> Trouble {
        Trouble { stage, code: None, message: "text".to_owned(), retry_after: None }
    }

    /// Code, HTTP status as the error of a call, kind. The statuses are those that EC2 sends.
    const EXPECTED: &[(&str, u16, FailureKind)] = &[
        ("InsufficientInstanceCapacity", 500, NoCapacity),
        ("UnfulfillableCapacity", 500, NoCapacity),
        ("InsufficientHostCapacity", 500, NoCapacity),
        ("InsufficientReservedInstanceCapacity", 500, NoCapacity),
        ("InsufficientCapacity", 500, NoCapacity),
        ("ReservationCapacityExceeded", 400, NoCapacity),
        ("InsufficientFreeAddressesInSubnet", 400, NoCapacity),
        ("MaxSpotInstanceCountExceeded", 400, Quota),
        ("VcpuLimitExceeded", 400, Quota),
        ("InstanceLimitExceeded", 400, Quota),
        ("MaxFleetCountExceeded", 400, Quota),
        ("SpotMaxPriceTooLow", 400, PriceAboveCap),
        ("Unsupported", 400, Invalid),
        ("InvalidFleetConfiguration", 400, Invalid),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", 403, Denied),
        ("UnauthorizedOperation", 403, Denied),
        ("AccessDenied", 403, Denied),
        ("SsmAccessDenied", 400, Denied),
        ("AuthFailure", 401, Denied),
        ("PendingVerification", 400, Denied),
        ("Blocked", 403, Denied),
        ("OptInRequired", 401, Denied),
        ("RequestLimitExceeded", 503, Throttled),
        ("InvalidParameterValue", 400, Invalid),
        ("InvalidAMIID.NotFound", 400, Invalid),
        ("InvalidAMIID.Malformed", 400, Invalid),
        ("InvalidSubnetID.NotFound", 400, Invalid),
        ("InvalidGroup.NotFound", 400, Invalid),
        ("InvalidLaunchTemplateName.NotFoundException", 400, Invalid),
        ("InvalidLaunchTemplateId.NotFound", 400, Invalid),
        ("MissingParameter", 400, Invalid),
        ("IdempotentParameterMismatch", 400, Invalid),
        ("IdempotentInstanceTerminated", 400, Gone),
        ("InternalError", 500, Ambiguous),
        ("Unavailable", 503, Ambiguous),
        ("InvalidInstanceID.NotFound", 400, Gone),
    ];

    #[test]
    fn every_known_code_has_its_kind_wherever_it_appears() {
        for (code, status, kind) in EXPECTED {
            assert_eq!(of_deed("RunInstances", &refused(*status, code)).kind, *kind, "{code} as an error");
            assert_eq!(of_entry("CreateFleet", code, "").kind, *kind, "{code} in Errors[]");
        }
    }

    #[test]
    fn no_code_stands_in_the_table_twice() {
        let mut codes: Vec<_> = CODES.iter().map(|(code, _)| code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
    }

    #[test]
    fn what_is_not_known_to_have_come_before_the_deed_is_ambiguous() {
        for trouble in [
            refused(500, "SomethingNew"),
            refused(400, "SomethingNew"),
            refused(500, "InvalidSomething"),
            lost(Stage::Refused(500)),
            lost(Stage::Refused(200)),
            lost(Stage::Unanswered),
        ] {
            assert_eq!(of_deed("CreateFleet", &trouble).kind, Ambiguous, "{trouble:?}");
            assert_eq!(of_look("DescribeInstances", &trouble).kind, FailureKind::Unavailable, "{trouble:?}");
        }
        assert_eq!(of_entry("CreateFleet", "SomethingNew", "").kind, Ambiguous);
    }

    #[test]
    fn what_never_left_is_not_ambiguous() {
        assert_eq!(of_deed("CreateFleet", &lost(Stage::Unreachable)).kind, FailureKind::Unavailable);
        assert_eq!(of_deed("CreateFleet", &lost(Stage::Unbuilt)).kind, Invalid);
        let failure = of_deed("CreateFleet", &lost(Stage::NoCredentials));
        assert_eq!(failure.kind, Denied);
        assert!(failure.message.contains("AWS_PROFILE"), "{failure}");
    }

    #[test]
    fn a_refusal_without_a_code_is_about_who_asks_or_unknown() {
        assert_eq!(of_deed("CreateFleet", &lost(Stage::Refused(403))).kind, Denied);
        assert_eq!(of_deed("CreateFleet", &lost(Stage::Refused(404))).kind, Ambiguous);
    }

    #[test]
    fn signature_errors_do_not_pass_the_request_on() {
        let failure = of_deed("DescribeInstances", &refused(403, "SignatureDoesNotMatch"));
        assert!(!failure.message.contains("text"), "{failure}");
    }

    #[test]
    fn the_most_telling_failure_never_hides_a_deed_that_may_have_happened() {
        let of = |codes: &[&str]| {
            let all = codes.iter().map(|code| of_entry("CreateFleet", code, "")).collect();
            Failure::most_telling(all).map(|failure| failure.code)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["UnfulfillableCapacity", "InternalError"]).as_deref(), Some("InternalError"));
        assert_eq!(of(&["UnfulfillableCapacity", "UnauthorizedOperation"]).as_deref(), Some("UnauthorizedOperation"));
        assert_eq!(
            of(&["InsufficientInstanceCapacity", "MaxSpotInstanceCountExceeded"]).as_deref(),
            Some("MaxSpotInstanceCountExceeded")
        );
        assert_eq!(
            of(&["InsufficientInstanceCapacity", "UnfulfillableCapacity"]).as_deref(),
            Some("InsufficientInstanceCapacity")
        );
    }

    #[test]
    fn a_missing_template_is_told_apart() {
        for code in ["InvalidLaunchTemplateName.NotFoundException", "InvalidLaunchTemplateId.NotFound"] {
            assert!(is_missing_template(code), "{code}");
        }
        assert!(!is_missing_template("InvalidLaunchTemplateName.AlreadyExistsException"));
        assert!(!is_missing_template("InvalidSubnetID.NotFound"));
    }
}
