//! The head of a request as Envoy's codecs hand it to filters.

use cedar_gate_scenario::{Body, Headers, Protocol, Request};

pub(super) struct Head {
    pub(super) headers: Headers,
    pub(super) end_of_stream: bool,
}

/// Adds the pseudo-headers, and the header that announces the body where the request names none.
pub(super) fn of(request: &Request, is_tls: bool) -> Head {
    let fields: Headers =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let (hosts, mut fields): (Headers, Headers) = fields.into_iter().partition(|(name, _)| name == b"host");
    let mut headers = Headers::new();
    let mut pseudo = |name: &str, value: &[u8]| headers.push((name.as_bytes().to_vec(), value.to_vec()));
    if !request.authority.is_empty() {
        pseudo(":authority", &request.authority);
    }
    // Repeated, they are joined like every other inline header.
    for (_, host) in &hosts {
        pseudo(":authority", host);
    }
    pseudo(":path", &request.path);
    pseudo(":method", &request.method);
    pseudo(":scheme", if is_tls { b"https" } else { b"http" });

    let is_announced = fields.iter().any(|(name, _)| name == b"content-length" || name == b"transfer-encoding");
    if !is_announced && let Some((name, value)) = announcement(request) {
        fields.push((name.as_bytes().to_vec(), value.into_bytes()));
    }
    headers.extend(fields);
    let has_body = match &request.body {
        Body::None => false,
        Body::Parts(parts) => parts.len() > 1 || parts.iter().any(|part| !part.is_empty()),
        Body::NeverArrives => true,
    };
    Head { headers, end_of_stream: !has_body && request.trailers.is_empty() }
}

fn announcement(request: &Request) -> Option<(&'static str, String)> {
    let is_http1 = request.protocol == Protocol::Http1;
    match &request.body {
        Body::NeverArrives => Some(("content-length", "1".to_owned())),
        Body::Parts(parts) if parts.len() <= 1 && (request.trailers.is_empty() || !is_http1) => {
            Some(("content-length", parts.iter().map(Vec::len).sum::<usize>().to_string()))
        }
        Body::Parts(_) if is_http1 => Some(("transfer-encoding", "chunked".to_owned())),
        Body::None if is_http1 && !request.trailers.is_empty() => Some(("transfer-encoding", "chunked".to_owned())),
        Body::None | Body::Parts(_) => None,
    }
}
