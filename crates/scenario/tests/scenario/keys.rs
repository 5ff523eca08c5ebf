//! Private keys that are given, not described.

use cedar_gate_scenario::Forge;
use serde_json::{Value, json};

use crate::stage::{NOW, forge, signed};

/// A key of the stage as somebody would keep it in a file.
fn private(name: &str) -> Value {
    forge().keys().private_jwk(name).unwrap()
}

fn refusal(jwk: Value) -> String {
    Forge::new().with_key("given", jwk).unwrap_err().to_string()
}

#[test]
fn a_private_jwk_signs_like_the_key_that_it_was_made_of() {
    for (name, alg) in [("rsa", "RS256"), ("p256", "ES256"), ("p521", "ES512"), ("k256", "ES256K"), ("ed", "EdDSA")] {
        let token = json!({"key": name, "alg": alg, "header": {"kid": null}, "claims": {"sub": "alice"}});
        let given = Forge::new().with_key(name, private(name)).unwrap();
        assert_eq!(given.mint(&token, NOW).unwrap(), forge().mint(&token, NOW).unwrap(), "{name}");
        assert_eq!(given.keys().public_jwk(name).unwrap(), forge().keys().public_jwk(name).unwrap());
    }
}

/// The example of RFC 8037 §A.1 and §A.4.
#[test]
fn the_published_key_makes_the_published_signature() {
    let forge = Forge::new().with_key(
        "rfc",
        json!({
            "kty": "OKP", "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }),
    );
    let token = json!({"key": "rfc", "alg": "EdDSA", "header_raw": r#"{"alg":"EdDSA"}"#, "claims_raw": "Example of Ed25519 signing"});
    assert_eq!(
        forge.unwrap().mint(&token, NOW).unwrap(),
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki\
         4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn a_jwk_of_two_halves_that_do_not_belong_together_is_refused() {
    let mut jwk = private("p256");
    jwk["x"] = private("rsa")["e"].clone();
    assert_eq!(refusal(jwk), "keys.given.x: does not belong to the private key");
}

#[test]
fn a_jwk_that_is_no_key_says_which_member_is_wrong() {
    for (member, value, expected) in [
        ("d", json!("AA"), "keys.given.d: is no private key of its curve"),
        ("d", json!("A=="), "keys.given.d: is no base64url without padding"),
        ("crv", json!("P-257"), "keys.given.crv: unknown variant"),
        ("kty", json!("DSA"), "keys.given.kty: must be EC, OKP, RSA or oct"),
        ("kty", Value::Null, "keys.given.kty: is missing, or is no text"),
    ] {
        let mut jwk = private("p256");
        jwk[member] = value;
        let message = refusal(jwk);
        assert!(message.starts_with(expected), "{message}");
    }
    let mut jwk = private("rsa");
    jwk["p"] = jwk["q"].clone();
    assert!(refusal(jwk).starts_with("keys.given: "));
}

/// A nonce that two keys have in common is one that others can compute, and with it the key. `r` is made of nothing else.
#[test]
fn two_keys_never_share_the_nonce_of_a_signature() {
    for (crv, alg) in [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512"), ("secp256k1", "ES256K")] {
        let r = |key: &str| {
            let forge = Forge::new().with_key(key, json!({"kty": "EC", "crv": crv})).unwrap();
            let token = forge.mint(&json!({"key": key, "alg": alg, "header": {"kid": null}}), NOW).unwrap();
            let (_, signature) = signed(&token);
            signature[..signature.len() / 2].to_vec()
        };
        assert_ne!(r("one"), r("another"), "{alg}");
    }
}

#[test]
fn a_given_key_is_not_shown() {
    let shown = format!("{:?}", Forge::new().with_key("given", private("p256")).unwrap());
    assert!(shown.contains("a given key (P-256)"), "{shown}");
    assert!(!shown.contains(private("p256")["d"].as_str().unwrap()));
}
