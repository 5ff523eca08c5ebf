//! Shared data, and queues, which this host does not have.

use wasmtime::Linker;

use super::memory::{hand_over, read, write_u32};
use super::{Answered, Guest, Status, answer};
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut guest: Guest<'_>, key: u32, key_size: u32, pointer_to: u32, size_to: u32, cas_to: u32| {
            answer(get(&mut guest, (key, key_size), (pointer_to, size_to), cas_to))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut guest: Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32| {
            answer(set(&mut guest, (key, key_size), (value, value_size), cas))
        },
    )?;
    let unimplemented = Status::Unimplemented as u32;
    linker.func_wrap("env", "proxy_register_shared_queue", move |_: u32, _: u32, _: u32| unimplemented)?;
    linker
        .func_wrap("env", "proxy_resolve_shared_queue", move |_: u32, _: u32, _: u32, _: u32, _: u32| unimplemented)?;
    linker.func_wrap("env", "proxy_dequeue_shared_queue", move |_: u32, _: u32, _: u32| unimplemented)?;
    linker.func_wrap("env", "proxy_enqueue_shared_queue", move |_: u32, _: u32, _: u32| unimplemented)?;
    Ok(())
}

fn get(guest: &mut Guest<'_>, key: (u32, u32), value_to: (u32, u32), cas_to: u32) -> Answered {
    let key = read(guest, key.0, key.1)?;
    let (value, cas) = guest.data().shared.get(&key).ok_or(Status::NotFound)?;
    hand_over(guest, &value, value_to.0, value_to.1)?;
    write_u32(guest, cas_to, cas)
}

fn set(guest: &mut Guest<'_>, key: (u32, u32), value: (u32, u32), cas: u32) -> Answered {
    let key = read(guest, key.0, key.1)?;
    let value = read(guest, value.0, value.1)?;
    guest.data().shared.set(&key, &value, cas).map_err(|_| Status::CasMismatch.into())
}
