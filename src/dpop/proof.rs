//! One proof and the request that it came with, by RFC 9449 §4.3.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::nonce::AHEAD;
use super::replay::Usable;
use super::target::Target;
use super::{Dpop, Replay};
use crate::http::{CanonicalPath, Headers};
use crate::jose::{Algorithm, CompactToken, Judgement, Key, KeyKind, SignatureVerifier, holds, judge, thumbprint};
use crate::refusal::Cause;

/// What a proof is held against.
#[derive(Clone, Copy)]
pub struct ProofRequest<'a> {
    /// The access token, as it was sent.
    pub token: &'a str,
    /// `cnf.jkt` of the token: the thumbprint of the key that may use it.
    pub thumbprint: &'a [u8; 32],
    /// The method.
    pub method: &'a str,
    /// `:authority`, as it was sent.
    pub authority: &'a [u8],
    /// The path.
    pub path: &'a CanonicalPath,
    /// All headers.
    pub headers: &'a Headers,
}

/// A proof that holds, if it was not used before.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The question whether it was.
    pub replay: Replay,
    /// A newer nonce, where the client uses one that ends soon.
    pub next_nonce: Option<String>,
}

/// A proof with an RSA key of 4096 bits has 3 kB; whatever is longer is not one.
const LONGEST: usize = 8192;
/// The claims of a proof are flat.
pub(super) const DEPTH: usize = 4;
/// `jti` is no longer than this, in bytes.
const LONGEST_ID: usize = 256;

impl Dpop {
    /// Verifies the proof of a request. `now` is in seconds since the Unix epoch; the store is to be asked at once, as it
    /// judges by the same time.
    ///
    /// # Errors
    ///
    /// The first of the checks of RFC 9449 §4.3 that fails, in the order of that section.
    pub fn verify(
        &self,
        request: &ProofRequest<'_>,
        now: i64,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Verified, Cause> {
        // 1, 2: one header with one JWT.
        let text = the_one(request.headers)?;
        let (token, jwk) = CompactToken::parse_with_key(text, DEPTH).map_err(|_| Cause::DpopProofMalformed)?;
        // 3: with all claims that it must have.
        let claims = Claims::read(token.claims())?;
        // 4: which says that it is a proof. The type of a token has no case (RFC 9068 §4); this one is compared as it is.
        if token.header().token_type.as_deref() != Some("dpop+jwt") {
            return Err(Cause::DpopProofMalformed);
        }
        // 5: by an algorithm that is allowed here.
        let algorithm = Algorithm::of_name(&token.header().algorithm)
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or(Cause::DpopKeyUnusable)?;
        // 6, 7: signed by the key that it carries, which must be fit for that and contain nothing private.
        let key = public_key(&jwk)?;
        if !key.serves(algorithm) {
            return Err(Cause::DpopKeyUnusable);
        }
        if !holds(token.jws(), algorithm, &key, verifier) {
            return Err(Cause::DpopSignatureInvalid);
        }
        // 8, 9: for this method of this URL.
        if claims.method != request.method {
            return Err(Cause::DpopMethodMismatch);
        }
        let target = Target::of_request(self.public_origin.as_ref(), request.authority, request.path)
            .filter(|target| Target::of_proof(claims.url).as_ref() == Some(target))
            .ok_or(Cause::DpopUrlMismatch)?;
        // 10: with our nonce.
        let nonce_made_at = self.nonce_of(&claims, now)?;
        // 11: made just now.
        self.check_time(&claims, now)?;
        // 12: for this access token, which is bound to this key.
        let hash = Base64UrlUnpadded::encode_string(&Sha256::digest(request.token));
        if !is_equal(claims.token_hash.as_bytes(), hash.as_bytes()) {
            return Err(Cause::DpopTokenMismatch);
        }
        let thumbprint = thumbprint(&jwk).ok_or(Cause::DpopKeyUnusable)?;
        if !is_equal(thumbprint.as_bytes(), Base64UrlUnpadded::encode_string(request.thumbprint).as_bytes()) {
            return Err(Cause::DpopKeyMismatch);
        }
        let earliest_by_clock = claims.issued_at.saturating_sub(self.clock_skew);
        let earliest = nonce_made_at.map_or(earliest_by_clock, |at| earliest_by_clock.max(at.saturating_sub(AHEAD)));
        let next_nonce = match (&self.nonces, nonce_made_at) {
            (None, _) => None,
            (Some(nonces), Some(made_at)) => nonces.next(made_at, now),
            (Some(nonces), None) => Some(nonces.mint(now)),
        };
        let Claims { id, issued_at, .. } = claims;
        let usable = Usable { thumbprint: request.thumbprint, id, url: &target.text(), issued_at, earliest };
        Ok(Verified { replay: self.replay.question(&usable, now, self), next_nonce })
    }

    /// When the nonce of a proof was made; nothing where it has none and needs none.
    fn nonce_of(&self, claims: &Claims<'_>, now: i64) -> Result<Option<i64>, Cause> {
        let Some(nonces) = &self.nonces else { return Ok(None) };
        match claims.nonce {
            Some(nonce) => nonces.accepts(nonce, now).map(Some).ok_or(Cause::DpopNonceRequired),
            None if self.nonce_required => Err(Cause::DpopNonceRequired),
            None => Ok(None),
        }
    }

    /// A nonce does not stand in for `iat`: whoever has one may have made the proof at any time of its life.
    fn check_time(&self, claims: &Claims<'_>, now: i64) -> Result<(), Cause> {
        let Claims { issued_at, expires_at, not_before, .. } = claims;
        let latest = now.saturating_add(self.clock_skew);
        let made = *issued_at >= now.saturating_sub(self.proof_lifetime) && *issued_at <= latest;
        // RFC 9449 does not ask for these two; RFC 7519 §4.1 does where they are.
        let valid = expires_at.is_none_or(|end| now < end) && not_before.is_none_or(|begin| begin <= latest);
        if made && valid { Ok(()) } else { Err(Cause::DpopProofStale) }
    }
}

/// The claims of a proof (RFC 9449 §4.2).
struct Claims<'a> {
    id: &'a str,
    method: &'a str,
    url: &'a str,
    issued_at: i64,
    token_hash: &'a str,
    nonce: Option<&'a str>,
    expires_at: Option<i64>,
    not_before: Option<i64>,
}

impl<'a> Claims<'a> {
    fn read(claims: &'a Map<String, Value>) -> Result<Self, Cause> {
        let text =
            |name: &str| claims.get(name).map(|value| value.as_str().ok_or(Cause::DpopProofMalformed)).transpose();
        let time = |name: &str| {
            let seconds =
                |value: &Value| value.as_i64().filter(|seconds| *seconds >= 0).ok_or(Cause::DpopProofMalformed);
            claims.get(name).map(seconds).transpose()
        };
        let required = |name: &str| text(name)?.ok_or(Cause::DpopProofMalformed);
        let id = required("jti")?;
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(Cause::DpopProofMalformed);
        }
        Ok(Self {
            id,
            method: required("htm")?,
            url: required("htu")?,
            issued_at: time("iat")?.ok_or(Cause::DpopProofMalformed)?,
            token_hash: text("ath")?.ok_or(Cause::DpopTokenMismatch)?,
            nonce: text("nonce")?,
            expires_at: time("exp")?,
            not_before: time("nbf")?,
        })
    }
}

/// The value of the one `DPoP` header.
pub(super) fn the_one(headers: &Headers) -> Result<&str, Cause> {
    let value = headers.single("dpop").map_err(|_| Cause::DpopProofMalformed)?.ok_or(Cause::DpopProofMissing)?;
    // A gateway may have joined two headers by a comma. It is no character of a JWT, so the parser sees to that.
    let text = std::str::from_utf8(value).map_err(|_| Cause::DpopProofMalformed)?;
    if text.len() > LONGEST { Err(Cause::DpopProofMalformed) } else { Ok(text) }
}

/// The key in a proof's header: a public one, in the one form that gives one thumbprint.
fn public_key(jwk: &Map<String, Value>) -> Result<Key, Cause> {
    match judge(jwk) {
        // A secret that its owner sends along proves nothing.
        Ok(Judgement::Usable(key)) if key.material.kind() != KeyKind::Octets => Ok(*key),
        Ok(Judgement::Usable(_) | Judgement::ForSomethingElse(_)) | Err(_) => Err(Cause::DpopKeyUnusable),
    }
}

/// In a time that does not depend on where the two differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests;
