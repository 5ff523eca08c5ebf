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
            (Some(Offer::Fact { fact, declared, always }), wanted) => match fact.fitted(declared, wanted) {
                Some(fact) => {
                    if attribute.required && !always {
                        complaints.push(format!("`{path}` is not always there, but the schema requires it"));
                    }
                    nodes.push((name.clone(), Node::Fact(fact)));
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

    /// What of the context an identity alone decides, whatever it asks for.
    ///
    /// # Errors
    ///
    /// Cedar's message; a value that Cedar does not take.
    pub(super) fn settled(&self, identity: &Identity) -> Result<Settled, String> {
        let parts = settled(&self.context, identity)?;
        let whole = parts.iter().map(Part::whole).collect::<Option<Vec<_>>>();
        let named = |values: Vec<Option<Value>>| {
            let values = self.context.iter().zip(values).filter_map(|((name, _), value)| Some((name.clone(), value?)));
            Arc::new(values.collect())
        };
        Ok(Settled { whole: whole.map(named), parts })
    }

    /// Builds the context of a request.
    ///
    /// # Errors
    ///
    /// Cedar's message; a value that Cedar does not take.
    pub(super) fn context(&self, settled: &Settled, session: &Session, facts: &Facts) -> Result<Context, String> {
        Ok(Context::Value(match &settled.whole {
            Some(whole) => Arc::clone(whole),
            None => Arc::new(values(&self.context, &settled.parts, session, facts)?),
        }))
    }
}

/// The part of a context that is the same for every request of an identity.
#[derive(Debug)]
pub(super) struct Settled {
    /// All of it, where nothing depends on the request.
    whole: Option<Arc<BTreeMap<SmolStr, Value>>>,
    /// In the order of the plan's nodes.
    parts: Vec<Part>,
}

/// What is known of a node.
#[derive(Debug)]
enum Part {
    /// The request has to tell.
    Open,
    /// Of some members.
    Record(Vec<Part>),
    /// All, which may be that it is absent.
    Value(Option<Value>),
}

impl Part {
    fn whole(&self) -> Option<Option<Value>> {
        match self {
            Self::Open | Self::Record(_) => None,
            Self::Value(value) => Some(value.clone()),
        }
    }
}

fn settled(nodes: &[(SmolStr, Node)], identity: &Identity) -> Result<Vec<Part>, String> {
    let part = |(_, node): &(SmolStr, Node)| match node {
        Node::Fact(fact) => match fact.of_token() {
            Some(fact) => fact.value(identity).map(Part::Value),
            None => Ok(Part::Open),
        },
        Node::Record(inner) => {
            let parts = settled(inner, identity)?;
            Ok(match parts.iter().map(Part::whole).collect::<Option<Vec<_>>>() {
                Some(values) => {
                    let names = inner.iter().map(|(name, _)| name.clone());
                    let members = names.zip(values).filter_map(|(name, value)| Some((name, value?)));
                    Part::Value(Some(Value::record_arc(Arc::new(members.collect()), None)))
                }
                None => Part::Record(parts),
            })
        }
    };
    nodes.iter().map(part).collect()
}

fn values(
    nodes: &[(SmolStr, Node)],
    parts: &[Part],
    session: &Session,
    facts: &Facts,
) -> Result<BTreeMap<SmolStr, Value>, String> {
    let mut values = BTreeMap::new();
    for ((name, node), part) in nodes.iter().zip(parts) {
        let value = match (node, part) {
            (_, Part::Value(value)) => value.clone(),
            (Node::Fact(fact), Part::Open | Part::Record(_)) => fact.value(session, facts)?,
            (Node::Record(inner), Part::Record(parts)) => {
                Some(Value::record_arc(Arc::new(values_of(inner, parts, session, facts)?), None))
            }
            (Node::Record(_), Part::Open) => None,
        };
        values.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(values)
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
            Self::TokenActor(part) => {
                let actor = session.actors.first()?;
                text(part.of(&actor.issuer, Some(&actor.subject), actor.client.as_deref())?)
            }
            Self::TokenActors(parts) => actors(session, parts),
            Self::TokenAmr => set(&session.amr),
            Self::TokenAudience => set(&session.audience),
            Self::TokenAuthTime => session.auth_time.and_then(datetime),
            Self::TokenBinding => text(session.binding.name()),
            Self::TokenClient => session.client.as_deref().and_then(text),
            Self::TokenExpiresAt => datetime(session.expires_at),
            Self::TokenId => session.token_id.as_deref().and_then(text),
            Self::TokenIssuedAt => datetime(session.issued_at),
            Self::TokenIssuer => text(&session.issuer),
            Self::TokenMayAct(part) => {
                let delegate = session.may_act.as_ref()?;
                text(part.of(&delegate.issuer, delegate.subject.as_deref(), delegate.client.as_deref())?)
            }
            Self::TokenScopes => set(&session.scopes),
        }
    }
}

fn actors(session: &Session, parts: &[Part]) -> Option<RestrictedExpression> {
    let actors = session.actors.iter().map(|actor| {
        let part = |part: &Part| {
            // Policies compare whole records, and one with an optional member is equal to none that they can write. So an
            // actor without a client has the empty one, which no token can name.
            let text = part.of(&actor.issuer, Some(&actor.subject), actor.client.as_deref()).unwrap_or_default();
            (part.name().to_owned(), RestrictedExpression::new_string(text.to_owned()))
        };
        RestrictedExpression::new_record(parts.iter().map(part)).ok()
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
