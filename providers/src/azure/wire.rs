//! The wire: Azure Resource Manager, the Retail Prices API and Resource Graph over HTTP. The only file that names an
//! HTTP client, besides `token`. One request, one attempt; what an error means is said elsewhere.
//!
//! The token goes to the configured server only: links to further pages and to operations that lead elsewhere are not
//! followed.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use policies::units::{Span, Time};
pub(super) use reqwest::Url as Link;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Url};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::failure::{Stage, Trouble};
use super::token::TokenSource;
use crate::net::chain;

/// Version of Microsoft.Compute's API for machines and disks. The first with tags on a described network interface.
const COMPUTE: &str = "2025-04-01";
/// Version for disks: they have their own.
const DISKS: &str = "2023-04-02";
/// Version for sizes. Source: the official clients.
const SKUS: &str = "2021-07-01";
/// Version of Microsoft.Network's API; the one that the described network interfaces are made with.
const NETWORK: &str = "2022-11-01";
/// Version of the API of resource groups.
const RESOURCES: &str = "2021-04-01";
/// Version of the API of permissions.
const AUTHORIZATION_API: &str = "2022-04-01";
/// Version of Resource Graph's API.
const GRAPH: &str = "2021-03-01";
/// Version of the API of placement scores, that of the official client.
const SCORES: &str = "2026-09-05-preview";
/// Version of the Retail Prices API. Filter values are case-sensitive from it on.
const PRICES: &str = "2023-01-01-preview";

/// The largest answer that is read. All sizes of a region are some 5 MB.
const LARGEST_BYTES: usize = 64 * 1024 * 1024;

/// More pages than this go in a circle: the largest listings of a subscription are some hundreds.
const MOST_PAGES: usize = 1_000;

/// A good answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `null` where there is no body.
    pub(super) body: Value,
    /// Where the operation that was begun can be asked about.
    pub(super) operation: Option<Url>,
    pub(super) retry_after: Option<Span>,
}

/// The client that everything is asked with: no redirects, no second attempts of its own. What is `near` is reached
/// directly, all else by the proxies that the environment names.
///
/// # Errors
/// Text when it cannot be built.
pub(super) fn client(timeout: Span, near: bool) -> Result<Client, String> {
    let client = Client::builder();
    let client = if near { client.no_proxy() } else { client };
    client
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .timeout(Duration::from_millis(timeout.as_millis()))
        .user_agent("spotfleet")
        .build()
        .map_err(|error| chain(&error))
}

/// Sends a request and reads the answer.
async fn exchange(client: &Client, request: Request) -> Result<(u16, HeaderMap, Vec<u8>), Trouble> {
    let mut response = client.execute(request).await.map_err(broken)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > LARGEST_BYTES {
            let text = format!("the answer is larger than {} MiB", LARGEST_BYTES / 1024 / 1024);
            return Err(Trouble::at(Stage::Unanswered, text));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((status, headers, bytes))
}

/// No answer, or half of one.
fn broken(error: reqwest::Error) -> Trouble {
    let stage = match () {
        () if error.is_builder() => Stage::Unbuilt,
        () if error.is_connect() => Stage::Unreachable,
        () => Stage::Unanswered,
    };
    Trouble::at(stage, chain(&error.without_url()))
}

/// The JSON of a good answer, or what a bad one says.
fn judged(status: u16, headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Trouble> {
    let retry_after = retry_after(headers);
    if !(200..300).contains(&status) {
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        return Err(Trouble { retry_after, ..said(Stage::Refused(status), &body["error"], bytes) });
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Trouble::at(Stage::Refused(status), format!("the answer is no JSON: {error}")))
}

/// What an error of Azure says: `{code, message, details: [...]}`, nested.
pub(super) fn said(stage: Stage, error: &Value, bytes: &[u8]) -> Trouble {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let code = text(&error["code"]);
    let mut inner = Vec::new();
    let mut message = text(&error["message"]).unwrap_or_default();
    for detail in error["details"].as_array().into_iter().flatten().take(10) {
        inner.extend(text(&detail["code"]));
        if let Some(more) = text(&detail["message"]).filter(|more| !message.contains(more)) {
            message = format!("{message} {more}").trim().to_owned();
        }
    }
    inner.extend(text(&error["innererror"]["code"]));
    if code.is_none() && message.is_empty() {
        message = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    }
    let message = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Trouble { code, inner, message, ..Trouble::at(stage, "") }
}

/// Seconds to wait. As a date it is not read: the clocks may differ.
fn retry_after(headers: &HeaderMap) -> Option<Span> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Span::from_secs(seconds))
}

/// The moment of a text as `2026-11-21T09:30:00.1234567+00:00`.
pub(super) fn time_of(text: &str) -> Option<Time> {
    let moment = azure_core::time::parse_rfc3339(text).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Time::from_millis)
}

fn same_server(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Azure Resource Manager, in one resource group.
pub(super) struct Arm {
    client: Client,
    base: Url,
    subscription: String,
    group: String,
    tokens: Arc<dyn TokenSource>,
}

impl Arm {
    pub(super) fn new(
        client: Client,
        base: Url,
        subscription: &str,
        group: &str,
        tokens: Arc<dyn TokenSource>,
    ) -> Self {
        Self { client, base, subscription: subscription.to_owned(), group: group.to_owned(), tokens }
    }

    /// The address of these parts of a path, each encoded, with these queries.
    fn url(&self, path: &[&str], queries: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => drop(segments.pop_if_empty().extend(path)),
            Err(()) => return Err(Trouble::at(Stage::Unbuilt, "the endpoint has no path")),
        }
        url.query_pairs_mut().extend_pairs(queries);
        Ok(url)
    }

    /// The address of a thing of the resource group.
    fn in_group(&self, kind: [&str; 2], name: Option<&str>, queries: &[(&str, &str)]) -> Result<Url, Trouble> {
        let [namespace, kind] = kind;
        let mut path =
            vec!["subscriptions", &self.subscription, "resourceGroups", &self.group, "providers", namespace, kind];
        path.extend(name);
        self.url(&path, queries)
    }

    /// The address of what is the subscription's.
    fn in_subscription(&self, path: &[&str], queries: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut whole = vec!["subscriptions", self.subscription.as_str(), "providers"];
        whole.extend(path);
        self.url(&whole, queries)
    }

    async fn ask(&self, method: Method, url: Url, body: Option<&Value>, only_new: bool) -> Result<Answer, Trouble> {
        if !same_server(&url, &self.base) {
            let text = format!("a link to {} is not followed", url.origin().ascii_serialization());
            return Err(Trouble::at(Stage::Unbuilt, text));
        }
        let token = self.tokens.token().await.map_err(|failure| Trouble {
            code: Some(failure.code.clone()).filter(|code| code != "-"),
            retry_after: failure.retry_after,
            ..Trouble::at(Stage::NoToken(failure.kind), failure.message.clone())
        })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Trouble::at(Stage::Unbuilt, "the token cannot be sent in a header"))?;
        bearer.set_sensitive(true);
        let mut request = self.client.request(method, url).header(AUTHORIZATION, bearer);
        if let Some(body) = body {
            request = request.json(body);
        }
        if only_new {
            request = request.header(IF_NONE_MATCH, "*");
        }
        let (status, headers, bytes) = exchange(&self.client, request.build().map_err(broken)?).await?;
        let body = judged(status, &headers, &bytes)?;
        let operation = headers.get("azure-asyncoperation").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer { status, body, operation, retry_after: retry_after(&headers) })
    }

    async fn get(&self, url: Result<Url, Trouble>) -> Result<Value, Trouble> {
        self.ask(Method::GET, url?, None, false).await.map(|answer| answer.body)
    }

    /// Every item of a listing, all pages. One page that fails fails the listing.
    async fn list(&self, first: Result<Url, Trouble>) -> Result<Vec<Value>, Trouble> {
        let mut next = Some(first?);
        let (mut seen, mut items) = (BTreeSet::new(), Vec::new());
        while let Some(url) = next {
            if !seen.insert(url.to_string()) || seen.len() > MOST_PAGES {
                return Err(Trouble::at(Stage::Unanswered, "the pages of the listing do not end"));
            }
            let mut page = self.ask(Method::GET, url, None, false).await?.body;
            next = page_after(&page, "nextLink")?;
            items.append(page["value"].as_array_mut().ok_or_else(no_list)?);
        }
        Ok(items)
    }

    /// Makes a machine of this name, or changes nothing where it is there already (412).
    pub(super) async fn put_machine(&self, name: &str, body: &Value) -> Result<Answer, Trouble> {
        self.ask(Method::PUT, self.in_group(MACHINES, Some(name), &[VERSION])?, Some(body), true).await
    }

    /// A machine with its power state.
    pub(super) async fn machine(&self, name: &str) -> Result<Value, Trouble> {
        self.get(self.in_group(MACHINES, Some(name), &[VERSION, ("$expand", "instanceView")])).await
    }

    /// Every machine of the resource group, whoever's and wherever.
    pub(super) async fn machines(&self) -> Result<Vec<Value>, Trouble> {
        self.list(self.in_group(MACHINES, None, &[VERSION])).await
    }

    /// Ends a machine without a graceful shutdown, so that what it holds is free at once.
    pub(super) async fn delete_machine(&self, name: &str) -> Result<Answer, Trouble> {
        let url = self.in_group(MACHINES, Some(name), &[VERSION, ("forceDeletion", "true")])?;
        self.ask(Method::DELETE, url, None, false).await
    }

    /// How an operation stands.
    pub(super) async fn operation(&self, url: &Url) -> Result<Answer, Trouble> {
        self.ask(Method::GET, url.clone(), None, false).await
    }

    /// Every network interface of the resource group.
    pub(super) async fn interfaces(&self) -> Result<Vec<Value>, Trouble> {
        self.list(self.in_group(INTERFACES, None, &[("api-version", NETWORK)])).await
    }

    /// Deletes a network interface.
    pub(super) async fn delete_interface(&self, name: &str) -> Result<Answer, Trouble> {
        let url = self.in_group(INTERFACES, Some(name), &[("api-version", NETWORK)])?;
        self.ask(Method::DELETE, url, None, false).await
    }

    /// Every disk of the resource group.
    pub(super) async fn disks(&self) -> Result<Vec<Value>, Trouble> {
        self.list(self.in_group(VOLUMES, None, &[("api-version", DISKS)])).await
    }

    /// Deletes a disk.
    pub(super) async fn delete_disk(&self, name: &str) -> Result<Answer, Trouble> {
        let url = self.in_group(VOLUMES, Some(name), &[("api-version", DISKS)])?;
        self.ask(Method::DELETE, url, None, false).await
    }

    /// Every size that a region knows.
    pub(super) async fn sizes(&self, region: &str) -> Result<Vec<Value>, Trouble> {
        let filter = format!("location eq '{region}'");
        let queries = [("api-version", SKUS), ("$filter", filter.as_str())];
        self.list(self.in_subscription(&["Microsoft.Compute", "skus"], &queries)).await
    }

    /// What of its quotas the subscription uses in a region.
    pub(super) async fn usages(&self, region: &str) -> Result<Vec<Value>, Trouble> {
        let path = ["Microsoft.Compute", "locations", region, "usages"];
        self.list(self.in_subscription(&path, &[VERSION])).await
    }

    /// The resource group.
    pub(super) async fn group(&self) -> Result<Value, Trouble> {
        let path = ["subscriptions", &self.subscription, "resourceGroups", &self.group];
        self.get(self.url(&path, &[("api-version", RESOURCES)])).await
    }

    /// What the caller may do in the resource group.
    pub(super) async fn permissions(&self) -> Result<Vec<Value>, Trouble> {
        let queries = [("api-version", AUTHORIZATION_API)];
        self.list(self.in_group(["Microsoft.Authorization", "permissions"], None, &queries)).await
    }

    /// A thing by its whole id, of which kind decides which version of the API is asked.
    pub(super) async fn thing(&self, id: &str) -> Result<Value, Trouble> {
        let path: Vec<_> = id.trim_start_matches('/').split('/').collect();
        let network = id.to_ascii_lowercase().contains("/microsoft.network/");
        self.get(self.url(&path, &[("api-version", if network { NETWORK } else { COMPUTE })])).await
    }

    /// The versions of a marketplace image in a region; the newest first, one of them.
    pub(super) async fn image_versions(&self, region: &str, image: [&str; 3]) -> Result<Value, Trouble> {
        let [publisher, offer, sku] = image;
        let path = [
            "Microsoft.Compute",
            "locations",
            region,
            "publishers",
            publisher,
            "artifacttypes",
            "vmimage",
            "offers",
            offer,
            "skus",
            sku,
            "versions",
        ];
        self.get(self.in_subscription(&path, &[VERSION, ("$top", "1"), ("$orderby", "name desc")])).await
    }

    /// How likely so many spot machines of each of these sizes are to be had in each zone of a region now.
    pub(super) async fn placement_scores(
        &self,
        region: &str,
        sizes: &[&str],
        machines: u32,
    ) -> Result<Vec<Value>, Trouble> {
        let path = ["Microsoft.Compute", "locations", region, "placementScores", "spot", "generate"];
        let sizes: Vec<_> = sizes.iter().map(|size| json!({"sku": size})).collect();
        let body = json!({"desiredLocations": [region], "desiredSizes": sizes, "desiredCount": machines,
            "availabilityZones": true});
        let url = self.in_subscription(&path, &[("api-version", SCORES)])?;
        let mut answer = self.ask(Method::POST, url, Some(&body), false).await?.body;
        Ok(std::mem::take(answer["placementScores"].as_array_mut().ok_or_else(no_list)?))
    }

    /// Every row of a query to Resource Graph. It is asked at the scope of the tenant: spot facts are told there only.
    pub(super) async fn graph(&self, query: &str) -> Result<Vec<Value>, Trouble> {
        let url = self.url(&["providers", "Microsoft.ResourceGraph", "resources"], &[("api-version", GRAPH)])?;
        let (mut rows, mut skip) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut body = json!({"query": query, "options": {"resultFormat": "objectArray", "$top": 1000}});
            if let Some(skip) = &skip {
                body["options"]["$skipToken"] = skip.as_str().into();
            }
            let mut page = self.ask(Method::POST, url.clone(), Some(&body), false).await?.body;
            rows.append(page["data"].as_array_mut().ok_or_else(no_list)?);
            let again = page["$skipToken"].as_str().map(str::to_owned);
            if again.is_none() || again == skip {
                return Ok(rows);
            }
            skip = again;
        }
        Err(Trouble::at(Stage::Unanswered, "the pages of the answer do not end"))
    }
}

const MACHINES: [&str; 2] = ["Microsoft.Compute", "virtualMachines"];
const VOLUMES: [&str; 2] = ["Microsoft.Compute", "disks"];
const INTERFACES: [&str; 2] = ["Microsoft.Network", "networkInterfaces"];
const VERSION: (&str, &str) = ("api-version", COMPUTE);

fn no_list() -> Trouble {
    Trouble::at(Stage::Refused(200), "the answer holds no list")
}

/// The address of the page after this one; `None` after the last.
fn page_after(page: &Value, key: &str) -> Result<Option<Url>, Trouble> {
    match page[key].as_str().filter(|link| !link.is_empty()) {
        None => Ok(None),
        Some(link) => {
            let wrong = |_| Trouble::at(Stage::Refused(200), "the link to the next page is no address");
            Url::parse(link).map(Some).map_err(wrong)
        }
    }
}

/// The Retail Prices API. It asks nobody who they are.
pub(super) struct Retail {
    client: Client,
    base: Url,
}

impl Retail {
    pub(super) fn new(client: Client, base: Url) -> Self {
        Self { client, base }
    }

    /// Every item that this filter leaves, in US dollars.
    pub(super) async fn items(&self, filter: &str) -> Result<Vec<Value>, Trouble> {
        let mut first = self.base.clone();
        first.query_pairs_mut().extend_pairs([("api-version", PRICES), ("currencyCode", "'USD'"), ("$filter", filter)]);
        let mut next = Some(first);
        let (mut seen, mut items) = (BTreeSet::new(), Vec::new());
        while let Some(url) = next {
            if !same_server(&url, &self.base) {
                return Err(Trouble::at(Stage::Unbuilt, "the next page is on another server"));
            }
            if !seen.insert(url.to_string()) || seen.len() > MOST_PAGES {
                return Err(Trouble::at(Stage::Unanswered, "the pages of prices do not end"));
            }
            let request = self.client.get(url).build().map_err(broken)?;
            let (status, headers, bytes) = exchange(&self.client, request).await?;
            let mut page = judged(status, &headers, &bytes)?;
            next = page_after(&page, "NextPageLink")?;
            items.append(page["Items"].as_array_mut().ok_or_else(no_list)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_with_their_fraction_and_offset() {
        assert_eq!(time_of("1970-01-01T00:00:01Z"), Some(Time::from_millis(1_000)));
        assert_eq!(time_of("2026-11-21T10:00:00.1234567+01:00"), time_of("2026-11-21T09:00:00.123Z"));
        assert_eq!(time_of("yesterday"), None);
    }

    #[test]
    fn an_error_is_read_with_what_is_inside_it() {
        let body = json!({"code": "DeploymentFailed", "message": "It failed.",
            "details": [{"code": "SkuNotAvailable", "message": "No\nroom."}]});
        let trouble = said(Stage::Refused(409), &body, b"");
        assert_eq!(trouble.code.as_deref(), Some("DeploymentFailed"));
        assert_eq!(
            (trouble.inner, trouble.message.as_str()),
            (vec!["SkuNotAvailable".to_owned()], "It failed. No room.")
        );
        let none = said(Stage::Refused(502), &Value::Null, b"<html>bad gateway</html>");
        assert_eq!((none.code, none.message.as_str()), (None, "<html>bad gateway</html>"));
    }

    #[test]
    fn a_wait_is_read_in_seconds_only() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(of("17"), Some(Span::from_secs(17)));
        assert_eq!(of("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
