//! How one description is laid over another.

use serde_json::{Map, Value};

/// Whether this object stands for a value that is made later, such as `{$now: 300}`.
pub(crate) fn is_directive(value: &Value) -> bool {
    value.as_object().is_some_and(is_directive_object)
}

pub(crate) fn is_directive_object(object: &Map<String, Value>) -> bool {
    object.keys().any(|name| name.starts_with('$'))
}

/// Lays the RFC 7396 patch `upper` over the patch `lower`: applying the result is applying both.
///
/// Unlike applying a patch, this keeps every `null`, because what it removes may be in a layer further down. Directives
/// are replaced whole, never merged member by member.
pub(crate) fn compose(lower: &Value, upper: &Value) -> Value {
    let Value::Object(upper_members) = upper else { return upper.clone() };
    if is_directive(upper) {
        return upper.clone();
    }
    let mut members = match lower {
        Value::Object(lower_members) if !is_directive(lower) => lower_members.clone(),
        _ => Map::new(),
    };
    for (name, value) in upper_members {
        let below = members.get(name).unwrap_or(&Value::Null);
        let composed = compose(below, value);
        members.insert(name.clone(), composed);
    }
    Value::Object(members)
}

/// Applies a composed patch: like RFC 7396, except that a directive is a value and not a set of members.
pub(crate) fn apply(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (target.get_mut(name), value) {
            (_, Value::Null) => {
                target.remove(name);
            }
            (_, directive) if is_directive(directive) => {
                target.insert(name.clone(), directive.clone());
            }
            (Some(Value::Object(members)), Value::Object(patch)) if !is_directive_object(members) => {
                apply(members, patch);
            }
            (_, Value::Object(patch)) => {
                let mut members = Map::new();
                apply(&mut members, patch);
                target.insert(name.clone(), Value::Object(members));
            }
            (_, plain) => {
                target.insert(name.clone(), plain.clone());
            }
        }
    }
}
