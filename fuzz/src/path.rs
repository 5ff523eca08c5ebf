//! Canonical paths, and queries.
//!
//! A path is accepted exactly where the oracle finds it canonical, with the same text; what was accepted can be written
//! again and stays what it is. The oracle reads character by character and asks no library but for Unicode's tables.

use std::str;

use cedar_gate::http::{CanonicalPath, Query};
use unicode_normalization::UnicodeNormalization;

/// Characters that stand for themselves in a path (RFC 3986 §3.3), without `;`.
const PLAIN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@";

/// The first of [`PLAIN`] that are never encoded (RFC 3986 §2.3).
const UNRESERVED: usize = 66;

/// Reads a request target, and says whether it is accepted.
pub fn check(target: &[u8]) -> bool {
    let expected = canonical(target);
    match (CanonicalPath::parse(target), expected) {
        (Ok((path, query)), Some((decoded, raw_query))) => {
            assert_eq!(path.as_str(), decoded, "the path is read as another one");
            assert_eq!(query, raw_query, "the query is another one");
            check_form(&path);
            check_query(query);
            true
        }
        (Err(_), None) => false,
        (Ok((path, _)), None) => panic!("{path:?} is not canonical, and is accepted"),
        (Err(_), Some((decoded, _))) => panic!("{decoded:?} is canonical, and is refused"),
    }
}

/// What an accepted path looks like, whatever the oracle says.
fn check_form(path: &CanonicalPath) {
    let segments: Vec<&str> = path.as_str().split('/').collect();
    let (first, rest) = segments.split_first().expect("a split yields something");
    assert!(first.is_empty() && !rest.is_empty(), "it does not begin with a slash");
    for (index, segment) in rest.iter().enumerate() {
        assert!(!segment.is_empty() || index + 1 == rest.len(), "an empty segment");
        assert!(*segment != "." && *segment != "..", "a dot segment");
        assert!(!segment.contains(['\\', '%', ';', '?', '#']), "a character with a second meaning");
        assert!(!segment.chars().any(char::is_control), "a control character");
    }
    let written: String = path.as_str().split('/').map(written).collect::<Vec<_>>().join("/");
    let again = CanonicalPath::parse(written.as_bytes()).map(|(path, query)| (path, query.is_some()));
    assert_eq!(again, Ok((path.clone(), false)), "written again, it is another path");
}

/// A segment in one spelling: everything encoded that may be.
fn written(segment: &str) -> String {
    let byte = |byte: &u8| match PLAIN[..UNRESERVED].contains(char::from(*byte)) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    segment.as_bytes().iter().map(byte).collect()
}

/// The decoded path and the raw query of a canonical target.
fn canonical(target: &[u8]) -> Option<(String, Option<&[u8]>)> {
    if target.contains(&b'#') {
        return None;
    }
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    };
    let text = str::from_utf8(path).ok().filter(|path| path.starts_with('/'))?;
    let segments: Vec<&str> = text.split('/').skip(1).collect();
    let mut decoded = String::new();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        if segment.is_empty() && !last {
            return None;
        }
        let mut bytes = Vec::new();
        let mut rest = *segment;
        while let Some(character) = rest.chars().next() {
            if character == '%' {
                let meant = u8::from_str_radix(rest.get(1..3).filter(|digits| !digits.contains('+'))?, 16).ok()?;
                if PLAIN[..UNRESERVED].contains(char::from(meant)) || "/\\%;?#".contains(char::from(meant)) {
                    return None;
                }
                bytes.push(meant);
                rest = &rest[3..];
            } else if PLAIN.contains(character) {
                bytes.extend(character.to_string().bytes());
                rest = &rest[1..];
            } else {
                return None;
            }
        }
        let segment = String::from_utf8(bytes).ok()?;
        let compatible: String = segment.nfkc().collect();
        if segment == "." || segment == ".." || segment.chars().any(char::is_control) || compatible != segment {
            return None;
        }
        decoded.push('/');
        decoded.push_str(&segment);
    }
    Some((decoded, query))
}

/// A declared parameter is read as by a form decoder that is told nothing else: once, or not at all.
fn check_query(raw: Option<&[u8]>) {
    for name in ["limit", "_method", "a b", ""] {
        let named = |pair: &&[u8]| form_decoded(sides(pair).0).is_some_and(|decoded| decoded == name);
        let values: Vec<Option<String>> = raw
            .unwrap_or_default()
            .split(|byte| *byte == b'&')
            .filter(named)
            .map(|pair| form_decoded(sides(pair).1))
            .collect();
        let expected = match values.as_slice() {
            [] => Ok(None),
            [Some(value)] => Ok(Some(value.clone())),
            _ => Err(()),
        };
        assert_eq!(Query::new(raw).single(name).map_err(drop), expected, "the parameter {name:?}");
    }
}

fn sides(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(equals) => (&pair[..equals], &pair[equals + 1..]),
        None => (pair, &[]),
    }
}

/// `application/x-www-form-urlencoded`: a percent sign that encodes nothing stands for itself.
fn form_decoded(text: &[u8]) -> Option<String> {
    let mut decoded = Vec::new();
    let mut index = 0;
    while let Some(byte) = text.get(index) {
        let digits = text.get(index + 1..index + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match (byte, digits) {
            (b'%', Some(digits)) => {
                let digits = str::from_utf8(digits).expect("digits are ASCII");
                decoded.push(u8::from_str_radix(digits, 16).expect("digits are hexadecimal"));
                index += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (other, _) => decoded.push(*other),
        }
        index += 1;
    }
    String::from_utf8(decoded).ok()
}
