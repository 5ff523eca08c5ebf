//! Shared data in memory, with the promises that the filter makes use of.

use std::collections::BTreeMap;

use crate::outbox::{Store, StoreAnswer, StoreOperation};

/// What all workers of one gateway process see.
#[derive(Debug, Default)]
pub struct SharedData {
    records: BTreeMap<String, (Vec<u8>, u32)>,
    /// Whether it cannot be used.
    broken: bool,
}

impl SharedData {
    /// Loses everything, as a restart of the gateway does.
    pub fn lose(&mut self) {
        self.records.clear();
    }

    /// Can be used no longer, or again.
    pub fn set_broken(&mut self, broken: bool) {
        self.broken = broken;
    }

    /// The bytes of all keys and records.
    #[must_use]
    pub fn size(&self) -> usize {
        self.records.iter().map(|(key, (value, _))| key.len().saturating_add(value.len())).sum()
    }
}

impl Store for SharedData {
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
        if self.broken {
            return StoreAnswer::Unavailable;
        }
        match operation {
            StoreOperation::Get { key } => StoreAnswer::Found(self.records.get(key).cloned()),
            StoreOperation::CompareAndSwap { key, expected, value } => {
                let version = self.records.get(key).map(|(_, version)| *version);
                if version != *expected {
                    return StoreAnswer::Conflict;
                }
                let next = version.unwrap_or_default().wrapping_add(1);
                self.records.insert(key.clone(), (value.clone(), next));
                StoreAnswer::Written
            }
        }
    }
}
