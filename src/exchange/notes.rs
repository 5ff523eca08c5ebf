//! What the steps of a decision look at, as notes.
//!
//! Values are read here by the functions that the steps themselves call; none of them is judged in a second way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::decision::{Known, typed};
use super::{Now, body};
use crate::audit::Record;
use crate::config::Config;
use crate::credential::{Credential, Credentials};
use crate::forward::Forward;
use crate::gate::Gate;
use crate::http::{Authority, CanonicalPath, Headers, Query, RequestHead};
use crate::journal::{Carrier, CredentialPlace, Declared, EntityNote, NearRoute, Note, Place, RolesNote};
use crate::policy::{EntityId, EntityOutline, Facts, Resource, TypedValue, Verdict};
use crate::route::{Access, AttributeSource, BodyMember, Declaration, Parameters, Protected, Route, RouteTable};
use crate::separation::Separation;
use crate::token::{Provider, Session};

pub(super) fn head(head: &RequestHead, source: Option<IpAddr>) -> Note {
    let mut target = head.target.split(|byte| *byte == b'?');
    Note::Head {
        method: head.method.clone(),
        path: text(target.next().unwrap_or_default()),
        query: target.next().is_some(),
        authority: text(&head.authority),
        source: source.map(|source| source.to_string()),
    }
}

/// Bytes as text; what is no text is written as `\xNN`.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

pub(super) fn clock(now: Now) -> Note {
    Note::Clock { time: now.to_rfc3339(), reliable: now.reliable_seconds().is_some() }
}

pub(super) fn host(host: Option<&Authority>) -> Note {
    Note::Host { host: host.map(|host| host.host().to_owned()) }
}

pub(super) fn path(path: Option<&CanonicalPath>) -> Note {
    Note::Path { path: path.map(|path| path.as_str().to_owned()) }
}

pub(super) fn meaning(head: &RequestHead, query: Query<'_>) -> Note {
    let nominated = head.headers.all("connection").flat_map(|value| value.split(|byte| *byte == b','));
    Note::Meaning {
        connection: nominated.map(|name| text(name).trim().to_owned()).collect(),
        method_parameter: !matches!(query.single("_method"), Ok(None)),
    }
}

pub(super) fn route(
    table: &RouteTable,
    method: &str,
    path: &CanonicalPath,
    found: Option<&(usize, &Route, Parameters)>,
) -> Note {
    match found {
        Some((index, route, parameters)) => Note::Route {
            index: *index,
            name: route.name.to_string(),
            parameters: parameters.clone(),
            action: match &route.access {
                Access::Protected(protected) => Some(protected.plan.action_name().to_string()),
                Access::Public(_) => None,
            },
        },
        None => Note::NoRoute { nearest: nearest(table, method, path) },
    }
}

/// So many routes are told of.
const NEAREST: usize = 3;

/// The routes that the request almost has: those of its path first, then those whose path begins like its own.
fn nearest(table: &RouteTable, method: &str, path: &CanonicalPath) -> Vec<NearRoute> {
    let segments: Vec<&str> = path.as_str().split('/').skip(1).collect();
    let mut of_path = Vec::new();
    let mut alike = Vec::new();
    for route in table.iter() {
        let name = || route.name.to_string();
        match parameters(route.path.as_str(), &segments) {
            Ok(parameters) => {
                let misfit = parameters.iter().find_map(|(name, value)| {
                    let kind = route.path.kinds().get(*name).filter(|kind| !kind.fits(value))?;
                    Some((*name, kind, value))
                });
                if let Some((parameter, kind, value)) = misfit {
                    let (name, kind, value) = (parameter.to_owned(), kind.to_string(), value.clone());
                    of_path.push(NearRoute::Parameter { route: route.name.to_string(), name, kind, value });
                } else if !route.methods.iter().any(|own| own == method) {
                    of_path.push(NearRoute::Method { route: name() });
                }
            }
            Err(same) if same > 0 => alike.push((same, name())),
            Err(_) => {}
        }
    }
    alike.sort_by(|(one, _), (other, _)| other.cmp(one));
    let alike = alike.into_iter().map(|(alike, route)| NearRoute::Path { route, alike });
    of_path.into_iter().chain(alike).take(NEAREST).collect()
}

/// What stands in the place of each parameter of a template, or how many segments are alike before one is not.
fn parameters<'t>(template: &'t str, segments: &[&str]) -> Result<Vec<(&'t str, String)>, usize> {
    let mut found = Vec::new();
    let mut wanted = template.split('/').skip(1);
    for (place, segment) in segments.iter().enumerate() {
        match wanted.next().map(|part| (part, part.trim_matches(['{', '}', '*']))) {
            Some((part, name)) if part.starts_with("{*") => {
                found.push((name, segments.get(place..).unwrap_or_default().join("/")));
                return Ok(found);
            }
            Some((part, name)) if part.starts_with('{') => found.push((name, (*segment).to_owned())),
            Some((part, _)) if part == *segment => {}
            Some(_) | None => return Err(place),
        }
    }
    if wanted.next().is_none() { Ok(found) } else { Err(segments.len()) }
}

pub(super) fn credential(headers: &Headers, query: Query<'_>, credentials: &Credentials) -> Note {
    let place = |place: &crate::credential::HeaderCredential| {
        let values = headers.all(place.name.as_str()).count();
        // Nothing of a value is told that could be a part of a token.
        let value = headers.text(place.name.as_str()).filter(|_| !place.schemes.is_empty());
        let scheme = value.and_then(|value| value.split_once(' ')).map(|(scheme, _)| scheme);
        let scheme =
            scheme.filter(|scheme| scheme.len() <= 16 && scheme.bytes().all(|byte| byte.is_ascii_alphabetic()));
        CredentialPlace {
            carrier: Carrier::Header,
            name: place.name.as_str().to_owned(),
            schemes: place.schemes.iter().map(|scheme| scheme.name().to_owned()).collect(),
            values,
            scheme: scheme.map(str::to_owned),
        }
    };
    let bare = |carrier: Carrier, name: &str, values: usize| CredentialPlace {
        carrier,
        name: name.to_owned(),
        schemes: Vec::new(),
        values,
        scheme: None,
    };
    let cookies = credentials.cookies.iter();
    let cookies = cookies.map(|name| bare(Carrier::Cookie, name.as_str(), name.occurrences(headers)));
    let parameters = credentials.parameters.iter();
    let parameters = parameters.map(|name| bare(Carrier::Parameter, name.as_str(), name.occurrences(query)));
    let places = credentials.headers.iter().map(place).chain(cookies).chain(parameters);
    Note::Credential { places: places.collect(), longest: credentials.longest }
}

pub(super) fn opaque_token(credential: &Credential, provider: Option<&Provider>) -> Note {
    Note::OpaqueToken { bytes: credential.token().len(), provider: provider.map(|provider| provider.name.clone()) }
}

pub(super) fn separation(separation: &Separation, held: &BTreeSet<EntityId>) -> Note {
    let constraints = separation.constraints.iter().map(|constraint| RolesNote {
        id: constraint.id.clone(),
        at_most: constraint.at_most,
        held: constraint.roles.iter().filter(|role| held.contains(role)).map(ToString::to_string).collect(),
    });
    Note::Separation { held: held.iter().map(ToString::to_string).collect(), constraints: constraints.collect() }
}

pub(super) fn scopes(protected: &Protected, session: &Session) -> Note {
    let missing = protected.scopes.iter().filter(|scope| !session.scopes.contains(*scope));
    Note::Scopes { asked: protected.scopes.clone(), missing: missing.cloned().collect() }
}

pub(super) fn declared_query(protected: &Protected, query: Query<'_>) -> Note {
    let value = |(name, declaration): (&String, &Declaration)| {
        let found = query.single(name);
        let text = found.as_ref().ok().cloned().flatten();
        declared(name, Place::Query, *declaration, text, found.is_ok())
    };
    Note::DeclaredQuery { values: protected.query.iter().map(value).collect() }
}

pub(super) fn declared_headers(protected: &Protected, headers: &Headers) -> Note {
    let value = |(name, declaration): (&String, &Declaration)| {
        let found = headers.single(name).map(|value| value.map(std::str::from_utf8).transpose());
        let text = found.ok().and_then(Result::ok).flatten();
        declared(name, Place::Header, *declaration, text.map(str::to_owned), matches!(found, Ok(Ok(_))))
    };
    Note::DeclaredHeaders { values: protected.headers.iter().map(value).collect() }
}

fn declared(name: &str, place: Place, declaration: Declaration, found: Option<String>, readable: bool) -> Declared {
    Declared {
        name: name.to_owned(),
        place,
        value_type: declaration.value_type.name(),
        required: declaration.required,
        fits: readable && typed(name, found.as_deref(), declaration).is_ok(),
        found,
    }
}

pub(super) fn body_head(headers: &Headers, longest: usize) -> Note {
    let header = |name: &str| headers.text(name).map(str::to_owned);
    Note::BodyHead {
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        content_length: header("content-length"),
        longest,
    }
}

pub(super) fn body(bytes: &[u8], members: &BTreeMap<String, BodyMember>) -> Note {
    let member = |(name, member): (&String, &BodyMember)| {
        let alone = BTreeMap::from([(name.clone(), member.clone())]);
        let read = body::read(bytes, &alone);
        let value = read.as_ref().ok().and_then(|values| values.get(name));
        Declared {
            name: name.clone(),
            place: Place::Body(member.pointer.clone()),
            value_type: member.declaration.value_type.name(),
            required: member.declaration.required,
            found: value.map(typed_text),
            fits: read.is_ok(),
        }
    };
    Note::Body { bytes: bytes.len(), members: members.iter().map(member).collect() }
}

fn typed_text(value: &TypedValue) -> String {
    match value {
        TypedValue::Boolean(boolean) => boolean.to_string(),
        TypedValue::Decimal(text) | TypedValue::String(text) => text.clone(),
        TypedValue::Long(long) => long.to_string(),
        TypedValue::SetOfString(items) => items.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// The question as Cedar gets it. One that cannot be put says so in the verdict that follows.
pub(super) fn question(
    config: &Config,
    protected: &Protected,
    session: &Session,
    resource: &Resource,
    facts: &Facts,
) -> Note {
    let outline = config.engine.describe(&protected.plan, session, resource, facts).unwrap_or_default();
    let provider = config.providers.of_issuer(&session.issuer);
    let claim = |name: &str| {
        let attribute = provider.and_then(|provider| provider.principal.attributes.get(name));
        attribute.map(|attribute| format!("claim {}", attribute.claim))
    };
    let place = |name: &str| {
        Some(match protected.resource.attributes.get(name)? {
            AttributeSource::Body(member) => format!("body {member}"),
            AttributeSource::Parameter(parameter) => format!("path parameter {parameter}"),
            AttributeSource::Query(parameter) => format!("query {parameter}"),
            AttributeSource::Text(_) => "route".to_owned(),
        })
    };
    Note::Question {
        principal: entity(outline.principal, claim),
        action: protected.plan.action_name().to_string(),
        resource: entity(outline.resource, place),
        context: outline.context,
    }
}

fn entity(outline: EntityOutline, source: impl Fn(&str) -> Option<String>) -> EntityNote {
    let sources = outline.attributes.keys().filter_map(|name| {
        let fixed = outline.fixed.contains(name).then(|| "static entity".to_owned());
        Some((name.clone(), fixed.or_else(|| source(name))?))
    });
    EntityNote {
        sources: sources.collect(),
        id: outline.id,
        ancestors: outline.ancestors,
        attributes: outline.attributes,
    }
}

pub(super) fn policies(
    config: &Config,
    protected: &Protected,
    session: &Session,
    resource: &Resource,
    facts: &Facts,
) -> Note {
    Note::Policies { policies: config.engine.inspect(&protected.plan, session, resource, facts) }
}

pub(super) fn verdict(verdict: &Verdict) -> Note {
    Note::Verdict {
        cause: verdict.outcome.as_ref().err().map(|refusal| refusal.cause.code()),
        asks: verdict.outcome.as_ref().err().map(|refusal| refusal.demand.parameters()).unwrap_or_default(),
        policies: verdict.policies.iter().map(ToString::to_string).collect(),
        reasons: verdict.reasons.iter().map(ToString::to_string).collect(),
        errors: verdict.errors.clone(),
    }
}

pub(super) fn forward(gate: &Gate, known: &Known) -> Note {
    let headers = &gate.config().forward.headers;
    let set = known.session.iter().flat_map(|session| {
        headers.iter().filter_map(|(name, path)| {
            session.claims.at(path)?;
            let alone = Forward { headers: vec![(name.clone(), path.clone())], ..Forward::default() };
            Some((name.as_str().to_owned(), path.to_string(), alone.identity(&session.claims).is_ok()))
        })
    });
    let rewritten: Vec<String> = known.rewrite.iter().map(|(name, _)| name.clone()).collect();
    let removed = known.strip.iter().filter(|name| !rewritten.contains(name)).cloned().collect();
    Note::Forward { removed, rewritten, set: set.collect() }
}

pub(super) fn outcome(record: &Record, status: Option<u16>) -> Note {
    Note::Outcome { decision: record.decision, cause: record.cause, mode: record.mode, status }
}
