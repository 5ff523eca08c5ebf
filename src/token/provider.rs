//! Whom tokens come from, and what is made of their claims.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ClaimPath;
use crate::introspection::Introspection;
use crate::jose::{Algorithm, KeySet};
use crate::policy::{EntityType, ValueType};
use crate::remote::Spec;
use crate::sender::SenderConstraint;
use crate::status::{Revoked, StatusLists};

/// An issuer of tokens.
#[derive(Debug)]
pub struct Provider {
    /// The name in the configuration, `[a-z0-9-]+`; the first part of every principal's id.
    pub name: String,
    /// `iss`, compared byte for byte.
    pub issuer: String,
    /// Accepted members of `aud`.
    pub audiences: Vec<String>,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Its place among all providers.
    pub index: usize,
    /// The keys, looked up for this issuer only.
    pub keys: ProviderKeys,
    /// How it is asked what a token is worth, where it is.
    pub introspection: Option<Rc<Introspection>>,
    /// Whether its tokens are bound to their senders.
    pub sender_constraint: SenderConstraint,
    /// Where its status lists lie, where its tokens refer to them.
    pub status_lists: Option<StatusLists>,
    /// Where it lists revoked tokens, where it does.
    pub revoked: Option<Revoked>,
    /// Accepted values of `typ`.
    pub token_types: Vec<TokenType>,
    /// How far the clocks may differ, in seconds.
    pub clock_skew: i64,
    /// The longest time between `iat` and `exp`, in seconds.
    pub max_lifetime: i64,
    /// Claims that must be present, besides those that always must.
    pub require_claims: Vec<ClaimPath>,
    /// How a principal is made.
    pub principal: PrincipalRule,
    /// How the principal's parents are made.
    pub parents: Vec<ParentRule>,
    /// Which tokens belong to a client instead of a user.
    pub clients: Option<ClientRule>,
}

/// Where the keys of an issuer are.
#[derive(Debug)]
pub enum ProviderKeys {
    /// In the configuration.
    Local(Rc<KeySet>),
    /// Nowhere: the issuer is asked about each token.
    None,
    /// Elsewhere, and fetched as needed.
    Remote(Box<Spec>),
}

/// All issuers.
#[derive(Debug, Default)]
pub struct Providers(Vec<Provider>);

/// What a header says in `typ`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenType {
    /// Nothing; configured as `absent`.
    Absent,
    /// A media type in lower case and without `application/` (RFC 7515 §4.1.9, RFC 9068 §4).
    Named(String),
}

/// The principal of a session.
#[derive(Clone, Debug)]
pub struct PrincipalRule {
    /// Its entity type.
    pub entity_type: EntityType,
    /// The claim behind its id.
    pub id: ClaimPath,
    /// Its attributes.
    pub attributes: BTreeMap<String, ClaimAttribute>,
}

/// A principal's attribute that comes from a claim.
#[derive(Clone, Debug)]
pub struct ClaimAttribute {
    /// Where it stands.
    pub claim: ClaimPath,
    /// The type that it must have.
    pub value_type: ValueType,
    /// Whether a token without it is refused.
    pub required: bool,
}

/// Parents of the principal that come from a claim.
#[derive(Clone, Debug)]
pub struct ParentRule {
    /// A claim that is a list of strings.
    pub claim: ClaimPath,
    /// The entity type of the parents.
    pub entity_type: EntityType,
    /// The values that count; all, where nothing is said.
    pub allow: Option<Vec<String>>,
}

/// Tokens whose subject is a client (client credentials) are another type of principal (RFC 9068 §5).
#[derive(Clone, Debug)]
pub struct ClientRule {
    /// The entity type of clients.
    pub entity_type: EntityType,
    /// The token belongs to a client when this claim …
    pub claim: ClaimPath,
    /// … is present and equal to this one.
    pub equals: ClaimPath,
}

impl Providers {
    /// Providers whose names and issuers differ; the configuration sees to that.
    #[must_use]
    pub fn new(mut providers: Vec<Provider>) -> Self {
        for (index, provider) in providers.iter_mut().enumerate() {
            provider.index = index;
        }
        Self(providers)
    }

    /// The provider of exactly this issuer.
    #[must_use]
    pub fn of_issuer(&self, issuer: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.issuer == issuer)
    }

    /// The one provider that is asked about tokens which are no JWT.
    #[must_use]
    pub fn of_opaque_tokens(&self) -> Option<(&Provider, &Rc<Introspection>)> {
        let asked = |provider: &Provider| provider.introspection.as_ref().is_some_and(|one| one.tokens.takes_opaque());
        let provider = self.0.iter().find(|provider| asked(provider))?;
        Some((provider, provider.introspection.as_ref()?))
    }

    /// The provider in this place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Provider> {
        self.0.get(index)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }
}

impl TokenType {
    /// The type of a header.
    #[must_use]
    pub fn of_header(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, |text| {
            let text = text.to_ascii_lowercase();
            Self::Named(text.strip_prefix("application/").map(str::to_owned).unwrap_or(text))
        })
    }

    /// A type as it is configured.
    #[must_use]
    pub fn configured(text: &str) -> Self {
        if text == "absent" { Self::Absent } else { Self::of_header(Some(text)) }
    }
}
