//! The functions that a filter imports.
//!
//! Each hostcall is a function that either succeeds or says why not; here they are registered under their names. What
//! Envoy does not offer is not registered, so a module that imports it fails to start, as it would there.

mod buffers;
mod calls;
mod foreign;
mod general;
mod headers;
mod memory;
mod metrics;
pub(crate) mod pairs;
mod properties;
mod shared;
mod streams;
mod wasi;

use std::sync::OnceLock;

use wasmtime::{Caller, Linker, Val};

use crate::module::{Module, engine};
use crate::state::State;

type Guest<'a> = Caller<'a, State>;

/// The statuses of proxy-wasm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
enum Status {
    NotFound = 1,
    BadArgument = 2,
    InvalidMemoryAccess = 6,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
}

/// Why a hostcall failed.
enum Fault {
    /// The filter gets a status.
    Status(Status),
    /// A status that a foreign function chose.
    Foreign(u32),
    /// The filter's own allocator trapped.
    Trap(wasmtime::Error),
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

type Answered = Result<(), Fault>;

fn answer(answered: Answered) -> wasmtime::Result<u32> {
    match answered {
        Ok(()) => Ok(0),
        Err(Fault::Status(status)) => Ok(status as u32),
        Err(Fault::Foreign(status)) => Ok(status),
        Err(Fault::Trap(trap)) => Err(trap),
    }
}

/// The linker with every hostcall, made once for the process.
pub(crate) fn linker() -> Result<&'static Linker<State>, String> {
    static LINKER: OnceLock<Result<Linker<State>, String>> = OnceLock::new();
    let linker = LINKER.get_or_init(|| {
        let mut linker = Linker::new(engine().map_err(|error| error.to_string())?);
        register(&mut linker).map_err(|error| format!("{error:#}"))?;
        Ok(linker)
    });
    linker.as_ref().map_err(Clone::clone)
}

/// The linker for a module, in which the functions of these names fail.
pub(crate) fn linker_without(failing: &[String], module: &Module) -> Result<Linker<State>, String> {
    let mut linker = linker()?.clone();
    linker.allow_shadowing(true);
    for import in module.compiled().imports().filter(|import| failing.iter().any(|name| name == import.name())) {
        let Some(function) = import.ty().func().cloned() else { continue };
        let fail = |_: Guest<'_>, _: &[Val], results: &mut [Val]| {
            results.fill(Val::I32(Status::InternalFailure as i32));
            Ok(())
        };
        linker.func_new(import.module(), import.name(), function, fail).map_err(|error| format!("{error:#}"))?;
    }
    Ok(linker)
}

fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    general::register(linker)?;
    headers::register(linker)?;
    buffers::register(linker)?;
    properties::register(linker)?;
    shared::register(linker)?;
    calls::register(linker)?;
    streams::register(linker)?;
    metrics::register(linker)?;
    foreign::register(linker)?;
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        wasi::register(linker, module)?;
    }
    Ok(())
}
