//! The filter without a gateway: configuration and requests in, answers and records out, the time in your hands.
//!
//! This is the same core that runs in a gateway, with nothing replaced but the host.

mod shared_data;

pub use shared_data::SharedData;

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use crate::audit::Spent;
use crate::client_certificate::PeerCertificate;
use crate::config::{Config, Fault, Faults};
use crate::exchange::{Arrival, Exchange, Input, Now, Outcome};
use crate::forward::HeaderPatch;
use crate::gate::{Gate, Pace, Platform};
use crate::http::Headers;
use crate::jose::InVm;
use crate::journal::{Entry, Journal, Note};
use crate::live::Ticket;
use crate::outbox::{Answer, Errand, Store};
use crate::refusal::Reply;
use crate::secret::Environment;

/// Name and value pairs, pseudo-headers included, as a gateway holds them.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A gate at a time that you set.
///
/// Calls are yours to make: [`Harness::tick`] gives those that are due, [`Harness::answer`] takes what came of them, and
/// [`Passage::settled`] goes on with a request that waited.
pub struct Harness {
    gate: Rc<Gate>,
    shared: Rc<RefCell<SharedData>>,
    now: u64,
    requests: u64,
    ticks: u64,
    /// Whether notes are taken.
    observed: bool,
    /// What clients show.
    certificate: PeerCertificate,
}

/// A request on its way through the filter.
pub struct Passage {
    gate: Rc<Gate>,
    shared: Rc<RefCell<SharedData>>,
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
    /// It had gone on, and its stream is ended.
    Closed,
    /// It waits: for its body, or for something from elsewhere.
    Waiting,
}

impl Harness {
    /// Starts the filter with a configuration; `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// All faults of the configuration.
    pub fn start(configuration: &[u8], now: u64) -> Result<Self, Faults> {
        Self::start_in(configuration, &Environment::default(), now)
    }

    /// As [`Harness::start`], with variables that the configuration may name.
    ///
    /// # Errors
    ///
    /// All faults of the configuration.
    pub fn start_in(configuration: &[u8], environment: &Environment, now: u64) -> Result<Self, Faults> {
        let config = Config::load_in(configuration, environment)?;
        let platform = Platform { verifier: Box::new(InVm), entropy: [7; 32] };
        Ok(Self {
            gate: Rc::new(Gate::new(config, platform)),
            shared: Rc::default(),
            now: now.saturating_mul(1_000_000_000),
            requests: 0,
            ticks: 0,
            observed: false,
            certificate: PeerCertificate::default(),
        })
    }

    /// Takes notes of how each decision comes about; see [`Passage::notes`].
    #[must_use]
    pub fn observed(self) -> Self {
        Self { observed: true, ..self }
    }

    /// Shares the gateway's data with others, as its workers do.
    #[must_use]
    pub fn sharing(self, shared: &Rc<RefCell<SharedData>>) -> Self {
        Self { shared: Rc::clone(shared), ..self }
    }

    /// The gateway's shared data.
    #[must_use]
    pub fn shared_data(&self) -> &Rc<RefCell<SharedData>> {
        &self.shared
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

    /// Lets the clients from now on show this certificate.
    pub fn show_certificate(&mut self, certificate: PeerCertificate) {
        self.certificate = certificate;
    }

    /// The time, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn now_nanos(&self) -> u64 {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: u64) {
        self.advance_nanos(seconds.saturating_mul(1_000_000_000));
    }

    /// Lets so many nanoseconds pass.
    pub fn advance_nanos(&mut self, nanos: u64) {
        self.now = self.now.saturating_add(nanos);
    }

    /// How soon the next tick is wanted, if one is.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        self.gate.pace()
    }

    /// Does what is due outside of requests. Returns the calls that have to be made, and what is settled by it.
    pub fn tick(&mut self) -> (Vec<Errand>, Vec<Ticket>) {
        self.ticks = self.ticks.wrapping_add(1);
        let settled = self.gate.tick(self.time(), self.ticks, &mut *self.shared.borrow_mut());
        (std::iter::from_fn(|| self.gate.take_errand()).collect(), settled)
    }

    /// Delivers the answer to a call. Returns what is settled by it.
    pub fn answer(&mut self, errand: u64, answer: &Answer) -> Vec<Ticket> {
        self.gate.answered(errand, answer, self.time(), &mut *self.shared.borrow_mut())
    }

    fn time(&self) -> Now {
        Now { unix_nanos: self.now }
    }

    /// Presents the head of a request.
    pub fn request(&mut self, headers: Pairs, end_of_stream: bool) -> (Passage, Verdict) {
        self.request_from(None, headers, end_of_stream)
    }

    /// Presents the head of a request that comes from an address.
    pub fn request_from(&mut self, source: Option<IpAddr>, headers: Pairs, end_of_stream: bool) -> (Passage, Verdict) {
        self.requests = self.requests.wrapping_add(1);
        let mut entropy = [0; 16];
        entropy.iter_mut().zip(self.requests.to_be_bytes()).for_each(|(to, from)| *to = from);
        let arrival = Arrival {
            headers: Some(headers.clone()),
            end_of_stream,
            source,
            certificate: self.certificate.clone(),
            now: self.time(),
            entropy,
        };
        let mut passage = Passage {
            gate: Rc::clone(&self.gate),
            shared: Rc::clone(&self.shared),
            exchange: Exchange::default(),
            journal: if self.observed { Journal::observed() } else { Journal::default() },
            headers,
            records: Vec::new(),
        };
        let verdict = passage.step(Input::Head(Box::new(arrival))).unwrap_or(Verdict::Waiting);
        (passage, verdict)
    }
}

impl Passage {
    /// Delivers a part of the body; `all` is everything that has arrived by now.
    pub fn body(&mut self, all: &[u8], end_of_stream: bool) -> Option<Verdict> {
        let input = if end_of_stream { Input::BodyComplete(all.to_vec()) } else { Input::BodyGrows(all.len()) };
        self.step(input)
    }

    /// Delivers the trailers, and gives those that go on.
    pub fn trailers(&mut self, trailers: Pairs) -> Pairs {
        let Ok(parsed) = Headers::from_pairs(trailers.clone()) else { return Vec::new() };
        match self.exchange.step(&self.gate, Input::Trailers(parsed), &mut self.journal) {
            Outcome::PatchTrailers(patch) => patched(trailers, &patch),
            Outcome::AwaitBody
            | Outcome::Continue(_)
            | Outcome::CloseStream
            | Outcome::Nothing
            | Outcome::PatchResponse(_)
            | Outcome::Reply(_)
            | Outcome::Store(_)
            | Outcome::Wait(_) => trailers,
        }
    }

    /// Goes on where one of these is what the request waits for; `now` is in seconds since the Unix epoch.
    pub fn settled(&mut self, settled: &[Ticket], now: u64) -> Option<Verdict> {
        let awaited = self.exchange.ticket().is_some_and(|ticket| settled.contains(&ticket));
        let now = Now { unix_nanos: now.saturating_mul(1_000_000_000) };
        if awaited { self.step(Input::Settled(now)) } else { None }
    }

    /// What the request waits for, where others may wait for the same.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        self.exchange.ticket()
    }

    /// Presents the head of the upstream's answer, and gives what goes to the client.
    pub fn response(&mut self, status: u16, headers: Pairs) -> Pairs {
        match self.exchange.step(&self.gate, Input::ResponseHead { status }, &mut self.journal) {
            Outcome::PatchResponse(patch) => patched(headers, &patch),
            Outcome::AwaitBody
            | Outcome::CloseStream
            | Outcome::Continue(_)
            | Outcome::Nothing
            | Outcome::PatchTrailers(_)
            | Outcome::Reply(_)
            | Outcome::Store(_)
            | Outcome::Wait(_) => headers,
        }
    }

    /// When the request must be told that its time is over, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.exchange.deadline()
    }

    /// Lets the time that the request may wait run out, or the time that its stream may last.
    pub fn deadline(&mut self) -> Option<Verdict> {
        self.step(Input::Deadline)
    }

    /// What the steps of the decision have looked at so far, where the harness was started by
    /// [`Harness::observed`].
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
        let outcome = self.exchange.step(&self.gate, input, &mut self.journal);
        for entry in self.journal.drain() {
            let Entry::Decision(record) = entry;
            let line = record.line(Spent::default());
            self.records.extend(serde_json::from_str::<serde_json::Value>(&line));
        }
        match outcome {
            Outcome::AwaitBody | Outcome::Wait(_) => Some(Verdict::Waiting),
            Outcome::Continue(onward) => {
                self.headers = patched(std::mem::take(&mut self.headers), onward.patch());
                Some(Verdict::Continued(self.headers.clone()))
            }
            Outcome::Reply(reply) => Some(Verdict::Replied(*reply)),
            Outcome::Store(operation) => {
                let answer = self.shared.borrow_mut().perform(&operation);
                self.step(Input::Store(answer))
            }
            Outcome::CloseStream => Some(Verdict::Closed),
            Outcome::Nothing | Outcome::PatchResponse(_) | Outcome::PatchTrailers(_) => None,
        }
    }
}

fn patched(mut pairs: Pairs, patch: &HeaderPatch) -> Pairs {
    // What is set takes the place of what was there.
    let gone = |name: &[u8]| {
        let replaced = patch.set.iter().map(|(name, _)| name);
        patch.remove.iter().chain(replaced).any(|gone| gone.as_bytes().eq_ignore_ascii_case(name))
    };
    pairs.retain(|(name, _)| !gone(name));
    pairs.extend(patch.set.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())));
    pairs
}
