//! The URL that a proof is for: `htu`, and the one that a request is sent to.
//!
//! Both are brought into one form and compared (RFC 9449 §4.3, RFC 3986 §6.2). Without regard to spelling are: the case of
//! scheme and host, a dot at the host's end, the default port, the digits of an IPv6 address, percent-encoding of what
//! needs none, the case of its hexadecimal digits, and `/` for an empty path. Query and fragment are ignored. A slash at
//! the path's end is no matter of spelling: `/a/` is another path than `/a`. A host with letters beyond ASCII has to be
//! written as DNS does (`xn--…`), as user agents do; nothing is translated here. User information, dot segments and an
//! encoded `/` are in no request that gets this far, so a proof with one of them is for something else.

use std::net::Ipv6Addr;

use percent_encoding::percent_decode;

use crate::http::CanonicalPath;

/// Scheme, host and port, in one form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// The text is not an origin such as `https://api.example.com`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MalformedOrigin;

/// A URL as a request or a proof names it, without its query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    origin: Origin,
    /// Decoded once. No segment contains a `/`, so the text is unambiguous.
    path: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// Reads a scheme, a host and maybe a port; nothing may follow but one `/`.
    ///
    /// # Errors
    ///
    /// [`MalformedOrigin`].
    pub fn parse(text: &str) -> Result<Self, MalformedOrigin> {
        let (origin, rest) = Self::split(text).ok_or(MalformedOrigin)?;
        if matches!(rest, "" | "/") { Ok(origin) } else { Err(MalformedOrigin) }
    }

    /// The origin at the beginning of a URL, and what follows it.
    fn split(url: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = [Scheme::Http, Scheme::Https].into_iter().find(|each| each.name().eq_ignore_ascii_case(scheme))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        Some((Self::of(scheme, authority)?, rest))
    }

    /// Where a request is sent that names its host only. Whoever ends TLS in front of the filter, clients speak `https`.
    fn of_authority(authority: &[u8]) -> Option<Self> {
        Self::of(Scheme::Https, std::str::from_utf8(authority).ok()?)
    }

    fn of(scheme: Scheme, authority: &str) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (format!("[{address}]"), if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => {
                let (host, port) = match authority.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (authority, None),
                };
                let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
                if host.is_empty() || !host.bytes().all(known) {
                    return None;
                }
                (host, port)
            }
        };
        let port = match port {
            // RFC 3986 §6.2.3: a colon without a port is the default port.
            None | Some("") => scheme.port(),
            Some(digits) => {
                let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
                digits.parse().ok().filter(|_| canonical)?
            }
        };
        Some(Self { scheme, host, port })
    }
}

impl Target {
    /// What a proof names; nothing where that is no URL of any request.
    pub(super) fn of_proof(htu: &str) -> Option<Self> {
        if !htu.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (origin, rest) = Origin::split(htu)?;
        let path = rest.split(['?', '#']).next()?;
        // An encoded slash is no separator, but would look like one once it is decoded.
        if path.to_ascii_lowercase().contains("%2f") {
            return None;
        }
        let path = if path.is_empty() { "/".into() } else { percent_decode(path.as_bytes()).decode_utf8().ok()? };
        Some(Self { origin, path: path.into_owned() })
    }

    /// What a request is sent to: the public origin where there is one, otherwise the host that it names.
    pub(super) fn of_request(public: Option<&Origin>, authority: &[u8], path: &CanonicalPath) -> Option<Self> {
        let origin = match public {
            Some(origin) => origin.clone(),
            None => Origin::of_authority(authority)?,
        };
        Some(Self { origin, path: path.as_str().to_owned() })
    }

    /// The URL in its one form.
    pub(super) fn text(&self) -> String {
        let Self { origin: Origin { scheme, host, port }, path } = self;
        format!("{}://{host}:{port}{path}", scheme.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(authority: &str, path: &str) -> Option<Target> {
        let (path, _) = CanonicalPath::parse(path.as_bytes()).unwrap();
        Target::of_request(None, authority.as_bytes(), &path)
    }

    fn is_for(htu: &str, authority: &str, path: &str) -> bool {
        Target::of_proof(htu) == Some(request(authority, path).unwrap())
    }

    #[test]
    fn h3_spellings_of_one_url_are_one() {
        for htu in [
            "https://api.example.com/payments/7",
            "HTTPS://api.example.com/payments/7",
            "https://API.Example.COM/payments/7",
            "https://api.example.com./payments/7",
            "https://api.example.com:443/payments/7",
            "https://api.example.com:/payments/7",
            "https://api.example.com/payments/7?a=b",
            "https://api.example.com/payments/7#part",
            "https://api.example.com/payments/7?a=/b#c",
            "https://api.example.com/p%61yments/%37",
        ] {
            for authority in ["api.example.com", "API.example.com:443", "api.example.com."] {
                assert!(is_for(htu, authority, "/payments/7"), "{htu} {authority}");
            }
        }
        for htu in ["https://h", "https://h/", "https://h?q", "https://h#f"] {
            assert!(is_for(htu, "h", "/"), "{htu}");
        }
        assert!(is_for("https://h/caf%c3%a9", "h", "/caf%C3%A9"));
        assert!(is_for("https://h/a%20b", "h", "/a%20b"));
        assert!(is_for("https://h:8443/a", "h:8443", "/a"));
        assert!(is_for("https://[0:0:0:0:0:0:0:1]:8443/a", "[::1]:8443", "/a"));
        assert!(is_for("https://[2001:DB8::A]/a", "[2001:db8::a]", "/a"));
        assert!(is_for("https://XN--BCHER-KVA.example/a", "xn--bcher-kva.example", "/a"));
    }

    #[test]
    fn h3_other_urls_are_others() {
        for htu in [
            "http://api.example.com/payments/7",
            "https://api.example.org/payments/7",
            "https://api.example.com.evil.example/payments/7",
            "https://api.example.com:444/payments/7",
            "https://api.example.com:0443/payments/7",
            "https://api.example.com:+443/payments/7",
            "https://api.example.com:65979/payments/7",
            "https://api.example.com/payments/7/",
            "https://api.example.com//payments/7",
            "https://api.example.com/payments/8",
            "https://api.example.com/Payments/7",
            "https://api.example.com/payments",
            "https://api.example.com/x/../payments/7",
            "https://api.example.com/./payments/7",
            "https://api.example.com/payments%2f7",
            "https://api.example.com/payments%2F7",
            "https://api.example.com/payments%252f7",
            "https://api.example.com/payments\\7",
            "https://api.example.com/payments/7;v=1",
            "https://api.example.com/payments/7%00",
            "https://api.example.com/payments/%EF%BC%97",
            "https://user@api.example.com/payments/7",
            "https://api.example.com@evil.example/payments/7",
            "https://evil.example@api.example.com/payments/7",
            "https://api%2eexample.com/payments/7",
            "https://\u{430}pi.example.com/payments/7",
            "https://api.example.com:443:443/payments/7",
            "https:/api.example.com/payments/7",
            "//api.example.com/payments/7",
            "/payments/7",
            "api.example.com/payments/7",
            "https:///payments/7",
            "https://./payments/7",
            "wss://api.example.com/payments/7",
            " https://api.example.com/payments/7",
            "https://api.example.com/payments/7 ",
            "https://api.example.com/payments/7\n",
            "",
        ] {
            assert!(!is_for(htu, "api.example.com", "/payments/7"), "{htu}");
        }
        assert!(!is_for("https://[::1", "[::1]", "/"));
        assert!(!is_for("https://[::1]x/", "[::1]", "/"));
        assert!(!is_for("https://[::2]/", "[::1]", "/"));
        assert!(!is_for("https://h/%ff", "h", "/"));
    }

    #[test]
    fn h3_a_public_origin_counts_instead_of_the_host_that_a_request_names() {
        let public = Origin::parse("https://API.example.com:443/").unwrap();
        let (path, _) = CanonicalPath::parse(b"/a").unwrap();
        let target = Target::of_request(Some(&public), b"10.0.0.7:8080", &path);
        assert_eq!(target, Target::of_proof("https://api.example.com/a"));
        assert_eq!(target.unwrap().text(), "https://api.example.com:443/a");
        let plain = Origin::parse("http://localhost:8080").unwrap();
        let target = Target::of_request(Some(&plain), b"api.example.com", &path);
        assert_eq!(target, Target::of_proof("http://localhost:8080/a"));
    }

    #[test]
    fn an_origin_has_no_path() {
        for text in ["https://h", "https://h/", "http://h:8080", "https://[::1]"] {
            assert!(Origin::parse(text).is_ok(), "{text}");
        }
        for text in ["", "h", "https://", "https://h/api", "https://h?", "https://h#", "https://u@h", "ftp://h"] {
            assert_eq!(Origin::parse(text), Err(MalformedOrigin), "{text}");
        }
    }
}
