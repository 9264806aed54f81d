//! The stream of events.

use std::time::Duration;

use spotfleet::http::STREAMS;
use spotfleet::http::view::Event;

use super::Api;

/// Reached only by a failure.
const LIMIT: Duration = Duration::from_secs(60);

/// A stream that is read.
struct Feed {
    response: reqwest::Response,
    text: String,
}

impl Feed {
    async fn open(api: &Api, query: &str, last: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(format!("{}/api/v1/events/stream{query}", api.url));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event: its id and what it says; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Event)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = field("data: ").map(|data| (field("id: ").unwrap(), serde_json::from_str(&data).unwrap()));
                self.text = rest.to_owned();
                match found {
                    Some(event) => return Some(event),
                    // A comment.
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(LIMIT, self.response.chunk()).await.unwrap().unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let (id, event) = self.next().await.unwrap();
            assert_eq!(id, event.number.to_string());
            numbers.push(event.number);
        }
        numbers
    }
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens() {
    let api = Api::new(None).await;
    let (mut all, mut web) = (Feed::open(&api, "", None).await, Feed::open(&api, "?fleet=web", None).await);
    api.happens(5, Some("web"));
    let (_, event) = all.next().await.unwrap();
    assert_eq!((event.number, event.fleet.as_deref(), event.text.as_str()), (5, Some("web"), "note 5"));
    api.happens(6, Some("other"));
    api.happens(7, None);
    api.happens(8, Some("web"));
    assert_eq!(all.numbers(3).await, [6, 7, 8]);
    assert_eq!(web.numbers(2).await, [5, 8]);
}

#[tokio::test]
async fn who_comes_back_gets_what_happened_since() {
    let api = Api::new(None).await;
    // The header counts before the address: a browser keeps the address that it was given first.
    for (query, last, expected) in [
        ("?after=2", None, vec![3, 4, 5]),
        ("", Some("3"), vec![4, 5]),
        ("?after=0", Some("3"), vec![4, 5]),
        ("?after=0", None, vec![1, 2, 3, 4, 5]),
        ("?fleet=web&after=1", None, vec![2, 4, 5]),
        // The store was made anew and counts from the beginning: all of it is new.
        ("", Some("1000"), vec![1, 2, 3, 4, 5]),
    ] {
        let mut feed = Feed::open(&api, query, last).await;
        let mut next = super::view();
        next.notes.push(super::note(5, Some("web")));
        api.view.store(next.into());
        api.versions.as_ref().unwrap().send_modify(|version| *version += 1);
        assert_eq!(feed.numbers(expected.len()).await, expected, "{query} {last:?}");
        api.view.store(super::view().into());
    }
    for (query, last) in
        [("?after=x", None), ("?colour=red", None), ("?limit=1", None), ("", Some("x")), ("", Some(""))]
    {
        let mut request = reqwest::Client::new().get(format!("{}/api/v1/events/stream{query}", api.url));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        assert_eq!(request.send().await.unwrap().status().as_u16(), 400, "{query} {last:?}");
    }
}

#[tokio::test]
async fn streams_have_a_limit_and_give_their_places_back() {
    let api = Api::new(None).await;
    let mut feeds = Vec::new();
    for _ in 0..STREAMS {
        feeds.push(Feed::open(&api, "", None).await);
    }
    let (status, body) = api.get("/api/v1/events/stream").await;
    assert_eq!(status, 503);
    assert!(body.contains("64 streams"), "{body}");
    assert_eq!(api.get("/api/v1/fleets").await.0, 200, "other requests have their own limits");
    feeds.pop();
    // The daemon notices soon that nobody reads any more.
    let free =
        async { while reqwest::get(format!("{}/api/v1/events/stream", api.url)).await.unwrap().status() != 200 {} };
    tokio::time::timeout(LIMIT, free).await.unwrap();
}

#[tokio::test]
async fn streams_end_with_the_loop_and_serving_with_the_streams() {
    let mut api = Api::new(None).await;
    let mut feed = Feed::open(&api, "", None).await;
    // A connection that waits for nothing in particular.
    let idle = reqwest::Client::new();
    assert_eq!(idle.get(format!("{}/healthz", api.url)).send().await.unwrap().status(), 200);
    api.happens(5, None);
    api.versions = None;
    api.close = None;
    assert_eq!(feed.numbers(1).await, [5], "what happened last is told");
    assert!(feed.next().await.is_none());
    tokio::time::timeout(LIMIT, api.served).await.unwrap().unwrap();
    assert!(idle.get(format!("{}/healthz", api.url)).send().await.is_err());
}
