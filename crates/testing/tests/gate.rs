//! Configurations whose issuers are played by a test.

use std::cell::RefCell;
use std::rc::Rc;

use cedar_gate_testing::{Gate, Served};
use serde_json::{Value, json};

/// One provider, with what a test changes about it.
fn configuration(change: Value) -> Value {
    let mut provider = json!({
        "issuer": "https://idp.example.com/",
        "audiences": ["notes"],
        "algorithms": ["RS256", "ES256"],
        "local_jwks": {"inline": {"keys": []}},
    });
    for (name, value) in change.as_object().into_iter().flatten() {
        provider[name] = value.clone();
    }
    json!({
        "providers": {"corp": provider},
        "routes": [{"methods": ["GET"], "path": "/notes", "action": "list", "resource": {"type": "Notes", "id": "all"}}],
        "policies": {"inline": {
            "schema": "entity User; entity Notes; action list appliesTo { principal: [User], resource: [Notes] };",
            "policies": "permit (principal == User::\"corp|rita\", action, resource);",
        }},
    })
}

fn ritas_answer(change: Value) -> cedar_gate_testing::Answer {
    let mut gate = Gate::of(&configuration(change)).unwrap();
    let rita = gate.token("corp", &json!({"sub": "rita"}));
    gate.get("/notes").bearer(&rita).send()
}

#[test]
fn a_token_is_what_its_provider_asks_for() {
    for change in [
        json!({}),
        json!({"algorithms": ["HS256"]}),
        json!({"algorithms": ["PS256"]}),
        json!({"token_types": ["absent"]}),
        json!({"token_types": ["JWT"]}),
        json!({"max_lifetime": "1m"}),
        json!({"require_claims": ["client_id"]}),
    ] {
        let answer = ritas_answer(change.clone());
        assert!(answer.is_allowed(), "{change}: {answer}");
    }
}

#[test]
fn a_token_of_somebody_else_is_refused() {
    let mut gate = Gate::of(&configuration(json!({}))).unwrap();
    let bob = gate.token("corp", &json!({"sub": "bob"}));
    let answer = gate.get("/notes").bearer(&bob).send();
    assert_eq!((answer.status(), answer.cause()), (Some(403), Some("policy_denied")), "{answer}");
    let answer = gate.get("/notes").send();
    assert_eq!((answer.status(), answer.cause()), (Some(401), Some("credential_missing")), "{answer}");
}

#[test]
fn calls_are_answered_by_the_test() {
    let revoked =
        json!({"revoked": {"uri": "https://idp.example.com/revoked", "cluster": "idp", "cache_duration": "60s"}});
    let mut gate = Gate::of(&configuration(revoked)).unwrap();
    let rita = |jti: &str| gate.token("corp", &json!({"sub": "rita", "jti": jti}));
    let (one, two) = (rita("one"), rita("two"));
    let answer = gate.get("/notes").bearer(&one).send();
    assert_eq!(answer.status(), Some(503), "nobody listens: {answer}");

    let made = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&made);
    gate.answer_calls(move |called| {
        seen.borrow_mut().push((called.cluster.clone(), called.path.clone()));
        Served::json(200, &json!({"revoked": ["two"]}))
    });
    gate.advance(60);
    let answer = gate.get("/notes").bearer(&one).send();
    assert!(answer.is_allowed(), "{answer}");
    let answer = gate.get("/notes").bearer(&two).send();
    assert_eq!((answer.status(), answer.cause()), (Some(401), Some("token_revoked")), "{answer}");
    let made = made.borrow();
    assert!(!made.is_empty() && made.iter().all(|call| *call == ("idp".to_owned(), b"/revoked".to_vec())), "{made:?}");
}

#[test]
fn a_claim_can_be_left_out() {
    let mut gate = Gate::of(&configuration(json!({}))).unwrap();
    let endless = gate.token("corp", &json!({"sub": "rita", "exp": null}));
    let answer = gate.get("/notes").bearer(&endless).send();
    assert_eq!((answer.status(), answer.cause()), (Some(401), Some("claim_missing")), "{answer}");
}

#[test]
fn all_faults_of_a_configuration_are_told() {
    let error = Gate::of(&configuration(json!({"issuer": "", "audiences": []}))).unwrap_err().to_string();
    assert!(error.contains("providers.corp.issuer") && error.contains("providers.corp.audiences"), "{error}");
    let error = Gate::of(&configuration(json!({"algorithms": ["none"]}))).unwrap_err().to_string();
    assert_eq!(error, "the provider `corp` allows no algorithm that is known");
}

#[test]
#[should_panic(expected = "the configuration has no provider `crop`")]
fn a_provider_that_is_not_there_is_a_typing_error() {
    Gate::of(&configuration(json!({}))).unwrap().token("crop", &json!({}));
}
