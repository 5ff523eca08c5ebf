//! Which session a token must become.

use std::collections::{BTreeMap, BTreeSet};

use cedar_gate::policy::TypedValue;
use cedar_gate::token::Session;
use serde_json::{Map, Value};

use crate::mint::NOW;
use crate::tree::object;

/// What a session shows, in plain texts.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Expected {
    principal: String,
    parents: BTreeSet<String>,
    attributes: BTreeMap<String, TypedValue>,
    client: Option<String>,
    scopes: BTreeSet<String>,
    audience: BTreeSet<String>,
    amr: BTreeSet<String>,
    actors: Vec<Party>,
    may_act: Option<(String, Option<String>, Option<String>)>,
    /// `jti` and `acr`.
    texts: [Option<String>; 2],
    /// `iat`, `exp` and `auth_time`.
    times: [Option<i64>; 3],
}

/// The issuer, the subject and the client of an actor.
type Party = (String, String, Option<String>);

impl Expected {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            principal: session.principal.to_string(),
            parents: session.parents.iter().map(ToString::to_string).collect(),
            attributes: session.attributes.clone(),
            client: session.client.clone(),
            scopes: session.scopes.clone(),
            audience: session.audience.clone(),
            amr: session.amr.clone(),
            actors: session
                .actors
                .iter()
                .map(|actor| (actor.issuer.clone(), actor.subject.clone(), actor.client.clone()))
                .collect(),
            may_act: session.may_act.as_ref().map(|who| (who.issuer.clone(), who.subject.clone(), who.client.clone())),
            texts: [session.token_id.clone(), session.acr.clone()],
            times: [Some(session.issued_at), Some(session.expires_at), session.auth_time],
        }
    }
}

/// A claim that is not what it must be.
struct Wrong;

const ISSUER: &str = "https://idp.example.com/";

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The session of a token that the issuer has signed by this algorithm; nothing where there must be none.
pub(super) fn session(algorithm: &str, header: &[u8], claims: &[u8]) -> Option<Expected> {
    let header = object(header, 4, 64)?;
    let claims = object(claims, 16, 1024)?;
    (is_acceptable(&header, algorithm) && is_timely(&claims).ok()? && !is_more_than_a_bearer_token(&claims))
        .then_some(())?;
    read(&claims).ok()
}

fn is_acceptable(header: &Map<String, Value>, algorithm: &str) -> bool {
    let key = if algorithm == "HS256" { "secret" } else { "ed25519" };
    let types = ["at+jwt", "application/at+jwt"];
    let typ = header.get("typ").and_then(Value::as_str).map(str::to_ascii_lowercase);
    !["crit", "b64", "zip", "enc", "cty"].iter().any(|name| header.contains_key(*name))
        && header.get("alg").is_some_and(|name| name == algorithm)
        && header.get("kid").is_none_or(|name| name == key)
        && typ.is_some_and(|typ| types.contains(&typ.as_str()))
}

/// Whether something would have to be asked or proved that nobody asks or proves here.
fn is_more_than_a_bearer_token(claims: &Map<String, Value>) -> bool {
    ["cnf", "status"].iter().any(|name| claims.contains_key(*name))
}

/// Whether it is for us, and for now.
fn is_timely(claims: &Map<String, Value>) -> Result<bool, Wrong> {
    let audience = texts(claims.get("aud"), true)?;
    let (Some(issued), Some(expires)) = (time(claims, "iat")?, time(claims, "exp")?) else { return Ok(false) };
    // Without `nbf`, the token is valid from the time of its issue.
    let from = time(claims, "nbf")?.unwrap_or(issued);
    Ok(claims.get("iss").is_some_and(|issuer| issuer == ISSUER)
        && audience.contains("https://api.example.com")
        && claims.get("client_id").is_some_and(|client| !client.is_null())
        && NOW < expires + 30
        && issued <= NOW + 30
        && from <= NOW + 30
        && from <= expires
        && issued <= expires
        && expires - issued <= 86_400)
}

fn read(claims: &Map<String, Value>) -> Result<Expected, Wrong> {
    let subject = name(claims, "sub")?.ok_or(Wrong)?;
    let client = match name(claims, "client_id")? {
        Some(client) => Some(client),
        None => name(claims, "azp")?,
    };
    let is_client = claims.get("sub") == claims.get("client_id");
    let kind = if is_client { "Client" } else { "User" };
    let mut attributes = BTreeMap::new();
    if !is_client {
        match claims.get("dept") {
            None => {}
            Some(Value::String(department)) => {
                attributes.insert("department".to_owned(), TypedValue::String(department.clone()));
            }
            Some(_) => return Err(Wrong),
        }
        if let Some(limit) = claims.get("limits").and_then(|limits| limits.as_object()?.get("daily")) {
            attributes.insert("limit".to_owned(), TypedValue::Long(limit.as_i64().ok_or(Wrong)?));
        }
    }
    let roles = claims.get("realm_access").and_then(|access| access.as_object()?.get("roles"));
    let roles = texts(roles, false)?;
    Ok(Expected {
        principal: format!("{kind}::\"{}\"", escaped(&format!("corp|{subject}"))),
        parents: ["checker", "maker"]
            .into_iter()
            .filter(|role| roles.contains(*role))
            .map(|role| format!("Role::{role:?}"))
            .collect(),
        attributes,
        client,
        scopes: scopes(claims)?,
        audience: texts(claims.get("aud"), true)?,
        amr: texts(claims.get("amr"), false)?,
        actors: actors(claims.get("act"))?,
        may_act: claims.get("may_act").map(party).transpose()?,
        texts: [name(claims, "jti")?, name(claims, "acr")?],
        times: [time(claims, "iat")?, time(claims, "exp")?, authenticated(claims)?],
    })
}

/// As Cedar writes a string: with the escapes of Rust.
fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Wrong> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let Value::Number(number) = value else { return Err(Wrong) };
    let seconds: i64 = number.to_string().parse().map_err(|_| Wrong)?;
    if (0..=LAST_SECOND).contains(&seconds) { Ok(Some(seconds)) } else { Err(Wrong) }
}

fn name(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Wrong> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Wrong),
    }
}

fn texts(value: Option<&Value>, alone: bool) -> Result<BTreeSet<String>, Wrong> {
    match value {
        None => Ok(BTreeSet::new()),
        Some(Value::String(text)) if alone => Ok(BTreeSet::from([text.clone()])),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned).ok_or(Wrong)).collect(),
        Some(_) => Err(Wrong),
    }
}

fn scopes(claims: &Map<String, Value>) -> Result<BTreeSet<String>, Wrong> {
    let tokens = match (claims.get("scope"), claims.get("scp")) {
        (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => {
            text.split(' ').map(str::to_owned).collect()
        }
        (None, list @ Some(Value::Array(_))) => texts(list, false)?,
        (None, None) => BTreeSet::new(),
        (_, _) => return Err(Wrong),
    };
    let tokens: BTreeSet<String> = tokens.into_iter().filter(|token| !token.is_empty()).collect();
    let visible = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
    if tokens.iter().all(|token| token.bytes().all(visible)) { Ok(tokens) } else { Err(Wrong) }
}

/// A user is authenticated before there is a token about that, give or take what clocks differ.
fn authenticated(claims: &Map<String, Value>) -> Result<Option<i64>, Wrong> {
    let (at, issued) = (time(claims, "auth_time")?, time(claims, "iat")?);
    if at.zip(issued).is_some_and(|(at, issued)| at > issued + 30) { Err(Wrong) } else { Ok(at) }
}

fn party(value: &Value) -> Result<(String, Option<String>, Option<String>), Wrong> {
    let members = value.as_object().ok_or(Wrong)?;
    let text = |name: &str| {
        let text = members.get(name).map(|value| value.as_str().filter(|text| !text.is_empty()).ok_or(Wrong));
        text.transpose().map(|text| text.map(str::to_owned))
    };
    Ok((text("iss")?.unwrap_or_else(|| ISSUER.to_owned()), text("sub")?, text("client_id")?))
}

fn actors(act: Option<&Value>) -> Result<Vec<Party>, Wrong> {
    let Some(value) = act else { return Ok(Vec::new()) };
    let (issuer, subject, client) = party(value)?;
    Ok([vec![(issuer, subject.ok_or(Wrong)?, client)], actors(value.get("act"))?].concat())
}
