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
use crate::live::{self, Lookup, Ticket};
use crate::refusal::{Cause, Class, Refusal};
use crate::sender::Presented;
use crate::token::{Admission, Authentic, Provider, ProviderKeys, UntrustedToken, Vouched};

/// How far a look at the credential leads.
pub(super) enum Sender {
    /// To somebody, or to somebody if their proof is a new one.
    Admitted(Admission),
    /// To something that may come.
    Awaited(Ticket),
}

/// Bytes that a verified token takes in memory for each of its characters.
const BYTES_PER_CHARACTER: usize = 8;

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
    journal.note(|| notes::credential(headers, inquiry.query(), &config.credentials));
    let credential = config.credentials.extract(headers, inquiry.query())?;
    known.scheme = Some(credential.scheme());
    let remembered = if journal.takes_notes() { None } else { remembered(gate, &credential, now) };
    let found = if let Some(authentic) = remembered {
        Found::Authentic(authentic)
    } else if is_opaque(credential.token()) {
        let found = config.providers.of_opaque_tokens();
        journal.note(|| notes::opaque_token(&credential, found.map(|(provider, _)| provider)));
        let (provider, introspection) = found.ok_or(Cause::TokenMalformed)?;
        introspected(gate, provider, introspection, &credential, now, journal)?
    } else {
        let untrusted = UntrustedToken::parse(&credential, &config.providers, config.limits.claims_depth, journal)?;
        match untrusted.provider().introspection.as_ref().filter(|one| one.tokens.takes_jwt()) {
            Some(introspection) => introspected(gate, untrusted.provider(), introspection, &credential, now, journal)?,
            None => signed(gate, untrusted, &credential, now, journal)?,
        }
    };
    let authentic = match found {
        Found::Authentic(authentic) => authentic,
        Found::Awaited(ticket) => return Ok(Sender::Awaited(ticket)),
    };
    known.record.provider = Some(authentic.provider().name.as_str().into());
    let token_id = authentic.claims().identifier("jti").ok().flatten().map(bounded);
    known.record.token_id = Some(token_id.unwrap_or_else(|| gate.token_name(credential.token())).into());
    let provider = authentic.provider();
    let timely = authentic.timely(now, journal)?;
    let standing = gate.live().borrow_mut().standing(config, provider, timely.claims(), now, journal)?;
    let unrevoked = match standing {
        Lookup::Ready(standing) => timely.unrevoked(standing),
        Lookup::Wait(ticket) => return Ok(Sender::Awaited(ticket)),
        Lookup::Unavailable { retry_in } => return Err(Refusal::later(Cause::StatusUnavailable, retry_in)),
    };
    let head = &inquiry.head;
    let presented = Presented {
        token: credential.token(),
        scheme: credential.scheme(),
        method: &head.method,
        authority: &head.authority,
        path: &inquiry.path,
        headers,
        certificate: &inquiry.certificate,
    };
    let protected = config.routes.protected(inquiry.route).ok_or(Cause::PolicyError)?;
    let (route, verifier) = (protected.sender_constraint, gate.verifier());
    let bound = unrevoked.bound(&config.sender, route, &presented, now, verifier, journal);
    let bound = bound.map_err(|cause| proof_refused(gate, cause, now))?;
    let nonce = bound.next_nonce().map(|nonce| ("dpop-nonce", nonce.to_owned()));
    known.passing.response.extend(nonce);
    let admission = bound.admission(journal)?;
    Ok(Sender::Admitted(admission))
}

/// A sender whose proof lacks a nonce is given one (RFC 9449 §9).
pub(super) fn proof_refused(gate: &Gate, cause: Cause, now: i64) -> Refusal {
    let nonce = gate.config().sender.dpop.nonce(now).filter(|_| cause.class() == Class::Nonce);
    Refusal { nonce, ..Refusal::from(cause) }
}

/// What was found about a token.
enum Found<'a> {
    /// Its issuer vouches for it.
    Authentic(Authentic<'a>),
    /// That has to be waited for.
    Awaited(Ticket),
}

/// A token whose signature was verified for an earlier request. Whoever asks how a decision comes about sees the whole
/// way, and so is not spared anything.
fn remembered<'a>(gate: &'a Gate, credential: &Credential, now: i64) -> Option<Authentic<'a>> {
    let providers = &gate.config().providers;
    let mut tokens = gate.tokens().borrow_mut();
    let digest = tokens.digest(credential.token());
    let in_force = |vouched: &Vouched| {
        let provider = providers.get(vouched.provider());
        provider.is_some_and(|provider| match gate.live().borrow().keys(provider, now) {
            Lookup::Ready(keys) => keys.epoch == vouched.epoch(),
            Lookup::Wait(_) | Lookup::Unavailable { .. } => false,
        })
    };
    let vouched = Rc::clone(tokens.get(&digest, now, in_force)?);
    Authentic::again(providers, vouched)
}

/// Keeps a token whose signature holds, for as long as it may be accepted.
fn remember(gate: &Gate, credential: &Credential, authentic: &Authentic<'_>) {
    let Ok(Some(expires_at)) = authentic.claims().time("exp") else { return };
    let ends_at = expires_at.saturating_add(authentic.provider().clock_skew);
    let mut tokens = gate.tokens().borrow_mut();
    let digest = tokens.digest(credential.token());
    // Claims as they were parsed, what was read from them, and their names: measured, a few times the token's length.
    let bytes = credential.token().len().saturating_mul(BYTES_PER_CHARACTER);
    tokens.insert(digest, ends_at, bytes, Rc::clone(authentic.vouched()));
}

/// Asks the issuer.
fn introspected<'a>(
    gate: &'a Gate,
    provider: &Provider,
    introspection: &Rc<Introspection>,
    credential: &Credential,
    now: i64,
    journal: &mut Journal,
) -> Result<Found<'a>, Refusal> {
    let mut outbox = gate.outbox().borrow_mut();
    let mut live = gate.live().borrow_mut();
    let found = live.introspect(provider, introspection, credential.token(), now, &mut outbox);
    journal.note(|| live::notes::introspection(provider, introspection, &found));
    match found {
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
    credential: &Credential,
    now: i64,
    journal: &mut Journal,
) -> Result<Found<'a>, Refusal> {
    let provider = untrusted.provider();
    let later = |retry_in| Refusal::later(Cause::KeysUnavailable, retry_in);
    let found = gate.live().borrow().keys(provider, now);
    if let ProviderKeys::Remote(spec) = &provider.keys {
        journal.note(|| live::notes::fetched_keys(spec, &found));
    }
    let keys = match found {
        Lookup::Ready(keys) => keys,
        Lookup::Wait(ticket) => return Ok(Found::Awaited(ticket)),
        Lookup::Unavailable { retry_in } => return Err(later(retry_in)),
    };
    // A key that is not there may be a new one.
    if let Some(key_id) = untrusted.key_id().filter(|_| !untrusted.has_candidate(&keys.set)) {
        let found = gate.live().borrow_mut().await_key(provider, key_id, now);
        if let ProviderKeys::Remote(_) = &provider.keys {
            journal.note(|| live::notes::new_key(key_id, &found));
        }
        match found {
            Lookup::Ready(()) => {}
            Lookup::Wait(ticket) => return Ok(Found::Awaited(ticket)),
            Lookup::Unavailable { retry_in } => return Err(later(retry_in)),
        }
    }
    let authentic = untrusted.authenticate(&keys.set, keys.epoch, gate.verifier(), journal)?;
    remember(gate, credential, &authentic);
    Ok(Found::Authentic(authentic))
}
