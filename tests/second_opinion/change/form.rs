//! The compact form: segments, base64url, the text as a whole.

use serde_json::{Value, json};

use super::{Change, change, change_of};
use crate::recipe::Recipe;

pub(super) const CHANGES: &[Change] = &[
    change("form: fewer or more segments", |token, dice| {
        step(token, json!({ "segments": dice.pick(&[1, 2, 4, 5, 6]) }));
    }),
    change("form: dots behind", |token, dice| step(token, json!({ "dots": dice.pick(&[1, 2, 50, 5000]) }))),
    change("form: another case", |token, dice| step(token, json!({ "case": dice.pick(&["upper", "lower", "swap"]) }))),
    change("form: a JSON serialisation", |token, dice| {
        step(token, json!({ "json_serialised": dice.pick(&["flattened", "general"]) }));
    }),
    change("form: something before or behind", |token, dice| {
        let text = dice.pick(&[" ", "\"", "Bearer ", "a", "=", ",", "\t", "\r\n", ";", "%20", "~", ".a", "+"]);
        step(token, json!({ (dice.pick(&["prefix", "suffix"])): text }));
    }),
    change("form: padding", |token, dice| base64(token, "padded", dice.pick(&["header", "claims", "signature"]))),
    change("form: the other alphabet", |token, dice| {
        base64(token, "standard", dice.pick(&["header", "claims", "signature"]))
    }),
    change("form: white space inside", |token, dice| {
        base64(token, dice.pick(&["newline", "space"]), dice.pick(&["header", "claims", "signature"]));
    }),
    change("form: what is not ASCII", |token, dice| {
        base64(token, "non_ascii", dice.pick(&["header", "claims", "signature"]))
    }),
    change("form: unused bits of the header or the claims", |token, dice| {
        base64(token, "trailing_bits", dice.pick(&["header", "claims"]));
    }),
    change_of("form: unused bits of the signature", has_unused_bits, |token, _| {
        base64(token, "trailing_bits", "signature")
    }),
    change("form: long", |token, dice| {
        let size = dice.pick(&[1000, 8000, 11_000, 12_000, 13_000, 20_000]);
        token.claims.set("long", &json!(dice.text(size)));
    }),
    change("form: a long header", |token, dice| {
        let size = dice.pick(&[1000, 8000, 13_000]);
        token.header.set("long", &json!(dice.text(size)));
    }),
];

fn step(token: &mut Recipe, step: Value) {
    token.tamper.push(step);
}

fn base64(token: &mut Recipe, how: &str, part: &str) {
    step(token, json!({ "base64": how, "part": part }));
}

/// Whether a signature's length is no multiple of three.
fn has_unused_bits(algorithm: &str) -> bool {
    !["ES384", "ES512", "HS384"].contains(&algorithm)
}
