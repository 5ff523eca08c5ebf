//! What may come of requests, by what services have said.

use std::collections::BTreeMap;

use super::filter::{Fate, Filter};
use super::gateway::{Asked, PARTS, PATIENCE, Reply, SERVES, Token, WORD_SERVES, head, trailers};
use super::{Shape, Step};

pub(super) struct Model<'f> {
    filter: &'f mut dyn Filter,
    /// Milliseconds since the start.
    now: u64,
    requests: Vec<Request>,
    /// The last good word of each service about each thing, and when it came.
    said: BTreeMap<(String, Vec<u8>), (Reply, u64)>,
}

struct Request {
    number: u32,
    token: Token,
    shape: Shape,
    arrived: u64,
    /// Pieces of it that have come.
    pieces: usize,
    /// Whether all of them have, and when.
    whole: Option<u64>,
    fate: Fate,
}

impl<'f> Model<'f> {
    pub(super) fn new(filter: &'f mut dyn Filter) -> Self {
        Self { filter, now: 0, requests: Vec::new(), said: BTreeMap::new() }
    }

    pub(super) fn step(&mut self, step: Step) {
        let before = self.now;
        match step {
            Step::Arrive(token, shape) => self.arrive(token, shape),
            Step::Answer(call, reply) => {
                let calls = self.filter.calls();
                if let Some(asked) = calls.get(call % calls.len().max(1)) {
                    self.answer(asked, reply);
                }
            }
            Step::Leave(request) => {
                if !self.requests.is_empty() {
                    let request = self.requests.remove(request % self.requests.len());
                    self.end(&request);
                }
            }
            Step::More(request) => {
                let places = 0..self.requests.len();
                let unfinished: Vec<usize> = places.filter(|place| self.requests[*place].whole.is_none()).collect();
                if !unfinished.is_empty() {
                    self.more(unfinished[request % unfinished.len()]);
                }
            }
            Step::Wait(millis) => {
                self.filter.advance(millis);
                self.now += millis;
            }
        }
        self.judge(before);
    }

    /// All services are well again. Soon everybody has an answer, and good tokens pass.
    pub(super) fn recover(&mut self) {
        self.be_well(75_000, 300);
        let waits = self.requests.iter().find(|request| request.fate == Fate::Waits);
        assert!(waits.is_none(), "a request still waits: {:?}", waits.map(|request| request.token));
        for token in [Token::Corp, Token::Next, Token::Partner, Token::Opaque] {
            self.arrive(token, Shape::Bare);
            let number = self.requests.last().expect("it has come").number;
            self.be_well(1_000, 50);
            let fate = self.filter.fate(number);
            assert!(matches!(fate, Fate::Passed { .. }), "{token:?} is good: {fate:?}");
        }
        for request in std::mem::take(&mut self.requests) {
            self.end(&request);
        }
        assert_eq!(self.filter.known(), 0, "nothing is left of those that are over");
    }

    /// Services answer well for some time, each call after at most so many milliseconds.
    fn be_well(&mut self, millis: u64, each: u64) {
        for _ in 0..millis / each {
            for asked in self.filter.calls() {
                self.answer(&asked, Reply::Both);
            }
            self.step(Step::Wait(each));
        }
    }

    fn arrive(&mut self, token: Token, shape: Shape) {
        let bare = shape == Shape::Bare;
        let number = self.filter.arrive(head(token, shape), bare);
        let whole = bare.then_some(self.now);
        self.requests.push(Request { number, token, shape, arrived: self.now, pieces: 0, whole, fate: Fate::Waits });
    }

    /// The next piece of a request: a part of its body, or its trailers.
    fn more(&mut self, place: usize) {
        let request = &mut self.requests[place];
        let last = request.pieces + 1 == PARTS.len();
        match PARTS.get(request.pieces) {
            Some(part) => self.filter.body(request.number, part, last && request.shape != Shape::Trailing),
            None => self.filter.trailers(request.number, trailers()),
        }
        request.pieces += 1;
        let pieces = PARTS.len() + usize::from(request.shape == Shape::Trailing);
        request.whole = (request.pieces == pieces).then_some(self.now);
    }

    fn answer(&mut self, asked: &Asked, reply: Reply) {
        if reply.is_good() {
            let about = (format!("{}{}", asked.cluster, asked.path), asked.body.clone());
            self.said.insert(about, (reply, self.now));
        }
        self.filter.answer(asked.number, reply.to(asked));
    }

    /// A request is over: it leaves one record, which says what has become of it.
    fn end(&mut self, request: &Request) {
        let fate = self.filter.fate(request.number);
        let records = self.filter.end(request.number);
        let [cause] = records.as_slice() else { panic!("{:?} leaves {records:?}", request.token) };
        assert_eq!(cause.is_none(), matches!(fate, Fate::Passed { .. }), "{:?}: {fate:?}, {cause:?}", request.token);
    }

    /// Looks at all requests; those that have gone on may have done so at any time since `since`.
    fn judge(&mut self, since: u64) {
        let calls = self.filter.calls();
        let to = |cluster: &str| calls.iter().filter(|asked| asked.cluster == cluster).count();
        for cluster in ["idp", "partner", "lists"] {
            assert!(to(cluster) <= 1, "one call at a time: {calls:?}");
        }
        assert!(to("words") <= 2, "one call for each token: {calls:?}");
        for place in 0..self.requests.len() {
            let request = &self.requests[place];
            let fate = self.filter.fate(request.number);
            match (&request.fate, &fate) {
                (Fate::Waits, Fate::Passed { headers, .. }) => {
                    assert!(self.is_spoken_for(request.token, since), "{:?} passes: {:?}", request.token, self.said);
                    let decisive = request.shape == Shape::Decisive;
                    assert!(!decisive || request.whole.is_some(), "it passes before its body");
                    let subjects: Vec<_> = headers.iter().filter(|(name, _)| name == b"x-auth-subject").collect();
                    assert_eq!(subjects, [&(b"x-auth-subject".to_vec(), b"rita".to_vec())]);
                }
                (Fate::Waits, Fate::Refused(status)) => {
                    assert!([401, 500, 503].contains(status), "{:?}: {status}", request.token);
                }
                (Fate::Waits, Fate::Waits) => {
                    let waited = self.now - request.arrived;
                    assert!(waited <= PATIENCE, "{:?} waits for {waited} ms", request.token);
                }
                (Fate::Passed { .. }, Fate::Passed { body, trailers, .. }) => {
                    assert!(PARTS.concat().starts_with(body), "the body goes on as it came");
                    assert!(!trailers.iter().any(|(name, _)| name == b"x-auth-subject"), "trailers are stripped too");
                }
                (Fate::Refused(before), Fate::Refused(after)) => assert_eq!(before, after),
                (before, after) => panic!("it was {before:?} and is {after:?}"),
            }
            self.requests[place].fate = fate;
        }
    }

    /// Whether what services have said lets a token pass.
    fn is_spoken_for(&self, token: Token, now: u64) -> bool {
        let said = |place: &str, body: &[u8], serves: u64| {
            let found = self.said.get(&(place.to_owned(), body.to_vec()));
            found.filter(|(_, at)| now <= at + serves).map(|(reply, _)| *reply)
        };
        let word = |token: &str| {
            let body = format!("token={token}&token_type_hint=access_token");
            matches!(said("words/introspect", body.as_bytes(), WORD_SERVES), Some(Reply::Both | Reply::Good))
        };
        match token {
            Token::Corp => matches!(said("idp/jwks", b"", SERVES), Some(Reply::Both | Reply::Good)),
            Token::Next => matches!(said("idp/jwks", b"", SERVES), Some(Reply::Both | Reply::Different)),
            Token::Opaque => word("opaque"),
            Token::Other => word("other"),
            Token::Partner => {
                let keys = said("partner/jwks", b"", SERVES).is_some();
                let list = said("lists/revoked", b"", SERVES);
                keys && matches!(list, Some(Reply::Both | Reply::Good))
            }
            Token::Forged | Token::None | Token::Stranger => false,
        }
    }
}
