//! Tokens, signed here and not by the filter's own code. The keys are for this purpose only: anybody can sign with them.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The time of all fuzzed requests, in seconds since the Unix epoch.
pub const NOW: i64 = 1_780_000_000;

/// A key to sign with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SigningKey {
    /// The Ed25519 key of the first issuer.
    CorpEd25519,
    /// The shared secret of the first issuer.
    CorpSecret,
    /// The Ed25519 key of the second issuer.
    PartnerEd25519,
    /// An Ed25519 key that nobody knows.
    StrangerEd25519,
}

impl SigningKey {
    /// Signs a header and claims, whatever they are, as a compact JWS.
    #[must_use]
    pub fn sign(self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = match self {
            Self::CorpSecret => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("an HMAC takes any key");
                mac.update(signed.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Self::CorpEd25519 | Self::PartnerEd25519 | Self::StrangerEd25519 => {
                self.ed25519().sign(signed.as_bytes()).to_bytes().to_vec()
            }
        };
        format!("{signed}.{}", encoded(&signature))
    }

    /// The algorithm that the key is made for.
    #[must_use]
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::CorpSecret => "HS256",
            Self::CorpEd25519 | Self::PartnerEd25519 | Self::StrangerEd25519 => "EdDSA",
        }
    }

    /// The key as verifiers need it, named `secret` or `ed25519`.
    #[must_use]
    pub fn jwk(self) -> Value {
        match self {
            Self::CorpSecret => json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": encoded(&SECRET)}),
            Self::CorpEd25519 | Self::PartnerEd25519 | Self::StrangerEd25519 => {
                let x = encoded(self.ed25519().verifying_key().as_bytes());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed25519", "alg": "EdDSA", "x": x})
            }
        }
    }

    fn ed25519(self) -> ed25519_dalek::SigningKey {
        let number = match self {
            Self::CorpEd25519 | Self::CorpSecret => 1,
            Self::PartnerEd25519 => 2,
            Self::StrangerEd25519 => 3,
        };
        ed25519_dalek::SigningKey::from_bytes(&[number; 32])
    }
}

/// base64url without padding.
#[must_use]
pub fn encoded(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

const SECRET: [u8; 48] = *b"fuzzers sign with this, and nobody else ever may";
