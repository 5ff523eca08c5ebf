//! The signature algorithms of RFC 7518, RFC 8037 and RFC 8812.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// What makes a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Algorithm {
    EdDsa,
    Es(Hash),
    Hs(Hash),
    Ps(Hash),
    Rs(Hash),
}

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// The algorithm of this name, spelled exactly so; `none`, `rs256` and the like name nothing.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ES256" | "ES256K" => Self::Es(Hash::Sha256),
            "ES384" => Self::Es(Hash::Sha384),
            "ES512" => Self::Es(Hash::Sha512),
            "EdDSA" => Self::EdDsa,
            "HS256" => Self::Hs(Hash::Sha256),
            "HS384" => Self::Hs(Hash::Sha384),
            "HS512" => Self::Hs(Hash::Sha512),
            "PS256" => Self::Ps(Hash::Sha256),
            "PS384" => Self::Ps(Hash::Sha384),
            "PS512" => Self::Ps(Hash::Sha512),
            "RS256" => Self::Rs(Hash::Sha256),
            "RS384" => Self::Rs(Hash::Sha384),
            "RS512" => Self::Rs(Hash::Sha512),
            _ => return None,
        })
    }
}

impl Hash {
    pub(super) fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}
