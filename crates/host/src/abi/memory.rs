//! Reading and writing the filter's memory. An address outside of it is a status, never a panic.

use wasmtime::{Extern, Memory};

use super::{Answered, Fault, Guest, Status};

pub(super) fn read(guest: &mut Guest<'_>, pointer: u32, size: u32) -> Result<Vec<u8>, Fault> {
    let memory = memory(guest)?;
    let range = pointer as usize..pointer as usize + size as usize;
    let bytes = memory.data(&*guest).get(range).ok_or(Status::InvalidMemoryAccess)?;
    Ok(bytes.to_vec())
}

pub(super) fn read_u32(guest: &mut Guest<'_>, pointer: u32) -> Result<u32, Fault> {
    let bytes = read(guest, pointer, 4)?;
    let bytes = <[u8; 4]>::try_from(bytes).map_err(|_| Status::InvalidMemoryAccess)?;
    Ok(u32::from_le_bytes(bytes))
}

pub(super) fn write(guest: &mut Guest<'_>, pointer: u32, bytes: &[u8]) -> Answered {
    let memory = memory(guest)?;
    let range = pointer as usize..pointer as usize + bytes.len();
    memory.data_mut(guest).get_mut(range).ok_or(Status::InvalidMemoryAccess)?.copy_from_slice(bytes);
    Ok(())
}

pub(super) fn write_u32(guest: &mut Guest<'_>, pointer: u32, value: u32) -> Answered {
    write(guest, pointer, &value.to_le_bytes())
}

pub(super) fn write_u64(guest: &mut Guest<'_>, pointer: u32, value: u64) -> Answered {
    write(guest, pointer, &value.to_le_bytes())
}

/// Puts bytes into memory that the filter allocates for them, and writes where they are. Nothing at all is a null
/// pointer, as in Envoy.
pub(super) fn hand_over(guest: &mut Guest<'_>, bytes: &[u8], pointer_to: u32, size_to: u32) -> Answered {
    let pointer = if bytes.is_empty() { 0 } else { allocate(guest, bytes)? };
    write_u32(guest, pointer_to, pointer)?;
    write_u32(guest, size_to, length(bytes)?)
}

pub(super) fn allocate(guest: &mut Guest<'_>, bytes: &[u8]) -> Result<u32, Fault> {
    let size = length(bytes)?;
    let allocate = guest.data().allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
    let pointer = allocate.call(&mut *guest, size).map_err(Fault::Trap)?;
    if pointer == 0 {
        return Err(Status::InvalidMemoryAccess.into());
    }
    write(guest, pointer, bytes)?;
    Ok(pointer)
}

fn length(bytes: &[u8]) -> Result<u32, Fault> {
    u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess.into())
}

fn memory(guest: &mut Guest<'_>) -> Result<Memory, Fault> {
    if let Some(memory) = guest.data().memory {
        return Ok(memory);
    }
    // A module's start function may call out before the host has seen its exports.
    match guest.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(Status::InvalidMemoryAccess.into()),
    }
}
