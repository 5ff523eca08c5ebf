//! Calls that are shared by requests, or must outlive theirs: sent by the root context, from its tick.
//!
//! In the SDK a call belongs to the context that is active when it is made, and the answer for a context that is gone is
//! dropped. So a request only leaves its errand here.

use std::collections::VecDeque;
use std::fmt;

/// A call to a service of the gateway's configuration. May carry secrets and tokens.
#[derive(Clone, Eq, PartialEq)]
pub struct Call {
    /// The cluster (Envoy) or `host:port` (nginx) that is called. Comes from the configuration only.
    pub cluster: String,
    /// Headers, pseudo-headers included.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the answer may take, in milliseconds; never 0, which would mean for ever.
    pub timeout_ms: u32,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// A longer answer is of no use to anybody, in bytes. A host reads one byte more at most, which shows that it is longer.
pub const LONGEST_ANSWER: usize = 1_048_576;

/// What came of a call. Only an explicit status with its body is an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The service answered.
    Answered {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(String, Vec<u8>)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// It was not reached, did not answer in time, or its answer was lost.
    Lost,
}

/// An operation on the gateway's shared data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoreOperation {
    /// Reads a record.
    Get {
        /// Its full key.
        key: String,
    },
    /// Writes a record, if it is still the one that was read.
    CompareAndSwap {
        /// Its full key.
        key: String,
        /// The version that was read; nothing to create the record, if it is absent.
        expected: Option<u32>,
        /// The new record.
        value: Vec<u8>,
    },
}

/// What came of an operation on shared data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoreAnswer {
    /// Somebody else was faster.
    Conflict,
    /// The record and its version; nothing where it is absent.
    Found(Option<(Vec<u8>, u32)>),
    /// The store cannot be used.
    Unavailable,
    /// Done.
    Written,
}

/// The gateway's shared data, for what happens outside of decisions. A decision yields its operations instead, as
/// outcomes.
pub trait Store {
    /// Performs an operation.
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer;
}

/// An errand and the number by which its answer finds back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Errand {
    /// The number.
    pub id: u64,
    /// The call.
    pub call: Call,
}

/// Errands that wait for the next tick.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<Errand>,
    next: u64,
    capacity: usize,
}

/// The outbox is full; whoever needed the errand must refuse.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

impl Outbox {
    /// An outbox for so many errands.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), next: 0, capacity }
    }

    /// Leaves an errand.
    ///
    /// # Errors
    ///
    /// [`Full`]: memory does not grow with what waits.
    pub fn leave(&mut self, call: Call) -> Result<u64, Full> {
        if self.waiting.len() >= self.capacity {
            return Err(Full);
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.push_back(Errand { id, call });
        Ok(id)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the errand that has waited longest.
    pub fn take(&mut self) -> Option<Errand> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(cluster: &str) -> Call {
        Call { cluster: cluster.to_owned(), headers: Vec::new(), body: Vec::new(), timeout_ms: 100 }
    }

    #[test]
    fn errands_leave_in_order_and_are_bounded() {
        let mut outbox = Outbox::new(2);
        assert_eq!(outbox.leave(call("a")), Ok(0));
        assert_eq!(outbox.leave(call("b")), Ok(1));
        assert_eq!(outbox.leave(call("c")), Err(Full));
        assert_eq!(outbox.take().map(|errand| errand.call.cluster).as_deref(), Some("a"));
        assert_eq!(outbox.leave(call("c")), Ok(2));
        assert_eq!(outbox.take().map(|errand| errand.id), Some(1));
    }
}
