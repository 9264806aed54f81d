//! The AWS SDK: clients, calls, and the way from its types to ours. With its submodules the only code that names it.
//!
//! SDK retries are off in every client: EC2 reports a shortage as HTTP 500, which the SDK would ask again twice within
//! half a second, and the caller has other pools. Each call here is one request, or one request a page.

use core::time::Duration;
use std::error::Error;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::primitives::{DateTime, DateTimeFormat};
use aws_sdk_ec2::types::Filter;
use policies::model::Region;
use policies::units::{Span, Time};
use secrecy::ExposeSecret;

use super::failure::{Stage, Trouble};
use super::{AccessKey, AwsSettings, QUEUE_WAIT};
use crate::net::{chain, is_plaintext, origin};

mod actions;
mod doctor;
mod launch;
mod read;

pub(super) use actions::{ACTIONS, Grant};
pub(super) use doctor::{ImageFact, Regional, SubnetFact, Tried, TypeFact, ZoneFact};
pub(super) use launch::LaunchCall;

/// A connection that is not there after this time will not come; the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// More pages than any account has machines for; a listing that goes on for longer than this is a defect.
const MAX_PAGES: usize = 1_000;

/// The clients of one account: what all regions share.
pub(super) struct Account {
    sdk: SdkConfig,
    guard: NoPlaintext,
    pricing_endpoint: Option<String>,
    queue_timeouts: TimeoutConfig,
}

impl Account {
    /// Reads the SDK's own configuration (environment, profile, instance metadata). Credentials are not fetched
    /// before the first call.
    pub(super) async fn new(settings: &AwsSettings) -> Self {
        let deadline = Duration::from_millis(settings.call_deadline.as_millis());
        let timeouts = |whole| {
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT.min(whole)).operation_timeout(whole).build()
        };
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(deadline));
        if let Some(region) = settings.regions.first() {
            // For the credential chain only (STS); every client is made for its own region.
            loader = loader.region(aws_config::Region::new(region.to_string()));
        }
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(AccessKey { id, secret }) = &settings.key {
            loader = loader.credentials_provider(Credentials::new(id, secret.expose_secret(), None, None, "settings"));
        }
        if let Ok(name) = AppName::new("spotfleet") {
            loader = loader.app_name(name);
        }
        Self {
            sdk: loader.load().await,
            guard: NoPlaintext { allowed: settings.allow_http },
            pricing_endpoint: settings.pricing_endpoint_url.clone(),
            queue_timeouts: timeouts(deadline + Duration::from_millis(QUEUE_WAIT.as_millis())),
        }
    }

    /// EC2 in a region.
    pub(super) fn ec2(&self, region: &Region) -> Ec2 {
        let config = aws_sdk_ec2::config::Builder::from(&self.sdk)
            .region(aws_config::Region::new(region.to_string()))
            .interceptor(self.guard)
            .build();
        Ec2 { client: aws_sdk_ec2::Client::from_conf(config) }
    }

    /// The Price List API at one of its few endpoints.
    pub(super) fn price_list(&self, region: &str) -> PriceList {
        let mut config = aws_sdk_pricing::config::Builder::from(&self.sdk)
            .region(aws_config::Region::new(region.to_owned()))
            .interceptor(self.guard);
        if let Some(url) = &self.pricing_endpoint {
            config = config.endpoint_url(url);
        }
        PriceList { client: aws_sdk_pricing::Client::from_conf(config.build()) }
    }

    /// A queue.
    pub(super) fn queue(&self, region: &Region, url: &str) -> Queue {
        let config = aws_sdk_sqs::config::Builder::from(&self.sdk)
            .region(aws_config::Region::new(region.to_string()))
            .timeout_config(self.queue_timeouts.clone())
            .interceptor(self.guard)
            .build();
        Queue { client: aws_sdk_sqs::Client::from_conf(config), url: url.to_owned() }
    }
}

/// EC2 in one region.
#[derive(Clone, Debug)]
pub(super) struct Ec2 {
    client: aws_sdk_ec2::Client,
}

/// The Price List API.
#[derive(Clone, Debug)]
pub(super) struct PriceList {
    client: aws_sdk_pricing::Client,
}

/// One SQS queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// Stops every request that would leave unencrypted, wherever its endpoint came from (setting, environment, profile).
/// Loopback stays on the machine and is let through.
#[derive(Clone, Copy, Debug)]
struct NoPlaintext {
    allowed: bool,
}

/// Why [`NoPlaintext`] stopped a request.
#[derive(Debug, thiserror::Error)]
#[error(
    "endpoint {0} is not https; requests would be readable on the way. Use https, or set allow_http for a test peer"
)]
struct Plaintext(String);

impl Intercept for NoPlaintext {
    fn name(&self) -> &'static str {
        "NoPlaintext"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri();
        if self.allowed || !is_plaintext(uri) { Ok(()) } else { Err(Plaintext(origin(uri).to_owned()).into()) }
    }
}

/// How far a failed call got, and what came back.
///
/// "Nothing left" is said only where the SDK's own error types say so: while the request was built, while credentials
/// were looked for, while a connection was made.
fn trouble<E>(error: SdkError<E>) -> Trouble
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let said = |stage, message| Trouble { stage, code: None, message, retry_after: None };
    match &error {
        SdkError::ServiceError(answer) => Trouble {
            stage: Stage::Refused(answer.raw().status().as_u16()),
            code: answer.err().code().map(str::to_owned),
            message: answer.err().message().map_or_else(|| chain(&error), str::to_owned),
            retry_after: retry_after(answer.raw()),
        },
        SdkError::ConstructionFailure(_) => said(Stage::Unbuilt, chain(&error)),
        SdkError::DispatchFailure(_) => {
            if let Some(plaintext) = find::<Plaintext>(&error) {
                return said(Stage::Unbuilt, plaintext.to_string());
            }
            if let Some(credentials) = find::<CredentialsError>(&error) {
                // Not the whole chain: a credential process puts its own output there.
                let stage = match credentials {
                    CredentialsError::ProviderTimedOut(_) => Stage::Unreachable,
                    _ => Stage::NoCredentials,
                };
                return said(stage, credentials.to_string());
            }
            let unconnected = find::<hyper_util::client::legacy::Error>(&error)
                .is_some_and(hyper_util::client::legacy::Error::is_connect);
            said(if unconnected { Stage::Unreachable } else { Stage::Unanswered }, chain(&error))
        }
        _ => said(Stage::Unanswered, chain(&error)),
    }
}

/// The first error of this type in the chain of causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// `Retry-After` in whole seconds, as AWS sends it.
fn retry_after(answer: &HttpResponse) -> Option<Span> {
    answer.headers().get("retry-after")?.parse().ok().map(Span::from_secs)
}

/// Follows the tokens of a paged listing.
#[derive(Default)]
struct Pages {
    token: Option<String>,
    read: usize,
}

impl Pages {
    /// Takes the token of the page just read; true when there is another page. The end is no token or an empty one.
    fn turn(&mut self, next: Option<&str>) -> Result<bool, Trouble> {
        let next = next.filter(|token| !token.is_empty()).map(str::to_owned);
        self.read += 1;
        if next.is_some() && (next == self.token || self.read >= MAX_PAGES) {
            return Err(unreadable("the listing does not end"));
        }
        self.token = next;
        Ok(self.token.is_some())
    }
}

/// An answer that does not hold what it must.
fn unreadable(what: &str) -> Trouble {
    Trouble { stage: Stage::Unanswered, code: None, message: what.to_owned(), retry_after: None }
}

/// A filter with one or more values.
fn filter(name: impl Into<String>, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// An RFC 3339 time.
pub(super) fn time_of(text: &str) -> Option<Time> {
    DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset).ok().as_ref().and_then(time)
}

fn time(time: &DateTime) -> Option<Time> {
    time.to_millis().ok().map(Time::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_ends_a_listing_and_a_repeated_one_is_a_defect() {
        let mut pages = Pages::default();
        assert_eq!(pages.turn(Some("a")), Ok(true));
        assert_eq!(pages.turn(Some("b")), Ok(true));
        assert!(pages.turn(Some("b")).is_err());
        assert_eq!(Pages::default().turn(None), Ok(false));
        assert_eq!(Pages::default().turn(Some("")), Ok(false));
    }

    #[test]
    fn times_are_read_with_and_without_offset() {
        let expected = Some(Time::from_millis(1_795_341_600_000));
        assert_eq!(time_of("2026-11-22T10:00:00Z"), expected);
        assert_eq!(time_of("2026-11-22T18:00:00+08:00"), expected);
        assert_eq!(time_of("yesterday"), None);
    }
}
