//! Foreign functions: those that the test gave.

use wasmtime::Linker;

use super::memory::{allocate, read, write_u32};
use super::{Answered, Fault, Guest, Status, answer};
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut guest: Guest<'_>,
         name: u32,
         name_size: u32,
         arguments: u32,
         arguments_size: u32,
         pointer_to: u32,
         size_to: u32| {
            answer(call(&mut guest, (name, name_size), (arguments, arguments_size), (pointer_to, size_to)))
        },
    )?;
    Ok(())
}

fn call(guest: &mut Guest<'_>, name: (u32, u32), arguments: (u32, u32), result_to: (u32, u32)) -> Answered {
    let name = read(guest, name.0, name.1)?;
    let arguments = read(guest, arguments.0, arguments.1)?;
    let name = String::from_utf8_lossy(&name);
    let function = guest.data().foreign_functions.get(name.as_ref()).cloned().ok_or(Status::NotFound)?;
    let result = function(&arguments).map_err(Fault::Foreign)?;
    let (pointer_to, size_to) = result_to;
    // Both are optional: a caller that does not want the result passes null.
    if pointer_to != 0 {
        let pointer = if result.is_empty() { 0 } else { allocate(guest, &result)? };
        write_u32(guest, pointer_to, pointer)?;
    }
    if size_to != 0 {
        write_u32(guest, size_to, u32::try_from(result.len()).unwrap_or(u32::MAX))?;
    }
    Ok(())
}
