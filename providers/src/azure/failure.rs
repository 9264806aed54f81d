//! From Azure's error codes to our failure kinds: one table, and what to think when a code is not in it.
//!
//! The same codes come in two places: as the error of a call (HTTP 4xx), and inside an HTTP 200 as the outcome of an
//! operation that was accepted before. Throttling is told by the status alone: its code can be that of a quota.

use policies::failure::{Failure, FailureKind};
use policies::model::Market;
use policies::units::Span;

use FailureKind::{Ambiguous, Denied, Gone, Invalid, NoCapacity, PriceAboveCap, Quota, Throttled, Unavailable};

/// How far a call got, and what came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trouble {
    /// How far it got.
    pub(super) stage: Stage,
    /// Azure's own code.
    pub(super) code: Option<String>,
    /// Further codes inside the error, outermost first.
    pub(super) inner: Vec<String>,
    /// Azure's own text, or the client's.
    pub(super) message: String,
    /// Azure asked to wait so long.
    pub(super) retry_after: Option<Span>,
}

/// How far a call got. Only what is known for certain to have come before the request left is said to be so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The request could not be built, or was refused by our own rules. Nothing left.
    Unbuilt,
    /// No token to send it with, for a reason of this kind. Nothing left.
    NoToken(FailureKind),
    /// No connection could be made. Nothing left.
    Unreachable,
    /// It may have left; no answer, or one that cannot be read.
    Unanswered,
    /// Azure refused, with this HTTP status.
    Refused(u16),
}

impl Trouble {
    /// Trouble without an answer.
    pub(super) fn at(stage: Stage, message: impl Into<String>) -> Self {
        Self { stage, code: None, inner: Vec::new(), message: message.into(), retry_after: None }
    }

    /// True for an answer that what is named is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.stage == Stage::Refused(404)
    }

    fn has(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// True when a machine of this name may be there already: the precondition failed, a property of it cannot be
    /// changed, or something else is being done to it.
    pub(super) fn may_exist(&self) -> bool {
        match self.stage {
            Stage::Refused(412) => true,
            Stage::Refused(409) => self.has(&["PropertyChangeNotAllowed", "AnotherOperationInProgress", "Conflict"]),
            _ => false,
        }
    }
}

/// What a code means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sense {
    /// This.
    Is(FailureKind),
    /// No room on spot; on-demand, the size is not sold to this subscription here.
    Sku,
    /// A quota where the text says so, else unknown: the code is used for other refusals too.
    QuotaIfSaid,
}

use Sense::{Is, QuotaIfSaid, Sku};

/// Every code of which we know what it means.
///
/// Sources: learn.microsoft.com, "Error messages for Azure Spot Virtual Machines" (`error-codes-spot`), "Troubleshoot
/// common Azure deployment errors" (`common-deployment-errors`), "Troubleshoot allocation failures" and
/// "Troubleshooting API throttling errors"; karpenter-provider-azure, `pkg/providers/instance/offerings` (which codes
/// close what).
const CODES: &[(&str, Sense)] = &[
    // The pool is empty.
    ("SkuNotAvailable", Sku),
    ("ZonalAllocationFailed", Is(NoCapacity)),
    ("AllocationFailed", Is(NoCapacity)),
    // This combination of size, zone and market cannot be met; another pool may.
    ("OverconstrainedZonalAllocationRequest", Is(NoCapacity)),
    ("OverconstrainedAllocationRequest", Is(NoCapacity)),
    // The subnet of this pool is full.
    ("SubnetIsFull", Is(NoCapacity)),
    // Quotas. 409, or the outcome of an operation.
    ("OperationNotAllowed", QuotaIfSaid),
    ("QuotaExceeded", Is(Quota)),
    ("PublicIPCountLimitReached", Is(Quota)),
    // All of Spot is closed to this subscription (kinds of subscription that have none), on-demand is not. It is told
    // like a quota of zero, because that closes Spot in the region and nothing else.
    ("AzureSpotFeatureNotEnabledForSubscription", Is(Quota)),
    // The price limit that was sent.
    ("SpotPriceGreaterThanProvidedMaxPrice", Is(PriceAboveCap)),
    ("MaxPriceValueInvalid", Is(Invalid)),
    // Who we are, and what we may.
    ("AuthorizationFailed", Is(Denied)),
    ("LinkedAuthorizationFailed", Is(Denied)),
    ("InvalidAuthenticationToken", Is(Denied)),
    ("InvalidAuthenticationTokenTenant", Is(Denied)),
    ("ExpiredAuthenticationToken", Is(Denied)),
    ("AuthenticationFailed", Is(Denied)),
    ("RequestDisallowedByPolicy", Is(Denied)),
    ("ReadOnlyDisabledSubscription", Is(Denied)),
    ("SubscriptionNotFound", Is(Denied)),
    ("SubscriptionNotRegistered", Is(Denied)),
    ("MissingSubscriptionRegistration", Is(Denied)),
    // The specification, or our own mistake.
    ("AzureSpotIsNotSupportedForThisVMSize", Is(Invalid)),
    ("EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines", Is(Invalid)),
    ("VMPriorityCannotBeApplied", Is(Invalid)),
    ("PropertyChangeNotAllowed", Is(Invalid)),
    ("ResourceGroupNotFound", Is(Invalid)),
    ("InvalidResourceReference", Is(Invalid)),
    ("InvalidParameter", Is(Invalid)),
    ("InvalidRequestContent", Is(Invalid)),
    ("InvalidRequestFormat", Is(Invalid)),
    ("InvalidApiVersionParameter", Is(Invalid)),
    ("NoRegisteredProviderFound", Is(Invalid)),
    ("LocationNotAvailableForResourceType", Is(Invalid)),
    ("ImageNotFound", Is(Invalid)),
    ("PlatformImageNotFound", Is(Invalid)),
    ("OSProvisioningTimedOut", Is(Invalid)),
    ("OSProvisioningInternalError", Is(Invalid)),
    ("OSProvisioningClientError", Is(Invalid)),
    // Locked by another operation, or on its way out: said before anything was done.
    ("AnotherOperationInProgress", Is(Unavailable)),
    ("Conflict", Is(Unavailable)),
    ("ResourceGroupBeingDeleted", Is(Invalid)),
    // What is named is no more.
    ("ResourceNotFound", Is(Gone)),
    ("NotFound", Is(Gone)),
    // The server's own trouble: it may have been carried out.
    ("InternalServerError", Is(Ambiguous)),
    ("InternalExecutionError", Is(Ambiguous)),
    ("InternalOperationError", Is(Ambiguous)),
    ("ServerTimeout", Is(Ambiguous)),
    ("GatewayTimeout", Is(Ambiguous)),
    ("ServiceUnavailable", Is(Ambiguous)),
];

/// What the codes of an error mean, outermost first, if we know one of them.
fn sense(code: &str, message: &str, market: Option<Market>) -> Option<FailureKind> {
    let (_, sense) = CODES.iter().find(|(known, _)| *known == code)?;
    match sense {
        Is(kind) => Some(*kind),
        Sku if market == Some(Market::OnDemand) => Some(Invalid),
        Sku => Some(NoCapacity),
        QuotaIfSaid => message.to_ascii_lowercase().contains("quota").then_some(Quota),
    }
}

fn known(trouble: &Trouble, market: Option<Market>) -> Option<FailureKind> {
    let codes = trouble.code.iter().chain(&trouble.inner);
    codes.filter_map(|code| sense(code, &trouble.message, market)).next()
}

/// What an answer means. The status comes first where it says more than the code: 429 is throttling, whatever the code
/// (`OperationNotAllowed` is a quota at 409); 401 and 403 are about who asks.
///
/// An unknown code at 400 is a refusal of the request as such. Everything else unknown may have been carried out.
fn judge(status: u16, trouble: &Trouble, market: Option<Market>) -> FailureKind {
    match status {
        429 => Throttled,
        401 | 403 => Denied,
        // A server's own trouble is that, whatever it says besides.
        500..=599 => Ambiguous,
        _ => known(trouble, market).unwrap_or(if status == 400 { Invalid } else { Ambiguous }),
    }
}

fn shown(trouble: &Trouble) -> &str {
    trouble.code.as_deref().unwrap_or("-")
}

fn of(operation: &str, trouble: &Trouble, market: Option<Market>) -> Failure {
    let kind = match trouble.stage {
        Stage::Unbuilt => Invalid,
        Stage::NoToken(kind) => kind,
        Stage::Unreachable => Unavailable,
        Stage::Unanswered => Ambiguous,
        Stage::Refused(status) => judge(status, trouble, market),
    };
    let text = match (trouble.stage, &trouble.code) {
        (Stage::Refused(status), None) => {
            format!("HTTP {status} without an error code, so not from Azure itself: {}", trouble.message)
        }
        _ => trouble.message.clone(),
    };
    let mut failure = Failure::new(kind, operation, shown(trouble), &text);
    failure.retry_after = trouble.retry_after;
    failure
}

/// The failure of a launch. What is not found there is what the specification names: a resource group, a subnet.
pub(super) fn of_launch(operation: &str, trouble: &Trouble, market: Market) -> Failure {
    let mut failure = of(operation, trouble, Some(market));
    if failure.kind == Gone {
        failure.kind = Invalid;
    }
    failure
}

/// The failure of a deletion. 404 without a code that says that it is the group or the subscription that is missing:
/// the machine is gone.
pub(super) fn of_delete(operation: &str, trouble: &Trouble) -> Failure {
    let mut failure = of(operation, trouble, None);
    if trouble.is_missing() && failure.kind == Ambiguous && trouble.code.is_some() {
        failure.kind = Gone;
    }
    failure
}

/// The failure of a call that only reads: "may have happened" means nothing there.
pub(super) fn of_look(operation: &str, trouble: &Trouble) -> Failure {
    let mut failure = of(operation, trouble, None);
    if failure.kind == Ambiguous {
        failure.kind = Unavailable;
    }
    failure
}

/// Why an accepted launch made no machine, told by its operation or by the machine's own state. The machine that it
/// left behind is deleted by then, so nothing of it may have happened any more.
pub(super) fn of_outcome(operation: &str, trouble: &Trouble, market: Market) -> Failure {
    let kind = match known(trouble, Some(market)) {
        // Azure could not do it, and says nothing about the pool or about us.
        None | Some(Ambiguous | Gone) => Unavailable,
        Some(kind) => kind,
    };
    let mut failure = Failure::new(kind, operation, shown(trouble), &trouble.message);
    failure.retry_after = trouble.retry_after;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: &str = "PUT virtualMachines";

    /// Text of the Spot quota, as Azure writes it.
    const SPOT_QUOTA: &str = "Operation could not be completed as it results in exceeding approved LowPriorityCores quota. \
        Additional details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 3, Current Usage: 0, \
        Additional Required: 6";
    const FAMILY_QUOTA: &str = "Operation could not be completed as it results in exceeding approved standardDSv5Family \
        Cores quota.";
    const REGION_QUOTA: &str = "Operation could not be completed as it results in exceeding approved Total Regional Cores \
        quota.";

    fn refused(status: u16, code: &str, message: &str) -> Trouble {
        Trouble { code: Some(code.to_owned()), ..Trouble::at(Stage::Refused(status), message) }
    }

    /// Status, code, text; what it is for a launch on spot, and on-demand.
    const EXPECTED: &[(u16, &str, &str, FailureKind, FailureKind)] = &[
        (409, "SkuNotAvailable", "", NoCapacity, Invalid),
        (409, "ZonalAllocationFailed", "", NoCapacity, NoCapacity),
        (409, "AllocationFailed", "", NoCapacity, NoCapacity),
        (409, "OverconstrainedZonalAllocationRequest", "", NoCapacity, NoCapacity),
        (409, "OverconstrainedAllocationRequest", "", NoCapacity, NoCapacity),
        (400, "SubnetIsFull", "", NoCapacity, NoCapacity),
        (409, "OperationNotAllowed", SPOT_QUOTA, Quota, Quota),
        (409, "OperationNotAllowed", FAMILY_QUOTA, Quota, Quota),
        (409, "OperationNotAllowed", REGION_QUOTA, Quota, Quota),
        (409, "QuotaExceeded", "", Quota, Quota),
        (400, "PublicIPCountLimitReached", "", Quota, Quota),
        (429, "OperationNotAllowed", SPOT_QUOTA, Throttled, Throttled),
        (429, "OperationNotAllowed", "The server rejected the request", Throttled, Throttled),
        (429, "TooManyRequests", "", Throttled, Throttled),
        (429, "RetryableErrorDueToAnotherOperation", "", Throttled, Throttled),
        (409, "SpotPriceGreaterThanProvidedMaxPrice", "", PriceAboveCap, PriceAboveCap),
        (400, "MaxPriceValueInvalid", "", Invalid, Invalid),
        (400, "AzureSpotFeatureNotEnabledForSubscription", "", Quota, Quota),
        (400, "AzureSpotIsNotSupportedForThisVMSize", "", Invalid, Invalid),
        (400, "EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines", "", Invalid, Invalid),
        (400, "VMPriorityCannotBeApplied", "", Invalid, Invalid),
        (409, "ReadOnlyDisabledSubscription", "", Denied, Denied),
        (409, "PropertyChangeNotAllowed", "", Invalid, Invalid),
        (409, "Conflict", "", Unavailable, Unavailable),
        (409, "AnotherOperationInProgress", "", Unavailable, Unavailable),
        (404, "ResourceNotFound", "", Invalid, Invalid),
        (404, "ResourceGroupNotFound", "", Invalid, Invalid),
        (404, "SubscriptionNotFound", "", Denied, Denied),
        (409, "MissingSubscriptionRegistration", "", Denied, Denied),
        (403, "AuthorizationFailed", "", Denied, Denied),
        (403, "LinkedAuthorizationFailed", "", Denied, Denied),
        (403, "RequestDisallowedByPolicy", "", Denied, Denied),
        (401, "InvalidAuthenticationToken", "", Denied, Denied),
        (401, "ExpiredAuthenticationToken", "", Denied, Denied),
        (400, "InvalidParameter", "", Invalid, Invalid),
        (400, "InvalidResourceReference", "", Invalid, Invalid),
        (400, "NoRegisteredProviderFound", "", Invalid, Invalid),
        (404, "PlatformImageNotFound", "", Invalid, Invalid),
        (500, "InternalServerError", "", Ambiguous, Ambiguous),
        (503, "ServiceUnavailable", "", Ambiguous, Ambiguous),
        (504, "GatewayTimeout", "", Ambiguous, Ambiguous),
    ];

    #[test]
    fn every_row_has_its_kind_for_each_market() {
        for (status, code, message, spot, on_demand) in EXPECTED {
            let trouble = refused(*status, code, message);
            assert_eq!(of_launch(PUT, &trouble, Market::Spot).kind, *spot, "{status} {code} on spot");
            assert_eq!(of_launch(PUT, &trouble, Market::OnDemand).kind, *on_demand, "{status} {code} on-demand");
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
    fn a_throttled_call_is_no_quota_though_the_code_is_the_same() {
        let quota = of_launch(PUT, &refused(409, "OperationNotAllowed", SPOT_QUOTA), Market::Spot);
        let mut throttled = refused(429, "OperationNotAllowed", SPOT_QUOTA);
        throttled.retry_after = Some(Span::from_secs(17));
        let throttled = of_launch(PUT, &throttled, Market::Spot);
        assert_eq!((quota.kind, throttled.kind), (Quota, Throttled));
        assert_eq!(throttled.retry_after, Some(Span::from_secs(17)));
    }

    #[test]
    fn the_same_code_without_a_word_of_a_quota_is_not_known() {
        let other = refused(409, "OperationNotAllowed", "The VM is marked for deletion.");
        assert_eq!(of_launch(PUT, &other, Market::Spot).kind, Ambiguous);
    }

    #[test]
    fn what_is_not_known_to_have_come_before_the_deed_is_ambiguous() {
        for trouble in [
            refused(500, "SomethingNew", ""),
            refused(409, "SomethingNew", ""),
            refused(500, "SkuNotAvailable", ""),
            Trouble::at(Stage::Refused(502), "<html>"),
            Trouble::at(Stage::Refused(404), "<html>"),
            Trouble::at(Stage::Refused(200), "no JSON"),
            Trouble::at(Stage::Unanswered, "closed"),
        ] {
            assert_eq!(of_launch(PUT, &trouble, Market::Spot).kind, Ambiguous, "{trouble:?}");
            assert_eq!(of_delete("DELETE", &trouble).kind, Ambiguous, "{trouble:?}");
            assert_eq!(of_look("GET", &trouble).kind, Unavailable, "{trouble:?}");
        }
        assert_eq!(of_launch(PUT, &refused(400, "SomethingNew", ""), Market::Spot).kind, Invalid);
    }

    #[test]
    fn what_never_left_is_not_ambiguous() {
        let kind = |stage| of_launch(PUT, &Trouble::at(stage, ""), Market::Spot).kind;
        assert_eq!(kind(Stage::Unbuilt), Invalid);
        assert_eq!(kind(Stage::NoToken(Denied)), Denied);
        assert_eq!(kind(Stage::NoToken(Unavailable)), Unavailable);
        assert_eq!(kind(Stage::Unreachable), Unavailable);
    }

    #[test]
    fn a_code_inside_the_error_counts_where_the_outer_one_is_not_known() {
        let mut trouble = refused(409, "DeploymentFailed", "At least one operation failed.");
        trouble.inner = vec!["ZonalAllocationFailed".to_owned()];
        assert_eq!(of_launch(PUT, &trouble, Market::Spot).kind, NoCapacity);
    }

    #[test]
    fn a_missing_machine_is_gone_and_a_missing_group_is_not() {
        assert_eq!(of_delete("DELETE", &refused(404, "ResourceNotFound", "")).kind, Gone);
        assert_eq!(of_delete("DELETE", &refused(404, "NotFound", "")).kind, Gone);
        assert_eq!(of_delete("DELETE", &refused(404, "ResourceGroupNotFound", "")).kind, Invalid);
    }

    #[test]
    fn the_outcome_of_an_operation_is_never_ambiguous() {
        for (code, message, kind) in [
            ("AllocationFailed", "", NoCapacity),
            ("ZonalAllocationFailed", "", NoCapacity),
            ("SkuNotAvailable", "", NoCapacity),
            ("OperationNotAllowed", SPOT_QUOTA, Quota),
            ("OSProvisioningTimedOut", "", Invalid),
            ("InternalExecutionError", "", Unavailable),
            ("SomethingNew", "", Unavailable),
        ] {
            assert_eq!(of_outcome(PUT, &refused(200, code, message), Market::Spot).kind, kind, "{code}");
        }
    }

    #[test]
    fn a_machine_that_may_exist_is_looked_at() {
        for (status, code, exists) in [
            (412, "PreconditionFailed", true),
            (409, "PropertyChangeNotAllowed", true),
            (409, "Conflict", true),
            (409, "AnotherOperationInProgress", true),
            (409, "SkuNotAvailable", false),
            (409, "OperationNotAllowed", false),
            (429, "Conflict", false),
        ] {
            assert_eq!(refused(status, code, "").may_exist(), exists, "{status} {code}");
        }
    }
}
