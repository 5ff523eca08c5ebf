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
