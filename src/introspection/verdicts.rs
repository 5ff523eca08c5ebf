//! What providers have said of late, for as long as it serves.
//!
//! Two shelves, each bounded in bytes, and by that in entries, as none is small: tokens that nobody has issued come in any
//! number, and they must not push out what is known of the tokens of users. What ends first makes place. To forget costs a
//! call, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Verdict;
use crate::token::ClaimSet;

/// What a verdict is kept under: a digest of the provider, its audiences and the whole token, compared in full. Two
/// providers never share one, however their tokens look (GHSA-4mq7-pvjg-xp2r).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Fingerprint([u8; 32]);

/// What came of a question.
#[derive(Clone)]
pub(super) enum Outcome {
    /// No clear answer.
    Failed,
    /// A clear one.
    Said(Verdict),
}

/// Outcomes by their questions.
pub(super) struct Verdicts {
    active: Shelf,
    others: Shelf,
}

/// When an outcome serves, in seconds since the Unix epoch: from the first on, and before the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) until: i64,
}

struct Shelf {
    entries: BTreeMap<Fingerprint, Entry>,
    /// The same entries, the one that ends first in front.
    ends: BTreeSet<(i64, Fingerprint)>,
    bytes: usize,
    most: usize,
}

struct Entry {
    outcome: Outcome,
    span: Span,
    bytes: usize,
}

/// Bytes of an entry without claims; an estimate from above.
const ENTRY: usize = 256;
/// Bytes for active tokens.
const ACTIVE: usize = 8 * 1024 * 1024;
/// Bytes for all others: so many of them.
const OTHERS: usize = 8192 * ENTRY;

impl Fingerprint {
    pub(super) fn of(provider: usize, audiences: &[String], token: &str) -> Self {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // Its length first, so that no two lists of parts read alike.
            digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(bytes);
        };
        part(&u64::try_from(provider).unwrap_or(u64::MAX).to_be_bytes());
        part(token.as_bytes());
        audiences.iter().for_each(|audience| part(audience.as_bytes()));
        Self(digest.finalize().into())
    }
}

impl Verdicts {
    pub(super) fn new() -> Self {
        Self { active: Shelf::new(ACTIVE), others: Shelf::new(OTHERS) }
    }

    pub(super) fn get(&self, fingerprint: &Fingerprint, now: i64) -> Option<&Outcome> {
        // A clock that was set back makes a verdict one from the future, whose age nobody knows.
        let serves = |entry: &&Entry| entry.span.from <= now && now < entry.span.until;
        let mut found = [&self.active, &self.others].into_iter().filter_map(|shelf| shelf.entries.get(fingerprint));
        found.find(serves).map(|entry| &entry.outcome)
    }

    pub(super) fn put(&mut self, fingerprint: Fingerprint, outcome: Outcome, span: Span) {
        self.active.remove(&fingerprint);
        self.others.remove(&fingerprint);
        let (shelf, bytes) = match &outcome {
            // Claims are kept twice, as they came and as an identity.
            Outcome::Said(Verdict::Active(vouched)) => {
                (&mut self.active, claims_bytes(vouched.claims()).saturating_mul(2).saturating_add(ENTRY))
            }
            Outcome::Said(Verdict::Refused(_)) | Outcome::Failed => (&mut self.others, ENTRY),
        };
        shelf.put(fingerprint, Entry { outcome, span, bytes });
    }

    /// Entries and bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (
            self.active.entries.len().saturating_add(self.others.entries.len()),
            self.active.bytes.saturating_add(self.others.bytes),
        )
    }
}

impl Shelf {
    fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), ends: BTreeSet::new(), bytes: 0, most }
    }

    fn put(&mut self, fingerprint: Fingerprint, entry: Entry) {
        while self.bytes.saturating_add(entry.bytes) > self.most {
            let Some(&(_, first)) = self.ends.first() else { return };
            self.remove(&first);
        }
        self.bytes = self.bytes.saturating_add(entry.bytes);
        self.ends.insert((entry.span.until, fingerprint));
        self.entries.insert(fingerprint, entry);
    }

    fn remove(&mut self, fingerprint: &Fingerprint) {
        if let Some(entry) = self.entries.remove(fingerprint) {
            self.ends.remove(&(entry.span.until, *fingerprint));
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }
}

/// What claims take in memory; an estimate from above.
fn claims_bytes(claims: &ClaimSet) -> usize {
    claims.members().map(|(name, value)| member_bytes(name, value)).fold(NODE, usize::saturating_add)
}

/// Bytes of a node of a B-tree of values, and of a value's own place.
const NODE: usize = 800;
const PLACE: usize = 64;

fn member_bytes(name: &str, value: &Value) -> usize {
    name.len().saturating_add(PLACE).saturating_add(value_bytes(value))
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => PLACE,
        Value::String(text) => PLACE.saturating_add(text.len()),
        Value::Array(items) => items.iter().map(value_bytes).fold(PLACE, usize::saturating_add),
        Value::Object(members) => {
            members.iter().map(|(name, value)| member_bytes(name, value)).fold(NODE, usize::saturating_add)
        }
    }
}
