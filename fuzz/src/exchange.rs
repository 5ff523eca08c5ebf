//! Whole sequences of inputs into an exchange, in any order and as often as one likes.
//!
//! For each input, a model says what the exchange must do and in which state it is afterwards: one final outcome at
//! most, nothing after the end, and a request goes on only where the oracle permits it. Where the oracle permits, it must
//! go on, too: a filter that refuses everything would be a bad one. The oracle shares no code with the filter. It knows
//! requests and tokens by their descriptions, which [`request`] and [`token`] write out as headers.

mod gateway;
mod oracle;
mod request;
mod token;

use arbitrary::{Arbitrary, Unstructured};
use cedar_gate::exchange::{Exchange, Input, Now, Onward, Outcome};
use cedar_gate::gate::Gate;
use cedar_gate::http::Headers;
use cedar_gate::journal::{Entry, Journal};
use cedar_gate::outbox::StoreAnswer;

use gateway::{BODY_BYTES, BODY_NANOS};
use oracle::{Identity, Ruling, Verdict};
use request::{Body, Head};

/// What happens to one exchange.
#[derive(Arbitrary, Debug)]
pub struct Sequence {
    shadow: bool,
    /// Whether notes are taken, which changes nothing.
    is_observed: bool,
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
enum Event {
    Head(Box<Head>),
    BodyComplete(Body),
    BodyGrows(Growth),
    Trailers(TrailerMap),
    End,
    Deadline,
    /// What nobody here waits for.
    Settled(bool),
    ResponseHead(u16),
    Store(bool),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Growth {
    Nothing,
    Little,
    UpToTheLimit,
    OverTheLimit,
    Everything,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum TrailerMap {
    Empty,
    Harmless,
    Identity,
    IdentityInAnotherSpelling,
}

impl Sequence {
    /// A sequence that is written in bytes, as the fuzzer writes it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self::arbitrary_take_rest(Unstructured::new(bytes)).expect("any bytes are a sequence")
    }
}

/// Where the model is.
enum State<'a> {
    New,
    Waiting { head: &'a Head, identity: Identity },
    Open,
    Closed,
}

/// What the model expects of one step.
enum Expected {
    Wait,
    Close,
    Continue {
        identity: Option<Identity>,
    },
    Nothing,
    /// What the upstream answers goes on as it is.
    PassResponse,
    PatchTrailers(Vec<&'static str>),
    Reply(u16),
}

/// Plays a sequence, and says whether a request goes on.
pub fn check(sequence: &Sequence) -> bool {
    thread_local! {
        static GATES: [Gate; 2] = [gateway::gate("enforce"), gateway::gate("shadow")];
    }
    GATES.with(|[enforcing, shadow]| play(if sequence.shadow { shadow } else { enforcing }, sequence))
}

fn play(gate: &Gate, sequence: &Sequence) -> bool {
    let mut exchange = Exchange::default();
    let mut journal = if sequence.is_observed { Journal::observed() } else { Journal::default() };
    let mut state = State::New;
    let (mut finals, mut records, mut goes_on) = (0, 0, false);
    for event in &sequence.events {
        let (next, expected, decided) = model(state, event, sequence.shadow);
        let outcome = exchange.step(gate, input(event), &mut journal);
        finals += usize::from(matches!(outcome, Outcome::Continue(_) | Outcome::Reply(_)));
        goes_on |= matches!(outcome, Outcome::Continue(_));
        compare(outcome, expected, event);
        let found: Vec<_> = journal.drain().collect();
        records += found.len();
        match (found.as_slice(), decided) {
            ([], None) => {}
            ([Entry::Decision(record)], Some(verdict)) => {
                let decision = if matches!(verdict, Verdict::Permitted) { "allow" } else { "deny" };
                assert_eq!(record.decision, decision, "{record:?}");
                assert_eq!(record.cause.is_some(), decision == "deny", "a refusal has a cause: {record:?}");
            }
            (found, decided) => panic!("{decided:?} leaves {found:?}"),
        }
        assert_eq!(exchange.is_waiting(), matches!(next, State::Waiting { .. }), "after {event:?}");
        assert_eq!(exchange.is_open(), matches!(next, State::Open), "after {event:?}");
        let deadline = match &next {
            State::Waiting { head, .. } => Some(head.unix_nanos().saturating_add(BODY_NANOS)),
            State::New | State::Open | State::Closed => None,
        };
        assert_eq!(exchange.deadline(), deadline, "after {event:?}");
        state = next;
    }
    assert!(finals <= 1 && records <= 1, "{finals} final outcomes, {records} records");
    goes_on
}

/// What must come of an event, the state after it, and the decision that must be recorded.
fn model<'a>(state: State<'a>, event: &'a Event, shadow: bool) -> (State<'a>, Expected, Option<Verdict>) {
    let nothing = |state| (state, Expected::Nothing, None);
    match (state, event) {
        (State::New, Event::Head(head)) => match oracle::of_head(head) {
            Ruling { verdict: None, identity } => {
                let identity = identity.expect("a request waits for its body after its token");
                (State::Waiting { head, identity }, Expected::Wait, None)
            }
            Ruling { verdict: Some(verdict), identity } => conclude(verdict, identity, shadow),
        },
        (State::Waiting { head, identity }, Event::BodyGrows(growth)) if growth.bytes() <= BODY_BYTES => {
            (State::Waiting { head, identity }, Expected::Wait, None)
        }
        (State::Waiting { identity, .. }, Event::BodyGrows(_)) => conclude(Verdict::TooLarge, Some(identity), shadow),
        (State::Waiting { head, identity }, Event::BodyComplete(body)) => {
            let verdict = oracle::of_body(head, &identity, body);
            conclude(verdict, Some(identity), shadow)
        }
        (State::Waiting { identity, .. }, Event::Deadline | Event::Trailers(_)) => {
            conclude(Verdict::NotDelivered, Some(identity), shadow)
        }
        (State::Waiting { .. }, Event::End) => (State::Closed, Expected::Nothing, Some(Verdict::NotDelivered)),
        (waiting @ State::Waiting { .. }, _) => (waiting, Expected::Wait, None),
        // Whoever is told that the time of a stream is over ends it.
        (State::Open, Event::Deadline) => (State::Closed, Expected::Close, None),
        (State::Open, Event::ResponseHead(_)) => (State::Open, Expected::PassResponse, None),
        (State::Open, Event::Trailers(trailers)) => (State::Open, Expected::PatchTrailers(trailers.stripped()), None),
        (_, Event::End) => nothing(State::Closed),
        (state, _) => nothing(state),
    }
}

fn conclude<'a>(verdict: Verdict, identity: Option<Identity>, shadow: bool) -> (State<'a>, Expected, Option<Verdict>) {
    let goes_on = matches!(verdict, Verdict::Permitted) || shadow && verdict.is_about_permission();
    if goes_on {
        (State::Open, Expected::Continue { identity }, Some(verdict))
    } else {
        (State::Closed, Expected::Reply(verdict.status()), Some(verdict))
    }
}

fn compare(outcome: Outcome, expected: Expected, event: &Event) {
    match (outcome, expected) {
        (Outcome::AwaitBody, Expected::Wait)
        | (Outcome::CloseStream, Expected::Close)
        | (Outcome::Nothing, Expected::Nothing) => {}
        (Outcome::PatchResponse(patch), Expected::PassResponse) => {
            assert!(patch.remove.is_empty() && patch.set.is_empty(), "nothing is to be told to the client: {patch:?}");
        }
        (Outcome::Continue(onward), Expected::Continue { identity }) => compare_identity(&onward, identity, event),
        (Outcome::PatchTrailers(patch), Expected::PatchTrailers(remove)) => {
            assert_eq!((patch.remove, patch.set), (remove.into_iter().map(str::to_owned).collect(), Vec::new()));
        }
        (Outcome::Reply(reply), Expected::Reply(status)) => assert_eq!(reply.status, status, "{reply:?}"),
        (Outcome::Continue(_), _) => panic!("it goes on, and must not"),
        (other, Expected::Continue { .. }) => panic!("it must go on, but: {other:?}"),
        (other, _) => panic!("after {event:?}: {other:?}"),
    }
}

/// The upstream is told of the identity that was verified, and of no other.
fn compare_identity(onward: &Onward, identity: Option<Identity>, event: &Event) {
    let expected = identity.map(|identity| identity.headers()).unwrap_or_default();
    let mut set = onward.patch().set.clone();
    set.sort();
    assert_eq!(set, expected, "another identity");
    if let Event::Head(head) = event {
        assert_eq!(onward.patch().remove, head.stripped(), "other headers are removed");
    }
}

fn input(event: &Event) -> Input {
    match event {
        Event::BodyComplete(body) => Input::BodyComplete(body.bytes()),
        Event::BodyGrows(growth) => Input::BodyGrows(growth.bytes()),
        Event::Deadline => Input::Deadline,
        Event::End => Input::End,
        Event::Head(head) => Input::Head(Box::new(head.arrival())),
        Event::Settled(late) => Input::Settled(Now { unix_nanos: if *late { u64::MAX } else { 0 } }),
        Event::ResponseHead(status) => Input::ResponseHead { status: *status },
        Event::Store(found) if *found => Input::Store(StoreAnswer::Found(None)),
        Event::Store(_) => Input::Store(StoreAnswer::Unavailable),
        Event::Trailers(trailers) => Input::Trailers(trailers.headers()),
    }
}

impl Growth {
    fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Little => 10,
            Self::UpToTheLimit => BODY_BYTES,
            Self::OverTheLimit => BODY_BYTES + 1,
            Self::Everything => usize::MAX,
        }
    }
}

impl TrailerMap {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Empty => &[],
            Self::Harmless => &["x-checksum"],
            Self::Identity => &["x-checksum", "x-auth-subject", "x-auth-subject"],
            Self::IdentityInAnotherSpelling => &["X_User", "x-checksum", "x.auth_subject"],
        }
    }

    /// What must not go on, in lower case.
    fn stripped(self) -> Vec<&'static str> {
        match self {
            Self::Empty | Self::Harmless => Vec::new(),
            Self::Identity => vec!["x-auth-subject"],
            Self::IdentityInAnotherSpelling => vec!["x.auth_subject", "x_user"],
        }
    }

    fn headers(self) -> Headers {
        let pairs = self.names().iter().map(|name| (name.as_bytes().to_vec(), b"root".to_vec())).collect();
        Headers::from_pairs(pairs).expect("the names are ASCII")
    }
}
