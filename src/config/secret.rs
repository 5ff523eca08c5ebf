//! Secrets, which the configuration names and the environment holds.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::fault::At;
use super::raw::RawSecret;
use crate::secret::{Environment, Secret};

/// Bytes below which a secret could be guessed.
const SHORTEST: usize = 32;

/// A secret that keys are derived from.
pub(super) fn secret(at: &At, raw: RawSecret, environment: &Environment) -> Option<Secret> {
    let (name, secret) = variable(at, raw, environment)?;
    if secret.reveal().len() < SHORTEST {
        at.field("env").fault(format!("`{name}` is shorter than {SHORTEST} bytes"));
    }
    Some(secret)
}

/// The value of a variable, of whatever length above none, and the variable's name.
pub(super) fn variable(at: &At, raw: RawSecret, environment: &Environment) -> Option<(String, Secret)> {
    at.unknown(&raw.unknown);
    let name = at.require("env", raw.env)?;
    let secret = environment.secret(&name).filter(|secret| !secret.reveal().is_empty());
    if secret.is_none() {
        at.field("env").fault(format!("the environment of the VM has no variable `{name}`"));
    }
    Some((name, secret?))
}

/// The key that authenticates records in the gateway's shared data. Without a secret it keeps accidents away, and nobody
/// who means harm: those are other plugins with the same `vm_id`.
pub(super) fn record_key(secret: Option<&Secret>) -> [u8; 32] {
    const PURPOSE: &[u8] = b"cedar-gate: records in shared data";
    let secret = secret.map(Secret::reveal).unwrap_or_default();
    // A key of any length will do for HMAC.
    Hmac::<Sha256>::new_from_slice(secret)
        .map(|mac| mac.chain_update(PURPOSE).finalize().into_bytes().into())
        .unwrap_or_default()
}
