//! What a filter does with a stream: resume it, break it off, answer it.

use wasmtime::Linker;

use super::memory::read;
use super::{Answered, Guest, Status, answer, pairs};
use crate::local_reply::LocalReply;
use crate::state::{Deferred, State};
use crate::stream::Side;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", |mut guest: Guest<'_>, stream: u32| {
        answer(continue_stream(&mut guest, stream))
    })?;
    linker.func_wrap("env", "proxy_close_stream", |mut guest: Guest<'_>, stream: u32| {
        answer(close_stream(&mut guest, stream))
    })?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut guest: Guest<'_>,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: u32| {
            let parts = [(details, details_size), (body, body_size), (headers, headers_size)];
            answer(send_local_response(&mut guest, status, parts, grpc_status))
        },
    )?;
    Ok(())
}

fn continue_stream(guest: &mut Guest<'_>, stream: u32) -> Answered {
    let side = side(stream)?;
    let state = guest.data_mut();
    let context = state.context();
    if let Some(stream) = state.stream_mut() {
        // Envoy forgets the request at once, whichever direction is resumed.
        stream.request.close();
        state.deferred.push_back(Deferred::Resume(context, side));
    }
    Ok(())
}

fn close_stream(guest: &mut Guest<'_>, stream: u32) -> Answered {
    side(stream)?;
    let state = guest.data_mut();
    let context = state.context();
    if state.stream().is_some() {
        state.deferred.push_back(Deferred::Reset(context));
    }
    Ok(())
}

fn send_local_response(guest: &mut Guest<'_>, status: u32, parts: [(u32, u32); 3], grpc_status: u32) -> Answered {
    let [details, body, headers] = parts;
    let details = read(guest, details.0, details.1)?;
    let body = read(guest, body.0, body.1)?;
    let headers = pairs::decode(&read(guest, headers.0, headers.1)?);
    let reply = LocalReply {
        status,
        headers: headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        body,
        // -1 says that there is none; Envoy takes the known statuses only.
        grpc_status: (grpc_status <= 16).then_some(grpc_status),
        details: (!details.is_empty()).then(|| without_blanks(&details)),
    };
    let state = guest.data_mut();
    let context = state.context();
    if state.stream().is_some() {
        state.deferred.push_back(Deferred::LocalReply(context, reply));
    }
    state.stop_iteration = true;
    Ok(())
}

fn without_blanks(details: &[u8]) -> String {
    String::from_utf8_lossy(details).replace(|character: char| character.is_ascii_whitespace(), "_")
}

fn side(stream: u32) -> Result<Side, Status> {
    match stream {
        0 => Ok(Side::Request),
        1 => Ok(Side::Response),
        _ => Err(Status::BadArgument),
    }
}
