//! The decision about one request, as a list of steps.

use std::collections::{BTreeMap, BTreeSet};

use super::{Arrival, Now, body, notes};
use crate::audit::{Record, bounded, hexadecimal};
use crate::gate::Gate;
use crate::http::{Authority, CanonicalPath, Headers, Query, RequestHead, fold};
use crate::journal::Journal;
use crate::policy::{Facts, Permit, TypedValue};
use crate::refusal::{Cause, Refusal};
use crate::route::{Access, Declaration, Parameters, Protected};
use crate::token::{Session, UntrustedToken};

/// What is known about a request so far; survives a refusal.
pub(super) struct Known {
    /// The record of the decision.
    pub(super) record: Record,
    /// The verified identity.
    pub(super) session: Option<Session>,
    /// Headers that must not reach the upstream.
    pub(super) strip: Vec<String>,
    /// Whether the caller speaks gRPC.
    pub(super) is_grpc: bool,
    now: Now,
}

/// How far the head alone leads.
pub(super) enum Step {
    /// To a question that lacks the body.
    AwaitBody(Box<Question>),
    /// To a permit.
    Permitted(Permit),
}

/// A question to the policies.
pub(super) struct Question {
    /// The route, by its place in the table.
    route: usize,
    parameters: Parameters,
    facts: Facts,
}

/// A question that waits for its body.
pub(super) struct Asking {
    question: Box<Question>,
    declared: BTreeMap<String, crate::route::BodyMember>,
    known: Known,
    deadline: u64,
}

/// Decides as far as the head alone allows. What is learnt on the way stays in `known`.
pub(super) fn decide(gate: &Gate, arrival: Arrival, known: &mut Known, journal: &mut Journal) -> Result<Step, Refusal> {
    let config = gate.config();
    let Arrival { headers, end_of_stream, source, now, .. } = arrival;

    // What is asked for, in one form.
    let headers = headers.ok_or(Cause::HostFailed)?;
    known.of_pairs(&headers);
    let head = RequestHead::from_pairs(headers).map_err(|_| Cause::HeaderMalformed)?;
    known.of_head(gate, &head);
    journal.note(|| notes::head(&head, source));
    journal.note(|| notes::clock(now));
    let seconds = now.reliable_seconds().ok_or(Cause::ClockUnreliable)?;
    let host = Authority::parse(&head.authority);
    journal.note(|| notes::host(host.as_ref().ok()));
    let host = host.map_err(|_| Cause::HostMalformed)?;
    known.record.host = Some(bounded(host.host()));
    let path = CanonicalPath::parse(&head.target);
    journal.note(|| notes::path(path.as_ref().ok().map(|(path, _)| path)));
    let (path, query) = path.map_err(|_| Cause::PathMalformed)?;
    known.record.path = Some(bounded(path.as_str()));
    let query = Query::new(query);
    journal.note(|| notes::meaning(&head, query));
    refuse_replaced_meaning(gate, &head, query)?;

    // Which action that is, on what.
    let found = config.routes.find(&head.method, &path);
    journal.note(|| notes::route(&config.routes, &head.method, &path, found.as_ref().ok()));
    let (index, route, parameters) = found?;
    known.record.route = Some(route.name.clone());
    let protected = match &route.access {
        Access::Public(declaration) => return Ok(Step::Permitted(Permit::of_public_route(declaration))),
        Access::Protected(protected) => protected,
    };
    known.record.action = Some(protected.plan.action_name());

    // Who asks.
    let session = authenticate(gate, &head.headers, query, seconds, known, journal)?;
    let held = config.engine.held(&session);
    journal.note(|| notes::separation(&config.separation, &held));
    known.session = Some(session);
    if let Some(constraint) = config.separation.violated(&held) {
        known.record.policies = vec![format!("separation:{}", constraint.id)];
        return Err(Cause::SeparationStatic.into());
    }
    let session = known.session.as_ref().ok_or(Cause::PolicyError)?;
    journal.note(|| notes::scopes(protected, session));
    if !protected.scopes.iter().all(|scope| session.scopes.contains(scope)) {
        return Err(Refusal { cause: Cause::ScopeInsufficient, scopes: protected.scopes.clone() });
    }

    // What the request says about itself.
    journal.note(|| notes::declared_query(protected, query));
    let declared = declared_query(protected, query)?;
    journal.note(|| notes::declared_headers(protected, &head.headers));
    let facts = Facts {
        method: head.method.clone(),
        host: host.host().to_owned(),
        path: path.as_str().to_owned(),
        source,
        now: seconds,
        query: declared,
        headers: declared_headers(protected, &head.headers)?,
        body: BTreeMap::new(),
    };
    let question = Question { route: index, parameters, facts };
    if protected.body.is_empty() {
        return question.ask(gate, known, journal).map(Step::Permitted);
    }
    journal.note(|| notes::body_head(&head.headers, config.limits.body_bytes));
    body::check_head(&head.headers, config.limits.body_bytes)?;
    if end_of_stream { Err(Cause::BodyInvalid.into()) } else { Ok(Step::AwaitBody(Box::new(question))) }
}

/// A request that carries the means to become another one behind this filter is refused: hop-by-hop nominations of
/// protected headers (CVE-2024-45410), and a method that replaces the one decided about.
fn refuse_replaced_meaning(gate: &Gate, head: &RequestHead, query: Query<'_>) -> Result<(), Cause> {
    let config = gate.config();
    for nominated in head.headers.all("connection").flat_map(|value| value.split(|byte| *byte == b',')) {
        let name = std::str::from_utf8(nominated).map_err(|_| Cause::HeaderMalformed)?.trim();
        let credential = config.credentials.names().any(|own| own.folded() == fold(name));
        if credential || config.forward.is_protected(name) {
            return Err(Cause::HeaderMalformed);
        }
    }
    match query.single("_method") {
        Ok(None) => Ok(()),
        Ok(Some(_)) | Err(_) => Err(Cause::QueryInvalid),
    }
}

/// From a credential to a session: each proof takes the one before it.
fn authenticate(
    gate: &Gate,
    headers: &Headers,
    query: Query<'_>,
    now: i64,
    known: &mut Known,
    journal: &mut Journal,
) -> Result<Session, Cause> {
    let config = gate.config();
    journal.note(|| notes::credential(headers, &config.credentials));
    let credential = config.credentials.extract(headers, query)?;
    let untrusted = UntrustedToken::parse(&credential, &config.providers, config.limits.claims_depth, journal)?;
    let authentic = untrusted.authenticate(gate.verifier(), journal)?;
    known.record.provider = Some(authentic.provider().name.clone());
    let token_id = authentic.claims().identifier("jti").ok().flatten().map(bounded);
    known.record.token_id = Some(token_id.unwrap_or_else(|| gate.token_name(credential.token())));
    let session = authentic.timely(now, journal)?.bound(journal)?.session(journal)?;
    known.of_session(&session);
    Ok(session)
}

fn declared_query(protected: &Protected, query: Query<'_>) -> Result<BTreeMap<String, TypedValue>, Cause> {
    let mut values = BTreeMap::new();
    for (name, declaration) in &protected.query {
        let text = query.single(name).map_err(|_| Cause::QueryInvalid)?;
        values.extend(typed(name, text.as_deref(), *declaration).map_err(|()| Cause::QueryInvalid)?);
    }
    Ok(values)
}

fn declared_headers(protected: &Protected, headers: &Headers) -> Result<BTreeMap<String, TypedValue>, Cause> {
    let mut values = BTreeMap::new();
    for (name, declaration) in &protected.headers {
        let value = headers.single(name).map_err(|_| Cause::HeaderMalformed)?;
        let text = value.map(std::str::from_utf8).transpose().map_err(|_| Cause::HeaderMalformed)?;
        values.extend(typed(name, text, *declaration).map_err(|()| Cause::HeaderMalformed)?);
    }
    Ok(values)
}

pub(super) fn typed(
    name: &str,
    text: Option<&str>,
    declaration: Declaration,
) -> Result<Option<(String, TypedValue)>, ()> {
    match text {
        Some(text) => {
            let value = TypedValue::of_text(text, declaration.value_type).ok_or(())?;
            Ok(Some((name.to_owned(), value)))
        }
        None if declaration.required => Err(()),
        None => Ok(None),
    }
}

impl Question {
    /// Asks the policies.
    fn ask(&self, gate: &Gate, known: &mut Known, journal: &mut Journal) -> Result<Permit, Refusal> {
        let config = gate.config();
        let protected = config.routes.protected(self.route).ok_or(Cause::PolicyError)?;
        let session = known.session.as_ref().ok_or(Cause::PolicyError)?;
        let resource = protected.resource.fill(&self.parameters, &self.facts);
        known.record.resource = Some(bounded(&resource.id.to_string()));
        journal.note(|| notes::question(config, protected, session, &resource, &self.facts));
        let verdict = config.engine.decide(&protected.plan, session, &resource, &self.facts);
        journal.note(|| notes::policies(config, protected, session, &resource, &self.facts));
        journal.note(|| notes::verdict(&verdict));
        known.record.policies = verdict.policies;
        known.record.reasons = verdict.reasons;
        known.record.errors = verdict.errors.iter().map(|error| bounded(error)).collect();
        verdict.outcome.map_err(Refusal::from)
    }

    /// Waits for the body.
    pub(super) fn with(self: Box<Self>, known: Known, gate: &Gate) -> Asking {
        let config = gate.config();
        let declared = config.routes.protected(self.route).map(|route| route.body.clone()).unwrap_or_default();
        let deadline = known.now.unix_nanos.saturating_add(config.limits.body_timeout_nanos);
        Asking { question: self, declared, known, deadline }
    }
}

impl Asking {
    /// See [`super::Exchange::deadline`].
    pub(super) fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Reads what the route declares of the body.
    pub(super) fn read_body(&self, body: &[u8], journal: &mut Journal) -> Result<BTreeMap<String, TypedValue>, Cause> {
        journal.note(|| notes::body(body, &self.declared));
        body::read(body, &self.declared)
    }

    /// Asks the policies with the body.
    pub(super) fn ask_with(
        &mut self,
        gate: &Gate,
        body: BTreeMap<String, TypedValue>,
        journal: &mut Journal,
    ) -> Result<Permit, Refusal> {
        self.question.facts.body = body;
        self.question.ask(gate, &mut self.known, journal)
    }

    /// What is known, once the decision is made.
    pub(super) fn into_known(self) -> Known {
        self.known
    }
}

impl Known {
    /// Nothing yet, but that a request has arrived.
    pub(super) fn new(gate: &Gate, arrival: &Arrival) -> Self {
        let record = Record {
            cedar_gate: "audit",
            decision_id: hexadecimal(&arrival.entropy),
            time: arrival.now.to_rfc3339(),
            policy_digest: gate.config().engine.digest().to_owned(),
            mode: gate.config().mode.name(),
            ..Record::default()
        };
        Self { record, session: None, strip: Vec::new(), is_grpc: false, now: arrival.now }
    }

    /// What names a request even where its head cannot be read as one.
    fn of_pairs(&mut self, headers: &[(Vec<u8>, Vec<u8>)]) {
        let text = |name: &str| {
            let value =
                headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value);
            value.and_then(|value| std::str::from_utf8(value).ok()).map(bounded)
        };
        self.record.method = text(":method").unwrap_or_default();
        self.record.request_id = text("x-request-id");
    }

    fn of_head(&mut self, gate: &Gate, head: &RequestHead) {
        self.is_grpc = head.is_grpc();
        let config = gate.config();
        self.strip = config.forward.stripped(&head.headers);
        if config.forward.removes_token {
            let credential = |name: &&str| config.credentials.names().any(|own| own.folded() == fold(name).as_ref());
            let present: BTreeSet<&str> = head.headers.names().filter(credential).collect();
            self.strip.extend(present.into_iter().map(str::to_owned));
        }
    }

    fn of_session(&mut self, session: &Session) {
        self.record.principal = Some(bounded(&session.principal.to_string()));
        self.record.client = session.client.as_deref().map(bounded);
        let actors = session.actors.iter().map(|actor| bounded(&format!("{}|{}", actor.issuer, actor.subject)));
        self.record.actors = actors.collect();
        self.record.binding = Some(session.binding.name());
    }
}
