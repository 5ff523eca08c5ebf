//! A small world: workers with a source each, the store that they share, the server that they ask, and a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http::Endpoint;
use crate::outbox::{Answer, Call, Store, StoreAnswer, StoreOperation};
use crate::remote::{
    Dispatch, Event, Fetcher, Fit, Media, Moment, Origin, Progress, Reader, Reading, Refresh, Remote, Source, Spec,
    Unfit,
};

/// 2027, in seconds and milliseconds.
pub(super) const START: i64 = 1_800_000_000;
pub(super) const START_MILLIS: i64 = START * 1_000;
/// What a lease of [`spec`] lasts, in milliseconds.
pub(super) const LEASE: i64 = 4_000;

pub(super) struct World {
    pub(super) now: i64,
    pub(super) store: Shelf,
    pub(super) server: Server,
    pub(super) workers: Vec<Worker>,
    /// Each call that was made, and when.
    pub(super) calls: Vec<(i64, Call)>,
    random: u64,
}

pub(super) struct Worker {
    pub(super) source: Source<String>,
    pub(super) events: Vec<Event>,
    /// The call under way, its answer, and when it comes.
    under_way: Option<(Dispatch, Answer, i64)>,
    pub(super) alive: bool,
}

/// What the server says, as a function of the time and the call; and after how many milliseconds.
pub(super) type Server = Box<dyn Fn(i64, &Call) -> (Answer, i64)>;

/// Shared data.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) records: BTreeMap<String, (Vec<u8>, u32)>,
    /// Nothing can be read or written.
    pub(super) broken: bool,
    /// Somebody else always writes first.
    pub(super) contested: bool,
    /// Somebody else writes first, so many times.
    pub(super) conflicts: usize,
    /// All keys are taken for the same, as nginx does with keys of one CRC.
    pub(super) colliding: bool,
    pub(super) writes: usize,
}

impl Store for Shelf {
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
        if self.broken {
            return StoreAnswer::Unavailable;
        }
        let place = |key: &String| if self.colliding { String::new() } else { key.clone() };
        match operation {
            StoreOperation::Get { key } => StoreAnswer::Found(self.records.get(&place(key)).cloned()),
            StoreOperation::CompareAndSwap { key, expected, value } => {
                let key = place(key);
                let version = self.records.get(&key).map(|(_, version)| *version);
                if self.contested || self.conflicts > 0 || version != *expected {
                    self.conflicts = self.conflicts.saturating_sub(1);
                    return StoreAnswer::Conflict;
                }
                self.records.insert(key, (value.clone(), version.unwrap_or(0) + 1));
                self.writes += 1;
                StoreAnswer::Written
            }
        }
    }
}

pub(super) fn spec() -> Spec {
    let origin = Origin::Direct(Endpoint::parse("https://idp.example.com/jwks", "idp").unwrap());
    let spec = Spec::key_set("keys/corp".to_owned(), origin);
    Spec { media: Media::JSON, longest_body: 1_000, longest_shared: 1_000, ..spec }
}

/// Documents of these tests are words; `unfit` makes them unfit, and `until:<seconds>` gives them an end.
pub(super) fn reader() -> Reader<String> {
    Box::new(|bytes, now| {
        let text = std::str::from_utf8(bytes).map_err(|_| Unfit("not text".to_owned()))?;
        if text.is_empty() || text.contains("unfit") {
            return Err(Unfit("it says so itself".to_owned()));
        }
        let good_until = text.split(' ').find_map(|word| word.strip_prefix("until:")?.parse().ok());
        if good_until.is_some_and(|end| end <= now) {
            return Err(Unfit("it is over".to_owned()));
        }
        Ok(Fit { good_until, ..Fit::from(text.to_owned()) })
    })
}

pub(super) fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Answer::Answered { status, headers, body: body.as_bytes().to_vec() }
}

pub(super) fn document(text: &str) -> Answer {
    answered(200, &[("content-type", "application/json")], text)
}

/// A server that always says the same.
pub(super) fn says(answer: Answer) -> Server {
    Box::new(move |_, _| (answer.clone(), 50))
}

pub(super) fn header<'a>(call: &'a Call, name: &str) -> &'a str {
    call.headers.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value)
}

impl World {
    pub(super) fn new(workers: usize, spec: &Spec, server: Server) -> Self {
        let workers = (0..workers).map(|_| Worker::new(spec.clone(), b"key")).collect();
        let (store, calls) = (Shelf::default(), Vec::new());
        Self { now: START_MILLIS, store, server, workers, calls, random: 1 }
    }

    pub(super) fn seeded(self, seed: u64) -> Self {
        Self { random: seed, ..self }
    }

    /// Random bits (SplitMix64).
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Seconds since the Unix epoch.
    pub(super) fn seconds(&self) -> i64 {
        self.now.div_euclid(1_000)
    }

    /// Lets one worker tick; whether it made a call.
    pub(super) fn tick(&mut self, worker: usize) -> bool {
        let entropy = self.random();
        self.deliver(worker);
        let worker = &mut self.workers[worker];
        let mut moment = Moment { now_millis: self.now, entropy, store: &mut self.store };
        let dispatch = worker.source.tick(&mut moment);
        worker.events.extend(worker.source.take_events());
        let Some(dispatch) = dispatch else { return false };
        self.calls.push((self.now, dispatch.call.clone()));
        let (answer, delay) = (self.server)(self.now, &dispatch.call);
        let delay = delay.min(i64::from(dispatch.call.timeout_ms));
        worker.under_way = Some((dispatch, answer, self.now + delay));
        true
    }

    /// Hands over an answer whose time has come.
    fn deliver(&mut self, index: usize) {
        let now = self.now;
        while let Some((dispatch, answer, _)) = self.workers[index].under_way.take_if(|(_, _, at)| *at <= now) {
            let entropy = self.random();
            let worker = &mut self.workers[index];
            let mut moment = Moment { now_millis: self.now, entropy, store: &mut self.store };
            let progress = worker.source.answered(dispatch.number, &answer, &mut moment);
            worker.events.extend(worker.source.take_events());
            if let Progress::Call(dispatch) = progress {
                self.calls.push((self.now, dispatch.call.clone()));
                let (answer, delay) = (self.server)(self.now, &dispatch.call);
                let delay = delay.min(i64::from(dispatch.call.timeout_ms));
                worker.under_way = Some((dispatch, answer, self.now + delay));
            }
        }
    }

    /// Lets time pass, with a tick of every living worker in each tenth of a second, in random order.
    pub(super) fn pass(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            self.now = (self.now + 100).min(end);
            let first = usize::try_from(self.random() % 64).unwrap();
            for index in 0..self.workers.len() {
                let index = (first + index) % self.workers.len();
                if self.workers[index].alive {
                    self.tick(index);
                }
            }
        }
    }

    /// The document of a worker, where it has one to use.
    pub(super) fn document(&self, worker: usize) -> Option<String> {
        match self.workers[worker].source.current(self.seconds()) {
            Reading::Ready(document, _) => Some(document.as_ref().clone()),
            Reading::Pending | Reading::Unavailable { .. } => None,
        }
    }

    pub(super) fn refresh_for(&mut self, worker: usize, id: &str) -> Refresh {
        let now = self.seconds();
        self.workers[worker].source.refresh_for(id.as_bytes(), now)
    }

    /// The moments of calls, in milliseconds since the start.
    pub(super) fn called_at(&self) -> Vec<i64> {
        self.calls.iter().map(|(at, _)| at - START_MILLIS).collect()
    }
}

impl Worker {
    pub(super) fn new(spec: Spec, key: &[u8]) -> Self {
        Self { source: Source::new(spec, key, reader()), events: Vec::new(), under_way: None, alive: true }
    }

    /// Whether a call of it is under way.
    pub(super) fn calls(&self) -> bool {
        self.under_way.is_some()
    }

    pub(super) fn loads(&self, by: Fetcher) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Loaded { by: each, .. } if *each == by)).count()
    }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
