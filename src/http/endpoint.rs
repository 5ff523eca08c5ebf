//! Where a service answers: a cluster of the gateway, and what stands in the head of a call to it.

use std::fmt;

use super::Authority;

/// An absolute `http` or `https` URI, and the cluster by which it is reached.
///
/// The cluster alone decides where a call goes; the URI is what the service gets to read. Both come from the
/// configuration, or from below a place that the configuration names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    cluster: String,
    scheme: &'static str,
    authority: String,
    /// The path with its query; starts with `/`.
    target: String,
}

impl Endpoint {
    /// Reads a URI (RFC 3986 §4.3, without user information).
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(uri: &str, cluster: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = match uri.split_once("://") {
            Some(("https", rest)) => ("https", rest),
            Some(("http", rest)) => ("http", rest),
            Some(_) | None => return Err("must start with `https://` or `http://`"),
        };
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) || uri.contains(['\\', '#', '"', '<', '>']) {
            return Err("has a character that no such URI has, or a fragment");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or("has no host")?;
        Authority::parse(authority.as_bytes()).map_err(|_| "has a malformed host, or user information")?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            cluster: cluster.to_owned(),
            scheme,
            authority: authority.to_owned(),
            target: format!("{slash}{target}"),
        })
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path with its query; starts with `/`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The pseudo-headers of a call.
    #[must_use]
    pub fn head(&self, method: &str) -> Vec<(String, String)> {
        let pairs =
            [(":method", method), (":scheme", self.scheme), (":authority", &self.authority), (":path", &self.target)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_becomes_the_head_of_a_call() {
        let endpoint = Endpoint::parse("https://idp.example.com:8443/a/b?c=d", "idp").unwrap();
        let head = endpoint.head("POST");
        let value = |name: &str| head.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
        assert_eq!(value(":method"), Some("POST"));
        assert_eq!(value(":scheme"), Some("https"));
        assert_eq!(value(":authority"), Some("idp.example.com:8443"));
        assert_eq!(value(":path"), Some("/a/b?c=d"));
        assert_eq!(endpoint.cluster(), "idp");
        assert_eq!(endpoint.to_string(), "https://idp.example.com:8443/a/b?c=d");
        for (uri, path) in [("http://a", "/"), ("http://a/", "/"), ("http://a?b", "/?b")] {
            assert!(Endpoint::parse(uri, "c").unwrap().head("GET").contains(&(":path".to_owned(), path.to_owned())));
        }
    }

    #[test]
    fn what_is_no_such_uri_is_refused() {
        for uri in [
            "",
            "idp.example.com/a",
            "ftp://a/b",
            "HTTPS://a/b",
            "https:///a",
            "https://user@a/b",
            "https://a/b#c",
            "https://a/b c",
            "https://a/b\r\nx: y",
            "https://a/\u{e9}",
            "https://a\\b/",
            "https://a:x/",
        ] {
            assert!(Endpoint::parse(uri, "c").is_err(), "{uri}");
        }
    }
}
