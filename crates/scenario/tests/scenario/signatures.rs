//! Each algorithm is verified by code that the forge does not use, as far as there is any.

use cedar_gate_scenario::Forge;
use p521::ecdsa::signature::Verifier as _;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::json;

use crate::stage::{NOW, forge, json_segment, jwk, member, mint, signed};

fn rsa_verifies(token: &str, key: &str, parameters: &'static signature::RsaParameters) -> bool {
    let jwk = jwk(key);
    let (message, signature) = signed(token);
    RsaPublicKeyComponents { n: member(&jwk, "n"), e: member(&jwk, "e") }
        .verify(parameters, message, &signature)
        .is_ok()
}

fn point(key: &str) -> Vec<u8> {
    let jwk = jwk(key);
    [vec![4], member(&jwk, "x"), member(&jwk, "y")].concat()
}

fn ecdsa_verifies(token: &str, key: &str, algorithm: &'static signature::EcdsaVerificationAlgorithm) -> bool {
    let (message, signature) = signed(token);
    UnparsedPublicKey::new(algorithm, point(key)).verify(message, &signature).is_ok()
}

#[test]
fn rs256_rs384_and_rs512_verify() {
    for (name, parameters) in [
        ("RS256", &signature::RSA_PKCS1_2048_8192_SHA256),
        ("RS384", &signature::RSA_PKCS1_2048_8192_SHA384),
        ("RS512", &signature::RSA_PKCS1_2048_8192_SHA512),
    ] {
        let token = mint(json!({"key": "rsa", "alg": name}));
        assert!(rsa_verifies(&token, "rsa", parameters), "{name}");
        assert!(!rsa_verifies(&token, "rsa-other", parameters), "{name}");
    }
}

#[test]
fn ps256_ps384_and_ps512_verify() {
    for (name, parameters) in [
        ("PS256", &signature::RSA_PSS_2048_8192_SHA256),
        ("PS384", &signature::RSA_PSS_2048_8192_SHA384),
        ("PS512", &signature::RSA_PSS_2048_8192_SHA512),
    ] {
        let token = mint(json!({"key": "rsa", "alg": name}));
        assert!(rsa_verifies(&token, "rsa", parameters), "{name}");
    }
}

#[test]
fn pss_made_by_hand_is_right_but_for_what_is_asked() {
    let parameters = &signature::RSA_PSS_2048_8192_SHA256;
    let right = mint(json!({"key": "rsa", "alg": "PS256", "pss_salt": 32}));
    assert!(rsa_verifies(&right, "rsa", parameters));
    for wrong in [json!({"pss_salt": 20}), json!({"pss_salt": 0}), json!({"pss_mask": "SHA-1"})] {
        let mut token = json!({"key": "rsa", "alg": "PS256"});
        json_patch::merge(&mut token, &wrong);
        assert!(!rsa_verifies(&mint(token), "rsa", parameters), "{wrong}");
    }
}

#[test]
fn es256_and_es384_verify() {
    let token = mint(json!({"key": "p256", "alg": "ES256"}));
    assert!(ecdsa_verifies(&token, "p256", &signature::ECDSA_P256_SHA256_FIXED));
    let token = mint(json!({"key": "p384", "alg": "ES384"}));
    assert!(ecdsa_verifies(&token, "p384", &signature::ECDSA_P384_SHA384_FIXED));
}

#[test]
fn es512_verifies() {
    let token = mint(json!({"key": "p521", "alg": "ES512"}));
    let (message, signature) = signed(&token);
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(&point("p521")).unwrap();
    key.verify(message, &p521::ecdsa::Signature::from_slice(&signature).unwrap()).unwrap();
}

#[test]
fn es256k_verifies() {
    let token = mint(json!({"key": "k256", "alg": "ES256K"}));
    let (message, signature) = signed(&token);
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point("k256")).unwrap();
    key.verify(message, &k256::ecdsa::Signature::from_slice(&signature).unwrap()).unwrap();
}

#[test]
fn eddsa_verifies() {
    let token = mint(json!({"key": "ed", "alg": "EdDSA"}));
    let (message, signature) = signed(&token);
    UnparsedPublicKey::new(&signature::ED25519, member(&jwk("ed"), "x")).verify(message, &signature).unwrap();
}

#[test]
fn hs256_hs384_and_hs512_verify() {
    for (name, algorithm) in
        [("HS256", ring::hmac::HMAC_SHA256), ("HS384", ring::hmac::HMAC_SHA384), ("HS512", ring::hmac::HMAC_SHA512)]
    {
        let token = mint(json!({"key": "shared", "alg": name}));
        let (message, signature) = signed(&token);
        let key = ring::hmac::Key::new(algorithm, &member(&jwk("shared"), "k"));
        ring::hmac::verify(&key, message, &signature).unwrap();
    }
}

#[test]
fn an_algorithm_on_another_curve_signs_with_the_curve_of_the_key() {
    let token = mint(json!({"key": "p384", "alg": "ES256", "tamper": [{"signature_der": true}]}));
    assert!(ecdsa_verifies(&token, "p384", &signature::ECDSA_P384_SHA256_ASN1));
    // A digest shorter than half the field of P-521.
    assert_eq!(signed(&mint(json!({"key": "p521", "alg": "ES256"}))).1.len(), 132);
}

#[test]
fn a_public_key_can_be_mistaken_for_a_secret_in_every_form() {
    for (key, form) in [
        ("rsa", "pem"),
        ("rsa", "pem_trimmed"),
        ("rsa", "der"),
        ("rsa", "jwk"),
        ("rsa", "pkcs1"),
        ("rsa", "x"),
        ("rsa", "raw"),
        ("p256", "pem"),
        ("p384", "der"),
        ("p521", "pem"),
        ("k256", "raw"),
        ("ed", "pem"),
        ("ed", "x"),
        ("ed", "raw"),
    ] {
        let token = mint(json!({"key": key, "alg": "RS256", "hmac_with": {"public": key, "as": form}}));
        assert_eq!(json_segment(&token, 0)["alg"], "HS256", "{key} {form}");
        assert_eq!(signed(&token).1.len(), 32, "{key} {form}");
    }
}

#[test]
fn the_secret_of_a_confused_verifier_is_the_text_of_the_public_key() {
    let token = mint(json!({"key": "ed", "alg": "EdDSA", "hmac_with": {"public": "ed", "as": "raw"}}));
    let (message, signature) = signed(&token);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &member(&jwk("ed"), "x"));
    ring::hmac::verify(&key, message, &signature).unwrap();
}

#[test]
fn a_token_can_be_signed_by_another_key() {
    let token = mint(json!({"key": "rsa", "alg": "RS256", "sign_with": "rsa-other"}));
    assert_eq!(json_segment(&token, 0)["kid"], "rsa");
    assert!(rsa_verifies(&token, "rsa-other", &signature::RSA_PKCS1_2048_8192_SHA256));
}

#[test]
fn a_small_order_key_satisfies_a_lenient_verifier_and_no_strict_one() {
    let token = mint(json!({"key": "ed-small", "alg": "EdDSA"}));
    let (message, signature) = signed(&token);
    let public: [u8; 32] = member(&jwk("ed-small"), "x").try_into().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(key.is_weak());
    key.verify(message, &signature).unwrap();
    key.verify_strict(message, &signature).unwrap_err();
}

#[test]
fn a_small_order_r_satisfies_a_lenient_verifier_and_no_strict_one() {
    let token = mint(json!({"key": "ed", "alg": "EdDSA", "ed_small_order_r": true}));
    let (message, signature) = signed(&token);
    let public: [u8; 32] = member(&jwk("ed"), "x").try_into().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    key.verify(message, &signature).unwrap();
    key.verify_strict(message, &signature).unwrap_err();
}

#[test]
fn a_weak_exponent_and_a_small_modulus_can_be_had() {
    let forge = Forge::new().with_key("weak", json!({"kty": "RSA", "bits": 1024, "e": 3})).unwrap();
    let jwk = forge.keys().public_jwk("weak").unwrap();
    assert_eq!((member(&jwk, "n").len(), member(&jwk, "e")), (128, vec![3]));
    forge.mint(&json!({"key": "weak", "alg": "RS256"}), NOW).unwrap();
}

#[test]
fn the_same_token_has_the_same_bytes() {
    for (key, alg) in [("rsa", "PS256"), ("p521", "ES512"), ("k256", "ES256K"), ("ed-small", "EdDSA")] {
        let token = json!({"key": key, "alg": alg});
        assert_eq!(mint(token.clone()), mint(token), "{alg}");
    }
}

#[test]
fn a_private_jwk_has_the_members_of_rfc_7518() {
    let keys = forge();
    let members = |key| keys.keys().private_jwk(key).unwrap().as_object().unwrap().len();
    assert_eq!((members("rsa"), members("p256"), members("ed"), members("shared")), (10, 6, 5, 3));
    let message = keys.keys().private_jwk("huge").unwrap_err().to_string();
    assert!(message.contains("has none"), "{message}");
}

#[test]
fn a_thumbprint_is_that_of_rfc_7638() {
    // The members in the order of their names, and nothing else.
    let jwk = jwk("ed");
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]);
    let digest = ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes());
    let resolved = forge().resolve(&json!({"jkt": {"$thumbprint": "ed"}})).unwrap();
    assert_eq!(member(&resolved, "jkt"), digest.as_ref());
}

#[test]
fn a_jwk_in_a_configuration_can_be_altered() {
    let resolved = forge()
        .resolve(&json!({
            "keys": [
                {"$jwk": "rsa", "alg": "RS256", "use": "sig", "kid": null},
                {"$jwk": "rsa", "$n_even": true},
                {"$jwk": "p256", "$off_curve": true},
                {"$jwk": "huge", "e": {"$repeat": ["_", 683]}},
            ],
        }))
        .unwrap();
    let keys = resolved["keys"].as_array().unwrap();
    assert_eq!((keys[0]["use"].as_str(), keys[0].get("kid")), (Some("sig"), None));
    assert_eq!(member(&keys[1], "n").last().unwrap() & 1, 0);
    assert_eq!((member(&keys[3], "n").len(), keys[3]["e"].as_str().unwrap().len()), (2048, 683));
    let point = [vec![4], member(&keys[2], "x"), member(&keys[2], "y")].concat();
    p256::PublicKey::from_sec1_bytes(&point).unwrap_err();
}
