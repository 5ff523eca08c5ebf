//! What a token says about its status.

use serde_json::Value;

use crate::refusal::Cause;
use crate::token::ClaimSet;

/// A place in a status list (draft-ietf-oauth-status-list-21 §6.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    /// Which list: where it is, and what it calls itself.
    pub uri: String,
    /// Which place.
    pub index: u64,
}

/// Bytes of the longest URI.
const LONGEST_URI: usize = 1024;

impl Reference {
    /// Reads the claim `status`. Nothing where there is none.
    ///
    /// # Errors
    ///
    /// [`Cause::StatusUnverified`] for a status that is told in another way only, and [`Cause::ClaimInvalid`] for one that
    /// is malformed.
    pub fn of(claims: &ClaimSet) -> Result<Option<Self>, Cause> {
        let Some(status) = claims.get("status") else { return Ok(None) };
        let list = match status.as_object().ok_or(Cause::ClaimInvalid)?.get("status_list") {
            Some(list) => list.as_object().ok_or(Cause::ClaimInvalid)?,
            None => return Err(Cause::StatusUnverified),
        };
        let index = list.get("idx").and_then(Value::as_u64).ok_or(Cause::ClaimInvalid)?;
        let uri = list.get("uri").and_then(Value::as_str).filter(|uri| !uri.is_empty() && uri.len() <= LONGEST_URI);
        Ok(Some(Self { uri: uri.ok_or(Cause::ClaimInvalid)?.to_owned(), index }))
    }
}
