//! A token in the query (RFC 6750 §2.3).
//!
//! Queries end up in logs, histories and `referer`; there are clients that can do no better, such as a browser that opens
//! a WebSocket.

use percent_encoding::{AsciiSet, percent_encode};

use super::lookalike::{folded, name_of};
use crate::http::{Query, decode};
use crate::refusal::Cause;

/// The name of a parameter that carries the token.
#[derive(Clone, Debug)]
pub struct ParameterName {
    written: String,
    folded: Vec<u8>,
}

/// What a target has beyond ASCII is percent-encoded when it is written again, which means the same.
const BEYOND_ASCII: &AsciiSet = &AsciiSet::EMPTY;

impl ParameterName {
    /// A name that needs no percent-encoding (RFC 3986 §2.3), 256 bytes at most.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let valid = !text.is_empty() && text.len() <= 256 && text.bytes().all(unreserved);
        valid.then(|| Self { written: text.to_owned(), folded: folded(text.as_bytes()) })
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

    /// How often it occurs, in whichever spelling.
    #[must_use]
    pub fn occurrences(&self, query: Query<'_>) -> usize {
        pairs(query.as_bytes()).filter(|pair| self.is_in(pair)).count()
    }

    /// The token in a query, if it is there.
    pub(super) fn token(&self, query: Query<'_>) -> Result<Option<String>, Cause> {
        let mut found = None;
        for pair in pairs(query.as_bytes()).filter(|pair| self.is_in(pair)) {
            let value = pair.strip_prefix(self.written.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            let value = value.and_then(|value| decode(value).ok()).ok_or(Cause::CredentialMalformed)?;
            if found.replace(super::token(&value)?).is_some() {
                return Err(Cause::CredentialMalformed);
            }
        }
        Ok(found)
    }

    /// Whether a pair has this name, or one that some server takes for it. For a few a semicolon ends a pair, too.
    fn is_in(&self, pair: &[u8]) -> bool {
        pair.split(|byte| *byte == b';').any(|part| folded(name_of(part)) == self.folded)
    }
}

fn pairs(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|byte| *byte == b'&')
}

/// A request target without the parameters of these names; nothing where none of them is there. The path stays byte by
/// byte what was decided about.
pub(super) fn without(names: &[ParameterName], target: &[u8]) -> Option<String> {
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    let (path, query) = (parts.next()?, parts.next()?);
    let all = pairs(query).count();
    let rest: Vec<&[u8]> = pairs(query).filter(|pair| !names.iter().any(|name| name.is_in(pair))).collect();
    (rest.len() < all).then(|| {
        let query = rest.join(&b"&"[..]);
        let target = if query.is_empty() { path.to_vec() } else { [path, &query].join(&b"?"[..]) };
        percent_encode(&target, BEYOND_ASCII).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(query: &str) -> Result<Option<String>, Cause> {
        ParameterName::parse("access_token").unwrap().token(Query::new(Some(query.as_bytes())))
    }

    #[test]
    fn the_token_is_found_among_other_parameters() {
        for query in ["access_token=a.b", "x=1&access_token=a.b&y", "&&access_token=a%2Eb"] {
            assert_eq!(token(query).unwrap().as_deref(), Some("a.b"), "{query}");
        }
        for query in ["", "x=access_token", "token=a", "access_token2=a", "access-token=a"] {
            assert_eq!(token(query), Ok(None), "{query}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for query in [
            "access_token=a&access_token=a",
            "access_token=a&Access_Token=b",
            "access_token=a&access%5Ftoken=b",
            "access_token=a&access.token=b",
            "access_token=a&x=1;access_token=b",
            "access_token=a;x=1",
            "access%5Ftoken=a",
            "access_token",
            "access_token=",
            "access_token=a+b",
            "access_token=a%20b",
            "access_token=%ff",
            "access_token=a%00",
        ] {
            assert_eq!(token(query), Err(Cause::CredentialMalformed), "{query}");
        }
    }

    #[test]
    fn the_rest_of_the_target_stays() {
        let names = [ParameterName::parse("access_token").unwrap()];
        let without = |target: &[u8]| without(&names, target);
        assert_eq!(without(b"/a%20b"), None);
        assert_eq!(without(b"/a?b=c"), None);
        assert_eq!(without(b"/a%20b?access_token=x").as_deref(), Some("/a%20b"));
        assert_eq!(without(b"/a?b=%2F&access_token=x&c=?&ACCESS_TOKEN=y").as_deref(), Some("/a?b=%2F&c=?"));
        assert_eq!(without(b"/a?b=\xc3\xa4&access_token=x").as_deref(), Some("/a?b=%C3%A4"));
        assert_eq!(without(b"/a?access_token").as_deref(), Some("/a"));
    }
}
