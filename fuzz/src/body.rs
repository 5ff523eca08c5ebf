//! Declared members of bodies.
//!
//! A body is accepted exactly where the oracle finds nothing wrong with it, with the values that a plain JSON parser
//! finds at the same places. The oracle keeps every member of the document, twins included, and searches them one by one.

use std::collections::{BTreeMap, BTreeSet};

use cedar_gate::exchange::body::read;
use cedar_gate::policy::{TypedValue, ValueType};
use cedar_gate::route::{BodyMember, Declaration};
use serde_json::Value;

use crate::tree::Tree;

/// Reads a body by each of the declarations, and says whether one of them accepts it with a value.
pub fn check(body: &[u8]) -> bool {
    let mut accepted = false;
    let tree = Tree::read(body);
    let plain: Option<Value> = serde_json::from_slice(body).ok();
    for declared in declarations() {
        let expected = tree.as_ref().filter(|tree| !tree.is_excessive(16, 16_384)).and_then(|tree| {
            let free = declared.values().all(|member| !has_rival(tree, &member.pointer));
            free.then(|| values(plain.as_ref(), &declared)).flatten()
        });
        let found = read(body, &declared).ok();
        assert_eq!(found, expected, "read with {:?}", declared.keys().collect::<Vec<_>>());
        accepted |= found.is_some_and(|values| !values.is_empty());
    }
    accepted
}

/// A number alone, as the payments routes declare it; one of each type; and names that a pointer writes with escapes.
fn declarations() -> [BTreeMap<String, BodyMember>; 3] {
    let of = |members: &[(&str, &str, ValueType, bool)]| {
        let member = |(name, pointer, value_type, required): &(&str, &str, ValueType, bool)| {
            let declaration = Declaration { value_type: *value_type, required: *required };
            ((*name).to_owned(), BodyMember { pointer: (*pointer).to_owned(), declaration })
        };
        members.iter().map(member).collect()
    };
    [
        of(&[("amount", "/amount", ValueType::Long, true)]),
        of(&[
            ("amount", "/amount", ValueType::Long, false),
            ("currency", "/payment/currency", ValueType::String, false),
            ("items", "/items", ValueType::SetOfString, false),
            ("rate", "/rate", ValueType::Decimal, false),
            ("second", "/items/1", ValueType::String, false),
            ("urgent", "/payment/urgent", ValueType::Boolean, false),
        ]),
        of(&[
            ("dash", "/-", ValueType::Long, false),
            ("empty", "/", ValueType::Long, false),
            ("slash", "/a~1b", ValueType::Long, false),
            ("tilde", "/a~0b/~01", ValueType::Long, false),
        ]),
    ]
}

/// The declared values; nothing where one is missing or is of another type.
fn values(plain: Option<&Value>, declared: &BTreeMap<String, BodyMember>) -> Option<BTreeMap<String, TypedValue>> {
    let plain = plain?;
    let mut values = BTreeMap::new();
    for (name, member) in declared {
        match (at(plain, &member.pointer), member.declaration.required) {
            (Some(value), _) => {
                values.insert(name.clone(), typed(value, member.declaration.value_type)?);
            }
            (None, true) => return None,
            (None, false) => {}
        }
    }
    Some(values)
}

/// RFC 6901, step by step.
fn at<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut here = document;
    for name in names(pointer) {
        here = match here {
            Value::Object(members) => members.iter().find(|(each, _)| **each == name)?.1,
            Value::Array(items) => {
                let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
                let index = digits && (name == "0" || !name.starts_with('0'));
                items.get(name.parse::<usize>().ok().filter(|_| index)?)?
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(here)
}

fn names(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

fn typed(value: &Value, value_type: ValueType) -> Option<TypedValue> {
    match (value_type, value) {
        (ValueType::Boolean, Value::Bool(boolean)) => Some(TypedValue::Boolean(*boolean)),
        (ValueType::Decimal, Value::String(text)) if is_decimal(text) => Some(TypedValue::Decimal(text.clone())),
        (ValueType::Long, Value::Number(number)) if !number.is_f64() => {
            number.to_string().parse().ok().map(TypedValue::Long)
        }
        (ValueType::SetOfString, Value::Array(items)) => {
            let texts: Option<BTreeSet<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.map(TypedValue::SetOfString)
        }
        (ValueType::String, Value::String(text)) => Some(TypedValue::String(text.clone())),
        _ => None,
    }
}

/// What Cedar's `decimal` takes, with at most fourteen digits before the point.
fn is_decimal(text: &str) -> bool {
    let digits: Vec<char> = text.strip_prefix('-').unwrap_or(text).chars().collect();
    let Some(point) = digits.iter().position(|character| *character == '.') else { return false };
    let (whole, fraction) = (&digits[..point], &digits[point + 1..]);
    let is_number = [whole, fraction].into_iter().flatten().all(char::is_ascii_digit);
    is_number && (1..=14).contains(&whole.len()) && (1..=4).contains(&fraction.len())
}

/// Whether some object on the way has a member whose name differs from the declared one by the case of ASCII letters.
fn has_rival(document: &Tree, pointer: &str) -> bool {
    let mut here = Some(document);
    for name in names(pointer) {
        let Some(Tree::Object(members)) = here else { return false };
        if members.iter().any(|(other, _)| *other != name && other.eq_ignore_ascii_case(&name)) {
            return true;
        }
        here = members.iter().find(|(other, _)| *other == name).map(|(_, value)| value);
    }
    false
}
