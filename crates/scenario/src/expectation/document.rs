//! A JSON body as a whole, for readers who compare line by line.

use serde_json::{Map, Value};

use super::{BodyCheck, record, text::TextCheck};
use crate::notation;

/// A JSON body that is not as it must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// Which body: `body` or `upstream.body`.
    pub what: &'static str,
    /// The body as it must be, on several lines. What nothing is demanded of is as it was.
    pub expected: String,
    /// The body as it was, on several lines.
    pub seen: String,
}

impl Document {
    /// What is demanded of a body beside the body; nothing unless there are lines that differ.
    pub(super) fn of(what: &'static str, check: &BodyCheck, body: &[u8]) -> Option<Self> {
        let seen: Option<Value> = serde_json::from_slice(body).ok();
        let expected = match (check, &seen) {
            (BodyCheck::Json(expected), Some(seen)) => demanded(expected, Some(seen)),
            (BodyCheck::Json(expected), None) => expected.clone(),
            (BodyCheck::Text(TextCheck::Equal(values)), Some(_)) => {
                serde_json::from_slice(values.first()?).ok().filter(Value::is_object)?
            }
            (BodyCheck::Text(_), _) => return None,
        };
        let seen = seen.map_or_else(|| notation::show(body), |seen| format!("{seen:#}"));
        let expected = format!("{expected:#}");
        (expected != seen).then_some(Self { what, expected, seen })
    }
}

/// What must be, over what is.
fn demanded(expected: &Value, seen: Option<&Value>) -> Value {
    match (expected, seen) {
        (_, Some(seen)) if record::holds(expected, Some(seen)) => seen.clone(),
        (Value::Object(members), Some(Value::Object(seen))) => {
            let mut demands: Map<String, Value> = seen.clone();
            for (name, member) in members {
                if !record::holds(member, seen.get(name)) {
                    demands.insert(name.clone(), demanded(member, seen.get(name)));
                }
            }
            Value::Object(demands)
        }
        (Value::Array(items), Some(Value::Array(seen))) => {
            Value::Array(items.iter().enumerate().map(|(n, item)| demanded(item, seen.get(n))).collect())
        }
        (expected, _) => expected.clone(),
    }
}
