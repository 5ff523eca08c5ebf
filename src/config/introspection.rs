//! How a provider is asked about tokens.

use std::time::Duration;

use super::fault::At;
use super::field::Field;
use super::limits::{Bounded, duration};
use super::provider::seconds;
use super::raw::{RawIntrospection, RawSecret};
use super::{remote, secret};
use crate::introspection::{ClientAuthentication, Introspection, Lackable, Tokens};
use crate::jose::{Algorithm, AssertionKey};
use crate::secret::Environment;
use crate::token::{ClientRule, Provider};

/// Which tokens a provider is asked about.
pub(super) const TOKENS: [&str; 3] = ["all", "jwt", "opaque"];
/// The default among them.
pub(super) const TOKENS_DEFAULT: &str = "opaque";
/// How the gateway authenticates (the registered names).
pub(super) const AUTHENTICATION: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
/// Claims that an answer may be allowed to lack.
pub(super) const LACKABLE: [&str; 5] = ["aud", "exp", "iat", "sub", "token_type"];

/// An answer is worth less than a signature: it says how things are at this moment.
pub(super) const ANSWER_DURATION: Bounded<Duration> =
    Bounded { default: Duration::from_secs(30), range: Duration::from_secs(1)..=Duration::from_secs(3600) };
/// A token that is not active may be so in a moment, where authorization servers agree late among themselves.
pub(super) const REFUSAL_DURATION: Bounded<Duration> =
    Bounded { default: Duration::from_secs(10), range: Duration::from_secs(1)..=Duration::from_secs(600) };

/// What of a provider its introspection depends on.
pub(super) struct Asked<'a> {
    pub(super) issuer: Option<&'a str>,
    pub(super) audiences: &'a [String],
    pub(super) algorithms: &'a [Algorithm],
    pub(super) clock_skew: Duration,
    pub(super) clients: Option<&'a ClientRule>,
    /// Whether there are keys to verify its signatures with.
    pub(super) has_keys: bool,
}

pub(super) fn introspection(
    at: &At,
    raw: RawIntrospection,
    asked: &Asked<'_>,
    environment: &Environment,
) -> Option<Introspection> {
    at.unknown(&raw.unknown);
    let endpoint = remote::endpoint(at, raw.uri, raw.cluster);
    let tokens = match word(at, "tokens", raw.tokens, &TOKENS).as_deref().unwrap_or(TOKENS_DEFAULT) {
        "all" => Tokens::All,
        "jwt" => Tokens::Jwt,
        _ => Tokens::Opaque,
    };
    let client_id = at.require("client_id", raw.client_id);
    if client_id.as_deref() == Some("") {
        at.field("client_id").fault("must not be empty");
    }
    let credentials = Credentials {
        secret: raw.client_secret,
        key: raw.client_key,
        method: word(at, "authentication", raw.authentication, &AUTHENTICATION),
        assertion_audience: at.take("assertion_audience", raw.assertion_audience),
    };
    let authentication = authentication(at, credentials, asked.issuer, environment);
    let signed = at.take("signed", raw.signed).unwrap_or(false);
    if signed && !asked.has_keys {
        at.field("signed").fault("the provider has no keys to verify its answers with");
    }
    let may_lack = lackable(&at.field("may_lack"), at.take("may_lack", raw.may_lack).unwrap_or_default(), asked);
    let timeout = duration(at, "timeout", raw.timeout, &remote::FETCH_TIMEOUT);
    let cache_duration = duration(at, "cache_duration", raw.cache_duration, &ANSWER_DURATION);
    let negative = duration(at, "negative_cache_duration", raw.negative_cache_duration, &REFUSAL_DURATION);
    Some(Introspection {
        endpoint: endpoint?,
        tokens,
        client_id: client_id?,
        authentication: authentication?,
        issuer: asked.issuer?.to_owned(),
        audiences: asked.audiences.to_vec(),
        algorithms: asked.algorithms.to_vec(),
        signed,
        may_lack,
        timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
        cache_duration: seconds(cache_duration),
        negative_cache_duration: seconds(negative),
        clock_skew: seconds(asked.clock_skew),
    })
}

/// A token that is no JWT does not say whose it is, and must not be shown to a stranger.
pub(super) fn check_opaque(at: &At, providers: &[Provider]) {
    let takes_opaque =
        |provider: &&Provider| provider.introspection.as_ref().is_some_and(|one| one.tokens.takes_opaque());
    let mut takers = providers.iter().filter(takes_opaque);
    let Some(first) = takers.next() else { return };
    for other in takers {
        at.field(&other.name).field("introspection").field("tokens").fault(format!(
            "provider `{}` is asked about tokens that are no JWT already; write `jwt` for all others",
            first.name
        ));
    }
}

struct Credentials {
    secret: Field<RawSecret>,
    key: Field<RawSecret>,
    method: Option<String>,
    assertion_audience: Option<String>,
}

fn authentication(
    at: &At,
    credentials: Credentials,
    issuer: Option<&str>,
    environment: &Environment,
) -> Option<ClientAuthentication> {
    let Credentials { secret, key, method, assertion_audience } = credentials;
    if secret.is_absent() == key.is_absent() {
        at.fault("takes exactly one of `client_secret`, `client_key`");
        return None;
    }
    let by_key = !key.is_absent();
    let fits = |method: &str| (method == "private_key_jwt") == by_key;
    if let Some(method) = method.as_deref().filter(|method| AUTHENTICATION.contains(method) && !fits(method)) {
        let needs = if by_key { "client_secret" } else { "client_key" };
        at.field("authentication").fault(format!("`{method}` takes `{needs}`"));
    }
    if assertion_audience.is_some() && !by_key {
        at.field("assertion_audience").fault("goes with `client_key` only");
    }
    if by_key {
        let raw = at.take("client_key", key)?;
        let at = at.field("client_key");
        let (name, value) = self::secret::variable(&at, raw, environment)?;
        if environment.is_assumed() {
            // Nobody knows the key here, and nobody calls.
            return Some(ClientAuthentication::Basic(value));
        }
        match AssertionKey::from_jwk(&value) {
            Ok(key) => {
                let audience = assertion_audience.or_else(|| issuer.map(str::to_owned))?;
                Some(ClientAuthentication::PrivateKey { key: Box::new(key), audience })
            }
            Err(fault) => {
                at.field("env").fault(format!("the variable `{name}` cannot be used: {fault}"));
                None
            }
        }
    } else {
        let raw = at.take("client_secret", secret)?;
        let (_, secret) = self::secret::variable(&at.field("client_secret"), raw, environment)?;
        let post = method.as_deref() == Some("client_secret_post");
        Some(if post { ClientAuthentication::Post(secret) } else { ClientAuthentication::Basic(secret) })
    }
}

fn lackable(at: &At, list: Vec<Field<String>>, asked: &Asked<'_>) -> Lackable {
    let mut lackable = Lackable::default();
    for (at, name) in at.items(list) {
        match name.as_str() {
            "aud" => lackable.audience = true,
            "exp" => lackable.expiry = true,
            "iat" => lackable.issued_at = true,
            "sub" => {
                let paths = asked.clients.map(|rule| [rule.claim.to_string(), rule.equals.to_string()]);
                let known = paths
                    .is_some_and(|paths| ["sub", "client_id"].iter().all(|name| paths.contains(&(*name).to_owned())));
                if !known {
                    at.fault(
                        "a client would pass for a user of the same name; needs `clients: {type: …, when: {claim: sub, \
                         equals_claim: client_id}}`",
                    );
                }
                lackable.subject = true;
            }
            "token_type" => lackable.token_type = true,
            _ => at.fault(format!("`{name}` is none of {}", LACKABLE.join(", "))),
        }
    }
    lackable
}

fn word(at: &At, name: &str, field: Field<String>, words: &[&str]) -> Option<String> {
    let word = at.take(name, field)?;
    if !words.contains(&word.as_str()) {
        at.field(name).fault(format!("`{word}` is none of {}", words.join(", ")));
    }
    Some(word)
}
