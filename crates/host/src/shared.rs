//! Shared data, with Envoy's idea of compare-and-swap.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The store that VMs with the same `vm_id` share.
#[derive(Debug, Default)]
pub struct SharedData(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    entries: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
}

/// The key exists and carries another number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the key was changed by somebody else")]
pub struct CasMismatch;

impl SharedData {
    /// The value and its number.
    pub fn get(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.lock().entries.get(key).cloned()
    }

    /// Writes a value.
    ///
    /// Where the key does not exist `cas` is ignored: a write with `u32::MAX` creates the key or fails. Where it exists,
    /// `cas` has to be its number, or 0 for an unconditional write.
    ///
    /// # Errors
    ///
    /// [`CasMismatch`]
    pub fn set(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), CasMismatch> {
        let mut shared = self.lock();
        if let Some((_, current)) = shared.entries.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(CasMismatch);
        }
        // Zero means "unconditional", so it can never be the number of a value.
        shared.last_cas = shared.last_cas.checked_add(1).unwrap_or(1);
        let cas = shared.last_cas;
        shared.entries.insert(key.to_vec(), (value.to_vec(), cas));
        Ok(())
    }

    /// Every key, those with an empty value included: there is no way to delete one.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.lock().entries.keys().cloned().collect()
    }

    /// The bytes of all keys and values.
    pub fn size(&self) -> usize {
        self.lock().entries.iter().map(|(key, (value, _))| key.len() + value.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{CasMismatch, SharedData};

    #[test]
    fn cas_is_ignored_where_the_key_is_absent() {
        let shared = SharedData::default();
        assert_eq!(shared.set(b"key", b"first", u32::MAX), Ok(()));
        assert_eq!(shared.set(b"key", b"second", u32::MAX), Err(CasMismatch));
        assert_eq!(shared.get(b"key").map(|(value, _)| value), Some(b"first".to_vec()));
    }

    #[test]
    fn a_write_without_cas_is_unconditional() {
        let shared = SharedData::default();
        assert_eq!(shared.set(b"key", b"first", 0), Ok(()));
        let (_, cas) = shared.get(b"key").unwrap();
        assert_eq!(shared.set(b"key", b"second", 0), Ok(()));
        assert_eq!(shared.set(b"key", b"third", cas), Err(CasMismatch));
    }
}
