//! A real Envoy with a `.wasm` between a real client and a real upstream: nothing in between is mocked.
//!
//! [`EnvoyHost`] makes them one scenario host. Its parts stand alone as well: [`Envoy`] is the process with its listeners,
//! [`Upstream`] records what reaches it, and [`client`] sends requests byte for byte. [`Deployment`] is the other way to
//! have an Envoy: from a complete configuration file, as users write it. [`PlainEnvoy`] is the third, for what measures.
//!
//! Not covered: HTTP/3, and request targets that hyper's server refuses to parse (a raw `<`, `>` or backtick), which
//! [`Upstream`] answers with 400 without a record.

#![expect(clippy::disallowed_methods, reason = "a stage runs in real time; it is the filter that has no clock")]

pub mod client;
mod envoy;
mod faults;
mod gateway;
pub mod polling;
mod service;
mod upstream;

pub use envoy::{
    Decisions, Deployment, Envoy, EnvoyFile, EnvoyOptions, ListenerError, ListenerOptions, LogLine, Paths, PlainEnvoy,
    Rejected,
};
pub use faults::{Content, Fault, FaultServer};
pub use gateway::EnvoyHost;
pub use upstream::Upstream;
