//! The two hosts of the probe.

use std::path::PathBuf;
use std::sync::OnceLock;

use cedar_gate_host::{Library, Module};
use serde_json::Value;

/// Where the filter's code runs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Host {
    /// In this process.
    Native,
    /// As the module that `make probe` has built, in Wasmtime.
    Wasm,
}

/// The filter's code on one host.
pub(crate) enum Probe {
    Native,
    Wasm(Library),
}

/// The hosts that tests run on: those of `CEDAR_GATE_HOSTS`, or those that are there.
///
/// The third host of the project, Envoy, offers no way to put a question to the filter that is no request.
pub(crate) fn all() -> Vec<Host> {
    match std::env::var("CEDAR_GATE_HOSTS") {
        Ok(names) => [Host::Native, Host::Wasm]
            .into_iter()
            .filter(|host| names.split(',').any(|name| name == host.name()))
            .collect(),
        Err(_) if path().exists() => vec![Host::Native, Host::Wasm],
        Err(_) => {
            println!("{} is not there: vectors are put to the native host only; see `make probe`", path().display());
            vec![Host::Native]
        }
    }
}

impl Host {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
        }
    }

    /// A probe of its own. A module that is demanded and not there is a failure.
    pub(crate) fn start(self) -> Result<Probe, String> {
        match self {
            Self::Native => Ok(Probe::Native),
            Self::Wasm => Library::start(module()?).map(Probe::Wasm).map_err(|error| error.to_string()),
        }
    }
}

impl Probe {
    /// Puts a message; see `crates/probe` for what can be asked.
    pub(crate) fn ask(&mut self, message: &Value) -> Result<Value, String> {
        let message = message.to_string().into_bytes();
        let answer = match self {
            Self::Native => cedar_gate_probe::ask(&message),
            Self::Wasm(library) => in_wasm(library, &message)?,
        };
        let mut answer: Value =
            serde_json::from_slice(&answer).map_err(|error| format!("the answer is no JSON: {error}"))?;
        match answer.get_mut("answer") {
            Some(answer) => Ok(answer.take()),
            None => Err(answer.to_string()),
        }
    }
}

fn in_wasm(library: &mut Library, message: &[u8]) -> Result<Vec<u8>, String> {
    let size = u32::try_from(message.len()).map_err(|_| "the message is too large")?;
    let mut call = || {
        let room: u32 = library.call("probe_room", size)?;
        library.write(room, message);
        let answer: u32 = library.call("probe_ask", ())?;
        let size: u32 = library.call("probe_answer_size", ())?;
        Ok((answer, size))
    };
    let (answer, size) = call().map_err(|error: cedar_gate_host::LibraryError| error.to_string())?;
    library.read(answer, size).ok_or_else(|| "the answer lies outside of the memory".to_owned())
}

fn module() -> Result<&'static Module, String> {
    static MODULE: OnceLock<Result<Module, String>> = OnceLock::new();
    let load = || Module::load(path()).map_err(|error| format!("{error}; see `make probe`"));
    MODULE.get_or_init(load).as_ref().map_err(Clone::clone)
}

/// `CEDAR_GATE_PROBE`, or what `make probe` has built.
fn path() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/cedar_gate_probe.wasm");
    std::env::var_os("CEDAR_GATE_PROBE").map_or_else(built, PathBuf::from)
}
