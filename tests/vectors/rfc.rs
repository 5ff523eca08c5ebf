//! The examples of the RFCs: `tests/data/rfc_jose_examples.json`.
//!
//! RFC 7520 has the same examples in JSON serialisations (sections 4.5 to 4.8); a token has the compact form only, so
//! those are left out.

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::case::{Case, Exception, Published, trial};
use crate::host::Host;

#[derive(Deserialize)]
struct Examples {
    signatures: Vec<Example>,
    unsecured: Vec<Example>,
    thumbprints: Vec<Thumbprint>,
}

#[derive(Deserialize)]
struct Example {
    name: String,
    #[serde(default)]
    key: Value,
    jws: String,
}

#[derive(Deserialize)]
struct Thumbprint {
    name: String,
    key: Value,
    thumbprint: String,
}

const PUBLISHED_SECRET: Exception =
    Exception::refused("the secret stands in an RFC, so everybody knows it", "key: the secret is published");

pub(crate) fn trials(host: Host) -> Vec<Trial> {
    let thumbprints = Trial::test(format!("{}::rfc::thumbprints", host.name()), move || {
        let mut probe = host.start()?;
        for example in examples().thumbprints {
            let thumbprint = probe.ask(&json!({ "thumbprint": example.key }))?;
            if thumbprint != example.thumbprint.as_str() {
                return Err(Failed::from(format!("{}: {thumbprint}", example.name)));
            }
        }
        Ok(())
    });
    vec![
        trial(host, "rfc::signatures", || examples().signatures.iter().map(signed).collect()),
        trial(host, "rfc::signatures with a change", || examples().signatures.iter().flat_map(altered).collect()),
        trial(host, "rfc::unsecured", unsecured),
        thumbprints,
    ]
}

fn examples() -> Examples {
    serde_json::from_str(include_str!("../data/rfc_jose_examples.json")).expect("the examples")
}

fn signed(example: &Example) -> Case {
    Case {
        name: example.name.clone(),
        ask: json!({ "jws": { "keys": [example.key], "token": example.jws } }),
        published: Published::Valid,
        exception: (example.name == "RFC 7515 A.1 HS256").then_some(PUBLISHED_SECRET),
    }
}

/// Another payload, and another signature.
fn altered(example: &Example) -> Vec<Case> {
    let parts: Vec<&str> = example.jws.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { panic!("{}: not three parts", example.name) };
    let other = |part: &str| {
        // Not the last character, whose unused bits have to stay zero.
        let second = |(place, character)| match (place, character) {
            (1, 'A') => 'B',
            (1, _) => 'A',
            (_, character) => character,
        };
        part.chars().enumerate().map(second).collect::<String>()
    };
    let case = |name: &str, jws: String| Case {
        name: format!("{}, another {name}", example.name),
        ask: json!({ "jws": { "keys": [example.key], "token": jws } }),
        published: Published::Invalid,
        exception: None,
    };
    vec![
        case("payload", format!("{header}.{}.{signature}", other(payload))),
        case("signature", format!("{header}.{payload}.{}", other(signature))),
    ]
}

/// Under every key that there is.
fn unsecured() -> Vec<Case> {
    let examples = examples();
    let keys = || examples.signatures.iter().skip(1).map(|example| &example.key);
    let under = |example: &Example, key: &Value| Case {
        name: example.name.clone(),
        ask: json!({ "jws": { "keys": [key], "token": example.jws } }),
        published: Published::Invalid,
        exception: None,
    };
    examples.unsecured.iter().flat_map(|example| keys().map(|key| under(example, key))).collect()
}
