//! What a token is bound to.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;

use crate::refusal::Cause;
use crate::token::Binding;

/// The bindings of a token: the members of `cnf` that are verified here. There are no others, or there is no
/// `Confirmation`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Confirmation {
    /// `jkt`: the thumbprint of a key (RFC 9449 §6.1).
    pub key: Option<[u8; 32]>,
    /// `x5t#S256`: the digest of a certificate (RFC 8705 §3.1).
    pub certificate: Option<[u8; 32]>,
}

impl Confirmation {
    /// Reads `cnf`; nothing where the token has none.
    ///
    /// RFC 7800 §3.1 leaves it to applications what becomes of members that are not understood; here they are refused,
    /// as each of them says that having the token is not enough.
    ///
    /// # Errors
    ///
    /// [`Cause::BindingUnverified`] for anything but an object with `jkt`, `x5t#S256` or both, each of them a SHA-256
    /// digest in strict base64url.
    pub fn of_claim(cnf: Option<&Value>) -> Result<Self, Cause> {
        let Some(cnf) = cnf else { return Ok(Self::default()) };
        let members = cnf.as_object().filter(|members| !members.is_empty()).ok_or(Cause::BindingUnverified)?;
        let mut confirmation = Self::default();
        for (name, value) in members {
            let place = match name.as_str() {
                "jkt" => &mut confirmation.key,
                "x5t#S256" => &mut confirmation.certificate,
                _ => return Err(Cause::BindingUnverified),
            };
            *place = Some(digest(value).ok_or(Cause::BindingUnverified)?);
        }
        Ok(confirmation)
    }

    /// The binding that there is once all of this is verified.
    pub(super) fn binding(&self) -> Binding {
        match (self.key, self.certificate) {
            (None, None) => Binding::None,
            (Some(_), None) => Binding::Dpop,
            (None, Some(_)) => Binding::Mtls,
            (Some(_), Some(_)) => Binding::DpopAndMtls,
        }
    }
}

/// 32 bytes as JOSE writes them: without padding, in the URL-safe alphabet, unused bits zero. The hexadecimal form and
/// SHA-1 have other lengths.
fn digest(value: &Value) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(value.as_str()?, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

    fn of(cnf: Value) -> Result<Confirmation, Cause> {
        Confirmation::of_claim(Some(&cnf))
    }

    #[test]
    fn both_bindings_may_be_demanded_together() {
        assert_eq!(Confirmation::of_claim(None), Ok(Confirmation::default()));
        let both = of(json!({"jkt": DIGEST, "x5t#S256": DIGEST})).unwrap();
        assert_eq!(both.key, both.certificate);
        assert_eq!(both.key.unwrap()[..3], [0x03, 0x80, 0xed]);
        assert_eq!(of(json!({"jkt": DIGEST})).unwrap().certificate, None);
        assert_eq!(of(json!({"x5t#S256": DIGEST})).unwrap().key, None);
    }

    #[test]
    fn c19_a_binding_that_nobody_verifies_is_refused() {
        let with = |name: &str, value: Value| json!({"jkt": DIGEST, name: value});
        for cnf in [
            json!({}),
            json!(null),
            json!([]),
            json!(DIGEST),
            json!(true),
            with("jwk", json!({"kty": "EC"})),
            with("jwe", json!("a.b.c.d.e")),
            with("kid", json!("a")),
            with("jku", json!("https://idp.example.com/keys")),
            with("x5t", json!("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761")),
            with("x5t#S512", json!(DIGEST)),
            with("osc", json!({})),
            with("JKT", json!(DIGEST)),
        ] {
            assert_eq!(of(cnf.clone()), Err(Cause::BindingUnverified), "{cnf}");
        }
    }

    #[test]
    fn g8_a_digest_has_one_spelling() {
        let hexadecimal = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
        for text in [
            hexadecimal,
            &format!("{DIGEST}="),
            // The same bytes with an unused bit set.
            "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v1",
            // Of SHA-1.
            "A4DtL2JmUMhAsvJj5tKyn64SqzmuX",
            "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0A",
            "",
        ] {
            for name in ["jkt", "x5t#S256"] {
                assert_eq!(of(json!({name: text})), Err(Cause::BindingUnverified), "{text}");
            }
        }
        assert_eq!(of(json!({"jkt": [DIGEST]})), Err(Cause::BindingUnverified));
        assert_eq!(of(json!({"jkt": null})), Err(Cause::BindingUnverified));
    }
}
