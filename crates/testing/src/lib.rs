//! The filter without a gateway, for tests of configurations and policies.
//!
//! [`Gate`] takes a configuration and requests, for tests that are written in Rust. What it decides is what the filter
//! decides in a gateway, since it is the same code; only the keys of the issuers are replaced, so that a test can make
//! its tokens:
//!
//! ```
//! # use cedar_gate_testing::Gate;
//! # use serde_json::json;
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/envoy/envoy.yaml");
//! let mut gate = Gate::open(path).unwrap();
//! let mona = gate.token("corp", &json!({"sub": "mona", "realm_access": {"roles": ["maker"]}, "scope": "payments:approve"}));
//! let answer = gate.post("/payments/7/approval").bearer(&mona).json(&json!({"amount": 100})).send();
//! assert_eq!((answer.status(), answer.cause()), (Some(403), Some("policy_denied")), "{answer}");
//! ```
//!
//! [`play`] plays the scenario files of a folder, on [`NativeHost`]. On [`NativeHost::observed`] somebody looks on and
//! sees how each decision comes about.

mod answer;
mod development;
mod gate;
mod native;
mod world;

use std::path::Path;

pub use answer::Answer;
use cedar_gate_scenario::Scenario;
pub use cedar_gate_scenario::{Called, Served};
pub use development::{Development, DevelopmentError, quickest_key};
pub use gate::{Asked, Gate, GateError};
pub use native::{NativeHost, ObservedHost, Seen};

/// Plays all scenario files below a folder.
///
/// # Errors
///
/// The folder cannot be read or has no scenarios, a file is none, or something was not as expected; all of that, in the
/// order of the files.
pub fn play(folder: impl AsRef<Path>) -> Result<(), String> {
    let folder = folder.as_ref();
    let paths = Scenario::find(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if paths.is_empty() {
        return Err(format!("{}: there are no scenarios here", folder.display()));
    }
    let outcome = |path: &Path| -> Result<(), String> {
        let scenario = Scenario::load(path).map_err(|error| error.to_string())?;
        scenario.run(&NativeHost).map_err(|report| report.to_string())
    };
    let failures: Vec<String> = paths.iter().filter_map(|path| outcome(path).err()).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}
