//! Tokens that are bound to a key (RFC 9449), with nonces of the authorization server and of the gateway.

use std::time::Duration;

use cedar_gate_stage::{EnvoyHost, polling};
use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{API, AuthorizationServer, VAULT, client};
use crate::stage::{Listener, configuration, envoy, provider};

const SOON: Duration = Duration::from_secs(30);

/// A gateway that takes tokens with proofs of the key that they are bound to, and no others.
fn open(host: &'static EnvoyHost, name: &'static str, server: &AuthorizationServer, mut more: Value) -> Listener {
    more["sender_constraint"] = json!({ "dpop": "required" });
    more["discovery"] = json!({ "cluster": name });
    let mut configuration = configuration(json!({ (name): provider(&server.issuer(), more) }));
    configuration["secret"] = json!({ "env": "GATE_NONCES" });
    // The shorter the clocks of clients may differ, the sooner the gateway knows enough.
    configuration["dpop"] = json!({ "nonce": { "required": true }, "clock_skew": "1s" });
    let mut listener = Listener::open(host, name, server.address(), configuration);
    // Without TLS, which only tests can do without, the gateway has to be told where clients reach it.
    listener.change(|configuration, port| {
        configuration["dpop"]["public_origin"] = json!(format!("http://127.0.0.1:{port}"));
    });
    listener
}

/// Shows a token for the first time, and gives how often the request had to be sent. A gateway that has just started
/// cannot know which proofs were used before, and says so for some seconds.
fn show_first(client: &mut Client, listener: &Listener, token: &str, more: &Value) -> u32 {
    let mut attempts = 0;
    let shown = polling::until("the memory of proofs to be old enough", SOON, || {
        let shown = client.ask(&listener.url(), token, more);
        attempts = attempts.max(shown.attempts);
        Ok((shown.status != 503 || shown.retry_after.is_none()).then_some(shown))
    });
    assert_eq!(shown.as_ref().map(|shown| shown.status).ok(), Some(200), "{shown:?}, {:?}", listener.records().pop());
    attempts
}

#[test]
fn a_token_bound_to_a_key_goes_through_with_proofs_of_that_key_only() {
    let Some(host) = envoy() else { return };
    let server = AuthorizationServer::start(&[
        client("robot", json!({ "dpop_bound_access_tokens": true })),
        client("batch", json!({})),
    ]);
    let listener = open(host, "dpop", &server, json!({}));
    let mut client = Client::start();
    let (own, other) = (json!({ "proof": "own" }), json!({ "proof": "other" }));

    let token = client.token(&server, "robot", API, &own);
    assert_eq!(show_first(&mut client, &listener, &token, &own), 2, "the gateway asks for its nonce, and gets it");
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["binding"], "dpop", "{record}");
    for _ in 0..5 {
        let next = client.ask(&listener.url(), &token, &own);
        assert_eq!((next.status, next.attempts), (200, 1), "the nonce serves on, at either worker: {next:?}");
    }

    let stolen = client.ask(&listener.url(), &token, &other);
    assert_eq!(stolen.status, 401, "a proof of another key: {stolen:?}");
    assert!(stolen.challenge.is_some_and(|challenge| challenge.starts_with("DPoP ")));
    let replayed = client.ask(&listener.url(), &token, &json!({ "proof": "own", "again": true }));
    assert_eq!(replayed.status, 401, "a proof that was used before: {replayed:?}");
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["cause"], "dpop_replayed", "{record}");
    let downgraded = client.ask(&listener.url(), &token, &json!({}));
    assert_eq!(downgraded.status, 401, "a bound token as a bearer token: {downgraded:?}");
    let unbound = client.token(&server, "batch", API, &json!({}));
    let unbound = client.ask(&listener.url(), &unbound, &json!({}));
    assert_eq!(unbound.status, 401, "an unbound token where binding is required: {unbound:?}");
    assert_eq!(client.ask(&listener.url(), &token, &own).status, 200, "the right one still goes through");
}

#[test]
fn a_token_that_says_nothing_is_bound_by_what_its_server_says() {
    let Some(host) = envoy() else { return };
    let server = AuthorizationServer::start(&[
        client("robot", json!({ "dpop_bound_access_tokens": true })),
        client("gate", json!({})),
    ]);
    let introspection = json!({
        "uri": format!("{}/token/introspection", server.issuer()),
        "cluster": "bound",
        "client_id": "gate",
        "client_secret": { "env": "GATE_SECRET" },
        "may_lack": ["sub"],
    });
    let listener = open(host, "bound", &server, json!({ "audiences": [VAULT], "introspection": introspection }));
    let mut client = Client::start();
    let own = json!({ "proof": "own" });
    let token = client.token(&server, "robot", VAULT, &own);
    assert!(!token.contains('.'), "an opaque token: {token}");
    show_first(&mut client, &listener, &token, &own);
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["binding"], "dpop", "{record}");
    for stolen in [json!({ "proof": "other" }), json!({})] {
        let shown = client.ask(&listener.url(), &token, &stolen);
        assert_eq!(shown.status, 401, "with {stolen}: {shown:?}");
    }
}
