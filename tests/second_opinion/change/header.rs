//! Members of the header.

use serde_json::{Value, json};

use super::{Change, change};
use crate::dice::Dice;
use crate::issuer::{self, ALGORITHMS};
use crate::recipe::Recipe;

pub(super) const CHANGES: &[Change] = &[
    change("header: another alg", |token, dice| token.header.set("alg", &json!(dice.pick(&ALGORITHMS)))),
    change("header: an alg that is none", |token, dice| {
        let name = dice.pick(&[
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "HS1",
            "RS1",
            "RS256 ",
            " RS256",
            "rs256",
            "Hs256",
            "es256",
            "EDDSA",
            "eddsa",
            "ES256K",
            "Ed25519",
            "Ed448",
            "ML-DSA-44",
            "RSA-OAEP",
            "dir",
            "A128KW",
            "RS256\u{0}",
            "constructor",
            "__proto__",
        ]);
        token.header.set("alg", &json!(name));
    }),
    change("header: alg is no text", |token, dice| {
        let alg = token.header.get("alg").unwrap_or("0").to_owned();
        let value = dice.pick(&["null", "5", "true", "{}", "[]"]);
        token.header.set_raw("alg", &if dice.once_in(3) { format!("[{alg}]") } else { value.to_owned() });
    }),
    change("header: no kid", |token, _| token.header.remove("kid")),
    change("header: an unknown kid", |token, dice| {
        let long = "k".repeat(dice.pick(&[255, 256, 257, 4000]));
        let name =
            dice.pick(&["../../dev/null", "", "' OR '1'='1", "RSA", "rsa\u{0}", "0", "Größe", "toString", &long]);
        token.header.set("kid", &json!(name));
    }),
    change("header: the kid of another key", |token, dice| {
        token.header.set("kid", &json!(dice.pick(&issuer::names())));
    }),
    change("header: the kid in another case", |token, _| {
        token.header.set("kid", &json!(token.key.to_uppercase()));
    }),
    change("header: kid is no text", |token, dice| {
        let value = dice.pick(&["null", "5", "true", "{}", "[]", r#"["rsa"]"#, "0"]);
        token.header.set_raw("kid", value);
    }),
    change("header: typ in another spelling", |token, dice| {
        let value = dice.pick(&["at+JWT", "AT+JWT", "application/at+jwt", "Application/AT+JWT", "APPLICATION/at+jwt"]);
        token.header.set("typ", &json!(value));
    }),
    change("header: another typ", |token, dice| {
        let value = dice.pick(&[
            "JWT",
            "jwt",
            "dpop+jwt",
            "logout+jwt",
            "",
            "at+jwt ",
            " at+jwt",
            "at+jwt;charset=utf-8",
            "text/at+jwt",
            "/at+jwt",
            "at+jwt/",
            "application/",
            "application/jwt",
            "application/application/at+jwt",
            "at jwt",
            "at-jwt",
            "absent",
            "\u{212a}",
        ]);
        token.header.set("typ", &json!(value));
    }),
    change("header: typ is no text", |token, dice| {
        let value = dice.pick(&["null", "5", "true", "{}", "[]", r#"["at+jwt"]"#]);
        token.header.set_raw("typ", value);
    }),
    change("header: no typ", |token, _| token.header.remove("typ")),
    change("header: no alg", |token, _| token.header.remove("alg")),
    change("header: crit", crit),
    change("header: crit of a known extension", |token, dice| {
        token.header.set_raw("crit", dice.pick(&[r#"["b64"]"#, r#"["b64","b64"]"#]));
        token.header.set("b64", &json!(!dice.once_in(3)));
    }),
    change("header: members of JWE and of nested tokens", |token, dice| {
        let (name, values) = dice.pick(&[
            ("zip", &["DEF", "GZ"][..]),
            ("enc", &["A128GCM", "none"]),
            ("cty", &["JWT", "application/json"]),
            ("b64", &["true"]),
        ]);
        let value = dice.pick(values);
        token.header.set(name, &if name == "b64" { json!(dice.once_in(2)) } else { json!(value) });
    }),
    change("header: keys and places of keys", |token, dice| {
        let (name, value) = dice.pick(&[
            ("jwk", r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
            ("jku", r#""https://attacker.example.com/jwks""#),
            ("x5u", r#""https://attacker.example.com/chain""#),
            ("x5c", r#"["AAAA"]"#),
            ("x5c", "5"),
            ("x5t", r#""AAAA""#),
            ("x5t#S256", "null"),
        ]);
        token.header.set_raw(name, value);
    }),
    change("header: further members", |token, dice| {
        for _ in 0..dice.between(1, 5) {
            let name = dice.text(6);
            token
                .header
                .set_raw(&name, dice.pick(&["1", "null", "true", "[]", "{}", r#""text""#, r#"{"a":[{"b":0}]}"#]));
        }
    }),
    change("header: deep or many members", |token, dice| {
        if dice.once_in(2) {
            let depth = dice.below(8);
            token.header.set_raw("deep", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        } else {
            let many: Vec<Value> = (0..dice.between(40, 90)).map(Value::from).collect();
            token.header.set("many", &json!(many));
        }
    }),
    change("header: no object", |token, dice| {
        let text = dice.pick(&["[]", "null", "5", r#""header""#, "", "{}", "true", r#"[{"alg":"HS256"}]"#]);
        token.header.whole = Some(text.into());
    }),
];

fn crit(token: &mut Recipe, dice: &mut Dice) {
    let value = dice.pick(&[
        "[]",
        r#"["exp"]"#,
        r#"["alg"]"#,
        r#"["known"]"#,
        r#"["b64"]"#,
        r#"["b64","b64"]"#,
        "null",
        r#""b64""#,
        "{}",
        "[5]",
        r#"[""]"#,
        r#"["toString"]"#,
        "true",
    ]);
    token.header.set_raw("crit", value);
    if dice.once_in(2) {
        token.header.set("known", &json!(true));
    }
    if dice.once_in(2) {
        token.header.set("b64", &json!(true));
    }
}
