//! Asks a running daemon.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use config::{Host, Secret, SecretError, ThisHost};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Fault;
use crate::http::view::Problem;

/// Where the daemon listens when nothing else is said: the default of `daemon.listen`.
const DEFAULT_URL: &str = "http://127.0.0.1:9464";

/// A daemon on the same machine answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A stream that says nothing for so long is broken: the daemon says every 15 s that it is there.
const SILENCE: Duration = Duration::from_secs(60);

/// Where the token for reading is given.
const READ_TOKEN: &str = "--token-file or SPOTFLEET_TOKEN";

/// Which daemon to ask.
#[derive(Clone, Debug, Args)]
pub struct DaemonArgs {
    /// Address of the daemon's HTTP API [default: http://127.0.0.1:9464]
    #[arg(long, env = "SPOTFLEET_URL", value_name = "URL")]
    pub url: Option<String>,

    /// File with the daemon's token, when it wants one; else the variable SPOTFLEET_TOKEN holds it
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoAnswer {
    /// Nobody listens there, or does not answer.
    Nobody(String),
    /// The daemon refuses, or it is no daemon.
    Refused(String),
}

impl From<NoAnswer> for Fault {
    fn from(no: NoAnswer) -> Self {
        match no {
            NoAnswer::Nobody(text) | NoAnswer::Refused(text) => Self::Failed(text),
        }
    }
}

impl DaemonArgs {
    fn url(&self) -> &str {
        self.url.as_deref().unwrap_or(DEFAULT_URL).trim_end_matches('/')
    }

    /// Not an argument: those can be seen by everybody on the machine.
    fn token(&self) -> Result<Option<SecretString>, SecretError> {
        match &self.token_file {
            Some(file) => Secret::File(file.clone()).resolve(&ThisHost).map(Some),
            None => Ok(ThisHost.variable("SPOTFLEET_TOKEN").map(SecretString::from)),
        }
    }

    /// Asks for a path of the API.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoAnswer> {
        let client = client(reqwest::Client::builder().timeout(TIMEOUT))?;
        self.answer(self.read(&client, path)?, READ_TOKEN).await
    }

    /// Follows a stream of server-sent events, and gives the data of each to `take`, until that has enough or the
    /// daemon ends it.
    pub(crate) async fn follow<T: DeserializeOwned>(
        &self,
        path: &str,
        mut take: impl FnMut(T) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let client = client(reqwest::Client::builder().connect_timeout(TIMEOUT).read_timeout(SILENCE))?;
        let mut response = self.sent(self.read(&client, path)?, READ_TOKEN).await?;
        let unread = |error: &dyn std::fmt::Display| {
            Fault::Failed(format!("the daemon at {} fell silent: {error}: is it still there?", self.url()))
        };
        // Whole lines only: a piece may end within a character.
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| unread(&e))? {
            bytes.extend_from_slice(&piece);
            let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = bytes.split_off(end + 1);
            // Each event is one line of data; other lines say nothing that is needed here.
            for data in bytes.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: ")) {
                if !take(serde_json::from_slice(data).map_err(|e| unread(&e))?)? {
                    return Ok(());
                }
            }
            bytes = rest;
        }
        Ok(())
    }

    /// A request to read.
    fn read(&self, client: &reqwest::Client, path: &str) -> Result<reqwest::RequestBuilder, NoAnswer> {
        let mut request = client.get(format!("{}{path}", self.url()));
        if let Some(token) = self.token().map_err(|e| NoAnswer::Refused(e.to_string()))? {
            request = request.bearer_auth(token.expose_secret());
        }
        Ok(request)
    }

    /// Sends something to a path of the API.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        token: &SecretString,
    ) -> Result<T, NoAnswer> {
        let client = client(reqwest::Client::builder().timeout(TIMEOUT))?;
        let request = client.post(format!("{}{path}", self.url())).json(body).bearer_auth(token.expose_secret());
        self.answer(request, "--operator-token-file or SPOTFLEET_OPERATOR_TOKEN").await
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder, token: &str) -> Result<T, NoAnswer> {
        let response = self.sent(request, token).await?;
        let url = response.url().clone();
        let body = response.bytes().await.map_err(|e| NoAnswer::Refused(format!("cannot read {url}: {e}")))?;
        serde_json::from_slice(&body).map_err(|error| {
            let hint = "is it a spotfleet of another version, or another program?";
            NoAnswer::Refused(format!("cannot read the answer of {url}: {error}: {hint}"))
        })
    }

    /// The head of an answer that is no error.
    async fn sent(&self, request: reqwest::RequestBuilder, token: &str) -> Result<reqwest::Response, NoAnswer> {
        let response = request.send().await.map_err(|error| {
            let why = if error.is_builder() {
                "that is no address of HTTP"
            } else if error.is_timeout() {
                "no answer within 5 s"
            } else {
                "nobody answers there"
            };
            NoAnswer::Nobody(format!(
                "cannot ask the daemon at {}: {why}: start it with `spotfleet run`, or name its address with --url",
                self.url()
            ))
        })?;
        let (status, url) = (response.status(), response.url().clone());
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|e| NoAnswer::Refused(format!("cannot read {url}: {e}")))?;
        let text = serde_json::from_slice::<Problem>(&body).map_or_else(|_| status.to_string(), |p| p.error);
        let hint = if status == reqwest::StatusCode::UNAUTHORIZED { format!(" ({token})") } else { String::new() };
        Err(NoAnswer::Refused(format!("the daemon at {} says: {text}{hint}", self.url())))
    }
}

fn client(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, NoAnswer> {
    builder.no_proxy().build().map_err(|e| NoAnswer::Refused(e.to_string()))
}

/// Runs a conversation.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|e| Fault::doing("start", &e))?.block_on(future))
}
