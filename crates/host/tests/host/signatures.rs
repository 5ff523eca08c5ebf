//! Envoy's `verify_signature`, against keys and signatures of the forge, which shares no code with it.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate_host::verify_signature;
use cedar_gate_scenario::Forge;
use prost::Message as _;
use rsa::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};

static FORGE: LazyLock<Forge> = LazyLock::new(|| {
    let keys = [
        ("rsa", json!({"kty": "RSA"})),
        ("p256", json!({"kty": "EC", "crv": "P-256"})),
        ("p384", json!({"kty": "EC", "crv": "P-384"})),
        ("p521", json!({"kty": "EC", "crv": "P-521"})),
        ("ed", json!({"kty": "OKP", "crv": "Ed25519"})),
    ];
    keys.into_iter().fold(Forge::new(), |forge, (name, key)| forge.with_key(name, key).unwrap())
});

#[derive(Clone, PartialEq, prost::Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Outcome {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// A `SubjectPublicKeyInfo` in DER.
fn public(key: &str) -> Vec<u8> {
    let jwk = FORGE.keys().public_jwk(key).unwrap();
    let bytes = |name: &str| BASE64URL.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = || [vec![4], bytes("x"), bytes("y")].concat();
    match key {
        "rsa" => {
            let [n, e] = ["n", "e"].map(|name| rsa::BigUint::from_bytes_be(&bytes(name)));
            rsa::RsaPublicKey::new(n, e).unwrap().to_public_key_der().unwrap().into_vec()
        }
        "p256" => p256::PublicKey::from_sec1_bytes(&point()).unwrap().to_public_key_der().unwrap().into_vec(),
        "p384" => p384::PublicKey::from_sec1_bytes(&point()).unwrap().to_public_key_der().unwrap().into_vec(),
        "p521" => p521::PublicKey::from_sec1_bytes(&point()).unwrap().to_public_key_der().unwrap().into_vec(),
        other => panic!("no form for {other}"),
    }
}

/// Asks about a token's signature.
fn asked(token: Value, hash: &str, key: &str) -> Outcome {
    let token = FORGE.mint(&token, 0).unwrap();
    let (text, signature) = token.rsplit_once('.').unwrap();
    let arguments = Arguments {
        hash_function: hash.to_owned(),
        public_key: public(key),
        signature: BASE64URL.decode(signature).unwrap(),
        text: text.as_bytes().to_vec(),
    };
    Outcome::decode(verify_signature()(&arguments.encode_to_vec()).unwrap().as_slice()).unwrap()
}

#[test]
fn what_envoy_verifies_is_verified() {
    for (algorithm, hash, key) in [
        ("RS256", "sha256", "rsa"),
        ("RS384", "SHA384", "rsa"),
        ("RS512", "sha512", "rsa"),
        ("ES256", "sha256", "p256"),
        ("ES384", "sha384", "p384"),
        ("ES512", "sha512", "p521"),
    ] {
        let tamper = if algorithm.starts_with("ES") { json!([{"signature_der": true}]) } else { json!([]) };
        let token = json!({"key": key, "alg": algorithm, "tamper": tamper});
        assert_eq!(asked(token.clone(), hash, key), Outcome { result: true, error: String::new() }, "{algorithm}");
        let spoilt = json!({"key": key, "alg": algorithm, "tamper": tamper, "claims": {"a": 1}});
        let (good, bad) = (FORGE.mint(&token, 0).unwrap(), FORGE.mint(&spoilt, 0).unwrap());
        assert_ne!(good, bad);
        let other = if hash == "sha256" { "sha384" } else { "sha256" };
        assert!(!asked(token, other, key).result, "{algorithm} with {other}");
    }
}

#[test]
fn a_signature_that_has_been_changed_is_none() {
    let flipped = json!({"key": "rsa", "alg": "RS256", "tamper": [{"flip_signature_bit": 9}]});
    let outcome = asked(flipped, "sha256", "rsa");
    assert!(!outcome.result && !outcome.error.is_empty());
}

#[test]
fn what_envoy_does_not_verify_is_not() {
    // Two plain numbers, as JWS has them; another padding; another kind of signature; another hash.
    assert!(!asked(json!({"key": "p256", "alg": "ES256"}), "sha256", "p256").result);
    assert!(!asked(json!({"key": "rsa", "alg": "PS256"}), "sha256", "rsa").result);
    let ed = asked(json!({"key": "ed", "alg": "EdDSA"}), "sha256", "rsa");
    assert!(!ed.result);
    assert!(!asked(json!({"key": "rsa", "alg": "RS256"}), "md5", "rsa").result);
    assert_eq!(verify_signature()(&[255; 3]), Err(2));
}
