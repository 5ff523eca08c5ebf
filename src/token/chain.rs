//! The proofs between a credential and a session.

use super::{Binding, ClaimSet, Provider, Providers, Session, TokenType, notes};
use crate::credential::Credential;
use crate::jose::{Algorithm, CompactError, CompactToken, SignatureVerifier, holds};
use crate::journal::{Journal, Note};
use crate::refusal::Cause;

/// A well-formed token that names an issuer we know, and an algorithm and type that this issuer may use. Nothing of it
/// is true yet.
pub struct UntrustedToken<'a> {
    token: CompactToken<'a>,
    provider: &'a Provider,
    algorithm: Algorithm,
}

/// A token that its issuer has signed.
pub struct Authentic<'a> {
    provider: &'a Provider,
    claims: ClaimSet,
}

/// An authentic token that is valid now.
pub struct Timely<'a> {
    authentic: Authentic<'a>,
    issued_at: i64,
    expires_at: i64,
}

/// A timely token whose holder has proved what the token demands of them.
pub struct Bound<'a> {
    timely: Timely<'a>,
    binding: Binding,
}

impl<'a> UntrustedToken<'a> {
    /// Reads a token and finds its provider.
    ///
    /// # Errors
    ///
    /// What is wrong with its form, its issuer, `alg` or `typ`.
    pub fn parse(
        credential: &'a Credential,
        providers: &'a Providers,
        claims_depth: usize,
        journal: &mut Journal,
    ) -> Result<Self, Cause> {
        let token = CompactToken::parse(credential.token(), claims_depth);
        journal.note(|| notes::token(credential.token(), token.as_ref().ok()));
        let token = token.map_err(|error| match error {
            CompactError::Critical => Cause::TokenCritical,
            CompactError::Malformed => Cause::TokenMalformed,
        })?;
        let issuer = token.claims().get("iss").and_then(|issuer| issuer.as_str()).ok_or(Cause::IssuerUnknown)?;
        let provider = providers.of_issuer(issuer);
        journal.note(|| notes::provider(provider));
        let provider = provider.ok_or(Cause::IssuerUnknown)?;
        let algorithm = Algorithm::of_name(&token.header().algorithm)
            .filter(|algorithm| provider.algorithms.contains(algorithm))
            .ok_or(Cause::AlgorithmNotAllowed)?;
        if !provider.token_types.contains(&TokenType::of_header(token.header().token_type.as_deref())) {
            return Err(Cause::TokenTypeNotAllowed);
        }
        Ok(Self { token, provider, algorithm })
    }

    /// Checks the signature, before anything that the claims say is believed or even answered for (CVE-2024-51744).
    ///
    /// # Errors
    ///
    /// [`Cause::KeyUnknown`] or [`Cause::SignatureInvalid`].
    pub fn authenticate(self, verifier: &dyn SignatureVerifier, journal: &mut Journal) -> Result<Authentic<'a>, Cause> {
        let Self { token, provider, algorithm } = self;
        let key_id = token.header().key_id.as_deref();
        let candidates: Vec<_> = provider.keys.candidates(key_id, algorithm).collect();
        journal.note(|| notes::keys(provider, algorithm, &candidates));
        if candidates.is_empty() {
            return Err(Cause::KeyUnknown);
        }
        let signer = candidates.into_iter().find(|key| holds(token.jws(), algorithm, key, verifier));
        let signer = signer.ok_or(Cause::SignatureInvalid)?;
        journal.note(|| Note::Signature { key: signer.id.clone() });
        Ok(Authentic { provider, claims: ClaimSet::new(token.into_claims()) })
    }
}

impl<'a> Authentic<'a> {
    /// Who signed it.
    #[must_use]
    pub fn provider(&self) -> &'a Provider {
        self.provider
    }

    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &ClaimSet {
        &self.claims
    }

    /// Checks that the token is meant for us and for now; `now` is in seconds since the Unix epoch.
    ///
    /// Expired is a token from the second `exp` + skew on (RFC 7519 §4.1.4: "on or after"), not yet valid one before
    /// `nbf` − skew, or issued after `now` + skew.
    ///
    /// # Errors
    ///
    /// The first of the audience, the times, and the required claims that does not hold.
    pub fn timely(self, now: i64, journal: &mut Journal) -> Result<Timely<'a>, Cause> {
        let Self { provider, claims } = &self;
        journal.note(|| notes::audience(provider, claims));
        let audience = claims.strings("aud", true)?;
        if !audience.iter().any(|member| provider.audiences.iter().any(|ours| ours == member)) {
            return Err(Cause::AudienceMismatch);
        }
        journal.note(|| notes::times(provider, claims, now));
        let expires_at = claims.time("exp")?.ok_or(Cause::ClaimMissing)?;
        let issued_at = claims.time("iat")?.ok_or(Cause::ClaimMissing)?;
        let not_before = claims.time("nbf")?;
        let skew = provider.clock_skew;
        if now >= expires_at.saturating_add(skew) {
            return Err(Cause::TokenExpired);
        }
        if not_before.into_iter().chain([issued_at]).any(|from| from > now.saturating_add(skew)) {
            return Err(Cause::TokenNotYetValid);
        }
        if not_before.is_some_and(|from| from > expires_at) || issued_at > expires_at {
            return Err(Cause::ClaimInvalid);
        }
        let lifetime = expires_at.saturating_sub(issued_at);
        journal.note(|| Note::Lifetime { seconds: lifetime, longest: provider.max_lifetime });
        if lifetime > provider.max_lifetime {
            return Err(Cause::TokenLifetimeTooLong);
        }
        journal.note(|| notes::required_claims(provider, claims));
        if provider.require_claims.iter().any(|path| claims.at(path).is_none_or(serde_json::Value::is_null)) {
            return Err(Cause::ClaimMissing);
        }
        Ok(Timely { issued_at, expires_at, authentic: self })
    }
}

impl<'a> Timely<'a> {
    /// Checks the proof of possession that the token demands.
    ///
    /// # Errors
    ///
    /// [`Cause::BindingUnverified`] for any `cnf` (RFC 7800): a binding that is not verified is not ignored, or a stolen
    /// token would serve as a bearer token.
    pub fn bound(self, journal: &mut Journal) -> Result<Bound<'a>, Cause> {
        journal.note(|| Note::Binding { confirmation: self.authentic.claims.has("cnf") });
        if self.authentic.claims.has("cnf") {
            return Err(Cause::BindingUnverified);
        }
        Ok(Bound { timely: self, binding: Binding::None })
    }
}

impl Bound<'_> {
    /// Reads the claims into a session.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimMissing`] or [`Cause::ClaimInvalid`].
    pub fn session(self, journal: &mut Journal) -> Result<Session, Cause> {
        let Timely { authentic, issued_at, expires_at } = self.timely;
        Session::read(authentic.provider, authentic.claims, issued_at, expires_at, self.binding, journal)
    }
}
