//! What stands around the core where no gateway does: a clock, ticks, workers, and the services that are called.
//!
//! The clock moves when it is told to, or as far as a request has to wait. On its way each worker gets its ticks as often
//! as it wants them, calls are answered or run into their time-outs, and whoever waits is woken.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Faults;
use cedar_gate::gate::Pace;
use cedar_gate::harness::{Harness, Pairs, Passage, SharedData, Verdict};
use cedar_gate::live::Ticket;
use cedar_gate::outbox::{Answer, Errand};
use cedar_gate::secret::Environment;
use cedar_gate_scenario::{Called, Headers, Served};

/// What comes of a call that is made at a time, in seconds since the Unix epoch.
pub(crate) type Serve = Box<dyn FnMut(Called, i64) -> Served>;

pub(crate) struct World {
    workers: Vec<Worker>,
    serve: Serve,
    /// In the order in which the calls were made.
    deliveries: Vec<Delivery>,
}

/// How a world begins.
pub(crate) struct Beginning<'b> {
    pub(crate) configuration: &'b [u8],
    pub(crate) environment: &'b Environment,
    /// Seconds since the Unix epoch.
    pub(crate) now: u64,
    pub(crate) workers: usize,
    /// Whether notes are taken.
    pub(crate) observed: bool,
}

struct Worker {
    harness: Harness,
    period: Option<Duration>,
    next_tick: Option<u64>,
}

/// An answer on its way.
struct Delivery {
    at: u64,
    worker: usize,
    errand: u64,
    answer: Answer,
}

/// A request that has been sent.
pub(crate) struct Underway {
    pub(crate) passage: Passage,
    pub(crate) verdict: Verdict,
    /// When a stream was ended that had gone on, in nanoseconds since the Unix epoch.
    closed_at: Option<u64>,
    worker: usize,
}

/// The longest that a request is waited for, in nanoseconds.
const PATIENCE: u64 = 60_000_000_000;

/// How large an answer may be; Envoy breaks off a larger one (`http.async_response_buffer_limit`).
const LARGEST: usize = 32 << 20;

impl World {
    pub(crate) fn start(beginning: &Beginning<'_>, serve: Serve) -> Result<Self, Faults> {
        let shared: Rc<RefCell<SharedData>> = Rc::default();
        let worker = |_| {
            let harness = Harness::start_in(beginning.configuration, beginning.environment, beginning.now)?;
            let harness = harness.sharing(&shared);
            let harness = if beginning.observed { harness.observed() } else { harness };
            Ok(Worker { harness, period: None, next_tick: None })
        };
        let workers = (0..beginning.workers.max(1)).map(worker).collect::<Result<_, _>>()?;
        Ok(Self { workers, serve, deliveries: Vec::new() })
    }

    /// The harness of the first worker.
    pub(crate) fn harness(&self) -> Option<&Harness> {
        self.workers.first().map(|worker| &worker.harness)
    }

    /// Lets others answer calls from now on.
    pub(crate) fn serve_by(&mut self, serve: Serve) {
        self.serve = serve;
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.nanos() / 1_000_000_000).unwrap_or(i64::MAX)
    }

    /// Lets time pass; nobody waits meanwhile.
    pub(crate) fn advance(&mut self, seconds: u64) {
        let until = self.nanos().saturating_add(seconds.saturating_mul(1_000_000_000));
        self.catch_up(&mut []);
        while self.nanos() < until {
            self.advance_until(until, &[]);
            self.catch_up(&mut []);
        }
    }

    /// Sends the head of a request to a worker.
    pub(crate) fn send(
        &mut self,
        worker: usize,
        certificate: PeerCertificate,
        headers: Pairs,
        end_of_stream: bool,
    ) -> anyhow::Result<Underway> {
        let Some(serving) = self.workers.get_mut(worker) else { anyhow::bail!("there is no worker {}", worker + 1) };
        serving.harness.show_certificate(certificate);
        let (passage, verdict) = serving.harness.request(headers, end_of_stream);
        Ok(Underway { passage, verdict, closed_at: None, worker })
    }

    /// Lets time run until none of these waits any more.
    pub(crate) fn settle(&mut self, underway: &mut [Underway]) -> anyhow::Result<()> {
        let until = self.nanos().saturating_add(PATIENCE);
        loop {
            self.catch_up(underway);
            if underway.iter().all(|each| !each.passage.is_waiting()) {
                return Ok(());
            }
            anyhow::ensure!(self.nanos() < until, "the request still waits after {} seconds", PATIENCE / 1_000_000_000);
            self.advance_until(until, underway);
        }
    }

    /// Lets streams last for so many seconds after their heads, unless they are ended before. Gives for each after how many
    /// seconds it was.
    pub(crate) fn last(&mut self, underway: &mut [Underway], seconds: &[Option<u64>]) -> Vec<Option<u64>> {
        let begun = self.nanos();
        let longest = seconds.iter().flatten().max().copied().unwrap_or(0);
        let until = begun.saturating_add(longest.saturating_mul(1_000_000_000));
        while self.nanos() < until {
            self.advance_until(until, underway);
            self.catch_up(underway);
        }
        let closed = |(each, seconds): (&Underway, &Option<u64>)| {
            let after = each.closed_at?.saturating_sub(begun) / 1_000_000_000;
            (after < (*seconds)?).then_some(after)
        };
        underway.iter().zip(seconds).map(closed).collect()
    }

    /// Does everything that is due now.
    pub(crate) fn catch_up(&mut self, underway: &mut [Underway]) {
        loop {
            for worker in &mut self.workers {
                worker.keep_pace(underway.iter().any(|each| each.passage.is_waiting()));
            }
            let now = self.nanos();
            let due = self.deliveries.iter().enumerate().filter(|(_, delivery)| delivery.at <= now);
            // Of those that are due at the same instant, the call that was made first.
            if let Some((next, _)) = due.min_by_key(|(_, delivery)| delivery.at) {
                let Delivery { worker, errand, answer, .. } = self.deliveries.remove(next);
                let Some(called) = self.workers.get_mut(worker) else { continue };
                let settled = called.harness.answer(errand, &answer);
                self.wake(worker, &settled, underway);
                continue;
            }
            if let Some(overdue) = underway.iter_mut().find(|each| each.passage.due().is_some_and(|due| due <= now)) {
                match overdue.passage.deadline() {
                    Some(Verdict::Closed) => overdue.closed_at = Some(now),
                    other => overdue.take(|_| other),
                }
                continue;
            }
            let Some(place) = self.workers.iter().position(|worker| worker.next_tick.is_some_and(|at| at <= now))
            else {
                return;
            };
            self.tick(place, underway);
        }
    }

    fn tick(&mut self, place: usize, underway: &mut [Underway]) {
        let Some(worker) = self.workers.get_mut(place) else { return };
        let (errands, settled) = worker.harness.tick();
        worker.rearm();
        for errand in errands {
            let delivery = self.call(place, errand);
            self.deliveries.push(delivery);
        }
        self.wake(place, &settled, underway);
    }

    fn wake(&mut self, worker: usize, settled: &[Ticket], underway: &mut [Underway]) {
        let now = self.nanos() / 1_000_000_000;
        for each in underway.iter_mut().filter(|each| each.worker == worker) {
            each.take(|passage| passage.settled(settled, now));
        }
    }

    fn call(&mut self, worker: usize, Errand { id, call }: Errand) -> Delivery {
        let now = self.nanos();
        // In the form in which a server sees the head.
        let bytes = |(name, value): (String, String)| match name.as_str() {
            ":authority" => (b"host".to_vec(), value.into_bytes()),
            _ => (name.into_bytes(), value.into_bytes()),
        };
        let (pseudo, headers): (Headers, Headers) =
            call.headers.into_iter().map(bytes).partition(|(name, _)| name.starts_with(b":"));
        let pseudo = |name: &str| {
            let found = pseudo.iter().find(|(known, _)| known == name.as_bytes());
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let called = Called {
            cluster: call.cluster,
            method: pseudo(":method"),
            path: pseudo(":path"),
            headers,
            body: call.body,
        };
        let timeout = now.saturating_add(u64::from(call.timeout_ms).saturating_mul(1_000_000));
        let text = |status: u16, text: &str| Answer::Answered {
            status,
            headers: vec![("content-type".to_owned(), b"text/plain".to_vec())],
            body: text.as_bytes().to_vec(),
        };
        let timed_out = (timeout, text(504, "upstream request timeout"));
        let seconds = self.now();
        let (at, answer) = match (self.serve)(called, seconds) {
            Served::Answered { body, .. } if body.len() > LARGEST => (now, Answer::Lost),
            Served::Answered { after, status, headers, body } => {
                let at = now.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
                let name = |(name, value)| Some((String::from_utf8(name).ok()?, value));
                let answer = Answer::Answered { status, headers: headers.into_iter().filter_map(name).collect(), body };
                if at < timeout { (at, answer) } else { timed_out }
            }
            Served::Never => timed_out,
            Served::Refused | Served::Reset => {
                (now, text(503, "upstream connect error or disconnect/reset before headers"))
            }
            Served::Cut | Served::Empty | Served::Unknown => (now, Answer::Lost),
        };
        Delivery { at, worker, errand: id, answer }
    }

    /// Lets time run until the next thing happens, or the instant is there.
    fn advance_until(&mut self, until: u64, underway: &[Underway]) {
        let now = self.nanos();
        let ticks = self.workers.iter().filter_map(|worker| worker.next_tick);
        let deliveries = self.deliveries.iter().map(|delivery| delivery.at);
        let ends = underway.iter().filter_map(|each| each.passage.due());
        let next = ticks.chain(deliveries).chain(ends).min().unwrap_or(until).clamp(now, until);
        for worker in &mut self.workers {
            worker.harness.advance_nanos(next - now);
        }
    }

    fn nanos(&self) -> u64 {
        self.harness().map_or(0, Harness::now_nanos)
    }
}

impl Worker {
    /// Ticks come as often as the adapter for gateways asks for them.
    fn keep_pace(&mut self, waits: bool) {
        let wanted = self.harness.pace().map(|pace| match pace {
            Pace::AtOnce => Duration::from_millis(1),
            Pace::Soon => Duration::from_millis(20),
            Pace::Idle => Duration::from_millis(500),
        });
        let wanted = wanted.into_iter().chain(waits.then_some(Duration::from_millis(20))).min();
        if wanted != self.period {
            self.period = wanted;
            self.rearm();
        }
    }

    fn rearm(&mut self) {
        let after = |period: Duration| u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        self.next_tick = self.period.map(|period| self.harness.now_nanos().saturating_add(after(period)));
    }
}

impl Underway {
    fn take(&mut self, step: impl FnOnce(&mut Passage) -> Option<Verdict>) {
        if let Some(verdict) = step(&mut self.passage) {
            self.verdict = verdict;
        }
    }

    /// Delivers the body, part by part, as far as the request waits for it.
    pub(crate) fn deliver(&mut self, parts: &[Vec<u8>]) {
        let mut all = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            all.extend_from_slice(part);
            if self.passage.is_waiting() {
                self.take(|passage| passage.body(&all, index + 1 == parts.len()));
            }
        }
        if parts.is_empty() && self.passage.is_waiting() {
            self.take(|passage| passage.body(&[], true));
        }
    }
}
