//! The strict scan of JSON.

use cedar_gate::json::{self, Bounds};
use serde_json::{Value, json};

use crate::bytes;

/// Those of a token's claims, where nothing else is configured.
const BOUNDS: Bounds = Bounds { depth: 16, values: 1024 };

pub(crate) fn scan(text: &str) -> Result<Value, String> {
    Ok(match json::parse(&bytes(text)?, BOUNDS) {
        Ok(_) => json!({ "accepted": true }),
        Err(error) => json!({ "accepted": false, "because": error.to_string() }),
    })
}
