//! The record of a source in shared data: who fetches, what was fetched, how it went.
//!
//! Every plugin with the same `vm_id` can write there, and nginx takes two keys of one CRC for the same. So a record
//! carries a MAC, its full key and what document it is about; where one of them does not fit, there is no record. What a
//! MAC cannot show is that a record is the latest one: whoever can write there can put an older one back, and delay a
//! rotation by that until the document's own time is over. Times that are not plausible by the reader's clock are cut.

use hmac::{Hmac, Mac};
use prost::Message;
use sha2::digest::generic_array::GenericArray;
use sha2::{Digest, Sha256};

/// One record. Times are milliseconds since the Unix epoch.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    /// Its full key.
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// What document it is about.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) about: Vec<u8>,
    /// The worker that fetches.
    #[prost(fixed64, tag = "3")]
    pub(super) holder: u64,
    /// The time until which nobody else does.
    #[prost(int64, tag = "4")]
    pub(super) lease_until: i64,
    /// The end of the last attempt, good or bad.
    #[prost(int64, tag = "5")]
    pub(super) settled_at: i64,
    /// The start of the last attempt that was made because of an unknown id, and has ended.
    #[prost(int64, tag = "6")]
    pub(super) asked_at: i64,
    /// How many attempts have failed in a row.
    #[prost(uint32, tag = "7")]
    pub(super) failures: u32,
    /// The earliest time of the next one.
    #[prost(int64, tag = "8")]
    pub(super) retry_at: i64,
    /// The last good document.
    #[prost(message, optional, tag = "9")]
    pub(super) document: Option<Document>,
    /// Ids that it was asked for in vain.
    #[prost(message, repeated, tag = "10")]
    pub(super) unknown: Vec<UnknownId>,
}

/// A document, as it came.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Document {
    /// Its bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) bytes: Vec<u8>,
    /// The time at which it came.
    #[prost(int64, tag = "2")]
    pub(super) fetched_at: i64,
    /// The time from which a newer one is wanted; all workers have the same.
    #[prost(int64, tag = "3")]
    pub(super) refresh_at: i64,
    /// The time until which it is fresh.
    #[prost(int64, tag = "4")]
    pub(super) fresh_until: i64,
}

/// An id that is known to be unknown.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct UnknownId {
    /// The tag that stands for it.
    #[prost(fixed64, tag = "1")]
    pub(super) tag: u64,
    /// Until when.
    #[prost(int64, tag = "2")]
    pub(super) until: i64,
}

/// Authenticates records, and makes tags.
#[derive(Clone)]
pub(super) struct Seal(Hmac<Sha256>);

/// What a seal is set on; each use has its own.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// An id that is not known.
    Id,
    /// The name of a lease.
    Lease,
    /// A record of this version of its schema.
    Record,
}

/// Bytes of a MAC.
const MAC: usize = 32;
/// What a record has besides its document, at most.
pub(super) const OVERHEAD: usize = 8192;
/// As many unknown ids as a record tells.
pub(super) const MOST_UNKNOWN: usize = 32;

impl Use {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Id => b"cedar-gate remote id 1\0",
            Self::Lease => b"cedar-gate remote lease 1\0",
            Self::Record => b"cedar-gate remote record 1\0",
        }
    }
}

impl Seal {
    /// A seal by a key of any length.
    pub(super) fn new(key: &[u8]) -> Self {
        // A key shorter than a block is filled up with zeros (RFC 2104 §2).
        let mut block = GenericArray::default();
        block.iter_mut().zip(Sha256::digest(key)).for_each(|(to, from)| *to = from);
        Self(<Hmac<Sha256> as Mac>::new(&block))
    }

    fn mac(&self, purpose: Use, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(purpose.label());
        for part in parts {
            mac.update(part);
        }
        mac
    }

    /// Eight bytes that stand for something; whoever does not know the key can choose no two things of one tag.
    pub(super) fn tag(&self, purpose: Use, parts: &[&[u8]]) -> u64 {
        let bytes = self.mac(purpose, parts).finalize().into_bytes();
        bytes.iter().take(8).fold(0, |tag, byte| tag << 8 | u64::from(*byte))
    }
}

impl Record {
    /// The bytes to be written.
    pub(super) fn sealed(&self, seal: &Seal) -> Vec<u8> {
        let payload = self.encode_to_vec();
        let mut bytes = seal.mac(Use::Record, &[&payload]).finalize().into_bytes().to_vec();
        bytes.extend(payload);
        bytes
    }

    /// The record that was read, where it is one: of this gateway, of this key, about this document, not too long.
    pub(super) fn opened(bytes: &[u8], seal: &Seal, key: &str, about: &[u8], longest: usize) -> Option<Self> {
        let (mac, payload) = bytes.split_at_checked(MAC)?;
        if payload.len() > longest.saturating_add(OVERHEAD) {
            return None;
        }
        seal.mac(Use::Record, &[payload]).verify_slice(mac).ok()?;
        let record = Self::decode(payload).ok()?;
        (record.key == key && record.about == about).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 1_000;

    fn record(bytes: usize) -> Record {
        let document = Document { bytes: vec![7; bytes], fetched_at: 1, refresh_at: 2, fresh_until: 3 };
        Record { key: "a".to_owned(), about: vec![1], document: Some(document), ..Record::default() }
    }

    #[test]
    fn a_record_is_opened_where_it_was_made_for() {
        let seal = Seal::new(b"key");
        let bytes = record(10).sealed(&seal);
        assert_eq!(Record::opened(&bytes, &seal, "a", &[1], LONGEST), Some(record(10)));
        assert_eq!(Record::opened(&bytes, &seal, "b", &[1], LONGEST), None);
        assert_eq!(Record::opened(&bytes, &seal, "a", &[2], LONGEST), None);
        assert_eq!(Record::opened(&bytes, &Seal::new(b"yek"), "a", &[1], LONGEST), None);
    }

    #[test]
    fn l5_a_record_of_another_plugin_is_none() {
        let seal = Seal::new(b"key");
        let bytes = record(10).sealed(&seal);
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            assert_eq!(Record::opened(&other, &seal, "a", &[1], LONGEST), None, "byte {index}");
            assert_eq!(Record::opened(&bytes[..index], &seal, "a", &[1], LONGEST), None, "{index} bytes");
        }
        assert_eq!(Record::opened(b"", &seal, "a", &[1], LONGEST), None);
    }

    #[test]
    fn a_record_is_bounded_before_it_is_parsed() {
        let seal = Seal::new(b"key");
        assert!(Record::opened(&record(LONGEST).sealed(&seal), &seal, "a", &[1], LONGEST).is_some());
        assert!(Record::opened(&record(LONGEST + OVERHEAD).sealed(&seal), &seal, "a", &[1], LONGEST).is_none());
    }

    #[test]
    fn l14_a_record_of_another_version_of_its_schema_is_none() {
        let seal = Seal::new(b"key");
        let payload = record(10).encode_to_vec();
        let sealed = |label: &[u8]| {
            let mut mac = seal.0.clone();
            mac.update(label);
            mac.update(&payload);
            [mac.finalize().into_bytes().as_slice(), &payload].concat()
        };
        assert!(Record::opened(&sealed(b"cedar-gate remote record 1\0"), &seal, "a", &[1], LONGEST).is_some());
        assert!(Record::opened(&sealed(b"cedar-gate remote record 2\0"), &seal, "a", &[1], LONGEST).is_none());
        assert!(Record::opened(&sealed(b"cedar-gate remote id 1\0"), &seal, "a", &[1], LONGEST).is_none());
    }

    #[test]
    fn a_seal_is_an_hmac() {
        // HMAC-SHA256 by another way of making it.
        let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(b"key")).unwrap();
        mac.update(b"cedar-gate remote id 1\0id");
        assert_eq!(Seal::new(b"key").tag(Use::Id, &[b"i", b"d"]).to_be_bytes(), mac.finalize().into_bytes()[..8]);
    }
}
