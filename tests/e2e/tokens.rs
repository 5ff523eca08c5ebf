//! Client credentials, resource indicators, JWT access tokens, and keys from the network.

use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{API, AuthorizationServer, VAULT, client};
use crate::stage::{Listener, configuration, envoy, provider};

fn shows_tokens(name: &'static str, keys: impl FnOnce(&AuthorizationServer) -> Value) {
    let Some(host) = envoy() else { return };
    let mut server = AuthorizationServer::start(&[client("batch", json!({}))]);
    let provider = provider(&server.issuer(), keys(&server));
    let listener = Listener::open(host, name, server.address(), configuration(json!({ (name): provider })));
    let mut client = Client::start();

    let token = client.token(&server, "batch", API, &json!({}));
    let shown = client.ask(&listener.url(), &token, &json!({}));
    assert_eq!(shown.status, 200, "{shown:?}");
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["principal"], format!(r#"Client::"{name}|batch""#), "{record}");
    assert_eq!(record["client"], "batch", "{record}");

    // For another resource, although of the same server and client.
    let elsewhere = client.token(&server, "batch", VAULT, &json!({}));
    assert_eq!(client.ask(&listener.url(), &elsewhere, &json!({})).status, 401);
    // Granted, but less than the route asks for.
    let narrow = client.token(&server, "batch", API, &json!({ "scope": "documents:write" }));
    let shown = client.ask(&listener.url(), &narrow, &json!({}));
    assert_eq!(shown.status, 403, "{shown:?}");
    assert!(shown.challenge.is_some_and(|challenge| challenge.contains("insufficient_scope")));
    // The first letter of a signature, whose bits all count.
    let dot = token.rfind('.').expect("a signature") + 1;
    let mut forged = token.clone();
    let other = if forged[dot..].starts_with('A') { "B" } else { "A" };
    forged.replace_range(dot..=dot, other);
    assert_eq!(client.ask(&listener.url(), &forged, &json!({})).status, 401);

    // Two workers, of which one asks, and the other one reads what that has put into shared data.
    for _ in 0..10 {
        assert_eq!(client.ask(&listener.url(), &token, &json!({})).status, 200);
    }
    assert_eq!(server.requests("/jwks"), 1);
}

#[test]
fn a_token_for_this_resource_goes_through_with_keys_by_discovery() {
    shows_tokens("discovery", |_| json!({ "discovery": { "cluster": "discovery" } }));
}

#[test]
fn a_token_for_this_resource_goes_through_with_keys_by_their_uri() {
    shows_tokens(
        "remote-jwks",
        |server| json!({ "remote_jwks": { "uri": format!("{}/jwks", server.issuer()), "cluster": "remote-jwks" } }),
    );
}

#[test]
fn d6_metadata_of_another_issuer_lead_to_no_keys() {
    let Some(host) = envoy() else { return };
    let server = AuthorizationServer::start(&[client("batch", json!({}))]);
    // The same server under another name: what it publishes is not about that one.
    let alias = format!("http://localhost:{}", server.port);
    let provider = provider(&alias, json!({ "discovery": { "cluster": "alias", "timeout": "1s" } }));
    let configuration = configuration(json!({ "alias": provider }));
    let listener = Listener::open(host, "alias", server.address(), configuration);
    let forge =
        cedar_gate_scenario::Forge::new().with_key("idp", json!({ "kty": "EC", "crv": "P-256" })).expect("a key");
    let claims = json!({
        "iss": alias, "aud": API, "iat": { "$now": 0 }, "exp": { "$now": 300 }, "sub": "a", "client_id": "a",
    });
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let token = forge.mint(&json!({ "key": "idp", "alg": "ES256", "claims": claims }), now as i64).expect("a token");
    let shown = Client::start().ask(&listener.url(), &token, &json!({}));
    assert_eq!((shown.status, shown.retry_after.is_some()), (503, true), "{shown:?}");
}
