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
        if jwk.get("kty").is_some_and(|kind| kind == "oct") {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;

    /// The public key of RFC 8037 §A.2.
    const ED25519: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    /// The public key of RFC 7515 §A.3.1.
    const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

    fn set(keys: &[String]) -> String {
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    fn key(id: &str, members: &str) -> String {
        format!(r#"{{"kid":"{id}",{members}}}"#)
    }

    fn read(document: &str) -> Result<Fit<KeySet>, Unfit> {
        key_set(document.as_bytes(), 0)
    }

    #[test]
    fn a_set_of_keys_is_read() {
        let fit = read(&set(&[key("a", ED25519), key("b", P256)])).unwrap();
        assert_eq!(fit.document.len(), 2);
        assert!(fit.remarks.is_empty());
        assert_eq!(fit.document.candidates(Some("a"), Algorithm::EdDsa).count(), 1);
        assert_eq!(fit.document.candidates(Some("b"), Algorithm::EdDsa).count(), 0);
    }

    #[test]
    fn one_odd_key_does_not_lose_the_set() {
        for odd in [
            "null",
            "7",
            "{}",
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-999"}"#,
            r#"{"kty":"AKP","alg":"ML-DSA-44"}"#,
            r#"{"kty":7}"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQ"}"#,
        ] {
            let fit = read(&set(&[odd.to_owned(), key("a", ED25519)])).unwrap();
            assert_eq!(fit.document.len(), 1, "{odd}");
        }
        let other = format!(r#"{{"use":"enc",{P256}}}"#);
        assert_eq!(read(&set(&[other, key("a", ED25519)])).unwrap().document.len(), 1);
    }

    #[test]
    fn d7_private_and_symmetric_keys_are_left_out() {
        let secret = r#""kty":"oct","k":"GawgguFyGrWKav7AX4VKUgGawgguFyGrWKav7AX4VKUg""#;
        let private = format!(r#"{ED25519},"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#);
        let hidden = format!(r#"{ED25519},"k":"AA""#);
        for bad in [secret, &private, &hidden] {
            let fit = read(&set(&[key("bad", bad), key("good", P256)])).unwrap();
            assert_eq!(fit.document.len(), 1);
            assert_eq!(fit.document.candidates(Some("bad"), Algorithm::Hs256).count(), 0);
            assert_eq!(fit.document.candidates(Some("bad"), Algorithm::EdDsa).count(), 0);
            assert_eq!(fit.remarks.len(), 1);
            assert!(!fit.remarks[0].contains("bad"), "a remark shows nothing of the document");
            assert!(read(&set(&[key("bad", bad)])).is_err(), "alone, it is no set at all");
        }
    }

    #[test]
    fn d3_a_set_without_a_key_to_verify_with_is_unfit() {
        for document in
            ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html></html>", "null"]
        {
            assert!(read(document).is_err(), "{document}");
        }
        assert!(read(&set(&[format!(r#"{{"use":"enc",{P256}}}"#)])).is_err());
    }

    #[test]
    fn d2_a_set_of_too_many_keys_is_unfit() {
        let many = |count: usize| -> Vec<String> { (0..count).map(|id| key(&id.to_string(), ED25519)).collect() };
        assert_eq!(read(&set(&many(100))).unwrap().document.len(), 100);
        assert!(read(&set(&many(101))).is_err());
        assert!(read(&set(&vec!["null".to_owned(); 10_000])).is_err());
        let deep = format!(r#"{{"keys":[{}],"x":{}}}"#, key("a", ED25519), "[".repeat(100_000));
        assert!(read(&deep).is_err());
    }

    #[test]
    fn two_keys_of_one_kid_make_a_set_unfit() {
        assert!(read(&set(&[key("a", ED25519), key("a", P256)])).is_err());
        // A key that is for something else has no say.
        let other = format!(r#"{{"kid":"a","use":"enc",{P256}}}"#);
        assert!(read(&set(&[key("a", ED25519), other])).is_ok());
        let twice = format!(r#"{{"kid":"a","kid":"b",{P256}}}"#);
        assert!(read(&set(&[twice])).is_err(), "a member that occurs twice");
    }
}
