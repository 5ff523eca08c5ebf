//! The filter without a gateway: configuration and requests in, answers and records out, the time in your hands.
//!
//! This is the same core that runs in a gateway, with nothing replaced but the host.

use std::net::IpAddr;

use crate::audit::Spent;
use crate::config::{Config, Fault, Faults};
use crate::exchange::{Arrival, Exchange, Input, Now, Outcome};
use crate::forward::HeaderPatch;
use crate::gate::{Gate, Platform};
use crate::http::Headers;
use crate::jose::InVm;
use crate::journal::{Entry, Journal, Note};
use crate::refusal::Reply;

/// Name and value pairs, pseudo-headers included, as a gateway holds them.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A gate at a time that you set.
pub struct Harness {
    gate: Gate,
    now: u64,
    requests: u64,
    /// Whether notes are taken.
    observed: bool,
}

/// A request on its way through the filter.
pub struct Passage<'a> {
    gate: &'a Gate,
    exchange: Exchange,
    journal: Journal,
    headers: Pairs,
    records: Vec<serde_json::Value>,
}

/// What the filter does with a request, so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It goes on with these headers.
    Continued(Pairs),
    /// It is answered.
    Replied(Reply),
    /// It waits for its body.
    Waiting,
}

impl Harness {
    /// Starts the filter with a configuration; `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// All faults of the configuration.
    pub fn start(configuration: &[u8], now: u64) -> Result<Self, Faults> {
        let config = Config::load(configuration)?;
        let platform = Platform { verifier: Box::new(InVm), entropy: [7; 32] };
        Ok(Self {
            gate: Gate::new(config, platform),
            now: now.saturating_mul(1_000_000_000),
            requests: 0,
            observed: false,
        })
    }

    /// As [`Harness::start`], and takes notes of how each decision comes about; see [`Passage::notes`].
    ///
    /// # Errors
    ///
    /// All faults of the configuration.
    pub fn start_observed(configuration: &[u8], now: u64) -> Result<Self, Faults> {
        Ok(Self { observed: true, ..Self::start(configuration, now)? })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.gate.config()
    }

    /// What can be served, but deserves a look.
    #[must_use]
    pub fn warnings(&self) -> &[Fault] {
        &self.gate.config().warnings
    }

    /// The time, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now / 1_000_000_000
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(seconds.saturating_mul(1_000_000_000));
    }

    /// Presents the head of a request.
    pub fn request(&mut self, headers: Pairs, end_of_stream: bool) -> (Passage<'_>, Verdict) {
        self.request_from(None, headers, end_of_stream)
    }

    /// Presents the head of a request that comes from an address.
    pub fn request_from(
        &mut self,
        source: Option<IpAddr>,
        headers: Pairs,
        end_of_stream: bool,
    ) -> (Passage<'_>, Verdict) {
        self.requests = self.requests.wrapping_add(1);
        let mut entropy = [0; 16];
        entropy.iter_mut().zip(self.requests.to_be_bytes()).for_each(|(to, from)| *to = from);
        let arrival = Arrival {
            headers: Some(headers.clone()),
            end_of_stream,
            source,
            now: Now { unix_nanos: self.now },
            entropy,
        };
        let mut passage = Passage {
            gate: &self.gate,
            exchange: Exchange::default(),
            journal: if self.observed { Journal::observed() } else { Journal::default() },
            headers,
            records: Vec::new(),
        };
        let verdict = passage.step(Input::Head(Box::new(arrival))).unwrap_or(Verdict::Waiting);
        (passage, verdict)
    }
}

impl Passage<'_> {
    /// Delivers a part of the body; `all` is everything that has arrived by now.
    pub fn body(&mut self, all: &[u8], end_of_stream: bool) -> Option<Verdict> {
        let input = if end_of_stream { Input::BodyComplete(all.to_vec()) } else { Input::BodyGrows(all.len()) };
        self.step(input)
    }

    /// Delivers the trailers, and gives those that go on.
    pub fn trailers(&mut self, trailers: Pairs) -> Pairs {
        let Ok(parsed) = Headers::from_pairs(trailers.clone()) else { return Vec::new() };
        match self.exchange.step(self.gate, Input::Trailers(parsed), &mut self.journal) {
            Outcome::PatchTrailers(patch) => patched(trailers, &patch),
            Outcome::AwaitBody
            | Outcome::Continue(_)
            | Outcome::Fetch(_)
            | Outcome::Nothing
            | Outcome::PatchResponse(_)
            | Outcome::Reply(_)
            | Outcome::Store(_) => trailers,
        }
    }

    /// Lets the time that the request may wait run out.
    pub fn deadline(&mut self) -> Option<Verdict> {
        self.step(Input::Deadline)
    }

    /// What the steps of the decision have looked at so far, where the harness was started by
    /// [`Harness::start_observed`].
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        self.journal.notes()
    }

    /// Whether the request waits, and so must not go on.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.exchange.is_waiting()
    }

    /// Ends the request and gives its audit records.
    #[must_use]
    pub fn end(mut self) -> Vec<serde_json::Value> {
        self.step(Input::End);
        self.records
    }

    fn step(&mut self, input: Input) -> Option<Verdict> {
        let outcome = self.exchange.step(self.gate, input, &mut self.journal);
        for entry in self.journal.drain() {
            let Entry::Decision(record) = entry;
            let line = record.line(Spent::default());
            self.records.extend(serde_json::from_str::<serde_json::Value>(&line));
        }
        match outcome {
            Outcome::AwaitBody => Some(Verdict::Waiting),
            Outcome::Continue(onward) => {
                self.headers = patched(std::mem::take(&mut self.headers), onward.patch());
                Some(Verdict::Continued(self.headers.clone()))
            }
            Outcome::Reply(reply) => Some(Verdict::Replied(*reply)),
            Outcome::Fetch(_)
            | Outcome::Nothing
            | Outcome::PatchResponse(_)
            | Outcome::PatchTrailers(_)
            | Outcome::Store(_) => None,
        }
    }
}

fn patched(mut pairs: Pairs, patch: &HeaderPatch) -> Pairs {
    pairs.retain(|(name, _)| !patch.remove.iter().any(|remove| remove.as_bytes().eq_ignore_ascii_case(name)));
    pairs.extend(patch.set.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())));
    pairs
}
