//! One part of the memory of used proofs, as a record in the gateway's shared data.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::nonce::AHEAD;
use crate::refusal::Cause;
use crate::secret::Secret;

/// What is remembered of proofs that were used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bucket {
    /// When this memory began, in seconds since the Unix epoch. What was used before is not in it.
    since: i64,
    /// No proof that was issued then or earlier is in it: the latest `iat` of all that were dropped, in seconds since the
    /// Unix epoch.
    forgotten: i64,
    entries: Vec<Entry>,
}

/// A proof that was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// A digest of the key's thumbprint, `jti` and `htu`. An equal one of another proof would refuse that one wrongly;
    /// with 96 bits this does not happen.
    pub(super) proof: [u8; 12],
    /// A part of the key's thumbprint.
    pub(super) holder: [u8; 8],
    /// `iat`, in seconds since the Unix epoch. The end of the proof's time follows from it by the configuration, which
    /// may change while the entry stays.
    pub(super) issued_at: i64,
}

/// A proof that is about to be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) entry: Entry,
    /// Before that time it cannot have been accepted, in seconds since the Unix epoch.
    pub(super) earliest: i64,
}

/// By what a memory judges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// In seconds since the Unix epoch.
    pub(super) now: i64,
    /// How old a proof may be, in seconds.
    pub(super) lifetime: i64,
    /// The most entries.
    pub(super) capacity: usize,
    /// Whether the client can be asked for a nonce.
    pub(super) nonces: bool,
}

/// A record that was found.
#[derive(Debug)]
pub(super) enum Reading {
    /// Ours, of another version or spoilt: what it knew is lost.
    Lost,
    /// Somebody else's: nginx compares keys by their CRC-32, so that two keys may share a record.
    Foreign,
    /// Ours.
    Whole(Bucket),
}

/// The form of the record.
const VERSION: u8 = 1;
const ENTRY: usize = 28;
const MAC: usize = 16;

impl Bucket {
    /// A memory that begins. Time may pass between the look at the clock and the write.
    pub(super) fn new(now: i64) -> Self {
        Self { since: now.saturating_add(1), forgotten: i64::MIN, entries: Vec::new() }
    }

    /// Remembers a proof.
    ///
    /// # Errors
    ///
    /// [`Cause::DpopReplayed`] where it was used before; other causes where that cannot be told, or not be remembered.
    /// Nothing that may still be used is ever dropped.
    pub(super) fn remember(&mut self, candidate: &Candidate, terms: Terms) -> Result<(), Cause> {
        let Candidate { entry, earliest } = candidate;
        if self.entries.iter().any(|each| each.proof == entry.proof) {
            return Err(Cause::DpopReplayed);
        }
        // It may have been used while this memory had not begun yet.
        if *earliest <= self.since {
            // A nonce that is made now shows that the next one was not.
            let nonce_helps = terms.nonces && terms.now.saturating_sub(AHEAD) > self.since;
            return Err(if nonce_helps { Cause::DpopNonceRequired } else { Cause::DpopMemoryYoung });
        }
        self.forget(terms);
        // What was dropped was too old by the clock of that time; the clock may have gone back since, or the lifetime may
        // have been made longer.
        if entry.issued_at <= self.forgotten {
            return Err(Cause::DpopProofStale);
        }
        let by_this_key = self.entries.iter().filter(|each| each.holder == entry.holder).count();
        if by_this_key >= terms.capacity / 2 {
            return Err(Cause::DpopQuotaReached);
        }
        if self.entries.len() >= terms.capacity {
            return Err(Cause::DpopMemoryFull);
        }
        self.entries.push(*entry);
        Ok(())
    }

    /// Drops what nobody accepts any more.
    fn forget(&mut self, Terms { now, lifetime, .. }: Terms) {
        let mut forgotten = self.forgotten;
        self.entries.retain(|entry| {
            let alive = entry.issued_at.saturating_add(lifetime) >= now;
            if !alive {
                forgotten = forgotten.max(entry.issued_at);
            }
            alive
        });
        self.forgotten = forgotten;
    }

    /// Writes the record: its key, the version, the contents, and a MAC over all of that.
    pub(super) fn write(&self, key: &str, secret: &Secret) -> Vec<u8> {
        let mut record = Vec::with_capacity(key.len().saturating_add(self.entries.len().saturating_mul(ENTRY)));
        record.extend(key.as_bytes());
        record.push(VERSION);
        record.extend(self.since.to_be_bytes());
        record.extend(self.forgotten.to_be_bytes());
        for Entry { proof, holder, issued_at } in &self.entries {
            record.extend(proof);
            record.extend(holder);
            record.extend(issued_at.to_be_bytes());
        }
        record.extend(mac(&record, secret));
        record
    }

    /// Reads a record that was found at `key`.
    pub(super) fn read(record: &[u8], key: &str, secret: &Secret) -> Reading {
        // An empty record is what is left of one that was removed.
        if record.is_empty() {
            return Reading::Lost;
        }
        if !record.starts_with(key.as_bytes()) {
            return Reading::Foreign;
        }
        Self::whole(record, key, secret).map_or(Reading::Lost, Reading::Whole)
    }

    fn whole(record: &[u8], key: &str, secret: &Secret) -> Option<Self> {
        let (text, tag) = record.split_last_chunk::<MAC>()?;
        if !is_mac(text, secret, tag) {
            return None;
        }
        let contents = text.strip_prefix(key.as_bytes())?.strip_prefix(&[VERSION])?;
        let (since, contents) = contents.split_first_chunk::<8>()?;
        let (forgotten, contents) = contents.split_first_chunk::<8>()?;
        let (entries, rest) = contents.as_chunks::<ENTRY>();
        let entries = entries.iter().map(Entry::read).collect::<Option<_>>()?;
        let bucket = Self { since: i64::from_be_bytes(*since), forgotten: i64::from_be_bytes(*forgotten), entries };
        rest.is_empty().then_some(bucket)
    }
}

impl Entry {
    fn read(bytes: &[u8; ENTRY]) -> Option<Self> {
        let (proof, bytes) = bytes.split_first_chunk::<12>()?;
        let (holder, bytes) = bytes.split_first_chunk::<8>()?;
        let issued_at = i64::from_be_bytes(bytes.try_into().ok()?);
        Some(Self { proof: *proof, holder: *holder, issued_at })
    }
}

fn mac(text: &[u8], secret: &Secret) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal()) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().into_iter().take(MAC).collect()
}

fn is_mac(text: &[u8], secret: &Secret, tag: &[u8; MAC]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal()) else { return false };
    mac.update(text);
    mac.verify_truncated_left(tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cedar-gate/dpop/0001";
    const TERMS: Terms = Terms { now: 1000, lifetime: 60, capacity: 8, nonces: false };

    fn candidate(name: u8, holder: u8, issued_at: i64) -> Candidate {
        Candidate {
            entry: Entry { proof: [name; 12], holder: [holder; 8], issued_at },
            earliest: issued_at.saturating_sub(5),
        }
    }

    fn secret() -> Secret {
        Secret::new(b"secret".to_vec())
    }

    fn remembering(candidates: impl IntoIterator<Item = Candidate>) -> Bucket {
        let mut bucket = Bucket::new(0);
        for candidate in candidates {
            assert_eq!(bucket.remember(&candidate, TERMS), Ok(()));
        }
        bucket
    }

    #[test]
    fn h2_a_proof_passes_once() {
        let mut bucket = remembering([candidate(1, 1, 1000)]);
        assert_eq!(bucket.remember(&candidate(1, 1, 1000), TERMS), Err(Cause::DpopReplayed));
        assert_eq!(bucket.remember(&candidate(2, 1, 1000), TERMS), Ok(()));
    }

    #[test]
    fn h11_a_full_memory_refuses_and_forgets_nothing() {
        let candidates: Vec<Candidate> = (0..8).map(|name| candidate(name, name, 1000)).collect();
        let mut bucket = remembering(candidates.clone());
        assert_eq!(bucket.remember(&candidate(9, 9, 1000), TERMS), Err(Cause::DpopMemoryFull));
        for each in &candidates {
            assert_eq!(bucket.remember(each, TERMS), Err(Cause::DpopReplayed));
        }
        // Expired ones make room.
        let later = Terms { now: 1061, ..TERMS };
        assert_eq!(bucket.remember(&candidate(9, 9, 1061), later), Ok(()));
        assert_eq!(bucket.entries.len(), 1);
    }

    #[test]
    fn h11_one_key_leaves_room_for_others() {
        let mut bucket = remembering((0..4).map(|name| candidate(name, 1, 1000)));
        assert_eq!(bucket.remember(&candidate(4, 1, 1000), TERMS), Err(Cause::DpopQuotaReached));
        assert_eq!(bucket.remember(&candidate(4, 2, 1000), TERMS), Ok(()));
        let later = Terms { now: 1061, ..TERMS };
        assert_eq!(bucket.remember(&candidate(5, 1, 1061), later), Ok(()));
    }

    #[test]
    fn h12_what_was_dropped_does_not_come_back_with_the_clock() {
        let mut bucket = remembering([candidate(1, 1, 1000)]);
        let jumped = Terms { now: 5000, ..TERMS };
        assert_eq!(bucket.remember(&candidate(2, 1, 5000), jumped), Ok(()));
        assert_eq!(bucket.remember(&candidate(1, 1, 1000), TERMS), Err(Cause::DpopProofStale));
        assert_eq!(bucket.remember(&candidate(3, 1, 999), TERMS), Err(Cause::DpopProofStale));
        assert_eq!(bucket.remember(&candidate(3, 1, 1001), TERMS), Ok(()));
    }

    #[test]
    fn a_longer_lifetime_revives_nothing() {
        let mut bucket = remembering([candidate(1, 1, 1000)]);
        assert_eq!(bucket.remember(&candidate(2, 1, 1070), Terms { now: 1070, ..TERMS }), Ok(()));
        let longer = Terms { now: 1070, lifetime: 300, ..TERMS };
        assert_eq!(bucket.remember(&candidate(1, 1, 1000), longer), Err(Cause::DpopProofStale));
    }

    #[test]
    fn h13_a_proof_that_may_be_older_than_the_memory_is_refused() {
        let mut bucket = Bucket::new(1000);
        for (issued_at, result) in
            [(1000, Err(Cause::DpopMemoryYoung)), (1006, Err(Cause::DpopMemoryYoung)), (1007, Ok(()))]
        {
            assert_eq!(
                bucket.remember(&candidate(1, 1, issued_at), Terms { now: 1007, ..TERMS }),
                result,
                "{issued_at}"
            );
        }
    }

    #[test]
    fn h13_a_nonce_is_asked_for_once_it_helps() {
        let mut bucket = Bucket::new(1000);
        for (now, cause) in [(1003, Cause::DpopMemoryYoung), (1004, Cause::DpopNonceRequired)] {
            let terms = Terms { now, nonces: true, ..TERMS };
            assert_eq!(bucket.remember(&candidate(1, 1, 1001), terms), Err(cause), "{now}");
            let with_new_nonce = Candidate { earliest: now - AHEAD, ..candidate(1, 1, 1001) };
            let passes = bucket.remember(&with_new_nonce, terms).is_ok();
            assert_eq!(passes, cause == Cause::DpopNonceRequired, "{now}");
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bucket = remembering((0..4).map(|name| candidate(name, 1, 1000)));
        let record = bucket.write(KEY, &secret());
        assert_eq!(record.len(), KEY.len() + 1 + 16 + 4 * ENTRY + MAC);
        assert!(matches!(Bucket::read(&record, KEY, &secret()), Reading::Whole(read) if read == bucket));
    }

    #[test]
    fn l5_a_record_that_was_changed_is_lost() {
        let record = remembering([candidate(1, 1, 1000)]).write(KEY, &secret());
        assert!(matches!(Bucket::read(&record, KEY, &Secret::new(b"other".to_vec())), Reading::Lost));
        assert!(matches!(Bucket::read(&[], KEY, &secret()), Reading::Lost));
        for bit in KEY.len() * 8..record.len() * 8 {
            let mut changed = record.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Bucket::read(&changed, KEY, &secret()), Reading::Lost), "{bit}");
        }
        for length in KEY.len()..record.len() {
            assert!(matches!(Bucket::read(&record[..length], KEY, &secret()), Reading::Lost), "{length}");
        }
    }

    #[test]
    fn l14_a_record_of_another_version_is_lost_and_one_of_another_key_is_foreign() {
        let mut text = [KEY.as_bytes(), &[VERSION + 1], &[0; 16]].concat();
        let tag = mac(&text, &secret());
        text.extend(tag);
        assert!(matches!(Bucket::read(&text, KEY, &secret()), Reading::Lost));
        let record = Bucket::new(0).write("cedar-gate/dpop/0002", &secret());
        assert!(matches!(Bucket::read(&record, KEY, &secret()), Reading::Foreign));
        assert!(matches!(Bucket::read(b"something else", KEY, &secret()), Reading::Foreign));
    }
}
