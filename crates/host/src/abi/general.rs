//! Log, clock, timer, contexts.

use wasmtime::Linker;

use super::memory::{read, write_u32, write_u64};
use super::{Answered, Guest, Status, answer};
use crate::log::{LogLevel, LogSource};
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_log", |mut guest: Guest<'_>, level: u32, data: u32, size: u32| {
        answer(log(&mut guest, level, data, size))
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut guest: Guest<'_>, level_to: u32| {
        let level = guest.data().log_level as u32;
        answer(write_u32(&mut guest, level_to, level))
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut guest: Guest<'_>, time_to: u32| {
        let now = guest.data().clock.now;
        answer(write_u64(&mut guest, time_to, now))
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |mut guest: Guest<'_>, period: u32| {
        guest.data_mut().clock.set_period(period);
        0_u32
    })?;
    linker.func_wrap("env", "proxy_set_effective_context", |mut guest: Guest<'_>, context: u32| {
        answer(set_effective_context(&mut guest, context))
    })?;
    linker.func_wrap("env", "proxy_done", |mut guest: Guest<'_>| {
        guest.data_mut().done = true;
        0_u32
    })?;
    Ok(())
}

fn log(guest: &mut Guest<'_>, level: u32, data: u32, size: u32) -> Answered {
    let level = LogLevel::from_abi(level).ok_or(Status::BadArgument)?;
    let message = read(guest, data, size)?;
    guest.data_mut().log(level, &message, LogSource::Filter);
    Ok(())
}

fn set_effective_context(guest: &mut Guest<'_>, context: u32) -> Answered {
    if !guest.data().context_exists(context) {
        return Err(Status::BadArgument.into());
    }
    guest.data_mut().effective = Some(context);
    Ok(())
}
