//! An answer that the filter gives itself, and what Envoy makes of it.

use cedar_gate_scenario::Headers;

use crate::header_map::{HeaderMap, Kind};

/// What the filter handed to `proxy_send_local_response`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LocalReply {
    /// The HTTP status.
    pub status: u32,
    /// The headers that the filter added.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The gRPC status, where the filter gave one of the known ones.
    pub grpc_status: Option<u32>,
    /// The response-code details, blanks turned into `_`.
    pub details: Option<String>,
}

/// The head and the body that go to the client.
pub(crate) struct OnTheWire {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl LocalReply {
    /// As Envoy's `sendLocalReply` writes it for a request with these headers.
    pub(crate) fn on_the_wire(&self, request: &HeaderMap) -> OnTheWire {
        let mut headers = HeaderMap::new(Kind::Response, Vec::new());
        headers.set(b":status", self.status.to_string().as_bytes());
        for (name, value) in &self.headers {
            headers.add(name, value);
        }
        let is_head = request.get(b":method") == Some(b"HEAD");
        if is_grpc(request) {
            self.turn_into_grpc(&mut headers, is_head);
            return OnTheWire { headers: headers.entries().clone(), body: Vec::new() };
        }
        if self.body.is_empty() {
            headers.remove(b"content-length");
            headers.remove(b"content-type");
        } else {
            headers.set(b"content-length", self.body.len().to_string().as_bytes());
            if headers.get(b"content-type").is_none() {
                headers.set(b"content-type", b"text/plain");
            }
        }
        let body = if is_head { Vec::new() } else { self.body.clone() };
        OnTheWire { headers: headers.entries().clone(), body }
    }

    /// A gRPC client gets HTTP 200 and no body; what went wrong stands in `grpc-status` and `grpc-message`.
    fn turn_into_grpc(&self, headers: &mut HeaderMap, is_head: bool) {
        headers.set(b":status", b"200");
        headers.set(b"content-type", b"application/grpc");
        headers.remove(b"content-length");
        if headers.get(b"grpc-status").is_none() {
            let status = self.grpc_status.unwrap_or_else(|| grpc_status_of_http(self.status));
            headers.set(b"grpc-status", status.to_string().as_bytes());
        }
        if !self.body.is_empty() && !is_head {
            headers.set(b"grpc-message", percent_encoded(&self.body).as_bytes());
        }
    }
}

fn is_grpc(request: &HeaderMap) -> bool {
    let rest = request.get(b"content-type").and_then(|value| value.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// The table of Envoy's `Grpc::Utility::httpToGrpcStatus`.
fn grpc_status_of_http(status: u32) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// `grpc-message` carries printable ASCII; Envoy counts `%` and `~` with the rest, which is percent-encoded.
fn percent_encoded(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text {
        if (b' '..b'~').contains(&byte) && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
