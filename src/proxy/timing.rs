//! How long things take, by the gateway's clock; for audit records and metrics only, never for a decision.

use std::cell::Cell;
use std::rc::Rc;

use super::host::{self, ForeignFunctions};
use crate::jose::{Algorithm, ByGateway, SignatureVerifier, VerifyingKey};

/// Nanoseconds that signatures have taken since it was last read.
#[derive(Default)]
pub(super) struct Timer(Cell<u64>);

/// Verifies, and times it.
pub(super) struct TimedVerifier {
    timer: Rc<Timer>,
    verifier: ByGateway<ForeignFunctions>,
}

impl Timer {
    pub(super) fn take(&self) -> u64 {
        self.0.take()
    }
}

impl TimedVerifier {
    pub(super) fn new(timer: Rc<Timer>, verifier: ByGateway<ForeignFunctions>) -> Self {
        Self { timer, verifier }
    }
}

impl SignatureVerifier for TimedVerifier {
    fn verify(&self, algorithm: Algorithm, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
        let before = host::now().unwrap_or(0);
        let valid = self.verifier.verify(algorithm, key, message, signature);
        let spent = host::now().unwrap_or(0).saturating_sub(before);
        self.timer.0.set(self.timer.0.get().saturating_add(spent));
        valid
    }
}
