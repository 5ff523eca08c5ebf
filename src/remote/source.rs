//! The state machine of one document.

use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::attempt::{Attempt, Next, Place, body, millis};
use super::event::{Event, Failure, Fetcher};
use super::freshness::lifetime;
use super::record::{Document, MOST_UNKNOWN, Record, Seal, UnknownId, Use};
use super::spec::{Origin, Spec};
use super::unknown::Unknown;
use super::{Dispatch, Epoch, Fit, Moment, Progress, Reader, Reading, Refresh, Remote, Unfit};
use crate::outbox::{Answer, StoreAnswer, StoreOperation};

/// One document that lives elsewhere. Times are milliseconds since the Unix epoch where nothing else is said.
pub struct Source<T> {
    spec: Spec,
    reader: Reader<T>,
    seal: Seal,
    /// The full key of the record.
    key: String,
    /// What document the record is about.
    about: Vec<u8>,
    held: Option<Held<T>>,
    epoch: Epoch,
    attempt: Option<Attempt>,
    /// The number of the last call.
    number: u32,
    /// The end of the last attempt, whoever made it.
    settled_at: i64,
    /// How many have failed in a row.
    failures: u32,
    /// The earliest time of the next one.
    retry_at: i64,
    /// The start of the last attempt that was made because of unknown ids.
    asked_at: i64,
    /// The ids that somebody waits for a fetch because of, as far as they are noted; nothing where nobody does.
    wish: Option<Vec<u64>>,
    unknown: Unknown,
    /// The time from which every race for the lease was lost.
    losing_since: Option<i64>,
    /// The version of the record that was read last.
    seen: Option<u32>,
    /// The latest time that was told.
    latest: i64,
    /// Where metadata were found last.
    place: Place,
    settlements: u64,
    events: Vec<Event>,
}

/// The last good document.
struct Held<T> {
    document: Rc<T>,
    digest: [u8; 32],
    fetched_at: i64,
    refresh_at: i64,
    fresh_until: i64,
    /// The end that the document sets itself.
    good_until: i64,
}

/// Whose turn it is to fetch.
enum Turn {
    /// This worker's, without a lease: shared data cannot be used.
    Alone,
    /// This worker's, by this lease.
    Leased(u64),
    /// Nobody's, or another worker's.
    NotNow,
}

/// How long the gateway may take to hand over an answer, or that there is none.
const GRACE: i64 = 1_000;
/// Clocks of workers of one machine do not differ by more. What comes from later than that was written before the clock
/// was set back.
const SKEW: i64 = 5_000;
/// The time after one failure; it doubles with each further one.
const FIRST_BACK_OFF: i64 = 1_000;
/// The longest time after failures.
const LONGEST_BACK_OFF: i64 = 60_000;
/// Ids of one wish that are noted.
const MOST_WISHED: usize = 64;
/// Events between two takings.
const MOST_EVENTS: usize = 16;
/// Remarks of one document, and characters of each and of a reason.
const MOST_REMARKS: usize = 8;
const LONGEST_REMARK: usize = 200;
/// Tries to write down what came of an attempt, where others write at the same time.
const TRIES: usize = 3;

impl<T> Source<T> {
    /// A source that has nothing yet. `key` authenticates its record in shared data (HMAC-SHA256): other plugins can
    /// write there. All workers need the same one.
    #[must_use]
    pub fn new(spec: Spec, key: &[u8], reader: Reader<T>) -> Self {
        let about = about(&spec.origin);
        Self {
            reader,
            seal: Seal::new(key),
            key: format!("cedar-gate/remote/1/{}", spec.name),
            // A source that takes the place of another does not take its late answers.
            number: about.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte)),
            about,
            spec,
            held: None,
            epoch: Epoch::default(),
            attempt: None,
            settled_at: i64::MIN,
            failures: 0,
            retry_at: i64::MIN,
            asked_at: i64::MIN,
            wish: None,
            unknown: Unknown::default(),
            losing_since: None,
            seen: None,
            latest: i64::MIN,
            place: Place::default(),
            settlements: 0,
            events: Vec::new(),
        }
    }

    /// The document as of now, in seconds since the Unix epoch.
    #[must_use]
    pub fn current(&self, now: i64) -> Reading<T> {
        // A second is over when it is over: what ends within it has ended.
        let end = now.saturating_mul(1_000).saturating_add(999);
        if let Some(held) = self.held.as_ref().filter(|held| self.serves(held, end)) {
            return Reading::Ready(Rc::clone(&held.document), self.epoch);
        }
        // The next attempt may lie ahead in this very second. It is waited for where it is the next in turn; whoever was
        // woken by a failure must not wait for another.
        let (due_at, begin) = (self.due_at(), now.saturating_mul(1_000));
        if self.attempt.is_some() || (due_at <= end && self.retry_at <= begin) {
            return Reading::Pending;
        }
        // It lies further ahead only for a clock that was set back, until the next tick has followed it.
        let millis = due_at.saturating_sub(begin).min(LONGEST_BACK_OFF);
        Reading::Unavailable { retry_in: Duration::from_millis(u64::try_from(millis).unwrap_or(0)) }
    }

    /// Asks for a fetch because of an id that the document does not know: of a key, say. Many ids cause one fetch for
    /// each cooldown. *Now* is in seconds since the Unix epoch.
    pub fn refresh_for(&mut self, id: &[u8], now: i64) -> Refresh {
        let now = now.saturating_mul(1_000);
        let tag = self.seal.tag(Use::Id, &[id]);
        if self.unknown.holds(tag, now) {
            return Refresh::KnownUnknown;
        }
        // A fetch that began before shows nothing for sure, as the id may be newer; but mostly it does.
        if self.attempt.is_some() {
            return Refresh::Wait;
        }
        if self.wish.is_none() {
            if self.retry_at > now {
                return Refresh::Unavailable;
            }
            if self.cools(now) {
                return Refresh::KnownUnknown;
            }
        }
        let ids = self.wish.get_or_insert_default();
        if ids.len() < MOST_WISHED && !ids.contains(&tag) {
            ids.push(tag);
        }
        Refresh::Wait
    }

    /// Whether a document serves.
    fn serves(&self, held: &Held<T>, now: i64) -> bool {
        now < held.fresh_until.saturating_add(millis(self.spec.max_stale)).min(held.good_until)
    }

    /// The time from which a newer document is wanted, and may be asked for.
    fn due_at(&self) -> i64 {
        self.held.as_ref().map_or(i64::MIN, |held| held.refresh_at).max(self.retry_at)
    }

    /// Whether a fetch because of unknown ids was made of late.
    fn cools(&self, now: i64) -> bool {
        self.asked_at.saturating_add(millis(self.spec.cooldown)) > now
    }

    /// Whether something is to be done.
    fn is_due(&self, now: i64) -> bool {
        self.due_at() <= now || self.wish.is_some()
    }

    /// The time for which a lease is given: that of an attempt, with the gateway's delays.
    fn lease(&self) -> i64 {
        millis(self.spec.timeout).saturating_add(GRACE).saturating_add(GRACE)
    }

    /// The time for which an id is known to be unknown. It spares fetches where one id comes over and over, and is short,
    /// as some issuers sign with a key before they publish it.
    fn unknown_for(&self) -> i64 {
        millis(self.spec.cooldown).saturating_mul(2).min(millis(self.spec.cache_duration))
    }

    fn happened(&mut self, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push(event);
        }
    }

    /// Answers all who wait.
    fn settle(&mut self) {
        self.wish = None;
        self.settlements = self.settlements.wrapping_add(1);
    }

    /// Keeps all times relative where the clock was set back. Otherwise a document would live on by as much.
    fn follow_clock(&mut self, now: i64) {
        if now.saturating_add(SKEW) >= self.latest {
            self.latest = self.latest.max(now);
            return;
        }
        let by = self.latest.saturating_sub(now);
        self.latest = now;
        let mut times = vec![&mut self.settled_at, &mut self.retry_at, &mut self.asked_at];
        if let Some(held) = &mut self.held {
            times.extend([&mut held.fetched_at, &mut held.refresh_at, &mut held.fresh_until]);
        }
        times.extend(self.attempt.as_mut().map(|attempt| &mut attempt.deadline));
        times.extend(&mut self.losing_since);
        for time in times {
            *time = time.saturating_sub(by);
        }
        self.unknown.set_back(by);
    }

    /// Reads shared data, learns from it, and takes the lease where there is still something to do.
    fn turn(&mut self, moment: &mut Moment<'_>) -> Turn {
        let now = moment.now_millis;
        let Some((record, version)) = self.recorded(moment) else {
            self.happened(Event::StoreUnavailable);
            return Turn::Alone;
        };
        if let Some(record) = &record {
            self.learn(record, now);
        }
        if !self.is_due(now) || record.as_ref().is_some_and(|record| record.lease_until > now) {
            self.losing_since = None;
            return Turn::NotNow;
        }
        let name = self.key.as_bytes();
        let lease = self.seal.tag(Use::Lease, &[&moment.entropy.to_be_bytes(), &now.to_be_bytes(), name]);
        let mut record = record.unwrap_or_else(|| self.blank());
        record.holder = lease;
        record.lease_until = now.saturating_add(self.lease());
        match moment.store.perform(&self.write(&record, version)) {
            StoreAnswer::Written => {
                self.losing_since = None;
                Turn::Leased(lease)
            }
            // Somebody was faster, and his lease is seen at the next tick. Who never sees one, and still loses for as long
            // as a lease, has somebody against him and goes on without.
            StoreAnswer::Conflict => {
                let since = *self.losing_since.get_or_insert(now);
                if now.saturating_sub(since) < self.lease() { Turn::NotNow } else { Turn::Alone }
            }
            StoreAnswer::Found(_) | StoreAnswer::Unavailable => {
                self.happened(Event::StoreUnavailable);
                Turn::Alone
            }
        }
    }

    /// Takes over what another worker has found out since, though nothing is due here: a key that is gone should be gone
    /// everywhere.
    fn look(&mut self, moment: &mut Moment<'_>) {
        let StoreAnswer::Found(Some((_, version))) =
            moment.store.perform(&StoreOperation::Get { key: self.key.clone() })
        else {
            return;
        };
        if self.seen == Some(version) {
            return;
        }
        if let Some((Some(record), _)) = self.recorded(moment) {
            self.learn(&record, moment.now_millis);
        }
    }

    /// The record, where there is one to be trusted, and the version to be replaced; nothing where shared data cannot be
    /// used.
    fn recorded(&mut self, moment: &mut Moment<'_>) -> Option<(Option<Record>, Option<u32>)> {
        let StoreAnswer::Found(found) = moment.store.perform(&StoreOperation::Get { key: self.key.clone() }) else {
            return None;
        };
        let Some((bytes, version)) = found else { return Some((None, None)) };
        self.seen = Some(version);
        let record = Record::opened(&bytes, &self.seal, &self.key, &self.about, self.spec.longest_shared);
        let record = record.and_then(|record| self.plausible(record, moment.now_millis));
        if record.is_none() {
            self.happened(Event::RecordRefused);
        }
        Some((record, Some(version)))
    }

    /// A record, with its times cut to what can be. A record or a lease from the future was written before the clock was
    /// set back.
    fn plausible(&self, mut record: Record, now: i64) -> Option<Record> {
        let latest = now.saturating_add(SKEW);
        let fetched_at = record.document.as_ref().map_or(i64::MIN, |document| document.fetched_at);
        if record.settled_at.max(record.asked_at).max(fetched_at) > latest {
            return None;
        }
        if record.lease_until > latest.saturating_add(self.lease()) {
            record.lease_until = i64::MIN;
        }
        if let Some(document) = &mut record.document {
            let longest = document.fetched_at.saturating_add(millis(self.spec.cache_duration));
            document.fresh_until = document.fresh_until.min(longest);
            document.refresh_at = document.refresh_at.min(document.fresh_until);
        }
        Some(record)
    }

    fn blank(&self) -> Record {
        Record {
            key: self.key.clone(),
            about: self.about.clone(),
            settled_at: i64::MIN,
            asked_at: i64::MIN,
            retry_at: i64::MIN,
            ..Record::default()
        }
    }

    fn write(&self, record: &Record, version: Option<u32>) -> StoreOperation {
        StoreOperation::CompareAndSwap { key: self.key.clone(), expected: version, value: record.sealed(&self.seal) }
    }

    /// Takes over what another worker has found out.
    fn learn(&mut self, record: &Record, now: i64) {
        self.asked_at = self.asked_at.max(record.asked_at);
        let mut news = record.settled_at > self.settled_at;
        if news {
            self.settled_at = record.settled_at;
            self.failures = record.failures;
            self.retry_at = record.retry_at;
            if record.failures > 0 {
                let retry_in_millis = record.retry_at.saturating_sub(now);
                let (by, failure, failures) = (Fetcher::Another, Failure::Elsewhere, record.failures);
                self.happened(Event::Failed { by, failure, failures, retry_in_millis });
            }
        }
        let newer = |document: &&Document| self.held.as_ref().is_none_or(|held| document.fetched_at > held.fetched_at);
        if let Some(document) = record.document.as_ref().filter(newer) {
            match (self.reader)(&document.bytes, now.div_euclid(1_000)) {
                Ok(fit) => {
                    let times = (document.fetched_at, document.refresh_at, document.fresh_until);
                    self.hold(fit, &document.bytes, times, Fetcher::Another);
                    news = true;
                }
                Err(_) => self.happened(Event::RecordRefused),
            }
        }
        for id in &record.unknown {
            self.unknown.remember(id.tag, id.until);
        }
        if news {
            self.settle();
        }
    }

    /// Holds a document from now on.
    fn hold(&mut self, fit: Fit<T>, bytes: &[u8], (fetched_at, refresh_at, fresh_until): (i64, i64, i64), by: Fetcher) {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let good_until = fit.good_until.map_or(i64::MAX, |seconds| seconds.saturating_mul(1_000));
        let same = self.held.take().filter(|held| held.digest == digest);
        let changed = same.is_none();
        if changed {
            self.epoch = Epoch(self.epoch.0.wrapping_add(1));
            self.unknown.clear();
        }
        let document = same.map_or_else(|| Rc::new(fit.document), |held| held.document);
        self.held = Some(Held { document, digest, fetched_at, refresh_at, fresh_until, good_until });
        let remarks = fit.remarks.into_iter().take(MOST_REMARKS).map(short).collect();
        self.happened(Event::Loaded { by, changed, remarks });
    }

    /// Ends an attempt that has brought a document, if it is fit.
    fn finish(&mut self, attempt: &Attempt, answer: &Answer, moment: &mut Moment<'_>) {
        let now = moment.now_millis;
        let read = body(answer, self.spec.media, self.spec.longest_body).and_then(|bytes| {
            let fit = (self.reader)(bytes, now.div_euclid(1_000));
            fit.map(|fit| (fit, bytes)).map_err(|Unfit(reason)| Failure::Unfit(short(reason)))
        });
        let (fit, bytes) = match read {
            Ok(read) => read,
            Err(failure) => return self.fail(attempt, failure, moment),
        };
        let headers = match answer {
            Answer::Answered { headers, .. } => headers.as_slice(),
            Answer::Lost => &[],
        };
        let until_end = fit.good_until.map_or(i64::MAX, |end| end.saturating_mul(1_000).saturating_sub(now));
        let lifetime = millis(lifetime(&self.spec, headers, fit.fresh_for));
        let lifetime = lifetime.min(until_end.max(millis(self.spec.shortest)));
        let fresh_until = now.saturating_add(lifetime);
        let refresh_at = now.saturating_add(ahead(lifetime, attempt.entropy));
        let document = Document { bytes: bytes.to_vec(), fetched_at: now, refresh_at, fresh_until };
        self.hold(fit, bytes, (now, refresh_at, fresh_until), Fetcher::Itself);
        self.place = attempt.place;
        self.settled_at = now;
        self.failures = 0;
        self.retry_at = i64::MIN;
        let until = now.saturating_add(self.unknown_for());
        for id in &attempt.ids {
            self.unknown.remember(*id, until);
        }
        self.settle();
        self.publish(attempt, Some(document), moment);
    }

    /// Ends an attempt that has failed.
    fn fail(&mut self, attempt: &Attempt, failure: Failure, moment: &mut Moment<'_>) {
        let now = moment.now_millis;
        let retry_in_millis = back_off(self.failures, attempt.entropy);
        self.failures = self.failures.saturating_add(1);
        self.settled_at = now;
        self.retry_at = now.saturating_add(retry_in_millis);
        let (by, failures) = (Fetcher::Itself, self.failures);
        self.happened(Event::Failed { by, failure, failures, retry_in_millis });
        self.settle();
        self.publish(attempt, None, moment);
    }

    /// Tells the other workers what came of an attempt, unless its lease has gone to another.
    fn publish(&mut self, attempt: &Attempt, document: Option<Document>, moment: &mut Moment<'_>) {
        let Some(lease) = attempt.lease else { return };
        for _ in 0..TRIES {
            let Some((record, version)) = self.recorded(moment) else { return };
            let mut record = record.unwrap_or_else(|| Record { holder: lease, ..self.blank() });
            if record.holder != lease {
                return;
            }
            record.holder = 0;
            record.lease_until = i64::MIN;
            record.settled_at = self.settled_at;
            record.asked_at = record.asked_at.max(self.asked_at);
            record.failures = self.failures;
            record.retry_at = self.retry_at;
            if let Some(document) = &document {
                let shared = document.bytes.len() <= self.spec.longest_shared;
                record.document = shared.then(|| document.clone());
            }
            let unknown = self.unknown.latest(moment.now_millis, MOST_UNKNOWN).into_iter();
            record.unknown = unknown.map(|(tag, until)| UnknownId { tag, until }).collect();
            match moment.store.perform(&self.write(&record, version)) {
                StoreAnswer::Conflict => {}
                StoreAnswer::Found(_) | StoreAnswer::Unavailable | StoreAnswer::Written => return,
            }
        }
    }
}

impl<T> Remote for Source<T> {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn tick(&mut self, moment: &mut Moment<'_>) -> Option<Dispatch> {
        let now = moment.now_millis;
        self.follow_clock(now);
        if let Some(attempt) = self.attempt.take() {
            if now < attempt.deadline.saturating_add(GRACE) {
                self.attempt = Some(attempt);
            } else {
                self.fail(&attempt, Failure::Lost, moment);
            }
            return None;
        }
        if !self.is_due(now) {
            self.look(moment);
            return None;
        }
        let lease = match self.turn(moment) {
            Turn::Alone => None,
            Turn::Leased(lease) => Some(lease),
            Turn::NotNow => return None,
        };
        self.number = self.number.wrapping_add(1);
        let (mut attempt, call) = Attempt::begin(&self.spec, now, self.number, moment.entropy, self.place);
        attempt.lease = lease;
        if let Some(ids) = self.wish.take() {
            attempt.ids = ids;
            self.asked_at = now;
        }
        self.attempt = Some(attempt);
        Some(Dispatch { number: self.number, call })
    }

    fn answered(&mut self, number: u32, answer: &Answer, moment: &mut Moment<'_>) -> Progress {
        let Some(mut attempt) = self.attempt.take() else { return Progress::Stale };
        if attempt.number != number {
            self.attempt = Some(attempt);
            return Progress::Stale;
        }
        self.follow_clock(moment.now_millis);
        match attempt.judge(&self.spec, answer, moment.now_millis) {
            Next::Call(call) => {
                self.number = attempt.number;
                self.attempt = Some(attempt);
                return Progress::Call(Dispatch { number: self.number, call });
            }
            Next::Document => self.finish(&attempt, answer, moment),
            Next::Failed(failure) => self.fail(&attempt, failure, moment),
        }
        Progress::Settled
    }

    fn settlements(&self) -> u64 {
        self.settlements
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// A digest of what a document is: workers with another configuration mean another document.
fn about(origin: &Origin) -> Vec<u8> {
    let (kind, cluster, place) = match origin {
        Origin::Direct(endpoint) => ("direct", endpoint.cluster(), endpoint.to_string()),
        Origin::Discovery(discovery) => ("discovery", discovery.cluster(), discovery.issuer().to_owned()),
    };
    let mut digest = Sha256::new();
    for part in [kind, cluster, &place] {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}

/// The part of a lifetime after which a newer document is wanted: 80 to 90 of a hundred, so that gateways that started
/// together do not ask together, and a failure leaves time for a second try.
fn ahead(lifetime: i64, entropy: u64) -> i64 {
    let share = i64::try_from(entropy % 1_001).unwrap_or(0).saturating_add(8_000);
    lifetime.saturating_mul(share) / 10_000
}

/// The time after a failure, in milliseconds, where so many have failed before: doubled each time, with up to a quarter
/// less by chance.
fn back_off(before: u32, entropy: u64) -> i64 {
    let whole = FIRST_BACK_OFF.saturating_mul(1 << before.min(6)).min(LONGEST_BACK_OFF);
    let share = i64::try_from(entropy % 251).unwrap_or(0).saturating_add(750);
    whole.saturating_mul(share) / 1_000
}

fn short(text: String) -> String {
    if text.len() <= LONGEST_REMARK { text } else { text.chars().take(LONGEST_REMARK).collect() }
}
