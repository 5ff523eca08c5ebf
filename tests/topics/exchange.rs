//! Sequences of inputs that no gateway should produce, and any may.

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Config;
use cedar_gate::exchange::{Arrival, Exchange, Input, Now, Outcome};
use cedar_gate::gate::{Gate, Platform};
use cedar_gate::http::Headers;
use cedar_gate::jose::InVm;
use cedar_gate::journal::{Entry, Journal};
use cedar_gate::outbox::StoreAnswer;
use proptest::prelude::*;

use crate::fixture::{configuration, get};

const NOW: Now = Now { unix_nanos: 1_780_000_000_000_000_000 };

fn gate() -> Gate {
    let Ok(config) = Config::load(configuration().to_string().as_bytes()) else { panic!("it can be served") };
    Gate::new(config, Platform { verifier: Box::new(InVm), entropy: [0; 32] })
}

#[derive(Clone, Copy, Debug)]
enum Event {
    BodyComplete,
    BodyGrows,
    Deadline,
    End,
    Head,
    Response,
    Settled,
    Store,
    Trailers,
}

fn input(event: Event, token: &str) -> Input {
    match event {
        Event::BodyComplete => Input::BodyComplete(br#"{"amount": 5000}"#.to_vec()),
        Event::BodyGrows => Input::BodyGrows(10),
        Event::Deadline => Input::Deadline,
        Event::End => Input::End,
        Event::Head => Input::Head(Box::new(head(token))),
        Event::Response => Input::ResponseHead { status: 200 },
        Event::Settled => Input::Settled(NOW),
        Event::Store => Input::Store(StoreAnswer::Unavailable),
        Event::Trailers => Input::Trailers(Headers::default()),
    }
}

/// A payment that is submitted: a decision that waits for its body.
fn head(token: &str) -> Arrival {
    let request = get("/payments", token, 1_780_000_000);
    let mut headers = vec![
        (b":method".to_vec(), b"POST".to_vec()),
        (b":path".to_vec(), request.path),
        (b":authority".to_vec(), request.authority),
        (b"content-type".to_vec(), b"application/json".to_vec()),
    ];
    headers.extend(request.headers);
    Arrival {
        headers: Some(headers),
        end_of_stream: false,
        source: None,
        certificate: PeerCertificate::default(),
        now: NOW,
        entropy: [1; 16],
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        Event::BodyComplete,
        Event::BodyGrows,
        Event::Deadline,
        Event::End,
        Event::Head,
        Event::Response,
        Event::Settled,
        Event::Store,
        Event::Trailers,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn l7_whatever_comes_in_whatever_order_there_is_one_decision(events in prop::collection::vec(event(), 1..12)) {
        let gate = gate();
        let mut exchange = Exchange::default();
        let mut journal = Journal::default();
        let (mut final_outcomes, mut records) = (0, 0);
        // What a correct gateway would have seen before the request may go on.
        let mut body_complete_after_head = false;
        let mut head_seen = false;
        for event in events {
            head_seen |= matches!(event, Event::Head);
            body_complete_after_head |= head_seen && matches!(event, Event::BodyComplete);
            match exchange.step(&gate, input(event, "mona"), &mut journal) {
                Outcome::Continue(_) => {
                    prop_assert!(body_complete_after_head, "it went on before its body");
                    final_outcomes += 1;
                }
                Outcome::Reply(_) => final_outcomes += 1,
                Outcome::AwaitBody => prop_assert!(exchange.is_waiting()),
                Outcome::CloseStream
                | Outcome::Nothing
                | Outcome::PatchResponse(_)
                | Outcome::PatchTrailers(_)
                | Outcome::Store(_)
                | Outcome::Wait(_) => {}
            }
            records += journal.drain().filter(|entry| matches!(entry, Entry::Decision(_))).count();
        }
        prop_assert!(final_outcomes <= 1);
        prop_assert!(records <= 1);
        prop_assert!(final_outcomes <= records, "every outcome has its record");
    }
}
