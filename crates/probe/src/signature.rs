//! Signatures, by the keys and the verifier of the token path.

use cedar_gate::jose::{
    Algorithm, CompactError, CompactJws, InVm, Judgement, Key, KeySet, SignatureVerifier, holds, judge,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::bytes;

/// A signature over any bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Raw {
    algorithm: String,
    key: Map<String, Value>,
    message: String,
    signature: String,
}

/// A compact JWS, and the keys of its issuer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compact {
    keys: Vec<Map<String, Value>>,
    token: String,
}

/// The steps of [`holds`], for what is no JWS.
pub(crate) fn verify(raw: &Raw) -> Result<Value, String> {
    let (message, signature) = (bytes(&raw.message)?, bytes(&raw.signature)?);
    let Some(algorithm) = Algorithm::of_name(&raw.algorithm) else { return Ok(refused("algorithm unknown")) };
    let key = match usable(&raw.key) {
        Ok(key) => key,
        Err(reason) => return Ok(refused(&reason)),
    };
    if !key.serves(algorithm) {
        return Ok(refused("the key does not serve the algorithm"));
    }
    let holds = InVm.verify(algorithm, &key.material, &message, &signature);
    Ok(if holds { accepted() } else { refused("signature_invalid") })
}

/// The steps of [`cedar_gate::token::UntrustedToken`], without what concerns claims: the form, the algorithm, the keys
/// that may have signed, the signature.
pub(crate) fn verify_compact(compact: &Compact) -> Value {
    let keys: Result<Vec<Key>, String> = compact.keys.iter().map(usable).collect();
    let keys = match keys.and_then(|keys| KeySet::new(keys).map_err(|id| format!("the kid {id} occurs twice"))) {
        Ok(keys) => keys,
        Err(reason) => return refused(&reason),
    };
    let jws = match CompactJws::parse(&compact.token) {
        Ok(jws) => jws,
        Err(CompactError::Critical) => return refused("token_critical"),
        Err(CompactError::Malformed) => return refused("token_malformed"),
    };
    let Some(algorithm) = Algorithm::of_name(&jws.header().algorithm) else { return refused("algorithm_not_allowed") };
    let candidates: Vec<&Key> = keys.candidates(jws.header().key_id.as_deref(), algorithm).collect();
    if candidates.is_empty() {
        return refused("key_unknown");
    }
    let holds = candidates.into_iter().any(|key| holds(&jws, algorithm, key, &InVm));
    if holds { accepted() } else { refused("signature_invalid") }
}

/// A key as the configuration takes it.
pub(crate) fn usable(jwk: &Map<String, Value>) -> Result<Key, String> {
    match judge(jwk) {
        Ok(Judgement::Usable(key)) => Ok(*key),
        Ok(Judgement::ForSomethingElse(reason)) => Err(format!("key: {reason}")),
        Err(unusable) => Err(format!("key: {unusable}")),
    }
}

fn accepted() -> Value {
    json!({ "accepted": true })
}

fn refused(because: &str) -> Value {
    json!({ "accepted": false, "because": because })
}
