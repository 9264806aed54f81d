//! Drain hooks by HTTP: a server is told that a machine is to go.

use core::time::Duration;

use policies::failure::Failure;
use reqwest::StatusCode;

use crate::demand::HttpEndpoint;
use crate::demand::web::{Kind, Web};

/// A server that is told.
#[derive(Debug)]
pub struct HttpHook(Web);

impl HttpHook {
    /// The server behind this endpoint. Connects to nothing.
    ///
    /// # Errors
    /// `Invalid`, when its address cannot be used or a secret would go there in the clear.
    pub fn new(endpoint: &HttpEndpoint) -> Result<Self, Failure> {
        let kind = Kind {
            name: "http",
            what: "drain hook",
            operation: "drain hook",
            gone: " (is the path right?)",
            said: |_| None,
        };
        // It has no time of its own: each call has.
        Web::new(kind, endpoint, policies::units::Span::ZERO, |_| {}).map(Self)
    }

    /// Posts this JSON. True when the server says by 200 or 204 that the worker has finished; 202 says that it was told.
    ///
    /// # Errors
    /// Any [`Failure`] but `Ambiguous`: no good answer in this time.
    pub async fn tell(&self, json: String, within: Duration) -> Result<bool, Failure> {
        Ok(self.0.post(json, within).await? != StatusCode::ACCEPTED)
    }
}
