//! What a worker has asked, and what it was told.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::answer::Said;
use super::verdicts::{Fingerprint, Outcome, Span, Verdicts};
use super::{Introspection, Reading, Unfit, Verdict};
use crate::audit::hexadecimal;
use crate::live::{Lookup, Ticket};
use crate::outbox::{Answer, Outbox};
use crate::token::Vouched;

/// Questions that are under way, and verdicts that still serve. One for each worker.
pub struct Introspections {
    /// Makes the names of assertions.
    seed: [u8; 32],
    asked: u64,
    /// By their errands.
    under_way: BTreeMap<u64, Question>,
    /// The same, by what they ask.
    errands: BTreeMap<Fingerprint, u64>,
    verdicts: Verdicts,
}

/// A question that is under way.
struct Question {
    fingerprint: Fingerprint,
    provider: usize,
    introspection: Rc<Introspection>,
    asked: i64,
}

/// A question that got no clear answer. For the operator; whoever asked learns that nothing is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The provider, by its place.
    pub provider: usize,
    /// What is wrong with the answer.
    pub reason: Unfit,
}

/// Questions to one provider that may be under way together. A provider that does not answer holds up nobody else, and
/// whoever tries tokens at random cannot make more.
const MOST_UNDER_WAY: usize = 64;

/// Seconds for which an outcome serves at least, after it has come: those who waited for it still have to see it.
const SETTLING: i64 = 2;

/// When a provider that did not answer may be asked again.
const RETRY_IN: Duration = Duration::from_secs(2);

/// Seconds after which a question without an answer is given up, besides the time that an answer may take. The gateway
/// answers every call in time; this is for the case that it does not.
const PATIENCE: i64 = 5;

impl Introspections {
    /// Nothing is known yet. `seed` must be random, and this worker's own.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, asked: 0, under_way: BTreeMap::new(), errands: BTreeMap::new(), verdicts: Verdicts::new() }
    }

    /// What a provider says about a token; `now` is in seconds since the Unix epoch. Leaves a call where nothing is
    /// known, one for all who ask the same.
    pub fn look_up(
        &mut self,
        provider: usize,
        introspection: &Rc<Introspection>,
        token: &str,
        now: i64,
        outbox: &mut Outbox,
    ) -> Lookup<Verdict> {
        let fingerprint = Fingerprint::of(provider, &introspection.audiences, token);
        match self.verdicts.get(&fingerprint, now) {
            Some(Outcome::Said(verdict)) => return Lookup::Ready(verdict.clone()),
            Some(Outcome::Failed) => return Lookup::Unavailable { retry_in: RETRY_IN },
            None => {}
        }
        if let Some(&errand) = self.errands.get(&fingerprint) {
            if self.under_way.get(&errand).is_some_and(|question| question.is_awaited(now)) {
                return Lookup::Wait(Ticket::Introspection(errand));
            }
            self.give_up(errand);
        }
        if self.is_busy(provider, now) {
            return Lookup::Unavailable { retry_in: RETRY_IN };
        }
        self.asked = self.asked.wrapping_add(1);
        let Ok(errand) = outbox.leave(introspection.call(token, &self.unique(), now)) else {
            return Lookup::Unavailable { retry_in: RETRY_IN };
        };
        self.errands.insert(fingerprint, errand);
        let introspection = Rc::clone(introspection);
        self.under_way.insert(errand, Question { fingerprint, provider, introspection, asked: now });
        Lookup::Wait(Ticket::Introspection(errand))
    }

    /// The provider that an errand asks, by its place; nothing where the errand is not one of these.
    #[must_use]
    pub fn provider_of(&self, errand: u64) -> Option<usize> {
        self.under_way.get(&errand).map(|question| question.provider)
    }

    /// Takes the answer to an errand. Its [`Ticket::Introspection`] is settled by it, well or badly.
    ///
    /// # Errors
    ///
    /// [`Failure`], for the journal. Nobody is told for a moment that the token could be asked about again.
    pub fn answered(&mut self, errand: u64, answer: &Answer, reading: Reading<'_>) -> Result<(), Failure> {
        let Some(question) = self.give_up(errand) else { return Ok(()) };
        let Question { fingerprint, provider, introspection, asked } = question;
        // Who waited has to see what came, even if it has ended by then.
        let seen = reading.now.saturating_add(SETTLING);
        let span = |until: i64| Span { from: asked.min(reading.now), until: until.max(seen) };
        let refused_until = asked.saturating_add(introspection.negative_cache_duration);
        match introspection.read(answer, asked, reading) {
            Ok(Said::Active(confirmed)) => {
                let vouched = Vouched::confirmed(provider, confirmed);
                let until = asked.saturating_add(introspection.cache_duration);
                let expires = vouched.claims().time("exp").ok().flatten().unwrap_or(i64::MAX);
                let outcome = Outcome::Said(Verdict::Active(vouched));
                self.verdicts.put(fingerprint, outcome, span(until.min(expires)));
                Ok(())
            }
            Ok(Said::Refused(cause)) => {
                self.verdicts.put(fingerprint, Outcome::Said(Verdict::Refused(cause)), span(refused_until));
                Ok(())
            }
            Err(reason) => {
                self.verdicts.put(fingerprint, Outcome::Failed, span(seen));
                Err(Failure { provider, reason })
            }
        }
    }

    fn give_up(&mut self, errand: u64) -> Option<Question> {
        let question = self.under_way.remove(&errand)?;
        self.errands.remove(&question.fingerprint);
        Some(question)
    }

    /// Whether a provider is asked enough already.
    fn is_busy(&mut self, provider: usize, now: i64) -> bool {
        let of_provider = |question: &&Question| question.provider == provider;
        if self.under_way.values().filter(of_provider).count() < MOST_UNDER_WAY {
            return false;
        }
        let lost: Vec<u64> = self
            .under_way
            .iter()
            .filter(|(_, question)| !question.is_awaited(now))
            .map(|(errand, _)| *errand)
            .collect();
        for errand in lost {
            self.give_up(errand);
        }
        self.under_way.values().filter(of_provider).count() >= MOST_UNDER_WAY
    }

    /// A name that no other assertion has, of this worker or another one.
    fn unique(&self) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.seed) else { return String::new() };
        mac.update(b"introspection");
        mac.update(&self.asked.to_be_bytes());
        hexadecimal(&mac.finalize().into_bytes())
    }
}

impl Question {
    /// Whether its answer may still come.
    fn is_awaited(&self, now: i64) -> bool {
        let timeout = i64::from(self.introspection.timeout_ms.div_ceil(1000));
        (self.asked..=self.asked.saturating_add(timeout).saturating_add(PATIENCE)).contains(&now)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a token could not be introspected: {}", self.reason)
    }
}

#[cfg(test)]
impl Introspections {
    /// Entries and bytes of what is remembered.
    pub(super) fn size(&self) -> (usize, usize) {
        self.verdicts.size()
    }
}
