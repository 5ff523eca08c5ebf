//! Why a request is refused, and what its sender gets to see of that.
//!
//! [`Cause`] is for the operator: it stands in the audit record, the metrics and the gateway's response-code details.
//! The sender gets the answer that the RFCs name, the same one for every cause of a class, so that trying tokens
//! teaches nothing. [`Refusal::reply`] is the only place that maps the one to the other.

use std::fmt;

use serde_json::json;

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
    /// A header is malformed, repeated or takes the meaning from another one.
    HeaderMalformed => "header_malformed", Malformed;
    /// The gateway did not hand over what the decision needs, or did not take the changes of headers that it makes.
    HostFailed => "host_failed", Unavailable;
    /// The host is malformed.
    HostMalformed => "host_malformed", Malformed;
    /// `iss` is none of the providers'.
    IssuerUnknown => "issuer_unknown", Token;
    /// No key of the issuer fits the token.
    KeyUnknown => "key_unknown", Token;
    /// No route matches.
    NoRoute => "no_route", Policy;
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
    /// The token lacks a scope of the route.
    ScopeInsufficient => "scope_insufficient", Scope;
    /// The session holds roles that exclude one another.
    SeparationStatic => "separation_static", Policy;
    /// The signature does not hold.
    SignatureInvalid => "signature_invalid", Token;
    /// `crit` is present.
    TokenCritical => "token_critical", Token;
    /// `exp` has passed.
    TokenExpired => "token_expired", Token;
    /// The time between `iat` and `exp` is too long.
    TokenLifetimeTooLong => "token_lifetime_too_long", Token;
    /// The token is not a compact JWS as accepted here.
    TokenMalformed => "token_malformed", Token;
    /// `nbf` or `iat` lies in the future.
    TokenNotYetValid => "token_not_yet_valid", Token;
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
    /// 403: understood, and not allowed.
    Policy,
    /// 403 `insufficient_scope`.
    Scope,
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
            | Self::Scope => true,
            Self::Malformed | Self::NoCredential | Self::Token | Self::Unavailable => false,
        }
    }
}

/// A refused request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// The scopes that the route asks for; named in the challenge for [`Cause::ScopeInsufficient`].
    pub scopes: Vec<String>,
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
const RETRY_AFTER: u32 = 1;

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        Self { cause, scopes: Vec::new() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Refusal {
    /// The answer for the sender: statuses and challenges by RFC 6750 §3, the body by RFC 9457.
    #[must_use]
    pub fn reply(&self, decision_id: &str, is_grpc: bool) -> Reply {
        let (status, grpc_status, title, challenge) = match self.cause.class() {
            Class::BodyEncoded => (415, 7, "Content coding is not supported here", None),
            Class::BodyInvalid => (400, 7, "Invalid request body", None),
            Class::BodyNotDelivered => (500, 14, "The request body did not arrive", None),
            Class::BodyTooLarge => (413, 7, "Request body too large", None),
            Class::Malformed => (400, 7, "Malformed request", self.malformed_challenge()),
            Class::NoCredential => (401, 16, "Authentication required", Some(String::new())),
            Class::Policy => (403, 7, "Forbidden", None),
            Class::Scope => {
                let scopes = self.scopes.join(" ");
                (403, 7, "Insufficient scope", Some(format!(r#", error="insufficient_scope", scope="{scopes}""#)))
            }
            Class::Token => (401, 16, "Invalid token", Some(r#", error="invalid_token""#.to_owned())),
            Class::Unavailable => (503, 14, "Temporarily unavailable", None),
        };
        let mut headers = Vec::new();
        if let Some(parameters) = challenge {
            headers.push(("www-authenticate", format!(r#"Bearer realm="cedar-gate"{parameters}"#)));
        }
        if status == 503 {
            headers.push(("retry-after", RETRY_AFTER.to_string()));
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

    fn malformed_challenge(&self) -> Option<String> {
        (self.cause == Cause::CredentialMalformed).then(|| r#", error="invalid_request""#.to_owned())
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
                let reply = Refusal::from(*cause).reply("d", false);
                (reply.status, reply.headers, reply.body)
            })
            .collect();
        assert!(answers.windows(2).all(|pair| pair.first() == pair.last()));
    }

    #[test]
    fn a_scope_challenge_names_the_scopes() {
        let refusal = Refusal { cause: Cause::ScopeInsufficient, scopes: vec!["a".into(), "b".into()] };
        let reply = refusal.reply("d", false);
        assert_eq!(reply.status, 403);
        let challenge = r#"Bearer realm="cedar-gate", error="insufficient_scope", scope="a b""#;
        assert!(reply.headers.contains(&("www-authenticate", challenge.to_owned())));
    }
}
