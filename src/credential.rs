//! Where a request carries its credential. Exactly one is accepted, in exactly one form.

use crate::http::{HeaderName, Headers, Query, fold};
use crate::refusal::Cause;

/// A token as it was sent. Has no `Debug` that shows it.
pub struct Credential {
    token: String,
}

/// The places where a credential may stand.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Headers, each with the schemes that are accepted there; none means that the value is the token itself.
    pub headers: Vec<HeaderCredential>,
    /// The longest token, in bytes.
    pub longest: usize,
}

/// A header that may carry a credential.
#[derive(Clone, Debug)]
pub struct HeaderCredential {
    /// Its name.
    pub name: HeaderName,
    /// Accepted schemes, compared without case (RFC 9110 §11.1).
    pub schemes: Vec<String>,
}

impl Credential {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Credentials {
    /// Finds the one credential of a request.
    ///
    /// # Errors
    ///
    /// [`Cause::CredentialMissing`], [`Cause::CredentialMalformed`] (which includes several), [`Cause::TokenTooLarge`].
    pub fn extract(&self, headers: &Headers, query: Query<'_>) -> Result<Credential, Cause> {
        // A name in another spelling is the same name to somebody behind us; so a header that only looks like a place for
        // credentials is refused, whether or not the place itself is used.
        let other_spelling = headers.names().any(|name| {
            let folded = fold(name);
            self.names().any(|own| own.folded() == folded.as_ref() && own.as_str() != name)
        });
        if other_spelling {
            return Err(Cause::CredentialMalformed);
        }
        let mut found = None;
        for place in &self.headers {
            // A client that sends two leaves it to each server which one counts (RFC 6750 §2). Envoy joins repeated
            // `authorization` headers by commas; a comma is no part of a token either.
            let value = headers.single(place.name.as_str()).map_err(|_| Cause::CredentialMalformed)?;
            let Some(value) = value else { continue };
            let Some(token) = place.token(value)? else { continue };
            if found.replace(token).is_some() {
                return Err(Cause::CredentialMalformed);
            }
        }
        let token = found.ok_or(Cause::CredentialMissing)?;
        // RFC 6750 §2.3 is not offered as a place; together with a header it is a second credential all the same.
        if query.single("access_token").map_err(|_| Cause::CredentialMalformed)?.is_some() {
            return Err(Cause::CredentialMalformed);
        }
        if token.len() > self.longest {
            return Err(Cause::TokenTooLarge);
        }
        Ok(Credential { token })
    }

    /// Names of the headers that may carry a credential.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|place| &place.name)
    }
}

impl HeaderCredential {
    /// The token in a value; nothing where the value has another scheme.
    fn token(&self, value: &[u8]) -> Result<Option<String>, Cause> {
        let value = std::str::from_utf8(value).map_err(|_| Cause::CredentialMalformed)?;
        let token = if self.schemes.is_empty() {
            value
        } else {
            let (scheme, rest) = match value.split_once(' ') {
                Some((scheme, rest)) => (scheme, Some(rest)),
                None => (value, None),
            };
            if !self.schemes.iter().any(|accepted| accepted.eq_ignore_ascii_case(scheme)) {
                // `Bearer\ttoken`, and an empty value, are not another scheme but a malformed one.
                let is_scheme = !scheme.is_empty() && scheme.bytes().all(crate::http::is_token_character);
                return if is_scheme { Ok(None) } else { Err(Cause::CredentialMalformed) };
            }
            rest.ok_or(Cause::CredentialMalformed)?
        };
        let is_token = !token.is_empty() && token.bytes().all(is_token68_character);
        if is_token { Ok(Some(token.to_owned())) } else { Err(Cause::CredentialMalformed) }
    }
}

/// RFC 6750 §2.1, `b64token`.
fn is_token68_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(value: &[u8]) -> Result<String, Cause> {
        let places = Credentials {
            headers: vec![HeaderCredential {
                name: HeaderName::parse("authorization").unwrap(),
                schemes: vec!["Bearer".to_owned()],
            }],
            longest: 10,
        };
        let headers = Headers::from_pairs(vec![(b"authorization".to_vec(), value.to_vec())]).unwrap();
        places.extract(&headers, Query::new(None)).map(|credential| credential.token().to_owned())
    }

    #[test]
    fn the_scheme_has_no_case_and_one_space() {
        assert_eq!(extract(b"Bearer a.b.c").as_deref(), Ok("a.b.c"));
        assert_eq!(extract(b"bEARER a.b.c").as_deref(), Ok("a.b.c"));
        for malformed in
            [&b"Bearer"[..], b"Bearer ", b"Bearer  a", b"Bearer\ta", b"Bearer a b", b"Bearer a,Bearer b", b"", b"\xff"]
        {
            assert_eq!(extract(malformed), Err(Cause::CredentialMalformed), "{malformed:?}");
        }
        assert_eq!(extract(b"Basic dXNlcg=="), Err(Cause::CredentialMissing));
        assert_eq!(extract(b"Bearer 12345678901"), Err(Cause::TokenTooLarge));
    }
}
