//! Proofs of possession by a key: DPoP (RFC 9449).
//!
//! The client signs a small token for each request. [`Dpop::verify`] checks everything that the request itself can tell,
//! in the order of RFC 9449 §4.3. What remains is whether the proof was used before, and that only the gateway's shared
//! data knows: [`Replay`] is that question, as a state machine without I/O.

mod bucket;
mod nonce;
mod notes;
mod proof;
mod replay;
mod target;

pub use nonce::Nonces;
pub(crate) use notes::memory;
pub use proof::{ProofRequest, Verified};
pub use replay::{Replay, ReplayTable, Step};
pub use target::{MalformedOrigin, Origin};

use crate::jose::Algorithm;

/// How proofs are verified. The configuration makes it.
#[derive(Clone, Debug)]
pub struct Dpop {
    /// Accepted algorithms; all of them asymmetric.
    pub algorithms: Vec<Algorithm>,
    /// How old a proof may be, in seconds.
    pub proof_lifetime: i64,
    /// How far ahead the clock of a client may be, in seconds.
    pub clock_skew: i64,
    /// Where clients reach the gateway, if that is not what its requests name.
    pub public_origin: Option<Origin>,
    /// Nonces of the server (RFC 9449 §9).
    pub nonces: Option<Nonces>,
    /// Whether a proof without a nonce is refused. Means nothing without `nonces`.
    pub nonce_required: bool,
    /// Where used proofs are remembered.
    pub replay: ReplayTable,
}

impl Dpop {
    /// What holds where the configuration says nothing.
    pub const ALGORITHMS: [Algorithm; 6] =
        [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];

    /// A nonce for an answer, where the server uses nonces. `now` is in seconds since the Unix epoch.
    #[must_use]
    pub fn nonce(&self, now: i64) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.mint(now))
    }

    /// The names of the algorithms for a challenge: `algs` of RFC 9449 §5.1.
    #[must_use]
    pub fn algorithm_names(&self) -> String {
        self.algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" ")
    }
}

impl Default for Dpop {
    fn default() -> Self {
        Self {
            algorithms: Self::ALGORITHMS.to_vec(),
            proof_lifetime: 60,
            clock_skew: 5,
            public_origin: None,
            nonces: None,
            nonce_required: false,
            replay: ReplayTable::default(),
        }
    }
}
