//! Buffers: bodies and configurations.

use wasmtime::Linker;

use super::memory::{hand_over, read, write_u32};
use super::{Answered, Fault, Guest, Status, answer};
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut guest: Guest<'_>, buffer: u32, start: u32, length: u32, pointer_to: u32, size_to: u32| {
            answer(get(&mut guest, buffer, (start, length), (pointer_to, size_to)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut guest: Guest<'_>, buffer: u32, start: u32, length: u32, data: u32, size: u32| {
            answer(set(&mut guest, buffer, (start, length), (data, size)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |mut guest: Guest<'_>, buffer: u32, length_to: u32, flags_to: u32| {
            answer(status(&mut guest, buffer, length_to, flags_to))
        },
    )?;
    Ok(())
}

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_RESPONSE_BODY: u32 = 4;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const LAST_BUFFER: u32 = 8;

fn get(guest: &mut Guest<'_>, buffer: u32, range: (u32, u32), value_to: (u32, u32)) -> Answered {
    let contents = contents(guest.data(), buffer)?;
    let start = range.0 as usize;
    let end = start.saturating_add(range.1 as usize).min(contents.len());
    let wanted = contents.get(start..end).unwrap_or_default().to_vec();
    if wanted.is_empty() {
        // Success, and the pointers stay as they are.
        return Ok(());
    }
    hand_over(guest, &wanted, value_to.0, value_to.1)
}

fn status(guest: &mut Guest<'_>, buffer: u32, length_to: u32, flags_to: u32) -> Answered {
    let length = u32::try_from(contents(guest.data(), buffer)?.len()).unwrap_or(u32::MAX);
    write_u32(guest, length_to, length)?;
    write_u32(guest, flags_to, 0)
}

/// A body is changed at its front, at its end, or replaced whole: Envoy knows no more.
fn set(guest: &mut Guest<'_>, buffer: u32, range: (u32, u32), data: (u32, u32)) -> Answered {
    contents(guest.data(), buffer)?;
    let data = read(guest, data.0, data.1)?;
    let stream = guest.data_mut().stream_mut().ok_or(Status::BadArgument)?;
    let (open, body) = match buffer {
        REQUEST_BODY => (stream.request.body_open, &mut stream.request.body),
        RESPONSE_BODY => (stream.response.body_open, &mut stream.response.body),
        _ => return Err(Status::BadArgument.into()),
    };
    if !open {
        return Err(Status::BadArgument.into());
    }
    let (start, length) = (range.0 as usize, range.1 as usize);
    match (start, length) {
        (0, 0) => drop(body.splice(0..0, data)),
        (0, length) if length >= body.len() => *body = data,
        (start, _) if start > 0 && start >= body.len() => body.extend_from_slice(&data),
        _ => return Err(Status::BadArgument.into()),
    }
    Ok(())
}

fn contents(state: &State, buffer: u32) -> Result<&[u8], Fault> {
    let body = |of_request: bool| match state.stream() {
        Some(stream) if of_request && stream.request.body_open => stream.request.body.as_slice(),
        Some(stream) if !of_request && stream.response.body_open => stream.response.body.as_slice(),
        // A body that is not there is empty, not missing.
        _ => &[],
    };
    match buffer {
        REQUEST_BODY => Ok(body(true)),
        RESPONSE_BODY => Ok(body(false)),
        CALL_RESPONSE_BODY => match &state.answer {
            // A failed call has no answer at all.
            Some(answer) if !answer.headers.is_empty() => Ok(&answer.body),
            _ => Err(Status::NotFound.into()),
        },
        VM_CONFIGURATION => Ok(&state.vm_configuration),
        PLUGIN_CONFIGURATION if state.configuring => Ok(&state.plugin_configuration),
        PLUGIN_CONFIGURATION => Err(Status::NotFound.into()),
        buffer if buffer > LAST_BUFFER => Err(Status::BadArgument.into()),
        _ => Err(Status::NotFound.into()),
    }
}
