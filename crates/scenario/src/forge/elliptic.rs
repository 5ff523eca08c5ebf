//! ECDSA keys on the curves of JOSE. Signatures depend on nothing but the key and the message.

use p256::elliptic_curve::{Curve as _, bigint::ArrayEncoding as _, sec1::ToEncodedPoint as _};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use rsa::{
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
    signature::hazmat::RandomizedPrehashSigner as _,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub(super) enum Curve {
    #[serde(rename = "P-256")]
    P256,
    #[serde(rename = "P-384")]
    P384,
    #[serde(rename = "P-521")]
    P521,
    #[serde(rename = "secp256k1")]
    Secp256k1,
}

pub(super) enum EllipticKey {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
    Secp256k1(k256::SecretKey),
}

/// Evaluates `$body` with `$key` bound to the secret key of whichever curve.
macro_rules! on_any_curve {
    ($self:expr, $key:ident => $body:expr) => {
        match $self {
            EllipticKey::P256($key) => $body,
            EllipticKey::P384($key) => $body,
            EllipticKey::P521($key) => $body,
            EllipticKey::Secp256k1($key) => $body,
        }
    };
}

impl Curve {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
        }
    }

    pub(super) fn usual_algorithm(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
            Self::Secp256k1 => "ES256K",
        }
    }

    /// The bytes of one coordinate, which are also those of `r` and of `s`.
    pub(super) fn width(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The order of the group, big-endian.
    pub(super) fn order(self) -> Vec<u8> {
        match self {
            Self::P256 => p256::NistP256::ORDER.to_be_byte_array().to_vec(),
            Self::P384 => p384::NistP384::ORDER.to_be_byte_array().to_vec(),
            Self::P521 => p521::NistP521::ORDER.to_be_byte_array().to_vec(),
            Self::Secp256k1 => k256::Secp256k1::ORDER.to_be_byte_array().to_vec(),
        }
    }
}

impl EllipticKey {
    pub(super) fn generate(curve: Curve, seed: &mut ChaCha20Rng) -> Self {
        match curve {
            Curve::P256 => Self::P256(p256::SecretKey::random(seed)),
            Curve::P384 => Self::P384(p384::SecretKey::random(seed)),
            Curve::P521 => Self::P521(p521::SecretKey::random(seed)),
            Curve::Secp256k1 => Self::Secp256k1(k256::SecretKey::random(seed)),
        }
    }

    /// The key with this secret number, big-endian, in the full width of the curve; `None` where it is none.
    pub(super) fn read(curve: Curve, secret: &[u8]) -> Option<Self> {
        Some(match curve {
            Curve::P256 => Self::P256(p256::SecretKey::from_slice(secret).ok()?),
            Curve::P384 => Self::P384(p384::SecretKey::from_slice(secret).ok()?),
            Curve::P521 => Self::P521(p521::SecretKey::from_slice(secret).ok()?),
            Curve::Secp256k1 => Self::Secp256k1(k256::SecretKey::from_slice(secret).ok()?),
        })
    }

    pub(super) fn curve(&self) -> Curve {
        match self {
            Self::P256(_) => Curve::P256,
            Self::P384(_) => Curve::P384,
            Self::P521(_) => Curve::P521,
            Self::Secp256k1(_) => Curve::Secp256k1,
        }
    }

    /// `r` and `s`, one after the other.
    pub(super) fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
        // Whoever can compute the nonce of a signature can compute the key. It comes from both, so that nobody else can,
        // and the same token has the same bytes.
        let seed = Sha256::new().chain_update(self.secret()).chain_update(digest).finalize();
        let nonce = &mut ChaCha20Rng::from_seed(seed.into());
        // The packages refuse a digest shorter than half the field; the number is the same with zeros in front.
        let width = self.curve().width();
        let mut padded = vec![0; width.saturating_sub(digest.len())];
        padded.extend_from_slice(digest);
        macro_rules! sign {
            ($curve:ident, $key:expr) => {{
                let signing = $curve::ecdsa::SigningKey::from_slice(&$key.to_bytes()).ok()?;
                let signature: $curve::ecdsa::Signature = signing.sign_prehash_with_rng(nonce, &padded).ok()?;
                Some(signature.to_bytes().to_vec())
            }};
        }
        match self {
            Self::P256(key) => sign!(p256, key),
            Self::P384(key) => sign!(p384, key),
            Self::P521(key) => sign!(p521, key),
            Self::Secp256k1(key) => sign!(k256, key),
        }
    }

    /// The two coordinates of the public point.
    pub(super) fn public_point(&self) -> (Vec<u8>, Vec<u8>) {
        let uncompressed = self.uncompressed();
        let (x, y) = uncompressed[1..].split_at(self.curve().width());
        (x.to_vec(), y.to_vec())
    }

    /// The public point as SEC 1 writes it, uncompressed.
    pub(super) fn uncompressed(&self) -> Vec<u8> {
        on_any_curve!(self, key => key.public_key().to_encoded_point(false).as_bytes().to_vec())
    }

    pub(super) fn secret(&self) -> Vec<u8> {
        on_any_curve!(self, key => key.to_bytes().to_vec())
    }

    /// PKCS #8, DER.
    pub(super) fn private_der(&self) -> Option<Vec<u8>> {
        on_any_curve!(self, key => key.to_pkcs8_der().ok().map(|der| der.as_bytes().to_vec()))
    }

    pub(super) fn public_der(&self) -> Option<Vec<u8>> {
        on_any_curve!(self, key => key.public_key().to_public_key_der().ok().map(|der| der.into_vec()))
    }

    pub(super) fn public_pem(&self) -> Option<String> {
        on_any_curve!(self, key => key.public_key().to_public_key_pem(LineEnding::LF).ok())
    }
}

/// The ASN.1 DER form of a signature that is given as `r` and `s`, where both are in range.
pub(super) fn der(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    Some(match curve {
        Curve::P256 => p256::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
        Curve::P384 => p384::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
        Curve::P521 => p521::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
        Curve::Secp256k1 => k256::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
    })
}
