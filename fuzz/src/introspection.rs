//! What issuers answer when they are asked about tokens (RFC 7662, RFC 9701).
//!
//! The input is the body of an answer. Or it begins with `!`, then come a header, a line feed and claims, which are signed
//! here as a signed answer, so that what comes after the signature is reached; or with `?`, then come the headers of an
//! answer, an empty line and its body, so that what is no answer at all is reached.
//!
//! A token is active exactly where an oracle says that the answer is one, and says so in all the words that count. What is
//! vouched for is what the answer says, and no more. Nobody believes a signed answer that nobody has signed.

use std::rc::Rc;

use cedar_gate::http::Endpoint;
use cedar_gate::introspection::{
    ClientAuthentication, Introspection, Introspections, Lackable, Reading, Tokens, Verdict,
};
use cedar_gate::jose::{Algorithm, InVm, Judgement, KeySet, judge};
use cedar_gate::live::Lookup;
use cedar_gate::outbox::{Answer, Outbox};
use cedar_gate::refusal::Cause;
use cedar_gate::secret::Secret;
use cedar_gate::token::ClaimSet;
use serde_json::{Map, Value, json};

use crate::mint::{NOW, SigningKey};
use crate::tree::object;

const ISSUER: &str = "https://idp.example.com/";
const KEY: SigningKey = SigningKey::CorpEd25519;

/// When the token was asked about, in seconds since the Unix epoch.
const ASKED: i64 = NOW - 1;

/// What becomes of a token.
#[derive(Debug, PartialEq)]
enum Outcome {
    Active(Map<String, Value>),
    Refused(Cause),
    Unanswered,
}

/// Reads an answer, and says whether it makes a token active.
pub fn check(input: &[u8]) -> bool {
    match input.first() {
        Some(b'!') => {
            let mut parts = input[1..].splitn(2, |byte| *byte == b'\n');
            let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let body = KEY.sign(header, claims);
            let expected = match signed_members(header, claims) {
                Some(members) if body.len() <= LONGEST => judged(members),
                _ => Outcome::Unanswered,
            };
            agrees(answered(true, &signed_answer(body.as_bytes())), expected)
        }
        Some(b'?') => {
            let (headers, body) = parted(&input[1..]);
            let is_json = is_plain_json(&headers);
            let answer = Answer::Answered { status: 200, headers, body: body.to_vec() };
            let expected = if is_json { of_body(body) } else { Outcome::Unanswered };
            agrees(answered(false, &answer), expected)
        }
        _ => {
            let foreign = answered(true, &signed_answer(input));
            assert_eq!(foreign, Outcome::Unanswered, "nobody signed this, and it is an answer");
            let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
            let answer = Answer::Answered { status: 200, headers, body: input.to_vec() };
            agrees(answered(false, &answer), of_body(input))
        }
    }
}

/// The longest answer, in bytes.
const LONGEST: usize = 65_536;

fn agrees(found: Outcome, expected: Outcome) -> bool {
    assert_eq!(found, expected);
    matches!(found, Outcome::Active(_))
}

fn signed_answer(body: &[u8]) -> Answer {
    let headers = vec![("content-type".to_owned(), b"application/token-introspection+jwt".to_vec())];
    Answer::Answered { status: 200, headers, body: body.to_vec() }
}

/// Asks about a token, gives the answer, and looks what came of it.
fn answered(signed: bool, answer: &Answer) -> Outcome {
    let introspection = Rc::new(introspection(signed));
    let mut introspections = Introspections::new([0; 32]);
    let mut outbox = Outbox::new(4);
    let mut look = |introspections: &mut Introspections, now: i64| {
        introspections.look_up(0, &introspection, "an opaque token", now, &mut outbox)
    };
    assert!(matches!(look(&mut introspections, ASKED), Lookup::Wait(_)), "an answer that nobody gave");
    let Ok(Judgement::Usable(key)) = judge(KEY.jwk().as_object().expect("an object")) else { panic!("a key") };
    let keys = KeySet::new(vec![*key]).expect("one name");
    let reading = Reading { keys: Some(&keys), verifier: &InVm, claims_depth: 16, now: NOW };
    let failure = introspections.answered(0, answer, reading).err();
    match look(&mut introspections, NOW) {
        Lookup::Ready(Verdict::Active(vouched)) => {
            assert!(failure.is_none());
            let claims: &ClaimSet = vouched.claims();
            Outcome::Active(claims.members().map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        Lookup::Ready(Verdict::Refused(cause)) => Outcome::Refused(cause),
        Lookup::Unavailable { .. } => {
            assert!(!failure.expect("who asked learns why").to_string().is_empty());
            Outcome::Unanswered
        }
        Lookup::Wait(_) => panic!("an answer is asked for again, though it came"),
    }
}

fn introspection(signed: bool) -> Introspection {
    Introspection {
        endpoint: Endpoint::parse("https://idp.example.com/introspect", "idp").expect("a URI"),
        tokens: Tokens::Opaque,
        client_id: "gate".to_owned(),
        authentication: ClientAuthentication::Basic(Secret::new(b"secret".to_vec())),
        issuer: ISSUER.to_owned(),
        audiences: vec!["https://api.example.com".to_owned()],
        algorithms: vec![Algorithm::EdDsa],
        signed,
        may_lack: Lackable { issued_at: true, ..Lackable::default() },
        timeout_ms: 2000,
        cache_duration: 30,
        negative_cache_duration: 10,
        clock_skew: 30,
    }
}

/// Headers, one a line, and what follows an empty line.
fn parted(text: &[u8]) -> (Vec<(String, Vec<u8>)>, &[u8]) {
    let mut headers = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        let value = line.get(colon + 1..).unwrap_or_default();
        headers.push((name, value.strip_prefix(b" ").unwrap_or(value).to_vec()));
    }
    (headers, rest)
}

/// Whether headers are those of JSON as it is, said once.
fn is_plain_json(headers: &[(String, Vec<u8>)]) -> bool {
    let all = |name: &str| -> Vec<&[u8]> {
        headers.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice()).collect()
    };
    let [content_type] = all("content-type")[..] else { return false };
    let Ok(content_type) = std::str::from_utf8(content_type) else { return false };
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim_matches(|character| character == ' ' || character == '\t');
    essence.eq_ignore_ascii_case("application/json")
        && !content_type.contains(',')
        && all("content-encoding").iter().all(|coding| coding.eq_ignore_ascii_case(b"identity"))
}

fn of_body(body: &[u8]) -> Outcome {
    if body.len() > LONGEST {
        return Outcome::Unanswered;
    }
    object(body, 16, 1024).map_or(Outcome::Unanswered, judged)
}

/// The members of a signed answer, where it is one (RFC 9701 §5): of this type, by this issuer, for this client, of this
/// moment.
fn signed_members(header: &[u8], claims: &[u8]) -> Option<Map<String, Value>> {
    let header = object(header, 4, 64)?;
    let mut claims = object(claims, 17, 1024)?;
    let kind = header.get("typ")?.as_str()?.to_ascii_lowercase();
    let time = |name: &str| match claims.get(name) {
        None => Some(None),
        Some(value) => value.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds)).map(Some),
    };
    let audience = match claims.get("aud")? {
        Value::Array(items) if items.iter().all(Value::is_string) => items.contains(&json!("gate")),
        one => one == "gate",
    };
    let fits = !["crit", "b64", "zip", "enc", "cty"].iter().any(|name| header.contains_key(*name))
        && header.get("alg")? == "EdDSA"
        && header.get("kid").is_none_or(|id| id == "ed25519")
        && ["token-introspection+jwt", "application/token-introspection+jwt"].contains(&kind.as_str())
        && claims.get("iss")? == ISSUER
        && audience
        && time("iat")?.is_some_and(|at| (ASKED - 30..=NOW + 30).contains(&at))
        && time("nbf")?.is_none_or(|from| from <= NOW + 30)
        && time("exp")?.is_none_or(|until| NOW < until + 30);
    match claims.remove("token_introspection") {
        Some(Value::Object(members)) if fits => Some(members),
        _ => None,
    }
}

/// What the members of an answer make of a token.
fn judged(mut members: Map<String, Value>) -> Outcome {
    match members.remove("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Outcome::Refused(Cause::TokenInactive),
        _ => return Outcome::Unanswered,
    }
    members.entry("iss").or_insert_with(|| json!(ISSUER));
    members.entry("iat").or_insert_with(|| json!(NOW));
    match refusal(&members) {
        Some(cause) => Outcome::Refused(cause),
        None => Outcome::Active(members),
    }
}

/// Why these claims are not those of an access token of this issuer.
fn refusal(claims: &Map<String, Value>) -> Option<Cause> {
    let wrong = |name: &str| {
        claims.get(name).is_some_and(|value| {
            let text = value.as_str().unwrap_or_default();
            text.is_empty() || text.len() > 512 || text.chars().any(char::is_control)
        })
    };
    let is = |name: &str, text: &str| claims.get(name).is_some_and(|value| value == text);
    if wrong("iss") {
        return Some(Cause::ClaimInvalid);
    }
    if !is("iss", ISSUER) {
        return Some(Cause::IssuerUnknown);
    }
    if wrong("token_type") {
        return Some(Cause::ClaimInvalid);
    }
    let kind = claims.get("token_type").and_then(Value::as_str).map(str::to_ascii_lowercase);
    if !["bearer", "dpop"].contains(&kind.as_deref().unwrap_or_default()) {
        return Some(Cause::TokenTypeNotAllowed);
    }
    if wrong("token_use") {
        return Some(Cause::ClaimInvalid);
    }
    if claims.contains_key("token_use") && !is("token_use", "access") && !is("token_use", "access_token") {
        return Some(Cause::TokenTypeNotAllowed);
    }
    let time = claims.get("exp").map(|value| value.as_i64().unwrap_or(-1));
    if time.is_some_and(|seconds| !(0..=253_402_300_799).contains(&seconds)) {
        return Some(Cause::ClaimInvalid);
    }
    // Who calls a token bound must say to what.
    (kind.as_deref() == Some("dpop") && !claims.contains_key("cnf")).then_some(Cause::BindingUnverified)
}
