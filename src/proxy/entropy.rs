//! Random bytes of the gateway, fetched for many requests at once: each fetch is a call out of the VM.

use std::cell::RefCell;

/// Bytes that nobody has been given yet.
#[derive(Default)]
pub(super) struct Entropy(RefCell<Vec<u8>>);

/// Enough for so many requests.
const REQUESTS: usize = 64;

/// What names a decision.
type Name = [u8; 16];

impl Entropy {
    /// Bytes for one request; nothing where the gateway has no more of them.
    pub(super) fn take(&self) -> Option<Name> {
        let mut stock = self.0.borrow_mut();
        if stock.is_empty() {
            let mut fetched = [0; REQUESTS * size_of::<Name>()];
            getrandom::getrandom(&mut fetched).ok()?;
            stock.extend(fetched);
        }
        let (left, name) = stock.split_last_chunk()?;
        let (left, name) = (left.len(), *name);
        stock.truncate(left);
        Some(name)
    }
}
