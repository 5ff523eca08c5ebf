//! What a source has to know: where its document is, how long it serves, and how much of it is accepted.

use std::time::Duration;

use super::discovery::Discovery;
use crate::http::Endpoint;

/// A document that lives elsewhere.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The name of its record in shared data. Shared data forgets nothing, so names must come from a bounded set. Two
    /// documents under one name do harm to nothing but the sharing: a record says which document it holds.
    pub name: String,
    /// Where it is.
    pub origin: Origin,
    /// What it may be called in `content-type`.
    pub media: Media,
    /// How long an attempt may take, all of its calls together.
    pub timeout: Duration,
    /// How long a document is fresh, at most; `Cache-Control` and the document itself can shorten it.
    pub cache_duration: Duration,
    /// How long it is fresh at least, whatever `Cache-Control` says. Not above `cache_duration`.
    pub shortest: Duration,
    /// How long it serves after that, where no newer one can be had.
    pub max_stale: Duration,
    /// The time between two fetches because of something that the document does not know.
    pub cooldown: Duration,
    /// The longest body, in bytes.
    pub longest_body: usize,
    /// The longest document that is put into shared data, in bytes; longer ones are fetched by each worker.
    pub longest_shared: usize,
}

/// Where a document is.
#[derive(Clone, Debug)]
pub enum Origin {
    /// There.
    Direct(Endpoint),
    /// Where the metadata of an authorization server say: a set of keys.
    Discovery(Discovery),
}

/// Media types; one that begins with `+` stands for all with this suffix.
#[derive(Clone, Copy, Debug)]
pub struct Media(pub &'static [&'static str]);

impl Media {
    /// Documents of JSON, in their own types or others of JSON.
    pub const JSON: Self = Self(&["application/json", "+json"]);
    /// Sets of keys (RFC 7517 §8.5), which many servers call JSON.
    pub const KEY_SET: Self = Self(&["application/jwk-set+json", "application/json", "+json"]);
    /// Status lists as JWTs.
    pub const STATUS_LIST: Self = Self(&["application/statuslist+jwt"]);

    /// Whether a `content-type` names one of them.
    #[must_use]
    pub fn covers(self, content_type: &str) -> bool {
        let essence = content_type.split_once(';').map_or(content_type, |(essence, _)| essence);
        let essence = essence.trim_matches([' ', '\t']).to_ascii_lowercase();
        self.0.iter().any(|known| match known.strip_prefix('+') {
            Some(_) => essence
                .strip_prefix("application/")
                .and_then(|subtype| subtype.strip_suffix(known))
                .is_some_and(|subtype| !subtype.is_empty()),
            None => essence == *known,
        })
    }

    /// A value for `accept`.
    #[must_use]
    pub fn accept(self) -> String {
        let named: Vec<&str> = self.0.iter().copied().filter(|known| !known.starts_with('+')).collect();
        named.join(", ")
    }
}

impl Spec {
    /// A set of keys, with the usual times; change what the configuration says otherwise.
    #[must_use]
    pub fn key_set(name: String, origin: Origin) -> Self {
        Self {
            name,
            origin,
            media: Media::KEY_SET,
            timeout: Duration::from_secs(2),
            cache_duration: Duration::from_secs(600),
            shortest: Duration::from_secs(30),
            max_stale: Duration::from_secs(3600),
            cooldown: Duration::from_secs(30),
            longest_body: 131_072,
            longest_shared: 131_072,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_compared_without_parameters_and_case() {
        for content_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/jwk-set+json",
            "application/jwk-set+json;charset=utf-8",
            "application/vnd.example+json",
        ] {
            assert!(Media::KEY_SET.covers(content_type), "{content_type}");
        }
        for content_type in
            ["", "text/html", "text/plain; application/json", "application/jsonp", "application/+json", "json", "+json"]
        {
            assert!(!Media::KEY_SET.covers(content_type), "{content_type}");
        }
        assert!(Media::STATUS_LIST.covers("application/statuslist+jwt"));
        assert!(!Media::STATUS_LIST.covers("application/json"));
        assert_eq!(Media::KEY_SET.accept(), "application/jwk-set+json, application/json");
    }
}
