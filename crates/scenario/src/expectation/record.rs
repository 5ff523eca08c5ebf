//! Checks on JSON, above all on audit records: objects as subsets, everything else equal.

use regex::Regex;
use serde_json::{Value, json};

use super::Difference;
use crate::layers;

/// Compares one value; `seen` is `None` where the member is missing.
pub(super) fn compare(what: &str, expected: &Value, seen: Option<&Value>, found: &mut Vec<Difference>) {
    let holds = match (expected, seen) {
        (expected, seen) if layers::is_directive(expected) => leaf_holds(expected, seen),
        (Value::Object(members), Some(Value::Object(seen_members))) => {
            for (name, member) in members {
                compare(&format!("{what}.{name}"), member, seen_members.get(name), found);
            }
            return;
        }
        (Value::Array(items), Some(Value::Array(seen_items))) if items.len() == seen_items.len() => {
            for (position, (item, seen_item)) in items.iter().zip(seen_items).enumerate() {
                compare(&format!("{what}[{position}]"), item, Some(seen_item), found);
            }
            return;
        }
        (expected, Some(seen)) => expected == seen,
        (_, None) => false,
    };
    if !holds {
        found.push(Difference::new(what, expected, seen.map_or_else(|| "nothing".to_owned(), Value::to_string)));
    }
}

/// Whether there is no difference.
pub(super) fn holds(expected: &Value, seen: Option<&Value>) -> bool {
    let mut found = Vec::new();
    compare("", expected, seen, &mut found);
    found.is_empty()
}

/// Refuses, when the file is read, what `compare` could not understand later.
pub(super) fn check_patterns(expected: &Value) -> Result<(), String> {
    match expected {
        Value::Object(members) if layers::is_directive_object(members) => {
            let mut only = members.iter();
            match (only.next(), only.next()) {
                (Some((name, argument)), None) => match (name.as_str(), argument) {
                    ("$absent" | "$present", Value::Bool(true)) | ("$contains", _) => Ok(()),
                    ("$matches", Value::String(pattern)) => {
                        Regex::new(pattern).map(drop).map_err(|error| error.to_string())
                    }
                    _ => Err(format!(
                        "{expected} is no check: `$absent: true`, `$contains`, `$matches` or `$present: true`"
                    )),
                },
                _ => Err("a check has one member".to_owned()),
            }
        }
        Value::Object(members) => members.values().try_for_each(check_patterns),
        Value::Array(items) => items.iter().try_for_each(check_patterns),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn leaf_holds(expected: &Value, seen: Option<&Value>) -> bool {
    // A record may leave a member out or have it `null`: both say that there is nothing.
    let seen = seen.filter(|value| !value.is_null());
    let Some((name, argument)) = expected.as_object().and_then(|members| members.iter().next()) else { return false };
    match (name.as_str(), seen) {
        ("$absent", seen) => seen.is_none(),
        ("$contains", Some(Value::Array(items))) => items.contains(argument),
        ("$contains", Some(Value::String(text))) => argument.as_str().is_some_and(|part| text.contains(part)),
        ("$matches", Some(seen)) => {
            let text = seen.as_str().map_or_else(|| json!(seen).to_string(), str::to_owned);
            argument.as_str().and_then(|pattern| Regex::new(pattern).ok()).is_some_and(|regex| regex.is_match(&text))
        }
        ("$present", seen) => seen.is_some(),
        _ => false,
    }
}
