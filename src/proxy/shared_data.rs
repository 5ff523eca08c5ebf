//! The gateway's shared data: what all workers of one process see.

use super::host::{self, Written};
use crate::outbox::{Store, StoreAnswer, StoreOperation};

/// The store of the process.
pub(super) struct SharedData;

/// Creates a record where there is none, on gateways like Envoy: there the version is not looked at where the record is
/// absent, and this one is never that of a record that is there.
const ABSENT_ON_ENVOY: u32 = u32::MAX;
/// The same on nginx. (On Envoy it would overwrite; it is used only where an absent record has refused the other one,
/// which Envoy does not do.)
const ABSENT_ON_NGINX: u32 = 0;

impl Store for SharedData {
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
        match operation {
            StoreOperation::Get { key } => match host::shared_data(key) {
                Ok(found) => StoreAnswer::Found(found),
                Err(()) => StoreAnswer::Unavailable,
            },
            StoreOperation::CompareAndSwap { key, expected: Some(version), value } => {
                answer(host::set_shared_data(key, value, *version))
            }
            StoreOperation::CompareAndSwap { key, expected: None, value } => create(key, value),
        }
    }
}

fn create(key: &str, value: &[u8]) -> StoreAnswer {
    match host::set_shared_data(key, value, ABSENT_ON_ENVOY) {
        Written::Conflict if host::shared_data(key) == Ok(None) => {
            answer(host::set_shared_data(key, value, ABSENT_ON_NGINX))
        }
        written @ (Written::Done | Written::Conflict | Written::Failed) => answer(written),
    }
}

fn answer(written: Written) -> StoreAnswer {
    match written {
        Written::Done => StoreAnswer::Written,
        Written::Conflict => StoreAnswer::Conflict,
        Written::Failed => StoreAnswer::Unavailable,
    }
}
