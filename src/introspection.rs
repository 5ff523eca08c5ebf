//! Token introspection (RFC 7662): the issuer is asked what a token is worth, because the token itself does not say it,
//! or because the issuer's word of this minute is wanted.
//!
//! [`Introspection`] is what a provider is configured with; it makes calls. [`Introspections`] is what a worker knows of
//! answers: it asks once for all requests that show one token at the same time, and remembers what was said for a short
//! while. Whatever is no clear answer is none: the request is refused as unanswered, and nothing is believed.
//!
//! An answer vouches for claims and for nothing else. Their audience, times, proofs of possession and all the rest are
//! checked afterwards for every request, as those of a signed token are.

mod answer;
mod call;
mod memory;
mod verdicts;

use std::rc::Rc;

pub use answer::{Confirmed, Reading, Unfit};
pub use memory::{Failure, Introspections};

use crate::http::Endpoint;
use crate::jose::{Algorithm, AssertionKey};
use crate::refusal::Cause;
use crate::secret::Secret;
use crate::token::Vouched;

/// How a provider's tokens are introspected.
#[derive(Debug)]
pub struct Introspection {
    /// Where the provider answers.
    pub endpoint: Endpoint,
    /// Which tokens it is asked about.
    pub tokens: Tokens,
    /// Who the gateway is to the provider.
    pub client_id: String,
    /// How the gateway proves it.
    pub authentication: ClientAuthentication,
    /// The provider's issuer: a claim `iss` must be equal to it, and an absent one stands for it.
    pub issuer: String,
    /// The provider's audiences; answers are kept for these.
    pub audiences: Vec<String>,
    /// What the provider may sign with.
    pub algorithms: Vec<Algorithm>,
    /// Whether answers must be signed (RFC 9701).
    pub signed: bool,
    /// Which claims an answer may lack.
    pub may_lack: Lackable,
    /// How long an answer may take, in milliseconds.
    pub timeout_ms: u32,
    /// How long an answer about an active token serves, in seconds since it was asked for.
    pub cache_duration: i64,
    /// How long an answer about any other token serves, in seconds since it was asked for.
    pub negative_cache_duration: i64,
    /// How far the clocks may differ, in seconds.
    pub clock_skew: i64,
}

/// Which tokens a provider is asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tokens {
    /// All of its own.
    All,
    /// JWTs that name it as their issuer.
    Jwt,
    /// Those that are no JWT.
    Opaque,
}

/// How the gateway authenticates at the provider (RFC 7662 §2.1).
#[derive(Debug)]
pub enum ClientAuthentication {
    /// `client_secret_basic` (RFC 6749 §2.3.1).
    Basic(Secret),
    /// `client_secret_post` (RFC 6749 §2.3.1).
    Post(Secret),
    /// `private_key_jwt` (RFC 7523 §2.2).
    PrivateKey {
        /// Signs the assertions.
        key: Box<AssertionKey>,
        /// Their `aud`.
        audience: String,
    },
}

/// Which claims an answer may lack, and with that, what stands for them. RFC 7662 §2.2 requires none but `active`; what
/// is absent here refuses the token where the chain of proofs needs it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lackable {
    /// `aud`: the provider answers for tokens of ours only; the first of our audiences stands for it.
    pub audience: bool,
    /// `exp`: the token is good until the answer is too old, and then it is asked about again.
    pub expiry: bool,
    /// `iat`: the moment of the answer stands for it.
    pub issued_at: bool,
    /// `sub`: the client is the subject; `client_id` stands for it.
    pub subject: bool,
    /// `token_type`: the provider calls nothing active but access tokens.
    pub token_type: bool,
}

/// What a provider has said about a token.
#[derive(Clone)]
pub enum Verdict {
    /// It is active, and these are its claims.
    Active(Rc<Vouched>),
    /// It is not to be accepted.
    Refused(Cause),
}

impl Tokens {
    /// Whether tokens that are no JWT belong to the provider.
    #[must_use]
    pub const fn takes_opaque(self) -> bool {
        matches!(self, Self::All | Self::Opaque)
    }

    /// Whether JWTs that name the provider are asked about, instead of verified here.
    #[must_use]
    pub const fn takes_jwt(self) -> bool {
        matches!(self, Self::All | Self::Jwt)
    }
}

/// Whether a token is no JWT. A text of three segments is one, well-formed or not: it may be the token of a stranger, and
/// is never shown to a provider because it could not be read.
#[must_use]
pub fn is_opaque(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() != 2
}

#[cfg(test)]
mod tests;
