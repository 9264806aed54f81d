//! Where tokens come from. The only file that names Azure's identity library; the rest takes a [`TokenSource`].

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use policies::failure::{Failure, FailureKind};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// What the tokens are for: Azure Resource Manager of the public cloud.
const SCOPE: &str = "https://management.azure.com/.default";

/// No token within this time is no token. The library asks the identity service of a VM again for up to 72 s, which is
/// longer than a call of ours may take.
const PATIENCE: Duration = Duration::from_secs(20);

const OPERATION: &str = "token";

/// Who the daemon is to Azure.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An application with a client secret.
    ClientSecret {
        /// The tenant's id.
        tenant_id: String,
        /// The application's id.
        client_id: String,
        /// Its secret.
        secret: SecretString,
    },
    /// The identity of the VM that the daemon runs on.
    ManagedIdentity {
        /// Which of its user-assigned identities; `None`: the system-assigned one.
        client_id: Option<String>,
    },
    /// An identity federated with that of a Kubernetes pod. What is `None` is told by the pod's environment
    /// (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`).
    WorkloadIdentity {
        /// The tenant's id.
        tenant_id: Option<String>,
        /// The application's id.
        client_id: Option<String>,
        /// File with the pod's token.
        token_file: Option<PathBuf>,
    },
}

/// Gives the token that a request is sent with, a fresh one when the last is about to expire.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that is good now.
    ///
    /// # Errors
    /// `Denied` when there is none for who we are, `Unavailable` when it could not be asked for.
    async fn token(&self) -> Result<SecretString, Failure>;
}

/// Tokens of a [`Credential`]. Keeps a token until five minutes before it expires (the library's rule).
pub(super) struct Identity {
    inner: Arc<dyn TokenCredential>,
    secret: Option<SecretString>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Tokens for this credential, asked for by this client; `authority` stands in for Azure's own servers. Asks for
    /// nothing yet.
    ///
    /// # Errors
    /// `Denied` when the credential has not the form that it must have, or a file of it cannot be read.
    pub(super) fn new(
        credential: &Credential,
        client: reqwest::Client,
        authority: Option<Url>,
    ) -> Result<Self, Failure> {
        let http: Arc<dyn HttpClient> = match authority {
            Some(authority) => Arc::new(Elsewhere { client, authority }),
            None => Arc::new(client),
        };
        // One attempt: whether to try again is decided elsewhere.
        let client_options =
            ClientOptions { transport: Some(Transport::new(http)), retry: RetryOptions::none(), ..Default::default() };
        let mut secret = None;
        let inner: Result<Arc<dyn TokenCredential>, Error> = match credential {
            Credential::ClientSecret { tenant_id, client_id, secret: own } => {
                secret = Some(own.clone());
                let options = ClientSecretCredentialOptions { client_options };
                let own = Secret::new(own.expose_secret().to_owned());
                ClientSecretCredential::new(tenant_id, client_id.clone(), own, Some(options)).map(|it| it as _)
            }
            Credential::ManagedIdentity { client_id } => {
                let user_assigned_id = client_id.clone().map(UserAssignedId::ClientId);
                let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
                ManagedIdentityCredential::new(Some(options)).map(|it| it as _)
            }
            Credential::WorkloadIdentity { tenant_id, client_id, token_file } => {
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: client_id.clone(),
                    tenant_id: tenant_id.clone(),
                    token_file_path: token_file.clone(),
                };
                WorkloadIdentityCredential::new(Some(options)).map(|it| it as _)
            }
        };
        match inner {
            Ok(inner) => Ok(Self { inner, secret }),
            Err(error) => Err(failure(&error, secret.as_ref())),
        }
    }
}

#[async_trait]
impl TokenSource for Identity {
    async fn token(&self) -> Result<SecretString, Failure> {
        let asked = self.inner.get_token(&[SCOPE], None);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(token)) => Ok(SecretString::from(token.token.secret().to_owned())),
            Ok(Err(error)) => Err(failure(&error, self.secret.as_ref())),
            Err(_) => {
                let text = format!("no token within {} s", PATIENCE.as_secs());
                Err(Failure::new(FailureKind::Unavailable, OPERATION, "timeout", &text))
            }
        }
    }
}

/// What the library's error means. It wraps what went wrong into an error about credentials, so the cause is looked
/// for.
fn failure(error: &Error, secret: Option<&SecretString>) -> Failure {
    let mut kind = FailureKind::Denied;
    let mut code = "-".to_owned();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref::<Error>().map(Error::kind) {
            Some(ErrorKind::HttpResponse { status, error_code, .. }) => {
                let status = u16::from(*status);
                code = error_code.clone().unwrap_or_else(|| status.to_string());
                kind = match status {
                    429 => FailureKind::Throttled,
                    408 | 500..=599 => FailureKind::Unavailable,
                    _ => FailureKind::Denied,
                };
            }
            Some(ErrorKind::Connection | ErrorKind::Io) => kind = FailureKind::Unavailable,
            _ => {}
        }
        next = cause.source();
    }
    // Only the first line: the rest is advice about the library.
    let said = error.to_string();
    let mut text = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
    if let Some(secret) = secret {
        text = text.replace(secret.expose_secret(), "***");
    }
    Failure::new(kind, OPERATION, &code, &text)
}

/// Sends what is for Azure's token servers to a test peer: the library itself knows no other host, and asks for https.
#[derive(Debug)]
struct Elsewhere {
    client: reqwest::Client,
    authority: Url,
}

#[async_trait]
impl HttpClient for Elsewhere {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        let mut url = self.authority.clone();
        url.set_path(request.url().path());
        url.set_query(request.url().query());
        *request.url_mut() = url;
        self.client.execute_request(&request).await
    }
}
