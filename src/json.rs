//! Strict JSON, for everything that an attacker may have written: tokens and bodies.
//!
//! RFC 8259 leaves duplicate members to the parser, and two parsers that disagree about them are a way around a check
//! (RFC 7515 §10.12). Here a duplicate is an error, after unescaping; so are nesting beyond a bound, more values than a
//! bound, and whatever `serde_json` refuses: invalid UTF-8, lone surrogates, numbers out of range, trailing data.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How much of a document is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Levels of arrays and objects; a scalar has depth 0. The parser recurses this deep and no deeper.
    pub depth: usize,
    /// Values in the whole document, members and items counted alike.
    pub values: usize,
}

/// The document is not JSON as this filter accepts it. Carries no part of the document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JsonError(String);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses `text` strictly.
///
/// # Errors
///
/// Anything that is not exactly one JSON document within `bounds` and free of duplicate members.
pub fn parse(text: &[u8], bounds: Bounds) -> Result<Value, JsonError> {
    let left = Cell::new(bounds.values);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let strict = Strict { depth: bounds.depth, left: &left };
    let value = strict.deserialize(&mut deserializer).map_err(|error| JsonError(error.to_string()))?;
    deserializer.end().map_err(|error| JsonError(error.to_string()))?;
    Ok(value)
}

/// Parses `text` strictly, and demands an object.
///
/// # Errors
///
/// As [`parse`], and any document that is not an object.
pub fn parse_object(text: &[u8], bounds: Bounds) -> Result<Map<String, Value>, JsonError> {
    match parse(text, bounds)? {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonError("not an object".to_owned()))
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        // Whether it is a B-tree or a hash map with a random seed, chosen member names cannot degrade it.
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 4, values: 100 };

    #[test]
    fn a_member_may_occur_once_however_it_is_written() {
        assert!(parse(br#"{"sub":1,"exp":2}"#, BOUNDS).is_ok());
        assert!(parse(br#"{"sub":1,"sub":2}"#, BOUNDS).is_err());
        assert!(parse(br#"{"sub":1,"\u0073ub":2}"#, BOUNDS).is_err());
        assert!(parse(br#"{"a":{"b":1,"b":1}}"#, BOUNDS).is_err());
    }

    #[test]
    fn nesting_ends_at_the_bound() {
        assert!(parse(b"[[[[1]]]]", BOUNDS).is_ok());
        assert!(parse(b"[[[[[1]]]]]", BOUNDS).is_err());
        assert!(parse(&[b'['; 100_000], BOUNDS).is_err());
    }

    #[test]
    fn the_number_of_values_ends_at_the_bound() {
        let many = format!("[{}1]", "1,".repeat(200));
        assert!(parse(many.as_bytes(), BOUNDS).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in
            [&b"\xff"[..], b"\"\\ud800\"", b"1e400", b"01", b"NaN", b"{} {}", b"", b"\xef\xbb\xbf{}", b"{'a':1}"]
        {
            assert!(parse(text, BOUNDS).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }
}
