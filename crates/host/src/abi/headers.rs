//! Header maps.

use cedar_gate_scenario::Headers;
use wasmtime::Linker;

use super::memory::{hand_over, read, write_u32};
use super::{Answered, Fault, Guest, Status, answer, pairs};
use crate::header_map::{HeaderMap, Kind};
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut guest: Guest<'_>, map: u32, pointer_to: u32, size_to: u32| {
            answer(get_pairs(&mut guest, map, pointer_to, size_to))
        },
    )?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", |mut guest: Guest<'_>, map: u32, data: u32, size: u32| {
        answer(set_pairs(&mut guest, map, data, size))
    })?;
    linker.func_wrap("env", "proxy_get_header_map_size", |mut guest: Guest<'_>, map: u32, size_to: u32| {
        answer(get_size(&mut guest, map, size_to))
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut guest: Guest<'_>, map: u32, name: u32, name_size: u32, pointer_to: u32, size_to: u32| {
            answer(get(&mut guest, map, (name, name_size), (pointer_to, size_to)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut guest: Guest<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            answer(change(&mut guest, map, (name, name_size), (value, value_size), HeaderMap::add))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut guest: Guest<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            answer(change(&mut guest, map, (name, name_size), (value, value_size), HeaderMap::set))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut guest: Guest<'_>, map: u32, name: u32, name_size: u32| {
            answer(change(&mut guest, map, (name, name_size), (0, 0), |map, name, _| map.remove(name)))
        },
    )?;
    Ok(())
}

const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const CALL_RESPONSE_HEADERS: u32 = 6;
const LAST_MAP: u32 = 7;

fn get_pairs(guest: &mut Guest<'_>, map: u32, pointer_to: u32, size_to: u32) -> Answered {
    // A map that is not there reads as an empty one, and succeeds: so Envoy does, unlike with single values.
    let headers = readable(guest.data(), map)?.map(|map| map.entries().clone()).unwrap_or_default();
    let encoded = if headers.is_empty() { Vec::new() } else { pairs::encode(&headers) };
    hand_over(guest, &encoded, pointer_to, size_to)
}

fn set_pairs(guest: &mut Guest<'_>, map: u32, data: u32, size: u32) -> Answered {
    let headers: Headers = pairs::decode(&read(guest, data, size)?);
    writable(guest.data_mut(), map)?.replace_all(headers);
    Ok(())
}

fn get_size(guest: &mut Guest<'_>, map: u32, size_to: u32) -> Answered {
    let size = readable(guest.data(), map)?.ok_or(Status::BadArgument)?.byte_size();
    write_u32(guest, size_to, u32::try_from(size).unwrap_or(u32::MAX))
}

fn get(guest: &mut Guest<'_>, map: u32, name: (u32, u32), value_to: (u32, u32)) -> Answered {
    let name = read(guest, name.0, name.1)?;
    let missing = match guest.data().stream() {
        Some(stream) if stream.logging => Status::NotFound,
        _ => Status::BadArgument,
    };
    let found = readable(guest.data(), map)?.ok_or(missing)?.get(&name).map(<[u8]>::to_vec);
    hand_over(guest, &found.ok_or(Status::NotFound)?, value_to.0, value_to.1)
}

fn change(
    guest: &mut Guest<'_>,
    map: u32,
    name: (u32, u32),
    value: (u32, u32),
    change: impl FnOnce(&mut HeaderMap, &[u8], &[u8]),
) -> Answered {
    let name = read(guest, name.0, name.1)?;
    let value = read(guest, value.0, value.1)?;
    change(writable(guest.data_mut(), map)?, &name, &value);
    Ok(())
}

/// A map that can be read now.
fn readable(state: &State, map: u32) -> Result<Option<HeaderMap>, Fault> {
    if map > LAST_MAP {
        return Err(Status::BadArgument.into());
    }
    if map == CALL_RESPONSE_HEADERS {
        return Ok(state.answer.as_ref().map(|answer| HeaderMap::new(Kind::Response, answer.headers.clone())));
    }
    let Some(stream) = state.stream() else { return Ok(None) };
    Ok(match map {
        REQUEST_HEADERS if stream.request.headers_open || stream.logging => Some(&stream.request.headers),
        REQUEST_TRAILERS if stream.request.trailers_open => Some(&stream.request.trailers),
        RESPONSE_HEADERS if stream.response.headers_open || stream.logging => Some(&stream.response.headers),
        RESPONSE_TRAILERS if stream.response.trailers_open || stream.logging => Some(&stream.response.trailers),
        _ => None,
    }
    .cloned())
}

/// A map that can be written now.
fn writable(state: &mut State, map: u32) -> Result<&mut HeaderMap, Fault> {
    let stream = state.stream_mut().ok_or(Status::BadArgument)?;
    let (open, map) = match map {
        REQUEST_HEADERS => (stream.request.headers_open, &mut stream.request.headers),
        REQUEST_TRAILERS => (stream.request.trailers_open, &mut stream.request.trailers),
        RESPONSE_HEADERS => (stream.response.headers_open, &mut stream.response.headers),
        RESPONSE_TRAILERS => (stream.response.trailers_open, &mut stream.response.trailers),
        _ => return Err(Status::BadArgument.into()),
    };
    if open { Ok(map) } else { Err(Status::BadArgument.into()) }
}
