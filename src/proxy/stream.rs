//! One request, seen from the gateway.

use super::host::{self, Level, Map};
use super::shared_data::SharedData;
use super::{Action, Plugin};
use crate::audit::Spent;
use crate::client_certificate::PeerCertificate;
use crate::exchange::{Arrival, Exchange, Input, Now, Outcome};
use crate::forward::HeaderPatch;
use crate::journal::{Entry, Journal};
use crate::live::Ticket;
use crate::outbox::Store;
use crate::refusal::{Cause, Refusal};

/// An exchange, and the time that it has taken.
#[derive(Default)]
pub(super) struct Stream {
    exchange: Exchange,
    total_nanos: u64,
    signature_nanos: u64,
    /// The gateway did not take the changes with which the request may go on; so it must not.
    failed: bool,
    /// Trailers came while the request waited. The gateway holds them back with it, and shows them no second time.
    holds_trailers: bool,
}

/// What the gateway knows when the head of a request arrives. What it does not say, the core refuses for: a clock at 0
/// cannot be right, and without headers there is no request.
pub(super) fn arrival(plugin: &Plugin, end_of_stream: bool) -> Arrival {
    let entropy = plugin.entropy.take();
    let source = if plugin.gate.config().routes.needs_source() { host::source_address() } else { None };
    // Each property is a call to the gateway, for something that few configurations ask for.
    let certificate = if plugin.gate.config().needs_certificate() {
        PeerCertificate { is_valid: host::peer_certificate_is_valid(), sha256: host::peer_certificate_digest() }
    } else {
        PeerCertificate::default()
    };
    Arrival {
        headers: host::request_headers().filter(|_| entropy.is_some()),
        end_of_stream,
        source,
        certificate,
        now: Now { unix_nanos: host::now().unwrap_or(0) },
        entropy: entropy.unwrap_or_default(),
    }
}

impl Stream {
    /// Gives an input to the exchange and does what it says.
    pub(super) fn step(&mut self, plugin: &Plugin, input: Input) -> Action {
        // The head comes with the time at which it was read.
        let before = match &input {
            Input::Head(arrival) => arrival.now.unix_nanos,
            Input::BodyComplete(_)
            | Input::BodyGrows(_)
            | Input::Deadline
            | Input::End
            | Input::ResponseHead { .. }
            | Input::Settled(_)
            | Input::Store(_)
            | Input::Trailers(_) => host::now().unwrap_or(0),
        };
        let mut journal = Journal::default();
        let mut outcome = self.exchange.step(&plugin.gate, input, &mut journal);
        // The gateway's own store answers at once.
        while let Outcome::Store(operation) = &outcome {
            let answer = SharedData.perform(operation);
            outcome = self.exchange.step(&plugin.gate, Input::Store(answer), &mut journal);
        }
        self.total_nanos = self.total_nanos.saturating_add(host::now().unwrap_or(0).saturating_sub(before));
        self.signature_nanos = self.signature_nanos.saturating_add(plugin.timer.take());
        let action = self.perform(plugin, outcome, journal.decision_id());
        self.write_down(plugin, journal);
        action
    }

    fn perform(&mut self, plugin: &Plugin, outcome: Outcome, decision_id: &str) -> Action {
        match outcome {
            // Answered before this; held back all the same.
            Outcome::AwaitBody | Outcome::Store(_) | Outcome::Wait(_) => Action::Pause,
            Outcome::Continue(onward) => {
                if apply(Map::RequestHeaders, onward.patch()) && self.strip_held_trailers(plugin) {
                    Action::Continue
                } else {
                    // The upstream must not see headers that should have been taken away.
                    self.failed = true;
                    host::reply(&Refusal::from(Cause::HostFailed).reply(
                        &plugin.gate.config().challenges,
                        decision_id,
                        false,
                    ));
                    Action::Pause
                }
            }
            Outcome::Nothing => {
                if self.is_open() {
                    Action::Continue
                } else {
                    Action::Pause
                }
            }
            Outcome::CloseStream => {
                host::close_stream();
                Action::Pause
            }
            // A header less for the client changes nothing about what was decided.
            Outcome::PatchResponse(patch) => {
                apply(Map::ResponseHeaders, &patch);
                Action::Continue
            }
            Outcome::PatchTrailers(patch) => {
                if apply(Map::RequestTrailers, &patch) {
                    Action::Continue
                } else {
                    Action::Pause
                }
            }
            Outcome::Reply(reply) => {
                // If the gateway does not take the answer, the request stays held back.
                host::reply(&reply);
                Action::Pause
            }
        }
    }

    fn write_down(&self, plugin: &Plugin, mut journal: Journal) {
        for entry in journal.drain() {
            match entry {
                Entry::Decision(mut record) => {
                    if self.failed {
                        record.decision = "deny";
                        record.cause = Some(Cause::HostFailed.code());
                    }
                    let spent = Spent { total: self.total_nanos / 1000, signature: self.signature_nanos / 1000 };
                    plugin.metrics.observe(&record, spent);
                    if plugin.gate.config().audit_log {
                        host::log(Level::Info, &record.line(spent));
                    }
                }
            }
        }
    }

    /// Takes note of trailers that have to wait.
    pub(super) fn hold_trailers(&mut self) {
        self.holds_trailers = true;
    }

    /// Strips the trailers that go on together with what they ended; whether the gateway took all of it.
    fn strip_held_trailers(&mut self, plugin: &Plugin) -> bool {
        if !self.holds_trailers {
            return true;
        }
        let Some(trailers) = host::trailers() else { return false };
        let outcome = self.exchange.step(&plugin.gate, Input::Trailers(trailers), &mut Journal::default());
        let Outcome::PatchTrailers(patch) = outcome else { return false };
        apply(Map::RequestTrailers, &patch)
    }

    /// What it waits for, where others may wait for the same.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.exchange.ticket()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.exchange.is_waiting()
    }

    /// Whether the request has been let go, with all that belongs to it.
    pub(super) fn is_open(&self) -> bool {
        self.exchange.is_open() && !self.failed
    }

    /// Whether the answer of the upstream has to be told of.
    pub(super) fn changes_response(&self) -> bool {
        self.exchange.changes_response() && !self.failed
    }

    /// Whether it has to be told when its time is over.
    pub(super) fn has_deadline(&self) -> bool {
        self.exchange.deadline().is_some()
    }

    pub(super) fn is_overdue(&self, now: u64) -> bool {
        self.exchange.deadline().is_some_and(|deadline| deadline <= now)
    }
}

/// Applies a patch; whether the gateway took all of it.
fn apply(map: Map, patch: &HeaderPatch) -> bool {
    patch.remove.iter().all(|name| host::remove_header(map, name))
        && patch.set.iter().all(|(name, value)| host::set_header(map, name, value))
}
