//! Who signs, how, and what becomes of the signature.

use serde_json::{Value, json};

use super::{Change, change, change_of};
use crate::issuer::{self, FIFTH, NAMELESS};
use crate::recipe::Recipe;

pub(super) const CHANGES: &[Change] = &[
    change("signature: a bit differs", |token, dice| step(token, json!({ "flip_signature_bit": dice.below(256) }))),
    change("signature: of other claims", |token, dice| step(token, json!({ "flip_claims_bit": dice.below(400) }))),
    change("signature: of another header", |token, dice| step(token, json!({ "flip_header_bit": dice.below(200) }))),
    change("signature: none", |token, _| step(token, json!({ "drop_signature": true }))),
    change("signature: too short", |token, dice| step(token, json!({ "signature_truncate": dice.between(1, 31) }))),
    change("signature: too long", |token, dice| {
        let bytes = dice.pick(&["00", "0000", "ff", "3045", "00000000000000000000000000000000"]);
        let how = dice.pick(&["signature_append_hex", "signature_prepend_hex"]);
        step(token, json!({ (how): bytes }));
    }),
    change("signature: any bytes", |token, dice| {
        let byte = dice.pick(&["00", "01", "ff", "a5"]);
        let length = dice.pick(&[1, 32, 48, 64, 96, 132, 256, 512]);
        token.how.insert("signature".to_owned(), json!({ "hex": byte.repeat(length) }));
    }),
    change("signature: of another key of the issuer", |token, dice| {
        token.how.insert("sign_with".to_owned(), json!(dice.pick(&issuer::signers(token.algorithm))));
    }),
    change_of(
        "signature: of a stranger",
        |algorithm| !issuer::strangers(algorithm).is_empty(),
        |token, dice| {
            token.how.insert("sign_with".to_owned(), json!(dice.pick(&issuer::strangers(token.algorithm))));
        },
    ),
    change_of(
        "signature: of the fifth key, without a kid",
        |algorithm| algorithm == "ES256",
        |token, _| {
            token.key = FIFTH;
            token.header.remove("kid");
        },
    ),
    change_of("signature: of the key without a name, and a kid", is_edwards, |token, dice| {
        token.key = NAMELESS;
        token.header.set("kid", &json!(dice.pick(&[NAMELESS, "ed", "another", ""])));
    }),
    change("signature: by another algorithm of the key", |token, dice| {
        let signer = issuer::SIGNERS.iter().find(|signer| signer.name == token.key).expect("a signer");
        token.algorithm = dice.pick(signer.algorithms);
    }),
    change_of("signature: an HMAC with the public key", is_public, |token, dice| {
        let form = dice.pick(forms(token.algorithm));
        let name = dice.pick(&["HS256", "HS384", "HS512"]);
        token.header.set("alg", &json!(name));
        token.algorithm = name;
        token.how.insert("hmac_with".to_owned(), json!({ "public": token.key, "as": form }));
    }),
    change("signature: an HMAC with a guess", |token, dice| {
        let name = dice.pick(&["HS256", "HS384", "HS512"]);
        token.header.set("alg", &json!(name));
        token.algorithm = name;
        token
            .how
            .insert("hmac_with".to_owned(), json!({ "text": dice.pick(&["", "secret", "0", "null", "changeme"]) }));
    }),
    change_of("signature: other numbers in ECDSA", is_elliptic, |token, dice| {
        let numbers = ["zero", "one", "order", "order_minus_one", "order_plus_one", "max"];
        let (r, s) = (dice.pick(&numbers), dice.pick(&numbers));
        let both = [json!({ "r": r }), json!({ "s": s }), json!({ "r": r, "s": s })];
        step(token, json!({ "signature_bytes": both[dice.below(3)] }));
    }),
    change_of("signature: the other one of ECDSA", is_elliptic, |token, _| {
        step(token, json!({ "signature_malleate": true }))
    }),
    change_of("signature: ECDSA in DER", is_elliptic, |token, _| step(token, json!({ "signature_der": true }))),
    change_of("signature: S plus the order in EdDSA", is_edwards, |token, _| {
        step(token, json!({ "ed_s_plus_l": true }))
    }),
    change_of("signature: a neutral R in EdDSA", is_edwards, |token, _| {
        token.how.insert("ed_small_order_r".to_owned(), json!(true));
    }),
    change_of(
        "signature: other padding of PKCS #1",
        |algorithm| algorithm.starts_with("RS"),
        |token, dice| {
            let padding = dice.pick(&["missing_null", "short", "trailing", "zero"]);
            token.how.insert("pkcs1".to_owned(), json!({ "padding": padding }));
        },
    ),
    change_of("signature: another salt in PSS", is_pss, |token, dice| {
        token.how.insert("pss_salt".to_owned(), json!(dice.pick(&[0, 1, 20, 31, 32, 33, 47, 48, 49, 63, 64])));
    }),
    change_of("signature: another mask in PSS", is_pss, |token, dice| {
        token.how.insert("pss_mask".to_owned(), json!(dice.pick(&["SHA-1", "SHA-256", "SHA-384", "SHA-512"])));
    }),
];

fn step(token: &mut Recipe, step: Value) {
    token.tamper.push(step);
}

fn is_public(algorithm: &str) -> bool {
    !algorithm.starts_with("HS")
}

fn is_elliptic(algorithm: &str) -> bool {
    algorithm.starts_with("ES")
}

fn is_edwards(algorithm: &str) -> bool {
    algorithm == "EdDSA"
}

fn is_pss(algorithm: &str) -> bool {
    algorithm.starts_with("PS")
}

/// The forms in which the forge writes a public key.
fn forms(algorithm: &str) -> &'static [&'static str] {
    if algorithm.starts_with("RS") || algorithm.starts_with("PS") {
        &["pem", "pem_trimmed", "der", "pkcs1", "jwk", "x", "raw"]
    } else {
        &["pem", "pem_trimmed", "der", "jwk", "x", "raw"]
    }
}
