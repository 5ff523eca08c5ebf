//! The smaller sections: host, static separation, forwarding, audit.

use std::collections::BTreeSet;

use super::fault::At;
use super::field::Switch;
use super::provider::{claim_path, entity_type};
use super::raw::{RawAudit, RawForward, RawHost, RawSeparation, RawStaticConstraint};
use crate::credential::Credentials;
use crate::forward::Forward;
use crate::http::HeaderName;
use crate::jose::Crypto;
use crate::policy::{Engine, EntityId, EntityType};
use crate::separation::{Separation, StaticConstraint};
use crate::token::Providers;

/// The entity type of the roles of a constraint, where none is named.
pub(super) const ROLE_TYPE: &str = "Role";

/// Whether the token goes on to the upstream.
pub(super) const TOKEN: Switch = Switch { words: ["keep", "remove"], on: "remove" };

/// Headers that carry the message itself; a claim in their place would break the request.
const OF_THE_MESSAGE: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Who verifies signatures.
pub(super) fn crypto(at: &At, word: Option<String>) -> Crypto {
    let Some(word) = word else { return Crypto::default() };
    Crypto::of_name(&word).unwrap_or_else(|| {
        at.fault(format!("`{word}` is none of {}", Crypto::ALL.map(Crypto::name).join(", ")));
        Crypto::default()
    })
}

/// Whether bodies can be read before the headers go on.
pub(super) fn host(at: &At, raw: Option<RawHost>) -> bool {
    let Some(raw) = raw else { return false };
    at.unknown(&raw.unknown);
    at.take("body_before_headers", raw.body_before_headers).unwrap_or(false)
}

pub(super) fn header_name(at: &At, text: &str) -> Option<HeaderName> {
    let name = HeaderName::parse(text);
    if name.is_none() {
        at.fault(format!("`{text}` is no header name"));
    }
    name
}

pub(super) fn separation(at: &At, raw: Option<RawSeparation>) -> Separation {
    let Some(raw) = raw else { return Separation::default() };
    at.unknown(&raw.unknown);
    let mut ids = BTreeSet::new();
    let mut constraints = Vec::new();
    for (at, raw) in at.field("static").items(at.take("static", raw.constraints).unwrap_or_default()) {
        let Some(constraint) = constraint(&at, raw) else { continue };
        if !ids.insert(constraint.id.clone()) {
            at.field("id").fault("occurs twice");
        }
        constraints.push(constraint);
    }
    Separation { constraints }
}

fn constraint(at: &At, raw: RawStaticConstraint) -> Option<StaticConstraint> {
    at.unknown(&raw.unknown);
    let id = at.require("id", raw.id);
    if id.as_deref() == Some("") {
        at.field("id").fault("must not be empty");
    }
    let role_type = match at.take("type", raw.entity_type) {
        Some(text) => entity_type(&at.field("type"), &text),
        None => EntityType::parse(ROLE_TYPE),
    }?;
    let roles = at.require("roles", raw.roles)?;
    let roles: Vec<String> = at.field("roles").items(roles).into_iter().map(|(_, role)| role).collect();
    let distinct: BTreeSet<&String> = roles.iter().collect();
    if distinct.len() < 2 || distinct.len() != roles.len() {
        at.field("roles").fault("must be two or more different roles");
    }
    let at_most = at.require("at_most", raw.at_most)?;
    if at_most == 0 || at_most >= roles.len() {
        at.field("at_most").fault("must be at least 1, and less than the number of roles");
    }
    let roles = roles.iter().map(|role| EntityId::new(&role_type, role)).collect();
    Some(StaticConstraint { id: id?, roles, at_most })
}

/// Constraints that could never be violated: a type that the schema lacks, a role that nobody can hold.
pub(super) fn check_separation(at: &At, separation: &Separation, engine: &Engine, providers: &Providers) {
    for constraint in &separation.constraints {
        // By their names, as places in the list are not kept.
        let at = at.field(&constraint.id);
        for role in &constraint.roles {
            let rules = providers.iter().flat_map(|provider| &provider.parents);
            let claimed = rules.into_iter().any(|rule| role.is_a(&rule.entity_type, rule.allow.as_deref()));
            if !engine.has_type(&role.entity_type()) {
                at.fault(format!("the schema has no entity type `{}`", role.entity_type()));
                break;
            }
            if !claimed && !engine.has_entity(role) {
                at.warning(format!("nobody can hold `{role}`: no provider and no static entity makes it"));
            }
        }
    }
}

pub(super) fn forward(at: &At, raw: Option<RawForward>, credentials: &Credentials) -> Forward {
    let Some(raw) = raw else { return Forward::default() };
    at.unknown(&raw.unknown);
    let removes_token = TOKEN.is_on(at, "token", raw.token);
    let free = |at: &At, name: &HeaderName| {
        if OF_THE_MESSAGE.contains(&name.folded()) {
            at.fault("belongs to the message itself");
        } else if credentials.names().any(|own| own == name) {
            at.fault("carries the credential");
        }
    };
    let mut headers: Vec<(HeaderName, _)> = Vec::new();
    for (at, written, raw) in at.field("headers").members(at.take("headers", raw.headers).unwrap_or_default()) {
        let (Some(name), Some(path)) = (header_name(&at, &written), claim_path(&at, raw)) else { continue };
        free(&at, &name);
        if headers.iter().any(|(each, _)| *each == name) {
            at.fault("is another spelling of a header that is given already");
        }
        headers.push((name, path));
    }
    let mut protected = Vec::new();
    let list = at.take("protected_headers", raw.protected_headers).unwrap_or_default();
    for (at, written) in at.field("protected_headers").items(list) {
        let Some(name) = header_name(&at, &written) else { continue };
        free(&at, &name);
        protected.push(name);
    }
    Forward { removes_token, headers, protected }
}

/// Whether decisions are logged.
pub(super) fn audit(at: &At, raw: Option<RawAudit>) -> bool {
    let Some(raw) = raw else { return true };
    at.unknown(&raw.unknown);
    at.take("log", raw.log).unwrap_or(true)
}
