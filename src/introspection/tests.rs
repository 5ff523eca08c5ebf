//! Answers of every kind, and what is remembered of them.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::memory::Introspections;
use super::*;
use crate::jose::{InVm, Judgement, KeySet, judge};
use crate::live::{Lookup, Ticket};
use crate::outbox::{Answer, Outbox};

const ISSUER: &str = "https://idp.example.com";
/// RFC 7515 §A.3.1.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

pub(crate) fn introspection() -> Introspection {
    Introspection {
        endpoint: Endpoint::parse("https://idp.example.com/introspect", "idp").unwrap(),
        tokens: Tokens::All,
        client_id: "gate".to_owned(),
        authentication: ClientAuthentication::Basic(Secret::new(b"secret".to_vec())),
        issuer: ISSUER.to_owned(),
        audiences: vec!["https://api.example.com".to_owned(), "other".to_owned()],
        algorithms: vec![Algorithm::Es256],
        signed: false,
        may_lack: Lackable::default(),
        timeout_ms: 2000,
        cache_duration: 30,
        negative_cache_duration: 10,
        clock_skew: 30,
    }
}

fn assertion_key() -> AssertionKey {
    AssertionKey::from_jwk(&Secret::new(KEY.as_bytes().to_vec())).unwrap()
}

fn public_key() -> Map<String, Value> {
    let mut public: Map<String, Value> = serde_json::from_str(KEY).unwrap();
    public.remove("d");
    public
}

pub(crate) fn with_private_key() -> (Introspection, Map<String, Value>) {
    let authentication =
        ClientAuthentication::PrivateKey { key: Box::new(assertion_key()), audience: ISSUER.to_owned() };
    (Introspection { authentication, ..introspection() }, public_key())
}

fn keys() -> KeySet {
    let Ok(Judgement::Usable(key)) = judge(&public_key()) else { panic!("a public key") };
    KeySet::new(vec![*key]).unwrap()
}

fn answered(media_type: &str, body: &[u8]) -> Answer {
    let headers = vec![("content-type".to_owned(), media_type.as_bytes().to_vec())];
    Answer::Answered { status: 200, headers, body: body.to_vec() }
}

fn json_answer(body: &Value) -> Answer {
    answered("application/json", body.to_string().as_bytes())
}

/// An answer that leaves nothing open.
fn active() -> Value {
    json!({
        "active": true, "iss": ISSUER, "aud": "https://api.example.com", "sub": "alice", "client_id": "app",
        "token_type": "Bearer", "scope": "payments:read", "iat": 990, "exp": 1300
    })
}

fn with(base: Value, name: &str, value: Value) -> Value {
    let mut members = base;
    members[name] = value;
    members
}

fn without(base: Value, name: &str) -> Value {
    let mut members = base;
    members.as_object_mut().unwrap().remove(name);
    members
}

fn reading(now: i64, keys: Option<&KeySet>) -> Reading<'_> {
    Reading { keys, verifier: &InVm, claims_depth: 8, now }
}

/// What comes of one question and its answer.
#[derive(Debug, PartialEq)]
enum Came {
    Active(Map<String, Value>),
    Refused(Cause),
    Nothing(Unfit),
}

fn came_of(introspection: Introspection, answer: &Answer, keys: Option<&KeySet>) -> Came {
    let (mut asked, mut outbox) = (Introspections::new([7; 32]), Outbox::new(8));
    let introspection = Rc::new(introspection);
    let Lookup::Wait(Ticket::Introspection(errand)) = asked.look_up(3, &introspection, "t", 1000, &mut outbox) else {
        panic!("nothing is known yet");
    };
    assert_eq!(asked.provider_of(errand), Some(3));
    let failure = asked.answered(errand, answer, reading(1001, keys));
    assert_eq!(asked.provider_of(errand), None);
    match asked.look_up(3, &introspection, "t", 1001, &mut outbox) {
        Lookup::Ready(Verdict::Active(vouched)) => {
            Came::Active(vouched.claims().members().map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        Lookup::Ready(Verdict::Refused(cause)) => Came::Refused(cause),
        Lookup::Unavailable { .. } => Came::Nothing(failure.unwrap_err().reason),
        Lookup::Wait(_) => panic!("there is an answer"),
    }
}

fn came(body: &Value) -> Came {
    came_of(introspection(), &json_answer(body), None)
}

#[test]
fn a_clear_yes_vouches_for_claims() {
    let Came::Active(claims) = came(&active()) else { panic!("active") };
    assert_eq!(Value::Object(claims), without(active(), "active"));
}

#[test]
fn a_clear_no_refuses_the_token() {
    assert_eq!(came(&json!({"active": false})), Came::Refused(Cause::TokenInactive));
    // Whatever else the answer says.
    assert_eq!(came(&with(active(), "active", json!(false))), Came::Refused(Cause::TokenInactive));
}

#[test]
fn c9_only_a_boolean_says_whether_a_token_is_active() {
    for wrong in [json!("true"), json!(1), json!(null), json!([true]), json!({}), json!("false"), json!(0)] {
        assert_eq!(came(&with(active(), "active", wrong.clone())), Came::Nothing(Unfit::ActiveNotBoolean), "{wrong}");
    }
    assert_eq!(came(&without(active(), "active")), Came::Nothing(Unfit::ActiveNotBoolean));
    let twice = br#"{"active": false, "active": true, "token_type": "Bearer"}"#;
    assert_eq!(came_of(introspection(), &answered("application/json", twice), None), Came::Nothing(Unfit::Malformed));
}

#[test]
fn c9_claims_of_another_issuer_are_not_vouched_for() {
    for other in [json!("https://evil.example.com"), json!("https://idp.example.com/")] {
        assert_eq!(came(&with(active(), "iss", other)), Came::Refused(Cause::IssuerUnknown));
    }
    for odd in [json!([ISSUER]), json!(null), json!("")] {
        assert_eq!(came(&with(active(), "iss", odd)), Came::Refused(Cause::ClaimInvalid));
    }
    let Came::Active(claims) = came(&without(active(), "iss")) else { panic!("active") };
    assert_eq!(claims["iss"], ISSUER);
}

#[test]
fn c9_only_an_access_token_is_accepted() {
    for fit in ["Bearer", "bearer", "BEARER"] {
        assert!(matches!(came(&with(active(), "token_type", json!(fit))), Came::Active(_)), "{fit}");
    }
    for other in ["refresh_token", "mac", "N_A", "Refresh", "access_token"] {
        let answer = with(active(), "token_type", json!(other));
        assert_eq!(came(&answer), Came::Refused(Cause::TokenTypeNotAllowed), "{other}");
    }
    assert_eq!(came(&without(active(), "token_type")), Came::Refused(Cause::TokenTypeNotAllowed));
    let refresh = with(active(), "token_use", json!("refresh_token"));
    assert_eq!(came(&refresh), Came::Refused(Cause::TokenTypeNotAllowed));
    assert!(matches!(came(&with(active(), "token_use", json!("access_token"))), Came::Active(_)));
}

#[test]
fn a_bound_token_says_by_what_it_is_bound() {
    let bound = with(active(), "token_type", json!("DPoP"));
    assert_eq!(came(&bound), Came::Refused(Cause::BindingUnverified));
    assert!(matches!(came(&with(bound, "cnf", json!({"jkt": "x"}))), Came::Active(_)));
}

#[test]
fn what_an_answer_may_lack_is_put_in_and_nothing_else_is() {
    for name in ["aud", "exp", "iat", "sub"] {
        let Came::Active(claims) = came(&without(active(), name)) else { panic!("{name}") };
        assert!(!claims.contains_key(name), "{name}: its absence is for the chain of proofs to refuse");
    }
    let everything = Lackable { audience: true, expiry: true, issued_at: true, subject: true, token_type: true };
    let lenient = || Introspection { may_lack: everything, ..introspection() };
    let bare = json!({"active": true, "client_id": "app"});
    assert_eq!(
        came_of(lenient(), &json_answer(&bare), None),
        Came::Active(
            json!({
                "iss": ISSUER, "aud": "https://api.example.com", "iat": 1001, "exp": 1031, "sub": "app",
                "client_id": "app"
            })
            .as_object()
            .cloned()
            .unwrap()
        )
    );
    // What is there is left as it is, also where it is wrong.
    let odd = json!({"active": true, "aud": "other's", "iat": "x", "exp": null, "sub": 5, "token_type": "Bearer"});
    assert_eq!(came_of(lenient(), &json_answer(&odd), None), Came::Refused(Cause::ClaimInvalid));
    let foreign = with(active(), "aud", json!("stranger"));
    let Came::Active(claims) = came_of(lenient(), &json_answer(&foreign), None) else { panic!("active") };
    assert_eq!(claims["aud"], "stranger");
    let nobody = with(active(), "aud", json!([]));
    let Came::Active(claims) = came_of(lenient(), &json_answer(&nobody), None) else { panic!("active") };
    assert_eq!(claims["aud"], "https://api.example.com");
}

#[test]
fn c10_an_answer_that_is_none_vouches_for_nothing() {
    let body = active().to_string().into_bytes();
    let status = |status| Answer::Answered {
        status,
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: body.clone(),
    };
    let none = |answer: &Answer| came_of(introspection(), answer, None);
    assert_eq!(none(&Answer::Lost), Came::Nothing(Unfit::Lost));
    for code in [0, 100, 201, 204, 206, 301, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504] {
        assert_eq!(none(&status(code)), Came::Nothing(Unfit::Status(code)));
    }
    for media_type in ["text/html", "text/json", "application/jwt", "application/token-introspection+jwt", ""] {
        assert_eq!(none(&answered(media_type, &body)), Came::Nothing(Unfit::MediaTypeWrong), "{media_type}");
    }
    let headless = Answer::Answered { status: 200, headers: Vec::new(), body: body.clone() };
    assert_eq!(none(&headless), Came::Nothing(Unfit::MediaTypeWrong));
    let coded = Answer::Answered {
        status: 200,
        headers: vec![
            ("Content-Type".to_owned(), b"application/json".to_vec()),
            ("Content-Encoding".to_owned(), b"gzip".to_vec()),
        ],
        body: body.clone(),
    };
    assert_eq!(none(&coded), Came::Nothing(Unfit::Encoded));
    let mut long = body.clone();
    long.resize(65_537, b' ');
    assert_eq!(none(&answered("application/json", &long)), Came::Nothing(Unfit::TooLong));
    long.truncate(65_536);
    assert!(matches!(none(&answered("application/json", &long)), Came::Active(_)));
    let deep = format!("{{\"active\":true,\"a\":{}1{}}}", "[".repeat(8), "]".repeat(8));
    for text in ["", "true", "[true]", "{", "{\"active\":true}x", "{\"active\":tru", "\u{feff}{\"active\":true}", &deep]
    {
        assert_eq!(none(&answered("application/json", text.as_bytes())), Came::Nothing(Unfit::Malformed), "{text}");
    }
}

/// A signed answer (RFC 9701 §5).
fn signed(header: &Value, claims: &Value) -> Answer {
    // Signs with the only header that it knows, so that the wanted one is put in its place before.
    let encode = |value: &Value| {
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(value.to_string().as_bytes())
    };
    use p256::ecdsa::signature::Signer;
    let private: Value = serde_json::from_str(KEY).unwrap();
    let private = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(private["d"].as_str().unwrap());
    let key = p256::ecdsa::SigningKey::from_slice(&private.unwrap()).unwrap();
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature: p256::ecdsa::Signature = key.sign(message.as_bytes());
    let signature = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&signature.to_bytes());
    answered("application/token-introspection+jwt", format!("{message}.{signature}").as_bytes())
}

fn signed_header() -> Value {
    json!({"alg": "ES256", "typ": "token-introspection+jwt"})
}

fn signed_claims() -> Value {
    json!({"iss": ISSUER, "aud": "gate", "iat": 1000, "token_introspection": active()})
}

fn came_signed(header: &Value, claims: &Value) -> Came {
    let introspection = Introspection { signed: true, ..introspection() };
    came_of(introspection, &signed(header, claims), Some(&keys()))
}

#[test]
fn a_signed_answer_vouches_for_claims() {
    let Came::Active(claims) = came_signed(&signed_header(), &signed_claims()) else { panic!("active") };
    assert_eq!(Value::Object(claims), without(active(), "active"));
    let inactive = with(signed_claims(), "token_introspection", json!({"active": false}));
    assert_eq!(came_signed(&signed_header(), &inactive), Came::Refused(Cause::TokenInactive));
}

#[test]
fn an_unsigned_answer_is_none_where_signed_ones_are_configured() {
    let introspection = || Introspection { signed: true, ..introspection() };
    assert_eq!(came_of(introspection(), &json_answer(&active()), Some(&keys())), Came::Nothing(Unfit::MediaTypeWrong));
    let mislabelled = answered("application/token-introspection+jwt", active().to_string().as_bytes());
    assert_eq!(came_of(introspection(), &mislabelled, Some(&keys())), Came::Nothing(Unfit::Malformed));
}

#[test]
fn a_signed_answer_is_checked_in_every_part() {
    let header = |name: &str, value: Value| came_signed(&with(signed_header(), name, value), &signed_claims());
    let claim = |name: &str, value: Value| came_signed(&signed_header(), &with(signed_claims(), name, value));
    assert_eq!(header("typ", json!("at+jwt")), Came::Nothing(Unfit::TypeWrong));
    assert_eq!(header("typ", json!("JWT")), Came::Nothing(Unfit::TypeWrong));
    assert_eq!(came_signed(&without(signed_header(), "typ"), &signed_claims()), Came::Nothing(Unfit::TypeWrong));
    assert!(matches!(header("typ", json!("application/token-introspection+jwt")), Came::Active(_)));
    for algorithm in ["none", "HS256", "ES384", "es256"] {
        assert_eq!(header("alg", json!(algorithm)), Came::Nothing(Unfit::AlgorithmNotAllowed), "{algorithm}");
    }
    assert_eq!(header("crit", json!(["exp"])), Came::Nothing(Unfit::Malformed));

    assert_eq!(claim("iss", json!("https://evil.example.com")), Came::Nothing(Unfit::IssuerWrong));
    assert_eq!(came_signed(&signed_header(), &without(signed_claims(), "iss")), Came::Nothing(Unfit::IssuerWrong));
    assert_eq!(claim("aud", json!("gate2")), Came::Nothing(Unfit::AudienceWrong));
    assert_eq!(claim("aud", json!([])), Came::Nothing(Unfit::AudienceWrong));
    assert!(matches!(claim("aud", json!(["x", "gate"])), Came::Active(_)));
    // Asked at 1000, answered at 1001, with clocks that may differ by 30 seconds.
    for (issued, fits) in [(969, false), (970, true), (1031, true), (1032, false)] {
        assert_eq!(matches!(claim("iat", json!(issued)), Came::Active(_)), fits, "{issued}");
    }
    assert_eq!(came_signed(&signed_header(), &without(signed_claims(), "iat")), Came::Nothing(Unfit::TimeWrong));
    assert_eq!(claim("exp", json!(971)), Came::Nothing(Unfit::TimeWrong));
    assert_eq!(claim("nbf", json!(1032)), Came::Nothing(Unfit::TimeWrong));
    assert_eq!(claim("iat", json!("1000")), Came::Nothing(Unfit::TimeWrong));
    for odd in [json!(null), json!("x"), json!([active()])] {
        assert_eq!(claim("token_introspection", odd), Came::Nothing(Unfit::Malformed));
    }
    // The claims of an access token are not those of an answer.
    let access_token = with(active(), "aud", json!("gate"));
    assert_eq!(came_signed(&signed_header(), &access_token), Came::Nothing(Unfit::Malformed));
}

#[test]
fn a_signature_counts_only_by_a_key_of_the_provider() {
    let introspection = || Introspection { signed: true, ..introspection() };
    let answer = signed(&signed_header(), &signed_claims());
    assert_eq!(came_of(introspection(), &answer, None), Came::Nothing(Unfit::KeyUnknown(None)));
    assert_eq!(came_of(introspection(), &answer, Some(&KeySet::default())), Came::Nothing(Unfit::KeyUnknown(None)));
    let Answer::Answered { status, headers, body } = answer else { panic!("an answer") };
    let text = String::from_utf8(body).unwrap();
    let (message, _) = text.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", "A".repeat(86));
    let forged = Answer::Answered { status, headers, body: forged.into_bytes() };
    assert_eq!(came_of(introspection(), &forged, Some(&keys())), Came::Nothing(Unfit::SignatureInvalid));
}

#[test]
fn a_token_of_three_segments_is_never_opaque() {
    for opaque in ["abc", "a.b", "a.b.c.d", "a.b.c.d.e", "gho_16C7e42F292c6912E7710c838347Ae178B4a", ""] {
        assert!(is_opaque(opaque), "{opaque}");
    }
    for jwt in ["a.b.c", "eyJhbGciOiJub25lIn0.e30.", ".."] {
        assert!(!is_opaque(jwt), "{jwt}");
    }
}

/// Answers to all errands that wait.
fn answer_all(asked: &mut Introspections, outbox: &mut Outbox, answer: &Answer, now: i64) -> usize {
    let mut answers = 0;
    while let Some(errand) = outbox.take() {
        drop(asked.answered(errand.id, answer, reading(now, None)));
        answers += 1;
    }
    answers
}

#[test]
fn requests_with_one_token_make_one_call() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    let tickets: Vec<_> = (0..500).map(|_| asked.look_up(0, &introspection, "t", 1000, &mut outbox)).collect();
    assert!(tickets.iter().all(|ticket| matches!(ticket, Lookup::Wait(Ticket::Introspection(0)))));
    assert_eq!(answer_all(&mut asked, &mut outbox, &json_answer(&active()), 1001), 1);
    for _ in 0..500 {
        let found = asked.look_up(0, &introspection, "t", 1001, &mut outbox);
        assert!(matches!(found, Lookup::Ready(Verdict::Active(_))));
    }
    assert!(outbox.take().is_none());
}

#[test]
fn c8_an_answer_counts_for_its_provider_and_audiences_only() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let ours = Rc::new(introspection());
    drop(asked.look_up(0, &ours, "t", 1000, &mut outbox));
    answer_all(&mut asked, &mut outbox, &json_answer(&active()), 1000);
    let is_known = |asked: &mut Introspections, provider, introspection: &Rc<Introspection>, token| {
        matches!(asked.look_up(provider, introspection, token, 1000, &mut Outbox::new(1)), Lookup::Ready(_))
    };
    assert!(is_known(&mut asked, 0, &ours, "t"));
    assert!(!is_known(&mut asked, 1, &ours, "t"));
    assert!(!is_known(&mut asked, 0, &ours, "T"));
    assert!(!is_known(&mut asked, 0, &ours, "t "));
    for audiences in [&["https://api.example.com"][..], &["other", "https://api.example.com"], &[]] {
        let audiences = audiences.iter().map(|&text| text.to_owned()).collect();
        let others = Rc::new(Introspection { audiences, ..introspection() });
        assert!(!is_known(&mut asked, 0, &others, "t"));
    }
}

#[test]
fn fingerprints_of_different_questions_differ_however_they_are_cut() {
    use super::verdicts::Fingerprint;
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let all = [
        Fingerprint::of(0, &texts(&["a", "b"]), "t"),
        Fingerprint::of(0, &texts(&["ab"]), "t"),
        Fingerprint::of(0, &texts(&["a"]), "tb"),
        Fingerprint::of(0, &texts(&["a"]), "t"),
        Fingerprint::of(0, &texts(&[]), "ta"),
        Fingerprint::of(1, &texts(&["a"]), "t"),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(all.iter().skip(index + 1).all(|other| other != one), "{index}");
    }
}

#[test]
fn c7_a_verdict_ends_with_the_token_and_with_the_time_that_is_configured() {
    let ends_at = |answer: &Value| {
        let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
        let introspection = Rc::new(introspection());
        drop(asked.look_up(0, &introspection, "t", 1000, &mut outbox));
        answer_all(&mut asked, &mut outbox, &json_answer(answer), 1001);
        let known = |now| matches!(asked.look_up(0, &introspection, "t", now, &mut Outbox::new(0)), Lookup::Ready(_));
        (1001..2000).map(known).take_while(|known| *known).count() + 1001
    };
    // 30 seconds after it was asked for; or with the token; but not before those who waited have seen it.
    assert_eq!(ends_at(&active()), 1030);
    assert_eq!(ends_at(&with(active(), "exp", json!(1020))), 1020);
    assert_eq!(ends_at(&with(active(), "exp", json!(900))), 1003);
    // All others, after 10.
    assert_eq!(ends_at(&json!({"active": false})), 1010);
}

#[test]
fn a_failure_is_remembered_for_a_moment() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    drop(asked.look_up(0, &introspection, "t", 1000, &mut outbox));
    answer_all(&mut asked, &mut outbox, &Answer::Lost, 1002);
    for now in [1002, 1003] {
        assert!(matches!(asked.look_up(0, &introspection, "t", now, &mut outbox), Lookup::Unavailable { .. }), "{now}");
    }
    assert!(matches!(asked.look_up(0, &introspection, "t", 1004, &mut outbox), Lookup::Wait(_)));
    assert!(outbox.take().is_some());
}

#[test]
fn a_clock_that_is_set_back_ends_a_verdict() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    drop(asked.look_up(0, &introspection, "t", 1000, &mut outbox));
    answer_all(&mut asked, &mut outbox, &json_answer(&active()), 1001);
    assert!(matches!(asked.look_up(0, &introspection, "t", 500, &mut outbox), Lookup::Wait(_)));
}

#[test]
fn c7_the_last_word_counts_although_a_clock_is_set_back_and_forth() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    drop(asked.look_up(0, &introspection, "t", 1000, &mut outbox));
    answer_all(&mut asked, &mut outbox, &json_answer(&active()), 1001);
    drop(asked.look_up(0, &introspection, "t", 500, &mut outbox));
    answer_all(&mut asked, &mut outbox, &json_answer(&json!({"active": false})), 501);
    assert!(matches!(asked.look_up(0, &introspection, "t", 1002, &mut outbox), Lookup::Wait(_)));
}

#[test]
fn a_provider_that_is_silent_holds_up_itself_alone() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    let ask = |asked: &mut Introspections, provider, number: usize, now, outbox: &mut Outbox| {
        asked.look_up(provider, &introspection, &format!("token {number}"), now, outbox)
    };
    for number in 0..64 {
        assert!(matches!(ask(&mut asked, 0, number, 1000, &mut outbox), Lookup::Wait(_)));
    }
    assert!(matches!(ask(&mut asked, 0, 64, 1000, &mut outbox), Lookup::Unavailable { .. }));
    assert!(matches!(ask(&mut asked, 1, 64, 1000, &mut outbox), Lookup::Wait(_)));
    // Those who ask what is under way already wait for it.
    assert!(matches!(ask(&mut asked, 0, 63, 1000, &mut outbox), Lookup::Wait(_)));
    // Calls whose answers are long overdue count no more: two seconds, and five.
    assert!(matches!(ask(&mut asked, 0, 64, 1007, &mut outbox), Lookup::Unavailable { .. }));
    assert!(matches!(ask(&mut asked, 0, 64, 1008, &mut outbox), Lookup::Wait(_)));
    // An answer that comes after all is nobody's.
    assert_eq!(asked.answered(0, &json_answer(&active()), reading(1008, None)), Ok(()));
    assert!(matches!(ask(&mut asked, 0, 0, 1008, &mut outbox), Lookup::Wait(_)));
}

#[test]
fn a_full_outbox_leaves_nothing_behind() {
    let mut asked = Introspections::new([0; 32]);
    let introspection = Rc::new(introspection());
    assert!(matches!(asked.look_up(0, &introspection, "t", 1000, &mut Outbox::new(0)), Lookup::Unavailable { .. }));
    let mut outbox = Outbox::new(1);
    assert!(matches!(asked.look_up(0, &introspection, "t", 1000, &mut outbox), Lookup::Wait(_)));
    assert!(outbox.take().is_some());
}

#[test]
fn assertions_have_names_of_their_own() {
    let (private, _) = with_private_key();
    let private = Rc::new(private);
    let mut bodies = Vec::new();
    for seed in [1, 2] {
        let (mut asked, mut outbox) = (Introspections::new([seed; 32]), Outbox::new(8));
        for token in ["a", "b"] {
            drop(asked.look_up(0, &private, token, 1000, &mut outbox));
        }
        while let Some(errand) = outbox.take() {
            let body = String::from_utf8(errand.call.body).unwrap();
            bodies.push(body.split_once("client_assertion=").unwrap().1.to_owned());
        }
    }
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 4);
}

#[test]
fn a_flood_of_unknown_tokens_pushes_out_nobody_elses() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    let ask = |asked: &mut Introspections, token: &str, answer: &Answer, outbox: &mut Outbox| {
        drop(asked.look_up(0, &introspection, token, 1000, outbox));
        answer_all(asked, outbox, answer, 1000);
    };
    ask(&mut asked, "a user's", &json_answer(&active()), &mut outbox);
    for number in 0..20_000 {
        ask(&mut asked, &format!("garbage {number}"), &json_answer(&json!({"active": false})), &mut outbox);
    }
    assert!(matches!(asked.look_up(0, &introspection, "a user's", 1000, &mut outbox), Lookup::Ready(_)));
    let (entries, bytes) = asked.size();
    assert!(entries <= 8193 && bytes <= 4 * 1024 * 1024, "{entries} entries, {bytes} bytes");
}

#[test]
fn memory_is_bounded_in_bytes_as_well() {
    let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
    let introspection = Rc::new(introspection());
    let large = json_answer(&with(active(), "padding", json!("x".repeat(60_000))));
    for number in 0..200 {
        drop(asked.look_up(0, &introspection, &format!("{number}"), 1000, &mut outbox));
        answer_all(&mut asked, &mut outbox, &large, 1000);
    }
    let (entries, bytes) = asked.size();
    assert!((50..100).contains(&entries) && bytes <= 8 * 1024 * 1024, "{entries} entries, {bytes} bytes");
    assert!(matches!(asked.look_up(0, &introspection, "199", 1000, &mut outbox), Lookup::Ready(_)));
}

/// Something that happens to a worker.
#[derive(Clone, Debug)]
enum Step {
    Ask { provider: usize, token: usize },
    Answer { which: usize, active: bool, lifetime: i64 },
    Lose { which: usize },
    Pass { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2_usize, 0..3_usize).prop_map(|(provider, token)| Step::Ask { provider, token }),
        3 => (0..8_usize, any::<bool>(), -5..60_i64)
            .prop_map(|(which, active, lifetime)| Step::Answer { which, active, lifetime }),
        1 => (0..8_usize).prop_map(|which| Step::Lose { which }),
        2 => (0..8_i64).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// What a model knows of one question.
#[derive(Clone, Debug, Default)]
struct Model {
    /// The errand that is under way, and when it was left.
    asked: Option<(u64, i64)>,
    /// The last outcome, and when it ends: an active token's subject, a refusal, or a failure.
    outcome: Option<(Option<Option<String>>, i64)>,
}

proptest! {
    /// Whatever happens in whatever order: a verdict is the last one about this token by this provider, is served as long
    /// as it may be and no longer, and there is one call under way for each question at most.
    #[test]
    fn what_is_served_is_what_was_said_of_this_token_and_not_too_long_ago(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let (mut asked, mut outbox) = (Introspections::new([0; 32]), Outbox::new(1024));
        let introspection = Rc::new(introspection());
        let mut models: BTreeMap<(usize, usize), Model> = BTreeMap::new();
        let mut calls: Vec<(u64, (usize, usize))> = Vec::new();
        let mut now = 1000;
        for step in steps {
            match step {
                Step::Pass { seconds } => now += seconds,
                Step::Ask { provider, token } => {
                    let question = (provider, token);
                    let model = models.entry(question).or_default();
                    let found = asked.look_up(provider, &introspection, &format!("token {token}"), now, &mut outbox);
                    let made = outbox.take();
                    let serves = model.outcome.clone().filter(|(_, until)| now < *until).map(|(outcome, _)| outcome);
                    // Two seconds for the answer, and five.
                    let waits = model.asked.filter(|(_, at)| now <= at + 7);
                    match (serves, waits, found) {
                        (Some(Some(Some(subject))), _, Lookup::Ready(Verdict::Active(vouched))) => {
                            prop_assert_eq!(vouched.claims().identifier("sub"), Ok(Some(subject.as_str())));
                            prop_assert!(made.is_none());
                        }
                        (Some(Some(None)), _, Lookup::Ready(Verdict::Refused(Cause::TokenInactive)))
                        | (Some(None), _, Lookup::Unavailable { .. }) => prop_assert!(made.is_none()),
                        (None, Some((errand, _)), Lookup::Wait(Ticket::Introspection(ticket))) => {
                            prop_assert_eq!(errand, ticket);
                            prop_assert!(made.is_none());
                        }
                        (None, None, Lookup::Wait(Ticket::Introspection(ticket))) => {
                            let body = String::from_utf8(made.unwrap().call.body).unwrap();
                            let asks = format!("token=token+{token}&");
                            prop_assert!(body.starts_with(&asks));
                            calls.push((ticket, question));
                            model.asked = Some((ticket, now));
                        }
                        (serves, waits, found) => {
                            let found = matches!(found, Lookup::Ready(_));
                            prop_assert!(false, "{serves:?} {waits:?} ready: {found} at {now}");
                        }
                    }
                }
                Step::Answer { .. } | Step::Lose { .. } if calls.is_empty() => {}
                Step::Answer { which, active: is_active, lifetime } => {
                    let (errand, question) = calls.remove(which % calls.len());
                    let subject = format!("{errand} of {question:?}");
                    let answer = if is_active {
                        with(with(active(), "sub", json!(subject)), "exp", json!(now + lifetime))
                    } else {
                        json!({"active": false})
                    };
                    let result = asked.answered(errand, &json_answer(&answer), reading(now, None));
                    prop_assert!(result.is_ok());
                    let model = models.get_mut(&question).unwrap();
                    if let Some((_, at)) = model.asked.take_if(|(one, _)| *one == errand) {
                        let (outcome, until) = if is_active {
                            (Some(subject), (at + 30).min(now + lifetime))
                        } else {
                            (None, at + 10)
                        };
                        model.outcome = Some((Some(outcome), until.max(now + 2)));
                    }
                }
                Step::Lose { which } => {
                    let (errand, question) = calls.remove(which % calls.len());
                    let result = asked.answered(errand, &Answer::Lost, reading(now, None));
                    let model = models.get_mut(&question).unwrap();
                    let awaited = model.asked.take_if(|(one, _)| *one == errand).is_some();
                    prop_assert_eq!(result.is_err(), awaited);
                    if awaited {
                        model.outcome = Some((None, now + 2));
                    }
                }
            }
        }
    }
}
