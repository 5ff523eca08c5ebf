//! The thumbprint of a key (RFC 7638): a name that follows from the key alone, whatever else its JWK says.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The SHA-256 thumbprint of a JWK, in base64url.
///
/// Nothing for a JWK that lacks a member that its type requires (RFC 7638 §3.2, RFC 8037 §2). Whether the key is fit for
/// anything is for [`super::judge`] to say: only a judged key has its members in one spelling, so that equal thumbprints
/// and equal keys are the same.
#[must_use]
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let required: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        "oct" => &["k", "kty"],
        _ => return None,
    };
    let member = |name: &&'static str| Some((*name, jwk.get(*name)?.as_str()?));
    // A B-tree is written in the order of its names and without white space, as RFC 7638 §3.3 demands.
    let members: BTreeMap<&str, &str> = required.iter().map(member).collect::<Option<_>>()?;
    let text = serde_json::to_string(&members).ok()?;
    Some(Base64UrlUnpadded::encode_string(&Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(jwk: &Value) -> Option<String> {
        thumbprint(jwk.as_object().unwrap())
    }

    #[test]
    fn only_the_key_itself_counts() {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let mut described = key.clone();
        described["kid"] = json!("a name");
        described["use"] = json!("sig");
        // RFC 8037 §A.3.
        assert_eq!(of(&key).as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
        assert_eq!(of(&key), of(&described));
    }

    #[test]
    fn each_member_of_the_key_counts() {
        let keys = [
            json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "a"}),
            json!({"kty": "RSA", "n": "a", "e": "b"}),
            json!({"kty": "oct", "k": "a"}),
        ];
        for key in keys {
            for name in key.as_object().unwrap().keys() {
                let mut other = key.clone();
                other[name] = json!("c");
                assert_ne!(of(&key), of(&other), "{key}: {name}");
                other.as_object_mut().unwrap().remove(name);
                assert_eq!(of(&other), None, "{key}: {name}");
            }
        }
    }
}
