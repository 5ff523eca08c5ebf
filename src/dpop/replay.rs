//! Was this proof used before? Asked of the gateway's shared data, which all workers share.
//!
//! The memory is a table of [`BUCKETS`] records. Their number never changes, so that a proof has its place whatever the
//! configuration says; what can be configured is how many proofs they hold together. A proof that finds no room is
//! refused: nothing that may still be used is forgotten for the sake of another. One key may take half of a bucket, so
//! that a flood by one sender leaves room for the others.
//!
//! Shared data ends with the gateway's process, and nginx drops records when its zone is full. Each bucket therefore says
//! since when it remembers, and refuses proofs that may have been accepted before: those whose `iat`, less the time that
//! a client's clock may be ahead, is not later. So after a start no proof passes for `clock_skew` and two seconds; a nonce
//! that was made since then shows as well that a proof is new. Buckets that are missing are made in the root context's
//! tick, ahead of need, by [`ReplayTable::prepare`].

use sha2::{Digest, Sha256};

use super::Dpop;
use super::bucket::{Bucket, Candidate, Entry, Reading, Terms};
use crate::outbox::{Store, StoreAnswer, StoreOperation};
use crate::refusal::Cause;
use crate::secret::Secret;

/// The memory of used proofs.
#[derive(Clone, Debug)]
pub struct ReplayTable {
    /// How many proofs one bucket holds.
    capacity: usize,
    /// Authenticates the records.
    secret: Secret,
}

/// The question whether one proof was used before, until it is settled.
#[derive(Clone, Debug)]
pub struct Replay {
    table: ReplayTable,
    key: String,
    candidate: Candidate,
    terms: Terms,
    stage: Stage,
    /// How often somebody else was faster.
    lost: usize,
}

/// A proof that holds, but for the question whether it was used before.
#[derive(Clone, Copy)]
pub(super) struct Usable<'a> {
    /// The thumbprint of its key.
    pub(super) thumbprint: &'a [u8; 32],
    /// `jti`.
    pub(super) id: &'a str,
    /// The URL that it is for, in one form.
    pub(super) url: &'a str,
    /// `iat`, in seconds since the Unix epoch.
    pub(super) issued_at: i64,
    /// Before that time it cannot have been accepted, in seconds since the Unix epoch.
    pub(super) earliest: i64,
}

/// What is to be done next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Ask the store for this, and come back with its answer.
    Ask(StoreOperation),
    /// Here is the result.
    Settled(Result<(), Cause>),
}

#[derive(Clone, Debug)]
enum Stage {
    /// The bucket is read.
    Reading,
    /// The bucket is written, and then this is the result.
    Writing(Result<(), Cause>),
}

/// Buckets.
const BUCKETS: usize = 1024;

/// The keys differ in their last four bytes only, so that no two of them have one CRC-32, by which nginx compares keys.
const PREFIX: &str = "cedar-gate/dpop/";

/// So many races may be lost to other workers before the proof is refused.
const MOST_RACES: usize = 8;

impl ReplayTable {
    /// A table that holds `entries` proofs at most, in records that `secret` authenticates.
    #[must_use]
    pub fn new(entries: usize, secret: Secret) -> Self {
        Self { capacity: entries / BUCKETS, secret }
    }

    /// Makes the buckets that are missing. To be called in the root context's tick, by each VM once; false where the
    /// store cannot be used now. `now` is in seconds since the Unix epoch, by a clock that can be right.
    pub fn prepare(&self, store: &mut dyn Store, now: i64) -> bool {
        (0..BUCKETS).all(|place| match store.perform(&self.creation(place, now)) {
            StoreAnswer::Written | StoreAnswer::Conflict => true,
            StoreAnswer::Found(_) | StoreAnswer::Unavailable => false,
        })
    }

    /// Makes one bucket, where it is missing.
    fn creation(&self, place: usize, now: i64) -> StoreOperation {
        let key = key(place);
        let value = Bucket::new(now).write(&key, &self.secret);
        StoreOperation::CompareAndSwap { key, expected: None, value }
    }

    /// The question for one proof, now.
    pub(super) fn question(&self, proof: &Usable<'_>, now: i64, dpop: &Dpop) -> Replay {
        let Usable { thumbprint, id, url, issued_at, earliest } = *proof;
        let mut hash = Sha256::new();
        for part in [thumbprint.as_slice(), id.as_bytes(), url.as_bytes()] {
            // With its length, or parts could be divided in another way.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let mut bytes = hash.into_iter();
        let place = bytes.by_ref().take(4).fold(0, |place: usize, byte| (place << 8 | usize::from(byte)) % BUCKETS);
        let mut entry = Entry { proof: [0; 12], holder: [0; 8], issued_at };
        entry.proof.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        entry.holder.iter_mut().zip(thumbprint).for_each(|(to, from)| *to = *from);
        Replay {
            table: self.clone(),
            key: key(place),
            candidate: Candidate { entry, earliest },
            terms: Terms { now, lifetime: dpop.proof_lifetime, capacity: self.capacity, nonces: dpop.nonces.is_some() },
            stage: Stage::Reading,
            lost: 0,
        }
    }
}

/// Without a secret, the MAC tells broken records from whole ones, and no more.
impl Default for ReplayTable {
    fn default() -> Self {
        Self::new(65_536, Secret::new(Vec::new()))
    }
}

fn key(place: usize) -> String {
    format!("{PREFIX}{place:04x}")
}

impl Replay {
    /// What to ask the store first.
    #[must_use]
    pub fn start(&self) -> StoreOperation {
        StoreOperation::Get { key: self.key.clone() }
    }

    /// Takes the store's answer to what was asked last.
    pub fn answered(&mut self, answer: StoreAnswer) -> Step {
        match (&self.stage, answer) {
            (Stage::Reading, StoreAnswer::Found(None)) => self.write(Bucket::new(self.terms.now), None),
            (Stage::Reading, StoreAnswer::Found(Some((record, version)))) => {
                match Bucket::read(&record, &self.key, &self.table.secret) {
                    Reading::Foreign => Step::Settled(Err(Cause::DpopMemoryUnavailable)),
                    // Whatever it knew is gone, so it begins anew, and says so.
                    Reading::Lost => self.write(Bucket::new(self.terms.now), Some(version)),
                    Reading::Whole(bucket) => self.judge(bucket, version),
                }
            }
            (Stage::Writing(result), StoreAnswer::Written) => Step::Settled(*result),
            (Stage::Writing(_), StoreAnswer::Conflict) => self.again(),
            (
                Stage::Reading | Stage::Writing(_),
                StoreAnswer::Conflict | StoreAnswer::Found(_) | StoreAnswer::Unavailable | StoreAnswer::Written,
            ) => Step::Settled(Err(Cause::DpopMemoryUnavailable)),
        }
    }

    fn judge(&mut self, mut bucket: Bucket, version: u32) -> Step {
        match bucket.remember(&self.candidate, self.terms) {
            Ok(()) => self.swap(&bucket, Some(version), Ok(())),
            Err(cause) => Step::Settled(Err(cause)),
        }
    }

    /// A memory that begins now knows nothing of this proof; it is written for those that come after.
    fn write(&mut self, mut bucket: Bucket, expected: Option<u32>) -> Step {
        let result = bucket.remember(&self.candidate, self.terms);
        self.swap(&bucket, expected, result)
    }

    fn swap(&mut self, bucket: &Bucket, expected: Option<u32>, result: Result<(), Cause>) -> Step {
        self.stage = Stage::Writing(result);
        let value = bucket.write(&self.key, &self.table.secret);
        Step::Ask(StoreOperation::CompareAndSwap { key: self.key.clone(), expected, value })
    }

    fn again(&mut self) -> Step {
        self.lost = self.lost.saturating_add(1);
        if self.lost >= MOST_RACES {
            return Step::Settled(Err(Cause::DpopMemoryUnavailable));
        }
        self.stage = Stage::Reading;
        Step::Ask(self.start())
    }
}

#[cfg(test)]
mod tests;
