//! One request, and inputs in an order that no gateway should produce, and any may.
//!
//! The request needs everything that a decision can wait for: keys from the network, the memory of used proofs, and its
//! body. A model beside it knows what may come of each input.

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Config;
use cedar_gate::exchange::{Arrival, Exchange, Input, Now, Outcome};
use cedar_gate::gate::{Gate, Platform};
use cedar_gate::harness::SharedData;
use cedar_gate::http::Headers;
use cedar_gate::jose::InVm;
use cedar_gate::journal::{Entry, Journal};
use cedar_gate::outbox::{Answer, Store, StoreAnswer, StoreOperation};
use cedar_gate_scenario::Forge;
use proptest::prelude::*;
use serde_json::{Value, json};

const START: u64 = 1_780_000_000;
const BODY_BYTES: usize = 1_000;

/// Something that happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Event {
    /// The whole body; whether it is the one that it should be.
    BodyComplete(bool),
    /// So many bytes of it.
    BodyGrows(usize),
    Deadline,
    End,
    Head,
    /// The keys come, or their call is lost. The request is not told.
    Keys(bool),
    Response,
    Settled,
    /// The store says what is true, or that somebody was faster, or nothing that makes sense, or that it is out of order.
    Store(Says),
    Tick,
    Trailers,
    /// A second passes.
    Wait,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Says {
    Conflict,
    Nonsense,
    Truth,
    Unavailable,
    Written,
}

/// Where the request is on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    AwaitingBody,
    AwaitingStore,
    AwaitingTicket,
    Closed,
    New,
    Open,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    AwaitBody,
    CloseStream,
    Continue,
    Nothing,
    PatchResponse,
    PatchTrailers,
    Reply,
    Store,
    Wait,
}

/// What may come of an input in a phase.
fn allowed(phase: Phase, event: Event) -> &'static [Kind] {
    /// What may come of a look at who asks.
    const DECISION: &[Kind] = &[Kind::AwaitBody, Kind::Continue, Kind::Reply, Kind::Store, Kind::Wait];
    match (phase, event) {
        (Phase::New, Event::Head)
        | (Phase::AwaitingTicket, Event::Settled)
        | (Phase::AwaitingStore, Event::Store(_)) => DECISION,
        (_, Event::End) => &[Kind::Nothing],
        (Phase::AwaitingTicket | Phase::AwaitingStore | Phase::AwaitingBody, Event::Deadline) => &[Kind::Reply],
        (Phase::AwaitingTicket, _) => &[Kind::Wait],
        (Phase::AwaitingBody, Event::BodyComplete(true)) => &[Kind::Continue],
        (Phase::AwaitingBody, Event::BodyComplete(false) | Event::Trailers) => &[Kind::Reply],
        (Phase::AwaitingBody, Event::BodyGrows(bytes)) if bytes > BODY_BYTES => &[Kind::Reply],
        (Phase::AwaitingBody, _) => &[Kind::AwaitBody],
        (Phase::Open, Event::Trailers) => &[Kind::PatchTrailers],
        (Phase::Open, Event::Response) => &[Kind::PatchResponse],
        (Phase::Open, Event::Deadline) => &[Kind::CloseStream],
        (Phase::New | Phase::AwaitingStore | Phase::Open | Phase::Closed, _) => &[Kind::Nothing],
    }
}

fn next(phase: Phase, event: Event, kind: Kind) -> Phase {
    match kind {
        _ if event == Event::End => Phase::Closed,
        Kind::AwaitBody => Phase::AwaitingBody,
        Kind::CloseStream | Kind::Reply => Phase::Closed,
        Kind::Continue => Phase::Open,
        Kind::Nothing | Kind::PatchResponse | Kind::PatchTrailers => phase,
        Kind::Store => Phase::AwaitingStore,
        Kind::Wait => Phase::AwaitingTicket,
    }
}

/// A gate, its surroundings, and one request.
struct World {
    gate: Gate,
    shared: SharedData,
    now: Now,
    errand: Option<u64>,
    exchange: Exchange,
    journal: Journal,
    /// The last thing that the exchange wants from the store.
    asked: Option<StoreOperation>,
    phase: Phase,
    /// What the request still lacks, as far as the model knows: nobody may go on without these.
    head_came: bool,
    body_came: bool,
    keys_came: bool,
    written: bool,
    good_token: bool,
    records: usize,
}

impl World {
    fn start(good_token: bool) -> Self {
        let Ok(config) = Config::load(configuration().to_string().as_bytes()) else { panic!("it can be served") };
        let gate = Gate::new(config, Platform { verifier: Box::new(InVm), entropy: [0; 32] });
        let mut world = Self {
            gate,
            shared: SharedData::default(),
            now: Now { unix_nanos: (START - 60) * 1_000_000_000 },
            errand: None,
            exchange: Exchange::default(),
            journal: Journal::default(),
            asked: None,
            phase: Phase::New,
            head_came: false,
            body_came: false,
            keys_came: false,
            written: false,
            good_token,
            records: 0,
        };
        // The memory of proofs is older than the proof; a first call for the keys came to nothing.
        world.tick();
        world.keys(false);
        world.now = Now { unix_nanos: START * 1_000_000_000 };
        world
    }

    fn tick(&mut self) {
        self.gate.tick(self.now, 7, &mut self.shared);
        self.errand = self.gate.take_errand().map(|errand| errand.id).or(self.errand);
    }

    fn keys(&mut self, come: bool) {
        let Some(errand) = self.errand.take() else { return };
        let answer = if come {
            let body = json!({ "keys": [forge().keys().public_jwk("corp").expect("a key")] }).to_string().into_bytes();
            let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
            Answer::Answered { status: 200, headers, body }
        } else {
            Answer::Lost
        };
        self.gate.answered(errand, &answer, self.now, &mut self.shared);
        self.keys_came |= come;
    }

    fn store(&mut self, says: Says) -> StoreAnswer {
        match (says, self.asked.take()) {
            (Says::Truth, Some(operation)) => {
                let answer = self.shared.perform(&operation);
                self.written |= answer == StoreAnswer::Written;
                answer
            }
            (Says::Truth, None) | (Says::Unavailable, _) => StoreAnswer::Unavailable,
            (Says::Conflict, _) => StoreAnswer::Conflict,
            (Says::Nonsense, _) => StoreAnswer::Found(Some((b"nonsense".to_vec(), 7))),
            (Says::Written, operation) => {
                // To be believed where it was asked to write.
                self.written |= matches!(operation, Some(StoreOperation::CompareAndSwap { .. }));
                StoreAnswer::Written
            }
        }
    }

    fn step(&mut self, event: Event) {
        let input = match event {
            Event::Keys(come) => return self.keys(come),
            Event::Tick => return self.tick(),
            Event::Wait => {
                self.now.unix_nanos += 1_000_000_000;
                return;
            }
            Event::BodyComplete(true) => Input::BodyComplete(br#"{"amount": 5000}"#.to_vec()),
            Event::BodyComplete(false) => Input::BodyComplete(b"amount=5000".to_vec()),
            Event::BodyGrows(bytes) => Input::BodyGrows(bytes),
            Event::Deadline => Input::Deadline,
            Event::End => Input::End,
            Event::Head => Input::Head(Box::new(head(self.good_token))),
            Event::Response => Input::ResponseHead { status: 200 },
            Event::Settled => Input::Settled(self.now),
            Event::Store(says) => Input::Store(self.store(says)),
            Event::Trailers => Input::Trailers(Headers::default()),
        };
        let known = matches!(self.phase, Phase::AwaitingBody | Phase::AwaitingTicket);
        self.body_came |= known && event == Event::BodyComplete(true);
        self.head_came |= self.phase == Phase::New && event == Event::Head;

        let kind = match self.exchange.step(&self.gate, input, &mut self.journal) {
            Outcome::AwaitBody => Kind::AwaitBody,
            Outcome::CloseStream => Kind::CloseStream,
            Outcome::Continue(_) => Kind::Continue,
            Outcome::Nothing => Kind::Nothing,
            Outcome::PatchResponse(_) => Kind::PatchResponse,
            Outcome::PatchTrailers(_) => Kind::PatchTrailers,
            Outcome::Reply(_) => Kind::Reply,
            Outcome::Store(operation) => {
                self.asked = Some(*operation);
                Kind::Store
            }
            Outcome::Wait(_) => Kind::Wait,
        };
        assert!(allowed(self.phase, event).contains(&kind), "{:?}: {event:?} leads to {kind:?}", self.phase);
        self.phase = next(self.phase, event, kind);
        if kind == Kind::Continue {
            let all = [self.good_token, self.keys_came, self.written, self.body_came];
            assert_eq!(all, [true; 4], "it goes on: token, keys, memory, body");
        }
        self.look();
    }

    /// What holds in each phase.
    fn look(&mut self) {
        let (phase, exchange) = (self.phase, &self.exchange);
        let waits = matches!(phase, Phase::AwaitingBody | Phase::AwaitingStore | Phase::AwaitingTicket);
        assert_eq!(exchange.is_waiting(), waits, "{phase:?}");
        assert_eq!(exchange.ticket().is_some(), phase == Phase::AwaitingTicket, "{phase:?}");
        assert_eq!(exchange.is_open(), phase == Phase::Open, "{phase:?}");
        // Nobody waits for ever. The stream of an open one ends with its token.
        assert_eq!(exchange.deadline().is_some(), waits || phase == Phase::Open, "{phase:?}");
        if phase == Phase::AwaitingTicket {
            assert_eq!(exchange.deadline(), Some((START + 3) * 1_000_000_000), "looking again gives no more time");
        }
        let records = self.journal.drain().filter(|entry| matches!(entry, Entry::Decision(_))).count();
        self.records += records;
        let decided = self.head_came && matches!(phase, Phase::Open | Phase::Closed);
        assert_eq!(self.records, usize::from(decided), "{phase:?}: one record for each decision");
    }
}

fn forge() -> Forge {
    let forge = Forge::new().with_key("corp", json!({ "kty": "OKP", "crv": "Ed25519" })).expect("a key");
    let forge = forge.with_key("mallory", json!({ "kty": "OKP", "crv": "Ed25519" })).expect("a key");
    forge.with_key("laptop", json!({ "kty": "OKP", "crv": "Ed25519" })).expect("a key")
}

fn configuration() -> Value {
    json!({
        "host": { "body_before_headers": true },
        "providers": { "corp": {
            "issuer": "https://idp.example.com/",
            "audiences": ["https://docs.example.com"],
            "algorithms": ["EdDSA"],
            "remote_jwks": { "uri": "https://idp.example.com/jwks", "cluster": "idp" },
            "sender_constraint": { "dpop": "required" },
        } },
        "credentials": { "from_headers": [{ "name": "authorization", "schemes": ["DPoP"] }] },
        "dpop": { "public_origin": "https://docs.example.com" },
        "routes": [{
            "methods": ["POST"], "path": "/docs/{id}", "action": "change", "max_stream_age": "token",
            "resource": { "type": "Doc", "id": "{id}" },
            "body": { "amount": { "pointer": "/amount", "type": "Long", "required": true } },
        }],
        "policies": { "inline": {
            "schema": "entity User; entity Doc; action change appliesTo { principal: [User], resource: [Doc] };",
            "policies": "permit (principal, action, resource);",
        } },
        "limits": { "body_bytes": BODY_BYTES, "wait_timeout": "3s" },
    })
}

/// The head of a request that has everything; or whose token is signed by somebody else.
fn head(good_token: bool) -> Arrival {
    let forge = forge();
    let token = json!({
        "key": "corp", "alg": "EdDSA", "sign_with": if good_token { "corp" } else { "mallory" },
        "claims": {
            "iss": "https://idp.example.com/", "aud": "https://docs.example.com", "sub": "rita",
            "iat": { "$now": 0 }, "exp": { "$now": 300 }, "cnf": { "jkt": { "$thumbprint": "laptop" } },
        },
    });
    let proof = json!({
        "key": "laptop", "alg": "EdDSA",
        "header": { "typ": "dpop+jwt", "kid": null, "jwk": { "$jwk": "laptop", "kid": null } },
        "claims": {
            "jti": "one", "htm": "POST", "htu": "https://docs.example.com/docs/7", "iat": { "$now": 0 },
            "ath": { "$ath": token },
        },
    });
    let mint = |token: &Value| forge.mint(token, START.cast_signed()).expect("it can be made");
    let headers = [
        (":method", "POST".to_owned()),
        (":path", "/docs/7".to_owned()),
        (":authority", "docs.example.com".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("authorization", format!("DPoP {}", mint(&token))),
        ("dpop", mint(&proof)),
    ];
    Arrival {
        headers: Some(
            headers.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect(),
        ),
        end_of_stream: false,
        source: None,
        certificate: PeerCertificate::default(),
        now: Now { unix_nanos: START * 1_000_000_000 },
        entropy: [1; 16],
    }
}

fn event() -> impl Strategy<Value = Event> {
    let says =
        [Says::Conflict, Says::Nonsense, Says::Truth, Says::Truth, Says::Truth, Says::Unavailable, Says::Written];
    prop_oneof![
        4 => any::<bool>().prop_map(Event::BodyComplete),
        2 => prop::sample::select(vec![0, 10, BODY_BYTES, BODY_BYTES + 1]).prop_map(Event::BodyGrows),
        1 => Just(Event::Deadline),
        1 => Just(Event::End),
        3 => Just(Event::Head),
        5 => prop::sample::select(vec![true, true, false]).prop_map(Event::Keys),
        2 => Just(Event::Response),
        6 => Just(Event::Settled),
        8 => prop::sample::select(says.to_vec()).prop_map(Event::Store),
        4 => Just(Event::Tick),
        2 => Just(Event::Trailers),
        2 => Just(Event::Wait),
    ]
}

/// An order in which all goes well, as far as the model lets it.
const WELL: [Event; 10] = [
    Event::Head,
    Event::Tick,
    Event::Keys(true),
    Event::Settled,
    Event::Store(Says::Truth),
    Event::Store(Says::Truth),
    Event::BodyComplete(true),
    Event::Trailers,
    Event::Response,
    Event::End,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn l7_whatever_comes_in_whatever_order_there_is_one_decision(
        good_token in prop::bool::weighted(0.8),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut world = World::start(good_token);
        events.into_iter().for_each(|event| world.step(event));
    }

    /// Random orders seldom come far. So here are some that do, but for a few inputs in between.
    #[test]
    fn l7_what_comes_in_between_sets_nothing_free(
        good_token in prop::bool::weighted(0.8),
        others in prop::collection::vec((0..WELL.len(), event()), 0..6),
    ) {
        let mut world = World::start(good_token);
        for (place, event) in WELL.into_iter().enumerate() {
            others.iter().filter(|(before, _)| *before == place).for_each(|(_, other)| world.step(*other));
            world.step(event);
        }
    }
}

#[test]
fn a_request_that_gets_all_that_it_needs_goes_on() {
    let mut world = World::start(true);
    WELL[..7].iter().for_each(|event| world.step(*event));
    assert_eq!(world.phase, Phase::Open);
}

#[test]
fn l8_a_request_that_nobody_answers_is_refused_when_its_time_is_over() {
    let mut world = World::start(true);
    world.step(Event::Head);
    assert_eq!(world.phase, Phase::AwaitingTicket);
    // However often it is told to look again.
    for _ in 0..5 {
        world.step(Event::Settled);
    }
    world.step(Event::Deadline);
    assert_eq!(world.phase, Phase::Closed);
}

#[test]
fn l9_a_request_whose_client_has_gone_hears_of_nothing() {
    for come in 1..7 {
        let mut world = World::start(true);
        WELL[..come].iter().for_each(|event| world.step(*event));
        world.step(Event::End);
        assert_eq!((world.phase, world.records), (Phase::Closed, 1));
        WELL[1..].iter().for_each(|event| world.step(*event));
        assert_eq!(world.phase, Phase::Closed, "what comes late changes nothing");
    }
}
