//! `x-forwarded-client-cert`, where the configuration trusts it.
//!
//! The input is a value of the header in each line; `{hash}` is the digest that the token is bound to, and `{other}` another
//! one. The certificate is the right one exactly where a reading character by character finds one header, with one element,
//! with one digest, and that is it.

use cedar_gate::client_certificate::{CertificateSource, PeerCertificate};
use cedar_gate::http::Headers;
use cedar_gate::refusal::Cause;

const HASH: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

/// The keys that Envoy writes, in lower case.
const KEYS: [&str; 7] = ["by", "cert", "chain", "dns", "hash", "subject", "uri"];

/// Reads headers, and says whether they have the certificate.
pub fn check(text: &[u8]) -> bool {
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(filled).collect();
    let pairs = lines.iter().map(|line| (b"x-forwarded-client-cert".to_vec(), line.clone())).collect();
    let headers = Headers::from_pairs(pairs).expect("the name is ASCII");
    let mut demanded = [0; 32];
    for (index, byte) in demanded.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&HASH[2 * index..2 * index + 2], 16).expect("two digits");
    }
    // The connection has the right one, and is not asked.
    let connection = PeerCertificate { is_valid: true, sha256: Some(HASH.as_bytes().to_vec()) };
    let found = CertificateSource::ForwardedHeader.verify(&demanded, &connection, &headers);
    let expected = match lines.as_slice() {
        [one] => match digest(one) {
            Some(digest) if digest == HASH => Ok(()),
            Some(_) => Err(Cause::CertificateMismatch),
            None => Err(Cause::CertificateMalformed),
        },
        _ => Err(Cause::CertificateMalformed),
    };
    assert_eq!(found, expected, "{}", text.escape_ascii());
    found.is_ok()
}

fn filled(line: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(line) {
        Ok(text) => text.replace("{hash}", HASH).replace("{other}", OTHER).into_bytes(),
        Err(_) => line.to_vec(),
    }
}

/// Where the reading is.
enum At {
    Key(String),
    /// Behind `=`.
    Begin(String),
    Plain(String, String),
    Quoted(String, String),
    /// Behind a backslash.
    Escaped(String, String),
    /// Behind the quote that ends a value.
    End(String, String),
}

/// The one digest, in lower-case digits; nothing where the header could be read in two ways, or in none.
fn digest(line: &[u8]) -> Option<String> {
    let mut at = At::Key(String::new());
    let mut pairs = Vec::new();
    for byte in line {
        let character = char::from(*byte);
        if !(' '..='~').contains(&character) {
            return None;
        }
        at = match (at, character) {
            (At::Key(key), '=') => At::Begin(key),
            (At::Key(key), _) => At::Key(key + &character.to_string()),
            (At::Begin(key), '"') => At::Quoted(key, String::new()),
            (At::Begin(key), ';') => {
                pairs.push((key, String::new()));
                At::Key(String::new())
            }
            (At::Plain(key, value) | At::End(key, value), ';') => {
                pairs.push((key, value));
                At::Key(String::new())
            }
            (At::Begin(_) | At::Plain(..), '=' | '"' | '\\' | ' ' | ',') | (At::End(..), _) => return None,
            (At::Begin(key), _) => At::Plain(key, character.to_string()),
            (At::Plain(key, value), _) => At::Plain(key, value + &character.to_string()),
            (At::Quoted(key, value), '"') => At::End(key, value),
            (At::Quoted(key, value), '\\') => At::Escaped(key, value + "\\"),
            (At::Quoted(key, value) | At::Escaped(key, value), _) => At::Quoted(key, value + &character.to_string()),
        };
    }
    match at {
        At::Begin(key) => pairs.push((key, String::new())),
        At::Plain(key, value) | At::End(key, value) => pairs.push((key, value)),
        At::Key(_) | At::Quoted(..) | At::Escaped(..) => return None,
    }
    if !pairs.iter().all(|(key, _)| KEYS.contains(&key.to_ascii_lowercase().as_str())) {
        return None;
    }
    let hashes: Vec<String> =
        pairs.into_iter().filter(|(key, _)| key.eq_ignore_ascii_case("hash")).map(|(_, value)| value).collect();
    match hashes.as_slice() {
        [one] if one.len() == 64 && one.chars().all(|digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit)) => {
            Some(one.clone())
        }
        _ => None,
    }
}
