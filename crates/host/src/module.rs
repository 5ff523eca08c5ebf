//! A compiled filter.

mod cache;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use wasmtime::{Config, Engine};

use crate::stack::{WASM_STACK, on_wasm_stack};

/// A `.wasm`, compiled and ready to be started any number of times.
#[derive(Clone, Debug)]
pub struct Module {
    compiled: wasmtime::Module,
}

/// A module could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// It is not a module that Wasmtime can compile.
    #[error("the module cannot be compiled: {0}")]
    Compile(String),
    /// The engine could not be set up on this machine.
    #[error("no Wasm engine on this machine: {0}")]
    Engine(String),
    /// The file cannot be read.
    #[error("{path}: {reason}")]
    Read {
        /// The path as given.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
}

/// What this process has loaded, by the path of the artefact.
static LOADED: OnceLock<Mutex<HashMap<PathBuf, Module>>> = OnceLock::new();

impl Module {
    /// Compiles the module, or takes the compiled artefact that an earlier run left beside it.
    ///
    /// The artefact is named by the SHA-256 of the `.wasm` and by the version and settings of Wasmtime, so that neither a
    /// new build nor a new compiler ever meets an old one. A broken artefact is made anew.
    ///
    /// # Errors
    ///
    /// [`ModuleError`]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModuleError> {
        let path = path.as_ref();
        let wasm =
            std::fs::read(path).map_err(|reason| ModuleError::Read { path: path.display().to_string(), reason })?;
        let engine = engine()?;
        let artefact = cache::path(engine, path, &wasm);
        // Held while compiling: tests that start together wait for the one that compiles.
        let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = loaded.get(&artefact) {
            return Ok(module.clone());
        }
        let module = match cache::load(engine, &artefact) {
            Some(compiled) => Self { compiled },
            None => {
                let module = Self::compile(&wasm)?;
                cache::store(&module.compiled, &artefact);
                module
            }
        };
        loaded.insert(artefact, module.clone());
        Ok(module)
    }

    /// Compiles a module from its bytes, without a cache.
    ///
    /// # Errors
    ///
    /// [`ModuleError`]
    pub fn compile(wasm: &[u8]) -> Result<Self, ModuleError> {
        let engine = engine()?;
        let compiled = on_wasm_stack(|| wasmtime::Module::from_binary(engine, wasm));
        compiled.map(|compiled| Self { compiled }).map_err(|error| ModuleError::Compile(format!("{error:#}")))
    }

    /// What it imports: the name of the module and the name of the function.
    pub fn imports(&self) -> Vec<(String, String)> {
        self.compiled.imports().map(|import| (import.module().to_owned(), import.name().to_owned())).collect()
    }

    /// The names that it exports.
    pub fn exports(&self) -> Vec<String> {
        self.compiled.exports().map(|export| export.name().to_owned()).collect()
    }

    pub(crate) fn compiled(&self) -> &wasmtime::Module {
        &self.compiled
    }
}

/// One engine for the whole process: modules and VMs of different tests share its code memory.
pub(crate) fn engine() -> Result<&'static Engine, ModuleError> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let mut config = Config::new();
        // Checked against each other, although nothing here is asynchronous.
        config.async_stack_size(2 * WASM_STACK).max_wasm_stack(WASM_STACK);
        Engine::new(&config).map_err(|error| format!("{error:#}"))
    });
    engine.as_ref().map_err(|error| ModuleError::Engine(error.clone()))
}
