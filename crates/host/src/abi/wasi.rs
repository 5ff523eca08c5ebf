//! The few functions of WASI preview 1 that Envoy answers. There are no files, no arguments and no second clock.

use wasmtime::Linker;

use super::memory::{read, read_u32, write, write_u32, write_u64};
use super::{Fault, Guest};
use crate::log::{LogLevel, LogSource};
use crate::state::State;

const SUCCESS: u32 = 0;
const BAD_FILE: u32 = 8;
const FAULT: u32 = 21;
const NO_SYSTEM_CALL: u32 = 52;
const NOT_SUPPORTED: u32 = 58;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

pub(super) fn register(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    register_process(linker, module)?;
    register_files(linker, module)
}

fn register_process(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "args_sizes_get", |mut guest: Guest<'_>, count_to: u32, size_to: u32| {
        errno(write_u32(&mut guest, count_to, 0).and_then(|()| write_u32(&mut guest, size_to, 0)))
    })?;
    linker.func_wrap(module, "args_get", |_: u32, _: u32| SUCCESS)?;
    linker.func_wrap(module, "environ_sizes_get", |mut guest: Guest<'_>, count_to: u32, size_to: u32| {
        let environment = variables(guest.data());
        let size: usize = environment.iter().map(Vec::len).sum();
        let count = write_u32(&mut guest, count_to, size32(environment.len()));
        errno(count.and_then(|()| write_u32(&mut guest, size_to, size32(size))))
    })?;
    linker.func_wrap(module, "environ_get", |mut guest: Guest<'_>, pointers_to: u32, texts_to: u32| {
        errno(environ_get(&mut guest, pointers_to, texts_to))
    })?;
    linker.func_wrap(module, "clock_time_get", |mut guest: Guest<'_>, clock: u32, _precision: u64, time_to: u32| {
        if clock > 1 {
            return Ok(NOT_SUPPORTED);
        }
        let now = guest.data().clock.now;
        errno(write_u64(&mut guest, time_to, now))
    })?;
    linker.func_wrap(module, "random_get", |mut guest: Guest<'_>, pointer: u32, size: u32| {
        errno(random_get(&mut guest, pointer, size))
    })?;
    linker.func_wrap(module, "proc_exit", |code: u32| -> wasmtime::Result<()> {
        Err(wasmtime::format_err!("the filter called `proc_exit({code})`"))
    })?;
    linker.func_wrap(module, "sched_yield", || SUCCESS)?;
    linker.func_wrap(module, "poll_oneoff", |_: u32, _: u32, _: u32, _: u32| NO_SYSTEM_CALL)?;
    Ok(())
}

fn register_files(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |mut guest: Guest<'_>, file: u32, vectors: u32, count: u32, written_to: u32| {
            let source = match file {
                STDOUT => LogSource::Stdout,
                STDERR => LogSource::Stderr,
                _ => return Ok(BAD_FILE),
            };
            errno(fd_write(&mut guest, source, (vectors, count), written_to))
        },
    )?;
    linker.func_wrap(module, "fd_fdstat_get", |mut guest: Guest<'_>, file: u32, status_to: u32| {
        if file != STDOUT && file != STDERR {
            return Ok(BAD_FILE);
        }
        // All zero but for the right to write.
        let mut status = [0_u8; 24];
        status[8] = 64;
        errno(write(&mut guest, status_to, &status))
    })?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |_: u32, _: u32| NO_SYSTEM_CALL)?;
    linker.func_wrap(module, "fd_read", |_: u32, _: u32, _: u32, _: u32| NO_SYSTEM_CALL)?;
    linker.func_wrap(module, "fd_seek", |_: u32, _: i64, _: u32, _: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_close", |_: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_prestat_get", |_: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(module, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| NO_SYSTEM_CALL)?;
    linker.func_wrap(
        module,
        "path_open",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: i64, _: i64, _: u32, _: u32| NO_SYSTEM_CALL,
    )?;
    Ok(())
}

fn environ_get(guest: &mut Guest<'_>, mut pointers_to: u32, mut texts_to: u32) -> Result<(), Fault> {
    for variable in variables(guest.data()) {
        write_u32(guest, pointers_to, texts_to)?;
        write(guest, texts_to, &variable)?;
        pointers_to = pointers_to.saturating_add(4);
        texts_to = texts_to.saturating_add(size32(variable.len()));
    }
    Ok(())
}

fn variables(state: &State) -> Vec<Vec<u8>> {
    state.environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn random_get(guest: &mut Guest<'_>, pointer: u32, size: u32) -> Result<(), Fault> {
    // Reading first refuses an absurd size before that much is made.
    let wanted = read(guest, pointer, size)?.len();
    let bytes = guest.data_mut().random.bytes(wanted);
    write(guest, pointer, &bytes)
}

fn fd_write(guest: &mut Guest<'_>, source: LogSource, vectors: (u32, u32), written_to: u32) -> Result<(), Fault> {
    let mut text = Vec::new();
    let (mut vector, count) = vectors;
    for _ in 0..count {
        let pointer = read_u32(guest, vector)?;
        let size = read_u32(guest, vector.saturating_add(4))?;
        text.extend(read(guest, pointer, size)?);
        vector = vector.saturating_add(8);
    }
    let written = size32(text.len());
    let level = if source == LogSource::Stdout { LogLevel::Info } else { LogLevel::Error };
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    if !text.is_empty() {
        guest.data_mut().log(level, line, source);
    }
    write_u32(guest, written_to, written)
}

fn errno(result: Result<(), Fault>) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(SUCCESS),
        Err(Fault::Trap(trap)) => Err(trap),
        Err(Fault::Status(_) | Fault::Foreign(_)) => Ok(FAULT),
    }
}

fn size32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
