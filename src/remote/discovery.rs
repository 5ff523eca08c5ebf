//! From an issuer to its keys, by the metadata that it publishes (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! Both steps go through the one cluster of the configuration, whatever host the metadata name: a document cannot lead the
//! gateway anywhere. The metadata are asked for at each refresh of the keys and are kept nowhere: a set of keys that has
//! moved is found with the next refresh, and there is no second document that could be stale, shared or forged. It costs
//! one more call every few minutes.

use serde_json::Value;

use super::attempt::Place;
use crate::http::Endpoint;
use crate::json::{Bounds, parse_object};

/// The way from an issuer to its set of keys.
#[derive(Clone, Debug)]
pub struct Discovery {
    issuer: String,
    base: Endpoint,
    oauth: Endpoint,
    open_id: Endpoint,
}

/// What metadata lead to.
#[derive(Debug)]
pub(super) enum Found {
    /// A set of keys.
    Keys(Endpoint),
    /// Nothing; why.
    Unusable(&'static str),
}

const BOUNDS: Bounds = Bounds { depth: 8, values: 4096 };
/// A longer URI is none of a set of keys, in bytes.
const LONGEST_URI: usize = 2048;

impl Discovery {
    /// The way from an issuer, through a cluster.
    ///
    /// # Errors
    ///
    /// What is wrong with the issuer's identifier: it must be a URI without query and fragment (RFC 8414 §2).
    pub fn new(issuer: &str, cluster: &str) -> Result<Self, &'static str> {
        let base = Endpoint::parse(issuer, cluster)?;
        if base.target().contains('?') {
            return Err("has a query, which no issuer has");
        }
        // RFC 8414 §3.1 and OpenID Connect Discovery §4.1: without the slash at the end.
        let path = base.target().strip_suffix('/').unwrap_or(base.target());
        let at = |path: String| Endpoint::parse(&format!("{}://{}{path}", base.scheme(), base.authority()), cluster);
        let oauth = at(format!("/.well-known/oauth-authorization-server{path}"))?;
        let open_id = at(format!("{path}/.well-known/openid-configuration"))?;
        Ok(Self { issuer: issuer.to_owned(), base, oauth, open_id })
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        self.base.cluster()
    }

    pub(super) fn place(&self, place: Place) -> &Endpoint {
        match place {
            Place::OAuth => &self.oauth,
            Place::OpenId => &self.open_id,
        }
    }

    /// Reads metadata. They must be those of this issuer, byte for byte (RFC 8414 §3.3): else another tenant of one server
    /// could stand in for it.
    pub(super) fn keys(&self, document: &[u8]) -> Found {
        let Ok(metadata) = parse_object(document, BOUNDS) else { return Found::Unusable("are no JSON to be accepted") };
        if metadata.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Found::Unusable("are those of another issuer");
        }
        let Some(uri) = metadata.get("jwks_uri").and_then(Value::as_str) else {
            return Found::Unusable("have no `jwks_uri`");
        };
        if uri.len() > LONGEST_URI {
            return Found::Unusable("have a `jwks_uri` that is too long");
        }
        match Endpoint::parse(uri, self.base.cluster()) {
            Ok(keys) if keys.scheme() == "https" || self.base.scheme() == "http" => Found::Keys(keys),
            Ok(_) => Found::Unusable("have a `jwks_uri` without TLS"),
            Err(_) => Found::Unusable("have a `jwks_uri` that is none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(issuer: &str, metadata: &str) -> Result<String, &'static str> {
        match Discovery::new(issuer, "idp").unwrap().keys(metadata.as_bytes()) {
            Found::Keys(endpoint) => {
                assert_eq!(endpoint.cluster(), "idp");
                Ok(endpoint.to_string())
            }
            Found::Unusable(reason) => Err(reason),
        }
    }

    #[test]
    fn metadata_are_below_the_issuer() {
        // RFC 8414 §3.1, OpenID Connect Discovery 1.0 §4.1.
        for (issuer, oauth, open_id) in [
            (
                "https://idp.example.com",
                "https://idp.example.com/.well-known/oauth-authorization-server",
                "https://idp.example.com/.well-known/openid-configuration",
            ),
            (
                "https://idp.example.com/",
                "https://idp.example.com/.well-known/oauth-authorization-server",
                "https://idp.example.com/.well-known/openid-configuration",
            ),
            (
                "http://idp.example.com:8080/realms/a",
                "http://idp.example.com:8080/.well-known/oauth-authorization-server/realms/a",
                "http://idp.example.com:8080/realms/a/.well-known/openid-configuration",
            ),
            (
                "https://idp.example.com/realms/a/",
                "https://idp.example.com/.well-known/oauth-authorization-server/realms/a",
                "https://idp.example.com/realms/a/.well-known/openid-configuration",
            ),
        ] {
            let discovery = Discovery::new(issuer, "idp").unwrap();
            assert_eq!(discovery.place(Place::OAuth).to_string(), oauth);
            assert_eq!(discovery.place(Place::OpenId).to_string(), open_id);
        }
        for issuer in ["", "idp.example.com", "https://idp.example.com/?tenant=a", "https://idp.example.com/#a"] {
            assert!(Discovery::new(issuer, "idp").is_err(), "{issuer}");
        }
    }

    #[test]
    fn metadata_of_another_issuer_lead_nowhere() {
        let metadata = r#"{"issuer": "https://idp.example.com/a", "jwks_uri": "https://idp.example.com/keys?of=a"}"#;
        assert_eq!(keys("https://idp.example.com/a", metadata).as_deref(), Ok("https://idp.example.com/keys?of=a"));
        for other in ["https://idp.example.com/a/", "https://idp.example.com/A", "https://idp.example.com:443/a"] {
            assert_eq!(keys(other, metadata), Err("are those of another issuer"), "{other}");
        }
        for metadata in [
            r#"{"jwks_uri": "https://idp.example.com/keys"}"#,
            r#"{"issuer": ["https://idp.example.com/a"], "jwks_uri": "https://idp.example.com/keys"}"#,
            r#"{"issuer": "https://evil", "issuer": "https://idp.example.com/a", "jwks_uri": "https://evil/"}"#,
            "[]",
            "<html>",
            "",
        ] {
            assert!(keys("https://idp.example.com/a", metadata).is_err(), "{metadata}");
        }
    }

    #[test]
    fn d6_metadata_lead_to_no_other_cluster_and_to_nothing_without_tls() {
        let metadata = |uri: &str| format!(r#"{{"issuer": "https://idp.example.com", "jwks_uri": "{uri}"}}"#);
        // `keys` sees to it that the cluster stays.
        for uri in ["https://keys.example.net/a", "https://169.254.169.254/latest"] {
            assert_eq!(keys("https://idp.example.com", &metadata(uri)).as_deref(), Ok(uri));
        }
        let long = format!("https://idp.example.com/{}", "a".repeat(2048));
        for uri in [
            "http://idp.example.com/keys",
            "file:///etc/passwd",
            "//idp.example.com/keys",
            "/keys",
            "",
            "https://user:secret@idp.example.com/keys",
            "https://idp.example.com/keys#fragment",
            r"https://idp.example.com/\r\nhost: evil",
            &long,
        ] {
            assert!(keys("https://idp.example.com", &metadata(uri)).is_err(), "{uri}");
        }
        let metadata = r#"{"issuer": "http://idp.local", "jwks_uri": "http://idp.local/keys"}"#;
        assert!(keys("http://idp.local", metadata).is_ok(), "an issuer without TLS may have keys without TLS");
    }
}
