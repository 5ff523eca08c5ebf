//! The filter's own parts behind one function: a message goes in, an answer comes out, both JSON.
//!
//! Published test vectors and clocks have to reach the code that decides, and not a copy of it: signatures as the token
//! path verifies them, policies as the engine asks them, JSON as the strict scan reads it. So [`ask`] calls exactly
//! that. A native test calls it as a function. Compiled as a module for `wasm32-wasip1`, with the release profile of the
//! filter (`make probe`), any host calls it through three exports:
//!
//! | export | |
//! |---|---|
//! | `probe_room(size: u32) -> u32` | makes room for a message of so many bytes, and says where |
//! | `probe_ask() -> u32` | answers the message that was written there, and says where the answer stands |
//! | `probe_answer_size() -> u32` | how many bytes the answer has |
//!
//! Before the first of them, `_initialize` is called once. Besides, the module exports `memory`. As a part of the filter
//! it imports what the filter imports, and calls nothing of that but a few functions of WASI: for random bytes, for
//! environment variables that it does not need, and to write the text of a panic. A host need not offer the rest.
//!
//! # Messages
//!
//! A message is an object of one kind. An answer is `{"answer": …}`, or `{"error": "…"}` for a message that is none.
//!
//! | message | answer |
//! |---|---|
//! | `{"verify": {"algorithm", "key", "message", "signature"}}` | whether the signature holds; bytes are base64url, the key is a JWK |
//! | `{"jws": {"keys", "token"}}` | whether a compact JWS is signed by one of these JWKs, whatever its payload |
//! | `{"thumbprint": {…}}` | the RFC 7638 thumbprint of a JWK |
//! | `{"decide": {"schema", "policies", "entities", "questions"}}` | what Cedar policies say to questions in Cedar's own words |
//! | `{"scan": "…"}` | whether the strict scan takes this JSON, which is base64url |
//! | `{"stages": true}` | the names of all stages |
//! | `{"stage": "verify_es256", "times": 1000}` | does one stage of a request so many times, for a clock outside |
//!
//! A host that times a stage asks for it with `"times": 0` first: that makes what all repetitions share, and the
//! compilers of some hosts are lazy. A repetition that does not succeed is an error, so that nobody measures a failure.

mod decide;
#[cfg(target_os = "wasi")]
mod export;
mod scan;
mod signature;
mod stage;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What can be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    verify: Option<signature::Raw>,
    jws: Option<signature::Compact>,
    thumbprint: Option<Map<String, Value>>,
    decide: Option<decide::Decide>,
    scan: Option<String>,
    stages: Option<bool>,
    stage: Option<String>,
    times: Option<u32>,
}

/// Answers a message.
#[must_use]
pub fn ask(message: &[u8]) -> Vec<u8> {
    let answer = match serde_json::from_slice(message) {
        Ok(message) => answer(message),
        Err(error) => Err(format!("this is no message: {error}")),
    };
    let answer = match answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => json!({ "error": error }),
    };
    answer.to_string().into_bytes()
}

fn answer(message: Message) -> Result<Value, String> {
    if let Some(raw) = message.verify {
        return signature::verify(&raw);
    }
    if let Some(compact) = message.jws {
        return Ok(signature::verify_compact(&compact));
    }
    if let Some(jwk) = message.thumbprint {
        return Ok(json!(cedar_gate::jose::thumbprint(&jwk)));
    }
    if let Some(decide) = message.decide {
        return decide::decide(decide);
    }
    if let Some(text) = message.scan {
        return scan::scan(&text);
    }
    if message.stages == Some(true) {
        return Ok(json!(stage::names()));
    }
    let stage = message.stage.ok_or("a message has one of verify, jws, thumbprint, decide, scan, stages and stage")?;
    stage::repeat(&stage, message.times.unwrap_or(1))
}

/// Bytes of a message.
fn bytes(base64url: &str) -> Result<Vec<u8>, String> {
    use base64ct::Encoding as _;
    base64ct::Base64UrlUnpadded::decode_vec(base64url).map_err(|_| "bytes must be base64url without padding".to_owned())
}
