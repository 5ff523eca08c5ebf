//! The stack that Wasm runs on.

use std::cell::Cell;

/// How deep Wasm may go, in bytes, before it traps.
pub(crate) const WASM_STACK: usize = 8 << 20;

/// The native stack below it, in bytes: the Wasm part, and room for the host's own frames and for the compiler.
const NATIVE_STACK: usize = WASM_STACK + (8 << 20);

thread_local! {
    static LARGE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread whose stack is large enough for Wasm.
///
/// Wasm uses the stack of the thread that calls it, and a test thread has 2 MiB only: deep recursion would abort the
/// whole process before Wasmtime's own limit is reached. Every call into a VM goes through here by itself. A test that
/// makes very many calls can wrap them all once, and saves a thread for each.
///
/// # Panics
///
/// Where `work` does, or where the system gives no thread.
pub fn on_wasm_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if LARGE.get() {
        return work();
    }
    let finished = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("wasm".to_owned()).stack_size(NATIVE_STACK);
        let work = move || {
            LARGE.set(true);
            work()
        };
        thread.spawn_scoped(scope, work).map(|running| running.join())
    });
    match finished {
        Ok(Ok(result)) => result,
        // Passed on, so that a failed assertion inside `work` fails the test that made it.
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => panic!("no thread with a stack of {NATIVE_STACK} bytes: {error}"),
    }
}
