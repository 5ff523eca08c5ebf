//! What the proofs of a token look at, as notes.

use serde_json::Value;

use super::session::authenticated_at;
use super::{ClaimPath, ClaimSet, Identity, Provider, TokenType};
use crate::jose::{Algorithm, CompactToken, Key, KeySet};
use crate::journal::{ClaimNote, Mint, Note, ParentsNote, TokenHead};
use crate::policy::{TypedValue, ValueType};

pub(super) fn token(text: &str, parsed: Option<&CompactToken<'_>>) -> Note {
    let head = parsed.map(|token| TokenHead {
        algorithm: token.header().algorithm.clone(),
        key_id: token.header().key_id.clone(),
        token_type: token.header().token_type.clone(),
        issuer: token.claims().get("iss").and_then(Value::as_str).map(str::to_owned),
    });
    Note::Token { bytes: text.len(), head }
}

pub(super) fn provider(found: Option<&Provider>) -> Note {
    let token_type = |token_type: &TokenType| match token_type {
        TokenType::Absent => "absent".to_owned(),
        TokenType::Named(name) => name.clone(),
    };
    Note::Provider {
        name: found.map(|provider| provider.name.clone()),
        algorithms: found.map(|one| one.algorithms.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        token_types: found.map(|one| one.token_types.iter().map(token_type).collect()).unwrap_or_default(),
    }
}

pub(super) fn keys(keys: &KeySet, algorithm: Algorithm, tried: &[&Key]) -> Note {
    let serving = keys.candidates(None, algorithm);
    Note::Keys {
        tried: tried.iter().map(|key| key.id.clone()).collect(),
        serving: serving.map(|key| key.id.clone()).collect(),
    }
}

pub(super) fn audience(provider: &Provider, claims: &ClaimSet) -> Note {
    Note::Audience { claim: claims.get("aud").cloned(), accepted: provider.audiences.clone() }
}

pub(super) fn times(provider: &Provider, claims: &ClaimSet, now: i64) -> Note {
    let claim = |name: &str| claims.get(name).cloned();
    Note::Times {
        now,
        skew: provider.clock_skew,
        issued_at: claim("iat"),
        not_before: claim("nbf"),
        expires_at: claim("exp"),
    }
}

pub(super) fn required_claims(provider: &Provider, claims: &ClaimSet) -> Note {
    let there = |path: &ClaimPath| claims.at(path).is_some_and(|value| !value.is_null());
    Note::RequiredClaims {
        claims: provider.require_claims.iter().map(|path| (path.to_string(), there(path))).collect(),
    }
}

/// The claims that [`Identity`] reads, each by the reader that reads it there.
pub(super) fn claims(provider: &Provider, claims: &ClaimSet, is_client: bool) -> Note {
    let mut notes = Vec::new();
    let mut note = |claim: &str, makes: Mint, value: Option<&Value>, required: bool, fits: bool| {
        notes.push(ClaimNote { claim: claim.to_owned(), makes, value: value.cloned(), required, fits });
    };
    let identifier = |name: &str| claims.identifier(name).is_ok();
    let id = &provider.principal.id;
    if id.to_string() != "sub" {
        note("sub", Mint::Context, claims.get("sub"), true, identifier("sub"));
    }
    note(&id.to_string(), Mint::Id, claims.at(id), true, claims.identifier_at(id).is_ok());
    let client = if claims.has("client_id") { "client_id" } else { "azp" };
    note(client, Mint::Client, claims.get(client), false, identifier(client));
    note("jti", Mint::Context, claims.get("jti"), false, identifier("jti"));
    // Attributes belong to the entity type of users; a client has none.
    for (name, attribute) in provider.principal.attributes.iter().filter(|_| !is_client) {
        let (path, value_type) = (&attribute.claim, attribute.value_type);
        let value = claims.at(path);
        let fits = value.is_none_or(|value| TypedValue::of_json(value, value_type).is_some());
        let makes = Mint::Attribute(name.clone(), ValueType::name(value_type));
        note(&path.to_string(), makes, value, attribute.required, fits);
    }
    for rule in &provider.parents {
        let makes = Mint::Parents(rule.entity_type.to_string());
        note(&rule.claim.to_string(), makes, claims.at(&rule.claim), false, claims.strings_at(&rule.claim).is_ok());
    }
    let scope = if claims.has("scope") { "scope" } else { "scp" };
    note(scope, Mint::Scopes, claims.get(scope), false, claims.scopes().is_ok());
    let issued_at = claims.time("iat").ok().flatten().unwrap_or(i64::MAX);
    let authenticated = authenticated_at(provider, claims, issued_at).is_ok();
    note("auth_time", Mint::Context, claims.get("auth_time"), false, authenticated);
    note("acr", Mint::Context, claims.get("acr"), false, identifier("acr"));
    note("amr", Mint::Context, claims.get("amr"), false, claims.strings("amr", false).is_ok());
    let actors = super::Actor::chain(claims.get("act"), &provider.issuer).is_ok();
    note("act", Mint::Context, claims.get("act"), false, actors);
    let may_act = super::Delegate::read(claims.get("may_act"), &provider.issuer).is_ok();
    note("may_act", Mint::Context, claims.get("may_act"), false, may_act);
    Note::Claims { claims: notes }
}

pub(super) fn principal(provider: &Provider, session: &Identity, is_client: bool) -> Note {
    let parents = provider.parents.iter().map(|rule| {
        let values = session.claims.strings_at(&rule.claim).unwrap_or_default();
        let counts = |value: &&str| rule.allow.as_ref().is_none_or(|allowed| allowed.iter().any(|each| each == *value));
        let (taken, left_out): (Vec<&str>, Vec<&str>) = values.into_iter().partition(counts);
        let texts = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
        ParentsNote {
            claim: rule.claim.to_string(),
            entity_type: rule.entity_type.to_string(),
            taken: texts(taken),
            left_out: texts(left_out),
        }
    });
    let actors = session.actors.iter().map(|actor| format!("{}|{}", actor.issuer, actor.subject));
    Note::Principal {
        principal: session.principal.to_string(),
        is_client,
        client: session.client.clone(),
        parents: parents.collect(),
        actors: actors.collect(),
        scopes: session.scopes.iter().cloned().collect(),
    }
}
