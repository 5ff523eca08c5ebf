//! One canonical path, or a refusal.
//!
//! What the policy decides about and what the upstream serves must be one thing. Whatever could be read in two ways is
//! therefore refused instead of repaired: dot segments, empty segments, `;`, backslashes, `#`, an encoded `/`, `%` or
//! control character, percent-encoding of characters that need none, UTF-8 that is none, and characters that a
//! compatibility normalisation (NFKC) would turn into others.

use percent_encoding::percent_decode;
use unicode_normalization::is_nfkc;

/// The path of a request, each segment decoded exactly once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CanonicalPath {
    /// `/`-separated and decoded. No segment contains a `/`, so the text is unambiguous.
    decoded: String,
}

/// The path has no canonical form, or is not in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MalformedPath;

impl CanonicalPath {
    /// Splits a request target into its canonical path and its raw query.
    ///
    /// # Errors
    ///
    /// [`MalformedPath`] for anything but the origin form (RFC 9112 §3.2.1) of a canonical path.
    pub fn parse(target: &[u8]) -> Result<(Self, Option<&[u8]>), MalformedPath> {
        // A fragment never belongs into a request, and servers disagree whether it ends the path (CVE-2021-32779).
        if target.contains(&b'#') {
            return Err(MalformedPath);
        }
        let mut parts = target.splitn(2, |byte| *byte == b'?');
        let path = parts.next().unwrap_or_default();
        let query = parts.next();
        let segments = path.strip_prefix(b"/").ok_or(MalformedPath)?;

        let mut decoded = String::with_capacity(path.len());
        let mut segments = segments.split(|byte| *byte == b'/').peekable();
        while let Some(segment) = segments.next() {
            decoded.push('/');
            let last = segments.peek().is_none();
            // Only the last segment may be empty: `/a/` is another path than `/a`, and `/a//b` is none at all.
            if segment.is_empty() && !last {
                return Err(MalformedPath);
            }
            decoded.push_str(&decode(segment)?);
        }
        Ok((Self { decoded }, query))
    }

    /// The decoded path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.decoded
    }
}

fn decode(segment: &[u8]) -> Result<String, MalformedPath> {
    let mut bytes = segment.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = bytes.next().and_then(hexadecimal).ok_or(MalformedPath)?;
            let low = bytes.next().and_then(hexadecimal).ok_or(MalformedPath)?;
            let meant = (high << 4) | low;
            // `%37` and `7` would be two spellings of one id; only what must be encoded may be (RFC 3986 §2.3).
            if is_unreserved(meant) || b"/\\%;?#".contains(&meant) {
                return Err(MalformedPath);
            }
        } else if !is_path_character(byte) {
            return Err(MalformedPath);
        }
    }
    let decoded = percent_decode(segment).decode_utf8().map_err(|_| MalformedPath)?;
    let acceptable = decoded != "."
        && decoded != ".."
        && !decoded.chars().any(char::is_control)
        && (decoded.is_ascii() || is_nfkc(&decoded));
    if acceptable { Ok(decoded.into_owned()) } else { Err(MalformedPath) }
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `pchar` of RFC 3986 §3.3 without `;`, whose meaning differs between servers.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(target: &str) -> Option<String> {
        CanonicalPath::parse(target.as_bytes()).ok().map(|(path, _)| path.as_str().to_owned())
    }

    #[test]
    fn a_canonical_path_is_decoded_once() {
        assert_eq!(canonical("/payments/7?x=/../y").as_deref(), Some("/payments/7"));
        assert_eq!(canonical("/a%20b/caf%C3%A9").as_deref(), Some("/a b/caf\u{e9}"));
        assert_eq!(canonical("/").as_deref(), Some("/"));
        assert_eq!(canonical("/a/").as_deref(), Some("/a/"));
    }

    #[test]
    fn whatever_has_two_readings_is_refused() {
        for target in [
            "",
            "a",
            "*",
            "http://evil/admin",
            "/..",
            "/a/../b",
            "/a/%2e%2e/b",
            "/.%2e/",
            "//",
            "/a//b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a%3bb",
            "/a#b",
            "/%00",
            "/%0a",
            "/a%252e",
            "/%37",
            "/%c0%ae",
            "/%ff",
            "/%",
            "/%4",
            "/%u002e",
            "/\u{ff0e}\u{ff0e}",
            "/%EF%BC%8E%EF%BC%8E/admin",
            "/%EF%BC%97",
            "/a b",
            "/a\tb",
            "/\u{7f}",
            "/a%7f",
            "/a\"b",
        ] {
            assert_eq!(canonical(target), None, "{target}");
        }
    }
}
