//! The memory of used proofs, in shared data that others can write to.
//!
//! Proofs are used and used again while time passes, clocks are set back, workers get in one another's way, and records are
//! spoilt: overwritten, cut off, changed, moved, removed. Whatever happens, no proof passes twice. Where nothing has
//! happened to the records and the clock, a new proof passes, unless its key has sent many. Records stay small.
//!
//! Two things are left out, because no record can show them: that an older one, which was whole, is put back; and that a
//! record was lost and the clock set back to a time before the proof was used.

use std::cell::RefCell;
use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use base64ct::{Base64UrlUnpadded, Encoding};
use cedar_gate::dpop::{Dpop, Origin, ProofRequest, ReplayTable, Step};
use cedar_gate::http::{CanonicalPath, Headers};
use cedar_gate::jose::{Algorithm, SignatureVerifier, VerifyingKey};
use cedar_gate::outbox::{Store, StoreAnswer, StoreOperation};
use cedar_gate::refusal::Cause;
use cedar_gate::secret::Secret;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::mint::{NOW, SigningKey, encoded};

/// What happens to a gateway that takes proofs.
#[derive(Arbitrary, Debug)]
pub struct Sequence {
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
enum Event {
    Use(Proof),
    Pass(u8),
    SetBack(u8),
    /// The next writes come too late.
    Conflict(u8),
    /// Shared data cannot be used, or can again.
    Break(bool),
    Spoil(Proof, Spoiling),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Proof {
    id: u8,
    /// Which of two keys.
    other_key: bool,
    /// Seconds between now and the making.
    age: i8,
}

/// What becomes of the record that a proof belongs to.
#[derive(Arbitrary, Clone, Debug)]
enum Spoiling {
    Remove,
    Empty,
    Replace(Vec<u8>),
    Flip(u16),
    Cut(u16),
    Append(u8),
    /// It is put where that of another proof stands.
    Move(Proof),
}

/// What has happened since a proof passed.
#[derive(Clone, Copy)]
struct Past {
    /// When it did.
    at: i64,
    was_spoilt: bool,
    /// Whether the clock has shown an earlier time.
    was_set_back: bool,
}

/// Shared data.
#[derive(Default)]
struct Shelf {
    records: BTreeMap<String, (Vec<u8>, u32)>,
    conflicts: u8,
    broken: bool,
}

/// Signatures are not what this is about.
struct Believing;

/// Entries in all records, and in one of them.
const ENTRIES: usize = 16_384;
const RECORD: usize = ENTRIES / 1024;

impl Sequence {
    /// A sequence that is written in bytes, as the fuzzer writes it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self::arbitrary_take_rest(Unstructured::new(bytes)).expect("any bytes are a sequence")
    }
}

/// Plays a sequence, and says whether a proof passes.
pub fn check(sequence: &Sequence) -> bool {
    thread_local! {
        static PREPARED: BTreeMap<String, (Vec<u8>, u32)> = prepared();
    }
    let shelf = RefCell::new(Shelf { records: PREPARED.with(Clone::clone), ..Shelf::default() });
    let dpop = dpop();
    let mut now = NOW;
    let mut passed: BTreeMap<(u8, bool, i64), Past> = BTreeMap::new();
    let mut is_undisturbed = true;
    for event in &sequence.events {
        match event {
            Event::Use(proof) => {
                let result = used(&dpop, proof, now, &shelf);
                let of_this_key = || passed.keys().filter(|(_, other_key, _)| *other_key == proof.other_key);
                // One `jti` for two proofs is one too few.
                let is_new = of_this_key().all(|(id, _, _)| *id != proof.id);
                if is_undisturbed && is_new && (-5..=60).contains(&proof.age) && of_this_key().count() < RECORD / 2 {
                    assert_eq!(result, Ok(()), "{proof:?} is a new one");
                }
                if result.is_ok() {
                    let name = (proof.id, proof.other_key, now - i64::from(proof.age));
                    let before = passed.insert(name, Past { at: now, was_spoilt: false, was_set_back: false });
                    let nobody_can_tell = before.is_some_and(|past| past.was_spoilt && past.was_set_back);
                    assert!(before.is_none() || nobody_can_tell, "{proof:?} passes twice");
                }
            }
            Event::Pass(seconds) => now += i64::from(*seconds),
            Event::SetBack(seconds) => {
                now -= i64::from(*seconds);
                is_undisturbed = false;
                passed.values_mut().for_each(|past| past.was_set_back |= now < past.at);
            }
            Event::Conflict(times) => {
                shelf.borrow_mut().conflicts = *times;
                is_undisturbed = false;
            }
            Event::Break(broken) => {
                shelf.borrow_mut().broken = *broken;
                is_undisturbed = false;
            }
            Event::Spoil(proof, spoiling) => {
                let place = place(&dpop, proof, now);
                let to = match spoiling {
                    Spoiling::Move(other) => self::place(&dpop, other, now),
                    _ => None,
                };
                shelf.borrow_mut().spoil(place, to, spoiling);
                is_undisturbed = false;
                passed.values_mut().for_each(|past| past.was_spoilt = true);
            }
        }
    }
    let (key, mac, head) = ("cedar-gate/dpop/0000".len(), 16, 1 + 16);
    let longest = key + head + RECORD * 28 + mac;
    let shelf = shelf.borrow();
    assert!(shelf.records.len() <= 1024, "there are more records than at the start");
    let written = shelf.records.values().filter(|(value, _)| value.starts_with(b"cedar-gate/dpop/"));
    for (value, _) in written {
        // Somebody else's bytes may be as long as they like.
        assert!(value.len() <= longest || !is_undisturbed, "a record has {} bytes", value.len());
    }
    !passed.is_empty()
}

fn dpop() -> Dpop {
    Dpop {
        public_origin: Origin::parse("https://api.example.com").ok(),
        replay: ReplayTable::new(ENTRIES, Secret::new(b"secret".to_vec())),
        ..Dpop::default()
    }
}

/// The records of a gateway that has started a while ago.
fn prepared() -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut shelf = Shelf::default();
    assert!(dpop().replay.prepare(&mut shelf, NOW - 1000));
    shelf.records
}

/// Uses a proof.
fn used(dpop: &Dpop, proof: &Proof, now: i64, shelf: &RefCell<Shelf>) -> Result<(), Cause> {
    let Some(mut replay) = question(dpop, proof, now) else { return Err(Cause::DpopProofStale) };
    let mut operation = replay.start();
    for _ in 0..64 {
        let answer = shelf.borrow_mut().perform(&operation);
        match replay.answered(answer) {
            Step::Ask(next) => operation = next,
            Step::Settled(result) => return result,
        }
    }
    panic!("the question has no end");
}

fn place(dpop: &Dpop, proof: &Proof, now: i64) -> Option<String> {
    match question(dpop, proof, now)?.start() {
        StoreOperation::Get { key } => Some(key),
        StoreOperation::CompareAndSwap { .. } => panic!("it begins with a look"),
    }
}

/// Nothing where the proof is too old, or from the future.
fn question(dpop: &Dpop, proof: &Proof, now: i64) -> Option<cedar_gate::dpop::Replay> {
    const TOKEN: &str = "a.b.c";
    let x = if proof.other_key { SigningKey::PartnerEd25519 } else { SigningKey::CorpEd25519 }.jwk()["x"].clone();
    let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}});
    let claims = json!({
        "jti": proof.id.to_string(), "htm": "GET", "htu": "https://api.example.com/", "iat": now - i64::from(proof.age),
        "ath": Base64UrlUnpadded::encode_string(&Sha256::digest(TOKEN)),
    });
    let text = format!("{}.{}.", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
    let headers = Headers::from_pairs(vec![(b"dpop".to_vec(), text.into_bytes())]).expect("the name is ASCII");
    let (path, _) = CanonicalPath::parse(b"/").expect("the root is a path");
    let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{x}}}"#)).into();
    let request = ProofRequest {
        token: TOKEN,
        thumbprint: &thumbprint,
        method: "GET",
        authority: b"api.example.com",
        path: &path,
        headers: &headers,
    };
    dpop.verify(&request, now, &Believing).ok().map(|verified| verified.replay)
}

impl SignatureVerifier for Believing {
    fn verify(&self, _: Algorithm, _: &VerifyingKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

impl Shelf {
    fn spoil(&mut self, place: Option<String>, to: Option<String>, spoiling: &Spoiling) {
        let Some(place) = place else { return };
        if let Spoiling::Remove = spoiling {
            self.records.remove(&place);
            return;
        }
        let Some((record, version)) = self.records.get_mut(&place) else { return };
        *version += 1;
        match spoiling {
            Spoiling::Remove => {}
            Spoiling::Empty => record.clear(),
            Spoiling::Replace(bytes) => *record = bytes.clone(),
            Spoiling::Flip(bit) if !record.is_empty() => {
                let bit = usize::from(*bit) % (record.len() * 8);
                record[bit / 8] ^= 1 << (bit % 8);
            }
            Spoiling::Flip(_) => {}
            Spoiling::Cut(length) => record.truncate(record.len().saturating_sub(1 + usize::from(*length))),
            Spoiling::Append(byte) => record.push(*byte),
            Spoiling::Move(_) => {
                let moved = (record.clone(), *version);
                // Where it stands already, nothing changes.
                self.records.extend(to.map(|to| (to, moved)));
            }
        }
    }
}

impl Store for Shelf {
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
        if self.broken {
            return StoreAnswer::Unavailable;
        }
        match operation {
            StoreOperation::Get { key } => StoreAnswer::Found(self.records.get(key).cloned()),
            StoreOperation::CompareAndSwap { key, expected, value } => {
                let version = self.records.get(key).map(|(_, version)| *version);
                if self.conflicts > 0 || version != *expected {
                    self.conflicts = self.conflicts.saturating_sub(1);
                    return StoreAnswer::Conflict;
                }
                self.records.insert(key.clone(), (value.clone(), version.unwrap_or(0) + 1));
                StoreAnswer::Written
            }
        }
    }
}
