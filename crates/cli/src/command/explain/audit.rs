//! An audit record: what it says, with what the configuration knows about it.
//!
//! The token, the headers and the body are not in a record. So nothing is decided anew here, and what cannot be known
//! any more is said to be so.

use std::path::Path;

use anyhow::bail;
use cedar_gate::config::Config;
use cedar_gate::policy::{Effect, PolicyOutline};
use cedar_gate::route::{Access, Route};
use cedar_gate_author::Authored;
use serde_json::{Deserializer, Value};

use super::masked::Secrets;
use super::steps::{Detail, Mark, Step};
use super::wording::{list, meaning, one_line, printable};
use super::{Explained, request, token};

/// Explains the records of a log.
///
/// # Errors
///
/// The log cannot be read, or has no such record.
pub(super) fn explain(authored: &Authored, log: &Path, decision: Option<&str>) -> anyhow::Result<Vec<Explained>> {
    let config = request::accepted(authored)?;
    let mut records = records(&token::text(log)?);
    if let Some(id) = decision {
        records.retain(|record| text(record, "decision_id") == Some(id));
    }
    match (records.is_empty(), decision) {
        (true, Some(id)) => bail!("{}: has no audit record with the decision id `{id}`", log.display()),
        (true, None) => {
            bail!("{}: has no audit record, which is a JSON object with `\"cedar_gate\":\"audit\"`", log.display())
        }
        (false, _) => Ok(records.into_iter().map(|record| explained(record, &config)).collect()),
    }
}

/// The audit records in a text: JSON as a whole, or lines with JSON somewhere in them.
fn records(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => collect(value, &mut found),
        Err(_) => text.lines().for_each(|line| in_line(line, &mut found)),
    }
    found
}

fn in_line(line: &str, found: &mut Vec<Value>) {
    let before = found.len();
    for (place, _) in line.match_indices('{') {
        let value = Deserializer::from_str(line.get(place..).unwrap_or_default()).into_iter::<Value>().next();
        if let Some(Ok(value)) = value {
            collect(value, found);
        }
        // Whatever opens further in belongs to the record that has been found.
        if found.len() > before {
            return;
        }
    }
}

/// A record, a list of them, or a line of another log that has one as its text.
fn collect(value: Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(members) if members.get("cedar_gate").is_some_and(|kind| kind == "audit") => {
            found.push(Value::Object(members));
        }
        Value::Object(members) => members.into_iter().for_each(|(_, member)| collect(member, found)),
        Value::Array(items) => items.into_iter().for_each(|item| collect(item, found)),
        Value::String(text) if text.contains("cedar_gate") => text.lines().for_each(|line| in_line(line, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn text<'r>(record: &'r Value, name: &str) -> Option<&'r str> {
    record.get(name).and_then(Value::as_str)
}

fn texts<'r>(record: &'r Value, name: &str) -> Vec<&'r str> {
    record.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn explained(record: Value, config: &Config) -> Explained {
    let or_nothing = |name| text(&record, name).unwrap_or("?");
    let title = format!(
        "{} {} on {}, decision {}",
        or_nothing("method"),
        or_nothing("path"),
        or_nothing("host"),
        or_nothing("decision_id")
    );
    let same_policies = text(&record, "policy_digest") == Some(config.engine.digest());
    let mut steps = vec![when(&record)];
    let route = text(&record, "route").and_then(|name| config.routes.iter().find(|route| *route.name == *name));
    steps.extend(text(&record, "route").map(|name| self::route(name, route)));
    steps.extend(who(&record));
    steps.extend(question(&record));
    steps.push(policy_set(same_policies));
    steps.push(policies(&record, route, config));
    steps.push(decision(&record));
    steps.push(unknown(&record));
    Explained { title, remarks: Vec::new(), steps, notes: Vec::new(), record, secrets: Secrets::default() }
}

fn when(record: &Value) -> Step {
    let mut details = Vec::new();
    details.extend(text(record, "request_id").map(|id| Detail::new(Mark::None, format!("x-request-id {id}"))));
    let spent = |name: &str| record.pointer(&format!("/micros/{name}")).and_then(Value::as_u64);
    if let (Some(total), Some(signature)) = (spent("total"), spent("signature")) {
        let text = format!("took {total} µs inside of the filter, {signature} of them for the signature");
        details.push(Detail::new(Mark::None, text));
    }
    Step::new(Mark::None, "time", text(record, "time").unwrap_or("unknown")).with(details)
}

fn route(name: &str, route: Option<&Route>) -> Step {
    let Some(route) = route else {
        return Step::new(Mark::None, "route", format!("{name}, which this configuration does not have"));
    };
    match &route.access {
        Access::Public(_) => Step::new(Mark::None, "route", format!("{name}, public: nobody is asked who they are")),
        Access::Protected(protected) => {
            let scopes = format!("asks for the scopes {}", list(&protected.scopes));
            let details = if protected.scopes.is_empty() { Vec::new() } else { vec![Detail::new(Mark::None, scopes)] };
            Step::new(Mark::None, "route", name).with(details)
        }
    }
}

fn who(record: &Value) -> Option<Step> {
    let Some(principal) = text(record, "principal") else {
        let provider = text(record, "provider")?;
        let text = format!("unknown: a key of the provider {provider} signed the token, and then something was amiss");
        return Some(Step::new(Mark::None, "principal", text));
    };
    let about = |name: &str, says: &str| text(record, name).map(|text| format!("{says} {text}"));
    let actors = texts(record, "actors");
    let details = [
        about("provider", "by the provider"),
        about("client", "through the client"),
        (!actors.is_empty()).then(|| format!("on its behalf acts {}", list(&actors))),
        about("token_id", "with the token"),
        about("binding", "which is bound to its sender:").filter(|text| !text.ends_with(" none")),
    ];
    let details = details.into_iter().flatten().map(|text| Detail::new(Mark::None, text));
    Some(Step::new(Mark::None, "principal", principal).with(details))
}

fn question(record: &Value) -> Option<Step> {
    let action = text(record, "action")?;
    let resource = text(record, "resource");
    let text = resource.map_or_else(|| action.to_owned(), |resource| format!("{action} on {resource}"));
    Some(Step::new(Mark::None, "question", text))
}

fn policy_set(same: bool) -> Step {
    let text = if same {
        "those of this configuration: the digests are the same"
    } else {
        "other ones than in this configuration: the digests differ, so what follows may not be what was asked then"
    };
    Step::new(if same { Mark::Good } else { Mark::Bad }, "policy set", text)
}

fn policies(record: &Value, route: Option<&Route>, config: &Config) -> Step {
    let catalogue = config.engine.catalogue();
    let ids = texts(record, "policies");
    let reasons =
        texts(record, "reasons").into_iter().map(|reason| Detail::new(Mark::None, format!("reason: {reason}")));
    let errors = texts(record, "errors").into_iter().map(|error| Detail::new(Mark::Bad, error));
    let mut details: Vec<Detail> = ids.iter().flat_map(|id| determining(id, &catalogue, config)).collect();
    details.extend(reasons);
    details.extend(errors);
    let denied = text(record, "cause") == Some("policy_denied");
    let protected = route.and_then(|route| match &route.access {
        Access::Protected(protected) => Some(protected),
        Access::Public(_) => None,
    });
    let text = match (ids.is_empty(), denied) {
        (false, _) => "determined by:",
        (true, true) => "none permitted this; those that could have:",
        (true, false) => "not asked, or without an answer",
    };
    if let Some(protected) = protected.filter(|_| ids.is_empty() && denied) {
        let asked = config.engine.asked_by(&protected.plan);
        details.extend(asked.iter().filter(|policy| policy.effect == Effect::Permit).flat_map(parts));
    }
    Step::new(Mark::None, "policies", text).with(details)
}

/// A policy that determined the decision, or a constraint of static separation.
fn determining(id: &str, catalogue: &[PolicyOutline], config: &Config) -> Vec<Detail> {
    if let Some(name) = id.strip_prefix("separation:") {
        let constraint = config.separation.constraints.iter().find(|constraint| constraint.id == name);
        let text = constraint.map_or(format!("{id}, which this configuration does not have"), |constraint| {
            let roles: Vec<String> = constraint.roles.iter().map(ToString::to_string).collect();
            format!("{id}: {} at most of {}", constraint.at_most, list(&roles))
        });
        return vec![Detail::new(Mark::None, text)];
    }
    match catalogue.iter().find(|policy| policy.id == id) {
        Some(policy) => parts(policy),
        None => vec![Detail::new(Mark::None, format!("{id}, which this configuration does not have"))],
    }
}

/// A policy with its scope and its conditions.
fn parts(policy: &PolicyOutline) -> Vec<Detail> {
    let effect = match policy.effect {
        Effect::Forbid => "forbid",
        Effect::Permit => "permit",
    };
    let place = policy.file.as_ref().map_or(format!("line {}", policy.line), |file| format!("{file}:{}", policy.line));
    let mut lines = vec![Detail::new(Mark::None, format!("{effect} {} ({place})", policy.id))];
    let of_interest = policy.scope.iter().filter(|part| part.text.contains(' ')).chain(&policy.conditions);
    lines.extend(of_interest.map(|part| Detail::new(Mark::None, one_line(&part.text)).deeper()));
    lines
}

fn decision(record: &Value) -> Step {
    let mode = text(record, "mode").unwrap_or("enforce");
    match (text(record, "decision"), text(record, "cause")) {
        (Some("allow"), _) => Step::new(Mark::Good, "decision", "allowed: the request went on"),
        (_, cause) => {
            let cause = cause.unwrap_or("unknown");
            let meaning = meaning(cause).unwrap_or("This version of cedar-gate does not know the cause.");
            let shadow = if mode == "shadow" {
                " In the mode `shadow`, what policies refuse is recorded only: the request may have gone on."
            } else {
                ""
            };
            Step::new(Mark::Bad, "decision", format!("refused, {}: {meaning}{shadow}", printable(cause)))
        }
    }
}

fn unknown(record: &Value) -> Step {
    let text = "the token, the headers and the body are not in the record, so nothing is decided anew here";
    let hint = match text_of_question(record) {
        Some(question) => format!("to see each step and each condition: cedar-gate explain … {question}--token FILE"),
        None => {
            "to see each step and each condition, explain the request with its token, or with its claims".to_owned()
        }
    };
    Step::new(Mark::None, "not known", text).with([Detail::new(Mark::None, hint)])
}

fn text_of_question(record: &Value) -> Option<String> {
    let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.:".contains(&byte));
    let method = text(record, "method").filter(plain)?;
    let path = text(record, "path").filter(plain)?;
    let time = text(record, "time").filter(plain).map(|time| format!("--now {time} ")).unwrap_or_default();
    Some(format!("--method {method} --path {path} {time}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_wherever_it_stands() {
        let record = r#"{"cedar_gate":"audit","decision_id":"a"}"#;
        let escaped = serde_json::to_string(&format!("[info] wasm: {record}")).unwrap();
        for log in [
            record.to_owned(),
            format!("[2026-06-01][info] wasm log{{x}}: {record}\nanother line"),
            format!("{{\"level\":\"info\",\"log\":{escaped}}}"),
            format!("[{record}]"),
        ] {
            assert_eq!(records(&log), [serde_json::from_str::<Value>(record).unwrap()], "{log}");
        }
        assert_eq!(records("{\"cedar_gate\":\"metrics\"}\nplain {text"), [] as [Value; 0]);
    }
}
