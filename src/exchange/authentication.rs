//! Who asks: from a credential to a session, or to something that has to be waited for.
//!
//! After a wait this starts from the beginning. Each look at the gate's state is then the same plain question as before,
//! and no half-verified token is kept anywhere.

use std::rc::Rc;

use super::decision::Known;
use super::inquiry::Inquiry;
use super::notes;
use crate::audit::bounded;
use crate::credential::Credential;
use crate::gate::Gate;
use crate::introspection::{Introspection, Verdict, is_opaque};
use crate::journal::Journal;
use crate::live::{Lookup, Ticket};
use crate::refusal::{Cause, Refusal};
use crate::token::{Admission, Authentic, Provider, Standing, UntrustedToken};

/// How far a look at the credential leads.
pub(super) enum Sender {
    /// To somebody, or to somebody if their proof is a new one.
    Admitted(Admission),
    /// To something that may come.
    Awaited(Ticket),
}

/// Finds out who asks; `now` is in seconds since the Unix epoch.
pub(super) fn authenticate(
    gate: &Gate,
    inquiry: &Inquiry,
    now: i64,
    known: &mut Known,
    journal: &mut Journal,
) -> Result<Sender, Refusal> {
    let config = gate.config();
    let headers = &inquiry.head.headers;
    journal.note(|| notes::credential(headers, &config.credentials));
    let credential = config.credentials.extract(headers, inquiry.query())?;
    let found = if is_opaque(credential.token()) {
        let (provider, introspection) = config.providers.of_opaque_tokens().ok_or(Cause::TokenMalformed)?;
        introspected(gate, provider, introspection, &credential, now)?
    } else {
        let untrusted = UntrustedToken::parse(&credential, &config.providers, config.limits.claims_depth, journal)?;
        match untrusted.provider().introspection.as_ref().filter(|one| one.tokens.takes_jwt()) {
            Some(introspection) => introspected(gate, untrusted.provider(), introspection, &credential, now)?,
            None => signed(gate, untrusted, now, journal)?,
        }
    };
    let authentic = match found {
        Found::Authentic(authentic) => authentic,
        Found::Awaited(ticket) => return Ok(Sender::Awaited(ticket)),
    };
    known.record.provider = Some(authentic.provider().name.clone());
    let token_id = authentic.claims().identifier("jti").ok().flatten().map(bounded);
    known.record.token_id = Some(token_id.unwrap_or_else(|| gate.token_name(credential.token())));
    let timely = authentic.timely(now, journal)?;
    let admission = timely.unrevoked(Standing::confirmed()).bound(journal)?.admission(journal)?;
    Ok(Sender::Admitted(admission))
}

/// What was found about a token.
enum Found<'a> {
    /// Its issuer vouches for it.
    Authentic(Authentic<'a>),
    /// That has to be waited for.
    Awaited(Ticket),
}

/// Asks the issuer.
fn introspected<'a>(
    gate: &'a Gate,
    provider: &Provider,
    introspection: &Rc<Introspection>,
    credential: &Credential,
    now: i64,
) -> Result<Found<'a>, Refusal> {
    let mut outbox = gate.outbox().borrow_mut();
    match gate.live().borrow_mut().introspect(provider, introspection, credential.token(), now, &mut outbox) {
        Lookup::Ready(Verdict::Active(vouched)) => {
            let authentic = Authentic::again(&gate.config().providers, vouched).ok_or(Cause::IssuerUnknown)?;
            Ok(Found::Authentic(authentic))
        }
        Lookup::Ready(Verdict::Refused(cause)) => Err(cause.into()),
        Lookup::Wait(ticket) => Ok(Found::Awaited(ticket)),
        Lookup::Unavailable { retry_in } => Err(Refusal::later(Cause::IntrospectionUnavailable, retry_in)),
    }
}

/// Checks the signature.
fn signed<'a>(
    gate: &'a Gate,
    untrusted: UntrustedToken<'a>,
    now: i64,
    journal: &mut Journal,
) -> Result<Found<'a>, Refusal> {
    let provider = untrusted.provider();
    let later = |retry_in| Refusal::later(Cause::KeysUnavailable, retry_in);
    let keys = match gate.live().borrow().keys(provider, now) {
        Lookup::Ready(keys) => keys,
        Lookup::Wait(ticket) => return Ok(Found::Awaited(ticket)),
        Lookup::Unavailable { retry_in } => return Err(later(retry_in)),
    };
    // A key that is not there may be a new one.
    if let Some(key_id) = untrusted.key_id().filter(|_| !untrusted.has_candidate(&keys.set)) {
        match gate.live().borrow_mut().await_key(provider, key_id, now) {
            Lookup::Ready(()) => {}
            Lookup::Wait(ticket) => return Ok(Found::Awaited(ticket)),
            Lookup::Unavailable { retry_in } => return Err(later(retry_in)),
        }
    }
    Ok(Found::Authentic(untrusted.authenticate(&keys.set, keys.epoch, gate.verifier(), journal)?))
}
