//! What tests with a real Envoy need.

mod port;

use std::env;
use std::path::{Path, PathBuf};

pub(crate) use port::Port;

/// An Envoy and the filter.
pub(crate) struct Gateway {
    pub(crate) envoy: PathBuf,
    pub(crate) wasm: PathBuf,
}

impl Gateway {
    /// Those that the environment names; `None`, with a line that says so, where they are not there and nobody demands
    /// them.
    ///
    /// # Panics
    ///
    /// `CEDAR_GATE_HOSTS` names envoy, and they are not there.
    pub(crate) fn find() -> Option<Self> {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/cedar_gate.wasm");
        let wasm = env::var_os("CEDAR_GATE_WASM").map_or(built, PathBuf::from);
        let envoy = env::var_os("CEDAR_GATE_ENVOY").map(PathBuf::from);
        let there = envoy.filter(|envoy| envoy.exists() && wasm.exists());
        if there.is_none() {
            let missing = format!("it takes an Envoy in CEDAR_GATE_ENVOY, and the filter in {}", wasm.display());
            assert!(!is_demanded(), "CEDAR_GATE_HOSTS names envoy: {missing}");
            println!("left out: {missing}");
        }
        there.map(|envoy| Self { envoy, wasm })
    }
}

/// Whether a test must not be left out: one that is left out shows nothing.
pub(crate) fn is_demanded() -> bool {
    env::var("CEDAR_GATE_HOSTS").is_ok_and(|hosts| hosts.split(',').any(|host| host == "envoy"))
}

/// The ports of a new project, and others in their place: the first ones could be taken.
pub(crate) struct Ports([(u16, Port); 3]);

impl Ports {
    pub(crate) fn reserve() -> Self {
        Self([10000, 9901, 8080].map(|usual| (usual, Port::reserve())))
    }

    /// The text with the one in place of the others.
    pub(crate) fn put_into(&self, text: &str) -> String {
        let put = |text: String, (usual, port): &(u16, Port)| text.replace(&usual.to_string(), &port.to_string());
        self.0.iter().fold(text.to_owned(), put)
    }
}
