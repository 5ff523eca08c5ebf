//! The payments of `examples/envoy`, asked from Rust tests.

use cedar_gate_testing::Gate;
use serde_json::{Value, json};

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../envoy/envoy.yaml");

/// A user of the provider `corp`.
fn user(name: &str, role: &str, scope: &str) -> Value {
    json!({"sub": name, "realm_access": {"roles": [role]}, "scope": scope})
}

#[test]
fn a_maker_cannot_approve() {
    let mut gate = Gate::open(CONFIGURATION).unwrap();
    let mona = gate.token("corp", &user("mona", "maker", "payments:approve"));
    let answer = gate.post("/payments/7/approval").bearer(&mona).json(&json!({"amount": 100})).send();
    assert_eq!((answer.status(), answer.cause()), (Some(403), Some("policy_denied")), "{answer}");
}

#[test]
fn a_checker_approves_and_the_upstream_learns_who_it_was() {
    let mut gate = Gate::open(CONFIGURATION).unwrap();
    let carl = gate.token("corp", &user("carl", "checker", "payments:approve"));
    let answer = gate.post("/payments/7/approval").bearer(&carl).json(&json!({"amount": 100})).send();
    assert!(answer.is_allowed(), "{answer}");
    assert_eq!(answer.forwarded("x-auth-subject"), Some("carl"), "{answer}");
}

#[test]
fn a_token_does_not_live_for_ever() {
    let mut gate = Gate::open(CONFIGURATION).unwrap();
    let audrey = gate.token("corp", &user("audrey", "auditor", "payments:read"));
    assert!(gate.get("/payments/7").bearer(&audrey).send().is_allowed());
    gate.advance(3600);
    let answer = gate.get("/payments/7").bearer(&audrey).send();
    assert_eq!((answer.status(), answer.cause()), (Some(401), Some("token_expired")), "{answer}");
}

#[test]
fn the_scenarios_of_the_policy_sets_hold() {
    cedar_gate_testing::play(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies")).unwrap();
}
