//! The certificate that a client has shown in TLS, for tokens that are bound to one (RFC 8705).

mod forwarded;

use subtle::ConstantTimeEq;

use crate::http::Headers;
use crate::refusal::Cause;

/// Where the client's certificate is found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CertificateSource {
    /// In the connection, as the host tells it.
    #[default]
    Connection,
    /// In `x-forwarded-client-cert`, which the configuration asserts to be set by the gateway, or by one in front of it,
    /// whatever the client sends. No other header is ever read.
    ForwardedHeader,
}

/// The certificate of a connection, as a host tells it. A host that knows nothing of certificates leaves the default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PeerCertificate {
    /// Whether the gateway has verified it. Envoy says `connection.mtls` of any certificate, a self-signed one included;
    /// what counts is `connection.peer_certificate_valid`.
    pub is_valid: bool,
    /// Its SHA-256 digest, as the host writes it: in hexadecimal and lower case.
    pub sha256: Option<Vec<u8>>,
}

/// A digest of SHA-256.
type Fingerprint = [u8; 32];

impl CertificateSource {
    /// All of them, by the words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] =
        [(Self::Connection.name(), Self::Connection), (Self::ForwardedHeader.name(), Self::ForwardedHeader)];

    /// The header, where it is one: only this spelling, as no gateway replaces what a client sends in another one.
    pub const HEADER: &'static str = "x-forwarded-client-cert";

    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::ForwardedHeader => "xfcc",
        }
    }

    /// Holds `x5t#S256` of a token against the certificate of the request.
    ///
    /// # Errors
    ///
    /// [`Cause::CertificateMissing`] where there is none that was verified, [`Cause::CertificateMalformed`] where what
    /// tells of it cannot be read, [`Cause::CertificateMismatch`].
    pub fn verify(self, demanded: &[u8; 32], connection: &PeerCertificate, headers: &Headers) -> Result<(), Cause> {
        let shown = match self {
            Self::Connection => connection.fingerprint()?,
            Self::ForwardedHeader => forwarded::fingerprint(headers)?,
        };
        if bool::from(shown.ct_eq(demanded)) { Ok(()) } else { Err(Cause::CertificateMismatch) }
    }
}

impl PeerCertificate {
    fn fingerprint(&self) -> Result<Fingerprint, Cause> {
        let digest = self.sha256.as_deref().filter(|digest| self.is_valid && !digest.is_empty());
        hexadecimal(digest.ok_or(Cause::CertificateMissing)?).ok_or(Cause::CertificateMalformed)
    }
}

/// 32 bytes in hexadecimal and lower case.
fn hexadecimal(text: &[u8]) -> Option<Fingerprint> {
    let (pairs, rest) = text.as_chunks::<2>();
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a').and_then(|digit| digit.checked_add(10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";

    fn demanded() -> [u8; 32] {
        hexadecimal(HEX.as_bytes()).unwrap()
    }

    fn verify(is_valid: bool, sha256: Option<&str>) -> Result<(), Cause> {
        let connection = PeerCertificate { is_valid, sha256: sha256.map(|text| text.as_bytes().to_vec()) };
        // Whatever a client says about certificates in headers: none of it is read.
        let headers = ["x-forwarded-client-cert", "x_forwarded_client_cert", "client-cert", "ssl-client-cert"]
            .map(|name| (name.as_bytes().to_vec(), format!("Hash={HEX}").into_bytes()));
        let headers = Headers::from_pairs(headers.to_vec()).unwrap();
        CertificateSource::Connection.verify(&demanded(), &connection, &headers)
    }

    #[test]
    fn g6_only_a_verified_certificate_of_the_connection_counts() {
        assert_eq!(verify(true, Some(HEX)), Ok(()));
        assert_eq!(verify(false, Some(HEX)), Err(Cause::CertificateMissing));
        assert_eq!(verify(true, None), Err(Cause::CertificateMissing));
        assert_eq!(verify(true, Some("")), Err(Cause::CertificateMissing));
        assert_eq!(verify(false, None), Err(Cause::CertificateMissing));
        assert_eq!(verify(true, Some(&HEX.replace('0', "1"))), Err(Cause::CertificateMismatch));
    }

    #[test]
    fn g8_a_digest_in_hexadecimal_has_one_spelling() {
        let upper = HEX.to_uppercase();
        let colons =
            HEX.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":");
        for text in [
            &upper,
            &colons,
            HEX.split_at(1).1,
            HEX.split_at(2).1,
            &format!("{HEX}00"),
            &format!("{HEX} "),
            "x".repeat(64).as_str(),
        ] {
            assert_eq!(verify(true, Some(text)), Err(Cause::CertificateMalformed), "{text}");
        }
    }

    #[test]
    fn l12_every_byte_of_the_digest_counts() {
        for place in 0..32 {
            let mut other = demanded();
            other[place] ^= 1;
            let connection = PeerCertificate { is_valid: true, sha256: Some(HEX.as_bytes().to_vec()) };
            let verdict = CertificateSource::Connection.verify(&other, &connection, &Headers::default());
            assert_eq!(verdict, Err(Cause::CertificateMismatch), "{place}");
        }
    }
}
