//! A proxy-wasm host for tests: it runs a real `.wasm` filter in Wasmtime, behaves towards it as Envoy does, and lets a
//! test see everything.
//!
//! It promises ABI 0.2.1 with Envoy's semantics (which maps can be read when, what a pause holds back, what a
//! compare-and-swap on an absent key does), a clock that moves only when told to, and an upstream that answers when the
//! test says so. It does not parse HTTP, normalise paths or route: what a request looks like when the filter sees it is
//! the caller's business, apart from what [`WasmHost`] does for scenarios.
//!
//! [`Vm`] is the plain interface; [`WasmHost`] puts it behind the traits that scenarios run on. [`Library`] runs a module
//! that is no filter.

mod abi;
mod calls;
mod clock;
mod gateway;
mod header_map;
mod library;
mod local_reply;
mod log;
mod metrics;
mod module;
pub mod property;
mod random;
mod shared;
mod stack;
mod state;
mod stream;
mod verify_signature;
mod vm;

pub use calls::{Answer, Call};
pub use cedar_gate_scenario::{Headers, StartRefused};
pub use gateway::WasmHost;
pub use header_map::{HeaderMap, Kind};
pub use library::{Library, LibraryError};
pub use local_reply::LocalReply;
pub use log::{LogLevel, LogLine, LogSource};
pub use metrics::{Metric, MetricKind};
pub use module::{Module, ModuleError};
pub use property::Properties;
pub use shared::{CasMismatch, SharedData};
pub use stack::on_wasm_stack;
pub use stream::{Message, Stream, StreamId};
pub use verify_signature::{VERIFY_SIGNATURE, verify_signature};
pub use vm::{ForeignFunction, Options, Vm, VmTrapped};
