//! What a gate knows of the world outside of its configuration, as of now: keys that were fetched, what issuers said
//! about tokens.
//!
//! A decision asks for something and gets it, or learns that it has to wait for it, or that it cannot be had. It never
//! calls: calls are made by the root context, once for all requests that wait for the same thing.

mod incident;
mod lists;
pub(crate) mod notes;
mod shelf;

pub use incident::Incident;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::exchange::Now;
use crate::gate::Pace;
use crate::introspection::{Introspection, Introspections, Reading, Unfit, Verdict};
use crate::jose::{KeySet, SignatureVerifier};
use crate::journal::Journal;
use crate::outbox::{Answer, Outbox, Store};
use crate::refusal::Cause;
use crate::remote::{Epoch, Refresh, key_set};
use crate::token::{ClaimSet, Provider, ProviderKeys, Standing};
use lists::Lists;
use shelf::{Calls, Driven, Shelf};

/// What requests may wait for; whoever waits is woken when it has come, or has failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ticket {
    /// The answer to an introspection, by its errand.
    Introspection(u64),
    /// The keys of a provider, by its place.
    Keys(usize),
    /// The list of revoked tokens of a provider, by its place.
    Revoked(usize),
    /// A status list of a provider, by both their places.
    Status(usize, usize),
}

/// An answer to a decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup<T> {
    /// Here it is.
    Ready(T),
    /// It may come.
    Wait(Ticket),
    /// It cannot be had now.
    Unavailable {
        /// The time until it is tried again.
        retry_in: Duration,
    },
}

/// The keys of a provider as they are now.
#[derive(Clone, Debug)]
pub struct CurrentKeys {
    /// The keys.
    pub set: Rc<KeySet>,
    /// Which of the sets it is that this provider has had.
    pub epoch: Epoch,
}

/// What is at hand where something happens outside of requests.
pub(crate) struct Surroundings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) verifier: &'a dyn SignatureVerifier,
    pub(crate) now: Now,
    /// Random bits.
    pub(crate) entropy: u64,
    pub(crate) store: &'a mut dyn Store,
    pub(crate) outbox: &'a mut Outbox,
}

/// The state that changes while the gate lives.
pub struct Live {
    /// Fetched sets of keys, by the place of their provider.
    keys: BTreeMap<usize, Shelf<KeySet>>,
    /// What revokes tokens, by the place of their provider.
    lists: BTreeMap<usize, Lists>,
    introspections: Introspections,
    /// Calls for what is fetched that are under way.
    calls: Calls,
    /// Whether the memory of used proofs has still to be laid out.
    awaits_memory: bool,
    /// Introspections that came to nothing; the first few since they were asked for.
    incidents: Vec<Incident>,
}

/// So many incidents are kept until the host asks for them, which it does after each call and tick.
const MOST_INCIDENTS: usize = 64;

impl Live {
    /// What is known at the start: nothing.
    #[must_use]
    pub fn new(config: &Config, seed: [u8; 32]) -> Self {
        let keys = |provider: &Provider| match &provider.keys {
            ProviderKeys::Remote(spec) => {
                let (ticket, spec) = (Ticket::Keys(provider.index), (**spec).clone());
                Some((provider.index, Shelf::new(ticket, spec, &config.record_key, Box::new(key_set))))
            }
            ProviderKeys::Local(_) | ProviderKeys::None => None,
        };
        let lists = |provider: &Provider| Some((provider.index, Lists::of(provider, &config.record_key)?));
        Self {
            keys: config.providers.iter().filter_map(keys).collect(),
            lists: config.providers.iter().filter_map(lists).collect(),
            introspections: Introspections::new(seed),
            calls: Calls::default(),
            awaits_memory: config.takes_proofs(),
            incidents: Vec::new(),
        }
    }

    /// The keys of a provider; `now` is in seconds since the Unix epoch.
    #[must_use]
    pub fn keys(&self, provider: &Provider, now: i64) -> Lookup<CurrentKeys> {
        let local = |set| Lookup::Ready(CurrentKeys { set, epoch: Epoch::default() });
        match &provider.keys {
            ProviderKeys::Local(keys) => local(Rc::clone(keys)),
            // Without keys no signature is valid.
            ProviderKeys::None => local(Rc::default()),
            ProviderKeys::Remote(_) => match self.keys.get(&provider.index) {
                Some(shelf) => shelf.current(now).map(|(set, epoch)| CurrentKeys { set, epoch }),
                None => Lookup::Unavailable { retry_in: Duration::ZERO },
            },
        }
    }

    /// Whether a key of this name may come, where the set that is there has none.
    pub fn await_key(&mut self, provider: &Provider, key_id: &str, now: i64) -> Lookup<()> {
        match self.keys.get_mut(&provider.index).map(|shelf| shelf.refresh_for(key_id.as_bytes(), now)) {
            Some(Refresh::Wait) => Lookup::Wait(Ticket::Keys(provider.index)),
            Some(Refresh::Unavailable) => Lookup::Unavailable { retry_in: Duration::ZERO },
            Some(Refresh::KnownUnknown) | None => Lookup::Ready(()),
        }
    }

    /// Whether a token still stands, by the lists of its provider.
    ///
    /// # Errors
    ///
    /// It does not, or what it says about its status cannot be followed.
    pub fn standing(
        &mut self,
        config: &Config,
        provider: &Provider,
        claims: &ClaimSet,
        now: i64,
        journal: &mut Journal,
    ) -> Result<Lookup<Standing>, Cause> {
        match self.lists.get_mut(&provider.index) {
            Some(lists) => lists.standing(provider, claims, now, &config.record_key, journal),
            None => {
                journal.note(|| notes::status(None, claims));
                Ok(Lookup::Ready(Standing::of_unlisted(provider, claims)?))
            }
        }
    }

    /// What a provider says about a token.
    pub fn introspect(
        &mut self,
        provider: &Provider,
        introspection: &Rc<Introspection>,
        token: &str,
        now: i64,
        outbox: &mut Outbox,
    ) -> Lookup<Verdict> {
        self.introspections.look_up(provider.index, introspection, token, now, outbox)
    }

    /// See [`crate::gate::Gate::tick`].
    pub(crate) fn tick(&mut self, around: &mut Surroundings<'_>) -> Vec<Ticket> {
        if self.awaits_memory && around.now.reliable_seconds().is_some() {
            let replay = &around.config.sender.dpop.replay;
            self.awaits_memory = !replay.prepare(around.store, around.now.seconds());
        }
        self.hand_out_keys(around);
        let (shelves, calls) = self.shelves();
        shelves.filter_map(|shelf| shelf.tick(around, calls).then(|| shelf.ticket())).collect()
    }

    /// See [`crate::gate::Gate::answered`].
    pub(crate) fn answered(&mut self, errand: u64, answer: &Answer, around: &mut Surroundings<'_>) -> Vec<Ticket> {
        if let Some(provider) = self.introspections.provider_of(errand) {
            self.introspected(errand, provider, answer, around);
            return vec![Ticket::Introspection(errand)];
        }
        self.hand_out_keys(around);
        let Some((ticket, number)) = self.calls.take(errand) else { return Vec::new() };
        let (mut shelves, calls) = self.shelves();
        let news = shelves
            .find(|shelf| shelf.ticket() == ticket)
            .is_some_and(|shelf| shelf.answered(number, answer, around, calls));
        if news { vec![ticket] } else { Vec::new() }
    }

    /// Whoever reads what a provider has signed reads it with the keys of now.
    fn hand_out_keys(&mut self, around: &Surroundings<'_>) {
        let now = around.now.seconds();
        for provider in around.config.providers.iter() {
            let Some(lists) = self.lists.get(&provider.index) else { continue };
            let keys = self.keys(provider, now).ready().map(|keys| keys.set);
            if let Some(missed) = lists.use_keys(keys) {
                self.await_key(provider, &missed, now);
            }
        }
    }

    fn shelves(&mut self) -> (impl Iterator<Item = &mut dyn Driven>, &mut Calls) {
        let keys = self.keys.values_mut().map(|shelf| -> &mut dyn Driven { shelf });
        (keys.chain(self.lists.values_mut().flat_map(Lists::shelves)), &mut self.calls)
    }

    fn introspected(&mut self, errand: u64, provider: usize, answer: &Answer, around: &Surroundings<'_>) {
        let (config, now) = (around.config, around.now.seconds());
        let Some(provider) = config.providers.get(provider) else { return };
        let keys = self.keys(provider, now).ready();
        let keys = keys.as_ref().map(|keys| &*keys.set);
        let reading = Reading { keys, verifier: around.verifier, claims_depth: config.limits.claims_depth, now };
        let Err(failure) = self.introspections.answered(errand, answer, reading) else { return };
        if self.incidents.len() < MOST_INCIDENTS {
            self.incidents.push(Incident::of_introspection(&provider.name, &failure));
        }
        // A newer set of keys may have it, for the next who asks.
        if let Unfit::KeyUnknown(Some(key_id)) = &failure.reason {
            self.await_key(provider, key_id, now);
        }
    }

    /// See [`crate::gate::Gate::pace`].
    #[must_use]
    pub fn pace(&mut self) -> Option<Pace> {
        let memory = self.awaits_memory.then_some(Pace::Soon);
        let pace = |shelf: &mut dyn Driven| if shelf.is_awaited() { Pace::Soon } else { Pace::Idle };
        self.shelves().0.map(pace).chain(memory).min()
    }

    /// See [`crate::gate::Gate::take_incidents`].
    pub(crate) fn take_incidents(&mut self) -> Vec<Incident> {
        let mut incidents = std::mem::take(&mut self.incidents);
        incidents.extend(self.shelves().0.flat_map(Driven::take_incidents));
        incidents
    }
}

impl<T> Lookup<T> {
    fn map<U>(self, with: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::Ready(value) => Lookup::Ready(with(value)),
            Self::Wait(ticket) => Lookup::Wait(ticket),
            Self::Unavailable { retry_in } => Lookup::Unavailable { retry_in },
        }
    }

    fn ready(self) -> Option<T> {
        match self {
            Self::Ready(value) => Some(value),
            Self::Wait(_) | Self::Unavailable { .. } => None,
        }
    }
}
