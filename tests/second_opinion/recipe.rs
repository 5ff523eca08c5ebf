//! A token before it is one: its header and its claims as text, and what is to be done while and after it is signed.

use cedar_gate_scenario::Forge;
use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::issuer::{self, AUDIENCE, ISSUER, LIFETIME, NAMELESS, NOW};

/// A token that will be made.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// The key that signs.
    pub(crate) key: &'static str,
    /// What it signs with.
    pub(crate) algorithm: &'static str,
    /// The header.
    pub(crate) header: Text,
    /// The claims.
    pub(crate) claims: Text,
    /// Further members of the forge's description.
    pub(crate) how: Map<String, Value>,
    /// The forge's steps.
    pub(crate) tamper: Vec<Value>,
}

/// An object as text: each name and each value as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Names, with their quotation marks, and values.
    pub(crate) members: Vec<(String, String)>,
    /// White space between all parts.
    pub(crate) gap: &'static str,
    /// The whole text, where it is no such object.
    pub(crate) whole: Option<Vec<u8>>,
    /// Bytes before it.
    pub(crate) before: &'static [u8],
    /// Bytes behind it.
    pub(crate) behind: &'static [u8],
}

impl Recipe {
    /// A token that is as it should be, signed with this algorithm. It differs from others in all that does not matter.
    pub(crate) fn honest(algorithm: &'static str, dice: &mut Dice) -> Self {
        let key = dice.pick(&issuer::signers(algorithm));
        let mut header = Text::of(&[("alg", json!(algorithm)), ("kid", json!(key)), ("typ", json!("at+jwt"))]);
        // The fifth key is found by its name only, and has one therefore; changes that take it away come later.
        if key == NAMELESS {
            header.remove("kid");
        }
        let age = dice.between(0, 600);
        let issued = NOW - age;
        let expires = issued + dice.between(age + 60, LIFETIME);
        let mut claims = Text::of(&[
            ("iss", json!(ISSUER)),
            ("aud", if dice.once_in(2) { json!(AUDIENCE) } else { json!(["https://other.example.com", AUDIENCE]) }),
            ("iat", json!(issued)),
            ("exp", json!(expires)),
            ("sub", json!(format!("user-{}", dice.text(8)))),
            ("client_id", json!(dice.text(6))),
        ]);
        let optional = [
            ("jti", json!(dice.text(16))),
            ("nbf", json!(issued - dice.between(0, 10))),
            ("auth_time", json!(issued - dice.between(0, 86_400))),
            ("acr", json!("silver")),
            ("amr", json!(["pwd", "otp"])),
            ("scope", json!("read write")),
            ("azp", json!("another-client")),
            ("act", json!({"sub": "robot", "act": {"sub": "other", "iss": "https://elsewhere.example.com"}})),
            ("groups", json!(["finance", "Größe", 5, null, {"a": [true, -1.5e3]}])),
            ("email", json!("somebody@example.com")),
        ];
        for (name, value) in optional {
            if dice.once_in(4) {
                claims.set(name, &value);
            }
        }
        for text in [&mut header, &mut claims] {
            if dice.once_in(3) {
                dice.shuffle(&mut text.members);
            }
            if dice.once_in(8) {
                text.gap = dice.pick(&[" ", "\n", "\t \r\n"]);
            }
        }
        Self { key, algorithm, header, claims, how: Map::new(), tamper: Vec::new() }
    }

    /// Makes the token; nothing where its steps do not go together.
    ///
    /// Some steps find nothing to change by chance (no `-` or `_` in a signature, say): another member without a meaning
    /// makes another chance.
    pub(crate) fn bake(mut self, forge: &Forge, dice: &mut Dice) -> Option<String> {
        for _ in 0..64 {
            if let Ok(token) = forge.mint(&self.description(), NOW) {
                return Some(token);
            }
            let length = 5 + dice.below(6);
            let filler = json!(dice.text(length));
            self.claims.set("filler", &filler);
            self.header.set("filler", &filler);
        }
        None
    }

    fn description(&self) -> Value {
        let mut description = self.how.clone();
        description.insert("key".to_owned(), json!(self.key));
        description.insert("alg".to_owned(), json!(self.algorithm));
        description.insert("header_raw".to_owned(), json!(notation(&self.header.bytes())));
        description.insert("claims_raw".to_owned(), json!(notation(&self.claims.bytes())));
        description.insert("tamper".to_owned(), json!(self.tamper));
        Value::Object(description)
    }
}

impl Text {
    fn of(members: &[(&str, Value)]) -> Self {
        let members = members.iter().map(|(name, value)| (quoted(name), value.to_string())).collect();
        Self { members, gap: "", whole: None, before: b"", behind: b"" }
    }

    /// Replaces a member, or adds it.
    pub(crate) fn set(&mut self, name: &str, value: &Value) {
        self.set_raw(name, &value.to_string());
    }

    /// As [`Text::set`], with the value as it is to be written.
    pub(crate) fn set_raw(&mut self, name: &str, value: &str) {
        let name = quoted(name);
        match self.members.iter_mut().find(|(each, _)| *each == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.members.push((name, value.to_owned())),
        }
    }

    /// The value of a member, as it is written.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let name = quoted(name);
        self.members.iter().find(|(each, _)| *each == name).map(|(_, value)| value.as_str())
    }

    /// Takes a member away.
    pub(crate) fn remove(&mut self, name: &str) {
        let name = quoted(name);
        self.members.retain(|(each, _)| *each != name);
    }

    /// The text.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let gap = self.gap;
        let object = || {
            let members: Vec<String> =
                self.members.iter().map(|(name, value)| format!("{gap}{name}{gap}:{gap}{value}{gap}")).collect();
            format!("{gap}{{{}}}{gap}", members.join(",")).into_bytes()
        };
        [self.before, &self.whole.clone().unwrap_or_else(object), self.behind].concat()
    }
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    json!(text).to_string()
}

/// Bytes as the forge takes them.
fn notation(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
        text
    })
}
