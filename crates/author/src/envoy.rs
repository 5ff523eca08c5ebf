//! The filter's configuration within that of an Envoy.

use serde_json::Value;

/// The type of Envoy's filter that runs a proxy-wasm module.
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// The filter's name, where an Envoy has more than one Wasm filter.
const NAME: &str = "cedar-gate";

/// What the filter gets: the value itself, or, where that configures an Envoy, what it configures the filter with.
pub(crate) fn of_the_filter(written: Value) -> Result<Value, String> {
    if !is_envoy(&written) {
        return Ok(written);
    }
    let mut found = Vec::new();
    collect(&written, "", &mut found);
    if found.len() > 1 {
        found.retain(|(name, _)| *name == NAME);
    }
    match found.as_slice() {
        [(_, configuration)] => text_or_struct(configuration),
        [] => {
            Err(format!("configures an Envoy, but none of its filters is `{NAME}`, a Wasm filter with a configuration"))
        }
        several => {
            Err(format!("configures {} filters `{NAME}`; keep each configuration in a file of its own", several.len()))
        }
    }
}

/// An Envoy's bootstrap, or a resource for one.
fn is_envoy(written: &Value) -> bool {
    ["static_resources", "dynamic_resources", "resources", "@type"].iter().any(|member| written.get(member).is_some())
}

fn collect<'v>(value: &'v Value, name: &'v str, found: &mut Vec<(&'v str, &'v Value)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Object(members) => {
            if members.get("@type").is_some_and(|kind| kind == WASM)
                && let Some(configuration) = value.pointer("/config/configuration")
            {
                found.push((name, configuration));
                return;
            }
            let name = members.get("name").and_then(Value::as_str).unwrap_or(name);
            members.values().for_each(|member| collect(member, name, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `google.protobuf.Struct` has the configuration as it is, `google.protobuf.StringValue` its text.
fn text_or_struct(configuration: &Value) -> Result<Value, String> {
    match configuration.get("value") {
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|error| format!("the text that the filter is configured with: {error}"))
        }
        Some(value) => Ok(value.clone()),
        None => Err("the configuration of the filter has no `value`".to_owned()),
    }
}
