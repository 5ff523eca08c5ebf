//! Makes access tokens: right ones, and wrong ones in every way that somebody has thought of.

mod algorithm;
mod certificate;
mod description;
mod directive;
mod edwards;
mod elliptic;
mod error;
mod jwk;
mod key;
mod keys;
mod mint;
mod render;
mod rivest;
mod status_list;
mod tamper;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::{certificate::CertificateDescription, description::TokenDescription, render::Renderer};
pub use self::{error::ForgeError, keys::Keys};
use crate::layers;

/// Named keys and descriptions of tokens, and the means to make tokens of them.
///
/// Descriptions have the form that the README gives for scenario files:
///
/// ```
/// use cedar_gate_scenario::Forge;
/// use serde_json::json;
///
/// # fn main() -> Result<(), cedar_gate_scenario::ForgeError> {
/// let forge = Forge::new().with_key("corp", json!({"kty": "EC", "crv": "P-256"}))?;
/// let token = forge.mint(&json!({"key": "corp", "alg": "ES256", "claims": {"exp": {"$now": 300}}}), 1_780_000_000)?;
/// assert_eq!(token.split('.').count(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Forge {
    keys: Keys,
    tokens: BTreeMap<String, Value>,
    certificates: BTreeMap<String, CertificateDescription>,
    defaults: Value,
}

/// The times that a token can be made at, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// When the gateway was started.
    pub(crate) start: i64,
    /// When the request is sent.
    pub(crate) now: i64,
}

impl Default for Forge {
    fn default() -> Self {
        Self { keys: Keys::default(), tokens: BTreeMap::new(), certificates: BTreeMap::new(), defaults: json!({}) }
    }
}

impl Forge {
    /// A forge without keys and tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, or replaces the one of that name.
    ///
    /// # Errors
    ///
    /// The description is not one of a key.
    pub fn with_key(mut self, name: &str, description: Value) -> Result<Self, ForgeError> {
        self.keys.add(name, &description)?;
        Ok(self)
    }

    /// Adds a named token, or replaces the one of that name.
    pub fn with_token(mut self, name: &str, description: Value) -> Self {
        self.tokens.insert(name.to_owned(), description);
        self
    }

    /// Adds a client's certificate, or replaces the one of that name. Its key has to be there already.
    ///
    /// # Errors
    ///
    /// The description is not one of a certificate, or its key is not there.
    pub fn with_certificate(mut self, name: &str, description: &Value) -> Result<Self, ForgeError> {
        let description: CertificateDescription = typed(&format!("certificates.{name}"), description)?;
        if !self.keys.contains(&description.key) {
            return Err(ForgeError::UnknownKey(description.key));
        }
        self.certificates.insert(name.to_owned(), description);
        Ok(self)
    }

    /// Sets what lies below every description.
    pub fn with_defaults(mut self, description: Value) -> Self {
        self.defaults = description;
        self
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Makes a token, given its name or its description, as of `now` (seconds since the Unix epoch).
    ///
    /// # Errors
    ///
    /// The description is faulty, refers to what is not there, or asks for what cannot be done.
    pub fn mint(&self, token: &Value, now: i64) -> Result<String, ForgeError> {
        self.mint_at(token, &Clock { start: now, now })
    }

    pub(crate) fn mint_at(&self, token: &Value, clock: &Clock) -> Result<String, ForgeError> {
        self.mint_within(token, clock, &[])
    }

    /// As [`Forge::mint_at`], for what is no access token: nothing lies below the description.
    pub(crate) fn mint_bare(&self, token: &Value, clock: &Clock) -> Result<String, ForgeError> {
        self.mint_over(&json!({}), token, clock, &[])
    }

    /// The text of a JSON value with all its directives replaced.
    pub(crate) fn render(&self, value: &Value, clock: &Clock) -> Result<String, ForgeError> {
        Renderer { forge: self, clock, now: clock.now, circle: &[] }.value(value)
    }

    /// Checks a description as far as that can be done without making keys.
    pub(crate) fn check(&self, token: &Value) -> Result<(), ForgeError> {
        self.check_over(&self.defaults, token)
    }

    /// As [`Forge::check`], with nothing below the description.
    pub(crate) fn check_bare(&self, token: &Value) -> Result<(), ForgeError> {
        self.check_over(&json!({}), token)
    }

    fn check_over(&self, defaults: &Value, token: &Value) -> Result<(), ForgeError> {
        let description = self.described(defaults, token)?;
        let public = description.hmac_with.as_ref().and_then(|secret| secret.public.as_ref());
        for key in [description.key.as_ref(), description.sign_with.as_ref(), public].into_iter().flatten() {
            if !self.keys.contains(key) {
                return Err(ForgeError::UnknownKey(key.clone()));
            }
        }
        Ok(())
    }

    /// The description with everything below it composed.
    fn described(&self, defaults: &Value, token: &Value) -> Result<TokenDescription, ForgeError> {
        let layers = self.layered(token, &mut Vec::new())?;
        let name = token.as_str().map_or_else(|| "token".to_owned(), |name| format!("tokens.{name}"));
        typed(&name, &layers::compose(defaults, &layers))
    }

    /// The description with what it is `like` below it.
    fn layered(&self, token: &Value, circle: &mut Vec<String>) -> Result<Value, ForgeError> {
        match token {
            Value::String(name) => {
                if circle.contains(name) {
                    return Err(ForgeError::Circle(name.clone()));
                }
                circle.push(name.clone());
                let description = self.tokens.get(name).ok_or_else(|| ForgeError::UnknownToken(name.clone()))?;
                self.layered(description, circle)
            }
            Value::Object(members) => match members.get("like") {
                Some(like) => {
                    let mut own = members.clone();
                    own.remove("like");
                    Ok(layers::compose(&self.layered(like, circle)?, &Value::Object(own)))
                }
                None => Ok(token.clone()),
            },
            _ => Err(at("token", &"is neither a name nor a description")),
        }
    }
}

fn at(path: &str, message: &dyn std::fmt::Display) -> ForgeError {
    ForgeError::Description { path: path.to_owned(), message: message.to_string() }
}

fn typed<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, ForgeError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = if inner == "." { name.to_owned() } else { format!("{name}.{inner}") };
        ForgeError::Description { path, message: error.inner().to_string() }
    })
}
