//! The core without a gateway, as a host of scenarios.

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Config;
use cedar_gate::harness::{Harness, Verdict};
use cedar_gate::journal::Note;
use cedar_gate::refusal::Reply;
use cedar_gate_scenario::{
    Body, ClientCertificate, ConfigurationForm, Gateway, Headers, Host, Observed, Protocol, Received, Request, Start,
    StartRefused, encoded_struct,
};

use crate::world::{Beginning, Underway, World};

/// The core itself, as a host of scenarios.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeHost;

/// The same host, on which somebody looks on.
#[derive(Clone, Copy)]
pub struct ObservedHost<'o>(Observer<'o>);

/// What there is to be seen on an [`ObservedHost`].
#[derive(Clone, Copy)]
pub enum Seen<'s> {
    /// The filter has started.
    Started {
        /// With this configuration.
        config: &'s Config,
        /// Which was made of this.
        start: &'s Start,
    },
    /// The decision about a request has been made.
    Request {
        /// What its steps have looked at.
        notes: &'s [Note],
    },
}

type Observer<'o> = &'o dyn Fn(&Seen<'_>);

struct NativeGateway<'o> {
    world: World,
    observer: Option<Observer<'o>>,
    is_tls: bool,
}

impl NativeHost {
    /// The same host, on which `observer` looks on: at each start, and at each request as soon as it is decided about.
    pub fn observed(observer: Observer<'_>) -> ObservedHost<'_> {
        ObservedHost(observer)
    }
}

impl Host for NativeHost {
    fn name(&self) -> &'static str {
        "native"
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        Ok(Box::new(NativeGateway::start(start, None)?))
    }
}

impl Host for ObservedHost<'_> {
    fn name(&self) -> &'static str {
        NativeHost.name()
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        Ok(Box::new(NativeGateway::start(start, Some(self.0))?))
    }
}

impl<'o> NativeGateway<'o> {
    fn start(start: &Start, observer: Option<Observer<'o>>) -> Result<Self, StartRefused> {
        let refused = |log: String| StartRefused { log: vec![log] };
        let configuration = match start.form {
            ConfigurationForm::Text => start.configuration.to_string().into_bytes(),
            ConfigurationForm::Struct => {
                encoded_struct(&start.configuration).map_err(|fault| refused(fault.to_string()))?
            }
        };
        let beginning = Beginning {
            configuration: &configuration,
            environment: &start.environment.clone().into_iter().collect(),
            now: u64::try_from(start.now).map_err(|_| refused("the clock is before 1970".to_owned()))?,
            workers: start.workers,
            observed: observer.is_some(),
        };
        let services = start.services.clone();
        let world = World::start(&beginning, Box::new(move |called, now| services.call(called, now)));
        let world = world.map_err(|faults| StartRefused { log: faults.iter().map(ToString::to_string).collect() })?;
        if let (Some(observer), Some(config)) = (observer, world.harness().map(Harness::config)) {
            observer(&Seen::Started { config, start });
        }
        Ok(Self { world, observer, is_tls: start.tls.is_some() })
    }

    fn send_one(&mut self, request: &Request) -> anyhow::Result<Underway> {
        let has_body = request.body != Body::None || !request.trailers.is_empty();
        let certificate = request.certificate.as_ref().map(peer_certificate).unwrap_or_default();
        let mut underway = self.world.send(request.worker, certificate, pairs(request, self.is_tls), !has_body)?;
        match &request.body {
            Body::None if has_body => underway.deliver(&[]),
            Body::None | Body::NeverArrives => {}
            Body::Parts(parts) => underway.deliver(parts),
        }
        Ok(underway)
    }

    /// What has come of a request by now, but for its records.
    fn observed(&self, request: &Request, underway: &mut Underway) -> anyhow::Result<Observed> {
        let passage = &mut underway.passage;
        let observed = match std::mem::replace(&mut underway.verdict, Verdict::Waiting) {
            Verdict::Continued(headers) => {
                let body = match &request.body {
                    Body::Parts(parts) => parts.concat(),
                    Body::None | Body::NeverArrives => Vec::new(),
                };
                let trailers = if request.trailers.is_empty() {
                    Vec::new()
                } else {
                    passage.trailers(lower_case(&request.trailers))
                };
                let status = if request.is_upgrade() { 101 } else { 200 };
                let answer = passage.response(status, Vec::new());
                Observed { status, headers: answer, ..upstream(headers, body, trailers) }
            }
            Verdict::Replied(reply) => replied(&reply, is_grpc(request)),
            Verdict::Closed => anyhow::bail!("the stream was closed before there was an answer"),
            Verdict::Waiting => anyhow::bail!("the request still waits at its end"),
        };
        if let Some(observer) = self.observer {
            observer(&Seen::Request { notes: passage.notes() });
        }
        Ok(observed)
    }
}

impl Gateway for NativeGateway<'_> {
    fn now(&self) -> i64 {
        self.world.now()
    }

    fn advance(&mut self, seconds: u64) {
        self.world.advance(seconds);
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        let underway = requests.iter().map(|request| self.send_one(request)).collect::<anyhow::Result<Vec<_>>>();
        let mut underway = underway?;
        self.world.settle(&mut underway)?;
        let each = requests.iter().zip(&mut underway);
        let observed = each.map(|(request, underway)| self.observed(request, underway));
        let mut observed = observed.collect::<anyhow::Result<Vec<_>>>()?;
        let open: Vec<_> = requests.iter().map(|request| request.open_for).collect();
        let closed = self.world.last(&mut underway, &open);
        for ((observed, underway), closed_after) in observed.iter_mut().zip(underway).zip(closed) {
            observed.closed_after = closed_after;
            observed.audit = underway.passage.end();
        }
        Ok(observed)
    }
}

fn peer_certificate(certificate: &ClientCertificate) -> PeerCertificate {
    let sha256 = (!certificate.sha256.is_empty()).then(|| certificate.sha256.clone().into_bytes());
    PeerCertificate { is_valid: certificate.valid, sha256 }
}

fn pairs(request: &Request, is_tls: bool) -> Headers {
    let mut pairs: Headers = vec![
        (b":method".to_vec(), request.method.clone()),
        (b":path".to_vec(), request.path.clone()),
        (b":authority".to_vec(), request.authority.clone()),
        (b":scheme".to_vec(), if is_tls { b"https".to_vec() } else { b"http".to_vec() }),
    ];
    for (name, value) in lower_case(&request.headers) {
        // Gateways keep `authorization` once, with repeated values joined.
        let joined = pairs.iter_mut().find(|(each, _)| name == b"authorization" && *each == name);
        match joined {
            Some((_, all)) => {
                all.push(b',');
                all.extend(value);
            }
            None => pairs.push((name, value)),
        }
    }
    if let Body::Parts(parts) = &request.body
        && let [part] = parts.as_slice()
        && request.protocol == Protocol::Http1
        && !pairs.iter().any(|(name, _)| name == b"content-length")
    {
        pairs.push((b"content-length".to_vec(), part.len().to_string().into_bytes()));
    }
    pairs
}

fn lower_case(headers: &Headers) -> Headers {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn is_grpc(request: &Request) -> bool {
    request.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(b"content-type") && is_grpc_type(value))
}

/// `application/grpc` alone or with a suffix; gRPC-Web is something else.
fn is_grpc_type(value: &[u8]) -> bool {
    value.strip_prefix(b"application/grpc").is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

fn upstream(headers: Headers, body: Vec<u8>, trailers: Headers) -> Observed {
    let mut received = Received { body, trailers, ..Received::default() };
    for (name, value) in headers {
        match name.as_slice() {
            b":method" => received.method = value,
            b":path" => received.path = value,
            pseudo if pseudo.starts_with(b":") => {}
            _ => received.headers.push((name, value)),
        }
    }
    let grpc = received.headers.iter().any(|(name, value)| name == b"content-type" && is_grpc_type(value));
    Observed { status: 200, grpc_status: grpc.then_some(0), upstream: Some(received), ..Observed::default() }
}

/// A local reply as gateways send it: to gRPC callers with status 200 and the verdict in `grpc-status`.
fn replied(reply: &Reply, grpc: bool) -> Observed {
    let text = |(name, value): &(&'static str, String)| (name.as_bytes().to_vec(), value.clone().into_bytes());
    let mut observed = Observed {
        status: reply.status,
        headers: reply.headers.iter().map(text).collect(),
        body: reply.body.clone().into_bytes(),
        details: Some(reply.details.clone()),
        ..Observed::default()
    };
    if grpc {
        observed.status = 200;
        observed.grpc_status = reply.grpc_status;
        observed.headers.push((b"grpc-message".to_vec(), std::mem::take(&mut observed.body)));
    }
    observed
}
