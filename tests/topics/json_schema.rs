//! The JSON Schema of the configuration, held against the filter and against the papers.

use std::collections::{BTreeMap, BTreeSet};

use cedar_gate::config::{Config, json_schema};
use cedar_gate::secret::Environment;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::fixture::{accepted, paper};

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema()).expect("a JSON Schema")
}

fn complaints(validator: &Validator, configuration: &Value) -> Vec<String> {
    validator.iter_errors(configuration).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_the_filter_accepts_the_schema_accepts() {
    let validator = validator();
    for (name, configuration) in accepted() {
        assert_eq!(complaints(&validator, &configuration), Vec::<String>::new(), "{name}");
    }
    assert_eq!(complaints(&validator, &everything()), Vec::<String>::new());
}

#[test]
fn policies_can_be_left_in_their_folder() {
    let mut configuration = everything();
    configuration["policies"] = json!({"directory": "policies"});
    assert!(validator().is_valid(&configuration));
    configuration["policies"]["embedded"] = json!("payments");
    assert!(!validator().is_valid(&configuration));
}

/// A configuration with every member that there is, apart from those that exclude others.
fn everything() -> Value {
    json!({
        "mode": "enforce",
        "host": {"body_before_headers": true},
        "providers": {"corp": {
            "issuer": "https://idp.example.com/",
            "audiences": ["https://api.example.com"],
            "algorithms": ["ES256"],
            "local_jwks": {"inline": {"keys": [{
                "kty": "EC",
                "crv": "P-256",
                "x": "RnfuZnuXWWuVC_W6Degm0E4zhohSSHDUZ1PCl4lFXiY",
                "y": "lAS4tIAt-qL_uI4HFYhYVknuU4YfPNkny1AC8Q3H86w",
            }]}},
            "introspection": {
                "uri": "https://idp.example.com/introspect",
                "cluster": "idp",
                "tokens": "all",
                "client_id": "gate",
                "client_secret": {"env": "GATE_CLIENT_SECRET"},
                "authentication": "client_secret_post",
                "signed": true,
                "may_lack": ["aud", "exp", "iat", "sub", "token_type"],
                "timeout": "2s",
                "cache_duration": "30s",
                "negative_cache_duration": "10s",
            },
            "status_list": {
                "cluster": "idp",
                "uris": ["https://idp.example.com/status/"],
                "required": true,
                "timeout": "2s",
                "cache_duration": "1m",
                "max_stale": "5m",
            },
            "revoked": {
                "uri": "https://idp.example.com/revoked",
                "cluster": "idp",
                "timeout": "2s",
                "cache_duration": "1m",
                "max_stale": "5m",
            },
            "profile": "none",
            "token_types": ["at+jwt", "absent"],
            "clock_skew": "0",
            "max_lifetime": "1h 30m",
            "require_claims": ["client_id", ["https://example.com/tenant"]],
            "principal": {
                "type": "User",
                "id": "sub",
                "attributes": {"department": {"claim": "dept", "type": "String", "required": true}},
            },
            "parents": [{"claim": "roles", "type": "Role", "allow": ["maker", "checker"]}],
            "clients": {"type": "Client", "when": {"claim": "sub", "equals_claim": "client_id"}},
            "sender_constraint": {"dpop": "optional", "mtls": "required"},
        }, "partner": {
            "issuer": "https://partner.example.com/",
            "audiences": ["https://api.example.com"],
            "algorithms": ["ES256"],
            "remote_jwks": {
                "uri": "https://partner.example.com/jwks",
                "cluster": "partner",
                "timeout": "2s",
                "cache_duration": "10m",
                "max_stale": "1h",
                "cooldown": "30s",
            },
            "introspection": {
                "uri": "https://partner.example.com/introspect",
                "cluster": "partner",
                "tokens": "jwt",
                "client_id": "gate",
                "client_key": {"env": "GATE_CLIENT_KEY"},
                "assertion_audience": "https://partner.example.com/token",
            },
            "principal": {"attributes": {"department": {"claim": "dept", "type": "String", "required": true}}},
        }, "other": {
            "issuer": "https://other.example.com/",
            "audiences": ["https://api.example.com"],
            "algorithms": ["ES256"],
            "discovery": {
                "cluster": "other",
                "timeout": "2s",
                "cache_duration": "10m",
                "max_stale": "1h",
                "cooldown": "30s",
            },
            "principal": {"attributes": {"department": {"claim": "dept", "type": "String", "required": true}}},
        }},
        "credentials": {
            "from_headers": [{"name": "authorization", "schemes": ["bearer", "DPoP"]}, {"name": "X-Token"}],
            "from_cookies": [{"name": "__Host-token"}],
            "from_params": [{"name": "access_token"}],
        },
        "realm": "Payments",
        "resource_metadata": {
            "resource": "https://api.example.com/payments",
            "authorization_servers": ["https://idp.example.com/"],
            "scopes_supported": ["payments:write"],
            "resource_name": "Payments",
            "resource_documentation": "https://api.example.com/help",
            "resource_policy_uri": "https://api.example.com/policy",
            "resource_tos_uri": "https://api.example.com/terms",
        },
        "routes": [
            {"methods": ["GET"], "path": "/healthz", "access": "public", "cors": true},
            {
                "methods": ["POST", "PUT"],
                "path": "/payments/{id}/{kind}",
                "params": {"id": "integer", "kind": {"pattern": "[a-z]+"}},
                "access": "protected",
                "action": "pay",
                "resource": {
                    "type": "Payment",
                    "id": "{id}",
                    "parents": [{"type": "Ledger", "id": "main"}],
                    "attributes": {
                        "amount": {"body": "/amount"},
                        "kind": {"param": "kind"},
                        "currency": {"query": "currency"},
                        "unit": {"text": "cents"},
                    },
                },
                "scopes": ["payments:write"],
                "cors": false,
                "max_stream_age": "token",
                "body": {"amount": {"pointer": "/amount", "type": "Long", "required": true}},
                "query": {"currency": {"type": "String", "required": false}},
                "headers": {"x-tenant": {"type": "String", "required": false}},
                "sender_constraint": {"dpop": "required", "mtls": "optional"},
            },
        ],
        "policies": {"inline": {
            "schema": "entity Role; entity User in [Role] = { department: String }; entity Client in [Role];
                entity Ledger; entity Payment in [Ledger] = { amount: Long, kind: String, currency?: String, unit: String };
                action pay appliesTo { principal: [User, Client], resource: [Payment] };",
            "policies": {"a.cedar": "permit (principal in Role::\"maker\", action, resource);"},
            "entities": [{"uid": {"type": "Role", "id": "maker"}, "attrs": {}, "parents": []}],
        }},
        "separation": {"static": [{"id": "four-eyes", "roles": ["maker", "checker"], "type": "Role", "at_most": 1}]},
        "forward": {"token": "keep", "headers": {"X-Auth-Subject": "sub"}, "protected_headers": ["X-User"]},
        "audit": {"log": true},
        "secret": {"env": "GATE_SECRET"},
        "dpop": {
            "algorithms": ["ES256", "EdDSA"],
            "proof_lifetime": "1m",
            "clock_skew": "5s",
            "public_origin": "https://api.example.com",
            "nonce": {"required": true, "lifetime": "5m"},
            "replay": {"entries": 65536},
        },
        "client_certificate": {"from": "connection"},
        "crypto": "auto",
        "token_cache": {"entries": 4096, "bytes": 16777216},
        "limits": {
            "token_bytes": 16384,
            "claims_depth": 16,
            "policy_depth": 32,
            "policy_chain": 1000,
            "body_bytes": 65536,
            "body_timeout": "5s",
            "wait_timeout": "5s",
        },
    })
}

/// Every object and list within a value, and the value itself.
fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, places: &mut Vec<String>) {
        places.push(at.to_owned());
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{at}/{index}"), places));
            }
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                walk(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut places = Vec::new();
    walk(value, "", &mut places);
    places
}

/// A configuration that is wrong in one place: a member too few, one too many, a value of another type.
fn spoilt(configuration: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for place in places(configuration) {
        let mut change = |what: &str, change: &dyn Fn(&mut Value)| {
            let mut spoilt = configuration.clone();
            change(spoilt.pointer_mut(&place).expect("a place"));
            if spoilt != *configuration {
                all.push((format!("{what} at `{place}`"), spoilt));
            }
        };
        change("null", &|value| *value = Value::Null);
        change("seven", &|value| *value = json!(7));
        change("text", &|value| *value = json!("surely none of the words"));
        change("an empty object", &|value| *value = json!({}));
        change("a typing error", &|value| {
            if let Value::Object(members) = value {
                members.insert("typo".to_owned(), json!("x"));
            }
        });
        let names = configuration.pointer(&place).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        for name in names {
            change(&format!("no `{name}`"), &|value| {
                value.as_object_mut().and_then(|members| members.remove(name));
            });
        }
    }
    all
}

/// Whether it is wrong with the form, whatever the values mean.
fn is_of_the_form(fault: &str) -> bool {
    if fault.contains("less than the number of roles") {
        return false;
    }
    let ends =
        ["unknown field", "is missing", "must not be empty", "is none of Boolean, Decimal, Long, Set<String>, String"];
    let parts = [": must be ", "takes exactly one of ", "takes either ", "no duration such as"];
    ends.iter().any(|end| fault.ends_with(end)) || parts.iter().any(|part| fault.contains(part))
}

#[test]
fn what_the_schema_refuses_the_filter_refuses_and_what_has_another_form_both_refuse() {
    let validator = validator();
    let (mut of_the_form, mut others) = (0, 0);
    for (what, configuration) in spoilt(&everything()) {
        let faults: Vec<String> = match Config::load_in(configuration.to_string().as_bytes(), &Environment::assumed()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        let complaints = complaints(&validator, &configuration);
        assert!(complaints.is_empty() || !faults.is_empty(), "{what}: only the schema complains: {complaints:?}");
        // What a key or an entity consists of is no matter of the schema.
        let beyond = |fault: &&String| !fault.contains(".keys[") && !fault.contains(".entities");
        if faults.iter().filter(beyond).any(|fault| is_of_the_form(fault)) {
            assert!(!complaints.is_empty(), "{what}: the schema says nothing, the filter: {faults:?}");
            of_the_form += 1;
        } else {
            others += 1;
        }
    }
    assert!(of_the_form > 400 && others > 50, "{of_the_form}, {others}");
}

/// A member of the configuration, as the schema has it.
struct Property {
    schema: Value,
    required: bool,
}

/// All members by their paths: `[n]` for the items of a list, `<>` for names that users choose.
fn properties() -> BTreeMap<String, Property> {
    let schema = json_schema();
    let mut properties = BTreeMap::new();
    collect(&schema, &schema, "", &mut properties);
    properties
}

fn definition<'s>(root: &'s Value, schema: &Value) -> Option<&'s Value> {
    let pointer = schema["$ref"].as_str()?.strip_prefix('#')?;
    Some(root.pointer(pointer).expect("a definition"))
}

/// A definition can have a default of its own.
fn with_default(root: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(default) = definition(root, &schema).and_then(|definition| definition.get("default"))
        && schema.get("default").is_none()
    {
        schema["default"] = default.clone();
    }
    schema
}

fn collect(root: &Value, schema: &Value, at: &str, properties: &mut BTreeMap<String, Property>) {
    let schema = definition(root, schema).unwrap_or(schema);
    let required: Vec<&Value> = ["/required", "/else/required"]
        .into_iter()
        .filter_map(|pointer| schema.pointer(pointer)?.as_array())
        .flatten()
        .collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let required = required.iter().any(|known| *known == name);
        properties.insert(path.clone(), Property { schema: with_default(root, member), required });
        collect(root, member, &path, properties);
    }
    if schema["additionalProperties"].is_object() {
        let (path, member) = (format!("{at}.<>"), &schema["additionalProperties"]);
        properties.insert(path.clone(), Property { schema: with_default(root, member), required: false });
        collect(root, member, &path, properties);
    }
    if let Some(items) = schema.get("items") {
        collect(root, items, &format!("{at}[n]"), properties);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten().filter(|each| each["$ref"].is_string()) {
        collect(root, alternative, at, properties);
    }
}

/// A row of a table of members.
#[derive(Debug)]
struct Row {
    path: String,
    written: String,
    default: String,
    range: Option<String>,
}

/// The rows of all tables of members in docs/configuration.md. A path may begin with `…`, which stands for the path
/// above it, or for what that belongs to.
fn rows(known: &BTreeMap<String, Property>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut header: Option<(String, Vec<String>)> = None;
    for line in paper("docs/configuration.md").lines() {
        // A `\|` is part of its cell.
        let line = line.replace("\\|", "/");
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            header = None;
            continue;
        };
        let cells: Vec<String> = cells.split('|').map(|cell| cell.trim().to_owned()).collect();
        let Some((prefix, names)) = &header else {
            let below = cells[0].strip_prefix("path").unwrap_or("none");
            let is_of_members = below != "none" && cells.get(1).is_some_and(|name| name.starts_with("type"));
            let prefix = below.strip_prefix(" below ").map(|path| format!("{}.", path.trim_matches('`')));
            header = Some((if is_of_members { prefix.unwrap_or_default() } else { "none".to_owned() }, cells));
            continue;
        };
        if prefix == "none" || cells[0].starts_with('-') {
            continue;
        }
        let cell = |name: &str| names.iter().position(|known| known == name).map(|index| cells[index].clone());
        let named = without_names(cells[0].trim_matches('`'));
        let path = match named.strip_prefix('…') {
            None => without_names(prefix) + &named,
            Some(rest) => {
                let mut above = rows.last().map(|row| row.path.clone()).unwrap_or_default();
                while !known.contains_key(&format!("{above}{rest}")) && !above.is_empty() {
                    above.truncate(above.rfind('.').unwrap_or(0));
                }
                format!("{above}{rest}")
            }
        };
        let default = cell("default").unwrap_or_default();
        rows.push(Row { path, written: cells[1].clone(), default, range: cell("range") });
    }
    rows
}

/// `providers.<name>` as `providers.<>`.
fn without_names(path: &str) -> String {
    let parts = path.split_inclusive('<').map(|part| match part.split_once('>') {
        Some((_, rest)) => format!(">{rest}"),
        None => part.to_owned(),
    });
    parts.collect()
}

#[test]
fn every_field_is_documented() {
    let (properties, paper) = (properties(), paper("docs/configuration.md"));
    let rows = rows(&properties);
    let quoted: BTreeSet<String> = paper.split('`').skip(1).step_by(2).map(without_names).collect();
    let is_documented = |path: &&String| {
        let within = |row: &Row| row.path.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
        rows.iter().any(|row| row.path == **path || within(row)) || quoted.contains(*path)
    };
    let missing: Vec<&String> = properties.keys().filter(|path| !is_documented(path)).collect();
    assert!(missing.is_empty(), "docs/configuration.md says nothing of {missing:?}");
}

#[test]
fn every_documented_field_is_as_it_is_documented() {
    let properties = properties();
    let rows = rows(&properties);
    assert!(rows.len() > 60, "{}", rows.len());
    let mut wrong = Vec::new();
    for Row { path, written, default, range } in &rows {
        let Some(property) = properties.get(path) else {
            wrong.push(format!("`{path}` does not exist"));
            continue;
        };
        if !is_written(&property.schema, written, &properties) {
            wrong.push(format!("`{path}` is not: {written}"));
        }
        let documented = match (property.required, default_of(&property.schema)) {
            (true, _) => default.starts_with("required"),
            (false, None) => ["", "all", "none"].contains(&default.as_str()),
            (false, Some(value)) => *default == format!("`{value}`"),
        };
        if !documented {
            wrong.push(format!("`{path}` is not as documented, required or with a default: {default}"));
        }
        if let Some(range) = range
            && !has_range(&property.schema, range)
        {
            wrong.push(format!("`{path}` does not range from {range}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_written(schema: &Value, written: &str, properties: &BTreeMap<String, Property>) -> bool {
    let like = |path: &str, keyword: &str| schema[keyword] == properties[path].schema[keyword];
    let is_a = |name: &str| schema["type"] == name;
    let refers_to = |name: &str| schema["$ref"].as_str().is_some_and(|reference| reference.ends_with(name));
    let words = || written.split('`').skip(1).step_by(2).map(|word| json!(word)).collect::<Vec<_>>();
    match written {
        "" => true,
        "Boolean" => is_a("boolean"),
        "claim path" => refers_to("/ClaimPath"),
        "demand" => refers_to("/Demand"),
        "entity type" => like("providers.<>.principal.type", "pattern"),
        "header name" | "JSON pointer" | "parameter" | "path template" | "text template" => is_a("string"),
        "kind" => refers_to("/ParameterKind"),
        "list" => is_a("array"),
        "object" => is_a("object") || schema["$ref"].is_string(),
        "string" => is_a("string"),
        "string, or object of strings" => refers_to("/PolicyTexts"),
        "value type" => like("routes[n].body.<>.type", "enum"),
        "value type, not `Set<String>`" => like("routes[n].query.<>.type", "enum"),
        _ if written.starts_with('`') => schema["enum"] == json!(words()),
        _ if written.starts_with("duration") => like("limits.body_timeout", "pattern"),
        _ if written.starts_with("list of ") => is_a("array"),
        _ if written.starts_with("whole number") => is_a("integer"),
        _ => false,
    }
}

/// As the papers write it.
fn default_of(schema: &Value) -> Option<String> {
    match &schema["default"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            Some(format!("[{}]", items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")))
        }
        value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Some(value.to_string()),
    }
}

fn has_range(schema: &Value, range: &str) -> bool {
    let number = |keyword: &str| schema[keyword].to_string();
    let description = schema["description"].as_str().unwrap_or_default();
    format!("{} to {}", number("minimum"), number("maximum")) == range
        || description.ends_with(&format!("From {range}."))
}

#[test]
fn the_schema_says_what_it_is() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "Configuration of cedar-gate");
    let bare: Vec<String> = properties()
        .into_iter()
        .filter(|(path, property)| {
            !path.ends_with(".<>") && property.schema["description"].as_str().is_none_or(str::is_empty)
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(bare, Vec::<String>::new(), "members without a description");
}

#[test]
fn the_example_of_everything_has_every_member() {
    let exclude_each_other = ["policies.directory", "policies.embedded"];
    let everything = everything();
    let used: BTreeSet<String> =
        places(&everything).iter().map(|place| place.trim_start_matches('/').to_owned()).collect();
    for path in properties().keys().filter(|path| !exclude_each_other.contains(&path.as_str())) {
        let steps: Vec<&str> = path.split(['.', '[']).collect();
        let fits = |place: &str| {
            let parts: Vec<&str> = place.split('/').collect();
            let same = |(step, part): (&&str, &&str)| *step == "<>" || *step == "n]" || step == part;
            parts.len() == steps.len() && steps.iter().zip(&parts).all(same)
        };
        assert!(used.iter().any(|place| fits(place)), "`everything` lacks `{path}`");
    }
}
