//! One request, from its head to its end: a state machine without I/O.
//!
//! Every input yields exactly one outcome, so that "go on, and reply" cannot be said. A step returns no `Result`: every
//! failure is a refusal with a cause. Going on takes a [`Permit`](crate::policy::Permit), which only the policy module
//! hands out.

mod arrival;
mod authentication;
pub mod body;
mod decision;
mod inquiry;
mod notes;
mod outcome;

pub use arrival::{Arrival, Now};
pub use outcome::{Onward, Outcome};

use authentication::{Sender, authenticate};
use decision::{Asking, Known, decide};
use inquiry::{Inquiry, Meaning, understand};

use crate::forward::HeaderPatch;
use crate::gate::{Gate, Mode};
use crate::http::Headers;
use crate::journal::{Entry, Journal};
use crate::live::Ticket;
use crate::outbox::StoreAnswer;
use crate::policy::Permit;
use crate::refusal::{Cause, Refusal, Reply};
use crate::token::{Admission, Candidate};

/// Something that happens to a request.
#[derive(Debug)]
pub enum Input {
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
    /// What this exchange waits for has come, or has failed; the time by now.
    Settled(Now),
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
    /// The gateway's shared data have to say whether a proof is a new one.
    AwaitingStore(Box<Candidate>, Box<Inquiry>, Box<Known>, Now),
    /// Something from elsewhere is needed to know who asks.
    AwaitingTicket(Box<Held>),
    /// Refused, or ended.
    Closed,
    /// Nothing has arrived yet.
    #[default]
    New,
    /// The request has gone on.
    Open(Passing),
}

/// A request that has gone on.
#[derive(Default)]
struct Passing {
    /// What the answer tells the client besides what the upstream says.
    response: Vec<(&'static str, String)>,
    /// When its stream must end at the latest, in nanoseconds since the Unix epoch.
    until: Option<u64>,
}

/// A request that is held back until something has come from elsewhere.
struct Held {
    inquiry: Inquiry,
    known: Known,
    ticket: Ticket,
    /// In nanoseconds since the Unix epoch.
    deadline: u64,
    /// How often it has waited already.
    waits: u32,
}

/// A decision needs a handful of things from elsewhere; one that goes on asking is not going to end.
const MOST_WAITS: u32 = 8;

/// How long a store may take that should answer at once, in nanoseconds.
const WAIT_FOR_STORE_NANOS: u64 = 1_000_000_000;

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
            (State::AwaitingStore(candidate, inquiry, known, now), Input::Store(answer)) => {
                journal.note(|| crate::dpop::memory(&answer));
                match candidate.answered(answer) {
                    Ok(admission) => admit(gate, admission, *inquiry, *known, now, journal),
                    Err(cause) => {
                        let refusal = authentication::proof_refused(gate, cause, now.seconds());
                        conclude(gate, *known, Err(refusal), journal)
                    }
                }
            }
            // A store that does not answer has not said that the proof is a new one.
            (State::AwaitingStore(_, _, known, _), Input::Deadline) => {
                conclude(gate, *known, Err(Cause::NotSettled.into()), journal)
            }
            (State::AwaitingStore(_, _, known, _), Input::End) => {
                let (_, _) = conclude(gate, *known, Err(Cause::NotSettled.into()), journal);
                (State::Closed, Outcome::Nothing)
            }
            (State::AwaitingTicket(mut held), Input::BodyGrows(bytes)) => {
                held.inquiry.body_comes(gate, bytes, None);
                let ticket = held.ticket;
                (State::AwaitingTicket(held), Outcome::Wait(ticket))
            }
            (State::AwaitingTicket(mut held), Input::BodyComplete(body)) => {
                held.inquiry.body_comes(gate, body.len(), Some(body));
                let ticket = held.ticket;
                (State::AwaitingTicket(held), Outcome::Wait(ticket))
            }
            (State::AwaitingTicket(held), Input::Settled(now)) => held.again(gate, now, journal),
            (State::AwaitingTicket(held), Input::Deadline) => held.give_up(gate, journal),
            (State::AwaitingTicket(held), Input::End) => {
                let (_, _) = held.give_up(gate, journal);
                (State::Closed, Outcome::Nothing)
            }
            (State::Open(passing), Input::Trailers(trailers)) => {
                let remove = gate.config().forward.stripped(&trailers);
                (State::Open(passing), Outcome::PatchTrailers(HeaderPatch { remove, set: Vec::new() }))
            }
            (State::Open(mut passing), Input::ResponseHead { .. }) => {
                let set = std::mem::take(&mut passing.response);
                let set = set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                (State::Open(passing), Outcome::PatchResponse(HeaderPatch { remove: Vec::new(), set }))
            }
            // Only a stream that must end at a given time is told of one.
            (State::Open(_), Input::Deadline) => (State::Closed, Outcome::CloseStream),
            (_, Input::End) => (State::Closed, Outcome::Nothing),
            // Late answers, and callbacks out of order: what has been decided stays decided.
            (
                state,
                Input::BodyComplete(_)
                | Input::BodyGrows(_)
                | Input::Deadline
                | Input::Head(_)
                | Input::ResponseHead { .. }
                | Input::Settled(_)
                | Input::Store(_)
                | Input::Trailers(_),
            ) => {
                let outcome = match &state {
                    State::AwaitingBody(_) => Outcome::AwaitBody,
                    State::AwaitingTicket(held) => Outcome::Wait(held.ticket),
                    State::AwaitingStore(..) | State::Closed | State::New | State::Open(_) => Outcome::Nothing,
                };
                (state, outcome)
            }
        };
        self.state = state;
        outcome
    }

    /// When this exchange must get [`Input::Deadline`], in nanoseconds since the Unix epoch: the end of a wait, or that of
    /// a stream which may not outlive its token.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match &self.state {
            State::AwaitingBody(asking) => Some(asking.deadline()),
            State::AwaitingTicket(held) => Some(held.deadline),
            State::AwaitingStore(_, _, known, _) => Some(known.now.unix_nanos.saturating_add(WAIT_FOR_STORE_NANOS)),
            State::Open(passing) => passing.until,
            State::Closed | State::New => None,
        }
    }

    /// Whether the request must not go on by itself: it waits for a decision.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::AwaitingBody(_) | State::AwaitingStore(..) | State::AwaitingTicket(_))
    }

    /// What this exchange waits for, where others may wait for the same.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        match &self.state {
            State::AwaitingTicket(held) => Some(held.ticket),
            State::AwaitingBody(_) | State::AwaitingStore(..) | State::Closed | State::New | State::Open(_) => None,
        }
    }

    /// Whether the answer of the upstream has to be told of by [`Input::ResponseHead`].
    #[must_use]
    pub fn changes_response(&self) -> bool {
        matches!(&self.state, State::Open(passing) if !passing.response.is_empty())
    }

    /// Whether the request has been let go.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }
}

fn arrive(gate: &Gate, arrival: Arrival, journal: &mut Journal) -> (State, Outcome) {
    let mut known = Known::new(gate, &arrival);
    let now = arrival.now;
    match understand(gate, arrival, &mut known, journal) {
        Ok(Meaning::Protected(inquiry)) => pursue(gate, *inquiry, known, now, 0, journal),
        Ok(Meaning::Public(permit)) => conclude(gate, known, Ok(permit), journal),
        Ok(Meaning::Answered(reply)) => answer(known, reply, journal),
        Err(refusal) => conclude(gate, known, Err(refusal), journal),
    }
}

/// Ends with an answer that the filter itself has for everybody. No permit is needed, as nothing goes on.
fn answer(mut known: Known, reply: Box<Reply>, journal: &mut Journal) -> (State, Outcome) {
    known.record.decision = "allow";
    journal.note(|| notes::outcome(&known.record, Some(reply.status)));
    journal.write(Entry::Decision(Box::new(known.record)));
    (State::Closed, Outcome::Reply(reply))
}

/// Finds out who asks, and decides; or waits.
fn pursue(
    gate: &Gate,
    inquiry: Inquiry,
    mut known: Known,
    now: Now,
    waits: u32,
    journal: &mut Journal,
) -> (State, Outcome) {
    match authenticate(gate, &inquiry, now.seconds(), &mut known, journal) {
        Ok(Sender::Awaited(ticket)) if waits < MOST_WAITS => {
            let deadline = known.now.unix_nanos.saturating_add(gate.config().limits.wait_timeout_nanos);
            let held = Held { inquiry, known, ticket, deadline, waits };
            (State::AwaitingTicket(Box::new(held)), Outcome::Wait(ticket))
        }
        Ok(Sender::Awaited(_)) => conclude(gate, known, Err(Cause::NotSettled.into()), journal),
        Ok(Sender::Admitted(admission)) => admit(gate, admission, inquiry, known, now, journal),
        Err(refusal) => conclude(gate, known, Err(refusal), journal),
    }
}

/// Decides about somebody who is known; or asks whether they have shown something old.
fn admit(
    gate: &Gate,
    admission: Admission,
    mut inquiry: Inquiry,
    mut known: Known,
    now: Now,
    journal: &mut Journal,
) -> (State, Outcome) {
    let session = match admission {
        Admission::Session(session) => *session,
        Admission::Asking(candidate, question) => {
            let state = State::AwaitingStore(candidate, Box::new(inquiry), Box::new(known), now);
            return (state, Outcome::Store(Box::new(question)));
        }
    };
    let early_body = inquiry.early_body.take();
    let decided = decide(gate, inquiry, session, now.seconds(), &mut known, journal);
    match decided {
        Ok(decision::Step::AwaitBody(question)) => {
            let asking = Box::new(question.with(known, gate, now));
            match early_body {
                Some(body) => {
                    let read = body.and_then(|body| asking.read_body(&body, journal));
                    asking.conclude(gate, read, journal)
                }
                None => (State::AwaitingBody(asking), Outcome::AwaitBody),
            }
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
            let set = known.rewrite.into_iter().chain(identity.unwrap_or_default()).collect();
            let patch = HeaderPatch { remove: known.strip, set };
            (State::Open(known.passing), Outcome::Continue(Box::new(Onward::new(permit, patch))))
        }
        Err(refusal) => {
            let refusal = Refusal { scheme: known.scheme, ..refusal };
            let challenges = gate.config().challenges_on(known.route);
            let reply = refusal.reply(&challenges, &known.record.decision_id, known.is_grpc);
            journal.note(|| notes::outcome(&known.record, Some(reply.status)));
            (State::Closed, Outcome::Reply(Box::new(reply)))
        }
    };
    journal.write(Entry::Decision(Box::new(known.record)));
    (state, outcome)
}

impl Held {
    /// Looks again.
    fn again(self: Box<Self>, gate: &Gate, now: Now, journal: &mut Journal) -> (State, Outcome) {
        let Self { inquiry, known, waits, .. } = *self;
        pursue(gate, inquiry, known, now, waits.saturating_add(1), journal)
    }

    /// What it waits for has not come in time.
    fn give_up(self: Box<Self>, gate: &Gate, journal: &mut Journal) -> (State, Outcome) {
        conclude(gate, self.known, Err(Cause::NotSettled.into()), journal)
    }
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
