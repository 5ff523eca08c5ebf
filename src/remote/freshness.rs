//! How long a document is fresh, by what came with it.

use std::time::Duration;

use super::Spec;

/// The time that a document is fresh: by its own word, else by `Cache-Control`, and within the bounds of the spec in any
/// case: a mistake of the server must neither wear it out nor make its keys eternal.
pub(super) fn lifetime(spec: &Spec, headers: &[(String, Vec<u8>)], own: Option<Duration>) -> Duration {
    let asked = own.or_else(|| cache_control(headers)).unwrap_or(spec.cache_duration);
    asked.max(spec.shortest).min(spec.cache_duration)
}

/// What `Cache-Control` and `Age` leave of the time (RFC 9111 §4.2); nothing where they say nothing. A directive that
/// cannot be read, or is given twice, leaves no time at all (§4.2.1).
fn cache_control(headers: &[(String, Vec<u8>)]) -> Option<Duration> {
    let mut max_age: Option<u64> = None;
    for directive in values(headers, "cache-control").flat_map(|value| value.split(',')) {
        let (name, argument) = match directive.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (directive, None),
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "no-cache" | "no-store" => return Some(Duration::ZERO),
            "max-age" => {
                let seconds = argument.and_then(|argument| seconds(argument.trim())).unwrap_or(0);
                max_age = Some(max_age.map_or(seconds, |other| other.min(seconds)));
            }
            _ => {}
        }
    }
    let age = values(headers, "age").filter_map(|value| seconds(value.trim())).max().unwrap_or(0);
    max_age.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

/// `delta-seconds` (RFC 9111 §1.2.2), also where it is quoted. A number too large to be held is as good as for ever.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::from(u32::MAX)))
}

/// The values of a header that are text.
pub(super) fn values<'a>(headers: &'a [(String, Vec<u8>)], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = headers.iter().filter(move |(each, _)| each.eq_ignore_ascii_case(name));
    named.filter_map(|(_, value)| std::str::from_utf8(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Endpoint;
    use crate::remote::Origin;

    fn seconds_of(headers: &[(&str, &str)], own: Option<u64>) -> u64 {
        let origin = Origin::Direct(Endpoint::parse("https://idp.example.com/jwks", "idp").unwrap());
        let spec = Spec::key_set("keys".to_owned(), origin);
        let headers: Vec<(String, Vec<u8>)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        lifetime(&spec, &headers, own.map(Duration::from_secs)).as_secs()
    }

    #[test]
    fn cache_control_is_honoured_within_bounds() {
        assert_eq!(seconds_of(&[], None), 600);
        assert_eq!(seconds_of(&[("Cache-Control", "public, Max-Age=120")], None), 120);
        assert_eq!(seconds_of(&[("cache-control", "max-age=\"120\"")], None), 120);
        assert_eq!(seconds_of(&[("cache-control", "max-age=86400")], None), 600);
        assert_eq!(seconds_of(&[("cache-control", "max-age=99999999999999999999999")], None), 600);
        assert_eq!(seconds_of(&[("cache-control", "max-age=5")], None), 30);
        assert_eq!(seconds_of(&[("cache-control", "max-age=120"), ("age", "50")], None), 70);
        assert_eq!(seconds_of(&[("cache-control", "max-age=120"), ("age", "500")], None), 30);
        assert_eq!(seconds_of(&[("cache-control", "private")], None), 600);
    }

    #[test]
    fn what_is_not_to_be_kept_is_kept_for_the_shortest_time() {
        for value in
            ["no-store", "no-cache", "max-age=300, NO-STORE", "max-age", "max-age=-1", "max-age=1h", "max-age="]
        {
            assert_eq!(seconds_of(&[("cache-control", value)], None), 30, "{value}");
        }
        assert_eq!(seconds_of(&[("cache-control", "max-age=300"), ("cache-control", "max-age=40")], None), 40);
    }

    #[test]
    fn a_document_s_own_word_goes_first() {
        assert_eq!(seconds_of(&[("cache-control", "max-age=300")], Some(60)), 60);
        assert_eq!(seconds_of(&[], Some(1)), 30);
        assert_eq!(seconds_of(&[], Some(u64::MAX)), 600);
    }
}
