//! A header map that treats repeated names as Envoy's does.

use cedar_gate_scenario::Headers;

/// Which message a map belongs to: each has its own inline headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The head of a request.
    Request,
    /// The head of a response.
    Response,
    /// Trailers of either.
    Trailers,
}

/// Headers in order, names in lower case, pseudo-headers first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderMap {
    kind: Kind,
    entries: Headers,
}

/// Envoy keeps one entry for each of these and joins further values to it with a comma.
const INLINE_IN_REQUESTS: &[&str] = &[
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "grpc-timeout",
    "keep-alive",
    "origin",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

const INLINE_IN_RESPONSES: &[&str] = &[
    ":status",
    "connection",
    "content-length",
    "content-type",
    "date",
    "grpc-message",
    "grpc-status",
    "keep-alive",
    "location",
    "proxy-connection",
    "server",
    "transfer-encoding",
    "upgrade",
    "via",
];

const INLINE_IN_TRAILERS: &[&str] = &["grpc-message", "grpc-status"];

impl HeaderMap {
    /// The map that Envoy would make of these headers.
    pub fn new(kind: Kind, headers: Headers) -> Self {
        let mut map = Self { kind, entries: Vec::with_capacity(headers.len()) };
        for (name, value) in headers {
            map.add(&name, &value);
        }
        map
    }

    /// The first value of a name.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    /// Adds an entry, or joins the value to an inline header that is there.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        if self.is_inline(&name)
            && let Some((_, present)) = self.entries.iter_mut().find(|(known, _)| *known == name)
        {
            if !present.is_empty() && !value.is_empty() {
                present.push(b',');
            }
            present.extend_from_slice(value);
            return;
        }
        let entry = (name, value.to_vec());
        if entry.0.starts_with(b":") {
            let pseudo = self.entries.iter().take_while(|(known, _)| known.starts_with(b":")).count();
            self.entries.insert(pseudo, entry);
        } else {
            self.entries.push(entry);
        }
    }

    /// Replaces every entry of the name by one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes every entry of the name.
    pub fn remove(&mut self, name: &[u8]) {
        self.entries.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// All entries in order.
    pub fn entries(&self) -> &Headers {
        &self.entries
    }

    /// The bytes of all names and values.
    pub fn byte_size(&self) -> usize {
        self.entries.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    pub(crate) fn replace_all(&mut self, headers: Headers) {
        *self = Self::new(self.kind, headers);
    }

    fn is_inline(&self, name: &[u8]) -> bool {
        let inline = match self.kind {
            Kind::Request => INLINE_IN_REQUESTS,
            Kind::Response => INLINE_IN_RESPONSES,
            Kind::Trailers => INLINE_IN_TRAILERS,
        };
        inline.iter().any(|known| known.as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, Kind};

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let owned = headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        HeaderMap::new(Kind::Request, owned.collect())
    }

    #[test]
    fn a_repeated_authorization_header_arrives_as_one_value() {
        let map = map(&[("Authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert_eq!(map.entries().len(), 1);
        assert_eq!(map.get(b"authorization"), Some(b"Bearer a,Bearer b".as_slice()));
    }

    #[test]
    fn other_repeated_headers_stay_apart() {
        let map = map(&[("dpop", "a"), ("dpop", "b")]);
        assert_eq!(map.entries().len(), 2);
        assert_eq!(map.get(b"dpop"), Some(b"a".as_slice()));
    }

    #[test]
    fn setting_replaces_every_entry_of_the_name() {
        let mut map = map(&[("x-user", "a"), ("x-user", "b"), (":path", "/")]);
        map.set(b"X-User", b"c");
        let names: Vec<_> = map.entries().iter().map(|(name, _)| name.as_slice()).collect();
        assert_eq!(names, [b":path".as_slice(), b"x-user".as_slice()]);
        assert_eq!(map.get(b"x-user"), Some(b"c".as_slice()));
    }
}
