//! A request whose meaning is known: which action on which resource, and nothing yet of who asks.

use std::net::IpAddr;
use std::rc::Rc;

use super::decision::Known;
use super::{Arrival, notes};
use crate::audit::bounded;
use crate::client_certificate::PeerCertificate;
use crate::gate::Gate;
use crate::http::{Authority, CanonicalPath, Query, RequestHead, fold, preflight};
use crate::journal::{Journal, Note};
use crate::policy::Permit;
use crate::refusal::{Cause, Refusal, Reply};
use crate::route::{Access, Parameters};

/// A request to a protected route. It owns what it needs, so that it can wait.
pub(super) struct Inquiry {
    pub(super) head: RequestHead,
    pub(super) host: Authority,
    pub(super) path: CanonicalPath,
    /// The route, by its place in the table.
    pub(super) route: usize,
    pub(super) parameters: Parameters,
    pub(super) end_of_stream: bool,
    pub(super) source: Option<IpAddr>,
    pub(super) certificate: PeerCertificate,
    /// The body, where it came while the request waited for something else; or that it is too long.
    pub(super) early_body: Option<Result<Vec<u8>, Cause>>,
}

/// What a request means.
pub(super) enum Meaning {
    /// Somebody has to be asked.
    Protected(Box<Inquiry>),
    /// It goes to a public route.
    Public(Permit),
    /// It asks the filter itself.
    Answered(Box<Reply>),
}

/// Finds out what a request means. What is learnt on the way stays in `known`.
pub(super) fn understand(
    gate: &Gate,
    arrival: Arrival,
    known: &mut Known,
    journal: &mut Journal,
) -> Result<Meaning, Refusal> {
    let config = gate.config();
    let Arrival { headers, end_of_stream, source, certificate, now, .. } = arrival;
    let headers = headers.ok_or(Cause::HostFailed)?;
    known.of_pairs(&headers);
    let head = RequestHead::from_pairs(headers).map_err(|_| Cause::HeaderMalformed)?;
    known.of_head(gate, &head);
    journal.note(|| notes::head(&head, source));
    journal.note(|| notes::clock(now));
    now.reliable_seconds().ok_or(Cause::ClockUnreliable)?;
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

    if let Some(metadata) = config.resource_metadata.as_ref().filter(|one| one.is_asked_for(&head.method, &path)) {
        journal.note(|| Note::ResourceMetadata { url: metadata.url().to_owned() });
        return Ok(Meaning::Answered(Box::new(metadata.reply())));
    }
    let asked_for = preflight(&head, end_of_stream).and_then(|method| config.routes.preflight(method, &path));
    if let Some((index, route, declaration)) = asked_for {
        journal.note(|| Note::Preflight { index, name: route.name.to_string() });
        known.record.route = Some(Rc::clone(&route.name));
        return Ok(Meaning::Public(Permit::of_public_route(declaration)));
    }
    let found = config.routes.find(&head.method, &path);
    journal.note(|| notes::route(&config.routes, &head.method, &path, found.as_ref().ok()));
    let (index, route, parameters) = found?;
    known.record.route = Some(Rc::clone(&route.name));
    match &route.access {
        Access::Public(declaration) => Ok(Meaning::Public(Permit::of_public_route(declaration))),
        Access::Protected(protected) => {
            known.route = Some(index);
            known.record.action = Some(Rc::clone(protected.plan.action_name()));
            Ok(Meaning::Protected(Box::new(Inquiry {
                head,
                host,
                path,
                route: index,
                parameters,
                end_of_stream,
                source,
                certificate,
                early_body: None,
            })))
        }
    }
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

impl Inquiry {
    /// Takes the body, or its length so far, while something else is waited for. What is wrong with it is not said before
    /// it is known who asks.
    pub(super) fn body_comes(&mut self, gate: &Gate, bytes: usize, body: Option<Vec<u8>>) {
        let config = gate.config();
        if config.routes.protected(self.route).is_none_or(|route| route.body.is_empty()) {
            return;
        }
        if bytes > config.limits.body_bytes {
            self.early_body = Some(Err(Cause::BodyTooLarge));
        } else if let Some(body) = body {
            self.early_body = Some(Ok(body));
        }
    }

    /// The query of its target.
    pub(super) fn query(&self) -> Query<'_> {
        let mut parts = self.head.target.splitn(2, |byte| *byte == b'?');
        parts.next();
        Query::new(parts.next())
    }
}
