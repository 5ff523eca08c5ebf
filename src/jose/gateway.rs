//! Signatures by the gateway's own cryptography, which is native code and many times as fast as ours in a VM.
//!
//! Envoy has a foreign function for it, `verify_signature`. It takes any hash by its name, SHA-1 too, with any key, so
//! that it binds nothing: which algorithm goes with which kind of key, curve and hash is settled here, as it is for our
//! own algorithms. It also takes ECDSA signatures in DER, where JWS has two plain numbers (RFC 7518 §3.4); those are
//! checked and converted by the types of the curve before anything leaves the VM.
//!
//! Whether a gateway has the function, and what it makes of it, cannot be looked up. So it is asked for known answers
//! first, for each algorithm, and is trusted with those alone that it answers right.

mod known;
mod message;
#[cfg(test)]
mod tests;

use std::fmt;

use super::{Algorithm, InVm, KeyKind, SignatureVerifier, VerifyingKey};
use known::KnownAnswers;

/// The foreign functions of a gateway.
pub trait HostCall {
    /// What `verify_signature` answers to an argument; nothing where there is no such function, or where it fails.
    fn verify_signature(&self, argument: &[u8]) -> Option<Vec<u8>>;
}

/// Who verifies signatures.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Crypto {
    /// The gateway, as far as it gives the known answers; else the VM.
    #[default]
    Auto,
    /// The gateway, or nobody: one that does not give the known answers is not started with.
    Host,
    /// The VM.
    Wasm,
}

/// Verifies by the gateway what it can be trusted with, and all else in the VM.
pub struct ByGateway<H> {
    host: H,
    trusted: Vec<Algorithm>,
}

/// Algorithms that the configuration wants of a gateway which does not give the known answers for them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotVerified(Vec<Algorithm>);

impl Crypto {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Host, Self::Wasm];

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Wasm => "wasm",
        }
    }

    /// Whom a configuration names.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|crypto| crypto.name() == name)
    }
}

impl<H: HostCall> ByGateway<H> {
    /// Asks the gateway for the known answers. `used` are the algorithms of the configuration.
    ///
    /// # Errors
    ///
    /// [`NotVerified`], where the gateway must verify ([`Crypto::Host`]) and does not.
    pub fn start(host: H, crypto: Crypto, used: impl IntoIterator<Item = Algorithm>) -> Result<Self, NotVerified> {
        let trusted = match crypto {
            Crypto::Auto | Crypto::Host => KnownAnswers::read().given_by(&host),
            Crypto::Wasm => Vec::new(),
        };
        if crypto == Crypto::Host {
            let missing = |algorithm: &Algorithm| hash(*algorithm).is_some() && !trusted.contains(algorithm);
            let mut missing: Vec<Algorithm> = used.into_iter().filter(missing).collect();
            missing.sort_unstable();
            missing.dedup();
            if !missing.is_empty() {
                return Err(NotVerified(missing));
            }
        }
        Ok(Self { host, trusted })
    }

    /// The algorithms that the gateway verifies.
    #[must_use]
    pub fn trusted(&self) -> &[Algorithm] {
        &self.trusted
    }
}

impl<H: HostCall> SignatureVerifier for ByGateway<H> {
    fn verify(&self, algorithm: Algorithm, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
        if !self.trusted.contains(&algorithm) {
            return InVm.verify(algorithm, key, message, signature);
        }
        let answer = ask(&self.host, algorithm, key, message, signature);
        // A call that fails says nothing about the signature.
        answer.unwrap_or_else(|Unanswered| InVm.verify(algorithm, key, message, signature))
    }
}

/// The gateway did not answer.
struct Unanswered;

/// Asks the gateway about a signature that has the form of its algorithm, by a key of the algorithm's kind; any other
/// is no signature.
fn ask(
    host: &impl HostCall,
    algorithm: Algorithm,
    key: &VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Unanswered> {
    let (Some(hash), Some(public_key)) = (hash(algorithm), key.subject_public_key_info()) else { return Ok(false) };
    if key.kind() != algorithm.key_kind() {
        return Ok(false);
    }
    let Some(signature) = as_gateways_write(algorithm, signature) else { return Ok(false) };
    let answer = host.verify_signature(&message::argument(hash, public_key, &signature, message));
    answer.and_then(|answer| message::result(&answer)).ok_or(Unanswered)
}

/// The hash of an algorithm that gateways verify, as they call it; nothing for the other algorithms.
fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 => Some("sha256"),
        Algorithm::Es384 | Algorithm::Rs384 => Some("sha384"),
        Algorithm::Es512 | Algorithm::Rs512 => Some("sha512"),
        // Envoy pads RSA by PKCS #1 v1.5 only, and refuses Edwards curves and secp256k1.
        Algorithm::EdDsa
        | Algorithm::Es256K
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => None,
    }
}

/// A signature of JWS as the gateway takes it; nothing where it is none: of another length, or with a number that is 0 or
/// not below the order of the curve.
fn as_gateways_write(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    match algorithm.key_kind() {
        KeyKind::P256 => p256::ecdsa::Signature::from_slice(signature).ok().map(|it| it.to_der().as_bytes().into()),
        KeyKind::P384 => p384::ecdsa::Signature::from_slice(signature).ok().map(|it| it.to_der().as_bytes().into()),
        KeyKind::P521 => p521::ecdsa::Signature::from_slice(signature).ok().map(|it| it.to_der().as_bytes().into()),
        KeyKind::Rsa => Some(signature.to_vec()),
        KeyKind::Ed25519 | KeyKind::Octets | KeyKind::Secp256k1 => None,
    }
}

impl<H> fmt::Display for ByGateway<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.trusted.is_empty() {
            return f.write_str("all signatures are verified in the VM");
        }
        write!(f, "the gateway verifies {}, and the VM all other signatures", names(&self.trusted))
    }
}

impl fmt::Display for NotVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the gateway does not verify {} as it must; leave it to the VM by `crypto: auto`", names(&self.0))
    }
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
}
