//! Why a request is refused, and what its sender gets to see of that.
//!
//! [`Cause`] is for the operator: it stands in the audit record, the metrics and the gateway's response-code details.
//! The sender gets the answer that the RFCs name, the same one for every cause of a class, so that trying tokens
//! teaches nothing. [`Refusal::reply`] is the only place that maps the one to the other.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::challenge::{Challenges, Demand, Occasion};
use crate::credential::Scheme;

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $variant:ident => $code:literal, $class:ident;)+) => {
        /// Why a request is refused.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Cause {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in audit records, metrics and response-code details.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// What has happened, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                let sentence = match self {
                    $(Self::$variant => concat!($($doc),+),)+
                };
                sentence.trim_start()
            }

            /// The class that decides about the answer.
            #[must_use]
            pub const fn class(self) -> Class {
                match self {
                    $(Self::$variant => Class::$class,)+
                }
            }
        }
    };
}

causes! {
    /// `alg` is not in the provider's list.
    AlgorithmNotAllowed => "algorithm_not_allowed", Token;
    /// No member of `aud` is ours.
    AudienceMismatch => "audience_mismatch", Token;
    /// The token is not bound to its sender, as the provider or the route demands.
    BindingRequired => "binding_required", Token;
    /// The token demands a proof of possession that is not verified.
    BindingUnverified => "binding_unverified", Token;
    /// The body has a content coding.
    BodyEncoded => "body_encoded", BodyEncoded;
    /// The body is not what the route declares.
    BodyInvalid => "body_invalid", BodyInvalid;
    /// The body did not arrive in time.
    BodyNotDelivered => "body_not_delivered", BodyNotDelivered;
    /// The body is longer than the limit.
    BodyTooLarge => "body_too_large", BodyTooLarge;
    /// What tells of the client's certificate cannot be read in one way only.
    CertificateMalformed => "certificate_malformed", Token;
    /// The token is bound to another certificate.
    CertificateMismatch => "certificate_mismatch", Token;
    /// The token is bound to a certificate, and the client has shown none that the gateway has verified.
    CertificateMissing => "certificate_missing", Token;
    /// A claim has the wrong type or a value that it cannot have.
    ClaimInvalid => "claim_invalid", Token;
    /// A required claim is missing.
    ClaimMissing => "claim_missing", Token;
    /// A claim cannot be written into a header for the upstream.
    ClaimNotForwardable => "claim_not_forwardable", Policy;
    /// The gateway's clock cannot be right.
    ClockUnreliable => "clock_unreliable", Unavailable;
    /// A credential is malformed, or there are several.
    CredentialMalformed => "credential_malformed", Malformed;
    /// There is no credential.
    CredentialMissing => "credential_missing", NoCredential;
    /// The token is bound to another key than that of the DPoP proof.
    DpopKeyMismatch => "dpop_key_mismatch", Proof;
    /// The key of the DPoP proof, or its algorithm, is not one that is taken here.
    DpopKeyUnusable => "dpop_key_unusable", Proof;
    /// There is no room to remember that the DPoP proof was used.
    DpopMemoryFull => "dpop_memory_full", Unavailable;
    /// The memory of used DPoP proofs is out of reach.
    DpopMemoryUnavailable => "dpop_memory_unavailable", Unavailable;
    /// The memory of used DPoP proofs began after this proof may have been made.
    DpopMemoryYoung => "dpop_memory_young", Unavailable;
    /// `htm` of the DPoP proof is another method.
    DpopMethodMismatch => "dpop_method_mismatch", Proof;
    /// The DPoP proof has no nonce that is ours and recent.
    DpopNonceRequired => "dpop_nonce_required", Nonce;
    /// The DPoP proof is not one JWT with the type and the claims of a proof.
    DpopProofMalformed => "dpop_proof_malformed", Proof;
    /// There is no DPoP proof.
    DpopProofMissing => "dpop_proof_missing", Proof;
    /// The DPoP proof was not made just now.
    DpopProofStale => "dpop_proof_stale", Proof;
    /// The key of the DPoP proof has used up its share of the memory of used proofs.
    DpopQuotaReached => "dpop_quota_reached", Unavailable;
    /// The DPoP proof was used before.
    DpopReplayed => "dpop_replayed", Proof;
    /// The signature of the DPoP proof does not hold.
    DpopSignatureInvalid => "dpop_signature_invalid", Proof;
    /// `ath` of the DPoP proof is that of another access token, or is missing.
    DpopTokenMismatch => "dpop_token_mismatch", Proof;
    /// `htu` of the DPoP proof is another URL.
    DpopUrlMismatch => "dpop_url_mismatch", Proof;
    /// A header is malformed, repeated or takes the meaning from another one.
    HeaderMalformed => "header_malformed", Malformed;
    /// The gateway did not hand over what the decision needs, or did not take the changes of headers that it makes.
    HostFailed => "host_failed", Unavailable;
    /// The host is malformed.
    HostMalformed => "host_malformed", Malformed;
    /// The issuer was asked about the token, and gave no answer that can be used.
    IntrospectionUnavailable => "introspection_unavailable", Unavailable;
    /// `iss` is none of the providers'.
    IssuerUnknown => "issuer_unknown", Token;
    /// The keys of the issuer could not be fetched.
    KeysUnavailable => "keys_unavailable", Unavailable;
    /// No key of the issuer fits the token.
    KeyUnknown => "key_unknown", Token;
    /// No route matches.
    NoRoute => "no_route", Policy;
    /// What the decision needs from elsewhere did not come in time.
    NotSettled => "not_settled", Unavailable;
    /// A path parameter is not of its kind.
    ParameterInvalid => "parameter_invalid", Malformed;
    /// The path is not canonical.
    PathMalformed => "path_malformed", Malformed;
    /// No policy permits the request, or one forbids it.
    PolicyDenied => "policy_denied", Policy;
    /// A policy, or the question itself, could not be evaluated.
    PolicyError => "policy_error", Policy;
    /// A declared query parameter is missing, repeated or not of its type.
    QueryInvalid => "query_invalid", Malformed;
    /// The scheme is `DPoP` and the token is not bound to a key, or the other way round.
    SchemeMismatch => "scheme_mismatch", Token;
    /// The token lacks a scope of the route, or one that a policy asks for.
    ScopeInsufficient => "scope_insufficient", Scope;
    /// The session holds roles that exclude one another.
    SeparationStatic => "separation_static", Policy;
    /// The signature does not hold.
    SignatureInvalid => "signature_invalid", Token;
    /// The list that says whether the token is revoked cannot be had.
    StatusUnavailable => "status_unavailable", Unavailable;
    /// The token refers to a status that is not looked up here.
    StatusUnverified => "status_unverified", Token;
    /// A policy asks that the user is authenticated anew, or otherwise.
    StepUpRequired => "step_up_required", StepUp;
    /// `crit` is present.
    TokenCritical => "token_critical", Token;
    /// `exp` has passed.
    TokenExpired => "token_expired", Token;
    /// The issuer says that the token is not active.
    TokenInactive => "token_inactive", Token;
    /// The time between `iat` and `exp` is too long.
    TokenLifetimeTooLong => "token_lifetime_too_long", Token;
    /// The token is not a compact JWS as accepted here.
    TokenMalformed => "token_malformed", Token;
    /// `nbf` or `iat` lies in the future.
    TokenNotYetValid => "token_not_yet_valid", Token;
    /// The issuer has revoked or suspended the token.
    TokenRevoked => "token_revoked", Token;
    /// The token is longer than the limit.
    TokenTooLarge => "token_too_large", Token;
    /// `typ` is not in the provider's list.
    TokenTypeNotAllowed => "token_type_not_allowed", Token;
}

/// A class of causes that get one answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// 415: a body with a content coding.
    BodyEncoded,
    /// 400: a body that is not what it should be.
    BodyInvalid,
    /// 500: a body that never came.
    BodyNotDelivered,
    /// 413: a body beyond the limit.
    BodyTooLarge,
    /// 400: the request can be read in more than one way, or in none.
    Malformed,
    /// 401 without an error code (RFC 6750 §3.1).
    NoCredential,
    /// 401 `use_dpop_nonce` (RFC 9449 §9).
    Nonce,
    /// 403: understood, and not allowed.
    Policy,
    /// 401 `invalid_dpop_proof` (RFC 9449 §7.1).
    Proof,
    /// 403 `insufficient_scope`.
    Scope,
    /// 401 `insufficient_user_authentication` (RFC 9470 §3).
    StepUp,
    /// 401 `invalid_token`.
    Token,
    /// 503: something needed for the decision is out of reach.
    Unavailable,
}

impl Class {
    /// Whether `shadow` lets a refusal of this class through: verdicts about a request that was understood, whose sender
    /// is known or needed not be.
    #[must_use]
    pub const fn is_verdict(self) -> bool {
        match self {
            Self::BodyEncoded
            | Self::BodyInvalid
            | Self::BodyNotDelivered
            | Self::BodyTooLarge
            | Self::Policy
            | Self::Scope
            | Self::StepUp => true,
            Self::Malformed | Self::NoCredential | Self::Nonce | Self::Proof | Self::Token | Self::Unavailable => false,
        }
    }
}

/// A refused request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// What would do instead, as far as the challenge says it.
    pub demand: Demand,
    /// The scheme that the credential came in, once it is known.
    pub scheme: Option<Scheme>,
    /// The nonce for the next proof, where the sender is to use one (RFC 9449 §9).
    pub nonce: Option<String>,
    /// Seconds after which trying again may help; only for what is out of reach.
    pub retry_after: u64,
}

/// An answer that the filter gives instead of the upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
    /// The gRPC status for callers who speak gRPC.
    pub grpc_status: Option<u32>,
    /// The gateway's response-code details: `cedar_gate{<cause>}`.
    pub details: String,
}

/// Seconds after which an answer 503 invites to try again.
const RETRY_AFTER: u64 = 1;

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        Self { cause, demand: Demand::default(), scheme: None, nonce: None, retry_after: RETRY_AFTER }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Refusal {
    /// A refusal that says what would do instead.
    #[must_use]
    pub fn demanding(cause: Cause, demand: Demand) -> Self {
        Self { demand, ..Self::from(cause) }
    }

    /// A refusal because of something that is tried again after a while.
    #[must_use]
    pub fn later(cause: Cause, retry_in: Duration) -> Self {
        // Whole seconds, and not before it is tried again.
        let retry_after = retry_in.as_secs().saturating_add(1);
        Self { retry_after, ..Self::from(cause) }
    }

    /// The answer for the sender: statuses and challenges by RFC 6750 §3, RFC 9449 §7.1 and RFC 9470 §3, the body by
    /// RFC 9457.
    #[must_use]
    pub fn reply(&self, challenges: &Challenges, decision_id: &str, is_grpc: bool) -> Reply {
        let (status, grpc_status, title, occasion) = match self.cause.class() {
            Class::BodyEncoded => (415, 7, "Content coding is not supported here", None),
            Class::BodyInvalid => (400, 7, "Invalid request body", None),
            Class::BodyNotDelivered => (500, 14, "The request body did not arrive", None),
            Class::BodyTooLarge => (413, 7, "Request body too large", None),
            Class::Malformed => (400, 7, "Malformed request", self.malformed_credential()),
            Class::NoCredential => (401, 16, "Authentication required", Some(Occasion::Invitation)),
            Class::Nonce => (401, 16, "A nonce is required", Some(Occasion::Proof("use_dpop_nonce"))),
            Class::Policy => (403, 7, "Forbidden", None),
            Class::Proof => (401, 16, "Invalid proof of possession", Some(Occasion::Proof("invalid_dpop_proof"))),
            Class::Scope => (403, 7, "Insufficient scope", Some(Occasion::Limit("insufficient_scope"))),
            Class::StepUp => {
                let error = Occasion::Error("insufficient_user_authentication");
                (401, 16, "Another authentication is required", Some(error))
            }
            Class::Token => (401, 16, "Invalid token", Some(Occasion::Error("invalid_token"))),
            Class::Unavailable => (503, 14, "Temporarily unavailable", None),
        };
        let challenges =
            occasion.map(|occasion| challenges.on(occasion, self.scheme, &self.demand)).unwrap_or_default();
        let mut headers: Vec<_> = challenges.into_iter().map(|challenge| ("www-authenticate", challenge)).collect();
        headers.extend(self.nonce.clone().map(|nonce| ("dpop-nonce", nonce)));
        if status == 503 {
            headers.push(("retry-after", self.retry_after.to_string()));
        }
        headers.push(("cache-control", "no-store".to_owned()));
        let body = if is_grpc {
            // The gateway makes `grpc-message` of it, which is a sentence and not a document.
            format!("{title} (decision {decision_id})")
        } else {
            headers.push(("content-type", "application/problem+json".to_owned()));
            json!({"type": "about:blank", "title": title, "status": status, "decision_id": decision_id}).to_string()
        };
        let details = format!("cedar_gate{{{}}}", self.cause.code());
        Reply { status, headers, body, grpc_status: is_grpc.then_some(grpc_status), details }
    }

    /// Of what is malformed, only a credential is a matter of authentication.
    fn malformed_credential(&self) -> Option<Occasion> {
        (self.cause == Cause::CredentialMalformed).then_some(Occasion::Error("invalid_request"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_code() {
        let mut codes: Vec<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Cause::ALL.len());
    }

    #[test]
    fn all_causes_of_a_bad_token_get_one_answer() {
        let answers: Vec<_> = Cause::ALL
            .iter()
            .filter(|cause| cause.class() == Class::Token)
            .map(|cause| {
                let reply = Refusal::from(*cause).reply(&Challenges::default(), "d", false);
                (reply.status, reply.headers, reply.body)
            })
            .collect();
        assert!(answers.windows(2).all(|pair| pair.first() == pair.last()));
    }

    #[test]
    fn a_scope_challenge_names_the_scopes() {
        let demand = Demand::of_scopes(vec!["a".into(), "b".into()]);
        let reply = Refusal::demanding(Cause::ScopeInsufficient, demand).reply(&Challenges::default(), "d", false);
        assert_eq!(reply.status, 403);
        let challenge = r#"Bearer realm="cedar-gate", error="insufficient_scope", scope="a b""#;
        assert!(reply.headers.contains(&("www-authenticate", challenge.to_owned())));
    }

    #[test]
    fn every_answer_401_has_a_challenge() {
        for cause in Cause::ALL {
            let challenges = Challenges { dpop: Some("ES256".to_owned()), ..Challenges::default() };
            let reply = Refusal::from(*cause).reply(&challenges, "d", false);
            let challenged = reply.headers.iter().any(|(name, _)| *name == "www-authenticate");
            assert!(reply.status != 401 || challenged, "{cause}");
        }
    }
}
