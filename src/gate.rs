//! What outlives a request.

use std::cell::RefCell;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::audit::hexadecimal;
use crate::config::Config;
use crate::exchange::Now;
use crate::introspection::is_opaque;
use crate::jose::SignatureVerifier;
use crate::live::{Incident, Live, Surroundings, Ticket};
use crate::outbox::{Answer, Errand, Outbox, Store};
use crate::token::{TokenCache, Vouched};

/// The configuration and all that belongs to it. One for each VM and configuration.
pub struct Gate {
    config: Config,
    verifier: Box<dyn SignatureVerifier>,
    token_key: [u8; 32],
    live: RefCell<Live>,
    /// Tokens whose signatures were verified.
    tokens: RefCell<TokenCache<Vouched>>,
    outbox: RefCell<Outbox>,
}

/// How soon a tick is wanted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pace {
    /// A call has to be made, and a request waits for it.
    AtOnce,
    /// Another worker may be about to share something.
    Soon,
    /// Something may fall due.
    Idle,
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
            live: RefCell::new(Live::new(&config, platform.entropy)),
            tokens: RefCell::new(TokenCache::new(config.token_cache, &platform.entropy)),
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

    /// Tokens whose signatures were verified.
    pub(crate) fn tokens(&self) -> &RefCell<TokenCache<Vouched>> {
        &self.tokens
    }

    /// What is known of the world outside.
    #[must_use]
    pub fn live(&self) -> &RefCell<Live> {
        &self.live
    }

    /// Does what is due outside of requests: leaves calls, adopts what other workers have fetched. The entropy spreads
    /// what many gateways would otherwise do at the same moment. Returns what is settled by it.
    pub fn tick(&self, now: Now, entropy: u64, store: &mut dyn Store) -> Vec<Ticket> {
        let mut outbox = self.outbox.borrow_mut();
        self.live.borrow_mut().tick(&mut self.surroundings(now, entropy, store, &mut outbox))
    }

    /// Calls that wait to be made.
    pub(crate) fn outbox(&self) -> &RefCell<Outbox> {
        &self.outbox
    }

    /// Takes a call that has to be made.
    pub fn take_errand(&self) -> Option<Errand> {
        self.outbox.borrow_mut().take()
    }

    /// Takes the answer to an errand. Returns what is settled by it.
    pub fn answered(&self, errand: u64, answer: &Answer, now: Now, store: &mut dyn Store) -> Vec<Ticket> {
        let mut outbox = self.outbox.borrow_mut();
        self.live.borrow_mut().answered(errand, answer, &mut self.surroundings(now, errand, store, &mut outbox))
    }

    fn surroundings<'a>(
        &'a self,
        now: Now,
        entropy: u64,
        store: &'a mut dyn Store,
        outbox: &'a mut Outbox,
    ) -> Surroundings<'a> {
        Surroundings { config: &self.config, verifier: self.verifier.as_ref(), now, entropy, store, outbox }
    }

    /// Takes what has happened outside of requests since it was asked for last.
    pub fn take_incidents(&self) -> Vec<Incident> {
        self.live.borrow_mut().take_incidents()
    }

    /// How soon the next tick is wanted; nothing where none is needed, ever.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        let mut live = self.live.borrow_mut();
        if self.outbox.borrow().is_empty() { live.pace() } else { Some(Pace::AtOnce) }
    }

    /// A name for a token that has no `jti`: the same for one token as long as this gate lives, and of no use to
    /// somebody who guesses tokens. It is taken of what is signed, as a signature can be written in several ways.
    #[must_use]
    pub fn token_name(&self, token: &str) -> String {
        let signed = token.rsplit_once('.').filter(|_| !is_opaque(token));
        let token = signed.map_or(token, |(signed, _)| signed);
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
