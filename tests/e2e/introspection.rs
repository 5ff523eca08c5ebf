//! Tokens that say nothing, and a gateway that asks about them (RFC 7662).

use std::time::Duration;

use cedar_gate_stage::polling;
use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{AuthorizationServer, VAULT, client};
use crate::stage::{Listener, configuration, envoy, gate_key, provider};

/// Longer than a clear answer serves in these tests, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A gateway that authenticates in one way, and a client with an opaque token.
fn asks(name: &'static str, gate: Value, introspection: Value) {
    let Some(host) = envoy() else { return };
    let mut server = AuthorizationServer::start(&[client("batch", json!({})), client("gate", gate)]);
    let mut asking = json!({
        "uri": format!("{}/token/introspection", server.issuer()),
        "cluster": name,
        "client_id": "gate",
        // Of a token that a client has for itself, oidc-provider gives no subject.
        "may_lack": ["sub"],
        "cache_duration": "2s",
        "negative_cache_duration": "1s",
    });
    for (name, value) in introspection.as_object().into_iter().flatten() {
        asking[name] = value.clone();
    }
    let more = json!({
        "audiences": [VAULT],
        "discovery": { "cluster": name },
        "introspection": asking,
    });
    let configuration = configuration(json!({ (name): provider(&server.issuer(), more) }));
    let listener = Listener::open(host, name, server.address(), configuration);
    let mut client = Client::start();

    let token = client.token(&server, "batch", VAULT, &json!({}));
    assert!(!token.contains('.'), "an opaque token: {token}");
    let shown = client.ask(&listener.url(), &token, &json!({}));
    assert_eq!(shown.status, 200, "{shown:?}");
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["principal"], format!(r#"Client::"{name}|batch""#), "{record}");
    let unknown = client.ask(&listener.url(), "bH4tA9Mjf4Vx0iEZ9XjLHmKfBsXGZbyzLfhtG4vOGns", &json!({}));
    assert_eq!(unknown.status, 401, "a token that the server does not know: {unknown:?}");

    // Each worker asks for itself, and not for each request.
    let before = server.requests("/token/introspection");
    let second = client.token(&server, "batch", VAULT, &json!({}));
    for _ in 0..10 {
        assert_eq!(client.ask(&listener.url(), &second, &json!({})).status, 200);
    }
    let asked = server.requests("/token/introspection") - before;
    assert!((1..=4).contains(&asked), "{asked} questions about one token");

    client.revoke(&server, "batch", &token);
    let refused = || Ok((client.ask(&listener.url(), &token, &json!({})).status == 401).then_some(()));
    polling::until("the revoked token to be refused", SOON, refused).expect("it is refused");
    for _ in 0..5 {
        assert_eq!(client.ask(&listener.url(), &token, &json!({})).status, 401, "by both workers");
    }
}

#[test]
fn an_opaque_token_is_introspected_with_client_secret_basic() {
    let more = json!({ "client_secret": { "env": "GATE_SECRET" } });
    asks("basic", json!({}), more);
}

#[test]
fn an_opaque_token_is_introspected_with_client_secret_post() {
    let method = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let more = json!({ "client_secret": { "env": "GATE_SECRET" }, "authentication": "client_secret_post" });
    asks("post", method, more);
}

#[test]
fn an_opaque_token_is_introspected_with_private_key_jwt() {
    let method = json!({
        "client_secret": null,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": { "keys": [gate_key().0] },
    });
    asks("private-key", method, json!({ "client_key": { "env": "GATE_KEY" } }));
}

#[test]
fn an_answer_that_must_be_signed_is_verified() {
    let method = json!({ "introspection_signed_response_alg": "ES256" });
    let more = json!({ "client_secret": { "env": "GATE_SECRET" }, "signed": true });
    asks("signed", method, more);
}
