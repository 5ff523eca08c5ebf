//! Where a request carries its credential. Exactly one is accepted, in exactly one form.

mod cookie;
mod lookalike;
mod parameter;

pub use cookie::CookieName;
pub use parameter::ParameterName;

use std::collections::BTreeSet;

use crate::forward::HeaderPatch;
use crate::http::{HeaderName, Headers, Query, fold};
use crate::refusal::Cause;

/// A token as it was sent. Has no `Debug` that shows it.
pub struct Credential {
    token: String,
    scheme: Scheme,
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scheme {
    /// By itself (RFC 6750). So is a token in a place that names no scheme.
    Bearer,
    /// Beside a proof that its sender holds a key (RFC 9449 §7.1).
    Dpop,
}

/// The places where a credential may stand.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Headers, each with the schemes that are accepted there; none means that the value is the token itself.
    pub headers: Vec<HeaderCredential>,
    /// Cookies whose value is the token.
    pub cookies: Vec<CookieName>,
    /// Parameters of the query whose value is the token (RFC 6750 §2.3).
    pub parameters: Vec<ParameterName>,
    /// The longest token, in bytes.
    pub longest: usize,
}

/// A header that may carry a credential.
#[derive(Clone, Debug)]
pub struct HeaderCredential {
    /// Its name.
    pub name: HeaderName,
    /// Accepted schemes, compared without case (RFC 9110 §11.1).
    pub schemes: Vec<Scheme>,
}

/// The one credential of a request, once it is found.
#[derive(Default)]
struct Only(Option<Credential>);

/// The parameter by which RFC 6750 §2.3 puts a token into the query.
pub(crate) const ACCESS_TOKEN: &str = "access_token";

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Bearer, Self::Dpop];

    /// As the RFCs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// The scheme of a name in any case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }
}

impl Credential {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// How it was presented.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
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
        let mut only = Only::default();
        for place in &self.headers {
            // A client that sends two leaves it to each server which one counts (RFC 6750 §2). Envoy joins repeated
            // `authorization` headers by commas; a comma is no part of a token either.
            let value = headers.single(place.name.as_str()).map_err(|_| Cause::CredentialMalformed)?;
            let Some(value) = value else { continue };
            only.found(place.credential(value)?)?;
        }
        for name in &self.cookies {
            only.found(name.token(headers)?.map(Credential::bearer))?;
        }
        for name in &self.parameters {
            only.found(name.token(query)?.map(Credential::bearer))?;
        }
        let credential = only.0.ok_or(Cause::CredentialMissing)?;
        // Where RFC 6750 §2.3 is not offered as a place, it is a second credential all the same.
        let offered = self.parameters.iter().any(|name| name.as_str() == ACCESS_TOKEN);
        if !offered && query.single(ACCESS_TOKEN).map_err(|_| Cause::CredentialMalformed)?.is_some() {
            return Err(Cause::CredentialMalformed);
        }
        if credential.token.len() > self.longest { Err(Cause::TokenTooLarge) } else { Ok(credential) }
    }

    /// Names of the headers that may carry a credential.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let cookie = self.cookies.iter().map(CookieName::header).take(1);
        self.headers.iter().map(|place| &place.name).chain(cookie)
    }

    /// What takes every credential out of a request: headers as a whole and in every spelling, of the cookies and the
    /// query only what is one, or looks like one.
    #[must_use]
    pub fn removal(&self, headers: &Headers, target: &[u8]) -> HeaderPatch {
        let is_place = |name: &&str| self.headers.iter().any(|place| place.name.folded() == fold(name).as_ref());
        let present: BTreeSet<&str> = headers.names().filter(is_place).collect();
        let mut patch =
            HeaderPatch { remove: present.into_iter().map(str::to_owned).collect(), ..HeaderPatch::default() };
        if let Some(rest) = cookie::without(&self.cookies, headers) {
            patch.remove.push(cookie::HEADER.to_owned());
            patch.set.extend(rest.map(|rest| (cookie::HEADER.to_owned(), rest)));
        }
        patch.set.extend(parameter::without(&self.parameters, target).map(|target| (":path".to_owned(), target)));
        patch
    }
}

impl HeaderCredential {
    /// The credential in a value; nothing where the value has another scheme.
    fn credential(&self, value: &[u8]) -> Result<Option<Credential>, Cause> {
        let value = std::str::from_utf8(value).map_err(|_| Cause::CredentialMalformed)?;
        if self.schemes.is_empty() {
            return Ok(Some(Credential::bearer(token(value)?)));
        }
        let (scheme, rest) = match value.split_once(' ') {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => (value, None),
        };
        match Scheme::of_name(scheme).filter(|scheme| self.schemes.contains(scheme)) {
            Some(scheme) => {
                let token = token(rest.ok_or(Cause::CredentialMalformed)?)?;
                Ok(Some(Credential { token, scheme }))
            }
            None => {
                // `Bearer\ttoken`, and an empty value, are not another scheme but a malformed one.
                let is_scheme = !scheme.is_empty() && scheme.bytes().all(crate::http::is_token_character);
                if is_scheme { Ok(None) } else { Err(Cause::CredentialMalformed) }
            }
        }
    }
}

impl Credential {
    fn bearer(token: String) -> Self {
        Self { token, scheme: Scheme::Bearer }
    }
}

impl Only {
    /// Takes the credential of one more place. A second one is refused, whether or not it is the same token: the next
    /// server may read the other.
    fn found(&mut self, credential: Option<Credential>) -> Result<(), Cause> {
        match credential {
            Some(_) if self.0.is_some() => Err(Cause::CredentialMalformed),
            Some(credential) => {
                self.0 = Some(credential);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The characters of RFC 6750 §2.1, `b64token`. A table, because there are a thousand of them in a request.
static TOKEN68: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(
            clippy::indexing_slicing,
            clippy::as_conversions,
            reason = "at compile time, where a fault is an error"
        )]
        {
            table[byte as usize] =
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        }
        byte += 1;
    }
    table
};

/// A text that is a `b64token`.
fn token(text: &str) -> Result<String, Cause> {
    let is_token68 = |byte: u8| TOKEN68.get(usize::from(byte)).copied().unwrap_or_default();
    let is_token = !text.is_empty() && text.bytes().all(is_token68);
    if is_token { Ok(text.to_owned()) } else { Err(Cause::CredentialMalformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(schemes: &[Scheme]) -> Credentials {
        let name = HeaderName::parse("authorization").unwrap();
        Credentials {
            headers: vec![HeaderCredential { name, schemes: schemes.to_vec() }],
            cookies: vec![CookieName::parse("__Host-token").unwrap()],
            parameters: vec![ParameterName::parse("access_token").unwrap()],
            longest: 10,
        }
    }

    fn pairs(headers: &[(&str, &[u8])]) -> Headers {
        let pairs = headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
        Headers::from_pairs(pairs.collect()).unwrap()
    }

    fn extract(value: &[u8]) -> Result<String, Cause> {
        let headers = pairs(&[("authorization", value)]);
        places(&[Scheme::Bearer]).extract(&headers, Query::new(None)).map(|credential| credential.token().to_owned())
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
        assert_eq!(extract(b"DPoP a.b.c"), Err(Cause::CredentialMissing));
        assert_eq!(extract(b"Bearer 12345678901"), Err(Cause::TokenTooLarge));
    }

    #[test]
    fn a_credential_says_in_which_scheme_it_came() {
        let scheme = |value: &[u8]| {
            let headers = pairs(&[("authorization", value)]);
            places(&Scheme::ALL).extract(&headers, Query::new(None)).map(|credential| credential.scheme())
        };
        assert_eq!(scheme(b"Bearer a.b.c"), Ok(Scheme::Bearer));
        assert_eq!(scheme(b"dpop a.b.c"), Ok(Scheme::Dpop));
    }

    #[test]
    fn there_is_one_credential_over_all_places() {
        let header = ("authorization", &b"Bearer a.b"[..]);
        let cookie = ("cookie", &b"theme=dark; __Host-token=a.b"[..]);
        let extract = |headers: &[(&str, &[u8])], query: Option<&'static [u8]>| {
            let found = places(&[Scheme::Bearer]).extract(&pairs(headers), Query::new(query));
            found.map(|credential| credential.token().to_owned())
        };
        let query = Some(&b"access_token=a.b"[..]);
        for (headers, query) in [(vec![header], None), (vec![cookie], None), (vec![], query)] {
            assert_eq!(extract(&headers, query).as_deref(), Ok("a.b"));
        }
        for (headers, query) in [(vec![header, cookie], None), (vec![header], query), (vec![cookie], query)] {
            assert_eq!(extract(&headers, query), Err(Cause::CredentialMalformed));
        }
        assert_eq!(extract(&[("cookie", b"theme=dark")], None), Err(Cause::CredentialMissing));
    }

    #[test]
    fn what_is_removed_are_credentials_and_nothing_else() {
        let headers =
            pairs(&[("authorization", b"Bearer a"), ("accept", b"*/*"), ("cookie", b"a=b; __Host-token=x; c=d")]);
        let patch = places(&[Scheme::Bearer]).removal(&headers, b"/a?b=c&access_token=x&d");
        assert_eq!(patch.remove, ["authorization", "cookie"]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(patch.set, [pair("cookie", "a=b; c=d"), pair(":path", "/a?b=c&d")]);
        let nothing = places(&[Scheme::Bearer]).removal(&pairs(&[("cookie", b"a=b")]), b"/a?b=c");
        assert_eq!(nothing, HeaderPatch::default());
    }
}
