//! What the checks of a proof look at, as notes.

use serde_json::Value;

use super::proof::{DEPTH, the_one};
use super::target::Target;
use super::{Dpop, ProofRequest};
use crate::jose::CompactToken;
use crate::journal::{MemoryAnswer, Note, ProofClaims};
use crate::outbox::StoreAnswer;

impl Dpop {
    /// What [`Dpop::verify`] looks at.
    pub(crate) fn note(&self, request: &ProofRequest<'_>, now: i64) -> Note {
        let parsed = the_one(request.headers).ok().and_then(|text| CompactToken::parse_with_key(text, DEPTH).ok());
        let claims = parsed.map(|(token, _)| {
            let claim = |name: &str| token.claims().get(name).cloned();
            ProofClaims {
                algorithm: token.header().algorithm.clone(),
                token_type: token.header().token_type.clone(),
                method: claim("htm"),
                url: claim("htu"),
                issued_at: claim("iat"),
                nonce: claim("nonce").is_some_and(|nonce| nonce != Value::Null),
            }
        });
        let url = Target::of_request(self.public_origin.as_ref(), request.authority, request.path);
        Note::Proof {
            headers: request.headers.all("dpop").count(),
            claims,
            method: request.method.to_owned(),
            url: url.map(|url| url.text()),
            now,
        }
    }
}

/// What [`super::Replay::answered`] looks at.
pub(crate) fn memory(answer: &StoreAnswer) -> Note {
    Note::ProofMemory {
        answer: match answer {
            StoreAnswer::Conflict => MemoryAnswer::Conflict,
            StoreAnswer::Found(Some(_)) => MemoryAnswer::Found,
            StoreAnswer::Found(None) => MemoryAnswer::Absent,
            StoreAnswer::Unavailable => MemoryAnswer::Unavailable,
            StoreAnswer::Written => MemoryAnswer::Written,
        },
    }
}
