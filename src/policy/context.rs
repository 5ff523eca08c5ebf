//! The context of a request: what the schema of its action declares, and not more.
//!
//! A policy set that is strictly validated can refer to declared attributes only, so building just those changes no
//! decision and keeps the request cheap. The match between what is declared and what the filter can supply is made once,
//! when the configuration is loaded.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cedar_policy::{Context, Entities, EntityTypeName, EntityUid, PolicySet, RestrictedExpression};
use chrono::{DateTime, Datelike, Timelike};

use super::question::RouteQuestion;
use super::schema::{Attribute, Declared};
use super::{TypedValue, ValueType};
use crate::token::Session;

/// What a request says about itself, besides its token.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The canonical path.
    pub path: String,
    /// The address of the peer, where the gateway tells it.
    pub source: Option<IpAddr>,
    /// The time, in seconds since the Unix epoch.
    pub now: i64,
    /// Declared query parameters.
    pub query: BTreeMap<String, TypedValue>,
    /// Declared headers.
    pub headers: BTreeMap<String, TypedValue>,
    /// Declared members of the body.
    pub body: BTreeMap<String, TypedValue>,
}

/// How the questions of one route are put.
pub struct Plan {
    pub(super) action: EntityUid,
    /// The policies whose scope admits the action; the others cannot be satisfied, nor err.
    pub(super) policies: PolicySet,
    /// The entities that those policies name, and the action.
    pub(super) base: Entities,
    /// The principal types that the schema knows for the action; another one is denied without asking.
    pub(super) principals: Vec<EntityTypeName>,
    pub(super) context: Vec<(String, Node)>,
}

/// A part of the context.
#[derive(Debug)]
pub(super) enum Node {
    Fact(Fact),
    Record(Vec<(String, Node)>),
}

/// One attribute, and where it comes from.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Body(String),
    Header(String),
    HttpHost,
    HttpMethod,
    HttpPath,
    Query(String),
    SourceIp,
    TimeNow,
    TokenAcr,
    TokenActors,
    TokenAmr,
    TokenAudience,
    TokenAuthTime,
    TokenBinding,
    TokenClient,
    TokenExpiresAt,
    TokenId,
    TokenIssuedAt,
    TokenIssuer,
    TokenScopes,
}

/// What the filter can supply.
#[derive(Clone, Debug)]
pub(super) enum Offer {
    /// A single attribute; `always` says that no request lacks it.
    Fact { fact: Fact, declared: Declared, always: bool },
    /// A record, which is always there, if empty.
    Record(Offers),
}

pub(super) type Offers = BTreeMap<String, Offer>;

/// What the filter supplies on a route.
pub(super) fn offers(route: &RouteQuestion) -> Offers {
    offered(&route.body, &route.query, &route.headers)
}

/// What the filter supplies where these members of the body, query parameters and headers are declared.
pub(super) fn offered(
    body: &[(String, ValueType, bool)],
    query: &[(String, ValueType, bool)],
    headers: &[(String, ValueType, bool)],
) -> Offers {
    let datetime = || Declared::Extension("datetime".to_owned());
    let strings = || Declared::Set(Box::new(Declared::String));
    let actor = |name: &str| (name.to_owned(), Attribute { declared: Declared::String, required: true });
    let actors = Declared::Set(Box::new(Declared::Record([actor("issuer"), actor("subject")].into())));
    let token = [
        ("acr", Fact::TokenAcr, Declared::String, false),
        ("actors", Fact::TokenActors, actors, true),
        ("amr", Fact::TokenAmr, strings(), true),
        ("audience", Fact::TokenAudience, strings(), true),
        ("auth_time", Fact::TokenAuthTime, datetime(), false),
        ("binding", Fact::TokenBinding, Declared::String, true),
        ("client", Fact::TokenClient, Declared::String, false),
        ("expires_at", Fact::TokenExpiresAt, datetime(), true),
        ("id", Fact::TokenId, Declared::String, false),
        ("issued_at", Fact::TokenIssuedAt, datetime(), true),
        ("issuer", Fact::TokenIssuer, Declared::String, true),
        ("scopes", Fact::TokenScopes, strings(), true),
    ];
    let http = [
        ("host", Fact::HttpHost, Declared::String, true),
        ("method", Fact::HttpMethod, Declared::String, true),
        ("path", Fact::HttpPath, Declared::String, true),
    ];
    let mut http = record(http);
    http.insert("headers".to_owned(), declared_values(headers, Fact::Header));
    http.insert("query".to_owned(), declared_values(query, Fact::Query));
    let ip = Declared::Extension("ipaddr".to_owned());
    [
        ("body".to_owned(), declared_values(body, Fact::Body)),
        ("http".to_owned(), Offer::Record(http)),
        ("source".to_owned(), Offer::Record(record([("ip", Fact::SourceIp, ip, false)]))),
        ("time".to_owned(), Offer::Record(record([("now", Fact::TimeNow, datetime(), true)]))),
        ("token".to_owned(), Offer::Record(record(token))),
    ]
    .into()
}

fn record<const N: usize>(facts: [(&str, Fact, Declared, bool); N]) -> Offers {
    let offer = |(name, fact, declared, always): (&str, Fact, Declared, bool)| {
        (name.to_owned(), Offer::Fact { fact, declared, always })
    };
    facts.into_iter().map(offer).collect()
}

fn declared_values(values: &[(String, ValueType, bool)], fact: fn(String) -> Fact) -> Offer {
    let offer = |(name, value_type, always): &(String, ValueType, bool)| {
        (name.clone(), Offer::Fact { fact: fact(name.clone()), declared: declared(*value_type), always: *always })
    };
    Offer::Record(values.iter().map(offer).collect())
}

pub(super) fn declared(value_type: ValueType) -> Declared {
    match value_type {
        ValueType::Boolean => Declared::Boolean,
        ValueType::Decimal => Declared::Extension("decimal".to_owned()),
        ValueType::Long => Declared::Long,
        ValueType::SetOfString => Declared::Set(Box::new(Declared::String)),
        ValueType::String => Declared::String,
    }
}

/// What any of several routes supplies; used to tell an attribute of another route of the action from a typing error.
pub(super) fn union(all: impl IntoIterator<Item = Offers>) -> Offers {
    let mut union = Offers::new();
    for offers in all {
        for (name, offer) in offers {
            match (union.remove(&name), offer) {
                (Some(Offer::Record(one)), Offer::Record(other)) => {
                    union.insert(name, Offer::Record(self::union([one, other])));
                }
                (_, offer) => {
                    union.insert(name, offer);
                }
            }
        }
    }
    union
}

/// Matches what is declared with what is offered; complaints name the attribute.
pub(super) fn matched(
    at: &str,
    declared: &BTreeMap<String, Attribute>,
    offers: &Offers,
    elsewhere: &Offers,
    complaints: &mut Vec<String>,
) -> Vec<(String, Node)> {
    let mut nodes = Vec::new();
    for (name, attribute) in declared {
        let path = format!("{at}.{name}");
        match (offers.get(name), &attribute.declared) {
            (Some(Offer::Record(inner)), Declared::Record(attributes)) => {
                let none = Offers::new();
                let elsewhere = match elsewhere.get(name) {
                    Some(Offer::Record(elsewhere)) => elsewhere,
                    Some(Offer::Fact { .. }) | None => &none,
                };
                let inner = matched(&path, attributes, inner, elsewhere, complaints);
                nodes.push((name.clone(), Node::Record(inner)));
            }
            (Some(Offer::Fact { fact, declared, always }), wanted) if declared == wanted => {
                if attribute.required && !always {
                    complaints.push(format!("`{path}` is not always there, but the schema requires it"));
                }
                nodes.push((name.clone(), Node::Fact(fact.clone())));
            }
            (Some(Offer::Fact { declared, .. }), wanted) => {
                complaints.push(format!("`{path}` is {declared}, but the schema declares {wanted}"));
            }
            (Some(Offer::Record(_)), wanted) => {
                complaints.push(format!("`{path}` is a record, but the schema declares {wanted}"));
            }
            (None, _) if elsewhere.contains_key(name) && !attribute.required => {}
            (None, _) if elsewhere.contains_key(name) => {
                complaints.push(format!("`{path}` is missing on this route, but the schema requires it"));
            }
            (None, _) => complaints.push(format!("`{path}` is declared by the schema, but nothing supplies it")),
        }
    }
    nodes
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("action", &self.action.to_string()).finish_non_exhaustive()
    }
}

impl Plan {
    /// The action, as Cedar writes it.
    #[must_use]
    pub fn action_name(&self) -> String {
        self.action.to_string()
    }

    /// Whether the context has the peer's address.
    #[must_use]
    pub fn needs_source(&self) -> bool {
        fn in_nodes(nodes: &[(String, Node)]) -> bool {
            nodes.iter().any(|(_, node)| match node {
                Node::Fact(fact) => matches!(fact, Fact::SourceIp),
                Node::Record(inner) => in_nodes(inner),
            })
        }
        in_nodes(&self.context)
    }

    /// Builds the context of a request.
    ///
    /// # Errors
    ///
    /// Cedar's message; a value that Cedar does not take.
    pub(super) fn context(&self, session: &Session, facts: &Facts) -> Result<Context, String> {
        Context::from_pairs(values(&self.context, session, facts)?).map_err(|error| error.to_string())
    }
}

fn values(
    nodes: &[(String, Node)],
    session: &Session,
    facts: &Facts,
) -> Result<Vec<(String, RestrictedExpression)>, String> {
    let mut values = Vec::with_capacity(nodes.len());
    for (name, node) in nodes {
        let value = match node {
            Node::Fact(fact) => fact.value(session, facts),
            Node::Record(inner) => {
                let inner = values_of_record(inner, session, facts)?;
                Some(inner)
            }
        };
        values.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(values)
}

fn values_of_record(
    nodes: &[(String, Node)],
    session: &Session,
    facts: &Facts,
) -> Result<RestrictedExpression, String> {
    RestrictedExpression::new_record(values(nodes, session, facts)?).map_err(|error| error.to_string())
}

impl Fact {
    fn value(&self, session: &Session, facts: &Facts) -> Option<RestrictedExpression> {
        let text = |text: &str| Some(RestrictedExpression::new_string(text.to_owned()));
        let set = |items: &std::collections::BTreeSet<String>| {
            Some(RestrictedExpression::new_set(items.iter().map(|item| RestrictedExpression::new_string(item.clone()))))
        };
        match self {
            Self::Body(name) => facts.body.get(name).map(TypedValue::expression),
            Self::Header(name) => facts.headers.get(name).map(TypedValue::expression),
            Self::HttpHost => text(&facts.host),
            Self::HttpMethod => text(&facts.method),
            Self::HttpPath => text(&facts.path),
            Self::Query(name) => facts.query.get(name).map(TypedValue::expression),
            Self::SourceIp => facts.source.map(|ip| RestrictedExpression::new_ip(ip.to_string())),
            Self::TimeNow => datetime(facts.now),
            Self::TokenAcr => session.acr.as_deref().and_then(text),
            Self::TokenActors => actors(session),
            Self::TokenAmr => set(&session.amr),
            Self::TokenAudience => set(&session.audience),
            Self::TokenAuthTime => session.auth_time.and_then(datetime),
            Self::TokenBinding => text(session.binding.name()),
            Self::TokenClient => session.client.as_deref().and_then(text),
            Self::TokenExpiresAt => datetime(session.expires_at),
            Self::TokenId => session.token_id.as_deref().and_then(text),
            Self::TokenIssuedAt => datetime(session.issued_at),
            Self::TokenIssuer => text(&session.issuer),
            Self::TokenScopes => set(&session.scopes),
        }
    }
}

fn actors(session: &Session) -> Option<RestrictedExpression> {
    let actors = session.actors.iter().map(|actor| {
        let field = |name: &str, value: &str| (name.to_owned(), RestrictedExpression::new_string(value.to_owned()));
        RestrictedExpression::new_record([field("issuer", &actor.issuer), field("subject", &actor.subject)]).ok()
    });
    // A chain that cannot be written is left out as a whole, so that a policy that asks for it errs, and denies.
    actors.collect::<Option<Vec<_>>>().map(RestrictedExpression::new_set)
}

/// Seconds since the Unix epoch as Cedar's `datetime`.
fn datetime(seconds: i64) -> Option<RestrictedExpression> {
    let time = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    let (date, clock) = (time.date(), time.time());
    Some(RestrictedExpression::new_datetime(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        date.month(),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )))
}
