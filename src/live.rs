//! What a gate knows of the world outside of its configuration, as of now: keys that were fetched, what issuers said
//! about tokens.
//!
//! A decision asks for something and gets it, or learns that it has to wait for it, or that it cannot be had. It never
//! calls: calls are made by the root context, once for all requests that wait for the same thing.

mod incident;
mod shelf;

pub use incident::Incident;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::exchange::Now;
use crate::gate::Pace;
use crate::introspection::{Introspection, Introspections, Reading, Verdict};
use crate::jose::{KeySet, SignatureVerifier};
use crate::outbox::{Answer, Outbox, Store};
use crate::remote::{Epoch, Refresh, key_set};
use crate::token::{Provider, ProviderKeys};
use shelf::Shelf;

/// What requests may wait for; whoever waits is woken when it has come, or has failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ticket {
    /// The answer to an introspection, by its errand.
    Introspection(u64),
    /// The keys of a provider, by its place.
    Keys(usize),
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
    introspections: Introspections,
    /// Calls for what is fetched that are under way: the errand's number, what it fetches, and the number that it has
    /// there.
    calls: BTreeMap<u64, (Ticket, u32)>,
    /// Introspections that came to nothing; the first few since they were asked for.
    incidents: Vec<Incident>,
}

/// So many incidents are kept until the host asks for them, which it does after each call and tick.
const MOST_INCIDENTS: usize = 64;

impl Live {
    /// What is known at the start: nothing.
    #[must_use]
    pub fn new(config: &Config, seed: [u8; 32]) -> Self {
        let remote = |provider: &Provider| match &provider.keys {
            ProviderKeys::Remote(spec) => {
                Some((provider.index, Shelf::new((**spec).clone(), &config.record_key, Box::new(key_set))))
            }
            ProviderKeys::Local(_) | ProviderKeys::None => None,
        };
        Self {
            keys: config.providers.iter().filter_map(remote).collect(),
            introspections: Introspections::new(seed),
            calls: BTreeMap::new(),
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
                Some(shelf) => {
                    let current = shelf.current(Ticket::Keys(provider.index), now);
                    current.map(|(set, epoch)| CurrentKeys { set, epoch })
                }
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
        let mut settled = Vec::new();
        for (index, shelf) in &mut self.keys {
            let ticket = Ticket::Keys(*index);
            if shelf.tick(around, &mut self.calls, ticket) {
                settled.push(ticket);
            }
        }
        settled
    }

    /// See [`crate::gate::Gate::answered`].
    pub(crate) fn answered(&mut self, errand: u64, answer: &Answer, around: &mut Surroundings<'_>) -> Vec<Ticket> {
        if let Some(provider) = self.introspections.provider_of(errand) {
            self.introspected(errand, provider, answer, around);
            return vec![Ticket::Introspection(errand)];
        }
        let Some((ticket, number)) = self.calls.remove(&errand) else { return Vec::new() };
        let settled = match ticket {
            Ticket::Introspection(_) => false,
            Ticket::Keys(index) => {
                let shelf = self.keys.get_mut(&index);
                shelf.is_some_and(|shelf| shelf.answered(number, answer, around, &mut self.calls, ticket))
            }
        };
        if settled { vec![ticket] } else { Vec::new() }
    }

    fn introspected(&mut self, errand: u64, provider: usize, answer: &Answer, around: &Surroundings<'_>) {
        let (config, now) = (around.config, around.now.seconds());
        let Some(provider) = config.providers.get(provider) else { return };
        let keys = self.keys(provider, now).ready();
        let keys = keys.as_ref().map(|keys| &*keys.set);
        let reading = Reading { keys, verifier: around.verifier, claims_depth: config.limits.claims_depth, now };
        if let Err(failure) = self.introspections.answered(errand, answer, reading)
            && self.incidents.len() < MOST_INCIDENTS
        {
            self.incidents.push(Incident::of_introspection(&provider.name, &failure));
        }
    }

    /// See [`crate::gate::Gate::pace`].
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        let pace = |shelf: &Shelf<KeySet>| if shelf.is_awaited() { Pace::Soon } else { Pace::Idle };
        self.keys.values().map(pace).min()
    }

    /// See [`crate::gate::Gate::take_incidents`].
    pub(crate) fn take_incidents(&mut self) -> Vec<Incident> {
        let mut incidents = std::mem::take(&mut self.incidents);
        incidents.extend(self.keys.values_mut().flat_map(Shelf::take_incidents));
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
