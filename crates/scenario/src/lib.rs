//! Scenario files: a configuration, keys, tokens and requests on one side, what a user must see on the other.
//!
//! The README of this package gives the format. The same file is played on every [`Host`]: the native core, the `.wasm`
//! in Wasmtime and a real Envoy.

mod disk;
mod dpop;
mod encoding;
mod error;
mod expectation;
mod file;
mod forge;
mod gateway;
mod layers;
mod notation;
mod play;
mod report;
mod request;
mod scenario;
mod service;

// Public interface

pub use encoding::{NotAnObject, encoded_struct};
pub use error::ScenarioError;
pub use expectation::{Difference, Document, Expectation};
pub use forge::{Forge, ForgeError, Keys};
pub use gateway::{
    Body, ClientCertificate, ConfigurationForm, Gateway, Headers, Host, Identity, Observed, Protocol, Received,
    Request, Start, StartRefused, Tls,
};
pub use play::Played;
pub use report::{Failure, Report};
pub use scenario::Scenario;
pub use service::{Called, Served, Services};
