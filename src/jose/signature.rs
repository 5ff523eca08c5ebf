//! Does the signature hold? Answered by an injected pure function; ours asks the algorithms of jwt-compact.

use jwt_compact::AlgorithmSignature;
use jwt_compact::alg::{Es256, Es256k, Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key, Rsa};

use super::elliptic::{Es384, Es512, StrictEd25519};
use super::key::Material;
use super::{Algorithm, CompactJws, Key, VerifyingKey};

/// Verifies signatures. A host may put its own cryptography here; the binding of algorithm, key type, curve and hash
/// stays with [`Algorithm`] and [`Key::serves`], so that a lenient host cannot widen it.
pub trait SignatureVerifier {
    /// Whether `signature` over `message` is valid under `key` by `algorithm`. Must be pure.
    fn verify(&self, algorithm: Algorithm, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool;
}

/// Whether `jws` is signed by `key` with `algorithm`.
///
/// jwt-compact's own token type is not used: it parses claims before it has checked the signature, and reads header
/// members that nobody here believes, so that a signed token with an odd date would look like a forged one.
#[must_use]
pub fn holds(jws: &CompactJws<'_>, algorithm: Algorithm, key: &Key, verifier: &dyn SignatureVerifier) -> bool {
    key.serves(algorithm) && verifier.verify(algorithm, &key.material, jws.signed(), jws.signature())
}

/// Pure Rust inside of the VM: jwt-compact's algorithms, and ours behind its trait.
#[derive(Clone, Copy, Debug, Default)]
pub struct InVm;

impl SignatureVerifier for InVm {
    fn verify(&self, algorithm: Algorithm, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
        match (algorithm, key.material()) {
            (Algorithm::EdDsa, Material::Ed25519(key)) => by(&StrictEd25519, key, message, signature),
            (Algorithm::Es256, Material::P256(key)) => by(&Es256, key, message, signature),
            (Algorithm::Es256K, Material::Secp256k1(key)) => {
                by(&Es256k::<sha2::Sha256>::default(), key, message, signature)
            }
            (Algorithm::Es384, Material::P384(key)) => by(&Es384, key, message, signature),
            (Algorithm::Es512, Material::P521(key)) => by(&Es512, key, message, signature),
            (Algorithm::Hs256, Material::Octets(key)) => by(&Hs256, &Hs256Key::new(key.reveal()), message, signature),
            (Algorithm::Hs384, Material::Octets(key)) => by(&Hs384, &Hs384Key::new(key.reveal()), message, signature),
            (Algorithm::Hs512, Material::Octets(key)) => by(&Hs512, &Hs512Key::new(key.reveal()), message, signature),
            (Algorithm::Ps256, Material::Rsa(key)) => by(&Rsa::ps256(), key, message, signature),
            (Algorithm::Ps384, Material::Rsa(key)) => by(&Rsa::ps384(), key, message, signature),
            (Algorithm::Ps512, Material::Rsa(key)) => by(&Rsa::ps512(), key, message, signature),
            (Algorithm::Rs256, Material::Rsa(key)) => by(&Rsa::rs256(), key, message, signature),
            (Algorithm::Rs384, Material::Rsa(key)) => by(&Rsa::rs384(), key, message, signature),
            (Algorithm::Rs512, Material::Rsa(key)) => by(&Rsa::rs512(), key, message, signature),
            // A key of another kind than the algorithm's: `Key::serves` has refused it already.
            (
                Algorithm::EdDsa
                | Algorithm::Es256
                | Algorithm::Es256K
                | Algorithm::Es384
                | Algorithm::Es512
                | Algorithm::Hs256
                | Algorithm::Hs384
                | Algorithm::Hs512
                | Algorithm::Ps256
                | Algorithm::Ps384
                | Algorithm::Ps512
                | Algorithm::Rs256
                | Algorithm::Rs384
                | Algorithm::Rs512,
                _,
            ) => false,
        }
    }
}

fn by<A: jwt_compact::Algorithm>(algorithm: &A, key: &A::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len())
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}
