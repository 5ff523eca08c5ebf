//! Documents that live elsewhere, and are needed to decide: sets of keys, lists of what was revoked.
//!
//! A [`Source`] is the state machine of one document. It fetches the document ahead of its expiry, keeps the last good one
//! as long as it may, waits longer after each failure, and shares the work with the gateway's other workers by one record
//! in shared data: a lease for the worker that fetches, and what it fetched.
//!
//! Decisions only look: [`Source::current`], [`Source::refresh_for`]. The root context's tick drives all sources alike, as
//! [`Remote`]: [`Remote::tick`] may ask for a call, [`Remote::answered`] takes what came of it. Whoever waits is to look
//! again when [`Remote::settlements`] has grown.

mod attempt;
mod discovery;
mod event;
mod freshness;
mod keys;
mod record;
mod source;
mod spec;
#[cfg(test)]
mod tests;
mod unknown;

use std::rc::Rc;
use std::time::Duration;

pub use discovery::Discovery;
pub use event::{Event, Failure, Fetcher};
pub use keys::key_set;
pub use source::Source;
pub use spec::{Media, Origin, Spec};

use crate::outbox::{Answer, Call, Store};

/// What a source needs whenever it is driven.
pub struct Moment<'a> {
    /// Milliseconds since the Unix epoch.
    pub now_millis: i64,
    /// Random bits; all sources of one tick may be given the same.
    pub entropy: u64,
    /// The gateway's shared data.
    pub store: &'a mut dyn Store,
}

/// A call to be made now, by the root context, and the number under which its answer comes back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dispatch {
    /// The number, among the calls of this source.
    pub number: u32,
    /// The call.
    pub call: Call,
}

/// What came of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// One more call is needed, now.
    Call(Dispatch),
    /// The attempt is over, well or badly.
    Settled,
    /// The answer to a call that was given up.
    Stale,
}

/// A source of whatever kind, as the tick drives it.
pub trait Remote {
    /// The name of its record in shared data.
    fn name(&self) -> &str;

    /// Does what is due: looks into shared data, takes the lease, asks for a call. At most one call is under way.
    fn tick(&mut self, moment: &mut Moment<'_>) -> Option<Dispatch>;

    /// Takes the answer to the call of that number. A call that could not be made is [`Answer::Lost`].
    fn answered(&mut self, number: u32, answer: &Answer, moment: &mut Moment<'_>) -> Progress;

    /// Grows whenever there is news for those who wait: a document was taken, an attempt failed, a wish was answered.
    fn settlements(&self) -> u64;

    /// Takes what has happened since it was taken last; bounded.
    fn take_events(&mut self) -> Vec<Event>;
}

/// The document, for a decision.
#[derive(Clone, Debug)]
pub enum Reading<T> {
    /// Here it is.
    Ready(Rc<T>, Epoch),
    /// It has never been loaded, or is too old; a fetch is under way, or due at the next tick.
    Pending,
    /// It has never been loaded, or is too old, and the last attempt failed.
    Unavailable {
        /// The time until the next attempt.
        retry_in: Duration,
    },
}

/// Counts the different documents that a source has had: what was derived from one is worth nothing at another epoch.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Epoch(pub u64);

/// What is to be done about something that the document does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refresh {
    /// It is unknown: a fetch has shown that, or one of late.
    KnownUnknown,
    /// It cannot be asked now, because the last attempt failed; it may be known.
    Unavailable,
    /// A fetch is under way, or due at the next tick: wait for it and look again.
    Wait,
}

/// What a reader makes of a document.
#[derive(Debug)]
pub struct Fit<T> {
    /// The document.
    pub document: T,
    /// How long it is fresh by its own word, where it says so; taken within the bounds of the spec, before
    /// `Cache-Control`.
    pub fresh_for: Option<Duration>,
    /// The time after which it must not be used at all, in seconds since the Unix epoch, where it has one.
    pub good_until: Option<i64>,
    /// What was passed over. Only a few are kept; they must have nothing of the document in them.
    pub remarks: Vec<String>,
}

/// The document cannot be used; why, with nothing of the document in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfit(pub String);

/// Reads a document; *now* is in seconds since the Unix epoch.
pub type Reader<T> = Box<dyn Fn(&[u8], i64) -> Result<Fit<T>, Unfit>>;

impl<T> From<T> for Fit<T> {
    fn from(document: T) -> Self {
        Self { document, fresh_for: None, good_until: None, remarks: Vec::new() }
    }
}
