//! The proofs between a credential and a session.

use std::cell::OnceCell;
use std::rc::Rc;

use super::{ClaimSet, Identity, Provider, Providers, Session, TokenType, notes};
use crate::credential::Credential;
use crate::dpop::{Replay, Step};
use crate::introspection::Confirmed;
use crate::jose::{Algorithm, CompactError, CompactToken, KeySet, SignatureVerifier, holds};
use crate::journal::{Journal, Note};
use crate::outbox::{StoreAnswer, StoreOperation};
use crate::refusal::Cause;
use crate::remote::Epoch;
use crate::sender::{Presented, Proof, SenderConstraint, SenderProofs, prove};
use crate::status::without_lists;

/// A well-formed token that names an issuer we know, and an algorithm and type that this issuer may use. Nothing of it
/// is true yet.
pub struct UntrustedToken<'a> {
    token: CompactToken<'a>,
    provider: &'a Provider,
    algorithm: Algorithm,
}

/// Claims that an issuer has vouched for. Whoever has one of these has the issuer's word, so that it may be kept for the
/// next request that shows the same token.
pub struct Vouched {
    provider: usize,
    /// The set of keys that it was verified with.
    epoch: Epoch,
    claims: ClaimSet,
    /// What the claims say, from the first time on that somebody asked.
    identity: OnceCell<Rc<Identity>>,
}

/// A token that its issuer has vouched for.
pub struct Authentic<'a> {
    provider: &'a Provider,
    vouched: Rc<Vouched>,
}

/// An authentic token that is valid now.
pub struct Timely<'a> {
    authentic: Authentic<'a>,
    issued_at: i64,
    expires_at: i64,
}

/// A timely token that its issuer has not withdrawn.
pub struct Unrevoked<'a> {
    timely: Timely<'a>,
}

/// The word of the issuer's lists that a token still stands; see [`crate::live`].
pub struct Standing(());

/// A token whose holder has proved what the token demands of them, if the proof was not used before.
pub struct Bound<'a> {
    timely: Timely<'a>,
    proof: Proof,
}

/// A session, once it is known that its proof is a new one.
pub enum Admission {
    /// It is, or none was needed.
    Session(Box<Session>),
    /// The gateway's shared data has to be asked.
    Asking(Box<Candidate>, StoreOperation),
}

/// A session whose proof may have been used before.
pub struct Candidate {
    session: Session,
    replay: Replay,
}

impl Standing {
    /// A provider that keeps no lists never withdraws a token.
    ///
    /// # Errors
    ///
    /// The token says that it has a status, or the provider keeps lists: then nobody has been asked.
    pub fn of_unlisted(provider: &Provider, claims: &ClaimSet) -> Result<Self, Cause> {
        if provider.status_lists.is_some() || provider.revoked.is_some() {
            return Err(Cause::StatusUnverified);
        }
        without_lists(claims)?;
        Ok(Self(()))
    }

    /// Where every list that has a word in it was asked.
    pub(crate) fn confirmed() -> Self {
        Self(())
    }
}

impl Vouched {
    fn new(provider: &Provider, epoch: Epoch, claims: ClaimSet) -> Rc<Self> {
        Rc::new(Self { provider: provider.index, epoch, claims, identity: OnceCell::new() })
    }

    /// Claims that the provider in this place has confirmed, when it was asked.
    #[must_use]
    pub fn confirmed(provider: usize, confirmed: Confirmed) -> Rc<Self> {
        Rc::new(Self { provider, epoch: Epoch::default(), claims: confirmed.into_claims(), identity: OnceCell::new() })
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &ClaimSet {
        &self.claims
    }

    /// The place of the provider.
    #[must_use]
    pub fn provider(&self) -> usize {
        self.provider
    }

    /// The set of keys that it was verified with; worth nothing where the provider has another one by now.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
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
    pub fn authenticate(
        self,
        keys: &KeySet,
        epoch: Epoch,
        verifier: &dyn SignatureVerifier,
        journal: &mut Journal,
    ) -> Result<Authentic<'a>, Cause> {
        let Self { token, provider, algorithm } = self;
        let candidates: Vec<_> = keys.candidates(token.header().key_id.as_deref(), algorithm).collect();
        journal.note(|| notes::keys(keys, algorithm, &candidates));
        if candidates.is_empty() {
            return Err(Cause::KeyUnknown);
        }
        let signer = candidates.into_iter().find(|key| holds(token.jws(), algorithm, key, verifier));
        let signer = signer.ok_or(Cause::SignatureInvalid)?;
        journal.note(|| Note::Signature { key: signer.id.clone() });
        Ok(Authentic { provider, vouched: Vouched::new(provider, epoch, ClaimSet::new(token.into_claims())) })
    }

    /// Whose token it says that it is.
    #[must_use]
    pub fn provider(&self) -> &'a Provider {
        self.provider
    }

    /// The key that it says it is signed by.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.token.header().key_id.as_deref()
    }

    /// Whether one of these keys may have signed it.
    #[must_use]
    pub fn has_candidate(&self, keys: &KeySet) -> bool {
        keys.candidates(self.key_id(), self.algorithm).next().is_some()
    }
}

impl<'a> Authentic<'a> {
    /// A token that was shown before, and is vouched for still.
    #[must_use]
    pub fn again(providers: &'a Providers, vouched: Rc<Vouched>) -> Option<Self> {
        Some(Self { provider: providers.get(vouched.provider)?, vouched })
    }

    /// What to keep for the next request that shows the same token.
    #[must_use]
    pub fn vouched(&self) -> &Rc<Vouched> {
        &self.vouched
    }

    /// Who vouches for it.
    #[must_use]
    pub fn provider(&self) -> &'a Provider {
        self.provider
    }

    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &ClaimSet {
        self.vouched.claims()
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
        let (provider, claims) = (self.provider, self.claims());
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
    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &ClaimSet {
        self.authentic.claims()
    }

    /// Takes the word of the issuer's lists.
    #[must_use]
    pub fn unrevoked(self, _: Standing) -> Unrevoked<'a> {
        Unrevoked { timely: self }
    }
}

impl<'a> Unrevoked<'a> {
    /// Checks the proof of possession that the token demands, and those that its provider and the route do.
    ///
    /// # Errors
    ///
    /// What [`prove`] refuses; among that any `cnf` (RFC 7800) that is not verified, or a stolen token would serve as a
    /// bearer token.
    pub fn bound(
        self,
        proofs: &SenderProofs,
        route: SenderConstraint,
        presented: &Presented<'_>,
        now: i64,
        verifier: &dyn SignatureVerifier,
        journal: &mut Journal,
    ) -> Result<Bound<'a>, Cause> {
        let cnf = self.timely.claims().get("cnf");
        let demands = [self.timely.authentic.provider.sender_constraint, route];
        let proof = prove(proofs, demands, cnf, presented, now, verifier, journal)?;
        Ok(Bound { timely: self.timely, proof })
    }
}

impl Bound<'_> {
    /// A newer nonce for the client, to go with the answer (RFC 9449 §8.2).
    #[must_use]
    pub fn next_nonce(&self) -> Option<&str> {
        self.proof.next_nonce.as_deref()
    }

    /// Reads the claims into a session, unless an earlier request with the same token has done so.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimMissing`] or [`Cause::ClaimInvalid`].
    pub fn admission(self, journal: &mut Journal) -> Result<Admission, Cause> {
        let Timely { authentic: Authentic { provider, vouched }, issued_at, expires_at } = self.timely;
        let identity = match vouched.identity.get() {
            Some(identity) => Rc::clone(identity),
            None => {
                let identity = Rc::new(Identity::read(provider, &vouched.claims, issued_at, expires_at, journal)?);
                Rc::clone(vouched.identity.get_or_init(|| identity))
            }
        };
        let session = Session::new(identity, self.proof.binding);
        Ok(match self.proof.replay {
            None => Admission::Session(Box::new(session)),
            Some(replay) => {
                let question = replay.start();
                Admission::Asking(Box::new(Candidate { session, replay }), question)
            }
        })
    }
}

impl Candidate {
    /// Takes what the shared data say.
    ///
    /// # Errors
    ///
    /// The proof was used before, or nobody can tell.
    pub fn answered(mut self: Box<Self>, answer: StoreAnswer) -> Result<Admission, Cause> {
        match self.replay.answered(answer) {
            Step::Ask(question) => Ok(Admission::Asking(self, question)),
            Step::Settled(settled) => settled.map(|()| Admission::Session(Box::new(self.session))),
        }
    }
}
