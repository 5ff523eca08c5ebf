//! What outlives a request.

use std::cell::RefCell;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::audit::hexadecimal;
use crate::config::Config;
use crate::jose::SignatureVerifier;
use crate::outbox::Outbox;

/// The configuration and all that belongs to it. One for each VM and configuration.
pub struct Gate {
    config: Config,
    verifier: Box<dyn SignatureVerifier>,
    token_key: [u8; 32],
    outbox: RefCell<Outbox>,
}

/// What the host supplies to a gate once.
pub struct Platform {
    /// Verifies signatures.
    pub verifier: Box<dyn SignatureVerifier>,
    /// Random bytes; they key the hashes that stand for tokens in audit records.
    pub entropy: [u8; 32],
}

/// Whether refusals are enforced.
#[derive(Debug)]
pub enum Mode {
    /// They are.
    Enforce,
    /// Verdicts of the policies are recorded only.
    Shadow(ShadowMode),
}

/// The declaration that verdicts are recorded only. The configuration makes it.
#[derive(Debug)]
pub struct ShadowMode(());

/// Errands that may wait for a tick.
const OUTBOX: usize = 1024;

impl Gate {
    /// A gate.
    #[must_use]
    pub fn new(config: Config, platform: Platform) -> Self {
        Self {
            config,
            verifier: platform.verifier,
            token_key: platform.entropy,
            outbox: RefCell::new(Outbox::new(OUTBOX)),
        }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What verifies signatures.
    #[must_use]
    pub fn verifier(&self) -> &dyn SignatureVerifier {
        self.verifier.as_ref()
    }

    /// Errands for the root context.
    #[must_use]
    pub fn outbox(&self) -> &RefCell<Outbox> {
        &self.outbox
    }

    /// A name for a token that has no `jti`: the same for one token as long as this gate lives, and of no use to
    /// somebody who guesses tokens. It is taken of what is signed, as a signature can be written in several ways.
    #[must_use]
    pub fn token_name(&self, token: &str) -> String {
        let token = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.token_key) else { return "hmac:".to_owned() };
        mac.update(token.as_bytes());
        let hash = mac.finalize().into_bytes();
        format!("hmac:{}", hexadecimal(hash.get(..16).unwrap_or(&hash)))
    }
}

impl Mode {
    /// The name in configurations and audit records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow(_) => "shadow",
        }
    }
}

impl ShadowMode {
    pub(crate) fn declared() -> Self {
        Self(())
    }
}
