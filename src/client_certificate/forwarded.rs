//! `x-forwarded-client-cert`, as Envoy writes it.
//!
//! Elements are separated by `,` and one proxy adds one; pairs of an element by `;`, and a key from its value by `=`. A
//! value that contains one of these stands in double quotes, and a backslash in there takes the meaning from the character
//! after it. Envoy does not quote the names of a certificate, which whoever made it has chosen; so a header that could be
//! read in two ways is refused and not searched for the best part.

use super::{CertificateSource, Fingerprint, hexadecimal};
use crate::http::Headers;
use crate::refusal::Cause;

const HEADER: &str = CertificateSource::HEADER;

/// The keys that Envoy writes.
const KEYS: [&str; 7] = ["by", "cert", "chain", "dns", "hash", "subject", "uri"];

/// The digest of the certificate in the one element of the one header.
pub(super) fn fingerprint(headers: &Headers) -> Result<Fingerprint, Cause> {
    let value = headers.single(HEADER).map_err(|_| Cause::CertificateMalformed)?.ok_or(Cause::CertificateMissing)?;
    hash(value).and_then(|hash| hexadecimal(hash.as_bytes())).ok_or(Cause::CertificateMalformed)
}

/// The value of the one `Hash` in a header with one element; nothing for any other header.
fn hash(header: &[u8]) -> Option<&str> {
    let mut rest =
        std::str::from_utf8(header).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')))?;
    let mut found = None;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(key))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => plain_value(after)?,
        };
        if key == "hash" && found.replace(value).is_some() {
            return None;
        }
        if after.is_empty() {
            return found;
        }
        // A comma would begin the element of another proxy, and which of them to believe is not known here.
        rest = after.strip_prefix(';')?;
    }
}

/// A value without quotes, and what follows it.
fn plain_value(text: &str) -> Option<(&str, &str)> {
    let end = text.find([';', ',']).unwrap_or(text.len());
    let (value, rest) = text.split_at_checked(end)?;
    (!value.contains(['=', '"', '\\', ' '])).then_some((value, rest))
}

/// A value up to the quote that ends it, and what follows that.
fn quoted_value(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    let (value, rest) = text.split_at_checked(end)?;
    Some((value, rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
    const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    fn of(values: &[&str]) -> Result<Fingerprint, Cause> {
        let pairs = values.iter().map(|value| (b"X-Forwarded-Client-Cert".to_vec(), value.as_bytes().to_vec()));
        fingerprint(&Headers::from_pairs(pairs.collect()).unwrap())
    }

    fn with_hash(pattern: &str) -> String {
        pattern.replace("HASH", HASH).replace("OTHER", OTHER)
    }

    #[test]
    fn g7_what_envoy_writes_is_read() {
        for value in [
            "Hash=HASH",
            "hash=HASH",
            "By=spiffe://a/b;Hash=HASH;Subject=\"\";URI=",
            "By=spiffe://a/b;By=spiffe://c;Hash=HASH;URI=spiffe://d;DNS=a.example.com;DNS=b.example.com",
            "Hash=HASH;Subject=\"CN=a,OU=b;c=d\";URI=spiffe://x",
            "Hash=HASH;Cert=\"-----BEGIN%20CERTIFICATE-----%0A\";Chain=\"-----BEGIN%20CERTIFICATE-----%0A\"",
            "Subject=\"CN=\\\"a\\\";Hash=OTHER\";Hash=HASH",
            "Subject=\"CN=a\\\\\";Hash=HASH",
            "Hash=\"HASH\"",
        ] {
            let value = with_hash(value);
            assert_eq!(of(&[&value]), Ok(hexadecimal(HASH.as_bytes()).unwrap()), "{value}");
        }
    }

    #[test]
    fn g7_what_could_be_read_in_two_ways_is_refused() {
        for value in [
            "",
            "HASH",
            "Subject=\"CN=a\"",
            "Hash=",
            "Hash=\"\"",
            "Hash=HASH,Hash=HASH",
            "Hash=OTHER,Hash=HASH",
            "Hash=HASH,By=a",
            "Hash=HASH,",
            ",Hash=HASH",
            "Hash=HASH;Hash=HASH",
            "Hash=OTHER;Hash=HASH",
            "Hash=HASH;hash=OTHER",
            "URI=spiffe://a;Hash=OTHER;Hash=HASH",
            "Hash=HASH;",
            ";Hash=HASH",
            "Hash=HASH;;By=a",
            "Hash= HASH",
            "Hash=HASH ;By=a",
            "Hash=HASH; By=a",
            " Hash=HASH",
            "Hash =HASH",
            "Hash=HASH;Evil=a",
            "Hash=HASH;Subject=\"CN=a",
            "Hash=HASH;Subject=\"CN=a\\\"",
            "Hash=HASH;Subject=\"CN=a\"b",
            "Hash=HASH;Subject=CN=a",
            "Hash=HASH;URI=a\"b",
            "Hash=HASH;URI=a\\b",
            "Hash=HASH;URI=a=b",
            "Hash=HASH;Subject=\"CN=a\\\\\"\"",
            "Hash=HASHff",
            "Hash=HASH\tBy=a",
            "Hash=HASH\0",
            "Hash%3DHASH",
            "H\u{430}sh=HASH",
        ] {
            let value = with_hash(value);
            assert_eq!(of(&[&value]), Err(Cause::CertificateMalformed), "{value}");
        }
        let upper = format!("Hash={}", HASH.to_uppercase());
        assert_eq!(of(&[&upper]), Err(Cause::CertificateMalformed));
        let not_text = Headers::from_pairs(vec![(HEADER.into(), [b"Hash=".as_slice(), b"\xff"].concat())]).unwrap();
        assert_eq!(fingerprint(&not_text), Err(Cause::CertificateMalformed));
    }

    #[test]
    fn g6_there_is_one_header_and_it_has_one_name() {
        let value = format!("Hash={HASH}");
        assert_eq!(of(&[]), Err(Cause::CertificateMissing));
        assert_eq!(of(&[&value, &value]), Err(Cause::CertificateMalformed));
        for name in
            ["x_forwarded_client_cert", "x.forwarded.client.cert", "client-cert", "ssl-client-cert", "x-client-cert"]
        {
            let headers = Headers::from_pairs(vec![(name.into(), value.clone().into_bytes())]).unwrap();
            assert_eq!(fingerprint(&headers), Err(Cause::CertificateMissing), "{name}");
        }
    }
}
