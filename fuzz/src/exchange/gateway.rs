//! The gateway that requests are sent to: the payments policies, two issuers, and routes of all kinds.

use cedar_gate::config::Config;
use cedar_gate::gate::{Gate, Platform};
use cedar_gate::jose::InVm;
use serde_json::{Value, json};

use crate::mint::SigningKey;

/// The longest body that a decision waits for, in bytes.
pub(super) const BODY_BYTES: usize = 256;

/// How long it waits, in nanoseconds.
pub(super) const BODY_NANOS: u64 = 2_000_000_000;

pub(super) fn gate(mode: &str) -> Gate {
    let configuration = configuration(mode).to_string();
    let config = Config::load(configuration.as_bytes())
        .unwrap_or_else(|faults| panic!("{:?}", faults.iter().map(ToString::to_string).collect::<Vec<_>>()));
    Gate::new(config, Platform { verifier: Box::new(InVm), entropy: [0; 32] })
}

fn configuration(mode: &str) -> Value {
    let parents = |roles: &[&str]| json!([{"claim": "realm_access.roles", "type": "Role", "allow": roles}]);
    let clients = json!({"type": "Client", "when": {"claim": "sub", "equals_claim": "client_id"}});
    json!({
        "mode": mode,
        "host": {"body_before_headers": true},
        "providers": {
            "corp": {
                "issuer": "https://idp.example.com/",
                "audiences": ["https://api.example.com"],
                "algorithms": ["EdDSA", "HS256"],
                "local_jwks": {"inline": {"keys": [SigningKey::CorpSecret.jwk(), SigningKey::CorpEd25519.jwk()]}},
                "clock_skew": "30s",
                "max_lifetime": "1h",
                "require_claims": ["client_id"],
                "principal": {"attributes": {"department": {"claim": "dept", "type": "String"}}},
                "parents": parents(&["maker", "checker", "treasurer", "auditor", "head-of-payments"]),
                "clients": clients,
            },
            "partner": {
                "issuer": "https://login.partner.example/",
                "audiences": ["https://api.example.com"],
                "algorithms": ["EdDSA"],
                "local_jwks": {"inline": {"keys": [SigningKey::PartnerEd25519.jwk()]}},
                "parents": parents(&["auditor"]),
                "clients": clients,
            },
        },
        "routes": routes(),
        "policies": {"embedded": "payments"},
        "separation": {"static": [
            {"id": "maker-checker", "roles": ["maker", "checker"], "at_most": 1},
            {"id": "nobody-pays-alone", "roles": ["maker", "treasurer"], "at_most": 1},
        ]},
        "forward": {
            "headers": {"x-auth-subject": "sub", "x-auth-roles": "realm_access.roles"},
            "protected_headers": ["x-user"],
        },
        "limits": {"body_bytes": BODY_BYTES, "body_timeout": "2s"},
    })
}

fn routes() -> Value {
    let amount = json!({"amount": {"pointer": "/amount", "type": "Long", "required": true}});
    let view = |path: &str, kind: Value| {
        json!({
            "methods": ["GET", "HEAD"], "path": path, "params": kind, "action": "view",
            "resource": {"type": "Payment", "id": "{id}", "parents": [{"type": "Ledger", "id": "main"}]},
            "scopes": ["payments:read"],
        })
    };
    json!([
        {"methods": ["GET"], "path": "/healthz", "access": "public"},
        {"methods": ["GET"], "path": "/files/{*rest}", "access": "public"},
        {
            "methods": ["GET"], "path": "/files/secret/{name}", "action": "view",
            "resource": {"type": "Payment", "id": "secret/{name}"},
        },
        {
            "methods": ["GET"], "path": "/payments", "action": "list",
            "resource": {"type": "Ledger", "id": "main"}, "scopes": ["payments:read"],
            "query": {"limit": {"type": "Long"}, "open": {"type": "Boolean"}},
            "headers": {"x-tenant": {"type": "String"}},
        },
        {
            "methods": ["POST"], "path": "/payments", "action": "submit",
            "resource": {"type": "Ledger", "id": "main"}, "scopes": ["payments:submit"], "body": amount,
        },
        view("/payments/{id}", json!({"id": "integer"})),
        {
            "methods": ["GET"], "path": "/payments/latest", "action": "view",
            "resource": {"type": "Payment", "id": "latest"}, "scopes": ["payments:read", "payments:submit"],
        },
        {
            "methods": ["POST"], "path": "/payments/{id}/approval", "params": {"id": "integer"}, "action": "approve",
            "resource": {
                "type": "Payment", "id": "{id}", "parents": [{"type": "Ledger", "id": "main"}],
                "attributes": {"amount": {"body": "/amount"}},
            },
            "scopes": ["payments:approve"], "body": amount,
        },
        {
            "methods": ["POST"], "path": "/payments/{id}/release", "params": {"id": "integer"}, "action": "release",
            "resource": {"type": "Payment", "id": "{id}"}, "scopes": ["payments:release"],
        },
        view("/drafts/{id}", json!({})),
        view("/orders/{id}", json!({"id": "uuid"})),
        view("/invoices/{id}", json!({"id": {"pattern": "[A-Z]{2}-[0-9]+"}})),
        view("/notes/{id}/text", json!({"id": "segment"})),
    ])
}
