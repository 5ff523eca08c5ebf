//! What an issuer publishes: its keys, its metadata, and how long they are fresh.
//!
//! The input begins with `k`, and the rest is the body of a key set; with `m`, and the rest is the body of metadata; or with
//! `h`, and the rest are headers of an answer, one a line.
//!
//! A key set is taken exactly where a reading by hand finds keys in it that may be used, and with these. Metadata lead to
//! keys of this issuer by the one cluster, or nowhere. A document is fetched anew, and serves, when an oracle says that it
//! does by its headers.

use cedar_gate::http::Endpoint;
use cedar_gate::outbox::{Answer, Store, StoreAnswer, StoreOperation};
use cedar_gate::remote::{Discovery, Dispatch, Moment, Origin, Progress, Reading, Remote, Source, Spec, key_set};
use serde_json::{Value, json};

use crate::jwks::is_acceptable;
use crate::mint::{NOW, SigningKey};
use crate::tree::object;

/// Shared data that cannot be used: each worker is alone.
struct Nothing;

/// Reads a document, and says whether it is one.
pub fn check(input: &[u8]) -> bool {
    match input.split_first() {
        Some((b'k', body)) => check_keys(body),
        Some((b'm', body)) => check_metadata(body),
        Some((b'h', lines)) => check_freshness(lines),
        _ => false,
    }
}

fn check_keys(body: &[u8]) -> bool {
    let found = key_set(body, NOW);
    let expected = usable(body);
    match (&found, &expected) {
        (Ok(fit), Some(keys)) => {
            assert_eq!(fit.document.len(), keys.len(), "other keys");
            for remark in &fit.remarks {
                assert!(remark.starts_with("keys["), "{remark}");
            }
        }
        (Err(unfit), None) => assert!(!unfit.0.is_empty()),
        (found, expected) => panic!("{found:?}, but {expected:?}"),
    }
    found.is_ok()
}

/// The keys that may be used; nothing where there are none, or the set is none.
fn usable(body: &[u8]) -> Option<Vec<Value>> {
    let set = object(body, 8, 8192)?;
    let list = set.get("keys")?.as_array().filter(|list| list.len() <= 100)?;
    let of_use = |key: &&Value| {
        let members = key.as_object();
        let is_public = members.is_some_and(|members| members.get("kty").is_none_or(|kind| kind != "oct"));
        is_public && members.is_some_and(verifies) && is_acceptable(key)
    };
    let keys: Vec<Value> = list.iter().filter(of_use).cloned().collect();
    let mut names: Vec<&str> = keys.iter().filter_map(|key| key.get("kid")?.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
    (!keys.is_empty() && !twice).then_some(keys)
}

/// Whether a key says that it is for verifying signatures, or nothing about it.
fn verifies(members: &serde_json::Map<String, Value>) -> bool {
    let known = [
        "EdDSA", "ES256", "ES256K", "ES384", "ES512", "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "RS256",
        "RS384", "RS512",
    ];
    members.get("use").is_none_or(|purpose| purpose == "sig")
        && members.get("key_ops").is_none_or(|operations| {
            operations.as_array().is_some_and(|operations| operations.contains(&json!("verify")))
        })
        && members.get("alg").is_none_or(|name| name.as_str().is_some_and(|name| known.contains(&name)))
}

const ISSUER: &str = "https://idp.example.com/tenant";

fn check_metadata(body: &[u8]) -> bool {
    let discovery = Discovery::new(ISSUER, "idp").expect("an issuer");
    let spec = Spec::key_set("keys/corp".to_owned(), Origin::Discovery(discovery));
    let mut source = Source::new(spec, b"key", Box::new(key_set));
    let mut moment = Moment { now_millis: NOW * 1_000, entropy: 0, store: &mut Nothing };
    let first = source.tick(&mut moment).expect("a call");
    assert_eq!(uri(&first), "https://idp.example.com/.well-known/oauth-authorization-server/tenant");
    let second = match source.answered(first.number, &json_answer(body), &mut moment) {
        Progress::Call(dispatch) => Some(dispatch),
        Progress::Settled => None,
        Progress::Stale => panic!("it was asked for"),
    };
    let named = object(body, 8, 4096).filter(|_| body.len() <= 65_536).and_then(|metadata| {
        let of_issuer = metadata.get("issuer").is_some_and(|issuer| issuer == ISSUER);
        metadata.get("jwks_uri")?.as_str().filter(|_| of_issuer).map(str::to_owned)
    });
    match (&second, &named) {
        (Some(dispatch), Some(named)) => {
            let rest = named.strip_prefix("https://").expect("it leads to nothing without TLS");
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            assert!(!authority.contains('@') && named.len() <= 2048, "{named}");
            assert_eq!(dispatch.call.cluster, "idp", "metadata choose no cluster");
            let slash = if rest[authority.len()..].starts_with('/') { "" } else { "/" };
            assert_eq!(uri(dispatch), format!("https://{authority}{slash}{}", &rest[authority.len()..]));
        }
        (Some(_), None) => panic!("metadata that are none lead somewhere"),
        (None, Some(named)) => {
            let plain = |byte: u8| byte.is_ascii_lowercase() || b"-/".contains(&byte);
            let rest = named.strip_prefix("https://idp.example.com/");
            let is_plain = rest.is_some_and(|rest| rest.len() < 1024 && rest.bytes().all(plain));
            assert!(!is_plain, "{named} is a good place for keys");
        }
        (None, None) => {}
    }
    second.is_some()
}

fn json_answer(body: &[u8]) -> Answer {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    Answer::Answered { status: 200, headers, body: body.to_vec() }
}

fn uri(dispatch: &Dispatch) -> String {
    let header = |name: &str| {
        let found = dispatch.call.headers.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    format!("{}://{}{}", header(":scheme"), header(":authority"), header(":path"))
}

/// How long a document is fresh at least and at most, and how long it serves after that, in seconds.
const SHORTEST: u64 = 30;
const LONGEST: u64 = 600;
const STALE: u64 = 3600;

fn check_freshness(lines: &[u8]) -> bool {
    let mut headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    headers.extend(lines.split(|byte| *byte == b'\n').filter_map(header));
    let lifetime = lifetime(&headers).clamp(SHORTEST, LONGEST);
    let endpoint = Endpoint::parse("https://idp.example.com/jwks", "idp").expect("a URI");
    let spec = Spec::key_set("keys/corp".to_owned(), Origin::Direct(endpoint));
    let mut source = Source::new(spec, b"key", Box::new(key_set));
    let start = NOW * 1_000;
    let at = |source: &mut Source<_>, now_millis: i64| {
        source.tick(&mut Moment { now_millis, entropy: 0, store: &mut Nothing })
    };
    let first = at(&mut source, start).expect("a call");
    let body = json!({"keys": [SigningKey::CorpEd25519.jwk()]}).to_string().into_bytes();
    let mut moment = Moment { now_millis: start, entropy: 0, store: &mut Nothing };
    source.answered(first.number, &Answer::Answered { status: 200, headers, body }, &mut moment);
    let seconds = |seconds: u64| i64::try_from(seconds).expect("a few hours");
    // Four fifths of its life, where nothing is left to chance.
    let due = start + seconds(lifetime) * 800;
    assert!(at(&mut source, due - 1).is_none(), "it is fetched before its time, {lifetime} s");
    assert!(at(&mut source, due).is_some(), "it is not fetched in time, {lifetime} s");
    let last = NOW + seconds(lifetime + STALE);
    assert!(matches!(source.current(last - 1), Reading::Ready(..)), "it does not serve, {lifetime} s");
    assert!(!matches!(source.current(last), Reading::Ready(..)), "it serves for too long, {lifetime} s");
    lifetime > SHORTEST
}

fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?.to_owned();
    (!name.eq_ignore_ascii_case("content-type")).then(|| (name, line[colon + 1..].to_vec()))
}

/// What `cache-control` and `age` leave, in seconds (RFC 9111 §4.2).
fn lifetime(headers: &[(String, Vec<u8>)]) -> u64 {
    let all = |name: &str| -> Vec<String> {
        let named = headers.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| String::from_utf8(value.clone()).ok()).collect()
    };
    let directives = all("cache-control").join(",");
    let directives: Vec<String> = directives.split(',').map(|directive| directive.trim().to_owned()).collect();
    let name = |directive: &str| directive.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    if directives.iter().any(|directive| ["no-store", "no-cache"].contains(&name(directive).as_str())) {
        return 0;
    }
    let ages = directives.iter().filter(|directive| name(directive) == "max-age");
    let ages = ages.map(|directive| directive.split_once('=').and_then(|(_, text)| number(text.trim())).unwrap_or(0));
    match ages.min() {
        Some(most) => most.saturating_sub(all("age").iter().filter_map(|text| number(text.trim())).max().unwrap_or(0)),
        None => LONGEST,
    }
}

/// Digits, perhaps in quotes; one that is too large is as large as can be.
fn number(text: &str) -> Option<u64> {
    let bare = match text.len() {
        0 | 1 => text,
        length if text.starts_with('"') && text.ends_with('"') => &text[1..length - 1],
        _ => text,
    };
    let is_number = !bare.is_empty() && bare.chars().all(|character| character.is_ascii_digit());
    is_number.then(|| bare.parse().unwrap_or(4_294_967_295))
}

impl Store for Nothing {
    fn perform(&mut self, _: &StoreOperation) -> StoreAnswer {
        StoreAnswer::Unavailable
    }
}
