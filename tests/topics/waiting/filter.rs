//! The filter, as the model sees it: on the core, and in the `.wasm`.

use std::collections::BTreeMap;
use std::time::Duration;

use cedar_gate::gate::Pace;
use cedar_gate::harness::{Harness, Passage, Verdict};
use cedar_gate::live::Ticket;
use cedar_gate::outbox;
use cedar_gate::secret::Environment;
use cedar_gate_host::{Module, Options, StreamId, Vm};
use cedar_gate_scenario::Headers;

use super::gateway::{Answered, Asked, SECRET, START, configuration};

/// What has become of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Nothing yet.
    Waits,
    /// It has gone on, with these headers, this body and these trailers so far.
    Passed { headers: Headers, body: Vec<u8>, trailers: Headers },
    /// It was refused.
    Refused(u16),
}

/// A filter with everything that may happen to it.
pub(super) trait Filter {
    /// The head of a request comes. Gives the number of the request.
    fn arrive(&mut self, head: Headers, end_of_stream: bool) -> u32;
    /// A part of a body comes.
    fn body(&mut self, request: u32, part: &[u8], end_of_stream: bool);
    /// Trailers come.
    fn trailers(&mut self, request: u32, trailers: Headers);
    /// What became of a request.
    fn fate(&self, request: u32) -> Fate;
    /// A request is over, however. Gives the causes in its records; nothing for a decision that allows.
    fn end(&mut self, request: u32) -> Vec<Option<String>>;
    /// Calls that wait for an answer.
    fn calls(&self) -> Vec<Asked>;
    /// A call is answered.
    fn answer(&mut self, call: u64, answer: Answered);
    /// Time passes.
    fn advance(&mut self, millis: u64);
    /// Requests that the filter still knows of.
    fn known(&self) -> usize;
}

/// The `.wasm`.
pub(super) struct Wasm {
    vm: Vm,
    requests: BTreeMap<u32, StreamId>,
}

impl Wasm {
    pub(super) fn start(module: &Module) -> Self {
        let options = Options {
            now: START * 1_000_000_000,
            environment: vec![(SECRET.0.to_owned(), SECRET.1.to_owned())],
            ..Options::default()
        };
        let vm = Vm::start(module, &configuration(), options).unwrap_or_else(|refused| panic!("{:?}", refused.log));
        Self { vm, requests: BTreeMap::new() }
    }
}

impl Filter for Wasm {
    fn arrive(&mut self, head: Headers, end_of_stream: bool) -> u32 {
        let id = self.vm.request_headers(head, end_of_stream).expect("no trap");
        self.requests.insert(id.context_id(), id);
        id.context_id()
    }

    fn body(&mut self, request: u32, part: &[u8], end_of_stream: bool) {
        self.vm.request_body(self.requests[&request], part, end_of_stream).expect("no trap");
    }

    fn trailers(&mut self, request: u32, trailers: Headers) {
        self.vm.request_trailers(self.requests[&request], trailers).expect("no trap");
    }

    fn fate(&self, request: u32) -> Fate {
        let stream = self.vm.stream(self.requests[&request]).expect("it is not taken yet");
        match (stream.reply(), stream.upstream()) {
            (Some(_), None) => Fate::Refused(stream.status().expect("an answer has a status")),
            (None, Some(upstream)) => Fate::Passed {
                headers: upstream.headers.clone(),
                body: upstream.body.clone(),
                trailers: upstream.trailers.clone(),
            },
            (None, None) => Fate::Waits,
            (Some(_), Some(_)) => panic!("it was answered, and has gone on"),
        }
    }

    fn end(&mut self, request: u32) -> Vec<Option<String>> {
        let id = self.requests.remove(&request).expect("it is known");
        self.vm.disconnect(id).expect("no trap");
        self.vm.take(id).expect("it is over");
        let lines = self.vm.log().iter().filter(|line| line.context == request);
        let records = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(&line.message).ok());
        records.filter(|record| record["cedar_gate"] == "audit").map(|record| cause(&record)).collect()
    }

    fn calls(&self) -> Vec<Asked> {
        let asked = |call: cedar_gate_host::Call| Asked {
            number: call.token.into(),
            path: call.header(":path").unwrap_or_default().to_owned(),
            cluster: call.cluster,
            body: call.body,
        };
        self.vm.calls().into_iter().map(asked).collect()
    }

    fn answer(&mut self, call: u64, answer: Answered) {
        let answer = match answer {
            Some((status, headers, body)) => {
                let mut answer = cedar_gate_host::Answer::new(status, body);
                answer.headers.extend(headers);
                answer
            }
            None => cedar_gate_host::Answer::lost(),
        };
        self.vm.answer_call(u32::try_from(call).expect("a token"), answer).expect("no trap");
    }

    fn advance(&mut self, millis: u64) {
        self.vm.advance(Duration::from_millis(millis)).expect("no trap");
    }

    fn known(&self) -> usize {
        self.vm.live_streams()
    }
}

/// The core, with the little that stands around it in a gateway.
pub(super) struct Native {
    harness: Harness,
    requests: BTreeMap<u32, Request>,
    arrived: u32,
    /// By the number of the errand, with the time at which the gateway gives it up.
    calls: BTreeMap<u64, (outbox::Call, u64)>,
    period: Option<u64>,
    next_tick: Option<u64>,
}

struct Request {
    passage: Passage,
    verdict: Verdict,
    body: Vec<u8>,
    trailers: Headers,
}

impl Request {
    fn take(&mut self, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else { return };
        assert_eq!(self.verdict, Verdict::Waiting, "one decision is enough; then came {verdict:?}");
        self.verdict = verdict;
    }
}

impl Native {
    pub(super) fn start() -> Self {
        let environment: Environment = [(SECRET.0.to_owned(), SECRET.1.to_owned())].into_iter().collect();
        let harness = Harness::start_in(&configuration(), &environment, START);
        let harness = harness.unwrap_or_else(|faults| panic!("{:?}", faults.iter().collect::<Vec<_>>()));
        let mut native = Self {
            harness,
            requests: BTreeMap::new(),
            arrived: 0,
            calls: BTreeMap::new(),
            period: None,
            next_tick: None,
        };
        native.keep_pace();
        native
    }

    /// As the adapter for gateways asks for ticks.
    fn keep_pace(&mut self) {
        let wanted = self.harness.pace().map(|pace| match pace {
            Pace::AtOnce => 1,
            Pace::Soon => 20,
            Pace::Idle => 500,
        });
        let waits = self.requests.values().any(|request| request.passage.is_waiting());
        let wanted = wanted.into_iter().chain(waits.then_some(20)).min();
        if wanted != self.period {
            self.period = wanted;
            self.next_tick = wanted.map(|millis| self.harness.now_nanos() + millis * 1_000_000);
        }
    }

    fn wake(&mut self, settled: &[Ticket]) {
        let now = self.harness.now();
        for request in self.requests.values_mut() {
            let verdict = request.passage.settled(settled, now).filter(|verdict| *verdict != Verdict::Waiting);
            request.take(verdict);
        }
        self.keep_pace();
    }

    fn tick(&mut self) {
        let (errands, settled) = self.harness.tick();
        for errand in errands {
            let gives_up = self.harness.now_nanos() + u64::from(errand.call.timeout_ms) * 1_000_000;
            self.calls.insert(errand.id, (errand.call, gives_up));
        }
        self.wake(&settled);
        self.next_tick = self.period.map(|millis| self.harness.now_nanos() + millis * 1_000_000);
    }

    /// When something happens next, and whether it is a call that is given up.
    fn happens_next(&self) -> Option<(u64, Option<u64>)> {
        let given_up = self.calls.iter().map(|(errand, (_, at))| (*at, Some(*errand)));
        given_up.chain(self.next_tick.map(|at| (at, None))).min()
    }
}

impl Filter for Native {
    fn arrive(&mut self, head: Headers, end_of_stream: bool) -> u32 {
        self.arrived += 1;
        let (passage, verdict) = self.harness.request(head, end_of_stream);
        let request = Request { passage, verdict, body: Vec::new(), trailers: Headers::new() };
        self.requests.insert(self.arrived, request);
        self.keep_pace();
        self.arrived
    }

    fn body(&mut self, request: u32, part: &[u8], end_of_stream: bool) {
        let request = self.requests.get_mut(&request).expect("it is known");
        request.body.extend_from_slice(part);
        if request.passage.is_waiting() {
            let body = std::mem::take(&mut request.body);
            let verdict = request.passage.body(&body, end_of_stream).filter(|verdict| *verdict != Verdict::Waiting);
            request.body = body;
            request.take(verdict);
        }
        self.keep_pace();
    }

    fn trailers(&mut self, request: u32, trailers: Headers) {
        // As the adapter for gateways does: trailers end the body.
        self.body(request, b"", true);
        self.requests.get_mut(&request).expect("it is known").trailers = trailers;
    }

    fn fate(&self, request: u32) -> Fate {
        let request = &self.requests[&request];
        match &request.verdict {
            Verdict::Waiting => Fate::Waits,
            Verdict::Replied(reply) => Fate::Refused(reply.status),
            Verdict::Continued(headers) => {
                let trailers = Headers::new();
                Fate::Passed { headers: headers.clone(), body: request.body.clone(), trailers }
            }
            Verdict::Closed => panic!("nothing limits these streams"),
        }
    }

    fn end(&mut self, request: u32) -> Vec<Option<String>> {
        let Request { mut passage, verdict, trailers, .. } = self.requests.remove(&request).expect("it is known");
        if let Verdict::Continued(_) = verdict {
            let gone_on = passage.trailers(trailers);
            assert!(!gone_on.iter().any(|(name, _)| name == b"x-auth-subject"), "{gone_on:?}");
        }
        let records = passage.end();
        self.keep_pace();
        records.iter().map(cause).collect()
    }

    fn calls(&self) -> Vec<Asked> {
        let asked = |(number, (call, _)): (&u64, &(outbox::Call, u64))| Asked {
            number: *number,
            cluster: call.cluster.clone(),
            path: call
                .headers
                .iter()
                .find(|(name, _)| name == ":path")
                .map(|(_, path)| path.clone())
                .unwrap_or_default(),
            body: call.body.clone(),
        };
        self.calls.iter().map(asked).collect()
    }

    fn answer(&mut self, call: u64, answer: Answered) {
        self.calls.remove(&call);
        let text = |(name, value): (Vec<u8>, Vec<u8>)| (String::from_utf8(name).expect("a name"), value);
        let answer = match answer {
            Some((status, headers, body)) => {
                outbox::Answer::Answered { status, headers: headers.into_iter().map(text).collect(), body }
            }
            None => outbox::Answer::Lost,
        };
        let settled = self.harness.answer(call, &answer);
        self.wake(&settled);
    }

    fn advance(&mut self, millis: u64) {
        let until = self.harness.now_nanos() + millis * 1_000_000;
        while let Some((at, given_up)) = self.happens_next().filter(|(at, _)| *at <= until) {
            self.harness.advance_nanos(at.saturating_sub(self.harness.now_nanos()));
            match given_up {
                Some(errand) => self.answer(errand, Some((504, Headers::new(), b"upstream request timeout".to_vec()))),
                None => {
                    let now = self.harness.now_nanos();
                    for request in self.requests.values_mut() {
                        if request.passage.due().is_some_and(|due| due <= now) {
                            let verdict = request.passage.deadline();
                            request.take(verdict);
                        }
                    }
                    self.tick();
                }
            }
        }
        self.harness.advance_nanos(until.saturating_sub(self.harness.now_nanos()));
    }

    fn known(&self) -> usize {
        self.requests.len()
    }
}

fn cause(record: &serde_json::Value) -> Option<String> {
    record["cause"].as_str().map(str::to_owned)
}
