//! Descriptions of tokens: layers, directives, raw text.

use serde_json::{Value, json};

use crate::stage::{NOW, forge, json_segment, jwk, mint, refusal, segment};

fn claims_text(token: Value) -> String {
    String::from_utf8(segment(&mint(token), 1)).unwrap()
}

#[test]
fn descriptions_are_laid_over_one_another() {
    let forge = forge()
        .with_defaults(json!({
            "key": "ed", "alg": "EdDSA", "header": {"typ": "JWT"},
            "claims": {"iss": "i", "exp": {"$now": 300}, "act": {"sub": "x", "iss": "y"}},
        }))
        .with_token("alice", json!({"claims": {"sub": "alice", "act": {"iss": null}}}))
        .with_token("bob", json!({"like": "alice", "claims": {"sub": "bob"}, "header": {"kid": null}}));
    let token = forge.mint(&json!({"like": "bob", "claims": {"iss": null, "exp": {"$now": -1}}}), NOW).unwrap();
    assert_eq!(json_segment(&token, 0), json!({"alg": "EdDSA", "typ": "JWT"}));
    assert_eq!(json_segment(&token, 1), json!({"sub": "bob", "exp": NOW - 1, "act": {"sub": "x"}}));
}

#[test]
fn a_directive_replaces_and_is_replaced_whole() {
    let forge = forge().with_token("a", json!({"key": "ed", "alg": "EdDSA", "claims": {"exp": {"$now": 1}}}));
    let exp = |claims: Value| {
        json_segment(&forge.mint(&json!({"like": "a", "claims": {"exp": claims}}), NOW).unwrap(), 1)["exp"].clone()
    };
    assert_eq!(exp(json!({"$nested": 2})), json!([[]]));
    assert_eq!(exp(json!({"a": 1})), json!({"a": 1}));
    assert_eq!(exp(json!({"$null": true})), Value::Null);
}

#[test]
fn large_and_deep_claims_are_made_without_recursion() {
    let base = json!({"key": "ed", "alg": "EdDSA"});
    let with = |claim: Value| {
        let mut token = base.clone();
        token["claims"] = json!({ "x": claim });
        claims_text(token)
    };
    assert_eq!(with(json!({"$nested": 100_000})).len(), 200_000 + 6);
    assert_eq!(with(json!({"$repeat": ["ab", 3]})), r#"{"x":"ababab"}"#);
    assert_eq!(with(json!({"$members": 3})), r#"{"x":{"m0":0,"m1":0,"m2":0}}"#);
}

#[test]
fn raw_parts_are_placed_as_they_are() {
    let token = json!({
        "key": "ed", "alg": "EdDSA",
        "header_raw": r#"{"alg":"EdDSA","alg":"none"}"#,
        "claims_raw": r#"{"exp":{now+300},"nbf":{now-5},"iat":{now},"\u0073ub":"\\x41\xff"}"#,
    });
    assert_eq!(segment(&mint(token.clone()), 0), br#"{"alg":"EdDSA","alg":"none"}"#);
    let expected = format!(r#"{{"exp":{},"nbf":{},"iat":{NOW},"\u0073ub":"\\x41"#, NOW + 300, NOW - 5);
    assert_eq!(segment(&mint(token), 1), [expected.as_bytes(), b"\xff\"}"].concat());
}

#[test]
fn an_embedded_key_stands_in_the_header() {
    let token =
        mint(json!({"key": "ed", "alg": "EdDSA", "header": {"jwk": {"$jwk": "p256", "kid": null}, "crit": ["x"]}}));
    let header = json_segment(&token, 0);
    assert_eq!((&header["jwk"]["x"], &header["crit"]), (&jwk("p256")["x"], &json!(["x"])));
}

#[test]
fn a_proof_carries_the_hash_of_its_token() {
    let forge = forge().with_token("alice", json!({"key": "ed", "alg": "EdDSA"}));
    let proof = json!({"key": "p256", "alg": "ES256", "claims": {"ath": {"$ath": "alice"}}});
    let proof = forge.mint(&proof, NOW).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, forge.mint(&json!("alice"), NOW).unwrap().as_bytes());
    assert_eq!(crate::stage::member(&json_segment(&proof, 1), "ath"), digest.as_ref());
}

#[test]
fn descriptions_in_a_circle_are_refused() {
    let forge = forge()
        .with_token("a", json!({"like": "b"}))
        .with_token("b", json!({"like": "a"}))
        .with_token("self", json!({"key": "ed", "alg": "EdDSA", "claims": {"ath": {"$ath": "self"}}}));
    for name in ["a", "self"] {
        let message = forge.mint(&json!(name), NOW).unwrap_err().to_string();
        assert!(message.contains("described by itself"), "{message}");
    }
}

#[test]
fn faulty_descriptions_say_where() {
    for (token, expected) in [
        (json!({"key": "nobody", "alg": "ES256"}), "no key is named `nobody`"),
        (json!("nobody"), "no token is named `nobody`"),
        (json!({"key": "ed", "alg": "RS256"}), "the key `ed` (Ed25519) cannot sign with `RS256`"),
        (json!({"key": "ed", "alg": "rs256"}), "alg: `rs256` cannot sign"),
        (json!({"key": "ed"}), "alg: is missing"),
        (json!({"key": "ed", "alg": "EdDSA", "claim": {}}), "token.claim: unknown field `claim`"),
        (json!({"key": "ed", "alg": "EdDSA", "claims": {"x": {"$later": 1}}}), "`$later` stands for nothing here"),
        (json!({"key": "ed", "alg": "EdDSA", "pss_salt": 3}), "`pss_…` for PS…"),
        (json!({"key": "ed", "alg": "HS256", "hmac_with": {"public": "ed", "as": "pkcs1"}}), "has no such form"),
        (json!({"key": "huge", "alg": "RS256"}), "RSA without a private key"),
    ] {
        let message = refusal(token);
        assert!(message.contains(expected), "{message}");
    }
}
