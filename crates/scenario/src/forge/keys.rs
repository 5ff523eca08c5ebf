//! Named keys, each made once in a process.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    elliptic::Curve,
    error::ForgeError,
    jwk,
    key::{Key, KeyDescription, encode},
    typed,
};

/// Named private keys. A key that is described depends on its name and description only, and is made when it is first
/// used.
#[derive(Clone, Default)]
pub struct Keys {
    sources: BTreeMap<String, Source>,
}

/// Where a key comes from.
#[derive(Clone)]
enum Source {
    Described(KeyDescription),
    Given(Arc<Key>),
}

impl Keys {
    /// Adds a key, or replaces the one of that name; the README gives the members of a description. A private JWK is a
    /// description too.
    ///
    /// # Errors
    ///
    /// The description is not one of a key.
    pub fn add(&mut self, name: &str, description: &Value) -> Result<(), ForgeError> {
        let path = format!("keys.{name}");
        let source = if jwk::is_private(description) {
            Source::Given(Arc::new(Key::read(&path, description)?))
        } else {
            Source::Described(typed(&path, description)?)
        };
        self.sources.insert(name.to_owned(), source);
        Ok(())
    }

    /// Whether a key has this name.
    pub fn contains(&self, name: &str) -> bool {
        self.sources.contains_key(name)
    }

    /// The public JWK, with the name of the key as its `kid`. Of a symmetric key it is the whole key.
    ///
    /// # Errors
    ///
    /// No key has this name, or none can be made of its description.
    pub fn public_jwk(&self, name: &str) -> Result<Value, ForgeError> {
        let mut jwk = self.key(name)?.public_jwk();
        json_patch::merge(&mut jwk, &json!({"kid": name}));
        Ok(jwk)
    }

    /// The JWK with its private members.
    ///
    /// # Errors
    ///
    /// No key has this name, or it has no private part.
    pub fn private_jwk(&self, name: &str) -> Result<Value, ForgeError> {
        let secret = self.key(name)?.secret_members().ok_or_else(|| ForgeError::Directive {
            directive: "$jwk_private".to_owned(),
            message: format!("asks for the private part of `{name}`, which has none"),
        })?;
        let mut jwk = self.public_jwk(name)?;
        json_patch::merge(&mut jwk, &secret);
        Ok(jwk)
    }

    /// The thumbprint of RFC 7638, with SHA-256, in base64url.
    ///
    /// # Errors
    ///
    /// No key has this name, or none can be made of its description.
    pub fn thumbprint(&self, name: &str) -> Result<String, ForgeError> {
        // The public members without `kid` are those that RFC 7638 §3.2 requires. They are written in the order of
        // their names whatever order the map keeps.
        let jwk = self.key(name)?.public_jwk();
        let members: BTreeMap<String, Value> = jwk.as_object().cloned().unwrap_or_default().into_iter().collect();
        Ok(encode(&Sha256::digest(json!(members).to_string())))
    }

    /// The algorithm that a key is usually taken for; `None` if there is no such key.
    pub(crate) fn usual_algorithm(&self, name: &str) -> Option<&'static str> {
        Some(match self.sources.get(name)? {
            Source::Described(description) => description.usual_algorithm(),
            Source::Given(key) => key.usual_algorithm(),
        })
    }

    pub(super) fn curve(&self, name: &str) -> Option<Curve> {
        match self.sources.get(name)? {
            Source::Described(description) => description.curve(),
            Source::Given(key) => key.curve(),
        }
    }

    pub(super) fn key(&self, name: &str) -> Result<Arc<Key>, ForgeError> {
        let made = match self.sources.get(name).ok_or_else(|| ForgeError::UnknownKey(name.to_owned()))? {
            Source::Described(description) => made_once(name, description),
            Source::Given(key) => Some(Arc::clone(key)),
        };
        made.ok_or_else(|| ForgeError::Description {
            path: format!("keys.{name}"),
            message: "no such key can be made".to_owned(),
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.sources).finish()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Described(description) => description.fmt(f),
            // Never the key itself: what is shown ends up in logs.
            Self::Given(key) => write!(f, "a given key ({})", key.kind()),
        }
    }
}

type Slot = Arc<OnceLock<Option<Arc<Key>>>>;

/// RSA keys take up to seconds to make, and a test binary plays hundreds of scenarios: a key is made once in a process,
/// and tests that need another one do not wait for it.
pub(super) fn made_once(name: &str, description: &KeyDescription) -> Option<Arc<Key>> {
    static MADE: OnceLock<Mutex<HashMap<(String, KeyDescription), Slot>>> = OnceLock::new();
    let slot = {
        let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        made.entry((name.to_owned(), description.clone())).or_default().clone()
    };
    slot.get_or_init(|| Key::generate(name, description).map(Arc::new)).clone()
}
