//! The context of a request: what the schema of its action declares, and not more.
//!
//! A policy set that is strictly validated can refer to declared attributes only, so building just those changes no
//! decision and keeps the request cheap. The match between what is declared and what the filter can supply is made once,
//! when the configuration is loaded.

mod values;

pub(super) use values::Settled;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use cedar_policy::{Entities, EntityTypeName, EntityUid, PolicySet};
use smol_str::SmolStr;

use super::preparation::Neighbourhoods;
use super::question::RouteQuestion;
use super::rules::Rules;
use super::schema::{Attribute, Declared};
use super::{TypedValue, ValueType};

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
    pub(super) action_name: Rc<str>,
    /// The policies whose scope admits the action; the others cannot be satisfied, nor err.
    pub(super) policies: PolicySet,
    /// The entities that those policies name, and the action.
    pub(super) base: Entities,
    /// The principal types that the schema knows for the action; another one is denied without asking.
    pub(super) principals: Vec<EntityTypeName>,
    pub(super) context: Vec<(SmolStr, Node)>,
    /// Its place among the plans of its engine.
    pub(super) number: usize,
    /// The policies once more, ready to be asked.
    pub(super) rules: Rules,
    /// What principals stand in, by their parents.
    pub(super) neighbourhoods: Neighbourhoods,
}

/// A part of the context.
#[derive(Debug)]
pub(super) enum Node {
    Fact(Fact),
    Record(Vec<(SmolStr, Node)>),
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
    /// The current actor.
    TokenActor(Part),
    /// The whole chain, each actor with these parts: a record is equal to another one only if both have the same.
    TokenActors(Vec<Part>),
    TokenAmr,
    TokenAudience,
    TokenAuthTime,
    TokenBinding,
    TokenClient,
    TokenExpiresAt,
    TokenId,
    TokenIssuedAt,
    TokenIssuer,
    /// Who may become an actor.
    TokenMayAct(Part),
    TokenScopes,
}

/// What is known of an actor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Client,
    Issuer,
    Subject,
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
    let part = |part: Part| (part.name().to_owned(), Attribute { declared: Declared::String, required: true });
    let actors = Declared::Set(Box::new(Declared::Record(Part::ALL.map(part).into())));
    let party = |fact: fn(Part) -> Fact| {
        Offer::Record(record(Part::ALL.map(|part| (part.name(), fact(part), Declared::String, false))))
    };
    let token = [
        ("acr", Fact::TokenAcr, Declared::String, false),
        ("actors", Fact::TokenActors(Part::ALL.to_vec()), actors, true),
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
    let mut token = record(token);
    token.insert("actor".to_owned(), party(Fact::TokenActor));
    token.insert("may_act".to_owned(), party(Fact::TokenMayAct));
    let mut http = record(http);
    http.insert("headers".to_owned(), declared_values(headers, Fact::Header));
    http.insert("query".to_owned(), declared_values(query, Fact::Query));
    let ip = Declared::Extension("ipaddr".to_owned());
    [
        ("body".to_owned(), declared_values(body, Fact::Body)),
        ("http".to_owned(), Offer::Record(http)),
        ("source".to_owned(), Offer::Record(record([("ip", Fact::SourceIp, ip, false)]))),
        ("time".to_owned(), Offer::Record(record([("now", Fact::TimeNow, datetime(), true)]))),
        ("token".to_owned(), Offer::Record(token)),
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
) -> Vec<(SmolStr, Node)> {
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
                nodes.push((name.into(), Node::Record(inner)));
            }
            (Some(Offer::Fact { fact, declared, always }), wanted) => match fact.fitted(declared, wanted) {
                Some(fact) => {
                    if attribute.required && !always {
                        complaints.push(format!("`{path}` is not always there, but the schema requires it"));
                    }
                    nodes.push((name.into(), Node::Fact(fact)));
                }
                None => complaints.push(format!("`{path}` is {declared}, but the schema declares {wanted}")),
            },
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
    pub fn action_name(&self) -> &Rc<str> {
        &self.action_name
    }

    /// Whether the context has the peer's address.
    #[must_use]
    pub fn needs_source(&self) -> bool {
        fn in_nodes(nodes: &[(SmolStr, Node)]) -> bool {
            nodes.iter().any(|(_, node)| match node {
                Node::Fact(fact) => matches!(fact, Fact::SourceIp),
                Node::Record(inner) => in_nodes(inner),
            })
        }
        in_nodes(&self.context)
    }
}

impl Part {
    const ALL: [Self; 3] = [Self::Client, Self::Issuer, Self::Subject];

    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Issuer => "issuer",
            Self::Subject => "subject",
        }
    }

    fn of<'a>(self, issuer: &'a str, subject: Option<&'a str>, client: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Client => client,
            Self::Issuer => Some(issuer),
            Self::Subject => subject,
        }
    }
}

impl Fact {
    /// The fact as the schema wants it, if that is possible. Of actors, a schema may want some parts only.
    fn fitted(&self, offered: &Declared, wanted: &Declared) -> Option<Self> {
        if offered == wanted {
            return Some(self.clone());
        }
        let (Self::TokenActors(parts), Declared::Set(one), Declared::Set(other)) = (self, offered, wanted) else {
            return None;
        };
        let (Declared::Record(offered), Declared::Record(wanted)) = (one.as_ref(), other.as_ref()) else { return None };
        let fits = |(name, attribute): (&String, &Attribute)| {
            let known = offered.get(name).filter(|known| known.declared == attribute.declared);
            known.is_some_and(|known| known.required || !attribute.required)
        };
        let parts = parts.iter().copied().filter(|part| wanted.contains_key(part.name()));
        wanted.iter().all(fits).then(|| Self::TokenActors(parts.collect()))
    }
}
