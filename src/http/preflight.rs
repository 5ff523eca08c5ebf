//! What a browser asks before a request of a stranger's page (Fetch §3.2.2).

use super::{RequestHead, is_token_character};

/// The method that a CORS-preflight request asks for; nothing where a request is none.
///
/// It is an `OPTIONS` without a body, with one `origin` and one `access-control-request-method`. Whatever is anything
/// else goes by its own method, since somebody may serve it.
#[must_use]
pub fn preflight(head: &RequestHead, end_of_stream: bool) -> Option<&str> {
    let single = |name: &'static str| head.headers.text(name).filter(|text| !text.is_empty());
    if head.method != "OPTIONS" || !end_of_stream {
        return None;
    }
    // Envoy joins repeated headers by commas, and no origin has one.
    let is_origin = |origin: &&str| origin.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    single("origin").filter(is_origin)?;
    single("access-control-request-method").filter(|method| method.bytes().all(is_token_character))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: (&str, &str) = ("origin", "https://app.example.com");
    const METHOD: (&str, &str) = ("access-control-request-method", "PUT");

    fn asks(method: &str, headers: &[(&str, &str)], end_of_stream: bool) -> Option<String> {
        let pairs =
            [(":method", method), (":path", "/a"), (":authority", "a")].into_iter().chain(headers.iter().copied());
        let pairs = pairs.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        preflight(&RequestHead::from_pairs(pairs.collect()).unwrap(), end_of_stream).map(str::to_owned)
    }

    #[test]
    fn a_preflight_has_an_origin_and_a_method_and_no_body() {
        assert_eq!(asks("OPTIONS", &[ORIGIN, METHOD], true).as_deref(), Some("PUT"));
        assert_eq!(asks("OPTIONS", &[ORIGIN, METHOD], false), None);
        assert_eq!(asks("options", &[ORIGIN, METHOD], true), None);
        assert_eq!(asks("PUT", &[ORIGIN, METHOD], true), None);
        for headers in [
            &[ORIGIN][..],
            &[METHOD],
            &[ORIGIN, ORIGIN, METHOD],
            &[ORIGIN, METHOD, METHOD],
            &[ORIGIN, ("access-control-request-method", "PUT, GET")],
            &[ORIGIN, ("access-control-request-method", "")],
            &[("origin", ""), METHOD],
            &[("origin", "a b"), METHOD],
            &[("origin", "https://a.example.com,https://b.example.com"), METHOD],
        ] {
            assert_eq!(asks("OPTIONS", headers, true), None, "{headers:?}");
        }
    }
}
