//! How JSON is spelt, in the header or in the claims.

use super::{Change, change};
use crate::dice::Dice;
use crate::recipe::{Recipe, Text, quoted};

pub(super) const CHANGES: &[Change] = &[
    change("spelling: white space", |token, dice| {
        text(token, dice).gap = dice.pick(&[" ", "  \n", "\t", "\r\n"]);
    }),
    change("spelling: what is no white space", |token, dice| {
        text(token, dice).gap = dice.pick(&["\u{b}", "\u{c}", "\u{a0}", "\u{2028}", "\u{feff}", "\u{0}"]);
    }),
    change("spelling: escapes", |token, dice| {
        let text = text(token, dice);
        let which = dice.below(text.members.len());
        let (name, value) = &mut text.members[which];
        *name = escaped(name, dice);
        if value.starts_with('"') {
            *value = escaped(value, dice);
        }
    }),
    change("spelling: a member twice", |token, dice| {
        let text = text(token, dice);
        let (name, value) = text.members[dice.below(text.members.len())].clone();
        let value =
            if dice.once_in(2) { value } else { dice.pick(&["null", "5", r#""other""#, "99999999999"]).to_owned() };
        let name = if dice.once_in(3) { escaped(&name, dice) } else { name };
        let place = dice.below(text.members.len() + 1);
        text.members.insert(place, (name, value));
    }),
    change("spelling: a member twice further inside", |token, dice| {
        let value = dice.pick(&[r#"{"a":1,"a":1}"#, r#"[{"a":1,"b":2,"\u0061":3}]"#, r#"{"":{"":0,"":0}}"#]);
        text(token, dice).set_raw("inner", value);
    }),
    change("spelling: a member twice, but for its case", |token, dice| {
        let text = text(token, dice);
        let (name, value) = text.members[dice.below(text.members.len())].clone();
        text.members.push((name.to_uppercase(), value));
    }),
    change("spelling: a byte order mark", |token, dice| text(token, dice).before = b"\xef\xbb\xbf"),
    change("spelling: something before", |token, dice| {
        text(token, dice).before = dice.pick(&[&b" "[..], b"\n", b"\0", b"x", b",", b"\xfe\xff", b"//\n", b"{}"]);
    }),
    change("spelling: something behind", |token, dice| {
        text(token, dice).behind =
            dice.pick(&[&b" "[..], b"\n", b"\0", b"x", b",", b"}", b"{}", b"//", b"\x1a", b"\r\n\t "]);
    }),
    change("spelling: cut off", |token, dice| {
        let text = text(token, dice);
        let mut bytes = text.bytes();
        bytes.truncate(dice.below(bytes.len()));
        text.whole = Some(bytes);
    }),
    change("spelling: one byte differs", |token, dice| {
        let text = text(token, dice);
        let mut bytes = text.bytes();
        let place = dice.below(bytes.len());
        let byte = dice.pick(b"\x00\x01\x1f \"',:;[]{}\\09aAeE+-./\x7f\x80\xc0\xff");
        bytes.splice(place..bytes.len().min(place + 1), [byte]);
        text.whole = Some(bytes);
    }),
    change("spelling: text that is no UTF-8", |token, dice| {
        let bytes = dice.pick(&[
            &b"\xff"[..],
            b"\xc0\x80",
            b"\xc3",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            b"\x80",
        ]);
        with_bytes(text(token, dice), &[b"\"a", bytes, b"b\""].concat());
    }),
    change("spelling: halves of characters", |token, dice| {
        let value = dice.pick(&[
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""a\udfffb""#,
            r#"{"\ud834":1}"#,
            r#""\ud83d\ude00""#,
            r#""\ud83d \ude00""#,
        ]);
        text(token, dice).set_raw("half", value);
    }),
    change("spelling: strings that JSON does not have", |token, dice| {
        let value = dice.pick(&[
            "'a'",
            r#""\a""#,
            r#""\u00""#,
            r#""\u{61}""#,
            "\"a\tb\"",
            "\"a\nb\"",
            r#""a"#,
            "a",
            r#""\'""#,
            "`a`",
            r#""\0""#,
        ]);
        text(token, dice).set_raw("string", value);
    }),
    change("spelling: strings that JSON has", |token, dice| {
        let value = dice.pick(&[
            r#""\/\b\f\n\r\t\\\"""#,
            r#""\u0000""#,
            "\"\u{7f}\"",
            "\"\u{2028}\u{2029}\"",
            "\"\u{fffe}\u{10ffff}\"",
        ]);
        text(token, dice).set_raw("string", value);
    }),
    change("spelling: numbers that JSON does not have", |token, dice| {
        let value = dice.pick(&[
            "01",
            "+1",
            ".5",
            "1.",
            "0x10",
            "1e",
            "NaN",
            "Infinity",
            "-Infinity",
            "1_000",
            "--1",
            "1e+",
            "-",
            "00",
            "1n",
        ]);
        text(token, dice).set_raw("number", value);
    }),
    change("spelling: numbers that JSON has", |token, dice| {
        let value = dice.pick(&[
            "-0",
            "1E+2",
            "1e-400",
            "0.1e1",
            "123456789012345678901234567890",
            "-123456789012345678901234567890",
            "5e-324",
            "1.7976931348623157e308",
            "0.30000000000000004",
        ]);
        text(token, dice).set_raw("number", value);
    }),
    change("spelling: numbers beyond all bounds", |token, dice| {
        let value = dice.pick(&["1e400", "-1e400", "1e999999", "[1,2e308]"]);
        let name = dice.pick(&["number", "exp", "nbf"]);
        token.claims.set_raw(name, value);
    }),
    change("spelling: what JSON does not have", |token, dice| {
        let text = text(token, dice);
        let bytes = text.bytes();
        let inner = String::from_utf8_lossy(&bytes).into_owned();
        let changed = match dice.below(6) {
            0 => inner.replacen('}', ",}", 1),
            1 => inner.replacen('{', "{,", 1),
            2 => inner.replacen('{', "{/* a comment */", 1),
            3 => inner.replace('"', "'"),
            4 => inner.replacen(':', "=", 1),
            _ => inner.replacen("\"alg\"", "alg", 1).replacen("\"sub\"", "sub", 1),
        };
        text.whole = Some(changed.into_bytes());
    }),
    change("spelling: nested", |token, dice| {
        let depth = dice.below(24);
        let (open, close) = dice.pick(&[("[", "]"), (r#"{"a":"#, "}")]);
        token.claims.set_raw("nested", &format!("{}0{}", open.repeat(depth), close.repeat(depth)));
    }),
    change("spelling: nested very deep", |token, dice| {
        let depth = dice.pick(&[15, 16, 17, 100, 150]);
        token.claims.set_raw("nested", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    }),
    change("spelling: many values", |token, dice| {
        let count = dice.pick(&[900, 1000, 1010, 1020, 1030, 1500, 3000]);
        token.claims.set_raw("many", &format!("[{}0]", "0,".repeat(count)));
    }),
    change("spelling: a member with a meaning in JavaScript", |token, dice| {
        let name = dice.pick(&["__proto__", "constructor", "hasOwnProperty", "then", "toJSON"]);
        text(token, dice).set_raw(name, dice.pick(&["null", r#"{"alg":"none"}"#, r#"{"exp":9999999999}"#, "5"]));
    }),
];

fn text<'r>(token: &'r mut Recipe, dice: &mut Dice) -> &'r mut Text {
    if dice.once_in(2) { &mut token.header } else { &mut token.claims }
}

/// Puts a member with these bytes in the place of the first brace.
fn with_bytes(text: &mut Text, value: &[u8]) {
    let bytes = text.bytes();
    let after = bytes.iter().position(|byte| *byte == b'{').map_or(0, |place| place + 1);
    let (before, behind) = bytes.split_at(after);
    text.whole = Some([before, quoted("bytes").as_bytes(), b":", value, b",", behind].concat());
}

/// Characters of a quoted text as escapes.
fn escaped(quoted: &str, dice: &mut Dice) -> String {
    let upper = dice.once_in(2);
    let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    // What has an escape already keeps it.
    if inner.contains('\\') {
        return quoted.to_owned();
    }
    let escape = |character: char| {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        units
            .iter()
            .map(|unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") })
            .collect::<String>()
    };
    let whole = dice.once_in(2);
    let inner: String = inner
        .chars()
        .map(|character| if whole || dice.once_in(3) { escape(character) } else { character.to_string() })
        .collect();
    format!("\"{inner}\"")
}
