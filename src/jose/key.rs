//! Verifying keys, and the set of them that belongs to one issuer.

use std::fmt;

use jwt_compact::alg::RsaPublicKey;

use super::{Algorithm, KeyKind};
use crate::secret::Secret;

/// Key material, ready to verify with. There is nothing here to sign with, except that a shared secret is what it is.
pub enum VerifyingKey {
    /// Ed25519.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// A shared secret.
    Octets(Secret),
    /// P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// P-384.
    P384(p384::ecdsa::VerifyingKey),
    /// P-521.
    P521(p521::ecdsa::VerifyingKey),
    /// RSA.
    Rsa(RsaPublicKey),
    /// secp256k1.
    Secp256k1(k256::ecdsa::VerifyingKey),
}

/// One key of a set.
pub struct Key {
    /// `kid`.
    pub id: Option<String>,
    /// `alg`: where a key names it, it serves no other.
    pub algorithm: Option<Algorithm>,
    /// The key itself.
    pub material: VerifyingKey,
}

/// The keys of one issuer. A token of another issuer never meets them.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

/// A token without `kid` is tried against so many keys at most; each try costs a signature verification.
const MOST_TRIES: usize = 4;

impl VerifyingKey {
    /// The kind of this key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Ed25519(_) => KeyKind::Ed25519,
            Self::Octets(_) => KeyKind::Octets,
            Self::P256(_) => KeyKind::P256,
            Self::P384(_) => KeyKind::P384,
            Self::P521(_) => KeyKind::P521,
            Self::Rsa(_) => KeyKind::Rsa,
            Self::Secp256k1(_) => KeyKind::Secp256k1,
        }
    }
}

impl Key {
    /// Whether this key may verify a signature by `algorithm`: the key decides, not the token.
    #[must_use]
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        let long_enough = match (&self.material, algorithm.shortest_secret()) {
            (VerifyingKey::Octets(secret), Some(shortest)) => secret.reveal().len() >= shortest,
            (
                VerifyingKey::Ed25519(_)
                | VerifyingKey::Octets(_)
                | VerifyingKey::P256(_)
                | VerifyingKey::P384(_)
                | VerifyingKey::P521(_)
                | VerifyingKey::Rsa(_)
                | VerifyingKey::Secp256k1(_),
                _,
            ) => true,
        };
        self.material.kind() == algorithm.key_kind() && self.algorithm.is_none_or(|own| own == algorithm) && long_enough
    }
}

impl KeySet {
    /// A set of keys whose `kid`s differ.
    ///
    /// # Errors
    ///
    /// The first `kid` that occurs twice.
    pub fn new(keys: Vec<Key>) -> Result<Self, String> {
        let mut ids: Vec<&str> = keys.iter().filter_map(|key| key.id.as_deref()).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
            Some(repeated) => Err((*repeated).to_owned()),
            None => Ok(Self(keys)),
        }
    }

    /// The keys that may have signed: the one of this `kid`, or, for a token that names none, those that serve.
    pub fn candidates<'a>(
        &'a self,
        key_id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a Key> + 'a {
        self.0
            .iter()
            .filter(move |key| key_id.is_none_or(|id| key.id.as_deref().is_none_or(|own| own == id)))
            .filter(move |key| key.serves(algorithm))
            .take(MOST_TRIES)
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("kind", &self.material.kind()).finish_non_exhaustive()
    }
}
