//! What every host offers to a scenario: start a gateway with a configuration, send it requests, say what came of each.
//!
//! The native core, the `.wasm` in Wasmtime and a real Envoy each implement these two traits; nothing in a scenario file
//! knows which of them runs it.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::service::{Called, Services};

/// A header map as it stands on the wire: names in lower case, values as bytes, order and repetition kept.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// A place where the filter runs.
pub trait Host {
    /// The name that scenario files and reports use: `native`, `wasm` or `envoy`.
    fn name(&self) -> &'static str;

    /// Starts a gateway with the filter configured by `start`, or says what the filter logged when it refused to.
    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused>;
}

/// What a gateway is started with.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The filter's configuration.
    pub configuration: Value,
    /// How the configuration is handed to the filter, where the host has a choice.
    pub form: ConfigurationForm,
    /// The time at the start, in seconds since the Unix epoch; a host with a real clock uses its own.
    pub now: i64,
    /// The variables of the filter's VM.
    pub environment: BTreeMap<String, String>,
    /// What the filter can call. All who hold this value have the same services before them.
    pub services: Services,
    /// How many workers there are, each with a VM of its own and shared data in common. At least one; a host that cannot
    /// choose has those that it has.
    pub workers: usize,
    /// With what requests come over TLS; nothing where they come in plain text.
    pub tls: Option<Tls>,
}

/// What a gateway needs to be reached over TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// The certificate of the authority whose clients are valid, in DER.
    pub authority: Vec<u8>,
    /// The gateway's own certificate, for the name `gateway`, issued by that authority.
    pub server: Identity,
}

/// A certificate, and the key that proves it.
#[derive(Clone, Eq, PartialEq)]
pub struct Identity {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// The private key: PKCS #8 in DER.
    pub key: Vec<u8>,
}

/// Never the key: what is shown ends up in logs.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The certificate that a client shows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientCertificate {
    /// The SHA-256 of its DER form, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Whether the gateway finds it valid.
    pub valid: bool,
    /// Its subject, as RFC 2253 writes it.
    pub subject: String,
    /// The DNS names among its alternative names.
    pub dns: Vec<String>,
    /// The URIs among its alternative names.
    pub uri: Vec<String>,
    /// What a handshake shows; nothing where hosts are only told of a certificate.
    pub identity: Option<Identity>,
}

/// The two shapes in which a gateway hands over a plugin configuration.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ConfigurationForm {
    /// An encoded `google.protobuf.Struct`, which is what Envoy makes of native YAML.
    Struct,
    /// JSON text.
    #[default]
    Text,
}

/// The filter refused its configuration.
#[derive(Clone, Debug)]
pub struct StartRefused {
    /// The lines that the filter logged, or, natively, its list of faults.
    pub log: Vec<String>,
}

/// A running gateway.
pub trait Gateway {
    /// The time that the filter sees, in seconds since the Unix epoch. Tokens are made relative to it.
    fn now(&self) -> i64;

    /// Lets the clock run on, where it can be moved; a host with a real clock waits.
    fn advance(&mut self, seconds: u64);

    /// Takes note that services are not what they were, for a host on which they are more than a table.
    ///
    /// # Errors
    ///
    /// The host cannot have them so.
    fn services_changed(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Sends one request and waits for its end.
    ///
    /// # Errors
    ///
    /// What went wrong in the host itself (a broken connection, a trap of the VM), never an answer of the filter.
    fn send(&mut self, request: &Request) -> anyhow::Result<Observed> {
        let observed = self.send_together(std::slice::from_ref(request))?.pop();
        observed.ok_or_else(|| anyhow::anyhow!("the host says nothing of the request"))
    }

    /// Sends requests in this order, and answers no call of the filter before all of them have been sent. Gives what came
    /// of each when all have ended.
    ///
    /// # Errors
    ///
    /// As with [`Gateway::send`].
    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>>;
}

/// One request, byte for byte.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: Vec<u8>,
    /// The request target as sent, query included.
    pub path: Vec<u8>,
    /// `:authority`, or the `Host` header of HTTP/1.1.
    pub authority: Vec<u8>,
    /// Every other header.
    pub headers: Headers,
    /// The body.
    pub body: Body,
    /// Trailers after the body (sent over HTTP/2, or chunked).
    pub trailers: Headers,
    /// Which protocol the client speaks.
    pub protocol: Protocol,
    /// The certificate that the client shows, where requests come over TLS.
    pub certificate: Option<ClientCertificate>,
    /// Which worker serves it, from 0, where the host can choose.
    pub worker: usize,
    /// For how many seconds the upstream keeps the stream open after the head of its answer.
    pub open_for: Option<u64>,
}

impl Request {
    /// Whether the client wants to speak WebSocket from here on, which the upstream agrees to.
    pub fn is_upgrade(&self) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(name, value)| name.eq_ignore_ascii_case(b"upgrade") && value.eq_ignore_ascii_case(b"websocket"))
    }
}

/// The protocol of the client's connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/2 without TLS, as gRPC clients speak it.
    Http2,
    /// HTTP/1.1, written as given so that malformed requests can be sent too.
    #[default]
    Http1,
}

/// The body of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Body {
    /// No body at all.
    #[default]
    None,
    /// The parts, in the order in which they are sent. One part goes with `content-length`, several go chunked.
    Parts(Vec<Vec<u8>>),
    /// A body is announced and never sent; the connection stays open.
    NeverArrives,
}

/// What came of a request.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The HTTP status that the client got.
    pub status: u16,
    /// The headers of the answer.
    pub headers: Headers,
    /// The body of the answer.
    pub body: Vec<u8>,
    /// `grpc-status` of the answer, from its headers or trailers.
    pub grpc_status: Option<u32>,
    /// What the upstream received, where the request reached it.
    pub upstream: Option<Received>,
    /// The audit records of this request, in order.
    pub audit: Vec<Value>,
    /// The response-code details that the filter gave with its own answer, where the host shows them.
    pub details: Option<String>,
    /// After how many seconds the gateway broke the stream off that the upstream kept open; nothing where it did not.
    pub closed_after: Option<u64>,
    /// What the filter has called since the request before this one ended; hosts leave it empty.
    pub calls: Vec<Called>,
}

/// A request as the upstream received it.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The method.
    pub method: Vec<u8>,
    /// The request target.
    pub path: Vec<u8>,
    /// All headers except pseudo-headers.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Headers,
}
