//! Private keys that somebody has made already, as JWKs (RFC 7517, RFC 7518 §6, RFC 8037).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use rsa::{BigUint, RsaPrivateKey};
use serde_json::Value;

use super::{
    at,
    elliptic::{Curve, EllipticKey},
    error::ForgeError,
    key::Key,
    typed,
};

/// Whether this is a private JWK, and not the description of a key that is yet to be made.
pub(super) fn is_private(description: &Value) -> bool {
    ["d", "k"].iter().any(|member| description.get(member).is_some())
}

impl Key {
    /// Reads a private JWK that stands at `path`. Members that are no part of the key are not looked at, as RFC 7517 §4
    /// wants it; those of the public half must be what the private one makes them.
    pub(super) fn read(path: &str, jwk: &Value) -> Result<Self, ForgeError> {
        let member = Members { path, jwk };
        let key = match member.text("kty")? {
            "EC" => {
                let curve: Curve = typed(&format!("{path}.crv"), jwk.get("crv").unwrap_or(&Value::Null))?;
                let key = EllipticKey::read(curve, &member.bytes("d")?);
                Self::Elliptic(Box::new(key.ok_or_else(|| member.wrong("d", "is no private key of its curve"))?))
            }
            "oct" => Self::Octets(member.bytes("k")?),
            "OKP" if member.text("crv")? == "Ed25519" => {
                let secret: Result<[u8; 32], _> = member.bytes("d")?.try_into();
                let secret = secret.map_err(|_| member.wrong("d", "must have 32 bytes"))?;
                Self::Edwards(Box::new(ed25519_dalek::SigningKey::from_bytes(&secret)))
            }
            "OKP" => return Err(member.wrong("crv", "must be Ed25519")),
            "RSA" => {
                // They may be missing (RFC 7518 §6.3.2), and are then found again.
                let primes = match jwk.get("p") {
                    Some(_) => vec![member.number("p")?, member.number("q")?],
                    None => Vec::new(),
                };
                let key = RsaPrivateKey::from_components(
                    member.number("n")?,
                    member.number("e")?,
                    member.number("d")?,
                    primes,
                );
                Self::Rivest(Box::new(key.map_err(|error| at(path, &error))?))
            }
            _ => return Err(member.wrong("kty", "must be EC, OKP, RSA or oct")),
        };
        let made = key.public_jwk();
        for (name, value) in made.as_object().into_iter().flatten() {
            if jwk.get(name).is_some_and(|given| given != value) {
                return Err(member.wrong(name, "does not belong to the private key"));
            }
        }
        Ok(key)
    }
}

/// The members of a JWK.
struct Members<'j> {
    path: &'j str,
    jwk: &'j Value,
}

impl Members<'_> {
    fn text(&self, name: &str) -> Result<&str, ForgeError> {
        self.jwk.get(name).and_then(Value::as_str).ok_or_else(|| self.wrong(name, "is missing, or is no text"))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, ForgeError> {
        BASE64URL.decode(self.text(name)?).map_err(|_| self.wrong(name, "is no base64url without padding"))
    }

    fn number(&self, name: &str) -> Result<BigUint, ForgeError> {
        Ok(BigUint::from_bytes_be(&self.bytes(name)?))
    }

    fn wrong(&self, name: &str, message: &str) -> ForgeError {
        at(&format!("{}.{name}", self.path), &message)
    }
}
