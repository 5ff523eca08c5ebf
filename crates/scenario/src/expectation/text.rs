//! Checks on text: header values, paths, bodies, details.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use regex::bytes::Regex;
use serde::{Deserialize, de::Error as _};
use serde_json::{Map, Value};

use super::{Difference, record};
use crate::notation;

/// What is demanded of a value, or of all values of a header name.
#[derive(Clone, Debug)]
pub(crate) enum TextCheck {
    Absent,
    Contains(Vec<u8>),
    /// Exactly these values, in this order.
    Equal(Vec<Vec<u8>>),
    /// A compact token with such a header and such claims, whoever has signed it.
    Jwt {
        header: Value,
        claims: Value,
    },
    Matches(Regex),
    Present,
}

impl TextCheck {
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        Self::read_with(value, notation::bytes)
    }

    /// A body has backslashes of its own.
    pub(super) fn read_body(value: &Value) -> Result<Self, String> {
        Self::read_with(value, notation::bytes_of_json)
    }

    fn read_with(value: &Value, bytes: fn(&str) -> Result<Vec<u8>, String>) -> Result<Self, String> {
        let plain = |value: &Value| match value {
            Value::String(text) => bytes(text),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string().into_bytes()),
            Value::Array(_) | Value::Null | Value::Object(_) => Err(format!("{value} is not text")),
        };
        match value {
            Value::Null => Ok(Self::Absent),
            Value::Array(values) => values.iter().map(plain).collect::<Result<_, _>>().map(Self::Equal),
            Value::Object(members) => {
                let mut only = members.iter();
                let (Some((name, argument)), None) = (only.next(), only.next()) else {
                    return Err("a check has one member".to_owned());
                };
                match (name.trim_start_matches('$'), argument) {
                    ("absent", Value::Bool(true)) => Ok(Self::Absent),
                    ("contains", text) => plain(text).map(Self::Contains),
                    ("jwt", Value::Object(parts)) => Self::read_jwt(parts),
                    ("matches", Value::String(pattern)) => {
                        Regex::new(pattern).map(Self::Matches).map_err(|error| error.to_string())
                    }
                    ("present", Value::Bool(true)) => Ok(Self::Present),
                    ("text", text) => plain(text).map(|text| Self::Equal(vec![text])),
                    _ => Err(format!(
                        "{value} is no check: text, a list of texts, null, or one of `contains`, `jwt`, `matches`, \
                         `text`, `present: true`, `absent: true`"
                    )),
                }
            }
            single => plain(single).map(|text| Self::Equal(vec![text])),
        }
    }

    fn read_jwt(parts: &Map<String, Value>) -> Result<Self, String> {
        if let Some(other) = parts.keys().find(|name| !["header", "claims"].contains(&name.as_str())) {
            return Err(format!("a token has `header` and `claims`, and no `{other}`"));
        }
        let part = |name: &str| parts.get(name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let (header, claims) = (part("header"), part("claims"));
        [&header, &claims].into_iter().try_for_each(record::check_patterns)?;
        Ok(Self::Jwt { header, claims })
    }

    pub(crate) fn compare(&self, what: &str, seen: &[&[u8]], found: &mut Vec<Difference>) {
        let holds = match self {
            Self::Absent => seen.is_empty(),
            Self::Contains(part) => seen.iter().any(|value| contains(value, part)),
            Self::Equal(values) => values.iter().map(Vec::as_slice).eq(seen.iter().copied()),
            Self::Jwt { header, claims } => seen.iter().any(|value| {
                let parts = decoded(value);
                record::holds(header, parts[0].as_ref()) && record::holds(claims, parts[1].as_ref())
            }),
            Self::Matches(pattern) => seen.iter().any(|value| pattern.is_match(value)),
            Self::Present => !seen.is_empty(),
        };
        if !holds {
            found.push(Difference::new(what, self.show(), show(seen.iter().copied())));
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Absent => "none".to_owned(),
            Self::Contains(part) => format!("something with {}", show([part.as_slice()])),
            Self::Equal(values) => show(values.iter().map(Vec::as_slice)),
            Self::Jwt { header, claims } => format!("a token with the header {header} and the claims {claims}"),
            Self::Matches(pattern) => format!("something like `{pattern}`"),
            Self::Present => "something".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for TextCheck {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    part.is_empty() || value.windows(part.len()).any(|window| window == part)
}

/// Header and claims of a compact token, as far as it is one.
fn decoded(token: &[u8]) -> [Option<Value>; 2] {
    let mut parts = token.split(|byte| *byte == b'.');
    let mut part = || serde_json::from_slice(&BASE64URL.decode(parts.next()?).ok()?).ok();
    [part(), part()]
}

fn show<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> String {
    let shown: Vec<String> = values.into_iter().map(|value| format!("`{}`", notation::show(value))).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
