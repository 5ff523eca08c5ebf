//! cedar-gate: every request becomes a verified identity, a typed question to Cedar policies, a decision that can be
//! explained, and a record.
//!
//! The library is the filter. [`exchange`] tells the story of one request; [`gate`] holds what outlives it; [`config`]
//! turns a plugin configuration into both, or lists all that is wrong with it. There is no I/O, no clock and no random
//! source in here: a host passes them in as values. [`harness`] is such a host for native tests, and the proxy-wasm
//! adapter (compiled for `wasm32-wasip1` only) is the one for gateways.

pub mod audit;
pub mod challenge;
pub mod client_certificate;
pub mod config;
pub mod credential;
pub mod dpop;
pub mod exchange;
pub mod forward;
pub mod gate;
pub mod harness;
pub mod http;
pub mod introspection;
pub mod jose;
pub mod journal;
pub mod json;
pub mod live;
pub mod outbox;
pub mod policy;
pub mod refusal;
pub mod remote;
pub mod resource_metadata;
pub mod route;
pub mod secret;
pub mod sender;
pub mod separation;
pub mod status;
pub mod token;

#[cfg(target_os = "wasi")]
mod proxy;
