//! A plugin configuration as the bytes that a filter gets.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

/// A `google.protobuf.Struct` holds an object and nothing else.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("only a JSON object can be written as a `google.protobuf.Struct`")]
pub struct NotAnObject;

/// The encoded `google.protobuf.Struct` that Envoy makes of native YAML. Every number becomes a double.
///
/// # Errors
///
/// [`NotAnObject`]
pub fn encoded_struct(configuration: &serde_json::Value) -> Result<Vec<u8>, NotAnObject> {
    match value(configuration).kind {
        Some(Kind::StructValue(fields)) => Ok(fields.encode_to_vec()),
        _ => Err(NotAnObject),
    }
}

fn value(json: &serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(*value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(value).collect() }),
        serde_json::Value::Object(members) => {
            let fields = members.iter().map(|(name, member)| (name.clone(), value(member))).collect();
            Kind::StructValue(Struct { fields })
        }
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NotAnObject, encoded_struct};

    #[test]
    fn numbers_are_written_as_doubles() {
        let entry = [0x0a, 0x0e, 0x0a, 0x01, b'a', 0x12, 0x09, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        assert_eq!(encoded_struct(&json!({"a": 1})), Ok(entry.to_vec()));
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert_eq!(encoded_struct(&json!([1])), Err(NotAnObject));
    }
}
