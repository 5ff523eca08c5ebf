//! Documents that workers fetch and share: keys, lists.
//!
//! One to three workers want one document. They are driven in any order, the server answers as it likes or not at all, and
//! what the workers share is spoilt by somebody else who writes there. No worker ever serves what the server has not
//! answered, nor anything for longer than it may; it asks the configured cluster only, one call at a time, and not over and
//! over; what it tells the operator has nothing of the document in it. And as soon as everybody behaves, all workers have a
//! document again.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use cedar_gate::http::Endpoint;
use cedar_gate::outbox::{Answer, Store, StoreAnswer, StoreOperation};
use cedar_gate::remote::{Dispatch, Fit, Media, Moment, Origin, Progress, Reading, Remote, Source, Spec, Unfit};

use crate::mint::NOW;

/// What happens to workers.
#[derive(Arbitrary, Debug)]
pub struct Sequence {
    workers: u8,
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
enum Event {
    Pass(u16),
    PassSeconds(u8),
    SetBack(u8),
    Tick(u8),
    Answer(u8, Said),
    /// An answer to a call that is over.
    Late(u8),
    /// Somebody names something that the document does not know.
    Ask(u8, u8),
    Look(u8),
    Spoil(Spoiling),
    Break(bool),
    Contest(bool),
}

#[derive(Arbitrary, Clone, Debug)]
enum Said {
    Document { padding: u8, fresh_for: Option<u8>, good_for: Option<u8>, cache_control: Vec<u8> },
    Status(u16),
    OtherType(bool),
    Nonsense(Vec<u8>),
    Lost,
}

#[derive(Arbitrary, Clone, Debug)]
enum Spoiling {
    Remove,
    Replace(Vec<u8>),
    Flip(u16),
    Cut(u16),
    /// An older record is put back.
    Restore(u8),
}

/// A document that the server has answered with.
struct Given {
    /// The time by a clock that nobody sets, in milliseconds.
    at: i64,
    /// When it ends by its own word, in seconds by the clock of the workers.
    good_until: Option<i64>,
}

struct World {
    /// By the clock of the workers, and by one that nobody sets, in milliseconds.
    now: i64,
    elapsed: i64,
    was_set_back: bool,
    shelf: Shelf,
    workers: Vec<Worker>,
    given: BTreeMap<u32, Given>,
    documents: u32,
    calls: i64,
}

struct Worker {
    source: Source<u32>,
    call: Option<Dispatch>,
    last: u32,
}

/// Shared data.
#[derive(Default)]
struct Shelf {
    record: Option<(Vec<u8>, u32)>,
    older: Vec<Vec<u8>>,
    broken: bool,
    contested: bool,
}

const CACHE: i64 = 60_000;
const STALE: i64 = 120_000;
/// The least time between two attempts, in milliseconds.
const LEAST: i64 = 750;
const LONGEST_SHARED: usize = 48;

impl Sequence {
    /// A sequence that is written in bytes, as the fuzzer writes it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self::arbitrary_take_rest(Unstructured::new(bytes)).expect("any bytes are a sequence")
    }
}

/// Plays a sequence, and says whether a document was served meanwhile.
pub fn check(sequence: &Sequence) -> bool {
    let mut world = World::of(1 + usize::from(sequence.workers % 3));
    let mut is_served = false;
    for event in &sequence.events {
        is_served |= world.take(event);
    }
    world.recover();
    is_served
}

fn spec() -> Spec {
    let endpoint = Endpoint::parse("https://idp.example.com/list", "idp").expect("a URI");
    Spec {
        name: "list/corp".to_owned(),
        origin: Origin::Direct(endpoint),
        media: Media::JSON,
        timeout: Duration::from_secs(2),
        cache_duration: Duration::from_secs(60),
        shortest: Duration::from_secs(10),
        max_stale: Duration::from_secs(120),
        cooldown: Duration::from_secs(30),
        longest_body: 80,
        longest_shared: LONGEST_SHARED,
    }
}

/// `hush`, the number of the document, and its own times.
fn written(number: u32, padding: usize, fresh_for: u8, good_for: i64) -> Vec<u8> {
    let mut document = b"hush".to_vec();
    document.extend(number.to_be_bytes());
    document.push(fresh_for);
    document.extend(good_for.to_be_bytes());
    document.resize(document.len() + padding, 0);
    document
}

fn read(document: &[u8], _: i64) -> Result<Fit<u32>, Unfit> {
    let unfit = || Unfit("is no document".to_owned());
    let rest = document.strip_prefix(b"hush").ok_or_else(unfit)?;
    let (number, rest) = rest.split_first_chunk::<4>().ok_or_else(unfit)?;
    let (fresh_for, rest) = rest.split_first_chunk::<1>().ok_or_else(unfit)?;
    let (good_until, _) = rest.split_first_chunk::<8>().ok_or_else(unfit)?;
    let (fresh_for, good_until) = (u64::from(fresh_for[0]), i64::from_be_bytes(*good_until));
    Ok(Fit {
        document: u32::from_be_bytes(*number),
        fresh_for: (fresh_for > 0).then(|| Duration::from_secs(fresh_for)),
        good_until: (good_until > 0).then_some(good_until),
        remarks: Vec::new(),
    })
}

impl World {
    fn of(workers: usize) -> Self {
        let worker = || Worker { source: Source::new(spec(), b"key", Box::new(read)), call: None, last: 0 };
        Self {
            now: NOW * 1_000,
            elapsed: 0,
            was_set_back: false,
            shelf: Shelf::default(),
            workers: (0..workers).map(|_| worker()).collect(),
            given: BTreeMap::new(),
            documents: 0,
            calls: 0,
        }
    }

    /// Takes an event; whether a document is served by it.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Pass(millis) => self.pass(i64::from(*millis)),
            Event::PassSeconds(seconds) => self.pass(i64::from(*seconds) * 1_000),
            Event::SetBack(seconds) => {
                self.now -= i64::from(*seconds) * 1_000;
                self.was_set_back = true;
            }
            Event::Tick(worker) => self.tick(usize::from(*worker)),
            Event::Answer(worker, said) => self.answer(usize::from(*worker), said),
            Event::Late(worker) => self.answer_late(usize::from(*worker)),
            Event::Ask(worker, id) => {
                let seconds = self.now.div_euclid(1_000);
                self.worker(usize::from(*worker)).source.refresh_for(&[*id], seconds);
            }
            Event::Look(worker) => return self.look(usize::from(*worker)),
            Event::Spoil(spoiling) => self.shelf.spoil(spoiling),
            Event::Break(broken) => self.shelf.broken = *broken,
            Event::Contest(contested) => self.shelf.contested = *contested,
        }
        false
    }

    fn worker(&mut self, place: usize) -> &mut Worker {
        let workers = self.workers.len();
        &mut self.workers[place % workers]
    }

    fn pass(&mut self, millis: i64) {
        self.now += millis;
        self.elapsed += millis;
    }

    fn tick(&mut self, place: usize) {
        let workers = self.workers.len();
        let worker = &mut self.workers[place % workers];
        let mut moment = Moment { now_millis: self.now, entropy: 0x5eed, store: &mut self.shelf };
        if let Some(dispatch) = worker.source.tick(&mut moment) {
            let header = |name: &str| {
                dispatch.call.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
            };
            assert_eq!(dispatch.call.cluster, "idp");
            assert_eq!((header(":authority"), header(":path")), (Some("idp.example.com"), Some("/list")));
            assert!((1..=2_000).contains(&dispatch.call.timeout_ms), "{}", dispatch.call.timeout_ms);
            worker.call = Some(dispatch);
            self.calls += 1;
        }
        self.after(place);
        // A refresh, and one more because of something unknown; whoever cannot share fetches alone.
        let workers = i64::try_from(self.workers.len()).expect("three at most");
        let most = workers * (4 + 2 * self.elapsed / LEAST);
        assert!(self.was_set_back || self.calls <= most, "{} calls in {} ms", self.calls, self.elapsed);
    }

    fn answer(&mut self, place: usize, said: &Said) {
        let Some(Dispatch { number, .. }) = self.worker(place).call.take() else { return };
        self.worker(place).last = number;
        let json = || ("content-type".to_owned(), b"application/json".to_vec());
        let answered = |status, headers, body| Answer::Answered { status, headers, body };
        let answer = match said {
            Said::Document { padding, fresh_for, good_for, cache_control } => {
                let good_until = good_for.map(|seconds| self.now.div_euclid(1_000) + i64::from(seconds));
                let body = self.document(usize::from(*padding), fresh_for.unwrap_or(0), good_until);
                answered(200, vec![json(), ("Cache-Control".to_owned(), cache_control.clone())], body)
            }
            Said::Status(status) => {
                // A good document by its body; its status says otherwise.
                let body = written(u32::MAX, 0, 0, 0);
                answered(if *status == 200 { 503 } else { *status }, vec![json()], body)
            }
            Said::OtherType(twice) => {
                let text = ("content-type".to_owned(), b"text/html".to_vec());
                let headers = if *twice { vec![json(), json()] } else { vec![text] };
                answered(200, headers, written(u32::MAX, 0, 0, 0))
            }
            Said::Nonsense(bytes) => {
                let body = if bytes.starts_with(b"hush") { Vec::new() } else { bytes.clone() };
                answered(200, vec![json()], body)
            }
            Said::Lost => Answer::Lost,
        };
        self.deliver(place, number, &answer);
    }

    /// A document of the server, which counts from now on.
    fn document(&mut self, padding: usize, fresh_for: u8, good_until: Option<i64>) -> Vec<u8> {
        self.documents += 1;
        self.given.insert(self.documents, Given { at: self.elapsed, good_until });
        written(self.documents, padding, fresh_for, good_until.unwrap_or(0))
    }

    fn answer_late(&mut self, place: usize) {
        let number = self.worker(place).last;
        if self.worker(place).call.as_ref().is_some_and(|call| call.number == number) {
            return;
        }
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        let body = written(u32::MAX, 0, 0, 0);
        self.deliver(place, number, &Answer::Answered { status: 200, headers, body });
    }

    fn deliver(&mut self, place: usize, number: u32, answer: &Answer) {
        let workers = self.workers.len();
        let worker = &mut self.workers[place % workers];
        let mut moment = Moment { now_millis: self.now, entropy: 0x5eed, store: &mut self.shelf };
        match worker.source.answered(number, answer, &mut moment) {
            Progress::Call(_) => panic!("one answer is all that it takes"),
            Progress::Settled | Progress::Stale => {}
        }
        self.after(place);
    }

    /// What holds after every step.
    fn after(&mut self, place: usize) {
        let events = self.worker(place).source.take_events();
        assert!(events.len() <= 16, "{} events", events.len());
        for event in events {
            let text = event.to_string();
            assert!(!text.is_empty() && !text.contains("hush"), "{text}");
        }
        self.shelf.check();
        self.look(place);
    }

    /// Looks at the document as a decision does.
    fn look(&mut self, place: usize) -> bool {
        let seconds = self.now.div_euclid(1_000);
        let elapsed = self.elapsed;
        match self.worker(place).source.current(seconds) {
            Reading::Ready(number, _) => {
                let given = self.given.get(&number).expect("the server has answered with it");
                if !self.was_set_back {
                    assert!(elapsed < given.at + CACHE + STALE, "it is served for too long");
                    assert!(given.good_until.is_none_or(|end| seconds < end), "it is served beyond its end");
                }
                true
            }
            Reading::Pending => false,
            Reading::Unavailable { retry_in } => {
                assert!(retry_in <= Duration::from_secs(61), "it is tried again in {retry_in:?}");
                false
            }
        }
    }

    /// From now on, everybody behaves.
    fn recover(&mut self) {
        self.shelf.broken = false;
        self.shelf.contested = false;
        for _ in 0..400 {
            self.pass(500);
            for place in 0..self.workers.len() {
                self.tick(place);
                if self.workers[place].call.is_some() {
                    let fine =
                        Said::Document { padding: 0, fresh_for: None, good_for: None, cache_control: Vec::new() };
                    self.answer(place, &fine);
                }
            }
        }
        for place in 0..self.workers.len() {
            assert!(self.look(place), "worker {place} has no document, and nobody is to blame");
        }
    }
}

impl Shelf {
    fn spoil(&mut self, spoiling: &Spoiling) {
        let version = self.record.as_ref().map_or(0, |(_, version)| *version) + 1;
        match (spoiling, &mut self.record) {
            (Spoiling::Remove, record) => *record = None,
            (Spoiling::Replace(bytes), record) => *record = Some((bytes.clone(), version)),
            (Spoiling::Restore(place), record) => {
                let older = self.older.get(usize::from(*place) % self.older.len().max(1));
                *record = older.map(|older| (older.clone(), version)).or(record.take());
            }
            (Spoiling::Flip(bit), Some((record, _))) if !record.is_empty() => {
                let bit = usize::from(*bit) % (record.len() * 8);
                record[bit / 8] ^= 1 << (bit % 8);
            }
            (Spoiling::Cut(length), Some((record, _))) => {
                record.truncate(record.len().saturating_sub(1 + usize::from(*length)));
            }
            (Spoiling::Flip(_) | Spoiling::Cut(_), _) => {}
        }
    }

    fn check(&self) {
        for record in &self.older {
            assert!(record.len() <= 32 + LONGEST_SHARED + 8192, "a record has {} bytes", record.len());
        }
    }
}

impl Store for Shelf {
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
        if self.broken {
            return StoreAnswer::Unavailable;
        }
        match operation {
            StoreOperation::Get { key } => {
                assert_eq!(key, "cedar-gate/remote/1/list/corp");
                StoreAnswer::Found(self.record.clone())
            }
            StoreOperation::CompareAndSwap { expected, value, .. } => {
                let version = self.record.as_ref().map(|(_, version)| *version);
                if self.contested || version != *expected {
                    return StoreAnswer::Conflict;
                }
                self.record = Some((value.clone(), version.unwrap_or(0) + 1));
                // A few of them are enough to go back to.
                self.older.truncate(7);
                self.older.insert(0, value.clone());
                StoreAnswer::Written
            }
        }
    }
}
