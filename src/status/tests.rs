//! Lists, what they say, and what they are taken for.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::rc::Rc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use miniz_oxide::deflate::compress_to_vec_zlib;
use p256::ecdsa::signature::Signer;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::{Algorithm, Judgement, KeySet, judge};

const URI: &str = "https://lists.example.com/statuslists/1";
const NOW: i64 = 1_700_000_000;

/// The lists of the appendix "Test vectors" and of §4.1, §9.1 of draft-ietf-oauth-status-list, as the IETF publishes them
/// (Revised BSD License): bits, list, and those entries that are not 0.
const ONE_BIT: &str = "eNrbuRgAAhcBXQ";
const TWO_BITS: &str = "eNo76fITAAPfAgc";
const ONE_BIT_LONG: &str = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogE\
    AAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAA\
    A7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAA\
    ACAZC8L2AEb";

fn list(bits: u8, packed: &str) -> Result<StatusList, String> {
    let list = json!({"bits": bits, "lst": packed.replace(' ', "")});
    StatusList::read(list.as_object().unwrap()).map_err(|unfit| unfit.0)
}

fn packed(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&compress_to_vec_zlib(bytes, 9))
}

fn claims(value: &Value) -> ClaimSet {
    ClaimSet::new(value.as_object().cloned().unwrap())
}

#[test]
fn the_published_lists_are_read_as_they_are_meant() {
    let statuses =
        |list: &StatusList, number: u64| (0..number).map(|index| list.status(index).unwrap()).collect::<Vec<_>>();
    let one = list(1, ONE_BIT).unwrap();
    assert_eq!(statuses(&one, 16), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    assert_eq!(one.status(16), None);
    let two = list(2, TWO_BITS).unwrap();
    assert_eq!(statuses(&two, 12), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    assert_eq!(two.status(12), None);

    let long = list(1, ONE_BIT_LONG).unwrap();
    let set: Vec<u64> = (0..1 << 20).filter(|index| long.status(*index) == Some(1)).collect();
    let published = [0, 1993, 25460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
    assert_eq!(set, published);
    assert_eq!((long.status((1 << 20) - 1), long.status(1 << 20)), (Some(0), None));
    for far in [u64::MAX, u64::from(u32::MAX), 1 << 40] {
        assert_eq!(long.status(far), None);
    }
}

proptest! {
    #[test]
    fn each_entry_stands_where_it_was_put(
        width in 0..4_u32,
        statuses in prop::collection::vec(any::<u8>(), 1..200),
        beyond in 0..1000_u64,
    ) {
        let bits = 2_u8.pow(width);
        let statuses: Vec<u8> = statuses.iter().map(|status| status & (u8::MAX >> (8 - bits))).collect();
        let each = usize::from(8 / bits);
        let mut bytes = vec![0_u8; statuses.len().div_ceil(each)];
        for (index, status) in statuses.iter().enumerate() {
            bytes[index / each] |= status << (u8::try_from(index % each).unwrap() * bits);
        }
        let list = list(bits, &packed(&bytes)).unwrap();
        for (index, status) in statuses.iter().enumerate() {
            prop_assert_eq!(list.status(u64::try_from(index).unwrap()), Some(*status));
        }
        let end = u64::try_from(bytes.len() * each).unwrap();
        prop_assert_eq!(list.status(end + beyond), None);
    }

    #[test]
    fn whatever_bytes_come_are_a_list_or_none(bits in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let packed = Base64UrlUnpadded::encode_string(&bytes);
        if let Ok(list) = list(bits, &packed) {
            let _ = list.status(u64::from(bits));
        }
        drop(revoked_ids(&bytes, NOW));
        drop(terms().read(&bytes, NOW));
    }
}

#[test]
fn a_list_of_another_form_is_none() {
    for bits in [0, 3, 5, 6, 7, 9, 16, 255] {
        assert!(list(bits, ONE_BIT).is_err(), "{bits}");
    }
    // Cut short, with a wrong checksum, not compressed, with padding, and no list at all.
    for wrong in ["eNrbuRgA", "eNrbuRgAAhcBXA", "uaM", "eNrbuRgAAhcBXQ==", "", "!"] {
        assert!(list(1, wrong).is_err(), "{wrong}");
    }
    for odd in
        [json!({"bits": "1", "lst": ONE_BIT}), json!({"bits": 1.0, "lst": ONE_BIT}), json!({"bits": 1, "lst": 5})]
    {
        assert!(StatusList::read(odd.as_object().unwrap()).is_err(), "{odd}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let largest = vec![0; 1 << 20];
    assert!(list(1, &packed(&largest)).is_ok());
    let bomb = packed(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000, "fits into an answer");
    assert!(list(1, &bomb).unwrap_err().contains("1048576"));
}

/// RFC 7515 §A.3.1.
const KEY: (&str, &str) = (
    r#"{"kty":"EC","crv":"P-256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
);

fn keys() -> Rc<KeySet> {
    let Ok(Judgement::Usable(key)) = judge(&serde_json::from_str(KEY.0).unwrap()) else { panic!("a public key") };
    Rc::new(KeySet::new(vec![*key]).unwrap())
}

fn terms() -> StatusListTerms {
    let shared = SharedKeys::default();
    shared.set(Some(keys()));
    StatusListTerms { uri: URI.to_owned(), algorithms: vec![Algorithm::Es256], keys: Rc::new(shared), clock_skew: 30 }
}

fn token(header: &Value, claims: &Value) -> Vec<u8> {
    let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let key = p256::ecdsa::SigningKey::from_slice(&Base64UrlUnpadded::decode_vec(KEY.1).unwrap()).unwrap();
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature: p256::ecdsa::Signature = key.sign(message.as_bytes());
    format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes())).into_bytes()
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k", "typ": "statuslist+jwt"})
}

fn list_claims() -> Value {
    json!({"sub": URI, "iat": NOW, "status_list": {"bits": 1, "lst": ONE_BIT}})
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

fn reason(header: &Value, claims: &Value) -> String {
    terms().read(&token(header, claims), NOW).map_or_else(|unfit| unfit.0, |_| "taken".to_owned())
}

#[test]
fn a_list_that_its_issuer_signed_is_taken() {
    let fit = terms().read(&token(&header(), &list_claims()), NOW).unwrap();
    assert_eq!((fit.fresh_for, fit.good_until), (None, None));
    assert_eq!(fit.document.status(0), Some(1));
    let limited = with(with(list_claims(), "ttl", json!(43_200)), "exp", json!(NOW + 86_400));
    let fit = terms().read(&token(&header(), &limited), NOW).unwrap();
    assert_eq!((fit.fresh_for, fit.good_until), (Some(Duration::from_secs(43_200)), Some(NOW + 86_430)));
    assert_eq!(reason(&with(header(), "typ", json!("application/statuslist+jwt")), &list_claims()), "taken");
}

#[test]
fn a_list_token_is_checked_in_every_part() {
    let head = |name: &str, value: Value| reason(&with(header(), name, value), &list_claims());
    let claim = |name: &str, value: Value| reason(&header(), &with(list_claims(), name, value));
    for other in ["at+jwt", "JWT", "statuslist+cwt"] {
        assert_eq!(head("typ", json!(other)), "its `typ` is not `statuslist+jwt`");
    }
    assert_eq!(reason(&without(header(), "typ"), &list_claims()), "its `typ` is not `statuslist+jwt`");
    for other in ["none", "HS256", "ES384"] {
        assert_eq!(head("alg", json!(other)), "its `alg` is not in `algorithms`");
    }
    assert_eq!(head("crit", json!(["x"])), "it is not a compact JWS to be accepted");
    assert_eq!(head("kid", json!("another")), "no key of the issuer fits it");
    for other in [json!("https://lists.example.com/statuslists/2"), json!(null), json!([URI])] {
        assert_eq!(claim("sub", other), "its `sub` is not the place where it was fetched");
    }
    assert_eq!(reason(&header(), &without(list_claims(), "iat")), "it has no `iat`");
    assert_eq!(claim("iat", json!("now")), "its `iat` is not a time");
    assert_eq!(claim("iat", json!(NOW + 31)), "it is from the future");
    assert_eq!(claim("iat", json!(NOW + 30)), "taken");
    assert_eq!(claim("nbf", json!(NOW + 31)), "it is from the future");
    assert_eq!(claim("exp", json!(NOW - 30)), "it has expired");
    assert_eq!(claim("exp", json!(NOW - 29)), "taken");
    for odd in [json!(0), json!(-1), json!("60"), json!(1.5)] {
        assert_eq!(claim("ttl", odd), "its `ttl` is not a positive number of seconds");
    }
    for odd in [json!(null), json!([]), json!("x")] {
        assert_eq!(claim("status_list", odd), "it has no object `status_list`");
    }
}

#[test]
fn a_list_counts_only_by_a_key_of_the_issuer() {
    let document = token(&header(), &list_claims());
    let text = String::from_utf8(document.clone()).unwrap();
    let forged = format!("{}.{}", text.rsplit_once('.').unwrap().0, "A".repeat(86));
    assert_eq!(terms().read(forged.as_bytes(), NOW).unwrap_err().0, "its signature does not hold");

    let terms = terms();
    terms.keys.set(None);
    assert_eq!(terms.read(&document, NOW).unwrap_err().0, "there are no keys to verify it with yet");
    terms.keys.set(Some(Rc::default()));
    assert_eq!(terms.read(&document, NOW).unwrap_err().0, "no key of the issuer fits it");
    // So that newer keys can be fetched; once.
    assert_eq!(terms.keys.take_missed().as_deref(), Some("k"));
    assert_eq!(terms.keys.take_missed(), None);
    terms.keys.set(Some(keys()));
    assert!(terms.read(&document, NOW).is_ok());
}

fn lists() -> StatusLists {
    StatusLists {
        cluster: "lists".to_owned(),
        uris: vec![
            "https://lists.example.com/statuslists/".to_owned(),
            "https://one.example.com/the/list?a=b".to_owned(),
        ],
        required: false,
        times: Times {
            timeout: Duration::from_secs(2),
            cache_duration: Duration::from_secs(60),
            max_stale: Duration::from_secs(300),
        },
    }
}

#[test]
fn a_token_leads_to_configured_places_only() {
    for uri in [URI, "https://lists.example.com/statuslists/a/b?c", "https://one.example.com/the/list?a=b"] {
        assert!(lists().admits(uri), "{uri}");
    }
    for uri in [
        "https://lists.example.com/statuslists",
        "https://lists.example.com/other",
        "http://lists.example.com/statuslists/1",
        "https://lists.example.com.evil.example/statuslists/1",
        "https://lists.example.com@evil.example/statuslists/1",
        "https://evil.example/statuslists/1",
        "https://LISTS.example.com/statuslists/1",
        "https://lists.example.com/statuslists/../secret",
        "https://lists.example.com/statuslists/./1",
        "https://lists.example.com/statuslists/%2E%2e/secret",
        "https://lists.example.com/statuslists/..%2fsecret",
        "https://lists.example.com/statuslists/..;/secret",
        "https://lists.example.com/statuslists/..\\secret",
        "https://lists.example.com/statuslists/1#x",
        "https://lists.example.com/statuslists/1\r\nhost: evil",
        "https://lists.example.com/statuslists/1 x",
        "https://one.example.com/the/list",
        "https://one.example.com/the/list?a=b&c",
        "",
    ] {
        assert!(!lists().admits(uri), "{uri}");
    }
}

#[test]
fn a_reference_is_typed_strictly() {
    let status = |status: Value| lists().reference(&claims(&json!({ "status": status })));
    let reference = Reference { uri: URI.to_owned(), index: 5 };
    assert_eq!(status(json!({"status_list": {"idx": 5, "uri": URI}})), Ok(Some(reference)));
    let odd = [
        json!(null),
        json!("revoked"),
        json!([]),
        json!({"status_list": null}),
        json!({"status_list": [5, URI]}),
        json!({"status_list": {"idx": -1, "uri": URI}}),
        json!({"status_list": {"idx": "5", "uri": URI}}),
        json!({"status_list": {"idx": 5.0, "uri": URI}}),
        json!({"status_list": {"uri": URI}}),
        json!({"status_list": {"idx": 5}}),
        json!({"status_list": {"idx": 5, "uri": ""}}),
        json!({"status_list": {"idx": 5, "uri": [URI]}}),
        json!({"status_list": {"idx": 5, "uri": format!("{URI}{}", "1".repeat(1024))}}),
    ];
    for odd in odd {
        assert_eq!(status(odd.clone()), Err(Cause::ClaimInvalid), "{odd}");
    }
    // Told in a way that is not understood here.
    for other in [json!({}), json!({"identifier_list": {"id": "5", "uri": URI}})] {
        assert_eq!(status(other.clone()), Err(Cause::StatusUnverified), "{other}");
    }
    assert_eq!(
        status(json!({"status_list": {"idx": 5, "uri": "https://evil.example/1"}})),
        Err(Cause::StatusUnverified)
    );
}

#[test]
fn a_token_without_a_status_passes_unless_one_is_required() {
    let none = claims(&json!({"sub": "alice"}));
    assert_eq!(lists().reference(&none), Ok(None));
    let required = StatusLists { required: true, ..lists() };
    assert_eq!(required.reference(&none), Err(Cause::ClaimMissing));
}

#[test]
fn c20_a_status_that_nobody_looks_up_is_not_passed_over() {
    assert_eq!(without_lists(&claims(&json!({"sub": "alice"}))), Ok(()));
    let status = json!({"status": {"status_list": {"idx": 5, "uri": URI}}});
    assert_eq!(without_lists(&claims(&status)), Err(Cause::StatusUnverified));
    assert_eq!(without_lists(&claims(&json!({"status": 5}))), Err(Cause::ClaimInvalid));
}

#[test]
fn revoked_ids_are_refused_and_others_are_not() {
    let document = json!({
        "revoked": ["a", {"jti": "b"}, {"jti": "c", "exp": NOW + 60, "reason": "stolen"}, {"jti": "d", "exp": NOW - 299},
            {"jti": "e", "exp": NOW - 300}, "a"],
        "issued": "today"
    });
    let ids = revoked_ids(document.to_string().as_bytes(), NOW).unwrap().document;
    let judge = |id: Value| ids.judge(&claims(&json!({ "jti": id })));
    for revoked in ["a", "b", "c", "d"] {
        assert_eq!(judge(json!(revoked)), Err(Cause::TokenRevoked), "{revoked}");
    }
    // Long expired: its own time refuses it.
    for stands in ["e", "A", "a ", "aa"] {
        assert_eq!(judge(json!(stands)), Ok(()), "{stands}");
    }
}

#[test]
fn c18_an_id_that_nobody_could_revoke_is_refused() {
    let ids = revoked_ids(br#"{"revoked": []}"#, NOW).unwrap().document;
    assert_eq!(ids.judge(&claims(&json!({}))), Err(Cause::ClaimMissing));
    for odd in [json!(5), json!(null), json!(""), json!(["a"]), json!("x".repeat(513)), json!("a\n")] {
        assert_eq!(ids.judge(&claims(&json!({ "jti": odd }))), Err(Cause::ClaimInvalid), "{odd}");
    }
}

#[test]
fn a_list_of_ids_is_taken_whole_or_not_at_all() {
    let many = |number: usize| json!({"revoked": (0..number).map(|id| id.to_string()).collect::<Vec<_>>()}).to_string();
    assert!(revoked_ids(many(65_536).as_bytes(), NOW).is_ok());
    assert!(revoked_ids(many(65_537).as_bytes(), NOW).is_err());
    for wrong in [
        "",
        "[]",
        r#"["a"]"#,
        "{}",
        r#"{"revoked": null}"#,
        r#"{"revoked": {"a": true}}"#,
        r#"{"revoked": ["a", 5]}"#,
        r#"{"revoked": [""]}"#,
        r#"{"revoked": [{"exp": 5}]}"#,
        r#"{"revoked": [{"jti": "a", "exp": "5"}]}"#,
        r#"{"revoked": [{"jti": "a", "exp": 5.5}]}"#,
        r#"{"revoked": ["a"], "revoked": []}"#,
        r#"{"revoked": ["a"]} x"#,
    ] {
        assert!(revoked_ids(wrong.as_bytes(), NOW).is_err(), "{wrong}");
    }
}

#[test]
fn places_for_lists_are_few_and_used_again_when_nobody_asks() {
    let mut slots = Slots::default();
    for number in 0..16 {
        assert_eq!(slots.place(&number.to_string(), 1000, 360), Some(Place::New(number)));
    }
    // Asked for in between, and so not idle.
    assert_eq!(slots.place("0", 1300, 360), Some(Place::Known(0)));
    assert_eq!(slots.place("16", 1360, 360), None);
    assert_eq!(slots.place("16", 1361, 360), Some(Place::New(1)));
    assert_eq!(slots.place("1", 1361, 360), Some(Place::New(2)));
    assert_eq!(slots.place("0", 1361, 360), Some(Place::Known(0)));
}

#[test]
fn a_list_is_fetched_by_the_configured_cluster() {
    let spec = lists().spec("corp", 3, URI).unwrap();
    assert_eq!(spec.name, "status/corp/3");
    let crate::remote::Origin::Direct(endpoint) = spec.origin else { panic!("a place") };
    assert_eq!((endpoint.cluster(), endpoint.to_string().as_str()), ("lists", URI));
    assert_eq!(lists().idle_after(), 360);
}
