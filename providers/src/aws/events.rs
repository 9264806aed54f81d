//! EventBridge events, as they arrive in the interruption queue, and statuses of spot requests: what they say about a
//! machine.
//!
//! Events come from every machine of the account and region, ours or not, at least once, in any order; whose they are
//! is told by the caller's own list of machines.

use std::collections::BTreeMap;

use policies::model::{InstanceId, Notice, NoticeKind};
use policies::units::{Span, Time};
use serde_json::Value;

use super::wire;

/// EC2 takes a machine so long after the warning ("two minutes", Spot interruption notices, EC2 user guide).
pub(super) const LEAD: Span = Span::from_mins(2);

/// A spot request whose status changed longer ago than this is history. EC2 keeps closed requests listed for hours.
const RECENT: Span = Span::from_mins(10);

/// The notice in one message body; `None` for every other event and for what cannot be read. `now` stands in for the
/// event's own time where that cannot be read: a warning is not lost for it.
pub(super) fn notice(body: &str, now: Time) -> Option<Notice> {
    let event: Value = serde_json::from_str(body).ok()?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if text(&event, "source")? != "aws.ec2" {
        return None;
    }
    let detail = event.get("detail")?;
    let said_at = text(&event, "time").as_deref().and_then(wire::time_of).unwrap_or(now);
    let (kind, at) = match text(&event, "detail-type")?.as_str() {
        "EC2 Spot Instance Interruption Warning" => {
            // A machine that hibernates does so at once.
            let hibernates = text(detail, "instance-action").as_deref() == Some("hibernate");
            (NoticeKind::Interruption, if hibernates { said_at } else { said_at.plus(LEAD) })
        }
        "EC2 Instance Rebalance Recommendation" => (NoticeKind::Advice, said_at),
        _ => return None,
    };
    Some(Notice { instance: InstanceId::from(text(detail, "instance-id")?), kind, at })
}

/// A spot request as far as it concerns us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SpotRequest {
    /// The machine it made.
    pub(super) instance: Option<String>,
    /// Its status code.
    pub(super) status: String,
    /// Since when.
    pub(super) since: Option<Time>,
}

/// Statuses that say that EC2 takes the machine, or has marked it to be taken. The status changes at once while the
/// machine still runs its two minutes. Source: EC2 user guide, "Spot request status".
const TAKEN: [&str; 10] = [
    "marked-for-termination",
    "marked-for-stop",
    "instance-terminated-by-price",
    "instance-terminated-by-service",
    "instance-terminated-by-experiment",
    "instance-terminated-no-capacity",
    "instance-terminated-capacity-oversubscribed",
    "instance-terminated-launch-group-constraint",
    "instance-stopped-by-price",
    "instance-stopped-no-capacity",
];

/// Notices in a listing of spot requests that were not there in the last one. `told` holds the machines already told
/// of, and forgets those that are not listed as taken any more.
pub(super) fn newly_taken(requests: &[SpotRequest], told: &mut BTreeMap<InstanceId, Time>, now: Time) -> Vec<Notice> {
    let mut taken = BTreeMap::new();
    for request in requests {
        let since = request.since.unwrap_or(now);
        let (Some(id), true) = (&request.instance, TAKEN.contains(&request.status.as_str())) else { continue };
        if now.since(since) <= RECENT {
            taken.insert(InstanceId::from(id.as_str()), since.plus(LEAD));
        }
    }
    let fresh = taken
        .iter()
        .filter(|(id, _)| !told.contains_key(*id))
        .map(|(id, at)| Notice { instance: id.clone(), kind: NoticeKind::Interruption, at: *at })
        .collect();
    *told = taken;
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_800_000_000_000);

    fn event(source: &str, kind: &str, time: &str, detail: &str) -> String {
        format!(
            r#"{{"version":"0","id":"7","detail-type":"{kind}","source":"{source}","account":"123456789012",
               "time":"{time}","region":"us-east-1","resources":["arn:aws:ec2:us-east-1a:instance/i-9"],
               "detail":{detail}}}"#
        )
    }

    fn warning(time: &str, action: &str) -> String {
        let detail = format!(r#"{{"instance-id":"i-1","instance-action":"{action}"}}"#);
        event("aws.ec2", "EC2 Spot Instance Interruption Warning", time, &detail)
    }

    #[test]
    fn a_warning_means_two_minutes_from_its_own_time() {
        let notice = notice(&warning("2026-11-22T10:00:00Z", "terminate"), NOW).unwrap();
        assert_eq!(notice.instance.as_str(), "i-1", "the id in `detail`, not the one in `resources`");
        assert_eq!(notice.kind, NoticeKind::Interruption);
        assert_eq!(notice.at, Time::from_millis(1_795_341_720_000));
    }

    #[test]
    fn hibernation_has_no_lead_time() {
        let notice = notice(&warning("2026-11-22T10:00:00Z", "hibernate"), NOW).unwrap();
        assert_eq!(notice.at, Time::from_millis(1_795_341_600_000));
    }

    #[test]
    fn a_warning_with_an_unreadable_time_is_still_a_warning() {
        assert_eq!(notice(&warning("yesterday", "stop"), NOW).map(|n| n.at), Some(NOW.plus(LEAD)));
    }

    #[test]
    fn a_rebalance_recommendation_is_advice() {
        let body = event(
            "aws.ec2",
            "EC2 Instance Rebalance Recommendation",
            "2026-11-22T10:00:00Z",
            r#"{"instance-id":"i-2"}"#,
        );
        assert_eq!(notice(&body, NOW).map(|n| n.kind), Some(NoticeKind::Advice));
    }

    #[test]
    fn everything_else_is_no_notice() {
        let state = r#"{"instance-id":"i-1","state":"stopping"}"#;
        for body in [
            event("aws.ec2", "EC2 Instance State-change Notification", "2026-11-22T10:00:00Z", state),
            event("aws.health", "AWS Health Event", "2026-11-22T10:00:00Z", "{}"),
            event("my.app", "EC2 Spot Instance Interruption Warning", "2026-11-22T10:00:00Z", state),
            event("aws.ec2", "EC2 Spot Instance Interruption Warning", "2026-11-22T10:00:00Z", "{}"),
            "not json".to_owned(),
            "[]".to_owned(),
            String::new(),
        ] {
            assert_eq!(notice(&body, NOW), None, "{body}");
        }
    }

    fn request(id: &str, status: &str, since: Time) -> SpotRequest {
        SpotRequest { instance: Some(id.to_owned()), status: status.to_owned(), since: Some(since) }
    }

    #[test]
    fn a_taken_request_is_told_once() {
        let mut told = BTreeMap::new();
        let listing = [request("i-1", "fulfilled", NOW), request("i-2", "instance-terminated-no-capacity", NOW)];
        let notices = newly_taken(&listing, &mut told, NOW);
        assert_eq!(notices.len(), 1);
        assert_eq!((notices[0].instance.as_str(), notices[0].at), ("i-2", NOW.plus(LEAD)));
        assert_eq!(newly_taken(&listing, &mut told, NOW.plus(Span::from_secs(10))), []);
    }

    #[test]
    fn history_is_not_told() {
        let long_ago = NOW.minus(Span::from_hours(1));
        let listing = [request("i-1", "instance-terminated-no-capacity", long_ago)];
        assert_eq!(newly_taken(&listing, &mut BTreeMap::new(), NOW), []);
    }

    #[test]
    fn what_we_ended_ourselves_is_no_interruption() {
        let listing = [request("i-1", "instance-terminated-by-user", NOW)];
        assert_eq!(newly_taken(&listing, &mut BTreeMap::new(), NOW), []);
    }
}
