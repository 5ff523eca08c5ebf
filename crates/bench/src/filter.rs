//! What stands before Envoy's router in each line of the table, as Envoy is configured with it.

use std::path::Path;

use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::row::Filter;

/// The modules that the filters in Wasm are loaded from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modules<'a> {
    pub(crate) cedar_gate: &'a Path,
    pub(crate) noop: &'a Path,
}

/// The HTTP filters before the router.
pub(crate) fn before_router(filter: Filter, audit: bool, issuer: &Issuer, modules: Modules<'_>) -> Vec<Value> {
    match filter {
        Filter::Nothing => Vec::new(),
        Filter::Noop => vec![wasm("noop", modules.noop, "noop", &json!({}))],
        Filter::JwtCached => vec![jwt_authn(issuer, Some(json!({ "jwt_cache_size": CACHED_TOKENS }))), rbac()],
        Filter::JwtUncached => vec![jwt_authn(issuer, None), rbac()],
        Filter::CedarGate => {
            let mut configuration = issuer.gate_configuration().clone();
            configuration["audit"] = json!({ "log": audit });
            // A VM for each, so that what one configuration keeps in it does not stand in the way of the other one.
            let vm = if audit { "cedar-gate-audit" } else { "cedar-gate" };
            vec![wasm("cedar-gate", modules.cedar_gate, vm, &configuration)]
        }
    }
}

/// Tokens that `jwt_authn` remembers; its default is 100.
pub(crate) const CACHED_TOKENS: u32 = 1000;

fn wasm(name: &str, module: &Path, vm: &str, configuration: &Value) -> Value {
    json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "root_id": name,
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "vm_id": vm,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
                "configuration": { "@type": "type.googleapis.com/google.protobuf.Struct", "value": configuration },
            },
        },
    })
}

/// As strict as the provider in cedar-gate's configuration, as far as the filter can be.
fn jwt_authn(issuer: &Issuer, cache: Option<Value>) -> Value {
    let mut provider = json!({
        "issuer": issuer.name(),
        "audiences": [issuer.audience()],
        "local_jwks": { "inline_string": json!({ "keys": [issuer.public_jwk()] }).to_string() },
        "forward": true,
        "require_expiration": true,
        "max_lifetime": "3600s",
        "clock_skew_seconds": 30,
        "payload_in_metadata": PAYLOAD,
        "claim_to_headers": [
            { "header_name": "x-auth-subject", "claim_name": "sub" },
            { "header_name": "x-auth-roles", "claim_name": "realm_access.roles" },
        ],
    });
    if let Some(cache) = cache {
        provider["jwt_cache_config"] = cache;
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "corp": provider },
            "rules": [
                { "match": { "path": "/healthz" } },
                { "match": { "prefix": "/" }, "requires": { "provider_name": "corp" } },
            ],
        },
    })
}

/// Where `jwt_authn` leaves the claims for `rbac`.
const PAYLOAD: &str = "payload";

/// The routes, scopes, roles and conflicts of roles in cedar-gate's configuration and in policies/payments, as far as
/// matchers can say them: amounts in bodies are out of reach.
fn rbac() -> Value {
    let staff = ["maker", "checker", "treasurer", "auditor", "head-of-payments"];
    let one_payment = "/payments/(0|[1-9][0-9]*)";
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": {
                    "payments-staff-list": policy("GET", "/payments", "payments:read", &staff),
                    "payments-staff-read": policy("GET|HEAD", one_payment, "payments:read", &staff),
                    "makers-submit": policy("POST", "/payments", "payments:submit", &["maker"]),
                    "checkers-approve": policy(
                        "POST",
                        &format!("{one_payment}/approval"),
                        "payments:approve",
                        &["checker", "head-of-payments", "treasurer"],
                    ),
                    "treasurers-release":
                        policy("POST", &format!("{one_payment}/release"), "payments:release", &["treasurer"]),
                },
            },
        },
    })
}

fn policy(method: &str, path: &str, scope: &str, roles: &[&str]) -> Value {
    let conflict = [["maker", "checker"], ["maker", "treasurer"]]
        .map(|pair| json!({ "and_ids": { "ids": pair.map(|role| has_role(&[role])) } }));
    json!({
        "permissions": [{
            "and_rules": {
                "rules": [
                    { "header": { "name": ":method", "string_match": { "safe_regex": { "regex": method } } } },
                    { "url_path": { "path": { "safe_regex": { "regex": path } } } },
                ],
            },
        }],
        "principals": [{
            "and_ids": {
                "ids": [
                    claim(&["scope"], &json!({
                        "string_match": { "safe_regex": { "regex": format!("(.* )?{scope}( .*)?") } },
                    })),
                    has_role(roles),
                    { "not_id": { "or_ids": { "ids": conflict } } },
                ],
            },
        }],
    })
}

fn has_role(roles: &[&str]) -> Value {
    let one_of = format!("({})", roles.join("|"));
    claim(
        &["realm_access", "roles"],
        &json!({ "list_match": { "one_of": { "string_match": { "safe_regex": { "regex": one_of } } } } }),
    )
}

fn claim(path: &[&str], value: &Value) -> Value {
    let path = std::iter::once(&PAYLOAD).chain(path).map(|key| json!({ "key": key }));
    json!({
        "sourced_metadata": {
            "metadata_matcher": {
                "filter": "envoy.filters.http.jwt_authn",
                "path": path.collect::<Vec<_>>(),
                "value": value,
            },
        },
    })
}
