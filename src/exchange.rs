//! One request, from its head to its end: a state machine without I/O.
//!
//! Every input yields exactly one outcome, so that "go on, and reply" cannot be said. A step returns no `Result`: every
//! failure is a refusal with a cause. Going on takes a [`Permit`](crate::policy::Permit), which only the policy module
//! hands out.

mod arrival;
pub mod body;
mod decision;
mod notes;
mod outcome;

pub use arrival::{Arrival, Now};
pub use outcome::{Onward, Outcome};

use decision::{Asking, Known, decide};

use crate::forward::HeaderPatch;
use crate::gate::{Gate, Mode};
use crate::http::Headers;
use crate::journal::{Entry, Journal};
use crate::outbox::{Answer, StoreAnswer};
use crate::policy::Permit;
use crate::refusal::{Cause, Refusal};

/// Something that happens to a request.
#[derive(Debug)]
pub enum Input {
    /// The answer to a call that this exchange waits for.
    Answer(Answer),
    /// The whole body.
    BodyComplete(Vec<u8>),
    /// More of the body has arrived, not yet all of it; so many bytes by now.
    BodyGrows(usize),
    /// The time that this exchange may wait is over.
    Deadline,
    /// The stream has ended, whoever ended it.
    End,
    /// The head.
    Head(Box<Arrival>),
    /// The head of the upstream's response.
    ResponseHead {
        /// Its status.
        status: u16,
    },
    /// The answer of the store that this exchange waits for.
    Store(StoreAnswer),
    /// The trailers of the request.
    Trailers(Headers),
}

/// A request on its way.
#[derive(Default)]
pub struct Exchange {
    state: State,
}

#[derive(Default)]
enum State {
    /// The body is needed for the decision.
    AwaitingBody(Box<Asking>),
    /// Refused, or ended.
    Closed,
    /// Nothing has arrived yet.
    #[default]
    New,
    /// The request has gone on.
    Open,
}

impl Exchange {
    /// Takes an input and says what is to be done.
    pub fn step(&mut self, gate: &Gate, input: Input, journal: &mut Journal) -> Outcome {
        let (state, outcome) = match (std::mem::take(&mut self.state), input) {
            (State::New, Input::Head(arrival)) => arrive(gate, *arrival, journal),
            (State::AwaitingBody(asking), Input::BodyGrows(bytes)) if bytes <= gate.config().limits.body_bytes => {
                (State::AwaitingBody(asking), Outcome::AwaitBody)
            }
            (State::AwaitingBody(asking), Input::BodyGrows(_)) => {
                asking.conclude(gate, Err(Cause::BodyTooLarge), journal)
            }
            (State::AwaitingBody(asking), Input::BodyComplete(body)) => {
                let read = if body.len() > gate.config().limits.body_bytes {
                    Err(Cause::BodyTooLarge)
                } else {
                    asking.read_body(&body, journal)
                };
                asking.conclude(gate, read, journal)
            }
            (State::AwaitingBody(asking), Input::Deadline) => {
                asking.conclude(gate, Err(Cause::BodyNotDelivered), journal)
            }
            // Trailers of a request that waits: its body was announced to be complete before them.
            (State::AwaitingBody(asking), Input::Trailers(_)) => {
                asking.conclude(gate, Err(Cause::BodyNotDelivered), journal)
            }
            // The client went away. Nobody is left to be answered, but an attempt was made.
            (State::AwaitingBody(asking), Input::End) => {
                let (_, _) = asking.conclude(gate, Err(Cause::BodyNotDelivered), journal);
                (State::Closed, Outcome::Nothing)
            }
            (State::Open, Input::Trailers(trailers)) => {
                let remove = gate.config().forward.stripped(&trailers);
                (State::Open, Outcome::PatchTrailers(HeaderPatch { remove, set: Vec::new() }))
            }
            (_, Input::End) => (State::Closed, Outcome::Nothing),
            // Late answers, and callbacks out of order: what has been decided stays decided.
            (
                state,
                Input::Answer(_)
                | Input::BodyComplete(_)
                | Input::BodyGrows(_)
                | Input::Deadline
                | Input::Head(_)
                | Input::ResponseHead { .. }
                | Input::Store(_)
                | Input::Trailers(_),
            ) => {
                let outcome =
                    if matches!(state, State::AwaitingBody(_)) { Outcome::AwaitBody } else { Outcome::Nothing };
                (state, outcome)
            }
        };
        self.state = state;
        outcome
    }

    /// When this exchange must get [`Input::Deadline`] at the latest, in nanoseconds since the Unix epoch; nothing while
    /// it does not wait.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match &self.state {
            State::AwaitingBody(asking) => Some(asking.deadline()),
            State::Closed | State::New | State::Open => None,
        }
    }

    /// Whether the request must not go on by itself: it waits for a decision.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::AwaitingBody(_))
    }

    /// Whether the request has been let go.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }
}

fn arrive(gate: &Gate, arrival: Arrival, journal: &mut Journal) -> (State, Outcome) {
    let mut known = Known::new(gate, &arrival);
    match decide(gate, arrival, &mut known, journal) {
        Ok(decision::Step::AwaitBody(question)) => {
            (State::AwaitingBody(Box::new(question.with(known, gate))), Outcome::AwaitBody)
        }
        Ok(decision::Step::Permitted(permit)) => conclude(gate, known, Ok(permit), journal),
        Err(refusal) => conclude(gate, known, Err(refusal), journal),
    }
}

/// Ends the decision: one record, one outcome.
fn conclude(
    gate: &Gate,
    mut known: Known,
    decided: Result<Permit, Refusal>,
    journal: &mut Journal,
) -> (State, Outcome) {
    // The headers for the upstream belong to the decision: a session that cannot be forwarded as configured is refused.
    let identity =
        known.session.as_ref().map_or(Ok(Vec::new()), |session| gate.config().forward.identity(&session.claims));
    if decided.is_ok() && identity.is_err() {
        journal.note(|| notes::forward(gate, &known));
    }
    let decided = match (decided, &identity) {
        (Ok(_), Err(cause)) => Err(Refusal::from(*cause)),
        (decided, _) => decided,
    };
    known.record.decision = if decided.is_ok() { "allow" } else { "deny" };
    known.record.cause = decided.as_ref().err().map(|refusal| refusal.cause.code());
    let permit = match (decided, &gate.config().mode) {
        (Ok(permit), _) => Ok(permit),
        (Err(refusal), Mode::Shadow(shadow)) if refusal.cause.class().is_verdict() => Ok(Permit::of_shadow(shadow)),
        (Err(refusal), Mode::Enforce | Mode::Shadow(_)) => Err(refusal),
    };
    let (state, outcome) = match permit {
        Ok(permit) => {
            journal.note(|| notes::outcome(&known.record, None));
            journal.note(|| notes::forward(gate, &known));
            let patch = HeaderPatch { remove: known.strip, set: identity.unwrap_or_default() };
            (State::Open, Outcome::Continue(Box::new(Onward::new(permit, patch))))
        }
        Err(refusal) => {
            let reply = refusal.reply(&known.record.decision_id, known.is_grpc);
            journal.note(|| notes::outcome(&known.record, Some(reply.status)));
            (State::Closed, Outcome::Reply(Box::new(reply)))
        }
    };
    journal.write(Entry::Decision(Box::new(known.record)));
    (state, outcome)
}

impl Asking {
    fn conclude(
        mut self: Box<Self>,
        gate: &Gate,
        body: Result<std::collections::BTreeMap<String, crate::policy::TypedValue>, Cause>,
        journal: &mut Journal,
    ) -> (State, Outcome) {
        let decided = match body {
            Ok(body) => self.ask_with(gate, body, journal),
            Err(cause) => Err(Refusal::from(cause)),
        };
        conclude(gate, self.into_known(), decided, journal)
    }
}
