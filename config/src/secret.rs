//! Secrets: the fleet file says where one is, never what it is.

use core::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

use secrecy::SecretString;
use thiserror::Error;

use crate::host::Host;

/// No secret is larger. Real ones are under 4 KiB; the bound keeps a wrong path from filling the memory.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;

/// Name of the variable in which systemd gives the directory of the unit's credentials (`LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is kept. It is read when the daemon starts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Secret {
    /// In an environment variable of this name.
    Env(String),
    /// In this file.
    File(PathBuf),
    /// In the systemd credential of this name.
    Credential(String),
}

/// `variable NAME`, `file PATH`, `credential NAME`: where it is, never what it is.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "credential {name}"),
        }
    }
}

/// Why a secret cannot be had. It says where the secret was looked for, never what was found.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Set the variable, or refer to the secret in another way.
    #[error("the environment variable {name} is not set")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// Let systemd pass the credential, or refer to the secret in another way.
    #[error(
        "no credential {name}: CREDENTIALS_DIRECTORY is not set, so the daemon was not started by systemd with \
         LoadCredential="
    )]
    NoCredentials {
        /// The credential.
        name: String,
    },
    /// Check the file and who may read it.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Put the secret there.
    #[error("{place} is empty")]
    Empty {
        /// Where the secret should have been.
        place: String,
    },
    /// Check that it is the right file: a secret is text.
    #[error("{place} is not UTF-8 text")]
    NotText {
        /// Where the secret should have been.
        place: String,
    },
}

impl Secret {
    /// The secret itself, without the line break at its end that editors and `echo` leave.
    ///
    /// # Errors
    /// When it is not there, cannot be read, is empty or is not text.
    pub fn resolve(&self, host: &dyn Host) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::Env(name) => host.variable(name).ok_or_else(|| SecretError::NotSet { name: name.clone() })?,
            Self::File(path) => self.read(host, path)?,
            Self::Credential(name) => {
                let directory = host
                    .variable(CREDENTIALS_DIRECTORY)
                    .ok_or_else(|| SecretError::NoCredentials { name: name.clone() })?;
                self.read(host, &Path::new(&directory).join(name))?
            }
        };
        let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
        if text.is_empty() {
            return Err(SecretError::Empty { place: self.to_string() });
        }
        Ok(SecretString::from(text))
    }

    fn read(&self, host: &dyn Host, path: &Path) -> Result<String, SecretError> {
        let bytes = host
            .read_file(path, MAX_SECRET_BYTES)
            .map_err(|cause| SecretError::Unreadable { path: path.to_path_buf(), cause })?;
        String::from_utf8(bytes).map_err(|_| SecretError::NotText { place: self.to_string() })
    }
}

/// True for a name that cannot lead out of the credentials directory.
pub(crate) fn is_credential_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == name)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::host::FakeHost;

    #[test]
    fn a_secret_is_read_from_each_place_without_its_line_break() {
        let host = FakeHost::default()
            .with_variable("TOKEN", "from-env")
            .with_variable("CREDENTIALS_DIRECTORY", "/run/credentials/spotfleet.service")
            .with_file("/etc/spotfleet/token", b"from-file\r\n")
            .with_file("/run/credentials/spotfleet.service/token", b"from-systemd\n");
        for (secret, expected) in [
            (Secret::Env("TOKEN".into()), "from-env"),
            (Secret::File("/etc/spotfleet/token".into()), "from-file"),
            (Secret::Credential("token".into()), "from-systemd"),
        ] {
            assert_eq!(secret.resolve(&host).unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn a_missing_secret_says_where_it_was_looked_for() {
        let host = FakeHost::default().with_file("/empty", b"\n").with_file("/binary", &[0xff]);
        for (secret, expected) in [
            (Secret::Env("TOKEN".into()), "the environment variable TOKEN is not set"),
            (Secret::File("/nowhere".into()), "cannot read /nowhere: entity not found"),
            (Secret::File("/empty".into()), "file /empty is empty"),
            (Secret::File("/binary".into()), "file /binary is not UTF-8 text"),
        ] {
            assert_eq!(secret.resolve(&host).unwrap_err().to_string(), expected);
        }
        let error = Secret::Credential("token".into()).resolve(&host).unwrap_err();
        assert!(error.to_string().starts_with("no credential token: CREDENTIALS_DIRECTORY is not set"), "{error}");
    }

    #[test]
    fn a_credential_name_cannot_leave_its_directory() {
        assert!(is_credential_name("token"));
        for bad in ["", ".", "..", "/etc/passwd", "a/b", "../a", "a/"] {
            assert!(!is_credential_name(bad), "{bad}");
        }
    }
}
