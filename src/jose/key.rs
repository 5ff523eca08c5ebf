//! Verifying keys, and the set of them that belongs to one issuer.

use std::fmt;

use jwt_compact::alg::RsaPublicKey;
use rsa::pkcs8::EncodePublicKey;

use super::{Algorithm, KeyKind};
use crate::secret::Secret;

/// A key, ready to verify with. There is nothing here to sign with, except that a shared secret is what it is.
pub struct VerifyingKey {
    material: Material,
    /// In DER, for gateways that verify by themselves; made once, as the key is used for many signatures.
    subject_public_key_info: Option<Vec<u8>>,
}

/// Key material, in the types of the algorithms.
pub(super) enum Material {
    Ed25519(ed25519_dalek::VerifyingKey),
    Octets(Secret),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Rsa(RsaPublicKey),
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
    pub(super) fn new(material: Material) -> Self {
        let subject_public_key_info = material.subject_public_key_info();
        Self { material, subject_public_key_info }
    }

    pub(super) fn material(&self) -> &Material {
        &self.material
    }

    /// The key as RFC 5280 §4.1 writes it, in DER; nothing for kinds of keys that no gateway verifies with.
    pub(super) fn subject_public_key_info(&self) -> Option<&[u8]> {
        self.subject_public_key_info.as_deref()
    }

    /// The kind of this key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self.material {
            Material::Ed25519(_) => KeyKind::Ed25519,
            Material::Octets(_) => KeyKind::Octets,
            Material::P256(_) => KeyKind::P256,
            Material::P384(_) => KeyKind::P384,
            Material::P521(_) => KeyKind::P521,
            Material::Rsa(_) => KeyKind::Rsa,
            Material::Secp256k1(_) => KeyKind::Secp256k1,
        }
    }
}

impl Material {
    fn subject_public_key_info(&self) -> Option<Vec<u8>> {
        let der = match self {
            Self::P256(key) => p256::PublicKey::from(key).to_public_key_der(),
            Self::P384(key) => p384::PublicKey::from(key).to_public_key_der(),
            Self::P521(key) => p521::PublicKey::from_affine(*key.as_affine()).ok()?.to_public_key_der(),
            Self::Rsa(key) => key.to_public_key_der(),
            Self::Ed25519(_) | Self::Octets(_) | Self::Secp256k1(_) => return None,
        };
        der.ok().map(|document| document.as_bytes().to_vec())
    }
}

impl Key {
    /// Whether this key may verify a signature by `algorithm`: the key decides, not the token.
    #[must_use]
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        let long_enough = match (self.material.material(), algorithm.shortest_secret()) {
            (Material::Octets(secret), Some(shortest)) => secret.reveal().len() >= shortest,
            (
                Material::Ed25519(_)
                | Material::Octets(_)
                | Material::P256(_)
                | Material::P384(_)
                | Material::P521(_)
                | Material::Rsa(_)
                | Material::Secp256k1(_),
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

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
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
