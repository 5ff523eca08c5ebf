//! Tokens that were shown before, so that a signature is verified once and not with every request.
//!
//! A token is known again by a SHA-256 digest of all of it, its signature included, and digests are compared in full:
//! whoever found two tokens of one digest would have broken SHA-256. Anything less, such as a name or the signed part
//! alone, would let a forged signature pass for the one that was verified. What is digested begins with random bytes of
//! this gate, so that nobody outside knows a digest.
//!
//! What is kept never grows beyond its bounds. A flood of tokens that come once must not drive out those that come all the
//! time, nor fill the memory; so there are three queues (as in S3-FIFO, SOSP 2023). A new entry is on trial, among a few.
//! If it is not asked for before its turn comes, its value goes and its digest alone stays for a while; a token that comes
//! back in that while is kept without a trial. What is kept stays at its turn if it was asked for since the last one. All
//! of this takes constant time.
//!
//! An entry ends with its token, and with what it rests upon, such as a set of keys, which has an epoch. It is not given
//! out any more then, and leaves when its turn comes, as any other.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use sha2::{Digest, Sha256};

/// How much may be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheBounds {
    /// Entries; 0 switches the cache off.
    pub entries: usize,
    /// Bytes of all entries together, as their owner estimates them.
    pub bytes: usize,
}

/// What a token is known again by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenDigest([u8; 32]);

/// Values by the tokens that they were made of.
pub struct TokenCache<T> {
    bounds: CacheBounds,
    /// Has taken in the random bytes; each digest begins as a copy of it.
    seeded: Sha256,
    entries: HashMap<TokenDigest, Entry<T>>,
    /// Of all values.
    bytes: usize,
    trial: VecDeque<TokenDigest>,
    kept: VecDeque<TokenDigest>,
    /// Those whose values have gone, and some that were kept since.
    gone: VecDeque<TokenDigest>,
}

enum Entry<T> {
    /// The token was shown of late, once.
    Gone,
    Held(Held<T>),
}

struct Held<T> {
    value: Rc<T>,
    ends_at: i64,
    bytes: usize,
    /// Since it was new, or had its last turn.
    asked_for: bool,
}

/// What an entry takes besides its value: digests in the table and in a queue, and what is known of it.
const OVERHEAD: usize = 192;

/// One entry of so many is on trial, where there are enough; the others are kept.
const TRIAL_SHARE: usize = 10;

/// One byte of so many is for those whose values have gone.
const GONE_SHARE: usize = 8;

impl<T> TokenCache<T> {
    /// An empty cache; the seed is random.
    #[must_use]
    pub fn new(bounds: CacheBounds, seed: &[u8; 32]) -> Self {
        // A whole block, so that the copies have no less to do.
        let mut block = [0; 64];
        block.iter_mut().zip(seed).for_each(|(to, from)| *to = *from);
        Self {
            bounds,
            seeded: Sha256::new_with_prefix(block),
            entries: HashMap::new(),
            bytes: 0,
            trial: VecDeque::new(),
            kept: VecDeque::new(),
            gone: VecDeque::new(),
        }
    }

    /// What a token is known by.
    #[must_use]
    pub fn digest(&self, token: &str) -> TokenDigest {
        TokenDigest(self.seeded.clone().chain_update(token).finalize().into())
    }

    /// What is kept of a token, if that has not ended by now, in seconds since the Unix epoch, and rests upon what is in
    /// force still.
    pub fn get(&mut self, token: &TokenDigest, now: i64, in_force: impl FnOnce(&T) -> bool) -> Option<&Rc<T>> {
        match self.entries.get_mut(token) {
            Some(Entry::Held(held)) if now < held.ends_at && in_force(&held.value) => {
                held.asked_for = true;
                Some(&held.value)
            }
            Some(Entry::Held(_) | Entry::Gone) | None => None,
        }
    }

    /// Keeps something of a token until a second since the Unix epoch, in the place of what was kept of it before. What is
    /// too large for the whole cache, by its bytes, is not kept.
    pub fn insert(&mut self, token: TokenDigest, ends_at: i64, bytes: usize, value: Rc<T>) {
        let bytes = bytes.saturating_add(OVERHEAD);
        if self.bounds.entries == 0 || bytes > self.most_bytes() {
            return;
        }
        let mut held = Held { value, ends_at, bytes, asked_for: true };
        let queue = match self.entries.get_mut(&token) {
            // It stands in its queue already.
            Some(Entry::Held(before)) => {
                self.bytes = self.bytes.saturating_sub(before.bytes);
                None
            }
            Some(Entry::Gone) => Some(&mut self.kept),
            None => {
                held.asked_for = false;
                Some(&mut self.trial)
            }
        };
        queue.into_iter().for_each(|queue| queue.push_back(token));
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.insert(token, Entry::Held(held));
        self.make_room();
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trial.len().saturating_add(self.kept.len())
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all entries together, with what the cache itself needs for them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.saturating_add(self.gone.len().saturating_mul(OVERHEAD))
    }

    /// How many may be remembered whose values have gone.
    fn most_gone(&self) -> usize {
        self.bounds.entries.min(self.bounds.bytes / GONE_SHARE / OVERHEAD)
    }

    /// The bytes that are left for values.
    fn most_bytes(&self) -> usize {
        self.bounds.bytes.saturating_sub(self.most_gone().saturating_mul(OVERHEAD))
    }

    /// Lets entries have their turns until all bounds hold. Every turn takes a value out or takes away that it was asked
    /// for, so this ends.
    fn make_room(&mut self) {
        let on_trial = self.bounds.entries.div_ceil(TRIAL_SHARE);
        while self.trial.len() > on_trial {
            self.end_trial();
        }
        while self.len() > self.bounds.entries || self.bytes > self.most_bytes() {
            if !self.kept.is_empty() {
                self.take_turn();
            } else if !self.trial.is_empty() {
                self.end_trial();
            } else {
                return;
            }
        }
    }

    /// The entry that has been on trial longest is kept if it was asked for, and else forgotten but for its digest.
    fn end_trial(&mut self) {
        let Some(token) = self.trial.pop_front() else { return };
        match self.entries.get_mut(&token) {
            Some(Entry::Held(held)) if held.asked_for => self.kept.push_back(token),
            Some(entry) => {
                if let Entry::Held(held) = std::mem::replace(entry, Entry::Gone) {
                    self.bytes = self.bytes.saturating_sub(held.bytes);
                }
                self.gone.push_back(token);
                if self.gone.len() > self.most_gone() {
                    self.forget();
                }
            }
            None => {}
        }
    }

    /// The kept entry whose turn it is stays if it was asked for, and else leaves.
    fn take_turn(&mut self) {
        let Some(token) = self.kept.pop_front() else { return };
        match self.entries.get_mut(&token) {
            Some(Entry::Held(held)) if held.asked_for => {
                held.asked_for = false;
                self.kept.push_back(token);
            }
            Some(Entry::Held(held)) => {
                self.bytes = self.bytes.saturating_sub(held.bytes);
                self.entries.remove(&token);
            }
            Some(Entry::Gone) | None => {}
        }
    }

    /// Forgets the digest that has been remembered longest, unless its token has been kept since.
    fn forget(&mut self) {
        let Some(token) = self.gone.pop_front() else { return };
        if matches!(self.entries.get(&token), Some(Entry::Gone)) {
            self.entries.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const SEED: [u8; 32] = [7; 32];

    /// A value, and the epoch of what it rests upon.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Value(u32, u64);

    fn cache(entries: usize, bytes: usize) -> TokenCache<Value> {
        TokenCache::new(CacheBounds { entries, bytes }, &SEED)
    }

    fn roomy() -> TokenCache<Value> {
        cache(100, 1_000_000)
    }

    fn keep(cache: &mut TokenCache<Value>, token: &str, value: u32) {
        cache.insert(cache.digest(token), i64::MAX, 100, Rc::new(Value(value, 0)));
    }

    fn ask(cache: &mut TokenCache<Value>, token: &str) -> Option<u32> {
        let digest = cache.digest(token);
        get(cache, &digest, 0, 0)
    }

    fn get(cache: &mut TokenCache<Value>, token: &TokenDigest, epoch: u64, now: i64) -> Option<u32> {
        cache.get(token, now, |value| value.1 == epoch).map(|value| value.0)
    }

    #[test]
    fn a21_a_token_with_another_signature_is_another_token() {
        let mut cache = roomy();
        keep(&mut cache, "header.claims.signature", 1);
        assert_eq!(ask(&mut cache, "header.claims.signature"), Some(1));
        for other in [
            "header.claims.Signature",
            "header.claims.signaturf",
            "header.claims.",
            "header.claims",
            "header.claims.signature.",
            "header.claims.signature\0",
            " header.claims.signature",
            "",
        ] {
            assert_eq!(ask(&mut cache, other), None, "{other:?}");
        }
    }

    #[test]
    fn a_digest_tells_nothing_outside_of_its_gate() {
        let other = TokenCache::<u32>::new(CacheBounds { entries: 1, bytes: 1000 }, &[8; 32]);
        assert_ne!(roomy().digest("a.b.c"), other.digest("a.b.c"));
        assert_ne!(roomy().digest("a.b.c").0, <[u8; 32]>::from(Sha256::digest("a.b.c")));
        assert_eq!(roomy().digest("a.b.c"), roomy().digest("a.b.c"));
    }

    #[test]
    fn c7_an_entry_ends_with_its_token_and_with_its_epoch() {
        let mut cache = roomy();
        let token = cache.digest("a.b.c");
        cache.insert(token, 1000, 10, Rc::new(Value(1, 3)));
        assert_eq!(get(&mut cache, &token, 3, 999), Some(1));
        assert_eq!(get(&mut cache, &token, 3, 1000), None);
        assert_eq!(get(&mut cache, &token, 2, 999), None);
        assert_eq!(get(&mut cache, &token, 4, 999), None);
        // It may be verified again, and is in force from then on.
        cache.insert(token, 2000, 10, Rc::new(Value(2, 4)));
        assert_eq!(get(&mut cache, &token, 4, 1999), Some(2));
        assert_eq!(get(&mut cache, &token, 3, 999), None);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_cache_without_entries_keeps_nothing() {
        let mut cache = cache(0, 1_000_000);
        keep(&mut cache, "a.b.c", 1);
        assert_eq!(ask(&mut cache, "a.b.c"), None);
        assert!(cache.is_empty());
    }

    #[test]
    fn what_is_larger_than_all_bytes_together_drives_nothing_out() {
        let mut cache = cache(100, 1000);
        keep(&mut cache, "a.b.c", 1);
        cache.insert(cache.digest("large"), i64::MAX, 1000, Rc::new(Value(2, 0)));
        cache.insert(cache.digest("larger"), i64::MAX, usize::MAX, Rc::new(Value(3, 0)));
        assert_eq!(ask(&mut cache, "a.b.c"), Some(1));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_flood_of_tokens_that_come_once_drives_out_none_that_came_twice() {
        let mut cache = cache(100, 1_000_000);
        for hot in 0..80 {
            keep(&mut cache, &format!("hot {hot}"), hot);
            assert_eq!(ask(&mut cache, &format!("hot {hot}")), Some(hot));
        }
        for cold in 0..10_000 {
            keep(&mut cache, &format!("cold {cold}"), cold);
        }
        for hot in 0..80 {
            assert_eq!(ask(&mut cache, &format!("hot {hot}")), Some(hot));
        }
        assert_eq!(cache.len(), 90, "a few of the flood are on trial");
    }

    #[test]
    fn a_token_that_comes_back_needs_no_other_trial() {
        let mut cache = cache(100, 1_000_000);
        keep(&mut cache, "again", 1);
        for cold in 0..50 {
            keep(&mut cache, &format!("cold {cold}"), cold);
        }
        assert_eq!(ask(&mut cache, "again"), None, "its trial is over");
        keep(&mut cache, "again", 2);
        for cold in 0..1000 {
            keep(&mut cache, &format!("colder {cold}"), cold);
        }
        assert_eq!(ask(&mut cache, "again"), Some(2));
        assert_eq!(ask(&mut cache, "cold 7"), None);
    }

    #[test]
    fn what_has_gone_is_not_remembered_for_ever() {
        let mut cache = cache(100, 1_000_000);
        for cold in 0..10_000 {
            keep(&mut cache, &format!("cold {cold}"), cold);
        }
        assert_eq!((cache.len(), cache.gone.len(), cache.entries.len()), (10, 100, 110));
        keep(&mut cache, "cold 0", 0);
        assert!(cache.kept.is_empty(), "it begins anew");
    }

    #[test]
    fn what_is_asked_for_no_more_makes_room() {
        let mut cache = cache(100, 1_000_000);
        for generation in 0..5 {
            for token in 0..100 {
                keep(&mut cache, &format!("{generation} {token}"), token);
                ask(&mut cache, &format!("{generation} {token}"));
            }
            let found = (0..100).filter(|token| ask(&mut cache, &format!("{generation} {token}")).is_some()).count();
            assert_eq!(found, 100, "generation {generation}");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Keep { token: u8, epoch: u64, ends_at: i64, bytes: usize },
        Ask { token: u8, epoch: u64, now: i64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let token = 0..40_u8;
        let keep = (token.clone(), 0..2_u64, 0..10_i64, 0..600_usize)
            .prop_map(|(token, epoch, ends_at, bytes)| Step::Keep { token, epoch, ends_at, bytes });
        let ask = (token, 0..2_u64, 0..10_i64).prop_map(|(token, epoch, now)| Step::Ask { token, epoch, now });
        proptest::collection::vec(prop_oneof![keep, ask], 0..400)
    }

    /// What a cache without bounds would say.
    #[derive(Default)]
    struct Model(BTreeMap<u8, (i64, Value)>);

    impl Model {
        fn ask(&self, token: u8, epoch: u64, now: i64) -> Option<u32> {
            let (ends_at, value) = self.0.get(&token)?;
            (value.1 == epoch && now < *ends_at).then_some(value.0)
        }
    }

    proptest! {
        /// Never anything else than what was kept last, and never more than is allowed.
        #[test]
        fn what_is_given_out_is_what_was_kept_last(steps in steps(), entries in 0..30_usize, bytes in 0..12_000_usize) {
            let mut cache = cache(entries, bytes);
            let mut model = Model::default();
            for (number, step) in steps.into_iter().enumerate() {
                let number = u32::try_from(number).unwrap();
                match step {
                    Step::Keep { token, epoch, ends_at, bytes } => {
                        let value = Value(number, epoch);
                        let digest = cache.digest(&token.to_string());
                        cache.insert(digest, ends_at, bytes, Rc::new(value));
                        // What is too large to be kept leaves what was there before, which was true then; nobody
                        // inserts where that still holds.
                        if bytes.saturating_add(OVERHEAD) <= cache.most_bytes() {
                            model.0.insert(token, (ends_at, value));
                        }
                    }
                    Step::Ask { token, epoch, now } => {
                        let digest = cache.digest(&token.to_string());
                        let found = get(&mut cache, &digest, epoch, now);
                        prop_assert!(found.is_none() || found == model.ask(token, epoch, now));
                    }
                }
                prop_assert!(cache.len() <= entries);
                prop_assert!(cache.bytes() <= bytes);
                let held = || {
                    cache.entries.values().filter_map(|entry| match entry {
                        Entry::Held(held) => Some(held.bytes),
                        Entry::Gone => None,
                    })
                };
                prop_assert_eq!(held().sum::<usize>(), cache.bytes);
                prop_assert_eq!(held().count(), cache.len(), "each value stands in one queue");
                prop_assert!(cache.entries.len() <= cache.len().saturating_add(cache.gone.len()));
            }
        }

        /// As long as there is room for all of them on trial, nothing is forgotten.
        #[test]
        fn nothing_is_forgotten_while_there_is_room(steps in steps()) {
            let mut cache = cache(400, 100_000);
            let mut model = Model::default();
            for (number, step) in steps.into_iter().enumerate() {
                let number = u32::try_from(number).unwrap();
                match step {
                    Step::Keep { token, epoch, ends_at, bytes } => {
                        let value = Value(number, epoch);
                        cache.insert(cache.digest(&token.to_string()), ends_at, bytes, Rc::new(value));
                        model.0.insert(token, (ends_at, value));
                    }
                    Step::Ask { token, epoch, now } => {
                        let digest = cache.digest(&token.to_string());
                        let found = get(&mut cache, &digest, epoch, now);
                        prop_assert_eq!(found, model.ask(token, epoch, now));
                    }
                }
            }
        }

        /// A token that is asked for again while it is on trial, and at least once while all others have a turn, stays.
        #[test]
        fn what_comes_all_the_time_stays(others in proptest::collection::vec(0..2000_u32, 100..1000)) {
            let mut cache = cache(50, 1_000_000);
            keep(&mut cache, "hot", 0);
            for (number, other) in others.into_iter().enumerate() {
                if number % 4 == 0 {
                    prop_assert_eq!(ask(&mut cache, "hot"), Some(0));
                }
                let other = format!("other {other}");
                if ask(&mut cache, &other).is_none() {
                    keep(&mut cache, &other, 1);
                }
            }
        }
    }
}
