//! Claims: who, for whom, and when.

use serde_json::{Value, json};

use super::{Change, change};
use crate::dice::Dice;
use crate::issuer::{AUDIENCE, ISSUER, LIFETIME, NOW, SKEW};

pub(super) const CHANGES: &[Change] = &[
    change("claims: one is missing", |token, dice| {
        token.claims.remove(dice.pick(&["iss", "aud", "exp", "iat", "sub", "client_id", "jti"]));
    }),
    change("claims: one is of another type", |token, dice| {
        let name = dice.pick(&["iss", "aud", "exp", "iat", "nbf", "sub", "client_id"]);
        token.claims.set_raw(name, other_type(dice));
    }),
    change("claims: one is in a list", |token, dice| {
        let name = dice.pick(&["iss", "aud", "exp", "iat", "nbf", "sub", "client_id"]);
        let value = token.claims.get(name).unwrap_or("1").to_owned();
        token.claims.set_raw(name, &format!("[{value}]"));
    }),
    change("claims: a number is a text", |token, dice| {
        let name = dice.pick(&["exp", "iat", "nbf", "auth_time"]);
        let value = token.claims.get(name).unwrap_or("1780315000").to_owned();
        token.claims.set_raw(name, &format!("\"{value}\""));
    }),
    change("claims: another iss", |token, dice| {
        let upper = ISSUER.to_uppercase();
        let value = dice.pick(&[
            "https://idp.example.com",
            "https://idp.example.com//",
            "https://idp.example.com/a",
            "HTTPS://idp.example.com/",
            "http://idp.example.com/",
            "idp.example.com",
            "",
            "https://idp.example.com/ ",
            "https://idp.example.com/\u{0}",
            "https://idp.example.com:443/",
            "https://attacker.example.com/",
            &upper,
        ]);
        token.claims.set("iss", &json!(value));
    }),
    change("claims: another aud", |token, dice| {
        let value = dice.pick(&[
            r#""https://api.example.com/""#,
            r#""https://api.example.co""#,
            r#""https://API.example.com""#,
            "[]",
            r#""""#,
            r#"["https://other.example.com"]"#,
            r#""https://api.example.com https://other.example.com""#,
            "{}",
            r#"{"https://api.example.com":true}"#,
            r#"[["https://api.example.com"]]"#,
        ]);
        token.claims.set_raw("aud", value);
    }),
    change("claims: aud in another form", |token, dice| {
        let value = dice
            .pick(
                &[
                    json!([AUDIENCE]),
                    json!([AUDIENCE, AUDIENCE]),
                    json!([AUDIENCE, ""]),
                    json!(["a", "b", "c", AUDIENCE]),
                ]
                .iter()
                .collect::<Vec<_>>(),
            )
            .clone();
        token.claims.set("aud", &value);
    }),
    change("claims: aud has more than texts", |token, dice| {
        let stranger = dice.pick(&["null", "5", "true", "{}", "[]", r#"["https://api.example.com"]"#]);
        token.claims.set_raw("aud", &format!(r#"["{AUDIENCE}",{stranger}]"#));
    }),
    change("claims: exp at the boundary", |token, dice| {
        token.claims.set("exp", &json!(NOW + dice.pick(&[-SKEW, SKEW, 0]) + dice.between(-2, 2)));
        token.claims.set("iat", &json!(NOW - 100));
        token.claims.remove("nbf");
    }),
    change("claims: iat at the boundary", |token, dice| {
        token.claims.set("iat", &json!(NOW + dice.pick(&[SKEW, 0]) + dice.between(-2, 2)));
        token.claims.set("exp", &json!(NOW + 600));
    }),
    change("claims: nbf at the boundary", |token, dice| {
        token.claims.set("nbf", &json!(NOW + dice.pick(&[SKEW, 0, -SKEW]) + dice.between(-2, 2)));
    }),
    change("claims: the lifetime at the boundary", |token, dice| {
        let issued = NOW - dice.between(0, 300);
        token.claims.set("iat", &json!(issued));
        token.claims.set("exp", &json!(issued + LIFETIME + dice.between(-2, 2)));
    }),
    change("claims: long ago, or far ahead", |token, dice| {
        let name = dice.pick(&["exp", "iat", "nbf", "auth_time"]);
        let away = dice.pick(&[600, 3600, 4000, 86_400, 31_536_000, NOW]);
        token.claims.set(name, &json!(if dice.once_in(2) { NOW + away } else { NOW - away }));
    }),
    change("claims: exp before the beginning", |token, dice| {
        token.claims.set("exp", &json!(NOW - dice.between(10, 25)));
        token.claims.set("iat", &json!(NOW - 100));
        token.claims.set(dice.pick(&["iat", "nbf"]), &json!(NOW + dice.between(-5, 20)));
    }),
    change("claims: a date with a fraction or an exponent", |token, dice| {
        let name = dice.pick(&["exp", "iat", "nbf", "auth_time"]);
        let value = token.claims.get(name).unwrap_or("1780315000").to_owned();
        let ending = dice.pick(&[".0", ".5", "e0", "E+0", ".000e0", "0e-1"]);
        token.claims.set_raw(name, &format!("{value}{ending}"));
    }),
    change("claims: a date beyond all dates", |token, dice| {
        let name = dice.pick(&["exp", "iat", "nbf", "auth_time"]);
        let value = dice.pick(&[
            "-1",
            "-1780315200",
            "253402300799",
            "253402300800",
            "4294967296",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "-9223372036854775809",
            "0",
            "-0",
            "1e12",
            "1e300",
        ]);
        token.claims.set_raw(name, value);
    }),
    change("claims: an end that never comes, or a beginning before all times", |token, dice| {
        let (name, value) = dice.pick(&[
            ("exp", "253402300800"),
            ("exp", "9223372036854775808"),
            ("exp", "99999999999999999999"),
            ("nbf", "-1"),
            ("nbf", "-9223372036854775809"),
            ("nbf", "-0"),
        ]);
        token.claims.set_raw(name, value);
    }),
    change("claims: sub, client and names in other forms", |token, dice| {
        let name = dice.pick(&["sub", "client_id", "jti", "acr", "azp"]);
        let long = "s".repeat(dice.pick(&[511, 512, 513, 2000]));
        let wide = "é".repeat(dice.pick(&[256, 257]));
        let value = dice.pick(&[
            "",
            " ",
            "a b",
            "ö",
            "\u{1f600}",
            "a\u{0}b",
            "a\nb",
            "\u{7f}",
            "\u{85}",
            "a|b",
            "x\"::Role::\"admin",
            "\u{202e}",
            &long,
            &wide,
        ]);
        token.claims.set(name, &json!(value));
        if name == "azp" {
            token.claims.remove("client_id");
        }
    }),
    change("claims: names of another type", |token, dice| {
        let name = dice.pick(&["sub", "client_id", "jti", "acr"]);
        token.claims.set_raw(name, other_type(dice));
    }),
    change("claims: a required one is null", |token, _| token.claims.set("client_id", &Value::Null)),
    change("claims: scope", |token, dice| {
        let value = dice.pick(&[
            r#""""#,
            r#"" ""#,
            r#""a  b""#,
            r#""a\tb""#,
            r#""a\nb""#,
            r#""a b""#,
            r#""a\"b""#,
            r#"["a","b"]"#,
            "null",
            "5",
            "{}",
            r#""read""#,
            r#""read read""#,
            r#""é""#,
        ]);
        token.claims.set_raw("scope", value);
    }),
    change("claims: scp", |token, dice| {
        token.claims.remove("scope");
        let value = dice.pick(&[r#""a b""#, r#"["a","b"]"#, "[]", "[5]", "null", "{}", r#"["a b"]"#]);
        token.claims.set_raw("scp", value);
    }),
    change("claims: amr", |token, dice| {
        token.claims.set_raw("amr", dice.pick(&["[]", r#"["pwd"]"#, r#""pwd""#, "[5]", "null", "{}", r#"[["pwd"]]"#]));
    }),
    change("claims: act", |token, dice| {
        let value = dice.pick(&[
            r#"{"sub":"a"}"#,
            "{}",
            "null",
            r#""a""#,
            "[]",
            r#"{"sub":5}"#,
            r#"{"sub":""}"#,
            r#"{"sub":"a","act":[]}"#,
            r#"{"sub":"a","iss":5}"#,
            r#"{"sub":"a","act":{"sub":"b"}}"#,
            r#"{"client_id":"a"}"#,
        ]);
        token.claims.set_raw("act", value);
    }),
    change("claims: may_act", |token, dice| {
        let value = dice.pick(&[
            r#"{"sub":"a"}"#,
            "{}",
            "null",
            r#""a""#,
            "[]",
            r#"{"sub":5}"#,
            r#"{"client_id":""}"#,
            r#"{"iss":null,"sub":"a"}"#,
        ]);
        token.claims.set_raw("may_act", value);
    }),
    change("claims: a user who comes later than the token", |token, dice| {
        let issued = token.claims.get("iat").and_then(|iat| iat.parse::<i64>().ok()).unwrap_or(NOW);
        let late = dice.pick(&[0, SKEW, 3600]) + dice.between(-2, 2);
        token.claims.set("auth_time", &json!(issued + late));
    }),
    change("claims: a status", |token, dice| {
        let value = dice.pick(&[
            r#"{"status_list":{"idx":1,"uri":"https://idp.example.com/status"}}"#,
            r#"{"status_list":{"idx":-1,"uri":"https://idp.example.com/status"}}"#,
            r#"{"status_list":{"idx":1}}"#,
            r#"{"status_list":5}"#,
            r#"{"identifier_list":{}}"#,
            "{}",
            "null",
            r#""valid""#,
        ]);
        token.claims.set_raw("status", value);
    }),
    change("claims: a confirmation", |token, dice| {
        let value = dice.pick(&[
            r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
            r#"{"x5t#S256":"AAAA"}"#,
            "{}",
            "null",
            r#""a""#,
            r#"{"kid":"a"}"#,
        ]);
        token.claims.set_raw("cnf", value);
    }),
    change("claims: further ones", |token, dice| {
        for _ in 0..dice.between(1, 6) {
            let name = dice.pick(&[
                "roles",
                "nonce",
                "sid",
                "https://example.com/claim",
                "",
                "exp ",
                "Exp",
                "ѕub",
                "toString",
            ]);
            token.claims.set_raw(
                name,
                dice.pick(&["1", "null", "false", "[]", "{}", r#""text""#, "-0.0", "1E2", r#"[{"a":{}}]"#]),
            );
        }
    }),
    change("claims: no object", |token, dice| {
        token.claims.whole =
            Some(dice.pick(&["[]", "null", "5", r#""claims""#, "", "{}", "true", r#"[{"sub":"a"}]"#]).into());
    }),
];

fn other_type(dice: &mut Dice) -> &'static str {
    dice.pick(&["null", "true", "false", "{}", "[]", "5", r#""text""#, "0", r#"{"a":1}"#])
}
