//! The filter in a real Envoy, between clients and an authorization server that others have written: `oidc-provider`, which
//! is certified, `oauth4webapi` and `jose`, all in Node. What an authorization server would not do stands in [`faults`].
//!
//! `tools/e2e` has the scripts. Everything listens on 127.0.0.1 and ends with the test.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "the filter's own walls against traps and clocks; a test that traps has failed, and Envoy's time is real"
)]

mod certificates;
mod client;
mod dpop;
mod faults;
mod introspection;
mod outage;
mod rotation;
mod script;
mod server;
mod stage;
mod tokens;
