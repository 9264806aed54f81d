//! What the sources and the drain hooks that speak HTTP share: one request, its limits, and what an answer that is none means.
//!
//! Redirects are followed on the same server only. Proxies of the environment are not used. No text that leaves from
//! here shows more of an address than scheme, host and port: the rest may hold a key.

use core::fmt;
use core::time::Duration;

use percent_encoding::percent_decode_str;
use policies::failure::{Failure, FailureKind};
use policies::units::Span;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::HttpEndpoint;
use crate::net::{chain, is_plaintext};

/// The largest answer that is read. A single number with what stands around it needs less than a kilobyte.
const LARGEST_BYTES: usize = 1024 * 1024;

/// More redirects on one server go in a circle.
const MOST_REDIRECTS: usize = 5;

/// A longer text of the server would hide what we say ourselves.
const LONGEST_SAID: usize = 300;

/// What a kind of source is, for its texts.
pub(crate) struct Kind {
    /// Its name in the fleet file.
    pub(crate) name: &'static str,
    /// What it is, in words.
    pub(crate) what: &'static str,
    /// What the call is called.
    pub(crate) operation: &'static str,
    /// Said of an answer that nothing is there.
    pub(crate) gone: &'static str,
    /// The server's own words in the JSON of an answer that is an error.
    pub(crate) said: fn(&Value) -> Option<&str>,
}

/// A request that is made once a reading.
pub(crate) struct Web {
    kind: Kind,
    client: Client,
    request: Request,
    /// Scheme, host and port.
    address: String,
    /// What must not be seen.
    secrets: Vec<SecretString>,
    timeout: Span,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The request may hold a key in its URL.
        f.debug_struct("Web").field("address", &self.address).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Web {
    /// The request to this endpoint, once `finish` has made its address whole. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, see [`open`](super::open).
    pub(crate) fn new(
        kind: Kind,
        endpoint: &HttpEndpoint,
        timeout: Span,
        finish: impl FnOnce(&mut Url),
    ) -> Result<Self, Failure> {
        // The text of a parser's error is not passed on: it may repeat the address, and that may hold a password.
        let unusable = |why: &str| {
            let text = format!("the address of the {} {why}", kind.what);
            Failure::new(FailureKind::Invalid, "connect", "-", &text)
        };
        let HttpEndpoint { url, token, allow_http } = endpoint;
        let form = "is none: write http://host:port or https://host:port";
        let mut url = Url::parse(url.expose_secret()).map_err(|_| unusable(form))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(unusable(form));
        }
        if url.scheme() == "https" && !cfg!(feature = "tls") {
            return Err(unusable("asks for TLS, which this program was built without (feature `tls`)"));
        }
        let has_login = !url.username().is_empty() || url.password().is_some();
        if has_login && token.is_some() {
            return Err(unusable("names a user, and there is a token too: give one of the two"));
        }
        if (has_login || token.is_some()) && !allow_http && is_plaintext(url.as_str()) {
            let what = if has_login { "password" } else { "token" };
            return Err(unusable(&format!(
                "is without TLS, so the {what} could be read on the way: use https, or set `allow_http` where the \
                 network is safe"
            )));
        }
        url.set_fragment(None);
        finish(&mut url);
        let address = url.origin().ascii_serialization();
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::custom(same_server))
            .referer(false)
            .pool_max_idle_per_host(1)
            .user_agent("spotfleet")
            .build()
            .map_err(|error| unusable(&format!("cannot be used: {}", chain(&error.without_url()))))?;
        let mut secrets: Vec<SecretString> = token.iter().cloned().collect();
        if let Some(password) = url.password() {
            secrets.push(password.into());
            secrets.extend(percent_decode_str(password).decode_utf8().ok().map(|p| SecretString::from(&*p)));
        }
        // The library moves user and password from the address to a header that is not printed.
        let mut builder = client.get(url);
        if let Some(token) = token {
            builder = builder.bearer_auth(token.expose_secret());
        }
        let request = builder.build().map_err(|_| unusable("cannot be used with this token or password"))?;
        if !request.url().username().is_empty() || request.url().password().is_some() {
            return Err(unusable("has a user or password that is not text"));
        }
        // What is sent instead of user and password is as secret.
        let header = request.headers().get(reqwest::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        secrets.extend(header.and_then(|value| value.split_once(' ')).map(|(_, value)| SecretString::from(value)));
        Ok(Self { kind, client, request, address, secrets, timeout })
    }

    /// Asks once. Gives the JSON of a good answer.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`.
    pub(crate) async fn ask(&self) -> Result<Value, Failure> {
        match tokio::time::timeout(Duration::from_millis(self.timeout.as_millis()), self.exchange()).await {
            Ok(result) => result,
            Err(_) => {
                Err(self.failure(FailureKind::Unavailable, "timeout", &format!("no answer within {}", self.timeout)))
            }
        }
    }

    /// Sends this JSON once, and gives the status of a good answer.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`.
    pub(crate) async fn post(&self, json: String, within: Duration) -> Result<StatusCode, Failure> {
        let mut request = self.again()?;
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(json.into());
        match tokio::time::timeout(within, self.send(request)).await {
            Ok(result) => result.map(|(status, _)| status),
            Err(_) => {
                let text = format!("no answer within {} s", within.as_secs_f32());
                Err(self.failure(FailureKind::Unavailable, "timeout", &text))
            }
        }
    }

    fn again(&self) -> Result<Request, Failure> {
        let again = self.request.try_clone();
        again.ok_or_else(|| self.failure(FailureKind::Invalid, "-", "the request cannot be repeated"))
    }

    async fn exchange(&self) -> Result<Value, Failure> {
        let (_, bytes) = self.send(self.again()?).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.failure(FailureKind::Invalid, "-", &format!("the answer is no JSON: {error}")))
    }

    /// The status and the body of a good answer.
    async fn send(&self, request: Request) -> Result<(StatusCode, Vec<u8>), Failure> {
        let mut response = self.client.execute(request).await.map_err(|error| self.broken(error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(self.redirected(&response));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if bytes.len() + chunk.len() > LARGEST_BYTES {
                let text = format!("the answer is larger than {} KiB", LARGEST_BYTES / 1024);
                return Err(self.failure(FailureKind::Invalid, "-", &text));
            }
            bytes.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(self.refused(status, &response, &bytes));
        }
        Ok((status, bytes))
    }

    /// A failure with the name of the source before its text.
    pub(crate) fn failure(&self, kind: FailureKind, code: &str, text: &str) -> Failure {
        let mut text = format!("{} {}: {text}", self.kind.name, self.address);
        // A server may repeat what it was sent.
        for secret in self.secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
        Failure::new(kind, self.kind.operation, code, &text)
    }

    /// No answer, or half of one.
    fn broken(&self, error: reqwest::Error) -> Failure {
        let kind =
            if error.is_builder() || error.is_redirect() { FailureKind::Invalid } else { FailureKind::Unavailable };
        self.failure(kind, "-", &chain(&error.without_url()))
    }

    fn redirected(&self, response: &Response) -> Failure {
        let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let target = target.and_then(|target| response.url().join(target).ok());
        // Only where to: the rest of it may be a ticket.
        let to = target
            .map_or_else(|| "somewhere else".to_owned(), |url| format!("to {}", url.origin().ascii_serialization()));
        let code = response.status().as_u16().to_string();
        self.failure(
            FailureKind::Invalid,
            &code,
            &format!("it redirects {to}, which is not followed: name the final address"),
        )
    }

    /// An answer that is an error.
    fn refused(&self, status: StatusCode, response: &Response, body: &[u8]) -> Failure {
        let (kind, hint) = match status.as_u16() {
            401 | 403 => (FailureKind::Denied, " (is the token or password right, and may it read this?)"),
            404 | 410 => (FailureKind::Gone, self.kind.gone),
            429 => (FailureKind::Throttled, ""),
            408 | 500..=599 => (FailureKind::Unavailable, ""),
            _ => (FailureKind::Invalid, ""),
        };
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let said = body.as_ref().and_then(self.kind.said).map(|said| format!(": {}", first(said)));
        let text = format!("the server says {status}{}{hint}", said.unwrap_or_default());
        let mut failure = self.failure(kind, status.as_str(), &text);
        // As a date it is not read: the clocks may differ.
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        failure.retry_after = wait.map(Span::from_secs);
        failure
    }
}

/// The beginning of a text, on one line.
pub(crate) fn first(text: &str) -> String {
    text.chars().take(LONGEST_SAID).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Goes on to another page of the same server, and stops at every other.
fn same_server(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let same = attempt.previous().first().is_some_and(|url| url.origin() == attempt.url().origin());
    if same && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

#[cfg(test)]
mod tests;
