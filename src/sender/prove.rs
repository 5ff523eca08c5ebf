//! The proof that the sender of a token is the one to whom it was issued.

use serde_json::Value;

use super::{Confirmation, Demand, SenderConstraint, SenderProofs, notes};
use crate::client_certificate::PeerCertificate;
use crate::credential::Scheme;
use crate::dpop::{ProofRequest, Replay};
use crate::http::{CanonicalPath, Headers};
use crate::jose::SignatureVerifier;
use crate::journal::Journal;
use crate::refusal::Cause;
use crate::token::Binding;

/// What a request shows.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The access token, as it was sent.
    pub token: &'a str,
    /// The scheme that it was sent with.
    pub scheme: Scheme,
    /// The method.
    pub method: &'a str,
    /// `:authority`, as it was sent.
    pub authority: &'a [u8],
    /// The path.
    pub path: &'a CanonicalPath,
    /// All headers.
    pub headers: &'a Headers,
    /// The certificate of the connection, as the host tells it.
    pub certificate: &'a PeerCertificate,
}

/// A sender has proved what was demanded, but for one thing: a proof by a key must not have been used before.
#[derive(Clone, Debug)]
pub struct Proof {
    /// How the token is bound.
    pub binding: Binding,
    /// Has to be settled with the store before anything is believed; see [`Replay`].
    pub replay: Option<Replay>,
    /// For the response: a newer nonce, where the client uses one that ends soon (RFC 9449 §8.2).
    pub next_nonce: Option<String>,
}

/// Verifies what a token demands of its sender. `now` is in seconds since the Unix epoch; `provider` and `route` are what
/// those two demand.
///
/// # Errors
///
/// The first thing that does not hold. For causes of the class [`crate::refusal::Class::Nonce`] the answer carries
/// [`crate::dpop::Dpop::nonce`].
pub fn prove(
    proofs: &SenderProofs,
    [provider, route]: [SenderConstraint; 2],
    cnf: Option<&Value>,
    presented: &Presented<'_>,
    now: i64,
    verifier: &dyn SignatureVerifier,
    journal: &mut Journal,
) -> Result<Proof, Cause> {
    journal.note(|| notes::binding(cnf, [provider, route], presented));
    let confirmation = Confirmation::of_claim(cnf)?;
    for (bound, demands) in [
        (confirmation.key.is_some(), [provider.dpop, route.dpop]),
        (confirmation.certificate.is_some(), [provider.mtls, route.mtls]),
    ] {
        if bound && demands.contains(&Demand::Off) {
            return Err(Cause::BindingUnverified);
        }
        if !bound && demands.contains(&Demand::Required) {
            return Err(Cause::BindingRequired);
        }
    }
    // RFC 9449 §7.1, §7.2: neither scheme stands in for the other.
    let scheme = if confirmation.key.is_some() { Scheme::Dpop } else { Scheme::Bearer };
    if presented.scheme != scheme {
        return Err(Cause::SchemeMismatch);
    }
    if let Some(digest) = &confirmation.certificate {
        journal.note(|| notes::certificate(proofs.client_certificate, presented));
        proofs.client_certificate.verify(digest, presented.certificate, presented.headers)?;
    }
    let mut proof = Proof { binding: confirmation.binding(), replay: None, next_nonce: None };
    if let Some(thumbprint) = &confirmation.key {
        let request = ProofRequest {
            token: presented.token,
            thumbprint,
            method: presented.method,
            authority: presented.authority,
            path: presented.path,
            headers: presented.headers,
        };
        journal.note(|| proofs.dpop.note(&request, now));
        let verified = proofs.dpop.verify(&request, now, verifier)?;
        proof.next_nonce = verified.next_nonce;
        proof.replay = Some(verified.replay);
    }
    Ok(proof)
}

#[cfg(test)]
mod tests;
