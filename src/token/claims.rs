//! Claims, read by type. What has the wrong type is an error and never "absent" (CVE-2026-25537).

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::refusal::Cause;

/// The claims of a token that has passed the strict scan. A copy shares them.
#[derive(Clone, Debug, Default)]
pub struct ClaimSet(Rc<Map<String, Value>>);

/// Where a claim stands: `realm_access.roles`, or, for names that contain dots, a list of member names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClaimPath(Vec<String>);

/// Texts that identify somebody or something are refused above this length in bytes.
const LONGEST_IDENTIFIER: usize = 512;

/// The last second of the year 9999, the last that Cedar's `datetime` and RFC 3339 can write.
const LAST_SECOND: i64 = 253_402_300_799;

impl ClaimPath {
    /// A path of member names. Returns nothing for an empty path or name.
    #[must_use]
    pub fn new(members: Vec<String>) -> Option<Self> {
        let valid = !members.is_empty() && members.iter().all(|member| !member.is_empty());
        valid.then_some(Self(members))
    }

    /// A path as it is written in a configuration, members separated by dots.
    #[must_use]
    pub fn dotted(text: &str) -> Option<Self> {
        Self::new(text.split('.').map(str::to_owned).collect())
    }

    /// The innermost member.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

impl std::fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl ClaimSet {
    /// Wraps scanned claims.
    #[must_use]
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(Rc::new(claims))
    }

    /// The value at a path; members that are not objects on the way make it absent.
    #[must_use]
    pub fn at(&self, path: &ClaimPath) -> Option<&Value> {
        let (first, rest) = path.0.split_first()?;
        rest.iter().try_fold(self.0.get(first)?, |value, member| value.as_object()?.get(member))
    }

    /// Whether a top-level claim is present, whatever its value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A claim that identifies: a non-empty string of bounded length without control characters.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for any other value.
    pub fn identifier(&self, name: &str) -> Result<Option<&str>, Cause> {
        self.0.get(name).map(identifier).transpose()
    }

    /// As [`ClaimSet::identifier`], at a path.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for any other value.
    pub fn identifier_at(&self, path: &ClaimPath) -> Result<Option<&str>, Cause> {
        self.at(path).map(identifier).transpose()
    }

    /// A `NumericDate` in seconds since the Unix epoch (RFC 7519 §2), restricted to integers from the year 1970 to 9999.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for any other value.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Cause> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(seconds @ 0..=LAST_SECOND) => Ok(Some(seconds)),
                Some(_) | None => Err(Cause::ClaimInvalid),
            },
        }
    }

    /// A claim that is a list of strings.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for any other value. Nothing is coerced: a comma does not make a list of a string.
    pub fn strings_at(&self, path: &ClaimPath) -> Result<Vec<&str>, Cause> {
        strings(self.at(path), false)
    }

    /// As [`ClaimSet::strings_at`], for a top-level claim; `one_may_stand_alone` admits a single string, as RFC 7519
    /// §4.1.3 does for `aud`.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for any other value.
    pub fn strings(&self, name: &str, one_may_stand_alone: bool) -> Result<Vec<&str>, Cause> {
        strings(self.0.get(name), one_may_stand_alone)
    }

    /// The value of a top-level claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The top-level claims.
    pub fn members(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// The granted scopes: `scope` as RFC 6749 §3.3 writes it, or else `scp` (a string of the same form, or a list).
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for other types, and for characters that no scope token has.
    pub fn scopes(&self) -> Result<Vec<&str>, Cause> {
        let tokens: Vec<&str> = match (self.0.get("scope"), self.0.get("scp")) {
            (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => text.split(' ').collect(),
            (None, Some(Value::Array(items))) => {
                items.iter().map(|item| item.as_str().ok_or(Cause::ClaimInvalid)).collect::<Result<_, _>>()?
            }
            (None, None) => Vec::new(),
            (Some(_), _) | (None, Some(_)) => return Err(Cause::ClaimInvalid),
        };
        let tokens: Vec<&str> = tokens.into_iter().filter(|token| !token.is_empty()).collect();
        if tokens.iter().all(|token| token.bytes().all(is_scope_character)) {
            Ok(tokens)
        } else {
            Err(Cause::ClaimInvalid)
        }
    }
}

fn strings(value: Option<&Value>, one_may_stand_alone: bool) -> Result<Vec<&str>, Cause> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(one)) if one_may_stand_alone => Ok(vec![one]),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or(Cause::ClaimInvalid)).collect::<Result<_, _>>()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Err(Cause::ClaimInvalid)
        }
    }
}

fn identifier(value: &Value) -> Result<&str, Cause> {
    match value.as_str() {
        Some(text) if !text.is_empty() && text.len() <= LONGEST_IDENTIFIER && !text.contains(char::is_control) => {
            Ok(text)
        }
        Some(_) | None => Err(Cause::ClaimInvalid),
    }
}

/// RFC 6749 §3.3.
pub(crate) fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> ClaimSet {
        ClaimSet::new(value.as_object().cloned().unwrap())
    }

    #[test]
    fn a_time_is_an_integer_or_an_error() {
        assert_eq!(claims(json!({"exp": 5})).time("exp"), Ok(Some(5)));
        assert_eq!(claims(json!({})).time("exp"), Ok(None));
        for wrong in
            [json!("5"), json!(5.0), json!(1e3), json!(-1), json!(null), json!([5]), json!(true), json!(i64::MAX)]
        {
            assert_eq!(claims(json!({"exp": wrong})).time("exp"), Err(Cause::ClaimInvalid), "{wrong}");
        }
    }

    #[test]
    fn scopes_are_separated_by_spaces_only() {
        assert_eq!(claims(json!({"scope": "a b:c  d"})).scopes(), Ok(vec!["a", "b:c", "d"]));
        assert_eq!(claims(json!({"scope": ""})).scopes(), Ok(vec![]));
        assert_eq!(claims(json!({"scp": ["a", "b"]})).scopes(), Ok(vec!["a", "b"]));
        for wrong in [json!("a\tb"), json!("a\nb"), json!("a\u{a0}b"), json!(["a"]), json!(null), json!("a\"b")] {
            assert_eq!(claims(json!({"scope": wrong})).scopes(), Err(Cause::ClaimInvalid), "{wrong}");
        }
    }

    #[test]
    fn a_path_leads_through_objects_only() {
        let claims = claims(json!({"realm_access": {"roles": ["a"]}, "x": "y"}));
        let roles = ClaimPath::dotted("realm_access.roles").unwrap();
        assert_eq!(claims.strings_at(&roles), Ok(vec!["a"]));
        assert!(claims.at(&ClaimPath::dotted("x.y").unwrap()).is_none());
    }
}
