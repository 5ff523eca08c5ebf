//! Profiles of access tokens: rules that several fields together have to keep.

use super::fault::At;
use super::field::Switch;
use super::provider::TOKEN_TYPE;
use crate::jose::{Algorithm, KeyKind};
use crate::token::{ClaimPath, TokenType};

/// Whether tokens keep to RFC 9068.
pub(super) const PROFILE: Switch = Switch { words: ["none", "rfc9068"], on: "rfc9068" };

/// The claims that RFC 9068 §2.2 demands and that are not demanded of every token here.
const CLAIMS: [&str; 2] = ["client_id", "jti"];

/// Demands of a provider what RFC 9068 demands: the type (§4), a signature that only the issuer can make (§2.1), and the
/// claims of §2.2. Those that are optional there have types here, as for every provider.
pub(super) fn rfc9068(at: &At, algorithms: &[Algorithm], token_types: &[String], require_claims: &mut Vec<ClaimPath>) {
    let with = "`profile: rfc9068`";
    let access_token = TokenType::configured(TOKEN_TYPE);
    if token_types.iter().any(|token_type| TokenType::configured(token_type) != access_token) {
        at.field("token_types").fault(format!("{with} takes {TOKEN_TYPE} alone (RFC 9068 §4)"));
    }
    for algorithm in algorithms.iter().filter(|algorithm| algorithm.key_kind() == KeyKind::Octets) {
        let message = format!("{algorithm} has a secret that this gateway would share; {with} takes none such");
        at.field("algorithms").fault(message);
    }
    for claim in CLAIMS.into_iter().filter_map(ClaimPath::dotted) {
        if !require_claims.contains(&claim) {
            require_claims.push(claim);
        }
    }
}
