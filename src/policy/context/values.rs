//! The values of a context: those that an identity settles for all its requests, and those of one request.
//!
//! Most of a context says who asks, which is the same for every request that shows the same token. So that part is made
//! once, and kept beside the token.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::RestrictedExpression;
use cedar_policy_core::ast::{Context, Value};
use chrono::{DateTime, Datelike, Timelike};
use smol_str::SmolStr;

use super::{Fact, Facts, Node, Part, Plan};
use crate::policy::TypedValue;
use crate::policy::value::{evaluated, set_of_strings};
use crate::token::{Identity, Session};

/// The part of a plan's context that is the same for every request of an identity.
pub(in crate::policy) struct Settled {
    /// The whole context, where nothing in it depends on the request.
    whole: Option<Members>,
    /// In the order of the plan's nodes.
    nodes: Vec<Known>,
}

/// The members of a record; cloning them costs nothing.
type Members = Arc<BTreeMap<SmolStr, Value>>;

/// What an identity says about a node.
enum Known {
    /// Nothing: the request has to tell.
    Open,
    /// Something about its members.
    Record(Vec<Known>),
    /// Everything; it may be absent.
    Settled(Option<Value>),
}

impl Plan {
    /// What an identity settles.
    ///
    /// # Errors
    ///
    /// Cedar's message; a value that Cedar does not take.
    pub(in crate::policy) fn settled(&self, identity: &Identity) -> Result<Settled, String> {
        let nodes = settled(&self.context, identity)?;
        Ok(Settled { whole: members(&self.context, &nodes), nodes })
    }

    /// Builds the context of a request.
    ///
    /// # Errors
    ///
    /// As [`Plan::settled`].
    pub(in crate::policy) fn context(
        &self,
        settled: &Settled,
        session: &Session,
        facts: &Facts,
    ) -> Result<Context, String> {
        let members = match &settled.whole {
            Some(whole) => Arc::clone(whole),
            None => values(&self.context, &settled.nodes, session, facts)?,
        };
        Ok(Context::Value(members))
    }
}

fn settled(nodes: &[(SmolStr, Node)], identity: &Identity) -> Result<Vec<Known>, String> {
    let known = |(_, node): &(SmolStr, Node)| match node {
        Node::Fact(fact) => Ok(fact.of_identity(identity)?.map_or(Known::Open, Known::Settled)),
        Node::Record(inner) => {
            let known = settled(inner, identity)?;
            Ok(match members(inner, &known) {
                Some(members) => Known::Settled(Some(Value::record_arc(members, None))),
                None => Known::Record(known),
            })
        }
    };
    nodes.iter().map(known).collect()
}

/// The members of a record of which everything is settled.
fn members(nodes: &[(SmolStr, Node)], known: &[Known]) -> Option<Members> {
    let mut members = BTreeMap::new();
    for ((name, _), known) in nodes.iter().zip(known) {
        let Known::Settled(value) = known else { return None };
        members.extend(value.clone().map(|value| (name.clone(), value)));
    }
    Some(Arc::new(members))
}

/// The members of a record, as far as they are not settled from the request.
fn values(nodes: &[(SmolStr, Node)], known: &[Known], session: &Session, facts: &Facts) -> Result<Members, String> {
    let mut members = BTreeMap::new();
    for ((name, node), known) in nodes.iter().zip(known) {
        let value = match (known, node) {
            (Known::Settled(value), _) => value.clone(),
            (Known::Record(known), Node::Record(inner)) => {
                Some(Value::record_arc(values(inner, known, session, facts)?, None))
            }
            (Known::Open | Known::Record(_), Node::Fact(fact)) => fact.of_request(session, facts)?,
            // A record is never open as a whole.
            (Known::Open, Node::Record(_)) => None,
        };
        members.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(Arc::new(members))
}

impl Fact {
    /// The value that an identity gives, or gives none; nothing where a request has to.
    fn of_identity(&self, identity: &Identity) -> Result<Option<Option<Value>>, String> {
        let time = |seconds: Option<i64>| seconds.and_then(datetime).transpose();
        Ok(Some(match self {
            Self::TokenAcr => identity.acr.as_deref().map(Value::from),
            Self::TokenActor(part) => {
                let actor = identity.actors.first();
                let part = actor.and_then(|it| part.of(&it.issuer, Some(&it.subject), it.client.as_deref()));
                part.map(Value::from)
            }
            Self::TokenActors(parts) => Some(actors(identity, parts)),
            Self::TokenAmr => Some(set_of_strings(&identity.amr)),
            Self::TokenAudience => Some(set_of_strings(&identity.audience)),
            Self::TokenAuthTime => time(identity.auth_time)?,
            Self::TokenClient => identity.client.as_deref().map(Value::from),
            Self::TokenExpiresAt => time(Some(identity.expires_at))?,
            Self::TokenId => identity.token_id.as_deref().map(Value::from),
            Self::TokenIssuedAt => time(Some(identity.issued_at))?,
            Self::TokenIssuer => Some(Value::from(identity.issuer.as_str())),
            Self::TokenMayAct(part) => {
                let delegate = identity.may_act.as_ref();
                let part = delegate.and_then(|it| part.of(&it.issuer, it.subject.as_deref(), it.client.as_deref()));
                part.map(Value::from)
            }
            Self::TokenScopes => Some(set_of_strings(&identity.scopes)),
            Self::Body(_)
            | Self::Header(_)
            | Self::HttpHost
            | Self::HttpMethod
            | Self::HttpPath
            | Self::Query(_)
            | Self::SourceIp
            | Self::TimeNow
            | Self::TokenBinding => return Ok(None),
        }))
    }

    /// The value that a request gives.
    fn of_request(&self, session: &Session, facts: &Facts) -> Result<Option<Value>, String> {
        let declared = |value: Option<&TypedValue>| value.map(TypedValue::evaluated).transpose();
        match self {
            Self::Body(name) => declared(facts.body.get(name)),
            Self::Header(name) => declared(facts.headers.get(name)),
            Self::HttpHost => Ok(Some(Value::from(facts.host.as_str()))),
            Self::HttpMethod => Ok(Some(Value::from(facts.method.as_str()))),
            Self::HttpPath => Ok(Some(Value::from(facts.path.as_str()))),
            Self::Query(name) => declared(facts.query.get(name)),
            Self::SourceIp => {
                let address = |ip: std::net::IpAddr| evaluated(&RestrictedExpression::new_ip(ip.to_string()));
                facts.source.map(address).transpose()
            }
            Self::TimeNow => datetime(facts.now).transpose(),
            Self::TokenBinding => Ok(Some(Value::from(session.binding.name()))),
            Self::TokenAcr
            | Self::TokenActor(_)
            | Self::TokenActors(_)
            | Self::TokenAmr
            | Self::TokenAudience
            | Self::TokenAuthTime
            | Self::TokenClient
            | Self::TokenExpiresAt
            | Self::TokenId
            | Self::TokenIssuedAt
            | Self::TokenIssuer
            | Self::TokenMayAct(_)
            | Self::TokenScopes => Ok(self.of_identity(session)?.flatten()),
        }
    }
}

fn actors(identity: &Identity, parts: &[Part]) -> Value {
    let actors = identity.actors.iter().map(|actor| {
        let part = |part: &Part| {
            // Policies compare whole records, and one with an optional member is equal to none that they can write. So an
            // actor without a client has the empty one, which no token can name.
            let text = part.of(&actor.issuer, Some(&actor.subject), actor.client.as_deref()).unwrap_or_default();
            (SmolStr::new_static(part.name()), Value::from(text))
        };
        Value::record_arc(Arc::new(parts.iter().map(part).collect()), None)
    });
    Value::set(actors, None)
}

/// Seconds since the Unix epoch as Cedar's `datetime`; nothing where it has none.
fn datetime(seconds: i64) -> Option<Result<Value, String>> {
    let time = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    let (date, clock) = (time.date(), time.time());
    Some(evaluated(&RestrictedExpression::new_datetime(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        date.month(),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    ))))
}
