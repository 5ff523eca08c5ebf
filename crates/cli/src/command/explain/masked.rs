//! Tokens are not shown, wherever they stand.
//!
//! Nothing that the filter notes is a token. But a path, a header or a member of a body can be one, by mistake or on
//! purpose, and an explanation is something that people paste into tickets.

use serde_json::Value;

/// What takes the place of a token.
const MASK: &str = "[token]";

/// Shorter texts are too common to be taken for a secret.
const SHORTEST: usize = 12;

/// Texts that must not be shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// The credentials of a request: what its headers carry behind a scheme, or the whole of a value with dots in it.
    pub(super) fn of_headers(headers: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut secrets = Vec::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value);
            let credential = name.eq_ignore_ascii_case(b"authorization") || value.matches('.').count() >= 2;
            let words = value.split([' ', ',', ';', '=']).filter(|word| credential && word.len() >= SHORTEST);
            secrets.extend(words.map(str::to_owned));
        }
        // The longest first, so that a part of a secret does not spoil the whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// The text without them, and without whatever else looks like a token.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in &self.0 {
            masked = masked.replace(secret.as_str(), MASK);
        }
        without_json(&masked)
    }

    /// See [`Secrets::mask`], for every text in a value.
    pub(super) fn mask_json(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(members) => {
                let all = std::mem::take(members);
                members.extend(all.into_iter().map(|(name, mut member)| {
                    self.mask_json(&mut member);
                    (self.mask(&name), member)
                }));
            }
            Value::String(text) => *text = self.mask(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Masks what begins like an encoded JSON object, as the first two parts of every token do, to the end of the word.
fn without_json(text: &str) -> String {
    const BEGIN: &str = "eyJ";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(BEGIN) {
        let (before, found) = rest.split_at(place);
        let of_token = |character: char| character.is_ascii_alphanumeric() || "-._~+/=%".contains(character);
        let end = found.find(|character| !of_token(character)).unwrap_or(found.len());
        masked.push_str(before);
        let (token, after) = found.split_at(end);
        masked.push_str(if token.len() < SHORTEST { token } else { MASK });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_masked_in_the_middle_of_a_text() {
        let masked = Secrets::default().mask("/a/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln?x=1, and so on");
        assert_eq!(masked, "/a/[token]?x=1, and so on");
    }

    #[test]
    fn a_credential_is_masked_whatever_it_looks_like() {
        let header = (b"authorization".to_vec(), b"Bearer not.really-a-token".to_vec());
        let secrets = Secrets::of_headers(&[header]);
        let mut value = json!({"path": "/x/not.really-a-token", "Bearer": ["not.really-a-token"]});
        secrets.mask_json(&mut value);
        assert_eq!(value, json!({"path": "/x/[token]", "Bearer": ["[token]"]}));
    }
}
