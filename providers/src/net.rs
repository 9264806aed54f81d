//! What adapters that speak HTTP share: which requests would leave unencrypted, and an error as one line.

use std::error::Error;

/// True for a URL that is not https and does not stay on this machine.
#[must_use]
pub fn is_plaintext(url: &str) -> bool {
    if url.starts_with("https://") {
        return false;
    }
    let host = origin(url).split_once("://").map_or("", |(_, authority)| authority);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host != "localhost" && !host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Scheme and authority of a URL.
pub(crate) fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?', '#', '\\']).map_or(url.len(), |at| authority + at);
    &url[..end]
}

/// An error with its causes, on one line. Only what the errors say of themselves: their debug texts may hold whole
/// requests and responses.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if said.last().is_none_or(|last| !last.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_are_let_through() {
        for (url, refused) in [
            ("https://ec2.us-east-1.amazonaws.com/", false),
            ("http://127.0.0.1:5000/", false),
            ("http://[::1]:5000/?a=b", false),
            ("http://localhost:5000", false),
            ("http://user:pass@127.0.0.1:5000/", false),
            ("http://ec2.us-east-1.amazonaws.com/", true),
            ("http://127.0.0.1.example.com/", true),
            ("http://127.0.0.1:5000@example.com/", true),
            ("http://example.com\\@127.0.0.1/", true),
            ("http://localhost.example.com/", true),
            ("http://10.0.0.7/", true),
            ("ftp://127.0.0.2/", false),
            ("example.com", true),
            ("", true),
        ] {
            assert_eq!(is_plaintext(url), refused, "{url}");
        }
    }
}
