//! The `$…` members that refer to keys and tokens, wherever they stand.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Clock, Forge, error::ForgeError, key::encode};
use crate::layers;

impl Forge {
    /// Puts values in the place of `{$jwk: …}`, `{$jwk_private: …}`, `{$thumbprint: …}`, `{$x5t: …}` and `{$repeat: …}`, anywhere
    /// inside `value`.
    ///
    /// # Errors
    ///
    /// A directive is unknown, or names a key that is not there.
    pub fn resolve(&self, value: &Value) -> Result<Value, ForgeError> {
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(members) if layers::is_directive_object(members) => {
                match (members.get("$repeat"), members.len()) {
                    (Some(argument), 1) => repeated(argument).map(Value::String),
                    _ => self.reference(members)?.ok_or_else(|| unknown(members)),
                }
            }
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| Ok((name.clone(), self.resolve(member)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
            plain => Ok(plain.clone()),
        }
    }

    /// What a directive about a key or a certificate stands for; `None` if the object is not one.
    pub(super) fn reference(&self, members: &Map<String, Value>) -> Result<Option<Value>, ForgeError> {
        if let Some(name) = members.get("$thumbprint") {
            return Ok(Some(json!(self.keys().thumbprint(text("$thumbprint", name)?)?)));
        }
        if let Some(name) = members.get("$x5t") {
            let digest = self.certificate(text("$x5t", name)?)?.digest();
            return Ok(Some(json!(encode(&digest))));
        }
        let mut jwk = if let Some(name) = members.get("$jwk") {
            self.keys().public_jwk(text("$jwk", name)?)?
        } else if let Some(name) = members.get("$jwk_private") {
            self.keys().private_jwk(text("$jwk_private", name)?)?
        } else {
            return Ok(None);
        };
        let mut patch = members.clone();
        patch.remove("$jwk");
        patch.remove("$jwk_private");
        for (directive, member) in [("$n_even", "n"), ("$off_curve", "y")] {
            if let Some(value) = patch.remove(directive) {
                if value != json!(true) {
                    return Err(invalid(directive, "takes `true`"));
                }
                change_last_bit(&mut jwk, directive, member)?;
            }
        }
        if layers::is_directive_object(&patch) {
            return Err(unknown(&patch));
        }
        json_patch::merge(&mut jwk, &self.resolve(&Value::Object(patch))?);
        Ok(Some(jwk))
    }

    /// What `{$ath: token}` stands for: the hash that a DPoP proof carries of its access token (RFC 9449 §4.2).
    pub(super) fn access_token_hash(&self, token: &Value, clock: &Clock, circle: &[&str]) -> Result<Value, ForgeError> {
        Ok(json!(encode(&Sha256::digest(self.mint_within(token, clock, circle)?))))
    }
}

pub(super) fn invalid(directive: &str, message: &str) -> ForgeError {
    ForgeError::Directive { directive: directive.to_owned(), message: message.to_owned() }
}

/// What `{$repeat: [text, count]}` stands for.
pub(super) fn repeated(argument: &Value) -> Result<String, ForgeError> {
    let repeated = argument.as_array().and_then(|pair| match pair.as_slice() {
        [Value::String(piece), times] => Some(piece.repeat(usize::try_from(times.as_u64()?).ok()?)),
        _ => None,
    });
    repeated.ok_or_else(|| invalid("$repeat", "takes `[text, count]`"))
}

pub(super) fn unknown(members: &Map<String, Value>) -> ForgeError {
    let directive = members.keys().find(|name| name.starts_with('$')).map_or("$", String::as_str);
    invalid(directive, "stands for nothing here")
}

fn text<'v>(directive: &str, value: &'v Value) -> Result<&'v str, ForgeError> {
    value.as_str().ok_or_else(|| invalid(directive, "takes a name"))
}

/// An odd modulus becomes even, and a point leaves its curve: a number differs in its last bit.
fn change_last_bit(jwk: &mut Value, directive: &str, member: &str) -> Result<(), ForgeError> {
    let value = jwk.get_mut(member).ok_or_else(|| invalid(directive, &format!("needs a key that has `{member}`")))?;
    let mut bytes = value.as_str().and_then(|text| BASE64URL.decode(text).ok()).unwrap_or_default();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    *value = json!(encode(&bytes));
    Ok(())
}
