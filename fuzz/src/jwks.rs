//! Keys of a configuration.
//!
//! A key that is taken is what it says it is, for its own algorithms only, and verifies nothing that nobody has signed.
//! A key that is not taken is refused or passed over in words that repeat none of its values; and the configuration with
//! these keys has a fault exactly for those that are refused.

use base64ct::{Base64UrlUnpadded, Encoding};
use cedar_gate::config::Config;
use cedar_gate::jose::{Algorithm, InVm, Judgement, Key, KeyKind, SignatureVerifier, judge};
use cedar_gate::json::{self, Bounds};
use serde_json::{Map, Value, json};

/// Deeper documents are no key set; the bound is that of the filter's configuration.
const BOUNDS: Bounds = Bounds { depth: 16, values: 10_000 };

/// Judges a key set, or a key alone, and says whether each key is acceptable.
pub fn check(text: &[u8]) -> bool {
    let Ok(document) = json::parse_object(text, BOUNDS) else { return false };
    let keys = match document.get("keys") {
        Some(Value::Array(keys)) => keys.clone(),
        _ => vec![Value::Object(document)],
    };
    let refused: Vec<usize> =
        keys.iter().enumerate().filter(|(_, key)| !is_acceptable(key)).map(|(index, _)| index).collect();
    check_configuration(&keys, &refused);
    refused.is_empty()
}

/// Whether the filter takes the key or passes it over.
pub(crate) fn is_acceptable(key: &Value) -> bool {
    let Value::Object(members) = key else { return false };
    match judge(members) {
        Ok(Judgement::Usable(key)) => {
            check_usable(members, &key);
            true
        }
        Ok(Judgement::ForSomethingElse(reason)) => {
            let announces = |name: &str| members.contains_key(name);
            assert!(announces("use") || announces("key_ops") || announces("alg"), "{reason}, but nothing says so");
            true
        }
        Err(reason) => {
            let reason = reason.to_string();
            let secrets = ["k", "d", "p", "q", "dp", "dq", "qi"].map(|name| members.get(name).and_then(Value::as_str));
            // No word of a message is as long and of these characters.
            let is_secret = |text: &&str| {
                text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            for secret in secrets.into_iter().flatten().filter(is_secret) {
                assert!(!reason.contains(secret), "{reason} shows the secret");
            }
            assert!(!reason.is_empty(), "refused, and nobody knows why");
            false
        }
    }
}

fn check_usable(members: &Map<String, Value>, key: &Key) {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let length = |name: &str| {
        text(name).and_then(|text| Base64UrlUnpadded::decode_vec(text).ok()).map_or(0, |bytes| bytes.len())
    };
    let (kind, plausible) = match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => (KeyKind::P256, length("x") == 32 && length("y") == 32),
        (Some("EC"), Some("P-384")) => (KeyKind::P384, length("x") == 48 && length("y") == 48),
        (Some("EC"), Some("P-521")) => (KeyKind::P521, length("x") == 66 && length("y") == 66),
        (Some("EC"), Some("secp256k1")) => (KeyKind::Secp256k1, length("x") == 32 && length("y") == 32),
        (Some("OKP"), Some("Ed25519")) => (KeyKind::Ed25519, length("x") == 32),
        (Some("RSA"), _) => (KeyKind::Rsa, length("n") >= 256 && length("e") >= 1),
        (Some("oct"), _) => (KeyKind::Octets, length("k") >= 32),
        other => panic!("taken, but it is a {other:?}"),
    };
    assert_eq!(key.material.kind(), kind, "taken for another kind");
    assert!(plausible, "taken, but too short or too long");
    assert!(text("use").is_none_or(|purpose| purpose == "sig"), "taken, but for another use");
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| members.contains_key(*name));
    assert!(kind == KeyKind::Octets || !private, "taken with its private members");
    assert_eq!(key.id.as_deref(), text("kid"), "another name");
    for algorithm in Algorithm::ALL {
        let named = text("alg").is_none_or(|name| name == algorithm.name());
        let long_enough =
            kind != KeyKind::Octets || length("k") >= algorithm.name()[2..].parse().map_or(0, |bits: usize| bits / 8);
        let serves = named && algorithm.key_kind() == kind && long_enough;
        assert_eq!(key.serves(algorithm), serves, "{algorithm}");
        check_unsigned(key, algorithm);
    }
}

/// Nothing is a signature: not zeros, not the key's own bytes, in any of the lengths that signatures have.
fn check_unsigned(key: &Key, algorithm: Algorithm) {
    let message = b"eyJhbGciOiJub25lIn0.e30";
    for length in [0, 1, 32, 48, 64, 96, 132, 256] {
        for byte in [0, 1, 0xff] {
            // The cost of RSA grows with its key; one signature of each length shows as much as three.
            if byte == 0 || length <= 64 {
                let signature = vec![byte; length];
                assert!(!InVm.verify(algorithm, &key.material, message, &signature), "{algorithm}: nobody signed this");
            }
        }
    }
}

fn check_configuration(keys: &[Value], refused: &[usize]) {
    let algorithms: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    let configuration = json!({
        "providers": {"corp": {
            "issuer": "https://idp.example.com/",
            "audiences": ["https://api.example.com"],
            "algorithms": algorithms,
            "local_jwks": {"inline": {"keys": keys}},
        }},
        "routes": [{"methods": ["GET"], "path": "/", "access": "public"}],
        "policies": {"inline": {"schema": "entity User;", "policies": ""}},
    });
    let faults: Vec<String> = match Config::load(configuration.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|fault| fault.path.clone()).collect(),
    };
    let place = "providers.corp.local_jwks.inline.keys";
    let mut expected: Vec<String> = refused.iter().map(|index| format!("{place}[{index}]")).collect();
    // Beside faults of the keys, there are those of the set: no key is left, or a name occurs twice.
    let mut found: Vec<String> = faults.into_iter().filter(|path| path != place).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "other keys are at fault");
}
