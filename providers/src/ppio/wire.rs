//! The only part that speaks HTTP.

use core::fmt;
use std::collections::BTreeSet;

use policies::failure::{Failure, FailureKind};
use policies::units::Span;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::failure::{Trouble, of_deed, of_look};
use super::translate;
use crate::net::{chain, is_plaintext};

/// The largest answer that is read: thousands of instances with all that they were created with.
const LARGEST_BYTES: usize = 32 * 1024 * 1024;

/// Instances asked for in a page. The largest size is not documented; clients were seen to ask for so many.
const PAGE: usize = 100;

/// More pages are more machines than any account has.
const MOST_PAGES: usize = 1_000;

/// What a failure calls each request.
pub(super) const CREATE: &str = "instance/create";
const LIST: &str = "instances";
const DELETE: &str = "instance/delete";
const STOP: &str = "instance/stop";
const PRODUCTS: &str = "products";
const CLUSTERS: &str = "clusters";

/// One account's interface.
pub(super) struct Wire {
    client: Client,
    base: Url,
    key: SecretString,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client holds the key.
        f.debug_struct("Wire").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn new(base: &str, key: SecretString) -> Result<Self, Failure> {
        let unusable = |why: &str| Failure::new(FailureKind::Invalid, "settings", "-", why);
        let parsed = Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = parsed.ok_or_else(|| unusable(&format!("{base} is no URL that can be called")))?;
        if url.scheme() == "https" && !cfg!(feature = "tls") {
            return Err(unusable("TLS is asked for, which this program was built without (feature `tls`)"));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
            .map_err(|_| unusable("the key cannot be sent: it holds characters that no key has"))?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        // A redirect would take the key along.
        let mut client = Client::builder().default_headers(headers).redirect(Policy::none()).user_agent("spotfleet");
        if !url.scheme().eq("https") && !is_plaintext(base) {
            // This machine itself: no proxy stands between.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|e| unusable(&format!("no client: {}", chain(&e.without_url()))))?;
        Ok(Self { client, base: url, key })
    }

    /// Clusters of the account.
    pub(super) async fn clusters(&self) -> Result<Value, Failure> {
        self.look(CLUSTERS, "clusters", &[]).await
    }

    /// What is sold in a cluster, for this way of billing.
    pub(super) async fn products(&self, cluster: &str, billing: &str) -> Result<Value, Failure> {
        self.look(PRODUCTS, "products", &[("clusterId", cluster), ("billingMethod", billing)]).await
    }

    /// Every instance of the account: whole, or a failure.
    pub(super) async fn instances(&self) -> Result<Vec<Value>, Failure> {
        self.pages(&[]).await
    }

    /// The id of the instance with exactly this name, in whatever state it is.
    pub(super) async fn find(&self, name: &str) -> Result<Option<String>, Failure> {
        // The filter is fuzzy: it may give more, and is only asked to give less.
        let found = self.pages(&[("name", name)]).await?;
        let same = found.iter().find(|instance| translate::text(instance, "name") == Some(name));
        Ok(same.and_then(|instance| translate::text(instance, "id")).map(str::to_owned))
    }

    /// All pages of a list. Whether the first is 0 or 1 is not documented, nor the largest size: from 1 on for as long as
    /// they bring something new, and 0 too when some are missing then.
    async fn pages(&self, query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut ids = BTreeSet::new();
        for number in 1..=MOST_PAGES {
            let page = self.page(number, query).await?;
            let before = ids.len();
            for instance in page.instances {
                let id = translate::text(&instance, "id").unwrap_or_default().to_owned();
                if ids.insert(id) {
                    all.push(instance);
                }
            }
            if ids.len() >= page.total {
                return Ok(all);
            }
            if ids.len() == before {
                break;
            }
        }
        let first = self.page(0, query).await?;
        all.extend(first.instances.into_iter().filter(|instance| {
            let id = translate::text(instance, "id").unwrap_or_default().to_owned();
            ids.insert(id)
        }));
        if ids.len() >= first.total { Ok(all) } else { Err(incomplete("it lists fewer instances than it counts")) }
    }

    async fn page(&self, number: usize, query: &[(&str, &str)]) -> Result<translate::Page, Failure> {
        let (size, number) = (PAGE.to_string(), number.to_string());
        let mut query = query.to_vec();
        query.extend([("pageSize", size.as_str()), ("pageNum", number.as_str())]);
        translate::page(self.look(LIST, "gpu/instances", &query).await?)
            .ok_or_else(|| incomplete("the answer is no list of instances"))
    }

    /// Creates an instance; its id.
    pub(super) async fn create(&self, body: &Value) -> Result<String, Failure> {
        let answer = self.send(Method::POST, "gpu/instance/create", &[], Some(body)).await;
        let answer = answer.map_err(|trouble| of_deed(CREATE, &trouble))?;
        // The page says `id`; a client was seen to take `Id` too.
        let id = translate::text(&answer, "id").or_else(|| translate::text(&answer, "Id"));
        let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        id.ok_or_else(|| of_deed(CREATE, &Trouble::Unanswered("the answer names no instance".to_owned())))
    }

    /// Deletes an instance, in whatever state it is. One that is not there (any more) is done.
    ///
    /// Where it cannot be deleted as it is, it is stopped, and the failure says so: the next call may delete it.
    pub(super) async fn delete(&self, id: &str) -> Result<(), Failure> {
        let body = json!({"instanceId": id});
        let deleted = self.send(Method::POST, "gpu/instance/delete", &[], Some(&body)).await;
        let failure = match deleted {
            Ok(_) => return Ok(()),
            Err(trouble) => of_deed(DELETE, &trouble),
        };
        match failure.code.as_str() {
            _ if failure.kind == FailureKind::Gone => Ok(()),
            "CONFLICT" | "OPERATION_LIMIT" => {
                let stopped = self.send(Method::POST, "gpu/instance/stop", &[], Some(&body)).await;
                match stopped.map_err(|trouble| of_deed(STOP, &trouble)) {
                    Err(failure) if failure.kind == FailureKind::Gone => Ok(()),
                    Err(failure) if failure.kind == FailureKind::Ambiguous => Err(failure),
                    _ => {
                        let text = format!("it cannot be deleted as it is ({}), and is stopped first", failure.code);
                        Err(Failure::new(FailureKind::Unavailable, DELETE, &failure.code, &text))
                    }
                }
            }
            _ => Err(failure),
        }
    }

    async fn look(&self, operation: &str, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send(Method::GET, path, query, None).await.map_err(|trouble| of_look(operation, &trouble))
    }

    /// Sends one request. The JSON of a good answer; an empty one is `null`.
    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let request = request.build().map_err(|error| Trouble::Unbuilt(self.said(&error.without_url())))?;
        let mut response = self.client.execute(request).await.map_err(|error| self.broken(error))?;
        let status = response.status();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if bytes.len() + chunk.len() > LARGEST_BYTES {
                return Err(Trouble::Unanswered(format!("the answer is larger than {} MiB", LARGEST_BYTES >> 20)));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status != StatusCode::OK {
            let body = self.clean(&String::from_utf8_lossy(&bytes));
            return Err(Trouble::Refused {
                status: status.as_u16(),
                body,
                retry_after: retry_after.map(Span::from_secs),
            });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| Trouble::Unanswered(format!("the answer is no JSON: {error}")))
    }

    fn broken(&self, error: reqwest::Error) -> Trouble {
        let error = error.without_url();
        let text = self.said(&error);
        if error.is_builder() {
            Trouble::Unbuilt(text)
        } else if error.is_connect() {
            Trouble::Unreachable(text)
        } else {
            Trouble::Unanswered(text)
        }
    }

    fn said(&self, error: &reqwest::Error) -> String {
        self.clean(&chain(error))
    }

    /// The same without the key: a server may repeat what it was sent.
    fn clean(&self, text: &str) -> String {
        match self.key.expose_secret() {
            "" => text.to_owned(),
            key => text.replace(key, "***"),
        }
    }
}

/// A list that is not whole says nothing of what is not in it.
fn incomplete(why: &str) -> Failure {
    Failure::new(FailureKind::Unavailable, LIST, "incomplete", why)
}
