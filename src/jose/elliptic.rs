//! The algorithms that jwt-compact lacks (ES384, ES512) or verifies too leniently for us (EdDSA), by its `Algorithm` trait.

use std::borrow::Cow;
use std::convert::Infallible;
use std::num::NonZeroUsize;

use jwt_compact::{Algorithm, AlgorithmSignature};
use p384::ecdsa::signature::Verifier;

/// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
pub(super) struct Es384;

/// ECDSA on P-521 with SHA-512 (RFC 7518 §3.4).
pub(super) struct Es512;

/// Ed25519 (RFC 8037) without the cofactor, and with small-order points refused: one set of accepted signatures, the
/// same on every machine ("Taming the many EdDSAs", 2020).
pub(super) struct StrictEd25519;

/// A signature of a fixed length as the concatenation of `r` and `s`; DER has no place in JWS.
pub(super) struct P384Signature(p384::ecdsa::Signature);

/// As [`P384Signature`].
pub(super) struct P521Signature(p521::ecdsa::Signature);

/// The 64 bytes of an Ed25519 signature.
pub(super) struct Ed25519Signature(ed25519_dalek::Signature);

macro_rules! verify_only {
    ($algorithm:ty, $name:literal, $key:ty, $signature:ty, $length:literal, |$key_of:ident, $message:ident, $signature_of:ident| $verify:expr) => {
        impl Algorithm for $algorithm {
            type SigningKey = Infallible;
            type VerifyingKey = $key;
            type Signature = $signature;

            fn name(&self) -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn sign(&self, key: &Infallible, _: &[u8]) -> $signature {
                match *key {}
            }

            fn verify_signature(&self, $signature_of: &$signature, $key_of: &$key, $message: &[u8]) -> bool {
                $verify.is_ok()
            }
        }

        impl AlgorithmSignature for $signature {
            const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new($length);

            fn try_from_slice(bytes: &[u8]) -> anyhow::Result<Self> {
                bytes.try_into().map(Self).map_err(|_| anyhow::Error::msg("malformed signature"))
            }

            fn as_bytes(&self) -> Cow<'_, [u8]> {
                Cow::Owned(self.0.to_bytes().to_vec())
            }
        }
    };
}

verify_only!(Es384, "ES384", p384::ecdsa::VerifyingKey, P384Signature, 96, |key, message, signature| key
    .verify(message, &signature.0));
verify_only!(Es512, "ES512", p521::ecdsa::VerifyingKey, P521Signature, 132, |key, message, signature| key
    .verify(message, &signature.0));
verify_only!(StrictEd25519, "EdDSA", ed25519_dalek::VerifyingKey, Ed25519Signature, 64, |key, message, signature| key
    .verify_strict(message, &signature.0));
