//! Revocation: whether a token still stands, by the lists that its issuer publishes.
//!
//! There are two kinds. A *status list* (Token Status List, draft-ietf-oauth-status-list-21) is signed, and has a few
//! bits for each token, at an index that the token names. A plain list of *revoked* ids names those tokens that stand no
//! more by their `jti`. Both are fetched like keys and serve for a while, so that a revocation takes effect after that
//! while at the latest, and no verified token is kept beyond it: the lists are asked for every request.
//!
//! A token can choose among the lists that its provider is configured with, and nothing else: what it refers to lies below
//! a configured place, and is reached by the configured cluster, or the token is refused.

mod list;
mod reference;
mod revoked;
mod slots;
mod token;

use std::time::Duration;

pub use list::StatusList;
pub use reference::Reference;
pub use revoked::{RevokedIds, revoked_ids};
pub use slots::{Place, Slots};
pub use token::{SharedKeys, StatusListTerms};

use crate::http::Endpoint;
use crate::refusal::Cause;
use crate::remote::{Media, Origin, Spec};
use crate::token::ClaimSet;

/// How the status lists of a provider are found.
#[derive(Clone, Debug)]
pub struct StatusLists {
    /// The cluster by which they are reached.
    pub cluster: String,
    /// Where they lie: below a URI that ends with `/`, or at exactly this one.
    pub uris: Vec<String>,
    /// Whether a token that refers to none is refused.
    pub required: bool,
    /// How long they serve.
    pub times: Times,
}

/// Where the revoked ids of a provider are found.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// Where the list is.
    pub endpoint: Endpoint,
    /// How long it serves.
    pub times: Times,
}

/// How long a list serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// How long a fetch may take.
    pub timeout: Duration,
    /// How long a list is fresh, at most.
    pub cache_duration: Duration,
    /// How long it serves after that, where no newer one can be had.
    pub max_stale: Duration,
}

/// The longest list, in bytes, and the longest that workers share.
const LONGEST: usize = crate::outbox::LONGEST_ANSWER;
const LONGEST_SHARED: usize = 262_144;

/// How long a list is fresh at least, whatever the answer says about it: one fetch a second is enough.
const SHORTEST: Duration = Duration::from_secs(1);

impl StatusLists {
    /// The list that a token refers to, where it refers to one.
    ///
    /// # Errors
    ///
    /// [`Cause::StatusUnverified`] for a status of another kind or at another place, [`Cause::ClaimInvalid`] for one that
    /// is malformed, and [`Cause::ClaimMissing`] for none where one is required.
    pub fn reference(&self, claims: &ClaimSet) -> Result<Option<Reference>, Cause> {
        match Reference::of(claims)? {
            Some(reference) if self.admits(&reference.uri) => Ok(Some(reference)),
            Some(_) => Err(Cause::StatusUnverified),
            None if self.required => Err(Cause::ClaimMissing),
            None => Ok(None),
        }
    }

    /// Whether a list may be there. Nothing that can be read in two ways leads anywhere.
    #[must_use]
    pub fn admits(&self, uri: &str) -> bool {
        let below = |place: &String| if place.ends_with('/') { uri.starts_with(place.as_str()) } else { uri == place };
        let lower = uri.to_ascii_lowercase();
        let winds = |part: &str| matches!(part, "." | "..") || part.contains(";");
        let is_plain = !["%2e", "%2f", "%5c"].iter().any(|coded| lower.contains(coded));
        let is_straight = is_plain && !uri.split(['/', '?']).any(winds);
        is_straight && self.uris.iter().any(below) && Endpoint::parse(uri, &self.cluster).is_ok()
    }

    /// Where the list in this slot of a provider is; `uri` has been admitted.
    #[must_use]
    pub fn spec(&self, provider: &str, slot: usize, uri: &str) -> Option<Spec> {
        let endpoint = Endpoint::parse(uri, &self.cluster).ok()?;
        Some(self.times.spec(format!("status/{provider}/{slot}"), endpoint, Media::STATUS_LIST))
    }

    /// The time after which a list that nobody has asked for makes place for another one, in seconds.
    #[must_use]
    pub fn idle_after(&self) -> i64 {
        let serves = self.times.cache_duration.saturating_add(self.times.max_stale);
        i64::try_from(serves.as_secs()).unwrap_or(i64::MAX)
    }
}

impl Revoked {
    /// Where the list of a provider is.
    #[must_use]
    pub fn spec(&self, provider: &str) -> Spec {
        self.times.spec(format!("revoked/{provider}"), self.endpoint.clone(), Media::JSON)
    }
}

impl Times {
    fn spec(self, name: String, endpoint: Endpoint, media: Media) -> Spec {
        Spec {
            name,
            origin: Origin::Direct(endpoint),
            media,
            timeout: self.timeout,
            cache_duration: self.cache_duration,
            shortest: SHORTEST.min(self.cache_duration),
            max_stale: self.max_stale,
            cooldown: self.cache_duration,
            longest_body: LONGEST,
            longest_shared: LONGEST_SHARED,
        }
    }
}

/// A token may refer to a status although none is looked up for its provider: then nobody knows whether it stands.
///
/// # Errors
///
/// [`Cause::StatusUnverified`] or [`Cause::ClaimInvalid`].
pub fn without_lists(claims: &ClaimSet) -> Result<(), Cause> {
    match Reference::of(claims)? {
        Some(_) => Err(Cause::StatusUnverified),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
