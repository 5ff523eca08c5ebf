//! A fetched document, and the question whether there is news for those who wait for it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Incident, Lookup, Surroundings, Ticket};
use crate::outbox::Answer;
use crate::remote::{Dispatch, Epoch, Moment, Progress, Reader, Reading, Refresh, Remote, Source, Spec};

/// Calls under way: the errand's number, what it is for, and the number that it has there.
#[derive(Debug, Default)]
pub(super) struct Calls(BTreeMap<u64, (Ticket, u32)>);

/// A document on its shelf.
pub(super) struct Shelf<T> {
    ticket: Ticket,
    source: Source<T>,
    /// What [`Remote::settlements`] said when those who wait were told last.
    told: u64,
    /// Whether somebody was told to wait since then. So it is at the start: the first request should find the document.
    awaited: Cell<bool>,
}

/// A shelf of whatever documents, as it is driven outside of requests.
pub(super) trait Driven {
    /// What it is waited for by.
    fn ticket(&self) -> Ticket;

    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool;

    /// Does what is due; whether there is news.
    fn tick(&mut self, around: &mut Surroundings<'_>, calls: &mut Calls) -> bool;

    /// Takes an answer; whether there is news.
    fn answered(&mut self, number: u32, answer: &Answer, around: &mut Surroundings<'_>, calls: &mut Calls) -> bool;

    /// Takes what an operator should know of.
    fn take_incidents(&mut self) -> Vec<Incident>;
}

impl Calls {
    /// Whom an answer is for, and the number that its call has there; once.
    pub(super) fn take(&mut self, errand: u64) -> Option<(Ticket, u32)> {
        self.0.remove(&errand)
    }
}

impl<T> Shelf<T> {
    pub(super) fn new(ticket: Ticket, spec: Spec, record_key: &[u8], reader: Reader<T>) -> Self {
        Self { ticket, source: Source::new(spec, record_key, reader), told: 0, awaited: Cell::new(true) }
    }

    /// The document, for a decision; `now` is in seconds since the Unix epoch.
    pub(super) fn current(&self, now: i64) -> Lookup<(Rc<T>, Epoch)> {
        match self.source.current(now) {
            Reading::Ready(document, epoch) => Lookup::Ready((document, epoch)),
            Reading::Pending => {
                self.awaited.set(true);
                Lookup::Wait(self.ticket)
            }
            Reading::Unavailable { retry_in } => Lookup::Unavailable { retry_in },
        }
    }

    /// See [`Source::refresh_for`].
    pub(super) fn refresh_for(&mut self, id: &[u8], now: i64) -> Refresh {
        let refresh = self.source.refresh_for(id, now);
        if refresh == Refresh::Wait {
            self.awaited.set(true);
        }
        refresh
    }

    /// Leaves a call to be made; one that there is no room for is lost at once.
    fn leave(&mut self, dispatch: Dispatch, around: &mut Surroundings<'_>, calls: &mut Calls) {
        match around.outbox.leave(dispatch.call) {
            Ok(errand) => {
                // A source has one call under way; an older one, which the gateway never answered, was given up.
                calls.0.retain(|_, (ticket, _)| *ticket != self.ticket);
                calls.0.insert(errand, (self.ticket, dispatch.number));
            }
            Err(_) => {
                self.source.answered(dispatch.number, &Answer::Lost, &mut moment(around));
            }
        }
    }

    fn is_news(&mut self) -> bool {
        let settlements = self.source.settlements();
        let news = settlements != self.told;
        if news {
            self.told = settlements;
            self.awaited.set(false);
        }
        news
    }
}

impl<T> Driven for Shelf<T> {
    fn ticket(&self) -> Ticket {
        self.ticket
    }

    fn is_awaited(&self) -> bool {
        self.awaited.get()
    }

    fn tick(&mut self, around: &mut Surroundings<'_>, calls: &mut Calls) -> bool {
        if let Some(dispatch) = self.source.tick(&mut moment(around)) {
            self.leave(dispatch, around, calls);
        }
        self.is_news()
    }

    fn answered(&mut self, number: u32, answer: &Answer, around: &mut Surroundings<'_>, calls: &mut Calls) -> bool {
        if let Progress::Call(dispatch) = self.source.answered(number, answer, &mut moment(around)) {
            self.leave(dispatch, around, calls);
        }
        self.is_news()
    }

    fn take_incidents(&mut self) -> Vec<Incident> {
        let events = self.source.take_events();
        events.iter().map(|event| Incident::of_document(self.source.name(), event)).collect()
    }
}

fn moment<'m>(around: &'m mut Surroundings<'_>) -> Moment<'m> {
    Moment { now_millis: around.now.millis(), entropy: around.entropy, store: around.store }
}
