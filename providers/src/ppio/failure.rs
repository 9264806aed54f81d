//! From PPIO's error names to our failure kinds.
//!
//! Nearly every refusal is an HTTP 400, so the name decides and not the status. Where the name stands in the body is not
//! documented: it is looked for in every field that clients were seen to read.

use policies::failure::{Failure, FailureKind};
use policies::units::Span;
use serde_json::Value;

use FailureKind::{Ambiguous, Denied, Gone, Invalid, NoCapacity, Quota, Throttled, Unavailable};

/// How far a call got, and what came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// The request could not be built. Nothing left.
    Unbuilt(String),
    /// No connection could be made. Nothing left.
    Unreachable(String),
    /// It may have left; no answer, or one that cannot be read.
    Unanswered(String),
    /// It was refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
        /// It asked to wait so long.
        retry_after: Option<Span>,
    },
}

/// Every name of which we know what it means. Source: Novita API reference, "Error code", which PPIO's page of the same
/// kind repeats by the account of its clients.
const NAMES: &[(&str, FailureKind)] = &[
    // The cards are gone: another product or cluster may do.
    ("INSUFFICIENT_RESOURCE", NoCapacity),
    ("MIGRATE_INSUFFICIENT_RESOURCE", NoCapacity),
    ("GPU_SPEC_USED", NoCapacity),
    // The account may have no more.
    ("CREATE_INSTANCE_LIMIT", Quota),
    ("OPERATION_LIMIT", Quota),
    ("RATE_LIMIT_EXCEEDED", Throttled),
    // Who we are, what we may, and whether it is paid for.
    ("UNAUTHORIZED", Denied),
    ("FORBIDDEN", Denied),
    ("BANNED_USER", Denied),
    ("USER_NOT_ACTIVATED", Denied),
    ("INVALID_USER_TOKEN", Denied),
    ("GET_TOKEN_FAILED", Denied),
    ("BALANCE_NOT_ENOUGH", Denied),
    ("EXPIRED_OR_BALANCE_NOT_ENOUGH", Denied),
    ("WALLET_NOT_FOUND", Denied),
    // The place has trouble and said so.
    ("CLUSTER_STATUS", Unavailable),
    ("NODE_STATUS", Unavailable),
    ("DEPENDENT_RESOURCE_STATE", Unavailable),
    // The machine is between two states.
    ("CONFLICT", Unavailable),
    ("RESOURCE_NOT_FOUND", Gone),
    // The specification, or our own mistake.
    ("UNSUPPORTED_BILLING_MODE", Invalid),
    ("VALIDATOR_PARAM", Invalid),
    ("REQUEST", Invalid),
    ("INVALID_COMMAND_PARAM", Invalid),
    ("IMAGE_NOT_FOUND", Invalid),
    ("NETWORK_NOT_FOUND", Invalid),
    ("NETWORK_STORAGE_NOT_FOUND", Invalid),
    ("TEMPLATE_NOT_FOUND", Invalid),
    ("NETWORK_STORAGE_IN_USE", Invalid),
    ("NETWORK_STORAGE_UNAVAILABLE", Invalid),
    ("CUR_CLUSTER_NETWORK_STORAGE_NOT_SUPPORT", Invalid),
    ("PREPAID_INSTANCE_NOT_SUPPORT_RELEASE", Invalid),
    // The server's own trouble: it may have been carried out.
    ("UNKNOWN", Ambiguous),
];

/// Fields in which clients found the name or the text of an error.
const FIELDS: [&str; 6] = ["reason", "code", "error", "message", "msg", "title"];

/// The known name in a body, if there is one.
fn name_in(body: &Value) -> Option<(&'static str, FailureKind)> {
    let texts = FIELDS.iter().filter_map(|field| said(body.get(field)?));
    // The whole of a field, as names are; a sentence may hold the word for another reason.
    texts.into_iter().find_map(|text| NAMES.iter().find(|(name, _)| *name == text.trim()).copied())
}

/// The text of a field, which may be an object with a message.
fn said(field: &Value) -> Option<&str> {
    field.as_str().or_else(|| field.get("message")?.as_str())
}

/// What a refusal means. One without a known name that is JSON comes from the service: what it says with a status about
/// the request is a word that this version does not know. All else may come from something in between.
fn judge(status: u16, name: Option<FailureKind>, json: bool) -> FailureKind {
    match (status, name) {
        (_, Some(kind)) => kind,
        (401 | 403, None) => Denied,
        (429, None) => Throttled,
        (404, None) if json => Gone,
        (400 | 405 | 413 | 415 | 422, None) if json => Invalid,
        _ => Ambiguous,
    }
}

/// The failure of a call that may change something.
pub(super) fn of_deed(operation: &str, trouble: &Trouble) -> Failure {
    match trouble {
        Trouble::Unbuilt(text) => Failure::new(Invalid, operation, "-", text),
        Trouble::Unreachable(text) => Failure::new(Unavailable, operation, "-", text),
        Trouble::Unanswered(text) => Failure::new(Ambiguous, operation, "-", text),
        Trouble::Refused { status, body, retry_after } => {
            let parsed: Option<Value> = serde_json::from_str(body).ok();
            let name = parsed.as_ref().and_then(name_in);
            let kind = judge(*status, name.map(|(_, kind)| kind), parsed.is_some());
            let code = name.map_or_else(|| status.to_string(), |(name, _)| name.to_owned());
            let mut failure = Failure::new(kind, operation, &code, &text(*status, parsed.as_ref(), name.is_some()));
            failure.retry_after = *retry_after;
            failure
        }
    }
}

/// The failure of a call that only reads: "may have happened" means nothing there.
pub(super) fn of_look(operation: &str, trouble: &Trouble) -> Failure {
    let mut failure = of_deed(operation, trouble);
    if failure.kind == Ambiguous {
        failure.kind = Unavailable;
    }
    failure
}

/// The text for people: what the body says, in the fields that hold texts.
fn text(status: u16, body: Option<&Value>, named: bool) -> String {
    let Some(body) = body else { return format!("HTTP {status} without JSON, so not from the service itself") };
    let mut texts: Vec<&str> = FIELDS.iter().filter_map(|field| said(body.get(field)?)).map(str::trim).collect();
    texts.retain(|text| !text.is_empty());
    // The name is the failure's code already.
    texts.retain(|text| !named || !NAMES.iter().any(|(name, _)| name == text));
    texts.dedup();
    if texts.is_empty() { format!("HTTP {status}") } else { texts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Trouble {
        Trouble::Refused { status, body: body.to_owned(), retry_after: None }
    }

    #[test]
    fn every_name_is_known_wherever_it_stands() {
        for (name, kind) in NAMES {
            for body in [
                format!("{{\"code\": 400, \"reason\": \"{name}\", \"message\": \"in words\"}}"),
                format!("{{\"code\": \"{name}\", \"message\": \"in words\"}}"),
                format!("{{\"error\": {{\"message\": \"{name}\"}}}}"),
                format!("{{\"message\": \"{name}\"}}"),
                format!("{{\"msg\": \"{name}\"}}"),
            ] {
                let failure = of_deed("create", &refused(400, &body));
                assert_eq!((failure.kind, failure.code.as_str()), (*kind, *name), "{body}");
            }
        }
        assert_eq!(of_deed("create", &refused(400, r#"{"reason": "CONFLICT", "message": "busy"}"#)).message, "busy");
    }

    #[test]
    fn no_name_stands_twice_in_the_table() {
        let mut names: Vec<_> = NAMES.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
    }

    #[test]
    fn without_a_known_name_the_status_decides() {
        for (status, body, kind) in [
            (401, "", Denied),
            (403, "<html>", Denied),
            (404, "{}", Gone),
            (429, "{}", Throttled),
            (404, "<html>", Ambiguous),
            (400, "<html>", Ambiguous),
            (408, "{}", Ambiguous),
            (400, r#"{"reason": "SOMETHING_NEW"}"#, Invalid),
            (400, r#"{"message": "no INSUFFICIENT_RESOURCE here"}"#, Invalid),
            (500, "{}", Ambiguous),
            (502, "<html>bad gateway</html>", Ambiguous),
            (503, "", Ambiguous),
            (504, "", Ambiguous),
            (302, "", Ambiguous),
        ] {
            assert_eq!(of_deed("create", &refused(status, body)).kind, kind, "{status} {body}");
        }
    }

    #[test]
    fn only_what_certainly_did_not_leave_is_said_to_have_done_nothing() {
        for (trouble, deed, look) in [
            (Trouble::Unbuilt("x".to_owned()), Invalid, Invalid),
            (Trouble::Unreachable("x".to_owned()), Unavailable, Unavailable),
            (Trouble::Unanswered("x".to_owned()), Ambiguous, Unavailable),
            (refused(500, r#"{"reason": "UNKNOWN"}"#), Ambiguous, Unavailable),
        ] {
            assert_eq!((of_deed("o", &trouble).kind, of_look("o", &trouble).kind), (deed, look), "{trouble:?}");
        }
    }

    #[test]
    fn what_is_said_is_passed_on_and_a_page_of_html_is_not() {
        let failure = of_deed("create", &refused(400, r#"{"reason":"VALIDATOR_PARAM","message":"gpuNum: 9 > 8"}"#));
        assert_eq!(failure.message, "gpuNum: 9 > 8");
        assert!(of_deed("o", &refused(502, "<html>secret</html>")).message.contains("without JSON"));
        assert_eq!(of_deed("o", &refused(400, r#"{"reason":"CONFLICT"}"#)).message, "HTTP 400");
    }
}
