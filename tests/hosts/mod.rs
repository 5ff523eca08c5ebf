//! The hosts on which scenarios are played.

use std::path::PathBuf;
use std::sync::OnceLock;

use cedar_gate_host::{Module, WasmHost};
use cedar_gate_scenario::Host;
use cedar_gate_stage::EnvoyHost;

pub(crate) use cedar_gate_testing::NativeHost;

/// The host of a name.
///
/// `make test` names all hosts in `CEDAR_GATE_HOSTS`, and a host that cannot be had is then a failure; without that,
/// those are taken that are there.
pub(crate) fn host(name: &str) -> Option<&'static dyn Host> {
    match name {
        "native" => Some(&NativeHost),
        "wasm" => wasm().map(|host| host as &dyn Host),
        "envoy" => envoy().map(|host| host as &dyn Host),
        other => panic!("there is no host `{other}`"),
    }
}

/// The names of the hosts that tests run on.
#[allow(dead_code, reason = "only the scenarios are played on each of them")]
pub(crate) fn names() -> Vec<String> {
    match std::env::var("CEDAR_GATE_HOSTS") {
        Ok(names) => names.split(',').map(str::to_owned).collect(),
        Err(_) => {
            ["native", "wasm", "envoy"].into_iter().filter(|name| host(name).is_some()).map(str::to_owned).collect()
        }
    }
}

/// The `.wasm` that is shipped: `CEDAR_GATE_WASM`, or what `make wasm` has built.
pub(crate) fn wasm_path() -> Option<PathBuf> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/cedar_gate.wasm");
    let path = std::env::var_os("CEDAR_GATE_WASM").map_or(built, PathBuf::from);
    assert!(path.exists() || !is_demanded("wasm"), "CEDAR_GATE_HOSTS names wasm, but there is no {}", path.display());
    path.exists().then_some(path)
}

/// Whether a host must be there: a test that is left out for want of it would pass and show nothing.
fn is_demanded(host: &str) -> bool {
    std::env::var("CEDAR_GATE_HOSTS").is_ok_and(|names| names.split(',').any(|name| name == host))
}

/// The module of the `.wasm` that is shipped, compiled once.
pub(crate) fn module() -> Option<&'static Module> {
    static MODULE: OnceLock<Option<Module>> = OnceLock::new();
    let load = || Some(Module::load(wasm_path()?).expect("the filter compiles in Wasmtime"));
    MODULE.get_or_init(load).as_ref()
}

fn wasm() -> Option<&'static WasmHost> {
    static HOST: OnceLock<Option<WasmHost>> = OnceLock::new();
    HOST.get_or_init(|| Some(WasmHost::new(module()?.clone()))).as_ref()
}

/// One Envoy for all tests, with a listener for each configuration.
pub(crate) fn envoy() -> Option<&'static EnvoyHost> {
    static HOST: OnceLock<Option<EnvoyHost>> = OnceLock::new();
    let host = HOST.get_or_init(|| EnvoyHost::from_env(&wasm_path()?).expect("Envoy starts")).as_ref();
    assert!(host.is_some() || !is_demanded("envoy"), "CEDAR_GATE_HOSTS names envoy, but CEDAR_GATE_ENVOY does not");
    host
}
