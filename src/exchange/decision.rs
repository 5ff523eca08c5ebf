//! The decision about one request, once its meaning and its sender are known.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::inquiry::Inquiry;
use super::{Arrival, Now, Passing, body, notes};
use crate::audit::{Record, bounded, hexadecimal};
use crate::challenge::Demand;
use crate::config::Config;
use crate::credential::Scheme;
use crate::gate::Gate;
use crate::http::{Headers, Query, RequestHead};
use crate::journal::Journal;
use crate::policy::{Facts, Permit, TypedValue};
use crate::refusal::{Cause, Refusal};
use crate::route::{Declaration, Parameters, Protected};
use crate::token::{Identity, Session};

/// What is known about a request so far; survives a refusal.
pub(super) struct Known {
    /// The record of the decision.
    pub(super) record: Record,
    /// The verified identity.
    pub(super) session: Option<Session>,
    /// Headers that must not reach the upstream.
    pub(super) strip: Vec<String>,
    /// What takes the place of headers from which a credential is removed.
    pub(super) rewrite: Vec<(String, String)>,
    /// The protected route that it goes to, by its place in the table.
    pub(super) route: Option<usize>,
    /// The scheme that the credential came in.
    pub(super) scheme: Option<Scheme>,
    /// Whether the caller speaks gRPC.
    pub(super) is_grpc: bool,
    /// When it arrived.
    pub(super) now: Now,
    /// What happens to it once it has gone on.
    pub(super) passing: Passing,
}

/// How far the head alone leads, once it is known who asks.
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
pub(super) fn decide(
    gate: &Gate,
    inquiry: Inquiry,
    session: Session,
    now: i64,
    known: &mut Known,
    journal: &mut Journal,
) -> Result<Step, Refusal> {
    let config = gate.config();
    let protected = config.routes.protected(inquiry.route).ok_or(Cause::PolicyError)?;

    // Whether this session may be at all, and may ask this.
    journal.note(|| notes::separation(&config.separation, &config.engine.held(&session)));
    known.of_session(&session);
    if protected.ends_with_token {
        let seconds = u64::try_from(session.expires_at).unwrap_or_default();
        known.passing.until = Some(seconds.saturating_mul(1_000_000_000));
    }
    let session = known.session.insert(session);
    if let Some(constraint) = session.conflict.get_or_init(|| conflict(config, session)) {
        known.record.policies = vec![Rc::clone(constraint)];
        return Err(Cause::SeparationStatic.into());
    }
    journal.note(|| notes::scopes(protected, session));
    if !protected.scopes.iter().all(|scope| session.scopes.contains(scope)) {
        return Err(Refusal::demanding(Cause::ScopeInsufficient, Demand::of_scopes(protected.scopes.clone())));
    }

    // What the request says about itself.
    let query = inquiry.query();
    journal.note(|| notes::declared_query(protected, query));
    let declared = declared_query(protected, query)?;
    let headers = &inquiry.head.headers;
    journal.note(|| notes::declared_headers(protected, headers));
    let facts = Facts {
        method: inquiry.head.method.clone(),
        host: inquiry.host.host().to_owned(),
        path: inquiry.path.as_str().to_owned(),
        source: inquiry.source,
        now,
        query: declared,
        headers: declared_headers(protected, headers)?,
        body: BTreeMap::new(),
    };
    let end_of_stream = inquiry.end_of_stream;
    let longest = config.limits.body_bytes;
    let body_head = if protected.body.is_empty() {
        None
    } else {
        journal.note(|| notes::body_head(headers, longest));
        Some(body::check_head(headers, longest))
    };
    let question = Question { route: inquiry.route, parameters: inquiry.parameters, facts };
    match body_head {
        None => question.ask(gate, known, journal).map(Step::Permitted),
        Some(checked) => {
            checked?;
            if end_of_stream { Err(Cause::BodyInvalid.into()) } else { Ok(Step::AwaitBody(Box::new(question))) }
        }
    }
}

/// The constraint that an identity violates, as records write it. It follows from the token and the configuration alone.
fn conflict(config: &Config, identity: &Identity) -> Option<Rc<str>> {
    let constraint = config.separation.violated(&config.engine.held(identity))?;
    Some(format!("separation:{}", constraint.id).into())
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
        verdict.outcome
    }

    /// Waits for the body.
    pub(super) fn with(self: Box<Self>, known: Known, gate: &Gate, now: Now) -> Asking {
        let config = gate.config();
        let declared = config.routes.protected(self.route).map(|route| route.body.clone()).unwrap_or_default();
        let deadline = now.unix_nanos.saturating_add(config.limits.body_timeout_nanos);
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
            decision_id: hexadecimal(&arrival.entropy),
            time: arrival.now,
            policy_digest: Rc::clone(gate.config().engine.digest()),
            mode: gate.config().mode.name(),
            ..Record::default()
        };
        Self {
            record,
            session: None,
            strip: Vec::new(),
            rewrite: Vec::new(),
            route: None,
            scheme: None,
            is_grpc: false,
            now: arrival.now,
            passing: Passing::default(),
        }
    }

    /// What names a request even where its head cannot be read as one.
    pub(super) fn of_pairs(&mut self, headers: &[(Vec<u8>, Vec<u8>)]) {
        let text = |name: &str| {
            let value =
                headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value);
            value.and_then(|value| std::str::from_utf8(value).ok()).map(bounded)
        };
        self.record.method = text(":method").unwrap_or_default();
        self.record.request_id = text("x-request-id");
    }

    pub(super) fn of_head(&mut self, gate: &Gate, head: &RequestHead) {
        self.is_grpc = head.is_grpc();
        let config = gate.config();
        self.strip = config.forward.stripped(&head.headers);
        if config.forward.removes_token {
            let removal = config.credentials.removal(&head.headers, &head.target);
            self.strip.extend(removal.remove);
            self.rewrite = removal.set;
        }
    }

    fn of_session(&mut self, session: &Session) {
        let recorded = &session.recorded;
        self.record.principal = Some(Rc::clone(&recorded.principal));
        self.record.client = recorded.client.clone();
        self.record.actors = Rc::clone(&recorded.actors);
        self.record.binding = Some(session.binding.name());
    }
}
