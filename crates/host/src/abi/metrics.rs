//! Metrics.

use wasmtime::Linker;

use super::memory::{read, write_u32, write_u64};
use super::{Answered, Fault, Guest, Status, answer};
use crate::metrics::MetricFault;
use crate::state::State;

pub(super) fn register(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut guest: Guest<'_>, kind: u32, name: u32, name_size: u32, id_to: u32| {
            answer(define(&mut guest, kind, (name, name_size), id_to))
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |mut guest: Guest<'_>, id: u32, offset: i64| {
        answer(guest.data_mut().metrics.increment(id, offset).map_err(Fault::from))
    })?;
    linker.func_wrap("env", "proxy_record_metric", |mut guest: Guest<'_>, id: u32, value: u64| {
        answer(guest.data_mut().metrics.record(id, value).map_err(Fault::from))
    })?;
    linker.func_wrap("env", "proxy_get_metric", |mut guest: Guest<'_>, id: u32, value_to: u32| {
        answer(get(&mut guest, id, value_to))
    })?;
    Ok(())
}

impl From<MetricFault> for Fault {
    fn from(fault: MetricFault) -> Self {
        Self::Status(match fault {
            MetricFault::BadArgument => Status::BadArgument,
            MetricFault::NotFound => Status::NotFound,
        })
    }
}

fn define(guest: &mut Guest<'_>, kind: u32, name: (u32, u32), id_to: u32) -> Answered {
    let name = read(guest, name.0, name.1)?;
    let id = guest.data_mut().metrics.define(kind, String::from_utf8_lossy(&name).into_owned())?;
    write_u32(guest, id_to, id)
}

fn get(guest: &mut Guest<'_>, id: u32, value_to: u32) -> Answered {
    let value = guest.data_mut().metrics.get(id)?;
    write_u64(guest, value_to, value)
}
