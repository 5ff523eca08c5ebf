//! Tokens that are bound to a key (RFC 9449), with nonces of the authorization server and of the gateway.

use std::collections::BTreeMap;

use cedar_gate_stage::ListenerOptions;
use serde_json::json;

use crate::client::Client;
use crate::server::{API, AuthorizationServer, client};
use crate::stage::{Listener, configuration, envoy, provider};

#[test]
fn a_token_bound_to_a_key_goes_through_with_proofs_of_that_key_only() {
    let Some(host) = envoy() else { return };
    let server = AuthorizationServer::start(&[
        client("robot", json!({ "dpop_bound_access_tokens": true })),
        client("batch", json!({})),
    ]);
    let keys = json!({
        "discovery": { "cluster": "dpop" },
        "sender_constraint": { "dpop": "required" },
    });
    let mut configuration = configuration(json!({ "idp": provider(&server.issuer(), keys) }));
    configuration["secret"] = json!({ "env": "GATE_SECRET" });
    configuration["dpop"] = json!({ "nonce": { "required": true } });
    let environment = BTreeMap::from([("GATE_SECRET".to_owned(), "thirty-two bytes at the very least".to_owned())]);
    let more = ListenerOptions { environment, ..ListenerOptions::default() };
    let mut listener = Listener::open(host, "dpop", server.address(), configuration, more);
    // Without TLS, which only tests can do without, the gateway has to be told where clients reach it.
    listener.change(|configuration, port| {
        configuration["dpop"]["public_origin"] = json!(format!("http://127.0.0.1:{port}"));
    });
    let mut client = Client::start();
    let (own, other) = (json!({ "proof": "own" }), json!({ "proof": "other" }));

    let token = client.token(&server, "robot", API, &own);
    let first = client.ask(&listener.url(), &token, &own);
    assert_eq!((first.status, first.attempts), (200, 2), "the gateway asks for its nonce first: {first:?}");
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["binding"], "dpop", "{record}");
    for _ in 0..5 {
        let next = client.ask(&listener.url(), &token, &own);
        assert_eq!((next.status, next.attempts), (200, 1), "the nonce serves on, at either worker: {next:?}");
    }

    let stolen = client.ask(&listener.url(), &token, &other);
    assert_eq!(stolen.status, 401, "a proof of another key: {stolen:?}");
    assert!(stolen.challenge.is_some_and(|challenge| challenge.starts_with("DPoP ")));
    let downgraded = client.ask(&listener.url(), &token, &json!({}));
    assert_eq!(downgraded.status, 401, "a bound token as a bearer token: {downgraded:?}");
    let unbound = client.token(&server, "batch", API, &json!({}));
    let unbound = client.ask(&listener.url(), &unbound, &json!({}));
    assert_eq!(unbound.status, 401, "an unbound token where binding is required: {unbound:?}");
    assert_eq!(client.ask(&listener.url(), &token, &own).status, 200, "the right one still goes through");
}
