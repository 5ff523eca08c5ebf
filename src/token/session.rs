//! What a verified token says, in types.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::rc::Rc;

use super::{Actor, ClaimSet, Delegate, Provider, notes};
use crate::audit::bounded;
use crate::journal::Journal;
use crate::policy::{EntityId, EntityType, Preparations, TypedValue};
use crate::refusal::Cause;

/// A verified identity, and how its holder proved to be it. Made by [`super::Bound::session`] only.
#[derive(Clone, Debug)]
pub struct Session {
    identity: Rc<Identity>,
    /// What the holder has proved.
    pub binding: Binding,
}

/// What the claims of a token say. The same for every request that shows the token, and so kept beside it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider's name.
    pub provider: String,
    /// `iss`.
    pub issuer: String,
    /// `client_id`, or `azp` where there is none.
    pub client: Option<String>,
    /// `jti`.
    pub token_id: Option<String>,
    /// Who asks: `<provider>|<id>`.
    pub principal: EntityId,
    /// The principal's attributes.
    pub attributes: BTreeMap<String, TypedValue>,
    /// Roles and groups.
    pub parents: BTreeSet<EntityId>,
    /// `aud`.
    pub audience: BTreeSet<String>,
    /// Granted scopes.
    pub scopes: BTreeSet<String>,
    /// `iat`, in seconds since the Unix epoch.
    pub issued_at: i64,
    /// `exp`, in seconds since the Unix epoch.
    pub expires_at: i64,
    /// `auth_time`, in seconds since the Unix epoch.
    pub auth_time: Option<i64>,
    /// `acr`.
    pub acr: Option<String>,
    /// `amr`.
    pub amr: BTreeSet<String>,
    /// Who acts for the principal, the current actor first.
    pub actors: Vec<Actor>,
    /// Who may become an actor.
    pub may_act: Option<Delegate>,
    /// All claims, for headers to the upstream.
    pub claims: ClaimSet,
    /// How audit records write it.
    pub recorded: Recorded,
    /// What policies have to know of it, made when it is first needed.
    pub preparations: Preparations,
    /// The separation constraint that it violates by being what it is; looked for once.
    pub conflict: OnceCell<Option<Rc<str>>>,
}

/// An identity in the words of audit records.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The principal, as Cedar writes it.
    pub principal: Rc<str>,
    /// The OAuth client.
    pub client: Option<Rc<str>>,
    /// Who acts for the principal: `issuer|subject`, the current actor first.
    pub actors: Rc<[String]>,
}

/// How a token is bound to its sender.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Binding {
    /// To a key, by a proof for each request (RFC 9449).
    Dpop,
    /// To a key and to a certificate.
    DpopAndMtls,
    /// To the certificate of the connection (RFC 8705).
    Mtls,
    /// Not at all: a bearer token.
    None,
}

impl Binding {
    /// The name in the policy vocabulary and in audit records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dpop => "dpop",
            Self::DpopAndMtls => "dpop+mtls",
            Self::Mtls => "mtls",
            Self::None => "none",
        }
    }
}

impl Session {
    pub(super) fn new(identity: Rc<Identity>, binding: Binding) -> Self {
        Self { identity, binding }
    }
}

impl Deref for Session {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl Identity {
    pub(super) fn read(
        provider: &Provider,
        claims: &ClaimSet,
        issued_at: i64,
        expires_at: i64,
        journal: &mut Journal,
    ) -> Result<Self, Cause> {
        let client_type = client_type(provider, claims);
        let is_client = client_type.is_some();
        journal.note(|| notes::claims(provider, claims, is_client));
        claims.identifier("sub")?.ok_or(Cause::ClaimMissing)?;
        let principal = principal(provider, client_type, claims)?;
        let client = match claims.identifier("client_id")? {
            Some(client) => Some(client),
            None => claims.identifier("azp")?,
        };
        let actors = Actor::chain(claims.get("act"), &provider.issuer)?;
        let identity = Self {
            provider: provider.name.clone(),
            issuer: provider.issuer.clone(),
            client: client.map(str::to_owned),
            token_id: claims.identifier("jti")?.map(str::to_owned),
            // Attributes belong to the entity type of users; a client has none.
            attributes: if is_client { BTreeMap::new() } else { attributes(provider, claims)? },
            parents: parents(provider, claims)?,
            audience: strings(claims, "aud", true)?,
            scopes: claims.scopes()?.into_iter().map(str::to_owned).collect(),
            issued_at,
            expires_at,
            auth_time: authenticated_at(provider, claims, issued_at)?,
            acr: claims.identifier("acr")?.map(str::to_owned),
            amr: strings(claims, "amr", false)?,
            recorded: Recorded {
                principal: bounded(&principal.to_string()).into(),
                client: client.map(|client| bounded(client).into()),
                actors: actors.iter().map(|actor| bounded(&format!("{}|{}", actor.issuer, actor.subject))).collect(),
            },
            principal,
            actors,
            may_act: Delegate::read(claims.get("may_act"), &provider.issuer)?,
            claims: claims.clone(),
            preparations: Preparations::default(),
            conflict: OnceCell::new(),
        };
        journal.note(|| notes::principal(provider, &identity, is_client));
        Ok(identity)
    }
}

/// `auth_time`. A user who is authenticated after the token was issued would never have been authenticated too long ago.
pub(super) fn authenticated_at(provider: &Provider, claims: &ClaimSet, issued_at: i64) -> Result<Option<i64>, Cause> {
    match claims.time("auth_time")? {
        Some(time) if time > issued_at.saturating_add(provider.clock_skew) => Err(Cause::ClaimInvalid),
        time => Ok(time),
    }
}

fn strings(claims: &ClaimSet, name: &str, one_may_stand_alone: bool) -> Result<BTreeSet<String>, Cause> {
    Ok(claims.strings(name, one_may_stand_alone)?.into_iter().map(str::to_owned).collect())
}

/// The entity type of clients, where the token belongs to one.
fn client_type<'a>(provider: &'a Provider, claims: &ClaimSet) -> Option<&'a EntityType> {
    let clients = provider.clients.as_ref()?;
    let claim = claims.at(&clients.claim);
    (claim.is_some() && claim == claims.at(&clients.equals)).then_some(&clients.entity_type)
}

fn principal(provider: &Provider, client_type: Option<&EntityType>, claims: &ClaimSet) -> Result<EntityId, Cause> {
    let rule = &provider.principal;
    let id = claims.identifier_at(&rule.id)?.ok_or(Cause::ClaimMissing)?;
    let entity_type = client_type.unwrap_or(&rule.entity_type);
    // A provider's name has no `|`, so `(provider, id)` can be read back from the text in one way only.
    Ok(EntityId::new(entity_type, &format!("{}|{id}", provider.name)))
}

fn attributes(provider: &Provider, claims: &ClaimSet) -> Result<BTreeMap<String, TypedValue>, Cause> {
    let mut attributes = BTreeMap::new();
    for (name, attribute) in &provider.principal.attributes {
        match claims.at(&attribute.claim) {
            Some(value) => {
                let value = TypedValue::of_json(value, attribute.value_type).ok_or(Cause::ClaimInvalid)?;
                attributes.insert(name.clone(), value);
            }
            None if attribute.required => return Err(Cause::ClaimMissing),
            None => {}
        }
    }
    Ok(attributes)
}

fn parents(provider: &Provider, claims: &ClaimSet) -> Result<BTreeSet<EntityId>, Cause> {
    let mut parents = BTreeSet::new();
    for rule in &provider.parents {
        for value in claims.strings_at(&rule.claim)? {
            let counts = rule.allow.as_ref().is_none_or(|allowed| allowed.iter().any(|each| each == value));
            if counts {
                parents.insert(EntityId::new(&rule.entity_type, value));
            }
        }
    }
    Ok(parents)
}
