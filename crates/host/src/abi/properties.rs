//! Properties.

use wasmtime::Linker;

use super::memory::{hand_over, read};
use super::{Answered, Guest, Status, answer};
use crate::property;
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut guest: Guest<'_>, path: u32, path_size: u32, pointer_to: u32, size_to: u32| {
            answer(get(&mut guest, (path, path_size), (pointer_to, size_to)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut guest: Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32| {
            answer(set(&mut guest, (path, path_size), (value, value_size)))
        },
    )?;
    Ok(())
}

fn get(guest: &mut Guest<'_>, path: (u32, u32), value_to: (u32, u32)) -> Answered {
    let path = read(guest, path.0, path.1)?;
    let state = guest.data();
    let value = property::read(state, state.context(), &path).ok_or(Status::NotFound)?;
    hand_over(guest, &value, value_to.0, value_to.1)
}

fn set(guest: &mut Guest<'_>, path: (u32, u32), value: (u32, u32)) -> Answered {
    let path = read(guest, path.0, path.1)?;
    let value = read(guest, value.0, value.1)?;
    // A root context has no filter state.
    guest.data_mut().stream_mut().ok_or(Status::NotFound)?.filter_state.insert(path, value);
    Ok(())
}
