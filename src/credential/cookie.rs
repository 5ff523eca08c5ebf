//! A token in a cookie (RFC 6265 §4.2), read strictly.
//!
//! Other cookies may be as they like; the one with the token must occur once, in one spelling, without quotes.

use super::lookalike::{folded, name_of};
use crate::http::{HeaderName, Headers, is_token_character};
use crate::refusal::Cause;

/// The header of all cookies.
pub(super) const HEADER: &str = "cookie";

/// The name of a cookie that carries the token.
#[derive(Clone, Debug)]
pub struct CookieName {
    written: String,
    folded: Vec<u8>,
    header: HeaderName,
}

impl CookieName {
    /// A name of token characters (RFC 6265 §4.1.1), 256 bytes at most.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = !text.is_empty() && text.len() <= 256 && text.bytes().all(is_token_character);
        let header = HeaderName::parse(HEADER)?;
        valid.then(|| Self { written: text.to_owned(), folded: folded(text.as_bytes()), header })
    }

    /// As it is configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether some server could take another name for this one.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    /// The header that it stands in.
    pub(super) fn header(&self) -> &HeaderName {
        &self.header
    }

    /// How often it occurs, in whichever spelling.
    #[must_use]
    pub fn occurrences(&self, headers: &Headers) -> usize {
        headers.all(HEADER).flat_map(pairs).filter(|(_, pair)| self.is_in(pair)).count()
    }

    /// The token in a request's cookies, if it is there.
    pub(super) fn token(&self, headers: &Headers) -> Result<Option<String>, Cause> {
        let mut found = None;
        for (first, pair) in headers.all(HEADER).flat_map(pairs).filter(|(_, pair)| self.is_in(pair)) {
            // Between two cookies there is a semicolon and a space.
            let pair = if first { Some(pair) } else { pair.strip_prefix(b" ") };
            let value = pair.and_then(|pair| pair.strip_prefix(self.written.as_bytes())?.strip_prefix(b"="));
            let value = value.and_then(|value| std::str::from_utf8(value).ok()).ok_or(Cause::CredentialMalformed)?;
            // Whom a browser's second cookie belongs to depends on its path and its age, which are not sent.
            if found.replace(super::token(value)?).is_some() {
                return Err(Cause::CredentialMalformed);
            }
        }
        Ok(found)
    }

    /// Whether a pair has this name, or one that some server takes for it. For a few a comma ends a cookie, too.
    fn is_in(&self, pair: &[u8]) -> bool {
        pair.split(|byte| *byte == b',').any(|part| folded(name_of(part)) == self.folded)
    }
}

/// The cookies of one header, each with whether it is the first.
fn pairs(header: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    header.split(|byte| *byte == b';').enumerate().map(|(index, pair)| (index == 0, pair))
}

/// The cookies of a request without those of these names: nothing where none of them is there, and nothing inside of
/// that where no cookie is left, or the rest is no text that could be written.
pub(super) fn without(names: &[CookieName], headers: &Headers) -> Option<Option<String>> {
    let is_token = |pair: &[u8]| names.iter().any(|name| name.is_in(pair));
    let all: Vec<&[u8]> = headers.all(HEADER).flat_map(pairs).map(|(_, pair)| pair).collect();
    let rest: Vec<&[u8]> = all.iter().copied().filter(|pair| !is_token(pair)).collect();
    (rest.len() < all.len()).then(|| {
        let rest: Vec<&[u8]> = rest.into_iter().map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()).collect();
        String::from_utf8(rest.join(&b"; "[..])).ok().filter(|rest| !rest.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> Headers {
        Headers::from_pairs(values.iter().map(|value| (b"cookie".to_vec(), value.to_vec())).collect()).unwrap()
    }

    fn token(values: &[&[u8]]) -> Result<Option<String>, Cause> {
        CookieName::parse("__Host-token").unwrap().token(&headers(values))
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        for values in [
            &[&b"__Host-token=a.b"[..]][..],
            &[b"theme=dark; __Host-token=a.b; other=\xff\x01,;;=;"],
            &[b"theme=dark", b"__Host-token=a.b"],
        ] {
            assert_eq!(token(values).unwrap().as_deref(), Some("a.b"), "{values:?}");
        }
        for values in [&[][..], &[&b""[..]], &[b"token=a.b; __Host-tokens=a; x=__Host-token; __Secure-token=a"]] {
            assert_eq!(token(values), Ok(None), "{values:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            &b"__Host-token=a; __Host-token=a"[..],
            b"__Host-token=a; __host-token=b",
            b"__Host-token=a; %5F_Host-token=b",
            b"__Host-token=a; x=y,__Host-token=b",
            b"__Host-token=a; __Host-token",
            b"__Host-token=\"a\"",
            b"\"__Host-token\"=a",
            b"__HOST-TOKEN=a",
            b"__Host-token =a",
            b"__Host-token= a",
            b"a=b;__Host-token=a",
            b"a=b;  __Host-token=a",
            b" __Host-token=a",
            b"__Host-token=",
            b"__Host-token",
            b"__Host-token=a b",
            b"__Host-token=a=b,c",
            b"__Host-token=\xff",
        ] {
            assert_eq!(token(&[text]), Err(Cause::CredentialMalformed), "{}", text.escape_ascii());
        }
        assert_eq!(token(&[b"__Host-token=a", b"__Host-token=b"]), Err(Cause::CredentialMalformed));
    }

    #[test]
    fn the_other_cookies_stay() {
        let names = [CookieName::parse("token").unwrap()];
        let without = |values: &[&[u8]]| without(&names, &headers(values));
        assert_eq!(without(&[b"a=b; c=d"]), None);
        assert_eq!(without(&[b"a=b; token=x;c=d;TOKEN=y", b"e=f; x,token=z"]), Some(Some("a=b; c=d; e=f".to_owned())));
        assert_eq!(without(&[b"token=x"]), Some(None));
        assert_eq!(without(&[b"token=x; a=\xff"]), Some(None));
    }
}
