//! What a provider has answered, read strictly.
//!
//! There are three outcomes. A clear *yes* vouches for claims. A clear *no* refuses the token: `active` is false, or the
//! claims are those of another issuer or another kind of token. Everything else is no answer at all: the provider, or
//! somebody on the way, is broken, and the request cannot be decided.

use std::fmt;

use serde_json::{Map, Value};

use super::Introspection;
use crate::http::media_type;
use crate::jose::{Algorithm, CompactToken, KeySet, SignatureVerifier, holds};
use crate::json::{self, Bounds};
use crate::outbox::Answer;
use crate::refusal::Cause;
use crate::token::{ClaimSet, TokenType};

/// Claims that a provider has called those of an active token. Made by reading an answer, and nowhere else.
pub struct Confirmed(ClaimSet);

/// What an answer is read with.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The provider's keys, where answers are signed.
    pub keys: Option<&'a KeySet>,
    /// Verifies signatures.
    pub verifier: &'a dyn SignatureVerifier,
    /// Levels of arrays and objects in the claims.
    pub claims_depth: usize,
    /// When the answer arrived, in seconds since the Unix epoch.
    pub now: i64,
}

/// A clear answer.
pub(super) enum Said {
    Active(Confirmed),
    Refused(Cause),
}

/// Why an answer is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unfit {
    /// `active` is neither true nor false.
    ActiveNotBoolean,
    /// A signed answer is by an algorithm that the provider is not configured with.
    AlgorithmNotAllowed,
    /// A signed answer is for somebody else.
    AudienceWrong,
    /// A content coding, which nobody asked for.
    Encoded,
    /// A signed answer is by another issuer.
    IssuerWrong,
    /// None of the provider's keys fits a signed answer; its `kid`, where it has one.
    KeyUnknown(Option<String>),
    /// The provider was not reached, or did not answer in time.
    Lost,
    /// Not a JSON object, or not a compact JWS, as accepted here.
    Malformed,
    /// Not of the media type that was asked for.
    MediaTypeWrong,
    /// The signature does not hold.
    SignatureInvalid,
    /// A status other than 200.
    Status(u16),
    /// A signed answer is older than the question, or from the future, or has expired.
    TimeWrong,
    /// More bytes than an answer has.
    TooLong,
    /// A signed answer is another kind of token.
    TypeWrong,
}

/// Bytes of the longest answer.
const LONGEST: usize = 65_536;

/// Members and items in an answer.
const VALUES: usize = 1024;

/// The type of a signed answer (RFC 9701 §5), without `application/`.
const SIGNED: &str = "token-introspection+jwt";

impl Confirmed {
    /// The claims.
    #[must_use]
    pub fn into_claims(self) -> ClaimSet {
        self.0
    }
}

impl Introspection {
    /// Reads an answer to a question that was asked at `asked`, in seconds since the Unix epoch.
    pub(super) fn read(&self, answer: &Answer, asked: i64, reading: Reading<'_>) -> Result<Said, Unfit> {
        let Answer::Answered { status, headers, body } = answer else { return Err(Unfit::Lost) };
        // A redirect is not followed either: the configuration says where the provider answers.
        if *status != 200 {
            return Err(Unfit::Status(*status));
        }
        if body.len() > LONGEST {
            return Err(Unfit::TooLong);
        }
        let coded = |(name, value): &(String, Vec<u8>)| {
            name.eq_ignore_ascii_case("content-encoding") && !value.eq_ignore_ascii_case(b"identity")
        };
        if headers.iter().any(coded) {
            return Err(Unfit::Encoded);
        }
        let wanted = if self.signed { "application/token-introspection+jwt" } else { "application/json" };
        if media_type(headers).as_deref() != Some(wanted) {
            return Err(Unfit::MediaTypeWrong);
        }
        let claims = if self.signed {
            self.signed_claims(body, asked, reading)?
        } else {
            let bounds = Bounds { depth: reading.claims_depth, values: VALUES };
            json::parse_object(body, bounds).map_err(|_| Unfit::Malformed)?
        };
        self.judge(claims, reading.now)
    }

    /// The member `token_introspection` of a signed answer (RFC 9701 §5).
    fn signed_claims(&self, body: &[u8], asked: i64, reading: Reading<'_>) -> Result<Map<String, Value>, Unfit> {
        let text = std::str::from_utf8(body).map_err(|_| Unfit::Malformed)?;
        let token = CompactToken::parse(text, reading.claims_depth.saturating_add(1)).map_err(|_| Unfit::Malformed)?;
        // Nothing else that the provider signs is an answer: an access token has another type (RFC 8725 §3.11).
        if TokenType::of_header(token.header().token_type.as_deref()) != TokenType::Named(SIGNED.to_owned()) {
            return Err(Unfit::TypeWrong);
        }
        let algorithm = Algorithm::of_name(&token.header().algorithm).filter(|one| self.algorithms.contains(one));
        let algorithm = algorithm.ok_or(Unfit::AlgorithmNotAllowed)?;
        let key_id = token.header().key_id.as_deref();
        let candidates: Vec<_> = reading.keys.into_iter().flat_map(|keys| keys.candidates(key_id, algorithm)).collect();
        if candidates.is_empty() {
            return Err(Unfit::KeyUnknown(key_id.map(str::to_owned)));
        }
        if !candidates.into_iter().any(|key| holds(token.jws(), algorithm, key, reading.verifier)) {
            return Err(Unfit::SignatureInvalid);
        }
        let mut claims = token.into_claims();
        let inner = claims.remove("token_introspection");
        let claims = ClaimSet::new(claims);
        if claims.identifier("iss") != Ok(Some(&self.issuer)) {
            return Err(Unfit::IssuerWrong);
        }
        if !claims.strings("aud", true).is_ok_and(|audience| audience.contains(&self.client_id.as_str())) {
            return Err(Unfit::AudienceWrong);
        }
        self.is_fresh(&claims, asked, reading.now)?;
        match inner {
            Some(Value::Object(members)) => Ok(members),
            Some(_) | None => Err(Unfit::Malformed),
        }
    }

    /// An answer does not name the token that it is about, so an old one could stand for another token's.
    fn is_fresh(&self, claims: &ClaimSet, asked: i64, now: i64) -> Result<(), Unfit> {
        let time = |name: &str| claims.time(name).map_err(|_| Unfit::TimeWrong);
        let (earliest, latest) = (asked.saturating_sub(self.clock_skew), now.saturating_add(self.clock_skew));
        let issued = time("iat")?.is_some_and(|at| (earliest..=latest).contains(&at));
        let begun = time("nbf")?.is_none_or(|from| from <= latest);
        let lasts = time("exp")?.is_none_or(|until| now < until.saturating_add(self.clock_skew));
        if issued && begun && lasts { Ok(()) } else { Err(Unfit::TimeWrong) }
    }

    /// Judges the members of an answer (RFC 7662 §2.2).
    fn judge(&self, mut claims: Map<String, Value>, now: i64) -> Result<Said, Unfit> {
        match claims.remove("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(Said::Refused(Cause::TokenInactive)),
            // Neither "true" nor 1: who cannot write the one member that matters may have meant anything.
            Some(_) | None => return Err(Unfit::ActiveNotBoolean),
        }
        self.complete(&mut claims, now);
        let claims = ClaimSet::new(claims);
        Ok(match self.vouched_for(&claims) {
            Ok(()) => Said::Active(Confirmed(claims)),
            Err(cause) => Said::Refused(cause),
        })
    }

    /// Puts in what an answer may lack; see [`super::Lackable`].
    fn complete(&self, claims: &mut Map<String, Value>, now: i64) {
        claims.entry("iss").or_insert_with(|| Value::from(self.issuer.as_str()));
        let lackable = self.may_lack;
        let nobody = claims.get("aud").is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        if let (true, Some(audience)) = (lackable.audience && nobody, self.audiences.first()) {
            claims.insert("aud".to_owned(), Value::from(audience.as_str()));
        }
        if lackable.issued_at {
            claims.entry("iat").or_insert_with(|| Value::from(now));
        }
        if lackable.expiry {
            claims.entry("exp").or_insert_with(|| Value::from(now.saturating_add(self.cache_duration)));
        }
        if let (true, None, Some(client)) = (lackable.subject, claims.get("sub"), claims.get("client_id")) {
            claims.insert("sub".to_owned(), client.clone());
        }
    }

    /// Whether the provider can speak for these claims, and whether they are an access token's.
    fn vouched_for(&self, claims: &ClaimSet) -> Result<(), Cause> {
        if claims.identifier("iss")? != Some(&self.issuer) {
            return Err(Cause::IssuerUnknown);
        }
        // A provider calls refresh tokens active as well, and the hint in the question is no more than that.
        let token_type = claims.identifier("token_type")?.map(str::to_ascii_lowercase);
        let binding_fits = match token_type.as_deref() {
            Some("bearer") => true,
            Some("dpop") => claims.has("cnf"),
            None if self.may_lack.token_type => true,
            Some(_) | None => return Err(Cause::TokenTypeNotAllowed),
        };
        match claims.identifier("token_use")? {
            Some("access" | "access_token") | None => {}
            Some(_) => return Err(Cause::TokenTypeNotAllowed),
        }
        claims.time("exp")?;
        if binding_fits { Ok(()) } else { Err(Cause::BindingUnverified) }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::ActiveNotBoolean => "its answer has no `active` that is true or false",
            Self::AlgorithmNotAllowed => "its answer is signed by an algorithm that is not in `algorithms`",
            Self::AudienceWrong => "its signed answer has another `aud` than the `client_id`",
            Self::Encoded => "its answer has a content coding",
            Self::IssuerWrong => "its signed answer has another `iss` than the `issuer`",
            Self::KeyUnknown(None) => "none of its keys fits its signed answer",
            Self::KeyUnknown(Some(id)) => {
                return write!(f, "it signed its answer with the key {id:?}, which is unknown");
            }
            Self::Lost => "it did not answer in time",
            Self::Malformed => "its answer is malformed",
            Self::MediaTypeWrong => "its answer is not of the media type that was asked for",
            Self::SignatureInvalid => "the signature of its answer does not hold",
            Self::Status(status) => return write!(f, "it answered with status {status}"),
            Self::TimeWrong => "its signed answer is not of this moment",
            Self::TooLong => return write!(f, "its answer has more than {LONGEST} bytes"),
            Self::TypeWrong => "its signed answer is not of the type `token-introspection+jwt`",
        };
        f.write_str(text)
    }
}
