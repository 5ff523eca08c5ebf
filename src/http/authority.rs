//! The host that a request names.

/// A host in one form: lower case, without a trailing dot, without the port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority(String);

/// The authority has user information, a character that no host has, or a port that is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MalformedAuthority;

impl Authority {
    /// Reads `:authority` (RFC 3986 §3.2.2 and §3.2.3, without user information).
    ///
    /// # Errors
    ///
    /// [`MalformedAuthority`].
    pub fn parse(text: &[u8]) -> Result<Self, MalformedAuthority> {
        let text = std::str::from_utf8(text).map_err(|_| MalformedAuthority)?;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or(MalformedAuthority)?;
                address.parse::<std::net::Ipv6Addr>().map_err(|_| MalformedAuthority)?;
                let port = match after.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if after.is_empty() => None,
                    None => return Err(MalformedAuthority),
                };
                (format!("[{address}]"), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (text.to_owned(), None),
            },
        };
        if let Some(port) = port {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if !digits || port.parse::<u16>().is_err() {
                return Err(MalformedAuthority);
            }
        }
        let host = host.strip_suffix('.').unwrap_or(&host).to_ascii_lowercase();
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        if host.is_empty() || host.len() > 255 || !host.bytes().all(known) {
            return Err(MalformedAuthority);
        }
        Ok(Self(host))
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_host_are_one() {
        for text in ["API.example.com", "api.example.com.", "api.example.com:443"] {
            assert_eq!(Authority::parse(text.as_bytes()).unwrap().host(), "api.example.com", "{text}");
        }
        assert_eq!(Authority::parse(b"[::1]:8080").unwrap().host(), "[::1]");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "user@host", "host:", "host:x", "host:99999", "a b", "[::1", "h/p", "h\u{e9}"] {
            assert!(Authority::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
