//! Properties, in the shapes that Envoy gives them.

use std::collections::BTreeMap;

use crate::abi::pairs;
use crate::state::State;

/// Properties by their path, its parts joined by dots: `connection.mtls`.
pub type Properties = BTreeMap<String, Vec<u8>>;

/// A text, as it is.
pub fn text(value: &str) -> Vec<u8> {
    value.as_bytes().to_vec()
}

/// An integer: eight bytes, little-endian.
pub fn integer(value: i64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

/// A boolean: one byte.
pub fn boolean(value: bool) -> Vec<u8> {
    vec![u8::from(value)]
}

/// What a context reads under a path, whose parts are parted by NUL.
pub(crate) fn read(state: &State, context: u32, path: &[u8]) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = path.strip_suffix(&[0]).unwrap_or(path).split(|byte| *byte == 0).collect();
    let dotted = String::from_utf8_lossy(&parts.join(&b'.')).into_owned();
    if let Some(value) = state.properties.get(&dotted) {
        return Some(value.clone());
    }
    // A root context has no request: everything below is not found there.
    let stream = state.streams.get(&context)?;
    if let Some(value) = stream.properties.get(&dotted) {
        return Some(value.clone());
    }
    let header = |name: &str| stream.request.headers.get(name.as_bytes()).map(<[u8]>::to_vec);
    match parts.as_slice() {
        [b"request", b"headers"] => Some(pairs::encode(stream.request.headers.entries())),
        [b"request", b"headers", name] => stream.request.headers.get(name).map(<[u8]>::to_vec),
        [b"request", b"host"] => header(":authority"),
        [b"request", b"id"] => header("x-request-id"),
        [b"request", b"method"] => header(":method"),
        [b"request", b"path"] => header(":path"),
        [b"request", b"query"] => {
            header(":path").map(|path| path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default().to_vec())
        }
        [b"request", b"scheme"] => header(":scheme"),
        [b"request", b"time"] => Some(stream.started.to_le_bytes().to_vec()),
        [b"request", b"url_path"] => {
            header(":path").map(|path| path.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec())
        }
        [b"request", b"useragent"] => header("user-agent"),
        [b"response", b"code"] => stream.status().map(|status| integer(i64::from(status))),
        [b"response", b"code_details"] => stream.details().map(text),
        // What a filter set is read back under its flat name only; a name of several parts is lost.
        [name] => stream.filter_state.get(*name).cloned(),
        [b"filter_state", name] => stream.filter_state.get(name.strip_prefix(b"wasm.")?).cloned(),
        _ => None,
    }
}
