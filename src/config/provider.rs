//! Providers and their keys.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::fault::At;
use super::field::{Field, Members};
use super::introspection::{self, Asked, check_opaque};
use super::limits::{Bounded, duration};
use super::profile::{self, PROFILE};
use super::raw::{
    RawClaimPath, RawClients, RawDiscovery, RawLocalJwks, RawParent, RawPrincipal, RawProvider, RawRemoteJwks,
};
use super::{remote, sender, status};
use crate::jose::{Algorithm, Judgement, KeyKind, KeySet, judge};
use crate::policy::{EntityType, ValueType};
use crate::remote::Spec;
use crate::secret::Environment;
use crate::token::{
    ClaimAttribute, ClaimPath, ClientRule, ParentRule, PrincipalRule, Provider, ProviderKeys, Providers, TokenType,
};

/// The entity type of principals, where none is named.
pub(super) const PRINCIPAL_TYPE: &str = "User";
/// The claim behind their id, where none is named.
pub(super) const PRINCIPAL_ID: &str = "sub";
/// The type of an access token (RFC 9068 §2.1).
pub(super) const TOKEN_TYPE: &str = "at+jwt";

/// Clocks that differ by more than five minutes are broken.
pub(super) const CLOCK_SKEW: Bounded<Duration> =
    Bounded { default: Duration::from_secs(30), range: Duration::ZERO..=Duration::from_secs(300) };
/// A day, and up to a year.
pub(super) const MAX_LIFETIME: Bounded<Duration> =
    Bounded { default: Duration::from_secs(86_400), range: Duration::from_secs(1)..=Duration::from_secs(366 * 86_400) };

/// Claims that are handed out again to somebody else, or that users choose themselves.
const REASSIGNABLE: [&str; 8] =
    ["email", "name", "nickname", "phone_number", "preferred_username", "unique_name", "upn", "username"];

pub(super) fn providers(at: &At, raw: Option<Members<RawProvider>>, environment: &Environment) -> Option<Providers> {
    let mut providers = Vec::new();
    let raw = raw?;
    if raw.0.is_empty() {
        at.fault("names no provider");
    }
    for (at, name, raw) in at.members(raw) {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(known) {
            at.fault("the name of a provider is made of a-z, 0-9 and `-`");
        }
        providers.extend(provider(&at, name, raw, environment));
    }
    check_issuers(at, &providers);
    check_parent_types(at, &providers);
    check_opaque(at, &providers);
    Some(Providers::new(providers))
}

fn provider(at: &At, name: String, raw: RawProvider, environment: &Environment) -> Option<Provider> {
    at.unknown(&raw.unknown);
    let issuer = at.require("issuer", raw.issuer);
    if issuer.as_deref() == Some("") {
        at.field("issuer").fault("must not be empty");
    }
    let audiences = texts(at, "audiences", at.require("audiences", raw.audiences));
    let algorithms = algorithms(at, at.require("algorithms", raw.algorithms));
    let sources = KeySources {
        local: raw.local_jwks,
        remote: raw.remote_jwks,
        discovery: raw.discovery,
        introspected: !raw.introspection.is_absent(),
    };
    let keys = provider_keys(at, &name, issuer.as_deref(), &algorithms, sources);
    let token_types = match at.take("token_types", raw.token_types) {
        Some(types) => texts(at, "token_types", Some(types)),
        None => vec![TOKEN_TYPE.to_owned()],
    };
    let clock_skew = duration(at, "clock_skew", raw.clock_skew, &CLOCK_SKEW);
    let max_lifetime = duration(at, "max_lifetime", raw.max_lifetime, &MAX_LIFETIME);
    let require_claims = at.take("require_claims", raw.require_claims).unwrap_or_default();
    let require_claims =
        at.field("require_claims").items(require_claims).into_iter().filter_map(|(at, raw)| claim_path(&at, raw));
    let mut require_claims = require_claims.collect();
    if PROFILE.is_on(at, "profile", raw.profile) {
        profile::rfc9068(at, &algorithms, &token_types, &mut require_claims);
    }
    let principal = principal(&at.field("principal"), at.take("principal", raw.principal).unwrap_or_default());
    let parents = parents(&at.field("parents"), at.take("parents", raw.parents).unwrap_or_default());
    let clients = at.take("clients", raw.clients).and_then(|raw| clients(&at.field("clients"), raw));
    let asked = Asked {
        issuer: issuer.as_deref(),
        audiences: &audiences,
        algorithms: &algorithms,
        clock_skew,
        clients: clients.as_ref(),
        has_keys: !matches!(keys, Some(ProviderKeys::None)),
    };
    let introspection = at.take("introspection", raw.introspection);
    let introspection = introspection
        .and_then(|raw| introspection::introspection(&at.field("introspection"), raw, &asked, environment));
    let status_lists = at.take("status_list", raw.status_list);
    let status_lists = status_lists.and_then(|raw| status::status_lists(&at.field("status_list"), raw, asked.has_keys));
    let revoked = at.take("revoked", raw.revoked).and_then(|raw| status::revoked(&at.field("revoked"), raw));
    let sender_constraint = sender::constraint(at, raw.sender_constraint, sender::PROVIDER);
    Some(Provider {
        name,
        index: 0,
        issuer: issuer?,
        audiences,
        algorithms,
        keys: keys?,
        introspection: introspection.map(Rc::new),
        status_lists,
        revoked,
        sender_constraint,
        token_types: token_types.iter().map(|text| TokenType::configured(text)).collect(),
        clock_skew: seconds(clock_skew),
        max_lifetime: seconds(max_lifetime),
        require_claims,
        principal: principal?,
        parents,
        clients,
    })
}

/// The members that say where keys are.
struct KeySources {
    local: Field<RawLocalJwks>,
    remote: Field<RawRemoteJwks>,
    discovery: Field<RawDiscovery>,
    /// Whether there need be none, as the issuer is asked about tokens.
    introspected: bool,
}

fn provider_keys(
    at: &At,
    name: &str,
    issuer: Option<&str>,
    algorithms: &[Algorithm],
    sources: KeySources,
) -> Option<ProviderKeys> {
    let KeySources { local, remote, discovery, introspected } = sources;
    let given = [!local.is_absent(), !remote.is_absent(), !discovery.is_absent()];
    let local = at.take("local_jwks", local);
    let local = local.map(|raw| ProviderKeys::Local(Rc::new(keys(&at.field("local_jwks"), Some(raw), algorithms))));
    let remote = at.take("remote_jwks", remote);
    let remote = remote.and_then(|raw| remote::jwks(&at.field("remote_jwks"), name, raw));
    let discovery = at.take("discovery", discovery);
    let discovery = discovery.and_then(|raw| remote::discovery(&at.field("discovery"), name, issuer, raw));
    if introspected && given == [false; 3] {
        return Some(ProviderKeys::None);
    }
    if given.into_iter().filter(|given| *given).count() != 1 {
        at.fault(
            "takes exactly one of `local_jwks`, `remote_jwks`, `discovery`; none of them only with `introspection`",
        );
        return None;
    }
    local.or(remote.or(discovery).map(remote_keys))
}

fn remote_keys(spec: Spec) -> ProviderKeys {
    ProviderKeys::Remote(Box::new(spec))
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A list of texts that must not be empty, nor contain an empty text.
fn texts(at: &At, name: &str, list: Option<Vec<Field<String>>>) -> Vec<String> {
    let at = at.field(name);
    let Some(list) = list else { return Vec::new() };
    if list.is_empty() {
        at.fault("must not be empty");
    }
    let texts = at.items(list).into_iter();
    texts
        .filter_map(|(at, text)| {
            if text.is_empty() {
                at.fault("must not be empty");
                return None;
            }
            Some(text)
        })
        .collect()
}

fn algorithms(at: &At, list: Option<Vec<Field<String>>>) -> Vec<Algorithm> {
    let at = at.field("algorithms");
    let Some(list) = list else { return Vec::new() };
    if list.is_empty() {
        at.fault("must not be empty");
    }
    let known = at.items(list).into_iter().filter_map(|(at, name)| {
        let algorithm = Algorithm::of_name(&name);
        if name.is_empty() {
            at.fault("must not be empty");
        } else if algorithm.is_none() {
            let all: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            at.fault(format!("`{name}` is none of {}", all.join(", ")));
        }
        algorithm
    });
    known.collect()
}

fn keys(at: &At, raw: Option<RawLocalJwks>, algorithms: &[Algorithm]) -> KeySet {
    let Some(raw) = raw else { return KeySet::default() };
    at.unknown(&raw.unknown);
    let Some(jwks) = at.require("inline", raw.inline) else { return KeySet::default() };
    let at = at.field("inline");
    at.unknown(&jwks.unknown);
    let Some(list) = at.require("keys", jwks.keys) else { return KeySet::default() };
    let at = at.field("keys");
    let mut keys = Vec::new();
    for (at, jwk) in at.items(list) {
        keys.extend(key(&at, &jwk, algorithms));
    }
    if keys.is_empty() && at.is_clean_within() {
        at.fault("has no key to verify signatures with");
    }
    for algorithm in algorithms {
        if !keys.iter().any(|key: &crate::jose::Key| key.serves(*algorithm)) {
            at.warning(format!("has no key for {algorithm}"));
        }
    }
    KeySet::new(keys).unwrap_or_else(|repeated| {
        at.fault(format!("the `kid` \"{repeated}\" occurs twice"));
        KeySet::default()
    })
}

fn key(at: &At, jwk: &Map<String, Value>, algorithms: &[Algorithm]) -> Option<crate::jose::Key> {
    match judge(jwk) {
        Ok(Judgement::Usable(key)) => {
            let secret_without_hmac = key.material.kind() == KeyKind::Octets
                && !algorithms.iter().any(|algorithm| algorithm.key_kind() == KeyKind::Octets);
            if secret_without_hmac {
                at.fault("a shared secret, but `algorithms` names no HS256, HS384 or HS512");
            } else if !algorithms.iter().any(|algorithm| key.serves(*algorithm)) {
                at.warning("serves none of `algorithms`");
            }
            Some(*key)
        }
        Ok(Judgement::ForSomethingElse(reason)) => {
            at.warning(format!("passed over: {reason}"));
            None
        }
        Err(unusable) => {
            at.fault(unusable.to_string());
            None
        }
    }
}

fn principal(at: &At, raw: RawPrincipal) -> Option<PrincipalRule> {
    at.unknown(&raw.unknown);
    let entity_type = match at.take("type", raw.entity_type) {
        Some(text) => entity_type(&at.field("type"), &text),
        None => EntityType::parse(PRINCIPAL_TYPE),
    };
    let id = match at.take("id", raw.id) {
        Some(raw) => claim_path(&at.field("id"), raw),
        None => ClaimPath::dotted(PRINCIPAL_ID),
    };
    if let Some(name) = id.as_ref().map(ClaimPath::last).filter(|name| REASSIGNABLE.contains(name)) {
        at.field("id")
            .fault(format!("`{name}` may be given to somebody else one day; use a stable claim such as `sub`"));
    }
    let mut attributes = BTreeMap::new();
    for (at, name, raw) in at.field("attributes").members(at.take("attributes", raw.attributes).unwrap_or_default()) {
        at.unknown(&raw.unknown);
        let claim = at.require("claim", raw.claim).and_then(|raw| claim_path(&at.field("claim"), raw));
        let value_type = value_type(&at, at.require("type", raw.value_type));
        let required = at.take("required", raw.required).unwrap_or(false);
        if let (Some(claim), Some(value_type)) = (claim, value_type) {
            attributes.insert(name, ClaimAttribute { claim, value_type, required });
        }
    }
    Some(PrincipalRule { entity_type: entity_type?, id: id?, attributes })
}

fn parents(at: &At, raw: Vec<Field<RawParent>>) -> Vec<ParentRule> {
    let mut rules = Vec::new();
    for (at, raw) in at.items(raw) {
        at.unknown(&raw.unknown);
        let claim = at.require("claim", raw.claim).and_then(|raw| claim_path(&at.field("claim"), raw));
        let entity_type = at.require("type", raw.entity_type).and_then(|text| entity_type(&at.field("type"), &text));
        let allow = at.take("allow", raw.allow).map(|list| texts(&at, "allow", Some(list)));
        if let (Some(claim), Some(entity_type)) = (claim, entity_type) {
            rules.push(ParentRule { claim, entity_type, allow });
        }
    }
    rules
}

fn clients(at: &At, raw: RawClients) -> Option<ClientRule> {
    at.unknown(&raw.unknown);
    let entity_type = at.require("type", raw.entity_type).and_then(|text| entity_type(&at.field("type"), &text));
    let condition = at.require("when", raw.when)?;
    let at = at.field("when");
    at.unknown(&condition.unknown);
    let claim = at.require("claim", condition.claim).and_then(|raw| claim_path(&at.field("claim"), raw));
    let equals = at.require("equals_claim", condition.equals_claim);
    let equals = equals.and_then(|raw| claim_path(&at.field("equals_claim"), raw));
    if claim.is_some() && claim == equals {
        at.fault("compares a claim with itself: every token would belong to a client");
    }
    Some(ClientRule { entity_type: entity_type?, claim: claim?, equals: equals? })
}

pub(super) fn claim_path(at: &At, raw: RawClaimPath) -> Option<ClaimPath> {
    let path = match raw {
        RawClaimPath::Dotted(text) => ClaimPath::dotted(&text),
        RawClaimPath::Members(members) => ClaimPath::new(members),
    };
    if path.is_none() {
        at.fault("names no claim");
    }
    path
}

pub(super) fn entity_type(at: &At, text: &str) -> Option<EntityType> {
    let entity_type = EntityType::parse(text);
    if entity_type.is_none() {
        at.fault(format!("`{text}` is no name of an entity type"));
    }
    entity_type
}

pub(super) fn value_type(at: &At, text: Option<String>) -> Option<ValueType> {
    let text = text?;
    let value_type = ValueType::of_name(&text);
    if value_type.is_none() {
        at.field("type").fault(format!("`{text}` is none of {}", ValueType::ALL.map(ValueType::name).join(", ")));
    }
    value_type
}

fn check_issuers(at: &At, providers: &[Provider]) {
    let mut issuers = BTreeSet::new();
    for provider in providers {
        if !issuers.insert(&provider.issuer) {
            at.field(&provider.name).field("issuer").fault("is the issuer of another provider as well");
        }
    }
}

/// One issuer must not be able to make the roles that another one stands for.
fn check_parent_types(at: &At, providers: &[Provider]) {
    for provider in providers {
        for (index, rule) in provider.parents.iter().enumerate() {
            let shared = providers.iter().any(|other| {
                other.name != provider.name && other.parents.iter().any(|each| each.entity_type == rule.entity_type)
            });
            let makes = |other: &Provider| {
                other.principal.entity_type == rule.entity_type
                    || other.clients.as_ref().is_some_and(|clients| clients.entity_type == rule.entity_type)
            };
            if providers.iter().any(makes) {
                let message = format!("`{}` is a type of principals; a claim must not name one", rule.entity_type);
                at.field(&provider.name).field("parents").item(index).field("type").fault(message);
            }
            if shared && rule.allow.is_none() {
                let message = format!("another provider makes `{}` as well, so each needs `allow`", rule.entity_type);
                at.field(&provider.name).field("parents").item(index).fault(message);
            }
        }
    }
}
