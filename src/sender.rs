//! Who may use a token: everybody who has it, or only the one who proves to hold a key.
//!
//! A token says by `cnf` (RFC 7800) what it is bound to: a key that signs a proof for each request (DPoP, RFC 9449), or
//! the certificate of a connection (RFC 8705). Both may be demanded, and then both are proved. A binding that is not
//! verified is never passed over: a stolen token would serve as a bearer token.

mod confirmation;
mod notes;
mod prove;

pub use confirmation::Confirmation;
pub use prove::{Presented, Proof, prove};

use crate::client_certificate::CertificateSource;
use crate::dpop::Dpop;

/// How proofs of possession are verified. The configuration makes it.
#[derive(Clone, Debug, Default)]
pub struct SenderProofs {
    /// Proofs by a key.
    pub dpop: Dpop,
    /// Where client certificates are found.
    pub client_certificate: CertificateSource,
}

/// Whether tokens are bound in one way.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Demand {
    /// They are not, and one that is is refused.
    #[default]
    Off,
    /// They may be, and then it is verified.
    Optional,
    /// They are, and one that is not is refused.
    Required,
}

/// Which bindings are demanded of a token. Its provider and the route have one each, and the token has to satisfy both.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SenderConstraint {
    /// A key (RFC 9449).
    pub dpop: Demand,
    /// A client certificate (RFC 8705).
    pub mtls: Demand,
}

impl SenderConstraint {
    /// That of a route that says nothing.
    pub const ANY: Self = Self { dpop: Demand::Optional, mtls: Demand::Optional };
}

impl Demand {
    /// All of them, by the words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] = [
        (Self::Off.name(), Self::Off),
        (Self::Optional.name(), Self::Optional),
        (Self::Required.name(), Self::Required),
    ];

    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }

    /// Whether tokens that are bound in this way are taken.
    #[must_use]
    pub const fn admits(self) -> bool {
        match self {
            Self::Off => false,
            Self::Optional | Self::Required => true,
        }
    }
}
