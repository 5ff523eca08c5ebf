//! Assertions that the gateway signs itself, to say who it is (RFC 7523 §2.2).
//!
//! This is the only place that signs. ECDSA takes its nonce from the key and the message (RFC 6979), and Ed25519 does so
//! by definition, so that no random source can give a key away. There is no RSA: signing with it in constant time needs
//! blinding, which the pure implementation does not have (RUSTSEC-2023-0071).

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use p256::ecdsa::signature::Signer;
use serde_json::{Map, Value, json};

use super::Algorithm;
use crate::json::{self, Bounds};
use crate::secret::Secret;

/// A private key to sign assertions with.
pub struct AssertionKey {
    id: Option<String>,
    material: Material,
}

enum Material {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
}

/// Members of a JWK, and no nesting but in `key_ops`.
const JWK: Bounds = Bounds { depth: 2, values: 64 };

impl AssertionKey {
    /// Reads a private JWK (RFC 7518 §6.2.2, RFC 8037 §2): EC on P-256 or P-384, or OKP on Ed25519.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without a part of it.
    pub fn from_jwk(text: &Secret) -> Result<Self, &'static str> {
        let jwk = json::parse_object(text.reveal(), JWK).map_err(|_| "it is not a JWK as strict JSON")?;
        if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
            return Err("its `use` is not `sig`");
        }
        let signs = |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|each| each == "sign"));
        if jwk.get("key_ops").is_some_and(|operations| !signs(operations)) {
            return Err("its `key_ops` lack `sign`");
        }
        let material = match (text_of(&jwk, "kty")?, text_of(&jwk, "crv")?) {
            (Some("EC"), Some("P-256")) => Material::P256(Box::new(p256(&jwk)?)),
            (Some("EC"), Some("P-384")) => Material::P384(Box::new(p384(&jwk)?)),
            (Some("OKP"), Some("Ed25519")) => Material::Ed25519(Box::new(ed25519(&jwk)?)),
            _ => return Err("it must be a private key on P-256, P-384 or Ed25519"),
        };
        let key = Self { id: text_of(&jwk, "kid")?.map(str::to_owned), material };
        match text_of(&jwk, "alg")? {
            Some(name) if name != key.algorithm().name() => Err("its `alg` does not go with its curve"),
            Some(_) | None => Ok(key),
        }
    }

    /// The algorithm that it signs by.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Ed25519(_) => Algorithm::EdDsa,
            Material::P256(_) => Algorithm::Es256,
            Material::P384(_) => Algorithm::Es384,
        }
    }

    /// A signed JWT with these claims (RFC 7515 §7.1).
    #[must_use]
    pub fn sign(&self, claims: &Map<String, Value>) -> String {
        let mut header = json!({"alg": self.algorithm().name(), "typ": "JWT"});
        if let (Some(id), Some(members)) = (&self.id, header.as_object_mut()) {
            members.insert("kid".to_owned(), json!(id));
        }
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(&claims));
        let message = signed.as_bytes();
        let signature = match &self.material {
            Material::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Material::P256(key) => Signer::<p256::ecdsa::Signature>::sign(key.as_ref(), message).to_bytes().to_vec(),
            Material::P384(key) => Signer::<p384::ecdsa::Signature>::sign(key.as_ref(), message).to_bytes().to_vec(),
        };
        format!("{signed}.{}", encode(&signature))
    }
}

fn p256(jwk: &Map<String, Value>) -> Result<p256::ecdsa::SigningKey, &'static str> {
    let key = p256::ecdsa::SigningKey::from_slice(&bytes_of(jwk, "d")?).map_err(|_| "`d` is no private key")?;
    let point = key.verifying_key().to_encoded_point(false);
    is_public_half(jwk, &[("x", point.x().map(AsRef::as_ref)), ("y", point.y().map(AsRef::as_ref))])?;
    Ok(key)
}

fn p384(jwk: &Map<String, Value>) -> Result<p384::ecdsa::SigningKey, &'static str> {
    let key = p384::ecdsa::SigningKey::from_slice(&bytes_of(jwk, "d")?).map_err(|_| "`d` is no private key")?;
    let point = key.verifying_key().to_encoded_point(false);
    is_public_half(jwk, &[("x", point.x().map(AsRef::as_ref)), ("y", point.y().map(AsRef::as_ref))])?;
    Ok(key)
}

fn ed25519(jwk: &Map<String, Value>) -> Result<ed25519_dalek::SigningKey, &'static str> {
    let private: [u8; 32] = bytes_of(jwk, "d")?.try_into().map_err(|_| "`d` is no private key")?;
    let key = ed25519_dalek::SigningKey::from_bytes(&private);
    is_public_half(jwk, &[("x", Some(key.verifying_key().as_bytes()))])?;
    Ok(key)
}

/// A key whose halves do not belong together would sign what nobody can verify.
fn is_public_half(jwk: &Map<String, Value>, members: &[(&str, Option<&[u8]>)]) -> Result<(), &'static str> {
    for (name, wanted) in members {
        if Some(bytes_of(jwk, name)?.as_slice()) != *wanted {
            return Err("its public members do not belong to `d`");
        }
    }
    Ok(())
}

fn text_of<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or("its members must be strings"),
    }
}

fn bytes_of(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let text = text_of(jwk, name)?.ok_or("`d`, or a member of its public half, is missing")?;
    Base64UrlUnpadded::decode_vec(text).map_err(|_| "one of its members is not base64url")
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{CompactToken, InVm, Judgement, holds, judge};

    /// RFC 7515 §A.3.1.
    const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    /// RFC 8037 §A.1.
    const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"gate"}"#;
    /// RFC 6979 §A.2.6.
    const P384: &str = r#"{"kty":"EC","crv":"P-384","alg":"ES384","use":"sig",
        "d":"a509rS4bjBwFsZh1tmWfTeI8O2Z78pe6mqR3QHhxN9iW1XJOTHCoJfhyyepg0u31",
        "x":"7DpOQVtOGaRWhhgCn0J_pdqai8SukuAuBqrlKGswDGTe-PDqkFWGYGSiVFFUgLwT",
        "y":"gBXZty19VyROqO-awMYhiWcIpZNn-d-59UyoSz8cnbEoiyMcOuDU_nNE_SUzJkcg"}"#;

    fn key(text: &str) -> Result<AssertionKey, &'static str> {
        AssertionKey::from_jwk(&Secret::new(text.as_bytes().to_vec()))
    }

    fn with(text: &str, name: &str, value: Value) -> String {
        let mut jwk: Value = serde_json::from_str(text).unwrap();
        jwk[name] = value;
        jwk.to_string()
    }

    #[test]
    fn what_is_signed_verifies_under_the_public_half_alone() {
        for text in [P256, P384, ED25519] {
            let key = key(text).unwrap();
            let mut claims = Map::new();
            claims.insert("iss".to_owned(), json!("gate"));
            let token = key.sign(&claims);
            assert_eq!(token, key.sign(&claims), "the nonce comes from the message");

            let parsed = CompactToken::parse(&token, 4).unwrap();
            assert_eq!(parsed.claims(), &claims);
            assert_eq!(parsed.header().key_id, key.id);
            let mut public: Map<String, Value> = serde_json::from_str(text).unwrap();
            public.remove("d");
            let Ok(Judgement::Usable(public)) = judge(&public) else { panic!("{text}") };
            assert!(holds(parsed.jws(), key.algorithm(), &public, &InVm), "{text}");
            let other = self::key(if text == P256 { P384 } else { P256 }).unwrap().sign(&claims);
            assert!(!holds(CompactToken::parse(&other, 4).unwrap().jws(), key.algorithm(), &public, &InVm));
        }
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused() {
        let wrong = [
            ("kty", json!("RSA")),
            ("crv", json!("P-521")),
            ("d", json!("AAAA")),
            ("d", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
            ("d", json!(5)),
            ("d", json!("not base64url!")),
            ("x", json!("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")),
            ("use", json!("enc")),
            ("key_ops", json!(["verify"])),
            ("alg", json!("ES384")),
        ];
        for (name, value) in wrong {
            assert!(key(&with(P256, name, value.clone())).is_err(), "{name}: {value}");
        }
        assert!(key(&with(P256, "key_ops", json!(["sign"]))).is_ok());
        assert!(key(r#"{"kty":"EC","crv":"P-256"}"#).is_err());
        assert!(key("secret").is_err());
        assert!(key(&with(ED25519, "x", json!("AAAA"))).is_err());
    }

    #[test]
    fn a_private_key_is_never_printed() {
        for text in [P256, P384, ED25519] {
            let jwk: Value = serde_json::from_str(text).unwrap();
            assert!(!format!("{:?}", key(text).unwrap()).contains(jwk["d"].as_str().unwrap()));
        }
    }
}
