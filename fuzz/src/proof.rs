//! Proofs of possession by a key (DPoP, RFC 9449).
//!
//! The input is a `dpop` header as it is sent. Or it begins with `!`, or with `@` where the server demands nonces; then come
//! a header, a line feed and claims, and they are signed here, so that what comes after the signature is reached. In these,
//! `{jwk}` is the key of the holder, `{ath}` the hash of the token, and `{nonce}` a nonce of the server.
//!
//! A proof that is signed here is accepted exactly where an oracle finds that it is for this request, this token and this
//! moment. Of the others, none is: nobody else has the key.

use base64ct::{Base64UrlUnpadded, Encoding};
use cedar_gate::dpop::{Dpop, Nonces, Origin, ProofRequest, ReplayTable, Verified};
use cedar_gate::http::{CanonicalPath, Headers};
use cedar_gate::jose::InVm;
use cedar_gate::outbox::StoreOperation;
use cedar_gate::refusal::Cause;
use cedar_gate::secret::Secret;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::mint::{NOW, SigningKey};
use crate::tree::object;

const KEY: SigningKey = SigningKey::CorpEd25519;
const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";

/// The longest proof, in bytes.
const LONGEST: usize = 8192;

/// Reads a proof, and says whether it is accepted.
pub fn check(input: &[u8]) -> bool {
    let demands_nonce = match input.first() {
        Some(b'!') => false,
        Some(b'@') => true,
        _ => {
            let foreign = verify(input, true).is_ok() || verify(input, false).is_ok();
            assert!(!foreign, "nobody signed this, and it is accepted");
            return false;
        }
    };
    let mut parts = input[1..].splitn(2, |byte| *byte == b'\n').map(filled);
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let proof = KEY.sign(&header, &claims);
    let expected = proof.len() <= LONGEST && is_proof(&header, &claims, demands_nonce);
    let found = verify(proof.as_bytes(), demands_nonce);
    assert_eq!(found.is_ok(), expected, "{found:?}");
    if let Ok(verified) = &found {
        // What is asked of the shared data is one of a fixed number of records.
        let StoreOperation::Get { key } = verified.replay.start() else { panic!("nothing is read") };
        let place = key.strip_prefix("cedar-gate/dpop/").and_then(|place| usize::from_str_radix(place, 16).ok());
        assert!(place.is_some_and(|place| place < 1024), "{key}");
    }
    found.is_ok()
}

fn filled(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let nonce = nonces().mint(NOW - 30);
    text.replace("{jwk}", &jwk().to_string()).replace("{ath}", &hash()).replace("{nonce}", &nonce).into_bytes()
}

fn jwk() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": KEY.jwk()["x"]})
}

fn hash() -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(TOKEN))
}

fn nonces() -> Nonces {
    Nonces::new(Secret::new(b"a secret of all gateways, not of any in the world".to_vec()), 300)
}

fn verify(proof: &[u8], demands_nonce: bool) -> Result<Verified, Cause> {
    let dpop = Dpop {
        public_origin: Origin::parse("https://api.example.com").ok(),
        nonces: demands_nonce.then(nonces),
        nonce_required: demands_nonce,
        replay: ReplayTable::new(16_384, Secret::new(Vec::new())),
        ..Dpop::default()
    };
    let headers = Headers::from_pairs(vec![(b"dpop".to_vec(), proof.to_vec())]).expect("the name is ASCII");
    let (path, _) = CanonicalPath::parse(b"/payments/7?full=1").expect("a canonical path");
    // RFC 7638 §3.3, by hand.
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, KEY.jwk()["x"]);
    let request = ProofRequest {
        token: TOKEN,
        thumbprint: &Sha256::digest(members).into(),
        method: "GET",
        authority: b"10.0.0.7:8080",
        path: &path,
        headers: &headers,
    };
    dpop.verify(&request, NOW, &InVm)
}

/// RFC 9449 §4.3, one by one.
fn is_proof(header: &[u8], claims: &[u8], demands_nonce: bool) -> bool {
    let (Some(header), Some(claims)) = (object(header, 4, 64), object(claims, 4, 1024)) else { return false };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).map(|value| value.as_i64().filter(|seconds| *seconds >= 0));
    // A claim that is there is a time, and fits.
    let fits = |name: &str, fits: fn(i64) -> bool| time(name).is_none_or(|time| time.is_some_and(fits));
    let nonce = match (claims.get("nonce"), demands_nonce) {
        (None, demanded) => !demanded,
        (Some(value), false) => value.is_string(),
        (Some(value), true) => value.as_str().is_some_and(is_nonce),
    };
    is_header(&header)
        && text("jti").is_some_and(|id| (1..=256).contains(&id.len()))
        && text("htm") == Some("GET")
        && text("htu").is_some_and(is_url)
        && time("iat").flatten().is_some_and(|issued| (NOW - 60..=NOW + 5).contains(&issued))
        && fits("exp", |end| NOW < end)
        && fits("nbf", |begin| begin <= NOW + 5)
        && text("ath") == Some(hash().as_str())
        && nonce
}

fn is_header(header: &Map<String, Value>) -> bool {
    let Some(jwk) = header.get("jwk").and_then(Value::as_object) else { return false };
    let absent_or = |value: Option<&Value>, fits: &dyn Fn(&Value) -> bool| value.is_none_or(fits);
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    !["crit", "b64", "zip", "enc", "cty"].iter().any(|name| header.contains_key(*name))
        && header.get("alg").is_some_and(|name| name == "EdDSA")
        && header.get("typ").is_some_and(|name| name == "dpop+jwt")
        && absent_or(header.get("kid"), &|id| id.as_str().is_some_and(|id| id.len() <= 256))
        && jwk.get("kty").is_some_and(|kind| kind == "OKP")
        && jwk.get("crv").is_some_and(|curve| curve == "Ed25519")
        && jwk.get("x") == Some(&KEY.jwk()["x"])
        && absent_or(jwk.get("alg"), &|name| name == "EdDSA")
        && absent_or(jwk.get("use"), &|name| name == "sig")
        && absent_or(jwk.get("kid"), &Value::is_string)
        && absent_or(jwk.get("key_ops"), &|ops| ops.as_array().is_some_and(|ops| ops.contains(&json!("verify"))))
        && !private.iter().any(|name| jwk.contains_key(*name))
}

/// Whether it is one of the nonces that the server has made of late: all of them, one by one.
fn is_nonce(text: &str) -> bool {
    (NOW - 300..=NOW + 2).any(|made_at| nonces().mint(made_at) == text)
}

/// Whether a URL is that of the request, however it is spelt.
fn is_url(url: &str) -> bool {
    if !url.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return false;
    }
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = bare.split_once("://") else { return false };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let host = host.to_ascii_lowercase();
    scheme.eq_ignore_ascii_case("https")
        && host.strip_suffix('.').unwrap_or(&host) == "api.example.com"
        && ["", "443"].contains(&port)
        && !path.to_ascii_lowercase().contains("%2f")
        && unescaped(path.as_bytes()) == b"/payments/7"
}

fn unescaped(path: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match path {
        [] => Vec::new(),
        [b'%', high, low, rest @ ..] if digit(high).is_some() && digit(low).is_some() => {
            let byte = digit(high).unwrap_or(0) << 4 | digit(low).unwrap_or(0);
            [vec![byte], unescaped(rest)].concat()
        }
        [first, rest @ ..] => [vec![*first], unescaped(rest)].concat(),
    }
}
