//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2), judged when they are loaded.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};

use super::key::Material;
use super::{Algorithm, Key, VerifyingKey, rsa_key};
use crate::secret::Secret;

/// What is to be made of one member of a key set.
#[derive(Debug)]
pub enum Judgement {
    /// A key for something else than verifying signatures: passed over.
    ForSomethingElse(&'static str),
    /// A key to verify with.
    Usable(Box<Key>),
}

/// A key that must not be used: its material is wrong, weak, or not meant to be public.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Secrets long enough to pass, which stand in documents that everybody copies from: RFC 7515 §A.1, and the page of
/// jwt.io.
const PUBLISHED_SECRETS: [&[u8]; 4] = [
    &[
        3, 35, 53, 75, 43, 15, 165, 188, 131, 126, 6, 101, 119, 123, 166, 143, 90, 179, 40, 230, 240, 84, 201, 40, 169,
        15, 132, 178, 210, 80, 46, 191, 211, 251, 90, 146, 210, 6, 71, 239, 150, 138, 180, 195, 119, 98, 61, 34, 61,
        46, 33, 114, 5, 46, 79, 8, 192, 205, 154, 245, 103, 208, 128, 163,
    ],
    b"a-string-secret-at-least-256-bits-long",
    b"a-valid-string-secret-that-is-at-least-384-bits-long",
    b"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
];

/// Judges one JWK.
///
/// # Errors
///
/// [`Unusable`], with a reason that names members and never their values.
pub fn judge(jwk: &Map<String, Value>) -> Result<Judgement, Unusable> {
    match text(jwk, "use")? {
        None | Some("sig") => {}
        Some(_) => return Ok(Judgement::ForSomethingElse("its `use` is not `sig`")),
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation.as_str() == Some("verify")) => {}
        Some(Value::Array(_)) => return Ok(Judgement::ForSomethingElse("its `key_ops` lack `verify`")),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return Err(Unusable("`key_ops` must be an array".to_owned()));
        }
    }
    let algorithm = match text(jwk, "alg")? {
        None => None,
        Some(name) => match Algorithm::of_name(name) {
            Some(algorithm) => Some(algorithm),
            None => return Ok(Judgement::ForSomethingElse("its `alg` is no signature algorithm that is known here")),
        },
    };
    let material = VerifyingKey::new(material(jwk)?);
    if algorithm.is_some_and(|algorithm| algorithm.key_kind() != material.kind()) {
        return Err(Unusable("`alg` does not go with the type or curve of the key".to_owned()));
    }
    let id = text(jwk, "kid")?.map(str::to_owned);
    let key = Key { id, algorithm, material };
    // A secret that serves no HMAC at all, or not the one that it names, would silently verify nothing.
    let serves = match algorithm {
        Some(algorithm) => key.serves(algorithm),
        None => Algorithm::ALL.into_iter().any(|algorithm| key.serves(algorithm)),
    };
    if serves {
        Ok(Judgement::Usable(Box::new(key)))
    } else {
        Err(Unusable("the secret is shorter than the hash of its algorithm (RFC 7518 §3.2)".to_owned()))
    }
}

fn material(jwk: &Map<String, Value>) -> Result<Material, Unusable> {
    let kind = text(jwk, "kty")?.ok_or_else(|| Unusable("`kty` is missing".to_owned()))?;
    if kind != "oct" && ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into_iter().any(|name| jwk.contains_key(name)) {
        return Err(Unusable("it contains private members; give the public key only".to_owned()));
    }
    match kind {
        "EC" => elliptic(jwk, required(jwk, "crv")?),
        "OKP" => okp(jwk, required(jwk, "crv")?),
        "RSA" => {
            let key = rsa_key::public_key(&integer(jwk, "n")?, &integer(jwk, "e")?);
            key.map(Material::Rsa).map_err(|reason| Unusable(reason.to_owned()))
        }
        "oct" => {
            let secret = bytes(jwk, "k")?;
            // All bytes alike: an empty secret, or one that was never filled in.
            if secret.iter().all(|byte| secret.first() == Some(byte)) {
                return Err(Unusable("the secret is blank".to_owned()));
            }
            if PUBLISHED_SECRETS.contains(&secret.as_slice()) {
                return Err(Unusable("the secret is published".to_owned()));
            }
            Ok(Material::Octets(Secret::new(secret)))
        }
        _ => Err(Unusable("`kty` must be EC, OKP, RSA or oct".to_owned())),
    }
}

fn elliptic(jwk: &Map<String, Value>, curve: &str) -> Result<Material, Unusable> {
    let size = match curve {
        "P-256" | "secp256k1" => 32,
        "P-384" => 48,
        "P-521" => 66,
        _ => return Err(Unusable("`crv` must be P-256, P-384, P-521 or secp256k1".to_owned())),
    };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
    if x.len() != size || y.len() != size {
        return Err(Unusable(format!("`x` and `y` must have {size} bytes on {curve}")));
    }
    let point: Vec<u8> = [4_u8].into_iter().chain(x).chain(y).collect();
    let key = match curve {
        "P-256" => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Material::P256),
        "P-384" => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Material::P384),
        "P-521" => p521::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Material::P521),
        _ => k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Material::Secp256k1),
    };
    key.ok_or_else(|| Unusable("`x` and `y` are not a point of the curve".to_owned()))
}

fn okp(jwk: &Map<String, Value>, curve: &str) -> Result<Material, Unusable> {
    if curve != "Ed25519" {
        return Err(Unusable("`crv` must be Ed25519".to_owned()));
    }
    let x: [u8; 32] =
        bytes(jwk, "x")?.try_into().map_err(|_| Unusable("`x` must have 32 bytes on Ed25519".to_owned()))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&x)
        .map_err(|_| Unusable("`x` is not a point of the curve".to_owned()))?;
    // RFC 8032 §5.1.3 refuses coordinates that are not reduced; curve25519-dalek reduces them.
    if key.to_edwards().compress().to_bytes() != x {
        return Err(Unusable("`x` is not reduced".to_owned()));
    }
    if key.is_weak() {
        return Err(Unusable("`x` is a point of small order".to_owned()));
    }
    Ok(Material::Ed25519(key))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Unusable> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Unusable(format!("`{name}` must be a string")))
        }
    }
}

fn required<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, Unusable> {
    text(jwk, name)?.ok_or_else(|| Unusable(format!("`{name}` is missing")))
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    Base64UrlUnpadded::decode_vec(required(jwk, name)?).map_err(|_| Unusable(format!("`{name}` is not base64url")))
}

/// RFC 7518 §2, `Base64urlUInt`: no leading zero octets.
fn integer(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    let bytes = bytes(jwk, name)?;
    match bytes.first() {
        None | Some(0) => Err(Unusable(format!("`{name}` must be a positive integer without leading zeros"))),
        Some(_) => Ok(bytes),
    }
}
