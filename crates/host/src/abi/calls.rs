//! Call-outs.

use std::time::Duration;

use wasmtime::Linker;

use super::memory::{read, write_u32};
use super::{Answered, Guest, Status, answer, pairs};
use crate::calls::Call;
use crate::header_map::{HeaderMap, Kind};
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut guest: Guest<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout: u32,
         token_to: u32| {
            let parts = Parts {
                cluster: (cluster, cluster_size),
                headers: (headers, headers_size),
                body: (body, body_size),
                trailers: (trailers, trailers_size),
            };
            answer(http_call(&mut guest, &parts, timeout, token_to))
        },
    )?;
    register_grpc(linker)
}

/// Where the parts of a call stand in memory: pointer and size.
struct Parts {
    cluster: (u32, u32),
    headers: (u32, u32),
    body: (u32, u32),
    trailers: (u32, u32),
}

fn http_call(guest: &mut Guest<'_>, parts: &Parts, timeout: u32, token_to: u32) -> Answered {
    let cluster = read(guest, parts.cluster.0, parts.cluster.1)?;
    let headers = pairs::decode(&read(guest, parts.headers.0, parts.headers.1)?);
    let body = read(guest, parts.body.0, parts.body.1)?;
    let trailers = pairs::decode(&read(guest, parts.trailers.0, parts.trailers.1)?);
    // Shows that the address is good before anything is sent.
    write_u32(guest, token_to, 0)?;

    // In Envoy it is a signed number, and a negative one is refused.
    if i32::try_from(timeout).is_err() {
        return Err(Status::BadArgument.into());
    }
    let cluster = String::from_utf8_lossy(&cluster).into_owned();
    let state = guest.data_mut();
    let is_empty = state.empty_clusters.contains(&cluster);
    let is_known = state.clusters.as_ref().is_none_or(|known| known.contains(&cluster));
    if !is_known && !is_empty {
        return Err(Status::BadArgument.into());
    }
    let mut headers = HeaderMap::new(Kind::Request, headers);
    if [":method", ":path", ":authority"].iter().any(|name| headers.get(name.as_bytes()).is_none()) {
        return Err(Status::BadArgument.into());
    }
    if is_empty {
        return Err(Status::InternalFailure.into());
    }
    if !body.is_empty() {
        headers.set(b"content-length", body.len().to_string().as_bytes());
    }
    let token = state.calls.next_token();
    let call = Call {
        token,
        cluster,
        headers: headers.entries().clone(),
        body,
        trailers,
        timeout: (timeout > 0).then(|| Duration::from_millis(u64::from(timeout))),
        made_at: state.clock.now,
    };
    state.calls.made += 1;
    state.calls.pending.insert(token, call);
    write_u32(guest, token_to, token)
}

/// Part of the ABI, so a module may import them; this host has no gRPC client.
fn register_grpc(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let unimplemented = Status::Unimplemented as u32;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        move |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
            unimplemented
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        move |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| unimplemented,
    )?;
    linker.func_wrap("env", "proxy_grpc_send", move |_: u32, _: u32, _: u32, _: u32| unimplemented)?;
    linker.func_wrap("env", "proxy_grpc_cancel", move |_: u32| unimplemented)?;
    linker.func_wrap("env", "proxy_grpc_close", move |_: u32| unimplemented)?;
    linker.func_wrap("env", "proxy_get_status", move |_: u32, _: u32, _: u32| unimplemented)?;
    Ok(())
}
