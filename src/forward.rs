//! What the upstream gets to see: identity headers from verified claims, and none from outside.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::http::{HeaderName, Headers, fold};
use crate::refusal::Cause;
use crate::token::{ClaimPath, ClaimSet};

/// Changes to a header map: names to remove in all spellings that occur, then headers to set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderPatch {
    /// Names exactly as they stand in the map.
    pub remove: Vec<String>,
    /// Headers to set after that.
    pub set: Vec<(String, String)>,
}

/// What is forwarded.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    /// Whether the credential's headers are removed.
    pub removes_token: bool,
    /// Headers made of claims.
    pub headers: Vec<(HeaderName, ClaimPath)>,
    /// Names that are stripped from every request, besides those above.
    pub protected: Vec<HeaderName>,
}

/// Headers by which some frameworks let a client replace the method or the path that the decision was about.
const OVERRIDES: [&str; 7] = [
    "x-envoy-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// The longest value, in bytes; Envoy refuses 60 KiB of headers in all.
const LONGEST_VALUE: usize = 4096;

/// What is encoded in a header value: all that is no visible ASCII (RFC 9110 §5.5), the separators by which an upstream
/// could split one value into two, quotes, and the percent sign itself.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b';').add(b'\\');

impl Forward {
    /// The names in a header map that must not reach the upstream, in every spelling that occurs.
    #[must_use]
    pub fn stripped(&self, headers: &Headers) -> Vec<String> {
        let found: BTreeSet<&str> = headers.names().filter(|name| self.is_protected(name)).collect();
        found.into_iter().map(str::to_owned).collect()
    }

    /// Whether a name is one that clients must not send, in any spelling.
    #[must_use]
    pub fn is_protected(&self, name: &str) -> bool {
        let folded = fold(name);
        OVERRIDES.contains(&folded.as_ref())
            || self.headers.iter().any(|(name, _)| name.folded() == folded.as_ref())
            || self.protected.iter().any(|name| name.folded() == folded.as_ref())
    }

    /// The identity headers of a session.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimNotForwardable`] for a value that is too long, or is null.
    pub fn identity(&self, claims: &ClaimSet) -> Result<Vec<(String, String)>, Cause> {
        let mut identity = Vec::new();
        for (name, path) in &self.headers {
            if let Some(value) = claims.at(path) {
                let text = header_value(value).filter(|text| text.len() <= LONGEST_VALUE);
                identity.push((name.as_str().to_owned(), text.ok_or(Cause::ClaimNotForwardable)?));
            }
        }
        Ok(identity)
    }
}

/// A claim as a header value: a string percent-encoded where needed, a list of such joined by commas, an object as JSON,
/// percent-encoded as a whole.
fn header_value(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => Some(encoded(text)),
        Value::Array(items) => {
            let items = items.iter().map(|item| match item {
                Value::Bool(_) | Value::Number(_) | Value::String(_) => header_value(item),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            });
            items.collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        Value::Object(_) => Some(encoded(&value.to_string())),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_cannot_end_or_split_its_header() {
        assert_eq!(header_value(&json!("a\r\nx: y")).as_deref(), Some("a%0D%0Ax:%20y"));
        assert_eq!(header_value(&json!("a,b;c\0\u{e9}\u{7f}")).as_deref(), Some("a%2Cb%3Bc%00%C3%A9%7F"));
        assert_eq!(header_value(&json!(["a", "b,c"])).as_deref(), Some("a,b%2Cc"));
        assert_eq!(header_value(&json!({"a": 1})).as_deref(), Some("{%22a%22:1}"));
        assert_eq!(header_value(&json!(null)), None);
        assert_eq!(header_value(&json!([["a"]])), None);
    }

    #[test]
    fn every_spelling_is_protected() {
        let forward = Forward { protected: vec![HeaderName::parse("X-User").unwrap()], ..Forward::default() };
        for name in ["x-user", "X_USER", "x.user", "x-User", "x_http_method_override"] {
            assert!(forward.is_protected(name), "{name}");
        }
        assert!(!forward.is_protected("x-users"));
    }
}
