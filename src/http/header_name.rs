//! Header names, and the question whether two spellings reach an application as one.

use std::borrow::Cow;
use std::fmt;

/// A header name in lower case, as it is written to a header map.
///
/// Equality and order are by [`HeaderName::folded`]: gateways and CGI-like interfaces turn `-`, `_` and `.` into one
/// another, so `X_Auth.Subject` and `x-auth-subject` are one name to somebody behind us (CVE-2025-64484).
#[derive(Clone, Debug)]
pub struct HeaderName {
    written: String,
    folded: String,
}

impl HeaderName {
    /// Parses a field name (RFC 9110 §5.1: a token).
    ///
    /// Returns nothing for an empty name, a character outside of `tchar`, or more than 256 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = !text.is_empty() && text.len() <= 256 && text.bytes().all(is_token_character);
        valid.then(|| Self { written: text.to_ascii_lowercase(), folded: fold(text).into_owned() })
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The name with everything folded that some interface folds.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// Lower case, with `_` and `.` as `-`.
pub(crate) fn fold(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte == b'.') {
        return Cow::Borrowed(name);
    }
    name.chars()
        .map(|character| match character {
            '_' | '.' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for HeaderName {}

impl PartialOrd for HeaderName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HeaderName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
