//! Documents that are fetched.

use std::time::Duration;

use super::fault::At;
use super::field::Field;
use super::limits::{Bounded, duration};
use super::raw::{RawDiscovery, RawRemoteJwks};
use crate::http::Endpoint;
use crate::remote::{Discovery, Origin, Spec};

pub(super) const FETCH_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(2), range: Duration::from_millis(100)..=Duration::from_secs(30) };
pub(super) const CACHE_DURATION: Bounded<Duration> =
    Bounded { default: Duration::from_secs(600), range: Duration::from_secs(1)..=Duration::from_secs(86_400) };
pub(super) const MAX_STALE: Bounded<Duration> =
    Bounded { default: Duration::from_secs(3600), range: Duration::ZERO..=Duration::from_secs(7 * 86_400) };
pub(super) const COOLDOWN: Bounded<Duration> =
    Bounded { default: Duration::from_secs(30), range: Duration::from_secs(1)..=Duration::from_secs(3600) };

/// How long what is fetched serves.
pub(super) struct Times {
    pub(super) timeout: Field<String>,
    pub(super) cache_duration: Field<String>,
    pub(super) max_stale: Field<String>,
    pub(super) cooldown: Field<String>,
}

/// A service: a URI, and the cluster by which it is reached.
pub(super) fn endpoint(at: &At, uri: Field<String>, cluster: Field<String>) -> Option<Endpoint> {
    let uri = at.require("uri", uri);
    let cluster = self::cluster(at, cluster);
    match Endpoint::parse(&uri?, cluster.as_deref().unwrap_or_default()) {
        Ok(endpoint) => cluster.map(|_| endpoint),
        Err(fault) => {
            at.field("uri").fault(fault);
            None
        }
    }
}

pub(super) fn cluster(at: &At, cluster: Field<String>) -> Option<String> {
    let cluster = at.require("cluster", cluster)?;
    if cluster.is_empty() {
        at.field("cluster").fault("must not be empty");
    }
    Some(cluster)
}

impl Times {
    /// A set of keys with these times, where it is known where the set is.
    fn key_set(self, at: &At, provider: &str, origin: Option<Origin>) -> Option<Spec> {
        let timeout = duration(at, "timeout", self.timeout, &FETCH_TIMEOUT);
        let cache_duration = duration(at, "cache_duration", self.cache_duration, &CACHE_DURATION);
        let max_stale = duration(at, "max_stale", self.max_stale, &MAX_STALE);
        let cooldown = duration(at, "cooldown", self.cooldown, &COOLDOWN);
        let spec = Spec::key_set(format!("keys/{provider}"), origin?);
        let shortest = spec.shortest.min(cache_duration);
        Some(Spec { timeout, cache_duration, shortest, max_stale, cooldown, ..spec })
    }
}

pub(super) fn jwks(at: &At, provider: &str, raw: RawRemoteJwks) -> Option<Spec> {
    at.unknown(&raw.unknown);
    let RawRemoteJwks { uri, cluster, timeout, cache_duration, max_stale, cooldown, .. } = raw;
    let origin = endpoint(at, uri, cluster).map(Origin::Direct);
    Times { timeout, cache_duration, max_stale, cooldown }.key_set(at, provider, origin)
}

pub(super) fn discovery(at: &At, provider: &str, issuer: Option<&str>, raw: RawDiscovery) -> Option<Spec> {
    at.unknown(&raw.unknown);
    let RawDiscovery { cluster, timeout, cache_duration, max_stale, cooldown, .. } = raw;
    let cluster = self::cluster(at, cluster);
    let discovery = issuer.zip(cluster).and_then(|(issuer, cluster)| {
        let unusable = |fault| at.fault(format!("the issuer cannot be asked for its metadata: it {fault}"));
        Discovery::new(issuer, &cluster).map_err(unusable).ok()
    });
    let origin = discovery.map(Origin::Discovery);
    Times { timeout, cache_duration, max_stale, cooldown }.key_set(at, provider, origin)
}
