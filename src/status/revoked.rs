//! A plain list of revoked tokens: `{"revoked": ["id", {"jti": "id", "exp": 1700000000}]}`.
//!
//! Each item is the `jti` of a token that stands no more, or an object that says besides when the token expires, so that
//! it need not be remembered any longer. Further members are passed over. The list is not signed: it is as authentic as
//! the connection to its service.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{Bounds, parse_object};
use crate::refusal::Cause;
use crate::remote::{Fit, Unfit};
use crate::token::ClaimSet;

/// Ids of tokens that stand no more.
#[derive(Debug, Default)]
pub struct RevokedIds(BTreeSet<Box<str>>);

/// A list may have so many tokens at most.
const MOST: usize = 65_536;
/// An object for each, of two members.
const BOUNDS: Bounds = Bounds { depth: 8, values: 262_144 };
/// Bytes of the longest id; as for any claim that identifies.
const LONGEST_ID: usize = 512;
/// How long an expired token is kept, in seconds: no clock may differ by more.
const SKEW: i64 = 300;

/// Reads a list; `now` is in seconds since the Unix epoch.
///
/// # Errors
///
/// [`Unfit`]: another form, or too many tokens. A list is never taken in part: what was left out would pass.
pub fn revoked_ids(document: &[u8], now: i64) -> Result<Fit<RevokedIds>, Unfit> {
    let list =
        parse_object(document, BOUNDS).map_err(|error| Unfit(format!("it is no JSON to be accepted: {error}")))?;
    let items = list.get("revoked").and_then(Value::as_array);
    let items = items.ok_or_else(|| Unfit("it has no array `revoked`".to_owned()))?;
    if items.len() > MOST {
        return Err(Unfit(format!("it has more than {MOST} tokens")));
    }
    let mut ids = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let (id, expires) = match item {
            Value::Object(members) => (members.get("jti"), members.get("exp")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => (Some(item), None),
        };
        let id = id.and_then(Value::as_str).filter(|id| !id.is_empty() && id.len() <= LONGEST_ID);
        let id = id.ok_or_else(|| Unfit(format!("revoked[{index}] is no `jti`")))?;
        let expires =
            expires.map(|value| value.as_i64().ok_or_else(|| Unfit(format!("revoked[{index}].exp is no time"))));
        if expires.transpose()?.is_none_or(|expires| expires.saturating_add(SKEW) > now) {
            ids.insert(id.into());
        }
    }
    Ok(Fit::from(RevokedIds(ids)))
}

impl RevokedIds {
    /// Whether a token still stands.
    ///
    /// # Errors
    ///
    /// [`Cause::TokenRevoked`]; [`Cause::ClaimMissing`] or [`Cause::ClaimInvalid`] for a token without an id, as nobody
    /// could revoke it.
    pub fn judge(&self, claims: &ClaimSet) -> Result<(), Cause> {
        let id = claims.identifier("jti")?.ok_or(Cause::ClaimMissing)?;
        if self.0.contains(id) { Err(Cause::TokenRevoked) } else { Ok(()) }
    }
}
