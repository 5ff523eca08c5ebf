//! Known answers: keys, signatures that hold, and the same ones spoilt.

use serde_json::{Map, Value};

use super::{HostCall, ask};
use crate::jose::{Algorithm, Judgement, Key, judge};
use crate::json::{self, Bounds};

/// Signatures over one message, each by a key of its algorithm. The private keys were never kept.
pub(super) struct KnownAnswers {
    message: Vec<u8>,
    keys: Vec<Key>,
    signatures: Vec<(Algorithm, Vec<u8>)>,
}

const WRITTEN: &str = include_str!("known_answers.json");

const BOUNDS: Bounds = Bounds { depth: 4, values: 64 };

impl KnownAnswers {
    /// Reads them. What could not be read would be an answer that no gateway gives.
    pub(super) fn read() -> Self {
        let written = json::parse_object(WRITTEN.as_bytes(), BOUNDS).unwrap_or_default();
        let keys = written.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let signatures = written.get("signatures").and_then(Value::as_object).into_iter().flatten();
        Self {
            message: written.get("message").and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec(),
            keys: keys.filter_map(key).collect(),
            signatures: signatures.filter_map(|(name, text)| signature(name, text)).collect(),
        }
    }

    /// The algorithms for which a gateway gives all answers right.
    pub(super) fn given_by(&self, host: &impl HostCall) -> Vec<Algorithm> {
        let given = self.signatures.iter().filter(|(algorithm, signature)| {
            let key = self.keys.iter().find(|key| key.serves(*algorithm));
            key.is_some_and(|key| self.are_given_by(host, *algorithm, key, signature))
        });
        given.map(|(algorithm, _)| *algorithm).collect()
    }

    /// Whether what holds is said to hold, and what does not hold is not. A gateway that said yes to everything would
    /// let forged tokens through; one that fails to answer cannot be told from one that refuses, later.
    fn are_given_by(&self, host: &impl HostCall, algorithm: Algorithm, key: &Key, signature: &[u8]) -> bool {
        let answer = |message: &[u8], signature: &[u8]| ask(host, algorithm, &key.material, message, signature).ok();
        answer(&self.message, signature) == Some(true)
            && answer(&spoilt(&self.message), signature) == Some(false)
            && answer(&self.message, &spoilt(signature)) == Some(false)
    }
}

/// The same bytes but for one bit at their end.
fn spoilt(bytes: &[u8]) -> Vec<u8> {
    let mut spoilt = bytes.to_vec();
    spoilt.last_mut().into_iter().for_each(|byte| *byte ^= 1);
    spoilt
}

fn key(jwk: &Map<String, Value>) -> Option<Key> {
    match judge(jwk) {
        Ok(Judgement::Usable(key)) => Some(*key),
        Ok(Judgement::ForSomethingElse(_)) | Err(_) => None,
    }
}

fn signature(name: &str, text: &Value) -> Option<(Algorithm, Vec<u8>)> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Some((Algorithm::of_name(name)?, Base64UrlUnpadded::decode_vec(text.as_str()?).ok()?))
}
