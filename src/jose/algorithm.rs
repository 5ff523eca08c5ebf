//! The signature algorithms of JWS, and the one kind of key that each of them takes.

use std::fmt;

/// A JWS algorithm (RFC 7518 §3.1, RFC 8037, RFC 8812). There is no `none`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs, reason = "the names are those of the registry")]
pub enum Algorithm {
    EdDsa,
    Es256,
    Es256K,
    Es384,
    Es512,
    Hs256,
    Hs384,
    Hs512,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

/// What an algorithm demands of a key: its type, and its curve where there is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    /// OKP with the curve Ed25519.
    Ed25519,
    /// A shared secret.
    Octets,
    /// EC with the curve P-256.
    P256,
    /// EC with the curve P-384.
    P384,
    /// EC with the curve P-521.
    P521,
    /// RSA.
    Rsa,
    /// EC with the curve secp256k1.
    Secp256k1,
}

impl Algorithm {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 14] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es256K,
        Self::Es384,
        Self::Es512,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The algorithm of exactly this name; names are case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es256K => "ES256K",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The kind of key that goes with it, and no other (RFC 8725 §3.1).
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::EdDsa => KeyKind::Ed25519,
            Self::Es256 => KeyKind::P256,
            Self::Es256K => KeyKind::Secp256k1,
            Self::Es384 => KeyKind::P384,
            Self::Es512 => KeyKind::P521,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => KeyKind::Octets,
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => KeyKind::Rsa,
        }
    }

    /// The shortest secret in bytes: the length of the hash (RFC 7518 §3.2). Nothing for asymmetric algorithms.
    #[must_use]
    pub const fn shortest_secret(self) -> Option<usize> {
        match self {
            Self::Hs256 => Some(32),
            Self::Hs384 => Some(48),
            Self::Hs512 => Some(64),
            Self::EdDsa
            | Self::Es256
            | Self::Es256K
            | Self::Es384
            | Self::Es512
            | Self::Ps256
            | Self::Ps384
            | Self::Ps512
            | Self::Rs256
            | Self::Rs384
            | Self::Rs512 => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert_eq!(Algorithm::of_name("RS256"), Some(Algorithm::Rs256));
        for name in ["none", "None", "NONE", "rs256", "RS256 ", "", "HS1", "ES256k"] {
            assert_eq!(Algorithm::of_name(name), None, "{name}");
        }
    }
}
