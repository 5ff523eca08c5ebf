//! A module that is no filter: its exports are called by name, and nothing happens in between.

use std::fmt;

use wasmtime::{Instance, Store, WasmParams, WasmResults};

use crate::abi;
use crate::module::Module;
use crate::stack::on_wasm_stack;
use crate::state::State;
use crate::vm::{Options, state};

/// An instance of a module with a memory, a clock that stands still, and random bytes.
pub struct Library {
    store: Store<State>,
    instance: Instance,
}

/// Why a call has no result: the name or the type of an export is another, or the module trapped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{export}`: {reason}")]
pub struct LibraryError {
    /// What was called, or `instantiate`.
    pub export: String,
    /// What Wasmtime says, innermost frame first.
    pub reason: String,
}

/// Short: the whole state helps nobody in a failed assertion.
impl fmt::Debug for Library {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Library").finish_non_exhaustive()
    }
}

impl Library {
    /// Instantiates a module and initializes it.
    ///
    /// # Errors
    ///
    /// [`LibraryError`]
    pub fn start(module: &Module) -> Result<Self, LibraryError> {
        let failed = |reason: String| LibraryError { export: "instantiate".to_owned(), reason };
        let linker = abi::linker().map_err(failed)?;
        let mut library = on_wasm_stack(|| {
            let mut store = Store::new(module.compiled().engine(), state(b"", Options::default()));
            store.limiter(|state| &mut state.limits);
            let instance = linker.instantiate(&mut store, module.compiled()).map_err(|error| failed(text(&error)))?;
            store.data_mut().memory = instance.get_memory(&mut store, "memory");
            Ok(Self { store, instance })
        })?;
        if library.instance.get_func(&mut library.store, "_initialize").is_some() {
            library.call::<(), ()>("_initialize", ())?;
        }
        Ok(library)
    }

    /// Calls an export.
    ///
    /// # Errors
    ///
    /// [`LibraryError`]
    pub fn call<Parameters, Results>(&mut self, export: &str, parameters: Parameters) -> Result<Results, LibraryError>
    where
        Parameters: WasmParams + Send,
        Results: WasmResults + Send,
    {
        let called = on_wasm_stack(|| {
            let function = self.instance.get_typed_func::<Parameters, Results>(&mut self.store, export)?;
            function.call(&mut self.store, parameters)
        });
        called.map_err(|error| LibraryError { export: export.to_owned(), reason: text(&error) })
    }

    /// Copies bytes out of the memory; nothing where it does not reach that far.
    pub fn read(&self, address: u32, size: u32) -> Option<Vec<u8>> {
        let start = usize::try_from(address).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        self.store.data().memory?.data(&self.store).get(start..end).map(<[u8]>::to_vec)
    }

    /// Writes bytes into the memory; nothing is written where it does not reach that far.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Option<()> {
        let start = usize::try_from(address).ok()?;
        let memory = self.store.data().memory?;
        let end = start.checked_add(bytes.len())?;
        memory.data_mut(&mut self.store).get_mut(start..end).map(|place| place.copy_from_slice(bytes))
    }

    /// The size of the memory in bytes. It never shrinks.
    pub fn memory_size(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }
}

fn text(error: &wasmtime::Error) -> String {
    format!("{error:?}")
}
