//! Sets of keys that come over the network.

use super::{Fit, Unfit};
use crate::jose::{Judgement, KeySet, judge};
use crate::json::{Bounds, parse_object};

/// More keys than any issuer has at one time.
const MOST_KEYS: usize = 100;
/// A set is an object of an array of objects, which may have arrays of certificates; some issuers add their own members.
const BOUNDS: Bounds = Bounds { depth: 8, values: 8192 };

/// Reads a set of keys (RFC 7517 §5). One key that cannot be used does not lose the set: it is left out, as the RFC wants
/// it. Shared secrets and private keys are left out as well; who publishes them has lost them.
///
/// # Errors
///
/// [`Unfit`]: no such set, more than 100 keys, none to verify with, or two of one `kid`.
pub fn key_set(document: &[u8], _now: i64) -> Result<Fit<KeySet>, Unfit> {
    let set =
        parse_object(document, BOUNDS).map_err(|error| Unfit(format!("it is no JSON to be accepted: {error}")))?;
    let list = set.get("keys").and_then(|keys| keys.as_array());
    let list = list.ok_or_else(|| Unfit("it has no array `keys`".to_owned()))?;
    if list.len() > MOST_KEYS {
        return Err(Unfit(format!("it has more than {MOST_KEYS} keys")));
    }
    let mut keys = Vec::new();
    let mut remarks = Vec::new();
    for (index, jwk) in list.iter().enumerate() {
        let Some(jwk) = jwk.as_object() else {
            remarks.push(format!("keys[{index}] is left out: it is not an object"));
            continue;
        };
        if jwk.contains_key("k") || jwk.get("kty").is_some_and(|kind| kind == "oct") {
            remarks.push(format!("keys[{index}] is left out: a shared secret must not be published"));
            continue;
        }
        match judge(jwk) {
            Ok(Judgement::Usable(key)) => keys.push(*key),
            Ok(Judgement::ForSomethingElse(_)) => {}
            Err(unusable) => remarks.push(format!("keys[{index}] is left out: {unusable}")),
        }
    }
    if keys.is_empty() {
        return Err(Unfit("it has no key to verify signatures with".to_owned()));
    }
    let keys = KeySet::new(keys).map_err(|_| Unfit("a `kid` occurs twice in it".to_owned()))?;
    Ok(Fit { remarks, ..Fit::from(keys) })
}
