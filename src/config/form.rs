//! The two forms in which gateways hand over a configuration.

use prost::Message;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

use crate::json::{self, Bounds};

/// Generous for a configuration, which is trusted, and still bounded: parsing recurses.
const BOUNDS: Bounds = Bounds { depth: 64, values: 1_000_000 };

/// Reads JSON text, or the encoded `google.protobuf.Struct` that Envoy makes of native YAML.
///
/// # Errors
///
/// What is wrong with the form that the bytes look like.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    let text_error = match json::parse_object(bytes, BOUNDS) {
        Ok(object) => return Ok(Value::Object(object)),
        Err(error) => error,
    };
    // An encoded `Struct` begins with the tag of its field 1, which is also a line feed; after that comes a length, and
    // never what follows a line feed in JSON. So text is tried first, and bytes that look like text stay text.
    let looks_like_text = bytes.iter().all(|byte| *byte >= 0x20 || b"\t\r\n".contains(byte))
        && bytes.trim_ascii_start().first() == Some(&b'{');
    if looks_like_text {
        return Err(format!("is not JSON: {text_error}"));
    }
    match prost_types::Struct::decode(bytes) {
        Ok(decoded) => Ok(object(decoded)),
        Err(error) => Err(format!("is neither JSON ({text_error}) nor an encoded google.protobuf.Struct ({error})")),
    }
}

/// The decoder bounds the depth (to 100 messages), so this recursion ends.
fn object(decoded: prost_types::Struct) -> Value {
    Value::Object(decoded.fields.into_iter().map(|(name, field)| (name, value(field))).collect::<Map<_, _>>())
}

fn value(decoded: prost_types::Value) -> Value {
    match decoded.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(boolean)) => Value::Bool(boolean),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(value).collect()),
        Some(Kind::NumberValue(number)) => self::number(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::StructValue(inner)) => object(inner),
    }
}

/// All numbers of a `Struct` are doubles; those that are integers are read as such.
fn number(number: f64) -> Value {
    let integer = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    if integer && let Ok(integer) = format!("{number:.0}").parse::<i64>() {
        return Value::Number(integer.into());
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(value: &Value) -> Vec<u8> {
        fn of(value: &Value) -> prost_types::Value {
            let kind = match value {
                Value::Null => Kind::NullValue(0),
                Value::Bool(boolean) => Kind::BoolValue(*boolean),
                Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
                Value::String(text) => Kind::StringValue(text.clone()),
                Value::Array(items) => {
                    Kind::ListValue(prost_types::ListValue { values: items.iter().map(of).collect() })
                }
                Value::Object(_) => Kind::StructValue(structure(value)),
            };
            prost_types::Value { kind: Some(kind) }
        }
        fn structure(value: &Value) -> prost_types::Struct {
            let fields = value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), of(value))).collect();
            prost_types::Struct { fields }
        }
        structure(value).encode_to_vec()
    }

    #[test]
    fn both_forms_read_alike() {
        // The second one has a first entry of 123 bytes, so that its encoding begins like a line feed and a brace.
        for value in [json!({"a": [1, true, null, {"b": "c"}], "d": 1.5}), json!({"a": "x".repeat(116)})] {
            assert_eq!(read(&encoded(&value)), Ok(value.clone()));
            assert_eq!(read(format!("\n {value}\n").as_bytes()), Ok(value));
        }
        assert_eq!(encoded(&json!({"a": "x".repeat(116)})).get(..2), Some(&b"\n{"[..]));
    }

    #[test]
    fn what_is_neither_is_an_error() {
        for bytes in [&b""[..], b"[]", b"{", b"{\"a\":1,\"a\":2}", b"a: b", b"\x0a\xff\xff", b"\xff"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
