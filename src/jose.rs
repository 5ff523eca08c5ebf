//! JSON Web Signatures: what a token's header may say, which keys there are, whether a signature holds.
//!
//! This module knows nothing about claims, issuers or time; see [`crate::token`] for those.

mod algorithm;
mod assertion;
mod base64url;
mod compact;
mod elliptic;
mod gateway;
mod jwk;
mod key;
mod rsa_key;
mod signature;
mod thumbprint;

pub use algorithm::{Algorithm, KeyKind};
pub use assertion::AssertionKey;
pub use compact::{CompactError, CompactJws, CompactToken, Header};
pub use gateway::{ByGateway, Crypto, HostCall, NotVerified};
pub use jwk::{Judgement, Unusable, judge};
pub use key::{Key, KeySet, VerifyingKey};
pub use signature::{InVm, SignatureVerifier, holds};
pub use thumbprint::thumbprint;
